# Made from mosaic.md by make tangle; edit that.
"""Create a photo mosaic, a picture made of many photos; the book is mosaic.md."""

import dataclasses
import functools
import hashlib
import io
import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import h5py
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from PIL import Image

from smalti.ground.archives import load_image, open_any
from smalti.ground.collection import collection_root, list_collection
from smalti.ground.errors import MosaicError, Unreadable
from smalti.ground.files import Disk, atomic
from smalti.ground.seals import SealedHDF5, sealing
from smalti.ground.photos import explain, make_averageable, orientation, scaled
from smalti.ground.photos import to_srgb, turn_upright, upright_size
from smalti.ground.settings import Count, Pair, Size, Whole, cores, load_settings
from smalti.ground.workers import map_in_pool

Array = NDArray[Any]  # Any: of whole numbers or of fractions; each function says which


@dataclasses.dataclass(frozen=True)
class CollectionSettings:
    """Collection"""

    image_path: Annotated[tuple[str, ...], "folders and archives of photos"] = ("data/cats",)
    data_path: Annotated[str, "folder for thumbnails and matches"] = "data"


@dataclasses.dataclass(frozen=True)
class ThumbnailSettings:
    """Thumbnails"""

    thumb_res: Annotated[Size, "size of a thumbnail"] = (50, 50)
    thumb_quality: Annotated[int, Meta(ge=1, le=95), "JPEG quality of thumbnails"] = 85
    workers: Annotated[Count, "how many processes at once"] = cores()


@dataclasses.dataclass(frozen=True)
class TargetSettings:
    """Target"""

    target: Annotated[str, "image to imitate"] = ""
    target_id: Annotated[Whole, "without a target: number of the photo to imitate"] = 0


@dataclasses.dataclass(frozen=True)
class CellSettings:
    """Cells"""

    target_res: Annotated[Pair, "columns and rows; 0 0 chooses"] = (0, 0)


@dataclasses.dataclass(frozen=True)
class UseSettings:
    """Uses"""

    max_uses: Annotated[Count, "budget: how often a photo may be used"] = 1


@dataclasses.dataclass(frozen=True)
class Settings(CollectionSettings, ThumbnailSettings, TargetSettings, CellSettings, UseSettings):
    """The workflow"""

    chunks: Annotated[Count, "parts into which the workflow divides the photos"] = 8


Box = tuple[float, float, float, float]


def crop_box(size: tuple[float, float], shape: tuple[float, float], at: float = 0.5) -> Box:
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


def shrink_photo(
    photo: Image.Image,
    size: tuple[int, int],
    shape: tuple[float, float] | None = None,
    at: float = 0.5,
) -> Image.Image:
    """Turn a photo upright, cut it to a shape around its middle, and shrink it to a size.

    `size` is (width, height) in pixels; `shape` is (width, height) in any unit, by default
    that of `size`. The result is RGB, in sRGB. Raises Unreadable.
    """
    turn = orientation(photo)
    lying = turn >= 5  # 5 to 8 lie on their side
    width, height = size[::-1] if lying else size
    across, down = (shape or size)[::-1] if lying else (shape or size)
    box = crop_box(scaled(photo, (2 * width, 2 * height)), (across, down), at)
    small = make_averageable(photo).resize(
        (width, height), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0
    )
    small = to_srgb(small, photo.info.get("icc_profile"))
    return turn_upright(small, turn)


@dataclasses.dataclass(frozen=True)
class Thumbnail:
    """A photo, cut and shrunk: its name, its own (width, height), JPEG bytes, mean RGB."""

    name: str
    size: tuple[int, int]
    jpeg: bytes
    mean: tuple[int, int, int]
    variant: str = ""  # how it was cut or mirrored, if not around the middle


@dataclasses.dataclass(frozen=True)
class Reject:
    """A photo that could not be read, and why."""

    name: str
    reason: str


def mean_colour(images: Array) -> Array:
    """Mean colour, in whole levels: (k, height, width, 3) to (k, 3) float32.

    >>> mean_colour(np.array([[[[0, 10, 20], [10, 20, 255]]]], np.uint8))
    array([[  5.,  15., 138.]], dtype=float32)
    """
    means: Array = images.mean(axis=(1, 2), dtype=np.float64)
    return np.rint(means).astype(np.float32)


def encode_thumbnail(
    name: str, whole: tuple[int, int], small: Image.Image, quality: int, variant: str = ""
) -> Thumbnail:
    """The thumbnail of a photo of size `whole`, given its pixels when small."""
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=quality)
    red, green, blue = mean_colour(np.asarray(small)[None])[0].astype(int).tolist()
    return Thumbnail(name, whole, buffer.getvalue(), (red, green, blue), variant)


def make_thumbnail(
    name: str, folder: str, size: tuple[int, int], quality: int = 85
) -> Thumbnail | Reject:
    """Make the thumbnail of one photo, or say why it cannot be read."""
    try:
        with open_any(folder, name) as photo:
            whole, small = upright_size(photo), shrink_photo(photo, size)
    except Unreadable as error:
        return Reject(name, explain(name, error))
    return encode_thumbnail(name, whole, small, quality)


Result = TypeVar("Result")


def in_parallel(
    task: Callable[[str], Result], names: Sequence[str], workers: int = 1
) -> Iterator[Result]:
    """The results of a task for each name, in the order of the names, by some processes."""
    if workers == 1:
        yield from map(task, names)
        return
    yield from map_in_pool(task, names, workers, chunksize=32)


def make_thumbnails(
    names: Sequence[str], folder: str, size: tuple[int, int], quality: int = 85, workers: int = 1
) -> Iterator[Thumbnail | Reject]:
    """Make the thumbnails of all photos, in their order, by a number of processes."""
    task = functools.partial(make_thumbnail, folder=folder, size=size, quality=quality)
    return in_parallel(task, names, workers)


FORMAT, VERSION, BATCH = "photo mosaic thumbnails", 2, 1024
ANEW = "delete it, and `make` or `mosaic thumbnails` makes it anew"


def create_datasets(file: h5py.File) -> None:
    """Create the empty datasets of a store."""
    file.attrs.update(format=FORMAT, version=VERSION)
    text = h5py.string_dtype()  # of any length, and it keeps any bytes
    for name, shape, kind in [
        ("jpeg", (), np.uint8),
        ("name", (), text),
        ("variant", (), text),
        ("size", (2,), np.int32),
        ("mean", (3,), np.uint8),
        ("rejects/name", (), text),
        ("rejects/reason", (), text),
    ]:
        chunk = (1 << 20,) if name == "jpeg" else (BATCH, *shape)
        file.create_dataset(name, (0, *shape), kind, maxshape=(None, *shape), chunks=chunk)


def append(dataset: h5py.Dataset, rows: Sequence[object] | Array) -> None:
    """Add rows to the end of a dataset that may grow."""
    if len(rows):
        dataset.resize(len(dataset) + len(rows), axis=0)
        dataset[-len(rows) :] = rows


def write_store(
    path: str, made: Iterable[Thumbnail | Reject], thumb_res: tuple[int, int], origin: str = ""
) -> None:
    """Write thumbnails and rejects to a store, in their order."""
    stream, digest, starts = iter(made), hashlib.sha256(), [0]
    with sealing(path) as part, Disk(part, "w+") as disk:
        with h5py.File(disk, "w") as file:
            create_datasets(file)
            disk.check()
            while batch := list(itertools.islice(stream, BATCH)):
                good = [one for one in batch if isinstance(one, Thumbnail)]
                for one in good:
                    digest.update(os.fsencode(one.name) + b"\0" + one.jpeg)
                starts += (starts[-1] + np.cumsum([len(one.jpeg) for one in good])).tolist()
                append(file["jpeg"], np.frombuffer(b"".join(one.jpeg for one in good), np.uint8))
                append(file["name"], [os.fsencode(one.name) for one in good])
                append(file["variant"], [one.variant for one in good])
                append(file["size"], [one.size for one in good])
                append(file["mean"], [one.mean for one in good])
                bad = [one for one in batch if isinstance(one, Reject)]
                append(file["rejects/name"], [os.fsencode(one.name) for one in bad])
                append(file["rejects/reason"], [os.fsencode(one.reason) for one in bad])
                disk.check()
            file["starts"] = np.array(starts, np.int64)
            file.attrs.update(thumb_res=thumb_res, origin=origin, digest=digest.hexdigest())
        disk.check()


@dataclasses.dataclass(frozen=True, repr=False)
class Store:
    """A store that is open for reading, and what it says of its n thumbnails."""

    path: str
    file: SealedHDF5
    names: list[str]
    variants: list[str]
    starts: Array  # (n + 1,) where thumbnails begin
    mean: Array  # (n, 3) whole levels, float32
    thumb_res: tuple[int, int]
    rejects: list[Reject]
    digest: str
    origin: str

    def __repr__(self) -> str:
        width, height = self.thumb_res
        return f"<{self.path}: {len(self.names)} thumbnails of {width} x {height}>"

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()


CONTENTS = {"jpeg", "starts", "name", "variant", "size", "mean", "rejects"}


def open_store(path: str) -> Store:
    """Open a finished store for reading; anything else is a MosaicError."""
    if not Path(path).is_file():
        raise MosaicError(f"there is no store {path}; make one with `mosaic thumbnails`")
    file = SealedHDF5(path, ANEW)
    about = dict(file.attrs)
    problem = ""
    if about.get("format") != FORMAT:
        problem = "is not a store of thumbnails"
    elif (found := about.get("version")) != VERSION:
        problem = f"has version {found}, not {VERSION}"
    elif missing := (CONTENTS - set(file)) | ({"thumb_res", "origin", "digest"} - set(about)):
        problem = f"lacks {', '.join(sorted(missing))}"
    if problem:
        file.close()
        raise MosaicError(f"{path} {problem}; {ANEW}")
    width, height = about["thumb_res"].tolist()
    bad = zip(file["rejects/name"][:], file["rejects/reason"][:], strict=True)
    return Store(
        path=path,
        file=file,
        names=[os.fsdecode(name) for name in file["name"][:]],
        variants=[variant.decode() for variant in file["variant"][:]],
        starts=file["starts"][:],
        mean=file["mean"][:].astype(np.float32),
        thumb_res=(width, height),
        rejects=[Reject(os.fsdecode(name), os.fsdecode(why)) for name, why in bad],
        digest=about["digest"],
        origin=about["origin"],
    )


def read_thumbnails(store: Store, which: Iterable[int], size: tuple[int, int]) -> Array:
    """Decode k thumbnails of a store, at any size: (k, height, width, 3) uint8."""
    numbers, jpeg = list(which), store.file.bytes_of("jpeg")
    images = np.empty((len(numbers), size[1], size[0], 3), np.uint8)
    for image, i in zip(images, numbers, strict=True):
        content = jpeg.take(*store.starts[i : i + 2].tolist())
        try:
            small = Image.frombytes("RGB", store.thumb_res, content, "jpeg", "RGB", "")
        except ValueError as error:
            raise MosaicError(f"{store.path} is damaged; {ANEW}") from error
        image[:] = np.asarray(small if small.size == size else shrink_photo(small, size))
    return images


def target_path(settings: TargetSettings, folder: str, names: Sequence[str]) -> str:
    """The path of the target, or of the photo that serves as the target."""
    photos = list(dict.fromkeys(names))
    if settings.target:
        return settings.target
    if settings.target_id >= len(photos):
        raise MosaicError(
            f"target_id = {settings.target_id}, but photos are numbered 0 to "
            f"{len(photos) - 1}; choose one of them, or set target"
        )
    return str(Path(folder, photos[settings.target_id]))


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


def match_nearest(tiles: Array, cells: Array) -> Array:
    """For each cell the nearest tile: (n, f) and (m, f) features to (m,) tile numbers.

    Bentley, Multidimensional binary search trees (Communications of the ACM 18:9, 1975).

    >>> match_nearest(np.array([[0.0], [10.0]]), np.array([[9.0], [2.0], [8.0]]))
    array([1, 0, 1])
    """
    from scipy.spatial import cKDTree  # here, for it takes half a second to load

    tree = cKDTree(tiles, leafsize=128, balanced_tree=False, compact_nodes=False)
    found: Array = tree.query(cells)[1]
    return found.astype(np.int64)


def match_cost(tiles: Array, cells: Array, match: Array) -> float:
    """Squared distances of all cells to their tiles, summed up."""
    return float(((tiles[match].astype(np.float64) - cells) ** 2).sum())


Costs = TypeVar("Costs")  # Array, or a sparse array of SciPy


def transport(supply: Array, want: Array, costs: Costs) -> tuple[Costs, Array, Array]:
    """Cheapest plan for (n,) `supply` and (m,) `want` with its prices (n,) and (m,).

    `costs` is (n, m), an array or a sparse one that lists the pairs to use; the plan is of the
    same kind. Raises RuntimeError if there is no plan. After Bonneel et al. (2011).
    """
    import ot  # here, for it takes a second to load

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the code says the same, and cannot be overlooked
        plan, log = ot.emd(supply, want, costs, numItermax=10**12, log=True, center_dual=False)
    if log["result_code"] != 1:
        raise RuntimeError(f"no optimal plan was found: {log['warning']}")
    return plan, log["u"], log["v"]


def squared_distances(tiles: Array, cells: Array) -> Array:
    """Squared distances of all pairs: (n, f) and (m, f) to (n, m) float64."""
    tiles, cells = tiles.astype(np.float64), cells.astype(np.float64)
    squares: Array = (tiles**2).sum(1)[:, None] - 2 * tiles @ cells.T
    squares += (cells**2).sum(1)
    return squares


def check_budget(n: int, m: int, max_uses: int) -> None:
    """Raise MosaicError if n photos, each used at most max_uses times, cannot fill m cells."""
    if n * max_uses < m:
        times = "once" if max_uses == 1 else f"{max_uses} times"
        raise MosaicError(
            f"{m} cells cannot be filled by {n} photos used at most {times}: "
            f"{-(-m // max_uses) - n} photos are missing; add photos, "
            f"or set max_uses = {-(-m // max(n, 1))}"
        )


def match_unique(tiles: Array, cells: Array, max_uses: int = 1) -> tuple[Array, Array]:
    """Match at the least cost, using no tile more than max_uses times.

    Features (n, f) and (m, f) to tile numbers (m,) and prices of tiles (n,).

    >>> match_unique(np.array([[0.0], [3.0], [9.0]]), np.array([[2.0], [3.0]]))[0]
    array([0, 1])
    """
    n, m = len(tiles), len(cells)
    check_budget(n, m, max_uses)
    costs, want, spare = squared_distances(tiles, cells), np.ones(m), n * max_uses - m
    if spare:
        costs, want = np.c_[costs, np.zeros(n)], np.append(want, spare)
    plan, prices, _ = transport(np.full(n, float(max_uses)), want, costs)
    return plan[:, :m].argmax(axis=0), prices - prices.max()


def lower_bound(tiles: Array, cells: Array, prices: Array, max_uses: int = 1) -> float:
    """A lower bound of the cost of any match with this budget, whatever the prices (n,)."""
    offers = squared_distances(tiles, cells) - prices[:, None]
    return float(offers.min(axis=0).sum() + max_uses * np.minimum(prices, 0).sum())


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


def save_image(
    path: str | Path, bands: Iterable[Array], size: tuple[int, int], **options: object
) -> None:
    """Save (height, width, 3 or 4) bands as an image of (width, height) pixels, by its ending."""
    canvas, top = None, 0
    for band in bands:
        part = Image.fromarray(band)
        canvas = canvas or Image.new(part.mode, size)
        canvas.paste(part, (0, top))
        top += part.height
    with atomic(path) as whole:
        (canvas or Image.new("RGB", size)).save(whole, None, **{"quality": 90} | options)


def make_mosaics(settings: Settings) -> None:
    """Make the nearest and the unique mosaic of a collection, in the current folder."""
    folder, (cols, rows) = collection_root(settings.image_path), settings.target_res
    size, path = settings.thumb_res, f"{settings.data_path}/thumbnails.h5"
    if not cols * rows:
        raise MosaicError(f"target_res = {cols} {rows}: give both; only `mosaic` chooses them")
    names = list_collection(settings.image_path)
    made = make_thumbnails(names, folder, size, settings.thumb_quality, settings.workers)
    write_store(path, made, size)
    with open_store(path) as store:
        check_budget(len(store.names), cols * rows, settings.max_uses)
        target = load_image(target_path(settings, folder, store.names))
        cells = mean_colour(cut_cells(target, (cols, rows), size))
        nearest = match_nearest(store.mean, cells)
        paste_mosaic(store, nearest.reshape(rows, cols), "mosaic_nearest.jpg")
        if (pairs := len(store.names) * len(cells)) >= 10**7:
            print(
                f"comparing {len(store.names)} photos with {len(cells)} cells takes {4e-8 * pairs:.1f} GB "
                f"and {4e-7 * pairs:.0f} s; `make`, or `mosaic match`, needs much less"
            )
        unique, prices = match_unique(store.mean, cells, settings.max_uses)
        paste_mosaic(store, unique.reshape(rows, cols), "mosaic_unique.jpg")
        bound = lower_bound(store.mean, cells, prices, settings.max_uses)
        cost = match_cost(store.mean, cells, unique)
        print(f"the unique match costs {cost:.6g}, and none costs less than {bound:.6g}")


def paste_mosaic(store: Store, match: Array, path: str) -> None:
    """Save the mosaic of a (rows, cols) match."""
    (rows, cols), (width, height) = match.shape, store.thumb_res
    bands = paste_bands(functools.partial(read_thumbnails, store), match, store.thumb_res)
    save_image(path, bands, (cols * width, rows * height))
    print(f"{path}: {cols * width} x {rows * height} pixels")


def main(words: Sequence[str] = ()) -> int:
    """Make both mosaics as config.toml says; return the exit status, 2 for bad input."""
    try:
        if words:
            raise MosaicError("mosaic.py reads only config.toml; for options, see `mosaic --help`")
        make_mosaics(load_settings(Settings, "config.toml"))
    except (MosaicError, OSError) as error:
        print(f"mosaic: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
