"""The placements of smalti/placement.md are optimal, and the proofs are true."""

from __future__ import annotations

import doctest
import itertools
from collections.abc import Callable
from typing import TypedDict

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from smalti import levels, offers, placement, plans
from smalti.budgets import Infeasible
from smalti.ground.errors import MosaicError
from smalti.levels import Level, Task
from smalti.offers import Floats, Ints, cheapest, squared
from smalti.placement import Certificate, PlacementSettings, place, place_dense, scene
from smalti.plans import Arcs, Plan


class Asked(TypedDict, total=False):
    """What a request may say beside its tiles and cells."""

    max_uses: ArrayLike
    min_uses: ArrayLike
    groups: ArrayLike
    pins: ArrayLike
    settings: PlacementSettings


@given(st.integers(1, 4), st.integers(1, 30), st.sampled_from([3, 2**20]), st.booleans())
def test_rows_are_sorted_alike_by_digits_and_by_columns(
    columns: int, rows: int, span: int, whole: bool
) -> None:
    chance = np.random.default_rng(rows)
    steps = chance.integers(-span, span, (rows, columns))
    x: Floats = np.asarray(steps * (1.0 if whole else 0.3), np.float64)
    x[rows // 2 :] = x[: rows - rows // 2]
    first, kind = levels.distinct(x)
    order = np.lexsort(x.T)
    assert (x[first[kind]] == x).all()
    assert levels.count_kinds(x) == len(first) == len({tuple(row) for row in x})
    assert (np.diff(kind[order]) >= 0).all()
    assert (first == [np.flatnonzero((x == row).all(1))[0] for row in x[first]]).all()


SPARSE, DENSE = PlacementSettings(solver="sparse"), PlacementSettings(solver="dense")


@pytest.fixture(params=["book", "all arcs", "some arcs"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Solve small problems by the book, with all arcs at once, and from coarse to fine."""
    if request.param != "book":
        monkeypatch.setattr(placement, "DENSE", 0)
    if request.param == "some arcs":
        monkeypatch.setattr(levels, "SMALL", 0)
        monkeypatch.setattr(placement, "OFFERS", 2)
        monkeypatch.setattr(offers, "MANY", 0)
        monkeypatch.setattr(placement, "LATE", 0)
        monkeypatch.setattr(plans, "CHEAP", 0)
    return str(request.param)


def test_a_loose_gap_is_proven_by_a_coarse_level() -> None:
    tiles, cells = scene(60, 3600)
    task, _ = placement.make_task(cells, tiles, np.arange(3600), *np.ones((2, 3600), int))
    *_, best = placement.rounds(task)
    finest = len(levels.group(task, levels.widths(task)[-2]).cells)
    first = next(now for now in placement.rounds(task, 0.05) if now.bound > 0)
    assert 0.95 * best.bound <= first.bound <= best.bound
    assert len(first.cells) < finest  # of all coarse levels
    tight = next(now for now in placement.rounds(task, 0.001) if now.bound > 0)
    assert len(tight.cells) == finest


def cost_of(tiles: Floats, cells: Floats, match: Ints) -> float:
    return float(squared(cells, tiles[match]).sum())


def assigned(
    tiles: Floats, cells: Floats, low: Ints, high: Ints, owner: Ints | None = None
) -> float:
    """The least cost by SciPy: one row a copy, copies that must be used are dear to leave out."""
    owner = np.arange(len(tiles)) if owner is None else owner
    costs = squared(cells[:, None], tiles)
    photo = np.stack([costs[:, owner == j].min(1) for j in range(len(high))])
    must = np.repeat(photo, low, axis=0)
    may = np.repeat(photo, high - low, axis=0)
    dear = 1 + costs.sum()
    extra = np.zeros((len(must) + len(may), max(0, len(must) + len(may) - len(cells))))
    extra[: len(must)] = dear
    table = np.c_[np.r_[must, may], extra]
    rows, columns = linear_sum_assignment(table)
    return float(table[rows, columns].sum())


def problem(seed: int, fractions: bool) -> tuple[Floats, Floats, Ints, Ints]:
    """Random tiles, cells and budgets that can be kept: ties, equal colours, 1 to 48 features."""
    rng = np.random.default_rng(seed)
    m, f = int(rng.integers(1, 60)), int(rng.choice([1, 2, 3, 4, 7, 12, 48]))
    most = int(rng.choice([1, 2, 6, 256]))
    n = int(rng.integers(1, 80))
    high = rng.integers(0, 6, n)
    high[0] += max(0, m - high.sum())
    low = np.minimum(rng.integers(0, 3, n) * (rng.random() < 0.5), high)
    while low.sum() > m:
        low[rng.integers(n)] = 0
    tiles, cells = (rng.integers(0, most, (k, f)).astype(float) for k in (n, m))
    if fractions:
        tiles, cells = tiles + rng.random(tiles.shape), cells + rng.random(cells.shape)
    return tiles, cells, low, high


def assert_proven(proof: Certificate, optimum: float, fractions: bool) -> None:
    assert proof.cost == pytest.approx(optimum, rel=1e-9, abs=1e-9)
    assert proof.gap < 1e-9 if fractions else proof.gap == 0
    assert proof.bound <= optimum * (1 + 1e-12) + 1e-9


@pytest.mark.long
@pytest.mark.parametrize("fractions", [False, True])
def test_budgets_are_kept_at_the_least_possible_cost(way: str, fractions: bool) -> None:
    for seed in range(150):
        tiles, cells, low, high = problem(seed, fractions)
        match, proof = place(tiles, cells, high, low)
        uses = np.bincount(match, minlength=len(tiles))
        assert (low <= uses).all() and (uses <= high).all()
        assert cost_of(tiles, cells, match) == pytest.approx(proof.cost, rel=1e-12)
        assert_proven(proof, assigned(tiles, cells, low, high), fractions)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(0, 20), st.booleans())
def test_the_sparse_and_the_dense_way_cost_the_same_and_prove_it(
    seed: int, k: int, spare: int, fractions: bool
) -> None:
    rng = np.random.default_rng(seed)
    m = int(rng.integers(1, 50))
    n, f = -(-m // k) + spare, int(rng.integers(1, 9))
    tiles, cells = (rng.integers(0, 20, (r, f)).astype(float) for r in (n, m))
    if fractions:
        tiles, cells = tiles / 7, cells / 7
    dense, book = place(tiles, cells, k, settings=DENSE)
    sparse, proof = place(tiles, cells, k, settings=SPARSE)
    assert (book.rounds, book.arcs) == (1, n * m)
    for match, proven in (dense, book), (sparse, proof):
        assert np.bincount(match).max() <= k
        assert_proven(proven, cost_of(tiles, cells, dense), fractions)


def test_the_book_serves_small_plain_requests_only(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles, cells = scene(12, 150)
    requests: list[tuple[Asked, bool]] = [
        ({}, True),
        ({"max_uses": np.full(150, 3)}, True),
        ({"groups": np.arange(150), "pins": np.full(144, -1)}, True),
        ({"max_uses": np.r_[3, np.ones(149, int)]}, False),
        ({"groups": np.arange(150) // 2, "max_uses": 2}, False),
        ({"settings": PlacementSettings(gap=0.1)}, False),
        ({"settings": PlacementSettings(time_limit=60)}, False),
        ({"settings": SPARSE}, False),
    ]
    for asked, by_the_book in requests:
        rounds: list[Certificate] = []
        place(tiles, cells, **asked, on_progress=rounds.append)
        assert (not rounds) == by_the_book
    monkeypatch.setattr(placement, "DENSE", 144 * 150 - 1)
    place(tiles, cells, on_progress=rounds.append)
    assert rounds


@pytest.mark.parametrize(
    "asked", [{"min_uses": 1}, {"pins": [0, -1]}, {"groups": [0, 0], "max_uses": 2}]
)
def test_the_dense_way_refuses_what_it_cannot_do(asked: Asked) -> None:
    dense: Asked = {**asked, "settings": DENSE}
    with pytest.raises(MosaicError, match='set solver = "auto"'):
        place([[0.0], [1.0]], [[1.0], [0.0]], **dense)


@pytest.mark.parametrize("fractions", [False, True])
def test_any_costs_are_placed_within_budgets(fractions: bool) -> None:
    for seed in range(60):
        tiles, cells, low, high = problem(seed, fractions)
        squares = squared(tiles[:, None], cells)
        match = place_dense(squares, high, low)
        uses = np.bincount(match, minlength=len(tiles))
        assert (low <= uses).all() and (uses <= high).all()
        found = squares[match, np.arange(len(cells))].sum()
        assert found == pytest.approx(assigned(tiles, cells, low, high))


def test_three_photos_by_any_costs_are_placed_as_by_trying_all() -> None:
    costs = np.random.default_rng(0).integers(0, 9, (3, 5)).astype(np.float64)
    tried = [
        costs[list(match), np.arange(5)].sum()
        for match in itertools.product(range(3), repeat=5)
        if set(np.bincount(match, minlength=3)) <= {1, 2}
    ]
    match = place_dense(costs, most=2, least=1)
    assert costs[match, np.arange(5)].sum() == min(tried)
    with pytest.raises(
        Infeasible, match="5 cells cannot be filled by 3 photos used at most"
    ):
        place_dense(costs, 1)


def wild_prices(rng: np.random.Generator) -> Callable[..., Floats]:
    """Opening prices that differ from the usual ones, so that the search goes another way."""
    usual = placement.opening_prices

    def prices(task: Task, level: Level, width: float, cells: Floats, u: Floats) -> Floats:
        v = usual(task, level, width, cells, u)
        v = v + rng.integers(-50, 50, len(v))
        return np.where(level.low > 0, v, np.minimum(v, 0))

    return prices


def test_of_equally_good_matches_every_way_finds_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(120):
        rng = np.random.default_rng(seed)
        tiles, cells, low, high = problem(seed, False)
        asked: Asked = {"max_uses": high, "min_uses": low, "settings": SPARSE}
        if seed % 3 == 0:
            k = -(-len(cells) // len(tiles)) + seed % 2
            asked = {"max_uses": k, "settings": SPARSE}
        elif seed % 3 == 1:
            asked["groups"] = np.r_[np.arange(len(tiles)), rng.integers(0, len(tiles), 20)]
            tiles = np.r_[tiles, rng.integers(0, 9, (20, tiles.shape[1]))]
        first, proof = place(tiles, cells, **asked)
        assert proof.gap == 0
        if seed % 3 == 0:
            dense: Asked = {**asked, "settings": DENSE}
            assert (place(tiles, cells, **dense)[0] == first).all()
        with monkeypatch.context() as other:
            other.setattr(levels, "SMALL", 0)
            other.setattr(offers, "MANY", 0)
            other.setattr(placement, "OFFERS", 2 + seed % 3)
            other.setattr(placement, "opening_prices", wild_prices(rng))
            assert (place(tiles, cells, **asked)[0] == first).all()


def test_the_dice_choose_among_all_best_matches() -> None:
    several = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        tiles, cells = (np.c_[np.divmod(rng.permutation(16)[:n], 4)] * 1.0 for n in (6, 5))
        every = [list(some) for some in itertools.permutations(range(6), 5)]
        costs = [cost_of(tiles, cells, np.array(some)) for some in every]
        best = [some for some, cost in zip(every, costs, strict=True) if cost == min(costs)]
        dice = [np.random.PCG64([0, n]).random_raw(n) >> 49 for n in (6, 5)]
        a, b = (
            d[np.lexsort(x.T).argsort()] for d, x in zip(dice, (tiles, cells), strict=True)
        )
        chosen = min(best, key=lambda some: int((a[some] * b).sum()))
        assert place(tiles, cells, settings=SPARSE)[0].tolist() == chosen
        several += len(best) > 1
    assert several > 30


def test_dice_that_leave_a_tie_are_thrown_again(monkeypatch: pytest.MonkeyPatch) -> None:
    thrown: list[int] = []

    class Dice:
        """The first throw shows the same number for all."""

        def __init__(self, seed: list[int]) -> None:
            self.seed = seed
            thrown.append(seed[0])

        def random_raw(self, size: int) -> NDArray[np.uint64]:
            fair = PCG64(self.seed).random_raw(size)
            return np.full(size, 1 << 60, np.uint64) if self.seed[0] == 0 else fair

    PCG64 = np.random.PCG64
    monkeypatch.setattr(np.random, "PCG64", Dice)
    place([[0.0], [1.0], [9.0]], [[4.0], [6.0]])
    assert thrown == [0, 0]  # only one match is best: 1 and 9
    place([[0.0, 4.0], [0.0, 6.0]], [[1.0, 5.0], [2.0, 5.0]])
    assert thrown[2:] == [0, 0, 1, 1]


def test_the_order_of_photos_and_cells_matters_not() -> None:
    tiles, cells = (np.unique(x, axis=0) for x in scene(14, 250))
    rng = np.random.default_rng(0)
    first = place(tiles, cells, settings=SPARSE)[0]
    for _ in range(3):
        i, j = rng.permutation(len(tiles)), rng.permutation(len(cells))
        again = place(tiles[i], cells[j], settings=SPARSE)[0]
        assert (i[again] == first[j]).all()


def test_a_minimum_equal_to_the_maximum_gives_strictly_even_use(way: str) -> None:
    tiles, cells = scene(12, 48)
    match, proof = place(tiles, cells, max_uses=3, min_uses=3)
    assert (np.bincount(match) == 3).all() and proof.gap == 0


def test_as_many_photos_as_cells_give_a_permutation(way: str) -> None:
    tiles, cells = scene(11, 121)
    match, proof = place(tiles, cells, 1, 1)
    assert sorted(match) == list(range(121)) and proof.gap == 0


def test_equal_colours_and_zero_costs_are_no_trouble(way: str) -> None:
    tiles = np.zeros((30, 3))
    match, proof = place(tiles, tiles[:20])
    assert len(set(match)) == 20 and proof.cost == proof.bound == proof.gap == 0


def test_pins_stay_and_count_as_uses(way: str) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        tiles, cells, low, high = problem(seed, False)
        pins = np.full(len(cells), -1)
        left = high.copy()
        for i in rng.permutation(len(cells))[:5]:
            j = int(rng.integers(len(tiles)))
            if left[j]:
                pins[i], left[j] = j, left[j] - 1
        used, free = high - left, pins < 0
        low_left = (low - used).clip(0)
        if low_left.sum() > free.sum():
            continue
        match, proof = place(tiles, cells, high, low, pins=pins)
        assert (match[~free] == pins[~free]).all()
        uses = np.bincount(match, minlength=len(tiles))
        assert (low <= uses).all() and (uses <= high).all()
        rest = assigned(tiles, cells[free], low_left, left) if free.any() else 0.0
        assert_proven(proof, rest + cost_of(tiles, cells[~free], pins[~free]), False)


def test_variants_share_one_budget_and_the_cheapest_counts(way: str) -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        tiles, cells, low, high = problem(seed, seed % 2 == 1)
        owner = np.r_[np.arange(len(tiles)), rng.integers(0, len(tiles), len(tiles))]
        every = np.r_[tiles, rng.integers(0, 9, tiles.shape)]
        match, proof = place(every, cells, high, low, groups=owner)
        uses = np.bincount(owner[match], minlength=len(tiles))
        assert (low <= uses).all() and (uses <= high).all()
        assert_proven(proof, assigned(every, cells, low, high, owner), seed % 2 == 1)


def test_all_pinned_leaves_nothing_to_solve() -> None:
    match, proof = place([[1.0], [2.0]], [[2.0], [3.0]], pins=[1, 0])
    assert match.tolist() == [1, 0] and proof.cost == proof.bound == 4


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_wrong_prices_never_prove_too_much(seed: int) -> None:
    tiles, cells, low, high = problem(seed, False)
    task, _ = placement.make_task(cells, tiles, np.arange(len(tiles)), low, high)
    level = levels.group(task, 0.0)
    v = np.random.default_rng(seed).normal(0, 300, len(level.low)).round()
    u = cheapest(level.cells, level.tiles, v[level.owner])[1][:, 0]
    assert level.bound(u, v) <= assigned(tiles, cells, low, high)


@settings(max_examples=100)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 30))
def test_both_searches_find_the_best_offers(seed: int, f: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    query, points = (
        rng.integers(0, 99, (20, f)).astype(float),
        rng.integers(0, 99, (40, f)).astype(float),
    )
    price = rng.normal(0, 3000, 40).round()
    wanted = np.sort(squared(query[:, None], points) - price, axis=1)[:, :k]
    for look in (offers.look_nearby, offers.look_at_all):
        index = np.empty((20, min(k, 40)), np.int64)
        for some, stock, offer in look(query, points, price, k):
            index[some] = stock.ravel()[offers.least(offer, k)]
        value = squared(query[:, None], points[index]) - price[index]
        assert (np.sort(value, axis=1)[:, :k] == wanted).all()


@given(st.integers(0, 10**6), st.integers(1, 75), st.sampled_from([2, 255, 3000, 10**5]))
def test_half_the_digits_lose_nothing_where_they_are_enough(
    seed: int, f: int, span: int
) -> None:
    rng = np.random.default_rng(seed)
    query, points = (rng.integers(-span, span, (k, f)).astype(float) for k in (20, 70))
    price = rng.integers(-(span**2), span**2, 70).astype(float)
    exact = (points**2).sum(1) - price - 2 * query @ points.T
    for look in (offers.look_nearby, offers.look_at_all):
        for some, stock, offer in look(query, points, price, 1):
            there = stock < 70
            assert (offer[:, there] == exact[some][:, stock[there]]).all()
            assert np.isinf(offer[:, ~there]).all()


def test_half_the_digits_are_enough_for_small_whole_numbers_or_for_suggestions() -> None:
    one = np.ones((1, 1))
    for query, base, k, digits in (
        (one * 2**22, 2.0**23 - 1, 1, np.float32),  # 2 * 2**22 + 2**23 - 1 is below 2**24
        (one * 2**22, 2.0**23, 1, np.float64),
        (one * 2**22, np.inf, 1, np.float32),  # an empty place
        (one * 0.5, 0.0, 1, np.float64),
        (one, 0.5, 1, np.float64),
        (one * 0.5, 0.5, 2, np.float32),
    ):
        assert offers.enough_digits(query, one, np.array([base]), k) == digits


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_planes_and_shelves_never_promise_more_than_an_offer(seed: int, f: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 9, (int(rng.integers(1, 300)), f)).astype(float)
    price, query = rng.normal(0, 30, len(points)).round(), rng.normal(4, 9, (7, f))
    stock = offers.shelves(points, 8)
    assert sorted(stock[stock < len(points)]) == list(range(len(points)))
    x, v = points[stock % len(points)], price[stock % len(points)]
    slope, height = offers.planes(x, v)
    assert (v <= (x * slope[:, None]).sum(2) + height[:, None] + 1e-9).all()
    bound = offers.at_least(query, x.min(1), x.max(1), slope, height)
    assert (bound <= (squared(query[:, None, None], x) - v).min((0, 2)) + 1e-6).all()


@pytest.mark.parametrize("nodes", [0, 1, 2])
def test_solving_again_with_few_arcs_is_as_good_as_with_all(
    nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved: list[int] = []
    solve = plans.solve

    def count(level: Level, arcs: Arcs, u: Floats, v: Floats) -> Plan:
        solved.append(len(arcs.cost))
        return solve(level, arcs, u, v)

    monkeypatch.setattr(plans, "solve", count)
    monkeypatch.setattr(plans, "CHEAP", nodes)
    for seed in range(60):
        tiles, cells, low, high = problem(seed, False)
        task, _ = placement.make_task(cells, tiles, np.arange(len(tiles)), low, high)
        level = levels.group(task, 0.0)
        keys = np.arange(len(level.cells) * len(level.tiles))
        arcs, v = plans.list_arcs(level, keys), np.zeros(len(level.low))
        u = cheapest(level.cells, level.tiles, v)[1][:, 0]
        best = solve(level, arcs, u, v)
        v += np.random.default_rng(seed).integers(-9, 9, len(v))  # not quite right any more
        v = np.where(level.low > 0, v, np.minimum(v, 0))
        u = cheapest(level.cells, level.tiles, v)[1][:, 0]
        plan = plans.solve_again(level, arcs, u, v, best, 0.5)
        assert plan.cost == best.cost == level.bound(plan.u, plan.v)
        reduced = arcs.cost - plan.u[arcs.cell] - plan.v[arcs.photo]
        assert reduced.min() > -0.5
    assert any(few < later for few, later in itertools.pairwise(solved))


@pytest.mark.long
def test_ten_thousand_cells_are_proven_optimal_and_twice_the_same() -> None:
    tiles, cells = scene(100, 10_000)
    match, proof = place(tiles, cells)
    assert len(set(match.tolist())) == 10_000 and proof.gap == 0
    assert proof.sentence() == "10000 photos placed, proven optimal"
    assert (match == place(tiles, cells)[0]).all()


def test_many_features_and_variants_from_coarse_to_fine() -> None:
    rng = np.random.default_rng(3)
    tiles, cells = (
        rng.integers(0, 256, (900, 12)) * 1.0,
        rng.integers(0, 256, (700, 12)) * 1.0,
    )
    owner = np.arange(900) % 600
    match, proof = place(tiles, cells, 2, groups=owner)
    assert np.bincount(owner[match]).max() <= 2 and proof.gap == 0


def test_a_gap_stops_early_and_is_proven() -> None:
    tiles, cells = scene(60, 4000)
    seen: list[Certificate] = []
    proof = place(
        tiles, cells, settings=PlacementSettings(gap=0.02), on_progress=seen.append
    )[1]
    optimum = place(tiles, cells)[1].cost
    assert proof.stopped == "gap" and 0 < proof.gap <= 0.02
    assert proof.bound <= optimum <= proof.cost
    assert "proven within" in proof.sentence()
    assert [s.rounds for s in seen] == list(range(1, len(seen) + 1))


def test_a_time_limit_returns_what_there_is_with_its_proof() -> None:
    tiles, cells = scene(60, 3600)
    match, proof = place(tiles, cells, settings=PlacementSettings(time_limit=1e-9))
    assert sorted(match) == list(range(3600))
    assert proof.stopped == "time limit" and 0 < proof.bound < proof.cost


@pytest.mark.parametrize("after", [1, 4])
def test_an_interruption_returns_what_there_is_with_its_proof(after: int) -> None:
    def interrupt(proof: Certificate) -> None:
        if proof.rounds == after:
            raise KeyboardInterrupt

    tiles, cells = scene(60, 3600)
    match, proof = place(tiles, cells, on_progress=interrupt)
    assert sorted(match) == list(range(3600))
    assert proof.stopped == "interrupted" and 0 < proof.bound < proof.cost


def test_the_certificate_speaks_plainly() -> None:
    proof = Certificate(100.0, 99.99934, 3, 5, 10_000, 9)
    assert proof.sentence() == "10000 photos placed, proven within 0.0007 % of the optimum"
    assert proof.as_dict()["gap"] == proof.gap == pytest.approx(6.6e-6)
    assert Certificate(0.0, 0.0, 1, 1, 1, 1).gap == 0


@pytest.mark.parametrize(
    ("n", "m", "asked", "message"),
    [
        (
            9000,
            10_000,
            {},
            "10000 cells cannot be filled by 9000 photos used at most once: 1000 are missing; "
            "add photos, or set max_uses = 2",
        ),
        (
            2,
            7,
            {"max_uses": [2, 3]},
            "7 cells cannot be filled by 2 photos that allow 5 uses in all: 2 are missing; "
            "add photos, or raise max_uses",
        ),
        (
            3,
            5,
            {"min_uses": 2, "max_uses": 4},
            "5 cells cannot hold 6 demanded uses of 3 photos: 1 are too many; "
            "remove photos, add cells, or lower min_uses",
        ),
        (
            2,
            2,
            {"min_uses": [0, 3], "max_uses": 2},
            "photo 1 cannot be used at least 3 times and at most 2 times; "
            "min_uses must not exceed max_uses",
        ),
        (
            3,
            3,
            {"pins": [1, 1, -1]},
            "photo 1 is pinned to 2 cells but may be used at most once; "
            "remove 1 of its pins, or raise its max_uses to 2",
        ),
        (
            2,
            3,
            {"pins": [0, 0, -1], "max_uses": 3, "min_uses": [0, 2]},
            "1 cells are free beside the pins but min_uses still demands 2 uses; "
            "remove pins, or lower min_uses",
        ),
        (
            2,
            3,
            {"groups": [0, 2], "max_uses": 3, "min_uses": [0, 1, 0]},
            "photo 1 must be used once, but 3 cells and its tiles allow 0 times; "
            "lower its min_uses",
        ),
        (0, 3, {}, "3 cells cannot be filled by 0 photos"),
    ],
)
def test_impossible_demands_are_explained(
    n: int, m: int, asked: Asked, message: str
) -> None:
    with pytest.raises(Infeasible) as error:
        place(np.zeros((n, 1)), np.zeros((m, 1)), **asked)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)
    about = error.value.photo
    assert message.startswith("photo 1 ") == (about == 1) and about in (1, None)
    named = str(error.value.named(["", "the photo 'b.jpg'"]))
    assert named == str(error.value).replace("photo 1 ", "the photo 'b.jpg' ", 1)


@pytest.mark.parametrize(
    ("tiles", "cells", "asked"),
    [
        ([[np.nan]], [[0.0]], {}),
        ([0.0], [[0.0]], {}),
        ([[0.0, 1.0]], [[0.0]], {}),
        ([[0.0]], [[0.0]], {"pins": [7]}),
        ([[0.0]], [[0.0]], {"pins": [0, 0]}),
        ([[0.0]], [[0.0]], {"groups": [-1]}),
    ],
)
def test_nonsense_is_refused(tiles: ArrayLike, cells: ArrayLike, asked: Asked) -> None:
    with pytest.raises(ValueError):
        place(tiles, cells, **asked)


def test_the_examples_in_the_docstrings_are_true() -> None:
    for module in levels, offers, placement:
        tried = doctest.testmod(module)
        assert tried.attempted and not tried.failed


@pytest.mark.parametrize("gap", [1e-9, 1e-3, 0.2])
def test_a_gap_is_proven_for_many_features_too(gap: float) -> None:
    rng = np.random.default_rng(7)
    tiles, cells = rng.uniform(0, 255, (700, 12)), rng.uniform(0, 255, (400, 12))
    proof = place(tiles, cells, settings=PlacementSettings(gap=gap))[1]
    assert proof.gap <= gap
    assert proof.bound <= place(tiles, cells)[1].cost * (1 + 1e-9)
