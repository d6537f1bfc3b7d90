"""`smis info`: a preset, or a checkpoint's config and origin, as lines `key = value`, then its layers as a table."""

from __future__ import annotations

import argparse
from pathlib import Path

from smis.commands import Commands
from smis.commands.arguments import print_values


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add(
        "info", run, "print the config and the layers of a preset or a checkpoint, and a checkpoint's origin"
    )
    sub.add_argument("what", metavar="PRESET_OR_CHECKPOINT")


def run(args: argparse.Namespace) -> int:
    """Print a preset, or a checkpoint's config and origin, as lines `key = value`, then the layers and totals."""
    from smis.summary import summarise, table

    if Path(args.what).is_file() or args.what.endswith(".safetensors"):
        from smis.model import GroupDNet

        config, provenance = GroupDNet.read_header(args.what)
        print_values({"model": config.to_dict(), "provenance": provenance})
        layers = summarise(config)
    else:
        from smis.presets import preset

        chosen = preset(args.what)
        print_values(chosen.to_dict())
        layers = summarise(chosen.model, chosen.discriminator_widths)
    print(f"\n{table(layers)}")
    return 0
