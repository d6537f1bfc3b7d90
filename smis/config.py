"""Every number that shapes a network or a training run, in two frozen dataclasses.

Two networks differ by the values in their `GroupDNetConfig`, never by a subclass. A config checks itself
when it is made, goes to JSON and back, and refuses keys that it does not know.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smis.labels import PEOPLE, LabelSet

__all__ = ["ConfigError", "GroupDNetConfig", "LossWeights", "TrainConfig", "PRESETS", "preset"]


class ConfigError(ValueError):
    """A config value that cannot work; the message names the value and what would be accepted."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


def _known_keys(cls: type, values: Mapping[str, Any]) -> None:
    known = {f.name for f in dataclasses.fields(cls)}
    unknown = sorted(set(values) - known)
    _require(not unknown, f"{cls.__name__} has no {', '.join(unknown)}; its keys are {', '.join(sorted(known))}")


@dataclass(frozen=True)
class GroupDNetConfig:
    """The shape of a GroupDNet (section 3 of the paper; supplementary table of layers).

    `C` is the number of classes. The decoder has one CG-Block per entry of `decoder_widths`; a nearest x2
    upsampling stands between two blocks, so `image_size = latent_size * 2 ** (blocks - 1)`.

    Attributes:
        labels: the label set; `C = len(labels)`.
        image_size: (H, W) in pixels.
        latent_dim: D, channels of a class's code.
        latent_size: (h, w), the grid of a class's code.
        encoder_widths: channels *per class* after each stride-2 convolution of the encoder.
        encoder_norm: 'instance' as in the paper, or 'none'. Instance norm erases how strong a flat colour is.
        decoder_widths: channels after each CG-Block; the first is also the width after `fc`.
        decoder_groups: the falling group numbers: of `fc`, then of each CG-Block.
        norm_hidden: hidden channels of CG-Norm's small mask network.
    """

    labels: LabelSet
    image_size: tuple[int, int]
    latent_dim: int
    latent_size: tuple[int, int]
    encoder_widths: tuple[int, ...]
    encoder_norm: str
    decoder_widths: tuple[int, ...]
    decoder_groups: tuple[int, ...]
    norm_hidden: int

    def __post_init__(self) -> None:
        classes, blocks = len(self.labels), len(self.decoder_widths)
        _require(blocks >= 1, "decoder_widths needs at least one block")
        _require(
            len(self.decoder_groups) == blocks + 1,
            f"decoder_groups needs {blocks + 1} numbers (fc, then one per block), got {self.decoder_groups}",
        )
        scale = 2 ** (blocks - 1)
        for axis, image, latent in zip(("height", "width"), self.image_size, self.latent_size):
            _require(
                image == latent * scale,
                f"image {axis} {image} does not fit latent {axis} {latent}: "
                f"{blocks} blocks upsample {blocks - 1} times, which gives {latent * scale}",
            )
            _require(
                image == latent * 2 ** len(self.encoder_widths),
                f"image {axis} {image} does not fit the encoder: {len(self.encoder_widths)} stride-2 convolutions "
                f"reach {image / 2 ** len(self.encoder_widths):g}, latent {axis} is {latent}",
            )
        _require(self.latent_dim >= 1, f"latent_dim must be at least 1, got {self.latent_dim}")
        _require(
            self.encoder_norm in ("instance", "none"),
            f"encoder_norm must be 'instance' or 'none', got {self.encoder_norm!r}",
        )
        _require(
            all(w >= 1 for w in self.encoder_widths), f"encoder_widths must be positive, got {self.encoder_widths}"
        )
        inputs = (classes * self.latent_dim, *self.decoder_widths[:1], *self.decoder_widths[:-1])
        outputs = (*self.decoder_widths[:1], *self.decoder_widths)
        for place, groups, wide_in, wide_out in zip(range(blocks + 1), self.decoder_groups, inputs, outputs):
            name = "fc" if place == 0 else f"block {place - 1}"
            for what, channels in (
                ("classes", classes),
                ("input channels", wide_in),
                ("output channels", wide_out),
                ("norm_hidden", self.norm_hidden),
            ):
                _require(
                    groups >= 1 and channels % groups == 0,
                    f"{name}: {what} must be divisible by its groups={groups}, got {channels}",
                )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` turns it back."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "labels"}
        return {"labels": self.labels.to_dict(), **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GroupDNetConfig:
        """Raises `ConfigError` for unknown or missing keys and for values that do not fit together."""
        _known_keys(cls, values)
        missing = sorted({f.name for f in dataclasses.fields(cls)} - set(values))
        _require(not missing, f"GroupDNetConfig lacks {', '.join(missing)}")
        ready: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        if not isinstance(ready["labels"], LabelSet):
            ready["labels"] = LabelSet.from_dict(ready["labels"])
        return cls(**ready)


@dataclass(frozen=True)
class LossWeights:
    """What each loss of the generator counts. The defaults are the paper's; `pixel` and `coarse` are our additions.

    `kl` multiplies the divergence summed over all dimensions of one image's codes (mean over the batch).
    `pixel` is the L1 distance to the real image, `coarse` the same after averaging 8x8 pixels: it speaks of colour
    alone, while patterns that are not drawn yet drown colour in `pixel`.
    """

    gan: float = 1.0
    feature_matching: float = 10.0
    perceptual: float = 10.0
    kl: float = 0.05
    pixel: float = 0.0
    coarse: float = 0.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            _require(
                isinstance(value, (int, float)) and math.isfinite(value) and value >= 0,
                f"loss weight {field.name} must be a finite number >= 0, got {value!r}",
            )


@dataclass(frozen=True)
class TrainConfig:
    """One training run. Everything random in it follows from `seed` and the step number.

    Attributes:
        model: the network.
        data: the archive's name: `people` means `data/people-train.zip`.
        discriminator_widths: channels of the PatchGAN's convolutions; the last of them has stride 1.
        batch_size: images a step.
        steps: how many steps; the learning rates fall linearly to zero from `decay_from * steps` on.
        lr_generator, lr_discriminator: Adam learning rates (two time-scale update rule).
        betas: Adam's betas.
        init_gain: scale of the first weights of decoder and discriminator. The paper's 0.02 starts with a mask that
            says almost nothing, and needs many steps to find its voice.
        ema: decay per step of the averaged generator, which is what gets evaluated and shipped.
        weights: the loss weights.
        tick: steps between two lines of `stats.jsonl` and two rows of samples.
        seed: an integer.
    """

    model: GroupDNetConfig
    data: str = "people"
    discriminator_widths: tuple[int, ...] = (64, 128, 256, 512)
    batch_size: int = 8
    steps: int = 100_000
    decay_from: float = 0.6
    lr_generator: float = 1e-4
    lr_discriminator: float = 4e-4
    betas: tuple[float, float] = (0.0, 0.9)
    init_gain: float = 0.02
    ema: float = 0.999
    weights: LossWeights = LossWeights()
    tick: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "steps", "tick"):
            value = getattr(self, name)
            _require(isinstance(value, int) and value >= 1, f"{name} must be an integer >= 1, got {value!r}")
        for name in ("lr_generator", "lr_discriminator", "init_gain"):
            value = getattr(self, name)
            _require(math.isfinite(value) and value > 0, f"{name} must be a finite number > 0, got {value!r}")
        for name, value in (("decay_from", self.decay_from), ("ema", self.ema), *zip(("beta1", "beta2"), self.betas)):
            _require(0 <= value <= 1, f"{name} must lie in 0..1, got {value!r}")
        _require(self.batch_size >= 2, "batch norm needs batch_size >= 2")
        _require(len(self.discriminator_widths) >= 2, "discriminator_widths needs at least two numbers")

    def to_dict(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**values, "model": self.model.to_dict(), "weights": dataclasses.asdict(self.weights)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        _known_keys(cls, values)
        _require("model" in values, "TrainConfig lacks model")
        ready: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        ready["model"] = GroupDNetConfig.from_dict(ready["model"])
        if "weights" in ready:
            _known_keys(LossWeights, ready["weights"])
            ready["weights"] = LossWeights(**ready["weights"])
        return cls(**ready)

    def replace(self, **changes: Any) -> TrainConfig:
        """A copy with other values. Dotted keys reach inside: `{"weights.kl": 0.01}`, `{"model.norm_hidden": 64}`."""
        values = self.to_dict()
        for key, value in changes.items():
            *parents, last = key.split(".")
            place = values
            for parent in parents:
                _require(isinstance(place.get(parent), dict), f"unknown key {key!r}: there is no {parent!r}")
                place = place[parent]
            _require(last in place, f"unknown key {key!r}; known here: {', '.join(sorted(place))}")
            place[last] = value
        return TrainConfig.from_dict(values)


_PEOPLE_64 = TrainConfig(
    model=GroupDNetConfig(
        labels=PEOPLE,
        image_size=(64, 64),
        latent_dim=8,
        latent_size=(4, 4),
        encoder_widths=(16, 32, 48, 64),
        encoder_norm="none",
        decoder_widths=(256, 128, 64, 32, 16),
        decoder_groups=(8, 8, 8, 4, 2, 1),
        norm_hidden=32,
    ),
    discriminator_widths=(32, 64, 64),
    batch_size=8,
    steps=13_000,
    decay_from=0.5,
    lr_generator=1e-3,
    lr_discriminator=4e-4,
    betas=(0.5, 0.99),
    init_gain=1.0,
    weights=LossWeights(feature_matching=5.0, perceptual=5.0, kl=1e-4, pixel=30.0, coarse=60.0),
    tick=500,
)

# `smoke` is for tests and for a first look: the same network, very thin, a few steps.
_SMOKE = _PEOPLE_64.replace(
    **{
        "model.encoder_widths": (4, 4, 4, 4),
        "model.decoder_widths": (32, 16, 16, 8, 8),
        "model.norm_hidden": 8,
        "discriminator_widths": (8, 8),
        "batch_size": 4,
        "steps": 20,
        "tick": 10,
    }
)

PRESETS: dict[str, TrainConfig] = {"people-64": _PEOPLE_64, "smoke": _SMOKE}


def preset(name: str, overrides: Mapping[str, Any] | None = None) -> TrainConfig:
    """A preset by name, with dotted keys set to other values.

    >>> preset("people-64", {"weights.kl": 0.01}).weights.kl
    0.01
    >>> preset("people-65")
    Traceback (most recent call last):
    smis.config.ConfigError: there is no preset 'people-65'; there are people-64, smoke
    """
    _require(name in PRESETS, f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name].replace(**(overrides or {}))
