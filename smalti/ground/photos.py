# ~/~ begin <<smalti/ground/photos.md#smalti/ground/photos.py>>[init]
"""Open photos of every kind, with the right colours; explained in photos.md."""

# ~/~ begin <<smalti/ground/photos.md#photo-imports>>[init]
import contextlib
import functools
import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms
# ~/~ end

# ~/~ begin <<smalti/ground/photos.md#open-one>>[init]
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"]
# ~/~ end
# ~/~ begin <<smalti/ground/photos.md#open-one>>[1]
@functools.cache
def formats() -> list[str]:
    """The formats to open; HEIC too where the package pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return FORMATS
    pillow_heif.register_heif_opener()
    return [*FORMATS, "HEIF"]
# ~/~ end
# ~/~ begin <<smalti/ground/photos.md#open-one>>[2]
def open_photo(path: str | Path) -> Image.Image:
    """Open a photo in one of the formats that we know; raises one of `UNREADABLE`."""
    return Image.open(path, formats=formats())
# ~/~ end
# ~/~ begin <<smalti/ground/photos.md#open-one>>[3]
ORIENTATION = 0x0112  # the EXIF tag


def orientation(photo: Image.Image) -> int:
    """How the pixels of a photo have to be turned: 1 to 8, as in EXIF; 1 is upright."""
    if photo.format == "TIFF":
        return 1
    try:
        turn = photo.getexif().get(ORIENTATION, 1)
    except UNREADABLE:
        return 1
    return turn if turn in range(1, 9) else 1


def upright_size(photo: Image.Image) -> tuple[int, int]:
    """The (width, height) of an opened photo, held upright."""
    return photo.size if orientation(photo) < 5 else (photo.height, photo.width)
# ~/~ end
# ~/~ begin <<smalti/ground/photos.md#open-one>>[4]
def list_variants(wanted: Sequence[str]) -> list[str]:
    """The names of the variants of each photo.

    >>> list_variants(["mirror", "crops"])
    ['', 'first', 'last', 'mirror', 'first mirror', 'last mirror']
    """
    cuts = ["", "first", "last"] if "crops" in wanted else [""]
    return cuts + [f"{cut} mirror".strip() for cut in cuts if "mirror" in wanted]
# ~/~ end

# ~/~ begin <<smalti/ground/photos.md#make-averageable>>[init]
def make_averageable(photo: Image.Image) -> Image.Image:
    """Turn palettes and 16-bit samples into 8-bit grey, RGB or RGBA; keep other modes."""
    if photo.mode.startswith("I"):
        samples = np.asarray(photo, dtype=np.int64)
        grey = Image.fromarray(np.rint(samples.clip(0, 65535) / 257).astype(np.uint8))
        if "transparency" in photo.info:
            seen = np.uint8(255) * (samples != photo.info["transparency"])
            grey.putalpha(Image.fromarray(seen.astype(np.uint8)))
        return grey.convert("RGBA") if "transparency" in photo.info else grey
    if photo.has_transparency_data:
        return photo.convert("RGBA")
    return photo.convert("RGB") if photo.mode in ("P", "1") else photo
# ~/~ end

# ~/~ begin <<smalti/ground/photos.md#convert-colours>>[init]
@functools.lru_cache(maxsize=32)
def colour_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """The transformation of colours from an embedded ICC profile to sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
# ~/~ end
# ~/~ begin <<smalti/ground/photos.md#convert-colours>>[1]
def to_srgb(small: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert an image to opaque RGB pixels in sRGB, over white where it is transparent."""
    colours = small.convert("RGB") if small.mode == "RGBA" else small
    if profile:
        with contextlib.suppress(ImageCms.PyCMSError, OSError, ValueError):
            colours = colour_transform(profile, colours.mode).apply(colours)
    colours = colours.convert("RGB")
    if small.mode == "RGBA":
        white = Image.new("RGB", small.size, "white")
        return Image.composite(colours, white, small.getchannel("A"))
    return colours
# ~/~ end

# ~/~ begin <<smalti/ground/photos.md#name-the-failures>>[init]
UNREADABLE = (
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
# ~/~ end
# ~/~ end