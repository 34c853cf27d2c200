# ~/~ begin <<smalti/placement.md#smalti/placement.py>>[init]
"""Exact placement of photos, with proof; tangled from smalti/placement.md."""

# ~/~ begin <<smalti/placement.md#placement-imports>>[init]
from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import ot
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.spatial import KDTree

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
# ~/~ end


# ~/~ begin <<smalti/placement.md#example-data>>[init]
def scene(side: int, n: int, seed: int = 1) -> tuple[Floats, Floats]:
    """Mean colours of `n` photos, (n, 3), and of side x side cells, (side**2, 3); 0 to 255."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((side, side)) / side
    glow = np.exp(-12 * ((x - 0.7) ** 2 + (y - 0.3) ** 2))
    sky = np.stack([90 + 150 * glow + 60 * y, 140 + 90 * glow, 230 - 90 * glow], -1)
    land = (
        np.stack([60 + 90 * x, 95 + 40 * np.sin(19 * x * y), 40 + 25 * x], -1)
        * (1.5 - y)[..., None]
    )
    hill = y > 0.62 + 0.1 * np.sin(7 * x) + 0.04 * np.sin(23 * x)
    target = np.where(hill[..., None], land, sky) + rng.normal(0, 6, (side, side, 3))
    kinds = [(125, 115, 105), (85, 110, 60), (140, 170, 215), (60, 55, 52), (230, 200, 130)]
    kind = rng.choice(5, n, p=[0.25, 0.2, 0.3, 0.1, 0.15])
    light = rng.normal(1, 0.25, (n, 1)) * np.array(kinds)[kind]
    photos = light + rng.normal(0, 14, (n, 3))
    return np.rint(photos.clip(0, 255)), np.rint(target.clip(0, 255)).reshape(-1, 3)

# ~/~ end


# ~/~ begin <<smalti/placement.md#all-arcs>>[init]
def squared(a: Floats, b: Floats) -> Floats:
    """Squared distance along the last axis of `a` and `b`, which broadcast."""
    return np.asarray(((a - b) ** 2).sum(-1))


def pair_costs(x: Floats, i: Ints, y: Floats, j: Ints) -> Floats:
    """Squared distances of x[i] and y[j], row by row; some at a time, to spare memory."""
    step = max(1, 1_000_000 // x.shape[1])
    starts = range(0, max(1, len(i)), step)
    return np.concatenate([squared(x[i[s : s + step]], y[j[s : s + step]]) for s in starts])

# ~/~ end
# ~/~ begin <<smalti/placement.md#all-arcs>>[1]


def transport(supply: Floats, want: Floats, costs: Any) -> tuple[Any, Floats, Floats]:
    """Cheapest plan for (n,) `supply` and (m,) `want` with its prices (n,) and (m,).

    `costs` is (n, m), an array or a sparse one that lists the arcs to use; the plan is of the
    same kind. Raises RuntimeError if there is no plan. After Bonneel et al. (2011).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the code says the same, and cannot be overlooked
        plan, log = ot.emd(
            supply, want, costs, numItermax=10**12, log=True, center_dual=False
        )
    if log["result_code"] != 1:
        raise RuntimeError(f"no optimal plan was found: {log['warning']}")
    return plan, log["u"], log["v"]

# ~/~ end
# ~/~ begin <<smalti/placement.md#all-arcs>>[2]


def match_dense(tiles: Floats, cells: Floats, max_uses: int = 1) -> Ints:
    """Cheapest match, by way of all costs at once: n*m numbers of memory.

    `tiles` (n, f), `cells` (m, f); returns (m,) indices of tiles.
    >>> match_dense(np.array([[0.0], [5.0]]), np.array([[4.0], [3.0]]))
    array([1, 0])
    """
    n, m = len(tiles), len(cells)
    costs = np.stack([squared(cells, tile) for tile in tiles])
    supply, want = np.full(n, float(max_uses)), np.ones(m)
    if n * max_uses > m:
        costs, want = np.c_[costs, np.zeros(n)], np.r_[want, n * max_uses - m]
    return np.asarray(transport(supply, want, costs)[0][:, :m].argmax(axis=0))

# ~/~ end


# ~/~ begin <<smalti/placement.md#best-offers>>[init]
TREE = 6  # features up to which a k-d tree is quicker than comparing everything


def cheapest(
    query: Floats, points: Floats, price: Floats, k: int = 1
) -> tuple[Ints, Floats]:
    """The `k` best offers |query - point|^2 - price of all points, best first.

    (q, f), (p, f), (p,) -> indices and values, both (q, min(k, p)).
    >>> cheapest(np.array([[0.0]]), np.array([[1.0], [2.0]]), np.array([0.0, 4.0]))
    (array([[1]]), array([[0.]]))
    """
    k = min(k, len(points))
    look = look_in_tree if points.shape[1] <= TREE else look_at_all
    index = look(query, points, price, k)
    value = np.stack([squared(query, points[j]) - price[j] for j in index.T], axis=1)
    best = np.argsort(value, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(index, best, 1), np.take_along_axis(value, best, 1)

# ~/~ end
# ~/~ begin <<smalti/placement.md#best-offers>>[1]


def look_at_all(query: Floats, points: Floats, price: Floats, k: int) -> Ints:
    """Indices of the `k` best offers by comparing everything, a block at a time."""
    base: NDArray[np.floating[Any]] = (points**2).sum(1) - price
    left: NDArray[np.floating[Any]] = -2 * query
    right: NDArray[np.floating[Any]] = points.T
    if k > 1:
        base, left, right = (a.astype(np.float32) for a in (base, left, right))
    index = np.empty((len(query), k), np.int64)
    rows = max(1, 500_000 // len(points))  # a block that stays in the processor's cache
    for block in (slice(i, i + rows) for i in range(0, len(query), rows)):
        offer = left[block] @ right
        offer += base
        if k == 1:
            index[block, 0] = offer.argmin(1)
        else:
            index[block] = np.argpartition(offer, k - 1, axis=1)[:, :k]
    return index

# ~/~ end
# ~/~ begin <<smalti/placement.md#best-offers>>[2]


def bowl(points: Floats, price: Floats) -> tuple[Floats, Floats]:
    """Stretch (f, f) and shift (f,) after which `price` (p,) is nearly level."""
    f = points.shape[1]
    i, j = np.triu_indices(f)
    terms = np.c_[np.ones(len(points)), points, points[:, i] * points[:, j]]
    usual = np.ones(len(points), bool)
    for _ in range(3):
        some = terms[usual]
        fit = np.linalg.lstsq(some.T @ some, some.T @ price[usual])[0]
        rest = price - terms @ fit
        usual = np.abs(rest - np.median(rest)) <= np.quantile(
            np.abs(rest - np.median(rest)), 0.96
        )
    bend = np.zeros((f, f))
    bend[i, j] = fit[1 + f :]
    size, axes = np.linalg.eigh(np.eye(f) - (bend + bend.T) / 2)
    return np.sqrt(size.clip(0.05, 20))[:, None] * axes.T, fit[1 : 1 + f] / 2

# ~/~ end
# ~/~ begin <<smalti/placement.md#best-offers>>[3]


def look_in_tree(query: Floats, points: Floats, price: Floats, k: int) -> Ints:
    """Indices of the `k` best offers of each of three k-d trees of stretched, lifted points."""
    middle = points.mean(0)
    p = points - middle
    stretch, shift = bowl(p, price)
    moved = p @ stretch.T
    rest = price - 2 * p @ shift - (p**2).sum(1) + (moved**2).sum(1)
    floor = np.c_[(query - middle + shift) @ np.linalg.inv(stretch), np.zeros(len(query))]
    part, found = np.searchsorted(np.quantile(rest, [0.75, 0.97]), rest), []
    for some in (np.flatnonzero(part == p) for p in range(3)):
        if len(some):
            lifted = np.c_[moved[some], np.sqrt(rest[some].max() - rest[some])]
            tree = KDTree(lifted, 128, balanced_tree=False, compact_nodes=False)
            found.append(some[tree.query(floor, range(1, min(k, len(some)) + 1))[1]])
    return np.hstack(found)

# ~/~ end


# ~/~ begin <<smalti/placement.md#levels>>[init]
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
        reach = float(np.abs(both).max(initial=1)) ** 2 * both.shape[1] * len(self.x)
        self.whole = bool((both == np.rint(both)).all()) and reach < 2**50

# ~/~ end
# ~/~ begin <<smalti/placement.md#levels>>[1]


def means(x: Floats, label: Ints) -> Floats:
    """Mean of the rows of `x` (r, f) for each label 0, 1, ...: (labels, f)."""
    many = np.bincount(label)
    return np.stack([np.bincount(label, column) / many for column in x.T], axis=1)


def distinct(x: Floats) -> tuple[Ints, Ints]:
    """Index of one row of each kind, and the kind of each row: (kinds,), (r,)."""
    order = np.lexsort(x.T)
    new = np.r_[True, (x[order[1:]] != x[order[:-1]]).any(axis=1)]
    kind = np.empty(len(x), np.int64)
    kind[order] = np.cumsum(new) - 1
    return order[new], kind


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

# ~/~ end
# ~/~ begin <<smalti/placement.md#levels>>[2]


def group(task: Task, width: float) -> Level:
    """Put a task into boxes of this width; 0 stands for the task itself."""
    if width:
        cell_box = distinct(np.floor(task.cell_sketch / width))[1]
        photo_box = distinct(np.floor(task.photo_sketch / width))[1]
        cells, tiles = (
            means(task.cell_sketch, cell_box),
            means(task.photo_sketch, photo_box),
        )
        owner = np.arange(len(tiles))
    else:
        first, cell_box = distinct(task.x)
        cells, tiles, owner, photo_box = (
            task.x[first],
            task.y,
            task.owner,
            np.arange(len(task.low)),
        )
        if len(task.owner) == len(task.low):
            first, photo_box = distinct(task.y)
            tiles, owner = task.y[first], np.arange(len(first))
    low, high = (np.bincount(photo_box, w).astype(np.int64) for w in (task.low, task.high))
    mass = np.bincount(cell_box)
    return Level(cells, mass, cell_box, tiles, owner, low, high, photo_box)

# ~/~ end
# ~/~ begin <<smalti/placement.md#levels>>[3]


SMALL = 250_000  # so many arcs are simply all listed


def widths(task: Task) -> list[float]:
    """Widths of the boxes from coarse to fine; the last is 0."""
    sketches = task.cell_sketch, task.photo_sketch
    full = sum(len(distinct(sketch)[0]) for sketch in sketches)
    width, found = float(np.ptp(np.concatenate(sketches), axis=0).max()) / 8, [0.0]
    while width > 0 and len(task.x) * len(task.y) > SMALL:
        boxes = sum(len(distinct(np.floor(sketch / width))[0]) for sketch in sketches)
        if boxes > 0.85 * full:
            break
        found.insert(-1, width)
        width /= 2
    return found

# ~/~ end
# ~/~ begin <<smalti/placement.md#levels>>[4]


def deal(task: Task, level: Level, photo: Ints, cell: Ints, amount: Ints) -> Ints:
    """Turn a plan between boxes, three (p,) arrays, into a photo for every cell, (m,)."""
    n, light = len(task.low), task.photo_sketch[:, 0]
    order = np.lexsort((means(light[:, None], level.photo_box)[photo, 0], cell))
    box = np.empty(len(task.x), np.int64)
    by_cell = np.lexsort((task.cell_sketch[:, 0], level.cell_box))
    box[by_cell] = np.repeat(photo[order], amount[order])
    queue = np.lexsort((task.cell_sketch[:, 0], box))  # cells by the box that serves them
    box = box[queue]
    name, times = np.tile(np.arange(n), 2), np.r_[task.low, task.high - task.low]
    order = np.lexsort((light[name], np.arange(2 * n) >= n, level.photo_box[name]))
    name, end = name[order], np.cumsum(times[order])
    first = (end - times[order])[np.searchsorted(level.photo_box[name], box)]
    turn = np.arange(len(box)) - np.searchsorted(box, box)
    match = np.empty(len(box), np.int64)
    match[queue] = name[np.searchsorted(end, first + turn, side="right")]
    return match

# ~/~ end
# ~/~ begin <<smalti/placement.md#levels>>[5]


def best_tile(task: Task, match: Ints) -> Ints:
    """The cheapest thumbnail of the photo `match[i]` for each cell i: (m,) rows of task.y."""
    if len(task.owner) == len(task.low):
        return match
    start = np.searchsorted(task.owner, np.arange(len(task.low) + 1))
    many = start[match + 1] - start[match]
    cell, first = np.repeat(np.arange(len(match)), many), np.cumsum(many) - many
    row = np.arange(len(cell)) + (start[match] - first)[cell]
    order = np.lexsort((pair_costs(task.x, cell, task.y, row), cell))
    return np.asarray(row[order[first]])

# ~/~ end


# ~/~ begin <<smalti/placement.md#restricted-problem>>[init]
@dataclass
class Arcs:
    """Listed arcs, sorted by cell, then photo."""

    cell: Ints
    photo: Ints
    cost: Floats


def list_arcs(level: Level, keys: Ints) -> Arcs:
    """The arcs with these keys, cell * R + thumbnail, and what they cost."""
    cell, row = np.divmod(keys, len(level.tiles))
    cost = pair_costs(level.cells, cell, level.tiles, row)
    photo = level.owner[row]
    if len(level.owner) > len(level.low):
        order = np.lexsort((cost, photo, cell))
        pair = cell[order] * len(level.low) + photo[order]
        order = order[np.r_[True, pair[1:] != pair[:-1]]]
        cell, photo, cost = cell[order], photo[order], cost[order]
    return Arcs(cell, photo, cost)

# ~/~ end
# ~/~ begin <<smalti/placement.md#restricted-problem>>[1]


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

# ~/~ end
# ~/~ begin <<smalti/placement.md#restricted-problem>>[2]


@dataclass
class Plan:
    """Whole amounts from boxes of photos to boxes of cells, and prices that prove it best."""

    photo: Ints
    cell: Ints
    amount: Ints
    cost: float
    u: Floats
    v: Floats


def solve(level: Level, arcs: Arcs, u: Floats, v: Floats) -> Plan:
    """The best plan on the listed arcs, starting from prices u (M,) and v (N,)."""
    n, m = len(level.high), len(level.mass)
    cheap = Arcs(arcs.cell, arcs.photo, arcs.cost - u[arcs.cell] - v[arcs.photo])
    supply, want, all_arcs = add_doors(level, v, cheap)
    costs = coo_array(
        (all_arcs.cost, (all_arcs.photo, all_arcs.cell)), shape=(len(supply), len(want))
    )
    plan, dv, du = transport(supply, want, costs)
    shift = dv[n] if len(supply) > n else 0.0  # the helper's price is zero
    real = (plan.row < n) & (plan.col < m) & (plan.data > 0.5)
    photo, cell = plan.row[real].astype(np.int64), plan.col[real].astype(np.int64)
    amount = np.rint(plan.data[real]).astype(np.int64)
    used = np.searchsorted(arcs.cell * n + arcs.photo, cell * n + photo)
    total = float(amount @ arcs.cost[used])
    return Plan(photo, cell, amount, total, u + du[:m] + shift, v + dv[:n] - shift)

# ~/~ end


# ~/~ begin <<smalti/placement.md#pricing>>[init]
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

# ~/~ end
# ~/~ begin <<smalti/placement.md#pricing>>[1]


OFFERS = 10


def first_arcs(level: Level, v: Floats, match: Ints) -> tuple[Ints, Floats]:
    """Keys of the arcs to begin with, and prices u (M,); `match` is (m,) rows of tiles."""
    rows, m = len(level.tiles), len(level.cells)
    k = OFFERS if rows * m > SMALL else 1
    near, value = cheapest(level.cells, level.tiles, v[level.owner], k)
    if k == 1:
        return np.arange(rows * m), value[:, 0]
    back = cheapest(level.tiles, level.cells, value[:, 0], k)[0]
    to_cell = (near + rows * np.arange(m)[:, None]).ravel()
    to_tile = (back * rows + np.arange(rows)[:, None]).ravel()
    return np.unique(np.r_[to_cell, to_tile, level.cell_box * rows + match]), value[:, 0]

# ~/~ end
# ~/~ begin <<smalti/placement.md#pricing>>[2]


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
    return u, v, np.unique(np.concatenate([*keys, *more]))

# ~/~ end
# ~/~ begin <<smalti/placement.md#pricing>>[3]


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

# ~/~ end


# ~/~ begin <<smalti/placement.md#coarse-to-fine>>[init]
@dataclass
class Round:
    """What is known after a round; `done` is the last round of its level."""

    match: Ints  # (m,) photo of each cell
    bound: float
    arcs: int
    cells: Floats  # (M, .) and
    u: Floats  # (M,) their prices
    done: bool

# ~/~ end
# ~/~ begin <<smalti/placement.md#coarse-to-fine>>[1]


def improve(task: Task, width: float, last: Round) -> Iterator[Round]:
    """Solve one level to its end, round by round."""
    level = group(task, width)
    v = opening_prices(task, level, width, last.cells, last.u)
    plain = len(level.owner) == len(level.low)
    row = level.photo_box[last.match] if plain else best_tile(task, last.match)
    typical = float(squared(level.cells[level.cell_box], level.tiles[row]).mean())
    slack = 0.5 if task.whole and not width else 1e-11 * typical
    keys, u = first_arcs(level, v, row)
    done = False
    while not done:
        plan = solve(level, list_arcs(level, keys), u, v)
        u, v, new = shop(level, plan, slack)
        before, keys, bound = len(keys), np.union1d(keys, new), level.bound(u, v)
        done = len(keys) == before or (width > 0 and plan.cost - bound <= 1e-3 * plan.cost)
        match = deal(task, level, plan.photo, plan.cell, plan.amount)
        yield Round(match, -np.inf if width else bound, before, level.cells, u, done)

# ~/~ end
# ~/~ begin <<smalti/placement.md#coarse-to-fine>>[2]


def rounds(task: Task) -> Iterator[Round]:
    """Better and better matches of a task, the last of them optimal."""
    zero, all_cells = np.zeros(1, np.int64), np.zeros(len(task.x), np.int64)
    low, high = task.low.sum(keepdims=True), task.high.sum(keepdims=True)
    middle, many = task.cell_sketch.mean(0)[None], np.array([len(task.x)])
    box = Level(middle, many, all_cells, middle, zero, low, high, np.zeros_like(task.low))
    now = Round(deal(task, box, zero, zero, many), -np.inf, 0, middle, np.zeros(1), False)
    yield now
    for width in widths(task):
        start = now
        for now in improve(task, width, start):
            yield now

# ~/~ end
# ~/~ begin <<smalti/placement.md#coarse-to-fine>>[3]


def bound_from(task: Task, now: Round) -> float:
    """A bound for the task itself from the prices of a round of any level."""
    level = group(task, 0.0)
    v = opening_prices(task, level, 0.0, now.cells, now.u)
    u = cheapest(level.cells, level.tiles, v[level.owner])[1][:, 0]
    return max(level.bound(u, v), now.bound)

# ~/~ end


# ~/~ begin <<smalti/placement.md#certificate>>[init]
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

    def as_dict(self) -> dict[str, Any]:
        """All fields and the gap, ready for JSON."""
        return {**asdict(self), "gap": self.gap}

    def sentence(self) -> str:
        """The result in words, the gap rounded up to one digit."""
        if self.gap <= 1e-9:
            return f"{self.cells} photos placed, proven optimal"
        step = 10.0 ** np.floor(np.log10(100 * self.gap))
        percent = np.ceil(100 * self.gap / step) * step
        shown = np.format_float_positional(percent, 1, fractional=False, trim="-")
        return f"{self.cells} photos placed, proven within {shown} % of the optimum"

# ~/~ end


# ~/~ begin <<smalti/placement.md#demands>>[init]
class Infeasible(ValueError):
    """A demand that no match can fulfil; the message states the fact and the repair."""


def times(k: int) -> str:
    """A number of times, in words.

    >>> times(1), times(3)
    ('once', '3 times')
    """
    return "once" if k == 1 else f"{k} times"


def budgets(
    owner: Ints, n: int, m: int, max_uses: ArrayLike, min_uses: ArrayLike
) -> tuple[Ints, Ints]:
    """Least and most uses (n,) of n photos in m cells; raises Infeasible."""
    low, high = (np.broadcast_to(np.asarray(w, np.int64), n) for w in (min_uses, max_uses))
    for j in np.flatnonzero((low > high) | (high < 0)):
        raise Infeasible(
            f"photo {j} cannot be used at least {times(low[j])} and at most {times(high[j])}; "
            "min_uses must not exceed max_uses"
        )
    low, high = low.clip(0), high.clip(0, m) * (np.bincount(owner, minlength=n) > 0)
    for j in np.flatnonzero(low > high):
        raise Infeasible(
            f"photo {j} must be used {times(low[j])}, but {m} cells and its tiles allow "
            f"{times(high[j])}; lower its min_uses"
        )
    if high.sum() < m:
        raise Infeasible(too_few(m, high, np.unique(np.asarray(max_uses))))
    if low.sum() > m:
        raise Infeasible(
            f"{m} cells cannot hold {low.sum()} demanded uses of {n} photos: {low.sum() - m} "
            "are too many; remove photos, add cells, or lower min_uses"
        )
    return low, high


def too_few(m: int, high: Ints, different: Ints) -> str:
    """What to say when m cells want more photos than there are."""
    n, lack = len(high), m - high.sum()
    if len(different) == 1 and n:
        limit, more = f"used at most {times(different[0])}", f"set max_uses = {-(-m // n)}"
    else:
        limit, more = f"that allow {high.sum()} uses in all", "raise max_uses"
    return f"{m} cells cannot be filled by {n} photos {limit}: {lack} are missing; add photos, or {more}"

# ~/~ end
# ~/~ begin <<smalti/placement.md#demands>>[1]


def take_pins(pins: Ints, m: int, owner: Ints, low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Budgets (n,) that are left after the pins (m,), -1 where free; raises Infeasible."""
    if pins.shape != (m,) or not ((pins >= -1) & (pins < len(owner))).all():
        raise ValueError(
            f"pins must be -1 or one of {len(owner)} tiles for each of {m} cells"
        )
    used = np.bincount(owner[pins[pins >= 0]], minlength=len(high))
    for j in np.flatnonzero(used > high):
        raise Infeasible(
            f"photo {j} is pinned to {used[j]} cells but may be used at most {times(high[j])}; "
            f"remove {used[j] - high[j]} of its pins, or raise its max_uses to {used[j]}"
        )
    low, high, free = (low - used).clip(0), high - used, int((pins < 0).sum())
    if low.sum() > free:
        raise Infeasible(
            f"{free} cells are free beside the pins but min_uses still demands {low.sum()} uses; "
            "remove pins, or lower min_uses"
        )
    return low, np.minimum(high, free)

# ~/~ end
# ~/~ begin <<smalti/placement.md#demands>>[2]


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

# ~/~ end
# ~/~ begin <<smalti/placement.md#demands>>[3]


def features(name: str, x: ArrayLike) -> Floats:
    """`x` as an (n, f) array of finite numbers; raises ValueError."""
    array = np.asarray(x, np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be an (n, f) array of finite numbers")
    return array


def owners(n: int, groups: ArrayLike | None, max_uses: ArrayLike) -> tuple[Ints, int]:
    """The photo of each of n tiles, and how many photos there are."""
    owner = np.arange(n) if groups is None else np.asarray(groups, np.int64)
    if owner.shape != (n,) or owner.min(initial=0) < 0:
        raise ValueError(f"groups must name a photo, 0 or more, for each of the {n} tiles")
    return owner, max(
        int(owner.max(initial=-1)) + 1, np.size(max_uses) if np.ndim(max_uses) else 0
    )

# ~/~ end


# ~/~ begin <<smalti/placement.md#match-unique>>[init]
def search(
    task: Task,
    gap: float,
    deadline: float,
    tell: Callable[[Round, float, int], Certificate],
) -> tuple[Round, float, int, str]:
    """Run the rounds until one is good enough: the last one, its bound, number and reason."""
    every = rounds(task)
    now, bound, count, stopped = next(every), -np.inf, 0, "optimal"
    try:
        for count, now in enumerate(every, 1):
            fine = now.done and 20 * len(now.cells) > len(task.x)  # else not worth a tour
            bound = max(bound, bound_from(task, now) if gap and fine else now.bound)
            if tell(now, bound, count).gap <= gap > 0:
                stopped = "gap"
                break
            if time.monotonic() > deadline:
                stopped = "time limit"
                break
    except KeyboardInterrupt:
        stopped = "interrupted"
    return now, bound if bound > -np.inf else bound_from(task, now), count, stopped

# ~/~ end
# ~/~ begin <<smalti/placement.md#match-unique>>[1]


def match_unique(
    tiles: ArrayLike,
    cells: ArrayLike,
    max_uses: ArrayLike = 1,
    min_uses: ArrayLike = 0,
    *,
    groups: ArrayLike | None = None,
    pins: ArrayLike | None = None,
    gap: float = 0.0,
    time_limit: float | None = None,
    on_progress: Callable[[Certificate], None] | None = None,
) -> tuple[Ints, Certificate]:
    """The cheapest match in which every photo keeps its budget, and its certificate.

    `tiles` (n, f) and `cells` (m, f) are features; the cost is their squared distance.
    `max_uses`, `min_uses`: one number, or one for each photo. `groups` (n,) names the photo,
    0, 1, ..., of each tile, if several tiles (mirrored, cropped, near duplicates) share one
    budget. `pins` (m,): a tile that is fixed, or -1. Stops at a proven relative `gap`, after
    `time_limit` seconds, or when interrupted; `on_progress` gets a certificate each round.
    Returns (m,) indices of tiles; raises Infeasible if the budgets cannot be kept.

    >>> match, proof = match_unique([[0.0], [5.0]], [[4.0], [3.0]])
    >>> match, proof.sentence()
    (array([1, 0]), '2 photos placed, proven optimal')
    """
    deadline = time.monotonic() + (np.inf if time_limit is None else time_limit)
    x, y = features("cells", cells), features("tiles", tiles)
    owner, n = owners(len(y), groups, max_uses)
    low, high = budgets(owner, n, len(x), max_uses, min_uses)
    match = np.full(len(x), -1) if pins is None else np.array(pins, np.int64)
    low, high = take_pins(match, len(x), owner, low, high)
    free = match < 0

    def certify(
        now: Round, bound: float, count: int, stopped: str = "running"
    ) -> Certificate:
        match[free] = rows[best_tile(task, now.match)]
        fixed = float(squared(x[~free], y[match[~free]]).sum())
        cost = float(squared(x, y[match]).sum())
        return Certificate(
            cost, max(bound, 0.0) + fixed, count, now.arcs, len(x), len(y), stopped
        )

    if not free.any():
        cost = float(squared(x, y[match]).sum())
        return match, Certificate(cost, cost, 0, 0, len(x), len(y))
    task, rows = make_task(x[free], y, owner, low, high)

    def tell(now: Round, bound: float, count: int) -> Certificate:
        proof = certify(now, bound, count)
        if on_progress:
            on_progress(proof)
        return proof

    now, bound, count, stopped = search(task, gap, deadline, tell)
    proof = certify(now, bound, count, stopped)
    return match, replace(proof, stopped="optimal") if proof.gap <= 1e-9 else proof

# ~/~ end


# ~/~ begin <<smalti/placement.md#spacing>>[init]
def match_rows(
    tiles: Floats, cells: Floats, shape: tuple[int, int], spacing: int, owner: Ints
) -> Ints:
    """Row by row the nearest tile whose photo is not in the window yet: (m,)."""
    rows, cols = shape
    enough = (2 * spacing * (spacing + 1) + 1) * int(np.bincount(owner).max())
    near = cheapest(cells, tiles, np.zeros(len(tiles)), enough)[0].tolist()
    grid, match, photo = [[-1] * cols for _ in range(rows)], [], owner.tolist()
    for i, choices in enumerate(near):
        r, c = divmod(i, cols)
        window = slice(max(0, c - spacing), c + spacing + 1)
        taken = {j for row in grid[max(0, r - spacing) : r + 1] for j in row[window]}
        match.append(next((j for j in choices if photo[j] not in taken), choices[0]))
        grid[r][c] = photo[match[-1]]
    return np.array(match, np.int64)

# ~/~ end
# ~/~ begin <<smalti/placement.md#spacing>>[1]


def twins(grid: Ints, spacing: int) -> tuple[Ints, int]:
    """Cells (flat) that show the photo of an earlier one in their window, and pairs of such."""
    (rows, cols), pairs, late = grid.shape, 0, np.zeros(grid.shape, bool)
    for dr in range(spacing + 1):
        for dc in range(-spacing if dr else 1, spacing + 1):
            left, right = max(0, -dc), min(cols, cols - dc)
            same = grid[: rows - dr, left:right] == grid[dr:, left + dc : right + dc]
            late[dr:, left + dc : right + dc] |= same
            pairs += int(same.sum())
    return np.flatnonzero(late), pairs


def fits(grid: Ints, cell: int, photo: int, other: int, spacing: int) -> bool:
    """Whether `photo` may stand in `cell`, when cell `other` is left out of account."""
    r, c = divmod(cell, grid.shape[1])
    top, left = max(0, r - spacing), max(0, c - spacing)
    window = np.argwhere(grid[top : r + spacing + 1, left : c + spacing + 1] == photo)
    found = {int(i) for i in (window + np.array([top, left])) @ (grid.shape[1], 1)}
    return found <= {cell, other}

# ~/~ end
# ~/~ begin <<smalti/placement.md#spacing>>[2]


def move_apart(
    tiles: Floats,
    cells: Floats,
    grid: Ints,
    spacing: int,
    left: Ints,
    owner: Ints,
    tries: int = 500,
) -> None:
    """Exchange tiles in `grid` until no twins are left; `left` uses of photos are still free."""
    flat, shown = grid.reshape(-1), owner[grid]
    for i in twins(shown, spacing)[0]:
        mine, spare = flat[i], np.flatnonzero(left[owner] > 0)
        own = squared(cells, tiles[flat])
        swap = squared(cells[i], tiles[flat]) + squared(cells, tiles[mine]) - own - own[i]
        gain = np.r_[swap, squared(cells[i], tiles[spare]) - own[i]]
        few = np.argpartition(gain, min(tries, len(gain) - 1))[:tries]
        for k in few[np.argsort(gain[few], kind="stable")].tolist():
            j, tile = (k, flat[k]) if k < len(flat) else (i, spare[k - len(flat)])
            old, new = owner[mine], owner[tile]
            if old == new or not fits(shown, i, new, j, spacing):
                continue
            if j == i:
                left[old], left[new], flat[i] = left[old] + 1, left[new] - 1, tile
            elif fits(shown, j, old, i, spacing):
                flat[i], flat[j] = tile, mine
            else:
                continue
            shown.reshape(-1)[[j, i]] = owner[flat[[j, i]]]
            break

# ~/~ end
# ~/~ begin <<smalti/placement.md#spacing>>[3]


def match_spaced(
    tiles: ArrayLike,
    cells: ArrayLike,
    shape: tuple[int, int],
    spacing: int,
    max_uses: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> tuple[Ints, int]:
    """A cheap match without equal photos in windows of (2 * spacing + 1)**2 cells.

    `shape` is (rows, cols) of the m cells; `groups` as for `match_unique`. Returns (m,) indices of tiles and how many pairs
    of equal photos are still too close: 0, unless there are too few photos.

    >>> match_spaced([[0.0], [1.0]], [[0.0], [0.0], [0.0]], (1, 3), 1)
    (array([0, 1, 0]), 0)
    """
    x, y = features("cells", cells), features("tiles", tiles)
    owner, n = owners(len(y), groups, () if max_uses is None else max_uses)
    if max_uses is None:
        match, high = match_rows(y, x, shape, spacing, owner), np.full(n, len(x))
    else:
        match, _ = match_unique(y, x, max_uses, groups=owner)
        high = np.broadcast_to(np.asarray(max_uses, np.int64), n)
    grid, left = match.reshape(shape), high - np.bincount(owner[match], minlength=n)
    for _ in range(3):
        if not twins(owner[grid], spacing)[1]:
            break
        move_apart(y, x, grid, spacing, left, owner)
    return match, twins(owner[grid], spacing)[1]

# ~/~ end
# ~/~ end