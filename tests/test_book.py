"""The book's program runs, and what the book tells is what runs in the command line, too."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from conftest import once_for_all
from PIL import Image

import mosaic
from mosaic import Array
from smalti.command import main
from smalti.ground.errors import MosaicError
from smalti.placement import DENSE

ROOT = Path(__file__).parents[1]
N = 40  # photos
SMALL, LARGE = (6, 4), (240, 220)  # cells

# What only `python mosaic.py` calls, because the command line has its own way to put the steps
# together; and what nobody calls but somebody who looks at a store in a notebook.
BOOK_ONLY = {"main", "make_mosaics", "paste_mosaic", "target_path"}
BOOK_ONLY |= {"Store.__enter__", "Store.__exit__"}
NOBODY = {"Store.__repr__"}


@dataclass(frozen=True)
class Run:
    """A run in its folder: its status, what it called in which process, how often it loaded."""

    folder: Path
    status: int
    calls: set[tuple[str, str]]
    loads: int

    @property
    def called(self) -> set[str]:
        """The names of the functions that were called in any process."""
        return {name for _, name in self.calls}


def functions(node: ast.AST, above: str = "") -> Iterator[str]:
    """The names of all functions that a program defines, methods as `Class.method`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield above + child.name
            yield from functions(child, f"{above}{child.name}.<locals>.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{above}{child.name}.")
        else:
            yield from functions(child, above)


DEFINED = set(functions(ast.parse((ROOT / "mosaic.py").read_text(encoding="utf-8"))))


def paint_collection(folder: Path) -> None:
    """Save photos of 12 x 8 pixels of one colour each, and a target of many colours."""
    rng = np.random.default_rng(1)
    (folder / "photos").mkdir()
    for i, colour in enumerate(rng.integers(0, 256, (N, 3), np.uint8)):
        photo = Image.fromarray(np.tile(colour, (8, 12, 1)))
        photo.save(folder / "photos" / f"{i:02}.png")
    noise = Image.fromarray(rng.integers(0, 256, (11, 12, 3), np.uint8))
    noise.resize((240, 220)).save(folder / "target.png")


def config(grid: tuple[int, int], **more: object) -> str:
    """The text of a config.toml for the photos."""
    lines = {
        "image_path": "../photos",
        "data_path": "new/data",
        "thumb_res": [5, 5],
        "target": "../target.png",
        "target_res": list(grid),
        **more,
    }
    keys = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    return f'{keys}\n[features]\ncolour = "a section that is not of the book"\n'


def make(grid: tuple[int, int], *words: object) -> list[str]:
    """The words that make a mosaic of the photos."""
    start = ["make", "../photos", "../target.png", "-o", "mosaic.jpg", "--thumb-res", 5, 5]
    own = ["--store", "mosaic.h5"]  # for each run makes thumbnails of its own
    return [str(word) for word in [*start, "--target-res", *grid, *own, *words]]


PLAN: dict[str, list[str] | str] = {
    "book": config(SMALL, workers=2),
    "book-large": config((40, 30), workers=1, max_uses=30),
    "nearest": make(SMALL, "--method", "nearest", "--workers", 1),
    "nearest-large": make(LARGE, "--method", "nearest", "--workers", 2),
    "unique": make(SMALL, "--look", "plain", "--workers", 2),
    "unique-large": make(LARGE, "--look", "plain", "--workers", 1),
}
MAKES = [name for name, what in PLAN.items() if isinstance(what, list)]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All runs of the plan, made once for all processes of pytest, with what they called."""
    folder = once_for_all(tmp_path_factory, "book-runs", run_plan)
    status = dict(re.findall(r"^(\S+) (\d+)$", (folder / "said").read_text(), re.MULTILINE))
    return {name: see(folder / name, int(status[name])) for name in PLAN}


def run_plan(folder: Path) -> None:
    """Run the plan in a folder with photos, watched; what it says is in the file `said`."""
    paint_collection(folder)
    (folder / "plan.json").write_text(json.dumps(PLAN), encoding="utf-8")
    with (folder / "said").open("w") as said:
        subprocess.run(
            [sys.executable, ROOT / "tests" / "called.py", "plan.json"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=said,
            stderr=said,
            timeout=300,
            check=True,
        )


def see(folder: Path, status: int) -> Run:
    """What became of a run."""
    found = [path.name.split(" ") for path in (folder / "called").iterdir()]
    calls = {(process, name) for process, name, *_ in found if name in DEFINED}
    return Run(folder, status, calls, sum(name == "<module>" for _, name, *_ in found))


# What the book tells is what runs


@pytest.mark.long
def test_every_function_of_the_book_is_called_by_its_program_or_the_command_line(
    runs: dict[str, Run],
) -> None:
    called = set[str]().union(*(run.called for run in runs.values()))
    assert not DEFINED - called - NOBODY, "these functions of mosaic.py are never called"


def test_every_function_of_the_book_is_called_by_the_program_of_the_book(
    runs: dict[str, Run],
) -> None:
    for name in ("book", "book-large"):
        never = DEFINED - runs[name].called - NOBODY
        assert not never, f"{name}: these functions of mosaic.py are never called"


def test_the_command_line_calls_all_of_the_book_but_what_puts_its_steps_together(
    runs: dict[str, Run],
) -> None:
    called = set[str]().union(*(runs[name].called for name in MAKES))
    never = DEFINED - called - NOBODY
    assert never == BOOK_ONLY


@pytest.mark.parametrize(
    ("name", "matchers"),
    [
        ("book", {"match_nearest", "match_unique", "transport"}),
        ("nearest", {"match_nearest"}),
        ("nearest-large", {"match_nearest"}),
        ("unique", {"match_unique", "transport"}),
        ("unique-large", {"transport"}),  # by the sparse placement
    ],
)
def test_a_match_is_made_by_the_function_of_the_book_up_to_a_stated_size(
    name: str, matchers: set[str], runs: dict[str, Run]
) -> None:
    assert N * SMALL[0] * SMALL[1] <= DENSE < N * LARGE[0] * LARGE[1]
    every = {"match_nearest", "match_unique", "transport"}
    assert runs[name].called & every == matchers


@pytest.mark.parametrize(
    ("name", "workers"),
    [(name, name in ("book", "nearest-large", "unique")) for name in PLAN],
)
def test_thumbnails_are_made_by_workers_if_there_are_two_of_them(
    name: str, workers: bool, runs: dict[str, Run]
) -> None:
    calls = runs[name].calls
    (main_process,) = {process for process, function in calls if function == "write_store"}
    makers = {process for process, function in calls if function == "make_thumbnail"}
    assert makers
    assert (main_process not in makers) == workers


def test_the_book_is_never_loaded_twice(runs: dict[str, Run]) -> None:
    assert (runs["book"].loads, runs["book-large"].loads) == (1, 1)
    assert sum(runs[name].loads for name in MAKES) == 1  # by the first, for all of them


# What comes out


def test_all_runs_end_well(runs: dict[str, Run]) -> None:
    assert {run.status for run in runs.values()} == {0}


@pytest.mark.parametrize(("name", "grid"), [("book", SMALL), ("book-large", (40, 30))])
def test_the_book_makes_both_mosaics(
    name: str, grid: tuple[int, int], runs: dict[str, Run]
) -> None:
    for method in ("nearest", "unique"):
        with Image.open(runs[name].folder / f"mosaic_{method}.jpg") as found:
            assert found.size == (5 * grid[0], 5 * grid[1])
    kept = runs[name].folder / "new" / "data"
    assert [path.name for path in kept.iterdir()] == ["thumbnails.h5"]


def levels(path: Path, grid: tuple[int, int]) -> Array:
    """The mean colours of the cells of a mosaic: (rows, cols, 3)."""
    with Image.open(path) as found:
        pixels = np.asarray(found.convert("RGB"), float)
    return np.asarray(pixels.reshape(grid[1], 5, grid[0], 5, 3).mean(axis=(1, 3)))


def test_the_mosaics_of_the_book_look_like_the_target(runs: dict[str, Run]) -> None:
    folder = runs["book-large"].folder
    with Image.open(folder / "../target.png") as target:
        wanted = np.asarray(target.resize((40, 30)), float)
    near, unique = (
        float(np.abs(levels(folder / f"mosaic_{method}.jpg", (40, 30)) - wanted).mean())
        for method in ("nearest", "unique")
    )
    assert near <= unique < 0.8 * np.abs(wanted[::-1] - wanted).mean()


def unsigned(path: Path) -> bytes:
    """The bytes of a JPEG without its EXIF, in which a picture says where it came from."""
    content = path.read_bytes()
    start = content.index(b"\xff\xe1")
    assert content[start + 4 : start + 8] == b"Exif"
    end = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
    return content[:start] + content[end:]


def test_the_nearest_mosaic_is_that_of_the_command_line_but_for_what_it_says_of_itself(
    runs: dict[str, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = (runs["book"].folder / "mosaic_nearest.jpg").read_bytes()
    assert unsigned(runs["nearest"].folder / "mosaic.jpg") == expected
    monkeypatch.chdir(runs["book"].folder)
    for words in [
        "thumbnails ../photos s.h5 --thumb-res 5 5 --workers 1",
        "match s.h5 m.tab --method nearest --target ../target.png --target-res 6 4",
        "paste s.h5 m.tab m.jpg",
    ]:
        assert main(words.split()) == 0
    assert unsigned(Path("m.jpg")) == expected


def test_the_unique_match_costs_what_that_of_the_command_line_does_and_is_proven(
    runs: dict[str, Run],
) -> None:
    proof = r"the unique match costs (\S+), and none costs less than (\S+)\n"
    found = re.search(proof, (runs["book"].folder / "printed").read_text())
    report = json.loads((runs["unique"].folder / "mosaic.json").read_text())
    assert found
    assert found[1] == found[2] == f"{report['cost']:.6g}"


# What can go wrong


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with photos and a target, and the current one in it."""
    paint_collection(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.long
@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "config.toml"),
        ("max_uses = ", "config.toml"),
        ("max_usees = 2", "did you mean 'max_uses'?"),
        ("thumb_res = [5, 0]", "two whole numbers, each from 1"),
        (config(SMALL, image_path="gone"), "gone"),
        (config(SMALL, target="gone.png"), "cannot open the target gone.png"),
        (config(SMALL, target="", target_id=40), "photos are numbered 0 to 39"),
        (config((9, 5)), "5 photos are missing"),
        (config(SMALL, image_path="../here"), "photo"),
        (config((0, 0)), "target_res"),
        (config((3, 0)), "target_res"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    text: str | None, said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (here / "config.toml").write_text(text, encoding="utf-8")
    assert mosaic.main() == 2
    errors = capsys.readouterr().err
    assert errors.startswith("mosaic: ")
    assert errors.count("\n") == 1
    assert said in errors


def test_options_are_for_the_command_line_and_make_nothing_here(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "config.toml").write_text(config(SMALL), encoding="utf-8")
    assert mosaic.main(["--help"]) == 2
    assert "mosaic: mosaic.py reads only config.toml" in capsys.readouterr().err
    assert [path.name for path in here.iterdir()] == ["config.toml"]
    assert mosaic.main() == 0


def test_a_photo_serves_as_the_target_and_one_that_is_damaged_is_left_out(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("../photos/07.png").write_bytes(b"")
    text = config(SMALL, target="", target_id=7)
    (here / "config.toml").write_text(text, encoding="utf-8")
    assert mosaic.main() == 0
    with (
        Image.open("mosaic_nearest.jpg") as found,
        Image.open("../photos/08.png") as photo,
    ):
        colour = np.asarray(photo.convert("RGB"))[0, 0].astype(int)
        assert np.abs(np.asarray(found).astype(int) - colour).max() <= 3
    assert "numbered" not in capsys.readouterr().err


@pytest.mark.long
@pytest.mark.parametrize(("grid", "warned"), [((500, 500), True), ((500, 499), False)])
def test_the_book_says_so_before_a_match_that_needs_much_memory(
    grid: tuple[int, int],
    warned: bool,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work(*ignored: object) -> None:
        raise MosaicError("here the work would begin")

    monkeypatch.setattr(mosaic, "match_unique", work)
    text = config(grid, thumb_res=[1, 1], max_uses=7000)
    (here / "config.toml").write_text(text, encoding="utf-8")
    assert mosaic.main() == 2
    output, errors = capsys.readouterr()
    assert errors == "mosaic: here the work would begin\n"
    said = "comparing 40 photos with 250000 cells takes 0.4 GB and 4 s; `make`, or `mosaic match`"
    assert (said in output) == warned
    assert output.count("comparing") == warned


def test_a_grid_of_the_book_wants_both_its_numbers(spotted: Path) -> None:
    before = sorted(spotted.rglob("*"))
    for grid in ((0, 4), (4, 0), (0, 0)):
        settings = mosaic.Settings(image_path=("photos",), target_res=grid)
        with pytest.raises(MosaicError, match="give both; only `mosaic` chooses them"):
            mosaic.make_mosaics(settings)
    assert sorted(spotted.rglob("*")) == before
