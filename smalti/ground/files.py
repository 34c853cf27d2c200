# Made from smalti/ground/files.md by make tangle; edit that.
"""Files that are whole, also on a disk that may be full; explained in files.md."""

import contextlib
import io
import os
import platform
import re
import shutil
import signal
import threading
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


HOST = f"{zlib.crc32(platform.node().encode(errors='replace')):08x}"
LEFT = re.compile(r"\.(\d+)-([0-9a-f]{8})\.(part|old)\.(.+)", re.DOTALL)


def is_running(process: int) -> bool:
    """Whether there is a process of a number on this machine, or that cannot be seen."""
    if os.name != "posix":  # where to ask would be to end it
        return True
    try:
        os.kill(process, 0)  # signal 0 does nothing
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it is somebody else's
        return True
    return process != os.getpid()  # which had the number before us


def find_left(folder: Path, names: Collection[str] = ()) -> tuple[list[Path], list[Path]]:
    """Drafts of some names, or any: of processes that have ended here, and on other machines."""
    ended, elsewhere = list[Path](), list[Path]()
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = LEFT.fullmatch(path.name)
        if match and (not names or match[4] in names):
            if match[2] != HOST:
                elsewhere.append(path)
            elif not is_running(int(match[1])):
                ended.append(path)
    return ended, elsewhere


def clear_left(path: Path) -> None:
    """Remove the drafts of a file or folder that ended processes of this machine have left."""
    for left in find_left(path.parent, [path.name])[0]:
        if f"-{HOST}.old." in left.name[: -len(path.name)] and not path.exists():
            left.rename(path)
        discard(left)


def discard(draft: Path) -> None:
    """Remove a draft, a file or a folder, if it is there."""
    shutil.rmtree(draft, ignore_errors=True)
    draft.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path for a file or a folder; on success, move it to `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    clear_left(path)
    part, old = (path.with_name(f".{os.getpid()}-{HOST}.{word}.{path.name}") for word in ("part", "old"))
    try:
        yield part
        if part.is_dir():
            if path.exists():
                path.rename(old)
            part.rename(path)
        else:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
            part.replace(path)
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for draft in (part, old):
            discard(draft)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8 with lines that end in `\\n`; it appears whole or not at all."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")


def find_handlers() -> dict[int, Callable[[int, FrameType | None], object]]:
    """The functions that hear the signals that end a program; none outside the main thread."""
    here = threading.current_thread() is threading.main_thread()  # no other hears any
    every = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    return {number: hear for number, hear in every.items() if here and callable(hear)}


DEAF = ("h5py", "weakref")  # who may forget what a signal raises


def name_module(frame: FrameType) -> str:
    """The name of the module, or the package, that is at work in a frame."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


class Disk(io.FileIO):
    """A file that keeps its first error of writing, or a signal, until `check` raises it."""

    error: OSError | None = None
    kept = 0

    def write(self, data: "ReadableBuffer") -> int:
        """Write all of the data, or keep the error."""
        rest = memoryview(data).cast("B")
        with self.patience():
            while rest:
                rest = rest[super().write(rest) :]
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file, or keep the error."""
        size = self.tell() if size is None else size
        with self.patience():
            super().truncate(size)
        return size

    @contextlib.contextmanager
    def patience(self) -> Iterator[None]:
        """Keep the first error."""
        try:
            yield
        except OSError as error:
            self.error = self.error or error

    def __enter__(self) -> "Disk":
        self.handlers = find_handlers()
        for number in self.handlers:
            signal.signal(number, self.hear)
        return super().__enter__()

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Pass a signal on, or keep it for `check`."""
        called, inner = {Disk.write.__code__, Disk.truncate.__code__}, frame
        while inner and inner.f_code not in called and name_module(inner) not in DEAF:
            inner = inner.f_back
        if inner:
            self.kept = max(self.kept, number)  # SIGTERM, if both came
        else:
            self.handlers[number](number, frame)

    def __exit__(self, *error: object) -> None:
        for number, hear in self.handlers.items():
            signal.signal(number, hear)
        super().close()
        if self.kept:
            signal.raise_signal(self.kept)

    def check(self) -> None:
        """Raise what was kept, if there is anything."""
        number, self.kept = self.kept, 0
        if number:
            signal.raise_signal(number)
        if self.error:
            raise self.error
