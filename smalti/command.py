# Made from smalti/command.md by make tangle; edit that.
"""The command line: which command, and what can go wrong; explained in command.md."""

import argparse
import contextlib
import importlib
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn, Protocol

from smalti.ground.errors import MosaicError, Stopped, show
from smalti.ground.settings import Given, Parser, add_options, make_settings, short_usage, split_sizes

COMMANDS = {
    "make": "make a mosaic of a collection of photos, from beginning to end",
    "thumbnails": "make the store of all photos of a collection, or of those in a list",
    "list": "divide the photos of a collection among lists, for jobs in parallel",
    "merge": "merge stores into one",
    "match": "match a target with the thumbnails of a store: a table and a report",
    "paste": "paste a mosaic anew, or from a store and a table",
    "page": "write a web page about a mosaic: the picture, its photos, how it was made",
    "view": "write a folder in which to look at a mosaic from far and near, in a browser",
    "zoom": "write a film that dives into one cell of a mosaic",
    "score": "compare a mosaic with its target: colour, structure, photos used",
    "fetch": "fetch a data set by its name, into a folder",
}
EXAMPLES = {
    "make": "~/Pictures me.jpg -o mosaic.jpg",
    "thumbnails": "~/Pictures thumbnails.h5",
    "list": "~/Pictures list-0 list-1 list-2",
    "merge": "thumbnails.h5 part-0.h5 part-1.h5",
    "match": "thumbnails.h5 matches.tab --target me.jpg",
    "paste": "mosaic.jpg larger.png --thumb-res 100 100",
    "page": "mosaic.jpg",
    "view": "mosaic.jpg --photos 1600",
    "zoom": "mosaic.jpg dive.mp4 --cell 12 40",
    "score": "mosaic.jpg me.jpg",
    "fetch": "pets",
}

CLASSES = {"view": "Viewer"}  # a View is a target in cells


class Command(Protocol):
    """What the class of a command offers."""

    def run(self, given: Given) -> None:
        """Do the work; `given` are the words of the command line, by name."""


def command_class(name: str) -> type[Command]:
    """The class of a command, which loads all that it needs."""
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    commands = importlib.import_module("smalti.commands")
    found: type[Command] = getattr(commands, CLASSES.get(name, name.title()))
    return found


def build_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """A parser for these words: all commands by name, and the options of the one they name."""
    parser = Parser("mosaic", description="Make a photo mosaic: a picture of many photos.")
    parser.add_argument("--version", action="store_true", help="print the version")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command")
    for name, doc in COMMANDS.items():
        example = f"Example: mosaic {name} {EXAMPLES[name]}"
        about = f"{doc.capitalize()}."
        sub = commands.add_parser(name, help=doc, description=about, epilog=example)
        if name in words[:1]:
            add_options(sub, command_class(name))
            sub.usage = short_usage(sub)
    return parser


def read_words(words: Sequence[str]) -> tuple[Command, Given]:
    """The command that words ask for, and what they give; raises MosaicError."""
    if not words or words[0] not in COMMANDS:
        parser = build_parser(words)
        if parser.parse_args(words).version:
            print(importlib.import_module("smalti.report").program())
        else:
            parser.print_help()
        raise SystemExit(0)
    table = command_class(words[0])
    asked = build_parser(words).parse_args(split_sizes(words, table))
    found = {name: word for name, word in vars(asked).items() if word is not None}
    given = {name: word for name, word in found.items() if name not in ("command", "version")}
    return make_settings(table, given, lax=True), given


DEAF = 2.0  # seconds after a signal
HEARD = {signal.SIGINT: -DEAF, signal.SIGTERM: -DEAF}  # when each was heard last


def stop(number: int, _: FrameType | None = None) -> None:
    """End in good order: a match keeps the best so far at Ctrl-C, but not at SIGTERM."""
    came, now = signal.Signals(number), time.monotonic()
    if now - max(HEARD[came], HEARD[signal.SIGTERM]) < DEAF:
        return
    HEARD[came] = now
    if came == signal.SIGINT:
        raise KeyboardInterrupt
    threading.excepthook = lambda _: None
    raise Stopped


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 2 for bad input, 130 if stopped."""
    with contextlib.suppress(ValueError):  # not in the main thread
        for number in HEARD:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, stop)
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    warnings.simplefilter("ignore")
    try:
        command, given = read_words(sys.argv[1:] if argv is None else argv)
        command.run(given)
    except (KeyboardInterrupt, Stopped):
        print("mosaic: stopped; what was finished is kept", file=sys.stderr)
        leave(130)
    except (MosaicError, MemoryError, OSError, RuntimeError) as error:
        print(f"mosaic: {what_happened(error)}", file=sys.stderr)
        return 2
    return 0


def leave(status: int) -> NoReturn:
    """End the process now, whatever its threads are waiting for."""
    sys.stdout.flush()
    os._exit(status)


def what_happened(error: Exception) -> str:
    """What went wrong, in one line; raises what is not foreseen."""
    if isinstance(error, MosaicError):
        return str(error)
    if isinstance(error, MemoryError):
        return f"not enough memory ({error}); set a smaller target_res or thumb_res"
    if isinstance(error, OSError):
        return show(f"{error.filename or 'writing'}: {error.strerror or error}")
    if type(error).__name__ == "BrokenProcessPool":
        return "a worker was killed, most likely for want of memory; try --workers 1"
    raise error
