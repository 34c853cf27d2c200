"""Matching: against brute force, against another solver, and by counting."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy.optimize import linear_sum_assignment

from mosaic import (
    MosaicError,
    Settings,
    cut_cells,
    match_cost,
    match_nearest,
    match_unique,
    mean_rgb,
)
from smalti.demands import simple_demands, use_budget
from smalti.ground.photos import ORIENTATION
from smalti.ways import FEW, MANY, find_match, fit_grid

Array = NDArray[Any]


def distances(tiles: Array, cells: Array) -> Array:
    """Squared distances of all tiles to all cells: (n, m)."""
    return ((tiles[:, None, :].astype(float) - cells[None, :, :]) ** 2).sum(axis=2)


@st.composite
def colours(draw: st.DrawFn, most: int = 9) -> Array:
    """A few colours of whole levels; in a small range, so that many are equal."""
    count, top = draw(st.integers(1, most)), draw(st.sampled_from([1, 5, 255]))
    level = st.integers(0, top)
    rows = draw(st.lists(st.tuples(level, level, level), min_size=count, max_size=count))
    return np.array(rows, np.float32)


# Nearest


@given(colours(), colours())
@settings(deadline=None)
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


def best_cost(tiles: Array, cells: Array, most: int, least: int = 0) -> float:
    """The least possible cost by another solver, with each tile repeated.

    The first `least` copies of each tile must be used: a cell that does not exist
    may only be given one of the others.
    """
    copies = np.tile(distances(tiles, cells), (most, 1))
    spare = len(tiles) * most - len(cells)
    forbidden = 1e9 * (np.arange(len(copies)) < len(tiles) * least)
    work = np.hstack([copies, np.repeat(forbidden[:, None], spare, axis=1)])
    return float(work[linear_sum_assignment(work)].sum())


@given(colours(), colours(), st.integers(1, 4))
@settings(deadline=None)
def test_unique_is_the_exact_optimum_within_the_budget(
    tiles: Array, cells: Array, k: int
) -> None:
    cells = cells[: len(tiles) * k]
    match = match_unique(tiles, cells, max_uses=k)
    assert match.shape == (len(cells),)
    assert np.bincount(match, minlength=len(tiles)).max() <= k
    assert match_cost(tiles, cells, match) == best_cost(tiles, cells, k)


@given(colours(4), colours(12), st.data())
@settings(deadline=None)
def test_every_tile_is_used_as_often_as_it_must(
    tiles: Array, cells: Array, data: st.DataObject
) -> None:
    n, m = len(tiles), len(cells)
    least = data.draw(st.integers(0, m // n))
    most = data.draw(st.integers(max(1, least, -(-m // n)), least + 4 + m // n))
    match = match_unique(tiles, cells, max_uses=most, min_uses=least)
    uses = np.bincount(match, minlength=n)
    assert (uses.min() >= least, uses.max() <= most) == (True, True)
    assert match_cost(tiles, cells, match) == best_cost(tiles, cells, most, least)


@pytest.mark.parametrize(("n", "m"), [(60, 60), (90, 60), (200, 60), (61, 60)])
@pytest.mark.parametrize("top", [3, 255])
def test_unique_is_the_optimum_of_larger_ones_too(n: int, m: int, top: int) -> None:
    rng = np.random.default_rng(n + top)
    tiles, cells = rng.integers(0, top + 1, (n, 3)), rng.integers(0, top + 1, (m, 3))
    match = match_unique(tiles, cells)
    assert len(set(match.tolist())) == m
    assert match_cost(tiles, cells, match) == best_cost(tiles, cells, 1)


def test_equal_colours_are_told_apart_by_their_use() -> None:
    assert sorted(match_unique(np.zeros((4, 3)), np.zeros((4, 3))).tolist()) == [0, 1, 2, 3]


def test_unique_gives_up_the_nearest_where_the_sum_wins() -> None:
    tiles, cells = np.array([[4.0], [9.0]]), np.array([[3.0], [0.0]])
    assert match_unique(tiles, cells).tolist() == [1, 0]


def test_a_large_budget_gives_the_nearest_match() -> None:
    rng = np.random.default_rng(1)
    tiles, cells = rng.integers(0, 256, (9, 3)), rng.integers(0, 256, (20, 3))
    nearest = match_nearest(tiles, cells)
    assert match_cost(tiles, cells, match_unique(tiles, cells, max_uses=20)) == (
        match_cost(tiles, cells, nearest)
    )


def test_cost_is_the_sum_of_the_squares() -> None:
    tiles, cells = np.array([[0, 0, 0], [9, 9, 9]]), np.array([[1, 2, 3], [9, 9, 8]])
    assert match_cost(tiles, cells, np.array([0, 1])) == 1 + 4 + 9 + 1


# Budgets


@pytest.mark.parametrize(
    ("n", "m", "k", "expected"),
    [(10, 10, 1, (0, 1)), (11, 10, 1, (0, 1)), (5, 10, 2, (0, 2)), (9, 10, 7, (0, 7))],
)
def test_with_enough_photos_the_budget_is_that_of_the_settings(
    n: int, m: int, k: int, expected: tuple[int, int]
) -> None:
    assert use_budget(n, m, k, "refuse") == use_budget(n, m, k, "fewest") == expected


def test_too_few_photos_are_refused_with_the_numbers_and_both_remedies() -> None:
    with pytest.raises(MosaicError) as caught:
        use_budget(30, 100, 2, "refuse")
    said = str(caught.value)
    assert said.startswith("100 cells cannot be filled by 30 photos used at most 2 times")
    assert "20 photos are missing" in said
    assert "max_uses = 4" in said
    assert 'repeats = "fewest"' in said


@pytest.mark.parametrize(
    ("n", "m", "k"), [(9, 10, 1), (1, 10, 1), (3, 10, 2), (333, 1000, 3)]
)
def test_the_remedies_are_enough(n: int, m: int, k: int) -> None:
    with pytest.raises(MosaicError) as caught:
        use_budget(n, m, k, "refuse")
    words = str(caught.value).replace(":", " ").replace(",", " ").split()
    missing = int(words[words.index("missing;") - 3]) if "missing;" in words else 0
    remedy = int(words[words.index("max_uses") + 2])
    assert use_budget(n, m, remedy, "refuse") == (0, remedy)
    assert use_budget(n + missing, m, k, "refuse") == (0, k)
    with pytest.raises(MosaicError):
        use_budget(n + missing - 1, m, k, "refuse")


@given(st.integers(1, 50), st.integers(1, 200), st.integers(1, 3))
def test_fewest_uses_no_photo_twice_more_than_another(n: int, m: int, k: int) -> None:
    least, most = use_budget(n, m, k, "fewest")
    assert n * least <= m <= n * most
    if n * k < m:
        assert most - least <= 1


def matched(tiles: Array, cells: Array, settings: Settings) -> tuple[Array, dict[str, Any]]:
    """Match tiles of as many photos with a single row of cells, none of them empty."""
    demands = simple_demands(len(tiles), len(cells), settings)
    empty = np.zeros((1, len(cells)), bool)
    match, report = find_match(tiles, cells, settings, demands, empty)
    return match[0], report


@pytest.mark.parametrize(("n", "m"), [(3, 10), (4, 12), (7, 8), (1, 5)])
def test_fewest_uses_every_photo_once_before_any_is_used_twice(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    tiles, cells = rng.integers(0, 9, (n, 3)), rng.integers(200, 256, (m, 3))
    match, report = matched(tiles, cells, Settings(repeats="fewest"))
    uses = np.bincount(match, minlength=n)
    assert set(uses.tolist()) <= {m // n, -(-m // n)}
    assert (report["photos_used"], report["most_used"]) == (n, -(-m // n))


@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_the_report_says_what_was_found(method: str) -> None:
    tiles, cells = np.array([[0, 0, 0], [8, 0, 0]]), np.array([[0, 0, 2], [1, 0, 0]])
    match, report = matched(tiles, cells, Settings(method=method))
    nearest = {"photos_used": 1, "most_used": 2, "cost": 4.0 + 1.0}
    unique = {"photos_used": 2, "most_used": 1, "cost": 4.0 + 49.0}
    expected = nearest if method == "nearest" else unique
    assert match.tolist() == ([0, 0] if method == "nearest" else [0, 1])
    assert {key: report[key] for key in expected} == expected
    assert (report["photos"], report["cells"]) == (2, 2)


@pytest.mark.parametrize("repeats", ["refuse", "fewest"])
@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_no_photos_at_all_are_an_error(method: str, repeats: str) -> None:
    none, cells = np.zeros((0, 3), np.float32), np.zeros((4, 3), np.float32)
    with pytest.raises(MosaicError, match="photo"):
        matched(none, cells, Settings(method=method, repeats=repeats))


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
    assert np.abs(mean_rgb(cells)[:, 0] - expected).max() <= 5


def test_within_a_cell_pixels_are_where_they_were() -> None:
    target = Image.fromarray(np.arange(24, dtype=np.uint8).reshape(4, 6)).convert("RGB")
    (first, second) = cut_cells(target, (2, 1), (3, 4), detail=(3, 4))[..., 0]
    assert first.tolist() == [[0, 1, 2], [6, 7, 8], [12, 13, 14], [18, 19, 20]]
    assert (second - first).tolist() == [[3] * 3] * 4


def test_a_target_of_another_shape_is_cut_around_its_middle() -> None:
    target = Image.new("RGB", (300, 100), "black")
    target.paste((255, 255, 255), (90, 0, 210, 100))
    cells = mean_rgb(cut_cells(target, (2, 2), (5, 5)))
    assert cells.min() > 245


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 300), (7, 5)])
def test_a_target_smaller_than_the_grid_is_enough(size: tuple[int, int]) -> None:
    cells = cut_cells(Image.new("RGB", size, "teal"), (30, 20), (5, 4))
    assert np.abs(mean_rgb(cells) - (0, 128, 128)).max() <= 1


def test_a_transparent_target_is_over_white() -> None:
    cells = cut_cells(Image.new("RGBA", (20, 20)), (2, 2), (5, 5))
    assert (mean_rgb(cells) == 255).all()


def test_a_lying_target_is_turned_upright_before_it_is_cut() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    target = numbered(2, 3, 20, 20).transpose(Image.Transpose.ROTATE_90)
    target.info["exif"] = exif.tobytes()
    means = mean_rgb(cut_cells(target, (2, 3), (5, 5)))[:, 0]
    assert np.abs(means - 10 * np.arange(1, 7)).max() <= 3


# Features


def test_the_mean_is_rounded_to_whole_levels() -> None:
    images = np.zeros((2, 1, 3, 3), np.uint8)
    images[0, 0] = [(0, 0, 255), (0, 3, 255), (1, 5, 255)]
    images[1] = 200
    assert mean_rgb(images).tolist() == [[0, 3, 255], [200, 200, 200]]
    assert mean_rgb(images).dtype == np.float32


def test_the_mean_of_large_white_images_is_white() -> None:
    assert mean_rgb(np.full((1, 700, 500, 3), 255, np.uint8)).tolist() == [[255, 255, 255]]


# The grid


def test_the_grid_of_a_square_target_is_square() -> None:
    assert fit_grid((500, 500), (50, 50), 10_000) == (100, 100)
    assert fit_grid((500, 500), (50, 50), 1_000_000) == (100, 100)
    assert fit_grid((500, 500), (50, 50), 3) == (40, 40)


SIDE = st.integers(1, 20_000)


@given(st.tuples(SIDE, SIDE), st.tuples(st.integers(1, 200), st.integers(1, 200)), SIDE)
def test_the_grid_has_no_more_cells_than_photos(
    size: tuple[int, int], thumb_res: tuple[int, int], photos: int
) -> None:
    cols, rows = fit_grid(size, thumb_res, photos)
    assert cols >= 1
    assert rows >= 1
    assert cols * rows <= max(FEW, min(photos, MANY))


@given(
    st.tuples(st.integers(100, 400), st.integers(100, 400)),
    st.sampled_from([(50, 50), (60, 40), (40, 60), (30, 20)]),
    st.integers(1, 20_000),
)
def test_the_grid_has_nearly_the_shape_of_the_target_and_nearly_all_the_cells(
    size: tuple[int, int], thumb_res: tuple[int, int], photos: int
) -> None:
    cols, rows = fit_grid(size, thumb_res, photos)
    shape = cols * thumb_res[0] / (rows * thumb_res[1])
    assert shape == pytest.approx(size[0] / size[1], rel=0.06)
    assert cols * rows > 0.9 * max(FEW, min(photos, MANY))


@pytest.mark.parametrize(
    ("size", "expected"), [((1, 100_000), (1, 1600)), ((100_000, 1), (1600, 1))]
)
def test_a_very_narrow_target_has_a_single_column_or_row(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fit_grid(size, (50, 50), 100) == expected


def test_wide_stones_make_fewer_columns() -> None:
    (square, wide) = (fit_grid((900, 600), res, 2400) for res in [(50, 50), (100, 50)])
    assert square[0] > wide[0]
    assert all(a * b <= 2400 for a, b in itertools.chain([square, wide]))
