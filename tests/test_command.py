"""The command line, as somebody with a folder of photos meets it."""

import contextlib
import errno
import os
import pty
import re
import resource
import shlex
import signal
import subprocess
import sys
import termios
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from damage import flip
from PIL import Image

import mosaic
from smalti import command, commands, grid, steps
from smalti.command import main
from smalti.report import read_report, read_rows

ROOT = Path(__file__).parents[1]
SCRIPT = Path(sys.executable).with_name("mosaic")
PROGRAM = ["-c", "import sys; from smalti.command import main; sys.exit(main())"]
Printed = pytest.CaptureFixture[str]
Refusal = Callable[..., str]
Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]
SMALL = ["--target-res", "6", "4", "--thumb-res", "6", "4", "--workers", "1"]


def make(photos: Path, target: Path, output: Path, *more: object) -> int:
    """Make a mosaic of 6 x 4 cells of 6 x 4 pixels, in this process."""
    args = [photos, target, "-o", output, *SMALL, *more]
    return main(["make", *map(str, args)])


def kept(output: Path) -> Path:
    """The store of a mosaic, in the cache."""
    return Path(read_report(output.with_suffix(".json")).files.store)


def files(folder: Path) -> list[str]:
    """The names of all files in a folder, hidden ones too."""
    return sorted(path.name for path in folder.iterdir())


# One command


@pytest.mark.long
@pytest.mark.parametrize("program", [PROGRAM, [str(SCRIPT)]])
def test_one_command_makes_a_mosaic_of_a_folder_of_photos(
    program: list[str], photos: Path, target: Path, tmp_path: Path, run: Run
) -> None:
    done = run(*program, "make", "photos", "target.png", "-o", "new/out.jpg")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    patterns = [
        r"new/out\.jpg: 4900 x 3250 pixels",
        r"photos +30 read, 0 skipped",
        r"match +spread, 6370 cells \(feature pixels, detail 3, colour oklab, spacing 1\)",
        r"used +\d+ of 30 photos, none more than \d+ times \(\d+\.jpg\); 0 equal neighbours",
        r"spacing +1 instead of 3: 30 photos are too few for more",
        r"alike +\d+ groups? of photos looks? the same; each counts as one",
        r"recolour 0\.4: the colours of the photos are changed",
        r"score +RMSE [\d.]+ levels, CIEDE2000 [\d.]+, structural similarity -?0\.\d+, "
        r"at twice the grid's scale -?0\.\d+",
        r"time +[\d.]+ s: thumbnails [\d.]+, match [\d.]+, paste [\d.]+",
        r"kept +/.*/[0-9a-f]{32}\.h5: thumbnails, for more mosaics of these photos",
        r"likeness fair: colours differ by \d+ \(an eye notices 2\)",
        r"advice +30 photos are few; more of them make a better mosaic",
    ]
    for pattern in patterns:
        assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == 1
    assert len(lines) == len(patterns)
    with Image.open(tmp_path / "new" / "out.jpg") as image:
        assert image.size == (4900, 3250)
    assert files(tmp_path / "new") == ["out.jpg", "out.json"]


def test_the_plain_look_uses_all_photos_equally_often_and_proves_that_none_is_better(
    photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    output = tmp_path / "new" / "out.jpg"
    words = ["make", photos, target, "-o", output, "--look", "plain", "--workers", "1"]
    assert main([str(word) for word in words]) == 0
    lines = capsys.readouterr().out.splitlines()
    for pattern in [
        r"match +unique, 1536 cells",
        r"used +30 of 30 photos, none more than 52 times \(\d+\.jpg\); \d+ equal neighbours",
        r"proof +1536 photos placed, proven optimal",
        r"alike +\d+ groups? of photos looks? the same; --dedupe counts each as one",
    ]:
        assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == 1
    with Image.open(output) as image:
        assert image.size == (2400, 1600)
    assert files(output.parent) == ["out.jpg", "out.json"]
    (line, *_) = read_report(output.with_suffix(".json")).alike
    assert "look the same" in line


def test_the_mosaic_looks_like_its_target(
    photos: Path, target: Path, tmp_path: Path
) -> None:
    for i, name in enumerate(["red", "lime", "navy", "white"]):
        for j in range(6):
            Image.new("RGB", (24, 16), name).save(photos / f"{i}-{j}.png")
    words = ["--target-res", "8", "3", "--no-dedupe"]  # for there are six of each colour
    make(photos, target, tmp_path / "out.png", *words)
    with Image.open(tmp_path / "out.png") as image:
        small = image.resize((8, 3), Image.Resampling.BOX)
    wanted = [(255, 0, 0), (0, 255, 0), (0, 0, 128), (255, 255, 255)]
    assert np.abs(np.asarray(small).astype(int)[:, ::2] - wanted).max() < 12


def test_a_second_run_reads_no_photo_again(
    photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    output = tmp_path / "out.png"
    assert make(photos, target, output) == 0
    before = kept(output).stat().st_ino, output.read_bytes()
    assert make(photos, target, output) == 0
    assert (kept(output).stat().st_ino, output.read_bytes()) == before


@pytest.mark.long
@pytest.mark.parametrize("change", ["edit", "add", "remove", "touch", "size", "quality"])
def test_the_store_is_made_anew_when_a_photo_or_a_setting_of_it_has_changed(
    change: str,
    photos: Path,
    target: Path,
    tmp_path: Path,
    paint: Callable[..., Path],
    capsys: Printed,
) -> None:
    own = ["--store", tmp_path / "s.h5"]
    assert make(photos, target, tmp_path / "out.png", *own) == 0
    old, more = (tmp_path / "s.h5").stat().st_mtime_ns, list[object]()
    assert make(photos, target, tmp_path / "out.png") == 0
    before = kept(tmp_path / "out.png")
    match change:
        case "edit":
            paint(photos / "05.jpg", ["white"])
        case "add":
            paint(photos / "new.jpg", ["white"])
        case "remove":
            (photos / "05.jpg").unlink()
        case "touch":
            os.utime(photos / "05.jpg", (1, 1))
        case "size":
            more = ["--thumb-res", "7", "4"]
        case "quality":
            more = ["--thumb-quality", "50"]
    assert make(photos, target, tmp_path / "out.png", *more) == 0
    assert kept(tmp_path / "out.png") != before
    assert make(photos, target, tmp_path / "out.png", *own, *more) == 0
    assert (tmp_path / "s.h5").stat().st_mtime_ns > old


def test_a_damaged_store_is_made_anew(
    photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    assert make(photos, target, tmp_path / "out.png") == 0
    store = kept(tmp_path / "out.png")
    whole, image = store.read_bytes(), (tmp_path / "out.png").read_bytes()
    jpeg = whole.index(b"\xff\xd8\xff")
    for damaged in (whole[: len(whole) // 2], flip(whole, 8 * jpeg + 3)):
        store.write_bytes(damaged)
        capsys.readouterr()
        assert make(photos, target, tmp_path / "out.png") == 0
        assert store.read_bytes() == whole
        assert (tmp_path / "out.png").read_bytes() == image
        said = [line for line in capsys.readouterr().err.splitlines() if "damaged" in line]
        assert said == [line for line in said if line.endswith("; it is made anew")]
        assert len(said) == 1


def test_the_three_steps_apart_make_the_same_mosaic(
    photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    make(photos, target, tmp_path / "out.png", "--look", "plain")
    store, table, output = (str(tmp_path / name) for name in ("s.h5", "m.tab", "steps.png"))
    thumbnails = [
        "thumbnails",
        str(photos),
        store,
        "--thumb-res",
        "6",
        "4",
        "--workers",
        "1",
    ]
    assert main(thumbnails) == 0
    match = ["match", store, table, "--target", str(target), "--target-res", "6", "4"]
    assert main(match) == 0
    assert main(["paste", store, table, output]) == 0
    assert Path(output).read_bytes() == (tmp_path / "out.png").read_bytes()


def test_parts_merged_make_the_same_store_as_the_whole(
    photos: Path, tmp_path: Path
) -> None:
    lists, parts = ([str(tmp_path / f"{i}{end}") for i in range(3)] for end in ("", ".h5"))
    assert main(["list", str(photos), *lists]) == 0
    for one, part in zip(lists, parts, strict=True):
        assert main(["thumbnails", str(photos), part, "--list", one]) == 0
    assert main(["merge", str(tmp_path / "merged.h5"), *parts]) == 0
    assert main(["thumbnails", str(photos), str(tmp_path / "whole.h5")]) == 0
    merged, whole = (
        mosaic.open_store(str(tmp_path / f"{x}.h5")) for x in ("merged", "whole")
    )
    assert (merged.names, merged.digest) == (whole.names, whole.digest)


def test_a_list_is_not_touched_when_nothing_has_changed(
    photos: Path, tmp_path: Path
) -> None:
    lists = [str(tmp_path / f"{i}") for i in range(3)]
    steps.write_lists(steps.describe_photos([str(photos)]), lists)
    before = [Path(path).stat().st_mtime_ns for path in lists]
    (photos / "05.jpg").write_bytes(b"other")
    steps.write_lists(steps.describe_photos([str(photos)]), lists)
    after = [Path(path).stat().st_mtime_ns for path in lists]
    assert [old == new for old, new in zip(before, after, strict=True)].count(False) == 1


@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_with_too_few_photos_all_are_used_equally_often(
    method: str, photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    size = ["--target-res", "10", "8", "--method", method]
    assert make(photos, target, tmp_path / "out.png", *size) == 0
    found = read_report(tmp_path / "out.json")
    uses = np.bincount(read_rows(found, "out.json").ravel(), minlength=30)
    if method == "unique":
        assert set(uses.tolist()) == {2, 3}


@pytest.mark.parametrize(
    ("more", "numba", "told"),
    [
        ([], False, True),
        ([], True, False),
        (["--solver", "dense"], False, False),
        (["--method", "nearest"], False, False),
    ],
)
def test_who_waits_long_for_a_unique_match_learns_what_makes_it_quicker(
    more: list[str],
    numba: bool,
    told: bool,
    photos: Path,
    target: Path,
    tmp_path: Path,
    capsys: Printed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "has_numba", lambda: numba)
    wish = ["--method", "unique", *more]
    assert make(photos, target, tmp_path / "quick.png", *wish) == 0
    assert "quicker" not in capsys.readouterr().out  # it was quick
    monkeypatch.setattr(commands, "SLOW", 0.0)
    assert make(photos, target, tmp_path / "slow.png", *wish) == 0
    assert ("mosaic-book[fast]" in capsys.readouterr().out) == told


def test_too_few_photos_can_be_refused(
    photos: Path, target: Path, tmp_path: Path, refusal: Refusal
) -> None:
    args = [
        "make",
        photos,
        target,
        "-o",
        tmp_path / "out.png",
        *SMALL,
        "--repeats",
        "refuse",
    ]
    assert "50 photos are missing" in refusal(*args, "--target-res", 10, 8)


def test_skipped_photos_are_named_and_counted(
    photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    (photos / "bad.jpg").touch()
    for _ in range(2):  # the second time, the store knows
        assert make(photos, target, tmp_path / "out.png") == 0
        output, errors = capsys.readouterr()
        assert "30 read, 1 skipped" in output
        reason = "UnidentifiedImageError: cannot identify image file 'the file'"
        assert errors == f"skipped bad.jpg: {reason}\n"
        assert read_report(tmp_path / "out.json").skipped == {"bad.jpg": reason}
    assert files(tmp_path) == ["out.json", "out.png", "photos", "target.png"]
    (photos / "bad.jpg").unlink()
    assert make(photos, target, tmp_path / "out.png") == 0
    assert read_report(tmp_path / "out.json").skipped == {}


def test_beside_a_store_of_your_own_there_is_a_list_of_skipped_photos(
    photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    (photos / "bad.jpg").touch()
    own = ["--store", tmp_path / "s.h5"]
    assert make(photos, target, tmp_path / "out.png", *own) == 0
    errors = capsys.readouterr().err
    assert (tmp_path / "s.rejects.tsv").read_text() == errors.split(" ", 1)[1].replace(
        ": ", "\t", 1
    )
    (photos / "bad.jpg").unlink()
    assert make(photos, target, tmp_path / "out.png", *own) == 0
    assert not (tmp_path / "s.rejects.tsv").exists()


def test_a_mosaic_among_the_photos_is_no_photo_of_the_next(
    photos: Path, target: Path, capsys: Printed
) -> None:
    for _ in range(2):
        assert make(photos, target, photos / "out.png") == 0
        assert "30 read" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["a b.png", "it's.png", "50%.png", "{x}.png", "-o.png", "é\n.png"]
)
def test_any_name_is_good_for_a_target_and_an_output(
    name: str, photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    strange = target.rename(tmp_path / name)
    assert make(photos, strange, tmp_path / "new" / name) == 0
    assert "\n.png" not in capsys.readouterr().out


def test_a_name_that_is_no_text_is_good_for_an_output(
    photos: Path, target: Path, tmp_path: Path, run: Run
) -> None:
    name = os.fsdecode(b"\xff\xfe.png")
    done = run(*PROGRAM, "make", "photos", "target.png", "-o", name, *SMALL)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\xff\\xfe.png: 36 x 16 pixels\n" in done.stdout


@pytest.mark.parametrize("thumb_res", [("1", "1"), ("3", "90")])
def test_thumbnails_may_have_any_shape(
    thumb_res: tuple[str, str], photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    assert make(photos, target, tmp_path / "out.png", "--thumb-res", *thumb_res) == 0
    width, height = map(int, thumb_res)
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (6 * width, 4 * height)


# What is wrong is one line


def test_a_missing_folder(target: Path, tmp_path: Path, refusal: Refusal) -> None:
    said = refusal("make", tmp_path / "gone", target, "-o", tmp_path / "out.png")
    assert "there is no folder" in said
    assert "gone" in said


def test_a_file_that_is_no_photo_and_no_archive(
    target: Path, tmp_path: Path, refusal: Refusal
) -> None:
    (tmp_path / "notes.txt").write_text("buy cat food")
    said = refusal("make", tmp_path / "notes.txt", target, "-o", tmp_path / "out.png")
    assert "notes.txt is neither a folder, nor a photo, nor an archive" in said
    assert files(tmp_path) == ["notes.txt", "target.png"]


def test_a_photo_is_a_collection_of_one(
    target: Path, tmp_path: Path, capsys: Printed
) -> None:
    assert make(target, target, tmp_path / "out.png") == 0
    assert "used     1 of 1 photos, none more than 24 times" in capsys.readouterr().out


@pytest.mark.parametrize(
    "content",
    [None, b"", b"not a photo", b"\x89PNG\r\n\x1a\n" + bytes(99), "half.png", "half.jpg"],
)
def test_a_target_that_cannot_be_read_is_named_before_the_work(
    content: str | bytes | None,
    photos: Path,
    target: Path,
    tmp_path: Path,
    refusal: Refusal,
) -> None:
    path = tmp_path / "bad target"
    if isinstance(content, str):
        noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3)).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / content)
        content = (tmp_path / content).read_bytes()
        content = content[: len(content) // 2]
    if content is not None:
        path.write_bytes(content)
    said = refusal("make", photos, path, "-o", tmp_path / "new" / "out.png", *SMALL)
    assert f"cannot open the target {path}: " in said
    assert ("there is no such file" in said) == (content is None)
    assert not (tmp_path / "new").exists()


def test_a_broken_png_for_a_target(
    photos: Path, target: Path, tmp_path: Path, refusal: Refusal
) -> None:
    whole = target.read_bytes()
    target.write_bytes(whole.replace(b"IDAT", b"I\0AT"))
    said = refusal("make", photos, target, "-o", tmp_path / "out.png", *SMALL)
    assert f"cannot open the target {target}" in said


def test_a_folder_for_a_target(photos: Path, tmp_path: Path, refusal: Refusal) -> None:
    said = refusal("make", photos, photos, "-o", tmp_path / "out.png", *SMALL)
    assert f"the target {photos} is a folder; photos come first" in said


def test_a_word_too_many_is_named(refusal: Refusal) -> None:
    said = refusal("zoom", "mosaic.png", "dive.webp", "me.jpg")
    assert said.startswith("mosaic zoom: me.jpg is one word too many (see mosaic zoom")
    assert refusal("--foo") == "mosaic: there is no option --foo (see mosaic --help)"


def test_the_target_is_never_overwritten(
    photos: Path, target: Path, tmp_path: Path, refusal: Refusal
) -> None:
    before = target.read_bytes()
    (tmp_path / "same.png").symlink_to(target)
    for output in (
        target,
        tmp_path / "photos" / ".." / "target.png",
        tmp_path / "same.png",
    ):
        assert "target" in refusal("make", photos, target, "-o", output, *SMALL)
        assert target.read_bytes() == before


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("photos", "must end in"),
        ("out.txt", "must end in"),
        ("out", "must end in"),
        ("folder.png", "is a folder"),
        ("target.png/out.png", "target.png"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    output: str, said: str, photos: Path, target: Path, tmp_path: Path, refusal: Refusal
) -> None:
    (tmp_path / "folder.png").mkdir()
    before = files(tmp_path)
    assert said in refusal("make", photos, target, "-o", tmp_path / output, *SMALL)
    assert files(tmp_path) == before


def test_a_mosaic_too_large_for_its_format_is_refused_before_the_work(
    photos: Path, target: Path, tmp_path: Path, refusal: Refusal
) -> None:
    args = ["make", photos, target, "-o", tmp_path / "out.webp"]
    said = refusal(*args, "--target-res", 400, 2, "--thumb-res", 50, 50)
    assert "20000 x 100 pixels" in said
    assert files(tmp_path) == ["photos", "target.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_to_write(
    photos: Path, target: Path, tmp_path: Path, refusal: Refusal
) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    said = refusal("make", photos, target, "-o", tmp_path / "closed" / "out.png", *SMALL)
    assert "Permission denied" in said


@pytest.mark.parametrize(
    "option",
    [
        ["--workers", "0"],
        ["--workers", "-2"],
        ["--target-res", "-1", "4"],
        ["--target-res", "0", "4"],
        ["--target-res", "6"],
        ["--thumb-res", "0", "4"],
        ["--thumb-quality", "0"],
        ["--thumb-quality", "100"],
        ["--max-uses", "0"],
        ["--max-uses", "many"],
        ["--method", "best"],
        ["--repeats", "always"],
        ["--colour", "red"],
        ["more"],
    ],
)
def test_an_option_that_makes_no_sense(
    option: list[str], photos: Path, target: Path, tmp_path: Path, refusal: Refusal
) -> None:
    refusal("make", photos, target, "-o", tmp_path / "out.png", *SMALL, *option)
    assert files(tmp_path) == ["photos", "target.png"]


def test_a_mosaic_is_pasted_anew_from_its_report_or_from_a_store_and_a_table(
    photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    output, store = tmp_path / "out.png", tmp_path / "s.h5"
    make(photos, target, output, "--look", "plain", "--store", store)
    words = ["--target", str(target), "--target-res", "6", "4"]
    assert main(["match", str(store), str(tmp_path / "m.tab"), *words]) == 0
    for i, parts in enumerate(
        [
            [output],
            [output.with_suffix(".json")],
            [store, tmp_path / "m.tab"],
            [tmp_path / "m.tab"],
        ]
    ):
        again = tmp_path / f"{i}.png"
        assert main(["paste", *map(str, [*parts, again])]) == 0
        assert again.read_bytes() == output.read_bytes()


def test_more_than_a_store_and_a_table_are_refused(refusal: Refusal) -> None:
    said = refusal("paste", "a.h5", "b.tab", "c.tab", "d.png")
    assert said == (
        "mosaic: paste takes a mosaic, or a store and a table, and the image to write"
    )


def test_the_page_has_the_facts_of_a_report_but_not_the_numbers_of_its_match(
    photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    (photos / "bad.jpg").touch()
    make(photos, target, tmp_path / "out.png", "--look", "plain")
    assert main(["page", str(tmp_path / "out.png")]) == 0
    text = (tmp_path / "out.html").read_text()
    assert "<th>look<td>plain" in text
    for key in ("match", "alike", "skipped"):
        assert f"<th>{key}" not in text


@pytest.mark.parametrize("words", [["mak"], ["make"], ["make", "a"], ["paste", "a"]])
def test_a_command_that_is_not_complete(words: list[str], refusal: Refusal) -> None:
    assert "--help" in refusal(*words)


def test_a_mosaic_too_large_for_the_memory(
    photos: Path,
    target: Path,
    tmp_path: Path,
    refusal: Refusal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def large(*ignored: object) -> None:
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr(grid, "cut_cells", large)
    said = refusal("make", photos, target, "-o", tmp_path / "out.png", *SMALL)
    assert "not enough memory" in said
    assert "set a smaller target_res" in said


def limit_memory() -> None:
    """Let this process have no more than 3 GB of memory."""
    resource.setrlimit(resource.RLIMIT_AS, (3 * 10**9, 3 * 10**9))


@pytest.mark.long
@pytest.mark.parametrize("option", ["--target-res", "--thumb-res"])
def test_a_number_that_no_computer_could_bear_is_refused_before_the_work(
    option: str, photos: Path, target: Path, tmp_path: Path, run: Run
) -> None:
    words = [*PROGRAM, "make", "photos", "target.png", "-o", "out.png", *SMALL]
    done = run(*words, option, 100_000, 100_000, preexec_fn=limit_memory)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert files(tmp_path) == ["photos", "target.png"]


def test_a_list_that_is_missing_or_broken(
    photos: Path, tmp_path: Path, refusal: Refusal
) -> None:
    args = ["thumbnails", photos, tmp_path / "s.h5", "--list", tmp_path / "list"]
    assert "list" in refusal(*args)
    for content in ("05.jpg\n", "[]\n", "{}\n", "3\n", "\xff\n"):
        (tmp_path / "list").write_text(content, encoding="latin1")
        assert "list" in refusal(*args)


def test_a_photo_number_that_there_is_not(
    photos: Path, tmp_path: Path, refusal: Refusal
) -> None:
    store = tmp_path / "s.h5"
    assert main(["thumbnails", str(photos), str(store), "--workers", "1"]) == 0
    args = ["match", store, tmp_path / "m.tab", "--image-path", photos, "--target-id"]
    assert "photos are numbered 0 to 29" in refusal(*args, 30)
    assert main([*map(str, args), "29", "--target-res", "3", "2"]) == 0


def test_a_match_without_any_photo(
    photos: Path, target: Path, tmp_path: Path, refusal: Refusal
) -> None:
    store, none = tmp_path / "s.h5", tmp_path / "list"
    none.touch()
    assert main(["thumbnails", str(photos), str(store), "--list", str(none)]) == 0
    for more in ([], ["--repeats", "fewest"], ["--method", "nearest"]):
        refusal("match", store, tmp_path / "m.tab", "--target", target, *more)


def test_a_full_disk_while_thumbnails_are_written(
    photos: Path,
    target: Path,
    tmp_path: Path,
    refusal: Refusal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    said = refusal("make", photos, target, "-o", tmp_path / "out.png", *SMALL)
    assert "No space left on device" in said
    assert files(tmp_path) == ["photos", "target.png"]


def limit_file_size() -> None:
    """Let no file of this process grow beyond 16 kB, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))


@pytest.mark.long
def test_a_disk_that_is_really_full(
    photos: Path, target: Path, tmp_path: Path, run: Run
) -> None:
    args = ["thumbnails", "photos", "s.h5", "--workers", "1"]
    done = run(*PROGRAM, *args, preexec_fn=limit_file_size)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("mosaic: ")
    assert len(done.stderr.splitlines()) == 1
    assert files(tmp_path) == ["photos", "target.png"]


# Interruptions


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A folder of many large photos, which are one and the same file."""
    folder = tmp_path / "slow"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 256, (900, 1200, 3)).astype(np.uint8)
    Image.fromarray(noise).save(folder / "0.png", compress_level=0)
    for i in range(1, 3000):
        (folder / f"{i}.png").hardlink_to(folder / "0.png")
    return folder


def workers_of(group: int) -> list[int]:
    """The processes of a group that are ready to work, for they ignore Ctrl-C."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):  # it has just ended
            number = int(status.parent.name)
            if os.getpgid(number) == group:
                ignored = re.search(r"^SigIgn:\s+(\w+)$", status.read_text(), re.MULTILINE)
                if ignored and int(ignored[1], 16) >> (signal.SIGINT - 1) & 1:
                    found.append(number)
    return found


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is so, which may take a while on a busy machine."""
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"in vain for a minute: {what}")


@pytest.fixture
def interrupted(
    slow: Path, tmp_path: Path, start: Start
) -> Iterator[subprocess.Popen[str]]:
    """A program in the middle of making thumbnails, in a group of processes of its own."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "out.jpg").write_text("the mosaic of before")
    words = [*PROGRAM, "make", "slow", "slow/0.png", "-o", "new/out.jpg"]
    program = start(*words, "--workers", "2", start_new_session=True)
    wait_for(lambda: len(workers_of(program.pid)) == 2, "two workers begin")
    yield program
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)


def wait_for_the_end_of_all(group: int) -> None:
    """Wait until no process of a group is left; fail if one stays."""

    def ended() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    wait_for(ended, "all workers end")


@pytest.mark.long
def test_ctrl_c_ends_in_one_line_and_leaves_nothing_half_done(
    interrupted: subprocess.Popen[str], tmp_path: Path
) -> None:
    os.killpg(interrupted.pid, signal.SIGINT)  # as a terminal does
    output, errors = interrupted.communicate(timeout=60)
    assert (interrupted.returncode, output) == (130, "")
    assert errors == "mosaic: stopped; what was finished is kept\n"
    assert files(tmp_path / "new") == ["out.jpg"]
    assert (tmp_path / "new" / "out.jpg").read_text() == "the mosaic of before"
    wait_for_the_end_of_all(interrupted.pid)


@pytest.mark.long
def test_a_program_that_is_killed_leaves_no_workers(
    interrupted: subprocess.Popen[str], tmp_path: Path
) -> None:
    interrupted.kill()
    interrupted.communicate(timeout=60)
    wait_for_the_end_of_all(interrupted.pid)
    assert (tmp_path / "new" / "out.jpg").read_text() == "the mosaic of before"


@pytest.mark.long
def test_a_program_told_to_end_leaves_no_workers_and_no_files(
    interrupted: subprocess.Popen[str], tmp_path: Path
) -> None:
    interrupted.terminate()
    output, errors = interrupted.communicate(timeout=60)
    assert interrupted.returncode != 0
    assert (output, len(errors.splitlines())) == ("", 1)
    wait_for_the_end_of_all(interrupted.pid)
    assert files(tmp_path / "new") == ["out.jpg"]


@pytest.mark.long
def test_a_killed_worker_is_replaced_and_the_run_goes_on(
    interrupted: subprocess.Popen[str], tmp_path: Path
) -> None:
    first = set(workers_of(interrupted.pid))
    os.kill(min(first), signal.SIGKILL)
    wait_for(
        lambda: bool(set(workers_of(interrupted.pid)) - first), "another worker begins"
    )
    wait_for(lambda: not first & set(workers_of(interrupted.pid)), "the first ones end")
    os.killpg(interrupted.pid, signal.SIGINT)
    assert (
        interrupted.communicate(timeout=60)[1]
        == "mosaic: stopped; what was finished is kept\n"
    )
    wait_for_the_end_of_all(interrupted.pid)


@pytest.mark.long
def test_two_runs_at_once_both_end_well(
    photos: Path, target: Path, tmp_path: Path, run: Run, start: Start
) -> None:
    words = [*PROGRAM, "make", "photos", "target.png", "-o", "out.png", *SMALL]
    other = start(*words)
    assert run(*words).returncode == 0
    assert other.communicate(timeout=60)[1] == ""
    assert other.returncode == 0
    assert files(tmp_path) == ["out.json", "out.png", "photos", "target.png"]


# Help and progress


def help_of(name: str, capsys: Printed) -> str:
    """The help of a command, or of the program, in one line."""
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"] if name else ["--help"])
    assert stop.value.code == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("name", [*command.COMMANDS, ""])
def test_help_is_shown(name: str, capsys: Printed) -> None:
    shown = help_of(name, capsys)
    assert shown.startswith(f"usage: mosaic {name}".rstrip())
    for word in [name] if name else command.COMMANDS:
        assert command.COMMANDS[word][1:] in shown  # which begins with a capital


def test_no_words_ask_for_help(capsys: Printed) -> None:
    shown = help_of("", capsys)
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 0
    assert " ".join(capsys.readouterr().out.split()) == shown


def test_the_version_is_that_of_the_package(capsys: Printed) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert capsys.readouterr().out == f"mosaic {project['project']['version']}\n"


def test_help_loads_nothing_heavy(run: Run) -> None:
    words = "import sys; from smalti.command import main; main(['--help'])"
    done = run("-X", "importtime", "-c", words)
    loaded = set(re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert "smalti.ground.settings" in loaded
    assert not loaded & {"numpy", "PIL", "h5py", "scipy", "ot", "mosaic", "smalti.commands"}


@pytest.mark.parametrize("name", command.COMMANDS)
def test_each_command_has_an_example_that_it_understands(
    name: str, capsys: Printed
) -> None:
    example = f"mosaic {name} {command.EXAMPLES[name]}"
    assert help_of(name, capsys).endswith(f"Example: {example}")
    asked, given = command.read_words(shlex.split(example)[1:])
    assert type(asked) is command.command_class(name)
    assert given


def test_help_tells_the_defaults_of_this_command(
    capsys: Printed,
) -> None:
    asked, _ = command.read_words(["make", "a", "b", "-o", "c"])
    assert isinstance(asked, commands.Make)
    assert asked.repeats == "fewest"
    shown = help_of("make", capsys)
    assert re.search(r"--solver [^()]*\(default: auto\)", shown)
    for chosen_by_a_look in (r"\{refuse,fewest\}", "--colour", "--recolour"):
        assert not re.search(rf"{chosen_by_a_look} [^-]*\(default", shown)
    assert re.search(
        r"\{refuse,fewest\} [^()]*\(default: refuse\)", help_of("match", capsys)
    )


@pytest.mark.long
def test_a_terminal_shows_the_progress(photos: Path, target: Path, start: Start) -> None:
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 80))
    words = [*PROGRAM, "make", "photos", "target.png", "-o", "out.png", *SMALL]
    program = start(*words, stderr=end)
    os.close(end)
    shown = b""
    while True:
        try:
            shown += os.read(terminal, 9999)
        except OSError:  # the program has ended
            break
    os.close(terminal)
    output = program.communicate(timeout=60)[0]
    assert program.returncode == 0
    assert re.search(r"thumbnails: +\d+%\|.*\| +\d+/30 ", shown.decode())
    assert "pasting: " in shown.decode()
    assert "kept " in output


# What goes together, and what is not there


def test_a_size_of_tiles_does_not_go_with_a_size_of_the_mosaic(
    photos: Path, target: Path, tmp_path: Path, refusal: Refusal, capsys: Printed
) -> None:
    output = tmp_path / "out.png"
    assert make(photos, target, output) == 0
    capsys.readouterr()
    said = refusal("paste", output, "new.png", "--thumb-res", 9, 9, "--size", "60x40")
    assert "`size` does not go with `thumb_res`" in said


def test_a_page_without_its_target_is_refused(
    photos: Path, target: Path, tmp_path: Path, refusal: Refusal, capsys: Printed
) -> None:
    output = tmp_path / "out.png"
    assert make(photos, target, output, "--look", "plain") == 0
    target.unlink()
    capsys.readouterr()
    assert "a page shows the target, too: " in refusal("page", output)
    assert not output.with_suffix(".html").exists()


@pytest.mark.parametrize("ending", ["dzi", "SZI"])
def test_a_pyramid_has_its_score_in_its_report(
    ending: str, target: Path, refusal: Refusal
) -> None:
    said = refusal("score", f"out.{ending}", target)
    assert f"out.{ending} cannot be read as a whole; its report has its scores" in said


def test_a_score_of_a_picture_without_a_report_tells_no_uses(
    target: Path, capsys: Printed
) -> None:
    assert main(["score", str(target), str(target), "--target-res", "6", "4"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("score    RMSE 0.4 levels")


def test_a_dive_without_the_photos_ends_in_thumbnails_and_says_so(
    photos: Path, target: Path, tmp_path: Path, capsys: Printed
) -> None:
    output, film = tmp_path / "out.png", tmp_path / "dive.gif"
    assert make(photos, target, output) == 0
    photos.rename(tmp_path / "elsewhere")
    capsys.readouterr()
    zoom = ["zoom", str(output), str(film), "--seconds", "0.2"]
    assert main(zoom) == 0
    said = "the photos are not at hand, so the end is not sharp; give --image-path\n"
    assert said in capsys.readouterr().err
    assert main([*zoom, "--image-path", str(tmp_path / "elsewhere")]) == 0
    assert said not in capsys.readouterr().err


def test_an_error_that_nobody_foresaw_is_raised_with_its_place(
    monkeypatch: pytest.MonkeyPatch, capsys: Printed
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(commands.Score, "run", fail)
    with pytest.raises(RuntimeError, match="a fault of the program"):
        main(["score", "a.png", "b.png"])
    assert capsys.readouterr().err == ""
