"""The documents: what docs/check.py finds in them, how they are shown, and that they run."""

import doctest
import shutil
import subprocess
import sys
from pathlib import Path

import check
import nbformat
import pytest
import weave
from check import fence_faults, name_faults, notebook_faults, tangle_faults

ROOT = Path(__file__).parents[1]
HELLO = """# Hello

```python #greeting
words = "good evening"
```

```python file=hello.py .noeval
<<greeting>>
print(words)
```
"""


def project(folder: Path, text: str = HELLO) -> Path:
    """Make a project of one document in `folder`, and tangle it."""
    shutil.copy(ROOT / "entangled.toml", folder)
    (folder / "mosaic.md").write_text(text)
    entangled = Path(sys.executable).with_name("entangled")
    subprocess.run([entangled, "tangle"], cwd=folder, check=True, capture_output=True)
    return folder


def test_the_documents_are_in_order():
    assert list(check.faults(ROOT)) == []


@pytest.mark.parametrize("module", [check, weave], ids=["check", "weave"])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


# Tangling


def test_a_sound_document_has_no_fault(tmp_path, capsys):
    assert check.main(project(tmp_path)) == 0
    assert capsys.readouterr().out == "in order: mosaic.md\ntangled exactly: hello.py\n"


def test_a_fault_is_one_line_and_status_1(tmp_path, capsys):
    (project(tmp_path) / "hello.py").unlink()
    assert check.main(tmp_path) == 1
    assert capsys.readouterr().out == "hello.py: missing; run entangled tangle\n"


def test_an_edited_program_is_found(tmp_path):
    with (project(tmp_path) / "hello.py").open("a") as file:
        file.write("print('more')\n")
    assert list(check.faults(tmp_path)) == [
        "hello.py: not what the documents tangle into; run entangled tangle or stitch"
    ]


def test_a_stale_program_is_found(tmp_path):
    folder = project(tmp_path)
    (folder / "old.py").write_text(
        "#!/bin/python\n# ~/~ begin <<mosaic.md#old.py>>[init]\n"
    )
    (folder / "notes.py").write_text("print('this one is not tangled: ~/~ begin')\n")
    assert list(check.faults(folder)) == [
        "old.py: stale, no document tangles into it any more; delete it"
    ]


def test_an_error_of_entangled_is_found_though_it_ends_with_status_0(tmp_path):
    folder = project(tmp_path)
    (folder / "mosaic.md").write_text(HELLO.replace("#greeting", "#farewell"))
    (fault,) = tangle_faults(folder, ["mosaic.md"])
    assert fault.startswith("entangled tangle: ")
    assert "greeting" in fault


# Names


def test_a_reference_to_no_block_is_found():
    text = HELLO.replace("#greeting", "#farewell")
    assert list(name_faults({"mosaic.md": text})) == [
        "mosaic.md:7: <<greeting>> is nowhere defined",
        "mosaic.md:3: #farewell is used nowhere",
    ]


def test_a_name_in_two_documents_is_found():
    (fault,) = name_faults({"a.md": HELLO, "b.md": "```python #greeting\n1\n```"})
    assert fault == "a.md and b.md: both define #greeting, so Entangled would join them"


def test_a_toy_may_be_used_nowhere():
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
    ],
)
def test_a_well_formed_fence_is_no_fault(fence):
    assert list(fence_faults(f"```{fence}\n1\n```")) == []


@pytest.mark.parametrize("language", ["bash", "sh", "html", "markdown", "javascript"])
def test_a_fence_that_would_run_as_a_cell_is_found(language):
    (fault,) = fence_faults(f"text\n\n```{language}\nls\n```")
    assert fault == f"3: ```{language} would run as a cell; write ```console"


@pytest.mark.parametrize(
    "info", ["python#a", "{.python #a}", "python #a b", " python id=a"]
)
def test_a_malformed_fence_is_found(info):
    (fault,) = fence_faults(f"```{info}\n1\n```")
    assert fault == f"1: ```{info.strip()} is not: language #name file=path .noeval"


def test_a_cell_with_a_reference_is_found():
    (fault,) = fence_faults("```python #a\n<<b>>\n```")
    assert fault == "1: a block with <<b>> cannot run; add .noeval"


def test_noeval_before_another_word_is_found():
    (fault,) = fence_faults("```python .noeval #a\n1\n```")
    assert fault == "1: .noeval must be the last word of ```python .noeval #a"


def test_a_block_without_an_end_is_found():
    assert list(fence_faults("```python\n1")) == ["1: the block is not closed"]


def test_a_named_block_inside_another_is_found():
    (fault,) = fence_faults("````text\n```python #a\n```\n````")
    assert fault == "1: Entangled would tangle the block inside this one"


# Notebooks


def test_a_document_without_a_header_survives_the_notebook():
    assert list(notebook_faults(HELLO)) == []


def test_a_header_that_the_notebook_would_rewrite_is_found():
    kernel = "name: python3\n    display_name: Python 3\n    language: python"
    (fault,) = notebook_faults(
        f"---\njupyter:\n  kernelspec:\n    {kernel}\n---\n\n# Hello\n"
    )
    assert fault == "3: saved as a notebook, '  kernelspec:' turns into '  jupytext:'"


def test_a_header_that_no_notebook_can_have_is_found():
    (fault,) = notebook_faults("---\njupyter:\n  kernelspec:\n    name: python3\n---\n")
    assert fault.startswith("1: cannot be opened as a notebook: ")


@pytest.mark.parametrize("document", weave.documents(ROOT), ids=str)
def test_every_cell_runs_from_top_to_bottom_in_a_fresh_kernel(document):
    cells = weave.code_cells(weave.executed(document, ROOT))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


def test_a_failing_cell_is_named_with_its_line(tmp_path, capsys):
    project(tmp_path, "# Hello\n\n```python\nn = 0\n```\n\n```python\n1 / n\n```\n")
    assert weave.main(tmp_path) == 1
    said = capsys.readouterr().out
    assert said.startswith("mosaic.md:7: ZeroDivisionError: division by zero\n")
    assert "\x1b" not in said


def test_a_document_runs_again_only_when_it_or_a_program_has_changed(tmp_path, monkeypatch):
    runs: list[str] = []

    def run(text, document, root):
        runs.append(text)
        return nbformat.v4.new_notebook()

    monkeypatch.setattr(weave, "run", run)
    (tmp_path / "mosaic.md").write_text("one")
    for change in ["", "", "x = 1", "x = 1", "x = 2"]:
        (tmp_path / "mosaic.py").write_text(change)
        weave.executed(Path("mosaic.md"), tmp_path)
    assert len(runs) == 3
    assert len(list((tmp_path / "_build" / "executed").glob("*.ipynb"))) == 1


# Captions


def test_the_first_block_of_a_name_defines_and_the_next_adds():
    page = weave.captioned("```python #a\n1\n```\n\n```python #a\n2\n```\n")
    assert page.count("«a»</a> ≡</span>") == 1
    assert page.count("«a»</a> +≡</span>") == 1
    assert 'id="chunk-a"' in page
    assert 'id="chunk-a-2"' in page
    assert '<a href="#chunk-a-2" title="the next part">' in page


def test_a_caption_says_where_its_block_is_used():
    page = weave.captioned(HELLO)
    assert 'used in <a href="#chunk-hello-py">hello.py</a>' in page
    assert '<a href="#chunk-hello-py">file: hello.py</a> ≡' in page


def test_a_caption_changes_no_line_of_the_document():
    lines = iter(weave.captioned(HELLO).split("\n"))
    assert all(line in lines for line in HELLO.split("\n"))


def test_a_reference_becomes_a_link_only_to_a_block_on_its_page():
    here = '<div id="chunk-a"></div><span class="o">&lt;&lt;</span><b>a</b>&gt;&gt;'
    assert 'href="#chunk-a">&lt;&lt;a&gt;&gt;</a>' in weave.linked(here)
    assert weave.linked("&lt;&lt;b&gt;&gt;") == "&lt;&lt;b&gt;&gt;"
