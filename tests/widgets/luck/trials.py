"""Three trials of a widget: random events, an error in every function on the way, an interrupt at a random line.

Each returns a `Tally`; what breaks a rule is a fault, with the event and the place it happened at.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import ipywidgets.widgets.widget
import psutil
import torch

from smis_widgets.base import Panel
from tests.widgets.luck.bombs import Interrupt, Mines
from tests.widgets.luck.events import Event, Events
from tests.widgets.luck.page import Page
from tests.widgets.luck.rules import Watch
from tests.widgets.luck.toys import WIDGETS

THOROUGH = 25  # every so many events, every trait of every part is compared
EMPTIED = 200  # and the folder that files are written to is emptied
# An error in what says errors cannot be said; the others are called by the page itself, before any widget's code.
SPARED = {"attempt", "run", "fail", "_say", "tell", "problem", "stop_holding", "is_place", "letter", "_mouse", "_touch"}
PAGES_OWN = ("reload", "key")  # asked for by the page's canvas: an error there is printed, and the next event heals it
BOMBS = 10  # in the long run, one event with an error or an interrupt for so many ordinary ones
WARM = 200  # events, after which memory is counted


@dataclass
class Tally:
    """What happened in a trial."""

    events: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    refused: int = 0  # said in words what would work
    errors: int = 0  # shown as errors, or raised for code that asked
    hits: Counter[str] = field(default_factory=Counter)  # places where an error was injected
    faults: list[str] = field(default_factory=list)
    threads: tuple[int, int] = (0, 0)
    widgets: tuple[int, int] = (0, 0)
    grown: float = 0.0  # MiB


@contextlib.contextmanager
def on_a_page(name: str) -> Iterator[tuple[Panel[Any], Page]]:
    """A new widget on a page of its own, in an empty folder of its own."""
    page, before = Page(), os.getcwd()
    with tempfile.TemporaryDirectory() as folder, page.open():
        os.chdir(folder)
        try:
            panel = WIDGETS[name]()
            yield panel, page
            panel.close()
        finally:
            os.chdir(before)


def random_events(name: str, count: int, seed: int = 0) -> Tally:
    """So many random events; all rules are checked after each."""
    tally = Tally()
    before = len(ipywidgets.widgets.widget._instances)
    tally.threads, memory = (threading.active_count(), 0), psutil.Process().memory_info
    with on_a_page(name) as (panel, page):
        events, watch, start = Events(panel, page, random.Random(seed)), Watch(panel, page), 0.0
        watch.check(thorough=True)
        for number in range(count):
            event, said = events.draw(), panel.status.value
            try:
                happen(event, page, tally)
                watch.check(thorough=number % THOROUGH == 0)
            except AssertionError as error:
                tally.faults.append(f"{name}, event {number}, {event.words}: {error}")
                heal(panel, page)
                watch = Watch(panel, page)
            if panel.status.value != said:
                tally.refused += "smis-hint" in panel.status.value
                tally.errors += "Not drawn" in panel.status.value
            if number % EMPTIED == 0:
                for file in os.scandir("."):
                    os.unlink(file)
            if number + 1 == min(WARM, count):
                gc.collect()
                start = memory().rss
        gc.collect()
        tally.grown = (memory().rss - start) / 2**20
    gc.collect()
    tally.threads = tally.threads[0], threading.active_count()
    tally.widgets = before, len(ipywidgets.widgets.widget._instances)
    return tally


def errors_everywhere(name: str, count: int, seed: int = 0, times: int = 1) -> Tally:
    """Each function that the events lead to raises an error `times` times: it is said, and nothing else happens."""
    tally, mines = Tally(), Mines(times)
    with on_a_page(name) as (panel, page):
        events = Events(panel, page, random.Random(seed))
        for number in range(count):
            event, watch = events.draw(), Watch(panel, page)
            try:
                happen(event, page, tally, mines)
                if mines.place:
                    after_an_error(event, mines.place, panel, page)
                    watch.quick()
                    next_request(panel, watch)
            except AssertionError as error:
                tally.faults.append(f"{name}, event {number}, {event.words}, error in {mines.place}: {error}")
                heal(panel, page)
    tally.hits = mines.exploded
    return tally


def interrupts(name: str, count: int, seed: int = 0) -> Tally:
    """So many events, most of them interrupted at a random line: state and picture agree, and the next one works."""
    tally, dice = Tally(), random.Random(seed)
    with on_a_page(name) as (panel, page):
        events = Events(panel, page, dice)
        for number in range(count):
            event, watch, stop = events.draw(), Watch(panel, page), Interrupt(int(10 ** dice.uniform(0, 3.3)))
            try:
                happen(event, page, tally, stop)
                page.escaped.clear()
                if stop.place:
                    tally.hits[stop.place] += 1
                    if event.kind == "reload":
                        event.run()
                    watch.quick()
                    next_request(panel, watch)
            except AssertionError as error:
                tally.faults.append(f"{name}, event {number}, {event.words}, interrupted in {stop.place}: {error}")
                heal(panel, page)
    return tally


class Result(NamedTuple):
    """The three trials of one widget."""

    name: str
    events: Tally
    errors: Tally
    interrupts: Tally

    @property
    def faults(self) -> list[str]:
        """Of all three."""
        return [*self.events.faults, *self.errors.faults, *self.interrupts.faults]


def all_three(task: tuple[str, int, int]) -> Result:
    """All trials of one widget: its name, the number of events, the seed."""
    name, count, seed = task
    torch.set_num_threads(1)
    few = max(count // BOMBS, 1)
    return Result(
        name,
        random_events(name, count, seed),
        errors_everywhere(name, few, seed, times=2),
        interrupts(name, few, seed),
    )


def happen(event: Event, page: Page, tally: Tally, bomb: Mines | Interrupt | None = None) -> None:
    """Let an event happen. Only a user's code gets errors, of the kinds that are documented, with words."""
    tally.events += 1
    tally.kinds[event.kind] += 1
    try:
        (event.run if bomb is None else lambda: bomb.run(event.run))()
    except Exception as error:
        documented = isinstance(error, (ValueError, OSError, RuntimeError)) and str(error)
        if event.kind != "code" or not documented:
            raise AssertionError(f"{type(error).__name__} escaped: {error}") from error
        tally.errors += 1


def after_an_error(event: Event, place: str, panel: Panel[Any], page: Page) -> None:
    """The error was said in the status line, not printed."""
    escaped = list(page.escaped)
    page.escaped.clear()
    if event.kind == "reload":
        event.run()
    if event.kind in ("code", *PAGES_OWN) or set(place.split()[-1].split(".")) & SPARED:
        return
    assert not escaped, f"an error escaped: {escaped}"
    said = panel.status.value
    assert "smis-error" in said or "smis-hint" in said, f"the error was not said, but: {said[-300:]}"


def next_request(panel: Panel[Any], watch: Watch) -> None:
    """A good request after bad luck: everything is in order again."""
    panel.act(lambda state: state)
    assert "Not drawn" not in panel.status.value, "the next good request fails, too"
    watch.check(thorough=True)


def heal(panel: Panel[Any], page: Page) -> None:
    """After a fault, go on with a widget in order: one fault is told once."""
    page.escaped.clear()
    panel._busy = False
    with contextlib.suppress(Exception):
        panel.reset()
