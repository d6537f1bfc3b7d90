import json

import pytest

from smis.config import ConfigError, GroupDNetConfig, LossWeights, TrainConfig
from smis.presets import PRESETS, preset


@pytest.mark.parametrize("name", PRESETS)
def test_presets_go_to_json_and_back(name):
    config = PRESETS[name]
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model.image_size": (96, 64)}, "height 96"),
        ({"model.image_size": (72, 64)}, "height 72 must be divisible by 16"),
        ({"model.latent_size": (2, 2)}, "image height 64"),
        ({"model.controllers": 3}, "controllers must be 8 or 1, got 3"),
        ({"model.encoder_input": "image"}, "encoder_groups must be 1"),
        ({"model.fused": True}, "ends in 8 groups"),
        ({"model.upsample": (True,) * 5}, "false for the first block"),
        ({"model.norm_groups": ((8, 8), (8, 8), (4, 4), (2, 2), (1, 3))}, "gamma and beta of block 4.*groups=3"),
        ({"model.norm_groups": ((8, 8), (8, 8), (4, 4), (2, 2), (3, 1))}, "mask network of block 4.*groups=3"),
        ({"model.encoder_widths": (8, 8)}, "2 stride-2 convolutions"),
        ({"model.decoder_groups": (8, 8, 4)}, "decoder_groups needs 6"),
        ({"model.decoder_groups": (8, 8, 8, 3, 2, 1)}, "block 2.*divisible by its groups=3"),
        ({"model.norm_hidden": (12,) * 5}, "norm_hidden must be divisible by its groups=8, got 12"),
        ({"model.norm_hidden": (32,) * 4}, "norm_hidden needs 5 entries"),
        ({"model.encoder_norm": "batch"}, "'instance' or 'none'"),
        ({"batch_size": 0}, "batch_size"),
        ({"steps": 1.5}, "steps"),
        ({"ema": 1.5}, "ema"),
        ({"lr_generator": float("nan")}, "lr_generator"),
        ({"weights.kl": -1}, "kl"),
    ],
)
def test_values_that_cannot_work_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        preset("people-64", change)


@pytest.mark.parametrize("key", ["stepps", "model.depth", "weights.vgg", "nothing.at_all"])
def test_unknown_keys_are_errors(key):
    with pytest.raises(ConfigError, match="unknown key"):
        preset("people-64", {key: 1})


def test_from_dict_refuses_unknown_and_missing_keys():
    values = preset("smoke").model.to_dict()
    with pytest.raises(ConfigError, match="depth"):
        GroupDNetConfig.from_dict({**values, "depth": 3})
    del values["latent_dim"]
    with pytest.raises(ConfigError, match="lacks latent_dim"):
        GroupDNetConfig.from_dict(values)


def test_a_config_cannot_be_changed():
    with pytest.raises(AttributeError):
        LossWeights().kl = 1.0  # type: ignore[misc]
