"""Checks of notebook 10: measuring control."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from smis.course.exercise import exercise, expect, same

__all__ = ["draw_means", "frechet_alone", "inside_outside", "judge_edit"]


def _areas(batch: int, height: int, width: int) -> Tensor:
    """Areas of different sizes, none empty and none the whole image."""
    area = torch.zeros(batch, height, width, dtype=torch.bool)
    for number in range(batch):
        area[number, : 1 + number % (height - 1), : 1 + (2 * number) % width] = True
    return area


def _pair(got: object, number: int, what: str) -> tuple[Tensor, ...]:
    """An answer that has to be so many tensors."""
    hint = f"Give back {number} values: return a, b" + (", c" if number == 3 else "")
    expect(isinstance(got, tuple) and len(got) == number, f"{what} is a {type(got).__name__}.", hint)
    assert isinstance(got, tuple)
    return got


@exercise
def inside_outside(answer: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]) -> str:
    """before, after (B, 3, H, W), area (B, H, W) bool -> mean absolute change inside and outside, both (B,)."""
    torch.manual_seed(0)
    before, after = torch.zeros(1, 3, 2, 4), torch.zeros(1, 3, 2, 4)
    area = torch.zeros(1, 2, 4, dtype=torch.bool)
    area[0, 0, :2] = True
    after[0, 0, 0, 0], after[0, :, 1, 3] = -1.2, 0.6
    inside, outside = _pair(answer(before, after, area), 2, "the answer")
    hint = "One of 3 colours falls by 1.2 in 1 of the 2 pixels inside: 1.2 / 3 / 2 / 2 = 0.1."
    same(inside, torch.tensor([0.1]), "inside, for one pixel that changes in red alone", hint)
    hint = "One of 6 pixels outside moves by 0.6 in all colours: 0.6 / 6 / 2 = 0.05."
    same(outside, torch.tensor([0.05]), "outside, for one pixel of six", hint)
    for batch, height, width in ((3, 5, 7), (4, 6, 3)):
        before, after = torch.rand(2, batch, 3, height, width) * 2 - 1
        area = _areas(batch, height, width)
        got = _pair(answer(before, after, area), 2, "the answer")
        for part, where, name in zip(got, (area, ~area), ("inside", "outside")):
            wanted = torch.stack([(a - b).abs()[:, w].mean() / 2 for a, b, w in zip(after, before, where)])
            hint = "Each image has its own area: means image by image, over the pixels of that area only."
            same(part, wanted, f"{name}, for {batch} images whose areas differ", hint)
    return "This is `smis.metrics.change_by_area`: all ratios inside : outside rest on it."


@exercise
def draw_means(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """values (n,), person (n,), picks (draws, k) -> the mean over all rows of the people drawn, (draws,)."""
    values, person = torch.tensor([1.0, 3.0, 8.0]), torch.tensor([0, 0, 1])
    picks = torch.tensor([[0, 1], [1, 1], [0, 0]])
    hint = "[0, 1] draws three rows: (1 + 3 + 8) / 3. Who has more rows counts more."
    same(answer(values, person, picks), torch.tensor([4.0, 8.0, 2.0]), "draws [0, 1], [1, 1], [0, 0]", hint)
    torch.manual_seed(0)
    for people, rows, draws, k in ((4, 9, 5, 4), (3, 7, 6, 2)):
        person = torch.cat([torch.arange(people), torch.randint(people, (rows - people,))])[torch.randperm(rows)]
        values, picks = torch.randn(rows), torch.randint(people, (draws, k))
        wanted = torch.stack([torch.cat([values[person == one] for one in draw]).mean() for draw in picks])
        hint = "Drawn twice counts twice; rows need not stand in the order of people; sums first, then one division."
        same(answer(values, person, picks), wanted, f"the means of {draws} draws of {k} of {people} people", hint)
    return "With random picks, and the 2.5th and 97.5th percentile of these means, it is the interval of `measure`."


@exercise
def judge_edit(answer: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]) -> str:
    """generated, true (B, 3, H, W), area (B, H, W) bool -> leakage, faithfulness, strength."""
    torch.manual_seed(0)
    names = ("leakage", "faithfulness", "strength")
    area = _areas(3, 4, 5)
    true = torch.randn(3, 3, 4, 5) * area[:, None] * torch.tensor([1.0, 5.0, 0.2]).view(3, 1, 1, 1)
    cases: dict[str, tuple[Tensor, tuple[float, float, float]]] = {
        "a perfect edit": (true, (0, 1, 1)),
        "an edit that does nothing": (torch.zeros_like(true), (0, 0, 0)),
        "the opposite edit": (-true, (0, -1, 1)),
    }
    for what, (generated, numbers) in cases.items():
        got = _pair(answer(generated, true, area), 3, "the answer")
        for part, wanted, name in zip(got, numbers, names):
            same(part, float(wanted), f"{name} of {what}", "Put G = 0, G = T and G = -T into the formula of the table.")
    generated = true + 0.3 * torch.randn(3, 3, 4, 5)
    got = _pair(answer(generated, true, area), 3, "the answer")

    def mean(change: Tensor, where: Tensor) -> float:
        return float(torch.stack([c.abs()[:, w].mean() for c, w in zip(change, where)]).mean())

    wanted_change = mean(true, area)
    numbers = (
        mean(generated, ~area) / wanted_change,
        1 - mean(generated - true, area) / wanted_change,
        mean(generated, area) / wanted_change,
    )
    for part, wanted, name in zip(got, numbers, names):
        hint = (
            "Mean for each image, then over images, then one ratio. Leakage is what happens outside, per true change."
        )
        same(part, wanted, f"{name} of a noisy edit of three images", hint, 1e-4)
    return "`smis.metrics.truth` does the same, class by class, with intervals that draw scenes."


@exercise
def frechet_alone(answer: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Uncorrelated features (n, d), (m, d) -> their Frechet distance, one number."""
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])
    same(answer(a, b), 16.0, "the distance of 0, 2 and 4, 6", "Means 1 and 5, equal deviations.")
    wide = torch.tensor([[-3.0], [5.0]])
    hint = "Deviations sqrt(2) and sqrt(32), that is 4.24 apart. Not variances: deviations."
    same(answer(a, wide), 18.0, "the distance of 0, 2 and -3, 5, whose means are equal", hint, 1e-4)
    torch.manual_seed(0)
    for n, m, d in ((4, 7, 3), (12, 5, 2)):
        a, b = torch.randn(n, d) * 3, torch.randn(m, d) + 1
        wanted = float((a.mean(0) - b.mean(0)).square().sum() + (a.std(0) - b.std(0)).square().sum())
        hint = "Sum over the features; deviations divide by n - 1; the sets may have different sizes."
        same(answer(a, b), wanted, f"the distance of sets {n} x {d} and {m} x {d}", hint, 1e-4)
    return "FID is this with correlations, on 2,048 features of one particular network."
