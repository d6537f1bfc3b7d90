"""Cars: a body lofted from cross-sections, a cabin of glass, wheels and lights. They drive along y, on z = 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from smis.synth.solids import Mesh, box, join, loft, tube

PAINT, GLASS, TYRE, RIM, FRONT, REAR, TRIM = range(7)


@dataclass(frozen=True)
class Shape:
    """Lengths in metres. Heights of the body and heads of the cabin's outline at places along the car, front first."""

    length: float
    width: float
    body: tuple[tuple[float, float], ...]
    cabin: tuple[tuple[float, float], ...]
    wheel: float


SHAPES = {
    "hatchback": Shape(
        3.9,
        1.72,
        ((0.0, 0.62), (0.04, 0.74), (0.28, 0.9), (0.9, 0.98), (1.0, 0.86)),
        ((0.24, 0.9), (0.42, 1.42), (0.8, 1.46), (0.97, 0.98)),
        0.31,
    ),
    "sedan": Shape(
        4.6,
        1.8,
        ((0.0, 0.6), (0.04, 0.72), (0.3, 0.88), (0.8, 0.94), (0.97, 0.9), (1.0, 0.8)),
        ((0.27, 0.88), (0.42, 1.38), (0.66, 1.4), (0.84, 0.93)),
        0.32,
    ),
    "estate": Shape(
        4.6,
        1.8,
        ((0.0, 0.62), (0.04, 0.76), (0.28, 0.96), (0.95, 1.0), (1.0, 0.9)),
        ((0.26, 0.95), (0.38, 1.5), (0.9, 1.52), (0.99, 1.0)),
        0.35,
    ),
    "van": Shape(
        4.9,
        1.95,
        ((0.0, 0.8), (0.03, 1.0), (0.16, 1.2), (0.2, 1.28), (1.0, 1.28)),
        ((0.15, 1.2), (0.27, 2.0), (0.97, 2.05), (1.0, 1.28)),
        0.36,
    ),
    "small": Shape(
        3.3,
        1.6,
        ((0.0, 0.6), (0.06, 0.8), (0.22, 0.92), (0.92, 0.98), (1.0, 0.86)),
        ((0.16, 0.9), (0.36, 1.46), (0.74, 1.48), (0.97, 0.96)),
        0.29,
    ),
}


@cache
def car(shape: Shape) -> list[tuple[Mesh, int]]:
    """The meshes of a car and their parts; its front looks along +y."""
    length, width = shape.length, shape.width
    parts: list[tuple[Mesh, int]] = []

    def y(t: float) -> float:
        return length * (0.5 - t)

    def outline(points: tuple[tuple[float, float], ...], t: np.ndarray) -> np.ndarray:
        return np.interp(t, *np.array(points).T)

    t = np.unique(np.concatenate([np.linspace(0, 1, 17), [p[0] for p in shape.body]]))
    end = np.clip(np.minimum(t, 1 - t) / 0.07, 0, 1)
    half = width / 2 * (0.86 + 0.14 * np.sqrt(1 - (1 - end) ** 2))
    top = outline(shape.body, t)
    low = 0.2 + 0.12 * (1 - end)
    section = []
    for k in range(len(t)):
        w, h, z = half[k], top[k], low[k]
        belt = z + (h - z) * 0.55
        profile = [(-0.92, z), (-1, z + 0.12), (-1.0, belt), (-0.9, h - 0.03), (-0.78, h)]
        profile += [(-x, q) for x, q in profile[::-1]]
        section.append([(x * w, y(t[k]), q) for x, q in profile])
    parts.append((loft(np.array(section), smooth=False), PAINT))

    first, last = shape.cabin[0][0], shape.cabin[-1][0]
    s = np.unique(np.concatenate([np.linspace(first, last, 9), [p[0] for p in shape.cabin]]))
    rise = outline(shape.cabin, s)
    base = outline(shape.body, s) - 0.05
    cabin = []
    for k in range(len(s)):
        h, z = max(rise[k], base[k] + 0.01), base[k]
        w, roof = width / 2 * 0.9, width / 2 * (0.9 - 0.2 * min((h - z) / 0.5, 1))
        cabin.append([(-w, y(s[k]), z), (-roof, y(s[k]), h - 0.02), (roof, y(s[k]), h - 0.02), (w, y(s[k]), z)])
    parts.append((loft(np.array(cabin), smooth=False), GLASS))

    shoulders = shape.cabin[1:-1]
    (a, za), (b, zb) = shoulders[0], shoulders[-1]
    w = width / 2 * 0.72
    ends = [(a - 0.012, za - 0.03), (a, za), (b, zb), (b + 0.012, zb - 0.04)]
    lid = [[(-w, y(q), z - 0.06), (-w, y(q), z), (w, y(q), z), (w, y(q), z - 0.06)] for q, z in ends]
    parts.append((loft(np.array(lid), smooth=False), PAINT))
    for side in (-1, 1):  # pillars
        for q, z in ((first, shape.cabin[0][1]), ((a + b) / 2, None), (last, shape.cabin[-1][1])):
            if z is None:
                start = (q, float(outline(shape.body, np.array(q))))
                end_ = (q, (za + zb) / 2)
            else:
                start, end_ = (q, z - 0.03), ((a, za) if q == first else (b, zb))
            corner = [
                (side * width / 2 * 0.915, y(start[0]), start[1]),
                (side * width / 2 * 0.71, y(end_[0]), end_[1] - 0.01),
            ]
            strip = [[(x, v - 0.04, h), (x, v + 0.04, h), (x - side * 0.05, v, h)] for x, v, h in corner]
            parts.append((loft(np.array(strip), smooth=False), PAINT))

    r = shape.wheel
    wheels, rims = [], []
    for side in (-1, 1):
        for q in (0.19, 0.8):
            wheel = tube(r, r, 0.22, 18).at(0, 0, -0.11)
            turn = Mesh(wheel.corners[..., [2, 1, 0]], wheel.normals[..., [2, 1, 0]], wheel.uv)
            wheels.append(turn.at(side * (width / 2 - 0.1), y(q), r))
            rim = tube(r * 0.6, r * 0.5, 0.03, 12)
            turn = Mesh(rim.corners[..., [2, 1, 0]] * [side, 1, 1], rim.normals[..., [2, 1, 0]], rim.uv)
            rims.append(turn.at(side * (width / 2 + 0.012), y(q), r))
    parts += [(join(wheels), TYRE), (join(rims), RIM)]

    front, back = shape.body[1][1], shape.body[-1][1]
    for side in (-1, 1):
        x = side * width * 0.34
        parts.append((box(0.36, 0.1, 0.15).at(x, length / 2 - 0.06, front - 0.2), FRONT))
        parts.append((box(0.32, 0.1, 0.18).at(x * 1.05, -length / 2 + 0.05, back - 0.26), REAR))
    parts.append((box(width * 0.84, 0.1, 0.14).at(0, length / 2 - 0.05, 0.3), TRIM))
    parts.append((box(width * 0.84, 0.1, 0.14).at(0, -length / 2 + 0.05, 0.32), TRIM))
    parts.append((box(width * 0.36, 0.08, 0.12).at(0, length / 2 - 0.03, front - 0.2), TRIM))
    return parts
