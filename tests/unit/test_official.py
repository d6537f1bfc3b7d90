"""The authors' names, options and files: every tensor at published size, old files, hostile files, the command."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from smis import official
from smis.cli import main
from smis.config import ConfigError
from smis.layers import spectral_conv
from smis.model import CheckpointError, GroupDNet
from smis.parity import read_case
from smis.presets import PRESETS

CASES = Path(__file__).parent.parent / "parity"
SMALL = {"ngf": 4, "enc_ndf": 16, "crop_size": 128, "force_layer6": True}


def published(dataset: str) -> dict[str, dict[str, Tensor]]:
    """State dicts of the published names and shapes. One zero each, seen as a whole tensor: almost no memory."""
    parts = json.loads((CASES / f"tensors_{dataset}.json").read_text())
    return {
        part: {
            name: torch.zeros((), dtype=torch.int64 if name.endswith("tracked") else torch.float32).expand(shape)
            for name, shape in values["tensors"].items()
        }
        for part, values in parts.items()
    }


def small() -> dict[str, dict[str, Tensor]]:
    case = read_case(CASES / "small_deepfashion.safetensors")
    return {part: case.state(part) for part in "GED"}


# --- published size ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dataset", "millions"), [("deepfashion", 109.16), ("cityscapes", 82.27), ("ade20k", 72.74)])
def test_every_published_tensor_has_its_place(dataset: str, millions: float) -> None:
    states, config = published(dataset), official.network_config(dataset)
    assert config.to_dict() | {"labels": 0} == PRESETS[dataset].model.to_dict() | {"labels": 0}
    model = official.convert(config, states["G"], states["E"])
    judge = official.convert_discriminator(config, states["D"])
    counts = json.loads((CASES / f"tensors_{dataset}.json").read_text())
    for part, network in (("G", model.decoder), ("E", model.encoder), ("D", judge)):
        assert sum(p.numel() for p in network.parameters()) == counts[part]["parameters"]
        assert set(official.old_names(network).values()) == set(states[part])
        assert not any(tensor.is_meta for tensor in (*network.parameters(), *network.buffers()))
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


def test_what_does_not_fit_is_listed() -> None:
    states = published("ade20k")
    del states["G"]["fc.bias"]
    states["G"]["up_3.conv_0.weight_orig"] = torch.zeros(128, 256, 3)
    states["G"]["extra"] = torch.zeros(())
    with pytest.raises(official.Mismatch, match="1 missing, 1 unexpected, 1 of another shape") as caught:
        official.convert(official.network_config("ade20k"), states["G"], states["E"])
    assert [line.split("  ")[0] for line in caught.value.table.splitlines()] == [
        "tensor",
        "extra",
        "fc.bias",
        "up_3.conv_0.weight_orig",
    ]
    last = caught.value.table.splitlines()[-1]
    assert last.split("  ", 1)[1].split() == ["128", "x", "256", "x", "3", "128", "x", "256", "x", "3", "x", "3"]
    with pytest.raises(official.Mismatch):
        official.convert(official.network_config("deepfashion"), published("cityscapes")["G"], states["E"])


# --- options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        ("celeba", {}, "there are deepfashion, cityscapes, ade20k"),
        ("deepfashion", {"gan_mode": "ls"}, "gan_mode must be 'hinge'"),
        ("deepfashion", {"norm_G": "spectralbatch"}, "norm_G"),
        ("deepfashion", {"num_upsampling_layers": "most"}, "normal or more"),
        ("deepfashion", {"enc_ndf": 30}, "enc_ndf must be divisible by the 8 classes"),
        ("deepfashion", {"no_instance": False}, "no_instance"),
        ("deepfashion", {"crop_size": 200}, "image height 200"),
        ("cityscapes", {"city_groups": [3, 2, 2, 2]}, "divisible"),
    ],
)
def test_options_that_cannot_work(dataset: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        official.network_config(dataset, options)


def test_options_shape_the_network() -> None:
    config = official.network_config(
        "cityscapes",
        {"label_nc": 5, "contain_dontcare_label": True, "ngf": 6, "enc_ndf": 12, "crop_size": 192, "aspect_ratio": 1.5}
        | {"trans_size": [60, 96], "city_groups": [3, 2, 2, 2], "no_instance": True},
    )
    assert (len(config.labels), config.instance_edges, config.image_size) == (6, False, (128, 192))
    assert len(config.encoder_widths) == 5
    assert config.latent_size == (2, 3)  # 60 -> 30 15 8 4 2, 96 -> 48 24 12 6 3
    assert config.decoder_groups == (6, 6, 6, 3, 2, 2, 2, 1)
    judges = official.patch_discriminator(config, {"ndf": 200, "n_layers_D": 3, "num_D": 3}).judges
    assert len(judges) == 3
    widths = [module.out_channels for module in judges[2].modules() if isinstance(module, torch.nn.Conv2d)]
    assert widths == [200, 400, 512, 1]


# --- old files --------------------------------------------------------------------------------------------


def convolution(steps: int = 3) -> tuple[torch.nn.Conv2d, dict[str, Tensor], Tensor]:
    """A convolution with spectral norm after some training passes, its tensors by the old names, and its weight."""
    torch.manual_seed(0)
    conv = spectral_conv(6, 12, 3, groups=2, bias=False)
    conv.train()
    for _ in range(steps):
        conv(torch.zeros(1, 6, 4, 4))
    state = {official.old_names(conv)[k]: v.clone() for k, v in conv.state_dict().items()}
    return conv, state, conv.eval().weight.detach().clone()


def weight_after(state: dict[str, Tensor]) -> Tensor:
    conv = spectral_conv(6, 12, 3, groups=2, bias=False).eval()
    conv.load_state_dict(official.fit(conv, state, "it"))
    return conv.weight.detach()


def test_a_missing_v_is_found_from_u_and_the_weight() -> None:
    _, state, weight = convolution()
    v = state.pop("weight_v")
    network = spectral_conv(6, 12, 3, groups=2, bias=False)
    found = official.fit(network, state, "it")["parametrizations.weight.0._v"]
    torch.testing.assert_close(found, v, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(weight_after(state), weight)


def test_a_weight_beside_it_says_what_sigma_was() -> None:
    _, state, weight = convolution()
    del state["weight_v"]
    used = 0.7 * weight  # of an older sigma
    torch.testing.assert_close(weight_after({**state, "weight": used}), used)
    _, whole, weight = convolution()
    torch.testing.assert_close(weight_after({**whole, "weight": used}), weight)  # nothing is missing: not looked at


def test_a_weight_alone_is_what_the_convolution_multiplies_with() -> None:
    weight = torch.randn(12, 3, 3, 3)
    torch.testing.assert_close(weight_after({"weight": weight}), weight)
    conv = spectral_conv(6, 12, 3, groups=2, bias=False)
    conv.load_state_dict(official.fit(conv, {"weight": weight}, "it"))
    for _ in range(20):
        conv.train()(torch.zeros(1, 6, 4, 4))  # from the first training pass on it is normalised
    largest = torch.linalg.matrix_norm(conv.eval().weight.detach().flatten(1), 2)
    assert largest.item() == pytest.approx(1, abs=1e-3)


def test_counters_may_be_missing_and_names_may_start_with_module() -> None:
    states = small()
    config = official.network_config("deepfashion", SMALL)
    bare = {f"module.{k}": v for k, v in states["G"].items() if "num_batches" not in k}
    whole = official.convert(config, states["G"], states["E"]).state_dict()
    old = official.convert(config, {k.removeprefix("module."): v for k, v in bare.items()}, states["E"]).state_dict()
    assert all(torch.equal(whole[k], old[k]) for k in whole)


def test_values_go_where_they_belong() -> None:
    states = small()
    model = official.convert(official.network_config("deepfashion", SMALL), states["G"], states["E"])
    ours = model.state_dict()
    for mine, theirs in (
        ("decoder.blocks.3.norm_s.gamma.bias", "up_0.norm_s.mlp_gamma.bias"),
        ("decoder.blocks.2.norm_0.norm.running_var", "G_middle_1.norm_0.param_free_norm.running_var"),
        ("decoder.to_rgb.weight", "conv_img.weight"),
        ("decoder.blocks.6.conv_s.parametrizations.weight.0._v", "up_3.conv_s.weight_v"),
    ):
        assert torch.equal(ours[mine], states["G"][theirs])
    assert torch.equal(ours["encoder.logvar.bias"], states["E"]["fc_var.bias"])
    assert torch.equal(ours["encoder.layers.5.parametrizations.weight.original"], states["E"]["layer6.0.weight_orig"])


def test_values_that_are_not_finite_are_refused() -> None:
    states = small()
    states["E"]["fc_mu.bias"] = torch.full((64,), float("nan"))
    with pytest.raises(CheckpointError, match=r"the encoder: fc_mu\.bias holds values that are not finite"):
        official.convert(official.network_config("deepfashion", SMALL), states["G"], states["E"])


# --- files ------------------------------------------------------------------------------------------------


class Hostile:
    """Runs a command when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # PyTorch says it before we refuse
def test_a_hostile_pickle_is_refused_and_not_run(zipped: bool, tmp_path: Path) -> None:
    state = {"fc.weight": torch.zeros(2), "trap": Hostile(tmp_path / "ran")}
    torch.save(state, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="something else than tensors"):
        official.read_pth(tmp_path / "net.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Hostile(tmp_path / "ran")))
    with pytest.raises(CheckpointError):
        official.read_pth(tmp_path / "bare.pth")
    assert not (tmp_path / "ran").exists()


def test_files_old_and_new_are_read_and_others_refused(tmp_path: Path) -> None:
    for zipped in (True, False):
        torch.save({"module.a": torch.ones(2)}, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
        assert official.read_pth(tmp_path / "net.pth")["a"].tolist() == [1, 1]
    whole = (tmp_path / "net.pth").read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.pth").write_text("<html>not found</html>")
    torch.save([torch.ones(2)], tmp_path / "list.pth")
    torch.save({"a": {"b": torch.ones(2)}}, tmp_path / "nested.pth")
    for name in ("half", "text", "list", "nested"):
        with pytest.raises(CheckpointError, match=f"{name}.pth"):
            official.read_pth(tmp_path / f"{name}.pth")
    with pytest.raises(FileNotFoundError):
        official.read_pth(tmp_path / "no.pth")


# --- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small case as three .pth files, and a DeepFashion network that is as small."""
    monkeypatch.setitem(official.DEFAULTS, "deepfashion", {**official.DEFAULTS["deepfashion"], **SMALL})
    for part, state in small().items():
        torch.save(state, tmp_path / f"{part}.pth")
    return tmp_path


def words(folder: Path, *more: str) -> list[str]:
    parts = ["--generator", str(folder / "G.pth"), "--encoder", str(folder / "E.pth")]
    return ["convert", "deepfashion", *parts, "--out", str(folder / "new folder" / "net.safetensors"), *more]


def test_convert_writes_a_network_with_its_origin(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(files)) == 0
    assert "CC BY-NC-SA" in capsys.readouterr().out
    out = files / "new folder" / "net.safetensors"
    case = read_case(CASES / "small_deepfashion.safetensors")
    codes = case.get("out.E.z").unflatten(1, (8, 8))
    image = GroupDNet.load(out).decode(codes, case.get("in.label")[:, 0].long())
    torch.testing.assert_close(image, case.get("out.G.eval.out"), rtol=0, atol=1e-5)
    _, origin = GroupDNet.read_header(out)
    assert len(origin["converted_from"]["generator"]["sha256"]) == 64
    assert "no commercial use" in " ".join(origin["licence"].split())


def test_convert_also_writes_a_discriminator(files: Path) -> None:
    torch.save(published("deepfashion")["D"], files / "D.pth")
    assert main(words(files, "--discriminator", str(files / "D.pth"))) == 0
    with safe_open(files / "new folder" / "net-discriminator.safetensors", "pt") as file:
        assert file.metadata()["format"] == "smis-discriminator-1"
        assert "judges.1.score.bias" in file.keys()  # noqa: SIM118 (no dict)


def test_convert_shows_what_does_not_fit_and_writes_nothing(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(files, "--discriminator", str(files / "D.pth"))) == 1  # ndf 8, not 64
    shown = capsys.readouterr().err
    assert "discriminator_0.model0.0.weight" in shown
    assert "8 x 11 x 4 x 4" in shown
    assert "64 x 11 x 4 x 4" in shown
    assert shown.splitlines()[-1].startswith("smis: error: the discriminator does not fit")
    assert not (files / "new folder").exists()
    assert main([*words(files)[:-1], "net.pth"]) == 1
    assert "must end in .safetensors" in capsys.readouterr().err
