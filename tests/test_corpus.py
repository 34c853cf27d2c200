"""A collection of everything that may happen to photos: each is right, or named."""

import io
import os
import random
import resource
import socket
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from conftest import Run
from PIL import Image, ImageFile

import mosaic
from smalti.command import main
from smalti.ground.collection import list_photos
from smalti.ground.errors import Unreadable, show
from smalti.ground.photos import ORIENTATION, formats, upright_size

SIZE = (32, 32)
SMALL = (20, 20)  # more than half, so that no draft is taken
COLOURS = [(230, 40, 30), (40, 200, 60), (30, 60, 220), (240, 230, 40)]
formats()  # registers HEIF


@pytest.fixture(autouse=True)
def warnings_are_left_to_the_program() -> Iterator[None]:
    """Do as the program does: what Pillow finds odd is no error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def quarters(mode: str = "RGB") -> Image.Image:
    """A picture of four colours, in a mode."""
    image, (x, y) = Image.new("RGB", SIZE), (SIZE[0] // 2, SIZE[1] // 2)
    for i, colour in enumerate(COLOURS):
        image.paste(colour, (i % 2 * x, i // 2 * y, i % 2 * x + x, i // 2 * y + y))
    if mode in ("I;16", "I"):
        levels = np.asarray(image.convert("L")).astype(np.uint16) * 257
        return Image.fromarray(levels if mode == "I;16" else levels.astype(np.int32))
    if mode == "F":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.float32) / 255)
    if mode == "P":
        return image.quantize(4)
    return image.convert(mode, dither=Image.Dither.NONE)


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    """The bytes of an image file; of one with a second, black picture, for `save_all`."""
    file, more = io.BytesIO(), [Image.new("RGB", SIZE)]
    image.save(file, kind, **how | ({"append_images": more} if "save_all" in how else {}))
    return file.getvalue()


def interlaced() -> bytes:
    """A PNG in seven passes, which Pillow reads and does not write."""
    pixels, rows = np.asarray(quarters()), b""
    for x, y, across, down in [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]:
        rows += b"".join(b"\0" + row.tobytes() for row in pixels[y::down, x::across])
    return png(SIZE, 2, zlib.compress(rows), passes=1)


def png(size: tuple[int, int], colour: int, content: bytes, passes: int = 0) -> bytes:
    """The bytes of a PNG of 8 bits made by hand."""
    head = struct.pack(">IIBBBBB", *size, 8, colour, 0, 0, passes)
    chunks = [(b"IHDR", head), (b"IDAT", content), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data))
        + name
        + data
        + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


TURNED = Image.Exif()
TURNED[ORIENTATION] = 3  # upside down
MORE: dict[str, object] = {"save_all": True}
MADE: dict[str, list[tuple[str, Mapping[str, object]]]] = {
    "JPEG": [
        ("RGB", {"quality": 95}),
        ("L", {"quality": 95}),
        ("CMYK", {"quality": 95}),
        ("RGB", {"quality": 95, "progressive": True}),
        ("RGB", {"quality": 95, "subsampling": 0, "restart_marker_blocks": 1}),
    ],
    "MPO": [("RGB", {"quality": 95, **MORE})],
    "PNG": [
        *((mode, {}) for mode in ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")),
        *(("P", {"bits": bits}) for bits in (2, 4)),
        ("RGB", MORE),
    ],
    "GIF": [("P", {}), ("L", {"interlace": 1}), ("RGB", MORE)],
    "BMP": [(mode, {}) for mode in ("1", "L", "P", "RGB", "RGBA")],
    "TIFF": [
        *((mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr")),
        *((mode, {}) for mode in ("I;16", "I", "F")),
        ("1", {"compression": "group4"}),
        ("RGB", {"compression": "jpeg", "quality": 95}),
        *(("RGB", {"compression": f"tiff_{way}"}) for way in ("lzw", "adobe_deflate")),
        ("I;16", {"compression": "packbits"}),
        ("RGB", MORE),
    ],
    "WEBP": [("RGB", {"quality": 95}), ("RGBA", {"lossless": True}), ("RGB", MORE)],
    "AVIF": [("RGB", {"quality": 95, "speed": 10}), ("RGBA", {"speed": 10})],
    "HEIF": [("RGB", {"quality": 95}), ("L", {"quality": 95})],
}
CORPUS = {
    f"{kind}-{mode}-{'-'.join(how) or 'plain'}-{i}".lower(): (kind, mode, how)
    for kind, ways in MADE.items()
    if kind == "MPO" or kind in formats()
    for i, (mode, how) in enumerate(ways)
}


def made(label: str) -> bytes:
    """The bytes of a good photo of the corpus."""
    kind, mode, how = CORPUS[label]
    return saved(quarters(mode), kind, **how)


def thumbnail(content: bytes, folder: Path) -> mosaic.Thumbnail | mosaic.Reject:
    """What the program makes of a photo."""
    (folder / "a.jpg").write_bytes(content)
    return mosaic.make_thumbnail("a.jpg", str(folder), SMALL, 95)


def expected(content: bytes) -> mosaic.Thumbnail | None:
    """The thumbnail of what the decoder accepts when it is asked once; None if it refuses."""
    with pytest.MonkeyPatch.context() as strictly:
        strictly.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)
        try:
            photo = Image.open(io.BytesIO(content), formats=formats())
            photo.load()
        except Exception:
            return None
    try:
        whole, small = upright_size(photo), mosaic.shrink_photo(photo, SMALL)
    except Unreadable:
        return None
    return mosaic.encode_thumbnail("a.jpg", whole, small, 95)


def middles(one: mosaic.Thumbnail | mosaic.Reject) -> np.ndarray:
    """The colours in the four quarters of a thumbnail."""
    assert isinstance(one, mosaic.Thumbnail), one
    pixels = np.asarray(Image.open(io.BytesIO(one.jpeg))).astype(int)
    return pixels[[5, 5, 15, 15], [5, 15, 5, 15]]


# Good ones


@pytest.mark.parametrize("label", CORPUS)
def test_a_photo_of_every_kind_has_its_colours(label: str, tmp_path: Path) -> None:
    mode = CORPUS[label][1]
    seen = "L" if mode in ("I;16", "I", "F", "LA") else mode
    right = np.asarray(quarters(seen).convert("RGB").resize(SMALL)).astype(int)
    found = middles(thumbnail(made(label), tmp_path))
    assert np.abs(found - right[[5, 5, 15, 15], [5, 15, 5, 15]]).max() <= 14


@pytest.mark.parametrize(
    "kind", [kind for kind in MADE if kind not in ("GIF", "BMP", "MPO")]
)
def test_a_photo_of_every_kind_is_upright(kind: str, tmp_path: Path) -> None:
    if kind not in formats():
        pytest.skip("no decoder here")
    image = quarters().transpose(Image.Transpose.ROTATE_180)
    image.info["exif"] = TURNED.tobytes()
    found = middles(thumbnail(saved(image, kind, exif=TURNED.tobytes()), tmp_path))
    assert np.abs(found - COLOURS).max() <= 60
    assert found.argmax(axis=1)[:3].tolist() == [0, 1, 2]


def test_a_png_in_seven_passes_is_a_photo(tmp_path: Path) -> None:
    assert np.abs(middles(thumbnail(interlaced(), tmp_path)) - COLOURS).max() <= 8


# Damaged ones


def damages(whole: bytes, seed: int) -> Iterator[bytes]:
    """A file with flipped bits, with blocks of noise, and cut off at every tenth byte."""
    dice = random.Random(seed)
    for _ in range(16):
        bad = bytearray(whole)
        bad[dice.randrange(len(bad))] ^= 1 << dice.randrange(8)
        yield bytes(bad)
    for _ in range(16):
        at = dice.randrange(len(whole))
        yield whole[:at] + dice.randbytes(32) + whole[at + 32 :]
    step = max(10, len(whole) // 150)  # a larger file is cut off less often
    for end in range(0, len(whole), step):
        yield whole[:end]


@pytest.mark.parametrize("label", [*CORPUS, "png-interlaced"])
def test_a_damaged_photo_is_named_or_as_the_decoder_accepts_it(
    label: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = interlaced() if label == "png-interlaced" else made(label)
    for bad in damages(whole, seed=len(whole)):
        found, right = thumbnail(bad, tmp_path), expected(bad)
        if right is None:
            assert isinstance(found, mosaic.Reject)
            assert found.reason.isprintable()
        else:
            assert found == right
        capfd.readouterr()  # what `expected` has caused


@pytest.mark.parametrize("label", CORPUS)
def test_of_damage_nothing_is_said_on_the_terminal(
    label: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for bad in list(damages(made(label), seed=7))[:24]:
        thumbnail(bad, tmp_path)
    assert capfd.readouterr() == ("", "")


def test_of_too_many_samples_nothing_is_said_on_the_terminal(
    run: Run, tmp_path: Path
) -> None:
    whole = saved(quarters(), "TIFF")
    tag = struct.pack("<HHIHH", 277, 3, 1, 3, 0)
    assert tag in whole
    (tmp_path / "a.tif").write_bytes(whole.replace(tag, tag[:8] + b"\xff\xff\0\0"))
    code = "import mosaic; print(mosaic.make_thumbnail('a.tif', '.', (5, 5)).reason)"
    done = run("-c", code)
    assert done.stderr == ""
    assert "cannot identify" in done.stdout


# Others


OTHERS = {
    "text": b"Dear all,\nthe photos are in the other folder.\n",
    "page": b"<!DOCTYPE html><html><body><img src='cat.jpg'></body></html>",
    "script": b"#!/bin/sh\ntouch harm\n",
    "drawing": b"<svg xmlns='http://www.w3.org/2000/svg'><script>harm()</script></svg>",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(harm) (w) file\n",
    "document": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "archive": b"PK\3\4" + bytes(26),
    "pickle": b"cos\nsystem\n(S'touch harm'\ntR.",
    "zeros": bytes(5000),
    "nothing": b"",
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_is_no_photo_is_named_under_every_name(what: str, tmp_path: Path) -> None:
    endings = "jpg jpeg png gif webp tif tiff bmp avif heic"
    for ending in endings.split():
        (tmp_path / f"a.{ending}").write_bytes(OTHERS[what])
    names = list_photos(str(tmp_path))
    assert len(names) == len(endings.split())
    for name in names:
        one = mosaic.make_thumbnail(name, str(tmp_path), SMALL)
        assert isinstance(one, mosaic.Reject)
        assert "cannot identify" in one.reason or "pillow-heif" in one.reason
    assert not (tmp_path / "harm").exists()


def claimed(kind: str, size: tuple[int, int]) -> bytes:
    """A small file with a header that claims to have many pixels."""
    whole = bytearray(saved(quarters(), kind))
    if kind == "PNG":
        return png(size, 2, zlib.compress(bytes(9999)))
    if kind == "JPEG":
        at = whole.index(b"\xff\xc0") + 5
        whole[at : at + 4] = struct.pack(">HH", *size[::-1])
    elif kind == "GIF":
        whole[6:10] = struct.pack("<HH", *size)
        at = whole.index(b"\x2c") + 5
        whole[at : at + 4] = struct.pack("<HH", *size)
    elif kind == "BMP":
        whole[18:26] = struct.pack("<ii", *size)
    elif kind == "TIFF":
        for tag, value in zip((256, 257), size, strict=True):
            at = whole.index(struct.pack("<HHI", tag, 4, 1)) + 8
            whole[at : at + 4] = struct.pack("<I", value)
    return bytes(whole)


@pytest.mark.parametrize("size", [(65000, 65000), (50000, 3000), (13000, 13000)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF"])
def test_a_header_that_claims_too_much_is_named_and_takes_no_memory(
    kind: str, size: tuple[int, int], tmp_path: Path
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    one = thumbnail(claimed(kind, size), tmp_path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300 << 10  # kilobytes
    if kind != "JPEG" or size[0] == 65000:  # what a JPEG lacks, its decoder paints grey
        assert isinstance(one, mosaic.Reject)
        assert "pixels are too many" in one.reason or "BombError" in one.reason


# Names


NAMES = [
    b"two\nlines.jpg",
    b"a\ttab.jpg",
    b"'\"`$(touch harm)`.jpg",
    b"-rf.jpg",
    b"--workers.jpg",
    b"~...jpg",
    b"a..jpg",
    b" .jpg",
    b"%s{0}\\n.jpg",
    b"a.zip!#3.jpg",
    b"#00001.jpg",
    b"caf\xe9.jpg",
    b"\xff\xfe.jpg",
    "\u202egpj.tac.jpg".encode(),
    "שלום 🐈.jpg".encode(),
    b"x" * 251 + b".jpg",
    b"\x1b[2J.jpg",
]


@pytest.mark.parametrize("good", [True, False])
def test_a_name_of_any_bytes_is_kept_or_named_in_one_line(
    good: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, store = tmp_path / "photos", str(tmp_path / "s.h5")
    (folder / "a.zip!").mkdir(parents=True)
    whole = made("jpeg-rgb-quality-0")
    for name in NAMES:
        content = whole if good else name
        (folder / os.fsdecode(name)).write_bytes(content)
    (folder / "a.zip!" / "in.jpg").write_bytes(whole)
    assert main(["thumbnails", str(folder), store, "--workers", "1"]) == 0
    names = sorted(map(os.fsdecode, NAMES))
    with mosaic.open_store(store) as opened:
        assert sorted({*opened.names, "a.zip!/in.jpg"}) == (
            sorted([*names, "a.zip!/in.jpg"]) if good else ["a.zip!/in.jpg"]
        )
        assert [one.name for one in opened.rejects] == ([] if good else names)
    assert all(line.isprintable() for line in capsys.readouterr().err.splitlines())
    table = tmp_path / "s.rejects.tsv"
    if not good:
        lines = table.read_text(encoding="utf-8").splitlines()
        assert [line.split("\t")[0] for line in lines] == list(map(show, names))


# Files that are none


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes that have names")
def test_pipes_devices_and_links_that_lead_nowhere_are_no_photos(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "folder.jpg").mkdir(parents=True)
    (folder / "good.jpg").write_bytes(made("jpeg-rgb-quality-0"))
    os.mkfifo(folder / "pipe.jpg")
    (folder / "zero.jpg").symlink_to("/dev/zero")
    (folder / "gone.jpg").symlink_to("nowhere.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    (folder / "around").symlink_to(folder)
    (folder / "again.jpg").symlink_to("good.jpg")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(folder / "s.jpg")) if len(str(folder)) < 90 else None
        assert list_photos(str(folder)) == ["again.jpg", "good.jpg"]


def by_a_pipe(path: Path) -> None:
    """Put a pipe, into which nobody writes, in the place of a file."""
    path.unlink()
    os.mkfifo(path)


def by_a_device(path: Path) -> None:
    """Put an endless file in the place of a file."""
    path.unlink()
    path.symlink_to("/dev/zero")


def by_a_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def by_a_part(path: Path) -> None:
    """Cut off a file in the middle."""
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes that have names")
@pytest.mark.parametrize(
    "replace", [Path.unlink, by_a_pipe, by_a_device, by_a_folder, by_a_part]
)
def test_a_photo_that_is_replaced_after_it_was_listed_costs_only_itself(
    replace: Callable[[Path], None], tmp_path: Path
) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(made("jpeg-rgb-quality-0"))
    results = mosaic.make_thumbnails(list_photos(str(tmp_path)), str(tmp_path), SMALL)
    first = next(results)
    replace(tmp_path / "b.jpg")
    second, third = results
    assert isinstance(second, mosaic.Reject)
    assert [one.name for one in (first, second, third)] == ["a.jpg", "b.jpg", "c.jpg"]
    assert isinstance(third, mosaic.Thumbnail)


# Together


def test_a_run_over_the_whole_corpus_names_what_it_skips(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for label in CORPUS:
        whole = made(label)
        (folder / f"{label}.jpg").write_bytes(whole)
        (folder / f"{label}-half.jpg").write_bytes(whole[: len(whole) // 2])
    done = run("-m", "smalti", "thumbnails", "photos", "s.h5", "--workers", 2)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert all(line.startswith("skipped ") for line in lines)
    with mosaic.open_store(str(tmp_path / "s.h5")) as store:
        assert {f"{label}.jpg" for label in CORPUS} <= set(store.names)
        assert len(store.names) + len(store.rejects) == 2 * len(CORPUS)
