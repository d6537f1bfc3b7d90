"""What the classes of a room look like: one random stream a class, so the styles of classes are independent."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smis.synth import furniture as f
from smis.synth import materials as m
from smis.synth.fabrics import sample_colour
from smis.synth.scene import Paint, Painter, Surface

Rng = np.random.Generator


def _pick(rng: Rng, **chances: float) -> str:
    """One of the names, with chances in proportion to the numbers."""
    total = sum(chances.values())
    return str(rng.choice(list(chances), p=[c / total for c in chances.values()]))


def _tone(rng: Rng, **chances: float) -> np.ndarray:
    return sample_colour(rng, _pick(rng, **chances))


def _parts(s: Surface, looks: Mapping[int, tuple[m.Material, float, float]]) -> Paint:
    """Each part with its own (material, gloss, glow)."""
    count = len(s.uv)
    colour, gloss, glow = np.zeros((count, 3), np.float32), np.zeros(count, np.float32), np.zeros(count, np.float32)
    for part, (material, shine, light) in looks.items():
        mine = s.part == part
        if mine.any():
            colour[mine] = material(*s.uv[mine].T)
            gloss[mine], glow[mine] = shine, light
    return Paint(np.clip(colour, 0, 1), gloss, glow)


def _wall(rng: Rng, s: Surface) -> Paint:
    kind = _pick(rng, plain=0.5, stripes=0.13, panel=0.12, dots=0.06, floral=0.06, brick=0.06, boards=0.07)
    base = _tone(rng, pastel=0.45, neutral=0.2, muted=0.2, vivid=0.1, dark=0.05)
    base = np.clip(base * 0.8 + 0.17, 0.16, 0.95)
    other = np.clip(base * rng.uniform(0.68, 0.88), 0, 1) if rng.random() < 0.6 else np.clip(base * 0.5 + 0.48, 0, 1)
    seed = int(rng.integers(90))
    count = len(s.uv)
    u, v = s.uv.T
    colour = m.plain(base, 1.2, 0.012, seed)(u, v)
    period = rng.uniform(0.22, 0.5)
    if kind == "stripes":
        colour = m.blend(colour, u / period % 1 < 0.5, other)
    elif kind == "panel":
        colour = m.blend(colour, v < rng.uniform(0.8, 1.3), other)
    elif kind == "dots":
        row = np.floor(v / period)
        colour = m.blend(colour, np.hypot((u / period + 0.5 * (row % 2)) % 1 - 0.5, v / period % 1 - 0.5) < 0.26, other)
    elif kind == "floral":
        flowers = m.cloth(rng, rng.uniform(2.6, 4.2), ("floral",))(u, v)
        colour = 0.45 * colour + 0.55 * flowers
    elif kind == "brick":
        size = rng.uniform(0.12, 0.18)
        clay = (
            base
            if rng.random() < 0.5
            else m.hsv(rng.uniform(0.02, 0.06), rng.uniform(0.35, 0.6), rng.uniform(0.5, 0.75))
        )
        colour = m.bricks(clay, np.clip(clay * 0.5 + 0.4, 0, 1), (size * 2.4, size), seed)(u, v)
    elif kind == "boards":
        colour = m.siding(base, rng.uniform(0.18, 0.3), True, seed)(u, v)
    if rng.random() < 0.18:  # one wall of another colour
        colour[s.part == 0] = other
    skirting = np.full(3, rng.uniform(0.82, 0.95)) if rng.random() < 0.7 else m.wood_colour(rng)
    colour[s.part == 3] = skirting
    return Paint(np.clip(colour, 0, 1), np.full(count, 0.02, np.float32), np.zeros(count, np.float32))


def _floor(rng: Rng, s: Surface) -> Paint:
    kind = _pick(rng, planks=0.46, herringbone=0.14, tiles=0.2, carpet=0.2)
    seed, turned = int(rng.integers(90)), rng.random() < 0.4
    shade, light = rng.uniform(0.8, 1.1), rng.uniform(0.55, 0.95)
    h, sat, val = m.WOODS[rng.integers(len(m.WOODS))]
    brown = m.hsv(h + rng.normal(0, 0.012), sat * rng.uniform(0.7, 1.1), np.clip(val * shade, 0.3, 0.9))
    first, second = m.two_tone(rng, ["neutral", "muted", "pastel"])
    material = {
        "planks": m.planks(brown, rng.uniform(0.13, 0.24), seed),
        "herringbone": m.herringbone(brown, rng.uniform(0.12, 0.18), seed),
        "tiles": m.tiles(
            np.full(3, light), second if rng.random() < 0.5 else first, rng.uniform(0.32, 0.6), np.full(3, 0.5), seed
        ),
        "carpet": m.carpet(np.clip(first, 0.15, 0.9), seed),
    }[kind]
    gloss = {"planks": 0.12, "herringbone": 0.12, "tiles": 0.22, "carpet": 0.0}[kind]
    return _parts(s, {0: ((lambda u, v: material(v, u)) if turned else material, gloss, 0.0)})


def _ceiling(rng: Rng, s: Surface) -> Paint:
    kind = _pick(rng, white=0.62, tinted=0.2, boards=0.18)
    colour = np.full(3, rng.uniform(0.86, 0.96)) * (1 + rng.normal(0, 0.012, 3))
    if kind == "tinted":
        colour = _tone(rng, pastel=1, neutral=0.4)
    seed = int(rng.integers(90))
    wooden = m.wood_colour(rng)
    material = (
        m.siding(wooden, 0.22, bool(rng.random() < 0.5), seed)
        if kind == "boards"
        else m.plain(np.clip(colour, 0.2, 0.97), 1.0, 0.01, seed)
    )
    return _parts(s, {0: (material, 0.0, 0.0)})


def _window(rng: Rng, s: Surface) -> Paint:
    kind = _pick(rng, hills=0.36, sea=0.12, city=0.17, garden=0.15, evening=0.12, night=0.08)
    frame = np.full(3, rng.uniform(0.85, 0.97)) if rng.random() < 0.6 else m.wood_colour(rng)
    top, low = {
        "hills": (m.hsv(0.58, 0.5, 0.95), m.hsv(0.56, 0.15, 1.0)),
        "sea": (m.hsv(0.57, 0.55, 0.95), m.hsv(0.55, 0.12, 1.0)),
        "city": (m.hsv(0.58, 0.25, 0.95), m.hsv(0.1, 0.06, 1.0)),
        "garden": (m.hsv(0.56, 0.35, 0.98), m.hsv(0.54, 0.1, 1.0)),
        "evening": (m.hsv(0.65, 0.45, 0.7), m.hsv(0.06, 0.6, 1.0)),
        "night": (m.hsv(0.64, 0.7, 0.16), m.hsv(0.66, 0.5, 0.34)),
    }[kind]
    green = m.hsv(rng.uniform(0.2, 0.36), rng.uniform(0.4, 0.65), rng.uniform(0.4, 0.65))
    seed, line = int(rng.integers(90)), rng.uniform(0.28, 0.5)

    def view(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        colour = m.blend(m.flat(low, len(u)), np.clip(v * 1.3 - 0.3, 0, 1), top)
        if kind in ("hills", "evening"):
            for k, height in ((0, line + 0.14), (1, line)):
                ridge = height + 0.07 * m.grain(u, 0 * u + 0.3 * k, 0.5, seed + k)
                colour = m.blend(colour, v < ridge, green * (1.25 - 0.35 * k) * (0.6 if kind == "evening" else 1))
        elif kind == "sea":
            colour = m.blend(colour, v < line, m.hsv(0.53, 0.55, 0.65))
        elif kind in ("city", "night"):
            block = np.floor(u * 5 + 0.4).astype(int)
            roof = line + 0.4 * m.cell_noise(block, block, seed)
            tower = v < roof
            grey = (0.12 if kind == "night" else 0.5) + 0.25 * m.cell_noise(block, block * 2, seed)
            colour = np.where(tower[:, None], grey[:, None] * np.array([0.95, 0.95, 1.05]), colour)
            pane = (u * 15 % 1 < 0.6) & (v * 16 % 1 < 0.55) & tower
            lit = m.cell_noise(np.floor(u * 15).astype(int), np.floor(v * 16).astype(int), seed) > 0.5
            colour = m.blend(
                colour, pane & lit, np.array([1.0, 0.85, 0.45]) if kind == "night" else np.array([0.35, 0.4, 0.5])
            )
        else:
            bush = m.grain(u, v, 0.16, seed) * 0.16 + line + 0.1
            leaf = green * (1 + 0.2 * np.clip(m.grain(u, v, 0.08, seed + 2), -1.5, 1.5))[:, None]
            colour = np.where((v < bush)[:, None], leaf, colour)
        return colour.astype(np.float32)

    return _parts(
        s, {f.PANE: (view, 0.15, 0.4 if kind == "night" else 0.85), f.BARS: (m.plain(frame, 0.5, 0.02), 0.08, 0.0)}
    )


def _curtain(rng: Rng, s: Surface) -> Paint:
    fabric = m.cloth(rng, rng.uniform(2.2, 3.6), chances=(0.4, 0.1, 0.16, 0.06, 0.06, 0.08, 0.04, 0.06, 0.04))
    pole = m.plain(m.wood_colour(rng) if rng.random() < 0.5 else np.full(3, rng.uniform(0.1, 0.8)), 0.5)
    return _parts(s, {0: (fabric, 0.0, 0.12), 1: (pole, 0.3, 0.0)})


def _door(rng: Rng, s: Surface) -> Paint:
    colour = m.wood_colour(rng)
    seed = int(rng.integers(90))
    leaf = m.wood(colour, seed)
    frame = m.plain(np.full(3, rng.uniform(0.8, 0.95)) if rng.random() < 0.5 else colour * 0.85, 0.5)
    panel = m.wood(np.clip(colour * rng.uniform(0.82, 1.1), 0, 1), seed + 1)
    knob = m.plain(m.hsv(0.12, rng.uniform(0, 0.6), rng.uniform(0.5, 0.9)), 0.5)
    return _parts(
        s,
        {
            0: (lambda u, v: leaf(v, u), 0.08, 0),
            1: (frame, 0.08, 0),
            2: (lambda u, v: panel(v, u), 0.08, 0),
            3: (knob, 0.6, 0),
        },
    )


def _bed(rng: Rng, s: Surface) -> Paint:
    blanket = m.cloth(rng, rng.uniform(2.0, 3.4), chances=(0.3, 0.13, 0.08, 0.1, 0.12, 0.1, 0.06, 0.08, 0.03))
    throw = m.cloth(rng, 2.2, ("solid", "stripes", "plaid"))
    sheet = np.full(3, rng.uniform(0.88, 0.97)) if rng.random() < 0.7 else _tone(rng, pastel=1)
    padded = rng.random() < 0.25
    frame = (
        m.plain(_tone(rng, muted=1, dark=1, neutral=1), 0.6)
        if padded
        else m.wood(m.wood_colour(rng), int(rng.integers(90)))
    )
    return _parts(
        s,
        {
            f.FRAME: (frame, 0.0 if padded else 0.1, 0.0),
            f.BLANKET: (blanket, 0.0, 0.0),
            f.SHEET: (m.plain(sheet, 0.2, 0.015), 0.0, 0.0),
            f.THROW: (throw, 0.0, 0.0),
        },
    )


def _pillow(rng: Rng, s: Surface) -> Paint:
    first = m.cloth(rng, rng.uniform(1.2, 2.0), chances=(0.45, 0.12, 0.08, 0.08, 0.05, 0.12, 0.06, 0.04, 0.0))
    second = m.cloth(rng, rng.uniform(1.2, 2.0))
    if rng.random() < 0.4:
        first = m.plain(np.full(3, rng.uniform(0.85, 0.97)), 0.3, 0.02)
    if rng.random() < 0.4:
        second = first
    return _parts(s, {0: (first, 0.0, 0.0), 1: (second, 0.0, 0.0)})


def _cabinet(rng: Rng, s: Surface) -> Paint:
    seed = int(rng.integers(90))
    colour = m.wood_colour(rng)
    front_colour = colour if rng.random() < 0.65 else m.wood_colour(rng)
    body, front = (
        m.wood(colour, seed, 0.06),
        m.wood(np.clip(front_colour * rng.uniform(0.92, 1.08), 0, 1), seed + 1, 0.06),
    )
    handle = (
        np.full(3, rng.uniform(0.1, 0.3))
        if rng.random() < 0.5
        else m.hsv(0.12, rng.uniform(0, 0.5), rng.uniform(0.6, 0.9))
    )
    books = np.stack([sample_colour(rng) for _ in range(6)]).astype(np.float32)
    pick = (m.cell_noise(s.item.astype(int), s.item.astype(int) * 7, seed) * 6).astype(int) % 6
    paint = _parts(
        s, {f.BODY: (body, 0.1, 0.0), f.FRONT: (front, 0.1, 0.0), f.HANDLE: (m.plain(handle, 0.5), 0.5, 0.0)}
    )
    mine = s.part == f.BOOKS
    paint.colour[mine] = books[pick[mine]]
    return paint


def _table(rng: Rng, s: Surface) -> Paint:
    return _parts(s, {0: (m.wood(m.wood_colour(rng), int(rng.integers(90))), 0.15, 0.0)})


def _chair(rng: Rng, s: Surface) -> Paint:
    fabric = m.cloth(rng, rng.uniform(1.6, 2.6), chances=(0.55, 0.08, 0.08, 0.07, 0.08, 0.05, 0.03, 0.06, 0.0))
    leather = rng.random() < 0.2
    brown = m.plain(m.hsv(rng.uniform(0.02, 0.09), rng.uniform(0.3, 0.7), rng.uniform(0.2, 0.65)), 0.3, 0.05)
    legs = m.wood(m.wood_colour(rng), int(rng.integers(90)))
    return _parts(s, {f.SEAT: (brown if leather else fabric, 0.25 if leather else 0.0, 0.0), f.LEGS: (legs, 0.1, 0.0)})


def _lamp(rng: Rng, s: Surface) -> Paint:
    shade = _tone(rng, pastel=0.5, vivid=0.3, neutral=0.2)
    on = rng.random() < 0.6
    if on and rng.random() < 0.6:
        shade = m.hsv(rng.uniform(0.08, 0.15), rng.uniform(0.12, 0.45), 1.0)
    foot = (
        m.wood_colour(rng)
        if rng.random() < 0.4
        else np.full(3, rng.uniform(0.08, 0.85))
        if rng.random() < 0.6
        else _tone(rng, vivid=1)
    )
    return _parts(
        s, {f.SHADE: (m.plain(shade, 0.3, 0.02), 0.0, 0.75 if on else 0.1), f.FOOT: (m.plain(foot, 0.3), 0.35, 0.0)}
    )


def _rug(rng: Rng, s: Surface) -> Paint:
    scale = rng.uniform(2.2, 4.0)
    fabric = m.cloth(rng, scale, chances=(0.16, 0.16, 0.06, 0.14, 0.14, 0.1, 0.12, 0.12, 0.0))
    border = m.plain(_tone(rng, vivid=1, dark=1, muted=1, neutral=0.7), 0.1, 0.05)
    return _parts(s, {0: (fabric, 0.0, 0.0), 1: (border if rng.random() < 0.6 else fabric, 0.0, 0.0)})


def _plant(rng: Rng, s: Surface) -> Paint:
    kind = _pick(rng, green=0.55, dark=0.18, yellow=0.12, red=0.08, flowers=0.07)
    colour = {
        "green": m.hsv(rng.uniform(0.25, 0.36), rng.uniform(0.5, 0.75), rng.uniform(0.4, 0.6)),
        "dark": m.hsv(rng.uniform(0.32, 0.44), rng.uniform(0.45, 0.7), rng.uniform(0.26, 0.4)),
        "yellow": m.hsv(rng.uniform(0.17, 0.23), rng.uniform(0.5, 0.7), rng.uniform(0.6, 0.8)),
        "red": m.hsv(rng.uniform(0.92, 1.02), rng.uniform(0.5, 0.75), rng.uniform(0.4, 0.6)),
        "flowers": m.hsv(rng.uniform(0.27, 0.35), rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.55)),
    }[kind]
    other = _tone(rng, vivid=1) if kind == "flowers" else np.clip(colour * 1.5, 0, 1)
    pot = (
        _tone(rng, vivid=0.3, neutral=0.4, muted=0.3)
        if rng.random() < 0.6
        else m.hsv(0.04, rng.uniform(0.45, 0.65), rng.uniform(0.6, 0.8))
    )
    leaf = m.leaves(colour, other, rng.uniform(0.1, 0.2), int(rng.integers(80)))
    paint = _parts(
        s, {f.POT: (m.plain(pot, 0.1), 0.15, 0.0), f.STEM: (m.plain(np.array([0.35, 0.25, 0.15]), 0.1), 0.0, 0.0)}
    )
    mine = s.part == f.LEAF
    paint.colour[mine] = np.clip(leaf(s.points[mine]), 0, 1)
    paint.gloss[mine] = 0.08
    return paint


def _picture(rng: Rng, s: Surface) -> Paint:
    image = m.painting(rng)
    frame = m.wood_colour(rng) if rng.random() < 0.6 else m.hsv(0.12, rng.uniform(0, 0.6), rng.uniform(0.1, 0.9))
    return _parts(s, {f.IMAGE: (image, 0.05, 0.0), f.BORDER: (m.plain(frame, 0.3), 0.2, 0.0)})


PAINTERS: dict[str, Painter] = {
    "wall": _wall,
    "floor": _floor,
    "ceiling": _ceiling,
    "window": _window,
    "curtain": _curtain,
    "door": _door,
    "bed": _bed,
    "pillow": _pillow,
    "cabinet": _cabinet,
    "table": _table,
    "chair": _chair,
    "lamp": _lamp,
    "rug": _rug,
    "plant": _plant,
    "picture": _picture,
}
