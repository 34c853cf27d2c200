"""How the workflow lists, divides and plans a million photos: `python bench/scale.py [PHOTOS]`.

A folder of so many stand-ins (empty files) is made, 1,000 in each of its folders. Then a fresh
process lists them, another divides them among lists, and Snakemake plans the jobs. Prints the
seconds and the largest memory of each, and the bytes that follow for larger collections.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHUNKS = 100
LISTING = """
from smalti import steps
print(len(steps.describe_photos(["photos"])))
"""
DIVIDING = f"""
from smalti import steps
lists = [f"lists/{{i:03}}.jsonl" for i in range({CHUNKS})]
steps.write_lists(steps.describe_photos(["photos"]), lists)
"""
PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(done.returncode, used.ru_maxrss, used.ru_utime + used.ru_stime)
"""


def measure(what: str, folder: Path, *words: str) -> tuple[float, float]:
    """Run `python WORDS` in a folder; print and return its CPU seconds and its largest MB."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PEAK, sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    status, kilobytes, cpu = done.stdout.split()
    if status != "0":
        raise RuntimeError(f"{what} has failed")
    waited, megabytes = time.perf_counter() - began, int(kilobytes) / 1000
    print(
        f"{what}: {waited:.1f} s, CPU {float(cpu):.1f} s, {megabytes:,.0f} MB", flush=True
    )
    return float(cpu), megabytes


def stand_ins(folder: Path, photos: int) -> None:
    """Make so many empty photos."""
    for i in range(photos):
        path = folder / f"{i // 1000:04}" / f"{i:08}.jpg"
        if i % 1000 == 0:
            path.parent.mkdir(parents=True)
        os.close(os.open(path, os.O_CREAT))


def main(photos: int) -> None:
    """Rehearse with so many photos."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in ("Snakefile", "mosaic.py"):
            shutil.copy(ROOT / source, folder)
        for source in ("smalti", "profiles"):
            shutil.copytree(ROOT / source, folder / source)
        settings = f'image_path = "photos"\ntarget = "me.png"\nchunks = {CHUNKS}\n'
        (folder / "config.toml").write_text(settings)
        (folder / "me.png").touch()
        stand_ins(folder / "photos", photos)
        print(f"{photos:,} stand-ins for photos, {CHUNKS} lists")
        measure("list", folder, "-c", LISTING)
        measure("list and divide", folder, "-c", DIVIDING)
        plan = ("-m", "snakemake", "--dry-run", "--quiet", "--cores", "2")
        for when in ("first", "second"):
            measure(f"list, divide and plan, {when} time", folder, *plan)
        size = sum(path.stat().st_size for path in (folder / "lists").iterdir())
        print(f"lists: {size / photos:.0f} bytes a photo")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
