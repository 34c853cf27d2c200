# Made from smalti/levels.md by make tangle; edit that.
"""A placement problem in boxes from coarse to fine; explained in levels.md."""

from dataclasses import dataclass

import numpy as np

from smalti.offers import Floats, Ints, pair_costs


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
    merged = np.concatenate(keys)
    merged.sort()
    same = np.flatnonzero(merged[1:] == merged[:-1])
    return np.delete(merged, same) if len(same) else merged


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


SMALL = 250_000  # so many arcs are simply all listed


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

    @property
    def small(self) -> bool:
        """Whether there are so few arcs that all can be listed."""
        return len(self.tiles) * len(self.cells) <= SMALL

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
