"""Houses with windows, doors and roofs. Their front looks along -y; its middle stands at x = y = z = 0."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smis.synth.solids import Mesh, box, copies, join, rectangle, surface

WALL, DOOR, TRIM = 0, 1, 2  # parts of a building
GLASS, FRAME = 0, 1  # parts of a window
SLOPE, FLAT, CHIMNEY = 0, 1, 2  # parts of a roof

Piece = tuple[Mesh, str, int]


@dataclass(frozen=True)
class House:
    """Sizes in metres; `roof`: "gable" (ridge along the street), "front" (gable to the street), "hip", "flat" or
    "mansard"; `sides`: whether the left and right walls have windows."""

    width: float
    depth: float
    storeys: int
    storey: float
    roof: str
    rise: float
    window: tuple[float, float]
    spacing: float
    sides: tuple[bool, bool]
    shop: bool
    balconies: bool


def sample_house(kind: str, rng: np.random.Generator) -> House:
    """A random "house" (of its own), "row" (terraced) or "block" (of flats)."""
    u = rng.uniform
    storey = u(2.7, 3.2)
    window = (u(0.9, 1.4), u(1.2, 1.7))
    if kind == "house":
        roof = str(rng.choice(["gable", "front", "hip"], p=[0.4, 0.35, 0.25]))
        sizes = (u(7, 11), u(6, 9), int(rng.choice([1, 2], p=[0.45, 0.55])))
        return House(*sizes, storey, roof, u(2.3, 4.2), window, u(2.1, 2.7), (True, True), False, False)
    if kind == "row":
        roof = str(rng.choice(["gable", "front", "mansard", "flat"], p=[0.45, 0.3, 0.15, 0.1]))
        sizes = (u(5.5, 8.5), u(8, 11), int(rng.choice([2, 3], p=[0.5, 0.5])))
        shop = bool(rng.random() < 0.25)
        return House(*sizes, storey, roof, u(2.4, 4.0), window, u(1.9, 2.5), (True, True), shop, False)
    roof = str(rng.choice(["flat", "mansard", "hip"], p=[0.4, 0.35, 0.25]))
    sizes = (u(10, 18), u(10, 14), int(rng.integers(3, 6)))
    shop, balconies = bool(rng.random() < 0.4), bool(rng.random() < 0.35)
    return House(*sizes, storey, roof, u(2, 3), window, u(2.1, 3.0), (True, True), shop, balconies)


def build_house(h: House, rng: np.random.Generator) -> list[Piece]:
    """The meshes of a house with their classes and parts."""
    tall = h.storeys * h.storey + 0.3
    pieces: list[Piece] = [(box(h.width, h.depth, tall).at(0, h.depth / 2, 0), "building", WALL)]
    pieces += _roof(h, tall)
    pieces += _front(h, rng)
    number = int((h.depth - 1) // (h.spacing * 1.3))
    y = h.depth * (np.arange(number) + 0.5) / max(number, 1)
    z = 0.9 + np.arange(h.storeys) * h.storey
    for side in (-1, 1):
        places = np.stack([a.ravel() for a in np.meshgrid(side * h.width / 2, y, z)], 1)
        pieces += _windows(*h.window, places, 90 * side)
    return pieces


def _front(h: House, rng: np.random.Generator) -> list[Piece]:
    number = max(int((h.width - 0.8) // h.spacing), 1)
    entrance = int(rng.integers(number))
    bay = h.width / number
    x = bay * (np.arange(number) + 0.5) - h.width / 2
    others = np.delete(x, entrance)
    upper = np.stack([a.ravel() for a in np.meshgrid(x, 0.0, 0.9 + h.storey * np.arange(1, h.storeys))], 1)
    lower = np.stack([others, 0 * others, 0 * others + (0.5 if h.shop else 0.9)], 1)
    door = x[entrance]
    trims = [box(1.35, 0.08, 2.35).at(door, 0, 0.12), box(1.5, 0.9, 0.14).at(door, -0.4, 0)]
    pieces: list[Piece] = [(box(1.05, 0.12, 2.15).at(door, 0, 0.12), "building", DOOR)]
    if h.shop:
        pieces += _windows(*h.window, upper) + _windows(bay - 0.4, h.storey - 1.0, lower)
        trims.append(box(h.width, 0.16, 0.4).at(0, 0, h.storey - 0.35))
    else:
        pieces += _windows(*h.window, np.concatenate([upper, lower]))
        if h.storeys > 1 and rng.random() < 0.4:
            trims.append(box(h.width + 0.06, 0.14, 0.16).at(0, 0.0, h.storey + 0.08))
    if h.balconies:
        places = np.stack([a.ravel() for a in np.meshgrid(x[::2], 0.0, h.storey * np.arange(1, h.storeys))], 1)
        slab = box(bay * 0.8, 0.9, 0.12).at(0, -0.45, 0.2)
        trims.append(copies(join([slab, box(bay * 0.8, 0.05, 0.75).at(0, -0.88, 0.3)]), places))
    return [*pieces, (join(trims), "building", TRIM)]


def _windows(width: float, height: float, places: np.ndarray, yaw: float = 0.0) -> list[Piece]:
    """Windows at places (N, 3), the middle of their sills; before the turn they lie in the plane y = 0."""
    if not len(places):
        return []
    glass, frame = _window(width, height)
    yaws = np.full(len(places), yaw)
    return [(copies(glass, places, yaws), "window", GLASS), (copies(frame, places, yaws), "window", FRAME)]


@lru_cache(maxsize=64)
def _window(width: float, height: float) -> tuple[Mesh, Mesh]:
    """Two panes, and a frame that stands out from them."""
    glass = rectangle((-width / 2, -0.045, 0), (width, 0, 0), (0, 0, height))
    t = 0.09
    bars = [
        rectangle((-width / 2 - t, -0.1, height), (width + 2 * t, 0, 0), (0, 0, t)),
        rectangle((-width / 2 - t, -0.1, 0), (t, 0, 0), (0, 0, height)),
        rectangle((width / 2, -0.1, 0), (t, 0, 0), (0, 0, height)),
        rectangle((-t * 0.35, -0.1, 0), (t * 0.7, 0, 0), (0, 0, height)),
        box(width + 0.4, 0.26, t + 0.03).at(0, 0, -t - 0.03),
    ]
    return glass, join(bars)


def _roof(h: House, tall: float) -> list[Piece]:
    over = 0.35
    w, d, top = h.width / 2 + over, h.depth / 2 + over, tall + h.rise
    low = tall - over * h.rise / d
    y = h.depth / 2
    if h.roof == "flat":
        return [
            (box(h.width + 0.3, h.depth + 0.3, 0.45).at(0, y, tall - 0.1), "roof", FLAT),
            (box(2.2, 2.2, 1.6).at(h.width * 0.2, y, tall), "roof", FLAT),
        ]
    pieces: list[Piece] = []
    chimney = box(0.6, 0.6, h.rise * 0.7 + 0.7).at(h.width * 0.27, y + 0.8, tall + h.rise * 0.3)
    if h.roof == "gable":
        ridge = [(-w, y, top), (w, y, top)]
        for side in (-1, 1):
            pieces.append((_slope([(-w, y + side * d, low), (w, y + side * d, low)], ridge), "roof", SLOPE))
        pieces += [
            (_gable(x, 0, h.depth, tall, top - 0.06, "y"), "building", WALL) for x in (-h.width / 2, h.width / 2)
        ]
    elif h.roof == "front":
        low = tall - over * h.rise / w
        ridge = [(0, y - d, top), (0, y + d, top)]
        for side in (-1, 1):
            pieces.append((_slope([(side * w, y - d, low), (side * w, y + d, low)], ridge), "roof", SLOPE))
        pieces += [
            (_gable(q, -h.width / 2, h.width / 2, tall, top - 0.06, "x"), "building", WALL) for q in (0, h.depth)
        ]
        if h.rise > 2.3:
            pieces += _windows(0.8, 0.9, np.array([[0, 0, tall + 0.15]]))
    else:
        inset = min(w, d) * 0.98
        share, flat = 1.0, False
        if h.roof == "mansard":
            inset, share, flat = 1.1, 1.0, True
        low = tall - 0.15
        base = [(-w, y - d), (w, y - d), (w, y + d), (-w, y + d)]
        upper = [
            (-w + inset, y - d + inset),
            (w - inset, y - d + inset),
            (w - inset, y + d - inset),
            (-w + inset, y + d - inset),
        ]
        for k in range(4):
            j = (k + 1) % 4
            edge = [(*base[k], low), (*base[j], low)]
            ridge = [(*upper[k], tall + h.rise * share), (*upper[j], tall + h.rise * share)]
            pieces.append((_slope(edge, ridge), "roof", SLOPE))
        pieces.append((box(2 * w - 2 * inset, 2 * d - 2 * inset, 0.05).at(0, y, tall + h.rise - 0.06), "roof", FLAT))
        if flat:
            number = max(int((h.width - 1) // (h.spacing * 1.2)), 1)
            x = h.width * ((np.arange(number) + 0.5) / number - 0.5)
            places = np.stack([x, 0 * x, 0 * x + tall + 0.5], 1)
            pieces.append((copies(box(1.1, 1.3, 1.35), places + np.array([0, 0.55, -0.2])), "roof", FLAT))
            pieces += _windows(0.75, 0.95, places - [0, 0.1, 0])
    pieces.append((chimney, "roof", CHIMNEY))
    return pieces


def _slope(edge: list[tuple[float, float, float]], ridge: list[tuple[float, float, float]]) -> Mesh:
    points = np.array([edge, ridge], float)
    along = points[0, 1] - points[0, 0]
    along = along / np.linalg.norm(along)
    u = (points - points[0, 0]) @ along
    rise = np.linalg.norm((points[1] - points[0]) - ((points[1] - points[0]) @ along)[:, None] * along, axis=1).mean()
    v = np.array([[0, 0], [rise, rise]])
    return surface(points, np.stack([u, v], 2), smooth=False)


def _gable(at: float, start: float, end: float, low: float, high: float, along: str) -> Mesh:
    a, b, m = (start, low), (end, low), ((start + end) / 2, high)
    flat = np.array([[a, b], [m, m]], float)
    fixed = np.full((2, 2), at)
    points = np.stack([flat[..., 0], fixed, flat[..., 1]] if along == "x" else [fixed, flat[..., 0], flat[..., 1]], 2)
    return surface(points, flat, smooth=False)
