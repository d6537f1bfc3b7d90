"""A number with how sure it is: means and ratios of means, with a bootstrap interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = ["Measured", "measure"]

DRAWS = 1000


@dataclass(frozen=True)
class Measured:
    """A value, its 95 % interval (NaN where one cannot be given), and how many single measurements it rests on."""

    value: float
    low: float
    high: float
    n: int

    def complement(self) -> Measured:
        """1 - value, with its interval."""
        return Measured(1 - self.value, 1 - self.high, 1 - self.low, self.n)

    def to_dict(self) -> dict[str, float | int | None]:
        """JSON-ready, four digits kept; what is not a finite number becomes null."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        rounded = {k: float(f"{v:.4g}") if math.isfinite(v) else None for k, v in numbers.items()}
        return {**rounded, "n": self.n}


def measure(
    top: ArrayLike,
    bottom: ArrayLike | None = None,
    *,
    group: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    seed: int = 0,
) -> Measured:
    """mean(top), or mean(top) / mean(bottom), with a 95 % percentile bootstrap interval of 1,000 draws.

    A ratio of means, not a mean of ratios: single small denominators do not blow it up. 0 / 0 counts as 0 (a network
    that changes nothing controls nothing), x / 0 as infinite.

    Args:
        top, bottom: `(n,)`, one number for each single measurement.
        group: `(n,)` ids, such as classes. Means are taken within each group, then over the groups, so that each
            group counts alike.
        cluster: `(n,)` ids of what is drawn together, such as scenes: measurements of one scene are no independent
            witnesses. Default: each measurement for itself.
        seed: of the draws.

    >>> measure([1.0, 1.0, 4.0], [1.0, 1.0, 1.0]).value
    2.0
    >>> measure([1.0, 1.0, 4.0], group=[0, 0, 1]).value
    2.5
    """
    upper = np.asarray(top, np.float64)
    if upper.ndim != 1 or not len(upper):
        raise ValueError(f"measure needs a row of at least one number, got shape {upper.shape}")
    n = len(upper)
    groups = np.zeros(n, int) if group is None else np.unique(np.asarray(group), return_inverse=True)[1]
    clusters = np.arange(n) if cluster is None else np.unique(np.asarray(cluster), return_inverse=True)[1]
    drawn = int(clusters.max()) + 1

    def table(values: np.ndarray) -> np.ndarray:
        sums = np.zeros((drawn, int(groups.max()) + 1))
        np.add.at(sums, (clusters, groups), values)
        return sums

    counts, uppers = table(np.ones(n)), table(upper)
    lowers = None if bottom is None else table(np.asarray(bottom, np.float64))

    def mean(weights: np.ndarray, sums: np.ndarray) -> np.ndarray:
        there = weights @ counts  # (draws, groups)
        means = np.where(there > 0, (weights @ sums) / np.maximum(there, 1), 0.0)
        return means.sum(1) / (there > 0).sum(1)  # groups that were not drawn are left out

    def statistic(weights: np.ndarray) -> np.ndarray:
        above = mean(weights, uppers)
        if lowers is None:
            return above
        below = mean(weights, lowers)
        safe = np.where(below == 0, 1.0, below)
        return np.where(below == 0, np.where(above == 0, 0.0, np.inf), above / safe)

    value = float(statistic(np.ones((1, drawn)))[0])
    if drawn < 2:
        return Measured(value, math.nan, math.nan, n)
    weights = np.random.default_rng(seed).multinomial(drawn, np.full(drawn, 1 / drawn), DRAWS)
    low, high = np.percentile(statistic(weights.astype(float)), (2.5, 97.5), method="nearest")
    return Measured(value, float(low), float(high), n)
