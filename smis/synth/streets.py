"""Rendered streets: a road that may bend, houses or trees at its sides, cars, and a camera at many places."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from smis.labels import STREETS
from smis.synth.cars import SHAPES, car
from smis.synth.daylight import Daylight, Lamp, all_around
from smis.synth.houses import build_house, sample_house
from smis.synth.scene import Builder, Camera, Scene, shoot
from smis.synth.seeds import Seeds
from smis.synth.solids import Mesh, box, copies, join, loft, lump, ring, rod, surface, tube
from smis.synth.street_styles import PAINTERS
from smis.synth.trees import TREES, Tree

BACK, AHEAD = -45.0, 130.0  # metres of street behind and before the camera's place
CURB = 0.13


def render_styles(versions: Sequence[Seeds], size: int = 128) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """See `Shot.paint_each`: seeds that differ in styles only share a scene, which is built and lit once."""
    seeds = versions[0]
    scene = build_street(np.random.default_rng(seeds.geometry))
    shot = shoot(scene, sample_daylight(seeds.light, scene.camera), STREETS, size)
    yield from shot.paint_each(PAINTERS, versions)


@dataclass(frozen=True)
class Road:
    """The ground plan: half the road's width, the sidewalks' width, and how much the street bends (1 / metres)."""

    half: float
    walk: float
    bend: float

    @property
    def edge(self) -> float:
        """Where the sidewalk ends, metres from the middle of the road."""
        return self.half + self.walk

    def at(self, x: np.ndarray | float, y: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Place (..., 2) of what lies x metres right of the middle after y metres, and the street's yaw there."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        turn = self.bend * y
        place = np.stack([self.bend * y * y / 2 + x * np.cos(turn), y - x * np.sin(turn)], -1)
        return place, -np.rad2deg(turn)

    def put(self, mesh: Mesh, x: float, y: float, z: float = 0, yaw: float = 0) -> Mesh:
        """A mesh beside the street, turned with it."""
        (px, py), turn = self.spot(x, y)
        return mesh.at(px, py, z, yaw + turn)

    def spot(self, x: float, y: float) -> tuple[tuple[float, float], float]:
        """`at` for one place."""
        turn = self.bend * y
        place = self.bend * y * y / 2 + x * math.cos(turn), y - x * math.sin(turn)
        return place, -math.degrees(turn)

    def ribbon(self, x0: float, x1: float, z: float, start: float, end: float, pieces: int = 1) -> Mesh:
        """A strip along the street; u is metres from the middle, v metres along."""
        x = np.linspace(x0, x1, pieces + 1)[None]
        y = np.linspace(start, end, max(int((end - start) / 3), 2))[:, None]
        place, _ = self.at(x + 0 * y, y + 0 * x)
        points = np.concatenate([place, np.full((*place.shape[:2], 1), z)], 2)
        return surface(points, np.stack([x + 0 * y, y + 0 * x], 2), smooth=False)


def build_street(rng: np.random.Generator) -> Scene:
    """A random street."""
    wide = rng.random() < 0.3
    road = Road(
        rng.uniform(4.2, 5.5) if wide else rng.uniform(2.6, 3.8),
        rng.uniform(1.4, 3.0),
        rng.normal(0, 0.004) * (rng.random() < 0.6),
    )
    camera = _camera(road, rng)
    b = Builder(STREETS)
    _ground(b, road, rng)
    _mountains(b, camera, rng)
    kinds = [k for k in TREES if k != "bush"]
    chosen = [str(k) for k in rng.choice(kinds, size=2, replace=False, p=[0.3, 0.25, 0.1, 0.15, 0.1, 0.1])]
    planter = _Planter(b, road, camera, chosen, rng)
    for side in (-1, 1):
        _side(b, road, side, planter, rng)
    if rng.random() < 0.7:
        planter.row(int(rng.choice([-1, 1])), rng.uniform(6, 13))
        if rng.random() < 0.5:
            planter.row(int(rng.choice([-1, 1])), rng.uniform(6, 13))
    _cars(b, road, camera, rng)
    _lamps(b, road, camera, rng)
    _signs(b, road, camera, rng)
    return b.scene(camera)


def _camera(road: Road, rng: np.random.Generator) -> Camera:
    side = int(rng.choice([-1, 1]))
    kind = str(rng.choice(["along", "slanting", "across", "high"], p=[0.36, 0.34, 0.16, 0.14]))
    u = rng.uniform
    if kind == "along":
        x, yaw, height, horizon = u(-road.edge, road.edge), u(-14, 14), u(1.3, 2.6), u(0.36, 0.52)
    elif kind == "slanting":
        x, yaw, height, horizon = side * u(0.3, 1.0) * road.edge, -side * u(15, 50), u(1.3, 2.8), u(0.32, 0.48)
    elif kind == "across":
        x, yaw, height, horizon = side * (road.edge - 0.2), -side * u(55, 85), u(1.4, 2.8), u(0.28, 0.42)
    else:
        x, yaw, height, horizon = side * u(0.4, 1.0) * road.edge, -side * u(5, 45), u(4.0, 8.0), u(0.55, 0.72)
    place, turn = road.at(x, 0)
    eye = np.array([*place, height])
    return Camera(eye, yaw - float(turn), u(52, 70), horizon)


def seen_from(camera: Camera, place: tuple[float, float], margin: float = 14.0) -> tuple[float, bool]:
    """How far a place is from the camera, and whether it may be seen or throw a shadow that is."""
    dx, dy = place[0] - camera.eye[0], place[1] - camera.eye[1]
    a = math.radians(camera.yaw)
    right, ahead = dx * math.cos(a) - dy * math.sin(a), dx * math.sin(a) + dy * math.cos(a)
    side = abs(right) - ahead * math.tan(math.radians(camera.view / 2))
    return math.hypot(dx, dy), ahead > -margin and side < margin * 1.2


def _ground(b: Builder, road: Road, rng: np.random.Generator) -> None:
    b.add(Mesh(*_plane(-0.03)), "grass", casts=False)
    crossing = rng.uniform(6, 18) if rng.random() < 0.4 else None
    zebra = 3.0
    parts = [(BACK, AHEAD, 0)]
    if crossing is not None:
        parts = [(BACK, crossing, 0), (crossing, crossing + zebra, 1), (crossing + zebra, AHEAD, 0)]
    for start, end, part in parts:
        b.add(road.ribbon(-road.half, road.half, 0.0, start, end), "road", part, casts=False)
    for side in (-1, 1):
        inner, outer = side * road.half, side * road.edge
        b.add(road.ribbon(inner, outer, CURB, BACK, AHEAD), "sidewalk", casts=False)
        b.add(_curb(road, inner), "sidewalk", 1, casts=False)


def _plane(z: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.linspace(-260, 260, 27)
    grid = np.stack(np.broadcast_arrays(x[None, :], x[:, None] + 60, np.full((1, 1), z)), 2)
    mesh = surface(grid, grid[..., :2].copy(), smooth=False)
    return mesh.corners, mesh.normals, mesh.uv


def _curb(road: Road, x: float) -> Mesh:
    y = np.linspace(BACK, AHEAD, 60)
    place, _ = road.at(np.full(60, x), y)
    rows = [np.concatenate([place, np.full((60, 1), z)], 1) for z in (0.0, CURB)]
    uv = np.stack([np.stack([np.full(60, x + z), y], 1) for z in (0, CURB)])
    return surface(np.stack(rows), uv, smooth=False)


def _mountains(b: Builder, camera: Camera, rng: np.random.Generator) -> None:
    if rng.random() < 0.35:
        return
    jagged = rng.random() < 0.6
    for k in range(int(rng.integers(1, 4))):
        away = 210 + 45 * k + rng.uniform(0, 20)
        turn = np.deg2rad(camera.yaw) + np.linspace(-1.15, 1.15, 90)
        height = np.zeros(90)
        for octave in range(5 if jagged else 3):
            f = 2.2 * 2.0**octave
            wave = np.sin(turn * f + rng.uniform(0, 2 * np.pi))
            height += 0.52**octave * ((1 - np.abs(wave)) if jagged else 0.5 + 0.5 * wave)
        height = (height - height.min()) / np.ptp(height)
        top = 3 + height * rng.uniform(22, 70) * (0.7 + 0.4 * k)
        rows = []
        for t in np.linspace(0, 1, 9):
            r = away - 60 * (1 - t) + 6 * np.sin(turn * 31 + k + 9 * t) * np.sin(np.pi * t)
            rows.append(np.stack([r * np.sin(turn), r * np.cos(turn), top * t**1.4 - 1], 1))
        points = np.stack(rows)
        uv = np.stack([np.broadcast_to(turn * away, points.shape[:2]), points[..., 2]], 2)
        b.add(surface(points, uv), "mountain", item=k, casts=False)


class _Planter:
    """Puts trees where there is room, never close before the camera."""

    def __init__(self, b: Builder, road: Road, camera: Camera, kinds: list[str], rng: np.random.Generator) -> None:
        self.b, self.road, self.camera, self.rng = b, road, camera, rng
        self.trees = [self._near_and_far(kind) for kind in kinds]
        self.bushes = [self._near_and_far("bush") for _ in range(1)]
        self.count = 0

    def _near_and_far(self, kind: str) -> tuple[Tree, Tree]:
        seed = int(self.rng.integers(2**31))
        near, far = (TREES[kind](np.random.default_rng(seed), fine) for fine in (1.0, 0.6))
        return near, far

    def tree(self, x: float, y: float, small: bool = False) -> None:
        """A tree; `small` ones stand beside a sidewalk."""
        size = self.rng.uniform(1.0, 1.6) * (0.8 if small else 1.0)
        self._plant(self.trees[int(self.rng.integers(len(self.trees)))], x, y, size, 4.5 + 1.5 * size)

    def bush(self, x: float, y: float) -> None:
        """A bush."""
        size = self.rng.uniform(0.7, 1.2)
        self._plant(self.bushes[int(self.rng.integers(len(self.bushes)))], x, y, size, 3.5)

    def _plant(self, versions: tuple[Tree, Tree], x: float, y: float, size: float, clear: float) -> None:
        yaw = self.rng.uniform(0, 360)
        away, seen = seen_from(self.camera, self.road.spot(x, y)[0])
        if away < clear or not seen:
            return
        self.count += 1
        for mesh, label in zip(versions[int(away > 22)], ("tree", "trunk")):
            if mesh is not None:
                self.b.add(self.road.put(mesh.scaled(size), x, y, 0, yaw), label, item=self.count)

    def row(self, side: int, step: float) -> None:
        """Trees at the outer edge of a sidewalk."""
        for y in np.arange(self.rng.uniform(-15, -5), 85, step):
            self.tree(side * (self.road.edge - 0.35), y, small=True)


def _side(b: Builder, road: Road, side: int, planter: _Planter, rng: np.random.Generator) -> None:
    """What stands along one side of the street, stretch by stretch."""
    y = -30.0
    while y < 105:
        kind = str(rng.choice(["houses", "row", "blocks", "park", "field"], p=[0.36, 0.18, 0.15, 0.23, 0.08]))
        end = y + rng.uniform(35, 75)
        if kind in ("park", "field"):
            _green(b, road, side, planter, kind == "park", (y, end), rng)
        else:
            _built(b, road, side, planter, kind, (y, end), rng)
        y = end + rng.uniform(0, 6)


def _built(
    b: Builder,
    road: Road,
    side: int,
    planter: _Planter,
    kind: str,
    stretch: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    own = {"houses": "house", "row": "row", "blocks": "block"}[kind]
    garden = {
        "houses": rng.uniform(3.5, 7),
        "row": float(rng.choice([0.3, rng.uniform(1.5, 3)])),
        "blocks": rng.uniform(0.2, 3),
    }[kind]
    fence = str(rng.choice(["none", "pickets", "rails", "boards"], p=[0.35, 0.3, 0.2, 0.15])) if garden > 2 else "none"
    shape = sample_house(own, rng)
    front = road.edge + garden
    y = stretch[0]
    while y < stretch[1]:
        if rng.random() < 0.6:
            shape = sample_house(own, rng)
        middle = y + shape.width / 2
        stretched = 1 / max(1 - road.bend * side * (front + shape.depth / 2), 0.5)
        planter.count += 1
        state = int(rng.integers(2**31))
        if seen_from(planter.camera, road.spot(side * (front + 4), middle)[0], 22)[1]:
            for mesh, label, part in build_house(shape, np.random.default_rng(state)):
                b.add(
                    road.put(mesh, side * front, middle, 0, -90 * side), label, part, planter.count, label != "window"
                )
        gap = rng.uniform(3, 8) if kind == "houses" else float(rng.choice([0.0, rng.uniform(2, 6)], p=[0.75, 0.25]))
        if garden > 2:
            door = middle + rng.uniform(-1, 1)
            strip = road.ribbon(side * road.edge, side * front, 0.02, door - 0.6, door + 0.6)
            b.add(strip, "sidewalk", casts=False)
            for _ in range(int(rng.integers(0, 4))):
                planter.bush(side * (front - rng.uniform(0.7, 1.2)), y + rng.uniform(0, shape.width))
        if kind == "houses":
            for _ in range(int(rng.integers(0, 4))):
                planter.tree(
                    side * (road.edge + rng.uniform(1.5, garden + 1)), y + shape.width + gap * rng.uniform(0.3, 0.7)
                )
            if rng.random() < 0.5:
                planter.tree(side * (front + shape.depth + rng.uniform(2, 6)), y + rng.uniform(0, shape.width))
        if fence != "none" and y < 70:
            _fence(b, road, side * (road.edge + 0.25), (y, min(y + shape.width + gap, 80)), fence, planter.camera)
        y += shape.width * stretched + gap


def _green(
    b: Builder,
    road: Road,
    side: int,
    planter: _Planter,
    park: bool,
    stretch: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    length = stretch[1] - stretch[0]
    for _ in range(int(length * (rng.uniform(0.4, 0.7) if park else rng.uniform(0.03, 0.12)))):
        planter.tree(side * (road.edge + rng.uniform(1.2, 22)), rng.uniform(*stretch))
    for _ in range(int(length * 0.12) if park else 0):
        planter.bush(side * (road.edge + rng.uniform(1, 14)), rng.uniform(*stretch))
    if rng.random() < 0.55:
        kind = str(rng.choice(["pickets", "rails", "boards"], p=[0.3, 0.55, 0.15]))
        start, end = max(stretch[0], -20), min(stretch[1], 75)
        if end > start + 2:
            _fence(b, road, side * (road.edge + 0.3), (start, end), kind, planter.camera)


def _fence(b: Builder, road: Road, x: float, stretch: tuple[float, float], kind: str, camera: Camera) -> None:
    start, end = stretch
    low, high, step = {"pickets": (0.1, 1.0, 0.3), "rails": (0.0, 1.15, 1.9), "boards": (0.05, 1.5, 1.6)}[kind]
    ys = np.arange(start, end, step)
    place, yaws = road.at(np.full(len(ys), x), ys)
    post = box(0.05, 0.17, high - low) if kind == "pickets" else box(0.13, 0.13, high)
    meshes = [copies(post, np.concatenate([place, np.full((len(ys), 1), low)], 1), yaws)]
    thin = {"pickets": ((0.3, 0.08), (0.75, 0.08)), "rails": ((0.4, 0.13), (0.85, 0.13)), "boards": ((low, 1.35),)}[
        kind
    ]
    for z, height in thin:
        strip = []
        ys = np.linspace(start, end, max(int((end - start) / 2), 2))
        place, _ = road.at(np.full(len(ys), x), ys)
        for q in (z, z + height):
            strip.append(np.concatenate([place, np.full((len(ys), 1), q)], 1))
        uv = np.stack([np.stack([ys, np.full(len(ys), q)], 1) for q in (z, z + height)])
        meshes.append(surface(np.stack(strip), uv, smooth=False))
    b.add(join(meshes), "fence", int(kind == "boards"))


def _cars(b: Builder, road: Road, camera: Camera, rng: np.random.Generator) -> None:
    names = list(SHAPES)
    places: list[tuple[float, float, float]] = []
    for side in (-1, 1):
        if rng.random() < 0.55:  # parked
            y = rng.uniform(-12, 0)
            while y < 60:
                if rng.random() < 0.62:
                    places.append((side * (road.half - 1.05), y, 0 if side > 0 else 180))
                y += rng.uniform(5.4, 7.5)
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.3, 0.4, 0.2, 0.1]))):  # driving
            places.append(
                (side * road.half * (0.32 if road.half > 4 else 0.45), rng.uniform(4, 40), 0 if side > 0 else 180)
            )
    kept: list[tuple[float, float]] = []
    for item, (x, y, yaw) in enumerate(places):
        away, seen = seen_from(camera, road.spot(x, y)[0])
        if away < 4.8 or not seen or any(abs(y - v) < 5.2 and abs(x - q) < 2.1 for q, v in kept):
            continue
        kept.append((x, y))
        for mesh, part in car(SHAPES[names[int(rng.choice(5, p=[0.28, 0.26, 0.18, 0.12, 0.16]))]]):
            b.add(road.put(mesh, x, y, 0, yaw), "car", part, item)


def _lamps(b: Builder, road: Road, camera: Camera, rng: np.random.Generator) -> None:
    if rng.random() < 0.3:
        return
    kind = str(rng.choice(["arm", "lantern", "globes"]))
    tall = rng.uniform(4.8, 6.5) if kind == "arm" else rng.uniform(3.0, 4.0)
    step, first = rng.uniform(9, 16), rng.uniform(-8, 8)
    sides = [-1, 1] if rng.random() < 0.4 else [int(rng.choice([-1, 1]))]
    for side in sides:
        y = np.arange(first, 75, step)
        place, yaws = road.at(np.full(len(y), side * (road.half + 0.45)), y)
        free = np.hypot(*(place - camera.eye[:2]).T) > 3.0
        places = np.concatenate([place[free], np.full((free.sum(), 1), CURB)], 1)
        for part, mesh in enumerate(_lamp(kind, tall, side, rng)):
            b.add(copies(mesh, places, yaws[free]), "lamp", part)


def _lamp(kind: str, tall: float, side: int, rng: np.random.Generator) -> tuple[Mesh, Mesh]:
    """The post, and what shines."""
    post = [tube(0.13, 0.1, 0.5, 8), tube(0.085, 0.06, tall, 8)]
    if kind == "arm":
        post.append(rod((0, 0, tall - 0.05), (-side * 1.3, 0, tall + 0.25), 0.055))
        post.append(box(0.75, 0.3, 0.14).at(-side * 1.5, 0, tall + 0.2))
        return join(post), box(0.62, 0.24, 0.06).at(-side * 1.5, 0, tall + 0.14)
    if kind == "lantern":
        post.append(loft(np.stack([ring(0.3, 0.3, 6, tall + 0.5), ring(0.04, 0.04, 6, tall + 0.75)]), smooth=False))
        return join(post), loft(np.stack([ring(0.12, 0.12, 6, tall), ring(0.24, 0.24, 6, tall + 0.5)]), smooth=False)
    post.append(rod((-0.55, 0, tall), (0.55, 0, tall), 0.04))
    return join(post), copies(lump(0.42, 0.42, 0.42, rng, 0, 8), np.array([[q, 0, tall + 0.22] for q in (-0.55, 0.55)]))


def _signs(b: Builder, road: Road, camera: Camera, rng: np.random.Generator) -> None:
    for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.15, 0.3, 0.3, 0.25]))):
        side = int(rng.choice([-1, 1]))
        x, y = side * (road.half + 0.4), rng.uniform(4.5, 17)
        near = seen_from(camera, road.spot(x, y)[0])[0] < 3.6
        kind, size, tall = (
            str(rng.choice(["disc", "triangle", "stop", "board", "diamond"])),
            rng.uniform(0.48, 0.7),
            rng.uniform(2.1, 2.8),
        )
        facing = rng.choice([0, 180], p=[0.8, 0.2]) + rng.uniform(-25, 25)
        if near:
            continue
        b.add(road.put(tube(0.05, 0.05, tall, 8), x, y, CURB), "sign", 2)
        outline = {"disc": 20, "triangle": 3, "stop": 8, "board": 4, "diamond": 4}[kind]
        start = {"disc": 0, "triangle": np.pi / 2, "stop": np.pi / 8, "board": np.pi / 4, "diamond": 0}[kind]
        a = start + np.arange(outline + 1) / outline * 2 * np.pi
        wide = 1.35 if kind == "board" else 1.0
        edge = np.stack([np.cos(a) * size * wide, np.full(len(a), -0.07), np.sin(a) * size + tall], 1)
        t = np.array([0.0, 0.78, 1.0])[:, None, None]
        centre = np.array([0, -0.07, tall])
        rows = centre + t * (edge - centre)
        uv = np.stack([(rows[..., 0]) / size, (rows[..., 2] - tall) / size], 2)
        front = surface(rows[:2], uv[:2], smooth=False), surface(rows[1:], uv[1:], smooth=False)
        behind = surface(rows[[0, 2]] + [0, 0.02, 0], uv[[0, 2]], smooth=False)
        for mesh, part in ((front[0], 0), (front[1], 1), (behind, 2)):
            b.add(road.put(mesh, x, y, CURB, facing), "sign", part)


def sample_daylight(seed: int, camera: Camera) -> Daylight:
    """A random weather: from low warm sun to an overcast sky. It knows where the camera looks, but no style."""
    rng = np.random.default_rng([1001, seed])
    u = rng.uniform
    clear = float(rng.choice([0.0, u(0.55, 1.0)], p=[0.2, 0.8]))
    low = rng.random() < 0.3
    elevation = np.deg2rad(u(14, 28) if low else u(30, 60))
    azimuth = np.deg2rad(camera.yaw + 180 + rng.choice([-1, 1]) * u(15, 105))
    direction = np.array([np.sin(azimuth) * np.cos(elevation), np.cos(azimuth) * np.cos(elevation), np.sin(elevation)])
    sun_tint = np.array([1.12, 0.96, 0.74]) if low else np.array([1.05, 1.0, 0.9])
    sky_tint = np.array([0.95, 0.99, 1.07]) if clear else np.ones(3)
    around = all_around(8, 0.02)
    weight = 0.6 + 0.4 * around[:, 2]
    weight = weight / (weight * around[:, 2]).sum()
    ambient = 0.9 if clear else 1.12
    lamps = tuple(Lamp(d, float(w * ambient), 192, 7.0) for d, w in zip(around, weight))
    sun = Lamp(direction, 0.75 * clear, 1024)
    forward = np.array([np.sin(np.deg2rad(camera.yaw)), np.cos(np.deg2rad(camera.yaw)), 0])
    centre = camera.eye * [1, 1, 0] + forward * 30
    haze = np.array([0.78, 0.85, 0.93]) * (1 if not low else np.array([1.12, 0.98, 0.9]))
    return Daylight(
        sun,
        lamps,
        sun_tint,
        sky_tint,
        u(0.38, 0.48),
        centre,
        48.0,
        np.clip(haze, 0, 1),
        u(90, 260),
        int(rng.integers(2**31)),
    )
