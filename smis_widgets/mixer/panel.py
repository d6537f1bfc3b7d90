"""The mixer: per class, whose style to take; any mask; the mixture at once. The view only: see `state.py`."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from ipywidgets import Layout
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from smis.datasets.archive import Samples
from smis_widgets.base import Frame, Refused
from smis_widgets.board import CLASSES, MASK, PHOTO, Board, cell_style, paint, strip_style
from smis_widgets.controls import cells, fasten, flag, letter_field, moved, numbered, padlock
from smis_widgets.drawing import Model, Studio
from smis_widgets.hasty import Hasty
from smis_widgets.look import hint
from smis_widgets.mixer.pictures import chosen, snapshot
from smis_widgets.mixer.state import MixerState, codes, describe, render, start
from smis_widgets.pictures import enlarge, sent
from smis_widgets.saving import saved_link, write_new
from smis_widgets.surface import Surface
from smis_widgets.theme import LETTERS, css, letter, thing

SIDE = 320  # width of the mixture in CSS pixels
STRIP, CELL = 6, 50  # variations in the strip, and the width of one
NAMES = 80  # width of the classes' names
NOBODY = "–"
HINT = (
    "Click a cut-out to take one class, a photograph to take the whole {}, a mask to take the shape. "
    "Without a mouse: type a letter into a field."
)


class Mixer(Hasty[MixerState]):
    """Mix people, rooms, streets: `Mixer(model, gallery)` with a `GroupDNet` and `Samples` of the network's size.

    `pictures` are the same images in a finer size, for the thumbnails. `seed` makes 'Surprise me' repeatable.
    Raises ValueError when the gallery does not fit the network.
    """

    def __init__(
        self,
        model: Model,
        gallery: Samples,
        pictures: Samples | None = None,
        seed: int | None = None,
        strict: bool = False,
    ) -> None:
        self.studio = Studio.open(model, gallery, pictures)
        super().__init__(start(self.studio), strict)
        self.label_set = gallery.label_set
        self.thing = thing(self.label_set.name)  # what one image shows, such as "person"
        self.rng = np.random.default_rng(seed)
        self.saved: Path | None = None
        self.variations: list[MixerState] = []
        self.board = Board(len(gallery), len(self.label_set))
        height, width = model.config.image_size
        self.shown = (SIDE, SIDE * height // width)  # the mixture in CSS pixels
        self._build()
        self.act(lambda state: state)

    def __repr__(self) -> str:
        return f"Mixer({self.label_set.name}, {self.board.people} references, {self.board.classes} classes)"

    # --- what one can do, by hand or from code -------------------------------------------------------------
    def pick(self, name: str, person: str) -> None:
        """Take a class from a person: `mixer.pick("top", "G")`."""
        self.act(lambda state: state.pick(self.label_set.index(name), self._number(person)))

    def whole(self, person: str) -> None:
        """Take every class that is not locked from a person."""
        self.act(lambda state: state.whole(self._number(person)))

    def shape(self, person: str) -> None:
        """Take the mask of a person."""
        self.act(lambda state: state.with_mask(self._number(person)))

    def lock(self, name: str, locked: bool = True) -> None:
        """Keep a class as it is, or let it go again."""
        self.act(lambda state: state.lock(self.label_set.index(name), locked))

    def surprise(self) -> None:
        """Draw every class that is not locked at random."""
        self.act(lambda state: state.surprise(self.rng))

    def weigh(self, name: str, weight: float) -> None:
        """Take so much of the picked style of a class, 0 to 1: the rest stays that of the shape's own image."""
        self.act(lambda state: state.weigh(self.label_set.index(name), weight))

    def vary(self) -> None:
        """Draw a strip of six mixtures to choose from: what is not locked is random in each."""
        states = [self.state.surprise(self.rng) for _ in range(STRIP)]
        frames = [self.compute(state) for state in states]
        for frame in frames:
            if frame.error is not None:
                raise frame.error
        self.variations = states
        images = [frame.image for frame in frames if frame.image is not None]
        self.strip_style.value = strip_style(f"{self.scope}-strip", images, CELL)
        self.strip.layout.display = "flex"

    def take(self, number: int) -> None:
        """Go on with a mixture of the strip, 0 to 5."""
        if not 0 <= number < len(self.variations):
            raise Refused(f"The strip has the mixtures 0 to {STRIP - 1}, got {number}. Variations draws a strip.")

        def taken(state: MixerState) -> MixerState:
            new = replace(self.variations[number], locked=state.locked)
            for c in state.locked:  # since the strip was drawn
                if (new.sources[c], new.weights[c]) != (state.sources[c], state.weights[c]):
                    name = state.classes[c]
                    raise Refused(
                        f"This mixture has another {name}, which is locked now. Variations draws a new strip."
                    )
            return new

        self.act(taken)

    def snapshot(self, scale: int = 1) -> Image.Image:
        """The whole widget as a still picture, `scale` times as large: works with no front end."""
        self.settle()
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        return snapshot(replace(self.board, scale=scale), self.studio, self.state, self.frame.image, self.shown)

    def save(self, name: str = "mix.png") -> Path:
        """Write the mixture as PNG beside the notebook and return its path. Never overwrites: it counts up.

        Raises ValueError for a name that is not a PNG file's, OSError when the folder cannot be written.
        """
        self.settle()
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        recipe = PngInfo()
        recipe.add_text("Description", " ".join(describe(self.state, self.studio)))
        data = io.BytesIO()
        enlarge(self.frame.image, (2 * self.shown[0], 2 * self.shown[1])).save(data, "PNG", pnginfo=recipe)
        return write_new(Path(name.strip()), data.getvalue())

    def close(self) -> None:
        if getattr(self, "_alive", False):
            self.result.close()
        super().close()

    # --- the three duties of a Panel -------------------------------------------------------------------------
    def compute(self, state: MixerState) -> Frame:
        return render(state, self.studio)

    def inputs(self, state: MixerState) -> tuple[Tensor, np.ndarray]:
        return codes(state, self.studio), self.studio.samples.labels[state.mask]

    def show(self, frame: Frame) -> None:
        assert frame.image is not None
        self.result.show(np.array(enlarge(frame.image, self.result.size)))

    def sync(self) -> None:
        state, framed = self.state, chosen(self.state)
        for place, cell in self.cells.items():
            flag(cell, place in framed)
        self.image.value = letter(state.sources[0]) if len(set(state.sources)) == 1 else NOBODY
        self.mask.value = letter(state.mask)
        for c, (source, lock) in enumerate(zip(self.sources, self.locks, strict=True)):
            person = state.sources[c]
            source.value = letter(person) if state.present[person][c] else NOBODY
            source.disabled = c in state.locked
            fasten(lock, c in state.locked)
        latest = state.latest
        self.weight.description = "weight" if latest is None else f"{state.classes[latest]}: weight"
        self.weight.disabled = latest is None or latest in state.locked
        self.weight.value = 1.0 if latest is None else state.weights[latest]
        self.count.value = (
            f'<div class="smis-status"><small>{state.mixtures():,} mixtures with this shape</small></div>'
        )

    def describe(self) -> str:
        first, *rest = (html.escape(line) for line in describe(self.state, self.studio))
        return first + "".join(f"<br><small>{line}</small>" for line in rest)

    # --- building ---------------------------------------------------------------------------------------------
    def _build(self) -> None:
        self.scope = f"smis-{self.model_id[:8]}"
        self.result = Surface(sent(self.studio.model.config.image_size), self.shown)
        self.result.widget.add_class("smis-result").tooltip = "The mixture; the words below say what it shows"
        self.strip_style = widgets.HTML(layout=Layout(display="none"))
        board = widgets.VBox(self._rows(), layout=Layout(overflow="auto hidden", flex="0 1 auto"))
        board.add_class(self.scope)
        self.add_class("smis-mixer")
        self._assemble(
            hint(HINT.format(self.thing)),
            widgets.HBox([board, self._right()], layout=Layout(flex_flow="row wrap", grid_gap="12px")),
            self.strip_style,
            style=cell_style(self.scope, self.board, paint(self.board, self.studio)),
        )

    def _rows(self) -> list[widgets.HBox]:
        """The board: photographs, masks, and a row a class."""
        whole = f"Take the whole {self.thing}: type a letter"
        self.image = letter_field(self, self.thing, whole, self.whole, NAMES)
        self.mask = letter_field(self, "shape", "Whose shape to take: type a letter", self.shape, NAMES)
        self.cells: dict[tuple[int, int], widgets.Button] = {}
        self.sources: list[widgets.Text] = []
        self.locks: list[widgets.ToggleButton] = []
        rows = [
            self._row(PHOTO, self.image, f"Take the whole {self.thing} {{}}", self.whole),
            self._row(MASK, self.mask, "Take the shape of {}", self.shape),
        ]
        for c, name in enumerate(self.label_set.classes):
            pick = partial(self.pick, name)
            self.sources.append(letter_field(self, name, f"Whose {name} to take: type a letter", pick, NAMES))
            self.locks.append(padlock(self, f"Lock {name}: no other choice changes it", partial(self.lock, name)))
            words = f"{name.capitalize()} of {{}}"
            rows.append(self._row(CLASSES + c, self.sources[c], words, pick, self.locks[c]))
        return rows

    def _row(
        self, row: int, field: widgets.Text, words: str, deed: Callable[[str], None], lock: widgets.Widget | None = None
    ) -> widgets.HBox:
        """Swatch, field, lock, and one button an image; `words` with the image's letter is its tool tip."""
        there = [row < CLASSES or self.state.present[p][row - CLASSES] for p in range(self.board.people)]
        none = "" if row < CLASSES else f"{{}} shows no {self.label_set.classes[row - CLASSES]}"
        buttons = cells(self, len(there), lambda p: (words if there[p] else none).format(letter(p)), deed)
        for p, button in enumerate(buttons):
            button.disabled = not there[p]
            self.cells[row, p] = button
        colour = css(self.label_set.palette[row - CLASSES]) if row >= CLASSES else "transparent; box-shadow: none"
        swatch = widgets.HTML(f'<div class="smis-swatch" style="background: {colour}"></div>')
        beside = widgets.Box(layout=Layout(width="36px", flex="none")) if lock is None else lock
        layout = Layout(height=f"{self.board.pitch}px", align_items="center", flex="none")
        return widgets.HBox([swatch, field, beside, widgets.HBox(buttons)], layout=layout)

    def _right(self) -> widgets.VBox:
        """The mixture, what belongs to it, and the words."""
        wide = Layout(width=f"{SIDE}px")
        dice = self.button("Surprise me", "random", "Draw every class that is not locked at random", self.surprise)
        dice.button_style = "primary"
        many = self.button("Variations", "th", "Draw six mixtures to choose from", self.vary)
        back = self.button("Reset", "undo", f"The first {self.thing} as it is; all locks open", self.reset)
        save = self.button("Save PNG", "download", "Write the mixture to this file", self._save)
        for button in (dice, many, back, save):
            button.layout.flex = "1 1 auto"
        tip = "How much of the style picked last is taken; the rest stays the style of the shape's own image"
        style = {"description_width": "118px"}
        self.weight = widgets.FloatSlider(
            1.0, min=0, max=1, step=0.05, description="weight", tooltip=tip, layout=wide, style=style
        )
        self.when(self.weight, self._weighed)
        self.file = widgets.Text(
            "mix.png",
            description="File",
            tooltip="File name, beside the notebook",
            layout=Layout(width="196px"),
            style={"description_width": "28px"},
        )
        tips = "Variation {}: go on with it"
        variations = cells(self, STRIP, lambda n: tips.format(n + 1), lambda name: self.take(LETTERS.index(name)))
        self.strip = widgets.HBox(
            variations, layout=Layout(width=f"{SIDE}px", justify_content="space-between", display="none")
        )
        self.strip.add_class(f"{self.scope}-strip")
        self.count = widgets.HTML()
        parts = [
            self.result.widget,
            self.weight,
            widgets.HBox([dice, many, back], layout=wide),
            self.strip,
            widgets.HBox([self.file, save], layout=wide),
            self.count,
            self.status,
        ]
        return widgets.VBox(parts, layout=wide)

    def _weighed(self, value: float) -> None:
        latest = self.state.latest
        if latest is None:
            raise Refused("A weight belongs to the class that was picked last: pick one first.")
        if moved(self.weight, value, self.state.weights[latest]):
            self.act(lambda state: state.weigh(latest, value))

    # --- saving -------------------------------------------------------------------------------------------------
    def _save(self) -> None:
        def keep(state: MixerState) -> MixerState:
            try:
                self.saved = self.save(self.file.value)
            except (OSError, ValueError) as error:
                raise Refused(f"Not saved: {error}") from error
            return state

        self.saved = None
        self.act(keep)
        if self.saved is not None:
            self.tell(self.describe() + saved_link(self.saved, "image/png"))

    def _number(self, person: str) -> int:
        return numbered(person, self.board.people, self.thing)
