# Made from smalti/making.md by make tangle; edit that.
"""From photos to a store, a match, a mosaic, with all settings; explained in making.md."""

import contextlib
import dataclasses
import functools
import hashlib
import importlib
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

import numpy as np
from msgspec.structs import replace
from PIL import Image

import mosaic
from mosaic import Array, Store
from smalti import choosing, crops, features, likeness, output, printing, scores, steps, tables
from smalti import variants
from smalti.choosing import ChoiceSettings, MatchSettings
from smalti.constraints import make_constraints
from smalti.features import FeatureSettings
from smalti.grid import FEWEST_CELLS, Cells, GridSettings, View, check_grid, make_view, wanted_size
from smalti.ground import photos
from smalti.ground.archives import load_image
from smalti.ground.cache import VARIABLE, cache_path, is_cached, keep_array, use
from smalti.ground.collection import collection_root
from smalti.ground.errors import MosaicError, show
from smalti.ground.files import write_text
from smalti.ground.photos import formats_for
from smalti.ground.seals import prove
from smalti.ground.settings import changed, make_settings
from smalti.placement import Certificate, Watch
from smalti.recolour import Recolour, RecolourSettings, check_recolour, make_recolour
from smalti.report import (
    Files, Report, forget_match, program, read_report, read_rows, signature, with_uses, write_report, write_rows,
)
from smalti.variants import VariantSettings


@dataclasses.dataclass(frozen=True)
class StoreSettings(mosaic.ThumbnailSettings, VariantSettings):
    """All that decides what is in a store."""


@dataclasses.dataclass(frozen=True)
class TableSettings(GridSettings, MatchSettings):
    """All that decides what is in the table of a match."""


@dataclasses.dataclass(frozen=True)
class MosaicSettings(StoreSettings, TableSettings, RecolourSettings):
    """All that decides what a mosaic looks like."""


@dataclasses.dataclass(frozen=True)
class AllSettings(mosaic.Settings, MosaicSettings):
    """All settings of the book and of the further chapters."""


def check_table(settings: TableSettings) -> None:
    """Raise MosaicError if settings of a match do not go together."""
    check_grid(settings)
    choosing.check_match(settings)
    if settings.focus and settings.method == "nearest":
        raise MosaicError("`focus` needs method = spread or unique")
    for other in ("gap", "seen_from", "spacing"):
        if settings.focus and settings.method == "unique" and getattr(settings, other):
            raise MosaicError(f"`focus` does not go with {other}; leave out one of them")


Maker = Callable[[Sequence[str], str, StoreSettings], Iterator[mosaic.Thumbnail | mosaic.Reject]]


def make_store(
    path: str, folder: str, lines: Sequence[str], settings: StoreSettings, make: Maker | None = None
) -> Store:
    """Make the store of photos, unless it is there already; return it, open."""
    origin = find_origin(lines, settings)
    if store := open_same(path, origin):
        return store
    names = [json.loads(line)[0] for line in lines]
    made = progress((make or make_all)(names, folder, settings), len(names), "thumbnails")
    mosaic.write_store(path, made, settings.thumb_res, origin)
    return mosaic.open_store(path)


def find_origin(lines: Sequence[str], settings: StoreSettings) -> str:
    """A digest of all that decides what is in a store, but the photos themselves."""
    needed = formats_for(json.loads(line)[0] for line in lines)
    how = (settings.thumb_res, settings.thumb_quality, settings.variants, needed)
    about = "\n".join([*lines, str((mosaic.VERSION, *how)), settings.crop])
    return hashlib.sha256(about.encode()).hexdigest()


def open_same(path: str, origin: str) -> Store | None:
    """Open a store if it is there, whole, and of this origin; one that is not whole is named."""
    if not Path(path).is_file() or steps.find_damaged([path]):
        return None
    try:
        store = mosaic.open_store(path)
    except MosaicError:
        return None
    if store.origin == origin:
        return store
    store.file.close()
    return None


def make_all(
    names: Sequence[str], folder: str, settings: StoreSettings
) -> Iterator[mosaic.Thumbnail | mosaic.Reject]:
    """Make the thumbnails of all photos, in the variants that the settings want."""
    size, quality, workers = settings.thumb_res, settings.thumb_quality, settings.workers
    if not settings.variants and settings.crop == "middle":
        return mosaic.make_thumbnails(names, folder, size, quality, workers)
    wanted = variants.list_variants(settings.variants, settings.crop)
    return variants.make_all_variants(names, folder, size, quality, workers, wanted)


@functools.cache
def code_of(*modules: ModuleType) -> bytes:
    """A digest of the program's own lines in some modules."""
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    return hashlib.sha256(code).digest()


def find_kept(root: str, lines: Sequence[str], settings: StoreSettings) -> str:
    """The path in the cache of the store of photos below a folder, whether it is there or not."""
    about = [find_origin(lines, settings).encode(), os.fsencode(os.path.realpath(root))]
    digest = hashlib.sha256(b"\0".join([*about, code_of(mosaic, variants, crops, photos)])).hexdigest()
    return str(cache_path(digest, ".h5"))


def keep_store(
    path: str, root: str, lines: Sequence[str], settings: StoreSettings, make: Maker | None = None
) -> Store:
    """Open the store at a path in the cache, made if it is not there; or one for this run."""
    try:
        store = make_store(path, root, lines, settings, make)
    except OSError as error:
        store = make_store_for_now(root, lines, settings, make)
        where = f"{Path(path).parent} ({error.strerror or error})"
        print(show(f"thumbnails cannot be kept in {where}; name a folder in {VARIABLE}"), file=sys.stderr)
        return store
    use(Path(path))
    return store


def make_store_for_now(
    root: str, lines: Sequence[str], settings: StoreSettings, make: Maker | None = None
) -> Store:
    """Make a store in a folder that goes when the store is no longer in use."""
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="mosaic-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        store = make_store(f"{folder}/mosaic.h5", root, lines, settings, make)
        weakref.finalize(store, stack.pop_all().close)
    return store


def reopen_store(report: Report, report_path: Path) -> Store:
    """Open the store of a report, made again if it has gone from the cache; raises MosaicError."""
    path, paths = report.files.store, report.files.photos
    if not is_cached(path):
        return mosaic.open_store(path)
    with contextlib.suppress(MosaicError):
        prove(path, mosaic.ANEW)
        store = mosaic.open_store(path)
        use(Path(path))
        return store
    with contextlib.suppress(MosaicError):
        root, lines = collection_root(paths), steps.describe_photos(paths, report.files.mosaic)
        settings = recall(report, {})
        kept = find_kept(root, lines, settings)
        if Path(kept).name == Path(path).name:
            return keep_store(kept, root, lines, settings)
    raise MosaicError(
        f"the thumbnails of {report_path} are no longer in the cache, and its photos have changed "
        "or moved; make the mosaic anew"
    )


def find_bar() -> Any | None:  # Any: tqdm has no types
    """The class of a progress bar that can be seen here, if any can."""
    shell = sys.modules.get("IPython")
    if shell and "IPKernelApp" in getattr(shell.get_ipython(), "config", {}):
        if importlib.util.find_spec("ipywidgets"):
            return importlib.import_module("tqdm.notebook").tqdm
    elif not (sys.stderr and sys.stderr.isatty()):
        return None
    return importlib.import_module("tqdm").tqdm


Item = TypeVar("Item")


def progress(items: Iterator[Item], total: int, what: str) -> Iterator[Item]:
    """Show how far a loop is, where it can be seen."""
    bar = find_bar()
    return iter(bar(items, what, total, unit="", leave=False)) if bar else items


@contextlib.contextmanager
def watch_proof() -> Iterator[Watch | None]:
    """Show how the proven gap of a match falls, where it can be seen."""
    kind = find_bar()
    if not kind:
        yield None
        return
    with kind(desc="match", bar_format="{desc}: {elapsed}{postfix}") as bar:

        def tell(proof: Certificate) -> None:
            bar.set_postfix_str(f"at most {proof.gap:.1e} above the optimum")

        yield tell


def open_view(
    target: Image.Image,
    thumb_res: tuple[int, int],
    settings: GridSettings,
    cells: int = FEWEST_CELLS,
) -> View:
    """See a target in cells as the settings say; opens the mask; raises MosaicError."""
    mask = load_image(settings.mask, "mask") if settings.mask else None
    return make_view(target, thumb_res, settings, cells, mask)


def keep_with(store: Store, what: str, make: Callable[[], Array]) -> Array:
    """An array that follows from a store: made once if the store is in the cache."""
    if not is_cached(store.path):
        return make()
    code = code_of(mosaic, features, likeness)
    return keep_array(code + f"{store.digest} {store.thumb_res} {what}".encode(), make)


def find_photos(store: Store, settings: MatchSettings) -> tuple[Array, list[str]]:
    """The photo of each thumbnail, (n,), and a line for each group that looks the same."""
    photo = variants.photo_numbers(store.names)
    first = np.unique(photo, return_index=True)[1]
    if not settings.dedupe and (settings.method != "unique" or len(first) > 100_000):
        return photo, []
    alike = keep_with(store, "alike", lambda: compare_photos(store, first))
    lines = list(likeness.list_duplicates([store.names[i] for i in first], alike))
    return alike[photo] if settings.dedupe else photo, lines


def compare_photos(store: Store, which: Array) -> Array:
    """Groups of thumbnails that look the same: (k,) numbers to (k,) numbers of groups."""
    size = store.thumb_res if min(store.thumb_res) >= 16 else (16, 16)
    parts = choosing.in_batches(which, size)
    looks = [likeness.fingerprint(mosaic.read_thumbnails(store, part, size)) for part in parts]
    return likeness.find_alike(np.concatenate(looks)) if len(which) else which


def count_photos(store: Store, settings: MatchSettings) -> int:
    """The number of photos in a store, where with `dedupe` those that look the same are one."""
    if settings.dedupe:
        return len(np.unique(find_photos(store, settings)[0]))
    return len(set(store.names))


@dataclasses.dataclass(frozen=True)
class Made:
    """A match, (rows, cols), its report, and a line for each group of photos that look the same."""

    match: Array
    report: Report
    alike: list[str]


ELSEWHERE = ("method", "choices", "workers")


def make_match(
    store: Store,
    view: View,
    settings: TableSettings,
    files: Files,
    on_round: Watch | None = None,
) -> Made:
    """Match the thumbnails of a store with a view; write the table, if `files` name one."""
    photo, alike = find_photos(store, settings)
    shape, unique = view.empty.shape, settings.method == "unique"
    constraints = make_constraints(store.names, photo, shape, settings, view.empty, unique)
    draw = functools.partial(mosaic.read_thumbnails, store)
    keep = functools.partial(keep_with, store)
    both = choosing.make_tiles_and_cells(draw, store.mean, store.thumb_res, view, settings, keep)
    weight = view.weight[~view.empty] if settings.focus else None
    match, outcome = choosing.find_match(
        *both, settings, constraints, view.empty, on_round, weight
    )
    known = changed(settings, GridSettings, FeatureSettings, ChoiceSettings)
    known |= changed(settings, StoreSettings) if isinstance(settings, StoreSettings) else {}
    known = {name: value for name, value in known.items() if name not in ELSEWHERE}
    report = Report(
        method=settings.method,
        cells=int(np.count_nonzero(~view.empty)),
        cost=outcome.cost,
        levels=outcome.levels,
        too_near=outcome.too_near,
        store=store.digest,
        program=program(),
        settings=known | {"target_res": view.grid, "thumb_res": store.thumb_res},
        files=files,
    )
    uses = scores.count_uses(match, variants.photo_numbers(store.names))
    same = scores.count_uses(match, constraints.photo)
    uses = dataclasses.replace(uses, most_used=same.most_used, equal_neighbours=same.equal_neighbours)
    report = with_uses(report, uses)
    report = replace(report, most_used_photo=most_used(match, store))
    if proof := outcome.proof:
        report = replace(
            report,
            **{key: value for key, value in proof.as_dict().items() if key not in ("cost", "cells")},
            proof=proof.sentence(),
        )
    table = Path(files.table or files.mosaic)
    if settings.choices > 1:
        ranked = choosing.rank(*both, settings.metric, settings.choices, view.empty)
        names = variants.labels(store.names, store.variants)
        tables.write_choices(table.with_suffix(".csv"), *ranked, names)
    if not files.table:
        skipped = {one.name: one.reason for one in store.rejects}
        report = replace(report, match=write_rows(match), alike=alike, skipped=skipped)
        return Made(match, report, alike)
    table.with_suffix(".alike.txt").unlink(missing_ok=True)  # of an earlier match
    if alike:
        write_text(table.with_suffix(".alike.txt"), "".join(show(line) + "\n" for line in alike))
    steps.write_match(files.table, match)
    write_report(table.with_suffix(".json"), report)
    return Made(match, report, alike)


def most_used(match: Array, store: Store) -> str:
    """The name of the photo that a (rows, cols) match uses most."""
    photo = variants.photo_numbers(store.names)
    uses = np.bincount(photo[match[match >= 0]])
    return show(store.names[int(np.flatnonzero(photo == uses.argmax())[0])])


@dataclasses.dataclass(frozen=True)
class Work:
    """A match with what it was made of: its report, settings, open store and view."""

    report: Report
    settings: MosaicSettings
    store: Store
    match: Array  # (rows, cols)
    view: View | None
    missing: str = ""  # why there is no view
    sharp: mosaic.Draw | None = None  # draws photos that were read again
    frame: tuple[int, int] | None = None  # the (width, height) to which the picture is cut

    def draw(self, which: Array, size: tuple[int, int]) -> Array:
        """Decode thumbnails: (k,) numbers and (width, height) to (k, height, width, 3)."""
        if self.sharp:
            return self.sharp(which, size)
        return mosaic.read_thumbnails(self.store, which, size)

    @functools.cached_property
    def recolour(self) -> Recolour | None:
        """What changes the colours of tiles at their places, if anything does."""
        if not self.view or not changed(self.settings, RecolourSettings):
            return None
        return make_recolour(Cells(self.view, (8, 8)), self.settings)


def paste(work: Work, thumb_res: tuple[int, int] | None) -> tuple[tuple[int, int], Iterator[Array]]:
    """The (width, height) of a mosaic, and its bands, one for each row of cells."""
    (rows, cols), shape = work.match.shape, thumb_res or work.store.thumb_res
    plain = (cols * shape[0], rows * shape[1])
    size = (None if thumb_res else wanted_size(work.settings)) or plain
    empty = work.match < 0
    if size == plain and not work.recolour and not empty.any():
        return size, mosaic.paste_bands(work.draw, work.match, shape)
    return size, output.paste_exact(work.draw, work.match, size, work.recolour)


class Save(Protocol):
    """How to write a picture of (width, height) from its bands."""

    def __call__(self, path: str, bands: Iterator[Array], size: tuple[int, int], *, about: str) -> None: ...


def save_mosaic(
    path: str,
    work: Work,
    thumb_res: tuple[int, int] | None = None,
    save: Save = output.save_bands,
) -> Report:
    """Paste a mosaic, save it with its report, and return that."""
    size, bands = paste(work, thumb_res)
    (rows, cols), seen, empty = work.match.shape, list[Array](), work.match < 0
    bands = scores.watch(progress(bands, rows, "pasting"), cols, seen)
    bands = output.cover(bands, empty, size) if empty.any() else bands
    if work.frame:
        bands, size = printing.cut_to(bands, size, work.frame), work.frame
    report = replace(
        work.report,
        store=work.store.digest,
        program=program(),
        recolour=changed(work.settings, RecolourSettings),
    )
    save(path, bands, size, about=signature(report))
    report = replace(
        report,
        score=scores.score_view(np.concatenate(seen), work.view) if work.view else None,
        size=size,
        files=replace(work.report.files, mosaic=path),
    )
    write_report(Path(path).with_suffix(".json"), report)
    return report


def recall(report: Report, given: Mapping[str, object]) -> MosaicSettings:
    """The settings of a report, with those that are given now."""
    known = {**report.settings, **report.recolour, "focus": ()}
    known |= {"mask": report.files.mask} if report.files.mask else {}
    known |= {"target_res": (0, 0)} if "tile" in known else {}
    names = {field.name for field in dataclasses.fields(MosaicSettings)}
    now = {name: word for name, word in given.items() if name in names}
    return make_settings(MosaicSettings, {**known, **now}, lax=True)


def recall_view(report: Report, target: str, thumb_res: tuple[int, int]) -> tuple[View | None, str]:
    """The view of a match, or None and why there is none."""
    if not target:
        return None, "give the target by --target"
    try:
        seen = recall(report, {})
        shape = seen.thumb_res if report.settings else thumb_res
        return open_view(load_image(target), shape, seen), ""
    except MosaicError as error:
        return None, str(error)


def read_table(path: str, report: Report, store: Store, view: View | None, among: int) -> Array:
    """Read a (rows, cols) match, .json or .tab, or choose `among` the best of each cell, .csv."""
    ending = Path(path).suffix.lower()
    if ending != ".csv" and among > 1:
        raise MosaicError("`choices` needs a table of choices, .csv; match with --choices")
    if ending == ".json":
        return steps.check_match(read_rows(report, path), path, store, report.store)
    if ending != ".csv":
        return steps.read_match(path, store, report.store)
    names = variants.labels(store.names, store.variants)
    choices, _ = tables.read_choices(path, names, view.empty if view else None)
    if among > choices.shape[2]:
        raise MosaicError(f"choices = {among}: {path} has {choices.shape[2]} for each cell")
    return choosing.vary(choices[..., :among])


def open_work(
    report_path: Path, given: Mapping[str, object], store: str = "", table: str = "", among: int = 0
) -> Work:
    """Open what a report tells of, or a store and a table with their report."""
    report = read_report(report_path)
    files = report.files
    if not (store or files.store) or not (table or files.table or report.match):
        raise MosaicError(f"there is no report {report_path} of a mosaic; paste it anew")
    target = str(given.get("target") or files.target)
    files = replace(files, store=store or files.store, table=table or files.table, target=target)
    settings = recall(report, given)
    check_recolour(settings)
    opened = mosaic.open_store(store) if store else reopen_store(report, report_path)
    view, missing = recall_view(report, files.target, opened.thumb_res)
    if not view and changed(settings, RecolourSettings):
        raise MosaicError(missing)
    among = among or report.among or 1
    match = read_table(files.table or str(report_path), report, opened, view, among)
    if view and view.empty.shape != match.shape:
        raise MosaicError(f"{report_path} is not the report of this table; match anew")
    if files.table.lower().endswith(".csv"):
        photo = variants.photo_numbers(opened.names)
        report = replace(forget_match(report), method="choices", among=among)
        report = with_uses(report, scores.count_uses(match, photo))
        report = replace(report, most_used_photo=most_used(match, opened))
    report = replace(report, files=files, match=[] if files.table else report.match)
    return Work(report, settings, opened, match, view, missing)
