"""Check the literate documents.

python docs/check.py             one line for each fault
python docs/check.py --report    how long the blocks of each document are
"""

import argparse
import os
import re
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path

import jupytext
from names import named, nameless
from tangle import (
    MADE,
    Block,
    Problem,
    blocks,
    differing,
    first_difference,
    read_documents,
    read_text,
    tangled,
)
from tornado.web import HTTPError

FOLDED = r'python jupyter=\{"source_hidden": true\}'  # a cell that JupyterLab shows folded
INFO = re.compile(r"[a-z][\w+-]*(\s+(#[\w-]+|file=[\w./-]+|\.[a-z]+))*|" + FOLDED)
TEXT = {"", ".py", ".toml", ".yaml", ".yml", ".smk", ".sh", ".css", ".js", ".html"}
SENTENCE = re.compile(r"(\S+\s+){2,}\S*[\w)`'\"*_\]$][.:!?…,;][)*_\"']*(\s|$)")
NO_PROSE = re.compile(r"\s*(#{1,6}\s|\||\$\$|\\|!\[|<)")

BOOK, PROGRAM = "mosaic.md", "mosaic.py"
BOOK_LINES, PROGRAM_LINES = 1600, 700
BOOK_MEDIAN, BOOK_LONGEST = 12, 30  # lines of the book's blocks with names
LONGEST, WORDLESS = 40, 0.05  # lines of any block, and the share that no words introduce
WIDTH = 96  # of a line of prose


def faults(root: Path) -> Iterator[str]:
    """Find every fault of the documents in `root` and of what they tangle into."""
    texts = read_documents(root)
    for document, text in texts.items():
        found = chain(
            fence_faults(text),
            caption_faults(text),
            notebook_faults(text),
            prose_faults(text),
        )
        yield from (f"{document}:{fault}" for fault in found)
    yield from name_faults(texts)
    yield from length_faults(texts)
    yield from word_faults(texts)
    yield from tangle_faults(root, texts)


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
        if block.name and block.code and not all(ends(block.code)):
            yield f"{block.line}: a block neither begins nor ends with a blank line"
        if any(inner.name for inner in blocks(block.code)):
            yield f"{block.line}: Entangled would tangle the block inside this one"


def caption_faults(text: str) -> Iterator[str]:
    """Find captions that do not name their blocks, in a document that has any.

    >>> list(caption_faults("A.\\n###### «b» ≡\\n```python #a\\n1\\n```"))
    ['2: the captions of the blocks are not theirs; say python docs/names.py']
    """
    if nameless(text) != text and (right := named(text)) != text:
        pairs = zip(text.split("\n"), right.split("\n"), strict=True)
        line = next(i for i, (old, new) in enumerate(pairs, 1) if old != new)
        yield f"{line}: the captions of the blocks are not theirs; say python docs/names.py"


def ends(code: str) -> tuple[str, str]:
    """The first line of a code and the last one, without white space around them."""
    lines = code.split("\n")
    return lines[0].strip(), lines[-1].strip()


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
        file.write_text(text, encoding="utf-8", newline="\n")
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
        saved = read_text(file)
    if saved != text:
        lines = zip_longest(text.split("\n"), saved.split("\n"), fillvalue=None)
        number, (old, new) = next(
            (number, pair) for number, pair in enumerate(lines, 1) if pair[0] != pair[1]
        )
        yield f"{number}: saved as a notebook, {old!r} turns into {new!r}"


def name_faults(texts: Mapping[str, str]) -> Iterator[str]:
    """Find references to no block, blocks for no reference, and names that two documents share.

    A reference may lead into another document, but the blocks of one name stand in one place.
    """
    homes: dict[str, dict[str, Block]] = defaultdict(dict)
    for document, text in texts.items():
        for block in blocks(text):
            if block.name:
                homes[block.name].setdefault(document, block)
    wanted = {
        name for text in texts.values() for b in blocks(text) for name in b.references
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


# How it reads


def size(block: Block) -> int:
    """The lines of a block, without its fences."""
    return block.code.count("\n") + 1 if block.code else 0


def length_faults(texts: Mapping[str, str]) -> Iterator[str]:
    """Find blocks that are too long to be understood at once, and a book for two sittings."""
    for document, text in texts.items():
        for block in blocks(text):
            longest = BOOK_LONGEST if document == BOOK and block.name else LONGEST
            if size(block) > longest:
                yield f"{document}:{block.line}: the block has {size(block)} lines, more than {longest}"
    sizes = [size(block) for block in blocks(texts.get(BOOK, "")) if block.name]
    if sizes and (median := statistics.median(sizes)) > BOOK_MEDIAN:
        yield f"{BOOK}:1: its blocks have {median:g} lines (median), more than {BOOK_MEDIAN}"
    if (lines := texts.get(BOOK, "").count("\n")) > BOOK_LINES:
        yield f"{BOOK}:1: {lines} lines are more than {BOOK_LINES}"


def word_faults(texts: Mapping[str, str]) -> Iterator[str]:
    """Find the blocks that no words introduce, if they are more than a few of all."""
    found = {document: list(introduced(text)) for document, text in texts.items()}
    total = sum(map(len, found.values()))
    bare = [
        f"{document}:{block.line}: no sentence stands before the block"
        for document, pairs in found.items()
        for block, words in pairs
        if not words
    ]
    if len(bare) > WORDLESS * total:
        yield from bare


def introduced(text: str) -> Iterator[tuple[Block, bool]]:
    """Whether each block of code has words: a sentence since the last block or heading.

    A sentence has at least three words and ends in a mark such as a full stop or a comma. The
    title of a fold (`<summary>`), a picture, a table, a formula and a comment are no sentences;
    a sentence just before a fold counts for the first block inside it. What a command
    prints (a block without language, or of `text`) is part of the block before it and is not
    counted. Blocks of appendices and cells that only draw are counted as all others.

    >>> [words for _, words in introduced("A few words.\\n```python\\n1\\n```\\n```python\\n2\\n```")]
    [True, False]
    """
    lines, last = nameless(text).split("\n"), 0
    for block in blocks(text):
        above = lines[last : block.line - 1]
        last = block.line + block.code.count("\n") + 1 + bool(block.code)
        if block.info and block.info.split()[0] != "text":
            heads = [i for i, line in enumerate(above) if re.match(r"#{1,6}\s", line)]
            prose = [line for line in above[max(heads, default=-1) + 1 :] if is_prose(line)]
            yield block, bool(SENTENCE.search(" ".join(prose)))


def is_prose(line: str) -> bool:
    """Whether a line outside the blocks is text, and no heading, table, formula, picture or tag.

    >>> is_prose("We cut the target."), is_prose("## Cut"), is_prose("| a | b |")
    (True, False, False)
    """
    return not NO_PROSE.match(line)


def prose_faults(text: str) -> Iterator[str]:
    """Find lines of prose that are too wide; what holds a link may be."""
    inside: set[int] = set()
    for block in blocks(text):
        inside.update(range(block.line, block.line + block.code.count("\n") + 3))
    for number, line in enumerate(text.split("\n"), 1):
        free = (
            number in inside
            or not is_prose(line)
            or any(mark in line for mark in ("](", "://", "$"))
        )
        if len(line) > WIDTH and not free:
            yield f"{number}: {len(line)} characters are more than {WIDTH}; break the line"


# What it tangles into


def tangle_faults(root: Path, texts: Mapping[str, str]) -> Iterator[str]:
    """Find files that are not exactly what the documents tangle into, and ones too long."""
    try:
        made = tangled(root, texts)
    except Problem as problem:
        yield str(problem)
        return
    for target, text in differing(root, made).items():
        if not (root / target).is_file():
            yield f"{target}: missing; say make tangle"
        else:
            yield f"{first_difference(target, text, made[target])}; say make tangle or make stitch"
    if len(made.get(PROGRAM, [])) > PROGRAM_LINES:
        yield f"{PROGRAM}: {len(made[PROGRAM])} lines are more than {PROGRAM_LINES}"
    for path in files(root):
        if path.suffix in TEXT and path.as_posix() not in made:
            with (root / path).open(encoding="utf-8", errors="replace") as file:
                if any(MADE.match(file.readline(400)) for _ in range(2)):
                    yield f"{path}: stale, no document tangles into it any more; delete it"


def files(root: Path) -> Iterator[Path]:
    """List the files below `root`, but for hidden folders, built ones and photos."""
    for folder, inner, names in os.walk(root):
        here = Path(folder).relative_to(root)
        inner[:] = sorted(n for n in inner if n[0] not in "._" and here != Path("data"))
        yield from (here / name for name in sorted(names))


# What is printed


def report(texts: Mapping[str, str]) -> Iterator[str]:
    """Write a table of the documents: lines, blocks, their lengths, and those without words."""
    yield f"{'document':26}{'lines':>6}{'blocks':>8}{'named':>7}{'median':>8}{'longest':>9}{'no words':>10}"
    for document, text in [*texts.items(), ("all", "\n".join(texts.values()))]:
        found = blocks(text)
        sizes = [size(block) for block in found if block.name]
        words = [words for _, words in introduced(text)]
        bare = f"{words.count(False) / max(1, len(words)):.0%}"
        median = f"{statistics.median(sizes):g}" if sizes else "-"
        longest = max(map(size, found), default=0)
        yield (
            f"{document:26}{text.count(chr(10)):6}{len(found):8}{len(sizes):7}{median:>8}"
            f"{longest:9}{bare:>10}"
        )


def main(root: Path, words: list[str] | None = None) -> int:
    """Print the faults, or what was found in order; return the exit status."""
    parser = argparse.ArgumentParser(description="Check the literate documents.")
    parser.add_argument("--report", action="store_true", help="only measure the documents")
    if parser.parse_args(words).report:
        print("\n".join(report(read_documents(root))))
        return 0
    found = list(faults(root))
    print("\n".join(found or report(read_documents(root))))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1]))
