"""The swap splits: the same mask rendered again with only one class restyled, and nothing else changed.

No photo data set has this. It answers exactly: when I edit class c, what should change, and what must not?

The file is an ordinary archive, so `smis.datasets.Archive` reads it too. In addition its meta.json holds `swaps`, one
`[scene, class or null, style]` for each sample (null: the scene's base, style 0), and its entries
`masks/SCENE-CLASS.png` mark the pixels with a bit of the class in them: the only ones that another style may change.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from smis.datasets.archive import Archive, ArchiveError
from smis.datasets.paths import data_file
from smis.outside import shortened

__all__ = ["Swap", "Swaps", "swaps"]


@dataclass(frozen=True)
class Swap:
    """One class of one scene, restyled.

    `base` uint8 (H, W, 3); `labels` uint8 (H, W); `name` of the class; `restyled` uint8 (K, H, W, 3), one for each
    style; `allowed` bool (H, W): where they may differ from the base. Outside they are equal to it.
    """

    scene: int
    name: str
    base: np.ndarray
    labels: np.ndarray
    restyled: np.ndarray
    allowed: np.ndarray


class Swaps:
    """All swaps of an archive: `len(swaps)`, `swaps[i]`, and a loop over them. `groups` lists (scene, class).

    >>> from smis.datasets.swaps import swaps
    >>> swap = swaps("rooms")[0]
    >>> bool((swap.restyled == swap.base)[:, ~swap.allowed].all())
    True

    Raises ArchiveError when the archive is not of a swap split.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.archive = Archive(path)
        table = self.archive.meta.get("swaps")
        if not isinstance(table, list) or len(table) != len(self.archive):
            raise ArchiveError(
                f"{self.archive.path} holds no swaps: its meta.json needs a table `swaps` with one entry for each of "
                f"its {len(self.archive)} samples. The swap splits are named like rooms-swap.zip"
            )
        self._bases: dict[int, int] = {}
        self._members: dict[tuple[int, str], list[int]] = {}
        for index, entry in enumerate(table):
            scene, name, _ = entry if isinstance(entry, list) and len(entry) == 3 else (None, None, None)
            if type(scene) is not int or not (name is None or isinstance(name, str)):
                raise ArchiveError(
                    f"{self.archive.path}: entry {index} of the table `swaps` is {shortened(entry)}, expected is "
                    "[scene, class or null, style]. Fetch the file again"
                )
            if name is None:
                self._bases[scene] = index
            else:
                self._members.setdefault((scene, name), []).append(index)
        self.groups = list(self._members)
        if lonely := {scene for scene, _ in self.groups} - self._bases.keys():
            raise ArchiveError(
                f"{self.archive.path}: the table `swaps` has no base for the scenes {shortened(sorted(lonely))}. "
                "Fetch the file again"
            )

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Swap]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Swap:
        """Swap number `index`. Pictures are stored with loss, so what must be equal to the base is taken from it."""
        scene, name = self.groups[index]
        loaded = self.archive.load(indices=[self._bases[scene], *self._members[scene, name]])
        allowed = self._mask(scene, name)
        base = loaded.images[0]
        restyled = np.where(allowed[None, :, :, None], loaded.images[1:], base)
        return Swap(scene, name, base, loaded.labels[0], restyled, allowed)

    def _mask(self, scene: int, name: str) -> np.ndarray:
        entry = f"masks/{scene:03d}-{name}.png"
        with self.archive.open() as zipped:
            return self.archive.picture(zipped, entry, "1", "L") > 0


def swaps(name: str) -> Swaps:
    """The swap split of a rendered world: "people", "rooms" or "streets"."""
    if name not in ("people", "rooms", "streets"):
        raise ValueError(f'the world must be "people", "rooms" or "streets", got {name!r}')
    return Swaps(data_file(f"{name}-swap.zip"))
