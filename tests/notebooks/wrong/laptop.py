"""Plausible wrong answers to the exercises of notebook 05."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from smis.discriminator import judge_pair
from smis.losses import hinge_discriminator


@torch.no_grad()
def average_of_the_wrong_side(averaged: list[Tensor], now: list[Tensor], decay: float) -> None:
    for old, new in zip(averaged, now, strict=True):
        old.copy_((1 - decay) * old + decay * new)


@torch.no_grad()
def average_of_a_new_list(averaged: list[Tensor], now: list[Tensor], decay: float) -> None:
    averaged = [decay * old + (1 - decay) * new for old, new in zip(averaged, now, strict=True)]


@torch.no_grad()
def average_of_the_first_tensor(averaged: list[Tensor], now: list[Tensor], decay: float) -> None:
    averaged[0].lerp_(now[0], 1 - decay)


@torch.no_grad()
def average_that_changes_the_network(averaged: list[Tensor], now: list[Tensor], decay: float) -> None:
    for old, new in zip(averaged, now, strict=True):
        new.mul_(1 - decay).add_(decay * old)
        old.copy_(new)


def average_with_a_graph(averaged: list[Tensor], now: list[Tensor], decay: float) -> None:
    for old, new in zip(averaged, now, strict=True):
        old.mul_(decay).add_((1 - decay) * new)


def rate_from_the_start(step: int, steps: int, rate: float, decay_from: float) -> float:
    return rate * (1 - step / steps)


def rate_without_decay_share(step: int, steps: int, rate: float, decay_from: float) -> float:
    return rate if step < decay_from * steps else rate * (1 - step / steps)


def rate_drops_at_once(step: int, steps: int, rate: float, decay_from: float) -> float:
    return rate if step < decay_from * steps else 0.0


def rate_off_by_one(step: int, steps: int, rate: float, decay_from: float) -> float:
    return rate * min(1.0, (1 - (step + 1) / steps) / (1 - decay_from))


def batch_of_random_images(step: int, number: int, size: int, seed: int) -> Tensor:
    return torch.randint(number, (size,), generator=torch.Generator().manual_seed(seed * 1000 + step))


def batch_in_order(step: int, number: int, size: int, seed: int) -> Tensor:
    return (torch.arange(size) + step * size) % (number // size * size)


def batch_shuffled_each_step(step: int, number: int, size: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 1000 + step)
    return torch.randperm(number, generator=generator)[:size]


def batch_of_the_same_epoch(step: int, number: int, size: int, seed: int) -> Tensor:
    order = torch.randperm(number, generator=torch.Generator().manual_seed(seed))
    place = step % (number // size) * size
    return order[place : place + size]


def batch_of_the_global_generator(step: int, number: int, size: int, seed: int) -> Tensor:
    return torch.randperm(number)[:size]


def batch_without_the_seed(step: int, number: int, size: int, seed: int) -> Tensor:
    epoch, place = divmod(step, number // size)
    order = torch.randperm(number, generator=torch.Generator().manual_seed(epoch))
    return order[place * size : (place + 1) * size]


def batch_that_leaves_out_the_last(step: int, number: int, size: int, seed: int) -> Tensor:
    epoch, place = divmod(step, number // size)
    order = torch.randperm(number // size * size, generator=torch.Generator().manual_seed(seed * 1000 + epoch))
    return order[place * size : (place + 1) * size]


Phase = Callable[[nn.Module, torch.optim.Optimizer, Tensor, Tensor, Tensor], float]


def phase(*, detach: bool = True, zero: bool = True, step: bool = True, swap: bool = False) -> Phase:
    def answer(judge: nn.Module, optimiser: torch.optim.Optimizer, fake: Tensor, real: Tensor, mask: Tensor) -> float:
        of_fake, of_real = judge_pair(judge, fake.detach() if detach else fake, real, mask)
        loss = hinge_discriminator(of_real, of_fake) if swap else hinge_discriminator(of_fake, of_real)
        if zero:
            optimiser.zero_grad()
        loss.backward()
        if step:
            optimiser.step()
        return loss.item()

    return answer


def phase_that_steps_first(
    judge: nn.Module, optimiser: torch.optim.Optimizer, fake: Tensor, real: Tensor, mask: Tensor
) -> float:
    loss = hinge_discriminator(*judge_pair(judge, fake.detach(), real, mask))
    optimiser.zero_grad()
    optimiser.step()
    loss.backward()
    return loss.item()


WRONG: dict[str, list[Callable[..., Any]]] = {
    "average": [
        average_of_the_wrong_side,
        average_of_a_new_list,
        average_of_the_first_tensor,
        average_that_changes_the_network,
        average_with_a_graph,
    ],
    "learning_rate": [rate_from_the_start, rate_without_decay_share, rate_drops_at_once, rate_off_by_one],
    "batch_indices": [
        batch_of_random_images,
        batch_in_order,
        batch_shuffled_each_step,
        batch_of_the_same_epoch,
        batch_of_the_global_generator,
        batch_without_the_seed,
        batch_that_leaves_out_the_last,
    ],
    "discriminator_phase": [
        phase(detach=False),
        phase(zero=False),
        phase(step=False),
        phase(swap=True),
        phase_that_steps_first,
    ],
}
