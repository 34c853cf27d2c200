"""What large output costs: python bench/output.py fills the table of output.md.

Each line is measured in a fresh process.
"""

import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

import mosaic
from data import cats
from mosaic import Array
from smalti import output
from smalti.ground.collection import list_photos
from smalti.ground.files import write_text

ROOT = Path(__file__).parents[1]
STORE = ROOT / "data/output.h5"
LINES = [
    ("only pasting", "none", 400),
    ("JPEG by Pillow, one image in memory", "pillow.jpg", 400),
    ("JPEG by libvips, in a stream", "jpg", 400),
    ("PNG by Pillow, one image in memory", "pillow.png", 400),
    ("PNG, in a stream", "png", 400),
    ("TIFF, in a stream", "tif", 400),
    ("TIFF of JPEG, a pyramid by libvips", "pyramid.tif", 400),
    ("TIFF of JPEG by tifffile and imagecodecs, no pyramid", "imagecodecs.tif", 400),
    ("Deep Zoom, in a stream", "dzi", 400),
    ("Deep Zoom by libvips, in a stream", "libvips", 400),
    ("Deep Zoom in one .szi", "szi", 400),
    ("Deep Zoom, in a stream", "dzi", 2500),
]
HEAD = """\
| what | megapixels | CPU, s | peak memory, MB | files | MB |
|---|---|---|---|---|---|
"""


def paste(megapixels: int) -> tuple[Iterator[Array], tuple[int, int]]:
    """Bands of a random mosaic of thumbnails that are in memory, and its (width, height)."""
    side = round((megapixels * 1e6 / 2500) ** 0.5)
    with mosaic.open_store(str(STORE)) as store:
        tiles = mosaic.read_thumbnails(store, np.arange(1600), (50, 50))

    def draw(which: Array, size: tuple[int, int]) -> Array:
        return tiles[which]

    match = np.random.default_rng(0).integers(0, len(tiles), (side, side))
    size = (side * 50, side * 50)
    return output.paste_exact(draw, match, size), size


def write(path: Path, kind: str, bands: Iterator[Array], size: tuple[int, int]) -> None:
    """Write bands in one of the ways that are compared."""
    writers: dict[str, Callable[[], object]] = {
        "none": lambda: [None for _ in bands],
        "pillow.jpg": lambda: mosaic.save_image(path, bands, size),
        "pillow.png": lambda: Image.fromarray(np.vstack(list(bands))).save(
            path, compress_level=1
        ),
        "pyramid.tif": lambda: output.save_bands(path, bands, size, 85),
        "imagecodecs.tif": lambda: write_tiles(path, bands, size),
        "libvips": lambda: zoom_by_vips(path, bands, size),
    }
    writers.get(kind, lambda: output.save_bands(path, bands, size))()


def write_tiles(path: Path, bands: Iterator[Array], size: tuple[int, int]) -> None:
    """Write bands as a TIFF with tiles of JPEG, but without the smaller pictures."""

    def tiles() -> Iterator[Array]:
        for tile in output.cut_tiles(bands, output.TIFF_TILE):
            missing = [(0, output.TIFF_TILE - side) for side in tile.shape[:2]]
            yield np.pad(tile, [*missing, (0, 0)])

    with tifffile.TiffWriter(path) as file:
        file.write(
            tiles(),
            shape=(size[1], size[0], 3),
            dtype=np.uint8,
            tile=(output.TIFF_TILE, output.TIFF_TILE),
            photometric="rgb",
            compression="jpeg",
            compressionargs={"level": 85},
        )


def zoom_by_vips(path: Path, bands: Iterator[Array], size: tuple[int, int]) -> None:
    """Write bands as a Deep Zoom image of the same tiles as ours."""
    import pyvips

    feed = output.Feed(output.png_pieces(bands, size, press=output.store_band))
    source = pyvips.SourceCustom()
    source.on_read(feed.read)
    image = pyvips.Image.new_from_source(source, "", access="sequential")
    suffix = ".jpg[Q=85,subsample_mode=on,keep=none]"
    image.dzsave(str(path), suffix=suffix, tile_size=512, overlap=0)


def measure(kind: str, megapixels: int) -> None:
    """Write one mosaic; print CPU seconds, peak MB, files, MB on disk."""
    bands, size = paste(megapixels)
    with tempfile.TemporaryDirectory(dir=ROOT / "data") as folder:
        start = time.process_time()
        write(Path(folder, "mosaic." + kind), kind, bands, size)
        cpu = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        made = [file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()]
    print(f"{cpu:.1f} {peak:.0f} {len(made)} {sum(made) / 1e6:.0f}")


def make_store() -> None:
    """Paint the 1,600 cats and make their thumbnails, unless they are there."""
    sample = ROOT / "data/sample"
    if not sample.is_dir():
        cats.paint_collection(sample, 1600)
    if not STORE.is_file():
        made = mosaic.make_thumbnails(list_photos(str(sample)), str(sample), (50, 50))
        mosaic.write_store(str(STORE), made, (50, 50))


def main() -> None:
    """Measure all lines, print the table, and write it into the chapter."""
    make_store()
    print(HEAD, end="")
    rows = ""
    for name, kind, megapixels in LINES:
        words = [sys.executable, __file__, "--one", kind, str(megapixels)]
        found = subprocess.run(words, text=True, stdout=subprocess.PIPE, check=True)
        row = [name, f"{megapixels:,}", *found.stdout.split()]
        rows += f"| {' | '.join(row)} |\n"
        print(rows.splitlines()[-1], flush=True)
    chapter = ROOT / "smalti/output.md"
    table = f"<!-- table: output -->\n\n{HEAD}{rows}\n<!-- end -->"
    text = chapter.read_text(encoding="utf-8")
    pattern = re.compile("<!-- table: output -->.*?<!-- end -->", re.DOTALL)
    write_text(chapter, pattern.sub(lambda _: table, text))


if __name__ == "__main__":
    if shutil.disk_usage(ROOT).free < 5e9:
        sys.exit("5 GB of free disk are needed")
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], int(sys.argv[3]))
    else:
        main()
