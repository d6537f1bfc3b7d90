"""`smis info`: a preset, or a checkpoint's config and origin, as lines `key = value`."""

from __future__ import annotations

import argparse
from pathlib import Path

from smis.commands import Commands
from smis.commands.arguments import print_values


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add("info", run, "print the config of a preset, or the config and origin of a checkpoint")
    sub.add_argument("what", metavar="PRESET_OR_CHECKPOINT")


def run(args: argparse.Namespace) -> int:
    """Print a preset, or a checkpoint's config and origin, as lines `key = value`."""
    if Path(args.what).is_file() or args.what.endswith(".safetensors"):
        from smis.model import GroupDNet

        config, provenance = GroupDNet.read_header(args.what)
        print_values({"model": config.to_dict(), "provenance": provenance})
    else:
        from smis.presets import preset

        print_values(preset(args.what).to_dict())
    return 0
