"""The decoder: codes and a mask to an image, through group numbers that fall layer by layer (section 3.3)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.config import GroupDNetConfig
from smis.layers import LEAK, CGBlock, one_hot
from smis.neighbourhoods import Neighbourhoods

__all__ = ["GroupDecoder"]

TABLE_FROM = 32  # image rows from which on looking up beats convolving (measured on 2 CPU cores)


class GroupDecoder(nn.Module):
    """fc, then CG-Blocks with nearest x2 upsampling between them, then a convolution to RGB and tanh.

    codes (B, C, D, h, w) -> fc -> block -> up -> block -> ... -> (B, 3, H, W)

    Early layers have many groups: each class is drawn by its own small generator. Late layers have few: there the
    classes agree on light and borders.
    """

    def __init__(self, config: GroupDNetConfig) -> None:
        super().__init__()
        classes = len(config.labels)
        self.classes = classes
        widths, groups = config.decoder_widths, config.decoder_groups
        self.fc = nn.Conv2d(classes * config.latent_dim, widths[0], 3, padding=1, groups=groups[0])
        wide_in = (widths[0], *widths[:-1])
        self.blocks = nn.ModuleList(
            CGBlock(a, b, classes, config.norm_hidden, g) for a, b, g in zip(wide_in, widths, groups[1:])
        )
        self.to_rgb = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def masks(self, labels: Tensor, plain: bool = False) -> list[Tensor | Neighbourhoods]:
        """What each block needs to know of the label map `(B, H, W)`: its neighbourhoods at the block's size.

        With `plain=True` one-hot masks `(B, C, h, w)`: the paper's form, slower, equal to rounding.
        """
        mask = one_hot(labels, self.classes)  # (B, C, H, W); refuses ids out of range
        result: list[Tensor | Neighbourhoods] = []
        for number in range(len(self.blocks)):
            step = 2 ** (len(self.blocks) - 1 - number)  # nearest: every step-th pixel
            small = labels[:, ::step, ::step]
            use_table = not plain and small.shape[1] >= TABLE_FROM
            result.append(Neighbourhoods.of(small, self.classes) if use_table else mask[:, :, ::step, ::step])
        return result

    def forward(self, codes: Tensor, labels: Tensor, plain: bool = False) -> Tensor:
        """codes `(B, C, D, h, w)`, labels `(B, H, W)` -> image `(B, 3, H, W)` in [-1, 1]."""
        features = self.fc(codes.flatten(1, 2))  # (B, widths[0], h, w)
        for number, (block, mask) in enumerate(zip(self.blocks, self.masks(labels, plain))):
            if number:
                features = F.interpolate(features, scale_factor=2, mode="nearest")
            features = block(features, mask)
        return torch.tanh(self.to_rgb(F.leaky_relu(features, LEAK)))
