"""Appearance mixture without a screen: the state's rules, the picture to the pixel, the words."""

import numpy as np
import pytest

from smis_widgets import MixerState, Refused, Studio, describe, render
from smis_widgets.mixer.state import start
from tests.widgets.fake import COAT, HAT, LABELS, SHOES, FakeModel, colour, toys


@pytest.fixture
def studio() -> Studio:
    return Studio.open(FakeModel(), toys())


def test_encodes_the_gallery_once_in_one_batch(studio: Studio) -> None:
    model = studio.model
    render(start(studio).pick(COAT, 2), studio)
    assert model.encoded == 1  # type: ignore[attr-defined]
    assert start(studio).present[3] == (True, True, True, False)  # the last toy is barefoot


def test_start_is_the_first_person_as_it_is(studio: Studio) -> None:
    frame = render(start(studio), studio)
    assert frame.error is None
    assert frame.image is not None
    assert frame.image.dtype == np.uint8
    np.testing.assert_array_equal(frame.image, toys().images[0])


def test_a_pick_changes_exactly_the_pixels_of_its_class(studio: Studio) -> None:
    before, after = render(start(studio), studio).image, render(start(studio).pick(COAT, 2), studio).image
    assert before is not None
    assert after is not None
    coat = toys().labels[0] == COAT
    assert (after[coat] == colour(2, COAT)).all()
    np.testing.assert_array_equal((before != after).any(2), coat)


def test_every_class_from_somebody_else_on_another_shape(studio: Studio) -> None:
    state = start(studio).pick(0, 1).pick(HAT, 2).pick(COAT, 3).pick(SHOES, 0).with_mask(1)
    image, labels = render(state, studio).image, toys().labels[1]
    assert image is not None
    for c, person in enumerate((1, 2, 3, 0)):
        assert (image[labels == c] == colour(person, c)).all()


def test_states_do_not_change(studio: Studio) -> None:
    state = start(studio)
    state.pick(COAT, 1), state.lock(HAT), state.with_mask(2), state.surprise(np.random.default_rng(0))
    assert state == start(studio)


def test_a_class_nobody_gives_is_refused_with_those_who_could(studio: Studio) -> None:
    with pytest.raises(Refused, match=r"D shows no shoes.*Shoes can be had from: A, B, C"):
        start(studio).pick(SHOES, 3)


@pytest.mark.parametrize("wrong", [lambda s: s.pick(9, 0), lambda s: s.pick(0, -1), lambda s: s.with_mask(4)])
def test_numbers_out_of_range(studio: Studio, wrong) -> None:
    with pytest.raises(ValueError, match="numbered 0 to 3"):
        wrong(start(studio))


def test_locked_classes_stay(studio: Studio) -> None:
    state = start(studio).pick(COAT, 2).lock(COAT)
    for change in (state.whole(1), state.surprise(np.random.default_rng(5)), state.whole(3)):
        assert change.sources[COAT] == 2
    assert state.whole(1).sources == (1, 1, 2, 1)
    with pytest.raises(Refused, match="Coat is locked"):
        state.pick(COAT, 0)
    assert state.lock(COAT, False).pick(COAT, 0).sources[COAT] == 0
    assert state.reset() == start(studio)


def test_a_weight_blends_two_styles_of_one_class(studio: Studio) -> None:
    state = start(studio).pick(COAT, 2).weigh(COAT, 0.25)
    image, coat = render(state, studio).image, toys().labels[0] == COAT
    assert image is not None
    wanted = 0.75 * np.array(colour(0, COAT)) + 0.25 * np.array(colour(2, COAT))
    np.testing.assert_allclose(image[coat], np.broadcast_to(wanted, (coat.sum(), 3)), atol=1)
    np.testing.assert_array_equal(image[~coat], toys().images[0][~coat])
    assert state.pick(COAT, 1).weights[COAT] == 1, "a new pick is taken whole"
    assert state.with_mask(2).blended() == {}, "C on C's own shape is no blend"
    assert state.lock(COAT).whole(1).weights[COAT] == 0.25
    for change in (state.whole(1), state.surprise(np.random.default_rng(0))):
        assert set(change.weights) == {1.0}
    with pytest.raises(ValueError, match=r"between 0 and 1, got 1\.5"):
        state.weigh(COAT, 1.5)
    with pytest.raises(Refused, match="Coat is locked"):
        state.lock(COAT).weigh(COAT, 1)


def test_surprise_is_repeatable_varied_and_takes_nothing_from_those_who_lack_it(studio: Studio) -> None:
    first = start(studio).surprise(np.random.default_rng(3))
    assert first == start(studio).surprise(np.random.default_rng(3))
    rng = np.random.default_rng(0)
    many = [start(studio).surprise(rng) for _ in range(200)]
    assert {s.sources[SHOES] for s in many} == {0, 1, 2}
    assert {s.sources[COAT] for s in many} == {0, 1, 2, 3}
    assert {s.mask for s in many} == {0}


def test_what_the_source_lacks_comes_from_the_shapes_own_person_and_is_said(studio: Studio) -> None:
    state = start(studio).whole(3)
    image, shoes = render(state, studio).image, toys().labels[0] == SHOES
    assert image is not None
    assert (image[shoes] == colour(0, SHOES)).all()
    assert "D has no shoes: A's own is shown instead." in describe(state, studio)


def test_a_class_the_shape_lacks_may_be_picked_and_is_said(studio: Studio) -> None:
    state = start(studio).with_mask(3).pick(SHOES, 1)
    assert "shoes of B does not show: this shape has no shoes." in describe(state, studio)
    assert "shoes" not in describe(state, studio)[0]


def test_words_say_who_gave_what_and_how_much_it_covers(studio: Studio) -> None:
    words = describe(start(studio).pick(HAT, 2), studio)
    assert words[0] == "Shape of A; ground, coat, shoes from A; hat from C."
    assert (
        words[1] == "Of the image: ground 66 %, hat 5 %, coat 19 %, shoes 8 %."[: len(words[1])] or "coat" in words[1]
    )
    areas = render(start(studio), studio).stats["areas"]
    assert areas[COAT] == pytest.approx((toys().labels[0] == COAT).mean())
    assert (
        words[1]
        == "Of the image: "
        + ", ".join(f"{name} {100 * area:.0f}\u00a0%" for name, area in zip(LABELS.classes, areas, strict=True))
        + "."
    )


def test_mixtures_counts_what_can_be_seen(studio: Studio) -> None:
    assert start(studio).mixtures() == 4 * 4 * 4 * 3
    assert start(studio).with_mask(3).mixtures() == 4 * 4 * 4


def test_errors_are_values(studio: Studio) -> None:
    studio.model.fault = RuntimeError("no more memory")  # type: ignore[attr-defined]
    frame = render(start(studio), studio)
    assert frame.image is None
    assert isinstance(frame.error, RuntimeError)
    studio.model.fault, studio.model.broken = None, True  # type: ignore[attr-defined]
    assert "not numbers" in str(render(start(studio), studio).error)


def test_a_gallery_that_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"takes 32 x 32.*gallery is 16 x 16.*size=32"):
        Studio.open(FakeModel(size=(32, 32)), toys())
    with pytest.raises(ValueError, match="1 to 26 images, got 27"):
        Studio.open(FakeModel(), toys(27))
    with pytest.raises(ValueError, match="4 images, 3 pictures"):
        Studio.open(FakeModel(), toys(4), toys(3))
    other = type(LABELS)("others", ("a", "b", "c", "d"), LABELS.palette)
    with pytest.raises(ValueError, match=r"knows the classes a, b, c, d"):
        Studio.open(FakeModel(other), toys())
    with pytest.raises(ValueError, match="at least one reference"):
        MixerState(("a",), ())
