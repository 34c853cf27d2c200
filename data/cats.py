# Made from data/cats.md by make tangle; edit that.
"""Paint the demo collection of ten thousand cats; tangled from data/cats.md."""

import argparse
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageOps
from tqdm import tqdm

SEED = 2024
COVER = 5019  # the number of the picture that the demo imitates
SIDE = 200  # width and height of the canvas, in pixels
QUALITY = 85  # of the JPEG files

Array = NDArray[Any]  # Any: of whole numbers or of fractions
# shapes: points (n, 2); fields (h, w); colours (3, 1, 1), 0 to 1
Area = tuple[slice, slice]  # a rectangle of the canvas: rows, columns
ALL = (slice(0, SIDE), slice(0, SIDE))


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


def mix(one: Array, other: Array, part: float | Array) -> Array:
    """Mix a `part` of the other colour into the one."""
    return np.asarray(one + part * (other - one))


WHITE = hue("#f7f3ec")


@cache
def grid() -> tuple[Array, Array]:
    """Give the x and y, 0 to 100, of all pixels of the canvas."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32) * np.float32(100 / SIDE)
    return x, y


def scale(field: Array, size: tuple[int, int]) -> Array:
    """Stretch a (h, w) field smoothly to `size` = (width, height)."""
    return np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BICUBIC))


def soften(field: Array, width: float) -> Array:
    """Blur a (h, w) field over about `width` pixels: shrink it and stretch it again."""
    h, w = field.shape
    small = (max(2, round(w / width)), max(2, round(h / width)))
    card = Image.fromarray(field).resize(small, Image.Resampling.HAMMING)
    return scale(np.asarray(card), (w, h))


@cache
def cloud(cell: int) -> Array:
    """Make (512, 512) noise around 0 whose puffs are `cell` pixels wide."""
    rng = np.random.default_rng([SEED, cell])
    knots = rng.standard_normal((512 // cell + 3,) * 2).astype(np.float32)
    noise = scale(knots, (512 + 3 * cell, 512 + 3 * cell))[cell:, cell:][:512, :512]
    return np.ascontiguousarray(noise / noise.std())


def mist(easel: Easel, cell: int, box: Area = ALL) -> Array:
    """Cut this picture's window out of the noise, within `box`."""
    x, y = easel.grain
    return cloud(cell)[y : y + SIDE, x : x + SIDE][box]


def step(field: Array, edge: float, width: float) -> Array:
    """Rise from 0 to 1 where `field` passes `edge`, over about `width`."""
    return np.clip((field - edge) * (1 / width) + 0.5, 0, 1)


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


def comb(box: Area, pole: tuple[float, float]) -> Array:
    """Cut strands out of the pelt that stream away from the pole."""
    x, y = (400 - min(max(int(v * SIDE / 100), -150), 350) for v in pole)
    rows, columns = box
    return pelt()[rows.start + y : rows.stop + y, columns.start + x : columns.stop + x]


@cache
def path(text: str) -> Array:
    """Read points (n, 2) from a text such as "0,0 10,-5 20,0"."""
    return np.array([point.split(",") for point in text.split()], float)


@cache
def curve(text: str, closed: bool = True) -> Array:
    """Run a smooth curve (Catmull-Rom) through the points of a text."""
    p = path(text)
    if closed:
        p = np.concatenate([p[-1:], p, p[:2]])
    else:
        p = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    t = np.arange(6)[:, None, None] / 6
    bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    line = (b + ((c - a) * t + bend) / 2).transpose(1, 0, 2).reshape(-1, 2)
    return line if closed else np.concatenate([line, p[-2:-1]])


@cache
def limb(text: str, widths: str) -> Array:
    """Draw a tail or a leg along the points of a text, with radii on its way."""
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


def moved(shape: Array, x: float, y: float) -> Array:
    """Move a shape to the right and down."""
    return np.add(shape, (x, y))


def both(*shapes: Array) -> list[Array]:
    """Give shapes and their mirror images at x = 0."""
    return [shape * (side, 1) for side in (1, -1) for shape in shapes]


@cache
def whole(text: str) -> Array:
    """Complete the right half of an outline, from top to bottom, to a closed curve."""
    left = [f"-{point}" for point in text.split()[-2:0:-1]]
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


def tousle(easel: Easel, shape: Array) -> Array:
    """Let short hairs stick out of an outline."""
    ends = np.concatenate([shape, shape[:1]])
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(ends, axis=0).T))])
    stops = np.arange(0, way[-1], 0.8)
    line = np.stack([np.interp(stops, way, ends[:, k]) for k in (0, 1)], 1)
    return line + easel.rng.standard_normal(line.shape) * 0.25


def bounds(shapes: Sequence[Array], pad: float) -> Area:
    """Find the part of the canvas that holds the shapes and `pad` pixels around them."""
    points = np.concatenate(shapes) * (SIDE / 100)
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    left, top = (min(max(int(v - pad), 0), SIDE - 8) for v in (x0, y0))
    right, bottom = (min(max(int(v + pad), 8), SIDE) for v in (x1, y1))
    return slice(top, max(bottom, top + 8)), slice(left, max(right, left + 8))


def card(shapes: Sequence[Array], box: Area, soft: float = 1, fine: int = 2) -> Image.Image:
    """Cut shapes out of a black card as large as `box`; they show white."""
    rows, columns = box
    w, h = columns.stop - columns.start, rows.stop - rows.start
    w1, h1 = (max(2, round(v / max(soft, 1))) for v in (w, h))
    image = Image.new("L", (fine * w1, fine * h1))
    pen = ImageDraw.Draw(image)
    zoom = np.array([fine * w1 / w, fine * h1 / h])
    for shape in shapes:
        points = (shape * (SIDE / 100) - (columns.start, rows.start)) * zoom
        pen.polygon(points.ravel().tolist(), fill=255)
    image = image.reduce(fine)
    return image if image.size == (w, h) else image.resize((w, h), Image.Resampling.BICUBIC)


def share(image: Image.Image) -> Array:
    """Read a card as a stencil (h, w) from 0, covered, to 1."""
    return np.asarray(image, np.float32) * np.float32(1 / 255)


def lay(easel: Easel, box: Area, stencil: Array, colour: Array) -> None:
    """Lay a colour (3, 1, 1) or (3, h, w) through a stencil onto the canvas."""
    spot = easel.canvas[:, *box]
    spot += stencil * (colour - spot)


def dab(
    easel: Easel, shapes: Sequence[Array], colour: Array, soft: float = 1, cover: float = 1
) -> None:
    """Paint flat shapes in one colour, with an edge `soft` pixels wide."""
    box = bounds(shapes, 2 + soft)
    lay(easel, box, share(card(shapes, box, soft, 3)) * np.float32(cover), colour)


def puff(easel: Easel, image: Image.Image) -> tuple[Array, Array]:
    """Puff up a card; give how much each pixel faces the light, and a soft shadow."""
    small = image.reduce(4)
    near, far = (small.filter(ImageFilter.GaussianBlur(r)) for r in (1.2, 4))
    down, right = np.gradient(share(near) + 1.2 * share(far))
    facing = np.float32(-4) * (right * easel.sun[0] + down * easel.sun[1])
    return scale(np.asarray(facing), image.size), share(near.resize(image.size))


Mark = tuple[Sequence[Array], Array, float]  # shapes, a colour, and how soft its edge is


def form(
    easel: Easel,
    shapes: Sequence[Array],
    skin: Array | Callable[[Area], Array],
    marks: Sequence[Mark] = (),
    pole: tuple[float, float] | None = None,
    shadow: float = 0.4,
) -> None:
    """Paint a round thing: its shadow, its colours, its light, and hair around a pole."""
    if pole:
        shapes = [tousle(easel, shape) for shape in shapes]
    box = bounds(shapes, 8)
    image = card(shapes, box)
    facing, halo = puff(easel, image)
    easel.canvas[:, *box] *= 1 - np.float32(shadow) * halo
    colour = skin(box) if callable(skin) else skin
    for spots, tint, soft in marks:
        colour = mix(colour, tint, share(card(spots, box, soft)))
    tone = 0.75 + 0.5 * facing
    if pole:
        tone += np.float32(0.07) * comb(box, pole)
    light = mix(easel.shade, easel.bright, np.clip(tone, 0, 1.5))
    lay(easel, box, share(image), colour * light)


@dataclass(frozen=True)
class Cat:
    """What one cat looks like, and how it looks at us."""

    coat: tuple[Array, Array, Array]  # main colour, markings, light parts
    pattern: str  # solid, tabby, spots, patches, tortie or points
    bib: bool  # white chest, paws and muzzle
    blaze: bool  # white wedge up the forehead
    nose: Array
    iris: Array
    collar: Array | None
    ears: float  # length
    wide: float  # of the head
    eyes: float  # size
    slant: float  # of the eyes
    lids: tuple[float, float]  # how far each eye is open; 0: asleep, -1: happy
    pupil: float  # width
    mouth: str  # shut, open or tongue
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


def fell(easel: Easel, cat: Cat, pole: tuple[float, float], box: Area) -> Array:
    """Colour the fur (3, h, w) within `box`, as its pattern asks."""
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


SKULL = whole("0,-.8 .4,-.76 .74,-.5 .95,-.08 1.02,.28 .84,.6 .45,.82 0,.9")
EAR = curve("-.48,.06 -.3,-.42 .04,-.9 .06,-.9 .2,-.45 .3,.5 -.1,.5")
BLAZE = whole("0,-.7 .1,-.3 .2,.1 .52,.45 .36,.9 0,1")
PADS = [*both(disc(0.2, 0.46, 0.26, 0.2)), disc(0, 0.7, 0.24, 0.16)]
BARS = both(
    limb("0,-.8 0,-.5", ".06 .02"),
    limb(".2,-.78 .17,-.55 .24,-.36", ".07 .05 .02"),
    limb(".46,-.7 .4,-.5 .48,-.34", ".06 .05 .02"),
    limb(".66,.1 .85,.16 1.04,.06", ".02 .05 .04"),
    limb(".6,.34 .78,.42 .98,.36", ".02 .05 .04"),
)


def ears(cat: Cat, part: float = 1) -> list[Array]:
    """Draw both ears, or the inner `part` of them."""
    return both(EAR * (1, cat.ears) * part + (0.66 * cat.wide, -0.66))


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
        yield BARS, dark, 2
    if cat.blaze:
        yield [BLAZE], WHITE, 4
    if cat.bib or cat.pattern not in ("points", "tortie"):
        yield PADS, WHITE if cat.bib else pale, 5


LIDS = np.arange(24) * (np.pi / 12)
ALMOND = np.stack([np.cos(LIDS), np.sin(LIDS) * np.abs(np.sin(LIDS)) ** 0.25], 1)


def eyes(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint the eyes: rims, irises, pupils and sparkles, or an arc for a shut eye."""
    ink, x = cat.coat[1] * 0.3, 0.43 * cat.wide
    sides = ((-1, cat.lids[0]), (1, cat.lids[1]))
    slants = [(s, np.array([[1, -cat.slant * s], [0, lid]])) for s, lid in sides if lid > 0]
    arc = limb("-.22,-.03 0,.07 .22,-.03", ".012 .04 .012")
    shut = [arc * (1, lid or 1) + (s * x, 0) for s, lid in sides if lid <= 0]
    if shut:
        dab(easel, at(*shut), ink)
    layers: list[tuple[Array, Array, float, float]] = [
        (ALMOND * 1.2, ink, 2, 0.9),
        (ALMOND, cat.iris * 0.5, 1, 1),
        (ALMOND * 0.88 + (0, 0.04), cat.iris, 1, 1),
        (disc(0, 0.4, 0.62, 0.42), mix(cat.iris, WHITE, 0.5), 3, 0.7),
        (disc(0, 0, cat.pupil, 0.84), hue("#0d0b0c"), 1, 1),
        (disc(-0.3, -0.38, 0.2), hue("#ffffff"), 1, 1),
        (disc(0.3, 0.45, 0.1), hue("#ffffff"), 1, 0.7),
    ]
    for shape, colour, soft, cover in layers if slants else []:
        pair = [shape @ slant * (0.235 * cat.eyes) + (s * x, -0.03) for s, slant in slants]
        dab(easel, at(*pair), colour, soft, cover)


WHISKERS = both(
    limb(".3,.42 .85,.3 1.45,.26", ".014 .011 .004"),
    limb(".3,.48 .85,.46 1.45,.5", ".014 .011 .004"),
    limb(".3,.54 .85,.62 1.4,.78", ".014 .011 .004"),
)
LIPS = both(limb("0,.42 .1,.52 .24,.47", ".018 .02 .008"), limb("0,.3 0,.42", ".016 .016"))


def muzzle(easel: Easel, cat: Cat, at: Frame) -> None:
    """Paint mouth, nose and whiskers."""
    if cat.mouth == "open":
        dab(easel, at(curve("0,.44 .16,.52 .1,.72 0,.78 -.1,.72 -.16,.52")), hue("#5a1f22"))
        dab(easel, at(disc(0, 0.68, 0.08)), hue("#e08a8a"))
    elif cat.mouth == "tongue":
        dab(easel, at(curve("-.07,.46 .07,.46 .08,.6 0,.66 -.08,.6")), hue("#e88f93"))
    dab(easel, at(*LIPS), cat.coat[1] * 0.35, 1, 0.85)
    dab(easel, at(curve("-.14,.2 0,.17 .14,.2 .06,.3 0,.34 -.06,.3")), cat.nose)
    dab(easel, at(disc(-0.03, 0.22, 0.05, 0.02)), hue("#ffffff"), 1, 0.5)
    dab(easel, at(*WHISKERS), hue("#ffffff"), 1, 0.75)


@dataclass(frozen=True)
class Model:
    """A cat that poses: in front of an easel, in a frame, its hair around a pole."""

    easel: Easel
    cat: Cat
    at: Frame
    pole: tuple[float, float]

    def fur(self, *shapes: Array, white: Sequence[Array] = (), tip: bool = False) -> None:
        """Paint a part of the cat; `tip` if point colouring darkens it."""
        cat, (base, dark, light) = self.cat, self.cat.coat
        if tip and cat.pattern == "points":
            cat = replace(cat, coat=(mix(base, dark, 0.8), dark, light))
        marks: list[Mark] = [(self.at(*white), WHITE, 5)] if white and cat.bib else []
        skin = partial(fell, self.easel, cat, self.pole)
        form(self.easel, self.at(*shapes), skin, marks, self.pole)

    def tail(self, *ways: str) -> None:
        """Paint the tail, in one of several ways."""
        way = ways[int(self.easel.chance(0, len(ways)))]
        self.fur(limb(way, "4.8 5 5 4.5 3.5"), tip=True)


def head(model: Model, x: float, y: float, size: float, turn: float = 0) -> None:
    """Paint the head, and a collar with a bell below it."""
    easel, cat, at = model.easel, model.cat, model.at.inside(x, y, size, turn)
    if cat.collar is not None and not turn:
        band = limb("-.62,.62 -.3,.95 0,1.03 .3,.95 .62,.62", ".1 .1")
        form(easel, at(band), cat.collar, shadow=0.2)
        form(easel, at(disc(0, 1.17, 0.14)), hue("#e8c04a"), shadow=0.3)
    marks = [(at(*s), tint, soft * at.size / 30) for s, tint, soft in markings(cat)]
    pole = (at.x, at.y + 0.1 * at.size)
    skin = partial(fell, easel, cat, pole)
    form(easel, at(*ears(cat), SKULL * (cat.wide, 1)), skin, marks, pole)
    eyes(easel, cat, at)
    muzzle(easel, cat, at)


def portrait(model: Model) -> None:
    """Paint a face that fills the picture."""
    model.fur(whole("0,14 18,20 34,42 32,62 0,64"), white=[disc(0, 48, 13, 22)])
    head(model, 0, 2, 30)


def closeup(model: Model) -> None:
    """Paint a face so near that the ears are cut off."""
    at = replace(model.at, y=model.at.y + 5, size=model.at.size * 1.45)
    portrait(replace(model, at=at))


def sit(model: Model) -> None:
    """Paint a cat that sits and looks at us."""
    model.tail("14,41 32,41 41,30 36,14 42,2", "14,41 32,43 42,24", "12,42 38,20 30,4")
    body = whole("0,-14 12,-8 18,12 26,30 25,42 10,47 0,47")
    model.fur(body, white=[disc(0, 8, 9, 16)])
    model.fur(*both(disc(17, 37, 10)))
    legs = both(limb("6,8 7,26 7,42", "6 5 5.5"))
    model.fur(*legs, white=both(disc(7, 44, 7)), tip=True)
    head(model, 0, -20, 17)


def profile(model: Model) -> None:
    """Paint a cat that sits sideways and turns its head to us."""
    model.tail("26,42 42,43 46,32 40,20", "26,42 44,44 47,30", "26,42 38,40 44,22 38,6")
    body = curve("-8,-16 6,-12 20,6 32,26 34,42 20,47 -10,47 -16,30 -18,6")
    model.fur(body, white=[disc(-14, 8, 9, 18)])
    model.fur(disc(19, 32, 15, 14))
    legs = [limb("-8,10 -9,28 -11,43", "7 5 5"), limb("16,44 2,45", "4 4")]
    model.fur(*legs, white=[disc(-12, 44, 7)], tip=True)
    head(model, -9, -20, 17)


def turned(model: Model) -> None:
    """Paint a cat from behind."""
    model.fur(whole("0,-12 10,-8 20,12 28,32 24,45 10,47 0,47"))
    model.tail("2,36 14,44 30,43 42,34 44,22", "0,38 -4,20 6,6 2,-8", "2,36 16,45 36,46")
    at = model.at.inside(0, -20, 16)
    back = replace(model, at=at, pole=(at.x, at.y - 0.9 * at.size))
    back.fur(*ears(model.cat), SKULL * (model.cat.wide, 1))


def loaf(model: Model) -> None:
    """Paint a cat that lies with its paws tucked in."""
    model.fur(curve("-36,45 -40,28 -28,8 -4,0 22,4 39,18 43,36 37,45 0,47"))
    model.tail("40,38 32,44 8,45", "40,38 46,42 48,30", "38,40 28,46 -8,46")
    paws = [disc(-22, 44, 8, 4.5), disc(-5, 45, 8, 4.5)]
    model.fur(*paws, white=paws, tip=True)
    head(model, -13, 6, 18)


def bread(model: Model) -> None:
    """Paint a cat that lies and faces us."""
    model.fur(whole("0,0 20,4 36,22 38,40 28,47 0,47"), white=[disc(0, 34, 12, 14)])
    paws = both(disc(9, 45, 8, 5))
    model.fur(*paws, white=paws, tip=True)
    head(model, 0, 6, 22)


def curl(model: Model) -> None:
    """Paint a cat that sleeps, rolled up."""
    model = replace(model, cat=replace(model.cat, lids=(0, 0), mouth="shut"))
    model.fur(disc(3, 17, 39, 27))
    model.fur(disc(22, 24, 18, 17))
    head(model, -19, 20, 16, turn=-0.3)
    model.tail("41,22 33,40 6,45 -20,42 -32,34", "41,22 36,38 14,46 -8,44")


def sphinx(model: Model) -> None:
    """Paint a cat that lies with its legs stretched out."""
    model.tail("34,38 46,40 48,28 43,20", "34,40 46,44 50,42")
    model.fur(limb("-12,20 8,24 24,28", "16 17 17"))
    model.fur(disc(24, 31, 15, 14))
    legs = [limb("-14,34 -30,42 -42,42", "7 5 5"), limb("24,42 12,44 4,44", "5 4.5 4.5")]
    model.fur(*legs, white=[disc(-42, 42, 7), disc(4, 44, 6)], tip=True)
    head(model, -18, 0, 17)


def walk(model: Model) -> None:
    """Paint a cat that walks by."""
    base, dark, light = (colour * 0.8 for colour in model.cat.coat)
    far = replace(model, cat=replace(model.cat, coat=(base, dark, light)))
    legs = [limb("-16,12 -14,28 -9,43", "6 4.5 4"), limb("20,10 18,28 10,43", "7 4.5 4")]
    far.fur(*legs, tip=True)
    model.tail("32,2 42,-12 37,-28 43,-40", "32,2 44,-4 46,-20 38,-32", "32,2 42,10 47,-4")
    model.fur(curve("-34,2 -22,-9 0,-7 20,-9 35,-3 38,10 30,19 10,17 -8,21 -24,22 -34,14"))
    model.fur(disc(27, 10, 11, 13))
    near = [limb("-24,12 -27,28 -30,43", "7 5 4.5"), limb("29,16 34,30 29,43", "7 5 4.5")]
    model.fur(*near, white=[disc(-30, 43, 7, 8), disc(29, 43, 7, 8)], tip=True)
    head(model, -27, -11, 16)


def peek(model: Model) -> None:
    """Paint a cat that peeks over the edge of a table."""
    head(model, 0, 4, 27)
    around = model.easel.canvas[:, 150:].mean(axis=(1, 2), keepdims=True)
    table = model.at(path("-90,24 90,24 90,90 -90,90"))
    form(model.easel, table, mix(hue("#8a6242"), around, 0.4), shadow=0.3)
    paws = both(curve("16,22 24,18 32,22 33,31 24,34 16,31"))
    model.fur(*paws, white=paws, tip=True)


def box(model: Model) -> None:
    """Paint a cat in a cardboard box."""
    around = model.easel.canvas.mean(axis=(1, 2), keepdims=True)
    card = mix(hue("#b98d5a"), around, 0.3)
    form(model.easel, model.at(path("-38,10 38,10 34,20 -34,20")), card * 0.55, shadow=0.2)
    model.fur(whole("0,-8 14,-4 24,20 26,40 0,42"))
    head(model, 0, -10, 20)
    form(model.easel, model.at(path("-38,12 38,12 35,48 -35,48")), card)
    flaps = both(path("38,12 48,24 40,28 34,14"))
    form(model.easel, model.at(*flaps), card * 0.85, shadow=0.2)
    paws = both(disc(14, 13, 6, 5))
    model.fur(*paws, white=paws, tip=True)


POSES: dict[Callable[[Model], None], tuple[float, float]] = {
    portrait: (0, 0),
    closeup: (0, 0),
    sit: (0, -30),
    profile: (-10, -30),
    turned: (0, -30),
    loaf: (-10, 0),
    bread: (0, -10),
    curl: (-15, 20),
    walk: (-60, -10),
    sphinx: (-40, 0),
    peek: (0, 0),
    box: (0, -30),
}


def wash(easel: Easel, *colours: Array) -> None:
    """Cover the canvas with a gradient of some colours, from top to bottom."""
    stops = np.linspace(0, SIDE - 1, len(colours))
    for k, plane in enumerate(easel.canvas):
        plane[:] = np.interp(np.arange(SIDE), stops, [c[k, 0, 0] for c in colours])[:, None]


def floor(easel: Easel, colour: Array, top: float) -> None:
    """Paint a floor from the height `top` on, darker towards us."""
    y = grid()[1]
    lay(easel, ALL, step(y, top, 1), colour * (1.25 - 0.5 * y / 100))


def scatter(easel: Easel, n: int, shape: Array, top: float, bottom: float) -> list[Array]:
    """Strew `n` turned copies of a shape between two heights."""
    spots = easel.rng.random((n, 4)) * (110, bottom - top, 6.3, 0.8) + (-5, top, 0, 0.6)
    return [Frame(x, y, size, turn)(shape)[0] for x, y, turn, size in spots.tolist()]


def hills(easel: Easel, colour: Array, top: float) -> None:
    """Paint two soft hills, the far one in the colour of the air."""
    a, b = easel.chance(0.3, 1.7), easel.chance(0.3, 1.7)
    far = curve("-30,8 20,-8 60,8 130,-8 130,70 -30,70") * (1, a)
    near = curve("-30,-6 30,8 80,-8 130,0 130,70 -30,70") * (1, b)
    air = easel.canvas[:, 100:101, 100:101].copy()
    form(easel, [moved(far, 0, top)], mix(colour, air, 0.45), shadow=0)
    form(easel, [moved(near, 0, top + 9)], colour, shadow=0.1)


def wall(easel: Easel, base: Array, accent: Array) -> None:
    """Paint a papered wall and a floor."""
    wash(easel, base * 1.08, base * 0.94)
    x, y = grid()
    paper = np.sin(x * easel.chance(0.4, 1.2))
    if easel.chance() < 0.5:
        paper = paper * np.sin(y * easel.chance(0.4, 1.2))
    easel.canvas[:] *= 1 + step(paper, 0.4, 0.4) * np.float32(easel.chance(-0.15, 0.15))
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
    """Paint a sofa with a cushion."""
    wash(easel, mix(base, WHITE, 0.4), mix(base, WHITE, 0.2))
    form(easel, [path("-5,30 105,30 105,105 -5,105")], base * 0.9)
    seam = easel.chance(-20, 20)
    for back in both(curve("-70,-26 0,-28 0,26 -70,26")):
        form(easel, Frame(50 + seam, 48, 1)(back), base)
    pillow = curve("-17,-15 0,-12 17,-15 14,0 17,15 0,12 -17,15 -14,0")
    form(easel, Frame(easel.chance(5, 95), 52, 1, easel.chance(-0.5, 0.5))(pillow), accent)
    form(easel, [path("-5,72 105,72 105,110 -5,110")], base * 1.05)


def blanket(easel: Easel, base: Array, accent: Array) -> None:
    """Paint a tartan blanket."""
    turn, close = easel.chance(-0.7, 0.7), easel.chance(0.2, 0.45)
    c, s, (x, y) = np.float32(np.cos(turn)), np.float32(np.sin(turn)), grid()
    easel.canvas[:] = base * (1 + np.float32(0.05) * mist(easel, 32))
    for thread in (x * c - y * s, x * s + y * c):
        lay(easel, ALL, 0.3 * step(np.sin(thread * close), 0.3, 0.2), accent)
        lay(easel, ALL, 0.3 * step(np.sin(thread * close + 2.2), 0.96, 0.03), WHITE)


def books(easel: Easel, base: Array, accent: Array) -> None:
    """Paint shelves of books."""
    easel.canvas[:] = base * 0.35
    for shelf in (20, 56, 92):
        x = -3.0
        while x < 100:
            w, h = easel.chance(3, 8), easel.chance(22, 31)
            spine = moved(path("0,-1 1,-1 1,0 0,0") * (w, h), x, shelf)
            tint = mix(base, accent, easel.chance(0, 0.7))
            dab(easel, [spine], tint * easel.chance(0.6, 1.4))
            x += w + 0.4
        dab(easel, [moved(path("-5,0 105,0 105,3 -5,3"), 0, shelf)], base * 0.6)


def window(easel: Easel, base: Array, accent: Array) -> None:
    """Paint a window with a view, and its sill."""
    sky(easel, mix(base, WHITE, 0.3), mix(accent, base, 0.5))
    post = moved(path("-2,0 2,0 2,100 -2,100"), easel.chance(30, 70), 0)
    bars = [post, path("0,32 100,32 100,35 0,35"), path("0,0 7,0 7,100 0,100")]
    bars += [path("93,0 100,0 100,100 93,100")]
    form(easel, bars, mix(base, WHITE, 0.6), shadow=0.3)
    form(easel, [path("-5,84 105,84 105,110 -5,110")], mix(base, WHITE, 0.5))


def bokeh(easel: Easel, base: Array, accent: Array) -> None:
    """Paint lights out of focus."""
    wash(easel, base * 0.95, base * 0.6)
    for _ in range(12):
        spot = disc(0, 0, 1) * easel.chance(4, 12)
        spot = moved(spot, easel.chance(0, 100), easel.chance(0, 100))
        tint = mix(base, accent, easel.chance()) + 0.25
        dab(easel, [spot], tint, 2, easel.chance(0.15, 0.5))


def sky(easel: Easel, base: Array, accent: Array) -> None:
    """Paint clouds over hills."""
    wash(easel, base * 0.8, base, mix(base, WHITE, 0.4))
    puffs = step(mist(easel, 48) + 0.5 * mist(easel, 16), 0.5, 1.6)
    lay(easel, ALL, puffs * 0.7, mix(base, WHITE, 0.75))
    hills(easel, accent, 74)


def evening(easel: Easel, base: Array, accent: Array) -> None:
    """Paint the sky at sunset, from deep blue over violet and rose to pale gold."""
    names = ("#02061c", "#1c3fa0", "#7a5fd0", "#e8709a", "#ffffff", "#fff2c0", "#fff2c0")
    shares = (0.97, 0.85, 0.75, 0.7, 0, 0.85, 0.85)
    wash(easel, *(mix(base, hue(n), k) for n, k in zip(names, shares, strict=True)))
    streaks = scale(mist(easel, 16)[:, :25].copy(), (SIDE, SIDE))
    lay(easel, ALL, 0.4 * step(streaks, 0.8, 1.2), mix(base, WHITE, 0.3))
    x, y = easel.chance(8, 92), easel.chance(52, 66)
    dab(easel, [moved(disc(0, 0, 12), x, y)], WHITE, 14, 0.6)
    dab(easel, [moved(disc(0, 0, 6), x, y)], WHITE)
    hills(easel, accent * 0.8, 76)


def night(easel: Easel, base: Array, accent: Array) -> None:
    """Paint the moon, stars and roofs."""
    wash(easel, base * 0.6, base, mix(base, accent, 0.2) * 1.3)
    dab(easel, scatter(easel, 40, disc(0, 0, 0.4, n=8), 0, 60), mix(base, WHITE, 0.8))
    x, y = easel.chance(12, 88), easel.chance(10, 30)
    dab(easel, [moved(disc(0, 0, 18), x, y)], mix(base, WHITE, 0.5), 16, 0.5)
    moon = moved(disc(0, 0, 1) * easel.chance(6, 12), x, y)
    dab(easel, [moon], mix(hue("#fdf3d0"), base, 0.1))
    roofs = "-5,110 -5,80 12,66 28,80 28,74 44,74 44,84 62,70 78,84 78,72 84,72 84,78"
    roofs += " 105,78 105,110"
    form(easel, [path(roofs)], base * 0.45, shadow=0.1)
    panes = [moved(path("0,0 2.4,0 2.4,3 0,3"), x, 88) for x in (8, 14, 36, 60, 66, 90)]
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
    """Paint the sea, a sail and a beach."""
    wash(easel, mix(base, WHITE, 0.25), mix(base, WHITE, 0.65))
    y, top = grid()[1], easel.chance(34, 50)
    lay(easel, ALL, step(y, top, 0.6), base * (0.65 + 0.5 * step(y, 72, 60)))
    waves = np.sin(y * (3.5 - 0.025 * y) + mist(easel, 24) * 2) * step(y, top + 3, 6)
    lay(easel, ALL, 0.5 * step(waves, 0.8, 0.3), mix(base, WHITE, 0.8))
    sail = moved(path("0,-14 0,0 8,0"), easel.chance(5, 95), top + 1)
    dab(easel, [sail], mix(accent, WHITE, 0.5))
    floor(easel, mix(hue("#e5cfa0"), base, 0.3), easel.chance(74, 84))


def autumn(easel: Easel, base: Array, accent: Array) -> None:
    """Paint fallen leaves."""
    wash(easel, mix(base, WHITE, 0.2), base * 0.6)
    leaf = curve("0,-4 2,-1.2 1.4,2 0,3.6 -1.4,2 -2,-1.2")
    bright = [mix(base, accent, 0.5), mix(base, WHITE, 0.25), base * 1.2]
    for k, tint in enumerate([base * 0.55, base * 0.85, *bright]):
        dab(easel, scatter(easel, 34, leaf, 8 * k, 104), tint)


def meadow(easel: Easel, base: Array, accent: Array) -> None:
    """Paint blades of grass, and flowers."""
    wash(easel, mix(base, WHITE, 0.45), base, base * 0.6)
    for k in range(4):
        spots = easel.rng.random((40, 3)) * (110, 26, 8) + (-5, 36 + 18 * k, -4)
        blades = [np.array([(x - 1, y), (x + s, y - 15), (x + 1, y)]) for x, y, s in spots]
        dab(easel, blades, base * (0.6 + 0.2 * k))
        heads = [moved(disc(0, 0, 1.7, 1.5, 10), *blade[1]) for blade in blades[::6]]
        dab(easel, heads, mix(accent, WHITE, 0.3))


Scene = Callable[[Easel, Array, Array], None]
SCENES: dict[Scene, str] = {
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
ACCENTS = ["#c23b3b", "#e0742f", "#e8c23f", "#6f9a3f", "#2f8a7a", "#3a72b8", "#5a4a9a"]
ACCENTS += ["#a8478a", "#e59ab0", "#f0e3c8", "#8a5a3a", "#c9d2da", "#3a3f4a", "#9fc7c0"]


def wish(number: int) -> Array:
    """Choose the mean colour that picture `number` should have."""
    u = (0.5 + number * np.array([0.8191725134, 0.6710436067, 0.5497004779])) % 1
    lightness = 0.5 + 0.46 * (2 * u[0] - 1) * abs(2 * u[0] - 1) ** 0.3
    angle = 2 * np.pi * u[1]
    angle -= 0.65 * np.sin(angle - 0.6)
    a, b = np.cos(angle) / 6**0.5, np.sin(angle) / 2**0.5
    way = np.array([2 * a, b - a, -a - b])  # from grey to the hue, at equal lightness
    room = np.min(np.where(way > 0, 0.96 - lightness, lightness - 0.03) / np.abs(way))
    vivid = 0.7 + 0.22 * np.cos(angle - 0.5)  # warm colours may be purer than cold ones
    colour = lightness + way * max(room, 0) * vivid * u[2] ** 1.1
    return np.asarray(colour, np.float32).reshape(3, 1, 1)


def develop(canvas: Array, goal: Array) -> Image.Image:
    """Turn the canvas into an image whose mean colour comes close to `goal`."""
    planes = (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)
    image = Image.fromarray(np.ascontiguousarray(planes.transpose(1, 2, 0)))
    shares = np.array(image.histogram()).reshape(3, 256) / SIDE**2
    dark = np.log(np.maximum(np.arange(256), 0.5) / 255)
    low, high = np.full((3, 1), -1.1), np.full((3, 1), 1.2)  # logarithms of gamma
    for _ in range(9):
        middle = (low + high) / 2
        mean = (shares * np.exp(dark * np.exp(middle))).sum(axis=1, keepdims=True)
        low = np.where(mean > goal[:, 0], middle, low)
        high = np.where(mean > goal[:, 0], high, middle)
    table = np.exp(dark * np.exp(low)) * 255 + 0.5
    return image.point(np.uint8(table).ravel().tolist())


LIGHTS = [("#fff4e6", "#2b3350"), ("#fff9f0", "#3a3a48"), ("#ffdfb0", "#3a2440")]
LIGHTS += [("#e6f0ff", "#1c2440"), ("#fff0d0", "#0c0c18")]


def fall(easel: Easel) -> None:
    """Let the light fall from its side, and dim the corners."""
    x, y = grid()
    away = (x - 50 - 25 * easel.sun[0]) ** 2 + (y - 50 - 20 * easel.sun[1]) ** 2
    easel.canvas[:] *= np.clip(1.1 - away * np.float32(easel.chance(2e-5, 9e-5)), 0.3, 2)


@dataclass(frozen=True)
class Recipe:
    """Everything that is decided before the first stroke."""

    cat: Cat
    pose: Callable[[Model], None]
    at: Frame
    scene: Scene
    base: Array
    accent: Array
    light: tuple[str, str]
    blur: float
    goal: Array


Thing = TypeVar("Thing")


def pick(rng: np.random.Generator, things: Sequence[Thing]) -> Thing:
    """Pick one of the things."""
    return things[int(rng.random() * len(things))]


def pick_weighted(
    rng: np.random.Generator, things: Sequence[Thing], weights: Sequence[float] | Array
) -> Thing:
    """Pick one of the things, the heavier the likelier."""
    pile = np.cumsum(weights)
    return things[int(np.searchsorted(pile, rng.random() * pile[-1]))]


def needed(goal: Array, coat: Array) -> Array:
    """Find the colour of a background that makes the mean of the picture the goal."""
    return (goal - 0.4 * coat) / 0.6


def choose_coat(rng: np.random.Generator, goal: Array) -> str:
    """Find a coat that goes well with the mean colour."""
    base = needed(goal, np.stack([hue(main) for main, _, _ in COATS.values()]))
    misfit = np.abs(base - np.clip(base, 0.05, 0.95)).sum(axis=(1, 2, 3))
    return pick_weighted(rng, list(COATS), np.exp(-6 * misfit))


def breed(rng: np.random.Generator, goal: Array) -> Cat:
    """Find a cat that goes well with the mean colour."""
    name = choose_coat(rng, goal)
    main, dark, light = (hue(c) for c in COATS[name])
    bib = rng.random() < 0.35
    lids = [(0.95, 0.95), (1, 1), (0.85, 0.85), (0.65, 0.65), (0, 0), (-1, -1), (0.9, 0)]
    return Cat(
        coat=(main, dark, light),
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
        lids=pick(rng, lids if goal.mean() > 0.16 else lids[:3]),
        pupil=0.15 + 0.5 * rng.random(),
        mouth=pick(rng, ["shut"] * 7 + ["open", "tongue"]),
        stripe=0.5 + 0.35 * rng.random(),
    )


def suit(rng: np.random.Generator, base: Array) -> Scene:
    """Find a scene that suits the colour of the background."""
    weights = []
    for colours in SCENES.values():
        near = [float(((hue(c) - base) ** 2).sum()) for c in colours.split()]
        weights.append(0.12 + 2.5 * np.exp(-min(near) / 0.05) if near else 0.4)
    return pick_weighted(rng, list(SCENES), weights)


def chance_recipe(rng: np.random.Generator, number: int) -> Recipe:
    """Let the dice decide about picture `number`."""
    goal = wish(number)
    cat = breed(rng, goal)
    base = np.clip(needed(goal, cat.coat[0]), 0.05, 0.95)
    at = Frame(
        x=50 + rng.normal(0, 3),
        y=50 + rng.normal(0, 2),
        size=0.93 + 0.17 * rng.random(),
        turn=rng.normal(0, 0.06),
        girth=0.92 + 0.2 * rng.random(),
    )
    return Recipe(
        cat=cat,
        pose=pick(rng, list(POSES)),
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
    cat = Cat(
        coat=(hue("#a8988a"), hue("#120e10"), hue("#fbf4e8")),
        pattern="tabby",
        bib=True,
        blaze=True,
        nose=hue("#d98a86"),
        iris=hue("#a5c93c"),
        collar=hue("#c23b3b"),
        ears=1,
        wide=1.05,
        eyes=1.15,
        slant=0.15,
        lids=(1, 1),
        pupil=0.45,
        mouth="shut",
        stripe=0.65,
    )
    base, accent, goal = hue("#ffa040"), hue("#467f2c"), hue("#8a7e72")
    at = Frame(50, 52, 1)
    return Recipe(cat, portrait, at, evening, base, accent, LIGHTS[4], 0, goal)


def set_up(rng: np.random.Generator, light: tuple[str, str]) -> Easel:
    """Set up an easel with an empty canvas in some light."""
    x, y = rng.integers(0, 512 - SIDE, 2).tolist()
    return Easel(
        canvas=np.empty((3, SIDE, SIDE), np.float32),
        rng=rng,
        sun=(rng.random() * 1.6 - 0.8, -0.9),
        bright=hue(light[0]) * 1.1,
        shade=hue(light[1]),
        grain=(x, y),
    )


def paint_cat(number: int, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """Paint cat picture `number`, always the same for the same number.

    `size` is (width, height) in pixels. The cat is painted on a square canvas of
    200 by 200 pixels; for any other size the middle of that is cut out and scaled.
    Raises ValueError for a negative number or a size below 1.

    >>> paint_cat(7, (64, 48)).size
    (64, 48)
    """
    if number < 0 or min(size) < 1:
        raise ValueError(f"cannot paint picture {number} in size {size}")
    rng = np.random.default_rng([SEED, number])
    recipe = cover_recipe(rng) if number == COVER else chance_recipe(rng, number)
    easel = set_up(rng, recipe.light)
    recipe.scene(easel, recipe.base, recipe.accent)
    for plane in easel.canvas if recipe.blur else ():
        plane[:] = soften(plane, recipe.blur)
    pole = recipe.at.inside(*POSES[recipe.pose], 1)
    recipe.pose(Model(easel, recipe.cat, recipe.at, (pole.x, pole.y)))
    fall(easel)
    image = develop(easel.canvas, recipe.goal)
    image = ImageOps.mirror(image) if rng.random() < 0.5 else image
    if size == image.size:
        return image
    return ImageOps.fit(image, size, Image.Resampling.LANCZOS)


LARGE = (4000, 3000)  # width and height of a large photo


@cache
def strokes() -> Array:
    """Make (1500, 2000) noise around 0: strokes of a brush that stream away from the head."""
    width, height = LARGE[0] // 2, LARGE[1] // 2
    noise = np.random.default_rng([SEED, 2000]).standard_normal((height, width), np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bend = scale(cloud(64)[:300, :400].copy(), (width, height))
    way = np.arctan2(y - height * 0.4, x - width * 0.5) + np.float32(0.8) * bend
    for length in (1, 2, 4, 8, 16, 32):
        rows = (y + np.sin(way) * length).astype(int) % height
        columns = (x + np.cos(way) * length).astype(int) % width
        noise = noise + noise[rows, columns]
    return np.asarray(noise / noise.std(), np.float32)


def paint_large(number: int) -> Image.Image:
    """Paint cat picture `number` as a photo of 4000 x 3000 pixels, always the same."""
    small = ImageOps.fit(paint_cat(number), (SIDE, SIDE * 3 // 4), centering=(0.5, 0.25))
    height, width = strokes().shape
    smooth = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    y, x = np.mgrid[:height, :width]
    rows = np.clip(y + 8 * strokes(), 0, height - 1).astype(int)
    columns = np.clip(x + 8 * strokes()[::-1, ::-1], 0, width - 1).astype(int)
    brushed = smooth[rows, columns] * (1 + np.float32(0.06) * strokes()[:, :, None])
    brushed = np.clip(brushed, 0, 255).astype(np.uint8)
    return Image.fromarray(brushed).resize(LARGE, Image.Resampling.BICUBIC)


def save_whole(image: Image.Image, path: Path, quality: int) -> None:
    """Save a picture as a JPEG that has its name only when it is whole."""
    draft = path.with_suffix(".tmp")
    image.save(draft, "JPEG", quality=quality)
    draft.replace(path)


def file_name(number: int) -> str:
    """Name the file of picture `number`, so that the order of names is that of numbers."""
    return f"cat_{number:05d}.jpg"


def paint_chunk(folder: Path, numbers: range) -> int:
    """Paint those of the pictures that are not yet in `folder`; give how many there are."""
    for number in numbers:
        path = folder / file_name(number)
        if not path.exists():
            save_whole(paint_cat(number), path, QUALITY)
    return len(numbers)


def finish(part: Path, folder: Path, wanted: set[str]) -> None:
    """Remove from the painted folder what does not belong there, and give it its name."""
    for path in part.iterdir():
        if path.name not in wanted:
            path.unlink()
    if folder.exists():
        folder.rmdir()
    part.replace(folder)


def ignore_interrupt() -> None:
    """Leave Ctrl-C to the parent process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def paint_part(
    folder: Path,
    paint: Callable[[Path, range], int],
    chunks: Sequence[range],
    workers: int | None,
    quiet: bool,
) -> Path:
    """Paint chunks of pictures, in parallel, into `folder` + ".part", and give that folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty; remove it or name another")
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    total = sum(map(len, chunks))
    with ProcessPoolExecutor(workers, initializer=ignore_interrupt) as pool:
        try:
            with tqdm(total=total, desc="painting", unit=" cats", disable=quiet or None) as bar:
                for painted in pool.map(partial(paint, part), chunks):
                    bar.update(painted)
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise
    return part


def paint_collection(
    folder: Path, count: int = 10_000, workers: int | None = None, quiet: bool = False
) -> None:
    """Paint pictures 0 to `count` - 1 as JPEG files into a new folder, in parallel.

    Painting happens in `folder` + ".part", where an interrupted run is resumed; the
    folder gets its name when it is complete. `workers` is the number of processes, by
    default that of the processors; the files do not depend on it. Raises
    FileExistsError if the folder holds something, ValueError if `count` is below 1.

    >>> paint_collection(Path("cats"), 500)  # doctest: +SKIP
    """
    if count < 1:
        raise ValueError(f"cannot paint {count} pictures; paint at least 1")
    chunks = [range(k, min(k + 32, count)) for k in range(0, count, 32)]
    part = paint_part(folder, paint_chunk, chunks, workers, quiet)
    finish(part, folder, {file_name(number) for number in range(count)})


MASTERS = 16  # how many large photos there are


def large_name(number: int) -> str:
    """Name the file of large photo `number`."""
    return f"photo_{number:03d}.jpg"


def paint_large_chunk(folder: Path, numbers: range) -> int:
    """Paint those of the large photos that are not yet in `folder`; give how many there are."""
    for number in numbers:
        path = folder / large_name(number)
        if not path.exists():
            save_whole(paint_large(number), path, 75)
    return len(numbers)


def link_or_copy(master: Path, path: Path) -> None:
    """Give a file a second name, or copy it where that cannot be done."""
    path.unlink(missing_ok=True)
    try:
        path.hardlink_to(master)
    except OSError:
        draft = path.with_suffix(".tmp")
        shutil.copyfile(master, draft)
        draft.replace(path)


def paint_class(
    folder: Path, count: int = 320, workers: int | None = None, quiet: bool = False
) -> None:
    """Paint 16 large photos into a new folder, under `count` names, in parallel.

    An interrupted run is resumed, and errors are raised, as by `paint_collection`.
    """
    if count < 1:
        raise ValueError(f"cannot paint {count} photos; paint at least 1")
    chunks = [range(k, k + 1) for k in range(min(MASTERS, count))]
    part = paint_part(folder, paint_large_chunk, chunks, workers, quiet)
    for number in range(MASTERS, count):
        link_or_copy(part / large_name(number % MASTERS), part / large_name(number))
    finish(part, folder, {large_name(number) for number in range(count)})


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line long."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and stop with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Paint the collection from the command line; give the exit status."""
    parser = Parser(prog="cats.py", description="Paint a collection of cat pictures.")
    parser.add_argument("folder", nargs="?", type=Path, help="data/cats, or data/class")
    parser.add_argument("--class", action="store_true", dest="large", help="large photos")
    parser.add_argument("--count", type=int, help="how many (10000, or 320 large ones)")
    parser.add_argument("--workers", type=int, help="processes (one a processor)")
    args = parser.parse_args(argv)
    if args.workers is not None and args.workers < 1:
        parser.error(f"cannot paint with {args.workers} workers; use at least 1")
    paint, usual, count = paint_collection, Path("data/cats"), 10_000
    if args.large:
        paint, usual, count = paint_class, Path("data/class"), 320
    folder = usual if args.folder is None else args.folder
    try:
        paint(folder, count if args.count is None else args.count, args.workers)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        part = f"{folder}.part"
        print(f"interrupted; the same command goes on from {part}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
