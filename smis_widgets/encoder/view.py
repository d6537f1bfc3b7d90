"""The encoder explorer's controls: what they are called, where they stand, and how they follow the state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as widgets
import numpy as np
from ipywidgets import Layout

from smis_widgets.base import Frame
from smis_widgets.choosing import Chips, Scenes
from smis_widgets.encoder.looking import Laboratory
from smis_widgets.encoder.pictures import (
    BARS,
    PICTURE,
    STAGE,
    WIDTH,
    CodeStrip,
    LayerStrip,
    bars,
    fitted,
    heads,
    photograph,
    stage_words,
    stages,
)
from smis_widgets.encoder.state import LARGEST, EncoderState
from smis_widgets.look import hint
from smis_widgets.surface import Surface
from smis_widgets.theme import css

if TYPE_CHECKING:
    from smis_widgets.encoder.panel import EncoderExplorer

HINT = (
    "From left to right: what the encoder is given of one class. Below: what it makes of it. <b>Try this:</b> poke one "
    "class and see whether the code of another moves; then poke where two classes meet; then choose a class that the "
    "scene does not show. Without a mouse: set x and y, then Poke."
)


class EncoderControls:
    """Builds all controls of an `EncoderExplorer`; `show` and `sync` set them."""

    def __init__(self, explorer: EncoderExplorer) -> None:
        self.explorer, self.laboratory = explorer, explorer.laboratory
        config = self.laboratory.config
        self.shown = fitted(config.image_size, PICTURE, 300)
        self.stage_height = fitted(config.image_size, STAGE, 220)[1]
        self.layers, self.codes = strips(self.laboratory)
        self.picture = Surface(self.shown, self.shown, explorer.guarded(self._clicked))
        self.picture.widget.add_class("smis-poke").add_class("smis-fit")
        self.picture.widget.tooltip = "The picture: click to poke"
        self.stages = self._plain((WIDTH - PICTURE, self.stage_height), "The class: in the label map, masked, resized")
        self.maps = self._plain((WIDTH, self.layers.height), "Activations of the class's group, layer by layer")
        self.latent = self._plain((WIDTH, self.codes.height), "The code of the class: mu and sigma")

        self.scenes = Scenes(explorer, explorer.studio, explorer.scene)
        self.chips = Chips(explorer, explorer.label_set, explorer.choose, "Look at {}")
        self.style = self.scenes.style + self.chips.style + BARS
        back = explorer.button("Reset", "undo", "The first scene, its largest class, no spot", explorer.reset)
        room = {"max_width": f"{WIDTH}px", "width": "100%"}
        top = self.scenes.beside(explorer.busy, back, width=WIDTH)
        self.captions = [widgets.HTML() for _ in range(4)]
        self.bars, self.bars_head = widgets.HTML(), widgets.HTML()
        under = widgets.HBox(self.captions[1:]).add_class("smis-stages")
        moved = widgets.VBox([self.bars_head, self.bars]).add_class("smis-side")
        left = widgets.VBox(
            [self.picture.widget, self.captions[0], *self._poking()], layout=Layout(width=f"{PICTURE}px", flex="none")
        )
        right = widgets.VBox(
            [self.stages.widget, under, moved],
            layout=Layout(flex="1 1 0", min_width="400px", max_width=f"{WIDTH - PICTURE}px"),
        )
        self.layer_head, self.code_head = widgets.HTML(), widgets.HTML()
        cells = "".join(f"<span>{words}</span>" for words in self.layers.words())
        layer_words = widgets.HTML(f'<div class="smis-note smis-captions">{cells}</div>', layout=Layout(**room))
        explorer.add_class("smis-encoder")
        status = widgets.Box([explorer.status], layout=Layout(min_height="56px", **room))
        self.children = (
            hint(HINT, WIDTH),
            top,
            self.chips.box,
            widgets.HBox([left, right], layout=Layout(margin="8px 0 0 0", flex_flow="row wrap", **room)),
            status,
            self.layer_head,
            self.maps.widget,
            layer_words,
            self.code_head,
            self.latent.widget,
        )

    # --- the parts -----------------------------------------------------------------------------------------------
    def _plain(self, size: tuple[int, int], name: str) -> Surface:
        surface = Surface(size, size)
        surface.widget.tooltip = name
        surface.widget.add_class("smis-still").add_class("smis-fit")
        return surface

    def _poking(self) -> list[widgets.Widget]:
        explorer, (height, width) = self.explorer, self.laboratory.config.image_size

        def stepper(name: str, tip: str, most: int, least: int = 0) -> widgets.BoundedIntText:
            style = {"description_width": "34px"}
            field = widgets.BoundedIntText(
                description=name, tooltip=tip, min=least, max=most, style=style, layout=Layout(width="104px")
            )
            return field

        self.x = stepper("x", "Pixels from the left edge", width - 1)
        self.y = stepper("y", "Pixels from the upper edge", height - 1)
        self.size = stepper("spot", "Pixels across the spot", LARGEST, 1)
        self.colour = widgets.ColorPicker(
            description="in", tooltip="Colour of the spot", style={"description_width": "34px"}
        )
        self.colour.layout.width = "142px"
        explorer.when(self.x, lambda x: explorer.aim(x=x))
        explorer.when(self.y, lambda y: explorer.aim(y=y))
        explorer.when(self.size, lambda size: explorer.brush(size=size))
        explorer.when(self.colour, lambda colour: explorer.brush(colour=colour))
        poke = explorer.button("Poke", "bullseye", "Paint the spot at x, y and encode again", explorer.poke)
        self.clean = explorer.button("Reset pokes", "eraser", "Take all spots off the picture", explorer.clean)
        poke.button_style = "primary"
        return [
            widgets.HBox([self.x, self.y]),
            widgets.HBox([self.size, self.colour]),
            widgets.HBox([poke, self.clean]),
        ]

    def _clicked(self, x: int, y: int) -> None:
        """A click on the picture pokes there."""
        height, width = self.laboratory.config.image_size
        self.explorer.poke(x * width // self.shown[0], y * height // self.shown[1])

    # --- the state, on the screen --------------------------------------------------------------------------------
    def show(self, state: EncoderState, frame: Frame) -> None:
        """Draw everything. Called with a frame that has an image."""
        laboratory, seen = self.laboratory, frame.stats["seen"]
        assert frame.image is not None
        labels, label_set = laboratory.samples.labels[state.scene], self.explorer.label_set
        way = stages(seen, labels, state.chosen, label_set, laboratory.config, self.stage_height)
        self.picture.show(np.array(photograph(state, frame.image, self.shown)))
        self.stages.show(np.array(way.crop((0, 0, WIDTH - PICTURE, self.stage_height))))
        self.maps.show(np.array(self.layers.draw(seen)))
        self.latent.show(np.array(self.codes.draw(seen, laboratory.most_mu, laboratory.most_sigma)))

    def sync(self, state: EncoderState, frame: Frame) -> None:
        """Set every control to what the state says."""
        self.scenes.sync(state.scene)
        present = tuple(place is not None for place in state.middles[state.scene])
        self.chips.sync(state.chosen, present)
        (self.x.value, self.y.value), self.size.value, self.colour.value = state.aim, state.spot, css(state.colour)
        self.clean.disabled = not state.pokes
        words = stage_words(self.laboratory.config, state.classes[state.chosen])
        for caption, text in zip(self.captions, words, strict=True):
            caption.value = f'<div class="smis-caption">{text}</div>'
        above = heads(self.laboratory, state.classes[state.chosen])
        for part, text in zip((self.bars_head, self.layer_head, self.code_head), above, strict=True):
            part.value = f'<div class="smis-status">{text}</div>'
        if frame.image is not None:
            palette = self.explorer.label_set.palette
            moved = frame.stats["seen"].moved
            self.bars.value = bars(self.laboratory.names, palette[: len(moved)], moved, state.chosen)

    def close(self) -> None:
        """Drop the canvases."""
        for surface in (self.picture, self.stages, self.maps, self.latent):
            surface.close()


def strips(laboratory: Laboratory) -> tuple[LayerStrip, CodeStrip]:
    """Where activations and codes of this network lie."""
    config = laboratory.config
    seen = laboratory.encode(0, laboratory.samples.images[0])
    sizes = [(int(a.shape[1]), int(a.shape[2]), int(a.shape[3])) for a in seen.layers]
    return LayerStrip(sizes), CodeStrip(config.latent_dim, config.latent_size)
