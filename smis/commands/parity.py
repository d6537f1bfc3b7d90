"""`smis parity`: do our networks compute what the authors' networks computed?"""

from __future__ import annotations

import argparse
from pathlib import Path

from smis.commands import Commands


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add("parity", run, "rebuild the networks of case files and compare every output with the authors'")
    sub.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a case: weights, inputs and outputs")
    sub.add_argument(
        "--tables", action="store_true", help="look gamma and beta up in the training passes too (a little less exact)"
    )


def run(args: argparse.Namespace) -> int:
    """Print the worst relative difference of every output. Status 1 if one is above the tolerance."""
    from smis.parity import TOLERANCE, compare, read_case

    differences = []
    cases = {path: read_case(path) for path in args.files}  # all of them first: a bad one is an error before any work
    for path, case in cases.items():
        results = compare(case, tables=args.tables)
        print(path)
        for result in results:
            note = f"  ({result.flipped} slopes chosen at kinks)" if result.flipped else ""
            print(f"  {result.difference:.1e}  {result.name}{note}")
        differences += [result.difference for result in results]
    print(f"worst {max(differences):.1e} of {len(differences)} outputs")
    return 0 if max(differences) <= TOLERANCE else 1
