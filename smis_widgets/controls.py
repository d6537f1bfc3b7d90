"""Small things that controls need: a letter and its number, a slider that is set, a framed button, the busy mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import ipywidgets as widgets

from smis_widgets.base import Refused
from smis_widgets.theme import LETTERS, letter


def typed(deed: Callable[[str], None], text: str) -> None:
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
    busy.value = f'<span class="smis-working" role="status">{what}…</span>'
    try:
        yield
    finally:
        busy.value = ""


def moved(slider: widgets.FloatSlider, value: float, before: float) -> bool:
    """Whether a slider's new value is a move: the browser also reports when it has rounded a value to the step."""
    return bool(abs(value - before) > slider.step / 2 + 1e-9)


def put(slider: widgets.FloatSlider, value: float) -> None:
    """Set a slider, unless it differs by rounding only: to be set takes it back to where it was a moment ago."""
    if abs(slider.value - value) > 1e-6:
        slider.value = value


def mark(buttons: Sequence[widgets.Button], chosen: int | None) -> None:
    """Frame one of these buttons, and no other."""
    for number, button in enumerate(buttons):
        (button.add_class if number == chosen else button.remove_class)("smis-on")
