"""What widgets about one scene and one class share: both choices, and callbacks that say what went wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

import ipywidgets as widgets
from ipywidgets import Layout

from smis.labels import LabelSet
from smis_widgets.base import Panel, Resettable
from smis_widgets.board import PHOTO, Board, cell_style, paint
from smis_widgets.controls import cells, flag, letter_field, mark, numbered, working
from smis_widgets.drawing import Studio
from smis_widgets.look import swatches
from smis_widgets.theme import letter

State = TypeVar("State", bound=Resettable)
SLOW = 0.2  # seconds; a panel that took longer the last time shows its busy mark


class Choosing(Panel[State]):
    """A panel whose callbacks never fail silently, with a busy mark where the work takes its time."""

    def __init__(self, state: State, strict: bool = False) -> None:
        super().__init__(state, strict)
        self.busy = widgets.HTML()
        self._took = 0.0  # seconds of the last request

    def act(self, change: Callable[[State], State]) -> None:
        """As every panel; the busy mark is shown while it lasts, if the last one was slow."""
        begin = time.perf_counter()
        try:
            with working(self.busy) if self._took > SLOW else nullcontext():
                super().act(change)
        finally:
            self.busy.value = ""
            self._took = time.perf_counter() - begin


class Scenes:
    """A row of the gallery's photographs, and a field for the letter: which scene. `deed(letter)` chooses."""

    def __init__(self, panel: Panel[Any], studio: Studio, deed: Callable[[str], None]) -> None:
        self.board = Board(len(studio.samples), 0)
        self.scope = f"smis-{panel.model_id[:8]}"
        self.style = cell_style(self.scope, self.board, paint(self.board, studio))
        self.field = letter_field(panel, "scene", "Which scene: type a letter", deed, 46)
        self.cells = cells(panel, self.board.people, lambda n: f"Take scene {letter(n)}", deed)
        layout = Layout(height=f"{self.board.pitch}px", align_items="center")
        row = widgets.HBox([self.field, widgets.HBox(self.cells)], layout=layout)
        self.box = widgets.VBox([row], layout=Layout(overflow="auto hidden", flex="none"))  # the board's row PHOTO
        self.box.add_class(self.scope)
        assert PHOTO == 0

    def beside(self, *parts: widgets.Widget, width: int) -> widgets.HBox:
        """The row with these parts at its right end, at most `width` CSS pixels wide: the top of a widget."""
        layout = Layout(justify_content="space-between", align_items="center", flex_flow="row wrap")
        layout.max_width, layout.width = f"{width}px", "100%"
        return widgets.HBox([self.box, widgets.HBox(parts, layout=Layout(flex="none"))], layout=layout)

    def sync(self, scene: int) -> None:
        """Show which scene is chosen."""
        self.field.value = letter(scene)
        mark(self.cells, scene)

    def number(self, name: str) -> int:
        """The number of a scene by its letter; Refused when there is none."""
        return numbered(name, self.board.people, "scene")


class Chips:
    """A chip a class in the palette's colours, one of which is chosen. `deed(name)` chooses."""

    def __init__(self, panel: Panel[Any], label_set: LabelSet, deed: Callable[[str], None], tip: str) -> None:
        self.scope = f"smis-chips-{panel.model_id[:8]}"
        self.style = swatches(self.scope, "smis-chip", label_set.palette)
        self.tips = [tip.format(name) for name in label_set.classes]
        self.chips = []

        def press(name: str, _: bool) -> None:  # pressing the chosen one again changes nothing
            deed(name)

        for name in label_set.classes:
            chip = widgets.ToggleButton(description=name)
            chip.add_class("smis-chip")
            panel.when(chip, partial(press, name))
            self.chips.append(chip)
        self.box = widgets.HBox(self.chips, layout=Layout(flex_flow="row wrap", flex="none"))
        self.box.add_class("smis-chips").add_class(self.scope)

    def sync(self, chosen: int, present: tuple[bool, ...]) -> None:
        """Show which class is chosen, and which the scene does not show."""
        for c, (chip, tip, there) in enumerate(zip(self.chips, self.tips, present, strict=True)):
            chip.value = c == chosen
            chip.tooltip = tip if there else f"{tip}: this scene shows none"
            flag(chip, not there, "smis-unseen")
