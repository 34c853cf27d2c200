"""What the seal of a store costs: writing, opening, reading, with and without it.

    python bench/store.py [PHOTOS ...]

Each figure is the median of processor seconds in fresh processes. Without the seal HDF5 reads
the same file by itself, and nothing is compared.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import mosaic  # noqa: E402
from smalti.ground.files import atomic  # noqa: E402
from smalti.ground.seals import prove  # noqa: E402

SIZE = (50, 50)


def paint(count: int) -> list[mosaic.Thumbnail]:
    """Thumbnails of so many photos; after 200 they repeat, under other names."""
    chance, made = np.random.default_rng(0), []
    with tempfile.TemporaryDirectory() as folder:
        for i in range(min(count, 200)):
            small = chance.integers(0, 256, (8, 8, 3), np.uint8)
            image = Image.fromarray(small).resize((150, 100), Image.Resampling.BICUBIC)
            image.save(Path(folder, f"{i}.png"))
            one = mosaic.make_thumbnail(f"{i}.png", folder, SIZE)
            assert isinstance(one, mosaic.Thumbnail)
            made.append(one)
    return [
        mosaic.Thumbnail(f"{i // 1000:04}/photo {i:07}.jpg", one.size, one.jpeg, one.mean)
        for i in range(count)
        for one in [made[i % len(made)]]
    ]


def spent(task: Callable[[], object]) -> float:
    """Processor seconds of a task."""
    started = time.process_time()
    task()
    return time.process_time() - started


def measure(path: str, count: int, sealed: bool) -> None:
    """Print the seconds to write, open, prove and read a store, in this process."""
    if not sealed:
        vars(mosaic).update(sealing=atomic, SealedFile=lambda path, repair: path)
    thumbnails = paint(count)
    write = spent(lambda: mosaic.write_store(path, thumbnails, SIZE))
    opened: list[mosaic.Store] = []
    times = [write, spent(lambda: opened.append(mosaic.open_store(path)))]
    which = np.random.default_rng(1).permutation(count)[:10_000]
    times.append(spent(lambda: mosaic.read_thumbnails(opened[0], which, SIZE)))
    times.append(spent(lambda: prove(path, "")) if sealed else 0)
    print(*times)


def main(counts: list[int]) -> None:
    """Print a table of medians."""
    print("photos   seal     write     open  10,000 read   open + read    prove all")
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            for word in ("without", "with"):
                args = [sys.executable, __file__, f"{folder}/s.h5", str(count), word]
                runs = [subprocess.check_output(args, text=True).split() for _ in range(5)]
                columns = [list(map(float, column)) for column in zip(*runs, strict=True)]
                write, opened, read, proof = map(statistics.median, columns)
                print(
                    f"{count:7} {word:>7} {write:7.3f} s {opened:6.3f} s {read:10.3f} s "
                    f"{opened + read:11.3f} s {proof:10.3f} s"
                )


if __name__ == "__main__":
    match sys.argv[1:]:
        case [path, count, "with" | "without" as word]:
            measure(path, int(count), word == "with")
        case counts:
            main([int(count) for count in counts] or [10_000, 100_000])
