"""The controllers: draw, hold and steer the code of every class. The view's parts are in `view.py`.

seed, axes, truncation  --> ControlState --> bench.render --> the picture, what changed, and where
"""

from __future__ import annotations

import html

import numpy as np
from PIL import Image
from torch import Tensor

from smis.datasets.archive import Samples
from smis_widgets.base import Frame
from smis_widgets.choosing import Choosing
from smis_widgets.controllers.bench import Bench, describe, render
from smis_widgets.controllers.pictures import snapshot
from smis_widgets.controllers.state import ControlState
from smis_widgets.controllers.view import ControlBoard
from smis_widgets.drawing import Model, Studio
from smis_widgets.hasty import Hasty


class Controllers(Hasty[ControlState], Choosing[ControlState]):
    """Steer a network: `Controllers(model, gallery)` with a `GroupDNet` and `Samples` of the network's size.

    Codes are drawn from the prior of the network: `model.prior` where one was fitted, else N(0, 1).
    Raises ValueError when the gallery does not fit the network.
    """

    def __init__(self, model: Model, gallery: Samples, strict: bool = False) -> None:
        self.studio = Studio.open(model, gallery)
        self.bench = Bench(self.studio)
        super().__init__(self.bench.start(), strict)
        self.view = ControlBoard(self)
        self._assemble(*self.view.children, style=self.view.style)
        self.act(lambda state: state)

    def __repr__(self) -> str:
        scenes, controls = len(self.studio.samples), self.bench.controls
        return f"Controllers({controls.name}, {scenes} scenes, {len(controls)} classes)"

    # --- what one can do, by hand or from code; without a name it is the chosen class -----------------------
    def scene(self, name: str) -> None:
        """Take another scene: `controllers.scene("B")`. Drawn codes stay."""
        self.act(lambda state: state.look_at(self.view.scenes.number(name)))

    def choose(self, name: str) -> None:
        """The class that is steered: `controllers.choose("hair")`."""
        self.act(lambda state: state.choose(self.bench.controls.index(name)))

    def resample(self, name: str | None = None, seed: int | None = None) -> None:
        """Draw the code of a class from the prior: the one of this seed, or one that was not seen yet."""
        self.act(lambda state: state.draw(self._index(state, name), seed))

    def resample_all(self) -> None:
        """Draw every class that is not locked."""
        self.act(lambda state: state.draw_all())

    def own(self, name: str | None = None) -> None:
        """Take the scene's own code of a class; axes and truncation stay."""
        self.act(lambda state: state.own(self._index(state, name)))

    def plain(self, name: str | None = None) -> None:
        """A class as the scene has it."""
        self.act(lambda state: state.plain(self._index(state, name)))

    def steer(self, axis: int, amount: float, name: str | None = None) -> None:
        """Go so many standard deviations along axis 1, 2, ...: `controllers.steer(1, 1.5, "top")`."""
        self.act(lambda state: state.steer(self._index(state, name), axis - 1, amount))

    def truncate(self, amount: float, name: str | None = None) -> None:
        """0: the mean code of the class; 1: its code as it is."""
        self.act(lambda state: state.truncate(self._index(state, name), amount))

    def lock(self, name: str | None = None, on: bool = True) -> None:
        """Keep a class as it is, or let it go again."""
        self.act(lambda state: state.lock(self._index(state, name), on))

    def compare(self) -> None:
        """The picture of now is the one before, for what comes."""
        self.act(lambda state: state.compare())

    @property
    def change(self) -> tuple[float | None, float | None]:
        """Mean change since the picture before, 0 to 255: in the area of the classes that moved, and elsewhere."""
        self.settle()
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        return self.frame.stats["inside"], self.frame.stats["outside"]

    @property
    def image(self) -> np.ndarray:
        """The picture, uint8 (H, W, 3)."""
        self.settle()
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        return self.frame.image

    def snapshot(self, scale: int = 1) -> Image.Image:
        """The whole widget as a still picture, `scale` times as large: works with no front end."""
        self.settle()
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        return snapshot(self.state, self.bench, self.frame, scale)

    def close(self) -> None:
        if getattr(self, "_alive", False):
            self.view.close()
        super().close()

    # --- the duties of a Panel -----------------------------------------------------------------------------------
    def compute(self, state: ControlState) -> Frame:
        return render(state, self.bench)

    def inputs(self, state: ControlState) -> tuple[Tensor, np.ndarray]:
        return self.bench.codes(state.scene, state.choices), self.studio.samples.labels[state.scene]

    def show(self, frame: Frame) -> None:
        self.view.show(frame)

    def sync(self) -> None:
        self.view.sync(self.state, self.frame)

    def describe(self) -> str:
        if self.frame.image is None:
            return ""
        return "<br>".join(html.escape(line) for line in describe(self.state, self.bench, self.frame))

    def _index(self, state: ControlState, name: str | None) -> int:
        return state.chosen if name is None else self.bench.controls.index(name)
