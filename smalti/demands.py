# ~/~ begin <<smalti/demands.md#smalti/demands.py>>[init]
"""What a match must keep to besides the cost; explained in demands.md."""

# ~/~ begin <<smalti/demands.md#demand-imports>>[init]
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti import collection, features
from smalti.ground.settings import MosaicError

Array = NDArray[Any]
# ~/~ end

# ~/~ begin <<smalti/demands.md#count-photos>>[init]
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
    if n * max_uses >= m:
        return min_uses, max_uses
    if repeats == "fewest":
        return m // n, -(-m // n)
    times = "once" if max_uses == 1 else f"{max_uses} times"
    raise MosaicError(
        f"{m} cells cannot be filled by {n} photos used at most {times}: "
        f"{-(-m // max_uses) - n} photos are missing; add photos, "
        f'set max_uses = {-(-m // n)}, or set repeats = "fewest"'
    )
# ~/~ end

# ~/~ begin <<smalti/demands.md#describe-demands>>[init]
@dataclasses.dataclass(frozen=True)
class Demands:
    """What a match must keep to besides the cost."""

    photo: Array  # (n,) which of k photos each tile is of
    least: Array  # (k,) how often each photo is used, at least
    most: Array  # (k,) and at most
    pins: Array  # (m,) the tile that is fixed in a cell, or -1
    names: Sequence[str] = ()  # of the photos, (k,)


def simple_demands(n: int, m: int, settings: Any) -> Demands:
    """Demands on n tiles of n photos for m cells, the same for all."""
    return make_demands([str(i) for i in range(n)], np.arange(n), (1, m), settings)


def make_demands(
    names: Sequence[str],
    photo: Array,
    shape: tuple[int, int],
    settings: Any,
    empty: Array | None = None,
) -> Demands:
    """Demands on tiles, given their names and photos, for a grid of (rows, cols) cells.

    Where `empty`, (rows, cols), is true, there is no cell: m is the number of the others.
    """
    filled = np.ones(shape, bool) if empty is None else ~empty
    k, m = len(np.unique(photo)), int(np.count_nonzero(filled))
    if not k:
        raise MosaicError("there are no photos to match with; make a store of some")
    tile_of: dict[str, int] = {}
    for i, name in enumerate(names):
        tile_of.setdefault(name, i)
    known, first = list(tile_of), np.array(list(tile_of.values()))
    low, high = settings.min_uses, settings.max_uses
    if settings.method == "unique" and not settings.budgets:
        low, high = use_budget(k, m, settings.max_uses, settings.repeats, settings.min_uses)
    least, most, pins = np.full(k, low), np.full(k, high), np.full(m, -1)
    if settings.budgets:
        lows, highs = collection.read_budgets(settings.budgets, known, low, high)
        named = (lows != low) | (highs != high)
        others, rest = k - len(np.unique(photo[first[named]])), m - int(highs[named].sum())
        if settings.repeats == "fewest" and 0 < others * high < rest:
            low, high = use_budget(others, rest, high, "fewest", low)
            least[:], most[:] = low, high
        least[photo[first[named]]], most[photo[first[named]]] = lows[named], highs[named]
    if settings.pins:
        places = collection.read_pins(settings.pins, known, shape).reshape(shape)
        for row, col in np.argwhere((places >= 0) & ~filled)[:1]:
            raise MosaicError(f"{settings.pins}: the cell in row {row}, col {col} stays empty")
        pins = places[filled]
        pins = np.where(pins < 0, pins, first[pins])
    shown = np.unique(photo, return_index=True)[1]
    return Demands(photo, least, most, pins, [names[i] for i in shown])
# ~/~ end

# ~/~ begin <<smalti/demands.md#refuse-clashes>>[init]
DEMANDING = ["budgets", "pins", "dedupe", "gap", "time_limit"]


def own_settings(settings: Any) -> dict[str, int]:
    """The settings of the feature itself, as far as they are set."""
    own = {key: getattr(settings, key) for key in ("detail", "bins")}
    return {key: value for key, value in own.items() if value}


def check_finish(settings: Any) -> None:
    """Raise MosaicError if a mosaic cannot be finished so."""
    if settings.tint and settings.colour != "rgb":
        raise MosaicError("`tint` needs colour = rgb")
    if settings.tint and settings.blend:
        raise MosaicError("`tint` does not go with `blend`; take one of them")
# ~/~ end
# ~/~ begin <<smalti/demands.md#refuse-clashes>>[1]
def check_together(settings: Any) -> None:
    """Raise MosaicError if settings ask for things that exclude each other."""
    check_finish(settings)
    features.weigh(np.ones((1, 3)), settings.weights)
    features.check_choices(
        settings.feature,
        settings.colour,
        settings.metric,
        settings.method,
        settings.dither,
        **own_settings(settings),
    )
    grid, metric, squared = settings.target_res, settings.metric, features.is_squared(settings.metric)
    for wrong, words in [
        (0 in grid and any(grid), f"target_res = {grid}: give both numbers, or 0 0"),
        (settings.tile and any(grid), "`tile` does not go with `target_res`"),
        (settings.tile and any(settings.size), "`tile` does not go with `size`"),
        (settings.dither and settings.spacing, "`dither` does not go with `spacing`"),
        (
            settings.spacing and not squared,
            f"`spacing` needs metric = euclidean or cosine, not {metric}",
        ),
    ]:
        if wrong:
            raise MosaicError(words)
    plain, nearest = type(settings)(), settings.method == "nearest"
    for asked, one, others in [
        (nearest, 'method = "nearest"', [*DEMANDING, "min_uses", "max_uses", "solver"]),
        (settings.solver == "dense", 'solver = "dense"', DEMANDING),
        (settings.spacing, "spacing", [*DEMANDING, "min_uses"]),
        (not squared, f"metric = {metric}", DEMANDING),
    ]:
        for other in others:
            if asked and getattr(settings, other) != getattr(plain, other):
                raise MosaicError(f"{other} does not go with {one}; leave out one of them")
# ~/~ end
# ~/~ end