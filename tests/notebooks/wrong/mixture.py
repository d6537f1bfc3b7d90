"""Plausible wrong answers to the exercises of notebook 07."""

from __future__ import annotations

import torch
from torch import Tensor


def all_classes(present: Tensor, shape: int) -> int:
    return int(present.sum(0).clamp(min=1).prod())


def summed(present: Tensor, shape: int) -> int:
    return int(present.sum(0)[present[shape]].sum())


def people_to_the_classes(present: Tensor, shape: int) -> int:
    return int(len(present) ** int(present[shape].sum()))


def wrong_axis(present: Tensor, shape: int) -> int:
    return int(present.sum(1).prod())


def columns_first(values: Tensor, bodies: list[int], givers: list[int], c: int) -> Tensor:
    out = values[bodies].repeat(len(givers), 1, 1, 1, 1)
    out[:, c] = values[givers, c].repeat_interleave(len(bodies), dim=0)
    return out


def both_fast(values: Tensor, bodies: list[int], givers: list[int], c: int) -> Tensor:
    out = values[bodies].repeat(len(givers), 1, 1, 1, 1)
    out[:, c] = values[givers, c].repeat(len(bodies), 1, 1, 1)
    return out


def whole_person(values: Tensor, bodies: list[int], givers: list[int], c: int) -> Tensor:
    return values[givers].repeat(len(bodies), 1, 1, 1, 1)


def next_class(values: Tensor, bodies: list[int], givers: list[int], c: int) -> Tensor:
    out = values[bodies].repeat_interleave(len(givers), dim=0)
    out[:, c - 1] = values[givers, c - 1].repeat(len(bodies), 1, 1, 1)
    return out


def absent_too(values: Tensor, present: Tensor, weights: Tensor) -> Tensor:
    weights = weights / weights.sum(0)
    return (weights[:, :, None, None, None] * values).sum(0, keepdim=True)


def not_normalised(values: Tensor, present: Tensor, weights: Tensor) -> Tensor:
    return ((weights * present)[:, :, None, None, None] * values).sum(0, keepdim=True)


def normalised_before(values: Tensor, present: Tensor, weights: Tensor) -> Tensor:
    weights = weights / weights.sum(0) * present
    return (weights[:, :, None, None, None] * values).sum(0, keepdim=True)


def zero_by_zero(values: Tensor, present: Tensor, weights: Tensor) -> Tensor:
    weights = weights * present
    weights = weights / weights.sum(0)
    return (weights[:, :, None, None, None] * values).sum(0, keepdim=True)


def with_oneself(values: Tensor, present: Tensor, who: int, c: int, k: int) -> list[int]:
    distance = (values[:, c] - values[who, c]).flatten(1).norm(dim=1)
    distance[~present[:, c]] = torch.inf
    found: list[int] = distance.argsort()[:k].tolist()
    return found


def absent_people(values: Tensor, present: Tensor, who: int, c: int, k: int) -> list[int]:
    distance = (values[:, c] - values[who, c]).flatten(1).norm(dim=1)
    distance[who] = torch.inf
    found: list[int] = distance.argsort()[:k].tolist()
    return found


def all_codes(values: Tensor, present: Tensor, who: int, c: int, k: int) -> list[int]:
    distance = (values - values[who]).flatten(1).norm(dim=1)
    distance[~present[:, c]] = torch.inf
    distance[who] = torch.inf
    found: list[int] = distance.argsort()[: min(k, int(distance.isfinite().sum()))].tolist()
    return found


def farthest(values: Tensor, present: Tensor, who: int, c: int, k: int) -> list[int]:
    distance = (values[:, c] - values[who, c]).flatten(1).norm(dim=1)
    distance[~present[:, c]] = -torch.inf
    distance[who] = -torch.inf
    number = min(k, int(distance.isfinite().sum()))
    found: list[int] = distance.argsort(descending=True)[:number].tolist()
    return found


WRONG = {
    "count_mixtures": [all_classes, summed, people_to_the_classes, wrong_axis],
    "lookbook": [columns_first, both_fast, whole_person, next_class],
    "blend": [absent_too, not_normalised, normalised_before, zero_by_zero],
    "nearest": [with_oneself, absent_people, all_codes, farthest],
}
