"""The compiled search of smalti/fast.md finds what a look at everything finds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import ArrayLike, NDArray

numba = pytest.importorskip("numba")

from smalti import fast, levels, offers, placement  # noqa: E402
from smalti.offers import cheapest, squared  # noqa: E402
from smalti.placement import Certificate, PlacementSettings, place, scene  # noqa: E402

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Problem = tuple[Floats, Floats, Floats]
Placed = tuple[Ints, Certificate]
ROOT = Path(__file__).parents[1]
SPARSE = PlacementSettings(solver="sparse")


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Queries, points and prices: equal points, equal prices, one point, no query, 1 to 6 features."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    q, p = draw(st.integers(0, 40)), draw(st.integers(1, 120))
    f, most = draw(st.integers(1, 6)), draw(st.sampled_from([1, 3, 256]))
    query, points = (rng.integers(0, most, (k, f)).astype(float) for k in (q, p))
    price = rng.normal(0, 1, p).round() * draw(st.sampled_from([0, 1, 50, 30_000]))
    if draw(st.booleans()):
        price += (points**2).sum(1) - (points @ rng.normal(0, most, f)).round()
    return query, points, price


def all_offers(query: Floats, points: Floats, price: Floats) -> Floats:
    return squared(query[:, None], points) - price


@pytest.mark.long
@settings(max_examples=300, deadline=None)
@given(problems(), st.integers(1, 30))
def test_the_best_offers_are_those_of_a_look_at_all(asked: Problem, k: int) -> None:
    k = min(k, len(asked[1]))
    offers = all_offers(*asked)
    index, value = fast.best_offers(*asked, k)
    first = np.argsort(offers, axis=1, kind="stable")[:, :k]
    assert index.tolist() == first.tolist()
    assert (value == np.take_along_axis(offers, first, 1)).all()


@settings(max_examples=100, deadline=None)
@given(problems(), st.integers(1, 9), st.sampled_from([1e-6, 1.0, 1e6]))
def test_fractions_of_any_size_are_compared_rightly(
    asked: Problem, k: int, size: float
) -> None:
    rng = np.random.default_rng(len(asked[1]))
    query, points = ((x + rng.random(x.shape)) * size for x in asked[:2])
    price, k = asked[2] * size**2, min(k, len(asked[1]))
    offers = all_offers(query, points, price)
    value = fast.best_offers(query, points, price, k)[1]
    assert (value == np.sort(offers, axis=1)[:, :k]).all()


@settings(max_examples=200, deadline=None)
@given(problems(), st.integers(0, 10**6))
def test_all_offers_within_a_limit_are_found(asked: Problem, seed: int) -> None:
    offers = all_offers(*asked)
    rng = np.random.default_rng(seed)
    limit = np.array([rng.choice(row) - rng.integers(0, 2) for row in offers])
    pairs = fast.offers_within(*asked, limit)
    assert sorted(map(tuple, pairs)) == list(
        zip(*np.nonzero(offers <= limit[:, None]), strict=True)
    )


@settings(max_examples=60, deadline=None)
@given(problems())
def test_each_branch_has_half_the_points_and_its_box_and_plane_hold_them(
    asked: Problem,
) -> None:
    query, points, price = asked
    tree, f = fast.plant(points, price, 1e6), points.shape[1]
    assert sorted(tree.number) == list(range(len(points)))
    assert (points[tree.number] == tree.x).all()
    for branch in range(1, len(tree.box)):
        first, end = fast.span(branch, len(points))
        x, v = tree.x[first:end], tree.price[first:end]
        row = tree.box[branch]
        assert (row[:f] == x.min(0)).all() and (row[f : 2 * f] == x.max(0)).all()
        assert (v <= x @ row[2 * f : 3 * f] + row[3 * f]).all()
        for q in query[:5]:
            least = fast.at_least(tree.box, branch, q)
            assert least <= all_offers(q[None], x, v).min()
        if 2 * branch < len(tree.box):
            halves = [fast.span(2 * branch + i, len(points)) for i in (0, 1)]
            assert [first, halves[1][0], end] == [halves[0][0], halves[0][1], halves[1][1]]
            assert abs(np.subtract(*np.ptp(halves, axis=1))) <= 1
            left, right = (tree.x[i:j] for i, j in halves)
            assert (left.max(0) <= right.min(0)).any()
        else:
            assert end - first <= fast.LEAF + 1


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Placed]]:
    """Place with the compiled search, then without it; from coarse to fine."""
    monkeypatch.setattr(levels, "SMALL", 0)
    monkeypatch.setattr(placement, "OFFERS", 3)

    def call(*asked: ArrayLike, groups: Ints | None = None) -> list[Placed]:
        found = []
        for worth, many in (0, 10**18), (10**18, 0), (10**18, 10**18):
            for module in offers, placement:
                monkeypatch.setattr(module, "WORTH", worth)
                monkeypatch.setattr(module, "LOADING", worth)
            monkeypatch.setattr(offers, "MANY", many)
            found.append(place(*asked, groups=groups, settings=SPARSE))
        return found

    return call


@pytest.mark.long
def test_placements_are_the_same_with_and_without(
    both: Callable[..., list[Placed]],
) -> None:
    for seed in range(120):
        rng = np.random.default_rng(seed)
        m, n, f = (int(rng.integers(1, high)) for high in (60, 80, 6))
        most = int(rng.choice([2, 6, 256]))
        tiles, cells = (rng.integers(0, most, (k, f)) for k in (n, m))
        high = rng.integers(0, 5, n)
        high[0] += max(0, m - high.sum())
        low = np.minimum(high, rng.random(n) < 0.3) if seed % 2 else np.zeros(n, int)
        low[np.cumsum(low) > m] = 0
        groups = None
        if seed % 3 == 0:
            groups = np.r_[np.arange(n), rng.integers(0, n, 20)]
            tiles = np.r_[tiles, rng.integers(0, most, (20, f))]
        (first, proof), *others = both(tiles, cells, high, low, groups=groups)
        assert proof.gap == 0
        for again, other in others:
            assert again.tobytes() == first.tobytes()
            assert (other.cost, other.bound) == (proof.cost, proof.bound)


@pytest.mark.long
def test_three_thousand_cells_are_placed_the_same_with_and_without(
    both: Callable[..., list[Placed]],
) -> None:
    tiles, cells = scene(54, 3100)
    (first, proof), *others = both(tiles, cells)
    assert proof.gap == 0 and all((again == first).all() for again, _ in others)


def test_endless_prices_and_many_features_are_left_to_numpy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(offers, "WORTH", 0)
    price = np.array([-np.inf, 0.0, 3.0])
    index, value = cheapest(np.zeros((1, 1)), np.ones((3, 1)), price, 3)
    assert index.tolist() == [[2, 1, 0]] and value.tolist() == [[-2, 1, np.inf]]
    few, many = np.zeros((2, offers.FEW)), np.zeros((2, offers.FEW + 1))
    assert offers.in_tree(few, few, np.zeros(2))
    assert not offers.in_tree(few, few, np.array([0, np.inf]))
    assert not offers.in_tree(many, many, np.zeros(2))


@pytest.mark.parametrize("without", ["the package", "leave"])
def test_placement_does_without_numba(
    without: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(offers.has_numba.cache_clear)
    offers.has_numba.cache_clear()
    assert offers.has_numba()
    offers.has_numba.cache_clear()
    if without == "leave":
        monkeypatch.setenv("SMALTI_FAST", "0")
    else:
        monkeypatch.delattr("smalti.fast")
        monkeypatch.setitem(sys.modules, "smalti.fast", None)
    monkeypatch.setattr(offers, "WORTH", 0)
    assert not offers.has_numba()
    assert place([[0.0], [5.0]], [[4.0], [3.0]], settings=SPARSE)[0].tolist() == [1, 0]


@pytest.mark.long
@pytest.mark.parametrize("worth", [offers.WORTH, 500_000])
@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_whole_task_of_few_features_needs_no_pot(worth: int, share: float) -> None:
    code = f"""
import sys
from smalti import offers, placement
offers.WORTH = placement.WORTH = {worth}
tiles, cells = placement.scene(30, 900)
placement.place({share} * tiles, cells, settings=placement.PlacementSettings(solver="sparse"))
quick = 900 * 900 >= {worth} and {share} == 1
assert ("numba" in sys.modules, "ot" in sys.modules) == (quick, not quick)
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_where_no_folder_can_be_written_functions_are_compiled_nevertheless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[bool] = []
    njit = numba.njit

    def no_folder(function: Callable[[int], int], cache: bool = False) -> object:
        if function.__name__ == "double":  # Numba compiles parts of its own by the way
            kept.append(cache)
        if cache:
            raise RuntimeError("cannot cache function 'double': no locator available")
        return njit(function)

    def double(x: int) -> int:
        return 2 * x

    monkeypatch.setattr(numba, "njit", no_folder)
    assert fast.compiled(double)(21) == 42 and kept == [True, False]
