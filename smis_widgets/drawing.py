"""What all widgets draw with: a network, a gallery of images at its size, and their codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from smis.datasets.archive import Samples
from smis.editing import ClassCodes
from smis.model import GroupDNet
from smis.rendering import Renderer, is_large, with_sensible_threads
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
        labels.check(samples.labels)
        if not 1 <= len(samples) <= len(LETTERS):
            raise ValueError(f"a gallery holds 1 to {len(LETTERS)} images, got {len(samples)}")
        if pictures is not None and len(pictures) != len(samples):
            raise ValueError(f"one picture an image: {len(samples)} images, {len(pictures)} pictures")
        with torch.inference_mode():
            codes = model.encode(*samples.tensors())
        renderer = Renderer(model) if isinstance(model, GroupDNet) else None
        return cls(model, samples, codes, samples if pictures is None else pictures, renderer)

    @property
    def present(self) -> tuple[tuple[bool, ...], ...]:
        """Whether each image shows each class."""
        return tuple(tuple(bool(there) for there in row) for row in self.codes.present.tolist())

    def decode(self, codes: Tensor, labels: np.ndarray) -> np.ndarray:
        """codes `(1, C, D, h, w)`, label map `(H, W)` -> image float32 `(3, H, W)`, as the network draws it.

        Raises what the network raises, and ValueError on values that are not numbers.
        """
        *_, (image, _) = self.steps(codes, labels, rectangle=False)
        return image

    def steps(self, codes: Tensor, labels: np.ndarray, rectangle: bool = True) -> Iterator[tuple[np.ndarray, bool]]:
        """The same in up to two steps, and whether the image is complete: see `Renderer.progressive`.

        The renderer keeps what a change of some classes or pixels leaves as it was.
        """
        steps: Iterator[tuple[Tensor, bool]] | None = None
        while True:
            # All of PyTorch's work is in here: to wake a second thread takes longer than small work itself.
            with self._few_threads(), torch.inference_mode():
                if steps is None:
                    ids = torch.from_numpy(labels.astype(np.int64))[None]  # (1, H, W)
                    steps = self._steps(codes, ids, rectangle)
                image, complete = next(steps)
            pixels = image[0].numpy()
            if not np.isfinite(pixels).all():
                raise ValueError("the network gave values that are not numbers; its checkpoint may be damaged")
            yield pixels, complete
            if complete:
                return

    @property
    def large(self) -> bool:
        """Whether a person waits for the network, so that a coarse picture first is welcome."""
        return self.renderer is not None and is_large(self.model.config)

    def first(self, codes: Tensor, labels: np.ndarray) -> tuple[np.ndarray, bool]:
        """As much of what `decode` would draw as a hand waits for, float32 `(3, H, W)`, and whether that is all of it.

        A large network draws it coarse, a small one at first the rectangle around what changed.
        """
        if self.renderer is None or not self.large:
            return next(self.steps(codes, labels))
        with self._few_threads(), torch.inference_mode():
            self.renderer.set_mask(torch.from_numpy(labels.astype(np.int64))[None])
            return self.renderer.coarse(codes)[0].numpy(), False

    def _few_threads(self) -> AbstractContextManager[None]:
        return nullcontext() if self.renderer is None else with_sensible_threads(self.model.config)

    def _steps(self, codes: Tensor, labels: Tensor, rectangle: bool) -> Iterator[tuple[Tensor, bool]]:
        if self.renderer is None:
            return iter([(self.model.decode(codes, labels), True)])
        self.renderer.set_mask(labels)
        return self.renderer.progressive(codes, rectangle)
