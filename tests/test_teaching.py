"""What a teacher uses: the look at a machine, the episode, the paper, and the licences."""

import ast
import os
import socket
import subprocess
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from course import ready
from course.ready import Finding

ROOT = Path(__file__).parents[1]
Run = Callable[..., subprocess.CompletedProcess[str]]


def text_of(name: str) -> str:
    """The text of a file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


PROJECT = tomllib.loads(text_of("pyproject.toml"))["project"]


# Ready for the course: machines that lack something


@pytest.mark.parametrize(
    ("found", "cure"),
    [
        (ready.judge_python((3, 10, 13)), "make ready PYTHON=python3.12"),
        (ready.judge_python((2, 7, 18)), "make ready PYTHON=python3.12"),
        (ready.judge_packages(["numpy", "ot"]), "make .venv/book .venv/workflow"),
        (ready.judge_cores(1, 1.0), "neighbour"),
        (ready.judge_cores(8, 0.5), "neighbour"),
        (ready.judge_memory(0.4), "close some programs"),
        (ready.judge_disk(1.9, installed=False), "2 GB are needed"),
        (ready.judge_disk(0.4, installed=True), "0.5 GB are needed"),
        (ready.judge_pool("no answer in time"), "/dev/shm"),
        (ready.judge_lock("open"), "HDF5_USE_FILE_LOCKING"),
        (ready.judge_lock("Read-only file system"), "clone onto another disk"),
    ],
    ids=lambda value: value.fact if isinstance(value, Finding) else "",
)
def test_what_the_course_cannot_do_without_is_to_be_mended(
    found: Finding, cure: str
) -> None:
    assert found.mark == "mend"
    assert cure in found.cure
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("found", "fact"),
    [
        (ready.judge_cores(64, 2.0), "64 cores are shown, and 2 are granted"),
        (ready.judge_load(3.5, 2), "busy"),
        (ready.judge_start("spawn"), "spawn"),
        (ready.judge_start("forkserver"), "forkserver"),
        (ready.judge_memory(-1), "not told"),
        (
            ready.judge_folder("/home/ada/OneDrive - School/course", "ext4"),
            "OneDrive copies",
        ),
        (
            ready.judge_folder("/Users/ada/Library/CloudStorage/x", ""),
            "CloudStorage copies",
        ),
        (ready.judge_folder("/home/ada/course", "nfs4"), "nfs4"),
        (ready.judge_folder("/mnt/c/course", "9p"), "9p"),
        (ready.judge_door(taken=True, browser=True), "8888 is taken"),
        (ready.judge_door(taken=False, browser=False), "no browser"),
    ],
    ids=lambda value: value.fact if isinstance(value, Finding) else "",
)
def test_what_is_good_to_know_is_a_note(found: Finding, fact: str) -> None:
    assert found.mark == "note"
    assert fact in found.fact


@pytest.mark.parametrize(
    "found",
    [
        ready.judge_python((3, 11)),
        ready.judge_python((4, 0, 0)),
        ready.judge_packages([]),
        ready.judge_cores(2, 2.0),
        ready.judge_load(0.3, 2),
        ready.judge_start("fork"),
        ready.judge_memory(4.0),
        ready.judge_disk(2.1, installed=False),
        ready.judge_folder("/home/ada/dropbox-notes", "ext4"),
        ready.judge_pool("6"),
        ready.judge_lock("locked"),
        ready.judge_door(taken=False, browser=True),
    ],
    ids=lambda found: found.fact,
)
def test_what_is_as_it_should_be_needs_no_cure(found: Finding) -> None:
    assert (found.mark, found.cure) == ("ok", "")


# Ready for the course: asking


def test_the_python_asked_for_is_the_one_of_the_project() -> None:
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, ready.NEEDED))


def test_the_packages_asked_for_are_those_that_the_cures_install() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = " ".join(PROJECT["dependencies"] + extras["book"] + extras["workflow"]).lower()
    names = {"PIL": "pillow", "ot": "pot"}
    assert [name for name in ready.PACKAGES if names.get(name, name) not in wanted] == []


MOUNTS = """/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/ada/my\\040disk xfs rw 0 0
/dev/sdc1 /homes btrfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/course", "ext4"),
        ("/home/ada/course", "nfs4"),
        ("/home", "nfs4"),
        ("/home/ada/my disk/course", "xfs"),
        ("/homes/ada", "btrfs"),
    ],
)
def test_the_file_system_of_a_folder_is_that_of_the_nearest_mount(
    folder: str, kind: str
) -> None:
    assert ready.ask_system(folder, MOUNTS) == kind


def test_a_system_without_a_list_of_mounts_says_nothing() -> None:
    assert ready.ask_system("/Users/ada", "") == ""


def test_a_port_that_somebody_listens_at_is_taken() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert ready.ask_door(other.getsockname()[1])[0]


def test_a_container_grants_less_than_it_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "read", lambda path: "50000 100000")
    assert ready.ask_cores()[1] == 0.5
    monkeypatch.setattr(ready, "read", lambda path: "max 100000")
    assert ready.ask_cores()[1] == ready.ask_cores()[0]


def test_the_memory_that_counts_is_the_least_that_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = {
        "/proc/meminfo": "MemTotal: 9000000 kB\nMemAvailable: 8000000 kB",
        "/sys/fs/cgroup/memory.max": "3000000000",
        "/sys/fs/cgroup/memory.current": "1000000000",
    }
    monkeypatch.setattr(ready, "read", lambda path: told.get(path, ""))
    assert ready.ask_memory() == 2.0
    told["/sys/fs/cgroup/memory.max"] = "max"
    assert ready.ask_memory() == 8.192


# Ready for the course: trials


def test_a_trial_that_hangs_is_ended_with_all_that_it_has_started() -> None:
    hang = "import subprocess, sys, time\n"
    hang += "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    hang += "time.sleep(60)"
    trial = ready.start(hang)
    assert ready.last_line(trial, time.monotonic()) == "no answer in time"
    assert trial.poll() is not None


def test_a_trial_that_crashes_says_why() -> None:
    trial = ready.start("import no_such_package")
    assert "No module named" in ready.last_line(trial, time.monotonic() + 60)


def trial_of_lock(folder: Path) -> str:
    """What the trial of the lock says of a folder."""
    trial = ready.start(ready.LOCK, str(folder / "lock.h5"), ready.WRITER)
    return ready.last_line(trial, time.monotonic() + 60)


def test_two_writers_of_one_file_are_kept_apart_unless_locks_are_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    assert trial_of_lock(tmp_path) == "locked"
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    assert trial_of_lock(tmp_path) == "open"


def test_without_h5py_a_plain_file_is_locked(tmp_path: Path) -> None:
    trial = ready.start(ready.FLOCK, str(tmp_path / "lock"))
    assert ready.last_line(trial, time.monotonic() + 60) == "locked"


def test_a_pool_of_two_adds_up() -> None:
    assert ready.last_line(ready.start(ready.POOL), time.monotonic() + 60) == "6"


# Ready for the course: the whole


def marks(stdout: str) -> set[str]:
    """The first words of all lines but the last, which counts."""
    return {line.split()[0] for line in stdout.splitlines()[:-1]}


def test_the_look_at_this_machine_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    done = run(ROOT / "course" / "ready.py")
    assert done.stderr == ""
    assert marks(done.stdout) <= {"ok", "note", "mend"}
    assert done.returncode == (2 if "mend" in marks(done.stdout) else 0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ready.main([str(tmp_path / "course")]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("mend  there is no folder ")


def test_the_program_needs_nothing_but_the_standard_library(
    run: Run, tmp_path: Path
) -> None:
    done = run("-I", "-S", ROOT / "course" / "ready.py")
    assert done.returncode == 2
    assert "mend  not installed: numpy, " in done.stdout
    assert done.stdout.splitlines()[-1].endswith("to mend")


def test_make_says_it_in_one_line_when_there_is_no_python_at_all(tmp_path: Path) -> None:
    makefile = ["make", "-f", str(ROOT / "Makefile"), "ready", "PYTHON=python0.9"]
    done = subprocess.run(
        makefile,
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "MAKEFLAGS": ""},
    )
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "mend  Python 3.11 or newer is needed; say make ready PYTHON=python3.12"
    ]


def test_no_word_of_the_program_is_newer_than_python_3_7() -> None:
    ast.parse(text_of("course/ready.py"), feature_version=(3, 7))
    assert "from __future__" not in text_of(
        "course/ready.py"
    )  # 3.6 knows no annotations there
