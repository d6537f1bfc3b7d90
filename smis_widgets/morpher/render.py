"""A morph's pictures and words: `render` one, `film` many, `describe` it. Pure: no screen, no file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from smis.editing import angles, mix, morph, slerp
from smis.sheets import to_uint8
from smis_widgets.base import Frame
from smis_widgets.drawing import Studio
from smis_widgets.morpher.state import ARC, MorphState
from smis_widgets.theme import letter


def start(studio: Studio) -> MorphState:
    """From the first reference to the second, all classes. Raises ValueError when there is only one."""
    present = studio.present
    if len(present) < 2:
        raise ValueError(f"a morph goes from one reference to another: at least 2 are needed, got {len(present)}")
    return MorphState(tuple(studio.samples.label_set.classes), present)


def ends(state: MorphState, studio: Studio) -> tuple[Tensor, Tensor]:
    """The codes at 0 and at 1, each `(1, C, D, h, w)`, with what one side lacks filled in from the other."""
    sources = [state.ends(c) for c in range(len(state.classes))]
    return mix(studio.codes, [a for a, _ in sources]), mix(studio.codes, [b for _, b in sources])


def codes(state: MorphState, studio: Studio) -> Tensor:
    """The morphed codes `(1, C, D, h, w)`. Classes that are not chosen keep the code they have at 0."""
    way = slerp if state.path == ARC else morph
    return way(*ends(state, studio), state.amount, sorted(state.moving))


def picture(state: MorphState, studio: Studio) -> np.ndarray:
    """The morph as uint8 (H, W, 3). Raises what the network raises, and ValueError on values that are not numbers."""
    with torch.inference_mode():
        return to_uint8(studio.decode(codes(state, studio), studio.samples.labels[state.mask]))


def render(state: MorphState, studio: Studio) -> Frame:
    """The morph as a frame. An error becomes part of it.

    stats: `area`, the share of the picture that the moving classes cover.
    """
    try:
        return Frame(picture(state, studio), {"area": area(state, studio)})
    except Exception as error:
        return Frame(None, error=error)


def film(states: Iterable[MorphState], studio: Studio) -> Iterator[np.ndarray]:
    """The pictures of several states, one after the other; the same codes in a row are drawn once."""
    last: tuple[object, ...] | None = None
    image = np.zeros((0, 0, 3), np.uint8)
    for state in states:
        now = (state.a, state.b, state.mask, state.amount, state.moving, state.path)
        if now != last:
            image, last = picture(state, studio), now
        yield image


def area(state: MorphState, studio: Studio) -> float:
    """The share of the picture that the moving classes cover."""
    return float(np.isin(studio.samples.labels[state.mask], sorted(state.moving)).mean())


def describe(state: MorphState, studio: Studio) -> list[str]:
    """The picture in words: where on the way, what moves, what cannot; then what is there to know about the path."""
    names, a, b = state.classes, letter(state.a), letter(state.b)
    path = "on the arc" if state.path == ARC else "on the straight line"
    where = f"t = {state.amount:.2f}: {state.place()}"
    where += f", extrapolated {path}." if state.extrapolated else f", {path} from {a} to {b}."
    shown = [c for c in range(len(names)) if state.present[state.mask][c]]
    moved = [names[c] for c in sorted(state.moving)]
    if not moved:
        which = f"No class moves, so the picture stays {a}'s: choose at least one."
    elif state.all_chosen:
        which = "All classes move."
    else:
        share = 100 * area(state, studio)
        covered = f"{share:.0f}\u00a0% of the image" if share >= 1 or share == 0 else "under 1\u00a0% of the image"
        which = f"Moving: {', '.join(moved)} ({covered}); the rest keeps the style of {a}."
    lines = [f"{where} {which} Shape of {letter(state.mask)}."]
    if state.a == state.b:
        lines.append(f"Both ends are {a}: nothing can change. Choose another reference to go to.")
    lines += [line for c in shown if (line := missing(state, c))]
    hidden = [names[c] for c in sorted(state.moving) if c not in shown]
    if hidden and not state.all_chosen:
        lines.append(f"This shape shows no {' and no '.join(hidden)}.")
    if state.path == ARC and moved and state.a != state.b:
        lines.append(turns(state, studio, [c for c in sorted(state.moving) if c in shown]))
    return [line for line in lines if line]


def missing(state: MorphState, c: int) -> str:
    """What is said of a class that an end lacks; empty when both have it."""
    name, a, b = state.classes[c], letter(state.a), letter(state.b)
    has_a, has_b = state.present[state.a][c], state.present[state.b][c]
    if (has_a and has_b) or (c not in state.moving and has_a):
        return ""
    if has_a:
        return f"{b} has no {name}: {a}'s stays."
    if has_b:
        return f"{a} has no {name}: {b}'s is shown all the way."
    return f"Neither {a} nor {b} has {name}: {letter(state.mask)}'s own is shown."


def turns(state: MorphState, studio: Studio, classes: list[int]) -> str:
    """The angles between the codes of the ends, for the classes that have one at both."""
    both = [c for c in classes if state.ends(c) == (state.a, state.b)]
    angle = angles(*ends(state, studio))[0]
    said = ", ".join(f"{state.classes[c]} {math.degrees(float(angle[c])):.0f}°" for c in both)
    return f"Angle between the two codes: {said}." if said else ""
