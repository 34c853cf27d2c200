# Made from smalti/crops.md by make tangle; edit that.
"""Where to cut a photo so that its subject is in the picture; explained in crops.md."""

import numpy as np
from PIL import Image

from mosaic import Array
from smalti.features import oklab

LOOK = 32  # pixels of the longer side


def stands_out(pixels: Array) -> Array:
    """How much each pixel of an (h, w, 3) uint8 sRGB image draws the eye: (h, w), about 2."""
    colours = oklab(pixels)
    unlike = np.linalg.norm(colours - colours.mean(axis=(0, 1)), axis=2)
    down, across = np.gradient(colours[..., 0])
    edges = np.hypot(down, across)
    found: Array = sum(part / (part.mean() + 1e-3) for part in (unlike, edges))
    return found


TO_THE_MIDDLE = 0.15


def find_content(photo: Image.Image, shape: tuple[float, float]) -> float:
    """Where to cut a photo to a shape (width, height): 0 at its left or top end, 1 at the other.

    `photo` is an image whose pixels can be averaged; an empty one is cut in the middle.
    """
    scale = LOOK / max(photo.size)
    size = (max(2, round(photo.width * scale)), max(2, round(photo.height * scale)))
    small = stands_out(np.asarray(photo.resize(size, Image.Resampling.BOX).convert("RGB")))
    wide = photo.width * shape[1] > photo.height * shape[0]
    line = small.sum(axis=0 if wide else 1)
    kept = shape[0] / shape[1] * photo.height / photo.width
    window = max(1, round(len(line) * (kept if wide else 1 / kept)))
    sums = np.convolve(line, np.ones(window), "valid")
    if np.ptp(sums) <= 0.02 * sums.max() + 0.1:  # nothing stands out
        return 0.5
    place = np.linspace(0, 1, len(sums))
    return float(place[np.argmax(sums / sums.max() - TO_THE_MIDDLE * (2 * place - 1) ** 2)])
