"""Measure what the large photos of a class cost: naively, by `draft`, on more cores.

`python bench/cores.py` paints data/class if it is not there, runs each way three times, in
turn, each time in a fresh process, and writes bench/cores.json, which the lesson on cores
shows. With nothing else running it takes about five minutes; `python bench/cores.py 1` runs
each way once.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import msgspec

from bench.decisions import Cost, measure_command

ROOT = Path(__file__).resolve().parents[1]
SIZE = (50, 50)


class Way(msgspec.Struct, frozen=True):
    """What a way of making all thumbnails has cost: medians of several fresh processes."""

    name: str
    photos: int
    cpu: float  # seconds, of all processes
    wall: float  # seconds of waiting
    peak: float  # megabytes of the largest process


class Report(msgspec.Struct, frozen=True):
    """All ways, on one machine, on one day."""

    date: str
    python: str
    cores: int
    ways: list[Way]


def shrink_naively(name: str, folder: str) -> bytes:
    """Open all of a photo, cut it and shrink it: the line that everybody writes first."""
    from PIL import Image, ImageOps

    return ImageOps.fit(Image.open(Path(folder, name)), SIZE).tobytes()


def shrink_by_draft(name: str, folder: str) -> bytes:
    """Open as little of a photo as is needed, the book's way."""
    from mosaic import make_thumbnail

    return repr(make_thumbnail(name, folder, SIZE)).encode()


def run(folder: str, task: str, pool: str, workers: str) -> None:
    """Shrink all photos of a folder, by one of the tasks, in one of the pools."""
    names = sorted(path.name for path in Path(folder).iterdir())
    work = partial({"naive": shrink_naively, "draft": shrink_by_draft}[task], folder=folder)
    made: Iterable[bytes]
    if pool == "loop":
        made = list(map(work, names))
    else:
        kind = {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}[pool]
        executor: Executor = kind(int(workers))
        with executor:
            made = list(executor.map(work, names, chunksize=8))
    assert len(list(made)) == len(names)


def measure_all(folder: str, repeats: int) -> list[Way]:
    """Measure each way in turn, `repeats` times; and the painting of both collections."""
    count = len(list(Path(folder).iterdir()))
    script = str(Path(__file__))
    ways: dict[tuple[str, int], Sequence[str]] = {
        ("naive, one process", count): (script, folder, "naive", "loop", "1"),
        ("naive, 2 processes", count): (script, folder, "naive", "processes", "2"),
        ("draft, one process", count): (script, folder, "draft", "loop", "1"),
        ("draft, 2 processes", count): (script, folder, "draft", "processes", "2"),
        ("draft, 2 threads", count): (script, folder, "draft", "threads", "2"),
    }
    costs: dict[tuple[str, int], list[Cost]] = {way: [] for way in ways}
    for _ in range(repeats):
        for way, words in ways.items():
            costs[way].append(measure_command(sys.executable, *words))
        for workers in ("1", "2"):
            told = f"painting the class, {workers} process{'es' if workers == '2' else ''}"
            with tempfile.TemporaryDirectory() as scratch:
                line = ("data/cats.py", f"{scratch}/class", "--class", "--workers", workers)
                costs.setdefault((told, 16), []).append(
                    measure_command(sys.executable, *line)
                )
    return [
        Way(
            name,
            photos,
            cpu=round(median(cost.cpu for cost in found), 2),
            wall=round(median(cost.wall for cost in found), 2),
            peak=round(median(cost.peak for cost in found)),
        )
        for (name, photos), found in costs.items()
    ]


def main(repeats: int = 3) -> None:
    """Measure, print a table, and keep the report."""
    folder = ROOT / "data" / "class"
    if not folder.is_dir():
        measure_command(sys.executable, "data/cats.py", "--class")
    report = Report(
        date=time.strftime("%Y-%m-%d"),
        python=".".join(map(str, sys.version_info[:3])),
        cores=len(os.sched_getaffinity(0)),
        ways=measure_all(str(folder), repeats),
    )
    for way in report.ways:
        print(
            f"{way.name:30} {way.photos:4} photos {way.cpu:6.2f} s CPU "
            f"{way.wall:6.2f} s waiting {way.peak:5.0f} MB"
        )
    kept = msgspec.json.format(msgspec.json.encode(report), indent=1)
    Path(__file__).with_suffix(".json").write_bytes(kept + b"\n")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    run(*sys.argv[1:]) if len(sys.argv) > 2 else main(*map(int, sys.argv[1:]))
