"""Matching: against brute force, against another solver, and by counting."""

import doctest
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array

import mosaic
from mosaic import (
    Array,
    TargetSettings,
    check_budget,
    cut_cells,
    lower_bound,
    match_cost,
    match_nearest,
    match_unique,
    mean_colour,
    squared_distances,
    target_path,
    transport,
)
from smalti.ground.errors import MosaicError
from smalti.ground.photos import ORIENTATION


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(mosaic).failed == 0
    assert doctest.testmod(mosaic).attempted > 3


def distances(tiles: Array, cells: Array) -> Array:
    """Squared distances of all tiles to all cells: (n, m)."""
    return np.asarray(((tiles[:, None, :].astype(float) - cells) ** 2).sum(axis=2))


@st.composite
def colours(draw: st.DrawFn, most: int = 9) -> Array:
    """A few colours of whole levels; in a small range, so that many are equal."""
    count, top = draw(st.integers(1, most)), draw(st.sampled_from([1, 5, 255]))
    level = st.integers(0, top)
    rows = draw(st.lists(st.tuples(level, level, level), min_size=count, max_size=count))
    return np.array(rows, np.float32)


# Nearest


@given(colours(), colours())
def test_nearest_is_as_near_as_brute_force_finds(tiles: Array, cells: Array) -> None:
    match = match_nearest(tiles, cells)
    every = np.arange(len(cells))
    assert (distances(tiles, cells)[match, every] == distances(tiles, cells).min(0)).all()


def test_nearest_of_one_tile_is_that_tile() -> None:
    assert match_nearest(np.zeros((1, 3)), np.ones((5, 3))).tolist() == [0] * 5


def test_nearest_takes_thousands_of_equal_colours() -> None:
    match = match_nearest(np.full((5000, 3), 7.0), np.full((100, 3), 9.0))
    assert ((match >= 0) & (match < 5000)).all()


# Unique


def best_cost(tiles: Array, cells: Array, most: int) -> float:
    """The least possible cost by another solver, with each tile repeated."""
    work = np.tile(distances(tiles, cells), (most, 1))
    return float(work[linear_sum_assignment(work)].sum())


@given(colours(), colours(), st.integers(1, 4))
def test_unique_is_the_exact_optimum_within_the_budget(
    tiles: Array, cells: Array, k: int
) -> None:
    cells = cells[: len(tiles) * k]
    match, prices = match_unique(tiles, cells, max_uses=k)
    assert match.shape == (len(cells),)
    assert prices.shape == (len(tiles),)
    assert np.bincount(match, minlength=len(tiles)).max() <= k
    assert match_cost(tiles, cells, match) == best_cost(tiles, cells, k)


@pytest.mark.parametrize(("n", "m"), [(60, 60), (90, 60), (200, 60), (61, 60)])
@pytest.mark.parametrize("top", [3, 255])
def test_unique_is_the_optimum_of_larger_ones_too(n: int, m: int, top: int) -> None:
    rng = np.random.default_rng(n + top)
    tiles, cells = rng.integers(0, top + 1, (n, 3)), rng.integers(0, top + 1, (m, 3))
    match = match_unique(tiles, cells)[0]
    assert len(set(match.tolist())) == m
    assert match_cost(tiles, cells, match) == best_cost(tiles, cells, 1)


def test_equal_colours_are_told_apart_by_their_use() -> None:
    match = match_unique(np.zeros((4, 3)), np.zeros((4, 3)))[0]
    assert sorted(match.tolist()) == [0, 1, 2, 3]


def test_unique_gives_up_the_nearest_where_the_sum_wins() -> None:
    tiles, cells = np.array([[4.0], [9.0]]), np.array([[3.0], [0.0]])
    assert match_unique(tiles, cells)[0].tolist() == [1, 0]


def test_a_large_budget_gives_the_nearest_match() -> None:
    rng = np.random.default_rng(1)
    tiles, cells = rng.integers(0, 256, (9, 3)), rng.integers(0, 256, (20, 3))
    nearest = match_nearest(tiles, cells)
    unique = match_unique(tiles, cells, max_uses=20)[0]
    assert match_cost(tiles, cells, unique) == match_cost(tiles, cells, nearest)


def test_cost_is_the_sum_of_the_squares() -> None:
    tiles, cells = np.array([[0, 0, 0], [9, 9, 9]]), np.array([[1, 2, 3], [9, 9, 8]])
    assert match_cost(tiles, cells, np.array([0, 1])) == 1 + 4 + 9 + 1


@given(colours(), colours())
def test_the_costs_of_all_pairs_are_squared_distances(tiles: Array, cells: Array) -> None:
    assert (squared_distances(tiles, cells) == distances(tiles, cells)).all()


# The proof


def test_a_proof_by_hand() -> None:
    tiles, cells = np.array([[0.0], [3.0], [9.0]]), np.array([[2.0], [3.0]])
    none = np.zeros(3)
    assert (
        lower_bound(tiles, cells, none) == 1 + 0
    )  # each cell its nearest, which is tile 1
    assert lower_bound(tiles, cells, np.array([0.0, -3.0, 0.0])) == (4 + 3) - 3
    assert lower_bound(tiles, cells, np.array([0.0, -3.0, 0.0]), 2) == (4 + 3) - 2 * 3
    assert match_cost(tiles, cells, np.array([0, 1])) == 4


def test_a_reward_for_a_photo_that_nobody_must_use_proves_nothing() -> None:
    tiles, cells = np.array([[0.0], [3.0], [9.0]]), np.array([[2.0], [3.0]])
    assert lower_bound(tiles, cells, np.array([0.0, 0.0, 36.0])) == 1 + 0  # and not + 36


@given(colours(), colours(), st.integers(1, 4))
def test_the_prices_of_the_unique_match_prove_that_it_is_the_best(
    tiles: Array, cells: Array, k: int
) -> None:
    cells = cells[: len(tiles) * k]
    match, prices = match_unique(tiles, cells, max_uses=k)
    assert (prices <= 0).all()
    assert lower_bound(tiles, cells, prices, k) == match_cost(tiles, cells, match)


@given(colours(), colours(), st.integers(1, 4), st.data())
def test_no_prices_prove_that_the_best_match_costs_more_than_it_does(
    tiles: Array, cells: Array, k: int, data: st.DataObject
) -> None:
    cells = cells[: len(tiles) * k]
    best, n = best_cost(tiles, cells, k), len(tiles)
    price = st.integers(-(10**6), 10**6) | st.integers(-9, 9)
    prices = np.array(data.draw(st.lists(price, min_size=n, max_size=n)), float)
    assert lower_bound(tiles, cells, prices, k) <= best


@pytest.mark.parametrize(("n", "m", "k"), [(7, 7, 1), (9, 5, 1), (3, 8, 3)])
def test_prices_that_are_improved_again_and_again_prove_the_optimum_at_most(
    n: int, m: int, k: int
) -> None:
    rng = np.random.default_rng(n)
    tiles, cells = rng.integers(0, 9, (n, 2)), rng.integers(0, 9, (m, 2))
    best, prices, proven = best_cost(tiles, cells, k), np.zeros(n), -np.inf
    for _ in range(2000):
        other = np.minimum(0, prices + rng.integers(-3, 4, n) * (rng.random(n) < 0.4))
        if (bound := lower_bound(tiles, cells, other, k)) >= proven:
            prices, proven = other, bound
    assert 0.9 * best < proven <= best


def test_the_prices_of_other_photos_prove_less() -> None:
    rng = np.random.default_rng(3)
    tiles, cells = rng.integers(0, 256, (40, 3)), rng.integers(0, 256, (30, 3))
    match, prices = match_unique(tiles, cells)
    cost = match_cost(tiles, cells, match)
    for wrong in (prices[::-1], np.roll(prices, 1), 2 * prices, prices / 2, prices - 99):
        assert lower_bound(tiles, cells, wrong) < cost
    assert lower_bound(tiles, cells, prices) == cost


def test_a_solver_that_finds_no_plan_is_not_believed() -> None:
    costs = coo_array([[1.0, 0.0], [1.0, 0.0]])  # both photos can only go to the first cell
    with pytest.raises(RuntimeError, match="no optimal plan was found"):
        transport(np.ones(2), np.ones(2), costs)


def test_the_solver_silences_no_warnings_but_its_own() -> None:
    before = list(warnings.filters)
    transport(np.ones(2), np.ones(2), np.eye(2))
    assert warnings.filters == before


# Budgets


@pytest.mark.parametrize(
    ("n", "m", "k"), [(10, 10, 1), (11, 10, 1), (5, 10, 2), (9, 10, 7)]
)
def test_enough_photos_are_enough(n: int, m: int, k: int) -> None:
    check_budget(n, m, k)


def test_too_few_photos_are_refused_with_the_numbers_and_both_remedies() -> None:
    with pytest.raises(MosaicError) as caught:
        check_budget(30, 100, 2)
    assert str(caught.value) == (
        "100 cells cannot be filled by 30 photos used at most 2 times: "
        "20 photos are missing; add photos, or set max_uses = 4"
    )


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 9))
def test_the_remedies_are_enough_and_no_more_than_that(n: int, m: int, k: int) -> None:
    if n * k >= m:
        check_budget(n, m, k)
        return
    with pytest.raises(MosaicError) as caught:
        check_budget(n, m, k)
    words = str(caught.value).replace(":", " ").split()
    missing, remedy = int(words[words.index("photos", 9) - 1]), int(words[-1])
    check_budget(n, m, remedy)
    check_budget(n + missing, m, k)
    for less in [(n, m, remedy - 1), (n + missing - 1, m, k)]:
        with pytest.raises(MosaicError):
            check_budget(*less)


def test_too_few_photos_are_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def work(*ignored: Array) -> Array:
        raise AssertionError("the work began")

    monkeypatch.setattr(mosaic, "squared_distances", work)
    with pytest.raises(MosaicError, match="1 photos are missing"):
        match_unique(np.zeros((3, 3)), np.zeros((4, 3)))


# The target


def test_without_a_target_a_photo_serves_by_its_number() -> None:
    names = ["a.jpg", "b.jpg", "b.jpg", "c.jpg"]  # b.jpg in two variants
    found = [target_path(TargetSettings(target_id=i), "photos", names) for i in range(3)]
    assert found == ["photos/a.jpg", "photos/b.jpg", "photos/c.jpg"]
    assert target_path(TargetSettings("me.jpg", 9), "photos", names) == "me.jpg"


@pytest.mark.parametrize("names", [["a.jpg"], []])
def test_a_photo_number_that_there_is_not_is_refused(names: list[str]) -> None:
    with pytest.raises(MosaicError, match="target_id = 1"):
        target_path(TargetSettings(target_id=1), "photos", names)


# Cells


def numbered(cols: int, rows: int, width: int, height: int) -> Image.Image:
    """A target in which each cell is of its own grey: 10, 20, 30, row by row."""
    cells = 10 * np.arange(1, cols * rows + 1, dtype=np.uint8).reshape(rows, cols)
    return Image.fromarray(cells.repeat(height, axis=0).repeat(width, axis=1)).convert(
        "RGB"
    )


@pytest.mark.parametrize("grid", [(3, 2), (2, 3), (1, 5), (5, 1), (1, 1)])
@pytest.mark.parametrize("thumb_res", [(8, 8), (12, 4), (4, 12)])
@pytest.mark.parametrize("detail", [(1, 1), (4, 4), (3, 2)])
def test_cells_come_row_by_row(
    grid: tuple[int, int], thumb_res: tuple[int, int], detail: tuple[int, int]
) -> None:
    target = numbered(*grid, *thumb_res)
    cells = cut_cells(target, grid, thumb_res, detail)
    assert cells.shape == (grid[0] * grid[1], detail[1], detail[0], 3)
    assert cells.dtype == np.uint8
    expected = 10 * np.arange(1, len(cells) + 1)
    assert np.abs(mean_colour(cells)[:, 0] - expected).max() <= 5


def test_unasked_a_cell_has_four_by_four_pixels() -> None:
    assert cut_cells(numbered(3, 2, 8, 8), (3, 2), (5, 5)).shape == (6, 4, 4, 3)


def test_within_a_cell_pixels_are_where_they_were() -> None:
    target = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).convert("RGB")
    (first, second) = cut_cells(target, (2, 1), (3, 4), detail=(3, 4))[..., 0]
    assert first.tolist() == [[0, 1, 2], [6, 7, 8], [12, 13, 14], [18, 19, 20]]
    assert (second - first).tolist() == [[3] * 3] * 4


def test_a_target_of_another_shape_is_cut_around_its_middle() -> None:
    target = Image.new("RGB", (300, 100), "black")
    target.paste((255, 255, 255), (90, 0, 210, 100))
    cells = mean_colour(cut_cells(target, (2, 2), (5, 5)))
    assert cells.min() > 245


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300), (7, 5)])
def test_a_target_smaller_than_the_grid_is_enough(size: tuple[int, int]) -> None:
    cells = cut_cells(Image.new("RGB", size, "teal"), (30, 20), (5, 4))
    assert np.abs(mean_colour(cells) - (0, 128, 128)).max() <= 1


def test_a_transparent_target_is_over_white() -> None:
    cells = cut_cells(Image.new("RGBA", (20, 20)), (2, 2), (5, 5))
    assert (mean_colour(cells) == 255).all()


def test_a_lying_target_is_turned_upright_before_it_is_cut() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    target = numbered(2, 3, 20, 20).transpose(Image.Transpose.ROTATE_90)
    target.info["exif"] = exif.tobytes()
    means = mean_colour(cut_cells(target, (2, 3), (5, 5)))[:, 0]
    assert np.abs(means - 10 * np.arange(1, 7)).max() <= 3


# Features


def test_the_mean_is_rounded_to_whole_levels() -> None:
    images = np.zeros((2, 1, 3, 3), np.uint8)
    images[0, 0] = [(0, 0, 255), (0, 3, 255), (1, 5, 255)]
    images[1] = 200
    assert mean_colour(images).tolist() == [[0, 3, 255], [200, 200, 200]]
    assert mean_colour(images).dtype == np.float32


def test_the_mean_of_large_white_images_is_white() -> None:
    assert mean_colour(np.full((1, 700, 500, 3), 255, np.uint8)).tolist() == [
        [255, 255, 255]
    ]
