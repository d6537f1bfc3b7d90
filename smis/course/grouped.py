"""Checks of notebook 01: grouped convolutions."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.course.exercise import exercise, expect, same

__all__ = ["dense_weight", "multiply_adds", "one_group", "side_by_side"]


@exercise
def dense_weight(answer: Callable[[Tensor, int], Tensor]) -> str:
    """weight (out, in / groups, k, k), groups -> (out, in, k, k), zero between different groups."""
    torch.manual_seed(0)
    for wide_in, wide_out, kernel, groups in ((2, 2, 1, 2), (6, 4, 3, 2), (3, 6, 1, 3), (4, 5, 3, 1), (12, 8, 3, 4)):
        weight, x = torch.randn(wide_out, wide_in // groups, kernel, kernel), torch.randn(2, wide_in, 5, 7)
        before = weight.clone()
        dense = answer(weight, groups)
        case = f"dense_weight of a weight {tuple(weight.shape)} with {groups} groups"
        hint = "The second axis of the answer counts all input channels of the layer: groups times those of the weight."
        expect(isinstance(dense, Tensor), f"{case} is a {type(dense).__name__}, expected a tensor.", hint)
        wanted = (wide_out, wide_in, kernel, kernel)
        expect(tuple(dense.shape) == wanted, f"{case} has shape {tuple(dense.shape)}, expected {wanted}.", hint)
        expect(torch.equal(weight, before), f"{case} changed the weight that it was given.", "Fill a new tensor.")
        zeros = dense.numel() - weight.numel()
        found = int((dense == 0).sum())
        expect(
            found == zeros, f"{case} has {found} zeros, expected {zeros}.", "One block for each group, zeros beside."
        )
        hint = "The number of zeros is right, their places are not. Print dense[:, :, 0, 0] and look for the squares."
        same(F.conv2d(x, dense), F.conv2d(x, weight, groups=groups), f"what the weight of {case} computes", hint, 1e-4)
    return "With 8 groups, seven of eight numbers in this weight are zeros that nobody needs to store or multiply."


@exercise
def multiply_adds(answer: Callable[[nn.Conv2d, int, int], int]) -> str:
    """conv, height, width -> the multiply-adds for one image."""
    same(answer(nn.Conv2d(3, 4, 1), 5, 5), 300, "the count of nn.Conv2d(3, 4, 1) on 5 x 5", "3 * 4 * 25.")
    for conv, height, width, wanted, hint in (
        (nn.Conv2d(2, 5, 3), 7, 6, 1800, "Without padding the output is smaller than the image: 5 x 4 here."),
        (nn.Conv2d(2, 5, 3, padding=1), 7, 6, 3780, "With padding the output here is as large as the image."),
        (nn.Conv2d(8, 4, 3, padding=1, groups=4), 6, 6, 2592, "How many input channels does one output hear?"),
        (nn.Conv2d(4, 4, 3, stride=2, padding=1), 9, 8, 2880, "With stride 2, 9 pixels become 5, and 8 become 4."),
        (nn.Conv2d(6, 3, (1, 5), padding=(0, 2), groups=3), 4, 10, 1200, "The window need not be square."),
    ):
        same(answer(conv, height, width), wanted, f"the count of {conv} on {height} x {width}", hint, 0)
    return "smis.summary prints this for every layer of a network, from its config alone."


@exercise
def one_group(answer: Callable[[nn.Conv2d, int], nn.Conv2d]) -> str:
    """conv, g -> group g as an ordinary convolution."""
    torch.manual_seed(0)
    for conv in (
        nn.Conv2d(6, 4, 3, groups=2),
        nn.Conv2d(9, 12, 3, padding=1, groups=3, bias=False),
        nn.Conv2d(8, 8, 5, stride=2, padding=2, groups=4),
        nn.Conv2d(4, 4, 1, groups=1),
    ):
        x = torch.randn(2, conv.in_channels, 9, 8)
        before = conv(x)
        for g in range(conv.groups):
            case = f"group {g} of {conv}"
            alone = answer(conv, g)
            hint = "Return a nn.Conv2d."
            expect(isinstance(alone, nn.Conv2d), f"{case} came back as a {type(alone).__name__}.", hint)
            hint = "The new convolution has the channels of one group, and no groups of its own."
            shape = (alone.in_channels, alone.out_channels, alone.groups)
            wanted = (conv.in_channels // conv.groups, conv.out_channels // conv.groups, 1)
            expect(shape == wanted, f"{case} has (in, out, groups) {shape}, expected {wanted}.", hint)
            hint = (
                "Copy the weights and the bias of this group, side by side in the first axis; keep stride and padding."
            )
            same(alone(x.chunk(conv.groups, 1)[g]), before.chunk(conv.groups, 1)[g], f"what {case} gives", hint, 1e-4)
        expect(torch.equal(conv(x), before), f"{conv} is no longer the same.", "Copy its weights, do not change them.")
    return "So the encoder of one class can be taken out of the network and used alone."


@exercise
def side_by_side(answer: Callable[[Tensor, Tensor, int], Tensor]) -> str:
    """images (B, 3, H, W), labels (B, H, W), classes -> (B, 3 * classes, H, W)."""
    torch.manual_seed(0)
    for batch, classes, height, width in ((1, 2, 2, 3), (3, 4, 5, 4), (2, 7, 6, 6)):
        images = torch.randn(batch, 3, height, width)
        labels = torch.randint(0, classes, (batch, height, width))
        labels[0, labels[0] == classes - 1] = 0  # the last class is absent from the first image
        got = answer(images.clone(), labels.clone(), classes)
        case = f"side_by_side of {batch} images {height} x {width} with {classes} classes"
        hint = "One image for each class, three channels each, along the channel axis."
        expect(isinstance(got, Tensor), f"{case} is a {type(got).__name__}, expected a tensor.", hint)
        wanted_shape = (batch, 3 * classes, height, width)
        expect(tuple(got.shape) == wanted_shape, f"{case} has shape {tuple(got.shape)}, expected {wanted_shape}.", hint)
        for b in range(batch):
            for c in range(classes):
                wanted = torch.where(labels[b] == c, images[b], torch.zeros(()))
                what = f"channels {3 * c} to {3 * c + 2}, which belong to class {c}, in image {b} of {case}"
                hint = "Red, green and blue of one class lie together; pixels of other classes are 0, in each image."
                same(got[b, 3 * c : 3 * c + 3], wanted, what, hint)
    return "Cut into groups of three channels, this gives every class to its own group."
