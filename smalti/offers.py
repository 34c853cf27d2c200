# Made from smalti/offers.md by make tangle; edit that.
"""The best offers |query - point|^2 - price; explained in offers.md."""

import functools
import os
import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Offers = NDArray[np.floating]
Lots = Iterator[tuple[Ints, Ints, Offers]]


def squared(a: Floats, b: Floats) -> Floats:
    """Squared distance along the last axis of `a` and `b`, which broadcast."""
    return np.asarray(((a - b) ** 2).sum(-1))


def pair_costs(x: Floats, i: Ints, y: Floats, j: Ints) -> Floats:
    """Squared distances of x[i] and y[j], row by row; some at a time, to spare memory."""
    step = max(1, 1_000_000 // x.shape[1])
    starts = range(0, max(1, len(i)), step)
    return np.concatenate([squared(x[i[s : s + step]], y[j[s : s + step]]) for s in starts])


def cheapest(
    query: Floats, points: Floats, price: Floats, k: int = 1
) -> tuple[Ints, Floats]:
    """The `k` best offers |query - point|^2 - price of all points, best first.

    (q, f), (p, f), (p,) -> indices and values, both (q, min(k, p)).
    >>> cheapest(np.array([[0.0]]), np.array([[1.0], [2.0]]), np.array([0.0, 4.0]))
    (array([[1]]), array([[0.]]))
    """
    k = min(k, len(points))
    if in_tree(query, points, price):
        from smalti import fast

        return fast.best_offers(query, points, price, k)
    index = np.empty((len(query), k), np.int64)
    for some, stock, offer in look(query, points, price, k):
        index[some] = stock.ravel()[least(offer, k)]
    value = np.stack([squared(query, points[j]) - price[j] for j in index.T], axis=1)
    best = np.lexsort((index, value))
    return np.take_along_axis(index, best, 1), np.take_along_axis(value, best, 1)


def offers_within(query: Floats, points: Floats, price: Floats, limit: Floats) -> Ints:
    """All pairs (pairs, 2) of a query and a point whose offer is within the query's limit."""
    if in_tree(query, points, price):
        from smalti import fast

        return fast.offers_within(query, points, price, limit)
    rest, found = limit - (query**2).sum(1), []
    for some, stock, offer in look(query, points, price, limit=limit):
        row, place = np.divmod(np.flatnonzero(offer <= rest[some, None, None]), stock.size)
        found.append(np.stack([some[row], stock.ravel()[place]], axis=1))
    return np.concatenate(found)


FEW = 4  # features up to which neighbours are near enough for trees and shelves
WORTH = 8_000_000  # pairs from which on the compiled search is worth a call
LOADING = 40_000_000  # and from which on Numba is worth its loading, if POT is loaded as well


@functools.cache
def has_numba() -> bool:
    """Whether Numba is wanted, and can be loaded."""
    if os.environ.get("SMALTI_FAST") == "0":
        return False
    try:
        from smalti import fast
    except ImportError:
        return False
    return fast is not None


def is_loaded() -> bool:
    """Whether Numba is there already."""
    return bool(sys.modules.get("smalti.fast")) and has_numba()


def is_worth(pairs: int) -> bool:
    """Whether something compiled shall work on so many pairs of a query and a point."""
    return pairs >= (WORTH if is_loaded() else LOADING) and has_numba()


def in_tree(query: Floats, points: Floats, price: Floats) -> bool:
    """Whether the compiled search shall find the best offers."""
    pairs, few = len(query) * len(points), points.shape[1] <= FEW
    return pairs > 0 and few and is_worth(pairs) and bool(np.isfinite(price).all())


def least(offer: Offers, k: int) -> Ints:
    """Places of the `k` least of each row, (q, k), in offers (q, shelves, size)."""
    row, size = offer.reshape(len(offer), -1), offer.shape[2]
    if k == 1:
        return np.asarray(row.argmin(1)[:, None])
    if offer.shape[1] <= k:
        return np.asarray(np.argpartition(row, k - 1, axis=1)[:, :k])
    shelf = np.argpartition(offer.min(2), k - 1, axis=1)[:, :k]
    few = np.take_along_axis(offer, shelf[:, :, None], 1).reshape(len(offer), -1)
    best = np.argpartition(few, k - 1, axis=1)[:, :k]
    return np.asarray(np.take_along_axis(shelf, best // size, 1) * size + best % size)


SHELF = 64  # points on a shelf, at most


def shelves(x: Floats, size: int = SHELF) -> Ints:
    """Numbers (shelves, <= size) of the points `x` (p, f), neighbours together; p on: empty."""
    count = 1
    while count * size < len(x):
        count *= 2
    stock = np.arange(count * -(-len(x) // count))[None]
    while len(stock) < count:
        here = x[stock % len(x)]
        widest = np.ptp(here, axis=1).argmax(1)[:, None, None]
        key = np.take_along_axis(here, widest, 2)[..., 0]
        order = np.argpartition(key, key.shape[1] // 2, axis=1)
        stock = np.take_along_axis(stock, order, 1).reshape(2 * len(stock), -1)
    return stock


def look_at_all(query: Floats, points: Floats, price: Floats, k: int) -> Lots:
    """Offers less |query|^2 of all points."""
    stock = np.arange(-(-len(points) // SHELF) * SHELF).reshape(-1, SHELF)
    left, right, last = factors(query, points, price, stock, k)
    rows = max(1, 500_000 // stock.size)  # a block that stays in the processor's cache
    for start in range(0, len(query), rows):
        some = np.arange(start, min(start + rows, len(query)))
        yield some, stock, meet(left[some], right, last)


EXACT = 2**24  # 32 bits hold every whole number up to here


def enough_digits(query: Floats, points: Floats, base: Floats, k: int) -> type[np.floating]:
    """32 bits if base - 2 query . point is exact in them, or if k > 1; else 64."""
    if k > 1:
        return np.float32
    if not all((x == np.rint(x)).all() for x in (query, points, base)):
        return np.float64
    longest = [float((x**2).sum(-1).max(initial=1)) ** 0.5 for x in (query, points)]
    reach = 2 * longest[0] * longest[1] + np.abs(base[np.isfinite(base)]).max(initial=0)
    return np.float32 if reach < EXACT else np.float64


def factors(
    query: Floats, points: Floats, price: Floats, stock: Ints, k: int
) -> tuple[Offers, Offers, Offers]:
    """Of the offers of a `stock` (s, size): -2 query (q, f), points (f, s, size), rest (s, size)."""
    x, base = on_shelves(points, price, stock)
    digits = enough_digits(query, points, base, k)
    right: Offers = x.transpose(2, 0, 1).astype(digits, order="C")
    return (-2 * query).astype(digits), right, base.astype(digits)


def on_shelves(points: Floats, price: Floats, stock: Ints) -> tuple[Floats, Floats]:
    """Points (..., f) with these numbers (...), and |point|^2 - price (...)."""
    x, v = points[stock % len(points)], price[stock % len(points)]
    return x, np.where(stock < len(points), (x**2).sum(-1) - v, np.inf)


def planes(x: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Slopes (s, f) and heights (s,) of planes above the prices (s, size) of points `x`."""
    dx, dv = x - x.mean(1, keepdims=True), v - v.mean(1, keepdims=True)
    bend = np.einsum("spf,spg->sfg", dx, dx)
    stiff = 1e-3 * np.trace(bend, axis1=1, axis2=2) + 1e-9
    bend += stiff[:, None, None] * np.eye(x.shape[2])
    slope = np.linalg.solve(bend, np.einsum("spf,sp->sf", dx, dv)[..., None])[..., 0]
    return slope, (v - np.einsum("spf,sf->sp", x, slope)).max(1)


def at_least(
    q: Floats, low: Floats, high: Floats, slope: Floats, height: Floats
) -> Floats:
    """What no offer of each shelf (s,) can be less than, for any of the queries `q`."""
    first, last = q.min(0), q.max(0)
    p = (np.where(slope > 0, last, first) + slope / 2).clip(low, high)
    away = p - p.clip(first, last)
    return np.asarray((away**2 - slope * p).sum(1) - height)


def look_nearby(
    query: Floats, points: Floats, price: Floats, k: int, limit: Floats | None = None
) -> Lots:
    """Offers less |query|^2 of all points that may be among the `k` best, or within `limit`."""
    stock = shelves(points)
    x = points[stock % len(points)]
    box = (x.min(1), x.max(1), *planes(x, price[stock % len(points)]))
    few, (product, right, last) = min(len(x), 16 + k // 8), factors(query, points, price, stock, k)
    for some in shelves(query, SHELF // 2):
        some = some[some < len(query)]
        bound, left = at_least(query[some], *box), product[some]
        if limit is None:
            near = np.argpartition(bound, few - 1)[:few]
            first = meet(left, right[:, near], last[near]).reshape(len(some), -1)
            kth = np.partition(first, k - 1, axis=1)[:, k - 1] if k > 1 else first.min(1)
            worst = float(((query[some] ** 2).sum(1) + kth).max())
        else:
            worst = limit[some].max()
        near = np.flatnonzero(bound <= worst + 1e-9 * (1 + abs(worst)))
        yield some, stock[near], meet(left, right[:, near], last[near])


def meet(left: Offers, right: Offers, last: Offers) -> Offers:
    """`left` (q, f) times `right` (f, s, size), plus `last` (s, size)."""
    offer: Offers = left @ right.reshape(len(right), -1)
    offer += last.ravel()
    return offer.reshape(len(left), *last.shape)


MANY = 50_000_000  # pairs from which on it pays to choose among shelves


def look(
    query: Floats, points: Floats, price: Floats, k: int = 1, limit: Floats | None = None
) -> Lots:
    """Offers less |query|^2 in lots: numbers of queries, points on shelves, and offers."""
    if points.shape[1] > FEW or len(query) * len(points) < MANY:
        return look_at_all(query, points, price, k)
    return look_nearby(query, points, price, k, limit)
