"""The commands of `smis`, one module each, in the order in which `smis --help` lists them.

A module has a function `add(commands)` that declares its arguments with `commands.add(name, run, text)`, and the
function `run(args) -> exit status`, which calls the library and prints what it gives back. Heavy imports stand inside
`run`, so that `smis --help` is quick.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

COMMANDS = ("train", "runs", "evaluate", "segment", "render", "info", "convert", "parity", "doctor", "download")
STOPPED = 130  # the exit status after Ctrl-C

Run = Callable[[argparse.Namespace], int]


@dataclass(frozen=True)
class Commands:
    """What a command's module adds itself to."""

    subparsers: Any

    def add(self, name: str, run: Run, text: str) -> argparse.ArgumentParser:
        """A parser for one more command, to which its arguments are added."""
        parser: argparse.ArgumentParser = self.subparsers.add_parser(name, help=text, description=text)
        parser.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
        parser.set_defaults(run=run)
        return parser
