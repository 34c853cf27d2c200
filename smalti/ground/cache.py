# Made from smalti/ground/cache.md by make tangle; edit that.
"""Files in the cache of a user, which does not grow for ever; explained in cache.md."""

import contextlib
import hashlib
import io
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from smalti.ground.files import atomic

VARIABLE = "SMALTI_CACHE"


def cache_folder() -> Path:
    """The folder of this user for what can be made again; it need not be there yet."""
    own = os.environ.get(VARIABLE)
    return Path(own or platformdirs.user_cache_path("smalti", appauthor=False)).absolute()


NAME = re.compile(r"(\.\d+(-[0-9a-f]{8})?\.part\.)?[0-9a-f]{32}\.\w+")


def cache_path(digest: str, ending: str) -> Path:
    """The place in the cache of what has a digest, in hexadecimal digits."""
    return cache_folder() / f"{digest[:32]}{ending}"


def is_cached(path: str | Path) -> bool:
    """Whether a file is, or was, in a cache of ours, by its name."""
    return Path(path).is_absolute() and bool(NAME.fullmatch(Path(path).name))


LIMIT = 4_000_000_000  # bytes
HOUR, DAY = 60 * 60, 24 * 60 * 60  # seconds


def use(path: Path, limit: int = LIMIT) -> None:
    """Say that a file of the cache is in use, and remove others if there are too many bytes."""
    with contextlib.suppress(OSError):  # of somebody else, or on a disk that is only read
        os.utime(path)
        total = 0
        for used, size, other in sorted(list_files(path.parent), reverse=True):
            total += size
            if total > limit and used < time.time() - HOUR:
                remove(other)


def list_files(folder: Path) -> list[tuple[float, int, Path]]:
    """When each of our files in a folder was used, its bytes, its path; killed ones removed."""
    found = []
    for path in filter(lambda path: NAME.fullmatch(path.name), folder.iterdir()):
        with contextlib.suppress(OSError):  # another run has just removed it
            about = path.stat()
            if not path.name.startswith("."):
                found.append((about.st_mtime, about.st_size, path))
            elif about.st_mtime < time.time() - DAY:
                remove(path)
    return found


def remove(path: Path) -> None:
    """Remove a file, unless somebody else does, or needs it."""
    with contextlib.suppress(OSError):
        path.unlink()


def keep_array(about: bytes, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:  # Any: a number
    """The array that follows from `about`: from the cache, or made, and kept there."""
    path = cache_path(hashlib.sha256(about).hexdigest(), ".npy")
    with contextlib.suppress(OSError, ValueError):
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() == content[:32]:
            use(path)
            return np.load(io.BytesIO(content[32:]), allow_pickle=False)  # type: ignore[no-any-return]
    made, buffer = make(), io.BytesIO()
    np.save(buffer, made, allow_pickle=False)
    with contextlib.suppress(OSError):
        with atomic(path) as part:
            part.write_bytes(hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())
        use(path)
    return made
