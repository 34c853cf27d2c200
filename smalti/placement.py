# Made from smalti/placement.md by make tangle; edit that.
"""Exact placement of photos, with proof; explained in placement.md."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

import mosaic
from smalti.budgets import Request, budgets, read_request
from smalti.ground.errors import MosaicError
from smalti.ground.settings import Amount
from smalti.offers import LOADING, cheapest, has_numba, is_worth, offers_within, squared

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

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


def pair_costs(x: Floats, i: Ints, y: Floats, j: Ints) -> Floats:
    """Squared distances of x[i] and y[j], row by row; some at a time, to spare memory."""
    step = max(1, 1_000_000 // x.shape[1])
    starts = range(0, max(1, len(i)), step)
    return np.concatenate([squared(x[i[s : s + step]], y[j[s : s + step]]) for s in starts])


def means(x: Floats, label: Ints) -> Floats:
    """Mean of the rows of `x` (r, f) for each label 0, 1, ...: (labels, f)."""
    many = np.bincount(label)
    return np.stack([np.bincount(label, column) / many for column in x.T], axis=1)


def row_keys(x: Floats) -> Ints | None:
    """A whole number for each row (r, f), in the order of np.lexsort, if there is one."""
    span = np.ptp(x, axis=0) + 1
    if np.log2(span).sum() > 52 or (x != np.rint(x)).any():
        return None
    return np.asarray((x - x.min(0)) @ np.r_[1, span[:-1].cumprod()], np.int64)


def distinct(x: Floats) -> tuple[Ints, Ints]:
    """Index of one row of each kind, and the kind of each row: (kinds,), (r,)."""
    keys = row_keys(x)
    order = np.lexsort(x.T) if keys is None else np.argsort(keys, kind="stable")
    new = np.r_[True, (x[order[1:]] != x[order[:-1]]).any(axis=1)]
    kind = np.empty(len(x), np.int64)
    kind[order] = np.cumsum(new) - 1
    return order[new], kind


def once_each(*keys: Ints) -> Ints:
    """All numbers (from 0 on) in some arrays, in order and each once.

    >>> once_each(np.array([3, 1]), np.array([1, 0]))
    array([0, 1, 3])
    """
    merged = np.sort(np.concatenate(keys))
    return merged[np.diff(merged, prepend=-1) > 0]


def count_kinds(x: Floats) -> int:
    """How many of the rows of `x` (r, f) differ."""
    keys = row_keys(x)
    return len(distinct(x)[0] if keys is None else once_each(keys))


@dataclass
class Task:
    """A placement problem without pins; rows of `y` are sorted by their photo, `owner`."""

    x: Floats  # (m, f) features of the cells
    y: Floats  # (r, f) features of the thumbnails
    owner: Ints  # (r,) photo of each thumbnail
    low: Ints  # (n,) budgets of the photos
    high: Ints  # (n,)

    def __post_init__(self) -> None:
        both = np.r_[self.x, self.y]
        axes = np.linalg.eigh(both.T @ both)[1][:, ::-1][:, :3]
        self.cell_sketch, self.tile_sketch = self.x @ axes, self.y @ axes
        self.photo_sketch = means(self.tile_sketch, self.owner)
        self.photo_light = means(self.y.sum(1)[:, None], self.owner)[:, 0]
        self.cells_by_light = np.argsort(self.x.sum(1), kind="stable")
        self.photos_by_light = np.argsort(self.photo_light, kind="stable")
        reach = float(np.abs(both).max(initial=1)) ** 2 * both.shape[1] * len(self.x)
        self.whole = bool((both == np.rint(both)).all()) and reach < 2**50


@dataclass
class Level:
    """Boxes of cells and of photos; with `width` 0 one box for each distinct colour."""

    cells: Floats  # (M, f) where the boxes of cells are
    mass: Ints  # (M,) how many cells each has
    cell_box: Ints  # (m,) box of each cell
    tiles: Floats  # (R, f) thumbnails
    owner: Ints  # (R,) box of photos of each thumbnail
    low: Ints  # (N,) budgets of the boxes of photos
    high: Ints  # (N,)
    photo_box: Ints  # (n,) box of each photo

    def bound(self, u: Floats, v: Floats) -> float:
        """What no match of this level can cost less than, if u + v <= cost on all arcs."""
        photos = self.high @ np.minimum(v, 0) + self.low @ np.maximum(v, 0)
        return float(self.mass @ u + photos)


def group(task: Task, width: float) -> Level:
    """Put a task into boxes of this width; 0 stands for the task itself."""
    if width:
        cell_box = distinct(np.floor(task.cell_sketch / width))[1]
        photo_box = distinct(np.floor(task.photo_sketch / width))[1]
        cells, tiles = means(task.cell_sketch, cell_box), means(task.photo_sketch, photo_box)
        owner = np.arange(len(tiles))
    else:
        first, cell_box = distinct(task.x)
        cells, tiles = task.x[first], task.y
        owner, photo_box = task.owner, np.arange(len(task.low))
        if len(task.owner) == len(task.low):
            first, photo_box = distinct(task.y)
            tiles, owner = task.y[first], np.arange(len(first))
    low, high = (np.bincount(photo_box, w).astype(np.int64) for w in (task.low, task.high))
    mass = np.bincount(cell_box)
    return Level(cells, mass, cell_box, tiles, owner, low, high, photo_box)


SMALL = 250_000  # so many arcs are simply all listed


def widths(task: Task) -> list[float]:
    """Widths of the boxes from coarse to fine; the last is 0."""
    sketches = task.cell_sketch, task.photo_sketch
    full = sum(map(count_kinds, sketches))
    width, found = float(np.ptp(np.concatenate(sketches), axis=0).max()) / 8, [0.0]
    while width > 0 and len(task.x) * len(task.y) > SMALL:
        boxes = sum(count_kinds(np.floor(sketch / width)) for sketch in sketches)
        if boxes > 0.85 * full:
            break
        found.insert(-1, width)
        width /= 2
    return found


def by_box(order: Ints, box: Ints) -> Ints:
    """What is in order, box by box; `box` is that of each."""
    return np.asarray(order[np.argsort(box[order], kind="stable")])


def deal(task: Task, level: Level, photo: Ints, cell: Ints, amount: Ints) -> Ints:
    """Turn a plan between boxes, three (p,) arrays, into a photo for every cell, (m,)."""
    n = len(task.low)
    shade = means(task.photo_light[:, None], level.photo_box)[:, 0]
    order = np.lexsort((photo, shade[photo], cell))
    by_cell = by_box(task.cells_by_light, level.cell_box)
    box = np.empty(len(task.x), np.int64)
    box[by_cell] = np.repeat(photo[order], amount[order])
    queue = by_box(task.cells_by_light, box)
    turn = np.arange(len(queue)) - np.searchsorted(box[queue], box[queue])
    name, copies = np.tile(np.arange(n), 2), np.r_[task.low, task.high - task.low]
    order = by_box(np.r_[task.photos_by_light, n + task.photos_by_light], level.photo_box[name])
    name, end = name[order], np.cumsum(copies[order])
    first = (end - copies[order])[np.searchsorted(level.photo_box[name], box[queue])]
    match = np.empty(len(queue), np.int64)
    match[queue] = name[np.searchsorted(end, first + turn, side="right")]
    return match


def best_tile(task: Task, match: Ints) -> Ints:
    """The cheapest thumbnail of the photo `match[j]` for each cell j: (m,) rows of task.y."""
    if len(task.owner) == len(task.low):
        return match
    start = np.searchsorted(task.owner, np.arange(len(task.low) + 1))
    many = start[match + 1] - start[match]
    cell, first = np.repeat(np.arange(len(match)), many), np.cumsum(many) - many
    row = np.arange(len(cell)) + (start[match] - first)[cell]
    order = np.lexsort((pair_costs(task.x, cell, task.y, row), cell))
    return np.asarray(row[order[first]])


@dataclass
class Arcs:
    """Listed arcs, sorted by cell, then photo."""

    cell: Ints
    photo: Ints
    cost: Floats


def list_arcs(level: Level, keys: Ints) -> Arcs:
    """The arcs with these keys, cell * R + tile, and what they cost."""
    cell, row = np.divmod(keys, len(level.tiles))
    cost = pair_costs(level.cells, cell, level.tiles, row)
    photo = level.owner[row]
    if len(level.owner) > len(level.low):
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
    """The best plan on the listed arcs from one on some of them, if Numba is worth it."""
    if not is_worth(len(level.mass) * len(level.high)):
        return None
    from smalti.simplex import better_plan

    dear = arcs.cost - last.u[arcs.cell] - last.v[arcs.photo]
    _, _, listed = add_doors(level, last.v, Arcs(arcs.cell, arcs.photo, dear))
    amount = np.zeros(len(listed.cost), np.int64)
    amount[used_arcs(level, arcs, last)] = last.amount
    free, door = np.flatnonzero(level.low < level.high), listed.cell[len(arcs.cost) :]
    if len(free):
        home = level.high - np.bincount(last.photo, last.amount, len(level.high)).astype(int)
        room = np.bincount(door[: len(free)], (level.high - level.low)[free])
        inside = np.bincount(door[: len(free)], home[free])
        amount[len(arcs.cost) :] = np.r_[home[free], (room - inside)[len(level.mass) :]]
    market = listed.cell, listed.photo, listed.cost, amount
    n = len(level.low) + (len(free) > 0)  # with the helper
    found = better_plan(*market, np.zeros(n), slack)
    if not found:
        return None
    loaded = np.flatnonzero(found[0][: len(arcs.cost)])
    plan = arcs.photo[loaded], arcs.cell[loaded], found[0][loaded]
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


AUCTION = 400_000  # arcs from which on an auction is quicker than the solver


def solve_roughly(
    level: Level, arcs: Arcs, u: Floats, v: Floats, gap: float, last: Plan | None, whole: bool
) -> Plan | None:
    """A plan within this gap of the best on the listed arcs, if an auction finds one."""
    forced = ((level.low > 0) & (level.low < level.high)).any()
    eps = 0.002 * level.bound(u, v) / level.mass.sum()
    if forced or eps <= 0 or len(arcs.cost) < AUCTION or not has_numba():
        return None
    from smalti.auction import auction

    market = arcs.cell, arcs.photo, arcs.cost, level.mass, level.low, level.high
    start = np.searchsorted(arcs.cell, np.arange(len(level.mass)))
    has = np.zeros(len(arcs.cost), np.int64)
    if last:
        v, has[used_arcs(level, arcs, last)] = last.v, last.amount
    for amount, w in auction(*market, v, eps, has):
        u = np.minimum.reduceat(arcs.cost - w[arcs.photo], start)
        cost, used = float(amount @ arcs.cost), np.flatnonzero(amount)
        if cost - level.bound(u, w) <= gap * cost:
            w = np.rint(w) if whole else w
            u = np.minimum.reduceat(arcs.cost - w[arcs.photo], start)
            return Plan(arcs.photo[used], arcs.cell[used], amount[used], cost, u, w)
    return None


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
    few = len(level.tiles) * len(level.cells) <= SMALL
    near, value = cheapest(level.cells, level.tiles, v[level.owner], 1 if few else OFFERS)
    return near, value[:, 0]


def first_arcs(level: Level, near: Ints, u: Floats, match: Ints) -> Ints:
    """Keys of the arcs to begin with; `near` is (M, k), `match` (m,) rows of tiles."""
    rows, m = len(level.tiles), len(level.cells)
    if rows * m <= SMALL:
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
    keys = [(near + rows * eager[:, None])[fair]]
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
        if goals and (gap > 0 or task.whole):
            rough = solve_roughly(level, arcs, u, v, goals[0], before, exact and not gap)
            plan, goals = rough, goals[1:] if rough else []
        if before and not plan and len(new) < nodes:
            plan = solve_on(level, arcs, before, slack)
        if before and not plan and LATE * len(new) < nodes:
            plan = solve_again(level, arcs, u, v, before, slack)
        plan = plan or solve(level, arcs, u, v)
        u, v, new = shop(level, plan, slack)
        many, keys, bound = len(keys), once_each(keys, new), level.bound(u, v)
        done = plan.cost - bound <= (1e-3 * plan.cost if width else 0)
        unfinished = rough and (goals or (exact and not gap))
        done |= len(keys) == many and not unfinished
        if exact and plan.cost == bound:
            plan = settle_ties(level, plan, u, v)
        match = deal(task, level, plan.photo, plan.cell, plan.amount)
        yield Round(match, -np.inf if width else bound, many, level.cells, u)


def bound_from(task: Task, now: Round) -> float:
    """A bound for the task itself from the prices of a round of any level."""
    if now.bound > -np.inf:  # the level is the task itself
        return now.bound
    level = group(task, 0.0)
    v = opening_prices(task, level, 0.0, now.cells, now.u)
    return level.bound(first_offers(level, v)[1], v)


LOOSE = 3e-3  # a gap that the prices of a coarse level may prove
FEW = 20  # cells to each box, in a level that may be good enough


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
        if gap > LOOSE and finer and FEW * len(now.cells) > len(task.x):
            yield replace(now, bound=bound_from(task, now))


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
        plan = solve(level, listed, np.zeros_like(u), np.zeros_like(v))
        tied, level = cost == plan.u[arcs.cell] + plan.v[arcs.photo], bind(level, plan.v)
        arcs = Arcs(arcs.cell[tied], arcs.photo[tied], arcs.cost[tied])
        if is_only(level, arcs, plan):
            break
    return plan


def rounded_up(share: float) -> str:
    """A share in percent, rounded up to one digit.

    >>> rounded_up(0.0000066)
    '0.0007'
    """
    step = 10.0 ** np.floor(np.log10(100 * share))
    percent = np.ceil(100 * share / step) * step
    return np.format_float_positional(percent, 1, fractional=False, trim="-")


ROUNDING = 1e-9


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
    if len(task.x) * len(task.y) >= LOADING:
        has_numba()  # which the last level will want: then all may have it
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
