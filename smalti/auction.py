# Made from smalti/auction.md by make tangle; edit that.
"""Prices and plans that are nearly the best, by auction; explained in auction.md."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smalti.fast import compiled, inlined

Ints = NDArray[np.int64]
ArcNumbers = NDArray[np.int32]
Floats = NDArray[np.float64]


class Sale(NamedTuple):
    """Who may bid for what, and who has what; -1 ends a chain."""

    start: Ints  # (bidders + 1,) first arc of each bidder in `arc`
    arc: ArcNumbers  # (arcs,) arcs in the order of their bidders
    bidder: Ints  # (arcs,)
    lot: Ints  # (arcs,)
    cost: Floats  # (arcs,)
    amount: Ints  # (arcs,)
    home: Floats  # (bidders,) what it costs to go without; infinity where one must not
    lack: Ints  # (bidders,) how many copies each still has to get
    size: Ints  # (lots,) copies in all
    spare: Ints  # (lots,) copies that nobody has
    limit: Floats  # (bidders,)
    price: Floats  # (lots,)
    first: Ints  # (lots,) first arc of a chain of holders
    after: ArcNumbers  # (arcs,) the next arc of the chain


@compiled
def make_chains(sale: Sale) -> None:
    """Put all arcs with an amount into the chains of their lots."""
    sale.first[:] = -1
    for e in range(len(sale.cost)):
        if sale.amount[e] > 0:
            join(sale, e)


@inlined
def join(sale: Sale, e: int) -> None:
    """Put an arc at the beginning of its lot's chain."""
    sale.after[e], sale.first[sale.lot[e]] = sale.first[sale.lot[e]], e


@inlined
def leave(sale: Sale, e: int) -> None:
    """Take an arc out of its lot's chain."""
    before = sale.first[sale.lot[e]]
    if before == e:
        sale.first[sale.lot[e]] = sale.after[e]
        return
    while sale.after[before] != e:
        before = sale.after[before]
    sale.after[before] = sale.after[e]


PHASES = 12  # each with steps a fifth as large
BIDS = 1000  # for each arc, at most


@inlined
def two_best(sale: Sale, i: int) -> tuple[int, float, float]:
    """The arc of the best offer to a bidder, -1 for its home, and both values."""
    chosen, best, second = -1, sale.home[i], np.inf
    for place in range(sale.start[i], sale.start[i + 1]):
        e = sale.arc[place]
        offer = sale.cost[e] - sale.price[sale.lot[e]]
        if offer < second and sale.amount[e] < sale.size[sale.lot[e]]:
            if offer < best:
                chosen, best, second = e, offer, best
            else:
                second = offer
    return chosen, best, second


@inlined
def least_eager(sale: Sale, e: int) -> tuple[int, float, float]:
    """The other holder (an arc) of a lot that gives way first, its price, and the next one's."""
    chosen, most, then = -1, -np.inf, -np.inf
    other = sale.first[sale.lot[e]]
    while other >= 0:
        worth = sale.cost[other] - sale.limit[sale.bidder[other]]
        if other != e and worth > most:
            chosen, most, then = other, worth, most
        elif other != e and worth > then:
            then = worth
        other = sale.after[other]
    return chosen, most, then


@inlined
def bid(sale: Sale, i: int, e: int, best: float, second: float, eps: float) -> int:
    """Buy on an arc at an offer, up to the second best; the bidder that gave way, or -1."""
    j = sale.lot[e]
    if sale.amount[e] == 0:
        join(sale, e)
    if sale.spare[j] > 0:
        many, loser, sale.limit[i] = min(sale.lack[i], sale.spare[j]), -1, best
        sale.spare[j] -= many
    else:
        other, worth, then = least_eager(sale, e)
        many, loser = min(sale.lack[i], sale.amount[other]), sale.bidder[other]
        sale.amount[other] -= many
        sale.lack[loser] += many
        if sale.amount[other] == 0:
            leave(sale, other)
            worth = then
        sale.price[j] = min(sale.price[j], max(worth, sale.cost[e] - second) - eps)
        sale.limit[i] = min(second, sale.cost[e] - sale.price[j] + eps)
    sale.amount[e] += many
    sale.lack[i] -= many
    return loser


@compiled
def sell(sale: Sale, eps: float, most: int) -> bool:
    """Let all bid until nobody lacks anything; False if `most` bids, or arcs, are too few."""
    n, count, bids = len(sale.lack), 0, 0
    pile, waits = np.empty(n, np.int64), np.zeros(n, np.bool_)
    make_chains(sale)
    for i in range(n):
        if sale.lack[i] > 0:
            pile[count], waits[i], count = i, True, count + 1
    while count > 0:
        count -= 1
        i = pile[count]
        waits[i] = False
        while sale.lack[i] > 0:
            bids += 1
            e, best, second = two_best(sale, i)
            if best == np.inf or bids > most:
                return False
            if e < 0:
                sale.limit[i], sale.lack[i] = best, 0
                break
            loser = bid(sale, i, e, best, min(second, best + 1000 * eps), eps)
            if loser >= 0 and not waits[loser]:
                pile[count], waits[loser], count = loser, True, count + 1
        for place in range(sale.start[i], sale.start[i + 1]):
            e = sale.arc[place]
            j = sale.lot[e]
            if sale.amount[e] == sale.size[j]:
                sale.price[j] = min(sale.price[j], sale.cost[e] - sale.limit[i] - eps)
    return True


@compiled
def keep_fair(sale: Sale, eps: float) -> None:
    """Give back what is dearer by more than a step than the bidder's best offer, its limit."""
    for i in range(len(sale.lack)):
        first, end, best = sale.start[i], sale.start[i + 1], np.inf
        for place in range(first, end):
            e = sale.arc[place]
            best = min(best, sale.cost[e] - sale.price[sale.lot[e]])
        for place in range(first, end):
            e = sale.arc[place]
            if sale.cost[e] - sale.price[sale.lot[e]] > best + eps:
                sale.amount[e] = 0
            sale.lack[i] -= sale.amount[e]
        sale.limit[i] = best


def order(side: Ints, many: int) -> tuple[Ints, ArcNumbers]:
    """Where the arcs of each of `many` bidders start, and the arcs in order of the bidders."""
    start = np.r_[0, np.bincount(side, minlength=many).cumsum()]
    return start, np.argsort(side, kind="stable").astype(np.int32)


def auction(
    cell: Ints,
    photo: Ints,
    cost: Floats,
    mass: Ints,
    low: Ints,
    high: Ints,
    v: Floats,
    eps: float,
    last: Ints | None = None,
) -> Iterator[tuple[Ints, Floats]]:
    """Better and better amounts (arcs,) and prices v (n,), from prices and perhaps amounts.

    Arcs (arcs,) between m cells with `mass` (m,) and n photos, used `low` to `high` times (n,), where
    `low` is 0 or `high`. Ends early if the arcs allow no plan, or too many bids are needed.

    >>> ways = np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1.0, 9.0, 2.0])
    >>> one = np.ones(2, np.int64)
    >>> [amount.tolist() for amount, _ in auction(*ways, one, one, one, np.zeros(2), 1.0)][-1]
    [0, 1, 1]
    """
    m, n, after = len(mass), len(high), np.empty(len(cell), np.int32)
    amount = np.zeros_like(cell) if last is None else last.copy()
    del last  # it is as long as all arcs
    free, u = low < high, np.empty(m)
    v = np.where(free, np.minimum(v, 0.0), v)
    by_cell, by_photo = order(cell, m), order(photo, n)
    for step in eps / 5.0 ** np.arange(PHASES):
        ends, used = np.empty(n, np.int64), np.flatnonzero(amount)
        sale = Sale(*by_cell, cell, photo, cost, amount, np.full(m, np.inf), mass.copy(), high,
                    high.copy(), u, v, ends, after)
        keep_fair(sale, step)
        np.subtract(high, np.bincount(photo[used], amount[used], n).astype(int), out=sale.spare)
        if not sell(sale, step, BIDS * len(cost)):
            return
        left = np.where(free & (v >= 0), 0, sale.spare)
        full = np.zeros(m, np.int64)
        home = np.where(free, 0.0, np.inf)
        back = Sale(*by_photo, photo, cell, cost, amount, home, left, mass, full, v, u,
                    np.empty(m, np.int64), after)
        if not sell(back, step, BIDS * len(cost)):
            return
        yield amount, v


@compiled
def bears(cell: Ints, photo: Ints, cost: Floats, v: Floats) -> Floats:
    """The least cost - v of each cell (m,); the arcs (arcs,) are in order of their cells."""
    u = np.full(cell[-1] + 1, np.inf)
    for e in range(len(cost)):
        u[cell[e]] = min(u[cell[e]], cost[e] - v[photo[e]])
    return u
