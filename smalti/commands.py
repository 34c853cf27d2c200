# Made from smalti/command.md by make tangle; edit that.
"""The commands: their words, options, and what they print; explained in command.md."""

import contextlib
import dataclasses
import functools
import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from msgspec import Meta
from msgspec.structs import replace
from PIL import Image

from mosaic import Array, CellSettings, Store, TargetSettings, open_store, target_path
from smalti import animation, choosing, datasets, grid, making, output, page, scores, steps, viewer
from smalti import printing, sharp
from smalti.features import FeatureSettings
from smalti.grid import ExactSize, cells_for, wanted_size
from smalti.ground.archives import load_image
from smalti.ground.collection import collection_root, describe_rest
from smalti.ground.errors import MosaicError, Unreadable, show
from smalti.ground.files import write_text
from smalti.ground.photos import upright_size
from smalti.ground.settings import Count, Flag, Given, Pair, Size, changed
from smalti.looks import LOOKS, advise, default_look, find_look, put_on, shape_like, wanted_cells
from smalti.making import Made, MosaicSettings, StoreSettings, TableSettings, Work
from smalti.offers import has_numba
from smalti.printing import PrintSettings
from smalti.ours import check_folder, check_kept, check_ours, mosaic_files, store_files, table_files
from smalti.recolour import RecolourSettings, check_recolour
from smalti.report import Files, Report, describe_match, read_report, uses_of
from smalti.spreading import possible_spacing
from smalti.variants import cut_photo, list_variants

Photos = Annotated[tuple[str, ...], "folders of photos, archives, CIFAR files"]
StoreWord = Annotated[str, "the HDF5 file of thumbnails"]
OutputWord = Annotated[str, "the image to write: .jpg, .png, .webp, .tif, .dzi, .szi, .pdf"]
MosaicWord = Annotated[str, "a mosaic that was made, with its report beside it"]
TargetWord = Annotated[str, "the image to imitate"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thumbnails(StoreSettings):
    """Make the store of all photos of a collection, or of those in a list."""

    photos: Photos
    store: StoreWord
    list: Annotated[str, "a list of photos to take, instead of all"] = ""

    def run(self, given: Given) -> None:
        """Make the store, unless it is up to date."""
        folder = collection_root(self.photos)
        lines = steps.read_list(self.list) if self.list else find_photos(self.photos)
        check_ours(**store_files(self.store))
        list_rejects(making.make_store(self.store, folder, lines, self), bool(self.list))


def find_photos(paths: Sequence[str]) -> list[str]:
    """A line about each photo of a collection; what else was found is said on the terminal."""
    lines, found = steps.survey_photos(paths)
    for line in describe_rest(found):
        print(line, file=sys.stderr)
    return lines


def list_rejects(store: Store, allow_empty: bool = False) -> None:
    """List the rejects of a store beside it and on the terminal."""
    table = Path(store.path).with_suffix(".rejects.tsv")
    tell_rejects(store, table, allow_empty)
    table.unlink(missing_ok=True)
    if store.rejects:
        write_text(table, "".join(f"{show(one.name)}\t{one.reason}\n" for one in store.rejects))


def tell_rejects(store: Store, where: Path, allow_empty: bool = False) -> None:
    """Print the first rejects of a store, and `where` all are; without any photo, MosaicError."""
    if not store.names and not allow_empty:
        first = "".join(f", not even {one.name} ({one.reason})" for one in store.rejects[:1])
        raise MosaicError(f"no photos found that can be read{first}; give a folder of photos")
    for one in store.rejects[:5]:
        print(f"skipped {show(one.name)}: {one.reason}", file=sys.stderr)
    if len(store.rejects) > 5:
        print(f"skipped {len(store.rejects)} photos in all, see {show(str(where))}", file=sys.stderr)


@dataclasses.dataclass(frozen=True, kw_only=True)
class List:
    """Divide the photos of a collection among lists, for jobs in parallel."""

    photos: Annotated[str, "a folder of photos, an archive, a CIFAR file"]
    lists: Annotated[tuple[str, ...], "lists among which to divide the photos"]

    def run(self, given: Given) -> None:
        """Write the lists that have changed."""
        steps.write_lists(find_photos([self.photos]), self.lists)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Merge:
    """Merge stores into one."""

    store: StoreWord
    parts: Annotated[tuple[str, ...], "stores to merge"]

    def run(self, given: Given) -> None:
        """Write the store of all parts."""
        check_ours(**store_files(self.store))
        steps.merge_stores(self.store, self.parts)
        list_rejects(open_store(self.store))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fetch:
    """Fetch a data set by its name, into a folder."""

    name: Annotated[str, f"one of {', '.join(datasets.DATASETS)}"]
    data_path: Annotated[str, "folder for the data set"] = "data"

    def run(self, given: Given) -> None:
        """Fetch it, and print where it is."""
        print(show(str(datasets.fetch(self.name, self.data_path))))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Match(TargetSettings, TableSettings):
    """Match a target with the thumbnails of a store: a table and a report."""

    store: StoreWord
    table: Annotated[str, "the table of matches to write, .tab"]
    image_path: Photos = ("data/cats",)

    def run(self, given: Given) -> None:
        """Write the table and its report, and print what was found."""
        making.check_table(self)
        store, table = open_store(self.store), Path(self.table)
        if table.suffix.lower() == ".csv":
            raise MosaicError(f"{table} would be a list of choices; call the table .tab")
        if table.suffix.lower() == ".json":
            raise MosaicError(f"{table} would be overwritten by its report; call the table .tab")
        folder = "" if self.target else collection_root(self.image_path)
        target = target_path(self, folder, store.names)
        read = {"mask": self.mask, "budgets": self.budgets, "pins": self.pins}
        check_kept(self.table, store=self.store, target=target, **read)
        check_ours(**table_files(table, self.choices > 1))
        photos = list(self.image_path) if "image_path" in given else []
        files = Files(store=self.store, table=self.table, target=target, mask=self.mask, photos=photos)
        cells = cells_for(len(set(store.names)) * self.max_uses)
        view = making.open_view(load_image(target), store.thumb_res, self, cells)
        match_and_tell(store, view, self, files)


def match_and_tell(
    store: Store, view: grid.View, settings: TableSettings, files: Files, brief: bool = False
) -> Made:
    """Match a view, print what was found, and return the match."""
    start = time.process_time()
    with making.watch_proof() as on_round:
        made = making.make_match(store, view, settings, files, on_round)
    slow = time.process_time() - start > SLOW
    photos = len(set(store.names))
    far = spacing_of(settings, photos)
    asked = changed(settings, FeatureSettings)
    near = {"dither": settings.dither, "spacing": far, "seen_from": settings.seen_from}
    asked |= {name: value for name, value in near.items() if value}
    print(*describe_match(made.report, asked, brief), sep="\n")
    if far < settings.spacing:
        print(f"spacing  {far} instead of {settings.spacing}: {photos} photos are too few for more")
    if cut := grid.describe_cut(view):
        print(f"target   {cut}: the mosaic has another shape")
    if made.alike:
        hint = "each counts as one" if settings.dedupe else "--dedupe counts each as one"
        one = len(made.alike) == 1
        groups = "1 group of photos looks" if one else f"{len(made.alike)} groups of photos look"
        print(f"alike    {groups} the same; {hint}")
    if settings.choices > 1:
        path = Path(files.table or files.mosaic).with_suffix(".csv")
        print(show(f"choices  the best {settings.choices} of each cell are in {path}"))
    if slow and settings.method == "unique" and settings.solver != "dense" and not has_numba():
        print("quicker  pip install 'mosaic-book[fast]' compiles the search of large matches")
    return made


SLOW = 20.0  # seconds of CPU time


def spacing_of(settings: TableSettings, photos: int) -> int:
    """The spacing that a match of so many photos keeps."""
    if settings.method == "spread":
        return possible_spacing(photos, settings.spacing)
    return settings.spacing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paste(RecolourSettings, PrintSettings):
    """Paste a mosaic anew, or from a store and a table."""

    GROUPS: ClassVar = {"The size": "size print dpi sheets overlap thumb_res quality", "More": ""}
    parts: Annotated[tuple[str, ...], "a mosaic that was made, or a store and a table"]
    output: OutputWord
    thumb_res: Annotated[Pair, "size of a thumbnail; 0 0 is that of the store"] = (0, 0)
    size: Annotated[ExactSize, "exact size of the mosaic; 0 0 is any"] = (0, 0)
    choices: Annotated[Count, "of a table of choices: among how many of the best"] = 1
    target: TargetWord = ""
    image_path: Annotated[tuple[str, ...], "where the photos are now"] = ()

    def run(self, given: Given) -> None:
        """Paste, save, and print the scores."""
        if any(self.thumb_res) and any(self.size):
            raise MosaicError("`size` does not go with `thumb_res`: it decides how large tiles are")
        check_ours(**mosaic_files(self.output))
        ways = ("recolour", "tint", "blend")
        now: dict[str, object] = dict.fromkeys(ways, 0) if {*ways} & {*given} else {}
        now |= {name: given[name] for name in ("target", "size", *ways) if name in given}
        if len(self.parts) > 2:
            raise MosaicError("paste takes a mosaic, or a store and a table, and the image to write")
        *stores, about = self.parts
        store, ending = "".join(stores), Path(about).suffix.lower()
        table = about if stores or ending in (".tab", ".csv") else ""
        beside = Path(about).with_suffix(".json") if table or ending == ".json" else report_path(about)
        work = making.open_work(beside, now, store, table, self.choices)
        files = work.report.files
        check_kept(self.output, target=files.target, store=store, mask=files.mask)
        work = self.on_paper(work)
        thumb_res = self.thumb_res if any(self.thumb_res) else None
        size = making.paste(work, thumb_res)[0]
        printing.check_output(self.output, work.frame or size, self)
        work = self.sharpen(work, size)
        paste_and_tell(self.output, work, self, given, thumb_res)

    def on_paper(self, work: Work) -> Work:
        """Work that is as large as the paper, if one is named."""
        (rows, cols), side = work.match.shape, work.view.shape if work.view else work.store.thumb_res
        shape = (cols * side[0], rows * side[1])
        others = {"size": self.size, "thumb_res": self.thumb_res}
        frame = printing.paper_size(self.output, self, shape, **others)
        if not frame:
            return work
        settings = dataclasses.replace(work.settings, size=printing.cover(frame, shape))
        return dataclasses.replace(work, settings=settings, frame=frame)

    def sharpen(self, work: Work, size: tuple[int, int]) -> Work:
        """Work whose photos are read again if they will be larger than their thumbnails."""
        cell = sharp.largest_cell(size, work.match.shape)
        if not sharp.is_larger(cell, work.store.thumb_res):
            return work
        sharp.tell_enlarged(work.store, np.unique(work.match[work.match >= 0]), cell)
        root, lines = sharp.find_photos(self.image_path or work.report.files.photos)
        return sharp.sharpen(work, size, root, lines)


def paste_and_tell(
    path: str,
    work: Work,
    settings: PrintSettings,
    given: Given,
    thumb_res: tuple[int, int] | None = None,
) -> Report:
    """Paste and save a mosaic, print its scores, and return its report."""
    beside = Path(path).with_suffix(".json")
    other = Path(read_report(beside).files.mosaic if beside.is_file() else path)
    dpi = printing.resolution(path, settings, given)
    save = functools.partial(printing.save_for_paper, settings=settings, dpi=dpi)
    report = making.save_mosaic(path, work, thumb_res, save)
    for key, strength in report.recolour.items():
        print(f"{key:8} {strength}: the colours of the photos are changed")
    found = scores.describe_score(report.score) if report.score else f"score    none: {work.missing}"
    print(found)
    if report.size:
        about = f"{report.size[0]} x {report.size[1]} pixels"
        if settings.sheets:
            cols, rows = printing.lay_out(report.size, settings).grid
            about += f", on {cols} x {rows} sheets after a page that shows how they lie"
        print(f"{show(path)}: {about}")
    if other.is_file() and other.resolve() != Path(path).resolve():
        print(show(f"report   {beside} was about {other}, which nobody can view or paste anew now"))
    return report


LOOK_HELP = f"{', '.join(LOOKS)}; by default faithful, or plain if you say how to match"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Make(MosaicSettings, PrintSettings):
    """Make a mosaic of a collection of photos, from beginning to end."""

    GROUPS: ClassVar = {
        "The look": "look recolour focus spacing tint blend seen_from view",
        "The size": "target_res size print dpi sheets overlap thumb_res quality tile mask",
        "The photos": "max_uses min_uses repeats dedupe budgets pins crop variants store workers",
        "For experts (a look chooses most of these)": "",
    }
    DEPENDS: ClassVar = {name for look in LOOKS.values() for name in look.settings} | {"thumb_res", "max_uses"}
    photos: Photos
    target: TargetWord
    output: Annotated[str, Flag(b"-o"), "the mosaic: .jpg, .png, .webp, .tif, .dzi, .szi, .pdf"]
    look: Annotated[str, LOOK_HELP] = ""
    store: Annotated[str, "where thumbnails are kept; by default in your cache folder"] = ""
    repeats: Annotated[Literal["refuse", "fewest"], "if photos are too few"] = "fewest"
    thumb_res: Annotated[Size, "size of a thumbnail; not given, shaped like most photos"] = (50, 50)
    view: Annotated[bool, "make a folder to look at it in a browser, too"] = False

    def run(self, given: Given) -> None:
        """Put on a look, and make the mosaic."""
        name = self.look or default_look(given)
        put_on(self.on_paper(), find_look(name), given).make(name, given)

    def make(self, name: str, given: Given) -> None:
        """Make the store, the match and the mosaic in a look, and say what was made of what."""
        target, clock, look = self.check(), [time.perf_counter()], find_look(name)
        lines, found = steps.survey_photos(self.photos, self.output)
        if not lines:
            besides = ["no photos found", *describe_rest(found), "give a folder of photos"]
            raise MosaicError("; ".join(besides))
        most = len(lines) * len(list_variants(self.variants, self.crop))
        if self.choices > most:
            raise MosaicError(f"choices = {self.choices}: there are {most} photos to choose from")
        names, root = [name for name, *_ in found.photos], collection_root(self.photos)
        store, files = shape_like(self, look, given, names, root).prepare(lines)
        besides = list(describe_rest(found, [one.name for one in store.rejects]))
        clock.append(time.perf_counter())
        uses = self.max_uses if "max_uses" in given else None
        cells = wanted_cells(look, making.count_photos(store, self), uses)
        view = making.open_view(target, store.thumb_res, self, cells)
        size = wanted_size(self)
        cell = sharp.largest_cell(size or (0, 0), view.empty.shape)
        if sharp.is_larger(cell, store.thumb_res):
            sharp.tell_enlarged(store, np.arange(len(store.names)), cell)
        made = match_and_tell(store, view, self, files, brief=True)
        same = steps.names_of(self.target, self.photos, store.names)
        own = [i for i, name in enumerate(store.names) if name in same]
        if times := np.isin(made.match, own).sum():
            where = "1 cell" if times == 1 else f"{times} cells"
            print(f"target   it is one of the photos, in {where}; a table for --budgets can leave it out")
        clock.append(time.perf_counter())
        work = Work(replace(made.report, look=name), self, store, made.match, view)
        work = sharp.sharpen(work, size or (0, 0), root, lines)
        report = paste_and_tell(self.output, work, self, given)
        clock.append(time.perf_counter())
        store.file.close()
        spent = [after - before for before, after in itertools.pairwise(clock)]
        print_summary(report, store, spent, besides)
        print(*advise(report, look), sep="\n")
        if self.view:
            Viewer(mosaic=self.output).run(given)

    def check(self) -> Image.Image:
        """Open the target, if everything else is in order, too; raises MosaicError."""
        (cols, rows), (width, height) = self.target_res, self.thumb_res
        size = wanted_size(self) or (max(1, cols * width), max(1, rows * height))
        if Path(self.target).is_dir():
            raise MosaicError(f"the target {self.target} is a folder; photos come first, then the target")
        check_folder(self.output)
        printing.check_output(self.output, size, self)
        making.check_table(self)
        check_recolour(self)
        if self.detail > min(self.thumb_res):
            raise MosaicError(f"detail = {self.detail}: thumbnails do not have so many pixels")
        if self.view:
            viewer.view_folder(self.output)
        target = load_image(self.target)
        choosing.check_full(self, making.open_view(target, self.thumb_res, self).empty)
        for read in [{"target": self.target, "mask": self.mask}, *({"focus": one} for one in self.focus)]:
            check_kept(self.output, **read)
        written = mosaic_files(self.output, self.choices > 1)
        for path in [Path(self.output), *written.values()]:
            check_kept(str(path), store=self.store)
        check_ours(**written, **(store_files(self.store) if self.store else {}))
        return target

    def on_paper(self) -> "Make":
        """The same with the size of the paper, if one is named; raises MosaicError."""
        shape = upright_size(load_image(self.target)) if self.print else (1, 1)
        size = printing.paper_size(self.output, self, shape, size=self.size, tile=self.tile)
        return dataclasses.replace(self, size=size) if size else self

    def prepare(self, lines: Sequence[str]) -> tuple[Store, Files]:
        """The store of photos, made if it is not there, and the files of the mosaic."""
        root = collection_root(self.photos)
        path = self.store or making.find_kept(root, lines, self)
        store = (making.make_store if self.store else making.keep_store)(path, root, lines, self)
        if self.store:
            list_rejects(store)
        else:
            tell_rejects(store, mosaic_files(self.output)["report"])
        names = {"target": self.target, "mask": self.mask, "mosaic": self.output}
        return store, Files(store=path, photos=list(self.photos), **names)


def print_summary(
    report: Report, store: Store, spent: list[float], besides: Sequence[str]
) -> None:
    """Say what was made of what, what was found besides, and how long it took."""
    print(f"photos   {len(set(store.names))} read, {len(store.rejects)} skipped")
    for line in besides:
        print(f"besides  {line}")
    named = zip(("thumbnails", "match", "paste"), spent, strict=True)
    print(f"time     {sum(spent):.1f} s:", ", ".join(f"{step} {s:.1f}" for step, s in named))
    print(show(f"kept     {report.files.store}: thumbnails, for more mosaics of these photos"))


def report_path(mosaic: str) -> Path:
    """The report beside a mosaic; raises MosaicError if it is about another one."""
    path = Path(mosaic).with_suffix(".json")
    if not path.is_file() and not Path(mosaic).exists():
        raise MosaicError(f"there is no mosaic {mosaic}; correct the path")
    about = read_report(path).files.mosaic or mosaic
    if Path(about).resolve() != Path(mosaic).resolve() and Path(about).is_file():
        raise MosaicError(f"the report {path} is about {about}; make {mosaic} anew")
    return path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """Write a web page about a mosaic: the picture, its photos, how it was made."""

    mosaic: MosaicWord
    target: TargetWord = ""

    def run(self, given: Given) -> None:
        """Write the page beside the mosaic; it leads to the viewer, if there is one."""
        path = Path(self.mosaic).with_suffix(".html")
        work = making.open_work(report_path(self.mosaic), {"target": self.target})
        if not work.view:
            raise MosaicError(f"a page shows the target, too: {work.missing}")
        if path.exists() and not page.is_ours(path):
            raise MosaicError(f"{path} is not of our making; move it, or choose another name")
        start = viewer.find_view(self.mosaic)
        viewer.write_about(path, work, show(Path(self.mosaic).stem), start or self.mosaic)
        print(show(str(path)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Viewer(viewer.ViewSettings):
    """Write a folder in which to look at a mosaic from far and near, in a browser."""

    mosaic: MosaicWord
    target: TargetWord = ""
    serve: Annotated[bool, "serve the folder to this machine, until Ctrl-C"] = False
    image_path: Annotated[tuple[str, ...], "where the photos are now"] = ()

    def run(self, given: Given) -> None:
        """Write the folder, print which page to open, and serve it if asked."""
        viewer.view_folder(self.mosaic)
        work = making.open_work(report_path(self.mosaic), {"target": self.target})
        photos = list(self.image_path) or work.report.files.photos
        report = replace(work.report, files=replace(work.report.files, photos=photos))
        work = dataclasses.replace(work, report=report)
        start = viewer.write_view(self.mosaic, work, self)
        work.store.file.close()
        print(show(str(start)), flush=True)
        if self.serve:
            serve(start.parent)


def serve(folder: Path) -> None:
    """Serve a folder to this machine until Ctrl-C, and print where."""
    from smalti import serving  # whose server takes a while to load

    with serving.make_server(folder) as server, contextlib.suppress(KeyboardInterrupt):
        print(f"http://127.0.0.1:{server.server_port}/ shows it; Ctrl-C ends this", flush=True)
        server.serve_forever()
    print("no longer served")


FrameSide = Annotated[int, Meta(ge=16, le=30_000)]
Frame = tuple[FrameSide, FrameSide]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Zoom:
    """Write a film that dives into one cell of a mosaic."""

    mosaic: MosaicWord
    output: Annotated[str, "the film to write: .mp4, .webm, .webp or .gif"]
    cell: Annotated[tuple[int, int], "row and column to dive into; -1 -1 is the middle"] = (-1, -1)
    size: Annotated[Frame, "size of the film, at most"] = (640, 480)
    seconds: Annotated[float, Meta(ge=0.04, le=600), "how long it takes"] = 5.0
    image_path: Annotated[tuple[str, ...], "where the photos are now"] = ()

    def run(self, given: Given) -> None:
        """Write the film, and print into which photo it dives."""
        animation.check_animation(self.output)
        check_kept(self.output, mosaic=self.mosaic)
        work = making.open_work(report_path(self.mosaic), {})
        middle = (work.match.shape[0] // 2, work.match.shape[1] // 2)
        row, col = middle if self.cell == (-1, -1) else self.cell
        (rows, cols), count = work.match.shape, max(2, round(25 * self.seconds))
        if not (0 <= row < rows and 0 <= col < cols):
            raise MosaicError(f"cell = {row} {col}: there are {rows} rows and {cols} columns, from 0")
        animation.check_animation(self.output, self.size, count)
        draw = functools.partial(draw_sharp, work, find_root(self.image_path or work.report.files.photos))
        frames = animation.zoom_frames(
            draw, work.match, (row, col), work.store.thumb_res, self.size, count, work.recolour
        )
        animation.save_animation(self.output, making.progress(frames, count, "frames"))
        name = work.store.names[work.match[row, col]] if work.match[row, col] >= 0 else "nothing"
        print(show(f"{self.output}: {self.seconds:g} s, into {name}"))


def find_root(photos: Sequence[str]) -> str | None:
    """The folder of a collection, if it is still there."""
    with contextlib.suppress(MosaicError):
        return collection_root(photos)
    print("the photos are not at hand, so the end is not sharp; give --image-path", file=sys.stderr)
    return None


def draw_sharp(work: Work, root: str | None, which: Array, size: tuple[int, int]) -> Array:
    """Draw small thumbnails from the store, and large ones from the photos themselves."""
    tiles = work.draw(which, size)
    if root is None or size[0] <= work.store.thumb_res[0]:
        return tiles
    for tile, i in zip(tiles, which, strict=True):
        with contextlib.suppress(Unreadable):
            variant = work.store.variants[i]
            tile[:] = np.asarray(cut_photo(work.store.names[i], root, size, variant)[1])
    return tiles


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score(CellSettings):
    """Compare a mosaic with its target: colour, structure, photos used."""

    mosaic: MosaicWord
    target: TargetWord
    json: Annotated[bool, "print the scores as JSON"] = False

    def run(self, given: Given) -> None:
        """Print the scores, and how photos are used."""
        if Path(self.mosaic).suffix.lower() in (".dzi", ".szi"):
            raise MosaicError(f"{self.mosaic} cannot be read as a whole; its report has its scores")
        report = read_report(report_path(self.mosaic))
        seen = load_image(self.mosaic, "mosaic")
        settings, asked = making.recall(report, {}), any(self.target_res)
        if not (asked or report.settings):
            raise MosaicError(f"there is no report {report_path(self.mosaic)}; say --target-res COLS ROWS")
        if asked:
            settings = dataclasses.replace(settings, target_res=self.target_res, tile=0, size=(0, 0))
        (cols, rows), (width, height) = settings.target_res, seen.size
        shape = (width * rows, height * cols) if asked else settings.thumb_res
        view = making.open_view(load_image(self.target), shape, settings)
        cols, rows = view.grid
        flat = output.over_white(np.asarray(seen.convert("RGBA")))
        small = Image.fromarray(flat).resize((2 * cols, 2 * rows), Image.Resampling.BOX)
        found = scores.score_view(np.asarray(small), view)
        tell_score(found, report, self.json)


def tell_score(found: scores.Scores, report: Report, as_json: bool) -> None:
    """Print the scores of a mosaic, and how it uses photos if its report knows."""
    uses, most = uses_of(report), report.most_used_photo or ""
    if as_json:
        known = dataclasses.asdict(uses) | {"most_used_photo": most} if uses else {}
        print(json.dumps({"score": dataclasses.asdict(found), **known}))
        return
    print(scores.describe_score(found))
    if uses:
        print(scores.describe_uses(uses, most))
