"""Plausible wrong answers to the exercises of notebook 04."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Outputs = list[list[Tensor]]


def field_from_the_front(layers: list[tuple[int, int]]) -> int:
    size = 1
    for kernel, stride in layers:
        size = (size - 1) * stride + kernel
    return size


def field_times_stride(layers: list[tuple[int, int]]) -> int:
    size = 1
    for kernel, stride in reversed(layers):
        size = size * stride + kernel
    return size


def field_without_strides(layers: list[tuple[int, int]]) -> int:
    return 1 + sum(kernel - 1 for kernel, _ in layers)


def field_own_stride_counted(layers: list[tuple[int, int]]) -> int:
    size, jump = 1, 1
    for kernel, stride in layers:
        jump *= stride
        size += (kernel - 1) * jump
    return size


def field_kernel_minus_stride(layers: list[tuple[int, int]]) -> int:
    size = 1
    for kernel, stride in reversed(layers):
        size = size * stride + (kernel - stride) - 1
    return size


def hinge_all_patches(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    low, high = torch.cat([f.flatten() for f in fake]), torch.cat([r.flatten() for r in real])
    return F.relu(1 + low).mean() + F.relu(1 - high).mean()


def hinge_swapped(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    return torch.stack([F.relu(1 - f).mean() + F.relu(1 + r).mean() for f, r in zip(fake, real)]).mean()


def hinge_without_margin(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    return torch.stack([f.mean() - r.mean() for f, r in zip(fake, real)]).mean()


def hinge_of_the_mean(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    return torch.stack([F.relu(1 + f.mean()) + F.relu(1 - r.mean()) for f, r in zip(fake, real)]).mean()


def hinge_summed_over_scales(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    return torch.stack([F.relu(1 + f).mean() + F.relu(1 - r).mean() for f, r in zip(fake, real)]).sum()


def hinge_halved(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    return 0.5 * torch.stack([F.relu(1 + f).mean() + F.relu(1 - r).mean() for f, r in zip(fake, real)]).mean()


def _l1(a: Tensor, b: Tensor) -> Tensor:
    return (a - b.detach()).abs().mean()


def matching_with_scores(fake: Outputs, real: Outputs) -> Tensor:
    return torch.stack([torch.stack([_l1(a, b) for a, b in zip(f, r)]).sum() for f, r in zip(fake, real)]).mean()


def matching_mean_of_stages(fake: Outputs, real: Outputs) -> Tensor:
    return torch.stack([_l1(a, b) for f, r in zip(fake, real) for a, b in zip(f[:-1], r[:-1])]).mean()


def matching_sum_of_scales(fake: Outputs, real: Outputs) -> Tensor:
    return torch.stack([_l1(a, b) for f, r in zip(fake, real) for a, b in zip(f[:-1], r[:-1])]).sum()


def matching_squared(fake: Outputs, real: Outputs) -> Tensor:
    def distance(f: list[Tensor], r: list[Tensor]) -> Tensor:
        return torch.stack([F.mse_loss(a, b.detach()) for a, b in zip(f[:-1], r[:-1])]).sum()

    return torch.stack([distance(f, r) for f, r in zip(fake, real)]).mean()


def matching_not_detached(fake: Outputs, real: Outputs) -> Tensor:
    def distance(f: list[Tensor], r: list[Tensor]) -> Tensor:
        return torch.stack([F.l1_loss(a, b) for a, b in zip(f[:-1], r[:-1])]).sum()

    return torch.stack([distance(f, r) for f, r in zip(fake, real)]).mean()


def matching_wrong_side_detached(fake: Outputs, real: Outputs) -> Tensor:
    return matching_not_detached([[a.detach() for a in f] for f in fake], real)


def _terms(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu**2 - logvar.exp())


def kl_per_image(mu: Tensor, logvar: Tensor) -> Tensor:
    return _terms(mu, logvar).sum((1, 2, 3, 4))


def kl_summed_over_batch(mu: Tensor, logvar: Tensor) -> Tensor:
    return _terms(mu, logvar).sum((0, 2, 3, 4))


def kl_mean_over_all(mu: Tensor, logvar: Tensor) -> Tensor:
    return _terms(mu, logvar).mean((0, 2, 3, 4))


def kl_sign(mu: Tensor, logvar: Tensor) -> Tensor:
    return -_terms(mu, logvar).sum((2, 3, 4)).mean(0)


def kl_deviation_for_variance(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu**2 - (logvar / 2).exp()).sum((2, 3, 4)).mean(0)


WRONG: dict[str, list[Callable[..., Any]]] = {
    "receptive_field": [
        field_from_the_front,
        field_times_stride,
        field_without_strides,
        field_own_stride_counted,
        field_kernel_minus_stride,
    ],
    "hinge": [
        hinge_all_patches,
        hinge_swapped,
        hinge_without_margin,
        hinge_of_the_mean,
        hinge_summed_over_scales,
        hinge_halved,
    ],
    "matching": [
        matching_with_scores,
        matching_mean_of_stages,
        matching_sum_of_scales,
        matching_squared,
        matching_not_detached,
        matching_wrong_side_detached,
    ],
    "kl_of_classes": [
        kl_per_image,
        kl_summed_over_batch,
        kl_mean_over_all,
        kl_sign,
        kl_deviation_for_variance,
    ],
}
