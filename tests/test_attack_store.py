"""Damaged stores: none is believed, none hangs the program, and what can be made anew is."""

import contextlib
import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damage import damage, flip, places
from PIL import Image

from mosaic import (
    ANEW,
    Reject,
    Thumbnail,
    make_thumbnail,
    open_store,
    read_thumbnails,
    write_store,
)
from smalti.command import main
from smalti.ground.errors import MosaicError
from smalti.steps import iterate_store, merge_stores
from smalti.workflow import drop_damaged

REFUSED, SAME, BELIEVED, SURPRISED = 0, 3, 4, 5
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 300 thumbnails of noise, with rejects and variants."""
    folder = tmp_path_factory.mktemp("store")
    made: list[Thumbnail | Reject] = []
    for i in range(20):
        levels = np.random.default_rng(i).integers(0, 256, (20, 30, 3), np.uint8)
        Image.fromarray(levels).save(folder / f"{i}.png")
        one = make_thumbnail(f"{i}.png", str(folder), (20, 20))
        assert isinstance(one, Thumbnail)
        made += [
            Thumbnail(f"{k:03}/{i:02}.png", one.size, one.jpeg, one.mean, "first" * (k % 2))
            for k in range(15)
        ]
    made.sort(key=lambda one: one.name)
    made += [Reject(f"{i}.txt", f"it is text {i}") for i in range(3)]
    write_store(str(folder / "s.h5"), made, (20, 20), "somewhere")
    return folder / "s.h5"


def said(path: str) -> object:
    """All that a store says of itself, and its thumbnails one by one, as they are pasted."""
    with open_store(path) as store:
        pixels = read_thumbnails(store, range(len(store.names)), (20, 20)).tobytes()
        small = (store.names, store.variants, store.starts.tolist(), store.mean.tolist())
        about = (store.thumb_res, store.rejects, store.digest, store.origin)
        return (*small, *about, pixels)


def all_at_once(path: str) -> object:
    """All thumbnails of a store, many at once."""
    with open_store(path) as store:
        return list(iterate_store(store))


def merged(path: str) -> object:
    """What is merged of a store."""
    merge_stores(f"{path}.merged", [path])
    return Path(f"{path}.merged").read_bytes()


READERS = [said, all_at_once, merged]


def everything(path: str) -> list[object]:
    """What comes of a store when it is read in each way."""
    return [read(path) for read in READERS]


def believed(read: Callable[[str], object], path: str, expected: object) -> int:
    """What comes of a store that may be damaged when it is read in one way."""
    with contextlib.suppress(Exception):
        try:
            return SAME if read(path) == expected else BELIEVED
        except MosaicError as error:
            line = str(error)
            if line.startswith(f"{path} is damaged") and line.endswith(f"; {ANEW}"):
                return REFUSED
    return SURPRISED


def believe(path: str, expected: list[object]) -> None:
    """Read a store that may be damaged in each way, and end this process with the worst."""
    found = [
        believed(read, path, right) for read, right in zip(READERS, expected, strict=True)
    ]
    os._exit(max(found) if max(found) > SAME else min(found))


def attack(store: Path, folder: Path, count: int) -> dict[int, int]:
    """Damage a store in many ways; count what came of it."""
    expected, path = everything(str(store)), folder / "s.h5"
    counts = {REFUSED: 0, SAME: 0}
    for what, content in damage(store, count):
        path.write_bytes(content)
        child = multiprocessing.get_context("fork").Process(
            target=believe, args=(str(path), expected)
        )
        child.start()
        child.join(60)
        if child.is_alive():
            child.kill()
            pytest.fail(f"{what}: the program hangs")
        assert child.exitcode in (REFUSED, SAME), what
        counts[child.exitcode] += 1
    return counts


# Read: what is not refused was changed where nobody looks, as in the empty rest of a chunk


@pytest.mark.long
@FORKS
def test_no_damaged_store_is_believed(store: Path, tmp_path: Path) -> None:
    assert attack(store, tmp_path, 60)[REFUSED] > 30


@FORKS
@pytest.mark.attack
def test_none_of_a_thousand_damaged_stores_is_believed(store: Path, tmp_path: Path) -> None:
    assert attack(store, tmp_path, 1000)[REFUSED] > 600


def test_the_damage_is_in_every_dataset_and_between_them(store: Path) -> None:
    where = places(store, store.stat().st_size)
    datasets = {"jpeg", "mean", "name", "rejects/name", "rejects/reason", "size", "starts"}
    assert set(where) == datasets | {"variant", "structure", "seal"}


# Every command that reads a store


@pytest.fixture
def made(photos: Path, target: Path, tmp_path: Path) -> dict[str, Path]:
    """A store of 30 photos, a match, and a mosaic with its report."""
    files = {name: tmp_path / name for name in ("s.h5", "m.tab", "out.png")}
    words = ["--thumb-res", 6, 4, "--target-res", 4, 3, "--store", files["s.h5"]]
    args = ["make", photos, target, "-o", files["out.png"], "--look", "plain", *words]
    assert main([str(word) for word in args]) == 0
    args = [
        "match",
        files["s.h5"],
        files["m.tab"],
        "--target",
        target,
        "--target-res",
        4,
        3,
    ]
    assert main([str(word) for word in args]) == 0
    return files | {"photos": photos, "target": target}


def spoil(path: Path, part: str) -> bytes:
    """Flip a bit of every thumbnail, or of the names, in a store; return what it was."""
    whole = path.read_bytes()
    needle = {"thumbnails": b"\xff\xd8\xff", "names": b"00.jpg", "tree": b"HEAP"}[part]
    path.write_bytes(flip(whole, 8 * whole.index(needle) + 2))
    return whole


COMMANDS = {
    "match": ["match", "s.h5", "new.tab", "--target", "target", "--target-res", "4", "3"],
    "paste": ["paste", "s.h5", "m.tab", "new.png"],
    "paste-anew": ["paste", "out.png", "new.png"],
    "page": ["page", "out.png"],
    "zoom": ["zoom", "out.png", "new.gif"],
    "merge": ["merge", "new.h5", "s.h5"],
}


@pytest.mark.long
@pytest.mark.parametrize("part", ["thumbnails", "names", "tree"])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_damaged_store_in_a_line_that_tells_what_to_do(
    command: str,
    part: str,
    made: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    refusal: Callable[..., str],
) -> None:
    spoil(made["s.h5"], part)
    before = sorted(tmp_path.iterdir())
    capsys.readouterr()
    words = [
        made.get(word, tmp_path / word if "new" in word else word)
        for word in COMMANDS[command]
    ]
    said = refusal(*words)
    assert said.endswith(f"{made['s.h5']} is damaged; {ANEW}")
    assert sorted(tmp_path.iterdir()) == before


# Made anew


@pytest.mark.parametrize("part", ["thumbnails", "names", "tree"])
def test_thumbnails_makes_a_damaged_store_anew_and_says_so(
    part: str, made: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    whole = spoil(made["s.h5"], part)
    capsys.readouterr()
    words = ["thumbnails", made["photos"], made["s.h5"], "--thumb-res", 6, 4]
    assert main([str(word) for word in words]) == 0
    assert made["s.h5"].read_bytes() == whole
    assert capsys.readouterr().err == f"{made['s.h5']} is damaged; it is made anew\n"


def test_before_a_workflow_damaged_stores_go_and_nothing_else_does(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = store.read_bytes()
    contents = {"whole": whole, "flipped": flip(whole, 8 * 5000), "short": whole[:5000]}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "theirs").write_bytes(b"Dear diary,\n")
    paths = [str(tmp_path / name) for name in [*contents, "gone"]]
    assert drop_damaged(paths) == paths[1:3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["theirs", "whole"]
    assert capsys.readouterr().err.splitlines() == [
        f"{paths[1]} is damaged; it is made anew",
        f"{paths[2]} is damaged, unfinished, or not of this version; it is made anew",
    ]
    drop_damaged([str(tmp_path / "theirs")])
    assert (tmp_path / "theirs").exists()
