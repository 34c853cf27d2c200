# ~/~ begin <<smalti/command.md#smalti/command.py>>[init]
"""The command line: make, its steps, and what else is done; explained in command.md."""

# ~/~ begin <<smalti/command.md#command-imports>>[init]
import argparse
import contextlib
import dataclasses
import functools
import hashlib
import itertools
import json
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from PIL import Image
from tqdm import tqdm

import mosaic
from mosaic import Settings, Store
from smalti import collection, output, steps, ways
from smalti.demands import DEMANDING, check_finish, check_together, make_demands
from smalti.ground.files import atomic
from smalti.ground.photos import UNREADABLE, formats, list_variants
from smalti.ground.settings import MosaicError, Parser, add_keys, make_settings, show

Array = output.Array
# ~/~ end

# ~/~ begin <<smalti/command.md#make-the-store>>[init]
def progress(items: Iterable[Any], total: int, what: str) -> Any:
    """Show progress, rate and end time on a terminal; elsewhere be quiet."""
    return tqdm(items, what, total, disable=None, unit="", leave=False)


def run_thumbnails(args: Any, settings: Settings) -> Store:
    """Make the store of all photos of a collection, or of those in a list, unless it is there."""
    root, listed = collection.collection_root(settings.image_path), vars(args).get("list")
    lines = (
        steps.read_list(listed)
        if listed
        else describe_photos(settings.image_path, vars(args).get("output"))
    )
    check_ours(**store_files(args.store))
    how = (settings.thumb_res, settings.thumb_quality, settings.variants, formats())
    origin = hashlib.sha256("\n".join([*lines, str((mosaic.VERSION, *how))]).encode()).hexdigest()
    if not is_made_of(args.store, origin):
        made = mosaic.make_thumbnails(
            [json.loads(line)[0] for line in lines],
            root,
            settings.thumb_res,
            settings.thumb_quality,
            settings.workers,
            list_variants(settings.variants),
        )
        bar = progress(made, len(lines), "thumbnails")
        mosaic.write_store(args.store, bar, settings.thumb_res, origin)
    return finish_store(args.store, allow_empty=bool(listed))


def is_made_of(path: str, origin: str) -> bool:
    """Whether a store is there, and was made of these photos in this way."""
    try:
        return mosaic.read_store(path).origin == origin
    except MosaicError:
        return False
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-store>>[1]
def describe_photos(paths: Sequence[str], output: str | None = None) -> list[str]:
    """A line of JSON for each photo of a collection but the output: name, bytes, time."""
    found = collection.describe_collection(paths)
    if output:
        root, own = collection.collection_root(paths), os.path.realpath(output)
        same = [name for name, *_ in found if Path(name).name == Path(own).name]
        same = [name for name in same if os.path.realpath(Path(root, name)) == own]
        found = [about for about in found if about[0] not in same]
    return [json.dumps(about) for about in found]
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-store>>[2]
def finish_store(path: str, allow_empty: bool = False) -> Store:
    """Read a store that was just made; list its rejects beside it and on the terminal."""
    store, table = mosaic.read_store(path), Path(path).with_suffix(".rejects.tsv")
    if not store.names and not allow_empty:
        first = "".join(f", not even {one.name} ({one.reason})" for one in store.rejects[:1])
        raise MosaicError(f"no photos found that can be read{first}; give a folder of photos")
    with atomic(table) as part:
        part.write_text("".join(f"{show(one.name)}\t{one.reason}\n" for one in store.rejects))
    for one in store.rejects[:5]:
        print(f"skipped {show(one.name)}: {one.reason}", file=sys.stderr)
    if len(store.rejects) > 5:
        print(f"skipped {len(store.rejects)} photos in all, see {table}", file=sys.stderr)
    return store
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-store>>[3]
def run_list(args: Any, settings: Settings) -> None:
    """Divide the photos of a collection among lists, for jobs that run in parallel."""
    steps.write_lists(describe_photos(settings.image_path), args.lists)


def run_merge(args: Any, settings: Settings) -> None:
    """Merge stores into one."""
    check_ours(**store_files(args.store))
    steps.merge_stores(args.store, args.parts)
    finish_store(args.store)
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-store>>[4]
def run_fetch(args: Any, settings: Settings) -> None:
    """Fetch a data set by its name, into a folder; print where it is."""
    print(show(str(collection.fetch(args.name, settings.data_path))))
# ~/~ end

# ~/~ begin <<smalti/command.md#make-the-match>>[init]
def target_name(settings: Settings, store: Store) -> str:
    """The path of the target, or of the photo that serves as the target."""
    if settings.target:
        return settings.target
    photos = list(dict.fromkeys(store.names))
    if settings.target_id >= len(photos):
        raise MosaicError(
            f"target_id = {settings.target_id}, but photos are numbered 0 to "
            f"{len(photos) - 1}; choose one of them, or set target"
        )
    root = collection.collection_root(settings.image_path)
    return str(Path(root, photos[settings.target_id]))


def load_image(path: str, what: str = "target") -> Image.Image:
    """Read a target, a mask or a mosaic into memory."""
    try:
        with collection.open_any("", path) as image:
            image.load()
            return image
    except UNREADABLE as error:
        raise MosaicError(f"cannot open the {what} {path}: {error}") from error


def open_view(
    target: str, thumb_res: tuple[int, int], settings: Settings, photos: int = 0
) -> ways.View:
    """Open the target, and the mask if there is one, and cut it into cells."""
    mask = load_image(settings.mask, "mask") if settings.mask else None
    return ways.make_view(load_image(target), thumb_res, settings, photos, mask)
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-match>>[1]
def keep_paths(files: dict[str, Any], report: Path) -> dict[str, Any]:
    """Paths, or lists of paths, as they are seen from a report."""
    kept = {}
    for word, found in files.items():
        seen = [os.path.relpath(path, report.parent) for path in as_list(found)]
        kept[word] = seen if isinstance(found, list) else seen[0]
    return kept


def as_list(found: Any) -> list[str]:
    """One path or several as a list."""
    return [str(one) for one in found] if isinstance(found, list) else [str(found)]


def asked_for(settings: Settings, keys: Sequence[str]) -> dict[str, Any]:
    """Those of some settings that differ from what is usual."""
    plain = Settings()
    both = {key: (getattr(settings, key), getattr(plain, key)) for key in keys}
    return {key: value for key, (value, usual) in both.items() if value != usual}


def run_match(args: Any, settings: Settings) -> None:
    """Match a target with the thumbnails of a store; write a table and a report."""
    check_together(settings)
    store, table = mosaic.read_store(args.store), Path(args.table)
    if table.suffix.lower() == ".csv":
        raise MosaicError(f"{table} would be a list of choices; call the table .tab")
    target, count = target_name(settings, store), len(set(store.names)) * settings.max_uses
    read = {key: getattr(settings, key) for key in ("mask", "budgets", "pins")}
    check_kept(args.table, store=args.store, target=target, **read)
    check_ours(**table_files(table, settings))
    view = open_view(target, store.thumb_res, settings, count)
    photo, alike = find_photos(store, settings)
    demands = make_demands(store.names, photo, view.empty.shape, settings, view.empty)
    draw = functools.partial(mosaic.read_thumbnails, store.path)
    tiles, cells = ways.make_tiles_and_cells(draw, store.mean, store.thumb_res, view, settings)
    with watch_proof() as on_round:
        match, report = ways.find_match(tiles, cells, settings, demands, view.empty, on_round)
    if settings.choices > 1:
        ranked = ways.rank(tiles, cells, settings, view.empty)
        with atomic(table.with_suffix(".csv")) as part:
            collection.write_choices(part, *ranked, label(store))
    table.with_suffix(".alike.txt").unlink(missing_ok=True)  # of an earlier match
    if alike:
        with atomic(table.with_suffix(".alike.txt")) as part:
            part.write_text("".join(show(line) + "\n" for line in alike))
    report |= {"most_used_photo": most_used(match, store), "store": store.digest}
    report |= remember(args, settings, view, store, target)
    steps.write_match(args.table, match, report)
    print_match(report, len(alike), table, settings)


def remember(
    args: Any, settings: Settings, view: ways.View, store: Store, target: str
) -> dict[str, Any]:
    """What a report keeps for later steps: settings, and files as they are seen from it."""
    seen = {"target_res": view.grid, "thumb_res": store.thumb_res}
    files = {"store": args.store, "table": args.table, "target": target}
    files |= {"mask": settings.mask} if settings.mask else {}
    files |= {"photos": args.given["image_path"]} if "image_path" in args.given else {}
    return {
        "settings": asked_for(settings, [*VIEW, *COMPARING]) | seen,
        "files": keep_paths(files, Path(args.table).with_suffix(".json")),
    }


def most_used(match: Array, store: Store) -> str:
    """The name of the photo that a (rows, cols) match uses most."""
    uses = np.bincount(store.photo[match[match >= 0]])
    return show(store.names[int(np.flatnonzero(store.photo == uses.argmax())[0])])


def label(store: Store) -> list[str]:
    """The name of each thumbnail, with that of its variant if it has one."""
    pairs = zip(store.names, store.variants, strict=True)
    return [f"{name} ({variant})" if variant else name for name, variant in pairs]


def print_match(report: dict[str, Any], alike: int, table: Path, settings: Settings) -> None:
    """Say what a match is like."""
    if alike:
        hint = "share their budgets" if settings.dedupe else "can share budgets: --dedupe"
        print(f"alike    {alike} groups of photos that look the same {hint}")
    asked = asked_for(settings, [*COMPARING, "dither", "spacing"])
    words = ", ".join(f"{key} {value}" for key, value in asked.items())
    print(f"match    {report['method']}, {report['cells']} cells" + (f" ({words})" if words else ""))
    print(*ways.describe_uses(report), sep="\n")
    mean = f", root mean square {report['levels']} levels a cell" if "levels" in report else ""
    print(f"cost     {report['cost']:.6g}{mean}")
    if "proof" in report:
        print(f"proof    {report['proof']}")
    if report.get("stopped", "optimal") != "optimal":
        print(f"stopped  {report['stopped']}; this is the best match so far")
    if "too_near" in report:
        print(f"spacing  {report['too_near']} pairs of equal photos are too near")
    if settings.choices > 1:
        path = table.with_suffix(".csv")
        print(show(f"choices  the best {settings.choices} of each cell are in {path}"))
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-match>>[2]
def find_photos(store: Store, settings: Settings) -> tuple[Array, list[str]]:
    """The photo of each thumbnail, (n,), and a line for each group that looks the same."""
    first = np.unique(store.photo, return_index=True)[1]
    if settings.method == "nearest" or (len(first) > 100_000 and not settings.dedupe):
        return store.photo, []
    size = store.thumb_res if min(store.thumb_res) >= 16 else (16, 16)
    looks = [
        collection.fingerprint(mosaic.read_thumbnails(store.path, first[i : i + 1024], size))
        for i in range(0, len(first), 1024)
    ]
    alike = collection.find_alike(np.concatenate(looks)) if looks else first
    lines = list(collection.list_duplicates([store.names[i] for i in first], alike))
    return alike[store.photo] if settings.dedupe else store.photo, lines
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-match>>[3]
@contextlib.contextmanager
def watch_proof() -> Iterator[Callable[..., None]]:
    """Show on a terminal how the proven gap of a match falls."""
    with tqdm(desc="match", bar_format="{desc}: {elapsed}{postfix}", disable=None) as bar:
        yield lambda proof: bar.set_postfix_str(f"at most {proof.gap:.1e} above the optimum")
# ~/~ end

# ~/~ begin <<smalti/command.md#make-the-mosaic>>[init]
def read_report(path: Path) -> dict[str, Any]:
    """Read the report of a match or a mosaic, with paths that can be opened; {} if none."""
    if not path.is_file():
        return {}
    try:
        report = dict(json.loads(path.read_text()))
        files = dict(report.get("files", {}))
        if not all(isinstance(report.get(key, {}), dict) for key in ("settings", "finish")):
            raise TypeError("it is not of our making")
        for word, found in files.items():
            here = [os.path.normpath(path.parent / str(name)) for name in as_list(found)]
            files[word] = here if word == "photos" else here[0]
        return report | {"files": files}
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise MosaicError(f"cannot read the report {path}: {error}; match anew") from error


def is_ours(kind: str, path: Path) -> bool:
    """Whether a file is of our making, and of a kind: a store, a table, a list, a report."""
    report = {}
    with contextlib.suppress(MosaicError):
        report = read_report(path.with_suffix(".json"))
    if kind == "report":
        return "store" in report
    with path.open("rb") as file:
        head, line = file.read(40), file.readline(10_000)
    if kind == "store":
        if os.path.normpath(path) == report.get("files", {}).get("store"):
            return True  # even if it is damaged
        with contextlib.suppress(OSError), h5py.File(path, "r") as stored:
            return bool(stored.attrs.get("format") == mosaic.FORMAT)
    looks = {
        "table": not head.strip(b"-\t\r\n0123456789"),
        "choices": head.startswith(",".join(collection.CHOICES).encode()),
        "rejects": (head + line).partition(b"\n")[0].count(b"\t") == 1,
        "alike": b" look the same" in path.read_bytes(),
    }
    return not head or looks.get(kind, False)


def check_ours(**files: str | Path) -> None:
    """Raise MosaicError if a file is there that is not of our making and of its kind."""
    for kind, path in files.items():
        if Path(path).is_file() and not is_ours(kind, Path(path)):
            raise MosaicError(
                f"{path} is not of our making, or no {kind}; move it, or choose another name"
            )


def store_files(path: str) -> dict[str, Any]:
    """The files that belong to a store, by their kinds."""
    return {"store": path, "rejects": Path(path).with_suffix(".rejects.tsv")}


def table_files(table: Path, settings: Settings) -> dict[str, Path]:
    """The files that belong to a table, by their kinds."""
    endings = {"table": table.suffix, "report": ".json", "alike": ".alike.txt"}
    endings |= {"choices": ".csv"} if settings.choices > 1 else {}
    return {kind: table.with_suffix(ending) for kind, ending in endings.items()}
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-mosaic>>[1]
def check_kept(written: str, **read: str) -> None:
    """Raise MosaicError if a file would be written over one that is read, given by a word."""
    for word, path in read.items():
        if path and os.path.realpath(written) == os.path.realpath(path):
            raise MosaicError(f"{written} is the {word}; call the output something else")
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-mosaic>>[2]
@dataclasses.dataclass(frozen=True)
class Work:
    """A match with what it was made of: its report, settings, store and view."""

    report: dict[str, Any]
    settings: Settings
    store: Store
    match: Array
    view: ways.View | None
    missing: str = ""  # why there is no view

    def draw(self, which: Array, size: tuple[int, int]) -> Array:
        """Decode thumbnails: (k,) numbers and (width, height) to (k, height, width, 3)."""
        return mosaic.read_thumbnails(self.store.path, which, size)

    @property
    def finish(self) -> output.Finish | None:
        """What is done to tiles at their places, if anything."""
        return ways.make_finish(self.view, self.settings) if self.view else None


def recall(report: dict[str, Any], given: dict[str, Any]) -> Settings:
    """The settings of a report, with those that are given now."""
    known = {**report.get("settings", {}), **report.get("finish", {})}
    files = {key: value for key, value in report.get("files", {}).items() if key in ("target", "mask")}
    return make_settings(Settings, known | files | given)


def open_work(
    report_path: Path, given: dict[str, Any], store: str = "", table: str = "", among: int = 0
) -> Work:
    """Open what a report tells of, or a store and a table with their report."""
    report = read_report(report_path)
    files = report.get("files", {})
    if not (store and table) and not {"store", "table"} <= set(files):
        raise MosaicError(f"there is no report {report_path} of a mosaic; paste it anew")
    settings, opened = recall(report, given), mosaic.read_store(store or files["store"])
    check_finish(settings)
    view, missing = None, "give the target by --target"
    try:  # to see the target as it was seen when it was matched
        seen = recall(report, {key: given[key] for key in given if key == "target"})
        shape = seen.thumb_res if "settings" in report else opened.thumb_res
        view = open_view(seen.target, shape, seen) if seen.target else None
    except MosaicError as error:
        missing = str(error)
    if not view and (settings.tint or settings.blend):
        raise MosaicError(missing)
    among = among or int(report.get("among", 1))
    match = read_table(table or files["table"], opened, view, among)
    if view and view.empty.shape != match.shape:
        raise MosaicError(f"{report_path} is not the report of this table; match anew")
    return Work(report, settings, opened, match, view, missing)
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-mosaic>>[3]
def read_table(path: str, store: Store, view: ways.View | None, among: int) -> Array:
    """Read a (rows, cols) match, or choose one `among` the best of each cell."""
    if Path(path).suffix.lower() != ".csv":
        if among > 1:
            raise MosaicError("`choices` needs a table of choices, .csv; match with --choices")
        return steps.read_match(path, store)
    empty = view.empty if view else None
    choices, _ = collection.read_choices(path, label(store), empty)
    if among > choices.shape[2]:
        raise MosaicError(f"choices = {among}: {path} has {choices.shape[2]} for each cell")
    return ways.vary(choices[..., :among])


def save_mosaic(
    path: str, work: Work, thumb_res: tuple[int, int] | None
) -> tuple[tuple[int, int], Array]:
    """Paste and save; its (width, height), and its look at twice the grid, (2 rows, 2 cols, 3)."""
    size = None if thumb_res else ways.wanted_size(work.settings)
    shape, (rows, cols) = thumb_res or work.store.thumb_res, work.match.shape
    size, bands = ways.paste(work.draw, work.match, shape, size, work.finish)
    output.check_size(path, size)
    seen: list[Array] = []
    bands = ways.watch(progress(bands, rows, "pasting"), cols, seen)
    empty = work.match < 0
    output.save_bands(path, output.cover(bands, empty, size) if empty.any() else bands, size)
    return size, np.concatenate(seen)


def run_paste(args: Any, settings: Settings) -> tuple[int, int]:
    """Paste a mosaic from a store and a table; return its (width, height)."""
    beside = Path(args.output).with_suffix(".json")
    check_ours(report=beside)
    if args.thumb_res and args.given.get("size"):
        raise MosaicError("`size` does not go with `thumb_res`: it decides how large tiles are")
    among, of = args.given.get("choices", 1), Path(args.table).with_suffix(".json")
    work = open_work(of, args.given, args.store, args.table, among)
    read = {"target": work.settings.target, "store": args.store, "mask": work.settings.mask}
    check_kept(args.output, **read)
    size, seen = save_mosaic(args.output, work, settings.thumb_res if args.thumb_res else None)
    report = report_mosaic(args, work, seen) | {"size": size}
    with atomic(beside) as part:
        part.write_text(json.dumps(report, indent=1) + "\n")
    for key, strength in report["finish"].items():
        print(f"{key:8} {strength}: the colours of the photos are changed")
    print(*(ways.describe_score(report) or [f"score    none: {work.missing}"]), sep="\n")
    return size
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-mosaic>>[4]
OF_A_MATCH = {"cost", "levels", "proof", "gap", "bound", "rounds", "arcs", "tiles", "stopped"}


def report_mosaic(args: Any, work: Work, seen: Array) -> dict[str, Any]:
    """The report of a mosaic, from what it looks like at twice the grid, (2 rows, 2 cols, 3)."""
    report = {key: value for key, value in work.report.items() if key != "score"}
    report |= {"store": work.store.digest, "finish": asked_for(work.settings, FINISHING)}
    if args.table.lower().endswith(".csv"):
        report = {key: report[key] for key in report if key not in OF_A_MATCH | {"too_near"}}
        report |= {"method": "choices", "among": args.given.get("choices", 1)}
        report |= ways.count_uses(work.match, work.store.photo)
        report["most_used_photo"] = most_used(work.match, work.store)
    if work.view:
        report["score"] = ways.score(seen, work.view)
    files = {"store": args.store, "table": args.table, "mosaic": args.output}
    beside = Path(args.output).with_suffix(".json")
    return report | {"files": keep_paths(report.get("files", {}) | files, beside)}
# ~/~ end
# ~/~ begin <<smalti/command.md#make-the-mosaic>>[5]
def run_make(args: Any, settings: Settings) -> None:
    """Make a mosaic of a collection of photos, from beginning to end."""
    (cols, rows), (width, height) = settings.target_res, settings.thumb_res
    size = ways.wanted_size(settings) or (max(1, cols * width), max(1, rows * height))
    output.check_size(args.output, size)
    check_together(settings)
    open_view(settings.target, settings.thumb_res, settings)
    if settings.detail > min(settings.thumb_res):
        raise MosaicError(f"detail = {settings.detail}: thumbnails do not have so many pixels")
    check_kept(args.output, target=settings.target, mask=settings.mask)
    stem = Path(args.output).with_suffix("")
    own = {"store": f"{stem}.h5", "table": f"{stem}.tab", "list": None, "thumb_res": None}
    given = args.given | {"choices": 1}  # paste what was matched, and do not choose anew
    args = argparse.Namespace(**vars(args) | own | {"given": given})
    check_ours(**store_files(args.store), **table_files(Path(args.table), settings))
    clock = [time.perf_counter()]
    store = run_thumbnails(args, settings)
    clock.append(time.perf_counter())
    run_match(args, settings)
    clock.append(time.perf_counter())
    size = run_paste(args, settings)
    clock.append(time.perf_counter())
    spent = [after - before for before, after in itertools.pairwise(clock)]
    print_summary(args, store, size, spent)


def print_summary(args: Any, store: Store, size: tuple[int, int], spent: list[float]) -> None:
    """Say what was made of what, and how long it took."""
    print(f"{show(args.output)}: {size[0]} x {size[1]} pixels")
    print(f"photos   {len(set(store.names))} read, {len(store.rejects)} skipped")
    steps = zip(("thumbnails", "match", "paste"), spent, strict=True)
    print(f"time     {sum(spent):.1f} s:", ", ".join(f"{step} {s:.1f}" for step, s in steps))
    print(show(f"kept     {args.store}, {args.table}; mosaic paste makes them into other sizes"))
# ~/~ end

# ~/~ begin <<smalti/command.md#make-more-of-it>>[init]
def report_of(args: Any) -> Path:
    """The report beside a mosaic; raises MosaicError if it is about another one."""
    path = Path(args.mosaic).with_suffix(".json")
    about = read_report(path).get("files", {}).get("mosaic", args.mosaic)
    if os.path.normpath(about) != os.path.normpath(args.mosaic) and Path(about).is_file():
        raise MosaicError(f"the report {path} is about {about}; paste {args.mosaic} anew")
    return path


def run_page(args: Any, settings: Settings) -> None:
    """Write a web page about a mosaic, beside it: the target, the report, the photos."""
    from smalti import page

    path, link = Path(args.mosaic).with_suffix(".html"), args.mosaic
    work = open_work(report_of(args), args.given)
    if not work.view:
        raise MosaicError(f"a page shows the target, too: {work.missing}")
    title, view = page.show_name(Path(args.mosaic).stem), path.with_suffix(".view.html")
    for old in (path, view):
        if old.exists() and page.MARK not in old.read_bytes()[:200]:
            raise MosaicError(f"{old} is not of our making; move it, or choose another name")
    if args.mosaic.lower().endswith(".dzi"):
        link = str(view)
        page.write_viewer(link, args.mosaic, work.match, work.store.names, title)
    page.write_page(
        path,
        work.draw,
        work.match,
        work.store.thumb_res,
        work.store.names,
        work.view.target,
        {key: value for key, value in work.report.items() if key not in ("files", "store")},
        mosaic=link,
        title=title,
        finish=work.finish,
        photo=work.store.photo,
    )
    print(show(str(path)))
# ~/~ end
# ~/~ begin <<smalti/command.md#make-more-of-it>>[1]
def run_zoom(args: Any, settings: Settings) -> None:
    """Write an animation that dives into one cell of a mosaic, as .gif or .webp."""
    output.check_animation(args.output)
    check_kept(args.output, mosaic=args.mosaic)
    work = open_work(report_of(args), args.given)
    rows, cols = work.match.shape
    row, col = args.cell or (rows // 2, cols // 2)
    if not (0 <= row < rows and 0 <= col < cols):
        raise MosaicError(f"cell = {row} {col}: there are {rows} rows and {cols} columns, from 0")
    size = tuple(args.given.get("size") or (640, 480))
    if min(size) < 16 or not 0 < args.seconds <= 600:
        raise MosaicError("a dive needs at least 16 x 16 pixels, and from 0 to 600 seconds")
    photos = args.given.get("image_path") or work.report["files"].get("photos")
    count = max(2, round(25 * args.seconds))
    output.check_animation(args.output, (size[0], size[1]), count)
    frames = output.zoom_frames(
        functools.partial(draw_sharp, work, find_root(photos or [])),
        work.match,
        (row, col),
        work.store.thumb_res,
        (size[0], size[1]),
        count,
        work.finish,
    )
    output.save_animation(args.output, progress(frames, count, "frames"))
    name = work.store.names[work.match[row, col]] if work.match[row, col] >= 0 else "nothing"
    print(show(f"{args.output}: {args.seconds:g} s, into {name}"))


def find_root(photos: Sequence[str]) -> str | None:
    """The folder of a collection, if it is still there."""
    with contextlib.suppress(MosaicError):
        return collection.collection_root(photos)
    print("the photos are not at hand, so the end is not sharp; give --image-path", file=sys.stderr)
    return None


def draw_sharp(work: Work, root: str | None, which: Array, size: tuple[int, int]) -> Array:
    """Draw small thumbnails from the store, and large ones from the photos themselves."""
    tiles = work.draw(which, size)
    if root is None or size[0] <= work.store.thumb_res[0]:
        return tiles
    for tile, i in zip(tiles, which, strict=True):
        with contextlib.suppress(*UNREADABLE):
            variant = work.store.variants[i]
            tile[:] = np.asarray(mosaic.cut_photo(work.store.names[i], root, size, variant)[1])
    return tiles
# ~/~ end
# ~/~ begin <<smalti/command.md#make-more-of-it>>[2]
def run_score(args: Any, settings: Settings) -> None:
    """Compare a mosaic with its target: colour error, likeness of structure, photos used."""
    if Path(args.mosaic).suffix.lower() == ".dzi":
        raise MosaicError(f"{args.mosaic} cannot be read as a whole; its report has its scores")
    report = read_report(report_of(args))
    settings = recall(report, args.given)
    if "target_res" in args.given:
        settings = dataclasses.replace(settings, tile=0, size=(0, 0))
    if 0 in settings.target_res:
        raise MosaicError(f"there is no report {report_of(args)}; say --target-res COLS ROWS")
    seen = load_image(args.mosaic, "mosaic")
    (cols, rows), (width, height) = settings.target_res, seen.size
    seen_so = "target_res" in args.given or "settings" not in report
    shape = (width * rows, height * cols) if seen_so else settings.thumb_res
    view = open_view(args.target, shape, settings)
    cols, rows = view.grid
    flat = output.over_white(np.asarray(seen.convert("RGBA")))
    small = Image.fromarray(flat).resize((2 * cols, 2 * rows), Image.Resampling.BOX)
    report["score"] = ways.score(np.asarray(small), view)
    if args.json:
        print(json.dumps({key: report[key] for key in ("score", *ways.USES) if key in report}))
    else:
        print(*ways.describe_score(report), *ways.describe_uses(report), sep="\n")
# ~/~ end

# ~/~ begin <<smalti/command.md#read-the-words>>[init]
class Command(NamedTuple):
    """A command: what it runs, its words, an example, the settings that it takes."""

    run: Callable[[Any, Settings], Any]
    words: str
    example: str
    keys: Sequence[str] = ()
    options: Sequence[str] = ()


THUMBNAILS = ["thumb_res", "thumb_quality", "variants", "workers"]
VIEW = ["target_res", "tile", "size", "mask"]
COMPARING = ["feature", "detail", "bins", "colour", "metric", "weights"]
MATCHING = ["max_uses", "min_uses", "repeats", "solver", "spacing", "choices", *DEMANDING]
FINISHING = ["tint", "blend"]
WAYS = [*VIEW, *COMPARING, "method", "dither", *MATCHING]

COMMANDS = [
    Command(
        run_make,
        "PHOTOS+ TARGET",
        "~/Pictures me.jpg -o mosaic.jpg",
        [*THUMBNAILS, *WAYS, *FINISHING],
        ["-o"],
    ),
    Command(run_thumbnails, "PHOTOS+ STORE", "~/Pictures thumbnails.h5", THUMBNAILS, ["--list"]),
    Command(run_list, "PHOTOS LISTS+", "~/Pictures list-0 list-1 list-2"),
    Command(run_merge, "STORE PARTS+", "thumbnails.h5 part-0.h5 part-1.h5"),
    Command(
        run_match,
        "STORE TABLE",
        "thumbnails.h5 matches.tab --target me.jpg",
        ["target", "target_id", "image_path", *WAYS],
    ),
    Command(
        run_paste,
        "STORE TABLE OUTPUT",
        "thumbnails.h5 matches.tab mosaic.png",
        ["thumb_res", "size", "choices", *FINISHING, "target"],
    ),
    Command(run_page, "MOSAIC", "mosaic.jpg", ["target"]),
    Command(
        run_zoom,
        "MOSAIC OUTPUT",
        "mosaic.jpg dive.webp --cell 12 40",
        ["size", "image_path"],
        ["--cell", "--seconds"],
    ),
    Command(run_score, "MOSAIC TARGET", "mosaic.jpg me.jpg", ["target_res"], ["--json"]),
    Command(run_fetch, "NAME", "pets", ["data_path"]),
]
# ~/~ end
# ~/~ begin <<smalti/command.md#read-the-words>>[1]
WORDS = {
    "PHOTOS": "a folder of photos, an archive, a CIFAR file",
    "TARGET": "the image to imitate",
    "STORE": "the HDF5 file of thumbnails",
    "TABLE": "the table of matches, .tab, or of choices, .csv",
    "OUTPUT": "the image to write",
    "PARTS": "stores to merge",
    "LISTS": "lists among which to divide the photos",
    "MOSAIC": "a mosaic that was made, with its report beside it",
    "NAME": f"one of {', '.join(collection.DATASETS)}",
}
OPTIONS: dict[str, dict[str, Any]] = {
    "-o": {"dest": "output", "required": True, "metavar": "OUTPUT", "help": "the mosaic: .jpg, .png, .webp, .tif or .dzi"},
    "--list": {"help": "a list of photos to take, instead of all"},
    "--cell": {"nargs": 2, "type": int, "metavar": ("ROW", "COL"), "help": "where to (usual: the middle)"},
    "--seconds": {"type": float, "default": 5.0, "help": "how long it takes (usual: 5)"},
    "--json": {"action": "store_true", "help": "print the scores as JSON"},
}
USUAL = {"make": {"repeats": "fewest"}}
# ~/~ end
# ~/~ begin <<smalti/command.md#read-the-words>>[2]
def build_parser() -> Parser:
    """The command line, made of the table of commands."""
    parser = Parser("mosaic", description="Make a photo mosaic: a picture of many photos.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        name, doc = command.run.__name__[4:], str(command.run.__doc__).split("\n")[0]
        example = f"Example: mosaic {name} {command.example}"
        sub: Parser = commands.add_parser(name, help=doc, description=doc, epilog=example)
        for word in command.words.split():
            dest, many = word.rstrip("+"), "+" if word.endswith("+") else None
            key = {"PHOTOS": "image_path"}.get(dest, dest.lower())
            sub.add_argument(key, metavar=dest, nargs=many, help=WORDS[dest])
        for option in command.options:
            sub.add_argument(*([option, "--output"] if option == "-o" else [option]), **OPTIONS[option])
        add_keys(sub, Settings, *command.keys, **USUAL.get(name, {}))
        sub.set_defaults(run=command.run)
    return parser
# ~/~ end
# ~/~ begin <<smalti/command.md#read-the-words>>[3]
class Stopped(BaseException):
    """The process was told to end."""


def stop(*ignored: Any) -> None:
    """End at once, and not with the best match so far, as Ctrl-C does."""
    raise Stopped


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status: 0, 2 for bad input, 130 if stopped."""
    args = build_parser().parse_args(argv)
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGTERM, stop)
    with contextlib.suppress(AttributeError):  # names may be in any alphabet
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    warnings.simplefilter("ignore")
    try:
        keys = {field.name for field in dataclasses.fields(Settings)}
        given = {key: word for key, word in vars(args).items() if key in keys}
        args.given = {key: word for key, word in given.items() if word is not None}
        args.run(args, make_settings(Settings, args.given))
    except (KeyboardInterrupt, Stopped):
        print("mosaic: stopped; what was finished is kept", file=sys.stderr)
        return 130
    except MosaicError as error:
        problem = str(error)
    except BrokenProcessPool:
        problem = "a worker was killed, most likely for want of memory; try --workers 1"
    except MemoryError as error:
        problem = f"not enough memory ({error}); set a smaller target_res or thumb_res"
    except OSError as error:
        problem = show(f"{error.filename or 'writing'}: {error.strerror or error}")
    else:
        return 0
    print(f"mosaic: {problem}", file=sys.stderr)
    return 2
# ~/~ end
# ~/~ end