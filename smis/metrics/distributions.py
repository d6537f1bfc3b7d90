"""Do images look real, all together? Two distances between sets of images, each image as one row of features.

*Frechet distance.* Both sets are taken for normal distributions with their own means m and covariances S:

    |m1 - m2|^2 + trace(S1 + S2 - 2 (S1 S2)^(1/2))

0 for equal sets. It is biased: with few images the covariances are off, and even two sets of real images are some way
apart. The smaller the sets, the further. That is why real images stand beside the others in every table: two halves of
the test images, and as many training images as test images. Compare numbers with the same n only.

*Kernel distance.* The squared maximum mean discrepancy with the kernel k(x, y) = (x y / d + 1)^3, d the number of
features. The estimate leaves out what an image has to do with itself, and with the one that stands in its place in the
other set (its own reconstruction, say). It is therefore unbiased: 0 on average for two sets of real images, whatever
their size, and now and then below 0. Interval: 1.96 standard errors by the jackknife, which leaves out one image (and
the one in its place) at a time.

On the features of one particular Inception network these two are called FID and KID (`smis.metrics.inception`). Here,
offline, they are computed on EfficientNet-Lite0, the judge's network: stages 4 and 5, averaged over the image, 192
numbers, each shifted and scaled so that it has mean 0 and standard deviation 1 over the real images. Those are other
numbers on another scale, so they have no other name than what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smis.metrics.intervals import Measured
from smis.metrics.judge import Judge

__all__ = ["Look", "Quality", "averaged", "frechet", "kernel_distance", "quality"]


@dataclass(frozen=True)
class Look:
    """A way to turn images into rows of features, and what the two distances on them are called.

    Attributes:
        name: of the network.
        rows: images `(N, 3, H, W)` in [-1, 1] -> `(N, d)`.
        scaled: whether each feature is to have mean 0 and standard deviation 1 over the real images.
        frechet, kernel: heads of the table.
    """

    name: str
    rows: Callable[[Tensor], Tensor]
    scaled: bool = True
    frechet: str = "Frechet distance"
    kernel: str = "kernel distance"


@dataclass(frozen=True)
class Quality:
    """How far a set of images is from the real ones, `n` in each set; `look` is the name of the network."""

    look: str
    name: str
    n: int
    frechet: float
    kernel: Measured
    heads: tuple[str, str] = ("Frechet distance", "kernel distance")


def averaged(judge: Judge) -> Look:
    """The judge's features averaged over the image."""

    def rows(images: Tensor) -> Tensor:
        parts = [judge.features(some) for some in images.split(64)]  # maps of all images at once would fill the memory
        return torch.cat([torch.cat([layer.mean((2, 3)) for layer in part], 1).cpu() for part in parts])

    return Look(f"{judge.name}, averaged over the image", rows)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance of two sets of features `(n, d)` and `(m, d)`, at least two rows each.

    >>> a = np.array([[0.0], [2.0]])           # mean 1, variance 2
    >>> frechet(a, a + 3)
    9.0
    """
    for rows in (a, b):
        if rows.ndim != 2 or len(rows) < 2 or rows.shape[1] != a.shape[1]:
            raise ValueError(
                f"two sets (n, d) and (m, d) with n, m > 1 are compared, got {np.shape(a)} and {np.shape(b)}"
            )
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    s1, s2 = np.atleast_2d(np.cov(a, rowvar=False)), np.atleast_2d(np.cov(b, rowvar=False))
    # trace (S1 S2)^(1/2) = sum of the roots of the eigenvalues of R S2 R, where R R = S1; R S2 R is symmetric
    values, vectors = np.linalg.eigh(s1)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    common = np.sqrt(np.linalg.eigvalsh(root @ s2 @ root).clip(min=0)).sum()
    distance = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * common
    return max(float(distance), 0.0)  # rounding may take it below 0


def kernel_distance(a: np.ndarray, b: np.ndarray) -> Measured:
    """Unbiased kernel distance of two sets of features `(n, d)`, at least three rows each.

    Row i of one may belong to row i of the other: that pair is left out.
    """
    if a.ndim != 2 or a.shape != b.shape or len(a) < 3:
        raise ValueError(f"two sets (n, d) of equal size, n > 2, are compared, got {np.shape(a)} and {np.shape(b)}")
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    n, d = a.shape
    # h_ij = k(a_i, a_j) + k(b_i, b_j) - k(a_i, b_j) - k(b_i, a_j), and the estimate is its mean over i != j
    cross = (a @ b.T / d + 1) ** 3
    h = (a @ a.T / d + 1) ** 3 + (b @ b.T / d + 1) ** 3 - cross - cross.T  # (n, n)
    np.fill_diagonal(h, 0)
    total = h.sum()
    value = float(total / (n * (n - 1)))
    without = (total - 2 * h.sum(1)) / ((n - 1) * (n - 2))  # (n,): the same with image i left out
    error = float(np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum()))
    return Measured(value, value - 1.96 * error, value + 1.96 * error, n)


def quality(look: Look, real: Tensor, others: dict[str, Tensor], train: Tensor | None, seed: int = 0) -> list[Quality]:
    """Sets of images against the real ones, all `(n, 3, H, W)`; first what real images reach.

    Args:
        others: image i of a set may have been made from image i of the real ones.
        train: other real images, as many.
    """
    first = look.rows(real).double().numpy()
    middle, width = (first.mean(0), first.std(0)) if look.scaled else (0.0, np.ones(1))

    def features(images: Tensor) -> np.ndarray:
        found: np.ndarray = (look.rows(images).double().numpy() - middle) / np.maximum(width, 1e-12)
        return found

    rows = (first - middle) / np.maximum(width, 1e-12)
    order = np.random.default_rng(seed).permutation(len(rows))
    half = len(rows) // 2
    sets = {"real images: one half against the other": (rows[order[:half]], rows[order[half : 2 * half]])}
    if train is not None:
        sets["real images: training images"] = (rows, features(train))
    sets.update((name, (rows, features(images))) for name, images in others.items())
    return [
        Quality(look.name, name, len(a), frechet(a, b), kernel_distance(a, b), (look.frechet, look.kernel))
        for name, (a, b) in sets.items()
    ]
