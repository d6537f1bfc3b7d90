"""What a CG-Norm of the trained decoder reads and writes, taken with hooks while the network draws. Pure.

    Inside.open(model, gallery)  -> encoded once
    inside.record(scene)         -> what goes into each CG-Norm when this scene is drawn; the last scenes are kept
    inside.stage(state)          -> F, BN(F), gamma, beta, F_out of one CG-Norm; the last ones are kept
    look(stage, state)           -> the maps of one channel, or of the mean over a group

The model is only called. Its hooks are removed again, its weights and running statistics stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from smis.config import GroupDNetConfig
from smis.datasets.archive import Samples
from smis.layers import CGNorm
from smis.model import GroupDNet
from smis.neighbourhoods import Neighbourhoods
from smis_widgets.cg_norm.state import NORMS, Block, CGNormState
from smis_widgets.drawing import Studio

KEPT = 4  # scenes whose features stay in memory, and CG-Norms at work

Mask = Tensor | Neighbourhoods
Key = tuple[int, int, str, frozenset[int]]  # scene, block, norm, classes switched off
Inputs = dict[tuple[int, str], tuple[Tensor, Mask]]  # (block, norm) -> features (1, K, h, w), mask


@dataclass(frozen=True, eq=False)
class Stage:
    """One CG-Norm at work on one scene. Tensors `(K, h, w)`. `whole`: the same with no class switched off."""

    before: Tensor
    normed: Tensor
    gamma: Tensor
    beta: Tensor
    after: Tensor
    batch_norm: nn.BatchNorm2d
    whole: Stage | None = None

    def statistics(self, channel: int) -> tuple[float, float]:
        """Mean and deviation of batch norm: BN(F) = (F - mean) / deviation."""
        mean, variance = self.batch_norm.running_mean, self.batch_norm.running_var
        assert mean is not None
        assert variance is not None
        return float(mean[channel]), (float(variance[channel]) + self.batch_norm.eps) ** 0.5


@dataclass(frozen=True, eq=False)
class Maps:
    """What is shown of a stage: float (h, w) each. `product` is BN(F) * (1 + gamma), `change` what switching off did.

    `by_class[c]` is the mean of gamma and of beta over the pixels of class c, then both with no class switched off;
    NaN where the scene shows none. `labels` (h, w) is the label map as the block sees it.
    """

    before: np.ndarray
    normed: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    product: np.ndarray
    after: np.ndarray
    change: np.ndarray
    by_class: np.ndarray  # (C, 4)
    labels: np.ndarray


@dataclass(eq=False)
class Inside:
    """The network, the gallery with its codes, and what was computed last."""

    model: GroupDNet
    studio: Studio
    recorded: dict[int, Inputs] = field(default_factory=dict)
    stages: dict[Key, Stage] = field(default_factory=dict)

    @classmethod
    def open(cls, model: GroupDNet, gallery: Samples) -> Inside:
        """Encode the gallery. ValueError when it does not fit the network, or the network is in training mode."""
        if model.training:
            raise ValueError(
                "the network is in training mode, where batch norm would change it: call model.eval() first"
            )
        return cls(model, Studio.open(model, gallery))

    def start(self) -> CGNormState:
        """The state at the start."""
        return CGNormState(blocks(self.model), tuple(self.model.config.labels.classes), len(self.studio.samples))

    def record(self, scene: int) -> Inputs:
        """What goes into every CG-Norm while the scene is drawn."""
        if scene not in self.recorded:
            inputs: Inputs = {}
            hooks = []
            for number, block in enumerate(self.model.decoder.blocks):
                for name in NORMS:
                    norm = getattr(block, name)
                    if norm is not None:
                        key = (number, name)
                        hooks.append(
                            norm.register_forward_pre_hook(lambda _, args, key=key: inputs.update({key: args}))
                        )
            samples = self.studio.samples
            try:
                with torch.inference_mode():
                    labels = torch.from_numpy(samples.labels[scene]).long()[None]
                    seen = samples.edges if self.model.config.instance_edges else None
                    edges = None if seen is None else torch.from_numpy(seen[scene])[None]
                    self.model.decode(self.studio.codes.values[scene : scene + 1], labels, edges)
            finally:
                for hook in hooks:
                    hook.remove()
            keep(self.recorded, scene, inputs, KEPT)
        return self.recorded[scene]

    def stage(self, state: CGNormState) -> Stage:
        """The chosen CG-Norm, computed by its own submodules."""
        key = (state.scene, state.block, state.norm, state.off)
        if key not in self.stages:
            features, mask = self.record(state.scene)[state.block, state.norm]
            norm: CGNorm = getattr(self.model.decoder.blocks[state.block], state.norm)
            whole = self.stage(replace(state, off=frozenset())) if state.off else None
            with torch.inference_mode():
                silent = without(mask, state.off, len(state.classes))
                gamma, beta = norm.modulation(silent)
                after, normed = norm(features, silent)[0], norm.norm(features)[0]
            stage = Stage(features[0], normed, gamma[0], beta[0], after, norm.norm, whole)
            keep(self.stages, key, stage, KEPT)
        return self.stages[key]

    def labels(self, state: CGNormState) -> np.ndarray:
        """The scene's label map (h, w) at the size of the block: nearest, as the decoder takes it."""
        labels, (height, width) = self.studio.samples.labels[state.scene], state.here.size
        return labels[:: labels.shape[0] // height, :: labels.shape[1] // width]


def keep(cache: dict[Any, Any], key: object, value: object, most: int) -> None:
    """Put a value into a cache; the oldest one leaves when there would be more than `most`."""
    if len(cache) >= most:
        del cache[next(iter(cache))]
    cache[key] = value


def without(mask: Mask, off: frozenset[int], classes: int) -> Mask:
    """The mask with the channels of some classes set to zero. With instance edges a class has two channels."""
    if not off:
        return mask
    wide = (mask.channels if isinstance(mask, Neighbourhoods) else mask).shape[1] // classes
    columns = [c * wide + k for c in sorted(off) for k in range(wide)]
    if isinstance(mask, Neighbourhoods):
        channels = mask.channels.clone()
        channels[:, columns] = 0
        return replace(mask, channels=channels)
    silent = mask.clone()
    silent[:, columns] = 0
    return silent


def look(stage: Stage, state: CGNormState, labels: np.ndarray) -> Maps:
    """The maps of the shown channels: of one, or means over a group."""

    def one(tensor: Tensor) -> np.ndarray:
        return tensor[state.shown.start : state.shown.stop].double().mean(0).cpu().numpy()

    gamma, beta, after = one(stage.gamma), one(stage.beta), one(stage.after)
    whole = stage.whole or stage
    four = np.stack([gamma, beta, one(whole.gamma), one(whole.beta)])
    by_class = np.full((len(state.classes), 4), np.nan)
    for c in np.unique(labels):
        by_class[c] = four[:, labels == c].mean(1)
    product = one(stage.normed * (1 + stage.gamma)) if state.mean else one(stage.normed) * (1 + gamma)
    return Maps(
        one(stage.before),
        one(stage.normed),
        gamma,
        beta,
        product,
        after,
        after - one(whole.after),
        by_class,
        labels,
    )


def blocks(model: GroupDNet) -> tuple[Block, ...]:
    """The facts of the decoder's blocks."""
    found = []
    for number, (block, size) in enumerate(zip(model.decoder.blocks, model.decoder.sizes, strict=True)):
        norms = {name: getattr(block, name) for name in NORMS}
        channels = {name: norm.norm.num_features for name, norm in norms.items() if norm is not None}
        groups = model.config.norm_groups[number][1]
        heard = tuple(heard_classes(model.config, number, group) for group in range(groups))
        found.append(Block(number, size, groups, channels, heard))
    return tuple(found)


def heard_classes(config: GroupDNetConfig, block: int, group: int) -> tuple[int, ...]:
    """The classes whose mask reaches gamma and beta of a group: back through both grouped convolutions."""
    first, second = config.norm_groups[block]
    hidden = config.norm_hidden[block]
    share = hidden // second  # hidden channels that the group reads
    lowest, highest = group * share // (hidden // first), ((group + 1) * share - 1) // (hidden // first)
    inputs = config.mask_channels // first  # mask channels that a group of the first convolution reads
    wide = config.mask_channels // len(config.labels)
    return tuple(sorted({m // wide for m in range(lowest * inputs, (highest + 1) * inputs)}))
