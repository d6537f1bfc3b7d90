"""The morpher's controls: what they are called, where they stand, and how they follow the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

import ipywidgets as widgets
from ipywidgets import Layout

from smis_widgets.board import Board, cell_style, paint
from smis_widgets.controls import cells, flag, letter_field, mark, put, toggle, toggles
from smis_widgets.look import hint, swatches
from smis_widgets.morpher.pictures import ROWS, WIDTH, Chart, Filmstrip, data_url, label
from smis_widgets.morpher.state import ARC, FILMSTRIPS, STRAIGHT, MorphState
from smis_widgets.morpher.style import MORPHER, gallery_style
from smis_widgets.morpher.timeline import FPS, HIGHEST, LOWEST
from smis_widgets.pictures import sent
from smis_widgets.surface import Surface
from smis_widgets.theme import letter

if TYPE_CHECKING:
    from smis_widgets.morpher.panel import Morpher

SIDE = 300  # width of the morph in CSS pixels
HINT = (
    "Choose two references and the classes that move, then drag the slider. In the hatched parts the code goes further "
    "than either reference. Without a mouse: Tab, arrow keys, Page Up and Page Down, Home, End."
)


class MorphControls:
    """Builds all controls of a `Morpher`; `sync` sets them to what a state says."""

    def __init__(self, morpher: Morpher) -> None:
        self.morpher, self.studio, self.label_set = morpher, morpher.studio, morpher.label_set
        self.board = Board(len(self.studio.samples), 0)
        self.size: tuple[int, int] = tuple(self.studio.model.config.image_size)
        self.shown = (SIDE, SIDE * self.size[0] // self.size[1])
        self.result = Surface(sent(self.size), self.shown)
        self.result.widget.add_class("smis-result").tooltip = "The morph; the words beside it say what it shows"
        self.scope = f"smis-{morpher.model_id[:8]}"
        self.busy, self.strip_style = widgets.HTML(), widgets.HTML(layout=Layout(display="none"))
        self.plain, self.bare = Layout(), widgets.ButtonStyle()  # shared by many buttons
        self._keys: tuple[object, ...] = ()  # what the chart shows

        gallery, chips = self._gallery(), self._chips()
        self.style = (
            MORPHER
            + gallery_style(self.scope, self.board, cell_style(self.scope, self.board, paint(self.board, self.studio)))
            + swatches(self.scope, "smis-chip", self.label_set.palette)
        )
        self.path = toggles(
            morpher,
            "path",
            "How a code goes from the first reference to the second",
            {"straight (linear)": STRAIGHT, "arc (spherical)": ARC},
            morpher.along,
            ("Linear: Z = Z_a + t (Z_b - Z_a)", "Spherical: each class's code turns around the origin"),
        )
        swap = morpher.button("Swap", "exchange", "Let the two references change places", morpher.swap)
        back = morpher.button("Reset", "undo", "The first reference to the second, all classes", morpher.reset)
        left = widgets.VBox(
            [gallery, chips, self.path, morpher.status],
            layout=Layout(width=f"{WIDTH - SIDE - 16}px", min_height=f"{self.shown[1] + 40}px", grid_gap="8px"),
        )
        right = widgets.VBox([self.result.widget, widgets.HBox([swap, back])], layout=Layout(width=f"{SIDE}px"))
        top = widgets.HBox([left, right], layout=Layout(flex_flow="row wrap", grid_gap="16px"))
        lower = widgets.VBox([*self._strip(), *self._film()], layout=Layout(overflow="auto hidden"))
        morpher.add_class("smis-morpher")
        self.children = (hint(HINT, WIDTH), top, lower, self._files(), self.strip_style)

    # --- the parts -----------------------------------------------------------------------------------------------
    def _gallery(self) -> widgets.VBox:
        morpher = self.morpher
        deeds: tuple[Callable[[str], None], ...] = (
            lambda name: morpher.between(a=name),
            lambda name: morpher.between(b=name),
            morpher.shape,
        )
        words = ("Morph from {}", "Morph to {}", "Take the shape of {}")
        self.cells: list[list[widgets.Button]] = []
        self.letters: list[widgets.Text] = []
        rows = []
        for (name, _), deed, tip in zip(ROWS, deeds, words, strict=True):
            field = letter_field(morpher, name, tip.format("which: type a letter"), deed, 40)
            buttons = cells(morpher, self.board.people, partial(_told, tip), deed)
            self.letters.append(field)
            self.cells.append(buttons)
            layout = Layout(height=f"{self.board.pitch}px", align_items="center")
            rows.append(widgets.HBox([field, widgets.HBox(buttons)], layout=layout))
        box = widgets.VBox(rows, layout=Layout(overflow="auto hidden", flex="none"))
        box.add_class(self.scope)
        return box

    def _chips(self) -> widgets.HBox:
        morpher, self.chips = self.morpher, []
        for name in self.label_set.classes:
            chip = widgets.ToggleButton(description=name)
            chip.add_class("smis-chip")
            morpher.when(chip, partial(morpher.toggle, name))
            self.chips.append(chip)
        few = []
        for word, tip, classes in (
            ("all", "Let all classes move", range(len(self.chips))),
            ("none", "Let no class move, to begin with one", ()),
        ):
            few.append(morpher.button(word, "", tip, partial(self._few, classes), "smis-few"))
        box = widgets.HBox([*self.chips, *few], layout=Layout(flex_flow="row wrap", flex="none"))
        box.add_class("smis-chips").add_class(self.scope)
        return box

    def _few(self, classes: Iterable[int]) -> None:
        self.morpher.act(lambda state: state.choose(classes))

    def _strip(self) -> tuple[widgets.Widget, ...]:
        self.amount = widgets.FloatSlider(
            min=LOWEST, max=HIGHEST, step=0.01, readout=False, tooltip="How far: 0 is the first reference, 1 the second"
        )
        self.amount.add_class("smis-slide").add_class("smis-amount")
        self.morpher.when(self.amount, self._dragged)
        self.strip = widgets.HBox(layout=Layout(overflow="hidden"))
        self.strip.add_class(self.scope)
        self.ticks = widgets.HTML()
        self.steps = toggles(
            self.morpher,
            "frames",
            "How many pictures the filmstrip has",
            {str(n): n for n in FILMSTRIPS},
            lambda n: self.morpher.act(lambda state: state.filmstrip(n)),
            [f"A filmstrip of {n} pictures" for n in FILMSTRIPS],
        )
        return self.amount, self.strip, self.ticks

    def _film(self) -> tuple[widgets.Widget, ...]:
        morpher = self.morpher
        self.clock = widgets.Play(min=0, interval=1000 // FPS, repeat=True, layout=Layout(display="none"))
        morpher.when(self.clock, morpher.tick)
        morpher.when(self.clock, self._played, "playing")
        self.playing = toggle(morpher, "Play", "play", "Play the film along the time line", morpher.play)
        repeat = partial(setattr, self.clock, "repeat")
        self.loop = toggle(morpher, "Loop", "repeat", "Begin again at the end", repeat, on=True)
        before = morpher.button("", "step-backward", "Go to the keyframe before", partial(morpher.key, -1))
        after = morpher.button("", "step-forward", "Go to the next keyframe", partial(morpher.key, 1))
        self.add = morpher.button("Keyframe", "plus", "Keep this amount at this time", morpher.add_key)
        self.remove = morpher.button("Keyframe", "minus", "Remove the keyframe at this time", morpher.remove_key)
        self.length = widgets.FloatText(
            description="Seconds", tooltip="How long the film is", style={"description_width": "56px"}, step=0.5
        )
        self.length.layout.width = "124px"
        morpher.when(self.length, lambda seconds: morpher.act(lambda state: state.lasting(seconds)))
        chart = Chart(morpher.state.line)
        self.chart = widgets.HTML()
        self.line = widgets.Box([self.chart], layout=Layout(width=f"{WIDTH}px", height=f"{chart.height}px"))
        self.line.add_class("smis-line")
        self.time = widgets.FloatSlider(
            min=0,
            step=1 / FPS,
            readout=False,
            tooltip="Time in the film, in seconds",
            layout=Layout(width=f"{WIDTH - 2 * chart.side}px", margin=f"0 0 0 {chart.side}px"),
        )
        self.time.add_class("smis-slide")
        morpher.when(self.time, morpher.seek)
        row = [self.playing, self.loop, before, after, self.add, self.remove, self.length, self.steps, self.clock]
        tools = widgets.HBox(row, layout=Layout(align_items="center", flex_flow="row wrap", margin="10px 0 0 0"))
        return tools, self.line, self.time

    def _files(self) -> widgets.HBox:
        morpher = self.morpher
        self.name = widgets.Text(
            "morph",
            description="File",
            tooltip="File name without its ending, beside the notebook",
            style={"description_width": "28px"},
            layout=Layout(width="170px"),
        )

        deeds: tuple[tuple[str, str, str, str, Callable], ...] = (
            ("GIF", "download", "Write the film as GIF", ".gif", morpher.export),
            ("MP4", "download", "Write the film as MP4; needs the package imageio-ffmpeg", ".mp4", morpher.export),
            ("Save session", "save", "Write all choices as JSON", ".json", morpher.save_session),
            ("Open session", "folder-open", "Go on with saved choices", ".json", morpher.open_session),
        )
        buttons = [
            morpher.button(word, icon, tip, partial(morpher.file, kind, deed)) for word, icon, tip, kind, deed in deeds
        ]
        self.progress = widgets.IntProgress(layout=Layout(width="90px", visibility="hidden"))
        row = [self.name, *buttons, self.progress, self.busy]
        return widgets.HBox(row, layout=Layout(align_items="center", flex_flow="row wrap", margin="8px 0 0 0"))

    def _dragged(self, amount: float) -> None:
        """The browser's slider also reports when it has rounded an amount of the film to its own step: not a move."""
        if abs(amount - self.morpher.state.amount) > self.amount.step / 2 + 1e-9:
            self.morpher.to(amount)

    def _played(self, on: bool) -> None:
        """The timer started or stopped: the button says so."""
        self.playing.value, self.playing.icon = on, "pause" if on else "play"
        self.playing.description = "Pause" if on else "Play"

    # --- the state, on the controls --------------------------------------------------------------------------------
    def sync(self, state: MorphState) -> None:
        """Set every control to what the state says."""
        for row, chosen in zip(range(3), (state.a, state.b, state.mask), strict=True):
            self.letters[row].value = letter(chosen)
            mark(self.cells[row], chosen)
        for c, chip in enumerate(self.chips):
            chip.value = c in state.moving
            chip.icon = "check" if chip.value else ""
            seen = state.present[state.mask][c]
            flag(chip, not seen, "smis-unseen")
            chip.tooltip = f"Let {state.classes[c]} move" + ("" if seen else ": this shape shows none")
        self.path.value, self.steps.value = state.path, state.steps
        put(self.amount, state.amount)
        self._frames(state)
        self._line(state)
        self.clock.max, self.clock.value = state.line.frames - 1, round(state.time * FPS)
        self.time.max = self.length.value = state.line.length
        put(self.time, state.time)
        here = state.line.at(state.time)
        self.remove.disabled = here is None or len(state.line.keys) == 1
        self.add.disabled = here is not None and state.line.keys[here].amount == state.amount
        self._played(self.clock.playing)

    def _frames(self, state: MorphState) -> None:
        """The filmstrip's buttons, built anew only when their number changes: a click may be on its way to them."""
        amounts = state.amounts()
        if state.steps != len(self.strip.children):
            old, look = self.strip.children, {"layout": self.plain, "style": self.bare}
            frames = [widgets.Button(tooltip=f"Go to t = {t:.3g}", **look) for t in amounts]
            for t, frame in zip(amounts, frames, strict=True):
                frame.on_click(lambda _, t=t: self.morpher.attempt(partial(self.morpher.to, t)))
                frame.add_class("smis-frame")
            self.strip.children = frames
            for widget in old:
                widget.close()
            side = Filmstrip(state.steps, self.size).pitch / 2
            self.amount.layout.width, self.amount.layout.margin = f"{WIDTH - 2 * side:.2f}px", f"0 0 0 {side:.2f}px"
        ticks = (f"<b>{label(t, state)}</b>" if t in (0, 1) else label(t, state) for t in amounts)
        ticks = (words if 0 <= t <= 1 else f"<i>{words}</i>" for words, t in zip(ticks, amounts, strict=True))
        self.ticks.value = f'<div class="smis-ticks">{"".join(f"<span>{words}</span>" for words in ticks)}</div>'
        mark(self.strip.children, amounts.index(state.amount) if state.amount in amounts else None)

    def _line(self, state: MorphState) -> None:
        """The chart with a button on each keyframe, built anew when they change."""
        if (state.line, state.a, state.b) != self._keys:
            self._keys = (state.line, state.a, state.b)
            names, chart, old = (letter(state.a), letter(state.b)), Chart(state.line), self.line.children[1:]
            words = "; ".join(f"{key.amount:g} at {key.time:g} s" for key in state.line.keys)
            self.chart.value = (
                f'<img width="{chart.width}" height="{chart.height}" src="{data_url(chart.draw(names))}" '
                f'alt="Time line of {state.line.length:g} seconds. Amount at the keyframes: {words}.">'
            )
            buttons = []
            for key in state.line.keys:
                place = Layout(left=f"{chart.x(key.time) - 6.5:.1f}px", top=f"{chart.y(key.amount) - 6.5:.1f}px")
                words = f"Keyframe {key.amount:g} at {key.time:g} s: go there"
                button = widgets.Button(tooltip=words, layout=place, style=self.bare)
                button.on_click(lambda _, time=key.time: self.morpher.attempt(partial(self.morpher.seek, time)))
                button.add_class("smis-key")
                buttons.append(button)
            self.line.children = (self.chart, *buttons)
            for widget in old:
                widget.layout.close()
                widget.close()
        mark(self.line.children[1:], state.line.at(state.time))


def _told(tip: str, number: int) -> str:
    """A tool tip with the letter of an image."""
    return tip.format(letter(number))
