"""`smis doctor`: what is missing on this machine; `smis doctor data FOLDER`: what is wrong with a data set."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from smis.commands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add("doctor", run, "say what is missing here; with `data FOLDER`, what is wrong with your data")
    sub.add_argument(
        "what", nargs="?", choices=["environment", "data"], default="environment", help="default: environment"
    )
    sub.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="holds images/ and labels/")
    sub.add_argument("--images", type=Path, metavar="DIR", help="the images, where they do not lie in FOLDER/images")
    sub.add_argument("--labels", type=Path, metavar="DIR", help="the label maps; both or none of these two")
    sub.add_argument("--fix", type=Path, metavar="OUT", help="write a mended copy to this new folder")
    sub.add_argument("--drop-empty", action="store_true", help="leave classes that never occur out of the copy")


def run(args: argparse.Namespace) -> int:
    """Print the report. Exit status 1 where something is wrong (and no mended copy was asked for)."""
    data_words = [args.folder, args.images, args.labels, args.fix, args.drop_empty or None]
    if args.what == "environment":
        if any(word is not None for word in data_words):
            raise ValueError("to examine data: smis doctor data FOLDER")
        from smis.environment import examine_environment, table

        facts = examine_environment()
        print(table(facts))
        return 0 if all(fact.ok for fact in facts) else 1

    from smis.datasets.doctor import examine
    from smis.datasets.mending import mend

    if (args.images is None) != (args.labels is None):
        raise ValueError("--images and --labels go together")
    if args.folder is not None and args.images is not None:
        raise ValueError("name either FOLDER or --images and --labels")
    report = examine(args.folder, images=args.images, labels=args.labels, fix=args.fix, progress=sys.stderr.isatty())
    print(report)
    if args.fix is None:
        return 1 if report.grave else 0
    mended = mend(report, args.fix, drop_empty=args.drop_empty)
    print(f"\n{args.fix}: {len(mended.kept)} mended pairs, {len(mended.label_set)} classes")
    for name, reason in mended.left_out.items():
        print(f"    left out: {name}: {reason}")
    return 0
