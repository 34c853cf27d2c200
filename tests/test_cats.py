"""The demo collection: what data/cats.py promises."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

PROGRAM = Path(__file__).parent.parent / "data" / "cats.py"
Sample = dict[int, NDArray[np.uint8]]


def load() -> ModuleType:
    """Import data/cats.py under a name that worker processes find again."""
    spec = importlib.util.spec_from_file_location("cats", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["cats"] = module
    spec.loader.exec_module(module)
    return module


cats = load()


@pytest.fixture(scope="module")
def sample() -> Sample:
    """Paint 150 pictures from all over the collection."""
    return {n: np.asarray(cats.paint_cat(n)) for n in range(0, 9_990, 66)[:150]}


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Run the program from the command line, in a folder."""
    command = [sys.executable, str(PROGRAM), *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def files(folder: Path) -> dict[str, bytes]:
    """Read all files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.long
def test_one_and_three_workers_paint_the_same_bytes(tmp_path: Path) -> None:
    cats.paint_collection(tmp_path / "one", 35, workers=1, quiet=True)
    cats.paint_collection(tmp_path / "three", 35, workers=3, quiet=True)
    assert files(tmp_path / "one") == files(tmp_path / "three")


def test_names_sort_like_numbers(tmp_path: Path) -> None:
    cats.paint_collection(tmp_path / "cats", 3, workers=1, quiet=True)
    names = ["cat_00000.jpg", "cat_00001.jpg", "cat_00002.jpg"]
    assert sorted(files(tmp_path / "cats")) == names


def test_a_picture_depends_on_nothing_but_its_number() -> None:
    before = cats.paint_cat(11).tobytes()
    cats.paint_cat(12)
    assert cats.paint_cat(11).tobytes() == before


@pytest.mark.long
def test_different_numbers_give_clearly_different_pictures(sample: Sample) -> None:
    small = np.array([p[::20, ::20].astype(float).ravel() for p in sample.values()])
    gap = ((small[:, None] - small[None]) ** 2).mean(axis=2) ** 0.5
    assert gap[~np.eye(len(small), dtype=bool)].min() > 15


@pytest.mark.parametrize("size", [(200, 200), (50, 30), (30, 50), (1, 1)])
def test_a_picture_has_the_size_asked_for(size: tuple[int, int]) -> None:
    picture = cats.paint_cat(3, size)
    assert (picture.size, picture.mode) == (size, "RGB")


@pytest.mark.parametrize(("number", "size"), [(-1, (9, 9)), (0, (0, 9)), (0, (9, -1))])
def test_no_picture_has_a_negative_number_or_no_pixels(
    number: int, size: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match="cannot paint picture"):
        cats.paint_cat(number, size)


def test_mean_colours_reach_from_dark_to_light_and_into_every_hue(sample: Sample) -> None:
    means = np.array([p.mean(axis=(0, 1)) for p in sample.values()])
    assert (np.quantile(means, 0.05, axis=0) < 45).all()
    assert (np.quantile(means, 0.95, axis=0) > 200).all()
    assert np.quantile(np.ptp(means, axis=1), 0.9) > 75
    for k in range(3):
        others = np.delete(means, k, axis=1)
        assert (means[:, k] - others.max(axis=1)).max() > 25  # red, green, blue
        assert (others.min(axis=1) - means[:, k]).max() > 25  # cyan, magenta, yellow


def test_mean_colours_come_close_to_the_wish(sample: Sample) -> None:
    means = np.array([p.mean(axis=(0, 1)) for p in sample.values()])
    wishes = np.array([cats.wish(n).ravel() * 255 for n in sample])
    assert np.median(np.abs(means - wishes).max(axis=1)) < 3


def test_the_cover_has_deep_shadows_bright_lights_and_all_hues() -> None:
    cover = np.asarray(cats.paint_cat(cats.COVER, (100, 100))).reshape(-1, 3).astype(int)
    light = cover.mean(axis=1)
    assert np.quantile(light, 0.05) < 60 < 200 < np.quantile(light, 0.97)
    red, green, blue = cover.T
    for one, other, third in [(red, green, blue), (green, red, blue), (blue, red, green)]:
        assert (one > np.maximum(other, third) + 30).mean() > 0.03


def test_an_interrupted_painter_goes_on_where_it_stopped(tmp_path: Path) -> None:
    cats.paint_collection(tmp_path / "whole", 8, workers=1, quiet=True)
    part = tmp_path / "cats.part"
    part.mkdir()
    (part / "cat_00005.jpg").write_bytes(b"painted before")
    (part / "cat_00006.tmp").write_bytes(b"half a pict")
    (part / "cat_00099.jpg").write_bytes(b"of a larger run")
    cats.paint_collection(tmp_path / "cats", 8, workers=1, quiet=True)
    expected = files(tmp_path / "whole") | {"cat_00005.jpg": b"painted before"}
    assert files(tmp_path / "cats") == expected
    assert not part.exists()


def test_a_failing_painter_leaves_no_folder_under_the_final_name(tmp_path: Path) -> None:
    (tmp_path / "cats.part" / "cat_00002.tmp").mkdir(parents=True)  # cannot be written
    with pytest.raises(IsADirectoryError):
        cats.paint_collection(tmp_path / "cats", 4, workers=1, quiet=True)
    assert not (tmp_path / "cats").exists()
    assert "cat_00001.jpg" in {path.name for path in (tmp_path / "cats.part").iterdir()}


@pytest.mark.long
@pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")
@pytest.mark.parametrize(
    ("count", "seen", "least"), [(5000, "cat_00000.jpg", 32), (33, "cat_00032.jpg", 33)]
)
def test_ctrl_c_says_one_line_and_keeps_what_is_painted(
    tmp_path: Path, count: int, seen: str, least: int
) -> None:
    # chunks of 32 that were begun are finished; no other is begun
    command = [sys.executable, str(PROGRAM), "cats", f"--count={count}", "--workers=2"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        end = time.monotonic() + 120
        while not (tmp_path / "cats.part" / seen).exists() and time.monotonic() < end:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: parent and workers
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines() == ["interrupted; the same command goes on from cats.part"]
    assert not (tmp_path / "cats").exists()
    names = [path.name for path in (tmp_path / "cats.part").iterdir()]
    assert least <= len(names) <= max(least, count - 1) and all(
        name.endswith(".jpg") for name in names
    )


@pytest.fixture
def two_masters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a class have two large photos, not sixteen."""
    monkeypatch.setattr(cats, "MASTERS", 2)


@pytest.mark.long
def test_a_large_photo_has_twelve_million_pixels_and_its_cats_colours() -> None:
    large, small = cats.paint_large(5), cats.paint_cat(5)
    assert (large.size, large.mode) == ((4000, 3000), "RGB")
    middles = [np.asarray(image.resize((4, 3)), int)[1:, 1:3] for image in (large, small)]
    assert np.abs(middles[0] - middles[1]).mean() < 30


@pytest.mark.long
@pytest.mark.usefixtures("two_masters")
def test_a_class_gets_few_large_photos_under_many_names(tmp_path: Path) -> None:
    cats.paint_class(tmp_path / "class", 5, workers=1, quiet=True)
    painted = files(tmp_path / "class")
    assert sorted(painted) == [f"photo_00{number}.jpg" for number in range(5)]
    inodes = [(tmp_path / "class" / name).stat().st_ino for name in sorted(painted)]
    assert inodes == [*inodes[:2], *inodes[:2], inodes[0]] and inodes[0] != inodes[1]
    assert painted["photo_000.jpg"] != painted["photo_001.jpg"]


@pytest.mark.long
@pytest.mark.usefixtures("two_masters")
def test_one_and_two_workers_paint_the_same_large_photos(tmp_path: Path) -> None:
    for folder, workers in [("one", 1), ("two", 2)]:
        cats.paint_class(tmp_path / folder, 2, workers=workers, quiet=True)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_where_a_disk_knows_no_links_a_copy_gets_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, target: Path) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    (tmp_path / "one").write_bytes(b"a cat")
    cats.link_or_copy(tmp_path / "one", tmp_path / "two")
    assert files(tmp_path) == {"one": b"a cat", "two": b"a cat"}


@pytest.mark.usefixtures("two_masters")
def test_an_interrupted_class_keeps_its_photos_and_nothing_else(tmp_path: Path) -> None:
    part = tmp_path / "class.part"
    part.mkdir()
    for name in ("photo_000.jpg", "photo_001.jpg", "photo_002.jpg", "photo_001.tmp"):
        (part / name).write_bytes(name.encode())
    (part / "cat_00000.jpg").write_bytes(b"of another kind")
    cats.paint_class(tmp_path / "class", 3, workers=1, quiet=True)
    assert files(tmp_path / "class") == {
        "photo_000.jpg": b"photo_000.jpg",
        "photo_001.jpg": b"photo_001.jpg",
        "photo_002.jpg": b"photo_000.jpg",  # another name of the first
    }
    assert (tmp_path / "class" / "photo_000.jpg").stat().st_nlink == 2
    assert not part.exists()


@pytest.mark.long
def test_a_class_is_painted_from_the_command_line(tmp_path: Path) -> None:
    done = run(tmp_path, "--class", "--count", "1", "--workers", "1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(files(tmp_path / "data" / "class")) == ["photo_000.jpg"]


@pytest.mark.skipif(os.name != "posix", reason="a terminal of POSIX")
def test_on_a_terminal_a_line_says_how_far_the_painter_is(tmp_path: Path) -> None:
    import termios

    terminal, screen = os.openpty()
    termios.tcsetwinsize(screen, (24, 80))
    command = [sys.executable, str(PROGRAM), "few", "--count=2", "--workers=1"]
    environment = {key: os.environ[key] for key in os.environ if key != "TQDM_DISABLE"}
    subprocess.run(command, cwd=tmp_path, stderr=screen, env=environment, check=True)
    os.close(screen)
    said = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert "painting: 100%" in said and "2/2" in said


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not empty"):
        cats.paint_collection(tmp_path, 1, workers=1, quiet=True)
    assert files(tmp_path) == {"mine.txt": b"mine"}


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    cats.paint_collection(tmp_path / "cats", 1, workers=1, quiet=True)
    assert list(files(tmp_path / "cats")) == ["cat_00000.jpg"]


@pytest.mark.parametrize(
    "words",
    [
        ["--count", "0"],
        ["--class", "--count", "0"],
        ["--count", "many"],
        ["--workers", "0"],
        ["--what"],
        ["a", "b"],
        ["."],
    ],
)
def test_wrong_use_gets_one_line_and_status_2(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROGRAM.parent)  # "." is a folder that is not empty
    with pytest.raises(SystemExit) as stop:
        cats.main(words)
    out, err = capsys.readouterr()
    assert (stop.value.code, out, len(err.splitlines())) == (2, "", 1)


def test_the_program_paints_from_the_command_line(tmp_path: Path) -> None:
    done = run(tmp_path, "some", "--count", "2", "--workers", "1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(files(tmp_path / "some")) == 2
