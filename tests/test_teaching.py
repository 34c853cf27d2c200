"""What a teacher uses: the look at a machine, the episode, the paper, and the licences."""

import ast
import errno
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
import tangle
import yaml

from course import episode, ready
from course.ready import Finding
from data import cats

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
        (ready.judge_libraries(["dask"]), "exercise 6 wants dask"),
        (ready.judge_photos(["data/class"]), "no photos in data/class"),
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
        ready.judge_libraries([]),
        ready.judge_photos([]),
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
        ("/homeless/ada", "ext4"),
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


def test_where_the_files_of_the_system_say_nothing_all_memory_that_is_built_in_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ready, "read", lambda path: "")
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 10**6}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert ready.ask_memory() == 4.096
    monkeypatch.delattr(os, "sysconf")
    assert ready.ask_memory() == -1


@pytest.mark.parametrize(("counted", "cores"), [(6, 6), (None, 1)])
def test_where_a_process_may_not_ask_for_its_cores_it_has_those_of_the_machine(
    counted: int | None, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    monkeypatch.setattr(ready, "read", lambda path: "")
    assert ready.ask_cores() == (cores, cores)


def test_a_file_that_a_system_does_not_have_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").write_text(" 7\n")
    assert ready.read(str(tmp_path / "there")) == "7"
    assert ready.read(str(tmp_path / "not there")) == ""


def test_whether_there_is_a_browser_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", object)
    assert ready.ask_door()[1] is True
    monkeypatch.setattr(webbrowser, "get", none)
    assert ready.ask_door()[1] is False


# Ready for the course: trials


HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", file=file, flush=True)
time.sleep(60)
"""
HANG = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=-3, stderr=-3)
time.sleep(60)
"""


def soon(happens: Callable[[], bool]) -> bool:
    """Whether something happens within half a minute."""
    end = time.monotonic() + 30
    while not (done := happens()) and time.monotonic() < end:
        time.sleep(0.01)
    return done


def test_a_trial_that_hangs_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    file = tmp_path / "held"
    trial = ready.start(HANG, HOLD, str(file))
    assert soon(lambda: file.is_file() and file.read_text() == "held\n")
    assert ready.last_line(trial, time.monotonic()) == "no answer in time"
    assert trial.poll() is not None

    def is_free() -> bool:
        with file.open() as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    assert soon(is_free)


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


def test_a_trial_that_hangs_is_ended_where_processes_have_no_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "killpg")
    trial = ready.start("import time; time.sleep(60)")
    assert ready.last_line(trial, time.monotonic()) == "no answer in time"
    assert trial.returncode == -signal.SIGKILL


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


def test_a_folder_in_which_nothing_can_be_written_is_to_be_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(prefix: str, dir: str) -> None:
        raise OSError(errno.EROFS, "Read-only file system", dir)

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    monkeypatch.setattr(webbrowser, "get", object)
    *others, lock = ready.look(str(tmp_path), 60)
    assert lock.mark == "mend"
    assert lock.fact.startswith("HDF5 cannot write here ([Errno 30] Read-only file system")
    assert others[-1] == Finding("ok", "a pool of two processes works")


def test_a_python_that_is_too_old_is_asked_for_no_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "get", object)

    def facts() -> str:
        return "\n".join(str(one) for one in ready.look_around(str(tmp_path), ["numpy"]))

    assert "mend  not installed: numpy" in facts()
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    assert "mend  Python 3.9.2 is too old for the course" in facts()
    assert "numpy" not in facts()


def test_a_system_that_measures_no_load_is_not_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webbrowser, "get", object)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.25, 0, 0), raising=False)
    known = [one.fact for one in ready.look_around(str(tmp_path), [])]
    assert "the machine is at rest, its load is 0.2" in known
    monkeypatch.delattr(os, "getloadavg")
    unknown = [one.fact for one in ready.look_around(str(tmp_path), [])]
    assert len(unknown) == len(known) - 1
    assert not [fact for fact in unknown if "load" in fact]


@pytest.mark.parametrize(
    ("marked", "status", "last"),
    [
        (["ok", "note"], 0, "ready"),
        (["mend", "ok"], 2, "1 thing to mend"),
        (["mend", "note", "mend"], 2, "2 things to mend"),
    ],
)
def test_the_last_line_counts_what_is_to_be_mended(
    marked: list[str],
    status: int,
    last: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        ready, "look", lambda _: [Finding(mark, "a fact") for mark in marked]
    )
    assert ready.main([str(tmp_path)]) == status
    *findings, said = capsys.readouterr().out.splitlines()
    assert findings == [f"{mark:4}  a fact" for mark in marked]
    assert said == last


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
        env={word: value for word, value in os.environ.items() if "MAKE" not in word},
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


# The episode

HEAD = "---\ntitle: 'Cats'\nteaching: 1\nexercises: 2\n---\n"
BOXES = "\n".join(f"::: {name}\n- a\n:::\n" for name in episode.REQUIRED)


def faults(text: str) -> list[str]:
    """What is wrong with the boxes of an episode."""
    return list(episode.div_faults(text))


def test_an_episode_with_its_three_boxes_is_in_order() -> None:
    assert faults(BOXES) == []
    assert (
        faults(
            BOXES + "\n:::: challenge\n::: hint\na\n:::\n::: solution ::::\nb\n:::\n::::"
        )
        == []
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("::: callout\na", "the callout is not closed"),
        ("::: challenge\n::: hint\na\n:::", "the challenge is not closed"),
        (":::", "10: nothing is open that could be closed"),
        ("::: chalenge\n:::", "10: the Workbench knows no chalenge"),
        ("::: solution\n:::", "10: a solution belongs into a challenge"),
        ("::: questions\n:::", "it has 2 of questions"),
    ],
)
def test_a_box_that_the_workbench_would_not_show_is_found(text: str, fault: str) -> None:
    assert faults(BOXES.replace("\n\n", "\n") + text) == [fault]


def test_colons_inside_a_block_of_code_are_no_box() -> None:
    assert faults(BOXES + "```text\n::: nonsense\n```") == []


def test_an_episode_without_key_points_is_found() -> None:
    assert faults(BOXES.replace("keypoints", "callout")) == ["it has 0 of keypoints"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("## A\n\n### B\n\n## C\n", ""),
        ("# A\n", "level 1"),
        ("### A\n", "level 3 after 1"),
        ("## A\n\n#### B\n", "level 4 after 2"),
        ("## A\n\n## A\n", "two headings A"),
        ("## A\n\n```bash\n# a remark\n```\n", ""),
    ],
)
def test_headings_go_down_one_step_at_a_time_and_have_names_of_their_own(
    text: str, found: str
) -> None:
    told = list(episode.head_faults(HEAD + text))
    assert found in " ".join(told)
    assert bool(told) == bool(found)


@pytest.mark.parametrize("key", ["title", "teaching", "exercises"])
def test_a_header_lacks_nothing(key: str) -> None:
    lines = [line for line in HEAD.split("\n") if not line.startswith(key)]
    assert list(episode.head_faults("\n".join(lines))) == [f"the header has no {key}"]


def test_links_and_pictures_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    (tmp_path / "fig").mkdir()
    (tmp_path / "fig" / "cat.jpg").touch()
    good = "![A cat](fig/cat.jpg){alt='A cat'} and [Dask](https://www.dask.org)"
    assert list(episode.link_faults(good, tmp_path)) == []
    bad = "![A dog](fig/dog.jpg) and [here](#there) and [book](mosaic.md)"
    assert list(episode.link_faults(bad, tmp_path)) == [
        "there is no picture fig/dog.jpg",
        "the picture fig/dog.jpg has no description",
        "the link here leads to #there",
        "the link book leads to mosaic.md",
    ]


def test_the_markdown_of_the_book_becomes_that_of_the_workbench() -> None:
    ours = """<!-- page: Cats | 5 -->
See [Cores](cores.md#the-gil).

```python #count .noeval
x = [1](2)
```

```console
$ make
two mosaics
```

<details>
<summary>Hint</summary>

Look.

</details>

![A cat's
nap](../fig/nap.jpg)
"""
    theirs = episode.translate(ours)
    assert theirs.startswith("See Cores.\n\n```python\nx = ")
    assert "```bash\nmake\ntwo mosaics\n```" in theirs
    assert re.search(r"^:::+ hint\n\nLook\.\n\n:::+$", theirs, re.M)
    assert theirs.endswith("![A cat's nap](fig/nap.jpg){alt='A cat’s nap'}\n")


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("mosaic.md", "mosaic.html"),
        ("../smalti/crops.md#b", "smalti/crops.html#b"),
        ("#hint", "course/exercises.html#hint"),
    ],
)
def test_with_an_address_of_the_site_links_lead_there(link: str, page: str) -> None:
    here = "course/exercises.md" if link != "mosaic.md" else "README.md"
    told = episode.translate(f"[it]({link})", "https://cats.example/", here)
    assert told == f"[it](https://cats.example/{page})"


EXERCISES = """# Exercises

## Exercise 1: one

*10 minutes; 90 minutes, a day*

Do it.

*The check knows: a;
b.*

## Exercise 2: two

*5 minutes; a day*

## Exercise 3: three

*20 minutes; 90 minutes, half a day*
"""


def test_the_way_of_an_exercise_is_read_from_its_first_line() -> None:
    assert episode.ways(EXERCISES) == {1: 10, 3: 20}
    assert episode.ways(EXERCISES, "a day") == {1: 10, 2: 5}


def test_a_challenge_has_its_solution_inside_and_the_notes_behind() -> None:
    texts = {
        "course/exercises.md": EXERCISES,
        "course/solutions.md": "## Exercise 1: one\n\nDone.\n\n### More\n\nMuch more.",
        "course/teaching.md": "### Exercise 1: one\n\n“Why?”",
    }
    lines = [line for line in episode.challenge(1, texts).split("\n") if line]
    fences = [line.strip(":") or ":" for line in lines if line.startswith(":::")]
    assert fences == [" challenge", " solution", ":", ":", " instructor", ":"]
    words = [line for line in lines if not line.startswith(":::")]
    head = "### Exercise 1: one (10 minutes)"
    assert words == [head, "Do it.", "Done.", "The check knows: a; b.", "“Why?”"]


def test_an_exercise_that_does_not_say_what_its_check_knows_is_named() -> None:
    with pytest.raises(episode.Problem, match="exercise 3 says not"):
        episode.challenge(3, {"course/exercises.md": EXERCISES})


def test_a_section_ends_before_the_next_heading_of_its_level() -> None:
    text = "# A\na\n## B\nb\n### C\nc\n## D\nd"
    assert episode.section(text, "B") == "b\n### C\nc"
    with pytest.raises(episode.Problem, match="no heading 'E'"):
        episode.section(text, "E")


def test_the_episode_of_the_project_has_no_fault(tmp_path: Path) -> None:
    assert episode.write(ROOT, tmp_path) == []
    text = (tmp_path / "photo-mosaic.md").read_text(encoding="utf-8")
    assert text.startswith("---\ntitle: '")
    assert "\nexercises: 70\n---\n" in text
    assert re.findall(r"^### Exercise (\d+)", text, re.M) == ["1", "3", "4", "6"]
    assert text.count(" solution\n") == 4
    assert "<<" not in text.replace("<<<", "")
    assert "<!--" not in text


def test_the_episode_fills_ninety_minutes() -> None:
    text = episode.episode({name: text_of(name) for name in episode.DOCUMENTS})
    minutes = re.findall(r"^(?:teaching|exercises): (\d+)$", text, re.M)
    assert sum(map(int, minutes)) == 90


def test_an_exercise_that_the_frame_does_not_have_is_told() -> None:
    texts = {name: text_of(name) for name in episode.DOCUMENTS}
    texts["course/exercises.md"] = EXERCISES
    with pytest.raises(
        episode.Problem, match=r"exercises \[1, 3\], but the frame has \[1, 3, 4"
    ):
        episode.episode(texts)


def test_a_missing_document_is_one_line_and_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert episode.main([str(tmp_path / "made")], root=tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("episode: ")
    assert not (tmp_path / "made").exists()


def test_the_episode_takes_along_the_pictures_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = "".join(
        f"![]({name}){{alt='it'}} " for name in ("fig/cat.png", "fig/dog.png")
    )
    text = f"{HEAD}{BOXES}{pictures}\n"
    monkeypatch.setattr(episode, "DOCUMENTS", ())
    monkeypatch.setattr(episode, "episode", lambda texts, site: text)
    (tmp_path / "fig").mkdir()
    for name in ("cat.png", "unseen.png"):
        (tmp_path / "fig" / name).write_text(name)
    assert episode.write(tmp_path, tmp_path / "made") == ["there is no picture fig/dog.png"]
    assert [path.name for path in (tmp_path / "made/fig").iterdir()] == ["cat.png"]
    assert (tmp_path / "made/fig/cat.png").read_text() == "cat.png"


def test_an_episode_without_faults_is_named_and_status_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert episode.main([str(tmp_path)], root=ROOT) == 0
    said, errors = capsys.readouterr()
    assert said.startswith(f"{tmp_path / 'photo-mosaic.md'}: ")
    assert errors == ""


def test_the_episode_is_written_as_make_says(run: Run, tmp_path: Path) -> None:
    done = run(ROOT / "course" / "episode.py", tmp_path / "made")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "made/photo-mosaic.md").is_file()
    assert run(ROOT / "course" / "episode.py", "/dev/null/made").returncode == 2


# The page for teachers

TEACHING = text_of("course/teaching.md")
PLANS = {"Ninety minutes": ("90 minutes", 90), "Half a day": ("half a day", 240)}


@pytest.mark.parametrize("title", PLANS)
def test_a_schedule_fills_its_time_with_the_exercises_of_its_way(title: str) -> None:
    way, total = PLANS[title]
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", episode.section(TEACHING, title), re.M)
    assert sum(int(minutes) for minutes, _ in rows) == total
    planned = {}
    for minutes, what in rows:
        if number := re.match(r"Exercise (\d+): (.*)", what):
            planned[int(number[1])] = int(minutes)
            assert f"## {what}\n" in text_of("course/exercises.md")
    assert planned == episode.ways(text_of("course/exercises.md"), way)


def test_learners_do_beforehand_what_the_look_at_a_machine_advises() -> None:
    told = episode.section(TEACHING, "What learners do beforehand")
    libraries = ready.judge_libraries(["dask", "joblib"]).cure
    photos = ready.judge_photos(["data/class", "data/sample"]).cure
    packages = ready.judge_packages(["numpy"]).cure.split(",")[0]
    for cure in [libraries, packages, *photos.split(" and ")]:
        assert f"\n$ {cure.removeprefix('say ')}\n" in told


def test_every_exercise_has_a_note_under_its_own_title() -> None:
    titles = re.findall(r"^## (Exercise \d+: .*)$", text_of("course/exercises.md"), re.M)
    assert len(titles) == 14
    assert re.findall(r"^### (Exercise \d+: .*)$", TEACHING, re.M) == titles


def test_ten_things_go_wrong_and_each_has_a_cure() -> None:
    things = re.split(
        r"^\*\*(?=\d+\. )", episode.section(TEACHING, "Ten things"), flags=re.M
    )
    assert [thing.split(".")[0] for thing in things[1:]] == [str(n) for n in range(1, 11)]
    assert [thing for thing in things[1:] if "Cure" not in thing] == []


def test_every_link_of_the_page_leads_to_a_file() -> None:
    goals = [goal for goal in re.findall(r"\]\(([^)#]*)", TEACHING) if "://" not in goal]
    assert goals
    assert [goal for goal in goals if not (ROOT / "course" / goal).is_file()] == []


MISHAPS = {
    "two writers": """
import h5py, subprocess, sys
code = "import h5py; h5py.File('two.h5', 'w', locking=True)"
with h5py.File("two.h5", "w", locking=True):
    subprocess.run([sys.executable, "-c", code])
""",
    "one writer twice": """
import h5py
file = h5py.File("two.h5", "w")
h5py.File("two.h5", "w")
""",
    "a function of nowhere": """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
def twice(x): return 2 * x
if __name__ == "__main__":
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        print(list(pool.map(twice, [1])))
""",
    "a killed worker": """
import os, signal
from concurrent.futures import ProcessPoolExecutor
def die(x): os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    with ProcessPoolExecutor(1) as pool:
        print(list(pool.map(die, [1])))
""",
}


@pytest.mark.parametrize(
    ("mishap", "message"),
    [
        ("two writers", "unable to lock file, errno = 11"),
        ("one writer twice", "unable to truncate a file which is already open"),
        ("a function of nowhere", "Can't get attribute 'twice' on <module '__main__'"),
        (
            "a killed worker",
            "BrokenProcessPool: A process in the process pool was terminated abruptly",
        ),
    ],
)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="numbers of errors differ")
def test_learners_read_the_messages_that_the_page_quotes(
    run: Run, mishap: str, message: str
) -> None:
    assert message in run("-c", MISHAPS[mishap]).stderr
    assert message in " ".join(TEACHING.split())


# The paper

PAPER = text_of("paper.md")
HEADER = yaml.safe_load(PAPER.split("---\n")[1])
CITED = set(re.findall(r"@([\w-]+)", PAPER.split("---\n", 2)[2]))
ENTRIES = {
    found[1]: found[2]
    for found in re.finditer(
        r"^@\w+\{([\w-]+),\n(.*?)^\}$", text_of("paper.bib"), re.M | re.S
    )
}


def test_the_paper_has_the_header_that_the_journal_asks_for() -> None:
    wanted = {"title", "tags", "authors", "affiliations", "date", "bibliography"}
    assert wanted == set(HEADER)
    assert (ROOT / HEADER["bibliography"]).is_file()
    known = {one["index"] for one in HEADER["affiliations"]}
    assert {one["affiliation"] for one in HEADER["authors"]} == known
    assert re.fullmatch(r"\d{1,2} \w+ 20\d\d", HEADER["date"])


def test_the_paper_names_the_authors_of_the_project_and_no_others() -> None:
    names = [one["name"] for one in HEADER["authors"]]
    assert names == [one["name"] for one in PROJECT["authors"]]


def test_the_paper_has_all_parts() -> None:
    assert re.findall(r"^# (.*)$", PAPER, re.M) == [
        "Summary",
        "Statement of need",
        "Learning objectives",
        "Content and instructional design",
        "How to adopt it",
        "The story of the project",
        "Acknowledgements",
        "References",
    ]


def test_the_paper_is_as_short_as_the_journal_wants_it() -> None:
    body = re.sub(r"\[@[^]]*\]|^#.*$", "", PAPER.split("---\n", 2)[2], flags=re.M)
    assert 700 <= len(body.split()) <= 1000


def test_all_that_is_cited_is_listed_and_all_that_is_listed_is_cited() -> None:
    assert set(ENTRIES) == CITED


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_has_an_author_a_title_a_year_and_a_place_to_read_it(name: str) -> None:
    keys = set(re.findall(r"^  (\w+) +=", ENTRIES[name], re.M))
    assert {"author", "title", "year"} <= keys
    assert keys & {"doi", "url"}
    assert ENTRIES[name].count("{") == ENTRIES[name].count("}")
    if doi := re.search(r"doi += \{(.*)\}", ENTRIES[name]):
        assert re.fullmatch(r"10\.\d{4,5}/\S+", doi[1])


def test_the_figures_of_the_paper_are_those_of_the_project() -> None:
    ways = ["90 minutes", "half a day", "a day"]
    counts = [len(episode.ways(text_of("course/exercises.md"), way)) for way in ways]
    assert counts == [4, 9, 14]
    assert "ninety minutes (four exercises), half a day (nine), and a day (all)" in PAPER
    assert "fourteen exercises" in PAPER
    assert cats.MASTERS == 16
    assert "320 large photos" in PAPER


# Two licences


def test_text_and_code_have_each_a_licence_and_every_place_says_the_same() -> None:
    told = text_of("LICENSE-text")
    assert "https://creativecommons.org/licenses/by/4.0/" in told
    assert "Apache License, Version 2.0" in told
    assert PROJECT["license"] == "Apache-2.0 AND CC-BY-4.0"
    for name in ("README.md", "CONTRIBUTING.md"):
        assert "(LICENSE-text)" in text_of(name)
        assert "(LICENSE)" in text_of(name)
    assert '"html": "Text: CC BY 4.0' in text_of("docs/conf.py")


def test_the_licence_of_the_text_names_every_folder_of_documents() -> None:
    folders = {path.parent.as_posix() for path in tangle.documents(ROOT)} - {"."}
    tops = {folder.split("/")[0] for folder in folders}
    assert [top for top in tops if f"{top}/" not in text_of("LICENSE-text")] == []
