"""Training (section 3.4): one generator phase and one discriminator phase per step, and nothing hidden between them.

Everything random follows from the seed and the step number, so a run that was stopped and resumed sees the same
batches, flips and noise as one that was not.
"""

from __future__ import annotations

import copy
import json
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.discriminator import MultiscaleDiscriminator
from smis.encoder import sample_code
from smis.files import whole_file
from smis.layers import init_weights, one_hot
from smis.losses import feature_matching, hinge_discriminator, hinge_generator, kl_divergence
from smis.model import GroupDNet
from smis.perceptual import PerceptualLoss
from smis.sheets import training_sheet

__all__ = ["Trainer", "TrainingError", "TrainResult", "train"]

Losses = dict[str, float]


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to change. The last saved state is intact."""


@dataclass(frozen=True)
class TrainResult:
    """Where a run stands: steps done, whether that is all of them, and the averaged network's file."""

    step: int
    finished: bool
    model: Path


class Trainer:
    """Networks, optimisers and data of one run. `step()` is the whole algorithm."""

    def __init__(self, config: TrainConfig, samples: Samples, device: str | torch.device = "cpu") -> None:
        if samples.label_set != config.model.labels:
            raise ValueError(
                f"the data has label set {samples.label_set.name!r}, the network {config.model.labels.name!r}"
            )
        if samples.labels.shape[1:] != config.model.image_size:
            raise ValueError(f"the data is {samples.labels.shape[1:]} pixels, the network {config.model.image_size}")
        if len(samples) < config.batch_size:
            raise ValueError(f"{len(samples)} samples are fewer than one batch of {config.batch_size}")
        self.config, self.device, self.steps_done = config, torch.device(device), 0
        self.images = torch.from_numpy(samples.images).permute(0, 3, 1, 2).contiguous()  # (N, 3, H, W) uint8
        self.labels = torch.from_numpy(samples.labels)  # (N, H, W) uint8
        torch.manual_seed(config.seed)
        self.model = GroupDNet(config.model).to(self.device)
        init_weights(self.model.decoder, config.init_gain)
        if config.model.encoder_norm == "instance":
            init_weights(self.model.encoder, config.init_gain)
        _channels_last(self.model.decoder)
        self.discriminator = MultiscaleDiscriminator(len(config.model.labels), config.discriminator_widths).to(
            self.device
        )
        init_weights(self.discriminator, config.init_gain)
        self.perceptual: PerceptualLoss | None = None
        if config.weights.perceptual:
            self.perceptual = PerceptualLoss().to(self.device)
            _channels_last(self.perceptual)
        self.averaged = copy.deepcopy(self.model).requires_grad_(False)  # EMA of the weights
        self.opt_g = torch.optim.Adam(self.model.parameters(), config.lr_generator, config.betas, fused=True)
        self.opt_d = torch.optim.Adam(
            self.discriminator.parameters(), config.lr_discriminator, config.betas, fused=True
        )

    # -- data -----------------------------------------------------------------------------------------------------

    def _order(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + epoch)
        return torch.randperm(len(self.images), generator=generator)

    def batch(self, step: int) -> tuple[Tensor, Tensor, torch.Generator]:
        """Images `(B, 3, H, W)` in [-1, 1], labels `(B, H, W)`, flipped at random, and the step's random numbers."""
        size, number = self.config.batch_size, len(self.images)
        epoch, place = divmod(step, number // size)
        chosen = self._order(epoch)[place * size : (place + 1) * size]
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step + 2**40)
        flips = torch.rand(size, generator=generator) < 0.5
        images, labels = self.images[chosen].float() / 127.5 - 1, self.labels[chosen].long()
        images = torch.where(flips[:, None, None, None], images.flip(3), images)
        labels = torch.where(flips[:, None, None], labels.flip(2), labels)
        return images.to(self.device), labels.to(self.device), generator

    # -- one step -------------------------------------------------------------------------------------------------

    def step(self) -> Losses:
        """One generator phase and one discriminator phase on the next batch. Returns the losses."""
        config, weights = self.config, self.config.weights
        images, labels, generator = self.batch(self.steps_done)
        mask = one_hot(labels, len(config.model.labels))
        self._set_learning_rates()

        # Generator phase: encode, draw the codes, decode, and please the (frozen) discriminator.
        self.discriminator.requires_grad_(False)
        mu, logvar = self.model.encoder(images, labels)
        noise = torch.randn(mu.shape, generator=generator).to(self.device)
        fake = self.model.decoder(sample_code(mu, logvar, noise), labels)
        with torch.no_grad():
            judged_real = self.discriminator(images, mask)
        judged_fake = self.discriminator(fake, mask)
        terms = {
            "gan": weights.gan * hinge_generator(judged_fake),
            "feature_matching": weights.feature_matching * feature_matching(judged_fake, judged_real),
            "kl": weights.kl * kl_divergence(mu, logvar),
            "pixel": weights.pixel * F.l1_loss(fake, images),
            "coarse": weights.coarse * F.l1_loss(F.avg_pool2d(fake, 8), F.avg_pool2d(images, 8)),
        }
        if self.perceptual is not None:
            terms["perceptual"] = weights.perceptual * self.perceptual(fake, images)
        loss_g = torch.stack(list(terms.values())).sum()
        self.opt_g.zero_grad()
        loss_g.backward()

        # Discriminator phase: tell this fake from the real images. One forward pass for both.
        self.discriminator.requires_grad_(True)
        judged = self.discriminator(torch.cat([fake.detach(), images]), torch.cat([mask, mask]))
        half = len(images)
        loss_d = hinge_discriminator([[x[:half] for x in s] for s in judged], [[x[half:] for x in s] for s in judged])
        self.opt_d.zero_grad()
        loss_d.backward()

        losses = {name: term.item() for name, term in terms.items()} | {"discriminator": loss_d.item()}
        if not all(map(_finite, losses.values())):
            raise TrainingError(
                f"a loss is not finite at step {self.steps_done}: {losses}. Nothing was updated. "
                "Lower lr_generator or lr_discriminator and resume from the last checkpoint"
            )
        self.opt_g.step()
        self.opt_d.step()
        self._average()
        self.steps_done += 1
        return losses

    def _set_learning_rates(self) -> None:
        """Constant, then linear decay to zero over the last part of the run."""
        config, progress = self.config, self.steps_done / self.config.steps
        scale = min(1.0, (1 - progress) / max(1 - config.decay_from, 1e-9))
        for optimiser, rate in ((self.opt_g, config.lr_generator), (self.opt_d, config.lr_discriminator)):
            for group in optimiser.param_groups:
                group["lr"] = rate * scale

    @torch.no_grad()
    def _average(self) -> None:
        """theta_ema <- ema * theta_ema + (1 - ema) * theta; early on the average is short."""
        decay = min(self.config.ema, (1 + self.steps_done) / (10 + self.steps_done))
        for mean, value in zip(self.averaged.parameters(), self.model.parameters()):
            mean.lerp_(value, 1 - decay)

    @torch.no_grad()
    def evaluated_model(self, batches: int = 8) -> GroupDNet:
        """The averaged network in eval mode, its batch statistics computed anew for the averaged weights."""
        model = copy.deepcopy(self.averaged).train()
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
        for step in range(batches):
            images, labels, _ = self.batch(step)
            mu, _ = model.encoder(images, labels)
            model.decoder(mu, labels)
        for norm in norms:
            norm.momentum = 0.1
        return model.eval()

    # -- state ----------------------------------------------------------------------------------------------------

    def _parts(self) -> dict[str, Any]:
        names = ("model", "averaged", "discriminator", "opt_g", "opt_d")
        return {name: getattr(self, name) for name in names}

    def save(self, path: Path) -> None:
        """All that a resumed run needs, in one file, whole or not at all."""
        state = {name: part.state_dict() for name, part in self._parts().items()}
        with whole_file(path) as part:
            torch.save({"step": self.steps_done, **state}, part)

    def load(self, path: Path) -> None:
        """Raises `TrainingError` when the file is damaged or belongs to another network."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
            self.steps_done = int(state["step"])
        except (RuntimeError, KeyError, ValueError, EOFError, OSError, TypeError) as error:
            raise TrainingError(
                f"cannot resume from {path}: {error}. Remove it to go on from the one before"
            ) from error


def _channels_last(network: nn.Module) -> None:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _finite(value: float) -> bool:
    return value == value and abs(value) != float("inf")


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM ask for a stop after the current step; a second Ctrl-C stops at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, _: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environment() -> dict[str, Any]:
    return {"torch": torch.__version__, "python": platform.python_version(), "threads": torch.get_num_threads()}


def _open_run(config: TrainConfig, out: Path, resume: bool) -> list[Path]:
    """Make or check the run folder; returns its checkpoints, newest first."""
    described = out / "config.json"
    if described.exists() and not resume:
        raise TrainingError(f"{out} already holds a run: go on with it by --resume, or choose another folder by --out")
    if resume and not described.exists():
        raise TrainingError(f"{out} holds no run to resume: start one without --resume")
    if resume:
        before, now = json.loads(described.read_text(encoding="utf-8")), json.loads(json.dumps(config.to_dict()))
        differ = [k for k in now if k not in ("steps", "decay_from", "tick") and before.get(k) != now[k]]
        if differ:
            raise TrainingError(
                f"{out} holds a run with another {', '.join(differ)}: "
                "only steps, decay_from and tick may change on resume"
            )
    for folder in ("checkpoints", "samples"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    with whole_file(described) as part:
        part.write_text(json.dumps(config.to_dict(), indent=1), encoding="utf-8")
    return sorted((out / "checkpoints").glob("step-*.pt"), reverse=True)


def train(
    config: TrainConfig,
    out: str | os.PathLike[str],
    samples: Samples,
    shown: Samples,
    *,
    resume: bool = False,
    hours: float | None = None,
    device: str | torch.device = "cpu",
    should_stop: Callable[[], bool] = lambda: False,
    on_tick: Callable[[dict[str, Any]], None] = lambda _: None,
    progress: bool = True,
) -> TrainResult:
    """Train, with a run folder that holds everything: `config.json`, `stats.jsonl`, `samples/`, `checkpoints/`, and
    `model.safetensors`, the averaged network.

    Args:
        samples: the training data, at the network's size.
        shown: at least 2 images whose reconstructions, swaps and samples are drawn at every tick.
        resume: go on with the run in `out`. Only `steps`, `decay_from` and `tick` may differ from its config.
        hours: stop (with everything saved) after so many hours.
        should_stop: asked after every step.
        on_tick: called with each line of `stats.jsonl`.

    Raises:
        TrainingError: the folder holds another run, a loss is not finite, or a checkpoint is damaged.
    """
    folder = Path(out)
    saved = _open_run(config, folder, resume)
    trainer = Trainer(config, samples, device)
    if saved:
        trainer.load(saved[0])
    started, sums, count = time.monotonic(), dict[str, float](), 0

    def tick() -> None:
        nonlocal sums, count
        model = trainer.evaluated_model()
        seconds = time.monotonic() - started
        line = {
            "step": trainer.steps_done,
            "seconds": round(seconds, 1),
            **{k: round(v / count, 5) for k, v in sums.items()},
        }
        with open(folder / "stats.jsonl", "a", encoding="utf-8") as stats:
            stats.write(json.dumps(line) + "\n")
        training_sheet(model, shown).save(folder / "samples" / f"step-{trainer.steps_done:06d}.png")
        trainer.save(folder / "checkpoints" / f"step-{trainer.steps_done:06d}.pt")
        for old in sorted((folder / "checkpoints").glob("step-*.pt"))[:-2]:
            old.unlink()
        model.save(
            folder / "model.safetensors", {"step": trainer.steps_done, "config": config.to_dict(), **_environment()}
        )
        sums, count = {}, 0
        on_tick(line)

    bar = tqdm(total=config.steps, initial=trainer.steps_done, disable=not progress, unit="step", dynamic_ncols=True)
    with bar, _stop_on_signal() as asked:
        while trainer.steps_done < config.steps:
            losses = trainer.step()
            sums = {k: sums.get(k, 0.0) + v for k, v in losses.items()}
            count += 1
            bar.update()
            bar.set_postfix({k[:4]: f"{v:.2f}" for k, v in losses.items()}, refresh=False)
            late = hours is not None and time.monotonic() - started > hours * 3600
            if asked.is_set() or late or should_stop():
                break
            if trainer.steps_done % config.tick == 0 and trainer.steps_done < config.steps:
                tick()
        if count or not (folder / "model.safetensors").exists():
            count = max(count, 1)
            tick()
    return TrainResult(trainer.steps_done, trainer.steps_done >= config.steps, folder / "model.safetensors")
