# Made from smalti/looks.md by make tangle; edit that.
"""Names for whole sets of settings; explained in looks.md."""

import dataclasses
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from mosaic import ThumbnailSettings
from smalti.choosing import MatchSettings
from smalti.grid import cells_for
from smalti.ground.errors import MosaicError
from smalti.ground.settings import Given, own_fields, stages
from smalti.report import Report
from smalti.variants import sample_sizes, usual_shape


@dataclasses.dataclass(frozen=True)
class Look:
    """A name for settings: what it is for, the settings, and how many cells n photos get."""

    about: str
    settings: Mapping[str, object]
    cells: Callable[[int], int]


def enough(n: int) -> int:
    """Cells to recognise a target by, for n photos.

    >>> enough(300), enough(4000)
    (6400, 10000)
    """
    return 6_400 if n < 1_000 else 10_000


def room_for_all(n: int) -> int:
    """Cells for a mosaic in which each of n photos appears, and some more than once."""
    return max(enough(n), 2 * n)


def half(n: int) -> int:
    """Cells for a mosaic in which none of n photos appears twice.

    >>> half(4000), half(2000), half(30)
    (2000, 1600, 30)
    """
    return max(n // 2, min(n, 1_600))


def as_many(n: int) -> int:
    """As many cells as n photos, within bounds."""
    return cells_for(n)


def wanted_cells(look: Look, n: int, max_uses: int | None) -> int:
    """How many cells a look gives n photos, if each may be used so often."""
    if max_uses is None:
        return look.cells(n)
    return look.cells(n * max_uses) if look.cells is as_many else min(look.cells(n), n * max_uses)


REGIONS = {"feature": "pixels", "detail": 3, "colour": "oklab", "crop": "content"}
APART = {"method": "spread", "dedupe": True}
LOOKS = {
    "faithful": Look(
        "like the target; photos repeat, but none nearby",
        {**REGIONS, **APART, "spacing": 3, "recolour": 0.4},
        enough,
    ),
    "sharp": Look(
        "edges above all: finer comparison, and equal photos may stand closer",
        {**REGIONS, **APART, "detail": 5, "spacing": 1, "recolour": 0.4},
        enough,
    ),
    "everyone": Look(
        "every photo at least once, none often",
        {**REGIONS, "method": "spread", "spacing": 3, "min_uses": 1, "recolour": 0.4},
        room_for_all,
    ),
    "once": Look(
        "no photo twice, and half of them to choose from",
        {**REGIONS, "dedupe": True, "repeats": "refuse", "recolour": 0.4},
        half,
    ),
    "untouched": Look(
        "as faithful, with the photos as they are",
        {**REGIONS, **APART, "spacing": 3},
        enough,
    ),
    "plain": Look("the book's way: mean colours, each photo once, if they are enough", {}, as_many),
}


def find_look(name: str) -> Look:
    """The look of a name; raises MosaicError."""
    if name not in LOOKS:
        near = difflib.get_close_matches(name, LOOKS, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(LOOKS)}"
        raise MosaicError(f"there is no look {name!r}; {hint}")
    return LOOKS[name]


WITH_ANY_LOOK = {"spacing", "max_uses", "dedupe"}


def default_look(given: Given) -> str:
    """The name of the look for settings that were given without one.

    >>> default_look({"tile": "8"}), default_look({"method": "nearest"})
    ('faithful', 'plain')
    >>> default_look({"max_uses": "1"})
    'once'
    """
    of_a_match = {name for stage in stages(MatchSettings) for name in own_fields(stage)}
    if (of_a_match - WITH_ANY_LOOK) & set(given):
        return "plain"
    return "once" if str(given.get("max_uses")) == "1" else "faithful"


def giving_way(given: Given) -> Iterator[str]:
    """Names of the settings of a look that would clash with what was given.

    >>> sorted(giving_way({"tint": "0.3"}))
    ['recolour', 'tint']
    """
    yield from given
    if "tint" in given or "blend" in given:
        yield "recolour"
    if given.get("feature", "pixels") != "pixels":
        yield "detail"


Command = TypeVar("Command", bound=ThumbnailSettings)


def put_on(settings: Command, look: Look, given: Given) -> Command:
    """Settings with those of a look; what was given wins."""
    lost, most = set(giving_way(given)), min(settings.thumb_res)
    changes = {name: value for name, value in look.settings.items() if name not in lost}
    if isinstance(detail := changes.get("detail"), int):
        changes["detail"] = min(detail, most)
    return dataclasses.replace(settings, **changes)  # type: ignore[arg-type]


SHAPED = {"thumb_res", "target_res", "tile"}


def shape_like(
    settings: Command, look: Look, given: Given, names: Sequence[str], folder: str
) -> Command:
    """Settings with thumbnails shaped like most of the photos, if a look may choose that."""
    if look is LOOKS["plain"] or SHAPED & set(given):
        return settings
    shape = usual_shape(sample_sizes(names, folder))
    if min(shape) < int(str(given.get("detail", 0))):
        return settings
    return dataclasses.replace(settings, thumb_res=shape)


LIKENESS = [(0.6, 8, "very close"), (0.45, 12, "close"), (0.3, 20, "fair")]  # at least, at most


def advise(report: Report, look: Look) -> Iterator[str]:
    """How like its target a mosaic is, in words, and what would make it better."""
    if not report.score:
        return
    seen, off, cells = report.score.ssim_twice, report.score.ciede2000, report.cells or 0
    words = (word for least, most, word in LIKENESS if seen >= least and off <= most)
    word = next(words, "poor") if cells >= 400 else "rough"
    yield f"likeness {word}: colours differ by {off:.0f} (an eye notices 2)"
    yield from (f"advice   {what}" for what in what_helps(report, look, word))


def what_helps(report: Report, look: Look, word: str) -> Iterator[str]:
    """What would make a mosaic better whose likeness is this word."""
    photos, far = report.photos or 0, word in ("fair", "poor")
    spent = (report.photos_used or 0) > 0.7 * photos and report.most_used == 1
    if word == "rough":
        other = "--look faithful" if look is LOOKS["once"] else "more cells"
        yield f"{report.cells} cells show little of the target; try more photos, or {other}"
    elif far and spent:
        yield "nearly every photo is needed, so colours are off; try --look faithful"
    elif photos < (500 if far else 150):
        yield f"{photos} photos are few; more of them make a better mosaic"
    elif far:
        other = "try more photos" if look is LOOKS["untouched"] else "try --recolour 0.5"
        yield f"more cells show more: --target-res {finer(report)}; or {other}"


def finer(report: Report) -> str:
    """Half as many columns and rows again as a mosaic has, and its shape if it is no square."""
    grid, shape = (report.settings.get(name) for name in ("target_res", "thumb_res"))
    sides = grid if isinstance(grid, list | tuple) else (100, 100)
    words = " ".join(str(side * 3 // 2) for side in sides)
    if isinstance(shape, list | tuple) and shape[0] != shape[1]:
        return f"{words} --thumb-res {shape[0]} {shape[1]}"
    return words
