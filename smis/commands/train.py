"""`smis train`: train a preset in a run folder, or go on with the run that is there.

On several GPUs or machines start it as `accelerate launch -m smis.cli train PRESET` or
`torchrun --nproc-per-node 4 -m smis.cli train PRESET`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smis.commands import STOPPED, Commands
from smis.commands.arguments import hours, print_values, setting


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add("train", run, "train a network; Ctrl-C saves, --resume goes on")
    sub.add_argument("preset", metavar="PRESET", help="such as people-64; see `smis info PRESET`")
    sub.add_argument("--out", type=Path, metavar="DIR", help="the run's folder (default: runs/PRESET)")
    sub.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    sub.add_argument(
        "--set",
        type=setting,
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="other values than the preset's, such as weights.kl=0.01 batch_size=8",
    )
    sub.add_argument("--data", metavar="DATA", help="an archive, a folder or cityscapes:FOLDER; see docs/your-data.md")
    sub.add_argument("--hours", type=hours, help="stop after so many hours, with everything saved")
    sub.add_argument("--cpu", action="store_true", help="do not use a GPU")
    sub.add_argument("--tensorboard", action="store_true", help="also write curves for TensorBoard into the run folder")
    sub.add_argument("--dry-run", action="store_true", help="print values and what the run will cost; write nothing")


def run(args: argparse.Namespace) -> int:
    """Train a preset in a run folder, or go on with the run that is there."""
    from smis.advice import advice_on_memory
    from smis.budget import budget
    from smis.config import TrainConfig
    from smis.datasets.cache import cached
    from smis.datasets.sources import open_source
    from smis.outside import read_json
    from smis.presets import preset
    from smis.runs import train
    from smis.training import accelerator_for

    out = args.out or Path("runs") / args.preset
    settings = dict(args.set)
    if args.data is not None:
        settings["data"] = args.data
    stored = out / "config.json"
    if args.resume and stored.is_file():  # the run's own values, not the preset's
        config = TrainConfig.from_dict(read_json(stored)).replace(**settings)
    else:
        config = preset(args.preset, settings)

    accelerator = accelerator_for(config, cpu=args.cpu)
    size = config.model.image_size
    if args.dry_run:
        print_values(config.to_dict())
    samples = cached(open_source(config.data, "train", size), size, progress=accelerator.is_local_main_process)
    accelerator.print(f"{len(samples)} images in {config.data}", flush=True)
    with advice_on_memory(config):
        accelerator.print(budget(config, samples, accelerator), flush=True)
    if args.dry_run:
        return 0
    shown = cached(open_source(config.data, "val", size), size).first(8)
    start = time.monotonic()
    result = train(
        config,
        out,
        samples,
        shown,
        resume=args.resume,
        hours=args.hours,
        accelerator=accelerator,
        on_tick=_tensorboard(out) if args.tensorboard else lambda _: None,
    )
    accelerator.print(f"{result.step} of {config.steps} steps done; the network is in {result.model}")
    if result.finished:
        return 0
    accelerator.print(f"to go on: smis train {args.preset} --out {out} --resume")
    out_of_time = args.hours is not None and time.monotonic() - start >= args.hours * 3600
    return 0 if out_of_time else STOPPED


def _tensorboard(out: Path) -> Callable[[dict[str, Any]], None]:
    """Something that writes each tick's losses for TensorBoard."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:
        raise ValueError("--tensorboard needs the package tensorboard: pip install tensorboard") from None
    writer = SummaryWriter(str(out / "tensorboard"))

    def write(line: dict[str, Any]) -> None:
        for name, value in line.items():
            if name not in ("step", "seconds"):
                writer.add_scalar(name, value, int(line["step"]))
        writer.flush()

    return write
