"""The same numbers as the authors' networks: a case file's outputs beside ours.

A case file holds one run of a released network with made-up weights: its state dicts (`sd.G.*`, `sd.E.*`, `sd.D.*`),
its inputs (`in.*`), its outputs (`out.*`), and in its header the options that shaped it. `read_case` reads one,
`compare` builds the network of those options from those weights, runs it, and says how far each output is from theirs.

Each part is fed with the authors' inputs: the encoder with the image, the decoder in eval mode with their codes, the
discriminator with our image. The training pass runs end to end.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from smis.discriminator import judge_pair, judged_mask
from smis.encoder import class_boxes, sample_code, split_by_class
from smis.kinks import agree
from smis.losses import feature_matching, hinge_fake, hinge_generator, hinge_real, kl_divergence
from smis.model import GroupDNet
from smis.official import fit, network_config, old_names, patch_discriminator
from smis.outside import parse_json, shortened

__all__ = ["TOLERANCE", "Case", "CaseError", "compare", "read_case"]

TOLERANCE = 1e-5  # worst difference, relative to the output's scale, at which two float32 computations agree


class CaseError(ValueError):
    """A file that is not a case of the authors' network, or describes one that cannot be rebuilt."""


@dataclass(frozen=True)
class Case:
    """One case file: the data set's name, the options with their overrides, the gradients' order, and all tensors."""

    dataset: str
    options: dict[str, Any]
    grad_order: dict[str, list[str]]
    tensors: dict[str, Tensor]

    def state(self, part: str) -> dict[str, Tensor]:
        """The state dict of G, E or D by the authors' names, float32."""
        found = {k[5:]: v for k, v in self.tensors.items() if k.startswith(f"sd.{part}.")}
        return {k: v.float() if v.is_floating_point() else v for k, v in found.items()}

    def get(self, name: str) -> Tensor:
        """Raises `CaseError` if there is no such tensor."""
        if name not in self.tensors:
            raise CaseError(f"the case has no tensor {name}")
        return self.tensors[name]

    @property
    def outputs(self) -> list[str]:
        """The names of the `out.*` tensors."""
        return sorted(name for name in self.tensors if name.startswith("out."))


def read_case(path: str | os.PathLike[str]) -> Case:
    """Raises `FileNotFoundError`, or `CaseError` for a file that cannot be read or is of another format."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no case file {path}")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no dict)
    except (SafetensorError, ValueError, OSError) as error:  # ValueError: an empty file
        raise CaseError(f"{path} is not a complete safetensors file ({shortened(error)})") from error
    missing = [key for key in ("dataset", "options", "grad_order") if key not in header]
    if missing or not any(name.startswith("out.") for name in tensors):
        raise CaseError(f"{path} is not a case of the authors' network: it lacks {', '.join(missing) or 'outputs'}")
    if header.get("weights", "stored") != "stored":
        stored = shortened(header["weights"])
        raise CaseError(f"{path} does not hold its weights: they are {stored!r}, expected 'stored'")
    try:
        options = {**parse_json(header["options"]), **parse_json(header.get("overrides", "{}"))}
        order = {part: list(names) for part, names in parse_json(header["grad_order"]).items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise CaseError(f"{path} has a header that is not as expected: {shortened(error)}") from error
    return Case(header["dataset"], options, order, tensors)


@dataclass(frozen=True)
class Comparison:
    """One output: the worst relative difference, and at how many units a gradient took the other slope."""

    name: str
    difference: float
    flipped: int = 0


def compare(case: Case, tables: bool = False) -> list[Comparison]:
    """How far each output is from the authors': the largest absolute difference relative to the output's scale.

    The scale of a tensor is its largest absolute value. That of a number which is a sum or a mean is the sum or mean
    of the absolute values of its terms, because rounding is relative to the terms, not to what they leave. Gradients
    are compared up to the choice of slopes at kinks, see `smis.kinks`. A digest is equal (0) or not (infinity).

    In eval mode the decoder runs in both its forms, masks convolved and looked up, and the worse one counts. The
    training passes convolve the masks.

    Args:
        tables: look the masks up in the training passes too. What is looked up is channels last, and over that layout
            torch on a CPU adds up batch statistics in one number per channel, some 30 times less exactly.

    Raises:
        ConfigError, CheckpointError, CaseError: a network that cannot be built, weights that do not fit it, an output
            that is not known.
    """
    try:
        run = _Run(case, tables)
        evaluated = run.evaluation(plain=True), run.evaluation(plain=False)
        passes = (*evaluated, run.generator_pass(), run.discriminator_pass())
    except (ArithmeticError, AttributeError, IndexError, KeyError, RuntimeError, TypeError) as error:
        raise CaseError(f"the case cannot be run ({type(error).__name__}: {error})") from error
    result = []
    for name in case.outputs:
        found = [outputs[name] for outputs in passes if name in outputs]
        if not found:
            raise CaseError(f"there is no output {name} here")
        worst = max(_difference(name, output, case.tensors[name]) for output in found)
        result.append(Comparison(name, worst, found[0].flipped))
    return result


def _difference(name: str, ours: _Output, theirs: Tensor) -> float:
    if ours.value.shape != theirs.shape:
        raise CaseError(f"{name} is {tuple(theirs.shape)} in the case, {tuple(ours.value.shape)} here")
    if name.endswith("sha256"):
        return 0.0 if torch.equal(ours.value, theirs) else math.inf
    scale = theirs.double().abs().max() if ours.scale is None else ours.scale.double()
    worst = ((ours.value.double() - theirs.double()).abs() / scale.clamp(min=1e-30)).max().item()
    return math.inf if math.isnan(worst) else worst


@dataclass(frozen=True)
class _Output:
    """A value of ours, what a difference counts relative to (None: the largest of theirs), and slopes chosen."""

    value: Tensor
    scale: Tensor | None = None
    flipped: int = 0


_ACTIVATIONS = ("fc", "head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3")


class _Run:
    """The networks of a case with their weights, its inputs, and the three passes over them."""

    def __init__(self, case: Case, tables: bool) -> None:
        self.case, self.plain = case, not tables
        self.config = network_config(case.dataset, case.options)
        with torch.device("meta"):  # before memory is spent on networks that the file cannot fill
            networks = GroupDNet(self.config), patch_discriminator(self.config, case.options)
            needed = sum(value.numel() for network in networks for value in network.parameters())
        held = sum(value.numel() for value in case.tensors.values())
        if needed > held:
            raise CaseError(f"the options describe networks of {needed:,} weights, the case holds {held:,} numbers")
        self.model = GroupDNet(self.config)
        self.judge = patch_discriminator(self.config, case.options)
        self.parts: dict[str, nn.Module] = {"G": self.model.decoder, "E": self.model.encoder, "D": self.judge}
        self.start = {part: fit(net, case.state(part), f"sd.{part}") for part, net in self.parts.items()}
        self.names = {part: {old: new for new, old in old_names(net).items()} for part, net in self.parts.items()}
        self.image = case.get("in.image_u8").float() / 127.5 - 1  # (B, 3, H, W)
        self.labels = case.get("in.label")[:, 0].long()  # (B, H, W)
        if tuple(self.labels.shape[1:]) != self.config.image_size:
            raise CaseError(
                f"in.label is {tuple(self.labels.shape[1:])}, but the options say images of {self.config.image_size}"
            )
        self.edges = case.get("in.edge") if self.config.instance_edges else None
        self.mask = judged_mask(self.labels, len(self.config.labels), self.edges)
        self.noise = case.get("in.eps").unflatten(1, self.config.code_shape[:2])  # (B, C, D, h, w)

    def begin(self, train: bool) -> None:
        """All networks as they were at the start, without gradients."""
        for part, net in self.parts.items():
            net.load_state_dict(self.start[part])
            net.train(train)
            net.zero_grad(set_to_none=True)

    def judged(self, fake: Tensor) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """The discriminator's activations for the fake and the real images, from one batch of both."""
        return judge_pair(self.judge, fake, self.image, self.mask)

    @torch.no_grad()
    def evaluation(self, plain: bool) -> dict[str, _Output]:
        """Preprocessing, encoder, decoder and discriminator in eval mode."""
        self.begin(train=False)
        boxes = class_boxes(self.labels, len(self.config.labels), self.image).tolist()
        chosen = [[(c, *box) for c, box in enumerate(of_image)] for of_image in boxes]
        crops = split_by_class(self.image, self.labels, chosen, self.config.crop_size).flatten(1, 2)
        coded = torch.where(crops == 0, torch.zeros(()), ((crops + 1) * 127.5).round()).to(torch.uint8)
        digest = hashlib.sha256(coded.contiguous().numpy().tobytes()).digest()
        mu, logvar = self.model.encoder(self.image, self.labels)
        code = sample_code(mu, logvar, self.noise)
        outputs = {
            "out.trans.sha256": _Output(torch.tensor(list(digest), dtype=torch.uint8)),
            "out.trans.u8_strided": _Output(coded[:, :, ::4, ::4]),
            "out.E.mu": _Output(mu.flatten(1, 2)),
            "out.E.logvar": _Output(logvar.flatten(1, 2)),
            "out.E.z": _Output(code.flatten(1, 2)),
        }
        seen: list[Tensor] = []
        decoder = self.model.decoder
        hooks = [net.register_forward_hook(lambda *call: seen.append(call[2])) for net in (decoder.fc, *decoder.blocks)]
        theirs = self.case.tensors.get("out.E.z", code.flatten(1, 2)).view_as(code)
        image = decoder(theirs, self.labels, self.edges, plain)
        for hook in hooks:
            hook.remove()
        for name, features in zip(_ACTIVATIONS, seen, strict=True):
            x = features.double()
            values = torch.stack([x.mean(), x.std(), x.abs().sum()])
            scale = torch.stack([x.abs().mean(), x.std(), x.abs().sum()])
            outputs[f"out.G.eval.act.{name}.meanstdabs"] = _Output(values, scale)
            outputs[f"out.G.eval.act.{name}.first8"] = _Output(_corner(features))
        outputs |= _picture("out.G.eval", image)
        for kind, scales in zip(("fake", "real"), self.judged(image), strict=True):
            outputs |= {f"out.D.eval.{kind}{number}": _Output(maps[-1]) for number, maps in enumerate(scales)}
        return outputs

    def generator_pass(self) -> dict[str, _Output]:
        """Image, losses, gradients and what changed, after one training pass of encoder and decoder."""
        image, losses = self._generator_losses()
        outputs = {**_picture("out.G.train", image.detach()), **losses}
        for part in ("G", "E"):
            state = self.parts[part].state_dict()
            names = self.names[part].items()
            outputs |= {f"out.after_train_fwd.{part}.{old}": _Output(state[new].clone()) for old, new in names}
        return {**outputs, **self._gradients(("G", "E"), lambda: self._generator_losses()[1]["out.loss.G.total"].value)}

    def _generator_losses(self) -> tuple[Tensor, dict[str, _Output]]:
        self.begin(train=True)
        options = self.case.options
        mu, logvar = self.model.encoder(self.image, self.labels)
        image = self.model.decoder(sample_code(mu, logvar, self.noise), self.labels, self.edges, self.plain)
        fake, real = self.judged(image)
        terms = {
            "GAN": hinge_generator(fake),
            "GAN_Feat": options.get("lambda_feat", 10.0) * feature_matching(fake, real),
            "KLD": options.get("lambda_kld", 0.05) * kl_divergence(mu, logvar) * len(image),  # theirs: summed
        }
        terms = {k: v for k, v in terms.items() if f"out.loss.G.{k}" in self.case.tensors}
        score = torch.stack([maps[-1].detach().abs().mean() for maps in fake]).mean()
        sizes = {k: score if k == "GAN" else v.detach().abs() for k, v in terms.items()}
        losses = {f"out.loss.G.{k}": _Output(v[None], sizes[k]) for k, v in terms.items()}
        return image, {**losses, "out.loss.G.total": _Output(_sum(terms)[None], _sum(sizes))}

    def discriminator_pass(self) -> dict[str, _Output]:
        """The discriminator's losses and gradients; its fake is made in train mode, without gradient."""
        losses = self._discriminator_losses()
        outputs = {name: _Output(loss[None].detach()) for name, loss in losses.items()}
        return {**outputs, **self._gradients(("D",), lambda: _sum(self._discriminator_losses()))}

    def _discriminator_losses(self) -> dict[str, Tensor]:
        self.begin(train=True)
        with torch.no_grad():
            mu, logvar = self.model.encoder(self.image, self.labels)
            image = self.model.decoder(sample_code(mu, logvar, self.noise), self.labels, self.edges, self.plain)
        fake, real = self.judged(image)
        return {"out.loss.D.D_Fake": hinge_fake(fake), "out.loss.D.D_real": hinge_real(real)}

    def _gradients(self, parts: tuple[str, ...], loss: Callable[[], Tensor]) -> dict[str, _Output]:
        """Norm and sum of each parameter's gradient, float64; -1 and 0 where there is none."""
        order = {part: self.case.grad_order.get(part, []) for part in parts}
        known = {part: dict(self.parts[part].named_parameters()) for part in parts}
        for part, names in order.items():
            if lost := [name for name in names if self.names[part].get(name) not in known[part]]:
                raise CaseError(f"grad_order names parameters that {part} does not have: {', '.join(lost)}")

        def measures() -> Tensor:
            """Norm, sum, and sum of absolute values: `(P, 3)`."""
            loss().backward()
            rows = []
            for part, names in order.items():
                for name in names:
                    gradient = known[part][self.names[part][name]].grad
                    g = None if gradient is None else gradient.double()
                    rows.append([-1.0, 0.0, 0.0] if g is None else [g.norm(), g.sum(), g.abs().sum()])
            return torch.tensor(rows, dtype=torch.float64)

        lengths = [len(names) for names in order.values()]
        wanted = torch.stack([self._wanted(order, what) for what in ("norm", "sum")], 1)
        scale = torch.cat(
            [
                torch.stack([rows[:, 0].max(), rows[:, 2].max()]).expand(len(rows), 2)
                for rows in measures().split(lengths)
            ]
        )
        found, units = agree(lambda: measures()[:, :2].flatten(), wanted.flatten(), scale.flatten(), TOLERANCE)
        outputs = {}
        for part, values, sizes in zip(parts, found.view(-1, 2).split(lengths), scale.split(lengths)):
            for column, what in enumerate(("norm", "sum")):
                outputs[f"out.grad.{part}.{what}"] = _Output(values[:, column], sizes[:, column], len(units))
        return outputs

    def _wanted(self, order: dict[str, list[str]], what: str) -> Tensor:
        found = [self.case.get(f"out.grad.{part}.{what}") for part in order]
        for (part, names), values in zip(order.items(), found):
            if values.shape != (len(names),):
                raise CaseError(f"out.grad.{part}.{what} has {tuple(values.shape)}, grad_order {len(names)} names")
        return torch.cat(found)


def _corner(features: Tensor) -> Tensor:
    """Of the first image the first 8 channels, at 8 x 8 places or as many as there are."""
    down, right = (max(1, size // 8) for size in features.shape[2:])
    return features[0, :8, ::down, ::right][:, :8, :8]


def _sum(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def _picture(name: str, image: Tensor) -> dict[str, _Output]:
    x = image.double()
    sums = torch.stack([x.sum(), x.square().sum()])
    return {f"{name}.out": _Output(image), f"{name}.out_stats": _Output(sums, torch.stack([x.abs().sum(), sums[1]]))}
