"""Gradients where the function has a kink: which of the two slopes did the other computation take?

ReLU, leaky ReLU and |x| bend at zero. A unit whose input is nothing but rounding error lies on one side of the bend in
one computation and on the other side in another, and the two gradients differ by what that unit carries, far more
than by rounding. Both are right: each is the gradient on one side. So two gradients agree if they agree for some choice
of slopes at the units that lie within rounding of their bend, and of those alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Unit", "agree"]

ROUNDING = 1e-5  # a unit counts as undecided when its input is this small beside the inputs of its layer
TRIED = 24  # so many of them, those that weigh most
HOPELESS = 0.02  # a difference above which a few slopes cannot be the reason


@dataclass(frozen=True)
class Unit:
    """One element of the input of the n-th bent function of a run, and how much of the gradient passes through it."""

    call: int
    index: int
    weight: float


class _Slopes(TorchFunctionMode):
    """While active, the bent functions take the other slope at the units `flipped`, and `found` lists the undecided."""

    def __init__(self, flipped: Collection[Unit] = ()) -> None:
        super().__init__()
        self.flipped = flipped
        self.found: list[Unit] = []
        self.calls = 0

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.leaky_relu:
            return self._bent(args[0], kwargs["negative_slope"])
        if func is F.relu:
            return self._bent(args[0], 0.0)
        if func is F.l1_loss:
            return self._bent(args[0] - args[1], -1.0).mean()
        return func(*args, **kwargs)

    def _bent(self, x: Tensor, low: float) -> Tensor:
        """x where x > 0, low * x elsewhere; the other way round at flipped units."""
        call, self.calls = self.calls, self.calls + 1
        slope = torch.full_like(x, low, requires_grad=False).masked_fill_(x > 0, 1.0)
        if low < 0:
            slope = x.detach().sign()  # |x| has slope 0 at 0
        here = [unit.index for unit in self.flipped if unit.call == call]
        if here:
            flat = slope.flatten()
            flat[here] = 1.0 + low - flat[here]
            slope = flat.view(x.shape)
        y = x * slope
        if y.requires_grad:
            size = x.detach().abs()
            # an exact zero is the same zero in every computation: an absent class, the border
            near = ((size > 0) & (size < ROUNDING * size.square().mean().sqrt())).flatten().nonzero()[:, 0]
            if len(near):
                y.register_hook(lambda grad: self._note(grad, slope, near, call, 1 - low))
        return y

    def _note(self, grad: Tensor, slope: Tensor, near: Tensor, call: int, bend: float) -> None:
        share = grad.flatten()[near].abs() * bend / (grad * slope).norm().clamp(min=1e-30)
        self.found += [Unit(call, index, weight) for index, weight in zip(near.tolist(), share.tolist())]


def agree(gradient: Callable[[], Tensor], wanted: Tensor, scale: Tensor, tolerance: float) -> tuple[Tensor, list[Unit]]:
    """A gradient by some choice of slopes at undecided units, as near to `wanted` as the choice allows.

    Args:
        gradient: computes it anew: a vector of numbers made of gradients, `(N,)`.
        wanted: the other computation's, `(N,)`.
        scale: what a difference counts relative to, `(N,)` or a scalar.
        tolerance: at which worst difference to stop.

    Returns:
        The vector, and the units whose slope was chosen against ours; none where it agrees as it is.
    """

    def worst(vector: Tensor) -> float:
        return ((vector - wanted).abs() / scale).max().item()

    plain = gradient()
    if worst(plain) <= tolerance or not worst(plain) <= HOPELESS:
        return plain, []
    with _Slopes() as seen:
        start = gradient()
    units = sorted(seen.found, key=lambda unit: -unit.weight)[:TRIED]
    effects = []
    for unit in units:
        with _Slopes([unit]):
            effects.append((gradient() - start) / scale)
    if not effects:
        return plain, []
    # the effects of a few units add up: take the one that explains most of the difference, and the next one
    rest, chosen = (wanted - start) / scale, set[int]()
    while len(chosen) < len(units):
        left = [rest.norm() if n in chosen else (rest - effect).norm() for n, effect in enumerate(effects)]
        best = int(torch.stack(left).argmin())
        if left[best] >= rest.norm():
            break
        rest = rest - effects[best]
        chosen.add(best)
    flipped = [units[n] for n in sorted(chosen)]
    with _Slopes(flipped):
        other = gradient()
    return (other, flipped) if worst(other) < worst(plain) else (plain, [])
