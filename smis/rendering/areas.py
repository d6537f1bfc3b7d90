"""Rectangles of pixels, and how far a change reaches.

A 3x3 convolution sees one pixel further in each direction. A CG-Block has two in a row: an output pixel depends on
inputs at most `HALO = 2` pixels away, and a changed input reaches outputs at most 2 pixels away.

So a rectangle of outputs can be computed from a crop of the inputs that is 2 pixels larger. At the edges of the crop
the convolutions see zeros in place of the true neighbours: wrong in the outer 2 pixels, which are thrown away. Where
the crop ends at the image's own edge, zeros are right and nothing is thrown away.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

__all__ = ["HALO", "Area"]

HALO = 2


class Area(NamedTuple):
    """Rows `top..bottom-1`, columns `left..right-1`.

    >>> Area(3, 5, 0, 4).grown(2, (8, 8))
    Area(top=1, bottom=7, left=0, right=6)
    >>> Area(3, 5, 0, 4).even((8, 8)).halved()
    Area(top=1, bottom=3, left=0, right=2)
    """

    top: int
    bottom: int
    left: int
    right: int

    @classmethod
    def whole(cls, size: tuple[int, int]) -> Area:
        return cls(0, size[0], 0, size[1])

    @classmethod
    def of(cls, marked: Tensor) -> Area | None:
        """The bounding box of the true pixels of `(B, H, W)`, over the whole batch; None without any."""
        rows, columns = (marked.any(0).any(axis).nonzero()[:, 0].tolist() for axis in (1, 0))
        return cls(rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) if rows else None

    def grown(self, by: int, size: tuple[int, int]) -> Area:
        """Larger on every side, but not beyond the image of this size."""
        return Area(
            max(self.top - by, 0),
            min(self.bottom + by, size[0]),
            max(self.left - by, 0),
            min(self.right + by, size[1]),
        )

    def even(self, size: tuple[int, int]) -> Area:
        """The smallest larger area that starts and ends at even numbers (or at the image's edge)."""
        return Area(
            self.top - self.top % 2,
            min(self.bottom + self.bottom % 2, size[0]),
            self.left - self.left % 2,
            min(self.right + self.right % 2, size[1]),
        )

    def halved(self) -> Area:
        """An even area, on the grid of half the size."""
        return Area(*(place // 2 for place in self))

    def doubled(self) -> Area:
        """The area on the grid of twice the size."""
        return Area(*(place * 2 for place in self))

    def hull(self, other: Area | None) -> Area:
        """The smallest area that holds both."""
        if other is None:
            return self
        return Area(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
        )

    def within(self, outer: Area) -> Area:
        """The same pixels, counted from the corner of a crop that holds them."""
        return Area(self.top - outer.top, self.bottom - outer.top, self.left - outer.left, self.right - outer.left)

    @property
    def pixels(self) -> int:
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def place(self) -> tuple[slice, slice, slice]:
        """For tensors `(B, H, W, ...)`."""
        return slice(None), slice(self.top, self.bottom), slice(self.left, self.right)
