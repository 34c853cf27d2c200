"""Archives and CIFAR files: their photos are named, and opened where they are."""

import contextlib
import functools
import gc
import gzip
import io
import os
import struct
import sys
import tarfile
import tracemalloc
import zipfile
import zlib
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from damage import is_open
from hypothesis import given
from hypothesis import strategies as st
from packing import colour_of, content, listed, pack, records
from PIL import Image

from mosaic import shrink_photo
from smalti.ground import archives
from smalti.ground.archives import load_image, open_any, readings, record_length
from smalti.ground.collection import collection_root
from smalti.ground.errors import MosaicError, Unreadable

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
def test_photos_in_an_archive_are_listed_and_opened_in_place(
    tmp_path: Path, ending: str
) -> None:
    pack(tmp_path / f"a.{ending}", PHOTOS)
    names = listed(tmp_path / f"a.{ending}")
    assert names == [f"a.{ending}!/{n}" for n in ("blue.PNG", "z/lime.gif", "z/red.png")]
    root = collection_root([str(tmp_path / f"a.{ending}")])
    assert [colour_of(root, name) for name in names] == [
        (0, 0, 255),
        (0, 255, 0),
        (255, 0, 0),
    ]
    assert [path.name for path in tmp_path.iterdir()] == [f"a.{ending}"]


def test_an_archive_made_of_the_folder_itself_is_not_hidden(tmp_path: Path) -> None:
    pack(tmp_path / "a.tar", {"./b/red.png": content("red")})
    (name,) = listed(tmp_path / "a.tar")
    assert colour_of(tmp_path, name) == (255, 0, 0)


def test_links_folders_pipes_and_files_with_holes_in_a_tar_are_no_photos(
    tmp_path: Path,
) -> None:
    kinds = {
        "z.png": tarfile.REGTYPE,
        "link.png": tarfile.SYMTYPE,
        "twin.png": tarfile.LNKTYPE,
        "holes.png": tarfile.GNUTYPE_SPARSE,
        "folder.png": tarfile.DIRTYPE,
        "pipe.png": tarfile.FIFOTYPE,
    }
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in kinds.items():
            member, blob = tarfile.TarInfo(name), content("red")
            member.type, member.linkname = kind, "z.png"
            member.size = len(blob) if name == "z.png" else 0
            tar.addfile(member, io.BytesIO(blob))
    assert listed(tmp_path / "a.tar") == ["a.tar!/z.png"]


def test_a_folder_in_a_zip_is_no_photo(tmp_path: Path) -> None:
    pack(tmp_path / "a.zip", {"folder.png/": b"", "z.png": content("red")})
    with pytest.raises(Unreadable, match=r"there is no 'folder\.png/'"):
        open_any(str(tmp_path), "a.zip!/folder.png/")


def test_a_compressed_tar_is_read_without_the_fast_package_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "indexed_gzip", None)
    pack(tmp_path / "a.tgz", PHOTOS)
    found = [colour_of(tmp_path, name) for name in reversed(listed(tmp_path / "a.tgz"))]
    assert found == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def test_a_gzip_of_several_parts_is_read_whole(tmp_path: Path) -> None:
    blob = pack(tmp_path / "a.tar", PHOTOS).read_bytes()
    parts = gzip.compress(blob[:700]) + gzip.compress(blob[700:])
    (tmp_path / "b.tgz").write_bytes(parts)
    assert [colour_of(tmp_path, name) for name in listed(tmp_path / "b.tgz")] == [
        (0, 0, 255),
        (0, 255, 0),
        (255, 0, 0),
    ]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_archive_that_is_none_is_one_clear_line(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(b"this is not an archive" * 100)
    with pytest.raises(MosaicError, match=r"cannot read .*a\."):
        listed(path)


@pytest.mark.parametrize("ending", ["zip", "tar.gz"])
def test_a_truncated_archive_is_one_clear_line(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(1).bytes
    path = pack(tmp_path / f"a.{ending}", {"a.png": noise(5000), "b.png": noise(5000)})
    path.write_bytes(path.read_bytes()[:7000])
    with pytest.raises(MosaicError, match=r"cannot read .*a\."):
        listed(path)


def test_what_is_no_photo_in_an_archive_is_unreadable_and_says_so(tmp_path: Path) -> None:
    pack(tmp_path / "a.zip", {"a.jpg": b"no photo"})
    with pytest.raises(Unreadable, match=r"cannot identify image file 'the file'$"):
        open_any(str(tmp_path), "a.zip!/a.jpg")


@pytest.mark.parametrize(
    "error",
    [
        OSError,
        zipfile.BadZipFile,
        tarfile.ReadError,
        RuntimeError,
        NotImplementedError,
        EOFError,
        IndexError,
        ValueError,
        struct.error,
        zlib.error,
    ],
)
def test_what_an_archive_raises_is_one_line_that_names_it(error: type[Exception]) -> None:
    said = pytest.raises(Unreadable, match=r"^cannot read a\.zip: wrong$")
    with said, archives.reading("a.zip"):
        raise error("wrong")


def test_a_mistake_of_ours_is_no_fault_of_an_archive() -> None:
    for mistake in (ZeroDivisionError, TypeError, KeyError, AttributeError):
        with pytest.raises(mistake), archives.reading("a.zip"):
            raise mistake


def test_a_damaged_member_spoils_nothing_else(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": content("red"), "b.png": content("blue")})
    blob = bytearray(path.read_bytes())
    blob[45:60] = bytes(15)
    path.write_bytes(blob)
    with pytest.raises(Unreadable, match=r"cannot read .*a\.zip: "):
        open_any(str(tmp_path), "a.zip!/a.png")
    assert colour_of(tmp_path, "a.zip!/b.png") == (0, 0, 255)


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz"])
def test_damage_of_any_kind_makes_an_archive_or_its_photos_unreadable(
    tmp_path: Path, ending: str
) -> None:
    good, rng = (
        pack(tmp_path / f"good.{ending}", PHOTOS).read_bytes(),
        np.random.default_rng(2),
    )
    for i in range(100):
        bad = bytearray(good)
        for _ in range(rng.integers(1, 5)):
            bad[rng.integers(len(bad))] = rng.integers(256)
        path = tmp_path / f"{i}.{ending}"
        path.write_bytes(bad)
        with contextlib.suppress(MosaicError):
            for name in listed(path):
                with (
                    contextlib.suppress(Unreadable),
                    open_any(str(tmp_path), name) as photo,
                ):
                    assert photo.size


def test_an_encrypted_member_is_unreadable(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": content("red")})
    blob = bytearray(path.read_bytes())
    blob[6] |= 1
    blob[blob.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(blob)
    with pytest.raises(Unreadable, match="encrypted"):
        open_any(str(tmp_path), "a.zip!/a.png")


def test_a_member_that_unfolds_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "FILE_LIMIT", 1000)
    pack(tmp_path / "a.zip", {"a.png": bytes(100_000)})
    with pytest.raises(Unreadable, match="too many for a photo"):
        open_any(str(tmp_path), "a.zip!/a.png")


@pytest.mark.long
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_large_member_is_never_in_memory_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(archives, "IN_MEMORY", 1 << 20)
    zeros = content("red", "BMP") + bytes(20 << 20)
    pack(tmp_path / f"a.{ending}", {"a.bmp": zeros, "b.bmp": zeros[-(20 << 20) :]})
    tracemalloc.start()
    try:
        assert colour_of(tmp_path, f"a.{ending}!/a.bmp") == (255, 0, 0)
        with pytest.raises(Unreadable, match="cannot identify"):
            open_any(str(tmp_path), f"a.{ending}!/b.bmp")
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()
    gc.collect()  # would warn of a file that was left open


@pytest.mark.parametrize("method", ["ZIP_BZIP2", "ZIP_LZMA"])
def test_a_member_whose_unfolding_has_no_bounds_is_refused(
    tmp_path: Path, method: str
) -> None:
    how = getattr(zipfile, method)
    try:
        with zipfile.ZipFile(tmp_path / "a.zip", "w", how) as archive:
            archive.writestr("a.png", content("red"))
    except RuntimeError:
        pytest.skip("this Python cannot write it")
    with pytest.raises(Unreadable, match="compressed in an unusual way"):
        open_any(str(tmp_path), "a.zip!/a.png")


def test_a_folder_may_be_called_like_the_inside_of_an_archive(tmp_path: Path) -> None:
    folder = tmp_path / "a.zip!" / "b.tar!"
    folder.mkdir(parents=True)
    (folder / "red.png").write_bytes(content("red"))
    pack(folder / "c.zip", {"blue.png": content("blue")})
    assert listed(tmp_path) == ["a.zip!/b.tar!/red.png"]
    assert colour_of(tmp_path, "a.zip!/b.tar!/red.png") == (255, 0, 0)
    assert colour_of(tmp_path, "a.zip!/b.tar!/c.zip!/blue.png") == (0, 0, 255)
    pack(tmp_path / "a.zip", {"lime.png": content("lime")})
    assert colour_of(tmp_path, "a.zip!/b.tar!/red.png") == (255, 0, 0)
    assert colour_of(tmp_path, "a.zip!/lime.png") == (0, 255, 0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes that have names")
def test_a_photo_that_became_a_pipe_is_unreadable_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    with pytest.raises(Unreadable, match="not a regular file"):
        open_any(str(tmp_path), "a.jpg")


def test_a_name_that_no_file_can_have_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="null byte"):
        open_any(str(tmp_path), "a\0b.png")


@pytest.mark.parametrize("name", ["a.png", "a.zip!/a.png", "a.tar!/a.png", "a.tgz!/a.png"])
def test_a_file_as_large_as_the_limit_is_a_photo_and_one_byte_more_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    blob = content("red")
    (tmp_path / "a.png").write_bytes(blob)
    for ending in ("zip", "tar", "tgz"):
        pack(tmp_path / f"a.{ending}", {"a.png": blob})
    monkeypatch.setattr(archives, "FILE_LIMIT", len(blob))
    assert colour_of(tmp_path, name) == (255, 0, 0)
    monkeypatch.setattr(archives, "FILE_LIMIT", len(blob) - 1)
    with pytest.raises(Unreadable, match=f"^{len(blob)} bytes are too many for a photo$"):
        open_any(str(tmp_path), name)


def test_a_target_that_is_missing_and_one_that_is_damaged_say_which(tmp_path: Path) -> None:
    path = str(tmp_path / "a.png")
    with pytest.raises(MosaicError) as caught:
        load_image(path, "mask")
    assert str(caught.value) == f"cannot open the mask {path}: there is no such file"
    Path(path).write_bytes(content("red")[:-30])
    with pytest.raises(MosaicError, match=r"^cannot open the target .*a\.png: OSError: "):
        load_image(path)
    assert not is_open(path)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "MPO", "GIF", "TIFF", "WEBP", "AVIF"])
def test_a_target_is_in_memory_and_its_file_is_closed(tmp_path: Path, kind: str) -> None:
    image, path = Image.new("RGB", (60, 40), (0, 0, 255)), str(tmp_path / "a")
    several = {"save_all": True, "append_images": [Image.new("RGB", (60, 40))]}
    image.save(path, kind, **({} if kind in ("PNG", "JPEG") else several))
    target = load_image(path)
    assert not is_open(path)
    with shrink_photo(target, (1, 1)) as pixel:
        assert np.abs(np.asarray(pixel, int) - (0, 0, 255)).max() <= 3


def test_a_file_that_is_too_large_for_a_photo_is_unreadable(tmp_path: Path) -> None:
    with (tmp_path / "a.webp").open("wb") as file:
        file.truncate(archives.FILE_LIMIT + 1)
    with pytest.raises(Unreadable, match="too many for a photo"):
        open_any(str(tmp_path), "a.webp")


@pytest.mark.parametrize(
    "name", ["a.zip!/b.png", "b.zip!/a.png", "no.png", "a.bin#3", "short.bin#3"]
)
def test_a_photo_that_is_not_there_is_unreadable(tmp_path: Path, name: str) -> None:
    pack(tmp_path / "a.zip", {"a.png": content("red")})
    (tmp_path / "a.bin").write_bytes(records(3, labels=1))
    (tmp_path / "short.bin").write_bytes(records(4, labels=1)[:-1])
    said = "there is no picture 3$" if "#" in name else "there is no|No such file"
    with pytest.raises(Unreadable, match=said):
        open_any(str(tmp_path), name)


@pytest.mark.parametrize("ending", ENDINGS)
def test_processes_and_threads_read_an_archive_without_mixing_photos(
    tmp_path: Path, ending: str
) -> None:
    shades = {f"{i:03}.png": content(f"rgb({i}, 0, 0)") for i in range(120)}
    order = sorted(shades, key=lambda name: name[::-1])
    path = pack(tmp_path / f"a.{ending}", {name: shades[name] for name in order})
    names = listed(path)
    expected = [(i, 0, 0) for i in range(120)]
    assert colour_of(tmp_path, names[5]) == expected[5]  # the archive is open here already
    task = functools.partial(colour_of, tmp_path)
    pools: list[Executor] = [ProcessPoolExecutor(3), ThreadPoolExecutor(4)]
    for pool in pools:
        with pool:
            assert list(pool.map(task, names)) == expected


def test_the_time_of_a_member_of_a_tar_is_in_nanoseconds_as_that_of_a_file(
    tmp_path: Path,
) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        member = tarfile.TarInfo("a.png")
        member.mtime = 1.5
        tar.addfile(member)
    os.utime(tmp_path / "a.tar", ns=(0, 1_500_000_000))
    for name in ("", "a.png"):
        about = archives.describe_member(str(tmp_path / "a.tar"), name)
        assert about.version == 1_500_000_000


def test_a_file_that_ends_too_early_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"cats")
    assert archives.read_bytes(str(tmp_path / "a.bin"), start=1, count=3) == b"ats"
    with pytest.raises(Unreadable, match=r"a\.bin ends before the photo does$"):
        archives.read_bytes(str(tmp_path / "a.bin"), start=2, count=3)


def test_an_archive_that_is_replaced_is_read_anew(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"a.png": content("red")})
    assert colour_of(tmp_path, listed(path)[0]) == (255, 0, 0)
    pack(tmp_path / "b.zip", {"a.png": content("blue"), "b.png": b""}).replace(path)
    assert colour_of(tmp_path, listed(path)[0]) == (0, 0, 255)


@pytest.mark.parametrize("labels", [1, 2])
def test_cifar_pictures_are_numbered_and_have_their_planes_in_order(
    tmp_path: Path, labels: int
) -> None:
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


def test_the_length_of_a_record_follows_from_the_size_of_the_file() -> None:
    assert record_length("data_batch_1.bin", 10_000 * 3073) == 3073
    assert [record_length("a.bin", n * 3074) for n in (50_000, 10_000)] == [3074, 3074]
    assert (record_length("a.bin", 0), record_length("a.jpg", 3073)) == (0, 0)


@given(st.text(min_size=1).filter(lambda name: "!/" not in name and "#" not in name))
def test_the_name_of_an_ordinary_file_is_its_path(name: str) -> None:
    assert readings(name)[0] == (name, "", -1)
    assert readings(f"a.ZIP!/{name}")[0] == ("a.ZIP", name, -1)


def test_names_with_signs_of_their_own_are_read_as_meant() -> None:
    assert readings("hey!/a#3.jpg")[0] == ("hey!/a#3.jpg", "", -1)
    assert readings("a.zip!/b.zip!/c.jpg")[0] == ("a.zip", "b.zip!/c.jpg", -1)
