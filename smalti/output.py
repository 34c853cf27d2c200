# ~/~ begin <<smalti/output.md#smalti/output.py>>[init]
"""Write mosaics of any size, exact, tinted, cut out or moving; explained in output.md."""

# ~/~ begin <<smalti/output.md#output-imports>>[init]
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
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from smalti.ground.files import atomic
from smalti.ground.photos import make_averageable
from smalti.ground.settings import MosaicError, cores
# ~/~ end
# ~/~ begin <<smalti/output.md#output-imports>>[1]
Array = NDArray[Any]
Bands = Iterable[Array]
Draw = Callable[[Array, tuple[int, int]], Array]
Finish = Callable[[Array, Array], Array]
Write = Callable[[Any, Bands, tuple[int, int]], None]
Box = tuple[float, float, float, float]
Item = TypeVar("Item")
Result = TypeVar("Result")
# ~/~ end

# ~/~ begin <<smalti/output.md#exact-sizes>>[init]
def sizes(total: int, parts: int) -> Array:
    """Divide `total` pixels among `parts`, evenly to a pixel: whole numbers (parts,).

    >>> sizes(10, 4).tolist()
    [2, 3, 2, 3]
    """
    if not 0 < parts <= total:
        raise MosaicError(f"{total} pixels are too few for {parts} cells; ask for more")
    ends: Array = np.arange(parts + 1, dtype=np.int64) * total // parts
    return np.diff(ends)
# ~/~ end
# ~/~ begin <<smalti/output.md#exact-sizes>>[1]
def paste_exact(
    draw: Draw,
    match: Array,
    size: tuple[int, int],
    finish: Finish | None = None,
) -> Iterator[Array]:
    """Paste a (rows, cols) match to exactly (width, height) pixels, in bands.

    `finish` gets the (k, height, width, 3) tiles and the (k,) numbers of their cells.
    """
    (rows, cols), widths = match.shape, sizes(size[0], match.shape[1])
    left = np.cumsum(widths) - widths
    for row, height in enumerate(sizes(size[1], rows).tolist()):
        band = np.full((height, size[0], 3), 255, np.uint8)
        for width in np.unique(widths).tolist():
            columns = np.flatnonzero((widths == width) & (match[row] >= 0))
            which, place = np.unique(match[row, columns], return_inverse=True)
            tiles = draw(which, (width, height))[place]
            if finish and len(tiles):
                tiles = finish(tiles, row * cols + columns)
            for tile, start in zip(tiles, left[columns], strict=True):
                band[:, start : start + width] = tile
        yield band
# ~/~ end

# ~/~ begin <<smalti/output.md#regroup-bands>>[init]
def regroup(bands: Bands, height: int) -> Iterator[Array]:
    """Make bands of any heights into bands of one height; the last may be lower."""
    kept: list[Array] = []
    missing = height
    for band in bands:
        while len(band):
            kept.append(band[:missing])
            band, missing = band[missing:], missing - len(kept[-1])
            if not missing:
                full = kept[0] if len(kept) == 1 else np.concatenate(kept)
                kept, missing = [], height
                yield full
                del full  # before the next one is put together
    if kept:
        yield np.concatenate(kept)
# ~/~ end
# ~/~ begin <<smalti/output.md#regroup-bands>>[1]
def measure(bands: Bands, size: tuple[int, int]) -> tuple[int, Iterator[Array]]:
    """Channels of the bands, 3 or 4, and the bands; raises ValueError unless they fit."""
    first = next(stream := iter(bands))

    def watched() -> Iterator[Array]:
        high = 0
        for band in itertools.chain([first], stream):
            high += len(band)
            if band.shape[1:] != (size[0], first.shape[2]) or high > size[1]:
                raise ValueError(f"a band of {band.shape} does not fit into {size}")
            yield band
        if high < size[1]:
            raise ValueError(f"the bands end after {high} of {size[1]} rows")

    return first.shape[2], watched()
# ~/~ end

# ~/~ begin <<smalti/output.md#work-in-step>>[init]
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
# ~/~ end

# ~/~ begin <<smalti/output.md#stream-a-png>>[init]
def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file: length, kind, data, checksum."""
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
# ~/~ end
# ~/~ begin <<smalti/output.md#stream-a-png>>[1]
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
# ~/~ end
# ~/~ begin <<smalti/output.md#stream-a-png>>[2]
def write_png(path: str | Path, bands: Bands, size: tuple[int, int]) -> None:
    """Write bands as a PNG of (width, height) pixels, in a stream (PNG, ISO 15948)."""
    channels, bands = measure(bands, size)
    colours, check = {3: 2, 4: 6}[channels], 1
    with atomic(path) as part, part.open("wb") as file:
        header = struct.pack(">IIBBBBB", *size, 8, colours, 0, 0, 0)
        file.write(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header))
        file.write(png_chunk(b"IDAT", b"\x78\x01"))
        for raw, packed in in_step(deflate_band, regroup(bands, 64)):
            check = zlib.adler32(raw, check)
            file.write(png_chunk(b"IDAT", packed))
        file.write(png_chunk(b"IDAT", b"\x03\x00" + struct.pack(">I", check)))
        file.write(png_chunk(b"IEND", b""))
# ~/~ end

# ~/~ begin <<smalti/output.md#stream-a-tiff>>[init]
TIFF_TILE = 256


def deflate_tile(tile: Array) -> bytes:
    """Compress a tile for a TIFF, filled up to its full size."""
    full = np.zeros((TIFF_TILE, TIFF_TILE, tile.shape[2]), np.uint8)
    full[: tile.shape[0], : tile.shape[1]] = tile
    full[:, 1:] -= full[:, :-1].copy()
    return zlib.compress(full.tobytes(), 1)


def write_tiff(path: str | Path, bands: Bands, size: tuple[int, int]) -> None:
    """Write bands as a tiled TIFF of (width, height) pixels, in a stream; BigTIFF if large."""
    import tifffile  # here, for it takes a while to load

    channels, bands = measure(bands, size)
    shape = (size[1], size[0], channels)
    tiles = (
        band[:, left : left + TIFF_TILE]
        for band in regroup(bands, TIFF_TILE)
        for left in range(0, size[0], TIFF_TILE)
    )
    big = math.prod(shape) > 3 << 30
    with atomic(path) as part, tifffile.TiffWriter(part, bigtiff=big) as file:
        file.write(
            in_step(deflate_tile, tiles),
            shape=shape,
            dtype=np.uint8,
            tile=(TIFF_TILE, TIFF_TILE),
            photometric="rgb",
            compression="zlib",
            predictor=True,
            extrasamples=["unassalpha"] if channels == 4 else None,
        )
# ~/~ end

# ~/~ begin <<smalti/output.md#build-the-pyramid>>[init]
def write_level(
    bands: Bands,
    folder: Path,
    tile: int,
    save: Callable[[Array, Path], None],
    pool: ThreadPoolExecutor,
) -> Iterator[Array]:
    """Write the tiles of one level of a pyramid; yield its bands, halved."""
    folder.mkdir(parents=True)
    for row, band in enumerate(regroup(bands, tile)):
        starts = range(0, band.shape[1], tile)
        parts = [band[:, left : left + tile] for left in starts]
        paths = [folder / f"{left // tile}_{row}" for left in starts]
        list(pool.map(save, parts, paths))
        half = np.concatenate(list(pool.map(halve, parts)), axis=1)
        del band, parts  # nobody needs them while the next is made
        yield half


def halve(band: Array) -> Array:
    """Average squares of 2 x 2 pixels; at an odd edge, of what is there."""
    image = Image.fromarray(band)
    if band.shape[2] == 4:  # colours count as much as they are opaque
        return np.asarray(image.convert("RGBa").reduce(2).convert("RGBA"))
    return np.asarray(image.reduce(2))
# ~/~ end
# ~/~ begin <<smalti/output.md#build-the-pyramid>>[1]
def write_deepzoom(
    path: str | Path, bands: Bands, size: tuple[int, int], tile: int = 512, quality: int = 85
) -> None:
    """Write bands as NAME.dzi and its tiles in the folder NAME_files; the .dzi comes last."""
    path, folder = Path(path), tiles_folder(path)
    channels, stream = measure(bands, size)
    kind = "png" if channels == 4 else "jpg"
    save = functools.partial(save_tile, kind=kind, quality=quality)
    with atomic(folder) as part, ThreadPoolExecutor(cores()) as pool:
        for level in range((max(size) - 1).bit_length(), -1, -1):
            stream = write_level(stream, part / str(level), tile, save, pool)
        deque(stream, maxlen=0)  # run it to the end
        path.unlink(missing_ok=True)
    with atomic(path) as part:
        part.write_text(DZI.format(kind, tile, *size))
# ~/~ end
# ~/~ begin <<smalti/output.md#build-the-pyramid>>[2]
def tiles_folder(path: str | Path) -> Path:
    """The folder for the tiles of a .dzi; raises MosaicError if it is not ours to replace."""
    folder = Path(path).with_name(Path(path).stem + "_files")
    if folder.exists() and not Path(path).exists():
        raise MosaicError(f"there is a folder {folder} already; move it, or choose another name")
    return folder


DZI = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" '
    'Format="{}" Overlap="0" TileSize="{}"><Size Width="{}" Height="{}"/></Image>\n'
)


def save_tile(tile: Array, path: Path, kind: str, quality: int) -> None:
    """Save a tile as PATH.jpg or PATH.png."""
    buffer = io.BytesIO()
    Image.fromarray(tile).save(buffer, {"jpg": "JPEG"}.get(kind, kind), quality=quality)
    path.with_name(f"{path.name}.{kind}").write_bytes(buffer.getbuffer())
# ~/~ end

# ~/~ begin <<smalti/output.md#choose-the-writer>>[init]
LARGEST = {".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
LARGEST |= dict.fromkeys((".png", ".tif", ".tiff", ".dzi"), 2**31 - 1)


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


def memory() -> float:
    """Bytes of memory of this machine; without end where it does not say."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names:
        return math.inf
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
# ~/~ end
# ~/~ begin <<smalti/output.md#choose-the-writer>>[1]
STREAMS: dict[str, Write] = {
    ".png": write_png,
    ".tif": write_tiff,
    ".tiff": write_tiff,
    ".dzi": write_deepzoom,
}


def save_bands(
    path: str | Path, bands: Bands, size: tuple[int, int], quality: int = 90
) -> None:
    """Save an image of (width, height) pixels from its bands, as the name's ending says."""
    check_size(path, size)
    ending = Path(path).suffix.lower()
    if ending in STREAMS:
        STREAMS[ending](path, bands, size)
        return
    channels, bands = measure(bands, size)
    opaque = channels == 3 or ending in (".jpg", ".jpeg")
    canvas, top = Image.new("RGB" if opaque else "RGBA", size), 0
    for band in bands:
        canvas.paste(Image.fromarray(over_white(band) if opaque else band), (0, top))
        top += len(band)
    with atomic(path) as part:
        canvas.save(part, quality=quality)
# ~/~ end
# ~/~ begin <<smalti/output.md#choose-the-writer>>[2]
def over_white(band: Array) -> Array:
    """Lay an (h, w, 4) band over white: (h, w, 3). One of three channels stays as it is."""
    if band.shape[2] == 3:
        return band
    alpha = band[..., 3:].astype(np.uint16)
    return ((band[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
# ~/~ end

# ~/~ begin <<smalti/output.md#tint-the-tiles>>[init]
def blend_tiles(tiles: Array, cells: Array, strength: float) -> Array:
    """Blend (k, h, w, 3) tiles with the mean colours of their (k, h', w', 3) cells."""
    if not strength:
        return tiles
    mean = cells.mean(axis=(1, 2), keepdims=True, dtype=np.float32)
    return to_bytes(tiles + np.float32(strength) * (mean - tiles))


def to_bytes(values: Array) -> Array:
    """Round to whole levels from 0 to 255."""
    return np.rint(values).clip(0, 255).astype(np.uint8)
# ~/~ end
# ~/~ begin <<smalti/output.md#tint-the-tiles>>[1]
def moments(images: Array) -> tuple[Array, Array, Array]:
    """Pixels around their mean (k, p, 3), means (k, 1, 3), covariances (k, 3, 3) of images."""
    pixels = images.reshape(len(images), -1, 3).astype(np.float32)
    mean = pixels.mean(axis=1, keepdims=True)
    pixels -= mean
    spread = pixels.swapaxes(1, 2) @ pixels / pixels.shape[1]
    return pixels, mean, spread.astype(np.float64)


def power(matrices: Array, exponent: float) -> Array:
    """A power of symmetric (k, 3, 3) matrices, by their eigenvectors."""
    values, vectors = np.linalg.eigh(matrices)
    powers: Array = vectors * values.clip(1e-9)[:, None] ** exponent @ vectors.swapaxes(1, 2)
    return powers
# ~/~ end
# ~/~ begin <<smalti/output.md#tint-the-tiles>>[2]
def tint_tiles(tiles: Array, cells: Array, strength: float, ridge: float = 4.0) -> Array:
    """Move the colours of (k, h, w, 3) tiles towards those of their (k, h', w', 3) cells.

    By the optimal transport map between Gaussians; `strength` 0 changes nothing, 1 gives
    the cells' means and covariances. Both in sRGB levels.
    """
    if not strength:
        return tiles
    pixels, mean, spread = moments(tiles)
    _, goal, wanted = moments(cells)
    root, back = power(spread + ridge * np.eye(3), 0.5), power(spread + ridge * np.eye(3), -0.5)
    stretch = back @ power(root @ (wanted + ridge * np.eye(3)) @ root, 0.5) @ back
    step = ((1 - strength) * np.eye(3) + strength * stretch).astype(np.float32)
    moved = pixels @ step + (mean + np.float32(strength) * (goal - mean))
    return to_bytes(moved.reshape(tiles.shape))
# ~/~ end

# ~/~ begin <<smalti/output.md#leave-cells-empty>>[init]
def cell_means(
    grey: Image.Image, grid: tuple[int, int], thumb_res: tuple[float, float]
) -> Array:
    """Mean levels of a grey image in a (cols, rows) grid of cells shaped like thumb_res."""
    across, down = grid[0] * thumb_res[0], grid[1] * thumb_res[1]
    scale = min(grey.width / across, grey.height / down)
    left, top = (grey.width - across * scale) / 2, (grey.height - down * scale) / 2
    box = (max(0.0, left), max(0.0, top), grey.width - left, grey.height - top)
    box = (*box[:2], min(box[2], grey.width), min(box[3], grey.height))
    return np.asarray(grey.resize(grid, Image.Resampling.BOX, box=box))


def empty_cells(
    target: Image.Image, grid: tuple[int, int], thumb_res: tuple[float, float]
) -> Array:
    """Where a target is transparent: a (rows, cols) array of truth values."""
    if not target.has_transparency_data:
        return np.zeros(grid[::-1], bool)
    alpha = ImageOps.exif_transpose(target).convert("RGBA").getchannel("A")
    return cell_means(alpha, grid, thumb_res) < 128
# ~/~ end
# ~/~ begin <<smalti/output.md#leave-cells-empty>>[1]
def mask_cells(
    mask: Image.Image, grid: tuple[int, int], thumb_res: tuple[float, float]
) -> Array:
    """Where a mask is not white: a (rows, cols) array of truth values."""
    upright = make_averageable(ImageOps.exif_transpose(mask)).convert("RGBA")
    ground = Image.new("RGBA", upright.size, "black")
    grey = Image.alpha_composite(ground, upright).convert("L")
    return cell_means(grey, grid, thumb_res) < 128
# ~/~ end
# ~/~ begin <<smalti/output.md#leave-cells-empty>>[2]
def cover(bands: Bands, empty: Array, size: tuple[int, int]) -> Iterator[Array]:
    """Make the empty cells of a (rows, cols) grid transparent, in bands of (h, width, 4)."""
    rows, cols = empty.shape
    alpha = np.where(empty, 0, 255).astype(np.uint8).repeat(sizes(size[0], cols), axis=1)
    row_of, top = np.arange(rows).repeat(sizes(size[1], rows)), 0
    for band in bands:
        solid = alpha[row_of[top : top + len(band)], :, None]
        yield np.dstack((np.where(solid, band, 255), solid))
        top += len(band)
# ~/~ end

# ~/~ begin <<smalti/output.md#dive-into-it>>[init]
def zoom_boxes(first: Box, last: Box, count: int) -> list[Box]:
    """Boxes on the way from one (left, top, right, bottom) to another within it.

    >>> [round(box[2] - box[0], 3) for box in zoom_boxes((0, 0, 16, 8), (4, 4, 8, 6), 3)]
    [16.0, 8.0, 4.0]
    """
    time = np.arange(count - 1) + 0.5
    near_end = np.minimum(time, count - 1 - time) / (0.2 * count)
    speed = near_end.clip(0, 1) ** 2 * (3 - 2 * near_end.clip(0, 1))  # smooth ends
    way = np.append(0, np.cumsum(speed)) / max(speed.sum(), 1e-9)
    wide, narrow = first[2] - first[0], last[2] - last[0]
    width = wide * (narrow / wide) ** way
    part = ((wide - width) / max(wide - narrow, 1e-9))[:, None]
    boxes = (1 - part) * np.array(first) + part * np.array(last)
    return [tuple(box) for box in boxes.tolist()]
# ~/~ end
# ~/~ begin <<smalti/output.md#dive-into-it>>[1]
def last_box(shape: tuple[int, ...], cell: tuple[int, int]) -> Box:
    """The smallest box around a (row, col) cell, shaped like a (rows, cols) mosaic, in cells.

    >>> last_box((4, 8), (0, 5))
    (4.5, 0.0, 6.5, 1.0)
    """
    rows, cols = shape
    width, height = max(1.0, cols / rows), max(1.0, rows / cols)
    left = min(max(0.0, cell[1] + 0.5 - width / 2), cols - width)
    top = min(max(0.0, cell[0] + 0.5 - height / 2), rows - height)
    return left, top, left + width, top + height
# ~/~ end
# ~/~ begin <<smalti/output.md#dive-into-it>>[2]
def zoom_frames(
    draw: Draw,
    match: Array,
    cell: tuple[int, int],
    thumb_res: tuple[int, int],
    size: tuple[int, int] = (640, 480),
    count: int = 125,
    finish: Finish | None = None,
) -> Iterator[Image.Image]:
    """Frames from a whole (rows, cols) match into its (row, col) cell, at most `size` large."""
    (rows, cols), level = match.shape, None
    scale = min(size[0] / (cols * thumb_res[0]), size[1] / (rows * thumb_res[1]))
    frame = (round(scale * cols * thumb_res[0]), round(scale * rows * thumb_res[1]))
    for box in zoom_boxes((0, 0, cols, rows), last_box(match.shape, cell), count):
        wanted = frame[0] / (box[2] - box[0]) / thumb_res[0]
        if level != (level := math.ceil(math.log2(wanted) - 1e-6)):
            tile = tuple(max(1, round(side * 2.0**level)) for side in thumb_res)
            canvas, corner = paste_part(draw, match, box, (tile[0], tile[1]), finish)
        left, top, right, bottom = ((box[i] - corner[i % 2]) * tile[i % 2] for i in range(4))
        inside = (left, top, min(right, canvas.width), min(bottom, canvas.height))
        yield canvas.resize(frame, Image.Resampling.LANCZOS, box=inside)
# ~/~ end
# ~/~ begin <<smalti/output.md#dive-into-it>>[3]
def paste_part(
    draw: Draw, match: Array, box: Box, tile: tuple[int, int], finish: Finish | None = None
) -> tuple[Image.Image, tuple[int, int]]:
    """Paste the cells that a box touches; return them and their first (column, row)."""
    left, top = math.floor(box[0] + 1e-6), math.floor(box[1] + 1e-6)
    cut = np.s_[top : math.ceil(box[3] - 1e-6), left : math.ceil(box[2] - 1e-6)]
    part, cells = match[cut], np.arange(match.size).reshape(match.shape)[cut].ravel()
    size = (part.shape[1] * tile[0], part.shape[0] * tile[1])
    change = finish and (lambda tiles, places: finish(tiles, cells[places]))
    bands = list(paste_exact(draw, part, size, change))
    return Image.fromarray(np.vstack(bands)), (left, top)
# ~/~ end
# ~/~ begin <<smalti/output.md#dive-into-it>>[4]
def save_animation(
    path: str | Path, frames: Iterable[Image.Image], fps: float = 25, hold: float = 1.5
) -> None:
    """Save frames as a .gif or an animated .webp that starts anew; `hold` is in seconds."""
    check_animation(path)
    ending = Path(path).suffix.lower()
    stack = list(map(to_palette, frames) if ending == ".gif" else frames)
    times = [max(10, round(1000 / fps))] * len(stack)
    times[0] = times[-1] = max(10, round(1000 * hold))
    with atomic(path) as part:
        more: dict[str, Any] = {"append_images": stack[1:], "duration": times, "loop": 0}
        stack[0].save(part, save_all=True, quality=80, method=2, **more)


def check_animation(path: str | Path, size: tuple[int, int] = (1, 1), count: int = 1) -> None:
    """Raise MosaicError unless so many frames of (width, height) can be saved there."""
    if Path(path).suffix.lower() not in (".gif", ".webp"):
        raise MosaicError(f"{path}: the name of an animation must end in .gif or .webp")
    megabytes = 4 * size[0] * size[1] * count >> 20  # Pillow wants all frames at once
    if max(size) > LARGEST[".webp"] or megabytes > 2048:
        raise MosaicError(
            f"{path}: {count} frames of {size[0]} x {size[1]} pixels need {megabytes} MB, and "
            f"end at 2048 MB or {LARGEST['.webp']} pixels; set a smaller size or fewer seconds"
        )


def to_palette(frame: Image.Image) -> Image.Image:
    """Reduce a frame to its 256 best colours, with error diffusion."""
    best = frame.reduce(4).quantize(256, Image.Quantize.MEDIANCUT)
    return frame.quantize(palette=best, dither=Image.Dither.FLOYDSTEINBERG)
# ~/~ end
# ~/~ end