"""Built scenes: what rooms and streets share. Solids with a class, a camera, and the picture with its exact coverage.

The geometry of a scene never depends on a style, and light never on a style: so another style of one class changes no
pixel without that class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smis.labels import LabelSet
from smis.synth.daylight import Daylight
from smis.synth.raster import barycentric, block_sums, njit, triangle_ids
from smis.synth.seeds import Seeds
from smis.synth.shading import dot
from smis.synth.solids import Mesh, face_normals

SAMPLES = 4  # sub-pixels a side
NEAR = 0.06  # metres before the camera where the scene is cut


@dataclass(frozen=True)
class Surface:
    """Points of one class: cloth coordinates (P, 2), places and normals (P, 3), which part and which item they are of.

    What cannot be hit (the sky) has `uv` azimuth and height of the view ray, and its direction as place.
    """

    uv: np.ndarray
    points: np.ndarray
    normals: np.ndarray
    part: np.ndarray
    item: np.ndarray


@dataclass(frozen=True)
class Paint:
    """Colours (P, 3) in 0..1; how far the surface mirrors the lamp, and how far it shines by itself, (P,) in 0..1."""

    colour: np.ndarray
    gloss: np.ndarray
    glow: np.ndarray


Painter = Callable[[np.random.Generator, Surface], Paint]


def paint_class(painters: Mapping[str, Painter], label_set: LabelSet, name: str, seed: int, surface: Surface) -> Paint:
    """Paint a surface of class `name` in the style `seed`. Each class has a random stream of its own."""
    return painters[name](np.random.default_rng([label_set.index(name), seed]), surface)


@dataclass(frozen=True)
class Camera:
    """A camera that looks level, so that upright edges stay upright. `eye` in metres, `yaw` in degrees from the y axis
    towards x, `view` the width of the picture in degrees, `horizon` its height in the picture: 0 bottom to 1 top."""

    eye: np.ndarray
    yaw: float
    view: float
    horizon: float

    def local(self, points: np.ndarray) -> np.ndarray:
        """Places (..., 3) as seen from the camera: right, up, forward."""
        a = np.deg2rad(self.yaw)
        axes = np.array([[np.cos(a), -np.sin(a), 0], [0, 0, 1], [np.sin(a), np.cos(a), 0]])
        return (points - self.eye) @ axes.T

    def project(self, local: np.ndarray, size: int) -> np.ndarray:
        """Pixels and depth (..., 3); the depth -1 / distance is linear over the screen."""
        zoom = size / 2 / np.tan(np.deg2rad(self.view / 2))
        x, y, z = local[..., 0], local[..., 1], local[..., 2]
        return np.stack([size / 2 + zoom * x / z, size * (1 - self.horizon) - zoom * y / z, -1 / z], -1)

    def rays(self, rows: np.ndarray, columns: np.ndarray, size: int) -> np.ndarray:
        """Unit view directions (P, 3) of pixels (P,)."""
        zoom = size / 2 / np.tan(np.deg2rad(self.view / 2))
        across = (columns + 0.5 - size / 2) / zoom
        up = (size * (1 - self.horizon) - (rows + 0.5)) / zoom
        a = np.deg2rad(self.yaw)
        direction = np.stack([np.sin(a) + across * np.cos(a), np.cos(a) - across * np.sin(a), up], 1)
        return direction / np.sqrt(1 + across * across + up * up)[:, None]


@dataclass(frozen=True)
class Scene:
    """All triangles of a scene and what they are of; `casts` tells which keep light off other things."""

    mesh: Mesh
    label: np.ndarray
    part: np.ndarray
    item: np.ndarray
    casts: np.ndarray
    camera: Camera


class Builder:
    """Collects meshes."""

    def __init__(self, label_set: LabelSet) -> None:
        self.label_set = label_set
        self._pieces: list[tuple[Mesh, int, int, int, bool]] = []

    def add(self, mesh: Mesh, label: str, part: int = 0, item: int = 0, casts: bool = True) -> None:
        """Add a mesh of class `label`; its painter tells parts (glass, frame) and items (trees) apart."""
        self._pieces.append((mesh, self.label_set.index(label), part, item, casts))

    def scene(self, camera: Camera) -> Scene:
        """Everything added so far, before a camera."""
        meshes = [p[0] for p in self._pieces]
        counts = [len(m.corners) for m in meshes]
        label, part, item, casts = (np.repeat([p[k] for p in self._pieces], counts) for k in (1, 2, 3, 4))
        mesh = Mesh(
            np.concatenate([m.corners for m in meshes]),
            np.concatenate([m.normals for m in meshes]),
            np.concatenate([m.uv for m in meshes]),
        )
        return Scene(mesh, label.astype(np.uint8), part, item, casts.astype(bool), camera)


@dataclass(frozen=True)
class Shot:
    """A scene seen by its camera in its light, not yet painted: all of a picture that does not depend on styles.

    Points are sub-pixels that a triangle covers, ordered by class: `rows` and `columns` (P,), their class, surface,
    brightness (P, 3), highlight (P,) and distance (P,). `rays` (B, 3) are the view directions of all the others, at
    `empty` (S, S).
    """

    label_set: LabelSet
    daylight: Daylight
    rows: np.ndarray
    columns: np.ndarray
    label: np.ndarray
    surface: Surface
    bright: np.ndarray
    highlight: np.ndarray
    distance: np.ndarray
    empty: np.ndarray
    rays: np.ndarray

    def coverage(self) -> np.ndarray:
        """How many of its 16 sub-pixels each class has in each pixel, uint8 (C, size, size)."""
        size, count = len(self.empty) // SAMPLES, len(self.label_set)
        pixel = self.rows // SAMPLES * size + self.columns // SAMPLES
        counts = np.bincount(self.label * np.int64(size * size) + pixel, minlength=count * size * size)
        coverage = counts.reshape(count, size, size).astype(np.uint8)
        coverage[0] += block_sums(self.empty.astype(np.uint8), SAMPLES)
        return coverage

    def paint(self, painters: Mapping[str, Painter], seeds: Seeds) -> np.ndarray:
        """The image, uint8 (size, size, 3), in some styles."""
        lit = np.empty((len(self.rows), 3), np.float32)
        for number, (name, seed) in enumerate(zip(self.label_set.classes, seeds.styles, strict=True)):
            mine = slice(*np.searchsorted(self.label, [number, number + 1]))
            if mine.start < mine.stop:
                chosen = Surface(*(field[mine] for field in vars(self.surface).values()))
                paint = paint_class(painters, self.label_set, name, seed, chosen)
                glow = paint.glow[:, None]
                shine = self.bright[mine] * (1 - glow) + glow
                lit[mine] = paint.colour * shine + (paint.gloss * self.highlight[mine])[:, None] * (1 - glow)
        colour = np.zeros((*self.empty.shape, 3), np.float32)
        colour[self.rows, self.columns] = self.daylight.haze(lit, self.distance)
        if len(self.rays):
            rays, none = self.rays, np.zeros(len(self.rays), np.int64)
            uv = np.stack([np.arctan2(rays[:, 0], rays[:, 1]), rays[:, 2]], 1)
            name, seed = self.label_set.classes[0], seeds.styles[0]
            behind = Surface(uv, rays, rays, none, none)
            colour[self.empty] = paint_class(painters, self.label_set, name, seed, behind).colour
        blocks = block_sums(_soft_clip(colour), SAMPLES) / SAMPLES**2
        blocks += np.random.default_rng(self.daylight.noise_seed).normal(0, 0.004, blocks.shape)
        return (np.clip(blocks, 0, 1) * 255 + 0.5).astype(np.uint8)

    def paint_each(
        self, painters: Mapping[str, Painter], versions: Sequence[Seeds]
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For each version the image, uint8 (size, size, 3), and how many of its 16 sub-pixels each class has in each
        pixel, uint8 (C, size, size). Another style of class c changes a pixel only where `coverage[c]` is not 0; the
        label map is `coverage.argmax(0)`. ValueError for versions of another picture."""
        coverage, seeds = self.coverage(), versions[0]
        for version in versions:
            if (version.geometry, version.light) != (seeds.geometry, seeds.light):
                raise ValueError("all versions must have the same geometry and light seeds")
            yield self.paint(painters, version), coverage


def shoot(scene: Scene, daylight: Daylight, label_set: LabelSet, size: int) -> Shot:
    """See a scene at size x size pixels. What no triangle covers is of class 0. ValueError when size < 16."""
    if size < 16:
        raise ValueError(f"size must be at least 16 pixels, got {size}")
    large, camera = size * SAMPLES, scene.camera
    corners, weights, source = _cut_near(camera.local(scene.mesh.corners))
    screen = camera.project(corners, large).reshape(-1, 3)
    faces = np.arange(len(screen)).reshape(-1, 3)
    ids, _ = triangle_ids(screen, faces, np.zeros((len(screen), 0)), large)
    seen = ids >= 0
    rows, columns = np.nonzero(seen)
    order = np.argsort(scene.label[source[ids[seen]]], kind="stable")  # so that each class is one run of points
    rows, columns = rows[order], columns[order]
    hit = ids[rows, columns]
    mesh = scene.mesh
    fields = np.concatenate([mesh.corners, mesh.normals, mesh.uv], 2).astype(np.float32)
    interpolate = _interpolate_numpy if njit is None else _interpolate_numba
    points, normals, uv = np.split(interpolate(rows, columns, hit, screen, source, weights, fields), [3, 6], axis=1)
    hit = source[hit]
    normals /= (np.sqrt(dot(normals, normals)) + 1e-9)[:, None]
    to_eye = camera.eye.astype(np.float32) - points
    distance = np.sqrt(dot(to_eye, to_eye))
    to_eye /= distance[:, None]
    outward = face_normals(scene.mesh.corners).astype(np.float32)[hit]
    normals *= np.where(dot(outward, to_eye) < 0, -1, 1)[:, None].astype(np.float32)
    phase = (rows % SAMPLES) * SAMPLES + columns % SAMPLES
    casters = scene.mesh.corners[scene.casts]
    casters = casters[np.abs(casters[:, 0] - daylight.centre).max(1) < daylight.reach * 1.5]
    bright, highlight = daylight.shine(casters, points, normals, to_eye, phase)
    surface = Surface(uv, points, normals, scene.part[hit], scene.item[hit])
    empty_rows, empty_columns = np.nonzero(~seen)
    rays = camera.rays(empty_rows, empty_columns, large).astype(np.float32)
    return Shot(label_set, daylight, rows, columns, scene.label[hit], surface, bright, highlight, distance, ~seen, rays)


def _interpolate_numpy(
    rows: np.ndarray,
    columns: np.ndarray,
    hit: np.ndarray,
    screen: np.ndarray,
    source: np.ndarray,
    weights: np.ndarray,
    fields: np.ndarray,
) -> np.ndarray:
    """Fields (M, 3, F) of triangles' corners, in perspective, at sub-pixels (P,) that show the triangles `hit` (P,).

    `screen` (3 T, 3), `source` and `weights` are the triangles as `_cut_near` left them.
    """
    mix = barycentric(screen, np.arange(len(screen)).reshape(-1, 3), hit, rows, columns)
    mix = mix * -screen[:, 2].reshape(-1, 3)[hit]
    mix /= mix.sum(1, keepdims=True)
    whole = len(source) - len(weights)
    cut = np.flatnonzero(hit >= whole)
    mix[cut] = np.einsum("pk,pkj->pj", mix[cut], weights[hit[cut] - whole])
    at = fields[source[hit]]
    return (at[:, 0] * mix[:, :1] + at[:, 1] * mix[:, 1:2] + at[:, 2] * mix[:, 2:]).astype(np.float32)


def _interpolate_loop(
    rows: np.ndarray,
    columns: np.ndarray,
    hit: np.ndarray,
    screen: np.ndarray,
    source: np.ndarray,
    weights: np.ndarray,
    fields: np.ndarray,
) -> np.ndarray:
    out = np.empty((len(hit), fields.shape[2]), np.float32)
    whole = len(source) - len(weights)
    for p in range(len(hit)):
        t = hit[p]
        x, y = columns[p] + 0.5, rows[p] + 0.5
        xa, ya, xb, yb = screen[3 * t, 0], screen[3 * t, 1], screen[3 * t + 1, 0], screen[3 * t + 1, 1]
        xc, yc = screen[3 * t + 2, 0], screen[3 * t + 2, 1]
        area = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa)
        a = ((xb - x) * (yc - y) - (yb - y) * (xc - x)) / area
        b = ((xc - x) * (ya - y) - (yc - y) * (xa - x)) / area
        c = (1 - a - b) * screen[3 * t + 2, 2]
        a, b = a * screen[3 * t, 2], b * screen[3 * t + 1, 2]
        total = a + b + c
        a, b, c = a / total, b / total, c / total
        if t >= whole:
            w = weights[t - whole]
            a, b, c = (
                a * w[0, 0] + b * w[1, 0] + c * w[2, 0],
                a * w[0, 1] + b * w[1, 1] + c * w[2, 1],
                a * w[0, 2] + b * w[1, 2] + c * w[2, 2],
            )
        field = fields[source[t]]
        for f in range(fields.shape[2]):
            out[p, f] = field[0, f] * a + field[1, f] * b + field[2, f] * c
    return out


_interpolate_numba = njit(cache=True)(_interpolate_loop) if njit is not None else None


def _soft_clip(colour: np.ndarray) -> np.ndarray:
    """Brightness above 0.8 is pressed together below 1, as film does."""
    over = np.maximum(colour - 0.8, 0)
    return np.minimum(np.maximum(colour, 0), 0.8) + 0.2 * over / (over + 0.2)


def _cut_near(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut triangles (M, 3, 3) at the plane `forward` = NEAR.

    Gives the corners (T, 3, 3) of what is left, first the W triangles that stay whole; the weights of the corners of
    the cut ones over those of the triangles they come from (T - W, 3, 3); and which triangle each comes from (T,).
    """
    front = corners[:, :, 2] > NEAR
    count = front.sum(1)
    whole = np.flatnonzero(count == 3)
    weights, source = [], [whole]
    for number in (1, 2):
        some = np.flatnonzero(count == number)
        first = np.argmax(front[some] == (number == 1), axis=1)  # the corner that is alone on its side
        order = (first[:, None] + np.arange(3)) % 3
        basis = np.eye(3)[order]
        z = np.take_along_axis(corners[some, :, 2], order, 1)
        cut = [
            basis[:, 0] + ((z[:, 0] - NEAR) / (z[:, 0] - z[:, k]))[:, None] * (basis[:, k] - basis[:, 0])
            for k in (1, 2)
        ]
        if number == 1:
            pieces = [np.stack([basis[:, 0], *cut], 1)]
        else:
            pieces = [np.stack([cut[0], basis[:, 1], basis[:, 2]], 1), np.stack([cut[0], basis[:, 2], cut[1]], 1)]
        weights += pieces
        source += [some] * len(pieces)
    weight, origin = np.concatenate(weights), np.concatenate(source)
    return np.concatenate([corners[whole], weight @ corners[origin[len(whole) :]]]), weight, origin
