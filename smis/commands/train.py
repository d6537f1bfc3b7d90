"""`smis train`: train a preset in a run folder, or go on with the run that is there."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from smis.commands import STOPPED, Commands
from smis.commands.arguments import hours, open_archive, print_values, setting

if TYPE_CHECKING:
    from smis.config import TrainConfig
    from smis.datasets.archive import Archive


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
    sub.add_argument("--data", type=Path, metavar="ARCHIVE", help="train on this archive (.zip) instead")
    sub.add_argument("--hours", type=hours, help="stop after so many hours, with everything saved")
    sub.add_argument("--dry-run", action="store_true", help="print values and expected time; write nothing")


def run(args: argparse.Namespace) -> int:
    """Train a preset in a run folder, or go on with the run that is there."""
    import torch

    from smis.config import TrainConfig
    from smis.presets import preset
    from smis.training import train

    out = args.out or Path("runs") / args.preset
    settings = dict(args.set)
    if args.data is not None:
        settings["data"] = str(args.data)
    stored = out / "config.json"
    if args.resume and stored.is_file():  # the run's own values, not the preset's
        config = TrainConfig.from_dict(json.loads(stored.read_text(encoding="utf-8"))).replace(**settings)
    else:
        config = preset(args.preset, settings)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    archive, size = open_archive(config.data, "train"), config.model.image_size[0]
    if args.dry_run:
        _rehearse(config, archive, device)
        return 0
    print(f"reading {len(archive)} images from {archive.path}", flush=True)
    samples = archive.load(size)
    others = open_archive(config.data, "val")
    shown = others.load(size, range(min(8, len(others))))
    start = time.monotonic()
    result = train(config, out, samples, shown, resume=args.resume, hours=args.hours, device=device)
    print(f"{result.step} of {config.steps} steps done; the network is in {result.model}")
    if result.finished:
        return 0
    print(f"to go on: smis train {args.preset} --out {out} --resume")
    out_of_time = args.hours is not None and time.monotonic() - start >= args.hours * 3600
    return 0 if out_of_time else STOPPED


def _rehearse(config: TrainConfig, archive: Archive, device: str) -> None:
    """Print the config and the time that it would take, after two steps that leave nothing behind."""
    from smis.training import Trainer

    print_values(config.to_dict())
    samples = archive.load(config.model.image_size[0], range(min(config.batch_size, len(archive))))
    trainer = Trainer(config, samples, device)
    trainer.step()  # the first one is slower
    start = time.monotonic()
    trainer.step()
    seconds = time.monotonic() - start
    parts = {"encoder": trainer.model.encoder, "decoder": trainer.model.decoder}
    for name, part in {**parts, "discriminator": trainer.discriminator}.items():
        print(f"{name}: {sum(value.numel() for value in part.parameters()):,} parameters")
    print(f"{archive.path}: {len(archive)} images")
    hours = seconds * config.steps / 3600
    print(f"{seconds:.2f} s a step on {device}: {config.steps} steps take {hours:.2g} h")
