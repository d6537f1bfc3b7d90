import pytest
import torch
from torch import nn

from smis.layers import CGBlock, CGNorm, SpectralNorm, init_weights, interleave, one_hot, spectral_conv
from smis.neighbourhoods import Neighbourhoods
from tests.unit.networks import random_labels, shake


def test_a_grouped_convolution_is_a_block_diagonal_dense_one():
    grouped = nn.Conv2d(8, 12, 3, padding=1, groups=4, bias=False).double()
    dense = nn.Conv2d(8, 12, 3, padding=1, bias=False).double()
    with torch.no_grad():
        dense.weight.zero_()
        for g in range(4):
            dense.weight[3 * g : 3 * g + 3, 2 * g : 2 * g + 2] = grouped.weight[3 * g : 3 * g + 3]
    x = torch.randn(2, 8, 5, 6, dtype=torch.double)
    torch.testing.assert_close(grouped(x), dense(x))


def test_one_hot_marks_each_pixel_once():
    labels = random_labels(2, 5, 7)
    mask = one_hot(labels, 8)
    assert mask.shape == (2, 8, 5, 7)
    assert (mask.sum(1) == 1).all()
    assert (mask.argmax(1) == labels).all()


@pytest.mark.parametrize("bad", [-1, 8, 255])
def test_one_hot_refuses_ids_out_of_range(bad):
    labels = random_labels(1, 4, 4)
    labels[0, 1, 2] = bad
    with pytest.raises(ValueError, match=rf"0\.\.7.*{bad}"):
        one_hot(labels, 8)


@pytest.mark.parametrize("bad", [torch.zeros(1, 4, 4), torch.zeros(4, 4, dtype=torch.long)])
def test_one_hot_refuses_other_types_and_shapes(bad):
    with pytest.raises(ValueError, match="integers"):
        one_hot(bad, 8)


def test_instance_edges_stand_beside_each_label():
    labels, edges = random_labels(2, 6, 5), random_labels(2, 6, 5, seed=1) < 2
    channels = interleave(8)[labels + 8 * edges].permute(0, 3, 1, 2)  # (B, 16, H, W)
    assert torch.equal(channels[:, 0::2], one_hot(labels, 8))
    assert torch.equal(channels[:, 1::2], edges[:, None].float().expand(-1, 8, -1, -1))


@pytest.mark.parametrize("groups", [(1, 1), (2, 2), (8, 8), (8, 2), (1, 8)])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 7), (32, 32)])
def test_neighbourhood_tables_equal_the_convolutions(groups, size):
    norm = CGNorm(16, 8, 24, groups).double()
    shake(norm)
    labels = random_labels(3, *size)
    table = Neighbourhoods.of(labels, torch.eye(8).double())
    weight = torch.randn(3, 16, *size, dtype=torch.double)
    outputs, gradients = [], []
    for mask in (one_hot(labels, 8).double(), table):
        gamma, beta = norm.modulation(mask)
        outputs.append((gamma, beta))
        gradients.append(torch.autograd.grad(((gamma - 2 * beta) * weight).sum(), list(norm.parameters())[:]))
    for plain, looked_up in zip(outputs[0] + gradients[0], outputs[1] + gradients[1]):
        torch.testing.assert_close(plain, looked_up, rtol=1e-9, atol=1e-9)


def test_neighbourhood_tables_hold_for_many_classes():
    labels = torch.randint(0, 151, (2, 12, 12), generator=torch.Generator().manual_seed(0))
    norm = CGNorm(8, 151, 16, (1, 1))
    shake(norm)
    plain, looked_up = norm.modulation(one_hot(labels, 151)), norm.modulation(Neighbourhoods.of(labels, torch.eye(151)))
    torch.testing.assert_close(plain[0], looked_up[0], rtol=1e-4, atol=1e-5)


def test_neighbourhood_tables_are_smaller_than_the_image():
    labels = torch.zeros(1, 32, 32, dtype=torch.long)
    labels[:, 10:20, 8:16] = 3
    table = Neighbourhoods.of(labels, torch.eye(8))
    assert len(table.parts) < 32 * 32 / 4
    assert table.pixels.shape == (1, 32, 32)


def test_cg_norm_is_batch_norm_then_scale_and_shift():
    norm = CGNorm(8, 8, 8, (4, 4))
    shake(norm)
    features, mask = torch.randn(3, 8, 6, 6), one_hot(random_labels(3, 6, 6), 8)
    mean, variance = features.mean((0, 2, 3), keepdim=True), features.var((0, 2, 3), unbiased=False, keepdim=True)
    by_hand = (features - mean) / torch.sqrt(variance + 1e-5)
    hidden = torch.relu(norm.shared(mask))
    by_hand = by_hand * (1 + norm.gamma(hidden)) + norm.beta(hidden)
    torch.testing.assert_close(norm(features, mask), by_hand, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("wide_in", "wide_out"), [(16, 8), (16, 16)])
def test_a_block_with_groups_keeps_groups_apart(wide_in, wide_out):
    block = CGBlock(wide_in, wide_out, 8, 8, 16, (8, 8)).eval()
    shake(block)
    features = torch.randn(1, wide_in, 4, 4, requires_grad=True)
    mask = one_hot(random_labels(1, 4, 4), 8)
    per_group = wide_out // 8
    block(features, mask)[:, 2 * per_group : 3 * per_group].sum().backward()
    moved = features.grad.abs().sum((0, 2, 3)).view(8, -1).sum(1)
    assert moved[2] > 0
    assert (moved[[0, 1, 3, 4, 5, 6, 7]] == 0).all()


def test_init_reaches_spectral_normed_convolutions():
    block = CGBlock(16, 8, 1, 8, 16, (1, 1))
    before = block.conv_0.parametrizations.weight.original.std().item()
    init_weights(block, 0.02)
    assert block.conv_0.parametrizations.weight.original.std().item() < before / 5
    assert (block.conv_0.bias == 0).all()


def test_spectral_norm_divides_by_the_largest_singular_value():
    conv = spectral_conv(6, 9, 3, groups=3)
    for _ in range(50):
        assert conv.weight.shape == (9, 2, 3, 3)  # each look in training is one more power iteration
    conv.eval()
    assert torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


def test_spectral_norm_takes_one_step_in_training_and_none_in_eval():
    weight = torch.randn(4, 3, 2, 2)
    norm = SpectralNorm(weight)
    norm._u.copy_(torch.tensor([1.0, 0, 0, 0]))
    norm.eval()(weight)
    assert norm._u.tolist() == [1, 0, 0, 0]
    norm.train()(weight)
    matrix = weight.flatten(1)
    v = matrix[0] / matrix[0].norm()  # first v from u, then u from v
    torch.testing.assert_close(norm._v, v)
    torch.testing.assert_close(norm._u, (matrix @ v) / (matrix @ v).norm())
