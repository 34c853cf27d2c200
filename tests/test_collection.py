"""Collections: archives, data sets, duplicates and tables."""

import functools
import gc
import gzip
import http.server
import io
import itertools
import os
import stat
import sys
import tarfile
import threading
import types
import warnings
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter

import mosaic
from data import cats
from smalti import collection
from smalti.collection import (
    DATASETS,
    DataSet,
    collection_root,
    describe_collection,
    fetch,
    find_alike,
    find_duplicates,
    fingerprint,
    hash_prints,
    list_collection,
    list_duplicates,
    open_any,
    parse_name,
    read_budgets,
    read_choices,
    read_pins,
    record_length,
    unpack,
    write_choices,
)
from smalti.ground.photos import UNREADABLE
from smalti.ground.settings import MosaicError

NAMES = st.text(min_size=1).map(lambda text: text.replace("\0", "?"))


def listed(*paths: Path | str) -> list[str]:
    """The names of a collection of these folders and archives."""
    return list_collection([str(path) for path in paths])


def content(colour: str, kind: str = "PNG") -> bytes:
    """The bytes of a small image file of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), colour).save(buffer, kind)
    return buffer.getvalue()


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """Make an archive, of the kind that its name tells, of files in this order."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, blob in files.items():
                archive.writestr(name, blob)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as tar:
        for name, blob in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(blob)
            tar.addfile(member, io.BytesIO(blob))
    return path


def colour_of(root: Path | str, name: str) -> tuple[int, ...]:
    """The colour of the first pixel of a photo of a collection."""
    with open_any(str(root), name) as photo:
        pixel = photo.convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel


def records(count: int, labels: int) -> bytes:
    """CIFAR records: picture i is of red i, green 10, and blue 0 to 255 from left to right."""
    planes = np.zeros((count, 3, 32, 32), np.uint8)
    planes[:, 0] = np.arange(count)[:, None, None]
    planes[:, 1] = 10
    planes[:, 2] = np.linspace(0, 255, 32)
    label = np.full((count, labels), 7, np.uint8)
    return np.hstack([label, planes.reshape(count, -1)]).tobytes()


ENDINGS = ["zip", "tar", "tar.gz", "tgz"]
PHOTOS = {
    "z/red.png": content("red"),
    "blue.PNG": content("blue"),
    ".hidden/x.png": content("red"),
    "__MACOSX/._blue.png": b"?",
    "readme.txt": b"hello",
    "z/lime.gif": content("lime", "GIF"),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_photos_in_an_archive_are_listed_and_opened_in_place(tmp_path, ending):
    pack(tmp_path / f"a.{ending}", PHOTOS)
    names = listed(tmp_path / f"a.{ending}")
    assert names == [f"a.{ending}!/{n}" for n in ("blue.PNG", "z/lime.gif", "z/red.png")]
    root = collection_root([str(tmp_path / f"a.{ending}")])
    assert [colour_of(root, name) for name in names] == [(0, 0, 255), (0, 255, 0), (255, 0, 0)]
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{ending}"]


def test_an_archive_made_of_the_folder_itself_is_not_hidden(tmp_path):
    pack(tmp_path / "a.tar", {"./b/red.png": content("red")})
    (name,) = listed(tmp_path / "a.tar")
    assert colour_of(tmp_path, name) == (255, 0, 0)


def test_a_compressed_tar_is_read_without_the_fast_package_too(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "indexed_gzip", None)
    pack(tmp_path / "a.tgz", PHOTOS)
    found = [colour_of(tmp_path, name) for name in reversed(listed(tmp_path / "a.tgz"))]
    assert found == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_folders_and_archives_are_one_collection_without_doubles(tmp_path, paint):
    paint(tmp_path / "in" / "one" / "a.png", ["red"])
    paint(tmp_path / "in" / "two" / "a.png", ["blue"])
    pack(tmp_path / "in" / "b.zip", {"a.png": content("lime")})
    paths = [tmp_path / "in" / "two", tmp_path / "in" / "b.zip", tmp_path / "in" / "one"]
    names = listed(*paths, tmp_path / "in" / "one" / "a.png", tmp_path / "in" / "one")
    assert names == ["b.zip!/a.png", f"one{os.sep}a.png", f"two{os.sep}a.png"]
    root = collection_root([str(path) for path in paths])
    assert [colour_of(root, name) for name in names] == [(0, 255, 0), (255, 0, 0), (0, 0, 255)]


def test_the_names_of_one_folder_are_those_of_the_book(tmp_path, photos):
    names = collection.list_photos(str(photos))
    assert listed(photos) == names
    assert list_collection(str(photos)) == names
    assert collection_root([str(photos)]) == collection_root(str(photos)) == str(photos)


def test_no_place_at_all_is_one_clear_line():
    for paths in ([], "", [""]):
        with pytest.raises(MosaicError, match="there is no folder or archive ''"):
            collection_root(paths)


def test_a_photo_that_goes_away_while_the_folder_is_read_is_left_out(photos, monkeypatch):
    names = collection.list_photos(str(photos))
    monkeypatch.setattr(collection, "list_photos", lambda folder: ["gone.jpg", *names])
    assert list_collection(str(photos)) == names


def test_a_folder_in_a_circle_of_links_is_listed_once(tmp_path, paint):
    paint(tmp_path / "a" / "red.png", ["red"])
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a", target_is_directory=True)
    assert listed(tmp_path / "a") == ["red.png"]


@pytest.mark.parametrize("name", ["nothing", "nothing.zip"])
def test_a_place_that_is_not_there_is_one_clear_line(tmp_path, name):
    with pytest.raises(MosaicError, match=r"there is no folder or archive .*nothing.*image_path"):
        listed(tmp_path / name)


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_archive_that_is_none_is_one_clear_line(tmp_path, ending):
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"this is not an archive" * 100)
    with pytest.raises(MosaicError, match="cannot read the archive"):
        listed(path)


def test_a_file_of_another_kind_is_one_clear_line(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(MosaicError, match="neither a folder, nor a photo, nor an archive"):
        listed(tmp_path / "a.txt")


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_a_truncated_archive_is_one_clear_line(tmp_path, ending):
    noise = np.random.default_rng(1).bytes
    path = pack(tmp_path / f"a.{ending}", {"a.png": noise(5000), "b.png": noise(5000)})
    path.write_bytes(path.read_bytes()[:7000])
    with pytest.raises(MosaicError, match="cannot read the archive"):
        listed(path)


def test_what_is_no_photo_in_an_archive_is_unreadable_and_says_so(tmp_path):
    pack(tmp_path / "a.zip", {"a.jpg": b"no photo"})
    with pytest.raises(UNREADABLE, match=r"^cannot identify image file$"):
        open_any(str(tmp_path), "a.zip!/a.jpg")


def test_a_damaged_member_spoils_nothing_else(tmp_path):
    path = pack(tmp_path / "a.zip", {"a.png": content("red"), "b.png": content("blue")})
    blob = bytearray(path.read_bytes())
    blob[45:60] = bytes(15)
    path.write_bytes(blob)
    with pytest.raises(OSError, match="damaged"):
        open_any(str(tmp_path), "a.zip!/a.png")
    assert colour_of(tmp_path, "a.zip!/b.png") == (0, 0, 255)


def test_an_encrypted_member_is_unreadable(tmp_path):
    path = pack(tmp_path / "a.zip", {"a.png": content("red")})
    blob = bytearray(path.read_bytes())
    blob[6] |= 1
    blob[blob.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(blob)
    with pytest.raises(OSError, match="encrypted"):
        open_any(str(tmp_path), "a.zip!/a.png")


def test_a_member_that_unfolds_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(collection, "LARGEST", 1000)
    pack(tmp_path / "a.zip", {"a.png": bytes(100_000)})
    with pytest.raises(OSError, match="too many for a photo"):
        open_any(str(tmp_path), "a.zip!/a.png")


@pytest.mark.parametrize("name", ["a.zip!/b.png", "b.zip!/a.png", "no.png", "a.bin#3"])
def test_a_photo_that_is_not_there_is_unreadable(tmp_path, name):
    pack(tmp_path / "a.zip", {"a.png": content("red")})
    (tmp_path / "a.bin").write_bytes(records(3, labels=1))
    with pytest.raises(UNREADABLE):
        open_any(str(tmp_path), name)


@pytest.mark.parametrize("ending", ENDINGS)
def test_processes_and_threads_read_an_archive_without_mixing_photos(tmp_path, ending):
    shades = {f"{i:03}.png": content(f"rgb({i}, 0, 0)") for i in range(120)}
    order = sorted(shades, key=lambda name: name[::-1])
    path = pack(tmp_path / f"a.{ending}", {name: shades[name] for name in order})
    names = listed(path)
    expected = [(i, 0, 0) for i in range(120)]
    assert colour_of(tmp_path, names[5]) == expected[5]  # the archive is open here already
    task = functools.partial(colour_of, tmp_path)
    for pool in (ProcessPoolExecutor(3), ThreadPoolExecutor(4)):
        with pool:
            assert list(pool.map(task, names)) == expected


def test_an_archive_that_is_replaced_is_read_anew(tmp_path):
    path = pack(tmp_path / "a.zip", {"a.png": content("red")})
    assert colour_of(tmp_path, listed(path)[0]) == (255, 0, 0)
    pack(tmp_path / "b.zip", {"a.png": content("blue"), "b.png": b""}).replace(path)
    assert colour_of(tmp_path, listed(path)[0]) == (0, 0, 255)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_one_more_photo_in_an_archive_changes_the_description_of_no_other(tmp_path, ending):
    def describe() -> list[Any]:
        return describe_collection([str(path)])

    path = pack(tmp_path / f"a.{ending}", {"b.png": content("red")})
    (before,) = describe()
    pack(path, {"a.png": content("blue"), "b.png": content("red")})
    assert describe()[1] == before
    pack(path, {"b.png": content("navy") + b"."})
    assert describe() != [before]


@pytest.mark.parametrize("labels", [1, 2])
def test_cifar_pictures_are_numbered_and_have_their_planes_in_order(tmp_path, labels):
    blob = records(4, labels)
    (tmp_path / "data_batch_1.bin").write_bytes(blob)
    (tmp_path / "other.bin").write_bytes(b"something else")
    pack(tmp_path / "c.tar.gz", {"x/readme.html": b"?", "x/train.bin": blob})
    pack(tmp_path / "c.zip", {"x/train.bin": blob})
    for path, lead in [
        (tmp_path, "data_batch_1.bin"),
        (tmp_path / "data_batch_1.bin", "data_batch_1.bin"),
        (tmp_path / "c.tar.gz", "c.tar.gz!/x/train.bin"),
        (tmp_path / "c.zip", "c.zip!/x/train.bin"),
    ]:
        names = listed(path)
        assert names == [f"{lead}#{i:05}" for i in range(4)]
        for i in (3, 0, 2):
            with open_any(str(tmp_path), names[i]) as photo:
                assert (photo.mode, photo.size) == ("RGB", (32, 32))
                assert (photo.getpixel((0, 31)), photo.getpixel((31, 0))) == (
                    (i, 10, 0),
                    (i, 10, 255),
                )


def test_a_pickle_is_never_opened(tmp_path):
    blob = b"cos\nsystem\n(S'false'\ntR."
    pack(tmp_path / "cifar-10-python.tar.gz", {"b/data_batch_1": blob, "b/data_batch_1.bin": blob})
    assert listed(tmp_path / "cifar-10-python.tar.gz") == []


def test_the_length_of_a_record_follows_from_the_size_of_the_file():
    assert record_length("data_batch_1.bin", 10_000 * 3073) == 3073
    assert [record_length("a.bin", n * 3074) for n in (50_000, 10_000)] == [3074, 3074]
    assert (record_length("a.bin", 0), record_length("a.jpg", 3073)) == (0, 0)


@given(st.text(min_size=1).filter(lambda name: "!/" not in name and "#" not in name))
def test_the_name_of_an_ordinary_file_is_its_path(name):
    assert parse_name(name) == (name, "", -1)
    assert parse_name(f"a.ZIP!/{name}") == ("a.ZIP", name, -1)


def test_names_with_signs_of_their_own_are_read_as_meant():
    assert parse_name("hey!/a#3.jpg") == ("hey!/a#3.jpg", "", -1)
    assert parse_name("a.zip!/b.zip!/c.jpg") == ("a.zip", "b.zip!/c.jpg", -1)


# Data sets


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """A web server: its folder, its address, and what it was asked for."""
    folder, asked = tmp_path / "served", list[str]()
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: Any) -> None:
            asked.append(self.path)

        def end_headers(self) -> None:
            if "short" in self.path:
                self.send_header("X-Note", "cut")
            super().end_headers()

        def copyfile(self, source: Any, outputfile: Any) -> None:
            blob = source.read()
            outputfile.write(blob[: len(blob) // 2] if "short" in self.path else blob)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}", asked
        httpd.shutdown()
        thread.join()
    with warnings.catch_warnings():  # a failed answer is left open for the collector
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def offer(folder: Path, server: str, file: str, **facts: Any) -> dict[str, DataSet]:
    """A table of one data set, `tiny`, with the right facts about a served file."""
    import pooch

    path = folder / file
    data = DataSet(
        address=f"{server}/{file}",
        size=path.stat().st_size,
        checksum=f"sha256:{pooch.file_hash(str(path))}",
        unpack=True,
        licence="none",
        what="a test",
    )
    return {"tiny": data._replace(**facts)}


def left(folder: Path) -> list[str]:
    """The names of all that is in a folder, if there is one."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_data_set_is_fetched_checked_unpacked_and_not_fetched_again(tmp_path, server, ending):
    folder, address, asked = server
    pack(folder / f"t.{ending}", {"images/a.png": content("red"), "b.png": content("blue")})
    table, data = offer(folder, address, f"t.{ending}"), tmp_path / "data" / "sets"
    for _ in range(2):
        assert fetch("tiny", data, table=table, quiet=True) == data / "tiny"
    assert (data / "tiny" / "images" / "a.png").read_bytes() == content("red")
    assert (left(data), left(data / "tiny"), len(asked)) == (["tiny"], ["b.png", "images"], 1)


def test_a_data_set_that_is_read_in_place_stays_packed(tmp_path, server):
    folder, address, asked = server
    pack(folder / "c.tar.gz", {"data_batch_1.bin": records(3, labels=1)})
    table = offer(folder, address, "c.tar.gz", unpack=False)
    for _ in range(2):
        path = fetch("tiny", tmp_path / "data", table=table, quiet=True)
    assert len(listed(path)) == 3
    assert (left(tmp_path / "data"), len(asked)) == (["c.tar.gz"], 1)


def test_a_mirror_serves_as_well(tmp_path, server):
    folder, address, _ = server
    pack(folder / "t.zip", {"a.png": content("red")})
    table = offer(folder, "http://127.0.0.1:1/elsewhere", "t.zip")
    path = fetch("tiny", tmp_path / "data", table=table, mirror=address, quiet=True)
    assert left(path) == ["a.png"]


def refused(tmp_path: Path, table: dict[str, DataSet], match: str) -> None:
    """See that fetching fails by one clear line, and leaves nothing behind."""
    with pytest.raises(MosaicError, match=match) as caught:
        fetch("tiny", tmp_path / "data", table=table, quiet=True)
    assert "\n" not in str(caught.value)
    assert left(tmp_path / "data") in ([], [table["tiny"].address.rsplit("/", 1)[1]])
    assert not (tmp_path / "data" / "tiny").exists()


def test_a_wrong_checksum_is_one_clear_line_and_leaves_nothing(tmp_path, server):
    folder, address, _ = server
    pack(folder / "t.zip", {"a.png": content("red")})
    refused(tmp_path, offer(folder, address, "t.zip", checksum="md5:" + 32 * "0"), "checksum")
    assert left(tmp_path / "data") == []


def test_a_transfer_that_breaks_leaves_nothing_and_can_be_repeated(tmp_path, server):
    folder, address, _ = server
    pack(folder / "short.zip", {"a.png": np.random.default_rng(1).bytes(50_000)})
    refused(tmp_path, offer(folder, address, "short.zip"), "cannot fetch .* try again later")
    assert left(tmp_path / "data") == []
    (folder / "short.zip").rename(folder / "t.zip")
    assert fetch("tiny", tmp_path / "data", table=offer(folder, address, "t.zip"), quiet=True)


def test_a_file_that_is_gone_and_a_server_that_is_off_are_clear_lines(tmp_path, server):
    folder, address, _ = server
    pack(folder / "t.zip", {"a.png": content("red")})
    table = offer(folder, address, "t.zip", address=f"{address}/gone.zip")
    refused(tmp_path, table, r"gone.zip \(404\)")
    table = offer(folder, "http://127.0.0.1:1", "t.zip")
    refused(tmp_path, table, r"cannot fetch http://127.0.0.1:1/t.zip \(ConnectionError\)")


def test_without_a_checksum_the_size_counts_and_the_checksum_is_told(tmp_path, server, capsys):
    folder, address, _ = server
    pack(folder / "t.zip", {"a.png": content("red")})
    right = offer(folder, address, "t.zip")
    table = offer(folder, address, "t.zip", checksum="")
    assert fetch("tiny", tmp_path / "data", table=table, quiet=True).is_dir()
    assert right["tiny"].checksum in capsys.readouterr().out
    (folder / "sorry.zip").write_text("sorry")
    table = offer(folder, address, "sorry.zip", checksum="", size=1000)
    refused(tmp_path / "again", table, "has 5 bytes, not about 1000")


def test_a_disk_that_is_too_small_is_known_before(tmp_path, server):
    folder, address, asked = server
    pack(folder / "t.zip", {"a.png": content("red")})
    refused(tmp_path, offer(folder, address, "t.zip", size=1 << 60), "MB are needed")
    assert asked == []


def test_an_unknown_data_set_is_answered_by_the_nearest_name(tmp_path):
    with pytest.raises(MosaicError, match=r"no data set 'cifar'; did you mean cifar10?"):
        fetch("cifar", tmp_path)
    with pytest.raises(MosaicError, match=r"there are cifar10, cifar100, pets"):
        fetch("xyz", tmp_path)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MosaicError, match="pip install pooch"):
        fetch("cifar10", tmp_path)
    with pytest.raises(MosaicError, match="pip install kagglehub"):
        fetch("cats", tmp_path)


def test_kaggle_hands_out_a_folder_or_one_clear_line(tmp_path, monkeypatch):
    errors: Any = types.ModuleType("kagglehub.exceptions")
    errors.CredentialError = type("CredentialError", (Exception,), {})
    errors.UnauthenticatedError = type("UnauthenticatedError", (Exception,), {})
    kaggle: Any = types.ModuleType("kagglehub")
    kaggle.dataset_download = lambda handle: str(tmp_path / handle)
    monkeypatch.setitem(sys.modules, "kagglehub", kaggle)
    monkeypatch.setitem(sys.modules, "kagglehub.exceptions", errors)
    assert fetch("cats", tmp_path) == tmp_path / "crawford" / "cat-dataset"

    def refuse(handle: str) -> str:
        raise errors.UnauthenticatedError("User is not authenticated\nsorry")

    kaggle.dataset_download = refuse
    with pytest.raises(MosaicError, match=r"\(User is not authenticated\); log in once") as caught:
        fetch("cats", tmp_path)
    assert "\n" not in str(caught.value)


def test_the_table_of_data_sets_is_complete():
    for data in DATASETS.values():
        kind, _, digits = data.checksum.partition(":")
        assert (kind, len(digits)) in {("sha256", 64), ("md5", 32), ("", 0)}
        assert data.address.startswith(("https://", "kaggle:")) and data.licence and data.what


# Archives that mean no good


def evil_tar(path: Path, **facts: Any) -> Path:
    """A tar of a good file and of one with these properties."""
    with tarfile.open(path, "w") as tar:
        for name, more in (("good.png", {}), ("bad.png", facts)):
            member = tarfile.TarInfo(name)
            for key, value in more.items():
                setattr(member, key, value)
            tar.addfile(member)
    return path


def evil_zip(path: Path, name: str, mode: int = 0) -> Path:
    """A zip of a good file and of one of this name and mode."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.png", b"")
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        archive.writestr(entry, "/etc/passwd")
    return path


EVIL: dict[str, Callable[[Path], Path]] = {
    "tar-above": lambda path: evil_tar(path / "e.tar", name="a/../../evil.png"),
    "tar-absolute": lambda path: evil_tar(path / "e.tar", name=str(path / "evil.png")),
    "tar-drive": lambda path: evil_tar(path / "e.tar", name="C:/evil.png"),
    "tar-backslash": lambda path: evil_tar(path / "e.tar", name="..\\evil.png"),
    "tar-symlink": lambda path: evil_tar(
        path / "e.tar", type=tarfile.SYMTYPE, linkname="../evil.png"
    ),
    "tar-hardlink": lambda path: evil_tar(
        path / "e.tar", type=tarfile.LNKTYPE, linkname="/etc/passwd"
    ),
    "tar-device": lambda path: evil_tar(path / "e.tar", type=tarfile.CHRTYPE),
    "tar-pipe": lambda path: evil_tar(path / "e.tar", type=tarfile.FIFOTYPE),
    "zip-above": lambda path: evil_zip(path / "e.zip", "../evil.png"),
    "zip-absolute": lambda path: evil_zip(path / "e.zip", "/evil.png"),
    "zip-symlink": lambda path: evil_zip(path / "e.zip", "evil.png", stat.S_IFLNK | 0o777),
    "zip-device": lambda path: evil_zip(path / "e.zip", "evil.png", stat.S_IFCHR),
    "zip-bomb": lambda path: pack(path / "e.zip", {"a.png": bytes(2_000_000)}),
    "tar-bomb": lambda path: pack(path / "e.tgz", {f"{i}.png": bytes(1000) for i in range(999)}),
    "many-empty": lambda path: pack(path / "e.tgz", {f"{i}.png": b"" for i in range(2500)}),
    "damaged-tgz": lambda path: (path / "e.tgz", (path / "e.tgz").write_bytes(b"\x1f\x8b?"))[0],
    "no-archive": lambda path: (path / "e.zip", (path / "e.zip").write_bytes(b"sorry"))[0],
}


@pytest.mark.parametrize("evil", EVIL)
def test_an_evil_archive_is_refused_and_writes_nothing_anywhere(tmp_path, evil):
    place = tmp_path / "in"
    place.mkdir()
    archive = EVIL[evil](place)
    with pytest.raises(MosaicError) as caught:
        unpack(archive, place / "out", most=1_000_000)
    assert "\n" not in str(caught.value)
    assert (left(tmp_path), left(place)) == (["in"], [archive.name])


def test_a_truncated_archive_is_not_half_unpacked(tmp_path):
    noise = np.random.default_rng(1).bytes
    for ending in ("zip", "tgz", "tar"):
        path = pack(tmp_path / f"a.{ending}", {"a.png": noise(30_000), "b.png": noise(30_000)})
        path.write_bytes(path.read_bytes()[:40_000])
        with pytest.raises(MosaicError, match="cannot unpack"):
            unpack(path, tmp_path / "out", most=1_000_000)
        assert left(tmp_path) == [f"a.{ending}"]
        path.unlink()


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,3}(/[a-z]{4,6}\.png)", fullmatch=True), st.binary(max_size=99)
    ),
    st.sampled_from(ENDINGS),
)
def test_what_was_packed_is_unpacked(tmp_path_factory, files, ending):
    folder = tmp_path_factory.mktemp("unpack")
    archive = pack(folder / f"a.{ending}", files)
    unpack(archive, folder / "out", most=1_000_000)
    found = {
        path.relative_to(folder / "out").as_posix(): path.read_bytes()
        for path in (folder / "out").rglob("*.png")
    }
    assert found == files


# Duplicates


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    """Forty different cats."""
    return [cats.paint_cat(i) for i in range(40)]


def thumbnails(images: list[Image.Image]) -> Any:
    """Thumbnails that are not square, as an array."""
    return np.stack([np.asarray(mosaic.shrink_photo(image, (48, 40))) for image in images])


def saved(image: Image.Image, quality: int) -> Image.Image:
    """The image as a JPEG of a quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "the same": lambda image: image,
    "smaller": lambda image: image.resize((70, 70)),
    "recompressed": lambda image: saved(image, 15),
    "cropped": lambda image: image.crop((4, 3, 197, 196)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "paler": lambda image: ImageEnhance.Contrast(image).enhance(0.8),
    "soft": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(pictures, change):
    copies = [CHANGES[change](image) for image in pictures[:20]]
    groups = find_duplicates(thumbnails(pictures + copies))
    found = sum(groups[i] == groups[40 + i] for i in range(20))
    assert found >= (17 if change in ("cropped", "brighter") else 20)
    assert len(set(groups[:40].tolist())) == 40


def test_different_cats_are_different(pictures):
    assert find_duplicates(thumbnails(pictures)).tolist() == list(range(40))


def test_groups_are_numbered_by_their_first_photos(pictures):
    a, b, c = thumbnails(pictures[:3])
    groups = find_duplicates(np.stack([a, b, b, a, c, b]))
    assert groups.tolist() == [0, 1, 1, 0, 2, 1]
    assert groups.dtype == np.int64


def test_a_mirrored_and_a_negative_photo_are_other_photos(pictures):
    a = thumbnails(pictures[:1])[0]
    assert find_duplicates(np.stack([a, a[:, ::-1], 255 - a])).tolist() == [0, 1, 2]


def test_blank_photos_are_alike_if_their_colours_are():
    colours = np.array([[0, 0, 0], [255, 255, 255], [0, 0, 0], [200, 0, 0], [205, 0, 2]])
    blank = np.broadcast_to(colours[:, None, None], (5, 9, 12, 3)).astype(np.uint8)
    assert find_duplicates(blank).tolist() == [0, 1, 0, 2, 2]


@pytest.mark.parametrize("n", [0, 1])
def test_no_photo_and_a_single_photo_have_no_duplicates(n):
    groups = find_duplicates(np.zeros((n, 20, 30, 3), np.uint8))
    assert groups.tolist() == list(range(n))
    assert list(list_duplicates(["a"] * n, groups)) == []


def test_a_thousand_copies_are_one_group_in_little_memory(pictures):
    prints = np.repeat(fingerprint(thumbnails(pictures[:2])), 1000, axis=0)
    assert find_alike(prints).tolist() == [0] * 1000 + [1] * 1000


def test_fingerprints_do_not_depend_on_the_size_of_the_thumbnail(pictures):
    small, large = (np.asarray(pictures[0].resize(size)) for size in ((40, 30), (80, 60)))
    a, b = fingerprint(small[None])[0], fingerprint(large[None])[0]
    assert np.allclose(a[:, 0, 0], large.mean(axis=(0, 1)), atol=2)
    assert np.abs(a - b).max() < 3


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(0, 2**32), st.integers(0, 20))
def test_groups_are_the_connected_parts_of_all_pairs(n, seed, distance):
    rng = np.random.default_rng(seed)
    prints = rng.normal(0, 9, (4, 3, 8, 8))[rng.integers(0, 4, n)]
    prints = (prints + rng.normal(0, 1, prints.shape)).astype(np.float32)
    hashes = [int(code) for code in hash_prints(prints)]
    looks = collection.unit_prints(prints)
    groups = list(range(n))
    for i, j in itertools.combinations(range(n), 2):
        if (hashes[i] ^ hashes[j]).bit_count() <= distance and looks[i] @ looks[j] >= 0.95:
            groups = [groups[i] if group == groups[j] else group for group in groups]
    found = find_alike(prints, distance).tolist()
    assert [groups.index(g) for g in groups] == [found.index(g) for g in found]


def test_duplicates_are_listed_by_name():
    lines = list(list_duplicates(["a", "b", "c", "d", "e"], np.array([0, 1, 0, 2, 1])))
    assert lines == ["2 photos look the same: a, c", "2 photos look the same: b, e"]


# Tables


@settings(deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=5, unique=True), st.data())
def test_choices_survive_the_round_trip_whatever_the_names(tmp_path_factory, names, data):
    path = tmp_path_factory.mktemp("choices") / "choices.csv"
    names = [os.fsdecode(name.encode(errors="replace") + b"\xff,\"\n'\r\n") for name in names]
    shape = data.draw(st.tuples(*[st.integers(1, 3)] * 3))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    choices, distances = rng.integers(0, len(names), shape), rng.random(shape) * 1e4
    write_choices(path, choices, distances, names)
    again, far = read_choices(path, names)
    assert (again == choices).all() and (far == distances).all()
    assert again.shape == shape


def test_choices_are_a_table_that_a_person_can_read(tmp_path):
    write_choices(tmp_path / "c.csv", np.array([[[1, 0]]]), np.array([[[0.5, 2]]]), ["a,b", "c"])
    text = (tmp_path / "c.csv").read_text()
    assert text == 'row,col,rank,name,distance\n0,0,0,c,0.5\n0,0,1,"a,b",2.0\n'


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ("", "0 lines are not the same number"),
        ("0,0,0,a,1\n0,1,0,a,1\n0,1,1,a,1\n", "3 lines are not the same number"),
        ("0,0,0,a,1\n0,0,0,a,1\n", "line 3: row 0, col 0 has rank 0 twice"),
        ("0,0,0,a,far\n", "line 2: distance is 'far', not a number"),
        ("0,x,0,a,1\n", "line 2: col is 'x'"),
        ("0,0,0,b,1\n", "line 2: there is no photo 'b'"),
        ("999999999,999999999,999999999,a,1\n", "1 lines are not the same number"),
    ],
)
def test_a_table_of_choices_with_a_mistake_is_one_clear_line(tmp_path, lines, match):
    (tmp_path / "c.csv").write_text("row,col,rank,name,distance\n" + lines)
    with pytest.raises(MosaicError, match=match):
        read_choices(tmp_path / "c.csv", ["a"])


PEOPLE = ["x/grandma.jpg", "x/logo.png", "a.zip!/y/logo.png", "dog.jpg"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("comma", [",", ";", "\t"])
def test_budgets_are_read_and_the_others_keep_theirs(tmp_path, comma, mark):
    text = "name,min,max\r\ngrandma.jpg,1,1\r\na.zip!/y/logo.png,,5\r\n\r\n".replace(",", comma)
    (tmp_path / "b.csv").write_bytes(mark + text.encode())
    least, most = read_budgets(tmp_path / "b.csv", PEOPLE, 0, 2)
    assert (least.tolist(), most.tolist()) == ([1, 0, 0, 0], [1, 2, 5, 2])


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ("granma.jpg,1,1", "line 2: there is no photo 'granma.jpg'; did you mean 'grandma.jpg'?"),
        ("logo.png,1,1", "line 2: 2 photos are called 'logo.png': 'x/logo.png'"),
        ("dog.jpg,2,1", "line 2: min is 2, but max is 1"),
        ("dog.jpg,-1,1", "line 2: min is '-1'; it must be a whole number"),
        ("dog.jpg,1.5,2", "line 2: min is '1.5'"),
        ("dog.jpg,1,²", "line 2: max is '²'"),
        ("dog.jpg,1", "line 2: min is 1, but max is 0"),
        ("dog.jpg,0,1\ndog.jpg,0,2", "line 3: 'dog.jpg' is named twice"),
        ('"dog.jpg', "unexpected end of data"),
    ],
)
def test_budgets_with_a_mistake_are_one_clear_line(tmp_path, lines, match):
    (tmp_path / "b.csv").write_text("name,min,max\n" + lines, encoding="utf-8")
    with pytest.raises(MosaicError, match=match):
        read_budgets(tmp_path / "b.csv", PEOPLE, 0, 0)


def test_pins_are_read_with_rows_before_columns(tmp_path):
    (tmp_path / "p.csv").write_text("name,col,row\ngrandma.jpg,3,1\ndog.jpg,0,0\n")
    pins = read_pins(tmp_path / "p.csv", PEOPLE, (2, 4))
    assert pins.reshape(2, 4).tolist() == [[3, -1, -1, -1], [-1, -1, -1, 0]]


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ("2,0,dog.jpg", "line 2: row is 2, but they go from 0 to 1"),
        ("0,4,dog.jpg", "line 2: col is 4, but they go from 0 to 3"),
        ("0,,dog.jpg", "line 2: col is ''"),
        ("0,1,dog.jpg\n0,1,grandma.jpg", "line 3: the cell in row 0 and col 1 is pinned twice"),
        ("0,1,cat", "line 2: there is no photo 'cat'"),
    ],
)
def test_pins_with_a_mistake_are_one_clear_line(tmp_path, lines, match):
    (tmp_path / "p.csv").write_text("row,col,name\n" + lines)
    with pytest.raises(MosaicError, match=match):
        read_pins(tmp_path / "p.csv", PEOPLE, (2, 4))


def test_a_table_that_is_missing_or_has_other_columns_is_one_clear_line(tmp_path):
    with pytest.raises(MosaicError, match=r"cannot read the table .*no\.csv"):
        read_pins(tmp_path / "no.csv", PEOPLE, (2, 4))
    (tmp_path / "p.csv").write_text("row,name\n0,dog.jpg\n")
    with pytest.raises(MosaicError, match="no column col; the first line must be row,col,name"):
        read_pins(tmp_path / "p.csv", PEOPLE, (2, 4))


def test_a_gzip_of_several_parts_is_read_whole(tmp_path):
    blob = pack(tmp_path / "a.tar", PHOTOS).read_bytes()
    parts = gzip.compress(blob[:700]) + gzip.compress(blob[700:])
    (tmp_path / "b.tgz").write_bytes(parts)
    assert [colour_of(tmp_path, name) for name in listed(tmp_path / "b.tgz")] == [
        (0, 0, 255),
        (0, 255, 0),
        (255, 0, 0),
    ]
