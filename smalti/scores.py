# Made from smalti/scores.md by make tangle; edit that.
"""Score a mosaic, and count how it uses its photos; explained in scores.md."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from mosaic import Array
from smalti.features import average_regions
from smalti.grid import Cells, View


def colour_error(mosaic: Array, target: Array) -> tuple[float, float]:
    """Root mean square error, in levels, and mean CIEDE2000: (rows, cols, 3) sRGB levels each.

    Sharma, Wu and Dalal, The CIEDE2000 color-difference formula (Color Research and
    Application 30:1, 2005).
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    one, other = (np.asarray(image, np.float64) / 255 for image in (mosaic, target))
    seen = deltaE_ciede2000(rgb2lab(one), rgb2lab(other))  # type: ignore[no-untyped-call]
    return 255 * float(np.sqrt(((one - other) ** 2).mean())), float(seen.mean())


@dataclasses.dataclass
class Similarity:
    """Mean structural similarity of two images of (cols, rows) pixels, at most 1.

    Wang, Bovik, Sheikh and Simoncelli, Image quality assessment: from error visibility to
    structural similarity (IEEE Transactions on Image Processing 13:4, 2004).
    """

    size: tuple[int, int]
    total: float = 0.0
    windows: int = 0  # that were counted, in rows
    kept: Array | None = None

    def add(self, mosaic: Array, target: Array) -> None:
        """Count the windows that end in another band: (k, cols, 3) sRGB levels each."""
        from skimage.metrics import structural_similarity as ssim

        times = -(-7 // min(self.size))
        pair = np.stack((mosaic, target)).astype(np.float64).repeat(times, 1).repeat(times, 2)
        pair = pair if self.kept is None else np.concatenate((self.kept, pair), axis=1)
        fresh = pair.shape[1] - 6
        self.kept = pair[:, -6:] if fresh > 0 else pair
        if fresh > 0:
            found = ssim(*pair, channel_axis=2, data_range=255)  # type: ignore[no-untyped-call]
            self.total += fresh * float(found)
            self.windows += fresh

    @property
    def mean(self) -> float:
        """What has been counted, at least seven rows: the mean of all windows."""
        return self.total / self.windows


@dataclasses.dataclass(frozen=True)
class Scores:
    """How like its target a mosaic is, at the scale of its grid."""

    rmse: float  # in levels, 0 is best
    ciede2000: float  # in units that an eye just sees, 0 is best
    ssim: float  # structural similarity, 1 is best
    ssim_twice: float  # the same at twice the scale


def score_bands(pairs: Iterable[tuple[Array, Array]], grid: tuple[int, int]) -> Scores:
    """Score a mosaic of (cols, rows) cells by bands of it and of its target, from the top.

    Both are at twice the scale of the grid: (2 k, 2 cols, 3) sRGB, for k rows of cells.
    """
    (cols, rows), sums = grid, np.zeros(2)
    coarse, fine = Similarity(grid), Similarity((2 * cols, 2 * rows))
    for pair in pairs:
        fine.add(*pair)
        one, other = (image.reshape(-1, 2, cols, 2, 3).mean(axis=(1, 3)) for image in pair)
        coarse.add(one, other)
        rmse, ciede2000 = colour_error(one, other)
        sums += len(one) * np.array([rmse**2, ciede2000])
    squares, seen = (sums / rows).tolist()
    return Scores(squares**0.5, seen, coarse.mean, fine.mean)


def score(mosaic_image: Array, target_image: Array, grid: tuple[int, int]) -> Scores:
    """Score a mosaic of (cols, rows) cells: (H, W, 3) and (h, w, 3) sRGB, of the same view.

    >>> target = np.arange(0, 192, dtype=np.uint8).reshape(8, 8, 3)
    >>> score(target, target, (4, 4)).rmse
    0.0
    """
    twice = (2 * grid[0], 2 * grid[1])
    one, other = (average_regions(image[None], twice)[0] for image in (mosaic_image, target_image))
    return score_bands([(one, other)], grid)


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


def look(view: View) -> Iterator[Array]:
    """What a target looks like at twice the scale of the grid, in bands: (2 k, 2 cols, 3)."""
    cols = view.grid[0]
    for cells in Cells(view, (8, 8)).parts():
        quarters = average_regions(cells, (2, 2)).reshape(-1, cols, 2, 2, 3)
        yield quarters.swapaxes(1, 2).reshape(-1, 2 * cols, 3)


def side_by_side(seen: Array, view: View) -> Iterator[tuple[Array, Array]]:
    """Bands of what a mosaic looks like, (2 rows, 2 cols, 3), and of the target of a view."""
    top = 0
    for wanted in look(view):
        rows, top = slice(top, top + len(wanted)), top + len(wanted)
        empty = view.empty[rows.start // 2 : rows.stop // 2].repeat(2, 0).repeat(2, 1)
        yield np.where(empty[..., None], wanted, seen[rows]), wanted


def score_view(seen: Array, view: View) -> Scores:
    """Score what a mosaic looks like against the target of a view, to four decimals.

    `seen` is (2 rows, 2 cols, 3) sRGB, the mosaic at twice the scale of the grid.
    """
    found = score_bands(side_by_side(seen, view), view.grid)
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
