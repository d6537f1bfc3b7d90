"""Checks of notebook 03: what CG-Norm tells a class, power iteration, the reach of codes, and change by area."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.course.exercise import exercise, expect, same

__all__ = ["inside", "inside_outside", "reach_of", "sigma"]


@exercise
def inside(answer: Any) -> str:
    """`answer(cls, shared, gamma)` is gamma `(K,)` deep inside a region of the class."""
    torch.manual_seed(1)
    for classes, hidden, channels, groups in ((8, 16, 24, 8), (8, 8, 12, 4), (3, 5, 7, 1), (6, 12, 6, 3)):
        shared = nn.Conv2d(classes, hidden, 3, padding=1, groups=groups)
        gamma = nn.Conv2d(hidden, channels, 3, padding=1, groups=groups)
        for cls in (0, classes - 1, classes // 2):
            mask = torch.zeros(1, classes, 9, 9)
            mask[:, cls] = 1
            with torch.no_grad():
                wanted = gamma(F.relu(shared(mask)))[0, :, 4, 4]
                got = answer(cls, shared, gamma)
            what = f"inside({cls}, ...) with {classes} classes and {groups} groups"
            same(
                got, wanted, what, "Look at the middle pixel only. How far does it see through two 3 x 3 convolutions?"
            )
    return "So inside regions gamma is one row of numbers a class: only borders need more than a table."


@exercise
def sigma(answer: Any) -> str:
    """`answer(weight, steps)` is the largest singular value of a weight `(out, in, k, k)` as a matrix."""
    torch.manual_seed(2)
    for out, wide, kernel in ((5, 3, 3), (3, 8, 1), (16, 4, 3), (4, 4, 1)):
        left, right = torch.linalg.qr(torch.randn(out, out))[0], torch.randn(out, wide * kernel * kernel)
        right = torch.linalg.qr(right.T)[0].T  # rows at right angles, of length 1
        values = torch.linspace(1, 0.2, len(right))
        values[0] = 2.5  # far from the next one: power iteration is quick
        weight = ((left[:, : len(right)] * values) @ right).view(out, wide, kernel, kernel)
        hint = "Both vectors get length 1 in every step; the answer is u^T W v, not its square."
        same(answer(weight.clone(), 40), 2.5, f"sigma of a weight {tuple(weight.shape)}, 40 steps,", hint, 1e-3)
        same(
            answer(-3 * weight, 40),
            7.5,
            "sigma of the same weight times -3",
            "A singular value is never negative.",
            1e-3,
        )
    rough = torch.randn(32, 16, 3, 3)
    exact = torch.linalg.svdvals(rough.flatten(1))[0].item()
    got = float(answer(rough, 1))
    hint = "`steps` says how many rounds; one round from a random start is still rough."
    expect(got < 0.99 * exact, f"after one step sigma is already {got:.3f}, exact would be {exact:.3f}.", hint)
    return "In training one step a pass is enough: weights move slowly, and u is kept from pass to pass."


@exercise
def reach_of(answer: Any) -> str:
    """`answer(classes, groups)` is `(classes, classes)` bool: which code reaches which slice of the channels."""
    for classes, groups in (
        (4, [4, 2]),
        (8, [8, 8, 8]),
        (8, [8, 8, 8, 4, 4, 2, 2, 1]),
        (8, [4, 8]),
        (6, [6, 3, 2]),
        (15, [15, 15, 15, 5, 5, 3]),
        (12, [4, 6]),
        (1, [1]),
    ):
        got = answer(classes, list(groups))
        what = f"reach_of({classes}, {groups})"
        expect(isinstance(got, Tensor), f"{what} is a {type(got).__name__}, expected a tensor.", "Return one matrix.")
        expect(
            got.dtype == torch.bool, f"{what} is of {got.dtype}, expected torch.bool.", "`> 0` makes numbers to bools."
        )
        wrong = (
            "Follow one slice of the last layer back: which slices feed it, and which codes had reached those before?"
        )
        same(got.float(), _reach(classes, groups).float(), what, wrong)
    return "Where parts overlap, codes travel further than any single layer says."


def _reach(classes: int, groups: list[int]) -> Tensor:
    """Found by running it: grouped 1x1 convolutions with all weights 1, one class at a time."""
    codes = torch.eye(classes)[:, :, None, None]  # image j holds the code of class j alone
    for number in groups:
        codes = F.conv2d(codes, torch.ones(classes, classes // number, 1, 1), groups=number)
    return codes[:, :, 0, 0].T > 0


@exercise
def inside_outside(answer: Any) -> str:
    """`answer(before, after, labels, cls)` is the mean change inside and outside the area of a class."""
    torch.manual_seed(3)
    for batch, height, width in ((1, 4, 4), (3, 5, 7)):
        before, after = torch.rand(batch, 3, height, width), torch.rand(batch, 3, height, width)
        labels = torch.randint(0, 3, (batch, height, width))
        labels[0] = 1  # images differ in how much they show of a class
        for cls in (0, 1, 2, 5):
            got = answer(before.clone(), after.clone(), labels.clone(), cls)
            change = (before - after).abs()
            area = (labels == cls)[:, None].expand_as(change)
            wanted = [change[part].double().mean().item() if part.any() else 0.0 for part in (area, ~area)]
            hint = "Both are means over pixels: divide by how many there are in that area, in the whole batch."
            what = f"inside_outside for a class with {int(area[:, 0].sum())} of {labels.numel()} pixels"
            expect(isinstance(got, tuple) and len(got) == 2, f"{what} is {got!r}, expected two numbers.", hint)
            same(got[0], wanted[0], f"{what}: the first number", hint)
            same(got[1], wanted[1], f"{what}: the second number", hint)
    full = torch.ones(1, 2, 2, dtype=torch.long)
    got = answer(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2), full, 1)
    same(got[1], 0.0, "outside of a class that fills the picture", "There is no pixel outside: the answer is 0.")
    return "Mind the batch: a mean of the images' means would count a tiny area as much as a large one."
