"""Figures: each is drawn from a small project, and tables are written into a document."""

import dataclasses
import doctest
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.decisions import Cost, Decisions, PoolCost
from fig import figures, measuring, pictures
from fig.project import Project, make_mosaics, open_project
from smalti.ground.errors import MosaicError

BOOK = "# A book\n\n<!-- table: one -->\n\n<!-- end -->\n\nText.\n\n<!-- table: two -->\n<!-- end -->\n"
ROWS = [["step", "CPU"], ["match", "1.5"], ["paste", "0.2"]]
COST = Cost(cpu=0.2, wall=0.1, peak=50.0)
GRAPH = """digraph snakemake_dag {
    0[label = "all", color = "0.00 0.6 0.85", style="rounded"];
    1[label = "paste", color = "0.27 0.6 0.85", style="rounded"];
    2[label = "store", color = "0.40 0.6 0.85", style="rounded"];
    3[label = "thumbnails\\npart: 000", color = "0.53 0.6 0.85", style="rounded"];
    4[label = "match\\nmethod: unique", color = "0.13 0.6 0.85", style="rounded"];
    1 -> 0
    2 -> 1
    4 -> 1
    3 -> 2
    2 -> 4
}"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project: 24 photos of 48 x 32, thumbnails of 12 x 8, a mosaic of 6 x 4 cells."""
    root = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(1)
    (root / "photos").mkdir()
    for i, colour in enumerate(rng.integers(70, 256, (24, 1, 1, 3), dtype=np.uint8)):
        pixels = np.repeat(np.repeat(colour[0], 32, axis=0), 48, axis=1)
        pixels[16:, 24:] //= 2
        Image.fromarray(pixels).save(root / f"photos/{i:02}.jpg")
    (root / "config.toml").write_text(
        'image_path = "photos"\ntarget_id = 3\ntarget_res = [6, 4]\nthumb_res = [12, 8]\n'
    )
    make_mosaics(root)
    return open_project(root)


def test_a_project_has_what_was_made(project: Project) -> None:
    assert len(project.store.names) == 24
    assert project.grid == (6, 4)
    assert sorted(project.matches["unique"].ravel()) == list(range(24))
    assert (project.root / "mosaic_nearest.jpg").is_file()


OPENING = {shape: [COST, COST] for shape in ("500 x 375", "4000 x 3000")}
Draw = Callable[[Project], Image.Image]
DRAWN: dict[str, tuple[Draw, tuple[int, int]]] = {
    "finished.jpg": (figures.draw_finished, (2 * 1800 + 12, 800)),
    "four-steps.jpg": (figures.draw_four_steps, (1500, 600)),
    "draft.png": (lambda project: figures.draw_draft(project, OPENING), (1500, 510)),
    "kd-tree.png": (figures.draw_kd_tree, (960, 960)),
    "transport.png": (figures.draw_transport, (1500, 585)),
    "two-ways.jpg": (figures.draw_two_ways, (1500, 1035)),
    "ways.jpg": (
        lambda project: figures.draw_ways(project, measuring.match_all_ways(project)),
        (1500, 1080),
    ),
    "dag.png": (lambda project: figures.draw_dag(GRAPH), (1500, 525)),
}


@pytest.mark.long
@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_drawn(name: str, project: Project) -> None:
    draw, size = DRAWN[name]
    assert draw(project).size == size


@pytest.mark.parametrize("name", ["plot.png", "picture.jpg"])
def test_a_figure_is_saved(name: str, tmp_path: Path) -> None:
    figures.save_figure(Image.new("RGB", (30, 20), "navy"), tmp_path / "fig" / name)
    with Image.open(tmp_path / "fig" / name) as image:
        assert image.size == (30, 20)


def test_every_figure_and_table_is_tested() -> None:
    assert set(figures.FIGURES) == set(DRAWN)
    assert set(measuring.TABLES) == {"steps", "scores", "decisions"}


def test_a_figure_is_drawn_by_its_name_into_the_folder_fig(project: Project) -> None:
    assert figures.main(["kd-tree.png"], project.root) == 0
    with Image.open(project.root / "fig/kd-tree.png") as image:
        assert image.size == DRAWN["kd-tree.png"][1]


def test_pictures_lie_side_by_side_on_paper() -> None:
    row = pictures.side_by_side(
        [Image.new("RGB", size) for size in ((5, 2), (3, 4))], 2, "red"
    )
    assert row.size == (5 + 2 + 3, 4)
    assert [row.getpixel(spot) for spot in ((5, 0), (0, 3))] == [(255, 0, 0)] * 2


def test_a_jpeg_is_no_larger_than_allowed() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    assert len(figures.best_jpeg(Image.fromarray(noise), 40_000)) <= 40_000


def test_the_k_d_tree_finds_the_nearest_point() -> None:
    rng = np.random.default_rng(1)
    points = rng.random((100, 2)) * 255
    leaves = list(figures.divide(points, np.arange(100), np.zeros(2), np.full(2, 255.0)))
    assert sorted(i for _, _, which in leaves for i in which) == list(range(100))
    for query in rng.random((50, 2)) * 255:
        opened, nearest = figures.search(points, leaves, query)
        assert nearest == ((points - query) ** 2).sum(axis=1).argmin()
        assert len(opened) < len(leaves)


def test_a_job_of_the_graph_inherits_what_its_inputs_are_about() -> None:
    labels, edges = figures.read_graph(GRAPH)
    assert labels["1"] == "paste\nmethod: unique"
    assert labels["0"] == "all"
    assert len(edges) == 5


# Measuring


def test_examples_of_measuring() -> None:
    assert doctest.testmod(measuring) == doctest.TestResults(failed=0, attempted=2)


def test_what_was_measured_serves_until_the_program_is_newer(tmp_path: Path) -> None:
    chapter = tmp_path / "smalti/ground/chapter.py"
    chapter.parent.mkdir(parents=True)
    chapter.touch()
    runs: list[int] = []

    def measure() -> dict[str, Cost]:
        runs.append(1)
        return {"step": COST}

    for _ in range(2):
        found = measuring.measured(tmp_path, "steps", dict[str, Cost], measure)
        assert found == {"step": COST}
    assert len(runs) == 1
    kept = (tmp_path / "_build/steps.json").stat().st_mtime
    os.utime(chapter, (kept + 1, kept + 1))
    measuring.measured(tmp_path, "steps", dict[str, Cost], measure)
    assert len(runs) == 2


def test_a_command_is_measured() -> None:
    cost = measuring.measure_step(["--help"])
    assert 0 < cost.cpu < 10
    assert cost.peak > 5


def test_every_step_of_the_workflow_is_measured(project: Project, tmp_path: Path) -> None:
    settings = dataclasses.replace(project.settings, chunks=2)
    steps = dict(measuring.list_steps(settings, str(tmp_path)))
    assert [len(jobs) for jobs in steps.values()] == [1, 1, 2, 1, 1, 1, 1, 1]


def test_the_sum_of_the_steps_is_what_the_workflow_runs() -> None:
    steps = {
        name: Cost(cpu, cpu, 10 * cpu)
        for name, cpu in {
            "paint": 9.0,
            "thumbnails, in one process": 5.0,
            "store": 1.0,
            "match": 2.0,
        }.items()
    }
    assert measuring.steps_table(steps)[-1][1:] == ["**3.0**", "**20**"]


@pytest.mark.parametrize(
    ("ours", "other", "words"),
    [
        (2, 8, ["4.0 times less", "2.0 instead of 8.0 ms"]),
        (300, 150, ["2.0 times *more*", "300 instead of 150 ms"]),
        (100, 101, ["about equal", "100 instead of 101 ms"]),
    ],
)
def test_a_saving_is_a_ratio_with_its_figures(
    ours: float, other: float, words: list[str]
) -> None:
    assert measuring.saving([ours, other], "ms") == words


def pool_costs(wall: float) -> list[PoolCost]:
    """What workers cost on a machine where one second of CPU takes so long."""
    ways = [("serial", 1, 32)]
    ways += [(kind, 2, chunk) for kind in ("processes", "threads") for chunk in (32, 1)]
    return [PoolCost(1.0, wall, 50, *way) for way in ways]


@pytest.mark.parametrize(("wall", "rows"), [(1.1, 5), (2.0, 2)])
def test_waiting_is_told_only_of_a_quiet_machine(
    wall: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "cores", lambda: 2)
    assert len(measuring.workers_rows(pool_costs(wall))) == rows


def test_each_decision_has_rows_of_the_same_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "cores", lambda: 2)
    both = [COST, COST]
    found = Decisions(OPENING, both, both, both, pool_costs(1.0), both)
    head, *rows = measuring.decisions_table(found)
    assert {row[0] for row in rows} == {
        "`draft`",
        "one array",
        "k-d tree",
        "2 processes, chunks of 32",
        "bands",
    }
    assert {len(row) for row in rows} == {len(head)}


def test_each_feature_and_method_has_its_scores(project: Project) -> None:
    head, *rows = measuring.scores_table(measuring.match_all_ways(project))
    assert [row[:2] for row in rows[:2]] == [["mean", "nearest"], ["mean", "unique"]]
    assert len(rows) == 2 * len(measuring.FEATURES)
    assert {len(row) for row in rows} == {len(head)}


# Tables


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A document with places for two tables."""
    path = tmp_path / "book.md"
    path.write_text(BOOK)
    return path


def test_a_table_is_written_between_its_marks_and_the_rest_is_kept(book: Path) -> None:
    measuring.write_table(book, "one", ROWS, "Below.")
    table = "| step | CPU |\n| --- | --: |\n| match | 1.5 |\n| paste | 0.2 |\n\nBelow."
    assert book.read_text() == BOOK.replace(
        "-->\n\n<!-- end", f"-->\n\n{table}\n\n<!-- end"
    )


def test_a_table_written_twice_is_there_once(book: Path) -> None:
    measuring.write_table(book, "two", ROWS)
    once = book.read_text()
    measuring.write_table(book, "two", ROWS)
    assert book.read_text() == once
    measuring.write_table(book, "two", ROWS[:2])
    assert "paste" not in book.read_text()


@pytest.mark.parametrize(
    "text", ["", BOOK, "<!-- table: x -->\n<!-- table: y -->\n<!-- end -->\n"]
)
def test_a_document_without_the_marks_is_refused_and_kept(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "book.md"
    path.write_text(text)
    with pytest.raises(MosaicError, match="no place for the table x"):
        measuring.write_table(path, "x", ROWS)
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("document", "tables"),
    [("mosaic.md", ["steps", "decisions"]), ("smalti/choosing.md", ["scores"])],
)
def test_every_table_has_its_place(
    document: str, tables: list[str], tmp_path: Path
) -> None:
    copy = tmp_path / "copy.md"
    copy.write_bytes((Path(__file__).parents[1] / document).read_bytes())
    for name in tables:
        measuring.write_table(copy, name, ROWS)
    assert copy.read_text(encoding="utf-8").count("| paste | 0.2 |") == len(tables)


def test_an_unknown_name_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], project: Project
) -> None:
    assert figures.main(["nothing"], project.root) == 2
    assert capsys.readouterr().err.startswith(
        "figures: there is no figure 'nothing'; choose of finished.jpg, "
    )
