"""Hair cuts: the numbers that describe one, and random ones that look cut on purpose."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

FEMALE = {
    "long": 0.3,
    "bob": 0.17,
    "ponytail": 0.08,
    "bun": 0.07,
    "pigtails": 0.06,
    "braid": 0.06,
    "pixie": 0.08,
    "curls": 0.09,
    "afro": 0.07,
    "crop": 0.02,
}
MALE = {
    "short": 0.23,
    "parted": 0.14,
    "quiff": 0.11,
    "undercut": 0.11,
    "crop": 0.1,
    "curls": 0.08,
    "afro": 0.05,
    "bob": 0.06,
    "long": 0.03,
    "bun": 0.03,
    "horseshoe": 0.025,
    "mohawk": 0.015,
    "bald": 0.02,
}


@dataclass(frozen=True)
class Tail:
    """A ball (one radius), a tail or a braid tied at `place` (x, y, z on the template); metres.

    `path` (K, 3): the middle of the tail below its place. `radii` (K,): how thick it is there.
    """

    place: tuple[float, float, float]
    path: np.ndarray
    radii: np.ndarray
    knots: int = 0  # of a braid; 0 for loose hair


@dataclass(frozen=True)
class Cut:
    """One hair cut, in metres on the template: brows are at height 0.75, the crown at 0.85, shoulders at 0.55."""

    flow: str = "crown"  # how strands lie: from the crown, from a parting, back from the face, or to a tie
    parting: float = 0.0  # x of the parting
    volume: float = 0.012
    lift: float = 0.0  # more height above the forehead
    sides: float = 1.0  # share of the volume left at sides and back
    rough: float = 0.3  # depth of the clumps, as a share of the volume
    curl: float = 0.0  # height of curls
    serration: float = 0.009  # how far single locks reach over the hairline
    hairline: float = 0.79  # height at the forehead
    recede: float = 0.0  # how far the temples are bare
    nape: float = 0.0  # how far the neck is clipped
    fringe: str = "none"  # none, straight, swept, curtain
    fringe_low: float = 0.762
    strip: float = 1.0  # half the width of what a mohawk leaves
    bald_above: float = 1.0  # no hair above this height
    cover_ears: bool = False
    end: float | None = None  # where long hair ends at the back; None for short hair
    front_end: float = 0.5
    opening: float = 0.055  # half the width of the face that long hair leaves free
    framing: float = 1.0  # where locks at the temples end; 1 for none
    wave: float = 0.0
    wave_length: float = 0.1
    ragged: float = 0.03
    taper: float = 0.02  # how far the ends turn in (below 0: out)
    tails: tuple[Tail, ...] = ()


def sample_cut(female: bool, rng: np.random.Generator) -> Cut | None:
    """A random cut, or None for a bald head."""
    chances = FEMALE if female else MALE
    kind = str(rng.choice(list(chances), p=list(chances.values())))
    u = rng.uniform
    side = float(rng.choice([-1, 1]))
    cut = Cut(hairline=u(0.782, 0.797), parting=side * float(rng.choice([0.0, u(0.015, 0.04)], p=[0.3, 0.7])))
    if not female and rng.random() < 0.25:
        cut = replace(cut, recede=u(0.01, 0.035), hairline=u(0.795, 0.808))
    if kind == "bald":
        return None
    if kind in ("long", "bob"):
        return _long(cut, kind, u(0.24, 0.46) if kind == "long" else u(0.55, 0.67), rng)
    if kind in ("ponytail", "bun", "pigtails", "braid"):
        return _tied(cut, kind, side, rng)
    if kind == "crop":
        return replace(cut, volume=u(0.003, 0.007), rough=0.15, serration=0.005, nape=u(0.0, 0.02))
    if kind == "horseshoe":
        return replace(cut, volume=u(0.006, 0.014), hairline=0.8, bald_above=u(0.785, 0.805), recede=0.02)
    if kind == "mohawk":
        return replace(cut, flow="back", volume=u(0.035, 0.06), rough=0.7, strip=u(0.02, 0.032), serration=0.01)
    if kind == "afro":
        return replace(cut, volume=u(0.031, 0.068), curl=u(0.006, 0.012), rough=0.1, serration=0.008)
    if kind == "curls":
        fringe = "straight" if rng.random() < 0.4 else "none"
        return replace(cut, volume=u(0.018, 0.038), curl=u(0.006, 0.015), serration=0.012, fringe=fringe)
    if kind == "quiff":
        return replace(cut, flow="back", volume=u(0.012, 0.02), lift=u(0.01, 0.04), sides=u(0.3, 0.8), rough=0.45)
    if kind == "undercut":
        flow = str(rng.choice(["back", "parted"]))
        return replace(cut, flow=flow, volume=u(0.018, 0.032), lift=u(0, 0.02), sides=u(0.08, 0.15), nape=0.01)
    if kind == "parted":
        parting = side * u(0.02, 0.045)
        return replace(cut, flow="parted", parting=parting, volume=u(0.012, 0.026), sides=u(0.5, 1), lift=u(0, 0.015))
    fringe = str(rng.choice(["none", "straight", "swept", "curtain"], p=[0.25, 0.3, 0.35, 0.1]))
    return replace(
        cut,
        flow="parted" if fringe == "curtain" else "crown",
        volume=u(0.012, 0.03),
        rough=u(0.3, 0.8),
        serration=u(0.008, 0.02),
        fringe=fringe,
        fringe_low=u(0.762, 0.782),
        cover_ears=kind == "pixie" and bool(rng.random() < 0.4),
        nape=u(0, 0.015),
    )


def _long(cut: Cut, kind: str, end: float, rng: np.random.Generator) -> Cut:
    """Hair that falls over ears, neck or shoulders."""
    u = rng.uniform
    fringe = str(rng.choice(["none", "straight", "swept", "curtain"], p=[0.5, 0.2, 0.15, 0.15]))
    wave = float(rng.choice([0.0, u(0.004, 0.009), u(0.01, 0.018)], p=[0.4, 0.3, 0.3]))
    return replace(
        cut,
        flow="crown" if fringe == "straight" else "parted",
        volume=u(0.008, 0.02),
        fringe=fringe,
        fringe_low=u(0.758, 0.77),
        cover_ears=True,
        end=end,
        front_end=end + (u(-0.03, 0.03) if kind == "bob" else u(0.0, 0.16)),
        opening=u(0.046, 0.062),
        framing=u(0.64, 0.685) if rng.random() < 0.45 else 1.0,
        wave=wave,
        wave_length=u(0.06, 0.13) if wave < 0.01 else u(0.045, 0.09),
        ragged=u(0.008, 0.03) if kind == "bob" else u(0.02, 0.06),
        taper=float(rng.choice([u(0.0, 0.03), u(-0.03, -0.01)], p=[0.7, 0.3])),
    )


def _tied(cut: Cut, kind: str, side: float, rng: np.random.Generator) -> Cut:
    """Hair combed to one or two ties."""
    u = rng.uniform
    fringe = str(rng.choice(["none", "straight", "swept", "curtain"], p=[0.5, 0.2, 0.15, 0.15]))
    cut = replace(
        cut, flow="gathered", volume=u(0.006, 0.013), fringe=fringe, fringe_low=u(0.758, 0.77), serration=0.006
    )
    two = kind == "pigtails" or (kind in ("braid", "bun") and rng.random() < 0.3)
    if two:
        cut = replace(cut, flow="parted", parting=0.0)
    if kind == "bun":
        places = (
            [(0.05, 0.0, 0.85), (-0.05, 0.0, 0.85)] if two else [(0.0, *((0.0, 0.87), (0.06, 0.78))[rng.choice(2)])]
        )
        radius = u(0.026, 0.034) if two else u(0.04, 0.06)
        tails = [Tail(p, np.zeros((1, 3)), np.array([radius])) for p in places]
        return replace(cut, tails=tuple(tails))
    steps = np.linspace(0, 1, 8)
    length = u(0.2, 0.42) if not two else u(0.14, 0.34)
    knots = int(length / u(0.028, 0.04)) if kind == "braid" or (two and rng.random() < 0.4) else 0
    thick = u(0.02, 0.026) if knots else u(0.03, 0.048) * (0.8 if two else 1)
    radii = thick * (np.interp(steps, [0, 0.15, 0.85, 1], [0.9, 1, 0.75, 0.35]) if knots else np.sin(0.6 + steps * 2.2))
    tails = []
    if two:
        height = u(0.7, 0.8)
        for sign in (-1, 1):
            out = 0.05 * np.sqrt(steps) + (0.02 if height > 0.75 else 0.0)
            path = np.stack([sign * out, -0.05 * steps - 0.03 * np.sin(steps * 3), -length * steps], 1)
            tails.append(Tail((sign * 0.088, -0.015, height), path, radii))
    else:
        height = u(0.7, 0.83)
        sway = float(rng.choice([0, side * 0.12], p=[0.5, 0.5]))
        back = 0.075 * np.sin(np.pi * np.clip(steps * 1.2, 0, 1))
        path = np.stack([sway * np.sqrt(steps), back - (0.11 * steps if sway else 0), -length * steps], 1)
        tails.append(
            Tail((0.0, float(np.interp(height, [0.7, 0.76, 0.83], [0.035, 0.045, 0.03])), height), path, radii)
        )
    return replace(cut, tails=tuple(tails))
