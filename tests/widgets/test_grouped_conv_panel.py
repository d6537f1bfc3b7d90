"""The grouped convolution explorer with no browser: sliders, clicks, measuring, errors, the still picture."""

import threading

import ipywidgets as widgets
import numpy as np
import pytest

from smis_widgets import GroupedConvExplorer
from smis_widgets.base import parts
from smis_widgets.grouped_conv import panel as module
from smis_widgets.grouped_conv.pictures import RED, SHOWN, Plan
from smis_widgets.grouped_conv.state import Layer
from smis_widgets.grouped_conv.timing import Timing


@pytest.fixture
def explorer() -> GroupedConvExplorer:
    return GroupedConvExplorer()


def shown(explorer: GroupedConvExplorer) -> np.ndarray:
    return np.hstack([explorer.view.diagram.image, explorer.view.matrix.image])


def click(surface: object, x: float, y: float) -> None:
    """What the browser sends when somebody presses the mouse at a place, in CSS pixels."""
    event = {"event": "mouse_down", "x": 2.0 * x, "y": 2.0 * y}
    surface.widget._handle_frontend_event(None, event, [])  # type: ignore[attr-defined]


def test_sliders_set_the_layer(explorer: GroupedConvExplorer) -> None:
    before = shown(explorer)
    for name, value in {"channels_in": 12, "channels_out": 6, "groups": 3, "kernel": 5}.items():
        explorer.view.sliders[name].value = value
    assert explorer.state.layer == Layer(12, 6, 3, 5)
    assert "3 groups of 4 input and 2 output channels: 600 of 1,800 weights" in explorer.status.value
    assert "606" in explorer.view.numbers.value
    assert not np.array_equal(before, shown(explorer))
    explorer.reset()
    assert explorer.state.layer == Layer()
    assert [explorer.view.sliders[n].value for n in ("channels_in", "channels_out", "groups", "kernel")] == [8, 8, 4, 3]
    np.testing.assert_array_equal(shown(explorer), before)


def test_invalid_settings_are_red_and_say_what_would_fit(explorer: GroupedConvExplorer) -> None:
    explorer.view.sliders["groups"].value = 3
    assert explorer.state.layer.groups == 3
    assert "smis-wrong" in explorer.view.sliders["groups"]._dom_classes
    assert "8 channels in 3 groups: choose 1, 2, 4 or 8" in explorer.status.value
    assert "smis-error" in explorer.status.value
    red = (shown(explorer)[..., :3] == RED).all(2) & (shown(explorer)[..., 3] == 255)
    assert red.sum() > 500
    assert explorer.measure() is None
    assert "Nothing to measure: 8 channels in 3 groups" in explorer.status.value
    explorer.set(groups=2)
    assert "smis-wrong" not in explorer.view.sliders["groups"]._dom_classes
    assert not ((shown(explorer)[..., :3] == RED).all(2) & (shown(explorer)[..., 3] == 255)).any()


def test_click_and_slider_look_at_a_unit(explorer: GroupedConvExplorer) -> None:
    plan = Plan(explorer.state.layer)
    click(explorer.view.diagram, *plan.centre(("output", 5)))
    assert explorer.state.chosen == ("output", 5)
    assert explorer.view.unit.value == 1 + 8 + 5
    assert explorer.view.unit_name.value == "output 5"
    assert "Output 5 (group 2) sees inputs 4 and 5: 2 of 8." in explorer.status.value
    click(explorer.view.diagram, *plan.centre(("output", 5)))  # once more lets it go
    assert explorer.state.chosen is None
    left, top, *_ = plan.cell(3, 6)
    click(explorer.view.matrix, left + 2, top + 2)
    assert explorer.state.chosen == ("output", 3)
    explorer.view.unit.value = 1 + 6
    assert explorer.state.chosen == ("input", 6)
    click(explorer.view.diagram, SHOWN[0] / 2, 5)  # beside everything
    assert explorer.state.chosen is None
    explorer.look("input", 2)
    assert "Input 2 (group 1) reaches outputs 2 and 3" in explorer.status.value
    explorer.look("input", 9)
    assert "numbered 0 to 7, got 9" in explorer.status.value
    assert explorer.state.chosen == ("input", 2)


def test_the_button_measures_and_the_time_stays_out_of_what_is_compared(explorer: GroupedConvExplorer) -> None:
    words, picture = repr(explorer), explorer.snapshot().tobytes()
    assert "press Measure" in explorer.view.numbers.value
    next(b for b in parts(explorer) if getattr(b, "description", "") == "Measure").click()
    assert explorer.times[Layer()].grouped > 0
    assert f"{1e3 * explorer.times[Layer()].grouped:.3f} ms" in explorer.view.numbers.value
    assert explorer.view.busy.value == ""
    assert (repr(explorer), explorer.snapshot().tobytes()) == (words, picture)
    explorer.set(kernel=5)
    assert "press Measure" in explorer.view.numbers.value, "the time of other settings must not stay"
    explorer.set(kernel=3)
    assert "ms" in explorer.view.numbers.value


def test_dragging_measures_nothing(explorer: GroupedConvExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "measure", lambda layer: pytest.fail("measured while dragging"))
    for groups in range(1, 9):
        explorer.view.sliders["groups"].value = groups
    assert explorer.times == {}


def test_the_busy_mark_shows_while_it_measures(explorer: GroupedConvExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def slow(layer: Layer) -> Timing:
        seen.append(explorer.view.busy.value)
        return Timing(0.002, 0.004)

    monkeypatch.setattr(module, "measure", slow)
    explorer.measure()
    assert "measuring" in seen[0]
    assert "2.0 times as fast, with 1/4 of the multiply-adds" in explorer.view.numbers.value


@pytest.mark.parametrize("where", ["draw", "measure", "Plan", "describe"])
def test_a_fault_in_any_callback_is_shown_and_the_last_good_picture_stays(
    explorer: GroupedConvExplorer, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, state = shown(explorer), explorer.state
    broken = [True]
    real = getattr(module, where)

    def fault(*args: object) -> object:
        if broken[0]:
            broken[0] = where != "describe"  # the words fail once, or nothing could be said at all
            raise RuntimeError("a <fault>")
        return real(*args)

    monkeypatch.setattr(module, where, fault)
    if where == "measure":
        explorer.measure()
    elif where == "Plan":
        click(explorer.view.diagram, 62, 200)
    else:
        explorer.view.sliders["kernel"].value = 5
    assert "RuntimeError: a &lt;fault&gt;" in explorer.status.value
    if where != "describe":
        np.testing.assert_array_equal(shown(explorer), good)
        assert explorer.state == state
        assert explorer.view.sliders["kernel"].value == 3
    broken[0] = False
    explorer.set(groups=2)
    assert "RuntimeError" not in explorer.status.value


def test_strict_raises_and_bad_arguments_are_named() -> None:
    explorer = GroupedConvExplorer(strict=True)
    with pytest.raises(ValueError, match="numbered 0 to 7"):
        explorer.look("output", 8)
    with pytest.raises(ValueError, match="kernel must be one of 1, 3, 5 or 7, got 4"):
        GroupedConvExplorer(kernel=4)
    assert GroupedConvExplorer(8, 8, 3).state.layer.complaint is not None


def test_names_itself_and_every_control_has_a_name(explorer: GroupedConvExplorer) -> None:
    assert repr(explorer) == "GroupedConvExplorer(8 -> 8 channels, 4 groups, kernel 3)"
    bundle = explorer._repr_mimebundle_()
    assert (bundle[0] if isinstance(bundle, tuple) else bundle)["text/plain"] == repr(explorer)
    controls = [p for p in parts(explorer) if isinstance(p, (widgets.IntSlider, widgets.Button))]
    assert len(controls) == 5 + 2
    assert all(c.description and c.tooltip for c in controls)


def test_the_still_picture_follows_the_state(explorer: GroupedConvExplorer) -> None:
    seen = []
    for change in ({}, {"groups": 8}, {"groups": 3}, {"groups": 1, "kernel": 7}):
        explorer.set(**change)
        picture = explorer.snapshot()
        assert picture.mode == "RGB"
        assert picture.width >= 900
        seen.append(picture.tobytes())
    assert len(set(seen)) == 4
    assert explorer.snapshot().tobytes() == seen[-1]
    assert explorer.snapshot(2).width == 2 * explorer.snapshot().width


def test_missions_are_ticked_for_good(explorer: GroupedConvExplorer) -> None:
    assert "✓" not in explorer.view.missions.value
    explorer.set(groups=8)
    explorer.set(groups=2)
    assert explorer.view.missions.value.count("✓") == 1


def test_close_leaves_no_part_and_no_thread() -> None:
    before, known = threading.active_count(), set(widgets.widget._instances)
    explorer = GroupedConvExplorer()
    explorer.set(groups=2)
    explorer.close()
    explorer.close()
    left = [w for key, w in widgets.widget._instances.items() if key not in known]
    assert [type(w).__name__ for w in left] == []
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="is closed"):
        explorer.set(groups=1)
