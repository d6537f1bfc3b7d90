"""Plausible wrong answers to the exercises of notebook 10."""

from __future__ import annotations

import torch
from torch import Tensor


def whole_image(before: Tensor, after: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    change = (after - before).abs().mean(1) / 2
    return (change * area).mean((1, 2)), (change * ~area).mean((1, 2))


def one_mean(before: Tensor, after: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    change = (after - before).abs().mean(1) / 2
    return change[area].mean().expand(len(area)), change[~area].mean().expand(len(area))


def signed(before: Tensor, after: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    change = (after - before).mean(1).abs() / 2
    return (change * area).sum((1, 2)) / area.sum((1, 2)), (change * ~area).sum((1, 2)) / (~area).sum((1, 2))


def not_halved(before: Tensor, after: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    change = (after - before).abs().mean(1)
    return (change * area).sum((1, 2)) / area.sum((1, 2)), (change * ~area).sum((1, 2)) / (~area).sum((1, 2))


def turned(before: Tensor, after: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    change = (after - before).abs().mean(1) / 2
    return (change * ~area).sum((1, 2)) / (~area).sum((1, 2)), (change * area).sum((1, 2)) / area.sum((1, 2))


def rows_as_people(values: Tensor, person: Tensor, picks: Tensor) -> Tensor:
    return values[picks].mean(1)


def mean_of_means(values: Tensor, person: Tensor, picks: Tensor) -> Tensor:
    means = torch.stack([values[person == one].mean() for one in range(int(person.max()) + 1)])
    return means[picks].mean(1)


def once_each(values: Tensor, person: Tensor, picks: Tensor) -> Tensor:
    return torch.stack([values[torch.isin(person, draw)].mean() for draw in picks])


def sums_only(values: Tensor, person: Tensor, picks: Tensor) -> Tensor:
    sums = torch.zeros(int(person.max()) + 1).index_add(0, person, values)
    return sums[picks].sum(1) / picks.shape[1]


def _mean(change: Tensor, where: Tensor) -> Tensor:
    return ((change.abs().mean(1) * where).sum((1, 2)) / where.sum((1, 2))).mean()


def mean_of_ratios(generated: Tensor, true: Tensor, area: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    def each(change: Tensor, where: Tensor) -> Tensor:
        return (change.abs().mean(1) * where).sum((1, 2)) / where.sum((1, 2))

    wanted = each(true, area)
    leakage = (each(generated, ~area) / wanted).mean()
    return leakage, 1 - (each(generated - true, area) / wanted).mean(), (each(generated, area) / wanted).mean()


def error_for_faithfulness(generated: Tensor, true: Tensor, area: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    wanted = _mean(true, area)
    return _mean(generated, ~area) / wanted, _mean(generated - true, area) / wanted, _mean(generated, area) / wanted


def per_generated(generated: Tensor, true: Tensor, area: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    own = _mean(generated, area).clamp(min=1e-9)
    return _mean(generated, ~area) / own, 1 - _mean(generated - true, area) / own, own / _mean(true, area)


def sizes_compared(generated: Tensor, true: Tensor, area: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    wanted = _mean(true, area)
    wrong = _mean(generated.abs() - true.abs(), area)
    return _mean(generated, ~area) / wanted, 1 - wrong / wanted, _mean(generated, area) / wanted


def variances(a: Tensor, b: Tensor) -> Tensor:
    return (a.mean(0) - b.mean(0)).square().sum() + (a.var(0) - b.var(0)).square().sum()


def means_only(a: Tensor, b: Tensor) -> Tensor:
    return (a.mean(0) - b.mean(0)).square().sum()


def not_squared(a: Tensor, b: Tensor) -> Tensor:
    return (a.mean(0) - b.mean(0)).square().sum() + (a.std(0) - b.std(0)).abs().sum()


def divided_by_n(a: Tensor, b: Tensor) -> Tensor:
    spread = (a.std(0, correction=0) - b.std(0, correction=0)).square().sum()
    return (a.mean(0) - b.mean(0)).square().sum() + spread


def averaged(a: Tensor, b: Tensor) -> Tensor:
    return (a.mean(0) - b.mean(0)).square().mean() + (a.std(0) - b.std(0)).square().mean()


WRONG = {
    "inside_outside": [whole_image, one_mean, signed, not_halved, turned],
    "draw_means": [rows_as_people, mean_of_means, once_each, sums_only],
    "judge_edit": [mean_of_ratios, error_for_faithfulness, per_generated, sizes_compared],
    "frechet_alone": [variances, means_only, not_squared, divided_by_n, averaged],
}
