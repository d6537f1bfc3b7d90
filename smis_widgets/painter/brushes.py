"""Pixel operations on label maps: strokes, shapes, regions, moves, stamps. Pure numpy, nothing is changed in place.

Places are (x, y) in pixels, from the top left corner: pixel (row 2, column 5) covers 5 <= x < 6, 2 <= y < 3, and its
centre is (5.5, 2.5). A mask is bool (H, W).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Point = tuple[float, float]


def stroke(shape: tuple[int, int], points: Sequence[Point], size: float) -> np.ndarray:
    """The pixels a round brush of diameter `size` covers on its way along the points.

    A pixel is covered when its centre is at most size / 2 from the line; the pixels under the points always are. The
    stroke of a long line is the union of the strokes of its pieces.

    >>> int(stroke((3, 5), [(0.5, 1.5), (4.5, 1.5)], 1).sum())
    5
    """
    covered, radius = np.zeros(shape, bool), size / 2
    for (x0, y0), (x1, y1) in zip(points, points[1:] if len(points) > 1 else points):
        top, bottom = _span(min(y0, y1) - radius, max(y0, y1) + radius, shape[0])
        left, right = _span(min(x0, x1) - radius, max(x0, x1) + radius, shape[1])
        if covered[top:bottom, left:right].all():
            continue
        y, x = np.mgrid[top:bottom, left:right] + 0.5
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / max(dx * dx + dy * dy, 1e-9), 0, 1)
        near = (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2 <= radius**2 + 1e-9
        covered[top:bottom, left:right] |= near
    for x, y in points:
        if 0 <= x < shape[1] and 0 <= y < shape[0]:
            covered[int(y), int(x)] = True
    return covered


def rectangle(shape: tuple[int, int], a: Point, b: Point) -> np.ndarray:
    """The pixels between two corners, both included."""
    covered = np.zeros(shape, bool)
    (left, right), (top, bottom) = sorted((a[0], b[0])), sorted((a[1], b[1]))
    covered[
        max(int(top // 1), 0) : max(int(bottom // 1) + 1, 0), max(int(left // 1), 0) : max(int(right // 1) + 1, 0)
    ] = True
    return covered


def polygon(shape: tuple[int, int], points: Sequence[Point]) -> np.ndarray:
    """The pixels whose centres lie inside the closed polygon, by the even-odd rule.

    >>> int(polygon((4, 4), [(0, 0), (4, 0), (0, 4)]).sum())
    10
    """
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    inside = np.zeros(shape, bool)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]]):
        if y0 != y1:
            crosses = (y >= min(y0, y1)) & (y < max(y0, y1))
            inside ^= crosses & (x <= x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return inside


def regions(labels: np.ndarray) -> np.ndarray:
    """A number for each connected region of one class (through sides, not corners): int (H, W), equal inside a region.

    Each pixel starts with its own number. Along each run of one class in a row, then in a column, the smallest number
    wins, until nothing changes: as many rounds as the most winding region has turns.
    """
    ids = np.arange(labels.size).reshape(labels.shape)
    while True:
        spread = _smallest_in_runs(_smallest_in_runs(ids, labels).T, labels.T).T
        if (spread == ids).all():
            return ids
        ids = spread


def region(labels: np.ndarray, at: Point) -> np.ndarray:
    """The connected region of one class around a place. Raises ValueError when the place is outside the map."""
    row, column = pixel(labels.shape, at)
    ids = regions(labels)
    return ids == ids[row, column]


def pixel(shape: Sequence[int], at: Point) -> tuple[int, int]:
    """(row, column) of the pixel at a place. Raises ValueError when the place is outside the map."""
    if not (0 <= at[0] < shape[1] and 0 <= at[1] < shape[0]):
        raise ValueError(f"({at[0]:g}, {at[1]:g}) is outside the map, which is {shape[1]} wide and {shape[0]} high")
    return int(at[1]), int(at[0])


def painted(labels: np.ndarray, mask: np.ndarray, value: int | np.ndarray) -> np.ndarray:
    """The map with `value` (one class, or another map) where the mask is."""
    return np.where(mask, value, labels).astype(labels.dtype)


def grown_over(labels: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The map with the hole closed: classes grow into it from its edge, one ring at a time. All hole: as it was."""
    labels, hole = labels.copy(), hole.copy()
    while hole.any() and not hole.all():
        known, source = ~hole, labels.copy()
        for rows, columns in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            beside, value = _shifted(known, rows, columns), _shifted(source, rows, columns)
            take = hole & beside
            labels[take], hole[take] = value[take], False
    return labels


def moved(labels: np.ndarray, at: Point, to: Point) -> np.ndarray:
    """The region at `at` shifted by whole pixels; where it was, its surroundings grow in."""
    mask = region(labels, at)
    rows, columns = round(to[1] - at[1]), round(to[0] - at[0])
    return painted(grown_over(labels, mask), _shifted(mask, rows, columns), labels[pixel(labels.shape, at)])


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece cut from a label map at `corner` (row, column): `labels` (h, w), of which only `mask` counts."""

    labels: np.ndarray
    mask: np.ndarray
    corner: tuple[int, int] = (0, 0)

    def whole(self, shape: Sequence[int]) -> bool:
        """Whether it lay inside its map, of this shape: what touches the edge is often only a part of something."""
        (top, left), (height, width) = self.corner, self.mask.shape
        return top > 0 and left > 0 and top + height < shape[0] and left + width < shape[1]

    def resized(self, height: float) -> Piece:
        """The piece at another height, its proportions kept: each pixel takes the nearest one of the original."""
        tall, wide = self.mask.shape
        rows = np.arange(max(1, round(height))) * tall // max(1, round(height))
        width = max(1, round(wide * len(rows) / tall))
        columns = np.arange(width) * wide // width
        return Piece(self.labels[rows[:, None], columns], self.mask[rows[:, None], columns])

    def mirrored(self) -> Piece:
        """The piece with left and right exchanged."""
        return Piece(self.labels[:, ::-1], self.mask[:, ::-1])

    def placed(self, shape: Sequence[int], at: Point) -> tuple[slice, slice, slice, slice]:
        """Rows and columns of the map, then of the piece, when its middle lies at a place; what sticks out is cut."""
        (height, width), (tall, wide) = self.mask.shape, shape
        top, left = round(at[1] - height / 2), round(at[0] - width / 2)
        y0, y1, x0, x1 = max(top, 0), min(top + height, tall), max(left, 0), min(left + width, wide)
        y1, x1 = max(y0, y1), max(x0, x1)
        return slice(y0, y1), slice(x0, x1), slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)

    def cover(self, shape: Sequence[int], at: Point) -> np.ndarray:
        """The mask on a map of this shape."""
        covered = np.zeros(tuple(shape), bool)
        rows, columns, own_rows, own_columns = self.placed(shape, at)
        covered[rows, columns] = self.mask[own_rows, own_columns]
        return covered

    def stamped(self, labels: np.ndarray, at: Point) -> np.ndarray:
        """The map with the piece on it, its middle at a place."""
        result = labels.copy()
        rows, columns, own_rows, own_columns = self.placed(labels.shape, at)
        mask = self.mask[own_rows, own_columns]
        result[rows, columns][mask] = self.labels[own_rows, own_columns][mask]
        return result


def cut(labels: np.ndarray, c: int) -> Piece | None:
    """The largest region of class `c` with whatever it surrounds; None where the map has no pixel of the class."""
    if not (labels == c).any():
        return None
    ids = regions(labels)
    numbers, counts = np.unique(ids[labels == c], return_counts=True)
    mask = ids == numbers[counts.argmax()]
    outside = regions(np.pad(mask, 1))  # the frame around joins everything that the region does not surround
    mask = (outside != outside[0, 0])[1:-1, 1:-1]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Piece(labels[box].copy(), mask[box].copy(), (int(rows[0]), int(columns[0])))


def runs(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A mask as horizontal runs of pixels: x, y and length of each.

    >>> [part.tolist() for part in runs(np.array([[0, 1, 1], [1, 0, 1]], bool))]
    [[1, 0, 2], [0, 1, 1], [2, 1, 1]]
    """
    steps = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    y, start = np.nonzero(steps == 1)
    return start, y, np.nonzero(steps == -1)[1] - start


def _span(low: float, high: float, end: int) -> tuple[int, int]:
    """The indices 0 .. end that this stretch touches."""
    first = min(max(int(low) - 1, 0), end)
    return first, max(first, min(int(high) + 2, end))


def _smallest_in_runs(ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Each id becomes the smallest one of its run: a stretch of one class within one row."""
    starts = np.ones(labels.shape, bool)
    starts[:, 1:] = labels[:, 1:] != labels[:, :-1]
    first = np.flatnonzero(starts)
    smallest = np.minimum.reduceat(np.ascontiguousarray(ids).ravel(), first)
    return np.repeat(smallest, np.diff(np.append(first, labels.size))).reshape(labels.shape)


def _shifted(array: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The array moved down and to the right; zeros (or False) come in."""
    result = np.zeros_like(array)
    height, width = array.shape
    if abs(rows) < height and abs(columns) < width:
        result[max(rows, 0) : height + min(rows, 0), max(columns, 0) : width + min(columns, 0)] = array[
            max(-rows, 0) : height - max(rows, 0), max(-columns, 0) : width - max(columns, 0)
        ]
    return result
