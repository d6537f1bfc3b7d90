"""From choices to codes to pictures, and what changed between two of them. Pure: no screen."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from smis.labels import LabelSet
from smis.priors import CodePrior
from smis.sheets import to_uint8
from smis_widgets.base import Frame
from smis_widgets.controllers.state import AXES, Choice, ControlState
from smis_widgets.drawing import Studio
from smis_widgets.theme import ACCENT, letter

WHOLE = "the whole image"  # what one code for everything is called
KEPT = 4  # pictures that are not decoded again


@dataclass(frozen=True)
class Axes:
    """Where the codes of one class lie, N = D * h * w numbers each.

    Attributes:
        mean: `(N,)`.
        directions: `(K, N)`, of length 1, at right angles: the principal axes, the strongest first.
        deviations: `(K,)`, the standard deviation of the codes along each.
        shares: `(K,)`, each axis's part of the codes' whole variance, 0 to 1.
    """

    mean: Tensor
    directions: Tensor
    deviations: Tensor
    shares: Tensor


def principal_axes(mean: Tensor, covariance: Tensor, most: int = AXES) -> Axes:
    """The eigenvectors of a covariance `(N, N)` with the largest eigenvalues, at most `most`; none of value 0."""
    values, vectors = torch.linalg.eigh(covariance.double())  # rising
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1).T
    count = min(most, int((values > 1e-9 * values.sum()).sum()))
    vectors, total = vectors[:count], values.sum()
    # An eigenvector may point either way: let its largest number be positive, so that all machines agree.
    sign = vectors.gather(1, vectors.abs().argmax(1, keepdim=True)).sign()
    return Axes(mean, (vectors * sign).float(), values[:count].sqrt().float(), (values[:count] / total).float())


class Bench:
    """The studio, where the codes of each class lie, and the last pictures."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.prior: CodePrior | None = getattr(studio.model, "prior", None)
        self.shape = studio.codes.values.shape[1:]  # (C, D, h, w)
        labels = studio.samples.label_set
        one = self.shape[0] == 1 and len(labels) > 1
        self.controls = LabelSet(labels.name, (WHOLE,), (ACCENT,)) if one else labels
        self._axes: dict[int, Axes] = {}
        self._pictures: OrderedDict[tuple[int, tuple[Choice, ...]], np.ndarray] = OrderedDict()

    def start(self) -> ControlState:
        """The first scene; of its classes the largest, the first in the list (a background) left out if possible."""
        counts = np.bincount(self.studio.samples.labels[0].ravel(), minlength=self.shape[0])[: self.shape[0]]
        first = int(counts[1:].argmax()) + 1 if counts[1:].any() else 0
        return ControlState(tuple(self.controls.classes), self.studio.present, first=first).reset()

    # --- codes ---------------------------------------------------------------------------------------------------
    def axes(self, c: int) -> Axes:
        """The principal axes of class `c`: of the training codes that the prior was fitted to, or of the gallery's."""
        if c not in self._axes:
            if self.prior is not None:
                mean, factor = self.prior.mean[c].cpu(), self.prior.factor[c].cpu()
                self._axes[c] = principal_axes(mean, factor @ factor.T)
            else:
                values = self.studio.codes.values[self.studio.codes.present[:, c], c].flatten(1)  # (images, N)
                spread = torch.zeros(self.length, self.length)
                if len(values) > 1:
                    spread = torch.cov(values.T).view(self.length, self.length)
                self._axes[c] = principal_axes(torch.zeros(self.length), spread)  # N(0, 1) has the mean 0
        return self._axes[c]

    @property
    def length(self) -> int:
        """N, how many numbers a code has."""
        return int(np.prod(self.shape[1:]))

    def draw(self, c: int, seed: int) -> Tensor:
        """The code `(N,)` of class `c` that belongs to a seed, from the prior; each class has draws of its own."""
        noise = torch.randn(self.length, generator=torch.Generator().manual_seed(1009 * seed + c))
        if self.prior is None:
            return noise
        return self.prior.mean[c].cpu() + self.prior.factor[c].cpu() @ noise  # as CodePrior.forward, for one class

    def code(self, c: int, choice: Choice, scene: int) -> Tensor:
        """The code `(D, h, w)` of class `c`."""
        base = self.studio.codes.values[scene, c].flatten() if choice.seed is None else self.draw(c, choice.seed)
        axes = self.axes(c)
        # z = mean + t * (base - mean); at t = 1 exactly base
        code = base if choice.truncation == 1 else torch.lerp(axes.mean, base, choice.truncation)
        # ... + sum_k a_k * sd_k * axis_k
        amounts = torch.tensor(choice.axes[: len(axes.deviations)])
        if amounts.any():
            code = code + (amounts * axes.deviations) @ axes.directions
        return code.view(self.shape[1:])

    def codes(self, scene: int, choices: tuple[Choice, ...]) -> Tensor:
        """All codes `(1, C, D, h, w)`."""
        codes = self.studio.codes.values[scene : scene + 1].clone()
        for c, choice in enumerate(choices):
            if choice != Choice():
                codes[0, c] = self.code(c, choice, scene)
        return codes

    # --- pictures ------------------------------------------------------------------------------------------------
    def picture(self, scene: int, choices: tuple[Choice, ...]) -> np.ndarray:
        """The image float32 `(3, H, W)` in [-1, 1]. Raises what `Studio.decode` raises."""
        key = (scene, choices)
        if key not in self._pictures:
            with torch.inference_mode():
                image = self.studio.decode(self.codes(scene, choices), self.studio.samples.labels[scene])
            self._pictures[key] = image.clip(-1, 1)
            while len(self._pictures) > KEPT:
                self._pictures.popitem(last=False)
        self._pictures.move_to_end(key)
        return self._pictures[key]

    def area(self, scene: int, classes: list[int]) -> np.ndarray:
        """The pixels of these classes, bool (H, W)."""
        labels = self.studio.samples.labels[scene]
        if self.shape[0] == 1:
            return np.full(labels.shape, bool(classes))
        return np.isin(labels, classes)


def render(state: ControlState, bench: Bench) -> Frame:
    """Decode the picture and compare it with the one before. An error becomes part of the frame.

    stats: `before`, uint8 (H, W, 3); `change`, float32 (H, W), the mean change of the three colours, 0 to 255; `area`,
    the pixels of the classes that moved (of the chosen one, when none did); `inside` and `outside`, the mean of
    `change` in that area and elsewhere, None where there are no pixels.
    """
    try:
        before, now = bench.picture(state.scene, state.before), bench.picture(state.scene, state.choices)
        area = bench.area(state.scene, state.moved() or [state.chosen])
        change = np.abs(now - before).mean(0) * 127.5  # from [-1, 1] to 0..255
        stats = {
            "before": to_uint8(before),
            "change": change,
            "area": area,
            "inside": float(change[area].mean()) if area.any() else None,
            "outside": float(change[~area].mean()) if not area.all() else None,
        }
        return Frame(to_uint8(now), stats)
    except Exception as error:
        return Frame(None, error=error)


def figures(frame: Frame) -> tuple[str, str, str]:
    """Mean change inside, outside, and their ratio, as words."""
    inside, outside = frame.stats["inside"], frame.stats["outside"]
    ratio = "none"
    if inside is not None and outside is not None and inside > 0:
        ratio = f"{inside / outside:.0f} : 1" if outside > 0 else "nothing outside"
        if outside > 0 and inside < 9.5 * outside:
            ratio = f"{inside / outside:.1f} : 1"
    return amount(inside), amount(outside), ratio


def amount(value: float | None) -> str:
    """A mean change for the eye."""
    if value is None:
        return "no pixel"
    return "0" if value == 0 else f"{value:.1f}" if value >= 0.1 else f"{value:.3f}"


def describe(state: ControlState, bench: Bench, frame: Frame) -> list[str]:
    """The picture in words: how the chosen class's code is made, what moved, and by how much."""
    c, name = state.chosen, state.classes[state.chosen]
    share = 100 * float(bench.area(state.scene, [c]).mean())
    covered = f" ({share:.0f} % of the image)" if share >= 1 else " (under 1 % of the image)" if share else ""
    lines = [f"Scene {letter(state.scene)}. The code of {name}{covered} is {made(state.choices[c])}."]
    if not share:
        lines[0] += f" This scene shows no {name}, so nothing of it can be seen."
    moved = state.moved()
    if not moved:
        lines.append("The picture is the one before: move a slider, or draw another code.")
        return lines
    inside, outside, ratio = figures(frame)
    names, since = ", ".join(state.classes[m] for m in moved), "Since the picture before, the mean change is"
    if frame.stats["outside"] is None:
        lines.append(f"{since} {inside} of 255: every class that can be seen has another code.")
    elif frame.stats["inside"] is None:
        lines.append(f"{since} {outside} of 255 in all of the picture.")
    else:
        lines.append(f"{since} {inside} of 255 in the area of {names} and {outside} elsewhere ({ratio}).")
    return lines


def made(choice: Choice) -> str:
    """How a code is made, in words."""
    words = "the scene's own" if choice.seed is None else f"drawn with seed {choice.seed}"
    if choice.truncation != 1:
        words += f", truncated to {choice.truncation:.2f}"
    steps = [f"{far:+.1f} on axis {k + 1}".replace("-", "−") for k, far in enumerate(choice.axes) if far]
    return words + (f", then {', '.join(steps)}" if steps else "")
