# Made from smalti/ground/photos.md by make tangle; edit that.
"""Open photos of every kind, with the right colours; explained in photos.md."""

import contextlib
import functools
import io
import logging
import os
import struct
import sys
import threading
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageFile

from smalti.ground.errors import Unreadable

DECODER_ERRORS = (
    OSError,  # truncated, not an image, no permission
    SyntaxError,  # a broken PNG
    ValueError,  # a mode that cannot be converted
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    RuntimeError,  # from the decoder of AVIF
    TypeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

Source = str | Path | IO[bytes]


@contextlib.contextmanager
def decoding(source: Source = "") -> Iterator[None]:
    """Raise `Unreadable` for what a decoder raises; only calls of a decoder belong inside."""
    try:
        yield
    except DECODER_ERRORS as error:
        name = repr(os.fspath(source) if isinstance(source, Path) else source)
        known = error.strerror if isinstance(error, OSError) else None
        reason = known or (str(error).replace(name, "'the file'") if source else str(error))
        raise Unreadable(f"{type(error).__name__}: {reason}") from error


FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"]


@functools.cache
def formats() -> list[str]:
    """The formats to open; HEIC too where the package pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return [*FORMATS, "HEIF"]


def is_heic(name: str) -> bool:
    """Whether a photo is a HEIC file by its name."""
    return name.lower().endswith((".heic", ".heif"))


def formats_for(names: Iterable[str]) -> list[str]:
    """The formats that decide which photos of these names can be opened."""
    return formats() if any(map(is_heic, names)) else FORMATS


def open_photo(source: Source) -> Image.Image:
    """Open a photo, given its path or a binary file; raises Unreadable."""
    with decoding(source):
        photo = Image.open(source, formats=formats())
    if isinstance(photo, ImageFile.ImageFile):
        photo.filename = ""
    return photo


QUIET = ("JPEG", "MPO", "PNG")  # what is decoded without a word


def load_pixels(photo: Image.Image) -> None:
    """Decode the pixels of an opened photo; raises Unreadable."""
    with contextlib.nullcontext() if photo.format in QUIET else hushed(), decoding():
        photo.load()
    if 0 in photo.size:
        raise Unreadable("the image has no pixels")
    if photo.format == "TIFF":
        note_levels(photo)


HUSH = threading.Lock()
logging.getLogger("PIL").addHandler(logging.NullHandler())


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Drop what a decoder prints on the terminal by itself."""
    if sys.__stderr__ is None:
        yield
        return
    with HUSH, Path(os.devnull).open("wb") as nothing:
        terminal = os.dup(2)
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


PHOTO_LIMIT = 1 << 28  # bytes that the pixels of one photo may take
BYTES = {"L": 1, "RGB": 4, "CMYK": 4, "YCbCr": 4, "LAB": 4, "1": 5, "I": 13, "F": 13}


def check_bounds(photo: Image.Image, each: float) -> None:
    """Raise Unreadable if a photo takes too much memory, given the bytes for each pixel."""
    if photo.width * photo.height * each > PHOTO_LIMIT:
        raise Unreadable(f"{photo.width} x {photo.height} pixels are too many; shrink it")


def check_progressive(photo: Image.Image) -> None:
    """Raise Unreadable if a progressive JPEG takes too much memory."""
    if "progressive" in photo.info:
        samples = [across * down for _, across, down, _ in getattr(photo, "layer", [])]
        check_bounds(photo, 2 * sum(samples) / max(samples, default=1))


def load_bounded(photo: Image.Image) -> None:
    """Decode the pixels of an opened photo of a collection; raises Unreadable."""
    twice = photo.format in ("WEBP", "AVIF", "HEIF")
    check_bounds(photo, 8 if twice else BYTES.get(photo.mode, 8))
    load_pixels(photo)


ORIENTATION = 0x0112  # the EXIF tag


def orientation(photo: Image.Image) -> int:
    """How the pixels of a photo have to be turned: 1 to 8, as in EXIF; 1 is upright.

    Decodes a PNG; raises Unreadable.
    """
    if photo.format == "TIFF":
        return 1
    if photo.format == "PNG" and getattr(photo, "tile", None):  # what is not decoded yet
        load_bounded(photo)
    try:
        with decoding():
            turn = photo.getexif().get(ORIENTATION, 1)
    except Unreadable:
        return 1
    return turn if turn in range(1, 9) else 1


def upright_size(photo: Image.Image) -> tuple[int, int]:
    """The (width, height) of an opened photo, held upright; raises Unreadable."""
    return photo.size if orientation(photo) < 5 else (photo.height, photo.width)


TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def turn_upright(image: Image.Image, turn: int) -> Image.Image:
    """An image held upright, given its orientation, 1 to 8 as in EXIF."""
    return image.transpose(TURNS[turn]) if turn in TURNS else image


def scaled(photo: Image.Image, size: tuple[int, int]) -> tuple[float, float]:
    """Decode a photo at a (width, height) that is at least `size`, if its format allows that.

    Returns the (width, height) that the whole photo has in the decoded image, in fractions
    of pixels. A photo in another format, or a smaller one, keeps its size. Raises Unreadable.
    """
    check_progressive(photo)
    with decoding():
        draft = photo.draft("RGB", size)
    load_bounded(photo)
    return draft[1][2:] if draft else photo.size


BITS, COMPRESSION, COLOURS, PLANES, KIND = TAGS = 258, 259, 262, 284, 339  # what tags say
RAW, OLD_JPEG, SEPARATE, SIGNED, WHITE_IS_ZERO, YCBCR = 1, 6, 2, 2, 0, 6  # what they may say


def note_levels(photo: Image.Image) -> None:
    """Note in `info` which samples of a TIFF are black and white; raises Unreadable."""
    with decoding():
        found = {tag: first_number(photo, tag) for tag in TAGS}
    refuse_doubtful(photo, found)
    if photo.mode[0] in "IF":
        levels = (0, find_white(photo, found))
        photo.info["levels"] = levels[::-1] if found[COLOURS] == WHITE_IS_ZERO else levels


def first_number(photo: Image.Image, tag: int) -> object:
    """The value of a tag of a TIFF, or the first of several; 1 if it is not there."""
    value = getattr(photo, "tag_v2", {}).get(tag, 1)
    return value[0] if isinstance(value, tuple) else value


def find_white(photo: Image.Image, tags: dict[int, object]) -> int:
    """The sample of a TIFF that is white, given its tags."""
    if photo.mode == "F":
        return 1
    if tags[BITS] == 32 and tags[KIND] != SIGNED:
        largest = int(np.asarray(photo).view(np.uint32).max())
        return 65535 if largest <= 65535 else (1 << 32) - 1
    return 4095 if tags[BITS] == 12 else 65535


def refuse_doubtful(photo: Image.Image, tags: dict[int, object]) -> None:
    """Raise Unreadable if the colours of a TIFF, given its tags, cannot be told."""
    raw, plain = tags[COMPRESSION] == RAW, tags[BITS] == 8 and tags[COLOURS] != WHITE_IS_ZERO
    order = getattr(getattr(photo, "tag_v2", None), "prefix", b"II")
    swapped = not raw and order == b"MM" and photo.mode in ("F", "I")
    if tags[KIND] == SIGNED and tags[BITS] != 32:
        raise Unreadable("nothing says which of its signed samples is white; save it unsigned")
    if tags[COMPRESSION] == OLD_JPEG and tags[COLOURS] != YCBCR:
        raise Unreadable("nothing says which colours its old-style JPEG has; save it anew")
    if swapped or (raw and tags[PLANES] == SEPARATE and not plain):
        raise Unreadable("a TIFF whose samples are in an unusual order; save it anew")


def make_averageable(photo: Image.Image) -> Image.Image:
    """Turn palettes and samples of more than 8 bits into 8-bit grey, RGB or RGBA.

    Decodes the photo if that has not been done; keeps other modes; raises Unreadable.
    """
    load_pixels(photo)
    if photo.mode.startswith("I") or "levels" in photo.info:
        return to_eight_bits(photo)
    with decoding():
        if photo.has_transparency_data and photo.mode != "RGBA":
            return (photo.convert("LA") if photo.mode == "La" else photo).convert("RGBA")
        return photo.convert("RGB") if photo.mode in ("P", "1") else photo


def to_eight_bits(photo: Image.Image) -> Image.Image:
    """Turn an image of grey samples into 8-bit grey, or RGBA if a level is transparent.

    Raises Unreadable for samples that are not between black and white.
    """
    black, white = photo.info.get("levels", (0, 65535))
    samples = np.asarray(photo)
    samples = samples.view(np.uint32) if max(black, white) > 65535 else samples
    low, high = samples.min(), samples.max()
    if not (low >= 0 and high <= max(black, white)):
        raise Unreadable(f"nothing says which sample is white, from {low} to {high}")
    levels = np.multiply(samples, 255 / (white - black), dtype=np.float32)
    levels += 255 * (black > white)
    grey = Image.fromarray(np.rint(levels, out=levels).astype(np.uint8))
    if "transparency" not in photo.info:
        return grey
    seen = np.uint8(255) * (samples != photo.info["transparency"])
    grey.putalpha(Image.fromarray(seen.astype(np.uint8)))
    return grey.convert("RGBA")


@functools.lru_cache(maxsize=32)
def colour_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """The transformation of colours from an embedded ICC profile to sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def apply_profile(colours: Image.Image, profile: object) -> Image.Image:
    """Convert colours to sRGB by their profile, if there is one that fits them."""
    if profile and isinstance(profile, bytes):
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            return colour_transform(profile, colours.mode).apply(colours)
    return colours


def to_srgb(small: Image.Image, profile: object) -> Image.Image:
    """Convert an image to opaque RGB pixels in sRGB, over white where it is transparent.

    `profile` is the image's `info.get("icc_profile")`. Raises Unreadable.
    """
    colours = small.convert("RGB") if small.mode == "RGBA" else small
    colours = apply_profile(colours, profile)
    with decoding():
        colours = colours.convert("RGB")
    if small.mode == "RGBA":
        white = Image.new("RGB", small.size, "white")
        return Image.composite(colours, white, small.getchannel("A"))
    return colours


def explain(name: str, error: Unreadable) -> str:
    """Why a photo could not be read, in one line.

    >>> explain("cat.jpg", Unreadable("OSError: image file is truncated"))
    'OSError: image file is truncated'
    """
    if is_heic(name) and "HEIF" not in formats():
        return "HEIC needs a package: pip install pillow-heif"
    return str(error)
