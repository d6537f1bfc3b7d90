"""Pixel operations, each on maps small enough to check by hand."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from smis_widgets.base import Refused
from smis_widgets.painter import brushes
from smis_widgets.painter.label_files import label_png, read_labels
from tests.widgets.fake import LABELS


def drawn(text: str) -> np.ndarray:
    """A map from a drawing: '.' is 0, digits are classes."""
    return np.array([[0 if c == "." else int(c) for c in line] for line in text.split()], np.uint8)


def test_a_small_brush_covers_the_pixel_under_it() -> None:
    mask = brushes.stroke((4, 4), [(2.9, 1.1)], 1)
    assert np.argwhere(mask).tolist() == [[1, 2]]


def test_a_round_brush_is_a_disc() -> None:
    mask = brushes.stroke((5, 5), [(2.5, 2.5)], 4)
    np.testing.assert_array_equal(mask, drawn("..1.. .111. 11111 .111. ..1..") == 1)


def test_samples_far_apart_are_joined_by_a_line_without_holes() -> None:
    mask = brushes.stroke((9, 30), [(1.5, 4.5), (28.5, 4.5)], 3)
    assert mask[3:6, 1:29].all()
    assert mask.sum() == 3 * 30  # at the ends a disc of diameter 3 covers 3 x 3 pixels
    diagonal = brushes.stroke((20, 20), [(1, 1), (19, 19)], 2)
    assert all(diagonal[k, k] for k in range(1, 19))


def test_a_stroke_is_the_union_of_its_pieces() -> None:
    points = [(3.2, 4.1), (11.7, 9.0), (2.0, 18.4), (19.9, 1.3)]
    pieces = [brushes.stroke((20, 22), [a, b], 5) for a, b in itertools.pairwise(points)]
    np.testing.assert_array_equal(brushes.stroke((20, 22), points, 5), np.any(pieces, axis=0))


def test_a_stroke_over_the_edge_is_cut_there() -> None:
    mask = brushes.stroke((6, 6), [(-9, 3), (3, -9), (40, 3)], 6)
    assert mask.shape == (6, 6)
    assert not brushes.stroke((6, 6), [(-30, -30)], 4).any()


def test_a_rectangle_has_both_corners_whatever_their_order() -> None:
    expected = drawn("..... .111. .111. .....") == 1
    np.testing.assert_array_equal(brushes.rectangle((4, 5), (3.5, 2.5), (1.5, 1.5)), expected)
    np.testing.assert_array_equal(brushes.rectangle((4, 5), (1.5, 2.5), (3.5, 1.5)), expected)
    assert brushes.rectangle((4, 5), (-9, -9), (99, 99)).all()
    assert not brushes.rectangle((4, 5), (-9, -9), (-2, -2)).any()


def test_a_polygon_by_the_even_odd_rule() -> None:
    square = [(1, 1), (4, 1), (4, 3), (1, 3)]
    np.testing.assert_array_equal(brushes.polygon((4, 5), square), drawn("..... .111. .111. .....") == 1)
    bow_tie = brushes.polygon((4, 6), [(0, 0), (6, 4), (6, 0), (0, 4)])
    assert bow_tie[1, 0]
    assert bow_tie[1, 5]
    assert not bow_tie[0, 2:4].any()


def test_regions_end_at_corners_and_follow_every_bend() -> None:
    labels = drawn("1.1 .1. 1.1")
    assert brushes.region(labels, (0.5, 0.5)).sum() == 1
    snake = drawn("1111 ...1 1111 1... 1111")
    np.testing.assert_array_equal(brushes.region(snake, (0, 0)), snake == 1)
    assert len(np.unique(brushes.regions(snake))) == 3
    with pytest.raises(ValueError, match="4 wide and 5 high"):
        brushes.region(snake, (4, 0))


def test_a_hole_is_closed_by_what_lies_around_it() -> None:
    labels = drawn("1199 1192 1122")
    np.testing.assert_array_equal(brushes.grown_over(labels, labels == 9)[1], [1, 1, 2, 2])
    np.testing.assert_array_equal(brushes.grown_over(labels, np.ones_like(labels, bool)), labels)


def test_moving_a_region() -> None:
    labels = drawn("..... .2... .2... .....")
    np.testing.assert_array_equal(brushes.moved(labels, (1.5, 1.5), (3.4, 2.5)), drawn("..... ..... ...2. ...2."))
    np.testing.assert_array_equal(brushes.moved(labels, (1.5, 1.5), (90, 1.5)), np.zeros((4, 5)))
    assert (labels[1:3, 1] == 2).all()  # nothing is changed in place


def test_a_stamp_is_the_largest_region_with_what_it_surrounds() -> None:
    labels = drawn("3333.. 3113.3 33333. ...... 3.....")
    piece = brushes.cut(labels, 3)
    assert piece is not None
    np.testing.assert_array_equal(piece.labels, drawn("3333. 3113. 33333"))
    np.testing.assert_array_equal(piece.mask, drawn("1111. 1111. 11111") == 1)
    assert piece.corner == (0, 0)
    assert not piece.whole(labels.shape)
    assert brushes.cut(drawn("... .1. ..."), 1).whole((3, 3))  # type: ignore[union-attr]
    assert brushes.cut(labels, 7) is None


def test_stamping_and_what_sticks_out() -> None:
    piece = brushes.cut(drawn("33 3."), 3)
    assert piece is not None
    np.testing.assert_array_equal(piece.stamped(drawn("1111 1111 1111"), (2, 1)), drawn("1331 1311 1111"))
    np.testing.assert_array_equal(piece.stamped(drawn("1111 1111 1111"), (4, 3)), drawn("1111 1111 1113"))
    np.testing.assert_array_equal(piece.stamped(drawn("11 11"), (50, -50)), drawn("11 11"))
    assert piece.cover((3, 4), (2, 1)).sum() == 3


def test_a_stamp_of_another_height_keeps_its_proportions() -> None:
    piece = brushes.cut(drawn("332 3.2 332"), 3)
    assert piece is not None
    double = piece.resized(6)
    assert double.mask.shape == (6, 4)
    assert double.mask.sum() == 4 * piece.mask.sum()
    assert piece.resized(1).mask.shape == (1, 1)


def test_label_files_there_and_back() -> None:
    labels = drawn("0123 3210")
    data = label_png(labels, LABELS)
    np.testing.assert_array_equal(read_labels(data, LABELS), labels)
    np.testing.assert_array_equal(read_labels(png(Image.fromarray(LABELS.colorize(labels))), LABELS), labels)
    np.testing.assert_array_equal(read_labels(png(Image.fromarray(labels)), LABELS), labels)


def test_label_files_that_do_not_fit_say_what_is_wrong() -> None:
    colours = LABELS.colorize(drawn("0123"))
    colours[0, 2] = (1, 2, 3)
    with pytest.raises(Refused, match="1 colours that are no class of toys, the first #010203"):
        read_labels(png(Image.fromarray(colours)), LABELS)
    with pytest.raises(Refused, match="the id 4, toys has 0 to 3"):
        read_labels(png(Image.fromarray(drawn("0124"))), LABELS)
    with pytest.raises(Refused, match="not a picture"):
        read_labels(b"hello", LABELS)


def png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()
