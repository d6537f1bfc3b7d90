"""Charts of curves as one crisp picture: numpy and Pillow only, some milliseconds, transparent on any page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from smis_widgets.theme import FAINT, INK, font

WIDTH, HEIGHTS = 500, (130, 186, 130)  # of the picture and of its charts, in CSS pixels
LEFT, RIGHT, TOP, BOTTOM = 48, 166, 24, 22  # around the lines of one chart
FINE = 2  # pixels of the picture for a CSS pixel
MANY = 80  # points from which on a mean is drawn over a faint curve
BLANK = (*INK, 0)


@dataclass(frozen=True, eq=False)
class Curve:
    """A named curve: x and y of equal length."""

    name: str
    x: np.ndarray
    y: np.ndarray
    colour: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Chart:
    """A title and curves on a linear or logarithmic scale, which then leaves out what is not above zero.

    `floor`: a value that a linear scale reaches down to.
    """

    title: str
    curves: tuple[Curve, ...]
    log: bool = False
    floor: float | None = None

    def values(self) -> np.ndarray:
        """All finite values that this scale can show."""
        every = np.concatenate([np.zeros(0), *(curve.y for curve in self.curves)])
        every = every[np.isfinite(every)]
        return every[every > 0] if self.log else every

    def ticks(self) -> list[float]:
        """Where the axis is labelled. The first and the last tick are its ends: all values lie between them."""
        values = self.values()
        if len(values) == 0:
            return [0.1, 1.0] if self.log else [0.0, 1.0]
        low, high = float(values.min()), float(values.max())
        if self.log:
            first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
            every = max(1, math.ceil((last - first) / 5))
            return [10.0 ** (first + every * k) for k in range(max(1, math.ceil((last - first) / every)) + 1)]
        low = low if self.floor is None else min(low, self.floor)
        step = spacing(low, high)
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        return [step * k for k in range(first, max(last, first + 1) + 1)]


def spacing(low: float, high: float, ticks: int = 4) -> float:
    """A round distance, 1, 2 or 5 times a power of ten, that makes about so many ticks.

    >>> spacing(0, 7), spacing(0, 0.9)
    (2.0, 0.2)
    """
    rough = (high - low) / ticks or max(abs(high), 1.0) / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    return float(min((m * power for m in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough))))


def running_mean(y: np.ndarray, width: int) -> np.ndarray:
    """The mean of each value and those up to `width - 1` before it.

    >>> running_mean(np.array([1.0, 3.0, 5.0]), 2).tolist()
    [1.0, 2.0, 4.0]
    """
    total = np.concatenate([[0.0], np.cumsum(y)])
    end = np.arange(1, len(y) + 1)
    begin = np.maximum(end - width, 0)
    return np.asarray((total[end] - total[begin]) / (end - begin))


def draw(charts: Sequence[Chart], last: float, scale: int = 1, smooth: bool = False) -> np.ndarray:
    """Charts below each other, x from 0 to `last`: uint8 (H, W, 4), `FINE * scale` pixels for a CSS pixel.

    `smooth` draws twice as fine and averages: for still pictures, it takes four times as long.
    """
    unit = FINE * scale * (2 if smooth else 1)
    sheet = Image.new("RGBA", (WIDTH * unit, sum(HEIGHTS) * unit), BLANK)
    top = 0
    for chart, height in zip(charts, HEIGHTS, strict=True):
        _Drawing(sheet, chart, top * unit, height * unit, last, unit).draw()
        top += height
    if smooth:  # averaged with premultiplied colours ("RGBa"), so that the edges of lines do not fade into grey
        sheet = sheet.convert("RGBa").reduce(2).convert("RGBA")
    return np.array(sheet)


class _Drawing:
    """One chart on the sheet."""

    def __init__(self, sheet: Image.Image, chart: Chart, top: int, height: int, last: float, unit: int) -> None:
        self.pen, self.chart, self.last, self.unit = ImageDraw.Draw(sheet), chart, last, unit
        self.left, self.right = LEFT * unit, sheet.width - RIGHT * unit
        self.above, self.below = top + TOP * unit, top + height - BOTTOM * unit
        self.ticks = chart.ticks()
        self.low, self.high = self.ticks[0], self.ticks[-1]

    def draw(self) -> None:
        self._frame()
        for curve in self.chart.curves:
            if len(curve.y) >= MANY:
                width = max(2, len(curve.y) // 30)
                self._line(curve.x, curve.y, (*curve.colour, 80), 1)
                self._line(curve.x, running_mean(curve.y, width), (*curve.colour, 255), 2)
            else:
                self._line(curve.x, curve.y, (*curve.colour, 255), 2)
        self._legend()

    def x(self, step: float) -> float:
        return self.left + (self.right - self.left) * step / self.last

    def y(self, value: float) -> float:
        low, high, value = (math.log10(v) if self.chart.log else v for v in (self.low, self.high, value))
        return self.below - (self.below - self.above) * (value - low) / (high - low)

    def _frame(self) -> None:
        unit, pen, ink = self.unit, self.pen, (*INK, 255)
        title = self.chart.title + (", logarithmic" if self.chart.log else "")
        pen.text((self.left, self.above - 8 * unit), title, fill=ink, font=font(12 * unit), anchor="ls")
        for tick in self.ticks:
            y = self.y(tick)
            pen.line((self.left, y, self.right, y), FAINT if tick == 0 else (*INK, 50), unit)
            pen.text((self.left - 6 * unit, y), number(tick), fill=ink, font=font(11 * unit), anchor="rm")
        step = max(1.0, spacing(0, self.last))
        for k in range(int(self.last / step + 1e-9) + 1):
            x = self.x(k * step)
            pen.line((x, self.below, x, self.below + 4 * unit), (*INK, 160), unit)
            pen.text((x, self.below + 6 * unit), f"{k * step:,.0f}", fill=ink, font=font(11 * unit), anchor="ma")
        pen.text((self.right + 22 * unit, self.below + 6 * unit), "steps", fill=ink, font=font(11 * unit), anchor="la")

    def _line(self, x: np.ndarray, y: np.ndarray, colour: tuple[int, int, int, int], width: int) -> None:
        """One polyline; values that the scale cannot show part it."""
        shown = np.isfinite(y) & ((y > 0) | (not self.chart.log))
        start = 0
        for end in [*np.flatnonzero(~shown).tolist(), len(y)]:
            points = [(self.x(a), self.y(max(b, self.low))) for a, b in zip(x[start:end], y[start:end], strict=True)]
            if len(points) > 1:
                self.pen.line(points, colour, width * self.unit, joint="curve")
            if points and len(y) < 20:
                for px, py in points:
                    r = 2 * self.unit
                    self.pen.ellipse((px - r, py - r, px + r, py + r), colour)
            start = end + 1

    def _legend(self) -> None:
        """Names with the last value, from the highest curve to the lowest."""
        unit = self.unit
        known = [curve for curve in self.chart.curves if len(curve.y)]
        left, line = self.right + 14 * unit, min(17 * unit, (self.below - self.above) // max(1, len(known)))
        for row, curve in enumerate(sorted(known, key=lambda curve: -float(curve.y[-1]))):
            y = self.above + row * line + line // 2
            self.pen.line((left, y, left + 12 * unit, y), (*curve.colour, 255), 3 * unit)
            words = f"{curve.name}  {curve.y[-1]:.3g}"
            if self.chart.log and not (curve.y > 0).any():
                words += " (below 0)"
            self.pen.text((left + 18 * unit, y), words, fill=(*INK, 255), font=font(11 * unit), anchor="lm")


def number(value: float) -> str:
    """A tick's label, short.

    >>> [number(v) for v in (0.0, 0.30000000000000004, 20.0, 1500.0, 1e-05)]
    ['0', '0.3', '20', '1500', '1e-05']
    """
    return f"{round(value, 10):.4g}"
