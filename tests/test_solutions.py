"""The solutions of the book's exercises run, and agree with the book."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mosaic

SOLUTIONS = Path(__file__).parent / "solutions"


def load(name: str) -> ModuleType:
    """Load a solution as a module."""
    spec = importlib.util.spec_from_file_location(name, SOLUTIONS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_way_to_work_in_parallel_makes_the_same_thumbnails(
    photos: Path, run: Callable[..., CompletedProcess[str]]
) -> None:
    (photos / "bad.jpg").touch()
    done = run(SOLUTIONS / "abstractions.py", photos)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split(" in ")[1].split(":")[0] for line in lines] == [
        "chunks of 1",
        "chunks of 32",
    ] * 2
    told = re.compile(r": (as fast|[\d.]+ times (faster|slower))$")
    assert all(told.search(line) for line in lines)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 300), st.integers(1, 5))
def test_brute_force_finds_photos_as_near_as_the_tree_does(
    n: int, m: int, block: int, features: int
) -> None:
    rng = np.random.default_rng(n)
    tiles = rng.integers(0, 256, (n, features)).astype(float)
    cells = rng.integers(0, 256, (m, features)).astype(float)
    slow = load("brute_force").match_brute_force(tiles, cells, block)
    fast = mosaic.match_nearest(tiles, cells)
    assert slow.shape == fast.shape == (m,)
    distances = [((tiles[match] - cells) ** 2).sum(axis=1) for match in (slow, fast)]
    assert (distances[0] == distances[1]).all()


def test_the_race_of_brute_force_and_tree_has_a_line_for_each_size(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)

    class Small:
        """Random numbers, never more than 50 rows of them."""

        def integers(self, low: int, high: int, shape: tuple[int, int]) -> mosaic.Array:
            return rng.integers(low, high, (min(50, shape[0]), shape[1]))

    monkeypatch.setattr(np.random, "default_rng", lambda seed: Small())
    load("brute_force").main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["100", "1000", "10000", "50000"]
    assert all(line.endswith("by the tree") for line in lines)
