"""Collections: all photos are listed, none twice, and described so that changes show."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from packing import colour_of, content, listed, pack

from smalti.ground import collection
from smalti.ground.collection import collection_root, describe_collection, list_collection
from smalti.ground.errors import MosaicError


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
    assert names == ["b.zip!/a.png", f"one{os.sep}a.png", f"two{os.sep}a.png"]
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
    monkeypatch.setattr(collection, "list_photos", lambda folder: ["gone.jpg", *names])
    assert list_collection(str(photos)) == names


def test_a_folder_in_a_circle_of_links_is_listed_once(
    tmp_path: Path, paint: Callable[..., Path]
) -> None:
    paint(tmp_path / "a" / "red.png", ["red"])
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a", target_is_directory=True)
    assert listed(tmp_path / "a") == ["red.png"]


@pytest.mark.parametrize("name", ["nothing", "nothing.zip"])
def test_a_place_that_is_not_there_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        MosaicError, match=r"there is no folder or archive .*nothing.*image_path"
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
