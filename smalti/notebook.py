# Made from smalti/notebook.md by make tangle; edit that.
"""A mosaic that shows itself in a notebook; explained in notebook.md."""

import contextlib
import dataclasses
import functools
import io
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec.structs import replace
from PIL import Image

from mosaic import Array
from smalti import making, scores, sharp, steps
from smalti.grid import wanted_size
from smalti.ground.archives import load_image
from smalti.ground.collection import collection_root
from smalti.ground.errors import MosaicError
from smalti.ground.settings import make_settings
from smalti.looks import default_look, find_look, put_on, shape_like
from smalti.making import MosaicSettings, Work
from smalti.output import check_size
from smalti.ours import check_kept, check_ours
from smalti.recolour import check_recolour
from smalti.report import Files, uses_of

SCREEN = 1200  # pixels


@dataclasses.dataclass(frozen=True, repr=False)
class Mosaic:
    """A mosaic in a notebook: it shows itself, can be saved, scored, and asked for a photo."""

    work: Work

    def __repr__(self) -> str:
        rows, cols = self.work.match.shape
        uses = uses_of(self.work.report)
        used = f", {uses.photos_used} of {uses.photos} photos" if uses else ""
        return f"<mosaic of {cols} x {rows} cells{used}>"

    def _repr_jpeg_(self) -> bytes:
        buffer = io.BytesIO()
        self.image(SCREEN).save(buffer, "JPEG", quality=85)
        return buffer.getvalue()

    def image(self, width: int = SCREEN) -> Image.Image:
        """The mosaic as an image of about this width."""
        side, high = self.work.store.thumb_res
        across = max(1, round(width / self.work.match.shape[1]))
        _, bands = making.paste(self.work, (across, max(1, round(across * high / side))))
        return Image.fromarray(np.vstack(list(bands)))

    def save(self, path: str | Path, size: tuple[int, int] | None = None) -> None:
        """Save the mosaic as .jpg, .png, .webp, .tif or .dzi, and a report beside it."""
        check_kept(str(path), target=self.work.report.files.target)
        check_ours(report=Path(path).with_suffix(".json"))
        size = size or self.work.settings.size
        check_size(path, size)
        making.save_mosaic(str(path), self.at_size(size))

    def at_size(self, size: tuple[int, int]) -> Work:
        """The work for a mosaic of an exact size, with photos read again if cells are large."""
        settings = dataclasses.replace(self.work.settings, size=size)
        work, pixels = dataclasses.replace(self.work, settings=settings), wanted_size(settings)
        if not pixels:
            return work
        return sharp.sharpen(work, pixels, *sharp.find_photos(work.report.files.photos))

    @functools.cached_property
    def score(self) -> scores.Scores:
        """How like its target the mosaic is."""
        if not self.work.view:
            raise MosaicError(self.work.missing)
        work, seen = self.at_size(self.work.settings.size), list[Array]()
        bands = making.paste(work, None)[1]
        for _ in scores.watch(bands, self.work.match.shape[1], seen):
            pass
        return scores.score_view(np.concatenate(seen), self.work.view)

    def where(self, name: str) -> list[tuple[int, int]]:
        """The (row, col) of all cells that show a photo, by its name or the end of its name."""
        found = [i for i, one in enumerate(self.work.store.names) if one.endswith(name)]
        if not found:
            raise MosaicError(f"there is no photo {name!r} in this mosaic")
        return [(int(row), int(col)) for row, col in np.argwhere(np.isin(self.work.match, found))]


def make_mosaic(
    photos: str | Path | Sequence[str | Path],
    target: str | Path | Image.Image,
    look: str = "",
    **given: object,
) -> Mosaic:
    """Make a mosaic of folders and archives of photos; `given` are settings by name.

    Nothing is written until it is saved, but for thumbnails in the cache. Raises MosaicError.
    """
    paths = list(map(str, [photos] if isinstance(photos, str | Path) else photos))
    name = look or default_look(given)
    worn = find_look(name)
    asked = make_settings(MosaicSettings, {"repeats": "fewest", **given}, lax=True)
    settings = put_on(asked, worn, given)
    making.check_table(settings)
    check_recolour(settings)
    path = "" if isinstance(target, Image.Image) else str(target)
    image = target if isinstance(target, Image.Image) else load_image(path)
    uses = settings.max_uses if "max_uses" in given else 1
    with contextlib.ExitStack() as stack:
        (lines, found), root = steps.survey_photos(paths), collection_root(paths)
        names = [name for name, *_ in found.photos]
        settings = shape_like(settings, worn, given, names, root)
        kept = making.find_kept(root, lines, settings)
        store = stack.enter_context(making.keep_store(kept, root, lines, settings))
        cells = worn.cells(uses * making.count_photos(store, settings))
        view = making.open_view(image, store.thumb_res, settings, cells)
        files = Files(store=kept, target=path, mask=settings.mask, photos=paths)
        with making.watch_proof() as on_round:
            made = making.make_match(store, view, settings, files, on_round)
        report = replace(made.report, look=name)
        picture = Mosaic(Work(report, settings, store, made.match, view))
        weakref.finalize(picture, stack.pop_all().close)
    return picture
