import math

import torch

from smis.discriminator import MultiscaleDiscriminator
from smis.layers import one_hot
from smis.losses import feature_matching, hinge_discriminator, hinge_generator, kl_divergence
from tests.unit.networks import random_labels


def scores(*values):
    return [[torch.zeros(1), torch.tensor(v)] for v in values]


def test_hinge_by_hand():
    fake, real = scores([-2.0, 0.5], [1.0]), scores([2.0, 0.25], [-1.0])
    # scale 1: mean(0, 1.5) + mean(0, 0.75) = 1.125; scale 2: 2 + 2 = 4
    assert hinge_discriminator(fake, real).item() == (1.125 + 4) / 2
    # scale 1: -mean(-2, 0.5) = 0.75; scale 2: -1
    assert hinge_generator(fake).item() == (0.75 - 1) / 2


def test_feature_matching_by_hand_leaves_out_the_scores_and_the_real_side():
    fake = [[torch.tensor([1.0, 3.0], requires_grad=True), torch.tensor([9.0])]]
    real = [[torch.tensor([0.0, 0.0], requires_grad=True), torch.tensor([-9.0])]]
    loss = feature_matching(fake, real)
    assert loss.item() == 2.0
    loss.backward()
    assert fake[0][0].grad is not None
    assert real[0][0].grad is None


def test_kl_by_hand():
    mu, variance = torch.tensor([[1.0, -2.0], [0.0, 0.0]]), torch.tensor([[1.0, 1.0], [4.0, 1.0]])
    expected = (0.5 + 2.0 + 0.5 * (4 - 1 - math.log(4))) / 2
    shape = (2, 1, 2, 1, 1)
    torch.testing.assert_close(kl_divergence(mu.view(shape), variance.log().view(shape)), torch.tensor(expected))


def test_the_discriminator_judges_two_scales_and_sees_the_mask():
    judge = MultiscaleDiscriminator(8, (8, 16, 32)).eval()
    images, mask = torch.randn(2, 3, 64, 64), one_hot(random_labels(2, 64, 64), 8)
    outputs = judge(images, mask)
    assert [[tuple(x.shape[1:]) for x in scale] for scale in outputs] == [
        [(8, 33, 33), (16, 17, 17), (32, 18, 18), (1, 19, 19)],
        [(8, 17, 17), (16, 9, 9), (32, 10, 10), (1, 11, 11)],
    ]
    other = judge(images, mask.roll(1, 1))
    assert not torch.allclose(outputs[0][-1], other[0][-1])
