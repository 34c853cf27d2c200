"""Photos: each comes out right, and a bad one spoils nothing."""

import functools
import io
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike
from PIL import Image, ImageCms, ImageDraw, ImageOps

import mosaic
from mosaic import Array
from smalti.command import main
from smalti.ground import photos as photos_module
from smalti.ground.collection import list_photos
from smalti.ground.errors import Unreadable, show
from smalti.ground.photos import (
    ORIENTATION,
    check_progressive,
    decoding,
    explain,
    formats,
    formats_for,
    load_bounded,
    make_averageable,
    open_photo,
    orientation,
    scaled,
    to_srgb,
    upright_size,
)

ENDINGS = {
    "JPEG": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "TIFF": "tif",
    "GIF": "gif",
    "BMP": "bmp",
    "AVIF": "avif",
    "HEIF": "heic",
}
KNOWN = [name for name in ENDINGS if name in formats()]
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)


def quarters(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """An image of four quarters: red and green, below them blue and yellow."""
    image, (x, y) = Image.new("RGB", size, RED), (size[0] // 2, size[1] // 2)
    image.paste(GREEN, (x, 0, *size))
    image.paste(BLUE, (0, y, *size))
    image.paste(YELLOW, (x, y, *size))
    return image


def scene(size: tuple[int, int]) -> Image.Image:
    """A smooth image with some edges, like a photo."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    waves = [np.sin(9 * x + 3 * y), np.cos(7 * y - 2 * x), np.sin(20 * x * y)]
    image = Image.fromarray((127 + 120 * np.dstack(waves)).astype(np.uint8))
    ImageDraw.Draw(image).ellipse(
        (size[0] // 5, size[1] // 4, *[s // 2 for s in size]), RED
    )
    return image


def encoded(image: Image.Image, kind: str, **more: object) -> bytes:
    """The bytes of an image file."""
    formats()  # registers HEIF
    buffer = io.BytesIO()
    best: dict[str, object] = {} if kind in ("PNG", "GIF") else {"quality": 95}
    image.save(buffer, kind, **best | more)
    return buffer.getvalue()


def shrunk(source: bytes | Path | Image.Image, size: tuple[int, int] = (30, 20)) -> Array:
    """Shrink a photo; return its (height, width, 3) levels as whole numbers."""
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    photo = file if isinstance(file, Image.Image) else open_photo(file)
    with photo:
        small = mosaic.shrink_photo(photo, size)
    assert (small.mode, small.size) == ("RGB", size)
    return np.asarray(small).astype(int)


def middles(pixels: Array) -> Array:
    """The colours in the middle of the four quarters, row by row."""
    rows, cols = ([length // 4, length * 3 // 4] for length in pixels.shape[:2])
    return pixels[np.ix_(rows, cols)].reshape(4, 3)


def is_near(pixels: Array, expected: ArrayLike, levels: int = 4) -> bool:
    """Whether two arrays of colours differ by at most so many levels."""
    return bool(np.abs(pixels - np.asarray(expected)).max() <= levels)


def psnr(one: Array, other: Array) -> float:
    """Peak signal-to-noise ratio of two images, in decibels."""
    return float(10 * np.log10(255**2 / max(1e-9, ((one - other) ** 2).mean())))


# Whatever their names


def test_a_photo_that_goes_away_later_is_skipped(tmp_path: Path) -> None:
    made = mosaic.make_thumbnail("gone.jpg", str(tmp_path), (5, 5), 85)
    assert isinstance(made, mosaic.Reject)
    assert "No such file" in made.reason


@pytest.mark.parametrize(
    "name",
    [
        b"\xff\xfe.jpg",
        b"two\nlines.jpg",
        b"a\tb.jpg",
        "cat 🐈.jpg".encode(),
        b"'\"%s{x}.jpg",
    ],
)
def test_a_name_in_any_encoding_survives_the_store(tmp_path: Path, name: bytes) -> None:
    path = os.fsencode(tmp_path) + b"/" + name
    Path(os.fsdecode(path)).write_bytes(encoded(quarters(), "JPEG"))
    made = mosaic.make_thumbnails(list_photos(str(tmp_path)), str(tmp_path), (6, 4))
    mosaic.write_store(str(tmp_path / "s.h5"), made, (6, 4))
    with mosaic.open_store(str(tmp_path / "s.h5")) as store:
        assert store.names == [os.fsdecode(name)]


# The right way up, in the right colours


@pytest.mark.parametrize("kind", KNOWN)
def test_every_format_gives_the_right_colours_in_the_right_places(kind: str) -> None:
    assert is_near(
        middles(shrunk(encoded(quarters(), kind))), [RED, GREEN, BLUE, YELLOW], levels=6
    )


BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def turned(kind: str, orientation: int) -> bytes:
    """The quarters as a camera stores them that was held in one of eight ways."""
    exif, stored = Image.Exif(), quarters()
    exif[ORIENTATION] = orientation
    if orientation in BACK:
        stored = stored.transpose(BACK[orientation])
    stored.info["exif"] = exif.tobytes()  # this is where pillow-heif looks
    return encoded(stored, kind, exif=exif.tobytes())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", [kind for kind in KNOWN if kind not in ("GIF", "BMP")])
def test_a_photo_is_turned_upright(kind: str, orientation: int) -> None:
    photo = turned(kind, orientation)
    with open_photo(io.BytesIO(photo)) as opened:
        assert upright_size(opened) == (60, 40)
    for size in [(30, 20), (20, 30), (31, 7)]:
        assert is_near(middles(shrunk(photo, size)), [RED, GREEN, BLUE, YELLOW], levels=8)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation: int) -> None:
    photo = turned("JPEG", orientation)
    with open_photo(io.BytesIO(photo)) as opened:
        assert upright_size(opened) == (60, 40)
    assert is_near(middles(shrunk(photo)), [RED, GREEN, BLUE, YELLOW])


WORD = b"MM\0*\0\0\0\x08\0\1\x01\x12\0\2\0\0\0\4abc\0\0\0\0\0"  # the orientation is "abc"


@pytest.mark.parametrize("exif", [b"garbage", b"", b"II*\0", WORD], ids=repr)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_broken_exif_block_does_not_spoil_the_photo(kind: str, exif: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of it
        photo = shrunk(encoded(quarters(), kind, exif=b"Exif\0\0" + exif))
    assert is_near(middles(photo), [RED, GREEN, BLUE, YELLOW])


def test_the_first_image_of_a_gif_is_taken() -> None:
    frames = [ImageOps.mirror(quarters()), quarters()]
    photo = encoded(quarters(), "GIF", save_all=True, append_images=frames)
    assert is_near(middles(shrunk(photo)), [RED, GREEN, BLUE, YELLOW])


def test_a_photo_with_a_second_one_inside_is_a_photo() -> None:
    photo = encoded(quarters((600, 400)), "MPO", save_all=True, append_images=[quarters()])
    assert is_near(middles(shrunk(photo)), [RED, GREEN, BLUE, YELLOW])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind: str) -> None:
    photo = shrunk(encoded(quarters().convert("CMYK"), kind))
    assert is_near(middles(photo), [RED, GREEN, BLUE, YELLOW])


def test_lab_becomes_rgb() -> None:
    lab = ImageCms.profileToProfile(
        quarters(),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        ImageCms.Intent.PERCEPTUAL,
        "LAB",
    )
    assert lab
    photo = shrunk(encoded(lab, "TIFF"))
    assert is_near(middles(photo), [RED, GREEN, BLUE, YELLOW], levels=25)


def test_colours_of_a_palette_are_averaged_and_not_picked() -> None:
    checks = Image.fromarray(np.indices((40, 60)).sum(axis=0).astype(np.uint8) % 2)
    checks = checks.convert("P")
    checks.putpalette([0, 0, 0, 200, 100, 50])
    assert is_near(shrunk(encoded(checks, "PNG"), (6, 4)), (100, 50, 25))


def test_black_and_white_are_averaged() -> None:
    checks = Image.fromarray(np.indices((40, 60)).sum(axis=0) % 2 == 1)
    assert checks.mode == "1"
    assert is_near(shrunk(encoded(checks, "PNG"), (6, 4)), (127, 127, 127))


def ramp(dtype: str) -> Array:
    """Four quarters of grey, of 16 bits each: 0, 1/4, 1/2 and all of white."""
    levels = np.array([[0, 16384], [32768, 65535]], dtype)
    return levels.repeat(20, axis=0).repeat(30, axis=1)


GREYS = np.array([0, 64, 128, 255])[:, None].repeat(3, axis=1)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("PNG", "<u2"), ("TIFF", "<u2"), ("TIFF", ">u2"), ("TIFF", "<i4")]
)
def test_grey_of_16_bits_is_neither_white_nor_black(kind: str, dtype: str) -> None:
    assert is_near(middles(shrunk(encoded(Image.fromarray(ramp(dtype)), kind))), GREYS)


def tiff(samples: Array, **how: Any) -> bytes:  # Any: tags have values of all types
    """The bytes of a TIFF file made by another library, in an order that it is told."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, **how)
    return buffer.getvalue()


def tiff_by_hand(tags: dict[int, int | tuple[int, ...]], content: bytes) -> bytes:
    """The bytes of a TIFF file made by hand, of 60 x 40 pixels; its content is at byte 8."""
    told = {256: 60, 257: 40, 273: 8, 277: 1, 278: 40, 279: len(content)} | tags
    start, table, far = 8 + len(content), struct.pack("<H", len(told)), b""
    for tag, value in sorted(told.items()):
        values = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(packed) > 4:
            packed, far = (
                struct.pack("<I", start + 2 + 12 * len(told) + 4 + len(far)),
                far + packed,
            )
        table += struct.pack("<HHI", tag, 4, len(values)) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", start) + content + table + bytes(4) + far


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("dtype", "order", "white", "colours"),
    [
        ("f4", "<", 1, "minisblack"),
        ("f4", "<", 1, "miniswhite"),
        ("f4", ">", 1, "minisblack"),
        ("u4", "<", 2**32 - 1, "minisblack"),
        ("u4", "<", 65535, "minisblack"),
        ("i4", "<", 65535, "minisblack"),
        ("i4", "<", 2**31 - 1, "minisblack"),
        ("u2", "<", 65535, "miniswhite"),
        ("u2", ">", 65535, "minisblack"),
        ("i2", "<", 32767, "minisblack"),
        ("i2", ">", 32767, "minisblack"),
        ("i1", "<", 127, "minisblack"),
        ("f4", "<", 255, "minisblack"),
        ("f4", "<", -1, "minisblack"),
        ("f4", "<", np.nan, "minisblack"),
    ],
)
def test_numbers_of_a_tiff_are_the_right_greys_or_the_photo_is_named(
    dtype: str, order: str, white: float, colours: str, compression: str | None
) -> None:
    samples = (ramp("<u2") / 65535 * white).astype(dtype)
    photo = tiff(samples, byteorder=order, photometric=colours, compression=compression)
    right = GREYS if colours == "minisblack" else 255 - GREYS
    try:
        found = middles(shrunk(photo))
    except Unreadable as error:
        refused = "nothing says which|unusual order"
        assert re.search(refused, str(error))
        assert (dtype, order, white) not in [
            ("f4", "<", 1),
            ("u4", "<", 2**32 - 1),
            ("i4", "<", 65535),
        ]
        assert (dtype, order, white, compression) != ("f4", ">", 1, None)
    else:
        assert is_near(found, right, levels=1)


def test_signed_samples_are_refused_by_name() -> None:
    with pytest.raises(Unreadable, match="signed samples"):
        shrunk(tiff((ramp("<u2") // 2).astype("i2")))


def test_grey_of_12_bits_is_as_light_as_it_was_scanned() -> None:
    levels = (ramp("<u2") >> 4).ravel()
    first, second = levels[::2], levels[1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1)
    tags: dict[int, int | tuple[int, ...]] = {258: 12, 259: 1, 262: 1}
    photo = tiff_by_hand(tags, packed.astype(np.uint8).tobytes())
    assert is_near(middles(shrunk(photo)), GREYS, levels=1)


def test_the_greys_of_a_tiff_are_right_when_it_was_turned_or_copied() -> None:
    photo = open_photo(io.BytesIO(tiff(ramp("<u2"), photometric="miniswhite")))
    copied = ImageOps.mirror(photo_loaded(photo))
    assert is_near(middles(shrunk(copied)), (255 - GREYS)[[1, 0, 3, 2]], levels=1)


def photo_loaded(photo: Image.Image) -> Image.Image:
    """An opened photo, decoded."""
    make_averageable(photo)
    return photo


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_transparency_of_a_tiff_is_what_its_specification_says(
    dtype: str, planes: str, kind: str, compression: str | None
) -> None:
    colours = np.asarray(quarters()) / 255.0 * 0.6
    alpha = np.full((40, 60, 1), 0.8)
    stored = np.dstack([colours * alpha if kind == "assocalpha" else colours, alpha])
    samples = np.rint(stored * np.iinfo(dtype).max).astype(dtype)
    if planes == "separate":
        samples = samples.transpose(2, 0, 1)
    how = {"planarconfig": planes, "extrasamples": [kind], "compression": compression}
    try:
        found = middles(shrunk(tiff(samples, photometric="rgb", **how)))
    except Unreadable:
        assert (planes, compression) == ("separate", None)
    else:
        right = 255 * (np.array([RED, GREEN, BLUE, YELLOW]) / 255 * 0.6 * 0.8 + 0.2)
        assert is_near(found, right, levels=2)


@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
def test_transparent_grey_of_a_tiff_is_over_white(kind: str) -> None:
    samples = np.full((40, 60, 2), 128, np.uint8)
    grey = 255 if kind == "assocalpha" else 191
    photo = tiff(samples, photometric="minisblack", extrasamples=[kind])
    try:
        found = middles(shrunk(photo))[:, 0]
    except Unreadable:  # by Pillow 12, which does not know this kind
        assert kind == "assocalpha"
        assert int(PIL.__version__.split(".")[0]) < 13
    else:
        assert is_near(found, grey, levels=1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_separate_planes_of_16_bits_are_the_right_colours_or_the_photo_is_named(
    order: str, compression: str | None
) -> None:
    samples = np.random.default_rng(1).integers(0, 65536, (3, 40, 60)).astype("u2")
    photo = tiff(
        samples,
        photometric="rgb",
        planarconfig="separate",
        byteorder=order,
        compression=compression,
    )
    plain = Image.fromarray((samples >> 8).astype(np.uint8).transpose(1, 2, 0))
    try:
        assert is_near(shrunk(photo), shrunk(plain), levels=3)
    except Unreadable as error:
        assert "unusual order" in str(error)
        assert not compression


def test_separate_planes_of_8_bits_are_the_right_colours() -> None:
    planes = np.asarray(quarters()).transpose(2, 0, 1)
    photo = tiff(planes, photometric="rgb", planarconfig="separate")
    assert is_near(middles(shrunk(photo)), [RED, GREEN, BLUE, YELLOW])


def test_a_tag_without_a_value_does_not_spoil_the_photo() -> None:
    tags: dict[int, int | tuple[int, ...]] = {258: 8, 259: 1, 262: 1, 339: ()}
    photo = tiff_by_hand(tags, bytes([99]) * 60 * 40)
    assert is_near(shrunk(photo), 99)


@pytest.mark.parametrize(
    ("colours", "stored"), [(1, "L"), (2, "RGB"), (2, "YCbCr"), (6, "YCbCr")]
)
def test_an_old_style_jpeg_in_a_tiff_has_the_colours_of_the_jpeg_or_is_named(
    colours: int, stored: str
) -> None:
    more = {"keep_rgb": True} if stored == "RGB" else {}
    image = quarters().convert("L" if stored == "L" else "RGB")
    jpeg = encoded(image, "JPEG", subsampling=0, **more)
    bits = (8,) if stored == "L" else (8, 8, 8)
    tags: dict[int, int | tuple[int, ...]] = {258: bits, 259: 6, 262: colours}
    tags |= {277: len(bits), 513: 8, 514: len(jpeg), 530: (1, 1)}
    photo = tiff_by_hand(tags, jpeg)
    if colours == 6:
        assert is_near(middles(shrunk(photo)), [RED, GREEN, BLUE, YELLOW], levels=6)
    else:
        with pytest.raises(Unreadable):
            shrunk(photo)


def png(
    size: tuple[int, int], bits: int, colour: int, *chunks: tuple[bytes, bytes]
) -> bytes:
    """The bytes of a PNG file made by hand; Pillow cannot write all that others can."""
    head = struct.pack(">IIBBBBB", *size, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data))
        for name, data in [(b"IHDR", head), *chunks, (b"IEND", b"")]
    )


def pixels_of_png(samples: Array) -> tuple[bytes, bytes]:
    """A chunk with the rows of an array, none of them filtered."""
    rows = [b"\0" + row.astype(">u2").tobytes() for row in samples]
    return b"IDAT", zlib.compress(b"".join(rows))


def test_colour_of_16_bits_keeps_its_colours() -> None:
    samples = np.asarray(quarters()).astype(np.uint16) * 257
    photo = png((60, 40), 16, 2, pixels_of_png(samples))
    assert is_near(middles(shrunk(photo)), [RED, GREEN, BLUE, YELLOW])


def test_grey_of_16_bits_with_a_transparent_level_is_over_white() -> None:
    transparent = (b"tRNS", struct.pack(">H", 0))
    photo = png((60, 40), 16, 0, transparent, pixels_of_png(ramp("<u2")))
    over_white = np.r_[GREYS[3:], GREYS[1:]]
    assert is_near(middles(shrunk(photo)), over_white)


@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_becomes_rgb(mode: str) -> None:
    left, right = np.hsplit(shrunk(encoded(half_black().convert(mode), "PNG")), [14])
    assert is_near(left, 0)
    assert is_near(right[:, 2:], 255)


def half_black(size: tuple[int, int] = (60, 40)) -> Image.Image:
    """Black on the left, white on the right."""
    image = Image.new("RGB", size, "white")
    image.paste((0, 0, 0), (0, 0, size[0] // 2, size[1]))
    return image


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P", "L", "RGB", "1"])
def test_what_is_transparent_becomes_white_paper(mode: str) -> None:
    image, more = half_black(), dict[str, object]()
    if mode in ("RGBA", "LA", "PA"):
        image.putalpha(half_black().convert("L"))
    else:  # one colour is declared transparent
        more = {"transparency": (0, 0, 0) if mode == "RGB" else 0}
        image = image.quantize(2) if mode == "P" else image.convert(mode)
        if mode == "P":
            more["transparency"] = image.getpixel((0, 0))
    image = image.convert(mode) if mode == "LA" else image
    photo = image if mode == "PA" else encoded(image, "PNG", **more)
    assert is_near(shrunk(photo), 255)


def test_half_transparent_red_is_pink() -> None:
    photo = Image.new("RGBA", (60, 40), (255, 0, 0, 128))
    assert is_near(shrunk(encoded(photo, "PNG")), (255, 127, 127))


def test_hidden_colours_do_not_bleed_into_visible_ones() -> None:
    stripes = np.zeros((40, 60, 4), np.uint8)
    stripes[:, ::2] = (0, 255, 0, 0)  # invisible green
    stripes[:, 1::2] = (255, 0, 0, 255)
    photo = encoded(Image.fromarray(stripes), "PNG")
    assert is_near(shrunk(photo, (6, 4)), (255, 127, 127), levels=6)


# Profiles. A profile of type matrix/TRC says: take the power, multiply by a matrix.

D65, D50 = np.array([0.9505, 1.0, 1.089]), np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
SRGB = [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)]
P3 = [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)]
ADOBE = [(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)]
GAMMA = 563 / 256


def to_xyz(primaries: list[tuple[float, float]]) -> Array:
    """The matrix from linear RGB to XYZ under D50, of primaries under D65."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
    adapted = (BRADFORD @ D50) / (BRADFORD @ D65)
    matrix: Array = columns * np.linalg.solve(columns, D65)
    result: Array = np.linalg.inv(BRADFORD) @ np.diag(adapted) @ BRADFORD @ matrix
    return result


def profile(primaries: list[tuple[float, float]]) -> bytes:
    """The bytes of an ICC profile, version 2, with these primaries and one power."""

    def xyz(values: Array) -> bytes:
        fixed = np.rint(values * 65536).astype(int).tolist()
        return b"XYZ " + bytes(4) + struct.pack(">3i", *fixed)

    red, green, blue = to_xyz(primaries).T
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(GAMMA * 256)) + bytes(2)
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78 + 1)
    tags = {
        b"desc": name,
        b"cprt": b"text" + bytes(4) + b"none" + bytes(4),
        b"wtpt": xyz(D50),
    }
    tags |= {b"rXYZ": xyz(red), b"gXYZ": xyz(green), b"bXYZ": xyz(blue)}
    tags |= {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}
    table, data, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    head = struct.pack(
        ">I4xI4s4s4s", start + len(data), 0x02100000, b"mntr", b"RGB ", b"XYZ "
    )
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    white: bytes = np.rint(D50 * 65536).astype(">i4").tobytes()
    head += white
    return head.ljust(128, b"\0") + table + data


def in_srgb(colour: tuple[int, ...], primaries: list[tuple[float, float]]) -> Array:
    """What a colour in a profile is in sRGB, by arithmetic alone."""
    light = (np.array(colour) / 255) ** GAMMA
    light = np.linalg.solve(to_xyz(SRGB), to_xyz(primaries) @ light).clip(0, 1)
    bent = np.where(light > 0.0031308, 1.055 * light ** (1 / 2.4) - 0.055, 12.92 * light)
    rounded: Array = np.rint(255 * bent)
    return rounded


@pytest.mark.parametrize("kind", [k for k in KNOWN if k not in ("GIF", "BMP")])
@pytest.mark.parametrize("primaries", [P3, ADOBE], ids=["display-p3", "adobe-rgb"])
@pytest.mark.parametrize("colour", [(200, 120, 80), (120, 180, 110), (90, 90, 90)])
def test_a_wide_gamut_photo_is_converted_to_srgb(
    kind: str, primaries: list[tuple[float, float]], colour: tuple[int, int, int]
) -> None:
    photo = encoded(
        Image.new("RGB", (60, 40), colour), kind, icc_profile=profile(primaries)
    )
    assert is_near(shrunk(photo), in_srgb(colour, primaries))


def test_the_conversion_makes_a_difference_that_can_be_seen() -> None:
    assert np.abs(in_srgb((200, 120, 80), ADOBE) - (200, 120, 80)).max() > 15


def test_an_srgb_profile_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = encoded(quarters(), "JPEG", icc_profile=srgb)
    assert is_near(middles(shrunk(photo)), [RED, GREEN, BLUE, YELLOW])


@pytest.mark.parametrize("length", [0, 4, 128, 200, 300])
def test_a_broken_profile_is_ignored(length: int) -> None:
    photo = encoded(quarters(), "JPEG", icc_profile=profile(P3)[:length] or b"\xff")
    assert is_near(middles(shrunk(photo)), [RED, GREEN, BLUE, YELLOW])


def test_a_grey_photo_with_a_profile_for_colours_stays_grey() -> None:
    photo = encoded(Image.new("L", (60, 40), 99), "JPEG", icc_profile=profile(P3))
    assert is_near(shrunk(photo), 99)


def test_a_transparent_photo_with_a_profile_is_converted_over_white() -> None:
    image = Image.new("RGBA", (60, 40), (200, 120, 80, 255))
    image.paste((0, 0, 0, 0), (0, 0, 30, 40))
    photo = shrunk(encoded(image, "PNG", icc_profile=profile(ADOBE)))
    assert is_near(photo[:, :13], 255)
    assert is_near(photo[:, 17:], in_srgb((200, 120, 80), ADOBE))


# The right shape


def test_the_middle_is_kept_and_what_is_too_much_is_cut_off() -> None:
    wide = Image.new("RGB", (300, 100), "black")
    wide.paste((255, 255, 255), (100, 0, 200, 100))
    assert is_near(shrunk(wide, (10, 10)), 255, levels=25)
    assert is_near(
        shrunk(wide.transpose(Image.Transpose.ROTATE_90), (10, 10)), 255, levels=30
    )


@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.sampled_from(["JPEG", "BMP"]),
)
@settings(max_examples=60)
def test_no_good_photo_is_skipped_whatever_its_shape(
    size: tuple[int, int], thumb_res: tuple[int, int], kind: str
) -> None:
    photo = encoded(Image.new("RGB", size, "teal"), kind)
    assert is_near(
        shrunk(photo, thumb_res), (0, 128, 128), levels=8
    )  # 3000 to 1 rounds a lot


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (2, 3)])
def test_narrow_photos_are_photos_in_every_format(kind: str, size: tuple[int, int]) -> None:
    photo = encoded(Image.new("RGB", size, "gray"), kind)
    for thumb_res in [(1, 1), (50, 50), (300, 1), (3, 70)]:
        assert is_near(shrunk(photo, thumb_res), 128)


@pytest.mark.parametrize("size", [(750, 500), (1001, 747), (333, 999)])
@pytest.mark.parametrize("thumb_res", [(50, 50), (60, 30), (17, 41)])
def test_a_draft_is_close_to_a_full_decode(
    size: tuple[int, int], thumb_res: tuple[int, int]
) -> None:
    photo = encoded(scene(size), "JPEG")
    full = ImageOps.fit(Image.open(io.BytesIO(photo)), thumb_res)
    assert psnr(shrunk(photo, thumb_res), np.asarray(full).astype(int)) > 40


@pytest.mark.parametrize("turn", [1, 6])
@pytest.mark.parametrize("size", [(480, 288), (480, 480), (900, 288)])
def test_a_photo_is_decoded_twice_as_large_as_its_thumbnail_or_a_bit_more(
    turn: int, size: tuple[int, int]
) -> None:
    exif, stored = Image.Exif(), size if turn == 1 else (size[1], size[0])
    exif[ORIENTATION] = turn
    photo = open_photo(io.BytesIO(encoded(scene(stored), "JPEG", exif=exif.tobytes())))
    mosaic.shrink_photo(photo, (50, 30))
    assert photo.size == (stored[0] / 4, stored[1] / 4)
    assert size[0] / 8 < 2 * 50 or size[1] / 8 < 2 * 30  # which would be too small


# Bad ones


def noise(size: tuple[int, int] = (80, 60)) -> Image.Image:
    """An image of which no byte is superfluous."""
    levels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3))
    return Image.fromarray(levels.astype(np.uint8))


def skip_reason(content: bytes, folder: Path, name: str = "bad.jpg") -> str:
    """Save a bad photo, see that it is skipped, and return the reason."""
    (folder / name).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in the program, where rejects say it
        made = mosaic.make_thumbnail(name, str(folder), (5, 5), 85)
    assert isinstance(made, mosaic.Reject)
    assert made.name == name
    assert made.reason.isprintable()
    return made.reason


@pytest.mark.parametrize("kind", KNOWN)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.5, 0.8])
def test_a_truncated_photo_is_skipped(kind: str, part: float, tmp_path: Path) -> None:
    whole = encoded(noise(), kind)
    assert skip_reason(whole[: int(len(whole) * part)], tmp_path)


@pytest.mark.parametrize("at", [0.2, 0.5, 0.8])
def test_a_damaged_png_is_skipped(at: float, tmp_path: Path) -> None:
    damaged = bytearray(encoded(noise(), "PNG"))
    damaged[int(len(damaged) * at)] ^= 1
    with pytest.raises((OSError, SyntaxError)):
        Image.open(io.BytesIO(damaged)).load()
    assert skip_reason(bytes(damaged), tmp_path, "a.png")


def test_the_orientation_of_a_png_is_found_behind_its_pixels() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying = np.asarray(quarters().transpose(Image.Transpose.ROTATE_90))
    rows = b"".join(b"\0" + row.tobytes() for row in lying)
    tag = (b"eXIf", exif.tobytes()[6:])
    photo = png((40, 60), 8, 2, (b"IDAT", zlib.compress(rows)), tag)
    assert is_near(middles(shrunk(photo)), [RED, GREEN, BLUE, YELLOW], levels=8)


def test_decoders_say_nothing_on_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    noise().save(tmp_path / "a.tif", compression="tiff_adobe_deflate")
    damaged = bytearray((tmp_path / "a.tif").read_bytes())
    damaged[2000] ^= 1
    assert skip_reason(bytes(damaged), tmp_path, "a.tif")
    os.write(2, b"afterwards, others do")
    assert capfd.readouterr().err == "afterwards, others do"


def test_a_terminal_that_is_closed_is_no_fault_of_the_photo(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(encoded(quarters(), "TIFF"))
    code = "from smalti.ground.photos import *; load_pixels(open_photo('a.tif')); print(1)"
    command = f'"$0" -c "{code}" 2>&-'
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        stdout=subprocess.PIPE,
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.stdout == b"1\n"


@pytest.mark.parametrize(
    ("size", "mode"), [((8200, 8200), "RGB"), ((5800, 5800), "RGBA"), ((5800, 5800), "P")]
)
def test_a_photo_that_takes_too_much_memory_is_skipped(
    size: tuple[int, int], mode: str, tmp_path: Path
) -> None:
    kind = {"P": 3, "RGB": 2, "RGBA": 6}[mode]
    palette = (b"PLTE", bytes(3))
    photo = png(size, 8, kind, palette, (b"IDAT", zlib.compress(bytes(1000))))
    assert "pixels are too many" in skip_reason(photo, tmp_path, "a.png")


def test_a_progressive_jpeg_of_many_pixels_is_skipped_and_another_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos_module, "PHOTO_LIMIT", 1 << 16)
    one, other = (
        encoded(quarters((200, 150)), "JPEG", progressive=word) for word in (0, 1)
    )
    assert is_near(middles(shrunk(one, (12, 8))), [RED, GREEN, BLUE, YELLOW], levels=9)
    with pytest.raises(Unreadable, match="200 x 150 pixels are too many"):
        shrunk(other, (12, 8))


@pytest.mark.parametrize(
    ("kind", "mode", "each"),
    [
        ("PNG", "L", 1),
        ("PNG", "RGB", 4),
        ("JPEG", "CMYK", 4),
        ("TIFF", "LAB", 4),
        ("TIFF", "YCbCr", 4),
        ("PNG", "1", 5),
        ("PNG", "RGBA", 8),
        ("PNG", "P", 8),
        ("WEBP", "RGB", 8),  # its decoder has all of it once more
        ("AVIF", "RGB", 8),
        ("TIFF", "I", 13),
        ("TIFF", "F", 13),
    ],
)
def test_a_photo_may_take_so_many_bytes_for_each_pixel_and_none_more(
    kind: str, mode: str, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = open_photo(io.BytesIO(encoded(Image.new(mode, (20, 10)), kind)))
    assert photo.mode == mode
    monkeypatch.setattr(photos_module, "PHOTO_LIMIT", 200 * each - 1)
    with pytest.raises(Unreadable, match="20 x 10 pixels are too many"):
        load_bounded(photo)
    monkeypatch.setattr(photos_module, "PHOTO_LIMIT", 200 * each)
    load_bounded(photo)


@pytest.mark.parametrize(
    ("mode", "subsampling", "each"),
    [("RGB", 0, 6), ("RGB", 1, 4), ("RGB", 2, 3), ("L", 0, 2)],
)
def test_the_samples_of_a_progressive_jpeg_take_two_bytes_each(
    mode: str, subsampling: int, each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = Image.new(mode, (20, 10))
    jpeg = encoded(image, "JPEG", progressive=True, subsampling=subsampling)
    photo = open_photo(io.BytesIO(jpeg))
    monkeypatch.setattr(photos_module, "PHOTO_LIMIT", 200 * each)
    check_progressive(photo)
    monkeypatch.setattr(photos_module, "PHOTO_LIMIT", 200 * each - 1)
    with pytest.raises(Unreadable, match="20 x 10 pixels are too many"):
        check_progressive(photo)


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_a_file_that_is_cut_short_after_it_was_decoded_does_no_harm(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(encoded(Image.new("L", (600, 400), 77), kind))
    photo = open_photo(path)
    make_averageable(photo)
    assert getattr(photo, "map", None) is None  # or the system would end this process
    os.truncate(path, 100)
    assert photo.getpixel((599, 0)) == 77


@pytest.mark.parametrize("content", [b"", b"\0", b"not a photo\n" * 9, b"\xff\xd8\xff"])
def test_what_is_no_photo_is_skipped(content: bytes, tmp_path: Path) -> None:
    assert skip_reason(content, tmp_path).endswith("cannot identify image file 'the file'")


@pytest.mark.parametrize("kind", ["PPM", "EPS", "PCX", "TGA", "ICO"])
def test_a_photo_in_a_format_that_is_not_ours_is_skipped(kind: str, tmp_path: Path) -> None:
    reason = skip_reason(encoded(quarters(), kind), tmp_path)
    assert reason.endswith("cannot identify image file 'the file'")


def test_a_decompression_bomb_is_skipped(tmp_path: Path) -> None:
    bomb = png((20_000, 20_000), 1, 0, (b"IDAT", zlib.compress(bytes(1000))))
    assert skip_reason(bomb, tmp_path).startswith("DecompressionBombError")


def test_a_reason_is_one_printable_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: str, name: str) -> None:
        raise Unreadable("a\0b\tc\ud800\udcff\nd")

    monkeypatch.setattr(mosaic, "open_any", fail)
    made = mosaic.make_thumbnail("a.jpg", str(tmp_path), (5, 5), 85)
    assert isinstance(made, mosaic.Reject)
    assert made.reason.isprintable()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_photo_without_permission_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch(mode=0o000)
    made = mosaic.make_thumbnail("a.jpg", str(tmp_path), (5, 5), 85)
    assert isinstance(made, mosaic.Reject)
    assert "Permission denied" in made.reason


def mutations(content: bytes, count: int) -> Iterator[bytes]:
    """Damage the bytes of a file at random: change, cut out, double, or truncate."""
    rng = np.random.default_rng(len(content))
    for _ in range(count):
        bad = bytearray(content)
        for _ in range(rng.integers(1, 6)):
            way, at, length = (
                rng.integers(4),
                int(rng.integers(len(bad))),
                rng.integers(1, 9),
            )
            if way == 0:
                del bad[at : at + length]
            elif way == 1:
                bad[at:at] = bad[at : at + length]
            elif way == 2:
                bad = bad[: max(at, 20)]
            else:
                bad[at] = rng.integers(256)
        yield bytes(bad)


@pytest.mark.parametrize("kind", KNOWN)
def test_damage_of_any_kind_makes_a_photo_unreadable_or_changes_its_pixels(
    kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for damaged in mutations(encoded(noise((16, 12)), kind), 80):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                shrunk(damaged, (5, 4))
            except Unreadable:
                continue
    output, errors = capfd.readouterr()  # older decoders of AVIF speak for themselves
    assert (output, errors.replace("Error parsing OBU data\n", "")) == ("", "")


# What is whose fault


@pytest.mark.parametrize("error", [ZeroDivisionError, TypeError, KeyError, ValueError])
@pytest.mark.parametrize("step", ["crop_box", "scaled", "make_averageable", "to_srgb"])
def test_a_mistake_of_ours_is_never_reported_as_a_bad_photo(
    error: type[Exception], step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise error("a mistake in the program")

    (tmp_path / "a.jpg").write_bytes(encoded(quarters(), "JPEG"))
    monkeypatch.setattr(mosaic, step, fail)
    with pytest.raises(error, match="a mistake in the program"):
        mosaic.make_thumbnail("a.jpg", str(tmp_path), (5, 5), 85)


@pytest.mark.parametrize(
    "error",
    [
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        OverflowError,
        RuntimeError,
        TypeError,
        struct.error,
        zlib.error,
        Image.DecompressionBombError,
    ],
)
def test_what_a_decoder_raises_makes_a_photo_unreadable(error: type[Exception]) -> None:
    with pytest.raises(Unreadable, match=rf"^{error.__name__}: wrong$"), decoding():
        raise error("wrong")


def test_only_decoders_make_a_photo_unreadable() -> None:
    with pytest.raises(Unreadable, match=r"^KeyError: 'tag'$"), decoding():
        raise KeyError("tag")
    with pytest.raises(ZeroDivisionError), decoding():
        raise ZeroDivisionError


@pytest.mark.parametrize("kind", KNOWN)
def test_every_step_reports_a_truncated_photo_as_unreadable(kind: str) -> None:
    whole = encoded(noise(), kind)
    for part in (0.02, 0.3, 0.8):
        file = io.BytesIO(whole[: int(len(whole) * part)])
        with pytest.raises(Unreadable):
            photo = open_photo(file)
            orientation(photo)
            scaled(photo, (5, 5))
            to_srgb(make_averageable(photo), photo.info.get("icc_profile"))


def test_an_image_without_pixels_is_unreadable() -> None:
    for step in (make_averageable, lambda photo: scaled(photo, (5, 5))):
        with pytest.raises(Unreadable, match="no pixels"):
            step(Image.new("RGB", (0, 7)))


def test_a_draft_says_how_large_the_whole_photo_is_in_it() -> None:
    photo = open_photo(io.BytesIO(encoded(scene((500, 375)), "JPEG")))
    assert scaled(photo, (60, 40)) == (62.5, 46.875)
    assert photo.size == (63, 47)
    assert scaled(Image.new("RGB", (500, 375)), (60, 40)) == (500, 375)


@pytest.mark.parametrize("profile", [("a", "tuple"), 7, "text", None, b""])
def test_a_profile_of_another_type_is_ignored(profile: object) -> None:
    assert to_srgb(Image.new("RGB", (1, 1), RED), profile).getpixel((0, 0)) == RED


def test_the_path_of_a_photo_is_no_part_of_the_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no photo")
    path = tmp_path / "bad.jpg"
    for source in (path, str(path), io.BytesIO(b"no photo")):
        with pytest.raises(Unreadable) as caught:
            open_photo(source)
        reason = "UnidentifiedImageError: cannot identify image file 'the file'"
        assert explain("bad.jpg", caught.value) == reason


def test_a_heic_photo_without_the_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(photos_module, "formats", lambda: ["JPEG"])
    assert "pip install pillow-heif" in explain("a.HEIC", Unreadable("?"))
    assert explain("a.jpg", Unreadable("?")) == "?"
    monkeypatch.setattr(photos_module, "formats", lambda: ["JPEG", "HEIF"])
    assert explain("a.HEIC", Unreadable("?")) == "?"


def test_formats_depend_on_a_package_only_if_a_photo_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for known in (["JPEG"], ["JPEG", "HEIF"]):
        monkeypatch.setattr(photos_module, "formats", lambda known=known: known)
        assert formats_for(["a.jpg", "b.png"]) == photos_module.FORMATS
        assert formats_for(["a.jpg", "B.HEIC"]) == known


# Many


def test_bad_photos_are_named_and_counted_and_the_run_goes_on(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["bad\n\udcff.jpg", *(f"{i}-bad.jpg" for i in range(6))]
    for name in names:
        (photos / name).write_text("not a photo")
    path = str(tmp_path / "s.h5")
    assert main(["thumbnails", str(photos), path, "--workers", "1"]) == 0
    with mosaic.open_store(path) as store:
        assert len(store.names) == 30
        assert [one.name for one in store.rejects] == sorted(names)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("skipped 0-bad.jpg: UnidentifiedImageError")
    assert lines[5].startswith("skipped 7 photos in all, see ")
    table = (tmp_path / "s.rejects.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in table] == [show(name) for name in sorted(names)]


@pytest.mark.parametrize("bad", [[], ["a.jpg", "b.png"]])
def test_a_collection_without_a_good_photo_is_an_error_every_time(
    bad: list[str], tmp_path: Path, refusal: Callable[..., str]
) -> None:
    (tmp_path / "photos").mkdir()
    for name in bad:
        (tmp_path / "photos" / name).touch()
    once, again = (
        refusal("thumbnails", tmp_path / "photos", tmp_path / "s.h5", "--workers", 1)
        for _ in range(2)
    )
    assert "no photos found" in once
    assert again == once


def test_the_bytes_are_the_same_for_any_number_of_workers(
    photos: Path, tmp_path: Path, paint: Callable[..., Path]
) -> None:
    for i in range(60):
        paint(photos / "more" / f"{i}.png", [f"#{i:02x}80{255 - i:02x}", "white"])
    (photos / "more" / "bad.jpg").touch()
    names = list_photos(str(photos))
    for workers in (1, 3):
        made = mosaic.make_thumbnails(names, str(photos), (6, 4), workers=workers)
        mosaic.write_store(str(tmp_path / f"{workers}.h5"), made, (6, 4))
    assert (tmp_path / "1.h5").read_bytes() == (tmp_path / "3.h5").read_bytes()


def test_unasked_thumbnails_are_as_the_settings_say(photos: Path) -> None:
    quality, names = mosaic.ThumbnailSettings().thumb_quality, list_photos(str(photos))
    make = functools.partial(mosaic.make_thumbnails, names, str(photos), (6, 4))
    one = functools.partial(mosaic.make_thumbnail, names[0], str(photos), (6, 4))
    assert list(make()) == list(make(quality))
    assert one() == one(quality)


def test_thumbnails_come_in_the_order_of_the_names(photos: Path) -> None:
    names = list_photos(str(photos))[::-1]
    make = functools.partial(mosaic.make_thumbnails, names, str(photos), (6, 4))
    assert [one.name for one in make()] == names


def test_a_thumbnail_keeps_the_size_of_its_photo_and_its_mean(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(Image.new("RGB", (60, 40), "gray"), "JPEG"))
    made = mosaic.make_thumbnail("a.jpg", str(tmp_path), (6, 4), 85)
    assert isinstance(made, mosaic.Thumbnail)
    assert (made.name, made.size, made.mean) == ("a.jpg", (60, 40), (128, 128, 128))
    assert Image.open(io.BytesIO(made.jpeg)).size == (6, 4)


def test_without_the_package_for_them_heic_photos_are_no_format(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pillow_heif")
    asked = formats.__wrapped__
    assert asked() == [*photos_module.FORMATS, "HEIF"]
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert asked() == photos_module.FORMATS
