"""Neighbourhood tables and the gradients that they bring themselves, in float64."""

import pytest
import torch
from torch.autograd import gradcheck

from smis.layers import CGNorm, one_hot
from smis.neighbourhoods import Neighbourhoods, RowSums
from tests.unit.networks import random_labels, shake


@pytest.mark.parametrize("places", [[[0, 1, 1], [4, 1, 0]], [[2], [2], [0], [4]]])
def test_sums_of_rows_and_their_gradient(places):
    sums, x = RowSums(torch.tensor(places), 5), torch.randn(5, 3, dtype=torch.double, requires_grad=True)
    matrix = torch.zeros(len(places), 5, dtype=torch.double)
    for number, chosen in enumerate(places):
        for place in chosen:
            matrix[number, place] += 1
    torch.testing.assert_close(sums(x), matrix @ x)
    y = torch.randn(len(places), 3, dtype=torch.double)
    torch.testing.assert_close(sums.transposed(y), matrix.T @ y)
    assert gradcheck(sums, (x,))


def test_modulation_has_the_right_gradient():
    windows = Neighbourhoods.of(random_labels(2, 4, 3), torch.eye(8))
    normed = torch.randn(2, 3, 4, 3, dtype=torch.double, requires_grad=True)
    table = torch.randn(len(windows.parts), 6, dtype=torch.double, requires_grad=True)
    assert gradcheck(windows.modulate, (normed, table))
    gamma, beta = windows.look_up(table).permute(0, 3, 1, 2).chunk(2, 1)
    torch.testing.assert_close(windows.modulate(normed, table), normed * (1 + gamma) + beta)


@pytest.mark.parametrize("groups", [(1, 1), (8, 2), (8, 8)])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 7)])
def test_cg_norm_and_its_gradients_equal_those_of_the_convolutions(groups, size):
    norm = CGNorm(16, 8, 24, groups).double()
    shake(norm)
    labels = random_labels(3, *size)
    features = torch.randn(3, 16, *size, dtype=torch.double, requires_grad=True)
    weight, results = torch.randn(3, 16, *size, dtype=torch.double), []
    for mask in (one_hot(labels, 8).double(), Neighbourhoods.of(labels, torch.eye(8))):
        out = norm(features, mask)
        results.append((out, *torch.autograd.grad((out * weight).sum(), [features, *norm.parameters()])))
    for plain, looked_up in zip(*results, strict=True):
        torch.testing.assert_close(plain, looked_up, rtol=1e-8, atol=1e-8)


def test_windows_of_a_crop_equal_those_of_the_whole_map():
    labels, eye = random_labels(2, 9, 8), torch.eye(8)
    norm = CGNorm(8, 8, 8, (4, 4))
    convs = (norm.shared, norm.gamma, norm.beta)
    whole = Neighbourhoods.of(labels, eye)
    seen = torch.nn.functional.pad(labels, (2, 2, 2, 2), value=8)[:, 0:8, 3:12]  # rows 0..3, columns 3..7
    part = Neighbourhoods.inside(seen, eye)
    expected = whole.look_up(whole.table(*convs))[:, 0:4, 3:8]
    torch.testing.assert_close(part.look_up(part.table(*convs)), expected, rtol=1e-5, atol=1e-6)
