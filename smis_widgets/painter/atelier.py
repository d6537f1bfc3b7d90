"""From a label map to its picture: whose code each class takes, and the network at work, changed parts first."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from smis.datasets.archive import Samples
from smis.editing import ClassCodes
from smis.sheets import to_uint8
from smis_widgets.base import Frame
from smis_widgets.drawing import Model, Studio
from smis_widgets.painter.state import PainterState, Scenes
from smis_widgets.theme import letter

KEPT = 200  # images: undo shows them again at once, to the bit


@dataclass(frozen=True, eq=False)
class Atelier:
    """The network with its examples and their codes. Open it with `Atelier.open`."""

    studio: Studio
    scenes: Scenes
    nearest: np.ndarray  # (N, N): for each example all examples, the most similar first
    images: OrderedDict[bytes, np.ndarray] = field(default_factory=OrderedDict)  # drawn lately

    @classmethod
    def open(cls, model: Model, samples: Samples, pictures: Samples | None = None) -> Atelier:
        """Encode the examples once. Raises ValueError when they do not fit the network."""
        studio = Studio.open(model, samples, pictures)
        labels = samples.labels.astype(np.uint8)
        labels.setflags(write=False)
        return cls(
            studio, Scenes(samples.label_set, labels), distances(studio.codes).argsort(stable=True, dim=1).numpy()
        )

    def lenders(self, state: PainterState) -> dict[int, int | None]:
        """Each class that the map shows and the scene has no code for: the example that lends its code.

        That is the one a stamp was cut from, else the most similar example that shows the class; None: nobody does.
        """
        present, stamped = self.studio.codes.present, state.stamped_from()
        found: dict[int, int | None] = {}
        if present.shape[1] == 1:  # one code for the whole image
            return found
        for c in np.unique(state.labels).tolist():
            if not present[state.scene, c]:
                having = [int(n) for n in self.nearest[state.scene] if present[n, c]]
                found[c] = stamped.get(c, having[0] if having else None)
        return found

    def codes(self, state: PainterState, labels: np.ndarray) -> Tensor:
        """The scene's codes (1, C, D, h, w); for classes it lacks, the lenders'."""
        values = self.studio.codes.values
        codes = values[state.scene : state.scene + 1].clone()
        for c, lender in self.lenders(_showing(state, labels)).items():
            if lender is not None:
                codes[0, c] = values[lender, c]
        return codes

    def steps(self, state: PainterState, labels: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, bool]]:
        """Draw the state's map, or another one: uint8 (H, W, 3) and whether it is complete.

        The first may be new only around what changed, and is there sooner. A caller may stop after it.
        """
        labels = state.labels if labels is None else labels
        codes = self.codes(state, labels)
        key = hashlib.sha256(labels.tobytes() + codes.numpy().tobytes()).digest()
        if key in self.images:
            self.images.move_to_end(key)
            yield self.images[key], True
            return
        for image, complete in self.studio.steps(codes, labels):
            pixels = to_uint8(image)
            if complete:
                self.images[key] = pixels
                while len(self.images) > KEPT:
                    self.images.popitem(last=False)
            yield pixels, complete


def render(state: PainterState, atelier: Atelier) -> Frame:
    """The picture of a state. An error becomes part of the frame. stats: `lenders` and `areas`."""
    try:
        *_, (image, _) = atelier.steps(state)
        return Frame(image, {"lenders": atelier.lenders(state), "areas": state.areas()})
    except Exception as error:
        return Frame(None, error=error)


def distances(codes: ClassCodes) -> Tensor:
    """How unlike two examples are (N, N): the mean squared difference of the codes of the classes that both show.

    Infinite where they share no class.
    """
    values, present = codes.values.flatten(2), codes.present[:, : codes.values.shape[1]]
    each = torch.stack([(values - one).square().mean(2) for one in values])  # (N, N, C)
    both = (present[:, None] & present[None]).float()
    return torch.where(both.sum(2) > 0, (each * both).sum(2) / both.sum(2), torch.inf)


def describe(state: PainterState, atelier: Atelier) -> list[str]:
    """The picture in words: what covers how much of it and where; then whose style was borrowed."""
    names, areas = state.scenes.label_set.classes, state.areas()
    lenders, shown = atelier.lenders(state), [c for c in np.argsort(-areas, kind="stable") if areas[c] > 0]
    words = [f"{names[c]} {share(areas[c])} of the image ({where(state.labels == c)})" for c in shown[:3]]
    words += [f"{names[c]} {share(areas[c])}" for c in shown[3:]]
    steps = len(state.done)
    edits = f"{steps} edit{'' if steps == 1 else 's'}" if steps else "as it is"
    lines = [f"Scene {letter(state.scene)}, {edits}: {', '.join(words)}."]
    for c, lender in lenders.items():
        if lender is None:
            lines.append(f"No example shows {names[c]}, so it has no style: it is drawn from an empty code.")
        else:
            why = (
                "the stamp's own" if state.stamped_from().get(c) == lender else "the most similar example that has one"
            )
            lines.append(
                f"Scene {letter(state.scene)} has no {names[c]}: the style is that of {letter(lender)}, {why}."
            )
    return lines


def share(part: float) -> str:
    """A share in per cent, with a no-break space."""
    return f"{100 * part:.0f}\u00a0%" if part >= 0.01 else "under 1\u00a0%"


def where(mask: np.ndarray) -> str:
    """Where the middle of a mask lies: 'top left', 'middle', 'bottom' ..."""
    rows, columns = np.nonzero(mask)
    row = ("top", "", "bottom")[min(int(3 * (rows.mean() + 0.5) / mask.shape[0]), 2)]
    column = ("left", "", "right")[min(int(3 * (columns.mean() + 0.5) / mask.shape[1]), 2)]
    return f"{row} {column}".strip() or "middle"


def _showing(state: PainterState, labels: np.ndarray) -> PainterState:
    return state if labels is state.labels else replace(state, labels=labels)
