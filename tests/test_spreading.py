"""Spreading: budgets are kept, equal photos stand apart, and no pattern is left to see."""

import doctest

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mosaic import Array
from smalti import spreading
from smalti.ground.errors import MosaicError
from smalti.nearest import nearest
from smalti.spacing import keep_apart
from smalti.spreading import fair_budget, possible_spacing, spread

few = settings(deadline=None, max_examples=40)
SEEDS, SIDES = st.integers(0, 9999), st.integers(1, 9)
GRIDS = st.tuples(SIDES, SIDES)
BEYOND = 10**6  # more uses than any test has cells


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(spreading).failed == 0
    assert doctest.testmod(spreading).attempted > 1


def random_case(n: int, shape: tuple[int, int], seed: int) -> tuple[Array, Array, Array]:
    """Features of n tiles, of the filled cells of a grid, and where it is empty."""
    rng = np.random.default_rng(seed)
    empty = rng.random(shape) < rng.choice([0, 0.3, 0.7])
    empty[rng.integers(shape[0]), rng.integers(shape[1])] = False
    tiles = rng.uniform(0, 255, (n, 3))
    return tiles, rng.uniform(0, 255, (int((~empty).sum()), 3)), empty


def plainly(tiles: Array, cells: Array, empty: Array, far: int, **more: object) -> Array:
    """Spread tiles of as many photos, with no budget that matters."""
    n, arguments = len(tiles), {"most": np.full(len(tiles), BEYOND), **more}
    return spread(tiles, cells, empty, far, photo=np.arange(n), **arguments)  # type: ignore[arg-type]


def pairs_too_near(match: Array, empty: Array, spacing: int) -> int:
    """Pairs of filled cells, counted one by one, that show a photo and are too near."""
    shown = dict(zip(map(tuple, np.argwhere(~empty).tolist()), match.tolist(), strict=True))
    return sum(
        shown[one] == shown[other]
        for one in shown
        for other in shown
        if one < other
        and max(abs(a - b) for a, b in zip(one, other, strict=True)) <= spacing
    )


# Budgets


@few
@given(SEEDS, GRIDS, st.integers(1, 30), st.integers(0, 2))
def test_no_photo_exceeds_its_budget_and_no_cell_is_forgotten(
    seed: int, shape: tuple[int, int], n: int, spacing: int
) -> None:
    tiles, cells, empty = random_case(n, shape, seed)
    most = np.random.default_rng(seed).integers(0, 6, n)
    assume(most.sum() >= len(cells))
    match = plainly(tiles, cells, empty, spacing, most=most)
    assert match.shape == (len(cells),)
    assert (np.bincount(match, minlength=n) <= most).all()


def test_budgets_that_are_just_enough_are_all_spent() -> None:
    tiles, cells, empty = random_case(4, (1, 1), 1)
    cells, empty = cells.repeat(12, axis=0), np.zeros((3, 4), bool)
    most = np.array([6, 1, 2, 3])
    match = plainly(tiles, cells, empty, 1, most=most)
    assert np.bincount(match).tolist() == most.tolist()


def test_budgets_that_are_too_small_are_refused() -> None:
    tiles, cells, empty = np.zeros((2, 3)), np.zeros((6, 3)), np.zeros((2, 3), bool)
    with pytest.raises(MosaicError, match="6 cells cannot be filled by 5 uses; raise max"):
        plainly(tiles, cells, empty, 0, most=np.array([3, 2]))


@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_fair_budgets_are_always_enough(n: int, m: int) -> None:
    assert n * fair_budget(n, m) >= m
    assert fair_budget(n, m) >= 1


# Neighbours


@few
@given(SEEDS, GRIDS, st.integers(0, 2), st.integers(0, 20))
def test_with_enough_photos_none_is_near_itself(
    seed: int, shape: tuple[int, int], spacing: int, more: int
) -> None:
    enough = (2 * spacing + 1) ** 2
    tiles, cells, empty = random_case(enough + more, shape, seed)
    assert pairs_too_near(plainly(tiles, cells, empty, spacing), empty, spacing) == 0


def test_what_is_no_candidate_helps_out_if_all_candidates_stand_nearby(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spreading, "CANDIDATES", 3)
    tiles, cells = np.arange(12.0)[:, None], np.zeros((30, 1))
    empty = np.zeros((5, 6), bool)
    assert pairs_too_near(plainly(tiles, cells, empty, 1), empty, 1) == 0


@given(st.integers(1, 3000), st.integers(0, 8))
def test_a_possible_spacing_leaves_a_choice(n: int, spacing: int) -> None:
    far = possible_spacing(n, spacing)
    assert 0 <= far <= spacing
    assert far == 0 or n >= 2 * (2 * far + 1) ** 2
    assert far == spacing or n < 2 * (2 * far + 3) ** 2


@pytest.mark.parametrize("n", [1, 2, 5])
def test_rather_a_repeat_than_an_empty_cell(n: int) -> None:
    tiles, cells, empty = random_case(n, (4, 6), 7)
    match = plainly(tiles, cells, empty, 2)
    assert set(match.tolist()) <= set(range(n))
    assert len(match) == len(cells)
    assert pairs_too_near(match, empty, 2) > 0


def test_an_empty_cell_still_keeps_its_neighbours_apart() -> None:
    tiles, cells = np.array([[0.0], [9.0]]), np.zeros((2, 1))
    near, far = np.array([[False, True, False]]), np.array([[False, True, True, False]])
    assert sorted(plainly(tiles, cells, near, 2).tolist()) == [0, 1]
    assert plainly(tiles, cells, far, 2, variety=0.0).tolist() == [0, 0]


# Groups


@few
@given(SEEDS, GRIDS, st.integers(0, 1))
def test_tiles_of_one_photo_share_its_budget_and_keep_apart(
    seed: int, shape: tuple[int, int], spacing: int
) -> None:
    tiles, cells, empty = random_case(36, shape, seed)
    photo, most = np.arange(36) // 3, np.full(12, 20)
    match = spread(tiles, cells, empty, spacing, most, photo)
    assert np.bincount(photo[match]).max() <= 20
    assert pairs_too_near(photo[match], empty, spacing) == 0


def test_mirror_images_are_no_way_around_a_budget() -> None:
    tiles = np.array([[0.0], [0.0], [9.0]])
    match = spread(
        tiles,
        np.zeros((3, 1)),
        np.zeros((1, 3), bool),
        0,
        np.array([2, 1]),
        np.array([0, 0, 1]),
    )
    assert (match == 2).sum() == 1


# The choice


@few
@given(SEEDS, GRIDS, st.integers(1, 30))
def test_without_variety_spacing_or_budgets_it_is_the_nearest_match(
    seed: int, shape: tuple[int, int], n: int
) -> None:
    tiles, cells, empty = random_case(n, shape, seed)
    match = plainly(tiles, cells, empty, 0, variety=0.0)
    assert np.array_equal(match, nearest(tiles, cells))


def test_the_same_seed_gives_the_same_match_and_another_seed_another() -> None:
    tiles, cells, empty = random_case(40, (9, 14), 5)
    one, same, other = (plainly(tiles, cells, empty, 2, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.array_equal(one, plainly(tiles, cells, empty, 2))


def test_more_variety_uses_more_photos_and_costs_more() -> None:
    rng = np.random.default_rng(2)
    tiles, cells = rng.uniform(0, 255, (200, 3)), rng.uniform(100, 140, (600, 3))
    empty, used, costs = np.zeros((20, 30), bool), [], []
    for variety in (0.0, 0.05, 0.5):
        match = plainly(tiles, cells, empty, 0, variety=variety)
        used.append(len(set(match.tolist())))
        costs.append(float(((tiles[match] - cells) ** 2).sum()))
    assert used[0] < used[1] < used[2]
    assert costs[0] < costs[1] < costs[2]


def test_where_only_one_photo_will_do_it_is_taken_again() -> None:
    tiles = np.array([[0.0], [100.0], [101.0]])
    cells = np.r_[np.full((4, 1), 1.0), np.full((20, 1), 90.0)]
    match = plainly(tiles, cells, np.zeros((4, 6), bool), 0)
    assert (match[:4] == 0).all()
    assert set(match[4:].tolist()) == {1, 2}  # which take turns


def likeness_to_itself(grid: Array) -> float:
    """The largest share of equal photos when a grid is moved over itself by some rows, cols."""
    rows, cols = grid.shape
    return max(
        float((grid[: rows - down, : cols - across] == grid[down:, across:]).mean())
        for down in range(rows // 2)
        for across in range(cols // 2)
        if down or across
    )


def test_a_smooth_sky_shows_no_lattice() -> None:
    turns = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    tiles = 20 * np.stack([np.cos(turns), np.sin(turns)], axis=1)  # all as far from the sky
    tiles += np.random.default_rng(1).normal(0, 0.01, tiles.shape)
    shape, sky = (24, 36), np.zeros((24 * 36, 2))
    in_rows = keep_apart(tiles, sky, shape, 2)[0].reshape(shape)
    apart = plainly(tiles, sky, np.zeros(shape, bool), 2).reshape(shape)
    assert likeness_to_itself(in_rows) > 0.5
    assert likeness_to_itself(apart) < 0.1
    assert len(set(apart.ravel().tolist())) > 50  # they take turns


# Everyone


@few
@given(SEEDS, GRIDS, st.integers(1, 30), st.integers(0, 1))
def test_every_photo_gets_a_place_if_there_are_as_many_cells(
    seed: int, shape: tuple[int, int], n: int, spacing: int
) -> None:
    tiles, cells, empty = random_case(n, shape, seed)
    assume(n <= len(cells))
    cells *= 0.1  # so that most photos are nobody's best
    match = plainly(tiles, cells, empty, spacing, least=np.ones(n, np.int64))
    assert np.bincount(match, minlength=n).min() >= 1
    if n >= 2 * (2 * spacing + 1) ** 2:
        assert pairs_too_near(match, empty, spacing) == 0


def test_a_place_is_found_apart_from_equal_photos_beside_empty_rows() -> None:
    empty = np.zeros((9, 6), bool)
    empty[4:] = True
    tiles = np.r_[np.linspace(0, 1, 30), 50.0][:, None]
    least = np.r_[np.zeros(30, np.int64), 3]
    match = plainly(tiles, np.zeros((24, 1)), empty, 1, least=least)
    assert (match == 30).sum() == 3
    assert pairs_too_near(match, empty, 1) == 0


def test_least_uses_go_before_spacing() -> None:
    tiles, least = np.array([[0.0], [1.0], [50.0]]), np.array([0, 0, 3])
    match = plainly(tiles, np.zeros((4, 1)), np.zeros((2, 2), bool), 1, least=least)
    assert (match == 2).sum() == 3


def test_a_photo_that_is_rarely_wanted_takes_the_cell_where_it_costs_least() -> None:
    tiles, cells = np.array([[0.0], [10.0]]), np.array([[0.0], [1.0], [4.0], [2.0]])
    match = plainly(tiles, cells, np.zeros((1, 4), bool), 0, least=np.array([1, 1]))
    assert match.tolist() == [0, 0, 1, 0]


def test_least_uses_that_exceed_the_cells_are_refused() -> None:
    tiles, cells, empty = np.zeros((3, 1)), np.zeros((2, 1)), np.zeros((1, 2), bool)
    with pytest.raises(MosaicError, match="2 cells cannot hold 3 uses; lower min_uses"):
        plainly(tiles, cells, empty, 0, least=np.ones(3, np.int64))


def test_one_of_the_variants_of_a_photo_is_enough_for_its_least() -> None:
    tiles = np.array([[0.0], [0.0], [9.0], [9.0]])
    photo = np.array([0, 0, 1, 1])  # two photos, each with its mirror image
    match = spread(
        tiles,
        np.zeros((4, 1)),
        np.zeros((1, 4), bool),
        0,
        most=np.full(2, BEYOND),
        least=np.array([0, 1]),
        photo=photo,
    )
    assert sorted(photo[match].tolist()) == [0, 0, 0, 1]
