"""The studio's pages: one widget each, made from the networks and images of the data folder."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ipywidgets

from smis import GroupDNet, people
from smis.datasets.archive import Samples
from smis.datasets.paths import data_file
from smis.presets import preset
from smis_widgets import (
    CGNormExplorer,
    Controllers,
    EncoderExplorer,
    GroupedConvExplorer,
    Mixer,
    Morpher,
    Painter,
    TrainingMonitor,
)
from smis_widgets.base import Panel

GALLERY = (10, 24, 40, 37, 118, 65, 132, 77)  # of the people's test set; also in the first notebook


@dataclass(frozen=True)
class Page:
    """A widget's name, what one does there in one sentence, and how the widget is made."""

    title: str
    words: str
    make: Callable[[], Panel[Any]]


def scene(size: int = 128) -> tuple[GroupDNet, Samples]:
    """The network of people at 64 or 128 pixels, and the gallery at its size."""
    return GroupDNet.load(data_file(f"checkpoints/people-{size}.safetensors")), people("test").load(size, GALLERY)


def training() -> TrainingMonitor:
    """A small live run on 256 people."""
    config = preset("people-64", {"weights.perceptual": 0.0, "batch_size": 4, "steps": 10_000, "decay_from": 1.0})
    return TrainingMonitor.live(config, people("train").load(64, range(256)), people("test").load(64, GALLERY))


PAGES = {
    "mixer": Page("Mixer", "Whose hair, whose top? Take each class from another person.", lambda: Mixer(*scene())),
    "morpher": Page("Morpher", "From one style to another, and beyond.", lambda: Morpher(*scene())),
    "painter": Page("Painter", "Paint the label map; the image follows.", lambda: Painter(*scene())),
    "controllers": Page(
        "Controllers", "Turn the code of one class; everything else stays.", lambda: Controllers(*scene())
    ),
    "grouped-convolution": Page(
        "Grouped convolution", "Who sees whom, how many weights, how long it takes.", GroupedConvExplorer
    ),
    "encoder": Page(
        "Encoder", "Poke a pixel of one class and see which codes move.", lambda: EncoderExplorer(*scene(64))
    ),
    "cg-norm": Page("CG-Norm", "How a label map scales and shifts features.", lambda: CGNormExplorer(*scene(64))),
    "training": Page("Training monitor", "Generator against discriminator, step by step.", training),
}


def show(name: str, home: str) -> Panel[Any] | ipywidgets.HTML:
    """The page's widget, which saves its files in `home`; what is wrong with the data or the installation, if so."""
    try:
        os.chdir(home)
        return PAGES[name].make()
    except Exception as error:  # a traceback would show code: the page says only what to mend
        said = html.escape(f"{type(error).__name__}: {error}")
        where = html.escape(f'python -c "from smis_widgets.studio.pages import PAGES; PAGES[{name!r}].make()"')
        return ipywidgets.HTML(f"<p><b>{said}</b></p><p>In a terminal, this says where: <code>{where}</code></p>")
