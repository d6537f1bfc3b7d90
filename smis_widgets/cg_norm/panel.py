"""The CG-Norm explorer: `features.py` asks the network, `formula.py` writes numbers, `pictures.py` draws."""

from __future__ import annotations

import html

from PIL import Image

from smis.datasets.archive import Samples
from smis.model import GroupDNet
from smis_widgets.base import Frame
from smis_widgets.cg_norm.features import Inside, look
from smis_widgets.cg_norm.formula import formula
from smis_widgets.cg_norm.pictures import tiles
from smis_widgets.cg_norm.state import CGNormState
from smis_widgets.cg_norm.still import snapshot
from smis_widgets.cg_norm.view import View
from smis_widgets.cg_norm.words import describe, missions
from smis_widgets.choosing import Choosing


class CGNormExplorer(Choosing[CGNormState]):
    """Look into CG-Norm: `CGNormExplorer(model, gallery)` with a trained `GroupDNet` and `Samples` of its size.

    Raises ValueError when the gallery does not fit the network, or the network is in training mode.
    """

    def __init__(self, model: GroupDNet, gallery: Samples, strict: bool = False) -> None:
        self.inside = Inside.open(model, gallery)
        super().__init__(self.inside.start(), strict)
        self.label_set = gallery.label_set
        self.done: set[int] = set()  # missions that were achieved
        self.view = View(self)
        self._assemble(*self.view.children, style=self.view.style)
        self.act(lambda state: state)

    def __repr__(self) -> str:
        return f"CGNormExplorer({self.label_set.name}, {self.state.scenes} scenes, {len(self.state.blocks)} blocks)"

    # --- what one can do, by hand or from code -------------------------------------------------------------
    def scene(self, name: str) -> None:
        """Choose a scene of the gallery: `explorer.scene("C")`."""
        self.act(lambda state: state.with_scene(self.view.scenes.number(name)))

    def block(self, number: int) -> None:
        """Choose a block of the decoder."""
        self.act(lambda state: state.with_block(number))

    def norm(self, name: str) -> None:
        """Choose a CG-Norm of the block: "norm_0", "norm_1", or "norm_s" where the block has a shortcut of its own."""
        self.act(lambda state: state.with_norm(name))

    def channel(self, number: int) -> None:
        """Choose a channel."""
        self.act(lambda state: state.with_channel(number))

    def mean(self, on: bool = True) -> None:
        """Show means over the channel's group, or the channel alone."""
        self.act(lambda state: state.averaged(on))

    def switch(self, name: str, on: bool = False) -> None:
        """Switch a class off, or on again: `explorer.switch("hair")`, `explorer.switch("hair", True)`."""
        self.act(lambda state: state.switch(self.label_set.index(name), on))

    def pixel(self, x: int, y: int) -> None:
        """Choose a pixel of the block's maps."""
        self.act(lambda state: state.at(x, y))

    def point(self, x: int, y: int) -> None:
        """Show the formula of another pixel, as when the mouse is there; the chosen one stays."""
        self.check_open()
        state, maps = self.state.at(x, y), self.frame.stats["maps"]
        self.view.write(formula(maps, self.inside.stage(state), state), state, maps, pointed=True)

    def unpoint(self) -> None:
        """The formula of the chosen pixel again."""
        self.check_open()
        self.view.write(self.frame.stats["formula"], self.state, self.frame.stats["maps"])

    def snapshot(self, scale: int = 1) -> Image.Image:
        """The whole widget as a still picture, `scale` times as large: works with no front end."""
        if self.frame.image is None:
            raise RuntimeError("nothing has been drawn yet: the status line says why")
        maps, lines = self.frame.stats["maps"], self.frame.stats["formula"]
        return snapshot(self.state, self.inside, maps, lines, describe(self.state, maps), scale)

    def close(self) -> None:
        if getattr(self, "_alive", False):
            for surface in self.view.surfaces.values():
                surface.close()
        super().close()

    # --- the duties of a Panel -----------------------------------------------------------------------------------
    def compute(self, state: CGNormState) -> Frame:
        stage = self.inside.stage(state)
        maps = look(stage, state, self.inside.labels(state))
        pictures = tiles(state, self.inside, maps)
        stats = {"maps": maps, "pictures": pictures, "formula": formula(maps, stage, state)}
        return Frame(pictures["after"], stats)

    def show(self, frame: Frame) -> None:
        self.view.show(frame.stats["pictures"])

    def sync(self) -> None:
        if self.frame.image is not None:
            self.done |= missions(self.state)
            self.view.sync(self.state, self.frame.stats["maps"], self.frame.stats["formula"], self.done)

    def describe(self) -> str:
        if self.frame.image is None:
            return ""
        first, *rest = (html.escape(line) for line in describe(self.state, self.frame.stats["maps"]))
        return first + "".join(f"<br>{line}" for line in rest)
