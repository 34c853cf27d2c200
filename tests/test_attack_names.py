"""Attacks: nothing that is read is executed, and no name leads out of its folder."""

import ast
import json
import os
import re
from pathlib import Path

import pytest
from conftest import Run
from test_workflow import CONFIG, new_project, paint, snakemake

ROOT = Path(__file__).parents[1]
PROGRAMS = [ROOT / "mosaic.py", *sorted((ROOT / "smalti").rglob("*.py"))]
MODULES = {
    "pickle",
    "shelve",
    "marshal",
    "dill",
    "cloudpickle",
    "subprocess",
    "code",
    "pty",
}
CALLS = {"eval", "exec", "compile", "os.system", "os.popen", "yaml.load", "builtins.eval"}
HOSTILE = [
    "$(touch hacked).png",
    "`touch hacked`.png",
    "a; touch hacked;.png",
    "a' && touch hacked '.png",
    'a" && touch hacked ".png',
    "-o hacked.png",
    "--store=hacked.png",
    "{output}.png",
    "a\nb\ttouch hacked.png",
    "<script>document.title='hacked'<.png",
    "</script><script>document.title='hacked'.png",  # in a folder that is called <
    "\u202egpj.txt.png",
    "é\udcff.png",
]


def forbidden(code: str) -> list[str]:
    """What a program imports or calls that would execute what it reads."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name in MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            found.append(str(node.module))
        elif isinstance(node, ast.Call):
            name, words = (
                ast.unparse(node.func),
                {one.arg: one.value for one in node.keywords},
            )
            safe = ast.unparse(words.get("allow_pickle", ast.Constant(None))) == "False"
            if name in CALLS or (name == "np.load" and not safe) or "shell" in words:
                found.append(name)
    return found


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "eval(name)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "os.system('rm ' + name)",
        "run(words, shell=True)",
    ],
)
def test_what_would_execute_is_seen(code: str) -> None:
    assert len(forbidden(code)) == 1


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_program_never_executes_what_it_reads(path: Path) -> None:
    assert forbidden(path.read_text(encoding="utf-8")) == []


@pytest.mark.skipif(os.name != "posix", reason="such names are not allowed elsewhere")
def test_hostile_names_of_photos_are_names_and_nothing_else(
    tmp_path: Path, run: Run
) -> None:
    for i, name in enumerate(HOSTILE):
        paint(tmp_path / "photos" / name, i)
    paint(tmp_path / "target.png", 99)
    out = "\u202e<script>document.title='hacked'<"
    make = ["make", "photos", "target.png", "-o", f"{out}.png", "--store", "s.h5"]
    make += ["--look", "everyone", "--target-res", "6", "5"]
    for words in (make, ["view", f"{out}.png"], ["page", f"{out}.png"]):
        done = run("-m", "smalti", *words)
        assert done.returncode == 0, done.stderr
        assert "\u202e" not in done.stdout + done.stderr
    found = {path.name for path in tmp_path.iterdir()}
    made = {f"{out}.{ending}" for ending in ("png", "json", "html")} | {
        f"{out}_view",
        "s.h5",
    }
    assert found == {"photos", "target.png", *made}
    photos = [path for path in (tmp_path / "photos").rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path / "photos")) for path in photos} == {*HOSTILE}
    for name in (f"{out}.html", f"{out}_view/index.html"):
        page = (tmp_path / name).read_text(encoding="utf-8", errors="surrogateescape")
        assert "<script>document.title" not in page
        assert "\u202e" not in page
    (about,) = re.findall('id="about">(.*)</script>', page)
    assert all(map(str.isprintable, json.loads(about)["names"]))
    assert len(json.loads(about)["names"]) == len(HOSTILE)


@pytest.mark.attack
def test_a_hostile_folder_is_only_a_folder_for_the_workflow(tmp_path: Path) -> None:
    name = "$(touch hacked); `touch hacked` {params} 'x' & #"
    folder = new_project(
        tmp_path / "project", CONFIG.replace('"photos"', f'"{name}"'), name
    )
    done = snakemake(folder)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("hacked"))
