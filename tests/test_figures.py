"""Figures: each is drawn from a small project, and tables are written into a document."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mosaic
from fig import figures
from smalti.ground.settings import MosaicError

BOOK = "# A book\n\n<!-- table: one -->\n\n<!-- end -->\n\nText.\n\n<!-- table: two -->\n<!-- end -->\n"
ROWS = [["step", "CPU"], ["match", "1.5"], ["paste", "0.2"]]
COST = {"cpu": 0.2, "wall": 0.1, "peak": 50.0}
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
def made(tmp_path_factory):
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
    photos, store = str(root / "photos"), str(root / "data/thumbnails.h5")
    assert mosaic.main(["thumbnails", photos, store, "--thumb-res", "12", "8"]) == 0
    for way in ("nearest", "unique"):
        table = str(root / f"data/matches_{way}.tab")
        options = ["--target-id", "3", "--image-path", photos, "--target-res", "6", "4"]
        assert mosaic.main(["match", store, table, "--method", way, *options]) == 0
        assert mosaic.main(["paste", store, table, str(root / f"mosaic_{way}.jpg")]) == 0
    return figures.load_made(root)


OPENING = {"200 x 200": [COST, COST], "400 x 300": [COST, COST]}
DRAWN = {
    "finished": (figures.draw_finished, (2 * 1800 + 24, 800)),
    "four-steps": (figures.draw_four_steps, (1500, 600)),
    "draft": (lambda made: figures.draw_draft(made, OPENING), (1500, 510)),
    "kd-tree": (figures.draw_kd_tree, (960, 960)),
    "transport": (figures.draw_transport, (1500, 585)),
    "two-ways": (figures.draw_two_ways, (1500, 1035)),
    "ways": (lambda made: figures.draw_ways(made, figures.match_all(made)), (1500, 1080)),
    "dag": (lambda made: figures.draw_dag(GRAPH), (1500, 525)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_is_drawn(name, made):
    draw, size = DRAWN[name]
    assert draw(made).size == size


@pytest.mark.parametrize("name", ["plot.png", "picture.jpg"])
def test_a_figure_is_saved(name, tmp_path):
    figures.save(Image.new("RGB", (30, 20), "navy"), tmp_path / "fig" / name)
    with Image.open(tmp_path / "fig" / name) as image:
        assert image.size == (30, 20)


def test_every_figure_is_tested(made):
    names = {Path(name).stem for name in figures.jobs(made)}
    assert names == {*DRAWN, "steps", "scores", "decisions"}


def test_a_job_draws_its_figure_into_the_folder_fig(made):
    figures.jobs(made)["kd-tree.png"]()
    with Image.open(made.root / "fig/kd-tree.png") as image:
        assert image.size == DRAWN["kd-tree"][1]


def test_a_jpeg_is_no_larger_than_allowed():
    noise = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    assert len(figures.best_jpeg(Image.fromarray(noise), 40_000)) <= 40_000


def test_the_k_d_tree_finds_the_nearest_point():
    rng = np.random.default_rng(1)
    points = rng.random((100, 2)) * 255
    leaves = list(figures.divide(points, np.arange(100), np.zeros(2), np.full(2, 255.0)))
    assert sorted(i for _, _, which in leaves for i in which) == list(range(100))
    for query in rng.random((50, 2)) * 255:
        looked, nearest = figures.look(points, leaves, query)
        assert nearest == ((points - query) ** 2).sum(axis=1).argmin()
        assert len(looked) < len(leaves)


def test_a_job_of_the_graph_inherits_what_its_inputs_are_about():
    labels, edges = figures.read_graph(GRAPH)
    assert labels["1"] == "paste\nmethod: unique"
    assert labels["0"] == "all"
    assert len(edges) == 5


# Tables


@pytest.fixture
def book(tmp_path):
    """A document with places for two tables."""
    path = tmp_path / "book.md"
    path.write_text(BOOK)
    return path


def test_a_table_is_written_between_its_marks_and_the_rest_is_kept(book):
    figures.write_table(book, "one", ROWS, "Below.")
    table = "| step | CPU |\n| --- | --: |\n| match | 1.5 |\n| paste | 0.2 |\n\nBelow."
    assert book.read_text() == BOOK.replace(
        "-->\n\n<!-- end", f"-->\n\n{table}\n\n<!-- end"
    )


def test_a_table_written_twice_is_there_once(book):
    figures.write_table(book, "two", ROWS)
    once = book.read_text()
    figures.write_table(book, "two", ROWS)
    assert book.read_text() == once
    figures.write_table(book, "two", ROWS[:2])
    assert "paste" not in book.read_text()


@pytest.mark.parametrize(
    "text", ["", BOOK, "<!-- table: x -->\n<!-- table: y -->\n<!-- end -->\n"]
)
def test_a_document_without_the_marks_is_refused_and_kept(text, tmp_path):
    path = tmp_path / "book.md"
    path.write_text(text)
    with pytest.raises(MosaicError, match="no place for the table x"):
        figures.write_table(path, "x", ROWS)
    assert path.read_text() == text


def test_each_feature_and_method_has_its_scores(made):
    head, *rows = figures.scores_table(figures.match_all(made))
    assert [row[:2] for row in rows[:2]] == [["mean", "nearest"], ["mean", "unique"]]
    assert len(rows) == 2 * len(figures.FEATURE_WAYS)
    assert {len(row) for row in rows} == {len(head)}


def test_the_sum_of_the_steps_is_what_the_workflow_runs():
    steps = {
        name: {"cpu": cpu, "peak": 10 * cpu}
        for name, cpu in {
            "paint": 9,
            "thumbnails, in one process": 5,
            "store": 1,
            "match": 2,
        }.items()
    }
    assert figures.steps_table(steps)[-1][1:] == ["**3.0**", "**20**"]


def test_every_step_of_the_workflow_is_measured(made, tmp_path):
    settings = dataclasses.replace(made.settings, chunks=2)
    steps = dict(
        figures.list_steps(dataclasses.replace(made, settings=settings), str(tmp_path))
    )
    assert [len(jobs) for jobs in steps.values()] == [1, 1, 2, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("ours", "other", "words"),
    [
        (0.002, 0.008, ["4.0 times less", "2.0 instead of 8.0 ms"]),
        (0.3, 0.15, ["2.0 times *more*", "300 instead of 150 ms"]),
    ],
)
def test_a_saving_is_a_ratio_with_its_figures(ours, other, words):
    assert figures.saving([{"cpu": ours}, {"cpu": other}], "cpu", "ms", 1000) == words


@pytest.mark.parametrize(("wall", "rows"), [(1.1, 6), (2.0, 3)])
def test_waiting_is_told_only_of_a_quiet_machine(wall, rows, monkeypatch):
    monkeypatch.setattr(figures, "cores", lambda: 2)
    ways = [
        ("serial", 1, 32),
        ("processes", 2, 32),
        ("processes", 2, 1),
        ("threads", 2, 32),
    ]
    keys = ("kind", "workers", "chunk")
    runs = [dict(zip(keys, way, strict=True)) | {"wall": wall, "cpu": 1.0} for way in ways]
    assert len(figures.workers_rows(runs)) == rows


def test_an_unknown_name_is_refused_in_one_line(capsys, monkeypatch, made):
    monkeypatch.setattr(figures, "load_made", lambda root: made)
    assert figures.main(["nothing"]) == 2
    assert capsys.readouterr().err.startswith(
        "figures: there is no figure 'nothing'; choose of"
    )
