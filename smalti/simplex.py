# Made from smalti/simplex.md by make tangle; edit that.
"""The best plan on some arcs, from a plan that is there; explained in simplex.md."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smalti.fast import compiled, inlined

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class PlanTree(NamedTuple):
    """A tree of n photos (nodes 0 to n - 1), m cells (from n on) and a root; -1 is nothing."""

    photos: int  # n
    up: Ints  # (n + m + 1,) the node above each
    arc: Ints  # the arc to it, -1 for a rope to the root
    load: Ints  # what this carries
    depth: Ints
    child: Ints  # the first node below
    left: Ints  # neighbours below the same node
    right: Ints
    price: Floats  # v of a photo, u of a cell


@inlined
def hang(t: PlanTree, x: int, up: int) -> None:
    """Hang a node, with all that is below it, under another."""
    t.up[x], t.left[x], t.right[x] = up, -1, t.child[up]
    if t.child[up] >= 0:
        t.left[t.child[up]] = x
    t.child[up] = x


@inlined
def cut(t: PlanTree, x: int) -> None:
    """Cut a node off the one above it."""
    if t.left[x] >= 0:
        t.right[t.left[x]] = t.right[x]
    else:
        t.child[t.up[x]] = t.right[x]
    if t.right[x] >= 0:
        t.left[t.right[x]] = t.left[x]


@inlined
def meeting(t: PlanTree, p: int, c: int) -> int:
    """The first node that is above both, or one of them."""
    while p != c:
        if t.depth[p] >= t.depth[c]:
            p = t.up[p]
        else:
            c = t.up[c]
    return p


MANY = np.iinfo(np.int64).max


@inlined
def weakest(t: PlanTree, p: int, c: int, top: int) -> int:
    """The node below the arc that can spare least, on the ways from p and c to the top."""
    found, least = -1, MANY
    while p != top:
        if p < t.photos and t.load[p] < least:
            found, least = p, t.load[p]
        p = t.up[p]
    while c != top:
        if c >= t.photos and t.load[c] <= least:
            found, least = c, t.load[c]
        c = t.up[c]
    return found


@inlined
def carry(t: PlanTree, x: int, top: int, photos: int, cells: int) -> None:
    """Change the loads above photos and above cells on the way from x to the top."""
    while x != top:
        t.load[x] += photos if x < t.photos else cells
        x = t.up[x]


@inlined
def turn_over(t: PlanTree, x: int, up: int, out: int, arc: int, load: int) -> None:
    """Hang x under `up` by an arc, and what was above x under x, and so on, as far as `out`."""
    while True:
        above, its_arc, its_load = t.up[x], t.arc[x], t.load[x]
        cut(t, x)
        hang(t, x, up)
        t.arc[x], t.load[x] = arc, load
        if x == out:
            return
        x, up, arc, load = above, x, its_arc, its_load


@inlined
def reprice(t: PlanTree, x: int, change: float, pile: Ints) -> None:
    """Add a change to prices of photos from x down, take it from cells; and count depths."""
    pile[0], many = x, 1
    while many > 0:
        many -= 1
        x = pile[many]
        t.depth[x] = t.depth[t.up[x]] + 1
        t.price[x] += change if x < t.photos else -change
        below = t.child[x]
        while below >= 0:
            pile[many], many = below, many + 1
            below = t.right[below]


@compiled
def pivot(
    t: PlanTree, p: int, c: int, arc: int, load: int, beyond: float, pile: Ints
) -> None:
    """Take an arc from photo node p to cell node c into the tree, and the weakest out."""
    top = meeting(t, p, c)
    out = weakest(t, p, c, top)
    spare = t.load[out]
    if spare > 0:
        carry(t, p, top, -spare, spare)
        carry(t, c, top, spare, -spare)
    if out < t.photos:
        turn_over(t, p, c, out, arc, load + spare)
        reprice(t, p, beyond, pile)
    else:
        turn_over(t, c, p, out, arc, load + spare)
        reprice(t, c, -beyond, pile)


def bare(photos: int, cells: int) -> PlanTree:
    """A tree of so many photos and cells in which nothing hangs yet."""
    nodes = photos + cells + 1
    load, depth = np.zeros((2, nodes), np.int64)
    up, arc, child, left, right = np.full((5, nodes), -1)
    return PlanTree(photos, up, arc, load, depth, child, left, right, np.zeros(nodes))


@compiled
def hang_up(
    t: PlanTree, cell: Ints, photo: Ints, cost: Floats, amount: Ints, v: Floats
) -> None:
    """Fill a bare tree with a plan (arcs,), and keep prices v (n,) where that is possible."""
    n, root, pile = len(v), len(t.up) - 1, np.empty(len(t.up), np.int64)
    for x in range(n):
        hang(t, x, root)
        t.depth[x], t.price[x] = 1, v[x]
    for e in range(len(cost)):
        p, c = photo[e], n + cell[e]
        if amount[e] > 0 and t.up[c] < 0:
            hang(t, c, p)
            t.arc[c], t.load[c], t.depth[c] = e, amount[e], t.depth[p] + 1
            t.price[c] = cost[e] - t.price[p]
        elif amount[e] > 0:
            pivot(t, p, c, e, amount[e], cost[e] - t.price[p] - t.price[c], pile)


PIVOTS = 50  # for each arc, at most


@compiled
def take_in(t: PlanTree, cell: Ints, photo: Ints, cost: Floats, slack: float) -> bool:
    """Pivot until no arc saves more than `slack`; False if that takes too many pivots."""
    n, arcs, pile = t.photos, len(cost), np.empty(len(t.up), np.int64)
    block, e, seen, left = 1 + int(arcs**0.5), 0, 0, PIVOTS * arcs
    while seen < arcs and left > 0:
        best, chosen = -slack, -1
        for _ in range(block):
            beyond = cost[e] - t.price[photo[e]] - t.price[n + cell[e]]
            if beyond < best:
                best, chosen = beyond, e
            e = e + 1 if e + 1 < arcs else 0
        seen += block
        if chosen >= 0:
            pivot(t, photo[chosen], n + cell[chosen], chosen, 0, best, pile)
            seen, left = 0, left - 1
    return left > 0


def better_plan(
    cell: Ints, photo: Ints, cost: Floats, amount: Ints, v: Floats, slack: float
) -> tuple[Ints, Floats, Floats] | None:
    """The best amounts (arcs,) and prices u (m,), v (n,), from amounts and prices v (n,).

    Each cell gets as much as before, each photo gives as much; each cell gets something. An
    arc that saves no more than `slack` is not taken. None if it takes too many pivots.
    Source: the network simplex, W. H. Cunningham 1976.

    >>> ways = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([5.0, 1.0, 2.0, 7.0])
    >>> better_plan(*ways, np.array([1, 0, 0, 1]), np.zeros(2), 0.5)[0].tolist()
    [0, 1, 1, 0]
    """
    t = bare(len(v), int(cell.max()) + 1)
    hang_up(t, cell, photo, cost, amount, v)
    if not take_in(t, cell, photo, cost, slack):
        return None
    found, n = np.zeros_like(amount), t.photos
    hangs = np.flatnonzero(t.arc >= 0)
    found[t.arc[hangs]] = t.load[hangs]
    return found, t.price[n:-1], t.price[:n]
