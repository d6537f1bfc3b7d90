"""Rendered rooms: furniture along three walls, seen from a place near the fourth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from smis.labels import ROOMS
from smis.synth import furniture as f
from smis.synth.daylight import Daylight, Lamp, all_around
from smis.synth.room_styles import PAINTERS
from smis.synth.scene import Builder, Camera, Scene, shoot
from smis.synth.seeds import Seeds
from smis.synth.solids import Mesh, join, rectangle

BACK, LEFT, RIGHT = 0, 1, 2
Piece = tuple[Mesh, str, int]


def render_styles(versions: Sequence[Seeds], size: int = 128) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """See `Shot.paint_each`: seeds that differ in styles only share a scene, which is built and lit once."""
    seeds = versions[0]
    room = sample_room(np.random.default_rng(seeds.geometry))
    shot = shoot(room.scene, sample_daylight(seeds.light, room), ROOMS, size)
    yield from shot.paint_each(PAINTERS, versions)


@dataclass(frozen=True)
class Room:
    """A furnished room: `size` (width, depth, height) in metres, and where its windows are (wall, along, sill)."""

    scene: Scene
    size: np.ndarray
    walls: np.ndarray
    windows: list[int]


@dataclass
class Plan:
    """The room while it is being furnished: what floor and wall are taken."""

    width: float
    depth: float
    height: float
    camera: Camera
    rng: np.random.Generator
    builder: Builder
    floor: list[tuple[float, float, float, float]] = field(default_factory=list)
    wall: list[tuple[int, float, float, float, float]] = field(default_factory=list)
    items: int = 0

    def length(self, wall: int) -> float:
        """How long a wall is."""
        return self.width if wall == BACK else self.depth

    def spot(self, wall: int, along: float, away: float = 0.0) -> tuple[float, float, float]:
        """x, y and yaw of a piece at a wall: `along` from the wall's left end as seen from the room, `away` from it."""
        if wall == BACK:
            return along, self.depth - away, 180.0
        if wall == LEFT:
            return away, along, -90.0
        return self.width - away, self.depth - along, 90.0

    def box(
        self, wall: int, along: float, width: float, depth: float, away: float
    ) -> tuple[float, float, float, float]:
        """The floor (x0, y0, x1, y1) under a piece."""
        x0, y0, _ = self.spot(wall, along - width / 2, away)
        x1, y1, _ = self.spot(wall, along + width / 2, away + depth)
        return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)

    def free(self, box: tuple[float, float, float, float], margin: float = 0.04) -> bool:
        """Whether a piece of floor is inside the room and free."""
        x0, y0, x1, y1 = box
        if x0 < -0.01 or y0 < 0.02 or x1 > self.width + 0.01 or y1 > self.depth + 0.01:
            return False
        return not any(
            x0 < b[2] + margin and b[0] < x1 + margin and y0 < b[3] + margin and b[1] < y1 + margin for b in self.floor
        )

    def wall_free(self, wall: int, start: float, end: float, low: float, high: float) -> bool:
        """Whether a part of a wall is inside it and free."""
        if start < 0.04 or end > self.length(wall) - 0.04:
            return False
        return not any(w == wall and start < b and a < end and low < d and c < high for w, a, b, c, d in self.wall)

    def put(self, pieces: list[Piece], x: float, y: float, z: float, yaw: float, casts: bool = True) -> None:
        """Add a piece of furniture."""
        self.items += 1
        for number, (mesh, label, part) in enumerate(pieces):
            glass = (label, part) == ("window", f.PANE)
            self.builder.add(mesh.at(x, y, z, yaw), label, part, self.items * 64 + number, casts and not glass)

    def stand(
        self,
        make: list[Piece],
        size: tuple[float, float, float],
        walls: list[int],
        away: float = 0.03,
        corner: bool = False,
    ) -> tuple[int, float] | None:
        """Stand a piece of (width, depth, height) at one of the walls where there is room; None when there is none."""
        width, depth, height = size
        for _ in range(10):
            wall = int(self.rng.choice(walls))
            low, high = width / 2 + 0.05, self.length(wall) - width / 2 - 0.05
            if high <= low:
                continue
            along = float(self.rng.uniform(low, high))
            if corner:
                along = low if self.rng.random() < 0.5 else high
            box = self.box(wall, along, width, depth, away)
            if not self.free(box) or not self.wall_free(wall, along - width / 2, along + width / 2, 0, height):
                continue
            x, y, yaw = self.spot(wall, along, away)
            self.put(make, x, y, 0, yaw)
            self.floor.append(box)
            self.wall.append((wall, along - width / 2, along + width / 2, 0, height))
            return wall, along
        return None

    def hang(
        self, wall: int, along: float, width: float, low: float, high: float, pieces: list[Piece], z: float
    ) -> bool:
        """Hang a piece on a wall, if that part of the wall is free."""
        if not self.wall_free(wall, along - width / 2, along + width / 2, low, high):
            return False
        x, y, yaw = self.spot(wall, along)
        self.put(pieces, x, y, z, yaw, casts=True)
        self.wall.append((wall, along - width / 2, along + width / 2, low, high))
        return True


def sample_room(rng: np.random.Generator) -> Room:
    """A random room."""
    width, depth, height = rng.uniform(3.3, 5.0), rng.uniform(3.4, 4.8), rng.uniform(2.4, 2.8)
    camera = _camera(width, depth, rng)
    plan = Plan(width, depth, height, camera, rng, Builder(ROOMS))
    eye = camera.eye
    plan.floor.append((eye[0] - 0.75, -1.0, eye[0] + 0.75, eye[1] + 1.1))
    plan.wall += [(LEFT, -1.0, eye[1] + 0.5, 0, 3), (RIGHT, depth - eye[1] - 0.5, depth + 1, 0, 3)]
    holes = _windows(plan)
    if rng.random() < 0.65:
        wide, high = rng.uniform(0.8, 0.95), rng.uniform(1.98, 2.1)
        wall = int(rng.integers(3))
        along = rng.uniform(0.7, plan.length(wall) - 0.7)
        if plan.hang(wall, along, wide + 0.25, 0, high + 0.1, f.door(wide, high, int(rng.choice([0, 2, 3]))), 0):
            plan.floor.append(plan.box(wall, along, wide, 0.5, 0))
    kind = str(rng.choice(["bedroom", "living", "study"], p=[0.7, 0.2, 0.1]))
    _furnish(plan, kind)
    _small_things(plan, kind)
    shell = _shell(plan, holes)
    return Room(plan.builder.scene(camera), np.array([width, depth, height]), shell, [wall for wall, *_ in holes])


def _camera(width: float, depth: float, rng: np.random.Generator) -> Camera:
    """Near the open end of the room, looking straight or into a corner."""
    x = rng.uniform(0.18, 0.82)
    y = rng.uniform(0.12, 0.5)
    aim = np.array([rng.uniform(0.15, 0.85) * width, depth * rng.uniform(0.75, 1.0)])
    yaw = np.rad2deg(np.arctan2(aim[0] - x * width, aim[1] - y))
    return Camera(
        np.array([x * width, y, rng.uniform(1.1, 1.75)]),
        float(np.clip(yaw, -42, 42)),
        rng.uniform(58, 74),
        rng.uniform(0.54, 0.7),
    )


def _windows(plan: Plan) -> list[tuple[int, float, float, float, float]]:
    """Windows with their curtains; gives the holes they leave: wall, start, end, low, high."""
    rng, holes = plan.rng, []
    count = int(rng.choice([0, 1, 2], p=[0.06, 0.66, 0.28]))
    wide, tall = rng.uniform(0.9, 1.9), rng.uniform(1.0, 1.45)
    sill = min(rng.uniform(0.75, 1.05), plan.height - tall - 0.3)
    if rng.random() < 0.15:
        tall, sill = plan.height - 0.55, 0.2  # down to the floor
    rows, columns = int(rng.choice([1, 2, 3])), int(rng.choice([1, 2, 3]))
    hanging, low = rng.random() < 0.75, min(float(rng.choice([0.15, sill - 0.05])), sill - 0.04)
    for _ in range(count):
        wall = int(rng.choice([BACK, LEFT, RIGHT], p=[0.5, 0.25, 0.25]))
        along = rng.uniform(wide / 2 + 0.4, plan.length(wall) - wide / 2 - 0.4) if plan.length(wall) > wide + 0.9 else 0
        if not plan.hang(
            wall, along, wide + 0.5, sill - 0.1, sill + tall + 0.3, f.window(wide, tall, rows, columns), sill
        ):
            continue
        holes.append((wall, along - wide / 2, along + wide / 2, sill, sill + tall))
        if hanging:
            x, y, yaw = plan.spot(wall, along)
            plan.put(f.curtains(wide, tall, max(low, 0.02), rng), x, y, sill, yaw)
    return holes


def _furnish(plan: Plan, kind: str) -> None:
    rng = plan.rng
    walls = [BACK, BACK, LEFT, RIGHT]
    if kind == "bedroom":
        wide, length = float(rng.choice([0.95, rng.uniform(1.35, 1.85)], p=[0.25, 0.75])), rng.uniform(1.95, 2.15)
        _bed(plan, wide, length, [BACK, BACK, BACK, LEFT, RIGHT])
    elif kind == "living":
        wide = rng.uniform(1.5, 2.2)
        placed = plan.stand(f.sofa(wide, rng), (wide, 0.95, 0.8), walls)
        if placed is not None:
            wall, along = placed
            low = f.table(
                rng.uniform(0.8, 1.1), 0.55, rng.uniform(0.38, 0.46), str(rng.choice(["legs", "panel", "round"]))
            )
            box = plan.box(wall, along, 1.1, 0.6, 1.3)
            if plan.free(box):
                plan.put(low, *_xyz(plan, wall, along, 1.3))
                plan.floor.append(box)
    extras = ["wardrobe", "bookcase", "drawers", "desk", "armchair", "floor lamp", "plant", "dining"]
    chances = np.array([0.5, 0.45, 0.5, 0.85, 0.5, 0.4, 0.85, 0.7 if kind == "study" else 0.25])
    for number in rng.permutation(len(extras)):
        if rng.random() < chances[number] * (1.2 if kind == "living" else 1.0):
            _extra(plan, extras[number], walls)


def _xyz(plan: Plan, wall: int, along: float, away: float) -> tuple[float, float, float, float]:
    x, y, yaw = plan.spot(wall, along, away)
    return x, y, 0.0, yaw


def _bed(plan: Plan, wide: float, length: float, walls: list[int]) -> None:
    rng = plan.rng
    placed = plan.stand(f.bed(wide, length, rng), (wide + 0.1, length + 0.05, 1.2), walls)
    if placed is None:
        placed = plan.stand(f.bed(0.95, length, rng), (1.0, length + 0.05, 1.2), [BACK, LEFT, RIGHT])
        wide = 0.95
    if placed is None:
        return
    wall, along = placed
    for side in (-1, 1):
        if rng.random() < 0.7:
            at = along + side * (wide / 2 + 0.34)
            stand = f.nightstand(rng)
            box = plan.box(wall, at, 0.45, 0.42, 0.03)
            if not plan.free(box, 0.0) or not plan.wall_free(wall, at - 0.24, at + 0.24, 0, 0.6):
                continue
            plan.put(stand, *_xyz(plan, wall, at, 0.03))
            plan.floor.append(box)
            if rng.random() < 0.75:
                x, y, yaw = plan.spot(wall, at, 0.25)
                top = max(m.corners[..., 2].max() for m, _, _ in stand)
                plan.put(f.lamp("table", rng), x, y, top, yaw)
                plan.wall.append((wall, at - 0.2, at + 0.2, 0, 1.1))


def _extra(plan: Plan, what: str, walls: list[int]) -> None:
    rng = plan.rng
    u = rng.uniform
    if what == "wardrobe":
        wide, high = u(0.9, 1.7), u(1.85, 2.15)
        plan.stand(f.wardrobe(wide, high, rng), (wide + 0.06, 0.64, high), walls)
    elif what == "bookcase":
        wide, high = u(0.7, 1.3), float(rng.choice([u(0.8, 1.2), u(1.6, 2.1)]))
        plan.stand(f.bookcase(wide, high, rng), (wide, 0.34, high), walls)
    elif what == "drawers":
        wide, high = u(0.75, 1.3), u(0.72, 0.95)
        placed = plan.stand(
            f.drawers(wide, 0.46, high, int(rng.integers(2, 5)), int(rng.integers(1, 3))),
            (wide + 0.04, 0.5, high + 0.05),
            walls,
        )
        if placed is not None:
            _on_top(plan, *placed, high)
    elif what == "desk":
        wide = u(0.9, 1.4)
        placed = plan.stand(
            f.table(wide, 0.6, u(0.71, 0.77), str(rng.choice(["legs", "panel"]))), (wide, 0.62, 0.8), walls
        )
        if placed is not None:
            wall, along = placed
            if rng.random() < 0.85:
                x, y, yaw = plan.spot(wall, along + u(-0.15, 0.15), u(0.85, 1.05))
                box = (x - 0.25, y - 0.25, x + 0.25, y + 0.25)
                if plan.free(box, -0.2):
                    plan.put(
                        f.chair(str(rng.choice(["plain", "plain", "stool"])), rng), x, y, 0, yaw + 180 + u(-25, 25)
                    )
                    plan.floor.append(box)
            if rng.random() < 0.7:
                _on_top(plan, wall, along + u(-0.3, 0.3), 0.75)
    elif what == "armchair":
        wide = u(0.85, 1.0)
        plan.stand(f.sofa(wide, rng), (wide, 0.95, 0.85), walls, u(0.05, 0.3))
    elif what == "floor lamp":
        plan.stand(
            [(m.at(0, 0.24, 0), n, p) for m, n, p in f.lamp("floor", rng)], (0.5, 0.5, 1.8), walls, 0.03, corner=True
        )
    elif what == "plant":
        high = u(0.85, 1.6)
        pieces = [(m.at(0, high * 0.28, 0), n, p) for m, n, p in f.plant(rng, high)]
        plan.stand(pieces, (high * 0.55, high * 0.55, high * 0.8), walls, 0.03, corner=rng.random() < 0.6)
    else:
        _dining(plan)


def _on_top(plan: Plan, wall: int, along: float, height: float) -> None:
    """A lamp or a small plant on a piece of furniture."""
    rng = plan.rng
    x, y, yaw = plan.spot(wall, along, 0.24)
    pieces = f.lamp("table", rng) if rng.random() < 0.5 else f.plant(rng, rng.uniform(0.35, 0.55))
    plan.put(pieces, x, y, height, yaw)
    plan.wall.append((wall, along - 0.2, along + 0.2, 0, height + 0.5))


def _dining(plan: Plan) -> None:
    """A table with chairs, free in the room."""
    rng = plan.rng
    wide = rng.uniform(0.8, 1.1)
    for _ in range(8):
        x, y = rng.uniform(1.0, plan.width - 1.0), rng.uniform(1.6, plan.depth - 1.1)
        if plan.free((x - wide / 2 - 0.4, y - wide / 2 - 0.4, x + wide / 2 + 0.4, y + wide / 2 + 0.4)):
            table = f.table(wide, wide, 0.75, str(rng.choice(["round", "legs"])))
            plan.put(table, x, y + wide / 2, 0, 180)
            for k in range(4):
                if rng.random() < 0.75:
                    a = np.deg2rad(90 * k)
                    seat = f.chair("plain", rng)
                    away = wide / 2 + 0.28
                    plan.put(seat, x + away * np.sin(a), y - away * np.cos(a), 0, 90 * k + rng.uniform(-12, 12))
            plan.floor.append((x - wide / 2 - 0.4, y - wide / 2 - 0.4, x + wide / 2 + 0.4, y + wide / 2 + 0.4))
            return


def _small_things(plan: Plan, kind: str) -> None:
    """Pictures, a lamp at the ceiling, a rug."""
    rng, u = plan.rng, plan.rng.uniform
    wide, tall = u(0.35, 0.9), u(0.35, 0.7)
    pictures = int(rng.choice([0, 1, 2, 3, 4], p=[0.12, 0.28, 0.28, 0.18, 0.14]))
    for _ in range(pictures * 3):
        if pictures == 0:
            break
        wall = int(rng.choice([BACK, LEFT, RIGHT], p=[0.5, 0.25, 0.25]))
        middle = 1.6 + u(-0.1, 0.15)
        along = u(0.3, plan.length(wall) - 0.3)
        w, h = wide * u(0.8, 1.2), tall * u(0.8, 1.2)
        if plan.hang(wall, along, w + 0.14, middle - h / 2 - 0.07, middle + h / 2 + 0.07, f.picture(w, h), middle):
            pictures -= 1
    if rng.random() < 0.55:
        x, y = plan.width * u(0.35, 0.65), plan.depth * u(0.55, 0.85)
        plan.put(f.lamp("pendant", rng, u(0.3, 0.7)), x, y, plan.height, 0)
    if rng.random() < 0.75:
        w, d = u(1.4, min(2.6, plan.width - 0.8)), u(1.0, 1.7)
        x, y = plan.width / 2 + u(-0.5, 0.5), plan.depth * u(0.4, 0.62)
        round_ = rng.random() < 0.35
        plan.put(
            f.rug(w, w if round_ else d, round_),
            x,
            y,
            0.002,
            0 if round_ else float(rng.choice([0, 90, u(-12, 12)])),
            casts=False,
        )


def _shell(plan: Plan, holes: list[tuple[int, float, float, float, float]]) -> np.ndarray:
    """Add floor, ceiling and walls; gives the triangles (M, 3, 3) that keep off the sun, with holes for windows."""
    w, d, h = plan.width, plan.depth, plan.height
    b = plan.builder
    b.add(rectangle((0, -0.5, 0), (w, 0, 0), (0, d + 0.5, 0)), "floor", casts=False)
    ceiling = rectangle((0, -0.5, h), (w, 0, 0), (0, d + 0.5, 0))
    b.add(ceiling, "ceiling", casts=False)
    solid = [ceiling]
    for wall in (BACK, LEFT, RIGHT):
        length = plan.length(wall)
        cuts = [hole for hole in holes if hole[0] == wall]
        begin = -0.5 if wall == LEFT else 0.0
        finish = length + 0.5 if wall == RIGHT else length
        whole = _wall_piece(plan, wall, begin, finish, 0, h)
        b.add(whole, "wall", wall, casts=False)
        edges = sorted({begin, finish, *[x for c in cuts for x in c[1:3]]})
        for start, end in pairwise(edges):
            middle = (start + end) / 2
            hole = next((c for c in cuts if c[1] <= middle <= c[2]), None)
            bands = [(0.0, h)] if hole is None else [(0.0, hole[3]), (hole[4], h)]
            solid += [_wall_piece(plan, wall, start, end, low, high) for low, high in bands]
        skirting = [box_strip(plan, wall, begin, finish)]
        b.add(join(skirting), "wall", 3, casts=False)
    return join(solid).corners


def _wall_piece(plan: Plan, wall: int, start: float, end: float, low: float, high: float) -> Mesh:
    x0, y0, _ = plan.spot(wall, start)
    x1, y1, _ = plan.spot(wall, end)
    mesh = rectangle((x0, y0, low), (x1 - x0, y1 - y0, 0), (0, 0, high - low))
    return Mesh(mesh.corners, mesh.normals, mesh.uv + np.array([start, low]))


def box_strip(plan: Plan, wall: int, start: float, end: float) -> Mesh:
    """The skirting board of a wall."""
    x0, y0, _ = plan.spot(wall, start, 0.02)
    x1, y1, _ = plan.spot(wall, end, 0.02)
    front = rectangle((x0, y0, 0), (x1 - x0, y1 - y0, 0), (0, 0, 0.1))
    a, c, _ = plan.spot(wall, start, 0.0)
    top = rectangle((x0, y0, 0.1), (x1 - x0, y1 - y0, 0), (a - x0, c - y0, 0))
    return join([front, top])


def sample_daylight(seed: int, room: Room) -> Daylight:
    """A random light: more of it comes from where the windows are, and the sun may shine in."""
    rng = np.random.default_rng([1002, seed])
    u = rng.uniform
    facing = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])  # where one looks out of each wall
    wall = room.windows[0] if room.windows else int(rng.integers(3))
    outward = facing[wall]
    elevation, turn = np.deg2rad(u(22, 48)), np.deg2rad(rng.choice([-1, 1]) * u(8, 50))
    c, s = np.cos(turn), np.sin(turn)
    flat = np.array([c * outward[0] - s * outward[1], s * outward[0] + c * outward[1], 0])
    direction = flat * np.cos(elevation) + np.array([0, 0, np.sin(elevation)])
    around = all_around(11)
    weight = (
        0.75
        + 0.5 * np.maximum(around @ outward, 0)
        + 0.2 * np.maximum(around[:, 2], 0)
        + 0.2 * np.maximum(-around[:, 1], 0)
    )
    up = (weight * np.maximum(around[:, 2], 0)).sum()
    level = u(0.98, 1.16)
    lamps = tuple(Lamp(d, float(w / up * level), 192, 0.45) for d, w in zip(around, weight))
    sunny = bool(room.windows) and rng.random() < 0.6
    sun = Lamp(direction, u(0.3, 0.6) if sunny else 0.0, 768)
    w, d, h = room.size
    warm = u(-0.03, 0.05)
    return Daylight(
        sun,
        lamps,
        np.array([1.08, 1.0, 0.86]),
        np.array([1 + warm, 1.0, 1 - warm]),
        0.0,
        np.array([w / 2, d / 2, h / 2]),
        float(np.sqrt(w * w + d * d + h * h) / 2 + 0.1),
        np.ones(3),
        0.0,
        int(rng.integers(2**31)),
        room.walls,
        (np.array([0.0, -9.0, 0.0]), np.array([w, d, h])),
    )
