# Made from smalti/ground/seals.md by make tangle; edit that.
"""Files with checksums, which are compared before anybody reads; explained in seals.md."""

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from smalti.ground.errors import MosaicError
from smalti.ground.files import atomic

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


BLOCK, MARK = 1 << 12, b"\rsmalti\n"
TAIL = struct.Struct("<QI8s")  # bytes of content, checksum of the checksums, mark


@contextlib.contextmanager
def sealing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path for a file; on success, seal the file and move it to `path`."""
    with atomic(path) as part:
        yield part
        with part.open("rb+") as file:
            blocks = iter(lambda: file.read(BLOCK), b"")
            checks = np.array([zlib.crc32(block) for block in blocks], "<u4").tobytes()
            file.write(checks + TAIL.pack(file.tell(), zlib.crc32(checks), MARK))


def is_sealed(path: str | Path) -> bool:
    """Whether a file ends with the mark of a seal; what comes before is not looked at."""
    with Path(path).open("rb") as file:
        file.seek(-min(len(MARK), file.seek(0, os.SEEK_END)), os.SEEK_END)
        return file.read() == MARK


SIZES = (1, 4)  # of blocks, in the present ones


def read_seal(file: io.FileIO) -> tuple[int, int, bytes]:
    """Bytes of content of an open file, of a block, and the checksums of blocks; or ValueError."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL.size))
    tail = file.read(TAIL.size)
    if not tail.endswith(MARK) or len(tail) < TAIL.size:
        raise ValueError("is damaged, unfinished, or not of this version")
    length, check, _ = TAIL.unpack(tail)
    rest = size - TAIL.size - length
    fitting = [BLOCK * times for times in SIZES if 4 * -(-length // (BLOCK * times)) == rest]
    if not fitting:
        raise ValueError("is damaged")
    file.seek(length)
    checks = file.read(rest)
    if zlib.crc32(checks) != check:
        raise ValueError("is damaged")
    return length, fitting[0], checks


HAS_PREAD = hasattr(os, "pread")


class SealedFile(io.RawIOBase):
    """The content of a sealed file; a byte of a damaged block is a MosaicError with a repair."""

    def __init__(self, path: str | Path, repair: str) -> None:
        super().__init__()
        self.path, self.repair, self.at = path, repair, 0
        try:
            self.file = io.FileIO(path)
        except OSError as error:
            raise MosaicError(f"cannot read {path}: {error.strerror}") from error
        try:
            self.length, self.block, checks = read_seal(self.file)
        except (OSError, ValueError) as error:
            self.close()
            raise self.refusal(str(error)) from error
        native = np.frombuffer(checks, "<u4").astype(np.uint32).tobytes()
        self.checks = memoryview(native).cast("I")  # gives whole numbers faster than an array
        self.proven = bytearray(len(self.checks))
        self.last = 0, b""  # a place in the content, and what was last proven there

    def refusal(self, problem: str) -> MosaicError:
        """The error that tells what is wrong with the file, and what mends it."""
        return MosaicError(f"{self.path} {problem}; {self.repair}")

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place in the content."""
        self.at = offset + (0, self.at, self.length)[whence]
        return self.at

    def seekable(self) -> bool:
        """A reader may move about."""
        return True

    def readable(self) -> bool:
        """The content can be read."""
        return True

    def close(self) -> None:
        """Close the file."""
        if "file" in vars(self):
            self.file.close()
        super().close()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill a buffer from the content, as far as that goes; return the number of bytes."""
        view = memoryview(buffer)
        content = self.take(self.at, max(self.at, min(self.at + len(view), self.length)))
        view[: len(content)] = content
        self.at += len(content)
        return len(content)

    def take(self, start: int, stop: int) -> bytes:
        """The bytes of the content from `start` to before `stop`; raises MosaicError."""
        begin, content = self.last
        if not begin <= start <= stop <= begin + len(content):
            begin, content = self.prove_around(start, stop)
        return content[start - begin : stop - begin]

    def prove_around(self, start: int, stop: int) -> tuple[int, bytes]:
        """A place in the content and proven bytes there, those from `start` to `stop` among them."""
        first, last = start // self.block, -(-stop // self.block)
        if self.proven.find(0, first, last) < 0:
            return start, self.read_at(start, stop)
        begin = first * self.block
        content = self.read_at(begin, min(last * self.block, self.length))
        for i in range(first, last):
            at = i * self.block - begin
            if not self.proven[i] and zlib.crc32(content[at : at + self.block]) != self.checks[i]:
                raise self.refusal("is damaged")
            self.proven[i] = 1
        self.last = begin, content
        return self.last

    def read_at(self, start: int, stop: int) -> bytes:
        """The bytes of the file from `start` to before `stop`, proven or not."""
        if HAS_PREAD:
            content = os.pread(self.file.fileno(), stop - start, start)
        else:
            self.file.seek(start)
            content = self.file.read(stop - start)
        if len(content) < stop - start:
            raise self.refusal("is damaged")
        return content


ONCE = 1 << 20  # bytes


def prove(path: str | Path, repair: str) -> None:
    """Compare all blocks of a sealed file; raises MosaicError, which ends with the repair."""
    with SealedFile(path, repair) as file:
        for start in range(0, file.length, ONCE):
            file.take(start, min(start + ONCE, file.length))


class ChunkedBytes:
    """The bytes of a dataset of uint8, in chunks, in a sealed file; read without HDF5."""

    def __init__(self, dataset: h5py.Dataset, content: SealedFile) -> None:
        self.dataset, self.content, self.size = dataset, content, dataset.chunks[0]
        self.places = dict[int, int]()  # of chunks in the file, by the first byte of each

    def take(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`; raises MosaicError."""
        first = start // self.size * self.size
        if first not in self.places:
            self.places[first] = self.dataset.id.get_chunk_info_by_coord((first,)).byte_offset
        place, end = self.places[first] - first, min(stop, first + self.size)
        found = self.content.take(place + start, place + end)
        return found + self.take(end, stop) if end < stop else found


class SealedHDF5(h5py.File):  # type: ignore[misc]
    """A sealed HDF5 file, open for reading, of which no byte is believed that is not proven."""

    def __init__(self, path: str | Path, repair: str) -> None:
        self.content, self.chunked = SealedFile(path, repair), dict[str, ChunkedBytes]()
        try:
            super().__init__(self.content, "r", rdcc_nbytes=0)
        except BaseException:
            self.content.close()
            raise

    def close(self) -> None:
        """Close the file, and what it reads from."""
        super().close()
        self.content.close()

    def bytes_of(self, name: str) -> "ChunkedBytes":
        """The bytes of a dataset."""
        if name not in self.chunked:
            self.chunked[name] = ChunkedBytes(self[name], self.content)
        return self.chunked[name]
