"""The building blocks: one-hot masks, spectral norm, CG-Norm and the CG-Block.

Everything here is made of *grouped convolutions*: the channels fall into `groups` equal parts, and an output
channel sees only the input channels of its own part. With as many groups as classes, class stays apart from class.
"""

from __future__ import annotations

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrize import register_parametrization

from smis.graphs import recording
from smis.neighbourhoods import Neighbourhoods

__all__ = [
    "CGBlock",
    "CGNorm",
    "SpectralNorm",
    "check_labels",
    "init_weights",
    "interleave",
    "one_hot",
    "spectral_conv",
]

LEAK = 0.2  # slope of every LeakyReLU in the paper's networks


def check_labels(labels: Tensor, classes: int) -> None:
    """Raise ValueError unless `labels` are integers `(B, H, W)` in `0..classes-1`."""
    if labels.ndim != 3 or labels.is_floating_point() or labels.dtype == torch.bool:
        raise ValueError(f"labels must be integers (B, H, W), got {labels.dtype} {tuple(labels.shape)}")
    if recording(labels):  # the trainer has looked at the batch before
        return
    lowest, highest = (int(end) for end in labels.aminmax())
    if lowest < 0 or highest >= classes:
        raise ValueError(
            f"label ids must lie in 0..{classes - 1}, got {lowest}..{highest}: "
            "remap the ids (255 often means 'ignore') before they come here"
        )


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """Label map `(B, H, W)` of class ids to a one-hot mask `(B, classes, H, W)` of 0. and 1.

    Raises:
        ValueError: labels of another shape or type, or an id outside `0..classes-1`.

    >>> one_hot(torch.tensor([[[0, 1]]]), 2)[0, 1]
    tensor([[0., 1.]])
    """
    check_labels(labels, classes)
    ids = torch.arange(classes, device=labels.device).view(1, classes, 1, 1)
    return (labels.unsqueeze(1) == ids).float()  # (B, C, H, W)


def interleave(classes: int) -> Tensor:
    """The mask's channels where a pixel has a label and may lie on an instance edge: `(2C, 2C)`.

    Row `label + C * edge` holds the channels of such a pixel: for each class its label channel, then the edge.

    >>> interleave(2).tolist()
    [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 1.0]]
    """
    label = torch.eye(classes).repeat(2, 1)  # (2C, C)
    edge = torch.arange(2.0).repeat_interleave(classes)[:, None].expand(-1, classes)  # (2C, C)
    return torch.stack([label, edge], 2).flatten(1)


class SpectralNorm(nn.Module):
    """Divides a weight by its largest singular value, followed by one step of power iteration per training pass.

    sigma = u^T W v, with W as a matrix (out, in * k * k); in training first v <- W^T u / |.|, then u <- W v / |.|

    `torch.nn.utils.parametrizations.spectral_norm` updates u first. The order of the released networks is kept here,
    so that a training pass gives the same numbers.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        self.register_buffer("_u", F.normalize(torch.randn(matrix.shape[0]), dim=0))
        self.register_buffer("_v", F.normalize(torch.randn(matrix.shape[1]), dim=0))
        self._u: Tensor
        self._v: Tensor
        if not weight.is_meta:
            self.settle(weight)

    def settle(self, weight: Tensor, steps: int = 15) -> None:
        """Power iteration until u and v fit a weight `(out, in, k, k)` that has moved far since the last pass."""
        for _ in range(steps):
            self._iterate(weight.detach().flatten(1))

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        F.normalize(matrix.T.mv(self._u), dim=0, out=self._v)
        F.normalize(matrix.mv(self._v), dim=0, out=self._u)

    def forward(self, weight: Tensor) -> Tensor:
        """weight `(out, in, k, k)` -> weight / sigma."""
        # all of the layer hangs on this one number: in full precision in any case (meta tensors have no numbers)
        with nullcontext() if weight.is_meta else torch.autocast(weight.device.type, enabled=False):
            matrix = weight.flatten(1)
            if self.training:
                self._iterate(matrix)
            # clones, because the next training pass overwrites u and v while this one's gradient may still need them
            sigma = self._u.clone() @ (matrix @ self._v.clone())
            return weight / sigma


def spectral_conv(
    wide_in: int,
    wide_out: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int | None = None,
    groups: int = 1,
    bias: bool = True,
) -> nn.Conv2d:
    """A grouped convolution whose weight is divided by its largest singular value."""
    padding = kernel // 2 if padding is None else padding
    conv = nn.Conv2d(wide_in, wide_out, kernel, stride, padding, groups=groups, bias=bias)
    register_parametrization(conv, "weight", SpectralNorm(conv.weight))
    return conv


class CGNorm(nn.Module):
    """Conditional Group Normalization (section 3.3): batch norm, then scale and shift told by the mask.

    F_out = BN(F) * (1 + gamma(M)) + beta(M)

    gamma and beta come from the mask through two grouped convolutions. With as many groups as classes the channels of
    class c hear of class c's mask alone.

    Args:
        channels: of the features.
        mask_channels: of the mask M.
        hidden: channels between the two convolutions.
        groups: of the first convolution, and of those that make gamma and beta.
    """

    def __init__(self, channels: int, mask_channels: int, hidden: int, groups: tuple[int, int]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.shared = nn.Conv2d(mask_channels, hidden, 3, padding=1, groups=groups[0])
        self.gamma = nn.Conv2d(hidden, channels, 3, padding=1, groups=groups[1])
        self.beta = nn.Conv2d(hidden, channels, 3, padding=1, groups=groups[1])

    def modulation(self, mask: Tensor | Neighbourhoods) -> tuple[Tensor, Tensor]:
        """gamma(M) and beta(M), each `(B, channels, h, w)`: convolved, or looked up. Equal to rounding."""
        if isinstance(mask, Neighbourhoods):
            gamma, beta = mask.look_up(mask.table(self.shared, self.gamma, self.beta)).permute(0, 3, 1, 2).chunk(2, 1)
            return gamma, beta
        hidden = F.relu(self.shared(mask))  # (B, hidden, h, w)
        return self.gamma(hidden), self.beta(hidden)

    def forward(self, features: Tensor, mask: Tensor | Neighbourhoods) -> Tensor:
        """features `(B, channels, h, w)`, mask `(B, F, h, w)` of the same size -> `(B, channels, h, w)`."""
        if isinstance(mask, Neighbourhoods):
            return mask.modulate(self.norm(features), mask.table(self.shared, self.gamma, self.beta))
        gamma, beta = self.modulation(mask)
        # F_out = BN(F) * (1 + gamma(M)) + beta(M)
        return torch.addcmul(beta, self.norm(features), 1 + gamma)


class CGBlock(nn.Module):
    """Conditional Group Block (section 3.3): a residual block with CG-Norm in place of batch norm.

    main:     CG-Norm, LReLU, conv 3x3, CG-Norm, LReLU, conv 3x3
    shortcut: CG-Norm, conv 1x1 where the width changes, else the identity
    """

    def __init__(
        self,
        wide_in: int,
        wide_out: int,
        groups: int,
        mask_channels: int,
        hidden: int,
        norm_groups: tuple[int, int],
    ) -> None:
        super().__init__()
        middle = min(wide_in, wide_out)
        self.norm_0 = CGNorm(wide_in, mask_channels, hidden, norm_groups)
        self.conv_0 = spectral_conv(wide_in, middle, 3, groups=groups)
        self.norm_1 = CGNorm(middle, mask_channels, hidden, norm_groups)
        self.conv_1 = spectral_conv(middle, wide_out, 3, groups=groups)
        self.norm_s: CGNorm | None = None
        if wide_in != wide_out:
            self.norm_s = CGNorm(wide_in, mask_channels, hidden, norm_groups)
            self.conv_s = spectral_conv(wide_in, wide_out, 1, groups=groups, bias=False)

    def forward(self, features: Tensor, mask: Tensor | Neighbourhoods) -> Tensor:
        """features `(B, wide_in, h, w)`, mask `(B, F, h, w)` -> `(B, wide_out, h, w)`."""
        shortcut = features if self.norm_s is None else self.conv_s(self.norm_s(features, mask))
        main = self.conv_0(F.leaky_relu(self.norm_0(features, mask), LEAK))
        main = self.conv_1(F.leaky_relu(self.norm_1(main, mask), LEAK))
        return shortcut + main


def init_weights(network: nn.Module, gain: float) -> None:
    """Xavier-normal weights times `gain`, zero biases, in every convolution of `network`.

    Raw weights of spectral-normed convolutions are drawn as well: their scale is divided out, their direction stays.
    """
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            parts = dict(module.named_parameters())
            raw = parts.get("parametrizations.weight.original", parts.get("weight"))
            assert raw is not None
            nn.init.xavier_normal_(raw, gain=gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
