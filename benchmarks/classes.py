"""How the cost of training grows with the number of classes: GroupDNet against MulNet, one network a class.

    python benchmarks/classes.py [--classes 8 16 35 70 151] [--batch 4] [--steps 10] [--json FILE]
    python benchmarks/classes.py --plot      of results/classes-cpu.json, to results/classes.webp

Both are `people-64` with other numbers. MulNet has a small whole decoder for every class, as large as each of
`people-64-mulnet`'s. GroupDNet has as many channels a class in its first two blocks; from there on its groups fall and
its widths are those of `people-64`, whatever the number of classes. The encoders are equal. Every step is a whole
training step: encoder, decoder, discriminator, perceptual loss. Memory is the peak of a run: of the GPU's allocator, or
on a CPU of a process of its own, less what it held before.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from gpu_step import mosaics

from smis.config import TrainConfig
from smis.presets import numbered, preset
from smis.summary import summarise
from smis.training import Trainer, TrainingError, accelerator_for


def networks(classes: int, batch: int) -> dict[str, TrainConfig]:
    """The two rivals for a number of classes."""
    labels = numbered("mosaic", classes)
    both = {
        "model.labels": labels.to_dict(),
        "model.controllers": classes,
        "model.encoder_groups": classes,
        "batch_size": batch,
    }
    falling = {
        "model.decoder_widths": (32 * classes, 16 * classes, 64, 32, 16),
        "model.decoder_groups": (classes, classes, classes, 4, 2, 1),
        "model.norm_hidden": (4 * classes, 4 * classes, 32, 32, 32),
        "model.norm_groups": ((classes, classes), (classes, classes), (1, 4), (1, 2), (1, 1)),
    }
    constant = {
        "model.decoder_widths": tuple(classes * width for width in (30, 15, 7, 3, 2)),
        "model.decoder_groups": (classes,) * 6,
        "model.norm_hidden": (8 * classes,) * 5,
        "model.norm_groups": ((1, classes),) * 5,
        "model.fused": True,
    }
    start = preset("people-64")
    return {"GroupDNet": start.replace(**both, **falling), "MulNet": start.replace(**both, **constant)}


def resident() -> float:
    """MiB of memory that this process held at most, so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def alone(config: TrainConfig, steps: int) -> dict[str, float]:
    """`measure` in a process of its own: its peak of memory is nobody else's."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, (config, steps))


def measure(config: TrainConfig, steps: int) -> dict[str, float]:
    """Seconds and memory of a training step, seconds of drawing a batch, parameters and multiply-adds."""
    cuda = torch.cuda.is_available()
    before = resident()
    trainer = Trainer(config, mosaics(config.model.labels, 2 * config.batch_size, config.model.image_size),
                      accelerator_for(config))  # fmt: skip
    if cuda:
        torch.cuda.reset_peak_memory_stats()

    def clock() -> float:
        if cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def median(work: object) -> float:
        times = []
        for number in range(steps + 2):
            start = clock()
            work()  # type: ignore[operator]
            if number >= 2:
                times.append(clock() - start)
        return statistics.median(times)

    step = median(trainer.step)
    memory = torch.cuda.max_memory_allocated() / 2**20 if cuda else resident() - before
    model, labels = trainer.model.eval(), trainer.batch(0)[1]
    codes = model.sample(config.batch_size)
    with torch.no_grad():
        draw = median(lambda: model.decode(codes, labels))
    layers = summarise(config.model)
    return {
        "step_ms": 1000 * step,
        "draw_ms": 1000 * draw,
        "memory_mib": memory,
        "parameters": sum(layer.parameters for layer in layers),
        "multiply_adds": sum(layer.multiply_adds for layer in layers),
    }


def plot(stored: dict[str, Any], target: Path) -> None:
    """Time and memory of a training step over the number of classes."""
    from PIL import Image

    from smis_widgets.plots import axes

    figure, both = axes(1, 2, (9, 3.2))
    for axis, key, unit in zip(both, ("step_ms", "memory_mib"), (1000, 1024)):
        for name, marker in (("GroupDNet", "o"), ("MulNet", "s")):
            rows = [row for row in stored["rows"] if row["network"] == name]
            x, y = [row["classes"] for row in rows], [row[key] / unit for row in rows]
            (line,) = axis.plot(x, y, marker=marker, linewidth=2)
            axis.annotate(name, (x[-1], y[-1]), (6, 0), textcoords="offset points", va="center",
                          color=line.get_color(), annotation_clip=False)  # fmt: skip
        axis.set(xlabel="classes", xticks=x, ylim=(0, None))
        axis.grid(axis="y")
    both[0].set_title("seconds of a training step")
    both[1].set_title("GiB of memory for it")
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=200, transparent=True)
    Image.open(data).save(target, lossless=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, nargs="+", default=[8, 16, 35, 70, 151])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there, too")
    parser.add_argument("--plot", action="store_true", help="draw the stored numbers, measure nothing")
    options = parser.parse_args()
    if options.plot:
        results = Path(__file__).parent / "results"
        plot(json.loads((results / "classes-cpu.json").read_text(encoding="utf-8")), results / "classes.webp")
        return
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
    print(f"{device}, torch {torch.__version__}, batch {options.batch}, median of {options.steps}", flush=True)
    heads = f"{'step ms':>9s}{'draw ms':>9s}{'MiB':>8s}{'parameters':>13s}{'M mult-adds':>13s}"
    print(f"{'classes':>7s}  {'network':10s}{heads}")
    rows = []
    for classes in options.classes:
        for name, config in networks(classes, options.batch).items():
            try:
                row = (measure if torch.cuda.is_available() else alone)(config, options.steps)
            except (RuntimeError, TrainingError) as error:
                print(f"{classes:7d}  {name:10s}{str(error).splitlines()[0][:90]}", flush=True)
                continue
            rows.append({"classes": classes, "network": name, **row})
            print(f"{classes:7d}  {name:10s}{row['step_ms']:9.1f}{row['draw_ms']:9.1f}{row['memory_mib']:8.0f}"
                  f"{row['parameters']:13,.0f}{row['multiply_adds'] / 1e6:13,.0f}", flush=True)  # fmt: skip
    if options.json:
        from compare import environment

        about = {"device": device, "torch": torch.__version__, "batch": options.batch, "steps": options.steps}
        about["environment"] = environment()
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
