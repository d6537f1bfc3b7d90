import math

import pytest
import torch

from smis import ClassCodes, mix, morph
from smis.editing import angles, slerp
from smis.sheets import grid, next_present, to_uint8


@pytest.fixture
def codes():
    values = torch.arange(3 * 4.0).view(3, 4, 1, 1, 1).expand(3, 4, 2, 4, 4)
    return ClassCodes(values, torch.ones(3, 4, dtype=torch.bool))


def test_mix_takes_each_class_from_its_source(codes):
    assert mix(codes, [2, 0, 1, 2])[0, :, 0, 0, 0].tolist() == [8, 1, 6, 11]
    assert mix(codes, [2, 0, 1, 2]).shape == (1, 4, 2, 4, 4)


@pytest.mark.parametrize(
    ("sources", "message"), [([0, 1], "4 sources, got 2"), ([0, 1, 3, -1], r"0\.\.2, got \[3, -1\]")]
)
def test_mix_refuses_other_sources(codes, sources, message):
    with pytest.raises(ValueError, match=message):
        mix(codes, sources)


def test_codes_of_one_image_and_wrong_shapes(codes):
    assert codes[-1].values[0, 0, 0, 0, 0] == 8
    assert len(codes[1]) == 1
    with pytest.raises(IndexError, match="image 3 of 3"):
        codes[3]
    with pytest.raises(ValueError, match=r"values \(N, C, D, h, w\)"):
        ClassCodes(torch.zeros(1, 8, 4, 4), torch.ones(1, 8).bool())


def test_morph_goes_straight_and_beyond_and_leaves_other_classes():
    a, b = torch.randn(1, 4, 2, 4, 4), torch.randn(1, 4, 2, 4, 4)
    assert torch.equal(morph(a, b, 0.0), a)
    assert torch.equal(morph(a, b, 1.0), b)
    torch.testing.assert_close(morph(a, b, 1.5) - b, 0.5 * (b - a), rtol=1e-4, atol=1e-5)
    part = morph(a, b, 0.5, classes=[1, 3])
    assert torch.equal(part[:, [0, 2]], a[:, [0, 2]])
    torch.testing.assert_close(part[:, [1, 3]], (a[:, [1, 3]] + b[:, [1, 3]]) / 2)
    with pytest.raises(ValueError, match="one shape"):
        morph(a, b[:, :3], 0.5)


@pytest.mark.parametrize("way", [morph, slerp])
def test_no_class_means_no_move_and_unknown_ones_are_refused(way):
    a, b = torch.randn(1, 3, 2, 1, 1), torch.randn(1, 3, 2, 1, 1)
    assert torch.equal(way(a, b, 0.5, classes=[]), a)
    with pytest.raises(ValueError, match=r"0\.\.2, got \[3\]"):
        way(a, b, 0.5, classes=[0, 3])


def arrow(length, degrees):
    """A code of one class that points this way in a plane."""
    at = math.radians(degrees)
    return torch.tensor([length * math.cos(at), length * math.sin(at)]).view(1, 1, 2, 1, 1)


def test_slerp_turns_by_the_share_of_the_angle_and_keeps_the_length():
    a, b = arrow(2, 10), arrow(2, 70)
    for amount in (-0.5, 0.0, 0.25, 0.5, 1.0, 1.5):
        torch.testing.assert_close(slerp(a, b, amount), arrow(2, 10 + 60 * amount))
    torch.testing.assert_close(angles(a, b), torch.tensor([[math.radians(60)]]))


def test_slerp_ends_exactly_and_turns_every_class_by_its_own_angle():
    a, b = 9 * torch.randn(2, 4, 2, 4, 4), torch.randn(2, 4, 2, 4, 4)
    assert torch.equal(slerp(a, b, 0.0), a)
    assert torch.equal(slerp(a, b, 1.0), b)
    part = slerp(a, b, 0.3, classes=[2])
    assert torch.equal(part[:, [0, 1, 3]], a[:, [0, 1, 3]])
    torch.testing.assert_close(part[:1, 2:3], slerp(a[:1, 2:3], b[:1, 2:3], 0.3))


def test_slerp_of_lengths_that_differ_has_no_dip():
    a, b = arrow(1, 0), arrow(3, 90)
    lengths = [slerp(a, b, k / 10).norm().item() for k in range(11)]
    assert lengths == sorted(lengths)
    assert min(morph(a, b, k / 10).norm().item() for k in range(11)) < 1


@pytest.mark.parametrize("b", [arrow(3, 20), arrow(-1, 20), arrow(0, 0)], ids=["parallel", "opposite", "zero"])
def test_slerp_without_an_arc_goes_straight(b):
    a = arrow(1, 20)
    for amount in (0.0, 0.5, 1.0, 1.5):
        torch.testing.assert_close(slerp(a, b, amount), morph(a, b, amount))
    with pytest.raises(ValueError, match="slerp needs two code tensors"):
        slerp(a, b[:, :, :1], 0.5)


def test_bytes_of_images_are_rounded_and_clipped():
    values = torch.tensor([-1.5, -1.0, 1.0, 127.5 / 255 * 2 - 1]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert to_uint8(values)[0, 0, :, 0].tolist() == [0, 0, 255, 128]


def test_grid_size():
    rows = [to_uint8(torch.zeros(3, 3, 8, 10)), to_uint8(torch.zeros(3, 3, 8, 10))]
    assert grid(rows, gap=2).size == (3 * 12, 2 * 10)


def test_next_present_goes_round():
    assert next_present(torch.tensor([False, True, False, True])).tolist() == [1, 3, 3, 1]
    assert next_present(torch.tensor([False, True])).tolist() == [1, 1]
    assert next_present(torch.tensor([False, False])).tolist() == [0, 1]
