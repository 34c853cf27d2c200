# Made from smalti/features.md by make tangle; edit that.
"""A feature that sees lines: a solution from smalti/features.md."""

import numpy as np

from mosaic import Array
from smalti.features import FEATURES


def edges(images: Array, bins: int = 8) -> Array:
    """Mean slope of grey in each of some directions: (k, h, w, 3) to (k, bins) float32."""
    k, height, width, _ = images.shape
    down, across = np.gradient(images.mean(axis=3), axis=(1, 2))
    turns = np.arctan2(down, across) / np.pi * bins
    place = np.rint(turns).astype(np.int64) % bins
    place += bins * np.arange(k)[:, None, None]
    slopes = np.hypot(down, across).ravel()
    sums = np.bincount(place.ravel(), slopes, minlength=k * bins)
    means: Array = (sums / (height * width)).astype(np.float32)
    return means.reshape(k, bins)


FEATURES["edges"] = edges
