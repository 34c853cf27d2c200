# Made from course/cores.md by make tangle; edit that.
"""What other processes and threads do in the lesson on cores; explained in cores.md."""

import io
import re
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from data import cats

Array = NDArray[Any]  # Any: of whole numbers or of fractions

ROOT = Path(__file__).resolve().parents[1]


def class_photos() -> tuple[str, list[str]]:
    """The folder of the large photos, painted if it is not there yet, and their names."""
    folder = ROOT / "data" / "class"
    if not folder.is_dir():
        cats.paint_class(folder)
    return str(folder), sorted(path.name for path in folder.iterdir())


def seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """How long a piece of work takes: the shortest of some repeats, in seconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def cpu_seconds(work: Callable[[], object]) -> float:
    """How long this process computes for a piece of work, in seconds of CPU time."""
    started = time.process_time()
    work()
    return time.process_time() - started


def shrink_naively(name: str, folder: str) -> bytes:
    """Shrink a photo to 50 x 50 pixels, having opened all of it."""
    return ImageOps.fit(Image.open(Path(folder, name)), (50, 50)).tobytes()


def count_ticks(work: Callable[[], object]) -> float:
    """Count how often a second another thread gets the GIL while `work` runs."""
    ticks, done = [0.0], threading.Event()

    def tick() -> None:
        while not done.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.0005)

    usual = sys.getswitchinterval()
    sys.setswitchinterval(100)  # seconds: nobody is forced to give the lock up
    counter = threading.Thread(target=tick)
    counter.start()
    try:
        started = time.perf_counter()
        work()
        ended = time.perf_counter()
    finally:
        sys.setswitchinterval(usual)
        done.set()
        counter.join()
    return sum(started < at < ended for at in ticks) / (ended - started)


def free_share(step: Callable[[], object]) -> float:
    """The share of a step, 0 to 1, in which other threads may run."""
    most = max(1.0, count_ticks(lambda: time.sleep(0.05)))
    return min(1.0, count_ticks(lambda: [step() for _ in range(4)]) / most)


def steps_of_a_mosaic(jpeg: bytes) -> dict[str, Callable[[], object]]:
    """Steps that turn a large photo into a thumbnail in a store, by name."""
    photo = Image.open(io.BytesIO(jpeg)).resize((2000, 1500))
    pixels: Array = np.asarray(photo)

    def decode() -> None:
        image = Image.open(io.BytesIO(jpeg))
        image.draft("RGB", (500, 375))
        image.load()

    def write() -> None:
        name = str(threading.get_ident())  # one file for each thread
        with h5py.File(name, "w", driver="core", backing_store=False) as file:
            file["pixels"] = pixels

    return {
        "decode a JPEG": decode,
        "resize": lambda: photo.resize((50, 50), Image.Resampling.BICUBIC),
        "encode a JPEG": lambda: photo.save(io.BytesIO(), "JPEG"),
        "mean (NumPy)": lambda: pixels.mean(dtype=np.float64),
        "write (h5py)": write,
        "plain Python": lambda: sum(i * i for i in range(150_000)),
    }


def time_twice(step: Callable[[], object], threads: int) -> float:
    """How many seconds it takes to do a step twice, by a pool of threads."""
    with ThreadPoolExecutor(threads) as pool:
        return seconds(lambda: list(pool.map(lambda _: step(), range(2))), 5)


class Parcel:
    """Something that a task needs, which counts how often it is pickled here."""

    sent = 0

    def __init__(self, content: object) -> None:
        self.content = content

    def __getstate__(self) -> dict[str, object]:
        Parcel.sent += 1
        return self.__dict__


def weigh(number: int, parcel: Parcel) -> int:
    """A task that needs a parcel."""
    return number


def cpu_of_steps(book: str) -> dict[str, float]:
    """The CPU seconds of each step, from the table of steps in the text of the book."""
    table = book.partition("<!-- table: steps -->")[2].partition("<!-- end -->")[0]
    rows = re.findall(r"^\| ([a-z][^|]*) \| ([\d.]+)", table, re.M)
    return {step: float(cpu) for step, cpu in rows}
