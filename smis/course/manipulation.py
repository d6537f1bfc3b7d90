"""Checks of notebook 08: semantic manipulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from smis.course.exercise import exercise, expect, same

__all__ = ["lender", "paste", "replaced", "vote"]


def _same_map(got: object, wanted: np.ndarray, case: str, hint: str) -> None:
    expect(isinstance(got, np.ndarray), f"{case} is a {type(got).__name__}, expected a NumPy array.", hint)
    assert isinstance(got, np.ndarray)
    expect(got.shape == wanted.shape, f"{case} has shape {got.shape}, expected {wanted.shape}.", hint)
    number = int((got != wanted).sum())
    expect(number == 0, f"{case} has {number} of {wanted.size} pixels wrong.", hint)


@exercise
def replaced(answer: Callable[[np.ndarray, dict[int, int]], np.ndarray]) -> str:
    """labels (H, W), {old: new} -> the map with all replaced at the same time."""
    random = np.random.default_rng(0)
    changes_of: list[dict[int, int]] = [{0: 1}, {0: 1, 1: 0}, {1: 2, 2: 3, 3: 1}, {3: 0, 0: 3, 2: 2}, {}]
    for shape, changes in zip(((3, 5), (6, 4), (8, 8), (5, 7), (2, 2)), changes_of, strict=True):
        labels = random.integers(0, 4, shape, dtype=np.uint8)
        before = labels.copy()
        got = answer(labels, changes)
        case = f"the map after {changes}"
        expect(bool((labels == before).all()), f"{case}: the map that was given has changed.", "Make a copy first.")
        wanted = np.array([[changes.get(int(c), int(c)) for c in row] for row in before], np.uint8)
        _same_map(got, wanted, case, "Where do you look for the old class: in the map as it was, or as it is by now?")
    return "A table does it in one step: np.arange(C) with the new numbers in it, indexed by the map."


@exercise
def lender(answer: Callable[[Tensor, Tensor, int, int], int | None]) -> str:
    """values (N, C, D, h, w), present (N, C), scene, class -> the most similar example that shows it, or None."""
    close = torch.tensor([[0.0, 0, 0, 0], [9, 1, 1, 1], [9, 1.5, 7, 7]])[..., None, None, None]
    shows = torch.tensor([[False, True, True, True], [True] * 4, [True, True, False, False]])
    hint = "Example 1 is off by 1 in each of three common classes, example 2 by 1.5 in its only one."
    same(answer(close, shows, 0, 0), 1, "the lender of the small example", hint, 0)
    torch.manual_seed(0)
    for number, classes, scene, c in ((6, 4, 0, 1), (7, 3, 2, 2), (9, 5, 8, 0), (5, 2, 1, 1), (12, 6, 3, 4)):
        values, present = torch.randn(number, classes, 2, 1, 2), torch.rand(number, classes) < 0.6
        values[~present] *= 9  # an absent class's code must not count
        present[scene], present[scene, c] = True, False
        present[(scene + 1) % number] = True
        unlike: dict[int, float] = {}
        for n in range(number):
            both = [k for k in range(classes) if present[n, k] and present[scene, k]]
            if n != scene and present[n, c] and both:
                unlike[n] = sum(float((values[n, k] - values[scene, k]).square().mean()) for k in both) / len(both)
        got = answer(values.clone(), present.clone(), scene, c)
        case = f"the lender of class {c} for scene {scene} of {number}"
        expect(got is not None, f"{case} is None, and {sorted(unlike)} show the class.", "Who shows the class?")
        expect(got in unlike, f"{case} is {got}, which has no code to lend.", f"One of {sorted(unlike)} could lend.")
        same(got, min(unlike, key=lambda n: unlike[n]), case, "Mean over the classes that both show, of this pair.", 0)
    alone = torch.tensor([[True, False], [True, False]])
    nobody = answer(torch.randn(2, 2, 1, 1, 1), alone, 0, 1)
    expect(nobody is None, f"where nobody shows the class, the lender is {nobody}, expected None.", "Say None then.")
    return "The painter does the same, and prefers the example that a stamp was cut from."


@exercise
def paste(answer: Callable[[np.ndarray, np.ndarray, np.ndarray, int, int], np.ndarray]) -> str:
    """labels (H, W), piece and mask (h, w), top, left -> the map with the piece on it."""
    random = np.random.default_rng(0)
    for shape, size, top, left in (
        ((6, 8), (2, 3), 1, 2),
        ((4, 4), (2, 2), -1, 3),
        ((7, 5), (3, 3), 5, -1),
        ((5, 9), (4, 2), -2, 4),
        ((5, 5), (2, 2), 9, 0),
        ((3, 4), (6, 7), -1, -2),
    ):
        labels = random.integers(0, 4, shape, dtype=np.uint8)
        piece, mask = random.integers(4, 9, size, dtype=np.uint8), random.random(size) < 0.7
        before, wanted = labels.copy(), labels.copy()
        for row in range(size[0]):
            for column in range(size[1]):
                if mask[row, column] and 0 <= row + top < shape[0] and 0 <= column + left < shape[1]:
                    wanted[row + top, column + left] = piece[row, column]
        got = answer(labels, piece, mask, top, left)
        case = f"a {size[0]} x {size[1]} piece at ({top}, {left}) on a map of {shape[0]} x {shape[1]}"
        expect(bool((labels == before).all()), f"{case}: the map that was given has changed.", "Make a copy first.")
        _same_map(got, wanted, case, "Take one pixel of the piece by hand: where does it land, and is that in the map?")
    return "brushes.Piece.stamped does it with slices, and is given the middle instead of the corner."


@exercise
def vote(answer: Callable[[np.ndarray, int], np.ndarray]) -> str:
    """labels (H, W), classes -> the map after a 3 x 3 vote that keeps the own class in a tie."""
    random = np.random.default_rng(0)
    lone, edge = np.zeros((5, 5), np.uint8), np.tile(np.array([0, 0, 1, 1, 1, 1], np.uint8), (4, 1))
    lone[2, 2] = 1
    _same_map(answer(lone, 2), np.zeros((5, 5), np.uint8), "the vote on a lone pixel", "Eight against one.")
    _same_map(answer(edge, 2), edge, "the vote on a straight edge", "Six against three: nothing should move.")
    for shape, classes in (((6, 7), 3), ((9, 4), 2), ((5, 11), 6)):
        labels = random.integers(0, classes, shape, dtype=np.uint8)
        wanted = labels.copy()
        for row in range(shape[0]):
            for column in range(shape[1]):
                near = labels[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
                votes = np.bincount(near.ravel(), minlength=classes)
                if votes[labels[row, column]] < votes.max():
                    wanted[row, column] = votes.argmax()
        hint = "Mind three things: no voters beyond the edge, ties that the own class wins, other ties to the smallest."
        _same_map(answer(labels.copy(), classes), wanted, f"the vote on a map {shape} of {classes} classes", hint)
    return "Played again and again, a vote comes to rest: then every pixel agrees with its surroundings."
