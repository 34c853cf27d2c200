"""The project around the book: that its files agree with each other, and checks are clean."""

import ast
import doctest
import importlib
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import tangle
import yaml
from test_layers import ARROWS

from smalti import command

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def text_of(name: str) -> str:
    """The text of a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


PYPROJECT = tomllib.loads(text_of("pyproject.toml"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "smalti").rglob("*.py")
    if path.stem[0] != "_"
)
PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/pypi.md"]


# Packages


def bounds(requirements: Iterable[str]) -> dict[str, str]:
    """Requirements such as "numpy>=1.26" as a table of names and bounds."""
    names = {"snakemake-minimal": "snakemake", "matplotlib-base": "matplotlib"}  # of conda
    pairs = (re.fullmatch(r"([\w-]+)(.*)", one.replace(" ", "")) for one in requirements)
    return {names.get(pair[1].lower(), pair[1].lower()): pair[2] for pair in pairs if pair}


def test_conda_installs_the_same_packages_with_the_same_bounds() -> None:
    wanted = bounds(
        [
            *PROJECT["dependencies"],
            *(one for name in ("heif", "film", "workflow", "book") for one in EXTRAS[name]),
        ]
    )
    del wanted["mosaic-book"]
    wanted["python"] = PROJECT["requires-python"]
    listed = yaml.safe_load(text_of("environment.yml"))["dependencies"]
    (by_pip,) = (one["pip"] for one in listed if isinstance(one, dict))
    by_conda = [one for one in listed if isinstance(one, str)]
    found = bounds([*by_conda, *(one for one in by_pip if not one.startswith("-"))])
    del found["pip"]
    assert found == wanted


def test_every_package_has_a_lower_bound_and_no_upper_one() -> None:
    groups = [PROJECT["dependencies"], *EXTRAS.values()]
    names = bounds(one for group in groups for one in group if "[" not in one)
    assert {
        name: bound for name, bound in names.items() if not re.match(r">=[\d.]+$", bound)
    } == {}


def test_every_package_says_what_it_is_for() -> None:
    lines = re.findall(r'^.*"[\w-]+>=.*$', text_of("pyproject.toml"), re.MULTILINE)
    assert len(lines) > len(PROJECT["dependencies"])
    assert [line for line in lines if " # " not in line] == []


def test_the_wheel_is_the_program_and_runs_by_itself(tmp_path: Path) -> None:
    build = ["-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run([sys.executable, *build], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(tmp_path / "site")
        held = {name for name in file.namelist() if ".dist-info/" not in name}
    files = (path for path in (ROOT / "smalti").rglob("*") if path.is_file())
    named = {path.relative_to(ROOT).as_posix() for path in files}
    made = re.compile(r".*\.md|.*/__pycache__/.*")
    wanted = {name for name in named if not made.fullmatch(name)}
    assert held == wanted | {"mosaic.py"}
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); import mosaic; "
    code += "print(mosaic.__file__); from smalti.command import main; main(['--help'])"
    run = subprocess.run(
        [sys.executable, "-I", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(str(tmp_path / "site"))
    assert "usage: mosaic" in run.stdout


# One version, in every file that names it


def test_the_program_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        command.main(["--version"])
    assert capsys.readouterr().out.split() == ["mosaic", PROJECT["version"]]


def test_the_changelog_and_the_citation_have_this_version() -> None:
    released = re.findall(
        r"^## \[(\d[\w.]*)\] - (\d{4}-\d\d-\d\d)$", text_of("CHANGELOG.md"), re.MULTILINE
    )
    assert released == sorted(released, reverse=True)
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert (citation["version"], str(citation["date-released"])) == released[0]
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] in PROJECT["license"].split(" AND ")
    assert [one["name"] for one in citation["authors"]] == [
        one["name"] for one in PROJECT["authors"]
    ]


# Files for Git, GitHub and the like


WORKFLOWS = sorted(path.name for path in (ROOT / ".github" / "workflows").iterdir())


@pytest.mark.long
@pytest.mark.parametrize(
    ("schema", "name"),
    [
        ("citation-file-format", "CITATION.cff"),
        *(("github-workflows", f".github/workflows/{name}") for name in WORKFLOWS),
    ],
)
def test_a_file_for_others_is_valid_in_its_schema(schema: str, name: str) -> None:
    words = ["-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", name]
    run = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def steps(name: str) -> list[str]:
    """What the jobs of a workflow run or use, in order."""
    jobs = yaml.safe_load(text_of(f".github/workflows/{name}"))["jobs"]
    return [
        step.get("run") or step["uses"].split("@")[0]
        for job in jobs.values()
        for step in job["steps"]
    ]


def test_a_workflow_runs_what_everybody_runs_and_another_publishes_the_site() -> None:
    before = ["actions/checkout", "actions/setup-python"]
    assert steps("check.yml") == [*before, ".ci/run"]
    assert "\nmake test-all\n" in text_of(".ci/run")
    after = ["actions/upload-pages-artifact", "actions/deploy-pages"]
    assert steps("site.yml") == [*before, "make site", *after]


def test_the_tests_for_other_pythons_are_there() -> None:
    (core,) = re.findall(
        r"^core=\(\n(.*?)\n\)", text_of(".ci/run"), re.MULTILINE | re.DOTALL
    )
    names = [f"tests/test_{word}.py" for word in core.split()]
    assert names
    assert [name for name in names if not (ROOT / name).is_file()] == []


def test_the_hooks_run_on_tools_of_the_project() -> None:
    hooks = [
        hook
        for repo in yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"]
        for hook in repo["hooks"]
        if repo["repo"] == "local" and hook["language"] == "system"
    ]
    entries = [hook["entry"] for hook in hooks]
    assert entries[0].endswith("docs/check.py")
    assert [entry for entry in entries if not entry.startswith(".venv/bin/")] == []


def test_just_the_tangled_files_are_marked_as_generated() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    tangled = {
        block.target
        for document in tangle.documents(ROOT)
        for block in tangle.blocks(text_of(str(document)))
        if block.target
    }
    others = {f"docs/{name}.py" for name in ("check", "conf", "weave")} | {
        *PAGES,
        "Makefile",
    }
    others |= {f"tests/{path.name}" for path in (ROOT / "tests").glob("*.py")}
    words = ["git", "check-attr", "linguist-generated", *sorted(tangled | others)]
    run = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    marks = dict(line.split(": linguist-generated: ") for line in run.stdout.splitlines())
    assert {name for name, mark in marks.items() if mark == "set"} == tangled


# The program and its settings


def test_the_settings_file_has_the_values_of_the_exercise() -> None:
    found = tomllib.loads(text_of("config.toml"))
    assert found["data_path"] == "data"
    assert found["target_id"] == 5019
    assert found["target_res"] == [100, 100]
    assert found["thumb_res"] == [50, 50]


@pytest.mark.parametrize("module", ["mosaic", *MODULES])
def test_the_examples_in_the_program_hold(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


(RECIPE,) = re.findall(r"^check:.*\n((?:\t.*\n)+)", text_of("Makefile"), re.MULTILINE)
HERE = {"docs/check.py", "pytest"}  # what other tests do
CHECKS = [line.strip() for line in RECIPE.splitlines() if not HERE & set(line.split())]


@pytest.mark.long
@pytest.mark.parametrize("line", CHECKS)
def test_the_checks_of_make_check_are_clean(line: str) -> None:
    run = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("$(BIN)", str(BIN))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def lines_with_any() -> dict[str, str]:
    """Each line of the typed programs that uses `Any`, by its place; imports do not count."""
    found = {}
    for given in PYPROJECT["tool"]["mypy"]["files"]:
        paths = sorted((ROOT / given).rglob("*.py")) or [ROOT / given]
        for name in (path.relative_to(ROOT).as_posix() for path in paths):
            text = text_of(name)
            for node in ast.walk(ast.parse(text)):
                if (isinstance(node, ast.Name) and node.id == "Any") or (
                    isinstance(node, ast.Attribute) and node.attr == "Any"
                ):
                    found[f"{name}:{node.lineno}"] = text.split("\n")[node.lineno - 1]
    return found


def test_any_is_rare_and_each_says_why() -> None:
    found = lines_with_any()
    assert 0 < len(found) <= 12, "\n".join(found)
    assert [place for place, line in found.items() if not re.search("# Any: .", line)] == []


# What the pages for people say


def commands(text: str) -> list[list[str]]:
    """The words of every command in the console blocks of a document."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", "").splitlines()
    return [shlex.split(line[2:], comments=True) for line in lines if line[:2] == "$ "]


def mosaic_commands(text: str) -> list[list[str]]:
    """The words that a document gives to the command `mosaic`."""
    return [words[1:] for words in commands(text) if Path(words[0]).name == "mosaic"]


DOCUMENTS = [*PAGES, *map(str, tangle.documents(ROOT))]


def is_lesson(name: str) -> bool:
    """Whether a document is the book or belongs to its course."""
    return name == "mosaic.md" or name.startswith("course/")


def test_make_takes_one_core_where_nothing_counts_them(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make
    said = subprocess.run(
        [make, "-n", "test"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pytest --numprocesses 1 " in said.stdout


def test_the_readme_has_a_way_for_each_reader() -> None:
    found = commands(text_of("README.md"))
    assert [words[-1] for words in found[:2]] == [".[archives,film,heif,print]"] * 2
    assert found[2] == ["mosaic", "make", "~/Pictures", "me.jpg", "-o", "mosaic.jpg"]
    assert found.index(["make"]) + 1 == found.index(["make", "test"])


def test_each_make_command_of_the_documents_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    targets |= {f".venv/{extra}" for extra in EXTRAS}  # by the rule for .venv/%
    texts = [text_of(name) for name in DOCUMENTS]
    typed = [words for text in texts for words in commands(text)]
    named = {word for words in typed if words[0] == "make" for word in words[1:]}
    named |= {word for text in texts for word in re.findall(r"`make ([a-z]+)`", text)}
    assert {word for word in named if "=" not in word} <= targets


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if is_lesson(name)])
def test_each_command_of_the_lesson_runs_as_printed_in_a_fresh_clone(name: str) -> None:
    for words in commands(text_of(name)):
        program, *others = words[1:] if words[0] == "time" else words
        if program.startswith(".venv/bin/"):
            assert Path(sys.executable).with_name(Path(program).name).exists(), words
        else:
            assert program in ("make", "cp", "rm"), f"{program} is not in everybody's path"
        scripts = [word for word in others if word.endswith(".py")]
        assert [word for word in scripts if not (ROOT / word).is_file()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_mosaic_command_of_a_document_is_understood(name: str) -> None:
    for words in mosaic_commands(text_of(name)):
        if "--help" not in words and "--version" not in words:
            command.read_words(words)


@pytest.mark.long
def test_the_commands_of_the_readme_run_one_after_the_other(
    photos: Path,
    paint: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    photos.rename(tmp_path / "Pictures")
    for name in ("me.jpg", "logo.png", "mask.png"):
        paint(tmp_path / name, ["white", "black", "red"], (90, 60))
    for words in mosaic_commands(text_of("README.md")):
        if "--help" not in words:
            smaller = {"A3": "A5", "A4": "A6"}  # so that nobody waits for large posters
            words = [smaller.get(word, word.replace("~", str(tmp_path))) for word in words]
            assert command.main(words) == 0
    made = {
        "mosaic.jpg",
        "larger.png",
        "mosaic.html",
        "dive.mp4",
        "poster.tif",
        "sheets.pdf",
        "mosaic_view",
        "logo.dzi",
    }
    assert made <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", PAGES)
def test_each_link_of_a_page_leads_to_a_file(name: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", text_of(name))
    assert [link for link in links if not ((ROOT / name).parent / link).exists()] == []


def test_what_a_package_index_shows_has_no_links_that_break_there() -> None:
    text = text_of(PROJECT["readme"])
    assert [link for link in re.findall(r"\]\(([^)]+)\)", text) if ":" not in link] == []
    for name in re.findall(r"`([\w/]+\.md)`", text):
        assert (ROOT / name).is_file()


def drawn_layers() -> list[str]:
    """The modules of the drawing in CONTRIBUTING.md, from below; a line's parts are one text."""
    (drawing,) = re.findall(r"```text\n(.*?)```", text_of("CONTRIBUTING.md"), re.DOTALL)
    *above, ground = [line for line in drawing.splitlines() if line[0] != "-"]
    lowest = [f"smalti.ground.{name}" for name in ground.split()[1:]]
    lines = [[f"smalti.{name}" for name in line.split()] for line in above[:-1]]
    assert above[-1] == "mosaic.py"
    return [*lowest, "mosaic", *(" ".join(line) for line in reversed(lines))]


def test_every_module_imports_only_from_layers_below_its_own() -> None:
    layers = [layer.split() for layer in drawn_layers()]
    height = {name: i for i, layer in enumerate(layers) for name in layer}
    assert set(height) == {"mosaic", *MODULES}
    for name, own in height.items():
        assert {other for other in ARROWS[name] if height[other] >= own} == set(), name
