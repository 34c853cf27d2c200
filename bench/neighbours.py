"""Exact and approximate nearest neighbours: python bench/neighbours.py [--large].

Fills the table of nearest.md: for a number of features, the processor seconds in which
50,000 thumbnails are prepared and 10,000 cells find their nearest, and how many find the
true one. Annoy and PyNNDescent join if they are installed. With --large: 40,000 thumbnails
and 10,000 cells of 32 x 32 pixels, by every metric, printed.
"""

import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from mosaic import Array
from smalti.ground.files import write_text
from smalti.nearest import choose_by_force, choose_by_tree, nearest

Search = Callable[[Array, Array], Array]


def made_up(rng: np.random.Generator, k: int, f: int) -> Array:
    """Features like those of photos, (k, f) float32: a colour, and differences from it."""
    features = np.empty((k, f), np.float32)
    for some in np.array_split(features, -(-k // 1000)):
        colours = rng.integers(0, 256, (len(some), 1, 3))
        parts = colours + rng.normal(0, 25, (len(some), f // 3, 3))
        some[:] = np.rint(parts.clip(0, 255)).reshape(len(some), f)
    return features


def by_tree(tiles: Array, cells: Array) -> Array:
    """Exact, by the k-d tree."""
    return choose_by_tree(tiles, cells, 2.0, 1)[0][:, 0]


def by_force(tiles: Array, cells: Array) -> Array:
    """Exact, by comparing with all."""
    return choose_by_force(tiles, cells, 2.0, 1)[0][:, 0]


def by_annoy(tiles: Array, cells: Array) -> Array:
    """Approximate, by ten random trees."""
    index = import_module("annoy").AnnoyIndex(tiles.shape[1], "euclidean")
    index.set_seed(1)
    for i, tile in enumerate(tiles):
        index.add_item(i, tile)
    index.build(10, n_jobs=1)
    return np.array([index.get_nns_by_vector(cell, 1)[0] for cell in cells])


def by_pynndescent(tiles: Array, cells: Array) -> Array:
    """Approximate, by walking a graph of neighbours."""
    index = import_module("pynndescent").NNDescent(tiles, random_state=1, n_jobs=1)
    found: Array = index.query(cells, k=1)[0][:, 0]
    return found


def searches() -> Iterator[tuple[str, Search]]:
    """Every search that can run here, by name."""
    yield from {"k-d tree": by_tree, "brute force": by_force}.items()
    for package, search in {"annoy": by_annoy, "pynndescent": by_pynndescent}.items():
        if find_spec(package):
            search(*2 * [made_up(np.random.default_rng(0), 500, 6)])  # compile and load
            yield package, search


def small() -> None:
    """Compare the ways for few and for many features; write the table into the chapter."""
    rng = np.random.default_rng(1)
    rows = ["| features | way | CPU, s | nearest found |", "| --: | --- | --: | --: |"]
    for f in (3, 27, 192):
        tiles, cells = made_up(rng, 50_000, f), made_up(rng, 10_000, f)
        best = None
        for name, search in searches():
            started = time.process_time()
            match = search(tiles, cells)
            spent = time.process_time() - started
            distances = np.linalg.norm(cells - tiles[match], axis=1)
            best = distances if best is None else best
            found = np.mean(distances <= best * 1.000001)
            rows.append(f"| {f} | {name} | {spent:.2f} | {100 * found:.1f} % |")
            print(rows[-1], flush=True)
    chapter = Path(__file__).parents[1] / "smalti/nearest.md"
    mark, end = "<!-- table: neighbours -->", "<!-- end -->"
    table = "\n".join([mark, "", *rows, "", end])
    text = re.sub(f"{mark}.*?{end}", table, chapter.read_text("utf-8"), flags=re.DOTALL)
    write_text(chapter, text)


def large() -> None:
    """The whole tile, pixel by pixel: 40,000 times 10,000 times 3,072 numbers."""
    rng = np.random.default_rng(1)
    tiles, cells = made_up(rng, 40_000, 3072), made_up(rng, 10_000, 3072)
    for metric in ("euclidean", "cosine", "cityblock", "chebyshev"):
        start, clock = time.process_time(), time.perf_counter()
        nearest(tiles, cells, metric)
        spent, passed = time.process_time() - start, time.perf_counter() - clock
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{metric:10} {spent:6.0f} s of processor, {passed:6.0f} s, peak {peak:5.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    large() if "--large" in sys.argv[1:] else small()
