# Made from smalti/ground/workers.md by make tangle; edit that.
"""Processes of a pool: how they begin and end, and what replaces them; explained in workers.md."""

import contextlib
import faulthandler
import functools
import multiprocessing
import os
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TypeVar

from smalti.ground.errors import Stopped
from smalti.ground.files import find_handlers

LOST = set[str]()  # names of photos that have ended a worker


def prepare_worker(lost: Collection[str] = ()) -> None:
    """Leave Ctrl-C and warnings to the main process, end when it ends, and know what is lost."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.simplefilter("ignore")
    threading.Thread(target=follow_parent, daemon=True).start()
    LOST.update(lost)


def follow_parent() -> None:
    """Wait for the main process to end; then end at once."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


PATIENCE = 60.0  # seconds that some tasks, or a single one, may take

Result = TypeVar("Result")


def watched(task: Callable[[str], Result], patience: float, names: Sequence[str]) -> list[Result]:
    """The results of a task for some names; ends the process if they take too long."""
    with Path(os.devnull).open("wb") as nobody:
        faulthandler.dump_traceback_later(patience, exit=True, file=nobody)
        try:
            return [task(name) for name in names]
        finally:
            faulthandler.cancel_dump_traceback_later()


def map_in_pool(
    task: Callable[[str], Result],
    names: Sequence[str],
    workers: int,
    chunksize: int = 1,
    patience: float = PATIENCE,
) -> Iterator[Result]:
    """The results of a task for each name, in their order, by a pool that is replaced if broken.

    The names that have broken it are in `LOST` when the task is called for them. Raises
    BrokenProcessPool if they break it once more.
    """
    chunks = deque(names[i : i + chunksize] for i in range(0, len(names), chunksize))
    lost = set[str]()
    while chunks:
        try:
            yield from map_chunks(functools.partial(watched, task, patience), chunks, workers, lost)
        except BrokenProcessPool:
            if (workers, chunksize) != (1, 1):
                yield from map_in_pool(task, chunks.popleft(), 1, patience=patience)
            elif chunks[0][0] in lost:
                raise
            else:
                lost.add(chunks[0][0])


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Hold back the signals that end a program until a block is over."""
    came, before = list[int](), find_handlers()
    for number in before:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, hear in before.items():
            signal.signal(number, hear)
        if came:
            signal.raise_signal(max(came))  # SIGTERM, if both came


def map_chunks(
    task: Callable[[Sequence[str]], list[Result]],
    chunks: deque[Sequence[str]],
    workers: int,
    lost: Collection[str],
) -> Iterator[Result]:
    """The results of a task for chunks of names, which are taken out of the queue one by one."""
    pool, wait = ProcessPoolExecutor(workers, initializer=prepare_worker, initargs=(lost,)), True
    try:
        with undisturbed():
            found = pool.map(task, list(chunks))
        for results in found:
            chunks.popleft()
            yield from results
    except (GeneratorExit, Stopped):
        wait = False
        raise
    finally:
        pool.shutdown(wait, cancel_futures=True)
