"""Encoding for interaction: after an edit of one class, encode that class alone.

With C groups the code of a class depends on the pixels of that class and on nothing else (`GroupEncoder`). So the codes
of the others stay, exactly, and a C-th of the work is left. The spectral norm is divided once, for all calls.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from smis.model import GroupDNet

__all__ = ["CodeRenderer"]


class CodeRenderer:
    """The encoder of `model`, its weights folded.

        mu, logvar = CodeRenderer(model)(images, labels, classes=[3])

    Args:
        model: in eval mode.

    Raises:
        ValueError: the model is in training mode; or its encoder sees all classes at once, so that none can be
            encoded alone.
    """

    def __init__(self, model: GroupDNet) -> None:
        if model.training:
            raise ValueError("a CodeRenderer needs a network in eval mode: call model.eval() first")
        if model.config.encoder_groups == 1:
            raise ValueError("this network's encoder has one group: it cannot encode a class alone")
        self.encoder = copy.deepcopy(model.encoder).requires_grad_(False)
        for number, layer in enumerate(self.encoder.layers):
            if parametrize.is_parametrized(layer):
                self.encoder.layers[number] = _folded(layer)

    @torch.inference_mode()
    def __call__(self, images: Tensor, labels: Tensor, classes: Sequence[int] | None = None) -> tuple[Tensor, Tensor]:
        """images `(B, 3, H, W)`, labels `(B, H, W)` -> mu and logvar of these n classes, each `(B, n, D, h, w)`."""
        mu, logvar = self.encoder(images, labels, classes)
        return mu, logvar


def _folded(layer: nn.Module) -> nn.Conv2d:
    """An ordinary convolution with weight / sigma. (`remove_parametrizations` would also change copies of `layer`.)"""
    assert isinstance(layer, nn.Conv2d)
    kernel, stride = (layer.kernel_size[0], layer.stride[0])
    plain = nn.Conv2d(
        layer.in_channels, layer.out_channels, kernel, stride, kernel // 2, groups=layer.groups, bias=False
    )
    plain.weight = nn.Parameter(layer.weight.detach(), requires_grad=False)
    plain.bias = layer.bias
    return plain
