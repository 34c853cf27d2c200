# ~/~ begin <<smalti/page.md#smalti/page.py>>[init]
"""Write a viewer and a page for a mosaic; explained in page.md."""

# ~/~ begin <<smalti/page.md#page-imports>>[init]
import base64
import html
import io
import json
import os
import re
import urllib.parse
import xml.etree.ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from smalti.ground.files import atomic
from smalti.output import Array, Draw, Finish, paste_exact
from smalti.ground.photos import make_averageable, to_srgb
# ~/~ end

# ~/~ begin <<smalti/page.md#fill-a-template>>[init]
def show_name(name: str) -> str:
    r"""A file name as plain text: what cannot be shown appears as an escape.

    >>> show_name("caf\udce9\n.jpg")
    'caf\\xe9\\n.jpg'
    """
    text = os.fsencode(name).decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
# ~/~ end
# ~/~ begin <<smalti/page.md#fill-a-template>>[1]
def fill(template: str, **parts: str) -> str:
    """Replace @name@ in a template by the parts of these names."""
    return re.sub(f"@({'|'.join(parts)})@", lambda found: parts[found[1]], template)


def embed(image: Image.Image, quality: int = 80) -> str:
    """An image as an address that contains it."""
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def address(path: str | Path, page: Path) -> str:
    """The address of a file, as seen from a page."""
    below = os.path.relpath(Path(path).absolute(), page.parent.absolute())
    return urllib.parse.quote(os.fsencode(Path(below).as_posix()))
# ~/~ end

# ~/~ begin <<smalti/page.md#write-the-viewer>>[init]
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
    about = read_dzi(dzi) | {"folder": address(dzi.with_name(dzi.stem + "_files"), path)}
    if match is not None:
        used, numbers = np.unique(match, return_inverse=True)
        about |= {"rows": match.shape[0], "cols": match.shape[1], "match": numbers.ravel().tolist()}
        about["names"] = ["" if i < 0 else show_name(names[i]) for i in used.tolist()]
    text = json.dumps(about, separators=(",", ":")).replace("<", "\\u003c")
    with atomic(path) as part:
        part.write_text(fill(VIEWER, title=html.escape(title), about=text), "utf-8")
# ~/~ end
# ~/~ begin <<smalti/page.md#write-the-viewer>>[1]
def read_dzi(path: Path) -> dict[str, Any]:
    """Width, height, tile size and ending of the tiles of a Deep Zoom image."""
    image = xml.etree.ElementTree.fromstring(path.read_text("utf-8"))
    size = {key.lower(): int(value) for key, value in image[0].attrib.items()}
    return size | {"tile": int(image.attrib["TileSize"]), "ending": image.attrib["Format"]}
# ~/~ end

# ~/~ begin <<smalti/page.md#write-the-page>>[init]
def write_page(
    path: str | Path,
    draw: Draw,
    match: Array,
    thumb_res: tuple[int, int],
    names: Sequence[str],
    target: Image.Image,
    report: dict[str, Any],
    mosaic: str | Path | None = None,
    title: str = "Photo mosaic",
    finish: Finish | None = None,
    photo: Array | None = None,
) -> None:
    """Write an HTML page about a (rows, cols) match: mosaic, target, report, most and least used.

    `mosaic` is a file to link to: the mosaic, or its viewer. `photo` (n,) is the photo of each
    thumbnail, if some are of the same one.
    """
    path = Path(path)
    small = preview(draw, match, thumb_res, finish=finish)
    photo = np.arange(len(names)) if photo is None else photo
    first = np.unique(photo, return_index=True)[1]
    uses = np.bincount(photo[match[match >= 0]], minlength=len(first))
    link = f'<a href="{html.escape(address(mosaic, path))}">' if mosaic else "<a>"
    text = fill(
        PAGE,
        title=html.escape(title),
        lead=html.escape(describe(match, uses)),
        link=link,
        mosaic=embed(small),
        target=embed(fit_target(target, small.size)),
        report=report_rows(report),
        photos=photo_grids(
            lambda which, size: draw(first[which], size),
            thumb_res,
            [names[i] for i in first],
            uses,
        ),
    )
    with atomic(path) as part:
        part.write_text(text, "utf-8")
# ~/~ end
# ~/~ begin <<smalti/page.md#write-the-page>>[1]
def preview(
    draw: Draw,
    match: Array,
    thumb_res: tuple[int, int],
    longest: int = 1600,
    finish: Finish | None = None,
) -> Image.Image:
    """A picture of a match, at most `longest` pixels wide and high, or one for each cell."""
    rows, cols = match.shape
    width, height = cols * thumb_res[0], rows * thumb_res[1]
    scale = min(1.0, longest / max(width, height))
    size = (max(cols, round(width * scale)), max(rows, round(height * scale)))
    return Image.fromarray(np.vstack(list(paste_exact(draw, match, size, finish))))


def fit_target(target: Image.Image, size: tuple[int, int], longest: int = 800) -> Image.Image:
    """The target, upright, cut to the shape of the mosaic, in sRGB over white."""
    scale = min(1.0, longest / max(size))
    upright = make_averageable(ImageOps.exif_transpose(target))
    small = ImageOps.fit(upright, (max(1, round(size[0] * scale)), max(1, round(size[1] * scale))))
    return to_srgb(small, target.info.get("icc_profile"))
# ~/~ end
# ~/~ begin <<smalti/page.md#write-the-page>>[2]
def report_rows(report: dict[str, Any], above: str = "") -> str:
    """The rows of a table that shows a report.

    >>> report_rows({"cost": 12345.6, "score": {"ssim": 0.5}})
    '<tr><th>cost<td>12,346<tr><th>score ssim<td>0.5'
    """
    rows = ""
    for key, value in report.items():
        if isinstance(value, dict):
            rows += report_rows(value, f"{above}{key} ")
            continue
        if isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        if isinstance(value, float):
            value = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
        words = html.escape(show_name(str(value)))
        rows += f"<tr><th>{html.escape(above + key).replace('_', ' ')}<td>{words}"
    return rows
# ~/~ end
# ~/~ begin <<smalti/page.md#write-the-page>>[3]
def describe(match: Array, uses: Array) -> str:
    """The facts of a match in one line."""
    filled, used, most = np.count_nonzero(match >= 0), np.count_nonzero(uses), uses.max()
    some = f", {filled:,} of them" if filled < match.size else ""
    times = "once" if most == 1 else f"{most} times"
    return (
        f"{match.shape[1]} × {match.shape[0]} cells{some} filled with {used:,} "
        f"of {len(uses):,} photos, none more than {times}"
    )
# ~/~ end
# ~/~ begin <<smalti/page.md#write-the-page>>[4]
def photo_grids(
    draw: Draw, thumb_res: tuple[int, int], names: Sequence[str], uses: Array, count: int = 24
) -> str:
    """The most and the least used photos, with their names and number of uses."""
    order = np.argsort(-uses, kind="stable")
    count = min(count, -(-len(order) // 2))
    scale = 128 / max(thumb_res)
    size = (max(1, round(thumb_res[0] * scale)), max(1, round(thumb_res[1] * scale)))
    text = ""
    rest = order[count:][np.argsort(uses[order[count:]], kind="stable")]
    for title, which in (("Most used", order[:count]), ("Least used", rest[:count])):
        text += f"<h2>{title}</h2>\n<ul>\n" if len(which) else ""
        for i, tile in zip(which.tolist(), draw(which, size), strict=True):
            name, image = html.escape(show_name(names[i])), embed(Image.fromarray(tile))
            text += f'<li><img src="{image}" alt="" title="{name}"><b>{uses[i]} ×</b> {name}\n'
        text += "</ul>\n" if len(which) else ""
    return text
# ~/~ end

# ~/~ begin <<smalti/page.md#viewer-template>>[init]
VIEWER = r"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="generator" content="photo mosaic">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@title@</title>
<style>
/* ~/~ begin <<smalti/page.md#viewer-style>>[init] */
:root { color-scheme: light dark; --wall: #f3f1ec; --plate: #fffd; --ink: #222; }
@media (prefers-color-scheme: dark) {
  :root { --wall: #131417; --plate: #26282dee; --ink: #eee; }
}
body { margin: 0; background: var(--wall); color: var(--ink); font: 15px system-ui, sans-serif; }
canvas { position: fixed; inset: 0; width: 100%; height: 100%; touch-action: none; cursor: grab; }
canvas:active { cursor: grabbing; }
canvas:focus-visible { outline: 3px solid #48f; outline-offset: -3px; }
output, button { background: var(--plate); color: var(--ink); box-shadow: 0 1px 6px #0004; }
output { position: fixed; left: 16px; bottom: 16px; max-width: calc(100% - 112px);
  padding: 8px 14px; border-radius: 18px; overflow-wrap: anywhere; pointer-events: none; }
output:empty { display: none; }
nav { position: fixed; right: 16px; bottom: 16px; display: grid; gap: 8px; }
button { width: 44px; height: 44px; border: 0; border-radius: 22px; font-size: 22px; cursor: pointer; }
/* ~/~ end */
</style>
<canvas tabindex="0" role="img" aria-label="@title@: drag, or press the arrows, + and -"></canvas>
<output></output>
<nav>
<button data-key="+" aria-label="nearer">+</button>
<button data-key="-" aria-label="farther">&minus;</button>
<button data-key="0" aria-label="the whole mosaic">&#8962;</button>
</nav>
<script type="application/json" id="about">@about@</script>
<script>
// ~/~ begin <<smalti/page.md#viewer-script>>[init]
const about = JSON.parse(document.getElementById("about").textContent);
const canvas = document.querySelector("canvas"), pen = canvas.getContext("2d");
const label = document.querySelector("output");
const finest = Math.ceil(Math.log2(Math.max(about.width, about.height)));
const view = { x: about.width / 2, y: about.height / 2, scale: 1e-9 };

const place = (x, y) => ({  // of a pixel of the canvas, in the mosaic
  x: view.x + (x - canvas.width / 2) / view.scale,
  y: view.y + (y - canvas.height / 2) / view.scale,
});
const across = x => Math.round((x - view.x) * view.scale + canvas.width / 2);
const down = y => Math.round((y - view.y) * view.scale + canvas.height / 2);
// ~/~ end
// ~/~ begin <<smalti/page.md#viewer-script>>[1]
const tiles = new Map();

function load(level, col, row) {
  const source = `${about.folder}/${level}/${col}_${row}.${about.ending}`;
  let image = tiles.get(source);
  if (!image) {
    image = new Image();
    image.onload = redraw;
    image.src = source;
  }
  tiles.delete(source);
  tiles.set(source, image);
  if (tiles.size > 500) tiles.delete(tiles.keys().next().value);
  return image;
}
// ~/~ end
// ~/~ begin <<smalti/page.md#viewer-script>>[2]
function drawTile(level, col, row, side) {
  for (let up = 0; up <= level; up++) {
    const image = load(level - up, col >> up, row >> up), piece = about.tile / 2 ** up;
    if (!image.naturalWidth) continue;
    const x = (col % 2 ** up) * piece, y = (row % 2 ** up) * piece;
    const left = across(col * side), right = across(Math.min((col + 1) * side, about.width));
    const top = down(row * side), bottom = down(Math.min((row + 1) * side, about.height));
    pen.drawImage(image, x, y, Math.min(piece, image.naturalWidth - x),
      Math.min(piece, image.naturalHeight - y), left, top, right - left, bottom - top);
    return;
  }
}
// ~/~ end
// ~/~ begin <<smalti/page.md#viewer-script>>[3]
function draw() {
  const fitting = Math.ceil(finest + Math.log2(view.scale) - 0.3);
  const level = Math.max(0, Math.min(finest, fitting));
  const side = about.tile * 2 ** (finest - level);
  const from = place(0, 0), to = place(canvas.width, canvas.height);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  for (let row = Math.max(0, Math.floor(from.y / side)); row * side < Math.min(to.y, about.height); row++)
    for (let col = Math.max(0, Math.floor(from.x / side)); col * side < Math.min(to.x, about.width); col++)
      drawTile(level, col, row, side);
}

let waiting = 0;
function redraw() {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(draw);
}
// ~/~ end
// ~/~ begin <<smalti/page.md#viewer-script>>[4]
function move(factor, x = canvas.width / 2, y = canvas.height / 2, right = 0, up = 0) {
  const fixed = place(x, y);
  const whole = Math.min(canvas.width / about.width, canvas.height / about.height);
  view.scale = Math.max(whole, Math.min(view.scale * factor, Math.max(8, whole)));
  view.x = fixed.x - (x + right - canvas.width / 2) / view.scale;
  view.y = fixed.y - (y + up - canvas.height / 2) / view.scale;
  for (const [axis, all, seen] of [["x", about.width, canvas.width], ["y", about.height, canvas.height]]) {
    const margin = Math.min(all, seen / view.scale) / 2;
    view[axis] = Math.max(margin, Math.min(view[axis], all - margin));
  }
  redraw();
}
// ~/~ end
// ~/~ begin <<smalti/page.md#viewer-script>>[5]
const fingers = new Map(), at = event => {
  const ratio = canvas.width / canvas.clientWidth;
  return { x: event.clientX * ratio, y: event.clientY * ratio };
};
canvas.onpointerdown = event => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, at(event));
  name(at(event));
};
canvas.onpointermove = event => {
  const now = at(event), before = fingers.get(event.pointerId);
  name(now);
  if (!before) return;
  const other = [...fingers.values()].find(finger => finger !== before);
  const gap = point => Math.max(10, Math.hypot(point.x - other.x, point.y - other.y));
  if (other) move(gap(now) / gap(before), (before.x + other.x) / 2, (before.y + other.y) / 2,
    (now.x - before.x) / 2, (now.y - before.y) / 2);
  else move(1, before.x, before.y, now.x - before.x, now.y - before.y);
  fingers.set(event.pointerId, now);
};
canvas.onpointerup = canvas.onpointercancel = event => fingers.delete(event.pointerId);
canvas.onpointerleave = () => { label.textContent = ""; };
canvas.onwheel = event => {
  event.preventDefault();
  const step = event.deltaMode ? 0.06 : event.ctrlKey ? 0.01 : 0.002;
  move(Math.exp(-step * event.deltaY), at(event).x, at(event).y);
};
// ~/~ end
// ~/~ begin <<smalti/page.md#viewer-script>>[6]
const keys = {
  "+": () => move(1.5), "=": () => move(1.5), "-": () => move(1 / 1.5), "0": () => move(0),
  Home: () => move(0),
  ArrowLeft: () => move(1, 0, 0, canvas.width / 8), ArrowRight: () => move(1, 0, 0, -canvas.width / 8),
  ArrowUp: () => move(1, 0, 0, 0, canvas.height / 8), ArrowDown: () => move(1, 0, 0, 0, -canvas.height / 8),
};
document.onkeydown = event => {
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
};
for (const button of document.querySelectorAll("button"))
  button.onclick = () => keys[button.dataset.key]();
canvas.ondblclick = event => move(2.5, at(event).x, at(event).y);
// ~/~ end
// ~/~ begin <<smalti/page.md#viewer-script>>[7]
function name(point) {
  const { x, y } = place(point.x, point.y);
  const inside = x >= 0 && y >= 0 && x < about.width && y < about.height;
  if (!about.match) return;
  const col = Math.ceil((Math.floor(x) + 1) * about.cols / about.width) - 1;
  const row = Math.ceil((Math.floor(y) + 1) * about.rows / about.height) - 1;
  label.textContent = inside ? about.names[about.match[row * about.cols + col]] : "";
}
// ~/~ end
// ~/~ begin <<smalti/page.md#viewer-script>>[8]
new ResizeObserver(() => {
  canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
  canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
  move(1);
}).observe(canvas);
// ~/~ end
</script>
</html>
"""
# ~/~ end

# ~/~ begin <<smalti/page.md#page-template>>[init]
MARK = b'<meta name="generator" content="photo mosaic">'
PAGE = r"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="generator" content="photo mosaic">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@title@</title>
<style>
/* ~/~ begin <<smalti/page.md#page-style>>[init] */
:root { color-scheme: light dark; --wall: #f6f4ef; --ink: #26241f; --faint: #726d62; --line: #ddd8cc; }
@media (prefers-color-scheme: dark) {
  :root { --wall: #17181b; --ink: #e9e6df; --faint: #9b968b; --line: #34353a; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: clamp(16px, 4vw, 56px); max-width: 1400px; background: var(--wall);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1, h2 { font-family: Georgia, "Liberation Serif", serif; font-weight: normal; line-height: 1.2; }
h1 { font-size: clamp(28px, 4vw, 44px); margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 22px; margin: 0 0 12px; }
header p { color: var(--faint); margin: 8px 0 32px; }
/* ~/~ end */
/* ~/~ begin <<smalti/page.md#page-style>>[1] */
main { display: grid; grid-template-columns: minmax(0, 1fr) 340px; gap: 40px; margin-bottom: 48px; }
figure { margin: 0; }
figure div { position: relative; box-shadow: 0 2px 18px #0005; line-height: 0; }
figure img { width: 100%; height: auto; }
#veil { position: absolute; inset: 0; height: 100%; opacity: 0; pointer-events: none; }
#target { display: block; width: 100%; margin-bottom: 32px; border-radius: 3px; }
figcaption { margin-top: 14px; text-align: center; color: var(--faint); }
input { width: min(240px, 50%); vertical-align: middle; margin: 0 8px; accent-color: #b5653a; }
table { width: 100%; border-collapse: collapse; font-size: 15px; }
th, td { padding: 6px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: normal; color: var(--faint); text-align: left; padding-right: 16px; }
td { text-align: right; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(90px, 1fr)); gap: 18px 12px;
  margin: 0 0 48px; padding: 0; list-style: none; font-size: 12px; line-height: 1.35; color: var(--faint); }
li { overflow-wrap: anywhere; }
li img { display: block; width: 100%; border-radius: 3px; margin-bottom: 5px; }
li b { color: var(--ink); font-weight: 600; }
@media (max-width: 900px) {
  main { grid-template-columns: minmax(0, 1fr); }
  #target { width: 60%; margin-inline: auto; }
}
/* ~/~ end */
</style>
<header>
<h1>@title@</h1>
<p>@lead@</p>
</header>
<main>
<figure>
<div>@link@<img src="@mosaic@" alt="the mosaic"></a><img id="veil" alt=""></div>
<figcaption><label>mosaic <input type="range" value="0" aria-label="show the target"> target</label></figcaption>
</figure>
<section>
<img id="target" src="@target@" alt="the target">
<h2>How it was made</h2>
<table>@report@</table>
</section>
</main>
@photos@
<script>
const veil = document.getElementById("veil");
veil.src = document.getElementById("target").src;
document.querySelector("input").oninput = event => { veil.style.opacity = event.target.value / 100; };
</script>
</html>
"""
# ~/~ end
# ~/~ end