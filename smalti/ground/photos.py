# Made from smalti/ground/photos.md by make tangle; edit that.
"""Open photos of every kind, with the right colours; explained in photos.md."""

import contextlib
import functools
import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

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


def open_photo(source: Source) -> Image.Image:
    """Open a photo, given its path or a binary file; raises Unreadable."""
    with decoding(source):
        return Image.open(source, formats=formats())


ORIENTATION = 0x0112  # the EXIF tag


def orientation(photo: Image.Image) -> int:
    """How the pixels of a photo have to be turned: 1 to 8, as in EXIF; 1 is upright."""
    if photo.format == "TIFF":
        return 1
    try:
        with decoding():
            turn = photo.getexif().get(ORIENTATION, 1)
    except Unreadable:
        return 1
    return turn if turn in range(1, 9) else 1


def upright_size(photo: Image.Image) -> tuple[int, int]:
    """The (width, height) of an opened photo, held upright."""
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


def load_pixels(photo: Image.Image) -> None:
    """Decode the pixels of an opened photo; raises Unreadable."""
    with decoding():
        photo.load()
    if 0 in photo.size:
        raise Unreadable("the image has no pixels")


def scaled(photo: Image.Image, size: tuple[int, int]) -> tuple[float, float]:
    """Decode a photo at a (width, height) that is at least `size`, if its format allows that.

    Returns the (width, height) that the whole photo has in the decoded image, in fractions
    of pixels. A photo in another format, or a smaller one, keeps its size. Raises Unreadable.
    """
    with decoding():
        draft = photo.draft("RGB", size)
    load_pixels(photo)
    return draft[1][2:] if draft else photo.size


def make_averageable(photo: Image.Image) -> Image.Image:
    """Turn palettes and 16-bit samples into 8-bit grey, RGB or RGBA; keep other modes.

    Decodes the photo if that has not been done; raises Unreadable.
    """
    load_pixels(photo)
    if photo.mode.startswith("I"):
        return to_eight_bits(photo)
    with decoding():
        if photo.has_transparency_data:
            return photo.convert("RGBA")
        return photo.convert("RGB") if photo.mode in ("P", "1") else photo


def to_eight_bits(photo: Image.Image) -> Image.Image:
    """Turn an image of 16-bit grey samples into 8-bit grey, or RGBA if a level is transparent."""
    samples: NDArray[np.int64] = np.asarray(photo, dtype=np.int64)
    grey = Image.fromarray(np.rint(samples.clip(0, 65535) / 257).astype(np.uint8))
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
    if name.lower().endswith((".heic", ".heif")) and "HEIF" not in formats():
        return "HEIC needs a package: pip install pillow-heif"
    return str(error)
