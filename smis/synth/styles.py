"""Styles: what a class looks like. Each class has a random stream of its own, so the styles of classes are independent.

That holds for brows (they do not take the hair's colour) and for skin: `face` and `skin` (neck, arms, legs) have
separate tones. Real people have one; here the statistics must be exactly independent, one controller per class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from smis.synth.fabrics import fabric_colour, sample_colour, sample_fabric
from smis.synth.faces import paint_face, sample_tone
from smis.synth.noise import fractal_noise, value_noise


@dataclass(frozen=True)
class Surface:
    """Points of one class: cloth coordinates (P, 2), template positions (P, 3), metres to a hem, part, lips (P,)."""

    uv: np.ndarray
    template: np.ndarray
    edge: np.ndarray
    part: np.ndarray
    lips: np.ndarray


Paint = tuple[np.ndarray, np.ndarray]  # colours (P, 3) and gloss (P,)

HAIR = np.array(
    [
        [0.1, 0.085, 0.08],
        [0.15, 0.09, 0.06],
        [0.26, 0.15, 0.09],
        [0.42, 0.25, 0.13],
        [0.58, 0.38, 0.2],
        [0.78, 0.58, 0.3],
        [0.9, 0.76, 0.5],
        [0.55, 0.2, 0.09],
        [0.72, 0.32, 0.12],
        [0.66, 0.66, 0.68],
        [0.85, 0.35, 0.55],
        [0.25, 0.4, 0.75],
    ]
)
HAIR_CHANCES = (0.13, 0.12, 0.12, 0.1, 0.1, 0.1, 0.08, 0.07, 0.06, 0.05, 0.04, 0.03)


def paint(label: str, seed: int, surface: Surface) -> Paint:
    """Colours and gloss of the points of class `label` in the style `seed`."""
    rng = np.random.default_rng([list(PAINTERS).index(label), seed])
    return PAINTERS[label](rng, surface)


def _skin(rng: np.random.Generator, s: Surface) -> Paint:
    tone = sample_tone(rng)
    grain = 0.975 + 0.05 * value_noise(s.uv[:, 0] * 25, s.uv[:, 1] * 25, 3)
    return tone * grain[:, None], np.full(len(s.uv), 0.07)


def _hair(rng: np.random.Generator, s: Surface) -> Paint:
    """Strands along the cloth coordinates (across, along): dark roots, streaks, a band of gloss, perhaps other tips."""
    base = HAIR[rng.choice(len(HAIR), p=HAIR_CHANCES)] * rng.uniform(0.85, 1.15)
    kind = str(rng.choice(["plain", "streaks", "tips", "roots"], p=[0.55, 0.2, 0.12, 0.13]))
    light = np.clip(base * rng.uniform(1.5, 1.9) + 0.07, 0, 1)
    contrast, fine, seed = rng.uniform(0.4, 0.8), rng.uniform(90, 200), int(rng.integers(100))
    band, gleam = rng.uniform(0.065, 0.1), rng.uniform(0.25, 0.6)
    across, along = s.uv.T
    strand = 0.55 * value_noise(across * fine, along * 9, seed) + 0.45 * value_noise(across * 260, along * 20, seed + 3)
    lock = value_noise(across * 45, along * 5, seed + 5)
    root = np.exp(-((along / 0.016) ** 2))

    colour = np.broadcast_to(base, (len(across), 3))
    if kind == "streaks":
        colour = _mixed(colour, light, np.clip((lock - 0.55) * 6, 0, 1) * (1 - root))
    elif kind == "tips":
        colour = _mixed(colour, light, np.clip((0.7 + 0.06 * lock - s.template[:, 2]) / 0.2, 0, 1))
    elif kind == "roots":
        colour = _mixed(colour, base * 0.45, np.exp(-((along / (0.03 + 0.04 * lock)) ** 2)))
    colour = colour * ((1 + contrast * 1.5 * (strand - 0.47)) * (0.85 + 0.3 * lock) * (1 - 0.5 * root))[:, None]
    place = (along - band + 0.03 * (lock - 0.5)) / 0.2  # again further down, on long hair
    shine = np.exp(-(((place - np.clip(np.round(place), 0, 3)) / 0.09) ** 2)) * strand * gleam
    colour = _mixed(colour, np.clip(base * 1.6 + 0.14, 0, 1), np.clip(shine, 0, 1))
    return np.clip(colour, 0, 1), rng.uniform(0.12, 0.3) * (0.4 + 1.2 * strand)


def _mixed(colour: np.ndarray, other: np.ndarray, amount: np.ndarray) -> np.ndarray:
    return colour + (other - colour) * amount[:, None]


def _garment(low: float, high: float) -> Callable[[np.random.Generator, Surface], Paint]:
    def paint_garment(rng: np.random.Generator, s: Surface) -> Paint:
        fabric, inner = sample_fabric(rng), sample_fabric(rng, ("solid", "stripes"), (0.7, 0.3))
        height = np.clip((s.template[:, 2] - low) / (high - low), 0, 1)
        u, v = s.uv.T
        colour = fabric_colour(fabric, u, v, height, s.edge)
        below = s.part == 1
        if below.any():
            colour[below] = fabric_colour(inner, u[below], v[below], height[below], s.edge[below])
        return colour, np.full(len(u), fabric.gloss)

    return paint_garment


def _socks(rng: np.random.Generator, s: Surface) -> Paint:
    fabric = sample_fabric(rng, ("solid", "stripes", "dots", "check", "zigzag"), (0.4, 0.35, 0.1, 0.08, 0.07))
    u, v = s.uv.T
    height = np.clip((s.template[:, 2] + 0.8) / 0.45, 0, 1)
    colour = fabric_colour(fabric, u, v, height, s.edge)
    if rng.random() < 0.35:  # rings below the cuff
        ring = (s.edge < 0.08) & ((s.edge / 0.02).astype(int) % 2 == 1)
        colour[ring] = fabric.colours[2]
    return colour, np.full(len(u), 0.03)


def _shoes(rng: np.random.Generator, s: Surface) -> Paint:
    upper = sample_colour(rng)
    other = sample_colour(rng)
    sole = [np.full(3, 0.93), np.full(3, 0.12), other][rng.choice(3, p=[0.45, 0.35, 0.2])]
    toe, cuff = rng.random() < 0.25, rng.random() < 0.25
    z, y = s.template[:, 2], s.template[:, 1]
    colour = np.broadcast_to(upper, (len(z), 3)).copy()
    if cuff:
        colour[s.edge < 0.025] = other
    if toe:
        colour[y < -0.15] = other
    colour[z < -0.803] = sole
    return colour, np.full(len(z), rng.uniform(0.08, 0.4))


PAINTERS: dict[str, Callable[[np.random.Generator, Surface], Paint]] = {
    "hair": _hair,
    "face": paint_face,
    "skin": _skin,
    "top": _garment(0.0, 0.55),
    "bottom": _garment(-0.7, 0.12),
    "socks": _socks,
    "shoes": _shoes,
}


def paint_background(seed: int, size: int) -> np.ndarray:
    """A backdrop (size, size, 3) in 0..1."""
    rng = np.random.default_rng([len(PAINTERS), seed])
    kind = rng.choice(
        ["plain", "gradient", "floor", "panels", "clouds", "circles"], p=[0.32, 0.2, 0.16, 0.1, 0.12, 0.1]
    )
    tones = ["neutral", "pastel", "muted", "vivid"]
    first = sample_colour(rng, str(rng.choice(tones, p=[0.45, 0.3, 0.15, 0.1])))
    if rng.random() < 0.3:
        first = np.full(3, rng.uniform(0.85, 0.97))
    second = np.clip(first + rng.uniform(0.12, 0.3) * rng.choice([-1, 1]) + rng.normal(0, 0.08, 3), 0.05, 0.98)
    y, x = np.mgrid[0:size, 0:size].astype(np.float64) / size
    seed2 = int(rng.integers(100))
    if kind == "plain":
        amount = np.zeros_like(x)
    elif kind == "gradient":
        angle = rng.uniform(0, 2 * np.pi)
        amount = np.clip(0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle), 0, 1)
    elif kind == "floor":
        amount = (y > rng.uniform(0.68, 0.88)).astype(float)
    elif kind == "panels":
        amount = ((x * rng.integers(3, 6) + rng.random()) % 1 > rng.uniform(0.4, 0.6)).astype(float)
    elif kind == "clouds":
        amount = np.clip((fractal_noise(x * 4, y * 4, seed2) - 0.5) * 3 + 0.5, 0, 1)
    else:
        scale = rng.uniform(3, 6)
        amount = (np.hypot((x * scale) % 1 - 0.5, (y * scale) % 1 - 0.5) < rng.uniform(0.25, 0.4)).astype(float)
    return first + (second - first) * amount[:, :, None]
