"""Every look on some targets: python bench/looks.py PHOTOS TARGET... prints a table.

Without words the targets and the collections are painted cats, and the table goes into the
chapter on looks.

Each mosaic is made by the command line, in a process of its own, and scored from the picture
that it wrote, by a scorer that shares no code with the program's: the mosaic and the target, cut
to its shape, are shrunk to 160 and to 400 pixels and compared by CIEDE2000 and by the structural
similarity of their lightness.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from data import cats
from fig.measuring import write_table
from smalti.ground.collection import list_photos

ROOT = Path(__file__).resolve().parents[1]
LOOKS = ("faithful", "sharp", "everyone", "once", "untouched", "plain")
HEADS = "look, target, CIEDE2000, similarity, at 400 px, photos, most often, equal neighbours, CPU s"
Lab = NDArray[np.float64]


def shrink(image: Image.Image, shape: tuple[int, int], longest: int) -> Lab:
    """An image in Lab, cut to a shape (width, height) and shrunk to its longer side."""
    scale = longest / max(shape)
    size = (max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale)))
    small = ImageOps.fit(image.convert("RGB"), size, Image.Resampling.BOX)
    return np.asarray(rgb2lab(np.asarray(small) / 255))


def compare(mosaic: Image.Image, target: Image.Image) -> Iterator[float]:
    """CIEDE2000 and structural similarity at 160 pixels, and similarity at 400."""
    for longest in (160, 400):
        one, other = (shrink(image, mosaic.size, longest) for image in (mosaic, target))
        if longest == 160:
            yield float(deltaE_ciede2000(one, other).mean())  # type: ignore[no-untyped-call]
        light = (one[..., 0], other[..., 0])
        yield float(structural_similarity(*light, data_range=100))  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Row:
    """What is known of one mosaic."""

    colour: float
    likeness: tuple[float, float]  # at 160 and at 400 pixels
    photos: int
    most: int
    neighbours: int
    cpu: float


def measure(photos: str, target: str, look: str, folder: str) -> Row:
    """Make a mosaic in a process of its own, with a store in the folder, and score it."""
    output, before = f"{folder}/mosaic.jpg", getrusage(RUSAGE_CHILDREN)
    words = ["make", photos, target, "-o", output, "--look", look]
    subprocess.run(
        [sys.executable, "-m", "smalti", *words, "--store", f"{folder}/m.h5"],
        check=True,
        capture_output=True,
    )
    after = getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report = json.loads(Path(output).with_suffix(".json").read_text(encoding="utf-8"))
    photos_used, most, near = (
        report[key] for key in ("photos_used", "most_used", "equal_neighbours")
    )
    with Image.open(output) as mosaic, Image.open(target) as whole:
        colour, *likeness = compare(mosaic, ImageOps.exif_transpose(whole))
    return Row(colour, (likeness[0], likeness[1]), photos_used, most, near, cpu)


def print_table(photos: str, targets: Sequence[str]) -> None:
    """Print a row for each look on each target, each made from nothing."""
    heads = HEADS.split(", ")
    print(f"| {' | '.join(heads)} |\n|---|---|{'--:|' * (len(heads) - 2)}")
    for target in targets:
        for look in LOOKS:
            with tempfile.TemporaryDirectory() as folder:
                row = measure(photos, target, look, folder)
            marks = [f"{row.colour:.1f}", *(f"{one:.3f}" for one in row.likeness)]
            marks += [f"{one:,}" for one in (row.photos, row.most, row.neighbours)]
            print(
                "|",
                " | ".join([look, Path(target).stem, *marks, f"{row.cpu:.1f}"]),
                "|",
                flush=True,
            )


COLLECTIONS = (30, 200, 1000, 4000)
CATS = {"dusk": cats.COVER, "night": 5002, "snow": 5052}  # numbers of the targets


def gather(number: int, folder: Path) -> str:
    """Put so many painted cats into a folder, spread over all; returns the folder."""
    names = list_photos(str(folder))
    place = folder.parent / str(number)
    place.mkdir()
    for i in range(number):
        name = names[i * len(names) // number]
        (place / name).hardlink_to(folder / name)
    return str(place)


def table_of_cats() -> list[list[str]]:
    """The table of the chapter: all looks, collections of several sizes, three targets."""
    each = [word for name in CATS for word in (f"{name}: colour", "likeness")]
    rows = [["photos", "look", *each, "used", "most often"]]
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        cats.paint_collection(place / "all", max(COLLECTIONS), quiet=True)
        for name, number in CATS.items():
            cats.paint_cat(number, (600, 400)).save(place / f"{name}.png")
        for number in COLLECTIONS:
            photos = gather(number, place / "all")
            for look in LOOKS:
                (place / f"{number}-{look}").mkdir()
                found = [
                    measure(photos, f"{place}/{name}.png", look, f"{place}/{number}-{look}")
                    for name in CATS
                ]
                each = [
                    word
                    for row in found
                    for word in (f"{row.colour:.1f}", f"{row.likeness[0]:.2f}")
                ]
                rows.append(
                    [
                        f"{number:,}",
                        look,
                        *each,
                        f"{found[0].photos:,}",
                        f"{found[0].most:,}",
                    ]
                )
                print(*rows[-1], sep="\t", flush=True)
    return rows


def main(words: Sequence[str]) -> int:
    """Print a table of the photos and targets that are named, or write that of the chapter."""
    Image.MAX_IMAGE_PIXELS = None  # our own mosaics may be large
    if len(words) == 1:
        print("say: python bench/looks.py [PHOTOS TARGET...]", file=sys.stderr)
        return 2
    if words:
        print_table(words[0], words[1:])
    else:
        write_table(ROOT / "smalti/looks.md", "looks", table_of_cats())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
