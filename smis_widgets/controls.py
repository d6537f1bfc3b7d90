"""Small things that controls need: a field for a letter, a slider that is set, a framed button."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as widgets


def typed(deed: Callable[[str], None], text: str) -> None:
    """The last letter typed into a field; half-way through typing nothing happens."""
    if text.strip():
        deed(text.strip()[-1].upper())


def put(slider: widgets.FloatSlider, value: float) -> None:
    """Set a slider, unless it differs by rounding only: to be set takes it back to where it was a moment ago."""
    if abs(slider.value - value) > 1e-6:
        slider.value = value


def mark(buttons: Sequence[widgets.Button], chosen: int | None) -> None:
    """Frame one of these buttons, and no other."""
    for number, button in enumerate(buttons):
        (button.add_class if number == chosen else button.remove_class)("smis-on")
