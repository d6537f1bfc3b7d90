"""Plausible wrong answers to the exercises of notebook 01."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def not_spread(weight: Tensor, groups: int) -> Tensor:
    """Copied side by side: every output hears all groups."""
    return weight.repeat(1, groups, 1, 1)


def first_block_only(weight: Tensor, groups: int) -> Tensor:
    """All groups read the inputs of the first."""
    dense = torch.zeros(weight.shape[0], weight.shape[1] * groups, *weight.shape[2:])
    dense[:, : weight.shape[1]] = weight
    return dense


def dealt_out(weight: Tensor, groups: int) -> Tensor:
    """Output o belongs to group o % groups: interleaved, not blocks."""
    inputs = weight.shape[1]
    dense = torch.zeros(weight.shape[0], inputs * groups, *weight.shape[2:])
    for o in range(weight.shape[0]):
        g = o % groups
        dense[o, g * inputs : (g + 1) * inputs] = weight[o]
    return dense


def in_place_shape(weight: Tensor, groups: int) -> Tensor:
    """The second axis forgotten."""
    return weight.clone()


def counted(pixels: str = "output", grouped: bool = True, bias: bool = False) -> Callable[[nn.Conv2d, int, int], int]:
    """A count with one mistake."""

    def answer(conv: nn.Conv2d, height: int, width: int) -> int:
        tall, wide = conv.kernel_size
        padding = (int(conv.padding[0]), int(conv.padding[1]))
        h = (height + 2 * padding[0] - tall) // conv.stride[0] + 1
        w = (width + 2 * padding[1] - wide) // conv.stride[1] + 1
        if pixels == "input":
            h, w = height, width
        elif pixels == "halved":
            h, w = height // conv.stride[0], width // conv.stride[1]
        elif pixels == "square":
            wide = tall
        inputs = conv.in_channels // (conv.groups if grouped else 1)
        return (tall * wide * inputs + int(bias)) * conv.out_channels * h * w

    return answer


def divided_twice(conv: nn.Conv2d, height: int, width: int) -> int:
    """Inputs and outputs both divided by the groups: the work of one group."""
    return counted()(conv, height, width) // conv.groups


def taken(rows: str = "chunk", bias: bool = True, layout: bool = True) -> Callable[[nn.Conv2d, int], nn.Conv2d]:
    """One group taken out, with one mistake."""

    def answer(conv: nn.Conv2d, g: int) -> nn.Conv2d:
        wide_in, wide_out = conv.in_channels // conv.groups, conv.out_channels // conv.groups
        stride, padding = (conv.stride[0], int(conv.padding[0])) if layout else (1, 1)
        has_bias = conv.bias is not None
        alone = nn.Conv2d(wide_in, wide_out, conv.kernel_size[0], stride, padding, bias=has_bias)
        chosen = slice(g, None, conv.groups) if rows == "dealt" else slice(g * wide_out, (g + 1) * wide_out)
        if rows == "first":
            chosen = slice(0, wide_out)
        with torch.no_grad():
            alone.weight.copy_(conv.weight[chosen])
            if conv.bias is not None and alone.bias is not None:
                alone.bias.copy_(conv.bias[chosen] if bias else torch.zeros(wide_out))
        return alone

    return answer


def whole(conv: nn.Conv2d, g: int) -> nn.Conv2d:
    """The grouped convolution itself."""
    return conv


def colours_first(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Red of all classes, then green, then blue."""
    cut = [images * (labels == c)[:, None] for c in range(classes)]
    return torch.stack(cut, 2).flatten(1, 2)


def first_labels(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The first image's label map for the whole batch."""
    return torch.cat([images * (labels[:1] == c)[:, None] for c in range(classes)], 1)


def from_one(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Classes counted from 1."""
    return torch.cat([images * (labels == c + 1)[:, None] for c in range(classes)], 1)


def outside(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The mask the wrong way round."""
    return torch.cat([images * (labels != c)[:, None] for c in range(classes)], 1)


def only_present(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Absent classes show the whole image in place of zeros."""
    cut = []
    for c in range(classes):
        mine = (labels == c)[:, None]
        cut.append(torch.where(mine.flatten(1).any(1)[:, None, None, None], images * mine, images))
    return torch.cat(cut, 1)


WRONG: dict[str, list[Callable[..., Any]]] = {
    "dense_weight": [not_spread, first_block_only, dealt_out, in_place_shape],
    "multiply_adds": [
        counted(grouped=False),
        counted("input"),
        counted("halved"),
        counted("square"),
        counted(bias=True),
        divided_twice,
    ],
    "one_group": [taken("dealt"), taken("first"), taken(bias=False), taken(layout=False), whole],
    "side_by_side": [colours_first, first_labels, from_one, outside, only_present],
}
