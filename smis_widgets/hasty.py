"""A hand does not wait: a first picture at once, the full one soon after.

What a person asks for with a control is answered in two steps. The first picture comes as fast as the network allows:
- a small network draws the rectangle around the classes that changed, exactly, and leaves the rest as it was (see
  `Renderer.progressive`); the full picture follows a moment later, also while a slider goes on moving;
- a large network draws a coarse picture (see `smis.rendering.coarse`), and the full one when no other request has come
  for a moment: it takes longer than a hand on a slider waits.
The kernel's event loop is asked to draw the full picture. Code that calls a widget's methods gets it at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import numpy as np
from torch import Tensor

from smis.sheets import to_uint8
from smis_widgets.base import Frame, Panel, Resettable
from smis_widgets.drawing import Studio

State = TypeVar("State", bound=Resettable)
SOON = 0.1  # seconds after the first picture of a small network at which the full one is drawn
PAUSE = 0.25  # seconds without a request, after which a large network draws the full picture
WORDS = "A coarse picture; the full one follows."


class Hasty(Panel[State]):
    """A panel with a `studio`. A subclass also gives `inputs`."""

    studio: Studio
    _by_hand: bool = False  # whether a control asks, not code
    _last: tuple[State, Frame]  # the last full picture and its state
    _later: asyncio.TimerHandle | None = None  # draws the full picture that is still to come

    def inputs(self, state: State) -> tuple[Tensor, np.ndarray]:
        """What the network draws for a state: codes `(1, C, D, h, w)` and a label map `(H, W)`."""
        raise NotImplementedError

    def attempt(self, deed: Callable[[], object]) -> None:
        """As every panel. Controls come this way."""
        self._by_hand, before = True, self._by_hand
        try:
            super().attempt(deed)
        finally:
            self._by_hand = before

    def act(self, change: Callable[[State], State]) -> None:
        """As every panel; for a hand, inside an event loop, with a first picture before the full one."""
        if self._busy:  # the controls are being set
            return
        loop = _running_loop() if self._by_hand else None
        if loop is None or self.studio.renderer is None or self.frame.image is None:
            self.settle()
            super().act(change)
            return
        self.check_open()
        last = self._last if self._later is not None else (self.state, self.frame)
        try:
            state = change(self.state)
            image, complete = self.studio.first(*self.inputs(state))
            if complete:
                self._finish(state, last)
                return
            self.show(replace(last[1], image=to_uint8(image)))
            at = loop.time() + (PAUSE if self.studio.large else SOON)
            if self._later is not None and not self.studio.large:
                at = self._later.when()  # while a slider moves, a small network finishes now and then
            self._cancel()
            self._later = loop.call_at(at, self.settle)  # anew: the page, and with it the loop, may be another one
            self.state, self._last = state, last
            self._set_controls()
            if self.studio.large:
                self.tell(WORDS)
        except BaseException as error:
            self.settle()  # what was asked for before
            with suppress(Exception):
                self.show(self.frame)  # in place of a first picture of what was not done
            self.fail(error)
            if not isinstance(error, Exception):
                raise

    def settle(self) -> None:
        """Draw the full picture now, if it is still to come. On an error the last full one comes back."""
        if self._later is not None:
            self._finish(self.state, self._last)

    def close(self) -> None:
        self._cancel()
        super().close()

    def _finish(self, state: State, last: tuple[State, Frame]) -> None:
        """From the last full picture to this state's."""
        self._cancel()
        self.state, self.frame = last
        super().act(lambda _: state)
        if self.state is not state:
            self.show(self.frame)

    def _cancel(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
