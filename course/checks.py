# Made from course/checks.md by make tangle; edit that.
"""Check the answers to the exercises; explained in checks.md."""

import collections
import contextlib
import dis
import errno
import functools
import inspect
import io
import itertools
import json
import os
import pickle
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from unittest import mock

import numpy as np
from PIL import Image

from data import cats
from mosaic import Array, Reject, Thumbnail, make_thumbnail, match_cost, match_nearest
from mosaic import open_store, shrink_photo, squared_distances, write_store
from smalti.ground.errors import MosaicError
from smalti.steps import merge_stores, write_lists

Answer: TypeAlias = Any  # Any: what learners hand in may be of any type, and right or wrong
Function = Callable[..., Answer]


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and a sentence about it."""

    right: bool
    says: str

    def __bool__(self) -> bool:
        return self.right

    def _ipython_display_(self) -> None:
        """Show nothing: the sentence has been printed."""


class Wrong(Exception):
    """An answer is not right yet; the text names what may be the misconception."""


def refuse(wrong: object, says: str) -> None:
    """Raise Wrong with a sentence if something is `wrong`."""
    if wrong:
        raise Wrong(says)


IDLE = {"RESUME", "NOP", "LOAD_CONST", "POP_TOP", "RETURN_VALUE", "RETURN_CONST"}


def is_blank(answer: object) -> bool:
    """Whether an answer has not been begun: nothing, or a function without a body.

    >>> is_blank(None), is_blank(lambda: ...), is_blank(lambda: 1), is_blank(len)
    (True, True, False, False)
    """
    if inspect.isfunction(answer):
        return all(
            step.opname in IDLE
            and ("CONST" not in step.opname or step.argval in (None, ...))
            for step in dis.get_instructions(answer)
        )
    kinds = (str, list, tuple, dict, set)
    return answer is None or answer is ... or (isinstance(answer, kinds) and not answer)


def mentions(function: Function, *words: str) -> bool:
    """Whether the code of a function uses one of some names, inner functions included.

    >>> mentions(lambda: time.sleep(1), "sleep", "wait")
    True
    """
    codes = [getattr(function, "__code__", None)]
    names: set[str] = set()
    while codes:
        code = codes.pop()
        if code:
            names |= {*code.co_names, *code.co_freevars}
            codes += [inner for inner in code.co_consts if inspect.iscode(inner)]
    return bool(names & set(words))


LAMBDA = (
    "A worker process is sent the name of a function, and a lambda or a function inside a "
    "function has no name by which another process could find it; use functools.partial of a "
    "function of a module."
)


def explain_error(error: Exception) -> str:
    """A sentence about an error in somebody's answer."""
    if isinstance(error, BrokenProcessPool):
        return (
            "A worker died at its start: it imports what it needs, and cannot import a cell "
            "of a notebook; give the pool only functions of a module."
        )
    if "pickle" in str(error) or "local object" in str(error):
        return LAMBDA
    return f"It ended with {type(error).__name__}: {error}. Try it by itself to see where."


@functools.cache
def waves(width: int = 411, height: int = 333) -> bytes:
    """A JPEG of smooth waves, of other directions in each colour."""
    y, x = np.mgrid[:height, :width]
    lengths = ((1 / 90, 0), (0, 1 / 90), (1 / 130, 1 / 130))
    planes = [127 + 100 * np.sin(2 * np.pi * (x * a + y * b)) for a, b in lengths]
    buffer = io.BytesIO()
    Image.fromarray(np.stack(planes, -1).astype(np.uint8)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def shift(expected: Array, found: Array) -> float:
    """The largest shift, in pixels, of a half of a (height, width, 3) image."""
    shifts = []
    for axis in (0, 1):
        slope = np.gradient(expected, axis=axis)
        halves = [np.array_split(field, 2, axis) for field in (expected - found, slope)]
        shifts += [(d * g).sum() / (g * g).sum() for d, g in zip(*halves, strict=True)]
    return float(np.abs(shifts).max())


def judge_crop(shrink: Function) -> str:
    """Exercise 1: shrink(photo, size) decodes little, and cuts at fractions of pixels."""
    for size in ((40, 20), (20, 16)):
        photo = Image.open(io.BytesIO(waves()))
        whole, small = photo.size, shrink(photo, size)
        refuse(not isinstance(small, Image.Image), "Return the thumbnail as an image.")
        refuse(
            small.size != size,
            f"The thumbnail has {small.size} pixels instead of {size}; sizes are (width, height).",
        )
        decoded = photo.size
        refuse(
            decoded == whole,
            f"All {whole[0]} x {whole[1]} pixels were decoded; ask photo.draft for fewer before "
            "anything else touches the photo.",
        )
        refuse(
            decoded[0] < 2 * size[0] or decoded[1] < 2 * size[1],
            f"Only {decoded[0]} x {decoded[1]} pixels were decoded for a thumbnail of {size[0]} x "
            f"{size[1]}; ask photo.draft for twice its width and height.",
        )
        expected = shrink_photo(Image.open(io.BytesIO(waves())), size)
        off = shift(np.asarray(expected, float), np.asarray(small.convert("RGB"), float))
        refuse(
            off > 0.5,
            "The photo is squeezed, or not cut around its middle: give `resize` a box, and let the box "
            f"have the shape of {size[0]} x {size[1]}.",
        )
        refuse(
            off > 0.1,
            f"The picture is shifted by {off:.1f} pixels: the crop box was rounded to whole pixels of "
            "the small image; the whole photo has fractions of a pixel there, and so has the box.",
        )
    return f"Right: only {decoded[0]} x {decoded[1]} pixels were decoded, and the cut is exact."


GRAPH = {
    "thumbnails": set[str](),
    "store": {"thumbnails"},
    "match": {"store"},
    "paste": {"store", "match"},
}


def judge_graph(needs: Mapping[str, set[str]]) -> str:
    """Exercise 2: the steps that each step needs."""
    refuse(
        not isinstance(needs, Mapping) or set(needs) != set(GRAPH),
        f"Name what each of these needs: {', '.join(GRAPH)}; set() is for one that needs none.",
    )
    place = {step: i for i, step in enumerate(GRAPH)}
    for step, before in needs.items():
        refuse(
            before is None or isinstance(before, str),
            f"Put the steps that {step} needs into braces, such as {{'store'}}; set() is for none.",
        )
        for other in before:
            refuse(other not in place, f"{other} is none of the four steps.")
            refuse(
                place[other] >= place[step],
                f"This is the wrong order: {step} cannot need {other}, which comes later or is itself.",
            )
        missing, more = GRAPH[step] - set(before), set(before) - GRAPH[step]
        refuse(
            missing,
            f"Something is missing: {step} reads what {' and '.join(sorted(missing))} has made.",
        )
        refuse(
            more,
            f"{step} never looks at what {' and '.join(sorted(more))} has made; an arrow is there "
            "only where a file is read.",
        )
    return "Right: paste has two arrows, for a match holds only numbers of thumbnails."


COUNT = 70  # photos, more than two chunks of 32
BROKEN = "broken.jpg"


def wait_for(note: Path, seconds: float) -> bool:
    """Wait until a file is there; say whether it came in time."""
    end = time.monotonic() + seconds
    while not note.exists() and time.monotonic() < end:
        time.sleep(0.005)
    return note.exists()


def thumbnail_with_note(name: str, folder: str) -> Thumbnail | Reject:
    """Make a thumbnail of 8 x 8 pixels, wait where a note tells so, and leave a note."""
    made = make_thumbnail(name, folder, (8, 8))
    waits = Path(folder, f"{name}.waits")
    if waits.exists():
        note, seconds = waits.read_text().split()
        if not wait_for(Path(folder, note), float(seconds)):
            Path(folder, f"{name}.vain").touch()
    Path(folder, f"{name}.done").write_text(f"{os.getpid()} {threading.get_ident()}")
    return made


@functools.cache
def painted(number: int) -> bytes:
    """The JPEG of a cat, 40 x 40 pixels."""
    buffer = io.BytesIO()
    cats.paint_cat(number).resize((40, 40)).save(buffer, "JPEG")
    return buffer.getvalue()


def lay_out(folder: str, count: int) -> list[str]:
    """Write photos into a folder, the third one broken; return their names in order."""
    names = [f"{i:02}.jpg" for i in range(count)]
    for i, name in enumerate(names):
        Path(folder, name).write_bytes(painted(i % 3))
    names[2] = BROKEN
    Path(folder, BROKEN).write_bytes(painted(0)[:300])
    return names


def judge_map(parallel_map: Function) -> str:
    """Exercise 3: parallel_map(make, names, folder, workers) is a parallel map in order."""
    many = mock.patch("os.cpu_count", return_value=8)  # a pool that is told no number takes 8
    with tempfile.TemporaryDirectory() as folder, many:
        names = lay_out(folder, COUNT)
        Path(folder, f"{names[0]}.waits").write_text(f"{names[40]}.done 3")
        Path(folder, f"{names[-1]}.waits").write_text("received 6")
        made = parallel_map(thumbnail_with_note, names, folder, 2)
        refuse(made is None, "It returns nothing; hand on the results.")
        found = []
        for one in made:
            found.append(one)
            Path(folder, "received").touch()
        judge_results(found, [make_thumbnail(name, folder, (8, 8)) for name in names])
        judge_notes(made, Path(folder), names)
        for few in (names[:1], []):
            found = list(parallel_map(thumbnail_with_note, few, folder, 3))
            refuse(len(found) != len(few), f"Of {len(few)} photos it makes {len(found)}.")
    return "Right: all results, in the order of the names, one at a time, by several workers."


def judge_results(found: list[Answer], expected: list[Thumbnail | Reject]) -> None:
    """Raise Wrong if results are missing, wrong, or in another order."""
    kinds = {type(one) for one in found}
    refuse(
        kinds - {Thumbnail, Reject},
        f"Hand on what make returns, and not a {next(iter(kinds), object).__name__}.",
    )
    lost = {one.name for one in expected} - {one.name for one in found}
    refuse(
        lost == {BROKEN},
        f"{BROKEN} was lost: what cannot be read is a result as well, a Reject, which the "
        "store keeps and counts.",
    )
    refuse(lost, f"{len(lost)} photos are missing, among them {min(lost, default='')}.")
    refuse(len(found) > len(expected), "Some photos come more than once.")
    refuse(
        found != expected and sorted(found, key=by_name) == sorted(expected, key=by_name),
        "These are the right thumbnails in the order in which they were finished; "
        "as_completed gives that, map keeps the order of the names.",
    )
    refuse(found != expected, "Some thumbnails are not what make returns for their name.")


def by_name(one: Thumbnail | Reject) -> str:
    """What to sort results by."""
    return one.name


def judge_notes(made: object, folder: Path, names: list[str]) -> None:
    """Raise Wrong if the results came all at once, or from a single worker."""
    workers = {(folder / f"{name}.done").read_text() for name in names}
    refuse(
        len(workers) == 1,
        "All photos were made by a single worker, one after the other; that is map, not yet "
        "a parallel one.",
    )
    refuse(
        len(workers) > 2,
        f"{len(workers)} workers made the photos, where workers=2 was asked for; tell the pool.",
    )
    refuse(
        isinstance(made, list | tuple),
        "The results are right, but it is a list: nothing can be written before the last photo "
        "is done, and all thumbnails are in memory; return an iterator, by yield from.",
    )
    refuse(
        (folder / f"{names[-1]}.vain").exists(),
        "Nothing was handed on until the last photo was done: a list was made first, or the "
        "pool's `with` was left, which waits for all; let `yield from` stand inside it.",
    )


NAP = 0.05


def honest(names: list[str]) -> list[str]:
    """Nap, and return all results."""
    time.sleep(NAP)
    return [name.upper() for name in names]


def lazy(names: list[str]) -> Iterator[str]:
    """Do the same when somebody asks."""
    yield from honest(names)


def loses_one(names: list[str]) -> list[str]:
    """Nap, and return all results but one."""
    return honest(names)[:-1]


def mixes_up(names: list[str]) -> list[str]:
    """Nap, and return the results in another order."""
    return honest(names)[::-1]


def judge_race(race: Function) -> str:
    """Exercise 4: race(ways, names) returns the seconds of each way, and whether it is right."""
    ways = {way.__name__: way for way in (honest, lazy, loses_one, mixes_up)}
    found = race(ways, list("abcdef"))
    refuse(
        not isinstance(found, Mapping) or set(found) != set(ways),
        "Return a dictionary with the seconds, and whether it is right, for each way.",
    )
    refuse(
        not all(isinstance(pair, tuple) and len(pair) == 2 for pair in found.values()),
        "For each way return a tuple of two things, (seconds, same).",
    )
    seconds = {way: pair[0] for way, pair in found.items()}
    same = {way: bool(pair[1]) for way, pair in found.items()}
    refuse(
        seconds["honest"] < NAP,
        f"A way that waits {NAP} s was measured at {seconds['honest']:.3f} s; process_time does "
        "not count what others do for us: use perf_counter.",
    )
    refuse(
        seconds["lazy"] < NAP,
        "It was timed without looking at the result: a generator does nothing before it is asked; "
        "make a list of it while the clock runs.",
    )
    for way, how in {"loses_one": "lost a result", "mixes_up": "mixed up the results"}.items():
        refuse(
            same[way],
            f"It was timed without looking at the result: a way that {how} counts as the same.",
        )
    refuse(
        not (same["honest"] and same["lazy"]),
        "A right result was called different: compare lists, and no generator, which is empty "
        "after it has been read once.",
    )
    return "Right: what comes too early or comes out different is found."


COLD = 0.3


class Work:
    """Work that takes long when it is called first, as if photos came from the disk."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, size: int) -> None:
        """Work in chunks of a size."""
        time.sleep(COLD if not self.sizes else 0.002)
        self.sizes.append(size)


def judge_chunks(measure: Function, curve: Mapping[int, float] | None = None) -> str:
    """Exercise 5: measure(work, sizes) gives the seconds of each size, all of them warm."""
    sizes = [1, 8, 32, 128]
    for again in (True, False):
        work = Work()
        found = measure(work, sizes)
        refuse(not isinstance(found, Mapping), "Return a dictionary: the seconds of each size.")
        refuse(
            set(found) != set(sizes),
            f"One point is no curve: {len(sizes)} sizes were asked for, {len(found)} came back.",
        )
        missing = set(sizes) - set(work.sizes)
        refuse(missing, f"{missing} was never tried; call work(size) and look at the clock.")
        if cold := [size for size, taken in found.items() if taken > COLD / 3]:
            refuse(
                not again,
                f"The time of {cold[0]} holds the reading from the disk, which later sizes "
                "find in a warm cache; work once before the clock runs, or go round twice "
                "and take the least.",
            )
        else:
            break
    return judge_curve(curve) if curve else "Right: every size, and each with a warm cache."


def judge_curve(curve: Mapping[int, float]) -> str:
    """Raise Wrong if a curve of seconds over sizes does not have enough points."""
    refuse(len(curve) < 4, f"A curve wants 4 points or more, and this has {len(curve)}.")
    refuse(
        max(curve) < 100 * min(curve),
        f"From {min(curve)} to {max(curve)} is too narrow; go from 1 up to hundreds.",
    )
    best = min(curve, key=lambda size: curve[size])
    if best in (min(curve), max(curve)):
        return f"Measured well. Here {best} was best, at an end: the curve has one side only."
    return f"Measured well. Here {best} was best, and both smaller and larger ones cost more."


NAMES = [f"cat{i}" for i in range(12)]
PER_ITEM = (
    "{what} is called {count} times, once for each photo: compute per item starts the scheduler "
    "and waits for it each time, one photo after the other; collect the tasks, compute once."
)


def shout(name: str) -> str:
    """A task that takes no time."""
    return name.upper()


def judge_libraries(with_bag: Function, with_delayed: Function, with_joblib: Function) -> str:
    """Exercise 6: the same task by Dask's bag, by its delayed, and by joblib."""
    try:
        import dask.bag  # noqa: F401, here, for not everybody has it
        import joblib  # noqa: F401
    except ImportError as error:
        raise Wrong(f"{error.name} is not installed; say pip install 'dask[bag]' joblib") from None
    tasks = judge_dask("with_bag", lambda make: with_bag(make, NAMES, 2))
    refuse(
        tasks > 5,  # for each partition its names and the map, and one that collects
        f"with_bag was asked for 2 partitions and made {tasks} tasks; pass npartitions, by this "
        "name, for the second argument is the size of a partition.",
    )
    judge_dask("with_delayed", lambda make: with_delayed(make, NAMES))
    judge_joblib(functools.partial(with_joblib, shout, NAMES, 2))
    return "Right: three libraries, one function, and results are asked for once."


def judge_names(who: str, found: object) -> None:
    """Raise Wrong if an answer by a library is not the list that a loop makes."""
    refuse(found is None, f"{who} returns nothing.")
    lazy = found if hasattr(found, "compute") else next(iter(found), None)  # type: ignore[call-overload]
    refuse(
        hasattr(lazy, "compute"),
        f"{who} returns a plan and no results: with Dask nothing happens before compute.",
    )
    refuse(
        list(found) != [shout(name) for name in NAMES],  # type: ignore[call-overload]
        f"{who} does not return the results of all names in their order.",
    )
    refuse(isinstance(found, tuple), f"{who} returns a tuple; make a list of it.")


def judge_dask(who: str, answer: Function) -> int:
    """Raise Wrong if Dask is asked more than once, or too late; return the number of tasks."""
    import dask
    from dask.callbacks import Callback

    starts, tasks, early = [0], [0], [0]

    def make(name: str) -> str:
        early[0] += not starts[0]
        return shout(name)

    def count(what: list[int]) -> None:
        what[0] += 1

    with (
        dask.config.set(scheduler="synchronous"),
        Callback(  # type: ignore[no-untyped-call]
            start=lambda graph: count(starts), pretask=lambda key, graph, state: count(tasks)
        ),
    ):
        judge_names(who, answer(make))
    refuse(starts[0] > 1, PER_ITEM.format(what=f"compute of {who}", count=starts[0]))
    refuse(not starts[0], f"{who} works without Dask.")
    refuse(early[0], HANDED.format(what=who, library="dask"))
    return tasks[0]


HANDED = (
    "{what} was handed results, or other things that are no calls: make(name) is a result, "
    "{library}.delayed(make)(name) a call that somebody else carries out."
)


def is_call(task: object) -> bool:
    """Whether this is what joblib.delayed returns: a function with its arguments."""
    return isinstance(task, tuple) and len(task) == 3 and callable(task[0])


def judge_joblib(answer: Function) -> None:
    """Raise Wrong if joblib's Parallel is called more than once, or in a wrong way."""
    import joblib

    calls, plain = [], joblib.Parallel.__call__

    def counted(parallel: Answer, *tasks: Answer) -> object:
        refuse(len(tasks) != 1, "Parallel is called with one argument, all calls together.")
        given = [tasks[0]] if callable(tasks[0]) else list(tasks[0])
        refuse(not all(map(is_call, given)), HANDED.format(what="Parallel", library="joblib"))
        refuse(
            parallel.n_jobs != 2,
            f"with_joblib was asked for 2 workers, and its n_jobs is {parallel.n_jobs}.",
        )
        calls.append(parallel)
        return plain(parallel, given)

    with (
        joblib.parallel_config(backend="threading"),
        mock.patch.object(joblib.Parallel, "__call__", counted),
    ):
        judge_names("with_joblib", answer())
    refuse(len(calls) > 1, PER_ITEM.format(what="Parallel", count=len(calls)))
    refuse(not calls, "with_joblib works without joblib.")


PATIENCE = 1.0  # seconds to wait for an actor that does something unforeseen


class Deadlock(Exception):
    """Two actors each hold a lock and wait for that of the other."""


class Stage:
    """Two actors, threads called A and B, who meet where a race or a deadlock could happen."""

    def __init__(self) -> None:
        self.turn = threading.Condition()
        self.doing = dict.fromkeys("AB", "coming")
        self.wants: dict[str, SharedLock] = {}
        self.both: set[str] = set()  # the actors who once held two locks
        self.tired: set[str] = set()  # those who give up waiting
        self.locks: list[SharedLock] = []
        self.errors: list[Exception] = []
        self.over = False

    def say(self, what: str) -> str:
        """Note what this actor is doing; return the name of the other one."""
        me = threading.current_thread().name
        self.doing[me] = what
        self.turn.notify_all()
        return "B" if me == "A" else "A"

    def meet(self) -> None:
        """Wait until the other actor is here, too, or blocked, or gone."""
        with self.turn:
            other = self.say("here")
            self.turn.wait_for(lambda: self.doing[other] != "coming", PATIENCE)

    def play(self, parts: Sequence[Callable[[], object]]) -> None:
        """Let two actors play their parts at the same time."""

        def act(part: Callable[[], object]) -> None:
            try:
                part()
            except Exception as error:
                self.errors.append(error)
            with self.turn:
                self.say("gone")

        actors = [
            threading.Thread(target=act, args=(part,), name=name, daemon=True)
            for name, part in zip("AB", parts, strict=True)
        ]
        for actor in actors:
            actor.start()
        for actor in actors:
            actor.join(4 * PATIENCE)
        self.over = any(actor.is_alive() for actor in actors)
        if self.over:
            self.errors.append(Deadlock())
            with self.turn:
                self.turn.notify_all()


class SharedLock:
    """A lock of the stage, as threading.Lock; with `meeting`, who gets it waits for the other."""

    def __init__(self, stage: Stage, meeting: bool = False) -> None:
        self.stage, self.meeting, self.used = stage, meeting, 0
        self.owner = ""
        stage.locks.append(self)

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, or wait for it; raises Deadlock."""
        stage, me = self.stage, threading.current_thread().name
        with stage.turn:
            if self.owner:
                if not blocking:
                    return False
                wanted = stage.wants.get(self.owner)
                circle = self.owner == me or (wanted is not None and wanted.owner == me)
                if timeout < 0 and circle:
                    raise Deadlock
                stage.tired -= {me}
                stage.tired |= {self.owner} if circle else set()
                stage.wants[me] = self
                stage.say("blocked")
                longest = timeout if timeout >= 0 else None

                def may_go_on() -> bool:
                    return stage.over or (timeout >= 0 and me in stage.tired) or not (self.owner or circle)

                stage.turn.wait_for(may_go_on, longest)
                del stage.wants[me]
                if not stage.over and (self.owner or circle or (timeout >= 0 and me in stage.tired)):
                    return False
            if stage.over:
                raise Deadlock
            if any(lock.owner == me for lock in stage.locks):
                stage.both.add(me)
            self.owner = me
            self.used += 1
            stage.say("coming")
        if self.meeting:
            stage.meet()
        return True

    def release(self) -> None:
        """Give the lock back; who waits for it is no longer blocked."""
        with self.stage.turn:
            self.owner = ""
            for actor, lock in self.stage.wants.items():
                if lock is self:
                    self.stage.doing[actor] = "coming"
            self.stage.turn.notify_all()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


def judge_writers(add: Function, move: Function) -> str:
    """Exercise 7: add(load, save, lock, name) loses no update; move(one, other) no deadlock."""
    judge_update(add)
    judge_deadlock(move)
    return "Right: nothing is lost, and nobody waits forever."


def judge_update(add: Function) -> None:
    """Raise Wrong if of two updates at the same time one is lost."""
    stage = Stage()
    kept: list[tuple[str, ...]] = [()]
    lock = SharedLock(stage)

    def load() -> tuple[str, ...]:
        found = kept[0]
        stage.meet()
        return found

    def save(names: Sequence[str]) -> None:
        stage.meet()
        kept[0] = tuple(names)

    with mock.patch("time.sleep"):
        stage.play([functools.partial(add, load, save, lock, name) for name in "ab"])
    for error in stage.errors:
        raise error
    judge_what_is_kept(add, set(kept[0]), lock.used)


def judge_what_is_kept(add: Function, kept: set[str], used: int) -> None:
    """Raise Wrong if an update is lost, or was not by good luck alone."""
    lost = "One of the two updates was lost." if kept != {"a", "b"} else "It went well by luck."
    refuse(
        not used and mentions(add, "Lock", "RLock", "LOCK", "my_lock"),
        "A lock for each process keeps nobody out: each writer holds one of its own, and never "
        f"waits for the other; use the lock that both are given. {lost}",
    )
    refuse(
        not used and mentions(add, "sleep"),
        "Sleeping is no lock: it makes the meeting rarer, not impossible; here both read before "
        f"either wrote. {lost}",
    )
    refuse(not used, f"Nobody took the lock; both read before either wrote. {lost}")
    refuse(
        kept != {"a", "b"},
        "An update was lost although there is a lock: reading and writing belong into the "
        "same `with lock`, or else the other one reads in between.",
    )


@dataclass
class Box:
    """A box of things, with a name and a lock."""

    name: str
    things: int
    lock: SharedLock


def judge_deadlock(move: Function) -> None:
    """Raise Wrong if two moves in opposite directions wait for each other."""
    stage = Stage()
    one, other = (Box(name, 5, SharedLock(stage, meeting=True)) for name in ("one", "other"))
    stage.play([functools.partial(move, one, other), functools.partial(move, other, one)])
    refuse(
        stage.over,
        "They give up and try again, and meet again each time. A time-out tells that something is "
        "wrong and does not mend it; let both take the locks in the same order, say by name.",
    )
    refuse(
        any(isinstance(error, Deadlock) for error in stage.errors),
        "This is a deadlock: each writer holds the lock of its first box and waits for that of "
        "the other, forever; let both take the locks in the same order, say by name.",
    )
    for error in stage.errors:
        raise error
    for box in (one, other):
        refuse(box.lock.used < 2, "A move changes two boxes, and has to hold the locks of both.")
    refuse(
        stage.both != set("AB"),
        "One lock after the other: in between, the thing is in neither box, and whoever looks "
        "misses it; hold both at once, one `with` inside the other.",
    )
    refuse(
        mentions(move, "id"),
        "The same box has another id in each process, so their orders may differ; order by name.",
    )
    refuse((one.things, other.things) != (5, 5), "There and back again, something got lost.")


def counting_pool(sent: list[int], once: list[int]) -> type:
    """A class like ProcessPoolExecutor that notes the bytes of tasks, and those sent once."""

    class Pool:
        def __init__(
            self,
            max_workers: int = 2,
            mp_context: object = None,
            initializer: Function | None = None,
            initargs: tuple[object, ...] = (),
        ) -> None:
            blob = pickle.dumps((initializer, initargs))
            once.append(len(blob))
            start, arguments = pickle.loads(blob)
            if start:
                start(*arguments)

        def submit(self, task: Function, *arguments: object) -> Future[Answer]:
            blob = pickle.dumps((task, arguments))
            sent.append(len(blob))
            again, received = pickle.loads(blob)
            future: Future[Answer] = Future()
            future.set_result(again(*received))
            return future

        def map(self, task: Function, *many: Answer, chunksize: int = 1) -> Iterator[Answer]:
            each, made = zip(*many, strict=False), []
            while chunk := list(itertools.islice(each, chunksize)):
                made += self.submit(run_chunk, task, chunk).result()
            return iter(made)

        def shutdown(self, wait: bool = True) -> None:
            """There is nothing to end."""

        def __enter__(self) -> "Pool":
            return self

        def __exit__(self, *error: object) -> None:
            """There is nothing to end."""

    return Pool


def run_chunk(task: Function, chunk: list[tuple[object, ...]]) -> list[object]:
    """Apply a task to each of some arguments."""
    return [task(*arguments) for arguments in chunk]


def judge_copies(match_in_parallel: Function) -> str:
    """Exercise 8: match_in_parallel(tiles, blocks, Pool) does not send tiles with each task."""
    rng = np.random.default_rng(8)
    tiles, cells = rng.integers(0, 256, (4000, 3)) + 0.0, rng.integers(0, 256, (64, 3)) + 0.0
    blocks = np.split(cells, 8)
    sent: list[int] = []
    once: list[int] = []
    found = match_in_parallel(tiles, blocks, counting_pool(sent, once))
    refuse(found is None, "It returns nothing; return the numbers of the tiles.")
    refuse(
        len(sent) < 2,
        f"The pool was given {len(sent)} task{'s' * (len(sent) != 1)}; give it one for each block.",
    )
    refuse(
        sum(sent) > 2 * tiles.nbytes,
        f"The array is pickled for each task: {len(sent)} tasks sent {sum(sent):,} bytes, and "
        f"the tiles are {tiles.nbytes:,}; give them to each worker once, by an initializer, or "
        "put them into shared memory.",
    )
    found = np.concatenate([np.atleast_1d(part) for part in found])
    refuse(
        found.shape != (64,) or match_cost(tiles, cells, found) > best_cost(tiles, cells),
        "Some cells did not get their nearest tile.",
    )
    refuse(
        any(step.opname == "STORE_GLOBAL" for step in dis.get_instructions(match_in_parallel)),
        "The tasks are small. But only a fork finds the global variable; a worker that is spawned "
        "looks for it in vain. Let an initializer set it, with the tiles as initargs.",
    )
    return f"Right: the tasks sent {sum(sent):,} bytes, and the tiles were handed over once."


def best_cost(tiles: Array, cells: Array) -> float:
    """The cost of the nearest match."""
    return match_cost(tiles, cells, match_nearest(tiles, cells))


STEPS = {"paint": 80.0, "thumbnails": 6.0, "store": 1.0, "match": 5.0, "paste": 2.0}
SHARED = {"paint", "thumbnails"}


def amdahl(seconds: Mapping[str, float], shared: set[str], workers: float) -> float:
    """How many times faster some workers are, if they share only some of the steps."""
    alone = sum(taken for step, taken in seconds.items() if step not in shared)
    return sum(seconds.values()) / (alone + (sum(seconds.values()) - alone) / workers)


def judge_amdahl(predict_speedup: Function) -> str:
    """Exercise 9: predict_speedup(seconds, shared, workers), with painting left out."""
    rest = {step: taken for step, taken in STEPS.items() if step != "paint"}
    for workers, steps in itertools.product((1, 2, 4, float("inf")), (STEPS, rest)):
        given = dict(steps)
        found = predict_speedup(given, SHARED & set(steps), workers)
        refuse(
            not isinstance(found, int | float),
            "Return one number: how many times faster.",
        )
        refuse(given != steps, "It has changed `seconds`, which others read, too; leave it be.")
        right = amdahl(rest, SHARED, workers)
        for wrong, says in {
            amdahl(rest, set(rest) - SHARED, workers): "The parts are swapped: the steps in `shared` are "
            "those that more workers make faster, and the others stay as they are.",
            amdahl(STEPS, SHARED, workers): "Painting is counted in: the photos are there already, "
            "and painting, which is easy to share, would make the rest look better than it is.",
            workers: f"{workers} workers are not {workers} times faster, for not all steps are shared.",
            1 / right: "This is the part of the time that is left; how many times faster is its "
            "inverse.",
            amdahl(rest, SHARED, workers) * 100: "This is in percent; return how many times faster.",
        }.items():
            refuse(np.isclose(found, wrong) and not np.isclose(found, right), says)
        refuse(
            not np.isclose(found, right),
            f"With {workers} workers it should be {right:.2f}: the time of all steps, divided by that "
            "of the steps that are not shared plus a part of the others.",
        )
    last = amdahl(rest, SHARED, float("inf"))
    return f"Right: even endless cores make these steps only {last:.1f} times faster."


def judge_brute_force(match_brute_force: Function) -> str:
    """Exercise 10: match_brute_force(tiles, cells) finds the nearest tiles, in float and in uint8."""
    rng = np.random.default_rng(10)
    tiles, cells = (rng.integers(0, 256, (k, 48), np.uint8) for k in (30, 50))
    for kind in (np.float64, np.uint8):
        for m in (50, 30):
            some = cells[:m]
            found = match_brute_force(tiles.astype(kind), some.astype(kind))
            judge_match(found, tiles, some, kind)
    judge_memory(match_brute_force, rng.random((300, 48)), rng.random((400, 48)))
    return "Right: the nearest of all, without an array of all differences."


def judge_match(found: Answer, tiles: Array, cells: Array, kind: type) -> None:
    """Raise Wrong if tile numbers are not those of the nearest tiles."""
    refuse(found is None, "It returns nothing; return a tile number for each cell.")
    distances = squared_distances(tiles, cells)
    found = np.asarray(found)
    refuse(
        found.shape == (len(tiles),) != (len(cells),)
        or (found.shape == (len(tiles),) and (found == distances.argmin(axis=1)).all()),
        "The minimum goes along the wrong axis: this is the nearest cell for each tile, where "
        "the nearest tile for each cell is asked for.",
    )
    refuse(
        found.shape != (len(cells),),
        f"For {len(cells)} cells it returns an array of shape {found.shape}.",
    )
    least = distances[found, range(len(cells))] == distances.min(axis=0)
    refuse(
        kind is np.uint8 and not least.all(),
        "With uint8 it goes wrong: 200 * 200 does not fit into 8 bits and comes out as 64, and "
        "3 - 5 as 254; convert to float before the arithmetic.",
    )
    refuse(not least.all(), f"{(~least).sum()} cells did not get their nearest tile.")


def judge_memory(match: Function, tiles: Array, cells: Array) -> None:
    """Raise Wrong if a match keeps an array of n * m * features numbers."""
    tracemalloc.start()
    try:
        match(tiles, cells)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    pairs = len(tiles) * len(cells)
    refuse(
        peak > 6 * 8 * pairs,
        f"It finds the nearest, by an array of n·m·f numbers, {peak:,} bytes for {pairs:,} pairs; "
        "for 10,000 photos and cells with 3 features that is 2.4 GB: take a block of cells at a "
        "time, or write the distance as a product of matrices.",
    )


WORK = np.array([[5.0, 8.0, 6.0], [2.0, 7.0, 9.0], [1.0, 1.0, 3.0]])


def judge_transport(plan: Sequence[int], marry: Function) -> str:
    """Exercise 11: the cell of each photo by hand, and marry(likes, liked), a stable match."""
    refuse(
        sorted(plan) != [0, 1, 2],
        "Name the cell of each photo: 0, 1 and 2 in some order, each once.",
    )
    costs = {p: WORK[range(3), p].sum() for p in itertools.permutations(range(3))}
    paid, best = costs[tuple(plan)], min(costs.values())
    for way, order in (("photo", "row"), ("cell", "column")):
        refuse(
            paid > best and tuple(plan) == greedy_plan(WORK, way == "cell"),
            f"This is greedy, {way} by {way}: each {order} takes the least that is left, which "
            f"costs {paid:g}; who chooses does not ask what others need.",
        )
    refuse(paid > best, f"This costs {paid:g}, and {best:g} is possible.")
    judge_marriage(marry)
    return f"Right: the plan costs {best:g}, as ot.emd says, and the marriage is stable."


def greedy_plan(costs: Array, by_column: bool) -> tuple[int, ...]:
    """The cell of each photo if rows, or columns, take the least that is left, in order."""
    left, plan = (costs.T if by_column else costs).copy(), []
    for row in left:
        plan.append(int(row.argmin()))
        left[:, plan[-1]] = np.inf
    return tuple(np.argsort(plan).tolist() if by_column else plan)


LIKES = [[1, 0, 2, 3], [1, 2, 0, 3], [1, 3, 0, 2], [0, 1, 2, 3]]  # cells, as each photo likes them
LIKED = [[1, 0, 2, 3], [2, 1, 3, 0], [0, 3, 1, 2], [3, 2, 1, 0]]  # photos, as each cell does


def judge_marriage(marry: Function) -> None:
    """Raise Wrong if a marriage of four photos and four cells is not stable."""
    for likes, liked in ((LIKES, LIKED), (LIKED, LIKES)):
        found = marry([row.copy() for row in likes], [row.copy() for row in liked])
        refuse(found is None, "marry returns nothing; return the cell of each photo.")
        cells = [int(cell) for cell in found]
        refuse(sorted(cells) != [0, 1, 2, 3], "marry has to give each photo a cell of its own.")
        for photo, cell in itertools.product(range(4), range(4)):
            rival = cells.index(cell)
            refuse(
                likes[photo].index(cell) < likes[photo].index(cells[photo])
                and liked[cell].index(photo) < liked[cell].index(rival),
                f"Photo {photo} and cell {cell} like each other better than what they have got"
                + why_unstable(cells, likes),
            )


def why_unstable(cells: list[int], likes: list[list[int]]) -> str:
    """The rest of a sentence about a marriage that is not stable."""
    first_come: list[int] = []
    for order in likes:
        first_come.append(next(cell for cell in order if cell not in first_come))
    if cells == first_come:
        return (
            ". That is greedy: who came first has kept the cell; in a stable marriage a cell "
            "may leave its photo for one that it likes better."
        )
    return (
        "; how much cell j likes photo i is liked[j].index(i), and the result is a list of "
        "cells, one for each photo, not of photos."
    )


ADDED, PARTS = "cat_000.jpg", 8  # sorts before cat_00000.jpg, as . comes before 0


def changed_parts(added: str = ADDED, parts: int = PARTS) -> set[int]:
    """The parts whose list changes when a photo is added to 40 others."""
    names = [cats.file_name(i) for i in range(40)]
    with tempfile.TemporaryDirectory() as folder:
        lists = [f"{folder}/{i}" for i in range(parts)]
        texts = []
        for some in (names, sorted([*names, added])):
            write_lists([json.dumps([name, 1, 0]) for name in some], lists)
            texts.append([Path(path).read_text() for path in lists])
    return {i for i, (old, new) in enumerate(zip(*texts, strict=True)) if old != new}


def jobs_again() -> set[str]:
    """The jobs that run again when the photo is added, all but `all`."""
    parts = {f"thumbnails {i}" for i in changed_parts()}
    both = {f"{step} {method}" for step in ("match", "paste") for method in ("nearest", "unique")}
    return parts | {"store"} | both


def judge_jobs(jobs: set[str], divide: Function) -> str:
    """Exercise 12: the jobs that run again, and divide(names, parts) that keeps parts stable."""
    expected, jobs = jobs_again(), set(map(str, jobs)) - {"all"}
    thumbnails = {job for job in jobs if job.startswith("thumbnails")}
    refuse(
        len(thumbnails) == PARTS,
        "All parts would be made again if they were slices of the list, for the new photo moves "
        "every other one; with a hash of the name, only its own part changes.",
    )
    refuse("paint" in jobs, "The collection is there; nothing is painted again.")
    refuse(len(thumbnails) != 1, "One photo belongs to one part; name that part's job.")
    refuse(
        thumbnails - expected,
        f"One part it is, but another one: {ADDED} belongs to part "
        f"{min(changed_parts())}, which is zlib.crc32 of the name, modulo {PARTS}.",
    )
    missing = ", ".join(sorted(expected - jobs))
    refuse(missing, f"What is made from the new part is made again, too: {missing}.")
    refuse(jobs - expected, f"Nothing asks for {', '.join(sorted(jobs - expected))}.")
    judge_divide(divide)
    return f"Right: {len(jobs)} jobs and all; the other {PARTS - 1} parts stay as they are."


def judge_divide(divide: Function) -> None:
    """Raise Wrong if one more name changes more than one part, or names get lost."""
    names = [cats.file_name(i) for i in range(40)]
    refuse(divide(names, 4) is None, "divide returns nothing; return the lists.")
    old, new = ([list(part) for part in divide(some, 4)] for some in (names, [ADDED, *names]))
    refuse(
        len(old) != 4 or sorted(itertools.chain(*old)) != names,
        "divide has to return four lists in which each name stands once.",
    )
    refuse(
        mentions(divide, "hash"),
        "hash of a text is another number in every process, so that all parts change with each "
        "run; zlib.crc32 is the same everywhere.",
    )
    changed = sum(a != b for a, b in zip(old, new, strict=True))
    refuse(
        changed > 1,
        f"All parts that come later change ({changed} of 4): by slices or by counting, a photo "
        "at the front moves every other one; let a hash of the name decide.",
    )
    refuse(max(map(len, old)) > 30, "Nearly all names are in one part; that is no parallel work.")


class Killed(BaseException):
    """The end of a writer where there is no fork."""


def dying(rows: Sequence[str], after: int) -> Iterator[str]:
    """Hand out rows, and end the process after some of them."""
    yield from rows[:after]
    if not hasattr(os, "fork"):
        raise Killed
    os._exit(9)


def write_and_die(write: Function, path: str, rows: Sequence[str], after: int) -> None:
    """Let a writer die after some rows."""
    if not hasattr(os, "fork"):
        with contextlib.suppress(Killed):
            write(path, dying(rows, after))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a fork beside threads: this one writes, and ends
        child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            write(path, dying(rows, after))
        os._exit(0)
    os.waitpid(child, 0)


def contents(path: str) -> str | None:
    """The text of a file, or None if there is none."""
    try:
        return Path(path).read_text()
    except FileNotFoundError:
        return None


def apart(rename: Function) -> Function:
    """A renaming that fails between folders, as it does between disks."""

    def renamed(source: str, target: str, **more: Answer) -> None:
        if Path(source).resolve().parent != Path(target).resolve().parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        rename(source, target, **more)

    return renamed


def look_on(write: Function, path: str, rows: Sequence[str]) -> set[str | None]:
    """What a reader finds under a path, before each line of Python that a writer runs."""
    seen, usual = {contents(path)}, sys.gettrace()

    def look(*_: object) -> Function:
        seen.add(contents(path))
        return look

    with (
        mock.patch("os.rename", apart(os.rename)),
        mock.patch("os.replace", apart(os.replace)),
    ):
        sys.settrace(look)
        try:
            write(path, iter(rows))
        finally:
            sys.settrace(usual)
    return seen


ELSEWHERE = (
    "The new file is written into another folder. That may be another disk, and between disks "
    "nothing can be renamed, only copied; write it beside the final file."
)


def judge_each_moment(write: Function, rows: Sequence[str]) -> None:
    """Raise Wrong if for a moment there is no file, or half of one."""
    with tempfile.TemporaryDirectory() as folder:
        path, old = f"{folder}/rows.txt", f"old\n{COMPLETE}\n"
        Path(path).write_text(old)
        try:
            seen = look_on(write, path, rows)
        except OSError as error:
            refuse(error.errno == errno.EXDEV, ELSEWHERE)
            raise
        refuse(
            None in seen,
            "The old file was removed before the new one had its name. Killed in between, there "
            "is neither; os.replace does both in one step.",
        )
        refuse(
            seen - {old, contents(path)},
            "For a moment, half a file stood under the final name. A copy is filled bit by bit, "
            "and what is printed waits in memory until the file is closed. So write the new file "
            "beside the old one, close it, and then rename it, by os.replace.",
        )


COMPLETE = "complete"


def read_rows(path: str) -> list[str] | None:
    """The rows of a file, if somewhere it says that it is complete; else None."""
    if not Path(path).exists():
        return None
    lines = Path(path).read_text().split("\n")
    return [line for line in lines if line and line != COMPLETE] if COMPLETE in lines else None


def judge_kill(write: Function) -> str:
    """Exercise 13: write(path, rows) leaves the old file or the new one, whenever it dies."""
    old, new = ["an", "old", "file"], ["one", "two", "three", "four"]
    for after, before in itertools.product((3, 2, 1, 0, 4), (None, old)):
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/rows.txt"
            if before:
                Path(path).write_text("\n".join([*before, COMPLETE, ""]))
            write_and_die(write, path, new, after)
            judge_half(path, before, after)
            if not after:
                write(path, iter(new))
                refuse(not Path(path).exists(), "When nothing happens, there is no file.")
                refuse(
                    read_rows(path) is None,
                    "A whole file does not say that it is complete, so nobody can trust it.",
                )
                refuse(read_rows(path) != new, "When nothing happens, not all rows are there.")
    judge_each_moment(write, new)
    return "Right: whoever looks finds the old file or the new one, and never half of one."


def judge_half(path: str, before: list[str] | None, after: int) -> None:
    """Raise Wrong if after a kill there is anything but the old file."""
    found = read_rows(path)
    refuse(
        found is not None and found != before,
        f"Killed after {after} rows, the file holds {len(found or [])} and says that it is "
        "complete: the flag was written first. It is a promise that is kept only if it comes "
        "last of all.",
    )
    refuse(
        before and found is None,
        "The old file is gone, and the new one is not there yet; replace it in one step, at the "
        "end.",
    )
    refuse(
        before is None and Path(path).exists(),
        f"Killed after {after} rows, half a file stands under the final name. It does not say "
        "that it is complete, but an old file would be gone; write under another name, and "
        "rename at the end.",
    )


def judge_machines(
    plan_parts: Function, store: str = "", photos: Sequence[str] = ()
) -> str:
    """Exercise 14: plan_parts(names, workers, folder) gives each worker a file of its own."""
    with tempfile.TemporaryDirectory() as folder:
        names = lay_out(folder, 11)
        plan = plan_parts(sorted(names), 3, folder)
        refuse(plan is None, "It returns nothing; return a list of (path, names).")
        refuse(not isinstance(plan, Sequence), "Return a list of pairs, (path, names).")
        judge_plan([(str(path), list(some)) for path, some in plan], sorted(names))
        astray = [str(path) for path, _ in plan if Path(path).parent != Path(folder)]
        refuse(astray, f"{min(astray, default='')} is not in the folder; write folder/name.")
        for path, some in plan:
            write_store(str(path), (make_thumbnail(n, folder, (8, 8)) for n in some), (8, 8))
        merge_stores(f"{folder}/merged.h5", [str(path) for path, _ in plan])
        judge_store(f"{folder}/merged.h5", sorted(names))
    if store:
        judge_store(store, sorted(photos) or names)
    return "Right: each worker has a file, and merged they hold every photo once, in order."


def judge_plan(plan: list[tuple[str, list[str]]], names: list[str]) -> None:
    """Raise Wrong if workers share a file, or a photo, or if one is forgotten."""
    refuse(len(plan) != 3, f"There are 3 workers, and the plan is for {len(plan)}.")
    paths = collections.Counter(path for path, _ in plan)
    path, writers = paths.most_common(1)[0]
    refuse(
        writers > 1,
        f"{writers} workers share one file, {Path(path).name}: HDF5 lets one process write, and "
        "where its locks do not work, over a network, the file is destroyed; give each worker "
        "a file of its own, and merge.",
    )
    uses = collections.Counter(itertools.chain(*(some for _, some in plan)))
    twice = [name for name, count in uses.items() if count > 1]
    refuse(twice, f"Two workers make {min(twice, default='')}; each photo belongs to one.")
    refuse(set(names) - set(uses), f"Nobody makes {min(set(names) - set(uses), default='')}.")
    refuse(
        any(some != sorted(some) for _, some in plan),
        "A part is not sorted by name, and merging sorted parts takes that for granted; the "
        "store would come out in another order.",
    )


def judge_store(path: str, names: list[str]) -> None:
    """Raise Wrong if a store does not hold these photos, in this order."""
    try:
        store = open_store(path)
    except MosaicError as error:
        raise Wrong(f"The merged store cannot be read: {error}.") from None
    with store:
        found = [*store.names, *(reject.name for reject in store.rejects)]
        refuse(store.names != sorted(store.names), "The merged store is not sorted by name.")
        lost = set(names) - set(found)
        refuse(lost, f"The merged store lacks {len(lost)} photos, say {min(lost, default='')}.")
        refuse(len(found) > len(set(found)), "Some photos are twice in the merged store.")


JUDGES: dict[int, Callable[..., str]] = {
    1: judge_crop,
    2: judge_graph,
    3: judge_map,
    4: judge_race,
    5: judge_chunks,
    6: judge_libraries,
    7: judge_writers,
    8: judge_copies,
    9: judge_amdahl,
    10: judge_brute_force,
    11: judge_transport,
    12: judge_jobs,
    13: judge_kill,
    14: judge_machines,
}


def check(number: int, *yours: Answer) -> Verdict:
    """Check your answer to an exercise: print one sentence or two about it."""
    verdict = judge(number, yours)
    print(f"Exercise {number}: {verdict.says}")
    return verdict


def judge(number: int, yours: Sequence[Answer]) -> Verdict:
    """The verdict about an answer."""
    if number not in JUDGES:
        return Verdict(False, f"There is none; they are numbered 1 to {len(JUDGES)}.")
    try:
        inspect.signature(JUDGES[number]).bind(*yours)
    except TypeError:
        wanted = ", ".join(inspect.signature(JUDGES[number]).parameters)
        return Verdict(False, f"Hand over {wanted}: check({number}, {wanted}).")
    for name, one in zip(inspect.signature(JUDGES[number]).parameters, yours, strict=False):
        if is_blank(one):
            return Verdict(False, f"There is no {name} yet; write it, and check again.")
    try:
        return Verdict(True, JUDGES[number](*yours))
    except Wrong as wrong:
        return Verdict(False, str(wrong))
    except Exception as error:
        return Verdict(False, explain_error(error))
