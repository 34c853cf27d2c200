# Made from smalti/features.md by make tangle; edit that.
"""Compare images by many features, colours and distances; explained in features.md."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, TypeVar

import numpy as np
from msgspec import Meta

from mosaic import Array, mean_colour
from smalti.ground.errors import MosaicError
from smalti.ground.settings import Amount, Whole


@dataclasses.dataclass(frozen=True)
class FeatureSettings:
    """Comparing"""

    feature: Annotated[str, "what to compare: mean, pixels or histogram"] = "mean"
    detail: Annotated[Whole, "of pixels: regions across and down; 0 is 3"] = 0
    bins: Annotated[int, Meta(ge=0, le=256), "of a histogram: bins a channel; 0 is 256"] = 0
    colour: Annotated[str, "colour space: rgb, linear, lab or oklab"] = "rgb"
    metric: Annotated[str, "distance: euclidean, cityblock, chebyshev, cosine"] = "euclidean"
    weights: Annotated[tuple[Amount, Amount, Amount], "of the three channels"] = (1.0, 1.0, 1.0)


BLACK_TO_WHITE = 255 * 3**0.5


def rgb(images: Array) -> Array:
    """Levels from 0 to 255 as they are stored: (..., 3) uint8 sRGB to (..., 3) float32."""
    return images.astype(np.float32)


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


def lab(images: Array) -> Array:
    """CIE Lab (D65), scaled by 4.4: (..., 3) uint8 sRGB to (..., 3) float32."""
    from skimage.color import rgb2lab

    colours: Array = rgb2lab(images.astype(np.float32) / 255)
    colours *= np.float32(BLACK_TO_WHITE / 100)
    return colours


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


def from_oklab(colours: Array) -> Array:
    """Oklab, scaled by 442, to sRGB levels from 0 to 255: (..., 3) to (..., 3) float32.

    >>> from_oklab(oklab(np.array([[12, 200, 90]], np.uint8))).round()
    array([[ 12., 200.,  90.]], dtype=float32)
    """
    cones = (colours / BLACK_TO_WHITE) @ np.linalg.inv(TO_OKLAB).T
    light = (cones**3 @ np.linalg.inv(TO_CONES).T).clip(0, 1)
    levels = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (255 * levels).astype(np.float32)


COLOURS: dict[str, Callable[[Array], Array]] = {
    "rgb": rgb,
    "linear": linear,
    "lab": lab,
    "oklab": oklab,
}


def overlaps(length: int, parts: int) -> Array:
    """How much of each pixel in a line is in each of some equal parts: (parts, length).

    >>> overlaps(3, 2)
    array([[1. , 0.5, 0. ],
           [0. , 0.5, 1. ]])
    """
    ends, starts = np.linspace(0, length, parts + 1)[:, None], np.arange(length)
    shared: Array = np.minimum(ends[1:], starts + 1) - np.maximum(ends[:-1], starts)
    return shared.clip(0)


def average_regions(images: Array, size: tuple[int, int]) -> Array:
    """Average a grid of (cols, rows) equal regions: (k, h, w, c) to (k, rows, cols, c) float64.

    >>> line = np.array([0.0, 90.0, 240.0]).reshape(1, 1, 3, 1)
    >>> average_regions(line, (2, 1)).ravel()
    array([ 30., 190.])
    """
    (cols, rows), (k, height, width, channels) = size, images.shape
    bands = overlaps(height, rows) @ images.reshape(k, height, width * channels)
    sums = overlaps(width, cols) @ bands.reshape(k * rows, width, channels)
    means: Array = sums / (height * width / (rows * cols))
    return means.reshape(k, rows, cols, channels)


def pixels(images: Array, detail: int = 3) -> Array:
    """Mean colours of detail x detail regions, rounded: (k, h, w, 3) to (k, 3 detail²) float32.

    Raises MosaicError if there are fewer pixels than regions across or down.

    >>> pixels(np.array([[[[0, 10, 20], [10, 20, 255]]]], np.uint8), detail=1)
    array([[  5.,  15., 138.]], dtype=float32)
    """
    k, height, width, _ = images.shape
    if not 1 <= detail <= min(height, width):
        most = min(height, width)
        raise MosaicError(
            f"detail = {detail}: of {width} x {height} pixels it can be 1 to {most}"
        )
    regions: Array = np.rint(average_regions(images, (detail, detail)))
    return regions.astype(np.float32).reshape(k, 3 * detail**2)


def limits(colour: str) -> tuple[Array, Array]:
    """The lowest and the highest value of each channel of a colour space: (3,) and (3,)."""
    corners = np.array(list(np.ndindex(2, 2, 2)), np.uint8) * 255
    extremes = COLOURS[colour](corners)
    return extremes.min(axis=0), extremes.max(axis=0)


def histogram(images: Array, bins: int = 256, colour: str = "rgb") -> Array:
    """Shares of pixels in equal bins of each channel: (k, h, w, 3) to (k, 3 bins) float32.

    As in every feature, the channel is the last axis: bin 0 of red, green, blue, then bin 1.
    Raises MosaicError for fewer than 1 or more than 256 bins.
    """
    if not 1 <= bins <= 256:
        raise MosaicError(f"bins = {bins}: it must be from 1 to 256")
    (low, high), (k, height, width, _) = limits(colour), images.shape
    place = ((images - low) * (bins / (high - low))).astype(np.int64).clip(0, bins - 1)
    place += bins * np.arange(k)[:, None, None, None]
    counts = np.bincount((3 * place + np.arange(3)).ravel(), minlength=3 * bins * k)
    shares: Array = (counts / (height * width)).astype(np.float32)
    return shares.reshape(k, 3 * bins)


FEATURES: dict[str, Callable[..., Array]] = {
    "mean": mean_colour,
    "pixels": pixels,
    "histogram": histogram,
}


def accepted(feature: str) -> set[str]:
    """The names of the options that a feature has.

    >>> accepted("pixels")
    {'detail'}
    """
    return set(list(inspect.signature(FEATURES[feature]).parameters)[1:])


Entry = TypeVar("Entry")


def look_up(setting: str, word: str, table: Mapping[str, Entry]) -> Entry:
    """What a table has under a word; raises MosaicError with all words if it has nothing."""
    if word not in table:
        raise MosaicError(f"{setting} = {word!r}: choose {' or '.join(table)}")
    return table[word]


def check_options(feature: str, *options: str) -> None:
    """Raise MosaicError if a feature does not have these options."""
    look_up("feature", feature, FEATURES)
    for name in options:
        owners = [owner for owner in FEATURES if name in accepted(owner)]
        if feature not in owners:
            raise MosaicError(f"`{name}` needs feature = {' or '.join(owners) or 'another'}")


AT_ONCE = 1 << 20  # pixels


def make_features(
    images: Array, feature: str = "mean", colour: str = "rgb", **options: int
) -> Array:
    """Make a feature of images in a colour space: (k, h, w, 3) uint8 sRGB to (k, f) float32.

    `options` are those of the feature: `detail` or `bins`. Raises MosaicError.

    >>> make_features(np.full((2, 4, 6, 3), 7, np.uint8), "pixels", detail=2).shape
    (2, 12)
    """
    check_options(feature, *options)
    make, convert = FEATURES[feature], look_up("colour", colour, COLOURS)
    space = {"colour": colour} if "colour" in accepted(feature) else {}
    block = max(1, AT_ONCE // (images.shape[1] * images.shape[2]))
    starts = range(0, max(1, len(images)), block)
    parts = (convert(images[i : i + block]) for i in starts)
    return np.concatenate([make(part, **options, **space) for part in parts])


METRICS = {"euclidean": 2.0, "cityblock": 1.0, "chebyshev": np.inf, "cosine": 2.0}


def is_squared(metric: str) -> bool:
    """Whether the cost is a squared Euclidean distance, of features prepared for it."""
    return METRICS[metric] == 2


def weigh(features: Array, weights: Sequence[float] = (1, 1, 1)) -> Array:
    """Multiply channels by weights: (k, f) to (k, f); f is a multiple of 3, channels last.

    Raises MosaicError for weights that make no distance, and for features without channels.

    >>> weigh(np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]), (1, 0, 2))
    array([[ 1.,  0.,  6.,  4.,  0., 12.]])
    """
    if tuple(weights) == (1, 1, 1):
        return features
    if len(weights) != 3 or not all(0 <= one < np.inf for one in weights) or not any(weights):
        raise MosaicError(
            f"weights = {list(weights)}: give three numbers, none negative and not all 0"
        )
    if features.shape[1] % 3:
        raise MosaicError("`weights` needs a feature of three channels")
    factors = np.tile(np.array(weights, np.float32), features.shape[1] // 3)
    weighed: Array = features * factors
    return weighed


def prepare(features: Array, metric: str = "euclidean") -> Array:
    """Features whose squared Euclidean distance serves for a metric: (k, f) to (k, f).

    For `cosine` it is twice the cosine distance; black, without direction, counts as grey.
    Raises MosaicError for `cityblock` and `chebyshev`, for which there is none.

    >>> prepare(np.array([[3.0, 4.0]]), "cosine")
    array([[0.6, 0.8]], dtype=float32)
    """
    if not is_squared(metric):
        raise MosaicError(
            f"metric = {metric} is no squared distance; set metric = euclidean or cosine"
        )
    if metric == "euclidean":
        return features
    unit: Array = np.where(features.any(axis=1, keepdims=True), features, 1)
    unit = unit.astype(np.float32, copy=False)
    squares = np.einsum("ij,ij->i", unit, unit, dtype=np.float64)
    unit /= np.sqrt(squares)[:, None]
    return unit


PAIRS = 25_000_000


def cost_matrix(tiles: Array, cells: Array, metric: str = "euclidean") -> Array:
    """Costs of all pairs, (n, f) and (m, f) to (n, m): distances, or squared Euclidean ones.

    Raises MosaicError for more than 25 million pairs.

    >>> cost_matrix(np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0]]), "cityblock")
    array([[0.],
           [7.]])
    """
    from scipy.spatial.distance import cdist

    if len(tiles) * len(cells) > PAIRS:
        raise MosaicError(
            f"metric = {metric} with method = unique needs the costs of all pairs: "
            f"{len(tiles)} photos times {len(cells)} cells exceed {PAIRS}; "
            "set metric = euclidean or cosine"
        )
    if is_squared(metric):
        tiles, cells = prepare(tiles, metric), prepare(cells, metric)
    costs: Array = cdist(tiles, cells, "sqeuclidean" if is_squared(metric) else metric)
    return costs / 2 if metric == "cosine" else costs


def options_of(settings: FeatureSettings) -> dict[str, int]:
    """The options of the feature itself, as far as they are set.

    >>> options_of(FeatureSettings(feature="pixels", detail=5))
    {'detail': 5}
    """
    own = {"detail": settings.detail, "bins": settings.bins}
    return {name: value for name, value in own.items() if value}


def check_features(settings: FeatureSettings) -> None:
    """Raise MosaicError if names are unknown, or settings do not go together."""
    check_options(settings.feature, *options_of(settings))
    look_up("colour", settings.colour, COLOURS)
    look_up("metric", settings.metric, METRICS)
    weigh(np.ones((1, 3)), settings.weights)
    if settings.metric == "cosine" and "lab" in settings.colour:
        raise MosaicError("`cosine` needs colour = rgb or linear")
