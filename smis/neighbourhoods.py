"""The same CG-Norm, computed once per distinct neighbourhood instead of once per pixel. Exact, and much less work.

gamma and beta at a pixel come from two 3x3 convolutions of the one-hot mask. So they depend on the labels in the
5x5 window around the pixel and on nothing else. A label map has few *distinct* windows: most pixels lie inside a
region, where the window shows one class only. So:

1. number the distinct 3x3 windows: the hidden activation is a function of that number;
2. number the distinct 5x5 windows; each one holds nine 3x3 windows;
3. compute gamma and beta once per distinct 5x5 window and look them up for every pixel.

At the border 'outside' counts as one more label. There the first convolution sees zeros, and the second one sees a
hidden activation of zero.

All three steps are sums of rows (`RowSums`), whose gradient is the same kind of sum, transposed. PyTorch's own
gradient of such lookups adds row by row and would cost more than the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

__all__ = ["Neighbourhoods", "RowSums"]


class RowSums:
    """out[n] = sum over m of x[places[n, m]]: a matrix of zeros and ones times x, and its transpose for the gradient.

    Args:
        places: `(N, M)` ints in `0..rows-1`.
        rows: how many rows x has.

    >>> sums = RowSums(torch.tensor([[0, 1], [1, 1]]), 3)
    >>> sums(torch.tensor([[1.0], [10.0], [100.0]])).flatten().tolist()
    [11.0, 20.0]
    >>> sums.transposed(torch.tensor([[1.0], [10.0]])).flatten().tolist()
    [1.0, 21.0, 0.0]
    """

    def __init__(self, places: Tensor, rows: int) -> None:
        self.places, self.rows = places, rows

    def __call__(self, x: Tensor) -> Tensor:
        """x `(rows, D)` -> `(N, D)`."""
        out: Tensor = _RowSums.apply(x, self)
        return out

    def plain(self, x: Tensor) -> Tensor:
        """The same without a gradient."""
        if self.places.shape[1] == 1:
            return x.index_select(0, self.places[:, 0])
        return F.embedding_bag(self.places, x, mode="sum")

    def transposed(self, y: Tensor) -> Tensor:
        """y `(N, D)` -> `(rows, D)`: row r is the sum of the y[n] that x[r] went into."""
        users, starts = self._users
        return F.embedding_bag(users, y, starts, mode="sum")

    @cached_property
    def _users(self) -> tuple[Tensor, Tensor]:
        """The numbers n that use row 0, then those that use row 1, ..., and where each list starts."""
        flat = self.places.flatten()
        counts = torch.bincount(flat, minlength=self.rows)
        return flat.argsort() // self.places.shape[1], counts.cumsum(0) - counts


class _RowSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, sums: RowSums) -> Tensor:
        ctx.sums = sums
        return sums.plain(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return ctx.sums.transposed(grad.contiguous()), None


class _Modulate(torch.autograd.Function):
    """normed * scale[pixel] + shift[pixel]; neither map is kept for the gradient."""

    @staticmethod
    def forward(ctx: Any, normed: Tensor, table: Tensor, pixels: RowSums) -> Tensor:
        """normed `(N, D)`, table `(Q, 2D)` of scale and shift -> `(N, D)`."""
        ctx.pixels = pixels
        scale, shift = table.chunk(2, 1)
        ctx.save_for_backward(normed, scale)
        return pixels.plain(shift).addcmul_(normed, pixels.plain(scale))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        normed, scale = ctx.saved_tensors
        pixels, grad = ctx.pixels, grad.contiguous()
        to_normed = pixels.plain(scale).mul_(grad) if ctx.needs_input_grad[0] else None
        to_table = None
        if ctx.needs_input_grad[1]:
            to_table = torch.cat([pixels.transposed(grad * normed), pixels.transposed(grad)], 1)
        return to_normed, to_table, None


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
        channels: `(K, F)`, the mask's F channels for each id.
        contents: `(P, 9)`, the id at each place of each distinct 3x3 window; K stands for 'outside'.
        parts: `(Q, 9)`, the nine 3x3 windows in each distinct 5x5 window.
        pixels: `(B, H, W)`, the number of each pixel's 5x5 window, in `0..Q-1`.
    """

    channels: Tensor
    contents: Tensor
    parts: Tensor
    pixels: Tensor

    @classmethod
    def of(cls, ids: Tensor, channels: Tensor) -> Neighbourhoods:
        """Of a mask that has one of K possible values in each pixel.

        Args:
            ids: `(B, H, W)` int64 in `0..K-1`.
            channels: `(K, F)`, the mask's F channels for each id. One-hot masks: the identity.
        """
        return cls.inside(F.pad(ids, (2, 2, 2, 2), value=len(channels)), channels)

    @classmethod
    def inside(cls, ids: Tensor, channels: Tensor) -> Neighbourhoods:
        """The same for the inner pixels of `(B, H + 4, W + 4)`: the outer two are only seen. K means 'outside'."""
        outside = len(channels)
        shifted = _windows(ids)  # nine of (B, H + 2, W + 2)
        small, small_count = _number(shifted, outside + 1)
        places = _representatives(small, small_count)
        contents = torch.stack([view.flatten()[places] for view in shifted], 1)
        around = _windows(small)  # nine of (B, H, W)
        # the four corner windows cover the 5x5 window, so they alone tell which one it is
        large, large_count = _number([around[0], around[2], around[6], around[8]], small_count)
        places = _representatives(large, large_count)
        parts = torch.stack([view.flatten()[places] for view in around], 1)
        return cls(channels, contents, parts, large)

    @cached_property
    def _from_ids(self) -> RowSums:
        """A 3x3 window is a sum over its nine places of what the id there adds."""
        places = self.contents * 9 + torch.arange(9, device=self.contents.device)
        return RowSums(places, 9 * (len(self.channels) + 1))

    @cached_property
    def _from_windows(self) -> RowSums:
        """A 5x5 window is a sum over its nine places of what the 3x3 window there adds."""
        places = self.parts * 9 + torch.arange(9, device=self.parts.device)
        return RowSums(places, 9 * len(self.contents))

    @cached_property
    def _to_pixels(self) -> RowSums:
        return RowSums(self.pixels.view(-1, 1), len(self.parts))

    def hidden(self, conv: nn.Conv2d) -> Tensor:
        """ReLU of the first convolution at the centre of every 3x3 window: `(P, hidden)`."""
        assert conv.bias is not None
        groups = conv.groups
        known = self.channels.to(conv.weight.dtype).unflatten(1, (groups, -1))  # (K, G, F/G)
        weight = conv.weight.flatten(2).unflatten(0, (groups, -1))  # (G, hidden/G, F/G, 9)
        added = torch.einsum("kgf,ghfn->kngh", known, weight).flatten(2)  # (K, 9, hidden): what an id adds at a place
        added = F.pad(added.flatten(0, 1), (0, 0, 0, 9))  # nothing where it is 'outside'
        inside = (self.contents[:, 4:5] != len(self.channels)).to(added.dtype)
        return F.relu(self._from_ids(added) + conv.bias) * inside

    def table(self, shared: nn.Conv2d, gamma: nn.Conv2d, beta: nn.Conv2d) -> Tensor:
        """gamma and beta, side by side, of every distinct 5x5 window: `(Q, 2 * channels)`."""
        assert gamma.bias is not None
        assert beta.bias is not None
        groups = gamma.groups
        both = torch.stack([gamma.weight, beta.weight]).flatten(3)  # (2, channels, hidden/G, 9)
        weight = both.unflatten(1, (groups, -1)).permute(1, 3, 4, 0, 2)  # (G, hidden/G, 9, 2, channels/G)
        with torch.autocast(self.pixels.device.type, enabled=False):  # small tables: in full precision in any case
            rows = self.hidden(shared).unflatten(1, (groups, -1)).transpose(0, 1)  # (G, P, hidden/G)
            share = torch.bmm(rows, weight.flatten(2))  # (G, P, 9 * 2 * channels/G): what a window adds at each place
            share = share.unflatten(2, (9, 2, -1)).permute(1, 2, 3, 0, 4)  # (P, 9, 2, G, channels/G)
            return self._from_windows(share.flatten(2).flatten(0, 1)) + torch.cat([gamma.bias, beta.bias])

    def look_up(self, table: Tensor) -> Tensor:
        """Rows `(Q, D)` of the distinct windows -> maps `(B, H, W, D)`."""
        return self._to_pixels(table).view(*self.pixels.shape, -1)

    def modulate(self, normed: Tensor, table: Tensor) -> Tensor:
        """normed * (1 + gamma) + beta: `(B, channels, H, W)` and `(Q, 2 * channels)` -> `(B, channels, H, W)`."""
        one = torch.ones_like(table[0])
        one[len(one) // 2 :] = 0  # 1 + gamma, beta
        rows = normed.to(table.dtype).permute(0, 2, 3, 1)  # no copy where channels come last in memory
        out = _Modulate.apply(rows.flatten(0, 2), table + one, self._to_pixels)
        return out.view(rows.shape).permute(0, 3, 1, 2)
