"""The long run: `python -m tests.hostile.fuzz --cases 20000` feeds so many hostile files to all loaders together and
writes the table of what was tried and what survived into tests/README.md. Exit status 1 when something did not."""

from __future__ import annotations

import argparse
import resource
import sys
from collections import Counter, defaultdict

from tests import section
from tests.hostile.loaders import LOADERS, Loader, Outcome, attempt, mutated

SHOWN = 3  # faults of one kind that are printed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="hostile files, shared out among the loaders")
    parser.add_argument("--only", default="", help="loaders whose name contains this; the README is left as it is")
    parser.add_argument("--seed", type=int, default=0, help="other numbers give other files (default: 0)")
    args = parser.parse_args()
    chosen = [loader for loader in LOADERS if args.only in loader.name]
    found: dict[str, list[Outcome]] = {loader.name: [] for loader in chosen}
    faults: dict[str, int] = defaultdict(int)
    for case in range(args.cases):
        loader = chosen[case % len(chosen)]
        number = case // len(chosen)
        kind, data = mutated(loader, number, args.seed)
        outcome = attempt(loader, data)
        found[loader.name].append(outcome)
        if not outcome.survived:
            key = f"{loader.name}: {outcome.verdict[:40]}"
            faults[key] += 1
            if faults[key] <= SHOWN:
                print(f"{loader.name}, seed {args.seed}, number {number}, {kind}: {outcome.verdict}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2 ** (20 if sys.platform != "darwin" else 30)
    lines = [f"Seed {args.seed}, {len(chosen)} loaders.", "", *table(chosen, found, peak)]
    print("\n".join(lines))
    if not args.only:
        section.write("hostile", lines)
    return 1 if faults else 0


def table(loaders: list[Loader], found: dict[str, list[Outcome]], peak: float) -> list[str]:
    """Markdown: one line a loader, and a last one for all."""
    lines = ["| loader | refuses with | files tried | refused | read all the same | faults | slowest |"]
    lines.append("|---|---|--:|--:|--:|--:|--:|")
    for loader in loaders:
        types = ", ".join(kind.__name__ for kind in loader.allowed)
        lines.append(_row(f"`{loader.name}`", types, found[loader.name]))
    every = [outcome for outcomes in found.values() for outcome in outcomes]
    lines.append(_row("all", "", every))
    lines += ["", f"Peak memory of the whole run, PyTorch included: {peak:.2f} GiB."]
    return lines


def _row(name: str, types: str, outcomes: list[Outcome]) -> str:
    count = Counter(outcome.verdict if outcome.survived else "fault" for outcome in outcomes)
    slowest = max((outcome.seconds for outcome in outcomes), default=0)
    cells = [
        name,
        types,
        f"{len(outcomes):,}",
        f"{count['refused']:,}",
        f"{count['accepted']:,}",
        f"{count['fault']:,}",
    ]
    return "| " + " | ".join([*cells, f"{slowest:.2f} s"]) + " |"


if __name__ == "__main__":
    sys.exit(main())
