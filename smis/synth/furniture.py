"""Furniture. Each piece stands on z = 0 with its back against y = 0 and its front towards +y; x = 0 is its middle.

A piece is a list of (mesh, class, part); the painter of the class gives parts their own look.
"""

from __future__ import annotations

import numpy as np

from smis.synth.solids import Mesh, box, copies, cushion, join, lump, rectangle, ring, rod, surface, tube

Piece = tuple[Mesh, str, int]

FRAME, BLANKET, SHEET, THROW = range(4)  # parts of a bed
BODY, FRONT, HANDLE, BOOKS = range(4)  # parts of a cabinet
SEAT, LEGS = 0, 1  # parts of a chair
SHADE, FOOT = 0, 1  # parts of a lamp
LEAF, POT, STEM = range(3)  # parts of a plant
IMAGE, BORDER = 0, 1  # parts of a picture
PANE, BARS = 0, 1  # parts of a window


def bed(width: float, length: float, rng: np.random.Generator) -> list[Piece]:
    """A bed with its head at the wall: frame, mattress, blanket and pillows."""
    low = rng.uniform(0.1, 0.2)
    top = low + rng.uniform(0.36, 0.46)
    frame = [box(width, length, 0.2).at(0, length / 2, low)]
    legs = np.array([[x * (width / 2 - 0.08), y, 0] for x in (-1, 1) for y in (0.1, length - 0.1)])
    frame.append(copies(box(0.09, 0.09, low), legs))
    frame.append(_headboard(width + 0.08, rng))
    if rng.random() < 0.3:
        frame.append(box(width, 0.07, low + 0.5).at(0, length - 0.02))
    mattress = cushion(width - 0.06, length - 0.1, top - low - 0.12, 0.07).at(0, length / 2, low + 0.12)
    start = rng.uniform(0.5, 0.75)
    drop = rng.uniform(0.2, 0.38)
    over = cushion(width + 0.07, length - start + 0.05, drop + 0.05, 0.09, 9.0).at(
        0, start + (length - start) / 2, top - drop
    )
    pieces: list[Piece] = [(join(frame), "bed", FRAME), (mattress, "bed", SHEET), (over, "bed", BLANKET)]
    fold = cushion(width + 0.075, 0.26, drop * 0.9 + 0.08, 0.06, 9.0).at(0, start + 0.11, top - drop * 0.85)
    pieces.append((fold, "bed", SHEET))
    if rng.random() < 0.4:
        throw = cushion(width + 0.1, rng.uniform(0.4, 0.7), drop + 0.09, 0.08, 9.0)
        pieces.append((throw.at(0, length - 0.55, top - drop - 0.01), "bed", THROW))
    count = 1 if width < 1.2 else 2
    wide = min(0.72, (width - 0.1) / count - 0.04)
    places = [(0.0, wide)] if count == 1 else [(-width / 4, wide), (width / 4, wide)]
    for x, w in places:
        pillow = cushion(w, 0.44, 0.2, 0.095, 3.2).tilted(28).at(x, 0.36, top + 0.02)
        pieces.append((pillow, "pillow", 0))
    if rng.random() < 0.5:
        for x in [0.0] if count == 1 or rng.random() < 0.5 else [-width / 5, width / 5]:
            small = cushion(0.44, 0.36, 0.17, 0.08, 3.2).tilted(48).at(x, 0.6, top + 0.05)
            pieces.append((small, "pillow", 1))
    return pieces


def _headboard(width: float, rng: np.random.Generator) -> Mesh:
    high, kind = rng.uniform(0.85, 1.3), str(rng.choice(["board", "rounded", "bars", "posts"]))
    if kind == "board":
        return box(width, 0.08, high).at(0, 0.04)
    if kind == "rounded":
        x = np.linspace(-1, 1, 15)
        tops = high - 0.3 + 0.3 * np.sqrt(1 - 0.92 * x * x)
        front = np.stack([[[q * width / 2, y, z] for q, z in zip(x, zs)] for y, zs in ((0.09, 0 * x), (0.09, tops))])
        rim = np.stack([[[q * width / 2, y, z] for q, z in zip(x, tops)] for y in (0.0, 0.09)])
        return join([surface(grid, grid[..., [0, 2]].copy(), smooth=False) for grid in (front, rim)])
    posts = copies(box(0.09, 0.09, high + 0.08), np.array([[-width / 2, 0.05, 0], [width / 2, 0.05, 0]]))
    rails = [box(width, 0.06, 0.09).at(0, 0.05, high - 0.08), box(width, 0.06, 0.09).at(0, 0.05, 0.45)]
    number = 9 if kind == "bars" else 4
    bar = box(0.035 if kind == "bars" else width / 6, 0.04, high - 0.45)
    x = np.linspace(-width / 2, width / 2, number + 2)[1:-1]
    return join([posts, *rails, copies(bar, np.stack([x, 0 * x + 0.05, 0 * x + 0.45], 1))])


def nightstand(rng: np.random.Generator) -> list[Piece]:
    """A small cabinet beside a bed."""
    return drawers(0.45, 0.4, rng.uniform(0.45, 0.58), 2, 1)


def drawers(width: float, depth: float, height: float, rows: int, columns: int) -> list[Piece]:
    """A chest of drawers."""
    pieces: list[Piece] = [
        (box(width, depth, height - 0.1).at(0, depth / 2, 0.08), "cabinet", BODY),
        (box(width + 0.04, depth + 0.03, 0.04).at(0, depth / 2, height - 0.03), "cabinet", BODY),
    ]
    w, h = (width - 0.04) / columns, (height - 0.14) / rows
    x = (np.arange(columns) + 0.5) * w - width / 2 + 0.02
    z = 0.1 + np.arange(rows) * h
    places = np.stack([a.ravel() for a in np.meshgrid(x, depth, z)], 1)
    pieces.append((copies(box(w - 0.04, 0.03, h - 0.035), places), "cabinet", FRONT))
    pieces.append(
        (copies(box(min(0.16, w * 0.3), 0.035, 0.03), places + np.array([0, 0.025, h * 0.5])), "cabinet", HANDLE)
    )
    legs = np.array([[x * (width / 2 - 0.05), y, 0] for x in (-1, 1) for y in (0.05, depth - 0.05)])
    pieces.append((copies(box(0.05, 0.05, 0.09), legs), "cabinet", BODY))
    return pieces


def wardrobe(width: float, height: float, rng: np.random.Generator) -> list[Piece]:
    """A wardrobe with doors."""
    depth, doors = 0.58, 2 if width < 1.3 else 3
    w = width / doors
    x = (np.arange(doors) + 0.5) * w - width / 2
    split = rng.random() < 0.4
    low = 0.55 if split else 0.1
    pieces: list[Piece] = [
        (box(width, depth, height).at(0, depth / 2), "cabinet", BODY),
        (box(width + 0.06, depth + 0.05, 0.06).at(0, depth / 2, height), "cabinet", BODY),
    ]
    places = np.stack([x, 0 * x + depth, 0 * x + low], 1)
    pieces.append((copies(box(w - 0.03, 0.03, height - low - 0.05), places), "cabinet", FRONT))
    if split:
        pieces.append((copies(box(w - 0.03, 0.03, low - 0.14), places - [0, 0, low - 0.1]), "cabinet", FRONT))
    side = np.where(np.arange(doors) % 2 == 0, 1, -1) * (w / 2 - 0.07)
    handles = np.stack([x + side, 0 * x + depth + 0.03, 0 * x + height * 0.45], 1)
    pieces.append((copies(box(0.03, 0.035, 0.22), handles), "cabinet", HANDLE))
    return pieces


def bookcase(width: float, height: float, rng: np.random.Generator) -> list[Piece]:
    """Open shelves with books."""
    depth, shelves = 0.32, max(int(height / 0.4), 2)
    gap = (height - 0.06) / shelves
    boards = [box(width, 0.03, height).at(0, 0.02)]
    boards += [box(0.04, depth, height).at(s * (width / 2 - 0.02), depth / 2) for s in (-1, 1)]
    levels = np.arange(shelves + 1) * gap
    boards.append(copies(box(width, depth, 0.04), np.stack([0 * levels, 0 * levels + depth / 2, levels], 1)))
    books = []
    for level in levels[:-1]:
        x = -width / 2 + 0.05 + (rng.uniform(0, 0.3) if rng.random() < 0.3 else 0)
        end = width / 2 - 0.06 - (rng.uniform(0.1, 0.5) if rng.random() < 0.6 else 0)
        while x < end:
            thick, tall = rng.uniform(0.04, 0.09), gap * rng.uniform(0.55, 0.82)
            books.append(box(thick - 0.008, 0.2, tall).at(x + thick / 2, 0.17, level + 0.04))
            x += thick
    return [(join(boards), "cabinet", BODY), *[(b, "cabinet", BOOKS) for b in books]]


def table(width: float, depth: float, height: float, kind: str) -> list[Piece]:
    """A table: "legs", "round" (one foot), "panel" (closed sides)."""
    if kind == "round":
        top = tube(width / 2, width / 2, 0.045, 28).at(0, depth / 2, height - 0.045)
        foot = [tube(0.05, 0.05, height - 0.05, 10), tube(width * 0.25, width * 0.2, 0.04, 20)]
        return [(join([top, *[f.at(0, depth / 2) for f in foot]]), "table", 0)]
    parts = [box(width, depth, 0.05).at(0, depth / 2, height - 0.05)]
    if kind == "panel":
        parts += [box(0.06, depth - 0.06, height - 0.05).at(s * (width / 2 - 0.06), depth / 2) for s in (-1, 1)]
        parts.append(box(width - 0.14, 0.04, height * 0.4).at(0, 0.08, height * 0.55))
    else:
        x, y = width / 2 - 0.06, depth / 2 - 0.06
        places = np.array([[sx * x, depth / 2 + sy * y, 0] for sx in (-1, 1) for sy in (-1, 1)])
        parts.append(copies(box(0.07, 0.07, height - 0.05), places))
        parts.append(box(width - 0.12, depth - 0.12, 0.1).at(0, depth / 2, height - 0.14))
    return [(join(parts), "table", 0)]


def chair(kind: str, rng: np.random.Generator) -> list[Piece]:
    """A chair, "plain" or "stool"; its back is at y = 0."""
    high = 0.46
    if kind == "stool":
        legs = [
            rod((0.13 * c, 0.2 + 0.13 * s, high - 0.03), (0.2 * c, 0.2 + 0.2 * s, 0), 0.022)
            for c, s in ((1, 1), (1, -1), (-1, 1), (-1, -1))
        ]
        return [(tube(0.2, 0.2, 0.06, 20).at(0, 0.2, high - 0.05), "chair", SEAT), (join(legs), "chair", LEGS)]
    legs = [box(0.045, 0.045, high).at(x, y) for x in (-0.19, 0.19) for y in (0.04, 0.4)]
    back = rng.uniform(0.84, 1.0)
    legs += [box(0.045, 0.045, back - high).at(x, 0.03, high) for x in (-0.19, 0.19)]
    seat = [cushion(0.45, 0.44, 0.08, 0.03, 7.0).at(0, 0.23, high - 0.03)]
    if rng.random() < 0.55:
        seat.append(cushion(0.42, 0.06, back - high - 0.1, 0.025, 8.0).at(0, 0.03, high + 0.1))
    else:
        legs += [box(0.4, 0.03, 0.07).at(0, 0.03, z) for z in np.linspace(high + 0.14, back - 0.07, 3)]
    return [(join(seat), "chair", SEAT), (join(legs), "chair", LEGS)]


def sofa(width: float, rng: np.random.Generator) -> list[Piece]:
    """A sofa or armchair with cushions; it counts as a chair."""
    deep, seat, back, arm = 0.88, 0.42, rng.uniform(0.74, 0.9), rng.uniform(0.55, 0.64)
    thick = rng.uniform(0.16, 0.22)
    parts = [
        cushion(width, deep, 0.26, 0.05, 12.0).at(0, deep / 2, 0.08),
        cushion(width, 0.26, back - 0.08, 0.08, 9.0).at(0, 0.14, 0.08),
    ]
    parts += [cushion(thick, deep, arm - 0.08, 0.07, 8.0).at(s * (width - thick) / 2, deep / 2, 0.08) for s in (-1, 1)]
    places = max(round((width - 2 * thick) / 0.7), 1)
    w = (width - 2 * thick) / places
    x = (np.arange(places) + 0.5) * w - (width - 2 * thick) / 2
    parts.append(
        copies(
            cushion(w - 0.015, deep - 0.26, 0.17, 0.05, 8.0),
            np.stack([x, 0 * x + 0.24 + (deep - 0.24) / 2, 0 * x + seat - 0.14], 1),
        )
    )
    legs = np.array([[sx * (width / 2 - 0.1), y, 0] for sx in (-1, 1) for y in (0.1, deep - 0.1)])
    pieces: list[Piece] = [(join(parts), "chair", SEAT), (copies(box(0.06, 0.06, 0.1), legs), "chair", LEGS)]
    for k in range(places):
        if rng.random() < 0.65:
            q = x[k] + rng.uniform(-0.1, 0.1)
            pieces.append((cushion(0.44, 0.4, 0.17, 0.08, 3.2).tilted(62).at(q, 0.42, seat + 0.02), "pillow", k % 2))
    return pieces


def lamp(kind: str, rng: np.random.Generator, drop: float = 0.5) -> list[Piece]:
    """A lamp: "table" and "floor" stand on z = 0, "pendant" hangs down from z = 0."""
    if kind == "pendant":
        shape = str(rng.choice(["cone", "ball", "drum"]))
        wire = tube(0.012, 0.012, drop, 6).at(0, 0, -drop)
        if shape == "ball":
            shade = lump(0.42, 0.42, 0.42, rng, 0, 11).at(0, 0, -drop - 0.2)
        else:
            low, high = (0.28, 0.07) if shape == "cone" else (0.26, 0.26)
            shade = tube(low, high, 0.26, 20).at(0, 0, -drop - 0.26)
        return [
            (wire, "lamp", FOOT),
            (tube(0.06, 0.06, 0.03, 12).at(0, 0, -0.03), "lamp", FOOT),
            (shade, "lamp", SHADE),
        ]
    scale = 1.0 if kind == "floor" else 0.62
    tall = rng.uniform(1.25, 1.5) if kind == "floor" else rng.uniform(0.24, 0.34)
    low, high = (0.23, 0.13) if rng.random() < 0.6 else (0.2, 0.2)
    shade = tube(low * scale, high * scale, 0.32 * scale, 20).at(0, 0, tall - 0.04)
    foot = [tube(0.15 * scale, 0.13 * scale, 0.03, 16), tube(0.016, 0.016, tall, 8)]
    if kind == "table":
        foot.append(lump(0.16, 0.16, tall * 0.8, rng, 0, 7).at(0, 0, tall * 0.42))
    return [(shade, "lamp", SHADE), (join(foot), "lamp", FOOT)]


def plant(rng: np.random.Generator, height: float) -> list[Piece]:
    """A plant in a pot: "bushy", "palm" with arching leaves, or "upright" with sword leaves."""
    r, pot = height * rng.uniform(0.13, 0.17), height * rng.uniform(0.22, 0.3)
    shape = str(rng.choice(["bushy", "arching", "upright"]))
    pieces: list[Piece] = [(tube(r * 0.75, r, pot, 16), "plant", POT)]
    if shape == "bushy":
        crown, rest = [], height - pot
        for k in range(6):
            a, q = k * 2.399963, height * (0.13 if k else 0.0)
            size = height * rng.uniform(0.26, 0.42)
            z = pot + rest * (0.45 + 0.09 * k)
            crown.append(lump(size, size, size * 0.9, rng, 0.3, 8, 4.0).at(q * np.cos(a), q * np.sin(a), z))
        pieces.append((join(crown), "plant", LEAF))
        pieces.append((rod((0, 0, pot * 0.8), (0, 0, pot + rest * 0.5), 0.02 * height), "plant", STEM))
        return pieces
    leaves = []
    count = int(rng.integers(12, 18))
    for k in range(count):
        t = np.linspace(0, 1, 7)[:, None]
        lift = rng.uniform(0.55, 1.0)
        width = (
            np.array([-1, 0, 1])[None]
            * height
            * (0.055 if shape == "arching" else 0.04)
            * np.sin(np.pi * (0.08 + 0.9 * t)) ** 0.8
        )
        reach = (height - pot) * (0.55 if shape == "arching" else 0.22) * (1.25 - 0.6 * lift)
        out = reach * t + 0 * width
        up = pot + (height - pot) * lift * (t if shape == "upright" else 1.9 * t - 1.15 * t * t) - 0.3 * np.abs(width)
        grid = np.stack([width, out, up + 0 * width], 2)
        leaves.append(surface(grid, np.stack([width, out], 2), smooth=False).at(yaw=k * 137.5))
    pieces.append((join(leaves), "plant", LEAF))
    return pieces


def picture(width: float, height: float) -> list[Piece]:
    """A framed picture whose middle is at z = 0."""
    image = rectangle((-width / 2, 0.035, -height / 2), (width, 0, 0), (0, 0, height))
    uv = image.uv / max(width, height)
    t = 0.045
    bars = [box(width + 2 * t, 0.05, t).at(0, 0.02, z) for z in (-height / 2 - t, height / 2)]
    bars += [box(t, 0.05, height).at(x, 0.02, -height / 2) for x in (-width / 2 - t / 2, width / 2 + t / 2)]
    return [(Mesh(image.corners, image.normals, uv), "picture", IMAGE), (join(bars), "picture", BORDER)]


def window(width: float, height: float, rows: int, columns: int) -> list[Piece]:
    """A window whose sill is at z = 0; its panes are uv 0..1 over the whole window."""
    pane = rectangle((-width / 2, 0.008, 0), (width, 0, 0), (0, 0, height))
    t = 0.06
    bars = [box(width + 2 * t, 0.1, t).at(0, 0, z) for z in (-t, height)]
    bars += [box(t, 0.1, height).at(x, 0) for x in (-width / 2 - t / 2, width / 2 + t / 2)]
    bars += [box(0.04, 0.06, height).at(width * (k / columns - 0.5), 0) for k in range(1, columns)]
    bars += [box(width, 0.06, 0.04).at(0, 0, height * k / rows - 0.02) for k in range(1, rows)]
    bars.append(box(width + 0.16, 0.14, 0.05).at(0, 0.02, -t - 0.05))
    glass = Mesh(pane.corners, pane.normals, pane.uv / np.array([width, height]))
    return [(glass, "window", PANE), (join(bars), "window", BARS)]


def curtains(width: float, height: float, low: float, rng: np.random.Generator) -> list[Piece]:
    """Two curtains beside a window of this size, `low` metres below its sill, and their rod."""
    reach = width * rng.uniform(0.16, 0.34) + 0.1
    tall = height + low + 0.2
    pieces = []
    for side in (-1, 1):
        x = np.linspace(0, 1, 49)[None]
        z = np.linspace(0, 1, 9)[:, None]
        gathered = 1 - 0.25 * np.sin(np.pi * z) * (rng.random() < 0.5)
        across = side * (width / 2 + 0.22 - reach * x * gathered)
        wave = 0.15 + 0.045 * np.cos(2 * np.pi * x * round(reach / 0.12)) * (0.6 + 0.4 * (1 - z))
        grid = np.stack([across, wave + 0 * z, -low + tall * z + 0 * x], 2)
        uv = np.stack([x * reach * 1.5 + 0 * z, tall * z + 0 * x], 2)
        pieces.append((surface(grid, uv), "curtain", 0))
    pole = rod((-width / 2 - 0.32, 0.15, height + 0.2), (width / 2 + 0.32, 0.15, height + 0.2), 0.02, 8)
    pieces.append((pole, "curtain", 1))
    if rng.random() < 0.2:
        pieces.append((box(width + 0.6, 0.2, 0.24).at(0, 0.1, height + 0.06), "curtain", 0))
    return pieces


def door(width: float, height: float, panels: int) -> list[Piece]:
    """A closed door in its frame."""
    parts: list[Piece] = [(box(width, 0.05, height), "door", 0)]
    t = 0.09
    frame = [box(t, 0.1, height + t).at(x, 0.01) for x in (-width / 2 - t / 2, width / 2 + t / 2)]
    frame.append(box(width, 0.1, t).at(0, 0.01, height))
    parts.append((join(frame), "door", 1))
    if panels:
        h = (height - 0.3) / panels
        for k in range(panels):
            parts.append((box(width - 0.3, 0.02, h - 0.12).at(0, 0.03, 0.2 + k * h), "door", 2))
    parts.append(
        (lump(0.07, 0.07, 0.07, np.random.default_rng(0), 0, 6).at(width / 2 - 0.1, 0.09, height * 0.48), "door", 3)
    )
    return parts


def rug(width: float, depth: float, round_: bool) -> list[Piece]:
    """A rug around x = y = 0; the border is a part of its own."""
    if not round_:
        inner = box(width - 0.24, depth - 0.24, 0.02)
        top = Mesh(inner.corners[8:], inner.normals[8:], inner.uv[8:])
        return [(box(width, depth, 0.014), "rug", 1), (top, "rug", 0)]
    sides = 40
    flat_: list[Piece] = []
    for part, (low, high) in enumerate(((0.0, 0.86), (0.86, 1.0))):
        rows = np.stack([ring(width / 2 * t, depth / 2 * t, sides, 0.016) for t in (low, high)])
        rows = np.concatenate([rows, rows[:, :1]], 1)
        flat_.append((surface(rows, rows[..., :2] + width / 2, smooth=False), "rug", part))
    return flat_
