# Made from fig/figures.md by make tangle; edit that.
"""Draw the book's figures, and measure its tables; explained in figures.md."""

import io
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle
from matplotlib.text import Text
from PIL import Image, ImageDraw

import mosaic
from bench.decisions import Cost
from fig import measuring
from fig.pictures import side_by_side
from fig.project import Project, cut_target, open_mosaic, open_project, target_colours
from mosaic import Array
from smalti import output
from smalti.ground.errors import MosaicError
from smalti.ground.files import atomic

PAPER, INK, GREY, FAINT = "#fbfaf7", "#33383d", "#8b9094", "#c9cbc8"
ORANGE, TEAL, BLUE, RED = "#d9772b", "#24798c", "#4f6d8f", "#b23a48"
STYLE: dict[str, object] = {
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


def render(figure: Figure) -> Image.Image:
    """Turn a plot into an image."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return Image.open(buffer).convert("RGB")


def save_figure(image: Image.Image, path: Path) -> None:
    """Save a figure, as .png or .jpg."""
    with atomic(path) as part:
        if path.suffix == ".png":
            image.save(part, optimize=True)
        else:
            part.write_bytes(best_jpeg(image))


def best_jpeg(image: Image.Image, limit: int = 350_000) -> bytes:
    """An image as JPEG, in the best quality that needs at most so many bytes."""
    for quality in range(90, 5, -4):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= limit:
            break
    return buffer.getvalue()


def sheet(figure: Figure, width: float, height: float) -> Axes:
    """A blank area of width x height units, the origin at its top left."""
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    axis.axis("off")
    return axis


def put(axis: Axes, picture: Image.Image | Array, x: float, y: float, side: float) -> None:
    """Put a picture in the middle of a square whose top left is (x, y)."""
    pixels = np.asarray(picture)
    high, wide = (side * length / max(pixels.shape[:2]) for length in pixels.shape[:2])
    x, y = x + (side - wide) / 2, y + (side - high) / 2
    limits = {"xlim": axis.get_xlim(), "ylim": axis.get_ylim()}
    smooth = "antialiased" if max(pixels.shape) > 20 else "nearest"
    axis.imshow(pixels, extent=(x, x + wide, y + high, y), interpolation=smooth)
    axis.set(**limits)


Point = tuple[float, float]


def arrow(axis: Axes, start: Point, end: Point, color: str = INK) -> None:
    """Draw an arrow."""
    look = {"arrowstyle": "-|>,head_width=.3,head_length=.6", "lw": 1.6, "color": color}
    axis.annotate("", end, start, arrowprops={**look, "shrinkA": 0, "shrinkB": 0})


def write(axis: Axes, spot: Point, text: str, size: float = 10, color: str = INK) -> Text:
    """Write a text around a point."""
    return axis.text(*spot, text, ha="center", va="center", fontsize=size, color=color)


EYE, BELL = (0.374, 0.53), (0.49, 0.87)  # from the left, from the top


def window(match: Array, spot: Point, cols: int, rows: int) -> tuple[slice, slice]:
    """The (rows, cols) of some cells around a spot of a (rows, cols) match."""
    cuts = []
    for length, middle, size in zip(match.shape, spot[::-1], (rows, cols), strict=True):
        start = max(0, min(round(middle * length - size / 2), length - size))
        cuts.append(slice(start, min(start + size, length)))
    return cuts[0], cuts[1]


def draw_finished(project: Project, height: int = 800, gap: int = 12) -> Image.Image:
    """The unique mosaic beside a part of it, with a gap that suits light pages and dark ones."""
    match, (wide, high) = project.matches["unique"], project.store.thumb_res
    down, across = window(match, EYE, 14, 16)
    bands = mosaic.paste_bands(project.draw, match[down, across], (wide, high))
    part = Image.fromarray(np.vstack(list(bands)))
    part = part.resize((round(height * part.width / part.height), height))
    cell = height / match.shape[0]
    whole = open_mosaic(project, "unique", round(cell * wide / high * match.shape[1]))
    page = side_by_side([whole, part], gap, GREY)
    left, right = (cell * wide / high * end for end in (across.start, across.stop))
    top, bottom = cell * down.start, cell * down.stop
    pen = ImageDraw.Draw(page, "RGBA")
    for corner, end in ((top, 0), (bottom, height)):
        pen.line((right, corner, whole.width + gap, end), (255, 255, 255, 120), 2)
    pen.rectangle((left, top, right, bottom), None, "white", 3)
    return page


@style.context(STYLE)
def draw_four_steps(project: Project) -> Image.Image:
    """From a folder and a target to a mosaic."""
    figure = Figure(figsize=(10, 4))
    axis = sheet(figure, 20, 8)
    match = project.matches["unique"]
    down, across = window(match, BELL, 6, 6)
    part, colours = match[down, across], target_colours(project)[down, across]
    put_photos(axis, project, part.ravel()[::7])
    put_thumbnails(axis, project, part[::2, ::2])
    put_store(axis, project, part[1, 1:5])
    put(axis, cut_target(project), 0.5, 4.4, 2.7)
    put(axis, colours.astype(np.uint8), 4.9, 4.4, 2.7)
    put_numbers(axis, colours, part)
    put(axis, open_mosaic(project, "unique", 900), 13.4, 0.7, 6.4)
    names = "photos", "thumbnails", "the store: one file", "target", "cells", "the match"
    for i, name in enumerate(names):
        write(axis, (1.85 + 4.4 * (i % 3), 3.65 + i // 3 * 3.9), name)
    write(axis, (16.6, 7.55), "the mosaic")
    for step, x, y in ((1, 3.6, 2), (2, 8, 2), (0, 3.6, 5.75), (3, 8, 5.75), (4, 12.3, 5.75)):
        arrow(axis, (x, y), (x + 0.95, y))
        if step:
            badge = write(axis, (x + 0.42, y - 0.62), str(step), color="w")
            badge.set(weight="bold", bbox={"boxstyle": "circle,pad=.25", "fc": TEAL, "ec": "none"})
    arrow(axis, (10.7, 3.9), (10.7, 4.3))
    arrow(axis, (12.3, 2), (13.25, 2))
    return render(figure)


def put_photos(axis: Axes, project: Project, which: Array) -> None:
    """Throw some photos on a heap."""
    spots = [(0.3, 0.4), (1.6, 0.5), (0.8, 1.2), (1.75, 1.75), (0.4, 1.9), (1.0, 0.8)]
    for i, (x, y), angle in zip(which, spots, (9, -7, 4, -11, 6, -3), strict=False):
        with Image.open(project.photo(i)) as photo:
            framed = Image.new("RGBA", (photo.width + 16, photo.height + 16), "white")
            framed.paste(photo, (8, 8))
        turned = framed.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        put(axis, turned, x, y, 1.55)


def put_thumbnails(axis: Axes, project: Project, which: Array) -> None:
    """Lay thumbnails out in rows."""
    images = project.thumbnails(which.ravel())
    for (row, col), image in zip(np.ndindex(which.shape), images, strict=True):
        put(axis, image, 4.9 + 0.95 * col, 0.6 + 0.95 * row, 0.8)


def put_store(axis: Axes, project: Project, which: Array) -> None:
    """Draw the store as a file of thumbnails and colours."""
    corners = "round,pad=.05,rounding_size=.2"
    axis.add_patch(FancyBboxPatch((9.3, 0.75), 2.8, 2.4, corners, fc="w", zorder=-1))
    axis.text(9.45, 1.15, "jpeg", fontsize=7, family="monospace")
    axis.text(9.45, 2.3, "mean", fontsize=7, family="monospace")
    for col, (i, image) in enumerate(zip(which, project.thumbnails(which), strict=True)):
        put(axis, image, 9.45 + 0.62 * col, 1.25, 0.6)
        colour = project.store.mean[i] / 255
        axis.add_patch(Rectangle((9.45 + 0.62 * col, 2.4), 0.6, 0.5, fc=colour, lw=0))


def put_numbers(axis: Axes, colours: Array, part: Array) -> None:
    """Draw a part of the match: numbers on the colours of their cells."""
    put(axis, colours.astype(np.uint8), 9.35, 4.4, 2.7)
    side = 2.7 / max(part.shape)
    x, y = (2.7 - side * np.array(part.shape[::-1])) / 2 + (9.35, 4.4)
    for (row, col), number in np.ndenumerate(part):
        pen = "w" if colours[row, col].mean() < 140 else INK
        write(axis, (x + side * (col + 0.5), y + side * (row + 0.5)), str(number), 5.5, pen)


SCALES = {8: INK, 4: TEAL, 2: ORANGE, 1: RED}  # eighths of the size


def frequencies() -> Array:
    """The 8 x 8 patterns of a JPEG's blocks, as one image with gaps: (80, 80)."""
    x, patterns = np.arange(8), np.full((80, 80), np.nan)
    for v, u in np.ndindex(8, 8):
        waves = [np.cos((2 * x + 1) * k * np.pi / 16) for k in (v, u)]
        patterns[10 * v + 1 : 10 * v + 9, 10 * u + 1 : 10 * u + 9] = np.outer(*waves)
    return patterns


def decode_smaller(path: str) -> Iterator[tuple[int, Image.Image]]:
    """Decode a photo at 8, 4, 2 and 1 eighths of its size."""
    for scale in SCALES:
        with Image.open(path) as photo:
            photo.draft("RGB", (photo.width * scale // 8, photo.height * scale // 8))
            yield scale, photo.convert("RGB")


@style.context(STYLE)
def draw_draft(project: Project, opening: Mapping[str, Sequence[Cost]]) -> Image.Image:
    """How draft works, and what it saves for each shape of photo, as measured."""
    figure = Figure(figsize=(10, 3.4))
    axis = figure.add_axes((0.01, 0.08, 0.29, 0.84))
    axis.imshow(frequencies(), cmap="gray", interpolation="nearest")
    axis.axis("off")
    for scale, colour in SCALES.items():
        side = 10 * scale - 0.5
        axis.add_patch(Rectangle((0, 0), side, side, fc="none", ec=colour, lw=2.5))
    path = project.photo(project.settings.target_id % len(project.store.names))
    put_decoded(figure.add_axes((0.31, 0.08, 0.33, 0.84)), path)
    plot_opening(figure.add_axes((0.7, 0.18, 0.28, 0.7)), opening)
    return render(figure)


def put_decoded(axis: Axes, path: str) -> None:
    """Show what comes out of a decode at each scale."""
    axis.axis("off")
    axis.set(xlim=(-0.1, 12.9), ylim=(10.6, -0.1), aspect="equal")
    spots = {8: (0, 0, 0, 8.8), 4: (8.6, 0, 8.6, 4.8), 2: (8.6, 5.9, 10.9, 6.9)}
    spots[1] = (8.6, 8.5, 10.9, 9)
    for scale, photo in decode_smaller(path):
        left, top, right, middle = spots[scale]
        put(axis, photo, left, top, scale)
        frame = Rectangle((left, top), scale, scale, fc="none", ec=SCALES[scale], lw=2.5)
        axis.add_patch(frame)
        about = f"{scale}/8: {photo.width} x {photo.height}"
        axis.text(right, middle, about, fontsize=8, va="center")


def plot_opening(axis: Axes, opening: Mapping[str, Sequence[Cost]]) -> None:
    """Plot CPU time a photo against its size, by `draft` and by `fit`."""
    pixels = [int(w) * int(h) / 1e6 for w, h in (shape.split(" x ") for shape in opening)]
    for name, colour, i in [("ImageOps.fit", ORANGE, 1), ("draft, then resize", TEAL, 0)]:
        times = [1000 * costs[i].cpu for costs in opening.values()]
        axis.loglog(pixels, times, "o-", color=colour, label=name)
    for ticks in (axis.xaxis, axis.yaxis):
        ticks.set_major_formatter("{x:g}")
    axis.set(xlabel="million pixels", title="CPU milliseconds a photo")
    axis.legend()


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


def search(points: Array, leaves: list[Leaf], query: Array) -> tuple[list[int], int]:
    """The boxes opened to find the point nearest to a query, and that point."""
    gaps = [float(((np.clip(query, low, high) - query) ** 2).sum()) for low, high, _ in leaves]
    opened: list[int] = []
    best, nearest = np.inf, -1
    for gap, i in sorted(zip(gaps, range(len(leaves)), strict=True)):
        if gap >= best:
            break
        opened.append(i)
        away = ((points[leaves[i][2]] - query) ** 2).sum(axis=1)
        if away.min() < best:
            best, nearest = away.min(), int(leaves[i][2][away.argmin()])
    return opened, nearest


def choose_query(points: Array, leaves: list[Leaf], cells: Array) -> Array:
    """The colour of a cell whose search opens about three boxes and ends far away."""

    def worth(query: Array) -> tuple[int, float]:
        opened, nearest = search(points, leaves, query)
        return -abs(len(opened) - 3), float(np.abs(points[nearest] - query).sum())

    some: Array = np.unique(cells, axis=0)
    return max(some[:: max(1, len(some) // 400)], key=worth)


@style.context(STYLE)
def draw_kd_tree(project: Project) -> Image.Image:
    """The boxes of a k-d tree, and those that one query opens."""
    mean = project.store.mean[:: max(1, len(project.store.mean) // 200)][:200]
    points, cells = (one[..., :2].astype(float) for one in (mean, target_colours(project)))
    leaves = list(divide(points, np.arange(len(points)), np.zeros(2), np.full(2, 255.0)))
    query = choose_query(points, leaves, cells.reshape(-1, 2))
    opened, nearest = search(points, leaves, query)
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    axis = figure.subplots()
    axis.set(xlim=(0, 255), ylim=(0, 255), aspect="equal", xlabel="red", ylabel="green")
    for i, (low, high, _) in enumerate(leaves):
        fill = TEAL if i in opened else "none"
        axis.add_patch(Rectangle(tuple(low), *(high - low), fc=fill, ec="none", alpha=0.22))
        axis.add_patch(Rectangle(tuple(low), *(high - low), fc="none", ec=FAINT))
    axis.scatter(points[:, 0], points[:, 1], s=42, c=mean / 255, edgecolors=INK, lw=0.5, zorder=2)
    radius = float(np.hypot(*(points[nearest] - query)))
    axis.add_patch(Circle(tuple(query), radius, fc="none", ec=RED, lw=1.5, zorder=3))
    axis.plot(*query, "x", color=RED, ms=9, mew=2.5, zorder=4)
    compared = sum(len(leaves[i][2]) for i in opened)
    boxes = f"{len(points)} photos in {len(leaves)} boxes"
    axis.set_title(f"{boxes}: {len(opened)} opened, {compared} photos compared")
    return render(figure)


def match_in_turn(tiles: Array, cells: Array) -> Array:
    """Each cell in its turn takes the nearest tile that is left: (n, f), (m, f) to (m,)."""
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
        apart = np.abs(few[1][:, None] - few[1]).sum(axis=2)[np.triu_indices(4, 1)].min()
        optimal, greedy = mosaic.match_unique(*few)[0], match_in_turn(*few)
        ratio = mosaic.match_cost(*few, greedy) / mosaic.match_cost(*few, optimal)
        if apart > 60 and ratio > best:
            over = set(range(5)).difference(optimal)
            best, found = ratio, (five[[*optimal, *over]], some)
    return found


@style.context(STYLE)
def draw_transport(project: Project) -> Image.Image:
    """Two plans for the same five photos and four cells."""
    tiles, cells = project.store.mean, target_colours(project).reshape(-1, 3)
    five, four = draw_lots(tiles, cells)
    tiles, cells, photos = tiles[five], cells[four], project.thumbnails(five)
    plans = {
        "each cell in its turn": match_in_turn(tiles, cells),
        "optimal transport": mosaic.match_unique(tiles, cells)[0],
    }
    figure = Figure(figsize=(10, 3.9))
    axis = sheet(figure, 20, 7.8)
    for left, (name, match) in zip((0.6, 10.7), plans.items(), strict=True):
        cost = mosaic.match_cost(tiles, cells, match)
        heading = write(axis, (left + 4.35, 0.5), f"{name}: cost {cost:,.0f}")
        heading.set_fontweight("bold")
        put_plan(axis, left, photos, tiles, cells, match)
    return render(figure)


def put_plan(
    axis: Axes, left: float, photos: Array, tiles: Array, cells: Array, match: Array
) -> None:
    """Draw photos above, cells and the dummy below, and what each arrow costs."""
    for i, photo in enumerate(photos):
        put(axis, photo, left + 1.8 * i, 1.1, 1.5)
        hole = int(np.flatnonzero(match == i)[0]) if i in match else len(cells)
        work = ((tiles[i] - cells[hole]) ** 2).sum() if i in match else 0
        start, end = (left + 1.8 * i + 0.75, 2.75), (left + 1.8 * hole + 0.75, 5)
        arrow(axis, start, end, color=INK if i in match else GREY)
        write(axis, (end[0], 7), f"{work:,.0f}")
    for j, colour in enumerate([*(cells / 255), "none"]):
        line, corner = "--" if j == len(cells) else "-", (left + 1.8 * j, 5.1)
        axis.add_patch(Rectangle(corner, 1.5, 1.5, fc=colour, ec=INK, ls=line))
    write(axis, (left + 1.8 * len(cells) + 0.75, 5.85), "dummy")


@style.context(STYLE)
def draw_two_ways(project: Project) -> Image.Image:
    """Both mosaics, and how often they use the photos."""
    figure = Figure(figsize=(10, 6.9))
    axis = sheet(figure, 20, 13.8)
    for i, (method, colour) in enumerate((("nearest", ORANGE), ("unique", TEAL))):
        put(axis, open_mosaic(project, method, 705), 0.3 + 10 * i, 0.3, 9.4)
        chart = figure.add_axes((0.035 + 0.5 * i, 0.075, 0.43, 0.17))
        plot_uses(chart, project, method, colour)
    return render(figure)


def plot_uses(axis: Axes, project: Project, method: str, colour: str) -> None:
    """Plot how many photos are used how often."""
    match, photos = project.matches[method], len(project.store.names)
    uses = np.bincount(match.ravel(), minlength=photos)
    borders = np.array([0, 1, 2, 4, 11, 51])
    group = np.searchsorted(borders, uses, "right") - 1
    counts = np.bincount(group, minlength=len(borders))
    names = ["never", "once", "2–3 times", "4–10", "11–50", "more"]
    bars = axis.bar(names, counts, color=colour)
    axis.bar_label(bars, [f"{count:,}" for count in counts], fontsize=8, color=INK)
    axis.set(yticks=[], ylim=(0, 1.15 * photos))
    axis.spines["left"].set_visible(False)
    axis.tick_params(length=0)
    axis.set_title(f"{method}: photos that are used ...", loc="left")


@style.context(STYLE)
def draw_ways(project: Project, found: measuring.Ways, side: int = 12) -> Image.Image:
    """Parts of mosaics by three features: the nearest match above, the unique one below."""
    figure = Figure(figsize=(10, 7.2))
    axis = sheet(figure, 30, 21.6)
    for row, method in enumerate(project.matches):
        for col, name in enumerate(["mean", "pixels, 5 x 5", "histogram, 16 bins"]):
            match = np.array(found[name][method].match)
            part = match[window(match, EYE, 42, 42)]
            size = (side * part.shape[1], side * part.shape[0])
            bands = output.paste_exact(project.draw, part, size)
            put(axis, np.vstack(list(bands)), 0.3 + 9.9 * col, 0.3 + 10.7 * row, 9.6)
            write(axis, (5.1 + 9.9 * col, 10.3 + 10.7 * row), f"{name}, {method}")
    return render(figure)


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


RULES = {"thumbnails": TEAL, "store": BLUE, "match": ORANGE, "paste": RED, "all": INK}


def arrange(labels: dict[str, str]) -> dict[str, Point]:
    """A spot (x, y) for each job: a column for each rule, y around 0."""
    spots: dict[str, Point] = {}
    for x, rule in enumerate(RULES):
        jobs = sorted((label, job) for job, label in labels.items() if label.startswith(rule))
        spots |= {job: (x, i - (len(jobs) - 1) / 2) for i, (_, job) in enumerate(jobs)}
    return spots


@style.context(STYLE)
def draw_dag(text: str) -> Image.Image:
    """The graph of the workflow, from left to right."""
    labels, edges = read_graph(text)
    spots = {job: (2 + 4 * x, 3.5 + 2.6 * y) for job, (x, y) in arrange(labels).items()}
    figure = Figure(figsize=(10, 3.5))
    axis = sheet(figure, 20, 7)
    for start, end in edges:
        (x, y), (right, bottom) = spots[start], spots[end]
        aside = 0.4 * float(np.sign(y - bottom))
        arrow(axis, (x + 1.4, y), (right - 1.45, bottom + aside), color=GREY)
    corners = "round,pad=0,rounding_size=.2"
    for job, (x, y) in spots.items():
        rule, _, about = labels[job].partition("\n")
        shape = FancyBboxPatch((x - 1.4, y - 0.5), 2.8, 1, corners, fc=RULES[rule], lw=0)
        axis.add_patch(shape)
        write(axis, (x, y), f"{rule}\n{about.split(': ')[-1]}" if about else rule, color="w")
    return render(figure)


FIGURES: dict[str, Callable[[Project], Image.Image]] = {
    "finished.jpg": draw_finished,
    "four-steps.jpg": draw_four_steps,
    "draft.png": lambda project: draw_draft(project, measuring.find_decisions(project).opening),
    "kd-tree.png": draw_kd_tree,
    "transport.png": draw_transport,
    "two-ways.jpg": draw_two_ways,
    "ways.jpg": lambda project: draw_ways(project, measuring.find_ways(project)),
    "dag.png": lambda project: draw_dag(ask_for_graph(project.root)),
}


def main(names: Sequence[str], root: Path) -> int:
    """Draw the figures, and write the tables, of these names; without names, all."""
    every = [*FIGURES, *measuring.TABLES]
    try:
        for name in names:
            if name not in every:
                raise MosaicError(f"there is no figure {name!r}; choose of {', '.join(every)}")
        project = open_project(root)
        for name in names or every:
            print(name, flush=True)
            if name in FIGURES:
                save_figure(FIGURES[name](project), root / "fig" / name)
            else:
                measuring.TABLES[name](project)
    except MosaicError as error:
        print(f"figures: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path(__file__).resolve().parents[1]))
