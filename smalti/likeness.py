# Made from smalti/likeness.md by make tangle; edit that.
"""Photos that look the same: fingerprints and groups; explained in likeness.md."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]

FREQUENCIES = 8  # across, and as many down


def waves(length: int) -> Floats:
    """The slowest cosine waves over so many pixels, (8, length)."""
    halves = np.outer(np.arange(FREQUENCIES), np.arange(length) + 0.5) / length
    scale = np.where(np.arange(FREQUENCIES) > 0, 2**0.5, 1)[:, None] / length
    return (scale * np.cos(np.pi * halves)).astype(np.float32)


def fingerprint(images: Images) -> Floats:
    """Lowest frequencies of images: (n, height, width, 3) uint8 to (n, 3, 8, 8) float32.

    Height and width are at least 8. Prints of images of different sizes are comparable.
    """
    down, across = (waves(length) for length in images.shape[1:3])
    prints = np.empty((len(images), 3, FREQUENCIES, FREQUENCIES), np.float32)
    step = max(1, (1 << 20) // (down.shape[1] * across.shape[1]))  # a million pixels
    for i in range(0, len(images), step):
        planes = images[i : i + step].astype(np.float32).transpose(0, 3, 1, 2)
        prints[i : i + step] = down @ planes @ across.T
    return prints


GREY = np.array([0.299, 0.587, 0.114], np.float32)  # the shares of red, green and blue


def hash_prints(prints: Floats) -> NDArray[np.uint64]:
    """The perceptual hash of (n, 3, 8, 8) fingerprints: (n,) uint64."""
    grey = np.rint(100 * np.einsum("nckl,c->nkl", prints, GREY)).reshape(-1, FREQUENCIES**2)
    bits = grey > np.median(grey[:, 1:], axis=1, keepdims=True)
    hashes: NDArray[np.uint64] = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return hashes


def unit_prints(prints: Floats) -> Floats:
    """Fingerprints as vectors of length 1: (n, 3, 8, 8) to (n, 192)."""
    looks = prints.copy()
    looks[:, :, 0, 0] = 0.02 * (looks[:, :, 0, 0] + 1)
    looks = looks.reshape(-1, 3 * FREQUENCIES**2)
    units: Floats = looks / np.linalg.norm(looks, axis=1, keepdims=True)
    return units


BRIGHTER = 48  # levels by which the means of two copies may differ


def pairs_alike(prints: Floats, distance: int, likeness: float) -> NDArray[np.int64]:
    """Pairs of photos that look the same: (k, 2), enough of them to connect each group."""
    hashes, looks = hash_prints(prints), unit_prints(prints)
    means, known = prints[:, :, 0, 0], np.arange(len(prints))
    pairs = [np.empty((0, 2), np.int64)]
    for i in range(len(prints) - 1):
        far = np.bitwise_count(hashes[i + 1 :] ^ hashes[i])
        near = i + 1 + np.flatnonzero(far <= distance)
        near = near[known[near] != known[i]]
        if len(near):
            alike = looks[near] @ looks[i] >= likeness
            alike &= np.abs(means[near] - means[i]).max(axis=1) <= BRIGHTER
            near = near[alike]
            known[near] = known[i]
            pairs.append(np.c_[np.full(len(near), i), near])
    return np.concatenate(pairs)


def find_alike(
    prints: Floats, distance: int = 10, likeness: float = 0.95
) -> NDArray[np.int64]:
    """Group photos that look the same by their (n, 3, 8, 8) fingerprints: (n,) groups.

    Photos are alike if at most `distance` of 64 bits differ and the cosine of the angle
    between their fingerprints is at least `likeness`; and so are those alike to the same.
    Groups are numbered from 0, in the order of their first photos.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    left, right = pairs_alike(prints, distance, likeness).T
    edges = np.ones(len(left), np.int8)
    graph = coo_array((edges, (left, right)), shape=(len(prints), len(prints)))
    groups: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return groups


def find_duplicates(
    images: Images, distance: int = 10, likeness: float = 0.95
) -> NDArray[np.int64]:
    """Group (n, height, width, 3) thumbnails that look the same: (n,), see `find_alike`."""
    return find_alike(fingerprint(images), distance, likeness)


def list_duplicates(names: Sequence[str], groups: NDArray[np.int64]) -> Iterator[str]:
    """A line for each group of more than one photo.

    >>> list(list_duplicates(["a", "b", "c"], np.array([0, 1, 0])))
    ['2 photos look the same: a, c']
    """
    order = np.argsort(groups, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        if len(group) > 1:
            yield f"{len(group)} photos look the same: {', '.join(names[i] for i in group)}"
