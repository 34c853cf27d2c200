"""Variants: of one photo several thumbnails, which stand side by side and share its name."""

import doctest
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

import mosaic
from data import cats
from mosaic import Array, Reject, Thumbnail
from smalti import variants
from smalti.command import main
from smalti.crops import find_content
from smalti.ground.errors import Unreadable
from smalti.ground.photos import ORIENTATION
from smalti.looks import find_look, finer, put_on, shape_like
from smalti.making import MosaicSettings
from smalti.report import Report
from smalti.variants import (
    SHAPES,
    cut_photo,
    labels,
    list_variants,
    make_all_variants,
    make_variants,
    photo_numbers,
    sample_sizes,
    usual_shape,
)

RED, LIME, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
EVERY = list_variants(["mirror", "crops"])


@pytest.fixture
def folder(tmp_path: Path, paint: Callable[..., Path]) -> str:
    """A folder of a wide photo, red to blue, and a high one of the same colours downwards."""
    colours = ["red", "lime", "blue"]
    paint(tmp_path / "wide.png", colours, (60, 20))
    with Image.open(tmp_path / "wide.png") as wide:
        wide.transpose(Image.Transpose.TRANSPOSE).save(tmp_path / "high.png")
    return str(tmp_path)


def decode(thumbnail: Thumbnail | Reject) -> Array:
    """The pixels of a thumbnail."""
    assert isinstance(thumbnail, Thumbnail)
    return np.asarray(Image.open(io.BytesIO(thumbnail.jpeg))).astype(int)


def test_the_examples_in_the_docstrings_are_true() -> None:
    assert doctest.testmod(variants).failed == 0
    assert doctest.testmod(variants).attempted > 2


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], [""]),
        (["mirror"], ["", "mirror"]),
        (["crops"], ["", "first", "last"]),
        (
            ["crops", "mirror"],
            ["", "first", "last", "mirror", "first mirror", "last mirror"],
        ),
    ],
)
def test_the_variants_that_are_wanted(wanted: list[str], expected: list[str]) -> None:
    assert list_variants(wanted) == expected


@pytest.mark.parametrize("name", ["wide.png", "high.png"])
@pytest.mark.parametrize(
    ("variant", "colour"),
    [("", LIME), ("first", RED), ("last", BLUE), ("first mirror", RED)],
)
def test_a_photo_is_cut_in_the_middle_or_at_an_end(
    name: str, variant: str, colour: tuple[int, int, int], folder: str
) -> None:
    whole, small = cut_photo(name, folder, (10, 10), variant)
    assert whole == ((60, 20) if name == "wide.png" else (20, 60))
    assert small.size == (10, 10)
    assert np.abs(np.asarray(small).astype(int)[3:7, 3:7] - colour).max() <= 2


def test_a_mirrored_photo_has_its_left_on_the_right(folder: str) -> None:
    plain, mirrored = (
        cut_photo("wide.png", folder, (60, 20), v)[1] for v in ("", "mirror")
    )
    assert plain.getpixel((5, 10)) == mirrored.getpixel((54, 10)) == RED
    assert (np.asarray(plain)[:, ::-1] == np.asarray(mirrored)).all()


def test_all_variants_of_a_photo_are_thumbnails_of_its_name(folder: str) -> None:
    made = make_variants("wide.png", folder, (12, 8), 95, EVERY)
    assert [(one.name, getattr(one, "variant", None)) for one in made] == [
        ("wide.png", variant) for variant in EVERY
    ]
    for thumbnail in made:
        assert isinstance(thumbnail, Thumbnail)
        assert thumbnail.size == (60, 20)
        assert np.abs(decode(thumbnail).mean(axis=(0, 1)) - thumbnail.mean).max() <= 5
    assert np.abs(decode(made[1])[:, ::-1] - decode(made[4])).max() <= 5


def test_the_variant_without_a_name_is_the_thumbnail_of_the_book(folder: str) -> None:
    (made,) = make_variants("wide.png", folder, (12, 8), 85, [""])
    assert made == mosaic.make_thumbnail("wide.png", folder, (12, 8), 85)


@pytest.mark.parametrize("variant", EVERY)
def test_a_photo_that_cannot_be_read_is_one_reject(variant: str, folder: str) -> None:
    Path(folder, "bad.png").write_bytes(Path(folder, "wide.png").read_bytes()[:40])
    (reject,) = make_variants("bad.png", folder, (12, 8), 85, EVERY)
    assert reject == mosaic.make_thumbnail("bad.png", folder, (12, 8), 85)
    with pytest.raises(Unreadable):
        cut_photo("bad.png", folder, (12, 8), variant)


@pytest.mark.parametrize("workers", [1, 2])
def test_variants_stand_side_by_side_in_the_order_of_the_photos(
    workers: int, photos: Path
) -> None:
    (photos / "07.jpg").write_bytes(b"")
    names = sorted(path.name for path in photos.iterdir())
    made = list(make_all_variants(names, str(photos), (6, 4), 85, workers, ["", "mirror"]))
    expected = [name for name in names for _ in range(1 if name == "07.jpg" else 2)]
    assert [one.name for one in made] == expected
    assert [one.name for one in made if isinstance(one, Reject)] == ["07.jpg"]


@given(st.lists(st.integers(1, 4), max_size=9))
def test_the_thumbnails_of_a_photo_have_its_number(counts: list[int]) -> None:
    names = [f"{i}.jpg" for i, count in enumerate(counts) for _ in range(count)]
    expected = [i for i, count in enumerate(counts) for _ in range(count)]
    assert photo_numbers(names).tolist() == expected


@given(st.lists(st.sampled_from(EVERY), max_size=6, unique=True))
def test_labels_tell_the_variants_of_a_photo_apart(words: list[str]) -> None:
    found = labels(["a.jpg"] * len(words), words)
    assert len(set(found)) == len(words)
    assert all(label.startswith("a.jpg") for label in found)


# Around the content


@pytest.mark.parametrize("tall", [False, True])
@pytest.mark.parametrize("at", [0, 40, 210, 250])
@pytest.mark.parametrize("number", [0, 1, 5, 8])
def test_a_cat_beside_the_middle_is_in_the_picture(
    number: int, at: int, tall: bool
) -> None:
    sky = Image.linear_gradient("L").resize((400, 200)).point(lambda level: 90 + level // 4)
    picture = sky.convert("RGB").resize((200, 400) if tall else (400, 200))
    cat = cats.paint_cat(number).resize((150, 150))
    picture.paste(cat, (25, at) if tall else (at, 25))
    start = 200 * find_content(picture, (1, 1))  # of the 200 pixels that are kept
    assert start <= at + 15
    assert at + 150 <= start + 200 + 15


@pytest.mark.parametrize("size", [(40, 20), (20, 40), (1, 30), (30, 1), (1, 1)])
def test_a_photo_of_one_colour_is_cut_in_the_middle(size: tuple[int, int]) -> None:
    assert find_content(Image.new("RGB", size, "teal"), (3, 2)) == 0.5


def test_a_spot_of_red_is_kept_in_a_photo_that_lies_on_its_side(tmp_path: Path) -> None:
    upright = Image.new("RGB", (60, 120), "silver")
    upright.paste("red", (20, 5, 40, 25))  # at the top
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # stored lying, to be turned by a quarter
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.png", exif=exif)
    kept = {
        crop: np.asarray(cut_photo("lying.png", str(tmp_path), (20, 20), crop)[1])
        for crop in ("", "content")
    }
    reds = {crop: int((image[..., 1] < 100).sum()) for crop, image in kept.items()}
    assert reds[""] == 0
    assert reds["content"] > 20


def test_content_is_no_word_in_a_table_of_choices() -> None:
    assert labels(["a.jpg", "a.jpg"], ["content", "content mirror"]) == [
        "a.jpg",
        "a.jpg (mirror)",
    ]


# The shape of a thumbnail

SIZES = st.tuples(st.integers(1, 9000), st.integers(1, 9000))


@pytest.mark.parametrize("shape", SHAPES)
def test_photos_of_one_shape_make_thumbnails_of_that_shape(shape: tuple[int, int]) -> None:
    assert usual_shape([(20 * shape[0], 20 * shape[1])] * 3) == shape


def test_the_shapes_are_simple_and_about_as_large_as_50_x_50() -> None:
    ratios = [width / height for width, height in SHAPES]
    wide = [5 / 4, 4 / 3, 3 / 2, 16 / 9]
    assert ratios == pytest.approx([1, *wide, *(1 / ratio for ratio in wide)])
    assert all(2300 <= width * height <= 2500 for width, height in SHAPES)


@pytest.mark.parametrize(
    ("lying", "standing", "expected"),
    [(1, 1, (50, 50)), (4, 3, (50, 50)), (2, 1, (60, 40)), (1, 2, (40, 60))],
)
def test_a_shape_needs_a_clear_majority(
    lying: int, standing: int, expected: tuple[int, int]
) -> None:
    assert usual_shape([(3000, 2000)] * lying + [(2000, 3000)] * standing) == expected


def test_neighbouring_shapes_do_not_split_the_majority() -> None:
    assert usual_shape([(4, 3)] * 5 + [(3, 2)] * 4 + [(1, 1)] * 4) == (56, 42)


def test_a_panorama_does_not_count_more_than_another_photo() -> None:
    assert usual_shape([(4, 3)] * 3 + [(9000, 10)]) == (56, 42)


def test_without_photos_thumbnails_are_square() -> None:
    assert usual_shape([]) == (50, 50)


@given(st.lists(SIZES, min_size=1, max_size=9), st.integers(2, 5))
def test_the_shape_depends_neither_on_order_nor_on_number_and_turns_with_the_photos(
    sizes: list[tuple[int, int]], times: int
) -> None:
    ratios = np.log([min(16 / 9, max(9 / 16, width / height)) for width, height in sizes])
    misfits = [np.abs(ratios - np.log(w / h)).sum() for w, h in SHAPES]
    best, second = np.sort(misfits)[:2]
    assume(second - best > 1e-6)
    assume(abs(best - 0.8 * misfits[0]) > 1e-6)
    assert usual_shape(sizes[::-1] * times) == usual_shape(sizes)
    assert (
        usual_shape([(height, width) for width, height in sizes])
        == usual_shape(sizes)[::-1]
    )


def test_sizes_are_sampled_evenly_upright_and_without_what_cannot_be_read(
    tmp_path: Path,
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    for i in range(10):
        Image.new("RGB", (30 + i, 20)).save(tmp_path / f"{i}.jpg", exif=exif)
    (tmp_path / "4.jpg").write_bytes(b"")
    names = [f"{i}.jpg" for i in range(10)]
    assert sample_sizes(names, str(tmp_path), 5) == [(20, 30), (20, 32), (20, 36), (20, 38)]
    assert len(sample_sizes(names, str(tmp_path))) == 9
    assert sample_sizes([], str(tmp_path)) == []


@pytest.mark.parametrize(
    ("look", "words", "expected"),
    [
        ("faithful", {}, (60, 40)),
        ("once", {}, (60, 40)),
        ("faithful", {"detail": "40"}, (60, 40)),
        ("faithful", {"detail": "41"}, (50, 50)),
        ("faithful", {"target_res": ["9", "6"]}, (50, 50)),
        ("faithful", {"tile": "9"}, (50, 50)),
        ("plain", {}, (50, 50)),
    ],
)
def test_the_shape_is_chosen_only_if_nothing_that_was_given_needs_another(
    look: str, words: dict[str, object], expected: tuple[int, int], tmp_path: Path
) -> None:
    Image.new("RGB", (90, 60)).save(tmp_path / "a.png")
    settings = put_on(MosaicSettings(), find_look(look), words)
    shaped = shape_like(settings, find_look(look), words, ["a.png"], str(tmp_path))
    assert shaped.thumb_res == expected


def test_a_size_of_thumbnails_that_was_given_stays(tmp_path: Path) -> None:
    Image.new("RGB", (90, 60)).save(tmp_path / "a.png")
    look, words = find_look("faithful"), {"thumb_res": ["20", "20"]}
    settings = MosaicSettings(thumb_res=(20, 20))
    assert shape_like(settings, look, words, ["a.png"], str(tmp_path)) == settings


def test_a_mosaic_of_wide_photos_has_wide_cells_and_the_shape_of_its_target(
    tmp_path: Path, target: Path
) -> None:
    for i in range(12):
        colour = (20 * i, 255 - 20 * i, 9 * i)
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.new("RGB", (30, 20), colour).save(tmp_path / "in" / f"{i:02}.png")
    words = ["make", tmp_path / "in", target, "-o", tmp_path / "m.png", "--workers", 1]
    words += ["--store", tmp_path / "m.h5", "--max-uses", 50]
    assert main([str(word) for word in words]) == 0
    about = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert about["settings"]["thumb_res"] == [60, 40]
    (cols, rows), (width, height) = about["settings"]["target_res"], about["size"]
    assert (width, height) == (60 * cols, 40 * rows)
    assert cols < rows * 60 / 40
    assert width / height == pytest.approx(60 / 40, rel=0.05)


def test_the_advice_of_more_cells_keeps_their_shape() -> None:
    wide = Report(settings={"target_res": [100, 90], "thumb_res": [60, 40]})
    assert finer(wide) == "150 135 --thumb-res 60 40"
    square = Report(settings={"target_res": [100, 90], "thumb_res": [50, 50]})
    assert finer(square) == "150 135"
