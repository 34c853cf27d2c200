# ~/~ begin <<fig/figures.md#fig/figures.py>>[init]
"""Draw the book's figures and measure its tables; the text is fig/figures.md."""

# ~/~ begin <<fig/figures.md#fig-imports>>[init]
import dataclasses
import io
import json
import platform
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle
from numpy.typing import NDArray
from PIL import Image, ImageDraw
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-own-imports>>[init]
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-own-imports>>[1]
import mosaic
from bench.decisions import Cost, measure_all, measure_command
from mosaic import Array
from smalti import choosing, output, scores, steps
from smalti.constraints import simple_constraints
from smalti.grid import GridSettings, make_view
from smalti.ground.archives import load_image
from smalti.ground.errors import MosaicError
from smalti.ground.files import atomic
from smalti.ground.settings import cores, load_settings, make_settings, options
from smalti.making import TableSettings
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-style>>[init]
PAPER, INK, FAINT = "#fbfaf7", "#33383d", "#c9cbc8"
ORANGE, TEAL, RED = "#d9772b", "#24798c", "#b23a48"
STYLE: Any = {
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": "medium",
    "font.size": 10,
    "legend.frameon": False,
    "patch.linewidth": 1,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-style>>[1]
def render(figure: Figure) -> Image.Image:
    """Turn a plot into an image."""
    figure.set_dpi(150)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def save(image: Image.Image, path: Path) -> None:
    """Save a figure: plots as .png, pictures as .jpg."""
    with atomic(path) as part:
        if path.suffix == ".png":
            image.save(part, optimize=True)
        else:
            part.write_bytes(best_jpeg(image))


def best_jpeg(image: Image.Image, most: int = 350_000) -> bytes:
    """An image as JPEG, of the best quality that needs at most so many bytes."""
    for quality in range(90, 5, -4):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= most:
            break
    return buffer.getvalue()
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-style>>[2]
def sheet(figure: Figure, width: float, height: float) -> Axes:
    """A blank area of width x height units, the origin at its top left."""
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    axis.axis("off")
    return axis


def place(axis: Axes, image: Any, x: float, y: float, side: float) -> None:
    """Place an image in the middle of a square whose top left is (x, y)."""
    pixels = np.asarray(image)
    high, wide = (side * length / max(pixels.shape[:2]) for length in pixels.shape[:2])
    x, y = x + (side - wide) / 2, y + (side - high) / 2
    limits = {"xlim": axis.get_xlim(), "ylim": axis.get_ylim()}
    smooth = "antialiased" if max(pixels.shape) > 20 else "nearest"
    axis.imshow(pixels, extent=(x, x + wide, y + high, y), interpolation=smooth)
    axis.set(**limits)


def arrow(axis: Axes, start: Any, end: Any, color: str = INK) -> None:
    """Draw an arrow from (x, y) to (x, y)."""
    look = {"arrowstyle": "-|>,head_width=.3,head_length=.6", "lw": 1.6, "shrinkA": 0}
    axis.annotate("", end, start, arrowprops={**look, "shrinkB": 0, "color": color})


def write(axis: Axes, x: float, y: float, text: str, size: float = 10, **look: Any) -> None:
    """Write a text around (x, y)."""
    axis.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": size, **look})
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-made>>[init]
@dataclasses.dataclass(frozen=True)
class Made:
    """What `make` has made in the folder of a project."""

    root: Path
    settings: mosaic.Settings
    store: mosaic.Store
    matches: dict[str, Array]  # by method, (rows, cols) each

    @property
    def thumb_res(self) -> tuple[int, int]:
        """The (width, height) of a thumbnail."""
        return self.store.thumb_res

    def draw(self, which: Array, size: tuple[int, int]) -> Array:
        """Thumbnails of a (width, height): (k, height, width, 3)."""
        return mosaic.read_thumbnails(self.store, which, size)

    def thumbnails(self, which: Sequence[int] | Array) -> Array:
        """Thumbnails (k, height, width, 3)."""
        return mosaic.read_thumbnails(self.store, which, self.thumb_res)

    def photo(self, number: int) -> str:
        """The path of a photo."""
        return str(Path(self.settings.image_path[0], self.store.names[number]))

    def open_target(self) -> Image.Image:
        """The whole target."""
        folder = self.settings.image_path[0]
        return load_image(mosaic.target_path(self.settings, folder, self.store.names))

    def target(self) -> Image.Image:
        """The target, cut to the shape of the mosaic, its longer side of 800 pixels."""
        rows, cols = self.matches["unique"].shape
        shape = (cols * self.thumb_res[0], rows * self.thumb_res[1])
        size = (round(800 * shape[0] / max(shape)), round(800 * shape[1] / max(shape)))
        return mosaic.shrink_photo(self.open_target(), size, shape)

    def cells(self) -> Array:
        """The mean colours of the target's cells: (rows, cols, 3)."""
        rows, cols = self.matches["unique"].shape
        cut = mosaic.cut_cells(self.open_target(), (cols, rows), self.thumb_res)
        return mosaic.mean_colour(cut).reshape(rows, cols, 3)

    def mosaic(self, method: str, width: int) -> Image.Image:
        """The finished mosaic, shrunk to a width."""
        with Image.open(self.root / f"mosaic_{method}.jpg") as whole:
            size = (width, round(width * whole.height / whole.width))
            whole.draft("RGB", (2 * size[0], 2 * size[1]))
            return whole.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def load_made(root: Path) -> Made:
    """Find what `make` has made."""
    settings = load_settings(mosaic.Settings, str(root / "config.toml"))
    target = str(root / settings.target) if settings.target else ""
    photos = tuple(str(root / path) for path in settings.image_path)
    data = root / settings.data_path
    store = mosaic.open_store(str(data / "thumbnails.h5"))
    matches = {
        way: steps.read_match(str(data / f"matches_{way}.tab"), store) for way in ("nearest", "unique")
    }
    settings = dataclasses.replace(settings, image_path=photos, target=target)
    return Made(root, settings, store, matches)
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-finished>>[init]
EYE, BELL = (0.374, 0.53), (0.49, 0.87)  # in the demo's target: from the left, from the top


def window(
    whole: Array, spot: tuple[float, float], cols: int, rows: int
) -> tuple[slice, slice]:
    """The (rows, cols) of some cells around a spot of a mosaic."""
    cuts = []
    for length, middle, size in zip(whole.shape, spot[::-1], (rows, cols), strict=False):
        start = max(0, min(round(middle * length - size / 2), length - size))
        cuts.append(slice(start, min(start + size, length)))
    return cuts[0], cuts[1]


def draw_finished(made: Made, height: int = 800, gap: int = 24) -> Image.Image:
    """The unique mosaic beside a part of it."""
    match = made.matches["unique"]
    down, across = window(match, EYE, 14, 16)
    bands = mosaic.paste_bands(made.draw, match[down, across], made.thumb_res)
    part = Image.fromarray(np.vstack(list(bands)))
    part = part.resize((round(height * part.width / part.height), height))
    cell = height / match.shape[0]
    wide = cell * made.thumb_res[0] / made.thumb_res[1]
    whole = made.mosaic("unique", round(wide * match.shape[1]))
    page = Image.new("RGB", (whole.width + gap + part.width, height), PAPER)
    page.paste(whole, (0, 0))
    page.paste(part, (whole.width + gap, 0))
    left, right = wide * across.start, wide * across.stop
    top, bottom = cell * down.start, cell * down.stop
    pen = ImageDraw.Draw(page, "RGBA")
    for corner, end in ((top, 0), (bottom, height)):
        pen.line((right, corner, whole.width + gap, end), (255, 255, 255, 120), 2)
    pen.rectangle((left, top, right, bottom), None, "white", 3)
    return page
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-four-steps>>[init]
@matplotlib.rc_context(STYLE)
def draw_four_steps(made: Made) -> Image.Image:
    """From a folder and a target to a mosaic."""
    figure = Figure(figsize=(10, 4))
    axis = sheet(figure, 20, 8)
    match = made.matches["unique"]
    down, across = window(match, BELL, 6, 6)
    part, colours = match[down, across], made.cells()[down, across]
    place_photos(axis, made, part.ravel()[::7])
    place_thumbnails(axis, made, part[::2, ::2])
    place_store(axis, made, part[1, 1:5])
    place(axis, made.target(), 0.5, 4.4, 2.7)
    place(axis, colours.astype(np.uint8), 4.9, 4.4, 2.7)
    place_numbers(axis, colours, part)
    place(axis, made.mosaic("unique", 900), 13.4, 0.7, 6.4)
    name_steps(axis)
    return render(figure)
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-four-steps>>[1]
def place_photos(axis: Axes, made: Made, which: Array) -> None:
    """Throw some photos on a heap."""
    spots = [(0.3, 0.4), (1.6, 0.5), (0.8, 1.2), (1.75, 1.75), (0.4, 1.9), (1.0, 0.8)]
    for i, (x, y), angle in zip(which, spots, (9, -7, 4, -11, 6, -3), strict=False):
        with Image.open(made.photo(i)) as photo:
            framed = Image.new("RGBA", (photo.width + 16, photo.height + 16), "white")
            framed.paste(photo, (8, 8))
        turned = framed.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        place(axis, turned, x, y, 1.55)


def place_thumbnails(axis: Axes, made: Made, which: Array) -> None:
    """Lay thumbnails out, apart from each other."""
    for (row, col), image in zip(
        np.ndindex(which.shape), made.thumbnails(which.ravel()), strict=True
    ):
        place(axis, image, 4.9 + 0.95 * col, 0.6 + 0.95 * row, 0.8)


def place_store(axis: Axes, made: Made, which: Array) -> None:
    """Draw the store as a file of two rows: thumbnails, and their mean colours."""
    axis.add_patch(
        FancyBboxPatch(
            (9.3, 0.75), 2.8, 2.4, "round,pad=.05,rounding_size=.2", fc="w", zorder=-1
        )
    )
    axis.text(9.45, 1.15, "jpeg", fontsize=7, family="monospace")
    axis.text(9.45, 2.3, "mean", fontsize=7, family="monospace")
    for col, (i, image) in enumerate(zip(which, made.thumbnails(which), strict=True)):
        place(axis, image, 9.45 + 0.62 * col, 1.25, 0.6)
        colour = made.store.mean[i] / 255
        axis.add_patch(Rectangle((9.45 + 0.62 * col, 2.4), 0.6, 0.5, fc=colour, lw=0))


def place_numbers(axis: Axes, colours: Array, part: Array) -> None:
    """Draw a part of the match: numbers on the colours of their cells."""
    place(axis, colours.astype(np.uint8), 9.35, 4.4, 2.7)
    side = 2.7 / max(part.shape)
    x, y = (2.7 - side * np.array(part.shape[::-1])) / 2 + (9.35, 4.4)
    for (row, col), number in np.ndenumerate(part):
        pen = "w" if colours[row, col].mean() < 140 else INK
        spot = x + side * (col + 0.5), y + side * (row + 0.5)
        write(axis, *spot, str(number), 5.5, color=pen)


def name_steps(axis: Axes) -> None:
    """Write the names under the pictures, and draw numbered arrows between them."""
    names = "photos", "thumbnails", "the store: one file", "target", "cells", "the match"
    for i, name in enumerate(names):
        write(axis, 1.85 + 4.4 * (i % 3), 3.65 + i // 3 * 3.9, name)
    write(axis, 16.6, 7.55, "the mosaic")
    for step, x, y in (
        (1, 3.6, 2),
        (2, 8, 2),
        (0, 3.6, 5.75),
        (3, 8, 5.75),
        (4, 12.3, 5.75),
    ):
        arrow(axis, (x, y), (x + 0.95, y))
        if step:
            badge = {"boxstyle": "circle,pad=.25", "fc": TEAL, "ec": "none"}
            write(axis, x + 0.42, y - 0.62, str(step), color="w", weight="bold", bbox=badge)
    arrow(axis, (10.7, 3.9), (10.7, 4.3))
    arrow(axis, (12.3, 2), (13.25, 2))
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-draft>>[init]
SCALES = {8: INK, 4: TEAL, 2: ORANGE, 1: RED}  # of 8


def frequencies() -> Array:
    """The 8 x 8 patterns of a JPEG's blocks, as one image with gaps."""
    x, sheet = np.arange(8), np.full((80, 80), np.nan)
    for v, u in np.ndindex(8, 8):
        waves = [np.cos((2 * x + 1) * k * np.pi / 16) for k in (v, u)]
        sheet[10 * v + 1 : 10 * v + 9, 10 * u + 1 : 10 * u + 9] = np.outer(*waves)
    return sheet


def draft_sizes(path: Path) -> Iterator[tuple[int, Image.Image]]:
    """Decode a photo at 8, 4, 2 and 1 eighths of its size."""
    for scale in SCALES:
        with Image.open(path) as photo:
            photo.draft("RGB", (photo.width * scale // 8, photo.height * scale // 8))
            yield scale, photo.convert("RGB")
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-draft>>[1]
@matplotlib.rc_context(STYLE)
def draw_draft(made: Made, opening: dict[str, list[Cost]]) -> Image.Image:
    """How draft works, and CPU time a photo against its size, as measured."""
    figure = Figure(figsize=(10, 3.4))
    axis = figure.add_axes((0.01, 0.08, 0.29, 0.84))
    axis.imshow(frequencies(), cmap="gray", interpolation="nearest")
    axis.axis("off")
    for scale, colour in SCALES.items():
        side = 10 * scale - 0.5
        axis.add_patch(Rectangle((0, 0), side, side, fc="none", ec=colour, lw=2.5))
    names = made.store.names
    path = Path(made.photo(made.settings.target_id % len(names)))
    place_drafts(figure.add_axes((0.31, 0.08, 0.33, 0.84)), path)
    plot_opening(figure.add_axes((0.7, 0.18, 0.28, 0.7)), opening)
    return render(figure)


def place_drafts(axis: Axes, path: Path) -> None:
    """Show what comes out of a decode at each scale."""
    axis.axis("off")
    axis.set(xlim=(-0.1, 12.9), ylim=(10.6, -0.1), aspect="equal")
    spots = {8: (0, 0, 0, 8.8), 4: (8.6, 0, 8.6, 4.8), 2: (8.6, 5.9, 10.9, 6.9)}
    spots[1] = (8.6, 8.5, 10.9, 9)
    for scale, photo in draft_sizes(path):
        left, top, right, middle = spots[scale]
        place(axis, photo, left, top, scale)
        frame = Rectangle((left, top), scale, scale, fc="none", ec=SCALES[scale], lw=2.5)
        axis.add_patch(frame)
        about = f"{scale}/8: {photo.width} x {photo.height}"
        axis.text(right, middle, about, fontsize=8, va="center")


def plot_opening(axis: Axes, opening: dict[str, list[Cost]]) -> None:
    """Plot CPU time a photo against its size, by `draft` and by `fit`."""
    pixels = [int(w) * int(h) / 1e6 for w, h in (name.split(" x ") for name in opening)]
    for name, colour, i in [("ImageOps.fit", ORANGE, 1), ("draft, then resize", TEAL, 0)]:
        times = [1000 * costs[i]["cpu"] for costs in opening.values()]
        axis.loglog(pixels, times, "o-", color=colour, label=name)
    for ticks in (axis.xaxis, axis.yaxis):
        ticks.set_major_formatter("{x:g}")
    axis.set(xlabel="million pixels", title="CPU milliseconds a photo")
    axis.legend()
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-kd-tree>>[init]
Leaf = tuple[Array, Array, Array]  # low corner, high corner, the points in it


def divide(
    points: Array, which: Array, low: Array, high: Array, axis: int = 0
) -> Iterator[Leaf]:
    """Divide points (n, 2) in halves, by one axis and the other, until 8 or fewer are left."""
    if len(which) <= 8:
        yield low, high, which
        return
    order = which[points[which, axis].argsort(kind="stable")]
    half = len(order) // 2
    below, above = high.copy(), low.copy()
    below[axis] = above[axis] = points[order[half - 1 : half + 1], axis].mean()
    yield from divide(points, order[:half], low, below, 1 - axis)
    yield from divide(points, order[half:], above, high, 1 - axis)


def look(points: Array, leaves: list[Leaf], query: Array) -> tuple[list[int], int]:
    """The boxes looked into for the point nearest to a query, and that point."""
    gaps = [
        float(((np.clip(query, low, high) - query) ** 2).sum()) for low, high, _ in leaves
    ]
    looked: list[int] = []
    best, nearest = np.inf, -1
    for gap, i in sorted(zip(gaps, range(len(leaves)), strict=True)):
        if gap >= best:
            break
        looked.append(i)
        away = ((points[leaves[i][2]] - query) ** 2).sum(axis=1)
        if away.min() < best:
            best, nearest = away.min(), int(leaves[i][2][away.argmin()])
    return looked, nearest
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-kd-tree>>[1]
def choose_query(points: Array, leaves: list[Leaf], cells: Array) -> Array:
    """A cell's colour for which the search looks into about three boxes, the larger the better."""

    def worth(query: Array) -> tuple[int, float]:
        looked, nearest = look(points, leaves, query)
        return -abs(len(looked) - 3), float(np.abs(points[nearest] - query).sum())

    some: Array = np.unique(cells, axis=0)
    return max(some[:: max(1, len(some) // 400)], key=worth)


@matplotlib.rc_context(STYLE)
def draw_kd_tree(made: Made) -> Image.Image:
    """The boxes of a k-d tree, and those that one query opens."""
    mean = made.store.mean[:: max(1, len(made.store.mean) // 200)][:200]
    points = mean[:, :2].astype(float)
    ends = np.zeros(2), np.full(2, 255.0)
    leaves = list(divide(points, np.arange(len(points)), *ends))
    query = choose_query(points, leaves, made.cells().reshape(-1, 3)[:, :2].astype(float))
    looked, nearest = look(points, leaves, query)
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    axis = figure.subplots()
    for i, (low, high, _) in enumerate(leaves):
        fill = TEAL if i in looked else "none"
        axis.add_patch(Rectangle(tuple(low), *(high - low), fc=fill, ec="none", alpha=0.22))
        axis.add_patch(Rectangle(tuple(low), *(high - low), fc="none", ec=FAINT))
    axis.scatter(
        points[:, 0], points[:, 1], s=42, c=mean / 255, edgecolors=INK, lw=0.5, zorder=2
    )
    radius = float(np.hypot(*(points[nearest] - query)))
    axis.add_patch(Circle(tuple(query), radius, fc="none", ec=RED, lw=1.5, zorder=3))
    axis.plot(*query, "x", color=RED, ms=9, mew=2.5, zorder=4)
    seen = sum(len(leaves[i][2]) for i in looked)
    axis.set(xlim=(0, 255), ylim=(0, 255), aspect="equal", xlabel="red", ylabel="green")
    boxes = f"{len(points)} photos in {len(leaves)} boxes"
    axis.set_title(f"{boxes}: {len(looked)} opened, {seen} photos compared")
    return render(figure)
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-transport>>[init]
def match_in_turn(tiles: Array, cells: Array) -> Array:
    """Each cell in its turn takes the nearest tile that is left."""
    left, match = tiles.astype(float), []
    for cell in cells:
        match.append(int(((left - cell) ** 2).sum(axis=1).argmin()))
        left[match[-1]] = np.inf
    return np.array(match)


def draw_lots(tiles: Array, cells: Array, tries: int = 400) -> tuple[Array, Array]:
    """Five tiles (5,) and four cells (4,) for which greed costs much more than need be."""
    rng, best, found = np.random.default_rng(1), 0.0, (np.arange(5), np.arange(4))
    bright = np.flatnonzero(tiles.mean(axis=1) > 60)
    for _ in range(tries):
        some = rng.choice(len(cells), 4, replace=False)
        gaps = ((tiles[bright, None] - cells[some]) ** 2).sum(axis=2).min(axis=1)
        five = rng.choice(bright[gaps.argsort()[:60]], 5, replace=False)
        few = tiles[five], cells[some]
        best_plan, plan = mosaic.match_unique(*few)[0], match_in_turn(*few)
        ratio = mosaic.match_cost(*few, plan) / mosaic.match_cost(*few, best_plan)
        apart = np.abs(few[1][:, None] - few[1]).sum(axis=2)[np.triu_indices(4, 1)].min()
        if apart > 60 and ratio > best:
            over = set(range(5)).difference(best_plan)
            best, found = ratio, (five[[*best_plan, *over]], some)
    return found
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-transport>>[1]
@matplotlib.rc_context(STYLE)
def draw_transport(made: Made) -> Image.Image:
    """Two plans for the same five photos and four cells."""
    tiles, cells = made.store.mean, made.cells().reshape(-1, 3)
    five, four = draw_lots(tiles, cells)
    tiles, cells, photos = tiles[five], cells[four], made.thumbnails(five)
    figure = Figure(figsize=(10, 3.9))
    axis = sheet(figure, 20, 7.8)
    ways = {
        "each cell in its turn": match_in_turn,
        "optimal transport": lambda *few: mosaic.match_unique(*few)[0],
    }
    for left, (name, way) in zip((0.6, 10.7), ways.items(), strict=True):
        match = way(tiles, cells)
        cost = mosaic.match_cost(tiles, cells, match)
        write(axis, left + 4.35, 0.5, f"{name}: cost {cost:,.0f}", weight="bold")
        place_plan(axis, left, photos, tiles, cells, match)
    return render(figure)


def place_plan(
    axis: Axes, left: float, photos: Array, tiles: Array, cells: Array, match: Array
) -> None:
    """Draw photos above, cells and the dummy below, and what each arrow costs."""
    for i, photo in enumerate(photos):
        place(axis, photo, left + 1.8 * i, 1.1, 1.5)
        hole = int(np.flatnonzero(match == i)[0]) if i in match else len(cells)
        work = ((tiles[i] - cells[hole]) ** 2).sum() if i in match else 0
        start, end = (left + 1.8 * i + 0.75, 2.75), (left + 1.8 * hole + 0.75, 5)
        arrow(axis, start, end, color=INK if i in match else "#8b9094")
        write(axis, end[0], 7, f"{work:,.0f}")
    for j, colour in enumerate([*(cells / 255), "none"]):
        style = "--" if j == len(cells) else "-"
        axis.add_patch(
            Rectangle((left + 1.8 * j, 5.1), 1.5, 1.5, fc=colour, ec=INK, ls=style)
        )
    write(axis, left + 1.8 * len(cells) + 0.75, 5.85, "dummy")
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-two-ways>>[init]
@matplotlib.rc_context(STYLE)
def draw_two_ways(made: Made) -> Image.Image:
    """Both mosaics, and how often they use the photos."""
    figure = Figure(figsize=(10, 6.9))
    axis = sheet(figure, 20, 13.8)
    for i, (method, colour) in enumerate((("nearest", ORANGE), ("unique", TEAL))):
        place(axis, made.mosaic(method, 705), 0.3 + 10 * i, 0.3, 9.4)
        plot_uses(
            figure.add_axes((0.035 + 0.5 * i, 0.075, 0.43, 0.17)), made, method, colour
        )
    return render(figure)


def plot_uses(axis: Axes, made: Made, method: str, colour: str) -> None:
    """Plot how many photos are used how often."""
    uses = np.bincount(made.matches[method].ravel(), minlength=len(made.store.names))
    borders = np.array([0, 1, 2, 4, 11, 51])
    counts = np.bincount(
        np.searchsorted(borders, uses, "right") - 1, minlength=len(borders)
    )
    names = ["never", "once", "2–3 times", "4–10", "11–50", "more"]
    bars = axis.bar(names, counts, color=colour)
    axis.bar_label(bars, [f"{count:,}" for count in counts], fontsize=8, color=INK)
    axis.set(yticks=[], ylim=(0, 1.15 * len(uses)))
    axis.spines["left"].set_visible(False)
    axis.tick_params(length=0)
    axis.set_title(f"{method}: photos that are used ...", loc="left")
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-ways>>[init]
FEATURE_WAYS: dict[str, dict[str, Any]] = {
    "mean": {},
    "pixels, 3 x 3": {"feature": "pixels", "detail": 3},
    "pixels, 5 x 5": {"feature": "pixels", "detail": 5},
    "histogram, 16 bins": {"feature": "histogram", "bins": 16},
    "histogram, 256 bins": {"feature": "histogram"},
}


USES = ("photos_used", "most_used", "equal_neighbours")


def match_by(made: Made, method: str, how: dict[str, Any]) -> dict[str, Any]:
    """The match of a method and a feature as a list, its scores and use of photos."""
    settings = make_settings(TableSettings, {"method": method, "repeats": "fewest", **how})
    grid = GridSettings(target_res=made.matches[method].shape[::-1])
    view = make_view(made.open_target(), made.thumb_res, grid)
    pair = choosing.make_tiles_and_cells(
        made.draw, made.store.mean, made.thumb_res, view, settings
    )
    unique = method == "unique"
    constraints = simple_constraints(len(pair[0]), len(pair[1]), settings, unique)
    match, _ = choosing.find_match(*pair, settings, constraints, view.empty)
    seen: list[Array] = []
    bands = mosaic.paste_bands(made.draw, match, made.thumb_res)
    for _ in scores.watch(bands, match.shape[1], seen):
        pass
    found = dataclasses.asdict(scores.score_view(np.concatenate(seen), view))
    uses = dataclasses.asdict(scores.count_uses(match, constraints.photo))
    return {"match": match.tolist(), **found, **{key: uses[key] for key in USES}}


def match_all(made: Made) -> dict[str, dict[str, Any]]:
    """Matches by all features and both methods, by name."""
    return {
        f"{name}; {method}": match_by(made, method, how)
        for name, how in FEATURE_WAYS.items()
        for method in made.matches
    }
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-ways>>[1]
def scores_table(found: dict[str, dict[str, Any]]) -> list[list[str]]:
    """The rows of the table of scores."""
    heads = ["RMSE", "CIEDE2000", "similarity", "at twice the scale"]
    rows = [["feature", "method", *heads, "photos used", "most often", "equal neighbours"]]
    for name, one in found.items():
        marks = [f"{one['rmse']:.1f}", f"{one['ciede2000']:.1f}"]
        marks += [f"{one[key]:.3f}" for key in ("ssim", "ssim_twice")]
        rows.append([*name.split("; "), *marks, *(f"{one[key]:,}" for key in USES)])
    return rows


@matplotlib.rc_context(STYLE)
def draw_ways(made: Made, found: dict[str, dict[str, Any]], side: int = 12) -> Image.Image:
    """Parts of mosaics by three features: the nearest match above, the unique one below."""
    names = ["mean", "pixels, 5 x 5", "histogram, 16 bins"]
    figure = Figure(figsize=(10, 7.2))
    axis = sheet(figure, 30, 21.6)
    for row, method in enumerate(made.matches):
        for col, name in enumerate(names):
            match = np.array(found[f"{name}; {method}"]["match"])
            part = match[window(match, EYE, 42, 42)]
            size = (side * part.shape[1], side * part.shape[0])
            bands = output.paste_exact(made.draw, part, size)
            place(axis, np.vstack(list(bands)), 0.3 + 9.9 * col, 0.3 + 10.7 * row, 9.6)
            write(axis, 5.1 + 9.9 * col, 10.3 + 10.7 * row, f"{name}, {method}")
    return render(figure)
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-dag>>[init]
ROUND = "round,pad=0,rounding_size=.2"
RULES = {"thumbnails": TEAL, "store": "#4f6d8f", "match": ORANGE, "paste": RED, "all": INK}


def ask_for_graph(root: Path, chunks: int = 3) -> str:
    """The graph of the whole workflow for some parts, as Snakemake describes it."""
    with tempfile.TemporaryDirectory() as data:
        words = [sys.executable, "-m", "snakemake", "--dag", "--forceall"]
        words += ["--config", f"chunks={chunks}", f"data_path={data}"]
        done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def read_graph(text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The labels and the edges of a graph; a job inherits the only label of its inputs."""
    labels = dict(re.findall(r'(\d+)\[label = "([^"]*)"', text))
    edges = re.findall(r"(\d+) -> (\d+)", text)
    for job, label in labels.items():
        above = {labels[a].partition("\\n")[2] for a, b in edges if b == job} - {""}
        if "\\n" not in label and len(above) == 1:
            labels[job] = f"{label}\\n{above.pop()}"
    return {job: label.replace("\\n", "\n") for job, label in labels.items()}, edges


def arrange(labels: dict[str, str]) -> dict[str, tuple[float, float]]:
    """A spot (x, y) for each job: a column for each rule, y around 0."""
    spots: dict[str, tuple[float, float]] = {}
    for x, rule in enumerate(RULES):
        jobs = sorted(
            (label, job) for job, label in labels.items() if label.startswith(rule)
        )
        spots |= {job: (x, i - (len(jobs) - 1) / 2) for i, (_, job) in enumerate(jobs)}
    return spots
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-dag>>[1]
@matplotlib.rc_context(STYLE)
def draw_dag(text: str) -> Image.Image:
    """The graph of the workflow, from left to right."""
    labels, edges = read_graph(text)
    spots = {job: (2 + 4 * x, 3.5 + 2.6 * y) for job, (x, y) in arrange(labels).items()}
    figure = Figure(figsize=(10, 3.5))
    axis = sheet(figure, 20, 7)
    for start, end in edges:
        (x, y), (right, bottom) = spots[start], spots[end]
        aside = 0.4 * np.sign(y - bottom)
        arrow(axis, (x + 1.4, y), (right - 1.45, bottom + aside), color="#8b9094")
    for job, (x, y) in spots.items():
        name, _, about = labels[job].partition("\n")
        shape = FancyBboxPatch((x - 1.4, y - 0.5), 2.8, 1, ROUND, fc=RULES[name], lw=0)
        axis.add_patch(shape)
        text = f"{name}\n{about.split(': ')[-1]}" if about else name
        write(axis, x, y, text, color="w")
    return render(figure)
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-steps>>[init]
def list_steps(made: Made, folder: str) -> Iterator[tuple[str, list[list[str]]]]:
    """The steps of the default run, with their commands."""
    settings, photos = made.settings, list(made.settings.image_path)
    parts = [f"{folder}/{i}" for i in range(settings.chunks)]
    store, stores = f"{folder}/thumbnails.h5", [f"{part}.h5" for part in parts]
    small = shlex.split(options(settings, mosaic.ThumbnailSettings) + " --workers 1")
    keys = (mosaic.TargetSettings, mosaic.CellSettings, mosaic.UseSettings)
    grid = ["--image-path", *photos, *shlex.split(options(settings, *keys))]
    yield "paint", [["data/cats.py", f"{folder}/cats"]]
    yield "thumbnails, in one process", [["thumbnails", *photos, f"{folder}/one.h5", *small]]
    steps.write_lists(steps.describe_photos(photos), parts)
    jobs = [["thumbnails", *photos, f"{part}.h5", "--list", part, *small] for part in parts]
    yield f"thumbnails, in {len(parts)} parts", jobs
    yield "store", [["merge", store, *stores]]
    for way in made.matches:
        words = ["match", store, f"{folder}/{way}.tab", "--method", way, *grid]
        yield f"match, {way}", [words]
    for way in made.matches:
        words = ["paste", store, f"{folder}/{way}.tab", f"{folder}/{way}.jpg"]
        yield f"paste, {way}", [words]


def measure_step(words: Sequence[str]) -> Cost:
    """Measure one command of the program: its median of three, or once if it is long."""
    program = [sys.executable] if words[0].endswith(".py") else [sys.executable, "-m", "smalti"]
    costs: list[Cost] = []
    while not costs or (len(costs) < 3 and costs[0]["cpu"] < 10):
        if words[0] == "thumbnails":
            Path(next(word for word in words if word.endswith(".h5"))).unlink(True)  # or there would be nothing to do
        costs.append(measure_command(*program, *words))
    return {key: median(cost[key] for cost in costs) for key in costs[0]}


def measure_steps(made: Made) -> dict[str, Cost]:
    """CPU seconds and peak megabytes of each step."""
    found: dict[str, Cost] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, jobs in list_steps(made, folder):
            costs = [measure_step(words) for words in jobs]
            cpu, peak = (sum(c["cpu"] for c in costs), max(c["peak"] for c in costs))
            found[name] = {"cpu": cpu, "peak": peak}
    return found
# ~/~ end
# ~/~ begin <<fig/figures.md#fig-steps>>[1]
def steps_table(steps: dict[str, Cost]) -> list[list[str]]:
    """The rows of the table of steps, and their sum as the workflow runs them."""
    rows = [["step", "CPU seconds", "memory at most, MB"]]
    rows += [[name, f"{c['cpu']:.1f}", f"{c['peak']:,.0f}"] for name, c in steps.items()]
    run = [
        c
        for name, c in steps.items()
        if name not in ("paint", "thumbnails, in one process")
    ]
    cpu, peak = sum(c["cpu"] for c in run), max(c["peak"] for c in run)
    return [
        *rows,
        ["**the workflow after painting**", f"**{cpu:.1f}**", f"**{peak:,.0f}**"],
    ]


def machine() -> str:
    """The machine on which all this was measured, in a line."""
    names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = names[0] if names else platform.processor() or platform.machine()
    return f"Python {platform.python_version()}, {cores()} cores of {name}"
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-decisions>>[init]
def saving(both: Sequence[Cost], key: str, unit: str, scale: float = 1) -> list[str]:
    """Two cells of the table: how many times less, and the two figures.

    >>> saving([{"cpu": 0.002}, {"cpu": 0.008}], "cpu", "ms", 1000)
    ['4.0 times less', '2.0 instead of 8.0 ms']
    """
    ours, other = (cost[key] * scale for cost in both)
    ratio, least = other / ours, min(ours, other)
    words = f"{ratio:.1f} times less" if ratio > 1 else f"{1 / ratio:.1f} times *more*"
    words = "about equal" if 0.95 < ratio < 1.05 else words
    digits = 2 - (least >= 1) - (least >= 100)
    return [words, f"{ours:,.{digits}f} instead of {other:,.{digits}f} {unit}"]


def decisions_table(found: dict[str, Any]) -> list[list[str]]:
    """The rows of the table of decisions."""
    rows = [["decision", "instead of", "for", "of", "", "figures"]]
    for shape, both in found["opening"].items():
        way = ["`draft`", "`ImageOps.fit`", f"a photo of {shape}", "CPU"]
        rows.append([*way, *saving(both, "cpu", "ms", 1000)])
    for count, both in found["store"].items():
        for verb in ("write", "read"):
            way = ["one array", "a dataset each", f"{verb} {int(count):,}", "CPU"]
            rows.append([*way, *saving(both[verb], "cpu", "s")])
    way = ["k-d tree", "brute force", "10,000 photos and cells", "CPU"]
    rows.append([*way, *saving(found["match"], "cpu", "s")])
    rows += workers_rows(found["workers"])
    for side, both in found["pasting"].items():
        way = ["bands", "one large array", f"{side} x {side} cells"]
        rows.append([*way, "CPU", *saving(both, "cpu", "s")])
        rows.append([*way, "memory", *saving(both, "peak", "MB")])
    return rows


def workers_rows(runs: list[dict[str, Any]]) -> list[list[str]]:
    """What processes save, and chunks: in CPU, and in waiting if the machine was quiet."""
    by = {(run["kind"], run["workers"], run["chunk"]): run for run in runs}
    workers, serial = cores(), by["serial", 1, 32]
    quiet = serial["wall"] < 1.2 * serial["cpu"]
    others = {
        "one process": serial,
        "threads": by["threads", workers, 32],
        "chunks of 1": by["processes", workers, 1],
    }
    rows, ours = [], f"{workers} processes, chunks of 32"
    for what, key in (("waiting", "wall"),) * quiet + (("CPU", "cpu"),):
        for name, other in others.items():
            both = by["processes", workers, 32], other
            rows.append([ours, name, "2,000 thumbnails", what, *saving(both, key, "s")])
    return rows
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-tables>>[init]
def write_table(
    document: Path, name: str, rows: Sequence[Sequence[str]], below: str = ""
) -> None:
    """Put a table, whose first row is its head, between its marks in a document."""
    text, mark = document.read_text(encoding="utf-8"), f"<!-- table: {name} -->\n"
    before, found, rest = text.partition(mark)
    old, end, after = rest.partition("<!-- end -->")
    if not found or not end or "<!-- table:" in old:
        raise MosaicError(f"{document} has no place for the table {name}; add its marks")
    rule = ["--:" if re.fullmatch(r"[*\d.,]+", word) else "---" for word in rows[-1]]
    lines = [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]
    table = "\n".join([*lines, *(["", below] if below else [])])
    fresh = f"{before}{mark}\n{table}\n\n{end}{after}"
    if fresh != text:
        with atomic(document) as part:
            part.write_text(fresh)
# ~/~ end

# ~/~ begin <<fig/figures.md#fig-command-line>>[init]
def measured(root: Path, name: str, measure: Callable[[], Any]) -> Any:
    """What was measured, from a file that is newer than the program, or anew."""
    path, program = root / "_build" / f"{name}.json", root / "mosaic.py"
    if not path.is_file() or path.stat().st_mtime < program.stat().st_mtime:
        found = measure()
        with atomic(path) as part:
            part.write_text(json.dumps(found, indent=1) + "\n")
    return json.loads(path.read_text())


def decisions(made: Made) -> Any:
    """What the decisions save."""
    return measured(
        made.root,
        "decisions",
        lambda: measure_all(made.settings.image_path[0], made.store.path),
    )


def all_ways(made: Made) -> Any:
    """Matches by all features."""
    return measured(made.root, "ways", lambda: match_all(made))


def jobs(made: Made) -> dict[str, Callable[[], None]]:
    """What draws each figure, and writes each table."""
    folder, book = made.root / "fig", made.root / "mosaic.md"
    choosing = made.root / "smalti/choosing.md"
    figures = {
        "finished.jpg": lambda: draw_finished(made),
        "four-steps.jpg": lambda: draw_four_steps(made),
        "draft.png": lambda: draw_draft(made, decisions(made)["opening"]),
        "kd-tree.png": lambda: draw_kd_tree(made),
        "transport.png": lambda: draw_transport(made),
        "two-ways.jpg": lambda: draw_two_ways(made),
        "ways.jpg": lambda: draw_ways(made, all_ways(made)),
        "dag.png": lambda: draw_dag(ask_for_graph(made.root)),
    }

    def steps() -> None:
        found = measured(made.root, "steps", lambda: measure_steps(made))
        write_table(book, "steps", steps_table(found), f"Measured with {machine()}.")

    return {
        name: lambda name=name: save(figures[name](), folder / name) for name in figures
    } | {
        "steps": steps,
        "scores": lambda: write_table(choosing, "scores", scores_table(all_ways(made))),
        "decisions": lambda: write_table(
            book, "decisions", decisions_table(decisions(made))
        ),
    }


def main(names: Sequence[str]) -> int:
    """Draw the figures, and write the tables, of these names; without names, all."""
    try:
        work = jobs(load_made(Path(__file__).resolve().parents[1]))
        for name in names or work:
            if name not in work:
                raise MosaicError(
                    f"there is no figure {name!r}; choose of {', '.join(work)}"
                )
            print(name, flush=True)
            work[name]()
    except MosaicError as error:
        print(f"figures: {error}", file=sys.stderr)
        return 2
    return 0
# ~/~ end

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
# ~/~ end