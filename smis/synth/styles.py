"""Styles: what a class looks like. Each class has a random stream of its own, so the styles of classes are independent.

That holds for brows (they do not take the hair's colour) and for skin: `face` and `skin` (neck, arms, legs) have
separate tones. Real people have one; here the statistics must be exactly independent, one controller per class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from smis.synth.fabrics import fabric_colour, sample_colour, sample_fabric
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

TONES = np.array(
    [
        [0.98, 0.85, 0.76],
        [0.95, 0.79, 0.67],
        [0.91, 0.71, 0.57],
        [0.83, 0.62, 0.47],
        [0.71, 0.50, 0.36],
        [0.57, 0.39, 0.28],
        [0.44, 0.29, 0.21],
    ]
)
TONE_CHANCES = (0.14, 0.18, 0.19, 0.18, 0.14, 0.1, 0.07)
HAIR = np.array(
    [
        [0.07, 0.06, 0.06],
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
EYES = np.array([[0.28, 0.16, 0.08], [0.2, 0.4, 0.6], [0.25, 0.45, 0.25], [0.1, 0.07, 0.05], [0.4, 0.4, 0.42]])


def paint(label: str, seed: int, surface: Surface) -> Paint:
    """Colours and gloss of the points of class `label` in the style `seed`."""
    rng = np.random.default_rng([list(PAINTERS).index(label), seed])
    return PAINTERS[label](rng, surface)


def _tone(rng: np.random.Generator) -> np.ndarray:
    place = rng.choice(len(TONES), p=TONE_CHANCES) + rng.uniform(-0.5, 0.5)
    tone = np.stack([np.interp(place, np.arange(len(TONES)), TONES[:, c]) for c in range(3)])
    return np.clip(tone * rng.uniform(0.96, 1.04) * (1 + rng.normal(0, 0.012, 3)), 0, 1)


def _skin(rng: np.random.Generator, s: Surface) -> Paint:
    tone = _tone(rng)
    grain = 0.975 + 0.05 * value_noise(s.uv[:, 0] * 25, s.uv[:, 1] * 25, 3)
    return tone * grain[:, None], np.full(len(s.uv), 0.07)


def _face(rng: np.random.Generator, s: Surface) -> Paint:
    tone = _tone(rng)
    brow = HAIR[rng.choice(9)] * rng.uniform(0.6, 0.9)
    iris = EYES[rng.integers(len(EYES))]
    lip_kind = rng.choice(3, p=[0.55, 0.25, 0.2])
    lips = [
        tone * [0.95, 0.62, 0.62],
        tone * [0.8, 0.3, 0.32] + [0.2, 0.02, 0.06],
        np.array([0.75, 0.08, 0.18]) * rng.uniform(0.7, 1.1),
    ][lip_kind]
    rosy, brow_height, brow_thick = rng.uniform(0.08, 0.3), rng.uniform(0.012, 0.016), rng.uniform(0.003, 0.0045)
    shadow = sample_colour(rng, "muted") if rng.random() < 0.25 else tone * 0.85

    colour = np.broadcast_to(tone, (len(s.uv), 3)).copy()

    def mix(amount: np.ndarray, other: np.ndarray) -> None:
        colour[:] = colour * (1 - amount[:, None]) + other * amount[:, None]

    def soft(x: np.ndarray, width: float) -> np.ndarray:
        return np.clip(x / width + 0.5, 0, 1)

    x, y, z = np.abs(s.template[:, 0]), s.template[:, 1], s.template[:, 2]
    front = (y < -0.08).astype(float)
    cheek = np.exp(-(((x - 0.045) / 0.02) ** 2 + ((z - 0.693) / 0.018) ** 2)) * front
    mix(cheek * rosy, np.array([0.9, 0.3, 0.3]))
    mix(np.clip(s.lips * 1.6, 0, 1) * (s.part == 0), np.clip(lips, 0, 1))
    across, up = (x - 0.0315) / 0.0175, (z - 0.7285 + 0.1 * (x - 0.0315)) / 0.0105
    lid = up - 0.62 * np.clip(1 - across**2, 0, 1)
    mix(soft(0.75 - np.abs(up - 0.75), 0.3) * soft(1 - np.abs(across), 0.3) * 0.55 * front, shadow)
    eye = soft(1 - across**2 - up**2, 0.3) * front
    mix(eye, np.array([0.95, 0.95, 0.95]))
    centre = np.hypot(x - 0.0312, z - 0.729)
    mix(soft(0.0085 - centre, 0.0015) * eye, iris)
    mix(soft(0.0042 - centre, 0.0015) * eye, np.array([0.03, 0.03, 0.03]))
    mix(
        soft(0.0016 - np.hypot(s.template[:, 0] - np.sign(s.template[:, 0]) * 0.0312 - 0.003, z - 0.733), 0.001) * eye,
        np.array([1.0, 1.0, 1.0]),
    )
    mix(soft(0.14 - np.abs(lid - 0.35), 0.1) * soft(1.08 - np.abs(across), 0.15) * front, np.array([0.08, 0.06, 0.05]))
    along = np.clip((x - 0.012) / 0.045, 0, 1)
    arch = 0.7365 + brow_height + 0.005 * np.sin(along * np.pi) - 0.002 * along
    inside = soft(x - 0.0135, 0.004) * soft(0.054 - x, 0.006) * front
    mix(soft(brow_thick - np.abs(z - arch), 0.002) * inside * 0.85, brow)
    gloss = np.where(eye > 0.5, 0.2, 0.06)
    return np.clip(colour, 0, 1), gloss


def _hair(rng: np.random.Generator, s: Surface) -> Paint:
    roots = HAIR[rng.choice(len(HAIR), p=HAIR_CHANCES)] * rng.uniform(0.85, 1.15)
    tips = np.clip(roots * 1.9 + 0.06, 0, 1) if rng.random() < 0.15 else roots
    contrast, fine, seed = rng.uniform(0.35, 0.8), rng.uniform(60, 200), int(rng.integers(100))
    u, v = s.uv[:, 0], s.uv[:, 1]
    strand = 0.6 * value_noise(u * fine, v * 9, seed) + 0.4 * value_noise(u * fine * 2.3, v * 14, seed + 3)
    fade = np.clip((0.68 - s.template[:, 2]) / 0.25, 0, 1)[:, None]
    colour = (roots * (1 - fade) + tips * fade) * (1 + contrast * (strand[:, None] - 0.45) * 1.6)
    return np.clip(colour, 0, 1), np.full(len(u), rng.uniform(0.15, 0.4))


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
    "face": _face,
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
