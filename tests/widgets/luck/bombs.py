"""Errors and interrupts in the middle of the widgets' own code, wherever an event leads.

Mines: each function that is entered for the first time raises an error once, so that all are tried by themselves.
Interrupt: a KeyboardInterrupt at one line, as the kernel's button "stop" would send it.
"""

from __future__ import annotations

import dis
import inspect
import linecache
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import smis
import smis_widgets

OURS = tuple(str(Path(package.__file__).resolve().parent) for package in (smis, smis_widgets))  # type: ignore[arg-type]


class Injected(RuntimeError):
    """The error of a mine."""


class Mines:
    """Raises `Injected` when a function is entered that did not raise often enough yet. One error an event."""

    def __init__(self, times: int = 1, spared: frozenset[str] = frozenset()) -> None:
        self.times, self.spared = times, spared
        self.exploded: Counter[str] = Counter()
        self.place = ""  # where the last event's error was raised; empty: nowhere

    def run(self, deed: Callable[[], object]) -> None:
        """Do something in the mine field."""
        self.place = ""
        traced(self._enter, deed)

    def _enter(self, frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or self.place or not ours(code) or code.co_name.startswith("<"):
            return
        if frame.f_back is not None and frame.f_back.f_code.co_name == "__del__":
            return  # a widget of an earlier trial is swept up just now: not of this event
        if code.co_flags & inspect.CO_GENERATOR and frame.f_lasti > first(code):
            return  # a generator goes on: it was entered before
        name = place_of(code)
        if code.co_name in self.spared or self.exploded[name] >= self.times:
            return
        self.exploded[name] += 1
        self.place = name
        raise Injected(f"injected in {code.co_name}")


class Interrupt:
    """Raises KeyboardInterrupt at the `count`-th line of our code that an event comes to."""

    def __init__(self, count: int) -> None:
        self.left, self.place = count, ""

    def run(self, deed: Callable[[], object]) -> None:
        """Do something, and be interrupted; returns without an error when the event is over before that."""
        try:
            traced(self._enter, deed)
        except KeyboardInterrupt:
            assert self.place, "a real interrupt"

    def _enter(self, frame: FrameType, event: str, _: Any) -> Any:
        return self._line if not self.place and ours(frame.f_code) else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Any:
        if event == "line" and not self.place and not at_a_lock(frame):
            self.left -= 1
            if self.left <= 0:
                self.place = f"{place_of(frame.f_code)}:{frame.f_lineno}"
                raise KeyboardInterrupt
        return self._line


def at_a_lock(frame: FrameType) -> bool:
    """Whether this line takes or gives back a lock. That is done in C, where no real interrupt comes in between."""
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith("with self._lock:")


def traced(trace: Callable[[FrameType, str, Any], Any], deed: Callable[[], object]) -> None:
    """Do something with a trace function, in this thread."""
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        deed()
    finally:
        sys.settrace(before)


def ours(code: CodeType) -> bool:
    """Whether code belongs to smis or smis_widgets."""
    return code.co_filename.startswith(OURS)


def first(code: CodeType) -> int:
    """Where a generator is when it is entered for the first time. Before Python 3.11 that is before its code."""
    starts = (step.offset for step in dis.get_instructions(code) if step.opname == "RESUME")
    return next(starts, -1)


def place_of(code: CodeType) -> str:
    """A function's file and name, as in `painter/hand.py Hand.down`."""
    file = next(code.co_filename.removeprefix(root) for root in OURS if code.co_filename.startswith(root))
    return f"{file.lstrip('/')} {getattr(code, 'co_qualname', code.co_name)}"
