"""The eight widgets, small enough for ten thousand events.

With a toy network where that is enough, else with a tiny GroupDNet.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from smis.model import GroupDNet
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
from tests.unit.networks import blobs, shake, smoke
from tests.widgets.fake import FakeModel, toys

LIVE = {"steps": 400, "weights.perceptual": 0.0, "batch_size": 2}


@functools.cache
def network() -> GroupDNet:
    torch.manual_seed(0)
    net = GroupDNet(smoke().model).eval()
    shake(net.encoder)
    return net


WIDGETS: dict[str, Callable[[], Panel[Any]]] = {
    "Mixer": lambda: Mixer(FakeModel(), toys(), seed=0),
    "Morpher": lambda: Morpher(FakeModel(), toys()),
    "Painter": lambda: Painter(FakeModel(), toys()),
    "Controllers": lambda: Controllers(FakeModel(), toys()),
    "GroupedConvExplorer": lambda: GroupedConvExplorer(),
    "EncoderExplorer": lambda: EncoderExplorer(network(), blobs(3)),
    "CGNormExplorer": lambda: CGNormExplorer(network(), blobs(3)),
    "TrainingMonitor": lambda: TrainingMonitor.live(smoke(**LIVE), blobs(4)),
}
