"""Presses, drags and releases in any order against a model of the painter that is told the same."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from smis_widgets import Painter
from tests.widgets.fake import LABELS, FakeModel, toys
from tests.widgets.luck.slow_painter import Replay

SIDE = 16  # pixels of the toy map
INSIDE = st.tuples(*[st.integers(0, 10 * SIDE - 1).map(lambda tenth: tenth / 10)] * 2)
AROUND = st.tuples(*[st.integers(-30, 10 * SIDE + 30).map(lambda tenth: tenth / 10)] * 2)
CLASSES = st.sampled_from(LABELS.classes)


class Drawing(RuleBasedStateMachine):
    """A script is all that the model keeps: what was done, what was taken back, and what the hand holds."""

    @initialize(scene=st.integers(0, 3))
    def start(self, scene: int) -> None:
        self.painter = Painter(FakeModel(), toys(), scene=scene)
        self.model = Replay(toys().labels)
        self.first, self.done, self.undone = scene, [], []
        self.hold("brush", "hat", 3)

    def teardown(self) -> None:
        if hasattr(self, "painter"):
            self.painter.close()

    # --- what a hand does ---------------------------------------------------------------------------------------------
    @rule(tool=st.sampled_from(("brush", "erase")), name=CLASSES, size=st.integers(1, 9))
    def hold(self, tool: str, name: str, size: int) -> None:
        self.tool, self.name, self.size = tool, name, size
        self.painter.hold(tool, name, size)

    @rule(way=st.lists(AROUND, min_size=1, max_size=5))
    def stroke(self, way: list[tuple[float, float]]) -> None:
        self.painter.hold(self.tool)
        self.send("mouse_down", way[0])
        for place in way[1:]:
            self.send("mouse_move", place)
        self.send("mouse_up", way[-1])
        places = [place for k, place in enumerate(way) if k == 0 or place != way[k - 1]]
        what = f"brush {self.name}" if self.tool == "brush" else "erase"
        self.expect(f"{what} {self.size} {' '.join(f'{x:g},{y:g}' for x, y in places)}")

    @rule(a=AROUND, b=AROUND)
    def rectangle(self, a: tuple[float, float], b: tuple[float, float]) -> None:
        self.drag("rectangle", a, b)
        if a != b:
            self.expect(f"rectangle {self.name} {a[0]:g},{a[1]:g} {b[0]:g},{b[1]:g}")

    @rule(a=INSIDE, b=INSIDE)
    def move(self, a: tuple[float, float], b: tuple[float, float]) -> None:
        self.drag("move", a, b)
        if a != b:
            self.expect(f"move {a[0]:g},{a[1]:g} {b[0]:g},{b[1]:g}")

    @rule(at=INSIDE)
    def fill(self, at: tuple[float, float]) -> None:
        self.painter.hold("fill")
        self.send("mouse_down", at)
        self.send("mouse_up", at)
        self.expect(f"fill {self.name} {at[0]:g},{at[1]:g}")

    @rule(at=AROUND, donor=st.sampled_from("ABC"), mirrored=st.booleans())
    def stamp(self, at: tuple[float, float], donor: str, mirrored: bool) -> None:
        self.painter.stamp_from(donor)
        self.painter.mirror(mirrored)
        self.send("mouse_move", at)
        self.send("mouse_down", at)
        state = self.painter.state
        verb = "mirror" if mirrored else "stamp"
        self.expect(f"{verb} {self.name} {donor} {state.tall:g} {at[0]:g},{at[1]:g}")

    @rule()
    def undo(self) -> None:
        self.painter.undo()
        if self.done:
            self.undone.insert(0, self.done.pop())

    @rule()
    def redo(self) -> None:
        self.painter.redo()
        if self.undone:
            self.done.append(self.undone.pop(0))

    # --- what must be so ----------------------------------------------------------------------------------------
    @invariant()
    def same_map_and_history(self) -> None:
        scene, labels = self.model.play(self.first, self.done)
        state = self.painter.state
        assert state.script == self.done
        assert [*map(str, state.undone)] == self.undone
        assert state.scene == scene
        np.testing.assert_array_equal(state.labels, labels)
        np.testing.assert_array_equal(self.painter.easel.map.image[..., :3], np.array(LABELS.palette)[labels])

    # --- helpers ------------------------------------------------------------------------------------------------
    def drag(self, tool: str, a: tuple[float, float], b: tuple[float, float]) -> None:
        self.painter.hold(tool)
        for event, place in (("mouse_down", a), ("mouse_move", b), ("mouse_up", b)):
            self.send(event, place)

    def send(self, event: str, place: tuple[float, float]) -> None:
        x, y = (self.painter.easel.zoom * value for value in place)
        self.painter.easel.guides._handle_frontend_event(None, {"event": event, "x": x, "y": y}, [])

    def expect(self, line: str) -> None:
        """The action is done, if it changes something."""
        scene, before = self.model.play(self.first, self.done)
        after = self.model.step(scene, before.tolist(), line)[1]
        if (np.array(after) != before).any():
            self.done.append(line)
            self.undone.clear()


TestDrawing = Drawing.TestCase
TestDrawing.settings = settings(
    max_examples=15,
    stateful_step_count=20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
