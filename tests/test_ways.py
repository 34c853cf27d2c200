"""Every way to compare, to choose and to finish, through the command line, checked by eye."""

import csv
import http.server
import itertools
import json
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageColor

import mosaic
from tesserae import collection, features

Array = NDArray[Any]
Grid = list[list[str]]
Refusal = Callable[..., str]
Capture = pytest.CaptureFixture[str]
SIX: Grid = [["red", "lime", "blue"], ["white", "yellow", "black"]]
USUAL = ["--target-res", 3, 2, "--thumb-res", 24, 16, "--thumb-quality", 95, "--workers", 1]


def picture(path: Path, rows: Grid, cell: tuple[int, int] = (24, 16)) -> Path:
    """Save an image of cells; a cell is of a colour, or striped: `red|blue` from left to right."""
    image = Image.new("RGBA", (len(rows[0]) * cell[0], len(rows) * cell[1]))
    for (i, row), (j, _) in itertools.product(enumerate(rows), enumerate(rows[0])):
        stripes = row[j].split("|")
        for k, colour in enumerate(stripes):
            left, right = (j * cell[0] + cell[0] * at // len(stripes) for at in (k, k + 1))
            box = (left, i * cell[1], right, (i + 1) * cell[1])
            image.paste(ImageColor.getcolor(colour, "RGBA"), box)
    path.parent.mkdir(parents=True, exist_ok=True)
    opaque = image.getchannel("A").getextrema() == (255, 255)
    (image.convert("RGB") if opaque else image).save(path)
    return path


def collect(folder: Path, **photos: str) -> Path:
    """A folder of photos of 24 x 16 pixels, by name; each of a colour, or striped."""
    for name, colours in photos.items():
        picture(folder / f"{name}.png", [[colours]])
    return folder


def flat(rows: Grid) -> list[str]:
    """The cells of all rows."""
    return list(itertools.chain.from_iterable(rows))


def plain(folder: Path, rows: Grid = SIX) -> Path:
    """A folder of photos, one for each cell of a picture, called after their colours."""
    return collect(folder, **{colour.strip("#"): colour for colour in flat(rows)})


def run(*words: object) -> None:
    """Run the command line in this process; it must end well."""
    assert mosaic.main([str(word) for word in words]) == 0


def make(photos: Path, target: Path, output: Path, *more: object) -> dict[str, Any]:
    """Make a mosaic of 3 x 2 cells of 24 x 16 pixels; return its report."""
    run("make", photos, target, "-o", output, *USUAL, *more)
    return read_report(output)


def read_report(path: Path) -> dict[str, Any]:
    """The report beside a mosaic or a table."""
    return dict(json.loads(path.with_suffix(".json").read_text()))


def chosen(path: Path) -> Grid:
    """The names, without their endings, of the photos in the cells; empty cells are ``."""
    store = mosaic.read_store(str(path.with_suffix(".h5")))
    match = np.loadtxt(path.with_suffix(".tab"), dtype=int, ndmin=2).tolist()
    names = [Path(name).stem for name in store.names]
    return [["" if i < 0 else names[i] for i in row] for row in match]


def pixels(path: Path, mode: str = "RGB") -> Array:
    """The levels of an image: (height, width, channels)."""
    with Image.open(path) as image:
        return np.asarray(image.convert(mode)).astype(int)


def means(path: Path, cols: int = 3, rows: int = 2) -> Array:
    """The mean colours of the cells of an image: (rows, cols, 3)."""
    found = pixels(path)
    height, width = found.shape[0] // rows, found.shape[1] // cols
    return found.reshape(rows, height, cols, width, 3).mean(axis=(1, 3))


def levels(rows: Grid) -> Array:
    """The levels of colours: (rows, cols, 3)."""
    return np.array([[ImageColor.getrgb(colour)[:3] for colour in row] for row in rows])


def code(colours: Array) -> list[str]:
    """Colours, (k, 3), as words like #0a0b0c."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in colours.tolist()]


def files(folder: Path) -> dict[str, bytes]:
    """All files below a folder and what is in them."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture
def six(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Six plain photos, a target of their colours, and where the mosaic goes."""
    folder, target = plain(tmp_path / "photos"), picture(tmp_path / "target.png", SIX)
    return folder, target, tmp_path / "out.png"


# What is compared

STRIPES: Grid = [["white|black", "black|white", "#808080"]] * 2


@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_pixels_put_an_edge_where_it_is_and_the_mean_knows_of_none(
    method: str, tmp_path: Path
) -> None:
    photos = collect(tmp_path / "p", wb="white|black", bw="black|white", grey="#808080")
    target = picture(tmp_path / "t.png", [STRIPES[0], STRIPES[0][::-1]])
    words = ["--method", method, "--max-uses", 2]
    make(
        photos,
        target,
        tmp_path / "pixels.png",
        *words,
        "--feature",
        "pixels",
        "--detail",
        2,
    )
    wanted = ["wb", "bw", "grey"]
    assert chosen(tmp_path / "pixels.png") == [wanted, wanted[::-1]]
    report = make(photos, target, tmp_path / "mean.png", *words)
    assert report["cost"] < 50  # to the mean, all are equally good
    if method == "nearest":
        assert len(set(flat(chosen(tmp_path / "mean.png")))) == 1


def test_detail_decides_how_fine_a_pattern_is_seen(tmp_path: Path) -> None:
    photos = collect(tmp_path / "p", fine="white|black|white|black", grey="#808080")
    target = picture(tmp_path / "t.png", [["white|black|white|black"] * 3, ["#808080"] * 3])
    words = ["--method", "nearest", "--feature", "pixels", "--detail"]
    assert make(photos, target, tmp_path / "coarse.png", *words, 2)["cost"] < 200
    assert len(set(flat(chosen(tmp_path / "coarse.png")))) == 1
    make(photos, target, tmp_path / "fine.png", *words, 4)
    assert chosen(tmp_path / "fine.png") == [["fine"] * 3, ["grey"] * 3]


@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_histograms_tell_stripes_from_grey_but_not_left_from_right(
    method: str, tmp_path: Path
) -> None:
    photos = collect(tmp_path / "p", bw="black|white", grey="#808080", one="#a08080")
    target = picture(tmp_path / "t.png", [STRIPES[0], STRIPES[0][::-1]])
    words = ["--method", method, "--max-uses", 4, "--feature", "histogram", "--bins"]
    make(photos, target, tmp_path / "many.png", *words, 16)
    assert chosen(tmp_path / "many.png") == [["bw", "bw", "grey"], ["grey", "bw", "bw"]]
    report = make(photos, target, tmp_path / "one.png", *words, 1)
    assert report["cost"] == 0  # in one bin is everything
    assert "levels" not in report


# How it is compared

CANDIDATES = {"a": "#a06464", "b": "#8c8c64", "c": "#878782", "d": "#141414"}
NEAREST = {
    "cityblock": ("a", 60.0),
    "euclidean": ("b", 3200**0.5),
    "chebyshev": ("c", 35.0),
}


@pytest.mark.parametrize("method", ["nearest", "unique"])
@pytest.mark.parametrize("metric", [*NEAREST, "cosine"])
def test_each_metric_has_another_nearest(
    metric: str, method: str, tmp_path: Path, capsys: Capture
) -> None:
    photos = collect(tmp_path / "p", **CANDIDATES)
    target = picture(tmp_path / "t.png", [["#646464"] * 3] * 2)
    words = ["--method", method, "--metric", metric, "--choices", 2, "--max-uses", 6]
    report = make(photos, target, tmp_path / "out.png", *words)
    name, distance = NEAREST.get(metric, ("d", 0.0))
    assert chosen(tmp_path / "out.png") == [[name] * 3] * 2
    once = distance**2 if metric == "euclidean" else distance
    assert report["cost"] == pytest.approx(6 * once, abs=1e-5)
    assert (f"(metric {metric})" in capsys.readouterr().out) == (metric != "euclidean")
    with (tmp_path / "out.csv").open() as table:
        best = [row for row in csv.DictReader(table) if row["rank"] == "0"]
    assert [row["name"] for row in best] == [f"{name}.png"] * 6
    assert [float(row["distance"]) for row in best] == pytest.approx(
        [distance] * 6, abs=1e-5
    )


def distances(tiles: Array, cells: Array, metric: str) -> Array:
    """What each tile costs in each cell: (n, 3) and (m, 3) to (n, m)."""
    if metric == "cosine":
        one, other = (x / np.linalg.norm(x, axis=1)[:, None] for x in (tiles, cells))
        return np.asarray(1 - one @ other.T)
    gaps = np.abs(tiles[:, None] - cells)
    if metric == "euclidean":
        return np.asarray((gaps**2).sum(axis=2))
    return np.asarray(gaps.sum(axis=2) if metric == "cityblock" else gaps.max(axis=2))


@pytest.mark.parametrize("metric", [*NEAREST, "cosine"])
def test_unique_photos_are_placed_at_the_least_cost_of_all_permutations(
    metric: str, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    tiles, cells = rng.integers(20, 256, (7, 3)), rng.integers(20, 256, (6, 3))
    photos = collect(tmp_path / "p", **dict(zip("abcdefg", code(tiles), strict=True)))
    words = code(cells)
    target = picture(tmp_path / "t.png", [words[:3], words[3:]])
    costs = distances(tiles.astype(float), cells.astype(float), metric)
    best = min(
        itertools.permutations(range(7), 6), key=lambda order: costs[order, range(6)].sum()
    )
    report = make(photos, target, tmp_path / "out.png", "--metric", metric)
    assert flat(chosen(tmp_path / "out.png")) == ["abcdefg"[i] for i in best]
    assert report["cost"] == pytest.approx(costs[best, range(6)].sum(), rel=0.03)
    assert (report["photos_used"], report["most_used"]) == (6, 1)


@pytest.mark.parametrize("feature", ["mean", "pixels"])
@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_a_weight_of_zero_ignores_a_channel(
    method: str, feature: str, tmp_path: Path
) -> None:
    photos = collect(tmp_path / "p", bluer="#c832ff", darker="#a03264")
    target = picture(tmp_path / "t.png", [["#c83264"] * 3] * 2)
    words = ["--method", method, "--max-uses", 6, "--feature", feature]
    make(photos, target, tmp_path / "all.png", *words)
    assert chosen(tmp_path / "all.png") == [["darker"] * 3] * 2
    report = make(photos, target, tmp_path / "two.png", *words, "--weights", 1, 1, 0)
    assert chosen(tmp_path / "two.png") == [["bluer"] * 3] * 2
    assert report["settings"]["weights"] == [1, 1, 0]


@pytest.mark.parametrize("method", ["nearest", "unique"])
@pytest.mark.parametrize("colour", ["rgb", "linear", "lab", "oklab"])
def test_colours_are_compared_in_the_space_that_is_asked_for(
    colour: str, method: str, tmp_path: Path
) -> None:
    from scipy.optimize import linear_sum_assignment

    rng = np.random.default_rng(2244)
    tiles, cells = (rng.integers(0, 256, (n, 3)).astype(np.uint8) for n in (12, 6))

    def best(space: str) -> list[int]:
        see = features.COLOURS[space]
        costs = distances(see(tiles), see(cells), "euclidean")
        nearest = method == "nearest"
        return (
            costs.argmin(axis=0) if nearest else linear_sum_assignment(costs.T)[1]
        ).tolist()

    assert len({tuple(best(space)) for space in features.COLOURS}) == 4
    names = "abcdefghijkl"
    photos = collect(tmp_path / "p", **dict(zip(names, code(tiles), strict=True)))
    words = code(cells)
    target = picture(tmp_path / "t.png", [words[:3], words[3:]])
    make(photos, target, tmp_path / "out.png", "--method", method, "--colour", colour)
    assert flat(chosen(tmp_path / "out.png")) == [names[i] for i in best(colour)]


# Choices

GREYS = {"a": "#101010", "b": "#606060", "c": "#a0a0a0", "d": "#f0f0f0"}
TONES: Grid = [["#141414", "#686868", "#ececec"], ["#a4a4a4", "#5c5c5c", "#181818"]]


@pytest.fixture
def ranked(tmp_path: Path, capsys: Capture) -> Path:
    """A table of the two best of four grey photos for each cell; its store is s.h5."""
    photos = collect(tmp_path / "p", **GREYS)
    target = picture(tmp_path / "t.png", TONES)
    run("thumbnails", photos, tmp_path / "s.h5", "--thumb-res", 24, 16, "--workers", 1)
    words = [
        "--target",
        target,
        "--target-res",
        3,
        2,
        "--method",
        "nearest",
        "--choices",
        2,
    ]
    run("match", tmp_path / "s.h5", tmp_path / "m.tab", *words)
    assert f"the best 2 of each cell are in {tmp_path / 'm.csv'}" in capsys.readouterr().out
    return tmp_path / "m.csv"


def test_choices_are_written_as_a_table_with_names_and_distances(ranked: Path) -> None:
    with ranked.open() as file:
        assert file.readline() == "row,col,rank,name,distance\n"
        rows = list(csv.reader(file))
    assert [row[:3] for row in rows] == [
        [str(number) for number in at] for at in np.ndindex(2, 3, 2)
    ]
    assert [row[3][0] for row in rows] == list("abbcdccbbcab")
    here = {name: ImageColor.getrgb(colour)[0] for name, colour in GREYS.items()}
    cells = levels(TONES)[..., 0].ravel().repeat(2)
    wanted = [
        3**0.5 * abs(here[row[3][0]] - cell) for row, cell in zip(rows, cells, strict=True)
    ]
    assert [float(row[4]) for row in rows] == pytest.approx(wanted, abs=6)


def best_tones() -> Array:
    """The levels of the best photo of each cell."""
    return levels([[GREYS[name] for name in row] for row in ("abd", "cba")])


def test_choices_are_pasted_at_another_size(ranked: Path) -> None:
    run(
        "paste",
        ranked.with_name("s.h5"),
        ranked,
        ranked.with_name("o.png"),
        "--thumb-res",
        9,
        5,
    )
    assert pixels(ranked.with_name("o.png")).shape == (10, 27, 3)
    assert np.abs(means(ranked.with_name("o.png")) - best_tones()).max() < 3


def test_choices_go_with_another_store_in_which_photos_have_other_numbers(
    ranked: Path,
) -> None:
    collect(ranked.with_name("p"), aa="red")
    store, output = ranked.with_name("large.h5"), ranked.with_name("o.png")
    run("thumbnails", ranked.with_name("p"), store, "--thumb-res", 33, 22, "--workers", 1)
    run("paste", store, ranked, output)
    assert pixels(output).shape == (44, 99, 3)
    assert np.abs(means(output) - best_tones()).max() < 3
    report = read_report(output)
    assert (report["method"], report["photos"], report["photos_used"]) == ("choices", 5, 4)


def vary(ranked: Path, rows: Grid, *more: object) -> Array:
    """Which greys are pasted from the two best of each cell of another target: (2, 3)."""
    target, table = picture(ranked.with_name("v.png"), rows), ranked.with_name("v.tab")
    words = [
        "--target",
        target,
        "--target-res",
        3,
        2,
        "--method",
        "nearest",
        "--choices",
        2,
    ]
    run("match", ranked.with_name("s.h5"), table, *words)
    output = ranked.with_name("varied.png")
    run("paste", ranked.with_name("s.h5"), table.with_suffix(".csv"), output, *more)
    return means(output)[..., 0]


def test_choices_vary_so_that_photos_are_used_equally_often(ranked: Path) -> None:
    same = [["#646464"] * 3] * 2
    assert np.abs(vary(ranked, same) - 0x60).max() < 3
    found = vary(ranked, same, "--choices", 2).ravel()
    assert np.abs(found - np.tile([0x60, 0xA0], 3)).max() < 3


def test_a_page_shows_the_choices_that_were_pasted(ranked: Path, capsys: Capture) -> None:
    vary(ranked, [["#646464"] * 3] * 2, "--choices", 2)
    run("page", ranked.with_name("varied.png"))
    text = ranked.with_name("varied.html").read_text()
    assert "filled with 2 of 4 photos, none more than 3 times" in text


def test_empty_cells_do_not_change_how_the_others_vary(ranked: Path) -> None:
    row = ["#c0c0c0", "#e0e0e0", "#c0c0c0"]
    found = vary(ranked, [["#0000"] * 3, row], "--choices", 2)[1]
    assert np.abs(found - [0xA0, 0xF0, 0xA0]).max() < 3


def test_choices_that_are_not_there_are_refused(ranked: Path, refusal: Refusal) -> None:
    store, before = ranked.with_name("s.h5"), files(ranked.parent)
    paste = ["paste", store, ranked, ranked.with_name("o.png"), "--choices"]
    assert f"choices = 3: {ranked} has 2 for each cell" in refusal(*paste, 3)
    paste[2] = ranked.with_suffix(".tab")
    assert "`choices` needs a table of choices, .csv" in refusal(*paste, 2)
    target = ranked.with_name("t.png")
    match = [
        "match",
        store,
        ranked.with_name("o.tab"),
        "--target",
        target,
        "--target-res",
        3,
        2,
    ]
    words = ["--method", "nearest", "--choices"]
    assert "choices = 5: there are 4 photos" in refusal(*match, *words, 5)
    assert files(ranked.parent) == before


# Spacing, sizes and tiles


@pytest.mark.parametrize("method", ["nearest", "unique"])
def test_equal_photos_keep_apart(method: str, tmp_path: Path, capsys: Capture) -> None:
    photos = collect(tmp_path / "p", a="#606060", b="#646464", c="#686868", d="#6c6c6c")
    target = picture(tmp_path / "t.png", [["#606060"] * 3] * 2)
    words = ["--method", method, "--max-uses", 2]
    make(photos, target, tmp_path / "near.png", *words)
    near = chosen(tmp_path / "near.png")
    report = make(photos, target, tmp_path / "out.png", *words, "--spacing", 1)
    found = chosen(tmp_path / "out.png")
    for left in (0, 1):
        assert len({found[i][left + j] for i in (0, 1) for j in (0, 1)}) == 4
    assert found != near
    assert report["too_near"] == 0
    assert "0 pairs of equal photos are too near" in capsys.readouterr().out
    if method == "unique":
        assert report["most_used"] == 2


def test_too_few_photos_to_keep_apart_are_counted(tmp_path: Path) -> None:
    photos = collect(tmp_path / "p", a="#606060")
    target = picture(tmp_path / "t.png", [["#606060"] * 3] * 2)
    words = ["--method", "nearest", "--spacing", 1]
    assert make(photos, target, tmp_path / "out.png", *words)["too_near"] == 11


def test_a_mosaic_has_exactly_the_size_that_was_asked_for(
    six: tuple[Path, Path, Path],
) -> None:
    photos, target, output = six
    report = make(photos, target, output, "--size", "31x17")
    found = pixels(output)
    assert (found.shape, report["size"]) == ((17, 31, 3), [31, 17])
    wanted = levels(SIX).repeat([8, 9], axis=0).repeat([10, 10, 11], axis=1)
    assert np.abs(found - wanted).max() < 6
    run(
        "paste",
        output.with_suffix(".h5"),
        output.with_suffix(".tab"),
        output,
        "--size",
        8,
        5,
    )
    assert pixels(output).shape == (5, 8, 3)


def test_the_grid_can_follow_from_the_pixels_of_the_target(tmp_path: Path) -> None:
    photos, target = plain(tmp_path / "p"), tmp_path / "t.png"
    inner = Image.open(picture(target, SIX, cell=(16, 8)))
    outer = Image.new("RGB", (53, 21), "magenta")  # 5 columns too many, and 5 rows
    outer.paste(inner, (2, 2))
    outer.save(target)
    words = ["--thumb-res", 24, 12, "--tile", 16, "--workers", 1]
    run("make", photos, target, "-o", tmp_path / "out.png", *words)
    assert pixels(tmp_path / "out.png").shape == (24, 72, 3)
    assert np.abs(means(tmp_path / "out.png") - levels(SIX)).max() < 6
    report = read_report(tmp_path / "out.png")
    assert report["settings"] == {"target_res": [3, 2], "tile": 16}
    assert report["score"]["rmse"] < 20  # the outermost cells see a little of the border


# Collections


def pack(path: Path, photos: Path) -> Path:
    """An archive of the photos of a folder, of the kind that its name tells."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for photo in photos.iterdir():
                archive.write(photo, f"deep/{photo.name}")
    elif path.suffix == ".bin":
        colours = [ImageColor.getrgb(colour) for colour in flat(SIX)]
        labelled = (b"\3" + np.repeat(np.uint8(one), 1024).tobytes() for one in colours)
        path.write_bytes(b"".join(labelled))
    else:
        with tarfile.open(path, "w:gz") as tar:
            tar.add(photos, "deep")
    return path


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.bin", "folders"])
def test_photos_come_from_folders_archives_and_cifar_files(
    name: str, six: tuple[Path, Path, Path], capsys: Capture
) -> None:
    photos, target, output = six
    paths = [photos, photos.with_name("more")]
    if name != "folders":
        paths = [pack(photos.with_name(name), photos)]
    else:
        paths[1].mkdir()
        for photo in ("red.png", "black.png"):
            (photos / photo).rename(paths[1] / photo)
    run("make", *paths, target, "-o", output, *USUAL)
    assert "photos   6 read, 0 skipped" in capsys.readouterr().out
    assert np.abs(means(output) - levels(SIX)).max() < 6
    assert read_report(output)["files"]["photos"] == [path.name for path in paths]
    run("zoom", output, output.with_suffix(".gif"), "--seconds", 0.1)
    assert "not sharp" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["gone", "gone.zip", "gone.bin"])
def test_one_of_several_collections_that_is_missing_is_refused(
    name: str, six: tuple[Path, Path, Path], refusal: Refusal
) -> None:
    photos, target, output = six
    before, gone = files(output.parent), photos.with_name(name)
    said = refusal("make", photos, gone, target, "-o", output, *USUAL)
    assert f"there is no folder or archive {str(gone)!r}" in said
    assert files(output.parent) == before


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A web server: its folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: Any) -> None:
            """Be quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


@pytest.mark.parametrize("unpack", [True, False])
def test_a_data_set_is_fetched_by_its_name_and_made_into_a_mosaic(
    unpack: bool,
    six: tuple[Path, Path, Path],
    server: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    import pooch

    (photos, target, output), (folder, address) = six, server
    archive = pack(folder / "tiny.tar.gz", photos)
    size, checksum = archive.stat().st_size, f"sha256:{pooch.file_hash(str(archive))}"
    data = collection.DataSet(
        f"{address}/tiny.tar.gz", size, unpack, checksum, "none", "a test"
    )
    monkeypatch.setitem(collection.DATASETS, "tiny", data)
    run("fetch", "tiny", "--data-path", output.with_name("data"))
    printed = capsys.readouterr().out
    assert (
        printed == f"{output.with_name('data') / ('tiny' if unpack else 'tiny.tar.gz')}\n"
    )
    make(Path(printed.strip()), target, output)
    assert np.abs(means(output) - levels(SIX)).max() < 6


def test_a_data_set_that_nobody_knows_is_refused(tmp_path: Path, refusal: Refusal) -> None:
    said = refusal("fetch", "cifar", "--data-path", tmp_path / "data")
    assert "there is no data set 'cifar'; did you mean cifar1" in said
    assert files(tmp_path) == {}


# Finishes

TINTED: Grid = [
    ["#803020|#a05040", "#2060a0", "#308030"],
    ["#606060", "#a0a020", "#702070"],
]


@pytest.fixture
def striped(tmp_path: Path) -> tuple[Path, Path, Path]:
    """One photo of two greys, a colourful target, and where the mosaic goes."""
    folder = collect(tmp_path / "photos", only="#505050|#b0b0b0")
    return folder, picture(tmp_path / "target.png", TINTED), tmp_path / "out.png"


def test_a_full_tint_gives_each_cell_its_mean_colour(
    striped: tuple[Path, Path, Path], capsys: Capture
) -> None:
    report = make(*striped, "--method", "nearest", "--tint", 1)
    assert report["finish"] == {"tint": 1}
    assert "tint     1.0: the colours of the photos are changed" in capsys.readouterr().out
    assert np.abs(means(striped[2]) - means(striped[1])).max() < 6
    assert report["score"]["rmse"] < 4


def test_a_tint_of_zero_changes_nothing_and_a_half_goes_half_the_way(
    striped: tuple[Path, Path, Path], capsys: Capture
) -> None:
    assert make(*striped, "--method", "nearest")["finish"] == {}
    before = pixels(striped[2])
    assert make(*striped, "--method", "nearest", "--tint", 0)["finish"] == {}
    assert (pixels(striped[2]) == before).all()
    assert "are changed" not in capsys.readouterr().out
    make(*striped, "--method", "nearest", "--tint", 0.5)
    assert np.abs(means(striped[2]) - (means(striped[1]) + 0x80) / 2).max() < 4


def test_a_blend_mixes_photos_with_the_mean_colours_of_cells(
    striped: tuple[Path, Path, Path],
) -> None:
    make(*striped, "--method", "nearest")
    before, wanted = pixels(striped[2]), means(striped[1]).repeat(16, 0).repeat(24, 1)
    report = make(*striped, "--method", "nearest", "--blend", 0.25)
    assert report["finish"] == {"blend": 0.25}
    assert np.abs(pixels(striped[2]) - (0.75 * before + 0.25 * wanted)).max() < 4


def test_a_mosaic_is_tinted_when_it_is_pasted_and_stays_so_until_told(
    striped: tuple[Path, Path, Path],
) -> None:
    make(*striped, "--method", "nearest")
    before, output = pixels(striped[2]), striped[2]
    paste = ["paste", output.with_suffix(".h5"), output.with_suffix(".tab"), output]
    for words in (["--tint", 1], []):
        run(*paste, *words)
        assert read_report(output)["finish"] == {"tint": 1}
        assert np.abs(means(output) - means(striped[1])).max() < 6
    run(*paste, "--tint", 0)
    assert (pixels(output) == before).all()


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_a_dive_ends_in_the_sharp_photo_of_a_cell(
    ending: str, tmp_path: Path, capsys: Capture
) -> None:
    photos = plain(tmp_path / "p", [["red", "lime", "blue"], ["white", "yellow"]])
    picture(photos / "fine.png", [["black|#505050|" * 3 + "black|#505050"]], cell=(96, 64))
    grid = [SIX[0], ["#282828", "yellow", "white"]]
    output, dive = tmp_path / "out.png", tmp_path / f"dive{ending}"
    make(photos, picture(tmp_path / "t.png", grid), output, "--thumb-res", 6, 4)
    words = [dive, "--cell", 1, 0, "--seconds", 0.4, "--size", 180, 80]
    run("zoom", output, *words)
    assert capsys.readouterr().out.endswith(f"{dive}: 0.4 s, into fine.png\n")
    with Image.open(dive) as frames:
        assert (frames.n_frames, frames.size) == (10, (180, 80))  # type: ignore[attr-defined]
        first = np.asarray(frames.convert("RGB"), int)
        frames.seek(9)
        last = np.asarray(frames.convert("RGB"), int)
    wanted = levels(grid)
    assert np.abs(first[20::40, 30::60] - wanted)[:, 1:].max() < 40
    stripes = last[40, 7:120:15].mean(axis=1)  # the cell is 120 pixels wide, a stripe 15
    assert np.abs(stripes - np.tile([0, 80], 4)).max() < 25
    assert np.abs(last[40, 140:170] - [255, 255, 0]).max() < 40


def test_a_dive_to_nowhere_is_refused(
    six: tuple[Path, Path, Path], refusal: Refusal
) -> None:
    make(*six)
    _, output = refusal.__dict__, six[2]
    before, dive = files(output.parent), output.with_suffix(".gif")
    for cell in ((2, 0), (0, 3), (-1, 0)):
        said = refusal("zoom", output, dive, "--cell", *cell)
        assert f"cell = {cell[0]} {cell[1]}: there are 2 rows and 3 columns, from 0" in said
    said = refusal("zoom", output, output.with_suffix(".mp4"))
    assert "must end in .gif or .webp" in said
    for words in (["--seconds", "nan"], ["--size", 0, 0], ["--size", 0, 30]):
        refusal("zoom", output, dive, *words)
    assert files(output.parent) == before


@pytest.mark.parametrize("spacing", [[], ["--feature", "pixels", "--method", "unique"]])
def test_grey_is_dithered_from_black_and_white(spacing: list[str], tmp_path: Path) -> None:
    photos = collect(tmp_path / "p", black="black", white="white")
    target = picture(tmp_path / "t.png", [["#808080"]])
    words = ["--method", "nearest", "--target-res", 9, 6]
    make(photos, target, tmp_path / "plain.png", *words)
    assert len(set(flat(chosen(tmp_path / "plain.png")))) == 1
    make(photos, target, tmp_path / "out.png", *words, "--dither")
    found = np.array(chosen(tmp_path / "out.png"))
    assert 25 <= (found == "white").sum() <= 29
    assert (found[:, 1:] == found[:, :-1]).sum() < 12


# Empty cells

SHAPED: Grid = [["red", "#0000", "blue"], ["#0000", "yellow", "black"]]
MASK: Grid = [["white", "black", "white"], ["#222", "white", "white"]]


@pytest.mark.parametrize("way", ["transparent", "mask"])
def test_cells_stay_empty_where_the_target_or_a_mask_says_so(
    way: str, tmp_path: Path, capsys: Capture
) -> None:
    photos = plain(tmp_path / "p", [["red", "blue"], ["yellow", "black"]])
    mask = ["--mask", picture(tmp_path / "mask.png", MASK, cell=(12, 8))] * (way == "mask")
    target = picture(tmp_path / "t.png", SIX if mask else SHAPED)
    words = ["--method", "unique", "--repeats", "refuse", *mask]
    report = make(photos, target, tmp_path / "out.png", *words)
    wanted = [["red", "", "blue"], ["", "yellow", "black"]]
    assert chosen(tmp_path / "out.png") == wanted
    assert (report["cells"], report["photos_used"]) == (4, 4)
    assert report["score"]["rmse"] < 5
    alpha = pixels(tmp_path / "out.png", "RGBA")[..., 3]
    assert (
        alpha.reshape(2, 16, 3, 24).transpose(0, 2, 1, 3).min(axis=(2, 3)) > 0
    ).tolist() == [[bool(name) for name in row] for row in wanted]
    assert set(np.unique(alpha)) == {0, 255}
    make(photos, target, tmp_path / "out.jpg", *words)
    assert means(tmp_path / "out.jpg")[[0, 1], [1, 0]].min() > 250
    run(
        "paste",
        tmp_path / "out.h5",
        tmp_path / "out.tab",
        tmp_path / "b.png",
        "--tint",
        0.5,
    )
    assert (pixels(tmp_path / "b.png", "RGBA")[..., 3] == alpha).all()


def test_nothing_to_fill_is_refused(six: tuple[Path, Path, Path], refusal: Refusal) -> None:
    photos, target, output = six
    mask = picture(target.with_name("mask.png"), [["black"]])
    words = ["make", photos, target, "-o", output, *USUAL]
    assert "no cell is left to fill" in refusal(*words, "--mask", mask)
    words[2] = picture(target, [["#0000"] * 3] * 2)
    assert "no cell is left to fill" in refusal(*words)


def test_pins_count_rows_and_columns_of_the_whole_grid_but_not_empty_cells(
    tmp_path: Path, refusal: Refusal
) -> None:
    photos, target = plain(tmp_path / "p"), picture(tmp_path / "t.png", SHAPED)
    pins = tmp_path / "pins.csv"
    pins.write_text("row,col,name\n1,2,lime.png\n")
    make(photos, target, tmp_path / "out.png", "--pins", pins)
    assert chosen(tmp_path / "out.png") == [["red", "", "blue"], ["", "yellow", "lime"]]
    pins.write_text("row,col,name\n1,0,lime.png\n")
    words = ["make", photos, target, "-o", tmp_path / "new.png", *USUAL, "--pins", pins]
    assert "the cell in row 1, col 0 stays empty" in refusal(*words)


def test_spacing_with_empty_cells(tmp_path: Path, refusal: Refusal) -> None:
    photos = plain(tmp_path / "p")
    target = picture(tmp_path / "t.png", [["red", "#0000", "red"], ["#0000", "red", "red"]])
    words = ["--spacing", 1, "--method"]
    report = make(photos, target, tmp_path / "out.png", *words, "nearest")
    (left, _, one), (_, two, three) = chosen(tmp_path / "out.png")
    assert len({one, two, three}) == len({left, two}) + 1 == 3
    assert (report["cells"], report["too_near"]) == (4, 0)
    args = ["make", photos, target, "-o", tmp_path / "new.png", *USUAL]
    assert 'needs method = "nearest"' in refusal(*args, *words, "unique")


# Scores, pages, and what is not ours


def test_a_score_gives_the_numbers_of_the_report(
    striped: tuple[Path, Path, Path], capsys: Capture
) -> None:
    photos, target, output = striped
    report = make(photos, target, output, "--method", "nearest")
    printed = [line for line in capsys.readouterr().out.splitlines() if "RMSE" in line]
    run("score", output, target)
    shown = capsys.readouterr().out.splitlines()
    assert shown[:1] == printed
    assert shown[1].startswith("used     1 of 1 photos, none more than 6 times; 7 equal")
    run("score", output, target, "--json")
    found = json.loads(capsys.readouterr().out)
    assert found == {key: report[key] for key in found}
    assert set(found["score"]) == {"rmse", "ciede2000", "ssim", "ssim_twice"}
    error = np.sqrt(((means(output) - means(target)) ** 2).mean())
    assert found["score"]["rmse"] == pytest.approx(error, rel=0.05)


def test_a_score_without_a_report_asks_for_the_grid(
    six: tuple[Path, Path, Path], refusal: Refusal, capsys: Capture
) -> None:
    _, target, output = six
    picture(output, SIX, cell=(30, 20))
    said = refusal("score", output, target)
    assert "say --target-res COLS ROWS" in said
    run("score", output, target, "--target-res", 3, 2, "--json")
    perfect = json.loads(capsys.readouterr().out)["score"]
    assert perfect["rmse"] < 4
    assert min(perfect["ssim"], perfect["ssim_twice"]) > 0.97
    picture(output, [row[::-1] for row in SIX])
    run("score", output, target, "--target-res", 3, 2, "--json")
    assert json.loads(capsys.readouterr().out)["score"]["rmse"] > 100
    assert "`tile`" in refusal("score", output, target, "--target-res", 3, 2, "--tile", 12)


def test_a_page_escapes_names_and_replaces_only_pages(
    six: tuple[Path, Path, Path], refusal: Refusal, capsys: Capture
) -> None:
    photos, target, _ = six
    (photos / "red.png").rename(photos / "<b>&red.png")
    output = target.with_name("<i>.png")
    make(photos, target, output)
    path = output.with_suffix(".html")
    for _ in range(2):  # again over our own
        run("page", output)
        assert capsys.readouterr().out.endswith(f"{path}\n")
    text = path.read_text()
    assert "&lt;b&gt;&amp;red.png" in text
    assert "<title>&lt;i&gt;</title>" in text
    assert "<b>&red" not in text
    assert "filled with 6 of 6 photos, none more than once" in text
    path.write_text("<h1>my holidays</h1>")
    assert "is not of our making" in refusal("page", output)
    assert path.read_text() == "<h1>my holidays</h1>"


def test_a_deep_zoom_image_gets_a_viewer_beside_its_page(
    six: tuple[Path, Path, Path], refusal: Refusal
) -> None:
    photos, target, output = six
    make(photos, target, output.with_suffix(".dzi"))
    run("page", output.with_suffix(".dzi"))
    assert 'href="out.view.html"' in output.with_suffix(".html").read_text()
    viewer = output.with_suffix(".view.html")
    assert "yellow.png" in viewer.read_text()
    viewer.write_text("my own view")
    refusal("page", output.with_suffix(".dzi"))
    assert viewer.read_text() == "my own view"


def test_a_page_without_a_mosaic_is_refused(tmp_path: Path, refusal: Refusal) -> None:
    for words in (["page"], ["zoom", tmp_path / "z.gif"]):
        said = refusal(words[0], tmp_path / "out.png", *words[1:])
        assert "there is no report" in said
    assert files(tmp_path) == {}


@pytest.mark.parametrize("ending", ["h5", "json", "html", "view.html", "csv", "txt"])
def test_files_that_are_not_ours_are_never_overwritten(
    ending: str, six: tuple[Path, Path, Path], refusal: Refusal
) -> None:
    photos, target, output = six
    other = output.with_name(f"results.{ending}")
    other.write_text('{"my": "results"}')
    before = files(output.parent)
    if ending in ("h5", "json"):
        said = refusal("make", photos, target, "-o", other.with_suffix(".jpg"), *USUAL)
        assert f"{other} is not of our making" in said
        assert files(output.parent) == before
    else:
        make(photos, target, other.with_name("results.jpg"))
    assert other.read_text() == '{"my": "results"}'


# What does not go together

NEARBY, DENSE = ["--method", "nearest"], ["--solver", "dense"]
DEMANDS = {
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
    (["--dither", *NEARBY, "--feature", "pixels"], "`dither` needs feature = mean"),
    (["--dither", *NEARBY, "--metric", "cityblock"], "`dither` needs metric = euclidean"),
    (["--dither"], "`dither` needs method = nearest"),
    (["--dither", *NEARBY, "--spacing", 1], "`dither` does not go with `spacing`"),
    (["--tint", 0.5, "--colour", "lab"], "`tint` needs colour = rgb"),
    (["--tint", 0.5, "--blend", 0.5], "`tint` does not go with `blend`"),
    (["--tile", 16], "`tile` does not go with `target_res`"),
    (["--target-res", 0, 4], "give both numbers, or 0 0"),
    (["--size", 0, 40], "give width and height, or 0 0"),
    (["--size", 2, 40], "size = (2, 40)"),
    (["--weights", 0, 0, 0], "weights = [0.0, 0.0, 0.0]"),
    (["--weights", "nan", 1, 1], "weights"),
    ([*NEARBY, "--min-uses", 1], 'min_uses does not go with method = "nearest"'),
    (["--spacing", 1, "--min-uses", 1], "min_uses"),
    (["--spacing", 1, "--metric", "cityblock"], "cityblock"),
]
for key, asked in DEMANDS.items():
    CLASHES += [
        ([*asked, *NEARBY], f'{key} does not go with method = "nearest"'),
        ([*asked, *DENSE], f'{key} does not go with solver = "dense"'),
        ([*asked, "--spacing", 1], f"{key} does not go with spacing"),
        ([*asked, "--metric", "chebyshev"], f"{key}"),
    ]


@pytest.mark.parametrize(("words", "said"), CLASHES, ids=lambda one: str(one))
def test_what_does_not_go_together_is_refused_by_name_before_any_work(
    words: list[object], said: str, six: tuple[Path, Path, Path], refusal: Refusal
) -> None:
    photos, target, output = six
    before = files(output.parent)
    assert said in refusal("make", photos, target, "-o", output, *USUAL, *words)
    assert files(output.parent) == before
