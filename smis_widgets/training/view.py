"""The monitor's controls: what they are called, where they stand, and how they follow the state."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets as widgets
from ipywidgets import Layout

from smis.training import PHASES
from smis_widgets.controls import toggle, toggles
from smis_widgets.look import hint, tasks
from smis_widgets.surface import Surface
from smis_widgets.training.charts import FINE, HEIGHTS, WIDTH
from smis_widgets.training.pictures import SHOWN, batch_size
from smis_widgets.training.state import MonitorState

if TYPE_CHECKING:
    from smis_widgets.training.monitor import TrainingMonitor

STEP = 0.1  # of a slider for rates, in powers of ten
ANY = 0.0  # the speed 'as fast as it goes'
SPEEDS = {"1 step a second": 1.0, "3 steps a second": 3.0, "as fast as it goes": ANY}
INTERVAL = 250  # milliseconds between two looks at the run
GAME = (
    "The upper chart is the game: the discriminator's hinge loss is 2 when it sees no difference and 0 when it is "
    "sure; <i>gan</i> falls when the generator fools it. Below: the generator's other losses, weighted, and the mean "
    "distance of the fixed batch's reconstructions."
)
MISSIONS = (
    "Press <b>Discriminator</b> with 10 steps at a time until its loss is near 0. What does the generator's "
    "<i>gan</i> loss do?",
    "Now 10 steps of the <b>Generator</b>. Which of the two losses rises again?",
    "Play. Raise the generator's learning rate a hundredfold. What becomes of the reconstructions, and what does the "
    "line under them say in the end?",
)


class MonitorControls:
    """Builds all controls of a `TrainingMonitor`; `sync` sets them to what a state says."""

    def __init__(self, monitor: TrainingMonitor) -> None:
        self.monitor, self.live = monitor, monitor.run is not None
        shown = (WIDTH, sum(HEIGHTS))
        self.charts = Surface((WIDTH * FINE, sum(HEIGHTS) * FINE), shown)
        self.size = batch_size(monitor.count, monitor.source.image_size)
        self.pictures = Surface((self.size[0] * FINE, self.size[1] * FINE), self.size)
        for surface in (self.charts, self.pictures):
            surface.widget.add_class("smis-result")
        self.charts.widget.tooltip = "Losses over the steps"
        self.pictures.widget.tooltip = "Images, label maps and reconstructions of the fixed batch"
        self.pictures.widget.on_client_ready(self.wake)
        # the browser's timer asks for news: the kernel needs no thread for that
        self.clock = widgets.Play(min=0, max=10**9, interval=INTERVAL, repeat=True, layout=Layout(display="none"))
        self.clock.observe(lambda _: monitor.tick(), "value")
        self.busy = widgets.HTML(layout=Layout(min_width="110px"))

        self.scale = toggles(
            monitor, "scale", "Scale of the other losses", {"linear": False, "logarithmic": True}, monitor.scale
        )
        reset = monitor.button(
            "Reset",
            "undo",
            "Begin anew, with the rates of the start" if self.live else "Read all again, linear scale",
            monitor.reset,
        )
        top = self._live_row(reset) if self.live else self._watch_row(reset)
        left = widgets.VBox([self.charts.widget, self.scale], layout=Layout(width=f"{WIDTH}px"))
        right = widgets.VBox([self.pictures.widget, monitor.status], layout=Layout(width=f"{SHOWN}px"))
        main = widgets.HBox([left, right], layout=Layout(flex_flow="row wrap", grid_gap="16px", margin="6px 0 0 0"))
        words = GAME if self.live else f"{GAME} Faint curves are single lines, bold ones their mean."
        task = widgets.HTML(tasks(MISSIONS, set()) if self.live else "")
        self.children = (hint(words, WIDTH + SHOWN + 16), *top, main, task, self.clock)

    def wake(self) -> None:
        """A page has (re)connected: its timer starts when it is told to, not when it finds itself started."""
        if self.clock.playing:
            self.clock.playing = False
            self.clock.playing = True

    def sync(self, state: MonitorState) -> None:
        """Set every control to what the state says."""
        progress, settings = state.progress, state.progress.settings
        self.scale.value = state.log
        if self.live:
            for slider, phase in zip(self.rates, PHASES, strict=True):
                if apart(slider.value, settings[phase]):
                    slider.value = settings[phase]
            self.speed.value = settings["speed"] or ANY if (settings["speed"] or ANY) in SPEEDS.values() else None
            self.playing.value = settings["playing"]
            word, icon = ("Pause", "pause") if settings["playing"] else ("Play", "play")
            self.playing.description, self.playing.icon = word, icon
            self.busy.value = '<span class="smis-working" role="status">training…</span>' if progress.moving else ""
            self.clock.playing = progress.moving
        else:
            self.playing.value = self.clock.playing

    # --- the parts -------------------------------------------------------------------------------------------------
    def _live_row(self, reset: widgets.Button) -> tuple[widgets.Widget, ...]:
        monitor = self.monitor
        self.playing = toggle(monitor, "Play", "play", "Both phases, step after step", self._play)
        self.times = toggles(
            monitor, "steps at a time", "How many steps a button asks for", {"1": 1, "10": 10, "50": 50}, lambda _: None
        )
        names = (("Generator", "generator"), ("Discriminator", "discriminator"), ("Both", "both"))
        steps = [
            monitor.button(word, "step-forward", f"Update {what}, then wait", partial(self._ask, phase))
            for (word, phase), what in zip(
                names, ("the generator and the encoder only", "the discriminator only", "both networks"), strict=True
            )
        ]
        self.speed = toggles(
            monitor, "speed", "At most so many steps a second", SPEEDS, lambda speed: monitor.speed(speed or None)
        )
        self.rates = [
            widgets.FloatLogSlider(
                min=-5,
                max=-1,
                step=STEP,
                value=1e-3,
                description=f"learning rate, {phase}",
                readout_format=".1e",
                tooltip=f"Adam's step of the {phase}: larger learns faster, too large destroys",
                style={"description_width": "initial"},
                layout=Layout(width="470px"),
            )
            for phase in PHASES
        ]
        for slider, phase in zip(self.rates, PHASES, strict=True):
            monitor.when(slider, partial(self._rate, phase))
        row = Layout(align_items="center", flex_flow="row wrap", grid_gap="2px")
        first = widgets.HBox([self.playing, *steps, self.times, reset, self.busy], layout=row)
        return first, widgets.HBox([self.speed], layout=row), widgets.HBox(self.rates, layout=row)

    def _watch_row(self, reset: widgets.Button) -> tuple[widgets.Widget, ...]:
        self.playing = toggle(self.monitor, "Follow", "eye", "Look for news four times a second", self._play)
        self.clock.playing = True
        return (widgets.HBox([self.playing, reset, self.busy], layout=Layout(align_items="center")),)

    def _play(self, on: bool) -> None:
        (self.monitor.play if on else self.monitor.pause)()

    def _rate(self, phase: str, rate: float) -> None:
        """The browser's slider also reports when it has rounded a rate to its own step: not a move."""
        if apart(rate, self.monitor.state.progress.settings[phase]):
            self.monitor.rates(**{phase: rate})

    def _ask(self, phase: str) -> None:
        self.monitor.ask(phase, self.times.value)


def apart(rate: float, other: float) -> bool:
    """Whether two rates differ by more than rounding to the slider's step."""
    return abs(math.log10(rate / other)) > 0.51 * STEP
