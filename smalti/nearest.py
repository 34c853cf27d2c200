# Made from smalti/nearest.md by make tangle; edit that.
"""Find the nearest photos by any distance, and dither; explained in nearest.md."""

import numpy as np

from mosaic import Array, match_nearest
from smalti.features import METRICS, prepare
from smalti.ground.errors import MosaicError


def choose_by_tree(tiles: Array, cells: Array, r: float, k: int) -> tuple[Array, Array]:
    """The k nearest tiles of each cell, and their distances: (m, k) and (m, k); few features.

    `r` is the exponent of the distance: 1, 2 or infinity.

    >>> choose_by_tree(np.array([[0.0], [9.0], [5.0]]), np.array([[6.0]]), 2.0, 2)
    (array([[2, 1]]), array([[1., 3.]]))
    """
    if r == 2 and k == 1:
        nearest = match_nearest(tiles, cells)
        gaps = np.subtract(tiles[nearest], cells, dtype=np.float64)
        return nearest[:, None], np.linalg.norm(gaps, axis=1)[:, None]
    from scipy.spatial import cKDTree

    tree = cKDTree(tiles, leafsize=128, balanced_tree=False, compact_nodes=False)
    distances, match = tree.query(cells, k=list(range(1, k + 1)), p=r)
    return match.astype(np.int64), distances


def compare(tiles: Array, cells: Array, r: float) -> Array:
    """Distances, or for r = 2 what orders like them, of all pairs: (m, n) float32."""
    if r == 2:
        squares = np.einsum("ij,ij->i", tiles, tiles) / 2
        rough: Array = cells @ tiles.T
        np.subtract(squares, rough, out=rough)
        return rough
    from scipy.spatial.distance import cdist

    name = "cityblock" if r == 1 else "chebyshev"
    rough, cells = np.empty((len(cells), len(tiles)), np.float32), cells.astype(np.float64)
    for i in range(0, len(tiles), 64):
        rough[:, i : i + 64] = cdist(cells, tiles[i : i + 64], name)
    return rough


MEMORY, SPARE = 1 << 22, 4  # bytes for one comparison; candidates beyond the k best


def lengths(gaps: Array, r: float) -> Array:
    """The lengths of vectors: (m, k, f) to (m, k)."""
    square = r == 2  # the usual case, and without the copies of np.linalg.norm
    found: Array = np.einsum("mkf,mkf->mk", gaps, gaps) ** 0.5 if square else np.linalg.norm(gaps, r, 2)
    return found


def best_of(tiles: Array, cells: Array, r: float, k: int) -> tuple[Array, Array]:
    """The k nearest tiles of some cells, float32 both, and distances: (m, k) and (m, k)."""
    keep = min(len(tiles), k + SPARE)
    near = compare(tiles, cells, r).argpartition(keep - 1, axis=1)[:, :keep]
    near.sort(axis=1)
    gaps = np.subtract(tiles[near], cells[:, None], dtype=np.float64)
    exact = lengths(gaps, r)
    order = exact.argsort(axis=1, kind="stable")[:, :k]
    return np.take_along_axis(near, order, axis=1), np.take_along_axis(exact, order, axis=1)


def choose_by_force(tiles: Array, cells: Array, r: float, k: int) -> tuple[Array, Array]:
    """The k nearest tiles of each cell, and their distances: (m, k) and (m, k).

    >>> choose_by_force(np.array([[0.0], [9.0], [5.0]]), np.array([[6.0]]), 2.0, 2)
    (array([[2, 1]]), array([[1., 3.]]))
    """
    (n, f), m = tiles.shape, len(cells)
    tiles = tiles.astype(np.float32, copy=False)
    match, distances = np.empty((m, k), np.int64), np.empty((m, k))
    block = max(1, MEMORY // max(4 * n, 8 * min(n, k + SPARE) * f))
    for start in range(0, m, block):
        some = cells[start : start + block].astype(np.float32, copy=False)
        found = best_of(tiles, some, r, k)
        match[start : start + block], distances[start : start + block] = found
    return match, distances


TREE_FEATURES = 16  # up to so many features a k-d tree is used


def nearest_choices(
    tiles: Array, cells: Array, metric: str = "euclidean", k: int = 1
) -> tuple[Array, Array]:
    """The k nearest tiles of each cell, best first, and distances: (m, k) int64 and (m, k).

    `tiles` are (n, f) and `cells` (m, f) features. Raises MosaicError if k exceeds n.

    >>> nearest_choices(np.array([[0.0], [9.0], [5.0]]), np.array([[6.0]]), k=2)
    (array([[2, 1]]), array([[1., 3.]]))
    """
    if not 1 <= k <= len(tiles):
        raise MosaicError(f"choices = {k}: there are {len(tiles)} photos to choose from")
    if metric == "cosine":
        tiles, cells = prepare(tiles, metric), prepare(cells, metric)
    choose = choose_by_tree if tiles.shape[1] <= TREE_FEATURES else choose_by_force
    match, distances = choose(tiles, cells, METRICS[metric], k)
    return match, distances**2 / 2 if metric == "cosine" else distances


def nearest(tiles: Array, cells: Array, metric: str = "euclidean") -> Array:
    """The nearest tile of each cell: (n, f) and (m, f) features to (m,) int64.

    >>> nearest(np.array([[0.0], [10.0]]), np.array([[9.0], [2.0], [8.0]]))
    array([1, 0, 1])
    """
    return nearest_choices(tiles, cells, metric)[0][:, 0]


SHARES = ((0, 1, 7 / 16), (1, -1, 3 / 16), (1, 0, 5 / 16), (1, 1, 1 / 16))


def dither(tiles: Array, cells: Array, shape: tuple[int, int]) -> Array:
    """The nearest tile of each cell, errors diffused: (n, f) and (m, f) to (m,) int64.

    `shape` is (rows, cols), and m = rows · cols. Floyd and Steinberg, An adaptive algorithm
    for spatial grey scale (Proceedings of the SID 17:2, 1976).

    >>> dither(np.array([[0.0], [9.0]]), np.full((6, 1), 4.5), (1, 6))
    array([0, 1, 0, 1, 0, 1])
    """
    from scipy.spatial import cKDTree

    (rows, cols), tree, match = shape, cKDTree(tiles), np.empty(shape, np.int64)
    low, high = tiles.min(axis=0), tiles.max(axis=0)
    asked = np.pad(cells.astype(np.float64).reshape(rows, cols, -1), ((0, 1), (1, 1), (0, 0)))
    for row in range(rows):
        way = 1 if row % 2 == 0 else -1
        for col in range(cols)[::way]:
            colour = np.clip(asked[row, col + 1], low, high)
            match[row, col] = tree.query(colour)[1]
            error = colour - tiles[match[row, col]]
            for down, ahead, share in SHARES:
                asked[row + down, col + 1 + way * ahead] += share * error
    return match.ravel()
