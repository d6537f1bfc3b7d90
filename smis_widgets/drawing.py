"""What all widgets draw with: a network, a gallery of images at its size, and their codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from smis.datasets.archive import Samples
from smis.editing import ClassCodes
from smis.model import GroupDNet
from smis.rendering import Renderer, with_sensible_threads
from smis_widgets.theme import LETTERS


class Model(Protocol):
    """What a widget needs of a network: `GroupDNet` has it."""

    @property
    def config(self) -> Any: ...

    def encode(self, images: Tensor, labels: Tensor) -> ClassCodes: ...

    def decode(self, codes: Tensor, labels: Tensor) -> Tensor: ...


@dataclass(frozen=True, eq=False)
class Studio:
    """The network, images at its size, their codes, and the same images in any size for the thumbnails.

    A `GroupDNet` gets a renderer, which draws the same images faster.
    """

    model: Model
    samples: Samples
    codes: ClassCodes
    pictures: Samples
    renderer: Renderer | None = None

    @classmethod
    def open(cls, model: Model, samples: Samples, pictures: Samples | None = None) -> Studio:
        """Encode the images once, in one batch.

        Raises ValueError when size or label set are not the network's, or when there are too many images.
        """
        size, labels = tuple(model.config.image_size), model.config.labels
        if samples.labels.shape[1:] != size:
            raise ValueError(
                f"the network takes {size[0]} x {size[1]} (height x width), the gallery is "
                f"{samples.labels.shape[1]} x {samples.labels.shape[2]}: load it with size={size[0]}"
            )
        if samples.label_set.classes != labels.classes:
            raise ValueError(
                f"the network knows the classes {', '.join(labels.classes)}; the gallery has "
                f"{', '.join(samples.label_set.classes)}: use the data that the network was trained on"
            )
        if not 1 <= len(samples) <= len(LETTERS):
            raise ValueError(f"a gallery holds 1 to {len(LETTERS)} images, got {len(samples)}")
        if pictures is not None and len(pictures) != len(samples):
            raise ValueError(f"one picture an image: {len(samples)} images, {len(pictures)} pictures")
        with torch.inference_mode():
            codes = model.encode(*samples.tensors())
        renderer = Renderer(model) if isinstance(model, GroupDNet) else None
        return cls(model, samples, codes, samples if pictures is None else pictures, renderer)

    def decode(self, codes: Tensor, labels: Tensor) -> Tensor:
        """As the network does. The renderer keeps what a change of some classes leaves as it was."""
        if self.renderer is None:
            return self.model.decode(codes, labels)
        with with_sensible_threads(self.model.config):  # a second thread waits longer than it works
            self.renderer.set_mask(labels)
            return self.renderer(codes)
