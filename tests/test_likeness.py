"""Likeness: copies of a photo are found, and other photos are not."""

import io
import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter
from scipy.fft import dct

from data import cats
from smalti.likeness import (
    Images,
    find_alike,
    find_duplicates,
    fingerprint,
    hash_prints,
    list_duplicates,
    unit_prints,
    waves,
)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    """Forty different cats."""
    return [cats.paint_cat(i) for i in range(40)]


def thumbnails(images: list[Image.Image]) -> Images:
    """Thumbnails that are not square, as an array."""
    return np.stack([np.asarray(image.resize((48, 40))) for image in images])


def saved(image: Image.Image, quality: int) -> Image.Image:
    """The image as a JPEG of a quality."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "the same": lambda image: image,
    "smaller": lambda image: image.resize((70, 70)),
    "recompressed": lambda image: saved(image, 15),
    "cropped": lambda image: image.crop((4, 3, 197, 196)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.15),
    "paler": lambda image: ImageEnhance.Contrast(image).enhance(0.8),
    "soft": lambda image: image.filter(ImageFilter.GaussianBlur(2)),
}


@pytest.mark.parametrize("length", [8, 50, 75])
def test_waves_are_those_of_the_cosine_transform(length: int) -> None:
    whole = dct(np.eye(length), axis=0, norm="ortho") / length**0.5
    assert np.allclose(waves(length), whole[:8], atol=1e-7)


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(pictures: list[Image.Image], change: str) -> None:
    copies = [CHANGES[change](image) for image in pictures[:20]]
    groups = find_duplicates(thumbnails(pictures + copies))
    found = sum(groups[i] == groups[40 + i] for i in range(20))
    assert found >= (17 if change in ("cropped", "brighter") else 20)
    assert len(set(groups[:40].tolist())) == 40


def test_different_cats_are_different(pictures: list[Image.Image]) -> None:
    assert find_duplicates(thumbnails(pictures)).tolist() == list(range(40))


def test_groups_are_numbered_by_their_first_photos(pictures: list[Image.Image]) -> None:
    a, b, c = thumbnails(pictures[:3])
    groups = find_duplicates(np.stack([a, b, b, a, c, b]))
    assert groups.tolist() == [0, 1, 1, 0, 2, 1]
    assert groups.dtype == np.int64


def test_a_mirrored_and_a_negative_photo_are_other_photos(
    pictures: list[Image.Image],
) -> None:
    a = thumbnails(pictures[:1])[0]
    assert find_duplicates(np.stack([a, a[:, ::-1], 255 - a])).tolist() == [0, 1, 2]


def test_blank_photos_are_alike_if_their_colours_are() -> None:
    colours = np.array([[0, 0, 0], [255, 255, 255], [0, 0, 0], [200, 0, 0], [205, 0, 2]])
    blank = np.broadcast_to(colours[:, None, None], (5, 9, 12, 3)).astype(np.uint8)
    assert find_duplicates(blank).tolist() == [0, 1, 0, 2, 2]


@pytest.mark.parametrize("n", [0, 1])
def test_no_photo_and_a_single_photo_have_no_duplicates(n: int) -> None:
    groups = find_duplicates(np.zeros((n, 20, 30, 3), np.uint8))
    assert groups.tolist() == list(range(n))
    assert list(list_duplicates(["a"] * n, groups)) == []


def test_a_thousand_copies_are_one_group_in_little_memory(
    pictures: list[Image.Image],
) -> None:
    prints = np.repeat(fingerprint(thumbnails(pictures[:2])), 1000, axis=0)
    assert find_alike(prints).tolist() == [0] * 1000 + [1] * 1000


def test_fingerprints_do_not_depend_on_the_size_of_the_thumbnail(
    pictures: list[Image.Image],
) -> None:
    small, large = (np.asarray(pictures[0].resize(size)) for size in ((40, 30), (80, 60)))
    a, b = fingerprint(small[None])[0], fingerprint(large[None])[0]
    assert np.allclose(a[:, 0, 0], large.mean(axis=(0, 1)), atol=2)
    assert np.abs(a - b).max() < 3


@settings(max_examples=40)
@given(st.integers(2, 30), st.integers(0, 2**32), st.integers(0, 20))
def test_groups_are_the_connected_parts_of_all_pairs(
    n: int, seed: int, distance: int
) -> None:
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 9, (4, 3, 8, 8))[rng.integers(0, 4, n)]
    prints = (base + rng.normal(0, 1, base.shape)).astype(np.float32)
    hashes = [int(code) for code in hash_prints(prints)]
    looks = unit_prints(prints)
    groups = list(range(n))
    for i, j in itertools.combinations(range(n), 2):
        if (hashes[i] ^ hashes[j]).bit_count() <= distance and looks[i] @ looks[j] >= 0.95:
            groups = [groups[i] if group == groups[j] else group for group in groups]
    found = find_alike(prints, distance).tolist()
    assert [groups.index(g) for g in groups] == [found.index(g) for g in found]


def test_duplicates_are_listed_by_name() -> None:
    lines = list(list_duplicates(["a", "b", "c", "d", "e"], np.array([0, 1, 0, 2, 1])))
    assert lines == ["2 photos look the same: a, c", "2 photos look the same: b, e"]
