"""The encoder explorer's state: a scene, a class, and the spots that were painted onto the picture. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from smis_widgets.base import Refused

RED = (230, 30, 30)
LARGEST = 31  # pixels across a spot
MOST = 200  # spots


@dataclass(frozen=True)
class Poke:
    """A round spot: `size` pixels across, of one RGB colour, around the pixel `x`, `y`."""

    x: int
    y: int
    size: int
    colour: tuple[int, int, int]

    def where(self, shape: tuple[int, int]) -> np.ndarray:
        """The pixels of the spot in a picture of `shape` (height, width), bool."""
        rows, columns = np.ogrid[: shape[0], : shape[1]]
        return np.asarray((rows - self.y) ** 2 + (columns - self.x) ** 2 <= (self.size / 2) ** 2)


@dataclass(frozen=True)
class EncoderState:
    """What is looked at. `classes` are the names, `size` is (height, width) in pixels.

    `middles[scene][c]` is a pixel (x, y) in the middle of class `c`, None where the scene does not show it. `aim` is
    the pixel where the next spot goes. Methods return new states; `Refused` says why not.
    """

    classes: tuple[str, ...]
    size: tuple[int, int]
    middles: tuple[tuple[tuple[int, int] | None, ...], ...]
    scene: int = 0
    chosen: int = 0
    aim: tuple[int, int] = (0, 0)
    spot: int = 5
    colour: tuple[int, int, int] = RED
    pokes: tuple[Poke, ...] = ()
    first: int = 0  # the class of the start

    def look_at(self, scene: int) -> EncoderState:
        """Another scene, with no spot on it. The class stays chosen."""
        if not 0 <= scene < len(self.middles):
            raise ValueError(f"scenes are numbered 0 to {len(self.middles) - 1}, got {scene}")
        return self if scene == self.scene else replace(self, scene=scene, pokes=())._aimed()

    def choose(self, c: int) -> EncoderState:
        """Another class. The aim goes to its middle."""
        if not 0 <= c < len(self.classes):
            raise ValueError(f"classes are numbered 0 to {len(self.classes) - 1}, got {c}")
        return self if c == self.chosen else replace(self, chosen=c)._aimed()

    def aim_at(self, x: int | None = None, y: int | None = None) -> EncoderState:
        """The next spot goes to this pixel; None leaves that coordinate."""
        x, y = self.aim[0] if x is None else int(x), self.aim[1] if y is None else int(y)
        height, width = self.size
        if not (0 <= x < width and 0 <= y < height):
            raise Refused(f"The picture has the pixels x 0 to {width - 1} and y 0 to {height - 1}, not {x}, {y}.")
        return replace(self, aim=(x, y))

    def brush(self, size: int | None = None, colour: tuple[int, int, int] | None = None) -> EncoderState:
        """Size in pixels across and RGB colour of the next spot; None leaves it."""
        size = self.spot if size is None else int(size)
        colour = self.colour if colour is None else colour
        if not 1 <= size <= LARGEST:
            raise Refused(f"A spot is 1 to {LARGEST} pixels across, not {size}.")
        if len(colour) != 3 or not all(0 <= v <= 255 for v in colour):
            raise Refused(f"A colour is three numbers 0 to 255 (red, green, blue), not {colour}.")
        return replace(self, spot=size, colour=colour)

    def poke(self) -> EncoderState:
        """Paint a spot where the aim is."""
        if len(self.pokes) >= MOST:
            raise Refused(f"There are {MOST} spots on the picture: take them off with 'Reset pokes'.")
        return replace(self, pokes=(*self.pokes, Poke(*self.aim, self.spot, self.colour)))

    def clean(self) -> EncoderState:
        """The picture without any spot."""
        return replace(self, pokes=())

    def reset(self) -> EncoderState:
        """The first scene and the class of the start, no spot."""
        return EncoderState(self.classes, self.size, self.middles, chosen=self.first, first=self.first)._aimed()

    def painted(self, image: np.ndarray) -> np.ndarray:
        """uint8 (H, W, 3) with all spots on it."""
        out = image.copy()
        for poke in self.pokes:
            out[poke.where(self.size)] = poke.colour
        return out

    def covered(self) -> np.ndarray:
        """The pixels under any spot, bool (H, W)."""
        out = np.zeros(self.size, bool)
        for poke in self.pokes:
            out |= poke.where(self.size)
        return out

    def _aimed(self) -> EncoderState:
        middle = self.middles[self.scene][self.chosen]
        return self if middle is None else replace(self, aim=middle)
