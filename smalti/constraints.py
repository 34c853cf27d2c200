# Made from smalti/constraints.md by make tangle; edit that.
"""What a match must keep to besides the cost; explained in constraints.md."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from mosaic import UseSettings, check_budget
from smalti.ground.errors import MosaicError
from smalti.ground.settings import Whole
from smalti.tables import read_budgets, read_pins

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class ConstraintSettings(UseSettings):
    """Constraints"""

    min_uses: Annotated[Whole, "how often each photo is used at least"] = 0
    repeats: Annotated[Literal["refuse", "fewest"], "if photos are too few"] = "refuse"
    budgets: Annotated[str, "CSV table of other budgets: name, min, max"] = ""
    pins: Annotated[str, "CSV table of photos with a fixed place: row, col, name"] = ""
    dedupe: Annotated[bool, "let photos that look the same share one budget"] = False


def use_budget(
    n: int, m: int, max_uses: int, repeats: str, min_uses: int = 0
) -> tuple[int, int]:
    """How often at least and at most each of n photos is used in m cells.

    >>> use_budget(300, 1600, 1, "fewest")
    (5, 6)
    """
    if min_uses > max_uses:
        raise MosaicError(f"min_uses = {min_uses} exceeds max_uses = {max_uses}; lower it")
    if n * min_uses > m:
        raise MosaicError(
            f"{m} cells cannot hold {n} photos used at least {min_uses} times: "
            f"{n * min_uses - m} uses are too many; lower min_uses, or add cells"
        )
    if n * max_uses < m and repeats == "fewest":
        return m // n, -(-m // n)
    try:
        check_budget(n, m, max_uses)
    except MosaicError as error:
        raise MosaicError(f'{error}, or set repeats = "fewest"') from None
    return min_uses, max_uses


@dataclasses.dataclass(frozen=True)
class Constraints:
    """What a match must keep to besides the cost, for n tiles of k photos and m cells."""

    photo: Ints  # (n,) which of the photos each tile is of
    least: Ints  # (k,) how often each photo is used, at least
    most: Ints  # (k,) and at most
    pins: Ints  # (m,) the tile that is fixed in a cell, or -1
    names: Sequence[str] = ()  # of the photos, (k,)


def budgets_of_photos(
    path: str, photo_of: dict[str, int], low: int, high: int
) -> tuple[Ints, Ints, Ints]:
    """Photos that a table of budgets names, and their least and most uses: (t,) each."""
    least, most = read_budgets(path, list(photo_of), low, high)
    named = (least != low) | (most != high)
    photos = np.array(list(photo_of.values()))
    return photos[named], least[named], most[named]


def uneven_budgets(
    photo_of: dict[str, int], k: int, m: int, settings: ConstraintSettings
) -> tuple[Ints, Ints]:
    """Least and most uses (k,) of k photos in m cells, of which a table names some."""
    low, high = settings.min_uses, settings.max_uses
    photos, lows, highs = budgets_of_photos(settings.budgets, photo_of, low, high)
    others, rest = k - len(np.unique(photos)), m - int(highs.sum())
    if settings.repeats == "fewest" and 0 < others * high < rest:
        low, high = use_budget(others, rest, high, "fewest", low)
    least, most = np.full(k, low), np.full(k, high)
    least[photos], most[photos] = lows, highs
    return least, most


def pinned_tiles(path: str, tile_of: dict[str, int], filled: Bools) -> Ints:
    """The tile that a table fixes in each filled cell, or -1: (m,) of a (rows, cols) grid."""
    rows, cols = filled.shape
    named = read_pins(path, list(tile_of), (rows, cols)).reshape(rows, cols)
    for row, col in np.argwhere((named >= 0) & ~filled)[:1]:
        raise MosaicError(f"{path}: the cell in row {row}, col {col} stays empty")
    tiles = np.array([*tile_of.values(), -1])  # the last one for -1
    return tiles[named[filled]]


def make_constraints(
    names: Sequence[str],
    photo: Ints,
    shape: tuple[int, int],
    settings: ConstraintSettings,
    empty: Bools | None = None,
    unique: bool = True,
) -> Constraints:
    """Constraints on tiles, given their names and photos, for a grid of (rows, cols) cells.

    Where `empty`, (rows, cols), is true, there is no cell. Only a `unique` match has to keep
    budgets. Raises MosaicError.
    """
    filled = np.ones(shape, bool) if empty is None else ~empty
    shown = np.unique(photo, return_index=True)[1].tolist()
    k, m = len(shown), int(filled.sum())
    if not k:
        raise MosaicError("there are no photos to match with; make a store of some")
    tile_of: dict[str, int] = {}
    for tile, name in enumerate(names):
        tile_of.setdefault(name, tile)
    least, most = np.full(k, settings.min_uses), np.full(k, settings.max_uses)
    if settings.budgets:
        photo_of = {name: int(photo[tile]) for name, tile in tile_of.items()}
        least, most = uneven_budgets(photo_of, k, m, settings)
    elif unique:
        low, high = use_budget(k, m, settings.max_uses, settings.repeats, settings.min_uses)
        least, most = np.full(k, low), np.full(k, high)
    pins = pinned_tiles(settings.pins, tile_of, filled) if settings.pins else np.full(m, -1)
    return Constraints(photo, least, most, pins, [names[tile] for tile in shown])


def simple_constraints(
    n: int, m: int, settings: ConstraintSettings, unique: bool = True
) -> Constraints:
    """Constraints on n tiles of n photos for m cells, the same for all."""
    names = [str(i) for i in range(n)]
    return make_constraints(names, np.arange(n), (1, m), settings, unique=unique)
