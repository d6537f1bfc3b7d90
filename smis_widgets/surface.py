"""An exact, reload-safe image surface over ipycanvas.

Four facts about ipycanvas 0.14 shape this file:
- `put_image_data` sends (H, W, 3) arrays as lossy JPEG, and (H, W, 4) arrays as PNG of the smallest size, which takes
  several times as long to make. Here all goes as PNG, exact, of a quick level.
- It draws over what is there: clear first.
- Drawings are messages, not state. After a page reload the canvas is blank, and the kernel still believes that the
  browser knows which canvas is the current one: forget that, then draw again.
- `hold_canvas()` stays in holding mode for the whole kernel when its body raises.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ipycanvas.canvas
import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas, hold_canvas
from PIL import Image
from traitlets import Unicode


@contextmanager
def safe_hold() -> Iterator[None]:
    """`hold_canvas()` that ends its holding mode also when the body raises."""
    hold = hold_canvas()
    try:
        hold.__enter__()
        yield
        hold.__exit__(None, None, None)
    except BaseException:  # also an interrupted kernel
        stop_holding()
        raise


def stop_holding() -> None:
    """Send what is held back, and hold nothing any more: after an error, wherever it came from."""
    manager = getattr(ipycanvas.canvas, "_CANVAS_MANAGER", None)
    if manager is not None and getattr(manager, "_caching", False):
        try:
            manager.flush()
        finally:
            manager._caching, manager._commands_cache, manager._buffers_cache = False, [], []


def forget_current_canvas() -> None:
    """Make ipycanvas name its canvas anew before the next drawing: a fresh page knows of none."""
    manager = getattr(ipycanvas.canvas, "_CANVAS_MANAGER", None)
    if manager is not None and hasattr(manager, "_current_canvas"):
        manager._current_canvas = None


def is_place(x: float | None, y: float | None) -> bool:
    """Whether a canvas says where: while it has no size (a folded cell), a browser sends numbers that are none."""
    return x is not None and y is not None and math.isfinite(x) and math.isfinite(y)


def put_image(canvas: Canvas, image: np.ndarray) -> None:
    """Draw uint8 (H, W, 4) at the upper left corner, exactly."""
    opaque = bool((image[..., 3] == 255).all())
    data = io.BytesIO()
    Image.fromarray(image[..., :3] if opaque else image).save(data, "PNG", compress_level=1)
    command = ipycanvas.canvas.COMMANDS["putImageData"]  # as Canvas.put_image_data sends it
    canvas._canvas_manager.send_draw_command(canvas, command, [0, 0], [data.getvalue()])


class NamedCanvas(Canvas):
    """A canvas with a name for screen readers: its tool tip. The browser shows none where a description is missing."""

    description = Unicode("").tag(sync=True)


class Surface:
    """A picture of `size` (width, height) pixels, shown at `shown` CSS pixels.

    `widget` is what goes into a layout. `show` replaces the picture, which is drawn again whenever a page (re)connects.
    Clicks and taps call `on_click(x, y)` with image pixels.
    """

    def __init__(
        self, size: tuple[int, int], shown: tuple[int, int], on_click: Callable[[int, int], None] | None = None
    ) -> None:
        self.size = size
        self.image = np.zeros((size[1], size[0], 4), np.uint8)
        self._broken = False  # an error kept the image from the screen
        layout = widgets.Layout(width=f"{shown[0]}px", height=f"{shown[1]}px", flex="0 0 auto")
        self.widget = NamedCanvas(width=size[0], height=size[1], layout=layout)
        self.widget.on_client_ready(self._replay)
        self.widget.on_key_down(self._let_go)
        if on_click is not None:
            self.widget.on_mouse_down(lambda x, y: on_click(int(x), int(y)) if is_place(x, y) else None)
            self.widget.on_touch_start(
                lambda touches: on_click(*map(int, touches[0])) if touches and is_place(*touches[0]) else None
            )

    def show(self, image: np.ndarray) -> None:
        """Show a picture: uint8 (H, W, 3) or (H, W, 4) of exactly the surface's size; ValueError otherwise.

        Sends nothing when it is on the screen already: sending is most of the work.
        """
        width, height = self.size
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape not in ((height, width, 3), (height, width, 4)):
            raise ValueError(
                f"this surface shows uint8 pictures ({height}, {width}, 3 or 4), got {image.dtype} {image.shape}"
            )
        if image.shape[2] == 3:
            image = np.dstack([image, np.full((height, width), 255, np.uint8)])
        if self._broken or not np.array_equal(image, self.image):
            self.image = image.copy()
            self._draw()

    def close(self) -> None:
        """Drop the canvas."""
        self.widget.on_client_ready(self._replay, remove=True)
        self.widget.close()

    def _draw(self) -> None:
        self._broken = True
        with safe_hold():
            self.widget.clear()
            put_image(self.widget, self.image)
        self._broken = False

    def _replay(self) -> None:
        self._broken = True
        forget_current_canvas()
        self._draw()

    def _let_go(self, key: str, *_: bool) -> None:
        """ipycanvas puts its canvas in the tab order and then swallows every key. Hidden for a moment, it loses the
        focus, and the next Tab goes on from there."""
        if key in ("Tab", "Escape"):
            self.widget.layout.visibility = "hidden"
            time.sleep(0.05)  # two frames: a shorter time goes unnoticed
            self.widget.layout.visibility = "visible"
