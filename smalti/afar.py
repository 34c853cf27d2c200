# Made from smalti/afar.md by make tangle; edit that.
"""Place photos for an eye that stands back, and where it looks first; explained in afar.md."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from mosaic import Array
from smalti.placement import DEFAULTS, Certificate, PlacementSettings, Watch, place

AXES = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
AXES /= np.linalg.norm(AXES, axis=1)[:, None]
LIGHT = 1 / 4  # width of the blur of lightness, where that of colour is 1


def axes_of(colour: str) -> Array:
    """What turns colours of a space to lightness and two axes of colour: (3, 3), orthogonal."""
    return np.eye(3) if colour in ("lab", "oklab") else AXES


NARROW = 0.1


def blur(length: int, width: float) -> Array:
    """How dots in a line spread by a Gauss blur: (length, length), symmetric."""
    from scipy.ndimage import gaussian_filter1d  # here, for it takes a while to load

    dots = np.eye(length)
    if width < NARROW:
        return dots
    return np.asarray(gaussian_filter1d(dots, width, axis=0, mode="reflect"))


def blurs(shape: tuple[int, int], distance: float) -> list[tuple[Array, Array]]:
    """What blurs (rows, cols) down and along, for each of three axes: pairs of matrices."""
    far = min(distance, max(shape))
    return [(blur(shape[0], width), blur(shape[1], width)) for width in (LIGHT * far, far, far)]


def see(colours: Array, distance: float) -> Array:
    """What an eye sees of (rows, cols, 3) colours, on these axes, from so many cells away."""
    both = blurs((colours.shape[0], colours.shape[1]), distance)
    planes = [down @ colours[..., k] @ along for k, (down, along) in enumerate(both)]
    return np.stack(planes, axis=-1)


def split(features: Array, axes: Array) -> Array:
    """Colour on the axes, then detail if there is any: (n, f) to (n, 3) or (n, 3 + f)."""
    regions = features.reshape(len(features), -1, 3).astype(np.float64)
    mean = regions.mean(axis=1)
    colour: Array = np.sqrt(regions.shape[1]) * mean @ axes.T
    if regions.shape[1] == 1:
        return colour
    return np.hstack([colour, (regions - mean[:, None]).reshape(features.shape)])


NEARBY = 0.2


@dataclass(frozen=True)
class Sight:
    """Photos, and a target for an eye at a distance, with the budgets of the photos."""

    tiles: Array  # (n, f), split
    cells: Array  # (m, f), split
    shape: tuple[int, int]  # (rows, cols), with m = rows · cols
    distance: float  # in cells
    most: Array  # (k,) uses of each photo
    least: Array  # (k,)
    photo: Array  # (n,) of each tile

    def pull(self, errors: Array) -> Array:
        """How strongly errors pull, each at its place, (m, f): K e."""
        colours = errors[:, :3].reshape(*self.shape, 3)
        seen = see(see(colours, self.distance), self.distance)
        pull = (1 - NEARBY) * seen + NEARBY * colours
        return np.hstack([pull.reshape(-1, 3), errors[:, 3:]])


CLOSE_ENOUGH = 2e-3  # relative gap of a projection


def project(sight: Sight, wanted: Array) -> Array:
    """The allowed match, (m,), whose tiles are nearest to (m, f) features."""
    most, least, near = sight.most, sight.least, PlacementSettings(gap=CLOSE_ENOUGH)
    return place(sight.tiles, wanted, most, least, groups=sight.photo, settings=near)[0]


ROUNDS, LONGEST, SHORTER = 3, 1.9, 0.6


def walk_downhill(sight: Sight) -> Array:
    """The best match, (m,), on a short walk that begins at the exact one."""
    wanted, lowest, length = sight.cells, np.inf, LONGEST
    for _ in range(ROUNDS):
        match = project(sight, wanted)
        error = sight.tiles[match] - sight.cells
        pull = sight.pull(error)
        if (total := float((error * pull).sum())) < lowest:
            best, lowest, slope = match, total, pull
        else:
            length *= SHORTER
        wanted = sight.tiles[best] - length * slope
    return best


def see_twice(sight: Sight) -> tuple[Array, Array]:
    """What blurs twice on each axis: down, (3, rows, rows), and along, (3, cols, cols)."""
    both = [(down @ down, along @ along) for down, along in blurs(sight.shape, sight.distance)]
    return np.stack([one for one, _ in both]), np.stack([other for _, other in both])


def dot_at(i: int, down: Array, along: Array) -> Array:
    """How a dot in cell i pulls at all cells, (m, 3): a column of K for each axis."""
    row, col = divmod(i, along.shape[1])
    dot: Array = (1 - NEARBY) * np.einsum("kr,kc->rck", down[:, row], along[:, col])
    dot[row, col] += NEARBY
    return dot.reshape(-1, 3)


SWEEPS, LOOK, ROUNDING = 2, 8192, 1e-9


def change_places(sight: Sight, match: Array) -> Array:
    """A match (m,) at least as good as this one: photos change places, or for free ones."""
    tiles, cells, photo, rng = sight.tiles, sight.cells, sight.photo, np.random.default_rng(1)
    match, uses = match.copy(), np.bincount(photo[match], minlength=len(sight.most))
    here, squares, (down, along) = tiles[match], tiles**2, see_twice(sight)
    pull, left = sight.pull(here - cells), np.ones(cells.shape)
    left[:, :3] = (1 - NEARBY) * np.einsum("krr,kcc->rck", down, along).reshape(-1, 3) + NEARBY
    worth = ROUNDING * (1 + (pull**2).mean())
    for i in np.concatenate([rng.permutation(len(cells)) for _ in range(SWEEPS)]):
        dot = dot_at(i, down, along)
        other = some_of(len(cells), rng)
        step = here[other, :3] - here[i, :3]
        change = 2 * (pull[i, :3] - pull[other, :3]) + (left[i] + left[other])[..., :3] * step
        gain = -(step * (change - 2 * dot[other] * step)).sum(axis=1)
        if here.shape[1] > 3:
            inner, wanted = here[other, 3:], cells[other, 3:]
            gain += 2 * (inner @ cells[i, 3:] + wanted @ here[i, 3:])
            gain -= 2 * ((inner * wanted).sum(axis=1) + here[i, 3:] @ cells[i, 3:])
        j = int(gain.argmax())
        new, mine = some_of(len(tiles), rng), photo[match[i]]
        bend = pull[i] - left[i] * here[i]
        before = here[i] @ (left[i] * here[i] + 2 * bend)
        better = before - squares[new] @ left[i] - 2 * (tiles[new] @ bend)
        free = (uses < sight.most)[photo[new]] & (uses[mine] > sight.least[mine])
        better[~(free | (photo[new] == mine))] = -np.inf
        k = int(better.argmax())
        if max(gain[j], better[k]) <= worth:
            continue
        if better[k] > gain[j]:
            changed, match[i] = [i], np.arange(len(tiles))[new][k]
            uses[mine] -= 1
            uses[photo[match[i]]] += 1
        else:
            changed = [i, int(np.arange(len(cells))[other][j])]
            match[changed] = match[changed[::-1]]
        for cell in changed:
            step = tiles[match[cell]] - here[cell]
            pull[:, :3] += step[:3] * (dot if cell == i else dot_at(cell, down, along))
            pull[cell, 3:] += step[3:]
            here[cell] = tiles[match[cell]]
    return match


def some_of(n: int, rng: np.random.Generator) -> slice | Array:
    """All of n things, or of very many a few thousand by chance: what picks them."""
    return slice(None) if n <= LOOK else rng.integers(n, size=LOOK)


def place_from_afar(
    tiles: Array,
    cells: Array,
    shape: tuple[int, int],
    distance: float,
    most: Array,
    least: Array,
    photo: Array,
    axes: Array = AXES,
) -> Array:
    """Place (n, f) tiles in m = rows · cols cells, (m, f), for an eye at a distance: (m,).

    Features are colours of one region or more, which `axes` turn to lightness and colour; the
    distance is in cells; budgets (k,) are of photos, of which `photo` (n,) names each tile's.
    """
    both = split(tiles, axes), split(cells, axes)
    sight = Sight(*both, shape, distance, most, least, photo)
    return change_places(sight, walk_downhill(sight))


MOST_ATTENTION = 4


def attention(focus: Array) -> Array:
    """How many times errors count, (m,), given how much each cell matters, from 0 to 1."""
    weight: Array = 1 + (MOST_ATTENTION - 1) * focus
    return weight


def lift(tiles: Array, cells: Array, weight: Array) -> tuple[Array, Array, float]:
    """Features (n, f + 2), (m, f + 2) whose distances are weighted: squared, less a sum."""
    middle = tiles.mean(axis=0, dtype=np.float64)
    t, x = tiles - middle, cells - middle
    square = (t**2).sum(axis=1)
    a = 1 / np.sqrt(max(1.0, square.max()))
    length = square + (a * square) ** 2
    high = np.c_[t, a * square, np.sqrt(length.max() - length)]
    low = np.c_[weight[:, None] * x, -weight / (2 * a), np.zeros(len(x))]
    extra = (low**2).sum() - weight @ (x**2).sum(axis=1) + len(x) * length.max()
    return high, low, float(extra)


def place_with_focus(
    focus: Array,
    tiles: Array,
    cells: Array,
    most: ArrayLike = 1,
    least: ArrayLike = 0,
    *,
    groups: ArrayLike | None = None,
    pins: ArrayLike | None = None,
    settings: PlacementSettings = DEFAULTS,
    on_progress: Watch | None = None,
) -> tuple[Array, Certificate]:
    """The cheapest match if errors matter as `focus`, (m,) from 0 to 1, says; as in `place`.

    The certificate is about weighted errors. Its gap cannot be asked for in advance.
    """
    high, low, extra = lift(tiles, cells, attention(focus))

    def lower(proof: Certificate) -> Certificate:
        return replace(proof, cost=proof.cost - extra, bound=max(0.0, proof.bound - extra))

    match, proof = place(
        high,
        low,
        most,
        least,
        groups=groups,
        pins=pins,
        settings=settings,
        on_progress=on_progress and (lambda proof: on_progress(lower(proof))),
    )
    return match, lower(proof)
