"""How fast and how large: ways to place photos, each in a fresh process.

    python bench/placement.py [--most CELLS] [--only TEXT] [--limit SECONDS]

writes bench/placement.json, bench/placement.md and fig/placement-scale.png. Rows that are
not run this time are kept from last time.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from smalti.placement import Floats, match_dense, match_unique, scene, squared  # noqa: E402

Row = dict[str, Any]
KEYS = ("method", "cells", "photos", "features", "uses", "until")


def problem(cells: int, photos: int, features: int) -> tuple[Floats, Floats]:
    """Whole features of photos and cells; beyond 3, s x s parts with a gradient each."""
    side = round(cells**0.5)
    tiles, target = scene(side, photos)
    parts = round((features / 3) ** 0.5)
    if parts == 1:
        return tiles, target
    rng = np.random.default_rng(7)
    fine = scene(side * parts, 1)[1].reshape(side, parts, side, parts, 3)
    y, x = np.indices((parts, parts)) / max(1, parts - 1) - 0.5
    slope = rng.normal(0, 36, (2, photos, 1, 1))
    inside = slope[0] * x + slope[1] * y + rng.normal(0, 8, (photos, parts, parts))
    shaded = (tiles[:, None, None] + inside[..., None]).clip(0, 255)
    flat = fine.transpose(0, 2, 1, 3, 4).reshape(cells, features)
    return np.rint(shaded).reshape(photos, features), flat


def assign(solver: Callable[[Floats], Any], tiles: Floats, cells: Floats) -> float:
    """Cost by a solver of the assignment problem that wants all costs."""
    costs = np.stack([squared(tiles, cell) for cell in cells])
    match = np.asarray(solver(costs))
    return float(costs[np.arange(len(cells)), match].sum())


def run(row: Row) -> Row:
    """One measurement, in this process."""
    tiles, cells = problem(row["cells"], row["photos"], row["features"])
    gap: float | None = None
    before = cpu()
    if row["method"] == "ours":
        match, proof = match_unique(tiles, cells, row["uses"], gap=row["until"])
        cost, gap = proof.cost, proof.gap
        assert np.bincount(match).max() <= row["uses"]
    elif row["method"] == "dense ot.emd":
        match = match_dense(tiles, cells, row["uses"])
        cost = float(squared(cells, tiles[match]).sum())
    elif row["method"] == "scipy":
        from scipy.optimize import linear_sum_assignment

        cost = assign(lambda costs: linear_sum_assignment(costs)[1], tiles, cells)
    else:
        import lap

        cost = assign(lambda costs: lap.lapjv(costs)[1], tiles, cells)
    seconds = cpu() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**row, "cpu": seconds, "megabytes": peak, "gap": gap, "cost": cost}


def cpu() -> float:
    """Seconds of processor time that this process used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def plan() -> list[Row]:
    """All rows of the table."""
    rows: list[tuple[Any, ...]] = []
    for m in (1_024, 2_500, 4_900, 10_000):
        rows += [(name, m, m, 3, 1, 0.0) for name in ("dense ot.emd", "lapx")]
    rows += [("scipy", m, m, 3, 1, 0.0) for m in (1_024, 2_500, 4_900)]
    rows += [("ours", m, m, 3, 1, 0.0) for m in (1_024, 2_500, 4_900, 10_000, 40_000)]
    rows += [("ours", 10_000, 10_000, f, 1, 0.0) for f in (12, 48)]
    rows += [("ours", 40_000, 13_334, 3, 3, 0.0), ("ours", 99_856, 119_828, 3, 1, 0.0)]
    rows += [("ours", m, m, 3, 1, 0.0) for m in (99_856, 250_000)]
    rows += [("ours", 1_000_000, 1_000_000, 3, 1, gap) for gap in (1e-3, 1e-4)]
    return [dict(zip(KEYS, row, strict=True)) for row in rows]


def measure(row: Row, limit: float) -> Row | None:
    """One row in a fresh process with one thread; None if it takes too long or fails."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, __file__, "--row", json.dumps(row)]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **one},
            timeout=limit,
            capture_output=True,
            text=True,
        )
    except subprocess.TimeoutExpired:
        print(f"more than {limit:.0f} s:", row)
        return None
    if done.returncode:
        print(done.stderr[-500:])
        return None
    return dict(json.loads(done.stdout))


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| cells | photos | features | uses | method | CPU s | MB | proven gap |",
        "|--:|--:|--:|--:|---|--:|--:|--:|",
    ]
    for r in rows:
        gap = "" if r["gap"] is None else "0" if r["gap"] <= 1e-9 else f"{r['gap']:.1e}"
        lines.append(
            f"| {r['cells']:,} | {r['photos']:,} | {r['features']} | {r['uses']} | "
            f"{r['method']} | {r['cpu']:.1f} | {r['megabytes']:.0f} | {gap} |"
        )
    return "\n".join(lines) + "\n"


def draw(rows: list[Row], path: Path) -> None:
    """CPU seconds and megabytes against cells, three features, each photo once."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    usual = [r for r in rows if r["features"] == 3 and r["uses"] == 1]
    usual = [r for r in usual if r["photos"] == r["cells"]]
    for ax, key, label in zip(
        axes, ("cpu", "megabytes"), ("CPU s", "peak MB"), strict=True
    ):
        for name in ("dense ot.emd", "scipy", "lapx", "ours"):
            own = [r for r in usual if r["method"] == name and (r["gap"] or 0) <= 1e-9]
            ax.loglog([r["cells"] for r in own], [r[key] for r in own], "o-", label=name)
        near = [r for r in usual if (r["gap"] or 0) > 1e-9]
        ax.loglog([r["cells"] for r in near], [r[key] for r in near], "x", color="C3")
        for r in near:
            text = f" proven {r['gap']:.0e}"
            ax.annotate(text, (r["cells"], r[key]), ha="right", va="bottom", fontsize=7)
        ax.set(xlabel="cells = photos, each once", ylabel=label)
        ax.grid(alpha=0.3)
    axes[0].legend()
    fig.tight_layout()
    fig.savefig(path, dpi=110, metadata={"Software": None})


def main() -> None:
    """Measure, and write table and figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--most", type=int, default=10_000, help="cells of the largest row")
    parser.add_argument(
        "--only", default="", help="a method: ours, scipy, lapx, dense ot.emd"
    )
    parser.add_argument("--limit", type=float, default=600, help="seconds for one row")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.row:
        print(json.dumps(run(json.loads(asked.row))))
        return
    kept = ROOT / "bench" / "placement.json"
    known = json.loads(kept.read_text())["rows"] if kept.exists() else []
    results = {tuple(row[k] for k in KEYS): row for row in known}
    for row in plan():
        if row["cells"] <= asked.most and asked.only in row["method"]:
            result = measure(row, asked.limit)
            if result:
                results[tuple(row[k] for k in KEYS)] = result
                print(table([result]).splitlines()[-1], flush=True)
    order = [tuple(row[k] for k in KEYS) for row in plan()]
    rows = [results[key] for key in order if key in results]
    kept.write_text(json.dumps({"rows": rows}, indent=1) + "\n")
    kept.with_suffix(".md").write_text(table(rows))
    draw(rows, ROOT / "fig" / "placement-scale.png")


if __name__ == "__main__":
    main()
