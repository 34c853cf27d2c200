"""Collections: all photos are listed, none twice, and described so that changes show."""

import doctest
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from packing import colour_of, content, listed, pack

from smalti.command import main
from smalti.ground import collection
from smalti.ground.collection import (
    ENDINGS,
    FOREIGN,
    advise_unread,
    collection_root,
    describe_collection,
    describe_rest,
    list_collection,
    survey,
)
from smalti.ground.errors import MosaicError

SMALL = ["--target-res", "6", "4", "--thumb-res", "6", "4", "--workers", "1"]


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(collection).failed == 0
    assert doctest.testmod(collection).attempted > 3


def test_photos_are_listed_by_ending_in_any_case_and_sorted(tmp_path: Path) -> None:
    names = [
        "b.jpg",
        "a.JPG",
        "c.JpEg",
        "d.PNG",
        "e.heic",
        "f.HEIF",
        "g.tiff",
        "sub/h.avif",
    ]
    for name in [*names, "notes.txt", "jpg", "k.jpg.part", "l.mp4", "m"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert collection.list_photos(str(tmp_path)) == sorted(names)


def test_hidden_files_and_previews_are_no_photos(tmp_path: Path) -> None:
    for name in [
        ".hidden.jpg",
        "._a.jpg",
        "Thumbs.db",
        ".DS_Store",
        ".thumbs/a.jpg",
        "a.jpg",
    ]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert collection.list_photos(str(tmp_path)) == ["a.jpg"]


def test_links_in_circles_and_to_nowhere_are_survived(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").touch()
    (tmp_path / "one.jpg").symlink_to("two.jpg")
    (tmp_path / "two.jpg").symlink_to("one.jpg")
    (tmp_path / "nowhere.jpg").symlink_to("gone.jpg")
    (tmp_path / "sub" / "up").symlink_to("..")
    (tmp_path / "sub" / "here").symlink_to(".")
    assert collection.list_photos(str(tmp_path)) == ["sub/a.jpg"]


def test_a_link_to_a_photo_is_a_photo_and_a_folder_is_entered_once(tmp_path: Path) -> None:
    (tmp_path / "album").mkdir()
    (tmp_path / "album" / "a.jpg").touch()
    (tmp_path / "b.jpg").symlink_to("album/a.jpg")
    (tmp_path / "same").symlink_to("album")
    assert collection.list_photos(str(tmp_path)) == ["album/a.jpg", "b.jpg"]


def test_a_pipe_and_a_folder_are_no_photos_whatever_their_names(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert collection.list_photos(str(tmp_path)) == []


def test_a_missing_folder_is_an_error() -> None:
    with pytest.raises(MosaicError, match="there is no folder 'nowhere'"):
        collection.list_photos("nowhere")


def test_a_folder_that_cannot_be_read_is_named_in_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    collection.report_folder(PermissionError(13, "Permission denied", "a\nb\udcff"))
    assert capsys.readouterr().err == ("skipped the folder a\\nb\\xff: Permission denied\n")


def test_folders_and_archives_are_one_collection_without_doubles(
    tmp_path: Path, paint: Callable[..., Path]
) -> None:
    paint(tmp_path / "in" / "one" / "a.png", ["red"])
    paint(tmp_path / "in" / "two" / "a.png", ["blue"])
    pack(tmp_path / "in" / "b.zip", {"a.png": content("lime")})
    paths = [tmp_path / "in" / "two", tmp_path / "in" / "b.zip", tmp_path / "in" / "one"]
    names = listed(*paths, tmp_path / "in" / "one" / "a.png", tmp_path / "in" / "one")
    assert names == ["b.zip!/a.png", "one/a.png", "two/a.png"]
    root = collection_root([str(path) for path in paths])
    assert [colour_of(root, name) for name in names] == [
        (0, 255, 0),
        (255, 0, 0),
        (0, 0, 255),
    ]


def test_the_names_of_one_folder_are_those_of_the_book(
    tmp_path: Path, photos: Path
) -> None:
    names = collection.list_photos(str(photos))
    assert listed(photos) == names
    assert list_collection(str(photos)) == names
    assert collection_root([str(photos)]) == collection_root(str(photos)) == str(photos)


def test_no_place_at_all_is_one_clear_line() -> None:
    for paths in ([], "", [""]):
        with pytest.raises(MosaicError, match="there is no folder or archive ''"):
            collection_root(paths)


def test_a_photo_that_goes_away_while_the_folder_is_read_is_left_out(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = collection.list_photos(str(photos))
    gone = collection.Names(["gone.jpg", *names], [], [])
    monkeypatch.setattr(collection, "sort_folder", lambda folder: gone)
    assert list_collection(str(photos)) == names


def test_a_folder_in_a_circle_of_links_is_listed_once(
    tmp_path: Path, paint: Callable[..., Path]
) -> None:
    paint(tmp_path / "a" / "red.png", ["red"])
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a", target_is_directory=True)
    assert listed(tmp_path / "a") == ["red.png"]


@pytest.mark.parametrize("package", [None, "here"])
def test_without_a_package_a_compressed_archive_is_said_to_be_slow(
    package: str | None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: package)
    for path in ("a.zip", "b.tar", "c.TAR.GZ", "d.tgz"):
        collection.tell_slow(path)
    slow = [line.split()[0] for line in capsys.readouterr().err.splitlines()]
    assert slow == ([] if package else ["c.TAR.GZ", "d.tgz"])


@pytest.mark.parametrize("name", ["nothing", "nothing.zip"])
def test_a_place_that_is_not_there_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        MosaicError, match=r"there is no folder or archive .*nothing.*; correct the path"
    ):
        listed(tmp_path / name)


def test_a_file_of_another_kind_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(MosaicError, match="neither a folder, nor a photo, nor an archive"):
        listed(tmp_path / "a.txt")


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_one_more_photo_in_an_archive_changes_the_description_of_no_other(
    tmp_path: Path, ending: str
) -> None:
    def describe() -> list[collection.Entry]:
        return describe_collection([str(path)])

    path = pack(tmp_path / f"a.{ending}", {"b.png": content("red")})
    (before,) = describe()
    pack(path, {"a.png": content("blue"), "b.png": content("red")})
    assert describe()[1] == before
    pack(path, {"b.png": content("navy") + b"."})
    assert describe() != [before]


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    blob = b"cos\nsystem\n(S'false'\ntR."
    pack(
        tmp_path / "cifar-10-python.tar.gz",
        {"b/data_batch_1": blob, "b/data_batch_1.bin": blob},
    )
    assert listed(tmp_path / "cifar-10-python.tar.gz") == []


# Mosaics of ours among the photos


def report(mosaic: str, **files: str) -> str:
    """A small report of a mosaic."""
    return json.dumps({"store": "5c0f", "files": {"mosaic": mosaic, **files}})


def lay(folder: Path, *names: str, **reports: str) -> Path:
    """Empty files in a folder, and JSON files by their stems."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    for stem, text in reports.items():
        (folder / f"{stem}.json").write_text(text, encoding="utf-8")
    return folder


def photos_and_mosaics(*paths: Path) -> tuple[list[str], list[str]]:
    """The names of photos, and of mosaics of ours that were left out."""
    found = survey([str(path) for path in paths])
    return [name for name, _, _ in found.photos], found.mosaics


@pytest.mark.parametrize(("name", "left_out"), [("new.png", ["new.png"]), ("new.dzi", [])])
def test_a_mosaic_that_we_made_is_no_photo_of_its_folder(
    name: str, left_out: list[str], photos: Path, target: Path, tmp_path: Path
) -> None:
    before = listed(photos)
    args = [photos, target, "-o", photos / name, "--store", tmp_path / "a.h5"]
    assert main(["make", *map(str, args), *SMALL]) == 0
    assert (photos / name).is_file()
    assert photos_and_mosaics(photos) == (before, left_out)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '"files"',
        "{}",
        '{"files": {"mosaic": "a.jpg"}}',
        '{"store": "5c", "files": ["a.jpg"]}',
        '{"store": "5c", "files": {"target": "b.jpg"}}',
        "[" * 100_000,
        "\0",
    ],
)
def test_a_photo_beside_json_of_another_kind_is_a_photo(tmp_path: Path, text: str) -> None:
    lay(tmp_path, "a.jpg", a=text)
    assert photos_and_mosaics(tmp_path) == (["a.jpg"], [])
    assert photos_and_mosaics(tmp_path / "a.jpg") == (["a.jpg"], [])


def test_a_mosaic_is_known_after_it_was_renamed_with_its_report(tmp_path: Path) -> None:
    lay(tmp_path, "b.JPG", b=report("a.JPG"))
    assert photos_and_mosaics(tmp_path) == ([], ["b.JPG"])


def test_a_photo_with_the_name_of_a_mosaic_and_another_ending_stays(tmp_path: Path) -> None:
    lay(tmp_path, "me.jpg", "me.png", me=report("me.png", target="me.jpg"))
    assert photos_and_mosaics(tmp_path) == (["me.jpg"], ["me.png"])
    (tmp_path / "me.png").unlink()
    assert photos_and_mosaics(tmp_path) == (["me.jpg"], [])


def test_names_have_slashes_also_where_paths_have_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, "in/one/a.jpg", "in/two/b.jpg", "in/two/c.raw")
    relpath = os.path.relpath
    monkeypatch.setattr(os, "sep", "\\")
    monkeypatch.setattr(
        os.path, "relpath", lambda path, start: relpath(path, start).replace("/", "\\")
    )
    found = survey([str(tmp_path / "in"), str(tmp_path / "in" / "two"), str(tmp_path)])
    assert [name for name, *_ in found.photos] == ["in/one/a.jpg", "in/two/b.jpg"]
    assert collection.list_photos(str(tmp_path)) == ["in/one/a.jpg", "in/two/b.jpg"]


def test_a_report_says_nothing_of_photos_in_another_folder(tmp_path: Path) -> None:
    lay(tmp_path, "a.jpg", "in/a.jpg", a=report("a.jpg"))
    assert photos_and_mosaics(tmp_path) == (["in/a.jpg"], ["a.jpg"])


def test_a_mosaic_among_single_files_is_left_out(tmp_path: Path) -> None:
    lay(tmp_path, "a.jpg", "b.jpg", "c.jpg", a=report("a.jpg"), b="{}")
    paths = sorted(tmp_path.glob("*.jpg"))
    assert photos_and_mosaics(*paths) == (["b.jpg", "c.jpg"], ["a.jpg"])


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_a_mosaic_in_an_archive_is_left_out(tmp_path: Path, ending: str) -> None:
    files = {
        "a/m.png": content("red"),
        "a/m.json": report("m.png").encode(),
        "a/m.jpg": content("red", "JPEG"),
        "b/m.png": content("red"),
    }
    path = pack(tmp_path / f"x.{ending}", files)
    assert photos_and_mosaics(path) == (
        [f"x.{ending}!/a/m.jpg", f"x.{ending}!/b/m.png"],
        [f"x.{ending}!/a/m.png"],
    )


def test_a_pipe_that_looks_like_a_report_is_not_waited_for(tmp_path: Path) -> None:
    lay(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "a.json")
    assert photos_and_mosaics(tmp_path) == (["a.jpg"], [])


def test_a_folder_without_json_is_listed_without_opening_a_file(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "other.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(collection, "read_bytes", None)
    assert len(listed(photos)) == 30


# Photos that nothing here can read


def test_raw_photos_are_counted_by_ending_in_any_case_and_are_no_photos(
    tmp_path: Path,
) -> None:
    lay(tmp_path, "a.DNG", "b.dng", "in/c.NEF", ".hidden.dng", "d.jpg", "notes.txt")
    (tmp_path / "folder.psd").mkdir()
    found = survey(str(tmp_path))
    assert found.unread == ["a.DNG", "b.dng", "in/c.NEF"]
    assert list(advise_unread(found.unread)) == [
        "3 files that we cannot read: 2 .dng, 1 .nef; export them as JPEG"
    ]


def test_raw_photos_in_archives_and_among_single_files_are_counted(tmp_path: Path) -> None:
    lay(tmp_path, "a.CR2")
    pack(tmp_path / "b.zip", {"in/c.arw": b"", "in/.d.arw": b"", "e.jpg": b""})
    found = survey([str(tmp_path / "a.CR2"), str(tmp_path / "b.zip")])
    assert found.unread == ["a.CR2", "b.zip!/in/c.arw"]


def test_a_raw_photo_with_a_twin_in_its_folder_is_not_missed(tmp_path: Path) -> None:
    lay(tmp_path, "1.NEF", "1.JPG", "2.NEF", "in/2.JPG")
    assert survey(str(tmp_path)).unread == ["2.NEF"]


def test_a_place_given_twice_counts_once(tmp_path: Path) -> None:
    lay(tmp_path, "a.dng", "b.jpg", b=report("b.jpg"))
    found = survey([str(tmp_path), str(tmp_path)])
    assert found == ([], ["b.jpg"], ["a.dng"])


def test_no_ending_is_both_a_photo_and_none() -> None:
    assert not {*ENDINGS.split()} & {*FOREIGN.split()}


def test_each_kind_has_its_own_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "formats", lambda: ["JPEG"])
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    names = ["a.heic", "b.HEIC", "c.heif", "d.avif", "e.psd", "f.jpg"]
    assert list(advise_unread(names)) == [
        "1 file that we cannot read: 1 .psd; export them as JPEG",
        "1 file that we cannot read: 1 .avif; install a newer Pillow",
        "3 files that we cannot read: 2 .heic, 1 .heif; pip install pillow-heif",
    ]


def test_where_there_are_decoders_nothing_is_to_be_repaired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collection, "formats", lambda: ["JPEG", "HEIF"])
    monkeypatch.setattr("PIL.features.check", lambda name: True)
    assert list(advise_unread(["a.heic", "b.avif", "c.jpg"])) == []


def test_the_summary_counts_what_was_left_out_and_what_could_not_be_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collection, "formats", lambda: ["JPEG"])
    found = collection.Found([], ["a.jpg"], ["b.dng"])
    assert list(describe_rest(found, ["c.heic", "damaged.jpg"])) == [
        "1 mosaic of ours left out",
        "1 file that we cannot read: 1 .dng; export them as JPEG",
        "1 file that we cannot read: 1 .heic; pip install pillow-heif",
    ]
    assert list(describe_rest(collection.Found([], [], []))) == []


def test_the_command_tells_what_is_no_photo(
    photos: Path, target: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(
        photos,
        "a.DNG",
        "old.jpg",
        "older.jpg",
        old=report("old.jpg"),
        older=report("x.png"),
    )
    args = [photos, target, "-o", tmp_path / "out.png", "--store", tmp_path / "a.h5"]
    assert main(["make", *map(str, args), *SMALL]) == 0
    said = capsys.readouterr().out.splitlines()
    at = said.index("photos   30 read, 0 skipped")
    assert said[at + 1 : at + 3] == [
        "besides  2 mosaics of ours left out",
        "besides  1 file that we cannot read: 1 .dng; export them as JPEG",
    ]


def test_a_folder_of_raw_photos_only_is_refused_with_the_repair(
    tmp_path: Path, target: Path, refusal: Callable[..., str]
) -> None:
    lay(tmp_path / "raw", "a.dng", "b.jpg", b=report("b.jpg"))
    said = refusal("make", tmp_path / "raw", target, "-o", tmp_path / "out.png", *SMALL)
    assert said == (
        "mosaic: no photos found; 1 mosaic of ours left out; 1 file that we cannot read: "
        "1 .dng; export them as JPEG; give a folder of photos"
    )


@pytest.mark.parametrize("command", ["thumbnails", "list"])
def test_a_step_tells_what_is_no_photo_on_the_terminal(
    command: str, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(photos, "a.DNG", "old.jpg", old=report("old.jpg"))
    assert main([command, str(photos), str(tmp_path / "made")]) == 0
    assert capsys.readouterr().err == (
        "1 mosaic of ours left out\n1 file that we cannot read: 1 .dng; export them as JPEG\n"
    )


def test_photos_on_several_drives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [str(tmp_path / name) for name in ("a", "b")]
    for folder in folders:
        Path(folder).mkdir()
    assert collection_root(folders) == str(tmp_path)

    def fail(paths: list[Path]) -> str:
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr(os.path, "commonpath", fail)
    with pytest.raises(MosaicError, match="on several drives cannot be one collection"):
        collection_root(folders)
