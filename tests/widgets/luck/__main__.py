"""The long run: `python -m tests.widgets.luck --events 10000` gives every widget so many random events, then errors in
all functions and interrupts at random lines, and writes the table into tests/README.md. Exit status 1 at a fault."""

from __future__ import annotations

import argparse
import multiprocessing
import sys

from tests import section
from tests.widgets.luck.toys import WIDGETS
from tests.widgets.luck.trials import Result, all_three

SHOWN = 5  # faults of one widget that are printed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000, help="random events a widget")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="widgets at the same time, each in a process of its own")
    parser.add_argument("--only", default="", help="widgets whose name contains this: only their rows are written anew")
    args = parser.parse_args()
    names = [name for name in WIDGETS if args.only.lower() in name.lower()]
    results = []
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(args.jobs, maxtasksperchild=1) as pool:
        for result in pool.imap(all_three, [(name, args.events, args.seed) for name in names]):
            print(table([result])[-1], flush=True)
            print(*(f"  {fault[:500]}" for fault in result.faults[:SHOWN]), sep="\n", flush=True)
            results.append(result)
    lines = table(results)
    print("\n".join(lines))
    (section.update if args.only else section.write)("notebook", lines)
    return 1 if any(result.faults for result in results) else 0


def table(results: list[Result]) -> list[str]:
    """Markdown: a line a widget."""
    lines = [
        "| widget | events | kinds of events | refused with words | errors shown or raised | functions with an error | "
        "interrupts at a line | faults | threads | widgets in the kernel | MiB grown |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, events, errors, interrupts in results:
        cells = (
            f"`{name}`",
            f"{events.events:,}",
            f"{len(events.kinds)}",
            f"{events.refused:,}",
            f"{events.errors:,}",
            f"{len(errors.hits):,}",
            f"{sum(interrupts.hits.values()):,}",
            f"{len(events.faults) + len(errors.faults) + len(interrupts.faults):,}",
            "{} → {}".format(*events.threads),
            "{} → {}".format(*events.widgets),
            f"{events.grown:.1f}",
        )
        lines.append("| " + " | ".join(cells) + " |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
