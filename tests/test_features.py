"""Features, colours and distances, on images that can be checked by eye."""

import runpy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist

import mosaic
from mosaic import Array
from smalti import features
from smalti.features import (
    BLACK_TO_WHITE,
    COLOURS,
    FEATURES,
    FeatureSettings,
    average_regions,
    check_features,
    cost_matrix,
    from_oklab,
    histogram,
    make_features,
    options_of,
    pixels,
    prepare,
    weigh,
)
from smalti.ground.errors import MosaicError
from smalti.ground.settings import make_settings

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
EDGES = Path(__file__).parent / "solutions" / "edges.py"
some_images = hnp.arrays(
    np.uint8, st.tuples(*[st.integers(1, most) for most in (4, 7, 7)], st.just(3))
)
some_rows = hnp.arrays(np.float32, (5, 6), elements=st.integers(1, 255))
few = settings(max_examples=40, deadline=None)


def image(*rows: list[tuple[int, int, int]]) -> Array:
    """One image, (1, h, w, 3), of rows of colours."""
    return np.array([rows], np.uint8)


def rows(*lines: tuple[float, ...]) -> Array:
    """Features (k, f), written down."""
    return np.array(lines, np.float32)


# Colours


def test_grey_levels_become_their_amount_of_light() -> None:
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
def test_lab_of_the_primaries_is_what_tables_say(
    paint: tuple[int, int, int], wanted: tuple[float, float, float]
) -> None:
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
def test_oklab_of_the_primaries_is_what_its_author_says(
    paint: tuple[int, int, int], wanted: tuple[float, float, float]
) -> None:
    found = COLOURS["oklab"](image([paint]))[0, 0, 0] / BLACK_TO_WHITE
    assert found == pytest.approx(wanted, abs=0.0006)


def there_and_back(levels: Array) -> Array:
    """How far levels are from what they are after a way through Oklab."""
    gaps: Array = np.abs(from_oklab(features.oklab(levels)) - levels)
    return gaps


def test_the_corners_of_the_cube_of_colours_come_back_from_oklab() -> None:
    corners = 255 * np.array(list(np.ndindex(2, 2, 2)), np.uint8)
    assert there_and_back(corners).max() < 0.5


@few
@given(levels=hnp.arrays(np.uint8, (50, 3)))
def test_every_colour_comes_back_from_oklab(levels: Array) -> None:
    assert there_and_back(levels).max() < 0.5


@few
@given(hnp.arrays(np.float32, (20, 3), elements=st.floats(-900, 900, width=32)))
def test_colours_that_no_screen_can_show_end_at_a_level(colours: Array) -> None:
    levels = from_oklab(colours)
    assert levels.dtype == np.float32
    assert 0 <= levels.min() <= levels.max() <= 255


@pytest.mark.parametrize("colour", ["lab", "oklab"])
@few
@given(level=st.integers(0, 255))
def test_grey_has_no_hue(colour: str, level: int) -> None:
    chroma = COLOURS[colour](image([(level, level, level)]))[..., 1:]
    assert np.abs(chroma).max() < 0.1


@pytest.mark.parametrize("colour", COLOURS)
def test_white_is_as_far_from_black_in_every_space(colour: str) -> None:
    black, white = COLOURS[colour](image([BLACK, WHITE]))[0, 0]
    assert np.linalg.norm(white - black) == pytest.approx(255 * 3**0.5, rel=1e-4)


@pytest.mark.parametrize("colour", COLOURS)
@few
@given(images=some_images)
def test_a_conversion_keeps_the_shape_and_gives_32_bits(colour: str, images: Array) -> None:
    found = COLOURS[colour](images)
    assert found.shape == images.shape
    assert found.dtype == np.float32


# Features


def test_the_mean_of_two_pixels_is_halfway() -> None:
    assert make_features(image([(0, 10, 20), (10, 20, 255)])).tolist() == [[5, 15, 138]]


def test_the_mean_is_the_function_of_the_book() -> None:
    assert FEATURES["mean"] is mosaic.mean_colour


@pytest.mark.parametrize("colour", COLOURS)
@few
@given(images=some_images)
def test_pixels_without_detail_are_the_mean(colour: str, images: Array) -> None:
    without = make_features(images, "pixels", colour, detail=1)
    assert np.array_equal(without, make_features(images, "mean", colour))


def test_pixels_go_row_by_row_with_the_channels_last() -> None:
    found = make_features(image([RED, GREEN], [BLUE, WHITE]), "pixels", detail=2)
    assert found.tolist() == [[*RED, *GREEN, *BLUE, *WHITE]]


def test_regions_of_a_wide_image_are_wide() -> None:
    wide = image([RED, RED, BLUE, BLUE], [BLACK, BLACK, WHITE, WHITE])
    assert pixels(wide, 2).tolist() == [[*RED, *BLUE, *BLACK, *WHITE]]


def test_a_pixel_on_a_border_is_shared() -> None:
    three = image([(0, 0, 0), (90, 90, 90), (240, 240, 240)])
    assert average_regions(three, (2, 1))[0, 0, :, 0].tolist() == [30, 190]


@few
@given(images=some_images, cols=st.integers(1, 9), rows=st.integers(1, 9))
def test_regions_average_to_the_average_of_the_image(
    images: Array, cols: int, rows: int
) -> None:
    regions = average_regions(images, (cols, rows))
    assert regions.shape == (len(images), rows, cols, 3)
    assert np.allclose(regions.mean(axis=(1, 2)), images.mean(axis=(1, 2)))


def test_full_detail_is_the_image_itself() -> None:
    square = np.random.default_rng(1).integers(0, 256, (2, 5, 5, 3), np.uint8)
    found = make_features(square, "pixels", detail=5)
    assert np.array_equal(found, square.reshape(2, 75))


def test_a_histogram_has_the_share_of_each_level() -> None:
    found = histogram(image([RED, RED, RED, BLUE]), bins=2).reshape(2, 3)
    assert found.tolist() == [[0.25, 1, 0.75], [0.75, 0, 0.25]]


def test_256_bins_are_the_levels_one_by_one() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(256, 1, 1, 3)
    found = make_features(ramp, "histogram").reshape(256, 256, 3)
    assert np.array_equal(found, np.repeat(np.eye(256)[:, :, None], 3, axis=2))


@pytest.mark.parametrize("colour", COLOURS)
@few
@given(images=some_images, bins=st.integers(1, 256))
def test_a_histogram_sums_to_one_in_each_channel(
    colour: str, images: Array, bins: int
) -> None:
    found = make_features(images, "histogram", colour, bins=bins)
    sums = found.reshape(len(images), bins, 3).sum(axis=1)
    assert np.allclose(sums, 1, atol=1e-5)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("feature", list(FEATURES))
def test_an_image_has_the_same_feature_alone_and_among_others(
    monkeypatch: pytest.MonkeyPatch, feature: str, colour: str
) -> None:
    images = np.random.default_rng(1).integers(0, 256, (7, 4, 6, 3), np.uint8)
    together = make_features(images, feature, colour)
    monkeypatch.setattr(features, "AT_ONCE", 50)
    alone = make_features(images, feature, colour)
    assert together.dtype == alone.dtype == np.float32
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("feature", list(FEATURES))
def test_no_images_have_no_rows(feature: str) -> None:
    one, none = np.zeros((1, 4, 6, 3), np.uint8), np.zeros((0, 4, 6, 3), np.uint8)
    width = make_features(one, feature).shape[1]
    assert make_features(none, feature).shape == (0, width)


# Distances


def test_a_weight_stretches_its_channel() -> None:
    tiles, cell = rows((10, 0, 0), (0, 0, 20)), rows((0, 0, 0))
    assert cost_matrix(tiles, cell).ravel().argmin() == 0
    tiles, cell = (weigh(one, (3, 1, 1)) for one in (tiles, cell))
    assert cost_matrix(tiles, cell).ravel().argmin() == 1


def test_a_weight_meets_its_channel_in_every_region() -> None:
    assert weigh(rows((1, 2, 3, 4, 5, 6)), (1, 0, 2)).tolist() == [[1, 0, 6, 4, 0, 12]]


@pytest.mark.parametrize(
    "weights", [(1, 1), (1, 2, 3, 4), (0, 0, 0), (-1, 1, 1), (float("nan"), 1, 1)]
)
def test_weights_that_make_no_distance_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(MosaicError, match=r"weights = .*: give three numbers"):
        weigh(rows((1, 2, 3)), weights)


def test_weights_need_channels() -> None:
    with pytest.raises(MosaicError, match="`weights` needs a feature of three channels"):
        weigh(rows((1, 2, 3, 4)), (1, 2, 1))


@few
@given(tiles=some_rows, cells=some_rows)
def test_prepared_features_have_the_cosine_as_squared_distance(
    tiles: Array, cells: Array
) -> None:
    squares = cdist(prepare(tiles, "cosine"), prepare(cells, "cosine"), "sqeuclidean")
    assert np.allclose(squares, 2 * cdist(tiles, cells, "cosine"), atol=1e-5)


@pytest.mark.parametrize("metric", ["cityblock", "chebyshev"])
def test_a_metric_without_squares_cannot_be_prepared(metric: str) -> None:
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
def test_costs_of_all_pairs_are_those_of_the_triangle_3_4_5(
    metric: str, costs: list[list[int]]
) -> None:
    tiles = rows((0, 0), (3, 4))
    assert cost_matrix(tiles, tiles, metric).tolist() == costs


@few
@given(tiles=some_rows, cells=some_rows)
def test_costs_by_cosine_are_the_distances_that_scipy_finds(
    tiles: Array, cells: Array
) -> None:
    found = cost_matrix(tiles, cells, "cosine")
    assert np.allclose(found, cdist(tiles, cells, "cosine"), atol=1e-5)


def test_the_costs_of_too_many_pairs_are_refused() -> None:
    many = np.zeros((5001, 1), np.float32)
    with pytest.raises(MosaicError, match="5001 photos times 5001 cells exceed 25000000"):
        cost_matrix(many, many, "cityblock")


# Settings


@pytest.mark.parametrize(
    ("feature", "options", "words"),
    [
        ("mean", {"bins": 16}, "`bins` needs feature = histogram"),
        ("histogram", {"detail": 3}, "`detail` needs feature = pixels"),
        ("edge", {}, "feature = 'edge': choose mean or pixels or histogram"),
        ("pixels", {"detail": 5}, "detail = 5: of 6 x 4 pixels it can be 1 to 4"),
        ("pixels", {"detail": 0}, "detail = 0: of 6 x 4 pixels it can be 1 to 4"),
        ("histogram", {"bins": 0}, "bins = 0: it must be from 1 to 256"),
    ],
)
def test_a_feature_that_cannot_be_made_is_refused_by_name(
    feature: str, options: dict[str, int], words: str
) -> None:
    with pytest.raises(MosaicError) as caught:
        make_features(np.zeros((1, 4, 6, 3), np.uint8), feature, "rgb", **options)
    assert str(caught.value) == words


def test_a_colour_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(MosaicError) as caught:
        make_features(np.zeros((1, 4, 6, 3), np.uint8), colour="cmyk")
    assert str(caught.value) == "colour = 'cmyk': choose rgb or linear or lab or oklab"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (FeatureSettings(feature="edge"), "feature = 'edge': choose mean or pixels or"),
        (FeatureSettings(colour="cmyk"), "colour = 'cmyk': choose rgb or linear or lab or"),
        (FeatureSettings(metric="hamming"), "metric = 'hamming': choose euclidean or"),
        (FeatureSettings(bins=16), "`bins` needs feature = histogram"),
        (FeatureSettings(feature="histogram", detail=3), "`detail` needs feature = pixels"),
        (FeatureSettings(weights=(0.0, 0.0, 0.0)), "weights = [0.0, 0.0, 0.0]: give three"),
        (FeatureSettings(metric="cosine", colour="lab"), "`cosine` needs colour = rgb or"),
        (
            FeatureSettings(metric="cosine", colour="oklab"),
            "`cosine` needs colour = rgb or",
        ),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_settings_that_do_not_go_together_are_refused_by_name(
    wrong: FeatureSettings, words: str
) -> None:
    with pytest.raises(MosaicError) as caught:
        check_features(wrong)
    assert str(caught.value).startswith(words)


def test_sensible_settings_pass() -> None:
    check_features(FeatureSettings())
    check_features(FeatureSettings("histogram", bins=16, colour="lab", metric="cityblock"))
    check_features(FeatureSettings("pixels", detail=3, colour="oklab"))
    check_features(FeatureSettings("mean", colour="linear", metric="cosine"))


def test_options_of_a_feature_count_as_given_if_they_are_not_zero() -> None:
    assert options_of(FeatureSettings()) == {}
    assert options_of(FeatureSettings(detail=5)) == {"detail": 5}
    assert options_of(FeatureSettings(detail=5, bins=8)) == {"detail": 5, "bins": 8}


@pytest.mark.parametrize("wrong", [{"bins": 257}, {"detail": -1}, {"weights": [1, -1, 1]}])
def test_numbers_out_of_bounds_are_no_settings(wrong: dict[str, object]) -> None:
    with pytest.raises(MosaicError, match="it must be"):
        make_settings(FeatureSettings, wrong)


# The exercise


@pytest.fixture
def edges() -> Iterator[None]:
    """Add the feature of the exercise to the table, for one test."""
    runpy.run_path(str(EDGES))
    yield
    del FEATURES["edges"]


@pytest.mark.usefixtures("edges")
def test_the_solution_tells_a_fence_from_a_beach() -> None:
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
def test_a_feature_from_outside_has_its_name_and_its_option_in_the_settings() -> None:
    words = {"feature": "edges", "bins": "4"}
    settings = make_settings(FeatureSettings, words, lax=True)
    check_features(settings)
    images = np.zeros((2, 5, 7, 3), np.uint8)
    found = make_features(images, settings.feature, settings.colour, **options_of(settings))
    assert found.shape == (2, 4)


@pytest.mark.usefixtures("edges")
def test_the_solution_shares_its_option_and_has_no_weights() -> None:
    images = np.zeros((2, 5, 7, 3), np.uint8)
    with pytest.raises(MosaicError, match="`bins` needs feature = histogram or edges"):
        make_features(images, "pixels", bins=4)
    with pytest.raises(MosaicError, match="`weights` needs"):
        weigh(make_features(images, "edges"), (1, 2, 3))
