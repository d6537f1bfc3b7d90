"""Appearance mixture, without any screen: who gives which class, and the picture that follows.

`MixerState` says what was picked; `render(state, studio)` draws it; `describe(state, studio)` says it in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from smis.editing import mix
from smis.sheets import to_uint8
from smis_widgets.base import Frame, Refused
from smis_widgets.drawing import Studio
from smis_widgets.theme import letter


@dataclass(frozen=True)
class MixerState:
    """What was picked. `classes` are the names; `present[person][c]` says whether that person shows class `c`.

    `sources[c]` is the person whose style class `c` takes, `mask` the person whose label map gives the shapes.
    `weights[c]`, 0 to 1, says how much of that style is taken; the rest stays that of the mask's own person, if that
    one shows the class. `latest` is the class that was picked last. Locked classes keep source and weight until they
    are unlocked. Methods return new states; `Refused` says why not.
    """

    classes: tuple[str, ...]
    present: tuple[tuple[bool, ...], ...]
    mask: int = 0
    sources: tuple[int, ...] = ()
    locked: frozenset[int] = frozenset()
    weights: tuple[float, ...] = ()
    latest: int | None = None

    def __post_init__(self) -> None:
        if not self.present or {len(row) for row in self.present} != {len(self.classes)}:
            raise ValueError("a mixer needs at least one reference, and one entry a class for each")
        self._check_person(self.mask)
        if not self.sources:
            object.__setattr__(self, "sources", (self.mask,) * len(self.classes))
        if not self.weights:
            object.__setattr__(self, "weights", (1.0,) * len(self.classes))
        if len(self.sources) != len(self.classes):
            raise ValueError(f"one source a class: {len(self.classes)} expected, got {self.sources}")
        for person in self.sources:
            self._check_person(person)

    def pick(self, c: int, person: int) -> MixerState:
        """Class `c` takes the style of `person`, all of it."""
        self._check_person(person)
        self._check_class(c)
        if not self.present[person][c]:
            have = ", ".join(letter(p) for p in self.having(c)) or "none of these"
            raise Refused(
                f"{letter(person)} shows no {self.classes[c]}, so there is no style to take. "
                f"{self.classes[c].capitalize()} can be had from: {have}."
            )
        if c in self.locked:
            raise Refused(f"{self.classes[c].capitalize()} is locked. The lock beside the name opens it.")
        sources = (*self.sources[:c], person, *self.sources[c + 1 :])
        return replace(self, sources=sources, weights=self._weighed({c: 1.0}), latest=c)

    def weigh(self, c: int, weight: float) -> MixerState:
        """Class `c` takes so much of the picked style, 0 to 1; the rest stays that of the mask's person."""
        self._check_class(c)
        if not 0 <= weight <= 1:
            raise ValueError(f"a weight lies between 0 and 1, got {weight:g}")
        if c in self.locked:
            raise Refused(f"{self.classes[c].capitalize()} is locked. The lock beside the name opens it.")
        return replace(self, weights=self._weighed({c: float(weight)}), latest=c)

    def whole(self, person: int) -> MixerState:
        """Every class that is not locked takes the style of `person`."""
        self._check_person(person)
        sources = tuple(s if c in self.locked else person for c, s in enumerate(self.sources))
        return replace(self, sources=sources, weights=self._weighed(dict.fromkeys(self._free(), 1.0)))

    def with_mask(self, person: int) -> MixerState:
        """The shapes come from `person`; the styles stay."""
        self._check_person(person)
        return replace(self, mask=person)

    def lock(self, c: int, locked: bool = True) -> MixerState:
        """Lock class `c`, or unlock it."""
        self._check_class(c)
        return replace(self, locked=self.locked | {c} if locked else self.locked - {c})

    def surprise(self, rng: np.random.Generator) -> MixerState:
        """Every class that is not locked takes the style of somebody who shows it, drawn at random."""
        sources = list(self.sources)
        for c in self._free():
            if self.having(c):
                sources[c] = int(rng.choice(self.having(c)))
        return replace(self, sources=tuple(sources), weights=self._weighed(dict.fromkeys(self._free(), 1.0)))

    def reset(self) -> MixerState:
        """The first person as it is, nothing locked."""
        return MixerState(self.classes, self.present)

    def having(self, c: int) -> list[int]:
        """The people who show class `c`."""
        return [p for p, row in enumerate(self.present) if row[c]]

    def drawn(self) -> tuple[int, ...]:
        """The source that is really used for each class: the mask's own person where the picked one lacks the class."""
        return tuple(s if self.present[s][c] else self.mask for c, s in enumerate(self.sources))

    def blended(self) -> dict[int, float]:
        """The classes that really are a blend of two people's styles, with their weight."""
        own, drawn = self.present[self.mask], self.drawn()
        return {c: w for c, w in enumerate(self.weights) if w < 1 and own[c] and drawn[c] != self.mask}

    def mixtures(self) -> int:
        """How many different mixtures this mask allows: a product over the classes that the mask shows."""
        return math.prod(len(self.having(c)) for c, there in enumerate(self.present[self.mask]) if there)

    def _free(self) -> list[int]:
        return [c for c in range(len(self.classes)) if c not in self.locked]

    def _weighed(self, new: dict[int, float]) -> tuple[float, ...]:
        return tuple(new.get(c, weight) for c, weight in enumerate(self.weights))

    def _check_person(self, person: int) -> None:
        if not 0 <= person < len(self.present):
            raise ValueError(f"references are numbered 0 to {len(self.present) - 1}, got {person}")

    def _check_class(self, c: int) -> None:
        if not 0 <= c < len(self.classes):
            raise ValueError(f"classes are numbered 0 to {len(self.classes) - 1}, got {c}")


def start(studio: Studio) -> MixerState:
    """The first person as it is."""
    return MixerState(tuple(studio.samples.label_set.classes), studio.present)


@torch.inference_mode()
def codes(state: MixerState, studio: Studio) -> Tensor:
    """The mixed codes `(1, C, D, h, w)`."""
    mixed = mix(studio.codes, state.drawn())
    for c, weight in state.blended().items():
        # Z_c = (1 - w) Z_c^own + w Z_c^picked
        mixed[0, c] = torch.lerp(studio.codes.values[state.mask, c], mixed[0, c], weight)
    return mixed


def render(state: MixerState, studio: Studio) -> Frame:
    """Decode the mixture. An error becomes part of the frame.

    stats: `areas`, the share of the picture that each class covers in the mask.
    """
    try:
        labels = studio.samples.labels[state.mask]
        image = studio.decode(codes(state, studio), labels)
        counts = np.bincount(labels.ravel(), minlength=len(studio.samples.label_set))
        return Frame(to_uint8(image), {"areas": tuple(float(n) / labels.size for n in counts)})
    except Exception as error:
        return Frame(None, error=error)


def describe(state: MixerState, studio: Studio) -> list[str]:
    """The picture in words: who gave what; then what does not show, and what was replaced."""
    names = studio.samples.label_set.classes
    shown = [c for c in range(len(names)) if state.present[state.mask][c]]
    givers: dict[int, list[str]] = {}
    for c in shown:
        givers.setdefault(state.drawn()[c], []).append(names[c])
    taken = "; ".join(f"{', '.join(classes)} from {letter(person)}" for person, classes in givers.items())
    percent = {c: 100 * float((studio.samples.labels[state.mask] == c).mean()) for c in shown}
    shares = ", ".join(
        f"{names[c]} {part:.0f}\u00a0%" if part >= 1 else f"{names[c]} under 1\u00a0%" for c, part in percent.items()
    )
    lines = [f"Shape of {letter(state.mask)}; {taken}.", f"Of the image: {shares}."]
    for c, weight in state.blended().items():
        giver, own = letter(state.drawn()[c]), letter(state.mask)
        lines.append(f"{names[c]}: {100 * weight:.0f}\u00a0% of {giver}, the rest is {own}'s own.")
    for c, person in enumerate(state.sources):
        if c not in shown and person != state.mask:
            lines.append(f"{names[c]} of {letter(person)} does not show: this shape has no {names[c]}.")
        elif c in shown and not state.present[person][c]:
            lines.append(f"{letter(person)} has no {names[c]}: {letter(state.mask)}'s own is shown instead.")
    return lines
