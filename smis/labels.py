"""Label sets: the names and display colours of the classes of a label map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class LabelSet:
    """Names and colours of the classes 0 .. len - 1 of a label map.

    Raises ValueError when names repeat, the palette has another length, or a colour is not three integers 0..255.
    """

    name: str
    classes: tuple[str, ...]
    palette: tuple[Colour, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.classes) <= 256:
            raise ValueError(f"label set {self.name!r}: 1 to 256 classes expected, got {len(self.classes)}")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"label set {self.name!r}: class names must differ, got {list(self.classes)}")
        if len(self.palette) != len(self.classes):
            raise ValueError(
                f"label set {self.name!r}: {len(self.classes)} classes need as many colours, got {len(self.palette)}"
            )
        for colour in self.palette:
            if len(colour) != 3 or not all(isinstance(c, int) and 0 <= c <= 255 for c in colour):
                raise ValueError(f"label set {self.name!r}: a colour is three integers 0..255, got {colour!r}")

    def __len__(self) -> int:
        return len(self.classes)

    def index(self, name: str) -> int:
        """The id of a class; ValueError naming the classes when there is none of that name."""
        if name not in self.classes:
            raise ValueError(
                f"no class {name!r} in label set {self.name!r}; its classes are: " + ", ".join(self.classes)
            )
        return self.classes.index(name)

    def check(self, labels: np.ndarray) -> None:
        """Raise ValueError unless `labels` holds integers 0 .. len(self) - 1."""
        if not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(f"labels must be integers, got dtype {labels.dtype}")
        if labels.size and not (0 <= int(labels.min()) and int(labels.max()) < len(self)):
            raise ValueError(
                f"label ids must lie in 0..{len(self) - 1} ({self.name!r} has {len(self)} classes), "
                f"got {int(labels.min())}..{int(labels.max())}"
            )

    def colorize(self, labels: np.ndarray) -> np.ndarray:
        """Integer labels (H, W) to an RGB picture, uint8 (H, W, 3); ValueError on ids out of range."""
        self.check(labels)
        return np.array(self.palette, np.uint8)[labels]

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and strings, ready for JSON."""
        return {"name": self.name, "classes": list(self.classes), "palette": [list(c) for c in self.palette]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabelSet:
        """The inverse of `to_dict`; ValueError when a key is missing or a value is not as expected."""
        if not isinstance(data, Mapping):
            raise ValueError(f"a label set is an object with the keys name, classes and palette, got {data!r:.200}")
        missing = [key for key in ("name", "classes", "palette") if key not in data]
        if missing:
            raise ValueError(f"a label set needs the keys name, classes and palette; missing: {', '.join(missing)}")
        for key in ("classes", "palette"):
            if not isinstance(data[key], (list, tuple)):
                raise ValueError(f"the {key} of a label set are a list, got {data[key]!r:.200}")
        if not all(isinstance(c, (list, tuple)) for c in data["palette"]):
            raise ValueError("each colour of a label set's palette is a list of three integers 0..255")
        palette = tuple((c[0], c[1], c[2]) if len(c) == 3 else tuple(c) for c in data["palette"])
        return cls(str(data["name"]), tuple(str(c) for c in data["classes"]), palette)


PEOPLE = LabelSet(
    "people",
    ("background", "hair", "face", "skin", "top", "bottom", "socks", "shoes"),
    (
        (240, 240, 240),
        (122, 62, 22),
        (255, 178, 120),
        (255, 225, 90),
        (220, 40, 60),
        (50, 90, 210),
        (60, 180, 110),
        (40, 40, 48),
    ),
)

# The palettes below keep the smallest distance of two colours large, also for people who see no red or no green.
ROOMS = LabelSet(
    "rooms",
    (
        "wall",
        "floor",
        "ceiling",
        "window",
        "curtain",
        "door",
        "bed",
        "pillow",
        "cabinet",
        "table",
        "chair",
        "lamp",
        "rug",
        "plant",
        "picture",
    ),
    (
        (255, 246, 139),
        (86, 37, 0),
        (255, 255, 214),
        (115, 181, 255),
        (142, 103, 255),
        (44, 0, 12),
        (182, 9, 92),
        (238, 230, 255),
        (142, 99, 0),
        (208, 166, 11),
        (27, 32, 236),
        (255, 255, 20),
        (8, 3, 118),
        (151, 177, 112),
        (49, 156, 168),
    ),
)

STREETS = LabelSet(
    "streets",
    (
        "sky",
        "mountain",
        "building",
        "window",
        "roof",
        "tree",
        "trunk",
        "grass",
        "road",
        "sidewalk",
        "car",
        "lamp",
        "fence",
        "sign",
    ),
    (
        (0, 156, 255),
        (6, 40, 76),
        (228, 243, 187),
        (69, 70, 243),
        (216, 114, 98),
        (40, 83, 5),
        (46, 13, 11),
        (244, 255, 129),
        (158, 101, 129),
        (143, 186, 227),
        (172, 6, 167),
        (255, 255, 2),
        (206, 255, 255),
        (220, 131, 4),
    ),
)
