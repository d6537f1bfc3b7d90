"""Hair cuts: the scalp raised above a hairline, a curtain of long hair, and buns and tails of simple solids."""

from __future__ import annotations

import numpy as np

from smis.synth.body import Body, Shape, vertex_normals
from smis.synth.layers import Layer, around_uv, make_layer
from smis.synth.noise import value_noise

FEMALE = (("long", 0.36), ("bob", 0.2), ("ponytail", 0.12), ("bun", 0.11), ("short", 0.09), ("afro", 0.12))
MALE = (("short", 0.5), ("quiff", 0.2), ("buzz", 0.08), ("afro", 0.1), ("bob", 0.07), ("bun", 0.05))


def build_hair(body: Body, shape: Shape, female: bool, rng: np.random.Generator) -> list[Layer]:
    """The layers of a random hair cut."""
    names, chances = zip(*(FEMALE if female else MALE), strict=True)
    kind = str(rng.choice(names, p=chances))
    fringe = kind in ("long", "bob", "ponytail", "short") and rng.random() < 0.35
    layers = [_cap(body, shape, kind, fringe, rng)]
    if kind in ("long", "bob"):
        layers.append(_curtain(body, shape, rng.uniform(0.26, 0.5) if kind == "long" else rng.uniform(0.56, 0.66), rng))
    if kind == "bun":
        place = np.array([0, 0.0, 0.865]) if rng.random() < 0.6 else np.array([0, 0.055, 0.78])
        layers.append(_solid(body, shape, place, [0.0], [rng.uniform(0.045, 0.065)], rng))
    if kind == "ponytail":
        side = float(rng.choice([-0.07, 0, 0.07]))
        place = np.array([side * 0.6, 0.04, 0.79])
        steps = np.linspace(0, 1, 7)
        thick = rng.uniform(0.035, 0.055) * np.sin(0.6 + steps * 2.3)
        layers.append(_solid(body, shape, place, list(steps * rng.uniform(0.25, 0.42)), list(thick), rng, side))
    return layers


def _cap(body: Body, shape: Shape, kind: str, fringe: bool, rng: np.random.Generator) -> Layer:
    """The scalp above the hairline, raised along its normals."""
    x, y, z = body.template.T
    line = rng.uniform(0.785, 0.8) + rng.uniform(-0.25, 0.25) * x
    above = z - (line - (y + 0.15) * 0.8) - 0.004 * np.sin(60 * x)
    if fringe:
        low = rng.uniform(0.757, 0.768) + 0.25 * np.abs(x)
        above = np.where(y < -0.03, np.maximum(above, z - low), above)
    else:
        above = np.where(y > -0.165, above, -1)
    ear = (np.hypot((y + 0.047) / 0.026, (z - 0.711) / 0.036) - 1) * 0.03  # the ears stay free
    above = np.minimum(above, np.where(np.abs(x) > 0.055, ear, 1))
    volume = {
        "buzz": 0.004,
        "short": rng.uniform(0.009, 0.026),
        "quiff": rng.uniform(0.014, 0.022),
        "afro": rng.uniform(0.045, 0.085),
    }.get(kind, rng.uniform(0.008, 0.016))
    faces = body.faces["body"]
    faces = faces[(body.template[faces][:, :, 2].min(1) > 0.58) & (body.head_weight[faces].min(1) > 0.5)]
    normals = vertex_normals(shape.vertices, body.faces["body"])
    rise = volume * np.clip(above / 0.03, 0, 1) ** 0.7
    if kind == "quiff":
        rise = rise + 0.035 * np.exp(-(((y + 0.12) / 0.05) ** 2)) * np.clip((z - 0.79) / 0.03, 0, 1)
    rough = {"afro": 0.25, "short": 0.35, "quiff": 0.3}.get(kind, 0.15)
    bumps = value_noise(x * 45 + y * 30, z * 45 - y * 20, int(rng.integers(100)))
    rise = rise * (1 + rough * (bumps - 0.5) * 2)
    directions = normals
    if kind == "afro":
        centre = shape.vertices[np.unique(faces)].mean(0) + np.array([0, 0.02, 0.05])
        directions = (shape.vertices - centre) / (np.linalg.norm(shape.vertices - centre, axis=1, keepdims=True) + 1e-9)
    vertices = shape.vertices + directions * (rise + 0.001)[:, None]
    return make_layer(body, "hair", vertices, faces, [above], around_uv(body.template, faces, 0.1, 0.03), 0, 0.1)


def _curtain(body: Body, shape: Shape, cut: float, rng: np.random.Generator) -> Layer:
    """Hair that falls to the height `cut`, open at the face; refined twice so waves and a ragged end fit on it."""
    base = make_layer(body, "hair", shape.vertices, body.faces["hair"], [], np.zeros((len(body.faces["hair"]), 3, 2)))
    arrays, faces = [base.rest, base.template], base.faces
    source = base.source
    for _ in range(2):
        arrays, source, faces = subdivide(arrays, source, faces)
    rest, template = arrays
    x, y, z = template.T
    angle = np.arctan2(x, -(y + 0.03))
    normals = vertex_normals(rest, faces)
    hanging = np.clip((0.7 - z) / 0.15, 0, 1)
    seed = int(rng.integers(100))
    strands = value_noise(angle * 6, z * 3, seed)
    behind = np.clip((y + 0.02) / 0.05, 0, 1)  # clear of collars and coats
    wave = rng.choice([0.0, 0.006, 0.014]) * np.sin(z * rng.uniform(40, 70) + 3 * strands + angle * 2)
    rest = rest + normals * (0.004 + hanging * (wave + 0.03 * strands + 0.014 * behind))[:, None]
    ragged = 0.05 * (value_noise(angle * 7, angle * 0, seed + 1) - 0.5) + 0.03 * np.cos(angle * 2)
    opening = rng.uniform(0.048, 0.064) + 0.01 * (value_noise(z * 25, z * 0, seed + 2) - 0.5)
    end = np.where(y < -0.02, max(cut, rng.uniform(0.4, 0.52)), cut)
    face_free = np.where((y < -0.03) & (z < 0.8), np.abs(x) - opening, 1.0)
    uv = around_uv(template, faces, 0.1, 0.03)
    return Layer("hair", rest, source, template, faces, np.stack([z - end - ragged, face_free], 1), uv, 0, 0.3)


def _solid(
    body: Body,
    shape: Shape,
    place: np.ndarray,
    drops: list[float],
    radii: list[float],
    rng: np.random.Generator,
    sideways: float = 0.0,
) -> Layer:
    """A ball (one radius) or a hanging tail (several) fixed to the head at a place given on the template."""
    at = int(np.linalg.norm(body.template - place, axis=1).argmin())
    anchor = shape.vertices[at] + (place - body.template[at])
    rows, columns = 12, 14
    v, a = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 2 * np.pi, columns, endpoint=False), indexing="ij")
    if len(radii) == 1:
        radius, drop = radii[0] * np.sin(np.pi * v), -radii[0] * np.cos(np.pi * v)
        back = sway = np.zeros_like(v)
    else:
        radius = np.interp(v, np.linspace(0, 1, len(radii)), radii) * np.clip(np.minimum(v, 1 - v) * 12, 0, 1)
        drop = np.interp(v, np.linspace(0, 1, len(drops)), drops)
        back, sway = 0.08 * np.sin(np.pi * np.clip(v * 1.2, 0, 1)), 2.0 * sideways * np.sqrt(v)
    radius = radius * (1 + 0.2 * (value_noise(a * 2, v * 9, int(rng.integers(100))) - 0.5))
    points = np.stack([radius * np.cos(a) + sway, radius * np.sin(a) + back, -drop], 2).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    p, q = i * columns + j, i * columns + (j + 1) % columns
    below, next_below = p + columns, q + columns
    faces = np.concatenate([np.stack([p, q, below], -1), np.stack([q, next_below, below], -1)]).reshape(-1, 3)
    follows = int((body.weights[:, body.bone("head")] * (body.template[:, 2] > 0.8)).argmax())
    source = np.full((len(points), 1), follows)
    template = place + points
    uv = around_uv(points + np.array([0, -0.01, 0]), faces, 0.06, 0.01)
    return Layer("hair", anchor + points, source, template, faces, np.ones((len(points), 1)), uv, 0, 0.1)


def subdivide(
    arrays: list[np.ndarray], source: np.ndarray, faces: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Split each triangle in four at its edges' middles; `arrays` (N, ...) are averaged, `source` (N, S) joined."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    unique, inverse = np.unique(edges, axis=0, return_inverse=True)
    count = len(arrays[0])
    ab, bc, ca = (count + inverse.reshape(3, -1)).reshape(3, -1)
    a, b, c = faces.T
    fine = np.concatenate([np.stack(f, 1) for f in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
    joined = np.concatenate(
        [np.concatenate([source, source], 1), np.concatenate([source[unique[:, 0]], source[unique[:, 1]]], 1)]
    )
    return [np.concatenate([x, (x[unique[:, 0]] + x[unique[:, 1]]) / 2]) for x in arrays], joined, fine
