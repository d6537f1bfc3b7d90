"""Fabrics: colours and patterns whose periods survive at 64 pixels."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from smis.synth.noise import cell_noise, fractal_noise, value_noise

KINDS = (
    "solid",
    "stripes",
    "bars",
    "check",
    "plaid",
    "dots",
    "zigzag",
    "blocks",
    "gradient",
    "denim",
    "floral",
    "camouflage",
)
CHANCES = (0.24, 0.13, 0.09, 0.09, 0.08, 0.09, 0.06, 0.07, 0.05, 0.04, 0.04, 0.02)
TONES = {"neutral": 0.2, "vivid": 0.4, "muted": 0.15, "pastel": 0.13, "dark": 0.12}


@dataclass(frozen=True)
class Fabric:
    """A pattern of up to three colours (RGB, 0..1); `period` in metres."""

    kind: str
    colours: np.ndarray
    period: float
    duty: float
    weave: float
    gloss: float
    trim: bool
    seed: int


def sample_colour(rng: np.random.Generator, tone: str | None = None) -> np.ndarray:
    """A random RGB colour (3,)."""
    tone = tone or str(rng.choice(list(TONES), p=list(TONES.values())))
    hue = rng.random()
    u = rng.uniform
    saturation, value = {
        "neutral": (u(0, 0.08), u(0.1, 0.97)),
        "vivid": (u(0.6, 0.95), u(0.6, 0.98)),
        "muted": (u(0.25, 0.5), u(0.35, 0.75)),
        "pastel": (u(0.15, 0.35), u(0.85, 0.98)),
        "dark": (u(0.3, 0.8), u(0.12, 0.35)),
    }[tone]
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def contrasting(colour: np.ndarray, rng: np.random.Generator, least: float = 0.75) -> np.ndarray:
    """A colour clearly unlike the one given."""
    for _ in range(20):
        other = sample_colour(rng)
        if np.abs(other - colour).sum() > least:
            return other
    return 1 - colour


def sample_fabric(
    rng: np.random.Generator, kinds: tuple[str, ...] = KINDS, chances: tuple[float, ...] = CHANCES
) -> Fabric:
    """A random fabric of one of `kinds`."""
    kind = str(rng.choice(kinds, p=np.array(chances) / sum(chances)))
    first = sample_colour(rng)
    if kind == "denim":
        first = np.array(colorsys.hsv_to_rgb(rng.uniform(0.57, 0.63), rng.uniform(0.35, 0.7), rng.uniform(0.3, 0.8)))
    second = contrasting(first, rng)
    colours = np.stack([first, second, contrasting(second, rng, 0.5)])
    return Fabric(
        kind,
        colours,
        rng.uniform(0.06, 0.15),
        rng.uniform(0.35, 0.6),
        rng.uniform(0, 0.08),
        float(rng.choice([0.04, 0.25], p=[0.85, 0.15])),
        bool(rng.random() < 0.2),
        int(rng.integers(100)),
    )


def fabric_colour(fabric: Fabric, u: np.ndarray, v: np.ndarray, height: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Colours (P, 3) at cloth coordinates in metres; `height` 0 at the hem to 1 at the top, `edge` metres to a hem."""
    first, second, third = fabric.colours
    colour = np.broadcast_to(first, (len(u), 3)).copy()
    period, duty, seed = fabric.period, fabric.duty, fabric.seed

    def mix(amount: np.ndarray, other: np.ndarray) -> None:
        colour[:] = colour * (1 - amount[:, None]) + other * amount[:, None]

    def band(x: np.ndarray, width: float = duty) -> np.ndarray:
        return np.clip((width / 2 - np.abs(x % 1 - 0.5)) / 0.06 + 0.5, 0, 1)

    if fabric.kind == "stripes":
        mix(band(v / period), second)
    elif fabric.kind == "bars":
        mix(band(u / (period * 0.8)), second)
    elif fabric.kind == "check":
        mix((band(u / period, 0.5) + band(v / period, 0.5)) / 2, second)
    elif fabric.kind == "plaid":
        mix(0.6 * band(u / (period * 1.4), 0.4), second)
        mix(0.6 * band(v / (period * 1.4), 0.4), second)
        mix(0.8 * np.maximum(band(u / (period * 1.4) + 0.5, 0.1), band(v / (period * 1.4) + 0.5, 0.1)), third)
    elif fabric.kind == "dots":
        row = np.floor(v / period)
        radius = np.hypot((u / period + 0.5 * (row % 2)) % 1 - 0.5, v / period % 1 - 0.5)
        mix(np.clip((0.2 + 0.2 * duty - radius) / 0.08 + 0.5, 0, 1), second)
    elif fabric.kind == "zigzag":
        mix(band(v / period + np.abs((u / period) % 1 - 0.5), 0.5), second)
    elif fabric.kind == "blocks":
        mix((height > 0.3 + 0.4 * duty).astype(float), second)
    elif fabric.kind == "gradient":
        mix(np.clip((height - 0.5) * 1.6 + 0.5, 0, 1), second)
    elif fabric.kind == "denim":
        colour *= (0.75 + 0.5 * fractal_noise(u * 12, v * 6, seed))[:, None]
    elif fabric.kind == "camouflage":
        mix((fractal_noise(u * 11, v * 11, seed) > 0.52).astype(float), second)
        mix((fractal_noise(u * 11, v * 11, seed + 5) > 0.58).astype(float), third)
    elif fabric.kind == "floral":
        for petals, shift in ((second, 0.0), (third, 0.5)):
            x, y = u / (period * 1.1) + shift, v / (period * 1.1) + shift * 1.3
            i, j = np.floor(x).astype(int), np.floor(y).astype(int)
            h = cell_noise(i, j, seed)
            dx, dy = x - i - 0.35 - 0.3 * h, y - j - 0.35 - 0.3 * cell_noise(j, i, seed)
            radius = np.hypot(dx, dy)
            petal = (0.27 + 0.1 * h) * (0.8 + 0.2 * np.cos(5 * np.arctan2(dy, dx) + 6 * h))
            mix(np.clip((petal - radius) / 0.06 + 0.5, 0, 1), petals)
            mix(np.clip((0.08 - radius) / 0.06 + 0.5, 0, 1), np.array([0.95, 0.85, 0.3]))
    if fabric.trim:
        mix((edge < 0.022).astype(float), third if fabric.kind == "solid" else second)
    if fabric.weave:
        colour *= (1 - fabric.weave + 2 * fabric.weave * value_noise(u * 90, v * 90, seed))[:, None]
    return np.clip(colour, 0, 1)
