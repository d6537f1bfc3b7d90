"""What a reconstruction must beat: pictures that take no network to make."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from smis.datasets.archive import Samples

__all__ = ["mask_similarity", "nearest_by_mask", "own_colours", "paint", "training_colours"]

CHUNK = 256  # images at a time


def paint(labels: Tensor, colours: Tensor) -> Tensor:
    """Label maps `(B, H, W)` with one colour a class, `(C, 3)` -> images `(B, 3, H, W)`."""
    return colours[labels].permute(0, 3, 1, 2).contiguous()


def own_colours(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Each class of each image `(B, 3, H, W)` painted in its own true mean colour: colours, and nothing but colours."""
    painted = torch.zeros_like(images)
    for number in range(classes):
        area = (labels == number)[:, None]  # (B, 1, H, W)
        mean = (images * area).sum((2, 3), keepdim=True) / area.sum((2, 3), keepdim=True).clamp(min=1)
        painted = torch.where(area, mean, painted)
    return painted


def training_colours(train: Samples) -> Tensor:
    """The mean colour of each class over all its pixels in the training images: `(C, 3)` in [-1, 1].

    A class without a pixel is grey. Painted, this is what one knows from the mask alone, before seeing the image.
    """
    classes = len(train.label_set)
    sums, counts = np.zeros((classes, 3)), np.zeros(classes)
    for start in range(0, len(train), CHUNK):
        labels = train.labels[start : start + CHUNK].ravel()
        images = train.images[start : start + CHUNK].reshape(-1, 3)
        counts += np.bincount(labels, minlength=classes)
        for channel in range(3):
            sums[:, channel] += np.bincount(labels, images[:, channel], classes)
    mean = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], 127.5)
    return torch.from_numpy(mean / 127.5 - 1).float()


def mask_similarity(a: Tensor, b: Tensor, classes: int) -> Tensor:
    """mIoU of each label map of a `(N, h, w)` with each of b `(M, h, w)`: `(N, M)`, 0 to 1.

    The mean is over the classes that one of the two has.

    >>> a = torch.tensor([[[0, 0, 1, 1]]])
    >>> mask_similarity(a, torch.tensor([[[0, 0, 1, 1]], [[0, 0, 0, 1]]]), 3).tolist()[0][0]
    1.0
    """
    total, there = torch.zeros(len(a), len(b)), torch.zeros(len(a), len(b))
    for number in range(classes):
        x, y = (a == number).flatten(1).float(), (b == number).flatten(1).float()
        both = x @ y.T
        either = x.sum(1)[:, None] + y.sum(1)[None] - both
        total += both / either.clamp(min=1)
        there += either > 0
    return total / there


def nearest_by_mask(labels: Tensor, train: Samples, cells: int = 32) -> tuple[Tensor, Tensor]:
    """For each label map `(N, H, W)` the training image whose label map is most like it (highest mIoU).

    Compared on every k-th pixel, about `cells` x `cells` of them. This is what copying from memory would give.

    Returns:
        Images `(N, 3, H, W)` in [-1, 1] and their mIoU with the label map asked for, `(N,)`.
    """
    step = max(1, labels.shape[1] // cells)
    grid = (slice(None), slice(step // 2, None, step), slice(step // 2, None, step))
    memory = torch.from_numpy(np.ascontiguousarray(train.labels[grid])).long()
    best, which = mask_similarity(labels[grid], memory, len(train.label_set)).max(1)
    chosen = which.numpy()
    images, _ = Samples(train.images[chosen], train.labels[chosen], train.label_set).tensors()
    return images, best
