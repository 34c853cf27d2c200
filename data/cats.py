# ~/~ begin <<data/cats.md#data/cats.py>>[init]
"""Paint the demo collection of ten thousand cats; tangled from data/cats.md."""

# ~/~ begin <<data/cats.md#imports>>[init]
import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageOps
from tqdm import tqdm
# ~/~ end

# ~/~ begin <<data/cats.md#constants>>[init]
SEED = 2024
COVER = 5019  # the number of the picture that the demo imitates
SIDE = 200  # width and height of the canvas, in pixels
QUALITY = 85  # of the JPEG files

Array = NDArray[Any]  # shapes are (n, 2) points; fields (h, w); colours (3, 1, 1), 0 to 1
Box = tuple[slice, slice]  # a rectangle of the canvas: rows, columns
ALL = (slice(0, SIDE), slice(0, SIDE))
# ~/~ end


# ~/~ begin <<data/cats.md#canvas>>[init]
@dataclass(frozen=True)
class Easel:
    """A canvas (3, SIDE, SIDE) with its light, and the dice of its painter."""

    canvas: Array
    rng: np.random.Generator
    sun: tuple[float, float]  # where the light comes from: right, down
    bright: Array  # the colour of the light
    shade: Array  # the colour of the shadows
    grain: tuple[int, int]  # where to cut this picture's noise

    def chance(self, low: float = 0, high: float = 1) -> float:
        """Throw the dice for a number between `low` and `high`."""
        return low + (high - low) * self.rng.random()


@cache
def hue(name: str) -> Array:
    """Mix a colour from its name in HTML, such as "#e0954a"."""
    return np.array(ImageColor.getrgb(name), np.float32).reshape(3, 1, 1) / np.float32(255)


@cache
def grid() -> tuple[Array, Array]:
    """Give the x and y, 0 to 100, of all pixels of the canvas."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) * np.float32(100 / SIDE)
    return x, y


def mix(one: Array, other: Array, share: Any) -> Array:
    """Mix a `share` of the other colour into the one."""
    return one + share * (other - one)


def pick(rng: np.random.Generator, things: Sequence[Any]) -> Any:
    """Pick one of the things."""
    return things[int(rng.random() * len(things))]
# ~/~ end


# ~/~ begin <<data/cats.md#noise>>[init]
def scale(field: Array, size: tuple[int, int]) -> Array:
    """Stretch a (h, w) field smoothly to `size` = (width, height)."""
    return np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BICUBIC))


def soften(field: Array, width: float) -> Array:
    """Blur a (h, w) field over about `width` pixels: shrink it and stretch it again."""
    h, w = field.shape
    if width < 2:
        return field
    small = (max(2, round(w / width)), max(2, round(h / width)))
    card = Image.fromarray(field).resize(small, Image.Resampling.HAMMING)
    return np.asarray(card.resize((w, h), Image.Resampling.BICUBIC))


@cache
def cloud(cell: int) -> Array:
    """Make (512, 512) noise around 0 whose puffs are `cell` pixels wide."""
    rng = np.random.default_rng([SEED, cell])
    knots = rng.standard_normal((512 // cell + 3,) * 2).astype(np.float32)
    noise = scale(knots, (512 + 3 * cell, 512 + 3 * cell))[cell:, cell:][:512, :512]
    return np.ascontiguousarray(noise / noise.std())


@cache
def pelt() -> Array:
    """Make (800, 800) noise combed outward from the middle: strands of hair."""
    noise = np.random.default_rng([SEED, 800]).standard_normal((800, 800))
    y, x = np.mgrid[-400:400, -400:400].astype(np.float32) + np.float32(0.5)
    way = np.arctan2(y, x) + 0.5 * scale(cloud(64)[:400, :400].copy(), (800, 800))
    hair = np.zeros((800, 800))
    for k in range(-6, 7):
        rows, columns = y + np.sin(way) * k + 400, x + np.cos(way) * k + 400
        hair += noise[rows.astype(int) % 800, columns.astype(int) % 800]
    return np.asarray(hair / hair.std(), np.float32)


def mist(easel: Easel, cell: int, box: Box = ALL) -> Array:
    """Cut this picture's window out of the noise, within `box`."""
    x, y = easel.grain
    return cloud(cell)[y : y + SIDE, x : x + SIDE][box]


def step(field: Array, edge: float, width: float) -> Array:
    """Rise from 0 to 1 where `field` passes `edge`, over about `width`."""
    return np.clip((field - edge) * (1 / width) + 0.5, 0, 1)
# ~/~ end


# ~/~ begin <<data/cats.md#shapes>>[init]
@cache
def path(text: str) -> Array:
    """Read points (n, 2) from a text such as "0,0 10,-5 20,0"."""
    return np.array([point.split(",") for point in text.split()], float)


@cache
def curve(text: str, closed: bool = True, steps: int = 6) -> Array:
    """Run a smooth curve (Catmull-Rom) through the points of a text."""
    p = path(text)
    if closed:
        p = np.concatenate([p[-1:], p, p[:2]])
    else:
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    t = np.arange(steps)[:, None, None] / steps
    bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    line = (b + ((c - a) * t + bend) / 2).transpose(1, 0, 2).reshape(-1, 2)
    return line if closed else np.concatenate([line, p[-2:-1]])


@cache
def limb(text: str, widths: str) -> Array:
    """Draw a tail or a leg along the points of a text, with a radius at each of them."""
    spine = curve(text, closed=False)
    ahead = np.gradient(spine, axis=0)
    ahead /= np.hypot(*ahead.T)[:, None]
    side = np.stack([-ahead[:, 1], ahead[:, 0]], 1)
    radii = np.array(widths.split(), float)
    r = np.interp(np.linspace(0, 1, len(spine)), np.linspace(0, 1, len(radii)), radii)
    r = r[:, None]
    t = np.linspace(0, np.pi, 7)[1:-1, None]
    tip = spine[-1] + r[-1] * (np.cos(t) * side[-1] + np.sin(t) * ahead[-1])
    root = spine[0] - r[0] * (np.cos(t) * side[0] + np.sin(t) * ahead[0])
    return np.concatenate([spine + r * side, tip, (spine - r * side)[::-1], root])


@cache
def disc(x: float, y: float, w: float, h: float = 0, n: int = 28) -> Array:
    """Draw an ellipse around (x, y) with the radii `w` and `h`; a circle without `h`."""
    t = np.arange(n) * (2 * np.pi / n)
    return np.stack([x + w * np.cos(t), y + (h or w) * np.sin(t)], 1)


def both(*shapes: Array) -> list[Array]:
    """Give shapes and their mirror images at x = 0."""
    return [shape * (side, 1) for side in (1, -1) for shape in shapes]


def whole(text: str) -> Array:
    """Complete the right half of an outline, from top to bottom, to a closed curve."""
    left = [f"-{p}" for p in text.split()[-2:0:-1]]
    return curve(" ".join([text, *left]))


@dataclass(frozen=True)
class Frame:
    """A place on the canvas: shapes are scaled, turned and moved there."""

    x: float
    y: float
    size: float
    turn: float = 0
    girth: float = 1  # how much wider than drawn

    def __call__(self, *shapes: Array) -> list[Array]:
        """Move shapes from this frame onto the canvas."""
        c, s = np.cos(self.turn) * self.size, np.sin(self.turn) * self.size
        turn = np.array([[c * self.girth, s * self.girth], [-s, c]])
        return [shape @ turn + (self.x, self.y) for shape in shapes]

    def inside(self, x: float, y: float, size: float, turn: float = 0) -> "Frame":
        """Put a smaller frame into this one."""
        (spot,) = self(np.array([[x, y]]))
        x, y = spot[0].tolist()
        return Frame(x, y, self.size * size, self.turn + turn)


def tousle(easel: Easel, shape: Array, length: float) -> Array:
    """Let short hairs stick out of an outline."""
    ends = np.concatenate([shape, shape[:1]])
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(ends, axis=0).T))])
    stops = np.arange(0, way[-1], 0.8)
    line = np.stack([np.interp(stops, way, ends[:, k]) for k in (0, 1)], 1)
    return line + easel.rng.standard_normal(line.shape) * length
# ~/~ end


# ~/~ begin <<data/cats.md#forms>>[init]
Mark = tuple[Sequence[Array], Array, float]  # shapes, a colour, and how soft its edge is


def bounds(shapes: Sequence[Array], pad: float = 2) -> Box:
    """Find the part of the canvas that holds the shapes and `pad` pixels around them."""
    points = np.concatenate(shapes) * (SIDE / 100)
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    left, top = (min(max(int(v - pad), 0), SIDE - 8) for v in (x0, y0))
    right, bottom = (min(max(int(v + pad), 8), SIDE) for v in (x1, y1))
    return slice(top, max(bottom, top + 8)), slice(left, max(right, left + 8))


def cut(shapes: Sequence[Array], box: Box, soft: float = 0, fine: int = 3) -> Array:
    """Cut shapes out of a card as large as `box`: a stencil (h, w) from 0 to 1.

    The card is cut `fine` times larger and then reduced, which makes smooth edges;
    for an edge `soft` pixels wide it is that much smaller, and stretched at the end.
    """
    rows, columns = box
    w, h = columns.stop - columns.start, rows.stop - rows.start
    zoom = np.array([max(w / max(soft, 1), 2) // 1 / w, max(h / max(soft, 1), 2) // 1 / h])
    card = Image.new("L", tuple(int(v) for v in np.round(zoom * (w, h)) * fine))
    pen = ImageDraw.Draw(card)
    for shape in shapes:
        points = (shape * (SIDE / 100) - (columns.start, rows.start)) * zoom * fine
        pen.polygon(points.ravel().tolist(), fill=255)
    card = card.reduce(fine)
    if card.size != (w, h):
        card = card.resize((w, h), Image.Resampling.BICUBIC)
    return np.asarray(card, np.float32) * np.float32(1 / 255)


def lay(easel: Easel, box: Box, stencil: Array, colour: Array) -> None:
    """Lay a colour (3, 1, 1) or (3, h, w) through a stencil onto the canvas."""
    spot = easel.canvas[:, *box]
    spot += stencil * (colour - spot)


def dab(
    easel: Easel, shapes: Sequence[Array], colour: Array, soft: float = 0, cover: float = 1
) -> None:
    """Paint flat shapes in one colour, with an edge `soft` pixels wide."""
    box = bounds(shapes, 2 + soft)
    lay(easel, box, cut(shapes, box, soft) * np.float32(cover), colour)


def puff(easel: Easel, stencil: Array) -> tuple[Array, Array]:
    """Puff a stencil up like a cushion; give how each pixel faces the light, and the shadow."""
    h, w = stencil.shape
    small = np.asarray(Image.fromarray(stencil).reduce(4))
    near, far = soften(small, 3), soften(small, 8)
    down, right = np.gradient(small + near + 2 * far)
    facing = -2.4 * (right * easel.sun[0] + down * easel.sun[1])
    return scale(facing, (w, h)), scale(near, (w, h))


def comb(box: Box, pole: tuple[float, float]) -> Array:
    """Cut strands of hair out of the pelt, streaming away from the pole."""
    x, y = (400 - min(max(int(v * SIDE / 100), -150), 350) for v in pole)
    rows, columns = box
    return pelt()[rows.start + y : rows.stop + y, columns.start + x : columns.stop + x]


def form(
    easel: Easel,
    shapes: Sequence[Array],
    skin: Array | Callable[[Box], Array],
    marks: Sequence[Mark] = (),
    pole: tuple[float, float] | None = None,
    shadow: float = 0.4,
) -> None:
    """Paint a round thing: its shadow, its colours, its light, and hair around a pole."""
    if pole:
        shapes = [tousle(easel, shape, 0.25) for shape in shapes]
    box = bounds(shapes, 10)
    stencil = cut(shapes, box, fine=2)
    facing, halo = puff(easel, stencil)
    easel.canvas[:, *box] *= 1 - np.float32(shadow) * halo
    colour = skin(box) if callable(skin) else skin
    for spots, tint, soft in marks:
        colour = mix(colour, tint, cut(spots, box, soft, 2))
    tone = 0.75 + 0.5 * facing
    if pole:
        tone += np.float32(0.07) * comb(box, pole)
    light = mix(easel.shade, easel.bright, np.clip(tone, 0, 1.5))
    lay(easel, box, stencil, colour * light)
# ~/~ end


# ~/~ begin <<data/cats.md#coats>>[init]
@dataclass(frozen=True)
class Cat:
    """What one cat looks like, and how it looks at us."""

    coat: tuple[Array, Array, Array]  # main colour, markings, light parts
    pattern: str  # solid, tabby, spots, patches, tortie, points
    bib: bool  # white chest, paws and muzzle
    blaze: bool  # white wedge up the forehead
    nose: Array
    iris: Array
    collar: Array | None
    ears: float  # length
    wide: float  # of the head
    eyes: float  # size
    slant: float  # of the eyes
    lids: tuple[float, float]  # how far each eye is open; below 0: shut and happy
    pupil: float  # width
    mouth: str  # shut, open, tongue
    stripe: float  # how close the stripes are


COATS = {  # main, markings, light parts
    "black": ("#2a272b", "#161417", "#4a444a"),
    "smoke": ("#4b4a52", "#2b2a30", "#85848c"),
    "blue": ("#7d8590", "#535a66", "#b1b8c0"),
    "silver": ("#b4b5b6", "#55555a", "#e8e8e6"),
    "white": ("#efebe4", "#cfc6bb", "#fbf9f5"),
    "cream": ("#e8cda4", "#c4955f", "#faf0df"),
    "ginger": ("#dd9145", "#a04f1a", "#f9e3c2"),
    "red": ("#b8612b", "#70300f", "#eec69a"),
    "brown": ("#8b6c4c", "#3a291b", "#d8c1a0"),
    "chocolate": ("#5b3b2a", "#2b1a11", "#a5836b"),
    "lilac": ("#b7a6a2", "#82706d", "#e4dad6"),
    "fawn": ("#d6b08c", "#9a7050", "#f3e2cf"),
    "seal": ("#e3d2b8", "#41291d", "#f6eee0"),
    "calico": ("#f1ebe2", "#d98a3f", "#fbf9f5"),
    "tortie": ("#3a2a24", "#bd6a2c", "#8d6a52"),
}
PATTERNS = {"seal": ["points"], "calico": ["patches"], "tortie": ["tortie"]}
IRISES = ["#e0a520", "#e8c63c", "#a5c93c", "#58a850", "#5fb4d9", "#3f78c2", "#cf7426"]
WHITE = hue("#f7f3ec")


def fell(easel: Easel, cat: Cat, pole: tuple[float, float], box: Box) -> Array:
    """Colour the fur (3, h, w) within `box`, stripes running across it around the pole."""
    base, dark, _ = cat.coat
    if cat.pattern == "tabby":
        x, y = grid()[0][box] - pole[0], grid()[1][box] - pole[1]
        rings = np.sqrt(x * x + 0.6 * y * y) * cat.stripe + 1.3 * mist(easel, 24, box)
        return mix(base, dark, 0.8 * step(np.sin(rings), 0.25, 0.9))
    if cat.pattern == "spots":
        return mix(base, dark, 0.85 * step(mist(easel, 9, box), 0.75, 0.5))
    if cat.pattern == "patches":
        skin = mix(base, hue("#2c2625"), step(mist(easel, 48, box), 0.6, 0.12))
        return mix(skin, dark, step(mist(easel, 44, box), 0.35, 0.12))
    if cat.pattern == "tortie":
        return mix(base, dark, step(mist(easel, 12, box) + mist(easel, 32, box), 0.4, 0.5))
    return base * (1 + np.float32(0.05) * mist(easel, 40, box))


def fur(
    easel: Easel,
    cat: Cat,
    shapes: Sequence[Array],
    pole: tuple[float, float],
    marks: Sequence[Mark] = (),
) -> None:
    """Paint a part of the cat with its coat."""
    form(easel, shapes, partial(fell, easel, cat, pole), marks, pole)


def tipped(cat: Cat) -> Cat:
    """Give the cat as it is at its tips, where point colouring darkens legs and tail."""
    if cat.pattern != "points":
        return cat
    base, dark, light = cat.coat
    return replace(cat, coat=(mix(base, dark, 0.8), dark, light))
# ~/~ end


# ~/~ begin <<data/cats.md#faces>>[init]
HALF = "0,-.8 .4,-.76 .74,-.5 .95,-.08 1.02,.28 .84,.6 .45,.82 0,.9"
BLAZE = "0,-.7 .1,-.3 .2,.1 .52,.45 .36,.9 0,1"
EAR = "-.48,.06 -.3,-.42 .04,-.9 .06,-.9 .2,-.45 .3,.5 -.1,.5"
FOREHEAD = both(limb(".2,-.78 .17,-.55 .24,-.36", ".07 .05 .02"))
FOREHEAD += both(limb(".46,-.7 .4,-.5 .48,-.34", ".06 .05 .02"))
FOREHEAD += both(limb(".66,.1 .85,.16 1.04,.06", ".02 .05 .04"))
FOREHEAD += both(limb(".6,.34 .78,.42 .98,.36", ".02 .05 .04"))
FOREHEAD += [limb("0,-.8 0,-.5", ".06 .02")]


def skull(cat: Cat) -> Array:
    """Draw the outline of the head without its ears."""
    return whole(HALF) * (cat.wide, 1)


def ears(cat: Cat, shrink: float = 1) -> list[Array]:
    """Draw both ears, or what is inside of them."""
    ear = curve(EAR) * (1, cat.ears) * shrink + (0.66 * cat.wide, -0.66)
    return both(ear)


def markings(cat: Cat) -> Iterator[Mark]:
    """Give what is drawn on the fur of the face, from the ears to the chin."""
    base, dark, light = cat.coat
    pale = mix(base, light, 0.7)
    if cat.pattern == "points":
        yield [disc(0, 0.25, 0.5, 0.62)], mix(base, dark, 0.85), 12
        yield ears(cat), dark, 2
    yield ears(cat, 0.62), mix(base, cat.nose, 0.6), 3
    if cat.pattern in ("tabby", "spots"):
        yield both(disc(0.42, -0.05, 0.36, 0.3)), pale, 5
        yield FOREHEAD, dark, 2
    if cat.blaze:
        yield [whole(BLAZE)], WHITE, 4
    if cat.bib or cat.pattern not in ("points", "tortie"):
        pads = [*both(disc(0.2, 0.46, 0.26, 0.2)), disc(0, 0.7, 0.24, 0.16)]
        yield pads, WHITE if cat.bib else pale, 5


@cache
def almond() -> Array:
    """Draw the opening of an eye."""
    t = np.arange(24) * (np.pi / 12)
    return np.stack([np.cos(t), np.sin(t) * np.abs(np.sin(t)) ** 0.25], 1)


def eyes(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint the eyes: dark rims, irises lit from below, pupils and two sparkles."""
    size, ink = 0.235 * cat.eyes, cat.coat[1] * 0.3
    sides = [(s, lid) for s, lid in zip((-1, 1), cat.lids, strict=True) if lid > 0]
    shut = [(s, lid) for s, lid in zip((-1, 1), cat.lids, strict=True) if lid <= 0]
    for s, lid in shut:
        arc = limb("-.22,-.03 0,.07 .22,-.03", ".012 .04 .012") * (1, -1 if lid < 0 else 1)
        dab(easel, at(arc + (s * 0.43 * cat.wide, 0)), ink)
    if not sides:
        return

    def layer(shape: Array, k: float, x: float = 0, y: float = 0) -> list[Array]:
        parts = []
        for s, lid in sides:
            part = (shape * k + (x, y)) * (size, size * lid)
            part[:, 1] -= cat.slant * s * part[:, 0]
            parts.append(part + (s * 0.43 * cat.wide, -0.03))
        return at(*parts)

    dab(easel, layer(almond(), 1.2), ink, 2, 0.9)
    dab(easel, layer(almond(), 1), cat.iris * 0.5)
    dab(easel, layer(almond(), 0.88, y=0.04), cat.iris)
    dab(easel, layer(disc(0, 0, 0.62, 0.42), 1, y=0.4), mix(cat.iris, WHITE, 0.5), 3, 0.7)
    dab(easel, layer(disc(0, 0, cat.pupil, 0.84), 1), hue("#0d0b0c"))
    dab(easel, layer(disc(0, 0, 0.2), 1, -0.3, -0.38), hue("#ffffff"))
    dab(easel, layer(disc(0, 0, 0.1), 1, 0.3, 0.45), hue("#ffffff"), 0, 0.7)


def muzzle(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint mouth, nose and whiskers."""
    ink = cat.coat[1] * 0.35
    if cat.mouth == "open":
        dab(easel, at(curve("0,.44 .16,.52 .1,.72 0,.78 -.1,.72 -.16,.52")), hue("#5a1f22"))
        dab(easel, at(disc(0, 0.68, 0.08, 0.08)), hue("#e08a8a"))
    elif cat.mouth == "tongue":
        dab(easel, at(curve("-.07,.46 .07,.46 .08,.6 0,.66 -.08,.6")), hue("#e88f93"))
    lips = both(limb("0,.42 .1,.52 .24,.47", ".018 .02 .008"))
    dab(easel, at(*lips, limb("0,.3 0,.42", ".016 .016")), ink, 0, 0.85)
    dab(easel, at(curve("-.14,.2 0,.17 .14,.2 .06,.3 0,.34 -.06,.3")), cat.nose)
    dab(easel, at(disc(-0.03, 0.22, 0.05, 0.02)), hue("#ffffff"), 0, 0.5)
    hairs = [limb(".3,.42 .85,.3 1.45,.26", ".014 .011 .004")]
    hairs += [limb(".3,.48 .85,.46 1.45,.5", ".014 .011 .004")]
    hairs += [limb(".3,.54 .85,.62 1.4,.78", ".014 .011 .004")]
    dab(easel, at(*both(*hairs)), hue("#ffffff"), 0, 0.75)


def head(easel: Easel, cat: Cat, at: Frame, back: bool = False) -> None:
    """Paint the head in its frame, from the front or from the back."""
    soft = at.size / 30
    marks = [] if back else [(at(*s), c, w * soft) for s, c, w in markings(cat)]
    pole = (at.x, at.y + at.size * (-0.9 if back else 0.1))
    fur(easel, cat, at(*ears(cat), skull(cat)), pole, marks)
    if not back:
        eyes(easel, cat, at)
        muzzle(easel, cat, at)
# ~/~ end


# ~/~ begin <<data/cats.md#poses>>[init]
def white(cat: Cat, shapes: list[Array]) -> list[Mark]:
    """Make these parts white if the cat has a bib."""
    return [(shapes, WHITE, 5)] if cat.bib else []


def collar(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a collar with a bell below a head."""
    if cat.collar is not None:
        band = limb("-.62,.62 -.3,.95 0,1.03 .3,.95 .62,.62", ".1 .1 .1 .1 .1")
        form(easel, at(band), cat.collar, shadow=0.2)
        form(easel, at(disc(0, 1.17, 0.14)), hue("#e8c04a"), shadow=0.3)


def portrait(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a face that fills the picture."""
    body = whole("0,14 18,20 34,42 32,62 0,64")
    fur(easel, cat, at(body), (at.x, at.y), white(cat, at(disc(0, 48, 13, 22))))
    collar(easel, cat, at.inside(0, 2, 30))
    head(easel, cat, at.inside(0, 2, 30))


def closeup(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a face so near that the ears are cut off."""
    portrait(easel, cat, replace(at, y=at.y + 5, size=at.size * 1.45))


def sit(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat that sits and looks at us."""
    pole = (at.x, at.y - 30 * at.size)
    tails = ["14,41 32,41 41,30 36,14 42,2", "14,41 32,43 42,36 42,24", "12,42 30,40 38,20 30,4"]
    tail = limb(pick(easel.rng, tails), "5 5 5 4.5 3.5")
    fur(easel, tipped(cat), at(tail), pole)
    body = whole("0,-14 12,-8 18,12 26,30 25,42 10,47 0,47")
    fur(easel, cat, at(body), pole, white(cat, at(disc(0, 8, 9, 16))))
    fur(easel, cat, at(*both(disc(17, 37, 10, 10))), pole)
    legs, socks = both(limb("6,8 7,26 7,42", "6 5 5.5")), both(disc(7, 44, 7, 7))
    fur(easel, tipped(cat), at(*legs), pole, white(cat, at(*socks)))
    collar(easel, cat, at.inside(0, -20, 17))
    head(easel, cat, at.inside(0, -20, 17))


def profile(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat that sits sideways and turns its head to us."""
    pole = (at.x - 10 * at.size, at.y - 30 * at.size)
    tails = ["26,42 42,43 46,32 40,20", "26,42 44,44 47,30", "26,42 38,40 44,22 38,6"]
    fur(easel, tipped(cat), at(limb(pick(easel.rng, tails), "5 5 4.5 3.5")), pole)
    body = curve("-8,-16 6,-12 20,6 32,26 34,42 20,47 -10,47 -16,30 -18,6")
    fur(easel, cat, at(body), pole, white(cat, at(disc(-14, 8, 9, 18))))
    fur(easel, cat, at(disc(19, 32, 15, 14)), pole)
    legs = [limb("-8,10 -9,28 -11,43", "7 5 5"), limb("16,44 2,45", "4 4")]
    fur(easel, tipped(cat), at(*legs), pole, white(cat, at(disc(-12, 44, 7, 7))))
    collar(easel, cat, at.inside(-9, -20, 16))
    head(easel, cat, at.inside(-9, -20, 17))


def turned(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat from behind."""
    pole = (at.x, at.y - 30 * at.size)
    fur(easel, cat, at(whole("0,-12 10,-8 20,12 28,32 24,45 10,47 0,47")), pole)
    tails = ["2,36 14,44 30,43 42,34 44,22", "0,38 -4,20 6,6 2,-8", "2,36 16,45 36,46"]
    tail = limb(pick(easel.rng, tails), "4.5 5 5 4.5 3.5")
    fur(easel, tipped(cat), at(tail), pole)
    head(easel, cat, at.inside(0, -20, 16), back=True)


def loaf(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat that lies with its paws tucked in."""
    pole = (at.x - 10 * at.size, at.y)
    body = "-36,45 -40,28 -28,8 -4,0 22,4 39,18 43,36 37,45 0,47"
    fur(easel, cat, at(curve(body)), pole)
    fur(easel, tipped(cat), at(limb("40,38 32,45 8,46", "4 4.5 3.5")), pole)
    paws = at(disc(-22, 44, 8, 4.5), disc(-5, 45, 8, 4.5))
    fur(easel, tipped(cat), paws, pole, white(cat, paws))
    collar(easel, cat, at.inside(-13, 6, 18))
    head(easel, cat, at.inside(-13, 6, 18))


def bread(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat that lies and faces us."""
    pole = (at.x, at.y - 10)
    body = whole("0,0 20,4 36,22 38,40 28,47 0,47")
    fur(easel, cat, at(body), pole, white(cat, at(disc(0, 34, 12, 14))))
    paws = at(*both(disc(9, 45, 8, 5)))
    fur(easel, tipped(cat), paws, pole, white(cat, paws))
    head(easel, cat, at.inside(0, 6, 22))


def curl(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat that sleeps, rolled up."""
    cat = replace(cat, lids=(0, 0), mouth="shut")
    pole = (at.x - 15 * at.size, at.y + 20 * at.size)
    fur(easel, cat, at(disc(3, 17, 39, 27)), pole)
    fur(easel, cat, at(disc(22, 24, 18, 17)), pole)
    head(easel, cat, at.inside(-19, 20, 16, -0.3))
    tail = limb("41,22 33,40 6,45 -20,42 -32,34", "6 7 7 6 4")
    fur(easel, tipped(cat), at(tail), pole)


def walk(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat that walks by."""
    pole = (at.x - 60 * at.size, at.y - 10 * at.size)
    tips = tipped(cat)
    far = [limb("-16,12 -14,28 -9,43", "6 4.5 4"), limb("20,10 18,28 10,43", "7 4.5 4")]
    base, dark, light = (c * 0.8 for c in tips.coat)
    fur(easel, replace(tips, coat=(base, dark, light)), at(*far), pole)
    tails = ["32,2 42,-12 37,-28 43,-40", "32,2 44,-4 46,-20 38,-32", "32,2 42,10 47,-4"]
    fur(easel, tips, at(limb(pick(easel.rng, tails), "5 4.5 4 3")), pole)
    body = "-34,2 -22,-9 0,-7 20,-9 35,-3 38,10 30,19 10,17 -8,21 -24,22 -34,14"
    fur(easel, cat, at(curve(body)), pole)
    fur(easel, cat, at(disc(27, 10, 11, 13)), pole)
    near = [limb("-24,12 -27,28 -30,43", "7 5 4.5"), limb("29,16 34,30 29,43", "7 5 4.5")]
    socks = at(disc(-30, 43, 7, 8), disc(29, 43, 7, 8))
    fur(easel, tips, at(*near), pole, white(cat, socks))
    collar(easel, cat, at.inside(-26, -9, 15))
    head(easel, cat, at.inside(-27, -11, 16))


def sphinx(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat that lies with its legs stretched out."""
    pole = (at.x - 40 * at.size, at.y)
    tail = limb("34,38 46,40 48,28 43,20", "4.5 4.5 4 3")
    fur(easel, tipped(cat), at(tail), pole)
    fur(easel, cat, at(limb("-12,20 8,24 24,28", "16 17 17")), pole)
    fur(easel, cat, at(disc(24, 31, 15, 14)), pole)
    legs = [limb("-14,34 -30,42 -42,42", "7 5 5"), limb("24,42 12,44 4,44", "5 4.5 4.5")]
    socks = at(disc(-42, 42, 7, 7), disc(4, 44, 6, 6))
    fur(easel, tipped(cat), at(*legs), pole, white(cat, socks))
    collar(easel, cat, at.inside(-18, 0, 17))
    head(easel, cat, at.inside(-18, 0, 17))


def peek(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat that peeks over the edge of a table."""
    head(easel, cat, at.inside(0, 4, 27))
    wood = mix(hue("#8a6242"), easel.canvas[:, 150:, :].mean(axis=(1, 2), keepdims=True), 0.4)
    form(easel, at(path("-90,24 90,24 90,90 -90,90")), wood, shadow=0.3)
    paws = at(*both(curve("16,22 24,18 32,22 33,31 24,34 16,31")))
    fur(easel, tipped(cat), paws, (at.x, at.y), white(cat, paws))


def box(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint a cat in a cardboard box."""
    card = mix(hue("#b98d5a"), easel.canvas.mean(axis=(1, 2), keepdims=True), 0.3)
    form(easel, at(path("-38,10 38,10 34,20 -34,20")), card * 0.55, shadow=0.2)
    fur(easel, cat, at(whole("0,-8 14,-4 24,20 26,40 0,42")), (at.x, at.y - 30))
    head(easel, cat, at.inside(0, -10, 20))
    form(easel, at(path("-38,12 38,12 35,48 -35,48")), card)
    form(easel, at(path("-38,12 -48,24 -40,28 -34,14")), card * 0.85, shadow=0.2)
    form(easel, at(path("38,12 48,24 40,28 34,14")), card * 0.85, shadow=0.2)
    paws = at(*both(disc(14, 13, 6, 5)))
    fur(easel, tipped(cat), paws, (at.x, at.y), white(cat, paws))


POSES: list[Callable[[Easel, Cat, Frame], None]]
POSES = [portrait, portrait, closeup, sit, sit, profile, turned, loaf, bread, curl, walk]
POSES += [sphinx, peek, box]
# ~/~ end


# ~/~ begin <<data/cats.md#scenes>>[init]
def wash(easel: Easel, *colours: Array) -> None:
    """Cover the canvas with a gradient of some colours, from top to bottom."""
    stops = np.linspace(0, SIDE - 1, len(colours))
    rows = np.arange(SIDE)
    for k, plane in enumerate(easel.canvas):
        plane[:] = np.interp(rows, stops, [c[k, 0, 0] for c in colours])[:, None]


def scatter(easel: Easel, n: int, shape: Array, low: float, high: float) -> list[Array]:
    """Strew `n` turned copies of a shape between the heights `low` and `high`."""
    spots = easel.rng.random((n, 4)) * (110, high - low, 6.3, 0.8) + (-5, low, 0, 0.6)
    return [Frame(x, y, size, turn)(shape)[0] for x, y, turn, size in spots.tolist()]


def floor(easel: Easel, colour: Array, top: float) -> None:
    """Paint a floor from the height `top` on, darker towards us."""
    y = grid()[1]
    lay(easel, ALL, step(y, top, 1), colour * (1.25 - 0.5 * y / 100))


def wall(easel: Easel, base: Array, accent: Array) -> None:
    """Paint a papered wall and a floor."""
    wash(easel, base * 1.08, base * 0.94)
    x, y = grid()
    wave = np.sin(x * easel.chance(0.4, 1.2))
    if easel.chance() < 0.5:
        wave = wave * np.sin(y * easel.chance(0.4, 1.2))
    easel.canvas[:] *= 1 + step(wave, 0.4, 0.4) * np.float32(easel.chance(-0.15, 0.15))
    top = easel.chance(66, 80)
    lay(easel, ALL, step(y, top - 4, 1), mix(base, WHITE, 0.5))
    floor(easel, mix(accent, base, 0.4) * 0.8, top)


def curtain(easel: Easel, base: Array, accent: Array) -> None:
    """Paint the folds of a curtain."""
    x, y = grid()
    folds = np.sin(x * easel.chance(0.2, 0.5) + mist(easel, 96) * 0.8 + y * 0.01)
    easel.canvas[:] = base * (1 + 0.2 * folds)
    floor(easel, mix(accent, base, 0.6), easel.chance(78, 90))


def sofa(easel: Easel, base: Array, accent: Array) -> None:
    """Paint a sofa with cushions."""
    wash(easel, mix(base, WHITE, 0.4), mix(base, WHITE, 0.2))
    form(easel, [path("-5,30 105,30 105,105 -5,105")], base * 0.9)
    seam = easel.chance(30, 70)
    form(easel, [curve(f"-9,24 {seam},22 {seam},74 -9,76")], base)
    form(easel, [curve(f"{seam},22 109,24 109,76 {seam},74")], base)
    x = easel.chance(5, 95)
    pillow = curve("-17,-15 0,-12 17,-15 14,0 17,15 0,12 -17,15 -14,0")
    form(easel, Frame(x, 52, 1, easel.chance(-0.5, 0.5))(pillow), accent)
    form(easel, [path("-5,72 105,72 105,110 -5,110")], base * 1.05)


def blanket(easel: Easel, base: Array, accent: Array) -> None:
    """Paint a tartan blanket."""
    turn = easel.chance(-0.7, 0.7)
    x, y = grid()
    u, v = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    easel.canvas[:] = base * (1 + np.float32(0.05) * mist(easel, 32))
    close = easel.chance(0.2, 0.45)
    for wave in (u, v):
        easel.canvas[:] = mix(easel.canvas, accent, 0.3 * step(np.sin(wave * close), 0.3, 0.2))
        thin = step(np.sin(wave * close + 2.2), 0.96, 0.03)
        easel.canvas[:] = mix(easel.canvas, WHITE, 0.3 * thin)


def books(easel: Easel, base: Array, accent: Array) -> None:
    """Paint shelves of books."""
    easel.canvas[:] = base * 0.35
    for top in (-14, 22, 58):
        x = -3.0
        while x < 100:
            w, h = easel.chance(3, 8), easel.chance(22, 31)
            tint = mix(base, accent, easel.chance(0, 0.7)) * easel.chance(0.6, 1.4)
            spine = np.array([(x, top + 34 - h), (x + w, top + 34 - h), (x + w, top + 34), (x, top + 34)])
            dab(easel, [spine], tint)
            x += w + 0.4
        dab(easel, [path("-5,0 105,0 105,3 -5,3") + (0, top + 34)], base * 0.6)


def window(easel: Easel, base: Array, accent: Array) -> None:
    """Paint a window with a view, and its sill."""
    sky(easel, mix(base, WHITE, 0.3), mix(accent, base, 0.5))
    x = easel.chance(30, 70)
    bars = [path("-2,0 2,0 2,100 -2,100") + (x, 0), path("0,-2 100,-2 100,1 0,1") + (0, 34)]
    bars += [path("0,0 7,0 7,100 0,100"), path("93,0 100,0 100,100 93,100")]
    form(easel, bars, mix(base, WHITE, 0.6), shadow=0.3)
    form(easel, [path("-5,84 105,84 105,110 -5,110")], mix(base, WHITE, 0.5))


def bokeh(easel: Easel, base: Array, accent: Array) -> None:
    """Paint lights out of focus."""
    wash(easel, base * 0.95, base * 0.6)
    for _ in range(12):
        spot = disc(easel.chance(0, 100), easel.chance(0, 100), easel.chance(4, 12))
        tint = mix(base, accent, easel.chance()) + 0.25
        dab(easel, [spot], tint, 2, easel.chance(0.15, 0.5))


def sky(easel: Easel, base: Array, accent: Array) -> None:
    """Paint clouds over a hill."""
    wash(easel, base * 0.8, base, mix(base, WHITE, 0.4))
    puffs = step(mist(easel, 48) + 0.5 * mist(easel, 16), 0.5, 1.6)
    lay(easel, ALL, puffs * 0.7, mix(base, WHITE, 0.75))
    hills(easel, accent, 74)


def hills(easel: Easel, colour: Array, top: float) -> None:
    """Paint two soft hills."""
    a, b = easel.chance(-8, 8), easel.chance(-8, 8)
    far = curve(f"-30,{top + a} 20,{top - a} 60,{top + b} 130,{top - b} 130,140 -30,140")
    near = curve(f"-30,{top + 9 - b} 30,{top + 9 + a} 80,{top + 9 - a} 130,{top + 9} 130,140 -30,140")
    form(easel, [far], mix(colour, easel.canvas[:, 100:101, 100:101], 0.45), shadow=0)
    form(easel, [near], colour, shadow=0.1)


def evening(easel: Easel, base: Array, accent: Array) -> None:
    """Paint the sky after sunset."""
    names = ("#0a1450", "#2450b8", "#7a6fd8", "#e07aa0", "#ffffff", "#fff2c0", "#fff2c0")
    shares = (0.85, 0.8, 0.75, 0.7, 0, 0.85, 0.85)
    wash(easel, *(mix(base, hue(n), k) for n, k in zip(names, shares, strict=True)))
    streaks = step(scale(mist(easel, 16)[:, :25].copy(), (SIDE, SIDE)), 0.8, 1.2)
    lay(easel, ALL, streaks * 0.4, mix(base, WHITE, 0.3))
    sun = (easel.chance(8, 92), easel.chance(52, 66))
    dab(easel, [disc(*sun, 12)], WHITE, 14, 0.6)
    dab(easel, [disc(*sun, 6)], WHITE, 1)
    hills(easel, accent * 0.8, 76)


def night(easel: Easel, base: Array, accent: Array) -> None:
    """Paint the moon, stars and roofs."""
    wash(easel, base * 0.6, base, mix(base, accent, 0.2) * 1.3)
    dab(easel, scatter(easel, 40, disc(0, 0, 0.4, n=8), 0, 60), mix(base, WHITE, 0.8))
    x, y = easel.chance(12, 88), easel.chance(10, 30)
    dab(easel, [disc(x, y, 18)], mix(base, WHITE, 0.5), 16, 0.5)
    dab(easel, [disc(x, y, easel.chance(6, 12))], mix(hue("#fdf3d0"), base, 0.1), 1)
    roofs = "-5,110 -5,80 12,66 28,80 28,74 44,74 44,84 62,70 78,84 78,72 84,72 84,78 105,78 105,110"
    form(easel, [path(roofs)], base * 0.45, shadow=0.1)
    panes = [path("0,0 2.4,0 2.4,3 0,3") + (x, 88) for x in (8, 14, 36, 60, 66, 90)]
    dab(easel, panes, mix(hue("#ffd880"), base, 0.2))


def snow(easel: Easel, base: Array, accent: Array) -> None:
    """Paint snow, firs and flakes."""
    wash(easel, base * 0.75, base)
    fir = path("0,-22 6,-11 3,-11 8,-3 4,-3 10,6 -10,6 -4,-3 -8,-3 -3,-11 -6,-11")
    for x in (easel.chance(0, 20), easel.chance(25, 70), easel.chance(75, 100)):
        form(easel, Frame(x, 62, easel.chance(0.8, 1.7))(fir), mix(base * 0.5, accent, 0.3))
    hills(easel, mix(base, WHITE, 0.7), 66)
    dab(easel, scatter(easel, 50, disc(0, 0, 0.9, n=10), 0, 100), WHITE, 1, 0.8)


def sea(easel: Easel, base: Array, accent: Array) -> None:
    """Paint the sea with glitter, and a beach."""
    wash(easel, mix(base, WHITE, 0.25), mix(base, WHITE, 0.65))
    x, y = grid()
    top = easel.chance(34, 50)
    water = base * (0.65 + 0.5 * step(y, 72, 60))
    lay(easel, ALL, step(y, top, 0.6), water)
    waves = np.sin(y * (14 - 0.1 * y) * 0.25 + mist(easel, 24) * 2) * step(y, top + 3, 6)
    lay(easel, ALL, step(waves, 0.8, 0.3) * 0.5, mix(base, WHITE, 0.8))
    sail = path("0,-14 0,0 8,0") + (easel.chance(5, 95), top + 1)
    dab(easel, [sail], mix(accent, WHITE, 0.5))
    floor(easel, mix(hue("#e5cfa0"), base, 0.3), easel.chance(74, 84))


LEAF = curve("0,-3.4 1.6,-1 1.2,1.6 0,3 -1.2,1.6 -1.6,-1")


def autumn(easel: Easel, base: Array, accent: Array) -> None:
    """Paint fallen leaves."""
    wash(easel, mix(base, WHITE, 0.2), base * 0.6)
    tints = [base * 0.55, base * 0.85, mix(base, accent, 0.5), mix(base, WHITE, 0.25)]
    for k, tint in enumerate([*tints, base * 1.2]):
        dab(easel, scatter(easel, 34, LEAF * 1.2, 8 * k, 104), tint)


def meadow(easel: Easel, base: Array, accent: Array) -> None:
    """Paint blades of grass, and flowers."""
    wash(easel, mix(base, WHITE, 0.45), base, base * 0.6)
    for k in range(4):
        spots = easel.rng.random((40, 3)) * (110, 26, 8) + (-5, 36 + 18 * k, -4)
        blade = path("-.8,0 0,0 .8,0")
        blades = [blade + (x, y) + [[0, 0], [s, -15], [0, 0]] for x, y, s in spots.tolist()]
        dab(easel, blades, base * (0.6 + 0.2 * k))
        heads = [disc(x + s, y - 15, 1.7, 1.5, 10) for x, y, s in spots[::7].tolist()]
        dab(easel, heads, mix(accent, WHITE, 0.3))


Scene = Callable[[Easel, Array, Array], None]
SCENES: dict[Scene, str] = {  # with the colours that suit them
    wall: "",
    curtain: "",
    sofa: "",
    blanket: "",
    books: "",
    bokeh: "",
    window: "#a9c4dd #d9e4ee #8fa6b5",
    sky: "#7fb2e5 #b9d4ec",
    evening: "#e08a4a #c05a5a #8a5a90 #e5a878",
    night: "#16203a #0d1120 #2b2a55",
    snow: "#c3d3e5 #93abc9 #e5e9f0",
    sea: "#2f7f9f #5fb0b8 #3a6ea8",
    autumn: "#b5652a #8a5a2a #c98a30",
    meadow: "#6d9a3a #97b04f #4f7a3a",
}
# ~/~ end


# ~/~ begin <<data/cats.md#light>>[init]
LIGHTS = [("#fff4e6", "#2b3350"), ("#fff9f0", "#3a3a48"), ("#ffdfb0", "#3a2440")]
LIGHTS += [("#e6f0ff", "#1c2440"), ("#fff0d0", "#0c0c18")]


def wish(number: int) -> Array:
    """Choose the mean colour that picture `number` should have."""
    u = (0.5 + number * np.array([0.8191725134, 0.6710436067, 0.5497004779])) % 1
    lightness = 0.5 + 0.46 * (2 * u[0] - 1) * abs(2 * u[0] - 1) ** 0.3
    angle = 2 * np.pi * u[1]
    angle -= 0.65 * np.sin(angle - 0.6)
    a, b = np.cos(angle) / 6**0.5, np.sin(angle) / 2**0.5
    way = np.array([2 * a, b - a, -a - b])
    room = np.min(np.where(way > 0, 0.96 - lightness, lightness - 0.03) / np.abs(way))
    vivid = 0.7 + 0.22 * np.cos(angle - 0.5)  # warm colours may be purer than cold ones
    colour = lightness + way * max(room, 0) * vivid * u[2] ** 1.1
    return np.asarray(colour, np.float32).reshape(3, 1, 1)


def fall(easel: Easel) -> None:
    """Let the light fall from its side, and dim the corners."""
    x, y = grid()
    away = (x - 50 - 25 * easel.sun[0]) ** 2 + (y - 50 - 20 * easel.sun[1]) ** 2
    easel.canvas[:] *= np.clip(1.1 - away * np.float32(easel.chance(2e-5, 9e-5)), 0.3, 2)


def develop(canvas: Array, goal: Array | None) -> Image.Image:
    """Turn the canvas into an image whose mean colour comes close to `goal`."""
    planes = np.uint8(np.clip(canvas, 0, 1) * 255 + 0.5)
    image = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    if goal is None:
        return image
    shares = np.array(image.histogram()).reshape(3, 256) / SIDE**2
    dark = np.log(np.maximum(np.arange(256), 0.5) / 255)
    low, high = np.full((3, 1), -1.1), np.full((3, 1), 1.2)
    for _ in range(9):
        middle = (low + high) / 2
        mean = (shares * np.exp(dark * np.exp(middle))).sum(axis=1, keepdims=True)
        low = np.where(mean > goal[:, 0], middle, low)
        high = np.where(mean > goal[:, 0], high, middle)
    table = np.exp(dark * np.exp(low)) * 255 + 0.5
    return image.point(np.uint8(table).ravel().tolist())

# ~/~ end


# ~/~ begin <<data/cats.md#recipes>>[init]
@dataclass(frozen=True)
class Recipe:
    """Everything that is decided before the first stroke."""

    cat: Cat
    pose: Callable[[Easel, Cat, Frame], None]
    at: Frame
    scene: Scene
    base: Array
    accent: Array
    light: tuple[str, str]
    blur: float
    goal: Array | None


def weigh(rng: np.random.Generator, things: Sequence[Any], weights: Array) -> Any:
    """Pick one of the things, the heavier the likelier."""
    pile = np.cumsum(weights)
    return things[int(np.searchsorted(pile, rng.random() * pile[-1]))]


def breed(rng: np.random.Generator, goal: Array) -> Cat:
    """Find a cat that goes well with the mean colour."""
    mains = np.stack([hue(main) for main, _, _ in COATS.values()])
    need = (goal - 0.4 * mains) / 0.6
    misfit = np.abs(need - np.clip(need, 0.05, 0.95)).sum(axis=(1, 2, 3))
    name = weigh(rng, list(COATS), np.exp(-6 * misfit))
    base, dark, light = (hue(c) for c in COATS[name])
    bib = rng.random() < 0.35
    lids = [(0.95, 0.95), (1, 1), (0.85, 0.85), (0.65, 0.65), (0, 0), (-1, -1), (0.9, 0)]
    return Cat(
        coat=(base, dark, light),
        pattern=pick(rng, PATTERNS.get(name, ["solid", "tabby", "tabby", "spots"])),
        bib=bib,
        blaze=bib and rng.random() < 0.6,
        nose=hue(pick(rng, ["#d98a86", "#c46f6c", "#4a3836", "#e2a39b"])),
        iris=hue(pick(rng, IRISES)),
        collar=hue(pick(rng, ACCENTS)) if rng.random() < 0.3 else None,
        ears=0.75 + 0.5 * rng.random(),
        wide=0.95 + 0.2 * rng.random(),
        eyes=0.88 + 0.3 * rng.random(),
        slant=0.35 * rng.random(),
        lids=pick(rng, lids),
        pupil=0.15 + 0.5 * rng.random(),
        mouth=pick(rng, ["shut"] * 7 + ["open", "tongue"]),
        stripe=0.5 + 0.35 * rng.random(),
    )


ACCENTS = ["#c23b3b", "#e0742f", "#e8c23f", "#6f9a3f", "#2f8a7a", "#3a72b8", "#5a4a9a"]
ACCENTS += ["#a8478a", "#e59ab0", "#f0e3c8", "#8a5a3a", "#c9d2da", "#3a3f4a", "#9fc7c0"]


def suit(rng: np.random.Generator, base: Array) -> Scene:
    """Find a scene that suits the colour of the background."""
    weights = []
    for colours in SCENES.values():
        near = [float(((hue(c) - base) ** 2).sum()) for c in colours.split()]
        weights.append(0.12 + 2.5 * np.exp(-min(near) / 0.05) if near else 0.4)
    return weigh(rng, list(SCENES), np.array(weights))  # type: ignore[no-any-return]


def chance_recipe(rng: np.random.Generator, number: int) -> Recipe:
    """Let the dice decide about picture `number`."""
    goal = wish(number)
    cat = breed(rng, goal)
    base = np.clip((goal - 0.4 * cat.coat[0]) / 0.6, 0.05, 0.95)
    at = Frame(
        x=50 + rng.normal(0, 3),
        y=50 + rng.normal(0, 2),
        size=0.93 + 0.17 * rng.random(),
        turn=rng.normal(0, 0.06),
        girth=0.92 + 0.2 * rng.random(),
    )
    return Recipe(
        cat=cat,
        pose=pick(rng, POSES),
        at=at,
        scene=suit(rng, base),
        base=base,
        accent=mix(hue(pick(rng, ACCENTS)), base, 0.3 * rng.random()),
        light=pick(rng, LIGHTS),
        blur=pick(rng, [0, 0, 2.5, 4]),
        goal=goal,
    )


def cover_recipe(rng: np.random.Generator) -> Recipe:
    """Choose what the cover needs: a large face, all hues, deep shadows, bright light."""
    recipe = chance_recipe(rng, COVER)
    cat = replace(
        recipe.cat,
        coat=(hue("#b9aa98"), hue("#2c2624"), hue("#fbf4e8")),
        pattern="tabby",
        bib=True,
        blaze=True,
        nose=hue("#d98a86"),
        iris=hue("#a5c93c"),
        collar=hue("#c23b3b"),
        ears=1,
        wide=1.05,
        eyes=1.15,
        lids=(1, 1),
        pupil=0.45,
        mouth="shut",
    )
    return replace(
        recipe,
        cat=cat,
        pose=portrait,
        at=Frame(50, 52, 1),
        scene=evening,
        base=hue("#ffa040"),
        accent=hue("#5f9a3a"),
        light=LIGHTS[0],
        blur=0,
        goal=hue("#8c8276"),
    )

# ~/~ end


# ~/~ begin <<data/cats.md#painting>>[init]
def paint_cat(number: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """Paint cat picture `number`, always the same for the same number.

    `size` is (width, height) in pixels. The cat is painted on a square canvas of
    200 by 200 pixels; for any other size that is cut in the middle and scaled.
    Raises ValueError for a negative number or a size below 1.

    >>> paint_cat(7, (64, 48)).size
    (64, 48)
    """
    if number < 0 or min(size) < 1:
        raise ValueError(f"cannot paint picture {number} of size {size}")
    rng = np.random.default_rng([SEED, number])
    recipe = cover_recipe(rng) if number == COVER else chance_recipe(rng, number)
    x, y = rng.integers(0, 512 - SIDE, 2).tolist()
    easel = Easel(
        canvas=np.empty((3, SIDE, SIDE), np.float32),
        rng=rng,
        sun=(rng.random() * 1.6 - 0.8, -0.9),
        bright=hue(recipe.light[0]) * 1.1,
        shade=hue(recipe.light[1]),
        grain=(x, y),
    )
    recipe.scene(easel, recipe.base, recipe.accent)
    if recipe.blur:
        for plane in easel.canvas:
            plane[:] = soften(plane, recipe.blur)
    recipe.pose(easel, recipe.cat, recipe.at)
    fall(easel)
    image = develop(easel.canvas, recipe.goal)
    if rng.random() < 0.5:
        image = ImageOps.mirror(image)
    return image if size == image.size else ImageOps.fit(image, size, Image.Resampling.LANCZOS)
# ~/~ end


# ~/~ begin <<data/cats.md#collection>>[init]
def file_name(number: int) -> str:
    """Name the file of picture `number`, so that names sort like numbers."""
    return f"cat_{number:05d}.jpg"


def paint_file(folder: Path, number: int) -> None:
    """Paint one picture into `folder`, unless it is there; never half of a file."""
    path = folder / file_name(number)
    if not path.exists():
        draft = path.with_suffix(".tmp")
        paint_cat(number).save(draft, "JPEG", quality=QUALITY)
        draft.replace(path)


def paint_chunk(folder: Path, numbers: range) -> int:
    """Paint some pictures into `folder`; give how many. Ctrl-C just ends it."""
    for number in numbers:
        paint_file(folder, number)
    return len(numbers)


def paint_collection(
    folder: Path, count: int = 10_000, workers: int | None = None, quiet: bool = False
) -> None:
    """Paint pictures 0 to `count` - 1 as JPEG files into a new folder, in parallel."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists already and is not empty")
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    chunks = [range(k, min(k + 32, count)) for k in range(0, count, 32)]
    with (
        ProcessPoolExecutor(workers) as pool,
        tqdm(total=count, unit="cat", disable=True if quiet else None) as bar,
    ):
        for n in pool.map(partial(paint_chunk, part), chunks):
            bar.update(n)
    if folder.exists():
        folder.rmdir()
    part.replace(folder)
# ~/~ end


# ~/~ begin <<data/cats.md#command-line>>[init]
def main(argv: Sequence[str] | None = None) -> int:
    """Paint the collection from the command line."""
    parser = argparse.ArgumentParser(description="Paint cats.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("data/cats"))
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--workers", type=int)
    args = parser.parse_args(argv)
    paint_collection(args.folder, args.count, args.workers)
    return 0
# ~/~ end


if __name__ == "__main__":
    sys.exit(main())
# ~/~ end