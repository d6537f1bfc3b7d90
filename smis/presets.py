"""Networks and training runs by name: ours, the paper's three, and the other ways of its figure 4.

    people-64, smoke                              ours: trained on a laptop; for tests
    people-128                                    ours: for one GPU
    deepfashion, cityscapes, ade20k               the paper's, at the published size
    mulnet, groupnet, groupenc, groupdec, vspade  its baselines, for DeepFashion, about as large as GroupDNet

A baseline is another row of numbers, not other code: that is what makes the comparison fair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smis.config import ConfigError, GroupDNetConfig, LossWeights, TrainConfig
from smis.labels import PEOPLE, LabelSet

__all__ = ["PRESETS", "preset"]

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
    encoder_groups: int | None = None,
    upsampled: int = 6,
    instance_edges: bool = False,
    fused: bool = False,
    spare_width: int = 0,
) -> GroupDNetConfig:
    """What the released networks share: seven blocks, an encoder of widths w * (1, 2, 4, 8, 8, 8), 8 channels a code.

    Args:
        encoder: the encoder's first width per group.
        encoder_groups: one group a class, or 1 for an ordinary encoder, which sees the whole image.
        upsampled: 6 upsamplings, or 5 with none between the second and the third block.
    """
    classes = len(labels)
    grouped = (encoder_groups or classes) > 1
    return GroupDNetConfig(
        labels=labels,
        image_size=image_size,
        controllers=classes,
        latent_dim=8,
        latent_size=(image_size[0] >> upsampled, image_size[1] >> upsampled),
        encoder_input="classes" if grouped else "image",
        encoder_boxes="colours",
        encoder_groups=classes if grouped else 1,
        encoder_widths=tuple(encoder * times for times in (1, 2, 4, 8, 8, 8)[:upsampled]),
        encoder_norm="instance",
        decoder_widths=tuple(widths),
        decoder_groups=tuple(groups),
        upsample=(False, True, upsampled == 6, True, True, True, True),
        norm_hidden=tuple(hidden),
        norm_groups=tuple(norm_groups),
        instance_edges=instance_edges,
        fused=fused,
        spare_width=spare_width,
    )


def _people(
    size: tuple[int, int], width: int, groups: Sequence[int], hidden: int = 128, upsampled: int = 6, encoder: int = 32
) -> GroupDNetConfig:
    """DeepFashion's eight classes: CG-Norm's three convolutions have the groups of their layer."""
    return _released(
        PEOPLE,
        size,
        encoder=encoder,
        encoder_groups=8,
        widths=[width * times for times in WIDTHS],
        groups=groups,
        hidden=[hidden] * 7,
        norm_groups=[(g, g) for g in groups[1:]],
        upsampled=upsampled,
    )


def _numbered(name: str, classes: int) -> LabelSet:
    """Classes that are known by number only."""
    colours = [(37 * c % 256, 91 * c % 256, 151 * c % 256) for c in range(classes)]
    return LabelSet(name, tuple(f"class {c}" for c in range(classes)), tuple(colours))


_FALLING = (8, 8, 8, 4, 4, 2, 2, 1)  # of fc, then of the seven blocks
_DEEPFASHION = _people((256, 256), 160, _FALLING)

_CITY_GROUPS = (35, 35, 35, 20, 14, 10, 4, 1)
_CITYSCAPES = _released(
    _numbered("cityscapes", 35),
    (256, 512),
    encoder=10,
    widths=[280 * times for times in WIDTHS],
    groups=_CITY_GROUPS,
    hidden=[35 * g for g in _CITY_GROUPS[1:]],
    norm_groups=[(35, 35)] * 7,
    instance_edges=True,
)

_ADE_GROUPS = (151, 151, 16, 16, 8, 4, 2, 1)
_ADE20K = _released(
    _numbered("ade20k", 151),
    (256, 256),
    encoder=4,
    widths=(2416, 2048, 1024, 1024, 512, 256, 128),
    groups=_ADE_GROUPS,
    hidden=[2 * 151 if 151 % g == 0 else 151 * g for g in _ADE_GROUPS[1:]],
    norm_groups=[(151, g) for g in _ADE_GROUPS[1:]],
    spare_width=64,
)


def _with(config: GroupDNetConfig, **changes: object) -> GroupDNetConfig:
    return GroupDNetConfig.from_dict({**config.to_dict(), **changes})


_ONE = (1,) * 8
_ALL = (8,) * 8
_BASELINES = {
    # one small network a class: each sees every label, draws a whole picture, and gives the pixels of its class
    "mulnet": _with(_people((256, 256), 136, _ALL, hidden=1024), norm_groups=((1, 8),) * 7, fused=True),
    # encoder and decoder with one group a class throughout
    "groupnet": _people((256, 256), 192, _ALL),
    # grouped encoder, ordinary decoder
    "groupenc": _people((256, 256), 64, _ONE),
    # ordinary encoder on the whole image, falling groups in the decoder
    "groupdec": _with(
        _DEEPFASHION, encoder_input="image", encoder_groups=1, encoder_widths=(64, 128, 256, 512, 512, 512)
    ),
    # ordinary encoder on the whole image, one latent vector, SPADE's decoder
    "vspade": _with(
        _people((256, 256), 64, _ONE),
        controllers=1,
        latent_dim=256,
        latent_size=(1, 1),
        encoder_input="image",
        encoder_groups=1,
        encoder_widths=(64, 128, 256, 512, 512, 512),
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

# The paper's weight of the KL term multiplies a sum over the batch of one GPU: 2 images for DeepFashion, 1 for the
# others. Ours multiplies a mean over images.
_PAPER = LossWeights(kl=0.05 * 2)
PRESETS: dict[str, TrainConfig] = {
    "people-64": _PEOPLE_64,
    "people-128": TrainConfig(
        model=_with(
            _people((128, 128), 32, _FALLING, upsampled=5, encoder=16), encoder_boxes="labels", encoder_norm="none"
        ),
        init_gain=1.0,
        lr_generator=1e-3,
        betas=(0.5, 0.99),
        weights=_PEOPLE_64.weights,
    ),
    "deepfashion": TrainConfig(model=_DEEPFASHION, data="deepfashion", weights=_PAPER),
    "cityscapes": TrainConfig(model=_CITYSCAPES, data="cityscapes", batch_size=4),
    "ade20k": TrainConfig(model=_ADE20K, data="ade20k", batch_size=4),
    **{name: TrainConfig(model=model, data="deepfashion", weights=_PAPER) for name, model in _BASELINES.items()},
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
