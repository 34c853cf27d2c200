# ~/~ begin <<tesserae/disk.md#tesserae/disk.py>>[init]
"""A file for HDF5 on a disk that may be full; explained in disk.md."""

# ~/~ begin <<tesserae/disk.md#disk-imports>>[init]
import contextlib
import io
from collections.abc import Iterator
from typing import Any
# ~/~ end

# ~/~ begin <<tesserae/disk.md#patient-file>>[init]
class Disk(io.FileIO):
    """A file that keeps its first error of writing, until `check` raises it."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
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
# ~/~ end
# ~/~ end