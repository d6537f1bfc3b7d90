"""The grouped encoder: every class's pixels to a latent code of their own (section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.config import GroupDNetConfig
from smis.layers import LEAK, check_labels, spectral_conv

__all__ = ["GroupEncoder", "class_boxes", "gather_by_class", "sample_code", "split_by_class"]


def class_boxes(labels: Tensor, classes: int, images: Tensor | None = None) -> Tensor:
    """The bounding box of each class: `(B, C, 4)` ints (top, left, height, width); height 0 for an absent class.

    Args:
        labels: `(B, H, W)` ids in `0..classes-1`.
        images: if given, `(B, 3, H, W)`, rows and columns in which the class's colours sum to exactly zero do not
            count. That is how the released code finds its boxes.

    >>> labels = torch.zeros(1, 4, 4, dtype=torch.long); labels[0, 1:3, 2] = 1
    >>> class_boxes(labels, 3).tolist()
    [[[0, 0, 4, 4], [1, 2, 2, 1], [0, 0, 0, 0]]]
    """
    batch, height, width = labels.shape
    sides = []
    rows, columns = (torch.arange(length, device=labels.device) for length in (height, width))
    for length, place in ((height, rows[:, None]), (width, columns)):
        where = (labels * length + place).flatten(1)  # (B, H*W): class and row (or column)
        colours = torch.ones_like(labels, dtype=torch.float32) if images is None else images.sum(1)
        hits = colours.new_zeros(batch, classes * length).scatter_add_(1, where, colours.flatten(1))
        hit = (hits != 0).view(batch, classes, length).int()
        first = hit.argmax(2)
        sides.append((first, (length - hit.flip(2).argmax(2) - first) * hit.amax(2)))
    (top, tall), (left, wide) = sides
    return torch.stack([top, left, tall, wide], 2)


def split_by_class(
    images: Tensor, labels: Tensor, boxes: Sequence[Sequence[Sequence[int]]], size: tuple[int, int] | None = None
) -> Tensor:
    """Cut each class out of the image, crop it to its box and resize it (nearest) to the full size, or to `size`.

    X_c = M_c * X, then crop and resize.

    Args:
        images: `(B, 3, H, W)`.
        labels: `(B, H, W)`.
        boxes: for each image and each of n classes (class, top, left, height, width); see `class_boxes`. They are
            Python numbers, fetched from the device once for all classes.
        size: (H', W'), that of the image if None.

    Returns:
        `(B, n, 3, H', W')`; an absent class is all zeros.
    """
    size = size or (images.shape[2], images.shape[3])
    parts = images.new_empty(len(images), len(boxes[0]), images.shape[1], *size)
    for b, of_image in enumerate(boxes):
        for n, (c, top, left, tall, wide) in enumerate(of_image):
            if tall and wide:
                area = (b, ..., slice(top, top + tall), slice(left, left + wide))
                cut = images[area] * (labels[area] == c)  # X_c = M_c * X, inside the box
                parts[b, n] = F.interpolate(cut[None], size, mode="nearest")[0]
            else:
                parts[b, n] = 0
    return parts


def gather_by_class(
    images: Tensor, labels: Tensor, boxes: Tensor, classes: Sequence[int], size: tuple[int, int] | None = None
) -> Tensor:
    """`split_by_class` in one lookup of every pixel, for a GPU: there, many small crops cost more than all pixels.

    Args:
        images, labels: as there.
        boxes: `(B, C, 4)` from `class_boxes`.
        classes: the n classes wanted.
        size: as there.

    Returns:
        `(B, n, 3, H', W')`, bit for bit what `split_by_class` gives.
    """
    tall_out, wide_out = size or (images.shape[2], images.shape[3])
    chosen = torch.arange(boxes.shape[1], device=images.device)
    if list(classes) != list(range(len(chosen))):
        chosen = chosen[list(classes)]
    top, left, tall, wide = boxes[:, chosen, :, None].unbind(2)  # each (B, n, 1)

    def nearest(start: Tensor, length: Tensor, out: int) -> Tensor:
        place = torch.arange(out, device=images.device) * (length.float() / out)  # (B, n, out)
        return start + place.long().minimum((length - 1).clamp(min=0))

    rows, columns = nearest(top, tall, tall_out), nearest(left, wide, wide_out)
    places = (rows[..., None] * images.shape[3] + columns[:, :, None]).flatten(1)  # (B, n * H' * W')
    ids = chosen.repeat_interleave(tall_out * wide_out)
    mine = labels.flatten(1).gather(1, places) == ids  # false everywhere for an absent class
    cut = images.flatten(2).gather(2, places[:, None].expand(-1, images.shape[1], -1)) * mine[:, None]
    return cut.unflatten(2, (len(classes), tall_out, wide_out)).transpose(1, 2)


class GroupEncoder(nn.Module):
    """Stride-2 grouped convolutions, then two heads for mean and log-variance.

    concat_c X_c (B, 3C, H, W) -> ... -> mu, logvar (B, C, D, h, w)

    With C groups no group ever sees another group's channels: the code of class c depends on the pixels of class c
    alone. With one group and `encoder_input='image'` it is the ordinary encoder of the baselines.
    """

    def __init__(self, config: GroupDNetConfig) -> None:
        super().__init__()
        self.config = config
        groups = config.encoder_groups
        instance = config.encoder_norm == "instance"
        self.layers = nn.ModuleList()
        wide_in = 3 if config.encoder_input == "image" else 3 * len(config.labels)
        for width in config.encoder_widths:
            wide_out = width * groups
            if instance:
                conv = spectral_conv(wide_in, wide_out, 3, stride=2, groups=groups, bias=False)
            else:
                conv = nn.Conv2d(wide_in, wide_out, 3, stride=2, padding=1, groups=groups)
                nn.init.kaiming_normal_(conv.weight, LEAK)  # keeps the size of the signal from layer to layer
            self.layers.append(conv)
            wide_in = wide_out
        codes = config.controllers * config.latent_dim
        kernel, padding = (3, 3), 1
        if config.latent_size != config.encoder_grid:
            kernel, padding = config.encoder_grid, 0  # sees all of the grid at once: one vector for the whole image
        self.mu = nn.Conv2d(wide_in, codes, kernel, padding=padding, groups=groups)
        self.logvar = nn.Conv2d(wide_in, codes, kernel, padding=padding, groups=groups)
        if not instance:
            nn.init.kaiming_normal_(self.mu.weight, nonlinearity="linear")
            nn.init.zeros_(self.logvar.weight)
            assert self.logvar.bias is not None
            nn.init.constant_(self.logvar.bias, -2.0)  # start with little noise: the decoder hears the code at once

    def forward(self, images: Tensor, labels: Tensor, classes: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
        """images `(B, 3, H, W)` in [-1, 1], labels `(B, H, W)` -> mu and logvar, each `(B, C, D, h, w)`.

        With `classes`, the codes of these n classes alone, `(B, n, D, h, w)`, for a network with one group a class.

        On a CPU a class that is nowhere in the batch is not computed. That is exact: without biases zeros stay zeros
        through convolutions and instance norms, so the heads answer with their biases.
        """
        config = self.config
        if config.encoder_input == "image":
            return self._run(images)
        check_labels(labels, len(config.labels))
        boxes = class_boxes(labels, len(config.labels), images if config.encoder_boxes == "colours" else None)
        chosen = list(range(len(config.labels))) if classes is None else list(classes)
        run, grouped = chosen, config.encoder_groups > 1
        if images.is_cuda:  # all classes at once, and no word from the device
            parts = gather_by_class(images, labels, boxes, chosen, config.crop_size)
        else:
            found = [[(c, *box) for c, box in enumerate(of_image)] for of_image in boxes.tolist()]
            if grouped and config.encoder_norm == "instance":
                run = [c for c in chosen if any(of_image[c][3] for of_image in found)] or chosen[:1]
            parts = split_by_class(images, labels, [[of_image[c] for c in run] for of_image in found], config.crop_size)
        if not grouped:
            return self._run(parts.flatten(1, 2))
        mu, logvar = self._run(parts.flatten(1, 2), None if len(run) == len(config.labels) else run)
        if run == chosen:
            return mu, logvar
        place = torch.tensor([chosen.index(c) for c in run], device=images.device)
        return self._filled(mu, self.mu, chosen, place), self._filled(logvar, self.logvar, chosen, place)

    def _run(self, features: Tensor, classes: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
        """features `(B, 3 * n, H, W)` -> mu, logvar `(B, n, D, h, w)`; with `classes` only their n groups."""
        keep = None if classes is None else torch.tensor(classes, device=features.device)
        for layer in self.layers:
            features = _convolved(layer, features, keep)
            if self.config.encoder_norm == "instance":
                features = F.instance_norm(features)
            features = F.leaky_relu(features, LEAK)
        shape = (-1, self.config.latent_dim)
        return (
            _convolved(self.mu, features, keep).unflatten(1, shape),
            _convolved(self.logvar, features, keep).unflatten(1, shape),
        )

    @staticmethod
    def _filled(values: Tensor, head: nn.Conv2d, chosen: list[int], place: Tensor) -> Tensor:
        """values `(B, n, D, h, w)` put in their places among the chosen classes; the head's bias elsewhere."""
        assert head.bias is not None
        bias = head.bias.unflatten(0, (-1, values.shape[2]))[chosen]  # (len(chosen), D)
        full = bias[None, :, :, None, None].expand(len(values), -1, -1, *values.shape[3:])
        return full.index_copy(1, place, values)


def _convolved(conv: nn.Module, features: Tensor, keep: Tensor | None) -> Tensor:
    """The convolution; with `keep`, only those of its groups: `(B, n * in, h, w)` -> `(B, n * out, h', w')`."""
    assert isinstance(conv, nn.Conv2d)
    if keep is None:
        out: Tensor = conv(features)
        return out

    def chosen(values: Tensor) -> Tensor:
        return values.unflatten(0, (conv.groups, -1))[keep].flatten(0, 1)

    bias = None if conv.bias is None else chosen(conv.bias)
    return F.conv2d(features, chosen(conv.weight), bias, conv.stride, conv.padding, groups=len(keep))


def sample_code(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """The reparameterisation of a variational auto-encoder: z = mu + exp(logvar / 2) * noise."""
    return mu + torch.exp(logvar / 2) * noise
