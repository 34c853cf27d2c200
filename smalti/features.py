# ~/~ begin <<smalti/features.md#smalti/features.py>>[init]
"""Compare images in many ways, and score a mosaic; explained in features.md."""

# ~/~ begin <<smalti/features.md#feature-imports>>[init]
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smalti.ground.settings import MosaicError

Array = NDArray[Any]
# ~/~ end

# ~/~ begin <<smalti/features.md#see-colours>>[init]
BLACK_TO_WHITE = 255 * 3**0.5


def rgb(images: Array) -> Array:
    """Levels from 0 to 255 as they are stored: (..., 3) uint8 sRGB to (..., 3) float32."""
    return images.astype(np.float32)
# ~/~ end
# ~/~ begin <<smalti/features.md#see-colours>>[1]
def linear(images: Array) -> Array:
    """Amounts of light from 0 to 255: (..., 3) uint8 sRGB to (..., 3) float32.

    >>> linear(np.array([0, 188, 255], np.uint8)).round()
    array([  0., 128., 255.], dtype=float32)
    """
    levels = np.arange(256) / 255
    light = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    table = (255 * light).astype(np.float32)
    found: Array = table[images]
    return found
# ~/~ end
# ~/~ begin <<smalti/features.md#see-colours>>[2]
def lab(images: Array) -> Array:
    """CIE Lab (D65), scaled by 4.4: (..., 3) uint8 sRGB to (..., 3) float32."""
    from skimage.color import rgb2lab

    colours: Array = rgb2lab(images.astype(np.float32) / 255)
    colours *= np.float32(BLACK_TO_WHITE / 100)
    return colours
# ~/~ end
# ~/~ begin <<smalti/features.md#see-colours>>[3]
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def oklab(images: Array) -> Array:
    """Oklab (Ottosson, 2020), scaled by 442: (..., 3) uint8 sRGB to (..., 3) float32."""
    cones = linear(images) @ (TO_CONES / 255).T.astype(np.float32)
    colours: Array = np.cbrt(cones) @ (BLACK_TO_WHITE * TO_OKLAB).T.astype(np.float32)
    return colours
# ~/~ end
# ~/~ begin <<smalti/features.md#see-colours>>[4]
COLOURS: dict[str, Callable[[Array], Array]] = {
    "rgb": rgb,
    "linear": linear,
    "lab": lab,
    "oklab": oklab,
}
# ~/~ end

# ~/~ begin <<smalti/features.md#describe-images>>[init]
def overlaps(length: int, parts: int) -> Array:
    """How much of each pixel in a line is in each of some equal parts: (parts, length).

    >>> overlaps(3, 2)
    array([[1. , 0.5, 0. ],
           [0. , 0.5, 1. ]])
    """
    ends, starts = np.linspace(0, length, parts + 1)[:, None], np.arange(length)
    shared: Array = np.minimum(ends[1:], starts + 1) - np.maximum(ends[:-1], starts)
    return shared.clip(0)
# ~/~ end
# ~/~ begin <<smalti/features.md#describe-images>>[1]
def average_regions(images: Array, size: tuple[int, int]) -> Array:
    """Average a grid of (cols, rows) equal regions: (k, h, w, c) to (k, rows, cols, c) float64."""
    (cols, rows), (k, height, width, channels) = size, images.shape
    bands = overlaps(height, rows) @ images.reshape(k, height, width * channels)
    sums = overlaps(width, cols) @ bands.reshape(k * rows, width, channels)
    means: Array = sums / (height * width / (rows * cols))
    return means.reshape(k, rows, cols, channels)
# ~/~ end
# ~/~ begin <<smalti/features.md#describe-images>>[2]
def pixels(images: Array, detail: int = 3) -> Array:
    """Mean colours of detail x detail regions, rounded: (k, h, w, 3) to (k, 3 detail²) float32.

    Raises MosaicError if there are fewer pixels than regions across or down.
    """
    k, height, width, _ = images.shape
    if not 1 <= detail <= min(height, width):
        most = min(height, width)
        raise MosaicError(
            f"detail = {detail}: of {width} x {height} pixels it can be 1 to {most}"
        )
    regions: Array = np.rint(average_regions(images, (detail, detail)))
    return regions.astype(np.float32).reshape(k, 3 * detail**2)


def mean(images: Array) -> Array:
    """Mean colour, rounded: (k, h, w, 3) to (k, 3) float32.

    >>> mean(np.array([[[[0, 10, 20], [10, 20, 255]]]], np.uint8))
    array([[  5.,  15., 138.]], dtype=float32)
    """
    return pixels(images, detail=1)
# ~/~ end
# ~/~ begin <<smalti/features.md#describe-images>>[3]
def limits(colour: str) -> tuple[Array, Array]:
    """The lowest and the highest value of each channel of a colour space: (3,) and (3,)."""
    corners = np.array(list(np.ndindex(2, 2, 2)), np.uint8) * 255
    extremes = COLOURS[colour](corners)
    return extremes.min(axis=0), extremes.max(axis=0)


def histogram(images: Array, bins: int = 256, colour: str = "rgb") -> Array:
    """Shares of pixels in equal bins of each channel: (k, h, w, 3) to (k, 3 bins) float32.

    As in every feature, the channel is the last axis: bin 0 of red, green, blue, then bin 1.
    """
    if not 1 <= bins <= 256:
        raise MosaicError(f"bins = {bins}: it must be from 1 to 256")
    (low, high), (k, height, width, _) = limits(colour), images.shape
    place = ((images - low) * (bins / (high - low))).astype(np.int64).clip(0, bins - 1)
    place += bins * np.arange(k)[:, None, None, None]
    counts = np.bincount((3 * place + np.arange(3)).ravel(), minlength=3 * bins * k)
    shares: Array = (counts / (height * width)).astype(np.float32)
    return shares.reshape(k, 3 * bins)
# ~/~ end
# ~/~ begin <<smalti/features.md#describe-images>>[4]
FEATURES: dict[str, Callable[..., Array]] = {
    "mean": mean,
    "pixels": pixels,
    "histogram": histogram,
}


def accepted(feature: str) -> set[str]:
    """The names of the options that a feature has."""
    return set(list(inspect.signature(FEATURES[feature]).parameters)[1:])
# ~/~ end
# ~/~ begin <<smalti/features.md#describe-images>>[5]
def look_up(name: str, word: str, table: dict[str, Any]) -> Any:
    """What a table has under a word; without it, a MosaicError that names the others."""
    if word not in table:
        raise MosaicError(f"{name} = {word!r}: choose {' or '.join(table)}")
    return table[word]


def check_options(feature: str, *options: str) -> None:
    """Raise MosaicError if a feature does not have these options."""
    look_up("feature", feature, FEATURES)
    for name in options:
        owners = [owner for owner in FEATURES if name in accepted(owner)]
        if feature not in owners:
            raise MosaicError(f"`{name}` needs feature = {' or '.join(owners) or 'another'}")
# ~/~ end
# ~/~ begin <<smalti/features.md#describe-images>>[6]
AT_ONCE = 1 << 20  # pixels


def make_features(
    images: Array, feature: str = "mean", colour: str = "rgb", **options: Any
) -> Array:
    """Make a feature of images in a colour space: (k, h, w, 3) uint8 sRGB to (k, f) float32.

    `options` are those of the feature: `detail` or `bins`. Raises MosaicError.
    """
    check_options(feature, *options)
    make, convert = FEATURES[feature], look_up("colour", colour, COLOURS)
    if "colour" in accepted(feature):
        options["colour"] = colour
    block = max(1, AT_ONCE // (images.shape[1] * images.shape[2]))
    starts = range(0, max(1, len(images)), block)
    return np.concatenate([make(convert(images[i : i + block]), **options) for i in starts])
# ~/~ end

# ~/~ begin <<smalti/features.md#measure-distances>>[init]
METRICS = {"euclidean": 2.0, "cityblock": 1.0, "chebyshev": np.inf, "cosine": 2.0}


def is_squared(metric: str) -> bool:
    """Whether the cost is a squared Euclidean distance, of features that are prepared for it."""
    return METRICS[metric] == 2
# ~/~ end
# ~/~ begin <<smalti/features.md#measure-distances>>[1]
def weigh(features: Array, weights: Sequence[float] = (1, 1, 1)) -> Array:
    """Multiply channels by weights: (k, f) to (k, f); f is a multiple of 3, channels last."""
    if tuple(weights) == (1, 1, 1):
        return features
    if len(weights) != 3 or not all(0 <= one < np.inf for one in weights) or not any(weights):
        raise MosaicError(f"weights = {list(weights)}: give three numbers from 0 on, not all 0")
    if features.shape[1] % 3:
        raise MosaicError("`weights` needs a feature of three channels")
    factors = np.tile(np.array(weights, np.float32), features.shape[1] // 3)
    weighed: Array = features * factors
    return weighed
# ~/~ end
# ~/~ begin <<smalti/features.md#measure-distances>>[2]
def prepare(
    features: Array, metric: str = "euclidean", weights: Sequence[float] = (1, 1, 1)
) -> Array:
    """Features whose squared Euclidean distance serves for a metric: (k, f) to (k, f).

    For `cosine` it is twice the cosine distance; black, without direction, counts as grey.
    Raises MosaicError for `cityblock` and `chebyshev`, for which there is none.
    """
    if not is_squared(metric):
        raise MosaicError(
            f"metric = {metric} is no squared distance; set metric = euclidean or cosine"
        )
    features = weigh(features, weights)
    if metric == "euclidean":
        return features
    unit: Array = np.where(features.any(axis=1, keepdims=True), features, 1)
    unit = unit.astype(np.float32, copy=False)
    squares = np.einsum("ij,ij->i", unit, unit, dtype=np.float64)
    unit /= np.sqrt(squares)[:, None]
    return unit
# ~/~ end
# ~/~ begin <<smalti/features.md#measure-distances>>[3]
PAIRS = 25_000_000


def cost_matrix(tiles: Array, cells: Array, metric: str = "euclidean") -> Array:
    """Costs of all pairs, (n, f) and (m, f) to (n, m): distances, squared if they are Euclidean.

    Raises MosaicError for more than 25 million pairs.
    """
    from scipy.spatial.distance import cdist

    if len(tiles) * len(cells) > PAIRS:
        raise MosaicError(
            f"metric = {metric} with method = unique needs the costs of all pairs: {len(tiles)} "
            f"photos times {len(cells)} cells exceed {PAIRS}; set metric = euclidean or cosine"
        )
    if METRICS[metric] == 2:
        tiles, cells = prepare(tiles, metric), prepare(cells, metric)
    name = "sqeuclidean" if METRICS[metric] == 2 else metric
    costs: Array = cdist(tiles, cells, name)
    return costs / 2 if metric == "cosine" else costs
# ~/~ end

# ~/~ begin <<smalti/features.md#find-the-nearest>>[init]
def choose_by_tree(tiles: Array, cells: Array, r: float, k: int) -> tuple[Array, Array]:
    """The k nearest tiles of each cell, and their distances: (m, k) and (m, k); few features."""
    from scipy.spatial import cKDTree

    tree = cKDTree(tiles, leafsize=128, balanced_tree=False, compact_nodes=False)
    distances, match = tree.query(cells, k=list(range(1, k + 1)), p=r)
    return match.astype(np.int64), distances
# ~/~ end
# ~/~ begin <<smalti/features.md#find-the-nearest>>[1]
def compare(tiles: Array, cells: Array, r: float) -> Array:
    """Distances, or for r = 2 what orders like them, of all pairs: (m, n) float32."""
    from scipy.spatial.distance import cdist

    if r == 2:
        squares = np.einsum("ij,ij->i", tiles, tiles) / 2
        rough: Array = cells @ tiles.T
        np.subtract(squares, rough, out=rough)
        return rough
    name = "cityblock" if r == 1 else "chebyshev"
    rough, cells = np.empty((len(cells), len(tiles)), np.float32), cells.astype(np.float64)
    for i in range(0, len(tiles), 64):
        rough[:, i : i + 64] = cdist(cells, tiles[i : i + 64], name)
    return rough
# ~/~ end
# ~/~ begin <<smalti/features.md#find-the-nearest>>[2]
MEMORY, SPARE = 1 << 26, 4


def choose_by_force(tiles: Array, cells: Array, r: float, k: int) -> tuple[Array, Array]:
    """The k nearest tiles of each cell, and their distances: (m, k) and (m, k)."""
    (n, f), m = tiles.shape, len(cells)
    tiles, keep = tiles.astype(np.float32, copy=False), min(n, k + SPARE)
    match, distances = np.empty((m, k), np.int64), np.empty((m, k))
    block = max(1, MEMORY // max(4 * n, 8 * keep * f))
    for start in range(0, m, block):
        some = cells[start : start + block].astype(np.float32, copy=False)
        near = compare(tiles, some, r).argpartition(keep - 1, axis=1)[:, :keep]
        near.sort(axis=1)
        gaps = np.subtract(tiles[near], some[:, None], dtype=np.float64)
        exact = np.linalg.norm(gaps, ord=r, axis=2)
        order = exact.argsort(axis=1, kind="stable")[:, :k]
        match[start : start + block] = np.take_along_axis(near, order, axis=1)
        distances[start : start + block] = np.take_along_axis(exact, order, axis=1)
    return match, distances
# ~/~ end
# ~/~ begin <<smalti/features.md#find-the-nearest>>[3]
FEW = 16


def nearest_choices(
    tiles: Array, cells: Array, metric: str = "euclidean", k: int = 1
) -> tuple[Array, Array]:
    """The k nearest tiles of each cell, best first, and distances: (m, k) int64 and (m, k).

    `tiles` are (n, f) and `cells` (m, f) features. Raises MosaicError if k exceeds n.
    """
    if not 1 <= k <= len(tiles):
        raise MosaicError(f"choices = {k}: there are {len(tiles)} photos to choose from")
    if metric == "cosine":
        tiles, cells = prepare(tiles, metric), prepare(cells, metric)
    choose = choose_by_tree if tiles.shape[1] <= FEW else choose_by_force
    match, distances = choose(tiles, cells, METRICS[metric], k)
    return match, distances**2 / 2 if metric == "cosine" else distances


def match_nearest(
    tiles: Array, cells: Array, metric: str = "euclidean", k: int = 1
) -> Array:
    """The nearest tile of each cell, (m,), or for k > 1 the k nearest, (m, k).

    >>> match_nearest(np.array([[0.0], [10.0]]), np.array([[9.0], [2.0], [8.0]]))
    array([1, 0, 1])
    """
    match = nearest_choices(tiles, cells, metric, k)[0]
    return match[:, 0] if k == 1 else match
# ~/~ end

# ~/~ begin <<smalti/features.md#diffuse-the-error>>[init]
SHARES = ((0, 1, 7 / 16), (1, -1, 3 / 16), (1, 0, 5 / 16), (1, 1, 1 / 16))


def match_dithered(tiles: Array, cells: Array, shape: tuple[int, int]) -> Array:
    """The nearest tile of each cell, errors diffused: (n, f) and (m, f) to (m,); m = rows · cols.

    `shape` is (rows, cols). Rows are gone through to and fro. Floyd and Steinberg, An adaptive
    algorithm for spatial grey scale (Proceedings of the SID 17:2, 1976).
    """
    from scipy.spatial import cKDTree

    (rows, cols), tree, match = shape, cKDTree(tiles), np.empty(shape, np.int64)
    low, high = tiles.min(axis=0), tiles.max(axis=0)
    asked = np.pad(cells.astype(np.float64).reshape(rows, cols, -1), ((0, 1), (1, 1), (0, 0)))
    for row in range(rows):
        way = 1 if row % 2 == 0 else -1
        for col in range(cols)[::way]:
            colour = np.clip(asked[row, col + 1], low, high)
            match[row, col] = tree.query(colour)[1]
            error = colour - tiles[match[row, col]]
            for down, ahead, share in SHARES:
                asked[row + down, col + 1 + way * ahead] += share * error
    return match.ravel()
# ~/~ end

# ~/~ begin <<smalti/features.md#refuse-what-does-not-go-together>>[init]
def check_choices(
    feature: str = "mean",
    colour: str = "rgb",
    metric: str = "euclidean",
    method: str = "nearest",
    dither: bool = False,
    **options: Any,
) -> None:
    """Raise MosaicError, by name, if choices do not exist or do not go together."""
    check_options(feature, *options)
    look_up("colour", colour, COLOURS)
    look_up("metric", metric, METRICS)
    for wrong, words in [
        (metric == "cosine" and "lab" in colour, "`cosine` needs colour = rgb or linear"),
        (dither and feature != "mean", "`dither` needs feature = mean"),
        (dither and metric != "euclidean", "`dither` needs metric = euclidean"),
        (dither and method != "nearest", "`dither` needs method = nearest"),
    ]:
        if wrong:
            raise MosaicError(words)
# ~/~ end

# ~/~ begin <<smalti/features.md#score-a-mosaic>>[init]
def colour_error(mosaic: Array, target: Array) -> dict[str, float]:
    """Root mean square error, in levels, and mean CIEDE2000: (rows, cols, 3) sRGB levels each."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    one, other = (np.asarray(image, np.float64) / 255 for image in (mosaic, target))
    seen = deltaE_ciede2000(rgb2lab(one), rgb2lab(other))  # type: ignore[no-untyped-call]
    return {
        "rmse": 255 * float(np.sqrt(((one - other) ** 2).mean())),
        "ciede2000": float(seen.mean()),
    }
# ~/~ end
# ~/~ begin <<smalti/features.md#score-a-mosaic>>[1]
def structural_similarity(mosaic: Array, target: Array) -> float:
    """Mean structural similarity, at most 1: (rows, cols, 3) sRGB levels each."""
    from skimage.metrics import structural_similarity as ssim

    one, other = (np.asarray(image, np.float64) for image in (mosaic, target))
    times = -(-7 // min(one.shape[:2]))  # a small image is enlarged to fill a window
    one, other = (image.repeat(times, 0).repeat(times, 1) for image in (one, other))
    found = ssim(one, other, channel_axis=2, data_range=255)  # type: ignore[no-untyped-call]
    return float(found)
# ~/~ end
# ~/~ begin <<smalti/features.md#score-a-mosaic>>[2]
def score(
    mosaic_image: Array, target_image: Array, grid: tuple[int, int]
) -> dict[str, float]:
    """Score a mosaic of (cols, rows) cells: (H, W, 3) and (h, w, 3) sRGB, of the same view.

    `rmse`, `ciede2000` and `ssim` are at the scale of the grid, `ssim_twice` at twice it.
    """
    pair = [mosaic_image[None], target_image[None]]
    one, other = (average_regions(image, grid)[0] for image in pair)
    fine = [average_regions(image, (2 * grid[0], 2 * grid[1]))[0] for image in pair]
    return {
        **colour_error(one, other),
        "ssim": structural_similarity(one, other),
        "ssim_twice": structural_similarity(*fine),
    }
# ~/~ end
# ~/~ begin <<smalti/features.md#score-a-mosaic>>[3]
def usage(match: Array, n: int) -> dict[str, int]:
    """How many of n photos a (rows, cols) match uses, the most used one, equal neighbours.

    Below 0 a cell is empty.

    >>> usage(np.array([[0, 0, 2], [1, 0, 2]]), 5)
    {'photos_used': 3, 'most_used': 3, 'equal_neighbours': 3}
    """
    filled = match >= 0
    uses = np.bincount(match[filled], minlength=n)
    beside = np.count_nonzero((match[:, 1:] == match[:, :-1]) & filled[:, 1:])
    below = np.count_nonzero((match[1:] == match[:-1]) & filled[1:])
    return {
        "photos_used": int(np.count_nonzero(uses)),
        "most_used": int(uses.max()),
        "equal_neighbours": int(beside + below),
    }
# ~/~ end
# ~/~ end