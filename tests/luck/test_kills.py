"""Every operation and a dozen random moments: the short form of `python -m tests.luck.kills`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_killed_and_resumed_ends_as_if_nothing_had_happened() -> None:
    """In a process of its own: one that has run other tests has threads, and must not be forked."""
    command = [sys.executable, "-m", "tests.luck.kills", "--no-table", "--kills", "12", "--signals", "4"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=1500, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    counts = re.search(r"(\d+) before a change, (\d+) inside a file, 12 at random, 2 SIGINT, 2 SIGTERM", ended.stdout)
    assert counts, ended.stdout[-3000:]
    assert int(counts[1]) > 50  # so many operations a run of three ticks has
    assert int(counts[2]) > 15
