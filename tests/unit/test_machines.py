"""The trials on bare machines: when one counts as passed. (The machines themselves need root and hours.)"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tools.machines.__main__ import outcome, table
from tools.machines.machine import Result
from tools.machines.trials import COUNTED, SAYS, Trial, trials

TRIAL = Trial("lab", "`make lab`", "make lab", limit=60)


def run(script: str) -> Result:
    done = subprocess.run(
        ["bash", "-c", f"set -eu\n{SAYS}{COUNTED}{script}"], capture_output=True, text=True, check=False
    )
    return Result(done.returncode, done.stdout, 1.0)


def test_every_trial_is_a_script_with_a_name_of_its_own() -> None:
    every = list(trials())
    assert len({trial.name for trial in every}) == len(every) > 15
    for trial in every:
        for script in (trial.script, trial.first, trial.setup):
            subprocess.run(["bash", "-n", "-c", script], check=True)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ('says "apt install" sh -c "echo do: apt install it; exit 1"', "says: do: apt install it"),
        ('says "apt install" echo apt install', "**fails**: it did not refuse"),
        ('says "apt install" false', "**fails**: refused without saying 'apt install'"),
        ('says "no room" sh -c "echo Traceback; echo no room; exit 1"', "**fails**: refused with a traceback"),
        ("counted sh -c 'echo much; echo 3 passed'", "3 passed"),
        ("counted sh -c 'echo 1 failed; exit 1'", "**fails**: 1 failed"),
        ("true", "done"),
        ("exit 7", "**fails**: status 7"),
    ],
)
def test_what_counts_as_passed(script: str, said: str) -> None:
    assert outcome(TRIAL, run(script)) == said


def test_a_trial_past_its_limit() -> None:
    assert outcome(TRIAL, Result(None, "outcome: 3 passed", 60)) == "**hangs**: not done after 60 s"


def test_the_table(tmp_path: Path) -> None:
    row = {"what": "`make lab`", "python": "3.13.5", "outcome": "a | b", "seconds": 1234}
    (tmp_path / "trixie.json").write_text(json.dumps({"lab": row}), encoding="utf-8")
    assert table([tmp_path / "trixie.json"])[2:] == ["| `make lab` | Debian 13 | 3.13.5 | a / b | 1,234 |"]
