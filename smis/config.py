"""Every number that shapes a network or a training run, in two frozen dataclasses.

Two networks differ by the values in their `GroupDNetConfig`, never by a subclass. A config checks itself
when it is made, goes to JSON and back, and refuses keys that it does not know.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from smis.labels import LabelSet
from smis.outside import shortened

__all__ = ["ConfigError", "GroupDNetConfig", "LossWeights", "TrainConfig"]


MOST, WIDEST = 32, 1 << 16  # layers, and channels of one: the paper's networks stay at a quarter and less


class ConfigError(ValueError):
    """A config value that cannot work; the message names the value and what would be accepted."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(shortened(message, 1000))


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, at every depth."""
    return tuple(map(_tuples, value)) if isinstance(value, (list, tuple)) else value


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of the type that an attribute's annotation names; a whole number is a float, too."""
    inner = get_args(kind)
    if get_origin(kind) is UnionType:
        return any(_fits(value, one) for one in inner)
    if get_origin(kind) is tuple:
        if not isinstance(value, tuple):
            return False
        kinds = inner[:1] * len(value) if inner[-1] is Ellipsis else inner
        return len(value) == len(kinds) and all(map(_fits, value, kinds))
    if kind in (int, float):
        return not isinstance(value, bool) and isinstance(value, (int, kind))
    return isinstance(value, kind)


def _finite(value: float) -> bool:
    """Whether it is a finite number; a whole number too large for a float is none."""
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


IN_WORDS = {int: "an integer", float: "a number", bool: "true or false", str: "text"}


def _check_types(cls: type, values: Mapping[str, Any]) -> None:
    hints = get_type_hints(cls)
    for name, value in values.items():
        kind = IN_WORDS.get(hints[name], hints[name])
        _require(_fits(value, hints[name]), f"{name} must be {kind}, got {value!r}")


def _known_keys(cls: type, values: Any) -> None:
    _require(isinstance(values, Mapping), f"{cls.__name__} is made from an object of keys and values, got {values!r}")
    known = {f.name for f in dataclasses.fields(cls)}
    unknown = sorted(set(map(str, values)) - known)
    _require(not unknown, f"{cls.__name__} has no {', '.join(unknown)}; its keys are {', '.join(sorted(known))}")


@dataclass(frozen=True)
class GroupDNetConfig:
    """The shape of a GroupDNet (section 3 of the paper; supplementary table of layers), and of its baselines.

    `C` is the number of classes. The decoder starts from a small grid and has one CG-Block per entry of
    `decoder_widths`; nearest x2 upsampling stands before a block where `upsample` says so.

    Attributes:
        labels: the label set; `C = len(labels)`.
        image_size: (H, W) in pixels.
        controllers: how many codes: `C`, or 1 code for the whole image.
        latent_dim: D, channels of one code.
        latent_size: (h, w), the grid of a code: that of the encoder's last layer, or (1, 1) for a vector.
        encoder_input: 'classes', every class cut out, cropped and resized; or 'image', the image as it is.
        encoder_boxes: what a class is cropped to. 'labels': the box of its pixels. 'colours': the same, but a row or
            column whose colours sum to exactly zero does not count, as in the released code.
        encoder_groups: `C`, or 1 for an ordinary encoder.
        encoder_widths: channels *per group* after each stride-2 convolution of the encoder.
        encoder_norm: 'instance' as in the paper, or 'none'. Instance norm erases how strong a flat colour is.
        decoder_widths: channels after each CG-Block; the first is also the width after `fc`.
        decoder_groups: the falling group numbers: of `fc`, then of each CG-Block.
        upsample: for each CG-Block whether its input is first made twice as large; not before the first.
        norm_hidden: for each CG-Block, hidden channels of CG-Norm's small mask network.
        norm_groups: for each CG-Block, the groups of that network's first convolution, and of those that make gamma
            and beta.
        instance_edges: whether the decoder also sees where one object ends and the next one of its class begins.
        fused: every group ends in a picture of its own, and class c's pixels come from picture c (MulNet). Otherwise
            one convolution to RGB.
        spare_width: width of one more block that the published ADE20K network holds and never runs; 0 for none.
        crop_size: (H, W) to which the pixels of each class are resized for the encoder; None means `image_size`.
    """

    labels: LabelSet
    image_size: tuple[int, int]
    controllers: int
    latent_dim: int
    latent_size: tuple[int, int]
    encoder_input: str
    encoder_boxes: str
    encoder_groups: int
    encoder_widths: tuple[int, ...]
    encoder_norm: str
    decoder_widths: tuple[int, ...]
    decoder_groups: tuple[int, ...]
    upsample: tuple[bool, ...]
    norm_hidden: tuple[int, ...]
    norm_groups: tuple[tuple[int, int], ...]
    instance_edges: bool = False
    fused: bool = False
    spare_width: int = 0
    crop_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        classes, blocks = len(self.labels), len(self.decoder_widths)
        for name, allowed in (
            ("controllers", (classes, 1)),
            ("encoder_input", ("classes", "image")),
            ("encoder_boxes", ("labels", "colours")),
            ("encoder_groups", (classes, 1)),
            ("encoder_norm", ("instance", "none")),
        ):
            value = getattr(self, name)
            _require(value in allowed, f"{name} must be {allowed[0]!r} or {allowed[1]!r}, got {value!r}")
        _require(1 <= blocks <= MOST, f"decoder_widths needs 1 to {MOST} blocks, got {blocks}")
        layers = len(self.encoder_widths)
        _require(layers <= MOST, f"encoder_widths has at most {MOST} entries, got {layers}")
        for name, number in (
            ("decoder_groups", blocks + 1),
            ("upsample", blocks),
            ("norm_hidden", blocks),
            ("norm_groups", blocks),
        ):
            value = getattr(self, name)
            _require(len(value) == number, f"{name} needs {number} entries for {blocks} blocks, got {value}")
        _require(not self.upsample[0], "upsample must be false for the first block: fc makes its grid")
        positive = (self.latent_dim, *self.encoder_widths, *self.decoder_widths, *self.decoder_groups)
        positive += (*self.norm_hidden, *(g for pair in self.norm_groups for g in pair), *(self.crop_size or ()))
        positive += (*self.image_size, *self.latent_size)
        _require(
            all(isinstance(n, int) and 1 <= n <= WIDEST for n in positive),
            "latent_dim, latent_size, image_size, widths, hidden channels, groups and crop_size must be integers >= 1 "
            f"(and <= {WIDEST})",
        )
        _require(
            isinstance(self.spare_width, int) and 0 <= self.spare_width <= WIDEST,
            f"spare_width must be an integer in 0..{WIDEST}, got {self.spare_width!r}",
        )
        if self.encoder_input == "image":
            _require(self.encoder_groups == 1, "encoder_groups must be 1 where the encoder sees the whole image")
            _require(self.crop_size is None, "crop_size must be None where the encoder sees the whole image")
        if self.fused:
            _require(
                self.decoder_groups[-1] == classes, f"a fused network ends in {classes} groups, one for each class"
            )
        self._check_sizes()
        self._check_groups()

    def _check_sizes(self) -> None:
        """The encoder's last grid, the latent grid and the decoder's first grid must fit together."""
        what = "image" if self.crop_size is None else "crop"
        sizes = (
            self.image_size,
            self.crop_size or self.image_size,
            self.encoder_grid,
            self.latent_size,
            self.start_size,
        )
        for axis, image, crop, grid, latent, start in zip(("height", "width"), *sizes, strict=True):
            _require(
                start >= 1 and start * 2 ** sum(self.upsample) == image,
                f"image {axis} {image} must be divisible by {2 ** sum(self.upsample)}: there are "
                f"{sum(self.upsample)} upsamplings",
            )
            _require(
                latent == grid or self.latent_size == (1, 1),
                f"{what} {axis} {crop} does not fit the encoder: {len(self.encoder_widths)} stride-2 convolutions "
                f"reach {grid}, latent {axis} is {latent}",
            )
            _require(
                latent == start or self.latent_size == (1, 1),
                f"image {axis} {image} does not fit latent {axis} {latent}: "
                f"{sum(self.upsample)} upsamplings start from {start}",
            )

    def _check_groups(self) -> None:
        """Every grouped convolution's channels must be divisible by its groups."""
        codes, features = self.controllers * self.latent_dim, self.mask_channels
        checks = [("fc", self.decoder_groups[0], {"codes": codes, "output channels": self.decoder_widths[0]})]
        checks.append(("encoder heads", self.encoder_groups, {"codes": codes}))
        wide_in = self.decoder_widths[0]
        for number, (width, hidden) in enumerate(zip(self.decoder_widths, self.norm_hidden, strict=True)):
            channels = {"input channels": wide_in, "output channels": width}
            first, second = self.norm_groups[number]
            checks.append((f"block {number}", self.decoder_groups[number + 1], channels))
            checks.append((f"mask network of block {number}", first, {"labels": features, "norm_hidden": hidden}))
            checks.append((f"gamma and beta of block {number}", second, {"norm_hidden": hidden, **channels}))
            wide_in = width
        if self.spare_width:
            channels = {"input channels": wide_in, "spare_width": self.spare_width}
            checks.append(("the spare block", self.decoder_groups[-1], channels))
            checks.append(("gamma and beta of the spare block", self.norm_groups[-1][1], channels))
        for name, groups, parts in checks:
            for what, number in parts.items():
                _require(number % groups == 0, f"{name}: {what} must be divisible by its groups={groups}, got {number}")

    @property
    def start_size(self) -> tuple[int, int]:
        """(h, w) of the decoder's first block."""
        scale = 2 ** sum(self.upsample)
        return self.image_size[0] // scale, self.image_size[1] // scale

    @property
    def encoder_grid(self) -> tuple[int, int]:
        """(h, w) that the encoder's last convolution reaches: each one halves, and rounds up."""
        height, width = (-(-size // 2 ** len(self.encoder_widths)) for size in self.crop_size or self.image_size)
        return height, width

    @property
    def mask_channels(self) -> int:
        """Channels of the mask that CG-Norm sees: C, or with instance edges two a class."""
        return len(self.labels) * (2 if self.instance_edges else 1)

    @property
    def code_shape(self) -> tuple[int, int, int, int]:
        """(C, D, h, w) of one image's codes."""
        return (self.controllers, self.latent_dim, *self.latent_size)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` turns it back."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "labels"}
        return {"labels": self.labels.to_dict(), **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> GroupDNetConfig:
        """Raises `ConfigError` for unknown or missing keys and for values that do not fit together."""
        _known_keys(cls, values)
        missing = sorted({f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING} - set(values))
        _require(not missing, f"GroupDNetConfig lacks {', '.join(missing)}")
        ready = {k: _tuples(v) for k, v in values.items()}
        if not isinstance(ready["labels"], LabelSet):
            try:
                ready["labels"] = LabelSet.from_dict(ready["labels"])
            except ValueError as error:
                raise ConfigError(f"labels: {shortened(error, 1000)}") from error
        _check_types(cls, ready)
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
                isinstance(value, (int, float)) and _finite(value) and value >= 0,
                f"loss weight {field.name} must be a finite number >= 0, got {value!r}",
            )


@dataclass(frozen=True)
class TrainConfig:
    """One training run. Everything random in it follows from `seed` and the step number.

    Attributes:
        model: the network.
        data: the archive's name: `people` means `data/people-train.zip`.
        discriminator_widths: channels of the PatchGAN's convolutions; the last of them has stride 1.
        batch_size: images a step, of all processes together.
        steps: how many steps; the learning rates fall linearly to zero from `decay_from * steps` on.
        lr_generator, lr_discriminator: Adam learning rates (two time-scale update rule).
        betas: Adam's betas.
        init_gain: scale of the first weights of decoder and discriminator. The paper's 0.02 starts with a mask that
            says almost nothing, and needs many steps to find its voice.
        ema: decay per step of the averaged generator, which is what gets evaluated and shipped.
        weights: the loss weights.
        precision: 'fp32', 'bf16' or 'fp16'. The short ones pay on GPUs only.
        channels_last: memory format of decoder and perceptual network.
        compile: run the networks through `torch.compile`.
        graph: on one GPU, record a step and replay it; see `smis.graphs`. Not with fp16.
        accumulate: parts in which a process works through its share of a batch, to fit its memory.
        clip: largest norm of the gradient of a network; 0 leaves gradients as they are.
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
    precision: str = "fp32"
    channels_last: bool = True
    compile: bool = False
    graph: bool = True
    accumulate: int = 1
    clip: float = 0.0
    tick: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "steps", "tick", "accumulate"):
            value = getattr(self, name)
            _require(isinstance(value, int) and value >= 1, f"{name} must be an integer >= 1, got {value!r}")
        for name in ("lr_generator", "lr_discriminator", "init_gain"):
            value = getattr(self, name)
            _require(_finite(value) and value > 0, f"{name} must be a finite number > 0, got {value!r}")
        for name, value in (("decay_from", self.decay_from), ("ema", self.ema), *zip(("beta1", "beta2"), self.betas)):
            _require(0 <= value <= 1, f"{name} must lie in 0..1, got {value!r}")
        _require(
            self.precision in ("fp32", "bf16", "fp16"),
            f"precision must be 'fp32', 'bf16' or 'fp16', got {self.precision!r}",
        )
        _require(0 <= self.seed < 2**63, f"seed must be an integer in 0..2^63-1, got {self.seed!r}")
        _require(_finite(self.clip) and self.clip >= 0, f"clip must be a finite number >= 0, got {self.clip!r}")
        _require(self.batch_size >= 2, "batch norm needs batch_size >= 2")
        _require(
            2 <= len(self.discriminator_widths) <= MOST and all(1 <= n <= WIDEST for n in self.discriminator_widths),
            f"discriminator_widths needs 2 to {MOST} numbers in 1..{WIDEST}, got {self.discriminator_widths}",
        )

    def to_dict(self) -> dict[str, Any]:
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {**values, "model": self.model.to_dict(), "weights": dataclasses.asdict(self.weights)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Raises `ConfigError` for unknown keys, wrong types and values that cannot work."""
        _known_keys(cls, values)
        _require("model" in values, "TrainConfig lacks model")
        ready = {k: _tuples(v) for k, v in values.items()}
        ready["model"] = GroupDNetConfig.from_dict(ready["model"])
        if "weights" in ready:
            _known_keys(LossWeights, ready["weights"])
            _check_types(LossWeights, ready["weights"])
            ready["weights"] = LossWeights(**ready["weights"])
        _check_types(cls, ready)
        return cls(**ready)

    def replace(self, /, **changes: Any) -> TrainConfig:
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
