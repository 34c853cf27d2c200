"""Demands: budgets, places, variants, duplicates and spacing, from the command line."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import mosaic
from smalti.demands import check_together, make_demands
from smalti.ground.settings import MosaicError

COLOURS = ["red", "lime", "navy", "white", "black", "yellow", "gray", "purple"]


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store of eight photos, a.png to h.png, of one colour each."""
    (tmp_path / "photos").mkdir()
    for name, colour in zip("abcdefgh", COLOURS, strict=True):
        Image.new("RGB", (24, 16), colour).save(tmp_path / "photos" / f"{name}.png")
    path = str(tmp_path / "s.h5")
    words = ["thumbnails", str(tmp_path / "photos"), path, "--thumb-res", "6", "4"]
    assert mosaic.main([*words, "--workers", "1"]) == 0
    return path


@pytest.fixture
def match(store: str, target: Path, tmp_path: Path) -> Callable[..., Any]:
    """Match the store with the target in 2 rows of 3 cells; return names and report."""

    def run(*options: object, cells: tuple[int, int] = (3, 2)) -> Any:
        table = tmp_path / "m.tab"
        words = ["match", store, str(table), "--target", str(target), "--target-res"]
        assert mosaic.main([*words, *map(str, cells), *map(str, options)]) == 0
        names = np.array(mosaic.read_store(store).names)
        return names[np.loadtxt(table, dtype=int, ndmin=2)], json.loads(
            table.with_suffix(".json").read_text()
        )

    return run


def write(path: Path, text: str) -> Path:
    """Write a table."""
    path.write_text(text)
    return path


def test_each_photo_is_used_once_and_the_match_is_proven(match: Callable[..., Any]) -> None:
    names, report = match()
    assert len(set(names.ravel())) == 6
    assert report["proof"] == "6 photos placed, proven optimal"
    assert report["gap"] == 0
    assert report["bound"] == report["cost"]


def test_a_table_of_budgets_is_kept(match: Callable[..., Any], tmp_path: Path) -> None:
    table = write(tmp_path / "b.csv", "name,min,max\nh.png,2,2\na.png,0,0\ng.png,1,1\n")
    names, _ = match("--budgets", table)
    uses = Counter(names.ravel().tolist())
    assert (uses["h.png"], uses["a.png"], uses["g.png"]) == (2, 0, 1)
    assert max(uses.values()) == 2


def test_a_pinned_photo_has_its_place(match: Callable[..., Any], tmp_path: Path) -> None:
    names, _ = match("--pins", write(tmp_path / "p.csv", "row,col,name\n1,2,h.png\n"))
    assert names[1, 2] == "h.png"
    assert Counter(names.ravel().tolist())["h.png"] == 1


def test_every_photo_is_used_at_least_so_often(match: Callable[..., Any]) -> None:
    names, _ = match("--min-uses", 2, "--max-uses", 3, cells=(6, 3))
    assert set(Counter(names.ravel().tolist()).values()) <= {2, 3}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--min-uses", 1], "8"),
        (["--min-uses", 2], "2"),
        (["--budgets", "name,min,max\nz.png,1,1\n"], "z.png"),
        (["--budgets", "name,min,max\na.png,3,2\n"], "line 2"),
        (["--pins", "row,col,name\n2,0,a.png\n"], "row"),
        (["--pins", "row,col,name\n0,0,a.png\n0,1,a.png\n"], "pinned"),
    ],
)
def test_an_impossible_demand_is_refused_with_its_numbers(
    options: list[Any], said: str, store: str, target: Path, tmp_path: Path, refusal: Any
) -> None:
    if isinstance(options[1], str):
        options = [options[0], write(tmp_path / "t.csv", options[1])]
    line = refusal(
        "match", store, tmp_path / "m.tab", "--target", target, "--target-res", 3, 2, *options
    )
    assert said in line
    assert not (tmp_path / "m.tab").exists()


def test_equal_photos_are_kept_apart(match: Callable[..., Any]) -> None:
    names, report = match("--method", "nearest", "--spacing", 1, cells=(8, 6))
    assert report["too_near"] == 0
    assert (names[:, 1:] != names[:, :-1]).all()
    assert (names[1:] != names[:-1]).all()
    assert (names[1:, 1:] != names[:-1, :-1]).all()


def test_a_proven_gap_is_enough_if_so_desired(match: Callable[..., Any]) -> None:
    _, report = match("--gap", 0.5, "--time-limit", 60)
    assert report["gap"] <= 0.5


def test_photos_that_look_the_same_share_a_budget(
    tmp_path: Path, target: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(1)
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(6):
        rough = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
        photo = Image.fromarray(rough).resize((200, 150), Image.Resampling.BICUBIC)
        photo.save(folder / f"{i}.png")
        photo.resize((120, 90)).save(folder / f"{i}-small.jpg", quality=90)
    words = ["make", str(folder), str(target), "-o", str(tmp_path / "o.png")]
    words += ["--target-res", "3", "2", "--thumb-res", "40", "30", "--workers", "1"]
    assert mosaic.main(words) == 0
    assert "6 groups of photos that look the same" in capsys.readouterr().out
    lines = (tmp_path / "o.alike.txt").read_text().splitlines()
    assert lines[0] == "2 photos look the same: 0-small.jpg, 0.png"
    assert mosaic.main([*words, "--dedupe"]) == 0
    names = mosaic.read_store(str(tmp_path / "o.h5")).names
    used = [names[i][0] for i in np.loadtxt(tmp_path / "o.tab", dtype=int).ravel()]
    assert sorted(used) == list("012345")


def test_a_photo_and_its_variants_share_a_budget_and_the_best_one_is_taken(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    photo = Image.new("RGB", (60, 20), "red")
    photo.paste("navy", (20, 0, 40, 20))
    photo.paste("white", (40, 0, 60, 20))
    photo.save(folder / "flag.png")
    Image.new("RGB", (20, 20), "lime").save(folder / "green.png")
    target = Image.new("RGB", (2, 1), "white")
    target.putpixel((0, 0), (0, 255, 0))
    target.resize((40, 20), Image.Resampling.NEAREST).save(tmp_path / "t.png")
    words = ["make", str(folder), str(tmp_path / "t.png"), "-o", str(tmp_path / "o.png")]
    words += ["--target-res", "2", "1", "--thumb-res", "8", "8", "--workers", "1"]
    assert mosaic.main([*words, "--variants", "crops", "mirror"]) == 0
    store = mosaic.read_store(str(tmp_path / "o.h5"))
    left, right = np.loadtxt(tmp_path / "o.tab", dtype=int)
    assert store.names[left] == "green.png"
    assert (store.names[right], store.variants[right].split()[0]) == ("flag.png", "last")
    with Image.open(tmp_path / "o.png") as image:
        assert min(image.getpixel((12, 4))) > 240  # type: ignore[arg-type, type-var]


def test_a_mirrored_thumbnail_is_the_mirror_image(tmp_path: Path) -> None:
    photo = Image.new("RGB", (20, 20), "red")
    photo.paste("lime", (10, 0, 20, 20))
    photo.save(tmp_path / "a.png")
    made = list(
        mosaic.make_thumbnails(["a.png"], str(tmp_path), (10, 10), 95, 1, ["", "mirror"])
    )
    assert [one.variant for one in made if isinstance(one, mosaic.Thumbnail)] == ["", "mirror"]
    mosaic.write_store(str(tmp_path / "s.h5"), made, (10, 10))
    plain, mirrored = mosaic.read_thumbnails(str(tmp_path / "s.h5"), [0, 1], (10, 10))
    assert np.abs(plain[:, ::-1].astype(int) - mirrored).max() < 40
    assert plain[5, 1, 0] > 200 > 100 > mirrored[5, 1, 0]


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        ({"method": "nearest"}, "gap", 0.1),
        ({"method": "nearest"}, "dedupe", True),
        ({"method": "nearest"}, "min_uses", 1),
        ({"solver": "dense"}, "pins", "p.csv"),
        ({"spacing": 2}, "budgets", "b.csv"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(
    one: dict[str, Any], other: str, value: Any
) -> None:
    with pytest.raises(MosaicError, match=f"{other} does not go with {next(iter(one))}"):
        check_together(mosaic.Settings(**one, **{other: value}))


def test_a_budget_of_the_second_copy_counts_for_the_photo(tmp_path: Path) -> None:
    table = write(tmp_path / "b.csv", "name,min,max\nb.jpg,2,3\n")
    asked = SimpleNamespace(
        method="unique", max_uses=1, min_uses=0, repeats="refuse", budgets=str(table), pins=""
    )
    made = make_demands(["a.jpg", "b.jpg", "c.jpg"], np.array([0, 0, 1]), (1, 3), asked)
    assert (made.least.tolist(), made.most.tolist()) == ([2, 0], [3, 1])
