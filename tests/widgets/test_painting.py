"""Semantic manipulation without a screen: actions as text, undo and redo, sessions, whose code is taken."""

import dataclasses
import json

import numpy as np
import pytest

from smis_widgets import Refused
from smis_widgets.painter.actions import GRAMMAR, Action, map_to_text
from smis_widgets.painter.atelier import Atelier, describe, render
from smis_widgets.painter.brushes import Piece
from smis_widgets.painter.state import PainterState
from tests.widgets.fake import COAT, HAT, SHOES, FakeModel, colour, toys

BAREFOOT = 3  # the toy without shoes


@pytest.fixture
def atelier() -> Atelier:
    return Atelier.open(FakeModel(), toys())


def at(atelier: Atelier, scene: int = 0) -> PainterState:
    return PainterState.start(atelier.scenes, scene)


def after(state: PainterState, *lines: str) -> PainterState:
    for line in lines:
        state = state.do(Action.parse(line))
    return state


SCRIPT = (
    "brush hat 3 8,8 12,8",
    "erase 2 9,8",
    "fill shoes 0.5,0.5",
    "rectangle coat 1,1 4,4",
    "polygon hat 0,16 8,16 0,9",
    "replace coat ground",
    "move 0.5,15.5 3.5,15.5",
    "stamp coat B 7 8,8",
    "mirror coat B 7 4,4",
    "scene C",
    "brush shoes 4 8,8",
)


def test_every_verb_is_written_and_read_back() -> None:
    lines = (*SCRIPT, f"load {map_to_text(np.zeros((4, 4), np.uint8))}")
    for line in lines:
        assert str(Action.parse(line)) == line
        assert Action.parse(str(Action.parse(line))) == Action.parse(line)
    assert {line.split()[0] for line in lines} == set(GRAMMAR)
    assert Action.parse('fill "traffic light" 1,2').values[0] == "traffic light"
    assert str(Action("fill", ("traffic light", (1.0, 2.0)))) == "fill 'traffic light' 1,2"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "There are: brush, erase"),
        ("paint hat 1,1", "'paint' is no command"),
        ("brush hat 3", "brush needs more, such as: brush CLASS 8 20,40 60,44"),
        ("brush hat x 3,3", "'x' in brush cannot be read"),
        ("brush hat 0 3,3", "'0' in brush cannot be read"),
        ("fill hat 3", "'3' in fill cannot be read"),
        ("fill hat nan,3", "cannot be read"),
        ("fill hat 3,3 4,4", "too much at its end: '4,4'"),
        ("fill 'hat 3,3", "quotes come in pairs"),
        ("load nonsense!", "cannot be read"),
    ],
)
def test_lines_that_cannot_be_read_say_what_is_expected(line: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        Action.parse(line)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("fill cape 3,3", "no class 'cape'. There are: ground, hat"),
        ("fill hat 99,3", "16 wide and 16 high"),
        ("move 99,3 1,1", "16 wide and 16 high"),
        ("polygon hat 1,1 2,2", "three corners"),
        ("stamp shoes D 4 5,5", "D shows no shoes.*from: A, B, C"),
        ("stamp shoes Z 4 5,5", "no example 'Z': they are called A to D"),
        ("fill ground 0,0", "Nothing changed"),
        ("erase 3 8,8", "as in the scene already"),
        ("scene A", "Nothing changed"),
    ],
)
def test_edits_that_make_no_sense_are_refused_with_the_remedy(atelier: Atelier, line: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        after(at(atelier), line)


def test_what_each_edit_does_to_the_map(atelier: Atelier) -> None:
    start = at(atelier)
    assert (after(start, "fill shoes 0.5,0.5").labels == np.where(start.labels == 0, SHOES, start.labels)).all()
    assert (after(start, "replace coat hat").labels == np.where(start.labels == COAT, HAT, start.labels)).all()
    edited = after(start, "rectangle hat 0,0 15,15")
    assert (edited.labels == HAT).all()
    rubbed = after(edited, "erase 4 6,7")
    changed = rubbed.labels != edited.labels
    assert 8 <= changed.sum() <= 16
    assert (rubbed.labels[changed] == start.labels[changed]).all()
    stamped = after(start, "stamp shoes B 3 7,1.5")
    assert (stamped.labels[0:3, 4:11] == SHOES).any()
    loaded = after(start, f"load {map_to_text(atelier.scenes.labels[2].copy())}")
    np.testing.assert_array_equal(loaded.labels, atelier.scenes.labels[2])
    assert loaded.scene == 0


def test_undo_goes_all_the_way_back_through_the_same_maps_and_redo_forward(atelier: Atelier) -> None:
    states = [at(atelier)]
    for line in SCRIPT:
        states.append(after(states[-1], line))
    state = states[-1]
    for earlier in reversed(states[:-1]):
        state = state.undo()
        np.testing.assert_array_equal(state.labels, earlier.labels)
        assert (state.scene, state.script) == (earlier.scene, earlier.script)
    with pytest.raises(Refused, match="nothing to undo"):
        state.undo()
    for later in states[1:]:
        state = state.redo()
        np.testing.assert_array_equal(state.labels, later.labels)
        assert (state.scene, state.script) == (later.scene, later.script)
    with pytest.raises(Refused, match="nothing to redo"):
        state.redo()


def test_a_new_edit_forgets_what_was_taken_back(atelier: Atelier) -> None:
    state = after(after(at(atelier), *SCRIPT[:3]).undo(), "fill hat 0,15.5")
    assert state.undone == ()
    assert state.script == [*SCRIPT[:2], "fill hat 0,15.5"]


def test_reset_takes_everything_back_and_redo_brings_it_again(atelier: Atelier) -> None:
    full = after(at(atelier, 1), *SCRIPT)
    state = full.reset()
    assert state.scene == 1
    np.testing.assert_array_equal(state.labels, atelier.scenes.labels[1])
    for _ in SCRIPT:
        state = state.redo()
    np.testing.assert_array_equal(state.labels, full.labels)


def test_states_and_maps_do_not_change(atelier: Atelier) -> None:
    state = at(atelier)
    before = state.labels.copy()
    after(state, *SCRIPT)
    np.testing.assert_array_equal(state.labels, before)
    with pytest.raises(ValueError, match="read-only"):
        after(state, "fill shoes 0,0").labels[0, 0] = 1


def test_a_session_comes_back_whole(atelier: Atelier) -> None:
    state = after(at(atelier, 2), *SCRIPT[:8]).undo().undo()
    again = at(atelier).from_json(state.to_json())
    np.testing.assert_array_equal(again.labels, state.labels)
    assert (again.scene, again.script, again.undone) == (state.scene, state.script, state.undone)
    np.testing.assert_array_equal(again.undo().labels, state.undo().labels)
    np.testing.assert_array_equal(again.redo().labels, state.redo().labels)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("format", "other", "its format is other"),
        ("label_set", "rooms", "its label_set is rooms, here it is toys"),
        ("size", [64, 64], "its size is"),
        ("examples", "0", "with the network and the examples"),
        ("done", None, "damaged"),
        ("done", ["dance"], "'dance' is no command"),
    ],
)
def test_a_session_that_does_not_fit_says_why(atelier: Atelier, key: str, value: object, words: str) -> None:
    data = {**json.loads(after(at(atelier), SCRIPT[0]).to_json()), key: value}
    with pytest.raises(Refused, match=words):
        at(atelier).from_json(json.dumps(data))
    with pytest.raises(Refused, match="not JSON"):
        at(atelier).from_json("{")


def test_new_area_of_a_class_takes_that_classs_code(atelier: Atelier) -> None:
    state = after(at(atelier), "brush coat 4 2,13")
    image = render(state, atelier).image
    assert image is not None
    new = (state.labels == COAT) & (atelier.scenes.labels[0] != COAT)
    assert new.sum() > 8
    assert (image[new] == colour(0, COAT)).all()
    np.testing.assert_array_equal(image[~new], toys().images[0][~new])


def test_a_class_without_a_code_gets_that_of_the_most_similar_example_and_says_so(atelier: Atelier) -> None:
    state = after(at(atelier, BAREFOOT), "brush shoes 4 8,14")
    nearest = next(n for n in atelier.nearest[BAREFOOT] if n != BAREFOOT)
    others = [atelier.studio.codes.values[n, :3, :, 0, 0] for n in range(4)]  # all but the shoes
    assert nearest == min(range(3), key=lambda n: float(((others[n] - others[BAREFOOT]) ** 2).mean()))
    frame = render(state, atelier)
    assert frame.image is not None
    assert frame.stats["lenders"] == {SHOES: nearest}
    assert (frame.image[state.labels == SHOES] == colour(nearest, SHOES)).all()
    letter = "ABCD"[nearest]
    assert describe(state, atelier)[1] == (
        f"Scene D has no shoes: the style is that of {letter}, the most similar example that has one."
    )


def test_a_stamp_brings_its_own_style_where_there_is_none(atelier: Atelier) -> None:
    nearest = [int(n) for n in atelier.nearest[BAREFOOT] if n != BAREFOOT]
    other = nearest[-1]
    state = after(at(atelier, BAREFOOT), f"stamp shoes {'ABCD'[other]} 3 8,14")
    frame = render(state, atelier)
    assert frame.image is not None
    assert (frame.image[state.labels == SHOES] == colour(other, SHOES)).all()
    assert "the stamp's own" in describe(state, atelier)[1]
    assert render(state.undo(), atelier).stats["lenders"] == {}


def test_a_class_that_nobody_shows_is_said() -> None:
    samples = toys(1)  # one toy, barefoot
    atelier = Atelier.open(FakeModel(), samples)
    state = after(at(atelier), "brush shoes 4 8,14")
    assert render(state, atelier).stats["lenders"] == {SHOES: None}
    assert "No example shows shoes" in describe(state, atelier)[1]


def test_the_picture_in_words(atelier: Atelier) -> None:
    (line,) = describe(at(atelier), atelier)
    assert line.startswith(
        "Scene A, as it is: ground 68\u00a0% of the image (middle), coat 19\u00a0% of the image (middle)"
    )
    assert "shoes 8\u00a0% of the image (bottom)" in line
    assert describe(after(at(atelier), SCRIPT[0]), atelier)[0].startswith("Scene A, 1 edit: ")


def test_drawing_again_gives_the_very_same_image(atelier: Atelier) -> None:
    first = render(at(atelier), atelier).image
    render(after(at(atelier), *SCRIPT), atelier)
    assert render(at(atelier), atelier).image is first


def test_a_mirrored_stamp_is_the_stamp_with_left_and_right_exchanged(atelier: Atelier) -> None:
    corner = np.array([[1, 0, 0], [1, 0, 0], [1, 1, 1]], bool)  # the toys' own pieces are alike on both sides
    atelier.scenes.pieces[1, COAT] = Piece(np.full((3, 3), COAT, np.uint8), corner)
    state = at(atelier).holding(c=COAT).stamping(1)
    np.testing.assert_array_equal(dataclasses.replace(state, mirrored=True).stamp().mask, corner[:, ::-1])
    blank = "rectangle ground 0,0 16,16"
    stamp, mirror = (after(at(atelier), blank, f"{verb} coat B 3 8,8").labels for verb in ("stamp", "mirror"))
    np.testing.assert_array_equal(stamp[6:9, 6:9] == COAT, corner)
    np.testing.assert_array_equal(mirror[6:9, 6:9] == COAT, corner[:, ::-1])
    assert after(at(atelier, BAREFOOT), "mirror shoes B 3 8,14").stamped_from() == {SHOES: 1}


def test_tools_in_hand(atelier: Atelier) -> None:
    state = at(atelier, BAREFOOT)
    assert (state.c, state.tool) == (COAT, "brush")  # the second largest class
    assert state.holding(size=0).size == 1
    assert state.holding("stamp", SHOES).donor in (0, 1, 2)
    assert state.holding("stamp", SHOES).tall == 3
    assert state.holding("stamp", SHOES).holding(size=9).stamp().mask.shape[0] == 9
    with pytest.raises(Refused, match=r"no tool 'knife'\. There are: brush"):
        state.holding("knife")
    assert at(atelier).holding(c=HAT).donor == 1  # the next one: all hats lie inside their picture
    with pytest.raises(Refused, match="D shows no shoes"):
        state.holding(c=SHOES).stamping(BAREFOOT)
