# Made from smalti/crops.md by make tangle; edit that.
"""Where to cut a photo so that its subject is in the picture; explained in crops.md."""

import numpy as np
from PIL import Image

from mosaic import Array
from smalti.features import oklab


def stands_out(pixels: Array) -> Array:
    """How much each column of an (h, w, 3) uint8 sRGB image draws the eye: (w,), about 2."""
    colours = oklab(pixels)
    gaps = colours - colours.reshape(-1, 3).mean(axis=0)
    unlike = np.sqrt(np.einsum("hwc,hwc->hw", gaps, gaps)).mean(axis=0)
    steps = (np.abs(np.diff(colours[..., 0], axis=axis)) for axis in (0, 1))
    down, across = (step.sum(axis=0) / len(pixels) for step in steps)
    down[1:] += across  # an edge belongs to the columns on both of its sides
    down[:-1] += across
    found: Array = sum(part / (part.mean() + 1e-3) for part in (unlike, down))
    return found


LOOK = 32  # pixels of the longer side, at least


def shrink_to_look(photo: Image.Image, wide: bool) -> Array:
    """A small (h, w, 3) picture of a photo, which is turned if it is not cut across."""
    small = photo.reduce(max(1, max(photo.size) // LOOK)).convert("RGB")
    pixels = np.asarray(small)
    return pixels if wide else pixels.swapaxes(0, 1)


TO_THE_MIDDLE = 0.15


def find_content(photo: Image.Image, shape: tuple[float, float]) -> float:
    """Where to cut a photo to a shape (width, height): 0 at its left or top end, 1 at the other.

    `photo` is an image whose pixels can be averaged; an empty one is cut in the middle.
    """
    kept = shape[0] / shape[1] * photo.height / photo.width
    wide, part = kept < 1, min(kept, 1 / kept)
    if part > 0.98:
        return 0.5
    line = stands_out(shrink_to_look(photo, wide))
    window = max(1, round(len(line) * part))
    sums = np.convolve(line, np.ones(window), "valid")
    if sums.max() - sums.min() <= 0.02 * sums.max() + 0.005:  # nothing stands out
        return 0.5
    place = np.linspace(0, 1, len(sums))
    return float(place[np.argmax(sums / sums.max() - TO_THE_MIDDLE * (2 * place - 1) ** 2)])
