"""The exercises: an empty answer, every wrong attempt that a check knows, and the solution."""

import errno
import itertools
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import ModuleType

import nbformat
import numpy as np
import pytest
import tangle
from PIL import Image, ImageOps

from course import checks, workbook
from course.checks import Answer, Verdict
from mosaic import Array, Thumbnail, crop_box, match_nearest, write_store

COURSE = Path(__file__).parents[1] / "course"
EXERCISES = (COURSE / "exercises.md").read_text("utf-8")
SOLUTIONS = (COURSE / "solutions.md").read_text("utf-8")
SECTIONS = {n: text for n, text in workbook.sections(EXERCISES) if n}
THUMBNAIL = Thumbnail("a", (1, 1), b"jpeg", (0, 0, 0))
LIBRARIES = 6  # the number of the exercise that needs Dask and joblib


def needs(number: int) -> None:
    """Skip what needs libraries that are not here."""
    if number == LIBRARIES:
        pytest.importorskip("dask", reason="pip install 'dask[bag]' joblib")
        pytest.importorskip("joblib", reason="pip install 'dask[bag]' joblib")


# Wrong attempts, in the order of the exercises

Size = tuple[int, int]


def decodes_all(photo: Image.Image, size: Size) -> Image.Image:
    return ImageOps.fit(photo, size)


def rounds(photo: Image.Image, size: Size) -> Image.Image:
    photo.draft("RGB", (2 * size[0], 2 * size[1]))
    box = tuple(map(round, crop_box(photo.size, size)))
    return photo.crop(box).resize(size)  # type: ignore[arg-type]


def fits_the_rounded_size(photo: Image.Image, size: Size) -> Image.Image:
    photo.draft("RGB", (2 * size[0], 2 * size[1]))
    return ImageOps.fit(photo, size)


def swaps(photo: Image.Image, size: Size) -> Image.Image:
    return rounds(photo, size[::-1])


def decodes_too_little(photo: Image.Image, size: Size) -> Image.Image:
    photo.thumbnail((10, 10))
    return photo.resize(size)


def drafts_once(photo: Image.Image, size: Size) -> Image.Image:
    whole = photo.draft("RGB", size)[1][2:]  # type: ignore[index]
    return photo.resize(size, box=crop_box(whole, size))


def squeezes(photo: Image.Image, size: Size) -> Image.Image:
    photo.draft("RGB", (2 * size[0], 2 * size[1]))
    return photo.resize(size)


def cuts_at_the_corner(photo: Image.Image, size: Size) -> Image.Image:
    whole = photo.draft("RGB", (2 * size[0], 2 * size[1]))[1][2:]  # type: ignore[index]
    return photo.resize(size, box=crop_box(whole, size, 0.0))


GRAPH = checks.GRAPH
Make = Callable[..., Answer]


def as_they_finish(
    make: Make, names: Sequence[str], folder: str, workers: int
) -> Iterator[object]:
    with ProcessPoolExecutor(workers) as pool:
        tasks = [pool.submit(make, name, folder) for name in names]
        yield from (task.result() for task in as_completed(tasks))


def by_lambda(
    make: Make, names: Sequence[str], folder: str, workers: int
) -> Iterator[object]:
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(lambda name: make(name, folder), names)


def only_the_good(
    make: Make, names: Sequence[str], folder: str, workers: int
) -> Iterator[object]:
    with ProcessPoolExecutor(workers) as pool:
        made = pool.map(partial(make, folder=folder), names, chunksize=8)
        yield from (one for one in made if isinstance(one, Thumbnail))


def as_a_list(make: Make, names: Sequence[str], folder: str, workers: int) -> list[object]:
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(partial(make, folder=folder), names, chunksize=8))


def over_a_list(
    make: Make, names: Sequence[str], folder: str, workers: int
) -> Iterator[object]:
    with ProcessPoolExecutor(workers) as pool:
        return pool.map(partial(make, folder=folder), names, chunksize=8)


def by_all_cores(
    make: Make, names: Sequence[str], folder: str, workers: int
) -> Iterator[object]:
    with ProcessPoolExecutor() as pool:
        yield from pool.map(partial(make, folder=folder), names)


def alone(make: Make, names: Sequence[str], folder: str, workers: int) -> Iterator[object]:
    return (make(name, folder) for name in names)


def serial_list(
    make: Make, names: Sequence[str], folder: str, workers: int
) -> list[object]:
    return [make(name, folder) for name in names]


Ways = dict[str, Callable[[list[str]], Iterable[object]]]
Raced = dict[str, tuple[float, bool]]


def believes(ways: Ways, names: list[str]) -> Raced:
    found = {}
    for name, way in ways.items():
        started = time.perf_counter()
        list(way(names))
        found[name] = (time.perf_counter() - started, True)
    return found


def reads_later(ways: Ways, names: list[str]) -> Raced:
    found, expected = {}, None
    for name, way in ways.items():
        started = time.perf_counter()
        results = way(names)
        seconds = time.perf_counter() - started
        expected = expected or list(results)
        found[name] = (seconds, list(results) == expected)
    return found


def counts_cpu(ways: Ways, names: list[str]) -> Raced:
    found, expected = {}, None
    for name, way in ways.items():
        started = time.process_time()
        results = list(way(names))
        expected = expected or results
        found[name] = (time.process_time() - started, results == expected)
    return found


Work = Callable[[int], object]


def seconds_of(work: Work, size: int) -> float:
    started = time.perf_counter()
    work(size)
    return time.perf_counter() - started


def one_point(work: Work, sizes: list[int]) -> dict[int, float]:
    work(32)
    return {32: seconds_of(work, 32)}


def cold_first(work: Work, sizes: list[int]) -> dict[int, float]:
    return {size: seconds_of(work, size) for size in sizes}


One = Callable[[str], object]


def bag_by_item(make: One, names: Sequence[str], partitions: int) -> list[object]:
    bag = pytest.importorskip("dask.bag")
    return [bag.from_sequence([name]).map(make).compute()[0] for name in names]


def bag_planned(make: One, names: Sequence[str], partitions: int) -> object:
    bag = pytest.importorskip("dask.bag")
    return bag.from_sequence(names, npartitions=partitions).map(make)


def bag_of_ones(make: One, names: Sequence[str], partitions: int) -> object:
    bag = pytest.importorskip("dask.bag")
    return bag.from_sequence(names, partition_size=1).map(make).compute()


def delayed_by_item(make: One, names: Sequence[str]) -> list[object]:
    dask = pytest.importorskip("dask")
    return [dask.delayed(make)(name).compute() for name in names]


def delayed_planned(make: One, names: Sequence[str]) -> list[object]:
    dask = pytest.importorskip("dask")
    return [dask.delayed(make)(name) for name in names]


def joblib_by_item(make: One, names: Sequence[str], workers: int) -> list[object]:
    import joblib

    run = joblib.Parallel(n_jobs=workers)
    return [run([joblib.delayed(make)(name)])[0] for name in names]


def bag_by_position(make: One, names: Sequence[str], partitions: int) -> object:
    bag = pytest.importorskip("dask.bag")
    return bag.from_sequence(names, partitions).map(make).compute()


def delayed_results(make: One, names: Sequence[str]) -> list[object]:
    dask = pytest.importorskip("dask")
    return list(dask.compute(*[dask.delayed(make(name)) for name in names]))


def delayed_tuple(make: One, names: Sequence[str]) -> object:
    return tuple(solved(6, "with_delayed")(make, names))


def joblib_results(make: One, names: Sequence[str], workers: int) -> object:
    import joblib

    return joblib.Parallel(n_jobs=workers)(make(name) for name in names)


def joblib_like_map(make: One, names: Sequence[str], workers: int) -> object:
    import joblib

    return joblib.Parallel(n_jobs=workers)(make, names)


def joblib_of_the_function(make: One, names: Sequence[str], workers: int) -> object:
    import joblib

    return joblib.Parallel(n_jobs=workers)(make)


def joblib_alone(make: One, names: Sequence[str], workers: int) -> object:
    import joblib

    return joblib.Parallel()(joblib.delayed(make)(name) for name in names)


Load = Callable[[], tuple[str, ...]]
Save = Callable[[tuple[str, ...]], None]


def unlocked(load: Load, save: Save, lock: Answer, name: str) -> None:
    save((*load(), name))


def sleeps(load: Load, save: Save, lock: Answer, name: str) -> None:
    time.sleep(len(name) / 10)
    save((*load(), name))


def locks_alone(load: Load, save: Save, lock: Answer, name: str) -> None:
    with threading.Lock():
        save((*load(), name))


def lets_go(load: Load, save: Save, lock: Answer, name: str) -> None:
    with lock:
        names = load()
    save((*names, name))


def first_mine(one: Answer, other: Answer) -> None:
    with one.lock, other.lock:
        one.things, other.things = one.things - 1, other.things + 1


def only_mine(one: Answer, other: Answer) -> None:
    with one.lock:
        one.things, other.things = one.things - 1, other.things + 1


def one_by_one(one: Answer, other: Answer) -> None:
    with one.lock:
        one.things -= 1
    with other.lock:
        other.things += 1


def by_id(one: Answer, other: Answer) -> None:
    first, second = sorted((one, other), key=id)
    with first.lock, second.lock:
        one.things, other.things = one.things - 1, other.things + 1


def tries_again(one: Answer, other: Answer) -> None:
    while True:
        with one.lock:
            if other.lock.acquire(timeout=0.1):
                one.things, other.things = one.things - 1, other.things + 1
                other.lock.release()
                return


def tiles_each_time(tiles: Array, blocks: list[Array], Pool: Answer) -> list[Array]:
    with Pool(2) as pool:
        return list(pool.map(partial(match_nearest, tiles), blocks))


def in_one_task(tiles: Array, blocks: list[Array], Pool: Answer) -> list[Array]:
    with Pool(2) as pool:
        return [pool.submit(match_nearest, tiles, np.concatenate(blocks)).result()]


def by_a_lambda(tiles: Array, blocks: list[Array], Pool: Answer) -> list[Array]:
    with Pool(2) as pool:
        return list(pool.map(lambda block: match_nearest(tiles, block), blocks))


TILES: Array = np.zeros((0, 3))


def by_a_global(tiles: Array, blocks: list[Array], Pool: Answer) -> list[Array]:
    global TILES
    TILES = tiles
    with Pool(2) as pool:
        return list(pool.map(match_the_global, blocks))


def match_the_global(block: Array) -> Array:
    return match_nearest(TILES, block)


def with_painting(seconds: dict[str, float], shared: set[str], workers: float) -> float:
    return checks.amdahl(seconds, shared, workers)


def as_many_times(seconds: dict[str, float], shared: set[str], workers: float) -> float:
    return workers


def shares_the_rest(seconds: dict[str, float], shared: set[str], workers: float) -> float:
    rest = {step: taken for step, taken in seconds.items() if step != "paint"}
    return checks.amdahl(rest, set(rest) - shared, workers)


def takes_paint_away(seconds: dict[str, float], shared: set[str], workers: float) -> float:
    seconds.pop("paint", None)
    return checks.amdahl(seconds, shared, workers)


def what_is_left(seconds: dict[str, float], shared: set[str], workers: float) -> float:
    rest = {step: taken for step, taken in seconds.items() if step != "paint"}
    return 1 / checks.amdahl(rest, shared, workers)


def differences(tiles: Array, cells: Array) -> Array:
    return tiles[:, None].astype(float) - cells[None]


def along_the_wrong_axis(tiles: Array, cells: Array) -> Array:
    found: Array = (differences(tiles, cells) ** 2).sum(axis=2).argmin(axis=1)
    return found


def in_uint8(tiles: Array, cells: Array) -> Array:
    found: Array = ((tiles[:, None] - cells[None]) ** 2).sum(axis=2).argmin(axis=0)
    return found


def in_memory(tiles: Array, cells: Array) -> Array:
    found: Array = (differences(tiles, cells) ** 2).sum(axis=2).argmin(axis=0)
    return found


def first_come(likes: list[list[int]], liked: list[list[int]]) -> list[int]:
    taken: list[int] = []
    for cells in likes:
        taken.append(next(cell for cell in cells if cell not in taken))
    return taken


def of_the_cells(likes: list[list[int]], liked: list[list[int]]) -> list[int]:
    cells = solved(11, "marry")(likes, liked)
    return [cells.index(cell) for cell in range(len(cells))]


RIGHT_JOBS = checks.jobs_again()
(PART,) = checks.changed_parts()


def in_slices(names: Sequence[str], parts: int) -> list[list[str]]:
    size = -(-len(names) // parts)
    return [list(names[i * size : (i + 1) * size]) for i in range(parts)]


def by_turns(names: Sequence[str], parts: int) -> list[list[str]]:
    return [list(names[i::parts]) for i in range(parts)]


def by_salt(names: Sequence[str], parts: int) -> list[list[str]]:
    return [[name for name in names if hash(name) % parts == i] for i in range(parts)]


def promises(path: str, rows: Iterable[str]) -> None:
    with Path(path).open("w") as file:
        print("complete", file=file)
        for row in rows:
            print(row, file=file, flush=True)


def in_place(path: str, rows: Iterable[str]) -> None:
    with Path(path).open("w") as file:
        for row in rows:
            print(row, file=file, flush=True)
        print("complete", file=file)


def says_nothing(path: str, rows: Iterable[str]) -> None:
    part = Path(path + ".part")
    with part.open("w") as file:
        file.writelines(row + "\n" for row in rows)
    part.replace(path)


def written_beside(path: str, rows: Iterable[str]) -> str:
    Path(path + ".part").write_text("\n".join([*rows, "complete", ""]))
    return path + ".part"


def copies(path: str, rows: Iterable[str]) -> None:
    shutil.copy(written_beside(path, rows), path)


def moves_from_elsewhere(path: str, rows: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.move(written_beside(f"{folder}/rows", rows), path)


def renames_from_elsewhere(path: str, rows: Iterable[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(written_beside(f"{folder}/rows", rows)).replace(path)


def removes_then_renames(path: str, rows: Iterable[str]) -> None:
    part = written_beside(path, rows)
    Path(path).unlink(missing_ok=True)
    Path(part).rename(path)


def renames_while_open(path: str, rows: Iterable[str]) -> None:
    part = Path(path + ".part")
    with part.open("w") as file:
        file.writelines(f"{row}\n" for row in (*rows, "complete"))
        part.replace(path)


Plan = list[tuple[str, list[str]]]


def one_file(names: Sequence[str], workers: int, folder: str) -> Plan:
    return [(f"{folder}/all.h5", list(names[i::workers])) for i in range(workers)]


def twice(names: Sequence[str], workers: int, folder: str) -> Plan:
    return [(f"{folder}/{i}.h5", list(names)) for i in range(workers)]


def forgets(names: Sequence[str], workers: int, folder: str) -> Plan:
    size = len(names) // workers
    return [
        (f"{folder}/{i}.h5", list(names[i * size : (i + 1) * size])) for i in range(workers)
    ]


def unsorted(names: Sequence[str], workers: int, folder: str) -> Plan:
    return [(f"{folder}/{i}.h5", list(names[::-1][i::workers])) for i in range(workers)]


def answers(number: int) -> dict[str, Answer]:
    """What the solution of an exercise defines: its cells, run as a module."""
    module = ModuleType(f"solution_{number}")
    sys.modules[module.__name__] = module  # so that its functions have a name for workers
    text = dict(workbook.sections(SOLUTIONS))
    for section in (text[0] if number else "", text[number]):
        for block in tangle.blocks(section):
            if block.info == "python":
                exec(block.code, module.__dict__)
    return module.__dict__


once = cache(answers)


def solved(number: int, name: str) -> Answer:
    """One of the things that the solution of an exercise defines."""
    needs(number)
    return once(number)[name]


KNOWN: list[tuple[int, str, Callable[[], tuple[Answer, ...]], str]] = [
    (1, "nothing drafted", lambda: (decodes_all,), "All 411 x 333 pixels were decoded"),
    (1, "a rounded crop box", lambda: (rounds,), "the crop box was rounded"),
    (1, "a rounded crop box", lambda: (fits_the_rounded_size,), "the crop box was rounded"),
    (1, "width and height swapped", lambda: (swaps,), "sizes are (width, height)"),
    (
        1,
        "too small a draft",
        lambda: (decodes_too_little,),
        "ask photo.draft for twice its width and height",
    ),
    (1, "too small a draft", lambda: (drafts_once,), "Only 52 x 42 pixels were decoded"),
    (1, "a squeezed photo", lambda: (squeezes,), "The photo is squeezed, or not cut"),
    (1, "a squeezed photo", lambda: (cuts_at_the_corner,), "not cut around its middle"),
    (
        2,
        "the wrong order",
        lambda: (GRAPH | {"store": {"match"}},),
        "This is the wrong order",
    ),
    (
        2,
        "the store missing",
        lambda: (GRAPH | {"paste": {"match"}},),
        "paste reads what store has made",
    ),
    (
        2,
        "an arrow too many",
        lambda: (GRAPH | {"paste": {"store", "match", "thumbnails"}},),
        "never looks at what thumbnails has made",
    ),
    (3, "the order of completion", lambda: (as_they_finish,), "as_completed gives that"),
    (3, "a lambda", lambda: (by_lambda,), "a lambda"),
    (3, "a lost reject", lambda: (only_the_good,), "broken.jpg was lost"),
    (3, "a list instead of an iterator", lambda: (as_a_list,), "it is a list"),
    (
        3,
        "an iterator over a finished list",
        lambda: (over_a_list,),
        "handed on until the last",
    ),
    (3, "a single worker", lambda: (alone,), "by a single worker"),
    (3, "workers ignored", lambda: (by_all_cores,), "where workers=2 was asked for"),
    (
        4,
        "timed without looking at the result",
        lambda: (believes,),
        "without looking at the",
    ),
    (
        4,
        "a generator that nobody reads",
        lambda: (reads_later,),
        "a generator does nothing",
    ),
    (4, "the CPU time of the main process", lambda: (counts_cpu,), "use perf_counter"),
    (5, "one point", lambda: (one_point,), "One point is no curve"),
    (5, "a warm cache", lambda: (cold_first,), "find in a warm cache"),
    (
        6,
        "compute per item",
        lambda: (bag_by_item, solved(6, "with_delayed"), solved(6, "with_joblib")),
        "compute of with_bag is called 12 times, once for each photo: compute per item",
    ),
    (
        6,
        "compute per item",
        lambda: (solved(6, "with_bag"), delayed_by_item, solved(6, "with_joblib")),
        "compute of with_delayed is called 12 times",
    ),
    (
        6,
        "compute per item",
        lambda: (solved(6, "with_bag"), solved(6, "with_delayed"), joblib_by_item),
        "Parallel is called 12 times",
    ),
    (
        6,
        "nothing computed",
        lambda: (bag_planned, solved(6, "with_delayed"), solved(6, "with_joblib")),
        "nothing happens before compute",
    ),
    (
        6,
        "nothing computed",
        lambda: (solved(6, "with_bag"), delayed_planned, solved(6, "with_joblib")),
        "nothing happens before compute",
    ),
    (
        6,
        "partitions ignored",
        lambda: (bag_of_ones, solved(6, "with_delayed"), solved(6, "with_joblib")),
        "asked for 2 partitions and made",
    ),
    (
        6,
        "partitions ignored",
        lambda: (bag_by_position, solved(6, "with_delayed"), solved(6, "with_joblib")),
        "the second argument is the size of a partition",
    ),
    (
        6,
        "results in place of calls",
        lambda: (solved(6, "with_bag"), delayed_results, solved(6, "with_joblib")),
        "with_delayed was handed results",
    ),
    (
        6,
        "results in place of calls",
        lambda: (solved(6, "with_bag"), solved(6, "with_delayed"), joblib_results),
        "joblib.delayed(make)(name) a call",
    ),
    (
        6,
        "results in place of calls",
        lambda: (solved(6, "with_bag"), solved(6, "with_delayed"), joblib_of_the_function),
        "Parallel was handed results, or other things",
    ),
    (
        6,
        "workers ignored",
        lambda: (solved(6, "with_bag"), solved(6, "with_delayed"), joblib_alone),
        "asked for 2 workers, and its n_jobs is",
    ),
    (7, "no lock", lambda: (unlocked, solved(7, "move")), "Nobody took the lock"),
    (
        7,
        "sleeping instead of locking",
        lambda: (sleeps, solved(7, "move")),
        "Sleeping is no lock",
    ),
    (
        7,
        "a lock for each process",
        lambda: (locks_alone, solved(7, "move")),
        "A lock for each process keeps nobody out",
    ),
    (
        7,
        "a lock that is released too early",
        lambda: (lets_go, solved(7, "move")),
        "belong into the same `with lock`",
    ),
    (7, "a deadlock", lambda: (solved(7, "add"), first_mine), "This is a deadlock"),
    (7, "one lock of two", lambda: (solved(7, "add"), only_mine), "the locks of both"),
    (
        7,
        "one lock after the other",
        lambda: (solved(7, "add"), one_by_one),
        "in neither box",
    ),
    (
        8,
        "the array pickled for each task",
        lambda: (tiles_each_time,),
        "The array is pickled for each task: 8 tasks sent 77",
    ),
    (8, "one task", lambda: (in_one_task,), "The pool was given 1 task"),
    (8, "a lambda", lambda: (by_a_lambda,), "a lambda"),
    (
        8,
        "a global variable that only a fork has",
        lambda: (by_a_global,),
        "only a fork finds the global variable",
    ),
    (9, "painting counted in", lambda: (with_painting,), "Painting is counted in"),
    (9, "as many times faster as workers", lambda: (as_many_times,), "2 workers are not 2"),
    (
        9,
        "the part of the time that is left",
        lambda: (what_is_left,),
        "the time that is left",
    ),
    (10, "the wrong axis", lambda: (along_the_wrong_axis,), "the wrong axis"),
    (10, "uint8", lambda: (in_uint8,), "With uint8 it goes wrong"),
    (10, "n·m·3 memory", lambda: (in_memory,), "by an array of n·m·f numbers"),
    (
        11,
        "greedy by photos",
        lambda: ([0, 1, 2], solved(11, "marry")),
        "This is greedy, photo by photo",
    ),
    (
        11,
        "greedy by cells",
        lambda: ([2, 1, 0], solved(11, "marry")),
        "This is greedy, cell by cell",
    ),
    (
        11,
        "a greedy marriage",
        lambda: ([2, 0, 1], first_come),
        "who came first has kept the cell",
    ),
    (
        12,
        "all parts",
        lambda: (RIGHT_JOBS | {f"thumbnails {i}" for i in range(8)}, solved(12, "divide")),
        "All parts would be made again if they were slices",
    ),
    (
        12,
        "another part",
        lambda: (
            RIGHT_JOBS - {f"thumbnails {PART}"} | {f"thumbnails {(PART + 1) % 8}"},
            solved(12, "divide"),
        ),
        "One part it is, but another one",
    ),
    (
        12,
        "the matches forgotten",
        lambda: (
            {job for job in RIGHT_JOBS if "match" not in job},
            solved(12, "divide"),
        ),
        "is made again, too: match nearest, match unique",
    ),
    (
        12,
        "painting",
        lambda: (RIGHT_JOBS | {"paint"}, solved(12, "divide")),
        "nothing is painted again",
    ),
    (12, "slices", lambda: (RIGHT_JOBS, in_slices), "All parts that come later change"),
    (12, "slices", lambda: (RIGHT_JOBS, by_turns), "All parts that come later change"),
    (
        12,
        "Python's own hash",
        lambda: (RIGHT_JOBS, by_salt),
        "another number in every process",
    ),
    (
        13,
        "the complete flag written first",
        lambda: (promises,),
        "the flag was written first",
    ),
    (13, "the flag last, but in place", lambda: (in_place,), "write under another name"),
    (13, "no flag", lambda: (says_nothing,), "does not say that it is complete"),
    (13, "a copy in place of a renaming", lambda: (copies,), "A copy is filled bit by bit"),
    (
        13,
        "a copy in place of a renaming",
        lambda: (moves_from_elsewhere,),
        "A copy is filled bit by bit",
    ),
    (
        13,
        "renamed before it is closed",
        lambda: (renames_while_open,),
        "waits in memory until the file is closed",
    ),
    (
        13,
        "the old file removed first",
        lambda: (removes_then_renames,),
        "there is neither",
    ),
    (14, "workers sharing one file", lambda: (one_file,), "3 workers share one file"),
    (14, "a photo made twice", lambda: (twice,), "Two workers make 00.jpg"),
    (14, "a photo forgotten", lambda: (forgets,), "Nobody makes"),
    (14, "an unsorted part", lambda: (unsorted,), "A part is not sorted by name"),
]


# Other mistakes


def turned(change: Callable[[list[Answer]], list[Answer]]) -> Make:
    """A parallel map whose results are changed."""

    def made(
        make: Make, names: Sequence[str], folder: str, workers: int
    ) -> Iterator[object]:
        for note in Path(folder).glob("*.waits"):
            note.unlink()  # one worker would wait in vain, which is not what is judged here
        yield from change([make(name, folder) for name in names])

    return made


def without_pixels(made: list[Answer]) -> list[Answer]:
    return [replace(one, jpeg=b"") if isinstance(one, Thumbnail) else one for one in made]


def only_many(
    make: Make, names: Sequence[str], folder: str, workers: int
) -> Iterator[object]:
    if len(names) > workers:
        yield from solved(3, "parallel_map")(make, names, folder, workers)


def raced(name: str, value: object) -> Callable[[Ways, list[str]], Raced]:
    """A race that is right but for one way."""

    def race(ways: Ways, names: list[str]) -> Raced:
        found: Answer = {way: (1.0, way in ("honest", "lazy")) for way in ways}
        return found | {name: value}  # type: ignore[no-any-return]

    return race


def planned(change: Callable[[Plan], Plan]) -> Callable[[Sequence[str], int, str], Plan]:
    """The solution's plan, changed."""
    return lambda *given: change(solved(14, "plan_parts")(*given))


def removes_first(path: str, rows: Iterable[str]) -> None:
    Path(path).unlink(missing_ok=True)
    solved(13, "write")(path, rows)


def forgets_the_last(path: str, rows: Iterable[str]) -> None:
    solved(13, "write")(path, list(rows)[:-1])


def takes_one(one: Answer, other: Answer) -> None:
    first, second = sorted((one, other), key=lambda box: box.name)
    with first.lock, second.lock:
        one.things -= 1


def first_tiles(tiles: Array, blocks: list[Array], Pool: Answer) -> list[Array]:
    with Pool(2) as pool:
        return list(pool.map(np.zeros_like, [np.arange(len(block)) for block in blocks]))


def no_bag(make: One, names: Sequence[str], partitions: int) -> list[object]:
    return [make(name) for name in names]


def no_library(make: One, names: Sequence[str], workers: int = 0) -> list[object]:
    return [make(name) for name in names]


OTHERS: list[tuple[int, Callable[[], tuple[Answer, ...]], str]] = [
    (2, lambda: (GRAPH | {"paste": {"glue"}},), "glue is none of the four steps"),
    (2, lambda: (GRAPH | {"match": "store"},), "into braces, such as {'store'}"),
    (2, lambda: (GRAPH | {"thumbnails": None},), "set() is for none"),
    (3, lambda: (turned(lambda made: [one.name for one in made]),), "not a str"),
    (3, lambda: (turned(lambda made: made[:9]),), "61 photos are missing"),
    (3, lambda: (turned(lambda made: made + made[-1:]),), "come more than once"),
    (3, lambda: (turned(without_pixels),), "not what make returns"),
    (3, lambda: (only_many,), "Of 1 photos it makes 0"),
    (3, lambda: (turned(lambda made: made[:1] + made[1:]),), "by a single worker"),
    (4, lambda: (raced("lazy", 1.0),), "(seconds, same)"),
    (4, lambda: (raced("lazy", (1.0, False)),), "A right result was called different"),
    (5, lambda: (lambda work, sizes: dict.fromkeys(sizes, 0.01),), "was never tried"),
    (
        6,
        lambda: (
            lambda *given: solved(6, "with_bag")(*given)[::-1],
            solved(6, "with_delayed"),
            solved(6, "with_joblib"),
        ),
        "in their order",
    ),
    (
        6,
        lambda: (solved(6, "with_bag"), solved(6, "with_delayed"), joblib_like_map),
        "called with one argument",
    ),
    (
        6,
        lambda: (solved(6, "with_bag"), delayed_tuple, solved(6, "with_joblib")),
        "with_delayed returns a tuple",
    ),
    (3, lambda: (serial_list,), "by a single worker"),
    (
        6,
        lambda: (no_bag, solved(6, "with_delayed"), solved(6, "with_joblib")),
        "with_bag works without Dask",
    ),
    (
        6,
        lambda: (solved(6, "with_bag"), solved(6, "with_delayed"), no_library),
        "with_joblib works without joblib",
    ),
    (7, lambda: (solved(7, "add"), takes_one), "something got lost"),
    (7, lambda: (solved(7, "add"), by_id), "another id in each process"),
    (7, lambda: (solved(7, "add"), tries_again), "meet again each time"),
    (8, lambda: (first_tiles,), "did not get their nearest tile"),
    (
        9,
        lambda: (lambda seconds, shared, workers: 0.1,),
        "With 1 workers it should be 1.00",
    ),
    (9, lambda: (shares_the_rest,), "The parts are swapped"),
    (9, lambda: (takes_paint_away,), "It has changed `seconds`"),
    (10, lambda: (lambda tiles, cells: np.zeros((7, 7)),), "an array of shape (7, 7)"),
    (10, lambda: (lambda tiles, cells: np.zeros(len(cells), int),), "their nearest tile"),
    (11, lambda: ([0, 0, 1], solved(11, "marry")), "each once"),
    (11, lambda: ([1, 2, 0], solved(11, "marry")), "This costs 18, and 9 is possible"),
    (11, lambda: ([2, 0, 1], lambda *_: [0, 0, 0, 0]), "a cell of its own"),
    (
        12,
        lambda: (RIGHT_JOBS - {f"thumbnails {PART}"}, solved(12, "divide")),
        "One photo belongs to one part",
    ),
    (12, lambda: (RIGHT_JOBS | {"lunch"}, solved(12, "divide")), "Nothing asks for lunch"),
    (12, lambda: (RIGHT_JOBS, lambda names, parts: [names]), "each name stands once"),
    (
        12,
        lambda: (RIGHT_JOBS, lambda names, parts: [sorted(names), [], [], []]),
        "no parallel work",
    ),
    (
        11,
        lambda: ([2, 0, 1], of_the_cells),
        "a list of cells, one for each photo",
    ),
    (13, lambda: (renames_from_elsewhere,), "into another folder"),
    (13, lambda: (removes_first,), "The old file is gone"),
    (13, lambda: (forgets_the_last,), "not all rows are there"),
    (14, lambda: (planned(lambda plan: plan[:2]),), "the plan is for 2"),
    (
        14,
        lambda: (lambda *given: dict(solved(14, "plan_parts")(*given)),),
        "a list of pairs",
    ),
    (
        14,
        lambda: (planned(lambda plan: [(Path(p).name, some) for p, some in plan]),),
        "is not in the folder",
    ),
]


@pytest.mark.long
@pytest.mark.parametrize(("number", "yours", "says"), OTHERS)
def test_another_mistake_is_told_as_well(
    number: int, yours: Callable[[], tuple[Answer, ...]], says: str
) -> None:
    needs(number)
    verdict = checks.check(number, *yours())
    assert not verdict
    assert says in verdict.says


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["b", "a"], "The merged store is not sorted by name"),
        (["a"], "The merged store lacks 1 photos, say b"),
        (["a", "a", "b"], "Some photos are twice"),
        (["a", "b"], ""),
    ],
)
def test_a_merged_store_has_every_photo_once_in_order(
    tmp_path: Path, names: list[str], says: str
) -> None:
    made = [replace(THUMBNAIL, name=name) for name in names]
    write_store(str(tmp_path / "store.h5"), made, (1, 1))
    verdict = checks.check(
        14, solved(14, "plan_parts"), str(tmp_path / "store.h5"), ["a", "b"]
    )
    assert bool(verdict) is not bool(says)
    assert says in verdict.says


# The matrix


def test_there_are_fourteen_exercises_and_a_judge_and_a_solution_for_each() -> None:
    numbers = list(range(1, 15))
    assert list(SECTIONS) == numbers
    assert list(checks.JUDGES) == numbers
    assert [n for n, _ in workbook.sections(SOLUTIONS) if n] == numbers


@pytest.mark.parametrize("number", checks.JUDGES)
def test_an_empty_answer_is_told_to_begin(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Answer] = {}
    first = workbook.sections(EXERCISES)[0][1]
    for block in [*tangle.blocks(first), *tangle.blocks(SECTIONS[number])]:
        if block.info == "python":
            exec(block.code, names)
    last = capsys.readouterr().out.strip().split("\n")
    (said,) = {line for line in last if line.startswith(f"Exercise {number}: ")}
    assert re.fullmatch(rf"Exercise {number}: There is no \w+ yet; .*", said)


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "name", "yours", "says"),
    KNOWN,
    ids=[f"{n}: {name}" for n, name, *_ in KNOWN],
)
def test_a_wrong_attempt_is_told_what_may_be_the_misconception(
    number: int,
    name: str,
    yours: Callable[[], tuple[Answer, ...]],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    needs(number)
    answer = yours()
    capsys.readouterr()
    verdict = checks.check(number, *answer)
    assert not verdict
    assert says in verdict.says
    assert capsys.readouterr().out == f"Exercise {number}: {verdict.says}\n"


@pytest.mark.parametrize("number", checks.JUDGES)
def test_the_solution_is_right(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    needs(number)
    verdicts: list[Verdict] = []
    plain = checks.check

    def kept(number: int, *yours: object) -> Verdict:
        verdicts.append(plain(number, *yours))
        return verdicts[-1]

    monkeypatch.setattr(checks, "check", kept)
    answers(number)
    assert [verdict.says for verdict in verdicts if not verdict] == []
    assert verdicts


@pytest.mark.parametrize("number", checks.JUDGES)
def test_the_exercise_lists_the_wrong_attempts_that_are_tested(number: int) -> None:
    (listed,) = re.findall(r"\*The check knows: ([^*]*)\.\*", SECTIONS[number])
    tested = [name for n, name, *_ in KNOWN if n == number]
    assert " ".join(listed.split()).split("; ") == list(dict.fromkeys(tested))


def nothing(*_: object) -> None:
    print(end="")


HALF: dict[int, tuple[Answer, ...]] = {
    2: ({"thumbnails": set()},),
    6: (nothing, nothing, nothing),
    7: (nothing, nothing),
    11: ([2, 0, 1], nothing),
    12: (RIGHT_JOBS, nothing),
}


@pytest.mark.parametrize("number", checks.JUDGES)
def test_an_answer_that_was_only_begun_is_no_error(number: int) -> None:
    needs(number)
    verdict = checks.check(number, *HALF.get(number, (nothing,)))
    assert not verdict
    assert "TypeError" not in verdict.says


def test_an_error_in_an_answer_is_told_and_not_raised() -> None:
    def divides(*_: object) -> float:
        return 1 / 0

    assert (
        "ended with ZeroDivisionError: division by zero" in checks.check(10, divides).says
    )


def test_an_exercise_that_there_is_not_or_too_few_answers_are_told() -> None:
    assert checks.check(15, 1).says == "There is none; they are numbered 1 to 14."
    assert checks.check(7, unlocked).says == "Hand over add, move: check(7, add, move)."


def test_a_curve_needs_points_from_one_to_hundreds() -> None:
    measure = solved(5, "measure")
    assert (
        "wants 4 points or more, and this has 3"
        in checks.check(5, measure, {1: 3, 9: 2, 800: 3}).says
    )
    assert "too narrow" in checks.check(5, measure, {8: 3, 9: 2, 16: 2, 99: 3}).says
    good = {1: 3, 8: 2, 32: 1, 800: 3}
    assert checks.check(5, measure, good).says.startswith("Measured well. Here 32 was best")
    one_sided = {1: 1, 8: 2, 32: 3, 800: 4}
    assert "Here 1 was best, at an end" in checks.check(5, measure, one_sided).says


def test_a_pool_whose_workers_die_is_explained_by_what_a_cell_cannot_be() -> None:
    said = checks.explain_error(BrokenProcessPool("a process ended abruptly"))
    assert said.startswith("A worker died at its start: it imports what it needs")
    said = checks.explain_error(ValueError("abruptly"))
    assert said.startswith("It ended with ValueError: abruptly.")


def test_what_has_no_python_code_mentions_nothing() -> None:
    assert checks.mentions(sleeps, "wait", "sleep")
    assert not checks.mentions(partial(sleeps, tuple), "sleep")
    assert not checks.mentions(len, "len")


def test_an_error_of_a_writer_is_told_and_not_taken_for_a_race() -> None:
    def fails(*_: Answer) -> None:
        raise KeyError("cat")

    add, move = solved(7, "add"), solved(7, "move")
    assert "It ended with KeyError: 'cat'." in checks.check(7, fails, move).says
    assert "It ended with KeyError: 'cat'." in checks.check(7, add, fails).says


def test_who_asks_for_a_lock_without_waiting_gets_it_or_goes_on() -> None:
    lock = checks.SharedLock(checks.Stage())
    assert lock.acquire(blocking=False)
    assert not lock.acquire(blocking=False)
    lock.release()
    assert lock.acquire(blocking=False)


def test_a_disk_that_is_full_is_not_taken_for_a_disk_that_is_elsewhere() -> None:
    def fills_up(path: str, rows: Iterable[str]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    with pytest.raises(OSError, match="No space left"):
        checks.judge_each_moment(fills_up, ["a", "b"])
    with pytest.raises(checks.Wrong, match="The new file is written into another folder"):
        checks.judge_each_moment(renames_from_elsewhere, ["a", "b"])


@pytest.mark.parametrize("forks", [True, False])
def test_a_writer_dies_in_the_midst_on_every_system(
    forks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not forks:
        monkeypatch.delattr(os, "fork", raising=False)
    path = tmp_path / "rows"

    def writes(path: str, rows: Iterable[str]) -> None:
        with Path(path).open("w", buffering=1) as file:
            file.writelines(f"{row}\n" for row in rows)
            file.write("all is written\n")

    checks.write_and_die(writes, str(path), ["a", "b", "c"], 2)
    assert path.read_text() == "a\nb\n"


def test_without_the_libraries_it_says_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "joblib", None)
    verdict = checks.check(6, joblib_by_item, joblib_by_item, joblib_by_item)
    assert not verdict
    assert "not installed; say pip install 'dask[bag]' joblib" in verdict.says


def test_a_merged_store_is_judged(tmp_path: Path) -> None:
    plan = solved(14, "plan_parts")
    (tmp_path / "store.h5").write_text("no store")
    verdict = checks.check(14, plan, str(tmp_path / "store.h5"), ["a.jpg"])
    assert "The merged store cannot be read" in verdict.says


def test_a_match_by_the_book_is_right_everywhere() -> None:
    assert checks.check(10, match_nearest)


def test_a_verdict_shows_nothing_more_in_a_notebook(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Verdict(True, "Right.")._ipython_display_()
    assert capsys.readouterr().out == ""
    assert pickle.loads(pickle.dumps(Verdict(True, "Right."))) == Verdict(True, "Right.")


# The ways through, and the workbook


def test_the_minutes_of_each_way_are_those_of_its_exercises() -> None:
    rows = re.findall(
        r"^\| (90 minutes|half a day|a day) \|[^|]*\| (\d+) \|$", EXERCISES, re.M
    )
    minutes = dict.fromkeys(workbook.WAYS, 0)
    for section in SECTIONS.values():
        taken, ways = workbook.about(section)
        for way in ways:
            minutes[way] += taken
    assert {way: int(taken) for way, taken in rows} == minutes
    assert minutes["90 minutes"] <= 90
    assert minutes["half a day"] <= 240
    assert minutes["a day"] <= 480


def test_each_way_has_the_exercises_of_its_row() -> None:
    chosen = {
        way: [n for n, text in SECTIONS.items() if way in workbook.about(text)[1]]
        for way in workbook.WAYS
    }
    assert chosen["90 minutes"] == [1, 3, 4, 6]
    assert chosen["half a day"] == sorted([1, 3, 4, 6, 5, 7, 9, 12, 13])
    assert chosen["a day"] == list(range(1, 15))
    for way, more in (("90 minutes", "1, 3, 4, 6"), ("half a day", "also 5, 7, 9, 12, 13")):
        assert f"| {way} | {more} |" in EXERCISES


def test_where_a_number_is_asked_for_it_is_predicted_first_and_compared_last() -> None:
    asked = [n for n, text in SECTIONS.items() if "predict(" in text]
    assert asked == [1, 4, 5, 6, 8, 9, 10, 12]
    for number in asked:
        section = SECTIONS[number]
        assert section.index(f"predict({number}, ...)") < section.index(f"check({number}, ")
        assert section.index(f"check({number}, ") < section.index(f"measured({number}, ")


def test_the_workbook_is_a_notebook_with_a_kernel_and_the_checks(tmp_path: Path) -> None:
    path = tmp_path / "exercise.ipynb"
    assert workbook.main([str(path)]) == 0
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    assert book.metadata.kernelspec.name == "python3"
    code = "\n".join(cell.source for cell in book.cells if cell.cell_type == "code")
    for number in checks.JUDGES:
        assert f"check({number}, " in code
    assert "](mosaic.md" in json.dumps(book)
    assert "](../" not in json.dumps(book)


def test_every_link_of_the_workbook_leads_to_a_file() -> None:
    text = "\n".join(cell.source for cell in workbook.notebook(EXERCISES).cells)
    links = re.findall(r"\]\((?!https:)([\w./-]+)", text)
    assert links
    assert [link for link in links if not (COURSE.parent / link).is_file()] == []


def test_a_workbook_with_answers_is_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "exercise.ipynb"
    path.write_text("my answers")
    assert workbook.main([str(path)]) == 0
    assert path.read_text() == "my answers"
    assert "is there already and stays as it is" in capsys.readouterr().out


def test_a_way_has_its_own_workbook(tmp_path: Path) -> None:
    path = tmp_path / "exercise.ipynb"
    workbook.main([str(path), "--way", "90 minutes"])
    found = re.findall(r"## Exercise (\d+)", path.read_text())
    assert list(map(int, found)) == [1, 3, 4, 6]


def test_a_prediction_is_kept_and_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "data" / "predictions.json")
    for act in (
        partial(workbook.predict, 4),
        partial(workbook.predict, 4, 4),
        partial(workbook.predict, 12, 6),
        partial(workbook.measured, 4, 1.8321),
        partial(workbook.measured, 12, 6),
        partial(workbook.measured, 10, 9.96),
    ):
        act(path=path)
    assert capsys.readouterr().out.splitlines() == [
        "Put your guess, a number, in place of the dots.",
        "Exercise 4: you predict 4.",
        "Exercise 12: you predict 6.",
        "Exercise 4: you predicted 4, it was 1.8.",
        "Exercise 12: it was 6, as you predicted.",
        "Exercise 10: it was 10; you did not predict.",
    ]


@pytest.mark.long
def test_the_programs_are_found_as_the_commands_say(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "course.workbook", str(tmp_path / "one.ipynb")],
        cwd=COURSE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "make lab" in done.stdout


def test_plain_threads_make_a_parallel_map_as_well() -> None:
    def by_threads(make: Make, names: Sequence[str], folder: str, workers: int) -> Answer:
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(partial(make, folder=folder), names)

    assert checks.check(3, by_threads)


def test_every_stable_match_is_accepted_and_every_other_one_is_refused() -> None:
    def blocked(cells: Sequence[int]) -> bool:
        return any(
            checks.LIKES[p].index(c) < checks.LIKES[p].index(cells[p])
            and checks.LIKED[c].index(p) < checks.LIKED[c].index(cells.index(c))
            for p, c in itertools.product(range(4), range(4))
        )

    found = solved(11, "marry")(checks.LIKES, checks.LIKED)
    assert not blocked(found)
    assert blocked(first_come(checks.LIKES, checks.LIKED))
