# Made from smalti/datasets.md by make tangle; edit that.
"""Data sets by name: fetch, check and unpack them; explained in datasets.md."""

import contextlib
import difflib
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, NamedTuple, cast

from smalti.ground.archives import reading
from smalti.ground.errors import MosaicError, show
from smalti.ground.files import atomic


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


def find_data_set(name: str, table: Mapping[str, DataSet]) -> DataSet:
    """The data set of a name; raises MosaicError with the names that there are."""
    if name in table:
        return table[name]
    near = difflib.get_close_matches(name, table, 1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(table)}"
    raise MosaicError(f"there is no data set {name!r}; {hint}")


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


def iterate_tar(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, size and content of the files in a .tar(.gz); MosaicError for links and devices."""
    with reading(archive), tarfile.open(archive, "r|*") as tar:
        for member in tar:
            if not (member.isreg() or member.isdir()):
                raise MosaicError(f"the archive holds a link or device: {member.name!r}")
            if member.isreg():
                yield member.name, member.size, cast(IO[bytes], tar.extractfile(member))


def iterate_zip(archive: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """Name, size and content of the files in a .zip; MosaicError for links and devices."""
    with reading(archive), zipfile.ZipFile(archive) as file:
        for entry in file.infolist():
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise MosaicError(f"the archive holds a link or device: {entry.filename!r}")
            if not entry.is_dir():
                with file.open(entry) as content:
                    yield entry.filename, entry.file_size, content


def read_blocks(archive: Path, content: IO[bytes]) -> Iterator[bytes]:
    """The content of a file in an archive, a megabyte at a time; raises MosaicError."""
    with reading(archive):
        while block := content.read(1 << 20):
            yield block


def unpack(archive: Path, folder: Path, most: int) -> None:
    """Unpack at most so many bytes from a .zip or .tar(.gz) into a new folder.

    Raises MosaicError if the archive is damaged, too large, or wants to write elsewhere.
    """
    total = 0
    files = iterate_zip(archive) if zipfile.is_zipfile(archive) else iterate_tar(archive)
    with atomic(folder) as part:
        part.mkdir()
        for name, size, content in files:
            total += size + 512
            if total > most:
                raise MosaicError(f"{archive} unfolds to more than {most} bytes; is it a trap?")
            path = safe_path(part, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.writelines(read_blocks(archive, content))


@contextlib.contextmanager
def downloading(address: str) -> Iterator[None]:
    """Raise MosaicError for what `pooch` raises while it downloads from an address."""
    try:
        yield
    except ValueError as error:
        raise MosaicError(
            f"{address} is not the file we know: its checksum differs; try again, or "
            "report it, for it may have been replaced"
        ) from error
    except OSError as error:
        if error.errno:
            raise
        answer = getattr(error, "response", None)
        if answer is not None:  # its connection stays open otherwise
            answer.close()
        reason = getattr(answer, "status_code", type(error).__name__)
        raise MosaicError(f"cannot fetch {address} ({reason}); try again later") from error


def download(name: str, data: DataSet, folder: Path, quiet: bool) -> Path:
    """Download the archive of a data set and compare its checksum; raises MosaicError."""
    try:
        import pooch
        from tqdm import tqdm
    except ImportError as error:
        raise MosaicError("fetching needs a package: pip install pooch") from error
    pooch.get_logger().setLevel("ERROR")
    hide = True if quiet else None  # None: unless this is a terminal
    bar = tqdm(desc=name, total=data.size, unit="B", unit_scale=True, leave=False, disable=hide)
    plain = {"Accept-Encoding": "identity"}
    loader = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 20, headers=plain)
    file, checksum = data.address.rsplit("/", 1)[1], data.checksum or None
    with bar, downloading(data.address):
        return Path(pooch.retrieve(data.address, checksum, file, folder, downloader=loader))


def check_download(path: Path, data: DataSet) -> None:
    """Compare the size of a download that has no checksum, and print its checksum.

    If the size differs by more than a fifth, removes the file and raises MosaicError.
    """
    import pooch

    size = path.stat().st_size
    if not 0.8 * data.size <= size <= 1.2 * data.size:
        path.unlink()
        raise MosaicError(f"{data.address} has {size} bytes, not about {data.size}; removed it")
    found = pooch.file_hash(str(path))
    print(show(f"{path}: no checksum is published; found sha256:{found}"))


def check_space(folder: Path, data: DataSet) -> None:
    """Raise MosaicError if the disk cannot hold a data set."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted, free = data.size * (2 if data.unpack else 1), shutil.disk_usage(folder).free
    if wanted > free:
        raise MosaicError(f"{folder} has {free >> 20} MB left, {wanted >> 20} MB are needed")


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


def fetch_archive(name: str, data: DataSet, folder: Path, quiet: bool) -> Path:
    """Download the archive of a data set into a folder, unless it is there; return its path."""
    if not (folder / data.address.rsplit("/", 1)[1]).exists():
        check_space(folder, data)
    archive = download(name, data, folder, quiet)
    if not data.checksum:
        check_download(archive, data)
    return archive


def fetch(
    name: str,
    folder: str | Path,
    *,
    mirror: str = "",
    quiet: bool = False,
    table: Mapping[str, DataSet] = DATASETS,
) -> Path:
    """Fetch a data set by name into a folder; return the collection, a folder or archive.

    `mirror` is the address of another server that has the same file. Raises MosaicError.
    """
    data, final = find_data_set(name, table), Path(folder, name)
    if data.address.startswith("kaggle:"):
        return fetch_kaggle(data.address.removeprefix("kaggle:"))
    if data.unpack and final.is_dir():
        return final
    if mirror:
        data = data._replace(address=f"{mirror}/{data.address.rsplit('/', 1)[1]}")
    archive = fetch_archive(name, data, Path(folder), quiet)
    if not data.unpack:
        return archive
    unpack(archive, final, most=4 * archive.stat().st_size + (64 << 20))
    archive.unlink()
    return final
