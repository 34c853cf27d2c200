# Made from smalti/ties.md by make tangle; edit that.
"""One of all optimal plans, always the same; explained in ties.md."""

import itertools
from dataclasses import replace

import numpy as np

from smalti.levels import Level, once_each
from smalti.offers import Floats, Ints, is_loaded, offers_within
from smalti.plans import Arcs, Plan, list_arcs, solve, solve_on, used_arcs


def tied_arcs(level: Level, u: Floats, v: Floats) -> Ints:
    """Keys of all arcs that are a best offer, u (M,), at the prices v (N,)."""
    pairs = offers_within(level.cells, level.tiles, v[level.owner], u)
    return np.sort(pairs[:, 0] * len(level.tiles) + pairs[:, 1])


def bind(level: Level, v: Floats) -> Level:
    """The level with the budgets that optimal prices v (N,) leave."""
    low, high = np.where(v < 0, level.high, level.low), np.where(v > 0, level.low, level.high)
    return replace(level, low=low, high=high)


def parts(level: Level, arcs: Arcs, plan: Plan) -> Ints:
    """The part of each photo, each cell and of home, 0, 1, ...: (N + M + 1,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, home = len(level.low), len(level.low) + len(level.mass)
    photo, cell, uses = arcs.photo, arcs.cell + n, np.bincount(plan.photo, plan.amount, n)
    back = used_arcs(level, arcs, plan)
    out, idle = np.flatnonzero(uses < level.high), np.flatnonzero(uses > level.low)
    start = np.r_[photo, cell[back], np.full(len(out), home), idle]
    end = np.r_[cell, photo[back], out, np.full(len(idle), home)]
    roads = coo_array((np.ones(len(start)), (start, end)), shape=(home + 1, home + 1))
    part: Ints = connected_components(roads, connection="strong")[1].astype(np.int64)
    return part


def loose(level: Level, arcs: Arcs, part: Ints) -> Ints:
    """Which arcs are loose, (loose,)."""
    return np.flatnonzero(part[arcs.photo] == part[len(level.low) + arcs.cell])


def is_only(level: Level, arcs: Arcs, plan: Plan) -> bool:
    """Whether no other plan on these arcs keeps the budgets."""
    part = parts(level, arcs, plan)
    idle = part[np.flatnonzero(level.low < level.high)] == part[-1]
    return bool(len(loose(level, arcs, part)) + idle.sum() == len(part) - 1 - part.max())


def settle_ties(level: Level, plan: Plan, u: Floats, v: Floats) -> Plan:
    """The one of all best plans that the dice choose; from one, and from whole prices."""
    arcs, level = list_arcs(level, tied_arcs(level, u, v)), bind(level, v)
    for throw in itertools.count():
        part = parts(level, arcs, plan)
        kept = once_each(loose(level, arcs, part), used_arcs(level, arcs, plan))
        arcs = Arcs(arcs.cell[kept], arcs.photo[kept], arcs.cost[kept])
        a, b = (np.random.PCG64([throw, len(w)]).random_raw(len(w)) >> 49 for w in (v, u))
        cost = (a[arcs.photo] * b[arcs.cell]).astype(np.float64)
        listed = Arcs(arcs.cell, arcs.photo, cost)
        last = replace(plan, u=np.zeros_like(u), v=np.zeros_like(v))
        better = solve_on(level, listed, last, 0.5) if is_loaded() else None
        plan = better or solve(level, listed, last.u, last.v)
        tied, level = cost == plan.u[arcs.cell] + plan.v[arcs.photo], bind(level, plan.v)
        arcs = Arcs(arcs.cell[tied], arcs.photo[tied], arcs.cost[tied])
        if is_only(level, arcs, plan):
            break
    return plan
