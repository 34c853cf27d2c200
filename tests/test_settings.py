"""Settings: what is wrong with one is said in one line, and nothing is ignored."""

import contextlib
import dataclasses
import io
import os
import shlex
import tempfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import Meta

from mosaic import Settings
from smalti import commands
from smalti.command import COMMANDS, command_class, main
from smalti.ground import settings as settings_module
from smalti.ground.errors import MosaicError
from smalti.ground.settings import (
    Amount,
    Count,
    Flag,
    Parser,
    Share,
    Size,
    Whole,
    add_options,
    changed,
    expected,
    load_settings,
    make_settings,
    option_groups,
    options,
    own_fields,
    section,
    short_usage,
    split_sizes,
    stages,
    take_apart,
)
from smalti.making import AllSettings

KINDS = get_type_hints(AllSettings, include_extras=True)
DEFAULTS = AllSettings()


def problem(function: Callable[..., object], *arguments: object) -> str:
    """Call a function that must refuse; return the one line that it says."""
    with pytest.raises(MosaicError) as caught:
        function(*arguments)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def config(folder: Path, text: str | bytes) -> str:
    """Write a settings file; return its path."""
    path = folder / "config.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


# One value


def test_a_mistyped_key_is_refused_and_the_right_one_suggested() -> None:
    said = problem(make_settings, Settings, {"taget": "me.jpg"})
    assert said == "there is no setting 'taget'; did you mean 'target'?"


def test_a_key_like_no_other_is_refused_with_all_that_there_are() -> None:
    said = problem(make_settings, Settings, {"zzz": 1})
    assert all(field.name in said for field in dataclasses.fields(Settings))


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("target_res", 100, "two whole numbers"),
        ("target_res", [100], "two whole numbers"),
        ("target_res", [100, 80, 3], "two whole numbers"),
        ("target_res", [100.0, 80], "two whole numbers"),
        ("target_res", [True, 80], "two whole numbers"),
        ("target_res", [[1, 2], 80], "two whole numbers"),
        ("target_res", [], "two whole numbers"),
        ("target_res", "100", "two whole numbers"),
        ("target_id", "5019", "a whole number"),
        ("target_id", 5019.0, "a whole number"),
        ("target_id", True, "a whole number"),
        ("target_id", [1], "a whole number"),
        ("target", 5019, "text"),
        ("target", ["me.jpg"], "text"),
        ("image_path", {}, "a list of words"),
        ("image_path", None, "a list of words"),
        ("image_path", ["photos", 3], "a list of words"),
        ("variants", ["mirror", "crop"], "a list of mirror or crops"),
        ("variants", "miror", "a list of mirror or crops"),
        ("weights", [1, 2], "three numbers"),
        ("dither", 1, "true or false"),
        ("dither", "true", "true or false"),
        ("method", "best", "nearest or unique"),
        ("repeats", "", "refuse or fewest"),
        ("solver", ["dense"], "auto or sparse or dense"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(
    name: str, value: object, wanted: str
) -> None:
    assert f": it must be {wanted}" in problem(make_settings, AllSettings, {name: value})


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("target_res", [-1, 80], "two whole numbers, each from 0 to 30000"),
        ("target_id", -1, "a whole number at least 0"),
        ("thumb_res", [50, 0], "two whole numbers, each from 1 to 30000"),
        ("thumb_quality", 0, "a whole number from 1 to 95"),
        ("thumb_quality", 96, "a whole number from 1 to 95"),
        ("max_uses", 0, "a whole number at least 1"),
        ("chunks", 10**10, "a whole number at least 1"),
        ("tint", 1.5, "a number from 0 to 1"),
        ("tint", float("nan"), "a number from 0 to 1"),
        ("gap", -0.1, "a number at least 0"),
        ("weights", [1, 1, -1], "three numbers, each at least 0"),
        ("size", [-1, 1], "two whole numbers, each from 0 to 1000000"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(
    name: str, value: object, wanted: str
) -> None:
    said = problem(make_settings, AllSettings, {name: value})
    assert said.endswith(f": it must be {wanted}")


def test_a_whole_number_is_a_number() -> None:
    assert make_settings(AllSettings, {"tint": 1, "weights": [1, 0, 2]}).tint == 1.0


def test_several_words_may_be_a_single_one() -> None:
    assert make_settings(Settings, {"image_path": "photos"}).image_path == ("photos",)


simple = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.complex_numbers()
    | st.text()
) | (st.binary() | st.decimals() | st.fractions() | st.datetimes() | st.uuids())


@given(
    st.sampled_from(sorted(KINDS)),
    simple | st.lists(simple, max_size=4) | st.dictionaries(st.text(), simple, max_size=2),
    st.booleans(),
)
@example("blend", Decimal("sNaN"), False)
def test_any_value_is_either_taken_or_refused_in_one_line(
    name: str, value: object, lax: bool
) -> None:
    try:
        taken = make_settings(AllSettings, {name: value}, lax)
    except MosaicError as error:
        assert len(str(error).splitlines()) == 1
        assert str(error).endswith(f"it must be {expected(KINDS[name])}")
    else:
        assert type(getattr(taken, name)) is type(getattr(DEFAULTS, name))


def test_what_is_expected_is_said_for_every_setting_that_there_is() -> None:
    for name in KINDS:
        words = expected(KINDS[name])
        assert words
        assert "<" not in words  # of a class or a type that has no words


# A file


def test_the_file_wins_over_the_defaults_and_the_changes_over_the_file(
    tmp_path: Path,
) -> None:
    path = config(tmp_path, "max_uses = 2\nthumb_res = [30, 20]")
    found = load_settings(Settings, path, {"max_uses": 3})
    assert (found.thumb_res, found.max_uses) == ((30, 20), 3)
    assert found.chunks == Settings().chunks


def test_changes_are_checked_like_the_file(tmp_path: Path) -> None:
    path = config(tmp_path, "")
    assert "max_usees" in problem(load_settings, Settings, path, {"max_usees": 3})


def test_changes_need_no_section(tmp_path: Path) -> None:
    path = config(tmp_path, '[features]\ncolour = "lab"\nbins = 3')
    found = load_settings(AllSettings, path, {"colour": "oklab"})
    assert (found.colour, found.bins) == ("oklab", 3)


def test_each_key_stands_in_the_section_of_its_chapter(tmp_path: Path) -> None:
    path = config(
        tmp_path,
        'max_uses = 2\n[grid]\ntile = 9\n[features]\ncolour = "lab"\n[recolour]\ntint = 0.5',
    )
    found = load_settings(AllSettings, path)
    assert (found.max_uses, found.tile, found.colour, found.tint) == (2, 9, "lab", 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('colour = "lab"', "colour has moved; write it below [features]"),
        ("tint = 0.5", "tint has moved; write it below [recolour]"),
        ("[grid]\nspacing = 2", "spacing has moved; write it below [choosing]"),
        ("[grid]\nmax_uses = 2", "max_uses has moved; write it on top, above all sections"),
    ],
)
def test_a_key_in_the_wrong_place_is_sent_to_the_right_one(
    tmp_path: Path, text: str, said: str
) -> None:
    path = config(tmp_path, text)
    assert problem(load_settings, AllSettings, path) == f"{path}: {said}"


def test_every_key_of_a_further_chapter_is_sent_there_from_the_top(tmp_path: Path) -> None:
    sections = {
        name: section(stage) for stage in stages(AllSettings) for name in own_fields(stage)
    }
    moved = {name: home for name, home in sections.items() if home}
    assert len(moved) >= 20
    for name, home in moved.items():
        said = problem(load_settings, AllSettings, config(tmp_path, f"{name} = 1"))
        assert said.endswith(f"{name} has moved; write it below [{home}]")


def test_a_section_that_there_is_not_is_refused_with_those_that_there_are(
    tmp_path: Path,
) -> None:
    said = problem(load_settings, AllSettings, config(tmp_path, "[finish]\ntint = 0.5"))
    assert "there is no section [finish]; there are " in said
    for name in ("variants", "grid", "features", "choosing", "constraints", "placement"):
        assert f"[{name}]" in said


def test_a_mistyped_key_of_a_section_is_refused(tmp_path: Path) -> None:
    path = config(tmp_path, "[grid]\ntiel = 9")
    assert problem(load_settings, AllSettings, path).endswith("did you mean 'tile'?")


def test_a_value_for_a_section_is_refused(tmp_path: Path) -> None:
    assert "'grid'" in problem(load_settings, AllSettings, config(tmp_path, "grid = 9"))


def test_the_book_leaves_the_sections_of_further_chapters_alone(tmp_path: Path) -> None:
    text = 'max_uses = 2\n[features]\ncolour = "no colour"\n[nobody]\nknows = "this"'
    assert load_settings(Settings, config(tmp_path, text)) == Settings(max_uses=2)


def test_the_file_of_the_book_is_understood_by_the_book_and_by_all_chapters() -> None:
    path = str(Path(__file__).parents[1] / "config.toml")
    book, every = load_settings(Settings, path), load_settings(AllSettings, path)
    assert changed(every, AllSettings) == changed(book, Settings)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "nowhere.toml" in problem(
        load_settings, Settings, str(tmp_path / "nowhere.toml")
    )


def test_a_folder_for_a_file_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path) in problem(load_settings, Settings, str(tmp_path))


@pytest.mark.parametrize(
    "text",
    [
        "target = me.jpg",
        "= 3",
        "max_uses",
        "max_uses = 1\nmax_uses = 2",
        "target = 'me.jpg",
        "[",
        "[]",
        "[[",
        "target_res = [1, 'a']",
        "max_uses = 1_",
        "max_uses = ",
        'target = "\\x"',
        '"',
        "a.b.",
        "a = {",
        "a = {b",
        b"\xff\xfe",
        "\0",
        "[grid]\n[grid]",
        "[grid]\ntile = 1\n[grid.tile]",
    ],
)
def test_broken_toml_is_one_line_that_names_the_file(
    tmp_path: Path, text: str | bytes
) -> None:
    path = config(tmp_path, text)
    assert path in problem(load_settings, AllSettings, path)


@given(st.text(alphabet="ab_=[]{}\"'.,#\n\\ 1-:tTz", max_size=20))
def test_any_text_is_either_settings_or_refused_in_one_line(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = config(Path(folder), text)
        try:
            load_settings(AllSettings, path)
        except MosaicError as error:
            assert len(str(error).splitlines()) == 1


# A command line

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
WORDS = TEXT.filter(lambda word: not word.startswith("-"))  # several after one option


def values(name: str, kind: object) -> st.SearchStrategy[object]:
    """Values of the type of a setting, or of a part of one."""
    plain, parts = take_apart(kind)[0], get_args(take_apart(kind)[0])
    limits = [note for note in getattr(kind, "__metadata__", ()) if isinstance(note, Meta)]
    least, most = ([(one.ge, one.le) for one in limits] or [(None, None)])[0]
    if get_origin(plain) is Literal:
        return st.sampled_from(parts)
    if parts[1:] == (Ellipsis,):
        some = WORDS if parts[0] is str else values(name, parts[0])
        return st.lists(some, min_size=1, max_size=3).map(tuple)
    if parts:
        return st.tuples(*(values(name, part) for part in parts))
    if plain is bool:
        return st.booleans()
    if plain is int:
        return st.integers(int(least or 0), int(most or 0))
    return st.floats(least, most) if plain is float else TEXT


def understood(words: list[str], table: type) -> dict[str, object]:
    """What the parser of a class of settings takes from some words."""
    parser = Parser("test")
    add_options(parser, table)
    found = vars(parser.parse_args(split_sizes(words, table)))
    return {name: value for name, value in found.items() if value is not None}


@given(
    st.fixed_dictionaries(
        {}, optional={name: values(name, KINDS[name]) for name in sorted(KINDS)}
    )
)
@settings(max_examples=200)
def test_options_are_understood_by_the_command_line_that_they_are_for(
    asked: dict[str, object],
) -> None:
    wanted = AllSettings(**asked)  # type: ignore[arg-type]
    words = shlex.split(options(wanted, AllSettings))
    found = make_settings(AllSettings, understood(words, AllSettings), lax=True)
    assert found == wanted
    assert changed(found, AllSettings).items() <= asked.items()


def test_nothing_is_said_of_settings_that_are_as_by_default() -> None:
    assert changed(DEFAULTS, AllSettings) == {}
    assert options(DEFAULTS, AllSettings) == ""


def test_only_the_settings_of_the_stages_that_were_asked_for_are_said() -> None:
    wanted = AllSettings(tint=0.5, colour="lab", max_uses=2)
    assert changed(wanted, Settings) == {"max_uses": 2}
    assert options(wanted, Settings) == "--max-uses=2"


# A class with a default that its base does not have


@dataclasses.dataclass(frozen=True)
class Dough:
    """Making dough"""

    flour: Annotated[Literal["wheat", "rye"], "what to bake with"] = "wheat"
    water: Annotated[Share, "how much of it is water"] = 0.6


@dataclasses.dataclass(frozen=True)
class Oven:
    """Baking, on trays."""

    trays: Annotated[Size, "how many, across and down"] = (3, 2)
    heat: Annotated[Amount, "degrees"] = 220.0
    steam: Annotated[bool, "with steam"] = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pumpernickel(Dough, Oven):
    """Bake pumpernickel."""

    output: Annotated[str, Flag(b"-o"), "where to put it"]
    name: Annotated[str, "of the bread"]
    flour: Annotated[Literal["wheat", "rye"], "what to bake with"] = "rye"
    loaves: Annotated[Count, "how many"] = 20
    guests: Annotated[Whole, "how many"] = 0


def test_a_class_may_have_another_default_than_its_base() -> None:
    baked = make_settings(Pumpernickel, understood(["a", "-o", "b"], Pumpernickel))
    assert (baked.flour, baked.water, baked.name, baked.output) == ("rye", 0.6, "a", "b")


@dataclasses.dataclass(frozen=True)
class Rye(Dough):
    """Baking with rye"""

    flour: Annotated[Literal["wheat", "rye"], "what to bake with"] = "rye"


@pytest.mark.parametrize("flour", ["wheat", "rye"])
def test_what_differs_from_the_default_of_the_class_is_said(
    flour: Literal["wheat", "rye"],
) -> None:
    words = shlex.split(options(Rye(flour=flour), Rye))
    assert words == ([] if flour == "rye" else ["--flour=wheat"])
    assert make_settings(Rye, understood(words, Rye)) == Rye(flour=flour)


def help_of(table: type) -> dict[str, str]:
    """The groups of the help for a class, by their headings, in their order."""
    parser = Parser("bake")
    add_options(parser, table)
    blocks = parser.format_help().split("\n\n")
    return {block.partition(":")[0].strip(): block for block in blocks}


def test_the_help_has_a_group_for_each_stage_and_none_for_the_class_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    groups = help_of(Pumpernickel)
    assert list(groups) == [
        "usage",
        "positional arguments",
        "options",
        "Making dough",
        "Baking, on trays",
    ]
    assert "NAME" in groups["positional arguments"]
    assert "--flour {wheat,rye}" in groups["options"]
    assert "(default: rye)" in groups["options"]
    assert "--flour" not in groups["Making dough"]
    assert "(default: 0.6)" in groups["Making dough"]
    assert "--trays W H" in groups["Baking, on trays"]
    assert "how many, across and down (default: 3 2)" in groups["Baking, on trays"]
    assert "--steam, --no-steam" in groups["Baking, on trays"]
    assert "False" not in groups["Baking, on trays"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_options_of_a_command_stand_below_the_titles_of_its_stages(name: str) -> None:
    table = command_class(name)
    with (
        contextlib.redirect_stdout(io.StringIO()) as printed,
        pytest.raises(SystemExit) as end,
    ):
        main([name, "--help"])
    assert end.value.code == 0
    lines = printed.getvalue().splitlines()
    titles = [str(stage.__doc__) for stage in stages(table) if stage is not table]
    assert all("\n" not in title for title in titles)
    titles = list(getattr(table, "GROUPS", titles))
    headings = [line[:-1] for line in lines if line[:1].isupper() and line.endswith(":")]
    assert headings == titles


def test_each_option_stands_in_one_group_also_where_a_class_divides_them_otherwise() -> (
    None
):
    for name in COMMANDS:
        table = command_class(name)
        grouped = [name for names in option_groups(table).values() for name in names]
        fields = dataclasses.fields(table)  # type: ignore[arg-type]
        assert sorted(grouped) == sorted(field.name for field in fields)
    groups = option_groups(commands.Make)
    assert groups["The look"][:2] == ["look", "recolour"]
    assert "metric" in groups["For experts (a look chooses most of these)"]


def test_the_usage_names_only_what_is_needed() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Tea:
        """Tea"""

        leaves: Annotated[tuple[str, ...], "which"]
        pot: Annotated[str, "where"]
        output: Annotated[str, Flag(b"-o"), "into what"]
        sugar: Annotated[int, "how much"] = 2

    parser = Parser("tea")
    add_options(parser, Tea)
    assert short_usage(parser) == "tea LEAVES ... POT -o OUTPUT [options]"


# Sizes


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--size 40x30", "--size 40 30"),
        ("--size=40x30", "--size 40 30"),
        ("--size 40 30", "--size 40 30"),
        ("--thumb-res 5x4 --size 40x30", "--thumb-res 5 4 --size 40 30"),
        ("--size 40x", "--size 40x"),
        ("--size 40x30x2", "--size 40x30x2"),
        ("--target 40x30", "--target 40x30"),
        ("--target=40x30", "--target=40x30"),
        ("--image-path 40x30 --size 1x2", "--image-path 40x30 --size 1 2"),
        ("40x30", "40x30"),
        ("", ""),
    ],
)
def test_a_size_may_be_one_word(words: str, expected: str) -> None:
    assert split_sizes(words.split(), AllSettings) == expected.split()


@pytest.mark.parametrize("words", ["--size 40x30", "--size=40x30", "--size 40 30"])
def test_a_size_is_understood_in_all_its_forms(words: str) -> None:
    found = understood(words.split(), AllSettings)
    assert make_settings(AllSettings, found, lax=True).size == (40, 30)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--thumb-res", "5"], "needs two numbers, as in 60x40 or 60 40"),
        (["--thumb-res", "a", "b"], "a b: it must be two whole numbers"),
        (["--thumb-res", "0", "5"], "from 1 to"),
        (["--thumb-res", "-3", "5"], "from 1 to"),
        (["--thumb-quality", "96"], "from 1 to 95"),
        (["--thumb-quality", "8.5"], "a whole number"),
        (["--workers", "0"], "at least 1"),
        (["--workers", "-1"], "at least 1"),
        (["--workers", "two"], "a whole number"),
        (["--wokers=2"], "there is no option --wokers; did you mean --workers?"),
        (["--taget", "me.jpg"], "there is no option --taget (see"),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(
    refusal: Callable[..., str], photos: Path, option: list[str], said: str
) -> None:
    assert said in refusal("thumbnails", photos, photos.parent / "a.h5", *option)


@pytest.mark.parametrize(("counted", "cores"), [(6, 6), (None, 1)])
def test_where_a_process_may_not_ask_for_its_cores_it_has_those_of_the_machine(
    counted: int | None, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert settings_module.cores() == cores
