"""How much longer a thumbnail takes than the bare decoding of its photo.

    python bench/thumbnails.py [RUNS]

A JPEG can be decoded at an eighth, a quarter or a half of its size, which is the least that any
program must do. The photos of the book, enlarged and with the grain of a camera, are decoded so
by Pillow alone, to twice the size of a thumbnail or more, and made into thumbnails by the
program, in turn, in fresh processes. A row has medians of the CPU time of a photo.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

import mosaic  # noqa: E402
from bench.decisions import enlarge_photos, measure_here  # noqa: E402
from smalti.ground.collection import list_photos  # noqa: E402
from smalti.ground.settings import load_settings  # noqa: E402

SIZE = (50, 50)
# photos to enlarge, and how many times as long as the bare decoding a thumbnail took
SHAPES = {(500, 375): (400, 1.75), (1024, 768): (120, 1.35), (4000, 3000): (12, 1.09)}
WAYS = ("bare", "program")


def decode(folder: str) -> None:
    """Decode each photo of a folder at the scale that the program takes."""
    for path in sorted(Path(folder).iterdir()):
        with Image.open(path) as photo:
            photo.draft("RGB", (2 * SIZE[0], 2 * SIZE[1]))
            photo.load()


def make(folder: str) -> None:
    """Make the thumbnail of each photo of a folder, as the program does."""
    for made in mosaic.make_thumbnails(list_photos(folder), folder, SIZE, workers=1):
        assert isinstance(made, mosaic.Thumbnail)


def measure(folder: str, way: str) -> None:
    """Print the CPU seconds of one way, in this process."""
    work = decode if way == "bare" else make
    work(folder)  # what is loaded and looked up once
    print(measure_here(lambda: work(folder)).cpu)


def main(runs: int) -> None:
    """Print a table of medians."""
    settings = load_settings(mosaic.Settings, str(ROOT / "config.toml"))
    photos = str(ROOT / settings.image_path[0])
    print("photos        decoded    thumbnail   times   when first measured")
    for shape, (count, before) in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            enlarge_photos(Path(folder), photos, shape, count)
            spent: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(runs):
                for way in WAYS:
                    words = [sys.executable, __file__, folder, way]
                    spent[way].append(float(subprocess.check_output(words, text=True)))
            bare, ours = (1e3 * median(spent[way]) / count for way in WAYS)
        width, height = shape
        print(
            f"{width:4} x {height:4}  {bare:6.2f} ms  {ours:8.2f} ms  {ours / bare:6.2f}  {before:9}"
        )


if __name__ == "__main__":
    match sys.argv[1:]:
        case [folder, "bare" | "program" as way]:
            measure(folder, way)
        case runs:
            main(int(runs[0] if runs else "5"))
