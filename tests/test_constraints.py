"""Constraints: budgets, places and photos of several tiles, from settings and tables."""

import doctest
from pathlib import Path

import numpy as np
import pytest

from smalti import constraints
from smalti.constraints import (
    Constraints,
    ConstraintSettings,
    make_constraints,
    simple_constraints,
    use_budget,
)
from smalti.ground.errors import MosaicError
from smalti.ground.settings import make_settings
from smalti.placement import place

NAMES = ["a.png", "b.png", "c.png", "d.png"]
TILES = np.array([[0.0], [10.0], [20.0], [30.0]])


def write(path: Path, text: str) -> str:
    """Write a table; return its path."""
    path.write_text(text, encoding="utf-8")
    return str(path)


def of_four(settings: ConstraintSettings, shape: tuple[int, int] = (1, 4)) -> Constraints:
    """Constraints on four tiles of four photos."""
    return make_constraints(NAMES, np.arange(4), shape, settings)


def placed(wanted: Constraints, cells: list[float]) -> list[str]:
    """The names in the best match of the four tiles with these cells."""
    match, _ = place(
        TILES,
        np.array(cells)[:, None],
        wanted.most,
        wanted.least,
        groups=wanted.photo,
        pins=wanted.pins,
    )
    return [NAMES[tile] for tile in match]


# Counting


def test_enough_photos_keep_their_budget() -> None:
    assert use_budget(100, 100, 1, "refuse") == (0, 1)
    assert use_budget(50, 100, 2, "refuse", min_uses=2) == (2, 2)


def test_fewest_repeats_differ_by_one() -> None:
    assert use_budget(9000, 10_000, 1, "fewest") == (1, 2)
    assert use_budget(300, 1600, 1, "fewest") == (5, 6)
    assert use_budget(5, 10, 1, "fewest") == (2, 2)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            (9000, 10_000, 1, "refuse"),
            "1000 photos are missing; add photos, or set max_uses = 2",
        ),
        ((3, 10, 2, "refuse"), "used at most 2 times: 2 photos are missing"),
        ((3, 10, 2, "refuse", 3), "min_uses = 3 exceeds max_uses = 2"),
        ((8, 6, 1, "refuse", 1), "2 uses are too many"),
    ],
)
def test_what_cannot_be_is_refused_with_its_numbers(
    asked: tuple[int, int, int, str], said: str
) -> None:
    with pytest.raises(MosaicError, match=said):
        use_budget(*asked)


# Budgets


def test_all_photos_have_the_same_budget_by_default() -> None:
    wanted = simple_constraints(4, 6, ConstraintSettings(max_uses=2))
    assert (wanted.least.tolist(), wanted.most.tolist()) == ([0] * 4, [2] * 4)
    assert wanted.pins.tolist() == [-1] * 6


def test_a_table_of_budgets_is_kept(tmp_path: Path) -> None:
    table = write(tmp_path / "b.csv", "name,min,max\nd.png,2,2\na.png,0,0\n")
    wanted = of_four(ConstraintSettings(budgets=table))
    assert wanted.least.tolist() == [0, 0, 0, 2]
    assert wanted.most.tolist() == [0, 1, 1, 2]
    assert sorted(placed(wanted, [0, 0, 0, 0])) == ["b.png", "c.png", "d.png", "d.png"]


def test_the_photos_that_a_table_does_not_name_share_the_other_cells(
    tmp_path: Path,
) -> None:
    table = write(tmp_path / "b.csv", "name,min,max\na.png,1,1\n")
    settings = ConstraintSettings(budgets=table, max_uses=2, repeats="fewest")
    wanted = of_four(settings, (2, 5))
    assert (wanted.least.tolist(), wanted.most.tolist()) == ([1, 3, 3, 3], [1, 3, 3, 3])


def test_a_budget_of_the_second_copy_counts_for_the_photo(tmp_path: Path) -> None:
    table = write(tmp_path / "b.csv", "name,min,max\nb.jpg,2,3\n")
    settings = ConstraintSettings(budgets=table)
    names, photo = ["a.jpg", "b.jpg", "c.jpg"], np.array([0, 0, 1])
    made = make_constraints(names, photo, (1, 3), settings)
    assert (made.least.tolist(), made.most.tolist()) == ([2, 0], [3, 1])
    assert made.names == ["a.jpg", "c.jpg"]


def test_a_match_with_repeats_needs_no_budget() -> None:
    with pytest.raises(MosaicError, match="photos are missing"):
        simple_constraints(2, 6, ConstraintSettings())
    assert simple_constraints(2, 6, ConstraintSettings(), unique=False).most.tolist() == [
        1,
        1,
    ]


# Places


def test_a_pinned_photo_has_its_place(tmp_path: Path) -> None:
    table = write(tmp_path / "p.csv", "row,col,name\n1,0,d.png\n")
    wanted = of_four(ConstraintSettings(pins=table), (2, 2))
    assert wanted.pins.tolist() == [-1, -1, 3, -1]
    assert placed(wanted, [0, 10, 20, 30]) == ["a.png", "b.png", "d.png", "c.png"]


def test_pins_count_filled_cells_only(tmp_path: Path) -> None:
    table = write(tmp_path / "p.csv", "row,col,name\n1,2,b.png\n")
    settings = ConstraintSettings(pins=table)
    empty = np.array([[True, False, True], [True, False, False]])
    wanted = make_constraints(NAMES, np.arange(4), (2, 3), settings, empty)
    assert wanted.pins.tolist() == [-1, -1, 1]
    with pytest.raises(MosaicError, match="row 1, col 2 stays empty"):
        make_constraints(NAMES, np.arange(4), (2, 3), settings, ~empty)


def test_a_pin_of_a_photo_with_variants_fixes_the_first_of_them(tmp_path: Path) -> None:
    table = write(tmp_path / "p.csv", "row,col,name\n0,1,b.png\n")
    names, photo = ["a.png", "a.png", "b.png", "b.png"], np.array([0, 0, 1, 1])
    made = make_constraints(names, photo, (1, 2), ConstraintSettings(pins=table))
    assert made.pins.tolist() == [-1, 2]


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("budgets", "name,min,max\nz.png,1,1\n", "z.png"),
        ("budgets", "name,min,max\na.png,3,2\n", "line 2"),
        ("pins", "row,col,name\n2,0,a.png\n", "row is 2"),
        ("pins", "row,col,name\n0,0,a.png\n0,0,b.png\n", "pinned twice"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(
    kind: str, text: str, said: str, tmp_path: Path
) -> None:
    settings = make_settings(ConstraintSettings, {kind: write(tmp_path / "t.csv", text)})
    with pytest.raises(MosaicError, match=said):
        of_four(settings, (2, 2))


def test_a_store_without_photos_is_refused() -> None:
    with pytest.raises(MosaicError, match="there are no photos to match with"):
        simple_constraints(0, 4, ConstraintSettings())


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(constraints).failed == 0
