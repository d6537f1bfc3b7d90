"""Plausible wrong answers to the exercises of notebook 02."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def zoomed(
    last: int = 1, cut: bool = True, mode: str = "nearest", crop: bool = True, empty: float = 0.0
) -> Callable[[Tensor, Tensor, int], Tensor]:
    """A zoom with one mistake."""

    def answer(image: Tensor, labels: Tensor, c: int) -> Tensor:
        places = torch.nonzero(labels == c)
        if len(places) == 0:
            return torch.full_like(image, empty)
        (top, left), (bottom, right) = places.amin(0).tolist(), places.amax(0).tolist()
        part = image * (labels == c) if cut else image
        if crop:
            part = part[:, top : max(bottom + last, top + 1), left : max(right + last, left + 1)]
        return F.interpolate(part[None], image.shape[1:], mode=mode)[0]

    return answer


def square(image: Tensor, labels: Tensor, c: int) -> Tensor:
    """Enlarged to a square of the image's height, cut to its width."""
    large = zoomed()(image, labels, c)
    return large.transpose(1, 2).reshape(image.shape)


def normed(axes: tuple[int, ...], unbiased: bool = False, root: bool = True) -> Callable[[Tensor, float], Tensor]:
    """A norm over some axes."""

    def answer(x: Tensor, epsilon: float) -> Tensor:
        mean = x.mean(axes, keepdim=True)
        variance = x.var(axes, keepdim=True, unbiased=unbiased)
        return (x - mean) / (torch.sqrt(variance + epsilon) if root else variance + epsilon)

    return answer


def epsilon_outside(x: Tensor, epsilon: float) -> Tensor:
    """Epsilon added to the deviation, not under the root."""
    mean, deviation = x.mean((2, 3), keepdim=True), x.std((2, 3), keepdim=True, unbiased=False)
    return (x - mean) / (deviation + epsilon)


def drawn(
    sigma: Callable[[Tensor], Tensor], axis: int = 1, everywhere: bool = False, own: bool = True
) -> Callable[[Tensor, Tensor, Tensor, list[int]], Tensor]:
    """A draw with one mistake."""

    def answer(mu: Tensor, logvar: Tensor, noise: Tensor, chosen: list[int]) -> Tensor:
        z = mu.clone() if own else mu
        if everywhere:
            return z + sigma(logvar) * noise
        index = torch.tensor([c for c in chosen if c < mu.shape[axis]], dtype=torch.long)
        moved = (mu + sigma(logvar) * noise).index_select(axis, index)
        return z.index_copy_(axis, index, moved)

    return answer


def noise_only(mu: Tensor, logvar: Tensor, noise: Tensor, chosen: list[int]) -> Tensor:
    """The mean forgotten in the chosen classes."""
    z = mu.clone()
    z[:, chosen] = torch.exp(logvar[:, chosen] / 2) * noise[:, chosen]
    return z


def costs(mu: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mu.square() - logvar.exp())


def over_all_images(mu: Tensor, logvar: Tensor, present: Tensor) -> Tensor:
    """Divided by the number of all images."""
    return (costs(mu, logvar).sum((2, 3, 4)) * present).mean(0)


def absent_too(mu: Tensor, logvar: Tensor, present: Tensor) -> Tensor:
    """Absent classes counted like all others."""
    return costs(mu, logvar).sum((2, 3, 4)).mean(0)


def mean_of_numbers(mu: Tensor, logvar: Tensor, present: Tensor) -> Tensor:
    """The mean over a code's numbers in place of their sum."""
    cost = costs(mu, logvar).mean((2, 3, 4)) * present
    return cost.sum(0) / present.sum(0).clamp(min=1)


def not_a_number(mu: Tensor, logvar: Tensor, present: Tensor) -> Tensor:
    """0 / 0 for a class that nobody shows."""
    return (costs(mu, logvar).sum((2, 3, 4)) * present).sum(0) / present.sum(0)


def no_half(mu: Tensor, logvar: Tensor, present: Tensor) -> Tensor:
    """The factor 1/2 forgotten."""
    return 2 * (costs(mu, logvar).sum((2, 3, 4)) * present).sum(0) / present.sum(0).clamp(min=1)


WRONG: dict[str, list[Callable[..., Any]]] = {
    "zoom": [
        zoomed(last=0),
        zoomed(cut=False),
        zoomed(mode="bilinear"),
        zoomed(crop=False),
        zoomed(empty=-1.0),
        square,
    ],
    "instance_norm": [
        normed((0, 2, 3)),
        normed((1, 2, 3)),
        normed((1,)),
        normed((2, 3), unbiased=True),
        normed((2, 3), root=False),
        epsilon_outside,
    ],
    "draw": [
        drawn(torch.exp),
        drawn(lambda logvar: logvar),
        drawn(lambda logvar: torch.exp(logvar / 2), everywhere=True),
        drawn(lambda logvar: torch.exp(logvar / 2), axis=0),
        drawn(lambda logvar: torch.exp(logvar / 2), own=False),
        noise_only,
    ],
    "kl_per_class": [over_all_images, absent_too, mean_of_numbers, not_a_number, no_half],
}
