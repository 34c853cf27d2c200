"""Tangle: write the programs that the documents hold.

A document is Markdown. A block with a name (```python #imports) or a file
(```toml file=config.toml) belongs to a program; `blocks` is the one place that reads this
notation. Entangled puts the blocks together, in an empty folder, with marks around each.
Here the marks become blank lines, the first line of each file says where to edit it, and
no file is overwritten that somebody has edited by hand:

    python docs/tangle.py            write what has changed
    python docs/tangle.py --check    only say what would change
    python docs/tangle.py --force    overwrite edits of the programs
"""

import argparse
import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,})(?P<info>[^`]*)$")
REFERENCE = re.compile(r"^\s*<<([\w-]+)>>\s*$", re.M)
MARK = re.compile(
    r"(?P<indent>\s*)(#|//|/\*|<!--) ~/~ "
    r"(begin <<(?P<document>[^#<>]+)#(?P<name>[^<>]+)>>\[(?P<part>init|\d+)\]|end)( \*/| -->)?"
)
DEFINITION = ("def ", "class ", "@", "async def ")
COMMENTS = {".css": "/* {} */", ".js": "// {}", ".html": "<!-- {} -->"}
COMMENTS |= dict.fromkeys(("", ".py", ".toml", ".yaml", ".yml", ".smk", ".sh"), "# {}")
MADE = re.compile(r"\W*Made from (.+) by make tangle; edit (that|those)\.")

RECORD = "_build/tangled.json"


class Problem(Exception):
    """What has to be done before the documents can be tangled, one line for each file."""


# Reading the documents


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
    patterns = tomllib.loads(read_text(root / "entangled.toml"))["watch_list"]
    paths = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return [path.relative_to(root) for path in dict.fromkeys(paths)]


def read_documents(root: Path) -> dict[str, str]:
    """Read every document; the names are relative to `root`, with slashes."""
    return {path.as_posix(): read_text(root / path) for path in documents(root)}


def read_text(path: Path) -> str:
    """Read a text file, whatever its line ends."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Problem(f"{path}: not UTF-8; save it as UTF-8") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file under its name only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)


# What the documents tangle into


@dataclass(frozen=True)
class Line:
    """A line of a program: its text, and where it stands in which document.

    `block` is the line of the block's fence, `indent` what the program adds to the block;
    a line that no block holds (the first, and blank ones between blocks) has no document.
    """

    text: str
    document: str = ""
    number: int = 0
    block: int = 0
    indent: str = ""


@dataclass
class Frame:
    """A block that is being read: its place, its indentation, and the line that comes next."""

    document: str
    block: Block
    indent: str
    next: int

    def take(self, text: str) -> Line:
        """The next line of the block."""
        shown = text if text.strip() else ""
        line = Line(shown, self.document, self.next, self.block.line, self.indent)
        self.next += 1
        return line


def tangled(root: Path, texts: Mapping[str, str]) -> dict[str, list[Line]]:
    """Tangle documents in an empty folder: the lines of each program, by its path."""
    check_references(texts)
    with tempfile.TemporaryDirectory() as name:
        fresh = Path(name)
        sources = {"entangled.toml": read_text(root / "entangled.toml"), **texts}
        for path, text in sources.items():
            write_text(fresh / path, text)
        run_entangled(fresh)
        made = {
            path.relative_to(fresh).as_posix(): read_text(path)
            for path in sorted(fresh.rglob("*"))
            if path.is_file() and ".entangled" not in path.parts
        }
    places: dict[tuple[str, str], list[Block]] = defaultdict(list)
    for document, text in texts.items():
        for block in blocks(text):
            places[document, str(block.name)].append(block)
            if block.target and block.target not in made:
                raise Problem(f"{document}:{block.line}: Entangled made no {block.target}")
    return {
        target: with_first_line(target, without_marks(target, text, places))
        for target, text in made.items()
        if target not in sources
    }


def check_references(texts: Mapping[str, str]) -> None:
    """See that blocks are closed, and references lead somewhere and never back.

    Some versions of Entangled say nothing of such a mistake, and write no file.
    """
    named = [
        (document, block)
        for document, text in texts.items()
        for block in blocks(text)
        if block.name
    ]
    inner: dict[str, list[str]] = defaultdict(list)
    for document, block in named:
        if not block.closed:
            raise Problem(f"{document}:{block.line}: the block is not closed; add ```")
        inner[str(block.name)] += block.references
    for document, block in named:
        for name in block.references:
            if name not in inner:
                raise Problem(
                    f"{document}:{block.line}: Missing reference `{name}`; define it"
                )
            if block.name in below(name, inner):
                raise Problem(
                    f"{document}:{block.line}: Cyclic reference in <<{name}>>; break it"
                )


def below(name: str, inner: Mapping[str, list[str]]) -> set[str]:
    """All names that a block of this name refers to, directly or not, and its own."""
    found, waiting = set[str](), [name]
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += inner.get(one, [])
    return found


def run_entangled(folder: Path) -> None:
    """Run `entangled tangle`; it ends with status 0 even after an error, so look at its words."""
    program = shutil.which("entangled", path=str(Path(sys.executable).parent))
    if program is None:
        raise Problem("Entangled is missing; say make tangle, or pip install entangled-cli")
    run = subprocess.run(
        [program, "tangle"],
        cwd=folder,
        capture_output=True,
        check=False,
        env={**os.environ, "COLUMNS": "1000", "PYTHONUTF8": "1"},
    )
    said = (run.stdout + run.stderr).decode("utf-8", "replace")
    if run.returncode or "ERROR" in said:
        error = " ".join(said.partition("ERROR")[2].split()) or " ".join(said.split())
        raise Problem(f"{error}; nothing is written")


def without_marks(
    target: str, marked: str, places: Mapping[tuple[str, str], list[Block]]
) -> list[Line]:
    """Turn the marks of Entangled around each block into blank lines where they belong.

    Blank lines at the ends of a block are left out: versions of Entangled differ in them.
    """
    lines: list[Line] = []
    stack: list[Frame] = []
    held: list[Line] = []  # blank lines, until it is known what follows them
    seam = joined = first = False
    for text in marked.rstrip("\n").split("\n"):
        if mark := MARK.fullmatch(text):
            seam, first = True, bool(mark["document"])
            if mark["document"]:
                part = 0 if mark["part"] == "init" else int(mark["part"])
                joined = joined or part > 0
                if stack and not part:
                    stack[-1].next += 1  # the line of the reference
                block = places[mark["document"], mark["name"]][part]
                stack.append(Frame(mark["document"], block, mark["indent"], block.line + 1))
            else:
                held = []
                stack.pop()
            continue
        line = stack[-1].take(text) if stack else Line(text)
        if not text.strip():
            held += [] if first else [line]
            continue
        if seam and lines:
            count = blank_lines(target, lines[-1].text, text, len(held), joined)
            held = [Line("")] * count
        lines += [*held, line]
        held, seam, joined, first = [], False, False, False
    return lines


def blank_lines(target: str, above: str, below: str, wanted: int, joined: bool) -> int:
    """Count the blank lines between two blocks: as PEP 8 wants them, else as the author does.

    `wanted` lines stand there in the document; `joined` blocks are parts of one name.

    >>> blank_lines("a.py", "import os", "def f(): ...", 0, True)
    2
    >>> blank_lines("a.toml", "x = 1", "y = 2", 0, False)
    0
    """
    least = int(joined)
    if Path(target).suffix in {"", ".py", ".smk"}:
        inner = below[:1].isspace()
        ends = above[:1].isspace() and not inner and below[0] not in ")]}"
        begins = below.lstrip().startswith(DEFINITION) and not above.endswith(":")
        if ends or (begins and not inner):
            return 2
        least = max(least, int(begins))
    return max(least, wanted)


def with_first_line(target: str, lines: list[Line]) -> list[Line]:
    """Let a program begin by saying where to edit it; only #! stands before that.

    >>> for line in with_first_line("a.css", [Line("a {}", "a.md", 4)]):
    ...     print(line.text)
    /* Made from a.md by make tangle; edit that. */
    a {}
    """
    comment = COMMENTS.get(Path(target).suffix)
    homes = list(dict.fromkeys(line.document for line in lines if line.document))
    if comment is None or not homes:
        return lines
    many = len(homes) > 3
    names = [homes[0], f"{len(homes) - 1} other documents"] if many else homes
    told = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
    which = "that" if len(homes) == 1 else "those"
    words = Line(comment.format(f"Made from {told} by make tangle; edit {which}."))
    at = int(lines[0].text.startswith("#!"))
    return [*lines[:at], words, *lines[at:]]


def whole(lines: list[Line]) -> str:
    """The text of a program, with one line break at its end."""
    return "".join(f"{line.text}\n" for line in lines)


# Whose version of a program it is


def digest(text: str) -> str:
    """Name a text by its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()


def last_tangled(root: Path) -> dict[str, str]:
    """Read which text each program had when it was last tangled here."""
    try:
        kept = json.loads(read_text(root / RECORD))
    except (OSError, ValueError):
        return {}
    return {str(target): str(value) for target, value in kept.items()}


def committed(root: Path, target: str) -> str | None:
    """Read a program as the last commit has it, if there is git and it knows the program."""
    show = ["git", "show", f"HEAD:./{target}"]
    try:
        run = subprocess.run(show, cwd=root, capture_output=True, check=False)
        return run.stdout.decode().replace("\r\n", "\n") if run.returncode == 0 else None
    except (OSError, UnicodeDecodeError):
        return None


def is_ours(root: Path, target: str, text: str) -> bool:
    """Whether a text of a program is what was tangled or committed last, and no edit by hand."""
    return last_tangled(root).get(target) == digest(text) or committed(root, target) == text


def differing(root: Path, made: Mapping[str, list[Line]]) -> dict[str, str]:
    """Find the programs that are not as their documents say; "" where there is none."""
    found = {t: read_text(root / t) if (root / t).is_file() else "" for t in made}
    return {target: text for target, text in found.items() if text != whole(made[target])}


def first_difference(target: str, text: str, lines: list[Line]) -> str:
    """Say from where on a program differs from its documents.

    >>> first_difference("a.py", "1\\n3\\n", [Line("1", "a.md", 2), Line("2", "a.md", 3)])
    'a.py:2 differs from a.md:3'
    """
    pairs = zip_longest(text.split("\n"), whole(lines).split("\n"))
    at = next((i for i, (theirs, ours) in enumerate(pairs) if theirs != ours), 0)
    near = [line for line in lines[: at + 1] if line.document] or lines[1:2]
    return f"{target}:{at + 1} differs from {near[-1].document}:{near[-1].number}"


def check_syntax(made: Mapping[str, list[Line]]) -> None:
    """See that the programs in Python can be read; else a Problem names the place."""
    for target, lines in made.items():
        try:
            if Path(target).suffix == ".py":
                ast.parse(whole(lines))
        except SyntaxError as error:
            near = [line for line in lines[: error.lineno] if line.document] or [Line("")]
            place = f"{near[-1].document}:{near[-1].number}"
            raise Problem(
                f"{place}: {error.msg}: {near[-1].text.strip()!r}; nothing is written"
            ) from None


def tangle(root: Path, force: bool = False) -> list[str]:
    """Write the programs that have changed, all or none; return their names.

    A program that somebody has edited is overwritten only by `force`.
    """
    made = tangled(root, read_documents(root))
    found = differing(root, made)
    if not force:
        edited = [t for t, text in found.items() if text and not is_ours(root, t, text)]
        if edited:
            raise Problem(
                "\n".join(
                    f"{first_difference(target, found[target], made[target])} and was not written "
                    "by make tangle: move the change into the document (make stitch tries), "
                    "or discard it by make tangle FORCE=1"
                    for target in edited
                )
            )
    check_syntax({target: made[target] for target in found})
    for target in found:
        write_text(root / target, whole(made[target]))
    remember(root, made)
    return list(found)


def remember(root: Path, made: Mapping[str, list[Line]]) -> None:
    """Keep which text each program has now; without need nothing is written."""
    now = {target: digest(whole(lines)) for target, lines in made.items()}
    if now != last_tangled(root):
        write_text(root / RECORD, json.dumps(now, indent=1) + "\n")


def main(words: list[str] | None = None, root: Path = Path(__file__).parents[1]) -> int:
    """Tangle or check; print what was written, or what to do; return the status."""
    parser = argparse.ArgumentParser(
        description="Write the programs that the documents hold."
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--check", action="store_true", help="only say what would change")
    ways.add_argument(
        "--force", action="store_true", help="overwrite programs edited by hand"
    )
    options = parser.parse_args(words)
    try:
        if options.check:
            made = tangled(root, read_documents(root))
            found = differing(root, made)
            for target, text in found.items():
                print(first_difference(target, text, made[target]))
            return int(bool(found))
        written = tangle(root, options.force)
    except (Problem, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    print("\n".join(f"wrote {name}" for name in written) or "nothing has changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
