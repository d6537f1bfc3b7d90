"""The same CG-Norm, computed once per distinct neighbourhood instead of once per pixel. Exact, and much less work.

gamma and beta at a pixel come from two 3x3 convolutions of the one-hot mask. So they depend on the labels in the
5x5 window around the pixel and on nothing else. A label map has few *distinct* windows: most pixels lie inside a
region, where the window shows one class only. So:

1. number the distinct 3x3 windows: the hidden activation is a function of that number;
2. number the distinct 5x5 windows; each one holds nine 3x3 windows;
3. compute gamma and beta once per distinct 5x5 window and look them up for every pixel.

At the border 'outside' counts as one more label. There the first convolution sees zeros, and the second one sees a
hidden activation of zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Neighbourhoods"]


def _number(columns: list[Tensor], base: int) -> tuple[Tensor, int]:
    """Number the distinct tuples of integers in `0..base-1`: tensors of one shape -> their numbers, and how many.

    A tuple is read as one integer in that base. Before it would outgrow 63 bits the integers are numbered anew.
    """
    keys, bound = torch.zeros_like(columns[0]), 1
    for column in columns:
        if bound * base >= 2**62:
            distinct, keys = torch.unique(keys, return_inverse=True)
            bound = len(distinct)
        keys, bound = keys * base + column, bound * base
    distinct, numbers = torch.unique(keys, return_inverse=True)
    return numbers, len(distinct)


def _representatives(numbers: Tensor, count: int) -> Tensor:
    """For each number the flat position of one place that carries it: `(count,)`."""
    places = torch.arange(numbers.numel(), device=numbers.device)
    return places.new_zeros(count).scatter_(0, numbers.flatten(), places)


def _windows(values: Tensor) -> list[Tensor]:
    """The nine shifted views of `(B, H + 2, W + 2)`, row by row, each `(B, H, W)`."""
    height, width = values.shape[1] - 2, values.shape[2] - 2
    return [values[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]


@dataclass(frozen=True)
class Neighbourhoods:
    """The distinct neighbourhoods of a batch of label maps at one size.

    Attributes:
        contents: `(P, F * 9)`, the mask in each distinct 3x3 window, channel by channel; zeros outside.
        inside: `(P, 1)`, 0 where the centre of the 3x3 window lies outside the image, else 1.
        parts: `(Q, 9)`, the nine 3x3 windows in each distinct 5x5 window.
        pixels: `(B, H, W)`, the number of each pixel's 5x5 window, in `0..Q-1`.
    """

    contents: Tensor
    inside: Tensor
    parts: Tensor
    pixels: Tensor

    @classmethod
    def of(cls, ids: Tensor, channels: Tensor) -> Neighbourhoods:
        """Of a mask that has one of K possible values in each pixel.

        Args:
            ids: `(B, H, W)` int64 in `0..K-1`.
            channels: `(K, F)`, the mask's F channels for each id. One-hot masks: the identity.
        """
        outside = len(channels)  # one more id
        shifted = _windows(F.pad(ids, (2, 2, 2, 2), value=outside))  # nine of (B, H + 2, W + 2)
        small, small_count = _number(shifted, outside + 1)
        places = _representatives(small, small_count)
        values = torch.stack([view.flatten()[places] for view in shifted], 1)  # (P, 9)
        contents = F.pad(channels, (0, 0, 0, 1))[values]  # (P, 9, F); zeros outside
        around = _windows(small)  # nine of (B, H, W)
        # the four corner windows cover the 5x5 window, so they alone tell which one it is
        large, large_count = _number([around[0], around[2], around[6], around[8]], small_count)
        places = _representatives(large, large_count)
        parts = torch.stack([view.flatten()[places] for view in around], 1)  # (Q, 9)
        inside = (values[:, 4:5] != outside).to(channels.dtype)
        return cls(contents.transpose(1, 2).flatten(1), inside, parts, large)

    def hidden(self, conv: nn.Conv2d) -> Tensor:
        """ReLU of the first convolution at the centre of every 3x3 window: `(P, hidden)`."""
        groups = conv.groups
        assert conv.bias is not None
        rows = self.contents.unflatten(1, (groups, -1)).transpose(0, 1)  # (G, P, F/G * 9)
        weight = conv.weight.flatten(1).unflatten(0, (groups, -1)).transpose(1, 2)  # (G, F/G * 9, hidden/G)
        product = torch.bmm(rows, weight).transpose(0, 1).flatten(1)  # (P, hidden)
        return F.relu(product + conv.bias) * self.inside

    def lookup(self, hidden: Tensor, conv: nn.Conv2d) -> Tensor:
        """The second convolution, once per 5x5 window, then looked up: `(B, channels, H, W)`, channels last."""
        groups = conv.groups
        assert conv.bias is not None
        rows = hidden.unflatten(1, (groups, -1)).transpose(0, 1)  # (G, P, hidden/G)
        weight = conv.weight.flatten(2).unflatten(0, (groups, -1))  # (G, channels/G, hidden/G, 9)
        weight = weight.permute(0, 2, 3, 1).flatten(2)  # (G, hidden/G, 9 * channels/G)
        # what a 3x3 window adds when it stands at place k = 0..8 of a 5x5 window
        share = torch.bmm(rows, weight).unflatten(2, (9, -1))  # (G, P, 9, channels/G)
        share = share.permute(1, 2, 0, 3).flatten(2).flatten(0, 1)  # (P * 9, channels)
        places = self.parts * 9 + torch.arange(9, device=self.parts.device)  # (Q, 9)
        table = F.embedding_bag(places, share, mode="sum") + conv.bias  # (Q, channels)
        return F.embedding(self.pixels, table).permute(0, 3, 1, 2)
