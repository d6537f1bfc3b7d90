"""What must hold after every event, whatever it was. `Watch(panel, page).check()` raises AssertionError."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from typing import Any

import ipycanvas.canvas
import ipywidgets as widgets
import numpy as np
from ipycanvas import Canvas

from smis_widgets import Controllers, Mixer, Morpher, Painter, TrainingMonitor
from smis_widgets.base import Frame, Panel, parts
from smis_widgets.cg_norm import CGNormExplorer
from smis_widgets.cg_norm.features import Inside
from smis_widgets.controllers.bench import Bench
from smis_widgets.controllers.state import AXES, FAR
from smis_widgets.surface import Surface
from tests.widgets.luck.page import Page, _json
from tests.widgets.luck.slow_painter import Replay

SEEN = ("value", "index", "disabled", "description", "min", "max", "playing", "icon", "options", "tooltip")


class Watch:
    """Remembers what a widget was like, to compare."""

    def __init__(self, panel: Panel[Any], page: Page, rounding: int = 0) -> None:
        """`rounding`: levels by which pictures may differ: a renderer, which draws what changed, rounds otherwise."""
        self.rounding = rounding
        self.panel, self.page = panel, page
        self.surfaces = surfaces(panel)
        self.state = panel.state
        self.replay = Replay(panel.scenes.labels) if isinstance(panel, Painter) else None

    def check(self, thorough: bool = False) -> None:
        """All rules; `thorough`: every trait of every part, and the picture also when the state is the same object."""
        panel = self.panel
        assert not self.page.escaped, f"an error escaped: {self.page.escaped}"
        self.quiet()
        assert words(panel), "the status line is empty"
        valid(panel.state)
        self.same_in_browser(thorough)
        self.controls_agree()
        if thorough or panel.state is not self.state:
            self.pictures_agree()
        self.locks_hold()
        self.state = panel.state

    def quick(self) -> None:
        """What must hold even right after an interrupt, before the next request tidies up."""
        assert not self.panel._busy, "the panel believes that its controls are being set: it would not answer any more"
        valid(self.panel.state)
        if not isinstance(self.panel, TrainingMonitor):  # it reads the run before it draws: news without a picture yet
            self.pictures_agree()

    def quiet(self) -> None:
        """No busy mark, nothing held back, no thread."""
        panel, manager = self.panel, ipycanvas.canvas._CANVAS_MANAGER
        assert not panel._busy, "the panel believes that its controls are being set: it would not answer any more"
        assert not manager._caching, "ipycanvas holds all drawings back, for the whole kernel"
        assert not manager._commands_cache, "drawings were never sent"
        assert not panel._property_lock
        moving = isinstance(panel, TrainingMonitor) and panel.run is not None and panel.run.read().moving
        if not moving:
            assert threading.active_count() == 1, f"a thread is left: {threading.enumerate()}"
        for part in parts(panel):
            assert "smis-now" not in part._dom_classes, "the busy mark stays"
            shown = isinstance(part, widgets.HTML) and "smis-busy" not in part._dom_classes
            if shown and 'class="smis-working' in part.value:
                assert moving or "training" in part.value, f"the busy mark stays: {part.value}"
            if isinstance(part, widgets.IntProgress):
                assert part.layout.visibility == "hidden", "the progress bar stays"

    def same_in_browser(self, thorough: bool) -> None:
        """What the browser shows is what the kernel believes."""
        for part in parts(self.panel):
            shown = self.page.models[part.model_id]
            keys = None if thorough else [key for key in SEEN if key in shown and key in part.keys]
            for key, value in part.get_state(keys).items():
                if not isinstance(value, (list, tuple)) or thorough:
                    value = json.loads(json.dumps(_json(value), default=str))
                elif key == "options":
                    continue
                if key != "value" or not isinstance(part, widgets.FileUpload):
                    assert shown[key] == value, (
                        f"{type(part).__name__} {getattr(part, 'description', '')!r}: the browser shows "
                        f"{key} {shown[key]!r}, the kernel has {value!r}"
                    )
        for surface in self.surfaces:
            canvas = surface.widget
            screen = self.page.screens.get(canvas.model_id)
            if screen is None:
                assert not surface.image.any(), "a picture was never sent"
            else:
                assert np.array_equal(screen, surface.image), "the browser shows another picture than the kernel has"

    def controls_agree(self) -> None:
        """Setting the controls from the state again changes none of them."""
        before = {id(part): (part, control(part)) for part in parts(self.panel)}
        self.panel._set_controls()
        for part in parts(self.panel):
            assert id(part) in before, "a control was made anew"
            if isinstance(part, widgets.Text) and not before[id(part)][1]["value"].strip():
                continue  # half-way through typing
            if isinstance(part, widgets.HTML) and "under the mouse" in before[id(part)][1]["value"]:
                continue  # for a moment, and not in the state
            stood, said = before[id(part)][1], control(part)
            if isinstance(part, widgets.FloatSlider) and abs(stood["value"] - said["value"]) <= part.step / 2 + 1e-9:
                stood = {**stood, "value": said["value"]}  # the browser rounds to its step: `controls.moved`
            name = f"{type(part).__name__} {getattr(part, 'description', '')!r}"
            assert said == stood, f"{name} stood at {stood}, the state says {said}"

    def pictures_agree(self) -> None:
        """The pictures on the screen are those of the state, drawn afresh."""
        panel = self.panel
        if isinstance(panel, TrainingMonitor):
            progress = panel.state.progress
            if panel.run is not None and (progress.moving or panel.run.read() is not progress):
                return  # it trains: the browser's timer asks for the news
        if isinstance(panel, Painter) and panel.hand.pressed:
            return  # a stroke under way is on the screen, and not in the state
        shown = [surface.image.copy() for surface in self.surfaces]
        frame = fresh(panel)
        assert frame.error is None, f"a fresh drawing fails: {frame.error}"
        assert (frame.image is None) == (panel.frame.image is None)
        if frame.image is not None:
            assert self.same(frame.image, panel.frame.image), "the panel's picture is not that of its state"
        kept = panel.frame
        if isinstance(panel, Painter):
            panel._on_screen = None
            panel.easel.show(panel.state.labels)
        if isinstance(panel, TrainingMonitor):
            panel._shown = None
        panel.show(frame)
        if isinstance(panel, Painter):
            panel._on_screen = kept.image
        for surface, image in zip(self.surfaces, shown, strict=True):
            assert self.same(surface.image, image), "a fresh drawing shows another picture"

    def same(self, one: np.ndarray, other: np.ndarray) -> bool:
        return bool(np.abs(one.astype(int) - other).max() <= self.rounding)

    def locks_hold(self) -> None:
        """What is special to a widget: locks, sessions, and the painter's slow model."""
        panel, was, now = self.panel, self.state, self.panel.state
        if isinstance(panel, Mixer) and now.locked:
            for c in was.locked & now.locked:
                assert (now.sources[c], now.weights[c]) == (was.sources[c], was.weights[c]), "a lock did not hold"
        if isinstance(panel, Controllers) and now.locked:
            for c in was.locked & now.locked:
                assert now.choices[c] == was.choices[c], "a lock did not hold"
        if isinstance(panel, Morpher) and now is not was:
            assert now.reset().from_json(now.to_json()) == now, "the session gives another state"
        if isinstance(panel, Painter) and now is not was:
            self.painting()

    def painting(self) -> None:
        """Undo all and redo all give the same maps; the session gives the same map; so does the slow model."""
        state = self.panel.state
        first = state.done[0].scene if state.done else state.scene
        assert self.replay is not None
        scene, labels = self.replay.play(first, state.script)
        assert scene == state.scene
        assert np.array_equal(labels, state.labels), f"the slow model paints another map: {state.script[-1:]}"
        if len(state.done) <= 12:
            maps, back = [state.labels], state
            while back.done:
                back = back.undo()
                maps.append(back.labels)
            assert np.array_equal(back.labels, self.panel.scenes.labels[first]), "undo does not lead to the start"
            for labels in reversed(maps[:-1]):
                back = back.redo()
                assert np.array_equal(back.labels, labels), "redo gives another map"
            assert [*map(str, back.undone)] == [*map(str, state.undone)], "undo and redo lose what was undone before"
            again = state.reset().from_json(state.to_json())
            assert np.array_equal(again.labels, state.labels), "the session gives another map"
            assert again.scene == state.scene


def words(panel: Panel[Any]) -> str:
    """What the status line says, without its tags."""
    return re.sub(r"<[^>]*>", "", panel.status.value).strip()


def control(part: widgets.Widget) -> dict[str, Any]:
    """What a reader sees of a control."""
    seen = {key: getattr(part, key) for key in SEEN if hasattr(part, key)}
    return seen | {"classes": sorted(getattr(part, "_dom_classes", ())), "children": len(getattr(part, "children", ()))}


def surfaces(panel: Panel[Any]) -> list[Surface]:
    """The pictures of a panel, in order."""
    return [handler.__self__ for canvas in parts(panel) if isinstance(canvas, Canvas)
            for handler in canvas._client_ready_callbacks.callbacks
            if isinstance(getattr(handler, "__self__", None), Surface)]  # fmt: skip


def fresh(panel: Panel[Any]) -> Frame:
    """The frame of the panel's state, with nothing remembered."""
    state = panel.state
    if isinstance(panel, Controllers):
        from smis_widgets.controllers.bench import render

        return render(state, Bench(panel.studio))
    if isinstance(panel, Painter):
        from smis_widgets.painter.atelier import render as draw

        return draw(state, dataclasses.replace(panel.atelier, images=type(panel.atelier.images)()))
    if isinstance(panel, CGNormExplorer):
        kept, panel.inside = panel.inside, Inside(panel.inside.model, panel.inside.studio)
        try:
            return panel.compute(state)
        finally:
            panel.inside = kept
    if isinstance(panel, TrainingMonitor):
        from smis_widgets.training.state import render as chart

        return chart(state)
    return panel.compute(state)


def valid(state: Any) -> None:
    """The state's own checks, and what they leave out."""
    again = dataclasses.replace(state)
    assert type(again) is type(state)
    for name in ("scene", "mask", "a", "b", "chosen", "c", "donor", "block", "channel"):
        value = getattr(state, name, None)
        assert value is None or not isinstance(value, int) or value >= 0, f"{name} is {value}"
    for choice in getattr(state, "choices", ()):
        assert len(choice.axes) == AXES
        assert all(-FAR <= far <= FAR for far in choice.axes)
        assert 0 <= choice.truncation <= 1
    for weight in getattr(state, "weights", ()):
        assert 0 <= weight <= 1
    if hasattr(state, "labels"):
        assert 1 <= state.size <= state.labels.shape[0], f"the brush has a size of {state.size}"
        assert 1 <= state.tall <= 1000, f"the stamp has a height of {state.tall}"
        assert int(state.labels.max()) < len(state.scenes.label_set)
    if hasattr(state, "pokes"):
        assert 1 <= state.spot <= 31
        assert all(0 <= value <= 255 for value in state.colour)
    if hasattr(state, "here"):
        assert 0 <= state.pixel[0] < state.here.size[1]
        assert 0 <= state.pixel[1] < state.here.size[0]
        assert state.channel < state.channels
