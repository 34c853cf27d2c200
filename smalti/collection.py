# ~/~ begin <<smalti/collection.md#smalti/collection.py>>[init]
"""Collections: archives, data sets, duplicates and tables; explained in collection.md."""

# ~/~ begin <<smalti/collection.md#collection-imports>>[init]
import contextlib
import csv
import difflib
import functools
import gzip
import io
import math
import os
import re
import shutil
import stat
import sys
import tarfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from smalti.ground.photos import formats, open_photo
from smalti.ground.settings import MosaicError, show

Array = NDArray[Any]
# ~/~ end

# ~/~ begin <<smalti/collection.md#name-a-place>>[init]
INSIDE = re.compile(r"(.+?\.(?:zip|tar|tar\.gz|tgz))!/(.+)", re.DOTALL | re.IGNORECASE)
NUMBERED = re.compile(r"(.+\.bin)#(\d+)", re.DOTALL | re.IGNORECASE)


class Place(NamedTuple):
    """Where a photo is: a file, maybe a member of that archive, maybe a number therein."""

    path: str
    member: str = ""
    number: int = -1


def parse_name(name: str) -> Place:
    """Take the name of a photo apart.

    >>> parse_name("cifar.tar.gz!/data_batch_1.bin#00123")
    Place(path='cifar.tar.gz', member='data_batch_1.bin', number=123)
    """
    numbered = NUMBERED.fullmatch(name)
    name, number = (numbered[1], int(numbered[2])) if numbered else (name, -1)
    inside = INSIDE.fullmatch(name)
    return Place(inside[1], inside[2], number) if inside else Place(name, "", number)
# ~/~ end
# ~/~ begin <<smalti/collection.md#name-a-place>>[1]
def collection_root(paths: str | Sequence[str]) -> str:
    """The folder below which a collection's names are paths; raises MosaicError."""
    paths = [paths] if isinstance(paths, str) else paths
    for path in paths or [""]:
        if not path or not Path(path).exists():
            raise MosaicError(
                f"there is no folder or archive {path!r}; let image_path name your photos"
            )
    folders = [path if Path(path).is_dir() else str(Path(path).parent) for path in paths]
    if len(folders) == 1:
        return folders[0]
    try:
        return os.path.commonpath([Path(folder).absolute() for folder in folders])
    except ValueError as error:
        raise MosaicError(f"photos on several drives cannot be one collection: {error}") from error
# ~/~ end

# ~/~ begin <<smalti/collection.md#look-into-archives>>[init]
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
DAMAGES = (zipfile.BadZipFile, tarfile.TarError, RuntimeError, EOFError, zlib.error, OSError)
Stamp = tuple[str, int, int]


def file_stamp(path: str) -> Stamp:
    """The path, size and time of a file; if they are the same, so is the file."""
    about = Path(path).stat()
    return path, about.st_size, about.st_mtime_ns


def open_gzip(path: str) -> Any:
    """Open a compressed file for reading at any position."""
    try:
        from indexed_gzip import IndexedGzipFile
    except ImportError:
        return gzip.open(path)
    spacing = max(1 << 18, Path(path).stat().st_size >> 10)
    return IndexedGzipFile(path, spacing=spacing, buffer_size=1 << 16)
# ~/~ end
# ~/~ begin <<smalti/collection.md#look-into-archives>>[1]
def keep_open(stamp: Stamp) -> Any:
    """Open a .zip or a compressed tar, once in each process and thread."""
    return open_for(stamp, os.getpid(), threading.get_ident())


@functools.lru_cache(maxsize=64)
def open_for(stamp: Stamp, process: int, thread: int) -> Any:
    """Open a .zip or a compressed tar for a thread of a process."""
    path = stamp[0]
    return zipfile.ZipFile(path) if path.lower().endswith(".zip") else open_gzip(path)
# ~/~ end
# ~/~ begin <<smalti/collection.md#look-into-archives>>[2]
class Member(NamedTuple):
    """A file in an archive: its size in bytes, its time or checksum, where a tar has it."""

    size: int
    version: int
    offset: int = 0


@functools.lru_cache(maxsize=8)
def index_archive(stamp: Stamp) -> dict[str, Member]:
    """List the files in an archive; raises MosaicError if it is none, or damaged."""
    try:
        if stamp[0].lower().endswith(".zip"):
            files = [entry for entry in keep_open(stamp).infolist() if not entry.is_dir()]
            return {entry.filename: Member(entry.file_size, entry.CRC) for entry in files}
        with tarfile.open(stamp[0]) as tar:
            return {
                entry.name: Member(entry.size, int(entry.mtime * 1e9), entry.offset_data)
                for entry in tar
                if entry.isreg() and not entry.issparse()
            }
    except DAMAGES as error:
        raise MosaicError(f"cannot read the archive {stamp[0]}: {error}") from error
# ~/~ end
# ~/~ begin <<smalti/collection.md#look-into-archives>>[3]
LARGEST = 1 << 30  # bytes that one photo may have


def read_bytes(path: str, member: str, start: int = 0, count: int = -1) -> bytes:
    """Read bytes of a file, or of a member of an archive; raises OSError."""
    if not member:
        with Path(path).open("rb") as file:
            file.seek(start)
            return file.read(count)
    stamp = file_stamp(path)
    about = index_archive(stamp).get(member)
    if about is None:
        raise FileNotFoundError(f"there is no {member!r} in {path}")
    count = about.size - start if count < 0 else count
    if count > LARGEST:
        raise OSError(f"{count} bytes are too many for a photo")
    try:
        if path.lower().endswith(".tar"):
            return read_bytes(path, "", about.offset + start, count)
        if not path.lower().endswith(".zip"):
            keep_open(stamp).seek(about.offset + start)
            return bytes(keep_open(stamp).read(count))
        with keep_open(stamp).open(member) as file:
            file.seek(start)
            return bytes(file.read(count))
    except DAMAGES as error:
        raise OSError(f"the archive is damaged: {error}") from error
# ~/~ end

# ~/~ begin <<smalti/collection.md#read-cifar>>[init]
SIDE = 32
PLANES = 3 * SIDE * SIDE


def record_length(name: str, size: int) -> int:
    """Bytes of a record in a CIFAR file; 0 if it is not one.

    >>> record_length("test_batch.bin", 30_730_000), record_length("test.bin", 30_740_000)
    (3073, 3074)
    """
    if not size or not name.lower().endswith(".bin"):
        return 0
    return next((PLANES + n for n in (1, 2) if size % (PLANES + n) == 0), 0)


def number_records(name: str, size: int) -> Iterator[str]:
    """The names of all pictures in a CIFAR file, `#00000` and on; none if it is another."""
    if length := record_length(name, size):
        yield from (f"#{i:05}" for i in range(size // length))


def open_record(path: str, member: str, number: int) -> Image.Image:
    """Open one picture of a CIFAR file; raises OSError."""
    size = index_archive(file_stamp(path))[member].size if member else Path(path).stat().st_size
    length = record_length(member or path, size)
    if not 0 <= number * length < size:
        raise OSError(f"there is no picture {number}")
    record = read_bytes(path, member, number * length, length)
    planes = np.frombuffer(record[-PLANES:], np.uint8).reshape(3, SIDE, SIDE)
    return Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
# ~/~ end

# ~/~ begin <<smalti/collection.md#list-photos>>[init]
ENDINGS = "jpg jpeg jpe jfif png webp tif tiff gif bmp avif heic heif"
SUFFIXES = frozenset("." + ending for ending in ENDINGS.split())
# ~/~ end
# ~/~ begin <<smalti/collection.md#list-photos>>[1]
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
        tiles = {f"{name[:-4]}_files" for name in files if name.endswith(".dzi")}
        folders[:] = sorted(name for name in folders if name[0] != "." and name not in tiles)
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

# ~/~ begin <<smalti/collection.md#describe-collections>>[init]
Entry = tuple[str, int, int]


def describe_folder(folder: str) -> Iterator[Entry]:
    """Name, size and time of the photos in a folder, and of CIFAR pictures right in it."""
    for name in list_photos(folder):
        with contextlib.suppress(FileNotFoundError):  # it went away just now
            about = Path(folder, name).stat()
            yield name, about.st_size, about.st_mtime_ns
    for path in Path(folder).glob("[!.]*.bin"):
        _, size, time = file_stamp(str(path))
        yield from ((path.name + mark, size, time) for mark in number_records(path.name, size))


def describe_archive(path: str) -> Iterator[Entry]:
    """Name, size and version of the photos in an archive, hidden ones left out."""
    for name, about in index_archive(file_stamp(path)).items():
        if any(part.startswith(".") for part in PurePosixPath(name).parts):
            continue
        if PurePosixPath(name).suffix.lower() in SUFFIXES:
            yield f"!/{name}", about.size, about.version
        for mark in number_records(name, about.size):
            yield f"!/{name}{mark}", about.size, about.version
# ~/~ end
# ~/~ begin <<smalti/collection.md#describe-collections>>[1]
def describe_file(path: str) -> Iterator[Entry]:
    """Name, size and version of what is in a file; the name follows that of the file."""
    _, size, time = file_stamp(path)
    if path.lower().endswith(ARCHIVES):
        yield from describe_archive(path)
    elif record_length(path, size):
        yield from ((mark, size, time) for mark in number_records(path, size))
    elif Path(path).suffix.lower() in SUFFIXES:
        yield "", size, time
    else:
        raise MosaicError(
            f"{path} is neither a folder, nor a photo, nor an archive ({', '.join(ARCHIVES)})"
        )


def describe_collection(paths: str | Sequence[str]) -> list[Entry]:
    """Name, size and version of all photos in folders and archives, sorted, none twice."""
    paths = [paths] if isinstance(paths, str) else paths
    root, found = collection_root(paths), dict[str, Entry]()
    for path in paths:
        below = os.path.relpath(path, root)
        if Path(path).is_dir():
            lead, entries = "" if below == "." else below + os.sep, describe_folder(path)
        else:
            lead, entries = below, describe_file(path)
        found.update((lead + entry[0], (lead + entry[0], *entry[1:])) for entry in entries)
    return sorted(found.values())


def list_collection(paths: str | Sequence[str]) -> list[str]:
    """The names of all photos in folders and archives, sorted."""
    return [name for name, _, _ in describe_collection(paths)]
# ~/~ end
# ~/~ begin <<smalti/collection.md#describe-collections>>[2]
def open_any(root: str, name: str) -> Image.Image:
    """Open a photo of a collection by its name; raises one of `UNREADABLE`."""
    place = parse_name(name)
    path = str(Path(root, place.path))
    if place.number >= 0:
        return open_record(path, place.member, place.number)
    if not place.member:
        return open_photo(path)
    content = io.BytesIO(read_bytes(path, place.member))
    try:
        return Image.open(content, formats=formats())
    except UnidentifiedImageError as error:
        raise UnidentifiedImageError("cannot identify image file") from error
# ~/~ end

# ~/~ begin <<smalti/collection.md#table-of-data-sets>>[init]
class DataSet(NamedTuple):
    """A data set: address and bytes of its archive, and what is in it."""

    address: str
    size: int  # in bytes; 0 if unknown
    unpack: bool  # if not, the archive itself is a collection
    checksum: str  # kind:digits; empty if none is published
    licence: str
    what: str


DATASETS = {
    "cifar10": DataSet(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", 170_052_171, False,
        "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        "not stated", "60,000 pictures of 32 x 32 pixels, of ten kinds",
    ),
    "cifar100": DataSet(
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", 168_513_733, False,
        "sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        "not stated", "60,000 pictures of 32 x 32 pixels, of a hundred kinds",
    ),
    "pets": DataSet(
        "https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz", 791_918_971, True,
        "sha256:67195c5e1c01f1ab5f9b6a5d22b8c27a580d896ece458917e61d459337fa318d",
        "CC BY-SA 4.0", "7,390 cats and dogs; names of cats begin with a capital",
    ),
    "open-images": DataSet(
        "https://s3.amazonaws.com/open-images-dataset/tar/validation.tar.gz", 12 * 10**9, True,
        "",
        "CC BY 2.0", "41,620 photos of everything",
    ),
    "cats": DataSet(
        "kaggle:crawford/cat-dataset", 0, True,
        "",
        "see kaggle.com", "about 10,000 cats, each of them twice; needs a log-in",
    ),
}
# ~/~ end

# ~/~ begin <<smalti/collection.md#unpack-safely>>[init]
def safe_path(folder: Path, name: str) -> Path:
    """The path of a member in a folder; MosaicError if it would lie outside.

    >>> safe_path(Path("pets"), "images/1.jpg").as_posix()
    'pets/images/1.jpg'
    """
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind(name)
        if path.is_absolute() or path.drive or ".." in path.parts or "\0" in name:
            raise MosaicError(f"the archive wants to write outside its folder: {name!r}")
    return folder / name


def iterate_archive(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, size and content of the files in an archive; MosaicError for links and devices."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for entry in file.infolist():
                if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise MosaicError(f"the archive holds a link or device: {entry.filename!r}")
                if not entry.is_dir():
                    with file.open(entry) as content:
                        yield entry.filename, entry.file_size, content
        return
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            if not (member.isreg() or member.isdir()):
                raise MosaicError(f"the archive holds a link or device: {member.name!r}")
            if member.isreg():
                yield member.name, member.size, cast(IO[bytes], tar.extractfile(member))
# ~/~ end
# ~/~ begin <<smalti/collection.md#unpack-safely>>[1]
def unpack(archive: Path, folder: Path, most: int) -> None:
    """Unpack at most so many bytes from a .zip or .tar(.gz) into a new folder.

    Raises MosaicError if the archive is damaged, too large, or wants to write elsewhere.
    """
    part, total = folder.with_name(f".{os.getpid()}.part.{folder.name}"), 0
    try:
        part.mkdir(parents=True)
        for name, size, content in iterate_archive(archive):
            total += size + 512
            if total > most:
                raise MosaicError(f"{archive} unfolds to more than {most} bytes; is it a trap?")
            path = safe_path(part, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                shutil.copyfileobj(content, file)
        part.replace(folder)
    except (zipfile.BadZipFile, tarfile.TarError, RuntimeError, EOFError, zlib.error) as error:
        raise MosaicError(f"cannot unpack {archive}: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
# ~/~ end

# ~/~ begin <<smalti/collection.md#fetch-data-sets>>[init]
def download(name: str, data: DataSet, folder: Path, quiet: bool) -> Path:
    """Download the archive of a data set and compare its checksum; raises MosaicError."""
    try:
        import pooch
    except ImportError as error:
        raise MosaicError("fetching needs a package: pip install pooch") from error
    pooch.get_logger().setLevel("ERROR")
    hide = True if quiet else None  # None: unless this is a terminal
    bar = tqdm(desc=name, total=data.size, unit="B", unit_scale=True, leave=False, disable=hide)
    plain = {"Accept-Encoding": "identity"}
    loader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 20, headers=plain)
    file = data.address.rsplit("/", 1)[1]
    try:
        path = pooch.retrieve(data.address, data.checksum or None, file, folder, downloader=loader)
    except ValueError as error:
        raise MosaicError(
            f"{data.address} is not the file we know: its checksum differs; try again, or "
            "report it, for it may have been replaced"
        ) from error
    except OSError as error:
        if error.errno:  # of the disk; the network's errors have no number
            raise
        reason = getattr(getattr(error, "response", None), "status_code", type(error).__name__)
        raise MosaicError(f"cannot fetch {data.address} ({reason}); try again later") from error
    finally:
        bar.close()
    return Path(path)
# ~/~ end
# ~/~ begin <<smalti/collection.md#fetch-data-sets>>[1]
def check_size(path: Path, data: DataSet) -> None:
    """Compare the size of a download that has no checksum, and print what it has."""
    import pooch

    size = path.stat().st_size
    if not 0.8 * data.size <= size <= 1.2 * data.size:
        path.unlink()
        raise MosaicError(f"{data.address} has {size} bytes, not about {data.size}; removed it")
    print(f"{path}: no checksum is published; found sha256:{pooch.file_hash(str(path))}")


def check_space(folder: Path, data: DataSet) -> None:
    """Raise MosaicError if the disk cannot hold a data set."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted, free = data.size * (2 if data.unpack else 1), shutil.disk_usage(folder).free
    if wanted > free:
        raise MosaicError(f"{folder} has {free >> 20} MB left, {wanted >> 20} MB are needed")
# ~/~ end
# ~/~ begin <<smalti/collection.md#fetch-data-sets>>[2]
def fetch_kaggle(handle: str) -> Path:
    """Download a data set from Kaggle; return its folder; raises MosaicError."""
    try:
        import kagglehub
        from kagglehub.exceptions import CredentialError, UnauthenticatedError
    except ImportError as error:
        raise MosaicError("Kaggle needs a package: pip install kagglehub") from error
    try:
        return Path(kagglehub.dataset_download(handle))
    except (OSError, ValueError, CredentialError, UnauthenticatedError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise MosaicError(
            f"Kaggle does not hand out {handle} ({reason}); log in once by "
            "python -c 'import kagglehub; kagglehub.login()'"
        ) from error
# ~/~ end
# ~/~ begin <<smalti/collection.md#fetch-data-sets>>[3]
def fetch(
    name: str,
    folder: str | Path,
    *,
    mirror: str = "",
    quiet: bool = False,
    table: dict[str, DataSet] = DATASETS,
) -> Path:
    """Fetch a data set by name into a folder; return the collection, a folder or archive.

    `mirror` is the address of another server that has the same file. What was fetched
    before is not fetched again. Raises MosaicError.
    """
    if name not in table:
        near = difflib.get_close_matches(name, table, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(table)}"
        raise MosaicError(f"there is no data set {name!r}; {hint}")
    data, final = table[name], Path(folder, name)
    if data.address.startswith("kaggle:"):
        return fetch_kaggle(data.address.removeprefix("kaggle:"))
    if data.unpack and final.is_dir():
        return final
    if mirror:
        data = data._replace(address=f"{mirror}/{data.address.rsplit('/', 1)[1]}")
    archive = Path(folder, data.address.rsplit("/", 1)[1])
    if not archive.exists():
        check_space(Path(folder), data)
    archive = download(name, data, Path(folder), quiet)
    if not data.checksum:
        check_size(archive, data)
    if not data.unpack:
        return archive
    unpack(archive, final, most=4 * archive.stat().st_size + (64 << 20))
    archive.unlink()
    return final
# ~/~ end

# ~/~ begin <<smalti/collection.md#fingerprint-photos>>[init]
LOW = 8


def fingerprint(images: Array) -> Array:
    """Lowest frequencies of images: (n, height, width, 3) uint8 to (n, 3, 8, 8) float32.

    Height and width are at least 8. Prints of images of different sizes are comparable.
    """
    from scipy.fft import dct  # here, for it takes a while to load

    down, across = (
        dct(np.eye(length, dtype=np.float32), axis=0, norm="ortho")[:LOW] / length**0.5
        for length in images.shape[1:3]
    )
    prints = np.empty((len(images), 3, LOW, LOW), np.float32)
    for i in range(0, len(images), 256):
        planes = images[i : i + 256].astype(np.float32).transpose(0, 3, 1, 2)
        prints[i : i + 256] = down @ planes @ across.T
    return prints
# ~/~ end
# ~/~ begin <<smalti/collection.md#fingerprint-photos>>[1]
GREY = np.array([0.299, 0.587, 0.114], np.float32)


def hash_prints(prints: Array) -> Array:
    """The perceptual hash of (n, 3, 8, 8) fingerprints: (n,) uint64."""
    grey = np.rint(100 * np.einsum("nckl,c->nkl", prints, GREY)).reshape(-1, LOW * LOW)
    bits = grey > np.median(grey[:, 1:], axis=1, keepdims=True)
    hashes: Array = np.packbits(bits, axis=1).view(np.uint64)[:, 0]
    return hashes
# ~/~ end
# ~/~ begin <<smalti/collection.md#fingerprint-photos>>[2]
def unit_prints(prints: Array) -> Array:
    """Fingerprints as vectors of length 1: (n, 3, 8, 8) to (n, 192)."""
    looks = prints.copy()
    looks[:, :, 0, 0] = 0.02 * (looks[:, :, 0, 0] + 1)
    looks = looks.reshape(-1, 3 * LOW * LOW)
    units: Array = looks / np.linalg.norm(looks, axis=1, keepdims=True)
    return units
# ~/~ end

# ~/~ begin <<smalti/collection.md#find-duplicates>>[init]
BRIGHTER = 48  # levels by which the means of two copies may differ


def find_alike(prints: Array, distance: int = 10, likeness: float = 0.95) -> Array:
    """Group photos that look the same by their (n, 3, 8, 8) fingerprints: (n,) groups.

    Photos are alike if at most `distance` of 64 bits differ and the cosine of the angle
    between their fingerprints is at least `likeness`; and so are those alike to the same.
    Groups are numbered from 0, in the order of their first photos.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, hashes, looks = len(prints), hash_prints(prints), unit_prints(prints)
    means, known, pairs = prints[:, :, 0, 0], np.arange(n), [np.empty((0, 2), np.int64)]
    for i in range(n - 1):
        far = np.bitwise_count(hashes[i + 1 :] ^ hashes[i])
        near = i + 1 + np.flatnonzero(far <= distance)
        near = near[known[near] != known[i]]
        if len(near):
            alike = looks[near] @ looks[i] >= likeness
            alike &= np.abs(means[near] - means[i]).max(axis=1) <= BRIGHTER
            near = near[alike]
            known[near] = known[i]
            pairs.append(np.c_[np.full(len(near), i), near])
    left, right = np.concatenate(pairs).T
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n, n))
    groups: Array = connected_components(graph, directed=False)[1].astype(np.int64)
    return groups


def find_duplicates(images: Array, distance: int = 10, likeness: float = 0.95) -> Array:
    """Group (n, height, width, 3) thumbnails that look the same: (n,), see `find_alike`."""
    return find_alike(fingerprint(images), distance, likeness)
# ~/~ end
# ~/~ begin <<smalti/collection.md#find-duplicates>>[1]
def list_duplicates(names: Sequence[str], groups: Array) -> Iterator[str]:
    """A line for each group of more than one photo.

    >>> list(list_duplicates(["a", "b", "c"], np.array([0, 1, 0])))
    ['2 photos look the same: a, c']
    """
    order = np.argsort(groups, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        if len(group) > 1:
            yield f"{len(group)} photos look the same: {', '.join(names[i] for i in group)}"
# ~/~ end

# ~/~ begin <<smalti/collection.md#read-tables>>[init]
@contextlib.contextmanager
def blame(path: str | Path, line: int) -> Iterator[None]:
    """Begin what is said of an error with the place of the error."""
    try:
        yield
    except MosaicError as error:
        raise MosaicError(f"{path}, line {line}: {error}") from error


def read_rows(path: str | Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a table with a line of headings: line numbers, and cells by heading."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise MosaicError(f"cannot read the table {path}: {error.strerror}") from error
    comma = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=comma, restval="", strict=True)
    try:
        if missing := [name for name in columns if name not in (rows.fieldnames or [])]:
            raise MosaicError(
                f"{path}: no column {missing[0]}; the first line must be {','.join(columns)}"
            )
        yield from ((rows.line_num, row) for row in rows)
    except csv.Error as error:
        raise MosaicError(f"{path}, line {rows.line_num}: {error}") from error
# ~/~ end
# ~/~ begin <<smalti/collection.md#read-tables>>[1]
def whole_number(row: dict[str, str], column: str, default: int | None = None) -> int:
    """The whole number, 0 or more, in a column of a row; raises MosaicError."""
    text = row[column].strip()
    if not text and default is not None:
        return default
    if not re.fullmatch("[0-9]{1,9}", text):
        raise MosaicError(f"{column} is {text!r}; it must be a whole number, 0 or more")
    return int(text)
# ~/~ end
# ~/~ begin <<smalti/collection.md#read-tables>>[2]
def name_finder(names: Sequence[str]) -> Callable[[str], int]:
    """A function that finds the number of a photo by its name, or the end of its name."""
    exact = {name: len(names) - 1 - i for i, name in enumerate(reversed(names))}
    ends: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        ends.setdefault(re.split(r"[/\\]", name)[-1], []).append(i)

    def find(name: str) -> int:
        same = [exact[name]] if name in exact else ends.get(name, [])
        if len(same) == 1:
            return same[0]
        if same:
            one, other = names[same[0]], names[same[1]]
            raise MosaicError(f"{len(same)} photos are called {name!r}: {one!r}, {other!r} ...")
        near = difflib.get_close_matches(name, [*names, *ends], 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise MosaicError(f"there is no photo {name!r}{hint}")

    return find
# ~/~ end

# ~/~ begin <<smalti/collection.md#budgets-and-pins>>[init]
def read_budgets(
    path: str | Path, names: Sequence[str], least: int = 0, most: int = 1
) -> tuple[Array, Array]:
    """Read how often each of n photos is used, at least and at most: two (n,) arrays.

    Photos that are not named have `least` and `most`. Raises MosaicError.
    """
    find, seen = name_finder(names), set[int]()
    lows, highs = np.full(len(names), least), np.full(len(names), most)
    for line, row in read_rows(path, ("name", "min", "max")):
        with blame(path, line):
            i = find(row["name"])
            low, high = whole_number(row, "min", least), whole_number(row, "max", most)
            if low > high:
                raise MosaicError(f"min is {low}, but max is {high}")
            if i in seen:
                raise MosaicError(f"{row['name']!r} is named twice")
            seen.add(i)
            lows[i], highs[i] = low, high
    return lows, highs
# ~/~ end
# ~/~ begin <<smalti/collection.md#budgets-and-pins>>[1]
def read_pins(path: str | Path, names: Sequence[str], shape: tuple[int, int]) -> Array:
    """Read which photo must go to which of (rows, cols) cells: (m,), -1 where any may.

    Raises MosaicError.
    """
    find, pins = name_finder(names), np.full(shape, -1)
    for line, row in read_rows(path, ("row", "col", "name")):
        with blame(path, line):
            cell = whole_number(row, "row"), whole_number(row, "col")
            for kind, at, length in zip(("row", "col"), cell, shape, strict=True):
                if at >= length:
                    raise MosaicError(f"{kind} is {at}, but they go from 0 to {length - 1}")
            if pins[cell] >= 0:
                raise MosaicError(f"the cell in row {cell[0]} and col {cell[1]} is pinned twice")
            pins[cell] = find(row["name"])
    return pins.ravel()
# ~/~ end

# ~/~ begin <<smalti/collection.md#ranked-choices>>[init]
CHOICES = ("row", "col", "rank", "name", "distance")


def write_choices(
    path: str | Path, choices: Array, distances: Array, names: Sequence[str]
) -> None:
    """Write the (rows, cols, k) best photos of each cell, and their distances, as a table."""
    with Path(path).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(CHOICES)
        for row, (line, away) in enumerate(zip(choices, distances.astype(float), strict=True)):
            for col, ranked in enumerate(zip(line.tolist(), away.tolist(), strict=True)):
                for rank, (i, d) in enumerate(zip(*ranked, strict=True)):
                    if i >= 0:  # or the cell is empty
                        table.writerow((row, col, rank, names[i], repr(d)))
# ~/~ end
# ~/~ begin <<smalti/collection.md#ranked-choices>>[1]
def read_choices(
    path: str | Path, names: Sequence[str], empty: Array | None = None
) -> tuple[Array, Array]:
    """Read the (rows, cols, k) choices and their distances; MosaicError if any are missing.

    Where `empty`, (rows, cols), is true, there are none: -1 at an infinite distance.
    """
    find, found = name_finder(names), dict[tuple[int, ...], tuple[int, float]]()
    for line, row in read_rows(path, CHOICES):
        with blame(path, line):
            at = tuple(whole_number(row, column) for column in CHOICES[:3])
            if at in found:
                raise MosaicError(f"row {at[0]}, col {at[1]} has rank {at[2]} twice")
            try:
                found[at] = find(row["name"]), float(row["distance"])
            except ValueError:
                raise MosaicError(f"distance is {row['distance']!r}, not a number") from None
    shape = tuple(max(numbers) + 1 for numbers in zip(*(found or [(0, 0, 0)]), strict=True))
    uneven = f"{path}: {len(found)} lines are not the same number for each cell"
    if empty is None and len(found) != math.prod(shape):
        raise MosaicError(uneven)
    empty = np.zeros(shape[:2], bool) if empty is None else empty
    wanted = {(int(row), int(col)) for row, col in np.argwhere(~empty)}
    if {at[:2] for at in found} != wanted or len(found) != len(wanted) * shape[2]:
        raise MosaicError(uneven)
    shape = (*empty.shape, shape[2])
    choices, distances = np.full(shape, -1), np.full(shape, np.inf)
    for at, pair in found.items():
        choices[at], distances[at] = pair
    return choices, distances
# ~/~ end
# ~/~ end