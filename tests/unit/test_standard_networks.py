"""Distances between sets of images by hand, and the networks of FID and LPIPS against recorded numbers of theirs."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from smis.cli import main
from smis.datasets.archive import write_archive
from smis.files import file_sha256
from smis.labels import PEOPLE
from smis.metrics import Judge, evaluate, inception, lpips, standard
from smis.metrics.distributions import Look, averaged, frechet, kernel_distance, quality
from smis.metrics.inception import Inception, inception_look
from smis.metrics.lpips import LpipsJudge, lpips_judge
from smis.model import GroupDNet
from tests.unit.networks import blobs, smoke
from tests.unit.painters import Deaf, Painter

PIXELS = Judge("pixels", lambda images: [images])
SHAPES = json.loads(Path(__file__).with_name("inception_shapes.json").read_text(encoding="utf-8"))


# --- the Frechet distance


def test_frechet_of_one_feature_by_hand():
    a, b = np.array([[0.0], [2.0]]), np.array([[1.0], [9.0]])  # means 1 and 5, deviations sqrt(2) and sqrt(32)
    assert frechet(a, b) == pytest.approx(4**2 + (math.sqrt(32) - math.sqrt(2)) ** 2)
    assert frechet(a, a) == 0
    assert frechet(b, a) == pytest.approx(frechet(a, b))


def test_frechet_sees_spread_and_correlation_where_means_are_equal():
    """An evaluator that compares means alone, or features one by one, gives 0 for the second pair."""
    a = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    wide = 3 * a
    assert frechet(a, wide) == pytest.approx(2 * (math.sqrt(12) - math.sqrt(4 / 3)) ** 2)
    same_sign = np.array([[-1.0, -1.0], [-1.0, -1.0], [1.0, 1.0], [1.0, 1.0]])  # each feature as before
    # covariances 4/3 [1 0; 0 1] and 4/3 [1 1; 1 1]: 4/3 (2 + 2 - 2 sqrt(2))
    assert frechet(a, same_sign) == pytest.approx(4 / 3 * (4 - 2 * math.sqrt(2)))


def test_frechet_is_what_scipys_matrix_root_gives():
    random = np.random.default_rng(0)
    mix = random.normal(size=(7, 7))
    a, b = random.normal(size=(40, 7)) @ mix, random.normal(size=(60, 7)) + 0.5
    s1, s2 = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real)
    assert frechet(a, b) == pytest.approx(expected, rel=1e-9)
    few = random.normal(size=(4, 7))  # covariance without an inverse
    assert math.isfinite(frechet(few, b))
    assert frechet(few, few) == pytest.approx(0, abs=1e-6)


def test_frechet_of_small_samples_is_too_large():
    """Two samples of one distribution: far apart when small, and nearer with every doubling."""
    random = np.random.default_rng(0)

    def mean(n):
        return np.mean([frechet(random.normal(size=(n, 20)), random.normal(size=(n, 20))) for _ in range(10)])

    found = [mean(n) for n in (30, 60, 120, 240)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 5
    assert found[0] > 6 * found[-1]


# --- the kernel distance


def by_loops(a, b):
    n, d = a.shape

    def k(x, y):
        return (float(x @ y) / d + 1) ** 3

    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    return sum(k(a[i], a[j]) + k(b[i], b[j]) - k(a[i], b[j]) - k(b[i], a[j]) for i, j in pairs) / len(pairs)


def test_kernel_distance_by_hand():
    a, b = np.array([[0.0], [1.0], [1.0]]), np.array([[0.0], [0.0], [2.0]])
    # over i != j: k(a, a) 1, 1, 8 -> 10/3; k(b, b) 1, 1, 1 -> 1; k(a_i, b_j) 1, 1, 1, 27, 1, 1 -> 32/6
    assert kernel_distance(a, b).value == pytest.approx(10 / 3 + 1 - 2 * 32 / 6)
    random = np.random.default_rng(1)
    a, b = random.normal(size=(6, 3)), random.normal(size=(6, 3)) + 1
    found = kernel_distance(a, b)
    assert found.value == pytest.approx(by_loops(a, b))
    without = [by_loops(np.delete(a, i, 0), np.delete(b, i, 0)) for i in range(6)]
    error = math.sqrt(5 / 6 * sum((one - np.mean(without)) ** 2 for one in without))
    assert (found.low, found.high) == pytest.approx((found.value - 1.96 * error, found.value + 1.96 * error))
    assert found.n == 6
    assert kernel_distance(a, a).value == kernel_distance(a, a).high == 0


def test_kernel_distance_is_unbiased_and_its_interval_holds_what_it_says():
    """Of N(0, 1) and N(1/2, 1), by moments: 4 + 9.078125 - 2 * 4.75. Means of small samples must hit that."""
    random = np.random.default_rng(0)
    found = [kernel_distance(random.normal(size=(200, 1)), random.normal(size=(200, 1)) + 0.5) for _ in range(400)]
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(3.578125, abs=3 * values.std() / 20)
    assert np.mean([one.low <= 3.578125 <= one.high for one in found]) > 0.85
    null = [kernel_distance(random.normal(size=(20, 5)), random.normal(size=(20, 5))).value for _ in range(400)]
    assert abs(np.mean(null)) < 3 * np.std(null) / 20
    assert min(null) < 0


def test_bad_sets_are_refused():
    rows = np.zeros((4, 2))
    for a, b in ((rows, rows[:, :1]), (rows[:1], rows), (rows, rows[0])):
        with pytest.raises(ValueError, match="two sets"):
            frechet(a, b)
    for a, b in ((rows, rows[:3]), (rows[:2], rows[:2])):
        with pytest.raises(ValueError, match="equal size"):
            kernel_distance(a, b)


# --- sets of images


def test_features_are_averaged_over_the_image_and_scaled_by_the_real_ones():
    images = torch.rand(10, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    images[:, 1] *= 1000  # a feature on another scale must not drown the others
    look = averaged(PIXELS)
    torch.testing.assert_close(look.rows(images), images.mean((2, 3)))
    moved = images + images.mean((2, 3), keepdim=True).std(0, correction=0)
    found = quality(look, images, {"moved": moved, "equal": images, "turned": images.flip(3)}, None)
    assert [q.name for q in found[1:]] == ["moved", "equal", "turned"]
    assert found[1].frechet == pytest.approx(3, rel=1e-4)  # one deviation in each of three features
    assert found[2].frechet == pytest.approx(0, abs=1e-6)
    assert found[3].frechet == pytest.approx(0, abs=1e-6)
    assert found[0].n == 5
    plain = quality(Look("pixels", look.rows, scaled=False), images, {"moved": moved}, None)[1]
    assert plain.frechet > 100


def test_the_report_tells_a_faithful_network_from_one_that_paints_everything_alike():
    samples = blobs(12)
    good, bad = (evaluate(model, samples, judge=PIXELS, looks=[averaged(PIXELS)]) for model in (Painter(), Deaf()))
    names = [q.name for q in good.quality]
    assert names[0] == "real images: one half against the other"
    assert names[1:] == ["reconstructed", "each class's code from another image", "codes sampled"]
    assert good.quality[1].frechet < 1e-6 < 1 < bad.quality[1].frechet
    assert good.quality[1].kernel.high < 1e-6
    assert "Frechet distance" in str(good)
    assert "FID" not in str(good)
    assert json.loads(json.dumps(good.to_dict()))["quality"][1]["n"] == 12


def test_training_images_stand_beside_the_others_when_there_are_enough():
    samples = blobs(8)
    with_train = evaluate(Painter(), samples, looks=[averaged(PIXELS)], train=blobs(9, seed=3)).quality
    assert [q.name for q in with_train][1] == "real images: training images"
    assert with_train[1].n == 8
    assert len(evaluate(Painter(), samples, looks=[averaged(PIXELS)], train=blobs(7)).quality) == 4
    assert evaluate(Painter(), blobs(5), looks=[averaged(PIXELS)]).quality == ()


# --- the standard networks, with weights drawn at random


def random_inception():
    """Random weights for the whole network, by name."""
    random = torch.Generator().manual_seed(0)
    state = {}
    for name, shape in SHAPES.items():
        state[f"{name}.conv.weight"] = torch.randn(shape, generator=random) * (2 / math.prod(shape[1:])) ** 0.5
        for part, low in (("weight", 0.5), ("running_var", 0.5), ("bias", -0.2), ("running_mean", -0.2)):
            state[f"{name}.bn.{part}"] = torch.rand(shape[:1], generator=random) * (0.4 if low < 0 else 1) + low
    return state


def random_lpips():
    """Random weights for AlexNet and for the fitted layers, by name."""
    random = torch.Generator().manual_seed(0)
    alexnet, fitted = {}, {}
    shapes = {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)}
    for k, (number, shape) in enumerate(shapes.items()):
        weight = torch.randn(shape, generator=random) * (2 / math.prod(shape[1:])) ** 0.5
        alexnet[f"features.{number}.weight"] = weight
        alexnet[f"features.{number}.bias"] = torch.rand(shape[0], generator=random) - 0.5
        fitted[f"lin{k}.model.1.weight"] = torch.rand(1, shape[0], 1, 1, generator=random)
    return alexnet, fitted


def bytes_(number, height, width):
    random = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (number, 3, height, width), dtype=torch.uint8, generator=random)


def floats(number, size=64):
    random = torch.Generator().manual_seed(2)
    return [torch.rand(number, 3, size, size, generator=random) * 2 - 1 for _ in range(2)]


RECORDED_INCEPTION = [
    [2.7346, 2.7195, 0.0685, 3.4955, 0.5052, 0.5632, 0.0, 0.0],
    [2.7305, 2.638, 0.0721, 3.577, 0.4975, 0.5772, 0.0, 0.0],
]
RECORDED_LPIPS = [0.908644, 0.928392, 0.911546]
RECORDED_LPIPS_MAP = [0.89796, 0.974486, 0.795474]


def test_inception_computes_what_torch_fidelity_computes():
    """Recorded: `FeatureExtractorInceptionV3` of torch-fidelity 0.4.0 with the same weights and images."""
    features = Inception(random_inception())(bytes_(2, 70, 90))
    assert features.shape == (2, 2048)
    torch.testing.assert_close(features[:, 127::256], torch.tensor(RECORDED_INCEPTION), rtol=1e-3, atol=2e-3)


def test_lpips_computes_what_lpips_computes():
    """Recorded: `LPIPS(net="alex")` of lpips 0.1.4 with the same weights and images."""
    judge = LpipsJudge(*random_lpips())
    a, b = (judge.features(images) for images in floats(3))
    torch.testing.assert_close(judge.distance(a, b), torch.tensor(RECORDED_LPIPS), rtol=1e-3, atol=0)
    at = judge.maps(a, b, (64, 64))[:, 10, 20]
    torch.testing.assert_close(at, torch.tensor(RECORDED_LPIPS_MAP), rtol=1e-3, atol=0)
    assert torch.equal(judge.distance(b, a), judge.distance(a, b))
    assert judge.distance(a, a).max() == 0


def test_files_that_are_not_the_standard_weights_are_refused(tmp_path):
    file = tmp_path / "weights.pth"
    torch.save({}, file)
    with pytest.raises(ValueError, match="expected 6726825d"):
        inception_look(file)
    with pytest.raises(ValueError, match="expected 7be5be79"):
        lpips_judge(file, file)
    with pytest.raises(FileNotFoundError, match=r"smis/metrics/inception\.py says where it is"):
        inception_look(tmp_path / "none.pth")


def test_the_command_takes_the_standard_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SMIS_DATA", str(tmp_path))
    some = blobs(6)
    write_archive(tmp_path / "people-test.zip", PEOPLE, zip(some.images, some.labels), {})
    torch.manual_seed(0)
    GroupDNet(smoke().model).save(tmp_path / "model.safetensors")
    files = [tmp_path / "alexnet.pth", tmp_path / "fitted.pth"]
    for file, state in zip(files, random_lpips()):
        torch.save(state, file)
    command = ["evaluate", str(tmp_path / "model.safetensors"), "--pairs", "2", "--json", str(tmp_path / "r.json")]
    assert main([*command, "--lpips", *map(str, files)]) == 1  # random weights are not LPIPS
    assert "expected 7be5be79" in capsys.readouterr().err
    monkeypatch.setattr(lpips, "ALEXNET", file_sha256(files[0]))
    monkeypatch.setattr(lpips, "FITTED", file_sha256(files[1]))
    stand_in = Look("a stand-in", averaged(PIXELS).rows, scaled=False, frechet="FID", kernel="KID")
    monkeypatch.setattr(standard, "inception_look", lambda file, device: stand_in)
    assert main([*command, "--lpips", *map(str, files), "--inception", "there.pth"]) == 0
    shown = capsys.readouterr().out
    assert "Perceptual: LPIPS" in shown
    assert "Not LPIPS" not in shown
    assert "FID is biased" in shown
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["judge"] == "LPIPS, AlexNet, version 0.1"
    looks = {q["look"]: q["heads"] for q in data["quality"]}
    assert looks["a stand-in"] == ["FID", "KID"]
    assert looks["EfficientNet-Lite0 stages 4 and 5, averaged over the image"] == [
        "Frechet distance",
        "kernel distance",
    ]
    assert inception.SHA256.startswith("6726825d")
