"""Weave: show a literate document as a page, with the outputs of its cells.

A Python block without `.noeval` is a cell for Jupytext. This program runs the cells, puts a
caption over every named block, and turns every <<reference>> into a link, into other
documents, too. Sphinx calls `setup`; as a program, `python docs/weave.py` runs the cells of
every document.
"""

import hashlib
import os
import posixpath
import re
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path

import jupytext
import nbformat
import reference
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from filelock import FileLock
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import SphinxError
from sphinx.util.typing import ExtensionMetadata
from sphinx.writers.html5 import HTML5Translator
from tangle import Block, blocks, documents, read_documents, read_text, tangled, write_text

FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,})(?P<info>[^`]*)$")
REFERENCE = re.compile(r"^\s*<<([\w-]+)>>\s*$", re.M)
HTML_REFERENCE = re.compile(r"&lt;&lt;((?:<[^>]+>|[\w-])+?)&gt;&gt;")
PROGRAMS = ["*.py", "config.toml", "Snakefile", "data/*.py", "fig/*.py", "smalti/**/*.py"]
PROGRAMS += ["course/*.py", "smalti/*.css", "smalti/*.js", "smalti/*.html"]


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
    with FileLock(store / "lock"):
        if not kept.exists():
            notebook = run(text, document, root)
            for old in store.glob(f"{stem}.*.ipynb"):
                old.unlink()
            write_text(kept, nbformat.writes(notebook))
    return load(read_text(kept))


def run(text: str, document: Path, root: Path) -> NotebookNode:
    """Run the cells of `text`; the first that fails raises CellError."""
    notebook: NotebookNode = jupytext.reads(text, fmt="md")
    client = NotebookClient(
        notebook,
        timeout=1800,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(root)}},
    )
    try:
        with tempfile.TemporaryDirectory() as kept:  # not the cache of whoever reads
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
    """Where blocks are defined and used: documents by name, and for each name its users."""

    homes: dict[str, str]
    users: dict[str, dict[str, str]]  # name -> name of the block that uses it -> document
    labels: dict[str, str]

    def link(self, name: str, here: str, label: str = "", part: int = 1) -> str:
        """Link to a block from a page; a block of another document is shown with its name."""
        home = self.homes.get(name, here)
        words = label or self.labels[name]
        goal = f"#{anchor(name, part)}"
        if home == here:
            return f'<a href="{goal}">{escape(words)}</a>'
        return (
            f'<a href="{page_link(home, here)}{goal}">{escape(words)}</a> of {escape(home)}'
        )


def page_link(document: str, here: str) -> str:
    """The page of a document, as seen from that of another.

    >>> page_link("mosaic.md", "smalti/grid.md"), page_link("smalti/grid.md", "mosaic.md")
    ('../mosaic.html', 'smalti/grid.html')
    """
    page = posixpath.splitext(document)[0] + ".html"
    return posixpath.relpath(page, posixpath.dirname(here) or ".")


def find_names(texts: Mapping[str, str]) -> Names:
    """Find where the blocks of all documents are defined and used."""
    homes: dict[str, str] = {}
    users: dict[str, dict[str, str]] = defaultdict(dict)
    labels: dict[str, str] = {}
    for document, text in texts.items():
        for block in blocks(text):
            if block.name:
                homes.setdefault(block.name, document)
                labels.setdefault(block.name, block.target or f"«{block.name}»")
                for reference in block.references:
                    users[reference][block.name] = document
    return Names(homes, users, labels)


def captions(named: list[Block], here: str, names: Names) -> Iterator[str]:
    """Caption every named block: «name» ≡ first, +≡ for what is added to it later.

    At the right stands where the block is used, and which other documents it takes blocks of.
    """
    total, seen = Counter(block.name for block in named), Counter[str]()
    for block in named:
        name = str(block.name)
        seen[name] += 1
        part = seen[name]
        links = [names.link(user, here) for user in names.users.get(name, {})]
        uses = ["used in " + ", ".join(links)] if links else []
        away = {names.homes.get(r, here): r for r in reversed(block.references)}
        away.pop(here, None)
        if away:
            uses += [
                "with " + ", ".join(names.link(r, here) for r in reversed(away.values()))
            ]
        if part < total[name]:
            uses += [
                f'<a href="#{anchor(name, part + 1)}" title="the next part">more ↓</a>'
            ]
        label = ("file: " if block.target else "") + names.labels[name]
        yield (
            f'<div class="chunk" id="{anchor(name, part)}"><span>'
            f'<a href="#{anchor(name)}">{escape(label)}</a> {"≡" if part == 1 else "+≡"}</span>'
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
        home = names.homes[name]
        page = "" if home == here else page_link(home, here)
        title = f' title="in {escape(home)}"' if page else ""
        goal = f"{page}#{anchor(name)}"
        return f'<a class="chunk-ref" href="{goal}"{title}>&lt;&lt;{name}&gt;&gt;</a>'

    return HTML_REFERENCE.sub(replace, html)


# Sphinx


def woven(text: str, ran: NotebookNode) -> NotebookNode:
    """Read a document with captions, and give its cells the outputs of the run."""
    notebook: NotebookNode = jupytext.reads(text, fmt="md")
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type != "raw"]
    notebook.metadata = ran.metadata
    pairs = zip(code_cells(notebook), code_cells(ran), strict=True)
    for cell, done in pairs:
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
        cell.metadata = {"mystnb": {"image": {"alt": "what the code above shows"}}}
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """List the cells that run."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@cache
def names_in(root: Path) -> Names:
    """Find the names of all blocks once."""
    return find_names(read_documents(root))


def contents(chapters: list[str], book: str, modules: list[str]) -> str:
    """Write the table of contents that the theme shows at the side, in parts."""
    parts: dict[str, list[str]] = {"The book": ["self"], "Further chapters": []}
    parts |= {"Ground": [], "Appendices": [], "Reference": modules}
    for name in chapters:
        if name.startswith("smalti/ground/"):
            parts["Ground"].append(name)
        elif name != book:
            part = "Further chapters" if name.startswith("smalti/") else "Appendices"
            parts[part].append(name)
    return "\n\n".join(
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"])
        for caption, entries in parts.items()
        if entries
    )


def reading_order(names: list[str], book: str) -> list[str]:
    """Sort documents as the end of the book names them; what it does not name comes last.

    >>> reading_order(["a", "b", "c"], "[c](c.md) first, now [c](c.md), [b](b.md)")
    ['c', 'b', 'a']
    """
    places = {name: book.rfind(f"({name}.md") for name in names}
    return sorted(names, key=lambda name: (places[name] < 0, places[name]))


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace a document's text by its woven notebook, which MyST-NB then reads."""
    root, document = Path(app.srcdir), f"{docname}.md"
    chapters = [path.as_posix() for path in documents(root)]
    if document not in chapters:
        return
    text = captioned(source[0], document, names_in(root))
    notebook = woven(text, executed(Path(document), root))
    if docname == app.config.root_doc:
        names = [name.removesuffix(".md") for name in chapters]
        modules = [name.removesuffix(".rst") for name in reference_pages(root)]
        table = contents(reading_order(names, source[0]), docname, modules)
        notebook.cells.append(nbformat.v4.new_markdown_cell(table))
    source[0] = nbformat.writes(notebook)


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
                goal = f"{page_link(document, reference.FOLDER + '/x')}#"
                goal += anchor(block.name, seen[block.name])
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
    """Link the references in the finished HTML of a page."""
    if "body" in context:
        names = names_in(Path(app.srcdir))
        context["body"] = linked(str(context["body"]), f"{page}.md", names)


def finish_site(app: Sphinx, error: Exception | None) -> None:
    """Let the site's index.html lead to the book."""
    if error is None:
        goal = f"{app.config.root_doc}.html"
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url={goal}">\n'
        write_text(Path(app.outdir) / "index.html", page)


def inline_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers show by themselves."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def block_math(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    formula = tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def find_pages(app: Sphinx, config: Config) -> None:
    """Make pages of the literate documents and of the modules, and of nothing else."""
    root = Path(app.srcdir)
    for page, text in reference_pages(root).items():
        if not (root / page).is_file() or read_text(root / page) != text:
            write_text(root / page, text)
    config.include_patterns = [path.as_posix() for path in documents(root)]
    config.include_patterns += reference_pages(root)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Tell Sphinx when to call what."""
    app.connect("config-inited", find_pages)
    app.connect("source-read", read)
    app.connect("html-page-context", finish_page)
    app.connect("build-finished", finish_site)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main(root: Path) -> int:
    """Run every document that has changed; print its name, or what failed and where."""
    for document in documents(root):
        try:
            cells = code_cells(executed(document, root))
        except CellError as error:
            print(error)
            return 1
        print(f"{document}: all {len(cells)} cells run")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1]))
