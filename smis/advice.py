"""What to do when training cannot go on: the memory is full, values are not finite, another process is gone.

Each advice names the values that the run has now, and only what `smis.runs.MAY_CHANGE` lets change on resume is advised
for a run that goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.distributed import DistError

from smis.config import TrainConfig
from smis.outside import shortened

__all__ = ["TrainingError", "advice_on_company", "advice_on_memory", "calmer"]

FULL = ("out of memory", "can't allocate memory", "not enough memory")  # how a GPU, Linux and Windows say it
LOST = ("gloo", "NCCL")  # the libraries through which processes talk to each other


class TrainingError(RuntimeError):
    """Training cannot go on; the message says why and what to change. The last saved state is intact."""


@contextmanager
def advice_on_memory(config: TrainConfig) -> Iterator[None]:
    """Out of memory, of a GPU or of the machine, becomes a `TrainingError` that says what to lower."""
    try:
        yield
    except TrainingError:
        raise
    except (MemoryError, RuntimeError) as error:
        known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
        if not known and not any(words in str(error) for words in FULL):
            raise
        height, width = config.model.image_size
        divisors = range(config.accumulate + 1, config.batch_size // 2 + 1)  # batch norm needs two images a part
        parts = next((number for number in divisors if config.batch_size % number == 0), None)
        changes = (
            [f"accumulate={parts} (now {config.accumulate}: parts of a batch, one after the other)"] if parts else []
        )
        changes += ["precision=bf16 (now fp32; on a GPU)"] if config.precision == "fp32" else []
        go_on = f" To go on from it: --resume --set {' or '.join(changes)}." if changes else ""
        sizes = (
            f"batch_size (now {config.batch_size}), model.image_size (now {height} x {width}), model.decoder_widths "
            f"(now {config.model.decoder_widths}), model.encoder_widths (now {config.model.encoder_widths}) or "
            f"discriminator_widths (now {config.discriminator_widths})"
        )
        raise TrainingError(
            f"out of memory ({shortened(error) or type(error).__name__}). What was saved is whole.{go_on} "
            f"Or start anew with smaller values of {sizes}"
        ) from error


@contextmanager
def advice_on_company(processes: int) -> Iterator[None]:
    """In a run of several processes: that another one is gone becomes a `TrainingError`."""
    try:
        yield
    except TrainingError:
        raise
    except RuntimeError as error:
        talking = isinstance(error, DistError) or any(name in str(error) for name in LOST)
        if processes == 1 or not talking:
            raise
        raise TrainingError(
            f"another of the {processes} processes of this run ended or cannot be reached ({shortened(error, 120)}). "
            "Its own message says why. What was saved is whole: start all of them again with --resume"
        ) from error


def calmer(config: TrainConfig) -> str:
    """What to change when losses or weights are not finite any more."""
    return (
        "Lower lr_generator or lr_discriminator, or clip the gradients (clip=1), and resume from the last checkpoint"
        + ("" if config.precision == "fp32" else "; or train with precision=fp32")
    )
