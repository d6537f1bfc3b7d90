"""A training step of a small network: the plain form against ours, in one run, with the parts.

    python benchmarks/training_step.py [--preset people-128] [--batch 4] [--repeat 3] [--perceptual]

Plain: CG-Norm by convolutions of the mask, classes cut out the obvious way. Ours: neighbourhood tables with their own
gradient, classes cropped first. Both compute the same numbers. Without the perceptual loss, whose VGG19 is the same in
both, unless asked for. With one thread the clock is the process's own CPU time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from preprocessing import obvious_split
from torch import Tensor

from smis.datasets.archive import Archive, Samples
from smis.datasets.paths import data_file
from smis.decoder import GroupDecoder
from smis.layers import one_hot
from smis.presets import preset
from smis.training import Trainer


@contextmanager
def plain_form(on: bool) -> Iterator[None]:
    """CG-Norm and preprocessing in their plain form."""
    masks = GroupDecoder.masks

    def convolved(decoder: GroupDecoder, ids: Tensor, plain: bool = False) -> object:
        return masks(decoder, ids, plain=True)

    def split(images: Tensor, labels: Tensor, *_: object) -> Tensor:
        return obvious_split(images, labels, 8)

    if not on:
        yield
        return
    with mock.patch.object(GroupDecoder, "masks", convolved), mock.patch("smis.encoder.split_by_class", split):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="people-128")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--perceptual", action="store_true")
    options = parser.parse_args()
    changes: dict[str, object] = {"batch_size": options.batch}
    if not options.perceptual:
        changes["weights.perceptual"] = 0.0
    config = preset(options.preset, changes)
    samples: Samples = Archive(data_file("people-train.zip")).load(config.model.image_size[0], range(2 * options.batch))
    trainers = {True: Trainer(config, samples), False: Trainer(config, samples)}
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    times: dict[str, dict[bool, list[float]]] = {}
    losses: dict[bool, dict[str, float]] = {}

    def timed(name: str, plain: bool, start: float) -> None:
        times.setdefault(name, {True: [], False: []})[plain].append(clock() - start)

    for number in range(options.repeat + 1):
        for plain, trainer in trainers.items():
            with plain_form(plain):
                start = clock()
                now = trainer.step()
                if number:
                    timed("whole step", plain, start)
                else:
                    losses[plain] = now
                    continue
                parts(trainer, lambda name, start, plain=plain: timed(name, plain, start), clock)

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{options.preset}, {config.model.image_size[0]} px, batch {options.batch}, {torch.get_num_threads()} threads, "
        f"load {load:.1f}, {options.repeat} rounds; worst relative difference of the first losses "
        f"{max(abs(losses[True][k] - losses[False][k]) / (abs(losses[True][k]) + 1e-9) for k in losses[True]):.1e}"
    )
    print(f"{'milliseconds':42s}{'plain':>10s}{'ours':>10s}{'ratio':>8s}")
    for name, both in times.items():
        plain_time, ours = (1000 * statistics.median(both[key]) for key in (True, False))
        print(f"{name:42s}{plain_time:10.1f}{ours:10.1f}{plain_time / ours:7.2f}x")


def parts(trainer: Trainer, timed: Callable[[str, float], None], clock: Callable[[], float]) -> None:
    """Encoder, decoder and discriminator alone, each forward and backward."""
    model, discriminator = trainer.model, trainer.discriminator
    images, labels = trainer.batch(0)[:2]
    start = clock()
    mu, _ = model.encoder(images, labels)
    mu.sum().backward()
    timed("encoder with its preprocessing", start)
    start = clock()
    masks = model.decoder.masks(labels)
    timed("decoder: preparing the masks", start)
    codes = mu.detach().requires_grad_()
    start = clock()
    fake = model.decoder.draw(codes, masks)
    timed("decoder: forward", start)
    start = clock()
    fake.sum().backward()
    timed("decoder: backward", start)
    fake, mask = fake.detach().requires_grad_(), one_hot(labels, len(trainer.config.model.labels))
    start = clock()
    for number in range(2):  # once for each phase
        discriminator.requires_grad_(bool(number))
        judged = discriminator(torch.cat([fake, images]), torch.cat([mask, mask]))
        torch.stack([x[-1].mean() for x in judged]).sum().backward()
    timed("discriminator, both phases", start)


if __name__ == "__main__":
    main()
