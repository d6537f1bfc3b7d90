"""A CG-Block that computes only what changed: some channels, or some rectangle, or both."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from smis.layers import CGBlock
from smis.neighbourhoods import Neighbourhoods
from smis.rendering.areas import HALO, Area
from smis.rendering.convolutions import Convolution
from smis.rendering.modulation import Modulation

__all__ = ["Block"]


@dataclass(frozen=True)
class Kept:
    """While `channels` move, what the other channels of their group add to the block's first convolutions."""

    channels: range
    main: Tensor
    shortcut: Tensor | None


class Block:
    """One CG-Block, with the nearest x2 upsampling before it.

    Args:
        size: (h, w) of its outputs.
        doubled: whether its inputs are made twice as large first.
    """

    def __init__(self, block: CGBlock, size: tuple[int, int], doubled: bool, half: bool = False) -> None:
        self.size, self.doubled = size, doubled
        self.whole = Area.whole(size)
        self.norm_0, self.norm_1 = Modulation(block.norm_0, half), Modulation(block.norm_1, half)
        self.conv_0, self.conv_1 = Convolution(block.conv_0, size, half), Convolution(block.conv_1, size, half)
        self.norm_s: Modulation | None = None
        if block.norm_s is not None:
            self.norm_s, self.conv_s = Modulation(block.norm_s, half), Convolution(block.conv_s, size, half)
        self.kept: Kept | None = None

    def set_mask(self, mask: Neighbourhoods, area: Area | None = None) -> None:
        """The mask at this block's size; with `area`, of that rectangle alone."""
        for norm in (self.norm_0, self.norm_1, self.norm_s):
            if norm is not None:
                norm.set_mask(mask, area)

    def reach(self, changed: Area | None) -> Area | None:
        """The outputs that differ when inputs or mask differ in this area (of the outputs' grid)."""
        return None if changed is None else changed.grown(HALO, self.size).even(self.size)

    def crop(self, area: Area) -> Area:
        """What must be computed (on the outputs' grid) so that this area comes out exact."""
        return area.grown(HALO, self.size).even(self.size)

    def __call__(self, features: Tensor, channels: range, area: Area) -> tuple[Tensor, range]:
        """Compute again what depends on `channels` of the inputs, in `area` of the outputs.

        Args:
            features: the block's whole input `(B, h, w, wide_in)`, already up to date.
            channels: which of its channels changed since the last call for the whole image.

        Returns:
            The outputs in that area, `(B, area, reached)`, and which channels those are.
        """
        if self.kept is not None and self.kept.channels != channels:
            self.kept = None
        group = self.conv_0.widened(channels)
        if group != channels and len(group) == self.conv_0.wide_in and area == self.whole and self.kept is None:
            self.kept = self._keep(features, channels, group)
        if self.kept is None:
            channels = group
        crop = self.crop(area)
        main, shortcut = self._first(features, channels, crop, bias=self.kept is None)
        if self.kept is not None:
            main += self.kept.main[crop.place]
            if shortcut is not None and self.kept.shortcut is not None:
                shortcut += self.kept.shortcut[crop.place]
        middle = self.conv_0.reached(channels)
        out = self.conv_1(self.norm_1(main, middle, crop, border=self.conv_1.border), middle)
        if shortcut is None:  # the identity
            shortcut = _channels(features[self._source(crop).place], group)
            if self.doubled:
                shortcut = shortcut.repeat_interleave(2, 1).repeat_interleave(2, 2)
        out += shortcut
        return out[area.within(crop).place], self.conv_1.reached(middle)

    def _source(self, area: Area) -> Area:
        """Where the inputs of an (even) area lie."""
        return area.halved() if self.doubled else area

    def _first(self, features: Tensor, channels: range, area: Area, bias: bool) -> tuple[Tensor, Tensor | None]:
        """The first convolution and the shortcut's, of these channels alone."""
        x = _channels(features[self._source(area).place], channels)
        normed = self.norm_0(x, channels, area, doubled=self.doubled, border=self.conv_0.border)
        main = self.conv_0(normed, channels, bias)
        if self.norm_s is None:
            return main, None
        normed = self.norm_s(x, channels, area, doubled=self.doubled, leaky=False)
        return main, self.conv_s(normed, channels)

    def _keep(self, features: Tensor, channels: range, group: range) -> Kept:
        """The share of the group's other channels, and the bias."""
        sides = [side for side in (range(group.start, channels.start), range(channels.stop, group.stop)) if side]
        shares = [self._first(features, side, self.whole, bias=side is sides[0]) for side in sides]
        main, shortcut = shares[0]
        for more, shortcut_more in shares[1:]:
            main += more
            if shortcut is not None and shortcut_more is not None:
                shortcut += shortcut_more
        return Kept(channels, main, shortcut)


def _channels(x: Tensor, channels: range) -> Tensor:
    return x[..., channels.start : channels.stop]
