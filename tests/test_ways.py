"""Every way to compare, to choose and to recolour, through the command line, checked by eye."""

import contextlib
import csv
import functools
import http.server
import io
import itertools
import json
import math
import os
import shutil
import signal
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict

import numpy as np
import pytest
from numpy.typing import ArrayLike
from PIL import Image, ImageColor

from mosaic import Array, open_store
from smalti import command, datasets, features, making
from smalti.command import main
from smalti.ground.errors import Stopped
from smalti.report import read_report, read_rows

Grid = list[list[str]]
Refusal = Callable[..., str]
SIX: Grid = [["red", "lime", "blue"], ["white", "yellow", "black"]]
THUMBS = ["--thumb-res", 24, 16, "--thumb-quality", 95, "--workers", 1]
PLAIN = ["--look", "plain", *THUMBS]  # for each of these tests is about a single way
OPTIONS = ["-o", "out.png", "--target-res", 3, 2, *PLAIN]
NEAREST = ["--method", "nearest"]
BOTH = pytest.mark.parametrize("method", ["nearest", "unique"])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test work in a folder of its own."""
    monkeypatch.chdir(tmp_path)


def picture(path: str, rows: Grid, cell: tuple[int, int] = (24, 16)) -> str:
    """Save an image of cells; a cell is of a colour, or striped: `red|blue`, left to right."""
    image = Image.new("RGBA", (len(rows[0]) * cell[0], len(rows) * cell[1]))
    for i, j in np.ndindex(len(rows), len(rows[0])):
        stripes = rows[i][j].split("|")
        for k, colour in enumerate(stripes):
            left, right = (j * cell[0] + cell[0] * at // len(stripes) for at in (k, k + 1))
            box = (left, i * cell[1], right, (i + 1) * cell[1])
            image.paste(ImageColor.getcolor(colour, "RGBA"), box)
    opaque = image.getchannel("A").getextrema() == (255, 255)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    (image.convert("RGB") if opaque else image).save(path)
    return path


def collect(**photos: str) -> str:
    """The folder `photos` of photos of 24 x 16 pixels, by name: of a colour, or striped."""
    for name, colours in photos.items():
        picture(f"photos/{name}.png", [[colours]])
    return "photos"


def prepare(photos: Grid = SIX, target: Grid = SIX) -> None:
    """Save photos that are called after their colours, and a target of 3 x 2 cells."""
    collect(**{colour: colour for colour in flat(photos)})
    picture("target.png", target)


def flat(rows: Grid) -> list[str]:
    """The cells of all rows."""
    return list(itertools.chain.from_iterable(rows))


def run(*words: object) -> str:
    """Run the command line in this process; it must end well. Return what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert main([str(word) for word in words]) == 0
    return printed.getvalue()


def by(method: str, uses: int) -> list[object]:
    """The words for a method; only the unique match has a budget."""
    return ["--method", method, *(["--max-uses", uses] if method == "unique" else [])]


def make(*words: object) -> str:
    """Make out.png, of 3 x 2 cells of 24 x 16 pixels, of what is here."""
    return run("make", "photos", "target.png", *OPTIONS, *words)


class Found(TypedDict, total=False):
    """What these tests look for in a report."""

    method: str
    cells: int
    cost: float
    bound: float
    levels: float
    proof: str
    too_near: int
    photos: int
    photos_used: int
    most_used: int
    settings: dict[str, object]
    files: dict[str, object]
    recolour: dict[str, float]
    score: dict[str, float]
    size: list[int]


def report(path: str = "out.json") -> Found:
    """The report beside a mosaic or a table."""
    found: Found = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


def chosen(path: str = "out.json") -> Grid:
    """The names, without their endings, of the photos in the cells, empty for an empty cell."""
    found = read_report(Path(path))
    names = [Path(name).stem for name in open_store(found.files.store).names]
    return [
        ["" if i < 0 else names[i] for i in row] for row in read_rows(found, path).tolist()
    ]


def pixels(path: str = "out.png", mode: str = "RGB") -> Array:
    """The levels of an image: (height, width, channels)."""
    with Image.open(path) as image:
        return np.asarray(image.convert(mode)).astype(int)


def means(path: str = "out.png") -> Array:
    """The mean colours of the 3 x 2 cells of an image: (2, 3, 3)."""
    found = pixels(path)
    height, width = found.shape[0] // 2, found.shape[1] // 3
    return np.asarray(found.reshape(2, height, 3, width, 3).mean(axis=(1, 3)))


def levels(rows: Grid) -> Array:
    """The levels of colours: (rows, cols, 3)."""
    return np.array([[ImageColor.getrgb(colour)[:3] for colour in row] for row in rows])


def code(colours: Array) -> list[str]:
    """Colours, (k, 3), as words like #0a0b0c."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colours.tolist()]


def apart(one: Array, other: ArrayLike) -> float:
    """By how many levels two images differ at most."""
    return float(np.abs(one - other).max())


def files() -> dict[str, bytes]:
    """All files that are here, and what is in them."""
    found = (path for path in Path().rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in found}


# What is compared


@BOTH
def test_pixels_see_where_an_edge_is_and_the_mean_sees_none(method: str) -> None:
    collect(wb="white|black", bw="black|white", grey="#808080")
    row = ["white|black", "black|white", "#808080"]
    picture("target.png", [row, row[::-1]])
    words = [*by(method, 2)]
    make(*words, "--feature", "pixels", "--detail", 2)
    assert chosen() == [["wb", "bw", "grey"], ["grey", "bw", "wb"]]
    make(*words)
    assert report()["cost"] < 50  # to the mean, all are equally good
    if method == "nearest":
        assert len(set(flat(chosen()))) == 1


def test_detail_decides_how_fine_a_pattern_is_seen() -> None:
    collect(fine="white|black|white|black", grey="#808080")
    picture("target.png", [["white|black|white|black"] * 3, ["#808080"] * 3])
    make(*NEAREST, "--feature", "pixels", "--detail", 2)
    assert len(set(flat(chosen()))) == 1
    make(*NEAREST, "--feature", "pixels", "--detail", 4)
    assert chosen() == [["fine"] * 3, ["grey"] * 3]


@BOTH
def test_histograms_tell_stripes_from_grey_but_not_left_from_right(method: str) -> None:
    collect(bw="black|white", grey="#808080", one="#a08080")
    row = ["white|black", "black|white", "#808080"]
    picture("target.png", [row, row[::-1]])
    words = [*by(method, 4), "--feature", "histogram", "--bins"]
    make(*words, 16)
    assert chosen() == [["bw", "bw", "grey"], ["grey", "bw", "bw"]]
    picture("target.png", SIX)
    make(*words, 1)
    assert report()["cost"] == 0  # everything is in one bin
    assert "levels" not in report()


# How it is compared

CANDIDATES = {"a": "#a06464", "b": "#8c8c64", "c": "#878782", "d": "#141414"}
BEST = {"cityblock": ("a", 60), "euclidean": ("b", 3200**0.5), "chebyshev": ("c", 35)}
BEST["cosine"] = ("d", 0)


@BOTH
@pytest.mark.parametrize("metric", BEST)
def test_each_metric_has_another_nearest(metric: str, method: str) -> None:
    collect(**CANDIDATES)
    picture("target.png", [["#646464"] * 3] * 2)
    words = [*by(method, 6), "--choices", 2]
    said, (name, far) = make("--metric", metric, *words), BEST[metric]
    assert chosen() == [[name] * 3] * 2
    once = far**2 if metric == "euclidean" else far
    assert report()["cost"] == pytest.approx(6 * once, abs=1e-5)
    assert (f"(metric {metric})" in said) == (metric != "euclidean")
    with open("out.csv") as table:  # noqa: PTH123
        first = [row for row in csv.DictReader(table) if row["rank"] == "0"]
    assert [row["name"] for row in first] == [f"{name}.png"] * 6
    assert [float(row["distance"]) for row in first] == pytest.approx([far] * 6, abs=1e-5)


def costs(tiles: Array, cells: Array, metric: str) -> Array:
    """What each tile costs in each cell: (n, 3) and (m, 3) to (n, m)."""
    if metric == "cosine":
        one, other = (x / np.linalg.norm(x, axis=1)[:, None] for x in (tiles, cells))
        return np.asarray(1 - one @ other.T)
    gaps = np.abs(tiles.astype(float)[:, None] - cells)
    if metric == "euclidean":
        return np.asarray((gaps**2).sum(axis=2))
    return np.asarray(gaps.sum(axis=2) if metric == "cityblock" else gaps.max(axis=2))


def paint_random(seed: int, n: int) -> tuple[Array, Array]:
    """Save photos a, b, ... and a target of random colours; return them, (n, 3) and (6, 3)."""
    rng = np.random.default_rng(seed)
    tiles, cells = (rng.integers(0, 256, (k, 3)).astype(np.uint8) for k in (n, 6))
    collect(**dict(zip("abcdefghijkl", code(tiles), strict=False)))
    picture("target.png", [code(cells)[:3], code(cells)[3:]])
    return tiles, cells


@pytest.mark.parametrize("metric", BEST)
def test_unique_photos_cost_the_least_of_all_permutations(metric: str) -> None:
    tiles, cells = paint_random(3, 7)
    cost = costs(tiles, cells, metric)
    orders = itertools.permutations(range(7), 6)
    best = min(orders, key=lambda order: cost[order, range(6)].sum())
    make("--metric", metric)
    assert flat(chosen()) == ["abcdefg"[i] for i in best]
    assert report()["cost"] == pytest.approx(cost[best, range(6)].sum(), rel=0.05)
    assert (report()["photos_used"], report()["most_used"]) == (6, 1)
    proof = "6 photos placed, proven optimal"  # which needs squared distances
    assert report().get("proof") == (proof if metric in ("euclidean", "cosine") else None)


@BOTH
@pytest.mark.parametrize("colour", ["rgb", "linear", "lab", "oklab"])
def test_colours_are_compared_in_the_space_asked_for(colour: str, method: str) -> None:
    from scipy.optimize import linear_sum_assignment

    tiles, cells = paint_random(2244, 12)

    def best(space: str) -> list[int]:
        see = features.COLOURS[space]
        cost = costs(see(tiles), see(cells), "euclidean")
        unique = linear_sum_assignment(cost.T)[1]
        return list(cost.argmin(axis=0) if method == "nearest" else unique)

    assert len({tuple(best(space)) for space in features.COLOURS}) == 4
    make("--method", method, "--colour", colour)
    assert flat(chosen()) == ["abcdefghijkl"[i] for i in best(colour)]


@BOTH
@pytest.mark.parametrize("feature", ["mean", "pixels"])
def test_a_weight_of_zero_ignores_a_channel(method: str, feature: str) -> None:
    collect(bluer="#c832ff", darker="#a03264")
    picture("target.png", [["#c83264"] * 3] * 2)
    words = [*by(method, 6), "--feature", feature]
    make(*words)
    assert chosen() == [["darker"] * 3] * 2
    make(*words, "--weights", 1, 1, 0)
    assert chosen() == [["bluer"] * 3] * 2
    assert report()["settings"]["weights"] == [1, 1, 0]


# Choices

GREYS = {"a": "#101010", "b": "#606060", "c": "#a0a0a0", "d": "#f0f0f0"}
TONES: Grid = [["#141414", "#686868", "#ececec"], ["#a4a4a4", "#5c5c5c", "#181818"]]


def rank(rows: Grid) -> str:
    """Write m.csv, the two best of four grey photos for each cell of a target."""
    collect(**GREYS)
    picture("t.png", rows)
    run("thumbnails", "photos", "s.h5", *THUMBS)
    words = ["--target", "t.png", "--target-res", 3, 2, *NEAREST, "--choices", 2]
    return run("match", "s.h5", "m.tab", *words)


def see_greys(names: list[str]) -> Array:
    """The levels of grey photos: (rows, cols, 3)."""
    return levels([[GREYS[name] for name in row] for row in names])


def test_choices_are_a_table_of_names_and_distances() -> None:
    assert "the best 2 of each cell are in m.csv" in rank(TONES)
    heading, *rows = csv.reader(Path("m.csv").read_text().splitlines())
    assert heading == ["row", "col", "rank", "name", "distance"]
    places = [[str(number) for number in at] for at in np.ndindex(2, 3, 2)]
    assert [row[:3] for row in rows] == places
    assert [row[3] for row in rows] == [f"{name}.png" for name in "abbcdccbbcab"]
    found = see_greys(["abbcdccbbcab"])[0, :, 0]
    far = 3**0.5 * np.abs(found - levels(TONES)[..., 0].ravel().repeat(2))
    assert apart(np.array([float(row[4]) for row in rows]), far) < 10


def test_choices_are_pasted_at_another_size() -> None:
    rank(TONES)
    run("paste", "s.h5", "m.csv", "out.png", "--thumb-res", 9, 5)
    assert pixels().shape == (10, 27, 3)
    assert apart(means(), see_greys(["abd", "cba"])) < 3


def test_choices_go_with_another_store_in_which_photos_have_other_numbers() -> None:
    rank(TONES)
    collect(aa="red")
    run("thumbnails", "photos", "large.h5", "--thumb-res", 33, 22, "--workers", 1)
    run("paste", "large.h5", "m.csv", "out.png")
    assert pixels().shape == (44, 99, 3)
    assert apart(means(), see_greys(["abd", "cba"])) < 3
    found = report()
    assert (found["method"], found["photos"], found["photos_used"]) == ("choices", 5, 4)


def test_choices_vary_so_that_photos_are_used_equally_often() -> None:
    rank([["#646464"] * 3] * 2)
    run("paste", "s.h5", "m.csv", "out.png")
    assert apart(means(), see_greys(["bbb", "bbb"])) < 3
    run("paste", "s.h5", "m.csv", "out.png", "--choices", 2)
    assert apart(means(), see_greys(["bcb", "cbc"])) < 3


def test_a_page_and_a_dive_show_the_choices_that_were_pasted() -> None:
    rank([["#646464"] * 3] * 2)
    run("paste", "s.h5", "m.csv", "out.png", "--choices", 2)
    words = ["--cell", 0, 1, "--seconds", 0.1, "--image-path", "photos"]
    assert run("zoom", "out.png", "z.gif", *words).endswith("into c.png\n")
    run("page", "out.png")
    said = "filled with 2 of 4 photos, none more than 3 times"
    assert said in Path("out.html").read_text()


def test_empty_cells_do_not_change_how_the_others_vary() -> None:
    rank([["#0000"] * 3, ["#c0c0c0", "#e0e0e0", "#c0c0c0"]])
    run("paste", "s.h5", "m.csv", "out.png", "--choices", 2)
    assert apart(means()[1:], see_greys(["cdc"])) < 3


def test_choices_keep_apart_what_is_mirrored() -> None:
    prepare([["#000|#fff"]], [["#fff|#000"] * 3, ["#000|#fff"] * 3])
    words = ["--variants", "mirror", "--feature", "pixels", "--choices", 2]
    make(*NEAREST, *words)
    before = pixels()
    run("paste", "out.csv", "out.png")
    assert (pixels() == before).all()


def test_choices_that_are_not_there_are_refused(refusal: Refusal) -> None:
    rank(TONES)
    before, paste = files(), ["paste", "s.h5", "m.csv", "o.png", "--choices"]
    assert "choices = 3: m.csv has 2 for each cell" in refusal(*paste, 3)
    paste[2] = "m.tab"
    assert "`choices` needs a table of choices, .csv" in refusal(*paste, 2)
    words = ["--target", "t.png", "--target-res", 3, 2, *NEAREST, "--choices", 5]
    assert "choices = 5: there are 4 photos" in refusal("match", "s.h5", "o.tab", *words)
    assert "call the table .tab" in refusal("match", "s.h5", "o.csv", *words)
    assert files() == before


# Spacing, sizes and tiles


@BOTH
def test_equal_photos_keep_apart(method: str) -> None:
    collect(a="#606060", b="#646464", c="#686868", d="#6c6c6c")
    picture("target.png", [["#606060"] * 3] * 2)
    said = make(*by(method, 2), "--spacing", 1)
    found = chosen()
    for left in (0, 1):
        assert len({found[i][left + j] for i in (0, 1) for j in (0, 1)}) == 4
    assert report()["too_near"] == 0
    assert "too near" not in said
    if method == "unique":
        assert report()["most_used"] == 2


def test_too_few_photos_to_keep_apart_are_counted() -> None:
    prepare([["red"]])
    said = make(*NEAREST, "--spacing", 1)
    assert report()["too_near"] == 11
    assert "spacing  11 pairs of equal photos are too near" in said


@BOTH
def test_a_photo_keeps_apart_from_its_mirror_image(method: str) -> None:
    prepare(SIX, [["red"] * 3] * 2)
    make(*by(method, 2), "--spacing", 1, "--variants", "mirror")
    found = chosen()
    for left in (0, 1):
        assert len({found[i][left + j] for i in (0, 1) for j in (0, 1)}) == 4


def test_a_mosaic_has_exactly_the_size_that_was_asked_for() -> None:
    prepare()
    make("--size", "31x17")
    assert (pixels().shape, report()["size"]) == ((17, 31, 3), [31, 17])
    wanted = levels(SIX).repeat([8, 9], axis=0).repeat([10, 10, 11], axis=1)
    assert apart(pixels(), wanted) < 6
    run("paste", "out.png", "out.png", "--size", 8, 5)
    assert pixels().shape == (5, 8, 3)


def test_the_grid_can_follow_from_the_pixels_of_the_target() -> None:
    prepare()
    inner, outer = (
        picture("inner.png", SIX, cell=(16, 8)),
        Image.new("RGB", (53, 21), "teal"),
    )
    outer.paste(Image.open(inner), (2, 2))  # there are 5 columns and 5 rows too many
    outer.save("target.png")
    words = ["--tile", 16, *PLAIN, "--thumb-res", 24, 12]
    run("make", "photos", "target.png", "-o", "out.png", *words)
    assert pixels().shape == (24, 72, 3)
    assert apart(means(), levels(SIX)) < 6
    asked = {"target_res": [3, 2], "thumb_res": [24, 12], "tile": 16, "thumb_quality": 95}
    assert report()["settings"] == asked
    assert report()["score"]["rmse"] < 8  # cut elsewhere, it would see the border


def test_what_is_made_of_a_match_sees_the_target_in_the_same_tiles() -> None:
    prepare()
    picture("target.png", SIX, cell=(17, 11))  # of which tiles of 16 pixels leave some
    make("--target-res", 0, 0, "--tile", 16)
    known, before = report()["score"], pixels()
    run("paste", "out.png", "again.png")
    assert report("again.json")["score"] == known
    assert json.loads(run("score", "out.png", "target.png", "--json"))["score"] == known
    run("page", "out.png")
    run("paste", "out.png", "tinted.png", "--tint", 0.5, "--size", 71, 30)
    assert pixels("tinted.png").shape == (30, 71, 3)
    assert (pixels("again.png") == before).all()


def test_half_a_size_is_refused_when_pasting(refusal: Refusal) -> None:
    prepare()
    make()
    before, words = files(), ["paste", "out.png", "new.png", "--size", 0, 40]
    assert "give width and height, or 0 0" in refusal(*words)
    assert files() == before


@pytest.mark.parametrize("more", [["--metric", "cityblock"], ["--solver", "dense"]])
def test_what_knows_no_variants_refuses_them(more: list[str], refusal: Refusal) -> None:
    prepare()
    words = ["make", "photos", "target.png", *OPTIONS, "--variants", "mirror", *more]
    assert "`variants` need solver = sparse" in refusal(*words)


def test_a_page_counts_photos_and_not_their_mirror_images() -> None:
    prepare()
    make("--variants", "mirror")
    run("page", "out.png")
    assert "filled with 6 of 6 photos" in Path("out.html").read_text()


# Collections


def pack(path: str) -> str:
    """An archive of the photos, of the kind that its name tells."""
    if path.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as archive:
            for photo in Path("photos").iterdir():
                archive.write(photo, f"deep/{photo.name}")
    elif path.endswith(".bin"):
        colours = levels(SIX).reshape(6, 3).astype(np.uint8)
        records = (b"\3" + colour.repeat(1024).tobytes() for colour in colours)
        Path(path).write_bytes(b"".join(records))
    else:
        with tarfile.open(path, "w:gz") as tar:
            tar.add("photos", "deep")
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.bin", "more"])
def test_photos_come_from_folders_archives_and_cifar_files(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare()
    paths = ["photos", "more"] if name == "more" else [pack(name)]
    if name == "more":
        Path("more").mkdir()
        for photo in ("red.png", "black.png"):
            Path("photos", photo).rename(Path("more", photo))
    said = run("make", *paths, "target.png", *OPTIONS)
    assert "photos   6 read, 0 skipped" in said
    assert apart(means(), levels(SIX)) < 6
    assert report()["files"]["photos"] == paths
    run("zoom", "out.png", "out.gif", "--seconds", 0.1)
    assert capsys.readouterr().err == ""  # it would say that the end is not sharp


@pytest.mark.parametrize("name", ["gone", "gone.zip", "gone.bin"])
def test_a_collection_that_is_missing_is_refused(name: str, refusal: Refusal) -> None:
    prepare()
    before, said = files(), refusal("make", "photos", name, "target.png", *OPTIONS)
    assert f"there is no folder or archive {name!r}" in said
    assert files() == before


@pytest.fixture
def server() -> Iterator[str]:
    """A web server of what is in the folder `served`: its address."""
    folder = Path("served").absolute()
    folder.mkdir()

    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize("unpack", [True, False])
def test_a_data_set_is_fetched_by_its_name_and_made_into_a_mosaic(
    unpack: bool, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pooch = pytest.importorskip("pooch")

    prepare()
    archive = pack("served/tiny.tar.gz")
    about = Path(archive).stat().st_size, unpack, f"sha256:{pooch.file_hash(archive)}"
    data = datasets.DataSet(f"{server}/tiny.tar.gz", *about, "none", "a test")
    monkeypatch.setitem(datasets.DATASETS, "tiny", data)
    said = run("fetch", "tiny", "--data-path", "sets")
    path = Path("sets/tiny" if unpack else "sets/tiny.tar.gz")
    assert Path(said.strip()).absolute() == path.absolute()
    run("make", said.strip(), "target.png", *OPTIONS)
    assert apart(means(), levels(SIX)) < 6


def test_a_data_set_that_nobody_knows_is_refused(refusal: Refusal) -> None:
    said = refusal("fetch", "cifar", "--data-path", "data")
    assert "there is no data set 'cifar'; did you mean cifar1" in said
    assert files() == {}


# Colours

TINTED: Grid = [
    ["#803020|#a05040", "#2060a0", "#308030"],
    ["#606060", "#a0a020", "#702070"],
]


@pytest.fixture
def striped() -> None:
    """One photo of two greys, and a colourful target."""
    collect(only="#505050|#b0b0b0")
    picture("target.png", TINTED)


@pytest.mark.usefixtures("striped")
def test_a_full_tint_gives_each_cell_its_mean_colour() -> None:
    said = make(*NEAREST, "--tint", 1)
    assert report()["recolour"] == {"tint": 1}
    assert "tint     1.0: the colours of the photos are changed" in said
    assert apart(means(), means("target.png")) < 6
    assert report()["score"]["rmse"] < 4


@pytest.mark.usefixtures("striped")
def test_a_tint_of_zero_changes_nothing_and_a_half_goes_half_the_way() -> None:
    make(*NEAREST)
    before = pixels()
    assert "are changed" not in make(*NEAREST, "--tint", 0)
    assert (pixels() == before).all()
    assert "recolour" not in report()
    make(*NEAREST, "--tint", 0.5)
    assert apart(means(), (means("target.png") + 0x80) / 2) < 4


@pytest.mark.usefixtures("striped")
def test_a_blend_mixes_photos_with_the_mean_colours_of_cells() -> None:
    make(*NEAREST)
    before, wanted = pixels(), means("target.png").repeat(16, 0).repeat(24, 1)
    make(*NEAREST, "--blend", 0.25)
    assert report()["recolour"] == {"blend": 0.25}
    assert apart(pixels(), 0.75 * before + 0.25 * wanted) < 4


@pytest.mark.usefixtures("striped")
def test_a_mosaic_is_tinted_when_it_is_pasted_and_stays_so_until_told() -> None:
    make(*NEAREST)
    before = pixels()
    for words in (["--tint", 1], []):
        run("paste", "out.png", "out.png", *words)
        assert report()["recolour"] == {"tint": 1}
        assert apart(means(), means("target.png")) < 6
    run("paste", "out.png", "out.png", "--tint", 0)
    assert (pixels() == before).all()


def test_a_change_of_colours_that_does_not_go_with_a_table_is_refused(
    refusal: Refusal,
) -> None:
    prepare()
    paste = ["paste", "out.png", "new.png"]
    make()
    before = files()
    assert "`tint` does not go with `blend`" in refusal(*paste, "--tint", 1, "--blend", 1)
    assert files() == before


@pytest.mark.parametrize("dive", ["dive.gif", "dive.webp"])
def test_a_dive_ends_in_the_sharp_photo_of_a_cell(dive: str) -> None:
    grid = [SIX[0], ["#282828", "yellow", "white"]]
    prepare([SIX[0], ["yellow", "white"]], grid)
    picture("photos/fine.png", [["|".join(["black", "#505050"] * 4)]], cell=(96, 64))
    make("--thumb-res", 6, 4)
    words = ["--cell", 1, 0, "--seconds", 0.4, "--size", 180, 80]
    assert run("zoom", "out.png", dive, *words) == f"{dive}: 0.4 s, into fine.png\n"
    with Image.open(dive) as frames:
        assert (frames.n_frames, frames.size) == (10, (180, 80))  # type: ignore[attr-defined]
        first = np.asarray(frames.convert("RGB"), int)
        frames.seek(9)
        last = np.asarray(frames.convert("RGB"), int)
    assert apart(first[20::40, 30::60][:, 1:], levels(grid)[:, 1:]) < 40
    stripes = last[40, 7:120:15].mean(axis=1)  # the cell is 120 pixels wide, a stripe 15
    assert apart(stripes, np.tile([0, 80], 4)) < 25
    assert apart(last[40, 140:170], [255, 255, 0]) < 40


def test_a_dive_to_nowhere_is_refused(refusal: Refusal) -> None:
    prepare()
    make()
    before = files()
    for row, col in ((2, 0), (0, 3), (-1, 0)):
        said = refusal("zoom", "out.png", "z.gif", "--cell", row, col)
        assert f"cell = {row} {col}: there are 2 rows and 3 columns, from 0" in said
    assert "must end in .mp4, .webm, .webp, .gif" in refusal("zoom", "out.png", "z.avi")
    assert files() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--seconds nan", "seconds = nan: it must be a number from 0.04 to 600"),
        ("--seconds -1", "seconds = -1: it must be a number from 0.04 to 600"),
        ("--size 0 0", "size = 0 0: it must be two whole numbers, each from 16 to 30000"),
        ("--size 16 9", "size = 16 9: it must be two whole numbers, each from 16 to 30000"),
    ],
)
def test_a_dive_of_no_time_or_no_size_is_refused(
    words: str, said: str, refusal: Refusal
) -> None:
    prepare()
    make()
    before = files()
    assert said in refusal("zoom", "out.png", "z.gif", *words.split())
    assert files() == before


def test_grey_is_dithered_from_black_and_white() -> None:
    prepare([["black", "white"]], [["#808080"] * 3] * 2)
    make(*NEAREST, "--target-res", 9, 6)
    assert len(set(flat(chosen()))) == 1
    make(*NEAREST, "--target-res", 9, 6, "--dither")
    found = np.array(chosen())
    assert 25 <= (found == "white").sum() <= 29
    assert (found[:, 1:] == found[:, :-1]).sum() < 12


# Budgets, spacing and spreading together


def prepare_many(**more: str) -> None:
    """Save 24 photos of greys of all shades, and some more, and a target of a single grey."""
    greys = {f"g{i:02}": f"#{10 * i:02x}{10 * i:02x}{10 * i:02x}" for i in range(24)}
    collect(**greys, **more)
    picture("target.png", [["#808080"] * 3] * 2)


def test_photos_with_budgets_of_their_own_keep_apart() -> None:
    prepare_many()
    Path("b.csv").write_text("name,min,max\ng12.png,0,1\ng00.png,2,2\n")
    make("--budgets", "b.csv", "--max-uses", 3, "--spacing", 1, "--target-res", 6, 4)
    found = flat(chosen())
    assert (found.count("g12"), found.count("g00")) == (1, 2)
    assert (report()["most_used"], report()["too_near"]) == (3, 0)


@pytest.mark.parametrize("method", ["unique", "spread"])
def test_each_photo_appears_and_keeps_apart(method: str) -> None:
    prepare_many()
    words = ["--min-uses", 1, "--max-uses", 4, "--spacing", 1, "--method", method]
    make(*words, "--target-res", 9, 6)
    assert (report()["photos_used"], report()["too_near"]) == (24, 0)


@pytest.mark.parametrize("method", ["unique", "spread"])
def test_photos_that_look_the_same_keep_apart_if_they_count_as_one(method: str) -> None:
    rng = np.random.default_rng(8)
    for name in ["red", *"abcdefghijklmnopqrst"]:  # noise, so that each looks like no other
        noise = rng.integers(0, 256, (2, 16, 24, 3)).mean(axis=0).astype(np.uint8)
        Path("photos").mkdir(exist_ok=True)
        reddish = noise // 2 + np.array([127, 0, 0], np.uint8) if name == "red" else noise
        Image.fromarray(reddish).save(f"photos/{name}.png")
    shutil.copy("photos/red.png", "photos/red2.png")
    picture("target.png", [["red"] * 3] * 2)
    words = ["--max-uses", 3, "--spacing", 1, "--method", method, "--target-res", 6, 4]
    make("--dedupe", *words)
    places = np.argwhere(np.char.startswith(chosen(), "red"))
    assert len(places) == 3
    assert report()["too_near"] == 0
    for one, other in itertools.combinations(places, 2):
        assert np.abs(one - other).max() > 1


def test_spread_photos_repeat_less_than_the_nearest_and_cost_less_than_unique_ones() -> (
    None
):
    rng = np.random.default_rng(4)
    tiles = rng.integers(90, 166, (40, 3)).astype(np.uint8)
    collect(**{f"p{i:02}": colour for i, colour in enumerate(code(tiles))})
    picture("target.png", [["#707070|#787878", "#808080", "#888888|#909090"]] * 2)
    found = {}
    for method in ("nearest", "spread", "unique"):
        make("--method", method, "--target-res", 6, 6)
        found[method] = report()
    uses, cost = ([found[method][key] for method in found] for key in ("most_used", "cost"))
    assert uses == sorted(uses, reverse=True)
    assert cost == sorted(cost)
    assert uses[0] > uses[1]
    assert cost[1] < cost[2]


def test_spread_photos_are_never_used_more_often_than_they_may() -> None:
    prepare_many()
    make("--target-res", 6, 4, "--method", "spread", "--max-uses", 2)
    assert report()["most_used"] == 2


def test_spreading_leaves_empty_cells_empty() -> None:
    prepare(SIX, [["red", "#0000", "red"], ["#0000", "red", "red"]])
    make("--method", "spread")
    assert [[bool(name) for name in row] for row in chosen()] == [
        [True, False, True],
        [False, True, True],
    ]


# Looks


def look(*words: object) -> str:
    """Make out.png as `make` does, but without a look."""
    given = ["-o", "out.png", "--target-res", 6, 4, *THUMBS]
    return run("make", "photos", "target.png", *given, *words)


def paint_many(n: int = 48) -> None:
    """Save many photos of two random colours each, and a target of six colours."""
    rng = np.random.default_rng(6)
    pairs = (code(rng.integers(0, 256, (2, 3))) for _ in range(n))
    collect(**{f"p{i:02}": "|".join(pair) for i, pair in enumerate(pairs)})
    picture("target.png", SIX)


def test_without_words_the_look_is_faithful() -> None:
    paint_many()
    said = look()
    assert (
        "match    spread, 24 cells (feature pixels, detail 3, colour oklab, spacing 1)"
        in said
    )
    assert "recolour 0.4: the colours of the photos are changed" in said
    assert (report()["method"], report()["recolour"]) == ("spread", {"recolour": 0.4})
    before = pixels()
    look("--look", "faithful")
    assert (pixels() == before).all()


def test_a_spacing_that_photos_are_too_few_for_is_said() -> None:
    paint_many()
    said = look("--spacing", 9)
    assert "spacing  1 instead of 9: 48 photos are too few for more" in said.splitlines()
    assert "instead of" not in look("--spacing", 1)


def test_how_much_of_the_target_is_cut_off_is_said() -> None:
    paint_many()  # the target has 72 x 32 pixels, a cell 24 x 16
    line = "target   {} of it is cut off, at {}: the mosaic has another shape"
    assert line.format("25%", "top and bottom") in look("--target-res", 6, 3).splitlines()
    assert line.format("47%", "left and right") in look("--target-res", 4, 5).splitlines()
    assert "cut off" not in look("--target-res", 3, 2)


def test_a_target_that_is_one_of_the_photos_is_counted() -> None:
    paint_many()
    picture("photos/me.png", [["teal"]])
    given = ["make", "photos", "photos/me.png", *THUMBS, "--target-res", 3, 2]
    said = run(*given, "-o", "out.png", "--method", "nearest").splitlines()
    line = "target   it is one of the photos, in {}; a table for --budgets can leave it out"
    assert line.format("6 cells") in said
    assert (
        line.format("1 cell")
        in run(*given, "-o", "a.png", "--method", "unique").splitlines()
    )
    picture(
        "only/me.png", [["teal|teal|black|teal"]]
    )  # its right half is like its mirror image
    words = ["make", "only", "only/me.png", *THUMBS, "--target-res", 2, 1, "-o", "c.png"]
    mirrored = ["--method", "nearest", "--variants", "mirror", "--feature", "pixels"]
    assert line.format("2 cells") in run(*words, *mirrored).splitlines()
    Path("b.csv").write_text("name,min,max\nme.png,0,0\n", encoding="utf-8")
    left = run(*given, "-o", "b.png", "--method", "unique", "--budgets", "b.csv")
    assert "one of the photos" not in left


def test_it_is_said_whose_report_is_replaced() -> None:
    prepare()
    make()
    said = run("make", "photos", "target.png", *OPTIONS, "-o", "out.jpg").splitlines()
    assert (
        "report   out.json was about out.png, which nobody can view or paste anew now"
        in said
    )
    again = run("make", "photos", "target.png", *OPTIONS, "-o", "./out.jpg")
    assert "nobody" not in again
    Path("out.jpg").unlink()
    assert "nobody" not in make()


def test_what_is_pasted_is_told_with_its_size_and_sheets() -> None:
    prepare()
    make()
    said = run("paste", "out.png", "large.png", "--size", "90x40").splitlines()
    assert said[-1] == "large.png: 90 x 40 pixels"
    said = run(
        "paste", "out.png", "sheets.pdf", "--dpi", 50, "--sheets", "3x2"
    ).splitlines()
    assert (
        said[-1]
        == "sheets.pdf: 72 x 32 pixels, on 3 x 2 sheets after a page that shows how they lie"
    )


@pytest.mark.parametrize(
    "words", [["--method", "unique"], ["--feature", "mean"], ["--gap", 0.1]]
)
def test_with_a_setting_of_a_match_the_look_is_plain(words: list[object]) -> None:
    paint_many()
    look(*words)
    asked, before = report(), pixels()
    look("--look", "plain")
    assert "recolour" not in asked
    assert (pixels() == before).all()


def test_a_setting_that_is_given_wins_over_that_of_the_look() -> None:
    paint_many()
    look("--look", "sharp", "--detail", 2, "--colour", "lab", "--recolour", 0.2)
    settings, changed = report()["settings"], report()["recolour"]
    assert (settings["detail"], settings["colour"], changed) == (
        2,
        "lab",
        {"recolour": 0.2},
    )


@pytest.mark.parametrize("words", [["--look", "untouched"], ["--recolour", 0]])
def test_photos_stay_as_they_are_on_request(words: list[object]) -> None:
    prepare()
    look(*words)
    assert "recolour" not in report()
    colours = {tuple(colour) for colour in levels(SIX).reshape(6, 3).tolist()}
    for cell in pixels()[8::16, 12::24].reshape(-1, 3):
        assert min(apart(cell, colour) for colour in colours) < 4


def test_no_photo_is_there_twice_with_the_look_once() -> None:
    paint_many()
    look("--look", "once")
    assert report()["most_used"] == 1


def test_all_photos_are_there_with_the_look_everyone() -> None:
    paint_many()
    look("--look", "everyone", "--target-res", 10, 8)
    assert report()["photos_used"] == 48


@pytest.mark.parametrize(
    ("words", "recolour"),
    [(["--tint", 0.3], {"tint": 0.3}), (["--blend", 0.3], {"blend": 0.3})],
)
def test_another_way_of_recolouring_takes_the_place_of_that_of_the_look(
    words: list[object], recolour: dict[str, float]
) -> None:
    paint_many()
    look(*words)
    assert report()["recolour"] == recolour
    look()
    run("paste", "out.png", "new.png", "--blend", 0.5)
    assert report("new.json")["recolour"] == {"blend": 0.5}


def test_what_a_look_wants_gives_way_to_what_thumbnails_and_features_allow() -> None:
    paint_many()
    look("--thumb-res", 2, 1)
    assert report()["settings"]["detail"] == 1
    look("--look", "faithful", "--feature", "histogram")
    assert "detail" not in report()["settings"]


def test_a_look_that_nobody_knows_is_refused_with_a_guess(refusal: Refusal) -> None:
    prepare()
    words = ["make", "photos", "target.png", *OPTIONS, "--look"]
    assert "did you mean 'untouched'?" in refusal(*words, "untuched")
    assert "there are faithful, sharp, everyone" in refusal(*words, "zzz")


def test_the_last_lines_say_how_close_it_is_and_what_would_help() -> None:
    paint_many()
    *_, likeness, advice = look().splitlines()
    assert likeness.startswith("likeness rough: colours differ by ")
    assert advice.startswith("advice   24 cells show little of the target; ")
    *_, likeness, advice = look("--look", "untouched", "--target-res", 30, 20).splitlines()
    assert likeness.startswith("likeness ")
    assert advice == "advice   48 photos are few; more of them make a better mosaic"


# Empty cells

SHAPED: Grid = [["red", "#0000", "blue"], ["#0000", "yellow", "black"]]
LEFT: Grid = [["red", "", "blue"], ["", "yellow", "black"]]


@pytest.mark.parametrize("masked", [False, True])
def test_cells_stay_empty_where_the_target_or_a_mask_says_so(masked: bool) -> None:
    prepare([["red", "blue"], ["yellow", "black"]], SIX if masked else SHAPED)
    white = [["white", "black", "white"], ["#222", "white", "white"]]
    mask = ["--mask", picture("mask.png", white, cell=(12, 8))] if masked else []
    make("--repeats", "refuse", *mask)  # there are as many photos as filled cells
    assert chosen() == LEFT
    assert (report()["cells"], report()["photos_used"]) == (4, 4)
    assert report()["score"]["rmse"] < 5
    alpha = pixels(mode="RGBA")[..., 3]
    full = np.array([[255 * bool(name) for name in row] for row in LEFT])
    assert (alpha == full.repeat(16, axis=0).repeat(24, axis=1)).all()
    run("paste", "out.png", "new.jpg", "--tint", 0.5)
    assert means("new.jpg")[[0, 1], [1, 0]].min() > 250
    assert json.loads(run("score", "out.png", "target.png", "--json"))["score"]["rmse"] < 5


def test_nothing_to_fill_is_refused(refusal: Refusal) -> None:
    prepare()
    picture("mask.png", [["black"]])
    words, before = ["make", "photos", "target.png", *OPTIONS], set(files())
    assert "no cell is left to fill" in refusal(*words, "--mask", "mask.png")
    picture("target.png", [["#0000"] * 3] * 2)
    assert "no cell is left to fill" in refusal(*words)
    assert "out.png" not in set(files()) - before


def test_pins_count_places_of_the_whole_grid_but_not_empty_cells(refusal: Refusal) -> None:
    prepare(SIX, SHAPED)
    Path("pins.csv").write_text("row,col,name\n1,2,lime.png\n")
    make("--pins", "pins.csv")
    assert chosen() == [["red", "", "blue"], ["", "yellow", "lime"]]
    Path("pins.csv").write_text("row,col,name\n1,0,lime.png\n")
    said = refusal("make", "photos", "target.png", *OPTIONS, "--pins", "pins.csv")
    assert "the cell in row 1, col 0 stays empty" in said


def test_spacing_leaves_empty_cells_out_of_account(refusal: Refusal) -> None:
    prepare(SIX, [["red", "#0000", "red"], ["#0000", "red", "red"]])
    make(*NEAREST, "--spacing", 1)
    (left, _, one), (_, two, three) = chosen()
    assert len({one, two, three}) == 3
    assert left != two
    assert (report()["cells"], report()["too_near"]) == (4, 0)
    said = refusal("make", "photos", "target.png", *OPTIONS, "--spacing", 1)
    assert 'needs method = "nearest"' in said


# For an eye that stands back


def test_a_match_for_an_eye_far_away_uses_each_photo_once_and_says_so() -> None:
    prepare_many()
    said = make("--target-res", 6, 4, "--seen-from", 2)
    assert "match    unique, 24 cells (seen_from 2.0)" in said
    assert sorted(flat(chosen())) == [f"g{i:02}" for i in range(24)]
    assert "proof" not in report()


def test_a_match_for_an_eye_nearby_is_the_exact_one() -> None:
    prepare()
    make("--seen-from", 0)
    exact = chosen()
    make("--seen-from", 3)
    assert chosen() == exact == SIX  # there is a photo for each cell


def test_from_afar_two_colours_alternate() -> None:
    reddish, greenish = "#a85880", "#58a880"
    collect(**{f"r{i}": reddish for i in range(3)}, **{f"g{i}": greenish for i in range(3)})
    picture("target.png", [["#808080"] * 6])
    make("--target-res", 6, 1, "--seen-from", 1)
    assert "".join(name[0] for name in chosen()[0]) in ("rgrgrg", "grgrgr")


def test_from_afar_too_few_photos_are_used_equally_often() -> None:
    prepare()
    make("--target-res", 6, 4, "--seen-from", 2)
    found = flat(chosen())
    assert {found.count(colour) for colour in flat(SIX)} == {4}


def test_budgets_are_kept_from_afar() -> None:
    prepare()
    Path("b.csv").write_text("name,min,max\nred.png,0,1\nblue.png,9,9\n")
    words = ["--budgets", "b.csv", "--max-uses", 6, "--target-res", 6, 4]
    make(*words, "--seen-from", 2)
    found = flat(chosen())
    assert (found.count("red"), found.count("blue")) == (1, 9)


def test_from_afar_no_cell_may_be_empty(refusal: Refusal) -> None:
    prepare(SIX, SHAPED)
    line = refusal("make", "photos", "target.png", *OPTIONS, "--seen-from", 2)
    assert line == "mosaic: `seen_from` needs a target without empty cells"


@pytest.mark.parametrize(
    ("shaped", "words", "said"),
    [
        (True, ["--seen-from", 2], "`seen_from` needs a target without empty cells"),
        (
            True,
            ["--spacing", 2, "--method", "unique"],
            '`spacing` with empty cells needs method = "nearest"',
        ),
        (False, ["--choices", 7], "choices = 7: there are 6 photos to choose from"),
        (
            False,
            ["--choices", 13, "--variants", "mirror"],
            "choices = 13: there are 12 photos to choose from",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_any_thumbnail_is_made(
    shaped: bool,
    words: list[object],
    said: str,
    refusal: Refusal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare(SIX, *([SHAPED] if shaped else []))
    monkeypatch.setattr(making, "make_all", None)
    assert refusal("make", "photos", "target.png", *OPTIONS, *words) == f"mosaic: {said}"


# Where it matters


@pytest.mark.parametrize(("row", "col"), [(0, 0), (0, 2), (1, 1), (1, 2)])
@pytest.mark.parametrize("painted", [False, True])
@pytest.mark.parametrize("method", ["spread", "unique"])
def test_the_cell_that_matters_gets_the_photo_that_is_there_once(
    row: int, col: int, painted: bool, method: str
) -> None:
    prepare([["red", "maroon", "brown", "orange"]], [["red"] * 3] * 2)
    Path("b.csv").write_text("name,min,max\nred.png,0,1\n")
    focus = f"{24 * col},{16 * row},24,16"
    if painted:
        rows = [
            ["white" if (i, j) == (row, col) else "black" for j in range(3)] for i in (0, 1)
        ]
        focus = picture("focus.png", rows, (8, 8))
    make("--method", method, "--budgets", "b.csv", "--max-uses", 9, "--focus", focus)
    assert np.argwhere(np.array(chosen()) == "red").tolist() == [[row, col]]


def test_of_weighted_errors_cost_and_bound_are_weighted_too() -> None:
    prepare_many()
    make("--target-res", 6, 4)
    once = report()
    make("--target-res", 6, 4, "--focus", "0,0,9999,9999")
    assert report()["cost"] == pytest.approx(4 * once["cost"])
    assert report()["bound"] == pytest.approx(4 * once["bound"])
    assert report()["levels"] == once["levels"]
    assert report()["proof"] == "24 photos placed, proven optimal"


def test_several_boxes_matter() -> None:
    prepare([["red", "maroon", "brown", "orange"]], [["red"] * 3] * 2)
    Path("b.csv").write_text("name,min,max\nred.png,0,2\n")
    boxes = ["0,0,24,16", "48,16,24,16"]
    make("--method", "spread", "--budgets", "b.csv", "--max-uses", 9, "--focus", *boxes)
    assert np.argwhere(np.array(chosen()) == "red").tolist() == [[0, 0], [1, 2]]


def test_a_focus_goes_with_the_default_look() -> None:
    paint_many()
    look("--focus", "0,0,24,16")
    assert report()["method"] == "spread"
    assert report()["settings"]["focus"] == ["0,0,24,16"]


def test_a_focus_is_not_overwritten_and_not_wanted_again(refusal: Refusal) -> None:
    paint_many()
    picture("face.png", [["white", "black"]])
    before = files()
    words = ["make", "photos", "target.png", "--focus", "face.png", *THUMBS]
    assert refusal(*words, "-o", "face.png").startswith("mosaic: face.png is the focus; ")
    assert files() == before
    look("--focus", "face.png")
    Path("face.png").unlink()
    assert run("page", "out.png") == "out.html\n"
    assert "score" in run("score", "out.png", "target.png")


# A store that mosaics share


def make_shared(output: str, *words: object, photos: str = "photos") -> str:
    """Make a mosaic of thumbnails in shared.h5."""
    given = ["-o", output, "--store", "shared.h5", "--target-res", 3, 2, *PLAIN]
    return run("make", photos, "target.png", *given, *words)


def test_the_second_mosaic_of_a_store_makes_no_thumbnails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare()
    assert "kept     shared.h5: thumbnails" in make_shared("one.png")
    before = Path("shared.h5").stat()
    monkeypatch.setattr(making, "make_all", None)  # so that whoever calls it fails
    picture("target.png", [row[::-1] for row in SIX])
    make_shared("two.png")
    after = Path("shared.h5").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert report("one.json")["files"]["store"] == "shared.h5"
    assert report("two.json")["files"]["store"] == "shared.h5"
    assert chosen("one.json") == SIX
    assert chosen("two.json") == [row[::-1] for row in SIX]
    assert not (Path("one.h5").exists() or Path("two.h5").exists())


def test_a_store_in_a_folder_is_named_as_it_is_seen_from_the_report() -> None:
    prepare()
    Path("kept").mkdir()
    Path("made").mkdir()
    make("-o", "made/out.png", "--store", "kept/s.h5")
    assert report("made/out.json")["files"]["store"] == "../kept/s.h5"
    assert run("page", "made/out.png") == "made/out.html\n"


def test_a_store_of_other_photos_is_made_anew_and_nothing_else_is_lost(
    refusal: Refusal,
) -> None:
    prepare()
    make_shared("one.png")
    before = files()
    for colour in ("gray", "pink", "teal", "gold", "navy", "lime"):
        picture(f"others/{colour}.png", [[colour]])
    make_shared("two.png", photos="others")
    assert "lime" in flat(chosen("two.json"))
    kept = {name for name, content in files().items() if before.get(name) == content}
    assert before.keys() - kept == {"shared.h5"}
    assert "shared.h5" in refusal("paste", "one.png", "new.png")
    make_shared("one.png")
    assert {name: files()[name] for name in before} == before


def test_a_folder_without_photos_does_not_empty_a_store(refusal: Refusal) -> None:
    prepare()
    make_shared("one.png")
    before = files()
    Path("empty").mkdir()
    words = ["-o", "two.png", "--store", "shared.h5", *OPTIONS[2:]]
    assert "no photos found" in refusal("make", "empty", "target.png", *words)
    assert files() == before


@pytest.mark.parametrize("name", ["out.png", "out.json", "target.png"])
def test_a_store_takes_no_other_files_place(name: str, refusal: Refusal) -> None:
    prepare()
    before = files()
    line = refusal("make", "photos", "target.png", *OPTIONS, "--store", name)
    assert line.startswith(f"mosaic: {name} is ")
    assert files() == before


# Scores, pages, and what is not ours


def test_a_report_has_what_applies_and_no_more() -> None:
    prepare()
    make(*NEAREST)
    both = {"method", "cells", "cost", "levels", "photos", "photos_used", "most_used"}
    both |= {"most_used_photo", "equal_neighbours", "store", "program", "settings", "files"}
    assert set(report("out.json")) == both | {"look", "match", "score", "size"}
    run("thumbnails", "photos", "out.h5", *THUMBS)
    run("match", "out.h5", "m.tab", "--target", "target.png", "--target-res", 3, 2)
    proof = {"proof", "bound", "gap", "rounds", "arcs", "tiles", "stopped"}
    assert set(report("m.json")) == both | proof


@pytest.mark.usefixtures("striped")
def test_a_score_gives_the_numbers_of_the_report() -> None:
    printed = [line for line in make(*NEAREST).splitlines() if "RMSE" in line]
    shown = run("score", "out.png", "target.png").splitlines()
    assert shown[:1] == printed
    assert shown[1].startswith(
        "used     1 of 1 photos, none more than 6 times (only.png); 7"
    )
    found, known = (
        json.loads(run("score", "out.png", "target.png", "--json")),
        dict(report()),
    )
    assert found == {key: known[key] for key in found}
    assert set(found["score"]) == {"rmse", "ciede2000", "ssim", "ssim_twice"}
    error = np.sqrt(((means() - means("target.png")) ** 2).mean())
    assert found["score"]["rmse"] == pytest.approx(error, rel=0.05)


def test_a_score_without_a_report_asks_for_the_grid(refusal: Refusal) -> None:
    score = ["score", picture("out.png", SIX, cell=(30, 20)), picture("target.png", SIX)]
    assert "say --target-res COLS ROWS" in refusal(*score)
    score += ["--target-res", "3", "2"]
    perfect = json.loads(run(*score, "--json"))["score"]
    assert perfect["rmse"] < 4
    assert min(perfect["ssim"], perfect["ssim_twice"]) > 0.97
    picture("out.png", [row[::-1] for row in SIX])
    other = json.loads(run(*score, "--json"))["score"]
    assert other["rmse"] > 100
    assert other["ssim"] < 0.5


def test_a_score_looks_at_the_grid_of_the_report_or_at_another() -> None:
    prepare()
    run("make", "photos", "target.png", "-o", "out.png", *PLAIN, "--tile", 24)
    same = json.loads(run("score", "out.png", "target.png", "--json"))["score"]
    finer = json.loads(
        run("score", "out.png", "target.png", "--json", "--target-res", 6, 4)
    )
    assert max(same["rmse"], finer["score"]["rmse"]) < 8
    assert finer["score"] != same


def test_a_page_escapes_names_and_replaces_only_pages(refusal: Refusal) -> None:
    prepare()
    Path("photos/red.png").rename("photos/<b>&red.png")
    run("make", "photos", "target.png", *OPTIONS, "-o", "<i>.png")
    for _ in range(2):  # again over our own
        assert run("page", "<i>.png") == "<i>.html\n"
    text = Path("<i>.html").read_text()
    assert "&lt;b&gt;&amp;red.png" in text
    assert "<title>&lt;i&gt;</title>" in text
    assert "<b>&red" not in text
    assert "filled with 6 of 6 photos, none more than once" in text
    Path("<i>.html").write_text("<h1>my holidays</h1>")
    assert "is not of our making" in refusal("page", "<i>.png")
    assert Path("<i>.html").read_text() == "<h1>my holidays</h1>"


def test_a_deep_zoom_image_gets_a_viewer_to_which_its_page_leads() -> None:
    prepare()
    make("-o", "out.dzi")
    assert run("view", "out.dzi") == "out_view/index.html\n"
    run("page", "out.dzi")
    assert 'href="out_view/index.html"' in Path("out.html").read_text()
    assert "yellow.png" in Path("out_view", "index.html").read_text()


def test_a_page_and_a_dive_need_a_mosaic_and_its_report(refusal: Refusal) -> None:
    for words in (["page", "out.png"], ["zoom", "out.png", "z.gif"]):
        assert "there is no mosaic out.png" in refusal(*words)
    picture("target.png", [["red"]])
    for words in (["page", "target.png"], ["zoom", "target.png", "z.gif"]):
        assert "there is no report" in refusal(*words)
    assert list(files()) == ["target.png"]


@pytest.mark.parametrize(
    "name", ["h5", "json", "html", "csv", "tab", "rejects.tsv", "alike.txt"]
)
def test_files_that_are_not_ours_are_never_overwritten(name: str, refusal: Refusal) -> None:
    prepare()
    Path(f"results.{name}").write_text('{"my": "results"}')
    before, words = files(), ["make", "photos", "target.png", *OPTIONS, "-o", "results.jpg"]
    if name not in ("csv", "json"):  # which it does not write
        run(*words, "--choices", 2)
    else:
        said = refusal(*words, "--choices", 2)
        assert f"results.{name} is not of our making" in said
        assert files() == before
    assert Path(f"results.{name}").read_text() == '{"my": "results"}'


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        ("mask.png", "make photos target.png -o mask.png --mask mask.png"),
        ("target.png", "paste out.webp target.png"),
        ("target.png", "match out.h5 target.png --target target.png"),
        ("out.webp", "zoom out.webp out.webp --seconds 0.1"),
        ("b.csv", "match out.h5 b.tab --target target.png --budgets b.csv --choices 2"),
        ("mine.h5", "thumbnails photos mine.h5"),
    ],
)
def test_no_command_overwrites_what_it_reads(
    kept: str, words: str, refusal: Refusal
) -> None:
    prepare()
    make("-o", "out.webp", "--store", "out.h5")
    picture("mask.png", [["white"]])
    Path("b.csv").write_text("name,min,max\nred.png,0,1\n")
    Path("mine.h5").write_text("my own data")
    before, more = Path(kept).read_bytes(), ["--target-res", 3, 2] * ("target.png" in words)
    assert kept in refusal(*words.split(), *(more if "paste" not in words else []))
    assert Path(kept).read_bytes() == before


def test_a_mosaic_among_the_photos_and_its_tiles_are_no_photos_of_the_next() -> None:
    prepare()
    for _ in range(2):
        said = make("-o", "photos/out.dzi")
        assert "used     6 of 6 photos" in said
        assert Path("photos/out_files").is_dir()


@pytest.mark.parametrize("more", [["--solver", "dense"], ["--metric", "cityblock"], []])
def test_more_uses_than_cells_are_refused_however_they_are_solved(
    more: list[str], refusal: Refusal
) -> None:
    prepare([*SIX, ["teal"]])
    words = ["make", "photos", "target.png", *OPTIONS, "--min-uses", 1, *more]
    assert "6 cells cannot hold 7 photos used at least 1 times" in refusal(*words)


@pytest.mark.parametrize("solver", ["auto", "dense"])
def test_every_solver_places_too_few_photos_equally_well(solver: str) -> None:
    paint_random(5, 4)
    make("--solver", "sparse")
    least = report()["cost"]
    make("--solver", solver)
    assert report()["cost"] == pytest.approx(least, rel=1e-9)
    assert sorted(np.unique(flat(chosen()), return_counts=True)[1].tolist()) == [1, 1, 2, 2]


# What does not go together

CONSTRAINTS: dict[str, list[object]] = {
    "budgets": ["--budgets", "b.csv"],
    "pins": ["--pins", "p.csv"],
    "dedupe": ["--dedupe"],
    "gap": ["--gap", 0.1],
    "time_limit": ["--time-limit", 9],
}
CLASHES: list[tuple[list[object], str]] = [
    (["--detail", 2], "`detail` needs feature = pixels"),
    (["--feature", "pixels", "--bins", 8], "`bins` needs feature = histogram"),
    (["--metric", "cosine", "--colour", "lab"], "`cosine` needs colour = rgb or linear"),
    (["--metric", "cosine", "--colour", "oklab"], "`cosine` needs colour = rgb or linear"),
    (["--dither", *NEAREST, "--feature", "pixels"], "`dither` needs feature = mean"),
    (["--dither", *NEAREST, "--metric", "cityblock"], "`dither` needs metric = euclidean"),
    (["--dither"], "`dither` needs method = nearest"),
    (["--dither", *NEAREST, "--spacing", 1], "`dither` does not go with `spacing`"),
    (["--tint", 0.5, "--blend", 0.5], "`tint` does not go with `blend`"),
    (["--tile", 16], "`tile` does not go with `target_res`"),
    (["--tile", 16, "--size", 90, 40], "`tile` does not go with"),
    (["--target-res", 0, 4], "give both numbers, or 0 0"),
    (["--size", 0, 40], "give width and height, or 0 0"),
    (["--size", 2, 40], "size = (2, 40)"),
    (["--weights", 0, 0, 0], "weights = [0.0, 0.0, 0.0]"),
    (["--weights", "nan", 1, 1], "weights = nan 1 1: it must be three numbers"),
    ([*NEAREST, "--min-uses", 1], 'min_uses does not go with method = "nearest"'),
    (["--tint", 0.5, "--recolour", 0.5], "`recolour` does not go with `tint`"),
    (["--spacing", 1, "--metric", "cityblock"], "cityblock"),
    (["--mask", "gone.png"], "cannot open the mask gone.png"),
    (["--feature", "pixels", "--detail", 17], "detail = 17"),
    (["--seen-from", 2, *NEAREST], "`seen_from` needs method = unique"),
    (["--seen-from", 2, "--method", "spread"], "`seen_from` needs method = unique"),
    (["--seen-from", 2, "--look", "faithful"], "`seen_from` needs method = unique"),
    (["--seen-from", 2, "--feature", "histogram"], "`seen_from` needs feature = mean or"),
    (["--seen-from", 2, "--spacing", 1], "seen_from does not go with spacing"),
    (["--seen-from", 2, "--solver", "sparse"], "solver does not go with seen_from"),
    (["--seen-from", 2, "--metric", "cosine"], "metric does not go with seen_from"),
    (["--seen-from", 2, "--weights", 1, 2, 1], "weights does not go with seen_from"),
    (["--seen-from", -1], "seen_from = -1: it must be a number at least 0"),
    (["--seen-from", "inf"], "seen_from = inf: it must be a number at least 0"),
    (["--focus", "0,0,9,9", *NEAREST], "`focus` needs method = spread or unique"),
    (["--focus", "0,0,9,9", "--seen-from", 2], "`focus` does not go with seen_from"),
    (["--focus", "0,0,9,9", "--spacing", 2], "`focus` does not go with spacing"),
    (["--focus", "0,0,9,9", "--gap", 0.1], "`focus` does not go with gap"),
    (["--focus", "gone.png", "--method", "spread"], "cannot open the focus gone.png"),
    (["--focus", "99,0,9,9", "--method", "spread"], "focus = 99,0,9,9: nothing of that"),
]
for key, asked in CONSTRAINTS.items():
    CLASHES += [
        ([*asked, *NEAREST], f'{key} does not go with method = "nearest"'),
        ([*asked, "--solver", "dense"], f'{key} does not go with solver = "dense"'),
        ([*asked, "--metric", "chebyshev"], f"{key}"),
    ]
for key in ("pins", "gap", "time_limit"):
    asked = CONSTRAINTS[key]
    CLASHES += [
        ([*asked, "--spacing", 1], f"{key} does not go with spacing"),
        ([*asked, "--method", "spread"], f'{key} does not go with method = "spread"'),
        ([*asked, "--seen-from", 2], f"{key} does not go with seen_from"),
    ]


@pytest.mark.parametrize(("words", "said"), CLASHES, ids=lambda one: str(one))
def test_what_does_not_go_together_is_refused_before_any_work(
    words: list[object], said: str, refusal: Refusal
) -> None:
    prepare()
    before = files()
    assert said in refusal("make", "photos", "target.png", *OPTIONS, *words)
    assert files() == before


# What a user may come upon


def test_lists_and_stores_and_tables_do_not_replace_each_other(refusal: Refusal) -> None:
    prepare()
    make("--store", "out.h5")
    run("match", "out.h5", "out.tab", "--target", "target.png", "--target-res", 3, 2)
    Path("notes.txt").write_text("my notes")
    before = files()
    words = ["--target", "target.png", "--target-res", 3, 2]
    for line in (
        ["list", "photos", "notes.txt"],
        ["match", "out.h5", "out.h5", *words],
        ["thumbnails", "photos", "out.tab", *THUMBS],
    ):
        refusal(*line)
    assert files() == before


def test_a_constraint_that_cannot_be_kept_names_the_photo(refusal: Refusal) -> None:
    prepare()
    Path("p.csv").write_text("row,col,name\n0,0,blue.png\n1,1,blue.png\n")
    words = ["make", "photos", "target.png", *OPTIONS, "--pins", "p.csv"]
    assert "the photo 'blue.png' is pinned to 2 cells" in refusal(*words)


def test_the_fewest_repeats_are_counted_among_photos_without_a_budget() -> None:
    collect(red="red", blue="blue", lime="lime")
    picture("target.png", SIX)
    Path("b.csv").write_text("name,min,max\nred.png,0,0\n")
    make("--budgets", "b.csv")
    assert sorted(flat(chosen())) == ["blue"] * 3 + ["lime"] * 3


def test_a_page_is_not_made_by_the_report_of_another_mosaic(refusal: Refusal) -> None:
    prepare()
    make("-o", "out.jpg")
    make("-o", "out.png")
    assert "is about out.png" in refusal("page", "out.jpg")


def test_a_page_of_a_mosaic_whose_name_is_no_text() -> None:
    prepare()
    make("-o", os.fsdecode(b"m\xff.png"))
    run("page", os.fsdecode(b"m\xff.png"))
    text = Path(os.fsdecode(b"m\xff.html")).read_text()
    assert "<title>m\\xff</title>" in text


def test_a_dive_that_would_fill_the_memory_is_refused(refusal: Refusal) -> None:
    prepare()
    make()
    zoom = ["zoom", "out.png", "z.webp", "--seconds"]
    assert "need 3955 MB" in refusal(*zoom, 5, "--size", "3840x2160")
    assert "16383 pixels" in refusal(*zoom, 0.1, "--size", "20000x20")
    for seconds in ("nan", "inf", -1, 0):
        assert "seconds" in refusal(*zoom, seconds)


def test_a_score_sees_the_target_as_the_match_did() -> None:
    prepare()
    outer = Image.new("RGB", (72, 60), "teal")
    outer.paste(Image.open("target.png"), (0, 14))
    outer.save("target.png")
    make()
    run("paste", "out.png", "wide.png", "--thumb-res", 40, 12)
    found = json.loads(run("score", "wide.png", "target.png", "--json"))["score"]
    assert found == report("wide.json")["score"]
    assert found["rmse"] < 10


def test_a_process_that_is_told_to_end_leaves_no_poor_mosaic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    signals_are_new(monkeypatch)
    with pytest.raises(Stopped):
        command.stop(signal.SIGTERM)
    assert not issubclass(Stopped, KeyboardInterrupt)  # which a match survives


def signals_are_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """No signal came before; what `stop` changes is put back after the test."""
    monkeypatch.setattr(command, "HEARD", dict(command.HEARD))
    for number in command.HEARD:
        command.HEARD[number] = -math.inf
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_comes_again_at_once_does_not_disturb_the_end(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    signals_are_new(monkeypatch)
    times = iter([10, 10.1, 11.5, 12.1])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    with pytest.raises((KeyboardInterrupt, Stopped)):
        command.stop(number)
    command.stop(number)
    command.stop(signal.SIGINT)
    with pytest.raises((KeyboardInterrupt, Stopped)):  # should tidying up take too long
        command.stop(number)


def test_a_program_in_the_background_ignores_ctrl_c() -> None:
    before = [signal.getsignal(number) for number in command.HEARD]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a script's shell does
    try:
        with pytest.raises(SystemExit):
            main(["--help"])
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) == command.stop
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with pytest.raises(SystemExit):
            main(["--help"])
        assert signal.getsignal(signal.SIGINT) == command.stop
    finally:
        for number, do in zip(command.HEARD, before, strict=True):
            signal.signal(number, do)


def test_sigterm_after_ctrl_c_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    signals_are_new(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        command.stop(signal.SIGINT)
    with pytest.raises(Stopped):
        command.stop(signal.SIGTERM)


def test_the_tiles_of_a_deep_zoom_image_are_no_photos() -> None:
    prepare()
    make("-o", "photos/out.dzi")
    said = make("-o", "photos/other.png")
    assert "used     6 of 6 photos" in said
