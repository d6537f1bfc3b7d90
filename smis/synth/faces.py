"""The style of a face: its tone, brows, eyes, lips, make-up, beard and the lines of age.

All is painted on the template head, so a style fits every shape and follows every expression: what is painted at the
corner of the mouth goes where a smile takes that corner. The left and right halves are painted as one, by the distance
`x` from the middle; only moles, freckles and the eyes' highlights know the sides. Places are in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from smis.synth.fabrics import sample_colour
from smis.synth.noise import cell_noise, value_noise

if TYPE_CHECKING:
    from smis.synth.styles import Paint, Surface

EYEBALL, TEETH = 1, 2  # parts of the layers of a face; 0 is its skin

TONES = np.array(
    [
        [0.94, 0.78, 0.68],
        [0.92, 0.74, 0.61],
        [0.89, 0.68, 0.53],
        [0.83, 0.62, 0.47],
        [0.71, 0.50, 0.36],
        [0.57, 0.39, 0.28],
        [0.44, 0.29, 0.21],
    ]
)
TONE_CHANCES = (0.14, 0.18, 0.19, 0.18, 0.14, 0.1, 0.07)
BROWS = np.array(
    [
        [0.07, 0.05, 0.05],
        [0.15, 0.09, 0.06],
        [0.24, 0.15, 0.09],
        [0.36, 0.23, 0.13],
        [0.5, 0.34, 0.2],
        [0.45, 0.2, 0.1],
        [0.58, 0.57, 0.57],
    ]
)
BROW_CHANCES = (0.23, 0.23, 0.2, 0.15, 0.1, 0.06, 0.03)
EYES = np.array(
    [
        [0.13, 0.07, 0.04],
        [0.26, 0.14, 0.07],
        [0.38, 0.24, 0.1],
        [0.36, 0.36, 0.16],
        [0.24, 0.42, 0.26],
        [0.22, 0.42, 0.62],
        [0.34, 0.5, 0.66],
        [0.42, 0.47, 0.5],
    ]
)
EYE_CHANCES = (0.2, 0.22, 0.14, 0.1, 0.1, 0.11, 0.07, 0.06)

# The right edge of the template's eye: heights of the two lids' edges above the eyeball's middle, by place across.
EYE_X, EYE_Z = 30.8, 728.4
LID_ACROSS = (-10.4, -9.0, -7.0, -3.5, 0.5, 4.3, 7.7, 9.9, 11.5, 12.7)
UPPER_LID = (-1.0, 1.5, 2.6, 3.5, 4.1, 4.2, 3.8, 3.3, 2.2, 0.2)
LOWER_LID = (-1.0, -2.6, -3.1, -3.6, -3.8, -3.8, -3.2, -2.7, -1.9, 0.2)


@dataclass(frozen=True)
class Look:
    """What a face's style seed decides."""

    tone: np.ndarray
    rosy: float
    age: float  # 0 smooth to 1 many lines
    freckles: float
    moles: np.ndarray
    brow: np.ndarray
    brow_thick: float
    brow_arch: float
    brow_high: float
    brow_slope: float
    brow_length: float
    iris: np.ndarray
    lash: float
    liner: float
    shadow: np.ndarray
    shadow_strength: float
    lips: np.ndarray
    lip_gloss: float
    beard: np.ndarray  # strength of stubble, moustache and full beard
    hair: np.ndarray
    gloss: float
    seed: int


def sample_tone(rng: np.random.Generator) -> np.ndarray:
    """A random skin tone (3,) in 0..1."""
    place = rng.choice(len(TONES), p=TONE_CHANCES) + rng.uniform(-0.5, 0.5)
    tone = np.stack([np.interp(place, np.arange(len(TONES)), TONES[:, c]) for c in range(3)])
    return np.clip(tone * rng.uniform(0.96, 1.04) * (1 + rng.normal(0, 0.012, 3)), 0, 1)


def sample_look(rng: np.random.Generator) -> Look:
    """A random style."""
    tone = sample_tone(rng)
    u = rng.uniform
    made_up = rng.random() < 0.4  # make-up comes together
    lip_kind = rng.choice(4, p=[0.1, 0.3, 0.35, 0.25] if made_up else [0.8, 0.17, 0.03, 0.0])
    red = np.array([[0.72, 0.06, 0.14], [0.82, 0.2, 0.3], [0.5, 0.06, 0.16], [0.8, 0.3, 0.22], [0.62, 0.16, 0.36]])
    lips = [
        tone * np.array([0.92, 0.7, 0.68]) * u(0.92, 1.04),
        tone * np.array([0.86, 0.52, 0.52]) + np.array([0.06, 0.0, 0.02]),
        tone * 0.3 + 0.7 * np.array([0.78, 0.3, 0.34]) * u(0.7, 1.1),
        red[rng.integers(len(red))] * u(0.75, 1.1),
    ][lip_kind]
    grown = 0 if made_up else rng.choice(4, p=[0.88, 0.075, 0.015, 0.03])
    beards = ((0, 0, 0), (u(0.25, 0.5), 0.1, 0), (u(0, 0.3), u(0.7, 0.95), 0), (0.3, 0.85, u(0.7, 0.95)))
    brow = BROWS[rng.choice(len(BROWS), p=BROW_CHANCES)] * u(0.8, 1.15)
    painted = made_up and rng.random() < 0.6
    return Look(
        tone=tone,
        rosy=u(0.25, 0.45) if made_up and rng.random() < 0.6 else u(0.08, 0.25),
        age=float(np.clip(rng.beta(1.0, 2.4) * 1.2, 0, 1)),
        freckles=u(0.25, 0.6) if rng.random() < 0.14 else 0.0,
        moles=rng.uniform([-55, 630, 0.4], [55, 712, 0.9], (rng.choice(3, p=[0.8, 0.14, 0.06]), 3)),
        brow=brow,
        brow_thick=u(1.4, 2.6) if made_up else u(1.7, 3.8),
        brow_arch=u(0.5, 4.5),
        brow_high=u(-1.5, 1.8),
        brow_slope=u(-0.5, 3.0),
        brow_length=u(38, 45),
        iris=EYES[rng.choice(len(EYES), p=EYE_CHANCES)] * u(0.85, 1.15),
        lash=u(1.2, 1.9) if made_up else u(0.6, 1.1),
        liner=u(1.5, 5.0) if made_up and rng.random() < 0.3 else 0.0,
        shadow=sample_colour(rng, "muted") if painted else tone * 0.72,
        shadow_strength=u(0.3, 0.65) if painted else u(0.15, 0.4),
        lips=np.clip(lips, 0, 1),
        lip_gloss=u(0.2, 0.5) if lip_kind > 1 else u(0.1, 0.2),
        beard=np.array(beards[grown]),
        hair=brow * u(0.7, 1.1) + 0.02,
        gloss=u(0.05, 0.12),
        seed=int(rng.integers(100)),
    )


def soft(x: np.ndarray, width: float) -> np.ndarray:
    """0 where x is well below 0, 1 where well above, with a ramp of this width around it."""
    return np.clip(x / width + 0.5, 0, 1)


class Canvas:
    """The colours of some points, and where they are on the template head, in millimetres."""

    def __init__(self, surface: Surface, tone: np.ndarray) -> None:
        self.side, self.y, self.z = (surface.template * 1000.0).T
        self.x = np.abs(self.side)
        self.colour = np.broadcast_to(tone, (len(self.x), 3)).copy()
        self.skin = (surface.part == 0).astype(float)
        self.front = soft(-80 - self.y, 30) * self.skin
        self.across, self.up = self.x - EYE_X, self.z - EYE_Z

    def mix(self, amount: np.ndarray, colour: np.ndarray) -> None:
        """Blend a colour in by an amount (P,) in 0..1."""
        self.colour += (colour - self.colour) * np.clip(amount, 0, 1)[:, None]

    def blob(self, x: float, z: float, wide: float, high: float) -> np.ndarray:
        """A soft patch (P,) with a peak of 1, on both sides of the front."""
        return np.exp(-(((self.x - x) / wide) ** 2 + ((self.z - z) / high) ** 2)) * self.front

    def line(self, x: tuple[float, ...], z: tuple[float, ...], thick: float) -> np.ndarray:
        """A soft line (P,) through places with rising z, fading at its ends."""
        off = np.abs(self.x - np.interp(self.z, z, x))
        ends = soft(self.z - z[0] - 3, 6) * soft(z[-1] - 3 - self.z, 6)
        return np.clip(1 - off / thick, 0, 1) * ends * self.front


def paint_face(rng: np.random.Generator, surface: Surface) -> Paint:
    """Colours and gloss of the points of a face."""
    look = sample_look(rng)
    c = Canvas(surface, look.tone)
    _complexion(c, look)
    _age(c, look)
    _lips(c, look, surface.lips)
    _beard(c, look, surface.lips)
    _lids(c, look)
    _brows(c, look)
    _mouth(c, surface)
    iris = _eyes(c, look, surface.part == EYEBALL)
    gloss = np.full(len(c.x), look.gloss)
    gloss += np.clip(surface.lips, 0, 1) * look.lip_gloss
    gloss[surface.part != 0] = 0.3
    gloss[iris > 0.5] = 0.45
    return np.clip(c.colour, 0, 1), gloss


def _complexion(c: Canvas, look: Look) -> None:
    """Warmer cheeks, nose and ears, freckles and moles."""
    tone, seed = look.tone, look.seed
    warm = np.clip(tone * np.array([1.02, 0.78, 0.74]), 0, 1)
    blotches = value_noise(c.side / 14, c.z / 14 + c.y / 20, seed)
    c.mix(0.12 * blotches * c.skin, warm)
    c.mix(0.35 * c.blob(0, 690, 13, 10) + 0.4 * soft(c.x - 68, 8) * c.skin, warm)
    c.mix(c.blob(45, 692, 19, 16) * look.rosy, tone * 0.35 + np.array([0.55, 0.2, 0.2]))
    c.mix(0.12 * c.blob(28, 713, 13, 6), tone * np.array([0.75, 0.7, 0.78]))
    if look.freckles:
        i, j = np.floor(c.side / 3.4).astype(int), np.floor(c.z / 3.4).astype(int)
        dx = c.side / 3.4 - i - 0.25 - 0.5 * cell_noise(i, j, seed)
        dz = c.z / 3.4 - j - 0.25 - 0.5 * cell_noise(i, j, seed + 7)
        dots = soft(0.05 + 0.2 * cell_noise(i, j, seed + 3) - np.hypot(dx, dz), 0.2)
        dense = np.clip(c.blob(26, 700, 26, 15) + c.blob(0, 705, 18, 12), 0, 1)
        c.mix(dots * dense * (cell_noise(i, j, seed + 11) < 0.7) * look.freckles, tone * np.array([0.66, 0.48, 0.38]))
    for x, z, radius in look.moles:
        c.mix(0.8 * soft(radius - np.hypot(c.side - x, c.z - z), 0.8) * c.front, tone * np.array([0.4, 0.3, 0.28]))


def _age(c: Canvas, look: Look) -> None:
    """Lines from nose to mouth, across the forehead, beside and below the eyes."""
    dark, age = look.tone * np.array([0.62, 0.5, 0.48]), look.age
    c.mix((0.04 + 0.4 * age) * c.line((37, 33, 26, 19), (650, 664, 680, 692), 2.6), dark)
    c.mix(0.25 * age * c.line((33, 31, 29), (632, 642, 653), 3.5), dark)
    older = np.clip(age * 1.6 - 0.5, 0, 1)
    if older > 0:
        for height in (771, 779, 787):
            wave = c.z - height - 1.5 * np.cos(c.x / 12) - 2 * (value_noise(c.side / 22, c.z * 0 + height, 5) - 0.5)
            c.mix(0.4 * older * np.clip(1 - np.abs(wave) / 1.5, 0, 1) * soft(34 - c.x, 16) * c.front, dark)
        for slope in (-0.45, 0.0, 0.4):
            wave = c.up - 1 - slope * (c.across - 12)
            reach = soft(c.across - 17, 3) * soft(27 - c.across, 6)
            c.mix(0.45 * older * np.clip(1 - np.abs(wave) / 1.1, 0, 1) * reach * c.front, dark)
        below = c.up + 11 - 0.035 * c.across**2
        c.mix(0.4 * older * np.clip(1 - np.abs(below) / 1.8, 0, 1) * soft(13 - np.abs(c.across), 6) * c.front, dark)


def _lips(c: Canvas, look: Look, lips: np.ndarray) -> None:
    amount = np.clip(lips * 1.5 - 0.15, 0, 1) * c.skin
    c.mix(amount, look.lips)
    c.mix(amount * 0.18 * soft(c.z - 662, 3), look.lips * 0.6)  # the upper lip looks down


def _beard(c: Canvas, look: Look, lips: np.ndarray) -> None:
    """Stubble, moustache and beard; the area starts below a line from the sideburn to the mouth."""
    stubble, moustache, full = look.beard
    if not look.beard.any():
        return
    edge = np.interp(c.x, (0, 24, 34, 52, 66, 72), (642, 648, 656, 662, 690, 712))
    rough = 3 * (value_noise(c.side / 4, c.z / 4, look.seed) - 0.5)
    jaw = soft(edge + rough - c.z, 5) * soft(76 - c.x, 6) * soft(-35 - c.y, 14)
    top = np.interp(c.x, (0, 12, 27, 33), (680, 679, 668, 652))
    upper = soft(top + rough * 0.4 - c.z, 2.5) * soft(c.z - 652, 4) * soft(33 - c.x, 4) * c.front
    hairs = value_noise(c.side * 1.1 + c.y * 0.4, c.z * 0.35, look.seed + 1)
    bare = 1 - np.clip(lips * 2, 0, 1)
    grey = look.hair + 0.1 * (hairs[:, None] - 0.4)
    c.mix(stubble * (0.6 + 0.8 * hairs) * np.maximum(jaw, upper) * bare * c.skin, look.tone * 0.35 + look.hair * 0.4)
    c.mix(moustache * (0.65 + 0.6 * hairs) * upper * bare * c.skin * (moustache > 0.2), grey)
    c.mix(full * (0.7 + 0.5 * hairs) * jaw * bare * c.skin, grey)


def _lids(c: Canvas, look: Look) -> None:
    """Eye shadow, the crease of the upper lid, lashes and liner."""
    above = c.up - np.interp(c.across, LID_ACROSS, UPPER_LID)
    below = np.interp(c.across, LID_ACROSS, LOWER_LID) - c.up
    wide = soft(13.5 - np.abs(c.across - 1.2), 3) * c.front
    c.mix(look.shadow_strength * soft(above, 1) * soft(8 - above, 7) * wide, look.shadow)
    c.mix(0.4 * np.clip(1 - np.abs(above - 5.0) / 1.4, 0, 1) * wide, look.tone * 0.5)
    ink = np.array([0.07, 0.05, 0.05])
    thick = look.lash * (1 + 0.35 * np.clip(c.across / 10, -1, 1))
    edge = soft(13.0 - np.abs(c.across - 1.4), 1.5) * c.front
    c.mix(0.95 * soft(thick - above, 0.7) * soft(above + 2.5, 1) * edge, ink)
    c.mix((0.25 + 0.2 * (look.lash > 1.15)) * soft(0.8 - below, 0.8) * soft(below + 2, 1) * edge, ink)
    if look.liner:
        wing = np.abs(c.up - 1.6 - 0.55 * (c.across - 12))
        reach = soft(c.across - 11.5, 1.5) * soft(12 + look.liner - c.across, 2)
        c.mix(0.9 * soft(1.1 - wing, 0.7) * reach * c.front, ink)


def _brows(c: Canvas, look: Look) -> None:
    """A band of short strokes, thick at the nose and thin at its end."""
    along = np.clip((c.x - 12) / look.brow_length, 0, 1)
    arch = look.brow_arch * np.sin(np.pi * np.clip(along * 1.15, 0, 1) ** 1.4)
    middle = 748.5 + look.brow_high + arch + look.brow_slope * (along - 0.3) - 3.0 * along**3
    thick = look.brow_thick * (1 - 0.75 * along**1.6)
    strokes = value_noise(c.side * 0.9 - c.z * 0.5, c.z * 0.35, look.seed + 2)
    inside = soft(c.x - 13 - 2 * strokes, 4) * soft(11 + look.brow_length - c.x, 6) * c.front
    amount = soft(thick * (0.75 + 0.5 * strokes) - np.abs(c.z - middle), 1.8)
    c.mix(0.88 * amount * inside, look.brow * (0.85 + 0.3 * strokes[:, None]))


def _mouth(c: Canvas, surface: Surface) -> None:
    """Teeth and the dark inside of the mouth."""
    inside = soft(c.y + 147.0 - 0.0155 * c.x**2, 2.0) * (c.y < -40) * (c.z > 640) * (c.z < 676) * (c.x < 27) * c.skin
    c.mix(inside, np.array([0.27, 0.06, 0.07]))
    c.mix(surface.part == TEETH, np.array([1.0, 0.98, 0.94]))


def _eyes(c: Canvas, look: Look, ball: np.ndarray) -> np.ndarray:
    """The eyeballs; returns how much of each point is iris or pupil (P,)."""
    ball = ball.astype(float)
    off = np.hypot(c.across, c.up)
    ahead = ball * (c.y < -124)
    c.mix(ball, np.array([0.93, 0.92, 0.91]))
    c.mix(0.3 * ball * soft(np.abs(c.across) - 9.5, 4), np.array([0.85, 0.6, 0.57]))
    c.mix(0.3 * ahead * soft(c.up - 3.2, 3), np.array([0.45, 0.42, 0.42]))  # below the lid's shadow
    iris = soft(6.3 - off, 0.8) * ahead
    rays = value_noise(np.arctan2(c.up, c.across) * 6, off * 0.3, look.seed)
    c.mix(iris, look.iris * 0.45)
    c.mix(soft(5.5 - off, 1.2) * ahead, look.iris * (0.8 + 0.5 * rays[:, None]))
    c.mix(0.35 * soft(c.up * -1.0 - 0.5, 4) * soft(5.3 - off, 1) * ahead, look.iris * 1.6 + 0.06)
    c.mix(soft(2.7 - off, 0.7) * ahead, np.full(3, 0.02))
    c.mix(0.9 * soft(1.15 - np.hypot(c.side - np.sign(c.side) * EYE_X - 2.0, c.up - 2.0), 0.6) * ahead, np.ones(3))
    return iris
