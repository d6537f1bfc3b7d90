"""The painter's hand: presses, drags and releases become actions, with a trace or a ghost on the easel meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smis_widgets.base import Refused
from smis_widgets.painter import brushes
from smis_widgets.painter.actions import Action, rounded
from smis_widgets.painter.brushes import Point
from smis_widgets.painter.easel import Easel
from smis_widgets.painter.state import PainterState
from smis_widgets.theme import letter

CLICKS = ("fill", "replace", "pick", "stamp")  # tools for which a press is enough
NEAR = 10  # CSS pixels: a click this near to a polygon's first corner closes it


class Hand:
    """Turns the pointer's way over an easel into actions.

    Args:
        state: tells the present state.
        act: takes a finished action.
        pick: takes the class that the eyedropper found.
        follow: takes the map (H, W) as it looks while a stroke is under way.
        look: takes the place that was grabbed and the place under the pointer now, to move what the easel shows.
    """

    def __init__(
        self,
        state: Callable[[], PainterState],
        act: Callable[[Action], None],
        pick: Callable[[int], None],
        follow: Callable[[np.ndarray], None],
        look: Callable[[Point, Point], None],
    ) -> None:
        self.state, self.act, self.pick, self.follow, self.look = state, act, pick, follow, look
        self.easel: Easel
        self.points: list[Point] = []  # of the stroke under way, or the corners of the polygon
        self.mask: np.ndarray | None = None  # what the stroke has covered so far
        self.pressed = False
        self.at: Point | None = None  # where the pointer was last

    def down(self, x: float, y: float) -> None:
        """A press: a click tool acts, the polygon gets a corner, others begin."""
        state, at = self.state(), rounded(x, y)
        if state.tool == "pick":
            self.pick(int(state.labels[brushes.pixel(state.labels.shape, at)]))
        elif state.tool in CLICKS:
            self.act(action_of(state, [at]))
        elif state.tool == "polygon":
            self._corner(at)
        else:
            self.points, self.pressed = [at], True
            if state.tool == "look":
                return
            self.mask = np.zeros(state.labels.shape, bool)
            self._draw(state, [at])

    def move(self, x: float, y: float) -> None:
        """On the way: the stroke goes on, or the guide follows."""
        state, at = self.state(), rounded(x, y)
        self.at = at
        if self.pressed and state.tool == "look":
            self.look(self.points[0], at)
        elif self.pressed:
            if at != self.points[-1]:
                self.points.append(at)
                self._draw(state, self.points[-2:])
        elif state.tool == "polygon" and self.points:
            self.easel.line([*self.points, at])
        elif state.tool == "stamp":
            piece = state.stamp()
            self.easel.ghost(piece.cover(state.labels.shape, at), piece.stamped(state.labels, at))
        elif state.tool in ("brush", "erase"):
            self.easel.ring(at, state.size)

    def up(self, x: float, y: float) -> None:
        """A release: the stroke becomes an action."""
        if not self.pressed:
            return
        state, at = self.state(), rounded(x, y)
        if at != self.points[-1]:
            self.points.append(at)
        points = self.points
        self.cancel()
        if state.tool == "look":
            return
        if state.tool in ("rectangle", "move") and points[0] == points[-1]:
            raise Refused(f"Drag the mouse from one place to another to use the {state.tool} tool.")
        self.act(action_of(state, points))

    def out(self, x: float, y: float) -> None:
        """The pointer left: what was begun is done, as a release elsewhere would go unnoticed."""
        if self.pressed:
            self.up(*self.points[-1])
        if not self.points:
            self.easel.clear_guides()

    def finish(self) -> None:
        """Close the polygon."""
        if self.points and not self.pressed:
            points = self.points
            self.cancel()
            self.act(action_of(self.state(), points))

    def cancel(self) -> None:
        """Forget what was begun."""
        self.points, self.mask, self.pressed = [], None, False
        self.easel.clear_guides()

    def _corner(self, at: Point) -> None:
        if len(self.points) >= 3:
            (x0, y0), (x1, y1) = self.points[0], self.points[-1]
            near = min((at[0] - x0) ** 2 + (at[1] - y0) ** 2, (at[0] - x1) ** 2 + (at[1] - y1) ** 2)
            if near * self.easel.zoom**2 <= NEAR**2:
                return self.finish()
        self.points.append(at)
        self.easel.line(self.points)

    def _draw(self, state: PainterState, fresh: list[Point]) -> None:
        """Show the stroke under way, of which `fresh` is the latest part."""
        shape = state.labels.shape
        if state.tool in ("brush", "erase"):
            assert self.mask is not None
            covered = brushes.stroke((shape[0], shape[1]), fresh, state.size)
            value: int | np.ndarray = state.c if state.tool == "brush" else state.original
            new = covered & ~self.mask
            self.mask |= covered
            labels = brushes.painted(state.labels, self.mask, value)
            self.easel.trace(new, labels)
            self.easel.ring(fresh[-1], state.size)
            self.follow(labels)
        elif state.tool == "rectangle":
            (x0, y0), (x1, y1) = self.points[0], self.points[-1]
            self.easel.line([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], closed=True)
        else:
            labels = state.preview(action_of(state, [self.points[0], self.points[-1]]))
            start = brushes.region(state.labels, self.points[0])
            self.easel.ghost((labels != state.labels) | start, labels)


def action_of(state: PainterState, points: list[Point]) -> Action:
    """The action of the tool in hand along these points."""
    names = state.scenes.label_set.classes
    name, first, last = names[state.c], points[0], points[-1]
    if state.tool == "replace":
        return Action("replace", (names[state.labels[brushes.pixel(state.labels.shape, last)]], name))
    values = {
        "brush": (name, state.size, tuple(points)),
        "erase": (state.size, tuple(points)),
        "fill": (name, last),
        "rectangle": (name, first, last),
        "polygon": (name, tuple(points)),
        "move": (first, last),
        "stamp": (name, letter(state.donor), state.tall, last),
    }
    return Action("mirror" if state.tool == "stamp" and state.mirrored else state.tool, values[state.tool])
