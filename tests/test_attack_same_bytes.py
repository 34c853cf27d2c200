"""Attacks: the same photos and settings give the same bytes, however they are worked on."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_workflow import (
    CONFIG,
    finished,
    mosaics,
    new_collection,
    new_project,
    snakemake,
)

ROOT = Path(__file__).parents[1]
MAKE = ["make", "photos", "target.png", "-o", "out.png", "--store", "s.h5"]
MAKE += ["--target-res", "12", "8", "--thumb-res", "20", "16", "--workers", "2"]
MADE = ["out.png", "out.json", "s.h5"]
VERSIONS = ["3.12", "3.13"]

__all__ = ["finished"]  # a fixture


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A folder with 60 photos, of which the first takes longest, and a target."""
    folder = new_collection(tmp_path / "collection", 60)
    noise = np.random.default_rng(1).integers(0, 256, (2000, 2000, 3), np.uint8)
    Image.fromarray(noise).save(folder / "photos" / "000.png", compress_level=1)
    return folder


def make(folder: Path, *words: str, python: str = sys.executable) -> list[bytes]:
    """Run `python WORDS` in a folder, and give what it has made."""
    for name in MADE:
        (folder / name).unlink(missing_ok=True)
    done = subprocess.run(
        [python, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [(folder / name).read_bytes() for name in MADE]


@pytest.mark.long
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_that_start_in_another_way_make_the_same_bytes(
    method: str, collection: Path
) -> None:
    code = "import multiprocessing, sys; from smalti.command import main\n"
    code += f"multiprocessing.set_start_method({method!r}); sys.exit(main({MAKE}))"
    assert make(collection, "-c", code) == make(collection, "-m", "smalti", *MAKE)


@pytest.mark.long
@pytest.mark.parametrize("workers", [pytest.param("2", marks=pytest.mark.attack), "3", "8"])
def test_any_number_of_workers_makes_the_same_bytes(workers: str, collection: Path) -> None:
    words = ["-m", "smalti", *MAKE, "--workers"]
    assert make(collection, *words, workers) == make(collection, *words, "1")


REVERSED = """
import os, sys
from smalti.command import main
walk = os.walk
def reverse(*words, **more):
    for place, folders, files in walk(*words, **more):
        folders.sort(reverse=True)
        files.sort(reverse=True)
        yield place, folders, files
os.walk = reverse
"""


@pytest.mark.long
def test_a_disk_that_lists_photos_in_another_order_makes_the_same_bytes(
    collection: Path,
) -> None:
    expected = make(collection, "-m", "smalti", *MAKE)
    assert make(collection, "-c", f"{REVERSED}sys.exit(main({MAKE}))") == expected


@pytest.mark.attack
@pytest.mark.parametrize("chunks", [1, 2, 3, 11])
@pytest.mark.parametrize("cores", ["1", "7"])
def test_a_workflow_of_any_number_of_parts_and_cores_makes_the_same_bytes(
    chunks: int, cores: str, finished: Path, tmp_path: Path
) -> None:
    config = CONFIG.replace("chunks = 2", f"chunks = {chunks}")
    folder = new_project(tmp_path / "project", config)
    assert snakemake(folder, "--cores", cores).returncode == 0
    assert mosaics(folder) == mosaics(finished)
    stores = [project / "data" / "thumbnails.h5" for project in (folder, finished)]
    assert stores[0].read_bytes() == stores[1].read_bytes()


def another_python(version: str) -> str:
    """A Python of a version on this machine, or the name that it would have."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(root.glob(f"versions/{version}.*/bin/python"))
    return str(found[0]) if found else shutil.which(f"python{version}") or ""


@pytest.mark.attack
@pytest.mark.parametrize("version", VERSIONS)
def test_another_python_makes_the_same_bytes(
    version: str, collection: Path, tmp_path: Path
) -> None:
    if not (python := another_python(version)):
        pytest.skip(f"there is no Python {version} here")
    own = subprocess.run(
        [sys.executable, "-m", "pip", "freeze", "--exclude-editable"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    needed = ["pillow", "numpy", "h5py", "msgspec", "pot", "scipy", "toml", "tifffile"]
    needed += ["scikit-image", "tqdm", "platformdirs"]
    same = [line for line in own.lower().splitlines() if line.split("==")[0] in needed]
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    ours = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([ours, "-m", "pip", "install", "--quiet", *same], check=True)
    # reports name the program with its version, which only an installation knows
    subprocess.run([ours, "-m", "pip", "install", "--quiet", "--no-deps", ROOT], check=True)
    expected = make(collection, "-m", "smalti", *MAKE)
    assert make(collection, "-m", "smalti", *MAKE, python=ours) == expected


# Workers

FOLLOW = """
import multiprocessing, os, sys, time
from smalti.ground.workers import prepare_worker

def work(path):
    prepare_worker()
    with open(path + ".tmp", "w") as file:
        file.write(str(os.getpid()))
    os.rename(path + ".tmp", path)
    time.sleep(1000)

if __name__ == "__main__":
    multiprocessing.Process(target=work, args=sys.argv[1:]).start()
    time.sleep(1000)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_worker_that_is_busy_follows_its_parent_into_the_end(tmp_path: Path) -> None:
    file = tmp_path / "worker"
    (tmp_path / "follow.py").write_text(FOLLOW)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "follow.py", file],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    try:
        while not file.exists():
            assert parent.poll() is None
            time.sleep(0.02)
        parent.kill()
        parent.wait()
        worker = int(file.read_text())
        for _ in range(1200):
            status = Path("/proc", str(worker), "stat")
            if not status.exists() or " Z " in status.read_text():
                return
            time.sleep(0.05)
        raise AssertionError("the worker lives on")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
