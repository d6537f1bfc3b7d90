import pytest
import torch

from smis import perceptual
from smis.perceptual import EfficientNetFeatures, PerceptualLoss


@pytest.fixture(scope="module")
def loss():
    return PerceptualLoss()


def test_features_have_the_strides_they_say():
    features = EfficientNetFeatures(5)(torch.zeros(1, 3, 64, 64))
    assert [tuple(f.shape[1:]) for f in features] == [
        (32, 32, 32), (16, 32, 32), (24, 16, 16), (40, 8, 8), (80, 4, 4), (112, 4, 4),
    ]  # fmt: skip


def test_the_pretrained_weights_make_sense_of_an_image():
    """An edge must excite the first features where it is, and a flat image must give flat features inside."""
    image = torch.zeros(1, 3, 64, 64)
    flat = EfficientNetFeatures(1)(image)[0][:, :, 4:-4, 4:-4]
    assert flat.std((2, 3)).max() < 1e-5
    image[..., 32:] = 1
    edge = EfficientNetFeatures(1)(image)[0]
    change = (edge[..., 4:-4, 1:] - edge[..., 4:-4, :-1]).abs().sum((0, 1, 2))
    assert change[14:17].max() > 10 * change[3:10].max()


def test_zero_for_equal_images_and_growing_with_distortion(loss):
    torch.manual_seed(0)
    image = torch.nn.functional.interpolate(torch.rand(2, 3, 8, 8) * 2 - 1, scale_factor=8)
    noise = torch.randn_like(image)
    values = [loss(image + amount * noise, image).item() for amount in (0, 0.05, 0.2, 0.8)]
    assert values[0] == 0
    assert values == sorted(values)
    assert values[1] > 0.01


def test_gradient_goes_to_the_fake_only_and_the_network_is_frozen(loss):
    fake, real = torch.rand(1, 3, 64, 64, requires_grad=True), torch.rand(1, 3, 64, 64, requires_grad=True)
    loss(fake, real).backward()
    assert torch.isfinite(fake.grad).all()
    assert fake.grad.abs().sum() > 0
    assert real.grad is None
    assert list(loss.parameters()) == []


def test_a_missing_or_foreign_wheel_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(perceptual, "PACKAGE", "no-such-package")
    with pytest.raises(ModuleNotFoundError, match=r"smis\[train\]"):
        EfficientNetFeatures()
    foreign = tmp_path / "weights.pth"
    foreign.write_bytes(b"something else")
    monkeypatch.setattr(perceptual, "_weights_file", lambda: foreign)
    with pytest.raises(ValueError, match="sha256"):
        EfficientNetFeatures()
