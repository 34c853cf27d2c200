"""The pages of the site: how documents are divided, and what their cells show."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import dark
import jupytext
import nbformat
import numpy as np
import pages
import pytest
import tangle
import weave
from PIL import Image
from tangle import Problem

ROOT = Path(__file__).parents[1]
BOOK = """# A book

It has [two](#two), and *three*, see [three](#three).

<!-- page: One | 5 -->
## One

```python #first
x = 1
```

<!-- page: course/between.md | 7 -->

<!-- page: Two | 6 -->
## Two

*Questions: why? You will be able to: say why.*

We print it, see [one](#one), and it takes 5 s:

```python
print(x, "takes 5.0 s")
```

### Twice

```python #first
y = 2
```

**Key points.** It is
one.

<!-- page: The end | 4 -->
## Three

```python file=book.py .noeval
<<first>>
```

### Twice

The [end](course/between.md#there), and [two times](#twice-1).
"""
BETWEEN = """# Between

There is [more](../mosaic.md#two), at the [end](../mosaic.md#twice-1), of the [book](../mosaic.md).

## There
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of a book in pages, a document between them, and a front page."""
    shutil.copy(ROOT / "entangled.toml", tmp_path)
    for name, text in {
        "mosaic.md": BOOK,
        "course/between.md": BETWEEN,
        "docs/index.md": "# Front\n\n![A dot](../fig/dot.png)\n\nRead [it](../mosaic.md#twice).\n",
    }.items():
        tangle.write_text(tmp_path / name, text)
    (tmp_path / "fig").mkdir()
    Image.new("RGB", (9, 9), "navy").save(tmp_path / "fig/dot.png")
    return tmp_path


def by_path(root: Path) -> dict[str, pages.Page]:
    """The pages of a project."""
    return {page.path: page for page in weave.pages_in(root) if page.text}


# Dividing


def test_without_marks_a_document_is_one_page() -> None:
    text = "# A\n\n## B\n\n```text\n<!-- page: C | 5 -->\n```\n"
    assert pages.divide("a.md", text) == [pages.Page("a.md", "", "a.md", text)]


def test_a_page_begins_at_a_mark_and_what_is_before_the_first_belongs_to_it(
    project: Path,
) -> None:
    found = by_path(project)
    assert list(found) == ["mosaic.md", "two.md", "the-end.md", "course/between.md"]
    assert found["mosaic.md"].text.startswith("# A book\n\nIt has")
    assert "## One" in found["mosaic.md"].text
    assert "page:" not in "".join(page.text for page in found.values())


def test_a_page_has_its_title_once() -> None:
    _, two, end = (p for p in pages.divide("mosaic.md", BOOK) if p.document == "mosaic.md")
    assert [title for _, level, title in pages.headings(two.text) if level == 1] == ["Two"]
    assert "## Twice" in two.text.split("\n")
    assert end.text.startswith("# The end\n\n## Three\n")
    assert "### Twice" in end.text.split("\n")


def test_the_book_is_read_in_the_order_of_its_marks(project: Path) -> None:
    order = weave.book_order(weave.pages_in(project))
    assert [page.path for page in order] == [
        "mosaic.md",
        "course/between.md",
        "two.md",
        "the-end.md",
    ]
    assert [page.minutes for page in order] == [5, 7, 6, 4]


def test_two_pages_of_one_address_are_refused() -> None:
    text = "# A\n<!-- page: B -->\n## B\n<!-- page: C -->\n## C\n<!-- page: c -->\n## D\n"
    with pytest.raises(Problem, match=r"two pages of the site are c\.md"):
        pages.check_paths(pages.divide("a.md", text))


# Links


def test_links_inside_the_book_lead_to_the_right_page(project: Path) -> None:
    found = by_path(project)
    assert "[two](two.md#two), and *three*, see [three](the-end.md#three)" in (
        found["mosaic.md"].text
    )
    assert "[one](mosaic.md#one)" in found["two.md"].text
    assert "[end](course/between.md#there)" in found["the-end.md"].text
    assert "[two times](#twice)" in found["the-end.md"].text


def test_links_from_other_documents_lead_to_the_right_page(project: Path) -> None:
    text = by_path(project)["course/between.md"].text
    assert "[more](../two.md#two)" in text
    assert "[end](../the-end.md#twice)" in text
    assert "[book](../mosaic.md)" in text


def test_captions_link_blocks_across_the_pages_of_one_document(project: Path) -> None:
    names, found = weave.names_in(project), by_path(project)
    first = weave.captioned(found["mosaic.md"].text, "mosaic.md", names)
    assert 'used in <a href="the-end.html#chunk-book-py">book.py</a>' in first
    assert '<a href="two.html#chunk-first-2" title="the next part">' in first
    second = weave.captioned(found["two.md"].text, "two.md", names)
    assert '<a href="mosaic.html#chunk-first">«first»</a> +≡' in second
    assert " of mosaic.md" not in first + second
    shown = weave.linked("&lt;&lt;first&gt;&gt;", "the-end.md", names)
    assert 'href="mosaic.html#chunk-first">' in shown


# What is written


@pytest.mark.long
def test_pages_are_written_with_outputs_minutes_and_what_they_show(
    project: Path, tmp_path: Path
) -> None:
    tangle.tangle(project)
    assert weave.main(project, [str(tmp_path / "pages")]) == 0
    written = {
        path.relative_to(tmp_path / "pages").as_posix()
        for path in (tmp_path / "pages").rglob("*.*")
    }
    assert written == {*by_path(project), "index.md", "fig/dot.png"}
    two = weave.load((tmp_path / "pages/two.md").read_text())
    first = two.cells[0].source
    assert '<p class="minutes">Page 3 of 4 · 6 minutes</p>' in first
    assert '<div class="questions">\n\n*Questions: why?' in first
    (cell, _) = weave.code_cells(two)
    assert cell.outputs[0].text == "1 takes 5.0 s\n"
    assert "cores" in cell.outputs[1].data["text/html"]
    assert cell.metadata.mystnb.image.alt == "We print it, see one, and it takes 5 s"
    assert '<div class="key-points">\n\n**Key points.** It is\none.\n\n</div>' in (
        two.cells[-1].source
    )
    front = weave.load((tmp_path / "pages/index.md").read_text()).cells[0].source
    assert "![A dot](fig/dot.png)" in front
    assert "[it](two.md#twice)" in front
    table = front[front.index("```{toctree}") :]
    assert "One <mosaic>\ncourse/between\nTwo <two>\nThe end <the-end>\n" in table
    assert table.count("between") == 1


@pytest.mark.long
def test_times_are_those_that_were_measured_once(project: Path) -> None:
    tangle.tangle(project)
    assert weave.main(project, ["--measure"]) == 0
    kept = json.loads((project / weave.MEASURED).read_text())
    ((entry,),) = [entries.values() for entries in kept.values()]
    assert entry["text"] == "1 takes 5.0 s\n"
    measured = {key: weave.Measured("9 s\n", "long ago") for key in kept["mosaic.md"]}
    ran = weave.code_cells(weave.executed(Path("mosaic.md"), project))
    outputs = [weave.dated(cell, measured) for cell in ran]
    assert [len(one) for one in outputs] == [0, 2, 0]
    assert outputs[1][0].text == "9 s\n"
    assert "Measured long ago." in outputs[1][1].data["text/html"]


def test_the_book_can_be_taken_along_as_a_notebook(project: Path) -> None:
    tangle.write_text(project / "mosaic.py", "x = 1\n")
    write = "import pathlib, sys\npathlib.Path(sys.argv[1]).write_text('{}')\n"
    tangle.write_text(project / "course/workbook.py", write)
    files = weave.downloads(project)
    assert files["exercise.ipynb"] == "{}"
    notebook = nbformat.reads(files["mosaic.ipynb"], as_version=4)
    assert notebook.metadata.kernelspec.name == "python3"
    assert len(weave.code_cells(notebook)) == 3
    assert files["mosaic.py"] == "x = 1\n"


def test_the_front_page_has_the_ways_through_that_the_exercises_have() -> None:
    rows = re.compile(r"^\| (90 minutes|half a day|a day) \|.*$", re.M)
    front, course = (
        {
            row[1]: set(re.findall(r"\b\d+\b|\ball\b", row[0].split("|")[column]))
            for row in found
        }
        for found, column in [
            (rows.finditer(tangle.read_text(ROOT / "docs/index.md")), 3),
            (rows.finditer(tangle.read_text(ROOT / "course/exercises.md")), 2),
        ]
    )
    assert front == course
    assert front["90 minutes"] == {"1", "3", "4", "6"}


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="the kernel is elsewhere")
def test_a_document_runs_as_a_notebook_without_naming_a_kernel(tmp_path: Path) -> None:
    (tmp_path / "small.md").write_text("# Small\n\n```python #a\nprint(6 * 7)\n```\n")
    jupytext = [sys.executable, "-m", "jupytext", "--to", "ipynb", "--execute", "small.md"]
    done = subprocess.run(
        jupytext, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (cell,) = weave.code_cells(weave.load((tmp_path / "small.ipynb").read_text()))
    assert cell.outputs[0].text == "42\n"


def test_a_cell_that_is_folded_in_jupyterlab_is_folded_on_the_site_once() -> None:
    cell = '```python jupyter={"source_hidden": true}\n1\n```\n'
    text = f"A cell.\n\n{cell}\n<details>\n\nOne more.\n\n{cell}\n</details>\n"
    ran = weave.code_cells(jupytext.reads(text, fmt="md"))
    shown = weave.code_cells(weave.woven(text, ran, {}))
    assert [one.metadata.get("tags") for one in shown] == [["hide-input"], None]


# Drawings in the dark


def drawing() -> Image.Image:
    """White paper with a black line of 2 pixels, and a photo of 60 x 60."""
    pixels = np.full((100, 200, 3), 255, np.uint8)
    pixels[20:22, 10:90] = 0
    noise = np.random.default_rng(1).integers(0, 200, (60, 60, 3), np.uint8)
    pixels[20:80, 120:180] = noise
    return Image.fromarray(pixels)


def test_in_the_dark_paper_is_dark_lines_are_light_and_photos_stay(tmp_path: Path) -> None:
    drawing().save(tmp_path / "a.png")
    assert dark.draw_dark(tmp_path / "a.png", tmp_path / "dark.png")
    with Image.open(tmp_path / "dark.png") as image:
        night = np.asarray(image.convert("RGB")).astype(int)
    day = np.asarray(drawing()).astype(int)
    assert night[5, 5].max() < 40
    assert night[20, 50].min() > 215
    assert (night[21:79, 121:179] == day[21:79, 121:179]).all()


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_photos_and_films_have_no_dark_version(tmp_path: Path, name: str) -> None:
    drawing().crop((120, 20, 180, 80)).save(tmp_path / name)
    assert not dark.draw_dark(tmp_path / name, tmp_path / "dark.png")
    assert not (tmp_path / "dark.png").exists()
