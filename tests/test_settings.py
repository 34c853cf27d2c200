"""Settings: what is wrong with one is said in one line, and nothing is ignored."""

import dataclasses
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mosaic import Settings
from smalti.command import build_parser
from smalti.ground.settings import MosaicError, check_setting, load_settings, options

KEYS = {field.name: field for field in dataclasses.fields(Settings)}


def problem(function: Callable[..., Any], *arguments: Any) -> str:
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


def test_a_mistyped_key_is_refused_and_the_right_one_suggested() -> None:
    assert problem(check_setting, Settings, "taget", "me.jpg").endswith(
        "did you mean 'target'?"
    )


def test_a_key_like_no_other_is_refused_with_all_that_there_are() -> None:
    said = problem(check_setting, Settings, "zzz", 1)
    assert all(name in said for name in KEYS)


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
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(name: str, value: Any, wanted: str) -> None:
    assert f": it must be {wanted}" in problem(check_setting, Settings, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target_res", [-1, 80]),
        ("target_id", -1),
        ("thumb_res", [50, 0]),
        ("thumb_quality", 0),
        ("thumb_quality", 96),
        ("max_uses", 0),
        ("chunks", 0),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_range(name: str, value: Any) -> None:
    about = KEYS[name].metadata
    said = problem(check_setting, Settings, name, value)
    assert said.endswith(f"it must be from {about['least']} to {about['most']}")


@pytest.mark.parametrize(("name", "value"), [("method", "best"), ("repeats", "")])
def test_a_word_that_is_no_choice_is_refused_with_the_choices(
    name: str, value: str
) -> None:
    assert " or ".join(KEYS[name].metadata["choices"]) in problem(
        check_setting, Settings, name, value
    )


@given(st.sampled_from(sorted(KEYS)), st.from_type(object) | st.lists(st.integers()))
def test_any_value_is_either_taken_or_refused_in_one_line(name: str, value: Any) -> None:
    try:
        taken = check_setting(Settings, name, value)
    except MosaicError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert type(taken) is type(KEYS[name].default)


def test_the_file_wins_over_the_defaults_and_the_changes_over_the_file(
    tmp_path: Path,
) -> None:
    path = config(tmp_path, "max_uses = 2\nthumb_res = [30, 20]")
    settings = load_settings(Settings, path, {"max_uses": 3})
    assert (settings.thumb_res, settings.max_uses) == ((30, 20), 3)
    assert settings.chunks == Settings().chunks


def test_changes_are_checked_like_the_file(tmp_path: Path) -> None:
    path = config(tmp_path, "")
    assert "max_usees" in problem(load_settings, Settings, path, {"max_usees": 3})


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
    ],
)
def test_broken_toml_is_one_line_that_names_the_file(
    tmp_path: Path, text: str | bytes
) -> None:
    problem(load_settings, Settings, config(tmp_path, text))


@given(st.text(alphabet="ab_=[]{}\"'.,#\n\\ 1-:tTz", max_size=20))
def test_any_text_is_either_settings_or_refused_in_one_line(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = config(Path(folder), text)
        try:
            load_settings(Settings, path)
        except MosaicError as error:
            assert len(str(error).splitlines()) == 1


def test_options_are_understood_by_the_command_line_that_they_are_for() -> None:
    settings = Settings(target="my 'best' {photo} 100%.jpg", target_res=(4, 3), max_uses=2)
    words = shlex.split(options(settings, "target", "target_res", "max_uses"))
    args = build_parser().parse_args(["match", "a.h5", "a.tab", *words])
    assert args.target == settings.target
    assert (args.target_res, args.max_uses) == ([4, 3], 2)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--thumb-res", "5"], "expected 2 arguments"),
        (["--thumb-res", "a", "b"], "invalid int value: 'a'"),
        (["--thumb-res", "0", "5"], "from 1 to"),
        (["--thumb-res", "-3", "5"], "from 1 to"),
        (["--thumb-quality", "96"], "from 1 to 95"),
        (["--thumb-quality", "8.5"], "invalid int value"),
        (["--workers", "0"], "from 1 to"),
        (["--workers", "-1"], "from 1 to"),
        (["--workers", "two"], "invalid int value"),
        (["--taget", "me.jpg"], "unrecognized arguments"),
    ],
)
def test_a_bad_option_is_one_line_and_status_2(
    refusal: Callable[..., str], photos: Path, option: list[str], said: str
) -> None:
    assert said in refusal("thumbnails", photos, photos.parent / "a.h5", *option)
