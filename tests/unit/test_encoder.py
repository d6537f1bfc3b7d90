import pytest
import torch

from smis.encoder import GroupEncoder, class_boxes, gather_by_class, sample_code, split_by_class
from tests.unit.networks import random_labels, shake, smoke


def plain_split(images, labels, classes):
    """The same by loops, as one would say it in words."""
    batch, _, height, width = images.shape
    out = torch.zeros(batch, classes, 3, height, width)
    for b in range(batch):
        for c in range(classes):
            rows, cols = torch.nonzero(labels[b] == c, as_tuple=True)
            if len(rows) == 0:
                continue
            cut = (images[b] * (labels[b] == c))[:, rows.min() : rows.max() + 1, cols.min() : cols.max() + 1]
            for y in range(height):
                for x in range(width):
                    out[b, c, :, y, x] = cut[:, y * cut.shape[1] // height, x * cut.shape[2] // width]
    return out


def split(images, labels, classes):
    boxes = class_boxes(labels, classes).tolist()
    return split_by_class(images, labels, [[(c, *box) for c, box in enumerate(of_image)] for of_image in boxes])


def test_split_equals_the_loops():
    labels = torch.zeros(2, 12, 12, dtype=torch.long)
    labels[0, 3:8, 2:4] = 1
    labels[0, 5, 5] = 2
    labels[1, :, 7:] = 3
    images = torch.randn(2, 3, 12, 12)
    torch.testing.assert_close(split(images, labels, 5), plain_split(images, labels, 5))


@pytest.mark.parametrize("size", [None, (16, 24), (7, 5)])
def test_gathering_gives_the_same_bits_as_splitting(size):
    labels = torch.zeros(3, 48, 36, dtype=torch.long)  # boxes of many sizes; class 5 is absent
    for c, (top, left) in enumerate([(3, 1), (20, 9), (31, 22), (8, 30)]):
        for b in range(3):
            labels[b, top + b : top + 7 + 5 * b, left : left + 5 + c] = (1, 2, 7, 3)[c]
    images = torch.randn(3, 3, 48, 36)
    boxes, chosen = class_boxes(labels, 8), [0, 2, 5, 7]
    expected = split_by_class(images, labels, [[(c, *of[c]) for c in chosen] for of in boxes.tolist()], size)
    assert torch.equal(gather_by_class(images, labels, boxes, chosen, size), expected)


def test_split_of_an_absent_class_is_zero_and_its_box_is_empty():
    labels = torch.zeros(1, 6, 8, dtype=torch.long)
    assert (split(torch.ones(1, 3, 6, 8), labels, 3)[0, 1:] == 0).all()
    assert class_boxes(labels, 3)[0, 1].tolist() == [0, 0, 0, 0]


def test_rows_whose_colours_sum_to_zero_do_not_count_in_the_released_boxes():
    labels = torch.zeros(1, 6, 6, dtype=torch.long)
    labels[0, 1:4, 2:4] = 1
    images = torch.ones(1, 3, 6, 6)
    images[0, :, 1, 2], images[0, :, 1, 3] = 0.5, -0.5  # row 1 of the class cancels out
    assert class_boxes(labels, 2)[0, 1].tolist() == [1, 2, 3, 2]
    assert class_boxes(labels, 2, images)[0, 1].tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_a_code_hears_of_its_own_class_only(norm):
    encoder = GroupEncoder(smoke(**{"model.encoder_norm": norm}).model).eval()
    shake(encoder)
    labels = random_labels(1, 64, 64)
    images = torch.randn(1, 3, 64, 64, requires_grad=True)
    for c in (0, 4):
        mu, logvar = encoder(images, labels)
        (gradient,) = torch.autograd.grad((mu + logvar)[:, c].square().sum(), images)
        size = gradient.abs().sum(1)
        assert (size[labels != c] == 0).all()
        assert (size[labels == c] > 0).any()


def test_an_absent_class_gets_the_biases_of_the_heads_with_instance_norm():
    encoder = GroupEncoder(smoke(**{"model.encoder_norm": "instance"}).model).eval()
    shake(encoder)
    mu, logvar = encoder(torch.randn(1, 3, 64, 64), torch.zeros(1, 64, 64, dtype=torch.long))
    torch.testing.assert_close(mu[0, 3], encoder.mu.bias[24:32].view(8, 1, 1).expand(8, 4, 4), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logvar[0, 3, :, 0, 0], encoder.logvar.bias[24:32], atol=1e-5, rtol=1e-5)


def test_skipping_absent_classes_changes_nothing():
    encoder = GroupEncoder(smoke(**{"model.encoder_norm": "instance"}).model).eval()
    shake(encoder)
    images, labels = torch.randn(2, 3, 64, 64), random_labels(2, 64, 64)
    labels[labels == 5] = 2
    labels[0][labels[0] == 7] = 2  # absent in one image only
    boxes = class_boxes(labels, 8).tolist()
    parts = split_by_class(images, labels, [[(c, *box) for c, box in enumerate(of_image)] for of_image in boxes])
    everything, skipped = encoder._run(parts.flatten(1, 2)), encoder(images, labels)
    for whole, some in zip(everything, skipped, strict=True):
        torch.testing.assert_close(whole, some, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_some_classes_can_be_encoded_alone(norm):
    encoder = GroupEncoder(smoke(**{"model.encoder_norm": norm}).model).eval()
    shake(encoder)
    images, labels = torch.randn(2, 3, 64, 64), random_labels(2, 64, 64)
    labels[labels == 5] = 2
    for chosen in ([3], [6, 1], [5, 2], [5]):
        for whole, some in zip(encoder(images, labels), encoder(images, labels, chosen), strict=True):
            torch.testing.assert_close(whole[:, chosen], some, atol=1e-5, rtol=1e-5)


def test_an_ordinary_encoder_sees_the_whole_image():
    overrides = {"model.encoder_input": "image", "model.encoder_groups": 1}
    encoder = GroupEncoder(smoke(**overrides).model).eval()
    mu, _ = encoder(torch.randn(1, 3, 64, 64), random_labels(1, 64, 64))
    assert mu.shape == (1, 8, 8, 4, 4)
    changes = {"model.controllers": 1, "model.latent_size": (1, 1), "model.decoder_groups": (1, 8, 8, 4, 2, 1)}
    one_code = GroupEncoder(smoke(**overrides, **changes).model).eval()
    assert one_code(torch.randn(2, 3, 64, 64), random_labels(2, 64, 64))[0].shape == (2, 1, 8, 1, 1)


def test_encoder_shapes():
    mu, logvar = GroupEncoder(smoke().model)(torch.randn(2, 3, 64, 64), random_labels(2, 64, 64))
    assert mu.shape == logvar.shape == (2, 8, 8, 4, 4)


def test_sample_code_has_the_asked_mean_and_deviation():
    noise = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    drawn = sample_code(torch.tensor(3.0), torch.tensor(4.0).log(), noise)
    assert abs(drawn.mean() - 3) < 0.05
    assert abs(drawn.std() - 2) < 0.05
