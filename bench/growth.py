"""How the memory of each step of the workflow grows with the photos: `python bench/growth.py`.

    python bench/growth.py [PHOTOS ...]

For each number of photos, stand-ins for thumbnails are stored in eight parts. Then each step runs
as in the workflow, in a process of its own, at 100 x 100 cells. Prints the largest memory of each
process in MB. What the workflow asks of a cluster (`NEEDS` in smalti/workflow.md) follows from it.
"""

import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import mosaic  # noqa: E402

SIZE = (50, 50)
PARTS = 8
PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def paint(numbers: range) -> Iterator[mosaic.Thumbnail]:
    """A stand-in for the thumbnail of each photo, all different."""
    for i in numbers:
        small = np.random.default_rng(i).integers(0, 256, (4, 4, 3), np.uint8)
        image = Image.fromarray(small).resize(SIZE, Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=85)
        red, green, blue = (
            mosaic.mean_colour(np.asarray(image)[None])[0].astype(int).tolist()
        )
        name = f"{i // 1000:04}/photo {i:07}.jpg"
        yield mosaic.Thumbnail(name, (150, 100), buffer.getvalue(), (red, green, blue))


def peak(folder: Path, *words: str) -> float:
    """The largest memory, in MB, of `mosaic WORDS` in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, sys.executable, "-m", "smalti", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SMALTI_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    status, kilobytes = map(int, done.stdout.split())
    if status:
        raise RuntimeError(f"mosaic {' '.join(words)} has failed: {done.stderr}")
    return kilobytes / 1000


def measure(photos: int, folder: Path) -> dict[str, float]:
    """The largest memory of each step, in MB."""
    parts = [f"part-{i}.h5" for i in range(PARTS)]
    for i, part in enumerate(parts):
        mosaic.write_store(str(folder / part), paint(range(i, photos, PARTS)), SIZE)
    waves = np.sin(np.mgrid[:800, :800] / 60)
    colours = np.stack([waves[0], waves[1], waves[0] * waves[1]], axis=-1) * 127 + 128
    Image.fromarray(colours.astype(np.uint8)).save(folder / "me.png")
    match = (
        "match",
        "all.h5",
        "{}.tab",
        "--target",
        "me.png",
        "--target-res",
        "100",
        "100",
    )
    found = {"store": peak(folder, "merge", "all.h5", *parts)}
    for method in ("nearest", "unique"):
        words = [word.format(method) for word in match]
        found[f"match, {method}"] = peak(folder, *words, f"--method={method}")
        found[f"paste, {method}"] = peak(
            folder, "paste", "all.h5", f"{method}.tab", "out.jpg"
        )
    return found


def main(counts: list[int]) -> None:
    """Measure each step for each number of photos."""
    for photos in counts:
        with tempfile.TemporaryDirectory() as name:
            for step, megabytes in measure(photos, Path(name)).items():
                print(f"{photos:9,} photos, {step}: {megabytes:.0f} MB", flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [10_000, 40_000, 160_000])
