"""Smooth random numbers over the plane."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=1)
def _table() -> np.ndarray:
    return np.random.default_rng(7).random((256, 256)).astype(np.float32)


def value_noise(u: np.ndarray, v: np.ndarray, seed: int = 0) -> np.ndarray:
    """Values in 0..1 that change smoothly with (u, v), about once a unit."""
    u, v = u + seed * 17.3, v + seed * 31.7
    i, j = np.floor(u).astype(np.int64), np.floor(v).astype(np.int64)
    a, b = u - i, v - j
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    i, j = i & 255, j & 255
    i2, j2 = (i + 1) & 255, (j + 1) & 255
    t = _table()
    return (t[i, j] * (1 - a) + t[i2, j] * a) * (1 - b) + (t[i, j2] * (1 - a) + t[i2, j2] * a) * b


def fractal_noise(u: np.ndarray, v: np.ndarray, seed: int = 0) -> np.ndarray:
    """Three octaves of `value_noise`, in 0..1."""
    return (
        value_noise(u, v, seed) + 0.5 * value_noise(2 * u, 2 * v, seed + 1) + 0.25 * value_noise(4 * u, 4 * v, seed + 2)
    ) / 1.75


def cell_noise(i: np.ndarray, j: np.ndarray, seed: int = 0) -> np.ndarray:
    """A value in 0..1 for each integer cell."""
    return _table()[(i * 7 + seed) & 255, (j * 5 + seed * 3) & 255]
