"""A small sound data set in files, for tests to plant faults in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("ground", "disc", "box", "stripe")
SIZE = (48, 64)  # height, width


def scene(number: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """An image and its label map with all four classes, another for each number."""
    random = np.random.default_rng(number)
    rows, columns = np.mgrid[: size[0], : size[1]]
    labels = np.zeros(size, np.uint8)
    y, x = random.integers(14, 18), random.integers(14, 20)
    labels[(rows - y) ** 2 + (columns - x) ** 2 < 100] = 1
    labels[26:40, 30 + number % 5 : 56] = 2
    labels[:, -8:-4] = 3
    colours = random.integers(0, 256, (4, 3))
    return (colours[labels] + random.integers(0, 9, (*size, 3))).clip(0, 255).astype(np.uint8), labels


def plant(root: Path, count: int = 6, *, classes: bool = True) -> Path:
    """`count` sound pairs in root/images (PNG, one JPEG) and root/labels, and classes.json."""
    for name in ("images", "labels"):
        (root / name).mkdir(parents=True)
    for number in range(count):
        image, labels = scene(number)
        Image.fromarray(image).save(root / "images" / (f"{number}.jpg" if number == 1 else f"{number}.png"))
        Image.fromarray(labels).save(root / "labels" / f"{number}.png")
    if classes:
        (root / "classes.json").write_text(json.dumps({"name": "shapes", "classes": CLASSES}))
    return root


def ids(path: Path) -> np.ndarray:
    """The values of a label map."""
    return np.array(Image.open(path))
