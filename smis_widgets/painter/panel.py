"""The painter: edit the label map with brushes, shapes and stamps; the picture follows. The view only."""

from __future__ import annotations

import html
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from smis.datasets.archive import Samples
from smis.outside import read_small
from smis_widgets.base import Frame, Panel, Refused
from smis_widgets.drawing import Model
from smis_widgets.painter import pictures as paintbox
from smis_widgets.painter.actions import Action, map_to_text
from smis_widgets.painter.atelier import Atelier, describe, render
from smis_widgets.painter.brushes import Point
from smis_widgets.painter.easel import Easel
from smis_widgets.painter.hand import Hand
from smis_widgets.painter.label_files import label_png, read_labels
from smis_widgets.painter.lens import MOST, Lens
from smis_widgets.painter.state import PainterState
from smis_widgets.painter.view import TOOL_KEYS, Workbench
from smis_widgets.pictures import enlarge, sent
from smis_widgets.saving import saved_link, write_new
from smis_widgets.surface import Surface

SIDE = 384  # width of the easel and of the picture in CSS pixels


class Painter(Panel[PainterState]):
    """Edit what is where: `Painter(model, examples)` with a `GroupDNet` and `Samples` of the network's size.

    `pictures` are the same examples in a finer size, for the thumbnails. It starts with the example `scene`.
    Raises ValueError when the examples do not fit the network.
    """

    def __init__(
        self,
        model: Model,
        examples: Samples,
        pictures: Samples | None = None,
        scene: int = 0,
        strict: bool = False,
    ) -> None:
        self.atelier = Atelier.open(model, examples, pictures)
        self.scenes, self.label_set = self.atelier.scenes, examples.label_set
        super().__init__(PainterState.start(self.scenes, scene), strict)
        height, width = self.scenes.shape
        self.shown = (SIDE, SIDE * height // width)
        self.opacity = 70
        self.lens = Lens.whole(self.scenes.shape)
        self._on_screen: np.ndarray | None = None  # the picture that is shown
        self._rest_until = 0.0
        self.hand = Hand(lambda: self.state, self._do, self._pick, self._follow, self._look)
        self._build()
        self.act(lambda state: state)

    def __repr__(self) -> str:
        return f"Painter({self.label_set.name}, {len(self.scenes.labels)} examples, {len(self.label_set)} classes)"

    # --- what one can do, by hand or from code --------------------------------------------------------------------
    def do(self, line: str) -> None:
        """One edit as a line of text: `painter.do("brush bed 8 20,40 60,44")`. See `actions.py` for all."""
        self.act(lambda state: state.do(Action.parse(line)))

    def play(self, script: str) -> None:
        """Several edits, one a line: all or none. Empty lines and lines that start with # are skipped."""

        def all_of(state: PainterState) -> PainterState:
            for line in script.splitlines():
                if line.strip() and not line.strip().startswith("#"):
                    state = state.do(Action.parse(line))
            return state

        self.act(all_of)

    def script(self) -> str:
        """The edits so far, ready for `play`."""
        return "\n".join(self.state.script)

    def undo(self) -> None:
        """Take the last edit back."""
        self.act(PainterState.undo)

    def redo(self) -> None:
        """Do again what was taken back."""
        self.act(PainterState.redo)

    def hold(self, tool: str | None = None, name: str | None = None, size: float | None = None) -> None:
        """Take a tool, a class and a size in hand: `painter.hold("brush", "bed", 8)`."""
        self.hand.cancel()
        self.act(lambda state: state.holding(tool, None if name is None else self.scenes.index(name), size))

    def stamp_from(self, example: str) -> None:
        """Take a stamp of the class in hand, cut from an example: `painter.stamp_from("C")`."""
        self.hand.cancel()
        self.act(lambda state: state.stamping(self.scenes.number(example)))

    def mirror(self, on: bool = True) -> None:
        """Exchange left and right of the stamp in hand."""
        self.act(lambda state: replace(state, mirrored=on))

    def magnify(self, times: float, at: Point | None = None) -> None:
        """Show the map 1 to 6 times as large; the place `at` (x, y) stays where it is: by default the pointer's."""
        self.lens = self.lens.magnified(times, at or self.hand.at or self.lens.middle)
        self._set_controls()

    def reset(self) -> None:
        """Back to the scene as it is, all of it in sight; Redo brings the edits back."""
        self.lens = Lens.whole(self.scenes.shape)
        super().reset()

    def snapshot(self, scale: int = 1) -> Image.Image:
        """The map, the picture and the words as a still picture, `scale` times as large: works with no front end."""
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        return paintbox.snapshot(self.state, self.atelier, self.frame.image, self.opacity / 100, self.shown, scale)

    def save_labels(self, name: str = "painting.png") -> Path:
        """Write the label map as a palette PNG beside the notebook. Never overwrites: it counts up."""
        return write_new(Path(name.strip()), label_png(self.state.labels, self.label_set))

    def save_session(self, name: str = "painting.json") -> Path:
        """Write all edits, also those taken back, as JSON beside the notebook. Never overwrites: it counts up."""
        return write_new(Path(name.strip()), self.state.to_json().encode(), ".json")

    def load(self, file: str | Path | bytes) -> None:
        """Load a label map (PNG, one edit more) or a session (JSON, in place of this one)."""

        def loaded(state: PainterState) -> PainterState:
            try:
                data = file if isinstance(file, bytes) else read_small(Path(file))
            except (OSError, ValueError) as error:
                raise Refused(f"Not loaded: {error}. Files are looked for beside the notebook.") from error
            if data.lstrip()[:1] == b"{":
                return state.from_json(data.decode(errors="replace"))
            return state.do(Action("load", (map_to_text(read_labels(data, self.label_set)),)))

        self.act(loaded)

    # --- the duties of a Panel --------------------------------------------------------------------------------------
    def act(self, change: Callable[[PainterState], PainterState]) -> None:
        if self._busy:
            return
        self.bench.busy.add_class("smis-now")
        try:
            super().act(change)
        finally:
            self.bench.busy.remove_class("smis-now")

    def compute(self, state: PainterState) -> Frame:
        same = state.labels is self.state.labels and state.scene == self.state.scene
        return self.frame if same and self.frame.image is not None else render(state, self.atelier)

    def show(self, frame: Frame) -> None:
        if frame.image is not None and self._on_screen is not frame.image:
            self._put(frame.image)

    def sync(self) -> None:
        state = self.state
        self.easel.show(state.labels)
        self.show(self.frame)  # again, if a stroke under way was shown and came to nothing
        self.bench.sync(state, self.opacity, self.lens)

    def describe(self) -> str:
        first, *rest = (html.escape(line) for line in describe(self.state, self.atelier))
        return first + "".join(f'<div class="smis-hint">{line}</div>' for line in rest)

    # --- painting ---------------------------------------------------------------------------------------------------
    def _do(self, action: Action) -> None:
        self.act(lambda state: state.do(action))

    def _pick(self, c: int) -> None:
        self.act(lambda state: state.holding("brush", c))

    def _follow(self, labels: np.ndarray) -> None:
        """Show the picture of a map under way, as far as it is quickly done, in at most half of the time there is."""
        begin = time.perf_counter()
        if begin >= self._rest_until:
            image, _ = next(self.atelier.steps(self.state, labels))
            self._put(image)
            end = time.perf_counter()
            self._rest_until = 2 * end - begin

    def _look(self, grabbed: Point, now: Point) -> None:
        self.lens = self.lens.dragged(grabbed, now)
        self._set_controls()

    def _reloaded(self) -> None:
        """A page was loaded: a stroke under way on the one before is forgotten, as its release will never come."""
        self.hand.cancel()
        self._set_controls()

    def _put(self, image: np.ndarray) -> None:
        self._on_screen = image
        self.result.show(np.array(enlarge(image, self.result.size)))

    # --- callbacks --------------------------------------------------------------------------------------------------
    def fail(self, error: BaseException) -> None:
        """As every panel; what the hand had begun is forgotten."""
        with suppress(Exception):  # the same may fail again; the first error is what counts
            self.hand.cancel()
        super().fail(error)

    def pointer(self, deed: Callable[[float, float], None]) -> Callable[[float, float], None]:
        """What the mouse does, with its errors shown in the widget."""
        return lambda x, y: self.attempt(partial(deed, x, y))

    def cover(self, percent: int) -> None:
        """How much the label map covers the picture on the easel, in per cent."""
        self.opacity = percent
        self._set_controls()

    def typed(self, keys: str) -> None:
        """Keys typed into the field for keys."""
        if keys:
            self.bench.keys.value = ""
            for key in keys.strip():
                self.key(key)

    def command(self, line: str) -> None:
        """A line typed into the field for commands."""
        if line.strip():
            before = self.state
            self.do(line)
            if self.state is not before:
                self.bench.line.value = ""

    def key(self, key: str) -> None:
        """One key: a tool, undo and redo, size, class, polygon."""
        size, names = self.state.tall if self.state.tool == "stamp" else self.state.size, self.label_set.classes
        step = max(1, round(size * 0.2))
        deeds: dict[str, Callable[[], None]] = {
            "z": self.undo,
            "y": self.redo,
            "+": lambda: self.hold(size=size + step),
            "-": lambda: self.hold(size=size - step),
            "n": lambda: self.hold(name=names[(self.state.c + 1) % len(names)]),
            "N": lambda: self.hold(name=names[(self.state.c - 1) % len(names)]),
            "v": lambda: self.mirror(not self.state.mirrored),
            ">": lambda: self.magnify(min(self.lens.times + 1, MOST)),
            "<": lambda: self.magnify(max(self.lens.times - 1, 1)),
            "c": self.hand.finish,
            "q": self.hand.cancel,
        }
        if key in TOOL_KEYS:
            self.hold(TOOL_KEYS[key])
        elif key in deeds:
            deeds[key]()
        else:
            raise Refused(f"The key {key!r} does nothing here. Keys: {' '.join([*TOOL_KEYS, *deeds])}.")

    def uploaded(self) -> None:
        """A file that was chosen in the browser."""
        files = self.bench.upload.value
        self.bench.upload.value = ()
        for file in files:
            self.load(bytes(file["content"]))

    def keep_labels(self) -> None:
        """The button Save labels."""
        self._kept(self.save_labels, ".png", "image/png")

    def keep_session(self) -> None:
        """The button Save session."""
        self._kept(self.save_session, ".json", "application/json")

    def _kept(self, save: Callable[[str], Path], ending: str, kind: str) -> None:
        try:
            path = save(f"{self.bench.file.value.strip()}{ending}")
        except (OSError, ValueError) as error:
            raise Refused(f"Not saved: {error}") from error
        self.tell(self.describe() + saved_link(path, kind))

    def _build(self) -> None:
        self.result = Surface(sent(self.scenes.shape), self.shown)
        self.result.widget.add_class("smis-result").tooltip = "The image that the network draws from the label map"
        hand = self.hand
        pointer = [self.pointer(deed) for deed in (hand.down, hand.move, hand.up, hand.out)]
        self.easel = hand.easel = Easel(self.label_set, self.scenes.shape, self.shown, self.result, *pointer)
        self.bench = Workbench(self)
        self.easel.widget.add_class(f"{self.bench.scope}-easel")
        # Without this, Jupyter takes the keys for its own: x would cut the cell.
        self.easel.guides.on_mouse_down(lambda x, y: self.bench.keys.focus())
        self.easel.guides.on_client_ready(lambda: self.attempt(self._reloaded))
        self.add_class("smis-painter")
        rows = self.bench.rows(self.easel.widget, self.result.widget, self.shown)
        self._assemble(*rows[:-1], self.status, rows[-1], style=self.bench.style())
