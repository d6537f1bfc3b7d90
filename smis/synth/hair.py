"""Hair: the scalp raised above a hairline, a curtain of long hair, and tails and buns of simple solids.

Cloth coordinates of hair are (across, along) its strands, so that paint and clumps follow the way it is combed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smis.synth.body import Body, Shape, vertex_normals
from smis.synth.haircuts import Cut, Tail, sample_cut
from smis.synth.layers import Layer, unwrap
from smis.synth.noise import value_noise

CENTRE = np.array([0.0, -0.045, 0.745])  # of the head, on the template
RADIUS = 0.1
CROWN = 0.025  # how far behind the top of the head strands start


@dataclass(frozen=True)
class Mesh:
    """Faces of the body, split in four `len(halves)` times. `used`: their vertices; `source`, `faces`: as in Layer."""

    used: np.ndarray
    halves: tuple[np.ndarray, ...]
    source: np.ndarray
    faces: np.ndarray

    def lift(self, values: np.ndarray) -> np.ndarray:
        """Values (V, ...) at the body's vertices to values (N, ...) at the mesh's points."""
        values = values[self.used]
        for pairs in self.halves:
            values = np.concatenate([values, (values[pairs[:, 0]] + values[pairs[:, 1]]) / 2])
        return values


def build_hair(body: Body, shape: Shape, female: bool, rng: np.random.Generator) -> list[Layer]:
    """The layers of a random hair cut; none for a bald head."""
    cut = sample_cut(female, rng)
    seed = int(rng.integers(100))
    return [] if cut is None else build_cut(body, shape, cut, seed)


def build_cut(body: Body, shape: Shape, cut: Cut, seed: int) -> list[Layer]:
    """The layers of a hair cut; `seed`: of its clumps and curls."""
    layers = [_cap(body, shape, cut, seed)]
    if cut.end is not None:
        layers.append(_curtain(body, shape, cut, cut.end, seed))
    return layers + [_tail(body, shape, tail, seed + k) for k, tail in enumerate(cut.tails)]


def _cap(body: Body, shape: Shape, cut: Cut, seed: int) -> Layer:
    """The scalp above the hairline, raised along its normals."""
    mesh = _scalp(body)
    template = mesh.lift(body.template)
    x, y, z = template.T
    flat = _flatten(template)
    across, along = _strands(flat, cut)
    clump = 0.6 * value_noise(across * 55, along * 9, seed) + 0.4 * value_noise(across * 130, along * 18, seed + 1)
    fine = value_noise(across * 210, along * 25, seed + 5)
    above = _hairline(template, cut) + cut.serration * (2 * clump + 1.2 * fine - 1.6)
    above = np.minimum(above, 0.004 + cut.strip - np.abs(x)) if cut.strip < 1 else above
    above = np.minimum(above, cut.bald_above - z + 0.5 * np.clip(y + 0.02, 0, 0.05) + 0.02 * (clump - 0.5))

    if cut.curl:  # no tufts below the ears
        above = np.minimum(above, z - 0.69 + 0.02 * clump)

    top = np.clip((z + 0.15 * clump * cut.volume - 0.772) / 0.022, 0, 1)
    top = top * top * (3 - 2 * top)
    rise = cut.volume * (cut.sides + (1 - cut.sides) * top)
    rise = rise + cut.lift * np.exp(-(((y + 0.115) / 0.05) ** 2)) * np.clip((z - 0.785) / 0.03, 0, 1)
    # one side of the head is never quite like the other
    rise = rise * (0.75 + 0.5 * value_noise(flat[:, 0] * 12 + 3, flat[:, 1] * 12, seed + 2))
    rise = rise * (1 + cut.rough * 2 * (clump - 0.5))
    if cut.flow == "parted":
        rise = rise * (1 - 0.75 * np.exp(-((along / 0.009) ** 2)))
    edge = np.clip(above / 0.028, 0, 1)
    rise = rise * np.where((y < -0.06) & (cut.fringe != "none"), 0.35 + 0.65 * edge, edge**0.6)
    if cut.curl:
        often = np.clip(0.7 / cut.curl, 45, 100)  # small curls are many
        curls = value_noise(flat[:, 0] * often, flat[:, 1] * often, seed + 3)
        curls = curls + value_noise(z * often, (x + y) * 0.9 * often, seed + 4)
        rise = rise + cut.curl * np.clip(above / 0.01, 0, 1) * (np.abs(curls - 1) * 3 - 0.6)

    rest = mesh.lift(shape.vertices)
    directions = mesh.lift(vertex_normals(shape.vertices, body.faces["body"]))
    if cut.curl and cut.volume > 0.03:  # big curls make a ball, rounder than the head
        away = rest - shape.heads[body.bone("head")] - (CENTRE - body.head("head")) - np.array([0, 0.015, 0.025])
        distance = np.linalg.norm(away, axis=1) + 1e-9
        directions = away / distance[:, None]
        ball = 0.1 + 0.75 * cut.volume * (0.9 + 0.2 * value_noise(flat[:, 0] * 12, flat[:, 1] * 12, seed + 2))
        rise = rise - cut.volume * edge**0.6 + np.maximum(ball - distance, 0.3 * cut.volume) * edge**0.5
    rest = rest + directions * np.maximum(rise + 0.001, 0.001)[:, None]
    return _layer(mesh, rest, template, np.stack([above], 1), flat, cut)


def _hairline(template: np.ndarray, cut: Cut) -> np.ndarray:
    """Positive where hair grows (N,), in metres; fringes reach down over the forehead."""
    x, y, z = template.T
    side = np.sign(cut.parting) if cut.parting else 1.0
    above = z - (cut.hairline - (y + 0.15) * 0.8)
    temple = np.exp(-(((np.abs(x) - 0.05) / 0.02) ** 2)) * np.clip((-0.07 - y) / 0.03, 0, 1)
    above = above - cut.recede * temple - cut.nape * np.clip((y + 0.02) / 0.05, 0, 1)
    if cut.fringe != "none":
        low = {
            "straight": cut.fringe_low + 0.25 * np.abs(x),
            "swept": cut.fringe_low + 0.012 + 0.35 * side * x + 2 * x**2,
            "curtain": cut.fringe_low + 0.045 - 0.9 * np.abs(x - cut.parting * 0.6),
        }[cut.fringe]
        above = np.where(y < -0.03, np.maximum(above, z - np.maximum(low, 0.752)), above)
    else:
        above = np.where(y > -0.165, above, -1)
    if cut.cover_ears:
        return above
    ear = (np.hypot((y + 0.047) / 0.026, (z - 0.711) / 0.036) - 1) * 0.03
    return np.minimum(above, np.where(np.abs(x) > 0.055, ear, 1))


def _curtain(body: Body, shape: Shape, cut: Cut, end: float, seed: int) -> Layer:
    """Hair that falls to the height `end`, open at the face, with locks, waves and uneven ends."""
    mesh = _fall(body)
    rest, template = mesh.lift(shape.vertices), mesh.lift(body.template)
    x, y, z = template.T
    angle = np.arctan2(x, -(y + 0.03))
    away = (template - CENTRE) * np.array([1, 1, 0]) + np.clip(z - CENTRE[2], 0, None)[:, None] * np.array([0, 0, 1])
    outward = away / (np.linalg.norm(away, axis=1, keepdims=True) + 1e-9)  # not normals: the mesh is of many strips
    locks = 0.6 * value_noise(angle * 5, z * 3, seed) + 0.4 * value_noise(angle * 13, z * 4, seed + 1)
    fine = value_noise(angle * 24, z * 6, seed + 2)
    hanging = np.clip((0.74 - z) / 0.16, 0, 1)
    behind = np.clip((y + 0.02) / 0.05, 0, 1)  # clear of collars and coats
    phase = z * (2 * np.pi / cut.wave_length) + 9 * value_noise(angle * 3, z * 2, seed + 3)
    front = np.clip((0.02 - y) / 0.1, 0, 1)
    low = end + (cut.front_end - end) * front + cut.ragged * (2 * locks - 1) + 0.03 * (fine - 0.5)
    short = mesh.lift(_strip_ends(body)) > 0.5  # strips at the temples, as long as the chin
    low = np.where(short, np.maximum(low, cut.framing + 0.06 * (locks - 0.5) + 0.05 * (fine - 0.5)), low)
    turned = np.where(short, 0.01, cut.taper) * np.clip(1 - (z - low) / 0.12, 0, 1) ** 2
    out = (
        0.004
        + 0.5 * cut.volume * (1 - hanging)
        + hanging * (0.012 + 0.022 * locks + 0.006 * fine + 0.014 * behind)
        - turned
    )
    rest = rest + outward * (out + cut.wave * hanging * np.sin(phase))[:, None]
    sideways = np.stack([-outward[:, 1], outward[:, 0], 0 * x], 1)
    wider = mesh.lift(_strip_sides(body)) * 0.012  # strips overlap, so no gap opens between them
    rest = rest + sideways * (wider + cut.wave * hanging * np.cos(phase))[:, None]

    width = cut.opening + 0.02 * (locks - 0.5) + 0.012 * (fine - 0.5)
    width = width * np.sqrt(np.clip((0.815 - z) / 0.05, 0, 1)) - 0.03 * (z > 0.815)
    shift = cut.parting * np.clip((z - 0.74) / 0.06, 0, 1)
    free = np.abs(x - shift) - width + 0.2 * np.clip((y + 0.05) / 0.03, 0, 1)
    slits = 0.04 * (fine - 0.36 * np.clip(1 - (z - low) / 0.06, 0, 1))  # locks part towards the ends
    return _layer(mesh, rest, template, np.stack([z - low, free, slits], 1), _flatten(template), cut, 0.3)


def _tail(body: Body, shape: Shape, tail: Tail, seed: int) -> Layer:
    """A ball, tail or braid that moves with the head."""
    place = np.array(tail.place)
    at = int(np.linalg.norm(body.template - place, axis=1).argmin())
    anchor = shape.vertices[at] + (place - body.template[at])
    ball = len(tail.radii) == 1
    rows, columns = 16 if ball else max(30, 6 * tail.knots), 16
    v, a = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 2 * np.pi, columns, endpoint=False), indexing="ij")
    steps = np.linspace(0, 1, len(tail.radii))
    middle = np.stack([np.interp(v, steps, tail.path[:, k]) for k in range(3)], 2)
    wrap = 0 * v
    if ball:
        radius = tail.radii[0] * np.sin(np.pi * v)
        middle[:, :, 2] -= tail.radii[0] * np.cos(np.pi * v)
        radius = radius * (1 + 0.12 * np.sin(3 * a + 9 * v))
        wrap = v
    else:
        radius = np.interp(v, steps, tail.radii) * np.clip(np.minimum(v * 20, (1 - v) * 8), 0, 1)
        if tail.knots:
            knot = v * tail.knots + 0.5 * (np.cos(a) > 0)
            radius = radius * (0.72 + 0.4 * np.abs(np.sin(np.pi * knot)))
        else:
            middle[:, :, 0] += 0.012 * v * np.sin(9 * v + seed)
    lumps = value_noise(a * 2, v * (9 if ball else 4), seed)
    radius = radius * (1 + 0.35 * (lumps - 0.5))
    points = np.stack([radius * np.cos(a), radius * np.sin(a), 0 * a], 2) + middle
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    p, q = i * columns + j, i * columns + (j + 1) % columns
    below, next_below = p + columns, q + columns
    faces = np.concatenate([np.stack([p, q, below], -1), np.stack([q, next_below, below], -1)]).reshape(-1, 3)
    length = np.abs(tail.path[-1, 2]) if not ball else 0.1
    strands = np.stack([a * 0.05 + 0.04 * wrap + 0.05 * np.floor(v * tail.knots), 0.06 + v * length], 2).reshape(-1, 2)
    uv = unwrap(strands[faces], np.full(len(faces), 0.1 * np.pi))
    follows = int((body.weights[:, body.bone("head")] * (body.template[:, 2] > 0.8)).argmax())
    points = points.reshape(-1, 3)
    source = np.full((len(points), 1), follows)
    return Layer("hair", anchor + points, source, place + points, faces, np.ones((len(points), 1)), uv, 0, 0.15)


def _layer(
    mesh: Mesh,
    rest: np.ndarray,
    template: np.ndarray,
    keep: np.ndarray,
    flat: np.ndarray,
    cut: Cut,
    folds: float = 0.15,
) -> Layer:
    """A layer of the faces that `keep` leaves something of."""
    faces = mesh.faces[(keep[mesh.faces] >= 0).any(1).all(1)]
    across, along = _strands(flat, cut)
    if cut.curl:  # curls have no common direction
        across = across + 0.05 * value_noise(flat[:, 0] * 40, flat[:, 1] * 40, 1)
        along = along + 0.07 * value_noise(flat[:, 0] * 45, flat[:, 1] * 45, 2)
    uv = np.stack([across, along + np.clip(CENTRE[2] - template[:, 2], 0, None)], 1)[faces]
    if cut.flow == "parted":  # a face across the parting belongs to one side
        side = np.where(flat[faces][:, :, 0].mean(1) < cut.parting, -1.0, 1.0)
        uv[:, :, 0] = np.abs(uv[:, :, 0]) * side[:, None]
    elif cut.flow != "back":
        uv = unwrap(uv, np.full(len(faces), 2 * np.pi * RADIUS))
    return Layer("hair", rest, mesh.source, template, faces, keep, uv, 0, folds)


def _flatten(template: np.ndarray) -> np.ndarray:
    """The head rolled out on a plane (N, 2), in metres from its top: x to its left, y to its back."""
    away = template - CENTRE
    sideways = np.hypot(away[:, 0], away[:, 1]) + 1e-9
    polar = np.arctan2(sideways, np.maximum(away[:, 2], 0)) * RADIUS
    return away[:, :2] / sideways[:, None] * polar[:, None]


def _strands(flat: np.ndarray, cut: Cut) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (N,) across strands and along them from their roots, in metres."""
    x, y = flat[:, 0], flat[:, 1] - CROWN
    if cut.flow == "parted":  # down both sides of a line from the crown to the forehead, and round behind it
        x = x - cut.parting
        round_crown = np.arctan2(np.maximum(y, 0), np.abs(x))
        across = np.where(y < 0, 0.5 * np.pi * RADIUS - y, (0.5 * np.pi - round_crown) * RADIUS)
        return np.where(x < 0, -across, across), np.where(y < 0, np.abs(x), np.hypot(x, y))
    if cut.flow == "back":
        return x, y + 0.2
    if cut.flow == "gathered":
        tie = _flatten(np.array([cut.tails[0].place]))[0]
        x, y = flat[:, 0] - tie[0], flat[:, 1] - tie[1]
        return np.arctan2(x, -y) * RADIUS, np.maximum(0.3 - np.hypot(x, y), 0.03)
    return np.arctan2(x, -y) * RADIUS, np.hypot(x, y)


@lru_cache(maxsize=2)
def _scalp(body: Body) -> Mesh:
    """Where hair may grow, split once: locks at the hairline are finer than the body's mesh."""
    y, z = body.template[:, 1], body.template[:, 2]
    may = np.maximum(z - (0.775 - (y + 0.15) * 0.8), np.where(y < -0.03, z - 0.748, -1))
    faces = body.faces["body"]
    inside = (body.head_weight[faces].min(1) > 0.5) & (z[faces].min(1) > 0.58) & (may[faces].max(1) > -0.015)
    return _split(faces[inside], 1)


@lru_cache(maxsize=2)
def _fall(body: Body) -> Mesh:
    return _split(body.faces["hair"], 3)


@lru_cache(maxsize=2)
def _strip_ends(body: Body) -> np.ndarray:
    """The height (V,) at which the strip of the long hair's mesh that a vertex belongs to ends."""
    faces, lowest = body.faces["hair"], body.template[:, 2].copy()
    for _ in range(30):
        np.minimum.at(lowest, faces, lowest[faces].min(1)[:, None])
    return lowest


@lru_cache(maxsize=2)
def _strip_sides(body: Body) -> np.ndarray:
    """1 on the left border of each strip of the long hair's mesh, -1 on the right, 0 within (V,)."""
    faces, t = body.faces["hair"], body.template
    sums, count = np.zeros(t.shape), np.zeros(len(t))
    for k in range(3):
        for other in (faces[:, (k + 1) % 3], faces[:, (k + 2) % 3]):
            np.add.at(sums, faces[:, k], t[other])
            np.add.at(count, faces[:, k], 1)
    from_neighbours = (t - sums / np.maximum(count, 1)[:, None]) * (count > 0)[:, None]
    away = t - CENTRE
    sideways = (from_neighbours[:, 1] * away[:, 0] - from_neighbours[:, 0] * away[:, 1]) / np.hypot(*away.T[:2])
    return np.clip(sideways / 0.003, -1, 1)


def _split(faces: np.ndarray, times: int) -> Mesh:
    """Split each triangle in four at its edges' middles, several times."""
    used, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3)
    source, halves = used[:, None], []
    for _ in range(times):
        edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
        pairs, inverse = np.unique(edges, axis=0, return_inverse=True)
        ab, bc, ca = len(source) + inverse.reshape(3, -1)
        a, b, c = faces.T
        faces = np.concatenate([np.stack(f, 1) for f in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
        source = np.concatenate([np.tile(source, 2), np.concatenate([source[pairs[:, 0]], source[pairs[:, 1]]], 1)])
        halves.append(pairs)
    return Mesh(used, tuple(halves), source, faces)
