"""Dark: a drawing on white paper turns into one on dark paper, for readers in the dark.

Lines and letters change their lightness and keep their hue; photos and filled shapes stay.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Pixels = NDArray[np.float64]
DARKEST = 0.08  # the lightness of the dark paper
SHAPE = 9  # what is narrower, in pixels, is a line or a letter


def on_paper(pixels: Pixels) -> bool:
    """Whether nearly all of the edge of an image is of one light colour, from 0 to 1.

    >>> on_paper(np.ones((9, 9, 3))), on_paper(np.zeros((9, 9, 3)))
    (True, False)
    """
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    paper = np.median(edge, axis=0)
    return bool(paper.min() > 0.9 and (abs(edge - paper).max(axis=1) < 0.05).mean() > 0.9)


def shapes(pixels: Pixels) -> NDArray[np.bool_]:
    """Where photos and filled shapes are: (h, w, 3) to (h, w).

    A shape is not light; a small one has a colour, or else it is an arrow's head.
    """
    paper = np.median(np.concatenate([pixels[0], pixels[-1]]), axis=0)
    other = abs(pixels - paper).max(axis=2) > 0.03
    filled = ndimage.binary_fill_holes(
        ndimage.binary_opening(other, np.ones((SHAPE, SHAPE)))
    )
    labels, _ = ndimage.label(filled)
    found = np.zeros(filled.shape, bool)
    for number, place in enumerate(ndimage.find_objects(labels), 1):
        inside = labels[place] == number
        part, area = pixels[place][inside], inside.sum()
        colour = np.median(part.max(axis=1) - part.min(axis=1))
        if np.median(part) < 0.8 and (area > 600 or colour > 0.12):
            full = area > 50_000 and inside.mean() > 0.85  # a photo with white at its edge
            found[place] |= inside | full
    return found


def darkened(pixels: Pixels) -> Pixels:
    """A drawing on dark paper: (h, w, 3) of 0 to 1.

    >>> darkened(np.ones((9, 9, 3)))[0, 0].round(2)
    array([0.08, 0.08, 0.08])
    """
    high, low = pixels.max(axis=2, keepdims=True), pixels.min(axis=2, keepdims=True)
    light = (high + low) / 2
    now = 1 - (1 - DARKEST) * light
    room = (1 - abs(2 * now - 1)) / np.maximum(1 - abs(2 * light - 1), 0.05)
    turned = np.clip(now + (pixels - light) * np.minimum(room, 1.5), 0, 1)
    return np.where(shapes(pixels)[..., None], pixels, turned)


def draw_dark(path: Path, goal: Path) -> bool:
    """Draw the dark version of an image file, if it is a drawing on paper."""
    with Image.open(path) as opened:
        if opened.format not in {"PNG", "JPEG"} or getattr(opened, "n_frames", 1) > 1:
            return False
        whole = opened.convert("RGBA")
    white = Image.new("RGBA", whole.size, "white")
    pixels = np.asarray(Image.alpha_composite(white, whole).convert("RGB")) / 255
    if not on_paper(pixels):
        return False
    goal.parent.mkdir(parents=True, exist_ok=True)
    part = goal.with_name(f".{os.getpid()}.{goal.name}")
    Image.fromarray((darkened(pixels) * 255).round().astype(np.uint8)).save(part)
    part.replace(goal)
    return True
