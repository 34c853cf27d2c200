"""Pasting: every thumbnail is where the match says, and the file is what its name says."""

import errno
import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mosaic
from mosaic import Array, Store, paste_bands, read_thumbnails, save_image
from smalti.command import main
from smalti.ground.errors import MosaicError
from smalti.output import check_size, save_bands
from smalti.steps import write_match

COLOURS = ["black", "blue", "lime", "red", "white"]
RGB = np.array([(0, 0, 0), (0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 255)])
MATCH = np.array([[3, 2, 1], [4, 0, 3]])  # red lime blue, white black red


@pytest.fixture
def store(tmp_path: Path, paint: Callable[..., Path]) -> Iterator[Store]:
    """A store of five thumbnails of 8 x 4 pixels: black, blue, lime, red, white."""
    for name in COLOURS:
        paint(tmp_path / "photos" / f"{name}.png", [name])
    names, folder = [f"{name}.png" for name in COLOURS], str(tmp_path / "photos")
    made = mosaic.make_thumbnails(names, folder, (8, 4), 95)
    mosaic.write_store(str(tmp_path / "s.h5"), made, (8, 4))
    with mosaic.open_store(str(tmp_path / "s.h5")) as store:
        yield store


@pytest.fixture
def table(tmp_path: Path) -> str:
    """The table of MATCH."""
    path = str(tmp_path / "m.tab")
    write_match(path, MATCH)
    return path


def draw(store: Store) -> Callable[..., Array]:
    """The function that decodes thumbnails of a store."""
    return functools.partial(read_thumbnails, store)


def expected(width: int, height: int) -> Array:
    """The mosaic of MATCH, made by repeating."""
    return np.asarray(RGB[MATCH].repeat(height, axis=0).repeat(width, axis=1))


# Bands


@pytest.mark.parametrize("thumb_res", [(8, 4), (4, 8), (1, 1), (16, 20), (3, 5)])
def test_a_mosaic_of_two_rows_and_three_columns(
    store: Store, thumb_res: tuple[int, int]
) -> None:
    bands = list(paste_bands(draw(store), MATCH, thumb_res))
    width, height = thumb_res
    assert [band.shape for band in bands] == [(height, 3 * width, 3)] * 2
    assert {band.dtype for band in bands} == {np.dtype(np.uint8)}
    found = np.concatenate(bands).astype(int)
    assert np.abs(found - expected(width, height)).max() <= 3


def test_a_thumbnail_is_not_mirrored_or_turned(tmp_path: Path) -> None:
    image = Image.new("RGB", (40, 20), (255, 0, 0))
    image.paste((0, 0, 255), (20, 0, 40, 20))
    image.paste((0, 255, 0), (0, 10, 20, 20))
    image.save(tmp_path / "a.png")
    made = mosaic.make_thumbnails(["a.png"], str(tmp_path), (32, 16), 95)
    mosaic.write_store(str(tmp_path / "s.h5"), made, (32, 16))
    with mosaic.open_store(str(tmp_path / "s.h5")) as store:
        (band,) = paste_bands(draw(store), np.array([[0, 0]]), (32, 16))
    for left in (0, 32):
        corners = band[[2, 2, 13, 13], [left + 3, left + 28, left + 3, left + 28]]
        wanted = [(255, 0, 0), (0, 0, 255), (0, 255, 0), (0, 0, 255)]
        assert np.abs(corners.astype(int) - wanted).max() <= 40


@pytest.mark.parametrize(
    ("keep", "expected"), [(3 * 18, [[0, 1, 2]]), (3 * 18 - 1, [[0, 2], [0, 1]])]
)
def test_each_thumbnail_is_decoded_once_or_once_a_row_if_all_would_need_much_memory(
    keep: int, expected: list[list[int]], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[list[int]] = []
    match = np.array([[2, 2, 0, 2], [1, 1, 0, 1]])

    def watched(which: Array, size: tuple[int, int]) -> Array:
        decoded.append([int(i) for i in which])
        return read_thumbnails(store, which, size)

    monkeypatch.setattr(mosaic, "KEEP", keep)
    found = np.concatenate(list(paste_bands(watched, match, (2, 3)))).astype(int)
    assert decoded == expected
    wanted = RGB[match].repeat(3, axis=0).repeat(2, axis=1)
    assert np.abs(found - wanted).max() <= 3


# Saving


@pytest.mark.parametrize("heights", [[4, 4], [1, 7], [8], [3, 3, 2]])
def test_bands_of_any_heights_are_one_image(heights: list[int], tmp_path: Path) -> None:
    image = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
    bands = np.split(image, np.cumsum(heights)[:-1])
    save_image(tmp_path / "new" / "a.png", bands, (6, 8))
    with Image.open(tmp_path / "new" / "a.png") as found:
        assert (np.asarray(found) == image).all()


def test_the_book_says_which_mosaic_it_has_saved_and_how_large(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "a.png")
    mosaic.paste_mosaic(store, MATCH, path)
    assert capsys.readouterr().out == f"{path}: 24 x 8 pixels\n"
    with Image.open(path) as found:
        assert np.abs(np.asarray(found).astype(int) - expected(8, 4)).max() <= 3


def test_bands_of_four_channels_are_an_image_with_transparency(tmp_path: Path) -> None:
    band = np.array([[[255, 0, 0, 255], [0, 0, 0, 0]]], np.uint8)
    save_image(tmp_path / "a.png", [band], (2, 1))
    with Image.open(tmp_path / "a.png") as found:
        assert found.mode == "RGBA"
        assert (np.asarray(found) == band).all()


def test_the_quality_is_that_of_the_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    for name, quality in {"poor.jpg": 20, "good.jpg": 95}.items():
        save_image(tmp_path / name, [noise], (64, 64), quality=quality)
    assert (
        2 * (tmp_path / "poor.jpg").stat().st_size < (tmp_path / "good.jpg").stat().st_size
    )
    save_image(tmp_path / "unasked.jpg", [noise], (64, 64))
    Image.fromarray(noise).save(tmp_path / "usual.jpg", quality=90)
    usual = (tmp_path / "usual.jpg").read_bytes()
    assert (tmp_path / "unasked.jpg").read_bytes() == usual


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ("jpg", "JPEG"),
        ("JPG", "JPEG"),
        ("jpeg", "JPEG"),
        ("png", "PNG"),
        ("webp", "WEBP"),
        ("tif", "TIFF"),
    ],
)
def test_the_ending_decides_the_format(
    ending: str, kind: str, store: Store, tmp_path: Path
) -> None:
    path = tmp_path / "new" / f"a.{ending}"
    save_bands(str(path), paste_bands(draw(store), MATCH, (16, 8)), (48, 16))
    with Image.open(path) as image:
        assert (image.format, image.size, image.mode) == (kind, (48, 16), "RGB")
        middles = np.asarray(image)[4::8, 8::16].astype(int)
    assert np.abs(middles - RGB[MATCH]).max() <= (0 if kind in ("PNG", "TIFF") else 40) + 3
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["a", "a.txt", "a.jpg.gz", "jpg", "a.heic"])
def test_an_unknown_ending_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(
        MosaicError, match=r"must end in \.jpg, \.jpeg, \.webp, \.png, \.tif"
    ):
        check_size(name, (1, 1))


@pytest.mark.parametrize(
    ("name", "side", "limit"), [("a.jpg", 65_501, "65500"), ("a.webp", 16_384, "16383")]
)
def test_a_size_above_the_limit_of_the_format_is_refused(
    name: str, side: int, limit: str
) -> None:
    for size in [(side, 1), (1, side)]:
        with pytest.raises(MosaicError, match=limit):
            check_size(name, size)
        check_size("a.png", size)
    check_size(name, (side - 1, side - 1))


def test_a_size_above_the_limit_is_refused_before_the_work(
    store: Store, table: str, tmp_path: Path, refusal: Callable[..., str]
) -> None:
    def work() -> Iterator[Array]:
        raise AssertionError("the work began")
        yield

    with pytest.raises(MosaicError):
        save_bands(str(tmp_path / "a.jpg"), work(), (70_000, 2))
    said = refusal("paste", store.path, table, tmp_path / "a.jpg", "--thumb-res", 30_000, 2)
    assert "90000 x 4 pixels" in said
    assert re.search(r"write a .*\.png", said)


def test_a_size_above_the_limit_of_png_is_not_met_by_advice_to_write_a_png() -> None:
    with pytest.raises(MosaicError) as caught:
        check_size("a.png", (2**31 + 1, 1))
    assert not re.search(r"write a .*\.png", str(caught.value))


def test_an_output_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    with pytest.raises(MosaicError, match="is a folder"):
        check_size(str(tmp_path / "a.jpg"), (1, 1))


@pytest.mark.parametrize(
    ("name", "step"), [("a.jpg", "PIL.Image.Image.save"), ("a.png", "os.fsync")]
)
def test_a_disk_that_is_full_leaves_the_mosaic_of_before(
    name: str,
    step: str,
    store: Store,
    table: str,
    tmp_path: Path,
    refusal: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*ignored: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / name).write_text("the mosaic of before")
    monkeypatch.setattr(step, full)
    said = refusal("paste", store.path, table, tmp_path / name)
    assert "No space left on device" in said
    assert (tmp_path / name).read_text() == "the mosaic of before"
    assert not (tmp_path / "a.json").exists()
    assert not list(tmp_path.glob(".*"))


def test_pasting_at_another_size_resizes_every_thumbnail(
    store: Store, table: str, tmp_path: Path
) -> None:
    path = str(tmp_path / "a.png")
    assert main(["paste", store.path, table, path, "--thumb-res", "5", "9"]) == 0
    with Image.open(path) as image:
        found = np.asarray(image).astype(int)
    assert np.abs(found - expected(5, 9)).max() <= 3
