"""A training step on a GPU: number formats, memory formats, CG-Norm's two forms and torch.compile, in one run.

    python benchmarks/gpu_step.py [--preset people-128] [--batch 16] [--steps 20] [--only fp32 bf16] [--compile]

Prints for each variant the median milliseconds of a whole step, images a second, peak memory, the floating-point
operations a second that this means, and their share of what a large matrix product reaches in the same number format.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.decoder import GroupDecoder
from smis.graphs import USUAL
from smis.labels import LabelSet
from smis.presets import preset
from smis.training import Trainer, accelerator_for


def mosaics(labels: LabelSet, number: int, size: tuple[int, int], regions: int = 12) -> Samples:
    """Noise in the cells of random points, each cell of a random class: labels with straight borders."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[: size[0], : size[1]]
    maps = np.empty((number, *size), np.uint8)
    for k in range(number):
        points = random.random((regions, 2)) * size
        nearest = ((y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2).argmin(-1)
        maps[k] = random.integers(len(labels), size=regions)[nearest]
    edges = np.zeros((number, *size), bool)
    return Samples(random.integers(0, 256, (number, *size, 3), np.uint8), maps, labels, edges)


@contextmanager
def cg_norm(form: str) -> Iterator[None]:
    """CG-Norm as convolutions of the mask, or looked up in tables."""
    masks = GroupDecoder.masks

    def chosen(decoder: GroupDecoder, ids: Tensor, plain: bool | None = None) -> object:
        return masks(decoder, ids, plain=form == "convolved")

    with mock.patch.object(GroupDecoder, "masks", chosen):
        yield


def matrix_rate(precision: str, size: int = 8192) -> float:
    """FLOP/s of a large matrix product; fp32 means TF32, as in the convolutions."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    torch.backends.cuda.matmul.allow_tf32 = True
    a, b = (torch.randn(size, size, device="cuda", dtype=dtype) for _ in range(2))
    times = []
    for _ in range(13):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        a @ b
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1000)
    return 2 * size**3 / statistics.median(times[3:])


def measure(config: TrainConfig, samples: Samples, form: str, steps: int) -> tuple[float, float, int]:
    """Seconds a step (of `steps`, after those that warm up or record), peak memory in GiB, FLOP of one step."""
    cuda = torch.cuda.is_available()
    with cg_norm(form):
        trainer = Trainer(config, samples, accelerator_for(config))
        if cuda:
            torch.cuda.reset_peak_memory_stats()
        with FlopCounterMode(display=False) as counter:
            trainer.step()
        for _ in range(USUAL + 1):
            trainer.step()
        times = []
        for _ in range(steps):
            start = time.perf_counter()
            trainer.step()  # ends with numbers on the CPU
            times.append(time.perf_counter() - start)
    memory = torch.cuda.max_memory_allocated() / 2**30 if cuda else float("nan")
    return statistics.median(times), memory, counter.get_total_flops()


def agreement(config: TrainConfig, samples: Samples, steps: int = 10) -> float:
    """Worst relative difference of all weights and losses after some steps, recorded against one by one, in fp32."""
    tf32, torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = (
        torch.backends.cudnn.allow_tf32, False, True)  # fmt: skip
    found = []
    for graph in (True, False):
        trainer = Trainer(config.replace(graph=graph, precision="fp32"), samples)
        losses = [list(trainer.step().values()) for _ in range(steps)]
        weights = [p.detach().double().cpu() for p in trainer.model.parameters()]
        found.append([torch.tensor(losses, dtype=torch.float64), *weights])
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = tf32, False
    return max(float((a - b).abs().max() / (b.abs().max() + 1e-12)) for a, b in zip(*found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="people-128")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=["fp32", "bf16", "fp16"], metavar="FORMAT")
    parser.add_argument("--forms", nargs="+", default=["convolved", "tables"])
    parser.add_argument("--compile", action="store_true", help="also the compiled networks")
    parser.add_argument("--launch", nargs="+", default=["recorded", "one-by-one"], help="of the kernels of a step")
    parser.add_argument("--autotune", action="store_true", help="let cuDNN try its algorithms first")
    options = parser.parse_args()
    torch.backends.cudnn.benchmark = options.autotune
    config = preset(options.preset, {"batch_size": options.batch})
    samples = mosaics(config.model.labels, 4 * options.batch, config.model.image_size)
    cuda = torch.cuda.is_available()
    print(f"{options.preset}, batch {options.batch}, torch {torch.__version__}, "
          f"{torch.cuda.get_device_name() if cuda else 'CPU'}, {options.steps} steps each, "
          f"cuDNN {'autotuned' if options.autotune else 'by its own choice'}", flush=True)  # fmt: skip
    if "recorded" in options.launch:
        print(f"10 steps recorded against one by one: worst difference {agreement(config, samples):.1e}", flush=True)
    print(f"{'format  channels last  CG-Norm    compiled  kernels':58s}{'ms':>8s}{'images/s':>10s}{'GiB':>7s}"
          f"{'TFLOP/s':>9s}{'of peak':>9s}")  # fmt: skip
    for precision in options.only:
        peak = matrix_rate(precision) if cuda else float("nan")
        lasts, compiles = (True, False), (False, True) if options.compile else (False,)
        for launch, last, form, compiled in product(options.launch, lasts, options.forms, compiles):
            run = config.replace(precision=precision, channels_last=last, compile=compiled, graph=launch == "recorded")
            name = f"{precision:8s}{'yes' if last else 'no':15s}{form:11s}{'yes' if compiled else 'no':10s}{launch}"
            try:
                seconds, memory, operations = measure(run, samples, form, options.steps)
            except (RuntimeError, torch.cuda.OutOfMemoryError) as error:
                print(f"{name:58s} {type(error).__name__}: {str(error).splitlines()[0][:300]}", flush=True)
                continue
            rate = operations / seconds
            print(f"{name:58s}{1000 * seconds:8.1f}{options.batch / seconds:10.0f}{memory:7.1f}"
                  f"{rate / 1e12:9.1f}{rate / peak:9.1%}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
