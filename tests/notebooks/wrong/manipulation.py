"""Plausible wrong answers to the exercises of notebook 08."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def one_after_the_other(labels: np.ndarray, changes: dict[int, int]) -> np.ndarray:
    result = labels.copy()
    for old, new in changes.items():
        result[result == old] = new
    return result


def in_place(labels: np.ndarray, changes: dict[int, int]) -> np.ndarray:
    table = np.arange(256, dtype=labels.dtype)
    for old, new in changes.items():
        table[old] = new
    labels[:] = table[labels]
    return labels


def other_way(labels: np.ndarray, changes: dict[int, int]) -> np.ndarray:
    result = labels.copy()
    for old, new in changes.items():
        result[labels == new] = old
    return result


def last_only(labels: np.ndarray, changes: dict[int, int]) -> np.ndarray:
    result = labels.copy()
    for old, new in changes.items():
        result = np.where(labels == old, new, labels).astype(labels.dtype)
    return result


def all_classes(values: Tensor, present: Tensor, scene: int, c: int) -> int | None:
    unlike = (values - values[scene]).flatten(1).square().mean(1)
    unlike[scene] = torch.inf
    unlike[~present[:, c]] = torch.inf
    return int(unlike.argmin()) if bool(unlike.isfinite().any()) else None


def by_sum(values: Tensor, present: Tensor, scene: int, c: int) -> int | None:
    both = (present & present[scene]).float()
    unlike = ((values - values[scene]).flatten(2).square().mean(2) * both).sum(1)
    unlike[scene] = torch.inf
    unlike[~present[:, c]] = torch.inf
    return int(unlike.argmin()) if bool(unlike.isfinite().any()) else None


def anybody(values: Tensor, present: Tensor, scene: int, c: int) -> int | None:
    both = (present & present[scene]).float()
    unlike = ((values - values[scene]).flatten(2).square().mean(2) * both).sum(1) / both.sum(1)
    unlike[scene] = torch.inf
    return int(unlike.argmin())


def first_that_has_it(values: Tensor, present: Tensor, scene: int, c: int) -> int | None:
    having = present[:, c].nonzero()[:, 0].tolist()
    return int(having[0]) if having else None


def unmasked(labels: np.ndarray, piece: np.ndarray, mask: np.ndarray, top: int, left: int) -> np.ndarray:
    result = labels.copy()
    for row in range(piece.shape[0]):
        for column in range(piece.shape[1]):
            if 0 <= row + top < labels.shape[0] and 0 <= column + left < labels.shape[1]:
                result[row + top, column + left] = piece[row, column]
    return result


def comes_in_again(labels: np.ndarray, piece: np.ndarray, mask: np.ndarray, top: int, left: int) -> np.ndarray:
    result = labels.copy()
    rows, columns = np.nonzero(mask)
    result[(rows + top) % labels.shape[0], (columns + left) % labels.shape[1]] = piece[rows, columns]
    return result


def squeezed(labels: np.ndarray, piece: np.ndarray, mask: np.ndarray, top: int, left: int) -> np.ndarray:
    result = labels.copy()
    rows, columns = np.nonzero(mask)
    down, along = (rows + top).clip(0, labels.shape[0] - 1), (columns + left).clip(0, labels.shape[1] - 1)
    result[down, along] = piece[rows, columns]
    return result


def moved_inside(labels: np.ndarray, piece: np.ndarray, mask: np.ndarray, top: int, left: int) -> np.ndarray:
    return unmasked(labels, np.where(mask, piece, labels[0, 0]), mask, max(top, 0), max(left, 0))


def _votes(labels: np.ndarray, classes: int, mode: str) -> np.ndarray:
    height, width = labels.shape
    masks = (labels == np.arange(classes)[:, None, None]).astype(float)
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)), mode=mode)  # type: ignore[call-overload]
    total = np.zeros(masks.shape)
    for y in range(3):
        for x in range(3):
            total += padded[:, y : y + height, x : x + width]
    return total


def ties_to_the_smallest(labels: np.ndarray, classes: int) -> np.ndarray:
    return _votes(labels, classes, "constant").argmax(0).astype(labels.dtype)


def edge_repeated(labels: np.ndarray, classes: int) -> np.ndarray:
    own = labels == np.arange(classes)[:, None, None]
    return (_votes(labels, classes, "edge") + 0.5 * own).argmax(0).astype(labels.dtype)


def own_counts_twice(labels: np.ndarray, classes: int) -> np.ndarray:
    own = labels == np.arange(classes)[:, None, None]
    return (_votes(labels, classes, "constant") + 1.5 * own).argmax(0).astype(labels.dtype)


def median(labels: np.ndarray, classes: int) -> np.ndarray:
    padded = np.pad(labels, 1, mode="edge")
    height, width = labels.shape
    nine = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.median(np.stack(nine), axis=0).astype(labels.dtype)


WRONG = {
    "replaced": [one_after_the_other, in_place, other_way, last_only],
    "lender": [all_classes, by_sum, anybody, first_that_has_it],
    "paste": [unmasked, comes_in_again, squeezed, moved_inside],
    "vote": [ties_to_the_smallest, edge_repeated, own_counts_twice, median],
}
