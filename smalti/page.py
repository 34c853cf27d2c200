# Made from smalti/page.md by make tangle; edit that.
"""Write a viewer and a page for a mosaic; explained in page.md."""

import base64
import html
import io
import json
import os
import re
import urllib.parse
import xml.etree.ElementTree
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mosaic import Array, Draw
from smalti.ground.errors import show
from smalti.ground.files import write_text
from smalti.ground.photos import make_averageable, to_srgb
from smalti.output import paste_exact
from smalti.recolour import Recolour


def fill(template: str, **parts: str) -> str:
    """Replace @name@ in a template by the parts of these names.

    >>> fill("<title>@title@</title>@lead@", title="@lead@", lead="A cat.")
    '<title>@lead@</title>A cat.'
    """
    return re.sub(f"@({'|'.join(parts)})@", lambda found: parts[found[1]], template)


ORIGIN = re.compile(r"^[^\w\n]*(Made from .* by make tangle|~/~ ).*\n?", re.MULTILINE)


def read_asset(name: str) -> str:
    """A template, style or script of this package, without the marks of where it was made."""
    text = resources.files("smalti").joinpath(name).read_text(encoding="utf-8")
    return ORIGIN.sub("", text).strip("\n")


def embed(image: Image.Image, quality: int = 80) -> str:
    """An image as an address that contains it."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def address(path: str | Path, page: Path) -> str:
    """The address of a file, as seen from a page.

    >>> address("fotos/50 % off?.jpg", Path("pages/mosaic.html"))
    '../fotos/50%20%25%20off%3F.jpg'
    """
    below = os.path.relpath(Path(path).absolute(), page.parent.absolute())
    return urllib.parse.quote(os.fsencode(Path(below).as_posix()))


def read_dzi(path: Path) -> dict[str, int | str]:
    """Width, height, tile size and ending of the tiles of a Deep Zoom image."""
    image = xml.etree.ElementTree.fromstring(path.read_text(encoding="utf-8"))
    size = {key.lower(): int(value) for key, value in image[0].attrib.items()}
    return {**size, "tile": int(image.attrib["TileSize"]), "ending": image.attrib["Format"]}


def names_of_cells(match: Array, names: Sequence[str]) -> dict[str, object]:
    """What a viewer has to know of a (rows, cols) match: its shape, numbers, and their names.

    >>> names_of_cells(np.array([[7, 2, 7]]), "abcdefgh")["names"]
    ['c', 'h']
    """
    used, numbers = np.unique(match, return_inverse=True)
    return {
        "rows": match.shape[0],
        "cols": match.shape[1],
        "match": numbers.ravel().tolist(),
        "names": ["" if i < 0 else show(names[i]) for i in used.tolist()],
    }


def write_viewer(
    path: str | Path,
    dzi: str | Path,
    match: Array | None = None,
    names: Sequence[str] = (),
    title: str = "Photo mosaic",
) -> None:
    """Write an HTML page that shows a Deep Zoom image, and of each cell the photo's name.

    `match` is (rows, cols), with numbers in `names`, or below 0 for an empty cell.
    """
    path, dzi = Path(path), Path(dzi)
    about = {**read_dzi(dzi), "folder": address(dzi.with_name(dzi.stem + "_files"), path)}
    cells = {} if match is None else names_of_cells(match, names)
    text = fill(
        read_asset("viewer.html"),
        style=read_asset("viewer.css"),
        script=read_asset("viewer.js"),
        title=html.escape(title),
        about=json.dumps({**about, **cells}, separators=(",", ":")).replace("<", "\\u003c"),
    )
    write_text(path, text + "\n")


def write_page(
    path: str | Path,
    draw: Draw,
    match: Array,
    thumb_res: tuple[int, int],
    names: Sequence[str],
    target: Image.Image,
    report: Mapping[str, object],
    mosaic: str | Path | None = None,
    title: str = "Photo mosaic",
    recolour: Recolour | None = None,
    photo: Array | None = None,
) -> None:
    """Write an HTML page about a (rows, cols) match: mosaic, target, report, photos.

    `mosaic` is a file to link to: the mosaic, or its viewer. `photo` (n,) is the photo of each
    thumbnail, if some are of the same one. `recolour` is as for `paste_exact`.
    """
    path = Path(path)
    photo = np.arange(len(names)) if photo is None else photo
    first = np.unique(photo, return_index=True)[1]
    uses = np.bincount(photo[match[match >= 0]], minlength=len(first))
    photos = photo_lists(
        lambda which, size: draw(first[which], size), thumb_res, [names[i] for i in first], uses
    )
    small = preview(draw, match, thumb_res, recolour=recolour)
    text = fill(
        read_asset("page.html"),
        style=read_asset("page.css"),
        script=read_asset("page.js"),
        title=html.escape(title),
        lead=html.escape(describe(match, uses)),
        link=f'<a href="{html.escape(address(mosaic, path))}">' if mosaic else "<a>",
        mosaic=embed(small),
        target=embed(fit_target(target, small.size)),
        report=report_rows(report),
        photos=photos,
    )
    write_text(path, text + "\n")


def preview(
    draw: Draw,
    match: Array,
    thumb_res: tuple[int, int],
    longest: int = 1600,
    recolour: Recolour | None = None,
) -> Image.Image:
    """A picture of a match, at most `longest` pixels wide and high, or one for each cell."""
    rows, cols = match.shape
    width, height = cols * thumb_res[0], rows * thumb_res[1]
    scale = min(1.0, longest / max(width, height))
    size = (max(cols, round(width * scale)), max(rows, round(height * scale)))
    return Image.fromarray(np.vstack(list(paste_exact(draw, match, size, recolour))))


def fit_target(target: Image.Image, size: tuple[int, int], longest: int = 800) -> Image.Image:
    """The target, upright, cut to the shape of the mosaic, in sRGB over white."""
    scale = min(1.0, longest / max(size))
    upright = make_averageable(ImageOps.exif_transpose(target))
    width, height = (max(1, round(side * scale)) for side in size)
    small = ImageOps.fit(upright, (width, height))
    return to_srgb(small, target.info.get("icc_profile"))


def describe(match: Array, uses: Array) -> str:
    """The facts of a (rows, cols) match in one line; `uses` is how often each photo occurs.

    >>> describe(np.array([[0, 1, -1]]), np.array([1, 1, 0]))
    '3 × 1 cells, 2 of them filled with 2 of 3 photos, none more than once'
    """
    filled, used, most = np.count_nonzero(match >= 0), np.count_nonzero(uses), uses.max()
    some = f", {filled:,} of them" if filled < match.size else ""
    times = "once" if most == 1 else f"{most} times"
    return (
        f"{match.shape[1]} × {match.shape[0]} cells{some} filled with {used:,} "
        f"of {len(uses):,} photos, none more than {times}"
    )


def report_rows(report: Mapping[str, object], above: str = "") -> str:
    """The rows of a table that shows a report.

    >>> report_rows({"cost": 12345.6, "score": {"ssim": 0.5}})
    '<tr><th>cost<td>12,346<tr><th>score ssim<td>0.5'
    """
    rows = ""
    for key, value in report.items():
        if isinstance(value, Mapping):
            rows += report_rows(value, f"{above}{key} ")
        else:
            words = html.escape(show(in_words(value)))
            rows += f"<tr><th>{html.escape(above + key).replace('_', ' ')}<td>{words}"
    return rows


def in_words(value: object) -> str:
    """A value of a report as people read it.

    >>> in_words(12345.6), in_words(0.123456), in_words([48, 40])
    ('12,346', '0.1235', '48, 40')
    """
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def photo_lists(
    draw: Draw, thumb_res: tuple[int, int], names: Sequence[str], uses: Array, count: int = 24
) -> str:
    """The most and the least used photos, with their names and number of uses, as HTML.

    `names` and `uses` are those of n photos, whose numbers `draw` takes.
    """
    order = np.argsort(-uses, kind="stable")
    count = min(count, -(-len(order) // 2))
    rest = order[count:][np.argsort(uses[order[count:]], kind="stable")]
    scale = 128 / max(thumb_res)
    width, height = (max(1, round(side * scale)) for side in thumb_res)
    text = ""
    for title, which in (("Most used", order[:count]), ("Least used", rest[:count])):
        tiles = draw(which, (width, height))
        items = [(names[i], uses[i], tile) for i, tile in zip(which, tiles, strict=True)]
        text += f"<h2>{title}</h2>\n<ul>\n{list_items(items)}</ul>\n" if items else ""
    return text


def list_items(items: Sequence[tuple[str, int, Array]]) -> str:
    """Photos as items of an HTML list: (name, uses, (h, w, 3) thumbnail) each."""
    text = ""
    for name, uses, tile in items:
        shown, image = html.escape(show(name)), embed(Image.fromarray(tile))
        text += f'<li><img src="{image}" alt="" title="{shown}"><b>{uses} ×</b> {shown}\n'
    return text


MARK = b'<meta name="generator" content="photo mosaic">'


def is_ours(path: str | Path) -> bool:
    """Whether a file is a page of our making, so that it may be replaced."""
    with Path(path).open("rb") as file:
        return MARK in file.read(200)
