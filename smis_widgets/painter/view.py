"""The painter's controls: tools, classes, sliders, tray, fields. They call the painter and show what its state says."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from smis_widgets.controls import cells, flag, toggle
from smis_widgets.painter import pictures as paintbox
from smis_widgets.painter.lens import MOST, Lens
from smis_widgets.painter.state import PainterState
from smis_widgets.theme import letter

if TYPE_CHECKING:
    from smis_widgets.painter.panel import Painter

TOOLS = {  # tool: its name, icon, key, and what it does
    "brush": ("Brush", "paint-brush", "b", "Drag to paint the class in hand"),
    "erase": ("Eraser", "eraser", "e", "Drag to bring back the scene as it was"),
    "fill": ("Fill", "tint", "f", "Click a region: all of it becomes the class in hand"),
    "rectangle": ("Rectangle", "square", "r", "Drag from corner to corner"),
    "polygon": ("Polygon", "star", "p", "Click the corners; click the first or the last one again to close"),
    "replace": ("Replace", "exchange", "x", "Click a class: everywhere it becomes the class in hand"),
    "move": ("Move", "arrows", "m", "Drag a region; its surroundings grow in behind it"),
    "pick": ("Pick", "eyedropper", "i", "Click to take the class under the mouse in hand"),
    "stamp": ("Stamp", "clone", "s", "Click to put the cut-out chosen below here"),
    "look": ("Look", "hand-paper-o", "h", "Drag to see another part of the magnified map"),
}
TOOL_KEYS = {key: tool for tool, (_, _, key, _) in TOOLS.items()}
HINT = (
    "<b>Keys</b>: a letter typed there acts at once: "
    + ", ".join(f"<b>{key}</b> {tool}" for key, tool in TOOL_KEYS.items())
    + ", <b>z</b> undo, <b>y</b> redo, <b>+</b> and <b>-</b> size, <b>n</b> and <b>N</b> the next and the last class, "
    "<b>&gt;</b> and <b>&lt;</b> larger and smaller around the mouse, <b>v</b> mirror the stamp, "
    "<b>c</b> close the polygon, <b>q</b> drop it. After a press on the map, keys go there by themselves.<br>"
    "<b>Command</b>: one edit in words, then Enter. Places are x,y in pixels of the map: "
    "<i>brush {0} 6 9,9 20,12</i> · <i>fill {0} 9,9</i> · <i>rectangle {0} 5,5 20,20</i> · "
    "<i>polygon {0} 5,5 20,5 9,20</i> · "
    "<i>replace {1} {0}</i> · <i>move 9,9 12,9</i> · <i>stamp {0} B 12 20,20</i> · <i>mirror {0} B 12 20,20</i> · "
    "<i>erase 6 9,9</i> · <i>scene B</i>"
)


class Workbench:
    """Builds the controls around an easel and a result; `sync` sets them to a state."""

    def __init__(self, painter: Painter) -> None:
        self.painter, self.label_set = painter, painter.label_set
        self.scope, height = f"smis-{painter.model_id[:8]}", painter.scenes.shape[0]
        self.tools = {
            tool: painter.button(name, icon, f"{words} (key {key})", partial(painter.hold, tool))
            for tool, (name, icon, key, words) in TOOLS.items()
        }
        self.undo = painter.button("Undo", "undo", "Take the last edit back (key z)", painter.undo)
        self.redo = painter.button("Redo", "repeat", "Do again what was taken back (key y)", painter.redo)
        self.back = painter.button("Reset", "refresh", "As at the start; Redo brings the edits back", painter.reset)
        self.classes = [
            painter.button(name, "", name, partial(painter.hold, None, name)) for name in self.label_set.classes
        ]
        self.size = self._slider(
            "Size",
            (1, height),
            1,
            "Diameter of the brush or height of the stamp, in pixels of the map",
            lambda value: painter.hold(size=value),
        )
        self.opacity = self._slider(
            "Labels", (0, 100), 70, "How much the label map covers the picture, in per cent", painter.cover
        )
        self.zoom = self._slider(
            "Zoom", (1, MOST), 1, "How many times as large the map is shown; the tool Look moves it", painter.magnify
        )
        tip = "Exchange left and right of the stamp (key v)"
        self.mirror = toggle(painter, "Mirror", "arrows-h", tip, painter.mirror)
        self.keys = self._text("Keys", "Letters typed here act at once", "b, e, f …", "130px", painter.typed)
        self.line = self._text(
            "Command",
            "One edit in words, then Enter",
            f"such as: fill {self.label_set.classes[-1]} 9,9",
            "300px",
            painter.command,
            continuous_update=False,
        )
        self.file = widgets.Text(
            "painting",
            description="File",
            tooltip="Name without ending, beside the notebook",
            layout=widgets.Layout(width="160px"),
            style={"description_width": "32px"},
        )
        self.save = [
            painter.button("Save labels", "download", "The label map as PNG with the palette", painter.keep_labels),
            painter.button("Save session", "download", "All edits as JSON", painter.keep_session),
        ]
        self.upload = widgets.FileUpload(
            accept=".png,.json",
            description="Load",
            tooltip="A label map (PNG) or a session (JSON)",
            layout=widgets.Layout(width="auto"),
        )
        self.upload.add_class("smis-load")
        painter.when(self.upload, lambda _: painter.uploaded())
        self.busy = widgets.HTML('<span class="smis-working" role="status">working…</span>')
        self.busy.add_class("smis-busy")
        count = len(painter.scenes.labels)
        self.scenes = cells(painter, count, lambda n: f"Scene {letter(n)}", lambda name: painter.do(f"scene {name}"))
        self.stamps = cells(painter, count, lambda n: f"Stamp of {letter(n)}", painter.stamp_from)
        self.stamp_name, self.stamp_style = widgets.HTML(), widgets.HTML()
        self.opacity_style, self.lens_style = widgets.HTML(), widgets.HTML()
        self._stamps_of = -1

    def rows(self, easel: widgets.Widget, result: widgets.Widget, shown: tuple[int, int]) -> list[widgets.Widget]:
        """The layout, from top to bottom."""
        palette = widgets.VBox(self.classes, layout=widgets.Layout(width="136px", height=f"{shown[1]}px"))
        palette.add_class(f"{self.scope}-classes").add_class("smis-classes")
        tray = widgets.VBox(
            [
                self._tray("scenes", widgets.HTML('<div class="smis-status">Scenes</div>'), self.scenes),
                self._tray("stamps", self.stamp_name, self.stamps, self.mirror),
            ]
        )
        tray.add_class("smis-tray")
        names = [html.escape(name) for name in self.label_set.classes]
        hint = widgets.HTML(
            '<details class="smis-status smis-keys"><summary>Choose a class at the left and paint on the map. '
            f"Without a mouse: open this line.</summary><small>{HINT.format(names[-1], names[0])}</small></details>"
        )
        hidden = widgets.Layout(display="none")
        return [
            hint,
            self._row([*self.tools.values(), self.undo, self.redo, self.back], "0"),
            self._row([palette, easel, result], "10px"),
            self._row([self.size, self.opacity, self.zoom, self.keys, self.busy]),
            tray,
            self._row([self.line, self.file, *self.save, self.upload]),
            widgets.HBox([self.stamp_style, self.opacity_style, self.lens_style], layout=hidden),
        ]

    def style(self) -> str:
        """The CSS of all that does not change."""
        return (
            paintbox.STYLE
            + paintbox.class_style(f"{self.scope}-classes", self.label_set, self.painter.shown[1])
            + paintbox.tray_style(f"{self.scope}-scenes", paintbox.scene_tiles(self.painter.atelier))
        )

    def sync(self, state: PainterState, opacity: int, lens: Lens) -> None:
        """Set every control to what the state says."""
        names, areas, having = self.label_set.classes, state.areas(), state.scenes.having(state.c)
        for tool, button in self.tools.items():
            flag(button, tool == state.tool)
        for c, button in enumerate(self.classes):
            flag(button, c == state.c)
            flag(button, areas[c] == 0, "smis-absent")
            button.tooltip = f"{names[c]}: {100 * areas[c]:.1f} % of the map"
        for n, (scene, stamp) in enumerate(zip(self.scenes, self.stamps, strict=True)):
            flag(scene, n == state.scene)
            scene.tooltip = f"Scene {letter(n)}: start from it"
            flag(stamp, state.tool == "stamp" and n == state.donor)
            stamp.disabled = n not in having
            stamp.tooltip = (
                f"{letter(n)} shows no {names[state.c]}"
                if stamp.disabled
                else f"Stamp: {names[state.c]} of {letter(n)}"
            )
        if self._stamps_of != state.c:
            self._stamps_of = state.c
            tiles = paintbox.stamp_tiles(self.painter.atelier, state.c)
            self.stamp_style.value = paintbox.tray_style(f"{self.scope}-stamps", tiles)
            self.stamp_name.value = f'<div class="smis-status">Stamps: {html.escape(names[state.c])}</div>'
        self.size.value, self.opacity.value = round(state.tall if state.tool == "stamp" else state.size), opacity
        self.opacity_style.value = f"<style>.{self.scope}-easel .smis-map {{ opacity: {opacity / 100:g}; }}</style>"
        self.zoom.value, self.mirror.value = round(lens.times), state.mirrored
        self.lens_style.value = lens.style(f"{self.scope}-easel", self.painter.shown)
        self.undo.disabled, self.redo.disabled = not state.done, not state.undone

    # --- parts ------------------------------------------------------------------------------------------------------
    def _slider(
        self, name: str, ends: tuple[int, int], value: int, tooltip: str, deed: Callable[[int], Any]
    ) -> widgets.IntSlider:
        slider = widgets.IntSlider(
            value,
            *ends,
            description=name,
            tooltip=tooltip,
            layout=widgets.Layout(width="214px"),
            style={"description_width": "46px"},
        )
        slider.add_class("smis-measure")
        self.painter.when(slider, deed)
        return slider

    def _text(
        self, name: str, tooltip: str, example: str, width: str, deed: Callable[[str], Any], **more: Any
    ) -> widgets.Text:
        text = widgets.Text(
            description=name,
            tooltip=tooltip,
            placeholder=example,
            layout=widgets.Layout(width=width),
            style={"description_width": "auto"},
            **more,
        )
        self.painter.when(text, deed)
        return text

    def _tray(
        self, name: str, title: widgets.Widget, cells: list[widgets.Button], *more: widgets.Widget
    ) -> widgets.HBox:
        box = widgets.HBox(cells, layout=widgets.Layout(overflow="auto hidden"))
        box.add_class(f"{self.scope}-{name}")
        title.layout.width = "146px"
        return widgets.HBox([title, box, *more], layout=widgets.Layout(align_items="center"))

    @staticmethod
    def _row(parts: list[widgets.Widget], gap: str = "2px 10px") -> widgets.HBox:
        return widgets.HBox(parts, layout=widgets.Layout(flex_flow="row wrap", align_items="center", grid_gap=gap))
