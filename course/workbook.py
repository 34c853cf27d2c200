# Made from course/workbook.md by make tangle; edit that.
"""Make a workbook of the exercises, and keep predictions; explained in workbook.md."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from smalti.ground.files import write_text

DOCUMENT = Path("course/exercises.md")
WAYS = ("90 minutes", "half a day", "a day")

HEADING = re.compile(r"^## (?:Exercise (\d+): )?.*$", re.M)
ABOUT = re.compile(r"^\*(\d+) minutes; ([^*]+)\*$", re.M)


def sections(text: str) -> list[tuple[int, str]]:
    """The parts of a document, each with the number of its exercise, or 0.

    >>> [number for number, _ in sections("# A\\n\\n## Exercise 1: b\\n\\n## Exercise 2: c\\n\\n## D")]
    [0, 1, 2, 0]
    """
    heads = list(HEADING.finditer(text))
    starts = [0, *(head.start() for head in heads)]
    numbers = [0, *(int(head[1] or 0) for head in heads)]
    ends = [*starts[1:], len(text)]
    return [(n, text[i:j]) for n, i, j in zip(numbers, starts, ends, strict=True)]


def about(section: str) -> tuple[int, list[str]]:
    """The minutes of an exercise, and the ways that lead to it.

    >>> about("## Exercise 1: a\\n\\n*10 minutes; half a day, a day*\\n\\nA text.")
    (10, ['half a day', 'a day'])
    """
    found = ABOUT.search(section)
    return (int(found[1]), found[2].split(", ")) if found else (0, list(WAYS))


def choose(text: str, way: str) -> str:
    """The document with the exercises of one way through only."""
    return "".join(section for _, section in sections(text) if way in about(section)[1])


def notebook(text: str) -> NotebookNode:
    """The workbook of a text, as a notebook for the project's folder."""
    text = re.sub(r"\]\((?!https?:|#|\.\./)([\w./-]+)", r"](course/\1", text)
    made: NotebookNode = jupytext.reads(text.replace("](../", "]("), fmt="md")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.metadata = nbformat.from_dict(
        {"kernelspec": kernel, "language_info": {"name": "python"}}
    )
    for number, cell in enumerate(made.cells):
        cell["id"] = f"exercise-{number}"
    return made


def write_workbook(path: Path, way: str = "a day") -> str:
    """Write the workbook of a way if there is none yet; return what to tell."""
    if path.exists():
        return f"{path} is there already and stays as it is; to begin anew, rename it first"
    made = notebook(choose(DOCUMENT.read_text(encoding="utf-8"), way))
    write_text(str(path), nbformat.writes(made) + "\n")
    return f"wrote {path}; open it in JupyterLab: make lab"


PREDICTIONS = "data/predictions.json"


def rounded(number: float) -> str:
    """A number with two digits that count, or a whole one as it is.

    >>> rounded(1.8321), rounded(7), rounded(768000), rounded(12.9)
    ('1.8', '7', '768000', '13')
    """
    return str(number) if isinstance(number, int) else f"{float(f'{number:.2g}'):.12g}"


def predictions(path: str) -> dict[str, float]:
    """The predictions that were made so far, by the numbers of their exercises."""
    found: dict[str, float] = {}
    if Path(path).is_file():
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    return found


def predict(number: int, guess: object = ..., path: str = PREDICTIONS) -> None:
    """Keep what somebody predicts for an exercise."""
    if not isinstance(guess, int | float):
        print("Put your guess, a number, in place of the dots.")
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(predictions(path) | {str(number): guess}))
    print(f"Exercise {number}: you predict {rounded(guess)}.")


def measured(number: int, value: float, path: str = PREDICTIONS) -> None:
    """Compare a value with what was predicted for an exercise."""
    found, guess = rounded(value), predictions(path).get(str(number))
    if guess is None:
        print(f"Exercise {number}: it was {found}; you did not predict.")
    elif rounded(guess) == found:
        print(f"Exercise {number}: it was {found}, as you predicted.")
    else:
        print(f"Exercise {number}: you predicted {rounded(guess)}, it was {found}.")


def main(words: Sequence[str] | None = None) -> int:
    """Write the workbook; return the exit status."""
    parser = argparse.ArgumentParser(description="Write a workbook of the exercises.")
    parser.add_argument("path", nargs="?", type=Path, default=Path("exercise.ipynb"))
    parser.add_argument("--way", choices=WAYS, default="a day", help="the time there is")
    options = parser.parse_args(words)
    print(write_workbook(options.path, options.way))
    return 0


if __name__ == "__main__":
    sys.exit(main())
