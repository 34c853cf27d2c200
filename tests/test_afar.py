"""Photos that are placed for an eye that stands back look better from there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic import Array
from smalti.afar import AXES, CLOSE_ENOUGH, GRAIN, place_from_afar, project, see
from smalti.placement import place

SHAPES = st.sampled_from([(1, 1), (1, 7), (6, 1), (2, 5), (5, 3), (4, 4)])
DISTANCES = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])
SEEDS = st.integers(0, 10**6)


def problem(seed: int, shape: tuple[int, int], spare: int = 5) -> tuple[Array, Array]:
    """Random mean colours of some more photos than cells, and of the cells."""
    rng, m = np.random.default_rng(seed), shape[0] * shape[1]
    return rng.uniform(0, 255, (m + spare, 3)), rng.uniform(60, 200, (m, 3))


def place_once(
    tiles: Array, cells: Array, shape: tuple[int, int], distance: float
) -> Array:
    """Place each photo at most once."""
    n = len(tiles)
    most, least = np.ones(n, int), np.zeros(n, int)
    return place_from_afar(tiles, cells, shape, distance, most, least, np.arange(n))


def seen_error(
    tiles: Array, cells: Array, match: Array, shape: tuple[int, int], distance: float
) -> float:
    """The sum of squared errors of a match, as they are seen."""
    error = (tiles[match] - cells) @ AXES.T
    return float((see(error.reshape(*shape, 3), distance) ** 2).sum())


# What an eye sees


def test_the_axes_turn_colours_and_do_not_stretch_them() -> None:
    assert pytest.approx(np.eye(3)) == AXES @ AXES.T
    assert pytest.approx([9 * 3**0.5, 0, 0]) == AXES @ [9, 9, 9]


@given(SHAPES, st.sampled_from([0.0, 0.3, 2.0, 50.0, 1e9]))
@settings(max_examples=30)
def test_one_colour_everywhere_is_seen_as_it_is(
    shape: tuple[int, int], distance: float
) -> None:
    plain = np.broadcast_to([10.0, -20.0, 30.0], (*shape, 3))
    assert see(plain, distance) == pytest.approx(plain)


def test_from_nearby_nothing_is_blurred() -> None:
    colours = np.random.default_rng(2).uniform(0, 255, (3, 5, 3))
    assert (see(colours, 0) == colours).all()


@pytest.mark.parametrize("distance", [1, 2, 4])
def test_lightness_is_blurred_less_than_colour(distance: float) -> None:
    dot = np.zeros((31, 41, 3))
    dot[15, 20] = 1
    light, *colour = np.moveaxis(see(dot, distance), -1, 0)
    assert light.sum() == pytest.approx(1)
    for plane in colour:
        assert plane.sum() == pytest.approx(1, abs=1e-3)
        assert plane[15, 20] < 0.3 * light[15, 20]
        assert np.count_nonzero(plane > 1e-9) > np.count_nonzero(light > 1e-9)


def test_farther_away_less_is_seen() -> None:
    chequered = np.indices((8, 10)).sum(axis=0)[..., None] % 2 * np.ones(3)
    spread = [float(see(chequered, distance).std()) for distance in (0, 1, 2, 4)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < spread[0] / 2


def test_rows_and_columns_are_not_mixed_up() -> None:
    flag = np.zeros((6, 9, 3))
    flag[:, 4:] = 100
    seen = see(flag, 1)
    assert (seen == seen[:1]).all()
    assert (np.diff(seen[0, :, 1]) >= 0).all()
    assert np.diff(seen[0, :, 1]).max() > 20


# Where photos go


@given(SEEDS, SHAPES, DISTANCES)
@settings(max_examples=40)
def test_no_photo_is_used_twice_if_it_may_be_used_once(
    seed: int, shape: tuple[int, int], distance: float
) -> None:
    tiles, cells = problem(seed, shape)
    match = place_once(tiles, cells, shape, distance)
    assert match.shape == (len(cells),)
    assert len(set(match.tolist())) == len(cells)


@given(SEEDS, SHAPES, DISTANCES)
@settings(max_examples=40)
def test_budgets_are_those_of_photos_and_all_are_kept(
    seed: int, shape: tuple[int, int], distance: float
) -> None:
    rng, m = np.random.default_rng(seed), shape[0] * shape[1]
    k = int(rng.integers(1, 6))
    photo = np.r_[np.arange(k), rng.integers(0, k, 4)]  # some photos have several tiles
    most = rng.integers(0, 4, k)
    most[0] += max(0, m - most.sum())
    least = np.minimum(rng.integers(0, 2, k), most)
    while least.sum() > m:
        least[rng.integers(k)] = 0
    tiles, cells = rng.uniform(0, 255, (len(photo), 3)), rng.uniform(0, 255, (m, 3))
    match = place_from_afar(tiles, cells, shape, distance, most, least, photo)
    uses = np.bincount(photo[match], minlength=k)
    assert (least <= uses).all()
    assert (uses <= most).all()


@given(SEEDS, SHAPES, DISTANCES)
@settings(max_examples=40)
def test_what_is_seen_is_never_worse_than_with_the_exact_match(
    seed: int, shape: tuple[int, int], distance: float
) -> None:
    tiles, cells = problem(seed, shape)
    n = len(tiles)
    once, none = np.ones(n, int), np.zeros(n, int)
    first = project(tiles @ AXES.T, cells @ AXES.T, once, none, np.arange(n))
    found = place_once(tiles, cells, shape, distance)
    errors = [seen_error(tiles, cells, one, shape, distance) for one in (found, first)]
    assert errors[0] <= errors[1] * (1 + 1e-12)


@pytest.mark.parametrize(("shape", "distance"), [((12, 16), 1), ((8, 24), 2), ((9, 9), 4)])
def test_what_is_seen_of_many_photos_is_better_than_with_the_exact_match(
    shape: tuple[int, int], distance: float
) -> None:
    tiles, cells = problem(3, shape, spare=40)
    cells = cells.mean(axis=0) + np.linspace(-40, 40, len(cells))[:, None]  # a soft slope
    exact = place(tiles, cells, 1)[0]
    afar = place_once(tiles, cells, shape, distance)
    errors = [seen_error(tiles, cells, one, shape, distance) for one in (afar, exact)]
    assert errors[0] < 0.95 * errors[1]


@given(SEEDS, SHAPES)
@settings(max_examples=40)
def test_for_an_eye_nearby_the_match_is_exact(seed: int, shape: tuple[int, int]) -> None:
    tiles, cells = problem(seed, shape)
    match = place_once(tiles, cells, shape, 0)
    exact = place(tiles, cells, 1)[1].cost
    cost = float(((tiles[match] - cells) ** 2).sum())
    rounding = (3 * len(cells)) ** 0.5 / GRAIN  # of all colours, as one distance, at most
    most = (exact**0.5 + rounding) / (1 - CLOSE_ENOUGH) ** 0.5 + rounding
    assert exact * (1 - 1e-9) <= cost <= most**2


def test_a_photo_for_each_cell_is_found_at_any_distance() -> None:
    cells = np.arange(36.0).reshape(12, 3) * 7
    shuffled = np.random.default_rng(1).permutation(12)
    for distance in (0, 1, 3):
        match = place_once(cells[shuffled], cells, (3, 4), distance)
        assert (shuffled[match] == np.arange(12)).all()


# Errors that cancel

REDDISH, GREENISH = [168.0, 88.0, 128.0], [88.0, 168.0, 128.0]


def halves(one: list[float], other: list[float], shape: tuple[int, int], far: float) -> str:
    """Place as many photos of one colour, #, as of another, o, in a target of their mean."""
    half = shape[0] * shape[1] // 2
    tiles = np.repeat([one, other], half, axis=0)
    cells = np.repeat(tiles.mean(axis=0)[None], 2 * half, axis=0)
    drawn = np.array(["#"] * half + ["o"] * half)[place_once(tiles, cells, shape, far)]
    return "|".join("".join(row) for row in drawn.reshape(shape))


def test_nearby_equal_colours_may_cluster() -> None:
    assert halves(REDDISH, GREENISH, (1, 8), 0) in ("####oooo", "oooo####")


def test_two_colours_alternate_so_that_their_errors_cancel() -> None:
    assert halves(REDDISH, GREENISH, (1, 8), 1) in ("o#o#o#o#", "#o#o#o#o")
    stripes = halves(REDDISH, GREENISH, (4, 4), 1)
    assert stripes in ("oooo|####|oooo|####", "####|oooo|####|oooo")


def test_black_and_white_alternate_only_farther_away() -> None:
    black, white = [0.0] * 3, [255.0] * 3
    assert halves(black, white, (1, 8), 1) in ("####oooo", "oooo####")
    assert halves(black, white, (1, 8), 4) in ("o#o#o#o#", "#o#o#o#o")


@pytest.mark.parametrize("far", [1e4, 1e9])
def test_no_distance_is_too_far(far: float) -> None:
    assert sorted(halves(REDDISH, GREENISH, (2, 3), far)) == sorted("###ooo|")
