"""Output: streamed, exact, tinted, cut out, moving; on images small enough to check by eye."""

import doctest
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import ot
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from smalti import output
from smalti.ground.files import atomic
from smalti.ground.settings import MosaicError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def picture(width: int, height: int, channels: int = 3) -> Any:
    """A smooth picture with a little noise: (height, width, channels) uint8."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(1).integers(0, 9, (height, width))
    planes = [x * 240 // width, y * 240 // height, (x + y) % 240, 255 * (x > y)]
    return (
        np.stack(planes[:channels], axis=2) + noise[..., None] * [1, 1, 1, 0][:channels]
    ).astype(np.uint8)


def bands(image: Any, *heights: int) -> Iterator[Any]:
    """Cut an image into bands of these heights, over and over."""
    top = 0
    while top < len(image):
        for height in heights:
            if top < len(image):
                yield image[top : top + height]
            top += height


def flat_tiles(which: Any, size: tuple[int, int]) -> Any:
    """Draw tiles of one colour each: 0 red, 1 green, 2 blue."""
    colours = np.array([RED, GREEN, BLUE], np.uint8)[which]
    return np.broadcast_to(colours[:, None, None], (len(which), size[1], size[0], 3))


def left_in(folder: Path) -> list[str]:
    """Names of everything below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(output).failed == 0
    assert doctest.testmod(output).attempted > 2


# All or nothing


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyError), atomic(tmp_path / "a.txt") as part:
        part.write_text("half")
        raise KeyError
    assert left_in(tmp_path) == []
    with atomic(tmp_path / "new" / "a.txt") as part:
        part.write_text("whole")
    assert (tmp_path / "new/a.txt").read_text() == "whole"
    assert left_in(tmp_path) == ["new", "new/a.txt"]


def test_a_folder_replaces_an_older_one_only_when_it_is_finished(tmp_path: Path) -> None:
    for word in ("old", "new"):
        with atomic(tmp_path / "f") as part:
            part.mkdir()
            (part / word).write_text(word)
    with pytest.raises(KeyError), atomic(tmp_path / "f") as part:
        part.mkdir()
        raise KeyError
    assert left_in(tmp_path) == ["f", "f/new"]


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


@settings(max_examples=30, deadline=None)
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
    drawn = []

    def draw(which: Any, size: tuple[int, int]) -> Any:
        drawn.append((which.tolist(), size))
        return flat_tiles(which, size)

    list(output.paste_exact(draw, np.array([[2, 2, 1, 2]]), (10, 4)))
    assert drawn == [([1, 2], (2, 4)), ([2], (3, 4))]


def test_tiles_are_finished_knowing_their_cells() -> None:
    seen = []

    def finish(tiles: Any, places: Any) -> Any:
        seen.append(places.tolist())
        return tiles // 5

    match = np.array([[0, 1, -1], [2, 2, 0]])
    image = np.vstack(list(output.paste_exact(flat_tiles, match, (3, 2), finish)))
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
    fetched = []
    items = (fetched.append(i) or i for i in range(100))
    stream = output.in_step(lambda i: i * i, items)
    assert next(stream) == 0
    assert len(fetched) <= output.cores() + 1
    assert list(stream) == [i * i for i in range(1, 100)]


@settings(max_examples=25, deadline=None)
@given(
    image=st.tuples(
        st.integers(1, 9), st.integers(1, 150), st.sampled_from([3, 4])
    ).flatmap(lambda shape: arrays(np.uint8, (shape[1], shape[0], shape[2]))),
    heights=st.lists(st.integers(1, 70), min_size=1, max_size=3),
)
def test_a_streamed_png_reads_as_the_same_pixels(
    image: Any, heights: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "stream.png"
    output.write_png(path, bands(image, *heights), image.shape[1::-1])
    with Image.open(path) as read:
        read.verify()
    with Image.open(path) as read:
        assert read.mode == {3: "RGB", 4: "RGBA"}[image.shape[2]]
        assert np.array_equal(read, image)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_tiff_reads_as_the_same_pixels_by_two_programs(
    tmp_path: Path, channels: int
) -> None:
    image = picture(300, 270, channels)
    output.write_tiff(tmp_path / "a.tif", bands(image, 50), (300, 270))
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), image)
    with Image.open(tmp_path / "a.tif") as read:
        assert np.array_equal(read, image)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].tilewidth == 256
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
                assert np.array_equal(Image.open(path), reference[y : y + 16, x : x + 16])
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


ENDINGS = [".png", ".jpg", ".webp", ".tif", ".dzi"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_interrupted_writing_leaves_nothing(tmp_path: Path, ending: str) -> None:
    def failing() -> Iterator[Any]:
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: Any, said: str
) -> None:
    monkeypatch.setattr(output, "memory", lambda: 8e9)
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


# Tint


def clouds(k: int, seed: int, low: int = 60, high: int = 190) -> Any:
    """Images of random colours, each with a mean and spread of its own: (k, 6, 5, 3) uint8."""
    rng = np.random.default_rng(seed)
    mean, mix = rng.uniform(low, high, (k, 1, 3)), rng.normal(0, 8, (k, 3, 3))
    pixels = rng.normal(size=(k, 30, 3)) @ mix + mean
    return pixels.clip(0, 255).astype(np.uint8).reshape(k, 6, 5, 3)


@pytest.mark.parametrize("way", [output.tint_tiles, output.blend_tiles])
def test_a_tint_of_nothing_changes_nothing(way: Any) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3)).astype(np.uint8)
    assert way(tiles, clouds(4, 1), 0.0).tobytes() == tiles.tobytes()


@pytest.mark.parametrize("way", [output.tint_tiles, output.blend_tiles])
def test_a_full_tint_has_the_mean_of_the_cell(way: Any) -> None:
    tiles, cells = clouds(9, 1), clouds(9, 2)
    found = way(tiles, cells, 1.0)
    assert found.dtype == np.uint8
    assert found.shape == tiles.shape
    assert np.abs(found.mean((1, 2)) - cells.mean((1, 2))).max() < 1


def test_a_full_blend_is_a_single_colour() -> None:
    assert (
        np.ptp(output.blend_tiles(clouds(3, 1), clouds(3, 2), 1.0), axis=(1, 2)).max() == 0
    )


def test_a_half_blend_is_half_way() -> None:
    tile, cell = np.full((1, 1, 2, 3), 100, np.uint8), np.full((1, 3, 1, 3), 200, np.uint8)
    assert output.blend_tiles(tile, cell, 0.5).tolist() == [[[[150] * 3] * 2]]


def test_a_full_tint_has_the_covariance_of_the_cell() -> None:
    tiles, cells = clouds(9, 1), clouds(9, 2)
    found = output.tint_tiles(tiles, cells, 1.0, ridge=0.01)
    for one, cell in zip(found, cells, strict=True):
        spread, wanted = (np.cov(x.reshape(-1, 3).T.astype(float)) for x in (one, cell))
        assert np.abs(spread - wanted).max() < 0.05 * np.trace(wanted) + 1


def test_the_tint_is_the_transport_map_of_pot() -> None:
    tiles, cells = clouds(9, 3), clouds(9, 4)
    found = output.tint_tiles(tiles, cells, 1.0)
    for one, tile, cell in zip(found, tiles, cells, strict=True):
        x, y = (image.reshape(-1, 3).astype(float) for image in (tile, cell))
        ridge = 4 * np.eye(3)
        stretch, shift = ot.gaussian.bures_wasserstein_mapping(
            x.mean(0),
            y.mean(0),
            np.cov(x.T, bias=True) + ridge,
            np.cov(y.T, bias=True) + ridge,
        )
        expected = (x @ stretch + shift).clip(0, 255)
        assert np.abs(one.reshape(-1, 3) - expected).max() < 0.6


@pytest.mark.parametrize("colour", [0, 128, 255])
def test_a_tile_or_cell_of_one_colour_is_no_trouble(colour: int) -> None:
    plain = np.full((2, 4, 6, 3), colour, np.uint8)
    found = output.tint_tiles(plain, clouds(2, 5), 1.0)
    assert np.abs(found.mean((1, 2)) - clouds(2, 5).mean((1, 2))).max() < 1
    flat = output.tint_tiles(clouds(2, 5), plain[:, :1, :1], 1.0)
    assert np.abs(flat.mean((1, 2)) - colour).max() < 1.5


# Empty cells


def test_cells_are_empty_where_the_target_is_mostly_transparent() -> None:
    target = Image.new("RGBA", (40, 20), (9, 9, 9, 255))
    target.paste((9, 9, 9, 0), (0, 0, 10, 10))  # all of the first cell
    target.paste((9, 9, 9, 0), (10, 0, 14, 10))  # four tenths of the second
    target.paste((9, 9, 9, 0), (30, 10, 36, 20))  # six tenths of the last
    assert output.empty_cells(target, (4, 2), (10, 10)).tolist() == [
        [True, False, False, False],
        [False, False, False, True],
    ]


def test_an_opaque_target_has_no_empty_cells() -> None:
    assert not output.empty_cells(Image.new("RGB", (40, 20)), (4, 2), (5, 3)).any()


def test_a_palette_with_transparency_has_empty_cells() -> None:
    target = Image.new("P", (40, 20), 0)
    target.putpalette([255, 0, 0, 0, 0, 255])
    target.paste(1, (0, 0, 20, 20))
    target.info["transparency"] = 1
    assert output.empty_cells(target, (2, 1), (20, 20)).tolist() == [[True, False]]


def test_only_the_white_cells_of_a_mask_are_filled() -> None:
    mask = Image.new("L", (30, 20), 0)
    mask.paste(255, (10, 0, 20, 20))
    mask.paste(100, (20, 0, 30, 20))
    assert output.mask_cells(mask, (3, 1), (10, 20)).tolist() == [[True, False, True]]


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "I;16", "P"])
def test_a_mask_may_be_of_any_kind(mode: str) -> None:
    mask = Image.new("1", (30, 20), 0)
    mask.paste(1, (10, 0, 20, 20))
    if mode == "I;16":
        mask = Image.fromarray(np.asarray(mask).astype(np.uint16) * 65535)
    assert output.mask_cells(mask.convert(mode), (3, 1), (10, 20)).tolist() == [
        [True, False, True]
    ]


def test_a_transparent_mask_is_black() -> None:
    mask = Image.new("RGBA", (20, 10), (255, 255, 255, 0))
    mask.paste((255, 255, 255, 255), (0, 0, 10, 10))
    assert output.mask_cells(mask, (2, 1), (10, 10)).tolist() == [[False, True]]


def test_the_grid_lies_around_the_centre_of_the_mask() -> None:
    mask = Image.new("L", (60, 20), 0)  # the grid has the middle third
    mask.paste(255, (20, 0, 30, 20))
    assert output.mask_cells(mask, (2, 2), (10, 10)).tolist() == [[False, True]] * 2


def test_a_mask_turned_by_its_camera_is_turned_back() -> None:
    mask = Image.new("L", (20, 40), 0)
    mask.paste(
        255, (0, 0, 20, 20)
    )  # upper half white; turned by 90 degrees: the right half
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    mask.save(buffer, "PNG", exif=exif)
    assert output.mask_cells(Image.open(buffer), (2, 1), (20, 20)).tolist() == [
        [True, False]
    ]


def test_empty_cells_become_transparent() -> None:
    empty = np.array([[False, True, False]])
    match = np.where(empty, -1, [[0, 1, 2]])
    covered = output.cover(output.paste_exact(flat_tiles, match, (4, 2)), empty, (4, 2))
    row = [[*RED, 255], [255, 255, 255, 0], [*BLUE, 255], [*BLUE, 255]]
    assert np.vstack(list(covered)).tolist() == [row, row]


# A dive


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_boxes_lead_from_the_whole_to_the_tile_and_never_outside(
    rows: int, cols: int, data: st.DataObject
) -> None:
    cell = (data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, cols - 1)))
    last = output.last_box((rows, cols), cell)
    boxes = output.zoom_boxes((0, 0, cols, rows), last, 50)
    assert len(boxes) == 50
    assert boxes[0] == (0, 0, cols, rows)
    assert boxes[-1] == pytest.approx(last)
    assert last[0] <= cell[1] + 1e-9 and cell[1] + 1 <= last[2] + 1e-9
    assert last[1] <= cell[0] + 1e-9 and cell[0] + 1 <= last[3] + 1e-9
    for outer, inner in itertools.pairwise(boxes):
        assert all(inner[i] >= outer[i] - 1e-9 for i in (0, 1))
        assert all(inner[i] <= outer[i] + 1e-9 for i in (2, 3))
        assert (inner[2] - inner[0]) * rows == pytest.approx((inner[3] - inner[1]) * cols)


def test_the_perceived_speed_is_constant_in_the_middle_and_eased_at_the_ends() -> None:
    boxes = output.zoom_boxes((0, 0, 64, 64), (30, 30, 31, 31), 101)
    ratio = np.diff([np.log(box[2] - box[0]) for box in boxes])
    assert np.ptp(ratio[25:75]) < 1e-9
    assert abs(ratio[0]) < abs(ratio[50]) / 50
    assert abs(ratio[-1]) < abs(ratio[50]) / 50


def test_the_first_frame_is_the_mosaic_and_the_last_the_tile() -> None:
    match = np.array([[0, 1, 0, 1], [1, 2, 1, 0]])
    frames = list(output.zoom_frames(flat_tiles, match, (1, 1), (8, 8), (64, 64), 20))
    assert {frame.size for frame in frames} == {(64, 32)}
    assert [frames[0].getpixel((8 + 16 * x, 24)) for x in range(4)] == [
        GREEN,
        BLUE,
        GREEN,
        RED,
    ]
    assert frames[-1].getpixel((32, 16)) == BLUE


def test_frames_are_made_of_thumbnails_of_their_own_scale_and_few_in_all() -> None:
    match, asked = np.arange(1200).reshape(30, 40) % 3, []

    def draw(which: Any, size: tuple[int, int]) -> Any:
        asked.append(size)
        return flat_tiles(which, size)

    list(output.zoom_frames(draw, match, (11, 29), (16, 12), (320, 240), 60))
    sizes = list(dict.fromkeys(asked))
    assert sizes == [(8, 6), (16, 12), (32, 24), (64, 48), (128, 96), (256, 192)]
    assert len(asked) < 30 + 30 + 16 + 9 + 6 + 4 + 3


def test_a_frame_equals_the_whole_mosaic_cut_and_resized() -> None:
    tiles = np.random.default_rng(3).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)

    def draw(which: Any, size: tuple[int, int]) -> Any:
        return np.stack(
            [np.asarray(Image.fromarray(tiles[i]).resize(size, 0)) for i in which]
        )

    match = np.arange(24).reshape(4, 6) % 6
    whole = Image.fromarray(
        np.vstack(list(output.paste_exact(draw, match, (6 * 32, 4 * 32))))
    )
    boxes = output.zoom_boxes((0, 0, 6, 4), output.last_box((4, 6), (2, 1)), 30)
    frames = list(output.zoom_frames(draw, match, (2, 1), (8, 8), (48, 32), 30))
    box = tuple(32 * side for side in boxes[-1])
    reference = whole.resize((48, 32), Image.Resampling.LANCZOS, box=box)
    assert np.abs(np.asarray(frames[-1], int) - np.asarray(reference)).max() <= 1


def test_a_mosaic_of_one_cell_is_a_still_film() -> None:
    frames = list(
        output.zoom_frames(flat_tiles, np.array([[2]]), (0, 0), (6, 4), (12, 12), 3)
    )
    assert [frame.getpixel((5, 5)) for frame in frames] == [BLUE] * 3
    assert frames[0].size == (12, 8)


@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_an_animation_reads_back_with_its_times(tmp_path: Path, ending: str) -> None:
    frames = [Image.new("RGB", (24, 16), colour) for colour in (RED, GREEN, BLUE, WHITE)]
    output.save_animation(tmp_path / f"a{ending}", iter(frames), fps=20, hold=0.5)
    with Image.open(tmp_path / f"a{ending}") as film:
        assert (film.n_frames, film.size, film.info["loop"]) == (4, (24, 16), 0)
        times = []
        for i, frame in enumerate(frames):
            film.seek(i)
            shown = np.asarray(film.convert("RGB"), int)
            times.append(film.info["duration"])
            assert np.abs(shown - np.asarray(frame)).max() < 12
    assert times == [500, 50, 50, 500]
    assert left_in(tmp_path) == [f"a{ending}"]


def test_a_gif_keeps_the_colours_of_its_frames(tmp_path: Path) -> None:
    frame = Image.fromarray(picture(160, 120))
    shown = output.to_palette(frame).convert("RGB").resize((16, 12), Image.Resampling.BOX)
    expected = frame.resize((16, 12), Image.Resampling.BOX)
    assert np.abs(np.asarray(shown, int) - np.asarray(expected)).max() < 12


def test_an_animation_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MosaicError, match=r"\.gif or \.webp"):
        output.save_animation(tmp_path / "a.mp4", [])
    assert left_in(tmp_path) == []
