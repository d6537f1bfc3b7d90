"""Checks of notebook 06: parameters, gradients in parts, statistics over processes, and the KL term's weight."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.course.exercise import exercise, expect, same

__all__ = ["accumulate", "conv_parameters", "global_statistics", "kl_weight"]


@exercise
def conv_parameters(answer: Callable[[int, int, int, int, bool], int]) -> str:
    """Weights and biases of a grouped convolution."""
    for wide_in, wide_out, kernel, groups, bias in (
        (8, 16, 3, 1, False),
        (64, 2560, 3, 8, True),
        (2560, 2560, 3, 8, True),
        (12, 8, 1, 4, False),
        (35, 70, 4, 35, True),
    ):
        wanted = sum(p.numel() for p in nn.Conv2d(wide_in, wide_out, kernel, groups=groups, bias=bias).parameters())
        what = f"conv_parameters({wide_in}, {wide_out}, {kernel}, {groups}, {bias})"
        same(
            answer(wide_in, wide_out, kernel, groups, bias),
            wanted,
            what,
            "Each output channel has kernel * kernel weights for every input channel of its group, and perhaps a bias.",
        )
    return "G groups divide the weights by G, and leave the biases as they are."


@exercise
def accumulate(answer: Callable[[nn.Module, Callable[[Tensor, Tensor], Tensor], Tensor, Tensor, int], None]) -> str:
    """The gradients of the whole batch's mean loss, from one backward pass a part."""
    random = torch.Generator().manual_seed(11)
    for batch, parts in ((8, 2), (6, 3), (4, 4), (5, 1)):
        torch.manual_seed(batch)
        network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
        inputs, targets = torch.randn(batch, 3, generator=random), torch.randn(batch, 2, generator=random)
        F.mse_loss(network(inputs), targets).backward()
        wanted = [p.grad.clone() for p in network.parameters() if p.grad is not None]
        sizes: list[int] = []
        watching = network.register_forward_pre_hook(lambda _, given, sizes=sizes: sizes.append(len(given[0])))
        # what the step before has left: it must not count
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
        answer(network, F.mse_loss, inputs, targets, parts)
        watching.remove()
        what = f"{batch} images in {parts} parts"
        expect(
            max(sizes, default=0) == batch // parts,
            f"{what}: the network saw {sizes} images at a time, expected {parts} times {batch // parts}.",
            "inputs.chunk(parts) gives the parts. Only one of them may go through the network at a time.",
        )
        for number, (parameter, whole) in enumerate(zip(network.parameters(), wanted, strict=True)):
            expect(parameter.grad is not None, f"{what}: no gradient.", "Call backward() for each part.")
            assert parameter.grad is not None
            same(
                parameter.grad,
                whole,
                f"{what}: the gradient of parameter {number}",
                "backward() adds to what is there. A mean over the batch is the mean of the parts' means.",
            )
    return "The same gradients with a part of the memory. (Not with batch norm: it would see each part alone.)"


@exercise
def global_statistics(answer: Callable[[list[Tensor]], tuple[Tensor, Tensor]]) -> str:
    """Mean and variance of each channel over all processes' images, from sums that each process can make alone."""
    random = torch.Generator().manual_seed(13)
    for shapes in ([(2, 3, 4, 4), (2, 3, 4, 4)], [(1, 5, 2, 3)], [(4, 2, 3, 3), (1, 2, 3, 3), (2, 2, 3, 3)]):
        shares = [torch.randn(shape, generator=random) * (k + 1) + 3 * k for k, shape in enumerate(shapes)]
        whole = torch.cat(shares)
        what = f"of {len(shares)} processes with {', '.join(str(len(s)) for s in shares)} images"
        got = answer([share.clone() for share in shares])
        expect(
            isinstance(got, tuple) and len(got) == 2,
            "The answer is not a pair (mean, variance).",
            "Return two tensors, each (channels,).",
        )
        hint = "Add up sums and numbers of pixels over the processes, then divide: a mean of means is another number."
        same(got[0], whole.mean((0, 2, 3)), f"The mean {what}", hint, tolerance=1e-4)
        hint = (
            "Mean of the squares minus square of the mean, both over all processes; or squared distances to the "
            "common mean. Batch norm divides by n, not by n - 1."
        )
        same(got[1], whole.var((0, 2, 3), correction=0), f"The variance {what}", hint, tolerance=1e-4)
    return "Two sums a channel go over the wire. That makes N processes one large batch."


@exercise
def kl_weight(answer: Callable[[float, int, int], float]) -> str:
    """The weight of a mean over images that gives the released code's KL term: it sums over the images of each GPU."""
    random = torch.Generator().manual_seed(17)
    for weight, batch, gpus in ((0.05, 8, 4), (0.05, 4, 4), (0.05, 8, 1), (0.1, 12, 3)):
        each = torch.rand(batch, generator=random) + 0.5  # the divergence of each image
        theirs = weight * torch.stack([share.sum() for share in each.chunk(gpus)]).mean()
        got = answer(weight, batch, gpus)
        what = f"kl_weight({weight}, {batch}, {gpus}), used on one batch"
        expect(isinstance(got, (int, float)), f"{what} is no number.", "Return a float.")
        same(
            got * each.mean().item(),
            theirs.item(),
            what,
            "Write both down for one batch: sums over the images of a GPU, their mean over GPUs; a mean over images.",
        )
    return "A sum over a batch makes a weight depend on the number of GPUs. A mean does not: that is why we use one."
