"""Which part of the label map the painter's easel shows: magnified, and moved by hand. The browser does the work."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smis_widgets.base import Refused
from smis_widgets.painter.brushes import Point

MOST = 6  # times as large


@dataclass(frozen=True)
class Lens:
    """A map of `shape` (H, W), shown `times` as large, with the place `middle` (x, y) in the middle of the easel."""

    shape: tuple[int, int]
    times: float
    middle: Point

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Lens:
        """All of the map."""
        return cls(shape, 1, (shape[1] / 2, shape[0] / 2))

    def magnified(self, times: float, at: Point) -> Lens:
        """`times` as large; the place `at` stays where it is on the easel. Raises Refused outside 1 to 6."""
        if not 1 <= times <= MOST:
            raise Refused(f"The map can be shown 1 to {MOST} times as large, got {times:g}.")
        # at - middle is a distance on the easel divided by times: it shrinks as the magnification grows
        x, y = (a - (a - m) * self.times / times for a, m in zip(at, self.middle, strict=True))
        return replace(self, times=times)._centred(x, y)

    def dragged(self, grabbed: Point, now: Point) -> Lens:
        """Moved, so that what was grabbed lies under the pointer again, which is over `now`."""
        return self._centred(*(m + g - n for m, g, n in zip(self.middle, grabbed, now, strict=True)))

    def style(self, scope: str, shown: tuple[int, int]) -> str:
        """CSS for the canvases in `.scope`, an easel of `shown` (width, height) CSS pixels."""
        zoom = self.times * shown[0] / self.shape[1]  # CSS pixels for each pixel of the map
        x, y = (size / 2 - zoom * m for size, m in zip(shown, self.middle, strict=True))
        move = f"transform-origin: 0 0; transform: translate({x:.1f}px, {y:.1f}px) scale({self.times:g});"
        return f"<style>.{scope} canvas {{ {move} }}</style>"

    def _centred(self, x: float, y: float) -> Lens:
        """With its middle there, or as near as no empty border shows."""
        ends = [(side / (2 * self.times), side - side / (2 * self.times)) for side in reversed(self.shape)]
        (left, right), (top, bottom) = ends
        return replace(self, middle=(min(max(x, left), right), min(max(y, top), bottom)))
