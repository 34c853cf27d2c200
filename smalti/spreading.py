# Made from smalti/spreading.md by make tangle; edit that.
"""The nearest photos, spread out: few repeats, none nearby; explained in spreading.md."""

import math

import numpy as np

from mosaic import Array
from smalti.ground.errors import MosaicError
from smalti.nearest import nearest_choices

FAIR_SHARES = 10


def fair_budget(n: int, m: int) -> int:
    """How often one of n photos may be used in m cells so that no favourite stands out.

    >>> fair_budget(4000, 10_000)
    25
    """
    return math.ceil(FAIR_SHARES * m / n)


def possible_spacing(n: int, spacing: int) -> int:
    """The largest spacing, up to the one that is wanted, for which n photos are enough.

    >>> possible_spacing(4000, 3), possible_spacing(30, 3), possible_spacing(9, 3)
    (3, 1, 0)
    """
    return min(spacing, max(0, (math.isqrt(n // 2) - 1) // 2))


CANDIDATES, VARIETY = 128, 0.08


def spread(
    tiles: Array,
    cells: Array,
    empty: Array,
    spacing: int,
    most: Array,
    photo: Array,
    least: Array | None = None,
    weight: Array | None = None,
    variety: float = VARIETY,
    seed: int = 1,
) -> Array:
    """Near tiles for m cells, spread out: (n, f) and (m, f) features to (m,) numbers.

    The cells are those of a grid, (rows, cols), that are not `empty`. Photo k is used at most `most[k]` times, and never within
    `spacing` cells of itself; `photo` (n,) is the photo of each tile. `variety` is the price
    of a use, and `weight` (m,), from 0 to 1, tells which cells come first and pay none. Raises MosaicError if the budgets are too small.
    """
    m, uses = len(cells), np.zeros(len(most), np.int64)
    if most.sum() < m:
        raise MosaicError(f"{m} cells cannot be filled by {most.sum()} uses; raise max_uses")
    if least is not None and least.sum() > m:
        raise MosaicError(f"{m} cells cannot hold {least.sum()} uses; lower min_uses")
    near, distances = nearest_choices(tiles, cells, k=min(len(tiles), CANDIDATES))
    costs = distances.astype(np.float64) ** 2
    scale = variety * (costs[:, 0] + np.median(costs[:, 0]))
    if weight is not None:
        scale *= 1 - weight
    seen = np.full([side + 2 * spacing for side in empty.shape], -1)
    nearby = np.zeros(len(most) + 1, bool)  # of photos, and at -1 of the margin
    match, places = np.empty(m, np.int64), np.argwhere(~empty)
    for i in order_of(m, weight, seed):
        row, col = places[i]
        window = seen[row : row + 2 * spacing + 1, col : col + 2 * spacing + 1]
        tile, cost = near[i], costs[i]
        nearby[window] = True
        price = price_of(photo[tile], cost, uses, most, nearby, scale[i])
        if price.min() >= NEARBY and len(near[i]) < len(tiles):
            tile = np.arange(len(tiles))
            cost = ((tiles - cells[i]) ** 2).sum(axis=1)
            price = price_of(photo, cost, uses, most, nearby, scale[i])
        nearby[window] = False
        match[i] = tile[price.argmin()]
        uses[photo[match[i]]] += 1
        seen[row + spacing, col + spacing] = photo[match[i]]
    if least is not None and least.any():
        give_everyone_a_place(tiles, cells, match, seen, places, spacing, least, photo)
    return match


def order_of(m: int, weight: Array | None, seed: int) -> Array:
    """The numbers of m cells in a random order, those of more weight first."""
    order = np.random.default_rng(seed).permutation(m)
    return order if weight is None else order[np.argsort(-weight[order].round(1), kind="stable")]


NEARBY = 1e12


def price_of(
    photo: Array, cost: Array, uses: Array, most: Array, nearby: Array, scale: float
) -> Array:
    """What k candidates ask for, given their (k,) photos and costs, and which are nearby."""
    price: Array = cost + scale * uses[photo] + NEARBY * nearby[photo]
    price[uses[photo] >= most[photo]] = np.inf
    return price


def give_everyone_a_place(
    tiles: Array,
    cells: Array,
    match: Array,
    seen: Array,
    places: Array,
    spacing: int,
    least: Array,
    photo: Array,
) -> None:
    """Replace photos in a match, (m,), until each is used as often as `least` says."""
    uses = np.bincount(photo[match], minlength=len(least))
    features = np.ascontiguousarray(cells.T)  # sums over rows are quicker than over columns
    own = ((tiles[match].T - features) ** 2).sum(axis=0)
    for tile in np.repeat(np.arange(len(tiles)), (least - uses).clip(0)[photo]):
        if uses[photo[tile]] < least[photo[tile]]:
            cost = ((features - tiles[tile][:, None]) ** 2).sum(axis=0)
            more = np.where((uses > least)[photo[match]], cost - own, np.inf)
            i = more.argmin()
            if uses[photo[tile]]:
                near = np.zeros(seen.shape, bool)
                for row, col in places[photo[match] == photo[tile]]:
                    near[row : row + 2 * spacing + 1, col : col + 2 * spacing + 1] = True
                apart = np.where(near[tuple((places + spacing).T)], np.inf, more)
                i = apart.argmin() if apart.min() < np.inf else i
            row, col = places[i]
            uses[photo[match[i]]] -= 1
            uses[photo[tile]] += 1
            match[i], own[i], seen[row + spacing, col + spacing] = tile, cost[i], photo[tile]
