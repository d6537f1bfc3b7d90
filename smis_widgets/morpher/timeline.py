"""A time line: keyframes (time, amount), and straight lines of amount between them. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace

from smis_widgets.base import Refused

FPS = 20  # frames a second, on the screen and in files; times are whole frames
LONGEST = 20.0  # seconds
LOWEST, HIGHEST = -0.5, 1.5  # of the amount t


@dataclass(frozen=True, order=True)
class Keyframe:
    """At `time` seconds the amount is `amount`."""

    time: float
    amount: float


@dataclass(frozen=True)
class TimeLine:
    """Keyframes in the order of time, and how long the film is, in seconds. Methods return new time lines.

    Before the first keyframe the amount is the first one's, after the last the last one's.

    >>> TimeLine((Keyframe(0.0, 0.0), Keyframe(2.0, 1.0)), 3.0).amount(0.5)
    0.25
    """

    keys: tuple[Keyframe, ...] = (Keyframe(0.0, 0.0), Keyframe(2.0, 1.0))
    length: float = 2.0

    def __post_init__(self) -> None:
        if not 0.5 <= self.length <= LONGEST:
            raise Refused(f"A film lasts 0.5 to {LONGEST:g} seconds, got {self.length:g}.")
        if not self.keys:
            raise Refused("The last keyframe stays: without one the film has no amount. Add another one first.")
        times = [key.time for key in self.keys]
        if not all(map(math.isfinite, times)):
            raise ValueError(f"the time of a keyframe is a finite number of seconds, got {times}")
        if times != sorted(set(times)):
            raise ValueError(f"keyframes must stand in the order of time, each at its own: got {times}")
        if times[0] < 0 or times[-1] > self.length:
            raise Refused(
                f"There is a keyframe at {times[-1]:g} s, and the film would last {self.length:g} s: "
                "remove that keyframe first, or make the film longer."
            )
        for key in self.keys:
            if not LOWEST <= key.amount <= HIGHEST:
                raise ValueError(f"an amount lies in {LOWEST} to {HIGHEST}, got {key.amount}")

    @property
    def frames(self) -> int:
        """How many frames the film has: one every 1 / FPS seconds, the two ends included."""
        return round(self.length * FPS) + 1

    def on_frame(self, time: float) -> float:
        """The nearest moment that is a frame of the film."""
        return min(max(round(time * FPS), 0), self.frames - 1) / FPS

    def amount(self, time: float) -> float:
        """The amount at a time, rounded to the thousandth."""
        right = bisect_right([key.time for key in self.keys], time)
        if right in (0, len(self.keys)):
            return self.keys[max(right - 1, 0)].amount
        a, b = self.keys[right - 1], self.keys[right]
        return round(a.amount + (b.amount - a.amount) * (time - a.time) / (b.time - a.time), 3)

    def at(self, time: float) -> int | None:
        """The number of the keyframe at this time, or None."""
        times = [key.time for key in self.keys]
        return times.index(time) if time in times else None

    def with_key(self, time: float, amount: float) -> TimeLine:
        """Add a keyframe; one at the same time is replaced."""
        others = [key for key in self.keys if key.time != time]
        return replace(self, keys=tuple(sorted([*others, Keyframe(time, amount)])))

    def without(self, time: float) -> TimeLine:
        """Remove the keyframe at this time; `Refused` when there is none, or it is the last one."""
        if self.at(time) is None:
            there = ", ".join(f"{key.time:g}" for key in self.keys)
            raise Refused(f"There is no keyframe at {time:g} s. Go to one first; they are at {there} s.")
        return replace(self, keys=tuple(key for key in self.keys if key.time != time))

    def lasting(self, length: float) -> TimeLine:
        """The same keyframes in a film of another length."""
        return replace(self, length=round(length * FPS) / FPS)
