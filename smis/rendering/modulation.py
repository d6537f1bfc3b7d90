"""CG-Norm while the mask stays: one scale and one shift for every pixel and channel.

    BN(x) * (1 + gamma(M)) + beta(M)  =  x * scale + shift
    scale = (1 + gamma(M)) / deviation,  shift = beta(M) - mean * scale

because batch norm in eval mode takes away a fixed mean and divides by a fixed deviation. gamma and beta are looked up
(`smis.neighbourhoods`); the fold is done once for each distinct neighbourhood, not for each pixel.

When the mask changes in a rectangle, a pixel's 5x5 neighbourhood changes at most 2 pixels further out. Only there the
maps are computed again.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor

from smis.layers import LEAK, CGNorm
from smis.neighbourhoods import Neighbourhoods
from smis.rendering.areas import Area

__all__ = ["Modulation"]


class Modulation:
    """The maps of one CG-Norm.

    Args:
        norm: in eval mode.
        half: keep a copy of its mask network in half precision.
    """

    def __init__(self, norm: CGNorm, half: bool = False) -> None:
        statistics = norm.norm
        assert statistics.running_mean is not None
        assert statistics.running_var is not None
        self.mean, self.inverse = statistics.running_mean, (statistics.running_var + statistics.eps).rsqrt()
        self.half = half
        convs = (norm.shared, norm.gamma, norm.beta)
        self.convs = tuple(copy.deepcopy(conv).half() for conv in convs) if half else convs
        self.scale = self.shift = torch.empty(0)  # (B, h, w, channels)
        self._moving: tuple[range, Tensor, Tensor] | None = None

    def set_mask(self, mask: Neighbourhoods, area: Area | None = None) -> None:
        """The maps for this mask; with `area`, only there: `mask` then describes that rectangle alone."""
        convs = (copy.deepcopy(conv).float() for conv in self.convs) if self.half else self.convs
        gamma, beta = mask.table(*convs).detach().chunk(2, 1)  # (Q, channels) each
        scale = (1 + gamma) * self.inverse
        shift = beta - self.mean * scale
        if area is None:
            self.scale, self.shift = mask.look_up(scale), mask.look_up(shift)
        else:
            self.scale[area.place], self.shift[area.place] = mask.look_up(scale), mask.look_up(shift)
        self._moving = None

    def _maps(self, channels: range) -> tuple[Tensor, Tensor]:
        """The maps of some channels, in one piece of memory: for as long as the same ones move."""
        if len(channels) == self.scale.shape[3]:
            return self.scale, self.shift
        if self._moving is None or self._moving[0] != channels:
            part = slice(channels.start, channels.stop)
            self._moving = channels, self.scale[..., part].contiguous(), self.shift[..., part].contiguous()
        return self._moving[1:]

    def __call__(
        self, x: Tensor, channels: range, area: Area, *, doubled: bool = False, leaky: bool = True, border: int = 0
    ) -> Tensor:
        """x * scale + shift, then LeakyReLU.

        Args:
            x: `(B, h, w, channels)`, these channels of this area; half as large where `doubled`.
            doubled: nearest x2 upsampling comes first. It is never written to memory.
            leaky: whether LeakyReLU follows.
            border: zeros to put around the result, for a convolution to see.

        Returns:
            `(B, h + 2 * border, w + 2 * border, channels)`.
        """
        scale, shift = (maps[area.place] for maps in self._maps(channels))
        batch, height, width, wide = scale.shape
        out = x.new_empty(batch, height + 2 * border, width + 2 * border, wide)
        inner = out
        if border:
            for edge in (out[:, 0], out[:, -1], out[:, :, 0], out[:, :, -1]):
                edge.zero_()
            inner = out[:, 1:-1, 1:-1]
        if doubled:  # every pixel of x meets a 2x2 block of scales: rows and columns get an axis of length 2
            scale, shift, target = (m.unflatten(2, (-1, 2)).unflatten(1, (-1, 2)) for m in (scale, shift, inner))
            torch.addcmul(shift, x[:, :, None, :, None], scale, out=target)
        else:
            torch.addcmul(shift, x, scale, out=inner)
        if leaky:
            F.leaky_relu(inner, LEAK, inplace=True)
        return out
