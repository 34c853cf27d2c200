# Made from smalti/ground/archives.md by make tangle; edit that.
"""Photos in archives and in files of many pictures; explained in archives.md."""

import contextlib
import functools
import gzip
import io
import os
import re
import stat
import struct
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
from PIL import Image

from smalti.ground.errors import MosaicError, Unreadable
from smalti.ground.photos import load_pixels, open_photo
from smalti.ground.workers import LOST

INSIDE = re.compile(r"(?<=.)\.(?:zip|tar|tar\.gz|tgz)(?=!/.)", re.DOTALL | re.IGNORECASE)
NUMBERED = re.compile(r"(.+\.bin)#(\d+)", re.DOTALL | re.IGNORECASE)


class Place(NamedTuple):
    """Where a photo is: a file, maybe a member of that archive, maybe a number therein."""

    path: str
    member: str = ""
    number: int = -1


def readings(name: str) -> list[Place]:
    """All that the name of a photo may mean: in one archive or another, or in none.

    >>> readings("cifar.tar.gz!/data_batch_1.bin#00123")[0]
    Place(path='cifar.tar.gz', member='data_batch_1.bin', number=123)
    >>> [place.path for place in readings("old.zip!/cat.jpg")]
    ['old.zip', 'old.zip!/cat.jpg']
    """
    numbered = NUMBERED.fullmatch(name)
    name, number = (numbered[1], int(numbered[2])) if numbered else (name, -1)
    ends = [found.end() for found in INSIDE.finditer(name)] if "!/" in name else []
    places = [Place(name[:end], name[end + 2 :], number) for end in ends]
    return [*places, Place(name, "", number)]


def find_place(root: str, name: str) -> Place:
    """Where a photo is, given its name below a folder."""
    *inside, plain = readings(name)
    if not inside or Path(root, plain.path).is_file():
        return plain
    return next((place for place in inside if Path(root, place.path).is_file()), inside[0])


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
        return cast(IO[bytes], gzip.open(path))  # each step back begins at the beginning
    spacing = max(1 << 18, size >> 10)
    return cast(IO[bytes], IndexedGzipFile(path, spacing=spacing, buffer_size=1 << 16))


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


FILE_LIMIT = 1 << 29  # bytes that the file of one photo may have
BLOCK = 1 << 20


def read_blocks(path: str, member: str = "", start: int = 0, count: int = -1) -> Iterator[bytes]:
    """Read bytes of a file, or of a member of an archive, by blocks; raises Unreadable."""
    about = describe_member(path, member)
    rest = about.size - start if count < 0 else count
    if rest > FILE_LIMIT:
        raise Unreadable(f"{rest} bytes are too many for a photo")
    with reading(path), open_member(path, member) as file:
        file.seek(about.offset + start)
        while rest > 0 and (block := file.read(min(rest, BLOCK))):
            rest -= len(block)
            yield block
    if rest > 0:
        raise Unreadable(f"{path} ends before the photo does")


def read_bytes(path: str, member: str = "", start: int = 0, count: int = -1) -> bytes:
    """Read bytes of a file, or of a member of an archive, at once; raises Unreadable."""
    return b"".join(read_blocks(path, member, start, count))


IN_MEMORY = 1 << 25  # bytes


def open_copy(path: str, member: str) -> Image.Image:
    """Open a photo in an archive; raises Unreadable."""
    size = describe_member(path, member).size
    if size <= IN_MEMORY:
        return open_photo(io.BytesIO(read_bytes(path, member)))
    copy = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        copy.writelines(read_blocks(path, member))
        photo = open_photo(copy)
    except BaseException:
        copy.close()
        raise
    weakref.finalize(photo, copy.close)
    return photo


@contextlib.contextmanager
def open_member(path: str, member: str) -> Iterator[IO[bytes]]:
    """Open the file in which a member lies; one that is compressed as a whole stays open."""
    if member and is_zip(path):
        archive = open_zip(file_stamp(path), here())
        if archive.getinfo(member).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable("compressed in an unusual way; unpack it, or pack it by deflate")
        with archive.open(member) as content:
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


def check_file(path: str) -> None:
    """Raise Unreadable if a file, if it is there, is not regular, or too large for a photo."""
    try:
        about = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):
        return  # whoever opens it is told
    if not stat.S_ISREG(about.st_mode):
        raise Unreadable("not a regular file")
    if about.st_size > FILE_LIMIT:
        raise Unreadable(f"{about.st_size} bytes are too many for a photo")


def open_any(root: str, name: str) -> Image.Image:
    """Open a photo by its name below a folder; raises Unreadable."""
    if name in LOST:
        raise Unreadable("its decoder crashed, or did not come to an end")
    place = find_place(root, name)
    path = str(Path(root, place.path))
    if place.number >= 0:
        return open_record(path, place.member, place.number)
    if place.member:
        return open_copy(path, place.member)
    check_file(path)
    return open_photo(path)


def load_image(path: str, what: str = "target") -> Image.Image:
    """Read an image into memory, by its path; raises MosaicError."""
    try:
        with open_any("", path) as image:
            load_pixels(image)
    except Unreadable as error:
        missing = isinstance(error.__cause__, FileNotFoundError)
        why = "there is no such file" if missing else str(error)
        raise MosaicError(f"cannot open the {what} {path}: {why}") from error
    return image
