"""Seeds: the three kinds of random numbers that every rendered picture depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from smis.labels import PEOPLE, LabelSet

SPLITS = {"train": 1, "val": 2, "test": 3, "swap": 4}


@dataclass(frozen=True)
class Seeds:
    """Everything a picture depends on. ValueError unless there is one style seed for each class of `label_set`.

    The *geometry* seed decides all of the label map, a *style* seed what one class looks like, the *light* seed lamp,
    shadows and grain.
    """

    geometry: int
    styles: tuple[int, ...]
    light: int
    label_set: LabelSet = PEOPLE

    def __post_init__(self) -> None:
        count = len(self.label_set)
        if len(self.styles) != count:
            raise ValueError(f"one style seed for each of the {count} classes expected, got {len(self.styles)}")
        if min(self.geometry, self.light, *self.styles) < 0:
            raise ValueError("seeds must not be negative")

    @classmethod
    def from_index(cls, split: str, index: int, label_set: LabelSet = PEOPLE) -> Seeds:
        """The seeds of sample `index` of a split ("train", "val", "test" or "swap"); splits share no seeds.

        >>> Seeds.from_index("test", 15).restyled({"top": 7}).styles[PEOPLE.index("top")]
        7
        """
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {split!r}")
        words = np.random.SeedSequence([SPLITS[split], index]).generate_state(len(label_set) + 2, np.uint32)
        first, *styles, last = (int(w) for w in words)
        return cls(first, tuple(styles), last, label_set)

    def restyled(self, styles: Mapping[str, int]) -> Seeds:
        """The same picture with other style seeds for some classes: `seeds.restyled({"top": 7})`."""
        new = list(self.styles)
        for name, seed in styles.items():
            new[self.label_set.index(name)] = seed
        return replace(self, styles=tuple(new))
