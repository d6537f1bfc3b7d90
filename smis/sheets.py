"""Contact sheets: rows of images beside each other, as PIL pictures."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from smis.datasets.archive import Samples
from smis.labels import LabelSet
from smis.model import GroupDNet

__all__ = ["grid", "to_uint8", "training_sheet"]


def to_uint8(images: Tensor | np.ndarray) -> np.ndarray:
    """Images `(..., 3, H, W)` in [-1, 1] to uint8 `(..., H, W, 3)`; values outside are clipped.

    >>> to_uint8(torch.tensor([-1.0, 0.0, 2.0]).view(1, 3, 1, 1)).flatten().tolist()
    [0, 128, 255]
    """
    values = images.detach().cpu().float().numpy() if isinstance(images, Tensor) else images
    scaled = (values.clip(-1, 1) + 1) * 127.5  # by NumPy: to wake PyTorch's threads takes longer than one image
    return np.moveaxis(scaled.round().astype(np.uint8), -3, -1)


def grid(rows: list[np.ndarray], gap: int = 2) -> Image.Image:
    """Rows of uint8 `(N, H, W, 3)` images to one picture with white gaps."""
    lines = [
        np.concatenate([np.pad(i, ((0, gap), (0, gap), (0, 0)), constant_values=255) for i in row], 1) for row in rows
    ]
    return Image.fromarray(np.concatenate(lines, 0))


def training_sheet(model: GroupDNet, samples: Samples) -> Image.Image:
    """What a network can do, for the same images every time.

    Rows: real image, label map, reconstruction; then, one row a controller, the reconstruction with that class's code
    taken from the next image that has the class; last, codes drawn from the prior.
    """
    images, labels = samples.tensors()
    device = next(model.parameters()).device
    labels = labels.to(device)
    with torch.no_grad():
        codes = model.encode(images.to(device), labels)
        rows = [
            samples.images,
            colour_maps(samples.labels, samples.label_set),
            to_uint8(model.decode(codes.values, labels)),
        ]
        for number in range(model.config.controllers):
            swapped = codes.values.clone()
            swapped[:, number] = codes.values[next_present(codes.present[:, number]), number]
            rows.append(to_uint8(model.decode(swapped, labels)))
        drawn = model.sample(len(images), torch.Generator(device).manual_seed(0))
        rows.append(to_uint8(model.decode(drawn, labels)))
    return grid(rows)


def colour_maps(labels: np.ndarray, label_set: LabelSet) -> np.ndarray:
    """Label maps `(N, H, W)` to uint8 `(N, H, W, 3)` in the palette's colours."""
    return np.stack([label_set.colorize(one) for one in labels])


def next_present(present: Tensor) -> Tensor:
    """For each image the next one (going round) that has the class; itself where no other has it.

    >>> next_present(torch.tensor([True, False, True])).tolist()
    [2, 2, 0]
    """
    number = len(present)
    having = [i for i in range(number) if present[i]]
    following = [next((j % number for j in range(i + 1, i + number) if present[j % number]), i) for i in range(number)]
    return torch.tensor(following if having else list(range(number)))
