# ~/~ begin <<mosaic.md#tests/solutions/abstractions.py>>[init]
"""Threads or processes, small chunks or large? A solution from mosaic.md."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import chain

from mosaic import Reject, Thumbnail, cores, list_photos, make_thumbnail

Made = Thumbnail | Reject


def make_batch(names: list[str], folder: str) -> list[Made]:
    """The task of one thread: the thumbnails of a batch of photos."""
    return [make_thumbnail(name, folder, (50, 50), 85) for name in names]


def by_threads(names: list[str], folder: str, chunk: int) -> Iterator[Made]:
    """Thumbnails in order, by threads."""
    with ThreadPoolExecutor(cores()) as pool:
        task = partial(make_batch, folder=folder)
        batches = (names[i : i + chunk] for i in range(0, len(names), chunk))
        yield from chain.from_iterable(pool.map(task, batches))


def by_processes(names: list[str], folder: str, chunk: int) -> Iterator[Made]:
    """Thumbnails in order, by processes."""
    with ProcessPoolExecutor(cores()) as pool:
        task = partial(make_thumbnail, folder=folder, size=(50, 50), quality=85)
        yield from pool.map(task, names, chunksize=chunk)


def main(folder: str) -> None:
    """Print how many times faster than one after the other each way is."""
    names = list_photos(folder)
    started = time.perf_counter()
    expected = make_batch(names, folder)
    serial = time.perf_counter() - started
    ways: list[Callable[[list[str], str, int], Iterator[Made]]] = [by_threads, by_processes]
    for way in ways:
        for chunk in (1, 32):
            started = time.perf_counter()
            assert list(way(names, folder, chunk)) == expected
            speedup = serial / (time.perf_counter() - started)
            print(f"{way.__name__} in chunks of {chunk}: {speedup:.2f} times faster")


if __name__ == "__main__":
    main(sys.argv[1])
# ~/~ end