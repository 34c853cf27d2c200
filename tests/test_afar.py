"""Photos that are placed for an eye that stands back look better from there."""

from collections.abc import Iterator, Sequence
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaic import Array
from smalti import afar
from smalti.afar import (
    AXES,
    Sight,
    attention,
    axes_of,
    blur,
    change_places,
    lift,
    place_from_afar,
    place_with_focus,
    project,
    see,
    split,
    walk_downhill,
)
from smalti.placement import Certificate, place

SHAPES = st.sampled_from([(1, 1), (1, 7), (6, 1), (2, 5), (5, 3), (4, 4)])
DISTANCES = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])
SEEDS = st.integers(0, 10**6)


def problem(seed: int, shape: tuple[int, int], spare: int = 5) -> tuple[Array, Array]:
    """Random mean colours of some more photos than cells, and of the cells."""
    rng, m = np.random.default_rng(seed), shape[0] * shape[1]
    return rng.uniform(0, 255, (m + spare, 3)), rng.uniform(60, 200, (m, 3))


def place_once(
    tiles: Array, cells: Array, shape: tuple[int, int], distance: float
) -> Array:
    """Place each photo at most once."""
    n = len(tiles)
    most, least = np.ones(n, int), np.zeros(n, int)
    return place_from_afar(tiles, cells, shape, distance, most, least, np.arange(n))


def seen_error(
    tiles: Array, cells: Array, match: Array, shape: tuple[int, int], distance: float
) -> float:
    """The sum of squared errors of a match, as they are seen."""
    error = (tiles[match] - cells) @ AXES.T
    return float((see(error.reshape(*shape, 3), distance) ** 2).sum())


def small_sight(seed: int, shape: tuple[int, int], distance: float, regions: int) -> Sight:
    """A sight with some more tiles than cells, of photos that have one tile or two."""
    rng, m = np.random.default_rng(seed), shape[0] * shape[1]
    n = m + 4
    photo = np.r_[np.arange(n - 3), rng.integers(0, n - 3, 3)]
    least = np.zeros(n - 3, int)
    least[: min(2, m)] = 1
    sides = (rng.uniform(0, 255, (one, 3 * regions)) for one in (n, m))
    tiles, cells = (split(one, AXES) for one in sides)
    return Sight(tiles, cells, shape, distance, least + 1, least, photo)


def seen_by(sight: Sight, match: Array) -> float:
    """The sum of squared errors of a match, as they are seen and as they are."""
    error = sight.tiles[match] - sight.cells
    colour = error[:, :3].reshape(*sight.shape, 3)
    seen = (see(colour, sight.distance) ** 2).sum()
    mixed = (1 - afar.NEARBY) * seen + afar.NEARBY * (colour**2).sum()
    return float(mixed + (error[:, 3:] ** 2).sum())


# What an eye sees


def test_the_axes_turn_colours_and_do_not_stretch_them() -> None:
    assert pytest.approx(np.eye(3)) == AXES @ AXES.T
    assert pytest.approx([9 * 3**0.5, 0, 0]) == AXES @ [9, 9, 9]


@given(SHAPES, st.sampled_from([0.0, 0.3, 2.0, 50.0, 1e9]))
@settings(max_examples=30)
def test_one_colour_everywhere_is_seen_as_it_is(
    shape: tuple[int, int], distance: float
) -> None:
    plain = np.broadcast_to([10.0, -20.0, 30.0], (*shape, 3))
    assert see(plain, distance) == pytest.approx(plain)


def test_from_nearby_nothing_is_blurred() -> None:
    colours = np.random.default_rng(2).uniform(0, 255, (3, 5, 3))
    assert (see(colours, 0) == colours).all()


@pytest.mark.parametrize(("length", "width"), [(1, 3.0), (7, 0.0), (8, 2.0), (30, 1.5)])
def test_what_one_place_gets_of_another_it_gives_back_and_nothing_is_lost(
    length: int, width: float
) -> None:
    found = blur(length, width)
    assert found == pytest.approx(found.T)
    assert found.sum(axis=0) == pytest.approx(np.ones(length))


def test_lab_has_its_own_axes() -> None:
    assert (axes_of("oklab") == np.eye(3)).all()
    assert (axes_of("lab") == np.eye(3)).all()
    assert axes_of("rgb") is axes_of("linear") is AXES


@pytest.mark.parametrize("distance", [1, 2, 4])
def test_lightness_is_blurred_less_than_colour(distance: float) -> None:
    dot = np.zeros((31, 41, 3))
    dot[15, 20] = 1
    light, *colour = np.moveaxis(see(dot, distance), -1, 0)
    assert light.sum() == pytest.approx(1)
    for plane in colour:
        assert plane.sum() == pytest.approx(1, abs=1e-3)
        assert plane[15, 20] < 0.3 * light[15, 20]
        assert np.count_nonzero(plane > 1e-9) > np.count_nonzero(light > 1e-9)


def test_farther_away_less_is_seen() -> None:
    chequered = np.indices((8, 10)).sum(axis=0)[..., None] % 2 * np.ones(3)
    spread = [float(see(chequered, distance).std()) for distance in (0, 1, 2, 4)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < spread[0] / 2


def test_rows_and_columns_are_not_mixed_up() -> None:
    flag = np.zeros((6, 9, 3))
    flag[:, 4:] = 100
    seen = see(flag, 1)
    assert seen == pytest.approx(np.repeat(seen[:1], 6, axis=0), abs=1e-9)
    assert (np.diff(seen[0, :, 1]) >= -1e-9).all()
    assert np.diff(seen[0, :, 1]).max() > 20


# Colour and detail


def test_one_region_has_a_colour_and_no_detail() -> None:
    assert split(np.array([[3.0, 3.0, 3.0]]), AXES) == pytest.approx(
        np.array([[27**0.5, 0, 0]])
    )


def test_regions_of_one_colour_have_no_detail() -> None:
    found = split(np.tile([[9, 5, 1]], 4), np.eye(3))
    assert found.tolist() == [[18, 10, 2, *[0] * 12]]


@given(SEEDS, st.sampled_from([1, 4, 9]), st.sampled_from(["rgb", "lab"]))
def test_distances_of_colour_and_detail_add_up_to_those_of_features(
    seed: int, regions: int, colour: str
) -> None:
    both = np.random.default_rng(seed).uniform(0, 255, (2, 3 * regions))
    one, other = split(both, axes_of(colour))
    assert ((one - other) ** 2).sum() == pytest.approx(((both[0] - both[1]) ** 2).sum())


def test_only_colours_are_blurred() -> None:
    sight = small_sight(1, (4, 4), 2, 4)
    errors = np.random.default_rng(2).normal(size=sight.cells.shape)
    pull = sight.pull(errors)
    assert (pull[:, 3:] == errors[:, 3:]).all()
    assert np.abs(pull[:, 1:3]).max() < np.abs(errors[:, 1:3]).max() / 2


# Changing places


def neighbours(sight: Sight, match: Array) -> Iterator[Array]:
    """All matches within the budgets that one change makes of a match."""
    for i, j in product(range(len(match)), repeat=2):
        other = match.copy()
        other[[i, j]] = match[[j, i]]
        yield other
    for i, k in product(range(len(match)), range(len(sight.tiles))):
        other = match.copy()
        other[i] = k
        uses = np.bincount(sight.photo[other], minlength=len(sight.most))
        if (uses <= sight.most).all() and (uses >= sight.least).all():
            yield other


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 4)])
@pytest.mark.parametrize("distance", [0.5, 2])
@pytest.mark.parametrize("regions", [1, 4])
def test_in_the_end_no_change_would_be_for_the_better(
    shape: tuple[int, int], distance: float, regions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(afar, "SWEEPS", 30)
    sight = small_sight(4, shape, distance, regions)
    match = change_places(sight, project(sight, sight.cells))
    found = seen_by(sight, match)
    others = [seen_by(sight, other) for other in neighbours(sight, match)]
    assert min(others) >= found * (1 - 1e-6)


def test_of_very_many_cells_and_photos_some_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sight = small_sight(5, (6, 8), 2, 4)
    match = project(sight, sight.cells)
    began, all_tried = (seen_by(sight, one) for one in (match, change_places(sight, match)))
    monkeypatch.setattr(afar, "LOOK", 20)
    found = change_places(sight, match)
    uses = np.bincount(sight.photo[found], minlength=len(sight.most))
    assert ((sight.least <= uses) & (uses <= sight.most)).all()
    assert all_tried < began
    assert seen_by(sight, found) < began


# Where photos go


@given(SEEDS, SHAPES, DISTANCES)
@settings(max_examples=40)
def test_no_photo_is_used_twice_if_it_may_be_used_once(
    seed: int, shape: tuple[int, int], distance: float
) -> None:
    tiles, cells = problem(seed, shape)
    match = place_once(tiles, cells, shape, distance)
    assert match.shape == (len(cells),)
    assert len(set(match.tolist())) == len(cells)


@given(SEEDS, SHAPES, DISTANCES)
@settings(max_examples=40)
def test_budgets_are_those_of_photos_and_all_are_kept(
    seed: int, shape: tuple[int, int], distance: float
) -> None:
    rng, m = np.random.default_rng(seed), shape[0] * shape[1]
    k = int(rng.integers(1, 6))
    photo = np.r_[np.arange(k), rng.integers(0, k, 4)]  # some photos have several tiles
    most = rng.integers(0, 4, k)
    most[0] += max(0, m - most.sum())
    least = np.minimum(rng.integers(0, 2, k), most)
    while least.sum() > m:
        least[rng.integers(k)] = 0
    tiles, cells = rng.uniform(0, 255, (len(photo), 3)), rng.uniform(0, 255, (m, 3))
    match = place_from_afar(tiles, cells, shape, distance, most, least, photo)
    uses = np.bincount(photo[match], minlength=k)
    assert (least <= uses).all()
    assert (uses <= most).all()


@given(SEEDS, SHAPES, DISTANCES, st.sampled_from([1, 4]))
@settings(max_examples=40)
def test_a_walk_ends_no_worse_than_it_began_and_changes_of_places_are_for_the_better(
    seed: int, shape: tuple[int, int], distance: float, regions: int
) -> None:
    sight = small_sight(seed, shape, distance, regions)
    began, walked = project(sight, sight.cells), walk_downhill(sight)
    errors = [seen_by(sight, one) for one in (began, walked, change_places(sight, walked))]
    assert errors[1] <= errors[0] * (1 + 1e-12)
    assert errors[2] <= errors[1] * (1 + 1e-12)


@pytest.mark.parametrize(("shape", "distance"), [((12, 16), 1), ((8, 24), 2), ((9, 9), 4)])
def test_what_is_seen_of_many_photos_is_better_than_with_the_exact_match(
    shape: tuple[int, int], distance: float
) -> None:
    tiles, cells = problem(3, shape, spare=40)
    cells = cells.mean(axis=0) + np.linspace(-40, 40, len(cells))[:, None]  # a soft slope
    exact = place(tiles, cells, 1)[0]
    afar = place_once(tiles, cells, shape, distance)
    errors = [seen_error(tiles, cells, one, shape, distance) for one in (afar, exact)]
    assert errors[0] < 0.95 * errors[1]


@given(SEEDS, SHAPES)
@settings(max_examples=40)
def test_for_an_eye_nearby_the_match_is_exact(seed: int, shape: tuple[int, int]) -> None:
    tiles, cells = problem(seed, shape)
    match = place_once(tiles, cells, shape, 0)
    exact = place(tiles, cells, 1)[1].cost
    cost = float(((tiles[match] - cells) ** 2).sum())
    assert exact * (1 - 1e-9) <= cost <= exact / (1 - afar.CLOSE_ENOUGH) * (1 + 1e-9)


def test_a_photo_for_each_cell_is_found_at_any_distance() -> None:
    cells = np.arange(36.0).reshape(12, 3) * 7
    shuffled = np.random.default_rng(1).permutation(12)
    for distance in (0, 1, 3):
        match = place_once(cells[shuffled], cells, (3, 4), distance)
        assert (shuffled[match] == np.arange(12)).all()


# Errors that cancel

REDDISH, GREENISH = [168.0, 88.0, 128.0], [88.0, 168.0, 128.0]


def halves(one: list[float], other: list[float], shape: tuple[int, int], far: float) -> str:
    """Place as many photos of one colour, #, as of another, o, in a target of their mean."""
    half = shape[0] * shape[1] // 2
    tiles = np.repeat([one, other], half, axis=0)
    cells = np.repeat(tiles.mean(axis=0)[None], 2 * half, axis=0)
    drawn = np.array(["#"] * half + ["o"] * half)[place_once(tiles, cells, shape, far)]
    return "|".join("".join(row) for row in drawn.reshape(shape))


def test_nearby_equal_colours_may_cluster() -> None:
    assert halves(REDDISH, GREENISH, (1, 8), 0) in ("####oooo", "oooo####")


def test_two_colours_alternate_so_that_their_errors_cancel() -> None:
    assert halves(REDDISH, GREENISH, (1, 8), 1) in ("o#o#o#o#", "#o#o#o#o")


def test_in_a_square_no_three_of_a_colour_stand_in_a_line() -> None:
    drawn = halves(REDDISH, GREENISH, (4, 4), 1).split("|")
    lines = [*drawn, *("".join(column) for column in zip(*drawn, strict=True))]
    assert not any("ooo" in line or "###" in line for line in lines)


def test_black_and_white_alternate_too() -> None:
    black, white = [0.0] * 3, [255.0] * 3
    assert halves(black, white, (1, 8), 0) in ("####oooo", "oooo####")
    assert halves(black, white, (1, 8), 4) in ("o#o#o#o#", "#o#o#o#o")


@pytest.mark.parametrize("far", [1e4, 1e9])
def test_no_distance_is_too_far(far: float) -> None:
    assert sorted(halves(REDDISH, GREENISH, (2, 3), far)) == sorted("###ooo|")


# Where the eye looks first


@given(SEEDS)
def test_lifted_distances_are_weighted_ones_and_a_sum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tiles, cells = rng.uniform(0, 255, (9, 3)), rng.uniform(0, 255, (6, 3))
    weight = rng.uniform(1, 5, 6)
    high, low, extra = lift(tiles, cells, weight)
    for _ in range(3):
        match = rng.integers(0, 9, 6)
        wanted = weight @ ((tiles[match] - cells) ** 2).sum(axis=1)
        assert ((high[match] - low) ** 2).sum() - extra == pytest.approx(wanted)


def weighted(tiles: Array, cells: Array, focus: Array, match: Sequence[int]) -> float:
    """The sum of squared errors where those in the focus count more."""
    return float(attention(focus) @ ((tiles[list(match)] - cells) ** 2).sum(axis=1))


def test_errors_count_once_outside_the_focus_and_four_times_inside() -> None:
    assert attention(np.array([0, 0.5, 1])).tolist() == [1, 2.5, 4]


@given(SEEDS)
@settings(max_examples=40)
def test_no_other_placement_has_smaller_weighted_errors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tiles, cells = rng.uniform(0, 255, (6, 2)), rng.uniform(0, 255, (4, 2))
    focus = rng.choice([0, 0.3, 1], 4)
    match, proof = place_with_focus(focus, tiles, cells)
    best = min(weighted(tiles, cells, focus, one) for one in permutations(range(6), 4))
    assert weighted(tiles, cells, focus, match.tolist()) == pytest.approx(best)
    assert proof.cost == pytest.approx(best)
    assert proof.bound == pytest.approx(best)


def test_the_cell_in_the_focus_gets_the_better_photo() -> None:
    tiles, cells = np.array([[10.0], [100.0]]), np.array([[10.0], [12.0]])
    assert place_with_focus(np.array([0.0, 0.0]), tiles, cells)[0].tolist() == [0, 1]
    assert place_with_focus(np.array([0.0, 1.0]), tiles, cells)[0].tolist() == [1, 0]


def test_pins_budgets_and_tiles_of_one_photo_are_kept_in_a_focus() -> None:
    rng = np.random.default_rng(6)
    tiles, cells = rng.uniform(0, 255, (8, 3)), rng.uniform(0, 255, (7, 3))
    photo, pins = np.arange(8) % 4, np.array([5, -1, -1, -1, -1, -1, -1])
    told: list[Certificate] = []
    match, proof = place_with_focus(
        rng.uniform(size=7),
        tiles,
        cells,
        2,
        1,
        groups=photo,
        pins=pins,
        on_progress=told.append,
    )
    assert match[0] == 5
    assert set(np.bincount(photo[match]).tolist()) <= {1, 2}
    assert told[-1].cost == proof.cost
    assert proof.gap < 1e-9
