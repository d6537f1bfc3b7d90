"""Gradients by finite differences, in float64, on a network small enough for it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import gradcheck

import smis.decoder
from smis.config import GroupDNetConfig
from smis.discriminator import MultiscaleDiscriminator
from smis.encoder import sample_code
from smis.labels import LabelSet
from smis.layers import SpectralNorm, one_hot, spectral_conv
from smis.losses import feature_matching, hinge_discriminator, hinge_generator, kl_divergence
from smis.model import GroupDNet

CONFIG = GroupDNetConfig(
    labels=LabelSet("three", ("a", "b", "c"), ((0, 0, 0), (255, 0, 0), (0, 255, 0))),
    image_size=(16, 16),
    controllers=3,
    latent_dim=2,
    latent_size=(4, 4),
    encoder_input="classes",
    encoder_boxes="colours",
    encoder_groups=3,
    encoder_widths=(2, 3),
    encoder_norm="instance",
    decoder_widths=(6, 6, 4),
    decoder_groups=(3, 3, 3, 1),
    upsample=(False, True, True),
    norm_hidden=(3, 3, 4),
    norm_groups=((3, 3), (3, 3), (1, 1)),
    instance_edges=True,
)


class Networks(nn.Module):
    """Encoder, decoder and discriminator of one tiny configuration, with their inputs."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.model = GroupDNet(CONFIG)
        self.judge = MultiscaleDiscriminator(4, (3, 4))
        self.double().train()
        for module in self.modules():
            if isinstance(module, SpectralNorm):
                module.eval()  # u and v stay: sigma is a function of the weight alone
        generator = torch.Generator().manual_seed(1)
        self.images = torch.rand(2, 3, 16, 16, generator=generator).double() * 2 - 1
        self.labels = (
            torch.randint(0, 3, (2, 4, 4), generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
        )
        self.edges = torch.rand(2, 16, 16, generator=generator) < 0.2
        self.noise = torch.randn(2, *CONFIG.code_shape, generator=generator).double()

    def forward(self, plain: bool) -> tuple[Tensor, Tensor, Tensor]:
        """What generator and encoder minimise, term by term, and what the discriminator minimises."""
        mu, logvar = self.model.encoder(self.images, self.labels)
        fakes = self.model.decoder(sample_code(mu, logvar, self.noise), self.labels, self.edges, plain)
        mask = torch.cat([one_hot(self.labels, 3), self.edges[:, None]], 1).double()
        both = self.judge(torch.cat([fakes, self.images]), torch.cat([mask, mask]))
        fake, real = [[t[:2] for t in scale] for scale in both], [[t[2:] for t in scale] for scale in both]
        generator = hinge_generator(fake) + 10 * feature_matching(fake, real)
        return generator, kl_divergence(mu, logvar), hinge_discriminator(fake, real)


@pytest.mark.parametrize("plain", [True, False], ids=["convolved", "looked up"])
def test_every_parameter_of_every_loss(plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encoder with preprocessing and instance norm, decoder with batch statistics and spectral norm, discriminator."""
    monkeypatch.setattr(smis.decoder, "TABLE_FROM", 8)
    networks = Networks()
    generator, kl, discriminator = networks(plain)
    parameters = dict(networks.named_parameters())
    losses = (generator + kl, discriminator)
    grads = [
        torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, retain_graph=True) for loss in losses
    ]
    unused = [name for name, grad in zip(parameters, grads[0]) if grad is None]
    assert unused == []

    def value() -> Tensor:
        generator, kl, discriminator = networks(plain)
        return torch.stack([generator + kl, discriminator])

    step, noise = 1e-6, torch.Generator().manual_seed(2)
    worst = {}
    with torch.no_grad():
        for name, parameter, *slopes in zip(parameters, parameters.values(), *grads):
            direction = torch.randn(parameter.shape, generator=noise).double()
            start = parameter.clone()
            ends = [value() for parameter.data in (start + step * direction, start - step * direction)]
            parameter.data = start
            exact = torch.stack([torch.zeros(()) if slope is None else (slope * direction).sum() for slope in slopes])
            off = ((ends[0] - ends[1]) / (2 * step) - exact).abs() / exact.abs().clamp(min=0.1)
            # feature matching takes its real side as a target, so for the discriminator it is no plain derivative
            worst[name] = (off[1] if name.startswith("judge.") else off.max()).item()
    assert max(worst.values()) < 1e-5, max(worst.items(), key=lambda item: item[1])


def test_the_gradient_of_a_training_pass_of_spectral_norm() -> None:
    """u and v move with the weight; near the largest singular value that does not change sigma to first order."""
    torch.manual_seed(0)
    conv = spectral_conv(4, 6, 3, groups=2).double().train()
    norm = conv.parametrizations.weight[0]
    weight = conv.parametrizations.weight.original.detach()
    for _ in range(500):
        norm(weight)
    state = {name: value.clone() for name, value in norm.state_dict().items()}

    def divided(values: Tensor) -> Tensor:
        norm.load_state_dict(state)
        result: Tensor = norm(values)
        return result

    assert gradcheck(divided, (weight.clone().requires_grad_(),), eps=1e-6, atol=1e-6)
    for _ in range(3):  # and the order of the released networks: v first, then u
        divided(weight)
        torch.testing.assert_close(norm._u, nn.functional.normalize(weight.flatten(1) @ norm._v, dim=0))


def test_no_gradient_flows_into_the_target_of_feature_matching() -> None:
    fake, real = torch.randn(2, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    feature_matching([[fake, fake.sum()]], [[real, real.sum()]]).backward()
    assert fake.grad is not None
    assert real.grad is None
