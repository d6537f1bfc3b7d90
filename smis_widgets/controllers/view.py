"""The controllers' view: what the controls are called, where they stand, and how they follow the state."""

from __future__ import annotations

import html
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
from ipywidgets import Layout

from smis_widgets.base import Frame
from smis_widgets.choosing import Chips, Scenes
from smis_widgets.controllers.bench import figures
from smis_widgets.controllers.pictures import FULL, GAP, SIDE, STYLE, WIDTH, axis_name, fitted, heat
from smis_widgets.controllers.state import AXES, FAR, SEEDS, ControlState
from smis_widgets.controls import fasten, flag, moved, padlock, put, toggles
from smis_widgets.look import hint, note
from smis_widgets.pictures import enlarge, sent
from smis_widgets.surface import Surface

if TYPE_CHECKING:
    from smis_widgets.controllers.panel import Controllers

LEFT = 410  # width of the controls that say where the code comes from
OWN, DRAWN = "the scene's own", "drawn"
HINT = (
    "Each class has a code of its own: choose a class, then draw it another code or steer the one it has. <b>Try "
    "this:</b> find an axis that changes a colour; set truncation to 0 and draw other codes; lock one class and draw "
    "the rest. Without a mouse: Tab and the arrow keys."
)


class ControlBoard:
    """Builds all controls of a `Controllers`; `show` and `sync` set them."""

    def __init__(self, panel: Controllers) -> None:
        self.panel, self.bench = panel, panel.bench
        size = self.bench.studio.samples.labels.shape[1:]
        self.shown = fitted((size[0], size[1]))
        self.before, self.now, self.change = (Surface(sent((size[0], size[1])), self.shown) for _ in range(3))
        for surface, look in ((self.before, "smis-still"), (self.now, "smis-result"), (self.change, "smis-still")):
            surface.widget.add_class(look).add_class("smis-fit")
        for surface, name in zip((self.before, self.now, self.change), ("before", "now", "difference"), strict=True):
            surface.widget.tooltip = f"The picture: {name}"
        self.scenes = Scenes(panel, panel.studio, panel.scene)
        self.chips = Chips(panel, self.bench.controls, panel.choose, "Steer {}")
        self.style = self.scenes.style + self.chips.style + STYLE
        back = panel.button("Reset", "undo", "The first scene as it is, nothing locked", panel.reset)
        room = {"max_width": f"{WIDTH}px", "width": "100%"}
        top = self.scenes.beside(panel.busy, back, width=WIDTH)
        pictures = widgets.HBox(self._pictures(), layout=Layout(grid_gap=f"{GAP}px", margin="8px 0 0 0", **room))
        lower = widgets.HBox(
            [self._source(), self._sliders()],
            layout=Layout(grid_gap="24px", flex_flow="row wrap", margin="8px 0 0 0", **room),
        )
        status = widgets.Box([panel.status], layout=Layout(min_height="42px", **room))
        panel.add_class("smis-controllers")
        self.children = (hint(HINT, WIDTH), top, self.chips.box, pictures, lower, status)

    # --- the parts -----------------------------------------------------------------------------------------------
    def _pictures(self) -> list[widgets.Widget]:
        self.inside, self.outside, self.ratio = (widgets.HTML() for _ in range(3))
        words = (
            "before",
            "now",
            f'difference: 0 <span class="smis-scale"></span> {FULL:g}',
        )
        columns = []
        surfaces, numbers = (self.before, self.now, self.change), (self.inside, self.outside, self.ratio)
        for surface, text, number in zip(surfaces, words, numbers, strict=True):
            caption = widgets.HTML(f'<div class="smis-caption">{text}</div>')
            layout = Layout(flex="1 1 0", min_width="0", max_width=f"{SIDE}px")
            columns.append(widgets.VBox([surface.widget, caption, number], layout=layout))
        return columns

    def _source(self) -> widgets.VBox:
        panel = self.panel
        self.head = widgets.HTML()
        self.kind = toggles(
            panel,
            "",
            "Where the code of this class comes from",
            {OWN: OWN, DRAWN: DRAWN},
            lambda kind: panel.own() if kind == OWN else panel.resample(),
            ("What the encoder says about this scene", "What the prior says: no image is asked"),
        )
        self.seed = widgets.BoundedIntText(
            description="seed",
            tooltip="The same seed gives the same code again",
            min=0,
            max=SEEDS,
            style={"description_width": "34px"},
            layout=Layout(width="130px"),
        )
        panel.when(self.seed, lambda seed: panel.resample(seed=seed))
        self.another = panel.button("Another", "random", "Draw this class a code that was not seen yet", panel.resample)
        self.another.button_style = "primary"
        self.lock = padlock(panel, "Lock this class: nothing changes it", lambda on: panel.lock(on=on))
        self.plain = panel.button("As it was", "undo", "This class as the scene has it", panel.plain)
        everything = panel.button(
            "Another for all", "random", "Draw every class that is not locked", panel.resample_all
        )
        compare = panel.button(
            "Compare from here", "camera", "This picture is the one before, from now on", panel.compare
        )
        return widgets.VBox(
            [
                self.head,
                self.kind,
                widgets.HBox([self.seed, self.another, self.lock]),
                note("A seed stands for one draw from the prior. The lock keeps a class when all are drawn."),
                widgets.HBox([self.plain, everything, compare], layout=Layout(flex_flow="row wrap")),
                note("The difference is measured from the picture on the left; 'Compare from here' renews it."),
            ],
            layout=Layout(width=f"{LEFT}px", flex="none"),
        )

    def _sliders(self) -> widgets.VBox:
        panel, style = self.panel, {"description_width": "92px"}
        self.source = widgets.HTML()
        self.axes = [
            widgets.FloatSlider(
                min=-FAR, max=FAR, step=0.1, readout_format="+.1f", style=style, layout=Layout(width="100%")
            )
            for _ in range(AXES)
        ]
        for k, slider in enumerate(self.axes):
            slider.tooltip = f"Go along axis {k + 1}, in standard deviations"
            slider.add_class("smis-axis")
            panel.when(slider, partial(self._steered, k))
        self.truncation = widgets.FloatSlider(
            1.0, description="truncation", min=0, max=1, step=0.05, style=style, layout=Layout(width="100%")
        )
        self.truncation.tooltip = "0: the mean code of this class; 1: the code as it is"
        panel.when(self.truncation, lambda amount: panel.truncate(amount))
        words = note("Truncation pulls the code to the mean of its class: fewer surprises, less variety.")
        return widgets.VBox(
            [self.source, *self.axes, self.truncation, words],
            layout=Layout(flex="1 1 0", min_width="320px", max_width=f"{WIDTH - LEFT - 24}px"),
        )

    def _steered(self, k: int, far: float) -> None:
        state = self.panel.state
        if moved(self.axes[k], far, state.choices[state.chosen].axes[k]):
            self.panel.steer(k + 1, far)

    # --- the state, on the screen --------------------------------------------------------------------------------
    def show(self, frame: Frame) -> None:
        """Draw the pictures, the one of now first: it is waited for."""
        assert frame.image is not None
        stats = frame.stats
        self.now.show(np.array(enlarge(frame.image, self.now.size)))
        self.change.show(np.array(enlarge(heat(stats["change"], stats["area"]), self.change.size)))
        self.before.show(np.array(enlarge(stats["before"], self.before.size)))

    def sync(self, state: ControlState, frame: Frame) -> None:
        """Set every control to what the state says."""
        c, choice = state.chosen, state.choices[state.chosen]
        self.scenes.sync(state.scene)
        self.chips.sync(c, state.present[state.scene])
        for n, chip in enumerate(self.chips.chips):
            flag(chip, n in state.locked, "smis-kept")
        kept, name = c in state.locked, html.escape(state.classes[c])
        self.head.value = f'<div class="smis-status">Where the code of <b>{name}</b> comes from</div>'
        self.kind.value = OWN if choice.seed is None else DRAWN
        self.seed.value = choice.seed or 0
        fasten(self.lock, kept)
        axes = self.bench.axes(c)
        what = "training images" if self.bench.prior is not None else "gallery"
        self.source.value = (
            f'<div class="smis-status">Directions in which the codes of <b>{name}</b> vary most '
            f"<small>(principal axes over the {what}: part of the variance; in standard deviations)</small></div>"
        )
        for k, slider in enumerate(self.axes):
            there = k < len(axes.deviations)
            slider.description = axis_name(axes, k) if there else f"no axis {k + 1}"
            slider.disabled = kept or not there
            put(slider, choice.axes[k])
        put(self.truncation, choice.truncation)
        for control in (self.kind, self.seed, self.another, self.plain, self.truncation):
            control.disabled = kept
        if frame.image is not None:
            self._figures(frame)

    def _figures(self, frame: Frame) -> None:
        numbers = figures(frame)
        words = ("change in its area", "elsewhere", "ratio")
        for part, text, number in zip((self.inside, self.outside, self.ratio), words, numbers, strict=True):
            part.value = f'<div class="smis-figure">{text} <b>{number}</b></div>'

    def close(self) -> None:
        """Drop the canvases."""
        for surface in (self.before, self.now, self.change):
            surface.close()
