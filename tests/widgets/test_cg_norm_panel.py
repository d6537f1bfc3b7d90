"""The CG-Norm explorer with no browser: controls, clicks, errors, the still picture, close."""

from __future__ import annotations

import threading

import ipywidgets as widgets
import numpy as np
import pytest
import torch

from smis import GroupDNet, people
from smis.datasets.archive import Samples
from smis.datasets.paths import data_file
from smis_widgets import CGNormExplorer
from smis_widgets.base import parts
from smis_widgets.cg_norm import panel as module
from smis_widgets.cg_norm.pictures import PICTURES


@pytest.fixture(scope="module")
def model() -> GroupDNet:
    return GroupDNet.load(data_file("checkpoints/people-64.safetensors"))


@pytest.fixture(scope="module")
def gallery() -> Samples:
    return people("test").load(64, range(3))


@pytest.fixture
def explorer(model: GroupDNet, gallery: Samples) -> CGNormExplorer:
    return CGNormExplorer(model, gallery)


def shown(explorer: CGNormExplorer) -> dict[str, np.ndarray]:
    return {name: surface.image.copy() for name, surface in explorer.view.surfaces.items()}


def changed(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> set[str]:
    return {name for name in before if not np.array_equal(before[name], after[name])}


def click(explorer: CGNormExplorer, name: str, x: float, y: float) -> None:
    """What the browser sends when somebody presses the mouse on a map, in its pixels."""
    event = {"event": "mouse_down", "x": x, "y": y}
    explorer.view.surfaces[name].widget._handle_frontend_event(None, event, [])


def test_scene_and_block_are_chosen_by_buttons(explorer: CGNormExplorer) -> None:
    before = shown(explorer)
    explorer.view.scenes.cells[1].click()
    assert explorer.state.scene == 1
    assert "Scene B" in explorer.status.value
    assert {"scene", "labels", "before", "after"} <= changed(before, shown(explorer))
    explorer.view.steps[0].click()
    assert explorer.state.block == 0
    assert [("smis-on" in step._dom_classes) for step in explorer.view.steps] == [True, False, False, False, False]
    assert [step.description for step in explorer.view.steps] == ["8", "8", "4", "2", "1"]
    heights = [int(step.layout.height[:-2]) for step in explorer.view.steps]
    assert heights == sorted(heights, reverse=True)
    assert [words for words, _ in explorer.view.norms.options] == ["first", "second"]
    assert explorer.view.channel.max == 255


def test_norm_channel_and_mean(explorer: CGNormExplorer) -> None:
    assert [words for words, _ in explorer.view.norms.options] == ["first", "second", "shortcut"]
    explorer.view.norms.value = "norm_1"
    assert "second CG-Norm" in explorer.status.value
    explorer.view.channel.value = 20
    assert "Channel 20 lies in group 1 of 2, where gamma and beta hear of top" in explorer.status.value
    one = shown(explorer)
    explorer.view.mean.value = True
    assert "Mean of the 16 channels of group 1" in explorer.status.value
    assert "mean F_out" in explorer.view.formula.value
    assert {"before", "normed", "after"} <= changed(one, shown(explorer))


def test_a_class_is_switched_off_and_on_again(explorer: CGNormExplorer) -> None:
    explorer.channel(0)
    before, bars = shown(explorer), explorer.view.bars.value
    c = explorer.state.hears[0]
    explorer.view.chips[c].value = False
    assert changed(before, shown(explorer)) == {"gamma", "beta", "after", "change"}
    assert "Switched off: background. F_out changes in" in explorer.status.value
    assert explorer.view.bars.value != bars
    explorer.switch("background", True)
    assert changed(before, shown(explorer)) == set()
    assert explorer.view.bars.value == bars
    assert explorer.view.chips[c].value is True
    explorer.switch("cape")
    assert "no class &#x27;cape&#x27;" in explorer.status.value


def test_click_and_sliders_choose_the_pixel_of_the_formula(explorer: CGNormExplorer) -> None:
    width = explorer.view.surfaces["gamma"].size[0]
    click(explorer, "gamma", width - 1, 3)
    assert explorer.state.pixel == (31, 0)
    assert [slider.value for slider in explorer.view.axes] == [31, 0]
    words = explorer.view.formula.value
    explorer.view.axes[1].value = 16
    assert explorer.state.pixel == (31, 16)
    assert explorer.view.formula.value != words
    explorer.pixel(99, 0)
    assert "32 wide and 32 high" in explorer.status.value
    assert explorer.state.pixel == (31, 16)


def test_what_has_not_changed_is_not_sent_again(explorer: CGNormExplorer, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []
    for name, surface in explorer.view.surfaces.items():
        monkeypatch.setattr(surface, "_draw", lambda name=name: sent.append(name))  # what goes to the browser
    explorer.switch("background")
    assert sorted(sent) == ["after", "beta", "change", "gamma"]


@pytest.mark.parametrize("where", ["look", "formula", "tiles"])
def test_a_fault_in_any_callback_is_shown_and_the_last_good_picture_stays(
    explorer: CGNormExplorer, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, state = shown(explorer), explorer.state
    with monkeypatch.context() as broken:
        broken.setattr(module, where, lambda *_: (_ for _ in ()).throw(RuntimeError("a <fault>")))
        explorer.view.axes[0].value = 3
        assert "RuntimeError: a &lt;fault&gt;" in explorer.status.value
        assert explorer.busy.value == ""
        assert explorer.state == state
        assert explorer.view.axes[0].value == state.pixel[0]
        assert changed(good, shown(explorer)) == set()
        click(explorer, "after", 1, 1)
        assert "RuntimeError" in explorer.status.value
    explorer.view.axes[0].value = 3
    assert "RuntimeError" not in explorer.status.value
    assert explorer.state.pixel[0] == 3


def test_faults_in_words_and_at_the_very_start_are_shown_too(
    explorer: CGNormExplorer, model: GroupDNet, gallery: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(module, "describe", lambda *_: (_ for _ in ()).throw(RuntimeError("no words")))
        explorer.view.mean.value = True
        assert "RuntimeError: no words" in explorer.status.value
        broken.setattr(module, "look", lambda *_: (_ for _ in ()).throw(RuntimeError("no maps")))
        blind = CGNormExplorer(model, gallery)
        assert "RuntimeError: no maps" in blind.status.value
        with pytest.raises(RuntimeError, match="status line says why"):
            blind.snapshot()


def test_strict_raises_and_a_gallery_that_does_not_fit_is_refused(model: GroupDNet, gallery: Samples) -> None:
    explorer = CGNormExplorer(model, gallery, strict=True)
    with pytest.raises(ValueError, match="There is no scene 'Z': they are called A to C"):
        explorer.scene("Z")
    with pytest.raises(ValueError, match="load it with size=64"):
        CGNormExplorer(model, people("test").load(128, range(1)))


def test_the_formula_follows_the_mouse_and_comes_back(explorer: CGNormExplorer) -> None:
    kept, state = explorer.view.formula.value, explorer.state
    surface = explorer.view.surfaces["after"]
    width, height = surface.size
    rows, columns = state.here.size
    event = {"event": "mouse_move", "x": 2.5 * width / columns, "y": 1.5 * height / rows}
    surface.widget._handle_frontend_event(None, event, [])
    assert "pixel x = 2, y = 1:" in explorer.view.formula.value
    assert "under the mouse" in explorer.view.formula.value
    assert explorer.state == state, "to point is not to choose"
    surface.widget._handle_frontend_event(None, {"event": "mouse_out", "x": 0, "y": 0}, [])
    assert explorer.view.formula.value == kept
    explorer.pixel(2, 1)
    assert explorer.view.formula.value.split("<pre>")[1] != kept.split("<pre>")[1]


def test_names_itself_and_every_control_has_a_name(explorer: CGNormExplorer) -> None:
    assert repr(explorer) == "CGNormExplorer(people, 3 scenes, 5 blocks)"
    bundle = explorer._repr_mimebundle_()
    assert (bundle[0] if isinstance(bundle, tuple) else bundle)["text/plain"] == repr(explorer)
    kinds = (widgets.IntSlider, widgets.Button, widgets.ToggleButton, widgets.ToggleButtons)
    controls = [p for p in parts(explorer) if isinstance(p, kinds)]
    assert len(controls) == 3 + 5 + 1 + 2 + 8 + 2 + 1
    assert all(c.tooltip for c in controls)


def test_reset_and_the_still_picture(explorer: CGNormExplorer) -> None:
    start, picture = explorer.state, explorer.snapshot()
    assert picture.mode == "RGB"
    assert picture.width >= 900
    seen = {picture.tobytes()}
    for deed in (
        lambda: explorer.scene("C"),
        lambda: explorer.block(0),
        lambda: explorer.switch("background"),
        lambda: explorer.mean(),
        lambda: explorer.pixel(0, 0),
    ):
        deed()
        seen.add(explorer.snapshot().tobytes())
    assert len(seen) == 6
    explorer.reset()
    assert explorer.state == start
    assert explorer.snapshot().tobytes() == picture.tobytes()
    assert explorer.snapshot(2).width == 2 * picture.width
    assert set(explorer.view.surfaces) == {name for name, _ in PICTURES}


def test_the_network_and_the_random_numbers_stay(explorer: CGNormExplorer, model: GroupDNet) -> None:
    before, weights = torch.random.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    explorer.scene("B")
    explorer.switch("hair")
    explorer.block(4)
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())


def test_close_leaves_no_part_and_no_thread(model: GroupDNet, gallery: Samples) -> None:
    before, known = threading.active_count(), set(widgets.widget._instances)
    explorer = CGNormExplorer(model, gallery)
    explorer.block(0)
    explorer.close()
    explorer.close()
    left = [w for key, w in widgets.widget._instances.items() if key not in known]
    assert [type(w).__name__ for w in left] == []
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="is closed"):
        explorer.mean()
