"""For large networks: a coarse picture at once, the full one as soon as nothing moves.

A network of 256 x 256 pixels takes longer than a hand on a slider waits. So each request shows a coarse picture (see
`smis.rendering.coarse`), and the kernel's event loop is asked to draw the full one when no other request has come for
a moment. Small networks, and code that runs without an event loop, draw the full picture at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import numpy as np

from smis_widgets.base import Frame, Panel, Resettable
from smis_widgets.drawing import Studio

State = TypeVar("State", bound=Resettable)
PAUSE = 0.25  # seconds without a request, after which the full picture is drawn
WORDS = "A coarse picture; the full one follows."


class Hasty(Panel[State]):
    """A panel with a `studio`. A subclass also gives `coarse`."""

    studio: Studio
    _last: tuple[State, Frame]  # the last full picture and its state
    _later: asyncio.TimerHandle | None = None

    def coarse(self, state: State) -> np.ndarray:
        """The coarse picture of a state, uint8 (H, W, 3)."""
        raise NotImplementedError

    def act(self, change: Callable[[State], State]) -> None:
        """As every panel; for a large network inside an event loop the coarse picture first."""
        if self._busy:  # the controls are being set
            return
        loop = _running_loop()
        if loop is None or not self.studio.large or self.frame.image is None:
            self.settle()
            super().act(change)
            return
        self.check_open()
        before, last = self.state, self._last if self._later is not None else (self.state, self.frame)
        try:
            state = change(before)
            self.show(replace(last[1], image=self.coarse(state)))
            if self._later is not None:
                self._later.cancel()
            self.state, self._last, self._later = state, last, loop.call_later(PAUSE, self.settle)
            self._set_controls()
            self.tell(WORDS)
        except BaseException as error:
            self.settle()  # what was asked for before
            with suppress(Exception):
                self.show(self.frame)  # in place of a coarse picture of what was not done
            self.fail(error)
            if not isinstance(error, Exception):
                raise

    def settle(self) -> None:
        """Draw the full picture now, if a coarse one is on the screen. On an error the last full one comes back."""
        if self._later is None:
            return
        self._later.cancel()
        self._later, state = None, self.state
        self.state, self.frame = self._last
        super().act(lambda _: state)
        if self.state is not state:
            self.show(self.frame)

    def close(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        super().close()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
