"""`smis convert`: the authors' published weights as one file of ours."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from smis.commands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add("convert", run, "turn the authors' published .pth files into one safetensors file of ours")
    sub.add_argument("dataset", choices=["deepfashion", "cityscapes", "ade20k"])
    sub.add_argument("--generator", type=Path, required=True, metavar="G.pth")
    sub.add_argument("--encoder", type=Path, required=True, metavar="E.pth")
    sub.add_argument("--discriminator", type=Path, metavar="D.pth", help="also check it and write it beside --out")
    sub.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    sub.add_argument("--half", action="store_true", help="weights in half precision: half the size, not exact")


def run(args: argparse.Namespace) -> int:
    """Read, check, convert, write. A file that does not fit gets a table of what differs, and nothing is written."""
    if args.out.suffix != ".safetensors":
        raise ValueError(f"--out must end in .safetensors, got {str(args.out)!r}")

    from smis import official

    files = {"generator": args.generator, "encoder": args.encoder, "discriminator": args.discriminator}
    files = {part: path for part, path in files.items() if path is not None}
    states = {part: official.read_pth(path) for part, path in files.items()}
    config = official.network_config(args.dataset)
    try:
        model = official.convert(config, states["generator"], states["encoder"])
        judge = official.convert_discriminator(config, states["discriminator"]) if args.discriminator else None
    except official.Mismatch as error:
        print(error.table, file=sys.stderr)
        raise
    origin = official.provenance(args.dataset, files)
    model.save(args.out, origin, half=args.half)
    print(f"{args.out}: {sum(p.numel() for p in model.parameters()):,} parameters. {official.LICENCE}.")
    if judge is not None:
        beside = args.out.with_name(f"{args.out.stem}-discriminator.safetensors")
        official.save_discriminator(judge, beside, origin)
        print(f"{beside}: {sum(p.numel() for p in judge.parameters()):,} parameters")
    return 0
