"""Mosaics for an eye that stands back: python bench/afar.py [PHOTOS TARGET...] prints a table.

Plain unique mosaics are compared with those that are placed for an eye some cells away
(`seen_from`), in 60 x 40 cells. Without arguments, the photos and targets are painted cats. With
--focus, it measures instead what a focus does to the errors inside a box and in all cells.

The errors of the cells' mean colours (in levels of brightness) are given as they are, of their
lightness, and after a blur of 2 cells. The last columns say what an eye sees of the whole
picture, after Zhang and Wandell, A spatial extension of CIELAB for digital color-image
reproduction (Journal of the Society for Information Display 5:1, 1997): light is turned to
three opponent colours, each is blurred by filters that were measured for the eye, and what is
left is compared, here by CIEDE2000. They depend on how many cells there are in a degree of the
field of view: a cell of 1 cm seen from 3 m makes 5, from 6 m 10.
"""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.ndimage import gaussian_filter
from skimage.color import deltaE_ciede2000, xyz2lab

import mosaic
from data import cats
from mosaic import Array, Store
from smalti.choosing import MatchSettings, find_match, make_tiles_and_cells
from smalti.constraints import simple_constraints
from smalti.grid import GridSettings, View, make_view
from smalti.ground.collection import list_photos

Floats = NDArray[np.float64]
GRID, THUMB, CELL = (60, 40), (24, 24), 8  # cells, pixels of a thumbnail, of a cell as seen
DISTANCES, CELLS_PER_DEGREE = (0, 1, 2, 4), (5, 10, 20)
LOOKS: tuple[dict[str, object], ...] = ({}, {"feature": "pixels", "colour": "oklab"})

# What an eye sees. Light in sRGB to XYZ (D65), and that to opponent colours: light and dark,
# red and green, blue and yellow; and for each the weights and widths, in degrees, of its filter.
TO_XYZ = np.array(
    [[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]]
)
TO_OPPONENTS = np.array(
    [[0.279, 0.72, -0.107], [-0.449, 0.29, -0.077], [0.086, -0.59, 0.501]]
)
FILTERS = (
    ((0.921, 0.0283), (0.105, 0.133), (-0.108, 4.336)),
    ((0.531, 0.0392), (0.330, 0.494)),
    ((0.488, 0.0536), (0.371, 0.386)),
)


def filtered(plane: Floats, parts: Sequence[tuple[float, float]], pixels: float) -> Floats:
    """A plane as an eye's filter leaves it, for so many pixels in a degree."""
    whole, found = sum(weight for weight, _ in parts), np.zeros_like(plane)
    for (
        weight,
        width,
    ) in parts:  # a filter exp(-(x/width)^2) is a Gauss blur of width/sqrt(2)
        sigma = min(width * pixels / 2**0.5, 2 * max(plane.shape))
        found += weight / whole * gaussian_filter(plane, sigma, mode="reflect", truncate=3)
    return found


def seen(image: Floats, pixels: float) -> Floats:
    """An (h, w, 3) sRGB image in Lab, as an eye sees it with so many pixels in a degree."""
    levels = image / 255
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    planes = np.moveaxis(light @ (TO_OPPONENTS @ TO_XYZ).T, -1, 0)
    pairs = zip(planes, FILTERS, strict=True)
    through = np.stack([filtered(plane, parts, pixels) for plane, parts in pairs], axis=-1)
    xyz = (through @ np.linalg.inv(TO_OPPONENTS).T).clip(0)
    return np.asarray(xyz2lab(xyz))


@dataclass(frozen=True)
class Case:
    """A target and the photos for it."""

    name: str
    store: Store
    view: View

    def draw(self, which: Array, size: tuple[int, int]) -> Array:
        """Decode thumbnails."""
        return mosaic.read_thumbnails(self.store, which, size)

    def match(self, settings: MatchSettings, weight: Array | None = None) -> Array:
        """The (rows, cols) match that settings ask for."""
        _, match = self.errors(settings, weight)
        return match

    def errors(
        self, settings: MatchSettings, weight: Array | None = None
    ) -> tuple[Floats, Array]:
        """Squared errors of the features in each cell, (m,), of a match, (rows, cols)."""
        both = make_tiles_and_cells(
            self.draw, self.store.mean, self.store.thumb_res, self.view, settings
        )
        n, m, unique = len(both[0]), len(both[1]), settings.method == "unique"
        known = simple_constraints(n, m, settings, unique)
        match, _ = find_match(*both, settings, known, self.view.empty, weight=weight)
        gaps = both[0][match.ravel()].astype(float) - both[1]
        return np.asarray((gaps**2).sum(axis=1)), match

    def marks(self, match: Array) -> Iterator[float]:
        """How good a match is: as it is, its lightness, after a blur; and as an eye sees it."""
        cells = mosaic.mean_colour(self.view.cut(THUMB)).astype(float)
        gaps = self.store.mean[match].astype(float) - cells.reshape(*match.shape, 3)
        blurred = gaussian_filter(gaps, (2, 2, 0), mode="reflect")
        for some in (gaps, gaps.mean(axis=-1), blurred):
            yield float(np.sqrt((some**2).mean()))
        size = (GRID[0] * CELL, GRID[1] * CELL)
        picture = np.vstack(list(mosaic.paste_bands(self.draw, match, (CELL, CELL))))
        target = ImageOps.fit(self.view.target, size, Image.Resampling.BOX)
        for cells_per_degree in CELLS_PER_DEGREE:
            pixels = CELL * cells_per_degree
            pair = (seen(np.asarray(one, float), pixels) for one in (picture, target))
            yield float(deltaE_ciede2000(*pair).mean())  # type: ignore[no-untyped-call]


def cases(words: Sequence[str], folder: str) -> Iterator[Case]:
    """Photos and targets that were asked for, or painted cats."""
    photos, targets = (words[0], words[1:]) if words else (f"{folder}/cats", [])
    if not words:
        cats.paint_collection(Path(photos), 4000)
    names = list_photos(photos)
    made = mosaic.make_thumbnails(names, photos, THUMB, workers=2)
    mosaic.write_store(f"{folder}/photos.h5", made, THUMB)
    store = mosaic.open_store(f"{folder}/photos.h5")
    painted = {f"cat {k}": cats.paint_cat(k) for k in (5019, 7, 42)} if not targets else {}
    for name, image in painted.items():
        yield Case(name, store, make_view(image, THUMB, GridSettings(target_res=GRID)))
    for path in targets:
        with Image.open(path) as image:
            target = ImageOps.exif_transpose(image).convert("RGB")
        yield Case(
            Path(path).stem, store, make_view(target, THUMB, GridSettings(target_res=GRID))
        )


def row(*parts: object) -> None:
    """Print a row of a table."""
    shown = (f"{part:.1f}" if isinstance(part, float) else str(part) for part in parts)
    print(f"| {' | '.join(shown)} |", flush=True)


def measure_distances(case: Case) -> None:
    """Print what a target looks like if it is placed for eyes at several distances."""
    for look in LOOKS:
        for distance in DISTANCES:
            start = time.process_time()
            match = case.match(MatchSettings(**look, seen_from=distance))  # type: ignore[arg-type]
            cpu = time.process_time() - start
            row(
                case.name,
                look.get("feature", "mean"),
                distance,
                *case.marks(match),
                f"{cpu:.1f}",
            )


def measure_focus(case: Case) -> None:
    """Print what a focus does to the errors, by method and features; nearest is a bound."""
    width, height = case.view.target.size
    box = (width // 3, height // 4, width // 3, height // 3)
    words = GridSettings(target_res=GRID, focus=(",".join(map(str, box)),))
    weight = make_view(case.view.target, THUMB, words).weight.ravel()
    inside = weight > 0.5
    for method in ("unique", "spread"):
        for look in LOOKS:
            spacing = 3 if method == "spread" else 0
            asked = MatchSettings(**look, method=method, spacing=spacing)  # type: ignore[arg-type]
            nearest = MatchSettings(**look, method="nearest")  # type: ignore[arg-type]
            plain, least = (case.errors(one)[0] for one in (asked, nearest))
            focused, _ = case.errors(asked, weight)
            parts = [
                focused[inside].sum() / plain[inside].sum(),
                focused.sum() / plain.sum(),
                least[inside].sum() / plain[inside].sum(),
            ]
            changes = [f"{100 * (part - 1):+.0f} %" for part in parts]
            row(case.name, method, look.get("feature", "mean"), *changes)


def main(words: Sequence[str]) -> int:
    """Print one of the two tables, row by row."""
    focus, words = "--focus" in words, [word for word in words if word != "--focus"]
    if len(words) == 1:
        print("say: python bench/afar.py [--focus] [PHOTOS TARGET...]", file=sys.stderr)
        return 2
    if focus:
        heads = ["target", "method", "feature", "inside", "in all", "at least, inside"]
    else:
        eyes = [f"as seen, {number} cells in a degree" for number in CELLS_PER_DEGREE]
        heads = [
            "target",
            "feature",
            "seen from",
            "error",
            "of lightness",
            "blurred",
            *eyes,
        ]
        heads.append("CPU s")
    row(*heads)
    row(*["---"] * len(heads))
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(words, folder):
            (measure_focus if focus else measure_distances)(case)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
