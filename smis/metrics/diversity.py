"""Are sampled codes as varied as encoded ones? Or do all draws from the prior look alike?

For each mask a few images are decoded, and the mean distance of all their pairs is taken: once with all codes drawn
from the network's prior, once with codes encoded from random test images, class by class, each from an image that has
the class (so the classes are as independent of each other as in the draws). The ratio sampled : encoded says how much
of the variety of real styles sampling reaches; 0 means that all samples of a mask are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from smis.metrics.encoded import Encoded
from smis.metrics.intervals import Measured, measure
from smis.metrics.judge import Judge

__all__ = ["Diversity", "borrowed_codes", "diversity"]


@dataclass(frozen=True)
class Diversity:
    """Mean distance of two images of one mask, and the ratio; `distance` is "L1" (0 to 1) or "perceptual"."""

    distance: str
    sampled: Measured
    encoded: Measured
    ratio: Measured


def borrowed_codes(encoded: Encoded, count: int, random: torch.Generator) -> Tensor:
    """Codes `(count, C, D, h, w)`: the code of each class from a random image that has the class."""
    codes = encoded.codes[torch.randint(len(encoded), (count,), generator=random).to(encoded.device)].clone()
    if codes.shape[1] == 1:
        return codes
    for number in range(codes.shape[1]):
        having = torch.nonzero((encoded.labels == number).flatten(1).any(1)).flatten()
        if len(having):
            chosen = having[torch.randint(len(having), (count,), generator=random)]
            codes[:, number] = encoded.codes[chosen.to(encoded.device), number]
    return codes


def diversity(
    encoded: Encoded, order: Tensor, judge: Judge | None, *, masks: int = 20, each: int = 4, seed: int = 0
) -> list[Diversity]:
    """Mean pairwise distances over `masks` masks, the first in `order`, with `each` images of each mask.

    Intervals draw masks.
    """
    random = torch.Generator().manual_seed(seed)
    chosen = order[:masks].repeat_interleave(each)
    drawn = {
        "sampled": encoded.sample(len(chosen), random),
        "encoded": borrowed_codes(encoded, len(chosen), random),
    }
    pairs = list(combinations(range(each), 2))
    a = torch.tensor([i + start for start in range(0, len(chosen), each) for i, _ in pairs])
    b = torch.tensor([j + start for start in range(0, len(chosen), each) for _, j in pairs])
    found: dict[str, dict[str, np.ndarray]] = {"L1": {}, "perceptual": {}}
    for kind, codes in drawn.items():
        images = encoded.decode(codes, chosen)
        found["L1"][kind] = ((images[a] - images[b]).abs().mean((1, 2, 3)) / 2).numpy()
        if judge is not None:
            features = judge.features(images)
            distances = judge.distance([f[a.to(f.device)] for f in features], [f[b.to(f.device)] for f in features])
            found["perceptual"][kind] = distances.numpy()
    mask = np.repeat(np.arange(len(chosen) // each), len(pairs))
    return [
        Diversity(
            name,
            measure(values["sampled"], cluster=mask, seed=seed),
            measure(values["encoded"], cluster=mask, seed=seed),
            measure(values["sampled"], values["encoded"], cluster=mask, seed=seed),
        )
        for name, values in found.items()
        if values
    ]
