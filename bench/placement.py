"""How fast and how large: ways to place photos, each in a fresh process.

    python bench/placement.py [--least CELLS] [--most CELLS] [--only METHOD] [--limit SECONDS]

writes bench/placement.json, bench/placement.md, the large table of smalti/placement.md and
fig/placement-scale.png. Without options all rows are measured, which takes about half an hour; with
some, the other rows are kept from last time.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import mosaic  # noqa: E402
from smalti.ground.files import write_text  # noqa: E402
from smalti.offers import FEW, Floats, Ints, squared  # noqa: E402
from smalti.placement import PlacementSettings, place, scene  # noqa: E402

METHODS = ("numba", "sparse", "dense", "scipy", "lapx")
ALL = 10**9  # more cells than any row has


@dataclass(frozen=True)
class Case:
    """What to measure."""

    method: str
    cells: int
    photos: int
    features: int = 3
    uses: int = 1
    until: float = 0.0  # the gap at which to stop


@dataclass(frozen=True)
class Row:
    """What was measured."""

    case: Case
    cpu: float
    megabytes: float
    gap: float | None
    cost: float


def problem(case: Case) -> tuple[Floats, Floats]:
    """Whole features of photos and cells; beyond 3, s x s parts with a gradient each."""
    side, parts = round(case.cells**0.5), round((case.features / 3) ** 0.5)
    tiles, target = scene(side, case.photos)
    if parts == 1:
        return tiles, target
    rng = np.random.default_rng(7)
    fine = scene(side * parts, 1)[1].reshape(side, parts, side, parts, 3)
    y, x = np.indices((parts, parts)) / max(1, parts - 1) - 0.5
    slope = rng.normal(0, 36, (2, case.photos, 1, 1))
    inside = slope[0] * x + slope[1] * y + rng.normal(0, 8, (case.photos, parts, parts))
    shaded = (tiles[:, None, None] + inside[..., None]).clip(0, 255)
    flat = fine.transpose(0, 2, 1, 3, 4).reshape(case.cells, case.features)
    return np.rint(shaded).reshape(case.photos, case.features), flat


def by_place(case: Case, tiles: Floats, cells: Floats) -> tuple[float, float | None]:
    """Cost and proven gap of the sparse or the dense way."""
    solver = "dense" if case.method == "dense" else "sparse"
    settings = PlacementSettings(solver=solver, gap=case.until)  # type: ignore[arg-type]
    match, proof = place(tiles, cells, case.uses, settings=settings)
    assert np.bincount(match).max() <= case.uses
    return proof.cost, proof.gap


def by_assignment(case: Case, tiles: Floats, cells: Floats) -> tuple[float, float | None]:
    """Cost by a solver of the assignment problem that wants all costs."""
    costs = np.stack([squared(tiles, cell) for cell in cells])
    if case.method == "scipy":
        match: Ints = importlib.import_module("scipy.optimize").linear_sum_assignment(
            costs
        )[1]
    else:
        match = np.asarray(importlib.import_module("lap").lapjv(costs)[1])
    return mosaic.match_cost(tiles, cells, match), None


def run(case: Case) -> Row:
    """One measurement, in this process; loading the solvers does not count."""
    if case.method == "numba":
        warm_up()
    if case.method != "numba" or case.features > FEW:  # else it does without
        for name in ("ot", "scipy.sparse", "scipy.spatial"):
            importlib.import_module(name)
    tiles, cells = problem(case)
    way: Callable[[Case, Floats, Floats], tuple[float, float | None]]
    way = by_place if case.method in ("numba", "sparse", "dense") else by_assignment
    before = cpu()
    cost, gap = way(case, tiles, cells)
    seconds = cpu() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Row(case, round(seconds, 3), round(peak, 1), gap, cost)


def warm_up() -> None:
    """Load the compiled search; in a fresh clone it is compiled."""
    fast = importlib.import_module("smalti.fast")
    some = np.random.default_rng(0).random((20, 3))
    fast.best_offers(some, some, some[:, 0], 2)
    fast.offers_within(some, some, some[:, 0], some[:, 1])
    place(*scene(30, 900), settings=PlacementSettings(solver="sparse"))


def cpu() -> float:
    """Seconds of processor time that this process used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def scale() -> list[Case]:
    """The cases of the large table and the figure."""
    sizes = (1_024, 2_500, 4_900, 10_000)
    cases = [
        Case(name, m, m)
        for m in sizes
        for name in METHODS
        if m < 10_000 or name not in ("scipy", "lapx")  # which take minutes there
    ]
    both = METHODS[:2]
    cases += [Case(name, m, m) for m in (40_000, 99_856, 250_000) for name in both]
    cases += [Case(name, 10_000, 10_000, f) for f in (12, 48) for name in both]
    cases += [Case(name, 40_000, 13_334, 3, 3) for name in both]
    cases += [Case(name, 99_856, 119_828) for name in both]
    gaps = ("numba", 1e-3), ("sparse", 1e-3), ("numba", 1e-4)
    cases += [Case(name, 10**6, 10**6, 3, 1, gap) for name, gap in gaps]
    return [*cases, Case("numba", 4 * 10**6, 4 * 10**6, 3, 1, 1e-3)]


def crossing() -> list[Case]:
    """Where the sparse way overtakes the dense one: as many photos as cells, and four times."""
    sizes = [(m, m) for m in (1_024, 1_296, 1_600, 1_936)]
    sizes += [(m, 4 * m) for m in (576, 676, 784, 900)]
    return [
        Case(name, *size, features)
        for size in sizes
        for features in (3, 27, 75)
        for name in ("dense", "sparse")
    ]


def measure(case: Case, limit: float) -> Row | None:
    """One row in a fresh process with one thread; None if it takes too long or fails."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--case", json.dumps(asdict(case))]
    env = {**os.environ, **one, "SMALTI_FAST": str(int(case.method == "numba"))}
    try:
        done = subprocess.run(
            command, env=env, timeout=limit, capture_output=True, text=True, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"more than {limit:.0f} s:", case)
        return None
    if done.returncode:
        print(done.stderr[-500:])
        return None
    return read_row(done.stdout)


def read_row(text: str) -> Row:
    """A row from JSON."""
    found = json.loads(text)
    return Row(**{**found, "case": Case(**found["case"])})


def scale_table(rows: dict[Case, Row]) -> str:
    """Seconds and megabytes of every method, a line for each problem, in Markdown."""
    lines = [
        f"| cells | photos | features | uses | {' | '.join(METHODS)} |",
        "|--:|--:|--:|--:|" + "--:|" * len(METHODS),
    ]
    for case in dict.fromkeys(replace(case, method="") for case in scale()):
        found = [rows.get(replace(case, method=name)) for name in METHODS]
        if any(found):
            sizes = f"{case.cells:,} | {case.photos:,} | {case.features} | {case.uses}"
            lines.append(f"| {sizes} | {' | '.join(map(in_words, found))} |")
    return "\n".join(lines)


def in_words(row: Row | None) -> str:
    """Seconds and megabytes of a row, and its gap if that is not 0."""
    if not row:
        return ""
    gap = f", gap {row.gap:.1e}" if row.gap and row.gap > 1e-9 else ""
    return f"{row.cpu:,.1f} s, {row.megabytes:,.0f} MB{gap}"


def crossing_table(rows: dict[Case, Row]) -> str:
    """Seconds of the dense and of the sparse way, for three numbers of features."""
    lines = ["| cells | photos | million pairs | 3 features | 27 features | 75 features |"]
    lines.append("|--:|--:|--:|--:|--:|--:|")
    for m, n in dict.fromkeys((case.cells, case.photos) for case in crossing()):
        words = [f"{m:,}", f"{n:,}", f"{n * m / 1e6:.1f}"]
        for features in (3, 27, 75):
            pair = [rows.get(Case(name, m, n, features)) for name in ("dense", "sparse")]
            words.append(", ".join(f"{row.cpu:.2f}" for row in pair if row))
        lines.append(f"| {' | '.join(words)} |")
    return "\n".join(lines)


def draw(rows: dict[Case, Row], path: Path) -> None:
    """CPU seconds and megabytes against cells, three features, each photo once."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    drawn = [
        rows[case]
        for case in scale()
        if case in rows and astuple(case)[2:5] == (case.cells, 3, 1)
    ]
    for ax, key, label in zip(
        axes, ("cpu", "megabytes"), ("CPU s", "peak MB"), strict=True
    ):
        for name, colour in zip(
            reversed(METHODS), ["C0", "C1", "C2", "C3", "C4"], strict=True
        ):
            own = [row for row in drawn if row.case.method == name and not row.case.until]
            ax.loglog(
                [row.case.cells for row in own],
                [getattr(row, key) for row in own],
                "o-",
                color=colour,
                label=name,
            )
            for row in drawn:
                if row.case.until and row.case.method == name:
                    at, text = (row.case.cells, getattr(row, key)), f"gap {row.gap:.1e}"
                    ax.loglog(*at, "x", color=colour)
                    if key == "cpu":
                        below = {
                            "ha": "center",
                            "va": "top",
                            "fontsize": 7,
                            "color": colour,
                        }
                        ax.annotate(text, at, (0, -5), textcoords="offset points", **below)
        ax.set(xlabel="cells = photos, each once", ylabel=label, xlim=(700, 1.5e7))
        ax.grid(alpha=0.3)
    axes[0].legend()
    fig.tight_layout()
    fig.savefig(path, dpi=110, metadata={"Software": None})


def write_tables(rows: dict[Case, Row]) -> None:
    """Write both tables beside this program, and the large one into the chapter."""
    large, small = scale_table(rows), crossing_table(rows)
    about = "CPU seconds of the dense and of the sparse way, the least of three processes:"
    note = ROOT / "bench" / "placement.md"
    write_text(note, f"{large}\n\n{about}\n\n{small}\n")
    chapter, mark, end = (
        ROOT / "smalti" / "placement.md",
        "<!-- table: placement -->",
        "<!-- end -->",
    )
    found = f"{mark}\n\n{large}\n\n{end}"
    text = re.sub(f"{mark}.*?{end}", found, chapter.read_text("utf-8"), flags=re.DOTALL)
    write_text(chapter, text)


def main() -> None:
    """Measure, and write tables and figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--most", type=int, default=ALL, help="cells of the largest row")
    parser.add_argument("--only", choices=METHODS, help="only this method")
    parser.add_argument("--least", type=int, default=0, help="cells of the smallest row")
    parser.add_argument("--tries", type=int, default=1, help="of which the quickest counts")
    parser.add_argument("--limit", type=float, default=600, help="seconds for one row")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        print(json.dumps(asdict(run(Case(**json.loads(asked.case))))))
        return
    kept = ROOT / "bench" / "placement.json"
    some = asked.only or asked.least or asked.most < ALL
    known = json.loads(kept.read_text("utf-8"))["rows"] if some and kept.exists() else []
    rows = {row.case: row for row in map(read_row, map(json.dumps, known))}
    order = list(dict.fromkeys([*crossing(), *scale()]))
    for case in order:
        if asked.least <= case.cells <= asked.most and asked.only in (None, case.method):
            tries = [
                measure(case, asked.limit)
                for _ in range(3 if case in crossing() else asked.tries)
            ]
            if found := [row for row in tries if row]:
                rows[case] = min(found, key=lambda row: row.cpu)
                print(case, in_words(rows[case]), flush=True)
                kept_rows = [asdict(rows[case]) for case in order if case in rows]
                write_text(kept, json.dumps({"rows": kept_rows}, indent=1) + "\n")
    write_tables(rows)
    draw(rows, ROOT / "fig" / "placement-scale.png")


if __name__ == "__main__":
    main()
