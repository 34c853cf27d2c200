# Made from smalti/fast.md by make tangle; edit that.
"""The best offers by compiled search; explained in fast.md."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The same function as machine code, which is kept for next time if a folder allows it."""
    try:
        return cast(F, numba.njit(function, cache=True))
    except RuntimeError:  # there is no such folder
        return cast(F, numba.njit(function))


def inlined(function: F) -> F:
    """The same function, compiled wherever another compiled function calls it."""
    return cast(F, numba.njit(function, inline="always"))


LEAF = 8  # points in the smallest branches, at most


@inlined
def span(branch: int, n: int) -> tuple[int, int]:
    """First point of a branch, and the first behind it."""
    depth = 0
    while branch >> depth > 1:
        depth += 1
    i = branch - (1 << depth)
    return n * i >> depth, n * (i + 1) >> depth


@compiled
def halve(x: Floats, number: Ints, first: int, last: int, middle: int, axis: int) -> None:
    """Move rows first to last so that none before `middle` is more, along `axis`, than it."""
    while first < last:
        pivot, i, j = x[(first + last) // 2, axis], first, last
        while i <= j:
            while x[i, axis] < pivot:
                i += 1
            while x[j, axis] > pivot:
                j -= 1
            if i <= j:
                for c in range(x.shape[1]):
                    x[i, c], x[j, c] = x[j, c], x[i, c]
                number[i], number[j] = number[j], number[i]
                i, j = i + 1, j - 1
        if middle <= j:
            last = j
        elif middle >= i:
            first = i
        else:
            return


@compiled
def grow(x: Floats, number: Ints, box: Floats) -> None:
    """Move the rows of `x` (n, f) into the order of a tree, and fill boxes (branches, 3f + 1)."""
    n, f = x.shape
    for branch in range(1, len(box)):
        first, end = span(branch, n)
        widest, width = 0, -1.0
        for c in range(f):
            low, high = np.inf, -np.inf
            for i in range(first, end):
                low, high = min(low, x[i, c]), max(high, x[i, c])
            box[branch, c], box[branch, f + c] = low, high
            if high - low > width:
                widest, width = c, high - low
        if 2 * branch < len(box):
            halve(x, number, first, end - 1, span(2 * branch, n)[1], widest)


def in_order(x: Floats) -> tuple[Floats, Ints, Floats]:
    """Rows of `x` (n, f) in the order of a tree, their numbers (n,), and boxes."""
    moved, number, branches = np.array(x, np.float64, order="C"), np.arange(len(x)), 2
    while len(x) * 2 // branches > LEAF:
        branches *= 2
    box = np.zeros((branches, 3 * x.shape[1] + 1))
    grow(moved, number, box)
    return moved, number, box


@compiled
def slope_of(x: Floats, v: Floats, some: int, slope: Floats) -> None:
    """Fit a slope (f,) to the prices (n,) of every `some`-th of the points (n, f)."""
    f, many = x.shape[1], 0
    middle, bend, pull = np.zeros(f + 1), np.zeros((f, f)), np.zeros(f)
    for i in range(0, len(x), some):
        many += 1
        middle[f] += v[i]
        for c in range(f):
            middle[c] += x[i, c]
    middle /= many
    for i in range(0, len(x), some):
        for c in range(f):
            away = x[i, c] - middle[c]
            pull[c] += away * (v[i] - middle[f])
            for e in range(c + 1):
                bend[c, e] += away * (x[i, e] - middle[e])
    for c in range(f):
        bend[c, c] += 1e-9 + 0.02 * many
        for e in range(c):
            bend[e, c] = bend[c, e]
    solve(bend, pull, slope)


@compiled
def solve(bend: Floats, pull: Floats, slope: Floats) -> None:
    """Solve bend (f, f) times slope (f,) = pull (f,), roughly."""
    slope[:] = 0.0
    for _ in range(8):
        for c in range(len(slope)):
            rest = pull[c] + bend[c, c] * slope[c]
            for e in range(len(slope)):
                rest -= bend[c, e] * slope[e]
            slope[c] = rest / bend[c, c]


@compiled
def cover(x: Floats, v: Floats, box: Floats, reach: float) -> None:
    """Put slope and height of a plane above the prices `v` (n,) into each row of boxes."""
    n, f = x.shape
    for branch in range(1, len(box)):
        first, end = span(branch, n)
        slope, height, size = box[branch, 2 * f : 3 * f], -np.inf, reach
        slope_of(x[first:end], v[first:end], max(1, (end - first) // 256), slope)
        for i in range(first, end):
            over = v[i]
            for c in range(f):
                over -= slope[c] * x[i, c]
            height = max(height, over)
        for c in range(f):
            size += abs(slope[c]) * max(abs(box[branch, c]), abs(box[branch, f + c]))
        box[branch, 3 * f] = height + 1e-13 * size


class Tree(NamedTuple):
    """Points in the order of a tree, and its branches; box 0 is no branch."""

    x: Floats  # (n, f)
    number: Ints  # (n,) of each point, as the caller counts
    price: Floats  # (n,)
    box: Floats  # (branches, 3f + 1): least, greatest, slope, height


def plant(points: Floats, price: Floats, reach: float) -> Tree:
    """A tree of points (n, f) with finite prices (n,)."""
    x, number, box = in_order(points)
    v = price[number].astype(np.float64)
    cover(x, v, box, reach)
    return Tree(x, number, v, box)


@inlined
def at_least(box: Floats, branch: int, q: Floats) -> float:
    """What no offer of a branch to the query `q` (f,) can be less than."""
    f = len(q)
    found: float = -box[branch, 3 * f]
    for c in range(f):
        slope = box[branch, 2 * f + c]
        p = min(max(q[c] + slope / 2, box[branch, c]), box[branch, f + c])
        found += (q[c] - p) ** 2 - slope * p
    return found


@inlined
def promising(
    box: Floats, q: Floats, worst: float, pile: Ints, floor: Floats, many: int
) -> tuple[int, int]:
    """The next smallest branch for a query (f,), 0 if there is none, and `many` on the pile."""
    while many > 0:
        many -= 1
        branch, least = pile[many], floor[many]
        while least <= worst and 2 * branch < len(box):
            left, right = at_least(box, 2 * branch, q), at_least(box, 2 * branch + 1, q)
            branch, least = 2 * branch + (1 if right < left else 0), min(left, right)
            pile[many], floor[many], many = branch ^ 1, max(left, right), many + 1
        if least <= worst:
            return branch, many
    return 0, 0


@compiled
def new_pile() -> tuple[Ints, Floats]:
    """A pile with the whole tree on it, as high as any tree needs."""
    return np.ones(128, np.int64), np.full(128, -np.inf)


@inlined
def offer_of(tree: Tree, p: int, q: Floats) -> float:
    """|q - point p|^2 - price."""
    found: float = 0.0
    for c in range(len(q)):
        found += (q[c] - tree.x[p, c]) ** 2
    return found - float(tree.price[p])


@inlined
def better(tree: Tree, offer: float, p: int, than: float, other: int) -> bool:
    """Whether the offer of the point p comes before that of another; -1 is nobody."""
    if offer != than:
        return offer < than
    return other < 0 or bool(tree.number[p] < tree.number[other])


@inlined
def look_through(tree: Tree, branch: int, q: Floats, best: Ints, value: Floats) -> None:
    """Put points of a branch in their places among the k `best`, (k,), by `value`, (k,)."""
    first, end = span(branch, len(tree.x))
    for p in range(first, end):
        offer, c = offer_of(tree, p, q), len(best) - 1
        if better(tree, offer, p, value[c], best[c]):
            while c > 0 and better(tree, offer, p, value[c - 1], best[c - 1]):
                value[c], best[c] = value[c - 1], best[c - 1]
                c -= 1
            value[c], best[c] = offer, p


@inlined
def most_of(tree: Tree, points: Ints, q: Floats) -> float:
    """The worst offer to a query that some points (k,) make."""
    found: float = -np.inf
    for p in points:
        found = max(found, offer_of(tree, p, q))
    return found


@compiled
def ask_all(tree: Tree, query: Floats, value: Floats) -> Ints:
    """The points (q, k) with the best offers to queries (q, f), and their `value` (q, k)."""
    k, found = value.shape[1], np.full(value.shape, -1)
    (pile, floor), best, offer = new_pile(), np.empty(k, np.int64), np.empty(k)
    for i, q in enumerate(query):
        offer[:] = np.inf if i == 0 else most_of(tree, best, q)
        best[:] = -1
        pile[0], floor[0], many = 1, -np.inf, 1
        while True:
            branch, many = promising(tree.box, q, offer[k - 1], pile, floor, many)
            if branch == 0:
                break
            look_through(tree, branch, q, best, offer)
        found[i], value[i] = best, offer
    return found


def reach_of(query: Floats, points: Floats, price: Floats) -> float:
    """A number that no square, product or price here exceeds."""
    far = max(np.abs(x).max(initial=0) for x in (query, points))
    return float(np.abs(price).max(initial=0) + 4 * far**2 * points.shape[1])


def best_offers(
    query: Floats, points: Floats, price: Floats, k: int
) -> tuple[Ints, Floats]:
    """The `k` best offers |query - point|^2 - price, of equals the lower number first.

    (q, f), (p, f), (p,) with 0 < k <= p -> indices and values, both (q, k).
    """
    tree = plant(points, price, reach_of(query, points, price))
    asker, number, _ = in_order(query)
    value = np.empty((len(query), k))
    found = tree.number[ask_all(tree, asker, value)]
    back = np.argsort(number)
    return found[back], value[back]


@compiled
def ask_within(tree: Tree, query: Floats, limit: Floats, pairs: Ints) -> int:
    """Write (query, point) of offers within the limits (q,) into `pairs`; how many there are."""
    count, (pile, floor) = 0, new_pile()
    for i in range(len(query)):
        pile[0], floor[0], many = 1, -np.inf, 1
        while True:
            branch, many = promising(tree.box, query[i], limit[i], pile, floor, many)
            if branch == 0:
                break
            first, end = span(branch, len(tree.x))
            for p in range(first, end):
                if offer_of(tree, p, query[i]) <= limit[i]:
                    if count < len(pairs):
                        pairs[count, 0], pairs[count, 1] = i, tree.number[p]
                    count += 1
    return count


def offers_within(query: Floats, points: Floats, price: Floats, limit: Floats) -> Ints:
    """All pairs (pairs, 2) of a query and a point whose offer is within the query's limit."""
    tree = plant(points, price, reach_of(query, points, price))
    asker, number, _ = in_order(query)
    pairs = np.empty((4 * len(query), 2), np.int64)
    many = ask_within(tree, asker, limit[number], pairs)
    if many > len(pairs):
        pairs = np.empty((many, 2), np.int64)
        ask_within(tree, asker, limit[number], pairs)
    pairs = pairs[:many]
    pairs[:, 0] = number[pairs[:, 0]]
    return pairs
