# Made from course/sharing.md by make tangle; edit that.
"""What threads and processes share in the lesson on sharing; explained in sharing.md."""

import threading
from contextlib import AbstractContextManager, suppress
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # Any: of whole numbers or of fractions


class Meeting:
    """Where two threads wait for each other, but not forever."""

    def __init__(self, patience: float = 1.0) -> None:
        self.barrier, self.patience = threading.Barrier(2), patience

    def __call__(self) -> None:
        with suppress(threading.BrokenBarrierError):
            self.barrier.wait(self.patience)


def add_one(box: dict[str, int], lock: AbstractContextManager[object], meet: Meeting) -> None:
    """Count one photo more: read, add, write."""
    with lock:
        seen = box["photos"]
        meet()
        box["photos"] = seen + 1


def take_both(first: threading.Lock, second: threading.Lock, meet: Meeting) -> str:
    """Take two locks, one after the other; give up if the second does not become free."""
    with first:
        meet()
        if not second.acquire(timeout=0.5):
            meet()  # until the other has given up as well
            return "waited in vain"
        second.release()
    return "had both"


def mean_of_rows(rows: tuple[int, int], name: str, shape: tuple[int, ...]) -> float:
    """The mean of some rows of a uint8 array that lies in shared memory."""
    memory = SharedMemory(name)
    array: Array = np.ndarray(shape, np.uint8, memory.buf)
    mean = float(array[slice(*rows)].mean(dtype=np.float64))
    del array  # it must not outlive its memory
    memory.close()
    return mean


def mean_of(part: Array) -> float:
    """The mean of an array."""
    return float(part.mean(dtype=np.float64))
