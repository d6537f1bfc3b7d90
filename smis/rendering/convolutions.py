"""A grouped convolution that can be asked for some of its channels only.

With G groups, output channels fall into G equal parts, and each part sees its own part of the inputs alone:

    out[group] = weight[group] * in[group] + bias[group]

So when only some groups' inputs changed, only those outputs are computed again. A convolution is also a sum over input
channels. So when only some channels *inside* one group changed, the share of the others can be kept:

    out[group] = (weight[:, others] * in[others] + bias)  +  weight[:, changed] * in[changed]
                 kept from the last time                     computed again

Tensors here have their channels last: `(B, h, w, channels)`. That is how the matrix products want them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.rendering import winograd

__all__ = ["Convolution", "Picture"]

WINOGRAD_FROM = 128  # channels per group, in and out, from which on it beats the direct sum on CPUs
WINOGRAD_GRID = 8  # rows and columns


class Convolution:
    """The 3x3 or 1x1 convolution of `conv`, its spectral norm divided once.

    Args:
        conv: its padding must keep the size: 1 or 0.
        size: (h, w) of the grid on which it will work.
        half: keep the weights in half precision and compute in float32; rounds them to 11 bits.
    """

    def __init__(self, conv: nn.Conv2d, size: tuple[int, int], half: bool = False) -> None:
        weight = conv.weight.detach()  # asks the parametrisation: weight / sigma
        self.groups = conv.groups
        self.wide_in, self.wide_out = conv.in_channels // conv.groups, conv.out_channels // conv.groups
        self.border = conv.kernel_size[0] // 2  # zeros that the input must bring
        self.bias = None if conv.bias is None else conv.bias.detach()
        large = min(self.wide_in, self.wide_out) >= WINOGRAD_FROM and min(size) >= WINOGRAD_GRID
        self._winograd = self.border == 1 and large and size[0] % 2 == size[1] % 2 == 0 and not half
        if self._winograd:
            self.weight = torch.stack([winograd.kernels(part) for part in weight.chunk(self.groups)])
        else:
            self.weight = weight.clone(memory_format=torch.channels_last)
        if half:
            self.weight = self.weight.half()

    def widened(self, channels: range) -> range:
        """The inputs of all groups that hold one of these input channels."""
        groups = self._groups(channels)
        return range(groups.start * self.wide_in, groups.stop * self.wide_in)

    def reached(self, channels: range) -> range:
        """The outputs that see one of these input channels."""
        groups = self._groups(channels)
        return range(groups.start * self.wide_out, groups.stop * self.wide_out)

    def _groups(self, channels: range) -> range:
        return range(channels.start // self.wide_in, (channels.stop - 1) // self.wide_in + 1)

    def __call__(self, x: Tensor, channels: range, bias: bool = True) -> Tensor:
        """`(B, h + 2 * border, w + 2 * border, channels)` -> `(B, h, w, reached)`.

        Args:
            channels: which input channels these are: whole groups, or a part of one.
            bias: whether to add the bias. One of the parts of a group should.
        """
        groups, reached = self._groups(channels), self.reached(channels)
        start = channels.start - groups.start * self.wide_in
        inside = slice(start, start + min(len(channels), self.wide_in))  # which of its inputs each group gets
        added = self.bias[reached.start : reached.stop] if bias and self.bias is not None else None
        if self._winograd:
            out = winograd.convolve(x, self.weight[groups.start : groups.stop, :, inside])
            return out if added is None else out.add_(added)
        weight = self.weight[reached.start : reached.stop, inside].to(x.dtype)
        if self.border:
            return F.conv2d(x.permute(0, 3, 1, 2), weight, added, groups=len(groups)).permute(0, 2, 3, 1)
        if len(groups) == 1:
            return F.linear(x, weight.flatten(1), added)
        parts = zip(x.chunk(len(groups), 3), weight.flatten(1).chunk(len(groups)), strict=True)
        out = torch.cat([F.linear(part, w) for part, w in parts], 3)
        return out if added is None else out.add_(added)


class Picture:
    """The last convolution, to 3 channels a group, and tanh.

    So few outputs keep no processor busy. Here all nine places of the kernel are multiplied at once, and the nine
    products are shifted and added afterwards: out = sum over places of shifted(weight[place] * in).
    """

    def __init__(self, conv: nn.Conv2d, half: bool = False) -> None:
        assert conv.bias is not None
        self.groups, self.wide_in = conv.groups, conv.in_channels // conv.groups
        weight = conv.weight.detach().flatten(2).permute(0, 2, 1).flatten(0, 1)  # (3 * G * 9, in)
        self.weight, self.bias = (weight.half() if half else weight.clone()), conv.bias.detach()

    def __call__(self, features: Tensor, channels: range) -> tuple[Tensor, range]:
        """`(B, h, w, all channels)`, of which these changed -> the pictures `(B, 3 * n, h, w)` of n groups, and which
        output channels those are."""
        batch, height, width, _ = features.shape
        first, last = channels.start // self.wide_in, (channels.stop - 1) // self.wide_in
        shown = range(3 * first, 3 * (last + 1))
        weight = self.weight.to(features.dtype).chunk(self.groups)
        products = [
            weight[g] @ features[..., g * self.wide_in : (g + 1) * self.wide_in].flatten(1, 2).transpose(1, 2)
            for g in range(first, last + 1)
        ]  # n of (B, 27, h * w)
        places = F.pad(torch.cat(products, 1).view(batch, -1, 9, height, width), (1, 1, 1, 1))
        out = self.bias[shown.start : shown.stop, None, None].expand(batch, -1, height, width).clone()
        for place in range(9):
            y, x = divmod(place, 3)
            out += places[:, :, place, y : y + height, x : x + width]
        return out.tanh_(), shown
