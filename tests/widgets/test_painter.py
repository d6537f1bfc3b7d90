"""The painter's view, with no browser: pointer events, keys, controls, errors, files, the still picture."""

import datetime
import json
import threading
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from smis_widgets import Painter
from smis_widgets.base import Refused, parts
from smis_widgets.painter.lens import Lens
from smis_widgets.painter.state import PainterState
from smis_widgets.painter.view import TOOLS
from smis_widgets.pictures import enlarge
from tests.widgets.fake import COAT, HAT, LABELS, SHOES, FakeModel, colour, toys

NOW = datetime.datetime(2026, 1, 1)


@pytest.fixture
def painter() -> Painter:
    return Painter(FakeModel(), toys())


def send(painter: Painter, event: str, x: float, y: float) -> None:
    """What the browser sends when the mouse is at (x, y) of the map."""
    zoom = painter.easel.zoom
    painter.easel.guides._handle_frontend_event(None, {"event": f"mouse_{event}", "x": x * zoom, "y": y * zoom}, [])


def drag(painter: Painter, *points: tuple[float, float]) -> None:
    send(painter, "move", *points[0])
    send(painter, "down", *points[0])
    for point in points[1:]:
        send(painter, "move", *point)
    send(painter, "up", *points[-1])


def button(painter: Painter, name: str) -> widgets.Button:
    return next(p for p in parts(painter) if getattr(p, "description", "") == name)


def map_on_screen(painter: Painter) -> np.ndarray:
    return painter.easel.map.image[..., :3]


def agrees(painter: Painter) -> None:
    """What is on the screen is the state's map and its picture."""
    np.testing.assert_array_equal(map_on_screen(painter), LABELS.colorize(painter.state.labels))
    assert painter.frame.image is not None
    on_screen = np.array(enlarge(painter.frame.image, painter.result.size))
    np.testing.assert_array_equal(painter.result.image[..., :3], on_screen)


def test_a_stroke_paints_the_map_and_the_picture_follows_before_the_mouse_is_up(painter: Painter) -> None:
    painter.hold("brush", "coat", 4)
    send(painter, "down", 3, 13)
    send(painter, "move", 8, 13)
    during, picture = map_on_screen(painter).copy(), painter.result.image.copy()
    assert (during[13, 3:8] == LABELS.palette[COAT]).all()
    coat, ground = np.array(colour(0, COAT)), np.array(colour(0, 0))
    factor = len(picture) // len(painter.state.labels)  # the picture is larger than the map, and smooth
    shown = picture[factor * 13 + factor // 2, factor * 4, :3]
    assert np.abs(shown - coat).max() < 20 < np.abs(shown - ground).max()
    assert painter.state.done == ()
    send(painter, "up", 8, 13)
    assert painter.state.script == ["brush coat 4 3,13 8,13"]
    np.testing.assert_array_equal(map_on_screen(painter), during)
    agrees(painter)


def test_undo_brings_back_map_and_image_exactly(painter: Painter) -> None:
    start, screen = painter.frame.image.copy(), painter.result.image.copy()
    painter.hold(name="hat")
    drag(painter, (2, 2), (14, 13), (3, 14))
    assert (painter.frame.image != start).any()
    button(painter, "Undo").click()
    np.testing.assert_array_equal(painter.frame.image, start)
    np.testing.assert_array_equal(painter.result.image, screen)
    agrees(painter)
    button(painter, "Redo").click()
    assert len(painter.state.done) == 1
    agrees(painter)


def test_every_tool_with_the_mouse(painter: Painter) -> None:
    for tool, name, points in (
        ("fill", "shoes", [(0.5, 0.5)]),
        ("rectangle", "hat", [(1, 10), (3, 14)]),
        ("replace", "coat", [(2, 11)]),
        ("move", "coat", [(7, 7), (9, 9)]),
        ("stamp", "hat", [(3, 3)]),
        ("erase", "ground", [(0, 0), (15, 1)]),
    ):
        painter.hold(tool, name)
        drag(painter, *points)
        assert "Not drawn" not in painter.status.value
        assert painter.state.script[-1].split()[0] == tool
        agrees(painter)
    assert painter.state.script[2] == "replace hat coat"
    script, labels = painter.script(), painter.state.labels
    painter.reset()
    painter.play("# all again\n\n" + script)
    np.testing.assert_array_equal(painter.state.labels, labels)


def test_a_polygon_closes_at_its_first_corner_and_by_key(painter: Painter) -> None:
    painter.hold("polygon", "hat")
    for corner in ((1, 9), (4, 9), (4, 15), (1.1, 9.1)):
        drag(painter, corner)
    assert painter.state.script == ["polygon hat 1,9 4,9 4,15"]
    for corner in ((12, 9), (15, 9), (15, 15)):
        drag(painter, corner)
    assert len(painter.state.done) == 1
    painter.bench.keys.value = "c"
    assert painter.state.script[1] == "polygon hat 12,9 15,9 15,15"
    drag(painter, (2, 2))
    painter.bench.keys.value = "q"
    painter.bench.keys.value = "c"
    assert len(painter.state.done) == 2


def test_the_eyedropper_takes_the_class_and_gives_the_brush_back(painter: Painter) -> None:
    painter.hold("pick")
    drag(painter, (7, 2))
    assert (painter.state.tool, painter.state.c, painter.state.done) == ("brush", HAT, ())
    assert "smis-on" in painter.bench.classes[HAT]._dom_classes
    assert "smis-on" in painter.bench.tools["brush"]._dom_classes


def test_a_stroke_that_leaves_the_map_is_finished_there(painter: Painter) -> None:
    painter.hold("brush", "hat", 2)
    send(painter, "down", 3, 13)
    send(painter, "move", 1, 13)
    send(painter, "out", -1, 13)
    send(painter, "move", 9, 9)  # back again, with nothing pressed
    send(painter, "up", 9, 9)
    assert painter.state.script == ["brush hat 2 3,13 1,13"]
    agrees(painter)


def test_fingers(painter: Painter) -> None:
    painter.hold("brush", "hat", 2)
    zoom = painter.easel.zoom
    for event, touches in (("start", [(3, 13)]), ("move", [(5, 13)]), ("end", [])):
        content = {"event": f"touch_{event}", "touches": [{"x": x * zoom, "y": y * zoom} for x, y in touches]}
        painter.easel.guides._handle_frontend_event(None, content, [])
    assert painter.state.script == ["brush hat 2 3,13 5,13"]


def test_keys(painter: Painter) -> None:
    tools = {key: tool for tool, (_, _, key, _) in TOOLS.items()}
    assert len(tools) == len(TOOLS)
    for key, tool in tools.items():
        painter.bench.keys.value = key
        assert (painter.state.tool, painter.bench.keys.value) == (tool, "")
    painter.hold("brush", "coat", 4)
    painter.bench.keys.value = "+"
    assert painter.state.size == 5
    painter.bench.keys.value = "-n"
    assert (painter.state.size, painter.state.c) == (4, SHOES)
    painter.bench.keys.value = "N"
    assert painter.state.c == COAT
    drag(painter, (2, 13))
    painter.bench.keys.value = "z"
    assert painter.state.done == ()
    painter.bench.keys.value = "y"
    assert len(painter.state.done) == 1
    painter.bench.keys.value = "?"
    assert "key &#x27;?&#x27; does nothing here" in painter.status.value


def test_commands_without_a_mouse(painter: Painter) -> None:
    painter.bench.line.value = "fill hat 0,0"
    assert painter.state.script == ["fill hat 0,0"]
    assert painter.bench.line.value == ""
    painter.bench.line.value = "fill cape 0,0"
    assert "no class &#x27;cape&#x27;" in painter.status.value
    assert painter.bench.line.value == "fill cape 0,0"  # to be mended


def test_controls_follow_the_state_and_the_state_the_controls(painter: Painter) -> None:
    painter.bench.classes[SHOES].click()
    assert painter.state.c == SHOES
    painter.bench.tools["erase"].click()
    assert painter.state.tool == "erase"
    painter.bench.size.value = 7
    assert painter.state.size == 7
    painter.bench.stamps[1].click()
    assert (painter.state.tool, painter.state.donor, painter.bench.size.value) == ("stamp", 1, 3)
    assert painter.bench.stamps[3].disabled
    assert painter.bench.stamps[3].tooltip == "D shows no shoes"
    painter.bench.scenes[2].click()
    np.testing.assert_array_equal(painter.frame.image, toys().images[2])
    assert "smis-on" in painter.bench.scenes[2]._dom_classes
    painter.bench.opacity.value = 20
    assert "opacity: 0.2" in painter.bench.opacity_style.value
    button(painter, "Reset").click()
    np.testing.assert_array_equal(painter.frame.image, toys().images[0])
    assert (painter.state.tool, painter.state.done) == ("brush", ())
    assert not button(painter, "Redo").disabled


def test_a_borrowed_style_is_said(painter: Painter) -> None:
    painter.do("scene D")
    painter.hold("brush", "shoes", 4)
    drag(painter, (8, 13))
    assert "Scene D has no shoes: the style is that of" in painter.status.value


def test_a_fault_of_the_network_is_shown_and_map_and_picture_stay(painter: Painter) -> None:
    drag(painter, (3, 13))
    done = painter.state.done
    painter.atelier.studio.model.fault = RuntimeError("the <network> broke")  # type: ignore[attr-defined]
    painter.hold("brush", "hat")
    drag(painter, (12, 12), (13, 13))
    assert "RuntimeError: the &lt;network&gt; broke" in painter.status.value
    assert painter.state.done == done
    agrees(painter)
    painter.atelier.studio.model.fault = None  # type: ignore[attr-defined]
    drag(painter, (12, 12), (13, 13))
    assert "RuntimeError" not in painter.status.value
    assert len(painter.state.done) == 2


def test_a_stroke_that_fails_at_its_end_takes_its_trace_and_its_picture_along(painter: Painter) -> None:
    screen = painter.result.image.copy()
    painter.hold("brush", "hat", 4)
    send(painter, "down", 3, 13)
    assert (painter.result.image != screen).any()
    painter.atelier.studio.model.fault = RuntimeError("no")  # type: ignore[attr-defined]
    send(painter, "up", 9, 13)
    assert "RuntimeError: no" in painter.status.value
    np.testing.assert_array_equal(painter.result.image, screen)
    agrees(painter)


def controls(painter: Painter) -> dict:
    """Every callback of the widget, and how the browser sets it off."""
    bench, upload = painter.bench, {"name": "a", "type": "", "size": 1, "last_modified": NOW, "content": b"{}"}
    return {
        "down": lambda: send(painter, "down", 3, 3),
        "move": lambda: send(painter, "move", 3, 3),
        "up": lambda: (send(painter, "down", 3, 3), send(painter, "up", 4, 4)),
        "out": lambda: (send(painter, "down", 3, 3), send(painter, "out", 4, 4)),
        "tool": lambda: bench.tools["fill"].click(),
        "class": lambda: bench.classes[HAT].click(),
        "size": lambda: setattr(bench.size, "value", 9),
        "opacity": lambda: setattr(bench.opacity, "value", 9),
        "key": lambda: setattr(bench.keys, "value", "f"),
        "command": lambda: setattr(bench.line, "value", "fill hat 0,0"),
        "scene": lambda: bench.scenes[2].click(),
        "stamp": lambda: bench.stamps[2].click(),
        "mirror": lambda: setattr(bench.mirror, "value", True),
        "zoom": lambda: setattr(bench.zoom, "value", 3),
        "undo": lambda: bench.undo.click(),
        "redo": lambda: bench.redo.click(),
        "reset": lambda: bench.back.click(),
        "save labels": lambda: bench.save[0].click(),
        "save session": lambda: bench.save[1].click(),
        "load": lambda: setattr(bench.upload, "value", (upload,)),
    }


@pytest.mark.parametrize("name", list(controls(Painter(FakeModel(), toys()))))
def test_an_exception_in_any_callback_reaches_the_status_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = Painter(FakeModel(), toys())

    def fault(*_: object, **__: object) -> None:
        raise RuntimeError("injected")

    for part, methods in (
        (painter, ("act", "key", "load", "do", "save_labels", "save_session", "_follow")),
        (painter.easel, ("ring", "trace")),
        (painter.bench, ("sync",)),
        (painter.hand, ("follow",)),
    ):
        for method in methods:
            monkeypatch.setattr(part, method, fault)
    controls(painter)[name]()
    assert "RuntimeError: injected" in painter.status.value
    assert "last good picture stays" in painter.status.value


def test_a_fault_at_the_very_start_is_shown_too() -> None:
    model = FakeModel()
    model.fault = RuntimeError("no")
    painter = Painter(model, toys())
    assert "RuntimeError: no" in painter.status.value
    with pytest.raises(RuntimeError, match="status line says why"):
        painter.snapshot()


def test_saved_files_are_whole_and_load_again(
    painter: Painter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    painter.play("fill hat 0,0\nbrush shoes 3 8,8")
    labels = painter.state.labels
    for name in ("Save labels", "Save session", "Save labels"):
        button(painter, name).click()
        assert "download=" in painter.status.value
    assert sorted(p.name for p in tmp_path.iterdir()) == ["painting-2.png", "painting.json", "painting.png"]
    with Image.open("painting.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.array(picture), labels)
        np.testing.assert_array_equal(np.array(picture.convert("RGB")), LABELS.colorize(labels))
    assert json.loads(Path("painting.json").read_text())["done"] == ["fill hat 0,0", "brush shoes 3 8,8"]

    other = Painter(FakeModel(), toys(), scene=2)
    other.load("painting.png")
    np.testing.assert_array_equal(other.state.labels, labels)
    other.undo()
    np.testing.assert_array_equal(other.state.labels, toys().labels[2])
    other.load(tmp_path / "painting.json")
    np.testing.assert_array_equal(other.frame.image, painter.frame.image)
    other.load("nowhere.png")
    assert "Not loaded" in other.status.value

    painter.bench.file.value = "nowhere/painting"
    button(painter, "Save labels").click()
    assert "Not saved: there is no folder nowhere" in painter.status.value
    monkeypatch.setattr("smis.files.os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    painter.bench.file.value = "painting"
    button(painter, "Save session").click()
    assert "Not saved: disk full" in painter.status.value
    assert len(list(tmp_path.iterdir())) == 3


def test_a_file_from_the_browser(painter: Painter) -> None:
    session = PainterState.start(painter.scenes, 1).to_json().encode()
    file = {"name": "s.json", "type": "", "size": len(session), "last_modified": NOW, "content": memoryview(session)}
    painter.bench.upload.value = (file,)
    assert painter.state.scene == 1
    assert painter.bench.upload.value == ()


def test_a_map_of_another_size_is_refused(painter: Painter, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 9), np.uint8)).save(tmp_path / "small.png")
    painter.load(tmp_path / "small.png")
    assert "is 9 x 8 pixels, the network needs 16 x 16" in painter.status.value


def test_names_itself_shortly_and_the_same_every_time(painter: Painter) -> None:
    assert repr(painter) == "Painter(toys, 4 examples, 4 classes)"


def test_every_control_has_a_name(painter: Painter) -> None:
    kinds = (widgets.Text, widgets.Button, widgets.IntSlider, widgets.FileUpload, widgets.ToggleButton)
    controls = [p for p in parts(painter) if isinstance(p, kinds)]
    assert len(controls) == 3 + (10 + 3 + 4 + 2 + 4 + 4) + 3 + 1 + 1
    assert all(c.tooltip for c in controls)


def test_zoom_keeps_the_place_under_the_mouse_and_look_moves_the_map(painter: Painter) -> None:
    assert painter.lens == Lens.whole((16, 16))
    send(painter, "move", 4, 12)
    painter.key(">")
    assert (painter.lens.times, painter.bench.zoom.value) == (2, 2)
    assert painter.lens.middle == (6, 10)  # (4, 12) stays where it is: a quarter from the left, a quarter from below
    painter.hold("look")
    drag(painter, (6, 10), (4, 9))
    assert painter.lens.middle == (8, 11)
    drag(painter, (6, 10), (16, 10))
    assert painter.lens.middle == (4, 11), "no empty border shows"
    assert painter.state.done == ()
    painter.key("<")
    assert painter.lens == Lens.whole((16, 16))
    with pytest.raises(Refused, match="1 to 6 times as large, got 7"):
        painter.lens.magnified(7, (0, 0))
    painter.magnify(6, (16, 0))
    painter.reset()
    assert painter.lens == Lens.whole((16, 16))


def test_the_lens_as_style() -> None:
    lens = Lens.whole((16, 32)).magnified(4, (32, 16))
    assert lens.middle == (28, 14)
    assert "translate(-1152.0px, -576.0px) scale(4)" in lens.style("x", (384, 192))


def test_a_stamp_is_mirrored_by_button_and_key(painter: Painter) -> None:
    painter.hold("stamp", "coat")
    painter.bench.mirror.value = True
    send(painter, "down", 8, 8)
    assert painter.state.script[-1].startswith("mirror coat ")
    painter.key("v")
    assert not painter.bench.mirror.value
    send(painter, "down", 9, 8)
    assert painter.state.script[-1].startswith("stamp coat ")


def test_snapshot_shows_map_and_picture(painter: Painter) -> None:
    before = painter.snapshot()
    assert before.mode == "RGB"
    assert before.tobytes() == painter.snapshot().tobytes()
    painter.do("fill hat 0,0")
    assert before.tobytes() != painter.snapshot().tobytes()
    pixels = np.array(painter.snapshot()).reshape(-1, 3)
    assert (pixels == colour(0, HAT)).all(1).sum() > 10_000


def test_a_new_page_gets_all_canvases_again(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    import ipycanvas.canvas

    manager, sent = ipycanvas.canvas._CANVAS_MANAGER, []
    drag(painter, (3, 13), (9, 13))
    monkeypatch.setattr(manager, "_send_custom", lambda command, buffers=(): sent.append((command, list(buffers))))
    for canvas in (painter.result.widget, painter.easel.map.widget, painter.easel.guides):
        canvas._handle_frontend_event(None, {"event": "client_ready"}, [])
    assert sum(bool(buffers) for _, buffers in sent) == 2
    # the guides came last: what is drawn next names its canvas, unless the page has been told of the guides since
    assert manager._current_canvas in (None, painter.easel.guides)


def test_close_leaves_no_part_and_no_thread() -> None:
    before, known = threading.active_count(), set(widgets.widget._instances)
    painter = Painter(FakeModel(), toys())
    drag(painter, (3, 13), (9, 13))
    painter.close()
    painter.close()
    left = [w for key, w in widgets.widget._instances.items() if key not in known]
    assert [type(w).__name__ for w in left] == []
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="is closed"):
        painter.undo()
