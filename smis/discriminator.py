"""The discriminator: two PatchGANs, one on the image, one on the image at half size (section 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.layers import LEAK, one_hot, spectral_conv

__all__ = ["MultiscaleDiscriminator", "PatchDiscriminator", "judge_pair", "judged_mask"]


class PatchDiscriminator(nn.Module):
    """Convolutions 4x4 that end in a map of scores: one score per patch of the image.

    Stride 2 but for the last inner convolution and the score. Inner ones have spectral norm and instance norm.
    """

    def __init__(self, wide_in: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        for number, width in enumerate(widths):
            first, last = number == 0, number == len(widths) - 1
            stride = 1 if last and not first else 2
            conv: nn.Module = nn.Conv2d(wide_in, width, 4, stride, padding=2)
            if not first:
                conv = spectral_conv(wide_in, width, 4, stride=stride, padding=2, bias=False)
                conv = nn.Sequential(conv, nn.InstanceNorm2d(width))
            stages.append(nn.Sequential(conv, nn.LeakyReLU(LEAK)))
            wide_in = width
        self.stages = nn.ModuleList(stages)
        self.score = nn.Conv2d(wide_in, 1, 4, padding=2)

    def forward(self, pairs: Tensor) -> list[Tensor]:
        """`(B, mask + 3, H, W)` -> the activations of every stage, then the score map `(B, 1, h, w)`."""
        outputs = []
        for stage in self.stages:
            pairs = stage(pairs)
            outputs.append(pairs)
        return [*outputs, self.score(pairs)]


class MultiscaleDiscriminator(nn.Module):
    """The same judge at full and at half size. It sees mask and image together.

    Args:
        mask_channels: C, and one more where instance edges are used.
    """

    def __init__(self, mask_channels: int, widths: tuple[int, ...], scales: int = 2) -> None:
        super().__init__()
        self.judges = nn.ModuleList(PatchDiscriminator(mask_channels + 3, widths) for _ in range(scales))

    def forward(self, images: Tensor, mask: Tensor) -> list[list[Tensor]]:
        """images `(B, 3, H, W)`, mask `(B, mask_channels, H, W)` -> per scale the list of `PatchDiscriminator`."""
        pairs = torch.cat([mask, images], 1)  # (B, mask + 3, H, W)
        outputs = []
        for number, judge in enumerate(self.judges):
            if number:
                pairs = F.avg_pool2d(pairs, 3, stride=2, padding=1, count_include_pad=False)
            outputs.append(judge(pairs))
        return outputs


def judged_mask(labels: Tensor, classes: int, edges: Tensor | None = None) -> Tensor:
    """What the discriminator sees of labels `(B, H, W)`: `(B, C, H, W)` one-hot, and one more channel for edges."""
    mask = one_hot(labels, classes)
    return mask if edges is None else torch.cat([mask, edges[:, None].to(mask.dtype)], 1)


def judge_pair(
    judge: nn.Module, fake: Tensor, real: Tensor, mask: Tensor
) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
    """A MultiscaleDiscriminator's outputs for fake and for real images `(B, 3, H, W)`, from one pass over both."""
    both = judge(torch.cat([fake, real]), torch.cat([mask, mask]))
    number = len(fake)
    return [[t[:number] for t in scale] for scale in both], [[t[number:] for t in scale] for scale in both]
