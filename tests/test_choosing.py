"""Choosing: every method within its constraints, and what is known of its match."""

import doctest
from typing import Literal

import numpy as np
import pytest

from mosaic import Array, match_nearest, match_unique
from smalti import choosing
from smalti.choosing import MatchSettings, Outcome, check_match, find_match, vary
from smalti.constraints import simple_constraints
from smalti.ground.errors import MosaicError

Method = Literal["nearest", "unique"]
Repeats = Literal["refuse", "fewest"]


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(choosing).failed == 0
    assert doctest.testmod(choosing).attempted > 0


def matched(tiles: Array, cells: Array, asked: MatchSettings) -> tuple[Array, Outcome]:
    """Match tiles of as many photos with a single row of cells, none of them empty."""
    unique = asked.method == "unique"
    constraints = simple_constraints(len(tiles), len(cells), asked, unique)
    empty = np.zeros((1, len(cells)), bool)
    match, outcome = find_match(tiles, cells, asked, constraints, empty)
    return match[0], outcome


@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_the_outcome_says_what_was_found(method: Method) -> None:
    tiles, cells = np.array([[0, 0, 0], [8, 0, 0]]), np.array([[0, 0, 2], [1, 0, 0]])
    match, outcome = matched(tiles, cells, MatchSettings(method=method))
    assert match.tolist() == ([0, 0] if method == "nearest" else [0, 1])
    assert outcome.cost == (4.0 + 1.0 if method == "nearest" else 4.0 + 49.0)
    assert outcome.levels == pytest.approx((outcome.cost / 2) ** 0.5, abs=0.001)
    assert (outcome.proof is None) == (method == "nearest")
    if outcome.proof:
        assert outcome.proof.bound == outcome.cost


def test_by_default_the_matches_are_those_of_the_book() -> None:
    rng = np.random.default_rng(1)
    tiles, cells = (rng.integers(0, 256, (n, 3)).astype(np.float32) for n in (30, 20))
    nearest, _ = matched(tiles, cells, MatchSettings(method="nearest"))
    unique, _ = matched(tiles, cells, MatchSettings(method="unique"))
    assert (nearest == match_nearest(tiles, cells)).all()
    assert (unique == match_unique(tiles, cells)[0]).all()


@pytest.mark.parametrize(("n", "m"), [(3, 10), (4, 12), (7, 8), (1, 5)])
def test_fewest_uses_every_photo_once_before_any_is_used_twice(n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    tiles, cells = rng.integers(0, 9, (n, 3)), rng.integers(200, 256, (m, 3))
    match, _ = matched(tiles, cells, MatchSettings(repeats="fewest"))
    uses = np.bincount(match, minlength=n)
    assert set(uses.tolist()) <= {m // n, -(-m // n)}


@pytest.mark.parametrize("repeats", ["refuse", "fewest"])
@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_no_photos_at_all_are_an_error(method: Method, repeats: Repeats) -> None:
    none, cells = np.zeros((0, 3), np.float32), np.zeros((4, 3), np.float32)
    with pytest.raises(MosaicError, match="photo"):
        matched(none, cells, MatchSettings(method=method, repeats=repeats))


@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_an_empty_cell_has_no_photo_and_no_cost(method: Method) -> None:
    tiles = cells = np.array([[0.0, 0, 0], [9, 9, 9]])
    asked, empty = MatchSettings(method=method), np.array([[True, False], [False, True]])
    constraints = simple_constraints(2, 2, asked)
    match, outcome = find_match(tiles, cells, asked, constraints, empty)
    assert match.tolist() == [[-1, 0], [1, -1]]
    assert outcome.cost == 0


@pytest.mark.parametrize("k", [1, 2, 3])
def test_of_the_best_photos_the_one_used_least_is_taken(k: int) -> None:
    choices = np.tile(np.arange(k), (2, 3, 1))
    uses = np.bincount(vary(choices).ravel(), minlength=k)
    assert uses.tolist() == [6 // k] * k


def test_what_excludes_each_other_is_named() -> None:
    with pytest.raises(MosaicError, match="pins does not go with spacing; leave out one"):
        check_match(MatchSettings(spacing=2, pins="pins.csv"))
    check_match(MatchSettings())
