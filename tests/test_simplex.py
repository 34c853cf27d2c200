"""The simplex of smalti/simplex.md makes a plan the best one, and proves it by its prices."""

from __future__ import annotations

import doctest

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

numba = pytest.importorskip("numba")

from smalti import levels, placement, plans, simplex  # noqa: E402
from smalti.offers import squared  # noqa: E402
from smalti.placement import PlacementSettings, place, scene  # noqa: E402
from smalti.simplex import PlanTree, bare, better_plan, hang_up, take_in  # noqa: E402

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Market = tuple[Ints, Ints, Floats, Ints]  # cells, photos, costs, amounts of arcs


@st.composite
def markets(draw: st.DrawFn) -> Market:
    """A plan, as it comes about by dealing out copies in any order, and some other arcs."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    m, n = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    wants = rng.integers(1, draw(st.sampled_from([2, 4, 20])), m)
    seller = rng.integers(0, n, wants.sum())
    plan = np.zeros((m, n), np.int64)
    np.add.at(plan, (np.repeat(np.arange(m), wants), seller), 1)
    listed = (plan > 0) | (rng.random((m, n)) < draw(st.sampled_from([0.1, 0.5, 1.0])))
    cell, photo = np.nonzero(listed)
    most = draw(st.sampled_from([1, 3, 100]))
    cost = rng.integers(0, most, len(cell)).astype(float)
    if draw(st.booleans()):
        cost += rng.random(len(cell))
    return cell, photo, cost, plan[cell, photo]


def best_cost(market: Market) -> float:
    """The least cost by SciPy, a row for each copy; arcs that are not listed are dear."""
    cell, photo, cost, amount = market
    dear = 1e4 * (1 + cost.sum())
    table = np.full((photo.max() + 1, cell.max() + 1), dear)
    table[photo, cell] = cost
    copies = table.repeat(np.bincount(photo, amount).astype(int), axis=0)
    copies = copies.repeat(np.bincount(cell, amount).astype(int), axis=1)
    i, j = linear_sum_assignment(copies)
    return float(copies[i, j].sum())


@settings(max_examples=300, deadline=None)
@given(markets(), st.integers(0, 99))
def test_a_plan_becomes_the_best_and_its_prices_prove_it(market: Market, seed: int) -> None:
    cell, photo, cost, amount = market
    v = np.random.default_rng(seed).normal(0, 50, photo.max() + 1)
    found = better_plan(*market, v, 1e-9)
    assert found
    after, u, w = found
    assert after.min() >= 0
    assert (np.bincount(cell, after) == np.bincount(cell, amount)).all()
    assert (np.bincount(photo, after) == np.bincount(photo, amount)).all()
    assert (u[cell] + w[photo] <= cost + 1e-6).all()
    assert np.allclose((u[cell] + w[photo])[after > 0], cost[after > 0])
    assert after @ cost == pytest.approx(best_cost(market))


def check_tree(t: PlanTree, cell: Ints, photo: Ints, cost: Floats) -> None:
    """All hang on the root; empty arcs lead up from photos; prices fit; parents have children."""
    root = len(t.up) - 1
    for x in range(root):
        assert t.depth[x] == t.depth[t.up[x]] + 1
        assert t.up[x] == root or t.arc[x] >= 0
        if x >= t.photos:
            assert t.load[x] > 0
        if t.up[x] == root:
            assert x < t.photos and t.load[x] == 0 and t.arc[x] == -1
        else:
            e = t.arc[x]
            assert {x, int(t.up[x])} == {photo[e], t.photos + cell[e]}
            assert t.price[x] + t.price[t.up[x]] == pytest.approx(cost[e])
        children, below = [], t.child[x]
        while below >= 0:
            children.append(int(below))
            below = t.right[below]
        assert sorted(children) == np.flatnonzero(t.up == x).tolist()


@settings(max_examples=100, deadline=None)
@given(markets())
def test_after_any_number_of_pivots_it_is_a_tree_without_empty_arcs_to_cells(
    market: Market,
) -> None:
    cell, photo, cost, _ = market
    t = bare(photo.max() + 1, cell.max() + 1)
    hang_up(t, *market, np.zeros(photo.max() + 1))
    check_tree(t, cell, photo, cost)
    pile, beyond = np.empty(len(t.up), np.int64), np.full(len(cost), -1.0)
    for _ in range(1000):
        beyond = cost - t.price[photo] - t.price[t.photos + cell]
        e = int(beyond.argmin())
        if beyond[e] > -1e-9:
            break
        simplex.pivot(t, photo[e], t.photos + cell[e], e, 0, beyond[e], pile)
        check_tree(t, cell, photo, cost)
    assert beyond.min() > -1e-9


def test_a_circle_of_three_moves_all_three() -> None:
    cell, photo = np.array([0, 1, 2, 1, 2, 0]), np.array([0, 1, 2, 0, 1, 2])
    cost, plan = np.array([6.0, 5, 4, 3, 2, 4]), np.array([1, 1, 1, 0, 0, 0])
    found = better_plan(cell, photo, cost, plan, np.zeros(3), 0.5)
    assert found and found[0].tolist() == [0, 0, 0, 1, 1, 1]


def test_of_several_copies_the_weakest_arc_decides_how_many_move() -> None:
    cell, photo = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1])
    plan = np.array([5, 2, 0, 0])  # five of photo 0 in cell 0, two of photo 1 in cell 1
    found = better_plan(cell, photo, np.array([9.0, 9, 1, 1]), plan, np.zeros(2), 0.5)
    assert found and found[0].tolist() == [3, 0, 2, 2]


def test_a_plan_that_cannot_be_bettered_keeps_its_prices() -> None:
    cell, photo, cost = np.array([0, 1, 1]), np.array([0, 1, 0]), np.array([1.0, 1, 9])
    found = better_plan(cell, photo, cost, np.array([1, 1, 0]), np.array([3.0, 4.0]), 0.5)
    assert found and found[0].tolist() == [1, 1, 0]
    assert (found[1].tolist(), found[2].tolist()) == ([-2.0, -3.0], [3.0, 4.0])


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Go on from the plans of the smallest tasks, too; whether each time it was of use."""
    for name in ("WORTH", "LOADING"):
        monkeypatch.setattr(placement, name, 1)
    monkeypatch.setattr(levels, "SMALL", 0)
    monkeypatch.setattr(placement, "OFFERS", 2)
    used: list[bool] = []
    usual = plans.solve_on

    def solve_on(*asked: object) -> plans.Plan | None:
        found = usual(*asked)  # type: ignore[arg-type]
        used.append(found is not None)
        return found

    monkeypatch.setattr(placement, "solve_on", solve_on)
    return used


def wishes(seed: int) -> tuple[Floats, Floats, Ints, Ints, Ints]:
    """Tiles, cells, most and least uses, pins; few colours and many."""
    rng = np.random.default_rng(seed)
    m, n, f = (int(k) for k in (*rng.integers(1, 60, 2), rng.integers(1, 5)))
    tiles, cells = (rng.integers(0, rng.choice([2, 5, 99]), (k, f)) for k in (n, m))
    high = rng.integers(1, 4, n) + (m // n)
    low = (rng.random(n) < rng.choice([0.0, 0.5])) * rng.integers(0, 2, n)
    low = low * (np.cumsum(low) < m)
    pins = np.full(m, -1)
    pins[: m // 8] = (
        rng.choice(np.flatnonzero(low == 0), m // 8) if (low == 0).any() else -1
    )
    high[:] = np.maximum(high, m)
    return tiles.astype(float), cells.astype(float), high, low, pins


def test_with_no_gap_the_match_is_the_same_whoever_solves(
    often: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    sparse = PlacementSettings(solver="sparse")
    for seed in range(150):
        tiles, cells, high, low, pins = wishes(seed)
        asked = (tiles, cells, high, low)
        with monkeypatch.context() as other:
            other.setattr(placement, "wants_numba", lambda _: False)
            first, proof = place(*asked, pins=pins, settings=sparse)
        again, same = place(*asked, pins=pins, settings=sparse)
        assert proof.gap == 0 and again.tobytes() == first.tobytes()
        assert (same.cost, same.bound) == (proof.cost, proof.bound)
    assert sum(often) > 50


@pytest.mark.parametrize("photos", [400, 500])
def test_fractions_and_photos_that_stay_at_home_are_placed_at_the_least_cost(
    photos: int, often: list[bool]
) -> None:
    tiles, cells = scene(20, photos)
    tiles = tiles + np.random.default_rng(1).random(tiles.shape)
    i, j = linear_sum_assignment(squared(cells[:, None], tiles))
    best = squared(cells[i], tiles[j]).sum()
    for low in (0, np.arange(photos) % 3 == 0):
        proof = place(tiles, cells, 1, low, settings=PlacementSettings(solver="sparse"))[1]
        assert proof.gap <= placement.ROUNDING and proof.cost >= best - 1e-3
        if not np.any(low):
            assert proof.cost == pytest.approx(best)
    assert any(often)


def test_after_too_many_pivots_the_solver_takes_over(
    often: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    market = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([5.0, 1, 2, 7])
    plan, one = np.array([1, 0, 0, 1]), np.zeros(2)
    t = bare(2, 2)
    hang_up(t, *market, plan, one)
    assert take_in(t, *market, 0.5)
    monkeypatch.setattr(simplex, "take_in", lambda *_: False)
    assert better_plan(*market, plan, one, 0.5) is None
    tiles, cells = scene(20, 400)
    proof = place(tiles, cells, settings=PlacementSettings(solver="sparse"))[1]
    assert proof.gap == 0 and often and not any(often)


def test_the_example_in_the_docstring_is_true() -> None:
    tried = doctest.testmod(simplex)
    assert tried.attempted and not tried.failed
