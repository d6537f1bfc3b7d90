"""Each metric against numbers computed by hand."""

import math

import numpy as np
import pytest
import torch

from smis.datasets.archive import Samples
from smis.datasets.swaps import Swap
from smis.labels import PEOPLE
from smis.metrics import Judge, efficientnet_judge, measure
from smis.metrics.agreement import Agreement, confusion
from smis.metrics.control import Changes, ClassControl, change_by_area, encoded_pairs, readings, sampled_pairs
from smis.metrics.diversity import borrowed_codes, diversity
from smis.metrics.encoded import Encoded
from smis.metrics.truth import against_truth
from smis.metrics.yardsticks import mask_similarity, nearest_by_mask, own_colours, paint, training_colours
from tests.unit.networks import blobs
from tests.unit.painters import Deaf, Flood, Gossip, Negative, Neighbour, Painter, swap_list

PIXELS = Judge("pixels", lambda images: [images])


# --- intervals


def test_a_mean_and_its_interval():
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = measure(values)
    assert found.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 20  # the textbook's interval
    assert found.low == pytest.approx(values.mean() - half, abs=0.2 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.2 * half)
    assert found.n == 400
    assert measure(values) == found


def test_a_ratio_of_means_by_group():
    top, bottom, group = [2.0, 4.0, 10.0], [1.0, 1.0, 4.0], [0, 0, 1]
    assert measure(top, bottom).value == pytest.approx(16 / 6)
    assert measure(top, bottom, group=group).value == pytest.approx((3 + 10) / (1 + 4))
    assert measure([0.0], [0.0]).value == 0
    assert measure([1.0, 1.0], [0.0, 0.0]).value == measure([1.0, 1.0], [0.0, 0.0]).high == math.inf
    assert math.isnan(measure([1.0]).low)


def test_what_is_drawn_together_is_one_witness():
    values, scene = np.repeat([0.0, 1.0, 2.0, 3.0], 50), np.repeat([0, 1, 2, 3], 50)
    alone, together = measure(values), measure(values, cluster=scene)
    assert alone.value == together.value == 1.5
    assert together.high - together.low > 4 * (alone.high - alone.low)
    one = measure(values, cluster=np.zeros(200))
    assert math.isnan(one.low)


def test_the_complement_turns_the_interval_round():
    one = measure([0.0, 1.0, 0.25]).complement()
    assert one.low <= one.value <= one.high


# --- the judge


def test_distance_by_hand():
    a, b = torch.full((1, 3, 4, 4), 1.0), torch.full((1, 3, 4, 4), 1.0)
    b[..., :2] = 2.0
    distance = PIXELS.distance([a], [b])
    assert distance.item() == pytest.approx(0.5 / 1.25)
    assert torch.equal(distance, PIXELS.distance([b], [a]))
    assert PIXELS.distance([a, a], [a, b]).item() == pytest.approx(0.5 / 1.25 / 2)
    maps = PIXELS.maps([a], [b], (4, 4))
    assert maps.mean().item() == pytest.approx(distance.item())
    assert maps[0, 0].tolist() == pytest.approx([1 / 1.25, 1 / 1.25, 0, 0])
    assert PIXELS.distance([a], [-a]).item() == 2
    assert PIXELS.distance([a * 0], [a * 0]).item() == 0


@pytest.fixture(scope="module")
def judge():
    return efficientnet_judge()


def test_the_judge_compares_what_the_loss_does_not(judge):
    """The loss takes the outputs up to stage 3, of at most 40 channels."""
    for size in (64, 128):
        assert [tuple(f.shape[1:]) for f in judge.features(torch.zeros(1, 3, size, size))] == [
            (80, 8, 8), (112, 8, 8),
        ]  # fmt: skip


def test_the_judge_orders_distortions_and_sees_where_they_are(judge):
    torch.manual_seed(0)
    image = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16) * 2 - 1, scale_factor=8)
    real = judge.features(image)
    noise = torch.randn_like(image)
    values = [judge.distance(judge.features((image + a * noise).clamp(-1, 1)), real).item() for a in (0, 0.1, 0.3, 1)]
    assert values[0] == 0
    assert values == sorted(values)
    corner = image.clone()
    corner[..., :32, :32] = -corner[..., :32, :32]
    change = judge.maps(judge.features(corner), real, (128, 128))[0]
    assert change[:32, :32].mean() > 3 * change[64:, 64:].mean()
    assert change[64:, 64:].mean() > 0  # features see far


# --- yardsticks


def test_own_colours_equal_flat_classes_only():
    labels = torch.tensor([[[0, 1], [1, 1]]])
    images = torch.where((labels == 1)[:, None], 0.5, -1.0).expand(1, 3, 2, 2).clone()
    torch.testing.assert_close(own_colours(images, labels, 2), images)
    images[0, :, 0, 1] = -1.0
    assert own_colours(images, labels, 2)[0, :, 0, 1].tolist() == [0.0] * 3


def test_training_colours_by_hand():
    images = np.zeros((2, 1, 2, 3), np.uint8)
    images[0, 0, 0], images[0, 0, 1], images[1, 0] = (255, 0, 0), (0, 0, 255), (0, 255, 0)
    labels = np.array([[[0, 1]], [[1, 1]]], np.uint8)
    colours = training_colours(Samples(images, labels, PEOPLE))
    third = 2 / 3 - 1
    torch.testing.assert_close(colours[:2], torch.tensor([[1.0, -1, -1], [-1, third * -1, third]]))
    assert colours[7].abs().max() < 1e-6  # nowhere: grey
    torch.testing.assert_close(paint(torch.tensor([[[1, 0]]]), colours)[0, :, 0, 1], colours[0])


def test_mask_similarity_by_hand():
    a, b = torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[[0, 0, 0, 1]], [[2, 2, 2, 2]], [[0, 0, 1, 2]]])
    expected = [(2 / 3 + 1 / 2) / 2, 0, (1 + 1 / 2 + 0) / 3]
    assert mask_similarity(a, b, 4)[0].tolist() == pytest.approx(expected)


def test_the_nearest_mask_is_found():
    train = blobs(6)
    labels = torch.from_numpy(train.labels[[4, 1]]).long()
    labels[0, :3, :3] = 7  # not quite
    images, likeness = nearest_by_mask(labels, train)
    torch.testing.assert_close(images, train.tensors()[0][[4, 1]])
    assert likeness[1] == 1
    assert 0.5 < likeness[0] < 1


# --- agreement


def test_iou_by_hand_with_an_absent_class_and_one_that_is_read_where_there_is_none():
    counts = confusion(torch.tensor([[0, 0, 1, 2]]), torch.tensor([[0, 1, 1, 1]]), 4).numpy()
    found = Agreement(counts[None])
    assert found.accuracy().value == 0.5
    assert found.iou()[:3] == pytest.approx([1 / 2, 1 / 3, 0])
    assert math.isnan(found.iou()[3])
    assert found.miou().value == pytest.approx((1 / 2 + 1 / 3) / 3)


def test_swapped_classes_agree_nowhere():
    labels = torch.tensor([[0, 0, 1, 1]])
    assert Agreement(confusion(1 - labels, labels, 2).numpy()[None]).miou().value == 0


def test_iou_is_pooled_over_images():
    """Mean over images would give 0.75: one tiny image part read wrongly must not count like a large one."""
    counts = np.array([[[98, 2], [0, 0]], [[0, 0], [0, 100]]])
    assert Agreement(counts).iou() == pytest.approx([0.98, 100 / 102])


# --- control


def test_change_by_area_by_hand():
    before, after = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    after[0, :, 0, 0] = 2.0
    after[0, 0, 1, 1] = 0.6
    area = torch.tensor([[[True, False], [False, False]]])
    inside, outside = change_by_area(before, after, area)
    assert inside.item() == 1.0
    torch.testing.assert_close(outside, torch.tensor([0.6 / 3 / 2 / 3]))


def test_both_readings_by_hand():
    first = torch.full((1, 3, 2, 2), 1.0)
    second = torch.full((1, 3, 2, 2), 1.5)
    second[..., 0, 0] = 2.0
    area = torch.tensor([[[True, False], [False, False]]])
    changes = Changes()
    changes.add(3, torch.tensor([7]), first, second, area, PIXELS)
    table = {name: value.item() for name, value in changes.table.items()}
    assert (table["number"], table["image"], table["share"]) == (3, 7, 0.25)
    assert (table["l1_in"], table["l1_out"]) == pytest.approx((0.5, 0.25))
    before = (0.25 / 1.125, 0.375 / 1.1875)
    assert (table["before_in"], table["before_out"]) == pytest.approx(before)
    assert (table["after_in"], table["after_out"]) == pytest.approx((1 / 1.3125, 0.5 / 1.3125))
    assert (table["perfect_in"], table["perfect_out"]) == pytest.approx((1 / 1.125, 0))
    masked_before, masked_after = readings("encoded", changes, 0)
    assert masked_before.ratio.value == pytest.approx(before[0] / before[1])
    assert masked_before.perfect.value == masked_after.perfect.value == math.inf
    assert masked_after.ratio.value == pytest.approx(2)
    control = ClassControl.of("skin", changes.table, 0)
    assert control.perceptual_ratio.value == pytest.approx(before[0] / 0.25 / (before[1] / 0.75))


def test_features_that_see_far_show_in_the_reading_masked_after_only():
    """A blurring judge: a perfect editor then has an outside change after the network, and none before it."""
    blurred = Judge("blur", lambda images: [torch.nn.functional.avg_pool2d(images, 9, 1, 4)])
    encoded = Encoded(Painter(), blobs(6))
    before, after = readings("encoded", encoded_pairs(encoded, torch.arange(6), 60, blurred), 0)
    assert before.mocd.value < 1e-6
    assert after.mocd.value > 0.01
    assert after.ratio.value == pytest.approx(after.perfect.value, rel=1e-4)


def test_each_image_takes_the_code_of_the_next_in_the_ring():
    samples = blobs(2)
    encoded = Encoded(Painter(), samples)
    table = encoded_pairs(encoded, torch.tensor([1, 0]), 60, None).table
    colours = encoded.codes[:, :, :3, 0, 0]
    expected = (colours[0] - colours[1]).abs().mean(1) / 2  # (8,)
    for number in range(8):
        rows = table["l1_in"][table["number"] == number]
        assert rows == pytest.approx([expected[number].item()] * 2, abs=1e-6)


def test_sampled_pairs_share_all_other_codes():
    encoded = Encoded(Painter(), blobs(4))
    table = sampled_pairs(encoded, torch.arange(4), 60, PIXELS, 0).table
    assert table["l1_out"].max() < 1e-7
    assert table["l1_in"].mean() == pytest.approx(1 / math.sqrt(math.pi), rel=0.2)  # E|z - z'| / 2
    mixed_up = sampled_pairs(Encoded(Neighbour(), blobs(4)), torch.arange(4), 60, None, 0).table
    assert mixed_up["l1_in"].max() < 1e-7


# --- diversity


def test_diversity_of_normal_colours_by_hand():
    found = diversity(Encoded(Painter(), blobs(30)), torch.arange(30), None, masks=30)[0]
    assert found.sampled.value == pytest.approx(1 / math.sqrt(math.pi), rel=0.1)  # pairs of different draws only
    assert found.ratio.value == pytest.approx(found.sampled.value / found.encoded.value)
    assert found.sampled.n == 30 * 6


def test_sampled_codes_come_from_the_networks_own_prior():
    model = Painter()
    before = diversity(Encoded(model, blobs(6)), torch.arange(6), None)[0]
    model.prior = lambda noise: 0.1 * noise
    encoded = Encoded(model, blobs(6))
    after = diversity(encoded, torch.arange(6), None)[0]
    assert after.sampled.value == pytest.approx(0.1 * before.sampled.value, rel=1e-4)
    assert after.encoded == before.encoded
    assert sampled_pairs(encoded, torch.arange(6), 60, None, 0).table["l1_in"].mean() < 0.1


def test_encoded_codes_come_from_images_that_have_the_class():
    samples = blobs(6)
    labels = samples.labels.copy()
    labels[1:][labels[1:] == 4] = 0
    encoded = Encoded(Painter(), Samples(samples.images, labels, PEOPLE))
    codes = borrowed_codes(encoded, 20, torch.Generator().manual_seed(0))
    assert torch.equal(codes[:, 4], encoded.codes[:1, 4].expand_as(codes[:, 4]))
    assert len(codes[:, 0, 0, 0, 0].unique()) > 3
    picked = [int((encoded.codes[:, 0] == code).flatten(1).all(1).nonzero()) for code in codes[:, 0]]
    other = [int((encoded.codes[:, 1] == code).flatten(1).all(1).nonzero()) for code in codes[:, 1]]
    assert picked != other  # class by class


# --- rendered truth


def test_truth_of_a_perfect_controller():
    found = against_truth(Painter().eval(), swap_list())
    assert [f.name for f in found] == ["background", "top", "mean"]
    assert [f.leakage.n for f in found] == [9, 9, 18]
    for faith in found:
        assert faith.leakage.value < 1e-6
        assert faith.faithfulness.value == pytest.approx(1, abs=1e-5)
        assert faith.strength.value == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("painter", "leakage", "faithfulness", "strength"),
    [(Deaf, 0, 0, 0), (Flood, 1, 1, 1), (Negative, 0, -1, 1)],
)
def test_truth_of_wrong_controllers(painter, leakage, faithfulness, strength):
    for faith in against_truth(painter(), swap_list()):
        found = (faith.leakage.value, faith.faithfulness.value, faith.strength.value)
        assert found == pytest.approx((leakage, faithfulness, strength), abs=1e-4)


def test_only_the_code_of_the_restyled_class_is_taken():
    """The other classes' codes differ, too, when an encoder looks beyond its class: they must stay the base's."""
    for faith in against_truth(Gossip(), swap_list()):
        assert faith.leakage.value < 1e-6
        assert faith.strength.value > 1


def test_truth_of_mixed_up_controllers():
    for faith in against_truth(Neighbour(), swap_list()):
        assert faith.leakage.value > 0
        assert faith.faithfulness.value == pytest.approx(0, abs=1e-5)


def test_truth_is_shrunk_to_the_network_and_the_area_keeps_touched_pixels():
    swaps = []
    for swap in swap_list(size=64):
        large = {name: getattr(swap, name).repeat(2, -2).repeat(2, -1) for name in ("labels", "allowed")}
        base, restyled = swap.base.repeat(2, 0).repeat(2, 1), swap.restyled.repeat(2, 1).repeat(2, 2)
        large["allowed"][:, 0] = True  # one of the two columns of small pixels
        swaps.append(Swap(swap.scene, swap.name, base, large["labels"], restyled, large["allowed"]))
    with_area = against_truth(Flood(), swaps)[-1]
    assert with_area.leakage.value > 1  # the left column counts as inside, where the truth does not change
    assert against_truth(Painter(), swaps)[-1].faithfulness.value == pytest.approx(1, abs=1e-5)


def test_swaps_without_a_change_are_no_swaps():
    dull = [Swap(s.scene, s.name, s.base, s.labels, np.stack([s.base] * 3), s.allowed) for s in swap_list()]
    with pytest.raises(ValueError, match="no swaps"):
        against_truth(Painter(), dull)
