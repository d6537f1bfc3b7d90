"""LPIPS as the judge, from two files of its weights: for those who are online.

LPIPS (Zhang and others, CVPR 2018), version 0.1 on AlexNet: features of five layers, scaled to length 1 at each point,
squared differences weighted channel by channel with weights fitted to what people find similar, averaged over the image
and added up. The files are not in this repository:

    https://download.pytorch.org/models/alexnet-owt-7be5be79.pth                  AlexNet, 244 MB
    https://github.com/richzhang/PerceptualSimilarity, lpips/weights/v0.1/alex.pth    the fitted weights, 6 kB

Files with another SHA-256 are refused, so that nothing else is ever called LPIPS. Written here, for the package lpips
needs torchvision in a build that fits PyTorch's own. A test compares with recorded numbers of
lpips 0.1.4.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from smis.metrics.inception import checked
from smis.metrics.judge import Features, Judge

__all__ = ["LpipsJudge", "lpips_judge"]

ALEXNET = "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
FITTED = "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"
# name, stride, padding of each convolution, and whether max pooling comes before it
LAYERS = ((0, 4, 2, False), (3, 1, 2, True), (6, 1, 1, True), (8, 1, 1, False), (10, 1, 1, False))


class LpipsJudge(Judge):
    """A judge whose distance is LPIPS: from 0 (equal), seldom above 1.

    Args:
        alexnet, fitted: the weights by name, as in the two files.
    """

    def __init__(
        self, alexnet: dict[str, Tensor], fitted: dict[str, Tensor], device: str | torch.device = "cpu"
    ) -> None:
        note = ("Perceptual: LPIPS, 0 (equal) to about 1; AlexNet, version 0.1. No loss of the training uses it.",)
        super().__init__("LPIPS, AlexNet, version 0.1", self._features, note)
        self.device = device
        self.weights = [
            (alexnet[f"features.{n}.weight"].to(device), alexnet[f"features.{n}.bias"].to(device)) for n, *_ in LAYERS
        ]
        # sum_c w_c (a_c - b_c)^2 = sum_c (sqrt(w_c) a_c - sqrt(w_c) b_c)^2: the fitted weights go into the features
        self.roots = [fitted[f"lin{k}.model.1.weight"].to(device).sqrt() for k in range(len(LAYERS))]  # (1, c, 1, 1)
        self.shift = torch.tensor([-0.030, -0.088, -0.188], device=device).view(1, 3, 1, 1)
        self.scale = torch.tensor([0.458, 0.448, 0.450], device=device).view(1, 3, 1, 1)

    def _features(self, images: Tensor) -> Features:
        x = (images.to(self.device) - self.shift) / self.scale
        found = []
        for (_, stride, padding, pooled), (weight, bias), root in zip(LAYERS, self.weights, self.roots):
            x = F.relu(F.conv2d(F.max_pool2d(x, 3, 2) if pooled else x, weight, bias, stride, padding))
            found.append(root * x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found

    def distance(self, a: Features, b: Features) -> Tensor:
        """Features of N images, twice -> LPIPS `(N,)` on the CPU."""
        return torch.stack([(x - y).square().sum(1).mean((1, 2)) for x, y in zip(a, b, strict=True)]).sum(0).cpu()

    def maps(self, a: Features, b: Features, size: tuple[int, int]) -> Tensor:
        """The same at each pixel, `(N, H, W)` on the CPU."""
        coarse = [(x - y).square().sum(1, keepdim=True) for x, y in zip(a, b, strict=True)]
        layers = [F.interpolate(one, size, mode="bilinear", align_corners=False) for one in coarse]
        return torch.stack(layers).sum(0)[:, 0].cpu()


def lpips_judge(alexnet: Path, fitted: Path, device: str | torch.device = "cpu") -> LpipsJudge:
    """From the two files named above. Raises FileNotFoundError or ValueError when they are not those."""
    where = "smis/metrics/lpips.py says where it is"
    first = checked(alexnet, ALEXNET, f"alexnet-owt-7be5be79.pth; {where}")
    second = checked(fitted, FITTED, f"lpips/weights/v0.1/alex.pth; {where}")
    states = [torch.load(file, map_location="cpu", weights_only=True) for file in (first, second)]
    return LpipsJudge(states[0], states[1], device)
