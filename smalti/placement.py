# Made from smalti/placement.md by make tangle; edit that.
"""Exact placement of photos, with proof; explained in placement.md."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike

import mosaic
from smalti.budgets import Request, budgets, read_request
from smalti.ground.errors import MosaicError
from smalti.ground.settings import Amount
from smalti.levels import Level, Task, best_tile, deal, group, once_each, widths
from smalti.offers import FEW, LOADING, WORTH, Floats, Ints, cheapest, has_numba, squared
from smalti.plans import Plan, list_arcs, solve, solve_again, solve_on, solve_roughly
from smalti.ties import settle_ties

Solver = Literal["auto", "sparse", "dense"]


@dataclass(frozen=True)
class PlacementSettings:
    """Placing photos exactly"""

    solver: Annotated[Solver, "how to place exactly"] = "auto"
    gap: Annotated[Amount, "stop at this proven relative gap; 0: never"] = 0.0
    time_limit: Annotated[
        Amount, "stop after so many seconds, with the best match so far; 0: never"
    ] = 0.0


def scene(side: int, n: int, seed: int = 1) -> tuple[Floats, Floats]:
    """Mean colours of `n` photos, (n, 3), and of side x side cells, (side**2, 3); 0 to 255."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((side, side)) / side
    glow = np.exp(-12 * ((x - 0.7) ** 2 + (y - 0.3) ** 2))
    sky = np.stack([90 + 150 * glow + 60 * y, 140 + 90 * glow, 230 - 90 * glow], -1)
    field = np.stack([60 + 90 * x, 95 + 40 * np.sin(19 * x * y), 40 + 25 * x], -1)
    land = field * (1.5 - y)[..., None]
    hill = y > 0.62 + 0.1 * np.sin(7 * x) + 0.04 * np.sin(23 * x)
    target = np.where(hill[..., None], land, sky) + rng.normal(0, 6, (side, side, 3))
    kinds = [(125, 115, 105), (85, 110, 60), (140, 170, 215), (60, 55, 52), (230, 200, 130)]
    kind = rng.choice(5, n, p=[0.25, 0.2, 0.3, 0.1, 0.15])
    light = rng.normal(1, 0.25, (n, 1)) * np.array(kinds)[kind]
    photos = light + rng.normal(0, 14, (n, 3))
    return np.rint(photos.clip(0, 255)), np.rint(target.clip(0, 255)).reshape(-1, 3)


def opening_prices(
    task: Task, level: Level, width: float, cells: Floats, u: Floats
) -> Floats:
    """Prices (N,) of a level's photos, from the prices u of cells of the level before."""
    if width:
        v = cheapest(level.tiles, cells, u)[1][:, 0]
    else:
        outside = (task.y**2).sum(1) - (task.tile_sketch**2).sum(1)
        v = np.full(len(level.low), np.inf)
        row_price = cheapest(task.tile_sketch, cells, u)[1][:, 0] + outside
        np.minimum.at(v, level.photo_box[task.owner], row_price)
        v = np.rint(v) if task.whole else v
    return np.where(level.low > 0, v, np.minimum(v, 0))


OFFERS = 10


def first_offers(level: Level, v: Floats) -> tuple[Ints, Floats]:
    """The best offers to each cell at prices v: tiles (M, k), and prices u (M,)."""
    many = 1 if level.small else OFFERS
    near, value = cheapest(level.cells, level.tiles, v[level.owner], many)
    return near, value[:, 0]


def first_arcs(level: Level, near: Ints, u: Floats, match: Ints) -> Ints:
    """Keys of the arcs to begin with; `near` is (M, k), `match` (m,) rows of tiles."""
    rows, m = len(level.tiles), len(level.cells)
    if level.small:
        return np.arange(rows * m)
    back = cheapest(level.tiles, level.cells, u, OFFERS)[0]
    to_cell = (near + rows * np.arange(m)[:, None]).ravel()
    to_tile = (back * rows + np.arange(rows)[:, None]).ravel()
    return once_each(to_cell, to_tile, level.cell_box * rows + match)


def shop(level: Level, plan: Plan, slack: float) -> tuple[Floats, Floats, Ints]:
    """Prices u, v that no arc of all contradicts, and keys of arcs worth adding."""
    rows, v = len(level.tiles), plan.v
    index, value = cheapest(level.cells, level.tiles, v[level.owner])
    u, seller = value[:, 0], index[:, 0]
    eager = np.flatnonzero(u < plan.u - slack)
    if not len(eager):
        return u, v, np.empty(0, np.int64)
    k = int(np.clip((len(level.low) + len(u)) // len(eager), 6, 200))
    near, value = cheapest(level.cells[eager], level.tiles, v[level.owner], k)
    fair = value <= plan.u[eager][:, None] + 0.005 * plan.cost / level.mass.sum()
    keys = [(near + rows * eager[:, None])[fair], seller[eager] + rows * eager]
    if 2 * len(eager) > len(u):
        return u, v, once_each(*keys)
    u, v, more = settle_prices(level, plan, slack, eager, seller, u)
    return u, v, once_each(*keys, *more)


def settle_prices(
    level: Level, plan: Plan, slack: float, eager: Ints, seller: Ints, u: Floats
) -> tuple[Floats, Floats, list[Ints]]:
    """Let photos that promise too much to `eager` cells lower v; the rest lowers u."""
    v, keys, rows = plan.v.copy(), [], len(level.tiles)
    for _ in range(3):
        generous = np.flatnonzero(np.isin(level.owner, level.owner[seller[eager]]))
        back, value = cheapest(level.tiles[generous], level.cells, plan.u, 5)
        np.minimum.at(v, level.owner[generous], value[:, 0])
        keys.append((back * rows + generous[:, None]).ravel())
        index, value = cheapest(level.cells[eager], level.tiles, v[level.owner])
        seller[eager], u[eager] = index[:, 0], value[:, 0]
        eager = eager[u[eager] < plan.u[eager] - slack]
        if not len(eager):
            break
    return u, v, keys


@dataclass
class Round:
    """What is known after a round."""

    match: Ints  # (m,) photo of each cell
    bound: float
    arcs: int
    cells: Floats  # (M, .) and
    u: Floats  # (M,) their prices


AUCTION = 400_000  # arcs from which on an auction is worth it with many features
BEST = 500_000  # arcs of a coarse level below which it costs little to make its plan the best
LATE = 20  # as soon as there are so many photos and cells to each new arc, try with few arcs
ROUGH = 3e-4  # the gap on listed arcs that will do for a first plan
FINER = 5e-5  # and for the second one on the last level
ROUGHER = 1.2e-3  # for the first plan there, if a gap is enough
TINY = 1e-5  # a gap that is best reached on the way to the optimum


def improve(task: Task, width: float, last: Round, gap: float) -> Iterator[Round]:
    """Solve one level to its end, round by round; or to a gap, if that is not 0."""
    level = group(task, width)
    v = opening_prices(task, level, width, last.cells, last.u)
    plain = len(level.owner) == len(level.low)
    row = level.photo_box[last.match] if plain else best_tile(task, last.match)
    typical = float(squared(level.cells[level.cell_box], level.tiles[row]).mean())
    gap, exact = gap if gap > TINY else 0.0, task.whole and not width
    quick = wants_numba(task)
    slack = 0.5 if exact and not gap else 1e-11 * typical
    near, u = first_offers(level, v)
    if not width:
        yield replace(last, bound=level.bound(u, v))
    keys = first_arcs(level, near, u, row)
    goals = [ROUGH] if width else [ROUGH, FINER]
    goals = [max(ROUGHER, gap / 2), gap / 2] if gap and not width else goals
    done, plan, new = False, None, keys
    while not done:
        arcs = list_arcs(level, keys)
        before, plan, rough, nodes = plan, None, None, len(level.low) + len(level.mass)
        if not quick or (task.x.shape[1] > FEW and len(keys) < AUCTION):
            goals = []
        if goals and (gap > 0 or task.whole):
            rough = solve_roughly(level, arcs, v, typical / 500, goals[0], before, exact and not gap)
            plan, goals = rough, goals[1:] if rough else []
        if rough and width and len(keys) < BEST:
            plan = solve_on(level, arcs, rough, slack) or rough
        if quick and before and not plan and len(new) < nodes:
            plan = solve_on(level, arcs, before, slack)
        if before and not plan and LATE * len(new) < nodes:
            plan = solve_again(level, arcs, u, v, before, slack)
        plan = plan or solve(level, arcs, u, v)
        u, v, new = shop(level, plan, slack)
        many, keys, bound = len(keys), once_each(keys, new), level.bound(u, v)
        done = plan.cost - bound <= (1e-3 * plan.cost if width else 0)
        unfinished = rough and (goals or (exact and not gap))
        done |= len(keys) == many and not unfinished
        if exact and plan.cost == bound and (v == np.rint(v)).all():
            plan = settle_ties(level, plan, u, v)
        match = deal(task, level, plan.photo, plan.cell, plan.amount)
        del arcs  # before there are more
        yield Round(match, -np.inf if width else bound, many, level.cells, u)


def wants_numba(task: Task) -> bool:
    """Whether auctions and the simplex shall make the plans of a task; loads Numba."""
    forced = task.low.any() and (task.low < task.high).any()  # which no auction takes
    instead = task.whole and task.x.shape[1] <= FEW and not forced  # of POT
    return len(task.x) * len(task.y) >= (WORTH if instead else LOADING) and has_numba()


def bound_from(task: Task, now: Round) -> float:
    """A bound for the task itself from the prices of a round of any level."""
    if now.bound > -np.inf:  # the level is the task itself
        return now.bound
    level = group(task, 0.0)
    v = opening_prices(task, level, 0.0, now.cells, now.u)
    return level.bound(first_offers(level, v)[1], v)


LOOSE = 3e-3  # a gap that the prices of a coarse level may prove
SOON = 20  # cells to each box, at most, in a level that may be good enough


def rounds(task: Task, gap: float = 0.0) -> Iterator[Round]:
    """Better and better matches of a task, the last of them optimal."""
    zero, all_cells = np.zeros(1, np.int64), np.zeros(len(task.x), np.int64)
    low, high = task.low.sum(keepdims=True), task.high.sum(keepdims=True)
    middle, many = task.cell_sketch.mean(0)[None], np.array([len(task.x)])
    box = Level(middle, many, all_cells, middle, zero, low, high, np.zeros_like(task.low))
    now = Round(deal(task, box, zero, zero, many), -np.inf, 0, middle, np.zeros(1))
    yield now
    for width, finer in itertools.pairwise([*widths(task), 0.0]):
        start = now
        for now in improve(task, width, start, gap):
            yield now
        if gap > LOOSE and finer and SOON * len(now.cells) > len(task.x):
            yield replace(now, bound=bound_from(task, now))


ROUNDING = 1e-9


def rounded_up(share: float) -> str:
    """A share in percent, rounded up to one digit.

    >>> rounded_up(0.0000066), rounded_up(0.07)
    ('0.0007', '7')
    """
    step = 10.0 ** np.floor(np.log10(100 * share))
    percent = np.ceil(100 * share / step - ROUNDING) * step
    return np.format_float_positional(percent, 1, fractional=False, trim="-")


@dataclass(frozen=True)
class Certificate:
    """How good a match is, and how much of that is proven."""

    cost: float  # sum of squared distances
    bound: float  # no match costs less
    rounds: int
    arcs: int  # that the solver was given at last
    cells: int
    tiles: int
    stopped: str = "optimal"  # or "gap", "time limit", "interrupted", "running"

    @property
    def gap(self) -> float:
        """Cost above the bound, relative to the cost; 0 is a proof of optimality."""
        return max(self.cost - self.bound, 0.0) / self.cost if self.cost > 0 else 0.0

    def as_dict(self) -> dict[str, object]:
        """All fields and the gap, ready for JSON."""
        return {**asdict(self), "gap": self.gap}

    def sentence(self) -> str:
        """The result in words."""
        if self.gap <= ROUNDING:
            return f"{self.cells} photos placed, proven optimal"
        percent = rounded_up(self.gap)
        return f"{self.cells} photos placed, proven within {percent} % of the optimum"


Watch = Callable[[Certificate], None]


def certify(
    asked: Request, match: Ints, bound: float, rounds: int, arcs: int, stopped: str
) -> Certificate:
    """The certificate of a match (m,), given a bound for the cells without a pin."""
    fixed = np.flatnonzero(asked.pins >= 0)
    spent = float(squared(asked.x[fixed], asked.y[match[fixed]]).sum())
    cost = float(squared(asked.x, asked.y[match]).sum())
    sizes = len(asked.x), len(asked.y)
    proof = Certificate(cost, max(bound, 0.0) + spent, rounds, arcs, *sizes, stopped)
    done = stopped != "running" and proof.gap <= ROUNDING
    return replace(proof, stopped="optimal") if done else proof


def place_by_all_arcs(asked: Request) -> tuple[Ints, Certificate]:
    """The cheapest match of a plain request by the way of the book, and its certificate."""
    if not asked.plain:
        raise MosaicError(
            'solver = "dense" knows only one max_uses for all photos; set solver = "auto"'
        )
    middle, uses = np.rint(asked.x.mean(0)), int(asked.high[0])
    tiles, cells = asked.y - middle, asked.x - middle
    match, prices = mosaic.match_unique(tiles, cells, uses)
    bound = mosaic.lower_bound(tiles, cells, prices, uses)
    proof = certify(asked, match, bound, 1, len(tiles) * len(cells), "optimal")
    task, _ = make_task(asked.x, asked.y, asked.owner, asked.low, asked.high)
    if task.whole and proof.gap == 0:
        level, v = group(task, 0.0), np.empty(len(tiles))
        v[level.photo_box] = prices
        v = v[: len(level.low)]
        u = cheapest(level.cells, level.tiles, v)[1][:, 0]
        pairs = np.stack([level.photo_box[match], level.cell_box])
        (photo, cell), many = np.unique(pairs, axis=1, return_counts=True)
        plan = settle_ties(level, Plan(photo, cell, many, proof.cost, u, v), u, v)
        match = deal(task, level, plan.photo, plan.cell, plan.amount)
    return match, proof


def make_task(
    x: Floats, y: Floats, owner: Ints, low: Ints, high: Ints
) -> tuple[Task, Ints]:
    """The task for the solver, and (r,) which tiles take part, sorted by photo."""
    if high.sum() == len(x):
        low = high
    elif low.sum() == len(x):
        high = low
    rows = np.argsort(owner, kind="stable")
    rows = rows[high[owner[rows]] > 0]
    photos, compact = np.unique(owner[rows], return_inverse=True)
    middle = np.rint(x.mean(0))
    return Task(x - middle, y[rows] - middle, compact, low[photos], high[photos]), rows


def place_by_some_arcs(
    asked: Request, gap: float, time_limit: float, on_progress: Watch | None
) -> tuple[Ints, Certificate]:
    """The cheapest match of a request, or one that is good enough, and its certificate."""
    deadline = time.monotonic() + (time_limit or np.inf)
    match, free = asked.pins.copy(), asked.pins < 0
    task, rows = make_task(asked.x[free], asked.y, asked.owner, asked.low, asked.high)
    every = rounds(task, gap)
    now, bound, count, stopped = next(every), -np.inf, 0, "optimal"
    try:
        for count, now in enumerate(every, 1):
            bound = max(bound, now.bound)
            match[free] = rows[best_tile(task, now.match)]
            proof = certify(asked, match, bound, count, now.arcs, "running")
            if on_progress:
                on_progress(proof)
            if proof.gap <= gap > 0:
                stopped = "gap"
                break
            if time.monotonic() > deadline:
                stopped = "time limit"
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
    bound = bound if bound > -np.inf else bound_from(task, now)
    match[free] = rows[best_tile(task, now.match)]
    return match, certify(asked, match, bound, count, now.arcs, stopped)


DENSE = 2_000_000  # pairs up to which the book's way is taken
DEFAULTS = PlacementSettings()


def place(
    tiles: ArrayLike,
    cells: ArrayLike,
    max_uses: ArrayLike = 1,
    min_uses: ArrayLike = 0,
    *,
    groups: ArrayLike | None = None,
    pins: ArrayLike | None = None,
    settings: PlacementSettings = DEFAULTS,
    on_progress: Watch | None = None,
) -> tuple[Ints, Certificate]:
    """The cheapest match in which every photo keeps its budget, and its certificate.

    `tiles` (n, f) and `cells` (m, f) are features; the cost is their squared distance.
    `max_uses`, `min_uses`: one number, or one for each photo. `groups` (n,) names the photo,
    0, 1, ..., of each tile, if several share one budget. `pins` (m,): a tile that is fixed,
    or -1. `on_progress` gets a certificate after each round of the sparse way. Returns (m,)
    indices of tiles; raises Infeasible if the budgets cannot be kept.

    >>> match, proof = place([[0.0], [5.0]], [[4.0], [3.0]])
    >>> match, proof.sentence()
    (array([1, 0]), '2 photos placed, proven optimal')
    """
    asked = read_request(tiles, cells, max_uses, min_uses, groups, pins)
    solver, gap, limit = settings.solver, settings.gap, settings.time_limit
    small = asked.plain and not (gap or limit) and len(asked.x) * len(asked.y) <= DENSE
    if (asked.pins >= 0).all():
        return asked.pins, certify(asked, asked.pins, 0.0, 0, 0, "optimal")
    if solver == "dense" or (solver == "auto" and small):
        return place_by_all_arcs(asked)
    return place_by_some_arcs(asked, gap, limit, on_progress)


def place_dense(costs: Floats, most: ArrayLike, least: ArrayLike = 0) -> Ints:
    """The cheapest match (m,) by any costs (n, m), each photo used least to most times.

    Raises Infeasible if the budgets cannot be kept.

    >>> place_dense(np.array([[0.0, 0.0, 1.0], [5.0, 4.0, 9.0]]), most=2, least=1)
    array([0, 1, 0])
    """
    n, m = costs.shape
    low, high = budgets(np.arange(n), n, m, most, least)
    far = (m + 1) * (1 + costs.max())
    roads = np.r_[np.c_[costs, np.full(n, far)], np.c_[costs, np.zeros(n)]]
    heaps, holes = np.r_[low, high - low].astype(float), np.r_[np.ones(m), high.sum() - m]
    full = heaps > 0
    plan = mosaic.transport(heaps[full], holes, roads[full])[0]
    return np.asarray(np.flatnonzero(full)[plan[:, :m].argmax(0)] % n)
