# Made from smalti/choosing.md by make tangle; edit that.
"""Choose photos for cells in every way, by the settings; explained in choosing.md."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

import numpy as np

import mosaic
from mosaic import Array, Draw
from smalti import afar, features, nearest, placement, spacing, spreading
from smalti.budgets import Infeasible
from smalti.constraints import Constraints, ConstraintSettings, use_budget
from smalti.features import FeatureSettings
from smalti.grid import View
from smalti.ground.errors import MosaicError
from smalti.ground.photos import upright_size
from smalti.ground.settings import Amount, Count, Whole
from smalti.placement import Certificate, PlacementSettings, Watch


@dataclasses.dataclass(frozen=True)
class ChoiceSettings:
    """Choosing"""

    method: Annotated[Literal["nearest", "unique", "spread"], "how to match"] = "unique"
    dither: Annotated[bool, "hand a cell's error in colour on to its neighbours"] = False
    spacing: Annotated[Whole, "keep equal photos more than so many cells apart"] = 0
    seen_from: Annotated[Amount, "place for an eye so many cells away; 0 is nearby"] = 0.0
    choices: Annotated[Count, "best photos of each cell to list, or to vary among"] = 1


@dataclasses.dataclass(frozen=True)
class MatchSettings(FeatureSettings, ChoiceSettings, ConstraintSettings, PlacementSettings):
    """All that decides which photo goes where."""


PIXELS = 1 << 22  # decoded at once


def in_batches(which: Array, size: tuple[int, int]) -> Iterator[Array]:
    """Numbers (n,) of images of a size, as many at a time as memory may hold, once none if n is 0.

    >>> [some.tolist() for some in in_batches(np.arange(3), (2048, 1024))]
    [[0, 1], [2]]
    """
    many = max(1, PIXELS // (size[0] * size[1]))
    for i in range(0, max(1, len(which)), many):
        yield which[i : i + many]


Keep = Callable[[str, Callable[[], Array]], Array]


def make_anew(what: str, make: Callable[[], Array]) -> Array:
    """An array, made by a function; others may keep it by its name."""
    return make()


def make_tiles_and_cells(
    draw: Draw,
    mean: Array,
    thumb_res: tuple[int, int],
    view: View,
    settings: FeatureSettings,
    keep: Keep = make_anew,
) -> tuple[Array, Array]:
    """Features of n thumbnails, (n, f), and of the filled cells of a view, (m, f).

    `mean` is (n, 3), the thumbnails' mean RGB; `draw` decodes them. What follows from the
    thumbnails alone is made by `keep`.
    """
    if (settings.feature, settings.colour) == ("mean", "rgb"):
        tiles, cells = mean, view.describe(mosaic.mean_colour)
    else:
        own = features.options_of(settings)

        def make(images: Array) -> Array:
            return features.make_features(images, settings.feature, settings.colour, **own)

        def make_tiles() -> Array:
            batches = in_batches(np.arange(len(mean)), thumb_res)
            return np.concatenate([make(draw(some, thumb_res)) for some in batches])

        tiles = keep(f"{settings.feature} {settings.colour} {sorted(own.items())}", make_tiles)
        cells = view.describe(make, cell_size(view, thumb_res, 2 * (settings.detail or 3)))
    return features.weigh(tiles, settings.weights), features.weigh(cells, settings.weights)


MOST_PIXELS = 1 << 26  # of a target


def cell_size(view: View, thumb_res: tuple[int, int], least: int) -> tuple[int, int]:
    """How large to cut the cells: as thumbnails, or smaller if the target is, or they are many."""
    scale = min(1.0, math.sqrt(MOST_PIXELS / (view.empty.size * thumb_res[0] * thumb_res[1])))
    shown = (math.ceil(a / b) for a, b in zip(upright_size(view.target), view.grid, strict=True))
    width, height = (
        max(min(least, side), min(int(side * scale), own))
        for side, own in zip(thumb_res, shown, strict=True)
    )
    return width, height


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is known of a match: its cost, and what has been proven."""

    cost: float
    levels: float | None = None  # root mean square error of a cell, in sRGB levels
    too_near: int | None = None  # pairs of equal photos in spite of `spacing`
    proof: Certificate | None = None


def find_match(
    tiles: Array,
    cells: Array,
    settings: MatchSettings,
    constraints: Constraints,
    empty: Array,
    on_round: Watch | None = None,
    weight: Array | None = None,
) -> tuple[Array, Outcome]:
    """Match (n, f) tiles and (m, f) cells as the settings say: (rows, cols), and the outcome.

    Where `empty`, (rows, cols), is true, the match is -1. `weight` (m,) tells which cells
    matter. Raises MosaicError.
    """
    near, proof = None, None
    if settings.method == "spread":
        match, near = match_spread(tiles, cells, settings, constraints, empty, weight)
    elif settings.seen_from:
        match = match_from_afar(tiles, cells, settings, constraints, empty)
    elif settings.spacing or settings.dither:
        match, near = match_in_grid(tiles, cells, settings, constraints, empty)
    elif settings.method == "nearest":
        match = nearest.nearest(tiles, cells, settings.metric)
    else:
        match, proof = match_within(tiles, cells, settings, constraints, on_round, weight)
    cost = total_cost(tiles, cells, match, settings.metric)
    plain, grid = levels(cost, cells, settings), np.full(empty.shape, -1)
    grid[~empty] = match
    if proof and weight is not None:  # what is proven is about weighted errors
        cost = proof.cost
    return grid, Outcome(cost, plain, near, proof)


def levels(cost: float, cells: Array, settings: FeatureSettings) -> float | None:
    """The root mean square error of a cell in sRGB levels, where features are such levels."""
    plain = settings.metric == "euclidean" and settings.weights == (1, 1, 1)
    if plain and settings.feature != "histogram" and settings.colour == "rgb":
        return round(math.sqrt(3 * cost / cells.size), 3)
    return None


def match_within(
    tiles: Array,
    cells: Array,
    settings: MatchSettings,
    constraints: Constraints,
    on_round: Watch | None = None,
    weight: Array | None = None,
) -> tuple[Array, Certificate | None]:
    """Match within budgets at the least cost: tile numbers (m,), and what is proven."""
    most, least = constraints.most, constraints.least
    squared, dense = features.is_squared(settings.metric), settings.solver == "dense"
    if len(least) < len(tiles) and (dense or not squared):
        raise MosaicError("`variants` need solver = sparse and metric = euclidean or cosine")
    if not squared or (dense and least.any()):
        costs = features.cost_matrix(tiles, cells, settings.metric)
        if weight is not None:
            costs = costs * afar.attention(weight)
        return placement.place_dense(costs, int(most[0]), int(least[0])), None
    tiles, cells = (features.prepare(one, settings.metric) for one in (tiles, cells))
    place = placement.place
    if weight is not None:
        place = functools.partial(afar.place_with_focus, weight)
    try:
        match, proof = place(
            tiles,
            cells,
            most,
            least,
            groups=constraints.photo,
            pins=constraints.pins,
            settings=settings,
            on_progress=on_round,
        )
    except Infeasible as error:
        raise error.named([f"the photo {name!r}" for name in constraints.names]) from error
    if settings.metric == "cosine":  # of which prepared features have twice the distance
        proof = dataclasses.replace(proof, cost=proof.cost / 2, bound=proof.bound / 2)
    return match, proof


def check_full(settings: MatchSettings, empty: Array) -> None:
    """Raise MosaicError if settings need a full grid, and some cells are empty."""
    if empty.any() and settings.spacing and settings.method == "unique":
        raise MosaicError('`spacing` with empty cells needs method = "nearest"')
    if empty.any() and settings.seen_from:
        raise MosaicError("`seen_from` needs a target without empty cells")


def match_in_grid(
    tiles: Array,
    cells: Array,
    settings: MatchSettings,
    constraints: Constraints,
    empty: Array,
) -> tuple[Array, int | None]:
    """Match with regard to neighbours: tile numbers (m,), and pairs that are too near."""
    check_full(settings, empty)
    from scipy.ndimage import distance_transform_edt  # here, for it takes a while to load

    number = np.zeros(empty.shape, np.int64)
    number[~empty] = np.arange(len(cells))
    row, col = distance_transform_edt(empty, return_distances=False, return_indices=True)
    full = cells[number[row, col].ravel()]
    if settings.dither:
        return nearest.dither(tiles, full, empty.shape)[~empty.ravel()], None
    tiles, full = (features.prepare(one, settings.metric) for one in (tiles, full))
    most = constraints.most if settings.method == "unique" else None
    photo = constraints.photo
    far, least = settings.spacing, constraints.least if most is not None else 0
    match = spacing.keep_apart(tiles, full, empty.shape, far, most, photo, least)[0]
    apart = np.where(empty.ravel(), len(tiles) + np.arange(empty.size), photo[match])
    near = spacing.twins(apart.reshape(empty.shape), settings.spacing)[1]
    return match[~empty.ravel()], int(near)


def match_from_afar(
    tiles: Array,
    cells: Array,
    settings: MatchSettings,
    constraints: Constraints,
    empty: Array,
) -> Array:
    """Match within budgets for an eye that stands back: tile numbers (m,)."""
    check_full(settings, empty)
    budgets = (constraints.most, constraints.least, constraints.photo)
    both, axes = (tiles, cells), afar.axes_of(settings.colour)
    return afar.place_from_afar(*both, empty.shape, settings.seen_from, *budgets, axes)


def match_spread(
    tiles: Array,
    cells: Array,
    settings: MatchSettings,
    constraints: Constraints,
    empty: Array,
    weight: Array | None,
) -> tuple[Array, int]:
    """Match with few repeats: tile numbers (m,), and pairs of equal photos that are too near."""
    tiles, cells = (features.prepare(one, settings.metric) for one in (tiles, cells))
    photo, most, (n, m) = constraints.photo, constraints.most, (len(constraints.most), len(cells))
    if not settings.budgets and settings.max_uses == 1:
        most = np.full(n, spreading.fair_budget(n, m))
    elif not settings.budgets:
        words = settings.max_uses, settings.repeats, settings.min_uses
        most = np.full(n, use_budget(n, m, *words)[1])
    far = spreading.possible_spacing(n, settings.spacing)
    match = spreading.spread(tiles, cells, empty, far, most, photo, constraints.least, weight)
    apart = len(tiles) + np.arange(empty.size).reshape(empty.shape)
    apart[~empty] = photo[match]
    return match, int(spacing.twins(apart, far)[1])


AT_ONCE = 1024  # cells


def total_cost(tiles: Array, cells: Array, match: Array, metric: str) -> float:
    """The sum of all distances of a metric, or of their squares if it is Euclidean."""
    total = 0.0
    if features.is_squared(metric):
        tiles, cells = features.prepare(tiles, metric), features.prepare(cells, metric)
    for i in range(0, len(cells), AT_ONCE):
        some, which = cells[i : i + AT_ONCE], match[i : i + AT_ONCE]
        if features.is_squared(metric):
            total += mosaic.match_cost(tiles, some, which)
        else:
            gaps = np.abs(tiles[which].astype(np.float64) - some)
            total += (gaps.sum(axis=1) if metric == "cityblock" else gaps.max(axis=1)).sum()
    return float(total / 2 if metric == "cosine" else total)


def rank(
    tiles: Array, cells: Array, metric: str, choices: int, empty: Array
) -> tuple[Array, Array]:
    """The k best tiles of each cell, and their distances: (rows, cols, k), -1 where empty."""
    best = nearest.nearest_choices(tiles, cells, metric, choices)
    ranked = np.full((*empty.shape, choices), -1)
    distances = np.full(ranked.shape, np.inf)
    ranked[~empty], distances[~empty] = best
    return ranked, distances


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


def check_match(settings: MatchSettings) -> None:
    """Raise MosaicError if settings ask for things that exclude each other."""
    features.check_features(settings)
    squared = features.is_squared(settings.metric)
    for wrong, words in [
        (settings.dither and settings.feature != "mean", "`dither` needs feature = mean"),
        (settings.dither and settings.metric != "euclidean", "`dither` needs metric = euclidean"),
        (settings.dither and settings.method != "nearest", "`dither` needs method = nearest"),
        (settings.dither and settings.spacing, "`dither` does not go with `spacing`"),
        (
            settings.seen_from and settings.feature == "histogram",
            "`seen_from` needs feature = mean or pixels",
        ),
        (settings.seen_from and settings.method != "unique", "`seen_from` needs method = unique"),
        (
            (settings.spacing or settings.method == "spread") and not squared,
            f"`spacing` and `spread` need metric = euclidean or cosine, not {settings.metric}",
        ),
    ]:
        if wrong:
            raise MosaicError(words)
    for one, other in clashes(settings):
        raise MosaicError(f"{other} does not go with {one}; leave out one of them")


SINGLE = ["budgets", "pins", "dedupe", "gap", "time_limit"]


def clashes(settings: MatchSettings) -> Iterator[tuple[str, str]]:
    """Pairs of settings that exclude each other, of which both are not as by default."""
    default = MatchSettings()
    for asked, one, others in [
        (settings.method == "nearest", 'method = "nearest"', [*SINGLE, "min_uses", "max_uses", "solver"]),
        (settings.solver == "dense", 'solver = "dense"', SINGLE),
        (settings.method == "spread", 'method = "spread"', ["pins", "gap", "time_limit"]),
        (settings.spacing > 0, "spacing", ["pins", "gap", "time_limit", "seen_from"]),
        (
            settings.seen_from > 0,
            "seen_from",
            ["pins", "gap", "time_limit", "solver", "metric", "weights"],
        ),
        (not features.is_squared(settings.metric), f"metric = {settings.metric}", SINGLE),
    ]:
        for other in others:
            if asked and getattr(settings, other) != getattr(default, other):
                yield one, other
