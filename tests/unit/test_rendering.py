"""Every identity that the renderer rests on, and the renderer against the decoder over random edits."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from smis.config import GroupDNetConfig
from smis.datasets.archive import people
from smis.datasets.paths import data_file
from smis.layers import LEAK, CGBlock, CGNorm, one_hot, spectral_conv
from smis.model import GroupDNet
from smis.neighbourhoods import Neighbourhoods
from smis.presets import PRESETS, preset
from smis.rendering import (
    CodeRenderer,
    Renderer,
    convolutions,
    is_large,
    sensible_threads,
    winograd,
    with_sensible_threads,
)
from smis.rendering.areas import Area
from smis.rendering.blocks import Block
from smis.rendering.convolutions import Convolution, Picture
from smis.rendering.modulation import Modulation
from tests.unit.networks import random_labels

PEOPLE_WIDTHS = (32, 32, 32, 16, 16, 8, 8)
NARROW = {
    "cityscapes": {"decoder_widths": (140, 140, 140, 70, 140, 140, 35), "norm_hidden": (35,) * 7},
    "ade20k": {"decoder_widths": (2416, 32, 32, 16, 8, 8, 8), "spare_width": 4},
    "rooms-128": {"decoder_widths": (30, 30, 30, 30, 15, 15, 8), "norm_hidden": (15,) * 7},
    "streets-128": {"decoder_widths": (28, 28, 28, 28, 14, 14, 8), "norm_hidden": (14,) * 7},
    **{
        name: {"decoder_widths": (32, 32, 32, 16, 8), "norm_hidden": (8,) * 5}
        for name in PRESETS
        if name.startswith("people-64")
    },
    "smoke": {},
}


def narrow(name: str, **more: object) -> GroupDNetConfig:
    """The preset's structure with few channels, on a small image."""
    config = preset(name).model
    changes = dict(NARROW.get(name, {"decoder_widths": PEOPLE_WIDTHS, "norm_hidden": (8,) * 7}))
    if config.image_size[0] >= 128:
        scale = 4 if config.image_size[0] == 256 else 2
        changes["image_size"] = tuple(size // scale for size in config.image_size)
        if config.controllers > 1:
            changes["latent_size"] = tuple(size // scale for size in config.latent_size)
    return GroupDNetConfig.from_dict({**config.to_dict(), **changes, **more})


def lively(config: GroupDNetConfig, seed: int = 0) -> GroupDNet:
    """A random network whose batch norms have seen data and whose images are neither flat nor saturated."""
    torch.manual_seed(seed)
    model = GroupDNet(config)
    for module in model.decoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.2, 1.5)
    labels, edges = draw(config, 2, torch.Generator().manual_seed(seed))
    model.eval()
    with torch.no_grad():
        image = model.decoder(model.sample(2), labels, edges, plain=True)
        model.decoder.to_rgb.weight *= 0.7 / torch.atanh(image).std()
    return model


def draw(config: GroupDNetConfig, batch: int, generator: torch.Generator, few: int = 5):
    """Label maps of rectangles (some classes absent), instance edges where they are known."""
    height, width = config.image_size
    labels = torch.zeros(batch, height, width, dtype=torch.long)
    edges = torch.zeros(batch, height, width, dtype=torch.bool)
    for b in range(batch):
        for _ in range(few):
            paint(labels[b : b + 1], len(config.labels), generator, 0.4)
            paint(edges[b : b + 1], 2, generator, 0.2)
    return labels, edges if config.instance_edges else None


def paint(values: torch.Tensor, number: int, generator: torch.Generator, size: float) -> None:
    """Fill a random rectangle, often at the border, with a random value."""
    sides = []
    for length in values.shape[1:]:
        side = max(1, int(torch.rand((), generator=generator) * size * length))
        start = int(torch.randint(-side // 2, length, (), generator=generator))
        sides.append(slice(max(start, 0), max(start, 0) + side))
    values[:, sides[0], sides[1]] = int(torch.randint(number, (), generator=generator))


def reference(model, codes, labels, edges=None):
    with torch.no_grad():
        return model.decoder(codes, labels, edges, plain=True)


# -- each identity alone -----------------------------------------------------------------------------------------------


def random_norm(channels: int, hidden: int, groups: tuple[int, int]) -> CGNorm:
    norm = CGNorm(channels, 8, hidden, groups)
    norm.norm.running_mean.normal_()
    norm.norm.running_var.uniform_(0.2, 2)
    return norm.eval()


@pytest.mark.parametrize("doubled", [False, True])
@pytest.mark.parametrize("groups", [(8, 8), (2, 2), (8, 1)])
def test_cg_norm_is_a_scale_and_a_shift_while_the_mask_stays(groups, doubled):
    norm = random_norm(16, 24, groups)
    labels, x = random_labels(2, 12, 10), torch.randn(2, 16, 6 if doubled else 12, 5 if doubled else 10)
    modulation = Modulation(norm)
    modulation.set_mask(Neighbourhoods.of(labels, torch.eye(8)))
    large = F.interpolate(x, scale_factor=2) if doubled else x
    with torch.no_grad():
        expected = F.leaky_relu(norm(large, one_hot(labels, 8)), LEAK)[:, 4:10, 2:8, 0:6]
    source = x[:, 4:10, 1:4, 0:3] if doubled else x[:, 4:10, 2:8, 0:6]
    out = modulation(source.permute(0, 2, 3, 1), range(4, 10), Area(2, 8, 0, 6), doubled=doubled, border=1)
    torch.testing.assert_close(out[:, 1:-1, 1:-1], expected.permute(0, 2, 3, 1), rtol=1e-5, atol=1e-5)
    frame = out.clone()
    frame[:, 1:-1, 1:-1] = 0
    assert (frame == 0).all()


@pytest.mark.parametrize("area", [Area(0, 4, 3, 8), Area(5, 9, 5, 9), Area(8, 12, 0, 10)])
def test_modulation_of_a_painted_rectangle_equals_that_of_the_whole_mask(area):
    norm = random_norm(8, 8, (4, 4))
    before, eye = random_labels(2, 12, 10), torch.eye(8)
    after = before.clone()
    after[area.place] = random_labels(2, 12, 10, seed=1)[area.place]
    whole, part = Modulation(norm), Modulation(norm)
    whole.set_mask(Neighbourhoods.of(after, eye))
    part.set_mask(Neighbourhoods.of(before, eye))
    reach = area.grown(2, (12, 10))
    seen = F.pad(after, (2, 2, 2, 2), value=8)[:, reach.top : reach.bottom + 4, reach.left : reach.right + 4]
    part.set_mask(Neighbourhoods.inside(seen, eye), reach)
    torch.testing.assert_close(part.scale, whole.scale, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(part.shift, whole.shift, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("groups", "height", "width"), [(1, 8, 8), (3, 10, 4), (2, 2, 6)])
def test_winograd_equals_the_direct_sum(groups, height, width, monkeypatch):
    monkeypatch.setattr(winograd, "STRIP", 16 * 2 * 3 * 10)  # several strips
    x = torch.randn(2, 5 * groups, height, width, dtype=torch.double)
    weight = torch.randn(4 * groups, 5, 3, 3, dtype=torch.double)
    kernels = torch.stack([winograd.kernels(part) for part in weight.chunk(groups)])
    out = winograd.convolve(F.pad(x, (1, 1, 1, 1)).permute(0, 2, 3, 1), kernels)
    expected = F.conv2d(x, weight, padding=1, groups=groups).permute(0, 2, 3, 1)
    torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("first", [4, 10**9], ids=["winograd", "direct"])
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolution_of_some_channels(kernel, first, monkeypatch):
    """Whole groups give their own outputs; parts of a group add up to it."""
    monkeypatch.setattr(convolutions, "WINOGRAD_FROM", first)
    conv = spectral_conv(24, 16, kernel, groups=4).eval()
    ours, x = Convolution(conv, (8, 10)), torch.randn(2, 24, 8, 10)
    with torch.no_grad():
        expected = conv(x).permute(0, 2, 3, 1)

    def part(channels: range, bias: bool = True) -> torch.Tensor:
        chosen = F.pad(x[:, channels.start : channels.stop], (ours.border,) * 4)
        return ours(chosen.permute(0, 2, 3, 1), channels, bias)

    torch.testing.assert_close(part(range(24)), expected, rtol=1e-5, atol=1e-5)
    assert ours.widened(range(7, 13)) == range(6, 18)
    assert ours.reached(range(7, 13)) == range(4, 12)
    torch.testing.assert_close(part(range(6, 18)), expected[..., 4:12], rtol=1e-5, atol=1e-5)
    summed = part(range(6, 8)) + part(range(8, 11), bias=False) + part(range(11, 12), bias=False)
    torch.testing.assert_close(summed, expected[..., 4:8], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 4])
def test_a_picture_is_the_last_convolution_and_tanh(groups):
    conv, x = nn.Conv2d(8, 3 * groups, 3, padding=1, groups=groups), torch.randn(2, 8, 5, 7)
    out, shown = Picture(conv)(x.permute(0, 2, 3, 1), range(2, 4))
    assert shown == (range(3) if groups == 1 else range(3, 6))
    expected = torch.tanh(conv(x))[:, shown.start : shown.stop]
    torch.testing.assert_close(out, expected.detach(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("area", [Area(0, 4, 0, 4), Area(6, 8, 4, 10), Area(10, 16, 0, 12), Area(5, 7, 5, 9)])
@pytest.mark.parametrize(("wide_out", "doubled"), [(8, False), (16, True), (8, True)])
def test_a_rectangle_is_exact_once_it_has_a_halo(wide_out, doubled, area):
    block = CGBlock(16, wide_out, 4, 8, 8, (4, 4)).eval()
    ours = Block(block, (16, 12), doubled)
    labels = random_labels(2, 16, 12)
    ours.set_mask(Neighbourhoods.of(labels, torch.eye(8)))
    features = torch.randn(2, 8, 6, 16) if doubled else torch.randn(2, 16, 12, 16)
    whole, _ = ours(features, range(16), ours.whole)
    part, reached = ours(features, range(16), area)
    assert reached == range(wide_out)
    torch.testing.assert_close(part, whole[area.place], rtol=1e-5, atol=1e-5)
    x = features.permute(0, 3, 1, 2)
    with torch.no_grad():
        expected = block(F.interpolate(x, scale_factor=2) if doubled else x, one_hot(labels, 8))
    torch.testing.assert_close(whole.permute(0, 3, 1, 2), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("moving", "reached"), [(range(4, 6), range(4, 8)), (range(3, 9), range(12))])
def test_the_share_of_the_channels_that_rest_is_kept(moving, reached):
    block = CGBlock(16, 16, 4, 8, 8, (4, 4)).eval()
    ours = Block(block, (6, 6), doubled=False)
    ours.set_mask(Neighbourhoods.of(random_labels(1, 6, 6), torch.eye(8)))
    features = torch.randn(1, 6, 6, 16)
    for _ in range(3):
        features[..., moving.start : moving.stop] = torch.randn(1, 6, 6, len(moving))
        out, channels = ours(features, moving, ours.whole)
        assert channels == reached
        fresh = Block(block, (6, 6), doubled=False)
        fresh.set_mask(Neighbourhoods.of(random_labels(1, 6, 6), torch.eye(8)))
        expected, _ = fresh(features, range(16), ours.whole)
        torch.testing.assert_close(out, expected[..., reached.start : reached.stop], rtol=1e-5, atol=1e-5)
    assert (ours.kept is not None) == (len(reached) == 4)


# -- the renderer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("batch", [1, 2])
def test_any_sequence_of_edits_equals_the_decoder(name, batch, monkeypatch):
    if batch == 2:
        monkeypatch.setattr(convolutions, "WINOGRAD_FROM", 4)  # narrow networks would never use it
    config = narrow(name)
    model, generator = lively(config), torch.Generator().manual_seed(batch)
    labels, edges = draw(config, batch, generator)
    renderer, codes = Renderer(model), model.sample(batch, generator)
    renderer.set_mask(labels, edges)
    steps = ["all", "one", "again", "brush", "one", "dot", "two", "both", "again", "all", "again"]
    c = 0
    for step in steps:
        codes, labels = codes.clone(), labels.clone()
        edges = None if edges is None else edges.clone()
        if step in ("one", "two", "both"):
            c = int(torch.randint(config.controllers, (), generator=generator))
        if step in ("one", "two", "both", "again"):
            codes[:, c] = torch.randn(codes[:, c].shape, generator=generator)
        if step == "two":
            other = int(torch.randint(config.controllers, (), generator=generator))
            codes[-1, other] += 1
        if step == "all":
            codes = model.sample(batch, generator)
        if step in ("brush", "both"):
            paint(labels[-1:], len(config.labels), generator, 0.2)
            if edges is not None:
                paint(edges, 2, generator, 0.2)
        if step == "dot":  # between the pixels that coarse blocks look at, and at the border
            labels[0, 3, -1] = (labels[0, 3, -1] + 1) % len(config.labels)
        renderer.set_mask(labels, edges)
        image, expected = renderer(codes), reference(model, codes, labels, edges)
        assert expected.std() > 0.1
        assert (image - expected).abs().max() < 1e-5, step


def test_noise_as_a_mask_and_a_new_batch_size():
    config = narrow("smoke")
    model = lively(config)
    renderer = Renderer(model)
    for batch in (1, 3, 2):
        labels, codes = random_labels(batch, 64, 64, seed=batch), model.sample(batch)
        renderer.set_mask(labels)
        assert (renderer(codes) - reference(model, codes, labels)).abs().max() < 1e-5


def products(work) -> int:
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def test_only_what_changed_is_computed():
    config = narrow("deepfashion", decoder_widths=(128, 128, 128, 64, 32, 16, 8))
    model = lively(config)
    renderer, codes = Renderer(model), model.sample(1)
    labels = torch.zeros(1, *config.image_size, dtype=torch.long)
    labels[:, 25:35, 30:45] = 3
    renderer.set_mask(labels)
    everything = products(lambda: renderer(codes))
    assert products(lambda: renderer(codes)) == 0
    renderer.set_mask(labels.clone())
    assert products(lambda: renderer(codes)) == 0

    def moved():
        codes[:, 3] += 1
        return codes.clone()

    renderer(moved())
    one = products(lambda: renderer(moved()))
    assert 0 < one < 0.6 * everything
    assert products(lambda: next(renderer.progressive(moved()))) < 0.5 * one
    renderer(moved())
    labels[0, 27, 31] = 4  # the last block alone looks at odd pixels
    renderer.set_mask(labels)
    assert 0 < products(lambda: renderer(codes)) < 0.1 * everything


@pytest.mark.parametrize("name", ["deepfashion", "mulnet", "cityscapes"])
def test_progressive_shows_the_rectangle_first_and_may_be_abandoned(name):
    config = narrow(name)
    model = lively(config)
    labels = torch.zeros(2, *config.image_size, dtype=torch.long)
    labels[1, 20:32, 40:52] = 3
    labels[0, 24:30, 36:50] = 5
    edges = torch.zeros_like(labels).bool() if config.instance_edges else None
    renderer, codes = Renderer(model), model.sample(2)
    renderer.set_mask(labels, edges)
    ((last, complete),) = renderer.progressive(codes)
    assert complete
    for number in range(6):
        codes = codes.clone()
        moved = (3, 5, 3, 5, 3, 5)[number]
        codes[:, moved] += 1
        if number == 2:  # painted as well
            labels = labels.clone()
            labels[:, 28:34, 44:56] = 1
            renderer.set_mask(labels, edges)
        expected = reference(model, codes, labels, edges)
        area = Area(20, 34, 40, 56) if number == 2 else Area(20, 32, 40, 52) if moved == 3 else Area(24, 30, 36, 50)
        steps = renderer.progressive(codes)
        first, complete = next(steps)
        _, rows, columns = area.place
        assert not complete
        assert (first - expected)[..., rows, columns].abs().max() < 1e-5
        if name != "mulnet":  # there a class shows in its own pixels alone
            assert (first - expected).abs().max() > 1e-3  # it is not the whole image yet
        if number in (0, 3, 4):
            continue  # abandoned: the next image has to catch up
        ((last, complete),) = steps
        assert complete
        assert (last - expected).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["deepfashion", "mulnet", "cityscapes", "ade20k", "people-64"])
def test_a_coarse_picture_costs_less_and_the_next_image_is_exact(name):
    config = narrow(name)
    model, (labels, edges) = lively(config), draw(config, 2, torch.Generator().manual_seed(1))
    renderer, codes = Renderer(model), model.sample(2)
    renderer.set_mask(labels, edges if config.instance_edges else None)
    assert renderer.coarse(codes).shape == (2, 3, *config.image_size)  # before there is any image
    for number in range(5):
        if number == 2:  # another mask as well
            labels = labels.roll(5, 1)
            renderer.set_mask(labels, edges if config.instance_edges else None)
        for _ in range(number % 3):  # coarse pictures that nobody completes
            codes = codes.clone()
            codes[:, number % config.controllers] += 0.3
            rough = renderer.coarse(codes)
            assert rough.abs().max() <= 1
        image = renderer(codes)
        expected = reference(model, codes, labels, edges if config.instance_edges else None)
        assert (image - expected).abs().max() < 1e-5
        # nothing moved: the coarse change is none, and the picture is the complete one
        assert torch.equal(renderer.coarse(codes), renderer(codes))


def test_a_coarse_picture_leaves_out_most_of_the_work():
    model = lively(narrow("deepfashion", image_size=(128, 128), latent_size=(2, 2)))
    renderer, codes = Renderer(model), model.sample(1)
    renderer.set_mask(draw(model.config, 1, torch.Generator().manual_seed(1))[0])
    everything = products(lambda: renderer(codes))
    renderer.coarse(codes)  # from now on it knows a coarse picture of the image
    assert products(lambda: renderer.coarse(model.sample(1))) < 0.4 * everything


def test_a_coarse_change_is_close_to_the_change_itself():
    model = GroupDNet.load(data_file("checkpoints/people-128.safetensors"))
    images, labels = people("test").load(128, range(4)).tensors()
    with torch.inference_mode():
        before = model.encode(images, labels).values
        after = before.clone()
        after[:, 4] = before.roll(1, 0)[:, 4]  # another top
        first, second = model.decode(before, labels), model.decode(after, labels)
    renderer = Renderer(model)
    renderer.set_mask(labels)
    renderer(before)
    rough = renderer.coarse(after)
    assert (rough - second).abs().mean() < 0.5 * (first - second).abs().mean()
    # and where nothing changes the picture stays sharp
    still = (first - second).abs().amax(1, keepdim=True).expand_as(first) < 0.01
    assert (rough - second).abs()[still].mean() < 0.02


def test_images_are_the_callers_own():
    model = lively(narrow("smoke"))
    renderer, codes, labels = Renderer(model), model.sample(1), random_labels(1, 64, 64)
    renderer.set_mask(labels)
    first = renderer(codes)
    kept = first.clone()
    renderer(model.sample(1))
    assert torch.equal(first, kept)
    first.zero_()
    codes.add_(0)
    labels.zero_()  # the renderer has its own copy
    assert torch.equal(renderer(codes), kept)
    with torch.inference_mode():
        renderer(model.sample(1))
    assert (renderer(codes) - kept).abs().max() < 1e-5
    assert not renderer(codes).is_inference()


def test_half_precision_storage_rounds_the_weights_alone():
    model = lively(narrow("deepfashion"))
    renderer, codes = Renderer(model, half=True), model.sample(1)
    labels, _ = draw(model.config, 1, torch.Generator().manual_seed(3))
    renderer.set_mask(labels)
    image, expected = renderer(codes), reference(model, codes, labels)
    assert image.dtype == torch.float32
    assert 0 < (image - expected).abs().max() < 0.02
    assert model.decoder.to_rgb.weight.dtype == torch.float32


@pytest.mark.parametrize("name", ["deepfashion", "people-64"])
def test_one_class_encoded_again_equals_its_part_of_all(name):
    widths = (2,) * len(preset(name).model.encoder_widths)
    size = {"image_size": (128, 128), "latent_size": (2, 2)} if name == "deepfashion" else {}
    config = narrow(name, encoder_widths=widths, **size)
    model = GroupDNet(config).eval()
    labels, _ = draw(config, 2, torch.Generator().manual_seed(0))
    images = torch.randn(2, 3, *config.image_size)
    with torch.no_grad():
        mu, logvar = model.encoder(images, labels)
    renderer = CodeRenderer(model)
    for classes in ([0], [5], [7, 1], None):
        ours = renderer(images, labels, classes)
        chosen = range(8) if classes is None else classes
        torch.testing.assert_close(ours[0], mu[:, list(chosen)], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours[1], logvar[:, list(chosen)], rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        assert torch.equal(model.encoder(images, labels)[0], mu)  # the network itself is left as it was
    with pytest.raises(ValueError, match="one group"):
        CodeRenderer(GroupDNet(narrow("vspade")).eval())
    with pytest.raises(ValueError, match="eval"):
        CodeRenderer(GroupDNet(config).train())


def test_what_does_not_fit_is_named():
    model = lively(narrow("smoke"))
    with pytest.raises(ValueError, match=r"model\.eval"):
        Renderer(GroupDNet(model.config).train())
    renderer, labels = Renderer(model), random_labels(1, 64, 64)
    with pytest.raises(ValueError, match="set_mask"):
        renderer(model.sample(1))
    renderer.set_mask(labels)
    before = renderer(model.sample(1))
    with pytest.raises(ValueError, match=r"codes must be \(1, 8, 8, 4, 4\).*\(2, "):
        renderer(model.sample(2))
    with pytest.raises(ValueError, match="64, 64"):
        renderer.set_mask(labels[:, :32])
    with pytest.raises(ValueError, match=r"0\.\.7"):
        renderer.set_mask(labels + 8)
    with pytest.raises(ValueError, match="instance edges"):
        renderer.set_mask(labels, labels == 1)
    assert renderer(model.sample(1)).shape == before.shape


def test_small_networks_get_one_thread():
    assert sensible_threads(preset("people-64").model) == 1
    assert not is_large(preset("people-128").model)
    assert is_large(preset("deepfashion").model)
    assert sensible_threads(preset("deepfashion").model) >= 1


def test_the_number_of_threads_is_given_back():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with with_sensible_threads(preset("people-128").model):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_keeping_freed_memory_changes_no_number():
    code = (
        "import torch\nfrom smis.rendering import keep_freed_memory\ntorch.manual_seed(0)\n"
        "a = torch.randn(512, 512)\nbefore = a @ a\nassert keep_freed_memory() in (True, False)\n"
        "assert torch.equal(before, a @ a)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
