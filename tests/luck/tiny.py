"""The smallest run that does all that a large one does: a step takes some 20 ms, a tick as long."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from smis.config import TrainConfig
from smis.datasets.archive import Samples, write_archive
from smis.labels import LabelSet
from smis.model import GroupDNet
from smis.presets import preset
from smis.training import Trainer

LABELS = LabelSet("two", ("ground", "disc"), ((0, 0, 0), (255, 0, 0)))
SIZE = 16
SETTINGS: dict[str, object] = {
    "model.labels": LABELS.to_dict(),
    "model.image_size": (SIZE, SIZE),
    "model.latent_size": (4, 4),
    "model.latent_dim": 2,
    "model.controllers": 2,
    "model.encoder_groups": 2,
    "model.encoder_widths": (2, 2),
    "model.decoder_widths": (4, 4, 4),
    "model.decoder_groups": (2, 2, 2, 1),
    "model.upsample": (False, True, True),
    "model.norm_hidden": (4, 4, 4),
    "model.norm_groups": ((2, 2), (2, 2), (1, 1)),
    "weights.perceptual": 0.0,
    "batch_size": 2,
    "steps": 3,
    "tick": 1,
}


def tiny(**changes: object) -> TrainConfig:
    """The run's config; `changes` as in `preset`."""
    return preset("smoke", {**SETTINGS, **changes})


def pictures(number: int = 4, seed: int = 0) -> Samples:
    """Noise: nobody looks at it."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (number, SIZE, SIZE, 3), dtype=np.uint8)
    return Samples(images, rng.integers(0, 2, (number, SIZE, SIZE), dtype=np.uint8), LABELS)


def archive(path: Path) -> Path:
    """The same pictures as a file."""
    samples = pictures()
    write_archive(path, LABELS, zip(samples.images, samples.labels, strict=True), {})
    return path


def words(data: Path, out: Path, **changes: object) -> list[str]:
    """The command line that trains it, or goes on with it where a run has begun."""
    sets = [f"{key}={json.dumps(value)}" for key, value in {**SETTINGS, **changes}.items()]
    command = ["train", "smoke", "--data", str(data), "--out", str(out), "--cpu", "--set", *sets]
    return [*command, "--resume"] if (out / "config.json").exists() else command


def quick_average() -> Callable[..., GroupDNet]:
    """Let ticks compute the averaged network's statistics from 2 batches in place of 32. Returns what was there."""
    real = Trainer.evaluated_model
    Trainer.evaluated_model = lambda self, batches=2: real(self, batches)  # type: ignore[method-assign]
    return real
