"""Plausible wrong answers to the exercises of notebook 09."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def backwards(a: Tensor, b: Tensor, amounts: Tensor) -> Tensor:
    return b + amounts.view(1, -1, 1, 1, 1) * (a - b)


def one_for_all(a: Tensor, b: Tensor, amounts: Tensor) -> Tensor:
    return a + amounts.mean() * (b - a)


def all_or_nothing(a: Tensor, b: Tensor, amounts: Tensor) -> Tensor:
    return a + (amounts.view(1, -1, 1, 1, 1) > 0.5) * (b - a)


def held_in_range(a: Tensor, b: Tensor, amounts: Tensor) -> Tensor:
    return a + amounts.clamp(0, 1).view(1, -1, 1, 1, 1) * (b - a)


def equal_t(t: np.ndarray, speed: np.ndarray, count: int) -> np.ndarray:
    return np.linspace(t[0], t[-1], count)


def no_zero(t: np.ndarray, speed: np.ndarray, count: int) -> np.ndarray:
    way = np.cumsum(speed)
    return np.interp(np.linspace(0, way[-1], count), way, t[1:])


def slow_where_fast(t: np.ndarray, speed: np.ndarray, count: int) -> np.ndarray:
    way = np.concatenate([[0.0], np.cumsum(1 / speed)])
    return np.interp(np.linspace(0, way[-1], count), way, t)


def the_other_way_round(t: np.ndarray, speed: np.ndarray, count: int) -> np.ndarray:
    way = np.concatenate([[0.0], np.cumsum(speed)])
    return np.interp(np.linspace(t[0], t[-1], count), t, way)


def everybody(values: Tensor, present: Tensor, score: Tensor, c: int) -> Tensor:
    high = score > score.median()
    return values[high, c].mean(0) - values[~high, c].mean(0)


def median_of_all(values: Tensor, present: Tensor, score: Tensor, c: int) -> Tensor:
    high = score > score.mean()
    return values[high & present[:, c], c].sum(0) - values[~high & present[:, c], c].mean(0)


def low_minus_high(values: Tensor, present: Tensor, score: Tensor, c: int) -> Tensor:
    values, score = values[present[:, c], c], score[present[:, c]]
    high = score > score.median()
    return values[~high].mean(0) - values[high].mean(0)


def from_the_mean(values: Tensor, present: Tensor, score: Tensor, c: int) -> Tensor:
    values, score = values[present[:, c], c], score[present[:, c]]
    return values[score > score.median()].mean(0) - values.mean(0)


def unchecked(values: Tensor, present: Tensor, a: int, b: int, t: float) -> Tensor:
    return (values[a] + t * (values[b] - values[a]))[None]


def keeps_a(values: Tensor, present: Tensor, a: int, b: int, t: float) -> Tensor:
    both = (present[a] & present[b]).view(-1, 1, 1, 1)
    return torch.where(both, values[a] + t * (values[b] - values[a]), values[a])[None]


def zeros(values: Tensor, present: Tensor, a: int, b: int, t: float) -> Tensor:
    start, end = (values[n] * present[n].view(-1, 1, 1, 1) for n in (a, b))
    return (start + t * (end - start))[None]


def neither_takes_b(values: Tensor, present: Tensor, a: int, b: int, t: float) -> Tensor:
    has_a, has_b = (present[n].view(-1, 1, 1, 1) for n in (a, b))
    start, end = torch.where(has_a, values[a], values[b]), torch.where(has_b, values[b], values[a])
    return (start + t * (end - start))[None]


WRONG = {
    "paced": [backwards, one_for_all, all_or_nothing, held_in_range],
    "even_steps": [equal_t, no_zero, slow_where_fast, the_other_way_round],
    "direction": [everybody, median_of_all, low_minus_high, from_the_mean],
    "careful_morph": [unchecked, keeps_a, zeros, neither_takes_b],
}
