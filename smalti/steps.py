# ~/~ begin <<smalti/steps.md#smalti/steps.py>>[init]
"""Lists, parts and tables: the files between the steps; explained in steps.md."""

# ~/~ begin <<smalti/steps.md#step-imports>>[init]
import heapq
import itertools
import json
import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mosaic import BATCH, Array, Reject, Store, Thumbnail, open_store, read_store, write_store
from smalti.ground.files import atomic
from smalti.ground.settings import MosaicError
# ~/~ end

# ~/~ begin <<smalti/steps.md#lists-of-photos>>[init]
def write_lists(lines: Sequence[str], paths: Sequence[str]) -> None:
    """Divide lines about photos among lists, by name; touch only lists that change."""
    old = [Path(path).read_bytes() if Path(path).is_file() else None for path in paths]
    for path, text in zip(paths, old, strict=True):
        if text and not text.startswith(b'["'):
            raise MosaicError(f"{path} is no list of photos; choose another name for the list")
    parts: list[list[str]] = [[] for _ in paths]
    for line in lines:
        name = json.loads(line)[0].encode(errors="surrogateescape")
        parts[zlib.crc32(name) % len(paths)].append(line + "\n")
    for path, part, text in zip(paths, parts, old, strict=True):
        if "".join(part).encode() != text:
            with atomic(path) as fresh:
                fresh.write_text("".join(part))


def read_list(path: str) -> list[str]:
    """Read the lines of a list of photos; raises MosaicError."""
    try:
        lines = Path(path).read_text().splitlines()
        if not all(isinstance(json.loads(line)[0], str) for line in lines):
            raise ValueError("a line without a name")
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise MosaicError(f"cannot read the list {path}: {error}; list anew") from error
    return lines
# ~/~ end

# ~/~ begin <<smalti/steps.md#merge-parts>>[init]
def iterate_store(path: str) -> Iterator[Thumbnail | Reject]:
    """Everything in a store, one after the other, rejects last."""
    with open_store(path) as file:
        count = len(file["name"])
        for i in range(0, count, BATCH):
            at = file["starts"][i : i + BATCH + 1]
            blob = file["jpeg"][at[0] : at[-1]].tobytes()
            keys = ("name", "variant", "size", "mean")
            about = [file[key][i : i + BATCH] for key in keys]
            for start, end, name, variant, size, mean in zip(at, at[1:], *about, strict=False):
                yield Thumbnail(
                    name=os.fsdecode(name),
                    size=tuple(size),
                    jpeg=blob[start - at[0] : end - at[0]],
                    mean=tuple(mean),
                    variant=variant.decode(),
                )
    yield from read_store(path).rejects


def merge_stores(path: str, parts: Sequence[str]) -> None:
    """Merge stores, each sorted by name, into one that is sorted by name."""
    sizes = [read_store(part).thumb_res for part in parts]
    if len(set(sizes)) > 1:
        found = ", ".join(f"{w} x {h}" for w, h in sorted(set(sizes)))
        raise MosaicError(f"the parts have thumbnails of {found}; make them with one thumb_res")
    streams = [iterate_store(part) for part in parts]
    good = [(one for one in stream if isinstance(one, Thumbnail)) for stream in streams]
    bad = sorted(
        (reject for part in parts for reject in read_store(part).rejects),
        key=lambda reject: reject.name,
    )
    merged = heapq.merge(*good, key=lambda thumbnail: thumbnail.name)
    write_store(path, itertools.chain(merged, bad), sizes[0])
# ~/~ end

# ~/~ begin <<smalti/steps.md#keep-a-match>>[init]
def write_match(path: str, match: Array, report: dict[str, Any]) -> None:
    """Write a (rows, cols) match as a table, and its report next to it."""
    if Path(path).suffix == ".json":
        raise MosaicError(f"{path} would be overwritten by its report; call the table .tab")
    with atomic(path) as part:
        np.savetxt(part, match, fmt="%d", delimiter="\t")
    with atomic(Path(path).with_suffix(".json")) as part:
        part.write_text(json.dumps(report, indent=1) + "\n")
# ~/~ end
# ~/~ begin <<smalti/steps.md#keep-a-match>>[1]
def read_match(path: str, store: Store) -> Array:
    """Read a (rows, cols) match and see that it belongs to the store."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # older NumPy only warns of a fraction
            match = np.loadtxt(path, dtype=np.int64, delimiter="\t", ndmin=2)
        report = Path(path).with_suffix(".json")
        about = json.loads(report.read_text()) if report.is_file() else {}
        digest = about.get("store")
    except (OSError, ValueError, AttributeError, Warning) as error:
        raise MosaicError(f"cannot read the match {path}: {error}; match anew") from error
    if digest not in (None, store.digest):
        raise MosaicError(f"{path} was made for other thumbnails than {store.path}; match anew")
    if not match.size or match.min() < -1 or match.max() >= len(store.names):
        raise MosaicError(f"{path} has numbers other than -1 to {len(store.names) - 1}; match anew")
    return match
# ~/~ end
# ~/~ end