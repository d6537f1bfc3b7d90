"""Light for built scenes: the sun, and light from all around that is kept off by what stands near.

The light from all around is a handful of weak lamps in all directions, each with a shadow map of its own. Where few of
them are seen it is dark: in corners, below a bed, under the eaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smis.synth.raster import njit, triangle_ids
from smis.synth.shading import dot


@dataclass(frozen=True)
class Lamp:
    """Light from far away. `direction` (3,) towards it; `pixels` of its shadow map; `fade`: metres behind a thing after
    which its shadow is half gone, for light from all around."""

    direction: np.ndarray
    strength: float
    pixels: int
    fade: float = 1e6


@dataclass(frozen=True)
class Daylight:
    """The sun, the lamps all around, light from the ground, haze, and the picture's grain.

    `centre` (3,) and `reach` in metres: the ball that the shadow maps show. `sun_casts` (M, 3, 3): triangles that keep
    off the sun only (walls). `walls` (low, high): planes near which it is darker; None outdoors.
    """

    sun: Lamp
    around: tuple[Lamp, ...]
    sun_tint: np.ndarray
    sky_tint: np.ndarray
    ground: float
    centre: np.ndarray
    reach: float
    haze_colour: np.ndarray
    haze_reach: float
    noise_seed: int
    sun_casts: np.ndarray | None = None
    walls: tuple[np.ndarray, np.ndarray] | None = None

    def shine(
        self, casters: np.ndarray, points: np.ndarray, normals: np.ndarray, to_eye: np.ndarray, phase: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(brightness (P, 3) that multiplies the colour, highlight (P,)) at points with normals (P, 3).

        `casters` (M, 3, 3): triangles that shade. `phase` (P,) 0..15: each sub-pixel looks up the shadow maps a little
        elsewhere, which makes borders soft.
        """
        sky = np.zeros(len(points), np.float32)
        for lamp in self.around:
            sky += np.float32(lamp.strength) * self._light(lamp, casters, points, normals, phase, 1.6)
        sky += np.float32(self.ground) * (0.5 - 0.5 * normals[:, 2])
        if self.walls is not None:
            sky *= _corners(points, normals, *self.walls)
        direction = self.sun.direction.astype(np.float32)
        sun = np.zeros(len(points), np.float32)
        if self.sun.strength > 0:
            all_casters = casters if self.sun_casts is None else np.concatenate([casters, self.sun_casts])
            sun = self._light(self.sun, all_casters, points, normals, phase, 1.0)
        lit = sun > 0.001
        sun = np.float32(self.sun.strength) * sun
        rim = 1 - np.maximum(dot(normals, to_eye), 0)
        rim *= rim
        highlight = np.float32(0.25) * rim * rim
        if self.sun.strength > 0:
            half = to_eye + direction
            mirrored = np.maximum(dot(normals, half), 0) / np.sqrt(dot(half, half) + np.float32(1e-9))
            for _ in range(3):
                mirrored *= mirrored
            highlight += mirrored**3 * lit * np.float32(0.7 * min(1.0, 2 * self.sun.strength))
        bright = sky[:, None] * self.sky_tint.astype(np.float32) + sun[:, None] * self.sun_tint.astype(np.float32)
        return bright, highlight.astype(np.float32)

    def haze(self, colour: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Colours (P, 3) as seen through the air at some distance (P,)."""
        if self.haze_reach <= 0:
            return colour
        amount = (0.85 * (1 - np.exp(-np.maximum(distance - 15, 0) / self.haze_reach)))[:, None].astype(np.float32)
        return colour * (1 - amount) + self.haze_colour.astype(np.float32) * amount

    def _shadow_map(self, lamp: Lamp, casters: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        """What the lamp sees: depths (S, S); the affine map (3, 4) from places to pixels and depth; metres a pixel."""
        right = np.cross(lamp.direction, [0.0, 0.12, 1.0])
        right /= np.linalg.norm(right)
        axes = np.stack([right, np.cross(right, lamp.direction), -lamp.direction])
        scale = lamp.pixels / 2 / self.reach
        axes = axes * np.array([scale, scale, 1.0])[:, None]
        shift = np.array([lamp.pixels / 2, lamp.pixels / 2, 0]) - axes @ self.centre
        soup = casters.reshape(-1, 3) @ axes.T + shift
        faces = np.arange(len(soup)).reshape(-1, 3)
        depths = triangle_ids(soup, faces, np.zeros((len(soup), 0)), lamp.pixels)[1]
        return depths.astype(np.float32), np.concatenate([axes, shift[:, None]], 1).astype(np.float32), 1 / scale

    def _light(
        self, lamp: Lamp, casters: np.ndarray, points: np.ndarray, normals: np.ndarray, phase: np.ndarray, blur: float
    ) -> np.ndarray:
        """How much of the lamp (P,) falls on points with these normals: its cosine, 0 in the shade."""
        depths, matrix, texel = self._shadow_map(lamp, casters)
        look = _look_numpy if njit is None else _look_numba
        spread = (_SPREAD * blur).astype(np.float32)
        direction = lamp.direction.astype(np.float32)
        away, bias = np.float32(0.6 * texel + 0.004), np.float32(1.5 * texel)
        fade = np.float32(lamp.fade)
        return look(points, normals, phase, spread, direction, depths, matrix, away, bias, fade)


def _look_numpy(
    points: np.ndarray,
    normals: np.ndarray,
    phase: np.ndarray,
    spread: np.ndarray,
    direction: np.ndarray,
    depths: np.ndarray,
    matrix: np.ndarray,
    away: np.float32,
    bias: np.float32,
    fade: np.float32,
) -> np.ndarray:
    at = (points + normals * away) @ matrix[:, :3].T + matrix[:, 3]
    place = at[:, :2] + spread[phase]
    inside = ((place >= 0) & (place < len(depths))).all(1)
    x, y = np.clip(place, 0, len(depths) - 1).astype(np.int32).T
    behind = at[:, 2] - bias - depths[y, x]
    gap = np.maximum(behind, 0) / fade
    lit = np.where(inside & (behind > 0), gap * gap / (1 + gap * gap), 1)
    return (lit * np.maximum(dot(normals, direction), 0)).astype(np.float32)


def _look_loop(
    points: np.ndarray,
    normals: np.ndarray,
    phase: np.ndarray,
    spread: np.ndarray,
    direction: np.ndarray,
    depths: np.ndarray,
    matrix: np.ndarray,
    away: np.float32,
    bias: np.float32,
    fade: np.float32,
) -> np.ndarray:
    size = depths.shape[0]
    out = np.zeros(points.shape[0], np.float32)
    for k in range(points.shape[0]):
        a, b, c = normals[k, 0], normals[k, 1], normals[k, 2]
        cosine = a * direction[0] + b * direction[1] + c * direction[2]
        if cosine <= 0:
            continue
        x, y, z = points[k, 0] + a * away, points[k, 1] + b * away, points[k, 2] + c * away
        u = matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * z + matrix[0, 3] + spread[phase[k], 0]
        v = matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * z + matrix[1, 3] + spread[phase[k], 1]
        if 0 <= u < size and 0 <= v < size:
            far = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * z + matrix[2, 3]
            behind = far - bias - depths[int(v), int(u)]
            if behind > 0:
                gap = behind / fade
                cosine *= gap * gap / (1 + gap * gap)
        out[k] = cosine
    return out


_look_numba = njit(cache=True)(_look_loop) if njit is not None else None


# 16 places in a disc of radius 1.5 texels, in an order that neighbours are far apart
_SPREAD = np.array(
    [[1.5 * np.sqrt((k + 0.5) / 16) * f(k * 2.399963) for f in (np.cos, np.sin)] for k in range(16)], np.float32
)


def _corners(points: np.ndarray, normals: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """How much light is left (P,) near the planes of a room; a plane does not darken itself."""
    left = np.ones(len(points), np.float32)
    for axis in range(3):
        for plane, sign in ((low, 1), (high, -1)):
            away = np.maximum((points[:, axis] - np.float32(plane[axis])) * sign, 0)
            facing = np.clip(normals[:, axis] * sign, 0, 1)
            left *= 1 - np.float32(0.26) * np.exp(-away / np.float32(0.4)) * (1 - facing)
    return left


def all_around(count: int, lowest: float = -1.0) -> np.ndarray:
    """Directions (count, 3) spread evenly over the sphere above height `lowest`."""
    k = np.arange(count)
    z = 1 - (k + 0.5) / count * (1 - lowest)
    angle = k * 2.399963
    r = np.sqrt(1 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], 1)
