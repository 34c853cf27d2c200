# Made from fig/pictures.md by make tangle; edit that.
"""Lay images out for looking at them; explained in pictures.md."""

import io
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = Image.Image | NDArray[np.uint8] | bytes


def as_image(picture: Picture) -> Image.Image:
    """A picture of any kind as an image."""
    if isinstance(picture, bytes):
        return Image.open(io.BytesIO(picture))
    return picture if isinstance(picture, Image.Image) else Image.fromarray(picture)


def side_by_side(
    pictures: Iterable[Picture], gap: int = 8, paper: str = "white"
) -> Image.Image:
    """Lay pictures in a row, on paper of a colour."""
    row = [as_image(picture) for picture in pictures]
    width = sum(image.width for image in row) + gap * (len(row) - 1)
    canvas = Image.new("RGB", (width, max(image.height for image in row)), paper)
    left = 0
    for image in row:
        canvas.paste(image, (left, 0))
        left += image.width + gap
    return canvas


def contact_sheet(pictures: Sequence[Picture], cols: int) -> Image.Image:
    """Lay pictures of one size in rows of `cols`."""
    width, height = as_image(pictures[0]).size
    sheet = Image.new("RGB", (cols * width, -(-len(pictures) // cols) * height), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(as_image(picture), (i % cols * width, i // cols * height))
    return sheet


def enlarge(picture: Picture, size: tuple[int, int]) -> Image.Image:
    """Enlarge a picture to (width, height) without smoothing it."""
    return as_image(picture).resize(size, Image.Resampling.NEAREST)
