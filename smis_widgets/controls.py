"""Controls that several widgets have, and small things they need: a letter and its number, the busy mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import ipywidgets as widgets
from ipywidgets import Layout

from smis_widgets.base import Panel, Refused
from smis_widgets.theme import LETTERS, letter


def typed(deed: Callable[[str], object], text: str) -> None:
    """The last letter typed into a field; half-way through typing nothing happens."""
    if text.strip():
        deed(text.strip()[-1].upper())


def numbered(name: str, count: int, what: str) -> int:
    """The number of a letter, 1 for 'B'. Raises Refused unless it is among the first `count`; they stand for `what`."""
    if name not in tuple(LETTERS[:count]):
        raise Refused(f"There is no {what} {name!r}: they are called {letter(0)} to {letter(count - 1)}.")
    return LETTERS.index(name)


@contextmanager
def working(busy: widgets.HTML, what: str = "working") -> Iterator[None]:
    """The busy mark, as long as the body runs."""
    try:
        busy.value = f'<span class="smis-working" role="status">{what}…</span>'
        yield
        busy.value = ""
    except BaseException:  # also an interrupted kernel
        busy.value = ""
        raise


def moved(slider: widgets.FloatSlider, value: float, before: float) -> bool:
    """Whether a slider's new value is a move: the browser also reports when it has rounded a value to the step."""
    return bool(abs(value - before) > slider.step / 2 + 1e-9)


def put(slider: widgets.FloatSlider, value: float) -> None:
    """Set a slider, unless it differs by rounding only: to be set takes it back to where it was a moment ago."""
    if abs(slider.value - value) > 1e-6:
        slider.value = value


def flag(part: widgets.DOMWidget, on: bool, name: str = "smis-on") -> None:
    """Give a part a class of the page's style, or take it away; by default the frame of what is chosen."""
    (part.add_class if on else part.remove_class)(name)


def mark(buttons: Sequence[widgets.Button], chosen: int | None) -> None:
    """Frame one of these buttons, and no other."""
    for number, button in enumerate(buttons):
        flag(button, number == chosen)


# --- controls ---------------------------------------------------------------------------------------------------
def toggle(
    panel: Panel[Any], word: str, icon: str, tip: str, deed: Callable[[bool], object], on: bool = False
) -> widgets.ToggleButton:
    """A button that stays down. `deed(on)` is done with its new position."""
    button = widgets.ToggleButton(on, description=word, icon=icon, tooltip=tip)
    button.add_class("smis-tool")
    panel.when(button, deed)
    return button


def padlock(panel: Panel[Any], tip: str, deed: Callable[[bool], object]) -> widgets.ToggleButton:
    """A lock, open or closed; `fasten` shows which."""
    lock = widgets.ToggleButton(icon="unlock", tooltip=tip)
    lock.add_class("smis-lock")
    panel.when(lock, deed)
    return lock


def fasten(lock: widgets.ToggleButton, closed: bool) -> None:
    """Show a lock open or closed."""
    lock.value, lock.icon = closed, "lock" if closed else "unlock"


def toggles(
    panel: Panel[Any],
    name: str,
    tip: str,
    options: Mapping[str, Any],
    deed: Callable[[Any], object],
    tips: Sequence[str] = (),
) -> widgets.ToggleButtons:
    """Buttons of which one is down. `options` are their names and values; `deed(value)` is done with the new one.

    `tip` is the tool tip of all, `tips` are those of each.
    """
    style = {"description_width": "auto", "button_width": "auto"}
    buttons = widgets.ToggleButtons(options=options, description=name, tooltip=tip, tooltips=list(tips), style=style)
    buttons.add_class("smis-set")
    panel.when(buttons, deed)
    return buttons


def letter_field(panel: Panel[Any], name: str, tip: str, deed: Callable[[str], object], label: int) -> widgets.Text:
    """A field for one letter, its name `label` CSS pixels wide.

    Not a menu: Jupyter takes the arrow keys away from menus, but not from text.
    """
    layout, style = Layout(width=f"{label + 42}px"), {"description_width": f"{label}px"}
    field = widgets.Text(description=name, tooltip=tip, layout=layout, style=style)
    field.add_class("smis-letter")
    panel.when(field, partial(typed, deed))
    return field


def cells(
    panel: Panel[Any], count: int, tip: Callable[[int], str], deed: Callable[[str], object]
) -> list[widgets.Button]:
    """A row of buttons for pictures, one a letter; `tip(0)` is the first one's tool tip, `deed("A")` what it does."""
    layout, style, row = Layout(), widgets.ButtonStyle(), []  # shared by all: a widget each, and there are many
    for n in range(count):
        cell = widgets.Button(tooltip=tip(n), layout=layout, style=style)
        cell.on_click(lambda _, n=n: panel.attempt(partial(deed, letter(n))))
        cell.add_class("smis-cell")
        row.append(cell)
    return row
