# Made from course/solutions.md by make tangle; edit that.
"""Brute force against a k-d tree; explained in solutions.md."""

import time

import numpy as np

from mosaic import Array, match_cost, match_nearest


def match_brute_force(tiles: Array, cells: Array, block: int = 256) -> Array:
    """For each cell the nearest tile, by comparing with all of them."""
    squares = (tiles**2).sum(axis=1)
    found = [
        (squares - 2 * cells[i : i + block] @ tiles.T).argmin(axis=1)
        for i in range(0, len(cells), block)
    ]
    return np.concatenate(found)


def main() -> None:
    """Print the times of both for growing collections."""
    rng = np.random.default_rng(1)
    match_nearest(np.zeros((1, 3)), np.zeros((1, 3)))  # loads the tree
    for n in (100, 1000, 10_000, 50_000):
        tiles, cells = rng.integers(0, 256, (n, 3)) + 0.0, rng.integers(0, 256, (5000, 3)) + 0.0
        start = time.process_time()
        slow = match_brute_force(tiles, cells)
        middle = time.process_time()
        fast = match_nearest(tiles, cells)
        end = time.process_time()
        assert match_cost(tiles, cells, slow) == match_cost(tiles, cells, fast)
        print(f"{n:6} photos: {middle - start:.3f} s against {end - middle:.3f} s by the tree")


if __name__ == "__main__":
    main()
