# Made from smalti/afar.md by make tangle; edit that.
"""Place photos for an eye that stands back; explained in afar.md."""

import numpy as np

from mosaic import Array
from smalti.placement import PlacementSettings, place

AXES = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
AXES /= np.linalg.norm(AXES, axis=1)[:, None]
LIGHT = 1 / 4  # width of the blur of lightness, where that of colour is 1


def see(colours: Array, distance: float) -> Array:
    """What an eye sees of (rows, cols, 3) colours, on these axes, from so many cells away."""
    from scipy.ndimage import gaussian_filter  # here, for it takes a while to load

    far = min(distance, max(colours.shape[:2]))
    widths = (LIGHT * far, far, far)
    planes = [
        gaussian_filter(colours[..., k], width, mode="nearest") for k, width in enumerate(widths)
    ]
    return np.stack(planes, axis=-1)


GRAIN, CLOSE_ENOUGH = 4, 2e-3  # levels in a step of prices; relative gap of a projection


def project(tiles: Array, colours: Array, most: Array, least: Array, photo: Array) -> Array:
    """The allowed match, (m,), whose tiles are nearest to (m, 3) colours."""
    fine, wanted = (np.rint(GRAIN * one) / GRAIN for one in (tiles, colours))
    settings = PlacementSettings(gap=CLOSE_ENOUGH)
    return place(fine, wanted, most, least, groups=photo, settings=settings)[0]


ROUNDS, LONGEST, SHORTER, SHORTEST = 12, 1.9, 0.6, 0.5


def place_from_afar(
    tiles: Array,
    cells: Array,
    shape: tuple[int, int],
    distance: float,
    most: Array,
    least: Array,
    photo: Array,
) -> Array:
    """Place (n, 3) tiles in m = rows · cols cells, (m, 3), for an eye at a distance: (m,).

    Features are mean colours in sRGB levels, the distance is in cells; budgets (k,) are of
    photos, of which `photo` (n,) names each tile's.
    """
    own, goal = tiles @ AXES.T, cells @ AXES.T
    target, match = goal.reshape(*shape, 3), project(own, goal, most, least, photo)
    best, lowest, length = match, np.inf, LONGEST
    for _ in range(ROUNDS):
        error = see(own[match].reshape(*shape, 3) - target, distance)
        if (total := float((error**2).sum())) < lowest:
            best, lowest, slope = match, total, see(error, distance).reshape(-1, 3)
        else:
            length *= SHORTER
        if length < SHORTEST:
            break
        match = project(own, own[best] - length * slope, most, least, photo)
        if (match == best).all():
            break
    return best
