# Made from smalti/budgets.md by make tangle; edit that.
"""What a placement is asked for, and what cannot be; explained in budgets.md."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smalti.ground.errors import MosaicError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Infeasible(MosaicError):
    """Constraints that no match can keep; `photo` is the number of the photo, if it is one."""

    def __init__(self, problem: str, photo: int | None = None) -> None:
        super().__init__(problem if photo is None else f"photo {photo} {problem}")
        self.problem, self.photo = problem, photo

    def named(self, names: Sequence[str]) -> MosaicError:
        """The same error with the photo's name for its number.

        >>> print(Infeasible("is pinned twice", 1).named(["grandma", "the logo"]))
        the logo is pinned twice
        """
        if self.photo is None:
            return self
        return MosaicError(f"{names[self.photo]} {self.problem}")


def times(k: int) -> str:
    """A number of times, in words.

    >>> times(1), times(3)
    ('once', '3 times')
    """
    return "once" if k == 1 else f"{k} times"


def budgets(
    owner: Ints, n: int, m: int, max_uses: ArrayLike, min_uses: ArrayLike
) -> tuple[Ints, Ints]:
    """Least and most uses (n,) of n photos in m cells; raises Infeasible."""
    low, high = (np.broadcast_to(np.asarray(w, np.int64), n) for w in (min_uses, max_uses))
    for j in np.flatnonzero((low > high) | (high < 0)).tolist():
        raise Infeasible(
            f"cannot be used at least {times(low[j])} and at most {times(high[j])}; "
            "min_uses must not exceed max_uses",
            j,
        )
    low, high = low.clip(0), high.clip(0, m) * (np.bincount(owner, minlength=n) > 0)
    for j in np.flatnonzero(low > high).tolist():
        raise Infeasible(
            f"must be used {times(low[j])}, but {m} cells and its tiles allow "
            f"{times(high[j])}; lower its min_uses",
            j,
        )
    check_sums(m, low, high, np.unique(np.asarray(max_uses)))
    return low, high


def check_sums(m: int, low: Ints, high: Ints, limits: Ints) -> None:
    """Raise Infeasible if photos with these budgets (n,) cannot fill m cells."""
    n, lack, extra = len(high), m - high.sum(), low.sum() - m
    if lack > 0:
        limit, more = f"that allow {high.sum()} uses in all", "raise max_uses"
        if len(limits) == 1 and n:
            limit, more = f"used at most {times(limits[0])}", f"set max_uses = {-(-m // n)}"
        raise Infeasible(
            f"{m} cells cannot be filled by {n} photos {limit}: {lack} are missing; "
            f"add photos, or {more}"
        )
    if extra > 0:
        raise Infeasible(
            f"{m} cells cannot hold {low.sum()} demanded uses of {n} photos: {extra} "
            "are too many; remove photos, add cells, or lower min_uses"
        )


def take_pins(pins: Ints, m: int, owner: Ints, low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """Budgets (n,) that are left after the pins (m,), -1 where free; raises Infeasible."""
    if pins.shape != (m,) or not ((pins >= -1) & (pins < len(owner))).all():
        raise ValueError(f"pins must be -1 or one of {len(owner)} tiles for each of {m} cells")
    used = np.bincount(owner[pins[pins >= 0]], minlength=len(high))
    for j in np.flatnonzero(used > high).tolist():
        raise Infeasible(
            f"is pinned to {used[j]} cells but may be used at most {times(high[j])}; "
            f"remove {used[j] - high[j]} of its pins, or raise its max_uses to {used[j]}",
            j,
        )
    low, high, free = (low - used).clip(0), high - used, int((pins < 0).sum())
    if low.sum() > free:
        raise Infeasible(
            f"{free} cells are free beside the pins but min_uses still demands "
            f"{low.sum()} uses; remove pins, or lower min_uses"
        )
    return low, np.minimum(high, free)


def finite(name: str, x: ArrayLike) -> Floats:
    """`x` as an (n, f) array of finite numbers; raises ValueError."""
    array = np.asarray(x, np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be an (n, f) array of finite numbers")
    return array


def owners(n: int, groups: ArrayLike | None, max_uses: ArrayLike) -> tuple[Ints, int]:
    """The photo of each of n tiles, and how many photos there are."""
    owner = np.arange(n) if groups is None else np.asarray(groups, np.int64)
    if owner.shape != (n,) or owner.min(initial=0) < 0:
        raise ValueError(f"groups must name a photo, 0 or more, for each of the {n} tiles")
    listed = np.size(max_uses) if np.ndim(max_uses) else 0
    return owner, max(int(owner.max(initial=-1)) + 1, listed)


@dataclass
class Request:
    """A placement problem with pins, in checked arrays."""

    x: Floats  # (m, f) features of the cells
    y: Floats  # (n, f) features of the tiles
    owner: Ints  # (n,) photo of each tile
    low: Ints  # budgets of the photos, as the pins leave them
    high: Ints
    pins: Ints  # (m,) the tile that is fixed in a cell, or -1

    @property
    def plain(self) -> bool:
        """Whether there is nothing but one budget for all photos."""
        single = np.array_equal(self.owner, np.arange(len(self.high)))
        even = bool((self.high == self.high[0]).all()) and not self.low.any()
        return single and even and bool((self.pins < 0).all())


def read_request(
    tiles: ArrayLike,
    cells: ArrayLike,
    max_uses: ArrayLike,
    min_uses: ArrayLike,
    groups: ArrayLike | None,
    pins: ArrayLike | None,
) -> Request:
    """Arrays of what is asked for, as for `place`; raises Infeasible or ValueError."""
    x, y = finite("cells", cells), finite("tiles", tiles)
    owner, n = owners(len(y), groups, max_uses)
    low, high = budgets(owner, n, len(x), max_uses, min_uses)
    fixed = np.full(len(x), -1) if pins is None else np.array(pins, np.int64)
    low, high = take_pins(fixed, len(x), owner, low, high)
    return Request(x, y, owner, low, high, fixed)
