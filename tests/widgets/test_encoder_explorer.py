"""The encoder explorer with real small networks: what it shows is what the encoder does, and who hears a spot."""

import threading

import ipywidgets as widgets
import numpy as np
import pytest
import torch

from smis import people
from smis.encoder import class_boxes, split_by_class
from smis.model import GroupDNet
from smis_widgets import EncoderExplorer, Refused
from smis_widgets.base import parts
from smis_widgets.encoder.looking import Laboratory, encode, listed, middle, number, render, rounded
from smis_widgets.encoder.pictures import diverging, length, rising
from smis_widgets.encoder.state import EncoderState, Poke
from tests.unit.networks import shake, smoke

ORDINARY = {"model.encoder_groups": 1}
IMAGE = {"model.encoder_input": "image", "model.encoder_groups": 1}
ONE_CODE = {**IMAGE, "model.controllers": 1, "model.latent_size": (1, 1), "model.decoder_groups": (1, 8, 8, 4, 2, 1)}
SAMPLES = people("test").load(64, range(4))
HAIR, FACE, TOP, BOTTOM = (SAMPLES.label_set.index(name) for name in ("hair", "face", "top", "bottom"))


def network(changes: dict | None = None) -> GroupDNet:
    torch.manual_seed(0)
    net = GroupDNet(smoke(**(changes or {})).model).eval()
    shake(net.encoder)
    return net


@pytest.fixture
def explorer() -> EncoderExplorer:
    return EncoderExplorer(network(), SAMPLES)


def inside(c: int, scene: int = 0) -> tuple[int, int]:
    """A pixel (x, y) whose neighbours are all of class `c`."""
    here = SAMPLES.labels[scene] == c
    deep = here[1:-1, 1:-1] & here[:-2, 1:-1] & here[2:, 1:-1] & here[1:-1, :-2] & here[1:-1, 2:]
    rows, columns = np.nonzero(deep)
    return int(columns[len(rows) // 2]) + 1, int(rows[len(rows) // 2]) + 1


# --- state -----------------------------------------------------------------------------------------------------------
def state() -> EncoderState:
    return EncoderState(("sky", "sea"), (8, 12), (((1, 1), (6, 6)), ((2, 2), None)))


def test_a_spot_is_round_and_stays_inside() -> None:
    assert Poke(5, 4, 1, (0, 0, 0)).where((8, 12)).sum() == 1
    three = Poke(5, 4, 3, (0, 0, 0)).where((8, 12))
    assert three.sum() == 9
    assert three[3:6, 4:7].all()
    assert Poke(0, 0, 3, (0, 0, 0)).where((8, 12)).sum() == 4
    five = Poke(5, 4, 5, (0, 0, 0)).where((8, 12))
    assert five.sum() == 21
    assert not five[2, 3]


def test_the_aim_goes_to_the_middle_of_the_chosen_class() -> None:
    assert state().choose(1).aim == (6, 6)
    assert state().choose(1).look_at(1).aim == (6, 6)  # the scene does not show it: the aim stays
    assert state().look_at(1).aim == (2, 2)


def test_spots_belong_to_their_scene() -> None:
    poked = state().aim_at(3, 4).poke()
    assert poked.pokes == (Poke(3, 4, 5, (230, 30, 30)),)
    assert poked.look_at(0).pokes == poked.pokes
    assert poked.choose(1).pokes == poked.pokes
    assert poked.look_at(1).pokes == ()
    assert poked.clean().pokes == ()
    painted = poked.painted(np.zeros((8, 12, 3), np.uint8))
    np.testing.assert_array_equal(painted.any(2), poked.covered())


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda s: s.aim_at(12, 0), "x 0 to 11 and y 0 to 7, not 12, 0"),
        (lambda s: s.aim_at(0, -1), "not 0, -1"),
        (lambda s: s.brush(size=0), "1 to 31 pixels across, not 0"),
        (lambda s: s.brush(colour=(300, 0, 0)), "three numbers 0 to 255"),
    ],
)
def test_what_makes_no_sense_is_refused(deed, words: str) -> None:
    with pytest.raises(Refused, match=words):
        deed(state())


def test_numbers_out_of_range_are_errors() -> None:
    with pytest.raises(ValueError, match="scenes are numbered 0 to 1, got 2"):
        state().look_at(2)
    with pytest.raises(ValueError, match="classes are numbered 0 to 1, got -1"):
        state().choose(-1)


# --- what the network does -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("changes", [{}, {"model.encoder_norm": "instance"}, ORDINARY, IMAGE, ONE_CODE])
def test_the_encoding_is_the_encoders_own(changes: dict) -> None:
    net = network(changes)
    images, labels = SAMPLES.tensors()
    with torch.inference_mode():
        mu, logvar = net.encoder(images[:1], labels[:1])
    mine = encode(net.encoder, images[0], labels[0])
    torch.testing.assert_close(mine.mu, mu[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mine.sigma, (logvar[0] / 2).exp(), atol=1e-5, rtol=1e-5)
    assert len(mine.layers) == len(net.config.encoder_widths)


def test_what_is_shown_as_given_is_what_the_group_gets() -> None:
    laboratory = Laboratory(network(), SAMPLES)
    frame = render(laboratory.start().choose(HAIR), laboratory)
    images, labels = SAMPLES.tensors()
    box = class_boxes(labels[:1], 8)[0, HAIR].tolist()
    expected = split_by_class(images[:1], labels[:1], [[(HAIR, *box)]])[0, 0]
    np.testing.assert_allclose(frame.stats["seen"].given, expected.numpy(), atol=1e-6)
    assert frame.stats["seen"].box == tuple(box)
    outside = SAMPLES.labels[0] != HAIR
    assert (frame.stats["seen"].masked[:, outside] == 0).all()
    assert (frame.stats["seen"].masked[:, ~outside] != 0).any()


def test_activations_are_those_of_the_chosen_group() -> None:
    net = network()
    laboratory = Laboratory(net, SAMPLES)
    seen = render(laboratory.start().choose(TOP), laboratory).stats["seen"]
    images, labels = SAMPLES.tensors()
    first, width = encode(net.encoder, images[0], labels[0]).layers[0], net.config.encoder_widths[0]
    assert first.shape[:2] == (8, width)
    np.testing.assert_array_equal(seen.layers[0], first[TOP].numpy())
    assert all(np.abs(maps).max() <= limit + 1e-6 for maps, limit in zip(seen.layers, seen.limits, strict=True))


def test_only_the_class_under_the_spot_moves(explorer: EncoderExplorer) -> None:
    explorer.brush(1)
    explorer.poke(*inside(TOP))
    assert explorer.moved["top"] > 0
    assert {name for name, far in explorer.moved.items() if far != 0} == {"top"}
    assert (
        f"The code of top moved by {number(explorer.moved['top'])}; the other seven: exactly 0."
        in explorer.status.value
    )
    explorer.poke(*inside(FACE))
    assert {name for name, far in explorer.moved.items() if far != 0} == {"top", "face"}
    assert "The 2 spots lie on face and top. Codes moved: face by" in explorer.status.value
    assert "the other six: exactly 0." in explorer.status.value
    explorer.clean()
    assert set(explorer.moved.values()) == {0.0}
    assert "No spot yet" in explorer.status.value


def test_the_distance_is_the_root_mean_square_of_the_codes_change(explorer: EncoderExplorer) -> None:
    explorer.poke(*inside(TOP))
    images, labels = SAMPLES.tensors()
    x, y = inside(TOP)
    spot = torch.from_numpy(Poke(x, y, 5, (0, 0, 0)).where((64, 64)))
    after = images[:1].clone()
    after[0, :, spot] = (torch.tensor([230.0, 30, 30]) / 127.5 - 1)[:, None]
    model = explorer.studio.model
    with torch.inference_mode():
        change = (model.encode(after, labels[:1]).values - model.encode(images[:1], labels[:1]).values)[0, TOP]
    assert explorer.moved["top"] == pytest.approx(float(change.square().mean().sqrt()), rel=1e-3)


@pytest.mark.parametrize("changes", [ORDINARY, IMAGE])
def test_in_an_ordinary_encoder_all_codes_move(changes: dict) -> None:
    explorer = EncoderExplorer(network(changes), SAMPLES, strict=True)
    explorer.poke(*inside(TOP))
    assert all(far > 0 for far in explorer.moved.values())
    assert "Nothing stays: this encoder has one group" in explorer.status.value
    explorer.choose("bottom")
    assert explorer.snapshot().width >= 900


def test_one_code_for_the_whole_image() -> None:
    explorer = EncoderExplorer(network(ONE_CODE), SAMPLES, strict=True)
    explorer.poke(*inside(TOP))
    assert list(explorer.moved) == ["the whole image"]
    assert explorer.moved["the whole image"] > 0
    assert "The code of the whole image moved by" in explorer.status.value


def test_painting_a_pixel_in_its_own_colour_moves_nothing(explorer: EncoderExplorer) -> None:
    x, y = inside(TOP)
    explorer.brush(1, tuple(int(v) for v in SAMPLES.images[0, y, x]))
    explorer.poke(x, y)
    assert set(explorer.moved.values()) == {0.0}
    assert "No code moved" in explorer.status.value


# --- small pure things -----------------------------------------------------------------------------------------------
def test_words_and_scales() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert number(1.234) == "1.23"
    assert number(0.00321) == "0.0032"
    assert rounded(torch.full((100,), 2.4)) == 3
    assert rounded(torch.full((100,), 0.11)) == pytest.approx(0.2)
    assert middle(np.zeros((3, 3), bool)) is None
    assert middle(np.eye(3, dtype=bool)) == (1, 1)


def test_colours_and_bars() -> None:
    low, zero, high = diverging(np.array([-9.0, 0.0, 9.0]), 3.0)
    assert low[2] > low[0]
    assert tuple(zero) == (248, 248, 248)
    assert high[0] > high[2]
    assert tuple(rising(np.array([0.0]), 1.0)[0]) == (248, 248, 248)
    assert length(0.0) == 0
    assert 0 < length(1e-9) < length(0.1) < length(1.0) < length(10.0) == length(1e3) == 1


# --- the view --------------------------------------------------------------------------------------------------------
def test_a_click_on_the_picture_pokes_there(explorer: EncoderExplorer) -> None:
    x, y = inside(FACE)
    scale = explorer.view.shown[0] // 64
    before = explorer.view.picture.image.copy()
    canvas = explorer.view.picture.widget
    canvas._handle_frontend_event(None, {"event": "mouse_down", "x": x * scale + 1.5, "y": y * scale + 1.5}, [])
    assert explorer.state.aim == (x, y)
    assert explorer.moved["face"] > 0
    assert (explorer.view.picture.image != before).any()
    assert (explorer.view.x.value, explorer.view.y.value) == (x, y)


def test_the_same_from_the_keyboard(explorer: EncoderExplorer) -> None:
    x, y = inside(FACE)
    explorer.view.x.value, explorer.view.y.value, explorer.view.size.value = x, y, 1
    explorer.view.colour.value = "#00ff00"
    assert explorer.state.pokes == ()
    buttons = {b.description: b for b in parts(explorer) if isinstance(b, widgets.Button)}
    buttons["Poke"].click()
    assert explorer.state.pokes == (Poke(x, y, 1, (0, 255, 0)),)
    assert tuple(explorer.frame.image[y, x]) == (0, 255, 0)  # type: ignore[index]
    buttons["Reset pokes"].click()
    assert explorer.state.pokes == ()
    explorer.view.scenes.field.value = "b"
    assert explorer.state.scene == 1
    buttons["Reset"].click()
    assert explorer.state == explorer.laboratory.start()


def test_scenes_and_chips(explorer: EncoderExplorer) -> None:
    explorer.view.scenes.cells[2].click()
    assert explorer.state.scene == 2
    assert "smis-on" in explorer.view.scenes.cells[2]._dom_classes
    explorer.view.chips.chips[FACE].value = True
    assert explorer.state.chosen == FACE
    assert [chip.value for chip in explorer.view.chips.chips].count(True) == 1
    explorer.view.chips.chips[FACE].value = False  # pressed again: it stays chosen
    assert explorer.state.chosen == FACE
    assert explorer.view.chips.chips[FACE].value is True


def test_an_absent_class_is_said_to_be_absent(explorer: EncoderExplorer) -> None:
    scene, c = next((s, c) for s in range(4) for c in range(8) if not (SAMPLES.labels[s] == c).any())
    explorer.scene("ABCD"[scene])
    explorer.choose(SAMPLES.label_set.classes[c])
    assert f"shows no {SAMPLES.label_set.classes[c]}" in explorer.status.value
    assert (explorer.frame.stats["seen"].given == 0).all()


def test_only_the_pictures_that_changed_are_sent_again(explorer: EncoderExplorer) -> None:
    explorer.choose("top")
    sent: list[str] = []
    for name in ("stages", "maps", "latent"):
        surface = getattr(explorer.view, name)
        surface._draw = lambda name=name: sent.append(name)  # what goes to the browser
    explorer.brush(1)
    explorer.poke(*inside(FACE))
    assert sent == []
    explorer.poke(*inside(TOP))
    assert sent == ["stages", "maps", "latent"]


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda e: e.scene("Z"), "There is no scene &#x27;Z&#x27;: they are called A to D."),
        (lambda e: e.choose("cape"), "its classes are: background, hair"),
        (lambda e: e.brush(colour="greenish"), "&#x27;greenish&#x27; is no colour"),
        (lambda e: e.poke(64, 0), "x 0 to 63 and y 0 to 63, not 64, 0"),
    ],
)
def test_wrong_requests_say_what_would_work(explorer: EncoderExplorer, deed, words: str) -> None:
    before = explorer.state
    deed(explorer)
    assert words in explorer.status.value
    assert explorer.state == before


def test_a_fault_reaches_the_status_line_and_the_last_good_picture_stays(
    explorer: EncoderExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer.poke(*inside(TOP))
    good, before = explorer.view.picture.image.copy(), explorer.state

    def broken(*_: object) -> None:
        raise RuntimeError("the <encoder> broke")

    monkeypatch.setattr(explorer.laboratory, "encode", broken)
    canvas = explorer.view.picture.widget
    canvas._handle_frontend_event(None, {"event": "mouse_down", "x": 9.0, "y": 9.0}, [])
    assert "RuntimeError: the &lt;encoder&gt; broke" in explorer.status.value
    np.testing.assert_array_equal(explorer.view.picture.image, good)
    assert explorer.state == before
    monkeypatch.undo()
    explorer.poke()
    assert "RuntimeError" not in explorer.status.value
    monkeypatch.setattr(explorer, "poke", broken)  # a fault in the callback itself
    explorer.view.picture.widget._handle_frontend_event(None, {"event": "mouse_down", "x": 9.0, "y": 9.0}, [])
    assert "RuntimeError" in explorer.status.value


def test_values_that_are_not_numbers_are_an_error(explorer: EncoderExplorer) -> None:
    with torch.no_grad():
        explorer.studio.model.encoder.mu.weight.fill_(float("nan"))  # type: ignore[attr-defined]
    explorer.poke()
    assert "its checkpoint may be damaged" in explorer.status.value


def test_a_network_in_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"call model.eval\(\) first"):
        EncoderExplorer(network().train(), SAMPLES)
    with pytest.raises(ValueError, match="load it with size=64"):
        EncoderExplorer(network(), people("test").load(128, range(2)))


def test_repr_and_names(explorer: EncoderExplorer) -> None:
    assert repr(explorer) == "EncoderExplorer(people, 4 scenes, 8 classes)"
    kinds = (widgets.Text, widgets.Button, widgets.ToggleButton, widgets.BoundedIntText, widgets.ColorPicker)
    controls = [p for p in parts(explorer) if isinstance(p, kinds)]
    assert len(controls) == 1 + 4 + 1 + 8 + 4 + 2
    assert all(c.description or c.tooltip for c in controls)
    assert all(c.tooltip for c in controls)


def test_snapshot_is_the_same_each_time_and_shows_the_spot(explorer: EncoderExplorer) -> None:
    before = explorer.snapshot()
    assert before.width >= 900
    assert before.tobytes() == explorer.snapshot().tobytes()
    assert explorer.snapshot(2).size == (2 * before.width, 2 * before.height)
    explorer.poke()
    assert before.tobytes() != explorer.snapshot().tobytes()


def test_close_leaves_no_widget_and_no_thread(explorer: EncoderExplorer) -> None:
    threads = threading.active_count()
    inner = parts(explorer)
    explorer.close()
    explorer.close()
    assert all(part.comm is None for part in inner)
    assert threading.active_count() == threads
    with pytest.raises(RuntimeError, match="is closed"):
        explorer.act(lambda state: state)
