"""Choosing: every method within its constraints, and what is known of its match."""

import doctest
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic import Array, match_nearest, match_unique
from smalti import choosing
from smalti.choosing import MatchSettings, Outcome, check_match, find_match, vary
from smalti.constraints import Constraints, make_constraints, simple_constraints
from smalti.ground.errors import MosaicError
from smalti.ground.settings import make_settings
from smalti.placement import Solver
from smalti.spacing import twins
from smalti.spreading import fair_budget

Method = Literal["nearest", "unique", "spread"]
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
@pytest.mark.parametrize("method", ["nearest", "unique", "spread"])
def test_no_photos_at_all_are_an_error(method: Method, repeats: Repeats) -> None:
    none, cells = np.zeros((0, 3), np.float32), np.zeros((4, 3), np.float32)
    with pytest.raises(MosaicError, match="photo"):
        matched(none, cells, MatchSettings(method=method, repeats=repeats))


@pytest.mark.parametrize("method", ["nearest", "unique", "spread"])
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


# Spreading and spacing


def some_colours(n: int, m: int, seed: int) -> tuple[Array, Array]:
    """Features of n tiles and of m cells that are more alike than the tiles."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 255, (n, 3)), rng.uniform(90, 150, (m, 3))


def in_grid(
    tiles: Array,
    cells: Array,
    empty: Array,
    asked: MatchSettings,
    photo: Array | None = None,
) -> tuple[Array, Outcome]:
    """Match tiles, each of a photo of its own unless it is said of which, with a grid."""
    photo = np.arange(len(tiles)) if photo is None else photo
    names = [str(number) for number in photo.tolist()]
    unique = asked.method == "unique"
    check_match(asked)
    constraints = make_constraints(names, photo, empty.shape, asked, empty, unique)
    return find_match(tiles, cells, asked, constraints, empty)


@given(st.integers(0, 999), st.sampled_from([(6, 9), (9, 6), (1, 54)]))
@settings(max_examples=25)
def test_photos_that_are_spread_keep_apart_and_within_a_fair_budget(
    seed: int, shape: tuple[int, int]
) -> None:
    tiles, cells = some_colours(60, 54, seed)
    asked = MatchSettings(method="spread", spacing=2)
    match, outcome = in_grid(tiles, cells, np.zeros(shape, bool), asked)
    assert (twins(match, 2)[1], outcome.too_near) == (0, 0)
    assert np.bincount(match.ravel()).max() <= fair_budget(60, 54)
    assert outcome.proof is None
    assert outcome.cost == pytest.approx(((tiles[match.ravel()] - cells) ** 2).sum())


def test_a_budget_that_is_given_takes_the_place_of_the_fair_one() -> None:
    tiles, cells = some_colours(30, 48, 1)
    cells[:] = tiles[0]
    for most in (2, 3, 48):
        asked = MatchSettings(method="spread", max_uses=most)
        match, _ = in_grid(tiles, cells, np.zeros((6, 8), bool), asked)
        assert np.bincount(match.ravel()).max() == most


def test_spreading_within_too_small_a_budget_is_refused_or_exceeds_it_by_little() -> None:
    tiles, cells, empty = *some_colours(5, 18, 1), np.zeros((3, 6), bool)
    with pytest.raises(MosaicError, match='or set repeats = "fewest"'):
        in_grid(tiles, cells, empty, MatchSettings(method="spread", max_uses=3))
    asked = MatchSettings(method="spread", max_uses=3, repeats="fewest")
    match, _ = in_grid(tiles, cells, empty, asked)
    assert np.bincount(match.ravel()).max() == 4


def test_with_few_photos_the_spacing_shrinks_rather_than_fails() -> None:
    tiles, cells = some_colours(20, 48, 3)
    asked = MatchSettings(method="spread", spacing=3)
    match, outcome = in_grid(tiles, cells, np.zeros((6, 8), bool), asked)
    assert twins(match, 1)[1] == outcome.too_near == 0
    assert match.min() >= 0


@pytest.mark.parametrize("method", ["unique", "spread"])
def test_every_photo_is_used_as_often_as_asked(method: Method) -> None:
    tiles, cells = some_colours(12, 48, 2)
    asked = MatchSettings(method=method, spacing=1, min_uses=2, max_uses=8)
    match, outcome = in_grid(tiles, cells, np.zeros((6, 8), bool), asked)
    uses = np.bincount(match.ravel(), minlength=12)
    assert 2 <= uses.min() <= uses.max() <= 8
    if method == "unique":
        assert (twins(match, 1)[1], outcome.too_near) == (0, 0)


@pytest.mark.parametrize("method", ["unique", "spread"])
def test_more_uses_than_cells_are_refused(method: Method) -> None:
    tiles, cells = some_colours(12, 20, 2)
    asked = MatchSettings(method=method, spacing=1, min_uses=2, max_uses=8)
    with pytest.raises(MosaicError, match="20 cells cannot hold"):
        in_grid(tiles, cells, np.zeros((4, 5), bool), asked)


@pytest.mark.parametrize("method", ["unique", "spread"])
def test_photos_that_look_the_same_share_a_budget_and_keep_apart(method: Method) -> None:
    tiles, cells = some_colours(60, 48, 4)
    photo = np.arange(60) // 2
    asked = MatchSettings(method=method, spacing=1, max_uses=3)
    match, outcome = in_grid(tiles, cells, np.zeros((6, 8), bool), asked, photo)
    assert np.bincount(photo[match].ravel()).max() <= 3
    assert (twins(photo[match], 1)[1], outcome.too_near) == (0, 0)


def test_photos_are_spread_around_empty_cells() -> None:
    empty = np.zeros((6, 9), bool)
    empty[2:4, :7] = True
    tiles, cells = some_colours(30, 40, 5)
    match, outcome = in_grid(tiles, cells, empty, MatchSettings(method="spread", spacing=1))
    assert np.array_equal(match < 0, empty)
    alone = np.where(empty, 100 + np.arange(54).reshape(6, 9), match)
    assert (twins(alone, 1)[1], outcome.too_near) == (0, 0)


def test_photos_are_spread_by_direction_if_the_metric_is_cosine() -> None:
    tiles, cells = np.eye(3) * 200, np.array([[9.0, 1, 0], [0, 9, 1], [1, 0, 9]])
    asked = MatchSettings(method="spread", metric="cosine")
    match, _ = in_grid(tiles, cells, np.zeros((1, 3), bool), asked)
    assert match.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("method", ["unique", "spread"])
@pytest.mark.parametrize(
    "asked", [{"dedupe": True}, {"budgets": "b.csv"}, {"min_uses": 1, "max_uses": 2}]
)
def test_spacing_goes_with_budgets_of_any_kind(
    method: Method, asked: dict[str, object]
) -> None:
    check_match(make_settings(MatchSettings, {"method": method, "spacing": 2, **asked}))


@pytest.mark.parametrize("one", [{"pins": "p.csv"}, {"gap": 0.1}, {"time_limit": 9.0}])
def test_what_needs_the_solver_does_not_go_with_spreading(one: dict[str, object]) -> None:
    with pytest.raises(MosaicError, match='does not go with method = "spread"; leave out'):
        check_match(make_settings(MatchSettings, {"method": "spread", **one}))


@pytest.mark.parametrize("metric", ["cityblock", "chebyshev"])
def test_spreading_needs_squared_distances(metric: str) -> None:
    with pytest.raises(MosaicError, match="need metric = euclidean or cosine"):
        check_match(MatchSettings(method="spread", metric=metric))


def test_pairs_too_near_are_counted_by_photo_and_not_by_tile() -> None:
    tiles, cells = np.arange(40.0)[:, None], np.array([[0.2], [0.8], [0.3], [0.7]])
    photo, most = np.arange(40) // 2, np.eye(20, dtype=np.int64)[0] * 9
    constraints = Constraints(photo, 0 * most, most, np.full(4, -1))
    asked = MatchSettings(method="spread", spacing=1, budgets="only the first photo.csv")
    empty = np.array([[False, False, True, False, False]])
    match, outcome = find_match(tiles, cells, asked, constraints, empty)
    assert photo[match[~empty]].tolist() == [0] * 4
    assert outcome.too_near == 2


# Where it matters


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "cityblock", "chebyshev"])
@pytest.mark.parametrize("solver", ["auto", "dense"])
def test_the_cell_in_the_focus_gets_the_better_photo(metric: str, solver: Solver) -> None:
    tiles, cells = np.array([[9.0, 1, 1], [1, 9, 1]]), np.array([[9.0, 1, 1], [8, 1, 1]])
    asked = MatchSettings(metric=metric, solver=solver)
    constraints = simple_constraints(2, 2, asked, True)
    empty, found = np.zeros((1, 2), bool), []
    for weight in (np.array([1.0, 0.0]), np.array([0.0, 1.0])):
        match, _ = find_match(tiles, cells, asked, constraints, empty, weight=weight)
        found.append(match.tolist())
    assert found == [[[0, 1]], [[1, 0]]]


# For an eye that stands back


@pytest.mark.parametrize("colour", ["rgb", "linear", "lab", "oklab"])
@pytest.mark.parametrize("regions", [1, 4])
def test_from_afar_colours_of_every_space_and_regions_are_placed_once(
    colour: str, regions: int
) -> None:
    rng = np.random.default_rng(3)
    tiles, cells = (rng.uniform(0, 255, (n, 3 * regions)) for n in (15, 12))
    feature: Literal["mean", "pixels"] = "mean" if regions == 1 else "pixels"
    asked = MatchSettings(seen_from=2, feature=feature, colour=colour)
    check_match(asked)
    match, outcome = matched(tiles, cells, asked)
    assert len(set(match.tolist())) == 12
    assert outcome.cost >= matched(tiles, cells, MatchSettings())[1].cost * (1 - 1e-9)
