"""Random events, errors in all functions and interrupts at random lines, for all eight widgets; and that each rule,
when the code is broken on purpose, finds it. The long run: `python -m tests.widgets.luck --events 10000`."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from ipycanvas import Canvas
from torch import Tensor

from smis_widgets import Controllers, Mixer, Morpher, Painter, Studio, Surface
from smis_widgets.base import Panel, parts
from smis_widgets.mixer.state import MixerState
from smis_widgets.morpher.state import MorphState
from smis_widgets.painter import brushes
from smis_widgets.painter.state import PainterState
from tests.unit.networks import blobs
from tests.widgets.luck.bombs import Interrupt
from tests.widgets.luck.events import Events
from tests.widgets.luck.rules import Watch
from tests.widgets.luck.toys import WIDGETS, network
from tests.widgets.luck.trials import Tally, errors_everywhere, happen, interrupts, on_a_page, random_events

EVENTS = 100


@pytest.mark.parametrize("name", list(WIDGETS))
def test_random_events_break_no_rule(name: str) -> None:
    tally = random_events(name, EVENTS)
    assert tally.faults == []
    assert len(tally.kinds) >= 5
    assert tally.refused + tally.errors >= 1, "nothing was refused: the events are too tame"
    assert tally.threads[0] == tally.threads[1]
    assert tally.widgets[0] == tally.widgets[1]


@pytest.mark.parametrize("name", list(WIDGETS))
def test_an_error_in_any_function_is_said_and_the_next_request_works(name: str) -> None:
    tally = errors_everywhere(name, EVENTS)
    assert tally.faults == []
    assert len(tally.hits) >= 12


@pytest.mark.parametrize("name", list(WIDGETS))
def test_an_interrupted_kernel_leaves_nothing_half_done(name: str) -> None:
    tally = interrupts(name, EVENTS)
    assert tally.faults == []
    assert len(tally.hits) >= 10


def nothing(*_: Any, **__: Any) -> None:
    """Instead of a method: forgets to do it."""


def other(function: Callable[..., Any], change: Callable[[Any], Any]) -> Callable[..., Any]:
    """A method with another result."""
    return lambda *args, **named: change(function(*args, **named))


def escaping(panel: Panel[Any], deed: Callable[[], object]) -> None:
    """`Panel.attempt` without its guard."""
    deed()


def staying(panel: Panel[Any]) -> None:
    """`Panel._set_controls` that forgets to say when it is done."""
    panel._busy = True
    panel.sync()


def speechless(panel: Panel[Any], error: BaseException) -> None:
    """`Panel._say` that leaves the controls where they are."""
    panel.tell(str(error))


def keeping(compute: Callable[..., Any]) -> Callable[..., Any]:
    """`compute` that draws once."""
    return lambda panel, state: compute(panel, state) if panel.frame.image is None else panel.frame


# what is broken, and the words of the rule that must notice it
BREAKS: dict[str, tuple[str, type, str, Callable[..., Any], str]] = {
    "a guard is missing": ("Morpher", Panel, "attempt", escaping, "an error escaped"),
    "no words": ("Mixer", Panel, "tell", nothing, "status line is empty"),
    "busy for ever": ("Mixer", Panel, "_set_controls", staying, "would not answer any more"),
    "controls stay behind": ("Mixer", Panel, "_say", speechless, "stood at|browser shows"),
    "an old picture": ("Painter", Painter, "compute", keeping(Painter.compute), "picture is not that of its state"),
    "pictures are not sent": ("Controllers", Surface, "_draw", nothing, "another picture|never sent"),
    "locks are open": (
        "Mixer",
        MixerState,
        "surprise",
        lambda state, rng: replace(state, sources=(int(rng.integers(3)),) * 4),
        "a lock did not hold",
    ),
    "a session forgets": (
        "Morpher",
        MorphState,
        "from_json",
        other(MorphState.from_json, lambda state: replace(state, mask=0)),
        "the session gives another state",
    ),
    "undo forgets": (
        "Painter",
        PainterState,
        "undo",
        other(PainterState.undo, lambda state: replace(state, labels=state.original)),
        "redo gives another map|slow model",
    ),
}


def noticed(name: str) -> str:
    """The first fault that a rule finds."""
    try:
        return next(iter(random_events(name, 200).faults), "nothing")
    except AssertionError as error:  # before the first event
        return str(error)


@pytest.mark.parametrize("what", list(BREAKS))
def test_a_rule_notices_what_is_broken(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, kind, method, instead, words = BREAKS[what]
    monkeypatch.setattr(kind, method, instead)
    found = noticed(name)
    assert re.search(words, found), found


def test_the_slow_model_notices_a_brush_that_is_a_pixel_wider(monkeypatch: pytest.MonkeyPatch) -> None:
    thin = brushes.stroke
    monkeypatch.setattr(brushes, "stroke", lambda shape, points, size: thin(shape, points, size + 1))
    with on_a_page("Painter") as (painter, page):
        watch = Watch(painter, page)
        painter.do("brush hat 4 3,3 9,9")
        with pytest.raises(AssertionError, match="slow model"):
            watch.check()


def test_without_the_way_back_an_error_in_show_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `Panel.act` was once: the new state stood, the old picture stayed."""

    def careless(panel: Panel[Any], change: Callable[[Any], Any]) -> None:
        try:
            state = change(panel.state)
            frame = panel.compute(state)
            panel.state, panel.frame = state, frame
            panel.show(frame)
        except Exception as error:
            panel.tell(f'<div class="smis-error">{error}</div>')
        panel._set_controls()

    monkeypatch.setattr(Panel, "act", careless)
    assert any("picture" in fault for fault in errors_everywhere("Mixer", 150).faults)


def test_a_reload_forgets_the_stroke_under_way() -> None:
    with on_a_page("Painter") as (painter, page):
        labels, guides = painter.state.labels, painter.easel.guides
        painter.hold("brush", "hat", 3)
        page.tell(guides, event="mouse_down", x=20, y=20)
        page.tell(guides, event="mouse_move", x=200, y=200)
        assert painter.hand.pressed
        page.reload(painter, [part for part in parts(painter) if isinstance(part, Canvas)])
        page.tell(guides, event="mouse_move", x=300, y=200)  # no button is pressed on the new page
        assert not painter.hand.pressed
        assert painter.state.labels is labels
        Watch(painter, page).check(thorough=True)


def test_a_run_whose_thread_cannot_start_says_so_and_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_page("TrainingMonitor") as (monitor, page):
        with monkeypatch.context() as short_of_threads:
            short_of_threads.setattr("threading.Thread.start", Mock(side_effect=RuntimeError("can't start new thread")))
            page.send(monitor.view.playing, value=True)
        assert "start new thread" in monitor.status.value
        Watch(monitor, page).check(thorough=True)
        monitor.step("both")
        assert monitor.run.trainer.steps_done == 1


def test_an_interrupt_between_the_first_and_the_full_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large network, inside an event loop."""
    monkeypatch.setattr(Studio, "large", True)
    monkeypatch.setattr(
        Studio, "first", lambda studio, codes, labels: (np.zeros((3, *labels.shape), np.float32), False)
    )

    async def interrupted() -> set[str]:
        places = set()
        with on_a_page("Mixer") as (mixer, page):
            for count in range(1, 160, 3):
                stop = Interrupt(count)
                stop.run(lambda: mixer.attempt(mixer.surprise))
                places.add(stop.place.split(":")[0])
                mixer.settle()
                Watch(mixer, page).check(thorough=True)
        return places

    assert any("hasty.py" in place for place in asyncio.run(interrupted()))


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("kind", [Mixer, Morpher, Controllers])
def test_random_events_by_a_hand_that_does_not_wait(kind: type, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside an event loop the first picture comes before the full one: once that is drawn, all rules hold."""
    monkeypatch.setitem(WIDGETS, kind.__name__, lambda: kind(network(), blobs(3)))
    monkeypatch.setattr(Studio, "large", large)
    chance, first, early = random.Random(0), Studio.first, []

    def sooner(studio: Studio, codes: Tensor, labels: np.ndarray) -> tuple[np.ndarray, bool]:
        image, complete = first(studio, codes, labels)
        early.append(not complete or chance.random() < 0.7)
        return (image, complete) if not early[-1] else (image * 0.9, False)

    monkeypatch.setattr(Studio, "first", sooner)

    async def used() -> None:
        with on_a_page(kind.__name__) as (panel, page):
            events, watch = Events(panel, page, chance), Watch(panel, page, rounding=1)
            for _ in range(150):
                happen(events.draw(), page, Tally())
                assert not panel._busy
                await asyncio.sleep(chance.choice((0, 0, 0, 0.03)))
                if chance.random() < 0.3:
                    panel.settle()
                    watch.check(thorough=True)

    asyncio.run(used())
    assert sum(early) > 20
