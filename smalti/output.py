# Made from smalti/output.md by make tangle; edit that.
"""Write mosaics of any size, exact to the pixel, or cut out; explained in output.md."""

import functools
import io
import itertools
import math
import os
import struct
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageCms

from mosaic import Array, Draw, save_image
from smalti.ground.errors import MosaicError
from smalti.ground.files import atomic, write_text
from smalti.ground.settings import cores
from smalti.recolour import Recolour

Bands = Iterable[Array]
Write = Callable[[str | Path, Bands, tuple[int, int], float | None], None]
Item = TypeVar("Item")
Result = TypeVar("Result")


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
    left = np.cumsum(widths) - widths
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


def in_step(task: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Like `map`, by threads, in order, with never more than a few items in memory."""
    workers = cores()
    with ThreadPoolExecutor(workers) as pool:
        queue: deque[Future[Result]] = deque()
        for item in items:
            queue.append(pool.submit(task, item))
            if len(queue) > workers:
                yield queue.popleft().result()
        while queue:
            yield queue.popleft().result()


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


def write_png(
    path: str | Path, bands: Bands, size: tuple[int, int], dpi: float | None = None
) -> None:
    """Write bands as a PNG of (width, height) pixels, in a stream (PNG, ISO 15948).

    `dpi` is for a printer. Raises ValueError, and writes nothing, unless the bands fit.
    """
    channels, bands = measure(bands, size)
    colours, check = {3: 2, 4: 6}[channels], 1
    with atomic(path) as part, part.open("wb") as file:
        header = struct.pack(">IIBBBBB", *size, 8, colours, 0, 0, 0)
        file.write(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header))
        file.write(png_print(dpi) if dpi else b"")
        file.write(png_chunk(b"IDAT", b"\x78\x01"))
        for raw, packed in in_step(deflate_band, regroup(bands, 64)):
            check = zlib.adler32(raw, check)
            file.write(png_chunk(b"IDAT", packed))
        file.write(png_chunk(b"IDAT", b"\x03\x00" + struct.pack(">I", check)))
        file.write(png_chunk(b"IEND", b""))


def png_print(dpi: float) -> bytes:
    """Chunks of a PNG that say its profile, sRGB, and its resolution."""
    dots = round(dpi / 0.0254)
    profile = png_chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb()))
    return profile + png_chunk(b"pHYs", struct.pack(">IIB", dots, dots, 1))


TIFF_TILE = 256


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
    path: str | Path, bands: Bands, size: tuple[int, int], dpi: float | None = None
) -> None:
    """Write bands as a tiled TIFF of (width, height) pixels, in a stream; BigTIFF if large.

    `dpi` is for a printer. Raises ValueError, and writes nothing, unless the bands fit.
    """
    import tifffile

    channels, bands = measure(bands, size)
    shape = (size[1], size[0], channels)
    big = math.prod(shape) > 3 << 30
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
            iccprofile=srgb() if dpi else None,
        )


def write_level(
    bands: Bands,
    folder: Path,
    tile: int,
    save: Callable[[Array, Path], None],
    pool: ThreadPoolExecutor,
) -> Iterator[Array]:
    """Write the tiles of one level of a pyramid; yield its bands, halved."""
    folder.mkdir(parents=True)
    rows = itertools.count()
    for band in regroup(bands, tile):  # enumerate would keep a band for too long
        row, starts = next(rows), range(0, band.shape[1], tile)
        parts = [band[:, left : left + tile] for left in starts]
        paths = [folder / f"{left // tile}_{row}" for left in starts]
        list(pool.map(save, parts, paths))
        half = np.concatenate(list(pool.map(halve, parts)), axis=1)
        del band, parts  # nobody needs them while the next is made
        yield half


def halve(band: Array) -> Array:
    """Average squares of 2 x 2 pixels; at an odd edge, of what is there."""
    image = Image.fromarray(band)
    if band.shape[2] == 4:
        return np.asarray(image.convert("RGBa").reduce(2).convert("RGBA"))
    return np.asarray(image.reduce(2))


def write_deepzoom(
    path: str | Path,
    bands: Bands,
    size: tuple[int, int],
    dpi: float | None = None,
    tile: int = 512,
    quality: int = 85,
) -> None:
    """Write bands as NAME.dzi and its tiles in the folder NAME_files; the .dzi comes last.

    `size` is (width, height); a screen has no `dpi`. Tiles are PNG if the bands have an alpha
    channel, else JPEG. Raises MosaicError if the folder is not ours, ValueError unless the bands fit.
    """
    path, folder = Path(path), tiles_folder(path)
    channels, stream = measure(bands, size)
    kind = "png" if channels == 4 else "jpg"
    save = functools.partial(save_tile, kind=kind, quality=quality)
    with atomic(folder) as part, ThreadPoolExecutor(cores()) as pool:
        for level in range((max(size) - 1).bit_length(), -1, -1):
            stream = write_level(stream, part / str(level), tile, save, pool)
        deque(stream, maxlen=0)  # run it to the end
        path.unlink(missing_ok=True)
    write_text(path, DZI.format(kind, tile, *size))


def save_tile(tile: Array, path: Path, kind: str, quality: int) -> None:
    """Save a tile as PATH.jpg or PATH.png."""
    buffer = io.BytesIO()
    Image.fromarray(tile).save(buffer, {"jpg": "JPEG"}.get(kind, kind), quality=quality)
    path.with_name(f"{path.name}.{kind}").write_bytes(buffer.getbuffer())


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


LARGEST = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
LARGEST |= dict.fromkeys((".png", ".tif", ".tiff", ".dzi"), 2**31 - 1)
STREAMS: dict[str, Write] = {
    ".png": write_png,
    ".tif": write_tiff,
    ".tiff": write_tiff,
    ".dzi": write_deepzoom,
}


def memory() -> float:
    """Bytes of memory of this machine; without end where it does not say."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return math.inf
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def check_size(path: str | Path, size: tuple[int, int]) -> None:
    """Raise MosaicError unless an image of this (width, height) can be saved there."""
    ending, repair = Path(path).suffix.lower(), "set a smaller size"
    if max(size) <= LARGEST[".png"]:
        repair = f"write a .dzi or .png, or {repair}"
    if ending not in LARGEST:
        raise MosaicError(f"{path}: the name must end in {', '.join(LARGEST)}")
    asked = f"{path}: {size[0]} x {size[1]} pixels"
    if max(size) > LARGEST[ending]:
        raise MosaicError(f"{asked}, but {ending} ends at {LARGEST[ending]}; {repair}")
    if ending not in STREAMS and 5 * size[0] * size[1] > memory():
        raise MosaicError(f"{asked} do not fit into memory, as {ending} must; {repair}")
    if Path(path).is_dir():
        raise MosaicError(f"{path} is a folder; give the mosaic a name in it")
    if ending == ".dzi":
        tiles_folder(path)


def save_bands(
    path: str | Path,
    bands: Bands,
    size: tuple[int, int],
    quality: int = 90,
    dpi: float | None = None,
) -> None:
    """Save an image of (width, height) pixels from its bands, as the name's ending says.

    `quality` is that of a JPEG or WebP, `dpi` is for a printer. Raises MosaicError as `check_size` does, and
    ValueError, leaving an older file as it was, unless the bands have that size.
    """
    check_size(path, size)
    ending = Path(path).suffix.lower()
    if ending in STREAMS:
        STREAMS[ending](path, bands, size, dpi)
        return
    bands = measure(bands, size)[1]
    bands = map(over_white, bands) if ending in (".jpg", ".jpeg") else bands
    if dpi:
        save_for_printer(path, bands, size, quality, dpi)
    else:
        save_image(path, bands, size, quality)


def save_for_printer(
    path: str | Path, bands: Bands, size: tuple[int, int], quality: int, dpi: float
) -> None:
    """Save bands as one image of (width, height) pixels with its resolution and profile."""
    whole = np.concatenate(list(bands))
    with atomic(path) as part:
        Image.fromarray(whole).save(part, quality=quality, dpi=(dpi, dpi), icc_profile=srgb())


def over_white(band: Array) -> Array:
    """Lay an (h, w, 4) band over white: (h, w, 3). One of three channels stays as it is.

    >>> over_white(np.array([[[10, 20, 30, 51]]], np.uint8)).ravel().tolist()
    [206, 208, 210]
    """
    if band.shape[2] == 3:
        return band
    alpha = band[..., 3:].astype(np.uint16)
    return ((band[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
