"""Equal photos keep the spacing of smalti/spacing.md, and budgets are kept, too."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smalti import spacing
from smalti.offers import Ints
from smalti.placement import scene
from smalti.spacing import fits, keep_apart, move_apart, twins


def pairs_too_close(grid: Ints, r: int) -> int:
    """Pairs of equal numbers in a window, counted one by one."""
    return (
        sum(
            int(
                (
                    grid[max(0, a - r) : a + r + 1, max(0, b - r) : b + r + 1] == grid[a, b]
                ).sum()
            )
            - 1
            for a, b in np.ndindex(*grid.shape)
        )
        // 2
    )


@pytest.mark.parametrize("budget", [None, 3])
@pytest.mark.parametrize("r", [1, 2])
def test_no_equal_photos_within_the_spacing(budget: int | None, r: int) -> None:
    tiles, cells = scene(24, 240)
    match, close = keep_apart(tiles, cells, (16, 36), r, budget)
    assert pairs_too_close(match.reshape(16, 36), r) == close == 0
    assert budget is None or np.bincount(match).max() <= budget


def test_mirror_images_count_as_their_photo() -> None:
    tiles, cells = scene(12, 60)
    both = np.r_[tiles, tiles + 1]
    photo = np.tile(np.arange(60), 2)
    for budget in (None, np.full(60, 4)):
        match, close = keep_apart(both, cells, (8, 18), 1, budget, photo)
        assert close == pairs_too_close(photo[match].reshape(8, 18), 1) == 0


@given(
    st.integers(0, 999),
    st.sampled_from([(5, 8), (8, 5), (1, 40), (4, 10)]),
    st.sampled_from([(1, 4), (1, 2), (2, 3), (0, 3)]),
)
@settings(max_examples=25)
def test_every_photo_is_used_as_often_as_it_has_to_be(
    seed: int, shape: tuple[int, int], uses: tuple[int, int]
) -> None:
    rng, (least, most) = np.random.default_rng(seed), uses
    tiles, cells = rng.uniform(0, 255, (20, 3)), rng.uniform(0, 60, (40, 3))
    match, close = keep_apart(tiles, cells, shape, 1, most, min_uses=least)
    counts = np.bincount(match, minlength=20)
    assert least <= counts.min() <= counts.max() <= most
    assert close == pairs_too_close(match.reshape(shape), 1) == 0


def test_each_photo_may_have_a_least_number_of_its_own() -> None:
    least = [3, 0, 0, 1, 0, 0]  # the first and the fourth are nobody's best photo
    tiles = [[900.0], [0.0], [1.0], [800.0], [2.0], [3.0]]
    match, close = keep_apart(tiles, np.zeros((12, 1)), (2, 6), 1, 12, min_uses=least)
    counts = np.bincount(match, minlength=6)
    assert (counts >= least).all()
    assert close == 0
    assert counts[[0, 3]].tolist() == [3, 1]


def test_an_exchange_keeps_the_books_of_uses_that_are_left_and_that_can_be_spared() -> None:
    grid, left, rest = np.zeros((1, 5), np.int64), np.array([0, 5]), np.array([1, 0])
    move_apart(
        np.array([[0.0], [1.0]]), np.zeros((5, 1)), grid, 1, left, rest, np.arange(2)
    )
    assert np.bincount(grid.ravel()).tolist() == [4, 1]
    assert (left.tolist(), rest.tolist()) == ([1, 4], [0, 1])


def test_the_least_uses_of_a_photo_count_its_mirror_image() -> None:
    tiles, photo = [[0.0], [50.0], [51.0], [0.0]], [0, 1, 1, 2]
    match, _ = keep_apart(tiles, np.zeros((8, 1)), (2, 4), 1, 4, photo, 2)
    counts = np.bincount(np.array(photo)[match])
    assert counts.min() >= 2
    assert 2 not in match


def test_too_few_photos_for_the_spacing_are_counted_as_violations() -> None:
    match, close = keep_apart([[0.0], [1.0]], np.zeros((9, 1)), (3, 3), 1)
    assert close > 0 and len(match) == 9


def test_twins_are_the_later_ones_of_each_pair() -> None:
    grid = np.array([[0, 0, 1], [2, 3, 0], [4, 5, 2]])
    late, pairs = twins(grid, 1)
    assert (late.tolist(), pairs) == ([1, 5], 2)
    assert twins(grid, 2)[1] == pairs_too_close(grid, 2) == 4


def test_a_photo_fits_where_none_of_its_kind_is_near() -> None:
    grid = np.array([[0, 1, 2], [3, 4, 5]])
    assert not fits(grid, cell=4, photo=0, other=5, spacing=1)
    assert fits(grid, cell=4, photo=0, other=0, spacing=1)
    assert fits(grid, cell=5, photo=0, other=4, spacing=1)


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(spacing).failed == 0
