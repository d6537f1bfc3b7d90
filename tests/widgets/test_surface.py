"""The surface: exact pixels on the wire, drawn again for a new page, never stuck in holding mode."""

import io
import json

import ipycanvas.canvas
import numpy as np
import pytest
from PIL import Image

from smis_widgets.surface import Surface, safe_hold

MANAGER = ipycanvas.canvas._CANVAS_MANAGER


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list:
    """What goes to the browser: (commands, buffers) of each message."""
    messages: list = []
    monkeypatch.setattr(MANAGER, "_send_custom", lambda command, buffers=(): messages.append((command, list(buffers))))
    return messages


def noise(height: int, width: int, channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("channels", [3, 4])
def test_pixels_travel_exactly(sent: list, channels: int) -> None:
    surface, image = Surface((20, 12), (40, 24)), noise(12, 20, channels)
    surface.show(image)
    (buffer,) = [b for _, buffers in sent for b in buffers]
    picture = Image.open(io.BytesIO(buffer))
    assert picture.format == "PNG"
    np.testing.assert_array_equal(np.array(picture)[..., :channels], image)


def test_the_old_picture_is_cleared_first(sent: list) -> None:
    Surface((20, 12), (40, 24)).show(noise(12, 20, 4))
    (commands, _) = sent[-1]
    names = [ipycanvas.canvas._CMD_LIST[c[0]] for c in commands]
    assert names.index("clear") < names.index("putImageData")


def test_a_new_page_gets_everything_again_and_is_told_the_canvas(sent: list) -> None:
    surface = Surface((20, 12), (40, 24))
    surface.show(noise(12, 20, 4))  # now ipycanvas believes that the page knows this canvas
    sent.clear()
    surface.widget._handle_frontend_event(None, {"event": "client_ready"}, [])
    commands = [c for command, _ in sent for c in command]
    names = [ipycanvas.canvas._CMD_LIST[c[0]] for c in commands]
    assert names[0] == "switchCanvas"
    assert "putImageData" in names
    json.dumps(commands)  # it must be able to travel


def test_clicks_and_taps_arrive_as_image_pixels() -> None:
    clicks: list = []
    surface = Surface((20, 12), (40, 24), lambda x, y: clicks.append((x, y)))
    surface.widget._handle_frontend_event(None, {"event": "mouse_down", "x": 3.7, "y": 4.2}, [])
    surface.widget._handle_frontend_event(None, {"event": "touch_start", "touches": [{"x": 5.5, "y": 6.0}]}, [])
    assert clicks == [(3, 4), (5, 6)]


@pytest.mark.parametrize(
    "wrong", [noise(12, 21, 3), noise(12, 20, 2), noise(12, 20, 3) / 255, noise(12, 20, 3)[..., 0]]
)
def test_wrong_pictures_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"uint8 pictures \(12, 20, 3 or 4\)"):
        Surface((20, 12), (40, 24)).show(wrong)


def test_an_exception_while_holding_does_not_hold_for_ever() -> None:
    with pytest.raises(ZeroDivisionError), safe_hold():
        raise ZeroDivisionError
    assert MANAGER._caching is False


def test_a_canvas_that_holds_the_keyboard_lets_go_on_tab() -> None:
    surface, seen = Surface((20, 12), (40, 24)), []
    surface.widget.layout.observe(lambda change: seen.append(change.new), "visibility")
    for key in ("a", "Tab"):
        event = {"event": "key_down", "key": key, "shift_key": False, "ctrl_key": False, "meta_key": False}
        surface.widget._handle_frontend_event(None, event, [])
    assert seen == ["hidden", "visible"]


def test_what_is_on_the_screen_is_not_sent_again(sent: list) -> None:
    surface, image = Surface((20, 12), (40, 24)), noise(12, 20, 3)
    surface.show(image)
    first = len(sent)
    surface.show(image.copy())
    assert len(sent) == first
    image[3, 4] ^= 255
    surface.show(image)
    assert len(sent) > first
