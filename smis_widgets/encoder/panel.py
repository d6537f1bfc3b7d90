"""The encoder explorer: follow one class through the encoder, poke a pixel, and see whose code moves.

The view's parts are in `view.py`, the pictures in `pictures.py`, the network's steps in `looking.py`.
"""

from __future__ import annotations

import html

from PIL import Image, ImageColor

from smis.datasets.archive import Samples
from smis.model import GroupDNet
from smis_widgets.base import Frame, Refused
from smis_widgets.choosing import Choosing
from smis_widgets.drawing import Studio
from smis_widgets.encoder.looking import Laboratory, describe, render
from smis_widgets.encoder.pictures import snapshot
from smis_widgets.encoder.state import EncoderState
from smis_widgets.encoder.view import EncoderControls


class EncoderExplorer(Choosing[EncoderState]):
    """Look into the encoder: `EncoderExplorer(model, gallery)` with a `GroupDNet` and `Samples` of the network's size.

    Raises ValueError when the gallery does not fit the network, or the network is in training mode.
    """

    def __init__(self, model: GroupDNet, gallery: Samples, strict: bool = False) -> None:
        if model.training:
            raise ValueError("an EncoderExplorer needs a network in eval mode: call model.eval() first")
        self.studio = Studio.open(model, gallery)
        self.laboratory = Laboratory(model, gallery)
        super().__init__(self.laboratory.start(), strict)
        self.label_set = gallery.label_set
        self.view = EncoderControls(self)
        self._assemble(*self.view.children, style=self.view.style)
        self.act(lambda state: state)

    def __repr__(self) -> str:
        scenes, classes = len(self.studio.samples), len(self.label_set)
        return f"EncoderExplorer({self.label_set.name}, {scenes} scenes, {classes} classes)"

    # --- what one can do, by hand or from code -------------------------------------------------------------
    def scene(self, name: str) -> None:
        """Look at another scene: `explorer.scene("B")`. Its spots are gone."""
        self.act(lambda state: state.look_at(self.view.scenes.number(name)))

    def choose(self, name: str) -> None:
        """Look at another class: `explorer.choose("hair")`. The aim goes to its middle."""
        self.act(lambda state: state.choose(self.label_set.index(name)))

    def aim(self, x: int | None = None, y: int | None = None) -> None:
        """Let the next spot go to this pixel."""
        self.act(lambda state: state.aim_at(x, y))

    def brush(self, size: int | None = None, colour: str | tuple[int, int, int] | None = None) -> None:
        """Size in pixels and colour of the next spot: `explorer.brush(9, "navy")`."""
        self.act(lambda state: state.brush(size, rgb(colour)))

    def poke(self, x: int | None = None, y: int | None = None) -> None:
        """Paint a spot at this pixel, or where the aim is, and encode again."""
        self.act(lambda state: state.aim_at(x, y).poke())

    def clean(self) -> None:
        """Take all spots off the picture."""
        self.act(lambda state: state.clean())

    @property
    def moved(self) -> dict[str, float]:
        """How far each class's code moved: the root of the mean squared change of its numbers, 0.0 for none at all."""
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        return dict(zip(self.laboratory.names, self.frame.stats["seen"].moved, strict=True))

    def snapshot(self, scale: int = 1) -> Image.Image:
        """The whole widget as a still picture, `scale` times as large: works with no front end."""
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        return snapshot(self.state, self.laboratory, self.frame, scale)

    def close(self) -> None:
        if getattr(self, "_alive", False):
            self.view.close()
        super().close()

    # --- the duties of a Panel -----------------------------------------------------------------------------------
    def compute(self, state: EncoderState) -> Frame:
        return render(state, self.laboratory)

    def show(self, frame: Frame) -> None:
        self.view.show(self.state, frame)

    def sync(self) -> None:
        self.view.sync(self.state, self.frame)

    def describe(self) -> str:
        if self.frame.image is None:
            return ""
        first, *rest = (html.escape(line) for line in describe(self.state, self.laboratory, self.frame))
        return "".join(f"{line}<br>" for line in (first, *rest)).removesuffix("<br>")


def rgb(colour: str | tuple[int, int, int] | None) -> tuple[int, int, int] | None:
    """A colour by name, as #rrggbb or as three numbers. Refused for a word that is none."""
    if not isinstance(colour, str):
        return colour
    try:
        red, green, blue = ImageColor.getrgb(colour)[:3]
    except ValueError as error:
        raise Refused(f"{colour!r} is no colour. Use a name such as 'navy', or #rrggbb.") from error
    return red, green, blue
