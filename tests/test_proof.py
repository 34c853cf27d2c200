"""What a placement proves, and what its budgets allow: against all matches that there are."""

from __future__ import annotations

import itertools
from typing import TypedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray

from smalti import levels, placement
from smalti.budgets import Infeasible, Request, read_request
from smalti.placement import (
    Certificate,
    PlacementSettings,
    certify,
    make_task,
    place,
    rounded_up,
)

Ints = NDArray[np.int64]


class Limits(TypedDict, total=False):
    """What a request says of its photos."""

    max_uses: ArrayLike
    min_uses: ArrayLike
    groups: ArrayLike
    pins: ArrayLike


def problem(seed: int) -> tuple[Ints, Ints, Limits]:
    """Up to four tiles and cells on a short line, and limits that may be impossible to keep."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(0, 5)), int(rng.integers(1, 5))
    groups = np.sort(rng.integers(0, 3, n)) if seed % 3 == 0 else np.arange(n)
    photos = max(groups.max(initial=-1) + 1, n)
    limits: Limits = {"max_uses": rng.integers(-1 if seed % 40 == 0 else 0, 4, photos)}
    if seed % 2:
        limits["max_uses"] = int(rng.integers(1, 4))
        photos = groups.max(initial=-1) + 1
    if seed % 3 == 0:
        limits["groups"] = groups
    if seed % 5 < 3:
        limits["min_uses"] = rng.integers(-1, 3, photos)
    if seed % 7 < 4 and n:
        limits["pins"] = np.where(rng.random(m) < 0.4, rng.integers(0, n, m), -1)
    return rng.integers(0, 9, (n, 1)), rng.integers(0, 9, (m, 1)), limits


def costs_of_all(tiles: Ints, cells: Ints, limits: Limits) -> list[int]:
    """What each of the matches costs that keep to the limits, by trying all."""
    n, m = len(tiles), len(cells)
    photo = np.asarray(limits.get("groups", np.arange(n)))
    most, least = np.asarray(limits["max_uses"]), np.asarray(limits.get("min_uses", 0))
    photos = max(photo.max(initial=-1) + 1, most.size if most.ndim else 0)
    pins = np.asarray(limits.get("pins", np.full(m, -1)))
    found = []
    for some in itertools.product(range(n), repeat=m):
        match = np.array(some)
        uses = np.bincount(photo[match], minlength=photos)
        pinned = ((pins < 0) | (match == pins)).all()
        if pinned and (uses >= least).all() and (uses <= most).all():
            found.append(int(((tiles[match] - cells) ** 2).sum()))
    return found


@pytest.mark.parametrize("solver", ["auto", "sparse"])
@pytest.mark.parametrize("far", [0, 10**7])
def test_what_is_proven_is_the_least_cost_of_all_matches_and_what_is_refused_has_none(
    solver: placement.Solver, far: int
) -> None:
    refused = 0
    for seed in range(240):
        tiles, cells, limits = problem(seed)
        costs = costs_of_all(tiles, cells, limits)
        try:
            match, proof = place(
                tiles + far, cells + far, settings=PlacementSettings(solver), **limits
            )
        except Infeasible:
            assert not costs, (seed, limits)
            refused += 1
            continue
        assert proof.cost == proof.bound == min(costs), (seed, limits)
        assert ((tiles[match] - cells) ** 2).sum() == proof.cost
        about = proof.cells, proof.tiles, proof.stopped, proof.gap
        assert about == (len(cells), len(tiles), "optimal", 0)
    assert 50 < refused < 200


def test_a_match_that_is_good_enough_is_proven_to_be_by_a_bound_that_is_none_too_high(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(levels, "SMALL", 0)
    early = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        reach = 99 if seed % 2 else 3
        tiles, cells = rng.random((60, 2)) * reach, rng.random((40, 2)) * reach
        best = place(tiles, cells, 2)[1].cost
        proof = place(tiles, cells, 2, settings=PlacementSettings(gap=0.3))[1]
        assert proof.bound <= best * (1 + 1e-9) and best <= proof.cost * (1 + 1e-9)
        assert proof.gap <= 0.3
        early += proof.stopped == "gap"
    assert early > 10


# The certificate


def three(pins: ArrayLike = (-1, -1, 2)) -> Request:
    """Three tiles for three cells; the last, which is pinned, costs 121, the others 1 and 0."""
    return read_request([[0], [5], [9]], [[1], [5], [20]], 1, 0, None, pins)


def certificate(bound: float, stopped: str) -> Certificate:
    """What is proven of three tiles in their order."""
    return certify(three(), np.arange(3), bound, 1, 2, stopped)


def test_what_is_pinned_counts_in_the_cost_and_in_the_bound() -> None:
    assert certificate(0.5, "gap") == Certificate(122, 121.5, 1, 2, 3, 3, "gap")


def test_no_match_costs_less_than_nothing_beside_its_pins() -> None:
    assert certificate(-7, "gap").bound == 121


@pytest.mark.parametrize(
    ("bound", "before", "after"),
    [
        (1, "gap", "optimal"),
        (1, "time limit", "optimal"),
        (1 - 1e-8, "interrupted", "optimal"),  # as near as such numbers are exact
        (1 - 1e-6, "gap", "gap"),
        (0.5, "interrupted", "interrupted"),
        (1, "running", "running"),
        (0.5, "running", "running"),
    ],
)
def test_a_certificate_is_optimal_if_it_is_proven_and_the_last(
    bound: float, before: str, after: str
) -> None:
    assert certificate(bound, before).stopped == after


def test_the_gap_is_relative_to_the_cost_and_never_below_zero() -> None:
    assert (
        Certificate(8, 6, 1, 1, 1, 1).gap == Certificate(0.5, 0.375, 1, 1, 1, 1).gap == 0.25
    )
    assert Certificate(8, 9, 1, 1, 1, 1).gap == 0
    assert Certificate(0, 0, 1, 1, 1, 1).gap == 0
    assert "optimal" in Certificate(8, 8 - 8e-9, 1, 1, 1, 1).sentence()
    assert "within 30 %" in Certificate(8, 6, 1, 1, 1, 1).sentence()


@given(st.floats(1e-12, 1))
def test_a_share_is_rounded_up_to_one_digit(share: float) -> None:
    said = rounded_up(share)
    assert len(said.strip("0.")) == 1
    assert 100 * share * (1 - 1e-9) <= float(said) <= 200 * share * (1 + 1e-9)


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.03, "3"), (0.0301, "4"), (0.5, "50"), (0.004, "0.4"), (1.0, "100")],
)
def test_a_round_share_stays_as_it_is(share: float, said: str) -> None:
    assert rounded_up(share) == said


# Requests


@pytest.mark.parametrize(
    ("limits", "plain"),
    [
        ({}, True),
        ({"max_uses": 2}, True),
        ({"max_uses": [2, 2]}, True),
        ({"max_uses": [2, 1]}, False),
        ({"min_uses": 1}, False),
        ({"groups": [0, 1]}, True),
        ({"groups": [1, 0]}, False),
        ({"max_uses": 2, "groups": [0, 0]}, False),
        ({"pins": [-1, -1]}, True),
        ({"pins": [1, -1]}, False),
    ],
)
def test_a_request_is_plain_if_it_has_only_one_budget(limits: Limits, plain: bool) -> None:
    asked = read_request(
        [[0], [5]],
        [[4], [3]],
        limits.get("max_uses", 1),
        limits.get("min_uses", 0),
        limits.get("groups"),
        limits.get("pins"),
    )
    assert asked.plain == plain


def test_a_pin_to_the_first_tile_is_one() -> None:
    asked = read_request([[0]], [[4], [3]], 2, 0, None, [0, -1])
    assert not asked.plain
    assert (asked.low.tolist(), asked.high.tolist()) == ([0], [1])


def test_a_budget_larger_than_any_mosaic_is_none() -> None:
    match, proof = place([[0.0], [9.0]], [[1.0], [2.0], [3.0]], 2**62)
    assert (match.tolist(), proof.gap) == ([0, 0, 0], 0)


def test_pins_are_not_changed_and_may_be_the_tile_of_any_number() -> None:
    pins = np.array([2, -1, 0])
    match = place([[0.0], [5.0], [9.0]], [[0.0], [4.0], [9.0]], pins=pins)[0]
    assert (match.tolist(), pins.tolist()) == ([2, 1, 0], [2, -1, 0])


@pytest.mark.parametrize(
    "pins", [[-2, -1, -1], [3, -1, -1], [-1, -1], [-1] * 4, [[-1] * 3]]
)
def test_pins_that_are_none_are_refused(pins: ArrayLike) -> None:
    with pytest.raises(ValueError, match="pins must be -1 or one of 3 tiles"):
        three(pins)


@pytest.mark.parametrize("groups", [[0, 1], [0, 1, 2, 3], [0, 1, -1], [[0, 1, 2]]])
def test_groups_that_are_none_are_refused(groups: ArrayLike) -> None:
    with pytest.raises(ValueError, match="groups must name a photo, 0 or more, for each"):
        place(np.zeros((3, 1)), np.zeros((3, 1)), groups=groups)


@pytest.mark.parametrize("wrong", [[[np.inf]], [[np.nan]], [0.0], 0.0, [[[0.0]]]])
def test_features_that_are_no_table_of_numbers_are_refused(wrong: ArrayLike) -> None:
    with pytest.raises(ValueError, match="tiles must be an"):
        place(wrong, [[0.0]])
    with pytest.raises(ValueError, match="cells must be an"):
        place([[0.0]], wrong)


# Tasks


def test_a_task_has_the_tiles_of_photos_that_may_be_used_sorted_by_photo() -> None:
    owner, high = np.array([2, 0, 1, 2, 0]), np.array([3, 0, 2])
    x, y = np.array([[4.0], [4.0], [5.0]]), np.arange(5.0)[:, None]
    task, rows = make_task(x, y, owner, np.zeros(3, np.int64), high)
    assert rows.tolist() == [1, 4, 0, 3]
    assert task.owner.tolist() == [0, 0, 1, 1]
    assert (task.low.tolist(), task.high.tolist()) == ([0, 0], [3, 2])
    assert (task.y[:, None] - task.x == y[rows][:, None] - x).all()


@pytest.mark.parametrize(
    ("low", "high"), [([0, 1], [1, 2]), ([1, 2], [2, 3]), ([1, 2], [1, 2])]
)
def test_where_nothing_is_left_to_choose_each_photo_has_its_number_of_uses(
    low: list[int], high: list[int]
) -> None:
    task, _ = make_task(
        np.zeros((3, 1)), np.ones((2, 1)), np.arange(2), np.array(low), np.array(high)
    )
    assert task.low.tolist() == task.high.tolist() == [1, 2]
