# Made from smalti/recolour.md by make tangle; edit that.
"""Move the colours of photos towards those of their cells; explained in recolour.md."""

import dataclasses
from collections.abc import Callable
from typing import Annotated

import numpy as np

from mosaic import Array
from smalti.ground.errors import MosaicError
from smalti.ground.settings import Share

Recolour = Callable[[Array, Array], Array]


@dataclasses.dataclass(frozen=True)
class RecolourSettings:
    """Recolouring"""

    tint: Annotated[Share, "move the photos' colours to their cells': 0 to 1"] = 0.0
    blend: Annotated[Share, "or: blend the photos with their cells: 0 to 1"] = 0.0


def check_recolour(settings: RecolourSettings) -> None:
    """Raise MosaicError if both ways of recolouring are asked for.

    >>> check_recolour(RecolourSettings(tint=0.3))
    """
    if settings.tint and settings.blend:
        raise MosaicError("`tint` does not go with `blend`; set one of them to 0")


def blend_tiles(tiles: Array, cells: Array, strength: float) -> Array:
    """Blend (k, h, w, 3) tiles with the mean colours of their (k, h', w', 3) cells.

    Both are in sRGB levels, uint8. `strength` 0 changes nothing, 1 leaves one flat colour.

    >>> tile, cell = np.full((1, 1, 1, 3), 100), np.full((1, 1, 1, 3), 200)
    >>> blend_tiles(tile, cell, 0.25).ravel().tolist()
    [125, 125, 125]
    """
    if not strength:
        return tiles
    mean = cells.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return to_bytes(tiles + np.float32(strength) * (mean - tiles))


def to_bytes(values: Array) -> Array:
    """Round to whole levels from 0 to 255: uint8."""
    return np.rint(values).clip(0, 255).astype(np.uint8)


def moments(images: Array) -> tuple[Array, Array, Array]:
    """Pixels around their mean (k, p, 3), means (k, 1, 3), covariances (k, 3, 3) of images."""
    pixels = images.reshape(len(images), -1, 3).astype(np.float32)
    mean = pixels.mean(axis=1, keepdims=True)
    pixels -= mean
    spread = pixels.swapaxes(1, 2) @ pixels / pixels.shape[1]
    return pixels, mean, spread.astype(np.float64)


def power(matrices: Array, exponent: float) -> Array:
    """A power of symmetric (k, 3, 3) matrices, by their eigenvectors."""
    values, vectors = np.linalg.eigh(matrices)
    powers: Array = vectors * values.clip(1e-9)[:, None] ** exponent @ vectors.swapaxes(1, 2)
    return powers


def tint_tiles(tiles: Array, cells: Array, strength: float, ridge: float = 4.0) -> Array:
    """Move the colours of (k, h, w, 3) tiles towards those of their (k, h', w', 3) cells.

    Both are in sRGB levels, uint8. `strength` 0 changes nothing, 1 gives a tile the mean and
    the covariance of its cell. `ridge` is in squared levels. The map is the optimal transport
    between Gaussians: Olkin and Pukelsheim, Linear Algebra and its Applications 48, 1982.
    """
    if not strength:
        return tiles
    pixels, mean, spread = moments(tiles)
    _, goal, wanted = moments(cells)
    root, back = power(spread + ridge * np.eye(3), 0.5), power(spread + ridge * np.eye(3), -0.5)
    stretch = back @ power(root @ (wanted + ridge * np.eye(3)) @ root, 0.5) @ back
    step = ((1 - strength) * np.eye(3) + strength * stretch).astype(np.float32)
    moved = pixels @ step + (mean + np.float32(strength) * (goal - mean))
    return to_bytes(moved.reshape(tiles.shape))


def make_recolour(cells: Array, settings: RecolourSettings) -> Recolour | None:
    """The function that recolours thumbnails at their places; None if they stay as they are.

    `cells` are all the cells of the target, (m, 8, 8, 3) sRGB, row by row.

    >>> make_recolour(np.zeros((4, 8, 8, 3), np.uint8), RecolourSettings()) is None
    True
    """
    if not settings.tint and not settings.blend:
        return None
    change = tint_tiles if settings.tint else blend_tiles
    strength = settings.tint or settings.blend
    return lambda tiles, places: change(tiles, cells[places], strength)
