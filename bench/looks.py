"""Every look on some targets: python bench/looks.py PHOTOS TARGET... prints a table.

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
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

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


def measure(photos: str, target: str, look: str, folder: str) -> list[str]:
    """A row of the table: one look on one target."""
    output, before = f"{folder}/mosaic.jpg", getrusage(RUSAGE_CHILDREN)
    words = [
        "make",
        photos,
        target,
        "-o",
        output,
        "--look",
        look,
        "--store",
        f"{folder}/m.h5",
    ]
    subprocess.run(
        [sys.executable, "-m", "smalti", *words], check=True, capture_output=True
    )
    after = getrusage(RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    report = json.loads(Path(output).with_suffix(".json").read_text(encoding="utf-8"))
    uses = [report[key] for key in ("photos_used", "most_used", "equal_neighbours")]
    with Image.open(output) as mosaic, Image.open(target) as whole:
        colour, *likeness = compare(mosaic, ImageOps.exif_transpose(whole))
    marks = [f"{colour:.1f}", *(f"{one:.3f}" for one in likeness)]
    return [look, Path(target).stem, *marks, *(f"{one:,}" for one in uses), f"{cpu:.1f}"]


def main(words: Sequence[str]) -> int:
    """Print the table, row by row."""
    if len(words) < 2:
        print("say: python bench/looks.py PHOTOS TARGET...", file=sys.stderr)
        return 2
    Image.MAX_IMAGE_PIXELS = None  # our own mosaics may be large
    heads = HEADS.split(", ")
    print(f"| {' | '.join(heads)} |\n|---|---|{'--:|' * (len(heads) - 2)}")
    for target in words[1:]:
        for look in LOOKS:
            with tempfile.TemporaryDirectory() as folder:
                print(
                    f"| {' | '.join(measure(words[0], target, look, folder))} |", flush=True
                )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
