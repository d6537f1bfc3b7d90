"""Random events, as a front end sends them and as a user's code asks for them: sensible, out of range, and hostile.

All follow from the dice: the same seed gives the same events in the same order.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
from ipycanvas import Canvas

from smis_widgets.base import Panel, parts
from tests.widgets.luck.page import Page

NAN, INF = float("nan"), float("inf")
STRANGE = (
    "",
    " ",
    "\x00",
    "<img src=x onerror=alert(1)>",
    "A" * 3000,
    "🎨\u202e",
    "../../x",
    "None",
    "-1",
    "1e999",
    "'",
)
WORDS = (
    *("A", "b", "C", "D", "Z", "hat", "coat", "shoes", "ground", "hair", "top", "skin", "straight", "arc", "norm_0"),
    *("norm_1", "norm_s", "input", "output", "generator", "discriminator", "both", "navy", "#102030", "brush", "fill"),
    *("stamp", "z", "y", "+", "n", "q", "v", ">", "brush hat 4 3,3 9,9", "fill coat 8,8", "erase 5 4,4", "scene B"),
    *("move 8,8 10,9", "replace coat hat", "rectangle shoes 2,2 30,5", "stamp coat C 9 8,8", "brush hat 4 nan,3"),
)
FILES = ("mix.png", "film.gif", "film.mp4", "session.json", "painting.png", "x", "", "nowhere/x.png", "a\x00b.png")
KEYS = ("Tab", "Escape", "Enter", "a", "ArrowLeft", "")
RARE = ("Measure", "GIF", "MP4", "Save PNG", "Save labels", "Save session")  # slow, or writes a file
RARELY = 0.03
# What every panel has for its own use; closing ends the game.
INSIDE = {
    *dir(widgets.VBox),
    "act",
    "attempt",
    "button",
    "close",
    "compute",
    "describe",
    "fail",
    "show",
    "sync",
    "tell",
}
INSIDE |= {"when", "live", "check_open", "clicked", "guarded", "file", "uploaded"}
SLOW = {"export", "measure", "save", "save_labels", "save_session", "snapshot", "keep_labels", "keep_session", "step"}


@dataclass(frozen=True)
class Event:
    """Something that happens to a widget."""

    kind: str
    words: str
    run: Callable[[], object]


class Events:
    """Draws events for one widget on one page."""

    def __init__(self, panel: Panel[Any], page: Page, dice: random.Random) -> None:
        self.panel, self.page, self.dice = panel, page, dice
        self.methods = methods(type(panel))

    def draw(self) -> Event:
        """The next event: mostly a control, often a canvas, sometimes code or a reload."""
        kind = self.dice.choices((self.control, self.canvas, self.method, self.reload), (50, 30, 18, 2))[0]
        return kind()

    def control(self) -> Event:
        """A control is given a value, or a button is pressed."""
        found = [part for part in parts(self.panel) if isinstance(part, widgets.Button) or "value" in part.keys]
        part = self.dice.choice([part for part in found if not isinstance(part, widgets.HTML)])
        name = f"{type(part).__name__} {getattr(part, 'description', '') or getattr(part, 'tooltip', '')!r}"
        if isinstance(part, widgets.Button):
            if part.description in RARE and self.dice.random() > RARELY:
                return self.control()
            return Event("click", f"click {name}", lambda: self.page.tell(part, event="click"))
        if isinstance(part, widgets.FileUpload):
            content = self.dice.choice((b"", b"{", b"{}", b"\x89PNG\r\n", self.dice.randbytes(50)))
            return Event("upload", f"upload {content!r}", lambda: self.page.upload(part, "x.png", content))
        if hasattr(part, "index"):
            index = self.dice.choice([*range(len(part.options)), None, 99])
            return Event("value", f"{name} index {index}", lambda: self.page.send(part, index=index))
        value = self.value(part)
        return Event("value", f"{name} = {short(value)}", lambda: self.page.send(part, value=value))

    def value(self, part: widgets.Widget) -> Any:
        """A value for a control: mostly a sensible one."""
        strange = self.dice.random() < 0.25
        if isinstance(part, widgets.ColorPicker):
            return self.dice.choice(STRANGE) if strange else f"#{self.dice.randrange(2**24):06x}"
        if isinstance(part, widgets.Text):
            return self.dice.choice(STRANGE if strange else WORDS)
        if isinstance(part, widgets.ToggleButton):
            return self.dice.random() < 0.5
        least, most = getattr(part, "min", -9.0), getattr(part, "max", 30.0)
        if isinstance(part.value, float):
            if isinstance(part, widgets.FloatLogSlider):
                least, most = part.base**least, part.base**most
            return self.dice.choice((-1e30, NAN, INF, 0.0)) if strange else self.dice.uniform(least, most)
        return self.dice.choice((-(10**9), 10**9, least, most)) if strange else self.dice.randint(least, most)

    def canvas(self) -> Event:
        """The mouse, a finger or a key on a canvas, also far outside, and with presses that are never released."""
        canvas = self.dice.choice([part for part in parts(self.panel) if isinstance(part, Canvas)] or [None])
        if canvas is None:
            return self.control()
        kind = self.dice.choices(
            ("mouse_down", "mouse_move", "mouse_up", "mouse_out", "touch_start", "touch_end", "key_down"),
            (6, 10, 5, 1, 1, 1, 0.3),
        )[0]
        x, y = self.dice.uniform(0, canvas.width), self.dice.uniform(0, canvas.height)
        if self.dice.random() < 0.15:
            x = self.dice.choice((-1.0, -1e12, 1e12, NAN, INF, canvas.width))
        words = f"{kind} ({x:.4g}, {y:.4g}) on {canvas._dom_classes}"
        if kind == "key_down":
            key = {"key": self.dice.choice(KEYS), "shift_key": False, "ctrl_key": False, "meta_key": False}
            return Event("key", f"key {key['key']}", lambda: self.page.tell(canvas, event=kind, **key))
        if kind.startswith("touch"):
            touches = [] if self.dice.random() < 0.3 else [{"x": x, "y": y}]
            return Event("touch", words, lambda: self.page.tell(canvas, event=kind, touches=touches))
        return Event(kind.replace("_", " "), words, lambda: self.page.tell(canvas, event=kind, x=x, y=y))

    def method(self) -> Event:
        """A user's code calls a public method."""
        name = self.dice.choice(self.methods)
        if name in SLOW and self.dice.random() > RARELY:
            return self.method()
        method = getattr(self.panel, name)
        given = {}
        for argument in inspect.signature(method, eval_str=False).parameters.values():
            if argument.kind is argument.VAR_KEYWORD:  # of GroupedConvExplorer.set
                given[self.dice.choice(("groups", "channels_in", "channels_out", "kernel"))] = self.dice.randint(-1, 33)
            elif argument.kind is argument.VAR_POSITIONAL:
                continue
            elif argument.default is argument.empty or self.dice.random() < 0.7:
                given[argument.name] = self.argument(argument)
        shown = ", ".join(f"{key}={short(value)}" for key, value in given.items())
        return Event("code", f"{name}({shown})", lambda: method(**given))

    def argument(self, argument: inspect.Parameter) -> Any:
        """A value of the kind that the annotation asks for."""
        asked = str(argument.annotation)
        if argument.name == "scale":
            return 1
        if argument.name in ("name", "file") and (
            "Path" in asked or argument.default in FILES or self.dice.random() < 0.1
        ):
            return self.dice.choice(FILES)
        if "None" in asked and self.dice.random() < 0.3:
            return None
        if "str" in asked or "Side" in asked:
            return self.dice.choice(WORDS if self.dice.random() < 0.8 else STRANGE)
        if "bool" in asked:
            return self.dice.random() < 0.5
        if argument.name == "times" and "int" in asked:
            return self.dice.choice((1, 2, 0, -3))
        if "Point" in asked:
            return (self.dice.uniform(-3, 20), self.dice.uniform(-3, 20))
        if "float" in asked:
            return self.dice.choice((self.dice.uniform(-0.5, 4), self.dice.random(), NAN, INF, -1e30, 0.0, 1e-4))
        return self.dice.choice((self.dice.randint(0, 9), self.dice.randint(-3, 80), 10**9))

    def reload(self) -> Event:
        """The page is loaded again."""
        canvases = [part for part in parts(self.panel) if isinstance(part, Canvas)]
        return Event("reload", "reload", lambda: self.page.reload(self.panel, canvases))


def methods(kind: type) -> list[str]:
    """The public methods of a widget, as its class has them: a new one is tried by itself."""
    found = []
    for name in dir(kind):
        function = inspect.getattr_static(kind, name)
        if not inspect.isfunction(function):
            continue
        asked = [str(one.annotation) for one in inspect.signature(function).parameters.values()]
        if not name.startswith("_") and name not in INSIDE and not any("State" in one for one in asked):
            found.append(name)
    return [*found, "reset"]


def short(value: object) -> str:
    """For the report of a fault."""
    words = repr(value)
    return words if len(words) < 60 else f"{words[:50]}... ({len(words)} letters)"
