"""A z-buffer: which triangle is seen at each pixel. numba when installed, else numpy with the same result."""

from __future__ import annotations

import numpy as np

try:
    from numba import njit
except ImportError:  # the optional extra `pip install smis[synth]` makes rendering some ten times faster
    njit = None  # type: ignore[assignment]

FAR = 1e9


def triangle_ids(points: np.ndarray, faces: np.ndarray, keep: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Ids (size, size) of the nearest triangles (-1: none) and their depths.

    `points` (N, 3): x and y in pixels, depth. `faces` (M, 3). `keep` (N, K): a point of a triangle is drawn only where
    all K fields, interpolated, are >= 0; this cuts necklines and hems more finely than the mesh.
    """
    points, keep = np.ascontiguousarray(points, np.float64), np.ascontiguousarray(keep, np.float64)
    faces = np.ascontiguousarray(faces, np.int64)
    draw = _draw_numpy if njit is None else _draw_numba
    return draw(points, faces, keep, size)


def barycentric(points: np.ndarray, faces: np.ndarray, ids: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Weights (P, 3) of the corners of the triangles `ids` (P,) at the centres of the pixels (ys, xs)."""
    a, b, c = (points[faces[ids, k], :2].astype(np.float64) for k in range(3))
    p = np.stack([xs + 0.5, ys + 0.5], 1)
    area = _cross(b - a, c - a)
    w0 = _cross(b - p, c - p) / area
    w1 = _cross(c - p, a - p) / area
    return np.stack([w0, w1, 1 - w0 - w1], 1).astype(np.float32)


def block_sums(fine: np.ndarray, k: int) -> np.ndarray:
    """Sums over blocks of k x k sub-pixels: (H, W, ...) to (H / k, W / k, ...)."""
    rows = fine[::k].copy()
    for i in range(1, k):
        rows += fine[i::k]
    total = rows[:, ::k].copy()
    for i in range(1, k):
        total += rows[:, i::k]
    return total


def _cross(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return u[:, 0] * v[:, 1] - v[:, 0] * u[:, 1]


def _draw_numpy(points: np.ndarray, faces: np.ndarray, keep: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """All pixels of all bounding boxes at once; the nearest of each pixel wins, the first triangle on a tie."""
    x, y, z = (points[faces, k] for k in range(3))
    area = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
    x0, x1 = np.clip(np.floor(x.min(1)), 0, size), np.clip(np.ceil(x.max(1)), -1, size - 1)
    y0, y1 = np.clip(np.floor(y.min(1)), 0, size), np.clip(np.ceil(y.max(1)), -1, size - 1)
    width, height = np.maximum(x1 - x0 + 1, 0).astype(int), np.maximum(y1 - y0 + 1, 0).astype(int)
    dead = (np.abs(area) < 1e-9) | (keep[faces] < 0).all(1).any(1)
    count = np.where(dead, 0, width * height)
    t = np.repeat(np.arange(len(faces)), count)
    place = np.arange(len(t)) - np.repeat(count.cumsum() - count, count)
    px = x0[t] + place % np.maximum(width[t], 1) + 0.5
    py = y0[t] + place // np.maximum(width[t], 1) + 0.5
    inverse = 1.0 / area[t]
    w0 = ((x[t, 1] - px) * (y[t, 2] - py) - (x[t, 2] - px) * (y[t, 1] - py)) * inverse
    w1 = ((x[t, 2] - px) * (y[t, 0] - py) - (x[t, 0] - px) * (y[t, 2] - py)) * inverse
    w2 = 1 - w0 - w1
    inside = (w0 >= 0) & (w1 >= 0) & (w2 >= 0)
    t, w0, w1, w2 = t[inside], w0[inside], w1[inside], w2[inside]
    pixel = ((py[inside] - 0.5) * size + px[inside] - 0.5).astype(int)
    i, j, k = faces[t].T
    kept = (w0[:, None] * keep[i] + w1[:, None] * keep[j] + w2[:, None] * keep[k] >= 0).all(1)
    depth = (w0 * z[t, 0] + w1 * z[t, 1] + w2 * z[t, 2])[kept]
    pixel, t = pixel[kept], t[kept]
    order = np.lexsort((t, depth, pixel))
    first = order[np.unique(pixel[order], return_index=True)[1]]
    ids, depths = np.full(size * size, -1, np.int64), np.full(size * size, FAR)
    ids[pixel[first]], depths[pixel[first]] = t[first], depth[first]
    return ids.reshape(size, size), depths.reshape(size, size)


def _draw_loop(points: np.ndarray, faces: np.ndarray, keep: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    ids, depths = np.full((size, size), -1, np.int64), np.full((size, size), FAR)
    fields = keep.shape[1]
    for t in range(faces.shape[0]):
        i, j, k = faces[t, 0], faces[t, 1], faces[t, 2]
        xi, yi, xj, yj, xk, yk = points[i, 0], points[i, 1], points[j, 0], points[j, 1], points[k, 0], points[k, 1]
        area = (xj - xi) * (yk - yi) - (xk - xi) * (yj - yi)
        if abs(area) < 1e-9:
            continue
        dead = False
        for f in range(fields):
            if keep[i, f] < 0 and keep[j, f] < 0 and keep[k, f] < 0:
                dead = True
        if dead:
            continue
        inverse = 1.0 / area
        for row in range(max(int(np.floor(min(yi, yj, yk))), 0), min(int(np.ceil(max(yi, yj, yk))), size - 1) + 1):
            for column in range(
                max(int(np.floor(min(xi, xj, xk))), 0), min(int(np.ceil(max(xi, xj, xk))), size - 1) + 1
            ):
                px, py = column + 0.5, row + 0.5
                w0 = ((xj - px) * (yk - py) - (xk - px) * (yj - py)) * inverse
                w1 = ((xk - px) * (yi - py) - (xi - px) * (yk - py)) * inverse
                w2 = 1 - w0 - w1
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                depth = w0 * points[i, 2] + w1 * points[j, 2] + w2 * points[k, 2]
                if depth < depths[row, column]:
                    kept = True
                    for f in range(fields):
                        if w0 * keep[i, f] + w1 * keep[j, f] + w2 * keep[k, f] < 0:
                            kept = False
                    if kept:
                        depths[row, column] = depth
                        ids[row, column] = t
    return ids, depths


_draw_numba = njit(cache=True)(_draw_loop) if njit is not None else None
