"""What a training run will cost, before its first step: parameters, multiply-adds, memory of activations, time."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.graphs import USUAL, Replayed
from smis.summary import summarise
from smis.training import Trainer

__all__ = ["Budget", "budget"]


@dataclass(frozen=True)
class Budget:
    """The cost of a run on the device at hand.

    Attributes:
        parameters: of each network.
        multiply_adds: of one image's forward pass through all networks, as the paper computes it (`smis.summary`).
        activations: bytes that the generator phase keeps for its backward pass, in one process.
        step_seconds: of one step.
        steps: of the run.
        epoch_steps: of one epoch.
        device: what it was measured on.
    """

    parameters: dict[str, int]
    multiply_adds: int
    activations: int
    step_seconds: float
    steps: int
    epoch_steps: int
    device: str

    def __str__(self) -> str:
        lines = [f"{name}: {count:,} parameters" for name, count in self.parameters.items()]
        lines.append(f"multiply-adds: {self.multiply_adds / 1e6:,.0f} million an image, forward")
        lines.append(f"activations kept for the backward pass: {self.activations / 2**20:,.0f} MiB a process")
        epoch, whole = self.step_seconds * self.epoch_steps, self.step_seconds * self.steps
        lines.append(
            f"{self.step_seconds:.2f} s a step on {self.device}: an epoch of {self.epoch_steps} steps takes "
            f"{_duration(epoch)}, the run of {self.steps} steps {_duration(whole)}"
        )
        return "\n".join(lines)


def budget(config: TrainConfig, samples: Samples, accelerator: Accelerator) -> Budget:
    """Measure a step of a run after those that warm up or record; the networks of the rehearsal are thrown away."""
    trainer = Trainer(config, samples, accelerator)
    for _ in range(USUAL + 1 if isinstance(trainer.gradients, Replayed) else 1):
        trainer.step()
    start = time.monotonic()
    trainer.step()
    seconds = time.monotonic() - start  # step() ends with numbers on the CPU: nothing is still running
    kept = _kept_bytes(trainer)  # last: a pass without its backward pass would spoil a recording
    layers = summarise(config.model, config.discriminator_widths)
    networks: dict[str, nn.Module] = {"encoder": trainer.model.encoder, "decoder": trainer.model.decoder}
    networks["discriminator"] = trainer.discriminator
    return Budget(
        {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()},
        sum(layer.multiply_adds for layer in layers),
        kept,
        seconds,
        config.steps,
        max(1, len(samples) // config.batch_size),
        str(trainer.device),
    )


def _kept_bytes(trainer: Trainer) -> int:
    """Bytes of the distinct tensors that autograd keeps during one generator phase, weights apart."""
    weights = {p.untyped_storage().data_ptr() for m in (trainer.model, trainer.discriminator) for p in m.parameters()}
    kept: dict[int, int] = {}

    def pack(value: Tensor) -> Tensor:
        storage = value.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return value

    part = trainer._parts(trainer.batch(0))[0]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value), trainer.accelerator.autocast():
        _fake, terms = trainer.generator_losses(part)
        del terms
    return sum(kept.values())


def _duration(seconds: float) -> str:
    """
    >>> _duration(20), _duration(1800), _duration(1e5)
    ('20 s', '30 min', '27.8 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
