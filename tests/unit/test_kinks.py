"""Gradients at kinks: the other side is found, and nothing else passes."""

import torch
import torch.nn.functional as F

from smis.kinks import agree

X = torch.tensor([0.7, -0.4, 1e-7, 1.3, 0.0, -2e-7], dtype=torch.float64)
W = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 7.0], dtype=torch.float64)


def gradient(x: torch.Tensor) -> torch.Tensor:
    x = x.clone().requires_grad_()
    hidden = F.leaky_relu(x, 0.2) * W
    (hidden.sum() + F.relu(x[3:] - 1).sum() + F.l1_loss(x[:2], torch.tensor([0.7, 1.0]).double())).backward()
    assert x.grad is not None
    return x.grad


def test_the_other_side_of_a_kink_is_found() -> None:
    ours = gradient(X)
    theirs = gradient(X + torch.tensor([0, 0, -2e-7, 0, 0, 4e-7]).double())
    assert (ours - theirs).abs().max() > 2
    found, units = agree(lambda: gradient(X), theirs, torch.tensor(1000.0), 1e-9)
    torch.testing.assert_close(found, theirs)
    assert sorted(unit.index for unit in units) == [2, 5]


def test_equal_gradients_are_left_alone() -> None:
    found, units = agree(lambda: gradient(X), gradient(X), torch.tensor(1000.0), 1e-9)
    assert torch.equal(found, gradient(X))
    assert units == []


def test_a_wrong_gradient_stays_wrong() -> None:
    wrong = gradient(X)
    wrong[1] += 1.0  # not a unit at a kink
    found, units = agree(lambda: gradient(X), wrong, torch.tensor(1000.0), 1e-9)
    assert units == []
    assert (found - wrong).abs().max() == 1.0


def test_an_exact_zero_is_no_kink() -> None:
    wanted = gradient(X)
    wanted[4] = 5.0  # the slope that x = 0 would have from the right
    assert agree(lambda: gradient(X), wanted, torch.tensor(1000.0), 1e-9)[1] == []
