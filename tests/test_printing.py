"""On paper: sizes, pages and sheets, on pictures so small that each pixel can be checked."""

import dataclasses
import doctest
import errno
import functools
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pikepdf
import pytest
from conftest import Run
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from mosaic import Array
from smalti import output, printing
from smalti.command import main
from smalti.ground.errors import MosaicError
from smalti.printing import INCH, PrintSettings, lay_out
from smalti.report import read_report

COARSE = PrintSettings(dpi=25)  # about a pixel a millimetre


def slopes(width: int, height: int) -> Array:
    """A picture whose colours tell the place: (height, width, 3), smooth enough for JPEG."""
    y, x = np.mgrid[:height, :width]
    planes = [x * 255 // width, y * 255 // height, np.full_like(x, 90)]
    return np.stack(planes, axis=2).astype(np.uint8)


def bands(picture: Array, height: int = 7) -> Iterator[Array]:
    """A picture in bands of some height."""
    yield from (picture[top : top + height] for top in range(0, len(picture), height))


def picture_of(page: pikepdf.Page) -> pikepdf.Stream:
    """The picture of a page."""
    picture = page.Resources.XObject["/P"]
    assert isinstance(picture, pikepdf.Stream)
    return picture


def pages(path: Path) -> list[tuple[tuple[float, float], Image.Image, str]]:
    """The size in mm, the only picture, and the program of each page of a PDF."""
    found = []
    with pikepdf.open(path) as pdf:
        for page in pdf.pages:
            left, low, right, top = (float(side) / 72 * INCH for side in page.mediabox)
            image = pikepdf.PdfImage(picture_of(page)).as_pil_image().convert("RGB")
            program = page.Contents.read_bytes().decode()
            found.append(((right - left, top - low), image, program))
    return found


def run(*words: object) -> int:
    """Run the command line."""
    return main(list(map(str, words)))


def make(path: str, *words: object) -> int:
    """Make a mosaic of 6 x 4 cells."""
    return run("make", "photos", "target.png", "-o", path, "--target-res", 6, 4, *words)


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(printing).failed == 0


# Paper


@pytest.mark.parametrize(
    ("word", "mm"),
    [
        ("A0", (841, 1189)),
        ("A3", (297, 420)),
        ("a6", (105, 148)),
        ("Letter", (215.9, 279.4)),
        ("tabloid", (279.4, 431.8)),
        ("60x40cm", (600, 400)),
        ("24x16in", (609.6, 406.4)),
        ("10.5x200mm", (10.5, 200)),
    ],
)
def test_a_paper_is_a_name_or_a_size_with_its_unit(
    word: str, mm: tuple[float, float]
) -> None:
    assert printing.read_paper(word) == pytest.approx(mm)


@pytest.mark.parametrize(
    "word", ["60x40", "A9", "4x3 m", "0x40cm", "cm", "-1x3in", "1x2x3mm"]
)
def test_a_word_that_is_no_paper_is_refused_with_what_would_be_one(word: str) -> None:
    with pytest.raises(MosaicError, match=r"A0 to A6.*60x40cm"):
        printing.read_paper(word)


def test_a_paper_lies_or_stands_as_the_picture_does() -> None:
    assert printing.turn_like((3, 4), (900, 600)) == (4, 3)
    assert printing.turn_like((4, 3), (900, 600)) == (4, 3)
    assert printing.turn_like((4, 3), (600, 900)) == (3, 4)
    assert printing.turn_like((4, 3), (600, 600)) == (4, 3)


def test_the_pixels_of_a_paper_are_those_of_its_inches() -> None:
    assert printing.pixels(printing.read_paper("24x16in"), 150) == (3600, 2400)
    assert printing.pixels(printing.read_paper("A0"), 300) == (9933, 14043)


# A frame

SIDE = st.integers(1, 400)


@given(SIDE, SIDE, SIDE, SIDE)
def test_a_covering_picture_has_its_shape_and_is_no_larger_than_needed(
    wide: int, high: int, across: int, down: int
) -> None:
    width, height = printing.cover((wide, high), (across, down))
    assert width >= wide and height >= high and (width == wide or height == high)
    shape = across / down
    assert abs(width - height * shape) <= max(1, shape)


@given(st.integers(4, 30), st.integers(4, 30), st.integers(1, 4), st.integers(1, 4), SIDE)
def test_bands_are_cut_to_the_middle(
    width: int, height: int, narrower: int, lower: int, each: int
) -> None:
    picture, frame = slopes(width, height), (width - narrower + 1, height - lower + 1)
    cut = np.concatenate(
        list(printing.cut_to(bands(picture, each), (width, height), frame))
    )
    left, top = (width - frame[0]) // 2, (height - frame[1]) // 2
    np.testing.assert_array_equal(
        cut, picture[top : top + frame[1], left : left + frame[0]]
    )


# Sheets


@given(
    st.integers(60, 500),
    st.integers(60, 500),
    st.integers(1, 5),
    st.integers(1, 5),
    st.data(),
)
def test_sheets_cover_the_picture_and_overlap_as_much_as_was_asked(
    width: int, height: int, cols: int, rows: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.integers(0, 6))
    asked = PrintSettings(dpi=254, sheets=f"{cols}x{rows}", overlap=overlap / 10)
    layout = lay_out((width, height), asked)
    seen = np.zeros((height, width), int)
    for row, col in np.ndindex(rows, cols):
        left, top, right, low = layout.box(row, col)
        assert left < right <= width and top < low <= height
        seen[top:low, left:right] += 1
        if col:
            assert layout.box(row, col - 1)[2] - left == overlap
        if row:
            assert layout.box(row - 1, col)[3] - top == overlap
    assert seen.min() == 1


@given(st.integers(50, 3000), st.integers(50, 3000), st.sampled_from(["A6", "A5", "9x5in"]))
def test_the_pieces_fit_onto_the_paper_and_no_way_to_lay_it_takes_fewer(
    width: int, height: int, word: str
) -> None:
    layout = lay_out((width, height), PrintSettings(dpi=100, sheets=word, overlap=5))
    sides = printing.size_on_paper(layout.piece, 100)
    for i in range(2):
        assert sides[i] <= layout.paper[i] - 2 * printing.MARGIN + 1e-9
    assert sorted(layout.paper) == sorted(printing.read_paper(word))
    count = layout.grid[0] * layout.grid[1]
    for paper in (printing.read_paper(word), printing.read_paper(word)[::-1]):
        room = [int((side - 2 * printing.MARGIN) / INCH * 100) for side in paper]
        need = [
            next(n for n in range(1, 999) if n * most - (n - 1) * 20 >= total)
            for total, most in zip((width, height), room, strict=True)
        ]
        assert count <= need[0] * need[1]


@pytest.mark.parametrize(
    ("word", "overlap"), [("0x3", 10.0), ("99x1", 10.0), ("20x20mm", 5.0), ("A6", 95.0)]
)
def test_sheets_that_cannot_be_are_refused_with_what_could(
    word: str, overlap: float
) -> None:
    with pytest.raises(MosaicError, match="sheets = "):
        lay_out((300, 200), PrintSettings(dpi=25, sheets=word, overlap=overlap))


@given(st.integers(20, 90), st.integers(20, 90), st.integers(1, 3), st.integers(1, 3), SIDE)
def test_rows_of_sheets_are_what_the_boxes_say(
    width: int, height: int, cols: int, rows: int, each: int
) -> None:
    asked = PrintSettings(dpi=254, sheets=f"{cols}x{rows}", overlap=0.3)
    try:
        layout = lay_out((width, height), asked)
    except MosaicError:
        assume(False)
    picture = slopes(width, height)
    found = [
        strip.copy() for strip in printing.rows_of_sheets(bands(picture, each), layout)
    ]
    assert len(found) == rows
    for row, strip in enumerate(found):
        _, top, _, low = layout.box(row, 0)
        np.testing.assert_array_equal(strip, picture[top:low])


def place(program: str) -> tuple[float, float, float, float]:
    """Where a program puts its picture: left, low, width, height in mm."""
    words = next(line for line in program.splitlines() if "/P Do" in line).split()
    return float(words[5]), float(words[6]), float(words[1]), float(words[4])


@pytest.mark.parametrize("sheets", ["4x3", "A6", "1x1"])
def test_the_sheets_put_together_on_a_wall_are_the_picture(
    sheets: str, tmp_path: Path
) -> None:
    picture, path = slopes(420, 300), tmp_path / "sheets.pdf"
    settings = dataclasses.replace(COARSE, sheets=sheets)
    printing.save_for_paper(path, bands(picture), (420, 300), settings, 25)
    layout = lay_out((420, 300), settings)
    wall = np.zeros_like(picture)
    overview, *found = pages(path)
    for (row, col), (paper, image, program) in zip(
        np.ndindex(layout.grid[::-1]), found, strict=True
    ):
        assert paper == pytest.approx(layout.paper)
        x, low, wide, high = place(program)
        assert np.array([wide, high]) * 25 / INCH == pytest.approx(image.size, abs=0.01)
        assert (x, low + high) == pytest.approx(layout.corner(), abs=0.001)
        left, top, right, foot = layout.box(row, col)
        wall[top:foot, left:right] = np.asarray(image)
        assert f"row {row + 1}, column {col + 1}" in program
    assert np.abs(wall.astype(int) - picture).max() < 12
    assert overview[1].size == (420, 300)


@pytest.mark.parametrize("sheets", ["", "2x2"])
def test_a_pdf_says_where_it_came_from(sheets: str, tmp_path: Path) -> None:
    settings = dataclasses.replace(COARSE, sheets=sheets)
    save = functools.partial(
        printing.save_for_paper,
        tmp_path / "a.pdf",
        [slopes(300, 200)],
        (300, 200),
        settings,
        25,
    )
    for about, said in {"mosaic 1.0; gap 0.1": "mosaic 1.0; gap 0.1", "": "mosaic"}.items():
        save(about=about)
        with pikepdf.open(tmp_path / "a.pdf") as pdf:
            assert str(pdf.docinfo["/Creator"]) == said


def test_marks_stay_clear_of_the_picture_and_on_the_paper(tmp_path: Path) -> None:
    layout = lay_out((300, 200), dataclasses.replace(COARSE, sheets="2x2"))
    program = printing.draw_sheet(layout, 0, 0)
    x, low, wide, high = place(program)
    lines = [
        tuple(float(word) for word in line.split() if word not in "mlS")
        for line in program.splitlines()
        if line.endswith(" S") and " m " in line
    ]
    assert len(lines) == 8 + 4  # at four corners, and where two more sheets begin
    for ends in lines:
        for across, down in (ends[:2], ends[2:]):
            assert 0 < across < layout.paper[0] and 0 < down < layout.paper[1]
            inside = x - 1 < across < x + wide + 1 and low - 1 < down < low + high + 1
            assert not inside


def test_the_first_page_is_an_overview_and_the_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "s.pdf"
    settings = dataclasses.replace(COARSE, sheets="2x2")
    printing.save_for_paper(path, bands(slopes(300, 200)), (300, 200), settings, 25)
    with pikepdf.open(path) as pdf:
        assert [str(page.label) for page in pdf.pages] == [
            "overview",
            *(f"row {row}, column {col}" for row in (1, 2) for col in (1, 2)),
        ]
    assert "4 sheets" in pages(path)[0][2]


# A page


def test_a_page_has_exactly_the_size_of_the_paper_and_the_picture_fills_it(
    tmp_path: Path,
) -> None:
    settings, path = PrintSettings(print="A6", dpi=100), tmp_path / "page.pdf"
    size = printing.paper_size(str(path), settings, (3, 2)) or (0, 0)
    assert size == (583, 413)
    printing.save_for_paper(path, bands(slopes(*size)), size, settings, 100)
    ((paper, image, program),) = pages(path)
    assert paper == pytest.approx((148, 105), abs=1e-4)
    assert place(program) == pytest.approx((0, 0, 148, 105))
    assert image.size == size
    assert np.abs(np.asarray(image).astype(int) - slopes(*size)).max() < 12


def test_a_page_has_a_title_and_says_that_its_colours_are_srgb(tmp_path: Path) -> None:
    path = tmp_path / "猫.pdf"
    printing.save_for_paper(path, bands(slopes(50, 40)), (50, 40), COARSE, 25)
    with pikepdf.open(path) as pdf:
        assert str(pdf.docinfo["/Title"]) == "猫"
        kind, profile = picture_of(pdf.pages[0]).ColorSpace
        assert (str(kind), profile.read_bytes()) == ("/ICCBased", output.srgb())


@pytest.mark.parametrize("sheets", ["", "3x2"])
def test_the_same_picture_makes_the_same_pdf(sheets: str, tmp_path: Path) -> None:
    made = []
    for folder in "ab":
        path = tmp_path / folder / "one.pdf"
        settings = dataclasses.replace(COARSE, sheets=sheets)
        printing.save_for_paper(path, bands(slopes(300, 200)), (300, 200), settings, 25)
        made.append(path.read_bytes())
    assert made[0] == made[1]
    assert [left.name for left in path.parent.iterdir()] == ["one.pdf"]


# What cannot be


@pytest.mark.parametrize(
    ("path", "settings", "size", "words"),
    [
        ("m.jpg", {"sheets": "2x2"}, (300, 200), "call the output m.pdf"),
        ("m.pdf", {"dpi": 10}, (3000, 200), "5080 mm"),
        ("m.pdf", {"dpi": 10_000}, (70_000, 200), "65500.*--sheets"),
        ("m.txt", {}, (30, 20), "must end in"),
    ],
)
def test_what_cannot_be_written_is_refused_in_one_line(
    path: str, settings: dict[str, object], size: tuple[int, int], words: str
) -> None:
    asked = dataclasses.replace(PrintSettings(), **settings)  # type: ignore[arg-type]
    with pytest.raises(MosaicError, match=words) as error:
        printing.check_output(path, size, asked)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--print", "A5", "--size", "30x20"], "`print` does not go with `size`"),
        (["--print", "A5", "--tile", 5], "`print` does not go with `tile`"),
        (["--print", "A5", "--dpi", 5], "from 10 to 10000"),
        (["--print", "100x100cm", "--dpi", 10_000_000], "from 10 to 10000"),
        (["--print", "9999x1cm", "--dpi", 10_000], "change dpi"),
        (["--print", "foolscap"], "A0 to A6"),
        (["--sheets", "A4"], "call the output out.pdf"),
    ],
)
def test_words_that_contradict_each_other_are_refused_before_any_work(
    words: list[object],
    problem: str,
    spotted: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    grid = [] if "--tile" in words else ["--target-res", 6, 4]
    assert run("make", "photos", "target.png", "-o", "out.jpg", *grid, *words) == 2
    said = capsys.readouterr().err
    assert problem in said and said.count("\n") == 1
    assert not Path("out.jpg").exists()


def test_deep_zoom_has_no_inches(spotted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert make("out.dzi", "--print", "A6") == 2
    assert "is for screens" in capsys.readouterr().err


def test_without_the_package_a_pdf_names_what_to_install(
    spotted: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pikepdf", None)
    assert make("out.pdf") == 2
    assert "pip install 'mosaic-book[print]'" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp", ".pdf"])
def test_noise_takes_no_more_room_than_was_reckoned(ending: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (900, 1000, 3), np.uint8)
    path = tmp_path / f"m{ending}"
    printing.save_for_paper(path, [noise], (1000, 900), COARSE, 25)
    with pytest.MonkeyPatch.context() as patch:
        size = path.stat().st_size
        patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=size - 1))
        with pytest.raises(MosaicError, match="are free there"):
            printing.check_room(path, (1000, 900))


def test_too_little_room_is_noticed_before_any_photo_is_read(
    spotted: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    assert make("out.png", "--print", "A3", "--dpi", 100) == 2
    said = capsys.readouterr().err
    assert "9 MB, and 1 MB are free" in said and said.count("\n") == 1
    assert {path.name for path in spotted.iterdir()} == {"photos", "target.png"}


@pytest.mark.parametrize("sheets", ["", "2x2"])
def test_a_disk_that_fills_up_leaves_no_half_of_a_pdf(
    sheets: str, run: Run, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    code = (
        "import numpy as np; from smalti import printing;"
        "noise = np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8);"
        f"asked = printing.PrintSettings(dpi=25, sheets={sheets!r});"
        "printing.save_for_paper('m.pdf', [noise], (400, 400), asked, 25)"
    )
    done = run(
        "-c",
        code,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000,) * 2),
    )
    assert done.returncode and os.strerror(errno.EFBIG) in done.stderr
    assert not list(tmp_path.iterdir())


# From beginning to end


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "pdf"])
def test_a_poster_has_the_pixels_and_the_resolution_of_its_paper(
    ending: str, spotted: Path
) -> None:
    assert make(f"out.{ending}", "--print", "A6", "--dpi", 100) == 0
    assert read_report(Path("out.json")).size == (583, 413)
    if ending == "pdf":
        assert pages(Path("out.pdf"))[0][1].size == (583, 413)
        return
    with Image.open(f"out.{ending}") as image:
        assert image.size == (583, 413)
        assert [round(float(side)) for side in image.info["dpi"]] == [100, 100]
        assert image.info["icc_profile"] == output.srgb()


def test_a_target_that_stands_makes_a_poster_that_stands(spotted: Path) -> None:
    Image.open("target.png").transpose(Image.Transpose.ROTATE_90).save("target.png")
    assert make("out.jpg", "--print", "9x6cm", "--dpi", 100) == 0
    assert Image.open("out.jpg").size == (236, 354)


def test_a_mosaic_for_a_screen_says_nothing_of_paper(spotted: Path) -> None:
    assert make("out.jpg") == 0
    with Image.open("out.jpg") as image:
        assert "icc_profile" not in image.info


def test_a_mosaic_that_is_there_covers_a_paper_of_another_shape_and_is_cut(
    spotted: Path,
) -> None:
    assert make("out.png", "--look", "plain", "--thumb-res", 20, 20) == 0
    assert run("paste", "out.png", "paper.png", "--print", "120x120in", "--dpi", 10) == 0
    paper = np.asarray(Image.open("paper.png"))
    assert paper.shape == (1200, 1200, 3)
    assert run("paste", "out.png", "large.png", "--size", "1800x1200") == 0
    whole = np.asarray(Image.open("large.png"))
    np.testing.assert_array_equal(paper, whole[:, 300:1500])
    assert read_report(Path("paper.json")).size == (1200, 1200)
    assert run("paste", "paper.png", "again.png") == 0
    np.testing.assert_array_equal(Image.open("again.png"), Image.open("out.png"))


def test_a_mosaic_becomes_sheets(spotted: Path) -> None:
    assert make("out.png") == 0
    assert (
        run("paste", "out.png", "s.pdf", "--print", "A5", "--dpi", 50, "--sheets", "2x2")
        == 0
    )
    assert len(pages(Path("s.pdf"))) == 5
    assert make("m.pdf", "--sheets", "3x1", "--overlap", 2) == 0
    assert len(pages(Path("m.pdf"))) == 4


def test_the_help_has_paper_among_the_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("make", "paste"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        sizes = capsys.readouterr().out.split("The size:")[1].split("\n\n")[0]
        for word in ("--print", "--dpi", "--sheets", "--overlap", "--size"):
            assert word in sizes


def test_a_folder_is_no_name_for_a_pdf(tmp_path: Path) -> None:
    (tmp_path / "m.pdf").mkdir()
    with pytest.raises(
        MosaicError, match=r"m\.pdf is a folder; give the mosaic a name in it"
    ):
        printing.check_output(str(tmp_path / "m.pdf"), (30, 20), PrintSettings())
