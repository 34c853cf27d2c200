# Made from smalti/plans.md by make tangle; edit that.
"""The best plan on some arcs, found in several ways; explained in plans.md."""

from dataclasses import dataclass, replace

import numpy as np

import mosaic
from smalti.levels import Level
from smalti.offers import Floats, Ints, pair_costs


@dataclass
class Arcs:
    """Listed arcs, sorted by cell, then photo."""

    cell: Ints
    photo: Ints
    cost: Floats


def list_arcs(level: Level, keys: Ints) -> Arcs:
    """The arcs with these keys, cell * R + tile, and what they cost."""
    cell, row = np.divmod(keys, len(level.tiles))
    cost, photo = pair_costs(level.cells, cell, level.tiles, row), row
    if len(level.owner) > len(level.low):
        photo = level.owner[row]
        order = np.lexsort((cost, photo, cell))
        pair = cell[order] * len(level.low) + photo[order]
        order = order[np.r_[True, pair[1:] != pair[:-1]]]
        cell, photo, cost = cell[order], photo[order], cost[order]
    return Arcs(cell, photo, cost)


def add_doors(level: Level, v: Floats, arcs: Arcs) -> tuple[Floats, Floats, Arcs]:
    """Supplies, wants and arcs with a helper and doors for the photos that may stay at home."""
    supply, want = level.high.astype(float), level.mass.astype(float)
    free = np.flatnonzero(level.low < level.high)
    if not len(free):
        return supply, want, arcs
    door = np.unique(np.where(level.low[free] > 0, free + 1, 0), return_inverse=True)[1]
    room, toll = np.bincount(door, (level.high - level.low)[free]), np.zeros(door.max() + 1)
    toll[door] = np.maximum(v[free], 0)
    n, doors = len(supply), len(want) + np.arange(len(room))
    supply, want = np.r_[supply, want.sum() - level.low.sum()], np.r_[want, room]
    cell = np.r_[arcs.cell, doors[door], doors]
    photo = np.r_[arcs.photo, free, np.full(len(room), n)]
    cost = np.r_[arcs.cost, toll[door] - v[free], toll]
    return supply, want, Arcs(cell, photo, cost)


@dataclass
class Plan:
    """Whole amounts from boxes of photos to boxes of cells, and prices that prove it best."""

    photo: Ints
    cell: Ints
    amount: Ints
    cost: float
    u: Floats
    v: Floats


def used_arcs(level: Level, arcs: Arcs, plan: Plan) -> Ints:
    """Where the arcs of a plan are among the listed ones, (p,)."""
    n = len(level.low)
    return np.searchsorted(arcs.cell * n + arcs.photo, plan.cell * n + plan.photo)


def amounts(level: Level, arcs: Arcs, plan: Plan) -> Ints:
    """What a plan sends over each of the listed arcs, (arcs,)."""
    amount = np.zeros(len(arcs.cost), np.int64)
    amount[used_arcs(level, arcs, plan)] = plan.amount
    return amount


def solve(level: Level, arcs: Arcs, u: Floats, v: Floats) -> Plan:
    """The best plan on the listed arcs, starting from prices u (M,) and v (N,)."""
    from scipy.sparse import coo_array

    cheap = Arcs(arcs.cell, arcs.photo, arcs.cost - u[arcs.cell] - v[arcs.photo])
    supply, want, listed = add_doors(level, v, cheap)
    shape = len(supply), len(want)
    costs = coo_array((listed.cost, (listed.photo, listed.cell)), shape=shape)
    plan, dv, du = mosaic.transport(supply, want, costs)
    photo, cell = plan.row.astype(np.int64), plan.col.astype(np.int64)
    real = (photo < len(v)) & (cell < len(u)) & (plan.data > 0.5)
    amount = np.rint(plan.data).astype(np.int64)
    found = Plan(photo[real], cell[real], amount[real], 0.0, u, v)
    return corrected(level, arcs, found, du, dv)


def corrected(level: Level, arcs: Arcs, plan: Plan, du: Floats, dv: Floats) -> Plan:
    """A plan with its cost, and its prices corrected by those of a problem with doors."""
    n, m = len(level.high), len(level.mass)
    shift = dv[n] if len(dv) > n else 0.0  # the helper's price is zero
    cost = float(plan.amount @ arcs.cost[used_arcs(level, arcs, plan)])
    return replace(plan, cost=cost, u=plan.u + du[:m] + shift, v=plan.v + dv[:n] - shift)


def solve_on(level: Level, arcs: Arcs, last: Plan, slack: float) -> Plan | None:
    """The best plan on the listed arcs from one on some of them, unless it takes too long."""
    from smalti.simplex import better_plan

    dear = arcs.cost - last.u[arcs.cell] - last.v[arcs.photo]
    _, _, listed = add_doors(level, last.v, Arcs(arcs.cell, arcs.photo, dear))
    amount = amounts(level, arcs, last)
    free, door = np.flatnonzero(level.low < level.high), listed.cell[len(arcs.cost) :]
    if len(free):
        home = level.high - np.bincount(last.photo, last.amount, len(level.high)).astype(int)
        room = np.bincount(door[: len(free)], (level.high - level.low)[free])
        inside = np.bincount(door[: len(free)], home[free])
        rest = np.r_[home[free], (room - inside)[len(level.mass) :]]
        amount = np.r_[amount, rest.astype(np.int64)]
    market = listed.cell, listed.photo, listed.cost, amount
    n = len(level.low) + (len(free) > 0)  # with the helper
    found = better_plan(*market, np.zeros(n), slack)
    if not found:
        return None
    used = np.flatnonzero(found[0][: len(arcs.cost)])
    plan = arcs.photo[used], arcs.cell[used], found[0][used]
    return corrected(level, arcs, Plan(*plan, 0.0, last.u, last.v), *found[1:])


CHEAP = 2  # arcs to begin with, for each photo and each cell


def solve_again(
    level: Level, arcs: Arcs, u: Floats, v: Floats, last: Plan, slack: float
) -> Plan:
    """As `solve`, but with few of the arcs, if they are enough; `last` is a plan on some."""
    n, dear = len(level.high), arcs.cost - u[arcs.cell] - v[arcs.photo]
    few = min(CHEAP * (n + len(level.mass)), len(dear) - 1)
    listed = np.isin(arcs.cell * n + arcs.photo, last.cell * n + last.photo)
    listed |= dear <= np.partition(dear, few)[few]
    for _ in range(3):
        some = Arcs(arcs.cell[listed], arcs.photo[listed], arcs.cost[listed])
        plan = solve(level, some, u, v)
        better = arcs.cost - plan.u[arcs.cell] - plan.v[arcs.photo] < -slack
        if not better[~listed].any():
            return plan
        listed |= better
    return solve(level, arcs, u, v)


def solve_roughly(
    level: Level, arcs: Arcs, v: Floats, step: float, gap: float, last: Plan | None, whole: bool
) -> Plan | None:
    """A plan within this gap of the best on the listed arcs, if an auction finds one."""
    forced = ((level.low > 0) & (level.low < level.high)).any()
    if forced or step <= 0:
        return None
    from smalti.auction import auction, bears

    ways, budgets = (arcs.cell, arcs.photo, arcs.cost), (level.mass, level.low, level.high)
    v = last.v if last else v
    for amount, w in auction(
        *ways, *budgets, v, step, amounts(level, arcs, last) if last else None
    ):
        used = np.flatnonzero(amount)
        cost = float(amount[used] @ arcs.cost[used])
        if cost - level.bound(bears(*ways, w), w) <= gap * cost:
            w = np.rint(w) if whole else w
            plan = arcs.photo[used], arcs.cell[used], amount[used]
            return Plan(*plan, cost, bears(*ways, w), w)
    return None
