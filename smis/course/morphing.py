"""Checks of notebook 09: style morphing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from smis.course.exercise import exercise, expect, same

__all__ = ["careful_morph", "direction", "even_steps", "paced"]


@exercise
def paced(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """a, b (B, C, D, h, w), amounts (C,) -> each class by its own amount."""
    torch.manual_seed(0)
    for size in ((1, 3, 2, 1, 2), (2, 4, 4, 4, 4), (3, 2, 1, 2, 3), (3, 3, 3, 3, 3)):
        a, b, amounts = torch.randn(size), torch.randn(size), torch.rand(size[1]) * 2 - 0.5
        amounts[0] = 0
        before = a.clone()
        wanted = torch.stack(
            [a[:, c] + float(amounts[c]) * (b[:, c] - a[:, c]) for c in range(size[1])],
            dim=1,
        )
        got = answer(a, b, amounts)
        expect(torch.equal(a, before), f"for codes {size}: the codes of a have changed.", "Compute a new tensor.")
        hint = "With the class axis in the middle, the numbers need an axis before and three behind."
        same(got, wanted, f"codes of shape {size}, paced", hint)
    return "With 0 and 1 only, this mixes; with one number for all, it is morph."


@exercise
def even_steps(answer: Callable[[np.ndarray, np.ndarray, int], np.ndarray]) -> str:
    """t (n,), speed (n - 1,), count -> (count,) amounts with equal ways between them."""
    first = answer(np.array([0.0, 1.0, 2.0]), np.array([3.0, 1.0]), 3)
    hint = "The whole way is 4. Half of it, 2, is done at 2 / 3 of the first step."
    same(torch.as_tensor(np.asarray(first)), torch.tensor([0, 2 / 3, 2]).double(), "even_steps of the example", hint)
    random = np.random.default_rng(0)
    for number, count in ((6, 4), (10, 9), (3, 7)):
        t = np.sort(random.random(number)) * 2 - 0.5
        speed = random.random(number - 1) + 0.1
        got = np.asarray(answer(t.copy(), speed.copy(), count))
        case = f"even_steps of {number} frames and count {count}"
        expect(got.shape == (count,), f"{case} has shape {got.shape}, expected {(count,)}.", "One amount a frame.")
        at = np.interp(got, t, [speed[:k].sum() for k in range(number)])  # the way done at each
        ways = torch.from_numpy(np.diff(at))
        equal = torch.full((count - 1,), float(speed.sum() / (count - 1))).double()
        same(ways, equal, f"the ways between the frames of {case}", "Walk a part of the whole way, and look up its t.")
    return "Film editors call this constant speed; the same trick draws evenly spaced dots on any curve."


@exercise
def direction(answer: Callable[[Tensor, Tensor, Tensor, int], Tensor]) -> str:
    """values (N, C, D, h, w), present (N, C), score (N,), class -> (D, h, w)."""
    torch.manual_seed(0)
    for number, classes, c in ((9, 3, 1), (12, 4, 3), (15, 2, 0)):
        values, score = torch.randn(number, classes, 2, 3, 1), torch.randn(number)
        present = torch.rand(number, classes) < 0.6
        present[:4, c], score[~present[:, c]] = True, 5.0  # pictures without the class have high scores
        values[~present] += 7
        rows = sorted((n for n in range(number) if present[n, c]), key=lambda n: float(score[n]))
        half = (len(rows) + 1) // 2  # the median is among the low
        low, high = rows[:half], rows[half:]
        wanted = sum(values[n, c] for n in high) / len(high) - sum(values[n, c] for n in low) / len(low)
        got = answer(values.clone(), present.clone(), score.clone(), c)
        hint = "Which pictures count, and whose median is it? High minus low, and of one class only."
        same(got, wanted, f"the direction of class {c} among {number} pictures", hint, 1e-4)
    return "A line fitted to the scores gives a direction, too; the difference of means needs nothing but two averages."


@exercise
def careful_morph(answer: Callable[[Tensor, Tensor, int, int, float], Tensor]) -> str:
    """values (N, C, D, h, w), present (N, C), a, b, t -> (1, C, D, h, w) without codes of absent classes."""
    torch.manual_seed(0)
    values = torch.randn(3, 4, 2, 1, 2)
    present = torch.tensor([[True, True, False, False], [True, False, True, False], [False, True, True, True]])
    for a, b in ((0, 1), (1, 0), (0, 2), (2, 1)):
        for t in (0.0, 0.25, 1.0, 1.5):
            rows = []
            for c in range(4):
                start = b if bool(present[b, c]) and not bool(present[a, c]) else a
                end = b if bool(present[b, c]) else start
                rows.append(values[start, c] * (1 - t) + values[end, c] * t)
            shows = [f"class {c}" for c in range(4) if present[a, c] != present[b, c]]
            hint = f"Only one of the two shows {', '.join(shows)}: what are the two ends there?"
            got = answer(values.clone(), present.clone(), a, b, t)
            same(got, torch.stack(rows)[None], f"the morph from {a} to {b} at t = {t}", hint)
    return "The morpher takes its ends the same way; where neither shows it, the shape decides."
