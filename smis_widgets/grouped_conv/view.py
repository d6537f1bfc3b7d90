"""The explorer's controls: what they are called, where they stand, and how they follow the state."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets as widgets
from ipywidgets import Layout

from smis_widgets.controls import flag
from smis_widgets.grouped_conv.pictures import SHOWN, Plan, bars
from smis_widgets.grouped_conv.state import KERNELS, MAP, MOST, ConvState, Layer
from smis_widgets.grouped_conv.timing import Timing
from smis_widgets.look import hint, note, tasks
from smis_widgets.surface import Surface
from smis_widgets.theme import ACCENT, INK, css

if TYPE_CHECKING:
    from smis_widgets.grouped_conv.panel import GroupedConvExplorer

FINE = 2  # pixels of a picture for each CSS pixel
SLIDERS = {  # what each setting is called, and what it changes
    "channels_in": ("input channels", "Columns of the matrix. Each group gets an equal share of them."),
    "channels_out": ("output channels", "Rows of the matrix. Each group makes an equal share of them."),
    "groups": ("groups", "Blocks that do not see each other. They divide the weights by this."),
    "kernel": ("kernel", "How far a unit sees across the map; not which channels it sees."),
}
HINT = (
    "Set the layer: at the left who is connected to whom, at the right the weights. Click a unit, or a row of the "
    "matrix, to see what it can see. Without a mouse: Tab and the arrow keys."
)
MISSIONS = (
    "Make every output see one input only (depthwise convolution).",
    "Find the largest number of groups for 12 input and 8 output channels.",
    "Measure 32 to 32 channels in 8 groups: is it 8 times as fast?",
)
STYLE = """<style>
.smis-gc small { font-size: 12px; line-height: 16px; color: var(--jp-ui-font-color2, inherit); }
.smis-gc .smis-wrong .widget-label, .smis-gc .smis-wrong .widget-readout { color: rgb(220 55 55); font-weight: bold; }
.smis-gc .smis-wrong .noUi-connects { background: rgb(220 55 55); }
.smis-gc table { border-collapse: collapse; font-size: 13px; line-height: 17px; }
.smis-gc th { text-align: left; font-weight: normal; padding: 0 14px 8px 0; vertical-align: top; width: 210px; }
.smis-gc td { padding: 0 0 8px; }
.smis-gc .smis-bar { display: flex; align-items: center; gap: 8px; white-space: nowrap; }
.smis-gc .smis-bar i { display: block; height: 12px; border-radius: 2px; min-width: 2px; }
.smis-gc canvas { cursor: pointer; }
</style>"""


class View:
    """Builds all controls of a `GroupedConvExplorer`; `sync` sets them to what a state says."""

    style = STYLE

    def __init__(self, panel: GroupedConvExplorer) -> None:
        self.panel = panel
        size = (SHOWN[0] * FINE, SHOWN[1] * FINE)
        self.diagram = Surface(size, SHOWN, panel.guarded(partial(panel.clicked, Plan.unit_at)))
        self.matrix = Surface(size, SHOWN, panel.guarded(partial(panel.clicked, Plan.row_at)))
        self.diagram.widget.tooltip, self.matrix.widget.tooltip = "Connections: click a unit", "Weights: click a row"
        self.sliders = {name: self._slider(name) for name in SLIDERS}
        self.unit = widgets.IntSlider(
            min=0,
            readout=False,
            description="look at",
            style={"description_width": "108px"},
            tooltip="Look at one unit",
        )
        self.unit.layout.width = "330px"
        panel.when(self.unit, lambda place: panel.act(lambda state: state.at(place)))
        self.unit_name = widgets.HTML()
        self.busy, self.missions = widgets.HTML(), widgets.HTML()
        self.numbers = widgets.HTML(layout=Layout(min_height="184px"))  # so that nothing below jumps
        panel.status.layout.min_height = "42px"
        timer = panel.button(
            "Measure", "clock-o", "Run both convolutions on this computer for 0.3 seconds", panel.measure
        )
        timer.button_style = "primary"
        back = panel.button("Reset", "undo", "The settings of the start, no unit chosen", panel.reset)

        wide = Layout(width=f"{SHOWN[0]}px")
        settings = [
            widgets.VBox([self.sliders[name], note(words)], layout=wide) for name, (_, words) in SLIDERS.items()
        ]
        look = widgets.VBox(
            [
                widgets.HBox([self.unit, self.unit_name], layout=Layout(align_items="center")),
                note("What the unit sees stays bright. The arrow keys move this slider."),
            ],
            layout=wide,
        )
        tools = widgets.VBox(
            [
                widgets.HBox([timer, back, self.busy]),
                note("Times the real torch.nn.functional.conv2d, both ways."),
            ],
            layout=wide,
        )
        panel.add_class("smis-gc")
        self.children = (
            hint(HINT, 2 * SHOWN[0] + 16),
            self._pair(*settings[:2]),
            self._pair(*settings[2:]),
            self._pair(self.diagram.widget, self.matrix.widget),
            self._pair(look, tools),
            panel.status,
            self.numbers,
            self.missions,
        )

    def _pair(self, *two: widgets.Widget) -> widgets.HBox:
        """Side by side, one below the other where the page is narrow."""
        return widgets.HBox(two, layout=Layout(flex_flow="row wrap", grid_gap="8px 16px"))

    def _slider(self, name: str) -> widgets.IntSlider:
        words, tip = SLIDERS[name]
        low, high, step = (KERNELS[0], KERNELS[-1], 2) if name == "kernel" else (1, MOST, 1)
        slider = widgets.IntSlider(
            getattr(self.panel.state.layer, name),
            low,
            high,
            step,
            description=words,
            tooltip=tip,
            style={"description_width": "108px"},
            layout=Layout(width=f"{SHOWN[0] - 8}px"),
        )
        self.panel.when(slider, lambda value: self.panel.set(**{name: value}))
        return slider

    # --- the state, on the controls ------------------------------------------------------------------------------
    def sync(self, state: ConvState, timing: Timing | None, done: set[int]) -> None:
        """Set every control to what the state says."""
        layer = state.layer
        for name, slider in self.sliders.items():
            slider.value = getattr(layer, name)
        flag(self.sliders["groups"], layer.complaint is not None, "smis-wrong")
        self.unit.max, self.unit.value = layer.channels_in + layer.channels_out, state.place
        self.unit_name.value = "all" if state.chosen is None else "{} {}".format(*state.chosen)
        self.numbers.value = numbers(layer, timing)
        self.missions.value = tasks(MISSIONS, done)


def numbers(layer: Layer, timing: Timing | None) -> str:
    """The counts and the time as a table with bars, in HTML."""
    rows: list[tuple[str, str, float, str, float]] = [
        (name, f"{here:,}", here, f"{dense:,}", dense) for name, here, dense in bars(layer)
    ]
    if not rows:
        return ""
    if timing is not None:
        here, dense = timing.grouped, timing.dense
        rows.append(("measured time on this CPU", f"{1e3 * here:.3f} ms", here, f"{1e3 * dense:.3f} ms", dense))
    most = [max(row[2], row[4]) for row in rows]
    body = "".join(
        f"<tr><th>{name}</th><td>{bar(here / top, ACCENT, f'{text} <small>groups = {layer.groups}</small>')}"
        + (bar(dense / top, INK, f"{other} <small>groups = 1</small>") if layer.groups > 1 else "")
        + "</td></tr>"
        for (name, text, here, other, dense), top in zip(rows, most, strict=True)
    )
    if timing is None:
        body += "<tr><th>measured time on this CPU</th><td><small>press Measure</small></td></tr>"
    elif layer.groups > 1:
        ratio = timing.dense / timing.grouped
        words = f"{ratio:.1f} times as fast" if ratio >= 1 else f"{1 / ratio:.1f} times as slow"
        where = f"one {MAP[0]} x {MAP[1]} map"
        body += (
            f"<tr><th></th><td><small>{words}, with 1/{layer.groups} of the multiply-adds, on {where}.<br>"
            "A count is not a time: small groups use the processor less well.</small></td></tr>"
        )
    return f"<table>{body}</table>"


def bar(share: float, colour: tuple[int, int, int], words: str) -> str:
    """One bar, 0 to 1 of the full length, with words behind it."""
    return f'<div class="smis-bar"><i style="width: {300 * share:.0f}px; background: {css(colour)}"></i>{words}</div>'


def missions(state: ConvState, times: Mapping[Layer, Timing]) -> set[int]:
    """The missions that this state achieves."""
    layer = state.layer
    depthwise = layer.complaint is None and layer.channels_in // layer.groups == 1 < layer.channels_in
    largest = (layer.channels_in, layer.channels_out, layer.groups) == (12, 8, 4)
    measured = any((k.channels_in, k.channels_out, k.groups) == (32, 32, 8) for k in times)
    return {k for k, reached in enumerate((depthwise, largest, measured)) if reached}
