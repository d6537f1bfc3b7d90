"""The morpher's view, with no browser: clicks, controls, film, errors of every callback, files, the still picture."""

import threading
from collections.abc import Callable, Generator
from pathlib import Path
from types import SimpleNamespace

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from smis_widgets import Morpher
from smis_widgets.base import parts
from smis_widgets.morpher.timeline import FPS
from smis_widgets.pictures import enlarge
from tests.widgets.fake import COAT, HAT, SHOES, FakeModel, colour, toys


@pytest.fixture
def morpher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Morpher:
    monkeypatch.chdir(tmp_path)
    return Morpher(FakeModel(), toys())


def press(morpher: Morpher, word: str) -> None:
    """What the browser does when somebody presses the button with this word on it, or else with this tooltip."""
    buttons = [p for p in parts(morpher) if isinstance(p, widgets.Button)]
    found = [b for b in buttons if b.description == word] or [b for b in buttons if b.tooltip == word]
    assert len(found) == 1, f"{len(found)} buttons {word!r}"
    if not found[0].disabled:
        found[0].click()


def framed(buttons) -> list[int]:
    return [k for k, button in enumerate(buttons) if "smis-on" in button._dom_classes]


def on_screen(morpher: Morpher) -> np.ndarray:
    return morpher.view.result.image[..., :3]


# --- controls ------------------------------------------------------------------------------------------------------
def test_the_slider_moves_the_picture(morpher: Morpher) -> None:
    morpher.view.amount.value = 1.0
    assert morpher.frame.image is not None
    coat = toys().labels[0] == COAT
    assert (morpher.frame.image[coat] == colour(1, COAT)).all()
    np.testing.assert_array_equal(on_screen(morpher), np.array(enlarge(morpher.frame.image, morpher.view.result.size)))
    morpher.view.amount.value = 1.25
    assert "t = 1.25: beyond B, extrapolated" in morpher.status.value


def test_references_and_shape_by_click_and_by_letter(morpher: Morpher) -> None:
    press(morpher, "Morph from C")
    press(morpher, "Morph to B")
    press(morpher, "Take the shape of B")
    assert (morpher.state.a, morpher.state.b, morpher.state.mask) == (2, 1, 1)
    assert [framed(row) for row in morpher.view.cells] == [[2], [1], [1]]
    assert [field.value for field in morpher.view.letters] == ["C", "B", "B"]
    morpher.view.letters[1].value = "Bd"
    assert morpher.state.b == 3
    morpher.view.letters[1].value = ""  # half-way through typing: nothing happens
    assert morpher.state.b == 3
    morpher.view.letters[0].value = "Z"
    assert "no reference &#x27;Z&#x27;: they are called A to D" in morpher.status.value
    assert morpher.view.letters[0].value == "C"
    press(morpher, "Swap")
    assert (morpher.state.a, morpher.state.b) == (3, 2)


def test_chips_choose_one_several_all(morpher: Morpher) -> None:
    press(morpher, "none")
    assert [chip.value for chip in morpher.view.chips] == [False] * 4
    assert "No class moves" in morpher.status.value
    morpher.view.chips[COAT].value = True
    morpher.view.chips[HAT].value = True
    morpher.view.amount.value = 1.0
    assert morpher.frame.image is not None
    labels, image = toys().labels[0], morpher.frame.image
    for c, giver in ((0, 0), (HAT, 1), (COAT, 1), (SHOES, 0)):
        assert (image[labels == c] == colour(giver, c)).all()
    assert [chip.icon for chip in morpher.view.chips] == ["", "check", "check", ""]
    press(morpher, "all")
    assert morpher.state.all_chosen


def test_paths(morpher: Morpher) -> None:
    morpher.view.amount.value = 0.5
    straight = on_screen(morpher).copy()
    morpher.view.path.value = "arc"
    assert (on_screen(morpher) != straight).any()
    assert "on the arc" in morpher.status.value
    assert "Angle between the two codes" in morpher.status.value


def test_the_filmstrip_jumps_and_is_drawn_again_only_when_it_changes(morpher: Morpher) -> None:
    assert len(morpher.view.strip.children) == 9
    morpher.view.strip.children[6].click()
    assert morpher.state.amount == 1
    assert framed(morpher.view.strip.children) == [6]
    np.testing.assert_array_equal(morpher.frames[2], toys().images[0])
    style = morpher.view.strip_style.value
    morpher.view.amount.value = 0.33
    assert morpher.view.strip_style.value == style
    assert framed(morpher.view.strip.children) == []
    morpher.view.steps.value = 5
    assert len(morpher.view.strip.children) == len(morpher.frames) == 5
    assert morpher.view.strip_style.value != style
    assert ">B</b>" in morpher.view.ticks.value
    morpher.between("A", "C")
    assert ">C</b>" in morpher.view.ticks.value


# --- the film --------------------------------------------------------------------------------------------------------
def test_keyframes_add_go_to_remove(morpher: Morpher) -> None:
    view = morpher.view
    view.time.value = 1.0
    assert morpher.state.amount == 0.5
    view.amount.value = 1.4
    press(morpher, "Keep this amount at this time")
    assert [(key.time, key.amount) for key in morpher.state.line.keys] == [(0, 0), (1, 1.4), (2, 1)]
    assert len(view.line.children) == 1 + 3
    assert "1.4 at 1 s" in view.chart.value  # the text alternative
    press(morpher, "Keyframe 1 at 2 s: go there")
    assert (morpher.state.time, morpher.state.amount) == (2.0, 1.0)
    press(morpher, "Go to the keyframe before")
    assert (morpher.state.time, morpher.state.amount) == (1.0, 1.4)
    assert framed(view.line.children[1:]) == [1]
    press(morpher, "Remove the keyframe at this time")
    assert len(morpher.state.line.keys) == 2
    assert view.remove.disabled
    press(morpher, "Go to the next keyframe")
    press(morpher, "Go to the next keyframe")
    assert "no keyframe after 2 s" in morpher.status.value
    view.length.value = 1.0
    assert "remove that keyframe first" in morpher.status.value
    assert view.length.value == 2.0
    view.length.value = 3.0
    assert view.clock.max == 3 * FPS


def test_playing_is_the_browsers_timer(morpher: Morpher) -> None:
    view, before = morpher.view, threading.active_count()
    view.playing.value = True
    assert view.clock.playing
    assert (view.playing.description, view.playing.icon) == ("Pause", "pause")
    view.clock.value = FPS  # what the timer does
    assert (morpher.state.time, morpher.state.amount) == (1.0, 0.5)
    assert view.time.value == 1.0
    view.amount.value = 0.7  # a hand on the slider stops the film
    assert not view.clock.playing
    assert not view.playing.value
    assert view.playing.description == "Play"
    assert threading.active_count() == before


def test_the_browsers_rounding_of_the_slider_is_no_move(morpher: Morpher) -> None:
    morpher.play()
    morpher.seek(0.05)  # amount 0.025, where the slider has steps of 0.01
    morpher.view.amount.value = 0.03  # what the browser then reports
    assert morpher.view.clock.playing
    assert morpher.state.amount == 0.025


def test_a_value_that_differs_by_rounding_does_not_set_the_slider_back(morpher: Morpher) -> None:
    morpher.view.amount.value = 0.1 + 0.2  # 0.30000000000000004, as browsers count
    assert morpher.state.amount == 0.3
    assert morpher.view.amount.value == 0.1 + 0.2


# --- errors ----------------------------------------------------------------------------------------------------------
USES: dict[str, Callable[[Morpher], object]] = {
    "slider": lambda m: setattr(m.view.amount, "value", 0.4),
    "time": lambda m: setattr(m.view.time, "value", 1.5),
    "timer": lambda m: setattr(m.view.clock, "value", 7),
    "photograph": lambda m: press(m, "Morph to C"),
    "mask": lambda m: press(m, "Take the shape of C"),
    "letter": lambda m: setattr(m.view.letters[0], "value", "C"),
    "chip": lambda m: setattr(m.view.chips[COAT], "value", False),
    "none": lambda m: press(m, "none"),
    "path": lambda m: setattr(m.view.path, "value", "arc"),
    "frames": lambda m: setattr(m.view.steps, "value", 5),
    "frame": lambda m: m.view.strip.children[3].click(),
    "keyframe": lambda m: m.view.line.children[2].click(),
    "next": lambda m: press(m, "Go to the next keyframe"),
    "length": lambda m: setattr(m.view.length, "value", 4.0),
    "swap": lambda m: press(m, "Swap"),
    "reset": lambda m: press(m, "Reset"),
    "gif": lambda m: press(m, "GIF"),
}


@pytest.mark.parametrize("use", USES)
def test_a_fault_of_the_network_reaches_the_status_line_from_every_control(morpher: Morpher, use: str) -> None:
    morpher.to(0.2)
    state, picture = morpher.state, on_screen(morpher).copy()
    morpher.studio.model.fault = RuntimeError("the <network> broke")  # type: ignore[attr-defined]
    USES[use](morpher)
    assert "RuntimeError: the &lt;network&gt; broke" in morpher.status.value
    assert morpher.state == state
    np.testing.assert_array_equal(on_screen(morpher), picture)
    assert morpher.view.amount.value == pytest.approx(0.2)
    assert morpher.view.busy.value == ""
    assert morpher.view.progress.layout.visibility == "hidden"
    morpher.studio.model.fault = None  # type: ignore[attr-defined]
    USES[use](morpher)
    assert "RuntimeError" not in morpher.status.value
    assert list(Path().glob("*.part")) == []


@pytest.mark.parametrize("place", ["show", "filmstrip", "chart", "words"])
def test_a_fault_in_the_drawing_is_shown_too(morpher: Morpher, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("drawing")

    if place == "words":  # when even the words fail, nothing but the message is left
        monkeypatch.setattr("smis_widgets.morpher.render.area", broken)
        press(morpher, "none")
    else:
        target = {
            "show": "smis_widgets.surface.Surface.show",
            "filmstrip": "smis_widgets.morpher.pictures.Filmstrip.sheet",
            "chart": "smis_widgets.morpher.pictures.Chart.draw",
        }[place]
        monkeypatch.setattr(target, broken)
        press(morpher, "Morph to C")
    assert "ZeroDivisionError: drawing" in morpher.status.value
    monkeypatch.undo()
    press(morpher, "Morph to D")
    press(morpher, "all")
    assert "ZeroDivisionError" not in morpher.status.value
    assert morpher.state.b == 3


def test_a_fault_while_playing_stops_the_film(morpher: Morpher) -> None:
    morpher.play()
    morpher.studio.model.fault = RuntimeError("no")  # type: ignore[attr-defined]
    morpher.view.clock.value = 5
    assert not morpher.view.clock.playing
    assert "RuntimeError: no" in morpher.status.value


def test_a_fault_at_the_very_start_is_shown_too() -> None:
    model = FakeModel()
    model.fault = RuntimeError("no")
    morpher = Morpher(model, toys())
    assert "RuntimeError: no" in morpher.status.value
    with pytest.raises(RuntimeError, match="status line says why"):
        morpher.snapshot()


def test_strict_raises() -> None:
    morpher = Morpher(FakeModel(), toys(), strict=True)
    morpher.studio.model.fault = RuntimeError("the network broke")  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="the network broke"):
        morpher.view.amount.value = 0.5
    with pytest.raises(ValueError, match="its classes are: ground, hat, coat, shoes"):
        morpher.choose("cape")


# --- files -----------------------------------------------------------------------------------------------------------
def test_a_gif_has_the_films_frames_and_overwrites_nothing(morpher: Morpher) -> None:
    seen: list[tuple[int, str]] = []
    morpher.view.progress.observe(lambda change: seen.append((change.new, morpher.view.busy.value)), "value")
    press(morpher, "GIF")
    press(morpher, "GIF")
    assert sorted(p.name for p in Path().iterdir()) == ["morph-2.gif", "morph.gif"]
    assert [value for value, _ in seen[:41]] == list(range(1, 42))  # one step a frame, while it works
    assert "drawing 41 frames" in seen[0][1]
    assert str(Path("morph-2.gif").resolve()) in morpher.status.value
    assert "download=" in morpher.status.value
    coat = np.array(
        enlarge(np.where(toys().labels[0] == COAT, 255, 0).astype(np.uint8)[..., None].repeat(3, 2), (320, 320))
    )
    coat_pixel = tuple(np.argwhere(coat[..., 0] == 255)[len(np.argwhere(coat[..., 0] == 255)) // 2])
    with Image.open("morph.gif") as film:
        assert film.size == (320, 320)
        assert film.info["loop"] == 0
        duration, colours = 0, []
        for k in range(film.n_frames):
            film.seek(k)
            duration += film.info["duration"]
            colours.append(np.array(film.convert("RGB"))[coat_pixel].astype(int))
    assert duration == 41 * 1000 // FPS
    assert np.abs(colours[0] - colour(0, COAT)).max() <= 6  # 256 colours for all frames together
    assert np.abs(colours[-1] - colour(1, COAT)).max() <= 6


def test_mp4_says_what_to_install_or_writes_a_film(morpher: Morpher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    press(morpher, "MP4")
    assert "pip install imageio-ffmpeg" in morpher.status.value
    assert list(Path().iterdir()) == []


def test_an_mp4_gets_every_frame_where_the_encoder_is_there(morpher: Morpher, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def write_frames(target: str, size: tuple[int, int], **options: object) -> Generator[None, np.ndarray, None]:
        assert options["fps"] == FPS
        assert size[0] % 2 == size[1] % 2 == 0  # H.264 wants even sides
        try:
            while True:
                seen.append((yield))
                assert seen[-1].shape == (size[1], size[0], 3)
        finally:
            Path(target).write_bytes(b"film")

    stand_in = SimpleNamespace(write_frames=write_frames)
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", stand_in)
    press(morpher, "MP4")
    assert Path("morph.mp4").read_bytes() == b"film"
    assert len(seen) == 41
    assert np.abs(seen[0].astype(int) - seen[-1]).max() > 30  # from a to b


@pytest.mark.parametrize("name", ["", " ", "nowhere/film", ".gif"])
@pytest.mark.parametrize("word", ["GIF", "Save session"])
def test_bad_file_names_are_refused_in_the_widget(morpher: Morpher, name: str, word: str) -> None:
    morpher.view.name.value = name
    press(morpher, word)
    assert "Not saved" in morpher.status.value
    assert list(Path().iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(morpher: Morpher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smis.files.os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    press(morpher, "GIF")
    assert "Not saved: disk full" in morpher.status.value
    assert list(Path().iterdir()) == []


def test_a_session_is_saved_and_opened(morpher: Morpher) -> None:
    morpher.between("B", "C")
    morpher.choose("hat")
    morpher.seek(0.5)
    saved = morpher.state
    press(morpher, "Save session")
    press(morpher, "Reset")
    assert morpher.state != saved
    press(morpher, "Open session")
    assert morpher.state == saved
    morpher.view.name.value = "other.json"
    press(morpher, "Open session")
    assert "no session other.json" in morpher.status.value
    Path("other.json").write_text("[]")
    press(morpher, "Open session")
    assert "no morph session" in morpher.status.value


# --- the rest -------------------------------------------------------------------------------------------------------
def test_snapshot_is_the_same_each_time_and_shows_the_morph(morpher: Morpher) -> None:
    before = morpher.snapshot()
    assert before.mode == "RGB"
    assert before.tobytes() == morpher.snapshot().tobytes()
    morpher.to(1.0)
    assert before.tobytes() != morpher.snapshot().tobytes()
    pixels = np.array(morpher.snapshot(2)).reshape(-1, 3)
    assert (pixels == colour(1, COAT)).all(1).sum() > 10000


def test_names_itself_shortly_and_the_same_every_time(morpher: Morpher) -> None:
    assert repr(morpher) == "Morpher(toys, 4 references, 4 classes)"
    bundle = morpher._repr_mimebundle_()
    assert (bundle[0] if isinstance(bundle, tuple) else bundle)["text/plain"] == repr(morpher)


def test_every_control_has_a_name(morpher: Morpher) -> None:
    kinds = (widgets.Text, widgets.Button, widgets.ToggleButton, widgets.FloatSlider, widgets.FloatText)
    controls = [p for p in parts(morpher) if isinstance(p, kinds)]
    assert len(controls) > 40
    assert all(c.description or c.tooltip for c in controls)


def test_nothing_piles_up(morpher: Morpher) -> None:
    def use() -> int:
        for k in range(3):
            morpher.between("ABC"[k])
            morpher.view.steps.value = (5, 9, 13)[k]
            morpher.seek(0.5 + k / 4)
            morpher.add_key()
        morpher.reset()
        return len(widgets.widget._instances)

    use()
    assert use() == use()


def test_close_leaves_no_part_and_no_thread() -> None:
    before, known = threading.active_count(), set(widgets.widget._instances)
    morpher = Morpher(FakeModel(), toys())
    morpher.play()
    morpher.between("A", "C")
    morpher.view.steps.value = 5
    morpher.add_key()
    morpher.close()
    morpher.close()
    left = [w for key, w in widgets.widget._instances.items() if key not in known]
    assert [type(w).__name__ for w in left] == []
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="is closed"):
        morpher.to(0.5)
