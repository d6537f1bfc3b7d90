import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from smis.cli import main
from smis.datasets.archive import Samples, write_archive
from smis.labels import PEOPLE
from smis.metrics.agreement import Counter
from smis.model import CheckpointError
from smis.segmenter import Segmenter, SegmenterConfig, SegmenterTraining, jitter, train_segmenter
from tests.unit.networks import blobs

SMALL = SegmenterConfig(PEOPLE, (64, 64), (8, 8, 8))


def coloured(number: int, seed: int) -> Samples:
    """Blobs whose colours tell the class, more or less."""
    samples, random = blobs(number, seed=seed), np.random.default_rng(seed)
    shades = np.array(PEOPLE.palette)[samples.labels] + random.normal(0, 12, (*samples.labels.shape, 3))
    return Samples(shades.clip(0, 255).astype(np.uint8), samples.labels, PEOPLE)


def test_the_network_is_small_and_gives_scores_for_each_pixel():
    network = Segmenter(SegmenterConfig(PEOPLE, (64, 64)))
    assert 400_000 < sum(p.numel() for p in network.parameters()) < 600_000
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 8, 64, 64)
    assert network.label_maps(torch.zeros(2, 3, 64, 64)).shape == (2, 64, 64)
    with pytest.raises(ValueError, match="trained for images"):
        network(torch.zeros(2, 3, 32, 32))


def test_it_learns_to_read_images_it_has_not_seen():
    losses = []
    training = SegmenterTraining(steps=60, batch_size=8, lr=1e-2)
    network = train_segmenter(
        coloured(32, 0), training, widths=(8, 8, 8), report=lambda step, loss: losses.append((step, loss))
    )
    assert not network.training
    assert losses[-1][0] == 60
    assert losses[-1][1] < 0.3 * losses[0][1]
    images, labels = coloured(8, 1).tensors()
    assert Counter(network).add(images, labels).agreement().miou().value > 0.5
    assert Counter(network).add(images.roll(1, 0), labels).agreement().miou().value < 0.3  # other masks' images


def test_the_same_seed_trains_the_same_network_and_leaves_the_global_generator_alone():
    training = SegmenterTraining(steps=2, batch_size=4)
    before = torch.get_rng_state()
    one, two = (train_segmenter(coloured(8, 0), training, widths=(8, 8)) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values()))


def test_jitter_changes_colours_within_range_and_each_image_otherwise():
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)).mul(2).sub(1)[:1].repeat(2, 1, 1, 1)
    changed = jitter(images, 0.2, torch.Generator().manual_seed(0))
    assert changed.abs().max() <= 1
    assert (changed - images).abs().mean() > 0.01
    assert (changed[0] - changed[1]).abs().mean() > 0.01


def test_saved_and_loaded_it_reads_the_same(tmp_path):
    torch.manual_seed(0)
    network = Segmenter(SMALL).eval()
    path = tmp_path / "folder" / "segmenter.safetensors"
    network.save(path, {"data": "people"})
    again = Segmenter.load(path)
    assert again.config == SMALL
    assert not again.training
    image = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(again(image), network(image), atol=5e-3, rtol=5e-3)  # half precision
    assert [file.name for file in path.parent.iterdir()] == ["segmenter.safetensors"]


def test_what_is_no_segmenter_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="smis segment"):
        Segmenter.load(tmp_path / "none.safetensors")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"no")
    with pytest.raises(CheckpointError, match="not a complete"):
        Segmenter.load(broken)
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="expected 'smis-segmenter-1'"):
        Segmenter.load(tmp_path / "foreign.safetensors")
    network = Segmenter(SMALL)
    network.head.bias.data[0] = float("nan")
    network.save(tmp_path / "nan.safetensors")
    with pytest.raises(CheckpointError, match="not finite"):
        Segmenter.load(tmp_path / "nan.safetensors")
    with pytest.raises(ValueError, match="multiples of 16"):
        SegmenterConfig(PEOPLE, (72, 64))


def test_the_command_trains_measures_and_writes_where_from(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SMIS_DATA", str(tmp_path))
    monkeypatch.setenv("SMIS_CACHE", str(tmp_path / "cache"))
    for split, number in (("test", 4), ("train", 8)):
        some = coloured(number, seed=number)
        write_archive(tmp_path / f"people-{split}.zip", PEOPLE, zip(some.images, some.labels), {})
    command = ["segment", "people", "--size", "64", "--steps", "2", "--batch", "4", "--device", "cpu"]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert "real images of the test split, 4: mIoU" in shown
    path = tmp_path / "checkpoints" / "segmenter-people-64.safetensors"
    assert Segmenter.load(path).config.labels == PEOPLE
    assert load_file(path)["head.weight"].dtype == torch.float16
    assert path.stat().st_size < 1_500_000
