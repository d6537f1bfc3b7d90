"""The table of layers against the real networks, the published sizes, and the measured operations."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from smis.cli import main
from smis.discriminator import MultiscaleDiscriminator
from smis.model import GroupDNet
from smis.presets import PRESETS
from smis.summary import Layer, summarise, table


def watched(part: str, network: nn.Module, run: object) -> list[Layer]:
    """Every convolution and linear layer as it is really called."""
    modules = {m: f"{part}.{name}" for name, m in network.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    found = {}

    def note(m: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        groups, parameters = getattr(m, "groups", 1), sum(p.numel() for p in m.parameters())
        cost = output[0].numel() * m.weight[0].numel()
        found[m] = Layer(modules[m], tuple(inputs[0].shape[1:]), tuple(output.shape[1:]), groups, parameters, cost)

    for module in modules:
        module.register_forward_hook(note)
    run()
    for module, name in modules.items():
        if module not in found:
            parameters = sum(p.numel() for p in module.parameters())
            found[module] = Layer(name, (), (), getattr(module, "groups", 1), parameters, 0)
    return list(found.values())


@pytest.mark.parametrize("name", ["people-64", "people-128", "deepfashion", "cityscapes", "ade20k", "mulnet", "vspade"])
def test_every_layer_is_that_of_the_real_network(name: str) -> None:
    config, widths = PRESETS[name].model, PRESETS[name].discriminator_widths
    with torch.device("meta"):
        model, judge = (
            GroupDNet(config).eval(),
            MultiscaleDiscriminator(len(config.labels) + config.instance_edges, widths),
        )
        colours = 3 if config.encoder_input == "image" else 3 * len(config.labels)
        crops = torch.empty(1, colours, *(config.crop_size or config.image_size))
        masks = [torch.empty(1, config.mask_channels, *size) for size in model.decoder.sizes]
        codes, image = torch.empty(1, *config.code_shape), torch.empty(1, 3, *config.image_size)
        mask = torch.empty(1, len(config.labels) + config.instance_edges, *config.image_size)
        real = watched("encoder", model.encoder, lambda: model.encoder._run(crops))
        real += watched("decoder", model.decoder, lambda: model.decoder.draw(codes, masks))
        real += watched("discriminator", judge.eval(), lambda: judge(image, mask))
    ours = summarise(config, widths)
    assert {layer.name: layer for layer in ours} == {layer.name: layer for layer in real}
    parameters = sum(p.numel() for part in (model, judge) for p in part.parameters())
    assert sum(layer.parameters for layer in ours) == parameters


def cost(layers: list[Layer], part: str) -> float:
    """10^9 floating-point operations."""
    return 2e-9 * sum(layer.multiply_adds for layer in layers if layer.name.startswith(part))


@pytest.mark.parametrize(
    ("name", "encoder", "decoder", "masks", "both"),
    [("deepfashion", 4.6, 583, 346, 19), ("cityscapes", 4.4, 925, 54, 42), ("ade20k", 1.8, 765, 650, 31)],
)
def test_operations_of_the_published_networks(
    name: str, encoder: float, decoder: float, masks: float, both: float
) -> None:
    layers = summarise(PRESETS[name].model, PRESETS[name].discriminator_widths)
    assert cost(layers, "encoder") == pytest.approx(encoder, abs=0.05)
    assert cost(layers, "decoder") == pytest.approx(decoder, abs=0.6)
    assert cost([layer for layer in layers if layer.of_mask_network], "decoder") == pytest.approx(masks, abs=0.6)
    assert 2 * cost(layers, "discriminator") == pytest.approx(both, abs=0.5)  # a fake and a real image


@pytest.mark.parametrize(
    ("name", "encoder", "decoder"),
    [
        ("deepfashion", 12_835_712, 96_324_451),
        ("cityscapes", 5_768_210, 76_501_358),
        ("ade20k", 4_411_012, 68_326_847),
        ("vspade", 10_463_424, 96_345_283),  # 10.46 and 96.35 million as published
        ("mulnet", 12_835_712, 96_246_680),
        ("groupnet", 12_835_712, 98_703_443),
        ("groupenc", 12_835_712, 97_768_005),
        ("groupdec", 12_661_832, 96_324_451),
    ],
)
def test_parameters(name: str, encoder: int, decoder: int) -> None:
    layers = summarise(PRESETS[name].model)
    counts = [sum(x.parameters for x in layers if x.name.startswith(part)) for part in ("encoder", "decoder")]
    assert counts == [encoder, decoder]
    if name not in ("cityscapes", "ade20k"):
        assert sum(counts) == pytest.approx(109_160_163, rel=0.03)  # a fair comparison: as large as GroupDNet


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("people-64-")])
def test_the_small_baselines_are_as_large_as_people_64(name: str) -> None:
    ours, theirs = (sum(x.parameters for x in summarise(PRESETS[n].model)) for n in ("people-64", name))
    assert theirs == pytest.approx(ours, rel=0.03)
    assert PRESETS[name].replace(model=PRESETS["people-64"].model.to_dict()) == PRESETS["people-64"]


def test_info_prints_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "deepfashion"]) == 0
    shown = capsys.readouterr().out
    assert "decoder.blocks.6.conv_s" in shown
    assert shown.splitlines()[-4].split() == ["encoder", "12,835,712", "2,307,391,488"]
    assert "of which CG-Norm's mask networks" in shown


def test_a_block_that_is_never_run_is_marked() -> None:
    rows = table(summarise(PRESETS["ade20k"].model)).splitlines()
    spare = next(row for row in rows if row.startswith("decoder.spare.conv_s"))
    assert "not run" in spare
    assert spare.split()[-1] == "0"
