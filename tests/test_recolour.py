"""Recolouring: three ways to change tiles, on images small enough to check by eye."""

import doctest
from collections.abc import Callable
from pathlib import Path

import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic import Array
from smalti import recolour
from smalti.features import average_regions
from smalti.ground.errors import MosaicError
from smalti.ground.settings import load_settings, make_settings
from smalti.making import MosaicSettings
from smalti.recolour import RecolourSettings

Way = Callable[[Array, Array, float], Array]
FLAT = [recolour.tint_tiles, recolour.blend_tiles]  # which reach the cell's mean exactly
WAYS = [*FLAT, recolour.recolour_tiles]


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(recolour).failed == 0
    assert doctest.testmod(recolour).attempted > 3


def clouds(k: int, seed: int, low: int = 60, high: int = 190) -> Array:
    """Images of random colours, each with a mean and spread of its own: (k, 6, 5, 3) uint8."""
    rng = np.random.default_rng(seed)
    mean, mix = rng.uniform(low, high, (k, 1, 3)), rng.normal(0, 8, (k, 3, 3))
    pixels = rng.normal(size=(k, 30, 3)) @ mix + mean
    return pixels.clip(0, 255).astype(np.uint8).reshape(k, 6, 5, 3)


@pytest.mark.parametrize("way", WAYS)
def test_a_tint_of_nothing_changes_nothing(way: Way) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3)).astype(np.uint8)
    assert way(tiles, clouds(4, 1), 0.0).tobytes() == tiles.tobytes()


@pytest.mark.parametrize("way", FLAT)
def test_a_full_tint_has_the_mean_of_the_cell(way: Way) -> None:
    tiles, cells = clouds(9, 1), clouds(9, 2)
    found = way(tiles, cells, 1.0)
    assert found.dtype == np.uint8
    assert found.shape == tiles.shape
    assert np.abs(found.mean((1, 2)) - cells.mean((1, 2))).max() < 1


def test_a_full_blend_is_a_single_colour() -> None:
    assert (
        np.ptp(recolour.blend_tiles(clouds(3, 1), clouds(3, 2), 1.0), axis=(1, 2)).max()
        == 0
    )


def test_a_half_blend_is_half_way() -> None:
    tile, cell = np.full((1, 1, 2, 3), 100, np.uint8), np.full((1, 3, 1, 3), 200, np.uint8)
    assert recolour.blend_tiles(tile, cell, 0.5).tolist() == [[[[150] * 3] * 2]]


def test_a_full_tint_has_the_covariance_of_the_cell() -> None:
    tiles, cells = clouds(9, 1), clouds(9, 2)
    found = recolour.tint_tiles(tiles, cells, 1.0, ridge=0.01)
    for one, cell in zip(found, cells, strict=True):
        spread, wanted = (np.cov(x.reshape(-1, 3).T.astype(float)) for x in (one, cell))
        assert np.abs(spread - wanted).max() < 0.05 * np.trace(wanted) + 1


def test_the_tint_is_the_transport_map_of_pot() -> None:
    tiles, cells = clouds(9, 3), clouds(9, 4)
    found = recolour.tint_tiles(tiles, cells, 1.0)
    for one, tile, cell in zip(found, tiles, cells, strict=True):
        x, y = (image.reshape(-1, 3).astype(float) for image in (tile, cell))
        ridge = 4 * np.eye(3)
        stretch, shift = ot.gaussian.bures_wasserstein_mapping(
            x.mean(0),
            y.mean(0),
            np.cov(x.T, bias=True) + ridge,
            np.cov(y.T, bias=True) + ridge,
        )
        expected = (x @ stretch + shift).clip(0, 255)
        assert np.abs(one.reshape(-1, 3) - expected).max() < 0.6


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_tile_or_cell_of_one_colour_is_no_trouble(colour: int) -> None:
    plain = np.full((2, 4, 6, 3), colour, np.uint8)
    found = recolour.tint_tiles(plain, clouds(2, 5), 1.0)
    assert np.abs(found.mean((1, 2)) - clouds(2, 5).mean((1, 2))).max() < 1
    flat = recolour.tint_tiles(clouds(2, 5), plain[:, :1, :1], 1.0)
    assert np.abs(flat.mean((1, 2)) - colour).max() < 1.5


def test_the_settings_choose_the_way_and_each_tile_has_its_own_cell() -> None:
    tiles, cells = clouds(3, 1), clouds(5, 2)
    places = np.array([4, 0, 2])
    for way, asked in [
        (recolour.recolour_tiles, RecolourSettings(recolour=0.3)),
        (recolour.tint_tiles, RecolourSettings(tint=0.3)),
        (recolour.blend_tiles, RecolourSettings(blend=0.3)),
    ]:
        change = recolour.make_recolour(cells, asked)
        assert change is not None
        assert np.array_equal(change(tiles, places), way(tiles, cells[places], 0.3))


def test_without_a_strength_there_is_no_recolouring() -> None:
    assert recolour.make_recolour(clouds(2, 1), RecolourSettings()) is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (RecolourSettings(tint=0.1, blend=0.1), "`tint` does not go with `blend`"),
        (RecolourSettings(0.1, 0.1), "`recolour` does not go with `tint`"),
        (RecolourSettings(recolour=0.1, blend=0.1), "`recolour` does not go with `blend`"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_one_way_of_recolouring_does_not_go_with_another(
    asked: RecolourSettings, said: str
) -> None:
    with pytest.raises(MosaicError, match=said):
        recolour.check_recolour(asked)


@pytest.mark.parametrize("name", recolour.WAYS)
def test_each_way_of_recolouring_goes_alone(name: str) -> None:
    recolour.check_recolour(make_settings(RecolourSettings, {name: 1.0}))


def test_the_settings_have_their_own_table(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[recolour]\ntint = 0.25\n", encoding="utf-8")
    found = load_settings(RecolourSettings, str(tmp_path / "c.toml"))
    assert found == RecolourSettings(tint=0.25)
    with pytest.raises(MosaicError, match="a number from 0 to 1"):
        load_settings(RecolourSettings, str(tmp_path / "c.toml"), {"blend": 1.5})


# Recolouring by regions


def photos_like(k: int, height: int, width: int, seed: int) -> Array:
    """Noisy images, (k, height, width, 3), each about a colour of its own, far from the ends."""
    rng = np.random.default_rng(seed)
    mean, slope = rng.uniform(90, 165, (k, 1, 1, 3)), rng.uniform(-15, 15, (2, k, 1, 1, 3))
    y, x = np.linspace(-1, 1, height)[:, None, None], np.linspace(-1, 1, width)[:, None]
    noise = rng.normal(0, 12, (k, height, width, 3))
    found: Array = mean + slope[0] * y + slope[1] * x + noise
    return found.clip(0, 255).astype(np.uint8)


def smooth_cells(k: int, seed: int) -> Array:
    """Cells of two colours that run into each other: (k, 8, 8, 3)."""
    ends = np.random.default_rng(seed).uniform(80, 175, (k, 1, 1, 3))
    across = 8 * np.linspace(-1, 1, 8)[:, None]
    return np.broadcast_to(ends + across, (k, 8, 8, 3)).astype(np.uint8)


def regions(images: Array) -> Array:
    """Mean colours of 3 x 3 regions."""
    return average_regions(images, (3, 3))


@pytest.mark.parametrize("size", [(9, 9), (6, 12), (16, 24)])
def test_a_full_recolouring_moves_equal_regions_to_the_cell_and_keeps_every_detail(
    size: tuple[int, int],
) -> None:
    height, width = size
    y, x = np.mgrid[:height, :width]
    grain = np.where((x + y) % 2, 20, -20) if width % 2 == 0 else 0 * x
    tile = np.full((1, height, width, 3), 100) + grain[None, :, :, None]
    cell = np.full((1, 4, 5, 3), 150, np.uint8)
    found = recolour.recolour_tiles(tile.astype(np.uint8), cell, 1.0)
    assert found.shape == tile.shape
    assert np.abs(found.astype(int) - (tile + 50)).max() <= 1


def test_each_region_goes_to_its_own_region_of_the_cell() -> None:
    colours = np.random.default_rng(3).integers(80, 175, (1, 3, 3, 3)).astype(np.uint8)
    cell = colours.repeat(2, axis=1).repeat(4, axis=2)  # regions of 4 x 2 pixels
    tile = np.full((1, 15, 21, 3), 120, np.uint8)
    found = regions(recolour.recolour_tiles(tile, cell, 1.0))
    goal = regions(cell)
    assert np.abs(found - goal).max() <= 16
    assert np.abs(found - goal).mean() <= 0.2 * np.abs(120.0 - goal).mean()


def test_a_photo_that_is_far_off_goes_further_than_its_share() -> None:
    near, far = (np.full((1, 3, 3, 3), level, np.float32) for level in (10, 100))
    goal = np.zeros((1, 3, 3, 3), np.float32)
    length = {"near": 10 * 3**0.5, "far": 100 * 3**0.5}
    left = [float(recolour.move(one, goal, 0.4)[0, 0, 0, 0]) for one in (near, far)]
    assert left[0] == pytest.approx(10 * min(0.6, 12 / length["near"]))
    assert left[1] == pytest.approx(100 * 12 / length["far"])  # 12 levels, as told


@pytest.mark.parametrize("strength", [0.01, 0.2, 0.4, 0.9, 1.0])
def test_no_mean_is_left_farther_off_than_the_strength_allows(strength: float) -> None:
    noise = np.random.default_rng(1).normal(0, 200, (2, 50, 3, 3, 3))
    before = (noise[1] - noise[0]).mean(axis=(1, 2))
    left = (noise[1] - recolour.move(noise[0], noise[1], strength)).mean(axis=(1, 2))
    far = np.linalg.norm(left, axis=1)
    assert (far <= recolour.LEFT * (1 - strength) / strength + 1e-6).all()
    assert (far <= (1 - strength) * np.linalg.norm(before, axis=1) + 1e-6).all()


def test_a_region_is_dark_although_pixels_cannot_be_darker_than_black() -> None:
    tile = np.zeros((1, 12, 12, 3), np.uint8)
    tile[0, :, 3:9] = 200  # a bright bar before black
    cell = np.full((1, 8, 8, 3), 10, np.uint8)
    found = regions(recolour.recolour_tiles(tile, cell, 1.0))
    plain = tile + recolour.interpolate(
        10.0 - regions(tile).reshape(1, 3, 3, 3), tile.shape
    )
    assert found.mean() < regions(recolour.to_bytes(plain)).mean()


@given(st.integers(0, 999), st.sampled_from([(12, 12), (12, 18), (25, 17)]))
@settings(max_examples=25)
def test_a_full_recolouring_gives_each_region_about_the_mean_of_the_cells(
    seed: int, size: tuple[int, int]
) -> None:
    tiles, cells = photos_like(5, *size, seed), smooth_cells(5, seed + 1)
    found = recolour.recolour_tiles(tiles, cells, 1.0)
    before, after = (np.abs(regions(one) - regions(cells)) for one in (tiles, found))
    assert after.mean() < 4
    assert after.max() < max(8, before.max() / 4)


@given(st.integers(0, 999), st.sampled_from([0.25, 0.5, 1.0]))
@settings(max_examples=25)
def test_details_within_a_region_keep_their_contrast(seed: int, strength: float) -> None:
    tiles, cells = photos_like(5, 24, 36, seed), smooth_cells(5, seed + 1)
    found = recolour.recolour_tiles(tiles, cells, strength)
    before, after = (one[:, 9:15, 14:22].std(axis=(1, 2)) for one in (tiles, found))
    assert np.abs(after / before - 1).max() < 0.25
    change = found.astype(int) - tiles  # is smooth: it has no edges of its own
    assert np.abs(np.diff(change, axis=2)).max() < 0.1 * np.ptp(change) + 3


def away(tiles: Array, cells: Array) -> float:
    """How far the mean colours of tiles are from those of their cells, in levels."""
    gaps = tiles.mean((1, 2)) - cells.mean((1, 2))
    return float(np.sqrt((gaps**2).mean()))


@given(st.integers(0, 999), st.sampled_from([0.3, 0.5, 0.8]))
@settings(max_examples=25)
def test_at_an_equal_error_recolouring_leaves_more_contrast_than_a_tint(
    seed: int, strength: float
) -> None:
    tiles, cells = photos_like(9, 18, 12, seed), smooth_cells(9, seed + 1)
    one = recolour.recolour_tiles(tiles, cells, strength)
    weaker = np.linspace(0, 1, 41)[1:]
    other = next(
        tinted
        for tint in weaker  # the weakest tint that is as near
        if away(tinted := recolour.tint_tiles(tiles, cells, tint), cells)
        <= max(away(one, cells), 1)
    )
    contrast = [
        images.std((1, 2)).mean() / tiles.std((1, 2)).mean() for images in (one, other)
    ]
    assert contrast[0] > contrast[1] + 0.02


@given(st.integers(0, 255), st.integers(0, 255), st.floats(0.1, 1))
@settings(max_examples=40)
def test_nothing_gets_darker_than_black_or_brighter_than_white(
    shade: int, wanted: int, strength: float
) -> None:
    tile = np.full((1, 6, 9, 3), shade, np.uint8)
    tile[:, ::2, ::2], tile[:, 1::2, 1::2] = 0, 255
    cell = np.full((1, 2, 2, 3), wanted, np.uint8)
    own, found = regions(tile), recolour.recolour_tiles(tile, cell, strength)
    change = found.astype(int) - tile
    if wanted > own.max() + 1:  # then nothing gets darker, but for rounding
        assert change.min() >= -1
    if wanted < own.min() - 1:
        assert change.max() <= 1


def test_a_stronger_recolouring_comes_nearer() -> None:
    tiles, cells = photos_like(9, 12, 18, 1), smooth_cells(9, 2)
    strengths = [0, 0.25, 0.5, 0.75, 1]
    far = [away(recolour.recolour_tiles(tiles, cells, one), cells) for one in strengths]
    assert far == sorted(far, reverse=True)
    assert far[0] > 10 > 4 > far[-1]


@pytest.mark.parametrize(("length", "parts"), [(3, 3), (4, 3), (24, 3), (7, 2), (5, 1)])
def test_the_weights_of_the_parts_sum_to_one_at_each_pixel(length: int, parts: int) -> None:
    weights = recolour.interpolation(length, parts)
    assert weights.shape == (length, parts)
    assert np.allclose(weights.sum(axis=1), 1)
    assert weights.min() >= 0
    assert np.allclose(weights[::-1, ::-1], weights)


@pytest.mark.parametrize("colour", ["rgb", "linear", "lab", "oklab"])
def test_recolouring_goes_with_every_way_to_see_colours(colour: str) -> None:
    recolour.check_recolour(MosaicSettings(recolour=0.5, colour=colour))
