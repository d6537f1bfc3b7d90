"""A first picture at once: coarse of large networks, a rectangle of small ones; then the full one; nothing is lost."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from smis.datasets.archive import Samples
from smis.model import GroupDNet
from smis.presets import preset
from smis_widgets import Controllers, Mixer, Morpher, Studio
from smis_widgets.hasty import PAUSE, SOON, WORDS
from tests.unit.networks import random_labels

Made = Mixer | Morpher | Controllers


def widget(kind: type, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The widget with a small network that counts as a large one."""
    monkeypatch.setattr(Studio, "large", True)
    config = preset("smoke").model
    model = GroupDNet(config).eval()
    labels = random_labels(3, *config.image_size).numpy().astype(np.uint8)
    images = np.random.default_rng(0).integers(0, 255, (*labels.shape, 3), np.uint8)
    return kind(model, Samples(images, labels, config.labels))


Deed = Callable[[Any], object]
CODE: dict[type, tuple[Deed, Deed]] = {
    Mixer: (lambda w: w.pick(name(w), "B"), lambda w: w.pick(name(w), "C")),
    Morpher: (lambda w: w.to(0.3), lambda w: w.to(0.6)),
    Controllers: (lambda w: w.resample(seed=1), lambda w: w.resample(seed=2)),
}


def by_hand(deed: Deed) -> Deed:
    return lambda w: w.attempt(lambda: deed(w))  # as every control does


USES = {kind: (by_hand(first), by_hand(second)) for kind, (first, second) in CODE.items()}


def name(w: Any) -> str:
    return str(w.label_set.classes[int(w.studio.codes.present.all(0).int().argmax())])


def screen(w: Any) -> np.ndarray:
    surface = w.result if isinstance(w, Mixer) else w.view.result if isinstance(w, Morpher) else w.view.now
    return surface.image.copy()


def in_a_loop(deed: Callable[[], None], wait: float = 3 * PAUSE) -> None:
    async def run() -> None:
        deed()
        await asyncio.sleep(wait)

    asyncio.run(run())


@pytest.mark.parametrize("kind", list(USES))
def test_the_coarse_picture_first_then_the_full_one(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    w, plain = widget(kind, monkeypatch), widget(kind, monkeypatch)
    plain.studio.model.load_state_dict(w.studio.model.state_dict())
    first, second = USES[kind]
    seen: list[np.ndarray] = []

    def deed() -> None:
        start = screen(w)
        first(w)
        assert WORDS in w.status.value
        second(w)  # before the full picture of the first was drawn
        seen.extend([start, screen(w)])

    in_a_loop(deed)
    start, coarse = seen
    full = screen(w)
    assert WORDS not in w.status.value
    assert not np.array_equal(start, coarse)
    assert not np.array_equal(coarse, full)
    assert np.abs(coarse.astype(int) - full).mean() < np.abs(start.astype(int) - full).mean()
    other = kind(w.studio.model, w.studio.samples)  # without a loop: full at once
    first(other)
    second(other)
    assert other.state == w.state
    np.testing.assert_allclose(screen(other).astype(int), full, atol=1)


@pytest.mark.parametrize("kind", list(USES))
def test_who_asks_for_the_picture_gets_the_full_one(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    w = widget(kind, monkeypatch)
    drawn: list[int] = []
    whole = w.compute
    monkeypatch.setattr(w, "compute", lambda state: drawn.append(1) or whole(state))

    def deed() -> None:
        USES[kind][0](w)
        assert not drawn
        w.snapshot()
        assert WORDS not in w.status.value
        assert len(drawn) == 1

    in_a_loop(deed)
    assert len(drawn) == 1  # and not again later


def test_setting_the_controls_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    w = widget(Morpher, monkeypatch)

    def deed() -> None:
        w.attempt(lambda: w.to(0.3))
        monkeypatch.setattr(w, "compute", lambda _: pytest.fail("drawn while the controls were set"))
        w._busy = True
        w.act(lambda state: state.to(0.7))
        w._busy = False
        assert w.state.amount == 0.3
        w.close()

    in_a_loop(deed, 0)


@pytest.mark.parametrize("kind", list(USES))
def test_an_error_in_either_picture_brings_the_last_full_one_back(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    w = widget(kind, monkeypatch)
    state, picture = w.state, screen(w)

    def broken(*_: object) -> None:
        raise ZeroDivisionError("no luck")

    with monkeypatch.context() as at:
        at.setattr(Studio, "first", broken)
        in_a_loop(lambda: USES[kind][0](w))
    assert w.state == state
    assert "no luck" in w.status.value
    np.testing.assert_array_equal(screen(w), picture)
    with monkeypatch.context() as at:
        at.setattr(w.studio.renderer.__class__, "progressive", broken)
        in_a_loop(lambda: USES[kind][0](w))
    assert "no luck" in w.status.value
    assert w.state == state
    np.testing.assert_array_equal(screen(w), picture)
    USES[kind][0](w)
    assert "no luck" not in w.status.value
    assert not np.array_equal(screen(w), picture)


@pytest.mark.parametrize("kind", list(USES))
def test_closing_draws_nothing_any_more(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    w = widget(kind, monkeypatch)

    def deed() -> None:
        USES[kind][0](w)
        monkeypatch.setattr(w, "compute", lambda _: pytest.fail("drawn after closing"))
        w.close()

    in_a_loop(deed)


def small() -> Any:
    """Two halves, each of a class of its own, and a network whose rectangle of one half is worth a cut."""
    config = preset("people-64").model
    model = GroupDNet(config).eval()
    labels = np.zeros((3, *config.image_size), np.uint8)
    labels[:, 40:, 40:] = 4
    images = np.random.default_rng(0).integers(0, 255, (*labels.shape, 3), np.uint8)
    return Mixer(model, Samples(images, labels, config.labels))


def test_a_small_network_draws_the_rectangle_that_changed_then_all() -> None:
    w = small()
    assert not w.studio.large
    top = w.label_set.classes[4]
    seen = [w.frame.image]
    show = w.show
    w.show = lambda frame: (seen.append(frame.image), show(frame))
    in_a_loop(lambda: w.attempt(lambda: w.pick(top, "B")))
    before, first, full = seen
    assert WORDS not in w.status.value
    np.testing.assert_array_equal(first[40:, 40:], full[40:, 40:])  # exact where the class is
    np.testing.assert_array_equal(first[:20, :20], before[:20, :20])  # and as before far away from it
    assert not np.array_equal(first, full), "nothing was left for later: the first picture saved no time"
    assert w.frame.image is full


def test_a_slider_that_moves_on_does_not_put_the_full_picture_of_a_small_network_off() -> None:
    w = small()
    top = w.label_set.classes[4]
    drawn: list[float] = []
    whole = w.compute
    w.compute = lambda state: drawn.append(1) or whole(state)

    async def moving() -> None:
        for n in range(12):
            w.attempt(lambda n=n: w.weigh(top, n / 20) if n else w.pick(top, "B"))
            await asyncio.sleep(SOON / 4)

    asyncio.run(moving())
    assert 1 <= len(drawn) < 12


@pytest.mark.parametrize("kind", list(USES))
def test_code_gets_the_full_picture_at_once(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    w = widget(kind, monkeypatch)

    def deed() -> None:
        CODE[kind][0](w)
        assert WORDS not in w.status.value
        assert w._later is None

    in_a_loop(deed, 0)


def test_the_full_picture_comes_also_when_the_loop_of_the_first_is_gone() -> None:
    """As after a reload: JupyterLab gives every page a loop of its own for what its widgets say."""
    w = small()
    top = w.label_set.classes[4]
    in_a_loop(lambda: w.attempt(lambda: w.pick(top, "B")), 0)
    assert w._later is not None
    in_a_loop(lambda: w.attempt(lambda: w.pick(top, "C")))
    assert w._later is None
    assert w.status.value.count("C") == 1
