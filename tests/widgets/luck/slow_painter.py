"""The painter once more, pixel by pixel and from its description alone: slow, and hard to get wrong.

Maps are lists of rows of class numbers. Actions come as the lines of a script.
"""

from __future__ import annotations

import math
import shlex

import numpy as np

from tests.widgets.fake import LABELS

Map = list[list[int]]
Place = tuple[float, float]


class Replay:
    """Plays scripts; remembers the maps of the last one, so that one line more costs one line."""

    def __init__(self, scenes: np.ndarray) -> None:
        self.scenes: list[Map] = scenes.tolist()
        self.known: dict[tuple[int, tuple[str, ...]], tuple[int, Map]] = {}

    def play(self, first: int, script: list[str]) -> tuple[int, np.ndarray]:
        """The scene and the map after a script that began at scene `first`."""
        lines = tuple(script)
        done = next(n for n in range(len(lines), -1, -1) if n == 0 or (first, lines[:n]) in self.known)
        scene, labels = self.known.get((first, lines[:done]), (first, self.scenes[first]))
        for n in range(done, len(lines)):
            scene, labels = self.step(scene, labels, lines[n])
            self.known[first, lines[: n + 1]] = scene, labels
        while len(self.known) > 400:
            del self.known[next(iter(self.known))]
        return scene, np.array(labels, np.uint8)

    def step(self, scene: int, labels: Map, line: str) -> tuple[int, Map]:
        """One action."""
        verb, *rest = shlex.split(line)
        height, width = len(labels), len(labels[0])
        if verb == "scene":
            other = ord(rest[0]) - ord("A")
            return other, [row[:] for row in self.scenes[other]]
        if verb == "load":
            from smis_widgets.painter.actions import text_to_map  # a PNG: nothing to paint again

            return scene, text_to_map(rest[0]).tolist()
        new = [row[:] for row in labels]
        if verb == "erase":
            size, way = float(rest[0]), [place(word) for word in rest[1:]]
            for y, x in covered(height, width, way, size):
                new[y][x] = self.scenes[scene][y][x]
        elif verb == "move":
            (x0, y0), (x1, y1) = place(rest[0]), place(rest[1])
            old = region(labels, int(x0), int(y0))
            new = filled(labels, old)
            for y, x in old:
                to_y, to_x = y + round(y1 - y0), x + round(x1 - x0)
                if 0 <= to_y < height and 0 <= to_x < width:
                    new[to_y][to_x] = labels[int(y0)][int(x0)]
        elif verb in ("stamp", "mirror"):
            self.stamp(new, verb == "mirror", LABELS.classes.index(rest[0]), ord(rest[1]) - ord("A"), *rest[2:])
        else:
            c = LABELS.classes.index(rest[0])
            for y, x in self.area(verb, labels, rest):
                new[y][x] = LABELS.classes.index(rest[1]) if verb == "replace" else c
        return scene, new

    def area(self, verb: str, labels: Map, rest: list[str]) -> list[tuple[int, int]]:
        """The pixels (row, column) that an action paints."""
        height, width = len(labels), len(labels[0])
        everywhere = [(y, x) for y in range(height) for x in range(width)]
        if verb == "brush":
            return covered(height, width, [place(word) for word in rest[2:]], float(rest[1]))
        if verb == "replace":
            return [(y, x) for y, x in everywhere if labels[y][x] == LABELS.classes.index(rest[0])]
        places = [place(word) for word in rest[1:]]
        if verb == "fill":
            return region(labels, int(places[0][0]), int(places[0][1]))
        if verb == "rectangle":
            (x0, x1), (y0, y1) = (sorted(math.floor(p[axis]) for p in places) for axis in (0, 1))
            return [(y, x) for y, x in everywhere if y0 <= y <= y1 and x0 <= x <= x1]
        assert verb == "polygon", verb
        return [(y, x) for y, x in everywhere if encloses(places, x + 0.5, y + 0.5)]

    def stamp(self, labels: Map, mirrored: bool, c: int, donor: int, size: str, at: str) -> None:
        """Put a piece of another scene there, in place."""
        source = self.scenes[donor]
        piece = with_holes(source, largest(source, c))
        top, left = min(y for y, _ in piece), min(x for _, x in piece)
        tall, wide = max(y for y, _ in piece) - top + 1, max(x for _, x in piece) - left + 1
        height = max(1, round(float(size)))
        width = max(1, round(wide * height / tall))
        x, y = place(at)
        upper, outer = round(y - height / 2), round(x - width / 2)
        for row in range(height):
            for column in range(width):
                away = width - 1 - column if mirrored else column
                from_y, from_x = top + row * tall // height, left + away * wide // width
                to_y, to_x = upper + row, outer + column
                inside = 0 <= to_y < len(labels) and 0 <= to_x < len(labels[0])
                if inside and (from_y, from_x) in piece:
                    labels[to_y][to_x] = source[from_y][from_x]


def place(word: str) -> Place:
    """'3,4.5' as numbers."""
    x, y = word.split(",")
    return float(x), float(y)


def covered(height: int, width: int, way: list[Place], size: float) -> list[tuple[int, int]]:
    """The pixels of a round brush: centres at most half its size from the way, and the pixels under its places."""
    found = []
    for y in range(height):
        for x in range(width):
            under = any(math.floor(px) == x and math.floor(py) == y for px, py in way)
            legs = zip(way, way[1:] if len(way) > 1 else way)
            if under or any(far(x + 0.5, y + 0.5, a, b) <= size / 2 + 1e-9 for a, b in legs):
                found.append((y, x))
    return found


def far(x: float, y: float, a: Place, b: Place) -> float:
    """The distance of a point from a stretch."""
    length = (b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2
    t = 0.0 if length == 0 else ((x - a[0]) * (b[0] - a[0]) + (y - a[1]) * (b[1] - a[1])) / length
    t = min(max(t, 0.0), 1.0)
    return math.hypot(x - a[0] - t * (b[0] - a[0]), y - a[1] - t * (b[1] - a[1]))


def region(labels: Map, x: int, y: int) -> list[tuple[int, int]]:
    """The pixels of one class that hang together with this one, through their sides."""
    c, todo, seen = labels[y][x], [(y, x)], {(y, x)}
    while todo:
        row, column = todo.pop()
        for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            there = 0 <= near[0] < len(labels) and 0 <= near[1] < len(labels[0])
            if there and near not in seen and labels[near[0]][near[1]] == c:
                seen.add(near)
                todo.append(near)
    return sorted(seen)


def largest(labels: Map, c: int) -> set[tuple[int, int]]:
    """The largest region of a class; of equal ones the one that comes first from the top left."""
    left = {(y, x) for y, row in enumerate(labels) for x, value in enumerate(row) if value == c}
    best: set[tuple[int, int]] = set()
    while left:
        y, x = min(left)
        found = set(region(labels, x, y))
        left -= found
        if len(found) > len(best):
            best = found
    return best


def with_holes(labels: Map, piece: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """A region and all that it surrounds: what cannot reach the world outside without crossing it."""
    height, width = len(labels), len(labels[0])
    frame: Map = [[int((y, x) in piece) for x in range(-1, width + 1)] for y in range(-1, height + 1)]
    outside = {(y - 1, x - 1) for y, x in region(frame, 0, 0)}
    return {(y, x) for y in range(height) for x in range(width)} - outside


def encloses(corners: list[Place], x: float, y: float) -> bool:
    """Whether a ray to the right crosses the outline an odd number of times."""
    odd = False
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]]):
        if y0 != y1 and min(y0, y1) <= y < max(y0, y1) and x <= x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            odd = not odd
    return odd


def filled(labels: Map, hole: list[tuple[int, int]]) -> Map:
    """The map with a hole closed from its edge, ring by ring: below, above, right and left come in this order."""
    new, open_ = [row[:] for row in labels], set(hole)
    height, width = len(labels), len(labels[0])
    if len(open_) == height * width:
        return new
    while open_:
        ring = {}
        for y, x in open_:
            for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                near = (y + dy, x + dx)
                if 0 <= near[0] < height and 0 <= near[1] < width and near not in open_:
                    ring[y, x] = new[near[0]][near[1]]
                    break
        for (y, x), value in ring.items():
            new[y][x] = value
        open_ -= set(ring)
    return new
