"""The grouped encoder: every class's pixels to a latent code of their own (section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smis.config import GroupDNetConfig
from smis.layers import LEAK, one_hot, spectral_conv

__all__ = ["GroupEncoder", "class_boxes", "sample_code", "split_by_class"]


def class_boxes(mask: Tensor) -> Tensor:
    """The bounding box of each class: one-hot mask `(B, C, H, W)` -> `(B, C, 4)` ints (top, left, height, width).

    An absent class gets the whole image, so that no box is empty.

    >>> mask = torch.zeros(1, 1, 4, 4); mask[0, 0, 1:3, 2] = 1
    >>> class_boxes(mask).tolist()
    [[[1, 2, 2, 1]]]
    """
    sides = []
    for axis in (3, 2):  # rows hold the class somewhere along the width; columns along the height
        hit = mask.amax(axis)  # (B, C, H) or (B, C, W)
        length = hit.shape[2]
        first = hit.argmax(2)
        last = length - 1 - hit.flip(2).argmax(2)
        absent = hit.amax(2) == 0
        sides.append((first.masked_fill(absent, 0), last.masked_fill(absent, length - 1)))
    (top, bottom), (left, right) = sides
    return torch.stack([top, left, bottom - top + 1, right - left + 1], 2)


def split_by_class(images: Tensor, mask: Tensor) -> Tensor:
    """Cut each class out of the image, crop it to its bounding box and resize it (nearest) to the full size.

    X_c = M_c * X, then crop and resize. All classes of all images in one gather, no loop over classes.

    Args:
        images: `(B, 3, H, W)`.
        mask: `(B, C, H, W)` one-hot.

    Returns:
        `(B, C, 3, H, W)`; an absent class is all zeros.
    """
    batch, classes, height, width = mask.shape
    top, left, tall, wide = class_boxes(mask).unbind(2)  # each (B, C)
    # nearest: output row i shows source row top + floor(i * tall / H)
    rows = top[..., None] + torch.arange(height, device=mask.device) * tall[..., None] // height  # (B, C, H)
    cols = left[..., None] + torch.arange(width, device=mask.device) * wide[..., None] // width  # (B, C, W)
    pixels = (rows[..., :, None] * width + cols[..., None, :]).flatten(2)  # (B, C, H*W)
    cut = images.flatten(2).gather(2, pixels.flatten(1)[:, None].expand(-1, 3, -1))  # (B, 3, C*H*W)
    inside = mask.flatten(2).gather(2, pixels)  # (B, C, H*W)
    cut = cut.view(batch, 3, classes, -1) * inside[:, None]  # X_c = M_c * X
    return cut.transpose(1, 2).reshape(batch, classes, 3, height, width)


class GroupEncoder(nn.Module):
    """Stride-2 grouped convolutions with `C` groups, then two heads for mean and log-variance.

    concat_c X_c (B, 3C, H, W) -> ... -> mu, logvar (B, C, D, h, w)

    No group ever sees another group's channels: the code of class c depends on the pixels of class c alone.
    """

    def __init__(self, config: GroupDNetConfig) -> None:
        super().__init__()
        classes = len(config.labels)
        self.classes, self.latent_dim = classes, config.latent_dim
        layers: list[nn.Module] = []
        wide_in = 3 * classes
        for width in config.encoder_widths:
            if config.encoder_norm == "instance":
                conv = spectral_conv(wide_in, width * classes, 3, stride=2, groups=classes, bias=False)
                layers += [conv, nn.InstanceNorm2d(width * classes), nn.LeakyReLU(LEAK)]
            else:
                plain = nn.Conv2d(wide_in, width * classes, 3, stride=2, padding=1, groups=classes)
                nn.init.kaiming_normal_(plain.weight, LEAK)  # keeps the size of the signal from layer to layer
                layers += [plain, nn.LeakyReLU(LEAK)]
            wide_in = width * classes
        self.layers = nn.Sequential(*layers)
        self.mu = nn.Conv2d(wide_in, classes * config.latent_dim, 3, padding=1, groups=classes)
        self.logvar = nn.Conv2d(wide_in, classes * config.latent_dim, 3, padding=1, groups=classes)
        nn.init.kaiming_normal_(self.mu.weight, nonlinearity="linear")
        nn.init.zeros_(self.logvar.weight)
        assert self.logvar.bias is not None
        nn.init.constant_(self.logvar.bias, -2.0)  # start with little noise: the decoder hears the code at once

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """images `(B, 3, H, W)` in [-1, 1], labels `(B, H, W)` -> mu and logvar, each `(B, C, D, h, w)`."""
        parts = split_by_class(images, one_hot(labels, self.classes))  # (B, C, 3, H, W)
        features = self.layers(parts.flatten(1, 2))  # (B, C*width, h, w)
        shape = (self.classes, self.latent_dim)
        return self.mu(features).unflatten(1, shape), self.logvar(features).unflatten(1, shape)


def sample_code(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """The reparameterisation of a variational auto-encoder: z = mu + exp(logvar / 2) * noise."""
    return mu + torch.exp(logvar / 2) * noise
