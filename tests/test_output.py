"""Output: streamed, exact, cut out; on images small enough to check by eye."""

import contextlib
import doctest
import io
import itertools
import math
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms

from mosaic import Array
from smalti import output
from smalti.ground.errors import MosaicError
from smalti.ground.settings import cores

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def picture(width: int, height: int, channels: int = 3) -> Array:
    """A smooth picture with a little noise: (height, width, channels) uint8."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(1).integers(0, 9, (height, width))
    planes = [x * 240 // width, y * 240 // height, (x + y) % 240, 255 * (x > y)]
    grain = noise[..., None] * np.array([1, 1, 1, 0])[:channels]
    image: Array = (np.stack(planes[:channels], axis=2) + grain).astype(np.uint8)
    return image


def bands(image: Array, *heights: int) -> Iterator[Array]:
    """Cut an image into bands of these heights, over and over."""
    top = 0
    while top < len(image):
        for height in heights:
            if top < len(image):
                yield image[top : top + height]
            top += height


def flat_tiles(which: Array, size: tuple[int, int]) -> Array:
    """Draw tiles of one colour each: 0 red, 1 green, 2 blue."""
    colours = np.array([RED, GREEN, BLUE], np.uint8)[which]
    return np.broadcast_to(colours[:, None, None], (len(which), size[1], size[0], 3))


def left_in(folder: Path) -> list[str]:
    """Names of everything below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(output).failed == 0
    assert doctest.testmod(output).attempted > 2


# Exact sizes


@given(st.integers(1, 10**6), st.integers(1, 2000))
def test_sizes_add_up_and_differ_by_at_most_a_pixel(total: int, parts: int) -> None:
    if parts > total:
        with pytest.raises(MosaicError, match="too few"):
            output.sizes(total, parts)
        return
    found = output.sizes(total, parts)
    assert found.sum() == total
    assert len(found) == parts
    assert found.max() - found.min() <= 1
    assert found.min() >= 1


def test_a_mosaic_is_pasted_to_exactly_the_size_that_is_asked_for() -> None:
    match = np.array([[0, 1, 2], [2, 2, 0]])
    image = np.vstack(list(output.paste_exact(flat_tiles, match, (7, 3))))
    assert image.shape == (3, 7, 3)
    first = [RED] * 2 + [GREEN] * 2 + [BLUE] * 3
    second = [BLUE] * 4 + [RED] * 3
    assert image.tolist() == [list(map(list, row)) for row in (first, second, second)]


@settings(max_examples=30)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 9), st.integers(0, 9))
def test_every_pixel_shows_the_photo_of_its_cell(
    rows: int, cols: int, right: int, down: int
) -> None:
    match = np.random.default_rng(rows).integers(-1, 3, (rows, cols))
    size = (cols + right, rows + down)
    image = np.vstack(list(output.paste_exact(flat_tiles, match, size)))
    x, y = np.arange(size[0]), np.arange(size[1])
    col, row = -(-(x + 1) * cols // size[0]) - 1, -(-(y + 1) * rows // size[1]) - 1
    expected = np.array([RED, GREEN, BLUE, WHITE])[match[row[:, None], col]]
    assert np.array_equal(image, expected)


def test_each_photo_of_a_row_is_drawn_once_for_each_width() -> None:
    drawn: list[tuple[list[int], tuple[int, int]]] = []

    def draw(which: Array, size: tuple[int, int]) -> Array:
        drawn.append((which.tolist(), size))
        return flat_tiles(which, size)

    list(output.paste_exact(draw, np.array([[2, 2, 1, 2]]), (10, 4)))
    assert drawn == [([1, 2], (2, 4)), ([2], (3, 4))]


@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_tile_is_drawn_once_for_each_size_for_which_there_is_room(
    room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "KEEP", room * 3 * (4 * 3 * 3))
    asked = list[list[int]]()

    def note(which: Array, size: tuple[int, int]) -> Array:
        asked.append(which.tolist())
        return np.broadcast_to(which[:, None, None, None], (len(which), *size[::-1], 3))

    draw = output.draw_once(note, np.array([[7, 2, 2], [-1, 5, 7]]))
    for size in ((4, 3), (3, 4)):
        for wanted in ([2, 7], [5, 7], [7]):
            drawn = draw(np.array(wanted), size)
            assert drawn.shape == (len(wanted), *size[::-1], 3)
            assert drawn[:, 0, 0, 0].tolist() == wanted
    often, once = [[2, 7], [5, 7], [7]], [[2, 7], [5]]
    assert asked == [*(once if room else often), *(once if room == 2 else often)]


def test_tiles_are_recoloured_knowing_their_cells() -> None:
    seen: list[list[int]] = []

    def darken(tiles: Array, places: Array) -> Array:
        seen.append(places.tolist())
        return tiles // 5

    match = np.array([[0, 1, -1], [2, 2, 0]])
    image = np.vstack(list(output.paste_exact(flat_tiles, match, (3, 2), darken)))
    assert seen == [[0, 1], [3, 4, 5]]
    assert image[0].tolist() == [[51, 0, 0], [0, 51, 0], [255, 255, 255]]


# Large files


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 12))
def test_regrouping_changes_nothing_but_the_heights(
    heights: list[int], height: int
) -> None:
    image = picture(5, sum(heights))
    found = list(output.regroup(bands(image, *heights), height))
    assert np.array_equal(np.vstack(found), image)
    assert all(len(band) == height for band in found[:-1])
    assert 1 <= len(found[-1]) <= height


def test_work_in_step_is_in_order_and_not_far_ahead() -> None:
    fetched: list[int] = []

    def numbers() -> Iterator[int]:
        for i in range(100):
            fetched.append(i)
            yield i

    stream = output.in_step(lambda i: i * i, numbers())
    assert next(stream) == 0
    assert len(fetched) <= cores() + 1
    assert list(stream) == [i * i for i in range(1, 100)]


def test_nobody_waits_for_work_in_step_that_is_no_longer_wanted() -> None:
    go_on = threading.Event()
    stream = output.in_step(lambda i: i < 1 or go_on.wait(20), itertools.count())
    assert isinstance(stream, Generator)
    assert next(stream)
    closing = threading.Thread(target=stream.close)
    closing.start()
    closing.join(5)
    waited = closing.is_alive()
    go_on.set()
    assert not waited


@settings(max_examples=25)
@given(
    image=st.tuples(
        st.integers(1, 9), st.integers(1, 150), st.sampled_from([3, 4])
    ).flatmap(lambda shape: arrays(np.uint8, (shape[1], shape[0], shape[2]))),
    heights=st.lists(st.integers(1, 70), min_size=1, max_size=3),
)
def test_a_streamed_png_reads_as_the_same_pixels(
    image: Array, heights: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "stream.png"
    output.write_png(path, bands(image, *heights), image.shape[1::-1])
    with Image.open(path) as read:
        read.verify()
    with Image.open(path) as read:
        assert read.mode == {3: "RGB", 4: "RGBA"}[image.shape[2]]
        assert np.array_equal(np.asarray(read), image)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_tiff_reads_as_the_same_pixels_by_two_programs(
    tmp_path: Path, channels: int
) -> None:
    image = picture(300, 270, channels)
    output.write_tiff(tmp_path / "a.tif", bands(image, 50), (300, 270))
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), image)
    with Image.open(tmp_path / "a.tif") as read:
        assert np.array_equal(np.asarray(read), image)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages.first.tilewidth == 256
        assert not file.is_bigtiff


def tile_paths(size: tuple[int, int], tile: int) -> list[str]:
    """All tiles that a pyramid of this size has, by its definition."""
    top = int(np.ceil(np.log2(max(size))))
    paths = []
    for level in range(top + 1):
        across, down = (int(np.ceil(side / 2 ** (top - level))) for side in size)
        paths += [
            f"{level}/{x}_{y}"
            for x in range(int(np.ceil(across / tile)))
            for y in range(int(np.ceil(down / tile)))
        ]
    return sorted(paths)


@pytest.mark.parametrize("size", [(1, 1), (64, 16), (65, 33), (37, 90), (16, 1)])
def test_a_pyramid_has_just_the_tiles_of_deep_zoom(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    output.write_deepzoom(tmp_path / "a.dzi", bands(picture(*size), 7), size, tile=16)
    files = tmp_path / "a_files"
    found = [str(path.relative_to(files).with_suffix("")) for path in files.rglob("*.jpg")]
    assert sorted(found) == tile_paths(size, 16)
    assert (
        f'TileSize="16"><Size Width="{size[0]}" Height="{size[1]}"'
        in (tmp_path / "a.dzi").read_text()
    )


@pytest.mark.parametrize("channels", [3, 4])
def test_every_tile_is_a_piece_of_the_reduced_picture(
    tmp_path: Path, channels: int
) -> None:
    """Lossless (PNG) tiles of all levels equal the whole picture, halved again and again."""
    image = picture(101, 45, 4)
    image[..., 3] = 255 if channels == 3 else image[..., 3]
    output.write_deepzoom(tmp_path / "a.dzi", bands(image, 9), (101, 45), tile=16)
    whole = Image.fromarray(image)
    for level in range(7, -1, -1):
        reference = np.asarray(whole)
        for y in range(0, whole.height, 16):
            for x in range(0, whole.width, 16):
                path = tmp_path / f"a_files/{level}/{x // 16}_{y // 16}.png"
                shown = np.asarray(Image.open(path))
                assert np.array_equal(shown, reference[y : y + 16, x : x + 16])
        whole = whole.convert("RGBa").reduce(2).convert("RGBA")


def test_jpeg_tiles_look_like_the_reduced_picture(tmp_path: Path) -> None:
    image = Image.fromarray(picture(101, 45)).resize((101, 45))
    output.write_deepzoom(
        tmp_path / "a.dzi", bands(np.asarray(image), 9), (101, 45), tile=64
    )
    tile = np.asarray(Image.open(tmp_path / "a_files/6/0_0.jpg"), float)
    assert tile.shape == (23, 51, 3)
    assert np.abs(tile - np.asarray(image.reduce(2))).mean() < 6


def test_a_folder_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a_files").mkdir()
    (tmp_path / "a_files/diary.txt").write_text("mine")
    with pytest.raises(MosaicError, match="a_files already"):
        output.write_deepzoom(tmp_path / "a.dzi", [picture(5, 3)], (5, 3))
    assert left_in(tmp_path) == ["a_files", "a_files/diary.txt"]


def test_a_pyramid_is_replaced_by_a_new_one(tmp_path: Path) -> None:
    output.write_deepzoom(tmp_path / "a.dzi", [picture(90, 33)], (90, 33), tile=16)
    output.write_deepzoom(tmp_path / "a.dzi", [picture(5, 3)], (5, 3), tile=16)
    files = [name for name in left_in(tmp_path) if name.endswith(".jpg")]
    assert [name[8:-4] for name in files] == tile_paths((5, 3), 16)


ENDINGS = [".png", ".jpg", ".webp", ".tif", ".dzi", ".szi"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupted_writing_leaves_nothing(tmp_path: Path, ending: str) -> None:
    def failing() -> Iterator[Array]:
        yield picture(90, 70)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        output.save_bands(tmp_path / f"a{ending}", failing(), (90, 700))
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupted_writing_keeps_what_was_there(tmp_path: Path, ending: str) -> None:
    output.save_bands(tmp_path / f"a{ending}", [picture(90, 70)], (90, 70))
    before = left_in(tmp_path)
    with pytest.raises(ValueError, match="the bands end after 70 of 71 rows"):
        output.save_bands(tmp_path / f"a{ending}", [picture(90, 70)], (90, 71))
    assert left_in(tmp_path) == before


@pytest.mark.parametrize("size", [(90, 69), (89, 70), (91, 70)])
def test_bands_that_do_not_fit_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        output.save_bands(tmp_path / "a.png", [picture(90, 70)], size)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "size", "said"),
    [
        ("a.jpg", (65_501, 10), "65501 x 10 pixels, but .jpg ends at 65500"),
        ("a.WEBP", (10, 16_384), ".webp ends at 16383"),
        ("a.bmp", (10, 10), "must end in .jpg"),
        ("a", (10, 10), "must end in .jpg"),
        ("a.jpeg", (65_500, 65_500), "do not fit into memory"),
    ],
)
def test_a_limit_of_the_format_is_named_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    size: tuple[int, int],
    said: str,
) -> None:
    monkeypatch.setattr(output, "memory", lambda: 8e9)
    monkeypatch.setattr(output, "has_vips", lambda: False)
    with pytest.raises(MosaicError, match=said):
        output.save_bands(tmp_path / name, iter(()), size)


def test_streams_have_no_limit_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "memory", lambda: 1e6)
    for ending in (".png", ".dzi"):
        output.check_size(f"a{ending}", (10**6, 10**6))


def test_a_jpeg_is_white_where_a_png_is_transparent(tmp_path: Path) -> None:
    image = np.zeros((16, 32, 4), np.uint8)
    image[:, :16] = (255, 0, 0, 255)
    for ending in (".jpg", ".png", ".webp"):
        output.save_bands(tmp_path / f"a{ending}", bands(image, 8), (32, 16))
    jpeg = np.asarray(Image.open(tmp_path / "a.jpg"), int)
    assert np.abs(jpeg[:, 28:] - 255).max() < 4
    assert np.abs(jpeg[:, :4] - RED).max() < 4
    for ending in (".png", ".webp"):
        read = np.asarray(Image.open(tmp_path / f"a{ending}").convert("RGBA"))
        assert np.array_equal(read[..., 3], image[..., 3])


# Empty cells


def test_empty_cells_become_transparent() -> None:
    empty = np.array([[False, True, False]])
    match = np.where(empty, -1, [[0, 1, 2]])
    covered = output.cover(output.paste_exact(flat_tiles, match, (4, 2)), empty, (4, 2))
    row = [[*RED, 255], [255, 255, 255, 0], [*BLUE, 255], [*BLUE, 255]]
    assert np.vstack(list(covered)).tolist() == [row, row]


# Through libvips


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every JPEG count as large, where libvips is at hand."""
    pytest.importorskip("pyvips")
    monkeypatch.setattr(output, "LARGE", 1)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("channels", [3, 4])
def test_a_large_jpeg_looks_like_that_of_pillow(tmp_path: Path, channels: int) -> None:
    image = picture(300, 270, channels)
    output.save_bands(tmp_path / "a.jpg", bands(image, 50), (300, 270))
    flat = Image.fromarray(output.over_white(image))
    flat.save(tmp_path / "b.jpg", quality=90)
    with Image.open(tmp_path / "a.jpg") as one, Image.open(tmp_path / "b.jpg") as other:
        assert one.layer == other.layer  # type: ignore[attr-defined]
        assert one.quantization == other.quantization  # type: ignore[attr-defined]
        far = np.asarray(one, int) - np.asarray(other, int)
    assert np.abs(far).mean() < 1


@pytest.mark.parametrize("ending", [".jpg", ".tif"])
def test_the_bytes_of_libvips_do_not_depend_on_threads_and_bands(
    tmp_path: Path, ending: str
) -> None:
    pytest.importorskip("pyvips")
    program = (
        "import sys; import numpy as np; from smalti import output; output.LARGE = 1;"
        "image = np.random.default_rng(1).integers(0, 256, (700, 900, 3), np.uint8);"
        "bands = [image[i : i + int(sys.argv[2])] for i in range(0, 700, int(sys.argv[2]))];"
        "output.save_bands(sys.argv[1], bands, (900, 700), 85, 300)"
    )
    contents = []
    for threads, high in (("1", "50"), ("4", "333")):
        path = tmp_path / f"{threads}{ending}"
        environment = {**os.environ, "VIPS_CONCURRENCY": threads}
        words = [sys.executable, "-c", program, str(path), high]
        subprocess.run(words, env=environment, cwd=Path(__file__).parents[1], check=True)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_a_jpeg_of_common_size_does_not_go_through_libvips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(output, "write_by_vips")
    output.save_bands(tmp_path / "a.jpg", [picture(90, 70)], (90, 70))
    Image.fromarray(picture(90, 70)).save(tmp_path / "b.jpg", quality=90)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()


@pytest.mark.parametrize("big", [False, True])
def test_a_tiff_with_a_quality_is_a_pyramid_of_jpeg_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, big: bool
) -> None:
    pytest.importorskip("pyvips")
    monkeypatch.setattr(output, "BIG", 0 if big else output.BIG)
    image = np.asarray(Image.fromarray(picture(100, 70)).resize((1000, 700)))
    output.save_bands(tmp_path / "a.tif", bands(image, 50), (1000, 700), 85)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        shapes = [page.shape for page in file.pages]
        kinds = {page.compression for page in file.pages}
        tiles = {page.tile for page in file.pages}
        assert file.is_bigtiff == big
    assert shapes == [(700, 1000, 3), (350, 500, 3), (175, 250, 3)]
    assert kinds == {tifffile.COMPRESSION.JPEG}
    assert tiles == {(256, 256)}
    with Image.open(tmp_path / "a.tif") as read:
        assert np.abs(np.asarray(read, int) - image).mean() < 3
        read.seek(2)
        small = np.asarray(Image.fromarray(image).reduce(4), int)
        assert np.abs(np.asarray(read, int) - small).mean() < 3


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("ending", [".jpg", ".tif"])
def test_an_error_on_the_way_through_libvips_is_raised(tmp_path: Path, ending: str) -> None:
    def failing() -> Iterator[Array]:
        yield picture(300, 70)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        output.save_bands(tmp_path / f"a{ending}", failing(), (300, 7000), 85)
    with pytest.raises(ValueError, match="the bands end after 70 of 71 rows"):
        output.save_bands(tmp_path / f"a{ending}", [picture(90, 70)], (90, 71), 85)
    assert left_in(tmp_path) == []


@pytest.mark.usefixtures("large")
def test_libvips_on_a_full_disk_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("/dev/full").exists() or pytest.skip("there is no disk that is always full")
    monkeypatch.setattr(
        output, "atomic", lambda path: contextlib.nullcontext(Path("/dev/full"))
    )
    before = set(threading.enumerate())
    with pytest.raises(MosaicError) as error:
        output.save_bands(tmp_path / "a.jpg", [picture(900, 700)], (900, 700))
    assert "\n" not in str(error.value)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


def test_without_libvips_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "has_vips", lambda: False)
    monkeypatch.setattr(output, "LARGE", 100)
    with pytest.raises(
        MosaicError, match=r"pip install 'mosaic-book\[large\]'; or leave out"
    ):
        output.save_bands(tmp_path / "a.tif", [picture(9, 7)], (9, 7), 85)
    output.save_bands(tmp_path / "a.jpg", [picture(90, 70)], (90, 70))
    assert "pip install 'mosaic-book[large]'" in capsys.readouterr().err
    output.save_bands(tmp_path / "a.jpg", [picture(9, 7)], (9, 7))
    assert capsys.readouterr().err == ""


# A pyramid in one file


def test_an_szi_is_the_deep_zoom_image_in_a_zip(tmp_path: Path) -> None:
    for ending in (".dzi", ".szi"):
        output.save_bands(
            tmp_path / f"a{ending}", bands(picture(700, 90), 9), (700, 90), 70
        )
    expected = [name for name in left_in(tmp_path) if name.endswith((".dzi", ".jpg"))]
    with zipfile.ZipFile(tmp_path / "a.szi") as archive:
        assert archive.testzip() is None
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
        archive.extractall(tmp_path / "out")
    found = [name for name in left_in(tmp_path / "out/a") if "." in name]
    assert found == expected
    for name in found:
        assert (tmp_path / "out/a" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_an_szi_has_the_same_bytes_whenever_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = []
    for now in (1e9, 1.5e9):
        monkeypatch.setattr("time.time", lambda now=now: now)
        output.save_bands(tmp_path / "a.szi", [picture(70, 40)], (70, 40))
        contents.append((tmp_path / "a.szi").read_bytes())
    assert contents[0] == contents[1]


# For a printer


@pytest.mark.parametrize("through", ["", "libvips"])
@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif"])
def test_a_resolution_is_in_the_file_with_a_profile(
    tmp_path: Path, request: pytest.FixtureRequest, ending: str, through: str
) -> None:
    path = tmp_path / f"a{ending}"
    if through:
        request.getfixturevalue("large")
    quality = 85 if through else 0
    output.save_bands(path, bands(picture(90, 70), 9), (90, 70), quality, dpi=300)
    with Image.open(path) as read:
        assert read.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        profile = ImageCms.ImageCmsProfile(io.BytesIO(read.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
def test_a_profile_says_nothing_of_the_day(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    contents = []
    for day in (b"\0\1", b"\0\2"):
        other = made[:28] + day + made[30:]
        output.srgb.cache_clear()
        monkeypatch.setattr(ImageCms.ImageCmsProfile, "tobytes", lambda self, it=other: it)
        output.save_bands(tmp_path / f"a{ending}", [picture(9, 7)], (9, 7), dpi=100)
        contents.append((tmp_path / f"a{ending}").read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize("through", ["", "libvips"])
@pytest.mark.parametrize("dpi", [None, 300])
@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
def test_a_picture_says_where_it_came_from(
    tmp_path: Path,
    request: pytest.FixtureRequest,
    ending: str,
    dpi: float | None,
    through: str,
) -> None:
    if through:
        request.getfixturevalue("large")
    about, path, quality = (
        "mosaic 1.0; gap -0.1",
        tmp_path / f"a{ending}",
        85 if through else 0,
    )
    image = picture(90, 70)
    output.save_bands(path, bands(image, 9), (90, 70), quality, dpi, about)
    with Image.open(path) as read:
        tags = read.getexif()
        assert tags.get(270 if through and ending == ".tif" else output.SOFTWARE) == about
        dots = 72 if ending == ".webp" else dpi or 72  # which has no place for them
        assert read.info.get("dpi", (72, 72)) == pytest.approx((dots, dots), abs=0.1)
        pixels = np.asarray(read)
    output.save_bands(path, bands(image, 9), (90, 70), quality, dpi)
    with Image.open(path) as read:
        assert not {270, output.SOFTWARE} & set(read.getexif())
        assert (np.asarray(read) == pixels).all()


@pytest.mark.parametrize("about", ["a", "abc", "abcd", "gr\u00fc\u00df dich"])
def test_any_line_of_text_is_the_software_of_a_picture(tmp_path: Path, about: str) -> None:
    image = Image.new("RGB", (3, 2))
    image.save(tmp_path / "a.jpg", exif=b"Exif\0\0" + output.exif(about))
    with Image.open(tmp_path / "a.jpg") as read:
        said = read.getexif()[output.SOFTWARE]
    assert said.rstrip() == about.encode("ascii", "replace").decode()


def test_a_deep_zoom_image_says_where_it_came_from_in_a_remark(tmp_path: Path) -> None:
    about = "mosaic 1.0; a--b---c"
    output.save_bands(tmp_path / "a.dzi", [picture(9, 7)], (9, 7), about=about)
    output.save_bands(tmp_path / "a.szi", [picture(9, 7)], (9, 7), about=about)
    text = (tmp_path / "a.dzi").read_text()
    with zipfile.ZipFile(tmp_path / "a.szi") as archive:
        assert archive.read("a/a.dzi").decode() == text
    tree = ElementTree.fromstring(text.encode())
    assert tree.get("TileSize") == "512"
    assert text.endswith("<!-- mosaic 1.0; a- -b- - -c -->\n")


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
def test_without_a_resolution_a_file_has_neither(tmp_path: Path, ending: str) -> None:
    output.save_bands(tmp_path / f"a{ending}", [picture(9, 7)], (9, 7))
    with Image.open(tmp_path / f"a{ending}") as read:
        assert "icc_profile" not in read.info
        assert read.info.get("dpi", (1, 1)) == (1, 1)


def test_where_a_system_does_not_tell_its_memory_it_is_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}
    monkeypatch.setattr(os, "sysconf_names", sizes, raising=False)
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert output.memory() == 4_096_000
    monkeypatch.delattr(os, "sysconf_names")
    assert output.memory() == math.inf


def test_what_is_fed_comes_in_pieces_no_longer_than_asked_for_and_ends() -> None:
    feed = output.Feed(piece for piece in [b"abc", b"", b"de"])
    assert [feed.read(2) for _ in range(5)] == [b"ab", b"c", b"de", b"", b""]
