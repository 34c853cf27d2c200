# Made from smalti/spacing.md by make tangle; edit that.
"""Keep equal photos apart from each other; explained in spacing.md."""

import numpy as np
from numpy.typing import ArrayLike

from smalti.budgets import finite, owners
from smalti.offers import cheapest, squared
from smalti.offers import Floats, Ints
from smalti.placement import place


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


TRIES = 500


def move_apart(
    tiles: Floats, cells: Floats, grid: Ints, spacing: int, left: Ints, rest: Ints, owner: Ints
) -> None:
    """Exchange tiles in `grid` until no twins are left.

    A photo may be used `left` times more, and `rest` times less; both are kept up to date.
    """
    flat, shown = grid.reshape(-1), owner[grid]
    for i in twins(shown, spacing)[0].tolist():
        mine, spare = flat[i], np.flatnonzero(left[owner] > 0)
        own = squared(cells, tiles[flat])
        swap = squared(cells[i], tiles[flat]) + squared(cells, tiles[mine]) - own - own[i]
        extra = np.r_[swap, squared(cells[i], tiles[spare]) - own[i]]
        few = np.argpartition(extra, min(TRIES, len(extra) - 1))[:TRIES]
        best = few[np.argsort(extra[few], kind="stable")]
        for k in best.tolist():
            j, tile = (k, flat[k]) if k < len(flat) else (i, spare[k - len(flat)])
            old, new = owner[mine], owner[tile]
            if old == new or not fits(shown, i, new, j, spacing):
                continue
            if j == i and rest[old]:
                left[old], left[new], flat[i] = left[old] + 1, left[new] - 1, tile
                rest[old], rest[new] = rest[old] - 1, rest[new] + 1
            elif j != i and fits(shown, j, old, i, spacing):
                flat[i], flat[j] = tile, mine
            else:
                continue
            shown.reshape(-1)[[j, i]] = owner[flat[[j, i]]]
            break


def keep_apart(
    tiles: ArrayLike,
    cells: ArrayLike,
    shape: tuple[int, int],
    spacing: int,
    max_uses: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    min_uses: ArrayLike = 0,
) -> tuple[Ints, int]:
    """A cheap match without equal photos in windows of (2 * spacing + 1)**2 cells.

    `shape` is (rows, cols) of the m cells; `groups` as for `place`. Returns (m,) indices of
    tiles, and how many pairs of equal photos are still too close, if photos are too few.

    >>> keep_apart([[0.0], [1.0]], [[0.0], [0.0], [0.0]], (1, 3), 1)
    (array([0, 1, 0]), 0)
    """
    x, y = finite("cells", cells), finite("tiles", tiles)
    owner, n = owners(len(y), groups, () if max_uses is None else max_uses)
    if max_uses is None:
        match, high = match_rows(y, x, shape, spacing, owner), np.full(n, len(x))
    else:
        match, _ = place(y, x, max_uses, min_uses, groups=owner)
        high = np.broadcast_to(np.asarray(max_uses, np.int64), n)
    grid, uses = match.reshape(shape), np.bincount(owner[match], minlength=n)
    left, rest = high - uses, uses - np.broadcast_to(np.asarray(min_uses, np.int64), n)
    for _ in range(3):
        if twins(owner[grid], spacing)[1]:
            move_apart(y, x, grid, spacing, left, rest, owner)
    return match, twins(owner[grid], spacing)[1]
