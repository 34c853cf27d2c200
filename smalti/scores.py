# Made from smalti/scores.md by make tangle; edit that.
"""Score a mosaic, and count how it uses its photos; explained in scores.md."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from mosaic import Array
from smalti.features import average_regions
from smalti.grid import View


def colour_error(mosaic: Array, target: Array) -> tuple[float, float]:
    """Root mean square error, in levels, and mean CIEDE2000: (rows, cols, 3) sRGB levels each.

    Sharma, Wu and Dalal, The CIEDE2000 color-difference formula (Color Research and
    Application 30:1, 2005).
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    one, other = (np.asarray(image, np.float64) / 255 for image in (mosaic, target))
    seen = deltaE_ciede2000(rgb2lab(one), rgb2lab(other))  # type: ignore[no-untyped-call]
    return 255 * float(np.sqrt(((one - other) ** 2).mean())), float(seen.mean())


def structural_similarity(mosaic: Array, target: Array) -> float:
    """Mean structural similarity, at most 1: (rows, cols, 3) sRGB levels each.

    Wang, Bovik, Sheikh and Simoncelli, Image quality assessment: from error visibility to
    structural similarity (IEEE Transactions on Image Processing 13:4, 2004).
    """
    from skimage.metrics import structural_similarity as ssim

    one, other = (np.asarray(image, np.float64) for image in (mosaic, target))
    times = -(-7 // min(one.shape[:2]))  # a small image is enlarged to fill a window
    one, other = (image.repeat(times, 0).repeat(times, 1) for image in (one, other))
    found = ssim(one, other, channel_axis=2, data_range=255)  # type: ignore[no-untyped-call]
    return float(found)


@dataclasses.dataclass(frozen=True)
class Scores:
    """How like its target a mosaic is, at the scale of its grid."""

    rmse: float  # in levels, 0 is best
    ciede2000: float  # in units that an eye just sees, 0 is best
    ssim: float  # structural similarity, 1 is best
    ssim_twice: float  # the same at twice the scale


def score(mosaic_image: Array, target_image: Array, grid: tuple[int, int]) -> Scores:
    """Score a mosaic of (cols, rows) cells: (H, W, 3) and (h, w, 3) sRGB, of the same view.

    >>> target = np.arange(0, 192, dtype=np.uint8).reshape(8, 8, 3)
    >>> score(target, target, (4, 4)).rmse
    0.0
    """
    pair = [mosaic_image[None], target_image[None]]
    one, other = (average_regions(image, grid)[0] for image in pair)
    fine = [average_regions(image, (2 * grid[0], 2 * grid[1]))[0] for image in pair]
    rmse, ciede2000 = colour_error(one, other)
    ssim, ssim_twice = structural_similarity(one, other), structural_similarity(*fine)
    return Scores(rmse, ciede2000, ssim, ssim_twice)


@dataclasses.dataclass(frozen=True)
class Uses:
    """How a match uses photos."""

    photos: int  # that there are
    photos_used: int  # at least once
    most_used: int  # how often the one that is used most
    equal_neighbours: int  # pairs of cells, side by side or one above the other


def count_uses(match: Array, photo: Array) -> Uses:
    """How a (rows, cols) match uses photos, given the (n,) photo of each tile.

    Cells below 0 are empty.

    >>> count_uses(np.array([[0, 0, 2], [1, 0, -1]]), np.arange(5))
    Uses(photos=5, photos_used=3, most_used=3, equal_neighbours=2)
    """
    shown, filled, photos = photo[match], match >= 0, len(np.unique(photo))
    uses = np.bincount(shown[filled], minlength=photos)
    beside = np.count_nonzero((shown[:, 1:] == shown[:, :-1]) & filled[:, 1:] & filled[:, :-1])
    below = np.count_nonzero((shown[1:] == shown[:-1]) & filled[1:] & filled[:-1])
    return Uses(
        photos=photos,
        photos_used=int(np.count_nonzero(uses)),
        most_used=int(uses.max()),
        equal_neighbours=int(beside + below),
    )


def watch(bands: Iterable[Array], cols: int, seen: list[Array]) -> Iterator[Array]:
    """Hand on bands, one for each row of cells; add to `seen` what they look like, reduced."""
    for band in bands:
        small = Image.fromarray(band).resize((2 * cols, 2), Image.Resampling.BOX)
        seen.append(np.asarray(small))
        yield band


def look(view: View) -> Array:
    """What a target looks like at twice the scale of the grid: (2 rows, 2 cols, 3) float64."""
    (cols, rows), quarters = view.grid, average_regions(view.cut((8, 8)), (2, 2))
    grid = quarters.reshape(rows, cols, 2, 2, 3).swapaxes(1, 2)
    return grid.reshape(2 * rows, 2 * cols, 3)


def score_view(seen: Array, view: View) -> Scores:
    """Score what a mosaic looks like against the target of a view, to four decimals.

    `seen` is (2 rows, 2 cols, 3) sRGB, the mosaic at twice the scale of the grid.
    """
    wanted, empty = look(view), view.empty.repeat(2, 0).repeat(2, 1)
    found = score(np.where(empty[..., None], wanted, seen), wanted, view.grid)
    filled = float(1 - view.empty.mean())
    return Scores(
        rmse=round(found.rmse / filled**0.5, 4),
        ciede2000=round(found.ciede2000 / filled, 4),
        ssim=round(found.ssim, 4),
        ssim_twice=round(found.ssim_twice, 4),
    )


def describe_score(scores: Scores) -> str:
    """The scores of a mosaic, in a line."""
    return (
        f"score    RMSE {scores.rmse:.1f} levels, CIEDE2000 {scores.ciede2000:.1f}, "
        f"structural similarity {scores.ssim:.3f}, "
        f"at twice the grid's scale {scores.ssim_twice:.3f}"
    )


def describe_uses(uses: Uses, most_used_photo: str) -> str:
    """How a match uses its photos, and the name of the one it uses most, in a line."""
    most, beside = uses.most_used, uses.equal_neighbours
    times = "once" if most == 1 else f"{most} times ({most_used_photo})"
    used = f"{uses.photos_used} of {uses.photos} photos"
    return f"used     {used}, none more than {times}; {beside} equal neighbours"
