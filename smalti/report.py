# Made from smalti/report.md by make tangle; edit that.
"""What is known of a match and a mosaic, in a file beside it; explained in report.md."""

import dataclasses
import functools
import importlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta, field
from msgspec.structs import replace

from mosaic import Array
from smalti.ground.cache import is_cached
from smalti.ground.errors import MosaicError
from smalti.ground.files import write_text
from smalti.scores import Scores, Uses, describe_uses


class Files(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The files that a match or a mosaic was made of; empty if there is none."""

    store: str = ""
    table: str = ""
    target: str = ""
    mask: str = ""
    mosaic: str = ""
    photos: list[str] = field(default_factory=list)


Row = Annotated[str, Meta(pattern=r"^(-1|[0-9]{1,9})( (-1|[0-9]{1,9}))*\Z")]


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a match, and of the mosaic that was made of it."""

    look: str = ""
    method: str = ""
    cells: int | None = None  # that are filled
    cost: float | None = None
    levels: float | None = None  # root mean square error of a cell, in sRGB levels
    bound: float | None = None  # no match costs less
    gap: float | None = None  # cost above the bound, relative to the cost
    proof: str | None = None  # the same, in words
    rounds: int | None = None
    arcs: int | None = None
    tiles: int | None = None
    stopped: str | None = None  # why the search ended
    too_near: int | None = None  # pairs of equal photos, in spite of `spacing`
    photos: int | None = None
    photos_used: int | None = None
    most_used: int | None = None
    most_used_photo: str | None = None
    equal_neighbours: int | None = None
    store: str = ""  # the digest of the store
    program: str = ""  # its name and version
    settings: dict[str, object] = field(default_factory=dict)  # that are not as by default
    files: Files = field(default_factory=Files)
    among: int | None = None  # of how many choices the photos were taken
    recolour: dict[str, object] = field(default_factory=dict)
    score: Scores | None = None
    size: tuple[int, int] | None = None  # of the mosaic, (width, height)
    skipped: dict[str, str] = field(default_factory=dict)  # photos, and why they are not used
    alike: list[str] = field(default_factory=list)  # a line for each group that looks the same
    match: list[Row] = field(default_factory=list)  # numbers of thumbnails, if there is no table


def with_uses(report: Report, uses: Uses) -> Report:
    """A report that says how photos are used."""
    return replace(report, **dataclasses.asdict(uses))


def uses_of(report: Report) -> Uses | None:
    """How photos are used, if a report says so."""
    found = {name: getattr(report, name) for name in Uses.__annotations__}
    return None if None in found.values() else Uses(**found)


@functools.cache
def program() -> str:
    """The name and version of this program."""
    metadata = importlib.import_module("importlib.metadata")  # which takes a while
    try:
        return f"mosaic {metadata.version('mosaic-book')}"
    except metadata.PackageNotFoundError:  # not installed, only copied
        return "mosaic"


NAMES = {"budgets", "pins", "mask", "focus"}


def signature(report: Report) -> str:
    """What a picture says of itself, in ASCII: program, thumbnails, method, settings.

    >>> asked = {"gap": 0.1, "size": [60, 40], "pins": "Ann.csv"}
    >>> signature(Report(program="mosaic 1.0", store="5f", method="unique", settings=asked))
    'mosaic 1.0; thumbnails 5f; unique; gap 0.1; size 60 40'
    """
    parts = [report.program, f"thumbnails {report.store}", report.method]
    for name, value in (report.settings | report.recolour).items():
        words = value if isinstance(value, list | tuple) else [value]
        parts += [] if name in NAMES else [" ".join(map(str, [name, *words]))]
    return "; ".join(filter(None, parts))


OF_A_MATCH = ("cost", "levels", "bound", "gap", "proof", "rounds", "arcs", "tiles", "stopped", "too_near")


def forget_match(report: Report) -> Report:
    """A report without what is only true of the match that it was written for."""
    return replace(report, **dict.fromkeys(OF_A_MATCH))


def write_rows(match: Array) -> list[str]:
    """A (rows, cols) match as lines of numbers.

    >>> write_rows(np.array([[7, 0], [-1, 12]]))
    ['7 0', '-1 12']
    """
    return [" ".join(map(str, row)) for row in match.tolist()]


def read_rows(report: Report, path: str | Path) -> Array:
    """The (rows, cols) match in a report from a file; raises MosaicError."""
    rows = [list(map(int, row.split(" "))) for row in report.match]
    if len({len(row) for row in rows}) != 1:
        raise MosaicError(f"cannot read the report {path}: its match is no table; make it anew")
    return np.array(rows)


def write_report(path: Path, report: Report) -> None:
    """Write a report as JSON, with paths as they are seen from it."""

    def shorten(name: str) -> str:
        return name if is_cached(name) else os.path.relpath(name, path.parent)

    files = change_paths(report.files, shorten)
    found = msgspec.to_builtins(replace(report, files=files))
    write_text(path, json.dumps(found, indent=1) + "\n")


def read_report(path: Path) -> Report:
    """Read a report, with paths that can be opened; an empty one if there is no file."""
    if not path.is_file():
        return Report()
    try:
        report = msgspec.convert(json.loads(path.read_bytes()), Report)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise MosaicError(f"cannot read the report {path}: {error}; match anew") from error
    files = change_paths(report.files, lambda name: os.path.normpath(path.parent / name))
    return replace(report, files=files)


def change_paths(files: Files, change: Callable[[str], str]) -> Files:
    """Files with all their paths changed."""
    paths = {name: change(path) for name, path in single_files(files).items()}
    return replace(files, photos=list(map(change, files.photos)), **paths)


def single_files(files: Files) -> dict[str, str]:
    """The files of a report that are given, but for its list of photos."""
    found = {name: getattr(files, name) for name in ("store", "table", "target", "mask", "mosaic")}
    return {name: path for name, path in found.items() if path}


def describe_match(
    report: Report, asked: dict[str, object], brief: bool = False
) -> Iterator[str]:
    """What a match is like, in lines; `asked` are settings that are not as by default."""
    words = ", ".join(f"{name} {value}" for name, value in asked.items())
    yield f"match    {report.method}, {report.cells} cells" + (f" ({words})" if words else "")
    if uses := uses_of(report):
        yield describe_uses(uses, report.most_used_photo or "")
    if report.cost is not None and not brief:
        mean = f", root mean square {report.levels} levels a cell" if report.levels is not None else ""
        yield f"cost     {report.cost:.6g}{mean}"
    if report.proof:
        yield f"proof    {report.proof}"
    if report.stopped not in (None, "optimal"):
        yield f"stopped  {report.stopped}; this is the best match so far"
    if report.too_near or (report.too_near == 0 and not brief):
        pairs = "1 pair of equal photos is" if report.too_near == 1 else (
            f"{report.too_near} pairs of equal photos are"
        )
        yield f"spacing  {pairs} too near"
