"""Solids: boxes, lofts and lumps as meshes with cloth coordinates in metres. z is up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """Triangles on their own: places, normals (M, 3, 3) and surface coordinates (M, 3, 2) of the three corners."""

    corners: np.ndarray
    normals: np.ndarray
    uv: np.ndarray

    def at(self, x: float = 0, y: float = 0, z: float = 0, yaw: float = 0) -> Mesh:
        """Turned by `yaw` degrees about the z axis (x towards y), then moved."""
        turn = turn_z(yaw)
        return Mesh(self.corners @ turn.T + np.array([x, y, z]), self.normals @ turn.T, self.uv)

    def tilted(self, degrees: float) -> Mesh:
        """Turned about the x axis (y towards z)."""
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
        return Mesh(self.corners @ turn.T, self.normals @ turn.T, self.uv)

    def scaled(self, factor: float) -> Mesh:
        """Larger or smaller; surface coordinates stay in metres."""
        return Mesh(self.corners * factor, self.normals, self.uv * factor)


def turn_z(degrees: float) -> np.ndarray:
    """The matrix (3, 3) of a turn about the z axis."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def join(meshes: Sequence[Mesh]) -> Mesh:
    """One mesh of several."""
    return Mesh(
        np.concatenate([m.corners for m in meshes]),
        np.concatenate([m.normals for m in meshes]),
        np.concatenate([m.uv for m in meshes]),
    )


def copies(mesh: Mesh, places: np.ndarray, yaws: np.ndarray | float = 0.0) -> Mesh:
    """The same mesh at many places (N, 3), each turned by its yaw (N,)."""
    a = np.deg2rad(np.broadcast_to(yaws, len(places)))
    c, s, zero, one = np.cos(a), np.sin(a), 0 * a, 0 * a + 1
    turns = np.stack([c, -s, zero, s, c, zero, zero, zero, one], 1).reshape(-1, 3, 3).transpose(0, 2, 1)
    count = len(mesh.corners) * len(places)
    corners = mesh.corners.reshape(1, -1, 3) @ turns + places[:, None]
    normals = mesh.normals.reshape(1, -1, 3) @ turns
    return Mesh(corners.reshape(count, 3, 3), normals.reshape(count, 3, 3), np.tile(mesh.uv, (len(places), 1, 1)))


def surface(points: np.ndarray, uv: np.ndarray, smooth: bool = True, closed: bool = False) -> Mesh:
    """A grid of points (R, C, 3) with coordinates (R, C, 2). `closed`: the last column is the first one again."""
    a, b = (slice(None, -1), slice(None, -1)), (slice(None, -1), slice(1, None))
    c, d = (slice(1, None), slice(1, None)), (slice(1, None), slice(None, -1))

    def triangles(field: np.ndarray) -> np.ndarray:
        two = [np.stack([field[i], field[j], field[k]], 2) for i, j, k in ((a, b, c), (a, c, d))]
        return np.stack(two, 2).reshape(-1, 3, field.shape[2])

    corners = triangles(points)
    flat = face_normals(corners)
    alive = (np.abs(flat) > 0.5 / 3).any(1)
    if smooth:
        normals = triangles(_grid_normals(points, closed))
        normals = normals * np.where((normals * flat[:, None]).sum(2, keepdims=True) < 0, -1, 1)
    else:
        normals = flat[:, None].repeat(3, 1)
    return Mesh(corners[alive], normals[alive], triangles(uv)[alive])


def face_normals(corners: np.ndarray) -> np.ndarray:
    """Unit normals (M, 3) of triangles (M, 3, 3); 0 where a triangle has no area."""
    normal = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.sqrt((normal * normal).sum(1, keepdims=True))
    return np.where(length > 1e-12, normal / np.maximum(length, 1e-12), 0)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross products of (..., 3): what np.cross gives, but quick for small arrays."""
    x, y, z = a[..., 0], a[..., 1], a[..., 2]
    u, v, w = b[..., 0], b[..., 1], b[..., 2]
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], -1)


def _grid_normals(points: np.ndarray, closed: bool) -> np.ndarray:
    across = _slope(points, 1)
    if closed:
        across[:, 0] = across[:, -1] = (points[:, 1] - points[:, -2]) / 2
    normal = _cross(across, _slope(points, 0))
    for row, inner in ((0, 1), (-1, -2)):  # all points of a pole are one: take the mean of the ring beside it
        if np.ptp(points[row], axis=0).max() < 1e-9:
            normal[row] = normal[inner, :-1].mean(0)
    return normal / (np.linalg.norm(normal, axis=2, keepdims=True) + 1e-12)


def _slope(points: np.ndarray, axis: int) -> np.ndarray:
    """Differences along an axis: central ones inside, one-sided ones at the ends."""
    p = points.swapaxes(0, axis)
    ends = p[1] - p[0], p[-1] - p[-2]
    return np.concatenate([ends[0][None], (p[2:] - p[:-2]) / 2, ends[1][None]]).swapaxes(0, axis)


def loft(rings: np.ndarray, smooth: bool = True, caps: bool = True) -> Mesh:
    """A skin over closed rings of points (K, n, 3); `caps` closes both ends. u runs around, v along."""
    rings = np.concatenate([rings, rings[:, :1]], 1)
    around = np.linalg.norm(np.diff(rings, axis=1), axis=2).mean(0).cumsum()
    along = np.linalg.norm(np.diff(rings, axis=0), axis=2).mean(1).cumsum()
    u, v = np.concatenate([[0], around]), np.concatenate([[0], along])
    uv = np.stack(np.broadcast_arrays(u[None], v[:, None]), 2).astype(float)
    parts = [surface(rings, uv, smooth, closed=True)]
    if caps:
        for ring in (rings[0], rings[-1]):
            centre = np.broadcast_to(ring[:-1].mean(0), ring.shape)
            grid = np.stack([centre, ring])
            flat = grid[..., :2] if np.ptp(ring[:, 2]) < np.ptp(ring[:, :2], axis=0).max() * 0.3 else grid[..., [0, 2]]
            parts.append(surface(grid, flat, smooth=False))
    return join(parts)


def box(dx: float, dy: float, dz: float) -> Mesh:
    """A box standing on z = 0, its middle at x = y = 0. On its sides u is horizontal and v the height."""
    size = np.array([dx, dy, dz], float)
    corners, normals, uv = _unit_box()
    return Mesh(corners * size, normals, uv @ size)


@lru_cache(maxsize=1)
def _unit_box() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners and normals (12, 3, 3) of a box of size 1, and how its uv follow from the sizes (12, 3, 2, 3)."""
    corners, uv = [], []
    turns = [
        ((-1, -1), (1, -1), (0, 0)),
        ((1, -1), (1, 1), (1, 0)),
        ((1, 1), (-1, 1), (1, 1)),
        ((-1, 1), (-1, -1), (2, 1)),
    ]
    for start, end, (before_x, before_y) in turns:
        along_x, along_y = abs(end[0] - start[0]) / 2, abs(end[1] - start[1]) / 2
        quad, place = [], []
        for t, z in ((0, 0), (1, 0), (1, 1), (0, 1)):
            x, y = (s + t * (e - s) for s, e in zip(start, end))
            quad.append((x / 2, y / 2, z))
            place.append([(before_x + t * along_x, before_y + t * along_y, 0), (0, 0, z)])
        corners += [[quad[k] for k in (0, 1, 2)], [quad[k] for k in (0, 2, 3)]]
        uv += [[place[k] for k in (0, 1, 2)], [place[k] for k in (0, 2, 3)]]
    for z in (0, 1):
        quad = [(-0.5, -0.5, z), (0.5, -0.5, z), (0.5, 0.5, z), (-0.5, 0.5, z)]
        place = [[(x + 0.5, 0, 0), (0, y + 0.5, 0)] for x, y, _ in quad]
        corners += [[quad[k] for k in (0, 1, 2)], [quad[k] for k in (0, 2, 3)]]
        uv += [[place[k] for k in (0, 1, 2)], [place[k] for k in (0, 2, 3)]]
    at = np.array(corners, float)
    return at, face_normals(at)[:, None].repeat(3, 1), np.array(uv, float)


def rectangle(origin: Sequence[float], first: Sequence[float], second: Sequence[float]) -> Mesh:
    """A flat rectangle; u runs along `first`, v along `second`, both in metres from the origin."""
    o, a, b = np.array(origin, float), np.array(first, float), np.array(second, float)
    u, v = np.sqrt(a @ a), np.sqrt(b @ b)
    corners = np.stack([o, o + a, o + a + b, o, o + a + b, o + b]).reshape(2, 3, 3)
    normal = _cross(a, b) / (u * v)
    uv = np.array([[[0, 0], [u, 0], [u, v]], [[0, 0], [u, v], [0, v]]])
    return Mesh(corners, np.broadcast_to(normal, (2, 3, 3)), uv)


def tube(low: float, high: float, height: float, sides: int = 14) -> Mesh:
    """An upright cylinder or cone of radius `low` at z = 0 and `high` at z = height."""
    return loft(np.stack([ring(low, low, sides, 0), ring(high, high, sides, height)]))


def ring(rx: float, ry: float, sides: int, z: float, power: float = 2.0) -> np.ndarray:
    """A closed ring (n, 3); `power` 2 is an ellipse, larger ones come near a rectangle."""
    angle = np.arange(sides) / sides * 2 * np.pi
    c, s = np.cos(angle), np.sin(angle)
    x, y = np.sign(c) * np.abs(c) ** (2 / power) * rx, np.sign(s) * np.abs(s) ** (2 / power) * ry
    return np.stack([x, y, np.full(sides, z)], 1)


def rod(
    start: Sequence[float] | np.ndarray,
    end: Sequence[float] | np.ndarray,
    radius: float,
    sides: int = 6,
    thin: float = 1.0,
) -> Mesh:
    """A straight rod between two points, `thin` times the radius at its end."""
    a, b = np.array(start, float), np.array(end, float)
    axis = (b - a) / np.linalg.norm(b - a)
    right = np.cross(axis, [0, 0, 1] if abs(axis[2]) < 0.9 else [1, 0, 0])
    right /= np.linalg.norm(right)
    angle = np.arange(sides) / sides * 2 * np.pi
    circle = np.cos(angle)[:, None] * right + np.sin(angle)[:, None] * np.cross(axis, right)
    return loft(np.stack([a + circle * radius, b + circle * radius * thin]))


def cushion(dx: float, dy: float, dz: float, edge: float, power: float = 6.0, sides: int = 28) -> Mesh:
    """A soft box standing on z = 0 with rounded edges; surface coordinates lie on it like a cloth from above."""
    angle = np.linspace(0, np.pi / 2, 4)
    steps = [(np.cos(a), dz - edge + edge * np.sin(a)) for a in angle]
    steps = [(np.cos(a), edge - edge * np.sin(a)) for a in angle[::-1]] + steps
    rings = [ring(dx / 2 - edge * (1 - c), dy / 2 - edge * (1 - c), sides, z, power) for c, z in steps]
    mesh = loft(np.stack([rings[0] * [0, 0, 1], *rings, rings[-1] * [0, 0, 1]]), caps=False)
    drop = np.maximum(dz - mesh.corners[:, :, 2], 0)
    outward = mesh.corners[:, :, :2] / (np.array([dx, dy]) / 2)
    outward = outward * (np.abs(outward) > 0.9)
    return Mesh(mesh.corners, mesh.normals, mesh.corners[:, :, :2] + outward * drop[:, :, None])


def lump(
    dx: float, dy: float, dz: float, rng: np.random.Generator, rough: float = 0.2, detail: int = 12, waves: float = 2.5
) -> Mesh:
    """An ellipsoid around 0 with bumps; `rough` is their size as a part of the radius."""
    up = np.linspace(-np.pi / 2, np.pi / 2, detail + 1)
    around = np.linspace(0, 2 * np.pi, 2 * detail + 1)
    unit = np.stack(
        [np.cos(up)[:, None] * np.cos(around), np.cos(up)[:, None] * np.sin(around), np.sin(up)[:, None] + 0 * around],
        2,
    )
    radius = np.ones(unit.shape[:2])
    for octave, strength in ((1.0, 0.6), (2.3, 0.4)):
        for _ in range(3):
            direction = rng.normal(size=3)
            radius += rough * strength * 0.6 * np.sin(unit @ direction * waves * octave + rng.uniform(0, 2 * np.pi))
    points = unit * radius[:, :, None] * np.array([dx, dy, dz]) / 2
    uv = np.stack(np.broadcast_arrays(around[None] * (dx + dy) / 4, (up * dz / 2)[:, None]), 2)
    return surface(points, uv, closed=True)
