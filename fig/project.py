# Made from fig/project.md by make tangle; edit that.
"""What `make` leaves in the folder of a project; explained in project.md."""

import dataclasses
from pathlib import Path

from PIL import Image

import mosaic
from data import cats
from mosaic import Array
from smalti import command, steps
from smalti.ground.archives import load_image
from smalti.ground.files import write_text
from smalti.ground.settings import load_settings, options


@dataclasses.dataclass(frozen=True)
class Project:
    """What `make` has made in a folder."""

    root: Path
    settings: mosaic.Settings
    store: mosaic.Store
    matches: dict[str, Array]  # by method, (rows, cols) each

    @property
    def grid(self) -> tuple[int, int]:
        """The (columns, rows) of the mosaics."""
        rows, cols = self.matches["unique"].shape
        return cols, rows

    def photo(self, number: int) -> str:
        """The path of a photo."""
        return str(Path(self.settings.image_path[0], self.store.names[number]))

    def draw(self, which: Array, size: tuple[int, int]) -> Array:
        """Thumbnails of a (width, height): (k, height, width, 3)."""
        return mosaic.read_thumbnails(self.store, which, size)

    def thumbnails(self, which: Array) -> Array:
        """Thumbnails as they are stored: (k, height, width, 3)."""
        return self.draw(which, self.store.thumb_res)


def open_target(project: Project) -> Image.Image:
    """The whole target."""
    settings, names = project.settings, project.store.names
    return load_image(mosaic.target_path(settings, settings.image_path[0], names))


def cut_target(project: Project, longest: int = 800) -> Image.Image:
    """The target, cut to the shape of the mosaics; its longer side in pixels."""
    (cols, rows), (width, height) = project.grid, project.store.thumb_res
    shape = cols * width, rows * height
    size = round(longest * shape[0] / max(shape)), round(longest * shape[1] / max(shape))
    return mosaic.shrink_photo(open_target(project), size, shape)


def target_colours(project: Project) -> Array:
    """The mean colours of the target's cells: (rows, cols, 3)."""
    (cols, rows), shape = project.grid, project.store.thumb_res
    cells = mosaic.cut_cells(open_target(project), (cols, rows), shape)
    return mosaic.mean_colour(cells).reshape(rows, cols, 3)


def open_mosaic(project: Project, method: str, width: int) -> Image.Image:
    """The finished mosaic of a method, shrunk to a width."""
    with Image.open(project.root / f"mosaic_{method}.jpg") as whole:
        size = (width, round(width * whole.height / whole.width))
        whole.draft("RGB", (2 * size[0], 2 * size[1]))
        return whole.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def read_settings(root: Path) -> mosaic.Settings:
    """The book's settings in a folder, with whole paths; raises MosaicError."""
    settings = load_settings(mosaic.Settings, str(root / "config.toml"))
    photos = tuple(str(root / path) for path in settings.image_path)
    target = str(root / settings.target) if settings.target else ""
    return dataclasses.replace(settings, image_path=photos, target=target)


METHODS = "nearest", "unique"


def open_project(root: Path) -> Project:
    """Open what `make` has made in a folder; raises MosaicError."""
    settings = read_settings(root)
    data = root / settings.data_path
    store = mosaic.open_store(str(data / "thumbnails.h5"))
    tables = {method: str(data / f"matches_{method}.tab") for method in METHODS}
    matches = {method: steps.read_match(table, store) for method, table in tables.items()}
    return Project(root, settings, store, matches)


CONFIG = """\
image_path = "cats"
target = "cover.jpg"
target_res = [22, 14]
thumb_res = [40, 50]
"""


def paint_project(root: Path) -> Project:
    """Paint a small collection in a folder, make its mosaics, and open all this."""
    cats.paint_collection(root / "cats", 400, quiet=True)
    cats.paint_cat(cats.COVER).save(root / "cover.jpg")
    write_text(root / "config.toml", CONFIG)
    make_mosaics(root)
    return open_project(root)


def make_mosaics(root: Path) -> None:
    """Run the steps of the workflow in a folder that has photos and a config.toml."""
    settings = read_settings(root)
    store = str(root / settings.data_path / "thumbnails.h5")
    size = options(settings, mosaic.ThumbnailSettings).split()
    grid = options(settings, mosaic.TargetSettings, mosaic.CellSettings).split()
    command.main(["thumbnails", *settings.image_path, store, *size])
    for method in METHODS:
        table = str(root / settings.data_path / f"matches_{method}.tab")
        where = ["--image-path", *settings.image_path, *grid]
        command.main(["match", store, table, "--method", method, *where])
        command.main(["paste", store, table, str(root / f"mosaic_{method}.jpg")])
