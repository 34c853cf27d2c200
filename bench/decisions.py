"""Measure what the decisions of the book save: two ways each, in turn, in fresh processes.

`python bench/decisions.py` writes `_build/decisions.json`, which `fig/figures.py` turns into a
table and a figure. Each way runs several times, alternately with its rivals.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from statistics import median

import h5py
import msgspec
import numpy as np
from PIL import Image, ImageOps

import mosaic
from mosaic import Array, Reject, Thumbnail
from smalti.ground.collection import list_photos
from smalti.ground.files import write_text
from smalti.ground.photos import open_photo
from smalti.ground.settings import cores, load_settings
from smalti.output import save_bands
from smalti.steps import iterate_store

ROOT = Path(__file__).resolve().parents[1]

REPEATS = 3
SHAPES = [(200, 200), (500, 375), (1024, 768), (4000, 3000)]
MEGAPIXELS = 12  # of photos a measurement, at least
STORED, MATCHED, SHRUNK = 100_000, 10_000, 2_000  # thumbnails
PASTED = 400  # cells a side


@dataclass(frozen=True)
class Cost:
    """What a piece of work has cost."""

    cpu: float  # seconds
    wall: float  # seconds of waiting
    peak: float  # megabytes


@dataclass(frozen=True)
class PoolCost(Cost):
    """What thumbnails have cost, made by some workers."""

    kind: str  # "serial", "processes" or "threads"
    workers: int
    chunk: int  # photos handed over at once


@dataclass(frozen=True)
class Decisions:
    """What the decisions of the book cost; the first of several is the book's way."""

    opening: dict[str, list[Cost]]  # a photo, by its shape
    writing: list[Cost]
    reading: list[Cost]
    matching: list[Cost]
    workers: list[PoolCost]
    pasting: list[Cost]


# Measuring


LAUNCH = """
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, used = os.wait4(child.pid, 0)
cpu, wall = used.ru_utime + used.ru_stime, time.perf_counter() - start
print(json.dumps({"cpu": cpu, "wall": wall, "peak": used.ru_maxrss / 1000}))
sys.exit(status != 0)
"""


def measure_command(*command: str) -> Cost:
    """Run a command; its CPU time with all children, and the peak of its largest process.

    A small process stands in between: a child starts with its parent's peak as its own.
    """
    line = [sys.executable, "-S", "-c", LAUNCH, *command]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return msgspec.json.decode(done.stdout, type=Cost)


def measure_here(work: Callable[[], object]) -> Cost:
    """Do a piece of work in this process; its cost, without what came before."""
    before, start = cpu_seconds(), time.perf_counter()
    work()
    wall, cpu = time.perf_counter() - start, cpu_seconds() - before
    status = Path("/proc/self/status").read_text().split()
    peak = int(status[status.index("VmHWM:") + 1]) * 1.024e-3
    return Cost(cpu, wall, peak)


def cpu_seconds() -> float:
    """The CPU time of this process, and of its children that have ended."""
    used = [getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measure_way(way: str, *args: str | int) -> Cost:
    """Run one of `WAYS` in a fresh process."""
    line = [sys.executable, __file__, way, msgspec.json.encode(args).decode()]
    threads = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, cwd=ROOT, env=os.environ | threads, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{way}{args} failed:\n{done.stderr.decode()}")
    return msgspec.json.decode(done.stdout, type=Cost)


def compare(
    *ways: tuple[str, *tuple[str | int, ...]], repeats: int = REPEATS
) -> list[Cost]:
    """Measure ways (name, *arguments) alternately: median costs, and the least waiting.

    What else the machine is doing can only add to the waiting.
    """
    rounds = [[measure_way(*way) for way in ways] for _ in range(repeats)]
    return [
        Cost(
            cpu=median(cost.cpu for cost in costs),
            wall=min(cost.wall for cost in costs),
            peak=median(cost.peak for cost in costs),
        )
        for costs in zip(*rounds, strict=True)
    ]


# Opening photos


def enlarge_photos(folder: Path, photos: str, shape: tuple[int, int], count: int) -> None:
    """Write photos enlarged to (width, height), with a grain as of a camera."""
    rng = np.random.default_rng(1)
    for name in list_photos(photos)[:count]:
        with Image.open(Path(photos, name)) as photo:
            large = ImageOps.fit(photo, shape, Image.Resampling.BICUBIC)
        grain = rng.normal(0, 6, (shape[1], shape[0], 1)).astype(np.float32)
        pixels = np.clip(np.asarray(large) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name, quality=90)


def open_with_draft(folder: str) -> Cost:
    """Shrink all photos of a folder the book's way."""

    def work() -> None:
        for path in Path(folder).iterdir():
            with open_photo(path) as photo:
                mosaic.shrink_photo(photo, (50, 50))

    return measure_here(work)


def open_with_fit(folder: str) -> Cost:
    """Shrink all photos of a folder in one line each."""

    def work() -> None:
        for path in Path(folder).iterdir():
            ImageOps.fit(Image.open(path), (50, 50))

    return measure_here(work)


def compare_opening(photos: str, shape: tuple[int, int]) -> list[Cost]:
    """What a photo of this shape costs, by `draft` and by `fit`."""
    count = max(3, min(400, round(MEGAPIXELS * 4e6 / shape[0] / shape[1])))
    with tempfile.TemporaryDirectory() as folder:
        enlarge_photos(Path(folder), photos, shape, count)
        count = len(list(Path(folder).iterdir()))
        both = compare(("open_with_draft", folder), ("open_with_fit", folder))
    return [Cost(cost.cpu / count, cost.wall / count, cost.peak) for cost in both]


# The store


def some_thumbnails(store: str, count: int) -> list[Thumbnail]:
    """So many thumbnails, those of a store over and over, under different names."""
    every = iterate_store(mosaic.open_store(store))
    found = [one for one in every if isinstance(one, Thumbnail)]
    again = (found[i % len(found)] for i in range(count))
    return [
        Thumbnail(f"{i:06}.jpg", one.size, one.jpeg, one.mean)
        for i, one in enumerate(again)
    ]


def write_blob(store: str, count: int, path: str) -> Cost:
    """Write thumbnails as one array of bytes."""
    made = some_thumbnails(store, count)
    return measure_here(lambda: mosaic.write_store(path, made, (50, 50)))


def write_datasets(store: str, count: int, path: str) -> Cost:
    """Write thumbnails as one dataset each."""
    made = some_thumbnails(store, count)

    def work() -> None:
        with h5py.File(path, "w") as file:
            for one in made:
                file[one.name] = np.frombuffer(one.jpeg, np.uint8)

    return measure_here(work)


def read_blob(path: str) -> Cost:
    """Read all thumbnails of a store."""
    return measure_here(lambda: list(iterate_store(mosaic.open_store(path))))


def read_datasets(path: str) -> Cost:
    """Read all datasets of a file."""

    def work() -> None:
        with h5py.File(path) as file:
            [file[name][:].tobytes() for name in file]

    return measure_here(work)


def compare_stores(store: str, count: int) -> tuple[list[Cost], list[Cost]]:
    """Write and read so many thumbnails in one dataset, and in one each."""
    with tempfile.TemporaryDirectory() as folder:
        blob, each = f"{folder}/blob.h5", f"{folder}/each.h5"
        writing = compare(
            ("write_blob", store, count, blob), ("write_datasets", store, count, each)
        )
        return writing, compare(("read_blob", blob), ("read_datasets", each))


# Matching


def features(store: str, count: int) -> tuple[Array, Array]:
    """Features of a store's thumbnails, and as many random colours between them."""
    tiles = mosaic.open_store(store).mean.astype(np.float64)
    rng = np.random.default_rng(1)
    one, other = tiles[rng.integers(len(tiles), size=(2, count))]
    return tiles, np.rint((one + other) / 2)


def match_by_tree(store: str, count: int) -> Cost:
    """The nearest tiles by the k-d tree."""
    tiles, cells = features(store, count)
    mosaic.match_nearest(tiles[:1], cells[:1])  # loads SciPy
    return measure_here(lambda: mosaic.match_nearest(tiles, cells))


def match_by_force(store: str, count: int, block: int = 256) -> Cost:
    """The nearest tiles by comparing with all of them, some cells at a time."""
    tiles, cells = features(store, count)
    squares = (tiles**2).sum(axis=1)
    parts = [cells[i : i + block] for i in range(0, count, block)]
    return measure_here(
        lambda: [(squares - 2 * part @ tiles.T).argmin(axis=1) for part in parts]
    )


# Parallel


def make_batch(names: list[str], folder: str) -> list[Thumbnail | Reject]:
    """The thumbnails of a batch of photos: the task of a worker."""
    return [mosaic.make_thumbnail(name, folder, (50, 50), 85) for name in names]


POOLS = {"processes": ProcessPoolExecutor, "threads": ThreadPoolExecutor}


def thumbnails_by(kind: str, workers: int, chunk: int, folder: str, count: int) -> Cost:
    """Make thumbnails by a number of workers; "serial" has none."""
    names = list_photos(folder)[:count]
    batches = [names[i : i + chunk] for i in range(0, len(names), chunk)]
    task = partial(make_batch, folder=folder)

    def run(mapped: Iterable[list[Thumbnail | Reject]]) -> list[Thumbnail | Reject]:
        return list(chain.from_iterable(mapped))

    def work() -> None:
        if kind == "serial":
            run(map(task, batches))
            return
        with POOLS[kind](workers) as pool:
            run(pool.map(task, batches))

    return measure_here(work)


def compare_workers(photos: str, count: int) -> list[PoolCost]:
    """Make thumbnails one after the other, and by all cores in several ways."""
    ways: list[tuple[str, int, int]] = [("serial", 1, 32)]
    ways += [(kind, cores(), chunk) for kind in POOLS for chunk in (32, 1)]
    costs = compare(*(("thumbnails_by", *way, photos, count) for way in ways), repeats=7)
    return [
        PoolCost(cost.cpu, cost.wall, cost.peak, *way)
        for way, cost in zip(ways, costs, strict=True)
    ]


# Pasting


def random_match(store: mosaic.Store, side: int) -> Array:
    """A match of side x side cells, the same each time."""
    return np.random.default_rng(1).integers(len(store.names), size=(side, side))


def paste_by_bands(path: str, side: int, output: str) -> Cost:
    """Paste and save a mosaic the book's way."""
    store = mosaic.open_store(path)
    match, (width, height) = random_match(store, side), store.thumb_res
    size, draw = (side * width, side * height), partial(mosaic.read_thumbnails, store)
    return measure_here(
        lambda: save_bands(output, mosaic.paste_bands(draw, match, (width, height)), size)
    )


def paste_by_gather(path: str, side: int, output: str) -> Cost:
    """Paste a mosaic by collecting all thumbnails in one array, and save it."""
    store = mosaic.open_store(path)
    match, (width, height) = random_match(store, side), store.thumb_res

    def work() -> None:
        which, place = np.unique(match, return_inverse=True)
        stones = mosaic.read_thumbnails(store, which, (width, height))[place.ravel()]
        grid = stones.reshape(side, side, height, width, 3).swapaxes(1, 2)
        pixels = grid.reshape(side * height, side * width, 3)
        Image.fromarray(pixels).save(output, quality=90)

    return measure_here(work)


def compare_pasting(store: str, side: int) -> list[Cost]:
    """Paste side x side cells both ways."""
    with tempfile.TemporaryDirectory() as folder:
        one, other = f"{folder}/bands.jpg", f"{folder}/gather.jpg"
        return compare(
            ("paste_by_bands", store, side, one), ("paste_by_gather", store, side, other)
        )


WAYS: dict[str, Callable[..., Cost]] = {
    way.__name__: way
    for way in (
        open_with_draft,
        open_with_fit,
        write_blob,
        write_datasets,
        read_blob,
        read_datasets,
        match_by_tree,
        match_by_force,
        thumbnails_by,
        paste_by_bands,
        paste_by_gather,
    )
}


def measure_all(photos: str, store: str) -> Decisions:
    """Measure all decisions, on a folder of photos and a store."""
    writing, reading = compare_stores(store, STORED)
    return Decisions(
        opening={f"{w} x {h}": compare_opening(photos, (w, h)) for w, h in SHAPES},
        writing=writing,
        reading=reading,
        matching=compare(
            ("match_by_tree", store, MATCHED), ("match_by_force", store, MATCHED)
        ),
        workers=compare_workers(photos, SHRUNK),
        pasting=compare_pasting(store, PASTED),
    )


def main(argv: Sequence[str]) -> None:
    """Measure everything, or (when given a name and arguments) one way in this process."""
    if argv:
        args = msgspec.json.decode(argv[1], type=list[str | int])
        print(msgspec.json.encode(WAYS[argv[0]](*args)).decode())
        return
    settings = load_settings(mosaic.Settings, str(ROOT / "config.toml"))
    photos, data = ROOT / settings.image_path[0], ROOT / settings.data_path
    found = msgspec.json.encode(measure_all(str(photos), str(data / "thumbnails.h5")))
    write_text(
        ROOT / "_build" / "decisions.json", msgspec.json.format(found).decode() + "\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
