"""Semantic manipulation without a screen: a label map, the actions that made it, and the way back.

`PainterState` holds the map and its history; every edit is an `Action` (see `actions.py`), so a session is a script.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from smis.labels import LabelSet
from smis.outside import parse_json, shortened
from smis_widgets.base import Refused
from smis_widgets.painter import brushes
from smis_widgets.painter.actions import MOST_POINTS, STAMPS, Action, text_to_map
from smis_widgets.theme import letter

FORMAT = "smis-painting-1"
REPLAY = 20.0  # seconds of work for a session that is loaded: some 20,000 edits
TOOLS = ("brush", "erase", "fill", "rectangle", "polygon", "replace", "move", "pick", "stamp", "look")


@dataclass(frozen=True, eq=False)
class Scenes:
    """The examples: label maps uint8 (N, H, W) to start from and to cut stamps from."""

    label_set: LabelSet
    labels: np.ndarray
    pieces: dict[tuple[int, int], brushes.Piece | None] = field(default_factory=dict, repr=False)  # cut so far

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)"""
        return self.labels.shape[1], self.labels.shape[2]

    def piece(self, example: int, c: int) -> brushes.Piece | None:
        """The largest region of class `c` of an example with what it surrounds; None where it has none."""
        if (example, c) not in self.pieces:
            self.pieces[example, c] = brushes.cut(self.labels[example], c)
        return self.pieces[example, c]

    def having(self, c: int) -> list[int]:
        """The examples that show class `c`."""
        return [n for n, labels in enumerate(self.labels) if (labels == c).any()]

    def number(self, name: str) -> int:
        """The example of a letter. Raises Refused when there is none."""
        names = [letter(n) for n in range(len(self.labels))]
        if name not in names:
            raise Refused(f"There is no example {shortened(name)!r}: they are called {names[0]} to {names[-1]}.")
        return names.index(name)

    def index(self, name: str) -> int:
        """The id of a class. Raises Refused when there is none."""
        if name not in self.label_set.classes:
            raise Refused(f"There is no class {shortened(name)!r}. There are: {', '.join(self.label_set.classes)}.")
        return self.label_set.classes.index(name)

    def digest(self) -> str:
        """What tells these label maps from others."""
        return hashlib.sha256(self.labels.tobytes()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Edit:
    """A done action, and how to take it back: the part of the map as it was before, and the scene."""

    action: Action
    place: tuple[slice, slice]
    before: np.ndarray
    scene: int


@dataclass(frozen=True, eq=False)
class PainterState:
    """The map uint8 (H, W), the scene it started from, the way there, what was taken back; and what the hand holds.

    The scene gives the codes of its classes, and what the eraser brings back. `tool`, `c` (the class to paint with),
    `size` (of the brush), `donor` (the example that stamps come from), `tall` (the stamp's height) and `mirrored`
    belong to no action: undo leaves them alone. Sizes are in pixels of the map. Methods return new states; `Refused`
    says why not.
    """

    scenes: Scenes
    scene: int
    labels: np.ndarray
    done: tuple[Edit, ...] = ()
    undone: tuple[Action, ...] = ()
    tool: str = "brush"
    c: int = 0
    size: float = 6
    donor: int = 0
    tall: float = 1
    mirrored: bool = False

    @classmethod
    def start(cls, scenes: Scenes, scene: int = 0) -> PainterState:
        """An example as it is. The hand holds a brush of a twelfth of the map, and the second largest class."""
        areas = np.bincount(scenes.labels[scene].ravel(), minlength=2)
        c = int(np.argsort(-areas, kind="stable")[1]) if len(scenes.label_set) > 1 else 0
        return cls(scenes, scene, scenes.labels[scene], size=max(2, scenes.shape[0] // 12), donor=-1).holding(c=c)

    # --- editing --------------------------------------------------------------------------------------------------
    def do(self, action: Action) -> PainterState:
        """The state after an edit; what had been taken back is forgotten. Raises Refused when it changes nothing."""
        points = max((len(value) for value in action.values if isinstance(value, tuple)), default=0)
        if points > MOST_POINTS:
            raise Refused(f"One {action.verb} goes along at most {MOST_POINTS:,} points, this one has {points:,}.")
        labels, scene = self._after(action)
        differ = labels != self.labels
        if not differ.any() and scene == self.scene:
            raise Refused(f"Nothing changed: {NOTHING.get(action.verb, 'the map was like that already.')}")
        rows, columns = np.flatnonzero(differ.any(1)), np.flatnonzero(differ.any(0))
        place = np.s_[0:0, 0:0] if not len(rows) else np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        edit = Edit(action, place, self.labels[place].copy(), self.scene)
        labels.setflags(write=False)
        return replace(self, scene=scene, labels=labels, done=(*self.done, edit), undone=())

    def undo(self) -> PainterState:
        """The state before the last edit."""
        if not self.done:
            raise Refused("There is nothing to undo.")
        edit, labels = self.done[-1], self.labels.copy()
        labels[edit.place] = edit.before
        labels.setflags(write=False)
        done, undone = self.done[:-1], (edit.action, *self.undone)
        return replace(self, scene=edit.scene, labels=labels, done=done, undone=undone)

    def redo(self) -> PainterState:
        """The state before the last undo."""
        if not self.undone:
            raise Refused("There is nothing to redo.")
        return replace(self.do(self.undone[0]), undone=self.undone[1:])

    def reset(self) -> PainterState:
        """As at the start, with everything undone: redo brings it back."""
        first = self.done[0].scene if self.done else self.scene
        undone = (*(edit.action for edit in self.done), *self.undone)
        return replace(PainterState.start(self.scenes, first), undone=undone)

    def preview(self, action: Action) -> np.ndarray:
        """The map (H, W) as an action would leave it."""
        return self._after(action)[0]

    def holding(self, tool: str | None = None, c: int | None = None, size: float | None = None) -> PainterState:
        """Another tool or class, or another size of the brush (with a stamp in hand: of the stamp)."""
        if tool is not None and tool not in TOOLS:
            raise Refused(f"There is no tool {tool!r}. There are: {', '.join(TOOLS)}.")
        state, shape = replace(self, tool=tool or self.tool, c=self.c if c is None else c), self.scenes.shape
        having = self.scenes.having(state.c)
        if having and (state.c != self.c or state.donor not in having):
            # Stamps come from the next example that shows the class, and all of it.
            state = replace(
                state, donor=min(having, key=lambda n: (not self._piece(n, state.c).whole(shape), n <= self.scene, n))
            )
        if (state.donor, state.c) != (self.donor, self.c) and having:  # as tall as it was cut
            state = replace(state, tall=len(self._piece(state.donor, state.c).mask))
        if size is None:
            return state
        size = min(max(size, 1), self.scenes.shape[0])
        return replace(state, tall=size) if state.tool == "stamp" else replace(state, size=size)

    def stamping(self, donor: int) -> PainterState:
        """A stamp of the class in hand, cut from this example."""
        return replace(self, donor=donor, tool="stamp", tall=len(self._piece(donor, self.c).mask))

    def stamp(self) -> brushes.Piece:
        """The stamp in hand. Raises Refused when the donor shows no such class."""
        piece = self._piece(self.donor, self.c).resized(self.tall)
        return piece.mirrored() if self.mirrored else piece

    # --- what can be read off ---------------------------------------------------------------------------------------
    @property
    def original(self) -> np.ndarray:
        """The scene's own label map (H, W): what the eraser brings back."""
        return self.scenes.labels[self.scene]

    @property
    def script(self) -> list[str]:
        """The actions so far, one line each."""
        return [str(edit.action) for edit in self.done]

    def areas(self) -> np.ndarray:
        """The share of the map that each class covers (C,)."""
        return np.bincount(self.labels.ravel(), minlength=len(self.scenes.label_set)) / self.labels.size

    def stamped_from(self) -> dict[int, int]:
        """For each class that came with a stamp, the example of the latest one."""
        stamps = [edit.action.values for edit in self.done if edit.action.verb in STAMPS]
        return {self.scenes.index(name): self.scenes.number(where) for name, where, *_ in stamps}

    # --- a session as JSON ------------------------------------------------------------------------------------------
    def to_json(self) -> str:
        """The whole session: which examples it needs, where it began, what was done and what was taken back."""
        first = self.done[0].scene if self.done else self.scene
        return json.dumps(
            {**self._head(), "scene": letter(first), "done": self.script, "undone": [*map(str, self.undone)]}, indent=1
        )

    def from_json(self, text: str) -> PainterState:
        """A saved session, played again on these examples.

        Raises Refused when it was made with others, is damaged, or takes longer than `REPLAY` to play again.
        """
        try:
            data: Any = parse_json(text)
        except ValueError as error:
            raise Refused(f"This is no session: not JSON ({error}). Load a file that Save session wrote.") from error
        head, wanted = self._head(), data if isinstance(data, dict) else {}
        for key, value in head.items():
            if wanted.get(key) != value:
                raise Refused(
                    f"This session does not fit: its {key} is {shortened(wanted.get(key, 'missing'))}, here it is "
                    f"{value}. Open the painter with the network and the examples that the session was made with."
                )
        try:
            first = self.scenes.number(wanted["scene"])
            state = replace(self, scene=first, labels=self.scenes.labels[first], done=(), undone=())
            start = time.process_time()
            for number, line in enumerate(wanted["done"]):
                if time.process_time() - start > REPLAY:
                    raise Refused(
                        f"This session takes too long: {number:,} of its {len(wanted['done']):,} edits took more than "
                        f"{REPLAY:g} s. Load the label map that Save labels wrote instead."
                    )
                state = state.do(Action.parse(line))
            return replace(state, undone=tuple(Action.parse(line) for line in wanted["undone"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise Refused(
                f"This session is damaged ({shortened(repr(error))}). Load a file that Save session wrote."
            ) from error

    def _head(self) -> dict[str, Any]:
        scenes = self.scenes
        return {
            "format": FORMAT,
            "label_set": scenes.label_set.name,
            "size": [*scenes.shape],
            "examples": scenes.digest(),
        }

    # --- the verbs ----------------------------------------------------------------------------------------------------
    def _after(self, action: Action) -> tuple[np.ndarray, int]:
        """The map and the scene after an action."""
        labels, values, shape = self.labels, action.values, self.scenes.shape
        if action.verb == "scene":
            scene = self.scenes.number(values[0])
            return self.scenes.labels[scene].copy(), scene
        if action.verb == "load":
            return self._loaded(text_to_map(values[0])), self.scene
        return self._painted(action.verb, values, labels, shape), self.scene

    def _painted(self, verb: str, values: tuple[Any, ...], labels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
        if verb == "erase":
            return brushes.painted(labels, brushes.stroke(shape, values[1], values[0]), self.original)
        try:
            if verb == "move":
                return brushes.moved(labels, *values)
            c = self.scenes.index(values[0])
            if verb == "fill":
                return brushes.painted(labels, brushes.region(labels, values[1]), c)
        except ValueError as error:
            raise Refused(f"{error}.") from error
        if verb in STAMPS:
            piece = self._piece(self.scenes.number(values[1]), c).resized(values[2])
            return (piece.mirrored() if verb == "mirror" else piece).stamped(labels, values[3])
        if verb == "replace":
            return brushes.painted(labels, labels == c, self.scenes.index(values[1]))
        if verb == "polygon" and len(values[1]) < 3:
            raise Refused("A polygon needs three corners or more.")
        shapes: dict[str, Callable[..., np.ndarray]] = {
            "brush": brushes.stroke,
            "rectangle": brushes.rectangle,
            "polygon": brushes.polygon,
        }
        rest = (values[2], values[1]) if verb == "brush" else values[1:]
        return brushes.painted(labels, shapes[verb](shape, *rest), c)

    def _piece(self, donor: int, c: int) -> brushes.Piece:
        piece = self.scenes.piece(donor, c)
        if piece is None:
            name, having = self.scenes.label_set.classes[c], self.scenes.having(c)
            where = ", ".join(letter(n) for n in having) or "none of these examples"
            raise Refused(f"{letter(donor)} shows no {name}, so there is no stamp to cut. It can be had from: {where}.")
        return piece

    def _loaded(self, labels: np.ndarray) -> np.ndarray:
        if labels.shape != self.scenes.shape:
            raise Refused(
                f"This label map is {labels.shape[1]} x {labels.shape[0]} pixels, the network needs "
                f"{self.scenes.shape[1]} x {self.scenes.shape[0]} (width x height): resize it without blending."
            )
        try:
            self.scenes.label_set.check(labels)
        except ValueError as error:
            raise Refused(f"{error}.") from error
        return labels.astype(np.uint8)


NOTHING = {
    "brush": "this place has the class in hand already. Choose another class at the left.",
    "erase": "this place is as in the scene already.",
    "fill": "this region has the class in hand already. Choose another class at the left.",
    "replace": "the map has no pixel of the class to replace, or it is the class in hand.",
    "move": "drag a region by a pixel or more.",
    "scene": "this scene is shown, and nothing was painted.",
}
