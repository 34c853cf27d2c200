"""The workflow: what runs, what runs again, and that it ends with the same bytes."""

import contextlib
import dataclasses
import errno
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import once_for_all
from damage import flip
from PIL import Image

from course import timings
from mosaic import write_store
from smalti import workflow
from smalti.ground.files import HOST
from smalti.workflow import make_plan

ROOT = Path(__file__).parents[1]
CONFIG = """
image_path = "photos"
data_path = "data"
target_id = 50
target_res = [10, 8]
thumb_res = [10, 8]
max_uses = 1
chunks = 2
"""
MOSAICS = ["mosaic_nearest.jpg", "mosaic_unique.jpg"]
AFTER_A_PHOTO = {"thumbnails": 1, "store": 1, "match": 2, "paste": 2}
EVERYTHING = AFTER_A_PHOTO | {"thumbnails": 2}


def paint(path: Path, seed: int) -> None:
    """Save a photo of 20 x 15 pixels, of a colour of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(seed).integers(0, 256, 3)
    Image.new("RGB", (20, 15), tuple(levels.tolist())).save(path)


def new_collection(folder: Path, count: int) -> Path:
    """A folder with so many photos, and a target."""
    for i in range(count):
        paint(folder / "photos" / f"{i:03}.png", i)
    paint(folder / "target.png", 1000)
    return folder


def new_project(folder: Path, config: str = CONFIG, photos: str = "photos") -> Path:
    """A folder with the program, settings and 100 photos, and nothing made of them."""
    folder.mkdir(parents=True)
    for name in ("Snakefile", "mosaic.py"):
        shutil.copy(ROOT / name, folder)
    for name in ("smalti", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "config.toml").write_text(config)
    for i in range(100):
        paint(folder / photos / f"{i:02}.png", i)
    return folder


def snakemake(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder, on two cores."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def planned(folder: Path, *options: str) -> dict[str, int]:
    """How many jobs of each rule would run now."""
    done = snakemake(folder, "--dry-run", *options)
    assert done.returncode == 0, done.stderr
    counts = re.findall(r"^([a-z]+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    return {rule: int(count) for rule, count in counts if rule not in ("all", "total")}


def mosaics(folder: Path) -> list[bytes]:
    """The bytes of both mosaics."""
    return [(folder / name).read_bytes() for name in MOSAICS]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the workflow has run; not to be changed."""

    def finish(folder: Path) -> None:
        done = snakemake(new_project(folder / "project"))
        assert done.returncode == 0, done.stderr

    return once_for_all(tmp_path_factory, "workflow", finish) / "project"


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished project, to change."""
    return Path(shutil.copytree(finished, tmp_path / "project"))


def test_the_workflow_makes_both_mosaics_and_what_is_on_the_way(finished: Path) -> None:
    for name in MOSAICS:
        with Image.open(finished / name) as image:
            assert image.size == (100, 64)
    for name in ("thumbnails.h5", "matches_nearest.tab", "matches_unique.tab"):
        assert (finished / "data" / name).is_file()


def test_each_job_leaves_a_file_with_its_time_for_the_ninth_exercise(
    finished: Path,
) -> None:
    found = timings.benchmarks(str(finished / "data/benchmarks"))
    rules = ("match_nearest", "match_unique", "paste_nearest", "paste_unique")
    assert found.keys() == {"thumbnails", "store", *rules}
    assert all(seconds > 0 for seconds in found.values())


def test_a_second_run_has_nothing_to_do(project: Path) -> None:
    done = snakemake(project)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("change", ["add", "edit", "remove"])
def test_a_changed_photo_concerns_one_part_and_what_follows(
    change: str, project: Path
) -> None:
    match change:
        case "add":
            paint(project / "photos" / "new\nphoto.png", 100)
        case "edit":
            paint(project / "photos" / "07.png", 100)
        case "remove":
            (project / "photos" / "07.png").unlink()
    assert planned(project) == AFTER_A_PHOTO


@pytest.mark.long
@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("target_id = 50", "target_id = 51", {"match": 2, "paste": 2}),
        ("target_res = [10, 8]", "target_res = [9, 8]", {"match": 2, "paste": 2}),
        ("max_uses = 1", "max_uses = 2", {"match": 1, "paste": 1}),
        ("thumb_res = [10, 8]", "thumb_res = [5, 4]", EVERYTHING),
        ("chunks = 2", "chunks = 3", EVERYTHING | {"thumbnails": 3}),
        ("", "[variants]\nvariants = ['mirror']", EVERYTHING),
        ("", "[features]\nfeature = 'pixels'", {"match": 2, "paste": 2}),
        ("", "[choosing]\ndither = true", {"match": 1, "paste": 1}),
        ("", "[constraints]\nmin_uses = 1", {"match": 1, "paste": 1}),
        ("", "[placement]\ngap = 0.1", {"match": 1, "paste": 1}),
        ("", "[recolour]\nblend = 0.3", {"paste": 2}),
    ],
)
def test_a_changed_setting_concerns_only_the_rules_that_read_it(
    old: str, new: str, expected: dict[str, int], project: Path
) -> None:
    changed = CONFIG.replace(old, new) if old else CONFIG + new
    (project / "config.toml").write_text(changed)
    assert planned(project) == expected


@pytest.mark.long
def test_settings_on_the_command_line_win(project: Path) -> None:
    assert planned(project, "--config", "max_uses=2") == {"match": 1, "paste": 1}
    both = {"match": 2, "paste": 2}  # though spacing has a section in the file
    assert planned(project, "--config", "spacing=2", "target_id=51") == both
    done = snakemake(project, "--dry-run", "--config", "max_use=2")
    assert done.returncode != 0
    assert "there is no setting 'max_use'; did you mean 'max_uses'?" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("mosaic.py", EVERYTHING),
        ("smalti/ground/photos.py", EVERYTHING),
        ("smalti/spacing.py", {"match": 2, "paste": 2}),
        ("smalti/page.py", {}),
    ],
)
def test_an_edited_program_concerns_those_who_use_it(
    program: str, expected: dict[str, int], project: Path
) -> None:
    with (project / program).open("a") as file:
        file.write("\n# edited\n")
    assert planned(project) == expected


def test_all_that_makes_a_mosaic_is_an_input_of_the_workflow(
    run: Callable[..., subprocess.CompletedProcess[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("-c", "import sys, smalti.making; print(*sys.modules)")
    names = [name for name in done.stdout.split() if name.startswith("smalti.")]
    loaded = {name.replace(".", "/") + ".py" for name in names if name != "smalti.ground"}
    monkeypatch.chdir(ROOT)
    plan = make_plan("config.toml", {}, ROOT)
    assert loaded
    assert loaded | {"mosaic.py"} <= {*plan.code, *plan.chapters}
    assert all(Path(name).is_file() for name in (*plan.code, *plan.chapters))


@pytest.mark.long
def test_a_workflow_that_was_killed_ends_with_the_same_bytes(
    finished: Path, tmp_path: Path
) -> None:
    folder = new_project(tmp_path / "project")
    for photo in (finished / "photos").iterdir():
        shutil.copy2(photo, folder / "photos")
    running = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--cores", "2"],
        cwd=folder,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not list(folder.glob("data/parts/*.h5")) and running.poll() is None:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    done = snakemake(folder)
    assert done.returncode == 0, done.stderr
    assert mosaics(folder) == mosaics(finished)


# What writes half a mosaic in the place of the program `mosaic`, and sleeps until it is killed
SLEEPER = """#!/bin/sh
echo half > "$4"
echo $$ > sleeping.tmp
mv sleeping.tmp sleeping
exec sleep 1000
"""


@pytest.fixture
def asleep(project: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A workflow in the midst of a job that never ends, and the process of that job."""
    (project / MOSAICS[0]).unlink()
    tools = project / "tools"
    tools.mkdir()
    (tools / "mosaic").write_text(SLEEPER)
    (tools / "mosaic").chmod(0o755)
    (tools / "python").symlink_to(sys.executable)
    snakefile = (project / "Snakefile").read_text()
    (project / "Snakefile.slow").write_text(
        snakefile.replace("quote(str(Path(sys.executable).parent))", f"{str(tools)!r}")
    )
    program = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "--snakefile", "Snakefile.slow", "--cores=2"],
        cwd=project,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    while not (project / "sleeping").exists():
        assert program.poll() is None
        time.sleep(0.05)
    yield program, int((project / "sleeping").read_text())
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


@pytest.mark.long
def test_a_second_run_in_a_folder_is_refused_until_the_first_has_ended(
    project: Path, asleep: tuple[subprocess.Popen[str], int]
) -> None:
    lists = [path.stat().st_mtime_ns for path in sorted(project.glob("data/lists/*"))]
    paint(project / "photos" / "new.png", 100)
    done = snakemake(project)
    assert done.returncode != 0
    assert done.stderr.count("mosaic: another run is at work in this folder") >= 1
    assert "Traceback" not in done.stderr
    done = snakemake(project, "--dry-run")  # which only looks
    assert done.returncode == 0, done.stderr
    assert lists == [
        path.stat().st_mtime_ns for path in sorted(project.glob("data/lists/*"))
    ]
    assert asleep[0].poll() is None


@pytest.mark.long
@pytest.mark.parametrize("forgets", [False, True])
def test_jobs_of_a_killed_run_end_and_the_next_run_goes_on(
    forgets: bool, project: Path, finished: Path, asleep: tuple[subprocess.Popen[str], int]
) -> None:
    program, job = asleep
    program.kill()  # and not its jobs
    program.wait()
    os.kill(job, 0)  # which is still there
    if forgets:
        shutil.rmtree(project / ".snakemake")
        (project / MOSAICS[0]).unlink()  # which the program itself never writes by halves
    done = snakemake(project)
    assert done.returncode == 0, done.stderr
    with pytest.raises(ProcessLookupError):
        os.kill(job, 0)
    assert mosaics(project) == mosaics(finished)


@pytest.mark.long
def test_a_clock_that_is_set_back_hides_no_change(project: Path) -> None:
    tomorrow = time.time() + 24 * 60 * 60
    made = [*project.glob("data/**/*.*"), *project.glob("mosaic_*")]
    for i, path in enumerate(sorted(made, key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (tomorrow + i, tomorrow + i))
    assert planned(project) == {}
    paint(project / "photos" / "07.png", 100)
    assert planned(project) == AFTER_A_PHOTO
    assert snakemake(project).returncode == 0
    assert planned(project) == {}


@pytest.mark.long
def test_drafts_of_killed_jobs_go_and_those_of_other_machines_are_named(
    project: Path,
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    ours = project / "data" / "parts" / f".{ended.pid}-{HOST}.part.009.h5"
    theirs = ours.with_name(f".{ended.pid}-00000000.part.009.h5")
    for path in (ours, theirs):
        path.touch()
    done = snakemake(project, "--dry-run")
    assert not ours.exists()
    assert theirs.exists()
    said = f"mosaic: data/parts/{theirs.name} is of another machine; remove it if no run"
    assert said in done.stderr


def test_that_slurm_ended_a_job_for_its_memory_is_said_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, line in enumerate(["all is well", "error: Detected 1 oom-kill event(s)"]):
        log = tmp_path / ".snakemake" / "slurm_logs" / "rule_paste" / f"{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"begin\n{line}\nend\n")
    workflow.tell(tmp_path / "data" / "log", 0.0, "")
    path = ".snakemake/slurm_logs/rule_paste/1.log"
    assert capsys.readouterr().err == f"{path}: {workflow.MORE}\n"
    workflow.tell(tmp_path / "data" / "log", time.time() + 60, "")  # of an earlier run
    assert capsys.readouterr().err == ""


@pytest.mark.long
def test_why_a_job_failed_is_said_on_the_terminal(project: Path) -> None:
    (project / "config.toml").write_text(
        CONFIG.replace("target_id = 50", "target_id = 500")
    )
    done = snakemake(project, "--quiet", "rules")
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("data/log/")]
    assert said
    assert all(re.match(r"data/log/match_\w+\.log: mosaic: .*500", line) for line in said)


@pytest.mark.long
def test_after_other_photos_the_demo_is_painted_all_the_same(project: Path) -> None:
    (project / "config.toml").write_text(CONFIG.replace('"photos"', '"data/cats"'))
    assert planned(project) == {"paint": 1, **EVERYTHING}


@pytest.mark.long
def test_a_folder_that_cannot_be_written_is_said_in_a_line(project: Path) -> None:
    shutil.rmtree(project / "data" / "lists")
    (project / "data" / "lists").touch()
    done = snakemake(project)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "mosaic: " in done.stderr


@pytest.mark.long
def test_names_with_spaces_quotes_and_percent_signs_are_taken_as_they_are(
    tmp_path: Path,
) -> None:
    target = "me & 'you' 100%.png"
    config = f"""
    image_path = "my 'best' photos"
    data_path = "my data"
    target = "{target}"
    target_res = [3, 2]
    thumb_res = [5, 4]
    chunks = 1
    """
    folder = new_project(tmp_path / "my project", config, "my 'best' photos")
    paint(folder / target, 1)
    done = snakemake(folder)
    logs = "".join(path.read_text() for path in folder.glob("my data/log/*"))
    assert done.returncode == 0, done.stderr + logs
    assert all(mosaics(folder))


@pytest.mark.long
def test_python_may_be_in_a_folder_with_a_space(finished: Path, tmp_path: Path) -> None:
    (tmp_path / "my tools").symlink_to(Path(sys.prefix))
    python = tmp_path / "my tools" / "bin" / "python"
    shutil.copytree(finished, tmp_path / "project")
    (tmp_path / "project" / MOSAICS[0]).unlink()
    done = subprocess.run(
        [python, "-m", "snakemake", "--cores", "1", MOSAICS[0]],
        cwd=tmp_path / "project",
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_an_edited_table_of_budgets_concerns_the_unique_match(tmp_path: Path) -> None:
    folder = new_project(
        tmp_path / "project", CONFIG + '[constraints]\nbudgets = "budgets.csv"\n'
    )
    (folder / "budgets.csv").write_text("name,min,max\n00.png,1,1\n")
    assert snakemake(folder).returncode == 0
    assert planned(folder) == {}
    (folder / "budgets.csv").write_text("name,min,max\n00.png,0,0\n")
    assert planned(folder) == {"match": 1, "paste": 1}


@pytest.mark.long
@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("taget = 'me.jpg'", "there is no setting 'taget'; did you mean 'target'?"),
        ("target_res = 100", "target_res = 100: it must be two whole numbers"),
        ("image_path = 'nowhere'", "there is no folder or archive 'nowhere'"),
        ("target_res = ", "cannot read the settings in config.toml"),
        ("workers = 3", "workers is no key of config.toml"),
        ("[choosing]\nmethod = 'nearest'", "method is no key of config.toml"),
        (
            "budgets = 'b.csv'",
            "config.toml: budgets has moved; write it below [constraints]",
        ),
        ("[grid]\nmax_uses = 2", "max_uses has moved; write it on top, above all sections"),
        ("[chosing]\nspacing = 2", "there is no section [chosing]; there are"),
        ("[choosing]\nspacing = 'far'", "spacing = far: it must be a whole number"),
    ],
)
def test_a_mistake_in_the_settings_is_said_clearly_and_nothing_runs(
    config: str, said: str, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "smalti", folder / "smalti")
    for name in ("Snakefile", "mosaic.py"):
        shutil.copy(ROOT / name, folder)
    (folder / "config.toml").write_text(config)
    done = snakemake(folder)
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "data").exists()


@pytest.mark.long
def test_the_demo_is_painted_first_when_it_is_not_there(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "smalti", folder / "smalti")
    for name in ("Snakefile", "mosaic.py", "config.toml"):
        shutil.copy(ROOT / name, folder)
    done = snakemake(folder, "--dry-run", "--quiet", "rules")
    assert done.returncode == 0, done.stderr
    assert not (folder / "data" / "cats").exists()


def test_the_painted_demo_is_divided_among_the_lists(
    tmp_path: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    paint(tmp_path / "photos" / "a.png", 1)
    lists = [f"lists/{i}.jsonl" for i in range(8)]
    done = run(Path(sys.executable).with_name("mosaic"), "list", "photos", *lists)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert all((tmp_path / name).is_file() for name in lists)


def test_a_job_asks_for_more_memory_than_was_measured_and_for_more_with_more_photos() -> (
    None
):
    plan = workflow.make_plan(str(ROOT / "config.toml"), {}, ROOT)
    table = (ROOT / "mosaic.md").read_text("utf-8").partition("<!-- table: steps -->")[2]
    rows = re.findall(r"^\| (\w+).* \| [\d.]+ \| (\d+) \|$", table, re.M)
    measured = {step: int(peak) for step, peak in rows if step in workflow.NEEDS}
    assert measured.keys() == workflow.NEEDS.keys()
    for step, peak in measured.items():
        assert 2 * peak <= workflow.needs(plan, step) <= 1000
        many = workflow.needs(dataclasses.replace(plan, count=1_000_000), step)
        assert many > workflow.needs(plan, step) or step == "thumbnails"


def test_a_job_that_had_too_little_memory_asks_for_twice_as_much() -> None:
    plan = workflow.make_plan(str(ROOT / "config.toml"), {"solver": "dense"}, ROOT)
    asked = workflow.memory(plan, "match")
    assert [asked(None, attempt) for attempt in (1, 2, 3)] == [5500, 11_000, 22_000]


def test_the_workflow_is_formatted() -> None:
    tangled = (ROOT / "Snakefile").read_text(encoding="utf-8").splitlines()
    lines = [line for line in tangled if "~/~" not in line]  # Entangled's marks
    done = subprocess.run(
        [Path(sys.executable).with_name("snakefmt"), "-"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    formatted = done.stdout.splitlines()  # which has more blank lines between rules
    assert list(filter(None, formatted)) == list(filter(None, lines))


@pytest.mark.long
def test_the_workflow_is_as_snakemake_advises(finished: Path) -> None:
    done = snakemake(finished, "--lint")
    advice = set(re.findall(r"^ +\* (.*)$", done.stdout + done.stderr, re.MULTILINE))
    assert advice <= {"Specify a conda environment or container for each rule.:"}


# What the Snakefile asks for, without Snakemake


class Asked:
    """What the Snakefile calls `workflow`, with the tasks that were named for later."""

    basedir = str(ROOT)

    def __init__(self, is_main_process: bool = True) -> None:
        self.is_main_process = is_main_process
        self.at_start: list[Callable[[str], None]] = []
        self.at_error: list[Callable[[str], None]] = []

    def onstart(self, task: Callable[[str], None]) -> None:
        self.at_start.append(task)

    def onerror(self, task: Callable[[str], None]) -> None:
        self.at_error.append(task)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with three photos and settings; we are in it, and no run is at work."""
    held = list[int]()
    monkeypatch.setattr(workflow, "HELD", held)
    monkeypatch.setenv(workflow.MARK, "")  # and what a test puts there goes with it
    monkeypatch.chdir(new_collection(tmp_path, 3))
    Path("config.toml").write_text(
        CONFIG.replace("target_id = 50", "target = 'target.png'")
    )
    yield tmp_path
    for file in held:
        os.close(file)


def listed() -> list[str]:
    """The names in the lists of the workflow, if there are any."""
    texts = [path.read_text() for path in Path("data/lists").glob("*")]
    return sorted(re.findall(r"\d{3}\.png", "".join(texts)))


NAMES = ["000.png", "001.png", "002.png"]


def test_the_main_process_writes_the_lists_and_names_what_is_done_at_start_and_error(
    here: Path,
) -> None:
    asked = Asked()
    plan = workflow.begin("config.toml", {"chunks": 3}, asked)
    assert (plan.count, plan.parts) == (3, ["000", "001", "002"])
    assert listed() == NAMES
    assert (len(asked.at_start), len(asked.at_error)) == (1, 1)
    assert os.environ[workflow.MARK] == str(here)


def test_the_process_of_a_job_writes_nothing_and_names_nothing(here: Path) -> None:
    before = sorted(here.rglob("*"))
    asked = Asked(is_main_process=False)
    assert workflow.begin("config.toml", {}, asked).parts == ["000", "001"]
    assert (asked.at_start, asked.at_error) == ([], [])
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("[choosing]\nmethod = 'nearest'", "method is no key of config.toml; leave it out"),
        ('image_path = "no\\u202ewhere"', r"there is no folder or archive 'no\u202ewhere'"),
    ],
)
def test_a_mistake_ends_the_workflow_with_status_2_and_a_line(
    config: str, said: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config.toml").write_text(config)
    with pytest.raises(SystemExit) as end:
        workflow.begin("config.toml", {}, Asked())
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mosaic: {said}")
    assert not Path("data").exists()


def test_while_another_run_is_at_work_a_folder_is_only_looked_at(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.input.lock").touch()
    with Path(".snakemake/running").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        asked = Asked()
        workflow.begin("config.toml", {}, asked)
        assert listed() == []
        with pytest.raises(SystemExit) as end:
            asked.at_start[0]("")
        assert end.value.code == 2
        assert capsys.readouterr().err == f"mosaic: {workflow.BUSY}\n" * 2
        assert Path(".snakemake/locks/0.input.lock").exists()
    workflow.begin("config.toml", {}, asked)
    assert listed() == NAMES
    assert not Path(".snakemake/locks/0.input.lock").exists()
    assert capsys.readouterr().err == ""


def test_where_a_disk_or_a_system_has_no_locks_a_run_goes_on_without_one(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(file: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    opened = len(list(Path("/dev/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", refuse)
        assert workflow.claim() is None
        assert len(list(Path("/dev/fd").iterdir())) == opened
    monkeypatch.setattr(workflow, "fcntl", None)
    assert workflow.claim() is None
    Path(".snakemake/locks").mkdir()
    Path(".snakemake/locks/0.input.lock").touch()
    workflow.begin("config.toml", {}, Asked())
    assert listed() == NAMES
    assert Path(".snakemake/locks/0.input.lock").exists()  # of another run, for all we know


def test_only_damaged_stores_of_ours_are_deleted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, damaged, diary = (str(tmp_path / name) for name in ("a.h5", "b.h5", "c.h5"))
    for path in (whole, damaged):
        write_store(path, [], (6, 4))
    content = Path(damaged).read_bytes()
    Path(damaged).write_bytes(flip(content, 1000))
    Path(diary).write_text("Dear diary,\n", encoding="utf-8")
    assert workflow.drop_damaged([whole, damaged, diary, str(tmp_path / "d.h5")]) == [
        damaged
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "c.h5"]
    assert f"{damaged} is damaged; it is made anew" in capsys.readouterr().err


def test_a_draft_of_another_machine_stays_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parts").mkdir()
    draft = tmp_path / "parts" / ".4711-00000000.part.000.h5"
    for path in (draft, tmp_path / f".{2**30}-{HOST}.part.thumbnails.h5"):
        path.touch()
    workflow.clear_drafts(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["parts"]
    assert draft.exists()
    assert f"{draft} is of another machine" in capsys.readouterr().err


def test_at_the_start_jobs_of_this_folder_end_and_those_of_others_go_on(here: Path) -> None:
    sleep = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)"]
    jobs = []
    try:
        for folder in (here, here / "photos"):
            env = {**os.environ, workflow.MARK: str(folder)}
            jobs.append(subprocess.Popen(sleep, env=env, stdout=subprocess.PIPE))
            assert jobs[-1].stdout
            jobs[-1].stdout.readline()  # it is at work
        workflow.start(str(here), "")
        with pytest.raises(ProcessLookupError):
            os.kill(jobs[0].pid, 0)
        assert jobs[1].poll() is None
    finally:
        for job in jobs:
            job.kill()
            job.communicate()


def test_of_the_logs_of_this_run_those_that_end_in_an_error_are_told(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {
        "a": "reading\nmosaic: there is no photo 'b.png'",
        "b": "mosaic: a warning\nall is well",
        "c": "Traceback\nZeroDivisionError: division by zero",
        "d": "mosaic match: error: bad\u202e words",
        "old": "mosaic: an error of the day before",
        "void": "",
    }
    for name, text in said.items():
        (here / f"{name}.log").write_text(text, encoding="utf-8")
    os.utime(here / "old.log", (1000, 1000))
    workflow.tell(here, 2000.0, "")
    assert capsys.readouterr().err.splitlines() == [
        f"{here}/a.log: mosaic: there is no photo 'b.png'",
        f"{here}/c.log: ZeroDivisionError: division by zero",
        rf"{here}/d.log: mosaic match: error: bad\u202e words",
    ]


def test_files_from_the_future_come_into_the_present_and_keep_their_order(
    tmp_path: Path,
) -> None:
    tomorrow = time.time() + 24 * 60 * 60
    times = {"third": tomorrow + 2, "first": 1000.0, "second": tomorrow}
    for name, when in times.items():
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (when, when))
    workflow.set_back([*map(tmp_path.joinpath, times), tmp_path / "missing"])
    found = {name: (tmp_path / name).stat().st_mtime for name in times}
    assert found["first"] == 1000.0 < found["second"] < found["third"] <= time.time()


def test_a_match_reads_the_target_and_else_the_photo_of_the_collection(here: Path) -> None:
    plan = make_plan("config.toml", {}, ROOT)
    assert "--target=target.png" in workflow.match_options(plan, "unique")
    assert "--image-path" not in workflow.match_options(plan, "unique")
    plan = make_plan("config.toml", {"target": "", "image_path": ["my photos"]}, ROOT)
    assert "--image-path 'my photos'" in workflow.match_options(plan, "nearest")
