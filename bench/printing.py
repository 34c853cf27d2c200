"""What a poster costs: python bench/printing.py fills the tables of printing.md.

The first is of a poster of 1,600 painted cats; each line is a fresh `mosaic paste`. The second
compares libraries that write PDF, by sixteen sheets; those that are not installed are left out.
"""

import datetime
import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from data import cats
from smalti import printing
from smalti.ground.files import write_text

ROOT = Path(__file__).parents[1]
A0 = ["--print", "A0"]
POSTERS = [
    ("TIFF, and the photos read again", "first.tif", A0),
    ("TIFF, with the photos of the first", "second.tif", A0),
    ("PNG", "third.png", A0),
    ("JPEG", "fourth.jpg", A0),
    ("PDF of one page", "fifth.pdf", A0),
    ("PDF of sheets of A4", "sixth.pdf", [*A0, "--sheets", "A4"]),
]
LIBRARIES = {
    "pikepdf": "pikepdf",
    "fpdf2": "fpdf",
    "Pillow": "PIL",
    "reportlab": "reportlab",
}
SIZE, PAGE = (2480, 3508), (595.2, 841.92)  # A4 at 300 dpi, in pixels and in points


def by_pikepdf(sheets: list[Path], out: str) -> None:
    """As we do it."""
    pages = printing.Pages("sheets")
    for sheet in sheets:
        program = printing.put_picture(0, 0, 210, 297)
        pages.add((210, 297), sheet.read_bytes(), SIZE, program, sheet.stem)
    pages.save(Path(out))


def by_fpdf2(sheets: list[Path], out: str) -> None:
    """By a library that is written in Python."""
    pdf = importlib.import_module("fpdf").FPDF(unit="pt", format=PAGE)
    pdf.set_creation_date(datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
    for sheet in sheets:
        pdf.add_page()
        pdf.image(sheet, 0, 0, *PAGE)
    pdf.output(out)


def by_pillow(sheets: list[Path], out: str) -> None:
    """By the library that has made the JPEGs."""
    first, *others = map(Image.open, sheets)
    first.save(out, save_all=True, append_images=others, resolution=300)


def by_reportlab(sheets: list[Path], out: str) -> None:
    """By the oldest of them."""
    canvas = importlib.import_module("reportlab.pdfgen.canvas")
    vars(importlib.import_module("reportlab.rl_config"))["useA85"] = 0
    pdf = canvas.Canvas(out, pagesize=PAGE, invariant=1)
    for sheet in sheets:
        pdf.drawImage(str(sheet), 0, 0, *PAGE)
        pdf.showPage()
    pdf.save()


def fresh(*words: str, folder: str) -> str:
    """The CPU seconds and the peak memory of `python WORDS`, as cells of a table."""
    paths = os.pathsep.join([str(ROOT), *sys.path])
    env = {**os.environ, "SMALTI_CACHE": f"{folder}/cache", "PYTHONPATH": paths}
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run([sys.executable, *sys.argv[1:]], check=True, stdout=sys.stderr);"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(f'{used.ru_utime + used.ru_stime:.1f} | {used.ru_maxrss / 1024:.0f}')"
    )
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, env=env, text=True, stdout=subprocess.PIPE, check=True)
    return done.stdout.strip()


def measure_posters(folder: str) -> str:
    """The table of posters."""
    cats.paint_collection(Path(folder, "cats"), 1600, quiet=True)
    cats.paint_cat(5019).crop((0, 30, 200, 170)).save(f"{folder}/target.png")
    path, grid = f"{folder}/mosaic.jpg", ["--target-res", "120", "84"]
    photos = ["-m", "smalti", "make", f"{folder}/cats", f"{folder}/target.png"]
    fresh(*photos, "-o", path, *grid, folder=folder)
    rows = "| A0 at 300 dpi | CPU, s | peak memory, MB | MB |\n| --- | --: | --: | --: |\n"
    for name, output, words in POSTERS:
        out = Path(folder, output)
        found = fresh("-m", "smalti", "paste", path, str(out), *words, folder=folder)
        rows += f"| {name} | {found} | {out.stat().st_size / 1e6:.0f} |\n"
        print(rows.splitlines()[-1], flush=True)
        out.unlink()
    return rows


def measure_libraries(folder: str) -> str:
    """The table of libraries."""
    rng = np.random.default_rng(1)
    for i in range(16):
        small = Image.fromarray(rng.integers(0, 256, (439, 310, 3), np.uint8))
        small.resize(SIZE).save(f"{folder}/{i:02}.jpg", quality=90)
    rows = "| sixteen sheets | CPU, s | peak memory, MB |\n| --- | --: | --: |\n"
    for name, module in LIBRARIES.items():
        if importlib.util.find_spec(module):
            rows += (
                f"| {name} | {fresh(__file__, '--one', name, folder, folder=folder)} |\n"
            )
            print(rows.splitlines()[-1], flush=True)
    return rows


def main() -> None:
    """Measure, print the tables, and write them into the chapter."""
    chapter = ROOT / "smalti/printing.md"
    with tempfile.TemporaryDirectory() as folder:
        for name, measure in {"pdf": measure_libraries, "posters": measure_posters}.items():
            start, end, rows = f"<!-- table: {name} -->", "<!-- end -->", measure(folder)
            head, _, rest = chapter.read_text(encoding="utf-8").partition(start)
            tail = rest.partition(end)[2]
            write_text(chapter, f"{head}{start}\n\n{rows}\n{end}{tail}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        ways: dict[str, Callable[[list[Path], str], None]] = {
            "pikepdf": by_pikepdf,
            "fpdf2": by_fpdf2,
            "Pillow": by_pillow,
            "reportlab": by_reportlab,
        }
        ways[sys.argv[2]](sorted(Path(sys.argv[3]).glob("*.jpg")), f"{sys.argv[3]}/out.pdf")
    else:
        main()
