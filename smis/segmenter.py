"""A small U-Net that reads the label map off an image: the judge of whether a generated image shows its mask.

It is trained on real images alone (the train split), never on generated ones, and no generator is trained with it.
So it can be asked: do you see in the generated image what the mask told the generator to draw?
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from smis.datasets.archive import Samples
from smis.datasets.cache import Stream
from smis.files import whole_file
from smis.labels import LabelSet
from smis.model import CheckpointError
from smis.outside import parse_json, shortened

__all__ = ["Segmenter", "SegmenterConfig", "SegmenterTraining", "jitter", "train_segmenter"]

FORMAT = "smis-segmenter-1"


@dataclass(frozen=True)
class SegmenterConfig:
    """A U-Net: `widths[k]` channels at 1 / 2^k of the image's size (H, W), which the last of these must divide."""

    labels: LabelSet
    image_size: tuple[int, int]
    widths: tuple[int, ...] = (16, 32, 64, 64, 64)

    def __post_init__(self) -> None:
        if not 2 <= len(self.widths) <= 16 or not all(type(w) is int and 1 <= w <= 4096 for w in self.widths):
            raise ValueError(f"a segmenter needs 2 to 16 widths in 1..4096, got {shortened(self.widths)}")
        factor = 1 << (len(self.widths) - 1)
        if any(side < factor or side % factor for side in self.image_size):
            raise ValueError(
                f"with {len(self.widths)} widths an image's height and width must be multiples of {factor}, "
                f"got {self.image_size}: take another size or fewer widths"
            )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"labels": self.labels.to_dict(), "image_size": list(self.image_size), "widths": list(self.widths)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SegmenterConfig:
        """The inverse of `to_dict`."""
        height, width = data["image_size"]
        return cls(LabelSet.from_dict(data["labels"]), (int(height), int(width)), tuple(data["widths"]))


def _twice(wide_in: int, wide_out: int) -> nn.Sequential:
    """Two 3x3 convolutions, each followed by batch norm and ReLU."""
    layers: list[nn.Module] = []
    for wide in (wide_in, wide_out):
        layers += [nn.Conv2d(wide, wide_out, 3, padding=1, bias=False), nn.BatchNorm2d(wide_out), nn.ReLU()]
    return nn.Sequential(*layers)


class Segmenter(nn.Module):
    """Image to label map: half a million parameters, 1 MB in half precision.

    Down: two convolutions at each size, then the maximum of 2 x 2 pixels. Up: nearest-neighbour enlargement, the
    features of the same size on the way down beside it, two convolutions (U-Net, Ronneberger and others 2015).
    """

    def __init__(self, config: SegmenterConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        self.down = nn.ModuleList(_twice(a, b) for a, b in zip((3, *widths), widths))
        self.up = nn.ModuleList(_twice(a + b, b) for a, b in zip(widths[:0:-1], widths[-2::-1]))
        self.head = nn.Conv2d(widths[0], len(config.labels), 1)

    def forward(self, images: Tensor) -> Tensor:
        """images `(B, 3, H, W)` in [-1, 1] -> scores `(B, C, H, W)`; the highest is the class.

        Raises ValueError for another size than the network's.
        """
        if images.ndim != 4 or tuple(images.shape[1:]) != (3, *self.config.image_size):
            raise ValueError(
                f"this segmenter was trained for images (B, 3, {self.config.image_size[0]}, "
                f"{self.config.image_size[1]}), got {tuple(images.shape)}"
            )
        x, seen = images, []
        for number, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if number else x)
            seen.append(x)
        for stage, same_size in zip(self.up, seen[-2::-1], strict=True):
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0), same_size], 1))
        scores: Tensor = self.head(x)
        return scores

    @torch.no_grad()
    def label_maps(self, images: Tensor) -> Tensor:
        """images `(B, 3, H, W)` in [-1, 1] -> class ids `(B, H, W)`."""
        return self(images).argmax(1)

    def save(self, path: str | os.PathLike[str], provenance: dict[str, Any] | None = None) -> None:
        """Write one safetensors file, whole or not at all: weights in half precision, vectors in float32."""
        tensors = {
            name: (value.half() if value.is_floating_point() and value.ndim > 1 else value).contiguous().cpu()
            for name, value in self.state_dict().items()
        }
        header = {"format": FORMAT, "config": json.dumps(self.config.to_dict())}
        header["provenance"] = json.dumps(provenance or {})
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as part:
            part.write_bytes(save(tensors, header))  # save_file leaves debris when it is killed

    @classmethod
    def load(cls, path: str | os.PathLike[str], device: str | torch.device = "cpu") -> Segmenter:
        """A network in eval mode, from a file that `save` wrote.

        Raises:
            FileNotFoundError: no such file.
            CheckpointError: no segmenter, or a damaged one.
        """
        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no segmenter {path}: train one with `smis segment`")
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                keys = list(file.keys())
                shapes = {key: tuple(file.get_slice(key).get_shape()) for key in keys}
        except (SafetensorError, ValueError, OSError) as error:  # ValueError: an empty file
            raise CheckpointError(
                f"{path} is not a complete safetensors file ({shortened(error)}): train it again"
            ) from error
        if header.get("format") != FORMAT:
            raise CheckpointError(
                f"{path} has the format {shortened(header.get('format'))!r}, expected {FORMAT!r}: "
                "a segmenter is made by `smis segment`"
            )
        try:
            config = SegmenterConfig.from_dict(parse_json(header["config"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CheckpointError(
                f"{path} holds a config that this version cannot read: {shortened(error, 1000)}"
            ) from error
        needed = sum(9 * wide * wide for wide in config.widths)  # the second convolution of each stage, at least
        held = sum(map(math.prod, shapes.values()))
        if needed > held:  # before memory is spent on a network that the file cannot fill
            raise CheckpointError(f"{path} does not fit its own config: it holds {held:,} of {needed:,} weights")
        segmenter = cls(config)
        own = segmenter.state_dict()
        wrong = sorted(shapes.keys() ^ own.keys()) or [k for k in sorted(own) if shapes[k] != tuple(own[k].shape)]
        if wrong:
            raise CheckpointError(
                f"{path} does not fit its own config: {len(wrong)} tensors differ, first {shortened(wrong[0])}"
            )
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key).to(value.dtype) for key, value in own.items()}
        bad = [k for k, v in state.items() if v.is_floating_point() and not torch.isfinite(v).all()]
        if bad:
            raise CheckpointError(f"{path} holds values that are not finite, first in {bad[0]}: the file is damaged")
        segmenter.load_state_dict(state)
        return segmenter.eval().to(device)


@dataclass(frozen=True)
class SegmenterTraining:
    """How a segmenter is trained: AdamW, the learning rate falling to zero along half a cosine."""

    steps: int = 3000
    batch_size: int = 64
    lr: float = 2e-3
    weight_decay: float = 1e-4
    jitter: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1 or not self.lr > 0 or not 0 <= self.jitter < 1:
            raise ValueError(f"steps and batch_size from 1, lr above 0 and jitter in 0..1 are needed, got {self}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def jitter(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Other brightness, contrast and saturation for each image `(B, 3, H, W)` in [-1, 1], clipped to that range.

    Contrast and saturation are multiplied by 1 - amount to 1 + amount, brightness is shifted by as much.

    >>> image = torch.full((1, 3, 2, 2), 0.5)
    >>> torch.equal(jitter(image, 0.0, torch.Generator().manual_seed(0)), image)
    True
    """
    draws = torch.rand(3, len(images), 1, 1, 1, generator=generator, device="cpu").to(images.device) * 2 - 1
    brightness, contrast, saturation = (draws * amount).unbind(0)  # each (B, 1, 1, 1)
    grey = images.mean(1, keepdim=True)
    images = torch.lerp(grey, images, 1 + saturation)
    mean = images.mean((1, 2, 3), keepdim=True)
    return (torch.lerp(mean, images, 1 + contrast) + brightness).clamp(-1, 1)


def train_segmenter(
    samples: Samples,
    training: SegmenterTraining = SegmenterTraining(),
    *,
    widths: tuple[int, ...] = (16, 32, 64, 64, 64),
    device: str | torch.device = "cpu",
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> Segmenter:
    """A segmenter of the samples' size and label set, trained on them with flips and colour jitter, in eval mode.

    Args:
        report: called about twenty times with the number of steps done and the mean loss since the last call.

    Raises ValueError when the batch is larger than the data, or the size does not fit.
    """
    height, width = samples.labels.shape[1:]
    device = torch.device(device)
    stream = Stream(samples, training.batch_size, seed=training.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = Segmenter(SegmenterConfig(samples.label_set, (height, width), widths))
    network.to(device)
    if device.type == "cuda":
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(network.parameters(), lr=training.lr, weight_decay=training.weight_decay)
    random = torch.Generator().manual_seed(training.seed)
    every, since, total = max(1, training.steps // 20), 0, torch.zeros((), device=device)
    network.train()
    for step in range(training.steps):
        for group in optimiser.param_groups:
            group["lr"] = training.lr * (1 + math.cos(math.pi * step / training.steps)) / 2
        images, labels, _ = stream.batch(step).tensors(device)
        images = jitter(images, training.jitter, random)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            scores = network(images)
        loss = F.cross_entropy(scores.float(), labels)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total, since = total + loss.detach(), since + 1
        if since == every or step + 1 == training.steps:
            report(step + 1, float(total) / since)
            total, since = torch.zeros_like(total), 0
    return network.eval()
