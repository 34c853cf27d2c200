"""Small photos, and archives of them, for several tests."""

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from smalti.ground.archives import open_any
from smalti.ground.collection import list_collection


def content(colour: str, kind: str = "PNG") -> bytes:
    """The bytes of a small image file of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (6, 4), colour).save(buffer, kind)
    return buffer.getvalue()


def pack(path: Path, files: dict[str, bytes]) -> Path:
    """Make an archive, of the kind that its name tells, of files in this order."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, blob in files.items():
                archive.writestr(name, blob)
        return path
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as tar:
        for name, blob in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(blob)
            tar.addfile(member, io.BytesIO(blob))
    return path


def records(count: int, labels: int) -> bytes:
    """CIFAR records: picture i is of red i, green 10, and blue 0 to 255 from left to right."""
    planes = np.zeros((count, 3, 32, 32), np.uint8)
    planes[:, 0] = np.arange(count)[:, None, None]
    planes[:, 1] = 10
    planes[:, 2] = np.linspace(0, 255, 32)
    label = np.full((count, labels), 7, np.uint8)
    return np.hstack([label, planes.reshape(count, -1)]).tobytes()


def left(folder: Path) -> list[str]:
    """The names of all that is in a folder, if there is one."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def listed(*paths: Path | str) -> list[str]:
    """The names of a collection of these folders and archives."""
    return list_collection([str(path) for path in paths])


def colour_of(root: Path | str, name: str) -> tuple[int, ...]:
    """The colour of the first pixel of a photo of a collection."""
    with open_any(str(root), name) as photo:
        pixel = photo.convert("RGB").getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return pixel
