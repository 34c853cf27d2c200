"""Scores and counts, on images that can be checked by eye."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from mosaic import Array
from smalti import grid
from smalti.features import average_regions
from smalti.grid import View
from smalti.scores import (
    Scores,
    Similarity,
    Uses,
    colour_error,
    count_uses,
    describe_score,
    describe_uses,
    look,
    score,
    score_bands,
    score_view,
    watch,
)

BEST = {"rmse": 0, "ciede2000": 0, "ssim": 1, "ssim_twice": 1}


def noise(rows: int, cols: int) -> Array:
    """An image (rows, cols, 3) of random levels."""
    return np.random.default_rng(1).integers(0, 256, (rows, cols, 3), np.uint8)


def see(image: Array, cells: tuple[int, int], empty: list[list[bool]]) -> View:
    """A view of an image in (cols, rows) square cells, of which some are empty."""
    weight = np.zeros(np.shape(empty))
    return View(Image.fromarray(image), cells, (1.0, 1.0), np.array(empty), weight)


def look_at(view: View) -> Array:
    """What a target looks like at twice the scale of the grid, put together."""
    return np.concatenate(list(look(view)))


def similarity(one: Array, other: Array) -> float:
    """The mean structural similarity of two images."""
    found = Similarity((one.shape[1], one.shape[0]))
    found.add(one, other)
    return found.mean


# How like the target


def test_equal_images_have_the_best_scores() -> None:
    image = noise(24, 36)
    assert dataclasses.asdict(score(image, image, (9, 8))) == pytest.approx(BEST)


def test_white_for_black_is_wrong_by_255_levels_and_100_units() -> None:
    black, white = (np.full((8, 9, 3), level, np.uint8) for level in (0, 255))
    rmse, ciede2000 = colour_error(white, black)
    assert rmse == pytest.approx(255)
    assert ciede2000 == pytest.approx(100, abs=0.1)
    assert similarity(white, black) < 0.01


def test_what_is_inside_a_cell_counts_only_at_twice_the_scale() -> None:
    target = noise(16, 24)
    flat = average_regions(target[None], (12, 8))[0].repeat(2, 0).repeat(2, 1)
    marks = score(flat, target, (12, 8))
    assert marks.ssim == pytest.approx(1)
    assert marks.rmse == pytest.approx(0)
    assert marks.ssim_twice < 0.9


def test_mosaic_and_target_may_have_different_sizes() -> None:
    target = noise(8, 12)
    larger = target.repeat(5, 0).repeat(5, 1)
    assert score(larger, target, (12, 8)).ssim == pytest.approx(1)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 3, 3), (7, 5, 3)])
def test_small_images_have_a_similarity(shape: tuple[int, int, int]) -> None:
    small = np.random.default_rng(1).integers(0, 256, shape)
    assert similarity(small, small) == pytest.approx(1)
    assert similarity(small, 255 - small) < 1


def whole_scores(one: Array, other: Array) -> list[float]:
    """All scores of two whole images at twice the scale of the grid, as others compute them."""
    small = [
        average_regions(i[None], (i.shape[1] // 2, i.shape[0] // 2))[0]
        for i in (one, other)
    ]
    distance: Any = deltaE_ciede2000  # Any: without types
    seen = distance(*(rgb2lab(image / 255) for image in small))
    root = float(np.sqrt(((small[0] - small[1]) ** 2).mean()))
    pairs = (small, (one.astype(float), other.astype(float)))
    compare: Any = structural_similarity  # Any: without types
    like = [compare(*pair, channel_axis=2, data_range=255) for pair in pairs]
    return [root, float(seen.mean()), *like]


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(7, 30),
    cols=st.integers(7, 12),
    heights=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    far=st.integers(1, 255),
)
def test_scores_by_bands_are_those_of_the_whole(
    rows: int, cols: int, heights: list[int], far: int
) -> None:
    one = noise(2 * rows, 2 * cols)
    other = (
        (one.astype(int) + noise(2 * cols, 2 * rows).swapaxes(0, 1) % far) % 256
    ).astype(np.uint8)

    def bands() -> Iterator[tuple[Array, Array]]:
        top, turn = 0, 0
        while top < 2 * rows:
            end = top + 2 * heights[turn % len(heights)]
            yield one[top:end], other[top:end]
            top, turn = end, turn + 1

    found = dataclasses.astuple(score_bands(bands(), (cols, rows)))
    assert found == pytest.approx(whole_scores(one, other), rel=1e-9)


# While pasting


def test_bands_are_handed_on_as_they_are_and_seen_reduced() -> None:
    bands = [np.full((6, 8, 3), level, np.uint8) for level in (10, 200)]
    bands[0][:, 4:] = 90
    seen: list[Array] = []
    passed = list(watch(bands, 2, seen))
    assert all(np.array_equal(*pair) for pair in zip(passed, bands, strict=True))
    whole = np.concatenate(seen)
    assert whole[..., 0].tolist() == [[10, 10, 90, 90]] * 2 + [[200] * 4] * 2


def test_a_target_is_looked_at_with_four_pixels_a_cell() -> None:
    image = noise(4, 6).repeat(8, 0).repeat(8, 1)
    found = look_at(see(image, (3, 2), [[False] * 3] * 2))
    assert found.shape == (4, 6, 3)
    assert np.abs(found - noise(4, 6)).max() < 24  # bicubic, so not quite


def test_a_mosaic_that_looks_like_its_target_is_the_best() -> None:
    view = see(noise(32, 48), (3, 2), [[False] * 3] * 2)
    assert score_view(look_at(view), view) == Scores(**BEST)


def test_empty_cells_are_left_out_of_the_mean_errors() -> None:
    grey = np.full((16, 32, 3), 100, np.uint8)
    full, half = (see(grey, (2, 1), [[False, empty]]) for empty in (False, True))
    brighter = look_at(full) + 20
    left_only = look_at(full)
    left_only[:, :2] += 20
    assert score_view(brighter, full).rmse == pytest.approx(20, abs=1e-3)
    marks = score_view(left_only, half)
    assert marks.rmse == pytest.approx(20, abs=1e-3)
    assert marks.ciede2000 == pytest.approx(score_view(brighter, full).ciede2000, abs=1e-3)


def test_a_view_that_is_cut_in_bands_has_the_same_scores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    smooth = Image.fromarray(noise(5, 5)).resize((150, 170), Image.Resampling.BICUBIC)
    view = see(np.asarray(smooth), (9, 11), [[c == r for c in range(9)] for r in range(11)])
    seen = np.clip(look_at(view) + noise(22, 18) % 40, 0, 255).astype(np.uint8)
    whole = dataclasses.astuple(score_view(seen, view))
    monkeypatch.setattr(grid, "PART", 9 * 64 * 2)
    assert dataclasses.astuple(score_view(seen, view)) == whole
    for name in ("WHOLE", "BAND"):
        monkeypatch.setattr(grid, name, 9 * 64 * 2)
    assert dataclasses.astuple(score_view(seen, view)) == pytest.approx(whole, rel=1e-3)


# How photos are used


def test_photos_and_equal_neighbours_are_counted() -> None:
    match = np.array([[0, 0, 2], [1, 0, 2]])  # equal: 0 0 across, 0 0 and 2 2 down
    assert count_uses(match, np.arange(5)) == Uses(5, 3, 3, 3)


def test_a_single_cell_has_no_neighbours() -> None:
    assert count_uses(np.array([[4]]), np.arange(5)).equal_neighbours == 0


def test_empty_cells_are_no_equal_neighbours() -> None:
    match = np.array([[-1, -1, 2], [-1, 2, -1]])
    assert count_uses(match, np.arange(3)) == Uses(3, 1, 2, 0)


def test_tiles_of_one_photo_count_as_that_photo() -> None:
    match = np.array([[0, 1], [2, 3]])
    assert count_uses(match, np.array([0, 0, 1, 1])) == Uses(2, 2, 2, 2)


# In words


def test_scores_are_a_line() -> None:
    assert describe_score(Scores(4.62, 2.13, 0.9694, 0.486)) == (
        "score    RMSE 4.6 levels, CIEDE2000 2.1, structural similarity 0.969, "
        "at twice the grid's scale 0.486"
    )


@pytest.mark.parametrize(
    ("uses", "words"),
    [
        (
            Uses(9, 4, 1, 0),
            "used     4 of 9 photos, none more than once; 0 equal neighbours",
        ),
        (
            Uses(9, 4, 3, 2),
            "used     4 of 9 photos, none more than 3 times (a.jpg); 2 equal neighbours",
        ),
    ],
)
def test_the_use_of_photos_is_a_line(uses: Uses, words: str) -> None:
    assert describe_uses(uses, "a.jpg") == words
