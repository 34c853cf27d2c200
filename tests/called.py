"""Run the book and the command line, and note which functions of mosaic.py are called.

python called.py PLAN.json runs what the file says, each run in a folder of its name: a list of
words is for the command line, a text is the config.toml of the book. A folder gets an empty
file for each function that was called, `called/PROCESS FUNCTION`, from all processes, and one
for each time that mosaic.py was loaded. What a run prints is in its file `printed`; its status
is written on the terminal.
"""

import contextlib
import json
import multiprocessing
import os
import runpy
import sys
import threading
import time
from pathlib import Path
from types import FrameType

BOOK = str(Path(__file__).parents[1] / "mosaic.py")


def watch(folder: Path) -> None:
    """Note in a folder what is called from now on, here and in processes that are forked."""
    folder.mkdir(parents=True)
    seen = set[tuple[int, str]]()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event != "call" or frame.f_code.co_filename != BOOK:
            return
        name = frame.f_code.co_qualname
        if name == "<module>":
            name = f"{name} {time.monotonic_ns()}"
        if (os.getpid(), name) not in seen:
            seen.add((os.getpid(), name))
            (folder / f"{os.getpid()} {name}").touch()

    sys.setprofile(note)
    threading.setprofile(note)


def run_book(config: str) -> int:
    """Run the book with these settings in the current folder; return its status."""
    Path("config.toml").write_text(config, encoding="utf-8")
    sys.argv = [BOOK]
    try:
        runpy.run_path(BOOK, run_name="__main__")
    except SystemExit as end:
        return int(str(end.code))
    raise AssertionError("the book does not end by sys.exit")


def run_command(words: list[str]) -> int:
    """Run the command line; return its status."""
    from smalti.command import main

    return main(words)


def run_all(plan: dict[str, list[str] | str]) -> None:
    """Run what a plan says, one after the other."""
    multiprocessing.set_start_method("fork")  # so that workers inherit what watches them
    start = Path.cwd()
    for name, what in plan.items():
        watch(start / name / "called")
        os.chdir(start / name)
        with Path("printed").open("w") as printed, contextlib.redirect_stdout(printed):
            status = run_book(what) if isinstance(what, str) else run_command(what)
        sys.setprofile(None)
        print(name, status, file=sys.stderr)


if __name__ == "__main__":
    run_all(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
