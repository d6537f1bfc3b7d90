import pytest
import torch

from smis import ClassCodes, mix, morph
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
    torch.testing.assert_close(morph(a, b, 1.0), b)
    torch.testing.assert_close(morph(a, b, 1.5) - b, 0.5 * (b - a), rtol=1e-4, atol=1e-5)
    part = morph(a, b, 0.5, classes=[1, 3])
    assert torch.equal(part[:, [0, 2]], a[:, [0, 2]])
    torch.testing.assert_close(part[:, [1, 3]], (a[:, [1, 3]] + b[:, [1, 3]]) / 2)
    with pytest.raises(ValueError, match="one shape"):
        morph(a, b[:, :3], 0.5)


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
