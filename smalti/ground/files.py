# Made from smalti/ground/files.md by make tangle; edit that.
"""Files that are whole, also on a disk that may be full; explained in files.md."""

import contextlib
import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path for a file or a folder; on success, move it to `path`."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part, old = (path.with_name(f".{os.getpid()}.{word}.{path.name}") for word in ("part", "old"))
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
        for folder in (part, old):
            shutil.rmtree(folder, ignore_errors=True)
        part.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8 with lines that end in `\\n`; it appears whole or not at all."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")


class Disk(io.FileIO):
    """A file that keeps its first error of writing, until `check` raises it."""

    error: OSError | None = None

    def write(self, data: "ReadableBuffer") -> int:
        """Write all of the data, or keep the error."""
        rest = memoryview(data).cast("B")
        with self.patience():
            while rest:
                rest = rest[super().write(rest) :]
        return memoryview(data).nbytes

    def truncate(self, size: int | None = None) -> int:
        """Set the size of the file, or keep the error."""
        with self.patience():
            super().truncate(size)
        return size or 0

    @contextlib.contextmanager
    def patience(self) -> Iterator[None]:
        """Keep the first error."""
        try:
            yield
        except OSError as error:
            self.error = self.error or error

    def check(self) -> None:
        """Raise the error that was kept, if there is one."""
        if self.error:
            raise self.error
