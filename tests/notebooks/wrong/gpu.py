"""Plausible wrong answers to the exercises of notebook 06."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor, Tensor], Tensor]


def parameters_without_groups(wide_in: int, wide_out: int, kernel: int, groups: int, bias: bool) -> int:
    return wide_in * wide_out * kernel**2 + bias * wide_out


def parameters_without_bias(wide_in: int, wide_out: int, kernel: int, groups: int, bias: bool) -> int:
    return wide_in // groups * wide_out * kernel**2


def parameters_of_a_line(wide_in: int, wide_out: int, kernel: int, groups: int, bias: bool) -> int:
    return wide_in // groups * wide_out * kernel + bias * wide_out


def parameters_with_groups_twice(wide_in: int, wide_out: int, kernel: int, groups: int, bias: bool) -> int:
    return (wide_in // groups) * (wide_out // groups) * kernel**2 + bias * wide_out


def parameters_with_grouped_bias(wide_in: int, wide_out: int, kernel: int, groups: int, bias: bool) -> int:
    return (wide_in * wide_out * kernel**2 + bias * wide_out) // groups


def parts(*, divide: bool = True, zero: bool = True, cut: bool = True) -> Callable[..., None]:
    def answer(network: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, number: int) -> None:
        if zero:
            network.zero_grad()
        if not cut:
            loss(network(inputs), targets).backward()
            return
        for part, wanted in zip(inputs.chunk(number), targets.chunk(number), strict=True):
            (loss(network(part), wanted) / (number if divide else 1)).backward()

    return answer


def parts_that_forget_the_others(network: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, number: int) -> None:
    for part, wanted in zip(inputs.chunk(number), targets.chunk(number), strict=True):
        network.zero_grad()
        (loss(network(part), wanted) / number).backward()


def parts_divided_by_the_batch(network: nn.Module, loss: Loss, inputs: Tensor, targets: Tensor, number: int) -> None:
    network.zero_grad()
    for part, wanted in zip(inputs.chunk(number), targets.chunk(number), strict=True):
        (loss(network(part), wanted) / len(inputs)).backward()


def statistics_of_means(shares: list[Tensor]) -> tuple[Tensor, Tensor]:
    means = torch.stack([share.mean((0, 2, 3)) for share in shares])
    return means.mean(0), torch.stack([share.var((0, 2, 3), correction=0) for share in shares]).mean(0)


def statistics_of_the_first(shares: list[Tensor]) -> tuple[Tensor, Tensor]:
    return shares[0].mean((0, 2, 3)), shares[0].var((0, 2, 3), correction=0)


def statistics_without_bias(shares: list[Tensor]) -> tuple[Tensor, Tensor]:
    whole = torch.cat(shares)
    return whole.mean((0, 2, 3)), whole.var((0, 2, 3))


def statistics_within_shares(shares: list[Tensor]) -> tuple[Tensor, Tensor]:
    whole = torch.cat(shares)
    centred = torch.cat([share - share.mean((0, 2, 3), keepdim=True) for share in shares])
    return whole.mean((0, 2, 3)), centred.square().mean((0, 2, 3))


def statistics_as_deviation(shares: list[Tensor]) -> tuple[Tensor, Tensor]:
    whole = torch.cat(shares)
    return whole.mean((0, 2, 3)), whole.std((0, 2, 3), correction=0)


def kl_as_it_is(weight: float, batch_size: int, gpus: int) -> float:
    return weight


def kl_of_the_whole_batch(weight: float, batch_size: int, gpus: int) -> float:
    return weight * batch_size


def kl_divided(weight: float, batch_size: int, gpus: int) -> float:
    return weight * gpus / batch_size


def kl_times_gpus(weight: float, batch_size: int, gpus: int) -> float:
    return weight * gpus


WRONG: dict[str, list[Callable[..., Any]]] = {
    "conv_parameters": [
        parameters_without_groups,
        parameters_without_bias,
        parameters_of_a_line,
        parameters_with_groups_twice,
        parameters_with_grouped_bias,
    ],
    "accumulate": [
        parts(divide=False),
        parts(zero=False),
        parts(cut=False),
        parts_that_forget_the_others,
        parts_divided_by_the_batch,
    ],
    "global_statistics": [
        statistics_of_means,
        statistics_of_the_first,
        statistics_without_bias,
        statistics_within_shares,
        statistics_as_deviation,
    ],
    "kl_weight": [kl_as_it_is, kl_of_the_whole_batch, kl_divided, kl_times_gpus],
}
