"""`smis runs show`: the learning curves of a run, and its last samples, in one picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from smis.commands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add("runs", run, "look at a run folder")
    sub.add_argument("what", choices=["show"], help="draw its curves and its last samples to a PNG")
    sub.add_argument("folder", type=Path, metavar="DIR")
    sub.add_argument("--out", type=Path, metavar="FILE.png", help="(default: DIR/curves.png)")


def run(args: argparse.Namespace) -> int:
    """Draw curves and samples of a run folder."""
    from smis.curves import draw_run
    from smis.files import whole_file

    out = args.out or args.folder / "curves.png"
    if out.suffix.lower() != ".png":
        raise ValueError(f"the picture is written as PNG, so {str(out)!r} must end in .png")
    picture, summary = draw_run(args.folder)
    with whole_file(out) as part:
        picture.save(part, "PNG")
    print(summary)
    print(out)
    return 0
