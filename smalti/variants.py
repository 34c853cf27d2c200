# Made from smalti/variants.md by make tangle; edit that.
"""Thumbnails cut at their ends, mirrored, or of another shape; explained in variants.md."""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
from PIL import Image, ImageOps

import mosaic
from mosaic import Array, Reject, Thumbnail
from smalti.crops import find_content
from smalti.ground.archives import open_any
from smalti.ground.errors import Unreadable
from smalti.ground.photos import explain, make_averageable, orientation, scaled, upright_size

Variant = Literal["mirror", "crops"]


@dataclasses.dataclass(frozen=True)
class VariantSettings:
    """Variants"""

    crop: Annotated[Literal["middle", "content"], "what to cut photos around"] = "middle"
    variants: Annotated[tuple[Variant, ...], "keep photos also: mirror, crops"] = ()


def list_variants(wanted: Sequence[str], crop: str = "middle") -> list[str]:
    """The names of the variants of each photo.

    >>> list_variants(["mirror", "crops"])
    ['', 'first', 'last', 'mirror', 'first mirror', 'last mirror']
    >>> list_variants(["mirror"], crop="content")
    ['content', 'content mirror']
    """
    first = "" if crop == "middle" else crop
    cuts = [first, "first", "last"] if "crops" in wanted else [first]
    return cuts + [f"{cut} mirror".strip() for cut in cuts if "mirror" in wanted]


def cut_photo(
    name: str,
    folder: str,
    size: tuple[int, int],
    variant: str = "",
    seen: tuple[int, int] | None = None,
) -> tuple[tuple[int, int], Image.Image]:
    """The (width, height) of a photo, and the photo cut and shrunk; raises Unreadable.

    `seen` is the size of the thumbnail for which the content was found, if that is not `size`.
    """
    at = {"first": 0.0, "last": 1.0}.get(variant.split(" ")[0], 0.5)
    if seen and variant.startswith("content"):
        with open_any(folder, name) as photo:
            at = find_place(photo, seen)
    with open_any(folder, name) as photo:
        whole = upright_size(photo)
        if variant.startswith("content") and not seen:
            at = find_place(photo, size)
        small = mosaic.shrink_photo(photo, size, at=at)
    return whole, ImageOps.mirror(small) if "mirror" in variant else small


def find_place(photo: Image.Image, size: tuple[int, int]) -> float:
    """Where to cut an opened photo for a thumbnail of a size; raises Unreadable."""
    shape = size if orientation(photo) < 5 else size[::-1]
    scaled(photo, (2 * shape[0], 2 * shape[1]))
    return find_content(make_averageable(photo), shape)


def make_variants(
    name: str,
    folder: str,
    size: tuple[int, int],
    quality: int,
    variants: Sequence[str],
    seen: tuple[int, int] | None = None,
) -> list[Thumbnail | Reject]:
    """Make the thumbnails of one photo in several variants, or one reject."""
    made: list[Thumbnail | Reject] = []
    try:
        for variant in variants:
            whole, small = cut_photo(name, folder, size, variant, seen)
            made.append(mosaic.encode_thumbnail(name, whole, small, quality, variant))
    except Unreadable as error:
        return [Reject(name, explain(name, error))]
    return made


def make_all_variants(
    names: Sequence[str],
    folder: str,
    size: tuple[int, int],
    quality: int,
    workers: int,
    variants: Sequence[str],
    seen: tuple[int, int] | None = None,
) -> Iterator[Thumbnail | Reject]:
    """Make the thumbnails of all photos in all variants, in their order."""
    task = functools.partial(
        make_variants, folder=folder, size=size, quality=quality, variants=variants, seen=seen
    )
    return itertools.chain.from_iterable(mosaic.in_parallel(task, names, workers))


def photo_numbers(names: Sequence[str]) -> Array:
    """The number of each thumbnail's photo: (n,), from 0, in the order of the names.

    >>> photo_numbers(["a.jpg", "a.jpg", "b.jpg"])
    array([0, 0, 1])
    """
    fresh = [i == 0 or names[i - 1] != name for i, name in enumerate(names)]
    return np.cumsum(fresh, dtype=np.int64) - 1


def labels(names: Sequence[str], variants: Sequence[str]) -> list[str]:
    """The name of each thumbnail, with that of its variant if it has one.

    >>> labels(["a.jpg", "a.jpg"], ["", "mirror"])
    ['a.jpg', 'a.jpg (mirror)']
    """
    shown = [variant.removeprefix("content").strip() for variant in variants]
    pairs = zip(names, shown, strict=True)
    return [f"{name} ({variant})" if variant else name for name, variant in pairs]


WIDE = [(55, 44), (56, 42), (60, 40), (64, 36)]  # 5:4, 4:3, 3:2, 16:9
SHAPES = [(50, 50), *WIDE, *((height, width) for width, height in WIDE)]

CLEARLY = 0.8  # of the misfit of the square


def usual_shape(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The (width, height) of thumbnails for photos of these sizes; square if they differ much.

    >>> usual_shape([(4000, 3000)] * 2 + [(1500, 1000)]), usual_shape([(4, 3), (3, 4)])
    ((56, 42), (50, 50))
    """
    shapes = np.log([width / height for width, height in SHAPES])
    photos = np.log([width / height for width, height in sizes]).clip(min(shapes), max(shapes))
    misfits = np.abs(photos - shapes[:, None]).sum(axis=1)
    best = int(np.argmin(misfits))
    return SHAPES[best if misfits[best] <= CLEARLY * misfits[0] else 0]


def sample_sizes(names: Sequence[str], folder: str, most: int = 200) -> list[tuple[int, int]]:
    """The (width, height), held upright, of at most so many photos, evenly from the list."""
    sizes, count = list[tuple[int, int]](), min(most, len(names))
    for name in (names[i * len(names) // count] for i in range(count)):
        with contextlib.suppress(Unreadable), open_any(folder, name) as photo:
            sizes.append(upright_size(photo))
    return [size for size in sizes if all(size)]
