# Made from smalti/printing.md by make tangle; edit that.
"""Posters of the size of a paper, as PDF, in sheets; explained in printing.md."""

import dataclasses
import io
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Annotated

import numpy as np
from msgspec import Meta
from PIL import Image

from mosaic import Array
from smalti import output
from smalti.ground.errors import MosaicError, show
from smalti.ground.files import atomic, clear_left, discard
from smalti.ground.settings import Given
from smalti.output import Bands

Dpi = Annotated[int, Meta(ge=10, le=10_000)]
Millimetres = Annotated[float, Meta(ge=0, le=100)]


@dataclasses.dataclass(frozen=True)
class PrintSettings(output.OutputSettings):
    """Print"""

    print: Annotated[str, "fill a paper: A0 to A6, letter, tabloid, 60x40cm, 24x16in"] = ""
    dpi: Annotated[Dpi, "pixels to an inch of paper"] = 300
    sheets: Annotated[str, "divide it among sheets in a .pdf: A4, or 4x3 of them"] = ""
    overlap: Annotated[Millimetres, "by how much sheets overlap, in mm"] = 10.0


def resolution(path: str, settings: PrintSettings, given: Given) -> int | None:
    """The dots per inch of a picture, if it is for paper."""
    asked = settings.print or settings.sheets or "dpi" in given or is_pdf(path)
    return settings.dpi if asked else None


def is_pdf(path: str | Path) -> bool:
    """Whether a file is a PDF by its name."""
    return Path(path).suffix.lower() == ".pdf"


INCH = 25.4  # mm
UNITS = {"mm": 1.0, "cm": 10.0, "in": INCH}
PAPERS: dict[str, tuple[float, float]] = {
    "letter": (8.5 * INCH, 11 * INCH),
    "legal": (8.5 * INCH, 14 * INCH),
    "tabloid": (11 * INCH, 17 * INCH),
    "a0": (841, 1189),
}
for number in range(6):
    width, height = PAPERS[f"a{number}"]
    PAPERS[f"a{number + 1}"] = (height // 2, width)


SIZED = re.compile(r"(\d+\.?\d*)x(\d+\.?\d*)(mm|cm|in)")


def read_paper(word: str, what: str = "print") -> tuple[float, float]:
    """The (width, height) of a paper in mm, by its name or its size; raises MosaicError.

    >>> read_paper("A4"), read_paper("60x40cm")
    ((210, 297), (600.0, 400.0))
    """
    if paper := PAPERS.get(word.lower()):
        return paper
    found = SIZED.fullmatch(word.lower())
    sides = [float(found[i]) * UNITS[found[3]] for i in (1, 2)] if found else [0.0, 0.0]
    if min(sides) < 1:
        count = "a number of sheets, as 4x3; " if what == "sheets" else ""
        raise MosaicError(
            f"{what} = {word}: it must be {count}A0 to A6, letter, legal or tabloid; or a size with "
            "its unit, as 60x40cm, 24x16in or 600x400mm"
        )
    return sides[0], sides[1]


def turn_like(paper: tuple[float, float], shape: tuple[float, float]) -> tuple[float, float]:
    """A paper, turned to lie or to stand as a picture of some shape does; a square turns none.

    >>> turn_like((210, 297), (900, 600))
    (297, 210)
    """
    (width, height), (across, down) = paper, shape
    turned = (width - height) * (across - down) < 0
    return (height, width) if turned else paper


def pixels(paper: tuple[float, float], dpi: float) -> tuple[int, int]:
    """The (width, height) in pixels of a paper in mm.

    >>> pixels((841, 1189), 300)
    (9933, 14043)
    """
    return round(paper[0] / INCH * dpi), round(paper[1] / INCH * dpi)


def size_on_paper(size: tuple[int, int], dpi: float) -> tuple[float, float]:
    """The (width, height) in mm of a picture in pixels."""
    return size[0] / dpi * INCH, size[1] / dpi * INCH


def paper_size(
    path: str, settings: PrintSettings, shape: tuple[float, float], **others: object
) -> tuple[int, int] | None:
    """The (width, height) in pixels of the paper for a picture of some shape; None if none is named.

    `others` are settings that say how large the picture is, too. Raises MosaicError.
    """
    if not settings.print:
        return None
    for name, value in others.items():
        if np.any(np.asarray(value)):
            raise MosaicError(f"`print` does not go with `{name}`; leave out one of them")
    if Path(path).suffix.lower() in (".dzi", ".szi"):
        raise MosaicError(f"{path} is for screens; print a .tif, .png, .jpg or .pdf")
    size = pixels(turn_like(read_paper(settings.print), shape), settings.dpi)
    if not 0 < min(size) <= max(size) <= 10**6:
        raise MosaicError(f"print = {settings.print}: {size[0]} x {size[1]} pixels; change dpi")
    return size


def cover(frame: tuple[int, int], shape: tuple[float, float]) -> tuple[int, int]:
    """The smallest (width, height) of some shape in which a frame has room.

    >>> cover((400, 300), (2, 1))
    (600, 300)
    """
    scale = max(frame[0] / shape[0], frame[1] / shape[1])
    return max(frame[0], round(shape[0] * scale)), max(frame[1], round(shape[1] * scale))


def cut_to(bands: Bands, size: tuple[int, int], frame: tuple[int, int]) -> Iterator[Array]:
    """Cut the bands of a picture of (width, height) to a smaller frame in its middle."""
    left, top = (size[0] - frame[0]) // 2, (size[1] - frame[1]) // 2
    above = 0
    for band in bands:
        part = band[max(0, top - above) : max(0, top + frame[1] - above), left : left + frame[0]]
        above += len(band)
        if len(part):
            yield part


BYTES = {".jpg": 2.0, ".jpeg": 2.0, ".webp": 2.0, ".pdf": 2.1, ".dzi": 2.5, ".szi": 2.5}
MOST = 4.2


def check_room(path: str | Path, size: tuple[int, int], quality: int = 0) -> None:
    """Raise MosaicError if the disk may not have room for a picture of (width, height)."""
    each = MOST if quality > 90 else BYTES.get(Path(path).suffix.lower(), MOST)
    wanted = size[0] * size[1] * each + 65_536
    folder = next(above for above in Path(path).absolute().parents if above.is_dir())
    if (free := shutil.disk_usage(folder).free) < wanted:
        needs, has = math.ceil(wanted / 1e6), math.floor(free / 1e6)
        raise MosaicError(
            f"{path}: {size[0]} x {size[1]} pixels may take {needs} MB, and {has} MB are free "
            "there; make room, write a .jpg, or set a smaller size"
        )


def need_pikepdf() -> ModuleType:
    """The package that writes PDF; raises MosaicError if it is not installed."""
    try:
        import pikepdf
    except ImportError as error:
        raise MosaicError(
            "a PDF needs a package: pip install 'mosaic-book[print]'; or write a .tif, .png or .jpg"
        ) from error
    return pikepdf


class Pages:
    """A PDF that is being written, page by page; lengths are in mm, from the lower left."""

    def __init__(self, title: str, about: str = "") -> None:
        pike = self.pike = need_pikepdf()
        self.pdf = pike.new()
        self.pdf.docinfo["/Title"] = title
        self.pdf.docinfo["/Creator"] = about or "mosaic"
        profile = self.pdf.make_stream(output.srgb(), N=3)
        self.colours = pike.Array([pike.Name.ICCBased, profile])
        self.names: list[object] = []

    def add(
        self, paper: tuple[float, float], jpeg: bytes, size: tuple[int, int], program: str, name: str
    ) -> None:
        """Add a page with the picture /P, a JPEG of (width, height) pixels, and the font /F."""
        pike, point = self.pike, 72 / INCH
        picture = self.pdf.make_stream(
            jpeg, Type=pike.Name.XObject, Subtype=pike.Name.Image, Width=size[0], Height=size[1],
            ColorSpace=self.colours, BitsPerComponent=8, Filter=pike.Name.DCTDecode,
        )
        font = pike.Dictionary(Type=pike.Name.Font, Subtype=pike.Name.Type1, BaseFont=pike.Name.Helvetica)
        page = self.pdf.add_blank_page(page_size=(paper[0] * point, paper[1] * point)).obj
        page.Resources = pike.Dictionary(XObject={"/P": picture}, Font={"/F": font})
        page.Contents = self.pdf.make_stream(f"{point:.8f} 0 0 {point:.8f} 0 0 cm\n{program}".encode())
        self.names += [len(self.names) // 2, pike.Dictionary(P=pike.String(name))]

    def last_comes_first(self) -> None:
        """Move the last page to the front."""
        pages, names = self.pdf.pages, self.names[1::2]
        pages.insert(0, pages[-1])
        del pages[-1]
        self.names[1::2] = [names[-1], *names[:-1]]

    def save(self, path: Path) -> None:
        """Write the PDF; the same pages make the same bytes."""
        self.pdf.Root.PageLabels = self.pike.Dictionary(Nums=self.pike.Array(self.names))
        self.pdf.save(path, deterministic_id=True)
        self.pdf.close()


def put_picture(left: float, low: float, width: float, height: float) -> str:
    """Put the picture into a box."""
    return f"q {width:.4f} 0 0 {height:.4f} {left:.4f} {low:.4f} cm /P Do Q\n"


def draw_line(x: float, y: float, to_x: float, to_y: float) -> str:
    """Draw a line."""
    return f"{x:.4f} {y:.4f} m {to_x:.4f} {to_y:.4f} l S\n"


def print_text(x: float, y: float, high: float, text: str) -> str:
    """Print a line of ASCII text, letters of some height, from a point to the right."""
    return f"BT /F {high} Tf {x:.4f} {y:.4f} Td ({text}) Tj ET\n"


def write_page(
    path: str | Path, bands: Bands, size: tuple[int, int], settings: PrintSettings, about: str = ""
) -> None:
    """Write a picture of (width, height) pixels as a PDF of one page, which it fills."""
    path, pages = Path(path), Pages(show(Path(path).stem), about)
    clear_left(path.with_name(path.name + ".jpg"))
    with atomic(path) as part:
        jpeg = part.with_name(part.name + ".jpg")
        try:
            output.save_bands(jpeg, bands, size, settings.quality, settings.dpi)
            paper = page_size(size, settings)
            pages.add(paper, jpeg.read_bytes(), size, put_picture(0, 0, *paper), "poster")
            pages.save(part)
        finally:
            discard(jpeg)


def page_size(size: tuple[int, int], settings: PrintSettings) -> tuple[float, float]:
    """The (width, height) of a page in mm: of the paper that is named, or of so many pixels."""
    if settings.print:
        return turn_like(read_paper(settings.print), size)
    return size_on_paper(size, settings.dpi)


MARGIN = 12.0  # mm around a piece


@dataclasses.dataclass(frozen=True)
class Layout:
    """Pieces of a picture on sheets: (columns, rows), pixels (across, down), paper in mm."""

    grid: tuple[int, int]
    size: tuple[int, int]
    piece: tuple[int, int]
    step: tuple[int, int]
    paper: tuple[float, float]
    dpi: float

    def box(self, row: int, col: int) -> tuple[int, int, int, int]:
        """The (left, top, right, bottom) of a piece in the picture, in pixels."""
        left, top = col * self.step[0], row * self.step[1]
        right, low = left + self.piece[0], top + self.piece[1]
        return left, top, min(right, self.size[0]), min(low, self.size[1])

    def corner(self) -> tuple[float, float]:
        """Where the upper left corner of each piece is on its sheet, in mm from the lower left."""
        across, down = size_on_paper(self.piece, self.dpi)
        return (self.paper[0] - across) / 2, (self.paper[1] + down) / 2


def divide(total: int, count: int, shared: int) -> int:
    """The pixels of each of some pieces of a line that share some with the next.

    >>> divide(100, 3, 10)
    40
    """
    return -(-(total + (count - 1) * shared) // count)


def fewest(total: int, most: int, shared: int) -> int:
    """How many pieces of at most so many pixels cover a line; 0 if that cannot be.

    >>> fewest(100, 40, 10), fewest(101, 40, 10)
    (3, 4)
    """
    return max(1, -(-(total - shared) // (most - shared))) if most > shared else 0


def lay_out(size: tuple[int, int], settings: PrintSettings) -> Layout:
    """Divide a picture of (width, height) pixels among sheets, as settings say; raises MosaicError."""
    dpi, word = settings.dpi, settings.sheets
    shared = round(settings.overlap / INCH * dpi)
    if counts := re.fullmatch(r"(\d{1,3})x(\d{1,3})", word):
        grid, paper = (int(counts[1]), int(counts[2])), (0.0, 0.0)
    else:
        grid, paper = choose_paper(size, read_paper(word, "sheets"), dpi, shared)
    if 0 in grid or grid[0] * grid[1] > 10_000:
        raise MosaicError(f"sheets = {word}: give a number of sheets, as 4x3, or a larger paper")
    (width, height), (across, down) = size, grid
    piece = (divide(width, across, shared), divide(height, down, shared))
    step = (piece[0] - shared, piece[1] - shared)
    if step[0] < across or step[1] < down:
        raise MosaicError(f"sheets = {word}: that is too many for an overlap of {settings.overlap:g} mm")
    if not any(paper):
        sides = size_on_paper(piece, dpi)
        paper = (sides[0] + 2 * MARGIN, sides[1] + 2 * MARGIN)
    return Layout(grid, size, piece, step, paper, dpi)


def choose_paper(
    size: tuple[int, int], paper: tuple[float, float], dpi: float, shared: int
) -> tuple[tuple[int, int], tuple[float, float]]:
    """The fewest sheets (columns, rows) of a paper, and the paper, lying or standing."""

    def count(paper: tuple[float, float]) -> tuple[int, int]:
        room = [math.floor((side - 2 * MARGIN) / INCH * dpi) for side in paper]
        return fewest(size[0], room[0], shared), fewest(size[1], room[1], shared)

    ways = {count(way): way for way in (paper[::-1], paper)}
    best = min(ways, key=lambda grid: (0 in grid, grid[0] * grid[1]))
    return best, ways[best]


GAP, LONG = 1.5, 5.0  # mm from a corner to its mark, and of the mark


def draw_marks(x: tuple[float, float], y: tuple[float, float]) -> str:
    """Draw crop marks at the corners of a box from x[0] to x[1], and from y[1] up to y[0]."""
    program = ""
    for across, right in zip(x, (-1, 1), strict=True):
        for down, up in zip(y, (1, -1), strict=True):
            near, far = across + right * GAP, across + right * (GAP + LONG)
            program += draw_line(near, down, far, down)
            program += draw_line(across, down + up * GAP, across, down + up * (GAP + LONG))
    return program


def draw_sheet(layout: Layout, row: int, col: int) -> str:
    """The program of a sheet: its picture, marks to cut and to glue at, its number."""
    left, top, right, low = layout.box(row, col)
    pixel, (x, y) = INCH / layout.dpi, layout.corner()
    end, foot = x + (right - left) * pixel, y - (low - top) * pixel
    program = put_picture(x, foot, end - x, y - foot) + "0.1 w\n"
    program += draw_marks((x, end), (y, foot)) + "[1 1] 0 d\n"
    if right < layout.size[0]:
        seam = x + layout.step[0] * pixel
        program += draw_line(seam, y + GAP, seam, y + GAP + LONG)
        program += draw_line(seam, foot - GAP, seam, foot - GAP - LONG)
    if low < layout.size[1]:
        seam = y - layout.step[1] * pixel
        program += draw_line(x - GAP, seam, x - GAP - LONG, seam)
        program += draw_line(end + GAP, seam, end + GAP + LONG, seam)
    cols, rows = layout.grid
    name = f"{name_sheet(row, col)}   of {rows} rows, {cols} columns"
    return program + print_text(x + 2, foot - 5.5, 3, name)


def name_sheet(row: int, col: int) -> str:
    """The name of a sheet, counted from 1."""
    return f"row {row + 1}, column {col + 1}"


def draw_overview(layout: Layout) -> str:
    """The program of the first page: the whole picture, and the sheets that it is made of."""
    (cols, rows), (width, height) = layout.grid, layout.size
    room = (layout.paper[0] - 2 * MARGIN, layout.paper[1] - 2 * MARGIN - 16)
    pixel = min(room[0] / width, room[1] / height)
    x, y = MARGIN, layout.paper[1] - MARGIN - 16
    program = put_picture(x, y - height * pixel, width * pixel, height * pixel)
    for row, col in np.ndindex(rows, cols):
        left, top, right, low = (side * pixel for side in layout.box(row, col))
        box = f"{x + left:.4f} {y - low:.4f} {right - left:.4f} {low - top:.4f} re S\n"
        program += f"1 G 0.8 w {box}0 G 0.2 w {box}"
        middle, centre = x + (left + right) / 2, y - (top + low) / 2
        program += f"1 g {middle - 5:.4f} {centre - 2:.4f} 10 5.5 re f 0 g\n"
        program += print_text(middle - 4, centre - 0.5, 3.5, f"{row + 1} - {col + 1}")
    return program + describe_layout(layout, x, y)


def describe_layout(layout: Layout, x: float, y: float) -> str:
    """The lines above the overview."""
    across, down = size_on_paper(layout.size, layout.dpi)
    shared = (layout.piece[0] - layout.step[0]) / layout.dpi * INCH
    lines = [
        f"{layout.grid[0] * layout.grid[1]} sheets (row - column) make {across:.0f} x {down:.0f} mm."
        " Print them at 100 %, not fitted to the page.",
        "Cut each sheet at the marks of its corners.",
        f"The next one begins at the dashed marks, and covers {shared:.1f} mm of this one.",
    ]
    return "".join(print_text(x, y + 12 - 4.5 * i, 3, line) for i, line in enumerate(lines))


def rows_of_sheets(bands: Bands, layout: Layout) -> Iterator[Array]:
    """The pixels of each row of sheets, (h, width, 3), which are valid until the next."""
    high, shared = layout.piece[1], layout.piece[1] - layout.step[1]
    kept, filled = np.empty((high, layout.size[0], 3), np.uint8), 0
    for band in bands:
        while len(band):
            part, band = band[: high - filled], band[high - filled :]
            kept[filled : filled + len(part)] = part
            filled += len(part)
            if filled == high:
                yield kept
                kept[:shared] = kept[high - shared :]
                filled = shared
    if (layout.size[1] - high) % layout.step[1]:
        yield kept[:filled]


def watch_small(bands: Bands, factor: int, seen: list[Array]) -> Iterator[Array]:
    """Hand on bands; add each to `seen`, a whole number of times smaller."""
    for band in output.regroup(bands, factor):
        seen.append(np.asarray(Image.fromarray(band).reduce(factor)))
        yield band


def to_jpeg(part: Array, quality: int) -> tuple[bytes, tuple[int, int]]:
    """Compress (h, w, 3) pixels; and their (width, height)."""
    buffer, image = io.BytesIO(), Image.fromarray(part)
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue(), image.size


def write_sheets(
    path: str | Path, bands: Bands, layout: Layout, quality: int = 90, about: str = ""
) -> None:
    """Write a picture as a PDF of sheets, after an overview of them."""
    pages, seen = Pages(show(Path(path).stem), about), list[Array]()
    bands = map(output.over_white, output.measure(bands, layout.size)[1])
    small = watch_small(bands, -(-max(layout.size) // 1000), seen)
    with atomic(path) as part:
        for row, strip in enumerate(rows_of_sheets(small, layout)):
            for col in range(layout.grid[0]):
                left, _, right, _ = layout.box(row, col)
                program, name = draw_sheet(layout, row, col), name_sheet(row, col)
                pages.add(layout.paper, *to_jpeg(strip[:, left:right], quality), program, name)
        whole = to_jpeg(np.concatenate(seen), 90)
        pages.add(layout.paper, *whole, draw_overview(layout), "overview")
        pages.last_comes_first()
        pages.save(part)


WIDEST = 14_400 / 72 * INCH  # mm


def check_output(path: str | Path, size: tuple[int, int], settings: PrintSettings) -> None:
    """Raise MosaicError unless a picture of this (width, height) can be saved there as asked."""
    if settings.sheets and not is_pdf(path):
        raise MosaicError(f"`sheets` are pages of one file; call the output {Path(path).stem}.pdf")
    if not is_pdf(path):
        if Path(path).suffix.lower() not in output.LARGEST:
            raise MosaicError(f"{path}: the name must end in {', '.join(output.LARGEST)}, .pdf")
        output.check_size(path, size, settings.quality)
        return check_room(path, size, settings.quality)
    need_pikepdf()
    if Path(path).is_dir():
        raise MosaicError(f"{path} is a folder; give the mosaic a name in it")
    paper = lay_out(size, settings).paper if settings.sheets else page_size(size, settings)
    if max(paper) > WIDEST:
        raise MosaicError(f"{path}: a page of a PDF ends at 5080 mm; write a .tif, or --sheets A4")
    if not settings.sheets:
        try:
            output.check_size(Path(path).with_suffix(".jpg"), size)
        except MosaicError as error:
            raise MosaicError(f"{path} is one JPEG: {error}, or --sheets A4") from error
    return check_room(path, size, settings.quality)


def save_for_paper(
    path: str | Path,
    bands: Bands,
    size: tuple[int, int],
    settings: PrintSettings,
    dpi: float | None,
    about: str = "",
) -> None:
    """Save a picture of (width, height) from its bands: as sheets, a page, or any other image.

    `dpi` is None for a screen; `about` says in a line where it came from. Raises MosaicError as `check_output` does.
    """
    check_output(path, size, settings)
    if settings.sheets:
        write_sheets(path, bands, lay_out(size, settings), settings.quality or 90, about)
    elif is_pdf(path):
        write_page(path, bands, size, settings, about)
    else:
        output.save_bands(path, bands, size, settings.quality, dpi, about)
