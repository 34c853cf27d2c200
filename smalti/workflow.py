# Made from smalti/workflow.md by make tangle; edit that.
"""Settings, lists and options for the Snakefile; explained in workflow.md."""

import contextlib
import dataclasses
import functools
import os
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil
from mosaic import TargetSettings
from smalti import steps
from smalti.choosing import ChoiceSettings
from smalti.features import FeatureSettings
from smalti.grid import GridSettings
from smalti.ground.errors import MosaicError, show
from smalti.ground.files import discard, find_left
from smalti.ground.settings import load_settings, options
from smalti.making import AllSettings, StoreSettings, TableSettings
from smalti.ours import is_ours
from smalti.recolour import RecolourSettings


@dataclasses.dataclass(frozen=True)
class JobPlan:
    """What the Snakefile has to know."""

    settings: AllSettings
    photos: list[str]
    data: str  # the folder for all between photos and mosaics
    parts: list[str]  # numbers of the parts into which photos are divided
    lists: list[str]  # of photos, one for each part
    paint: bool  # whether the demo collection has to be painted first
    images: list[str]  # target and mask
    code: list[str]  # files of the program that all steps depend on
    chapters: list[str]  # and those that only match and paste depend on
    count: int = 10_000  # how many photos there are; the demo has so many
    anew: Sequence[str] = ()  # stores that were damaged, and are wanted anew


def make_plan(path: str, changes: Mapping[str, object], root: Path) -> JobPlan:
    """Plan the workflow by a file of settings; `changes` win. Raises MosaicError."""
    settings = load_settings(AllSettings, path, changes)
    for name in ("method", "workers"):
        if getattr(settings, name) != getattr(AllSettings, name):
            raise MosaicError(f"{name} is no key of config.toml; leave it out")
    photos, data = list(settings.image_path), settings.data_path
    parts = [f"{i:03}" for i in range(settings.chunks)]
    demo = photos == ["data/cats"] and not any(Path("data/cats").glob("*"))
    return JobPlan(
        settings,
        photos,
        data,
        parts,
        lists=[f"{data}/lists/{part}.jsonl" for part in parts],
        paint=demo,
        images=[path for path in (settings.target, settings.mask) if path],
        code=list_code(root, EVERY),
        chapters=list_code(root, SOME),
    )


EVERY = ["mosaic.py", "smalti/ground/*.py"]
EVERY += [f"smalti/{name}.py" for name in ("crops", "features", "making", "steps", "variants")]
TO_MATCH = "afar auction budgets choosing constraints fast grid levels likeness nearest offers"
TO_MATCH += " placement plans simplex spacing spreading tables ties"
TO_PASTE = "output printing recolour report scores"
SOME = [f"smalti/{name}.py" for name in f"{TO_MATCH} {TO_PASTE}".split()]


def list_code(root: Path, patterns: list[str]) -> list[str]:
    """The files of the program that match some patterns, as seen from its root."""
    found = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return [path.relative_to(root).as_posix() for path in found]


try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

HELD = list[int]()  # the file that is locked, open until this process ends


def claim() -> bool | None:
    """Whether this run is alone in its folder, from now on; None where there are no such locks."""
    if fcntl and not HELD:
        Path(".snakemake").mkdir(exist_ok=True)
        file = os.open(".snakemake/running", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(file)
            return False if isinstance(error, BlockingIOError) else None
        HELD.append(file)
    return True if HELD else None


MARK = "MOSAIC_WORKFLOW"  # a variable of the environment of each job


def end_orphans(folder: str) -> None:
    """End all jobs of a workflow in a folder that was killed, and wait until they have ended."""
    ours = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    orphans = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):  # it has ended, or is somebody else's
            if process.pid not in ours and process.environ().get(MARK) == folder:
                process.kill()
                orphans.append(process)
    psutil.wait_procs(orphans, timeout=60)


def set_back(paths: Sequence[str | Path]) -> None:
    """Give files from the future the present time, a microsecond after each other."""
    now, found = time.time_ns(), [Path(path) for path in paths if Path(path).is_file()]
    future = sorted((path.stat().st_mtime_ns, path) for path in found)
    future = [(when, path) for when, path in future if when > now]
    for i, (_, path) in enumerate(future, 1 - len(future)):
        os.utime(path, ns=(now + 1000 * i,) * 2)


def clear_drafts(data: str) -> None:
    """Remove the drafts of killed jobs, and say which are not known to be of killed ones."""
    for folder in (data, f"{data}/lists", f"{data}/parts"):
        ended, elsewhere = find_left(Path(folder))
        for draft in ended:
            discard(draft)
        for draft in elsewhere:
            where = "another machine; remove it if no run is at work there"
            print(show(f"mosaic: {draft} is of {where}"), file=sys.stderr)


def drop_damaged(stores: Sequence[str]) -> list[str]:
    """Delete those of some stores that are there but not whole; return and name them."""
    found = [path for path in steps.find_damaged(stores) if is_ours("store", Path(path))]
    for path in found:
        Path(path).unlink()
    return found


def prepare(plan: JobPlan) -> JobPlan:
    """Clear what a killed run has left or a disk has damaged, and write the lists; be alone."""
    for lock in Path(".snakemake", "locks").glob("*.lock") if claim() else []:
        lock.unlink(missing_ok=True)
    clear_drafts(plan.data)
    tables = [f"{plan.data}/matches_{name}" for name in ("nearest", "unique")]
    stores = [f"{plan.data}/parts/{part}.h5" for part in plan.parts]
    stores += [f"{plan.data}/thumbnails.h5"]
    made = [f"{table}.{ending}" for table in tables for ending in ("tab", "json")]
    set_back([*plan.lists, *stores, *made, *Path().glob("mosaic_*.*")])
    if plan.paint:
        for path in plan.lists:
            Path(path).unlink(missing_ok=True)
        count = plan.count
    else:
        lines = steps.describe_photos(plan.photos)
        steps.write_lists(lines, plan.lists)
        count = len(lines)
    return dataclasses.replace(plan, count=count, anew=drop_damaged(stores))


BUSY = "another run is at work in this folder; wait until it has ended"


def start(folder: str, log: str) -> None:
    """Before the first job: be alone, and end what a killed run has left; `log` is Snakemake's."""
    if claim() is False:
        print(f"mosaic: {BUSY}", file=sys.stderr)
        sys.exit(2)
    end_orphans(folder)


FAILED = re.compile(r"(mosaic|cats\.py)\b.*: |\w+(Error|Exception|Interrupt)\b")
KILLED = re.compile(r"oom-kill|exceeded memory limit")
MORE = "Slurm has ended an attempt for want of memory; see --set-resources of snakemake"


def tell(folder: Path, since: float, log: str) -> None:
    """Print the errors in logs of jobs that were written `since`; `log` is Snakemake's."""
    for path in sorted(folder.glob("*.log")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if lines and FAILED.match(lines[-1]) and path.stat().st_mtime >= since:
            print(show(f"{path}: {lines[-1]}"), file=sys.stderr)
    for path in sorted(Path(".snakemake/slurm_logs").rglob("*.log")):
        if path.stat().st_mtime >= since and KILLED.search(path.read_text(errors="replace")):
            print(show(f"{path}: {MORE}"), file=sys.stderr)


class Workflow(Protocol):
    """What the Snakefile calls `workflow`."""

    basedir: str
    is_main_process: bool  # and not that of a job

    def onstart(self, task: Callable[[str], None]) -> None:
        """Name a task for the start of the first job."""

    def onerror(self, task: Callable[[str], None]) -> None:
        """Name a task for the end, if a job has failed."""


def begin(path: str, changes: Mapping[str, object], workflow: Workflow) -> JobPlan:
    """Plan the workflow, and write the lists if it is its main process; exit with 2 on errors."""
    folder = os.environ[MARK] = str(Path.cwd())
    try:
        plan = make_plan(path, changes, Path(workflow.basedir))
        if workflow.is_main_process:
            workflow.onstart(functools.partial(start, folder))
            workflow.onerror(functools.partial(tell, Path(plan.data, "log"), time.time()))
            if claim() is False:
                print(f"mosaic: {BUSY}", file=sys.stderr)
            else:
                plan = prepare(plan)
    except (MosaicError, OSError) as error:
        print(f"mosaic: {show(str(error))}", file=sys.stderr)
        sys.exit(2)
    return plan


def store_options(plan: JobPlan) -> str:
    """The options of `mosaic thumbnails`."""
    return options(plan.settings, StoreSettings)


def paste_options(plan: JobPlan) -> str:
    """The options of `mosaic paste`."""
    return options(plan.settings, RecolourSettings)


NEEDS = {"thumbnails": (500, 0), "store": (300, 1), "match": (500, 5), "paste": (600, 1)}
DENSE = (500, 500)  # with the 10,000 cells of the demo


def needs(plan: JobPlan, step: str) -> int:
    """The memory of a job of a step in MB, in whole hundreds."""
    dense = step == "match" and plan.settings.solver == "dense"
    fixed, each = DENSE if dense else NEEDS[step]
    return -(-(1000 * fixed + each * plan.count) // 100_000) * 100


def memory(plan: JobPlan, step: str) -> Callable[..., int]:
    """The memory of a job in MB, as a function of wildcards and of the number of the attempt."""

    def wanted(wildcards: object, attempt: int) -> int:
        return needs(plan, step) << (attempt - 1)

    return wanted


def match_options(plan: JobPlan, method: str) -> str:
    """The options of `mosaic match` for a method."""
    settings = dataclasses.replace(plan.settings, dither=False)
    target = options(settings, TargetSettings)
    if not settings.target:
        target += " " + shlex.join(["--image-path", *plan.photos])
    if method == "nearest":
        nearest = (GridSettings, FeatureSettings, ChoiceSettings)
        return f"--method=nearest {target} {options(plan.settings, *nearest)}"
    return f"{target} {options(settings, TableSettings)}"


def tables(plan: JobPlan, method: str) -> list[str]:
    """The tables of budgets and pins that a match reads."""
    named = [plan.settings.budgets, plan.settings.pins]
    return [path for path in named if path and method == "unique"]
