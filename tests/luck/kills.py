"""Bad luck in training, the long run: `python -m tests.luck.kills --kills 100`.

Trains a tiny network, kills it at that many random moments, before every change of the file system and in the middle of
every file it writes, resumes it, and compares the end with a run that was left alone. Then it runs the tests of all
other faults, and writes the table of tests/README.md. Exit status 1 when something did not survive.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported: a process with threads must not be forked

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import section
from tests.luck import tiny
from tests.luck.killing import PHASES, START, Ended, Moment, Operation, child
from tests.luck.looks import debris, differences, half_written, same, timeless

ROOT = Path(__file__).resolve().parents[2]
LONG: dict[str, Any] = {"steps": 12, "tick": 3}  # of the run that is killed at random moments
ASKED = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Case:
    """One signal: what was done, in which phase, and what was wrong afterwards."""

    what: str
    phase: str
    problems: tuple[str, ...]


class Place:
    """A folder with data, a cache and a run, and a run that was never disturbed beside it."""

    def __init__(self, top: Path, rehearse: bool = True, **changes: object) -> None:
        self.top, self.rehearse, self.changes = top, rehearse, changes
        self.cache, self.run, self.whole = top / "cache", top / "run", top / "whole"
        os.environ["SMIS_CACHE"] = str(self.cache)
        top.mkdir()
        self.data = tiny.archive(top / "two.zip")
        self.undisturbed = self._finish(self.whole)
        self.sizes = {kind_of(str(path)): path.stat().st_size for path in self.top.rglob("*.*") if path.is_file()}
        self.clear()

    def clear(self) -> None:
        """Neither a run nor a cache."""
        for folder in (self.run, self.cache):
            shutil.rmtree(folder, ignore_errors=True)

    def start(self, when: Moment | Operation | None = None, number: int = signal.SIGKILL) -> Ended:
        """Begin the run, or go on with it."""
        return child(tiny.words(self.data, self.run, **self.changes), self.top, when, number, self.rehearse)

    def now(self) -> list[str]:
        """What is half-written right now."""
        return half_written(self.run, self.cache)

    def end(self) -> list[str]:
        """Let the run finish; what is not as if nothing had happened."""
        ended = self.start()
        if ended.status:
            return [f"resuming ended with {ended.status}: {ended.said[-500:]}"]
        return [*debris(self.run, self.cache), *differences(self.run, self.whole)]

    def _finish(self, run: Path) -> Ended:
        ended = child(tiny.words(self.data, run, **self.changes), self.top, rehearse=self.rehearse)
        if ended.status:
            raise RuntimeError(f"the undisturbed run failed: {ended.said}")
        return ended


def kind_of(path: str) -> str:
    """
    >>> kind_of("run/checkpoints/step-000200.pt")
    'step-#.pt'
    """
    return re.sub(r"\d+", "#", Path(path).name)


def operations(place: Place) -> list[Operation]:
    """Before each change of the file system of a run, and half-way through each file that it writes."""
    found, before = [], ""
    for number, change in enumerate(place.undisturbed.changes, 1):
        found.append(Operation(number))
        event, _, path = change.partition(" ")
        if event == "open" and path != before and not path.endswith(".lock"):
            found.append(Operation(number, place.sizes[kind_of(re.sub(r"\.\d+\.part", "", path))] // 2))
        before = path
    return found


def at_each_operation(top: Path) -> Iterator[Case]:
    """A fresh run each time, killed there, and resumed."""
    place = Place(top, rehearse=False)  # it writes nothing
    kinds = operations(place)
    for kind in kinds:
        place.clear()
        ended = place.start(kind)
        problems = place.now()
        if not ended.killed:
            problems.append(f"was not killed, ended with {ended.status}: {ended.said[-500:]}")
        what = "before a change" if kind.bytes is None else "inside a file"
        yield Case(what, ended.phase, (*problems, *place.end()))


def at_random(top: Path, count: int, seed: int = 0) -> Iterator[Case]:
    """Kills at random moments, the phases in turn; a run is killed again and again until it gets to its end."""
    place, chance, done = Place(top, **LONG), random.Random(seed), 0
    names = [START, *PHASES]
    while done < count:
        place.clear()
        cases: list[Case] = []
        finished = False
        while not finished and done < count:
            phase = names[done % len(names)]
            if phase == "building the cache":
                shutil.rmtree(place.cache, ignore_errors=True)  # it may be deleted at any time, or not be there yet
            ended = place.start(_moment(place.undisturbed, phase, chance))
            finished = not ended.killed
            if finished and ended.status:
                cases.append(Case("at random", ended.phase, (f"ended with {ended.status}: {ended.said[-500:]}",)))
            elif not finished:
                done += 1
                cases.append(Case("at random", ended.phase, tuple(place.now())))
        problems = tuple(place.end())
        if not cases:  # it came to its end before its moment: no kill, but it counts when something is wrong
            cases = [Case("at random", START, ())] if problems else []
        yield from cases[:-1]
        for last in cases[-1:]:
            yield Case(last.what, last.phase, last.problems + problems)


def _moment(undisturbed: Ended, phase: str, chance: random.Random) -> Moment:
    """Somewhere in one of the first times that a phase begins; or anywhere at all."""
    if phase == START:
        return Moment(chance.uniform(0, undisturbed.seconds))
    times = [(at, undisturbed.entered[k + 1 :]) for k, (name, at) in enumerate(undisturbed.entered) if name == phase]
    time = chance.randint(1, min(3, len(times)))
    at, later = times[time - 1]
    lasts = (later[0][1] if later else undisturbed.seconds) - at
    return Moment(chance.uniform(0, lasts), phase, time)


def asked(top: Path, count: int, seed: int = 0) -> Iterator[Case]:
    """SIGINT and SIGTERM at random moments: the run saves and stops, or had nothing to save, and goes on."""
    place, chance = Place(top, **LONG), random.Random(seed)
    for number in range(count):
        place.clear()
        ended = place.start(Moment(chance.uniform(0, place.undisturbed.seconds)), ASKED[number % 2])
        problems = place.now()
        saved = sorted((place.run / "checkpoints").glob("*.pt"))
        if ended.status == 130 and "to go on:" in ended.said and not saved:
            problems.append("says that it can go on, and has saved nothing")
        if ended.status not in (0, 130, -signal.SIGTERM):
            problems.append(f"ended with {ended.status}: {ended.said[-500:]}")
        again = place.start()
        if again.status:
            problems.append(f"resuming ended with {again.status}: {again.said[-500:]}")
        problems += debris(place.run, place.cache)
        for name in ("model.safetensors", f"checkpoints/step-{LONG['steps']:06d}.pt"):
            if not same(place.run / name, place.whole / name):
                problems.append(f"{name} differs")
        lines, ticks = ([line["step"] for line in timeless(run / "stats.jsonl")] for run in (place.run, place.whole))
        if sorted(set(lines)) != lines or not set(ticks) <= set(lines):
            problems.append(f"stats.jsonl has the steps {lines}")
        yield Case(ASKED[number % 2].name, ended.phase, tuple(problems))


def tell(cases: Iterator[Case]) -> list[Case]:
    """All cases, with those that did not survive printed at once."""
    told = []
    for case in cases:
        told.append(case)
        if case.problems:
            print(f"{case.what}, {case.phase}: {'; '.join(case.problems)[:1500]}", flush=True)
    return told


def other_faults() -> list[list[str]]:
    """The rows of the tests in test_faults.py, and whether each passed."""
    with tempfile.TemporaryDirectory() as top:
        report = Path(top, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "tests/luck/test_faults.py", f"--junitxml={report}"]
        subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        rows = []
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            said = {item.get("name"): item.get("value", "") for item in case.iter("property")}
            well = case.find("failure") is None and case.find("error") is None and case.find("skipped") is None
            rows.append([said.get("fault") or str(case.get("name")), "1 of 1" if well else "**0 of 1**"])
            rows[-1] += [said.get("told", ""), said.get("found", "")]
        return rows


def table(cases: list[Case], others: list[list[str]]) -> list[str]:
    """Markdown."""
    lines = [
        "| fault tried | survived | what survives, what the user is told | fault found, and mended |",
        "|---|--:|---|---|",
    ]
    equal = "resumed: all weights, optimisers, statistics and pictures bit for bit those of an undisturbed run"
    for what, text, outcome, found in (
        ("at random", "SIGKILL, {}", equal, ""),
        (
            "before a change",
            "SIGKILL before each of the changes of the file system that a run makes",
            equal,
            KILLS_FOUND,
        ),
        ("inside a file", "killed by the system half-way through each file that a run writes", equal, ""),
        ("SIGINT", "Ctrl-C at a random moment", ASKED_TOLD, ""),
        ("SIGTERM", "SIGTERM at a random moment", ASKED_TOLD, ""),
    ):
        mine = [case for case in cases if case.what == what]
        phases = [START, *PHASES] if "{}" in text else [""]
        for phase in phases:
            chosen = [case for case in mine if not phase or case.phase == phase]
            well = sum(not case.problems for case in chosen)
            lines.append(f"| {text.format('during: ' + phase)} | {well} of {len(chosen)} | {outcome} | {found} |")
    lines += [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in others]
    return lines


KILLS_FOUND = (
    "safetensors' own temporary file stayed behind; a third checkpoint stayed when a kill came between the last one "
    "and the removal of the oldest; what a start left that was killed before `config.json` stayed"
)
ASKED_TOLD = "`to go on: smis train ... --resume`; resumed, the weights are bit for bit those of an undisturbed run"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="at random moments")
    parser.add_argument("--signals", type=int, default=20, help="SIGINT and SIGTERM at random moments")
    parser.add_argument("--no-table", action="store_true", help="no other faults, and the README is left as it is")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        top = Path(name).resolve()
        cases = tell(at_each_operation(top / "operations"))
        cases += tell(at_random(top / "random", args.kills))
        cases += tell(asked(top / "asked", args.signals))
    print(", ".join(f"{count} {what}" for what, count in Counter(case.what for case in cases).items()))
    others = [] if args.no_table else other_faults()
    lines = table(cases, others)
    if not args.no_table:
        section.write("training", lines)
    print("\n".join(lines))
    return 1 if any(case.problems for case in cases) or any("**" in row[1] for row in others) else 0


if __name__ == "__main__":
    sys.exit(main())
