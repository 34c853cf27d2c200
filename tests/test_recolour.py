"""Recolouring: blended and tinted tiles, on images small enough to check by eye."""

import doctest
from collections.abc import Callable
from pathlib import Path

import numpy as np
import ot
import pytest

from mosaic import Array
from smalti import recolour
from smalti.ground.errors import MosaicError
from smalti.ground.settings import load_settings
from smalti.recolour import RecolourSettings

Way = Callable[[Array, Array, float], Array]
WAYS = [recolour.tint_tiles, recolour.blend_tiles]


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


@pytest.mark.parametrize("way", WAYS)
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
    for way, settings in [
        (recolour.tint_tiles, RecolourSettings(tint=0.3)),
        (recolour.blend_tiles, RecolourSettings(blend=0.3)),
    ]:
        change = recolour.make_recolour(cells, settings)
        assert change is not None
        assert np.array_equal(change(tiles, places), way(tiles, cells[places], 0.3))


def test_without_a_strength_there_is_no_recolouring() -> None:
    assert recolour.make_recolour(clouds(2, 1), RecolourSettings()) is None


def test_a_tint_does_not_go_with_a_blend() -> None:
    recolour.check_recolour(RecolourSettings(blend=1.0))
    with pytest.raises(MosaicError, match="`tint` does not go with `blend`"):
        recolour.check_recolour(RecolourSettings(0.1, 0.1))


def test_the_settings_have_their_own_table(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[recolour]\ntint = 0.25\n", encoding="utf-8")
    assert load_settings(RecolourSettings, str(tmp_path / "c.toml")) == RecolourSettings(
        0.25
    )
    with pytest.raises(MosaicError, match="a number from 0 to 1"):
        load_settings(RecolourSettings, str(tmp_path / "c.toml"), {"blend": 1.5})
