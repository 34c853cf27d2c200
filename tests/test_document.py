"""The documents: how they are tangled and checked, how they are shown, and that they run."""

import doctest
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import check
import dark
import names
import nbformat
import pages
import pytest
import reference
import stitch
import tangle
import weave
from check import (
    fence_faults,
    introduced,
    length_faults,
    name_faults,
    notebook_faults,
    prose_faults,
    tangle_faults,
    word_faults,
)
from tangle import Line, Problem

ROOT = Path(__file__).parents[1]
HELLO = """# Hello

What we say depends on the time of day.

```python #greeting
words = "good evening"
```

Then we say it.

```python file=hello.py .noeval
<<greeting>>
print(words)
```
"""
PROGRAM = """# Made from mosaic.md by make tangle; edit that.
words = "good evening"
print(words)
"""
NESTED = """# Nested

```python file=nested.py .noeval
<<imports>>

<<work>>
```

```python #imports
import os
```

```python #imports
import sys
```

```python #work .noeval
def work():
    for n in range(2):
        <<one-step>>
    return n
```

```python #one-step .noeval
print(n)

print(os, sys)
```

```python #work
X = 1
```
"""


def project(folder: Path, text: str = HELLO) -> Path:
    """Make a project of one document in `folder`, and tangle it."""
    shutil.copy(ROOT / "entangled.toml", folder)
    (folder / "mosaic.md").write_text(text)
    tangle.tangle(folder)
    return folder


def change(path: Path, old: str, new: str) -> None:
    """Edit a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def refusal(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Tangle in vain: see that it ends with status 1, and return its one line."""
    assert tangle.main(list(words), folder) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.endswith("\n")
    assert errors.count("\n") == 1
    return errors.rstrip("\n")


def test_the_documents_are_in_order() -> None:
    assert list(check.faults(ROOT)) == []


@pytest.mark.parametrize(
    "module",
    [check, dark, names, pages, reference, stitch, tangle, weave],
    ids=lambda module: module.__name__,
)
def test_the_examples_in_the_docstrings_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


# Tangling


def test_a_program_is_what_its_blocks_say_in_order(tmp_path: Path) -> None:
    assert (project(tmp_path) / "hello.py").read_text() == PROGRAM


def test_an_edit_of_a_document_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(project(tmp_path) / "mosaic.md", "evening", "morning")
    assert tangle.main([], tmp_path) == 0
    assert capsys.readouterr().out == "wrote hello.py\n"
    assert (tmp_path / "hello.py").read_text() == PROGRAM.replace("evening", "morning")


def test_without_an_edit_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [project(tmp_path) / "hello.py", tmp_path / tangle.RECORD]
    before = [file.stat().st_mtime_ns for file in files]
    assert tangle.main([], tmp_path) == 0
    assert capsys.readouterr().out == "nothing has changed\n"
    assert [file.stat().st_mtime_ns for file in files] == before


def test_a_program_that_is_missing_is_written(tmp_path: Path) -> None:
    (project(tmp_path) / "hello.py").unlink()
    assert tangle.tangle(tmp_path) == ["hello.py"]


def test_a_program_edited_by_hand_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(project(tmp_path) / "hello.py", "evening", "night")
    change(tmp_path / "mosaic.md", "evening", "morning")
    said = refusal(tmp_path, capsys)
    assert said.startswith("hello.py:2 differs from mosaic.md:6 ")
    assert said.endswith("or discard it by make tangle FORCE=1")
    assert "night" in (tmp_path / "hello.py").read_text()


def test_when_one_program_is_refused_none_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = HELLO + "\nAnother one.\n\n```toml file=a.toml\nx = 1\n```\n"
    change(project(tmp_path, two) / "hello.py", "evening", "night")
    change(tmp_path / "mosaic.md", "x = 1", "x = 2")
    refusal(tmp_path, capsys)
    assert "x = 1" in (tmp_path / "a.toml").read_text()


def test_a_block_that_is_no_python_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(project(tmp_path) / "mosaic.md", '"good evening"', "good evening")
    said = refusal(tmp_path, capsys)
    assert said == "mosaic.md:6: invalid syntax: 'words = good evening'; nothing is written"
    assert (tmp_path / "hello.py").read_text() == PROGRAM


def test_an_edit_by_hand_can_be_discarded(tmp_path: Path) -> None:
    change(project(tmp_path) / "hello.py", "evening", "night")
    assert tangle.main(["--force"], tmp_path) == 0
    assert (tmp_path / "hello.py").read_text() == PROGRAM


def test_check_says_what_would_change_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(project(tmp_path) / "mosaic.md", "print(words)", "print(words, words)")
    assert tangle.main(["--check"], tmp_path) == 1
    assert capsys.readouterr().out == "hello.py:3 differs from mosaic.md:13\n"
    assert (tmp_path / "hello.py").read_text() == PROGRAM


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("#greeting", "#farewell", "Missing reference `greeting`"),
        ("words = ", "<<greeting>>\nwords = ", "Cyclic reference in <<greeting"),
        ("print(words)\n```", "print(words)", "mosaic.md:11: the block is not closed"),
    ],
    ids=["missing", "circle", "open"],
)
def test_a_broken_document_is_refused_with_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, said: str
) -> None:
    change(project(tmp_path) / "mosaic.md", old, new)
    assert said in refusal(tmp_path, capsys)
    assert (tmp_path / "hello.py").read_text() == PROGRAM


@pytest.mark.long
@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("a.py", "# Made from mosaic.md by make tangle; edit that."),
        ("a.toml", "# Made from mosaic.md by make tangle; edit that."),
        ("Snakefile", "# Made from mosaic.md by make tangle; edit that."),
        ("a.css", "/* Made from mosaic.md by make tangle; edit that. */"),
        ("a.js", "// Made from mosaic.md by make tangle; edit that."),
        ("a.html", "<!-- Made from mosaic.md by make tangle; edit that. -->"),
    ],
)
def test_the_first_line_says_where_to_edit(tmp_path: Path, target: str, line: str) -> None:
    language = {"": "python", ".py": "python"}.get(Path(target).suffix, target[2:])
    project(tmp_path, f"```{language} file={target} .noeval\n1\n\n2\n```\n")
    assert (tmp_path / target).read_text() == f"{line}\n1\n\n2\n"


def test_the_first_line_names_every_document() -> None:
    lines = [Line("1", "b.md", 1), Line("2", "a.md", 7), Line("3", "b.md", 2)]
    first = tangle.with_first_line("a.py", lines)[0].text
    assert first == "# Made from b.md and a.md by make tangle; edit those."


def test_blank_lines_between_blocks_are_those_of_pep_8(tmp_path: Path) -> None:
    assert (project(tmp_path, NESTED) / "nested.py").read_text() == (
        "# Made from mosaic.md by make tangle; edit that.\n"
        "import os\n\nimport sys\n\n\n"
        "def work():\n    for n in range(2):\n"
        "        print(n)\n\n        print(os, sys)\n    return n\n\n\n"
        "X = 1\n"
    )


@pytest.mark.parametrize("blank", ["\n", "\n\n", "    \n", ""])
def test_versions_of_entangled_that_keep_other_blank_lines_give_the_same(
    blank: str,
) -> None:
    block = tangle.Block(1, "", "python file=a.py", "def f():\n    <<b>>\n")
    inner = tangle.Block(6, "", "python #b", "x = 1\n\ny = 2\n")
    marked = (
        "# ~/~ begin <<a.md#a.py>>[init]\ndef f():\n    # ~/~ begin <<a.md#b>>[init]\n"
        f"    x = 1\n{blank or chr(10)}    y = 2\n{blank}    # ~/~ end\n{blank}# ~/~ end\n"
    )
    places = {("a.md", "a.py"): [block], ("a.md", "b"): [inner]}
    lines = tangle.without_marks("a.py", marked, places)
    kept = [line for line in lines if line.text]
    assert [line.text for line in kept] == ["def f():", "    x = 1", "    y = 2"]
    assert [(line.number, line.indent) for line in kept] == [
        (2, ""),
        (7, "    "),
        (kept[-1].number, "    "),
    ]


# Tangling in a fresh clone


def git(folder: Path, *words: str | Path) -> None:
    """Run git in a folder, whoever may be asking."""
    who = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(
        ["git", *who, *map(str, words)], cwd=folder, check=True, capture_output=True
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone of the project as it stands now: documents, programs, and how to tangle."""
    here, there = tmp_path / "project", tmp_path / "clone"
    made = tangle.tangled(ROOT, tangle.read_documents(ROOT))
    tools = [path.relative_to(ROOT) for path in (ROOT / "docs").glob("*.py")]
    for path in [Path("entangled.toml"), *tangle.documents(ROOT), *tools]:
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, here / path)
    for target, lines in made.items():
        tangle.write_text(here / target, tangle.whole(lines))
    git(here, "init")
    git(here, "add", ".")
    git(here, "commit", "-m", "Everything")
    git(tmp_path, "clone", here, there)
    return there


def run_tangle(folder: Path) -> tuple[int, str, str]:
    """Run `python docs/tangle.py` in a clone: status, output, errors."""
    done = subprocess.run(
        [sys.executable, "docs/tangle.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.long
def test_in_a_fresh_clone_an_edit_of_the_book_is_written_and_nothing_else(
    clone: Path,
) -> None:
    assert run_tangle(clone) == (0, "nothing has changed\n", "")
    shutil.rmtree(clone / "_build")  # as if it had not been run before
    first = next(
        b for b in tangle.blocks((clone / "mosaic.md").read_text()) if b.name == "imports"
    )
    line = first.code.split("\n")[0]
    change(clone / "mosaic.md", f"\n{line}\n", f"\nimport this\n{line}\n")
    assert run_tangle(clone) == (0, "wrote mosaic.py\n", "")
    assert f"\nimport this\n{line}\n" in (clone / "mosaic.py").read_text()


@pytest.mark.long
def test_in_a_fresh_clone_an_edit_of_the_program_is_refused_with_one_line(
    clone: Path,
) -> None:
    (clone / "mosaic.py").write_text("import this\n" + (clone / "mosaic.py").read_text())
    status, output, errors = run_tangle(clone)
    assert (status, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("mosaic.py:1 differs from ")


def test_without_git_and_without_a_record_a_program_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(project(tmp_path) / "_build")
    change(tmp_path / "mosaic.md", "evening", "morning")
    refusal(tmp_path, capsys)


# Back from the program into the document


def test_an_edit_of_a_program_is_moved_into_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(project(tmp_path) / "hello.py", "evening", "night")
    assert stitch.main(tmp_path) == 0
    assert capsys.readouterr().out == "wrote mosaic.md\n"
    assert (tmp_path / "mosaic.md").read_text() == HELLO.replace("evening", "night")
    assert tangle.tangle(tmp_path) == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("old", "new", "document_old", "document_new"),
    [
        ("import os\n", "import os\nimport re\n", "import os\n", "import os\nimport re\n"),
        ("        print(n)\n", "        print(-n)\n", "print(n)\n", "print(-n)\n"),
        ("        print(n)\n\n", "        print(n)\n", "print(n)\n\n", "print(n)\n"),
        ("        print(n)\n", "        print(n)\n\n", "print(n)\n", "print(n)\n\n"),
        ("    return n\n", "", "    return n\n", ""),
        ("X = 1\n", "X = 1\n\n\ndef f(): ...\n", "X = 1\n", "X = 1\n\n\ndef f(): ...\n"),
        ("\n\nX = 1\n", "\n\nY = 2\nX = 1\n", "    return n\n", None),
    ],
)
def test_an_edit_goes_where_it_belongs(
    tmp_path: Path, old: str, new: str, document_old: str, document_new: str | None
) -> None:
    change(project(tmp_path, NESTED) / "nested.py", old, new)
    edited = (tmp_path / "nested.py").read_text()
    stitch.stitch(tmp_path)
    if document_new is not None:
        assert (tmp_path / "mosaic.md").read_text() == NESTED.replace(
            document_old, document_new
        )
    tangle.tangle(tmp_path)
    assert stitch.solid((tmp_path / "nested.py").read_text().split("\n")) == stitch.solid(
        edited.split("\n")
    )


def test_a_blank_line_more_between_two_blocks_changes_no_document(tmp_path: Path) -> None:
    change(project(tmp_path, NESTED) / "nested.py", "\n\nX = 1", "\n\n\n\nX = 1")
    assert stitch.stitch(tmp_path) == []
    assert (tmp_path / "mosaic.md").read_text() == NESTED
    assert "return n\n\n\nX = 1" in (tmp_path / "nested.py").read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("range(2):\n        print(n)", "range(3):\n        print(-n)"),
        ("        print(n)", "    print(n)"),
        ("# Made from mosaic.md", "# Made by hand from mosaic.md"),
    ],
    ids=["two blocks", "out of its block", "the first line"],
)
def test_an_edit_that_belongs_to_no_block_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    change(project(tmp_path, NESTED) / "nested.py", old, new)
    edited = (tmp_path / "nested.py").read_text()
    assert stitch.main(tmp_path) == 1
    assert capsys.readouterr().err.endswith("move it by hand\n")
    assert (tmp_path / "mosaic.md").read_text() == NESTED
    assert (tmp_path / "nested.py").read_text() == edited


def test_when_document_and_program_have_both_changed_nothing_is_moved(
    tmp_path: Path,
) -> None:
    change(project(tmp_path) / "hello.py", "evening", "night")
    change(tmp_path / "mosaic.md", "print(words)", "print(words, words)")
    both = r"hello\.py:2 differs from mosaic\.md:6, and both have changed; move the edit by hand"
    with pytest.raises(Problem, match=both):
        stitch.stitch(tmp_path)


# Checking what is tangled


def test_a_sound_document_has_no_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(project(tmp_path), []) == 0
    assert capsys.readouterr().out.split("\n")[1].split() == [
        "mosaic.md",
        "14",
        "2",
        "2",
        "1.5",
        "2",
        "0%",
    ]


def test_a_fault_is_one_line_and_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project(tmp_path) / "hello.py").unlink()
    assert check.main(tmp_path, []) == 1
    assert capsys.readouterr().out == "hello.py: missing; say make tangle\n"


def test_an_edited_program_is_found(tmp_path: Path) -> None:
    with (project(tmp_path) / "hello.py").open("a") as file:
        file.write("print('more')\n")
    assert list(check.faults(tmp_path)) == [
        "hello.py:4 differs from mosaic.md:13; say make tangle or make stitch"
    ]


def test_a_stale_program_is_found(tmp_path: Path) -> None:
    folder = project(tmp_path)
    (folder / "old.py").write_text(
        "#!/bin/python\n# Made from old.md by make tangle; edit that.\n"
    )
    (folder / "notes.py").write_text(
        "print('Made from nothing by make tangle; edit that.')\n"
    )
    assert list(check.faults(folder)) == [
        "old.py: stale, no document tangles into it any more; delete it"
    ]


def test_an_error_of_entangled_is_found_though_it_ends_with_status_0(
    tmp_path: Path,
) -> None:
    text = HELLO.replace("#greeting", "#farewell")
    (fault,) = tangle_faults(project(tmp_path), {"mosaic.md": text})
    assert "Missing reference `greeting`" in fault


def test_a_program_too_long_to_read_is_found(tmp_path: Path) -> None:
    text = "```python file=mosaic.py .noeval\n" + "x = 1\n" * 700 + "```\n"
    (fault,) = tangle_faults(project(tmp_path, text), {"mosaic.md": text})
    assert fault == "mosaic.py: 701 lines are more than 700"


# How the documents read


def test_a_long_block_is_found() -> None:
    text = "```python #a\n" + "1\n" * 41 + "```\n"
    (fault,) = length_faults({"a.md": text})
    assert fault == "a.md:1: the block has 41 lines, more than 40"
    assert list(length_faults({"a.md": text.replace("1\n", "", 1)})) == []


def test_the_book_has_shorter_blocks_and_short_ones_on_the_whole() -> None:
    text = "```python #a\n" + "1\n" * 31 + "```\n"
    assert list(length_faults({"mosaic.md": text})) == [
        "mosaic.md:1: the block has 31 lines, more than 30",
        "mosaic.md:1: its blocks have 31 lines (median), more than 12",
    ]
    small = "```python #b\n1\n```\n"
    assert len(list(length_faults({"mosaic.md": text + small * 2}))) == 1


def test_a_book_for_two_sittings_is_found() -> None:
    (fault,) = length_faults({"mosaic.md": "word\n" * 1601})
    assert fault == "mosaic.md:1: 1601 lines are more than 1600"
    assert list(length_faults({"other.md": "word\n" * 1601})) == []


@pytest.mark.parametrize(
    ("above", "words"),
    [
        ("We cut the target.", True),
        ("First, the imports,", True),
        ("- an item of a list, with words.", True),
        ("", False),
        ("Then:", False),
        ("## We cut the target.", False),
        ("We cut the target.\n\n## Cells", False),
        ("| we cut | the target. |", False),
        ("![A picture of the target.](a.png)", False),
        ("<details><summary>We cut the target.</summary>", False),
        ("We ask for a cell.\n\n<details><summary>Solution</summary>", True),
        ("```python\n1\n```", False),
        ("```python\n1\n```\n\nNow we cut it.", True),
    ],
)
def test_a_sentence_counts_and_other_things_do_not(above: str, words: bool) -> None:
    *_, (block, found) = introduced(f"{above}\n\n```python #a\n2\n```\n")
    assert block.code == "2"
    assert found is words


def test_what_a_command_prints_needs_no_words() -> None:
    text = "We say hello.\n\n```console\n$ hello\n```\n\n```text\nhello\n```\n\n```\nhello\n```\n"
    assert [words for _, words in introduced(text)] == [True]


def test_a_few_blocks_without_words_are_allowed_and_many_are_not() -> None:
    with_words, without = "A few words.\n\n```python\n1\n```\n\n", "```python\n1\n```\n\n"
    assert list(word_faults({"a.md": with_words * 19 + without})) == []
    (fault,) = word_faults({"a.md": with_words * 18, "b.md": without})
    assert fault == "b.md:1: no sentence stands before the block"


def test_a_wide_line_of_prose_is_found_and_other_wide_lines_are_not() -> None:
    wide = "word " * 20
    (fault,) = prose_faults(f"short\n{wide.strip()}\n")
    assert fault == "2: 99 characters are more than 96; break the line"
    for line in [
        f"# {wide}",
        f"| {wide}|",
        f"$x$ {wide}",
        f"[a](b) {wide}",
        f"```\n{wide}\n```",
    ]:
        assert list(prose_faults(line)) == []


def test_the_report_measures_each_document_and_all_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(project(tmp_path), ["--report"]) == 0
    heads, book, total, _ = capsys.readouterr().out.split("\n")
    assert heads.split()[0] == "document"
    assert book.split()[1:] == total.split()[1:] == ["14", "2", "2", "1.5", "2", "0%"]


# Names


def test_a_reference_to_no_block_is_found() -> None:
    text = HELLO.replace("#greeting", "#farewell")
    assert list(name_faults({"mosaic.md": text})) == [
        "mosaic.md:11: <<greeting>> is nowhere defined",
        "mosaic.md:5: #farewell is used nowhere",
    ]


def test_a_name_in_two_documents_is_found() -> None:
    (fault,) = name_faults({"a.md": HELLO, "b.md": "```python #greeting\n1\n```"})
    assert fault == "a.md and b.md: both define #greeting, so Entangled would join them"


def test_a_reference_may_lead_into_another_document() -> None:
    first, then = "```python #a\n1\n```\n", "```python file=b.py .noeval\n<<a>>\n```\n"
    assert list(name_faults({"a.md": first, "b.md": then})) == []


def test_a_toy_may_be_used_nowhere() -> None:
    assert list(name_faults({"a.md": "```python #a-toy\n1\n```"})) == []


# Fences


@pytest.mark.parametrize(
    "fence",
    [
        "python",
        "python #a",
        "python file=a/b.py .noeval",
        "toml #a",
        "console",
        "",
        "json .noeval",
        "css file=a.css",
        "js #a .noeval",
        "html file=a.html .noeval",
        'python jupyter={"source_hidden": true}',
    ],
)
def test_a_well_formed_fence_is_no_fault(fence: str) -> None:
    assert list(fence_faults(f"```{fence}\n1\n```")) == []


@pytest.mark.parametrize("language", ["bash", "sh", "html", "markdown", "javascript"])
def test_a_fence_that_would_run_as_a_cell_is_found(language: str) -> None:
    (fault,) = fence_faults(f"text\n\n```{language}\nls\n```")
    assert fault == f"3: ```{language} would run as a cell; write ```console"


@pytest.mark.parametrize(
    "info",
    ["python#a", "{.python #a}", "python #a b", " python id=a", 'python jupyter={"a": 1}'],
)
def test_a_malformed_fence_is_found(info: str) -> None:
    (fault,) = fence_faults(f"```{info}\n1\n```")
    assert fault == f"1: ```{info.strip()} is not: language #name file=path .noeval"


def test_a_cell_with_a_reference_is_found() -> None:
    (fault,) = fence_faults("```python #a\n<<b>>\n```")
    assert fault == "1: a block with <<b>> cannot run; add .noeval"


def test_noeval_before_another_word_is_found() -> None:
    (fault,) = fence_faults("```python .noeval #a\n1\n```")
    assert fault == "1: .noeval must be the last word of ```python .noeval #a"


def test_a_block_without_an_end_is_found() -> None:
    assert list(fence_faults("```python\n1")) == ["1: the block is not closed"]


@pytest.mark.parametrize("code", ["\n1", "1\n"])
def test_a_blank_line_at_the_end_of_a_block_is_found(code: str) -> None:
    (fault,) = fence_faults(f"```python #a\n{code}\n```")
    assert fault == "1: a block neither begins nor ends with a blank line"


def test_a_named_block_inside_another_is_found() -> None:
    (fault,) = fence_faults("````text\n```python #a\n```\n````")
    assert fault == "1: Entangled would tangle the block inside this one"


# Notebooks


def test_a_document_without_a_header_survives_the_notebook() -> None:
    assert list(notebook_faults(HELLO)) == []


def test_a_header_that_the_notebook_would_rewrite_is_found() -> None:
    kernel = "name: python3\n    display_name: Python 3\n    language: python"
    (fault,) = notebook_faults(
        f"---\njupyter:\n  kernelspec:\n    {kernel}\n---\n\n# Hello\n"
    )
    assert fault == "3: saved as a notebook, '  kernelspec:' turns into '  jupytext:'"


def test_a_header_that_no_notebook_can_have_is_found() -> None:
    (fault,) = notebook_faults("---\njupyter:\n  kernelspec:\n    name: python3\n---\n")
    assert fault.startswith("1: cannot be opened as a notebook: ")


@pytest.mark.long
@pytest.mark.usefixtures("sample")
@pytest.mark.parametrize("document", tangle.documents(ROOT), ids=str)
def test_every_cell_runs_from_top_to_bottom_in_a_fresh_kernel(document: Path) -> None:
    cells = weave.code_cells(weave.executed(document, ROOT))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_a_failing_cell_is_named_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project(tmp_path, "# Hello\n\n```python\nn = 0\n```\n\n```python\n1 / n\n```\n")
    assert weave.main(tmp_path, []) == 1
    said = capsys.readouterr().out
    assert said.startswith("mosaic.md:7: ZeroDivisionError: division by zero\n")
    assert "\x1b" not in said


def test_a_document_runs_again_only_when_it_or_a_program_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def run(text: str, document: Path, root: Path) -> nbformat.NotebookNode:
        runs.append(text)
        return nbformat.NotebookNode(nbformat.v4.new_notebook())

    monkeypatch.setattr(weave, "run", run)
    (tmp_path / "mosaic.md").write_text("one")
    for change in ["", "", "x = 1", "x = 1", "x = 2"]:
        (tmp_path / "mosaic.py").write_text(change)
        weave.executed(Path("mosaic.md"), tmp_path)
    assert len(runs) == 3
    assert len(list((tmp_path / "_build" / "executed").glob("*.ipynb"))) == 1


# Captions


def test_names_above_blocks_move_no_line_and_can_be_removed() -> None:
    for text in [HELLO, NESTED, *tangle.read_documents(ROOT).values()]:
        shown = names.named(text)
        assert shown.count("\n") == text.count("\n")
        assert names.nameless(shown) == names.nameless(text)
        assert names.named(shown) == shown


def test_names_above_blocks_change_neither_the_program_nor_what_is_checked(
    tmp_path: Path,
) -> None:
    text = names.named(NESTED)
    assert text.count("\n###### «") == 6
    assert (project(tmp_path, text) / "nested.py").read_text() == (
        project(tmp_path, NESTED) / "nested.py"
    ).read_text()
    assert list(notebook_faults(text)) == []
    assert list(introduced(text)) == list(introduced(NESTED))
    assert weave.captioned(text) == weave.captioned(NESTED)


def test_the_first_block_of_a_name_defines_and_the_next_adds() -> None:
    page = weave.captioned("```python #a\n1\n```\n\n```python #a\n2\n```\n")
    assert page.count("«a»</a> ≡</span>") == 1
    assert page.count("«a»</a> +≡</span>") == 1
    assert 'id="chunk-a"' in page
    assert 'id="chunk-a-2"' in page
    assert '<a href="#chunk-a-2" title="the next part">' in page


def test_a_caption_says_where_its_block_is_used() -> None:
    page = weave.captioned(HELLO)
    assert 'used in <a href="#chunk-hello-py">hello.py</a>' in page
    assert '<a href="#chunk-hello-py">file: hello.py</a> ≡' in page


def test_a_caption_changes_no_line_of_the_document() -> None:
    lines = iter(weave.captioned(HELLO).split("\n"))
    assert all(line in lines for line in HELLO.split("\n"))


TWO = {
    "mosaic.md": "```toml file=a.toml\n<<grid>>\n```\n",
    "smalti/grid.md": "```toml #grid\nx = 1\n```\n",
}


def test_a_caption_names_the_other_document_that_uses_its_block() -> None:
    page = weave.captioned(TWO["smalti/grid.md"], "smalti/grid.md", weave.find_names(TWO))
    assert 'used in <a href="../mosaic.html#chunk-a-toml">a.toml</a> of mosaic.md' in page


def test_a_caption_names_the_other_documents_that_its_block_takes_from() -> None:
    page = weave.captioned(TWO["mosaic.md"], "mosaic.md", weave.find_names(TWO))
    assert 'with <a href="smalti/grid.html#chunk-grid">«grid»</a> of smalti/grid.md' in page


def test_a_reference_becomes_a_link_to_its_block_on_this_page_or_another() -> None:
    shown = '<span class="o">&lt;&lt;</span><b>grid</b>&gt;&gt;'
    names = weave.find_names(TWO)
    assert 'href="#chunk-grid">&lt;&lt;grid&gt;&gt;</a>' in weave.linked(
        shown, "smalti/grid.md", names
    )
    there = weave.linked(shown, "mosaic.md", names)
    assert 'href="smalti/grid.html#chunk-grid" title="in smalti/grid.md">' in there
    assert weave.linked("&lt;&lt;b&gt;&gt;", "mosaic.md", names) == "&lt;&lt;b&gt;&gt;"


# Reference pages

MODULE = '''"""About `x`."""
import functools

@functools.cache
def double(x: int = 1) -> int:
    """Twice *x*.

    >>> double(2)
    4
    """
    return x + x

@dataclass(frozen=True)
class GridSettings:
    """Grid"""
    tile: Annotated[Whole, "width of a cell"] = 0

    @property
    def area(self) -> int:
        """Its area."""

    def scale(self, by: float) -> None:
        """Scale it."""

def _hidden() -> None: ...
'''


def test_a_page_of_a_module_shows_what_is_public_with_types_and_source() -> None:
    lines = [Line(text, "mosaic.md", i, 7) for i, text in enumerate(MODULE.split("\n"), 8)]
    link = '<a href="#x">«x» of mosaic.md</a>'
    pages = reference.pages(
        {"mosaic.py": lines, "fig/figures.py": lines}, {("mosaic.md", 7): link}
    )
    (text,) = pages.values()
    for line in [
        "About ``x``.",
        "Explained in :doc:`/mosaic`.",
        ".. py:function:: double(x: int=1) -> int",
        r"   Twice \*x\*.",
        "   >>> double(2)",
        f'      <p class="source">Source: {link}</p>',
        ".. py:class:: GridSettings",
        "   .. py:attribute:: tile",
        "      :type: Whole",
        "      :value: 0",
        "      width of a cell",
        "   .. py:property:: area",
        "   .. py:method:: scale(by: float) -> None",
    ]:
        assert line in text.split("\n")
    assert "_hidden" not in text
