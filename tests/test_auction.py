"""The auction of smalti/auction.md sells everything, at prices that prove how well."""

from __future__ import annotations

import doctest
from collections.abc import Iterator

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given, settings
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

numba = pytest.importorskip("numba")

from smalti import auction as auctions  # noqa: E402
from smalti import levels, offers, placement, plans  # noqa: E402
from smalti.auction import auction  # noqa: E402
from smalti.offers import squared  # noqa: E402
from smalti.placement import Certificate, PlacementSettings, place, scene  # noqa: E402
from smalti.plans import solve  # noqa: E402

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def budgets(rng: np.random.Generator, n: int, m: int) -> tuple[Ints, Ints]:
    """Budgets of n photos for m cells, some of which may stay at home and some not."""
    high = rng.integers(0, 4, n)
    high[0] += max(0, m - high.sum())
    low = high * (rng.random(n) < rng.choice([0.0, 0.3]))
    while low.sum() > m:
        low[rng.choice(np.flatnonzero(low))] = 0
    return low, high


@st.composite
def tasks(draw: st.DrawFn) -> tuple[Floats, Floats, Ints, Ints]:
    """Tiles, cells and budgets: few colours and many, more photos than cells and fewer."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n, m, f = draw(st.integers(1, 30)), draw(st.integers(1, 40)), draw(st.integers(1, 4))
    most = draw(st.sampled_from([1, 2, 6, 256]))
    tiles, cells = (rng.integers(0, most, (k, f)).astype(float) for k in (n, m))
    if draw(st.booleans()):
        tiles, cells = tiles + rng.random(tiles.shape), cells + rng.random(cells.shape)
    return tiles, cells, *budgets(rng, n, m)


def optimum(tiles: Floats, cells: Floats, low: Ints, high: Ints) -> float:
    """The least cost by SciPy: one row a copy, copies that must be used are dear to leave out."""
    rows = np.r_[np.repeat(tiles, low, axis=0), np.repeat(tiles, high - low, axis=0)]
    table = np.zeros((len(rows), max(len(rows), len(cells))))
    table[:, : len(cells)] = squared(rows[:, None], cells)
    table[: low.sum(), len(cells) :] = 1 + table.sum()
    i, j = linear_sum_assignment(table)
    return float(table[i, j].sum())


def bound_of(level: levels.Level, v: Floats) -> float:
    u = (squared(level.cells[:, None], level.tiles) - v).min(1)
    return level.bound(u, v)


def sales(
    asked: tuple[Floats, Floats, Ints, Ints], eps: float, seed: int = 0
) -> Iterator[tuple[levels.Level, plans.Arcs, Ints, Floats]]:
    """An auction on all arcs of a task, from random prices."""
    tiles, cells, low, high = asked
    task, _ = placement.make_task(cells, tiles, np.arange(len(tiles)), low, high)
    level = levels.group(task, 0.0)
    arcs = plans.list_arcs(level, np.arange(len(level.tiles) * len(level.cells)))
    forced = (level.low > 0) & (level.low < level.high)
    if forced.any():  # two photos of one colour, of which only one must be used
        return
    v = np.random.default_rng(seed).normal(0, 50, len(level.high))
    market = arcs.cell, arcs.photo, arcs.cost, level.mass, level.low, level.high
    for amount, prices in auction(*market, v, eps):
        yield level, arcs, amount.copy(), prices.copy()


@settings(max_examples=200, deadline=None)
@given(tasks(), st.sampled_from([0.01, 1.0, 300.0]), st.integers(0, 99))
def test_each_sale_is_a_plan_and_a_step_for_each_cell_is_all_that_it_may_lack(
    asked: tuple[Floats, Floats, Ints, Ints], eps: float, seed: int
) -> None:
    best, count = optimum(*asked), 0
    for count, (level, arcs, amount, v) in enumerate(sales(asked, eps, seed), 1):
        assert (np.bincount(arcs.cell, amount) == level.mass).all() and amount.min() >= 0
        uses = np.bincount(arcs.photo, amount, len(level.high))
        assert (level.low <= uses).all() and (uses <= level.high).all()
        step, cost = eps / 5.0 ** (count - 1), float(amount @ arcs.cost)
        rounding = 1e-9 * (1 + cost + np.abs(v).max())
        assert bound_of(level, v) <= best + rounding and best <= cost + rounding
        assert cost - bound_of(level, v) <= step * len(asked[1]) + rounding
    assert count in (0, auctions.PHASES)


def test_small_steps_find_what_the_solver_finds() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        tiles, cells = (rng.integers(0, 99, (k, 2)).astype(float) for k in (25, 20))
        low, high = budgets(rng, 25, 20)
        level, arcs, amount, _ = list(sales((tiles, cells, low, high), 50.0))[-1]
        zero = np.zeros(len(level.mass)), np.zeros(len(level.high))
        assert amount @ arcs.cost == solve(level, arcs, *zero).cost


def test_arcs_without_a_plan_and_too_many_bids_end_an_auction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, zero = np.ones(2, np.int64), np.zeros(2)
    both = np.array([0, 1])
    lonely = auction(both, np.array([0, 0]), np.ones(2), one, 0 * one, one, zero, 1.0)
    assert not list(lonely)  # two cells know only one photo
    ways = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([1.0, 2, 1, 2])
    assert len(list(auction(*ways, one, one, one, zero, 1.0))) == auctions.PHASES
    monkeypatch.setattr(auctions, "BIDS", 0)
    assert not list(auction(*ways, one, one, one, zero, 1.0))


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Hold auctions for the smallest tasks, too; whether each was of use."""
    for name in ("AUCTION", "WORTH", "LOADING"):
        monkeypatch.setattr(placement, name, 1)
    monkeypatch.setattr(levels, "SMALL", 0)
    monkeypatch.setattr(placement, "OFFERS", 3)
    used: list[bool] = []
    usual = plans.solve_roughly

    def solve_roughly(*asked: object) -> plans.Plan | None:
        found = usual(*asked)  # type: ignore[arg-type]
        used.append(found is not None)
        return found

    monkeypatch.setattr(placement, "solve_roughly", solve_roughly)
    return used


# prices of fractions meet the cost of the plan, so the dice must not choose by them
BY_CHANCE = (
    np.array([5.0, 3, 3, 1, 1, 0])[:, None],
    np.array([0.0, 0, 1, 4, 3, 5, 3, 3, 5, 4, 3, 3, 3])[:, None],
    np.array([6, 0, 3, 0, 0, 1]),
    np.array([6, 1, 3, 2, 0, 1]),
)


@settings(max_examples=60, deadline=None)
@given(asked=tasks(), gap=st.sampled_from([1e-4, 1e-2, 0.3]), variants=st.booleans())
@example(asked=BY_CHANCE, gap=1e-4, variants=False)
def test_matches_within_a_gap_keep_budgets_and_prove_it(
    asked: tuple[Floats, Floats, Ints, Ints], gap: float, variants: bool
) -> None:
    tiles, cells, low, high = asked
    owner, best = np.arange(len(tiles)), None
    if variants:  # every photo may be turned inside out
        owner, tiles = np.tile(owner, 2), np.r_[tiles, tiles[:, ::-1]]
    else:
        best = optimum(*asked)
    with pytest.MonkeyPatch.context() as other:
        for name in ("AUCTION", "WORTH", "LOADING"):
            other.setattr(placement, name, 1)
        other.setattr(levels, "SMALL", 0)
        other.setattr(placement, "OFFERS", 3)
        wish = PlacementSettings(gap=gap)
        match, proof = place(tiles, cells, high, low, groups=owner, settings=wish)
        again, same = place(tiles, cells, high, low, groups=owner, settings=wish)
    uses = np.bincount(owner[match], minlength=len(high))
    assert (low <= uses).all() and (uses <= high).all() and proof.gap <= gap
    assert proof.cost == pytest.approx(squared(cells, tiles[match]).sum())
    assert again.tobytes() == match.tobytes() and same == proof
    if best is None:
        best = place(tiles, cells, high, low, groups=owner)[1].cost
    assert proof.bound <= best * (1 + 1e-9) + 1e-9
    assert best <= proof.cost * (1 + 1e-9) + 1e-9


@pytest.mark.long
@pytest.mark.parametrize("photos", [1600, 2000])
def test_a_true_optimum_lies_between_bound_and_cost(photos: int, often: list[bool]) -> None:
    tiles, cells = scene(40, photos)
    i, j = linear_sum_assignment(squared(tiles[:, None], cells))
    best = squared(tiles[i], cells[j]).sum()
    for gap in (0.05, 1e-3, 1e-4):
        match, proof = place(tiles, cells, settings=PlacementSettings(gap=gap))
        assert proof.gap <= gap and proof.bound <= best <= proof.cost
        assert len(set(match.tolist())) == 1600
    assert any(often)


def test_with_no_gap_the_match_is_the_same_with_and_without_auctions(
    often: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    sparse = PlacementSettings(solver="sparse")
    for seed in range(40):
        rng = np.random.default_rng(seed)
        m, n = (int(k) for k in rng.integers(1, 60, 2))
        tiles, cells = (rng.integers(0, rng.choice([3, 99]), (k, 3)) for k in (n, m))
        low, high = budgets(rng, n, m)
        with monkeypatch.context() as other:
            other.setattr(placement, "wants_numba", lambda _: False)
            first, proof = place(tiles, cells, high, low, settings=sparse)
        again, other_proof = place(tiles, cells, high, low, settings=sparse)
        assert proof.gap == 0 and again.tobytes() == first.tobytes()
        assert (other_proof.cost, other_proof.bound) == (proof.cost, proof.bound)
    assert any(often)


def test_what_was_loaded_before_changes_no_small_match(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert offers.has_numba() and offers.is_loaded()
    asked = scene(30, 1200)
    wish = PlacementSettings(gap=0.01)
    first, proof = place(*asked, settings=wish)
    monkeypatch.setattr(placement, "wants_numba", lambda _: False)
    again, same = place(*asked, settings=wish)
    assert again.tobytes() == first.tobytes() and same == proof and proof.gap > 0
    monkeypatch.setattr(placement, "wants_numba", lambda _: True)
    assert place(*asked, settings=wish)[0].tobytes() != first.tobytes()


def test_without_numba_or_with_least_uses_the_solver_answers(
    often: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles, cells = scene(20, 300)
    wish = PlacementSettings(gap=1e-3)
    for least in (1, 0):
        if not least:
            monkeypatch.setattr(placement, "wants_numba", lambda _: False)
        match, proof = place(tiles, cells, 3, least, settings=wish)
        assert isinstance(proof, Certificate) and 0 <= proof.gap <= 1e-3
        assert np.bincount(match, minlength=300).max() <= 3
    assert often and not any(often)


def test_an_auction_that_gives_up_leaves_the_task_to_the_solver(
    often: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auctions, "BIDS", 0)
    tiles, cells = scene(20, 400)
    proof = place(tiles, cells, settings=PlacementSettings(gap=1e-3))[1]
    assert proof.gap <= 1e-3 and not any(often)


def test_the_example_in_the_docstring_is_true() -> None:
    tried = doctest.testmod(auctions)
    assert tried.attempted and not tried.failed
    assert offers.has_numba()
