"""The mixer's view, with no browser: clicks, controls, errors, files, the still picture."""

import threading
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
from PIL import Image

from smis_widgets import Mixer
from smis_widgets.base import Refused, parts
from smis_widgets.board import CLASSES, MASK, PHOTO
from smis_widgets.mixer.panel import STRIP
from smis_widgets.mixer.state import start
from smis_widgets.pictures import enlarge
from smis_widgets.saving import write_new
from tests.widgets.fake import COAT, HAT, SHOES, FakeModel, colour, toys


@pytest.fixture
def mixer() -> Mixer:
    return Mixer(FakeModel(), toys(), seed=0)


def click(mixer: Mixer, row: int, column: int) -> None:
    """What the browser does when somebody clicks on a cell, with mouse or keyboard."""
    if not mixer.cells[row, column].disabled:
        mixer.cells[row, column].click()


def framed(mixer: Mixer) -> set:
    return {place for place, cell in mixer.cells.items() if "smis-on" in cell._dom_classes}


def test_a_click_on_a_cut_out_takes_that_class(mixer: Mixer) -> None:
    click(mixer, CLASSES + COAT, 2)
    assert mixer.state.sources == (0, 0, 2, 0)
    assert mixer.frame.image is not None
    assert tuple(mixer.frame.image[8, 7]) == colour(2, COAT)
    assert tuple(mixer.frame.image[0, 0]) == colour(0, 0)
    on_screen = np.array(enlarge(mixer.frame.image, mixer.result.size))
    np.testing.assert_array_equal(mixer.result.image[..., :3], on_screen)
    assert framed(mixer) == {(MASK, 0), (CLASSES, 0), (CLASSES + HAT, 0), (CLASSES + COAT, 2), (CLASSES + SHOES, 0)}
    assert "coat from C" in mixer.status.value


def test_a_click_on_a_photograph_takes_the_whole_person_and_on_a_mask_the_shape(mixer: Mixer) -> None:
    click(mixer, PHOTO, 1)
    assert mixer.state.sources == (1, 1, 1, 1)
    assert mixer.image.value == "B"
    click(mixer, MASK, 1)
    np.testing.assert_array_equal(mixer.frame.image, toys().images[1])
    assert mixer.mask.value == "B"


def test_the_fields_do_the_same_from_the_keyboard(mixer: Mixer) -> None:
    mixer.sources[COAT].value = "c"
    assert mixer.state.sources == (0, 0, 2, 0)
    assert mixer.sources[COAT].value == "C"
    assert mixer.image.value == "–"
    mixer.mask.value = "B"
    assert mixer.state.mask == 1
    mixer.image.value = "b"
    assert mixer.state.sources == (1, 1, 1, 1)
    mixer.sources[HAT].value = ""  # half-way through typing: nothing happens
    assert mixer.state.sources == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("letter", "words"),
    [("Z", "no scene &#x27;Z&#x27;: they are called A to D"), ("D", "Shoes can be had from: A, B, C")],
)
def test_a_letter_that_does_not_work_says_why_and_goes_back(mixer: Mixer, letter: str, words: str) -> None:
    mixer.sources[SHOES].value = letter
    assert words in mixer.status.value
    assert mixer.sources[SHOES].value == "A"
    assert mixer.state == start(mixer.studio)


def test_an_empty_cell_cannot_be_picked(mixer: Mixer) -> None:
    assert mixer.cells[CLASSES + SHOES, 3].disabled
    assert mixer.cells[CLASSES + SHOES, 3].tooltip == "D shows no shoes"
    mixer.pick("shoes", "D")
    assert "D shows no shoes" in mixer.status.value
    assert mixer.state.sources == (0, 0, 0, 0)


def test_locks(mixer: Mixer) -> None:
    click(mixer, CLASSES + COAT, 2)
    mixer.locks[COAT].value = True
    assert mixer.sources[COAT].disabled
    assert mixer.locks[COAT].icon == "lock"
    for _ in range(5):
        mixer.surprise()
    assert mixer.state.sources[COAT] == 2
    mixer.reset()
    assert mixer.state == start(mixer.studio)
    assert mixer.locks[COAT].value is False
    assert mixer.locks[COAT].icon == "unlock"


def test_the_buttons(mixer: Mixer) -> None:
    buttons = {b.description: b for b in parts(mixer) if isinstance(b, widgets.Button)}
    assert all(b.tooltip for b in buttons.values())
    while mixer.state == start(mixer.studio):
        buttons["Surprise me"].click()
    buttons["Reset"].click()
    assert mixer.state == start(mixer.studio)


def test_the_weight_blends_what_was_picked_last(mixer: Mixer) -> None:
    assert mixer.weight.disabled
    click(mixer, CLASSES + COAT, 2)
    assert (mixer.weight.description, mixer.weight.value, mixer.weight.disabled) == ("coat: weight", 1.0, False)
    mixer.weight.value = 0.25
    assert mixer.state.weights[COAT] == 0.25
    assert "coat: 25\u00a0% of C, the rest is A&#x27;s own" in mixer.status.value
    mixer.lock("coat")
    assert mixer.weight.disabled
    mixer.reset()
    assert mixer.weight.value == 1.0


def test_a_strip_of_variations_to_choose_from(mixer: Mixer) -> None:
    mixer.lock("hat")
    button = next(b for b in parts(mixer) if getattr(b, "description", "") == "Variations")
    button.click()
    assert mixer.strip.layout.display == "flex"
    assert mixer.strip_style.value.count("base64") == STRIP == len(mixer.variations)
    assert {state.sources[HAT] for state in mixer.variations} == {0}
    assert len({state.sources for state in mixer.variations}) > 1
    assert mixer.state == start(mixer.studio).lock(HAT), "only looking changes nothing"
    mixer.strip.children[3].click()
    assert mixer.state == mixer.variations[3]
    with pytest.raises(Refused, match="mixtures 0 to 5, got 6"):
        mixer.take(6)
    mixer.studio.model.fault = RuntimeError("broke")  # type: ignore[attr-defined]
    button.click()
    assert "RuntimeError: broke" in mixer.status.value


def test_a_mixture_of_the_strip_opens_no_lock_and_changes_no_locked_class(mixer: Mixer) -> None:
    mixer.vary()
    mixer.lock("hat")
    other = next(k for k, state in enumerate(mixer.variations) if state.sources[HAT] != 0)
    alike = next(k for k, state in enumerate(mixer.variations) if state.sources[HAT] == 0)
    before = mixer.state
    mixer.strip.children[other].click()
    assert mixer.state == before
    assert "another hat, which is locked now" in mixer.status.value
    mixer.strip.children[alike].click()
    assert mixer.state.sources == mixer.variations[alike].sources
    assert mixer.state.locked == {HAT}


def test_a_weight_that_the_browser_has_rounded_is_no_move(mixer: Mixer) -> None:
    mixer.pick("coat", "C")
    mixer.weigh("coat", 0.33)
    mixer.weight.value = 0.35  # what the slider reports by itself
    assert mixer.state.weights[COAT] == 0.33
    mixer.weight.value = 0.4
    assert mixer.state.weights[COAT] == 0.4


def test_an_error_in_any_callback_reaches_the_status_line(mixer: Mixer) -> None:
    reset = next(b for b in parts(mixer) if getattr(b, "description", "") == "Reset")
    good = mixer.show

    def broken(_: object) -> None:
        raise RuntimeError("the screen is gone")

    for deed in (
        mixer.cells[CLASSES + COAT, 2].click,
        reset.click,
        lambda: setattr(mixer.sources[COAT], "value", "B"),
        lambda: setattr(mixer.locks[HAT], "value", True),
    ):
        mixer.reset()
        mixer.show = broken  # type: ignore[method-assign]
        deed()
        assert "RuntimeError: the screen is gone" in mixer.status.value
        mixer.show = good  # type: ignore[method-assign]


def test_a_fault_is_shown_and_the_last_good_picture_stays(mixer: Mixer) -> None:
    click(mixer, CLASSES + COAT, 2)
    good, state = mixer.result.image.copy(), mixer.state
    mixer.studio.model.fault = RuntimeError("the <network> broke")  # type: ignore[attr-defined]
    click(mixer, CLASSES + HAT, 1)
    assert "RuntimeError: the &lt;network&gt; broke" in mixer.status.value
    assert "last good picture stays" in mixer.status.value
    np.testing.assert_array_equal(mixer.result.image, good)
    assert mixer.state == state
    assert mixer.sources[HAT].value == "A"
    mixer.studio.model.fault = None  # type: ignore[attr-defined]
    click(mixer, CLASSES + HAT, 1)
    assert "RuntimeError" not in mixer.status.value
    assert mixer.state.sources[HAT] == 1


def test_a_fault_at_the_very_start_is_shown_too() -> None:
    model = FakeModel()
    model.fault = RuntimeError("no")
    mixer = Mixer(model, toys())
    assert "RuntimeError: no" in mixer.status.value
    with pytest.raises(RuntimeError, match="status line says why"):
        mixer.snapshot()


def test_strict_raises() -> None:
    mixer = Mixer(FakeModel(), toys(), strict=True)
    mixer.studio.model.fault = RuntimeError("the network broke")  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="the network broke"):
        mixer.pick("coat", "B")
    with pytest.raises(ValueError, match="its classes are: ground, hat, coat, shoes"):
        mixer.pick("cape", "B")


def test_names_itself_shortly_and_the_same_every_time(mixer: Mixer) -> None:
    assert repr(mixer) == "Mixer(toys, 4 references, 4 classes)"
    bundle = mixer._repr_mimebundle_()
    assert (bundle[0] if isinstance(bundle, tuple) else bundle)["text/plain"] == repr(mixer)


def test_every_control_has_a_name(mixer: Mixer) -> None:
    controls = [p for p in parts(mixer) if isinstance(p, (widgets.Text, widgets.Button, widgets.ToggleButton))]
    assert len(controls) == 2 + 4 + 4 + 4 + 1 + 6 * 4 + STRIP
    assert all(c.description or c.tooltip for c in controls)


def test_snapshot_is_the_same_each_time_and_shows_the_mixture(mixer: Mixer) -> None:
    before = mixer.snapshot()
    assert before.mode == "RGB"
    assert before.tobytes() == mixer.snapshot().tobytes()
    mixer.pick("coat", "C")
    assert before.tobytes() != mixer.snapshot().tobytes()
    pixels = np.array(mixer.snapshot()).reshape(-1, 3)
    assert (pixels == colour(2, COAT)).all(1).sum() > 1000


def test_save_counts_up_and_leaves_nothing_half_written(
    mixer: Mixer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    button = next(p for p in parts(mixer) if getattr(p, "description", "") == "Save PNG")
    button.click()
    button.click()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mix-2.png", "mix.png"]
    assert str(tmp_path / "mix-2.png") in mixer.status.value
    assert "download=" in mixer.status.value
    with Image.open("mix.png") as picture:
        assert picture.size == (640, 640)
        assert picture.text["Description"].startswith("Shape of A")  # type: ignore[attr-defined]

    monkeypatch.setattr("smis.files.os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    button.click()
    assert "Not saved: disk full" in mixer.status.value
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mix-2.png", "mix.png"]


@pytest.mark.parametrize("name", ["", "mix", "mix.jpg", ".png", "nowhere/mix.png"])
def test_bad_file_names_are_refused_in_the_widget(
    mixer: Mixer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mixer.file.value = name
    next(p for p in parts(mixer) if getattr(p, "description", "") == "Save PNG").click()
    assert "Not saved" in mixer.status.value
    assert not list(tmp_path.iterdir())


def test_write_new_never_overwrites(tmp_path: Path) -> None:
    first = write_new(tmp_path / "a.png", b"1")
    second = write_new(tmp_path / "a.png", b"2")
    assert (first.read_bytes(), second.read_bytes()) == (b"1", b"2")


def test_close_leaves_no_part_and_no_thread() -> None:
    before, known = threading.active_count(), set(widgets.widget._instances)
    mixer = Mixer(FakeModel(), toys())
    mixer.surprise()
    mixer.close()
    mixer.close()
    left = [w for key, w in widgets.widget._instances.items() if key not in known]
    assert [type(w).__name__ for w in left] == []
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="is closed"):
        mixer.surprise()
