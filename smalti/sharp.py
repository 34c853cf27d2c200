# Made from smalti/sharp.md by make tangle; edit that.
"""Photos read again where cells are larger than thumbnails; explained in sharp.md."""

import dataclasses
import functools
import io
import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

import mosaic
from mosaic import Array, Reject, Store, Thumbnail
from smalti import making, steps, variants
from smalti.ground.collection import collection_root
from smalti.ground.errors import MosaicError, show
from smalti.making import StoreSettings, Work


def largest_cell(size: tuple[int, int], shape: Sequence[int]) -> tuple[int, int]:
    """The (width, height) of the largest cell of a picture, given the (rows, cols) of its grid.

    >>> largest_cell((700, 583), (32, 30))
    (24, 19)
    """
    return -(-size[0] // shape[1]), -(-size[1] // shape[0])


def is_larger(cell: tuple[int, int], thumb_res: tuple[int, int]) -> bool:
    """Whether a cell shows more than a thumbnail of some size has."""
    return cell[0] > thumb_res[0] or cell[1] > thumb_res[1]


ROOM = 1.5


def read_size(cell: tuple[int, int], thumb_res: tuple[int, int]) -> tuple[int, int]:
    """The (width, height) at which to read photos for a cell.

    >>> read_size((120, 90), (56, 42)), read_size((100, 20), (50, 50))
    ((180, 135), (150, 150))
    """
    across, down = cell[0] / thumb_res[0], cell[1] / thumb_res[1]
    if not 0.95 < across / down < 1.05:
        cell = (round(thumb_res[0] * max(across, down)), round(thumb_res[1] * max(across, down)))
    return round(cell[0] * ROOM), round(cell[1] * ROOM)


ENLARGED = 1.3


def enlarged(photos: Array, cell: tuple[int, int]) -> Array:
    """How many times photos of (k, 2) widths and heights are enlarged to fill a cell: (k,).

    >>> enlarged(np.array([[140, 300], [50, 100]]), (100, 100))
    array([0.71428571, 2.        ])
    """
    times: Array = (np.array(cell) / photos).max(axis=1)
    return times


HELP = "a smaller print, more cells (--target-res) or a lower --dpi is sharper"


def tell_enlarged(store: Store, which: Array, cell: tuple[int, int]) -> None:
    """Say on the terminal how many of the photos of some thumbnails are too small for a cell."""
    first = np.unique(variants.photo_numbers(store.names)[which], return_index=True)[1]
    times = enlarged(store.file["size"][:][which[first]], cell)
    if small := int(np.count_nonzero(times > ENLARGED)):
        print(
            f"enlarged {small} of {len(first)} photos are too small for cells of {cell[0]} x {cell[1]} "
            f"pixels, and are enlarged up to {times.max():.1f} times; {HELP}",
            file=sys.stderr,
        )


def list_again(store: Store, used: Array, lines: Sequence[str]) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Lines about the photos of the thumbnails used, and the variants wanted of each.

    `lines` are about the whole collection, as it is now.
    """
    wanted: dict[str, tuple[str, ...]] = {}
    for i in used.tolist():
        wanted[store.names[i]] = (*wanted.get(store.names[i], ()), store.variants[i])
    about = [json.loads(line) for line in lines]
    again = [[*one, store.digest, *wanted[one[0]]] for one in about if one[0] in wanted]
    return [json.dumps(one) for one in again], wanted


def find_photos(paths: Sequence[str]) -> tuple[str, list[str]]:
    """The root of a collection and a line about each photo; none if it is not there."""
    try:
        return collection_root(paths), steps.describe_photos(paths)
    except MosaicError:
        return "", []


UNLIKE = 25.0  # levels, root mean square


def is_unlike(one: Thumbnail, store: Store, i: int) -> bool:
    """Whether what was read again is not of the photo of thumbnail i of a store."""
    if one.size != tuple(store.file["size"][i].tolist()):
        return True
    width, height = (max(1, min(8, side // 4)) for side in store.thumb_res)
    small = Image.open(io.BytesIO(one.jpeg)).resize((width, height), Image.Resampling.BOX)
    old = mosaic.read_thumbnails(store, [i], store.thumb_res)[0]
    shown = Image.fromarray(old).resize((width, height), Image.Resampling.BOX)
    gaps = np.asarray(small, np.float64) - np.asarray(shown, np.float64)
    return bool(np.sqrt((gaps**2).mean()) > UNLIKE)


def read_again(
    names: Sequence[str],
    folder: str,
    settings: StoreSettings,
    old: Store,
    wanted: Mapping[str, tuple[str, ...]],
) -> Iterator[Thumbnail | Reject]:
    """Read photos at another size than that of the old store, in the variants wanted of each."""
    number = {key: i for i, key in enumerate(zip(old.names, old.variants, strict=True))}
    size, quality, workers = settings.thumb_res, settings.thumb_quality, settings.workers
    for which, some in itertools.groupby(sorted(names, key=wanted.__getitem__), wanted.get):
        made = variants.make_all_variants(
            list(some), folder, size, quality, workers, which or (), old.thumb_res
        )
        for one in made:
            if isinstance(one, Thumbnail) and is_unlike(one, old, number[one.name, one.variant]):
                yield Reject(one.name, "it has changed")
            else:
                yield one


QUALITY = 90


def keep_again(
    work: Work,
    cell: tuple[int, int],
    root: str,
    lines: Sequence[str],
    wanted: Mapping[str, tuple[str, ...]],
) -> Store:
    """The store of photos read again for a cell: from the cache, or made."""
    size = read_size(cell, work.store.thumb_res)
    settings = dataclasses.replace(work.settings, thumb_res=size, thumb_quality=QUALITY)
    path = making.find_kept(root, lines, settings)
    make = functools.partial(read_again, old=work.store, wanted=wanted)
    return making.keep_store(path, root, lines, settings, make)


def find_places(store: Store, again: Store) -> Array:
    """Where each thumbnail of a store is in another one: (n,), -1 if it is not there."""
    there = {key: i for i, key in enumerate(zip(again.names, again.variants, strict=True))}
    keys = zip(store.names, store.variants, strict=True)
    return np.array([there.get(key, -1) for key in keys], np.int64)


def draw_again(
    which: Array, size: tuple[int, int], store: Store, again: Store, place: Array
) -> Array:
    """Draw thumbnails (k,) at a (width, height) from photos read again, or enlarged."""
    which = np.asarray(which)
    tiles, found = np.empty((len(which), size[1], size[0], 3), np.uint8), place[which] >= 0
    tiles[found] = mosaic.read_thumbnails(again, place[which[found]], size)
    tiles[~found] = mosaic.read_thumbnails(store, which[~found], size)
    return tiles


def tell_missing(missing: Mapping[str, str], cell: tuple[int, int], store: Store) -> None:
    """Say on the terminal which photos were not read again, and why."""
    times = float(enlarged(np.array([store.thumb_res]), cell)[0])
    for name, reason in list(missing.items())[:5]:
        print(f"not read again: {show(name)}: {reason}", file=sys.stderr)
    if missing:
        photos = "1 photo" if len(missing) == 1 else f"{len(missing)} photos"
        blurred = f"; {HELP}" if times > ENLARGED else ""
        print(
            f"enlarged {photos} from thumbnails, {times:.1f} times; if they have moved, say "
            f"--image-path{blurred}",
            file=sys.stderr,
        )


def sharpen(
    work: Work, size: tuple[int, int], root: str = "", lines: Sequence[str] = ()
) -> Work:
    """Work whose photos are read again if cells of a picture (width, height) are large.

    `lines` are about the photos below the folder `root`, as they are now.
    """
    cell, store = largest_cell(size, work.match.shape), work.store
    if not is_larger(cell, store.thumb_res):
        return work
    used = np.unique(work.match[work.match >= 0])
    again, wanted = list_again(store, used, lines)
    there = {json.loads(line)[0] for line in again}
    tell_missing({name: "it is gone" for name in wanted if name not in there}, cell, store)
    made = keep_again(work, cell, root, again, wanted)
    tell_missing({one.name: one.reason for one in made.rejects}, cell, store)
    place = find_places(store, made)
    draw = functools.partial(draw_again, store=store, again=made, place=place)
    return dataclasses.replace(work, sharp=draw)
