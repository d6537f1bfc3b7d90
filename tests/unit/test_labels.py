"""Label sets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from smis.labels import PEOPLE, LabelSet

TWO = LabelSet("two", ("sky", "sea"), ((255, 255, 255), (0, 0, 255)))


def test_people_has_the_papers_classes() -> None:
    assert PEOPLE.classes == ("background", "hair", "face", "skin", "top", "bottom", "socks", "shoes")
    assert len(PEOPLE) == 8
    assert PEOPLE.index("top") == 4


def test_people_colours_are_clearly_different() -> None:
    for a, b in combinations(PEOPLE.palette, 2):
        assert sum(abs(x - y) for x, y in zip(a, b)) >= 60, (a, b)


def test_index_of_an_unknown_class_names_the_classes() -> None:
    with pytest.raises(ValueError, match=r"no class 'hat'.*sky, sea"):
        TWO.index("hat")


def test_colorize() -> None:
    picture = TWO.colorize(np.array([[0, 1], [1, 0]]))
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[[255, 255, 255], [0, 0, 255]], [[0, 0, 255], [255, 255, 255]]]


@pytest.mark.parametrize("labels", [np.array([[2]]), np.array([[-1]]), np.array([[0.5]])])
def test_colorize_refuses_what_is_no_class(labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"label ids must lie in 0\.\.1|labels must be integers"):
        TWO.colorize(labels)


def test_dict_round_trip() -> None:
    assert LabelSet.from_dict(PEOPLE.to_dict()) == PEOPLE
    with pytest.raises(ValueError, match="missing: palette"):
        LabelSet.from_dict({"name": "x", "classes": ["a"]})


@pytest.mark.parametrize(
    ("classes", "palette", "message"),
    [
        ((), (), "1 to 256 classes"),
        (("a", "a"), ((0, 0, 0), (1, 1, 1)), "must differ"),
        (("a", "b"), ((0, 0, 0),), "2 classes need as many colours, got 1"),
        (("a",), ((0, 0, 256),), "three integers"),
        (("a",), ((0, 0),), "three integers"),
    ],
)
def test_bad_label_sets_are_refused(classes: tuple[str, ...], palette: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LabelSet("bad", classes, palette)
