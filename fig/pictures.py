# Made from fig/pictures.md by make tangle; edit that.
"""Lay images out for looking at them; explained in pictures.md."""

import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = Image.Image | NDArray[np.uint8] | bytes


def as_image(picture: Picture) -> Image.Image:
    """A picture of any kind as an image."""
    if isinstance(picture, bytes):
        return Image.open(io.BytesIO(picture))
    return picture if isinstance(picture, Image.Image) else Image.fromarray(picture)


def side_by_side(
    pictures: Iterable[Picture], gap: int = 8, paper: str = "white"
) -> Image.Image:
    """Lay pictures in a row, on paper of a colour."""
    row = [as_image(picture) for picture in pictures]
    width = sum(image.width for image in row) + gap * (len(row) - 1)
    canvas = Image.new("RGB", (width, max(image.height for image in row)), paper)
    left = 0
    for image in row:
        canvas.paste(image, (left, 0))
        left += image.width + gap
    return canvas


def contact_sheet(pictures: Sequence[Picture], cols: int) -> Image.Image:
    """Lay pictures of one size in rows of `cols`."""
    width, height = as_image(pictures[0]).size
    sheet = Image.new("RGB", (cols * width, -(-len(pictures) // cols) * height), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(as_image(picture), (i % cols * width, i // cols * height))
    return sheet


def enlarge(picture: Picture, size: tuple[int, int]) -> Image.Image:
    """Enlarge a picture to (width, height) without smoothing it."""
    return as_image(picture).resize(size, Image.Resampling.NEAREST)


QUIET = "headless no-sandbox disable-gpu disable-quic no-first-run hide-scrollbars disable-sync"
QUIET += " disable-background-networking disable-component-update virtual-time-budget=4000"


def look(
    path: str | Path, size: tuple[int, int], place: str = "", dark: bool = False
) -> Image.Image | None:
    """What a browser shows of a page in a window of (width, height), where there is a browser."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        return None
    with tempfile.TemporaryDirectory() as folder:
        options = f"{QUIET} user-data-dir={folder} screenshot={folder}/seen.png"
        options += f" window-size={size[0]},{size[1]} blink-settings=preferredColorScheme={1 - dark}"
        words = [browser, *(f"--{option}" for option in options.split())]
        words.append(Path(path).resolve().as_uri() + (f"#{place}" if place else ""))
        subprocess.run(words, capture_output=True, timeout=60, check=False)
        seen = Path(folder, "seen.png")
        return Image.open(seen).convert("RGB") if seen.is_file() else None
