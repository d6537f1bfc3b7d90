"""`smis evaluate`: how well a checkpoint reconstructs, and what each class's code controls."""

from __future__ import annotations

import argparse
from pathlib import Path

from smis.commands import Commands
from smis.commands.arguments import count


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add("evaluate", run, "measure reconstruction and control on images not seen in training")
    sub.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a .safetensors file")
    sub.add_argument("--data", type=Path, metavar="ARCHIVE", help="another archive (.zip) than the test split")
    sub.add_argument("--limit", type=count, metavar="N", help="only the first N images")


def run(args: argparse.Namespace) -> int:
    """Print how well a checkpoint reconstructs, and what each class's code controls, on images it has not seen."""
    import torch

    from smis.datasets.archive import open_archive
    from smis.metrics import evaluate
    from smis.model import GroupDNet

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = GroupDNet.load(args.checkpoint, device)
    config = model.config
    archive = open_archive(config.labels.name if args.data is None else str(args.data), "test")
    if archive.label_set != config.labels:
        raise ValueError(
            f"{archive.path} has the label set {archive.label_set.name!r} with {len(archive.label_set)} classes, "
            f"{args.checkpoint} was trained for {config.labels.name!r} with {len(config.labels)}"
        )
    number = len(archive) if args.limit is None else min(args.limit, len(archive))
    print(f"{args.checkpoint} on {archive.path}")
    print(evaluate(model, archive.load(config.image_size[0], range(number))))
    return 0
