"""Trees of several kinds. Each gives (crown, trunk); either may be None. They stand on z = 0.

`fine` below 1 gives the same tree with fewer triangles, to be seen from afar.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smis.synth.solids import Mesh, copies, join, loft, lump, ring, rod, surface

Tree = tuple[Mesh | None, Mesh | None]


def round_tree(rng: np.random.Generator, fine: float = 1.0) -> Tree:
    """A broad crown of several lumps, on a trunk with branches."""
    height, width = rng.uniform(2.2, 4.2), rng.uniform(3.0, 5.2)
    stem = rng.uniform(1.6, 2.6)
    crown = [
        lump(width * 0.8, width * 0.8, height * 0.8, rng, 0.22, int(12 * fine), 3.0).at(0, 0, stem + height * 0.55)
    ]
    count = int(rng.integers(4, 7))
    for k in range(count):
        a, r = 2 * np.pi * (k + rng.uniform(-0.3, 0.3)) / count, width * rng.uniform(0.24, 0.32)
        size = width * rng.uniform(0.4, 0.58)
        z = stem + height * rng.uniform(0.3, 0.7)
        crown.append(lump(size, size, size * 0.8, rng, 0.25, int(7 * fine), 3.0).at(r * np.cos(a), r * np.sin(a), z))
    trunk = [rod((0, 0, 0), (0, 0, stem + 0.7), 0.2, 8, 0.7)]
    for _ in range(2):
        a = rng.uniform(0, 2 * np.pi)
        trunk.append(rod((0, 0, stem * 0.75), (0.7 * np.cos(a), 0.7 * np.sin(a), stem + 0.6), 0.09, 5))
    return join(crown), join(trunk)


def young_tree(rng: np.random.Generator, fine: float = 1.0) -> Tree:
    """One oval crown on a thin stem, as planted along streets."""
    width, height, stem = rng.uniform(1.7, 2.6), rng.uniform(2.2, 3.4), rng.uniform(1.7, 2.3)
    crown = lump(width, width, height, rng, 0.2, int(13 * fine), 3.5).at(0, 0, stem + height * 0.42)
    return crown, rod((0, 0, 0), (0, 0, stem + 0.6), 0.1, 7, 0.8)


def poplar(rng: np.random.Generator, fine: float = 1.0) -> Tree:
    """Tall and narrow."""
    width, height, stem = rng.uniform(1.4, 2.0), rng.uniform(6, 10), rng.uniform(0.6, 1.2)
    crown = lump(width, width, height, rng, 0.16, int(15 * fine), 3.5).at(0, 0, stem + height * 0.49)
    return crown, rod((0, 0, 0), (0, 0, stem + 1), 0.17, 7)


def spruce(rng: np.random.Generator, fine: float = 1.0) -> Tree:
    """Tiers of drooping, jagged branches."""
    height, width, stem = rng.uniform(5, 9), rng.uniform(1.3, 1.9), rng.uniform(0.5, 1.0)
    tiers = int(rng.integers(5, 8))
    parts, sides = [], 2 * int(13 * fine)
    for k in range(tiers):
        t = k / tiers
        radius = width * (1 - t) ** 0.85 + 0.18
        low, high = stem + height * t * 0.92, stem + height * min(1.0, (k + 1.75) / tiers)
        jagged = 1 + 0.16 * np.where(np.arange(sides) % 2, 1, -1) + rng.uniform(-0.1, 0.1, sides)
        skirt = ring(radius, radius, sides, low) * np.stack([jagged, jagged, np.ones(sides)], 1)
        skirt[:, 2] -= 0.16 * (jagged - 0.9) * radius * 2
        middle = ring(radius * 0.5, radius * 0.5, sides, low + (high - low) * 0.42)
        turned = np.stack([skirt, middle, ring(0.02, 0.02, sides, high)])
        parts.append(loft(turned).at(yaw=rng.uniform(0, 360)))
    return join(parts), rod((0, 0, 0), (0, 0, stem + 1), 0.16, 7)


def pine(rng: np.random.Generator, fine: float = 1.0) -> Tree:
    """A high bare trunk with flat clouds of needles."""
    height = rng.uniform(5, 8)
    lean = rng.uniform(-0.5, 0.5, 2)
    crown, trunk = [], [rod((0, 0, 0), (lean[0], lean[1], height), 0.2, 8, 0.5)]
    for _ in range(int(rng.integers(4, 7))):
        t, a, r = rng.uniform(0.6, 1.0), rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 1.3)
        r *= 1.2 - 0.6 * t
        at = np.array([lean[0] * t + r * np.cos(a), lean[1] * t + r * np.sin(a), height * t + 0.3])
        size = rng.uniform(1.5, 2.4)
        crown.append(lump(size, size, size * 0.42, rng, 0.25, int(7 * fine), 3.5).at(*at))
        trunk.append(rod((lean[0] * t, lean[1] * t, height * t - 0.5), at, 0.07, 5))
    top = lump(1.9, 1.9, 0.9, rng, 0.25, int(10 * fine), 3.5).at(lean[0], lean[1], height + 0.3)
    return join([*crown, top]), join(trunk)


def palm(rng: np.random.Generator, fine: float = 1.0) -> Tree:
    """Fronds that bend down from the top of a leaning trunk."""
    height, lean = rng.uniform(3.5, 6), rng.uniform(-0.8, 0.8)
    shift = np.array([lean, 0, 0])
    rows = [ring(0.17 - 0.06 * t, 0.17 - 0.06 * t, 9, height * t) + shift * t * t for t in np.linspace(0, 1, 7)]
    t = np.linspace(0, 1, 8)[:, None]
    side = np.array([-1, 0, 1])[None, :] * 0.34 * (np.sin(np.pi * np.clip(t * 0.92 + 0.06, 0, 1)) ** 0.7)
    x, count = 1.85 * t + 0 * side, int(rng.integers(5, 7))
    fronds = []
    for rise in (0.2, 0.8):
        frond = surface(
            np.stack([x, side, rise * t - 1.5 * t * t - 0.5 * np.abs(side)], 2), np.stack([side, x], 2), False
        )
        place = np.array([[lean, 0, height]]).repeat(count, 0)
        fronds.append(copies(frond, place, (np.arange(count) + rise) * 360 / count + rng.uniform(-12, 12, count)))
    return join([*fronds, lump(0.5, 0.5, 0.4, rng, 0.1, int(6 * fine)).at(lean, 0, height)]), loft(np.stack(rows))


def bush(rng: np.random.Generator, fine: float = 1.0) -> Tree:
    """A low bush without a trunk."""
    parts = []
    for _ in range(int(rng.integers(2, 4))):
        x, y, size = rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), rng.uniform(0.8, 1.4)
        parts.append(lump(size, size, size * 0.9, rng, 0.2, int(7 * fine), 3.0).at(x, y, size * 0.32))
    return join(parts), None


TREES: dict[str, Callable[[np.random.Generator, float], Tree]] = {
    "round": round_tree,
    "young": young_tree,
    "poplar": poplar,
    "spruce": spruce,
    "pine": pine,
    "palm": palm,
    "bush": bush,
}
