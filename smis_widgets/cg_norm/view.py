"""The CG-Norm explorer's controls: what they are called, where they stand, and how they follow the state."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
from ipywidgets import Layout

from smis_widgets.cg_norm.features import Maps
from smis_widgets.cg_norm.pictures import FEATURES, FINE, PICTURES, SCALES, STEPS, TILE, length, stair
from smis_widgets.cg_norm.state import NORMS, CGNormState
from smis_widgets.cg_norm.words import MISSIONS
from smis_widgets.choosing import Scenes
from smis_widgets.controls import mark, toggle, toggles
from smis_widgets.look import SWATCH, hint, note, swatches, tasks
from smis_widgets.surface import Surface, is_place
from smis_widgets.theme import ACCENT, css

if TYPE_CHECKING:
    from smis_widgets.cg_norm.panel import CGNormExplorer

HALF = 404  # width of a column in CSS pixels; two and a gap are as wide as four maps
WIDTH = 2 * HALF + 16
HINT = (
    "What a CG-Norm does to the features of one block. Point at a map: the formula below shows that pixel's numbers; a "
    "click keeps it. Without a mouse: Tab, and the arrow keys on channel, x and y."
)
ROW = 26  # height of a row of the classes
RAMP = ", ".join(css(colour) for colour in STEPS)
STYLE = f"""<style>
.smis-cg small {{ font-size: 12px; line-height: 16px; color: var(--jp-ui-font-color2, inherit); }}
.smis-cg .smis-step.widget-button {{ padding: 0; margin: 0 2px; min-width: 0; flex: 1 1 0; line-height: 20px;
  border-radius: 3px 3px 0 0; align-self: flex-end; background: rgb(128 128 128 / 40%);
  color: var(--jp-ui-font-color1, inherit); }}
.smis-cg .smis-step.widget-button.smis-on {{ background: {css(ACCENT)}; color: #111; font-weight: bold; }}
.smis-cg .smis-numbers {{ display: flex; text-align: center; }}
.smis-cg .smis-numbers span {{ flex: 1 1 0; }}
.smis-cg .smis-class.widget-toggle-button {{ width: 118px; height: {ROW - 4}px; margin: 2px 0; padding: 0 6px;
  text-align: left; }}
.smis-cg .smis-class.widget-toggle-button:not(.mod-active) {{ text-decoration: line-through;
  color: var(--jp-ui-font-color2, gray); }}
.smis-cg .smis-class::before {{ {SWATCH} }}
.smis-cg .smis-bars {{ position: relative; height: {ROW}px; width: 280px; }}
.smis-cg .smis-bars i {{ position: absolute; top: 6px; height: 12px; box-sizing: border-box; }}
.smis-cg .smis-bars b {{ position: absolute; top: 0; height: {ROW}px; border-left: 1px solid rgb(128 128 128 / 60%); }}
.smis-cg .smis-bars small {{ position: absolute; top: 4px; white-space: nowrap; }}
.smis-cg .smis-ramp {{ height: 10px; width: 120px; display: inline-block; margin: 0 6px; vertical-align: -1px;
  border-radius: 2px; background: linear-gradient(90deg, {RAMP}); }}
.smis-cg pre {{ font-size: 13px; line-height: 20px; margin: 2px 0; white-space: pre; overflow-x: auto;
  color: var(--jp-ui-font-color0, inherit); background: transparent; }}
.smis-cg canvas {{ border-radius: 4px; cursor: crosshair; box-shadow: 0 0 0 1px rgb(128 128 128 / 40%); }}
</style>"""


class View:
    """Builds all controls of a `CGNormExplorer`; `sync` sets them to what a state says."""

    def __init__(self, panel: CGNormExplorer) -> None:
        self.panel, state, studio = panel, panel.state, panel.inside.studio
        self.label_set = panel.label_set
        self.scope = f"smis-{panel.model_id[:8]}"
        self.formula, self.missions = widgets.HTML(), widgets.HTML()
        self.scenes = Scenes(panel, studio, panel.scene)
        self.style = STYLE + self.scenes.style + swatches(f"{self.scope}-c", "smis-class", self.label_set.palette)
        panel.add_class("smis-cg")

        wide = Layout(width=f"{HALF}px", grid_gap="4px")
        left = widgets.VBox([self._steps(state), *self._norms(state)], layout=wide)
        right = widgets.VBox([self._bars(state)], layout=wide)
        back = panel.button("Reset", "undo", "Everything as at the start", panel.reset)
        self.children = (
            hint(HINT, WIDTH),
            self.scenes.beside(panel.busy, back, width=WIDTH),
            widgets.HBox([left, right], layout=Layout(flex_flow="row wrap", grid_gap="16px")),
            self._maps(studio.samples.labels.shape[1:]),
            self._pixel(state),
            self.formula,
            panel.status,
            self.missions,
        )
        look = self.formula.layout
        look.min_height, look.width, look.overflow = "62px", "100%", "auto hidden"
        panel.status.layout.min_height = "58px"

    # --- the parts -----------------------------------------------------------------------------------------------
    def _steps(self, state: CGNormState) -> widgets.VBox:
        self.steps, most = [], max(block.groups for block in state.blocks)
        for block in state.blocks:
            tip = f"Block {block.number}: {block.groups} groups, maps of {block.size[0]} x {block.size[1]}"
            step = widgets.Button(description=str(block.groups), tooltip=tip)
            step.layout.height = f"{stair(block.groups, most)}px"
            step.add_class("smis-step")
            step.on_click(lambda _, number=block.number: self.panel.attempt(partial(self.panel.block, number)))
            self.steps.append(step)
        below = "".join(f"<span>{block.number}</span>" for block in state.blocks)
        return widgets.VBox(
            [
                note("Groups of gamma and beta fall from block to block. Press a step to see its block."),
                widgets.HBox(self.steps, layout=Layout(height="84px", align_items="flex-end")),
                widgets.HTML(f'<div class="smis-note smis-numbers">{below}</div>'),
            ]
        )

    def _norms(self, state: CGNormState) -> list[widgets.Widget]:
        panel = self.panel
        self.norms = toggles(panel, "CG-Norm", "Which CG-Norm of the block", {"first": "norm_0"}, panel.norm)
        self.channel = widgets.IntSlider(
            min=0,
            max=state.channels - 1,
            description="channel",
            tooltip="Which channel of the features",
            style={"description_width": "62px"},
            layout=Layout(width="276px"),
        )
        panel.when(self.channel, panel.channel)
        tip = "Means over the channels of its group"
        self.mean = toggle(panel, "mean of group", "", tip, panel.mean)
        return [
            self.norms,
            widgets.HBox([self.channel, self.mean]),
            note("One channel of the features, or the mean over its group. A group hears of its own classes only."),
        ]

    def _bars(self, state: CGNormState) -> widgets.VBox:
        self.chips = []
        for c, name in enumerate(state.classes):
            chip = widgets.ToggleButton(True, description=name, tooltip=f"Switch {name} off: its mask becomes zero")
            chip.add_class("smis-class")
            self.panel.when(chip, partial(self._switched, c))
            self.chips.append(chip)
        chips = widgets.VBox(self.chips, layout=Layout(width="124px", overflow="hidden"))
        chips.add_class(f"{self.scope}-c")
        self.bars = widgets.HTML()
        head = widgets.HTML(
            '<div style="display: flex"><small style="width: 124px">class</small>'
            '<small style="width: 140px; text-align: center">gamma by class</small>'
            '<small style="width: 140px; text-align: center">beta by class</small></div>'
        )
        return widgets.VBox(
            [
                note("Press a class to switch it off: its mask becomes zero for gamma and beta. F stays."),
                head,
                widgets.HBox([chips, self.bars]),
            ]
        )

    def _maps(self, size: tuple[int, int]) -> widgets.VBox:
        height, width = size
        factor = max(1, round(FINE / width))
        shown = (TILE, TILE * height // width)
        self.surfaces = {}
        boxes = []
        for name, caption in PICTURES:
            surface = Surface((width * factor, height * factor), shown, self.panel.guarded(self._clicked))
            surface.widget.tooltip = caption
            surface.widget.on_mouse_move(self.panel.guarded(self._pointed))
            surface.widget.on_mouse_out(lambda x, y: self.panel.attempt(self.panel.unpoint))
            self.surfaces[name] = surface
            boxes.append(widgets.VBox([widgets.HTML(f"<small>{caption}</small>"), surface.widget]))
        layout = Layout(flex_flow="row wrap", grid_gap="6px 12px", max_width=f"{4 * TILE + 3 * 12 + 8}px")
        legend = widgets.HTML(
            f'<small>Colours: features −{FEATURES:g}<span class="smis-ramp"></span>{FEATURES:g}, '
            f'gamma, beta −{SCALES:g}<span class="smis-ramp"></span>{SCALES:g}. '
            "White is 0. The scale never changes.</small>"
        )
        return widgets.VBox([widgets.HBox(boxes, layout=layout), legend])

    def _pixel(self, state: CGNormState) -> widgets.HBox:
        self.axes = []
        for axis, name in enumerate("xy"):
            slider = widgets.IntSlider(
                min=0,
                max=state.here.size[1 - axis] - 1,
                description=name,
                style={"description_width": "16px"},
                tooltip=f"Pixel of the formula, {name}",
                layout=Layout(width="260px"),
            )
            self.panel.when(slider, partial(self._moved, name))
            self.axes.append(slider)
        hint = note("The pixel that is kept: its formula is shown while the mouse is elsewhere.")
        row = widgets.HBox([*self.axes], layout=Layout(flex_flow="row wrap", align_items="center"))
        return widgets.VBox([row, hint])

    # --- callbacks -----------------------------------------------------------------------------------------------
    def _switched(self, c: int, on: bool) -> None:
        self.panel.act(lambda state: state.switch(c, on))

    def _moved(self, axis: str, value: int) -> None:
        self.panel.act(lambda state: state.at(**{axis: value}))

    def _clicked(self, x: int, y: int) -> None:
        """A click into a map, in its pixels."""
        self.panel.act(lambda state: state.at(*self._place(state, x, y)))

    def _pointed(self, x: float, y: float) -> None:
        """The mouse over a map, in its pixels."""
        if is_place(x, y):
            self.panel.point(*self._place(self.panel.state, x, y))

    def _place(self, state: CGNormState, x: float, y: float) -> tuple[int, int]:
        """The pixel of the block's maps at a place of a surface."""
        (width, height), (rows, columns) = next(iter(self.surfaces.values())).size, state.here.size
        return min(int(x * columns / width), columns - 1), min(int(y * rows / height), rows - 1)

    # --- the state, on the screen --------------------------------------------------------------------------------
    def show(self, pictures: Mapping[str, np.ndarray]) -> None:
        """Put the pictures on their surfaces."""
        for name, surface in self.surfaces.items():
            surface.show(pictures[name])

    def sync(self, state: CGNormState, maps: Maps, lines: Sequence[str], done: set[int]) -> None:
        """Set every control to what the state says."""
        self.scenes.sync(state.scene)
        mark(self.steps, state.block)
        options = [(words, name) for name, words in NORMS.items() if name in state.here.channels]
        if tuple(self.norms.options) != tuple(options):
            self.norms.options = options
        self.norms.value = state.norm
        self.channel.max, self.channel.value = state.channels - 1, state.channel
        self.mean.value = state.mean
        for c, chip in enumerate(self.chips):
            chip.value = c not in state.off
        for axis, slider in enumerate(self.axes):
            slider.max, slider.value = state.here.size[1 - axis] - 1, state.pixel[axis]
        self.bars.value = "".join(bars(row, self.label_set.palette[c]) for c, row in enumerate(maps.by_class))
        self.write(lines, state, maps)
        self.missions.value = tasks(MISSIONS, done)

    def write(self, lines: Sequence[str], state: CGNormState, maps: Maps, pointed: bool = False) -> None:
        """The formula, and of which pixel it is."""
        (x, y), names = state.pixel, html.escape(state.classes[maps.labels[state.pixel[1], state.pixel[0]]])
        where = f"pixel x = {x}, y = {y}: {names}" + (", under the mouse" if pointed else "")
        text = html.escape("\n".join(lines))
        self.formula.value = f'<div class="smis-note">The formula at {where}</div><pre>{text}</pre>'


def bars(values: np.ndarray, colour: tuple[int, int, int]) -> str:
    """gamma and beta of one class as bars in HTML; an outline shows them with no class switched off."""
    parts = []
    for k in range(2):
        axis = 70 + 140 * k
        parts.append(f'<b style="left: {axis}px"></b>')
        if np.isnan(values[k]):
            parts.append(f'<small style="left: {axis + 6}px">none here</small>')
            continue
        for value, look in ((values[k + 2], "border: 1px dashed gray"), (values[k], f"background: {css(colour)}; "
                            "box-shadow: 0 0 0 1px rgb(128 128 128 / 70%)")):  # fmt: skip
            long = 62 * length(float(value))
            parts.append(f'<i style="left: {axis + min(long, 0):.1f}px; width: {abs(long):.1f}px; {look}"></i>')
    return f'<div class="smis-bars">{"".join(parts)}</div>'
