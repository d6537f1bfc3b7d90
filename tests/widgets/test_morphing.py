"""Style morphing without a screen: the time line, the state's rules, the codes, the pictures, the words."""

import json

import numpy as np
import pytest
import torch

from smis.editing import slerp
from smis_widgets import MorphState, Refused, Studio
from smis_widgets.morpher.render import codes, describe, film, render, start
from smis_widgets.morpher.state import ARC
from smis_widgets.morpher.timeline import FPS, Keyframe, TimeLine
from tests.widgets.fake import COAT, HAT, SHOES, FakeModel, colour, toys

BAREFOOT = 3  # the toy without shoes


@pytest.fixture
def studio() -> Studio:
    return Studio.open(FakeModel(), toys())


def picture(state: MorphState, studio: Studio) -> np.ndarray:
    image = render(state, studio).image
    assert image is not None
    return image


# --- the time line ---------------------------------------------------------------------------------------------
def test_between_keyframes_the_amount_goes_straight_and_outside_it_stays() -> None:
    line = TimeLine((Keyframe(1.0, 0.0), Keyframe(2.0, 1.0), Keyframe(4.0, -0.5)), 5.0)
    assert [line.amount(t) for t in (0, 1, 1.5, 2, 3, 4, 5)] == [0, 0, 0.5, 1, 0.25, -0.5, -0.5]
    assert line.frames == 5 * FPS + 1


def test_keyframes_are_added_replaced_and_removed() -> None:
    line = TimeLine().with_key(1.0, 1.5).with_key(1.0, 0.8)
    assert line.keys == (Keyframe(0, 0), Keyframe(1, 0.8), Keyframe(2, 1))
    assert line.without(1.0) == TimeLine()
    with pytest.raises(Refused, match=r"no keyframe at 0\.5 s.*they are at 0, 2 s"):
        TimeLine().without(0.5)
    with pytest.raises(Refused, match="last keyframe stays"):
        TimeLine().without(0.0).without(2.0)


@pytest.mark.parametrize(("length", "words"), [(0.1, "0.5 to 20 seconds"), (30, "0.5 to 20"), (1.5, "keyframe at 2 s")])
def test_lengths_that_do_not_fit_say_why(length: float, words: str) -> None:
    with pytest.raises(Refused, match=words):
        TimeLine().lasting(length)


def test_times_fall_on_frames() -> None:
    assert TimeLine().on_frame(0.512) == 0.5
    assert TimeLine().on_frame(99) == 2.0
    assert TimeLine().on_frame(-1) == 0.0


# --- the state -------------------------------------------------------------------------------------------------
def test_start_and_reset(studio: Studio) -> None:
    state = start(studio)
    assert (state.a, state.b, state.mask, state.amount) == (0, 1, 0, 0)
    assert state.all_chosen
    assert state.between(2, 3).with_mask(1).choose([COAT]).to(0.5).add_key().along(ARC).reset() == state


def test_states_do_not_change(studio: Studio) -> None:
    state = start(studio)
    state.between(2), state.toggle(HAT, False), state.to(0.3), state.seek(1.0), state.add_key(), state.lasting(4)
    assert state == start(studio)


def test_words_of_places(studio: Studio) -> None:
    state = start(studio).between(1, 3)
    said = [state.to(t).place() for t in (-0.5, 0, 0.5, 1, 1.5)]
    assert said == ["before B", "B", "between B and D", "D", "beyond D"]
    assert [state.to(t).extrapolated for t in (-0.01, 0, 1, 1.01)] == [True, False, False, True]


@pytest.mark.parametrize("amount", [-0.51, 1.6, float("nan")])
def test_amounts_out_of_range_are_refused(studio: Studio, amount: float) -> None:
    with pytest.raises(Refused, match=r"from -0\.5 to 1\.5"):
        start(studio).to(amount)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda s: s.between(4),
        lambda s: s.with_mask(-1),
        lambda s: s.choose([9]),
        lambda s: s.along("round"),
        lambda s: s.filmstrip(4),
    ],
)
def test_wrong_values(studio: Studio, wrong) -> None:
    with pytest.raises(ValueError, match="got"):
        wrong(start(studio))


def test_the_film_follows_the_time_line(studio: Studio) -> None:
    state = start(studio).lasting(3).seek(1.0).to(1.5).add_key()
    amounts = [one.amount for one in state.film()]
    assert len(amounts) == 3 * FPS + 1
    assert (amounts[0], amounts[FPS // 2], amounts[FPS], amounts[2 * FPS], amounts[-1]) == (0, 0.75, 1.5, 1, 1)
    assert state.remove_key().amount == 0.5  # back on the line between the keyframes that are left


def test_a_filmstrip_shows_both_references(studio: Studio) -> None:
    for steps in (5, 9, 13):
        amounts = start(studio).filmstrip(steps).amounts()
        assert len(amounts) == steps
        assert (amounts[0], amounts[-1]) == (-0.5, 1.5)
        assert 0 in amounts
        assert 1 in amounts


def test_swapped_shows_the_same_picture(studio: Studio) -> None:
    state = start(studio).to(0.3)
    np.testing.assert_array_equal(picture(state, studio), picture(state.swapped(), studio))


# --- codes and pictures -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["straight", "arc"])
def test_the_ends_are_exactly_the_references(studio: Studio, path: str) -> None:
    state = start(studio).between(1, 2).with_mask(1).along(path)
    assert torch.equal(codes(state.to(0), studio)[0], studio.codes.values[1])
    assert torch.equal(codes(state.to(1), studio)[0], studio.codes.values[2])
    np.testing.assert_array_equal(picture(state.to(0), studio), toys().images[1])
    np.testing.assert_array_equal(picture(state.with_mask(2).to(1), studio), toys().images[2])


@pytest.mark.parametrize("path", ["straight", "arc"])
@pytest.mark.parametrize("amount", [-0.5, 0.25, 1.0, 1.5])
def test_only_chosen_codes_move(studio: Studio, path: str, amount: float) -> None:
    moved = codes(start(studio).choose([COAT]).along(path).to(amount), studio)[0]
    same = (moved == studio.codes.values[0]).flatten(1).all(1).tolist()
    assert same == [True, True, False, True]
    before, after = (picture(s, studio) for s in (start(studio), start(studio).choose([COAT]).along(path).to(amount)))
    np.testing.assert_array_equal((before != after).any(2), toys().labels[0] == COAT)


def test_half_way_is_the_mean_colour_and_beyond_goes_on(studio: Studio) -> None:
    coat = toys().labels[0] == COAT
    a, b = np.array(colour(0, COAT), float), np.array(colour(1, COAT), float)
    for amount in (-0.25, 0.5, 1.25):
        shown = picture(start(studio).to(amount), studio)[coat]
        assert np.abs(shown - (a + amount * (b - a))).max() <= 1


def test_the_arc_is_slerp(studio: Studio) -> None:
    values = studio.codes.values
    expected = slerp(values[:1], values[1:2], 0.4)
    torch.testing.assert_close(codes(start(studio).along(ARC).to(0.4), studio), expected)
    assert not torch.allclose(expected, codes(start(studio).to(0.4), studio))


@pytest.mark.parametrize(("a", "b", "kept"), [(0, BAREFOOT, 0), (BAREFOOT, 0, 0)])
def test_a_class_that_one_end_lacks_keeps_the_others_code_and_says_so(
    studio: Studio, a: int, b: int, kept: int
) -> None:
    state = start(studio).between(a, b)
    for amount in (0, 0.5, 1, 1.5):
        assert torch.equal(codes(state.to(amount), studio)[0, SHOES], studio.codes.values[kept, SHOES])
    words = " ".join(describe(state, studio))
    assert ("D has no shoes: A's stays." if a == 0 else "D has no shoes: A's is shown all the way.") in words


def test_a_class_that_both_ends_lack_comes_from_the_shape() -> None:
    studio = Studio.open(FakeModel(), toys())
    state = start(studio).between(BAREFOOT, BAREFOOT).to(0.5)
    assert torch.equal(codes(state, studio)[0, SHOES], studio.codes.values[0, SHOES])
    assert "Neither D nor D has shoes: A's own is shown." in describe(state, studio)
    assert any("Both ends are D" in line for line in describe(state, studio))


def test_equal_frames_in_a_row_are_drawn_once(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list = []
    decode = FakeModel.decode
    monkeypatch.setattr(FakeModel, "decode", lambda self, *args: (drawn.append(1), decode(self, *args))[1])
    state = start(studio).lasting(3)  # the last second stands still
    assert len(list(film(state.film(), studio))) == 3 * FPS + 1
    assert len(drawn) == 2 * FPS + 1


def test_errors_are_values(studio: Studio) -> None:
    studio.model.fault = RuntimeError("no more memory")  # type: ignore[attr-defined]
    assert isinstance(render(start(studio), studio).error, RuntimeError)
    studio.model.fault, studio.model.broken = None, True  # type: ignore[attr-defined]
    assert "not numbers" in str(render(start(studio), studio).error)


def test_one_reference_is_not_enough() -> None:
    with pytest.raises(ValueError, match="at least 2 are needed, got 1"):
        start(Studio.open(FakeModel(), toys(1)))


def test_words(studio: Studio) -> None:
    state = start(studio).between(0, 2)
    assert describe(state.to(0.25), studio) == [
        "t = 0.25: between A and C, on the straight line from A to C. All classes move. Shape of A."
    ]
    first = describe(state.to(1.5).choose([HAT, COAT]), studio)[0]
    share = 100 * np.isin(toys().labels[0], [HAT, COAT]).mean()
    assert first.startswith("t = 1.50: beyond C, extrapolated on the straight line.")
    assert f"Moving: hat, coat ({share:.0f}\u00a0% of the image); the rest keeps the style of A." in first
    assert "No class moves" in describe(state.choose([]), studio)[0]
    assert "This shape shows no shoes." in describe(state.with_mask(BAREFOOT).choose([SHOES, HAT]), studio)
    assert any(
        line.startswith("Angle between the two codes: coat ")
        for line in describe(state.along(ARC).choose([COAT]), studio)
    )


# --- sessions ---------------------------------------------------------------------------------------------------
def test_a_session_comes_back_as_it_was(studio: Studio) -> None:
    state = start(studio).between(2, 1).with_mask(3).choose([HAT]).along(ARC).filmstrip(13)
    state = state.lasting(4).seek(3).to(1.25).add_key().seek(1.5)
    assert start(studio).from_json(state.to_json()) == state


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "other"}, "no morph session"),
        ({"classes": ["a"]}, "saved with 4 references and the classes a;"),
        ({"references": 9}, "saved with 9 references"),
        ({"a": 7}, "numbered 0 to 3, got a = 7"),
        ({"amount": "far"}, "cannot be read"),
        ({"keyframes": [[0, 0], [0, 1]]}, "in the order of time"),
        ({"keyframes": 3}, "TypeError"),
        ({"time": 0.013}, "no frame"),
        ({"chosen": ["cape"]}, "cannot be read"),
    ],
)
def test_sessions_that_do_not_fit_are_refused(studio: Studio, change: dict, words: str) -> None:
    record = {**json.loads(start(studio).to_json()), **change}
    with pytest.raises(Refused, match=words):
        start(studio).from_json(json.dumps(record))


@pytest.mark.parametrize("text", ["", "[]", "{}", "not json"])
def test_other_files_are_no_sessions(studio: Studio, text: str) -> None:
    with pytest.raises(Refused, match="session"):
        start(studio).from_json(text)
