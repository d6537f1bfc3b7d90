"""A page without a browser: it keeps what the kernel sends, and sends what a browser would.

page.send(slider, value=3)  -> slider's observers run, and page.models[slider.model_id] is what a browser shows
page.screens[canvas]        -> the canvas's pixels, as the kernel's messages have drawn them
"""

from __future__ import annotations

import io
import json
import logging
import math
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import comm
import ipycanvas.canvas
import ipywidgets as widgets
import numpy as np
import traitlets.log
from comm.base_comm import BaseComm
from ipycanvas.canvas import COMMANDS
from PIL import Image, ImageColor


class Page(logging.Handler):
    """Install it with `with page.open():` before the widget is made."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.models: dict[str, dict[str, Any]] = {}
        self.screens: dict[str, np.ndarray] = {}  # RGBA, by the canvas's id
        self.escaped: list[str] = []  # errors that a kernel would print as a traceback
        self.refused = 0  # values that ipywidgets itself takes from no browser
        self._canvas = ""  # the canvas that is drawn on
        self._colours: dict[str, str] = {}  # each canvas's fill colour

    @contextmanager
    def open(self) -> Iterator[Page]:
        """Take the place of the browser's end of all comms that are opened meanwhile."""
        manager, log, make = ipycanvas.canvas._CANVAS_MANAGER, traitlets.log.get_logger(), comm.create_comm
        before, quiet, handlers = manager.comm, log.propagate, list(log.handlers)
        comm.create_comm = lambda *args, **named: Line(self, *args, **named)
        log.handlers, log.propagate = [self], False
        manager.comm, manager._caching, manager._commands_cache, manager._buffers_cache = None, False, [], []
        manager._current_canvas = None
        manager.open()
        try:
            yield self
        finally:
            comm.create_comm = make
            log.handlers, log.propagate = handlers, quiet
            manager.comm, manager._current_canvas = before, None

    # --- from the browser to the kernel ----------------------------------------------------------------------------
    def send(self, widget: widgets.Widget, **state: Any) -> None:
        """The browser's copy of a widget has changed: numbers that JSON does not know arrive as None."""
        plain = {name: _json(value) for name, value in state.items()}
        before, refused = dict(self.models[widget.model_id]), self.refused
        self.models[widget.model_id].update(plain)
        self._message(widget, {"method": "update", "state": plain, "buffer_paths": []})
        if self.refused > refused:
            self.models[widget.model_id] = before

    def upload(self, upload: widgets.FileUpload, name: str, content: bytes) -> None:
        """A file was chosen in the browser."""
        file = {"name": name, "type": "", "size": len(content), "last_modified": 0}
        self._message(
            upload,
            {"method": "update", "state": {"value": [file]}, "buffer_paths": [["value", 0, "content"]]},
            [memoryview(content)],
        )

    def tell(self, widget: widgets.Widget, **content: Any) -> None:
        """A click, or an event on a canvas."""
        plain = {name: _json(value) for name, value in content.items()}
        self._message(widget, {"method": "custom", "content": plain})

    def reload(self, panel: widgets.Widget, canvases: list[Any]) -> None:
        """The page was loaded again: all canvases are blank, and say that they are there."""
        self._canvas = ""
        self._colours.clear()
        for canvas in canvases:
            self.screens[canvas.model_id] = _blank(canvas.width, canvas.height)
        for canvas in canvases:
            self.tell(canvas, event="client_ready")

    def _message(self, widget: widgets.Widget, data: Mapping[str, Any], buffers: list[Any] | None = None) -> None:
        widget._handle_msg({"content": {"data": data}, "buffers": buffers or []})

    # --- from the kernel to the browser ----------------------------------------------------------------------------
    def receive(self, model: str, data: Mapping[str, Any], buffers: list[Any]) -> None:
        """What the kernel sends about one model."""
        if data.get("method") == "update":
            self.models.setdefault(model, {}).update(_json(data["state"]))
        elif data.get("method") == "custom" and buffers:
            commands, rest = json.loads(bytes(buffers[0])), list(buffers[1:])
            for command in commands if commands and isinstance(commands[0], list) else [commands]:
                taken = command[2] if len(command) > 2 else 0
                self._draw(command[0], command[1] if len(command) > 1 else [], rest[:taken])
                rest = rest[taken:]

    def _draw(self, name: int, args: list[Any], buffers: list[Any]) -> None:
        """The few commands that change the pictures themselves; guides are drawn with others."""
        if name == COMMANDS["switchCanvas"]:
            self._canvas = args[0].removeprefix("IPY_MODEL_")
            if self._canvas not in self.screens:
                model = self.models.get(self._canvas, {})
                self.screens[self._canvas] = _blank(model.get("width", 1), model.get("height", 1))
            return
        assert self._canvas, "the kernel draws, and the page was not told on which canvas"
        screen = self.screens[self._canvas]
        if name == COMMANDS["clear"]:
            screen[:] = 0
        elif name == COMMANDS["putImageData"]:
            screen[:] = np.array(Image.open(io.BytesIO(bytes(buffers[0]))).convert("RGBA"))
        elif name == COMMANDS["set"] and args[0] == ipycanvas.canvas.Canvas.ATTRS["fill_style"]:
            self._colours[self._canvas] = args[1]
        elif name == COMMANDS["fillRects"]:
            colour = (*ImageColor.getrgb(self._colours[self._canvas])[:3], 255)
            parts = [np.frombuffer(b, arg["dtype"]) for b, arg in zip(buffers, args, strict=True)]
            if all(np.issubdtype(part.dtype, np.integer) for part in parts):  # the guides' are fractions
                for x, y, width, height in zip(*parts, strict=True):
                    screen[y : y + height, x : x + width] = colour

    def emit(self, record: logging.LogRecord) -> None:
        """An error that came out of a callback: in a notebook it is a traceback in the log."""
        where = ""
        if record.exc_info is not None and record.exc_info[2] is not None:
            where = " | ".join(f"{f.name}:{f.lineno}" for f in traceback.extract_tb(record.exc_info[2])[-5:])
        if "trait of a" in record.getMessage():  # ipywidgets refuses a value itself; its browser side sends none such
            self.refused += 1
        else:
            self.escaped.append(f"{record.getMessage()} ({where})")


class Line(BaseComm):
    """One comm: what the kernel sends through it goes to the page."""

    def __init__(self, page: Page, *args: Any, **named: Any) -> None:
        self.page = page
        super().__init__(*args, **named)

    def publish_msg(self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **_: Any) -> None:
        if msg_type == "comm_open":
            self.page.models[self.comm_id] = _json(data["state"])
        elif msg_type == "comm_close":
            self.page.models.pop(self.comm_id, None)
            self.page.screens.pop(self.comm_id, None)
        else:
            self.page.receive(self.comm_id, data, list(buffers or []))


def _blank(width: int, height: int) -> np.ndarray:
    return np.zeros((int(height), int(width), 4), np.uint8)


def _json(value: Any) -> Any:
    """As it arrives at the other end: tuples become lists, numbers that are none become None."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
