# Made from smalti/tables.md by make tangle; edit that.
"""Tables about single photos: budgets, pins and ranked choices; explained in tables.md."""

import contextlib
import csv
import difflib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smalti.ground.errors import MosaicError
from smalti.ground.files import atomic

Numbers = NDArray[np.int64]


def read_text(path: str | Path) -> str:
    """The text of a table, without the mark of UTF-8; raises MosaicError."""
    try:
        return Path(path).read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise MosaicError(f"cannot read the table {path}: {error.strerror}") from error


def read_rows(path: str | Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with a line of headings: line numbers, and cells by heading."""
    text = read_text(path)
    comma = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=comma, restval="", strict=True)
    try:
        if missing := [name for name in columns if name not in (rows.fieldnames or [])]:
            raise MosaicError(
                f"{path}: no column {missing[0]}; the first line must be {','.join(columns)}"
            )
        yield from ((rows.line_num, row) for row in rows)
    except csv.Error as error:
        raise MosaicError(f"{path}, line {rows.line_num}: {error}") from error


@contextlib.contextmanager
def blame(path: str | Path, line: int) -> Iterator[None]:
    """Put the place of an error in front of its message."""
    try:
        yield
    except MosaicError as error:
        raise MosaicError(f"{path}, line {line}: {error}") from error


def whole_number(row: dict[str, str], column: str, default: int | None = None) -> int:
    """The whole number, 0 or more, in a column of a row; raises MosaicError."""
    text = row[column].strip()
    if not text and default is not None:
        return default
    if not re.fullmatch("[0-9]{1,9}", text):
        raise MosaicError(f"{column} is {text!r}; it must be a whole number, 0 or more")
    return int(text)


def name_finder(names: Sequence[str]) -> Callable[[str], int]:
    """A function that finds the number of a photo by its name, or the end of its name."""
    exact = {name: len(names) - 1 - i for i, name in enumerate(reversed(names))}
    ends: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        ends.setdefault(re.split(r"[/\\]", name)[-1], []).append(i)

    def find(name: str) -> int:
        same = [exact[name]] if name in exact else ends.get(name, [])
        if len(same) == 1:
            return same[0]
        if same:
            one, other = names[same[0]], names[same[1]]
            raise MosaicError(f"{len(same)} photos are called {name!r}: {one!r}, {other!r} ...")
        near = difflib.get_close_matches(name, [*names, *ends], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise MosaicError(f"there is no photo {name!r}{hint}")

    return find


def read_budgets(
    path: str | Path, names: Sequence[str], least: int = 0, most: int = 1
) -> tuple[Numbers, Numbers]:
    """Read how often each of n photos is used, at least and at most: two (n,) arrays.

    Photos that are not named have `least` and `most`. Raises MosaicError.
    """
    find, seen = name_finder(names), set[int]()
    lows, highs = (np.full(len(names), limit, np.int64) for limit in (least, most))
    for line, row in read_rows(path, ("name", "min", "max")):
        with blame(path, line):
            i = find(row["name"])
            low, high = whole_number(row, "min", least), whole_number(row, "max", most)
            if low > high:
                raise MosaicError(f"min is {low}, but max is {high}")
            if i in seen:
                raise MosaicError(f"{row['name']!r} is named twice")
            seen.add(i)
            lows[i], highs[i] = low, high
    return lows, highs


def read_pins(path: str | Path, names: Sequence[str], shape: tuple[int, int]) -> Numbers:
    """Read which photo must go to which of (rows, cols) cells: (rows * cols,), or -1 for any.

    Raises MosaicError.
    """
    find, pins = name_finder(names), np.full(shape, -1, np.int64)
    for line, row in read_rows(path, ("row", "col", "name")):
        with blame(path, line):
            cell = whole_number(row, "row"), whole_number(row, "col")
            for kind, at, length in zip(("row", "col"), cell, shape, strict=True):
                if at >= length:
                    raise MosaicError(f"{kind} is {at}, but they go from 0 to {length - 1}")
            if pins[cell] >= 0:
                raise MosaicError(f"the cell in row {cell[0]} and col {cell[1]} is pinned twice")
            pins[cell] = find(row["name"])
    return pins.ravel()


CHOICES = ("row", "col", "rank", "name", "distance")


def write_choices(
    path: str | Path, choices: Numbers, distances: NDArray[np.floating], names: Sequence[str]
) -> None:
    """Write the (rows, cols, k) best photos of each cell, and their distances, as a table.

    A cell whose photos are -1 is empty and has no lines.
    """
    with (
        atomic(path) as part,
        part.open("w", encoding="utf-8", errors="surrogateescape", newline="\n") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(CHOICES)
        for row, (line, away) in enumerate(zip(choices, distances.astype(float), strict=True)):
            for col, ranked in enumerate(zip(line.tolist(), away.tolist(), strict=True)):
                for rank, (i, d) in enumerate(zip(*ranked, strict=True)):
                    if i >= 0:
                        table.writerow((row, col, rank, names[i], repr(d)))


def read_ranked(
    path: str | Path, names: Sequence[str]
) -> dict[tuple[int, int, int], tuple[int, float]]:
    """The photo and its distance for each (row, col, rank) of a table; raises MosaicError."""
    find, found = name_finder(names), dict[tuple[int, int, int], tuple[int, float]]()
    for line, row in read_rows(path, CHOICES):
        with blame(path, line):
            at = (whole_number(row, "row"), whole_number(row, "col"), whole_number(row, "rank"))
            if at in found:
                raise MosaicError(f"row {at[0]}, col {at[1]} has rank {at[2]} twice")
            try:
                found[at] = find(row["name"]), float(row["distance"])
            except ValueError:
                raise MosaicError(f"distance is {row['distance']!r}, not a number") from None
    return found


def read_choices(
    path: str | Path, names: Sequence[str], empty: NDArray[np.bool_] | None = None
) -> tuple[Numbers, NDArray[np.float64]]:
    """Read the (rows, cols, k) choices and their distances; MosaicError if any are missing.

    Where `empty`, (rows, cols), is true, there are none: -1 at an infinite distance.
    """
    found = read_ranked(path, names)
    cells = {(row, col) for row, col, _ in found}
    ranks = 1 + max((rank for _, _, rank in found), default=0)
    if empty is None:
        rows, cols = (1 + max(numbers) for numbers in zip(*(cells or [(0, 0)]), strict=True))
        complete = len(cells) == rows * cols
    else:
        rows, cols = empty.shape
        complete = cells == {(int(row), int(col)) for row, col in np.argwhere(~empty)}
    if not complete or len(found) != len(cells) * ranks:
        raise MosaicError(f"{path}: {len(found)} lines are not the same number for each cell")
    choices = np.full((rows, cols, ranks), -1, np.int64)
    distances = np.full((rows, cols, ranks), np.inf)
    for at, (photo, distance) in found.items():
        choices[at], distances[at] = photo, distance
    return choices, distances
