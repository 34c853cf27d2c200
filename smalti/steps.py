# Made from smalti/steps.md by make tangle; edit that.
"""Lists, parts and tables: the files between the steps; explained in steps.md."""

import contextlib
import heapq
import itertools
import json
import os
import sys
import warnings
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mosaic import BATCH, Array, Reject, Store, Thumbnail, open_store, write_store
from smalti.ground.collection import Found, collection_root, survey
from smalti.ground.errors import MosaicError
from smalti.ground.files import atomic, write_text
from smalti.ground.seals import prove


def survey_photos(paths: Sequence[str], output: str = "") -> tuple[list[str], Found]:
    """A line of JSON for each photo but the output: name, bytes, time; and all that was found."""
    found = survey(paths)
    same = names_of(output, paths, [name for name, *_ in found.photos])
    return [json.dumps(about) for about in found.photos if about[0] not in same], found


def names_of(path: str, paths: Sequence[str], names: Sequence[str]) -> list[str]:
    """Which of the photos of a collection, by their names, are a certain file: one or none."""
    own, root = os.path.realpath(path), collection_root(paths) if path else ""
    same = [name for name in names if path and Path(name).name == Path(own).name]
    return [name for name in same if os.path.realpath(Path(root, name)) == own]


def describe_photos(paths: Sequence[str], output: str = "") -> list[str]:
    """A line of JSON for each photo of a collection but the output: name, bytes, time."""
    return survey_photos(paths, output)[0]


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
            write_text(path, "".join(part))


def read_list(path: str) -> list[str]:
    """Read the lines of a list of photos; raises MosaicError."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        if not all(isinstance(json.loads(line)[0], str) for line in lines):
            raise ValueError("a line without a name")
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise MosaicError(f"cannot read the list {path}: {error}; list anew") from error
    return lines


def iterate_store(store: Store) -> Iterator[Thumbnail | Reject]:
    """Everything in a store, one after the other, rejects last."""
    for i in range(0, len(store.names), BATCH):
        at = store.starts[i : i + BATCH + 1]
        blob = store.file["jpeg"][at[0] : at[-1]].tobytes()
        sizes, means = (store.file[key][i : i + BATCH].tolist() for key in ("size", "mean"))
        for k, (size, mean) in enumerate(zip(sizes, means, strict=True)):
            yield Thumbnail(
                name=store.names[i + k],
                size=tuple(size),
                jpeg=blob[at[k] - at[0] : at[k + 1] - at[0]],
                mean=tuple(mean),
                variant=store.variants[i + k],
            )
    yield from store.rejects


def merge_stores(path: str, parts: Sequence[str]) -> None:
    """Merge stores, each sorted by name, into one that is sorted by name."""
    with contextlib.ExitStack() as stack:
        stores = [stack.enter_context(open_store(part)) for part in parts]
        sizes = {store.thumb_res for store in stores}
        if len(sizes) > 1:
            found = ", ".join(f"{w} x {h}" for w, h in sorted(sizes))
            raise MosaicError(f"the parts have thumbnails of {found}; make them with one thumb_res")
        for store in stores:
            if any(one > two for one, two in itertools.pairwise(store.names)):
                raise MosaicError(f"{store.path} is not sorted by name; make it of a sorted list")
        streams = [iterate_store(store) for store in stores]
        good = [(one for one in stream if isinstance(one, Thumbnail)) for stream in streams]
        bad = sorted(itertools.chain(*(store.rejects for store in stores)), key=by_name)
        merged = heapq.merge(*good, key=by_name)
        write_store(path, itertools.chain(merged, bad), stores[0].thumb_res)


def by_name(one: Thumbnail | Reject) -> str:
    """What stores are sorted by."""
    return one.name


def find_damaged(paths: Sequence[str]) -> list[str]:
    """Those of some stores that are there but not whole; each is named on the terminal."""
    found = []
    for path in filter(os.path.isfile, paths):
        try:
            prove(path, "it is made anew")
        except MosaicError as error:
            print(error, file=sys.stderr)
            found.append(path)
    return found


def write_match(path: str, match: Array) -> None:
    """Write a (rows, cols) match as a table."""
    with atomic(path) as part:
        np.savetxt(part, match, fmt="%d", delimiter="\t", newline="\n")


def read_match(path: str, store: Store, digest: str = "") -> Array:
    """Read a (rows, cols) match of a store; `digest` is that of its own, if that is known."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # older NumPy only warns of a fraction
            match: Array = np.loadtxt(path, dtype=np.int64, delimiter="\t", ndmin=2)
    except (OSError, ValueError, Warning) as error:
        raise MosaicError(f"cannot read the match {path}: {error}; match anew") from error
    return check_match(match, path, store, digest)


def check_match(match: Array, path: str | Path, store: Store, digest: str) -> Array:
    """Return a (rows, cols) match from a file, if it is one of a store; raises MosaicError."""
    if digest not in ("", store.digest):
        raise MosaicError(f"{path} was made for other thumbnails than {store.path}; match anew")
    if not match.size or match.min() < -1 or match.max() >= len(store.names):
        raise MosaicError(f"{path} has numbers other than -1 to {len(store.names) - 1}; match anew")
    return match
