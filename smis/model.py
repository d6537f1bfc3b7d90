"""GroupDNet: encoder and decoder together, saved to and loaded from one file without pickle."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from smis.config import GroupDNetConfig
from smis.decoder import GroupDecoder
from smis.editing import ClassCodes
from smis.encoder import GroupEncoder, sample_code
from smis.files import whole_file
from smis.outside import parse_json, shortened
from smis.priors import CodePrior
from smis.summary import summarise

__all__ = ["CheckpointError", "GroupDNet"]

FORMAT = "smis-groupdnet-1"


class CheckpointError(ValueError):
    """A file that cannot be loaded as this checkpoint; the message says what it is and what to do."""


class GroupDNet(nn.Module):
    """Semantic mask to image with one latent code per class: O = G(Z, M).

    `encode` gives the codes of real images, `sample` draws new ones, `decode` turns codes and a label map into an
    image. Codes are `(B, C, D, h, w)`: class c owns `codes[:, c]`.
    """

    def __init__(self, config: GroupDNetConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = GroupEncoder(config)
        self.decoder = GroupDecoder(config)
        self.prior: CodePrior | None = None  # where the codes of real images lie; None: N(0, 1)

    def _check(self, labels: Tensor, images: Tensor | None = None) -> None:
        height, width = self.config.image_size
        if labels.ndim != 3 or labels.shape[1:] != (height, width):
            raise ValueError(
                f"this network needs label maps (B, {height}, {width}), got {tuple(labels.shape)}: "
                "resize them with nearest neighbour, never with blending"
            )
        if images is None:
            return
        if images.shape != (labels.shape[0], 3, height, width) or not images.is_floating_point():
            raise ValueError(
                f"this network needs RGB images ({labels.shape[0]}, 3, {height}, {width}) as floats in [-1, 1], "
                f"got {images.dtype} {tuple(images.shape)}: convert grey or RGBA images to RGB first"
            )

    def encode(self, images: Tensor, labels: Tensor) -> ClassCodes:
        """The mean codes of real images.

        Args:
            images: `(B, 3, H, W)` in [-1, 1].
            labels: `(B, H, W)` integer class ids.

        Raises:
            ValueError: wrong shape, wrong type, or an id outside `0..C-1`.
        """
        self._check(labels, images)
        mu, _ = self.encoder(images, labels)
        if self.config.controllers == 1:  # one code for the whole image is always there
            return ClassCodes(mu, torch.ones(len(labels), 1, dtype=torch.bool, device=labels.device))
        absent = torch.zeros(len(labels), self.config.controllers, dtype=torch.bool, device=labels.device)
        return ClassCodes(mu, absent.scatter(1, labels.flatten(1).long(), True))  # (B, C): some pixel has the class

    def forward(
        self, images: Tensor, labels: Tensor, noise: Tensor, edges: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The pass of training: encode, draw codes, decode.

        Args:
            images: `(B, 3, H, W)` in [-1, 1].
            labels: `(B, H, W)` integer class ids.
            noise: `(B, C, D, h, w)`, standard normal.
            edges: `(B, H, W)`, for networks with `instance_edges`.

        Returns:
            The image `(B, 3, H, W)`, and mu and logvar, each `(B, C, D, h, w)`.
        """
        mu, logvar = self.encoder(images, labels)
        return self.decoder(sample_code(mu, logvar, noise), labels, edges), mu, logvar

    def sample(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Codes `(batch, C, D, h, w)` drawn from the prior: N(0, 1), or what was fitted to the codes of real images."""
        device = next(self.parameters()).device
        noise = torch.randn(batch, *self.config.code_shape, generator=generator, device=device)
        return noise if self.prior is None else self.prior(noise)

    def decode(self, codes: Tensor, labels: Tensor, edges: Tensor | None = None) -> Tensor:
        """codes `(B, C, D, h, w)`, labels `(B, H, W)` -> images `(B, 3, H, W)` in [-1, 1].

        Args:
            edges: `(B, H, W)`, true on instance edges, for networks with `instance_edges`.

        Raises:
            ValueError: a shape, type or id that does not fit.
        """
        self._check(labels)
        expected = (labels.shape[0], *self.config.code_shape)
        if tuple(codes.shape) != expected:
            raise ValueError(f"codes must be {expected} for these labels, got {tuple(codes.shape)}")
        return self.decoder(codes, labels, edges)

    def save(self, path: str | os.PathLike[str], provenance: dict[str, Any] | None = None, half: bool = True) -> None:
        """Write one safetensors file, whole or not at all. Weights in half precision unless `half=False`.

        Vectors (biases, running statistics, spectral norm) stay in float32: they are small and matter.
        """
        tensors = {
            name: (value.half() if half and value.is_floating_point() and value.ndim > 1 else value).contiguous().cpu()
            for name, value in self.state_dict().items()
        }
        header = {"format": FORMAT, "config": json.dumps(self.config.to_dict())}
        header["provenance"] = json.dumps(provenance or {})
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as part:
            part.write_bytes(save(tensors, header))  # save_file leaves debris when it is killed

    @staticmethod
    def read_header(path: str | os.PathLike[str]) -> tuple[GroupDNetConfig, dict[str, Any]]:
        """Config and provenance of a checkpoint, without its tensors. Raises `FileNotFoundError`, `CheckpointError`."""
        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no checkpoint {path}")
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
        except (SafetensorError, ValueError, OSError) as error:  # ValueError: an empty file
            raise CheckpointError(
                f"{path} is not a complete safetensors file ({shortened(error)}): download or train it again"
            ) from error
        if header.get("format") != FORMAT:
            raise CheckpointError(
                f"{path} is a safetensors file of format {shortened(header.get('format'))!r}, expected {FORMAT!r}: "
                "only files written by GroupDNet.save can be loaded here"
            )
        try:
            config = GroupDNetConfig.from_dict(parse_json(header["config"]))
            provenance = parse_json(header.get("provenance", "{}"))
        except (KeyError, ValueError) as error:
            raise CheckpointError(
                f"{path} holds a config that this version cannot read: {shortened(error, 1000)}"
            ) from error
        if not isinstance(provenance, dict):
            raise CheckpointError(f"{path} holds a provenance that is no JSON object: {shortened(provenance)}")
        return config, provenance

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], device: str | torch.device = "cpu", config: GroupDNetConfig | None = None
    ) -> GroupDNet:
        """A network in eval mode, from a file that `save` wrote.

        Args:
            config: if given, the checkpoint must be of exactly this config.

        Raises:
            FileNotFoundError: no such file.
            CheckpointError: no checkpoint, a damaged one, or one of another config; the message names the difference.
        """
        stored, _ = cls.read_header(path)
        if config is not None and config != stored:
            mine, theirs = config.to_dict(), stored.to_dict()
            differ = "; ".join(f"{k}: {theirs[k]} in the file, {mine[k]} wanted" for k in mine if mine[k] != theirs[k])
            raise CheckpointError(f"{path} is a checkpoint of another config ({differ})")
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 (not a dict)
        with_prior = any(key.startswith("prior.") for key in shapes)
        codes, length = stored.controllers, math.prod(stored.code_shape[1:])
        needed = sum(layer.parameters for layer in summarise(stored)) + with_prior * codes * length**2
        held = sum(map(math.prod, shapes.values()))
        if needed > held:  # before memory is spent on a network that the file cannot fill
            raise CheckpointError(f"{path} does not fit its own config: it holds {held:,} of {needed:,} weights")
        model = cls(stored)
        model.prior = CodePrior(stored.code_shape) if with_prior else None
        own = model.state_dict()
        wrong = sorted(shapes.keys() ^ own.keys()) or [k for k in sorted(own) if shapes[k] != tuple(own[k].shape)]
        if wrong:
            raise CheckpointError(
                f"{path} does not fit its own config: {len(wrong)} tensors differ, first {shortened(wrong[0])}"
            )
        with safe_open(path, framework="pt") as file:
            state = {k: file.get_tensor(k).to(own[k].dtype) for k in own}
        bad = [k for k, v in state.items() if v.is_floating_point() and not torch.isfinite(v).all()]
        if bad:
            raise CheckpointError(f"{path} holds values that are not finite, first in {bad[0]}: the file is damaged")
        model.load_state_dict(state)
        return model.eval().to(device)
