"""Stitch: move edits of the programs back into the documents that they were tangled from.

    python docs/stitch.py

An edit is compared with what the documents give, so they must not have changed since the
last tangle. Then the lines of each edit replace those of one block. The result is tangled
again in an empty folder before anything is written: it has to be what now stands in the
programs, but for the blank lines between blocks. What does not come out so is refused.
"""

import sys
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from tangle import (
    Line,
    Problem,
    differing,
    first_difference,
    is_ours,
    read_documents,
    remember,
    tangled,
    whole,
    write_text,
)


class Place(NamedTuple):
    """Lines of a document, from `start` up to but not including `stop`."""

    document: str
    start: int
    stop: int


def stitch(root: Path) -> list[str]:
    """Move all edits of the programs into the documents, or none; return what was written."""
    texts = read_documents(root)
    made = tangled(root, texts)
    found = {target: text for target, text in differing(root, made).items() if text}
    edits: dict[Place, list[str]] = {}
    for target, text in found.items():
        if not is_ours(root, target, whole(made[target])):
            raise Problem(
                f"{first_difference(target, text, made[target])}, and both have changed; "
                "move the edit by hand"
            )
        for place, lines in moved(target, made[target], text):
            if edits.setdefault(place, lines) != lines:
                raise Problem(
                    f"{place.document}:{place.start} has two edits; move them by hand"
                )
    edited = dict(texts)
    for place, lines in sorted(edits.items(), reverse=True):
        old = edited[place.document].split("\n")
        old[place.start - 1 : place.stop - 1] = lines
        edited[place.document] = "\n".join(old)
    again = tangled(root, edited)
    for target in made:
        text = found.get(target, whole(made[target]))
        if target not in again or solid(text.split("\n")) != solid(
            whole(again[target]).split("\n")
        ):
            raise Problem(
                f"{target}: the edit does not fit into the document; move it by hand"
            )
    written = [document for document in texts if edited[document] != texts[document]]
    for document in written:
        write_text(root / document, edited[document])
    for target in differing(root, again):
        write_text(root / target, whole(again[target]))
    remember(root, again)
    return written


def moved(target: str, old: list[Line], text: str) -> Iterator[tuple[Place, list[str]]]:
    """Find which lines of which document each edit of a program replaces, and by what."""
    new = text.removesuffix("\n").split("\n")
    compare = SequenceMatcher(None, [line.text for line in old], new, autojunk=False)
    for tag, i, j, k, m in compare.get_opcodes():
        if tag == "equal":
            continue
        while (
            i == j and i > 0 and not old[i - 1].document and old[i - 1].text == new[m - 1]
        ):
            i, j, k, m = i - 1, j - 1, k - 1, m - 1  # the same edit, above the blank lines
        removed = [line for line in old[i:j] if line.document]
        added = new[k:m]
        inside = i == j and 0 < i < len(old) and home(old[i - 1]) == home(old[i])
        if not (removed or solid(added) or inside):
            continue  # blank lines between blocks come and go by themselves
        above = [line for line in old[:i] if line.document]
        first = removed[0] if removed else above[-1] if above else Line("")
        start = first.number if removed else first.number + 1
        stop = start + len(removed)
        if {home(line) for line in [first, *removed]} != {
            home(first)
        } or not first.document:
            raise Problem(
                f"{target}:{k + 1}: the edit is not inside one block; move it by hand"
            )
        if removed and removed[-1].number != stop - 1:
            raise Problem(f"{target}:{k + 1}: the edit spans a reference; move it by hand")
        while (
            added and not added[-1].strip() and home(first) not in map(home, old[j : j + 1])
        ):
            added.pop()
        yield (
            Place(first.document, start, stop),
            [dedent(line, first.indent) for line in added],
        )


def home(line: Line) -> tuple[str, int]:
    """The block that a line stands in."""
    return line.document, line.block


def dedent(line: str, indent: str) -> str:
    """Take away what the program adds to the indentation of a block."""
    return line.removeprefix(indent) if line.strip() else ""


def solid(lines: list[str]) -> list[str]:
    """The lines that are not blank."""
    return [line for line in lines if line.strip()]


def main(root: Path = Path(__file__).parents[1]) -> int:
    """Stitch; print what was written, or what to do; return the status."""
    try:
        written = stitch(root)
    except (Problem, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    print("\n".join(f"wrote {name}" for name in written) or "nothing has changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
