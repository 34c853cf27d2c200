"""Check the literate documents: python docs/check.py prints one line for each fault."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from itertools import chain, zip_longest
from pathlib import Path

import jupytext
from tornado.web import HTTPError
from weave import Block, blocks, documents

INFO = re.compile(r"[a-z][\w+-]*(\s+(#[\w-]+|file=[\w./-]+|\.[a-z]+))*")
TANGLED = re.compile(rb"\A(.*\n){0,2}\W*~/~ begin <<")
TEXT = {"", ".py", ".toml", ".yaml", ".yml", ".smk", ".sh", ".css", ".js", ".html"}


def faults(root: Path) -> Iterator[str]:
    """Find every fault of the documents in `root` and of what they tangle into."""
    texts = {str(path): (root / path).read_text() for path in documents(root)}
    for document, text in texts.items():
        found = chain(fence_faults(text), notebook_faults(text))
        yield from (f"{document}:{fault}" for fault in found)
    yield from name_faults(texts)
    yield from tangle_faults(root, list(texts))


def fence_faults(text: str) -> Iterator[str]:
    """Find fences that Entangled, Jupytext or GitHub would read otherwise than we mean.

    >>> list(fence_faults("```sh\\nls\\n```"))
    ['1: ```sh would run as a cell; write ```console']
    """
    for block in blocks(text):
        info, words = block.info, block.info.split()
        if not block.closed:
            yield f"{block.line}: the block is not closed"
        if info and not INFO.fullmatch(info):
            yield f"{block.line}: ```{info} is not: language #name file=path .noeval"
        elif ".noeval" in words and words[-1] != ".noeval":
            yield f"{block.line}: .noeval must be the last word of ```{info}"
        elif words and words[0] != "python" and is_cell(info):
            yield f"{block.line}: ```{info} would run as a cell; write ```console"
        elif block.references and is_cell(info):
            yield f"{block.line}: a block with <<{block.references[0]}>> cannot run; add .noeval"
        if any(inner.name for inner in blocks(block.code)):
            yield f"{block.line}: Entangled would tangle the block inside this one"


@cache
def is_cell(info: str) -> bool:
    """Whether Jupytext makes a running cell of such a block.

    >>> is_cell("python #name"), is_cell("python #name .noeval"), is_cell("toml")
    (True, False, False)
    """
    notebook = jupytext.reads(f"```{info}\n1\n```\n", fmt="md")
    return any(cell.cell_type == "code" for cell in notebook.cells)


def notebook_faults(text: str) -> Iterator[str]:
    """Find a difference after opening and saving the document as JupyterLab does."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "document.md"
        file.write_text(text)
        manager = jupytext.TextFileContentsManager(root_dir=folder)
        try:
            notebook = manager.get(file.name, type="notebook")["content"]
        except HTTPError as error:
            yield f"1: cannot be opened as a notebook: {str(error.log_message).splitlines()[0]}"
            return
        notebook.metadata.kernelspec = {
            "name": "python3",
            "display_name": "Python 3 (ipykernel)",
        }
        notebook.metadata.kernelspec["language"] = "python"
        notebook.metadata.language_info = {"name": "python"}
        manager.save({"type": "notebook", "content": notebook}, file.name)
        saved = file.read_text()
    if saved != text:
        lines = zip_longest(text.split("\n"), saved.split("\n"), fillvalue=None)
        number, (old, new) = next(
            (number, pair) for number, pair in enumerate(lines, 1) if pair[0] != pair[1]
        )
        yield f"{number}: saved as a notebook, {old!r} turns into {new!r}"


def name_faults(texts: dict[str, str]) -> Iterator[str]:
    """Find references to no block, blocks for no reference, and names that two documents share."""
    homes: dict[str, dict[str, Block]] = defaultdict(dict)
    for document, text in texts.items():
        for block in blocks(text):
            if block.name:
                homes[block.name].setdefault(document, block)
    wanted = {
        name
        for text in texts.values()
        for block in blocks(text)
        for name in block.references
    }
    for document, text in texts.items():
        for block in blocks(text):
            for name in block.references:
                if block.name and name not in homes:
                    yield f"{document}:{block.line}: <<{name}>> is nowhere defined"
    for name, places in homes.items():
        if len(places) > 1:
            yield f"{' and '.join(places)}: both define #{name}, so Entangled would join them"
        document, block = next(iter(places.items()))
        if not (block.target or name in wanted or name.startswith("a-toy")):
            yield f"{document}:{block.line}: #{name} is used nowhere"


def tangle_faults(root: Path, sources: list[str]) -> Iterator[str]:
    """Find files that are not exactly what the documents tangle into, in an empty folder."""
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        for source in ["entangled.toml", *sources]:
            (fresh / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / source, fresh / source)
        # Entangled 2.1 ends with status 0 after an error, so look at what it says, too
        tangle = [str(Path(sys.executable).with_name("entangled")), "tangle"]
        run = subprocess.run(tangle, cwd=fresh, text=True, capture_output=True, check=False)
        said = run.stdout + run.stderr
        if run.returncode or "ERROR" in said:
            yield "entangled tangle: " + " ".join(said.split())
            return
        made = {path: (fresh / path).read_bytes() for path in files(fresh)}
    for path in sorted(
        made.keys() - {Path(source) for source in ["entangled.toml", *sources]}
    ):
        if not (root / path).is_file():
            yield f"{path}: missing; run entangled tangle"
        elif not same((root / path).read_bytes(), made[path]):
            yield f"{path}: not what the documents tangle into; run entangled tangle or stitch"
    for path in files(root):
        if path.suffix in TEXT and path not in made:
            with (root / path).open("rb") as file:
                if TANGLED.match(file.read(400)):
                    yield f"{path}: stale, no document tangles into it any more; delete it"


def same(committed: bytes, made: bytes) -> bool:
    """Whether two files are equal; Entangled from 2.4 on adds white space at the ends of lines."""
    if version("entangled-cli").startswith("2.1."):
        return committed == made
    return [line.rstrip() for line in committed.rstrip().split(b"\n")] == [
        line.rstrip() for line in made.rstrip().split(b"\n")
    ]


def files(root: Path) -> Iterator[Path]:
    """List the files below `root`, but for hidden folders, built ones and photos."""
    for folder, inner, names in os.walk(root):
        here = Path(folder).relative_to(root)
        inner[:] = sorted(n for n in inner if n[0] not in "._" and here != Path("data"))
        yield from (here / name for name in sorted(names))


def main(root: Path) -> int:
    """Print the faults, or what was found in order; return the exit status."""
    found = list(faults(root))
    for fault in found:
        print(fault)
    if not found:
        named = {
            b.target for d in documents(root) for b in blocks((root / d).read_text())
        } - {None}
        print(f"in order: {', '.join(map(str, documents(root)))}")
        print(f"tangled exactly: {', '.join(sorted(map(str, named)))}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1]))
