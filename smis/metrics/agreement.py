"""Does an image show its mask? What a segmenter reads off images, against the label maps they were made for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from smis.metrics.intervals import Measured
from smis.segmenter import Segmenter

__all__ = ["Agreement", "Counter", "confusion"]

DRAWS = 1000


def confusion(predicted: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Class ids `(H, W)`, twice -> counts `(C, C)`: row the true class, column the predicted one.

    >>> confusion(torch.tensor([[0, 1, 1]]), torch.tensor([[0, 0, 1]]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    return torch.bincount((labels * classes + predicted).flatten(), minlength=classes**2).view(classes, classes)


class Agreement:
    """Pixels counted in `(N, C, C)`: image, true class, predicted class.

    accuracy = pixels read rightly / pixels
    IoU of c = pixels that are c and read as c / pixels that are c or read as c, over all images together
    mIoU     = mean IoU over the classes that are there or read; one that is read where there is none scores 0

    Intervals draw images.
    """

    def __init__(self, counts: np.ndarray, seed: int = 0) -> None:
        self.counts, self.seed = counts.astype(np.float64), seed

    def iou(self) -> list[float]:
        """Of each class; NaN for one that is neither there nor read."""
        return [float(value) for value in _iou(self.counts.sum(0))]

    def miou(self) -> Measured:
        """Mean IoU."""
        return self._with_interval(lambda pooled: np.nanmean(_iou(pooled), -1))

    def accuracy(self) -> Measured:
        """Share of pixels read rightly."""
        return self._with_interval(lambda pooled: np.trace(pooled, axis1=-2, axis2=-1) / pooled.sum((-2, -1)))

    def _with_interval(self, statistic: Callable[[np.ndarray], np.ndarray]) -> Measured:
        n = len(self.counts)
        value = float(statistic(self.counts.sum(0)))
        if n < 2:
            return Measured(value, float("nan"), float("nan"), n)
        weights = np.random.default_rng(self.seed).multinomial(n, np.full(n, 1 / n), DRAWS)
        low, high = np.percentile(statistic(np.tensordot(weights, self.counts, 1)), (2.5, 97.5), method="nearest")
        return Measured(value, float(low), float(high), n)


def _iou(pooled: np.ndarray) -> np.ndarray:
    """Counts `(..., C, C)` -> IoU `(..., C)`, NaN where the union is empty."""
    hits = np.diagonal(pooled, axis1=-2, axis2=-1)
    union = pooled.sum(-1) + pooled.sum(-2) - hits
    return np.where(union > 0, hits / np.maximum(union, 1), np.nan)


class Counter:
    """Shows a segmenter image after image and counts."""

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter, self.parts = segmenter, list[np.ndarray]()

    def add(self, images: Tensor, labels: Tensor, batch_size: int = 8) -> Counter:
        """Images `(B, 3, H, W)` in [-1, 1] made for label maps `(B, H, W)`; gives itself back."""
        classes = len(self.segmenter.config.labels)
        device = next(self.segmenter.parameters()).device
        for some, true in zip(images.split(batch_size), labels.split(batch_size)):
            read = self.segmenter.label_maps(some.to(device)).cpu()
            self.parts.append(torch.stack([confusion(a, b, classes) for a, b in zip(read, true.cpu())]).numpy())
        return self

    def agreement(self, seed: int = 0) -> Agreement:
        """Of all images seen so far."""
        return Agreement(np.concatenate(self.parts), seed)
