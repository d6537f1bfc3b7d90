"""`smis download`: what the paper's authors published, from Google Drive or from a file that you have."""

from __future__ import annotations

import argparse
from pathlib import Path

from smis.commands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add("download", run, "fetch the authors' data sample and checkpoints; without a name, list them")
    sub.add_argument("name", nargs="?", metavar="NAME", help="what to fetch; see the list")
    sub.add_argument("--out", type=Path, metavar="DIR", help="the folder to put it in")
    sub.add_argument("--from", type=Path, dest="source", metavar="FILE", help="use this file, fetch nothing")
    sub.add_argument("--restart", action="store_true", help="do not go on with an interrupted download")


def run(args: argparse.Namespace) -> int:
    """List what there is, or fetch one of it."""
    from smis.datasets.download import PUBLISHED, download, published

    if args.name is None:
        for item in PUBLISHED:
            size = "size not known" if item.size is None else f"{item.size / 1e6:,.0f} MB"
            print(f"{item.name:20} {item.what} ({size})\n{'':20} {item.page}")
        print("\nThese are the authors' files, not this project's. Fetch one: smis download NAME --out DIR")
        return 0
    item = published(args.name)
    if args.out is None:
        raise ValueError(f"name a folder for it: smis download {args.name} --out DIR")
    files = download(item, args.out, source=args.source, restart=args.restart)
    for path in files[:20]:
        print(path)
    if len(files) > 20:
        print(f"... and {len(files) - 20} more")
    return 0
