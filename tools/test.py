"""Run the project's checks in order, quick ones first, and end with a table of what passed and what not.

    python tools/test.py                 all steps
    python tools/test.py lint unit       some of them

Every step runs, even after one has failed; the exit status is 1 if any did. Reports go to `reports/`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / "reports"
GUARD = ROOT / "tests" / "servers" / "guard"  # with it, the notebooks' kernels can reach this machine only

# Where other programs use the processors too, PyTorch's threads lose most of their time in waiting for each other in a
# loop: a cell of a minute has taken twenty. After so many turns, not GCC's 300,000, they let the others work.
SPINS = "1000"

# One list of arguments for each command of a step; all are run as `python -m ...`.
NBVAL = "--nbval --nbval-current-env --nbval-cell-timeout 1200 --nbval-sanitize-with tests/notebooks/sanitize.cfg"
STEPS: dict[str, list[list[str]]] = {
    "lint": [["ruff", "check", "."], ["mypy"]],
    "unit": [
        ["pytest", "tests/unit"],
        ["pytest", "tests/hostile"],
        ["pytest", "tests/luck"],
        ["pytest", "--doctest-modules", "smis", "smis_widgets"],
    ],
    "widgets": [["pytest", "tests/widgets"], ["pytest", "tests/servers"]],
    "notebooks": [["pytest", "tests/notebooks"], ["pytest", *NBVAL.split(), "-p", "no:playwright", "notebooks"]],
    "browser": [["pytest", "tests/browser"]],
}


@dataclass(frozen=True)
class Outcome:
    """What one command did. `passed` and `failed` are None where the tool counts nothing."""

    command: str
    ok: bool
    seconds: float
    passed: int | None = None
    failed: int | None = None
    skipped: tuple[str, ...] = ()  # the reason of each skipped test


def main() -> int:
    parser = argparse.ArgumentParser(description="Run the project's checks.")
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"any of: {', '.join(STEPS)} (default: all)")
    wanted = parser.parse_args().steps or list(STEPS)
    if unknown := [step for step in wanted if step not in STEPS]:
        parser.error(f"no step called {unknown[0]!r}; there are: {', '.join(STEPS)}")
    with suppress(OSError):
        REPORTS.mkdir(exist_ok=True)
    if not os.access(REPORTS, os.W_OK):
        print(f"the tests write to {REPORTS}, and that cannot be written: use a clone of your own", file=sys.stderr)
        return 1
    outcomes = [
        run(command, REPORTS / f"{step}-{number}.xml") for step in wanted for number, command in enumerate(STEPS[step])
    ]
    print(table(outcomes))
    return 0 if all(outcome.ok for outcome in outcomes) else 1


def run(command: list[str], report: Path) -> Outcome:
    """Run one command in the repository; a pytest's counts are read from its report."""
    shown = " ".join(command)
    print(f"\n=== {shown}", flush=True)
    report.unlink(missing_ok=True)
    extra = ["-rs", f"--junitxml={report}"] if command[0] == "pytest" else []
    start = time.monotonic()
    env = {"GOMP_SPINCOUNT": SPINS, **os.environ}
    if "--nbval" in command:
        env["PYTHONPATH"] = str(GUARD)
    ok = subprocess.call([sys.executable, "-m", *command, *extra], cwd=ROOT, env=env) == 0
    seconds = time.monotonic() - start
    if not report.is_file():
        return Outcome(shown, ok, seconds)
    failed, skipped, passed = 0, [], 0
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif skip is not None:
            skipped.append(skip.get("message", "no reason given"))
        else:
            passed += 1
    return Outcome(shown, ok, seconds, passed, failed, tuple(skipped))


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as lines of text: one a command, then why tests were skipped, and the verdict last."""
    lines = ["", " passed  failed  skipped  seconds  command"]
    for outcome in outcomes:
        passed, failed = ("-" if count is None else count for count in (outcome.passed, outcome.failed))
        mark = "" if outcome.ok else "   <-- FAILED"
        lines.append(f"{passed:>7}{failed:>8}{len(outcome.skipped):>9}{outcome.seconds:>9.0f}  {outcome.command}{mark}")
    reasons = Counter(reason for outcome in outcomes for reason in outcome.skipped)
    lines += [""] + [f"SKIPPED {count} x: {reason}" for reason, count in reasons.items()]
    bad = sum(not outcome.ok for outcome in outcomes)
    verdict = f"{bad} of {len(outcomes)} checks FAILED" if bad else f"all {len(outcomes)} checks passed"
    return "\n".join([*lines, f"{verdict}, {reasons.total()} tests skipped"])


if __name__ == "__main__":
    sys.exit(main())
