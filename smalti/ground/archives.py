# Made from smalti/ground/archives.md by make tangle; edit that.
"""Photos in archives and in files of many pictures; explained in archives.md."""

import contextlib
import functools
import gzip
import io
import os
import re
import struct
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
from PIL import Image

from smalti.ground.errors import MosaicError, Unreadable
from smalti.ground.photos import load_pixels, open_photo

INSIDE = re.compile(r"(.+?\.(?:zip|tar|tar\.gz|tgz))!/(.+)", re.DOTALL | re.IGNORECASE)
NUMBERED = re.compile(r"(.+\.bin)#(\d+)", re.DOTALL | re.IGNORECASE)


class Place(NamedTuple):
    """Where a photo is: a file, maybe a member of that archive, maybe a number therein."""

    path: str
    member: str = ""
    number: int = -1


def parse_name(name: str) -> Place:
    """Take the name of a photo apart.

    >>> parse_name("cifar.tar.gz!/data_batch_1.bin#00123")
    Place(path='cifar.tar.gz', member='data_batch_1.bin', number=123)
    """
    numbered = NUMBERED.fullmatch(name)
    name, number = (numbered[1], int(numbered[2])) if numbered else (name, -1)
    inside = INSIDE.fullmatch(name)
    return Place(inside[1], inside[2], number) if inside else Place(name, "", number)


ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


def is_zip(path: str) -> bool:
    """Whether a path has the ending of a zip archive, in upper or lower case."""
    return path.lower().endswith(".zip")


Stamp = tuple[str, int, int]


def file_stamp(path: str) -> Stamp:
    """The path, size and time of a file; if they are the same, so is the file."""
    about = Path(path).stat()
    return path, about.st_size, about.st_mtime_ns


Owner = tuple[int, int]


def here() -> Owner:
    """The numbers of the process and of the thread that we are in."""
    return os.getpid(), threading.get_ident()


@functools.lru_cache(maxsize=64)
def open_zip(stamp: Stamp, owner: Owner) -> zipfile.ZipFile:
    """Open a .zip, once for each owner."""
    return zipfile.ZipFile(stamp[0])


@functools.lru_cache(maxsize=64)
def open_gzip(stamp: Stamp, owner: Owner) -> IO[bytes]:
    """Open a compressed file for reading at any position, once for each owner."""
    path, size, _ = stamp
    try:
        from indexed_gzip import IndexedGzipFile
    except ImportError:
        return cast(IO[bytes], gzip.open(path))
    spacing = max(1 << 18, size >> 10)
    return cast(IO[bytes], IndexedGzipFile(path, spacing=spacing, buffer_size=1 << 16))


try:
    from lzma import LZMAError
except ImportError:
    LZMAError = zlib.error  # type: ignore[misc, assignment]

ARCHIVE_ERRORS = (
    OSError,
    zipfile.BadZipFile,
    tarfile.TarError,
    RuntimeError,  # a member that is encrypted, or compressed in an unknown way
    EOFError,
    IndexError,  # a member without a name
    ValueError,
    struct.error,
    zlib.error,
    LZMAError,
)


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Raise `Unreadable` for what reading from a file or archive raises."""
    try:
        yield
    except ARCHIVE_ERRORS as error:
        reason = getattr(error, "strerror", None) or error
        raise Unreadable(f"cannot read {path}: {reason}") from error


class Member(NamedTuple):
    """A file in an archive: its size in bytes, its time or checksum, its place in a tar."""

    size: int
    version: int
    offset: int = 0


@functools.lru_cache(maxsize=8)
def index_archive(stamp: Stamp) -> dict[str, Member]:
    """List the files in an archive by name; raises Unreadable if it is none, or damaged."""
    with reading(stamp[0]):
        if is_zip(stamp[0]):
            files = [entry for entry in open_zip(stamp, here()).infolist() if not entry.is_dir()]
            return {entry.filename: Member(entry.file_size, entry.CRC) for entry in files}
        with tarfile.open(stamp[0]) as tar:
            return {
                entry.name: Member(entry.size, int(entry.mtime * 1e9), entry.offset_data)
                for entry in tar
                if entry.isreg() and not entry.issparse()
            }


def describe_member(path: str, member: str = "") -> Member:
    """Describe a file, or a member of an archive; raises Unreadable if it is not there."""
    with reading(path):
        stamp = file_stamp(path)
    if not member:
        return Member(*stamp[1:])
    about = index_archive(stamp).get(member)
    if about is None:
        raise Unreadable(f"there is no {member!r} in {path}")
    return about


PHOTO_LIMIT = 1 << 30  # bytes that one photo may have


def read_bytes(path: str, member: str = "", start: int = 0, count: int = -1) -> bytes:
    """Read bytes of a file, or of a member of an archive; raises Unreadable."""
    about = describe_member(path, member)
    count = about.size - start if count < 0 else count
    if count > PHOTO_LIMIT:
        raise Unreadable(f"{count} bytes are too many for a photo")
    with reading(path), open_member(path, member) as file:
        file.seek(about.offset + start)
        found = file.read(count)
    if len(found) < count:
        raise Unreadable(f"{path} ends before the photo does")
    return found


@contextlib.contextmanager
def open_member(path: str, member: str) -> Iterator[IO[bytes]]:
    """Open the file in which a member lies; one that is compressed as a whole stays open."""
    if member and is_zip(path):
        with open_zip(file_stamp(path), here()).open(member) as content:
            yield content
    elif member and not path.lower().endswith(".tar"):
        yield open_gzip(file_stamp(path), here())
    else:
        with Path(path).open("rb") as file:
            yield file


CIFAR_SIDE = 32
CIFAR_BYTES = 3 * CIFAR_SIDE * CIFAR_SIDE


def record_length(name: str, size: int) -> int:
    """Bytes of a record in a CIFAR file; 0 if it is not one.

    >>> record_length("test_batch.bin", 30_730_000), record_length("test.bin", 30_740_000)
    (3073, 3074)
    """
    if not size or not name.lower().endswith(".bin"):
        return 0
    return next((CIFAR_BYTES + n for n in (1, 2) if size % (CIFAR_BYTES + n) == 0), 0)


def number_records(name: str, size: int) -> Iterator[str]:
    """The marks of all pictures in a CIFAR file, `#00000` and on; none if it is another.

    >>> list(number_records("test.bin", 2 * 3073))
    ['#00000', '#00001']
    """
    if length := record_length(name, size):
        yield from (f"#{i:05}" for i in range(size // length))


def open_record(path: str, member: str, number: int) -> Image.Image:
    """Open one picture of a CIFAR file, which may be in an archive; raises Unreadable."""
    size = describe_member(path, member).size
    length = record_length(member or path, size)
    if not length or number * length >= size:
        raise Unreadable(f"there is no picture {number}")
    record = read_bytes(path, member, number * length, length)
    planes = np.frombuffer(record[-CIFAR_BYTES:], np.uint8).reshape(3, CIFAR_SIDE, CIFAR_SIDE)
    return Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))


def open_any(root: str, name: str) -> Image.Image:
    """Open a photo by its name below a folder; raises Unreadable."""
    place = parse_name(name)
    path = str(Path(root, place.path))
    if place.number >= 0:
        return open_record(path, place.member, place.number)
    if place.member:
        return open_photo(io.BytesIO(read_bytes(path, place.member)))
    return open_photo(path)


def load_image(path: str, what: str = "target") -> Image.Image:
    """Read an image into memory, by its path; raises MosaicError."""
    try:
        image = open_any("", path)
        load_pixels(image)
    except Unreadable as error:
        raise MosaicError(f"cannot open the {what} {path}: {error}") from error
    return image
