"""What the classes of a street look like: one random stream a class, so the styles of classes are independent."""

from __future__ import annotations

import numpy as np

from smis.synth import materials as m
from smis.synth.cars import FRONT, GLASS, REAR, RIM, TRIM, TYRE
from smis.synth.fabrics import sample_colour
from smis.synth.houses import CHIMNEY, DOOR, FLAT, FRAME
from smis.synth.houses import TRIM as HOUSE_TRIM
from smis.synth.scene import Paint, Painter, Surface

Rng = np.random.Generator


def _paint(colour: np.ndarray, gloss: float | np.ndarray = 0.0, glow: float | np.ndarray = 0.0) -> Paint:
    count = len(colour)
    full = [np.broadcast_to(np.asarray(x, np.float32), count) for x in (gloss, glow)]
    return Paint(np.clip(colour, 0, 1).astype(np.float32), full[0], full[1])


def _varied(colour: np.ndarray, item: np.ndarray, amount: float, seed: int) -> np.ndarray:
    """Each item a little lighter or darker."""
    tone = 1 + amount * (2 * m.cell_noise(item.astype(int), item.astype(int) * 3, seed) - 1)
    return colour * tone[:, None].astype(np.float32)


def _sky(rng: Rng, s: Surface) -> Paint:
    kind = str(
        rng.choice(["day", "pale", "overcast", "sunset", "dusk", "storm"], p=[0.45, 0.18, 0.13, 0.13, 0.06, 0.05])
    )
    hue = rng.normal(0, 0.012)
    top, low, cloud = {
        "day": (m.hsv(0.59 + hue, 0.72, 0.86), m.hsv(0.56 + hue, 0.25, 0.98), np.full(3, 0.98)),
        "pale": (m.hsv(0.56 + hue, 0.35, 0.92), m.hsv(0.54 + hue, 0.1, 0.98), np.full(3, 0.99)),
        "overcast": (np.array([0.62, 0.66, 0.71]), np.array([0.84, 0.86, 0.88]), np.array([0.92, 0.93, 0.94])),
        "sunset": (m.hsv(0.64 + hue, 0.45, 0.6), m.hsv(0.06 + hue, 0.62, 0.99), m.hsv(0.98 + hue, 0.4, 0.98)),
        "dusk": (m.hsv(0.68 + hue, 0.66, 0.36), m.hsv(0.9 + hue, 0.4, 0.78), m.hsv(0.8 + hue, 0.35, 0.62)),
        "storm": (np.array([0.4, 0.44, 0.5]), np.array([0.68, 0.72, 0.74]), np.array([0.5, 0.53, 0.58])),
    }[kind]
    cover, seed = rng.uniform(-0.2, 1.5), int(rng.integers(100))
    stretch = rng.uniform(1.5, 4)
    sharp = rng.uniform(0.8, 2.2)
    up = np.clip(s.points[:, 2], 0, 1)
    t = np.clip(up * 1.7, 0, 1) ** 0.7
    colour = m.blend(m.flat(low, len(up)), t, top)
    depth = 1 / (up + 0.12)
    u, v = s.uv[:, 0] * depth * 2.2, depth * stretch
    shape = m.grain(u, v, 2.2, seed)
    amount = np.clip((shape - cover) * sharp, 0, 1) * np.clip(up * 9, 0.1, 1)
    light = np.clip(0.92 + 0.1 * (m.grain(u + 0.2, v - 0.25, 2.2, seed) - shape), 0.75, 1.05)
    clouds = m.flat(cloud, len(up)) * light[:, None].astype(np.float32)
    return _paint(colour * (1 - 0.9 * amount[:, None]) + clouds * 0.9 * amount[:, None])


def _mountain(rng: Rng, s: Surface) -> Paint:
    kind = rng.random()
    rock = m.hsv(rng.uniform(0.55, 0.75), rng.uniform(0.1, 0.35), rng.uniform(0.4, 0.65))
    if kind < 0.3:
        rock = m.hsv(rng.uniform(0.02, 0.1), rng.uniform(0.3, 0.5), rng.uniform(0.5, 0.75))
    wood = m.hsv(rng.uniform(0.25, 0.45), rng.uniform(0.25, 0.5), rng.uniform(0.3, 0.5)) if kind < 0.75 else rock
    line, snow = rng.uniform(10, 40), rng.uniform(18, 70) if rng.random() < 0.5 else 500.0
    seed = int(rng.integers(90))
    height = s.points[:, 2] + 5 * m.grain(s.uv[:, 0], s.uv[:, 1], 9, seed)
    colour = m.blend(m.flat(wood, len(height)), np.clip((height - line) / 8, 0, 1), rock)
    colour = colour * (1 + 0.1 * m.grain(s.uv[:, 0], s.uv[:, 1] * 0.6, 5, seed + 1))[:, None]
    return _paint(m.blend(colour, np.clip((height - snow) / 4, 0, 1), np.array([0.95, 0.96, 1.0])))


def _building(rng: Rng, s: Surface) -> Paint:
    kind = str(
        rng.choice(["brick", "plaster", "siding", "stone", "timber", "concrete"], p=[0.27, 0.27, 0.16, 0.12, 0.1, 0.08])
    )
    tone = str(rng.choice(["pastel", "muted", "vivid", "neutral"], p=[0.4, 0.25, 0.15, 0.2]))
    colour = np.clip(sample_colour(rng, tone), 0.22, 0.95)
    seed = int(rng.integers(90))
    if kind == "brick":
        colour = (
            m.hsv(rng.normal(0.035, 0.02), rng.uniform(0.45, 0.7), rng.uniform(0.5, 0.8))
            if rng.random() < 0.65
            else colour
        )
        size = rng.uniform(0.22, 0.34)
        wall = m.bricks(colour, np.full(3, rng.uniform(0.55, 0.85)), (size * 2.6, size), seed)
    elif kind == "siding":
        wall = m.siding(colour, rng.uniform(0.28, 0.42), rng.random() < 0.3, seed)
    elif kind == "stone":
        colour = m.hsv(rng.uniform(0.05, 0.13), rng.uniform(0.05, 0.3), rng.uniform(0.5, 0.8))
        wall = m.stone(colour, rng.uniform(0.45, 0.75), seed)
    elif kind == "timber":
        pale = np.clip(0.75 + 0.3 * colour, 0.5, 0.96)
        wall = m.timbered(
            pale, m.hsv(rng.uniform(0.02, 0.1), rng.uniform(0.3, 0.6), rng.uniform(0.18, 0.38)), rng.uniform(2.6, 3.1)
        )
    elif kind == "concrete":
        wall = m.tiles(
            np.full(3, rng.uniform(0.5, 0.75)),
            np.full(3, rng.uniform(0.5, 0.75)),
            rng.uniform(1.2, 2),
            np.full(3, 0.35),
            seed,
        )
    else:
        wall = m.plain(colour, 1.5, 0.04, seed)
    base_tone, base_height = rng.uniform(0.55, 0.85), rng.choice([0.0, 0.5, 2.9], p=[0.35, 0.5, 0.15])
    out = wall(s.uv[:, 0], s.uv[:, 1])
    out[s.points[:, 2] < base_height] *= np.float32(base_tone)
    out = _varied(out, s.item, 0.1, seed)
    door, trim = sample_colour(rng, str(rng.choice(["dark", "vivid", "muted"]))), np.full(3, rng.uniform(0.55, 0.95))
    if rng.random() < 0.3:
        trim = np.clip(colour * 0.6, 0, 1)
    for part, paint in ((DOOR, door), (HOUSE_TRIM, trim)):
        out[s.part == part] = paint
    return _paint(out)


def _window(rng: Rng, s: Surface) -> Paint:
    kind = str(rng.choice(["dark", "sky", "lit", "curtains"], p=[0.35, 0.3, 0.15, 0.2]))
    seed = int(rng.integers(90))
    frame = (
        np.full(3, rng.uniform(0.85, 0.97))
        if rng.random() < 0.6
        else sample_colour(rng, str(rng.choice(["dark", "muted", "vivid"])))
    )
    dark = m.hsv(rng.uniform(0.53, 0.65), rng.uniform(0.15, 0.5), rng.uniform(0.16, 0.34))
    count = len(s.uv)
    out = m.flat(dark, count)
    pane = m.cell_noise(
        np.round(s.points[:, 2] / 1.4).astype(int) + s.item.astype(int),
        np.round((s.points[:, 0] + s.points[:, 1]) / 2.1).astype(int),
        seed,
    )
    if kind == "sky":
        out = m.flat(m.hsv(rng.uniform(0.53, 0.6), rng.uniform(0.2, 0.5), rng.uniform(0.6, 0.9)), count)
        out *= (
            0.85
            + 0.3
            * np.clip(0.6 * m.grain(s.uv[:, 0] + s.points[:, 0], s.uv[:, 1] + s.points[:, 2], 2.5, seed) + 0.3, 0, 1)
        )[:, None]
    elif kind == "curtains":
        out = m.blend(out, np.abs(s.uv[:, 0] % 1 - 0.5) > 0.22, sample_colour(rng, "pastel"))
    glow = np.zeros(count, np.float32)
    if kind == "lit":
        lit = pane > rng.uniform(0.3, 0.6)
        out[lit] = m.hsv(rng.uniform(0.09, 0.15), rng.uniform(0.35, 0.65), 1.0)
        glow[lit] = 0.75
    glass = s.part != FRAME
    out[~glass] = frame
    return _paint(out, np.where(glass, 0.5, 0.05), glow * glass)


def _roof(rng: Rng, s: Surface) -> Paint:
    kind = str(rng.choice(["clay", "slate", "painted", "thatch", "metal"], p=[0.34, 0.24, 0.18, 0.08, 0.16]))
    colour = {
        "clay": m.hsv(rng.uniform(0.0, 0.06), rng.uniform(0.5, 0.75), rng.uniform(0.45, 0.8)),
        "slate": m.hsv(rng.uniform(0.55, 0.7), rng.uniform(0.05, 0.25), rng.uniform(0.26, 0.5)),
        "painted": sample_colour(rng, str(rng.choice(["muted", "vivid", "dark"]))),
        "thatch": m.hsv(rng.uniform(0.09, 0.13), rng.uniform(0.35, 0.55), rng.uniform(0.5, 0.75)),
        "metal": m.hsv(rng.uniform(0.35, 0.6), rng.uniform(0.05, 0.4), rng.uniform(0.5, 0.75)),
    }[kind]
    seed, size = int(rng.integers(90)), rng.uniform(0.28, 0.42)
    count = len(s.uv)
    if kind == "thatch":
        out = m.flat(colour, count) * (1 + 0.14 * m.grain(s.uv[:, 0] * 5, s.uv[:, 1], 0.6, seed))[:, None]
    elif kind == "metal":
        out = m.siding(colour, 0.55, True, seed)(s.uv[:, 0], s.uv[:, 1])
    else:
        out = m.bricks(colour, colour * 0.45, (size * 1.2, size), seed)(s.uv[:, 0], s.uv[:, 1])
    out[s.part == FLAT] = np.clip(colour * rng.uniform(0.7, 1.1), 0, 1)
    brick = m.hsv(rng.uniform(0.0, 0.06), rng.uniform(0.2, 0.6), rng.uniform(0.35, 0.65))
    out[s.part == CHIMNEY] = brick
    return _paint(_varied(out, s.item, 0.08, seed), 0.25 if kind == "metal" else 0.03)


def _tree(rng: Rng, s: Surface) -> Paint:
    kind = str(
        rng.choice(["green", "fresh", "dark", "autumn", "blossom", "frost"], p=[0.34, 0.14, 0.12, 0.2, 0.12, 0.08])
    )
    colour = {
        "green": m.hsv(rng.uniform(0.24, 0.36), rng.uniform(0.5, 0.75), rng.uniform(0.36, 0.56)),
        "fresh": m.hsv(rng.uniform(0.19, 0.26), rng.uniform(0.5, 0.75), rng.uniform(0.58, 0.78)),
        "dark": m.hsv(rng.uniform(0.34, 0.46), rng.uniform(0.4, 0.65), rng.uniform(0.24, 0.38)),
        "autumn": m.hsv(rng.uniform(0.0, 0.14), rng.uniform(0.7, 0.9), rng.uniform(0.6, 0.9)),
        "blossom": m.hsv(rng.uniform(0.88, 0.97), rng.uniform(0.2, 0.45), rng.uniform(0.85, 0.98)),
        "frost": m.hsv(rng.uniform(0.45, 0.6), rng.uniform(0.05, 0.15), rng.uniform(0.72, 0.92)),
    }[kind]
    shift = rng.uniform(-0.1, 0.1)
    other = np.clip(colour[[1, 0, 2]] * 0.3 + colour * 0.8 + shift, 0, 1)
    if kind == "green" and rng.random() < 0.2:
        other = sample_colour(rng, "vivid")  # fruit or flowers
    seed = int(rng.integers(80))
    return _paint(_varied(m.leaves(colour, other, rng.uniform(0.5, 1.1), seed)(s.points), s.item, 0.16, seed))


def _trunk(rng: Rng, s: Surface) -> Paint:
    birch = rng.random() < 0.22
    colour = (
        np.full(3, rng.uniform(0.8, 0.92))
        if birch
        else m.hsv(rng.uniform(0.03, 0.1), rng.uniform(0.2, 0.6), rng.uniform(0.25, 0.55))
    )
    seed = int(rng.integers(90))
    rough = m.grain(s.uv[:, 0] * 3, s.uv[:, 1] * 0.8, 0.25, seed)
    out = m.flat(colour, len(rough)) * (1 + 0.18 * rough)[:, None]
    if birch:
        out = m.blend(out, m.grain(s.uv[:, 0] * 0.7, s.uv[:, 1] * 3, 0.35, seed + 1) > 1.0, np.full(3, 0.12))
    return _paint(out)


def _grass(rng: Rng, s: Surface) -> Paint:
    kind = str(rng.choice(["green", "meadow", "dry", "snow", "sand", "flowers"], p=[0.42, 0.18, 0.14, 0.1, 0.06, 0.1]))
    colour = {
        "green": m.hsv(rng.uniform(0.22, 0.34), rng.uniform(0.5, 0.75), rng.uniform(0.42, 0.62)),
        "meadow": m.hsv(rng.uniform(0.19, 0.26), rng.uniform(0.45, 0.65), rng.uniform(0.5, 0.7)),
        "dry": m.hsv(rng.uniform(0.11, 0.16), rng.uniform(0.35, 0.55), rng.uniform(0.6, 0.78)),
        "snow": np.array([0.84, 0.87, 0.92]),
        "sand": m.hsv(rng.uniform(0.08, 0.12), rng.uniform(0.2, 0.4), rng.uniform(0.75, 0.9)),
        "flowers": m.hsv(rng.uniform(0.22, 0.32), rng.uniform(0.5, 0.7), rng.uniform(0.42, 0.6)),
    }[kind]
    seed = int(rng.integers(90))
    u, v = s.uv.T
    out = m.flat(colour, len(u)) * (1 + 0.07 * m.grain(u, v, 3.5, seed) + 0.06 * m.grain(u, v, 0.35, seed + 1))[:, None]
    if kind == "flowers":
        out = m.blend(out, (m.grain(u, v, 0.4, seed + 2) > 1.2) * 0.9, sample_colour(rng, "vivid"))
    elif rng.random() < 0.3 and kind in ("green", "meadow"):  # mown
        out *= (1 + 0.06 * np.sign(np.sin(u * 1.6)))[:, None]
    return _paint(out)


def _road(rng: Rng, s: Surface) -> Paint:
    kind = str(rng.choice(["asphalt", "cobbles", "dirt", "concrete"], p=[0.6, 0.17, 0.1, 0.13]))
    seed = int(rng.integers(90))
    grey = rng.uniform(0.36, 0.6)
    colour = np.array([grey, grey, grey * rng.uniform(0.97, 1.1)])
    line = np.array([0.95, 0.95, 0.93]) if rng.random() < 0.75 else np.array([0.95, 0.78, 0.2])
    marks = str(rng.choice(["none", "dashed", "solid", "double"], p=[0.2, 0.5, 0.15, 0.15]))
    borders = rng.random() < 0.4
    u, v = s.uv.T
    if kind == "cobbles":
        colour = m.hsv(rng.uniform(0.03, 0.12), rng.uniform(0.03, 0.3), rng.uniform(0.4, 0.62))
        out = m.bricks(colour, colour * 0.55, (0.42, 0.32), seed)(u, v)
    elif kind == "dirt":
        colour = m.hsv(rng.uniform(0.06, 0.1), rng.uniform(0.25, 0.5), rng.uniform(0.5, 0.7))
        tracks = np.minimum(np.abs(np.abs(u) - 0.8), 0.6) / 0.6
        out = m.flat(colour, len(u)) * (0.85 + 0.18 * tracks + 0.07 * m.grain(u, v * 0.4, 0.7, seed))[:, None]
    elif kind == "concrete":
        out = m.tiles(colour + 0.14, colour + 0.14, rng.uniform(2.5, 4), colour, seed)(u, v)
    else:
        out = (
            m.flat(colour, len(u))
            * (1 + 0.05 * m.grain(u, v * 0.4, 1.8, seed) + 0.035 * m.grain(u, v, 0.12, seed))[:, None]
        )
    if kind != "dirt":
        middle = np.abs(u)
        line_at = {
            "none": np.zeros(len(u), bool),
            "dashed": (middle < 0.09) & (v % 4.5 < 2.4),
            "solid": middle < 0.09,
            "double": (middle > 0.07) & (middle < 0.2),
        }[marks]
        if borders:
            line_at = line_at | ((middle > 2.25) & (middle < 2.4))
        out = m.blend(out, line_at * 0.9, line)
    stripes = (s.part == 1) & (u % 1.1 < 0.6)
    return _paint(m.blend(out, stripes * 0.92, np.array([0.95, 0.95, 0.94])), 0.02)


def _sidewalk(rng: Rng, s: Surface) -> Paint:
    kind = str(rng.choice(["slabs", "bricks", "plain", "checks"], p=[0.42, 0.28, 0.18, 0.12]))
    seed = int(rng.integers(90))
    colour = m.hsv(rng.uniform(0.04, 0.14), rng.uniform(0.02, 0.2), rng.uniform(0.58, 0.85))
    u, v = s.uv.T
    if kind == "bricks":
        colour = m.hsv(rng.uniform(0.0, 0.1), rng.uniform(0.2, 0.55), rng.uniform(0.5, 0.78))
        out = m.bricks(colour, colour * 0.7, (0.5, 0.26), seed)(v, u)
    elif kind == "plain":
        out = m.plain(colour, 0.8, 0.05, seed)(u, v)
    else:
        second = colour if kind == "slabs" else np.clip(colour * rng.uniform(0.65, 0.85), 0, 1)
        out = m.tiles(colour, second, rng.uniform(0.6, 1.1), colour * 0.65, seed)(u, v)
    out[s.part == 1] = np.clip(colour * rng.uniform(0.8, 1.15), 0, 0.92)
    return _paint(out)


def _car(rng: Rng, s: Surface) -> Paint:
    tone = str(rng.choice(["vivid", "neutral", "dark", "pastel", "muted"], p=[0.45, 0.25, 0.12, 0.1, 0.08]))
    colour = sample_colour(rng, tone)
    out = m.flat(colour, len(s.uv))
    if rng.random() < 0.15:  # two-coloured
        out[s.points[:, 2] > 1.0] = sample_colour(rng, "neutral")
    glass = m.hsv(rng.uniform(0.52, 0.62), rng.uniform(0.1, 0.4), rng.uniform(0.18, 0.36))
    rim = np.full(3, rng.uniform(0.3, 0.8))
    trim = np.full(3, rng.uniform(0.1, 0.3)) if rng.random() < 0.7 else colour * 0.8
    front, rear = np.array([1.0, 0.96, 0.82]), np.array([0.85, 0.08, 0.06])
    tyre = np.full(3, 0.09)
    glow_front = rng.uniform(0.1, 0.7)
    gloss, glow = np.full(len(s.uv), rng.uniform(0.4, 0.75)), np.zeros(len(s.uv))
    for part, paint, shine, light in (
        (GLASS, glass, 0.7, 0.0),
        (TYRE, tyre, 0.05, 0.0),
        (RIM, rim, 0.5, 0.0),
        (FRONT, front, 0.3, glow_front),
        (REAR, rear, 0.3, glow_front * 0.5),
        (TRIM, trim, 0.1, 0.0),
    ):
        mine = s.part == part
        out[mine], gloss[mine], glow[mine] = paint, shine, light
    return _paint(out, gloss, glow)


def _lamp(rng: Rng, s: Surface) -> Paint:
    kind = rng.random()
    post = (
        np.full(3, rng.uniform(0.08, 0.3))
        if kind < 0.55
        else np.full(3, rng.uniform(0.5, 0.8))
        if kind < 0.8
        else sample_colour(rng, "dark" if kind < 0.9 else "vivid")
    )
    on = rng.random() < 0.6
    light = m.hsv(rng.uniform(0.08, 0.16), rng.uniform(0.1, 0.5), 1.0) if on else np.full(3, 0.8)
    out = m.flat(post, len(s.uv))
    out[s.part == 1] = light
    return _paint(out, np.full(len(out), 0.25), np.where(s.part == 1, 0.9 if on else 0.1, 0.0))


def _fence(rng: Rng, s: Surface) -> Paint:
    kind = rng.random()
    colour = (
        np.full(3, rng.uniform(0.85, 0.97))
        if kind < 0.35
        else m.wood_colour(rng)
        if kind < 0.75
        else np.full(3, rng.uniform(0.1, 0.3))
        if kind < 0.87
        else sample_colour(rng, "muted")
    )
    seed = int(rng.integers(90))
    u, v = s.uv.T
    out = m.flat(colour, len(u)) * (1 + 0.06 * m.grain(u * 4, v, 0.5, seed))[:, None]
    boards = (s.part == 1) & (u % 0.22 < 0.03)
    out[boards] *= 0.6
    return _paint(_varied(out, s.item, 0.05, seed))


def _sign(rng: Rng, s: Surface) -> Paint:
    face = sample_colour(rng, "vivid")
    border = np.full(3, 0.95) if rng.random() < 0.6 else sample_colour(rng, str(rng.choice(["vivid", "dark"])))
    if rng.random() < 0.35:
        face, border = np.full(3, 0.95), face
    mark, ink = (
        str(rng.choice(["none", "bar", "arrow", "dot"], p=[0.25, 0.3, 0.25, 0.2])),
        np.full(3, 0.95) if face.mean() < 0.6 else np.full(3, 0.1),
    )
    u, v = s.uv.T
    out = m.flat(face, len(u))
    inside = {
        "none": np.zeros(len(u), bool),
        "bar": (np.abs(v) < 0.16) & (np.abs(u) < 0.55),
        "arrow": ((np.abs(u) < 0.1) & (v < 0.2) & (v > -0.5)) | ((np.abs(u) < 0.45 - v) & (v > 0.05) & (v < 0.5)),
        "dot": np.hypot(u, v) < 0.3,
    }[mark]
    out[inside] = ink
    out[s.part == 1] = border
    out[s.part == 2] = np.full(3, rng.uniform(0.45, 0.7))
    return _paint(out, 0.1)


PAINTERS: dict[str, Painter] = {
    "sky": _sky,
    "mountain": _mountain,
    "building": _building,
    "window": _window,
    "roof": _roof,
    "tree": _tree,
    "trunk": _trunk,
    "grass": _grass,
    "road": _road,
    "sidewalk": _sidewalk,
    "car": _car,
    "lamp": _lamp,
    "fence": _fence,
    "sign": _sign,
}
