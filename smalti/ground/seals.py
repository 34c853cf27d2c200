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

import numpy as np
from numpy.typing import NDArray

from smalti.ground.errors import MosaicError
from smalti.ground.files import atomic

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


BLOCK, MARK = 1 << 14, b"\rsmalti\n"
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


def read_seal(file: io.FileIO) -> tuple[int, NDArray[np.uint32]]:
    """The bytes of content of an open file, and the checksums of its blocks; or ValueError."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - TAIL.size))
    tail = file.read(TAIL.size)
    if not tail.endswith(MARK) or len(tail) < TAIL.size:
        raise ValueError("is damaged, unfinished, or not of this version")
    length, check, _ = TAIL.unpack(tail)
    if size != length + 4 * -(-length // BLOCK) + TAIL.size:
        raise ValueError("is damaged")
    file.seek(length)
    checks = file.read(size - TAIL.size - length)
    if zlib.crc32(checks) != check:
        raise ValueError("is damaged")
    return length, np.frombuffer(checks, "<u4")


HAS_PREADV = hasattr(os, "preadv")


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
            self.length, self.checks = read_seal(self.file)
        except (OSError, ValueError) as error:
            self.close()
            raise self.refusal(str(error)) from error
        self.proven, self.block = bytearray(len(self.checks)), bytearray(BLOCK)

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
        start, stop = self.at, max(self.at, min(self.at + len(view), self.length))
        first, last = start // BLOCK, (stop - 1) // BLOCK
        if 0 in self.proven[first : last + 1]:
            self.prove(first, last)
        self.read_at(start, view[: stop - start])
        self.at = stop
        return stop - start

    def prove(self, first: int, last: int) -> None:
        """Compare the blocks from `first` to `last` with their checksums; raises MosaicError."""
        for i in range(first, last + 1):
            if not self.proven[i]:
                block = memoryview(self.block)[: self.length - i * BLOCK]
                self.read_at(i * BLOCK, block)
                if zlib.crc32(block) != self.checks[i]:
                    raise self.refusal("is damaged")
                self.proven[i] = 1

    def read_at(self, start: int, view: memoryview) -> None:
        """Fill a view with the bytes of the file from `start` on."""
        if HAS_PREADV:
            count = os.preadv(self.file.fileno(), [view], start)
        else:
            self.file.seek(start)
            count = self.file.readinto(view)
        if count < len(view):
            raise self.refusal("is damaged")


def prove(path: str | Path, repair: str) -> None:
    """Compare all blocks of a sealed file; raises MosaicError, which ends with the repair."""
    with SealedFile(path, repair) as file:
        file.prove(0, len(file.checks) - 1)
