import torch

from smis.model import GroupDNet
from smis.priors import CodePrior
from tests.unit.networks import smoke

SHAPE = (3, 2, 2, 1)  # three classes, codes of length 4


def styles(images: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes whose class 1 has a mean, sizes and a correlation of its own; class 2 occurs once only."""
    generator = torch.Generator().manual_seed(0)
    codes = torch.randn(images, *SHAPE, generator=generator)
    first = codes[:, 1].flatten(1)
    first[:, 1] = 3 * first[:, 0] + 0.1 * first[:, 1] + 5
    codes[:, 1] = first.view(images, 2, 2, 1)
    present = torch.ones(images, 3, dtype=torch.bool)
    present[1:, 2] = False
    return codes, present


def test_draws_have_the_mean_and_covariance_of_the_codes():
    codes, present = styles(20_000)
    drawn = CodePrior(SHAPE).fit(codes, present)(
        torch.randn(20_000, *SHAPE, generator=torch.Generator().manual_seed(1))
    )
    mine, theirs = drawn[:, 1].flatten(1), codes[:, 1].flatten(1)
    torch.testing.assert_close(mine.mean(0), theirs.mean(0), atol=0.1, rtol=0.02)
    torch.testing.assert_close(torch.cov(mine.T), torch.cov(theirs.T), atol=0.15, rtol=0.03)
    assert torch.corrcoef(mine.T)[0, 1] > 0.98


def test_a_class_keeps_to_itself_and_one_without_images_keeps_the_standard_prior():
    codes, present = styles(500)
    prior = CodePrior(SHAPE).fit(codes, present)
    noise = torch.randn(2, *SHAPE)
    other = noise.clone()
    other[:, 0] += 1
    changed = (prior(noise) != prior(other)).flatten(2).any(2)
    assert changed.tolist() == [[True, False, False]] * 2
    assert torch.equal(prior(noise)[:, 2], noise[:, 2])


def test_few_images_give_a_covariance_that_can_be_drawn_from():
    codes = torch.randn(3, 1, 8, 4, 4)
    prior = CodePrior((1, 8, 4, 4)).fit(codes, torch.ones(3, 1, dtype=torch.bool))
    assert torch.isfinite(prior(torch.randn(5, 1, 8, 4, 4))).all()


def test_a_checkpoint_keeps_its_prior(tmp_path):
    model = GroupDNet(smoke().model).eval()
    model.save(tmp_path / "without.safetensors")
    assert GroupDNet.load(tmp_path / "without.safetensors").prior is None
    codes = torch.randn(40, *model.config.code_shape) * 3 + 1
    model.prior = CodePrior(model.config.code_shape).fit(codes, torch.ones(40, 8, dtype=torch.bool))
    model.save(tmp_path / "with.safetensors", half=False)
    again = GroupDNet.load(tmp_path / "with.safetensors")
    drawn = [m.sample(50, torch.Generator().manual_seed(2)) for m in (model, again)]
    assert torch.equal(*drawn)
    assert abs(drawn[0].mean() - 1) < 0.2
    assert GroupDNet(smoke().model).sample(50, torch.Generator().manual_seed(2)).mean().abs() < 0.05
