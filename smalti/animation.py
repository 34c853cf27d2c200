# Made from smalti/animation.md by make tangle; edit that.
"""Make a film that dives into a mosaic; explained in animation.md."""

import contextlib
import importlib.util
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from PIL import Image

from mosaic import Array, Box, Draw
from smalti.ground.errors import MosaicError
from smalti.ground.files import atomic
from smalti.output import LARGEST, paste_exact
from smalti.recolour import Recolour

if TYPE_CHECKING:
    import av


def eased_way(count: int) -> Array:
    """How far the camera is in each of `count` frames, from 0 to 1, slower at both ends.

    >>> eased_way(3).tolist()
    [0.0, 0.5, 1.0]
    """
    time = np.arange(count - 1) + 0.5
    near_end = (np.minimum(time, count - 1 - time) / (0.2 * count)).clip(0, 1)
    speed = near_end**2 * (3 - 2 * near_end)
    way: Array = np.append(0, np.cumsum(speed)) / max(speed.sum(), 1e-9)
    return way


def zoom_boxes(first: Box, last: Box, count: int) -> list[Box]:
    """Boxes on the way from one (left, top, right, bottom) to another within it.

    >>> [round(box[2] - box[0], 3) for box in zoom_boxes((0, 0, 16, 8), (4, 4, 8, 6), 3)]
    [16.0, 8.0, 4.0]
    """
    wide, narrow = first[2] - first[0], last[2] - last[0]
    width = wide * (narrow / wide) ** eased_way(count)
    part = ((wide - width) / max(wide - narrow, 1e-9))[:, None]
    boxes = (1 - part) * np.array(first) + part * np.array(last)
    return [tuple(box) for box in boxes.tolist()]


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


def zoom_frames(
    draw: Draw,
    match: Array,
    cell: tuple[int, int],
    thumb_res: tuple[int, int],
    size: tuple[int, int] = (640, 480),
    count: int = 125,
    recolour: Recolour | None = None,
) -> Iterator[Image.Image]:
    """Frames from a whole (rows, cols) match into its (row, col) cell, at most `size` large.

    `thumb_res` and `size` are (width, height); `recolour` is as for `paste_exact`.
    """
    (rows, cols), level = match.shape, None
    frame = frame_size(match.shape, thumb_res, size)
    for box in zoom_boxes((0, 0, cols, rows), last_box(match.shape, cell), count):
        wanted = frame[0] / (box[2] - box[0]) / thumb_res[0]
        if level != (level := math.ceil(math.log2(wanted) - 1e-6)):
            width, height = (max(1, round(side * 2.0**level)) for side in thumb_res)
            canvas, corner = paste_part(draw, match, box, (width, height), recolour)
        yield cut_frame(canvas, corner, (width, height), box, frame)


def frame_size(
    shape: tuple[int, ...], thumb_res: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int]:
    """The largest (width, height) within `size` that has the shape of a (rows, cols) mosaic.

    >>> frame_size((20, 60), (50, 50), (640, 480))
    (640, 213)
    """
    rows, cols = shape
    scale = min(size[0] / (cols * thumb_res[0]), size[1] / (rows * thumb_res[1]))
    return round(scale * cols * thumb_res[0]), round(scale * rows * thumb_res[1])


def paste_part(
    draw: Draw,
    match: Array,
    box: Box,
    tile: tuple[int, int],
    recolour: Recolour | None = None,
) -> tuple[Image.Image, tuple[int, int]]:
    """Paste the cells that a box touches; return them and their first (column, row)."""
    left, top = math.floor(box[0] + 1e-6), math.floor(box[1] + 1e-6)
    cut = np.s_[top : math.ceil(box[3] - 1e-6), left : math.ceil(box[2] - 1e-6)]
    part, cells = match[cut], np.arange(match.size).reshape(match.shape)[cut].ravel()
    size = (part.shape[1] * tile[0], part.shape[0] * tile[1])
    change = recolour and (lambda tiles, places: recolour(tiles, cells[places]))
    bands = list(paste_exact(draw, part, size, change))
    return Image.fromarray(np.vstack(bands)), (left, top)


def cut_frame(
    canvas: Image.Image,
    corner: tuple[int, int],
    tile: tuple[int, int],
    box: Box,
    frame: tuple[int, int],
) -> Image.Image:
    """What a box shows of a canvas that begins at a (column, row), in (width, height) pixels."""
    left, top, right, bottom = ((box[i] - corner[i % 2]) * tile[i % 2] for i in range(4))
    inside = (left, top, min(right, canvas.width), min(bottom, canvas.height))
    return canvas.resize(frame, Image.Resampling.LANCZOS, box=inside)


VIDEOS = {
    ".mp4": ("libx264", {"crf": "21", "preset": "faster", "x264-params": "cpu-independent=1"}),
    ".webm": ("libvpx-vp9", {"crf": "34", "b": "0", "deadline": "realtime", "cpu-used": "7"}),
}
ENDINGS = (*VIDEOS, ".webp", ".gif")
WIDEST = 4096  # what the chips in telephones decode


def check_animation(path: str | Path, size: tuple[int, int] = (1, 1), count: int = 1) -> None:
    """Raise MosaicError unless so many frames of (width, height) can be saved there."""
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise MosaicError(f"{path}: the name of a film must end in {', '.join(ENDINGS)}")
    if ending in VIDEOS:
        check_video(path, size)
    else:
        check_memory(path, size, count)


def check_video(path: str | Path, size: tuple[int, int]) -> None:
    """Raise MosaicError unless a video of (width, height) can be written."""
    if importlib.util.find_spec("av") is None:
        needed = "videos need a package: pip install 'mosaic-book[film]'"
        raise MosaicError(f"{path}: {needed}, or write a .webp")
    if max(size) > WIDEST:
        asked = f"{path}: {size[0]} x {size[1]} pixels"
        raise MosaicError(f"{asked}, but a video ends at {WIDEST}; set a smaller size")


def check_memory(path: str | Path, size: tuple[int, int], count: int) -> None:
    """Raise MosaicError unless so many frames of (width, height) fit into memory and a .webp."""
    megabytes = 4 * size[0] * size[1] * count >> 20
    if max(size) > LARGEST[".webp"] or megabytes > 2048:
        way = "write a .mp4, or " if max(size) <= WIDEST else ""
        raise MosaicError(
            f"{path}: {count} frames of {size[0]} x {size[1]} pixels need {megabytes} MB, and the most are "
            f"2048 MB and {LARGEST['.webp']} pixels; {way}set a smaller size or fewer seconds"
        )


def hold_ends(frames: Iterable[Image.Image], times: int) -> Iterator[Image.Image]:
    """The same frames, with the first and the last of them shown so many times.

    >>> "".join(hold_ends("abc", 3))
    'aaabccc'
    """
    for i, frame in enumerate(frames):
        yield from [frame] * (1 if i else times)
    yield from [frame] * (times - 1)


def to_yuv(frame: Image.Image) -> "av.VideoFrame":
    """A frame with even sides, in the colours of a video."""
    import av

    width, height = (max(2, side // 2 * 2) for side in frame.size)
    even = av.VideoFrame.from_ndarray(np.asarray(frame.crop((0, 0, width, height))), "rgb24")
    return even.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")


def open_stream(
    file: "av.container.OutputContainer", ending: str, size: tuple[int, int], fps: float
) -> "av.VideoStream":
    """Open a stream of video in a file; (width, height) are even."""
    codec, options = VIDEOS[ending]
    rate = Fraction(fps).limit_denominator(1000)
    stream = cast("av.VideoStream", file.add_stream(codec, rate, options=dict(options)))
    coded = stream.codec_context
    (coded.width, coded.height), coded.pix_fmt, coded.thread_count = size, "yuv420p", 4
    coded.colorspace = coded.color_primaries = coded.color_trc = 1  # 709
    coded.color_range = 1  # from 16 to 235, as on television
    return stream


def save_video(path: str | Path, frames: Iterable[Image.Image], fps: float, hold: float) -> None:
    """Save frames as a .mp4 or .webm, one by one; `hold` is in seconds."""
    import av

    ending, stream = Path(path).suffix.lower(), None
    options = {"fflags": "bitexact"} | ({"movflags": "faststart"} if ending == ".mp4" else {})
    with atomic(path) as part, disk_errors(path), av.open(part, "w", ending[1:], options=options) as file:
        for frame in map(to_yuv, hold_ends(frames, max(1, round(fps * hold)))):
            stream = stream or open_stream(file, ending, (frame.width, frame.height), fps)
            file.mux(stream.encode(frame))
        file.mux(stream.encode() if stream else [])


@contextlib.contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Raise what goes wrong in PyAV as an OSError."""
    import av

    try:
        yield
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def to_palette(frame: Image.Image) -> Image.Image:
    """Reduce a frame to its 256 best colours, with error diffusion."""
    best = frame.reduce(4).quantize(256, Image.Quantize.MEDIANCUT)
    return frame.quantize(palette=best, dither=Image.Dither.FLOYDSTEINBERG)


def save_animation(
    path: str | Path, frames: Iterable[Image.Image], fps: float = 25, hold: float = 1.5
) -> None:
    """Save frames as a film; .gif and .webp start anew. `hold` of both ends is in seconds.

    Raises MosaicError as `check_animation` does.
    """
    check_animation(path)
    ending = Path(path).suffix.lower()
    if ending in VIDEOS:
        save_video(path, frames, fps, hold)
        return
    stack = list(map(to_palette, frames) if ending == ".gif" else frames)
    times = [max(10, round(1000 / fps))] * len(stack)
    times[0] = times[-1] = max(10, round(1000 * hold))
    first, *others = stack
    with atomic(path) as part:
        first.save(
            part,
            save_all=True,
            append_images=others,
            duration=times,
            loop=0,
            quality=80,
            method=2,
        )
