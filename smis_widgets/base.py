"""What all widgets share: state -> render -> view, errors shown as values, reset, close, a short repr.

    a control or a click --> change(state) --> new state --> compute(new state) --> Frame --> show(frame)

An error on the way is shown in the widget, with what to do; the state and the last good picture stay.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

import ipywidgets as widgets
import numpy as np

from smis_widgets.look import STYLE
from smis_widgets.surface import stop_holding


class Resettable(Protocol):
    """What every state can do."""

    def reset(self) -> Any: ...


State = TypeVar("State", bound=Resettable)


class Refused(ValueError):
    """A request that makes no sense in the present state. The message says why and what would work."""


@dataclass(frozen=True)
class Frame:
    """What `render` returns: a picture, the numbers that describe it, or the error that kept it from being made."""

    image: np.ndarray | None  # uint8 (H, W, 3)
    stats: Mapping[str, Any] = field(default_factory=dict)
    error: Exception | None = None


class Panel(widgets.VBox, Generic[State]):
    """The common widget. A subclass gives `compute`, `show` and `sync`, and builds its children.

    Everything happens in the kernel's own thread, one request after the other: no thread is started, none is left.
    """

    def __init__(self, state: State, strict: bool = False) -> None:
        """`strict=True` raises errors again after showing them: for tests and for debugging."""
        super().__init__()
        self.state = state
        self.frame = Frame(None)
        self.strict = strict
        self.status = widgets.HTML()
        self._busy = False  # True while the controls are being set from the state
        self._alive = True
        self.add_class("smis-panel")

    # --- what a subclass gives ---------------------------------------------------------------------------
    def compute(self, state: State) -> Frame:
        """The frame of a state. Pure."""
        raise NotImplementedError

    def show(self, frame: Frame) -> None:
        """Put the frame's picture on the screen."""
        raise NotImplementedError

    def sync(self) -> None:
        """Set every control to what `self.state` says."""
        raise NotImplementedError

    def describe(self) -> str:
        """The picture in words, as HTML for the status line."""
        raise NotImplementedError

    # --- the way of every request ----------------------------------------------------------------------------
    def act(self, change: Callable[[State], State]) -> None:
        """Change the state, render it, show it. On an error: say so, and keep what was."""
        if self._busy:
            return
        self.check_open()
        state, frame = self.state, self.frame
        try:
            new = change(state)
            drawn = self.compute(new)
            if drawn.error is not None:
                raise drawn.error
            self.state, self.frame = new, drawn
            self.show(drawn)
            self._set_controls()
            self.tell(self.describe())
        except BaseException as error:  # an interrupted kernel, too, leaves nothing half done
            if self.state is not state or self.frame is not frame:
                self.state, self.frame = state, frame
                with suppress(Exception):  # there may be no good picture yet
                    self.show(frame)
            self._say(error)
            if self.strict or not isinstance(error, Exception):
                raise

    # --- callbacks ---------------------------------------------------------------------------------------------
    def when(self, control: widgets.Widget, deed: Callable[[Any], object], trait: str = "value") -> None:
        """Do this with the control's new value. Whatever goes wrong is said in the status line."""
        control.observe(lambda change: None if self._busy else self.attempt(partial(deed, change.new)), trait)

    def attempt(self, deed: Callable[[], object]) -> None:
        """Do it; an error is shown with its remedy, the state and the picture stay."""
        try:
            deed()
        except BaseException as error:
            self.fail(error)
            if not isinstance(error, Exception):
                raise

    def guarded(self, deed: Callable[..., object]) -> Callable[..., None]:
        """A callback that does this with what it is called with. Whatever goes wrong is said in the status line."""
        return lambda *args: self.attempt(partial(deed, *args))

    def button(
        self, word: str, icon: str, tip: str, deed: Callable[[], object], look: str = "smis-tool"
    ) -> widgets.Button:
        """A button that does this; `look` is its class in the page's style."""
        button = widgets.Button(description=word, icon=icon, tooltip=tip)
        button.add_class(look)
        button.on_click(lambda _: self.attempt(deed))
        return button

    def fail(self, error: BaseException) -> None:
        """Say what went wrong, and set the controls back to the state."""
        self._say(error)
        if self.strict:
            raise error

    # --- for everybody -----------------------------------------------------------------------------------------
    def reset(self) -> None:
        """Back to the state at the start."""
        self.act(lambda state: state.reset())

    def tell(self, text: str) -> None:
        """Write HTML into the status line, which screen readers announce."""
        self.status.value = f'<div class="smis-status" role="status" aria-live="polite">{text}</div>'

    def check_open(self) -> None:
        """Raises RuntimeError when the widget was closed."""
        if not self._alive:
            raise RuntimeError(f"{self!r} is closed. Make a new one to go on")

    def close(self) -> None:
        """Take the widget and all its parts off the screen and out of the kernel. Closing twice is fine."""
        looks: list[object] = []  # layouts and styles: widgets of their own
        if getattr(self, "_alive", False):
            self._alive = False
            for part in parts(self):
                looks += [getattr(part, "layout", None), getattr(part, "style", None)]
                part.close()
            looks.append(self.layout)
        super().close()
        for look in looks:
            if isinstance(look, widgets.Widget):
                look.close()

    def _say(self, error: BaseException) -> None:
        """Let go of what was held, set the controls to the state, and say what went wrong."""
        self._busy = False
        stop_holding()
        words = ""
        with suppress(Exception):  # the words may fail, too; the first error is what counts
            words = self.describe()
        with suppress(Exception):
            self._set_controls()
        self.tell(words + problem(error))

    def _set_controls(self) -> None:
        try:
            self._busy = True
            self.sync()
            self._busy = False
        except BaseException:  # not `finally`: an interrupt right there would leave a panel that answers to nothing
            self._busy = False
            raise

    def _assemble(self, *children: widgets.Widget, style: str = "") -> None:
        self.children = (widgets.HTML(STYLE + style, layout=widgets.Layout(display="none")), *children)


def parts(box: widgets.Widget) -> list[widgets.Widget]:
    """All widgets inside a box, the box itself left out."""
    found = []
    for child in getattr(box, "children", ()):
        found += [*parts(child), child]
    return found


def problem(error: BaseException) -> str:
    """An error as HTML: what happened and what to do about it."""
    if isinstance(error, KeyboardInterrupt):
        return '<div class="smis-hint">Interrupted: this was not done, the last good picture stays. Try it again.</div>'
    text = html.escape(str(error) or "no message")
    if isinstance(error, Refused):
        return f'<div class="smis-hint">{text}</div>'
    return (
        f'<div class="smis-error"><b>Not drawn: {type(error).__name__}: {text}</b><br>The last good picture stays. '
        "Try another choice or Reset; if it happens again, run the cells from the one that loads the model.</div>"
    )
