import math

import torch

from smis import GroupDNet
from smis.datasets.archive import Samples
from smis.editing import ClassCodes
from smis.metrics import change_by_area, evaluate, mean_colour_error
from tests.unit.networks import blobs, smoke


class Painter(GroupDNet):
    """Encodes a class as its mean colour and paints it; `leak` lets class 4's red into every other class."""

    def __init__(self, leak: float = 0.0) -> None:
        super().__init__(smoke().model)
        self.leak = leak

    def encode(self, images, labels):
        values = torch.zeros(len(images), 8, 8, 4, 4)
        for c in range(8):
            area = (labels == c)[:, None]
            mean = (images * area).sum((2, 3)) / area.sum((2, 3)).clamp(min=1)
            values[:, c, :3] = mean[:, :, None, None]
        return ClassCodes(values, torch.stack([(labels == c).flatten(1).any(1) for c in range(8)], 1))

    def decode(self, codes, labels):
        colours = codes[:, :, :3, 0, 0]  # (B, C, 3)
        image = torch.gather(colours, 1, labels.flatten(1)[..., None].expand(-1, -1, 3))
        image = image.transpose(1, 2).view(len(codes), 3, *labels.shape[1:])
        return image + self.leak * colours[:, 4, :1, None, None]


def test_a_perfect_controller_changes_nothing_outside():
    report = evaluate(Painter(), blobs(8), batch_size=3)
    assert abs(report.reconstruction - report.yardstick) < 1e-6
    assert len(report.control) == 8
    for control in report.control:
        assert control.inside > 0.1
        assert control.outside < 1e-7


def test_a_leaking_controller_is_found_out():
    report = evaluate(Painter(leak=0.2), blobs(8))
    ratios = {c.name: c.ratio for c in report.control}
    assert ratios["top"] < 10
    assert all(ratio > 1e4 for name, ratio in ratios.items() if name != "top")


def test_a_class_that_nobody_has_is_left_out_and_its_error_is_nan():
    samples = blobs(6)
    labels = samples.labels.copy()
    labels[labels == 6] = 0
    labels[labels == 5] = 0
    labels[0, 10:20, 10:20] = 5  # one single image with 'bottom': nobody to swap with
    report = evaluate(Painter(), Samples(samples.images, labels, samples.label_set))
    assert [c.name for c in report.control] == ["background", "hair", "face", "skin", "top", "shoes"]
    assert math.isnan(report.error_by_class["socks"])
    assert "hair" in str(report)


def test_change_by_area_by_hand():
    before, after = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    after[0, :, 0, 0] = 2.0
    after[0, 0, 1, 1] = 0.6
    area = torch.tensor([[[True, False], [False, False]]])
    inside, outside = change_by_area(before, after, area)
    assert inside.item() == 1.0
    torch.testing.assert_close(outside, torch.tensor([0.6 / 3 / 2 / 3]))


def test_mean_colour_error_is_zero_for_flat_classes():
    labels = torch.tensor([[[0, 1], [1, 1]]])
    images = torch.where((labels == 1)[:, None], 0.5, -1.0).expand(1, 3, 2, 2)
    assert mean_colour_error(images, labels, 2) < 1e-7
    images = images.clone()
    images[0, :, 0, 1] = -1.0
    assert mean_colour_error(images, labels, 2) > 0.1
