"""The decoder: codes and a mask to an image, through group numbers that fall layer by layer (section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.config import GroupDNetConfig
from smis.layers import LEAK, CGBlock, check_labels, interleave, one_hot
from smis.neighbourhoods import Neighbourhoods

__all__ = ["GroupDecoder", "mask_values"]

TABLE_FROM = 32  # image rows from which on looking up beats convolving (measured on 2 CPU cores)


def mask_values(config: GroupDNetConfig) -> Tensor:
    """What the mask networks see of a pixel, by its id, which is its label, or label + C * edge: `(ids, F)`."""
    return interleave(len(config.labels)) if config.instance_edges else torch.eye(len(config.labels))


class GroupDecoder(nn.Module):
    """fc, then CG-Blocks with nearest x2 upsampling between them, then a convolution to RGB and tanh.

    codes (B, C, D, h, w) -> fc -> block -> up -> block -> ... -> (B, 3, H, W)

    Early layers have many groups: each class is drawn by its own small generator. Late layers have few: there the
    classes agree on light and borders.
    """

    channels: Tensor

    def __init__(self, config: GroupDNetConfig) -> None:
        super().__init__()
        self.config = config
        classes, widths, groups = len(config.labels), config.decoder_widths, config.decoder_groups
        self.register_buffer("channels", mask_values(config), persistent=False)

        codes = config.controllers * config.latent_dim
        self.fc: nn.Module
        if config.latent_size == config.start_size:
            self.fc = nn.Conv2d(codes, widths[0], 3, padding=1, groups=groups[0])
        else:  # a vector for the whole image
            self.fc = nn.Sequential(
                nn.Flatten(),
                nn.Linear(codes, widths[0] * config.start_size[0] * config.start_size[1]),
                nn.Unflatten(1, (widths[0], *config.start_size)),
            )
        wide_in = (widths[0], *widths[:-1])
        blocks = [
            CGBlock(a, b, g, config.mask_channels, hidden, pair)
            for a, b, g, hidden, pair in zip(
                wide_in, widths, groups[1:], config.norm_hidden, config.norm_groups, strict=True
            )
        ]
        self.blocks = nn.ModuleList(blocks)
        self.spare: CGBlock | None = None  # in the published ADE20K network, which never runs it
        if config.spare_width:
            self.spare = CGBlock(
                widths[-1],
                config.spare_width,
                groups[-1],
                config.mask_channels,
                config.norm_hidden[-1],
                config.norm_groups[-1],
            )
        self.pictures = classes if config.fused else 1
        self.to_rgb = nn.Conv2d(widths[-1], 3 * self.pictures, 3, padding=1, groups=self.pictures)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """(h, w) at which each block works."""
        scales = [2 ** sum(self.config.upsample[: number + 1]) for number in range(len(self.blocks))]
        return [(self.config.start_size[0] * s, self.config.start_size[1] * s) for s in scales]

    def ids(self, labels: Tensor, edges: Tensor | None = None) -> Tensor:
        """labels and instance edges, both `(B, H, W)` -> one id a pixel: the label, or label + C * edge.

        Raises:
            ValueError: an id out of range; edges missing, or given to a network that does not know them.
        """
        check_labels(labels, len(self.config.labels))
        if self.config.instance_edges == (edges is None):
            raise ValueError(
                "this network needs instance edges (B, H, W), none were given"
                if edges is None
                else "this network knows no instance edges: its config has instance_edges=False"
            )
        if edges is None:
            return labels.long()
        if edges.shape != labels.shape:
            raise ValueError(f"edges must be {tuple(labels.shape)} like the labels, got {tuple(edges.shape)}")
        return labels + len(self.config.labels) * edges.bool().long()

    def masks(self, ids: Tensor, plain: bool | None = None) -> list[Tensor | Neighbourhoods]:
        """What each block needs to know of the ids `(B, H, W)`: their neighbourhoods at the block's size.

        With `plain=True` masks `(B, F, h, w)`: the paper's form, equal to rounding. It is slower on a CPU, and
        faster on a GPU, which convolves in less time than it sorts (`benchmarks/gpu_step.py`); so None takes
        it on a GPU only.
        """
        plain = ids.is_cuda if plain is None else plain
        result: list[Tensor | Neighbourhoods] = []
        for height, width in self.sizes:
            small = ids[:, :: ids.shape[1] // height, :: ids.shape[2] // width]  # nearest
            if plain or height < TABLE_FROM:
                result.append(self.channels[small].permute(0, 3, 1, 2).contiguous())
            else:
                result.append(Neighbourhoods.of(small, self.channels))
        return result

    def forward(self, codes: Tensor, labels: Tensor, edges: Tensor | None = None, plain: bool | None = None) -> Tensor:
        """codes `(B, C, D, h, w)`, labels `(B, H, W)` -> image `(B, 3, H, W)` in [-1, 1].

        Args:
            edges: `(B, H, W)`, true on instance edges, for networks with `instance_edges`.
            plain: compute CG-Norm in the paper's form instead of looking it up; None: on a GPU.
        """
        ids = self.ids(labels, edges)
        image = self.draw(codes, self.masks(ids, plain))
        return image if self.pictures == 1 else self.fuse(image, labels)

    def draw(self, codes: Tensor, masks: Sequence[Tensor | Neighbourhoods]) -> Tensor:
        """The convolutions: codes `(B, C, D, h, w)` and one mask a block -> `(B, 3 * pictures, H, W)`."""
        features = self.fc(codes.flatten(1, 2))  # (B, widths[0], h, w)
        for block, mask, doubled in zip(self.blocks, masks, self.config.upsample, strict=True):
            if doubled:
                features = F.interpolate(features, scale_factor=2, mode="nearest")
            features = block(features, mask)
        return torch.tanh(self.to_rgb(F.leaky_relu(features, LEAK)))

    def fuse(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """O = sum_c M_c * O_c: pictures `(B, 3C, H, W)`, labels `(B, H, W)` -> `(B, 3, H, W)`."""
        mask = one_hot(labels, self.pictures)[:, :, None]  # (B, C, 1, H, W)
        return (pictures.unflatten(1, (self.pictures, 3)) * mask).sum(1)
