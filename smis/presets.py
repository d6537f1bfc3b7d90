"""Networks and training runs by name: ours, the paper's three, and the other ways of its figure 4.

    people-64, smoke                              ours: trained on a laptop; for tests
    people-128, rooms-128, streets-128            ours: for one GPU
    deepfashion, cityscapes, ade20k               the paper's, at the published size
    mulnet, groupnet, groupenc, groupdec, vspade  its baselines, for DeepFashion, about as large as GroupDNet
    people-64-mulnet, people-64-groupnet, ...     the same baselines, about as large as people-64

A baseline is another row of numbers, not other code: that is what makes the comparison fair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smis.config import ConfigError, GroupDNetConfig, LossWeights, TrainConfig
from smis.datasets.labelsets import named_label_set
from smis.labels import PEOPLE, ROOMS, STREETS, LabelSet

__all__ = ["PRESETS", "ade20k", "cityscapes", "deepfashion", "numbered", "preset"]

WIDTHS = (16, 16, 16, 8, 4, 2, 1)  # of the seven blocks, times the generator's width w


def _released(
    labels: LabelSet,
    image_size: tuple[int, int],
    *,
    encoder: int,
    widths: Sequence[int],
    groups: Sequence[int],
    hidden: Sequence[int],
    norm_groups: Sequence[tuple[int, int]],
    upsampled: int = 6,
    layers: int = 6,
    crop_size: tuple[int, int] | None = None,
    instance_edges: bool = False,
    spare_width: int = 0,
) -> GroupDNetConfig:
    """What the released networks share: seven blocks, an encoder of widths w * (1, 2, 4, 8, 8, 8), 8 channels a code.

    Args:
        encoder: the encoder's first width per group.
        upsampled: 6 upsamplings, or 5 with none between the second and the third block.
        layers: 6 stride-2 convolutions in the encoder, or 5.
    """
    return GroupDNetConfig(
        labels=labels,
        image_size=image_size,
        controllers=len(labels),
        latent_dim=8,
        latent_size=(image_size[0] >> upsampled, image_size[1] >> upsampled),
        encoder_input="classes",
        encoder_boxes="colours",
        encoder_groups=len(labels),
        encoder_widths=tuple(encoder * times for times in (1, 2, 4, 8, 8, 8)[:layers]),
        encoder_norm="instance",
        decoder_widths=tuple(widths),
        decoder_groups=tuple(groups),
        upsample=(False, True, upsampled == 6, True, True, True, True),
        norm_hidden=tuple(hidden),
        norm_groups=tuple(norm_groups),
        instance_edges=instance_edges,
        spare_width=spare_width,
        crop_size=crop_size,
    )


def numbered(name: str, classes: int) -> LabelSet:
    """Classes that are known by number only."""
    colours = [(37 * c % 256, 91 * c % 256, 151 * c % 256) for c in range(classes)]
    return LabelSet(name, tuple(f"class {c}" for c in range(classes)), tuple(colours))


def deepfashion(
    labels: LabelSet = named_label_set("deepfashion"),  # noqa: B008 (a constant)
    size: tuple[int, int] = (256, 256),
    *,
    width: int = 160,
    encoder: int = 32,
    groups: Sequence[int] | None = None,
    hidden: int = 128,
    **shape: Any,
) -> GroupDNetConfig:
    """The DeepFashion network: CG-Norm's three convolutions have the groups of their layer. `shape`: see _released."""
    classes = len(labels)
    groups = groups or (classes, classes, classes, 4, 4, 2, 2, 1)  # of fc, then of the seven blocks
    widths, pairs = [width * times for times in WIDTHS], [(g, g) for g in groups[1:]]
    hiddens = [hidden] * 7
    return _released(
        labels, size, encoder=encoder, widths=widths, groups=groups, hidden=hiddens, norm_groups=pairs, **shape
    )


def cityscapes(
    labels: LabelSet,
    size: tuple[int, int] = (256, 512),
    *,
    width: int = 280,
    encoder: int = 10,
    middle_groups: Sequence[int] = (20, 14, 10, 4),
    instance_edges: bool = True,
    **shape: Any,
) -> GroupDNetConfig:
    """The Cityscapes network: CG-Norm's convolutions have one group a class, and a hidden width that follows the
    layer's groups. `middle_groups`: of the third to the sixth block.
    """
    classes = len(labels)
    groups = (classes, classes, classes, *middle_groups, 1)
    return _released(
        labels,
        size,
        encoder=encoder,
        widths=[width * times for times in WIDTHS],
        groups=groups,
        hidden=[classes * g for g in groups[1:]],
        norm_groups=[(classes, classes)] * 7,
        instance_edges=instance_edges,
        **shape,
    )


def ade20k(
    labels: LabelSet, size: tuple[int, int] = (256, 256), *, width: int = 64, encoder: int = 4, **shape: Any
) -> GroupDNetConfig:
    """The ADE20K network: a wide first block, and a hidden width that both kinds of groups divide."""
    classes = len(labels)
    groups = (classes, classes, 16, 16, 8, 4, 2, 1)
    return _released(
        labels,
        size,
        encoder=encoder,
        widths=(16 * classes, *(width * times for times in (32, 16, 16, 8, 4, 2))),
        groups=groups,
        hidden=[2 * classes if classes % g == 0 else classes * g for g in groups[1:]],
        norm_groups=[(classes, g) for g in groups[1:]],
        spare_width=width,
        **shape,
    )


def _with(config: GroupDNetConfig, **changes: object) -> GroupDNetConfig:
    return GroupDNetConfig.from_dict({**config.to_dict(), **changes})


def _ordinary_encoder(width: int) -> dict[str, object]:
    """The values of an encoder that sees the whole image, without groups."""
    widths = tuple(width * times for times in (1, 2, 4, 8, 8, 8))
    return {"encoder_input": "image", "encoder_groups": 1, "encoder_widths": widths}


_DEEPFASHION = deepfashion()
_ONE = (1,) * 8
_ALL = (8,) * 8
# GroupDNet has 109.16 million parameters (encoder and decoder). The widths below are fitted so that each baseline is
# within 3 % of that; only VSPADE has a published size.
_BASELINES = {
    # one small network a class: each sees every label, draws a whole picture, and gives the pixels of its class;
    # 12.84 + 96.25 = 109.08 million (8 decoders of width 17, hidden width 136)
    "mulnet": _with(deepfashion(width=136, groups=_ALL, hidden=1088), norm_groups=((1, 8),) * 7, fused=True),
    # encoder and decoder with one group a class throughout; 12.84 + 98.70 = 111.54 million
    "groupnet": deepfashion(width=208, groups=_ALL),
    # grouped encoder, ordinary decoder; 12.84 + 97.77 = 110.60 million
    "groupenc": deepfashion(width=66, groups=_ONE),
    # ordinary encoder on the whole image, falling groups in the decoder; 12.66 + 96.32 = 108.99 million
    "groupdec": _with(_DEEPFASHION, **_ordinary_encoder(88)),
    # ordinary encoder on the whole image, one latent vector, SPADE's decoder; 10.46 + 96.35 = 106.81 million
    "vspade": _with(
        deepfashion(width=64, groups=_ONE),
        controllers=1,
        latent_dim=256,
        latent_size=(1, 1),
        **_ordinary_encoder(64),
    ),
}

_PEOPLE_64 = TrainConfig(
    model=GroupDNetConfig(
        labels=PEOPLE,
        image_size=(64, 64),
        controllers=8,
        latent_dim=8,
        latent_size=(4, 4),
        encoder_input="classes",
        encoder_boxes="labels",
        encoder_groups=8,
        encoder_widths=(16, 32, 48, 64),
        encoder_norm="none",
        decoder_widths=(256, 128, 64, 32, 16),
        decoder_groups=(8, 8, 8, 4, 2, 1),
        upsample=(False, True, True, True, True),
        norm_hidden=(32,) * 5,
        norm_groups=((8, 8), (8, 8), (4, 4), (2, 2), (1, 1)),
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
        "model.norm_hidden": (8,) * 5,
        "discriminator_widths": (8, 8),
        "batch_size": 4,
        "steps": 20,
        "tick": 10,
    }
)


def _small_baseline(
    widths: Sequence[int], groups: int, *, hidden: int = 32, mask_groups: int | None = None, **changes: object
) -> TrainConfig:
    """`people-64` with another decoder: constant `groups`, the first of CG-Norm's convolutions with `mask_groups`."""
    decoder: dict[str, object] = {
        "decoder_widths": tuple(widths),
        "decoder_groups": (groups,) * 6,
        "norm_hidden": (hidden,) * 5,
        "norm_groups": ((mask_groups or groups, groups),) * 5,
    }
    return _PEOPLE_64.replace(**{f"model.{key}": value for key, value in {**decoder, **changes}.items()})


# people-64 has 964,755 parameters (encoder and decoder); these are within 3 % of that, like the large ones above
_SMALL_BASELINES = {
    "people-64-mulnet": _small_baseline((240, 120, 56, 24, 16), 8, hidden=64, mask_groups=1, fused=True),
    "people-64-groupnet": _small_baseline((320, 160, 80, 40, 16), 8),
    "people-64-groupenc": _small_baseline((76, 38, 19, 9, 8), 1),
    "people-64-groupdec": _PEOPLE_64.replace(
        **{"model.encoder_input": "image", "model.encoder_groups": 1, "model.encoder_widths": (38, 76, 114, 152)}
    ),
    "people-64-vspade": _small_baseline(
        (60, 30, 15, 7, 8),
        1,
        controllers=1,
        latent_dim=128,
        latent_size=(1, 1),
        encoder_input="image",
        encoder_groups=1,
        encoder_widths=(24, 48, 72, 96),
    ),
}


def _world_128(labels: LabelSet, width: int, groups: Sequence[int], hidden: int) -> TrainConfig:
    """A rendered world at 128 px: the DeepFashion network at a fifth of its width, trained like `people-64`."""
    shape = deepfashion(
        labels, (128, 128), width=width, groups=groups, hidden=hidden, upsampled=5, layers=5, encoder=16
    )
    return TrainConfig(
        model=_with(shape, encoder_boxes="labels", encoder_norm="none"),
        data=labels.name,
        batch_size=16,
        steps=20_000,
        init_gain=1.0,
        lr_generator=1e-3,
        betas=(0.5, 0.99),
        weights=LossWeights(gan=2.0, feature_matching=10.0, perceptual=10.0, kl=2e-4, pixel=30.0, coarse=60.0),
        precision="bf16",
        tick=1_000,
    )


# The paper's weight of the KL term multiplies a sum over the batch of one GPU: 2 images for DeepFashion, 1 for the
# others. Ours multiplies a mean over images.
_PAPER = LossWeights(kl=0.05 * 2)
PRESETS: dict[str, TrainConfig] = {
    "people-64": _PEOPLE_64,
    "people-128": _world_128(PEOPLE, 32, (8, 8, 8, 4, 4, 2, 2, 1), 128),
    "rooms-128": _world_128(ROOMS, 30, (15, 15, 15, 5, 5, 3, 3, 1), 120),
    "streets-128": _world_128(STREETS, 28, (14, 14, 14, 7, 7, 2, 2, 1), 112),
    "deepfashion": TrainConfig(model=_DEEPFASHION, data="deepfashion", weights=_PAPER),
    "cityscapes": TrainConfig(model=cityscapes(named_label_set("cityscapes")), data="cityscapes", batch_size=4),
    "ade20k": TrainConfig(model=ade20k(named_label_set("ade20k")), data="ade20k", batch_size=4),
    **{name: TrainConfig(model=model, data="deepfashion", weights=_PAPER) for name, model in _BASELINES.items()},
    **_SMALL_BASELINES,
    "smoke": _SMOKE,
}


def preset(name: str, overrides: Mapping[str, object] | None = None) -> TrainConfig:
    """A preset by name, with dotted keys set to other values.

    >>> preset("people-64", {"weights.kl": 0.01}).weights.kl
    0.01
    >>> preset("people-65")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    smis.config.ConfigError: there is no preset 'people-65'; there are people-64, people-128, ...
    """
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return PRESETS[name].replace(**(overrides or {}))
