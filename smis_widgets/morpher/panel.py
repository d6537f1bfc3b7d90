"""The morpher: from one reference's style to another's, and beyond. The view only: see `state.py`.

    references, classes, path  --> MorphState --> morph_render.render --> the picture, the filmstrip
    time line, play            --> MorphState.seek(time)                  the same way

Playing is a timer in the browser that moves the time: no thread and no task runs in the kernel.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from smis.datasets.archive import Samples
from smis.outside import read_small, shortened
from smis_widgets.base import Frame, Refused
from smis_widgets.controls import numbered, working
from smis_widgets.drawing import Model, Studio
from smis_widgets.hasty import Hasty
from smis_widgets.morpher import export
from smis_widgets.morpher.pictures import Filmstrip, snapshot
from smis_widgets.morpher.render import codes, describe, film, render, start
from smis_widgets.morpher.state import MorphState
from smis_widgets.morpher.timeline import FPS
from smis_widgets.morpher.view import MorphControls
from smis_widgets.pictures import enlarge
from smis_widgets.saving import saved_link, write_new

MIME = {".gif": "image/gif", ".mp4": "video/mp4", ".json": "application/json"}


class Morpher(Hasty[MorphState]):
    """Morph styles: `Morpher(model, gallery)` with a `GroupDNet` and `Samples` of the network's size, two or more.

    `pictures` are the same references in a finer size, for the thumbnails.
    Raises ValueError when the gallery does not fit the network.
    """

    def __init__(self, model: Model, gallery: Samples, pictures: Samples | None = None, strict: bool = False) -> None:
        self.studio = Studio.open(model, gallery, pictures)
        super().__init__(start(self.studio), strict)
        self.label_set = gallery.label_set
        self.saved: Path | None = None
        self.frames: list[np.ndarray] = []  # of the filmstrip
        self._filmed: tuple[object, ...] | None = None  # what the filmstrip was drawn for
        self.view = MorphControls(self)
        self._assemble(*self.view.children, style=self.view.style)
        self.act(lambda state: state)

    def __repr__(self) -> str:
        references, classes = len(self.studio.samples), len(self.label_set)
        return f"Morpher({self.label_set.name}, {references} references, {classes} classes)"

    # --- what one can do, by hand or from code -------------------------------------------------------------
    def between(self, a: str | None = None, b: str | None = None) -> None:
        """Choose the references: `morpher.between("A", "D")`."""
        numbers = [None if name is None else self._number(name) for name in (a, b)]
        self.act(lambda state: state.between(*numbers))

    def shape(self, reference: str) -> None:
        """Take the label map of a reference."""
        self.act(lambda state: state.with_mask(self._number(reference)))

    def swap(self) -> None:
        """Let the two references change places."""
        self.act(lambda state: state.swapped())

    def to(self, amount: float) -> None:
        """Go to an amount: 0 is the first reference, 1 the second, below and above is extrapolated."""
        self.play(False)
        self.act(lambda state: state.to(amount))

    def choose(self, *names: str) -> None:
        """Let only these classes move: `morpher.choose("hair", "top")`; without a name: all."""
        chosen = [self.label_set.index(name) for name in names] if names else range(len(self.label_set))
        self.act(lambda state: state.choose(chosen))

    def toggle(self, name: str, on: bool) -> None:
        """Let a class move, or let it stay."""
        self.act(lambda state: state.toggle(self.label_set.index(name), on))

    def along(self, path: str) -> None:
        """The path between the codes: "straight" (linear) or "arc" (spherical)."""
        self.act(lambda state: state.along(path))

    def seek(self, time: float) -> None:
        """Go to a time of the film, in seconds; the amount follows the time line."""
        self.act(lambda state: state.seek(time))

    def key(self, to: int) -> None:
        """Go to the next keyframe (+1) or the one before (-1)."""
        times = [key.time for key in self.state.line.keys]
        later = [t for t in times if (t > self.state.time if to > 0 else t < self.state.time)]
        if not later:
            raise Refused(f"There is no keyframe {'after' if to > 0 else 'before'} {self.state.time:g} s.")
        self.seek(later[0] if to > 0 else later[-1])

    def add_key(self) -> None:
        """Keep the amount of now as a keyframe at the time of now."""
        self.act(lambda state: state.add_key())

    def remove_key(self) -> None:
        """Remove the keyframe at the time of now."""
        self.act(lambda state: state.remove_key())

    def play(self, on: bool = True) -> None:
        """Play the film, or pause. The timer is the browser's: without a front end nothing moves."""
        self.view.clock.playing = on

    def snapshot(self, scale: int = 1) -> Image.Image:
        """The whole widget as a still picture, `scale` times as large: works with no front end."""
        self.settle()
        if self.frame.image is None or not self.frames:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        words, shown = describe(self.state, self.studio), self.view.shown
        return snapshot(self.state, self.studio, self.frame.image, self.frames, words, shown, scale)

    def export(self, name: str = "morph.gif") -> Path:
        """Write the film beside the notebook and return its path: .gif, or .mp4 where imageio-ffmpeg is installed.

        Never overwrites: it counts up. Raises ValueError for other names, OSError when the folder cannot be written.
        """
        kind = Path(name).suffix.lower()
        if kind not in (".gif", ".mp4"):
            raise ValueError(f"a film's file name ends in .gif or .mp4, got {name!r}")
        if kind == ".mp4":
            export.encoder()  # say so before drawing
        self.play(False)
        states, bar = self.state.film(), self.view.progress
        bar.max, bar.value, bar.layout.visibility = len(states) + 1, 0, "visible"
        try:
            with working(self.view.busy, f"drawing {len(states)} frames"):
                images = []
                for image in film(states, self.studio):
                    images.append(image)
                    bar.value += 1
            with working(self.view.busy, "writing the file"):
                return write_new(Path(name), (export.gif if kind == ".gif" else export.mp4)(images, FPS), kind)
        finally:
            bar.layout.visibility = "hidden"

    def save_session(self, name: str = "morph.json") -> Path:
        """Write all choices as JSON and return the path. Never overwrites: it counts up."""
        return write_new(Path(name), self.state.to_json().encode(), ".json")

    def open_session(self, name: str = "morph.json") -> None:
        """Go on with the choices of a saved session."""
        try:
            if not Path(name).is_file():
                raise Refused(f"There is no session {name} in {Path.cwd()}. Save one first, or type another name.")
            text = read_small(Path(name)).decode("utf-8", "replace")
        except Refused:
            raise
        except (OSError, ValueError) as error:
            raise Refused(
                f"{shortened(name)} cannot be read: {shortened(error)}. Choose a file that Save session wrote."
            ) from error
        self.act(lambda state: state.from_json(text))

    def close(self) -> None:
        if getattr(self, "_alive", False):
            self.view.clock.playing = False
            self.view.result.close()
        super().close()

    # --- the duties of a Panel -----------------------------------------------------------------------------------
    def act(self, change: Callable[[MorphState], MorphState]) -> None:
        """As every panel; then the filmstrip, when it shows something else now."""
        super().act(change)
        state = self.state
        shown = (state.a, state.b, state.mask, state.moving, state.path, state.steps)
        if self._busy or self.frame.image is None or shown == self._filmed:
            return
        try:
            with working(self.view.busy, "drawing the filmstrip"):
                frames = list(film((state.to(amount) for amount in state.amounts()), self.studio))
            strip = Filmstrip(state.steps, frames[0].shape[:2])
            self.view.strip_style.value = strip.style(self.view.scope, frames)
            self.frames, self._filmed = frames, shown
        except BaseException as error:
            self.fail(error)
            if not isinstance(error, Exception):
                raise

    def compute(self, state: MorphState) -> Frame:
        return render(state, self.studio)

    def inputs(self, state: MorphState) -> tuple[Tensor, np.ndarray]:
        return codes(state, self.studio), self.studio.samples.labels[state.mask]

    def show(self, frame: Frame) -> None:
        assert frame.image is not None
        self.view.result.show(np.array(enlarge(frame.image, self.view.result.size)))

    def sync(self) -> None:
        self.view.sync(self.state)

    def describe(self) -> str:
        first, *rest = (html.escape(line) for line in describe(self.state, self.studio))
        return first + "".join(f"<br><small>{line}</small>" for line in rest)

    # --- callbacks ---------------------------------------------------------------------------------------------
    def fail(self, error: BaseException) -> None:
        """Say what went wrong, set the controls back to the state, and stop playing."""
        self.view.clock.playing = False
        super().fail(error)

    def tick(self, frame: int) -> None:
        """The timer's next frame."""
        self.seek(frame / FPS)
        if self.state.time != frame / FPS:  # it could not be drawn
            self.view.clock.playing = False

    def file(self, kind: str, deed: Callable[[str], Path | None]) -> None:
        """Do something with the file of the name in the field and say where it is."""
        stem = re.sub(r"\.(gif|mp4|json)$", "", self.view.name.value.strip())
        try:
            if not Path(stem).name:
                raise ValueError("give the file a name first")
            self.saved = deed(stem + kind)
        except Refused:
            raise
        except (OSError, ValueError) as error:
            raise Refused(f"Not saved: {error}") from error
        if self.saved is not None:
            self.tell(self.describe() + saved_link(self.saved, MIME[kind]))

    def _number(self, name: str) -> int:
        return numbered(name, len(self.studio.samples), "reference")
