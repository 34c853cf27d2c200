# Made from smalti/output.md by make tangle; edit that.
"""Write mosaics of any size, exact to the pixel, or cut out; explained in output.md."""

import contextlib
import dataclasses
import functools
import importlib.util
import io
import itertools
import math
import os
import re
import struct
import sys
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
from msgspec import Meta
from PIL import Image, ImageCms

from mosaic import KEEP, Array, Draw, save_image
from smalti.ground.errors import MosaicError, show
from smalti.ground.files import atomic, write_text
from smalti.ground.settings import cores
from smalti.recolour import Recolour

Bands = Iterable[Array]
Quality = Annotated[int, Meta(ge=0, le=100)]
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class OutputSettings:
    """Output"""

    quality: Annotated[Quality, "of JPEG; a .tif gets tiles of JPEG; 0 is as usual"] = 0


@dataclasses.dataclass(frozen=True)
class Wanted(OutputSettings):
    """What is wanted of a file beside its pixels."""

    dpi: float | None = None  # for a printer
    about: str = ""  # a line of ASCII that says where the picture came from


PLAIN = Wanted()
Write = Callable[[str | Path, Bands, tuple[int, int], Wanted], None]


def sizes(total: int, parts: int) -> Array:
    """Divide `total` pixels among `parts`, evenly to a pixel: whole numbers (parts,).

    Raises MosaicError if a part would have no pixel.

    >>> sizes(10, 4).tolist()
    [2, 3, 2, 3]
    """
    if not 0 < parts <= total:
        raise MosaicError(f"{total} pixels are too few for {parts} cells; ask for more")
    ends: Array = np.arange(parts + 1, dtype=np.int64) * total // parts
    return np.diff(ends)


def paste_exact(
    draw: Draw, match: Array, size: tuple[int, int], recolour: Recolour | None = None
) -> Iterator[Array]:
    """Paste a (rows, cols) match to exactly (width, height) pixels: bands (h, width, 3) uint8.

    A cell whose number is negative stays white. `recolour` changes the (k, h, w, 3) tiles,
    given the (k,) numbers of their cells, row by row.
    """
    (rows, cols), widths = match.shape, sizes(size[0], match.shape[1])
    left, draw = np.cumsum(widths) - widths, draw_once(draw, match)
    for row, height in enumerate(sizes(size[1], rows).tolist()):
        band = np.full((height, size[0], 3), 255, np.uint8)
        for width in np.unique(widths).tolist():
            columns = np.flatnonzero((widths == width) & (match[row] >= 0))
            which, place = np.unique(match[row, columns], return_inverse=True)
            tiles = draw(which, (width, height))[place]
            if recolour and len(tiles):
                tiles = recolour(tiles, row * cols + columns)
            for tile, start in zip(tiles, left[columns], strict=True):
                band[:, start : start + width] = tile
        yield band


def draw_once(draw: Draw, match: Array) -> Draw:
    """A function that draws as `draw` does, and each tile of a match once if all fit into KEEP."""
    used, known = np.unique(match[match >= 0]), dict[tuple[int, int], tuple[Array, Array]]()

    def remember(which: Array, size: tuple[int, int]) -> Array:
        if size not in known:
            if (1 + len(known)) * len(used) * size[0] * size[1] * 3 > KEEP:
                return draw(which, size)
            tiles = np.empty((len(used), size[1], size[0], 3), np.uint8)
            known[size] = tiles, np.zeros(len(used), bool)
        (tiles, drawn), place = known[size], np.searchsorted(used, which)
        if len(new := place[~drawn[place]]):
            tiles[new], drawn[new] = draw(used[new], size), True
        return tiles[place]

    return remember


def cover(bands: Bands, empty: Array, size: tuple[int, int]) -> Iterator[Array]:
    """Make the empty cells of a (rows, cols) grid transparent, in bands of (h, width, 4).

    `empty` is true where a cell is empty; `size` is the (width, height) of the picture.
    """
    rows, cols = empty.shape
    alpha = np.where(empty, 0, 255).astype(np.uint8).repeat(sizes(size[0], cols), axis=1)
    row_of, top = np.arange(rows).repeat(sizes(size[1], rows)), 0
    for band in bands:
        solid = alpha[row_of[top : top + len(band)], :, None]
        yield np.dstack((np.where(solid, band, 255), solid))
        top += len(band)


def regroup(bands: Bands, height: int) -> Iterator[Array]:
    """Make bands of any heights into bands of one height; the last may be lower.

    >>> [len(band) for band in regroup([np.zeros((5, 4, 3)), np.zeros((2, 4, 3))], 3)]
    [3, 3, 1]
    """
    full, rows = None, 0
    for band in bands:
        while len(band):
            if full is None:
                full = np.empty((height, *band.shape[1:]), band.dtype)
            fits = min(len(band), height - rows)
            full[rows : rows + fits] = band[:fits]
            band, rows = band[fits:], rows + fits
            if rows == height:
                yield full
                full, rows = None, 0
    if full is not None:
        yield full[:rows]


def watched(bands: Bands, size: tuple[int, int], channels: int) -> Iterator[Array]:
    """Hand on bands; raise ValueError unless they make a picture of this (width, height)."""
    high = 0
    for band in bands:
        high += len(band)
        if band.shape[1:] != (size[0], channels) or high > size[1]:
            raise ValueError(f"a band of {band.shape} does not fit into {size}")
        yield band
    if high < size[1]:
        raise ValueError(f"the bands end after {high} of {size[1]} rows")


def measure(bands: Bands, size: tuple[int, int]) -> tuple[int, Iterator[Array]]:
    """Channels of the bands, 3 or 4, and the bands, which raise ValueError unless they fit."""
    first = next(stream := iter(bands))
    channels = first.shape[2]
    return channels, watched(itertools.chain([first], stream), size, channels)


@functools.cache
def srgb() -> bytes:
    """An ICC profile of sRGB, the same at any time (ICC.1:2022, section 7.2)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # when it was made
    profile[40:44] = bytes(4)  # on which system
    return bytes(profile)


SOFTWARE = 305  # a tag of EXIF


def exif(about: str) -> bytes:
    """A line of text as EXIF with one entry, "Software" (CIPA DC-008, section 4.6.2).

    >>> exif("mosaic 1.0").hex(" ", -4)
    '49492a00 08000000 01003101 02000b00 00001a00 00000000 00006d6f 73616963 20312e30 00'
    """
    text = about.encode("ascii", "replace").ljust(4) + b"\0"
    entry = struct.pack("<HHHII", 1, SOFTWARE, 2, len(text), 26)  # one; text, after the entries
    return b"II*\0" + struct.pack("<I", 8) + entry + struct.pack("<I", 0) + text


def signed(about: str) -> dict[str, bytes]:
    """What Pillow wants to hear if a picture is to say that of itself."""
    return {"exif": b"Exif\0\0" + exif(about)} if about else {}


def in_step(task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Like `map`, by threads, in order, with never more than a few items in memory."""
    workers, queue = cores(), deque[Future[Result]]()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            queue.append(pool.submit(task, item))
            if len(queue) > workers:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file: length, kind, data, checksum.

    >>> png_chunk(b"IEND", b"").hex(" ", 4)
    '00000000 49454e44 ae426082'
    """
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def deflate_band(band: Array) -> tuple[bytes, bytes]:
    """Filter and compress a band for a PNG; return the filtered rows, and them compressed."""
    flat = band.reshape(len(band), -1)
    rows = np.empty((len(flat), 1 + flat.shape[1]), np.uint8)
    rows[:, 0] = 2
    rows[0, 0] = 0  # the row above belongs to another band
    rows[0, 1:] = flat[0]
    np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
    raw = rows.tobytes()
    press = zlib.compressobj(1, zlib.DEFLATED, -15, 8, zlib.Z_RLE)
    return raw, press.compress(raw) + press.flush(zlib.Z_SYNC_FLUSH)


Press = Callable[[Array], tuple[bytes, bytes]]


def png_pieces(
    bands: Bands,
    size: tuple[int, int],
    wanted: Wanted = PLAIN,
    press: Press = deflate_band,
) -> Generator[bytes, None, None]:
    """The bytes of a PNG of (width, height) pixels, piece by piece (PNG, ISO 15948)."""
    channels, bands = measure(bands, size)
    colours, check = {3: 2, 4: 6}[channels], 1
    yield b"\x89PNG\r\n\x1a\n"
    yield png_chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, colours, 0, 0, 0))
    yield png_print(wanted.dpi) if wanted.dpi else b""
    yield png_chunk(b"eXIf", exif(wanted.about)) if wanted.about else b""
    yield png_chunk(b"IDAT", b"\x78\x01")
    for raw, packed in in_step(press, regroup(bands, 64)):
        check = zlib.adler32(raw, check)
        yield png_chunk(b"IDAT", packed)
    yield png_chunk(b"IDAT", b"\x03\x00" + struct.pack(">I", check))
    yield png_chunk(b"IEND", b"")


def write_png(
    path: str | Path, bands: Bands, size: tuple[int, int], wanted: Wanted = PLAIN
) -> None:
    """Write bands as a PNG of (width, height) pixels, in a stream, with all their quality.

    Raises ValueError, and writes nothing, unless the bands fit.
    """
    with atomic(path) as part, part.open("wb") as file:
        file.writelines(png_pieces(bands, size, wanted))


def png_print(dpi: float) -> bytes:
    """Chunks of a PNG that say its profile, sRGB, and its resolution."""
    dots = round(dpi / 0.0254)
    profile = png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb()))
    return profile + png_chunk(b"pHYs", struct.pack(">IIB", dots, dots, 1))


TIFF_TILE, BIG = 256, 3 << 30  # pixels; bytes of a picture
PROFILE = 34675  # the tag of a TIFF for the profile of its colours


def deflate_tile(tile: Array) -> bytes:
    """Compress a tile for a TIFF, filled up to its full size."""
    full = np.zeros((TIFF_TILE, TIFF_TILE, tile.shape[2]), np.uint8)
    full[: tile.shape[0], : tile.shape[1]] = tile
    full[:, 1:] -= full[:, :-1].copy()
    return zlib.compress(full.tobytes(), 1)


def cut_tiles(bands: Bands, side: int) -> Iterator[Array]:
    """Cut bands into square tiles, row by row; those at the edges are smaller."""
    for band in regroup(bands, side):
        for left in range(0, band.shape[1], side):
            yield band[:, left : left + side]


def write_tiff(
    path: str | Path, bands: Bands, size: tuple[int, int], wanted: Wanted = PLAIN
) -> None:
    """Write bands as a tiled TIFF of (width, height) pixels, in a stream; BigTIFF if large.

    If a quality is wanted, it is a pyramid of JPEG tiles. Raises ValueError, and writes nothing,
    unless the bands fit.
    """
    if wanted.quality:
        write_by_vips(path, bands, size, wanted)
        return
    import tifffile

    channels, bands = measure(bands, size)
    shape, dpi = (size[1], size[0], channels), wanted.dpi
    big = math.prod(shape) > BIG
    with atomic(path) as part, tifffile.TiffWriter(part, bigtiff=big) as file:
        file.write(
            in_step(deflate_tile, cut_tiles(bands, TIFF_TILE)),
            shape=shape,
            dtype=np.uint8,
            tile=(TIFF_TILE, TIFF_TILE),
            photometric="rgb",
            compression="zlib",
            predictor=True,
            extrasamples=["unassalpha"] if channels == 4 else None,
            resolution=(dpi, dpi) if dpi else None,
            resolutionunit="inch" if dpi else None,
            extratags=[(PROFILE, 7, len(srgb()), srgb(), True)] if dpi else [],
            software=wanted.about or False,
            metadata=None,
        )


Put = Callable[[str, bytes], object]


def write_level(
    bands: Bands,
    level: int,
    tile: int,
    kind: str,
    quality: int,
    put: Put,
    pool: ThreadPoolExecutor,
) -> Iterator[Array]:
    """Put the tiles of one level of a pyramid where they belong; yield its bands, halved."""
    encode = functools.partial(encode_tile, kind=kind, quality=quality)
    rows = itertools.count()
    for band in regroup(bands, tile):  # enumerate would keep a band for too long
        row, starts = next(rows), range(0, band.shape[1], tile)
        parts = [band[:, left : left + tile] for left in starts]
        for left, content in zip(starts, pool.map(encode, parts), strict=True):
            put(f"{level}/{left // tile}_{row}.{kind}", content)
        half = np.concatenate(list(pool.map(halve, parts)), axis=1)
        del band, parts  # nobody needs them while the next is made
        yield half


def halve(band: Array) -> Array:
    """Average squares of 2 x 2 pixels; at an odd edge, of what is there."""
    image = Image.fromarray(band)
    if band.shape[2] == 4:
        return np.asarray(image.convert("RGBa").reduce(2).convert("RGBA"))
    return np.asarray(image.reduce(2))


def put_pyramid(put: Put, bands: Bands, size: tuple[int, int], tile: int, quality: int) -> str:
    """Put all tiles of a pyramid where they belong; return the text of its .dzi.

    `size` is (width, height). Tiles are PNG if the bands have an alpha channel, else JPEG.
    """
    channels, stream = measure(bands, size)
    kind = "png" if channels == 4 else "jpg"
    with ThreadPoolExecutor(cores()) as pool:
        for level in range((max(size) - 1).bit_length(), -1, -1):
            stream = write_level(stream, level, tile, kind, quality, put, pool)
        deque(stream, maxlen=0)  # run it to the end
    return DZI.format(kind, tile, *size)


def encode_tile(tile: Array, kind: str, quality: int) -> bytes:
    """A tile as the bytes of a JPEG or PNG."""
    buffer = io.BytesIO()
    Image.fromarray(tile).save(buffer, {"jpg": "JPEG"}.get(kind, kind), quality=quality)
    return buffer.getvalue()


def write_deepzoom(
    path: str | Path,
    bands: Bands,
    size: tuple[int, int],
    tile: int = 512,
    quality: int = 85,
    about: str = "",
) -> None:
    """Write bands as NAME.dzi and its tiles in the folder NAME_files; the .dzi comes last.

    Raises MosaicError if the folder is not ours, ValueError unless the bands fit.
    """
    path, folder = Path(path), tiles_folder(path)
    with atomic(folder) as part:

        def put(name: str, content: bytes) -> None:
            (part / name).parent.mkdir(parents=True, exist_ok=True)
            (part / name).write_bytes(content)

        text = put_pyramid(put, bands, size, tile, quality)
        path.unlink(missing_ok=True)
    write_text(path, text + remark(about))


def remark(about: str) -> str:
    """A line of XML that says where a picture came from; nothing about nothing."""
    return f"<!-- {re.sub('-(?=-)', '- ', about)} -->\n" if about else ""


DZI = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" '
    'Format="{}" Overlap="0" TileSize="{}"><Size Width="{}" Height="{}"/></Image>\n'
)


def tiles_folder(path: str | Path) -> Path:
    """The folder for the tiles of a .dzi; raises MosaicError if it is not ours to replace."""
    folder = Path(path).with_name(Path(path).stem + "_files")
    if folder.exists() and not Path(path).exists():
        raise MosaicError(f"there is a folder {folder} already; move it, or choose another name")
    return folder


def write_szi(
    path: str | Path,
    bands: Bands,
    size: tuple[int, int],
    tile: int = 512,
    quality: int = 85,
    about: str = "",
) -> None:
    """Write bands as a Deep Zoom image in one zip archive: NAME/NAME.dzi, NAME/NAME_files/...

    Raises ValueError, and writes nothing, unless the bands fit.
    """
    name = Path(path).stem
    with atomic(path) as part, zipfile.ZipFile(part, "w") as archive:

        def put(member: str, content: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(f"{name}/{member}"), content)

        text = put_pyramid(lambda at, tile: put(f"{name}_files/{at}", tile), bands, size, tile, quality)
        put(f"{name}.dzi", (text + remark(about)).encode())


NEEDED = "a package: pip install 'mosaic-book[large]'"


def has_vips() -> bool:
    """Whether libvips is at hand."""
    return importlib.util.find_spec("pyvips") is not None


def store_band(band: Array) -> tuple[bytes, bytes]:
    """The rows of a band for a PNG, as they are, and in blocks that are not compressed."""
    rows = np.zeros((len(band), 1 + band.shape[1] * band.shape[2]), np.uint8)
    rows[:, 1:] = band.reshape(len(band), -1)
    raw, press = rows.tobytes(), zlib.compressobj(0, zlib.DEFLATED, -15)
    return raw, press.compress(raw) + press.flush(zlib.Z_SYNC_FLUSH)


@dataclasses.dataclass
class Feed:
    """A stream of bytes for libvips, which ends at the first error and keeps it."""

    pieces: Generator[bytes, None, None]
    rest: bytes | memoryview = b""
    error: BaseException | None = None

    def read(self, size: int) -> bytes:
        """Some bytes, at most `size`; none at the end."""
        try:
            while not (self.rest or self.error):
                self.rest = memoryview(next(self.pieces))
        except StopIteration:
            return b""
        except BaseException as error:
            self.error = error
        some, self.rest = self.rest[:size], self.rest[size:]
        return b"" if self.error else bytes(some)


def write_by_vips(
    path: str | Path, bands: Bands, size: tuple[int, int], wanted: Wanted
) -> None:
    """Write bands as a JPEG, or as a TIFF that is a pyramid of JPEG tiles, in a stream.

    Raises ValueError, and writes nothing, unless the bands have that (width, height).
    """
    feed = Feed(png_pieces(map(over_white, bands), size, wanted, store_band))
    ending = Path(path).suffix.lower()
    with contextlib.closing(feed.pieces), atomic(path) as part:
        with ThreadPoolExecutor(1) as pool:
            try:
                pool.submit(save_by_vips, part, ending, feed, size, wanted).result()
            except BaseException as error:
                feed.error = feed.error or error
        if feed.error:
            raise feed.error


def save_by_vips(
    part: Path, ending: str, feed: Feed, size: tuple[int, int], wanted: Wanted
) -> None:
    """Let libvips read a stream and write it to a file, of a kind by its ending."""
    os.environ.setdefault("VIPS_CONCURRENCY", str(cores()))
    import pyvips

    source = pyvips.SourceCustom()
    source.on_read(feed.read)
    try:
        image = pyvips.Image.new_from_source(source, "", access="sequential")
        if wanted.dpi:
            image = image.copy(xres=wanted.dpi / 25.4, yres=wanted.dpi / 25.4)
        keep = "all" if wanted.dpi or wanted.about else "none"
        options = {"Q": wanted.quality or 90, "keep": keep}
        if ending in (".jpg", ".jpeg"):
            image.jpegsave(str(part), subsample_mode="on", **options)
        else:
            if wanted.about:
                image = image.copy()
                image.set_type(pyvips.GValue.gstr_type, "image-description", wanted.about)
            options |= {"tile": True, "tile_width": TIFF_TILE, "tile_height": TIFF_TILE}
            options |= {"pyramid": True, "compression": "jpeg", "resunit": "inch"}
            image.tiffsave(str(part), bigtiff=3 * math.prod(size) > BIG, **options)
    except pyvips.Error as error:
        raise MosaicError(show(f"{part.name}: {' '.join(str(error).split())}")) from None


LARGEST = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
LARGEST |= dict.fromkeys((".png", ".tif", ".tiff", ".dzi", ".szi"), 2**31 - 1)


def zoomable(write: Callable[..., None]) -> Write:
    """A writer of Deep Zoom images, which are for screens, as one of STREAMS."""
    return lambda path, bands, size, wanted: write(
        path, bands, size, quality=wanted.quality or 85, about=wanted.about
    )


STREAMS: dict[str, Write] = {
    ".png": write_png,
    ".tif": write_tiff,
    ".tiff": write_tiff,
    ".dzi": zoomable(write_deepzoom),
    ".szi": zoomable(write_szi),
}

LARGE = 50_000_000  # pixels


def streams(ending: str, size: tuple[int, int]) -> bool:
    """Whether a picture of this (width, height) and kind is written without having it whole."""
    jpeg = ending in (".jpg", ".jpeg")
    return ending in STREAMS or (jpeg and math.prod(size) > LARGE and has_vips())


def memory() -> float:
    """Bytes of memory of this machine; without end where it does not say."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return math.inf
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def check_size(path: str | Path, size: tuple[int, int], quality: int = 0) -> None:
    """Raise MosaicError unless an image of this (width, height) can be saved there."""
    ending, repair = Path(path).suffix.lower(), "set a smaller size"
    if max(size) <= LARGEST[".png"]:
        repair = f"write a .dzi or .png, or {repair}"
    if ending not in LARGEST:
        raise MosaicError(f"{path}: the name must end in {', '.join(LARGEST)}")
    asked = f"{path}: {size[0]} x {size[1]} pixels"
    if max(size) > LARGEST[ending]:
        raise MosaicError(f"{asked}, but {ending} ends at {LARGEST[ending]}; {repair}")
    if not streams(ending, size) and 5 * size[0] * size[1] > memory():
        raise MosaicError(f"{asked} do not fit into memory, as {ending} must; {repair}")
    if quality and ending in (".tif", ".tiff") and not has_vips():
        raise MosaicError(f"{path}: JPEG in a TIFF needs {NEEDED}; or leave out `quality`")
    if Path(path).is_dir():
        raise MosaicError(f"{path} is a folder; give the mosaic a name in it")
    if ending == ".dzi":
        tiles_folder(path)


def save_bands(
    path: str | Path,
    bands: Bands,
    size: tuple[int, int],
    quality: int = 0,
    dpi: float | None = None,
    about: str = "",
) -> None:
    """Save an image of (width, height) pixels from its bands, as the name's ending says.

    `quality` is that of JPEG, 0 as usual; `dpi` is for a printer; `about` is a line of ASCII
    that says where it came from. Raises MosaicError as `check_size` does, and ValueError,
    leaving an older file as it was, unless the bands fit.
    """
    check_size(path, size, quality)
    ending, wanted = Path(path).suffix.lower(), Wanted(quality, dpi, about)
    if ending in STREAMS:
        return STREAMS[ending](path, bands, size, wanted)
    if streams(ending, size):
        return write_by_vips(path, bands, size, wanted)
    tell_memory(path, ending, size)
    bands = measure(bands, size)[1]
    bands = bands if ending == ".webp" else map(over_white, bands)
    paper = {"dpi": (dpi, dpi), "icc_profile": srgb()} if dpi else {}
    return save_image(path, bands, size, quality=quality or 90, **paper, **signed(about))


def tell_memory(path: str | Path, ending: str, size: tuple[int, int]) -> None:
    """Say how much memory a large picture takes, and what takes less."""
    if math.prod(size) > LARGE:
        gigabytes = 4e-9 * math.prod(size)
        other = "" if ending == ".webp" else f", or a .jpg with {NEEDED}"
        less = f"a .dzi, .png or .tif takes less{other}"
        print(show(f"{path} takes {gigabytes:.1f} GB of memory; {less}"), file=sys.stderr)


def over_white(band: Array) -> Array:
    """Lay an (h, w, 4) band over white: (h, w, 3). One of three channels stays as it is.

    >>> over_white(np.array([[[10, 20, 30, 51]]], np.uint8)).ravel().tolist()
    [206, 208, 210]
    """
    if band.shape[2] == 3:
        return band
    alpha = band[..., 3:].astype(np.uint16)
    return ((band[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
