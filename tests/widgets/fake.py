"""A stand-in for the network with the same contract, whose every pixel can be foretold.

The code of a class is the mean colour of its area; decoding paints each class's area with the colour in its code.
"""

from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from smis.datasets.archive import Samples
from smis.editing import ClassCodes
from smis.labels import LabelSet

LABELS = LabelSet(
    "toys", ("ground", "hat", "coat", "shoes"), ((230, 230, 230), (160, 90, 40), (200, 40, 60), (40, 60, 160))
)
HAT, COAT, SHOES = 1, 2, 3


class FakeModel:
    """Encode: mean colours, as codes (N, C, 3, 1, 1). Decode: flat colours."""

    def __init__(self, labels: LabelSet = LABELS, size: tuple[int, int] = (16, 16)) -> None:
        self.config = SimpleNamespace(labels=labels, image_size=size)
        self.encoded = 0
        self.fault: Exception | None = None
        self.broken = False

    def encode(self, images: Tensor, labels: Tensor) -> ClassCodes:
        self.encoded += 1
        here = torch.nn.functional.one_hot(labels, len(self.config.labels)).permute(0, 3, 1, 2).float()
        count = here.sum((2, 3))
        values = torch.einsum("nxhw,nchw->ncx", images, here) / count.clamp(min=1)[..., None]
        return ClassCodes(values[..., None, None], count > 0)

    def decode(self, codes: Tensor, labels: Tensor) -> Tensor:
        if self.fault is not None:
            raise self.fault
        colours = codes[..., 0, 0]  # (B, C, 3)
        image = torch.stack([c[k] for c, k in zip(colours, labels, strict=True)]).permute(0, 3, 1, 2)
        return image * float("nan") if self.broken else image


def toys(people: int = 4) -> Samples:
    """Small people 16 x 16: ground, hat, coat, shoes in flat colours of their own. The last one is barefoot."""
    images, labels = np.zeros((people, 16, 16, 3), np.uint8), np.zeros((people, 16, 16), np.uint8)
    for p in range(people):
        labels[p, 1:4, 5 + p % 3 : 9] = HAT
        labels[p, 4:11, 4 - p % 2 : 11] = COAT
        if p < people - 1:
            labels[p, 12:15, 4:11] = SHOES
        for c in range(len(LABELS)):
            images[p][labels[p] == c] = colour(p, c)
    return Samples(images, labels, LABELS)


def colour(person: int, c: int) -> tuple[int, int, int]:
    """The flat colour of one class of one person."""
    return (20 + 50 * person % 200, 10 + 60 * c, 200 - 30 * person % 200)
