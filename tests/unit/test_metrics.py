"""The whole evaluation, on stand-ins whose results are known beforehand."""

import io
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from smis import perceptual
from smis.cli import main
from smis.datasets.archive import Samples, encode_sample, write_archive, write_encoded
from smis.labels import PEOPLE
from smis.metrics import Judge, evaluate
from smis.metrics.agreement import Counter
from smis.model import GroupDNet
from smis.presets import preset
from smis.segmenter import Segmenter, SegmenterConfig
from tests.unit.networks import blobs, shake, smoke
from tests.unit.painters import Deaf, Flood, Neighbour, Painter, Tint, swap_list

PIXELS = Judge("pixels", lambda images: [images])


def ratios(report):
    return {c.name: c.ratio.value for c in report.control}


def flat(number=6):
    """Blobs whose classes are exactly flat."""
    samples = blobs(number)
    colours = np.random.default_rng(1).integers(0, 256, (number, 8, 3), np.uint8)
    images = np.stack([colour[label] for colour, label in zip(colours, samples.labels)])
    return Samples(images, samples.labels, PEOPLE)


class Reader(Segmenter):
    """Reads flat grey images of class c = grey c / 8, as `Deaf` paints them."""

    def __init__(self):
        super().__init__(SegmenterConfig(PEOPLE, (64, 64)))

    def label_maps(self, images):
        return (images.mean(1) * 8).round().long().clamp(0, 7)


def test_a_perfect_controller_changes_nothing_outside():
    report = evaluate(Painter(), blobs(8), judge=PIXELS, batch_size=3)
    network, own = report.reconstruction
    assert network.l1.value == pytest.approx(own.l1.value, abs=1e-6)
    assert network.l1.n == 8
    assert [c.name for c in report.control] == [*PEOPLE.classes, "mean"]
    for control in report.control:
        assert control.inside.value > 0.1
        assert control.outside.value < 1e-7
        assert control.perceptual_inside.value > 0.1
        assert control.perceptual_outside.value < 1e-6
    assert [d.ratio.value > 0 for d in report.diversity] == [True, True]


def test_a_network_that_ignores_its_codes_has_no_control_and_no_diversity():
    report = evaluate(Deaf(), blobs(8), judge=PIXELS)
    assert set(ratios(report).values()) == {0.0}
    assert all(c.perceptual_ratio.value == 0 for c in report.control)
    assert all(r.mcsd.value == r.mocd.value == r.ratio.value == 0 for r in report.paper)
    assert [(d.sampled.value, d.encoded.value, d.ratio.value) for d in report.diversity] == [(0, 0, 0)] * 2


def test_a_network_that_leaks_fully_has_the_ratio_one():
    report = evaluate(Flood(), blobs(8), judge=PIXELS)
    for control in report.control:
        assert control.inside.value > 0.01
        assert control.ratio.value == pytest.approx(1, abs=1e-4)
        assert control.ratio.low == pytest.approx(1, abs=1e-4)
    after = [r for r in report.paper if r.masked == "after"]
    assert [r.ratio.value for r in after] == pytest.approx([1, 1], abs=1e-4)


def test_one_leaking_class_is_found_out():
    found = ratios(evaluate(Tint(), blobs(8)))
    assert found.pop("top") < 10
    assert found.pop("mean") < 50
    assert all(ratio > 1e4 for ratio in found.values())


def test_mixed_up_controllers_are_found_out():
    """Each code changes an area, and nothing else; only not its own."""
    report = evaluate(Neighbour(), blobs(8))
    assert all(c.inside.value < 1e-7 < 0.01 < c.outside.value for c in report.control)


def test_identical_images_have_nothing_to_swap_but_samples_differ():
    one = flat(1)
    samples = Samples(one.images.repeat(4, 0), one.labels.repeat(4, 0), PEOPLE)
    report = evaluate(Painter(), samples, judge=PIXELS)
    assert all(c.inside.value == c.outside.value == c.ratio.value == 0 for c in report.control)
    assert report.diversity[0].encoded.value == 0
    assert report.diversity[0].sampled.value > 0.3
    assert report.diversity[0].ratio.value == math.inf
    assert report.to_dict()["diversity"][0]["ratio"]["value"] is None


def test_a_class_that_too_few_have_is_left_out_and_the_error_of_an_absent_one_is_nan():
    samples = blobs(6)
    labels = samples.labels.copy()
    labels[labels == 6] = 0
    labels[labels == 5] = 0
    labels[0, 10:20, 10:20] = 5  # one single image with 'bottom': nobody to swap with
    report = evaluate(Painter(), Samples(samples.images, labels, samples.label_set), judge=PIXELS)
    assert [c.name for c in report.control] == ["background", "hair", "face", "skin", "top", "shoes", "mean"]
    assert math.isnan(report.error_by_class["socks"])
    assert report.to_dict()["error_by_class"]["socks"] is None


def test_the_training_image_of_the_same_mask_is_found_as_a_yardstick():
    samples = flat()
    train = Samples(samples.images[::-1].copy(), samples.labels[::-1].copy(), PEOPLE)
    rows = evaluate(Painter(), samples, train=train).reconstruction
    assert [row.l1.value for row in rows[2:]] == [pytest.approx(rows[2].l1.value), 0]
    assert rows[2].l1.value > 0.1
    assert rows[3].mask_miou.value == 1


def test_a_segmenter_is_asked_about_real_rebuilt_and_swapped_images():
    samples = blobs(6)
    images = np.round((samples.labels[..., None] / 8 + 1) * 127.5).astype(np.uint8).repeat(3, 3)
    right = evaluate(Deaf(), Samples(images, samples.labels, PEOPLE), segmenter=Reader(), segmenter_name="reader")
    assert [r.miou.value for r in right.agreement] == [1, 1, 1]
    assert "read by reader" in str(right)
    blank = evaluate(Flood(), Samples(images, samples.labels, PEOPLE), segmenter=Reader())
    assert blank.agreement[0].relative == 1
    assert blank.agreement[1].relative < 0.2


def test_pairs_limits_the_swaps_of_each_class():
    report = evaluate(Painter(), blobs(8), pairs=3)
    assert [c.ratio.n for c in report.control] == [3] * 8 + [24]


def test_a_seed_gives_the_same_numbers_again():
    one, two, other = (evaluate(Painter(), blobs(8), pairs=4, seed=seed).to_dict() for seed in (0, 0, 1))
    assert one == two
    assert one["control"] != other["control"]


def test_the_report_can_be_read_and_is_json():
    report = evaluate(Painter(), blobs(8), judge=PIXELS, missing=["rendered truth (no file)"])
    text = str(report)
    for word in ("hair", "mCSD", "sampled : encoded", "pixels. Not LPIPS", "Left out: rendered truth"):
        assert word in text
    assert max(map(len, text.splitlines())) < 160
    data = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert set(data["reconstruction"][0]["l1"]) == {"value", "low", "high", "n"}
    assert "perceptual" not in str(evaluate(Painter(), blobs(8))).lower()


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="at the network's size"):
        evaluate(Painter(), blobs(3, size=32))
    with pytest.raises(ValueError, match="training images"):
        evaluate(Painter(), blobs(3), train=blobs(3, size=32))
    with pytest.raises(ValueError, match="at least two"):
        evaluate(Painter(), blobs(1))
    with pytest.raises(ValueError, match="smis segment"):
        evaluate(Painter(), blobs(3), segmenter=Segmenter(SegmenterConfig(PEOPLE, (32, 32))))


def test_one_code_for_the_whole_image_changes_everything():
    """VSPADE has no code of a class: any class's swap changes the whole image."""
    torch.manual_seed(0)
    config = preset("people-64-vspade").model
    model = GroupDNet(config).eval()
    shake(model)
    report = evaluate(model, blobs(3), judge=PIXELS, pairs=2, masks=2)
    assert len(report.control) == 9
    assert all(c.outside.value > 1e-3 for c in report.control)
    assert all(0.3 < c.ratio.value < 3 for c in report.control)


def write_swaps(path):
    """Three scenes, two classes each, in three styles."""
    table, pictures, masks, bases = [], [], {}, set()
    for swap in swap_list():
        versions = [(swap.name, style + 1, image) for style, image in enumerate(swap.restyled)]
        if swap.scene not in bases:
            versions.insert(0, (None, 0, swap.base))
            bases.add(swap.scene)
        for name, style, image in versions:
            table.append([swap.scene, name, style])
            pictures.append(encode_sample(image, swap.labels, PEOPLE))
        mask = io.BytesIO()
        Image.fromarray(swap.allowed.astype(np.uint8) * 255).save(mask, "PNG")
        masks[f"masks/{swap.scene:03d}-{swap.name}.png"] = mask.getvalue()
    write_encoded(path, PEOPLE, pictures, {"swaps": table}, masks)


def test_the_command_finds_all_there_is(tmp_path, monkeypatch, capsys):
    for split, number in (("train", 6), ("other", 5)):
        some = blobs(number, seed=number)
        write_archive(tmp_path / f"people-{split}.zip", PEOPLE, zip(some.images, some.labels), {})
    write_swaps(tmp_path / "people-swap.zip")
    monkeypatch.setenv("SMIS_DATA", str(tmp_path))
    monkeypatch.setenv("SMIS_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    GroupDNet(smoke().model).save(tmp_path / "model.safetensors")
    Segmenter(SegmenterConfig(PEOPLE, (64, 64))).save(tmp_path / "segmenter-people-64.safetensors")
    out = tmp_path / "report.json"
    command = ["evaluate", str(tmp_path / "model.safetensors"), "--pairs", "2", "--json", str(out)]
    assert main([*command, "--data", str(tmp_path / "people-other.zip"), "--limit", "2"]) == 0
    shown = capsys.readouterr().out
    assert "2 images at 64 x 64" in shown
    assert "Left out" not in shown
    assert "read by segmenter-people-64.safetensors" in shown
    data = json.loads(out.read_text())
    assert (data["images"], data["judge"]) == (2, "EfficientNet-Lite0 stages 4 and 5")
    assert [row["l1"]["n"] for row in data["reconstruction"]] == [2] * 4
    assert data["truth"][-1]["leakage"]["n"] == 2 * 2 * 3  # scenes, classes, styles
    assert len(data["sha256"]) == 64


def test_the_command_says_what_is_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SMIS_DATA", str(tmp_path))
    some = blobs(3)
    write_archive(tmp_path / "people-test.zip", PEOPLE, zip(some.images, some.labels), {})
    GroupDNet(smoke().model).save(tmp_path / "model.safetensors")
    monkeypatch.setattr(perceptual, "PACKAGE", "no-such-package")
    command = ["evaluate", str(tmp_path / "model.safetensors")]
    assert main(command) == 0
    shown = capsys.readouterr().out
    for what in ("perceptual distances", "training images", "rendered truth", "agreement with the mask"):
        assert any(what in line for line in shown.splitlines() if line.startswith("Left out: ")), what
    assert "mCSD" not in shown
    assert main([*command, "--segmenter", str(tmp_path / "none.safetensors")]) == 1
    assert "train one with `smis segment`" in capsys.readouterr().err


def test_a_counter_pools_batches():
    samples = blobs(5)
    images, labels = samples.tensors()
    whole = Counter(Reader()).add(images, labels).agreement()
    parts = Counter(Reader()).add(images[:2], labels[:2]).add(images[2:], labels[2:], batch_size=2).agreement()
    assert whole.miou() == parts.miou()
