"""Every case of the authors' networks, through the library and the command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from smis import parity
from smis.cli import main
from smis.model import GroupDNet
from smis.official import network_config, old_names, patch_discriminator

CASES = Path(__file__).parent.parent / "parity"


def case_file(name: str) -> Path:
    return CASES / f"{name}.safetensors"


def changed(name: str, folder: Path, tensors: Callable[[dict[str, Tensor]], None] | None = None, **header: str) -> str:
    """A copy of a case in which some tensors or header entries are others."""
    with safe_open(case_file(name), "pt") as file:
        values = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no dict)
        metadata = file.metadata()
    if tensors is not None:
        tensors(values)
    save_file(values, folder / "case.safetensors", {**metadata, **header})
    return str(folder / "case.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("normal64_deepfashion", 123),
        ("small_cityscapes", 125),
        ("small_ade20k", 141),
        ("small_deepfashion", 125),
    ],
)
def test_ours_are_the_authors_networks(name: str, outputs: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", str(case_file(name))]) == 0
    *lines, last = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"worst [0-9]\.[0-9]e-[0-9][0-9] of {outputs} outputs", last)
    assert float(last.split()[1]) <= 1e-5
    shown = [line.split()[1] for line in lines if line.startswith("  ")]
    with safe_open(case_file(name), "pt") as file:
        assert sorted(shown) == sorted(key for key in file.keys() if key.startswith("out."))  # noqa: SIM118


@pytest.mark.slow
def test_a_training_pass_with_tables_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["parity", "--tables", str(case_file("small_cityscapes"))]) == 0
    assert "of 125 outputs" in capsys.readouterr().out


@pytest.mark.parametrize(
    "weight",
    ["sd.G.up_1.conv_0.weight_orig", "sd.E.layer2.0.weight_orig", "sd.D.discriminator_1.model2.0.0.weight_orig"],
)
def test_another_weight_is_noticed(weight: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def perturb(tensors: dict[str, Tensor]) -> None:
        tensors[weight][0] += 0.5

    assert main(["parity", changed("normal64_deepfashion", tmp_path, perturb)]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert float(last.split()[1]) > 1e-4


def refuse(path: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["parity", path]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("smis: error: ")
    return shown.err


def overrides(name: str, **changes: Any) -> str:
    return json.dumps({**parity.read_case(case_file(name)).options, **changes})


def test_another_group_number_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    swapped = overrides("small_cityscapes", city_groups=[2, 4, 2, 2])
    assert "of another shape" in refuse(changed("small_cityscapes", tmp_path, overrides=swapped), capsys)


def test_groups_in_another_order_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def swap(tensors: dict[str, Tensor]) -> None:
        for name in ("sd.G.fc.weight", "sd.G.fc.bias"):
            tensors[name] = tensors[name].unflatten(0, (5, -1))[[1, 0, 2, 3, 4]].flatten(0, 1).contiguous()

    assert main(["parity", changed("small_cityscapes", tmp_path, swap)]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("worst ")


def test_preprocessing_must_agree_to_the_byte(tmp_path: Path) -> None:
    def nudge(tensors: dict[str, Tensor]) -> None:
        tensors["out.trans.sha256"][31] ^= 1

    found = parity.compare(parity.read_case(changed("normal64_deepfashion", tmp_path, nudge)))
    assert {c.name: c.difference for c in found}["out.trans.sha256"] == float("inf")


def test_files_that_are_no_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "normal64_deepfashion"
    assert "there is no case file" in refuse(str(tmp_path / "no.safetensors"), capsys)
    assert "there is no case file" in refuse(str(tmp_path), capsys)
    for content in (b"", b"some text", case_file(name).read_bytes()[:100_000]):
        (tmp_path / "bad.safetensors").write_bytes(content)
        assert "not a complete safetensors file" in refuse(str(tmp_path / "bad.safetensors"), capsys)
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    assert "is not a case" in refuse(str(tmp_path / "other.safetensors"), capsys)
    assert "does not hold its weights" in refuse(changed(name, tmp_path, weights="formula"), capsys)
    assert "header" in refuse(changed(name, tmp_path, options="[1"), capsys)
    for value in ("[1]", '{"ngf": "wide"}', '{"aspect_ratio": 0}', '{"ngf": 9}', '{"gan_mode": "ls"}'):
        refuse(changed(name, tmp_path, overrides=value), capsys)

    def more(tensors: dict[str, Tensor]) -> None:
        tensors["out.surprise"] = torch.zeros(1)

    assert "out.surprise" in refuse(changed(name, tmp_path, more), capsys)


# --- other options ----------------------------------------------------------------------------------------


def made_up(dataset: str, options: dict[str, Any], batch: int = 2) -> parity.Case:
    """A case without outputs, with random weights and inputs."""
    torch.manual_seed(0)
    config = network_config(dataset, options)
    model, judge = GroupDNet(config), patch_discriminator(config, options)
    parts = {"G": model.decoder, "E": model.encoder, "D": judge}
    tensors, order = {}, {}
    for part, network in parts.items():
        names = old_names(network)
        tensors |= {f"sd.{part}.{names[k]}": v.half() if v.ndim else v for k, v in network.state_dict().items()}
        order[part] = [names[k] for k, _ in network.named_parameters()]
    height, width = config.image_size
    tensors["in.label"] = torch.randint(0, len(config.labels), (batch, 1, height, width), dtype=torch.uint8)
    tensors["in.image_u8"] = torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8)
    tensors["in.edge"] = torch.randint(0, 2, (batch, height, width), dtype=torch.uint8)
    tensors["in.eps"] = torch.randn(batch, *config.code_shape).flatten(1, 2)
    for name in ("GAN", "GAN_Feat", "KLD"):
        tensors[f"out.loss.G.{name}"] = torch.zeros(1, dtype=torch.float64)
    for part, names in order.items():
        for what in ("norm", "sum"):
            tensors[f"out.grad.{part}.{what}"] = torch.zeros(len(names), dtype=torch.float64)
    return parity.Case(dataset, options, order, tensors)


THIN = {"ngf": 4, "ndf": 4, "crop_size": 64, "num_upsampling_layers": "normal"}


@pytest.mark.parametrize(
    ("dataset", "options", "image", "maps"),
    [
        ("deepfashion", {**THIN, "enc_ndf": 8, "aspect_ratio": 0.5, "num_D": 3, "n_layers_D": 2}, (128, 64), 3),
        ("deepfashion", {**THIN, "enc_ndf": 8, "trans_size": [50, 33], "n_layers_D": 1, "num_D": 1}, (64, 64), 1),
        (
            "cityscapes",
            {**THIN, "ngf": 6, "semantic_nc": 6, "enc_ndf": 6, "aspect_ratio": 1.0, "city_groups": [3, 3, 2, 2]}
            | {"no_instance": True},
            (64, 64),
            2,
        ),
        (
            "cityscapes",
            {**THIN, "semantic_nc": 4, "enc_ndf": 4, "city_groups": [4, 2, 1, 1], "crop_size": 128},
            (64, 128),
            2,
        ),
        (
            "ade20k",
            {
                **THIN,
                "label_nc": 3,
                "contain_dontcare_label": True,
                "enc_ndf": 8,
                "force_layer6": True,
                "num_upsampling_layers": "more",
            }
            | {"crop_size": 128},
            (128, 128),
            2,
        ),
    ],
)
def test_other_options(
    dataset: str, options: dict[str, Any], image: tuple[int, int], maps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They build and run, and the passes are the same twice. (No numbers of the authors exist for these.)"""
    case = made_up(dataset, options)
    monkeypatch.setattr(parity, "agree", lambda gradient, *_: (gradient(), []))
    run = parity._Run(case, tables=False)
    ours = {**run.evaluation(plain=True), **run.generator_pass(), **run.discriminator_pass()}
    assert tuple(ours["out.G.train.out"].value.shape[2:]) == image
    assert sum(name.startswith("out.D.eval.fake") for name in ours) == maps
    assert ours["out.trans.u8_strided"].value.shape[2] == -(-(options.get("trans_size", image)[0]) // 4)
    whole = {name: output.value.clone() for name, output in ours.items()}
    again = parity.compare(parity.Case(dataset, options, case.grad_order, {**case.tensors, **whole}))
    assert max(result.difference for result in again) < 1e-5
