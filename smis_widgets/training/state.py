"""What is known of a training run at one moment, how it is shown, and the same in words. No screen, no thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from smis_widgets.base import Frame
from smis_widgets.training.charts import Chart, Curve, draw
from smis_widgets.training.colours import colour_of

GAME = ("discriminator", "gan")  # the two losses that pull against each other
PER_STEP = ("step", "seconds")  # what a line of the history holds beside the losses


@dataclass(frozen=True, eq=False)
class Progress:
    """A run at one moment.

    `history` has one line a step (a live run) or a tick (a run folder): `step` and the losses by name.
    `scores` are pairs (step, mean |reconstruction - image| over the fixed batch, images in [-1, 1]).
    `pictures` uint8 (3, N, H, W, 3) is the fixed batch: images, label maps, reconstructions.
    `doing` says in words what the run is doing; `moving` whether more is to be expected soon.
    """

    planned: int = 0  # steps
    step: int = 0
    history: tuple[Mapping[str, float], ...] = ()
    scores: tuple[tuple[int, float], ...] = ()
    pictures: np.ndarray | None = None
    doing: str = ""
    moving: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)  # of a live run: learning rates, speed

    def losses(self) -> list[str]:
        """The names of the losses, in the order of the last line."""
        return [name for name in self.history[-1] if name not in PER_STEP] if self.history else []

    def curve(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of one loss, where it is known."""
        lines = [line for line in self.history if name in line]
        return np.array([line["step"] for line in lines], float), np.array([line[name] for line in lines], float)


@dataclass(frozen=True, eq=False)
class MonitorState:
    """A run at one moment, and whether the generator's other losses are drawn on a logarithmic scale."""

    progress: Progress = Progress()
    log: bool = False

    def at(self, progress: Progress) -> MonitorState:
        """The same view of a later moment."""
        return replace(self, progress=progress)

    def scaled(self, log: bool) -> MonitorState:
        """On a logarithmic scale, or on a linear one."""
        return replace(self, log=log)

    def reset(self) -> MonitorState:
        """The first view of the same moment."""
        return MonitorState(self.progress)


def charts(state: MonitorState) -> tuple[Chart, ...]:
    """The three charts: the game of generator and discriminator, the generator's other losses, the score."""
    progress = state.progress
    names = progress.losses()
    steps, scores = np.array(progress.scores, float).reshape(-1, 2).T

    def curves(chosen: Iterable[str]) -> tuple[Curve, ...]:
        return tuple(Curve(name.replace("_", " "), *progress.curve(name), colour_of(name)) for name in chosen)

    return (
        Chart("The game: who fools whom", curves(n for n in GAME if n in names)),
        Chart("What else the generator pays for", curves(n for n in names if n not in GAME), log=state.log),
        Chart("L1 of the fixed batch", (Curve("L1", steps, scores, colour_of("L1")),), floor=0.0),
    )


def render(state: MonitorState) -> Frame:
    """Draw the charts. The frame's image is the fixed batch, uint8 (3 H, N W, 3), or None as long as there is none.

    stats: `charts`, uint8 (H, W, 4) with a transparent background.
    """
    pictures = state.progress.pictures
    rows = None if pictures is None else np.concatenate([np.concatenate(list(row), 1) for row in pictures], 0)
    return Frame(rows, {"charts": draw(charts(state), last=max(1, state.progress.step))})


def describe(progress: Progress) -> list[str]:
    """The pictures in words: where the run stands, its losses, the score."""
    planned = f" of {progress.planned:,}" if progress.planned else ""
    lines = [f"Step {progress.step:,}{planned}: {progress.doing}."]
    if progress.history:
        last = progress.history[-1]
        lines.append(
            "Losses: " + ", ".join(f"{name.replace('_', ' ')} {last[name]:.3g}" for name in progress.losses()) + "."
        )
    if progress.scores:
        (_, first), (_, now) = progress.scores[0], progress.scores[-1]
        best = min(score for _, score in progress.scores)
        lines.append(f"L1 of the fixed batch: {now:.3f}; first {first:.3f}, best {best:.3f} (images from -1 to 1).")
    return lines
