"""The training monitor. `folder.py` watches, `live.py` trains, `state.py` knows, `charts.py` draws, `view.py` lays out.

a run  --read--> Progress --> MonitorState --> render --> charts and pictures
                    ^ asked for by a timer in the browser, at most five times a second
"""

from __future__ import annotations

import html
import os
import time
from pathlib import Path

from PIL import Image

from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.training import PHASES
from smis_widgets.base import Frame, Panel, Refused
from smis_widgets.controls import working
from smis_widgets.training.folder import SHOWN, WatchedRun
from smis_widgets.training.live import LiveRun
from smis_widgets.training.pictures import batch, snapshot
from smis_widgets.training.state import MonitorState, Progress, describe, render
from smis_widgets.training.view import MonitorControls

OFTEN = 0.2  # seconds: the least time between two drawings


class TrainingMonitor(Panel[MonitorState]):
    """Watch a run: `TrainingMonitor("runs/people-64")`, or drive a small one: `TrainingMonitor.live(config, samples)`.

    A run folder may be written by this process or by another one, now or later; it is only read.
    """

    def __init__(self, run: str | os.PathLike[str] | LiveRun, strict: bool = False) -> None:
        self.run = run if isinstance(run, LiveRun) else None  # None: watching only
        self.source: LiveRun | WatchedRun = run if isinstance(run, LiveRun) else WatchedRun(Path(run))
        super().__init__(MonitorState(), strict)
        self.count = SHOWN
        if isinstance(run, LiveRun):
            self.count = len(run.shown)
        else:
            self._peek()
        self._drawn = float("-inf")  # when the surfaces were drawn last
        self._shown: tuple[Progress, bool] | None = None  # and what
        self.view = MonitorControls(self)
        self._assemble(*self.view.children)
        self.refresh()

    @classmethod
    def live(
        cls, config: TrainConfig, samples: Samples, shown: Samples | None = None, strict: bool = False
    ) -> TrainingMonitor:
        """A live run in a thread of its own: `TrainingMonitor.live(preset("smoke"), samples)`.

        `shown` is the fixed batch (default: the first images). Raises ValueError when the data do not fit.
        """
        return cls(LiveRun(config, samples, shown), strict)

    def __repr__(self) -> str:
        if self.run is None:
            return f"TrainingMonitor(run folder {self.source.folder.path.name!r})"  # type: ignore[union-attr]
        config, (height, width) = self.run.config, self.run.image_size
        return (
            f"TrainingMonitor(live run, {config.model.labels.name}, {height} x {width}, {len(self.run.samples)} images)"
        )

    # --- what one can do, by hand or from code -------------------------------------------------------------
    def play(self) -> None:
        """Train on, step after step; while watching: follow the folder."""
        self.check_open()
        if self.run is not None:
            self.run.play()
        else:
            self.view.clock.playing = True
        self._note()

    def pause(self) -> None:
        """Stop after the step that is running now; while watching: stop looking."""
        self.check_open()
        if self.run is not None:
            self.run.pause()
        else:
            self.view.clock.playing = False
        self._note()

    def step(self, phase: str = "both", times: int = 1) -> None:
        """Train `times` steps of "generator", "discriminator" or "both", and wait for them."""
        self.ask(phase, times)
        self._live().wait()
        self.refresh()

    def ask(self, phase: str = "both", times: int = 1) -> None:
        """As `step`, but without waiting: what the buttons do."""
        if phase != "both" and phase not in PHASES:
            raise Refused(f"There is no phase {phase!r}: they are {', '.join(PHASES)} and both.")
        self._live().ask(PHASES if phase == "both" else (phase,), times)
        self._note()

    def rates(self, generator: float | None = None, discriminator: float | None = None) -> None:
        """Other learning rates from the next step on: `monitor.rates(generator=1e-4)`."""
        self._live().set_rates(generator, discriminator)
        self._note()

    def speed(self, steps_a_second: float | None) -> None:
        """At most so many steps a second; None: as fast as it goes."""
        self._live().set_speed(steps_a_second)
        self._note()

    def scale(self, log: bool) -> None:
        """The generator's other losses on a logarithmic scale, or on a linear one."""
        self.act(lambda state: state.scaled(log))

    def reset(self) -> None:
        """A live run begins anew, with the same seed and the rates of the start; a folder is read again."""
        self.check_open()
        with working(self.view.busy, "beginning anew"):
            if self.run is not None:
                self.run.speed = None
                self.run.restart()
            else:
                self.source = WatchedRun(self.source.folder.path)  # type: ignore[union-attr]
            self.act(lambda state: state.at(self.source.read()).reset())

    def snapshot(self, scale: int = 1) -> Image.Image:
        """Charts, pictures and words as a still picture, `scale` times as large: works with no front end."""
        self.refresh()
        return snapshot(self.state, self.view.size, scale)

    def refresh(self) -> None:
        """Read the run and draw what is new."""
        self.act(lambda state: state.at(self.source.read()))

    def close(self) -> None:
        """Stop a live run, wait for the step that is running now, and take the widget off the screen."""
        if getattr(self, "_alive", False):
            self.view.clock.playing = False
            self.source.close()
            self.view.charts.close()
            self.view.pictures.close()
        super().close()

    # --- the duties of a Panel -------------------------------------------------------------------------------------
    def compute(self, state: MonitorState) -> Frame:
        return self.frame if self._shown == (state.progress, state.log) else render(state)

    def show(self, frame: Frame) -> None:
        shown = (self.state.progress, self.state.log)
        if shown != self._shown:
            self._shown = None  # an error in the middle of it: neither the old nor the new
            self.view.charts.show(frame.stats["charts"])
            self.view.pictures.show(batch(self.state.progress.pictures, self.view.size))
            self._drawn, self._shown = time.monotonic(), shown

    def sync(self) -> None:
        self.view.sync(self.state)

    def describe(self) -> str:
        first, *rest = (html.escape(line) for line in describe(self.state.progress))
        words = first + "".join(f"<br><small>{line}</small>" for line in rest)
        error = None if self.run is None else self.run.error
        if error is None:
            return words
        remedy = "Reset begins anew, with the rates of the start."
        text = f"<b>Training stopped: {type(error).__name__}: {html.escape(str(error))}</b><br>{remedy}"
        return words + f'<div class="smis-error">{text}</div>'

    # --- callbacks ---------------------------------------------------------------------------------------------
    def tick(self) -> None:
        """The browser's timer: draw what is new, at most five times a second whoever asks."""
        if self._alive and time.monotonic() - self._drawn >= OFTEN:
            self.attempt(self._news)

    def _news(self) -> None:
        if self._shown is None or self.source.read() is not self._shown[0]:
            self.refresh()

    def _note(self) -> None:
        """Answer at once: say what the run is doing now. As long as it moves, the timer draws it later."""
        self.state = self.state.at(self.source.read())
        self._set_controls()
        self.tell(self.describe())
        if not self.state.progress.moving:
            self.refresh()

    def _live(self) -> LiveRun:
        self.check_open()
        if self.run is None:
            raise Refused("This monitor only watches a folder. TrainingMonitor.live(config, samples) can train.")
        return self.run

    def _peek(self) -> None:
        """How many pictures the run shows, if it is there already; errors are told at the first drawing."""
        try:
            pictures = self.source.read().pictures
        except Exception:
            return
        if pictures is not None:
            self.count = pictures.shape[1]
