"""Making a mosaic: nothing is done twice, and what was done before is found again."""

import dataclasses
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal, get_type_hints

import h5py
import numpy as np
import pytest
from damage import flip, is_open
from msgspec.structs import replace
from PIL import Image

import mosaic
from mosaic import Array, Store, open_store
from smalti import choosing, making, output, steps
from smalti.command import main
from smalti.ground.cache import cache_folder
from smalti.ground.collection import Found, survey
from smalti.ground.errors import MosaicError
from smalti.making import (
    AllSettings,
    MosaicSettings,
    StoreSettings,
    count_photos,
    find_photos,
    make_match,
    make_store,
    open_same,
    open_view,
    open_work,
    recall,
    recall_view,
    save_mosaic,
)
from smalti.recolour import check_recolour
from smalti.report import (
    NAMES,
    Files,
    Report,
    read_report,
    read_rows,
    signature,
    write_report,
)
from smalti.steps import read_match, write_match

SMALL = ["--target-res", 3, 2, "--thumb-res", 9, 6, "--workers", 1]
WANTED = MosaicSettings(target_res=(3, 2), thumb_res=(9, 6), workers=1)


@pytest.fixture(autouse=True)
def here(
    photos: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work in a folder with photos and a target."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is opened as an image, and each store for reading."""
    counts, image, stored = Counter[str](), Image.open, h5py.File.__init__

    def open_image(
        source: str, mode: Literal["r"] = "r", formats: tuple[str, ...] | None = None
    ) -> Image.Image:
        counts[source] += 1
        return image(source, mode, formats)

    def open_file(file: h5py.File, name: object, *mode: str, **options: int) -> None:
        if mode == ("r",):
            counts[str(getattr(name, "path", name))] += 1
        stored(file, name, *mode, **options)

    monkeypatch.setattr(Image, "open", open_image)
    monkeypatch.setattr(h5py.File, "__init__", open_file)
    return counts


def make(*words: object, photos: str = "photos") -> None:
    """Make out.jpg of the photos, of 3 x 2 cells."""
    args = ["make", photos, "target.png", "-o", "out.jpg", *SMALL, *words]
    assert main([str(word) for word in args]) == 0


def kept() -> str:
    """The store of out.jpg, in the cache."""
    return read_report(Path("out.json")).files.store


def times(counts: Counter[str], folder: str = "photos") -> list[int]:
    """How often each photo of a folder was opened."""
    return [counts[str(path)] for path in sorted(Path(folder).iterdir())]


# Once


@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_a_run_opens_each_photo_the_target_and_the_store_once(
    method: str, opened: Counter[str]
) -> None:
    make("--method", method)
    assert times(opened) == [1] * 30
    assert (opened["target.png"], opened[kept()]) == (1, 1)


@pytest.mark.parametrize("look", ["faithful", "once"])
def test_a_second_mosaic_decodes_only_the_thumbnails_that_it_pastes(
    look: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "cache"))
    decoded, read = list[int](), mosaic.read_thumbnails

    def watched(store: Store, which: Iterable[int], size: tuple[int, int]) -> Array:
        decoded.extend(numbers := list(which))
        return read(store, numbers, size)

    monkeypatch.setattr(mosaic, "read_thumbnails", watched)
    for first in (True, False):
        decoded.clear()
        make("--look", look)
        pasted = set(read_rows(read_report(Path("out.json")), "out.json").ravel())
        assert (len(decoded) > 30) == first
        assert first or set(decoded) == pasted


def test_what_is_kept_of_a_store_belongs_to_these_thumbnails_and_this_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make()
    made = list[int]()

    def count() -> Array:
        made.append(0)
        return np.zeros(1)

    with open_store(kept()) as store:
        for what, code in [("a", b"1"), ("a", b"1"), ("b", b"1"), ("a", b"2")]:
            monkeypatch.setattr(making, "code_of", lambda *modules, code=code: code)
            making.keep_with(store, what, count)
    assert len(made) == 3


def test_nothing_is_kept_of_a_store_that_is_not_in_the_cache() -> None:
    before = list(cache_folder().glob("*.npy"))
    make("--store", "own.h5")
    assert list(cache_folder().glob("*.npy")) == before


def test_a_run_describes_the_collection_once(monkeypatch: pytest.MonkeyPatch) -> None:
    described: list[object] = []

    def watched(paths: Sequence[str]) -> Found:
        described.append(paths)
        return survey(paths)

    monkeypatch.setattr("smalti.steps.survey", watched)
    make()
    assert described == [("photos",)]


def test_a_second_run_opens_no_photo_and_the_store_once(opened: Counter[str]) -> None:
    make("--look", "plain")
    before = Path(kept()).stat().st_ino
    opened.clear()
    make("--method", "nearest", "--tint", 0.5, "--target-res", 2, 3, "--workers", 2)
    assert times(opened) == [0] * 30
    assert (opened["target.png"], opened[kept()]) == (1, 1)
    assert Path(kept()).stat().st_ino == before  # a new store would be a new file


@pytest.mark.parametrize(
    "words",
    [
        ["--thumb-quality", 50],
        ["--thumb-res", 6, 9],
        ["--variants", "mirror"],
        ["--crop", "middle"],
    ],
)
def test_a_setting_of_thumbnails_makes_all_of_them_anew(
    words: list[object], opened: Counter[str]
) -> None:
    make()
    opened.clear()
    make(*words)
    assert times(opened) == [1 + words.count("mirror")] * 30


def test_a_photo_that_was_changed_makes_all_of_them_anew(opened: Counter[str]) -> None:
    make()
    opened.clear()
    os.utime("photos/07.jpg", ns=(0, time.time_ns() + 10**9))
    make()
    assert times(opened) == [1] * 30


def test_a_second_target_elsewhere_opens_no_photo(opened: Counter[str]) -> None:
    make()
    first = read_report(Path("out.json"))
    Image.new("RGB", (60, 40), "teal").save("other.png")
    opened.clear()
    words = ["make", "photos/../photos", "other.png", "-o", "new/other.jpg", *SMALL]
    assert main(list(map(str, words))) == 0
    assert times(opened) == [0] * 30
    second = read_report(Path("new/other.json"))
    assert (second.store, second.files.store) == (first.store, first.files.store)
    assert {path.name for path in Path("new").iterdir()} == {"other.jpg", "other.json"}


def test_equal_photos_in_another_folder_have_a_store_of_their_own() -> None:
    make()
    shutil.copytree("photos", "copy")  # with their times
    names = [json.loads(line)[0] for line in steps.describe_photos(["copy"])]
    assert names == [path.name for path in sorted(Path("photos").iterdir())]
    assert steps.describe_photos(["copy"]) == steps.describe_photos(["photos"])
    before = kept()
    make(photos="copy")
    assert kept() != before
    assert Path(kept()).read_bytes() == Path(before).read_bytes()


def test_a_program_that_makes_other_thumbnails_does_not_find_those_of_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = steps.describe_photos(["photos"])
    before = making.find_kept("photos", lines, WANTED)
    assert making.find_kept("photos", lines, WANTED) == before
    monkeypatch.setattr(making, "code_of", lambda *modules: b"of tomorrow")
    assert making.find_kept("photos", lines, WANTED) != before


def test_a_page_opens_the_target_and_the_store_once(opened: Counter[str]) -> None:
    make()
    opened.clear()
    assert main(["page", "out.jpg"]) == 0
    assert (opened["target.png"], opened[kept()]) == (1, 1)
    assert times(opened) == [0] * 30


# A store


def test_of_a_store_only_the_same_is_opened_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = steps.describe_photos(["photos"])
    with make_store("s.h5", "photos", lines, WANTED) as store:
        origin = store.origin
    same = open_same("s.h5", origin)
    assert same
    same.file.close()
    assert open_same("s.h5", origin + "0") is None
    assert not is_open("s.h5")
    whole = Path("s.h5").read_bytes()
    for damaged in (whole[:2000], flip(whole, 8 * 5000)):
        Path("s.h5").write_bytes(damaged)
        capsys.readouterr()
        assert open_same("s.h5", origin) is None
        said = capsys.readouterr().err
        assert said.startswith("s.h5 is damaged")
        assert said.endswith("; it is made anew\n")
    assert open_same("gone.h5", origin) is None


def test_a_store_does_not_depend_on_settings_that_are_not_of_thumbnails() -> None:
    lines = steps.describe_photos(["photos"])
    first, second = (
        make_store(f"{i}.h5", "photos", lines, settings).origin
        for i, settings in enumerate(
            [
                StoreSettings(thumb_res=(9, 6), workers=1),
                AllSettings(thumb_res=(9, 6), workers=2, tint=0.5, max_uses=3),
            ]
        )
    )
    assert first == second
    assert Path("0.h5").read_bytes() == Path("1.h5").read_bytes()


# Without a command line


@pytest.fixture
def store() -> Store:
    """The store of the photos."""
    return make_store("s.h5", "photos", steps.describe_photos(["photos"]), WANTED)


def test_what_a_notebook_makes_is_what_the_command_makes(store: Store) -> None:
    view = open_view(Image.open("target.png"), store.thumb_res, WANTED)
    made = make_match(store, view, WANTED, Files(store="s.h5", table="m.tab"))
    work = making.Work(made.report, WANTED, store, made.match, view)
    report = save_mosaic("m.jpg", work)
    make("--repeats", "refuse")
    assert Path("m.jpg").read_bytes() == Path("out.jpg").read_bytes()
    found = read_report(Path("out.json"))
    assert (read_rows(found, "out.json") == read_match("m.tab", store)).all()
    assert report.score == read_report(Path("out.json")).score
    assert report.size == (27, 12)


def test_a_match_and_its_report_are_kept_beside_each_other(store: Store) -> None:
    view = open_view(Image.open("target.png"), store.thumb_res, WANTED)
    made = make_match(store, view, WANTED, Files(store="s.h5", table="m.tab"))
    assert (read_match("m.tab", store) == made.match).all()
    found = read_report(Path("m.json"))
    assert found == dataclasses_as_json(made.report)
    assert (found.cells, found.photos, found.photos_used) == (6, 30, 6)
    assert found.settings == {"target_res": [3, 2], "thumb_res": [9, 6]}
    assert found.store == store.digest


def dataclasses_as_json(report: Report) -> Report:
    """A report whose tuples are lists, as they are in a file."""
    write_report(Path("copy.json"), report)
    return read_report(Path("copy.json"))


def test_photos_that_look_the_same_are_listed_in_a_unique_match(store: Store) -> None:
    view = open_view(Image.open("target.png"), store.thumb_res, WANTED)
    nearest = dataclasses.replace(WANTED, method="nearest")
    for asked, count in [(WANTED, 1), (nearest, 0)]:
        made = make_match(store, view, asked, Files(table="m.tab"))
        assert bool(made.alike) == Path("m.alike.txt").exists() == bool(count)


@pytest.mark.parametrize(
    "asked", [WANTED, dataclasses.replace(WANTED, feature="pixels", method="nearest")]
)
def test_no_more_thumbnails_are_in_memory_than_have_so_many_pixels(
    asked: MosaicSettings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, read = list[int](), mosaic.read_thumbnails

    def count(store: Store, which: Sequence[int], size: tuple[int, int]) -> Array:
        seen.append(len(which) * size[0] * size[1])
        return read(store, which, size)

    monkeypatch.setattr(mosaic, "read_thumbnails", count)
    monkeypatch.setattr(choosing, "PIXELS", 1000)
    view = open_view(Image.open("target.png"), store.thumb_res, WANTED)
    make_match(store, view, asked, Files())
    assert len(store.names) * 9 * 6 > 1000
    assert 0 < max(seen) <= 1000


def test_photos_that_look_the_same_are_counted_as_one_if_they_are_used_as_one() -> None:
    for name in ("a", "b"):
        shutil.copy("photos/00.jpg", f"photos/{name}.jpg")
    with make_store("s.h5", "photos", steps.describe_photos(["photos"]), WANTED) as store:
        assert count_photos(store, WANTED) == 32
        alike = dataclasses.replace(WANTED, dedupe=True)
        photo, groups = find_photos(store, alike)
        assert count_photos(store, alike) == len(set(photo.tolist())) <= 30
        assert any("a.jpg" in line and "b.jpg" in line for line in groups)


def test_once_has_a_cell_for_each_photo_that_looks_like_no_other() -> None:
    shutil.copy("photos/00.jpg", "photos/a.jpg")
    words = ["make", "photos", "target.png", "-o", "out.jpg", "--look", "once", "--dedupe"]
    assert main([*words, "--workers", "1"]) == 0
    found = read_report(Path("out.json"))
    assert found.cells == found.photos_used


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (MosaicSettings(tint=0.5, blend=0.5), "`tint` does not go with `blend`"),
    ],
)
def test_settings_of_a_mosaic_that_do_not_go_together_are_refused(
    asked: MosaicSettings, said: str
) -> None:
    with pytest.raises(MosaicError, match=said):
        check_recolour(asked)


# Before


def test_the_settings_of_a_report_are_found_again_and_those_of_now_win() -> None:
    report = Report(
        settings={"target_res": [3, 2], "colour": "lab"},
        recolour={"blend": 0.25},
        files=Files(mask="mask.png"),
    )
    found = recall(report, {"blend": "0.5", "output": "out.png"})
    assert (found.target_res, found.colour, found.mask) == ((3, 2), "lab", "mask.png")
    assert found.blend == 0.5


def test_a_report_with_a_setting_that_there_is_not_is_refused() -> None:
    with pytest.raises(MosaicError, match="no setting 'colours'"):
        recall(Report(settings={"colours": "lab"}), {})


def test_a_target_is_seen_as_it_was_when_it_was_matched() -> None:
    report = Report(settings={"target_res": [3, 2], "thumb_res": [9, 6]})
    view, missing = recall_view(report, "target.png", (50, 50))
    assert view
    assert (view.grid, view.shape, missing) == ((3, 2), (9.0, 6.0), "")


def test_a_picture_says_itself_of_what_and_how_it_was_made() -> None:
    make("--blend", 0.5)
    report = read_report(Path("out.json"))
    with Image.open("out.jpg") as read:
        said = read.getexif()[output.SOFTWARE].split("; ")
    assert said[:3] == [report.program, f"thumbnails {report.store}", report.method]
    assert {"blend 0.5", "thumb_res 9 6", "target_res 3 2"} <= set(said)


def test_no_picture_tells_the_name_of_a_file() -> None:
    kinds = get_type_hints(MosaicSettings)
    texts = {name for name, kind in kinds.items() if kind in (str, tuple[str, ...])}
    words = {"feature", "colour", "metric"}
    assert texts - words == NAMES
    said = signature(Report(program="mosaic", settings=dict.fromkeys(sorted(texts), "Ann")))
    assert said.count("Ann") == len(words)


@pytest.mark.parametrize(
    ("target", "said"), [("", "give the target by --target"), ("gone.png", "gone.png")]
)
def test_without_a_target_there_is_no_view_and_a_reason(target: str, said: str) -> None:
    view, missing = recall_view(Report(), target, (9, 6))
    assert view is None
    assert said in missing


def test_work_is_opened_by_its_report_alone() -> None:
    make("--blend", 0.5)
    work = open_work(Path("out.json"), {})
    assert work.match.shape == (2, 3)
    assert work.view
    assert work.recolour
    assert work.report.files.photos == ["photos"]
    before = Path("out.jpg").read_bytes()
    save_mosaic("again.jpg", work)
    assert Path("again.jpg").read_bytes() == before


@pytest.mark.parametrize("words", [[], ["--crop", "middle"], ["--variants", "mirror"]])
def test_a_store_that_has_gone_from_the_cache_is_made_again(words: list[object]) -> None:
    make(*words, "--thumb-quality", 50)
    before, store = Path("out.jpg").read_bytes(), Path(kept())
    stored = store.read_bytes()
    store.unlink()
    work = open_work(Path("out.json"), {})
    assert work.store.path == str(store)
    assert store.read_bytes() == stored
    save_mosaic("again.jpg", work)
    assert Path("again.jpg").read_bytes() == before


@pytest.mark.parametrize("change", ["edit", "move"])
def test_a_store_that_has_gone_with_its_photos_is_one_line(
    change: str,
) -> None:
    make()
    Path(kept()).unlink()
    if change == "edit":
        Path("photos/07.jpg").touch()
    else:
        Path("photos").rename("elsewhere")
    with pytest.raises(MosaicError) as caught:
        open_work(Path("out.json"), {})
    assert str(caught.value) == (
        "the thumbnails of out.json are no longer in the cache, and its photos have "
        "changed or moved; make the mosaic anew"
    )


def test_a_store_that_has_gone_is_made_again_where_the_cache_is_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make()
    before = Path(kept())
    monkeypatch.setenv("SMALTI_CACHE", str(tmp_path / "new"))
    assert open_work(Path("out.json"), {}).store.path == str(before)
    before.unlink()
    assert open_work(Path("out.json"), {}).store.path == str(tmp_path / "new" / before.name)


def test_to_open_work_is_to_use_its_store() -> None:
    make()
    os.utime(kept(), (1, 1))
    open_work(Path("out.json"), {}).store.file.close()
    assert Path(kept()).stat().st_mtime > 1


def test_a_report_of_before_names_a_table_and_a_store_beside_it() -> None:
    make("--store", "out.h5")
    found = read_report(Path("out.json"))
    match = read_rows(found, "out.json")
    write_match("out.tab", match)
    old = replace(found, match=[], look="", files=replace(found.files, table="out.tab"))
    write_report(Path("out.json"), old)
    before = Path("out.jpg").read_bytes()
    work = open_work(Path("out.json"), {})
    assert (work.match == match).all()
    save_mosaic("again.jpg", work)
    assert Path("again.jpg").read_bytes() == before
    assert read_report(Path("again.json")).files.table == "out.tab"


def test_a_match_of_a_report_is_checked_as_one_of_a_table() -> None:
    make()
    found = read_report(Path("out.json"))
    for rows, said in [
        (["0 1 2", "3 4 30"], "numbers other than -1 to 29"),
        (["0 1", "2 3"], "is not the report of this table"),
        (["0 1 2", "3 4"], "its match is no table"),
    ]:
        write_report(Path("out.json"), replace(found, match=rows))
        with pytest.raises(MosaicError, match=said):
            open_work(Path("out.json"), {})


def test_a_report_tells_all_that_decides_what_a_mosaic_looks_like() -> None:
    make("--look", "plain", "--spacing", 1, "--method", "nearest", "--variants", "mirror")
    found = read_report(Path("out.json"))
    told = {"spacing": 1, "variants": ["mirror"]}
    assert found.settings == {"target_res": [3, 2], "thumb_res": [9, 6], **told}
    assert found.look == "plain"
    assert found.program.startswith("mosaic ")
    assert found.store == open_store(found.files.store).digest
    make("--look", "plain", "--method", "nearest", "--dither")
    assert read_report(Path("out.json")).settings["dither"] is True
    make("--seen-from", 1.5)
    assert read_report(Path("out.json")).settings["seen_from"] == 1.5
    make("--spacing", 2)
    found = read_report(Path("out.json"))
    assert (found.look, found.settings["spacing"], found.settings["crop"]) == (
        "faithful",
        2,
        "content",
    )


def test_work_without_its_target_has_no_scores_and_says_why() -> None:
    make("--look", "plain")
    Path("target.png").unlink()
    work = open_work(Path("out.json"), {})
    assert work.view is None
    assert "target.png" in work.missing
    assert save_mosaic("again.jpg", work).score is None
    with pytest.raises(MosaicError, match=r"target\.png"):
        open_work(Path("out.json"), {"tint": 0.5})


def test_work_that_is_recoloured_needs_its_target() -> None:
    make()
    Path("target.png").unlink()
    with pytest.raises(MosaicError, match=r"target\.png"):
        open_work(Path("out.json"), {})
    assert open_work(Path("out.json"), {"recolour": 0}).view is None


def test_work_without_a_report_needs_a_store_and_a_table() -> None:
    make()
    Path("out.json").unlink()
    with pytest.raises(MosaicError, match=r"there is no report .*gone\.json"):
        open_work(Path("gone.json"), {})
    make("--store", "out.h5")
    write_match("out.tab", np.zeros((2, 3), int))
    Path("out.json").unlink()
    work = open_work(Path("gone.json"), {}, "out.h5", "out.tab")
    assert work.match.shape == (2, 3)
    assert work.missing == "give the target by --target"


def test_a_report_of_another_table_is_refused() -> None:
    make()
    write_match("out.tab", np.zeros((2, 2), int))
    with pytest.raises(MosaicError, match="is not the report of this table"):
        open_work(Path("out.json"), {}, table="out.tab")


def test_a_report_of_another_store_is_refused() -> None:
    make()
    found = json.loads(Path("out.json").read_text())
    Path("out.json").write_text(json.dumps(found | {"store": "another"}))
    with pytest.raises(MosaicError, match="was made for other thumbnails"):
        open_work(Path("out.json"), {})


def test_the_scores_are_those_of_the_mosaic_that_was_saved(
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ["make", "photos", "target.png", "-o", "out.png", *map(str, SMALL)]
    assert main(args) == 0
    printed = capsys.readouterr().out
    assert main(["score", "out.png", "target.png"]) == 0
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("score ")
    assert line in printed.splitlines()


def test_a_run_that_is_refused_writes_nothing(refusal: Callable[..., str]) -> None:
    before = sorted(Path().iterdir())
    words = ["make", "photos", "target.png", "-o", "out.jpg", *SMALL, "--tint", 0.5]
    assert "`tint` does not go with `blend`" in refusal(*words, "--blend", 0.5)
    assert sorted(Path().iterdir()) == before


def test_a_store_that_was_made_is_closed_at_the_end() -> None:
    make()
    assert not is_open(kept())
    with open_store(kept()) as store:
        assert len(store.names) == 30
