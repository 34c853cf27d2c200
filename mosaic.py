# ~/~ begin <<mosaic.md#mosaic.py>>[init]
"""Create a photo mosaic, a picture made of many photos; the book is mosaic.md."""

# ~/~ begin <<mosaic.md#imports>>[init]
import contextlib
import dataclasses
import functools
import hashlib
import io
import itertools
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
# ~/~ end
# ~/~ begin <<mosaic.md#imports>>[1]
import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from smalti.collection import open_any
from smalti.ground.files import Disk, atomic
from smalti.features import COLOURS, FEATURES, METRICS
from smalti.ground.photos import UNREADABLE, formats, make_averageable
from smalti.ground.photos import orientation, to_srgb, upright_size
from smalti.ground.settings import MosaicError, cores, key, show
# ~/~ end

# ~/~ begin <<mosaic.md#settings>>[init]
@dataclasses.dataclass(frozen=True)
class Settings:
    """All settings, with what is usual: options, keys of config.toml, or both."""

    image_path: tuple[str, ...] = key(("data/cats",), "folders and archives of photos")
    data_path: str = key("data", "folder for thumbnails and matches")
    target: str = key("", "image to imitate")
    target_id: int = key(0, "without a target: number of the photo to imitate")
    target_res: tuple[int, int] = key((0, 0), "columns and rows; 0 0 chooses", most=30_000)
    tile: int = key(0, "or: how many of the target's pixels a cell is wide")
    size: tuple[int, int] = key((0, 0), "exact size of the mosaic; 0 0 is any", most=10**6)
    mask: str = key("", "image: only cells where it is white are filled")
    thumb_res: tuple[int, int] = key((50, 50), "size of a thumbnail", least=1, most=30_000)
    thumb_quality: int = key(85, "JPEG quality of thumbnails", least=1, most=95)
    variants: tuple[str, ...] = key((), "keep also", choices=("mirror", "crops"))
    workers: int = key(cores(), "how many processes at once", least=1)
    chunks: int = key(8, "parts into which the workflow divides the photos", least=1)
    feature: str = key("mean", "what to compare", choices=tuple(FEATURES))
    detail: int = key(0, "of pixels: so many across and down (0: 3)")
    bins: int = key(0, "of a histogram: so many for each channel (0: 256)", most=256)
    colour: str = key("rgb", "space of colours", choices=tuple(COLOURS))
    metric: str = key("euclidean", "kind of distance", choices=tuple(METRICS))
    weights: tuple[float, float, float] = key((1.0, 1.0, 1.0), "of the three channels")
    method: str = key("unique", "how to match", choices=("nearest", "unique"))
    dither: bool = key(False, "hand a cell's error in colour on to its neighbours")
    max_uses: int = key(1, "budget: how often a photo may be used", least=1)
    min_uses: int = key(0, "how often each photo is used at least")
    budgets: str = key("", "CSV table of other budgets: name, min, max")
    pins: str = key("", "CSV table of photos with a fixed place: row, col, name")
    dedupe: bool = key(False, "let photos that look the same share one budget")
    spacing: int = key(0, "keep equal photos more than so many cells apart")
    choices: int = key(1, "how many of the best photos of each cell to list or to vary", least=1)
    gap: float = key(0.0, "stop at this proven relative gap")
    time_limit: float = key(0.0, "stop after so many seconds, with the best match so far")
    solver: str = key("sparse", "how to place exactly", choices=("sparse", "dense"))
    repeats: str = key("refuse", "if photos are too few", choices=("refuse", "fewest"))
    tint: float = key(0.0, "move the photos' colours to the target's: 0 to 1", most=1)
    blend: float = key(0.0, "or: mix them with it, 0 to 1", most=1)
# ~/~ end

# ~/~ begin <<mosaic.md#open-photos>>[init]
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
# ~/~ begin <<mosaic.md#open-photos>>[1]
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
def cut_photo(
    name: str, folder: str, size: tuple[int, int], variant: str = ""
) -> tuple[tuple[int, int], Image.Image]:
    """The (width, height) of a photo, and the photo cut and shrunk; one of `UNREADABLE`."""
    at = {"first": 0.0, "last": 1.0}.get(variant.split(" ")[0], 0.5)
    with open_any(folder, name) as photo:
        whole, small = upright_size(photo), shrink_photo(photo, size, at=at)
    return whole, ImageOps.mirror(small) if "mirror" in variant else small


def make_thumbnail(
    name: str, folder: str, size: tuple[int, int], quality: int, variant: str = ""
) -> Thumbnail | Reject:
    """Make the thumbnail of one photo, or say why it cannot be read."""
    buffer = io.BytesIO()
    try:
        whole, small = cut_photo(name, folder, size, variant)
        small.save(buffer, "JPEG", quality=quality)
        red, green, blue = mean_rgb(np.asarray(small)[None])[0].astype(int).tolist()
        return Thumbnail(name, whole, buffer.getvalue(), (red, green, blue), variant)
    except UNREADABLE as error:
        if name.lower().endswith((".heic", ".heif")) and "HEIF" not in formats():
            return Reject(name, "HEIC needs a package: pip install pillow-heif")
        reason = str(error).replace(str(Path(folder, name)), "the file")
        return Reject(name, show(f"{type(error).__name__}: {reason}"))
# ~/~ end
# ~/~ begin <<mosaic.md#make-thumbnails>>[3]
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
    threading.Thread(target=follow_parent, daemon=True).start()


def follow_parent() -> None:
    """Wait for the main process to end; if it was killed, end as well."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
# ~/~ end

# ~/~ begin <<mosaic.md#keep-thumbnails>>[init]
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
# ~/~ begin <<mosaic.md#keep-thumbnails>>[1]
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
# ~/~ begin <<mosaic.md#keep-thumbnails>>[2]
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
# ~/~ begin <<mosaic.md#keep-thumbnails>>[3]
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
# ~/~ begin <<mosaic.md#keep-thumbnails>>[4]
def read_thumbnails(path: str, which: Sequence[int] | Array, size: tuple[int, int]) -> Array:
    """Decode thumbnails of a store, at any size: (k, height, width, 3) uint8."""
    images = np.empty((len(which), size[1], size[0], 3), np.uint8)
    with open_store(path) as file:
        starts, jpeg = file["starts"][:], file["jpeg"]
        for image, i in zip(images, which, strict=True):
            thumbnail = Image.open(io.BytesIO(jpeg[starts[i] : starts[i + 1]]), formats=["JPEG"])
            image[:] = np.asarray(thumbnail if thumbnail.size == size else shrink_photo(thumbnail, size))
    return images
# ~/~ end

# ~/~ begin <<mosaic.md#match-cells>>[init]
def cut_cells(
    target: Image.Image,
    grid: tuple[int, int],
    thumb_res: tuple[float, float],
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
def transport(cost: Array, max_uses: int = 1, min_uses: int = 0) -> Array:
    """Use each of n tiles min_uses to max_uses times, at the least cost: (n, m) to (m,).

    Needs memory for several such arrays. Solved exactly by the network simplex of POT
    (Bonneel et al., 2011).
    """
    import ot  # here, for it takes half a second to load

    n, m = cost.shape
    heaps = [(max_uses - min_uses, 0.0), (min_uses, (m + 1) * (1 + cost.max()))]
    heaps = [heap for heap in heaps if heap[0]]
    supply = np.concatenate([np.full(n, float(copies)) for copies, _ in heaps])
    spare = n * max_uses - m
    demand = np.append(np.ones(m), spare) if spare else np.ones(m)
    costs: Array = np.empty((len(heaps), n, len(demand)))
    costs[:, :, :m] = cost
    if spare:
        costs[:, :, m] = [[road] for _, road in heaps]
    costs = costs.reshape(len(supply), len(demand))
    plan, log = ot.emd(supply, demand, costs, numItermax=10**9, log=True, check_marginals=False)
    match: Array = plan[:, :m].argmax(axis=0) % n
    uses = np.bincount(match, minlength=n)
    if log["result_code"] != 1 or uses.max() > max_uses or uses.min() < min_uses:
        raise RuntimeError(f"ot.emd found no plan: {log['warning']}")
    return match


def match_unique(tiles: Array, cells: Array, max_uses: int = 1, min_uses: int = 0) -> Array:
    """Match at the least cost, using every tile min_uses to max_uses times.

    Features (n, f) and (m, f) to tile numbers (m,).

    >>> match_unique(np.array([[0.0], [3.0], [9.0]]), np.array([[2.0], [3.0]]))
    array([0, 1])
    """
    tiles, cells = tiles.astype(np.float64), cells.astype(np.float64)
    squares = (tiles**2).sum(1)[:, None] - 2 * tiles @ cells.T + (cells**2).sum(1)
    return transport(squares, max_uses, min_uses)
# ~/~ end

# ~/~ begin <<mosaic.md#paste>>[init]
KEEP = 1 << 28  # bytes of decoded thumbnails
Draw = Callable[[Array, tuple[int, int]], Array]


def paste_bands(draw: Draw, match: Array, thumb_res: tuple[int, int]) -> Iterator[Array]:
    """Paste one row of cells after the other: (height, cols * width, 3) uint8 each.

    `draw` returns thumbnails, (k, height, width, 3), by their numbers and a size.
    """
    width, height = thumb_res
    once = np.unique(match).size * width * height * 3 <= KEEP
    for part in [match] if once else np.split(match, len(match)):
        which, place = np.unique(part, return_inverse=True)
        thumbnails = draw(which, thumb_res)
        for row in place.reshape(part.shape):
            yield thumbnails[row].swapaxes(0, 1).reshape(height, len(row) * width, 3)
# ~/~ end

# ~/~ begin <<mosaic.md#command-line>>[init]
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 2 for bad input, 130 for Ctrl-C."""
    from smalti import command

    return command.main(argv)
# ~/~ end

if __name__ == "__main__":
    sys.exit(main())
# ~/~ end