"""A coarse picture, early: the last blocks leave out their upsampling, and work on 32 rows only.

Most of the time goes into the last blocks, which have the most pixels: a block on twice the rows and columns takes four
times as long. They see 3x3 pixels and the mask, whatever the size of the grid. So run without upsampling they still
give every class about its colour, on a small grid: an approximation, and only that.

    x_{k+1} = block_k(up(x_k), mask)        the network
    x_{k+1} = block_k(x_k, small mask)      here, for the last blocks
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from smis.decoder import GroupDecoder
from smis.layers import LEAK, CGBlock
from smis.neighbourhoods import Neighbourhoods
from smis.rendering.areas import Area
from smis.rendering.blocks import Block
from smis.rendering.convolutions import Picture

__all__ = ["Coarse"]

ROWS = 32  # of the coarse picture


class Coarse:
    """The last blocks of a decoder on a small grid.

    Attributes:
        start: the number of the first of these blocks. All before work as usual.
        size: (h, w) of the grid.
    """

    def __init__(self, decoder: GroupDecoder, picture: Picture) -> None:
        self.decoder, self.picture = decoder, picture
        sizes: Sequence[tuple[int, int]] = decoder.sizes
        self.start = next((number for number, size in enumerate(sizes) if size[0] > ROWS), len(sizes))
        self.size = sizes[self.start - 1] if self.start else decoder.config.start_size
        self.blocks = [Block(cast(CGBlock, block), self.size, False) for block in list(decoder.blocks)[self.start :]]
        self.labels: Tensor | None = None  # (B, h, w)

    def set_mask(self, ids: Tensor, labels: Tensor) -> None:
        """ids and labels `(B, H, W)` of the whole picture."""
        step_y, step_x = ids.shape[1] // self.size[0], ids.shape[2] // self.size[1]
        small = ids[:, ::step_y, ::step_x]  # nearest
        mask = Neighbourhoods.of(small, self.decoder.channels)
        for block in self.blocks:
            block.set_mask(mask)
        self.labels = labels[:, ::step_y, ::step_x]

    def __call__(self, features: Tensor, size: tuple[int, int]) -> Tensor:
        """The features `(B, h, w, channels)` before block `start` -> a picture `(B, 3, H, W)` of this size."""
        for block in self.blocks:
            features, _ = block(features, range(features.shape[3]), Area.whole(self.size))
        out, _ = self.picture(F.leaky_relu(features, LEAK), range(features.shape[3]))
        if self.decoder.pictures > 1:
            assert self.labels is not None
            out = self.decoder.fuse(out, self.labels)
        return F.interpolate(out, size, mode="bilinear", align_corners=False)


def changed(picture: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """A sharp picture, with a change that is known coarsely: picture + (after - before), kept within [-1, 1]."""
    return torch.add(picture, after - before).clamp_(-1, 1)
