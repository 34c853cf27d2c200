# Made from smalti/grid.md by make tangle; edit that.
"""The target, cut into cells in any way, and cells that stay empty; explained in grid.md."""

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import numpy as np
from msgspec import Meta
from PIL import Image, ImageChops, ImageOps

from mosaic import Array, CellSettings, crop_box, cut_cells, shrink_photo
from smalti.ground.archives import load_image
from smalti.ground.errors import MosaicError
from smalti.ground.photos import make_averageable, upright_size
from smalti.ground.settings import Whole

Pixels = Annotated[int, Meta(ge=0, le=10**6)]
ExactSize = tuple[Pixels, Pixels]


@dataclasses.dataclass(frozen=True)
class GridSettings(CellSettings):
    """Grid"""

    tile: Annotated[Whole, "or: how many of the target's pixels a cell is wide"] = 0
    size: Annotated[ExactSize, "exact size of the mosaic; 0 0 is any"] = (0, 0)
    mask: Annotated[str, "image: only cells where it is white are filled"] = ""
    focus: Annotated[tuple[str, ...], "where it matters: boxes x,y,w,h, or an image"] = ()


def wanted_size(settings: GridSettings) -> tuple[int, int] | None:
    """The exact size that the mosaic shall have, if settings name one; raises MosaicError."""
    if 0 in settings.size and any(settings.size):
        raise MosaicError(f"size = {settings.size}: give width and height, or 0 0")
    return settings.size if any(settings.size) else None


def check_grid(settings: GridSettings) -> None:
    """Raise MosaicError if settings want two grids at once, or half of one."""
    grid, size = settings.target_res, wanted_size(settings)
    if 0 in grid and any(grid):
        raise MosaicError(f"target_res = {grid}: give both numbers, or 0 0")
    if settings.tile and any(grid):
        raise MosaicError("`tile` does not go with `target_res`")
    if settings.tile and size:
        raise MosaicError("`tile` does not go with `size`")


FEWEST_CELLS, MOST_CELLS = 1600, 10_000


def cells_for(uses: int) -> int:
    """How many cells to fill, for photos that may be used so many times in all."""
    return max(FEWEST_CELLS, min(uses, MOST_CELLS))


def fit_grid(
    size: tuple[float, float], thumb_res: tuple[int, int], cells: int
) -> tuple[int, int]:
    """Choose (cols, rows) for a target of (width, height) and at most so many cells.

    >>> fit_grid((450, 300), (50, 50), 2400)
    (60, 40)
    """
    shape = size[0] / thumb_res[0] * thumb_res[1] / size[1]  # cols / rows

    def misfit(grid: tuple[int, int]) -> float:
        cols, rows = grid
        return abs(math.log(cols / rows / shape)) + 1 - cols * rows / cells

    most = max(1, min(cells, math.isqrt(int(cells / shape)) + 1))
    heights = range(max(1, most - most // 16 - 1), most + 1)
    return min(((max(1, min(round(h * shape), cells // h)), h) for h in heights), key=misfit)


def crop_to_tiles(
    image: Image.Image, tile: int, thumb_res: tuple[int, int]
) -> tuple[Image.Image, tuple[int, int]]:
    """Cut an image around its middle to whole cells of `tile` pixels; and (cols, rows).

    >>> small, grid = crop_to_tiles(Image.new("RGB", (103, 50)), 16, (40, 20))
    >>> small.size, grid
    ((96, 48), (6, 6))
    """
    upright = ImageOps.exif_transpose(image)
    side = (tile, max(1, round(tile * thumb_res[1] / thumb_res[0])))
    cols, rows = upright.width // side[0], upright.height // side[1]
    if not cols * rows:
        raise MosaicError(
            f"tile = {tile}: the target has only {upright.width} x {upright.height} pixels"
        )
    width, height = cols * side[0], rows * side[1]
    left, top = (upright.width - width) // 2, (upright.height - height) // 2
    return upright.crop((left, top, left + width, top + height)), (cols, rows)


def cell_means(
    grey: Image.Image, grid: tuple[int, int], thumb_res: tuple[float, float]
) -> Array:
    """Mean levels of a grey image in a (cols, rows) grid of cells shaped like thumb_res."""
    across, down = grid[0] * thumb_res[0], grid[1] * thumb_res[1]
    scale = min(grey.width / across, grey.height / down)
    left, top = (grey.width - across * scale) / 2, (grey.height - down * scale) / 2
    box = (max(0.0, left), max(0.0, top), grey.width - left, grey.height - top)
    box = (*box[:2], min(box[2], grey.width), min(box[3], grey.height))
    return np.asarray(grey.resize(grid, Image.Resampling.BOX, box=box))


def empty_cells(
    target: Image.Image, grid: tuple[int, int], thumb_res: tuple[float, float]
) -> Array:
    """Where a target is transparent: a (rows, cols) array of truth values."""
    if not target.has_transparency_data:
        return np.zeros(grid[::-1], bool)
    alpha = ImageOps.exif_transpose(target).convert("RGBA").getchannel("A")
    return cell_means(alpha, grid, thumb_res) < 128


def mask_cells(
    mask: Image.Image, grid: tuple[int, int], thumb_res: tuple[float, float]
) -> Array:
    """Where a mask is not white: a (rows, cols) array of truth values."""
    upright = make_averageable(ImageOps.exif_transpose(mask)).convert("RGBA")
    ground = Image.new("RGBA", upright.size, "black")
    grey = Image.alpha_composite(ground, upright).convert("L")
    return cell_means(grey, grid, thumb_res) < 128


BOX = re.compile(r"(\d+),(\d+),(\d+),(\d+)")


def draw_focus(focus: Sequence[str], size: tuple[int, int]) -> Image.Image:
    """A grey image of (width, height): white in boxes "x,y,w,h", or as an image says."""
    grey = Image.new("L", size)
    for word in focus:
        if box := BOX.fullmatch(word):
            left, top, width, height = map(int, box.groups())
            grey.paste(255, (left, top, left + width, top + height))
        else:
            painted = make_averageable(load_image(word, "focus")).convert("L")
            grey = ImageChops.lighter(grey, painted.resize(size, Image.Resampling.BOX))
    if focus and not grey.getbbox():
        raise MosaicError(f"focus = {' '.join(focus)}: nothing of that is in the target")
    return grey


def weigh_cells(
    focus: Sequence[str],
    target: Image.Image,
    grid: tuple[int, int],
    thumb_res: tuple[float, float],
    middle: tuple[int, int] | None = None,
) -> Array:
    """How much each cell of a (cols, rows) grid matters, from 0 to 1: (rows, cols).

    `middle` is the size of the part of the target that has cells, if that is not all of it.
    """
    if not focus:
        return np.zeros(grid[::-1])
    grey = draw_focus(focus, upright_size(target))
    if middle:
        left, top = (grey.width - middle[0]) // 2, (grey.height - middle[1]) // 2
        grey = grey.crop((left, top, left + middle[0], top + middle[1]))
    return cell_means(grey, grid, thumb_res) / 255


@dataclasses.dataclass(frozen=True)
class View:
    """A target, cut into (cols, rows) cells of a shape, of which some may stay empty."""

    target: Image.Image
    grid: tuple[int, int]
    shape: tuple[float, float]  # (width, height) of a cell, in any unit
    empty: Array  # (rows, cols)
    weight: Array  # (rows, cols) from 0 to 1, how much a cell matters

    def cut(self, detail: tuple[int, int] = (4, 4)) -> Array:
        """Cut the target into cells of (width, height) pixels: (m, height, width, 3)."""
        return cut_cells(self.target, self.grid, self.shape, detail)

    def describe(self, make: Callable[[Array], Array], detail: tuple[int, int] = (4, 4)) -> Array:
        """What a function says of the filled cells: (k, height, width, 3) of some to (k, f)."""
        filled, top, found = ~self.empty.ravel(), 0, list[Array]()
        for cells in Cells(self, detail).parts():
            if (inside := filled[top : top + len(cells)]).any():
                found.append(make(cells[inside]))
            top += len(cells)
        return np.concatenate(found)


def make_view(
    target: Image.Image,
    thumb_res: tuple[int, int],
    settings: GridSettings,
    cells: int = FEWEST_CELLS,
    mask: Image.Image | None = None,
) -> View:
    """See a target as the settings say; in about so many `cells` if no grid is given."""
    check_grid(settings)
    whole, grid = target, settings.target_res
    shape = (float(thumb_res[0]), float(thumb_res[1]))
    if settings.tile:
        if mask and upright_size(mask) == upright_size(target):
            mask = crop_to_tiles(mask, settings.tile, thumb_res)[0]
        target, grid = crop_to_tiles(target, settings.tile, thumb_res)
        shape = (target.width / grid[0], target.height / grid[1])
    elif 0 in grid:
        grid = fit_grid(wanted_size(settings) or upright_size(target), thumb_res, cells)
    if size := wanted_size(settings):
        if size[0] < grid[0] or size[1] < grid[1]:
            raise MosaicError(f"size = {size}: that is too small for {grid[0]} x {grid[1]} cells")
        shape = (size[0] / grid[0], size[1] / grid[1])
    empty = empty_cells(target, grid, shape)
    if mask:
        empty = empty | mask_cells(mask, grid, shape)
    if empty.all():
        raise MosaicError("no cell is left to fill: the target is transparent, or the mask dark")
    middle = target.size if settings.tile else None
    weight = weigh_cells(settings.focus, whole, grid, shape, middle)
    return View(target, grid, shape, empty, weight)


def describe_cut(view: View) -> str:
    """How much of its target a view leaves out, in words; nothing if that is hardly any.

    >>> whole, none = Image.new("RGB", (300, 200)), np.zeros((10, 20))
    >>> describe_cut(View(whole, (20, 10), (50, 50), none, none))
    '25% of it is cut off, at top and bottom'
    """
    (cols, rows), (across, down), size = view.grid, view.shape, upright_size(view.target)
    left, top, right, bottom = crop_box(size, (cols * across, rows * down))
    lost = 1 - (right - left) * (bottom - top) / (size[0] * size[1])
    where = "left and right" if right - left < size[0] else "top and bottom"
    return f"{lost:.0%} of it is cut off, at {where}" if lost > 0.03 else ""


WHOLE, BAND, PART = 1 << 25, 1 << 22, 1 << 20  # pixels: cut in one go, or at once; handed on


@dataclasses.dataclass(frozen=True)
class Cells:
    """The cells of a view in (width, height) pixels, which are cut when they are wanted."""

    view: View
    detail: tuple[int, int]

    def rows_in(self, pixels: int) -> int:
        """How many rows of cells have so many pixels; at least one."""
        return max(1, pixels // (self.view.grid[0] * self.detail[0] * self.detail[1]))

    def parts(self) -> Iterator[Array]:
        """All cells, some rows of them at a time: (k, height, width, 3)."""
        total, step = self.view.empty.size, self.rows_in(PART) * self.view.grid[0]
        for first in range(0, total, step):
            yield self[np.arange(first, min(first + step, total))]

    def __getitem__(self, places: Array) -> Array:
        """Cells by their numbers, counted row by row: (k,) to (k, height, width, 3)."""
        cells = np.empty((len(places), *self.detail[::-1], 3), np.uint8)
        of = places // (self.rows_at_once * self.view.grid[0])
        for band in np.unique(of).tolist():
            first = band * self.rows_at_once * self.view.grid[0]
            cells[of == band] = self.band(band)[places[of == band] - first]
        return cells

    @functools.cached_property
    def rows_at_once(self) -> int:
        """How many rows of cells are cut in one go."""
        whole, rows = self.rows_in(WHOLE), self.view.grid[1]
        return rows if whole >= rows else self.rows_in(BAND)

    @functools.cached_property
    def band(self) -> Callable[[int], Array]:
        """Cut a band of rows, by its number; the last one is kept."""
        return functools.lru_cache(maxsize=1)(self.cut_band)

    def cut_band(self, band: int) -> Array:
        """Cut the band of a number into its cells: (k, height, width, 3)."""
        (cols, rows), (width, height), shape = self.view.grid, self.detail, self.view.shape
        if self.rows_at_once == rows:
            return self.view.cut(self.detail)
        first = band * self.rows_at_once
        some = min(self.rows_at_once, rows - first)
        left, top, right, bottom = crop_box(self.flat.size, (cols * shape[0], rows * shape[1]))
        edges = [top + (bottom - top) * row / rows for row in (first, first + some)]
        box, size = (left, edges[0], right, min(edges[1], bottom)), (cols * width, some * height)
        small = self.flat.resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
        cells = np.asarray(small).reshape(some, height, cols, width, 3).swapaxes(1, 2)
        return cells.reshape(some * cols, height, width, 3)

    @functools.cached_property
    def flat(self) -> Image.Image:
        """The target, upright and in sRGB."""
        return shrink_photo(self.view.target, upright_size(self.view.target))
