"""Small networks and made-up people for the unit tests."""

import numpy as np
import torch

from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.labels import PEOPLE
from smis.presets import preset


def smoke(**overrides: object) -> TrainConfig:
    return preset("smoke", overrides)


def blobs(number: int = 8, size: int = 64, seed: int = 0) -> Samples:
    """Label maps of rectangles, images in which each class has one random colour and some noise."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((number, size, size), np.uint8)
    images = np.zeros((number, size, size, 3), np.uint8)
    for k in range(number):
        for c in range(1, 8):
            y, x = rng.integers(0, size - 16, 2)
            h, w = rng.integers(8, 24, 2)
            labels[k, y : y + h, x : x + w] = c
        colours = rng.integers(0, 256, (8, 3))
        images[k] = np.clip(colours[labels[k]] + rng.normal(0, 4, (size, size, 3)), 0, 255)
    return Samples(images, labels, PEOPLE)


def random_labels(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 8, shape, generator=torch.Generator().manual_seed(seed))


def shake(network: torch.nn.Module, seed: int = 0) -> None:
    """Give every parameter a size at which mistakes show: the paper's initialisation is almost zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
