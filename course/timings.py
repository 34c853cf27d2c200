# Made from course/timings.md by make tangle; edit that.
"""Keep timings with their circumstances, and compare them; explained in timings.md."""

import dataclasses
import datetime
import json
import math
import multiprocessing
import os
import platform
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from smalti.ground.settings import cores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FILE = "data/timings.jsonl"


@dataclasses.dataclass(frozen=True)
class Timing:
    """What took how many seconds, with how many workers, under which circumstances."""

    what: str
    seconds: float
    workers: int
    cores: int
    load: float | None  # None where the system does not tell
    method: str  # how workers start: fork, spawn or forkserver
    python: str
    date: str

    @property
    def busy(self) -> bool:
        """Whether more processes wanted a core than there were."""
        return self.load is not None and self.load > 1.25 * self.cores


def python_version() -> str:
    """The version of this Python, with a t if it is free-threaded."""
    free = sysconfig.get_config_var("Py_GIL_DISABLED")
    return platform.python_version() + ("t" if free else "")


def circumstances() -> dict[str, object]:
    """Cores, load, start method, Python and the time of day."""
    return {
        "cores": cores(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "method": multiprocessing.get_all_start_methods()[0],  # the first is the default
        "python": python_version(),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def record(what: str, seconds: float, workers: int = 1, path: str = FILE) -> Timing:
    """Append a timing to the file, with the circumstances; return it."""
    made = Timing(what, round(seconds, 4), workers, **circumstances())  # type: ignore[arg-type]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(dataclasses.asdict(made)) + "\n")
    return made


def recorded(what: str = "", path: str = FILE) -> list[Timing]:
    """The timings in the file, all or those of one thing, in the order of measuring."""
    if not Path(path).is_file():
        return []
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    found = [Timing(**json.loads(line)) for line in lines if line.strip()]
    return [timing for timing in found if what in ("", timing.what)]


def benchmarks(folder: str = "data/benchmarks") -> dict[str, float]:
    """The seconds of each rule, summed up over its jobs, from Snakemake's benchmark files."""
    seconds: dict[str, float] = {}
    for path in sorted(Path(folder).glob("*.tsv")):
        heads, *rows = (line.split("\t") for line in path.read_text("utf-8").splitlines())
        rule = path.stem.partition("-")[0]
        taken = sum(float(row[heads.index("s")]) for row in rows) / max(len(rows), 1)
        seconds[rule] = seconds.get(rule, 0.0) + taken
    return seconds


def in_words(factor: float) -> str:
    """How many times faster something is, in words.

    >>> in_words(1.7), in_words(0.85), in_words(0.98), in_words(30)
    ('1.7 times faster', '1.2 times slower', 'as fast', '30 times faster')
    """
    if 1 / 1.05 < factor < 1.05:
        return "as fast"
    times = factor if factor > 1 else 1 / factor
    number = f"{times:.1f}" if times < 10 else f"{times:.0f}"
    return f"{number} times {'faster' if factor > 1 else 'slower'}"


def compare(one: Timing, other: Timing) -> str:
    """How the other timing compares with the one, in words.

    >>> calm = Timing("cats", 3.4, 1, 2, 1.0, "fork", "3.11.7", "2026-01-01")
    >>> compare(calm, dataclasses.replace(calm, seconds=2.0, workers=2))
    '2 workers: 1.7 times faster'
    >>> compare(calm, dataclasses.replace(calm, what="dogs", seconds=4.0, load=3.4))
    'dogs: 1.2 times slower; the machine was busy (load 3.4 on 2 cores), so do not trust this'
    """
    says = f"{name(other, other.what == one.what)}: {in_words(one.seconds / other.seconds)}"
    if busy := [timing for timing in (one, other) if timing.busy]:
        worst = max(busy, key=lambda timing: timing.load or 0)
        says += (
            f"; the machine was busy (load {worst.load:g} on {worst.cores} "
            f"core{'s' * (worst.cores > 1)}), so do not trust this"
        )
    return says


def name(timing: Timing, same: bool) -> str:
    """What was measured; if it is the `same` as before, only by how many workers."""
    workers = f"{timing.workers} worker{'s' * (timing.workers > 1)}"
    if same:
        return workers
    return timing.what + (f", {workers}" if timing.workers > 1 else "")


def serial_part(speedups: dict[int, float]) -> float:
    """The part of the work, 0 to 1, that one core does alone, from measured speed-ups.

    >>> round(serial_part({1: 1.0, 2: 1.6, 4: 1 / 0.4375}), 3)
    0.25
    """
    pairs = [(1 - 1 / n, 1 / s - 1 / n) for n, s in speedups.items() if n > 1]
    squares = sum(x * x for x, _ in pairs)
    part = sum(x * y for x, y in pairs) / squares if squares else 0.0
    return min(max(part, 0.0), 1.0)


def amdahl(part: float, workers: float) -> float:
    """How many times faster some workers are if one of them does a `part` alone.

    >>> amdahl(0.25, 4), amdahl(0.25, math.inf)
    (2.2857142857142856, 4.0)
    """
    return 1 / (part + (1 - part) / workers)


def speedups(timings: Iterable[Timing]) -> dict[int, float]:
    """How many times faster than one worker each number of workers is, by the best timings."""
    best: dict[int, float] = {}
    for timing in timings:
        best[timing.workers] = min(timing.seconds, best.get(timing.workers, math.inf))
    if 1 not in best:
        raise ValueError("nothing was measured with one worker; record that, too")
    return {workers: best[1] / best[workers] for workers in sorted(best)}


def plot(timings: Iterable[Timing]) -> "Axes":
    """Plot the speed-up of timings of one thing over the number of workers."""
    import matplotlib.pyplot as plt

    timings = list(timings)
    found = speedups(timings)
    part, most = serial_part(found), max(found)
    workers = [1 + (most - 1) * i / 50 for i in range(51)]
    axes = plt.figure(figsize=(5, 3.5)).add_subplot()
    axes.plot([1, most], [1, most], color="0.7", label="the ideal")
    axes.plot(
        workers, [amdahl(part, n) for n in workers], "--", label=f"Amdahl, {part:.0%} alone"
    )
    axes.plot(list(found), list(found.values()), "o", label="measured")
    busy = " (the machine was busy)" if any(timing.busy for timing in timings) else ""
    axes.set(xlabel="workers", ylabel="times faster", title=timings[0].what + busy)
    axes.set_xticks(list(found))
    axes.legend()
    return axes
