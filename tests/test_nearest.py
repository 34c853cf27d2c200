"""The nearest photos by every distance, and dithering, against SciPy and by eye."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist

import mosaic
from mosaic import Array
from smalti import nearest as module
from smalti.features import METRICS
from smalti.ground.errors import MosaicError
from smalti.nearest import (
    TREE_FEATURES,
    choose_by_force,
    choose_by_tree,
    dither,
    nearest,
    nearest_choices,
)
from smalti.scores import count_uses

RED, BLACK, WHITE, GREY = (255, 0, 0), (0, 0, 0), (255, 255, 255), (119, 119, 119)
few = settings(max_examples=40, deadline=None)


def rows(*lines: tuple[float, ...]) -> Array:
    """Features (k, f), written down."""
    return np.array(lines, np.float32)


@st.composite
def two_sets(draw: st.DrawFn, least: int = 0) -> tuple[Array, Array]:
    """Whole-numbered features of tiles and cells, few or many, (n, f) and (m, f)."""
    f = draw(st.sampled_from([1, 3, 12, 18, 30]))
    levels = st.integers(least, 255)
    tiles = draw(hnp.arrays(np.float32, (draw(st.integers(1, 9)), f), elements=levels))
    cells = draw(hnp.arrays(np.float32, (draw(st.integers(1, 6)), f), elements=levels))
    return tiles, cells


# Choosing


@pytest.mark.parametrize(
    ("metric", "favourite"),
    [("euclidean", 1), ("cityblock", 0), ("chebyshev", 2), ("cosine", 3)],
)
def test_each_metric_has_its_own_favourite(metric: str, favourite: int) -> None:
    tiles = rows((100, 100, 111), (106, 106, 100), (105, 105, 95), (10, 10, 10))
    cell = rows((100, 100, 100))
    distances = cdist(tiles, cell, metric).ravel()
    assert nearest(tiles, cell, metric)[0] == distances.argmin() == favourite


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev"])
@few
@given(sets=two_sets(), data=st.data())
def test_the_nearest_are_as_near_as_scipy_finds(
    metric: str, sets: tuple[Array, Array], data: st.DataObject
) -> None:
    tiles, cells = sets
    k = data.draw(st.integers(1, len(tiles)))
    match, distances = nearest_choices(tiles, cells, metric, k)
    every = cdist(cells, tiles, metric)
    assert match.shape == distances.shape == (len(cells), k)
    assert match.dtype == np.int64
    assert np.allclose(distances, np.sort(every, axis=1)[:, :k], rtol=1e-5, atol=1e-5)
    assert np.allclose(distances, np.take_along_axis(every, match, axis=1), atol=1e-4)
    assert all(len(set(choices)) == k for choices in match.tolist())


@few
@given(sets=two_sets(least=1))
def test_the_nearest_by_cosine_are_as_near_as_scipy_finds(
    sets: tuple[Array, Array],
) -> None:
    tiles, cells = sets
    match, distances = nearest_choices(tiles, cells, "cosine")
    every = cdist(cells, tiles, "cosine")
    found = np.take_along_axis(every, match, 1)[:, 0]
    assert np.allclose(distances[:, 0], every.min(axis=1), atol=1e-5)
    assert np.allclose(found, every.min(axis=1), atol=1e-5)


@few
@given(sets=two_sets(least=1), brighter=st.integers(2, 9))
def test_the_cosine_does_not_see_brightness(
    sets: tuple[Array, Array], brighter: int
) -> None:
    tiles, cells = sets
    near = nearest_choices(tiles, cells, "cosine")[1]
    bright = nearest_choices(tiles * brighter, cells, "cosine")[1]
    assert np.allclose(near, bright, atol=1e-5)


def test_black_counts_as_grey_to_the_cosine() -> None:
    tiles = rows((200, 0, 0), (9, 9, 9), (0, 0, 200))
    assert nearest(tiles, rows((0, 0, 0)), "cosine").tolist() == [1]


@pytest.mark.parametrize("metric", METRICS)
@few
@given(sets=two_sets(), data=st.data())
def test_force_and_tree_find_equally_near_tiles(
    metric: str, sets: tuple[Array, Array], data: st.DataObject
) -> None:
    tiles, cells = sets
    r, k = METRICS[metric], data.draw(st.integers(1, len(tiles)))
    by_tree = choose_by_tree(tiles, cells, r, k)[1]
    by_force = choose_by_force(tiles, cells, r, k)[1]
    assert np.allclose(by_tree, by_force, rtol=1e-5)


@pytest.mark.parametrize("f", [1, 3, 12])
def test_one_choice_by_tree_is_the_first_of_several(f: int) -> None:
    rng = np.random.default_rng(f)
    tiles, cells = (rng.permutation(n * f).reshape(n, f) for n in (40, 30))
    one, several = (choose_by_tree(tiles, cells, 2.0, k) for k in (1, 3))
    every = np.sort(cdist(cells, tiles), axis=1)
    clear = every[:, 0] < every[:, 1]
    assert np.array_equal(one[0][clear], several[0][clear, :1])
    assert np.allclose(one[1], several[1][:, :1])


@few
@given(sets=two_sets())
def test_of_few_features_the_nearest_is_that_of_the_book(
    sets: tuple[Array, Array],
) -> None:
    tiles, cells = (one[:, :TREE_FEATURES] for one in sets)
    assert np.array_equal(nearest(tiles, cells), mosaic.match_nearest(tiles, cells))


def test_many_features_are_compared_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    tiles, cells = (rng.integers(0, 256, (n, 300)) + np.float32(0) for n in (150, 40))
    for metric in METRICS:
        at_once = nearest_choices(tiles, cells, metric, 3)
        with monkeypatch.context() as patch:
            patch.setattr(module, "MEMORY", 60_000)
            in_blocks = nearest_choices(tiles, cells, metric, 3)
        assert all(np.array_equal(*pair) for pair in zip(in_blocks, at_once, strict=True))


def test_of_equal_tiles_the_first_is_taken_first() -> None:
    tiles = np.ones((9, 20), np.float32)
    assert nearest_choices(tiles, tiles[:1], k=5)[0].tolist() == [[0, 1, 2, 3, 4]]


def test_the_nearest_are_a_row_and_choices_are_a_table() -> None:
    tiles, cells = rows((0,), (10,), (30,)), rows((9,), (2,))
    assert nearest(tiles, cells).tolist() == [1, 0]
    assert nearest_choices(tiles, cells, k=2)[0].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("k", [0, 3])
def test_more_choices_than_photos_are_refused(k: int) -> None:
    with pytest.raises(MosaicError, match=f"choices = {k}: there are 2 photos"):
        nearest_choices(rows((0,), (1,)), rows((0,)), k=k)


# Dithering


def test_grey_is_dithered_to_as_much_black_as_white() -> None:
    tiles, cells = rows(BLACK, WHITE), np.full((80, 3), 127.5)
    match = dither(tiles, cells, (8, 10))
    assert match.shape == (80,)
    assert abs(match.mean() - 0.5) < 0.03
    assert count_uses(match.reshape(8, 10), np.arange(2)).equal_neighbours < 20


def test_without_dithering_grey_is_all_of_one_colour() -> None:
    cells = np.full((80, 3), 120, np.float32)
    assert set(nearest(rows(BLACK, WHITE), cells).tolist()) == {0}


def test_errors_run_to_and_fro() -> None:
    tiles = rows((0,), (16,))
    cells = rows((0,), (0,), (4,), (6,), (9,), (7.5,))
    # the first row owes 4 at its right end: 0.75 to the middle, 1.25 to the right below
    # the second row, from the right: 8.75 is 16, 6.58 is 0, 8.88 is 16
    match = dither(tiles, cells, (2, 3)).reshape(2, 3)
    assert match.tolist() == [[0, 0, 0], [1, 0, 1]]


def test_colours_that_exist_need_no_dithering() -> None:
    tiles = rows(BLACK, RED, GREY)
    cells = tiles[[0, 1, 2, 2, 1, 0]]
    assert dither(tiles, cells, (2, 3)).tolist() == [0, 1, 2, 2, 1, 0]


def test_a_colour_that_no_photo_has_leaves_no_debt() -> None:
    sky_and_roof = np.repeat([250.0, 100.0], 20)[:, None]
    match = dither(rows((100,), (150,)), sky_and_roof, (4, 10))
    assert match.tolist() == [1] * 20 + [0] * 20
