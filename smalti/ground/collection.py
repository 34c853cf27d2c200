# Made from smalti/ground/collection.md by make tangle; edit that.
"""List and describe the photos in folders and archives; explained in collection.md."""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from smalti.ground.archives import ARCHIVES, file_stamp, index_archive, number_records
from smalti.ground.archives import record_length
from smalti.ground.errors import MosaicError, show

ENDINGS = "jpg jpeg jpe jfif png webp tif tiff gif bmp avif heic heif"
SUFFIXES = frozenset("." + ending for ending in ENDINGS.split())


def is_photo(folder: str, name: str) -> bool:
    """Whether a file in a folder is a photo by its name, not hidden, and a regular file."""
    return (
        not name.startswith(".")
        and os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122
        and os.path.isfile(os.path.join(folder, name))  # noqa: PTH113, PTH118
    )


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
        raise MosaicError(f"there is no folder {folder!r}; correct the path (image_path)")
    names, seen = list[str](), set[tuple[int, int]]()
    for place, folders, files in os.walk(folder, followlinks=True, onerror=report_folder):
        about = Path(place).stat()
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        folders[:] = inner_folders(folders, files)
        below = os.path.relpath(place, folder)
        found = (name for name in files if is_photo(place, name))
        names += [os.path.normpath(os.path.join(below, name)) for name in found]  # noqa: PTH118
    return sorted(names)


def report_folder(error: OSError) -> None:
    """Say on the terminal that a folder could not be read."""
    print(f"skipped the folder {show(str(error.filename))}: {error.strerror}", file=sys.stderr)


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


def describe_file(path: str) -> Iterator[Entry]:
    """Entries of the photos in a file, whose names follow that of the file; or MosaicError."""
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


def collection_root(paths: str | Sequence[str]) -> str:
    """The folder below which a collection's names are paths; raises MosaicError."""
    paths = [paths] if isinstance(paths, str) else paths
    for path in paths or [""]:
        if not path or not Path(path).exists():
            raise MosaicError(
                f"there is no folder or archive {path!r}; correct the path (image_path)"
            )
    folders = [path if Path(path).is_dir() else str(Path(path).parent) for path in paths]
    if len(folders) == 1:
        return folders[0]
    try:
        return os.path.commonpath([Path(folder).absolute() for folder in folders])
    except ValueError as error:
        raise MosaicError(f"photos on several drives cannot be one collection: {error}") from error


def describe_collection(paths: str | Sequence[str]) -> list[Entry]:
    """Name, size and version of all photos in folders and archives, sorted, none twice.

    Raises MosaicError if a place is missing, or an archive is damaged.
    """
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
