"""Checks of notebook 07: appearance mixture."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from smis.course.exercise import exercise, expect, same

__all__ = ["blend", "count_mixtures", "lookbook", "nearest"]


@exercise
def count_mixtures(answer: Callable[[Tensor, int], int]) -> str:
    """present (N, C) bool, a person -> the number of mixtures on her label map."""
    torch.manual_seed(0)
    hint = "Only classes on the label map count; each of them can come from everybody who shows it."
    tables = [torch.tensor([[True, True], [True, False]]), *(torch.rand(n, c) < 0.7 for n, c in ((3, 5), (8, 8)))]
    for present in tables:
        for person in range(len(present)):
            wanted = math.prod(
                sum(bool(row[c]) for row in present) for c in range(present.shape[1]) if present[person, c]
            )
            same(answer(present, person), wanted, f"the count on person {person} of {present.int().tolist()}", hint, 0)
    return "Add one person who shows everything, and every factor of the product grows by one."


@exercise
def lookbook(answer: Callable[[Tensor, list[int], list[int], int], Tensor]) -> str:
    """values (N, C, D, h, w), bodies, givers, class -> (bodies * givers, C, D, h, w)."""
    torch.manual_seed(0)
    for size, bodies, givers, c in (
        ((4, 3, 2, 1, 2), [0, 2], [1, 3, 0], 1),
        ((5, 2, 3, 2, 2), [4, 1, 0], [2, 2], 0),
        ((3, 4, 1, 1, 1), [1], [0, 2], 3),
    ):
        values = torch.randn(size)
        before = values.clone()
        got = answer(values, bodies, givers, c)
        case = f"lookbook of {len(bodies)} bodies and {len(givers)} givers"
        expect(torch.equal(values, before), f"{case} changed the codes it was given.", "Write into a copy.")
        wanted = torch.stack(
            [torch.cat([values[b, :c], values[g, c : c + 1], values[b, c + 1 :]]) for b in bodies for g in givers]
        )
        hint = f"Entry 1 is body {bodies[0]}, with class {c} from person {givers[1 % len(givers)]}, all else its own."
        same(got, wanted, case, hint)
    return "One batch for the decoder, and the label maps in the order of repeat_interleave."


@exercise
def blend(answer: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """values (N, C, D, h, w), present (N, C), weights (N, C) -> (1, C, D, h, w)."""
    torch.manual_seed(0)
    two = torch.tensor([2.0, 6.0]).view(2, 1, 1, 1, 1)
    got = answer(two, torch.ones(2, 1).bool(), torch.tensor([[1.0], [3.0]]))
    same(got, torch.full((1, 1, 1, 1, 1), 5.0), "the blend of 2 and 6 with weights 1 and 3", "(1 * 2 + 3 * 6) / 4.")
    for people, classes in ((3, 4), (5, 2)):
        values, weights = torch.randn(people, classes, 2, 1, 3), torch.rand(people, classes)
        present = torch.rand(people, classes) < 0.6
        present[0] = True
        weights[0] += 0.1
        hint = "Who does not show the class gives nothing, and what is left of the weights has to sum to 1 again."
        total = torch.zeros(1, classes, 2, 1, 3)
        for c in range(classes):
            given = [(float(weights[n, c]), values[n, c]) for n in range(people) if present[n, c]]
            total[0, c] = sum(w * v for w, v in given) / sum(w for w, _ in given)
        same(answer(values, present, weights), total, f"the blend of {people} people", hint)
    nobody = answer(torch.ones(2, 1, 1, 1, 1), torch.zeros(2, 1).bool(), torch.ones(2, 1))
    same(nobody, torch.zeros(1, 1, 1, 1, 1), "the blend of a class that nobody shows", "Mind 0 / 0.")
    return "With one weight of 1 a class this is `mix`; with two weights it is a step of a morph."


@exercise
def nearest(answer: Callable[[Tensor, Tensor, int, int, int], list[int]]) -> str:
    """values (N, C, D, h, w), present (N, C), person, class, k -> the k nearest other people."""
    torch.manual_seed(0)
    for people, who, c, k in ((6, 2, 1, 3), (9, 0, 0, 2), (5, 4, 2, 4), (7, 3, 1, 20)):
        values, present = torch.randn(people, 3, 2, 2, 1), torch.rand(people, 3) < 0.7
        present[who] = True
        apart = {n: float((values[n, c] - values[who, c]).square().sum()) for n in range(people) if present[n, c]}
        del apart[who]
        wanted = sorted(apart, key=lambda n: apart[n])[:k]
        got = answer(values.clone(), present.clone(), who, c, k)
        case = f"nearest of person {who} among {people}, class {c}, k {k}"
        expect(isinstance(got, list), f"{case} is a {type(got).__name__}, expected a list.", "tolist() makes one.")
        expect(who not in got, f"{case} is {got}: it holds the asker.", "Nobody is a find for herself.")
        missing = [n for n in got if not present[n, c]]
        expect(not missing, f"{case} is {got}: {missing} do not show the class.", "No class, no distance.")
        same(got, wanted, case, "Sum the squares over all of D, h and w of this one class; the nearest comes first.")
    return "For a large shop one keeps the codes in an index; the idea stays."
