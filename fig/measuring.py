# Made from fig/measuring.md by make tangle; edit that.
"""Measure what steps and decisions cost, and write it into documents; see measuring.md."""

import dataclasses
import platform
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec
import numpy as np

import mosaic
from bench import decisions
from bench.decisions import Cost, Decisions, PoolCost
from fig.project import METHODS, Project, open_target
from mosaic import Array
from smalti import choosing, scores, steps
from smalti.constraints import simple_constraints
from smalti.grid import GridSettings, make_view
from smalti.ground.errors import MosaicError
from smalti.ground.files import write_text
from smalti.ground.settings import cores, make_settings, options
from smalti.making import TableSettings

PROGRAM = ["mosaic.py", "smalti/**/*.py", "bench/decisions.py", "fig/measuring.py"]
Found = TypeVar("Found")


def measured(root: Path, name: str, kind: type[Found], measure: Callable[[], Found]) -> Found:
    """What was measured, from a file that is newer than the program, or anew."""
    path = root / "_build" / f"{name}.json"
    program = [one.stat().st_mtime for pattern in PROGRAM for one in root.glob(pattern)]
    if not path.is_file() or path.stat().st_mtime < max(program, default=0):
        found = msgspec.json.encode(measure())
        write_text(path, msgspec.json.format(found).decode() + "\n")
    return msgspec.json.decode(path.read_bytes(), type=kind)


def list_steps(settings: mosaic.Settings, folder: str) -> Iterator[tuple[str, list[list[str]]]]:
    """The steps of the workflow, each with its commands; they write to a folder."""
    photos, store = settings.image_path, f"{folder}/thumbnails.h5"
    small = shlex.split(options(settings, mosaic.ThumbnailSettings) + " --workers 1")
    stages = mosaic.TargetSettings, mosaic.CellSettings, mosaic.UseSettings
    grid = ["--image-path", *photos, *shlex.split(options(settings, *stages))]
    yield "paint", [["data/cats.py", f"{folder}/cats"]]
    yield "thumbnails, in one process", [["thumbnails", *photos, f"{folder}/one.h5", *small]]
    parts = [f"{folder}/{i}" for i in range(settings.chunks)]
    steps.write_lists(steps.describe_photos(photos), parts)
    jobs = [["thumbnails", *photos, f"{part}.h5", "--list", part, *small] for part in parts]
    yield f"thumbnails, in {len(parts)} parts", jobs
    yield "store", [["merge", store, *(f"{part}.h5" for part in parts)]]
    for way in METHODS:
        yield f"match, {way}", [["match", store, f"{folder}/{way}.tab", "--method", way, *grid]]
    for way in METHODS:
        yield f"paste, {way}", [["paste", store, f"{folder}/{way}.tab", f"{folder}/{way}.jpg"]]


def measure_step(words: Sequence[str]) -> Cost:
    """Measure one command of the program: the median of three runs, or a single long one."""
    program = [] if words[0].endswith(".py") else ["-m", "smalti"]
    costs: list[Cost] = []
    while not costs or (len(costs) < 3 and costs[0].cpu < 10):
        if words[0] == "thumbnails":
            store = next(word for word in words if word.endswith(".h5"))
            Path(store).unlink(missing_ok=True)
        costs.append(decisions.measure_command(sys.executable, *program, *words))
    return Cost(
        cpu=median(cost.cpu for cost in costs),
        wall=median(cost.wall for cost in costs),
        peak=median(cost.peak for cost in costs),
    )


def add(costs: Sequence[Cost]) -> Cost:
    """What several pieces of work cost, one after the other.

    >>> add([Cost(cpu=1, wall=2, peak=30), Cost(cpu=2, wall=3, peak=20)])
    Cost(cpu=3, wall=5, peak=30)
    """
    return Cost(
        cpu=sum(cost.cpu for cost in costs),
        wall=sum(cost.wall for cost in costs),
        peak=max(cost.peak for cost in costs),
    )


def measure_steps(project: Project) -> dict[str, Cost]:
    """What each step of the workflow costs."""
    with tempfile.TemporaryDirectory() as folder:
        return {
            name: add([measure_step(words) for words in jobs])
            for name, jobs in list_steps(project.settings, folder)
        }


Rows = list[list[str]]


def steps_table(costs: Mapping[str, Cost]) -> Rows:
    """The rows of the table of steps, and their sum as the workflow runs them."""
    other = "paint", "thumbnails, in one process"
    total = add([cost for name, cost in costs.items() if name not in other])
    return [
        ["step", "CPU seconds", "memory at most, MB"],
        *([name, f"{cost.cpu:.1f}", f"{cost.peak:,.0f}"] for name, cost in costs.items()),
        ["**the workflow after painting**", f"**{total.cpu:.1f}**", f"**{total.peak:,.0f}**"],
    ]


def machine() -> str:
    """The machine on which all this was measured, in a line."""
    about = Path("/proc/cpuinfo")  # on Linux
    found = re.search(r"model name\s*: (.*)", about.read_text() if about.exists() else "")
    name = found[1] if found else platform.processor() or platform.machine()
    return f"Python {platform.python_version()}, {cores()} cores of {name}"


def saving(both: Sequence[float], unit: str) -> list[str]:
    """Two cells of a table: how many times less the first of two figures is, and both.

    >>> saving([2, 8], "ms")
    ['4.0 times less', '2.0 instead of 8.0 ms']
    """
    ours, other = both
    ratio, least = other / ours, min(both)
    words = f"{ratio:.1f} times less" if ratio > 1 else f"{1 / ratio:.1f} times *more*"
    words = "about equal" if 0.95 < ratio < 1.05 else words
    digits = 2 - (least >= 1) - (least >= 100)
    return [words, f"{ours:,.{digits}f} instead of {other:,.{digits}f} {unit}"]


def decisions_table(found: Decisions) -> Rows:
    """The rows of the table of decisions."""
    rows = [["decision", "instead of", "for", "of", "", "figures"]]
    for shape in ("500 x 375", "4000 x 3000"):
        way = ["`draft`", "`ImageOps.fit`", f"a photo of {shape}", "CPU"]
        rows.append([*way, *saving([1000 * cost.cpu for cost in found.opening[shape]], "ms")])
    for verb, costs in (("write", found.writing), ("read", found.reading)):
        way = ["one array", "a dataset each", f"{verb} {decisions.STORED:,}", "CPU"]
        rows.append([*way, *saving([cost.cpu for cost in costs], "s")])
    way = ["k-d tree", "brute force", f"{decisions.MATCHED:,} photos and cells", "CPU"]
    rows.append([*way, *saving([cost.cpu for cost in found.matching], "s")])
    rows += workers_rows(found.workers)
    way = ["bands", "one large array", f"{decisions.PASTED} x {decisions.PASTED} cells"]
    rows.append([*way, "CPU", *saving([cost.cpu for cost in found.pasting], "s")])
    rows.append([*way, "memory", *saving([cost.peak for cost in found.pasting], "MB")])
    return rows


def workers_rows(costs: Sequence[PoolCost]) -> Rows:
    """What processes and chunks save: in waiting if the machine was quiet, and in CPU time."""
    by = {(cost.kind, cost.workers, cost.chunk): cost for cost in costs}
    ours, serial = by["processes", cores(), 32], by["serial", 1, 32]
    threads, single = by["threads", cores(), 32], by["processes", cores(), 1]
    way = f"{cores()} processes, chunks of 32"
    others = {"one process": serial, "threads": threads, "chunks of 1": single}
    rows = []
    if serial.wall < 1.2 * serial.cpu:
        for name, other in others.items():
            words = [way, name, f"{decisions.SHRUNK:,} thumbnails", "waiting"]
            rows.append([*words, *saving([ours.wall, other.wall], "s")])
    for name in ("one process", "chunks of 1"):
        words = [way, name, f"{decisions.SHRUNK:,} thumbnails", "CPU"]
        rows.append([*words, *saving([ours.cpu, others[name].cpu], "s")])
    return rows


FEATURES: dict[str, dict[str, object]] = {
    "mean": {},
    "pixels, 3 x 3": {"feature": "pixels", "detail": 3},
    "pixels, 5 x 5": {"feature": "pixels", "detail": 5},
    "histogram, 16 bins": {"feature": "histogram", "bins": 16},
    "histogram, 256 bins": {"feature": "histogram"},
}


@dataclasses.dataclass(frozen=True)
class Way:
    """What has become of a feature and a method."""

    match: list[list[int]]  # rows of thumbnail numbers
    score: scores.Scores
    uses: scores.Uses


Ways = dict[str, dict[str, Way]]  # by feature and method


def match_one_way(project: Project, method: str, how: Mapping[str, object]) -> Way:
    """Match a project by a method and a feature, and score what comes out."""
    settings = make_settings(TableSettings, {"method": method, "repeats": "fewest", **how})
    shape, mean = project.store.thumb_res, project.store.mean
    view = make_view(open_target(project), shape, GridSettings(target_res=project.grid))
    tiles, cells = choosing.make_tiles_and_cells(project.draw, mean, shape, view, settings)
    constraints = simple_constraints(len(tiles), len(cells), settings)
    match, _ = choosing.find_match(tiles, cells, settings, constraints, view.empty)
    seen: list[Array] = []
    for _ in scores.watch(mosaic.paste_bands(project.draw, match, shape), match.shape[1], seen):
        pass
    score = scores.score_view(np.concatenate(seen), view)
    return Way(match.tolist(), score, scores.count_uses(match, constraints.photo))


def match_all_ways(project: Project) -> Ways:
    """Match a project by all features and both methods."""
    return {
        name: {method: match_one_way(project, method, how) for method in METHODS}
        for name, how in FEATURES.items()
    }


def scores_table(found: Ways) -> Rows:
    """The rows of the table of scores."""
    rows = [["feature", "method", "RMSE", "CIEDE2000", "similarity", "at twice the scale"]]
    rows[0] += ["photos used", "most often", "equal neighbours"]
    for name, ways in found.items():
        for method, way in ways.items():
            score, uses = way.score, way.uses
            row = [name, method, f"{score.rmse:.1f}", f"{score.ciede2000:.1f}"]
            row += [f"{score.ssim:.3f}", f"{score.ssim_twice:.3f}"]
            rows.append([*row, f"{uses.photos_used:,}", f"{uses.most_used:,}"])
            rows[-1].append(f"{uses.equal_neighbours:,}")
    return rows


def write_table(document: Path, name: str, rows: Rows, below: str = "") -> None:
    """Put a table, whose first row is its head, between its marks in a document."""
    text, mark = document.read_text(encoding="utf-8"), f"<!-- table: {name} -->\n"
    before, found, rest = text.partition(mark)
    old, end, after = rest.partition("<!-- end -->")
    if not found or not end or "<!-- table:" in old:
        raise MosaicError(f"{document} has no place for the table {name}; add its marks")
    rule = ["--:" if re.fullmatch(r"[-*\d.,]+", word) else "---" for word in rows[-1]]
    lines = [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]
    table = "\n".join([*lines, *(["", below] if below else [])])
    fresh = f"{before}{mark}\n{table}\n\n{end}{after}"
    if fresh != text:
        write_text(document, fresh)


def find_decisions(project: Project) -> Decisions:
    """What the decisions save."""
    photos, store = project.settings.image_path[0], project.store.path
    return measured(
        project.root, "decisions", Decisions, lambda: decisions.measure_all(photos, store)
    )


def find_ways(project: Project) -> Ways:
    """Matches by all features and both methods."""
    return measured(project.root, "ways", Ways, lambda: match_all_ways(project))


def find_steps(project: Project) -> dict[str, Cost]:
    """What the steps cost."""
    return measured(project.root, "steps", dict[str, Cost], lambda: measure_steps(project))


def write_steps(project: Project) -> None:
    """Write the table of steps, and on which machine it was measured."""
    rows, below = steps_table(find_steps(project)), f"Measured with {machine()}."
    write_table(project.root / "mosaic.md", "steps", rows, below)


def write_decisions(project: Project) -> None:
    """Write the table of decisions."""
    rows = decisions_table(find_decisions(project))
    write_table(project.root / "mosaic.md", "decisions", rows)


def write_scores(project: Project) -> None:
    """Write the table of scores."""
    rows = scores_table(find_ways(project))
    write_table(project.root / "smalti/choosing.md", "scores", rows)


TABLES = {"steps": write_steps, "scores": write_scores, "decisions": write_decisions}
