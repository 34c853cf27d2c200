"""How time and memory of the workflow's steps grow with the photos: `python bench/growth.py`.

    python bench/growth.py [PHOTOS ...]

For each number of photos, empty files stand in for photos to be listed, and painted thumbnails are
stored in eight parts. Then each step runs as in the workflow, in a process of its own, at 100 x 100
cells. Writes the table and the figure of docs/scaling.md. What the workflow asks of a cluster
(`NEEDS` in smalti/workflow.md) follows from the memory.
"""

import io
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import mosaic  # noqa: E402
from bench.decisions import Cost  # noqa: E402
from fig.measuring import measure_step, write_table  # noqa: E402

SIZE = (50, 50)
PARTS = 8


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


def stand_in(folder: Path, photos: int) -> None:
    """What the steps begin with: photos that are empty, parts of a store, and a target."""
    for i in range(photos):
        path = folder / "photos" / f"{i // 1000:04}" / f"photo {i:07}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT))
    for i in range(PARTS):
        mosaic.write_store(
            str(folder / f"part-{i}.h5"), paint(range(i, photos, PARTS)), SIZE
        )
    waves = np.sin(np.mgrid[:800, :800] / 60)
    colours = np.stack([waves[0], waves[1], waves[0] * waves[1]], axis=-1) * 127 + 128
    Image.fromarray(colours.astype(np.uint8)).save(folder / "me.png")


def measure(photos: int) -> dict[str, Cost]:
    """What each step costs; where there are too few photos, the unique match uses some again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stand_in(folder, photos)
        os.environ["SMALTI_CACHE"] = str(folder / "cache")
        parts = [str(folder / f"part-{i}.h5") for i in range(PARTS)]
        lists = [str(folder / f"{i}.jsonl") for i in range(PARTS)]
        store = str(folder / "all.h5")
        found = {"list": measure_step(["list", str(folder / "photos"), *lists])}
        found["store"] = measure_step(["merge", store, *parts])
        for way in ("nearest", "unique"):
            table, picture = str(folder / f"{way}.tab"), str(folder / "out.jpg")
            words = ["match", store, table, f"--method={way}", "--repeats=fewest"]
            words += ["--target", str(folder / "me.png"), "--target-res", "100", "100"]
            found[f"match, {way}"] = measure_step(words)
            found[f"paste, {way}"] = measure_step(["paste", store, table, picture])
        return found


def slope(found: Mapping[int, float]) -> float:
    """How fast something grows from the last number of photos but one to the last; 1: as they do."""
    (few, less), (many, more) = list(found.items())[-2:]
    return math.log(more / less) / math.log(many / few)


def tabulate(found: Mapping[int, Mapping[str, Cost]]) -> list[list[str]]:
    """CPU seconds and memory of each step, and how its time grows at the end."""
    rows = [["step", *(f"{photos:,} photos" for photos in found), "slope"]]
    for step in next(iter(found.values())):
        costs = [steps[step] for steps in found.values()]
        cells = [f"{cost.cpu:.1f} s, {cost.peak:,.0f} MB" for cost in costs]
        end = slope({photos: steps[step].cpu for photos, steps in found.items()})
        rows.append([step, *cells, f"{end:.2f}"])
    return rows


def draw(found: Mapping[int, Mapping[str, Cost]], path: Path) -> None:
    """CPU seconds and megabytes of each step against the number of photos."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    for ax, key, label in zip(axes, ("cpu", "peak"), ("CPU s", "peak MB"), strict=True):
        for step in next(iter(found.values())):
            heights = [getattr(steps[step], key) for steps in found.values()]
            ax.loglog(list(found), heights, "o-", ms=4, label=step)
        ax.set(xlabel="photos", ylabel=label)
        ax.grid(alpha=0.3)
    photos = np.array([min(found), max(found)])
    axes[0].loglog(photos, photos / 1e4, ":", color="grey", label="in proportion")
    axes[0].legend(fontsize=7)
    fig.tight_layout()
    fig.savefig(path, dpi=110, metadata={"Software": None})


def main(counts: Sequence[int]) -> None:
    """Measure each step for each number of photos, and write table and figure."""
    found = {}
    for photos in counts:
        found[photos] = measure(photos)
        for step, cost in found[photos].items():
            print(
                f"{photos:9,} photos, {step}: {cost.cpu:.1f} s, {cost.peak:.0f} MB",
                flush=True,
            )
    write_table(ROOT / "docs" / "scaling.md", "growth", tabulate(found))
    draw(found, ROOT / "fig" / "growth.png")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1_000, 10_000, 40_000, 100_000])
