"""What several tests share: a small collection, and ways to run the program."""

import colorsys
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from data import cats
from smalti.command import main

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

# a program started in the background ignores Ctrl-C, and so would all that it starts
signal.signal(signal.SIGINT, signal.default_int_handler)

# the same examples in each run, so that a red test speaks of this commit; new ones with
# `pytest --hypothesis-profile search`; a busy machine is no error
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", deadline=None, print_blob=True)
hypothesis.settings.load_profile("same")

# thumbnails are kept in a folder of this run, and never in the cache of whoever runs it
CACHE = tempfile.TemporaryDirectory(prefix="smalti-tests-")
os.environ["SMALTI_CACHE"] = CACHE.name


# fixtures for which a test takes long: all pages, all runs of the book's programs, a browser
LONG = {"site", "runs", "browser"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Mark tests that take long for want of such a fixture, before any are left out.

    Whole workflows come first, and tests of pages last but for the one that builds them all,
    so that no core waits for another.
    """
    pages = [item for item in items if "site" in item.fixturenames]
    last = {item.nodeid for item in pages[1:]}
    items.sort(key=lambda item: (item.nodeid in last, item.path.name != "test_workflow.py"))
    for item in items:
        if LONG.intersection(item.fixturenames):
            item.add_marker(pytest.mark.long)


def once_for_all(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """A folder of a name that is made once for all processes of pytest; not to be changed."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            draft = folder.with_suffix(".draft")
            shutil.rmtree(draft, ignore_errors=True)  # of another process that has failed
            draft.mkdir()
            make(draft)
            draft.rename(folder)
    return folder


@pytest.fixture(scope="session")
def sample() -> None:
    """The photos of many documents, painted before two of them begin to."""
    (ROOT / "_build").mkdir(exist_ok=True)
    with FileLock(ROOT / "_build" / "sample.lock"):
        if not (ROOT / "data" / "sample").is_dir():
            cats.paint_collection(ROOT / "data" / "sample", 1600, quiet=True)


def pytest_unconfigure() -> None:
    """Remove what was kept."""
    CACHE.cleanup()


ROOT = Path(__file__).parents[1]
Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., subprocess.Popen[str]]


def paint(path: Path, colours: list[str], size: tuple[int, int] = (24, 16)) -> Path:
    """Save an image of vertical stripes of these colours."""
    image = Image.new("RGB", size)
    for i, colour in enumerate(colours):
        left, right = (size[0] * j // len(colours) for j in (i, i + 1))
        image.paste(Image.new("RGB", (right - left, size[1]), colour), (left, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=95)
    return path


@pytest.fixture(name="paint")
def paint_fixture() -> Callable[..., Path]:
    """The function `paint`, for tests that paint photos of their own."""
    return paint


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of 30 photos of 24 x 16 or 16 x 24 pixels, of one or two colours."""
    folder = tmp_path / "photos"
    for i in range(30):
        red, green, blue = colorsys.hsv_to_rgb(i / 30, 0.8, 0.3 + 0.7 * (i % 3) / 2)
        hue = f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"
        size = (24, 16) if i % 2 else (16, 24)
        paint(folder / f"{i:02}.jpg", [hue] if i % 3 else [hue, "#808080"], size)
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target of four stripes, 60 x 40 pixels."""
    return paint(tmp_path / "target.png", ["red", "lime", "navy", "white"], (60, 40))


@pytest.fixture
def spotted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with 60 photos of 24 x 16 pixels and a target of 60 x 40; we are in it."""
    rng = np.random.default_rng(1)
    (tmp_path / "photos").mkdir()
    for i in range(60):
        spots = Image.fromarray(rng.integers(0, 256, (2, 3, 3), np.uint8))
        spots.resize((24, 16)).save(tmp_path / "photos" / f"{i:02}.png")
    y, x = np.mgrid[:40, :60]
    slopes = np.stack([4 * x, 6 * y, 255 - 2 * x - 3 * y], axis=-1)
    Image.fromarray(slopes.clip(0, 255).astype(np.uint8)).save(tmp_path / "target.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python(*arguments: object) -> list[str]:
    """The words of a command `python ARGUMENTS`."""
    return [sys.executable, *map(str, arguments)]


ENV = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `python ARGUMENTS` in a fresh process, in the folder tmp_path."""

    def finished(
        *arguments: object, preexec_fn: Callable[[], None] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            python(*arguments),
            cwd=tmp_path,
            env=ENV,
            text=True,
            capture_output=True,
            timeout=60,
            check=False,
            preexec_fn=preexec_fn,
        )

    return finished


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `python ARGUMENTS` in the folder tmp_path; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def running(
        *arguments: object, stderr: int = subprocess.PIPE, start_new_session: bool = False
    ) -> subprocess.Popen[str]:
        program = subprocess.Popen(
            python(*arguments),
            cwd=tmp_path,
            env=ENV,
            text=True,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=start_new_session,
        )
        started.append(program)
        return program

    yield running
    for program in started:
        program.kill()
        program.communicate()


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command line, see that it ends with status 2 and one line; return the line."""

    def refused(*arguments: object) -> str:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = int(str(stop.code))
        output, errors = capsys.readouterr()
        assert (status, output) == (2, "")
        assert errors.startswith("mosaic")
        assert errors.count("\n") == 1
        assert errors.endswith("\n")
        return errors.rstrip("\n")

    return refused


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Chrome"]:
    """Start a browser that notes every request, and end it whatever happens."""
    from selenium import webdriver  # here, for most tests need none
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        (pytest.fail if "CI" in os.environ else pytest.skip)(
            "chromium and its driver are missing"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for option in [
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-quic",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "no-first-run",
        f"user-data-dir={tmp_path_factory.mktemp('profile')}",
    ]:
        options.add_argument(f"--{option}")
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield opened
    finally:
        opened.quit()
