"""Checks of notebook 04: the receptive field, the hinge loss, feature matching, and what each class's codes cost."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from smis.course.exercise import exercise, expect, same
from smis.losses import feature_matching, hinge_discriminator

__all__ = ["hinge", "kl_of_classes", "matching", "receptive_field"]


@exercise
def receptive_field(answer: Any) -> str:
    """`answer(layers)` is how many input pixels one output sees; layers are (kernel, stride) in order."""
    for layers in (
        [(4, 2), (4, 1)],
        [(3, 1)],
        [(4, 2), (4, 2), (4, 1), (4, 1)],
        [(4, 2), (4, 2), (4, 2), (4, 1), (4, 1)],
        [(3, 2), (5, 1), (1, 1), (3, 3)],
        [(7, 1), (3, 2), (2, 2)],
    ):
        hint = (
            "Walk back from the last layer: r outputs side by side see (r - 1) * stride + kernel inputs of their layer."
        )
        same(answer(list(layers)), _seen(layers), f"receptive_field({layers})", hint)
    return "The stride of the last layer does not matter for one output, but the strides before it do."


def _seen(layers: list[tuple[int, int]]) -> int:
    """Found by gradient: convolutions with all weights 1."""
    line = torch.zeros(1, 1, 400, requires_grad=True)
    values: Tensor = line
    for kernel, stride in layers:
        values = F.conv1d(values, torch.ones(1, 1, kernel), stride=stride)
    (gradient,) = torch.autograd.grad(values[0, 0, values.shape[-1] // 2], line)
    return int((gradient > 0).sum())


@exercise
def hinge(answer: Any) -> str:
    """`answer(fake, real)` is the discriminator's hinge loss from score maps of each scale."""
    hint = "Fakes should lie below -1 and reals above 1. Mean over patches first, then mean over scales."
    fake, real = [torch.tensor([-2.0, 0.5])], [torch.tensor([2.0, 0.25])]
    same(answer(fake, real), torch.tensor(1.125), "hinge of one scale, fake [-2, 0.5], real [2, 0.25],", hint)
    torch.manual_seed(4)
    for shapes in (((3, 1, 5, 7), (3, 1, 2, 3)), ((1, 1, 19, 19), (1, 1, 11, 11), (1, 1, 1, 1))):
        fake, real = ([2 * torch.randn(shape) for shape in shapes] for _ in range(2))
        wanted = hinge_discriminator([[f] for f in fake], [[r] for r in real])
        same(answer(list(fake), list(real)), wanted, f"hinge of {len(shapes)} scales", hint)
    silent = torch.full((1, 1, 2, 2), -1.5).requires_grad_()
    loss = answer([silent], [torch.full((1, 1, 2, 2), 1.5)])
    same(loss, torch.tensor(0.0), "hinge where all patches are right with room to spare", hint)
    return "Two means in a row: every judge has the same say, however many patches it has."


def _activations(batch: int, wide: bool) -> list[list[Tensor]]:
    shapes = [
        [(batch, 4, 9, 9), (batch, 6, 5, 5), (batch, 1, 6, 6)],
        [(batch, 4, 5, 5), (batch, 6, 3, 3), (batch, 1, 4, 4)],
    ]
    if wide:
        shapes = [[(batch, 2, 4, 3), (batch, 1, 2, 2)]]
    return [[torch.randn(shape) for shape in scale] for scale in shapes]


@exercise
def matching(answer: Any) -> str:
    """`answer(fake, real)` is the feature matching loss of a discriminator's outputs."""
    torch.manual_seed(5)
    for batch, wide in ((2, False), (1, True), (3, False)):
        fake, real = _activations(batch, wide), _activations(batch, wide)
        hint = "L1 of each activation but the last, summed over stages, mean over scales."
        got = answer([list(scale) for scale in fake], [list(scale) for scale in real])
        same(
            got, feature_matching(fake, real), f"matching of {len(fake)} scales with {len(fake[0])} outputs each", hint
        )
    fake, real = _activations(1, False), _activations(1, False)
    for tensor in (t for scale in (*fake, *real) for t in scale):
        tensor.requires_grad_()
    answer(fake, real).backward()
    hint = "The real image is a target. One word cuts its activations off from the gradient."
    expect(fake[0][0].grad is not None, "no gradient reaches the fake's activations.", "Only the real side is cut off.")
    expect(all(t.grad is None for scale in real for t in scale), "a gradient flows into the real side.", hint)
    return "The generator gets a word on every stage of the judge, not only on its last number."


@exercise
def kl_of_classes(answer: Any) -> str:
    """`answer(mu, logvar)` is `(C,)`: the KL divergence of each class's codes, mean over the batch."""
    ones, zeros = torch.ones(1, 2, 2, 1, 1), torch.zeros(1, 2, 2, 1, 1)
    hint = "Sum over the numbers of a code (D, h, w), mean over the batch, and leave the classes apart."
    same(answer(ones, zeros), torch.ones(2), "kl_of_classes of mu = 1, logvar = 0, codes of 2 numbers,", hint)
    same(answer(zeros, zeros), torch.zeros(2), "kl_of_classes of mu = 0, logvar = 0", "N(0, 1) itself costs nothing.")
    torch.manual_seed(6)
    for shape in ((3, 5, 4, 2, 3), (1, 3, 2, 2, 2), (4, 1, 8, 4, 4)):
        mu, logvar = torch.randn(shape), torch.randn(shape)
        normal = torch.distributions.Normal(torch.zeros(()), torch.ones(()))
        codes = torch.distributions.Normal(mu, (logvar / 2).exp())
        wanted = torch.distributions.kl_divergence(codes, normal).sum((2, 3, 4)).mean(0)
        same(answer(mu.clone(), logvar.clone()), wanted, f"kl_of_classes of codes {shape}", hint, 1e-3)
    return "Classes with much to say pay most."
