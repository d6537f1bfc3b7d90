"""The losses of the generator and of the discriminator (section 3.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["feature_matching", "hinge_discriminator", "hinge_fake", "hinge_generator", "hinge_real", "kl_divergence"]

Outputs = list[list[Tensor]]  # of a MultiscaleDiscriminator: per scale, per layer; the last layer is the score map


def _mean_over_scales(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).mean()


def hinge_fake(fake: Outputs) -> Tensor:
    """mean(max(0, 1 + D(fake))), mean over scales: a scalar."""
    return _mean_over_scales([F.relu(1 + f[-1]).mean() for f in fake])


def hinge_real(real: Outputs) -> Tensor:
    """mean(max(0, 1 - D(real))), mean over scales: a scalar."""
    return _mean_over_scales([F.relu(1 - r[-1]).mean() for r in real])


def hinge_discriminator(fake: Outputs, real: Outputs) -> Tensor:
    """What the discriminator minimises: `hinge_fake` and `hinge_real` together."""
    return hinge_fake(fake) + hinge_real(real)


def hinge_generator(fake: Outputs) -> Tensor:
    """-mean(D(fake)), mean over scales: a scalar."""
    return _mean_over_scales([-f[-1].mean() for f in fake])


def feature_matching(fake: Outputs, real: Outputs) -> Tensor:
    """L1 between the discriminator's inner activations, summed over layers, mean over scales: a scalar.

    The real side is a target: no gradient flows into it.
    """
    terms = [torch.stack([F.l1_loss(a, b.detach()) for a, b in zip(f[:-1], r[:-1])]).sum() for f, r in zip(fake, real)]
    return _mean_over_scales(terms)


def kl_divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(q || N(0, 1)), summed over one image's codes, mean over the batch: a scalar.

    -1/2 * sum(1 + logvar - mu^2 - exp(logvar))

    >>> kl_divergence(torch.ones(1, 1, 2, 1, 1), torch.zeros(1, 1, 2, 1, 1))
    tensor(1.)
    """
    return -0.5 * (1 + logvar - mu.square() - logvar.exp()).flatten(1).sum(1).mean()
