"""Weave: show a literate document as a page, with the outputs of its cells.

A document is Markdown. A block with a name (```python #imports) or a file
(```toml file=config.toml) is tangled by Entangled; a Python block without
`.noeval` is also a cell for Jupytext. `blocks` is the one place that reads this
notation. The rest runs the cells, puts a caption over every named block, and
turns every <<reference>> into a link. Sphinx calls `setup`; as a program,
`python docs/weave.py` runs the cells of every document.
"""

import hashlib
import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from filelock import FileLock
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.errors import SphinxError

FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,})(?P<info>[^`]*)$")
REFERENCE = re.compile(r"^\s*<<([\w-]+)>>\s*$", re.M)
HTML_REFERENCE = re.compile(r"&lt;&lt;((?:<[^>]+>|[\w-])+?)&gt;&gt;")
PROGRAMS = ["*.py", "config.toml", "Snakefile", "data/*.py", "fig/*.py", "smalti/**/*.py"]


@dataclass(frozen=True)
class Block:
    """A fenced block: where it opens, its info string and its code."""

    line: int
    indent: str
    info: str
    code: str
    closed: bool = True

    @property
    def target(self) -> str | None:
        """The file that the block begins, if any."""
        found = re.search(r"\sfile=(\S+)", self.info)
        return found and found[1]

    @property
    def name(self) -> str | None:
        """The name that references use: that after #, else the file.

        >>> Block(1, "", "python #imports", "").name
        'imports'
        """
        found = re.search(r"\s#(\S+)", self.info)
        return found[1] if found else self.target

    @property
    def references(self) -> list[str]:
        """The names of the blocks that belong at this place in the code."""
        return REFERENCE.findall(self.code)


def blocks(text: str) -> list[Block]:
    """Find the fenced blocks of a document, in order.

    >>> [(block.name, block.line) for block in blocks("```toml file=a.toml\\nx = 1\\n```")]
    [('a.toml', 1)]
    """
    found: list[Block] = []
    start, ticks, opening = 0, "", None
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if fence and opening is None:
            start, ticks, opening = number, fence["ticks"], fence
        elif fence and opening and not fence["info"].strip() and fence["ticks"] >= ticks:
            code = "\n".join(lines[start : number - 1])
            found.append(Block(start, opening["indent"], opening["info"].strip(), code))
            opening = None
    if opening:
        code = "\n".join(lines[start:])
        found.append(Block(start, opening["indent"], opening["info"].strip(), code, False))
    return found


def documents(root: Path) -> list[Path]:
    """List the literate documents, as Entangled finds them, relative to `root`."""
    patterns = tomllib.loads((root / "entangled.toml").read_text())["watch_list"]
    paths = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return [path.relative_to(root) for path in dict.fromkeys(paths)]


# Run the cells


class CellError(SphinxError):
    """A cell of a document has failed."""

    category = "A cell has failed"


def executed(document: Path, root: Path) -> NotebookNode:
    """Run a document from top to bottom in a fresh kernel, in the folder `root`.

    The result is kept in _build/executed until the document or a program changes.
    """
    text = (root / document).read_text()
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
            part = kept.with_suffix(".part")
            part.write_text(nbformat.writes(notebook))
            part.replace(kept)
    return load(kept.read_text())


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
        client.execute()
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


def captions(named: list[Block]) -> Iterator[str]:
    """Caption every named block: «name» ≡ first, +≡ for what is added to it later."""
    users: dict[str, dict[str, str]] = defaultdict(dict)
    labels = {str(block.name): f"«{block.name}»" for block in named}
    labels |= {str(block.name): block.target for block in named if block.target}
    for block in named:
        for reference in block.references:
            users[reference][str(block.name)] = labels[str(block.name)]
    total, seen = Counter(block.name for block in named), Counter[str]()
    for block in named:
        name = str(block.name)
        seen[name] += 1
        part = seen[name]
        label = ("file: " if block.target else "") + labels[name]
        links = [link(user, shown) for user, shown in users[name].items()]
        uses = ["used in " + ", ".join(links)] if links else []
        if part < total[name]:
            uses += [
                f'<a href="#{anchor(name, part + 1)}" title="the next part">more ↓</a>'
            ]
        yield (
            f'<div class="chunk" id="{anchor(name, part)}"><span>{link(name, label)} '
            f'{"≡" if part == 1 else "+≡"}</span><span class="chunk-use">{" · ".join(uses)}</span></div>'
        )


def link(name: str, label: str) -> str:
    """Link to the first block of a name."""
    return f'<a href="#{anchor(name)}">{escape(label)}</a>'


def captioned(text: str) -> str:
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
    for block, caption in reversed(list(zip(named, captions(named), strict=True))):
        above = [""] if block.line == 1 or lines[block.line - 2].strip() else []
        lines[block.line - 1 : block.line - 1] = [*above, block.indent + caption, ""]
    return "\n".join(lines)


def linked(html: str) -> str:
    """Turn each <<name>> of the page into a link, if the page has a block of that name."""

    def replace(found: re.Match[str]) -> str:
        name = re.sub("<[^>]+>", "", found[1])
        if f'id="{anchor(name)}"' not in html:
            return found[0]
        return f'<a class="chunk-ref" href="#{anchor(name)}">&lt;&lt;{name}&gt;&gt;</a>'

    return HTML_REFERENCE.sub(replace, html)


# Sphinx


def woven(text: str, ran: NotebookNode) -> NotebookNode:
    """Read a document with its captions, and give its cells the outputs of the run."""
    notebook: NotebookNode = jupytext.reads(captioned(text), fmt="md")
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


def contents(names: list[str], book: str) -> str:
    """Write the table of contents that the theme shows at the side."""
    chapters = [name for name in names if name.startswith("smalti/")]
    rest = [name for name in names if name not in chapters and name != book]
    parts = {"The book": ["self"], "Further chapters": chapters, "Appendices": rest}
    return "\n\n".join(
        "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"])
        for caption, entries in parts.items()
        if entries
    )


def read(app: Sphinx, docname: str, source: list[str]) -> None:
    """Replace a document's text by its woven notebook, which MyST-NB then reads."""
    root = Path(app.srcdir)
    notebook = woven(source[0], executed(Path(docname + ".md"), root))
    if docname == app.config.root_doc:
        names = [path.with_suffix("").as_posix() for path in documents(root)]
        names.sort(key=source[0].rfind)  # the order in which the book's end names them
        notebook.cells.append(nbformat.v4.new_markdown_cell(contents(names, docname)))
    source[0] = nbformat.writes(notebook)


def load(text: str) -> NotebookNode:
    """Read a notebook, as `executed` and `read` have written it."""
    notebook: NotebookNode = nbformat.reads(text, as_version=4)
    return notebook


def finish_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any
) -> None:
    """Link the references in the finished HTML of a page."""
    if "body" in context:
        context["body"] = linked(context["body"])


def finish_site(app: Sphinx, error: Exception | None) -> None:
    """Let the site's index.html lead to the book."""
    if error is None:
        goal = f"{app.config.root_doc}.html"
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url={goal}">\n'
        (Path(app.outdir) / "index.html").write_text(page)


def inline_math(translator: Any, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers show by themselves."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def block_math(translator: Any, node: nodes.math_block) -> None:
    """Write a formula on a line of its own."""
    formula = tex2mathml(node.astext(), as_block=True)
    translator.body.append(f'<div class="formula">{formula}</div>\n')
    raise nodes.SkipNode


def find_pages(app: Sphinx, config: Any) -> None:
    """Make pages of the literate documents, and of nothing else."""
    config.include_patterns = [path.as_posix() for path in documents(Path(app.srcdir))]


def setup(app: Sphinx) -> dict[str, Any]:
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
