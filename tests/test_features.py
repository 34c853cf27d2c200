"""Features, colours, metrics and scores, on images that can be checked by eye."""

import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

import mosaic
from smalti import features
from smalti.features import (
    BLACK_TO_WHITE,
    COLOURS,
    FEATURES,
    METRICS,
    average_regions,
    check_choices,
    colour_error,
    cost_matrix,
    histogram,
    make_features,
    match_dithered,
    match_nearest,
    nearest_choices,
    pixels,
    prepare,
    score,
    structural_similarity,
    usage,
    weigh,
)
from smalti.ground.settings import MosaicError

Array = NDArray[Any]
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (119, 119, 119)
some_images = hnp.arrays(
    np.uint8, st.tuples(*[st.integers(1, most) for most in (4, 7, 7)], st.just(3))
)


few = settings(max_examples=40, deadline=None)


def image(*rows: list[tuple[int, int, int]]) -> Array:
    """One image, (1, h, w, 3), of rows of colours."""
    return np.array([rows], np.uint8)


def rows(*lines: tuple[float, ...]) -> Array:
    """Features (k, f), written down."""
    return np.array(lines, np.float32)


# Colours


def test_grey_levels_become_their_amount_of_light():
    grey = np.array([0, 10, 188, 255], np.uint8)
    assert features.linear(grey) == pytest.approx([0, 0.774, 128.2, 255], abs=0.05)


@pytest.mark.parametrize(
    ("paint", "wanted"),
    [
        (BLACK, (0, 0, 0)),
        (WHITE, (100, 0, 0)),
        (RED, (53.24, 80.09, 67.20)),
        (GREEN, (87.74, -86.18, 83.18)),
        (BLUE, (32.30, 79.19, -107.86)),
    ],
)
def test_lab_of_the_primaries_is_what_tables_say(paint, wanted):
    found = COLOURS["lab"](image([paint]))[0, 0, 0] / BLACK_TO_WHITE * 100
    assert found == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize(
    ("paint", "wanted"),
    [
        (BLACK, (0, 0, 0)),
        (WHITE, (1, 0, 0)),
        (RED, (0.628, 0.225, 0.126)),
        (GREEN, (0.866, -0.234, 0.179)),
        (BLUE, (0.452, -0.032, -0.312)),
    ],
)
def test_oklab_of_the_primaries_is_what_its_author_says(paint, wanted):
    found = COLOURS["oklab"](image([paint]))[0, 0, 0] / BLACK_TO_WHITE
    assert found == pytest.approx(wanted, abs=0.0006)


@pytest.mark.parametrize("colour", ["lab", "oklab"])
@few
@given(level=st.integers(0, 255))
def test_grey_has_no_hue(colour, level):
    chroma = COLOURS[colour](image([(level, level, level)]))[..., 1:]
    assert np.abs(chroma).max() < 0.1


@pytest.mark.parametrize("colour", COLOURS)
def test_white_is_as_far_from_black_in_every_space(colour):
    black, white = COLOURS[colour](image([BLACK, WHITE]))[0, 0]
    assert np.linalg.norm(white - black) == pytest.approx(255 * 3**0.5, rel=1e-4)


@pytest.mark.parametrize("colour", COLOURS)
@few
@given(images=some_images)
def test_a_conversion_keeps_the_shape_and_gives_32_bits(colour, images):
    found = COLOURS[colour](images)
    assert found.shape == images.shape
    assert found.dtype == np.float32


# Features


def test_the_mean_of_two_pixels_is_halfway():
    assert make_features(image([(0, 10, 20), (10, 20, 255)])).tolist() == [[5, 15, 138]]


@few
@given(images=some_images)
def test_the_mean_is_that_of_the_book(images):
    assert np.array_equal(make_features(images), mosaic.mean_rgb(images))


@pytest.mark.parametrize("colour", COLOURS)
@few
@given(images=some_images)
def test_pixels_without_detail_are_the_mean(colour, images):
    without = make_features(images, "pixels", colour, detail=1)
    assert np.array_equal(without, make_features(images, "mean", colour))


def test_pixels_go_row_by_row_with_the_channels_last():
    found = make_features(image([RED, GREEN], [BLUE, WHITE]), "pixels", detail=2)
    assert found.tolist() == [[*RED, *GREEN, *BLUE, *WHITE]]


def test_regions_of_a_wide_image_are_wide():
    wide = image([RED, RED, BLUE, BLUE], [BLACK, BLACK, WHITE, WHITE])
    assert pixels(wide, 2).tolist() == [[*RED, *BLUE, *BLACK, *WHITE]]


def test_a_pixel_on_a_border_is_shared():
    three = image([(0, 0, 0), (90, 90, 90), (240, 240, 240)])
    assert average_regions(three, (2, 1))[0, 0, :, 0].tolist() == [30, 190]


@few
@given(images=some_images, cols=st.integers(1, 9), rows=st.integers(1, 9))
def test_regions_average_to_the_average_of_the_image(images, cols, rows):
    regions = average_regions(images, (cols, rows))
    assert regions.shape == (len(images), rows, cols, 3)
    assert np.allclose(regions.mean(axis=(1, 2)), images.mean(axis=(1, 2)))


def test_full_detail_is_the_image_itself():
    square = np.random.default_rng(1).integers(0, 256, (2, 5, 5, 3), np.uint8)
    found = make_features(square, "pixels", detail=5)
    assert np.array_equal(found, square.reshape(2, 75))


def test_a_histogram_has_the_share_of_each_level():
    found = histogram(image([RED, RED, RED, BLUE]), bins=2).reshape(2, 3)
    assert found.tolist() == [[0.25, 1, 0.75], [0.75, 0, 0.25]]


def test_256_bins_are_the_levels_one_by_one():
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(256, 1, 1, 3)
    found = make_features(ramp, "histogram").reshape(256, 256, 3)
    assert np.array_equal(found, np.repeat(np.eye(256)[:, :, None], 3, axis=2))


@pytest.mark.parametrize("colour", COLOURS)
@few
@given(images=some_images, bins=st.integers(1, 256))
def test_a_histogram_sums_to_one_in_each_channel(colour, images, bins):
    found = make_features(images, "histogram", colour, bins=bins)
    sums = found.reshape(len(images), bins, 3).sum(axis=1)
    assert np.allclose(sums, 1, atol=1e-5)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("feature", list(FEATURES))
def test_an_image_has_the_same_feature_alone_and_among_others(monkeypatch, feature, colour):
    images = np.random.default_rng(1).integers(0, 256, (7, 4, 6, 3), np.uint8)
    together = make_features(images, feature, colour)
    monkeypatch.setattr(features, "AT_ONCE", 50)
    alone = make_features(images, feature, colour)
    assert together.dtype == alone.dtype == np.float32
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("feature", list(FEATURES))
def test_no_images_have_no_rows(feature):
    one, none = np.zeros((1, 4, 6, 3), np.uint8), np.zeros((0, 4, 6, 3), np.uint8)
    width = make_features(one, feature).shape[1]
    assert make_features(none, feature).shape == (0, width)


# What is refused


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"feature": "mean", "bins": 16}, "`bins` needs feature = histogram"),
        ({"feature": "histogram", "detail": 3}, "`detail` needs feature = pixels"),
        ({"feature": "edge"}, "feature = 'edge': choose mean or pixels or histogram"),
        ({"colour": "cmyk"}, "colour = 'cmyk': choose rgb or linear or lab or oklab"),
        (
            {"feature": "pixels", "detail": 5},
            "detail = 5: of 6 x 4 pixels it can be 1 to 4",
        ),
        (
            {"feature": "pixels", "detail": 0},
            "detail = 0: of 6 x 4 pixels it can be 1 to 4",
        ),
        ({"feature": "histogram", "bins": 0}, "bins = 0: it must be from 1 to 256"),
    ],
)
def test_a_feature_that_cannot_be_made_is_refused_by_name(choices, words):
    with pytest.raises(MosaicError) as caught:
        make_features(np.zeros((1, 4, 6, 3), np.uint8), **choices)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"metric": "cosine", "colour": "lab"}, "`cosine` needs colour = rgb or linear"),
        ({"metric": "hamming"}, "metric = 'hamming': choose euclidean or cityblock or"),
        ({"feature": "mean", "bins": 16}, "`bins` needs feature = histogram"),
        ({"dither": True, "feature": "pixels"}, "`dither` needs feature = mean"),
        ({"dither": True, "metric": "cosine"}, "`dither` needs metric = euclidean"),
        ({"dither": True, "method": "unique"}, "`dither` needs method = nearest"),
    ],
)
def test_choices_that_do_not_go_together_are_refused_by_name(choices, words):
    with pytest.raises(MosaicError) as caught:
        check_choices(**choices)
    assert str(caught.value).startswith(words)


def test_sensible_combinations_pass():
    check_choices("histogram", "lab", "cityblock", bins=16)
    check_choices("pixels", "oklab", "euclidean", "unique", detail=3)
    check_choices("mean", "linear", "euclidean", "nearest", dither=True)


# Metrics


@pytest.mark.parametrize(
    ("metric", "nearest"),
    [("euclidean", 1), ("cityblock", 0), ("chebyshev", 2), ("cosine", 3)],
)
def test_each_metric_has_its_own_favourite(metric, nearest):
    tiles = rows((100, 100, 111), (106, 106, 100), (105, 105, 95), (10, 10, 10))
    cell = rows((100, 100, 100))
    distances = cdist(tiles, cell, metric).ravel()
    assert match_nearest(tiles, cell, metric)[0] == distances.argmin() == nearest


@st.composite
def two_sets(draw: st.DrawFn) -> tuple[Array, Array]:
    """Whole-numbered features of tiles and cells, few or many, (n, f) and (m, f)."""
    f = draw(st.sampled_from([1, 3, 12, 18, 30]))
    shapes = [(draw(st.integers(1, 9)), f), (draw(st.integers(1, 6)), f)]
    tiles, cells = (
        draw(hnp.arrays(np.float32, shape, elements=st.integers(0, 255)))
        for shape in shapes
    )
    return tiles, cells


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "chebyshev"])
@few
@given(sets=two_sets(), data=st.data())
def test_the_nearest_are_as_near_as_scipy_finds(metric, sets, data):
    tiles, cells = sets
    k = data.draw(st.integers(1, len(tiles)))
    match, distances = nearest_choices(tiles, cells, metric, k)
    every = cdist(cells, tiles, metric)
    assert match.shape == distances.shape == (len(cells), k)
    assert np.allclose(distances, np.sort(every, axis=1)[:, :k], rtol=1e-5, atol=1e-5)
    assert np.allclose(distances, np.take_along_axis(every, match, axis=1), atol=1e-4)
    assert all(len(set(choices)) == k for choices in match.tolist())


@few
@given(sets=two_sets())
def test_the_nearest_by_cosine_are_as_near_as_scipy_finds(sets):
    tiles, cells = (one + 1 for one in sets)
    match, distances = nearest_choices(tiles, cells, "cosine")
    every = cdist(cells, tiles, "cosine")
    assert np.allclose(distances[:, 0], every.min(axis=1), atol=1e-5)
    assert np.allclose(
        np.take_along_axis(every, match, 1)[:, 0], every.min(axis=1), atol=1e-5
    )


@few
@given(sets=two_sets(), brighter=st.integers(2, 9))
def test_the_cosine_does_not_see_brightness(sets, brighter):
    tiles, cells = (one + 1 for one in sets)
    near = nearest_choices(tiles, cells, "cosine")[1]
    assert np.allclose(
        near, nearest_choices(tiles * brighter, cells, "cosine")[1], atol=1e-5
    )


def test_black_counts_as_grey_to_the_cosine():
    tiles = rows((200, 0, 0), (9, 9, 9), (0, 0, 200))
    assert match_nearest(tiles, rows((0, 0, 0)), "cosine").tolist() == [1]


@pytest.mark.parametrize("metric", METRICS)
@few
@given(sets=two_sets())
def test_force_and_tree_find_equally_near_tiles(metric, sets):
    tiles, cells = sets
    r, k = METRICS[metric], len(tiles)
    by_tree = features.choose_by_tree(tiles, cells, r, k)[1]
    by_force = features.choose_by_force(tiles, cells, r, k)[1]
    assert np.allclose(by_tree, by_force, rtol=1e-5)


def test_many_features_are_compared_in_blocks(monkeypatch):
    rng = np.random.default_rng(1)
    tiles, cells = (rng.integers(0, 256, (n, 300)) + np.float32(0) for n in (150, 40))
    for metric in METRICS:
        at_once = match_nearest(tiles, cells, metric, 3)
        with monkeypatch.context() as patch:
            patch.setattr(features, "MEMORY", 60_000)
            assert np.array_equal(match_nearest(tiles, cells, metric, 3), at_once)


def test_of_equal_tiles_the_first_is_taken_first():
    tiles = np.ones((9, 20), np.float32)
    assert match_nearest(tiles, tiles[:1], k=5).tolist() == [[0, 1, 2, 3, 4]]


def test_a_single_choice_is_a_row_and_more_are_a_table():
    tiles, cells = rows((0,), (10,), (30,)), rows((9,), (2,))
    assert match_nearest(tiles, cells).tolist() == [1, 0]
    assert match_nearest(tiles, cells, k=2).tolist() == [[1, 0], [0, 1]]


def test_more_choices_than_photos_are_refused():
    with pytest.raises(MosaicError, match="choices = 3: there are 2 photos"):
        match_nearest(rows((0,), (1,)), rows((0,)), k=3)


def test_a_weight_stretches_its_channel():
    tiles, cell = rows((10, 0, 0), (0, 0, 20)), rows((0, 0, 0))
    assert match_nearest(tiles, cell).tolist() == [0]
    weights = (3, 1, 1)
    assert match_nearest(weigh(tiles, weights), weigh(cell, weights)).tolist() == [1]


def test_a_weight_meets_its_channel_in_every_region():
    assert weigh(rows((1, 2, 3, 4, 5, 6)), (1, 0, 2)).tolist() == [[1, 0, 6, 4, 0, 12]]


@pytest.mark.parametrize(
    "weights", [(1, 1), (1, 2, 3, 4), (0, 0, 0), (-1, 1, 1), (float("nan"), 1, 1)]
)
def test_weights_that_make_no_distance_are_refused(weights):
    with pytest.raises(MosaicError, match=r"weights = .*: give three numbers"):
        weigh(rows((1, 2, 3)), weights)


def test_weights_need_channels():
    with pytest.raises(MosaicError, match="`weights` needs a feature of three channels"):
        weigh(rows((1, 2, 3, 4)), (1, 2, 1))


@few
@given(sets=two_sets())
def test_prepared_features_have_the_cosine_as_squared_distance(sets):
    tiles, cells = (one + 1 for one in sets)
    squares = cdist(prepare(tiles, "cosine"), prepare(cells, "cosine"), "sqeuclidean")
    assert np.allclose(squares, 2 * cdist(tiles, cells, "cosine"), atol=1e-5)


@pytest.mark.parametrize("metric", ["cityblock", "chebyshev"])
def test_a_metric_without_squares_cannot_be_prepared(metric):
    with pytest.raises(MosaicError, match=f"metric = {metric} is no squared distance"):
        prepare(rows((1, 2, 3)), metric)


@pytest.mark.parametrize(
    ("metric", "costs"),
    [
        ("euclidean", [[0, 25], [25, 0]]),
        ("cityblock", [[0, 7], [7, 0]]),
        ("chebyshev", [[0, 4], [4, 0]]),
    ],
)
def test_costs_of_all_pairs_are_those_of_the_triangle_3_4_5(metric, costs):
    tiles = rows((0, 0), (3, 4))
    assert cost_matrix(tiles, tiles, metric).tolist() == costs


def test_the_costs_of_too_many_pairs_are_refused():
    many = np.zeros((5001, 1), np.float32)
    with pytest.raises(MosaicError, match="5001 photos times 5001 cells exceed 25000000"):
        cost_matrix(many, many, "cityblock")


# Dithering


def test_grey_is_dithered_to_as_much_black_as_white():
    tiles, cells = rows(BLACK, WHITE), np.full((80, 3), 127.5)
    match = match_dithered(tiles, cells, (8, 10))
    assert match.shape == (80,)
    assert abs(match.mean() - 0.5) < 0.03
    assert usage(match.reshape(8, 10), 2)["equal_neighbours"] < 20


def test_without_dithering_grey_is_all_of_one_colour():
    cells = np.full((80, 3), 120, np.float32)
    assert set(match_nearest(rows(BLACK, WHITE), cells).tolist()) == {0}


def test_errors_run_to_and_fro():
    tiles = rows((0,), (16,))
    cells = rows((0,), (0,), (4,), (6,), (9,), (7.5,))
    # the first row owes 4 at its right end: 0.75 to the middle, 1.25 to the right below
    # the second row, from the right: 8.75 is 16, 6.58 is 0, 8.88 is 16
    match = match_dithered(tiles, cells, (2, 3)).reshape(2, 3)
    assert match.tolist() == [[0, 0, 0], [1, 0, 1]]


def test_colours_that_exist_need_no_dithering():
    tiles = rows(BLACK, RED, GREY)
    cells = tiles[[0, 1, 2, 2, 1, 0]]
    assert match_dithered(tiles, cells, (2, 3)).tolist() == [0, 1, 2, 2, 1, 0]


def test_a_colour_that_no_photo_has_leaves_no_debt():
    sky_and_roof = np.repeat([250.0, 100.0], 20)[:, None]
    match = match_dithered(rows((100,), (150,)), sky_and_roof, (4, 10))
    assert match.tolist() == [1] * 20 + [0] * 20


# Scores


def test_equal_images_have_the_best_scores():
    mosaic_image = np.random.default_rng(1).integers(0, 256, (24, 36, 3), np.uint8)
    assert score(mosaic_image, mosaic_image, (9, 8)) == pytest.approx(
        {"rmse": 0, "ciede2000": 0, "ssim": 1, "ssim_twice": 1}
    )


def test_white_for_black_is_wrong_by_255_levels_and_100_units():
    black, white = (np.full((8, 9, 3), level, np.uint8) for level in (0, 255))
    wrong = colour_error(white, black)
    assert wrong["rmse"] == pytest.approx(255)
    assert wrong["ciede2000"] == pytest.approx(100, abs=0.1)
    assert structural_similarity(white, black) < 0.01


def test_what_is_inside_a_cell_counts_only_at_twice_the_scale():
    rng = np.random.default_rng(1)
    target = rng.integers(0, 256, (16, 24, 3), np.uint8)
    flat = average_regions(target[None], (12, 8))[0].repeat(2, 0).repeat(2, 1)
    marks = score(flat, target, (12, 8))
    assert marks["ssim"] == pytest.approx(1)
    assert marks["rmse"] == pytest.approx(0)
    assert marks["ssim_twice"] < 0.9


def test_mosaic_and_target_may_have_different_sizes():
    target = np.random.default_rng(1).integers(0, 256, (8, 12, 3), np.uint8)
    larger = target.repeat(5, 0).repeat(5, 1)
    assert score(larger, target, (12, 8))["ssim"] == pytest.approx(1)


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 3, 3), (7, 5, 3)])
def test_small_images_have_a_similarity(shape):
    small = np.random.default_rng(1).integers(0, 256, shape)
    assert structural_similarity(small, small) == pytest.approx(1)
    assert structural_similarity(small, 255 - small) < 1


def test_usage_counts_photos_and_equal_neighbours():
    match = np.array([[0, 0, 2], [1, 0, 2]])  # equal: 0 0 across, 0 0 and 2 2 down
    assert usage(match, 5) == {"photos_used": 3, "most_used": 3, "equal_neighbours": 3}


def test_a_single_cell_has_no_neighbours():
    assert usage(np.array([[4]]), 5)["equal_neighbours"] == 0


# The exercise


@pytest.fixture
def edges() -> Iterator[None]:
    """Add the feature of the exercise to the table, for one test."""
    runpy.run_path(str(Path(__file__).parent / "solutions" / "edges.py"))
    yield
    del FEATURES["edges"]


@pytest.mark.usefixtures("edges")
def test_the_solution_tells_a_fence_from_a_beach():
    fence = np.zeros((1, 8, 12, 3), np.uint8)
    fence[:, :, ::4] = fence[:, :, 1::4] = 240
    beach = np.zeros((1, 8, 12, 3), np.uint8)
    beach[:, ::4] = beach[:, 1::4] = 240
    images = np.concatenate([fence, beach])
    assert np.ptp(make_features(images)) == 0
    upright, lying = make_features(images, "edges")
    assert (upright[0] > 0, upright[1:].max()) == (True, 0)
    assert (lying[4] > 0, lying[[0, 1, 2, 3, 5, 6, 7]].max()) == (True, 0)


@pytest.mark.usefixtures("edges")
def test_the_solution_has_its_option_and_no_weights():
    images = np.zeros((2, 5, 7, 3), np.uint8)
    assert make_features(images, "edges", directions=4).shape == (2, 4)
    with pytest.raises(MosaicError, match="`directions` needs feature = edges"):
        make_features(images, "pixels", directions=4)
    with pytest.raises(MosaicError, match="`weights` needs"):
        weigh(make_features(images, "edges"), (1, 2, 3))
