"""Looks: names for settings that go together, and pictures that are as their names promise."""

import doctest
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from smalti import looks
from smalti.command import main
from smalti.ground.errors import MosaicError
from smalti.ground.settings import make_settings
from smalti.looks import LOOKS, advise, default_look, find_look, put_on
from smalti.making import MosaicSettings, check_table
from smalti.recolour import check_recolour
from smalti.report import Report, read_report
from smalti.scores import Scores

EVERY = pytest.mark.parametrize("name", LOOKS)
NUMBERS = st.integers(1, 30_000)


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(looks).failed == 0
    assert doctest.testmod(looks).attempted > 2


def worn(name: str, **given_too: object) -> MosaicSettings:
    """The settings of a look, with what is given besides, all checked."""
    plain = make_settings(MosaicSettings, given_too)
    found = put_on(plain, find_look(name), given_too)
    check_table(found)
    check_recolour(found)
    return found


# What a look sets


@EVERY
def test_the_settings_of_a_look_exist_and_go_together(name: str) -> None:
    asked = make_settings(MosaicSettings, LOOKS[name].settings)
    check_table(asked)
    check_recolour(asked)
    assert worn(name) == asked
    assert LOOKS[name].about


def test_looks_differ_from_each_other() -> None:
    assert len({repr(worn(name)) for name in LOOKS}) == len(LOOKS)


def test_the_plain_look_sets_nothing() -> None:
    assert worn("plain") == MosaicSettings()


def test_only_the_plain_and_the_untouched_look_leave_colours_alone() -> None:
    assert {name for name in LOOKS if not worn(name).recolour} == {"plain", "untouched"}


@EVERY
def test_what_is_given_wins(name: str) -> None:
    given_too = {"spacing": 5, "recolour": 0.9, "colour": "lab"}
    found = worn(name, **given_too)
    assert (found.spacing, found.recolour, found.colour) == (5, 0.9, "lab")


def test_what_is_given_wins_even_if_it_is_the_default() -> None:
    found = worn("faithful", recolour=0.0, spacing=0)
    assert (found.recolour, found.spacing) == (0.0, 0)
    assert found.feature == LOOKS["faithful"].settings["feature"]


@EVERY
@pytest.mark.parametrize("way", ["tint", "blend"])
def test_another_way_of_recolouring_takes_the_place_of_the_looks(
    name: str, way: str
) -> None:
    found = worn(name, **{way: 0.3})
    assert (getattr(found, way), found.recolour) == (0.3, 0.0)


@EVERY
@pytest.mark.parametrize("feature", ["mean", "histogram"])
def test_another_feature_takes_the_place_of_the_looks(name: str, feature: str) -> None:
    found = worn(name, feature=feature)
    assert (found.feature, found.detail) == (feature, 0)


@EVERY
def test_small_thumbnails_have_few_regions(name: str) -> None:
    assert worn(name, thumb_res=(2, 9)).detail <= 2


# Finding a look


@EVERY
def test_a_look_is_found_by_its_name(name: str) -> None:
    assert find_look(name) is LOOKS[name]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("faithfull", "faithful"), ("everybody", "everyone"), ("one", "once")],
)
def test_a_mistyped_look_gets_a_guess(wrong: str, right: str) -> None:
    with pytest.raises(MosaicError) as caught:
        find_look(wrong)
    assert str(caught.value) == f"there is no look {wrong!r}; did you mean {right!r}?"


def test_a_look_that_is_like_no_other_gets_a_list() -> None:
    with pytest.raises(MosaicError) as caught:
        find_look("zzz")
    assert str(caught.value) == f"there is no look 'zzz'; there are {', '.join(LOOKS)}"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, "faithful"),
        ({"photos": "a", "target": "b", "output": "c"}, "faithful"),
        ({"tile": "8"}, "faithful"),
        ({"tint": "0.3"}, "faithful"),
        ({"spacing": "2"}, "faithful"),
        ({"max_uses": "3"}, "faithful"),
        ({"dedupe": True}, "faithful"),
        ({"max_uses": "1"}, "once"),
        ({"max_uses": "1", "method": "unique"}, "plain"),
        ({"method": "nearest"}, "plain"),
        ({"feature": "mean"}, "plain"),
        ({"min_uses": "1"}, "plain"),
        ({"pins": "pins.csv", "spacing": "2"}, "plain"),
    ],
)
def test_somebody_who_says_how_to_match_gets_the_plain_look(
    words: dict[str, object], expected: str
) -> None:
    assert default_look(words) == expected


# How many cells


@given(NUMBERS, NUMBERS, st.sampled_from(list(LOOKS)))
def test_more_photos_never_make_fewer_cells(one: int, other: int, name: str) -> None:
    few, many = (LOOKS[name].cells(n) for n in sorted([one, other]))
    assert 1 <= few <= many


@given(NUMBERS)
def test_there_are_cells_for_everyone_and_no_more_than_photos_if_none_repeats(
    n: int,
) -> None:
    assert LOOKS["everyone"].cells(n) >= n
    assert n / 2 - 1 <= LOOKS["once"].cells(n) <= n


@EVERY
def test_the_cells_of_a_look_are_enough_to_see_something(name: str) -> None:
    assert LOOKS[name].cells(2000) >= 1600


# Advice


def said(
    likeness: float, off: float = 7.4, look: str = "faithful", **more: object
) -> list[str]:
    """What is said of a mosaic of such a structural similarity at twice the scale."""
    asked = {"cells": 2500, "photos": 3000, "photos_used": 900, "most_used": 20, **more}
    score = Scores(rmse=20.0, ciede2000=off, ssim=0.9, ssim_twice=likeness)
    return list(advise(Report(score=score, **asked), LOOKS[look]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("likeness", "off", "word"),
    [
        (-1.0, 7.4, "poor"),
        (0.1, 7.4, "poor"),
        (0.35, 7.4, "fair"),
        (0.5, 7.4, "close"),
        (0.9, 7.4, "very close"),
        (0.9, 8.6, "close"),
        (0.5, 12.4, "fair"),
        (0.9, 20.4, "poor"),
    ],
)
def test_the_likeness_of_a_mosaic_is_a_word_for_the_worse_of_shapes_and_colours(
    likeness: float, off: float, word: str
) -> None:
    assert said(likeness, off)[0].startswith(
        f"likeness {word}: colours differ by {off:.0f} ("
    )


@pytest.mark.parametrize("likeness", [0.5, 0.9])
def test_who_is_close_needs_no_advice(likeness: float) -> None:
    assert len(said(likeness)) == 1


def test_photos_that_are_seen_again_and_again_are_few_however_close_their_mosaic_is() -> (
    None
):
    assert (
        said(0.9, photos=40)[1]
        == "advice   40 photos are few; more of them make a better mosaic"
    )
    assert len(said(0.9, photos=150)) == 1


def test_who_wants_photos_untouched_is_not_told_to_recolour_them() -> None:
    advice = said(0.35, look="untouched")[1]
    assert "recolour" not in advice
    assert "more photos" in advice


@pytest.mark.parametrize("likeness", [0.1, 0.35])
@pytest.mark.parametrize(
    ("known", "hint"),
    [
        ({}, "--recolour"),
        ({"photos": 60}, "60 photos are few"),
        ({"photos": 900, "most_used": 1}, "--look faithful"),
    ],
)
def test_who_is_far_gets_advice(
    likeness: float, known: dict[str, object], hint: str
) -> None:
    first, advice = said(likeness, **known)  # type: ignore[arg-type]
    assert first.startswith("likeness ")
    assert advice.startswith("advice   ")
    assert hint in advice


def test_a_few_cells_are_rough_however_like_their_target_they_are() -> None:
    first, advice = said(0.9, cells=49)
    assert first.startswith("likeness rough")
    assert "49 cells show little" in advice


def test_without_a_score_nothing_is_said() -> None:
    assert list(advise(Report(), LOOKS["plain"])) == []


# From photos to a picture


MAKE = ["make", "photos", "target.png", "-o", "out.png"]


def make(*words: object) -> Report:
    """Make out.png of the photos in this folder, with small thumbnails; return its report."""
    small = ["--thumb-res", "6", "4", "--workers", "1"]
    assert main([*MAKE, *small, *map(str, words)]) == 0
    return read_report(Path("out.json"))


GRID = ("--target-res", 24, 20)


@EVERY
@pytest.mark.usefixtures("spotted")
def test_every_look_makes_a_picture(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = make("--look", name, *(() if name == "once" else GRID))
    assert report.photos == 60
    assert report.score
    cols, rows = Image.open("out.png").size
    assert (cols / 6) * (rows / 4) == report.cells
    assert report.recolour.get("recolour", 0.0) == worn(name).recolour
    assert "\nlikeness " in capsys.readouterr().out


@pytest.mark.usefixtures("spotted")
def test_everyone_is_in_the_picture() -> None:
    dark = np.full((40, 60, 3), 9, np.uint8)  # so that most photos are nobody's best
    Image.fromarray(dark).save("target.png")
    assert make("--look", "faithful", "--max-uses", 400, *GRID).photos_used != 60
    report = make("--look", "everyone", "--max-uses", 400, *GRID)
    assert report.photos_used == report.photos == 60
    assert report.equal_neighbours == 0


@pytest.mark.usefixtures("spotted")
def test_everyone_needs_as_many_cells(refusal: Callable[..., str]) -> None:
    line = refusal(*MAKE, "--look", "everyone", "--target-res", 6, 6)
    assert "36 cells cannot hold 60 uses" in line


@pytest.mark.usefixtures("spotted")
def test_once_is_once() -> None:
    for words in [("--look", "once"), ("--max-uses", 1)]:
        report = make(*words)
        assert report.most_used == 1
        assert 40 < (report.cells or 0) <= 60
        assert report.photos_used == report.cells


@pytest.mark.usefixtures("spotted")
def test_more_cells_than_photos_are_refused_if_none_may_repeat(
    refusal: Callable[..., str],
) -> None:
    line = refusal(*MAKE, "--look", "once", "--target-res", 9, 9)
    assert 'repeats = "fewest"' in line


@pytest.mark.usefixtures("spotted")
def test_without_a_word_the_look_is_faithful() -> None:
    report = make(*GRID)
    assert report.method == "spread"
    assert report.equal_neighbours == report.too_near == 0
    wanted = {"feature": "pixels", "detail": 3, "colour": "oklab"}
    assert {key: report.settings[key] for key in wanted} == wanted
    assert report.recolour == {"recolour": worn("faithful").recolour}
    again = make("--look", "faithful", *GRID)
    assert again == report
    assert again.match


@pytest.mark.usefixtures("spotted")
def test_without_a_grid_the_look_decides_how_many_cells() -> None:
    report = make()
    assert 0.9 * LOOKS["faithful"].cells(60) < (report.cells or 0)
    assert (report.cells or 0) <= LOOKS["faithful"].cells(60)
    assert report.equal_neighbours == 0
    cols, rows = json.loads(Path("out.json").read_bytes())["settings"]["target_res"]
    assert cols * rows == report.cells
    assert cols * 6 / (rows * 4) == pytest.approx(60 / 40, rel=0.06)


@pytest.mark.usefixtures("spotted")
def test_a_method_that_is_given_is_followed_plainly() -> None:
    report = make("--method", "nearest", *GRID)
    assert report.method == "nearest"
    assert report.recolour == {}
    assert "feature" not in report.settings


@pytest.mark.usefixtures("spotted")
def test_a_tint_goes_with_the_default_look() -> None:
    report = make("--tint", 0.3, *GRID)
    assert report.method == "spread"
    assert report.recolour == {"tint": 0.3}


@pytest.mark.usefixtures("spotted")
def test_few_photos_do_with_every_look() -> None:
    for path in sorted(Path("photos").iterdir())[20:]:
        path.unlink()
    for name in LOOKS:
        report = make("--look", name)
        assert report.photos == 20
        assert report.photos_used == (report.cells if name == "once" else 20)


@pytest.mark.usefixtures("spotted")
def test_a_mistyped_look_is_one_line(refusal: Callable[..., str]) -> None:
    line = refusal(*MAKE, "--look", "faithfull")
    assert line == "mosaic: there is no look 'faithfull'; did you mean 'faithful'?"
    assert not Path("out.png").exists()
