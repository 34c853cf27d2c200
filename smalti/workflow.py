# Made from smalti/workflow.md by make tangle; edit that.
"""Settings, lists and options for the Snakefile; explained in workflow.md."""

import dataclasses
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from mosaic import TargetSettings
from smalti import steps
from smalti.choosing import ChoiceSettings
from smalti.features import FeatureSettings
from smalti.grid import GridSettings
from smalti.ground.errors import MosaicError
from smalti.ground.settings import load_settings, options
from smalti.making import AllSettings, StoreSettings, TableSettings
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
TO_MATCH = "afar choosing constraints grid likeness nearest placement"
TO_MATCH += " spacing spreading tables"
TO_PASTE = "output recolour report scores"
SOME = [f"smalti/{name}.py" for name in f"{TO_MATCH} {TO_PASTE}".split()]


def list_code(root: Path, patterns: list[str]) -> list[str]:
    """The files of the program that match some patterns, as seen from its root."""
    found = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    return [path.relative_to(root).as_posix() for path in found]


def begin(path: str, changes: Mapping[str, object], root: str, first: bool) -> JobPlan:
    """Plan the workflow, and write the lists at the `first` reading; exit with 2 if that fails."""
    try:
        plan = make_plan(path, changes, Path(root))
        if first and not plan.paint:
            steps.write_lists(steps.describe_photos(plan.photos), plan.lists)
    except MosaicError as error:
        print(f"mosaic: {error}", file=sys.stderr)
        sys.exit(2)
    return plan


def store_options(plan: JobPlan) -> str:
    """The options of `mosaic thumbnails`."""
    return options(plan.settings, StoreSettings)


def paste_options(plan: JobPlan) -> str:
    """The options of `mosaic paste`."""
    return options(plan.settings, RecolourSettings)


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
