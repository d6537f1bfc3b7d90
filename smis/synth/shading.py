"""Light: where it comes from, its shadows, and how much of it reaches each point. Colours play no part here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from smis.synth.raster import block_sums, triangle_ids

SHADOW_SIZE = 384


@dataclass(frozen=True)
class Light:
    """A lamp far away (`direction` towards it), light from all around, and the picture's grain."""

    direction: np.ndarray
    ambient: float
    key: float
    tint: np.ndarray
    slope: np.ndarray
    vignette: float
    noise_seed: int


def sample_light(seed: int) -> Light:
    """A random light."""
    rng = np.random.default_rng([1000, seed])
    azimuth, elevation = np.deg2rad(rng.uniform(-55, 55)), np.deg2rad(rng.uniform(25, 60))
    direction = np.array([np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation)])
    return Light(
        direction,
        rng.uniform(0.58, 0.74),
        rng.uniform(0.42, 0.62),
        1 + rng.normal(0, 0.02, 3),
        rng.uniform(-0.1, 0.1, 2),
        rng.uniform(0, 0.3),
        int(rng.integers(2**31)),
    )


@dataclass(frozen=True)
class ShadowMap:
    """Depths seen from the lamp."""

    axes: np.ndarray
    centre: np.ndarray
    depths: np.ndarray

    def shade(self, points: np.ndarray, bias: float = 0.02) -> np.ndarray:
        """How much of the lamp is hidden at points (P, 3): 0 lit to 1 dark, soft at the border."""
        at = _lamp_view(points, self.axes, self.centre)
        hidden = np.zeros(len(points))
        for dx, dy in ((0, 0), (1.5, 0.5), (-1.5, -0.5), (0.5, -1.5), (-0.5, 1.5)):
            x = np.clip((at[:, 0] + dx).astype(int), 0, SHADOW_SIZE - 1)
            y = np.clip((at[:, 1] + dy).astype(int), 0, SHADOW_SIZE - 1)
            hidden += self.depths[y, x] < at[:, 2] - bias
        return hidden / 5


def _lamp_view(points: np.ndarray, axes: np.ndarray, centre: np.ndarray) -> np.ndarray:
    x, y, z = (dot(points, axis) - axis @ centre for axis in axes)
    scale = SHADOW_SIZE / 2.3
    return np.stack([SHADOW_SIZE / 2 + x * scale, SHADOW_SIZE / 2 + y * scale, -z], 1)


def shadow_map(light: Light, points: np.ndarray, faces: np.ndarray, keep: np.ndarray) -> ShadowMap:
    """The shadow map of a mesh with keep fields."""
    right = np.cross(light.direction, [0, 0, 1])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(right, light.direction), light.direction])
    centre = points.mean(0)
    return ShadowMap(axes, centre, triangle_ids(_lamp_view(points, axes, centre), faces, keep, SHADOW_SIZE)[1])


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row-wise dot products (P,) of (P, 3) with (P, 3) or (3,)."""
    return a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1] + a[..., 2] * b[..., 2]


def crevices(depth: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """How deep each pixel (S, S) lies behind its surroundings, 0..1: a stand-in for ambient occlusion."""
    size = len(depth)
    k = 4

    near, mask = block_sums(np.where(seen, depth, 0), k) / k**2, block_sums(seen.astype(float), k) / k**2
    total = np.zeros_like(depth)
    for sigma, reach in ((size / 400, 0.03), (size / 112, 0.08)):
        around = gaussian_filter(near, sigma, truncate=2) / (gaussian_filter(mask, sigma, truncate=2) + 1e-4)
        total += 0.5 * np.clip((depth - np.repeat(np.repeat(around, k, 0), k, 1)) / reach, 0, 1)
    return np.where(seen, total, 0)


def shade_points(
    light: Light,
    normals: np.ndarray,
    to_eye: np.ndarray,
    shadow: np.ndarray,
    occlusion: np.ndarray,
    folds: np.ndarray,
    soft: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(brightness (P, 3) that multiplies the colour, highlight (P,) that gloss multiplies before it is added)."""
    wrap = np.where(soft, 0.3, 0.1)
    diffuse = np.clip((dot(normals, light.direction) + wrap) / (1 + wrap), 0, 1)
    half = to_eye + light.direction
    highlight = np.clip(dot(normals, half) / np.sqrt(dot(half, half)), 0, 1) ** 24 * (1 - shadow) * 0.6
    sky = light.ambient * (0.74 + 0.26 * (normals[:, 2] * 0.5 + 0.5)) * (1 - 0.5 * occlusion)
    bright = sky + light.key * diffuse * (1 - 0.7 * shadow) * (1 - 0.3 * occlusion) + folds * (0.5 + 0.5 * diffuse)
    rim = 1 - np.clip(dot(normals, to_eye), 0, 1)
    bright = bright * (1 - 0.2 * rim**2)
    return bright[:, None] * light.tint, highlight


def backdrop_light(light: Light, size: int) -> np.ndarray:
    """Brightness (size, size, 3) of the backdrop."""
    y, x = np.mgrid[0:size, 0:size].astype(np.float64) / size - 0.5
    fall = 1 + 2 * light.slope[0] * x + 2 * light.slope[1] * y - light.vignette * (x * x + y * y)
    return fall[:, :, None] * light.tint
