"""The swap split: the change that should happen, rendered, against the change that does.

A scene is rendered with class c in another style: true change T = restyled - base, exactly 0 outside the pixels with a
bit of the class (the area). The network encodes both images; in the base's codes, c's code is replaced by the restyled
image's: generated change G = decoded with it - decoded base. Averages of absolute values:

    leakage      = mean |G| outside the area / mean |T| inside       0 at best; 1: as much goes wrong as should happen
    faithfulness = 1 - mean |G - T| inside / mean |T| inside         1 at best; 0: no better than no change at all
    strength     = mean |G| inside / mean |T| inside                 1: as large a change as the true one

Faithfulness compares changes, not images, so what the network draws wrongly in both images cancels. Strength tells a
weak change from a wrong one. All are ratios of means over single
swaps, each class counting alike in the mean over classes; intervals draw scenes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from smis.datasets.archive import shrink
from smis.datasets.swaps import Swap
from smis.metrics.control import change_by_area
from smis.metrics.intervals import Measured, measure
from smis.model import GroupDNet

__all__ = ["Faith", "against_truth"]


@dataclass(frozen=True)
class Faith:
    """One class, or all."""

    name: str
    leakage: Measured
    faithfulness: Measured
    strength: Measured


@dataclass
class _Rows:
    """Single swaps: class, scene, and mean |T| inside, |G| inside, |G| outside, |G - T| inside."""

    rows: list[tuple[int, int, float, float, float, float]] = field(default_factory=list)

    def faith(self, name: str, number: int | None, seed: int) -> Faith:
        table = np.array([row for row in self.rows if number in (None, row[0])])
        true, inside, outside, wrong = table[:, 2:].T

        def per_true(change: np.ndarray) -> Measured:
            return measure(change, true, group=table[:, 0], cluster=table[:, 1], seed=seed)

        return Faith(name, per_true(outside), per_true(wrong).complement(), per_true(inside))


def _tensor(images: np.ndarray) -> Tensor:
    """uint8 `(B, H, W, 3)` -> `(B, 3, H, W)` in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def _at_size(swap: Swap, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Base and restyled images `(1 + K, h, w, 3)`, labels `(h, w)` and the area `(h, w)` at height `size`.

    A small pixel belongs to the area when any of its pixels does.
    """
    height, width = swap.labels.shape
    both = [swap.base, *swap.restyled]
    if size == height:
        return np.stack(both), swap.labels, swap.allowed
    small = [shrink(image, swap.labels, size) for image in both]
    k = height // size
    area: np.ndarray = swap.allowed.reshape(size, k, width // k, k).max((1, 3))
    return np.stack([image for image, _ in small]), small[0][1], area


@torch.no_grad()
def against_truth(model: GroupDNet, swaps: Iterable[Swap], *, seed: int = 0) -> list[Faith]:
    """Leakage, faithfulness and strength of each class, and last their mean over classes ("mean").

    Swaps without a change inside the area or without a pixel outside it are left out.

    Args:
        swaps: in the order of scenes, such as `smis.datasets.swaps.swaps("people")`.

    Raises ValueError when no swap is left.
    """
    names = model.config.labels.classes
    device = next(model.parameters()).device
    found = _Rows()
    for scene, group in groupby(swaps, lambda swap: swap.scene):
        _one_scene(model, scene, list(group), names, device, found)
    if not found.rows:
        raise ValueError("no swaps to judge: none has a change inside its area and a pixel outside it")
    numbers = sorted({row[0] for row in found.rows})
    return [*(found.faith(names[c], c, seed) for c in numbers), found.faith("mean", None, seed)]


def _one_scene(
    model: GroupDNet, scene: int, swaps: list[Swap], names: tuple[str, ...], device: torch.device, found: _Rows
) -> None:
    """All swaps of a scene share the base, so it is encoded and decoded once."""
    pictures, numbers, areas = [], [], []
    labels = base = None
    for swap in swaps:
        some, labels, area = _at_size(swap, model.config.image_size[0])
        base = some[:1]
        pictures.append(some[1:])
        numbers += [names.index(swap.name)] * len(swap.restyled)
        areas += [area] * len(swap.restyled)
    assert labels is not None
    assert base is not None
    images = _tensor(np.concatenate([base, *pictures]))  # (1 + n, 3, h, w)
    masks = torch.from_numpy(labels).long().expand(len(images), -1, -1).to(device)
    codes = model.encode(images.to(device), masks).values
    edited = codes[:1].repeat(len(codes), 1, 1, 1, 1)
    for place, number in enumerate(numbers, start=1):
        place_of = number if codes.shape[1] > 1 else 0
        edited[place, place_of] = codes[place, place_of]
    drawn = model.decode(edited, masks).cpu()
    change, truth = drawn[1:] - drawn[:1], images[1:] - images[:1]
    allowed, nothing = torch.from_numpy(np.stack(areas)), torch.zeros_like(truth)
    inside, outside = change_by_area(change, nothing, allowed)
    true, _ = change_by_area(truth, nothing, allowed)
    wrong, _ = change_by_area(change, truth, allowed)
    for values in zip(numbers, true.tolist(), inside.tolist(), outside.tolist(), wrong.tolist()):
        if values[1] > 0 and np.isfinite(values[3]):
            found.rows.append((values[0], scene, *values[1:]))
