# Made from smalti/recolour.md by make tangle; edit that.
"""Move the colours of photos towards those of their cells; explained in recolour.md."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Annotated

import numpy as np

from mosaic import Array
from smalti.features import average_regions, from_oklab, oklab
from smalti.grid import Cells
from smalti.ground.errors import MosaicError
from smalti.ground.settings import Share

Recolour = Callable[[Array, Array], Array]


@dataclasses.dataclass(frozen=True)
class RecolourSettings:
    """Recolouring"""

    recolour: Annotated[Share, "move the photos' colours to their cells': 0 to 1"] = 0.0
    tint: Annotated[Share, "or: tint the photos with their cells' colours: 0 to 1"] = 0.0
    blend: Annotated[Share, "or: blend the photos with their cells: 0 to 1"] = 0.0


def check_recolour(settings: RecolourSettings) -> None:
    """Raise MosaicError if several ways of recolouring are asked for.

    >>> check_recolour(RecolourSettings(tint=0.3))
    """
    names = ("recolour", "tint", "blend")
    if len(asked := [name for name in names if getattr(settings, name)]) > 1:
        raise MosaicError(f"`{asked[0]}` does not go with `{asked[1]}`; set one of them to 0")


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
    levels = np.rint(values)
    return levels.clip(0, 255, out=levels).astype(np.uint8)


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


REGIONS = 3


def interpolation(length: int, parts: int) -> Array:
    """Weights of the middles of equal parts at each pixel of a line: (length, parts).

    >>> interpolation(4, 2)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    place = ((np.arange(length) + 0.5) * parts / length - 0.5).clip(0, parts - 1)
    return (1 - np.abs(place[:, None] - np.arange(parts))).clip(0)


def interpolate(regions: Array, shape: tuple[int, ...]) -> Array:
    """Values of regions as pixels of (k, h, w, 3) images: (k, 3, 3, 3) to (k, h, w, 3)."""
    (k, height, width, _), (_, rows, cols, _) = shape, regions.shape
    bands = interpolation(height, rows).astype(np.float32) @ regions.reshape(k, rows, 3 * cols)
    bands = bands.reshape(k * height, cols, 3)
    return (interpolation(width, cols).astype(np.float32) @ bands).reshape(shape)


LEFT = 8.0  # levels, in Oklab scaled by 442


def move(own: Array, goal: Array, strength: float) -> Array:
    """Move (k, 3, 3, 3) colours towards a goal by a share, and more of it if means are far."""
    step = goal - own
    mean = step.mean(axis=(1, 2), keepdims=True)
    far = np.linalg.norm(mean, axis=3, keepdims=True).clip(1e-6)
    left = np.minimum(1 - strength, LEFT * (1 - strength) / strength / far)
    moved: Array = own + strength * (step - mean) + (1 - left) * mean
    return moved


def recolour_tiles(tiles: Array, cells: Array, strength: float) -> Array:
    """Move the regions of (k, h, w, 3) tiles towards those of their (k, h', w', 3) cells.

    Both are in sRGB levels, uint8. `strength` 0 changes nothing; 1 gives each of 3 x 3 regions
    about the mean colour of the cell's, and leaves all contrast within it.
    """
    if not strength:
        return tiles
    size = (REGIONS, REGIONS)
    own, goal = (to_bytes(average_regions(images, size)) for images in (tiles, cells))
    wanted = from_oklab(move(oklab(own), oklab(goal), strength)).astype(np.float32)
    changed = tiles + interpolate(wanted - own, tiles.shape)
    found = average_regions(to_bytes(changed), size).astype(np.float32)
    changed += interpolate(wanted - found, tiles.shape)
    return to_bytes(changed)


WAYS = {"recolour": recolour_tiles, "tint": tint_tiles, "blend": blend_tiles}


def make_recolour(cells: Array | Cells, settings: RecolourSettings) -> Recolour | None:
    """The function that recolours thumbnails at their places; None if they stay as they are.

    `cells` are all the cells of the target, (m, 8, 8, 3) sRGB, row by row.

    >>> make_recolour(np.zeros((4, 8, 8, 3), np.uint8), RecolourSettings()) is None
    True
    """
    for name, change in WAYS.items():
        if strength := getattr(settings, name):
            return functools.partial(at_places, change=change, cells=cells, strength=strength)
    return None


def at_places(
    tiles: Array, places: Array, change: Callable[..., Array], cells: Array | Cells, strength: float
) -> Array:
    """Change tiles by the cells at their places."""
    return change(tiles, cells[places], strength)
