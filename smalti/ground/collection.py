# Made from smalti/ground/collection.md by make tangle; edit that.
"""List and describe the photos in folders and archives; explained in collection.md."""

import contextlib
import functools
import importlib.util
import itertools
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from PIL import features

from smalti.ground.archives import ARCHIVES, file_stamp, index_archive, number_records
from smalti.ground.archives import read_bytes, record_length
from smalti.ground.errors import MosaicError, Unreadable, show
from smalti.ground.photos import formats

ENDINGS = "jpg jpeg jpe jfif png webp tif tiff gif bmp avif heic heif"
FOREIGN = "dng cr2 cr3 crw nef nrw arw sr2 srf raf orf rw2 rwl pef srw x3f 3fr iiq psd psb xcf jxl jp2"
SUFFIXES = frozenset("." + ending for ending in ENDINGS.split())
UNREADABLE = frozenset("." + ending for ending in FOREIGN.split())


class Names(NamedTuple):
    """The names of photos, of mosaics of ours among them, and of photos that we cannot read."""

    photos: list[str]
    mosaics: list[str]
    unread: list[str]


def told_by(report: bytes) -> tuple[str, str]:
    """The names of the mosaic and of its target in a report of ours; empty if it is none.

    >>> told_by(b'{"store": "5c", "files": {"mosaic": "me.png", "target": "me.jpg"}}')
    ('me.png', 'me.jpg')
    """
    try:
        about = json.loads(report)
        files = about["files"]
        return ("store" in about) * str(files["mosaic"]), str(files.get("target", ""))
    except (ValueError, TypeError, LookupError, RecursionError):
        return "", ""


def is_mosaic(name: str, report: bytes, there: Container[str]) -> bool:
    """Whether an image is a mosaic of ours, by the JSON beside it and the names of all files."""
    folder = name[: name.rfind("/") + 1]
    made, target = (folder + told for told in told_by(report))
    return made != folder and (made == name or (made not in there and target != name))


def sort_names(names: Sequence[str], read: Callable[[str], bytes]) -> Names:
    """Sort the names of files in a folder or archive by what they are; `read` opens one."""
    found, reports = Names([], [], []), {name for name in names if name.endswith(".json")}
    there = frozenset(names if reports else ())
    for name in names:
        stem, ending = os.path.splitext(name)  # noqa: PTH122
        if ending.lower() in UNREADABLE:
            found.unread.append(name)
        elif ending.lower() in SUFFIXES:
            beside = f"{stem}.json"
            ours = beside in reports and is_mosaic(name, read(beside), there)
            (found.mosaics if ours else found.photos).append(name)
    return found


def read_quietly(path: str, member: str = "") -> bytes:
    """The bytes of a file, or of a member of an archive; none if it cannot be read."""
    with contextlib.suppress(Unreadable):
        return read_bytes(path, member) if Path(path).is_file() else b""
    return b""


def inner_folders(folders: Sequence[str], files: Sequence[str]) -> list[str]:
    """Those folders that may hold photos, sorted; `files` are the files beside them.

    >>> inner_folders(["new", ".trash", "cat_files", "old_files"], ["cat.dzi"])
    ['new', 'old_files']
    """
    tiles = {f"{name[:-4]}_files" for name in files if name.endswith(".dzi")}
    return sorted(name for name in folders if name[0] != "." and name not in tiles)


def list_photos(folder: str) -> list[str]:
    """List the photos in a folder and its subfolders, sorted, as paths below `folder`.

    Raises MosaicError if there is no such folder.
    """
    if not Path(folder).is_dir():
        raise MosaicError(f"there is no folder {folder!r}; correct the path")
    return sorted(sort_folder(folder).photos)


def below(path: str, root: str) -> str:
    """The path of a place below a folder; empty for the folder itself.

    >>> below("photos/2024/may", "photos"), below("photos", "photos")
    ('2024/may', '')
    """
    found = os.path.relpath(path, root)
    return "" if found == "." else found.replace(os.sep, "/")


def sort_folder(folder: str) -> Names:
    """Sort the names of all files in a folder and its subfolders, as paths below `folder`."""
    found, seen = Names([], [], []), set[tuple[int, int]]()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=report_folder):
        about = Path(place).stat()
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = inner_folders(folders, files)
        name = below(place, folder)
        lead = f"{name}/" if name else ""
        for every, some in zip(found, sort_files(place, files), strict=True):
            every += [lead + name for name in some]
    return found


def sort_files(folder: str, files: Sequence[str]) -> Names:
    """Sort the names of files right in a folder; hidden ones, pipes and links to nowhere go."""
    path = functools.partial(os.path.join, folder)
    shown = [name for name in files if name[0] != "."]
    found = sort_names(shown, lambda name: read_quietly(path(name)))
    return Names(*([name for name in some if os.path.isfile(path(name))] for some in found))  # noqa: PTH113


def report_folder(error: OSError) -> None:
    """Say on the terminal that a folder could not be read."""
    print(f"skipped the folder {show(str(error.filename))}: {error.strerror}", file=sys.stderr)


Entry = tuple[str, int, int]


class Found(NamedTuple):
    """What a place holds: entries of photos, and names of mosaics and of photos not readable."""

    photos: list[Entry]
    mosaics: list[str]
    unread: list[str]


def describe_folder(folder: str) -> Found:
    """Describe what is in a folder; photos by name, size and time; CIFAR pictures right in it."""
    names, entries = sort_folder(folder), list[Entry]()
    for name in names.photos:
        with contextlib.suppress(FileNotFoundError):  # it went away just now
            about = os.stat(os.path.join(folder, name))  # noqa: PTH116, PTH118
            entries.append((name, about.st_size, about.st_mtime_ns))
    for path in Path(folder).glob("[!.]*.bin"):
        _, size, time = file_stamp(str(path))
        entries += [(path.name + mark, size, time) for mark in number_records(path.name, size)]
    return Found(entries, names.mosaics, names.unread)


def describe_archive(path: str) -> Found:
    """Describe what is in an archive, photos by name, size and version; hidden ones left out."""
    tell_slow(path)
    index, entries = index_archive(file_stamp(path)), list[Entry]()
    shown = [name for name in index if not is_hidden(name)]
    names = sort_names(shown, functools.partial(read_quietly, path))
    for name in shown:
        size, version, _ = index[name]
        entries += [(f"!/{name}{mark}", size, version) for mark in number_records(name, size)]
    entries += [(f"!/{name}", *index[name][:2]) for name in names.photos]
    inside = [[f"!/{name}" for name in some] for some in names[1:]]
    return Found(entries, *inside)


def tell_slow(path: str) -> None:
    """Say on the terminal if a compressed archive will be read from its beginning each time."""
    if path.lower().endswith((".tar.gz", ".tgz")) and not importlib.util.find_spec("indexed_gzip"):
        what = "is slow to read; unpack it, or pip install 'mosaic-book[archives]'"
        print(show(f"{path} {what}"), file=sys.stderr)


def is_hidden(name: str) -> bool:
    """Whether a file in an archive, or a folder that it is in, has a name with a dot before."""
    return any(part.startswith(".") for part in PurePosixPath(name).parts)


def describe_file(path: str) -> Found:
    """Describe what is in a file, with names that follow that of the file; or MosaicError."""
    _, size, time = file_stamp(path)
    if path.lower().endswith(ARCHIVES):
        return describe_archive(path)
    if record_length(path, size):
        return Found([(mark, size, time) for mark in number_records(path, size)], [], [])
    ending = Path(path).suffix.lower()
    if ending in SUFFIXES:
        return Found([], [""], []) if lies_beside(path) else Found([("", size, time)], [], [])
    if ending in UNREADABLE:
        return Found([], [], [""])
    raise MosaicError(
        f"{path} is neither a folder, nor a photo, nor an archive ({', '.join(ARCHIVES)})"
    )


def lies_beside(path: str) -> bool:
    """Whether a report lies beside an image that says that it is a mosaic of ours."""
    image, report = Path(path), Path(path).with_suffix(".json")
    if not report.is_file():
        return False
    there = {other.name for other in image.parent.iterdir()}
    return is_mosaic(image.name, read_quietly(str(report)), there)


def collection_root(paths: str | Sequence[str]) -> str:
    """The folder below which a collection's names are paths; raises MosaicError."""
    paths = [paths] if isinstance(paths, str) else paths
    for path in paths or [""]:
        if not path or not Path(path).exists():
            raise MosaicError(
                f"there is no folder or archive {path!r}; correct the path"
            )
    folders = [path if Path(path).is_dir() else str(Path(path).parent) for path in paths]
    if len(folders) == 1:
        return folders[0]
    try:
        return os.path.commonpath([Path(folder).absolute() for folder in folders])
    except ValueError as error:
        raise MosaicError(f"photos on several drives cannot be one collection: {error}") from error


def survey(paths: str | Sequence[str]) -> Found:
    """What is in folders and archives, all names below their root, sorted, none twice.

    Raises MosaicError if a place is missing, or an archive is damaged.
    """
    paths = [paths] if isinstance(paths, str) else paths
    root, every = collection_root(paths), Found([], [], [])
    for path in paths:
        name = below(path, root)
        if Path(path).is_dir():
            lead, here = f"{name}/" if name else "", describe_folder(path)
        else:
            lead, here = name, describe_file(path)
        every.photos.extend((lead + one, size, time) for one, size, time in here.photos)
        every.mosaics.extend(lead + one for one in here.mosaics)
        every.unread.extend(lead + one for one in here.unread)
    photos = {entry[0]: entry for entry in every.photos}
    return Found(sorted(photos.values()), sorted({*every.mosaics}), missed(every.unread, photos))


def missed(unread: Iterable[str], photos: Iterable[str]) -> list[str]:
    """The names that we cannot read, sorted, without those that have a twin among photos.

    >>> missed(["1.NEF", "2.NEF"], ["1.JPG", "3.JPG"])
    ['2.NEF']
    """
    names = sorted({*unread})
    twins = {os.path.splitext(name)[0] for name in photos} if names else ()  # noqa: PTH122
    return [name for name in names if os.path.splitext(name)[0] not in twins]  # noqa: PTH122


def describe_collection(paths: str | Sequence[str]) -> list[Entry]:
    """Name, size and version of all photos in folders and archives; raises MosaicError."""
    return survey(paths).photos


def list_collection(paths: str | Sequence[str]) -> list[str]:
    """The names of all photos in folders and archives, sorted."""
    return [name for name, _, _ in describe_collection(paths)]


def repair(ending: str) -> str:
    """What helps if photos with this ending cannot be read; nothing if a decoder is here."""
    if ending in (".heic", ".heif"):
        return "" if "HEIF" in formats() else "pip install pillow-heif"
    if ending == ".avif":
        return "" if features.check("avif") else "install a newer Pillow"
    return "export them as JPEG" if ending in UNREADABLE else ""


def advise_unread(names: Iterable[str]) -> Iterator[str]:
    """For each repair, a line about the photos that it helps to read, given all names.

    >>> print(*advise_unread(["1.DNG", "2.psd", "3.dng", "damaged.jpg"]))
    3 files that we cannot read: 2 .dng, 1 .psd; export them as JPEG
    """
    kinds = Counter(os.path.splitext(name)[1].lower() for name in names)  # noqa: PTH122
    known = sorted((repair(ending), -n, ending) for ending, n in kinds.items() if repair(ending))
    for what, some in itertools.groupby(known, key=lambda kind: kind[0]):
        group = [(-n, ending) for _, n, ending in some]
        total, listed = sum(n for n, _ in group), ", ".join(f"{n} {end}" for n, end in group)
        files = "1 file" if total == 1 else f"{total} files"
        yield f"{files} that we cannot read: {listed}; {what}"


def describe_rest(found: Found, rejected: Iterable[str] = ()) -> Iterator[str]:
    """What was found besides photos, in lines; `rejected` are names that could not be opened."""
    if found.mosaics:
        several = "1 mosaic" if len(found.mosaics) == 1 else f"{len(found.mosaics)} mosaics"
        yield f"{several} of ours left out"
    yield from advise_unread([*found.unread, *rejected])
