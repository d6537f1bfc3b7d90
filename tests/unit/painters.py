"""Stand-ins for networks whose control is known: they encode a class as its mean colour and paint flat colours.

And swaps whose truth is known: flat scenes in which one class at a time gets another colour.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from smis import GroupDNet
from smis.datasets.swaps import Swap
from smis.editing import ClassCodes
from smis.labels import PEOPLE
from tests.unit.networks import blobs, smoke


class Painter(GroupDNet):
    """A perfect controller: each class is painted in its own code's colour."""

    def __init__(self) -> None:
        super().__init__(smoke().model)

    def encode(self, images: Tensor, labels: Tensor) -> ClassCodes:
        values = torch.zeros(len(images), 8, 8, 4, 4)
        for c in range(8):
            area = (labels == c)[:, None]
            mean = (images * area).sum((2, 3)) / area.sum((2, 3)).clamp(min=1)
            values[:, c, :3] = mean[:, :, None, None]
        return ClassCodes(values, torch.stack([(labels == c).flatten(1).any(1) for c in range(8)], 1))

    def decode(self, codes: Tensor, labels: Tensor, edges: Tensor | None = None) -> Tensor:
        return self.paint(codes[:, :, :3, 0, 0], labels)

    def paint(self, colours: Tensor, labels: Tensor) -> Tensor:
        """Colours `(B, C, 3)` and labels `(B, H, W)` -> images `(B, 3, H, W)`."""
        image = torch.gather(colours, 1, labels.flatten(1)[..., None].expand(-1, -1, 3))
        return image.transpose(1, 2).view(len(colours), 3, *labels.shape[1:])


class Deaf(Painter):
    """Ignores its codes: class c always has the grey c / 8."""

    def paint(self, colours, labels):
        return super().paint((torch.arange(8.0) / 8)[None, :, None].expand(len(colours), 8, 3), labels)


class Flood(Painter):
    """Leaks fully: every pixel gets the sum of all classes' colours, so a code changes all pixels alike."""

    def paint(self, colours, labels):
        return colours.sum(1)[:, :, None, None].expand(-1, -1, *labels.shape[1:])


class Tint(Painter):
    """Leaks in one class: class 4's red goes into all classes."""

    def paint(self, colours, labels):
        return super().paint(colours, labels) + 0.2 * colours[:, 4, :1, None, None]


class Neighbour(Painter):
    """Mixes up its controllers: class c is painted with the code of class c + 1."""

    def paint(self, colours, labels):
        return super().paint(colours.roll(-1, 1), labels)


class Gossip(Painter):
    """Paints perfectly, but its encoder mixes the whole image's mean colour into every class's code."""

    def encode(self, images, labels):
        codes = super().encode(images, labels)
        mean = images.mean((2, 3))[:, None, :, None, None]
        return ClassCodes(torch.cat([codes.values[:, :, :3] + mean, codes.values[:, :, 3:]], 2), codes.present)


class Negative(Painter):
    """Changes as much as it should, in the opposite direction."""

    def paint(self, colours, labels):
        return -super().paint(colours, labels)


def swap_list(scenes: int = 3, classes: tuple[int, ...] = (0, 4), size: int = 64) -> Iterator[Swap]:
    """Each with three styles, lighter by 20, 40 and 60."""
    """Flat scenes in which one class at a time gets three other colours, exactly."""
    random, samples = np.random.default_rng(0), blobs(scenes, size=size)
    for scene, labels in enumerate(samples.labels):
        colours = random.integers(60, 120, (8, 3)).astype(np.uint8)
        for number in classes:
            area = labels == number
            restyled = np.stack([colours[labels]] * 3)
            for style in range(3):
                restyled[style][area] = colours[number] + 20 * (style + 1)
            yield Swap(scene, PEOPLE.classes[number], colours[labels], labels, restyled, area)
