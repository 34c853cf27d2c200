# ~/~ begin <<tesserae/photos.md#tesserae/photos.py>>[init]
"""Open photos of every kind, with the right colours; explained in photos.md."""

# ~/~ begin <<tesserae/photos.md#photo-imports>>[init]
import contextlib
import functools
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms
# ~/~ end

# ~/~ begin <<tesserae/photos.md#open-one>>[init]
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"]
# ~/~ end
# ~/~ begin <<tesserae/photos.md#open-one>>[1]
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
# ~/~ begin <<tesserae/photos.md#open-one>>[2]
def open_photo(path: str | Path) -> Image.Image:
    """Open a photo in one of the formats that we know; raises one of `UNREADABLE`."""
    return Image.open(path, formats=formats())
# ~/~ end

# ~/~ begin <<tesserae/photos.md#make-averageable>>[init]
def make_averageable(photo: Image.Image) -> Image.Image:
    """Turn palettes and 16-bit samples into 8-bit grey, RGB or RGBA; keep other modes."""
    if photo.has_transparency_data:
        return photo.convert("RGBA")
    if photo.mode.startswith("I"):
        levels = np.asarray(photo, dtype=np.int64).clip(0, 65535) / 257
        return Image.fromarray(levels.round().astype(np.uint8))
    return photo.convert("RGB") if photo.mode in ("P", "1") else photo
# ~/~ end

# ~/~ begin <<tesserae/photos.md#convert-colours>>[init]
@functools.lru_cache(maxsize=32)
def colour_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    """The transformation of colours from an embedded ICC profile to sRGB."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
# ~/~ end
# ~/~ begin <<tesserae/photos.md#convert-colours>>[1]
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

# ~/~ begin <<tesserae/photos.md#name-the-failures>>[init]
UNREADABLE = (
    OSError,  # truncated, not an image, no permission
    SyntaxError,  # a broken PNG
    ValueError,  # a mode that cannot be converted
    EOFError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
# ~/~ end
# ~/~ end