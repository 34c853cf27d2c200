"""How long Snakemake plans for 100,000 photos: `python bench/plan.py [PHOTOS]`.

The workflow must list all photos before it knows what to do. This makes a folder of so
many empty photos, asks for a plan twice, and prints the CPU seconds of each.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def spent() -> float:
    """CPU seconds of all processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def plan(folder: Path) -> tuple[float, int]:
    """Plan the workflow in a folder; return CPU seconds and the number of jobs."""
    before = spent()
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "2"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    total = next(
        line.split()[1]
        for line in (done.stdout + done.stderr).splitlines()
        if line.startswith("total ")
    )
    return spent() - before, int(total)


def main(photos: int) -> None:
    """Print how long a first and a second plan take."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for source in ("Snakefile", "mosaic.py"):
            shutil.copy(ROOT / source, folder)
        shutil.copytree(ROOT / "smalti", folder / "smalti")
        (folder / "config.toml").write_text('image_path = "photos"\n')
        for i in range(photos):
            path = folder / "photos" / f"{i // 1000:03}" / f"{i:06}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for when in ("first", "second"):
            seconds, jobs = plan(folder)
            print(f"{photos:,} photos, {when} plan: {seconds:.2f} CPU s, {jobs} jobs")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
