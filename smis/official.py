"""The authors' published networks as ours: their options, their tensors' names, and the conversion of their files.

A published network is three files `*_net_G.pth`, `*_net_E.pth`, `*_net_D.pth`: decoder, encoder, discriminator. Every
tensor of theirs is one of ours under another name, of the same shape; nothing is computed but what an old file lacks.
"""

from __future__ import annotations

import json
import os
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from smis.config import ConfigError, GroupDNetConfig
from smis.decoder import mask_values
from smis.discriminator import MultiscaleDiscriminator
from smis.files import file_sha256, whole_file
from smis.labels import PEOPLE
from smis.model import CheckpointError, GroupDNet
from smis.outside import shortened
from smis.presets import ade20k, cityscapes, deepfashion, numbered

__all__ = [
    "Difference",
    "LICENCE",
    "Mismatch",
    "convert",
    "convert_discriminator",
    "fit",
    "network_config",
    "old_names",
    "patch_discriminator",
    "provenance",
    "read_pth",
    "save_discriminator",
]

State = dict[str, Tensor]
FORMAT = "smis-discriminator-1"

LICENCE = (
    "Weights of the authors of 'Semantically Multi-modal Image Synthesis', under CC BY-NC-SA: attribution, no "
    "commercial use, derived works (this file is one) under the same licence"
)
# What the authors' options are where a case or a caller does not give them.
DEFAULTS: dict[str, dict[str, Any]] = {
    "deepfashion": {"semantic_nc": 8, "ngf": 160, "enc_ndf": 256, "crop_size": 256, "aspect_ratio": 1.0},
    "cityscapes": {"semantic_nc": 35, "ngf": 280, "enc_ndf": 350, "crop_size": 512, "aspect_ratio": 2.0},
    "ade20k": {"semantic_nc": 151, "ngf": 64, "enc_ndf": 604, "crop_size": 256, "aspect_ratio": 1.0},
}
UPSAMPLINGS = {"normal": 5, "more": 6}
LARGEST = {"semantic_nc": 256, "ngf": 4096, "enc_ndf": 16384, "crop_size": 4096, "ndf": 4096}
LARGEST |= {"n_layers_D": 16, "num_D": 8}
# Options that change the function, and the one value of each that the paper's networks have.
FIXED = {
    "norm_G": "spectralspadesyncbatch3x3",
    "norm_E": "spectralinstance",
    "norm_D": "spectralinstance",
    "gan_mode": "hinge",
}


def network_config(dataset: str, options: Mapping[str, Any] | None = None) -> GroupDNetConfig:
    """The network that the authors' options describe.

    Args:
        dataset: deepfashion, cityscapes or ade20k.
        options: by their names: `semantic_nc` (or `label_nc` and `contain_dontcare_label`), `ngf`, `enc_ndf`,
            `crop_size`, `aspect_ratio`, `trans_size`, `num_upsampling_layers`, `force_layer6`, `no_instance`,
            `city_groups`. Missing ones are those of the published network. Others do not shape it.

    Raises:
        ConfigError: an unknown data set, or values that cannot work.

    >>> network_config("deepfashion", {"ngf": 4, "enc_ndf": 16}).decoder_widths
    (64, 64, 64, 32, 16, 8, 4)
    """
    if dataset not in DEFAULTS:
        raise ConfigError(f"there is no published network for {dataset!r}; there are {', '.join(DEFAULTS)}")
    given = dict(options or {})
    for name, value in FIXED.items():
        if given.get(name, value) != value:
            raise ConfigError(f"option {name} must be {value!r}: {given[name]!r} is not a network of the paper")
    values = {**DEFAULTS[dataset], **given}
    if "semantic_nc" not in given and isinstance(given.get("label_nc"), int):
        values["semantic_nc"] = given["label_nc"] + bool(given.get("contain_dontcare_label"))
    _check_options(values)
    if (upsampling := values.get("num_upsampling_layers", "more")) not in UPSAMPLINGS:
        raise ConfigError(f"num_upsampling_layers must be {' or '.join(UPSAMPLINGS)}, got {upsampling!r}")
    classes, wide = values["semantic_nc"], values["crop_size"]
    if values["enc_ndf"] % classes:
        raise ConfigError(f"enc_ndf must be divisible by the {classes} classes, got {values['enc_ndf']}")
    instances = dataset == "cityscapes" and not values.get("no_instance")
    if dataset != "cityscapes" and not values.get("no_instance", True):
        raise ConfigError(f"no_instance must be true: the network for {dataset} has no instance edges")
    size = (round(wide / values["aspect_ratio"]), wide)
    crop = tuple(values.get("trans_size") or size)
    shape: dict[str, Any] = {
        "width": values["ngf"],
        "encoder": values["enc_ndf"] // classes,
        "upsampled": UPSAMPLINGS[upsampling],
        "layers": 6 if values.get("force_layer6") or wide >= 256 else 5,
        "crop_size": None if crop == size else crop,
    }
    labels = numbered(dataset, classes)
    if dataset == "deepfashion":
        return deepfashion(PEOPLE if classes == len(PEOPLE) else labels, size, **shape)
    if dataset == "ade20k":
        return ade20k(labels, size, **shape)
    groups = tuple(values.get("city_groups") or (20, 14, 10, 4))
    return cityscapes(labels, size, middle_groups=groups, instance_edges=instances, **shape)


def _check_options(values: Mapping[str, Any]) -> None:
    """Raises `ConfigError` for options that are no numbers, or larger than any network's."""
    for name, most in LARGEST.items():
        value = values.get(name, 1)
        if type(value) is not int or not 1 <= value <= most:
            raise ConfigError(f"option {name} must be an integer in 1..{most}, got {shortened(repr(value))}")
    ratio = values.get("aspect_ratio", 1.0)
    if type(ratio) not in (int, float) or not 0.1 <= ratio <= 10:
        raise ConfigError(f"option aspect_ratio must be a number in 0.1..10, got {shortened(repr(ratio))}")
    if not isinstance(values.get("num_upsampling_layers", "more"), str):
        raise ConfigError(f"num_upsampling_layers must be {' or '.join(UPSAMPLINGS)}")
    for name, length in (("trans_size", 2), ("city_groups", 4)):
        value = values.get(name) or [1] * length
        if not (isinstance(value, (list, tuple)) and len(value) == length and all(type(n) is int for n in value)):
            raise ConfigError(f"option {name} must be {length} integers, got {shortened(repr(value))}")


def patch_discriminator(config: GroupDNetConfig, options: Mapping[str, Any] | None = None) -> MultiscaleDiscriminator:
    """Their discriminator beside a network of `config`: options `ndf`, `n_layers_D` and `num_D`, 64, 4 and 2."""
    values = {"ndf": 64, "n_layers_D": 4, "num_D": 2, **(options or {})}
    _check_options(values)
    widths = [values["ndf"]]
    for _ in range(values["n_layers_D"] - 1):
        widths.append(min(2 * widths[-1], 512))
    return MultiscaleDiscriminator(len(config.labels) + config.instance_edges, tuple(widths), values["num_D"])


# --- names --------------------------------------------------------------------------------------------------

_RENAMED: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    # any of the three: spectral norm as it was before parametrizations
    (r"parametrizations\.weight\.original$", "weight_orig"),
    (r"parametrizations\.weight\.0\._([uv])$", r"weight_\1"),
    # the decoder
    (r"^blocks\.0\.", "head_0."),
    (r"^blocks\.([12])\.", lambda found: f"G_middle_{int(found[1]) - 1}."),
    (r"^blocks\.([3-6])\.", lambda found: f"up_{int(found[1]) - 3}."),
    (r"^spare\.", "up_4."),
    (r"^to_rgb\.", "conv_img."),
    (r"\.norm\.(running_mean|running_var|num_batches_tracked)$", r".param_free_norm.\1"),
    (r"\.shared\.", ".mlp_shared.0."),
    (r"\.(gamma|beta)\.", r".mlp_\1."),
    # the encoder
    (r"^layers\.(\d)\.", lambda found: f"layer{int(found[1]) + 1}.0."),
    (r"^mu\.", "fc_mu."),
    (r"^logvar\.", "fc_var."),
    # the discriminator
    (r"^judges\.", "discriminator_"),
    (r"\.stages\.(\d)\.", r".model\1."),
]


def old_names(network: nn.Module) -> dict[str, str]:
    """Our name of every tensor of a decoder, encoder or discriminator -> the authors' name.

    >>> from smis.encoder import GroupEncoder
    >>> old_names(GroupEncoder(network_config("deepfashion", {"enc_ndf": 8})))["layers.0.parametrizations.weight.0._u"]
    'layer1.0.weight_u'
    """
    names = {}
    for ours in network.state_dict():
        theirs = ours
        for pattern, new in _RENAMED:
            theirs = re.sub(pattern, new, theirs)
        if isinstance(network, MultiscaleDiscriminator):
            theirs = theirs.replace(".score.", f".model{len(network.judges[0].stages)}.0.")  # type: ignore[arg-type]
        names[ours] = theirs
    return names


# --- old files ----------------------------------------------------------------------------------------------


def read_pth(path: str | os.PathLike[str]) -> State:
    """The tensors of a `.pth` file. Nothing but tensors in a dict is ever unpickled.

    Raises:
        FileNotFoundError: no such file.
        CheckpointError: a file that is damaged, or holds anything else; code in it is not run.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds something else than tensors, or is damaged. A pickle can run any code, so it was not "
            f"opened ({str(error).splitlines()[-1].strip() or 'refused'})"
        ) from error
    except Exception as error:  # what torch.load raises for a damaged file has many types
        raise CheckpointError(f"{path} is not a file of tensors ({type(error).__name__}: {error})") from error
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f"{path} is not a state dict: expected tensors by name, found {type(state).__name__}")
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def _complete(state: State, expected: Mapping[str, torch.Size]) -> State:
    """What old files lack, made up so that the network computes what it computed for the authors.

    A convolution with spectral norm multiplies with W / sigma, sigma = u^T W v. A file may hold

    - weight_orig, weight_u: torch before 1.1. There v = W^T u' / |.| with the u' of one step before, then
      u = W v / |.|. So W v = sigma u, and v lies in the span of W's rows: it is the shortest solution of W x = u,
      made one long.
    - the same and weight, which is W / sigma as last used: then v is scaled so that sigma is that one.
    - weight alone: the file of a network whose spectral norm was removed, or never there. It is what the convolution
      multiplied with, so it is kept as it is: sigma must be 1, and v is scaled so. The first training step starts to
      normalise it.

    `num_batches_tracked` is missing in files of torch before 0.4.1; nothing here reads it, and 0 is what the
    published files hold.
    """
    state = dict(state)
    for name, shape in expected.items():
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, torch.zeros(shape, dtype=torch.int64))
        if not name.endswith("weight_orig"):
            continue
        base = name.removesuffix("_orig")
        used = state.pop(base, None)
        alone = name not in state
        if alone and used is not None:
            state[name] = used
        raw, u = state.get(name), state.get(f"{base}_u")
        if raw is None or raw.shape != shape:
            continue  # beyond repair: the table will say what differs
        matrix = raw.double().flatten(1)
        if alone:
            u, v = _leading(matrix)
            sigma = torch.ones(())
        elif f"{base}_v" in state or u is None or u.shape != matrix.shape[:1]:
            continue
        else:
            u = u.double()
            v = F.normalize(torch.linalg.lstsq(matrix, u[:, None], driver="gelsy").solution[:, 0], dim=0)
            sigma = u @ matrix @ v if used is None else raw.double().norm() / used.double().norm()
        state[f"{base}_u"], state[f"{base}_v"] = u.float(), (v * sigma / (u @ matrix @ v)).float()
    return state


def _leading(matrix: Tensor, steps: int = 30) -> tuple[Tensor, Tensor]:
    """The vectors u and v of about the largest singular value, by power iteration from a fixed start."""
    u = v = F.normalize(torch.ones(len(matrix), dtype=matrix.dtype), dim=0)
    for _ in range(steps):
        v = F.normalize(matrix.T @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    return u, v


@dataclass(frozen=True)
class Difference:
    """One tensor that does not fit: its name in the file, and the shapes found and expected; None: not there."""

    name: str
    found: tuple[int, ...] | None
    expected: tuple[int, ...] | None


def _written(shape: tuple[int, ...] | None) -> str:
    return "-" if shape is None else " x ".join(map(str, shape)) or "one number"


class Mismatch(CheckpointError):
    """Tensors of a file that do not fit the network; `table` lists every one of them."""

    def __init__(self, what: str, differences: list[Difference]) -> None:
        self.differences = differences
        kinds = {"missing": 0, "unexpected": 0, "of another shape": 0}
        rows = [("tensor", "found", "expected")]
        for d in differences:
            kinds["missing" if d.found is None else "unexpected" if d.expected is None else "of another shape"] += 1
            rows.append((d.name, _written(d.found), _written(d.expected)))
        wide = [max(len(row[column]) for row in rows) for column in range(3)]
        self.table = "\n".join("  ".join(word.ljust(n) for word, n in zip(row, wide)).rstrip() for row in rows)
        counts = ", ".join(f"{number} {kind}" for kind, number in kinds.items() if number)
        super().__init__(f"{what} does not fit this network: tensors {counts}")


def fit(network: nn.Module, state: Mapping[str, Tensor], what: str) -> State:
    """The authors' tensors under our names, float32, complete, ready for `network.load_state_dict`.

    Args:
        network: a decoder, encoder or discriminator; only its shapes are read, so it may be on the meta device.
        state: the authors' tensors by their names.
        what: how to call `state` in errors.

    Raises:
        Mismatch: a tensor is missing, unexpected or of another shape.
        CheckpointError: a tensor is sparse or quantised, or holds values that are not finite.
    """
    for name, value in state.items():
        if value.layout != torch.strided or value.is_quantized or value.is_complex():
            raise CheckpointError(f"{what}: {name} is not a plain tensor of numbers ({value.layout}, {value.dtype})")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{what}: {name} holds values that are not finite: the file is damaged")
    names, shapes = old_names(network), {k: v.shape for k, v in network.state_dict().items()}
    expected = {names[ours]: shape for ours, shape in shapes.items()}
    complete = _complete(dict(state), expected)
    differences = []
    for name in sorted(expected.keys() | complete.keys()):
        found = tuple(complete[name].shape) if name in complete else None
        wanted = tuple(expected[name]) if name in expected else None
        if found != wanted:
            differences.append(Difference(name, found, wanted))
    if differences:
        raise Mismatch(what, differences)
    for name, value in complete.items():  # again: what was made up follows from what the file holds
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise CheckpointError(f"{what}: {name} cannot be made up from the others: the file is damaged")
    counters = {ours for ours in names if ours.endswith("num_batches_tracked")}
    return {o: complete[theirs].to(torch.int64 if o in counters else torch.float32) for o, theirs in names.items()}


def convert(config: GroupDNetConfig, generator: Mapping[str, Tensor], encoder: Mapping[str, Tensor]) -> GroupDNet:
    """The authors' decoder ('generator') and encoder as one `GroupDNet` in eval mode, tensor by tensor.

    Raises `Mismatch` or `CheckpointError`; see `fit`.
    """
    with torch.device("meta"):  # shapes without memory: no time goes into first weights that are thrown away
        model = GroupDNet(config)
    decoder, codes = fit(model.decoder, generator, "the generator"), fit(model.encoder, encoder, "the encoder")
    model.decoder.load_state_dict(decoder, assign=True)
    model.encoder.load_state_dict(codes, assign=True)
    model.decoder.channels = mask_values(config)
    return model.eval()


def convert_discriminator(config: GroupDNetConfig, state: Mapping[str, Tensor]) -> MultiscaleDiscriminator:
    """The authors' discriminator beside a network of `config`. Raises as `convert` does."""
    with torch.device("meta"):
        judge = patch_discriminator(config)
    judge.load_state_dict(fit(judge, state, "the discriminator"), assign=True)
    return judge


def save_discriminator(judge: MultiscaleDiscriminator, path: Path, origin: dict[str, Any]) -> None:
    """Write its tensors as one safetensors file, whole or not at all."""
    tensors = {name: value.contiguous() for name, value in judge.state_dict().items()}
    with whole_file(path) as part:
        part.write_bytes(save(tensors, {"format": FORMAT, "provenance": json.dumps(origin)}))


def provenance(dataset: str, files: Mapping[str, str | os.PathLike[str]]) -> dict[str, Any]:
    """What a converted file says of its origin: the sources with their sha256, and the licence."""
    sources = {}
    for part, path in files.items():
        sources[part] = {"file": Path(path).name, "sha256": file_sha256(path)}
    return {"converted_from": sources, "dataset": dataset, "licence": LICENCE}
