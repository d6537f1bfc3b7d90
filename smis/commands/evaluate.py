"""`smis evaluate`: how well a checkpoint reconstructs, what each class's code controls, and how varied images are."""

from __future__ import annotations

import argparse
from pathlib import Path

from smis.commands import Commands
from smis.commands.arguments import count, seed


def add(commands: Commands) -> None:
    """Declare the command."""
    text = "measure reconstruction, control and diversity on images not seen in training"
    sub = commands.add("evaluate", run, text)
    sub.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a .safetensors file")
    sub.add_argument("--data", type=Path, metavar="ARCHIVE", help="another archive (.zip) than the test split")
    sub.add_argument("--limit", type=count, metavar="N", help="only the first N images and scenes")
    sub.add_argument("--pairs", type=count, default=50, metavar="N", help="swaps for each class at most (default: 50)")
    sub.add_argument("--segmenter", type=Path, metavar="FILE", help="from `smis segment`; default: found by its name")
    sub.add_argument(
        "--inception", type=Path, metavar="FILE", help="weights for FID and KID: smis/metrics/inception.py"
    )
    sub.add_argument(
        "--lpips",
        type=Path,
        nargs=2,
        metavar=("ALEXNET", "FITTED"),
        help="weights that make LPIPS the perceptual distance: smis/metrics/lpips.py",
    )
    sub.add_argument("--seed", type=seed, default=0, help="default: 0")
    sub.add_argument("--json", type=Path, metavar="FILE", help="also write all numbers there")


def run(args: argparse.Namespace) -> int:
    """Print the report; write it as JSON if asked."""
    import json
    import sys

    import torch

    from smis.files import file_sha256, whole_file
    from smis.metrics import evaluate_with_all
    from smis.model import GroupDNet

    device = "cuda" if torch.cuda.is_available() else "cpu"
    report = evaluate_with_all(
        GroupDNet.load(args.checkpoint, device),
        data=args.data,
        limit=args.limit,
        segmenter=args.segmenter,
        inception=args.inception,
        lpips=None if args.lpips is None else (args.lpips[0], args.lpips[1]),
        beside=args.checkpoint.parent,
        pairs=args.pairs,
        seed=args.seed,
        progress=lambda what: print(f"... {what}", file=sys.stderr, flush=True),
    )
    print(f"{args.checkpoint}\n\n{report}")
    if args.json is not None:
        origin = {
            "checkpoint": args.checkpoint.name,
            "sha256": file_sha256(args.checkpoint),
            "torch": torch.__version__,
            "device": device,
        }
        with whole_file(args.json) as part:
            part.write_text(json.dumps({**origin, **report.to_dict()}, indent=1) + "\n", encoding="utf-8")
    return 0
