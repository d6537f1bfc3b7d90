"""Training (section 3.4): one generator phase and one discriminator phase per step, and nothing hidden between them.

Everything random follows from the seed and the step number, so a run that was stopped and resumed sees the same
batches, flips and noise as one that was not, and several processes see together what one would see alone.

What is not the paper's is left to Accelerate: processes, devices and number formats.
"""

from __future__ import annotations

import copy
import math
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.state import AcceleratorState
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from smis.advice import TrainingError, advice_on_memory, calmer
from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.datasets.cache import Stream
from smis.discriminator import MultiscaleDiscriminator, judge_pair, judged_mask
from smis.distributed import share_batch_statistics
from smis.files import whole_file
from smis.graphs import Replayed
from smis.layers import SpectralNorm, check_labels, init_weights
from smis.losses import feature_matching, hinge_discriminator, hinge_generator, kl_divergence
from smis.model import GroupDNet
from smis.outside import shortened
from smis.perceptual import PerceptualLoss

__all__ = ["PHASES", "Batch", "Trainer", "TrainingError", "accelerator_for"]

PHASES = ("generator", "discriminator")

Losses = dict[str, float]
# images (B, 3, H, W) in [-1, 1], labels (B, H, W), noise (B, C, D, h, w), instance edges (B, H, W) or None
Batch = tuple[Tensor, Tensor, Tensor, "Tensor | None"]


def accelerator_for(config: TrainConfig, cpu: bool = False) -> Accelerator:
    """The processes, the device and the number format of a run, as `accelerate launch` or torchrun set them up."""
    precision = {"fp32": "no"}.get(config.precision, config.precision)
    if AcceleratorState._shared_state and AcceleratorState().mixed_precision != precision:
        AcceleratorState._reset_state()  # another run in this process used another format
    # buffers need no broadcast: batch statistics are shared, and power iterations agree in every process
    plain = DistributedDataParallelKwargs(broadcast_buffers=False)
    return Accelerator(mixed_precision=precision, cpu=cpu, kwargs_handlers=[plain])


class Trainer:
    """Networks, optimisers and data of one run. `step()` is the whole algorithm.

    Args:
        config: the run.
        samples: the training data, at the network's size or larger: then windows of it are drawn at random.
        accelerator: from `accelerator_for`.

    Raises:
        ValueError: data that does not fit the network or the batch.
    """

    def __init__(self, config: TrainConfig, samples: Samples, accelerator: Accelerator | None = None) -> None:
        self.config, self.steps_done = config, 0
        self.accelerator = accelerator or accelerator_for(config)
        self.device = self.accelerator.device
        self._check(samples)
        self.stream = Stream(samples, config.batch_size, seed=config.seed, crop=config.model.image_size)

        torch.manual_seed(config.seed)
        self.model = GroupDNet(config.model)
        init_weights(self.model.decoder, config.init_gain)
        if config.model.encoder_norm == "instance":
            init_weights(self.model.encoder, config.init_gain)
        if self.model.decoder.spare is not None:
            self.model.decoder.spare.requires_grad_(False)
        mask_channels = len(config.model.labels) + config.model.instance_edges
        self.discriminator = MultiscaleDiscriminator(mask_channels, config.discriminator_widths)
        init_weights(self.discriminator, config.init_gain)
        self.perceptual = PerceptualLoss().to(self.device) if config.weights.perceptual else None
        if self.accelerator.num_processes > 1:
            share_batch_statistics(self.model)
        self.model.to(self.device)
        self.discriminator.to(self.device)
        if config.channels_last:
            for network in filter(None, (self.model.decoder, self.perceptual)):
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.model).requires_grad_(False)  # EMA of the weights
        trained = [p for p in self.model.parameters() if p.requires_grad]
        opt_g = torch.optim.Adam(trained, config.lr_generator, config.betas, fused=True)
        opt_d = torch.optim.Adam(self.discriminator.parameters(), config.lr_discriminator, config.betas, fused=True)
        # what runs: with several processes these average gradients; with torch.compile they are compiled
        ready = self.accelerator.prepare(self.model, self.discriminator, opt_g, opt_d)
        self.run_model, self.run_discriminator, self.opt_g, self.opt_d = ready
        if config.compile:
            self.run_model = torch.compile(self.run_model)
            self.run_discriminator = torch.compile(self.run_discriminator)
        alone = self.device.type == "cuda" and self.accelerator.num_processes == 1
        recorded = config.graph and alone and config.precision != "fp16"
        self.gradients: Callable[..., dict[str, Tensor]] = Replayed(self._gradients) if recorded else self._gradients

    def _check(self, samples: Samples) -> None:
        config, share = self.config, self.accelerator.num_processes * self.config.accumulate
        if samples.label_set != config.model.labels:
            raise ValueError(
                f"the data has label set {samples.label_set.name!r}, the network {config.model.labels.name!r}"
            )
        height, width = config.model.image_size
        if samples.labels.shape[1] < height or samples.labels.shape[2] < width:
            raise ValueError(f"the data is {samples.labels.shape[1:]} pixels, the network {config.model.image_size}")
        if config.model.instance_edges and samples.edges is None:
            raise ValueError("this network needs data with instance ids: it has instance_edges=True")
        if len(samples) < config.batch_size:
            raise ValueError(f"{len(samples)} samples are fewer than one batch of {config.batch_size}")
        if config.batch_size % share:
            raise ValueError(
                f"batch_size {config.batch_size} must be divisible by {self.accelerator.num_processes} processes "
                f"x {config.accumulate} parts: set batch_size to a multiple of {share}"
            )

    # -- data -----------------------------------------------------------------------------------------------------

    def batch(self, step: int) -> Batch:
        """All processes' images of a step together, flipped at random, and the noise of the latent codes."""
        drawn = self.stream.batch(step)
        check_labels(torch.from_numpy(drawn.labels), len(self.config.model.labels))
        images, labels, edges = drawn.tensors(self.device)
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + step)
        noise = torch.randn(len(images), *self.config.model.code_shape, generator=generator)
        return images, labels, noise.to(self.device), edges if self.config.model.instance_edges else None

    def _parts(self, batch: Batch) -> list[Batch]:
        """This process's share of a batch, in `accumulate` parts, on the device."""
        own = slice(self.accelerator.process_index, None, self.accelerator.num_processes)
        number = self.config.accumulate
        shares = [[None] * number if v is None else v[own].to(self.device).chunk(number) for v in batch]
        return list(zip(*shares, strict=True))

    # -- one step -------------------------------------------------------------------------------------------------

    def step(self, phases: Collection[str] = PHASES) -> Losses:
        """One generator phase and one discriminator phase on the next batch. Returns the losses.

        Both phases judge with the same discriminator, and the second one reuses the first one's fakes.

        Args:
            phases: the networks to update, "generator" (with the encoder) or "discriminator"; the other one stays
                exactly as it is. The losses of both are computed all the same.

        Raises:
            TrainingError: a loss is not finite: no weight was updated, and nothing of a network not in `phases`. Or
                the memory is full: then this trainer is of no use any more.
            ValueError: no phase, or one of another name.
        """
        if not phases or not set(phases) <= set(PHASES):
            raise ValueError(f"phases must be one or both of {', '.join(PHASES)}, got {phases!r}")
        with advice_on_memory(self.config):
            return self._step(phases)

    def _step(self, phases: Collection[str]) -> Losses:
        networks = {"generator": self.model, "discriminator": self.discriminator}
        others = [network for name, network in networks.items() if name not in phases]
        # what a pass changes without a gradient: running statistics, and the vectors of spectral norm
        kept = [(value, value.clone()) for network in others for value in network.buffers()]
        batch = self.batch(self.steps_done)
        self._set_learning_rates()
        means = self._mean(self.gradients(*batch))
        for value, before in kept:
            value.copy_(before)
        if not all(map(math.isfinite, means.values())):
            raise TrainingError(
                f"a loss is not finite at step {self.steps_done}: {means}. Nothing was updated. {calmer(self.config)}"
            )
        if self.config.clip:
            for network in (self.model, self.discriminator):
                self.accelerator.clip_grad_norm_(network.parameters(), self.config.clip)
        if "generator" in phases:
            self.opt_g.step()
            self._average()
        if "discriminator" in phases:
            self.opt_d.step()
        self.steps_done += 1
        return means

    def check_finite(self) -> None:
        """Raises `TrainingError` when a weight is not finite: such a state is of no use, and must not be saved."""
        for name in ("model", "averaged", "discriminator"):
            values = [value for value in getattr(self, name).state_dict().values() if value.is_floating_point()]
            if not torch.stack([value.isfinite().all() for value in values]).all():
                raise TrainingError(
                    f"weights are not finite after step {self.steps_done} (the network {name!r}). Nothing of it was "
                    f"saved. {calmer(self.config)}"
                )

    def _gradients(
        self, images: Tensor, labels: Tensor, noise: Tensor, edges: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Both phases up to the gradients of all networks. Returns the losses, means over the parts of the batch."""
        parts = self._parts((images, labels, noise, edges))
        losses: list[dict[str, Tensor]] = []
        fakes: list[Tensor] = []

        # Generator phase: encode, draw the codes, decode, and please the (frozen) discriminator.
        self.discriminator.requires_grad_(False)
        self.opt_g.zero_grad()
        for part, alone in self._each(self.run_model, parts):
            with alone, self.accelerator.autocast():
                fake, terms = self.generator_losses(part)
                self.accelerator.backward(torch.stack(list(terms.values())).sum() / len(parts))
            fakes.append(fake.detach())
            losses.append(terms)

        # Discriminator phase: tell these fakes from the real images.
        self.discriminator.requires_grad_(True)
        self.opt_d.zero_grad()
        for number, (part, alone) in enumerate(self._each(self.run_discriminator, parts)):
            with alone, self.accelerator.autocast():
                loss = self.discriminator_loss(part, fakes[number])
                self.accelerator.backward(loss / len(parts))
            losses[number]["discriminator"] = loss
        return {name: torch.stack([terms[name].detach().float() for terms in losses]).mean() for name in losses[0]}

    def generator_losses(self, part: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Fake images `(B, 3, H, W)` and the weighted losses of encoder and decoder."""
        weights, (images, labels, noise, edges) = self.config.weights, part
        mask = judged_mask(labels, len(self.config.model.labels), edges)
        fake, mu, logvar = self.run_model(images, labels, noise, edges)
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
        return fake, terms

    def discriminator_loss(self, part: Batch, fake: Tensor) -> Tensor:
        """The hinge loss, from one forward pass of fake and real images together."""
        images, labels, _, edges = part
        mask = judged_mask(labels, len(self.config.model.labels), edges)
        return hinge_discriminator(*judge_pair(self.run_discriminator, fake.to(images.dtype), images, mask))

    def _each(self, network: nn.Module, parts: list[Batch]) -> Iterator[tuple[Batch, AbstractContextManager[Any]]]:
        """The parts of a batch; processes exchange gradients only after the last one."""
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            yield part, nullcontext() if last else self.accelerator.no_sync(network)

    def _mean(self, losses: dict[str, Tensor]) -> Losses:
        """Means over processes: one transfer from the device."""
        mean: Tensor = self.accelerator.reduce(torch.stack(list(losses.values())), "mean")
        return dict(zip(losses, mean.tolist(), strict=True))

    def _set_learning_rates(self) -> None:
        """Constant, then linear decay to zero over the last part of the run."""
        config, progress = self.config, self.steps_done / self.config.steps
        scale = min(1.0, (1 - progress) / max(1 - config.decay_from, 1e-9))
        for optimiser, rate in ((self.opt_g, config.lr_generator), (self.opt_d, config.lr_discriminator)):
            for group in optimiser.param_groups:
                group["lr"] = rate * scale

    # -- the averaged network -------------------------------------------------------------------------------------

    @torch.no_grad()
    def _average(self) -> None:
        """theta_ema <- ema * theta_ema + (1 - ema) * theta; early on the average is short."""
        decay = min(self.config.ema, (1 + self.steps_done) / (10 + self.steps_done))
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.model.parameters()), 1 - decay)

    @torch.no_grad()
    def evaluated_model(self, batches: int = 32) -> GroupDNet:
        """The averaged network in eval mode, its batch statistics computed anew for the averaged weights."""
        model = copy.deepcopy(self.averaged).train()
        for mean, now in zip(model.modules(), self.model.modules(), strict=True):
            if isinstance(mean, ParametrizationList) and isinstance(now, ParametrizationList):
                norm, start = mean[0], now[0].state_dict()  # singular vectors of weights near by
                assert isinstance(norm, SpectralNorm)
                norm.load_state_dict(start)
                norm.settle(mean.original)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
        for step in range(batches):
            for images, labels, _, edges in self._parts(self.batch(step)):
                mu, _ = model.encoder(images, labels)
                model.decoder(mu, labels, edges)
        for norm in norms:
            norm.momentum = 0.1
        return model.eval()

    # -- state ----------------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        names = ("model", "averaged", "discriminator", "opt_g", "opt_d")
        parts = {name: getattr(self, name) for name in names}
        return parts if self.accelerator.scaler is None else {**parts, "scaler": self.accelerator.scaler}

    def save(self, path: Path) -> None:
        """All that a resumed run needs, in one file, whole or not at all. Raises OSError as writing a file does."""
        state = {name: part.state_dict() for name, part in self._state().items()}
        with whole_file(path) as part, open(part, "wb") as file:
            try:
                torch.save({"step": self.steps_done, **state}, file)
            except RuntimeError as error:  # a full disk: PyTorch hides it behind an error of its own
                raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None

    def load(self, path: Path) -> None:
        """Raises `TrainingError` when the file is damaged or belongs to another network.

        Then this trainer's state may be a mixture: load another file.
        """
        try:
            self._load(path)
        except Exception as error:  # what PyTorch raises for a damaged file has many types
            reason = shortened(error, 500) or type(error).__name__
            raise TrainingError(f"cannot resume from {path}: {reason}") from error

    def _load(self, path: Path) -> None:
        with zipfile.ZipFile(path) as stored:
            if broken := stored.testzip():  # PyTorch does not compare check sums
                raise ValueError(f"its part {broken} is damaged")
        state = torch.load(path, map_location="cpu", weights_only=True)
        step = state["step"]
        if type(step) is not int or step < 0:
            raise ValueError(f"its step is {shortened(step)}")
        for name, part in self._state().items():
            if name != "scaler" or name in state:  # a run may go on in fp16 that began in another format
                part.load_state_dict(state[name])
        self.steps_done = step
