# Made from course/solutions.md by make tangle; edit that.
"""Threads or processes, small chunks or large? Explained in solutions.md."""

import itertools
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

from course.timings import in_words
from mosaic import Reject, Thumbnail, make_thumbnail
from smalti.ground.collection import list_photos
from smalti.ground.settings import cores

Made = list[Thumbnail | Reject]


def make_batch(names: list[str], folder: str) -> Made:
    """One task: the thumbnails of a batch of photos."""
    return [make_thumbnail(name, folder, (50, 50), 85) for name in names]


Pool = type[ThreadPoolExecutor] | type[ProcessPoolExecutor]


def make_all(names: list[str], folder: str, pool: Pool, chunk: int) -> Made:
    """All thumbnails, in order, by a pool of threads or of processes."""
    batches = [names[i : i + chunk] for i in range(0, len(names), chunk)]
    with pool(cores()) as workers:
        made = workers.map(partial(make_batch, folder=folder), batches)
        return list(itertools.chain.from_iterable(made))


def main(folder: str) -> None:
    """Print how many times faster than one after the other each way is."""
    names = list_photos(folder)
    started = time.perf_counter()
    expected = make_batch(names, folder)
    serial = time.perf_counter() - started
    for pool, chunk in itertools.product((ThreadPoolExecutor, ProcessPoolExecutor), (1, 32)):
        started = time.perf_counter()
        assert make_all(names, folder, pool, chunk) == expected
        speedup = serial / (time.perf_counter() - started)
        print(f"{pool.__name__} in chunks of {chunk}: {in_words(speedup)}")


if __name__ == "__main__":
    main(sys.argv[1])
