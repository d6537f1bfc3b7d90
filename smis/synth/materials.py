"""Materials: colours over surface coordinates in metres, for what is built: wood, brick, plaster, tiles, cloth, leaves.

Each takes the random stream of one class and gives a function of places, so the same style looks the same everywhere.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from smis.synth.fabrics import contrasting, fabric_colour, sample_colour, sample_fabric
from smis.synth.noise import cell_noise, fractal_noise

Material = Callable[[np.ndarray, np.ndarray], np.ndarray]  # u, v (P,) in metres to colours (P, 3)
CELLS, TILE = 32, 1024


@lru_cache(maxsize=1)
def _tile() -> np.ndarray:
    """Fractal noise on a square of CELLS units that repeats, float32 (TILE, TILE), with mean 0 and deviation 1."""
    rng = np.random.default_rng(11)
    total = np.zeros((TILE, TILE))
    for octave in range(4):
        cells = CELLS << octave
        grid = rng.random((cells, cells))
        place = np.arange(TILE) * cells / TILE
        i = place.astype(int)
        t = place - i
        t = t * t * (3 - 2 * t)
        j = (i + 1) % cells
        rows = grid[i] * (1 - t)[:, None] + grid[j] * t[:, None]
        total += 0.55**octave * (rows[:, i] * (1 - t) + rows[:, j] * t)
    return ((total - total.mean()) / total.std()).astype(np.float32)


def grain(u: np.ndarray, v: np.ndarray, scale: float, seed: int = 0) -> np.ndarray:
    """Noise (P,) with mean 0 and deviation 1 that changes about every `scale` metres."""
    k = np.float32(TILE / CELLS / scale)
    i = (u * k + np.float32(seed * 97)).astype(np.int64) & (TILE - 1)
    j = (v * k + np.float32(seed * 53)).astype(np.int64) & (TILE - 1)
    return _tile()[i, j]


def hsv(h: float, s: float, v: float) -> np.ndarray:
    """RGB (3,) of a hue (any number), saturation and value (clipped to 0..1)."""
    return np.array(colorsys.hsv_to_rgb(h % 1, min(max(s, 0), 1), min(max(v, 0), 1)))


def flat(colour: np.ndarray, count: int) -> np.ndarray:
    """One colour (count, 3)."""
    return np.broadcast_to(colour.astype(np.float32), (count, 3)).copy()


def blend(colour: np.ndarray, amount: np.ndarray, other: np.ndarray) -> np.ndarray:
    """`other` over `colour` (P, 3) where `amount` (P,) is 1."""
    a = amount[:, None].astype(np.float32)
    return colour * (1 - a) + other.astype(np.float32) * a


def plain(colour: np.ndarray, scale: float, strength: float = 0.04, seed: int = 0) -> Material:
    """A colour with soft clouds."""
    return lambda u, v: flat(colour, len(u)) * (1 + strength * grain(u, v, scale, seed))[:, None]


WOODS = [
    (0.07, 0.55, 0.42),
    (0.08, 0.45, 0.62),
    (0.09, 0.35, 0.78),
    (0.05, 0.6, 0.3),
    (0.04, 0.65, 0.45),
    (0.1, 0.2, 0.85),
]


def wood_colour(rng: np.random.Generator) -> np.ndarray:
    """A wood: from dark walnut to birch; sometimes painted."""
    kind = rng.random()
    if kind < 0.7:
        h, s, v = WOODS[rng.integers(len(WOODS))]
        return hsv(h + rng.normal(0, 0.01), s * rng.uniform(0.8, 1.15), v * rng.uniform(0.85, 1.15))
    return (
        np.full(3, rng.uniform(0.85, 0.96))
        if kind < 0.84
        else sample_colour(rng, str(rng.choice(["muted", "dark", "vivid"])))
    )


def wood(colour: np.ndarray, seed: int, strength: float = 0.08) -> Material:
    """Boards with a grain along u."""
    return lambda u, v: flat(colour, len(u)) * (1 + strength * grain(u, v * 9, 0.5, seed))[:, None]


def planks(colour: np.ndarray, width: float, seed: int) -> Material:
    """Floor boards along v, each of its own tone, with dark joints."""

    def paint(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        row = np.floor(u / width)
        board = np.floor(v / 1.4 + row * 0.37)
        tone = 0.82 + 0.36 * cell_noise(row.astype(int), board.astype(int), seed)
        tone = tone * (1 + 0.07 * grain(u * 9, v, 0.5, seed))
        joint = np.clip(1 - (u / width % 1) * width / 0.025, 0, 1)
        return flat(colour, len(u)) * (tone * (1 - 0.4 * joint))[:, None].astype(np.float32)

    return paint


def herringbone(colour: np.ndarray, width: float, seed: int) -> Material:
    """Zigzag of short boards."""

    def paint(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        length = width * 4
        column = np.floor(u / length)
        side = np.where(column.astype(int) % 2 == 0, 1, -1)
        along = v + side * (u - (column + 0.5) * length)
        row = np.floor(along / width)
        tone = 0.8 + 0.4 * cell_noise(row.astype(int), column.astype(int), seed)
        joint = np.maximum(
            np.clip(1 - (along / width % 1) * width / 0.025, 0, 1), np.clip(1 - (u % length) / 0.02, 0, 1)
        )
        return flat(colour, len(u)) * (tone * (1 - 0.35 * joint))[:, None].astype(np.float32)

    return paint


def tiles(first: np.ndarray, second: np.ndarray, side: float, joint: np.ndarray, seed: int) -> Material:
    """Square tiles of two colours in turn."""

    def paint(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        i, j = np.floor(u / side).astype(int), np.floor(v / side).astype(int)
        colour = blend(flat(first, len(u)), (i + j) % 2, second)
        colour = colour * (0.94 + 0.1 * cell_noise(i, j, seed))[:, None].astype(np.float32)
        edge = np.minimum(u / side % 1, v / side % 1) * side
        return blend(colour, np.clip(1.5 - edge / 0.015, 0, 1) * 0.7, joint)

    return paint


def carpet(colour: np.ndarray, seed: int) -> Material:
    """Deep pile."""
    return lambda u, v: flat(colour, len(u)) * (1 + 0.06 * grain(u, v, 0.03, seed))[:, None]


def bricks(colour: np.ndarray, mortar: np.ndarray, size: tuple[float, float], seed: int) -> Material:
    """Courses of bricks, each of its own tone."""
    width, height = size

    def paint(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        row = np.floor(v / height)
        shifted = u / width + 0.5 * (row % 2)
        tone = 0.78 + 0.44 * cell_noise(np.floor(shifted).astype(int), row.astype(int), seed)
        base = flat(colour, len(u)) * (tone * (1 + 0.05 * grain(u, v, 0.8, seed)))[:, None].astype(np.float32)
        gap = np.minimum((shifted % 1) * width, (v / height % 1) * height)
        return blend(base, np.clip(1.4 - gap / (0.13 * height), 0, 1) * 0.75, mortar)

    return paint


def siding(colour: np.ndarray, height: float, upright: bool, seed: int) -> Material:
    """Overlapping boards."""

    def paint(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        x = (u if upright else v) / height % 1
        tone = (0.92 + 0.1 * x - 0.25 * np.clip(1 - x / 0.14, 0, 1)) * (1 + 0.03 * grain(u, v, 1.0, seed))
        return flat(colour, len(u)) * tone[:, None].astype(np.float32)

    return paint


def stone(colour: np.ndarray, size: float, seed: int) -> Material:
    """Rough blocks of uneven width."""

    def paint(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        row = np.floor(v / size)
        shifted = u / size * 0.62 + 3.7 * cell_noise(row.astype(int), row.astype(int), seed)
        tone = 0.7 + 0.6 * cell_noise(np.floor(shifted).astype(int), row.astype(int), seed + 1)
        base = flat(colour, len(u)) * (tone * (1 + 0.07 * grain(u, v, 0.4, seed)))[:, None].astype(np.float32)
        gap = np.minimum((shifted % 1) * size * 1.6, (v / size % 1) * size)
        return base * (1 - 0.4 * np.clip(1.3 - gap / (0.1 * size), 0, 1))[:, None].astype(np.float32)

    return paint


def timbered(colour: np.ndarray, beam: np.ndarray, storey: float) -> Material:
    """Plaster between dark beams: posts, rails and slanting braces."""

    def paint(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        cell, x, y = np.floor(u / 1.6), u % 1.6, v % storey
        wood = (np.minimum(x, 1.6 - x) < 0.1) | (np.minimum(y, storey - y) < 0.12)
        side = np.where(cell.astype(int) % 2 == 0, x, 1.6 - x)
        wood |= (np.abs(side - y * 1.6 / storey) < 0.11) & (cell.astype(int) % 4 < 2)
        base = flat(colour, len(u)) * (1 + 0.03 * grain(u, v, 0.7, 3))[:, None]
        return blend(base, wood, beam)

    return paint


KINDS = ("solid", "stripes", "bars", "check", "plaid", "dots", "zigzag", "floral", "gradient")


def cloth(
    rng: np.random.Generator, scale: float, kinds: Sequence[str] = KINDS, chances: Sequence[float] | None = None
) -> Material:
    """A fabric of people's clothes, `scale` times as large."""
    fabric = sample_fabric(rng, tuple(kinds), tuple(chances or [1.0] * len(kinds)))
    fabric = replace(fabric, weave=0.0, trim=False)
    seed = int(rng.integers(100))

    def paint(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        height = np.clip(v / 2, 0, 1)
        colour = fabric_colour(fabric, u / scale, v / scale, height, np.ones(len(u)))
        return colour.astype(np.float32) * (1 + 0.035 * grain(u, v, 0.05, seed))[:, None]

    return paint


def leaves(colour: np.ndarray, other: np.ndarray, size: float, seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """Foliage over places (P, 3): clumps from dark to light, and dots of another colour."""

    def paint(points: np.ndarray) -> np.ndarray:
        x, y, z = points.T
        clumps = 0.6 * grain(x + 0.7 * y, z + 0.4 * y, size, seed) + 0.6 * grain(
            x - 0.8 * y, z * 1.2, size * 0.5, seed + 1
        )
        mixed = blend(flat(colour, len(x)), np.clip(grain(x + y, z - x, size * 0.7, seed + 2) - 0.4, 0, 1), other)
        return mixed * np.clip(1 + 0.24 * clumps, 0.35, 1.7)[:, None].astype(np.float32)

    return paint


def two_tone(rng: np.random.Generator, tones: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Two colours that go well beside each other yet differ clearly."""
    first = sample_colour(rng, str(rng.choice(tones)))
    return first, contrasting(first, rng, 0.5)


def painting(rng: np.random.Generator) -> Material:
    """An abstract picture, or a landscape with hills and a sun, in a square of 1 m that is cut to size."""
    colours = np.stack([sample_colour(rng) for _ in range(4)])
    seed, kind, scale = int(rng.integers(90)), rng.random(), rng.uniform(1.5, 4)
    sun = rng.uniform(0.2, 0.8, 2)

    def paint(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        colour = flat(colours[0], len(u))
        if kind < 0.4:
            colour = blend(colour, np.hypot(u - sun[0], v - 0.35 - sun[1] * 0.3) < 0.11, colours[3])
            for k, height in ((1, 0.42), (2, 0.25)):
                ridge = height + 0.3 * (fractal_noise(u * 3, np.full_like(u, k * 3.1), seed) - 0.5)
                colour = blend(colour, v < ridge, colours[k])
        elif kind < 0.75:
            colour = blend(colour, fractal_noise(u * scale, v * scale, seed) > 0.52, colours[1])
            colour = blend(colour, fractal_noise(u * scale, v * scale, seed + 5) > 0.58, colours[2])
        else:
            i, j = np.floor(u * scale + 0.3).astype(int), np.floor(v * scale * 1.3).astype(int)
            pick = (cell_noise(i, j, seed) * 4).astype(int)
            colour = colours.astype(np.float32)[np.minimum(pick, 3)]
        return colour

    return paint
