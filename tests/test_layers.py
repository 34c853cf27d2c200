"""The layers: the ground knows no mosaics, the book stands on it, the chapters on both.

Arrows point down only. import-linter would say this in a few lines, but it sees packages
only, and the book is a single file; so the imports are read here.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP = {"smalti.command"}  # the command line: nothing stands on it
DOORS = {"smalti.__main__"}  # which only open it


def module(path: Path) -> str:
    """The name by which a file is imported."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(code: str, package: str = "") -> Iterator[str]:
    """Every name that a program imports, wherever it does, as `package.module.name`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            start = ".".join(filter(None, [*(above if node.level else []), node.module]))
            yield from (f"{start}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("import_module", "__import__")
        ):
            (name, *_) = node.args
            assert isinstance(name, ast.Constant), "only a literal name can be followed"
            yield str(name.value)


def arrows(programs: dict[str, str], packages: set[str]) -> dict[str, set[str]]:
    """Which module imports which, among our own ones; names inside a module lead to it."""
    found: dict[str, set[str]] = {}
    for name, code in programs.items():
        package = name if name in packages else name.rpartition(".")[0]
        goals = set()
        for goal in imports(code, package):
            while goal and goal not in programs:
                goal = goal.rpartition(".")[0]
            goals.add(goal)
        found[name] = goals - {"", name, *packages}
    return found


def ours() -> dict[str, set[str]]:
    """The arrows between the book, the ground and the further chapters."""
    paths = [ROOT / "mosaic.py", *sorted((ROOT / "smalti").rglob("*.py"))]
    programs = {module(path.relative_to(ROOT)): path.read_text("utf-8") for path in paths}
    packages = {
        module(path.relative_to(ROOT)) for path in paths if path.name == "__init__.py"
    }
    return arrows(programs, packages)


ARROWS = ours()
GROUND = {name for name in ARROWS if name.startswith("smalti.ground")}
NAMES = [name for name in ARROWS if ARROWS[name]]


@pytest.mark.parametrize("name", sorted(GROUND))
def test_the_ground_stands_on_nothing_but_itself(name: str) -> None:
    assert ARROWS[name] - GROUND == set()


def test_the_book_stands_on_the_ground_alone() -> None:
    assert ARROWS["mosaic"]
    assert ARROWS["mosaic"] - GROUND == set()


@pytest.mark.parametrize("name", sorted(set(NAMES) - DOORS))
def test_nothing_stands_on_the_command_line(name: str) -> None:
    assert ARROWS[name] & TOP == set()


def test_no_module_stands_on_itself_by_a_detour() -> None:
    try:
        TopologicalSorter(ARROWS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


# Every kind of import is seen


@pytest.mark.parametrize(
    "line",
    [
        "import a.b",
        "import a.b as c",
        "from a import b",
        "from a.b import f",
        "from a.b import f as g, h",
        "from . import b",
        "from .b import f",
        "def f():\n    import a.b",
        "if x:\n    from a.b import f",
        "import importlib\nimportlib.import_module('a.b')",
        "__import__('a.b')",
    ],
)
def test_an_import_is_seen(line: str) -> None:
    found = arrows({"a": "", "a.b": "", "a.c": line}, {"a"})
    assert found["a.c"] == {"a.b"}


def test_a_circle_is_seen() -> None:
    found = arrows({"a": "import b", "b": "def f():\n    import c", "c": "import a"}, set())
    with pytest.raises(CycleError):
        TopologicalSorter(found).prepare()


# At run time


def loaded(stderr: str) -> list[str]:
    """The modules that were loaded, as Python's option -X importtime lists them."""
    lines = [line for line in stderr.splitlines() if line.startswith("import time:")]
    return [line.rpartition("|")[2].strip() for line in lines]


def told(stderr: str) -> list[str]:
    """What the program itself has written."""
    return [line for line in stderr.splitlines() if not line.startswith("import time:")]


def test_the_book_runs_as_a_program_and_is_not_loaded_a_second_time(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run("-X", "importtime", ROOT / "mosaic.py")
    assert "smalti.ground.errors" in loaded(done.stderr)
    assert "mosaic" not in loaded(done.stderr)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(told(done.stderr)) == 1


def test_to_import_the_book_loads_no_further_chapter() -> None:
    code = "import sys, mosaic; print(*(n for n in sys.modules if n.startswith('smalti')))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names = set(done.stdout.split())
    assert names - {"smalti"} <= GROUND
