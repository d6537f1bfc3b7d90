import copy
import dataclasses
import json
import os
import signal

import pytest
import torch

from smis import GroupDNet
from smis.runs import train
from smis.training import Trainer, TrainingError
from tests.unit.networks import blobs, smoke


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run(out, samples, **options):
    config = options.pop("config", smoke(steps=6, tick=3))
    return train(config, out, samples, blobs(4, seed=9), progress=False, **options)


def weights(out):
    return GroupDNet.load(out / "model.safetensors").state_dict()


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_leaves_all_that_is_needed(tmp_path):
    result = run(tmp_path, blobs(8))
    assert (result.step, result.finished) == (6, True)
    lines = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [3, 6]
    assert {"gan", "feature_matching", "perceptual", "kl", "pixel", "discriminator"} <= set(lines[0])
    assert sorted(p.name for p in (tmp_path / "samples").iterdir()) == ["step-000003.png", "step-000006.png"]
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["step-000003.pt", "step-000006.pt"]
    assert GroupDNet.read_header(result.model)[1]["step"] == 6
    assert not list(tmp_path.rglob("*.part"))


def test_stopped_and_resumed_equals_never_stopped(tmp_path):
    run(tmp_path / "whole", blobs(8))
    steps = iter([False, False, False, True])
    stopped = run(tmp_path / "parts", blobs(8), should_stop=lambda: next(steps))
    assert (stopped.step, stopped.finished) == (4, False)
    resumed = run(tmp_path / "parts", blobs(8), resume=True)
    assert resumed.finished
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    other = run(tmp_path / "other", blobs(8), config=smoke(steps=6, tick=3, seed=1))
    assert not equal(weights(tmp_path / "whole"), weights(other.model.parent))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops(tmp_path, number):
    handler = signal.getsignal(number)
    result = run(tmp_path, blobs(8), should_stop=lambda: os.kill(os.getpid(), number))
    assert result.step in (1, 2)
    assert not result.finished
    assert GroupDNet.load(result.model)
    assert signal.getsignal(number) is handler


def test_training_learns_to_reconstruct(tmp_path):
    """Eighty steps on eight images must bring the pixel loss down by a lot; a frozen network fails here."""
    trainer = Trainer(smoke(**{"steps": 1000, "weights.perceptual": 0.0, "lr_generator": 2e-3}), blobs(8))
    first = [trainer.step()["pixel"] for _ in range(5)]
    last = [trainer.step()["pixel"] for _ in range(80)][-5:]
    assert sum(last) < 0.7 * sum(first)


def test_each_phase_moves_its_own_network_only():
    trainer = Trainer(smoke(), blobs(8))
    before = [p.clone() for p in trainer.discriminator.parameters()]
    trainer.opt_d.step = lambda *_: None  # type: ignore[method-assign]
    trainer.step()
    assert all(torch.equal(a, b) for a, b in zip(before, trainer.discriminator.parameters()))
    generator = [p.clone() for p in trainer.model.parameters()]
    trainer.opt_g.step = lambda *_: None  # type: ignore[method-assign]
    trainer.step()
    assert all(torch.equal(a, b) for a, b in zip(generator, trainer.model.parameters()))
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trainer.discriminator.parameters())


@pytest.mark.parametrize("phase", ["generator", "discriminator"])
def test_one_phase_alone_updates_its_network_as_a_whole_step_does(phase):
    alone, whole = (Trainer(smoke(), blobs(8)) for _ in range(2))
    names = {"generator": ("model", "averaged"), "discriminator": ("discriminator",)}
    start = {name: copy.deepcopy(getattr(alone, name).state_dict()) for both in names.values() for name in both}
    assert alone.step(phases=(phase,)) == whole.step()  # the losses of both are known
    assert alone.steps_done == 1
    for network, parts in names.items():
        for name in parts:
            now = getattr(alone, name).state_dict()
            assert equal(now, getattr(whole, name).state_dict()) == (network == phase), name
            assert equal(now, start[name]) == (network != phase), name  # running statistics and all


@pytest.mark.parametrize("phase", ["generator", "discriminator"])
def test_a_loss_that_is_not_finite_leaves_the_other_network_as_it_was(phase):
    trainer = Trainer(smoke(), blobs(8))
    other = trainer.model if phase == "discriminator" else trainer.discriminator
    start = copy.deepcopy(other.state_dict())
    trainer._mean = lambda losses: dict.fromkeys(losses, float("nan"))  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="not finite at step 0"):
        trainer.step(phases=(phase,))
    assert equal(other.state_dict(), start)


@pytest.mark.parametrize("phases", [(), ("encoder",), "generator"])
def test_unknown_phases_are_named(phases):
    with pytest.raises(ValueError, match="one or both of generator, discriminator, got"):
        Trainer(smoke(), blobs(8)).step(phases=phases)


def test_learning_rate_is_constant_then_falls_to_zero():
    trainer = Trainer(smoke(steps=10, decay_from=0.6), blobs(8))
    rates = []
    for trainer.steps_done in range(11):
        trainer._set_learning_rates()
        rates.append(trainer.opt_g.param_groups[0]["lr"] / trainer.config.lr_generator)
    assert rates[:7] == [1.0] * 7
    assert rates[7:] == pytest.approx([0.75, 0.5, 0.25, 0.0])


def test_every_sample_comes_once_an_epoch_and_sometimes_flipped():
    samples = blobs(8)
    trainer = Trainer(smoke(), samples)
    plain, flipped = samples.tensors()[0], samples.tensors()[0].flip(3)
    seen, flips = [], 0
    for step in range(2):  # two batches of four are an epoch
        for image in trainer.batch(step)[0]:
            match = [
                (k, side) for side, all_ in enumerate((plain, flipped)) for k in range(8) if torch.equal(all_[k], image)
            ]
            assert len(match) == 1
            seen.append(match[0][0])
            flips += match[0][1]
    assert sorted(seen) == list(range(8))
    assert 0 < flips < 8


def test_instance_edges_reach_both_networks():
    samples = blobs(8)
    with pytest.raises(ValueError, match="needs data with instance ids"):
        Trainer(smoke(**{"model.instance_edges": True}), samples)
    edges = samples.images[..., 0] > 128
    trainer = Trainer(smoke(**{"model.instance_edges": True}), dataclasses.replace(samples, edges=edges))
    assert trainer.discriminator.judges[0].stages[0][0].in_channels == 8 + 1 + 3
    trainer.step()


def test_larger_data_are_cropped_at_random():
    trainer = Trainer(smoke(), blobs(8, size=80))
    images, labels, *_ = trainer.batch(0)
    assert images.shape == (4, 3, 64, 64)
    assert labels.shape == (4, 64, 64)
    trainer.step()


def test_batch_statistics_of_the_averaged_network_are_its_own():
    """The first batch norm sees fc's output: its statistics must be the mean over batches, with averaged weights."""
    trainer = Trainer(smoke(), blobs(8))
    for _ in range(3):
        trainer.step()
    model = trainer.evaluated_model(batches=2)
    means = []
    with torch.no_grad():
        for step in range(2):
            images, labels, *_ = trainer.batch(step)
            features = model.decoder.fc(model.encode(images, labels).values.flatten(1, 2))
            means.append(features.mean((0, 2, 3)))
    norm = model.decoder.blocks[0].norm_0.norm
    torch.testing.assert_close(norm.running_mean, (means[0] + means[1]) / 2, rtol=1e-4, atol=1e-5)
    assert (norm.running_mean - means[0]).abs().max() > 1e-3


def test_the_averaged_network_divides_by_its_own_singular_values():
    """The averaged weights move far; with the singular vectors of the first step colours come out pale."""
    trainer = Trainer(smoke(**{"lr_generator": 1e-2, "weights.perceptual": 0.0}), blobs(8))
    for _ in range(30):
        trainer.step()
    model = trainer.evaluated_model()
    for name, conv in model.decoder.named_modules():
        if isinstance(conv, torch.nn.Conv2d) and hasattr(conv, "parametrizations"):
            largest = torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item()
            assert largest == pytest.approx(1, abs=0.02), name


def test_a_loss_that_is_not_finite_stops_with_advice_and_changes_nothing():
    trainer = Trainer(smoke(), blobs(8))
    with torch.no_grad():
        trainer.discriminator.judges[0].score.bias.fill_(float("nan"))
    before = {k: v.clone() for k, v in trainer.model.state_dict().items() if "weight" in k and "norm" not in k}
    with pytest.raises(TrainingError, match="Lower lr_"):
        trainer.step()
    after = trainer.model.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before if not k.endswith(("_u", "_v")))


def test_folders_and_checkpoints_that_do_not_fit(tmp_path):
    with pytest.raises(TrainingError, match="no run to resume"):
        run(tmp_path, blobs(8), resume=True)
    run(tmp_path, blobs(8), config=smoke(steps=2))
    with pytest.raises(TrainingError, match="already holds a run"):
        run(tmp_path, blobs(8))
    with pytest.raises(TrainingError, match="another batch_size"):
        run(tmp_path, blobs(8), config=smoke(steps=4, batch_size=2), resume=True)
    newest = max((tmp_path / "checkpoints").iterdir())
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=f"cannot resume from .*{newest.name}"):
        run(tmp_path, blobs(8), config=smoke(steps=4), resume=True)


def test_data_that_does_not_fit():
    with pytest.raises(ValueError, match=r"\(32, 32\) pixels"):
        Trainer(smoke(), blobs(8, size=32))
    with pytest.raises(ValueError, match="fewer than one batch"):
        Trainer(smoke(), blobs(3))
