# ~/~ begin <<smalti/ways.md#smalti/ways.py>>[init]
"""Cut, compare, choose and finish in every way, by name; explained in ways.md."""

# ~/~ begin <<smalti/ways.md#way-imports>>[init]
import dataclasses
import functools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps

import mosaic
from smalti import features, output
from smalti.demands import Demands, own_settings
from smalti.output import Array, Bands, Draw, Finish
from smalti.ground.photos import upright_size
from smalti.ground.settings import MosaicError
# ~/~ end

# ~/~ begin <<smalti/ways.md#look-at-the-target>>[init]
FEW, MANY = 1600, 10_000


def fit_grid(
    size: tuple[float, float], thumb_res: tuple[int, int], uses: int
) -> tuple[int, int]:
    """Choose (cols, rows) for a target of (width, height) and a number of uses of photos.

    >>> fit_grid((450, 300), (50, 50), 2400)
    (60, 40)
    """
    cells = max(FEW, min(uses, MANY))
    shape = size[0] / thumb_res[0] * thumb_res[1] / size[1]  # cols / rows

    def misfit(grid: tuple[int, int]) -> float:
        cols, rows = grid
        return abs(math.log(cols / rows / shape)) + 1 - cols * rows / cells

    most = max(1, min(cells, math.isqrt(int(cells / shape)) + 1))
    heights = range(max(1, most - most // 16 - 1), most + 1)
    return min(((max(1, min(round(h * shape), cells // h)), h) for h in heights), key=misfit)
# ~/~ end
# ~/~ begin <<smalti/ways.md#look-at-the-target>>[1]
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
# ~/~ end
# ~/~ begin <<smalti/ways.md#look-at-the-target>>[2]
@dataclasses.dataclass(frozen=True)
class View:
    """A target, cut into (cols, rows) cells of a shape, of which some may stay empty."""

    target: Image.Image
    grid: tuple[int, int]
    shape: tuple[float, float]  # (width, height) of a cell, in any unit
    empty: Array  # (rows, cols)

    def cut(self, detail: tuple[int, int] = (4, 4)) -> Array:
        """Cut the target into cells of (width, height) pixels: (m, height, width, 3)."""
        return mosaic.cut_cells(self.target, self.grid, self.shape, detail)


def make_view(
    target: Image.Image,
    thumb_res: tuple[int, int],
    settings: Any,
    photos: int = 0,
    mask: Image.Image | None = None,
) -> View:
    """See a target as the settings say; the grid may depend on the number of photos."""
    grid, shape = settings.target_res, (float(thumb_res[0]), float(thumb_res[1]))
    if settings.tile:
        if mask and upright_size(mask) == upright_size(target):
            mask = crop_to_tiles(mask, settings.tile, thumb_res)[0]
        target, grid = crop_to_tiles(target, settings.tile, thumb_res)
        shape = (target.width / grid[0], target.height / grid[1])
    elif 0 in grid:
        grid = fit_grid(wanted_size(settings) or upright_size(target), thumb_res, photos)
    if size := wanted_size(settings):
        if size[0] < grid[0] or size[1] < grid[1]:
            raise MosaicError(f"size = {size}: that is too small for {grid[0]} x {grid[1]} cells")
        shape = (size[0] / grid[0], size[1] / grid[1])
    empty = output.empty_cells(target, grid, shape)
    if mask:
        empty = empty | output.mask_cells(mask, grid, shape)
    if empty.all():
        raise MosaicError("no cell is left to fill: the target is transparent, or the mask dark")
    return View(target, grid, shape, empty)


def wanted_size(settings: Any) -> tuple[int, int] | None:
    """The exact size that the mosaic shall have, if the settings name one."""
    if 0 in settings.size and settings.size != (0, 0):
        raise MosaicError(f"size = {settings.size}: give width and height, or 0 0")
    return settings.size if any(settings.size) else None
# ~/~ end

# ~/~ begin <<smalti/ways.md#compare-in-any-way>>[init]
BATCH, PIXELS = 1024, 1 << 26  # thumbnails at once; pixels of a target at most


def make_tiles_and_cells(
    draw: Draw, mean: Array, thumb_res: tuple[int, int], view: View, settings: Any
) -> tuple[Array, Array]:
    """Features of n thumbnails, (n, f), and of the filled cells of a view, (m, f).

    `mean` is (n, 3), the thumbnails' mean RGB; `draw` decodes them.
    """
    filled = ~view.empty.ravel()
    if (settings.feature, settings.colour) == ("mean", "rgb"):
        tiles, cells = mean, mosaic.mean_rgb(view.cut()[filled])
    else:
        own: dict[str, Any] = own_settings(settings)
        how = {"feature": settings.feature, "colour": settings.colour, **own}
        make: Callable[[Array], Array] = functools.partial(features.make_features, **how)
        numbers = np.arange(len(mean))
        starts = range(0, max(1, len(mean)), BATCH)
        tiles = np.concatenate(
            [make(draw(numbers[i : i + BATCH], thumb_res)) for i in starts]
        )
        cells = make(view.cut(cell_size(view, thumb_res, settings.detail or 3))[filled])
    return features.weigh(tiles, settings.weights), features.weigh(cells, settings.weights)
# ~/~ end
# ~/~ begin <<smalti/ways.md#compare-in-any-way>>[1]
def cell_size(view: View, thumb_res: tuple[int, int], least: int) -> tuple[int, int]:
    """How large to cut the cells: as thumbnails, or smaller if there are very many."""
    pixels = view.empty.size * thumb_res[0] * thumb_res[1]
    scale = min(1.0, math.sqrt(PIXELS / pixels))
    width, height = (max(min(least, side), int(side * scale)) for side in thumb_res)
    return width, height
# ~/~ end

# ~/~ begin <<smalti/ways.md#choose-in-any-way>>[init]
def find_match(
    tiles: Array,
    cells: Array,
    settings: Any,
    demands: Demands,
    empty: Array,
    on_round: Callable[..., None] | None = None,
) -> tuple[Array, dict[str, Any]]:
    """Match (n, f) tiles and (m, f) cells by the method of the settings.

    Returns a (rows, cols) match, -1 where `empty`, (rows, cols), is true, and a report.
    Raises MosaicError.
    """
    report: dict[str, Any] = {"method": settings.method}
    if settings.spacing or settings.dither:
        match, more = match_in_grid(tiles, cells, settings, demands, empty)
    elif settings.method == "nearest":
        match, more = features.match_nearest(tiles, cells, settings.metric), {}
    else:
        match, more = match_unique(tiles, cells, settings, demands, on_round)
    cost = total_cost(tiles, cells, match, settings.metric)
    report |= more | {"cells": len(cells), "cost": cost}
    plain = settings.metric == "euclidean" and settings.weights == (1, 1, 1)
    if plain and settings.feature != "histogram" and settings.colour == "rgb":
        report["levels"] = round(math.sqrt(3 * cost / cells.size), 3)
    grid = np.full(empty.shape, -1)
    grid[~empty] = match
    return grid, report | count_uses(grid, demands.photo)


def count_uses(match: Array, photo: Array) -> dict[str, int]:
    """How a (rows, cols) match uses photos, given the (n,) photo of each tile."""
    photos = len(np.unique(photo))
    return {"photos": photos, **features.usage(np.where(match < 0, -1, photo[match]), photos)}
# ~/~ end
# ~/~ begin <<smalti/ways.md#choose-in-any-way>>[1]
def match_unique(
    tiles: Array,
    cells: Array,
    settings: Any,
    demands: Demands,
    on_round: Callable[..., None] | None = None,
) -> tuple[Array, dict[str, Any]]:
    """Match within budgets at the least cost: tile numbers (m,), and what is proven."""
    from smalti import placement  # here, for it takes half a second to load

    most, least = demands.most, demands.least
    squared = features.is_squared(settings.metric)
    if len(least) < len(tiles) and (settings.solver == "dense" or not squared):
        raise MosaicError("`variants` need solver = sparse and metric = euclidean or cosine")
    if not squared:
        costs = features.cost_matrix(tiles, cells, settings.metric)
        return mosaic.transport(costs, int(most[0]), int(least[0])), {}
    tiles, cells = (features.prepare(one, settings.metric) for one in (tiles, cells))
    if settings.solver == "dense":
        return mosaic.match_unique(tiles, cells, int(most[0]), int(least[0])), {}
    try:
        match, proof = placement.match_unique(
            tiles,
            cells,
            most,
            least,
            groups=demands.photo,
            pins=demands.pins,
            gap=settings.gap,
            time_limit=settings.time_limit or None,
            on_progress=on_round,
        )
    except placement.Infeasible as error:
        named = [f"the photo {name!r}" for name in demands.names]
        words = re.sub(r"photo (\d+)", lambda found: named[int(found[1])], str(error))
        raise MosaicError(words) from error
    found = proof.as_dict() | {"proof": proof.sentence()}
    if settings.metric == "cosine":
        found["bound"] /= 2  # as the cost
    return match, found
# ~/~ end
# ~/~ begin <<smalti/ways.md#choose-in-any-way>>[2]
def match_in_grid(
    tiles: Array, cells: Array, settings: Any, demands: Demands, empty: Array
) -> tuple[Array, dict[str, Any]]:
    """Match with regard to neighbours: tile numbers of the filled cells, (m,), and a report."""
    from scipy.ndimage import distance_transform_edt

    from smalti import placement

    if settings.method == "unique" and empty.any():
        raise MosaicError('`spacing` with empty cells needs method = "nearest"')
    number = np.zeros(empty.shape, np.int64)
    number[~empty] = np.arange(len(cells))
    row, col = distance_transform_edt(empty, return_distances=False, return_indices=True)
    full = cells[number[row, col].ravel()]
    if settings.dither:
        return features.match_dithered(tiles, full, empty.shape)[~empty.ravel()], {}
    tiles, full = (features.prepare(one, settings.metric) for one in (tiles, full))
    most = demands.most if settings.method == "unique" else None
    photo = demands.photo
    match = placement.match_spaced(tiles, full, empty.shape, settings.spacing, most, photo)[0]
    apart = np.where(empty.ravel(), len(tiles) + np.arange(empty.size), photo[match])
    near = placement.twins(apart.reshape(empty.shape), settings.spacing)[1]
    return match[~empty.ravel()], {"too_near": int(near)}
# ~/~ end
# ~/~ begin <<smalti/ways.md#choose-in-any-way>>[3]
def total_cost(tiles: Array, cells: Array, match: Array, metric: str) -> float:
    """The sum of all distances of a metric, or of their squares if it is Euclidean."""
    total = 0.0
    if features.is_squared(metric):
        tiles, cells = features.prepare(tiles, metric), features.prepare(cells, metric)
    for i in range(0, len(cells), BATCH):
        some, which = cells[i : i + BATCH], match[i : i + BATCH]
        if metric in ("euclidean", "cosine"):
            total += mosaic.match_cost(tiles, some, which)
        else:
            gaps = np.abs(tiles[which].astype(np.float64) - some)
            total += (gaps.sum(axis=1) if metric == "cityblock" else gaps.max(axis=1)).sum()
    return float(total / 2 if metric == "cosine" else total)
# ~/~ end
# ~/~ begin <<smalti/ways.md#choose-in-any-way>>[4]
def rank(
    tiles: Array, cells: Array, settings: Any, empty: Array
) -> tuple[Array, Array]:
    """The k best tiles of each cell, and their distances: (rows, cols, k), -1 where empty."""
    best = features.nearest_choices(tiles, cells, settings.metric, settings.choices)
    choices = np.full((*empty.shape, settings.choices), -1)
    distances = np.full(choices.shape, np.inf)
    choices[~empty], distances[~empty] = best
    return choices, distances
# ~/~ end
# ~/~ begin <<smalti/ways.md#choose-in-any-way>>[5]
def vary(choices: Array) -> Array:
    """Of the (rows, cols, k) best of each cell, the one used least so far: (rows, cols).

    >>> vary(np.array([[[0, 1], [0, 2], [0, 1]]])).tolist()
    [[0, 2, 1]]
    """
    uses, match = np.zeros(choices.max() + 1, np.int64), np.empty(choices.shape[:2], np.int64)
    for cell in np.ndindex(*match.shape):
        ranked = choices[cell]
        match[cell] = ranked[uses[ranked].argmin()]
        if match[cell] >= 0:  # or the cell is empty
            uses[match[cell]] += 1
    return match
# ~/~ end

# ~/~ begin <<smalti/ways.md#finish-in-any-way>>[init]
def make_finish(view: View, settings: Any) -> Finish | None:
    """The function that changes thumbnails at their places; none if they stay as they are."""
    if not settings.tint and not settings.blend:
        return None
    change = output.tint_tiles if settings.tint else output.blend_tiles
    cells, strength = view.cut((8, 8)), settings.tint or settings.blend
    return lambda tiles, places: change(tiles, cells[places], strength)
# ~/~ end
# ~/~ begin <<smalti/ways.md#finish-in-any-way>>[1]
def paste(
    draw: Draw,
    match: Array,
    thumb_res: tuple[int, int],
    size: tuple[int, int] | None = None,
    finish: Finish | None = None,
) -> tuple[tuple[int, int], Iterator[Array]]:
    """The (width, height) of a mosaic of a (rows, cols) match, and its bands, row by row."""
    rows, cols = match.shape
    usual = (cols * thumb_res[0], rows * thumb_res[1])
    size = size or usual
    empty = match < 0
    if size == usual and not finish and not empty.any():
        return size, mosaic.paste_bands(draw, match, thumb_res)
    return size, output.paste_exact(draw, match, size, finish)
# ~/~ end

# ~/~ begin <<smalti/ways.md#score-any-mosaic>>[init]
def watch(bands: Bands, cols: int, seen: list[Array]) -> Iterator[Array]:
    """Hand on bands, one for each row of cells; add to `seen` what they look like, reduced."""
    for band in bands:
        seen.append(np.asarray(Image.fromarray(band).resize((2 * cols, 2), BOX)))
        yield band


BOX = Image.Resampling.BOX


def look(view: View) -> Array:
    """What a target looks like at twice the scale of the grid: (2 rows, 2 cols, 3) float64."""
    (cols, rows), quarters = view.grid, features.average_regions(view.cut((8, 8)), (2, 2))
    grid = quarters.reshape(rows, cols, 2, 2, 3).swapaxes(1, 2)
    return grid.reshape(2 * rows, 2 * cols, 3)


def score(seen: Array, view: View) -> dict[str, float]:
    """Score what a mosaic looks like against the target of a view; empty cells are equal.

    `seen` is (2 rows, 2 cols, 3) sRGB, the mosaic at twice the scale of the grid.
    """
    wanted, empty = look(view), view.empty.repeat(2, 0).repeat(2, 1)
    found = features.score(np.where(empty[..., None], wanted, seen), wanted, view.grid)
    filled = 1 - view.empty.mean()
    found["rmse"], found["ciede2000"] = found["rmse"] / filled**0.5, found["ciede2000"] / filled
    return {name: round(float(value), 4) for name, value in found.items()}
# ~/~ end
# ~/~ begin <<smalti/ways.md#score-any-mosaic>>[1]
USES = ("photos", "photos_used", "most_used", "most_used_photo", "equal_neighbours")


def describe_score(report: dict[str, Any]) -> list[str]:
    """The scores of a mosaic, if it has any, in a line."""
    line = (
        "score    RMSE {rmse:.1f} levels, CIEDE2000 {ciede2000:.1f}, structural similarity "
        "{ssim:.3f}, at twice the grid's scale {ssim_twice:.3f}"
    )
    return [line.format(**report["score"])] if "score" in report else []


def describe_uses(report: dict[str, Any]) -> list[str]:
    """How a match uses its photos, in a line."""
    if not set(USES) <= set(report):
        return []
    most, beside = report["most_used"], report["equal_neighbours"]
    times = "once" if most == 1 else f"{most} times ({report['most_used_photo']})"
    used = f"{report['photos_used']} of {report['photos']} photos"
    return [f"used     {used}, none more than {times}; {beside} equal neighbours"]
# ~/~ end
# ~/~ end