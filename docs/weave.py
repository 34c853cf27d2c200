"""Weave: show the literate documents as pages, with the outputs of their cells.

A Python block without `.noeval` is a cell for Jupytext. This program runs the cells, puts a
caption over every named block, and turns every <<reference>> into a link, into other pages,
too. As a program it runs the cells of all documents and writes what Sphinx shall read:

    python docs/weave.py             into _build/pages
    python docs/weave.py FOLDER      into another folder
    python docs/weave.py --measure   the times that the cells print into docs/measured.json

Sphinx calls `setup`.
"""

import argparse
import hashlib
import json
import os
import platform
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path

import jupytext
import nbformat
import reference
from dark import draw_dark
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from filelock import FileLock
from names import nameless
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from pages import (
    Page,
    check_paths,
    divide,
    files,
    find_places,
    headed,
    outside,
    relinked,
    set_apart,
)
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.errors import SphinxError
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator
from tangle import Block, blocks, documents, read_documents, read_text, tangled, write_text
from traitlets.config import Config

from smalti.ground.settings import cores

FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,})(?P<info>[^`]*)$")
REFERENCE = re.compile(r"^\s*<<([\w-]+)>>\s*$", re.M)
HTML_REFERENCE = re.compile(r"&lt;&lt;((?:<[^>]+>|[\w-])+?)&gt;&gt;")
PROGRAMS = ["*.py", "config.toml", "Snakefile", "data/*.py", "fig/*.py", "smalti/**/*.py"]
PROGRAMS += ["course/*.py", "smalti/*.css", "smalti/*.js", "smalti/*.html"]

BOOK = "mosaic.md"
FOLDERS = {
    "course/": "The course",
    "smalti/ground/": "Ground",
    "smalti/": "Further chapters",
}
COURSE = ("exercises", "solutions", "glossary", "teaching", "ready", "workbook", "checks")
MEASURED = "docs/measured.json"  # what the cells print of times, measured once
TIMES = re.compile(r"\d (s|ms)\b|: [\d.]+ times (faster|slower)")
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}


# Run the cells


class CellError(SphinxError):
    """A cell of a document has failed."""

    category = "A cell has failed"


def executed(document: Path, root: Path) -> NotebookNode:
    """Run a document from top to bottom in a fresh kernel, in the folder `root`.

    The result is kept in _build/executed until the document or a program changes.
    """
    text = read_text(root / document)
    key = hashlib.sha256((text + sys.version).encode())
    for program in sorted(path for pattern in PROGRAMS for path in root.glob(pattern)):
        key.update(program.read_bytes())
    store = root / "_build" / "executed"
    stem = document.with_suffix("").as_posix().replace("/", "-")
    kept = store / f"{stem}.{key.hexdigest()[:16]}.ipynb"
    store.mkdir(parents=True, exist_ok=True)
    with FileLock(store / f"{stem}.lock"):
        if not kept.exists():
            notebook = run(text, document, root)
            for old in store.glob(f"{stem}.*.ipynb"):
                old.unlink()
            write_text(kept, nbformat.writes(notebook))
    return load(read_text(kept))


# Kernels that start at the same time may choose the same ports; names of sockets are their own.
SOCKETS = {} if sys.platform == "win32" else {"transport": "ipc"}


def run(text: str, document: Path, root: Path) -> NotebookNode:
    """Run the cells of `text`; the first that fails raises CellError."""
    notebook: NotebookNode = jupytext.reads(text, fmt="md")
    try:
        with tempfile.TemporaryDirectory() as kept:  # not the cache of whoever reads
            client = NotebookClient(
                notebook,
                timeout=1800,
                kernel_name="python3",
                extra_arguments=["--log-level=ERROR"],
                resources={"metadata": {"path": str(root)}},
                config=Config(
                    {"KernelManager": {**SOCKETS, "connection_file": f"{kept}/k"}}
                ),
            )
            client.execute(env={**os.environ, "SMALTI_CACHE": kept, "TQDM_DISABLE": "1"})
    except CellExecutionError as error:
        failed = next(
            cell.source
            for cell in code_cells(notebook)
            if any(output.output_type == "error" for output in cell.outputs)
        )
        line = next(
            block.line for block in blocks(text) if block.code.strip() == failed.strip()
        )
        trace = re.sub(r"\x1b\[[\d;]*m", "", error.traceback)
        raise CellError(
            f"{document}:{line}: {error.ename}: {error.evalue}\n\n{trace}"
        ) from None
    about = about_now()
    for cell in filter(speaks_of_times, code_cells(notebook)):
        cell.metadata["measured"] = about
    return notebook


# Captions and links


def anchor(name: str, part: int = 1) -> str:
    """Name the place of a block on the page.

    >>> anchor("imports"), anchor("tests/solutions/a.py", 2)
    ('chunk-imports', 'chunk-tests-solutions-a-py-2')
    """
    return "chunk-" + re.sub(r"[^\w-]+", "-", name) + (f"-{part}" if part > 1 else "")


@dataclass(frozen=True)
class Names:
    """Where blocks are defined and used: for each name the page of each of its parts, and for
    each name its users; and of which document a page is.
    """

    homes: dict[str, list[str]]
    users: dict[str, dict[str, str]]  # name -> name of the block that uses it -> page
    labels: dict[str, str]
    documents: dict[str, str]

    def link(self, name: str, here: str, label: str = "", part: int = 1) -> str:
        """Link to a block from a page; a block of another document is shown with its name."""
        home = self.homes.get(name, [here])[part - 1]
        goal, document = goal_link(home, here, anchor(name, part)), self.document(home)
        away = f" of {escape(document)}" if document != self.document(here) else ""
        return f'<a href="{goal}">{escape(label or self.labels[name])}</a>{away}'

    def document(self, page: str) -> str:
        """The document of a page."""
        return self.documents.get(page, page)


def goal_link(page: str, here: str, place: str) -> str:
    """A link to a place on a page, from another page or from the same.

    >>> goal_link("a.md", "a.md", "x"), goal_link("a.md", "b/c.md", "x")
    ('#x', '../a.html#x')
    """
    return f"{'' if page == here else page_link(page, here)}#{place}"


def page_link(page: str, here: str) -> str:
    """The address of a page, as seen from another.

    >>> page_link("mosaic.md", "smalti/grid.md"), page_link("smalti/grid.md", "mosaic.md")
    ('../mosaic.html', 'smalti/grid.html')
    """
    address = posixpath.splitext(page)[0] + ".html"
    return posixpath.relpath(address, posixpath.dirname(here) or ".")


def find_names(
    texts: Mapping[str, str], documents: Mapping[str, str] | None = None
) -> Names:
    """Find where the blocks of all pages are defined and used."""
    homes: dict[str, list[str]] = defaultdict(list)
    users: dict[str, dict[str, str]] = defaultdict(dict)
    labels: dict[str, str] = {}
    for page, text in texts.items():
        for block in blocks(text):
            if block.name:
                homes[block.name].append(page)
                labels.setdefault(block.name, block.target or f"«{block.name}»")
                for reference in block.references:
                    users[reference][block.name] = page
    return Names(dict(homes), users, labels, dict(documents or {}))


def captions(named: list[Block], here: str, names: Names) -> Iterator[str]:
    """Caption every named block: «name» ≡ first, +≡ for what is added to it later.

    At the right stands where the block is used, and which other documents it takes blocks of.
    """
    seen = Counter[str]()
    for block in named:
        name = str(block.name)
        part = names.homes[name].index(here) + seen[name] + 1
        seen[name] += 1
        links = [names.link(user, here) for user in names.users.get(name, {})]
        uses = ["used in " + ", ".join(links)] if links else []
        wanted = {
            r: names.document(names.homes.get(r, [here])[0]) for r in block.references
        }
        away = {document: r for r, document in reversed(wanted.items())}
        away.pop(names.document(here), None)
        if away:
            uses += [
                "with " + ", ".join(names.link(r, here) for r in reversed(away.values()))
            ]
        if part < len(names.homes[name]):
            goal = goal_link(names.homes[name][part], here, anchor(name, part + 1))
            uses += [f'<a href="{goal}" title="the next part">more ↓</a>']
        label = ("file: " if block.target else "") + names.labels[name]
        first = goal_link(names.homes[name][0], here, anchor(name))
        yield (
            f'<div class="chunk" id="{anchor(name, part)}"><span>'
            f'<a href="{first}">{escape(label)}</a> {"≡" if part == 1 else "+≡"}</span>'
            f'<span class="chunk-use">{" · ".join(uses)}</span></div>'
        )


def captioned(text: str, here: str = "", names: Names | None = None) -> str:
    """Put a caption before every named block.

    >>> print(captioned("```python #a\\n1\\n```"))
    <BLANKLINE>
    <div class="chunk" id="chunk-a"><span><a href="#chunk-a">«a»</a> ≡</span><span class="chunk-use"></span></div>
    <BLANKLINE>
    ```python #a
    1
    ```
    """
    text = nameless(text)
    named = [block for block in blocks(text) if block.name]
    lines = text.split("\n")
    shown = captions(named, here, names or find_names({here: text}))
    for block, caption in reversed(list(zip(named, shown, strict=True))):
        above = [""] if block.line == 1 or lines[block.line - 2].strip() else []
        lines[block.line - 1 : block.line - 1] = [*above, block.indent + caption, ""]
    return "\n".join(lines)


def linked(html: str, here: str, names: Names) -> str:
    """Turn each <<name>> of a page into a link to its block, on this page or on another."""

    def replace(found: re.Match[str]) -> str:
        name = re.sub("<[^>]+>", "", found[1])
        if name not in names.homes:
            return found[0]
        home = names.homes[name][0]
        document = names.document(home)
        title = (
            f' title="in {escape(document)}"' if document != names.document(here) else ""
        )
        goal = goal_link(home, here, anchor(name))
        return f'<a class="chunk-ref" href="{goal}"{title}>&lt;&lt;{name}&gt;&gt;</a>'

    return HTML_REFERENCE.sub(replace, html)


# What cells say of times


@dataclass(frozen=True)
class Measured:
    """What a cell printed, and when and where it ran."""

    text: str
    about: str


def cell_key(cell: NotebookNode) -> str:
    """Name a cell by its code."""
    return hashlib.sha256(cell.source.strip().encode()).hexdigest()[:16]


def printed(cell: NotebookNode) -> str:
    """What a cell has printed."""
    return "".join(o.text for o in cell.outputs if o.output_type == "stream")


def speaks_of_times(cell: NotebookNode) -> bool:
    """Whether a cell prints times, which are others on another machine."""
    return bool(TIMES.search(printed(cell)))


def dated(run: NotebookNode, measured: Mapping[str, Measured]) -> list[NotebookNode]:
    """The outputs of a cell; times are those of the measurement, with a line that dates it."""
    outputs = list(run.outputs)
    if not speaks_of_times(run):
        return outputs
    now = Measured(printed(run), run.metadata.get("measured", ""))
    shown = measured.get(cell_key(run), now)
    first = next(i for i, o in enumerate(outputs) if o.output_type == "stream")
    rest = [o for o in outputs[first:] if o.output_type != "stream"]
    stream = nbformat.v4.new_output("stream", name="stdout", text=shown.text)
    note = f'<p class="measured">Measured {escape(shown.about)}.</p>' if shown.about else ""
    data = {"text/html": note, "text/plain": f"Measured {shown.about}."}
    notes = [nbformat.v4.new_output("display_data", data=data)] if note else []
    return [*outputs[:first], stream, *notes, *rest]


def about_now() -> str:
    """The date and the machine, in words."""
    day = datetime.now(tz=UTC)
    where = f"{cores()} cores" if cores() > 1 else "one core"
    python = platform.python_version()
    return f"on {day.day} {day:%B %Y}, on {where}, with Python {python}"


def read_measured(root: Path) -> dict[str, Measured]:
    """Read the measurements that are kept with the documents."""
    path = root / MEASURED
    kept = json.loads(read_text(path)) if path.is_file() else {}
    return {
        key: Measured(**entry)
        for entries in kept.values()
        for key, entry in entries.items()
    }


def write_measured(root: Path) -> None:
    """Keep what the cells of all documents print of times."""
    kept: dict[str, dict[str, dict[str, str]]] = {}
    for document in documents(root):
        for cell in filter(speaks_of_times, code_cells(executed(document, root))):
            entry = {"text": printed(cell), "about": cell.metadata.get("measured", "")}
            kept.setdefault(document.as_posix(), {})[cell_key(cell)] = entry
    write_text(root / MEASURED, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


# Cells on a page


def woven(
    text: str, ran: list[NotebookNode], measured: Mapping[str, Measured]
) -> NotebookNode:
    """Read the text of a page with captions, and give its cells the outputs of the run.

    Pictures are described by the words that introduce their cell. A cell that JupyterLab shows
    folded is folded here, too, unless it is inside a fold of the text. What a cell says of times is
    what was measured once, if `measured` has it.
    """
    notebook: NotebookNode = jupytext.reads(text, fmt="md")
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type != "raw"]
    notebook.metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE}
    words, seen, inside = "", Counter[str](), 0
    done = iter(ran)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            words = last_sentence(cell.source) or words
            inside += cell.source.count("<details") - cell.source.count("</details>")
        elif cell.cell_type == "code":
            run = next(done)
            cell.outputs, cell.execution_count = dated(run, measured), run.execution_count
            shown = words or "What the code above shows"
            seen[shown] += 1
            alt = f"{shown} ({seen[shown]})" if seen[shown] > 1 else shown
            folded = cell.metadata.get("jupyter", {}).get("source_hidden")
            cell.metadata = {"mystnb": {"image": {"alt": alt}}}
            cell.metadata |= {"tags": ["hide-input"]} if folded and not inside else {}
    return notebook


def last_sentence(markdown: str) -> str:
    """The last sentence before a cell, as plain words; a picture is described by it.

    >>> last_sentence("# A\\n\\nIt rains. Here is [a photo](x.jpg), *as it\\nis*:\\n\\n<div>b</div>")
    'Here is a photo, as it is'
    """
    free = zip(markdown.split("\n"), outside(markdown), strict=True)
    text = "\n".join(line if is_free else "" for line, is_free in free)
    paragraphs = [part.strip() for part in text.split("\n\n")]
    prose = [part for part in paragraphs if part and part[0] not in "#|!$<"]
    if not prose:
        return ""
    plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(prose[-1].split()))
    plain = re.sub(r"(?<!\w)[*_]+|[*_]+(?!\w)|[`$]", "", plain)
    return re.split(r"(?<=[.!?)])\s+(?=[A-Z(])", plain)[-1].strip("() ").rstrip(".:;,")


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """List the cells that run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


# Pages


@cache
def pages_in(root: Path) -> tuple[Page, ...]:
    """The pages of all documents, in the order of the documents, with their links led right."""
    texts = read_documents(root)
    pages = [page for document, text in texts.items() for page in divide(document, text)]
    places = find_places(texts, pages)
    return tuple(
        replace(page, text=relinked(page, places)) if page.text else page for page in pages
    )


def book_order(pages: Iterable[Page]) -> list[Page]:
    """The pages of the book, with the pages of other documents between them."""
    return [page for page in pages if page.document == BOOK or not page.text]


@cache
def names_in(root: Path) -> Names:
    """Find the names of all blocks once."""
    pages = [page for page in pages_in(root) if page.text]
    return find_names(
        {page.path: page.text for page in pages},
        {page.path: page.document for page in pages},
    )


def contents(pages: Iterable[Page], order: str, modules: list[str]) -> str:
    """Write the table of contents that the theme shows at the side, in parts.

    Documents come in the order in which the text `order` leads to them.
    """
    book = book_order(pages)
    parts = {
        "The book": [
            f"{p.title} <{stem(p.path)}>" if p.title else stem(p.path) for p in book
        ]
    }
    parts |= {"The course": [], "Further chapters": [], "Ground": [], "Appendices": []}
    inside = {page.path for page in book}
    names = [stem(page.path) for page in pages if page.path not in inside]
    for name in reading_order(names, order):
        folder = next((f for f in FOLDERS if name.startswith(f)), "")
        parts[FOLDERS.get(folder, "Appendices")].append(name)
    course = [f"course/{name}" for name in COURSE]
    parts["The course"].sort(key=lambda n: course.index(n) if n in course else len(course))
    parts["Reference"] = modules
    return "\n\n".join(
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"])
        for caption, entries in parts.items()
        if entries
    )


def stem(path: str) -> str:
    """A path without its ending: the name of a page for Sphinx."""
    return posixpath.splitext(path)[0]


def reading_order(names: list[str], text: str) -> list[str]:
    """Sort documents as a text leads to them last; what it does not name comes last.

    >>> reading_order(["a", "b", "c"], "[c](c.md) first, now [c](c.md), [b](b.md)")
    ['c', 'b', 'a']
    """
    places = {name: text.rfind(f"({name}.md") for name in names}
    return sorted(names, key=lambda name: (places[name] < 0, places[name]))


def write_pages(root: Path, folder: Path) -> None:
    """Write every page as a notebook with outputs, and what it shows, into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    pages, names, measured = pages_in(root), names_in(root), read_measured(root)
    check_paths([page for page in pages if page.text])
    book = book_order(pages)
    minutes = {page.path: page.minutes for page in book}
    shown = set[str]()
    rest: dict[str, list[NotebookNode]] = {}
    for page in pages:
        if page.text:
            cells = rest.setdefault(
                page.document, code_cells(executed(Path(page.document), root))
            )
            place = next((i for i, one in enumerate(book, 1) if one.path == page.path), 0)
            page = replace(page, minutes=minutes.get(page.path, page.minutes))
            place = place if len(book) > 1 else 0
            text = set_apart(headed(page, place, len(book)))
            text = captioned(text, page.path, names)
            notebook = woven(text, cells, measured)
            del cells[: len(code_cells(notebook))]
            write_text(folder / page.path, nbformat.writes(notebook))
            shown.update(files(page))
    assert not any(rest.values()), "a page has lost a cell"
    for path, text in reference_pages(root).items():
        write_text(folder / path, text)
    front = Page("index.md", "", "docs/index.md", read_text(root / "docs/index.md"))
    front = replace(front, text=relinked(front, find_places(read_documents(root), pages)))
    shown.update(files(front))
    order = front.text + "".join(page.text for page in pages if page.document == BOOK)
    modules = [stem(name) for name in reference_pages(root)]
    table = contents(pages, order, modules)
    cell = nbformat.v4.new_markdown_cell(f"{front.text}\n\n{table}\n")
    write_text(folder / front.path, nbformat.writes(nbformat.v4.new_notebook(cells=[cell])))
    for path in shown:
        if (root / path).is_file() and not path.endswith(".md"):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, folder / path)


# Sphinx


@cache
def reference_pages(root: Path) -> dict[str, str]:
    """Write a page about each module, with links to the blocks that define its functions."""
    texts, names = read_documents(root), names_in(root)
    links: dict[tuple[str, int], str] = {}
    for document, text in texts.items():
        seen = Counter[str]()
        for block in blocks(text):
            if block.name:
                seen[block.name] += 1
                part = seen[block.name]
                home = names.homes[block.name][part - 1]
                goal = goal_link(home, f"{reference.FOLDER}/x", anchor(block.name, part))
                words = f"{names.labels[block.name]} of {document}"
                links[document, block.line] = f'<a href="{goal}">{escape(words)}</a>'
    return reference.pages(tangled(root, texts), links)


def load(text: str) -> NotebookNode:
    """Read a notebook, as `executed` and `read` have written it."""
    notebook: NotebookNode = nbformat.reads(text, as_version=4)
    return notebook


def finish_page(
    app: Sphinx, page: str, template: str, context: dict[str, object], tree: object
) -> None:
    """Link the references in the finished HTML of a page, and add drawings for the dark."""
    if "body" in context:
        names = names_in(Path(app.confdir).parent)
        body = linked(str(context["body"]), f"{page}.md", names)
        context["body"] = with_dark(body, drawings(app))


def drawings(app: Sphinx) -> dict[str, str]:
    """The dark version of each drawing that a page shows, by the names of their files.

    They are kept in _build/dark, for drawing them takes longer than all else.
    """
    assert isinstance(app.builder, StandaloneHTMLBuilder)
    store, found = Path(app.confdir).parent / "_build" / "dark", dict[str, str]()
    for source, name in app.builder.images.items():
        goal = Path(app.outdir) / "_images" / f"dark-{Path(name).stem}.png"
        if not goal.is_file():
            content = (Path(app.srcdir) / source).read_bytes()
            kept = store / f"{hashlib.sha256(content).hexdigest()[:16]}.png"
            if kept.is_file() or draw_dark(Path(app.srcdir) / source, kept):
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(kept, goal)
        if goal.is_file():
            found[name] = goal.name
    return found


def with_dark(html: str, dark: Mapping[str, str]) -> str:
    """Put the dark version of each drawing beside it; the theme shows one of the two.

    >>> with_dark('<img alt="a" src="../_images/b.png" />', {"b.png": "dark-b.png"})
    '<img class="only-light" alt="a" src="../_images/b.png" /><img class="only-dark" alt="a" src="../_images/dark-b.png" />'
    """

    def replace(found: re.Match[str]) -> str:
        other = dark.get(found["name"])
        if not other:
            return found[0]
        plain = re.sub(r' class="[^"]*"', "", found[0])
        light, night = (
            plain.replace("<img", f'<img class="only-{when}"') for when in ("light", "dark")
        )
        return light + night.replace(f"_images/{found['name']}", f"_images/{other}")

    return re.sub(r'<img[^>]*src="[^"]*_images/(?P<name>[^"]+)"[^>]*>', replace, html)


def finish_site(app: Sphinx, error: Exception | None) -> None:
    """Add what readers may take with them."""
    if error is None:
        for name, text in downloads(Path(app.confdir).parent).items():
            write_text(Path(app.outdir) / "downloads" / name, text)


def downloads(root: Path) -> dict[str, str]:
    """The book as a notebook, the workbook and the program, by the names of their files."""
    notebook: NotebookNode = jupytext.reads(read_text(root / BOOK), fmt="md")
    notebook.metadata = {"kernelspec": KERNEL, "language_info": LANGUAGE}
    found = {"mosaic.ipynb": nbformat.writes(notebook)}
    found["mosaic.py"] = read_text(root / "mosaic.py")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exercise.ipynb"
        words = [sys.executable, "course/workbook.py", str(path)]
        subprocess.run(words, cwd=root, check=True, stdout=subprocess.DEVNULL)
        return found | {path.name: read_text(path)}


def inline_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers show by themselves."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def block_math(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    formula = tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx when to call what."""
    app.connect("html-page-context", finish_page)
    app.connect("build-finished", finish_site)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main(root: Path, words: list[str] | None = None) -> int:
    """Run every document that has changed, print its name, or what failed and where; and write
    the pages, or what was measured.
    """
    parser = argparse.ArgumentParser(description="Run the cells and write the pages.")
    parser.add_argument("folder", nargs="?", type=Path, default=root / "_build" / "pages")
    parser.add_argument("--measure", action="store_true", help="only keep the times")
    options = parser.parse_args(words)
    for document in documents(root):
        try:
            cells = code_cells(executed(document, root))
        except CellError as error:
            print(error)
            return 1
        print(f"{document}: all {len(cells)} cells run")
    if options.measure:
        write_measured(root)
    else:
        write_pages(root, options.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1]))
