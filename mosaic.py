# ~/~ begin <<mosaic.md#mosaic.py>>[init]
"""Create a photo mosaic, a picture made of many photos; the book is mosaic.md."""

# ~/~ begin <<mosaic.md#imports>>[init]
import contextlib
import dataclasses
import functools
import hashlib
import heapq
import io
import itertools
import json
import math
import os
import signal
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any
# ~/~ end
# ~/~ begin <<mosaic.md#imports>>[1]
import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tqdm import tqdm

from tesserae.demands import DEMANDING, Demands, check_together
from tesserae.demands import make_demands, simple_demands
from tesserae.disk import Disk
from tesserae.photos import UNREADABLE, formats, make_averageable, open_photo
from tesserae.photos import orientation, to_srgb, upright_size
from tesserae.settings import MosaicError, Parser, add_keys, key, make_settings, show
# ~/~ end

# ~/~ begin <<mosaic.md#settings>>[init]
def cores() -> int:
    """How many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings: each field is a key of config.toml and an option of the program."""

    image_path: str = key("data/cats", "folder of photos")
    data_path: str = key("data", "folder for thumbnails and matches")
    target: str = key("", "image to imitate")
    target_id: int = key(0, "without a target: number of the photo to imitate")
    target_res: tuple[int, int] = key((0, 0), "columns and rows; 0 0 chooses", most=30_000)
    thumb_res: tuple[int, int] = key((50, 50), "size of a thumbnail", least=1, most=30_000)
    thumb_quality: int = key(85, "JPEG quality of thumbnails", least=1, most=95)
    variants: tuple[str, ...] = key((), "keep also", choices=("mirror", "crops"))
    workers: int = key(cores(), "how many processes at once", least=1)
    chunks: int = key(8, "parts into which the workflow divides the photos", least=1)
    method: str = key("unique", "how to match", choices=("nearest", "unique"))
    max_uses: int = key(1, "budget: how often a photo may be used", least=1)
    min_uses: int = key(0, "how often each photo is used at least")
    budgets: str = key("", "CSV table of other budgets: name, min, max")
    pins: str = key("", "CSV table of photos with a fixed place: row, col, name")
    dedupe: bool = key(False, "let photos that look the same share one budget")
    spacing: int = key(0, "keep equal photos more than so many cells apart")
    gap: float = key(0.0, "stop at this proven relative gap")
    time_limit: float = key(0.0, "stop after so many seconds, with the best match so far")
    solver: str = key("sparse", "how to place exactly", choices=("sparse", "dense"))
    repeats: str = key("refuse", "if photos are too few", choices=("refuse", "fewest"))
# ~/~ end

# ~/~ begin <<mosaic.md#open-photos>>[init]
ENDINGS = "jpg jpeg jpe jfif png webp tif tiff gif bmp avif heic heif"
SUFFIXES = frozenset("." + ending for ending in ENDINGS.split())
# ~/~ end
# ~/~ begin <<mosaic.md#open-photos>>[1]
def list_photos(folder: str) -> list[str]:
    """List the photos in a folder and its subfolders, sorted, as paths below `folder`."""
    if not Path(folder).is_dir():
        raise MosaicError(f"there is no folder {folder!r}; let image_path name your photos")
    names, seen = [], set()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=report_folder):
        about = Path(place).stat()
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = os.path.relpath(place, folder)
        names += [
            os.path.normpath(os.path.join(below, name))  # noqa: PTH118 (faster by far)
            for name in files
            if not name.startswith(".")
            and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122
            and os.path.isfile(os.path.join(place, name))  # noqa: PTH113, PTH118
        ]
    return sorted(names)


def report_folder(error: OSError) -> None:
    """Say on the terminal that a folder could not be read."""
    print(f"skipped the folder {show(str(error.filename))}: {error.strerror}", file=sys.stderr)
# ~/~ end
# ~/~ begin <<mosaic.md#open-photos>>[2]
Box = tuple[float, float, float, float]


def crop_box(
    size: tuple[float, float], shape: tuple[float, float], at: float = 0.5
) -> Box:
    """The largest box (left, top, right, bottom) of the given shape in an image.

    It lies in the middle; `at` 0 puts it at the left or top end, 1 at the other.

    >>> crop_box((300, 100), (50, 50))
    (100.0, 0.0, 200.0, 100.0)
    """
    scale = min(size[0] / shape[0], size[1] / shape[1])
    across = max(0.0, size[0] - shape[0] * scale)
    down = max(0.0, size[1] - shape[1] * scale)
    left, top = across * at, down * at
    return left, top, size[0] - across + left, size[1] - down + top
# ~/~ end
# ~/~ begin <<mosaic.md#open-photos>>[3]
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def shrink_photo(
    photo: Image.Image,
    size: tuple[int, int],
    shape: tuple[float, float] | None = None,
    at: float = 0.5,
) -> Image.Image:
    """Turn a photo upright, cut it to a shape around its middle, and shrink it to a size.

    `size` is (width, height) in pixels; `shape` is (width, height) in any unit, by default
    that of `size`. The result is RGB, in sRGB. Raises one of `UNREADABLE`.
    """
    turn = orientation(photo)
    width, height = size if turn < 5 else size[::-1]  # 5 to 8 lie on their side
    across, down = (shape or size) if turn < 5 else (shape or size)[::-1]
    draft = photo.draft("RGB", (2 * width, 2 * height))
    whole = draft[1][2:] if draft else photo.size
    small = make_averageable(photo).resize(
        (width, height),
        Image.Resampling.BICUBIC,
        box=crop_box(whole, (across, down), at),
        reducing_gap=3.0,
    )
    small = to_srgb(small, photo.info.get("icc_profile"))
    return small.transpose(TURNS[turn]) if turn in TURNS else small
# ~/~ end

# ~/~ begin <<mosaic.md#make-thumbnails>>[init]
@dataclasses.dataclass(frozen=True)
class Thumbnail:
    """A photo, cut and shrunk: its name, its own (width, height), JPEG bytes, mean RGB."""

    name: str
    size: tuple[int, int]
    jpeg: bytes
    mean: tuple[int, int, int]
    variant: str = ""  # how it was cut or mirrored, if not in the usual way


@dataclasses.dataclass(frozen=True)
class Reject:
    """A photo that could not be read, and why."""

    name: str
    reason: str
# ~/~ end
# ~/~ begin <<mosaic.md#make-thumbnails>>[1]
Array = NDArray[Any]


def mean_rgb(images: Array) -> Array:
    """Mean colour in whole sRGB levels: (k, height, width, 3) to (k, 3).

    >>> mean_rgb(np.array([[[[0, 10, 20], [10, 20, 255]]]], np.uint8))
    array([[  5.,  15., 138.]], dtype=float32)
    """
    means: Array = images.mean(axis=(1, 2), dtype=np.float64)
    return np.rint(means).astype(np.float32)
# ~/~ end
# ~/~ begin <<mosaic.md#make-thumbnails>>[2]
def make_thumbnail(
    name: str, folder: str, size: tuple[int, int], quality: int, variant: str = ""
) -> Thumbnail | Reject:
    """Make the thumbnail of one photo, or say why it cannot be read."""
    path, buffer = str(Path(folder, name)), io.BytesIO()
    at = {"first": 0.0, "last": 1.0}.get(variant.split(" ")[0], 0.5)
    try:
        with open_photo(path) as photo:
            whole, small = upright_size(photo), shrink_photo(photo, size, at=at)
        small = ImageOps.mirror(small) if "mirror" in variant else small
        small.save(buffer, "JPEG", quality=quality)
        red, green, blue = mean_rgb(np.asarray(small)[None])[0].astype(int).tolist()
        return Thumbnail(name, whole, buffer.getvalue(), (red, green, blue), variant)
    except UNREADABLE as error:
        if name.lower().endswith((".heic", ".heif")) and "HEIF" not in formats():
            return Reject(name, "HEIC needs a package: pip install pillow-heif")
        reason = str(error).replace(path, "the file")
        return Reject(name, show(f"{type(error).__name__}: {reason}"))
# ~/~ end
# ~/~ begin <<mosaic.md#make-thumbnails>>[3]
def list_variants(wanted: Sequence[str]) -> list[str]:
    """The names of the variants of each photo.

    >>> list_variants(["mirror", "crops"])
    ['', 'first', 'last', 'mirror', 'first mirror', 'last mirror']
    """
    cuts = ["", "first", "last"] if "crops" in wanted else [""]
    return cuts + [f"{cut} mirror".strip() for cut in cuts if "mirror" in wanted]


def make_variants(
    name: str, folder: str, size: tuple[int, int], quality: int, variants: Sequence[str]
) -> list[Thumbnail | Reject]:
    """Make the thumbnails of one photo in several variants, or one reject."""
    made = [make_thumbnail(name, folder, size, quality, variant) for variant in variants]
    return made if isinstance(made[0], Thumbnail) else made[:1]
# ~/~ end
# ~/~ begin <<mosaic.md#make-thumbnails>>[4]
def make_thumbnails(
    names: Sequence[str],
    folder: str,
    size: tuple[int, int],
    quality: int = 85,
    workers: int = 1,
    variants: Sequence[str] = ("",),
) -> Iterator[Thumbnail | Reject]:
    """Make the thumbnails of all photos, in their order, by a number of processes."""
    task = functools.partial(
        make_variants, folder=folder, size=size, quality=quality, variants=variants
    )
    if workers == 1:
        yield from itertools.chain.from_iterable(map(task, names))
        return
    with ProcessPoolExecutor(workers, initializer=prepare_worker) as pool:
        yield from itertools.chain.from_iterable(pool.map(task, names, chunksize=32))


def prepare_worker() -> None:
    """Leave signals to the main process, and what Pillow finds odd to the rejects."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    warnings.simplefilter("ignore")
# ~/~ end

# ~/~ begin <<mosaic.md#keep-thumbnails>>[init]
@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path to write to; on success, move it to `path` in one step."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}.part.{path.name}")
    try:
        yield part
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
# ~/~ end
# ~/~ begin <<mosaic.md#keep-thumbnails>>[1]
FORMAT, VERSION, BATCH = "photo mosaic thumbnails", 1, 1024
DATASETS = {"jpeg", "starts", "name", "variant", "size", "mean", "rejects"}
ATTRIBUTES = {"thumb_res", "origin", "digest"}
TEXT = h5py.string_dtype()


def append(dataset: Any, rows: Sequence[Any] | Array) -> None:
    """Add rows to the end of a dataset that may grow."""
    if len(rows):
        dataset.resize(len(dataset) + len(rows), axis=0)
        dataset[-len(rows) :] = rows


def create_datasets(file: Any) -> None:
    """Create the empty datasets of a store."""
    for name, shape, kind in [
        ("jpeg", (), np.uint8),
        ("name", (), TEXT),
        ("variant", (), TEXT),
        ("size", (2,), np.int32),
        ("mean", (3,), np.uint8),
        ("rejects/name", (), TEXT),
        ("rejects/reason", (), TEXT),
    ]:
        chunk = (1 << 20,) if name == "jpeg" else (BATCH, *shape)
        file.create_dataset(name, (0, *shape), kind, maxshape=(None, *shape), chunks=chunk)
# ~/~ end
# ~/~ begin <<mosaic.md#keep-thumbnails>>[2]
def write_store(
    path: str,
    made: Iterable[Thumbnail | Reject],
    thumb_res: tuple[int, int],
    origin: str = "",
) -> None:
    """Write thumbnails and rejects to a store, in their order."""
    stream, digest, starts = iter(made), hashlib.sha256(), [0]
    with atomic(path) as part, Disk(part, "w+") as disk, h5py.File(disk, "w") as file:
        create_datasets(file)
        while batch := list(itertools.islice(stream, BATCH)):
            disk.check()
            good = [one for one in batch if isinstance(one, Thumbnail)]
            bad = [one for one in batch if isinstance(one, Reject)]
            blob = b"".join(one.jpeg for one in good)
            for one in good:
                digest.update(os.fsencode(one.name) + b"\0" + one.jpeg)
            starts += (starts[-1] + np.cumsum([len(one.jpeg) for one in good])).tolist()
            append(file["jpeg"], np.frombuffer(blob, np.uint8))
            append(file["name"], [os.fsencode(one.name) for one in good])
            append(file["variant"], [one.variant for one in good])
            append(file["size"], [one.size for one in good])
            append(file["mean"], [one.mean for one in good])
            append(file["rejects/name"], [os.fsencode(one.name) for one in bad])
            append(file["rejects/reason"], [os.fsencode(one.reason) for one in bad])
        file["starts"] = np.array(starts, np.int64)
        file.attrs.update(format=FORMAT, version=VERSION, thumb_res=thumb_res, origin=origin)
        file.attrs["digest"] = digest.hexdigest()
        file.attrs["complete"] = True
        file.flush()
        disk.check()
# ~/~ end
# ~/~ begin <<mosaic.md#keep-thumbnails>>[3]
@contextlib.contextmanager
def open_store(path: str) -> Iterator[Any]:
    """Open a finished store for reading; anything else is a MosaicError."""
    if not Path(path).is_file():
        raise MosaicError(f"there is no store {path}; make one with `mosaic thumbnails`")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise MosaicError(f"{path} is not a store of thumbnails; make it anew") from error
    with file:
        if file.attrs.get("format") != FORMAT or not file.attrs.get("complete"):
            raise MosaicError(f"{path} is not a finished store of thumbnails; make it anew")
        if (found := file.attrs.get("version")) != VERSION:
            raise MosaicError(f"{path} has version {found}, not {VERSION}; make it anew")
        if missing := (DATASETS - set(file)) | (ATTRIBUTES - set(file.attrs)):
            raise MosaicError(f"{path} lacks {', '.join(sorted(missing))}; make it anew")
        yield file
# ~/~ end
# ~/~ begin <<mosaic.md#keep-thumbnails>>[4]
@dataclasses.dataclass(frozen=True)
class Store:
    """What a store says of its n thumbnails; the thumbnails stay in the file."""

    path: str
    names: list[str]
    variants: list[str]
    mean: Array  # (n, 3) whole levels, float32
    thumb_res: tuple[int, int]
    rejects: list[Reject]
    digest: str
    origin: str

    @property
    def photo(self) -> Array:
        """The number of each thumbnail's photo: (n,), from 0, in the order of the names."""
        fresh = [i == 0 or self.names[i - 1] != name for i, name in enumerate(self.names)]
        return np.cumsum(fresh, dtype=np.int64) - 1


def read_store(path: str) -> Store:
    """Read the names, features and rejects of a store."""
    with open_store(path) as file:
        width, height = file.attrs["thumb_res"].tolist()
        bad = zip(file["rejects/name"][:], file["rejects/reason"][:], strict=True)
        return Store(
            path=path,
            names=[os.fsdecode(name) for name in file["name"][:]],
            variants=[variant.decode() for variant in file["variant"][:]],
            mean=file["mean"][:].astype(np.float32),
            thumb_res=(width, height),
            rejects=[Reject(os.fsdecode(name), os.fsdecode(why)) for name, why in bad],
            digest=file.attrs["digest"],
            origin=file.attrs["origin"],
        )
# ~/~ end
# ~/~ begin <<mosaic.md#keep-thumbnails>>[5]
def read_thumbnails(path: str, which: Sequence[int] | Array, size: tuple[int, int]) -> Array:
    """Decode thumbnails of a store, at any size: (k, height, width, 3) uint8."""
    images = np.empty((len(which), size[1], size[0], 3), np.uint8)
    with open_store(path) as file:
        starts, jpeg = file["starts"][:], file["jpeg"]
        for image, i in zip(images, which, strict=True):
            stone = Image.open(io.BytesIO(jpeg[starts[i] : starts[i + 1]]), formats=["JPEG"])
            image[:] = np.asarray(stone if stone.size == size else shrink_photo(stone, size))
    return images
# ~/~ end
# ~/~ begin <<mosaic.md#keep-thumbnails>>[6]
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

# ~/~ begin <<mosaic.md#match-cells>>[init]
def cut_cells(
    target: Image.Image,
    grid: tuple[int, int],
    thumb_res: tuple[int, int],
    detail: tuple[int, int] = (4, 4),
) -> Array:
    """Cut a target into a grid of (cols, rows) cells: (m, height, width, 3), row by row.

    `thumb_res` gives the shape of a cell, `detail` its (width, height) in the result.
    """
    (cols, rows), (width, height) = grid, detail
    shape = (cols * thumb_res[0], rows * thumb_res[1])
    small = shrink_photo(target, (cols * width, rows * height), shape)
    pixels = np.asarray(small).reshape(rows, height, cols, width, 3)
    return pixels.swapaxes(1, 2).reshape(rows * cols, height, width, 3)
# ~/~ end
# ~/~ begin <<mosaic.md#match-cells>>[1]
def match_nearest(tiles: Array, cells: Array) -> Array:
    """For each cell the nearest tile: (n, f) and (m, f) features to (m,) tile numbers.

    >>> match_nearest(np.array([[0.0], [10.0]]), np.array([[9.0], [2.0], [8.0]]))
    array([1, 0, 1])
    """
    from scipy.spatial import cKDTree  # here, for it takes half a second to load

    found: Array = cKDTree(tiles).query(cells)[1]
    return found.astype(np.int64)
# ~/~ end
# ~/~ begin <<mosaic.md#match-cells>>[2]
def match_cost(tiles: Array, cells: Array, match: Array) -> float:
    """Squared distances of all cells to their tiles, summed up."""
    return float(((tiles[match].astype(np.float64) - cells) ** 2).sum())
# ~/~ end
# ~/~ begin <<mosaic.md#match-cells>>[3]
def match_unique(tiles: Array, cells: Array, max_uses: int = 1, min_uses: int = 0) -> Array:
    """Match at the least cost, using every tile min_uses to max_uses times.

    Features (n, f) and (m, f) to tile numbers (m,). Dense: it needs memory for several
    arrays of n x m. Solved exactly by the network simplex of POT (Bonneel et al., 2011).

    >>> match_unique(np.array([[0.0], [3.0], [9.0]]), np.array([[2.0], [3.0]]))
    array([0, 1])
    """
    import ot  # here, for it takes half a second to load

    n, m = len(tiles), len(cells)
    tiles, cells = tiles.astype(np.float64), cells.astype(np.float64)
    cost = (tiles**2).sum(1)[:, None] - 2 * tiles @ cells.T + (cells**2).sum(1)
    heaps = [(max_uses - min_uses, 0.0), (min_uses, (m + 1) * (1 + cost.max()))]
    heaps = [heap for heap in heaps if heap[0]]
    supply = np.concatenate([np.full(n, float(copies)) for copies, _ in heaps])
    demand, spare = np.ones(m), n * max_uses - m
    cost = np.vstack([cost] * len(heaps))
    if spare:
        demand = np.append(demand, spare)
        cost = np.c_[cost, np.concatenate([np.full(n, road) for _, road in heaps])]
    plan, log = ot.emd(supply, demand, cost, numItermax=10**9, log=True, check_marginals=False)
    match: Array = plan[:, :m].argmax(axis=0) % n
    uses = np.bincount(match, minlength=n)
    if log["result_code"] != 1 or uses.max() > max_uses or uses.min() < min_uses:
        raise RuntimeError(f"ot.emd found no plan: {log['warning']}")
    return match
# ~/~ end
# ~/~ begin <<mosaic.md#match-cells>>[4]
def find_match(
    tiles: Array,
    cells: Array,
    settings: Settings,
    demands: Demands | None = None,
    shape: tuple[int, int] | None = None,
    on_round: Callable[..., None] | None = None,
) -> tuple[Array, dict[str, Any]]:
    """Match by the method of the settings; return tile numbers (m,) and a report."""
    from tesserae import placement

    demands = demands or simple_demands(len(tiles), len(cells), settings)
    report: dict[str, Any] = {"method": settings.method, "photos": len(demands.least)}
    if settings.spacing:
        most = demands.most if settings.method == "unique" else None
        match, near = placement.match_spaced(
            tiles, cells, shape or (1, len(cells)), settings.spacing, most
        )
        report["too_near"] = near
    elif settings.method == "nearest":
        match = match_nearest(tiles, cells)
    elif settings.solver == "dense":
        match = match_unique(tiles, cells, int(demands.most[0]), int(demands.least[0]))
    else:
        try:
            match, proof = placement.match_unique(
                tiles,
                cells,
                demands.most,
                demands.least,
                groups=demands.photo,
                pins=demands.pins,
                gap=settings.gap,
                time_limit=settings.time_limit or None,
                on_progress=on_round,
            )
        except placement.Infeasible as error:
            raise MosaicError(str(error)) from error
        report |= proof.as_dict() | {"proof": proof.sentence()}
    return match, report | measure_match(tiles, cells, match, demands.photo)


def measure_match(tiles: Array, cells: Array, match: Array, photo: Array) -> dict[str, Any]:
    """How good a match is, and how often it uses photos."""
    uses, cost = np.bincount(photo[match]), match_cost(tiles, cells, match)
    return {
        "cells": len(cells),
        "cost": cost,
        "levels": round(math.sqrt(cost / len(cells)), 3),
        "different": int(np.count_nonzero(uses)),
        "most_used": int(uses.max()),
    }
# ~/~ end

# ~/~ begin <<mosaic.md#paste>>[init]
def write_match(path: str, match: Array, report: dict[str, Any]) -> None:
    """Write a (rows, cols) match as a table, and its report next to it."""
    if Path(path).suffix == ".json":
        raise MosaicError(f"{path} would be overwritten by its report; call the table .tab")
    with atomic(path) as part:
        np.savetxt(part, match, fmt="%d", delimiter="\t")
    with atomic(Path(path).with_suffix(".json")) as part:
        part.write_text(json.dumps(report, indent=1) + "\n")
# ~/~ end
# ~/~ begin <<mosaic.md#paste>>[1]
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
    if not match.size or match.min() < 0 or match.max() >= len(store.names):
        raise MosaicError(f"{path} has numbers outside 0 to {len(store.names) - 1}; match anew")
    return match
# ~/~ end
# ~/~ begin <<mosaic.md#paste>>[2]
KEEP = 1 << 28  # bytes of decoded thumbnails


def paste_bands(store: Store, match: Array, thumb_res: tuple[int, int]) -> Iterator[Array]:
    """Paste one row of cells after the other: (height, cols * width, 3) uint8 each."""
    width, height = thumb_res
    once = np.unique(match).size * width * height * 3 <= KEEP
    for part in [match] if once else np.split(match, len(match)):
        which, place = np.unique(part, return_inverse=True)
        stones = read_thumbnails(store.path, which, thumb_res)
        for row in place.reshape(part.shape):
            yield stones[row].swapaxes(0, 1).reshape(height, len(row) * width, 3)
# ~/~ end
# ~/~ begin <<mosaic.md#paste>>[3]
LARGEST = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383, ".png": 2**31, ".tif": 2**31}


def check_output(path: str, size: tuple[int, int] = (1, 1)) -> None:
    """Raise MosaicError unless an image of this (width, height) can be saved there."""
    ending = Path(path).suffix.lower()
    if ending not in LARGEST:
        raise MosaicError(f"{path}: the name must end in {', '.join(LARGEST)}")
    if max(size) > LARGEST[ending]:
        raise MosaicError(
            f"{path}: {size[0]} x {size[1]} pixels, but {ending} ends at {LARGEST[ending]}; "
            + ("" if ending == ".png" else "write a .png, or ")
            + "set a smaller thumb_res"
        )
    if Path(path).is_dir():
        raise MosaicError(f"{path} is a folder; give the mosaic a name in it")


def save_bands(path: str, bands: Iterable[Array], size: tuple[int, int]) -> None:
    """Save an image of (width, height) pixels that comes in bands from the top."""
    check_output(path, size)
    canvas, top = Image.new("RGB", size), 0
    for band in bands:
        canvas.paste(Image.fromarray(band), (0, top))
        top += len(band)
    with atomic(path) as part:
        canvas.save(part, quality=90)
# ~/~ end

# ~/~ begin <<mosaic.md#lists>>[init]
def write_lists(folder: str, paths: Sequence[str]) -> None:
    """Divide the photos of a folder among lists; touch only lists that change."""
    lines: list[list[str]] = [[] for _ in paths]
    for line in describe_photos(folder):
        name = json.loads(line)[0].encode(errors="surrogateescape")
        lines[zlib.crc32(name) % len(paths)].append(line + "\n")
    for path, part in zip(paths, lines, strict=True):
        if not Path(path).is_file() or Path(path).read_text() != "".join(part):
            with atomic(path) as fresh:
                fresh.write_text("".join(part))


def run_list(args: Any, settings: Settings) -> None:
    """Divide the photos of a folder among lists, for jobs that run in parallel."""
    write_lists(settings.image_path, args.lists)
# ~/~ end

# ~/~ begin <<mosaic.md#command-line>>[init]
FEW, MANY = 1600, 10_000


def fit_grid(
    size: tuple[int, int], thumb_res: tuple[int, int], photos: int
) -> tuple[int, int]:
    """Choose (cols, rows) for a target of (width, height) and a number of photos.

    >>> fit_grid((450, 300), (50, 50), 2400)
    (60, 40)
    """
    cells = max(FEW, min(photos, MANY))
    shape = size[0] / thumb_res[0] * thumb_res[1] / size[1]  # cols / rows

    def misfit(grid: tuple[int, int]) -> float:
        cols, rows = grid
        return abs(math.log(cols / rows / shape)) + 1 - cols * rows / cells

    most = max(1, min(cells, math.isqrt(int(cells / shape)) + 1))
    heights = range(max(1, most - most // 16 - 1), most + 1)
    return min(((max(1, min(round(h * shape), cells // h)), h) for h in heights), key=misfit)
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[1]
def progress(items: Iterable[Any], total: int, what: str) -> Any:
    """Show progress, rate and end time on a terminal; elsewhere be quiet."""
    return tqdm(items, what, total, disable=None, unit="", leave=False)


def run_thumbnails(args: Any, settings: Settings) -> Store:
    """Make the store of a folder's photos, or of those in a list, unless it is there."""
    lines = (
        read_list(args.list)
        if args.list
        else describe_photos(settings.image_path, vars(args).get("output"))
    )
    how = (VERSION, settings.thumb_res, settings.thumb_quality, settings.variants, formats())
    origin = hashlib.sha256("\n".join([*lines, str(how)]).encode()).hexdigest()
    if not is_made_of(args.store, origin):
        made = make_thumbnails(
            [json.loads(line)[0] for line in lines],
            settings.image_path,
            settings.thumb_res,
            settings.thumb_quality,
            settings.workers,
            list_variants(settings.variants),
        )
        bar = progress(made, len(lines), "thumbnails")
        write_store(args.store, bar, settings.thumb_res, origin)
    return finish_store(args.store, allow_empty=bool(args.list))


def is_made_of(path: str, origin: str) -> bool:
    """Whether a store is there, and was made of these photos in this way."""
    try:
        return read_store(path).origin == origin
    except MosaicError:
        return False
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[2]
def describe_photos(folder: str, output: str | None = None) -> list[str]:
    """A line of JSON for each photo in a folder but the output: name, bytes, time."""
    lines, own = [], os.path.realpath(output) if output else None
    for name in list_photos(folder):
        path = Path(folder, name)
        with contextlib.suppress(FileNotFoundError):  # it went away just now
            if not (own and path.name == Path(own).name and os.path.realpath(path) == own):
                about = path.stat()
                lines.append(json.dumps([name, about.st_size, about.st_mtime_ns]))
    return lines


def read_list(path: str) -> list[str]:
    """Read the lines of a list of photos."""
    try:
        lines = Path(path).read_text().splitlines()
        if not all(isinstance(json.loads(line)[0], str) for line in lines):
            raise ValueError("a line without a name")
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise MosaicError(f"cannot read the list {path}: {error}; list anew") from error
    return lines
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[3]
def finish_store(path: str, allow_empty: bool = False) -> Store:
    """Read a store that was just made; list its rejects beside it and on the terminal."""
    store, table = read_store(path), Path(path).with_suffix(".rejects.tsv")
    if not store.names and not allow_empty:
        first = "".join(f", not even {one.name} ({one.reason})" for one in store.rejects[:1])
        raise MosaicError(f"no photos found that can be read{first}; give a folder of photos")
    with atomic(table) as part:
        part.write_text("".join(f"{show(one.name)}\t{one.reason}\n" for one in store.rejects))
    for one in store.rejects[:5]:
        print(f"skipped {show(one.name)}: {one.reason}", file=sys.stderr)
    if len(store.rejects) > 5:
        print(f"skipped {len(store.rejects)} photos in all, see {table}", file=sys.stderr)
    return store


def run_merge(args: Any, settings: Settings) -> None:
    """Merge stores into one."""
    merge_stores(args.store, args.parts)
    finish_store(args.store)
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[4]
def open_target(settings: Settings, store: Store) -> Image.Image:
    """Open the target, or the photo that serves as the target."""
    path = Path(settings.target)
    if not settings.target:
        photos = list(dict.fromkeys(store.names))
        if settings.target_id >= len(photos):
            last = len(photos) - 1
            raise MosaicError(
                f"target_id = {settings.target_id}, but photos are numbered 0 to {last}; "
                "choose one of them, or set target"
            )
        path = Path(settings.image_path, photos[settings.target_id])
    return load_target(path)


def load_target(path: str | Path) -> Image.Image:
    """Read a target into memory."""
    try:
        with open_photo(path) as target:
            target.load()
            return target
    except UNREADABLE as error:
        raise MosaicError(f"cannot open the target {path}: {error}") from error


def run_match(args: Any, settings: Settings) -> dict[str, Any]:
    """Match a target with the thumbnails of a store; write the table and return the report."""
    check_together(settings)
    store = read_store(args.store)
    target, grid = open_target(settings, store), settings.target_res
    if 0 in grid:
        count = len(set(store.names)) * settings.max_uses
        grid = fit_grid(upright_size(target), store.thumb_res, count)
    cells = mean_rgb(cut_cells(target, grid, store.thumb_res))
    shape = grid[::-1]
    photo, alike = find_photos(store, settings)
    demands = make_demands(store.names, photo, shape, settings)
    with watch_proof() as on_round:
        match, report = find_match(store.mean, cells, settings, demands, shape, on_round)
    report |= {"target": settings.target or settings.target_id, "store": store.digest}
    write_match(args.table, match.reshape(shape), report)
    if alike:
        with atomic(Path(args.table).with_suffix(".alike.txt")) as part:
            part.write_text("".join(show(line) + "\n" for line in alike))
        hint = "share their budgets" if settings.dedupe else "can share budgets: --dedupe"
        print(f"alike    {len(alike)} groups of photos that look the same {hint}")
    print(
        f"match    {report['method']}: {report['cells']} cells, {report['different']} different "
        f"photos, none more than {report['most_used']} times"
    )
    print(f"cost     {report['cost']:.0f}, on average {report['levels']} levels a cell")
    if "proof" in report:
        print(f"proof    {report['proof']}")
    if "too_near" in report:
        print(f"spacing  {report['too_near']} pairs of equal photos are too near")
    return report
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[5]
def find_photos(store: Store, settings: Settings) -> tuple[Array, list[str]]:
    """The photo of each thumbnail, (n,), and a line for each group that looks the same."""
    from tesserae import collection

    first = np.unique(store.photo, return_index=True)[1]
    if settings.method == "nearest" or (len(first) > 100_000 and not settings.dedupe):
        return store.photo, []
    size = store.thumb_res if min(store.thumb_res) >= 16 else (16, 16)
    looks = [
        collection.fingerprint(read_thumbnails(store.path, first[i : i + BATCH], size))
        for i in range(0, len(first), BATCH)
    ]
    alike = collection.find_alike(np.concatenate(looks)) if looks else first
    lines = list(collection.list_duplicates([store.names[i] for i in first], alike))
    return alike[store.photo] if settings.dedupe else store.photo, lines
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[6]
@contextlib.contextmanager
def watch_proof() -> Iterator[Callable[..., None]]:
    """Show on a terminal how the proven gap of a match falls."""
    with tqdm(desc="match", bar_format="{desc}: {elapsed}{postfix}", disable=None) as bar:
        yield lambda proof: bar.set_postfix_str(f"at most {proof.gap:.1e} above the optimum")
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[7]
def run_paste(args: Any, settings: Settings) -> tuple[int, int]:
    """Paste a mosaic from a store and a match; return its (width, height)."""
    store = read_store(args.store)
    match = read_match(args.table, store)
    thumb_res = settings.thumb_res if args.thumb_res else store.thumb_res
    (rows, cols), (width, height) = match.shape, thumb_res
    size = (cols * width, rows * height)
    check_output(args.output, size)
    bands = paste_bands(store, match, thumb_res)
    save_bands(args.output, progress(bands, rows, "pasting"), size)
    return size
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[8]
def run_make(args: Any, settings: Settings) -> None:
    """Make a mosaic of a folder of photos, from beginning to end."""
    (cols, rows), (width, height) = settings.target_res, settings.thumb_res
    check_output(args.output, (max(1, cols * width), max(1, rows * height)))
    check_together(settings)
    load_target(settings.target)
    if os.path.realpath(args.output) == os.path.realpath(settings.target):
        raise MosaicError(f"{args.output} is the target; call the mosaic something else")
    stem = Path(args.output).with_suffix("")
    args.store, args.table, args.list = f"{stem}.h5", f"{stem}.tab", None
    clock = [time.perf_counter()]
    store = run_thumbnails(args, settings)
    clock.append(time.perf_counter())
    run_match(args, settings)
    clock.append(time.perf_counter())
    size = run_paste(args, settings)
    clock.append(time.perf_counter())
    spent = [after - before for before, after in itertools.pairwise(clock)]
    print_summary(args, store, size, spent)


def print_summary(args: Any, store: Store, size: tuple[int, int], spent: list[float]) -> None:
    """Say what was made of what, and how long it took."""
    print(f"{show(args.output)}: {size[0]} x {size[1]} pixels")
    print(f"photos   {len(store.names)} read, {len(store.rejects)} skipped")
    steps = zip(("thumbnails", "match", "paste"), spent, strict=True)
    print(f"time     {sum(spent):.1f} s:", ", ".join(f"{step} {s:.1f}" for step, s in steps))
    print(show(f"kept     {args.store}, {args.table}; mosaic paste makes them into other sizes"))
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[9]
def build_parser() -> Parser:
    """The command line: make, and its steps."""
    parser = Parser("mosaic", description="Make a photo mosaic: a picture of many photos.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(run: Callable[[Any, Settings], Any], words: str, example: str) -> Parser:
        name, _, doc = run.__name__[4:], words, str(run.__doc__).split("\n")[0]
        sub: Parser = commands.add_parser(
            name, help=doc, description=doc, epilog=f"Example: mosaic {name} {example}"
        )
        for word in words.split():
            dest = {"PHOTOS": "image_path"}.get(word, word.lower())
            many = "+" if word in ("PARTS", "LISTS") else None
            sub.add_argument(dest, metavar=word, nargs=many, help=WORDS[word])
        sub.set_defaults(run=run)
        return sub

    make = command(run_make, "PHOTOS TARGET", "~/Pictures me.jpg -o mosaic.jpg")
    make.add_argument("-o", "--output", required=True, help=WORDS["OUTPUT"])
    add_keys(make, Settings, "target_res", "thumb_res", "thumb_quality", "variants", "workers")
    add_keys(make, Settings, *MATCHING, repeats="fewest")
    step = command(run_thumbnails, "PHOTOS STORE", "~/Pictures thumbnails.h5")
    step.add_argument("--list", help="a list of photos to take, instead of all")
    add_keys(step, Settings, "thumb_res", "thumb_quality", "variants", "workers")
    step = command(run_list, "PHOTOS LISTS", "~/Pictures list-0 list-1 list-2")
    step = command(run_merge, "STORE PARTS", "thumbnails.h5 part-0.h5 part-1.h5")
    step = command(run_match, "STORE TABLE", "thumbnails.h5 matches.tab --target me.jpg")
    add_keys(step, Settings, "target", "target_id", "image_path", "target_res")
    add_keys(step, Settings, *MATCHING)
    step = command(run_paste, "STORE TABLE OUTPUT", "thumbnails.h5 matches.tab mosaic.png")
    add_keys(step, Settings, "thumb_res")
    return parser


MATCHING = ["method", "max_uses", "min_uses", "repeats", "solver", "spacing", *DEMANDING]
WORDS = {
    "PHOTOS": "a folder of photos",
    "TARGET": "the image to imitate",
    "STORE": "the HDF5 file of thumbnails",
    "TABLE": "the table of matches, .tab",
    "OUTPUT": "the mosaic: .jpg, .png, .webp or .tif",
    "PARTS": "stores to merge",
    "LISTS": "lists among which to divide the photos",
}
# ~/~ end
# ~/~ begin <<mosaic.md#command-line>>[10]
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 2 for bad input, 130 for Ctrl-C."""
    args = build_parser().parse_args(argv)
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    warnings.simplefilter("ignore")
    try:
        keys = {field.name for field in dataclasses.fields(Settings)}
        given = {key: word for key, word in vars(args).items() if key in keys}
        given = {key: word for key, word in given.items() if word is not None}
        args.run(args, make_settings(Settings, given))
    except KeyboardInterrupt:
        print("mosaic: stopped; what was finished is kept", file=sys.stderr)
        return 130
    except MosaicError as error:
        problem = str(error)
    except BrokenProcessPool:
        problem = "a worker was killed, most likely for want of memory; try --workers 1"
    except MemoryError as error:
        problem = f"not enough memory ({error}); set a smaller target_res or thumb_res"
    except OSError as error:
        problem = show(f"{error.filename or 'writing'}: {error.strerror or error}")
    else:
        return 0
    print(f"mosaic: {problem}", file=sys.stderr)
    return 2
# ~/~ end

if __name__ == "__main__":
    sys.exit(main())
# ~/~ end