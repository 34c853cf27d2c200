# Made from smalti/ours.md by make tangle; edit that.
"""Nothing is overwritten that is not of our making; explained in ours.md."""

import contextlib
import os
from pathlib import Path

from mosaic import FORMAT
from smalti.ground.errors import MosaicError
from smalti.ground.seals import is_sealed
from smalti.report import read_report
from smalti.tables import CHOICES


def store_files(path: str) -> dict[str, Path]:
    """The files that belong to a store, by their kinds."""
    return {"store": Path(path), "rejects": Path(path).with_suffix(".rejects.tsv")}


def table_files(table: Path, choices: bool = False) -> dict[str, Path]:
    """The files that belong to a table, by their kinds."""
    endings = {"table": table.suffix, "report": ".json", "alike": ".alike.txt"}
    endings |= {"choices": ".csv"} if choices else {}
    return {kind: table.with_suffix(ending) for kind, ending in endings.items()}


def mosaic_files(path: str, choices: bool = False) -> dict[str, Path]:
    """The files that belong to a mosaic, by their kinds."""
    found = {"report": Path(path).with_suffix(".json")}
    return found | ({"choices": Path(path).with_suffix(".csv")} if choices else {})


def is_ours(kind: str, path: Path) -> bool:
    """Whether a file is of our making, and of a kind: a store, a table, a list, a report."""
    if kind == "store":
        return is_store(path)
    if kind == "report":
        with contextlib.suppress(MosaicError):
            return bool(read_report(path).store)
        return False
    with path.open("rb") as file:
        head, line = file.read(40), file.readline(10_000)
    looks = {
        "table": not head.strip(b"-\t\r\n0123456789"),
        "choices": head.startswith(",".join(CHOICES).encode()),
        "rejects": (head + line).partition(b"\n")[0].count(b"\t") == 1,
        "alike": b" look the same" in path.read_bytes(),
    }
    return not head or looks[kind]


def is_store(path: Path) -> bool:
    """Whether a file is a store, or was one before it was damaged."""
    with contextlib.suppress(MosaicError):
        if os.path.normpath(path) == read_report(path.with_suffix(".json")).files.store:
            return True
    if is_sealed(path) or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(1 << 20), b"")
        return file.read(4) == b"\x89HDF" and any(FORMAT.encode() in block for block in blocks)


def check_ours(**files: Path) -> None:
    """Raise MosaicError if a file is there that is not of our making and of its kind."""
    for kind, path in files.items():
        if path.is_file() and not is_ours(kind, path):
            raise MosaicError(
                f"{path} is not of our making, or no {kind}; move it, or choose another name"
            )


def check_kept(written: str, **read: str) -> None:
    """Raise MosaicError if a file would be written over one that is read, given by a word."""
    for word, path in read.items():
        if path and os.path.realpath(written) == os.path.realpath(path):
            raise MosaicError(f"{written} is the {word}; call the output something else")


def check_folder(path: str) -> None:
    """Raise MosaicError if a file cannot be written where its path says."""
    folder = next(above for above in Path(path).absolute().parents if above.exists())
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise MosaicError(f"{path} cannot be written: {folder} is no folder, or not yours to write")
