# Made from smalti/viewer.md by make tangle; edit that.
"""Write a folder in which to look at a mosaic from far and near; explained in viewer.md."""

import dataclasses
import functools
import hashlib
import html
import io
import json
import os
import shutil
import xml.etree.ElementTree
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from msgspec.structs import replace
from PIL import Image

import mosaic
from mosaic import Array
from smalti import making, output, page, sharp
from smalti.grid import wanted_size
from smalti.ground.archives import find_place, open_any
from smalti.ground.collection import collection_root
from smalti.ground.errors import MosaicError, Unreadable, show
from smalti.ground.files import atomic, write_text
from smalti.ground.photos import upright_size
from smalti.ground.settings import cores
from smalti.making import Work
from smalti.report import Files, signature
from smalti.variants import photo_numbers


def read_dzi(path: Path) -> dict[str, int | str]:
    """Width, height, tile size and ending of the tiles of a Deep Zoom image; or MosaicError."""
    try:
        image = xml.etree.ElementTree.fromstring(path.read_text(encoding="utf-8"))
        size = {key.lower(): int(value) for key, value in image[0].attrib.items()}
        tile, ending = int(image.attrib["TileSize"]), image.attrib["Format"]
        return {"width": size["width"], "height": size["height"], "tile": tile, "ending": ending}
    except (SyntaxError, ValueError, LookupError, OSError) as error:
        raise MosaicError(f"cannot read {path}: {error}; make the mosaic anew") from error


@dataclasses.dataclass(frozen=True)
class Scene:
    """What a viewer knows of a mosaic beside its tiles; addresses are as seen from its page."""

    match: Array  # (rows, cols) numbers of photos, below 0 where a cell is empty
    names: Sequence[str]  # of the photos
    off: Array | None = None  # (rows, cols) how far colours are off, in whole levels
    photos: Mapping[int, str] = dataclasses.field(default_factory=dict)  # addresses, by number
    target: str = ""  # address of an image
    about: str = ""  # address of the page about the mosaic
    recoloured: bool = False


def describe_cells(scene: Scene) -> dict[str, object]:
    """The cells of a scene as a viewer reads them: shape, numbers, names, addresses.

    >>> describe_cells(Scene(np.array([[7, 2, -1]]), "abcdefgh"))["names"]
    ['c', 'h']
    """
    match, (rows, cols) = scene.match, scene.match.shape
    used = np.unique(match[match >= 0])
    numbers = np.where(match >= 0, np.searchsorted(used, match), -1)
    found: dict[str, object] = {"rows": rows, "cols": cols, "match": numbers.ravel().tolist()}
    found["names"] = [show(scene.names[i]) for i in used.tolist()]
    if scene.photos:
        found["photos"] = [scene.photos.get(i, "") for i in used.tolist()]
    if scene.off is not None:
        found["off"] = scene.off.ravel().tolist()
    return found


def write_viewer(
    path: str | Path, dzi: str | Path, scene: Scene | None = None, title: str = "Photo mosaic"
) -> None:
    """Write an HTML page to move about in a Deep Zoom image, and what it knows of a scene."""
    path, dzi = Path(path), Path(dzi)
    about: dict[str, object] = {"title": title}
    about |= read_dzi(dzi)
    about["folder"] = page.address(dzi.with_name(dzi.stem + "_files"), path)
    if scene:
        about |= describe_cells(scene)
        about |= {"target": scene.target, "recoloured": scene.recoloured}
    text = page.fill_page(
        "viewer",
        "'self' file:",
        title=html.escape(title),
        link=html.escape(scene.about if scene else ""),
        about=json.dumps(about, separators=(",", ":")).replace("<", "\\u003c"),
    )
    write_text(path, text)


@dataclasses.dataclass(frozen=True)
class ViewSettings:
    """View"""

    cell: Annotated[int, Meta(ge=0, le=1000), "pixels that a photo is wide from nearby; 0 chooses"] = 0
    photos: Annotated[
        int, Meta(ge=0, le=10_000), "copy the photos used, at most so many pixels wide and high"
    ] = 0


def measure_colours(work: Work) -> Array | None:
    """How far mean colours are off in each cell: (rows, cols), in whole levels; None if unknown."""
    if not work.view:
        return None
    off, (rows, cols) = np.zeros(work.match.shape, np.int64), work.match.shape
    cells = mosaic.mean_colour(work.view.cut((2, 2))).reshape(rows, cols, 3)
    for row, which, wanted in zip(off, work.match, cells, strict=True):
        apart = work.store.mean[which].astype(np.float64) - wanted
        row[:] = np.rint(np.sqrt((apart**2).mean(axis=1)))
    return off


SHOWN = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".avif"}


def find_root(work: Work) -> str:
    """The folder below which the photos of a mosaic are, or "" if it is not there."""
    try:
        return collection_root(work.report.files.photos) if work.report.files.photos else ""
    except MosaicError:
        return ""


def link_photos(names: Mapping[int, str], root: str, path: Path) -> dict[int, str]:
    """The addresses, as seen from a page, of those photos that a browser can open."""
    found = dict[int, str]()
    for number, name in names.items():
        spot = find_place(root, name)
        file = Path(root, spot.path)
        alone = spot.number < 0 and not spot.member and file.suffix.lower() in SHOWN
        if alone and file.is_file():
            found[number] = page.address(file, path)
    return found


def shrink_whole(name: str, root: str, longest: int) -> bytes | None:
    """A photo as a JPEG of at most so many pixels wide and high, or None if it cannot be read."""
    try:
        with open_any(root, name) as photo:
            width, height = upright_size(photo)
            scale = min(1.0, longest / max(width, height, 1))
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            small = mosaic.shrink_photo(photo, size)
    except Unreadable:
        return None
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(small)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def copy_photos(names: Mapping[int, str], root: str, longest: int, folder: Path) -> Iterator[int]:
    """Copy photos into a folder as NUMBER.jpg, shrunk; yield the numbers of those that were."""
    folder.mkdir(parents=True)
    task = functools.partial(shrink_whole, root=root, longest=longest)
    jpegs = mosaic.in_parallel(task, list(names.values()), cores())
    for number, jpeg in zip(names, jpegs, strict=True):
        if jpeg:
            Path(folder, f"{number}.jpg").write_bytes(jpeg)
            yield number


RECORD = "view.json"
INSIDE = {RECORD, "index.html", "about.html", "mosaic.dzi", "mosaic_files"}


class Record(msgspec.Struct, kw_only=True):
    """From what the parts of a view were made, as digests."""

    generator: str = ""
    tiles: str = ""
    photos: str = ""
    pages: str = ""


def read_record(folder: Path) -> Record:
    """The record in a folder, empty if there is none that can be read."""
    try:
        return msgspec.json.decode(Path(folder, RECORD).read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return Record()


GENERATOR = "photo mosaic"


def view_folder(path: str) -> Path:
    """The folder for the view of a mosaic; raises MosaicError if it is not ours to replace."""
    folder = Path(path).with_name(Path(path).stem + "_view")
    if not folder.exists():
        return folder
    repair = "move it, or choose another name"
    inside = {one.name for one in folder.iterdir()} if folder.is_dir() else {""}
    if inside and read_record(folder).generator != GENERATOR:
        raise MosaicError(f"{folder} is not of our making; {repair}")
    if others := inside - INSIDE:
        raise MosaicError(f"{folder} has something in it that is not of our making, {min(others)}; {repair}")
    return folder


def find_view(path: str) -> Path | None:
    """The page with the viewer of a mosaic, if there is one of our making."""
    start = Path(path).with_name(Path(path).stem + "_view") / "index.html"
    return start if start.is_file() and page.is_ours(start) else None


def digest(*parts: object) -> str:
    """A digest of some values, in their order."""
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()


def stamp(path: str) -> tuple[int, int]:
    """Size and time of a file, zeros if there is none."""
    try:
        about = os.stat(path)  # noqa: PTH116
    except OSError:
        return 0, 0
    return about.st_size, about.st_mtime_ns


def make_record(work: Work, path: str, settings: ViewSettings) -> Record:
    """From what the parts of the view of a mosaic would be made now."""
    files, program = work.report.files, making.code_of(page, output, making, sharp)
    match = hashlib.sha256(work.match.astype(np.int64).tobytes()).hexdigest()
    own = stamp(path) if is_pyramid(path, settings) else ()
    shape = (work.match.shape, work.settings.size, work.report.recolour)
    seen = (work.store.digest, match, shape, stamp(files.target))
    tiles = digest(program, seen, cell_size(work, settings), own)
    root = find_root(work)
    photos = digest(program, seen, settings.photos, root) if settings.photos else ""
    asset = [page.read_asset(f"{name}.{kind}") for name in ("viewer", "page") for kind in ("html", "css", "js")]
    about = msgspec.json.encode(replace(work.report, files=Files()))
    own_code = Path(__file__).read_bytes()
    pages = digest(tiles, photos, asset, about, own_code, Path(path).stem, root)
    return Record(generator=GENERATOR, tiles=tiles, photos=photos, pages=pages)


def is_pyramid(path: str, settings: ViewSettings) -> bool:
    """Whether a mosaic is a Deep Zoom image whose tiles will do."""
    return path.lower().endswith(".dzi") and not settings.cell and Path(path).is_file()


def link_file(source: str | Path, goal: str | Path) -> None:
    """Give a file a second name, or copy it where that is not possible."""
    try:
        os.link(source, goal)
    except OSError:
        shutil.copyfile(source, goal)


def link_levels(source: Path, goal: Path) -> None:
    """Link the tiles of all levels in a folder into another one."""
    for level in source.iterdir():
        if level.name.isdecimal():
            shutil.copytree(level, goal / level.name, copy_function=link_file)


NEARBY, MOST = 100, 500_000_000  # width of a cell, pixels of the pyramid


def cell_size(work: Work, settings: ViewSettings) -> tuple[int, int] | None:
    """The (width, height) of a cell in the pyramid; None is that of the mosaic."""
    (rows, cols), (width, height) = work.match.shape, work.store.thumb_res
    if wanted := wanted_size(work.settings):
        width, height = wanted[0] * rows, wanted[1] * cols
    size = settings.cell or NEARBY, max(1, round((settings.cell or NEARBY) * height / width))
    small = size[0] <= work.store.thumb_res[0] or work.match.size * size[0] * size[1] > MOST
    return None if not settings.cell and (small or not find_root(work)) else size


def make_tiles(work: Work, path: str, settings: ViewSettings, dzi: Path) -> None:
    """Make the pyramid of a view, or link the tiles of a mosaic that is one."""
    if is_pyramid(path, settings):
        link_levels(output.tiles_folder(path), dzi.with_name(dzi.stem + "_files"))
        shutil.copyfile(path, dzi)
        return
    cell = cell_size(work, settings)
    size, bands = making.paste(work, cell)
    if cell and find_root(work):
        work = sharp.sharpen(work, size, *sharp.find_photos(work.report.files.photos))
        size, bands = making.paste(work, cell)
    bands, empty = making.progress(bands, len(work.match), "pyramid"), work.match < 0
    bands = output.cover(bands, empty, size) if empty.any() else bands
    output.write_deepzoom(dzi, bands, size, about=signature(work.report))


def write_view(path: str, work: Work, settings: ViewSettings) -> Path:
    """Write the folder with the view of a mosaic, if it is not up to date; the page to open.

    Raises MosaicError if a folder of that name is not ours.
    """
    folder = view_folder(path)
    record, old = make_record(work, path, settings), read_record(folder)
    if record == old and all(Path(folder, name).exists() for name in INSIDE):
        return folder / "index.html"
    title = show(Path(path).stem)
    with atomic(folder) as part:
        files, dzi = part / "mosaic_files", part / "mosaic.dzi"
        part.mkdir()
        if record.tiles == old.tiles and Path(folder, "mosaic.dzi").is_file():
            link_levels(folder / "mosaic_files", files)
            link_file(folder / "mosaic.dzi", dzi)
        else:
            make_tiles(work, path, settings, dzi)
        photo = photo_numbers(work.store.names)
        match = np.where(work.match >= 0, photo[work.match], -1)
        firsts = np.unique(photo, return_index=True)[1].tolist()
        names = [work.store.names[i] for i in firsts]
        used, root = {int(i): names[i] for i in np.unique(match[match >= 0])}, find_root(work)
        if not settings.photos:
            photos = link_photos(used, root, part / "index.html") if root else {}
        else:
            if record.photos == old.photos and Path(folder, "mosaic_files", "photos").is_dir():
                shutil.copytree(folder / "mosaic_files" / "photos", files / "photos", copy_function=link_file)
                copied = sorted(int(one.stem) for one in Path(files, "photos").iterdir())
            else:
                copies = copy_photos(used, root, settings.photos, files / "photos")
                copied = list(making.progress(copies, len(used), "photos"))
            photos = {i: f"mosaic_files/photos/{i}.jpg" for i in copied}
        dzi_size = read_dzi(dzi)
        if work.view:
            size = (int(dzi_size["width"]), int(dzi_size["height"]))
            small = page.fit_target(work.view.target, size, longest=2400)
            Image.fromarray(np.asarray(small)).save(files / "target.jpg", quality=88)
        write_viewer(
            part / "index.html",
            dzi,
            Scene(
                match,
                names,
                off=measure_colours(work),
                photos=photos,
                target="mosaic_files/target.jpg" if work.view else "",
                about="about.html",
                recoloured=bool(work.recolour),
            ),
            title,
        )
        write_about(part / "about.html", work, title, part / "index.html")
        write_text(part / RECORD, msgspec.json.encode(record).decode() + "\n")
    return folder / "index.html"


PATHS = ("mask", "budgets", "pins", "focus")  # settings that name files


def write_about(path: Path, work: Work, title: str, link: str | Path) -> None:
    """Write the page about a mosaic, which leads to a file: the mosaic, or its viewer."""
    settings = {name: value for name, value in work.report.settings.items() if name not in PATHS}
    report = replace(work.report, store="", files=Files(), match=[], alike=[], skipped={})
    report = replace(report, settings=settings)
    found = msgspec.to_builtins(report)
    found |= found.pop("recolour", {})  # which has a word for each way
    page.write_page(
        path,
        work.draw,
        work.match,
        work.store.thumb_res,
        work.store.names,
        work.view.target if work.view else None,
        found,
        mosaic=link,
        title=title,
        recolour=work.recolour,
        photo=photo_numbers(work.store.names),
    )
