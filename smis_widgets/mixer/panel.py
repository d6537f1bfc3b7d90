"""The mixer: per class, whose style to take; any mask; the mixed person at once. The view only: see `state.py`."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from smis.datasets.archive import Samples
from smis_widgets.base import Frame, Panel, Refused
from smis_widgets.board import CLASSES, MASK, PHOTO, Board, cell_style, paint, strip_style
from smis_widgets.controls import moved, numbered, typed
from smis_widgets.drawing import Model, Studio
from smis_widgets.mixer.pictures import chosen, snapshot
from smis_widgets.mixer.state import MixerState, describe, render, start
from smis_widgets.pictures import enlarge
from smis_widgets.saving import saved_link, write_new
from smis_widgets.surface import Surface
from smis_widgets.theme import css, letter

SIDE = 320  # width of the mixed person in CSS pixels
STRIP, CELL = 6, 50  # variations in the strip, and the width of one
NOBODY = "–"
HINT = (
    "Click a cut-out to take one class, a photograph to take the whole person, a mask to take the shape. "
    "Without a mouse: type a letter into a field."
)


class Mixer(Panel[MixerState]):
    """Mix people: `Mixer(model, gallery)` with a `GroupDNet` and `Samples` of the network's size.

    `pictures` are the same people in a finer size, for the thumbnails. `seed` makes 'Surprise me' repeatable.
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
        self.rng = np.random.default_rng(seed)
        self.saved: Path | None = None
        self.variations: list[MixerState] = []
        self.board = Board(len(gallery), len(self.label_set))
        height, width = model.config.image_size
        self.shown = (SIDE, SIDE * height // width)  # the mixed person in CSS pixels
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
        """Take so much of the picked style of a class, 0 to 1: the rest stays that of the shape's own person."""
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
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        return snapshot(replace(self.board, scale=scale), self.studio, self.state, self.frame.image, self.shown)

    def save(self, name: str = "mix.png") -> Path:
        """Write the mixed person as PNG beside the notebook and return its path. Never overwrites: it counts up.

        Raises ValueError for a name that is not a PNG file's, OSError when the folder cannot be written.
        """
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

    def show(self, frame: Frame) -> None:
        assert frame.image is not None
        self.result.show(np.array(enlarge(frame.image, self.result.size)))

    def sync(self) -> None:
        state, framed = self.state, chosen(self.state)
        for place, cell in self.cells.items():
            if place in framed:
                cell.add_class("smis-on")
            else:
                cell.remove_class("smis-on")
        self.person.value = letter(state.sources[0]) if len(set(state.sources)) == 1 else NOBODY
        self.mask.value = letter(state.mask)
        for c, (source, lock) in enumerate(zip(self.sources, self.locks, strict=True)):
            person = state.sources[c]
            source.value = letter(person) if state.present[person][c] else NOBODY
            source.disabled = lock.value = c in state.locked
            lock.icon = "lock" if lock.value else "unlock"
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
        height, width = self.studio.model.config.image_size
        self.scope = f"smis-{self.model_id[:8]}"
        self.plain, self.bare = widgets.Layout(), widgets.ButtonStyle()  # shared by all cells
        # Twice the network's size, smoothly: a few kilobytes, and the browser's own enlarging does the rest.
        self.result = Surface((2 * width, 2 * height), self.shown)
        self.result.widget.add_class("smis-result")

        self.person = self._field("person", "Take the whole person: type a letter", self.whole)
        self.mask = self._field("shape", "Take the mask of this person: type a letter", self.shape)
        self.cells: dict[tuple[int, int], widgets.Button] = {}
        self.sources: list[widgets.Text] = []
        self.locks: list[widgets.ToggleButton] = []
        rows = [
            self._row(PHOTO, self.person, "Take the whole of {}", self.whole),
            self._row(MASK, self.mask, "Take the shape of {}", self.shape),
        ]
        for c, name in enumerate(self.label_set.classes):
            source = self._field(name, f"Whose {name} to take: type a letter", partial(self.pick, name))
            lock = widgets.ToggleButton(icon="unlock", tooltip=f"Lock {name}: no other choice changes it")
            self.when(lock, partial(self.lock, name))
            lock.add_class("smis-lock")
            self.sources.append(source)
            self.locks.append(lock)
            rows.append(self._row(CLASSES + c, source, f"{name.capitalize()} of {{}}", partial(self.pick, name), lock))

        dice = widgets.Button(
            description="Surprise me",
            icon="random",
            button_style="primary",
            tooltip="Draw every class that is not locked at random",
        )
        back = widgets.Button(description="Reset", icon="undo", tooltip="The first person as it is; all locks open")
        self.file = widgets.Text(
            "mix.png",
            description="File",
            tooltip="File name, beside the notebook",
            layout=widgets.Layout(width="196px"),
            style={"description_width": "28px"},
        )
        many = widgets.Button(
            description="Variations",
            icon="th",
            tooltip="Draw six mixtures to choose from",
            layout=widgets.Layout(width="auto", flex="1 1 auto"),
        )
        many.on_click(lambda _: self.attempt(self.vary))
        self.weight = widgets.FloatSlider(
            1.0,
            min=0,
            max=1,
            step=0.05,
            description="weight",
            tooltip="How much of the style picked last is taken; the rest stays that of the shape's own person",
            layout=widgets.Layout(width=f"{SIDE}px"),
            style={"description_width": "118px"},
        )
        self.when(self.weight, self._weighed)
        self.strip_style = widgets.HTML(layout=widgets.Layout(display="none"))
        cells = []
        for n in range(STRIP):
            cell = widgets.Button(tooltip=f"Variation {n + 1}: go on with it")
            cell.on_click(lambda _, n=n: self.attempt(partial(self.take, n)))
            cell.add_class("smis-cell")
            cells.append(cell)
        self.strip = widgets.HBox(
            cells, layout=widgets.Layout(width=f"{SIDE}px", justify_content="space-between", display="none")
        )
        save = widgets.Button(description="Save PNG", icon="download", tooltip="Write the mixed person to this file")
        for button, deed in ((dice, self.surprise), (back, self.reset), (save, self._save)):
            button.on_click(lambda _, deed=deed: self.attempt(deed))
            button.layout.width = "auto"
            button.layout.flex = "1 1 auto"
        self.count = widgets.HTML()

        wide = widgets.Layout(width=f"{SIDE}px")
        right = widgets.VBox(
            [
                self.result.widget,
                self.weight,
                widgets.HBox([dice, many, back], layout=wide),
                self.strip,
                widgets.HBox([self.file, save], layout=wide),
                self.count,
                self.status,
            ],
            layout=wide,
        )
        hint = widgets.HTML(f'<div class="smis-status"><small>{HINT}</small></div>')
        board = widgets.VBox(rows)
        board.add_class(self.scope)
        self.strip.add_class(f"{self.scope}-strip")
        self._assemble(
            hint,
            widgets.HBox([board, right], layout=widgets.Layout(flex_flow="row wrap", grid_gap="12px")),
            self.strip_style,
            style=cell_style(self.scope, self.board, paint(self.board, self.studio)),
        )

    def _field(self, name: str, tooltip: str, deed: Callable[[str], None]) -> widgets.Text:
        """A field for one letter. Not a menu: Jupyter takes the arrow keys away from menus, but not from text."""
        field = widgets.Text(
            description=name, tooltip=tooltip, style={"description_width": "80px"}, layout=widgets.Layout(width="122px")
        )
        self.when(field, partial(typed, deed))
        field.add_class("smis-letter")
        return field

    def _row(
        self, row: int, field: widgets.Text, words: str, deed: Callable[[str], None], lock: widgets.Widget | None = None
    ) -> widgets.HBox:
        """Swatch, field, lock, and one button a person; `words` with the person's letter is its tooltip."""
        buttons = []
        for p in range(self.board.people):
            there = row < CLASSES or self.state.present[p][row - CLASSES]
            text = words if there else f"{{}} shows no {self.label_set.classes[row - CLASSES]}"
            button = widgets.Button(
                tooltip=text.format(letter(p)), disabled=not there, layout=self.plain, style=self.bare
            )
            button.on_click(lambda _, p=p: self.attempt(partial(deed, letter(p))))
            button.add_class("smis-cell")
            self.cells[row, p] = button
            buttons.append(button)
        colour = css(self.label_set.palette[row - CLASSES]) if row >= CLASSES else "transparent; box-shadow: none"
        swatch = widgets.HTML(f'<div class="smis-swatch" style="background: {colour}"></div>')
        beside = widgets.Box(layout=widgets.Layout(width="36px")) if lock is None else lock
        layout = widgets.Layout(height=f"{self.board.pitch}px", align_items="center")
        return widgets.HBox([swatch, field, beside, widgets.HBox(buttons)], layout=layout)

    def _weighed(self, value: float) -> None:
        latest = self.state.latest
        if latest is not None and moved(self.weight, value, self.state.weights[latest]):
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
        return numbered(person, self.board.people, "person")
