"""What large output costs: python bench/output.py [--giga] fills the table of output.md.

Each line is measured in a fresh process; --giga adds the 2.5-gigapixel pyramid.
"""

import functools
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import mosaic  # noqa: E402
from data import cats  # noqa: E402
from smalti import output  # noqa: E402

STORE = ROOT / "data/output.h5"
LINES = [
    ("only pasting", "none", 400),
    ("JPEG, one image in memory", "jpg", 400),
    ("PNG by Pillow, one image in memory", "pillow.png", 400),
    ("PNG, in a stream", "png", 400),
    ("TIFF, in a stream", "tif", 400),
    ("Deep Zoom, in a stream", "dzi", 400),
]
GIGA = [("Deep Zoom, in a stream", "dzi", 2500)]


def draw_from(tiles: Any, which: Any, size: tuple[int, int]) -> Any:
    """Thumbnails that are in memory."""
    return tiles[which]


def measure(kind: str, megapixels: int) -> None:
    """Write one mosaic; print CPU seconds, seconds, peak MB, files, MB on disk."""
    side = round((megapixels * 1e6 / 2500) ** 0.5)
    tiles = mosaic.read_thumbnails(str(STORE), range(1600), (50, 50))
    match = np.random.default_rng(0).integers(0, len(tiles), (side, side))
    size = (side * 50, side * 50)
    bands = output.paste_exact(functools.partial(draw_from, tiles), match, size)
    with tempfile.TemporaryDirectory(dir=ROOT / "data") as folder:
        path = Path(folder, "mosaic." + kind)
        wall, cpu = time.perf_counter(), time.process_time()
        writers: dict[str, Callable[[], object]] = {
            "none": lambda: [None for band in bands],
            "pillow.png": lambda: Image.fromarray(np.vstack(list(bands))).save(
                path, compress_level=1
            ),
        }
        writers.get(kind, lambda: output.save_bands(path, bands, size))()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        made = [file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()]
    print(f"{cpu:.1f} {wall:.1f} {peak:.0f} {len(made)} {sum(made) / 1e6:.0f}")


def make_store() -> None:
    """Paint the 1,600 cats, unless they are there."""
    sample = ROOT / "data/sample"
    if not sample.is_dir():
        cats.paint_collection(sample, 1600)
    mosaic.main(["thumbnails", str(sample), str(STORE)])


def main(giga: bool) -> None:
    """Measure all lines, print the table, and write it into the chapter."""
    make_store()
    rows = [
        "| what | megapixels | CPU, s | time, s | peak memory, MB | files | MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, kind, megapixels in LINES + GIGA * giga:
        words = [sys.executable, __file__, "--one", kind, str(megapixels)]
        found = subprocess.run(words, text=True, stdout=subprocess.PIPE, check=True)
        row = [name, f"{megapixels:,}", *found.stdout.split()]
        rows.append("| " + " | ".join(row) + " |")
        print(rows[-1], flush=True)
    chapter = ROOT / "smalti/output.md"
    table = "<!-- table: output -->\n\n" + "\n".join(rows) + "\n\n<!-- end -->"
    text = re.sub(
        "<!-- table: output -->.*?<!-- end -->", table, chapter.read_text(), flags=re.DOTALL
    )
    chapter.write_text(text)


if __name__ == "__main__":
    if shutil.disk_usage(ROOT).free < 5e9:
        sys.exit("5 GB of free disk are needed")
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], int(sys.argv[3]))
    else:
        main("--giga" in sys.argv)
