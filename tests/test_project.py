"""The project around the book: that its files agree with each other, and checks are clean."""

import doctest
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

import mosaic
from smalti.command import build_parser

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT = yaml.safe_load((ROOT / "environment.yml").read_text())
README = (ROOT / "README.md").read_text()
CONDA_NAMES = {"snakemake-minimal": "snakemake", "matplotlib-base": "matplotlib"}
CHAPTERS = [
    path.stem for path in (ROOT / "smalti").glob("*.py") if path.stem != "__init__"
]


def bounds(requirements: Iterable[str]) -> dict[str, str]:
    """Requirements such as "numpy>=1.26" as a table of names and bounds."""
    pairs = (re.fullmatch(r"([\w-]+)(.*)", one.replace(" ", "")) for one in requirements)
    return {
        CONDA_NAMES.get(pair[1].lower(), pair[1].lower()): pair[2] for pair in pairs if pair
    }


def test_conda_installs_the_same_packages_with_the_same_bounds() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = bounds(
        [*PROJECT["dependencies"], *extras["heif"], *extras["workflow"], *extras["book"]]
    )
    wanted["python"] = PROJECT["requires-python"]
    (by_pip,) = (one["pip"] for one in ENVIRONMENT["dependencies"] if isinstance(one, dict))
    by_conda = [one for one in ENVIRONMENT["dependencies"] if isinstance(one, str)]
    found = bounds([*by_conda, *(one for one in by_pip if not one.startswith("-"))])
    del found["pip"]
    assert found == wanted


def test_every_package_has_a_lower_bound_and_no_upper_one() -> None:
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    names = bounds(one for group in groups for one in group if "[" not in one)
    assert {
        name: bound for name, bound in names.items() if not re.match(r">=[\d.]+$", bound)
    } == {}


def test_the_settings_file_has_known_keys_and_the_values_of_the_exercise() -> None:
    path = ROOT / "config.toml"
    from smalti.ground.settings import load_settings

    settings = load_settings(mosaic.Settings, str(path))
    found = tomllib.loads(path.read_text())
    assert settings.data_path == "data"
    assert found["target_id"] == settings.target_id == 5019
    assert settings.target_res == (100, 100)
    assert settings.thumb_res == (50, 50)
    assert found["target_res"] == [100, 100]
    assert found["thumb_res"] == [50, 50]


@pytest.mark.parametrize("module", ["mosaic", *(f"smalti.{name}" for name in CHAPTERS)])
def test_the_examples_in_the_program_hold(module: str) -> None:
    __import__(module)
    assert doctest.testmod(sys.modules[module]).failed == 0


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["mypy", "--no-error-summary"]],
    ids=lambda words: words[0],
)
def test_the_checks_are_clean(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def commands(text: str) -> list[list[str]]:
    """The words of every command in the console blocks of a document."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [
        line[2:] for block in blocks for line in block.splitlines() if line[:2] == "$ "
    ]
    return [shlex.split(line) for line in lines]


DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "mosaic.md",
    *sorted((ROOT / "smalti").glob("*.md")),
]
COMMANDS = [words for path in DOCUMENTS for words in commands(path.read_text())]


def test_the_readme_begins_with_commands_that_a_newcomer_types() -> None:
    assert commands(README)[:2] == [["make"], ["make", "test"]]


def test_each_make_command_of_the_documents_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {word for words in COMMANDS if words[0] == "make" for word in words[1:]}
    named |= set(re.findall(r"`make ([a-z]+)`", README))
    assert {word for word in named if "=" not in word} <= targets


def test_each_mosaic_command_of_the_documents_is_understood() -> None:
    found = [words[1:] for words in COMMANDS if Path(words[0]).name == "mosaic"]
    assert found
    for words in found:
        if "--help" not in words:
            build_parser().parse_args(words)


def test_each_local_link_of_the_readme_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
