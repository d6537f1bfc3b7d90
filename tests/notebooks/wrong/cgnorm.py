"""Plausible wrong answers to the exercises of notebook 03."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _flat(cls: int, shared: nn.Conv2d, size: int) -> Tensor:
    mask = torch.zeros(1, shared.in_channels, size, size)
    mask[:, cls] = 1
    return mask


def inside_one_pixel(cls: int, shared: nn.Conv2d, gamma: nn.Conv2d) -> Tensor:
    return gamma(F.relu(shared(_flat(cls, shared, 1))))[0, :, 0, 0]


def inside_too_small(cls: int, shared: nn.Conv2d, gamma: nn.Conv2d) -> Tensor:
    return gamma(F.relu(shared(_flat(cls, shared, 3))))[0, :, 1, 1]


def inside_corner(cls: int, shared: nn.Conv2d, gamma: nn.Conv2d) -> Tensor:
    return gamma(F.relu(shared(_flat(cls, shared, 5))))[0, :, 0, 0]


def inside_without_relu(cls: int, shared: nn.Conv2d, gamma: nn.Conv2d) -> Tensor:
    return gamma(shared(_flat(cls, shared, 7)))[0, :, 3, 3]


def inside_mean(cls: int, shared: nn.Conv2d, gamma: nn.Conv2d) -> Tensor:
    return gamma(F.relu(shared(_flat(cls, shared, 9))))[0].mean((1, 2))


def _powers(weight: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    W = weight.flatten(1)
    u = torch.randn(len(W))
    v = torch.zeros(W.shape[1])
    for _ in range(steps):
        v = F.normalize(W.T @ u, dim=0)
        u = F.normalize(W @ v, dim=0)
    return u, W, v


def sigma_squared(weight: Tensor, steps: int) -> Tensor:
    _, W, v = _powers(weight, steps)
    return (W @ v) @ (W @ v)


def sigma_frobenius(weight: Tensor, steps: int) -> Tensor:
    return weight.flatten(1).norm()


def sigma_wrong_matrix(weight: Tensor, steps: int) -> Tensor:
    u, W, v = _powers(weight.transpose(0, 1), steps)
    return u @ W @ v


def sigma_largest_row(weight: Tensor, steps: int) -> Tensor:
    return weight.flatten(1).norm(dim=1).max()


def sigma_not_normalised_at_last(weight: Tensor, steps: int) -> Tensor:
    u, W, _ = _powers(weight, steps)
    return u @ W @ (W.T @ u)


def sigma_exact(weight: Tensor, steps: int) -> Tensor:
    return torch.linalg.svdvals(weight.flatten(1))[0]


def _layer(classes: int, number: int) -> Tensor:
    part = torch.arange(classes) // (classes // number)
    return (part[:, None] == part).float()


def reach_last_layer(classes: int, groups: list[int]) -> Tensor:
    return _layer(classes, groups[-1]) > 0


def reach_fewest_groups(classes: int, groups: list[int]) -> Tensor:
    return _layer(classes, min(groups)) > 0


def reach_by_remainder(classes: int, groups: list[int]) -> Tensor:
    reach = torch.eye(classes)
    for number in groups:
        part = torch.arange(classes) % number
        reach = (part[:, None] == part).float() @ reach
    return reach > 0


def reach_part_size_confused(classes: int, groups: list[int]) -> Tensor:
    reach = torch.eye(classes)
    for number in groups:
        part = torch.arange(classes) // number
        reach = (part[:, None] == part).float() @ reach
    return reach > 0


def reach_other_order(classes: int, groups: list[int]) -> Tensor:
    reach = torch.eye(classes)
    for number in groups:
        reach = reach @ _layer(classes, number)
    return reach > 0


def inside_outside_of_whole(before: Tensor, after: Tensor, labels: Tensor, cls: int) -> tuple[float, float]:
    change, area = (after - before).abs().mean(1), labels == cls
    return (change * area).mean().item(), (change * ~area).mean().item()


def inside_outside_signed(before: Tensor, after: Tensor, labels: Tensor, cls: int) -> tuple[float, float]:
    change, area = (after - before).mean(1).abs(), labels == cls
    return (
        change[area].mean().item() if area.any() else 0.0,
        change[~area].mean().item() if (~area).any() else 0.0,
    )


def inside_outside_nan(before: Tensor, after: Tensor, labels: Tensor, cls: int) -> tuple[float, float]:
    change, area = (after - before).abs().mean(1), labels == cls
    return change[area].mean().item(), change[~area].mean().item()


def inside_outside_per_image(before: Tensor, after: Tensor, labels: Tensor, cls: int) -> tuple[float, float]:
    change, area = (after - before).abs().mean(1), (labels == cls).float()

    def mean(part: Tensor) -> float:
        return ((change * part).sum((1, 2)) / part.sum((1, 2)).clamp(min=1)).mean().item()

    return mean(area), mean(1 - area)


def inside_outside_everywhere(before: Tensor, after: Tensor, labels: Tensor, cls: int) -> tuple[float, float]:
    change, area = (after - before).abs().mean(1), labels == cls
    return change[area].mean().item() if area.any() else 0.0, change.mean().item()


WRONG: dict[str, list[Callable[..., Any]]] = {
    "inside": [inside_one_pixel, inside_too_small, inside_corner, inside_without_relu, inside_mean],
    "sigma": [
        sigma_squared,
        sigma_frobenius,
        sigma_wrong_matrix,
        sigma_largest_row,
        sigma_not_normalised_at_last,
        sigma_exact,
    ],
    "reach_of": [
        reach_last_layer,
        reach_fewest_groups,
        reach_by_remainder,
        reach_part_size_confused,
        reach_other_order,
    ],
    "inside_outside": [
        inside_outside_of_whole,
        inside_outside_signed,
        inside_outside_nan,
        inside_outside_per_image,
        inside_outside_everywhere,
    ],
}
