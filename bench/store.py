"""What the seal of a store costs: writing, opening, reading, with and without it.

    python bench/store.py [PHOTOS ...]

Each figure is the median of processor seconds in fresh processes, which take turns. "HDF5" has
no seal and reads thumbnails by HDF5 itself; "unproven" reads them as we do, and compares nothing;
"sealed" is the program.
"""

import functools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import h5py  # noqa: E402
import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402

import mosaic  # noqa: E402
from smalti.ground.files import atomic  # noqa: E402
from smalti.ground.seals import SealedFile, prove  # noqa: E402

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


class Direct(h5py.File):  # type: ignore[misc]
    """A store without a seal, which HDF5 reads by itself."""

    def __init__(self, path: str, repair: str) -> None:
        super().__init__(path, "r", rdcc_nbytes=0)

    def bytes_of(self, name: str) -> "Direct.Bytes":
        """The bytes of a dataset."""
        return Direct.Bytes(self[name])

    class Bytes:
        """The bytes of a dataset, by HDF5."""

        def __init__(self, dataset: h5py.Dataset) -> None:
            self.dataset = dataset

        def take(self, start: int, stop: int) -> bytes:
            """The bytes from `start` to before `stop`."""
            return bytes(self.dataset[start:stop])


KINDS = ("HDF5", "unproven", "sealed")


def measure(path: str, count: int, kind: str) -> None:
    """Print the seconds to write, open, read and prove a store, in this process."""
    if kind == "HDF5":
        vars(mosaic).update(sealing=atomic, SealedHDF5=Direct)
    thumbnails = paint(count)
    times = [spent(lambda: mosaic.write_store(path, thumbnails, SIZE))]
    if kind == "unproven":
        SealedFile.take = SealedFile.read_at  # type: ignore[method-assign]
    opened: list[mosaic.Store] = []
    times.append(spent(lambda: opened.append(mosaic.open_store(path))))
    some = np.random.default_rng(1).permutation(count)[:10_000]
    for which in (some, np.sort(some), np.arange(10_000)):
        read = functools.partial(mosaic.read_thumbnails, opened[0], which, SIZE)
        times.append(spent(read))
        opened.append(mosaic.open_store(path))
        opened.pop(0).file.close()  # what is proven is known no more
    times.append(spent(lambda: prove(path, "")) if kind == "sealed" else 0)
    print(*times)


def main(counts: list[int]) -> None:
    """Print a table of medians."""
    print(
        "  photos     kind    write     open   10,000 read: scattered, sorted, in order   prove"
    )
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            runs: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}
            for _ in range(7):
                for kind in KINDS:
                    args = [sys.executable, __file__, f"{folder}/s.h5", str(count), kind]
                    words = subprocess.check_output(args, text=True).split()
                    runs[kind].append([float(word) for word in words])
            for kind, rows in runs.items():
                middle = [statistics.median(column) for column in zip(*rows, strict=True)]
                print(f"{count:8} {kind:>8}", *(f"{value:7.3f} s" for value in middle))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [path, count, ("HDF5" | "unproven" | "sealed") as kind]:
            measure(path, int(count), kind)
        case counts:
            main([int(count) for count in counts] or [10_000, 100_000])
