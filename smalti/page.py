# Made from smalti/page.md by make tangle; edit that.
"""Write a page about a mosaic; explained in page.md."""

import base64
import hashlib
import html
import io
import os
import re
import urllib.parse
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


def fill_page(name: str, images: str, **parts: str) -> str:
    """A page from the template, style and script of a name; `images` says where those may be."""
    style, script = read_asset(f"{name}.css"), read_asset(f"{name}.js")
    rules = [
        "default-src 'none'",
        f"img-src {images}",
        f"style-src {checksum(style)}",
        f"script-src {checksum(script)}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    whole = {**parts, "style": style, "script": script, "policy": "; ".join(rules)}
    return fill(read_asset(f"{name}.html"), **whole) + "\n"


def checksum(code: str) -> str:
    """A script or a style as a policy names it, by its SHA-256.

    >>> checksum("")
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


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


def write_page(
    path: str | Path,
    draw: Draw,
    match: Array,
    thumb_res: tuple[int, int],
    names: Sequence[str],
    target: Image.Image | None,
    report: Mapping[str, object],
    mosaic: str | Path | None = None,
    title: str = "Photo mosaic",
    recolour: Recolour | None = None,
    photo: Array | None = None,
) -> None:
    """Write an HTML page about a (rows, cols) match: mosaic, photos, target, report.

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
    shown = html.escape(address(mosaic, path)) if mosaic else ""
    text = fill_page(
        "page",
        "data:",
        title=html.escape(title),
        lead=html.escape(tell(match, uses)),
        link=f'<a href="{shown}">' if mosaic else "<a>",
        mosaic=embed(small),
        nearby=embed(nearby(draw, match, thumb_res, recolour)),
        target=embed(fit_target(target, small.size)) if target else "",
        facts=html.escape(describe(match, uses)),
        report=report_rows(report),
        photos=photos,
    )
    write_text(path, text)


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
    bands = list(paste_exact(draw, match, size, recolour))
    return Image.fromarray(np.vstack(bands))


def nearby(
    draw: Draw, match: Array, thumb_res: tuple[int, int], recolour: Recolour | None = None
) -> Image.Image:
    """A piece from the middle of a match, with its tiles as large as thumbnails."""
    rows, cols = match.shape
    width = min(cols, 20)
    height = min(rows, max(1, round(width * thumb_res[0] / thumb_res[1] * 9 / 16)))
    top, left = (rows - height) // 2, (cols - width) // 2
    piece = np.s_[top : top + height, left : left + width]
    cells = np.arange(match.size).reshape(match.shape)[piece].ravel()
    there = (lambda tiles, which: recolour(tiles, cells[which])) if recolour else None
    size = (width * thumb_res[0], height * thumb_res[1])
    return Image.fromarray(np.vstack(list(paste_exact(draw, match[piece], size, there))))


def fit_target(target: Image.Image, size: tuple[int, int], longest: int = 800) -> Image.Image:
    """The target, upright, cut to the shape of the mosaic, in sRGB over white."""
    scale = min(1.0, longest / max(size))
    upright = make_averageable(ImageOps.exif_transpose(target))
    width, height = (max(1, round(side * scale)) for side in size)
    small = ImageOps.fit(upright, (width, height))
    return to_srgb(small, target.info.get("icc_profile"))


def tell(match: Array, uses: Array) -> str:
    """What a (rows, cols) match is, for anybody; `uses` is how often each photo occurs.

    >>> tell(np.array([[0, 1, 0]]), np.array([2, 1, 0]))
    'A picture made of 2 photos, in 3 places. One of them appears twice, and 1 was left over.'
    """
    places, used, most = np.count_nonzero(match >= 0), np.count_nonzero(uses), uses.max()
    unused = len(uses) - used
    left = f", and {unused:,} {'was' if unused == 1 else 'were'} left over" if unused else ""
    if most == 1:
        return f"A picture made of {used:,} photos. Each of them appears once{left}."
    often = "twice" if most == 2 else f"{most:,} times"
    many = np.count_nonzero(uses == most)
    who = "One of them appears" if many == 1 else f"Each appears at most {often}"
    rest = f" {often}" if many == 1 else ""
    return f"A picture made of {used:,} photos, in {places:,} places. {who}{rest}{left}."


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


def photo_lists(
    draw: Draw, thumb_res: tuple[int, int], names: Sequence[str], uses: Array, count: int = 12
) -> str:
    """The most and the least used photos, with their names and number of uses, as HTML.

    `names` and `uses` are those of n photos, whose numbers `draw` takes.
    """
    order = np.argsort(-uses, kind="stable")
    count = min(count, -(-len(order) // 2))
    rest = order[count:][np.argsort(uses[order[count:]], kind="stable")]
    lists = [("Used most", order[:count]), ("Used least", rest[:count])]
    if len(set(uses.tolist())) == 1:
        lists = [("Some of the photos", order[: 2 * count])]
    scale = 160 / max(thumb_res)
    width, height = (max(1, round(side * scale)) for side in thumb_res)
    text = ""
    for title, which in lists:
        tiles = draw(which, (width, height))
        items = [(names[i], uses[i], tile) for i, tile in zip(which, tiles, strict=True)]
        text += f"<h2>{title}</h2>\n<ul>\n{list_items(items)}</ul>\n" if items else ""
    return text


def list_items(items: Sequence[tuple[str, int, Array]]) -> str:
    """Photos as items of an HTML list: (name, uses, (h, w, 3) thumbnail) each."""
    text = ""
    for name, uses, tile in items:
        shown, image = html.escape(show(name)), embed(Image.fromarray(tile))
        often = f"{uses:,} ×" if uses else "not used"
        text += f'<li><img src="{image}" alt=""><b>{often}</b> {shown}\n'
    return text


WORDS = {
    "cells": "places filled",
    "cost": "sum of squared differences",
    "levels": "usual difference of colour, of 255 levels",
    "bound": "smallest sum that is possible",
    "gap": "above the smallest, as a share",
    "rounds": "rounds of the search",
    "arcs": "pairs of place and photo looked at",
    "tiles": "photos and their variants",
    "stopped": "why the search ended",
    "too_near": "pairs of equal photos too near",
    "most_used": "uses of the photo used most",
    "most_used_photo": "photo used most",
    "equal_neighbours": "equal photos side by side",
    "score rmse": "difference from the target, of 255 levels",
    "score ciede2000": "the same as an eye sees it (CIEDE2000)",
    "score ssim": "structural similarity, at most 1",
    "score ssim_twice": "the same, at twice the scale",
    "size": "pixels wide and high",
}


def report_rows(report: Mapping[str, object], above: str = "") -> str:
    """The rows of a table that shows a report.

    >>> report_rows({"target_id": 12345.6, "score": {"ssim": 0.5}})
    '<tr><th>target id<td>12,346<tr><th>structural similarity, at most 1<td>0.5'
    """
    rows = ""
    for key, value in report.items():
        if isinstance(value, Mapping):
            rows += report_rows(value, f"{above}{key} ")
        else:
            name = WORDS.get(above + key, (above + key).replace("_", " "))
            rows += f"<tr><th>{html.escape(name)}<td>{html.escape(show(in_words(value)))}"
    return rows


def in_words(value: object) -> str:
    """A value of a report as people read it.

    >>> in_words(12345), in_words(0.123456), in_words([48, 40])
    ('12,345', '0.1235', '48, 40')
    """
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, float) and abs(value) < 1000:
        return f"{value:.4g}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:,.0f}"
    return str(value)


MARK = b'<meta name="generator" content="photo mosaic">'


def is_ours(path: str | Path) -> bool:
    """Whether a file is a page of our making, so that it may be replaced."""
    with Path(path).open("rb") as file:
        return MARK in file.read(200)
