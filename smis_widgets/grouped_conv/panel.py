"""The grouped convolution explorer. `state.py` counts, `pictures.py` draws, `timing.py` measures, `view.py` lays out.

Dragging a slider counts and draws; only the button 'Measure' runs convolutions, because that takes a third of a second.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from smis_widgets.base import Frame, Panel
from smis_widgets.controls import working
from smis_widgets.grouped_conv.pictures import SHOWN, Plan, draw, snapshot
from smis_widgets.grouped_conv.state import ConvState, Layer, Side, Unit, describe
from smis_widgets.grouped_conv.timing import Timing, measure
from smis_widgets.grouped_conv.view import View, missions


class GroupedConvExplorer(Panel[ConvState]):
    """See what `groups` does to a convolution: connections, weight matrix, counts, and measured time.

    The arguments are those of `nn.Conv2d`, integers from 1 to 32, the kernel 1, 3, 5 or 7; ValueError for others.
    Settings that do not fit together are allowed: the explorer says why, and what would fit.
    """

    def __init__(
        self, channels_in: int = 8, channels_out: int = 8, groups: int = 4, kernel: int = 3, strict: bool = False
    ) -> None:
        layer = Layer(channels_in, channels_out, groups, kernel)
        super().__init__(ConvState(layer, None, layer), strict)
        self.times: dict[Layer, Timing] = {}
        self.done: set[int] = set()  # missions that were achieved
        self.view = View(self)
        self._assemble(*self.view.children, style=self.view.style)
        self.act(lambda state: state)

    def __repr__(self) -> str:
        layer = self.state.layer
        return (
            f"GroupedConvExplorer({layer.channels_in} -> {layer.channels_out} channels, "
            f"{layer.groups} groups, kernel {layer.kernel})"
        )

    # --- what one can do, by hand or from code -------------------------------------------------------------
    def set(self, **settings: int) -> None:
        """Change settings: `explorer.set(groups=2, kernel=5)`; also `channels_in`, `channels_out`."""
        self.act(lambda state: state.with_settings(**settings))

    def look(self, side: Side | None = None, number: int = 0) -> None:
        """Look at one unit: `explorer.look("output", 3)`. Without arguments: at all."""
        self.act(lambda state: state.look(None if side is None else (side, number)))

    def measure(self) -> Timing | None:
        """Time `torch.nn.functional.conv2d` with these settings and with one group; None when that is not possible."""

        def timed(state: ConvState) -> ConvState:
            self.times[state.layer] = measure(state.layer)
            return state

        with working(self.view.busy, "measuring"):
            self.act(timed)
        return self.times.get(self.state.layer)

    def snapshot(self, scale: int = 1) -> Image.Image:
        """The whole widget as a still picture, `scale` times as large, without times: works with no front end."""
        return snapshot(self.state, describe(self.state), scale)

    def close(self) -> None:
        if getattr(self, "_alive", False):
            for surface in (self.view.diagram, self.view.matrix):
                surface.close()
        super().close()

    # --- the duties of a Panel -----------------------------------------------------------------------------------
    def compute(self, state: ConvState) -> Frame:
        return Frame(draw(state))

    def show(self, frame: Frame) -> None:
        assert frame.image is not None
        for surface, picture in zip((self.view.diagram, self.view.matrix), np.hsplit(frame.image, 2), strict=True):
            surface.show(picture)

    def sync(self) -> None:
        self.done |= missions(self.state, self.times)
        self.view.sync(self.state, self.times.get(self.state.layer), self.done)

    def describe(self) -> str:
        first, *rest = (html.escape(line) for line in describe(self.state))
        if self.state.layer.complaint is not None:
            first = f'<div class="smis-error"><b>{first}</b></div>'
        return first + "".join(f"<br>{line}" for line in rest)

    # --- callbacks -----------------------------------------------------------------------------------------------
    def clicked(self, find: Callable[[Plan, float, float], Unit | None], x: int, y: int) -> None:
        """A click into a picture, in its pixels: look at the unit there. A second click lets it go."""
        fine = self.view.diagram.size[0] / SHOWN[0]

        def chosen(state: ConvState) -> ConvState:
            unit = find(Plan(state.layer), x / fine, y / fine)
            return replace(state, chosen=None) if unit in (None, state.chosen) else state.look(unit)

        self.act(chosen)
