"""Attacks: runs that are killed, starved or disturbed at random instants, and go on.

`make attack` runs them all, 100 kills each; `make test-all` only a few of each kind.
"""

import contextlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_workflow import (
    MOSAICS,
    finished,
    mosaics,
    new_collection,
    new_project,
    paint,
    snakemake,
)

from smalti.ground.files import LEFT

ROOT = Path(__file__).parents[1]
WORDS = ["-m", "smalti", "make", "photos", "target.png", "-o", "out.png", "--store", "s.h5"]
WORDS += ["--target-res", "12", "8", "--thumb-res", "20", "16", "--workers", "2"]
WORDS += ["--method", "unique"]
# more work, with long messages of workers, and a method that cannot end with the best so far
LONGER = [*WORDS, "--method", "nearest", "--thumb-res", "100", "80"]
KILLS = pytest.mark.parametrize("kills", [5, pytest.param(100, marks=pytest.mark.attack)])

__all__ = ["finished"]  # a fixture


def content(folder: Path) -> dict[str, bytes]:
    """All files with a final name below a folder, but logs."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not LEFT.fullmatch(path.name) and path.suffix != ".log":
            found[name] = path.read_bytes()
    return found


def drafts(folder: Path) -> list[str]:
    """Names of what a killed run has left."""
    return [path.name for path in folder.rglob(".*") if LEFT.fullmatch(path.name)]


def spawn(
    folder: Path, *words: str, limit: Callable[[], None] | None = None
) -> subprocess.Popen[str]:
    """Start `python WORDS` in a folder, in a group of processes of its own."""
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=limit,
    )


def is_killed(program: subprocess.Popen[str], seconds: float, group: bool = True) -> bool:
    """Kill a program, or all its group, after some seconds, if it is still at work."""
    try:
        errors = program.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        if group:
            os.killpg(program.pid, signal.SIGKILL)
        else:
            program.kill()
        program.wait()
        assert program.stderr
        program.stderr.close()
        return True
    assert program.returncode == 0, errors
    return False


# The command `mosaic make`


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A folder with 200 photos and a target."""
    return new_collection(tmp_path / "collection", 200)


@pytest.fixture
def made(collection: Path, tmp_path: Path) -> tuple[dict[str, bytes], float]:
    """What an undisturbed `mosaic make` writes, and the seconds that it takes."""
    folder = Path(shutil.copytree(collection, tmp_path / "undisturbed"))
    began = time.monotonic()
    program = spawn(folder, *WORDS)
    assert program.communicate()[1] == ""
    return content(folder), time.monotonic() - began


def check_whole(folder: Path, expected: dict[str, bytes]) -> None:
    """See that all files with a final name are as they should be."""
    for name, found in content(folder).items():
        assert found == expected[name], f"{name} is not what an undisturbed run writes"


@pytest.mark.long
@KILLS
def test_a_mosaic_that_was_killed_at_any_instant_ends_with_the_same_bytes(
    kills: int, collection: Path, made: tuple[dict[str, bytes], float]
) -> None:
    expected, seconds = made
    chance, done = random.Random(kills), 0
    while done < kills:
        killed = is_killed(spawn(collection, *WORDS), chance.uniform(0, 1.2 * seconds))
        done += killed
        check_whole(collection, expected)
        if not killed or chance.random() < 0.3:  # begin with nothing
            for path in set(collection.iterdir()) - {
                collection / "photos",
                collection / "target.png",
            }:
                path.unlink()
    assert not is_killed(spawn(collection, *WORDS), 300)
    assert content(collection) == expected
    assert drafts(collection) == []


def new_names(folder: Path, before: set[str]) -> set[str]:
    """Names of files in a folder that were not there before, and of no drafts."""
    found = {path.name for path in folder.iterdir()}
    return {name for name in found - before - {"photos"} if not LEFT.fullmatch(name)}


@pytest.mark.long
def test_a_file_is_whole_at_the_moment_when_its_name_appears(
    collection: Path, made: tuple[dict[str, bytes], float]
) -> None:
    for number in range(1, 4):  # the store, the mosaic, the report
        program = spawn(collection, *WORDS)
        before = {*content(collection)}
        while not new_names(collection, before):
            assert program.poll() is None
        is_killed(program, 0)
        check_whole(collection, made[0])
        assert len({*content(collection)} - {*before}) >= 1, number
        if {*content(collection)} == {*made[0]}:
            break


def add_photos(collection: Path) -> None:
    """Put each photo into a collection 12 times more."""
    for photo in sorted(collection.glob("photos/*")):
        for i in range(12):
            (photo.parent / f"{i}-{photo.name}").hardlink_to(photo)


STOPPED = "mosaic: stopped; what was finished is kept\n"


def ctrl_c(program: subprocess.Popen[str], seconds: float, presses: int) -> bool:
    """Press Ctrl-C so many times after some seconds; whether it came before the end."""
    time.sleep(seconds)
    before = program.poll() is None
    for _ in range(presses):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGINT)
        time.sleep(0.005)
    said = program.communicate(timeout=300)[1]
    assert "stopped" not in said or said == STOPPED  # a traceback while Python starts
    return before


@pytest.mark.long
@pytest.mark.parametrize("times", [3, pytest.param(40, marks=pytest.mark.attack)])
def test_ctrl_c_at_any_instant_leaves_only_whole_files_and_no_drafts(
    times: int, collection: Path
) -> None:
    add_photos(collection)
    began = time.monotonic()
    assert spawn(collection, *LONGER).communicate()[1] == ""
    seconds, expected = time.monotonic() - began, content(collection)
    chance, stopped = random.Random(times), 0
    while stopped < times:
        for path in [*collection.glob("out.*"), *collection.glob("s.h5")]:
            path.unlink()
        stopped += ctrl_c(
            spawn(collection, *LONGER), chance.uniform(0, seconds), 1 + stopped % 3
        )
        assert drafts(collection) == []
        check_whole(collection, expected)
    assert not is_killed(spawn(collection, *LONGER), 300)
    assert content(collection) == expected


# writes a store again and again, and presses Ctrl-C at random instants
WRITE = """
import os, random, signal, sys, threading, time
from mosaic import Thumbnail, write_store

times, chance = int(sys.argv[1]), random.Random(0)
photos = [Thumbnail(f"{i}.jpg", (60, 40), bytes(3000), (i % 256, 1, 2)) for i in range(3000)]
began, stopped = time.perf_counter(), 0
write_store("whole.h5", photos, (6, 4))
lasts = time.perf_counter() - began
for _ in range(times):
    press = threading.Timer(chance.uniform(0, lasts), os.kill, [os.getpid(), signal.SIGINT])
    try:
        press.start()
        write_store("s.h5", photos, (6, 4))
        time.sleep(60)
        sys.exit("nobody heard Ctrl-C")
    except KeyboardInterrupt:
        pass
    if not os.path.exists("s.h5"):
        stopped += 1
    elif open("s.h5", "rb").read() != open("whole.h5", "rb").read():
        sys.exit("s.h5 is not whole")
    else:
        os.unlink("s.h5")
    if os.listdir() != ["whole.h5"]:
        sys.exit(f"{os.listdir()} are there")
print("stopped", stopped, file=sys.stderr)
"""


@pytest.mark.long
@pytest.mark.parametrize("times", [100, pytest.param(3000, marks=pytest.mark.attack)])
def test_ctrl_c_at_any_instant_of_writing_is_heard_and_leaves_no_hole(
    times: int, tmp_path: Path
) -> None:
    said = spawn(tmp_path, "-c", WRITE, str(times)).communicate(timeout=600)[1]
    assert re.fullmatch(r"stopped \d+\n", said)
    assert int(said.split()[1]) > times / 4


@pytest.mark.long
@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.attack)])
def test_a_program_that_is_told_to_end_with_all_its_workers_ends_in_one_line(
    times: int, collection: Path
) -> None:
    add_photos(collection)
    chance, told, expected, seconds = random.Random(times), 0, dict[str, bytes](), 0.0
    began = time.monotonic()
    for _ in range(5 * times):
        program = spawn(collection, *LONGER)
        if expected:
            time.sleep(chance.uniform(0.3, 0.8) * seconds)  # while there are workers
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGTERM)
        said = program.communicate(timeout=300)[1]
        if not expected:
            seconds, expected = time.monotonic() - began, content(collection)
        elif program.returncode == 130:
            told += 1
            assert said == STOPPED
            assert drafts(collection) == []
            check_whole(collection, expected)
        if told == times:
            break
        for path in [*collection.glob("out.*"), collection / "s.h5"]:
            path.unlink(missing_ok=True)
    assert told == times
    assert not is_killed(spawn(collection, *LONGER), 300)
    assert content(collection) == expected


def limit(what: int, most: int) -> Callable[[], None]:
    """A function that lets a process have no more of something."""
    return lambda: resource.setrlimit(what, (most, most))


@pytest.mark.long
@pytest.mark.parametrize(
    ("what", "least", "most"),
    [
        (resource.RLIMIT_FSIZE, 1_000, 400_000),  # ulimit -f, as on a disk that is full
        (resource.RLIMIT_AS, 100_000_000, 900_000_000),  # ulimit -v
    ],
    ids=["file size", "memory"],
)
@pytest.mark.parametrize("times", [2, pytest.param(40, marks=pytest.mark.attack)])
def test_a_run_that_is_starved_leaves_only_whole_files(
    times: int,
    what: int,
    least: int,
    most: int,
    collection: Path,
    made: tuple[dict[str, bytes], float],
) -> None:
    chance, files = random.Random(times), what == resource.RLIMIT_FSIZE
    for _ in range(times):
        program = spawn(collection, *WORDS, limit=limit(what, chance.randint(least, most)))
        try:
            errors = program.communicate(timeout=300 if files else 30)[1]
        except subprocess.TimeoutExpired:  # libraries may wait for memory for ever
            assert not files
            is_killed(program, 0)
        if files and program.returncode:
            assert program.returncode == 2
            assert len(errors.splitlines()) == 1
        check_whole(collection, made[0])
    assert not is_killed(spawn(collection, *WORDS), 300)
    assert content(collection) == made[0]
    assert drafts(collection) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A function that makes a disk of so many kB, which only an administrator can."""
    mounted: list[Path] = []

    def mount(kilobytes: int) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
        if subprocess.run(words, capture_output=True, check=False).returncode:
            pytest.skip("may not mount a disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.attack
def test_on_a_disk_of_any_size_a_run_ends_in_a_line_or_with_the_same_bytes(
    collection: Path,
    made: tuple[dict[str, bytes], float],
    small_disk: Callable[[int], Path],
) -> None:
    ended = set()
    needed = sum(map(len, made[0].values())) // 1000
    for share in range(20, 301, 20):
        folder = small_disk(max(4, needed * share // 100))
        for name in ("photos", "target.png"):
            (folder / name).symlink_to(collection / name)
        program = spawn(folder, *WORDS)
        errors = program.communicate(timeout=300)[1]
        ended.add(program.returncode)
        assert program.returncode in (0, 2)
        assert len(errors.splitlines()) == (program.returncode == 2), errors
        assert drafts(folder) == []
        for name in ("s.h5", "out.png"):
            if (folder / name).exists():
                assert (folder / name).read_bytes() == made[0][name]
    assert ended == {0, 2}


@pytest.mark.attack
def test_ten_at_once_all_end_well_with_the_same_bytes(
    collection: Path, made: tuple[dict[str, bytes], float]
) -> None:
    programs = [spawn(collection, *WORDS) for _ in range(10)]
    for program in programs:
        assert (program.communicate(timeout=600)[1], program.returncode) == ("", 0)
    assert content(collection) == made[0]
    assert drafts(collection) == []


# The workflow


def results(folder: Path) -> dict[str, bytes]:
    """All that the workflow has made in a folder, whole."""
    wanted = [*folder.glob("data/parts/*.h5"), *folder.glob("data/*.*")]
    wanted += [*folder.glob("mosaic_*.*")]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in wanted
        if not LEFT.fullmatch(path.name)
    }


def another(finished: Path, folder: Path) -> Path:
    """A project like the finished one, with nothing made; the photos keep their times."""
    new_project(folder)
    for photo in (finished / "photos").iterdir():
        shutil.copy2(photo, folder / "photos")
    return folder


def empty(folder: Path) -> None:
    """Remove all that the workflow has made, and what Snakemake knows."""
    for name in ("data", ".snakemake"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in folder.glob("mosaic_*.*"):
        path.unlink()


@pytest.mark.attack
@pytest.mark.parametrize("kills", [100])
def test_a_workflow_that_was_killed_at_any_instant_ends_with_the_same_bytes(
    kills: int, finished: Path, tmp_path: Path
) -> None:
    expected = results(finished)
    folder, chance, done = another(finished, tmp_path / "project"), random.Random(kills), 0
    began = time.monotonic()
    assert snakemake(folder).returncode == 0
    seconds = time.monotonic() - began
    empty(folder)
    while done < kills:
        program = spawn(folder, "-m", "snakemake", "--cores", "2")
        killed = is_killed(program, chance.uniform(0, seconds), chance.random() < 0.7)
        done += killed
        for name, found in results(folder).items():
            assert found == expected[name], name
        if chance.random() < 0.3:
            shutil.rmtree(folder / ".snakemake", ignore_errors=True)
        if not killed:
            empty(folder)
    done_at_last = snakemake(folder)
    assert done_at_last.returncode == 0, done_at_last.stderr
    assert results(folder) == expected
    assert drafts(folder) == []


@pytest.mark.attack
@pytest.mark.parametrize("ways", [1, 2, 3], ids=["times", "and sizes", "and names"])
def test_photos_that_change_during_a_run_are_in_the_next_one(
    ways: int, finished: Path, tmp_path: Path
) -> None:
    folder, chance = another(finished, tmp_path / "project"), random.Random(1)
    program = spawn(folder, "-m", "snakemake", "--cores", "2")
    number = 100
    while program.poll() is None:
        name = f"{chance.randrange(60, 72)}.png"  # of 100, and 80 are needed
        match chance.randrange(ways):
            case 0:
                paint(folder / "photos" / name, number)
            case 1:
                (folder / "photos" / name).write_bytes(b"half a photo")
            case 2:
                (folder / "photos" / name).unlink(missing_ok=True)
        number += 1
        time.sleep(0.05)
    program.communicate()
    assert snakemake(folder).returncode == 0
    again = new_project(tmp_path / "again")
    shutil.rmtree(again / "photos")
    shutil.copytree(folder / "photos", again / "photos")
    assert snakemake(again).returncode == 0
    assert mosaics(folder) == mosaics(again)


@pytest.mark.attack
def test_of_two_workflows_at_once_one_makes_it_all(finished: Path, tmp_path: Path) -> None:
    for i in range(5):
        folder = another(finished, tmp_path / f"project-{i}")
        programs = []
        for _ in range(2):
            programs.append(spawn(folder, "-m", "snakemake", "--cores", "1"))
            time.sleep(0.3 * i)
        ended = sorted(program.wait(timeout=600) != 0 for program in programs)
        for program in programs:
            program.communicate()
        assert ended[0] is False or snakemake(folder).returncode == 0
        assert results(folder) == results(finished)


@pytest.mark.attack
@pytest.mark.skipif(os.getuid() == 0, reason="nothing is read-only for an administrator")
def test_a_folder_that_is_read_only_is_said_and_stays_as_it_is(
    finished: Path, tmp_path: Path
) -> None:
    folder = another(finished, tmp_path / "project")
    folder.chmod(0o555)
    try:
        done = snakemake(folder)
    finally:
        folder.chmod(0o755)
    assert done.returncode != 0
    assert not set(MOSAICS) & {path.name for path in folder.iterdir()}
