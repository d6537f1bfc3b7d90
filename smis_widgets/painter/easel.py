"""Where one paints: three canvases on top of each other. The picture, the label map over it, and guides on top.

The label map has one canvas pixel for each of its own, so what is on the screen is the map, exactly; the browser
enlarges it without blending, and mixes it with the picture below. A trace is sent as rectangles, a few bytes a step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas

from smis.labels import LabelSet
from smis_widgets.painter.brushes import Point, runs
from smis_widgets.surface import NamedCanvas, Surface, forget_current_canvas, is_place, safe_hold
from smis_widgets.theme import ACCENT, css

Handler = Callable[[float, float], None]


class Easel:
    """Shows a label map (H, W) over a picture and tells where the mouse, the pen or a finger is, in pixels of the map.

    `widget` goes into a layout; `picture` is the surface below, made elsewhere. `shown` is (width, height) on the page.
    """

    def __init__(
        self,
        label_set: LabelSet,
        shape: tuple[int, int],
        shown: tuple[int, int],
        picture: Surface,
        down: Handler,
        move: Handler,
        up: Handler,
        out: Handler,
    ) -> None:
        self.colours = np.array(label_set.palette, np.uint8)
        self.shape, self.zoom = shape, shown[0] / shape[1]
        self.map = Surface((shape[1], shape[0]), shown)
        self.map.widget.add_class("smis-map").tooltip = "The label map"
        cell = "1 / 1 / 2 / 2"
        self.guides = NamedCanvas(
            width=shown[0], height=shown[1], layout=widgets.Layout(width=f"{shown[0]}px", height=f"{shown[1]}px")
        )
        self.guides.add_class("smis-guides").tooltip = "The label map: paint here"
        for canvas in (picture.widget, self.map.widget, self.guides):
            canvas.layout.grid_area = cell
        self.guides.on_client_ready(forget_current_canvas)
        self.guides.on_key_down(self._let_go)
        for listen, deed in (
            (self.guides.on_mouse_down, down),
            (self.guides.on_mouse_move, move),
            (self.guides.on_mouse_up, up),
            (self.guides.on_mouse_out, out),
        ):
            listen(lambda x, y, deed=deed: self._mouse(x, y, deed))
        self._last_touch = (0.0, 0.0)
        self.guides.on_touch_start(lambda touches: self._touch(touches, down))
        self.guides.on_touch_move(lambda touches: self._touch(touches, move))
        self.guides.on_touch_end(lambda touches: up(*self._last_touch))
        self.guides.on_touch_cancel(lambda touches: out(*self._last_touch))
        self.widget = widgets.GridBox(
            [picture.widget, self.map.widget, self.guides],
            layout=widgets.Layout(width=f"{shown[0]}px", height=f"{shown[1]}px", flex="0 0 auto", overflow="hidden"),
        )
        self.widget.add_class("smis-easel")

    # --- the map ------------------------------------------------------------------------------------------------------
    def show(self, labels: np.ndarray) -> None:
        """Show a label map (H, W)."""
        self.map.show(self.colours[labels])

    def trace(self, mask: np.ndarray, labels: np.ndarray) -> None:
        """Show `labels` (H, W) where the mask is, and leave the rest of the map as it is on the screen."""
        canvas = self.map.widget
        self.map.image[mask, :3] = self.colours[labels[mask]]
        with safe_hold():
            for c in np.unique(labels[mask]).tolist():
                x, y, length = runs(mask & (labels == c))
                canvas.fill_style = css(tuple(self.colours[c].tolist()))
                canvas.fill_rects(x, y, length, np.ones_like(length))

    # --- the guides ---------------------------------------------------------------------------------------------------
    def ring(self, at: Point, size: float) -> None:
        """The brush where the mouse is."""
        with self._fresh() as canvas:
            for width, colour in ((3, "rgba(255, 255, 255, 0.8)"), (1.25, "black")):
                canvas.line_width, canvas.stroke_style = width, colour
                canvas.stroke_circle(at[0] * self.zoom, at[1] * self.zoom, max(size * self.zoom / 2, 2))

    def line(self, points: Sequence[Point], closed: bool = False) -> None:
        """An outline in the making, with a dot at its first corner."""
        corners = [(x * self.zoom, y * self.zoom) for x, y in points]
        with self._fresh() as canvas:
            for width, colour in ((4, "rgba(255, 255, 255, 0.8)"), (2, css(ACCENT))):
                canvas.line_width, canvas.stroke_style = width, colour
                canvas.stroke_lines([*corners, corners[0]] if closed else corners)
            canvas.fill_style = css(ACCENT)
            canvas.fill_circle(*corners[0], 4)

    def ghost(self, mask: np.ndarray, labels: np.ndarray) -> None:
        """What a stamp or a move would put there: the mask's pixels (H, W), half transparent."""
        with self._fresh() as canvas:
            canvas.global_alpha = 0.75
            for c in np.unique(labels[mask]).tolist():
                x, y, length = (self.zoom * part for part in runs(mask & (labels == c)))
                canvas.fill_style = css(tuple(self.colours[c].tolist()))
                canvas.fill_rects(x, y, length, np.full_like(length, self.zoom))
            canvas.global_alpha = 1

    def clear_guides(self) -> None:
        """No guides."""
        self.guides.clear()

    @contextmanager
    def _fresh(self) -> Iterator[Canvas]:
        """The guides, cleared; all that is drawn travels as one message."""
        with safe_hold():
            self.guides.clear()
            yield self.guides

    def _mouse(self, x: float | None, y: float | None, deed: Handler) -> None:
        if x is not None and y is not None and is_place(x, y):
            deed(x / self.zoom, y / self.zoom)

    def _touch(self, touches: list[tuple[float, float]], deed: Handler) -> None:
        if touches and is_place(*touches[0]):
            self._last_touch = (touches[0][0] / self.zoom, touches[0][1] / self.zoom)
            deed(*self._last_touch)

    def _let_go(self, key: str, *_: bool) -> None:
        """As in `Surface`: let the keyboard leave the canvas."""
        if key in ("Tab", "Escape"):
            self.guides.layout.visibility = "hidden"
            time.sleep(0.05)
            self.guides.layout.visibility = "visible"
