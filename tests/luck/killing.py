"""Training in a child process that is killed at a chosen moment.

The child is forked from a process that has imported everything and started no thread, so it costs a fraction of a
second. It runs the real command. Whenever it enters or leaves a phase it says so through a pipe.
"""

from __future__ import annotations

import io
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import torch._dynamo  # noqa: F401 (a child's first optimiser would take seconds to import it)

import smis.budget
import smis.datasets.cache
import smis.run_folder
import smis.runs
from smis.cli import main
from smis.commands import COMMANDS
from smis.model import GroupDNet
from smis.run_folder import RunFolder
from smis.training import Trainer
from tests.luck import tiny

for name in COMMANDS:
    import_module(f"smis.commands.{name}")  # as the command does when it starts

HANG = 120.0  # seconds after which a child is thought to hang

# What a run does, and the function that does it. The innermost counts: a step of the rehearsal is a step.
PHASES: dict[str, tuple[Any, str]] = {
    "building the cache": (smis.datasets.cache, "_build"),
    "the rehearsal that counts costs": (smis.budget, "budget"),
    "opening the folder": (RunFolder, "open"),
    "loading a checkpoint": (RunFolder, "restore"),
    "dropping what is newer": (RunFolder, "forget_after"),
    "a step": (Trainer, "step"),
    "the averaged network": (Trainer, "evaluated_model"),
    "the sample sheet": (smis.run_folder, "training_sheet"),
    "config, stats, environment": (RunFolder, "write"),
    "the network's file": (GroupDNet, "save"),
    "the checkpoint": (Trainer, "save"),
}
START = "start and between"  # everything else

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir")  # audit events of a file system that changes


@dataclass(frozen=True)
class Moment:
    """When to send a signal: so long after the start, or after the n-th time (from 1) that a phase begins."""

    seconds: float
    phase: str = ""
    time: int = 0


@dataclass(frozen=True)
class Operation:
    """The n-th change of the file system (from 1): die before it, or after `bytes` of the file it opens are written."""

    number: int
    bytes: int | None = None


@dataclass
class Ended:
    """How a child ended: its exit status (minus the signal that ended it), in which phase, and what it did."""

    status: int
    phase: str = START
    seconds: float = 0.0
    said: str = ""
    entered: list[tuple[str, float]] = field(default_factory=list)  # each phase begun, and after how many seconds
    changes: list[str] = field(default_factory=list)  # the audit events, as lines "event path"

    @property
    def killed(self) -> bool:
        return self.status < 0


def child(
    command: list[str],
    top: Path,
    when: Moment | Operation | None = None,
    number: int = signal.SIGKILL,
    rehearse: bool = True,
) -> Ended:
    """Run `smis COMMAND` in a child process and end it with signal `number` at that moment.

    Args:
        top: the folder whose changes are counted.
        rehearse: whether to measure a step first, as the command does.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _run(command, top, when if isinstance(when, Operation) else None, rehearse, writing)
    os.close(writing)
    ended = _listen(reading, pid, when if isinstance(when, Moment) else None, number)
    os.close(reading)
    ended.status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return ended


def _listen(pipe: int, pid: int, moment: Moment | None, number: int) -> Ended:
    """Note what the child says until it ends, and send the signal when the moment has come."""
    ended, stack, rest, seen = Ended(0), [START], b"", 0
    begin = time.monotonic()
    stuck = begin + HANG
    due = time.monotonic() + moment.seconds if moment and not moment.phase else None
    while True:
        now = time.monotonic()
        if now > stuck:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"a child hangs in the phase {stack[-1]!r}")
        if due is not None and now >= due:
            os.kill(pid, number)
            due = None
        if not select.select([pipe], [], [], min(stuck, due or stuck) - now)[0]:
            continue
        data = os.read(pipe, 1 << 16)
        if not data:
            ended.phase, ended.seconds = stack[-1], now - begin
            return ended
        *lines, rest = (rest + data).split(b"\n")
        for word, _, what in (line.decode().partition(" ") for line in lines):
            if word == "enter":
                stack.append(what)
                ended.entered.append((what, time.monotonic() - begin))
                if moment and what == moment.phase:
                    seen += 1
                    due = time.monotonic() + moment.seconds if seen == moment.time else due
            elif word == "leave":
                stack.pop()
            elif word == "change":
                ended.changes.append(what)
            else:
                ended.said = what


def _run(command: list[str], top: Path, operation: Operation | None, rehearse: bool, pipe: int) -> None:
    """The child's life. Never returns."""
    status, said = 70, io.StringIO()

    def tell(text: str) -> None:
        os.write(pipe, text.encode() + b"\n")

    try:
        silence = os.open(os.devnull, os.O_RDWR)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        tiny.quick_average()
        if not rehearse:
            smis.budget.budget = lambda *_: ""  # type: ignore[assignment]
        for name, (owner, attribute) in PHASES.items():
            setattr(owner, attribute, _told(getattr(owner, attribute), name, tell))
        sys.addaudithook(_watch(str(top), operation, tell))
        with redirect_stdout(said), redirect_stderr(said):
            status = main(command)
    except BaseException:
        said.write(traceback.format_exc())
    finally:
        tell(f"said {said.getvalue()[-2000:]!r}")
        os._exit(status)


def _told(work: Callable[..., Any], name: str, tell: Callable[[str], None]) -> Callable[..., Any]:
    def told(*args: Any, **options: Any) -> Any:
        tell(f"enter {name}")
        try:
            return work(*args, **options)
        finally:
            tell("leave")

    return told


def _watch(
    top: str, operation: Operation | None, tell: Callable[[str], None]
) -> Callable[[str, tuple[Any, ...]], None]:
    """An audit hook: it counts the changes in the folder, and dies at the operation."""
    count = 0

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if event == "open":
            if not isinstance(args[2], int) or not args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                return
        elif event not in CHANGES:
            return
        if isinstance(args[0], int):
            return
        path = os.fsdecode(args[0])
        if os.path.isabs(path) and not path.startswith(top):  # a relative one comes from rmtree
            return
        count += 1
        tell(f"change {event} {path}")
        if operation is not None and count == operation.number:
            if operation.bytes is None:
                os.kill(os.getpid(), signal.SIGKILL)
            # The system writes up to this byte of a file, then kills the process at its next byte.
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (operation.bytes or 0, resource.RLIM_INFINITY))

    return hook
