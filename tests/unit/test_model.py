import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from smis import CheckpointError, GroupDNet, mix, preset
from tests.unit.networks import blobs, random_labels, shake, smoke


@pytest.fixture(scope="module")
def model():
    net = GroupDNet(smoke().model).eval()
    shake(net)
    return net


def test_early_in_the_decoder_a_class_stays_alone_later_it_does_not(model):
    labels = random_labels(1, 64, 64)
    decoder, codes = model.decoder, model.sample(1, torch.Generator().manual_seed(0)).requires_grad_()
    features = decoder.fc(codes.flatten(1, 2))
    masks = decoder.masks(decoder.ids(labels), plain=True)

    def classes_heard(features):
        group = features[:, : features.shape[1] // 8]  # the channels of class 0
        (gradient,) = torch.autograd.grad(group.sum(), codes, retain_graph=True)
        return int((gradient.abs().sum((0, 2, 3, 4)) > 0).sum())

    heard = [classes_heard(features)]
    for number, block in enumerate(decoder.blocks):
        if number:
            features = torch.nn.functional.interpolate(features, scale_factor=2)
        features = block(features, masks[number])
        heard.append(classes_heard(features))
    assert heard == [1, 1, 1, 2, 4, 8]  # decoder_groups (8, 8, 8, 4, 2, 1)


ALL_APART = {
    "model.decoder_widths": (32, 16, 16, 8, 8),
    "model.decoder_groups": (8,) * 6,
    "model.norm_groups": ((1, 8),) * 5,
    "model.fused": True,
}


def test_fused_a_pixel_hears_only_the_code_of_its_own_class():
    net = GroupDNet(smoke(**ALL_APART).model).eval()
    labels, codes = random_labels(1, 64, 64), net.sample(1).requires_grad_()
    out = net.decode(codes, labels)
    for c in (0, 5):
        inside = (labels == c)[:, None].expand_as(out)
        (gradient,) = torch.autograd.grad(out[inside].sum(), codes, retain_graph=True)
        heard = gradient.abs().sum((0, 2, 3, 4)) > 0
        assert heard.tolist() == [k == c for k in range(8)]


def test_one_vector_for_the_whole_image():
    changes = {"model.encoder_input": "image", "model.encoder_groups": 1, "model.controllers": 1}
    changes |= {"model.latent_size": (1, 1), "model.latent_dim": 12, "model.decoder_groups": (1, 8, 8, 4, 2, 1)}
    net = GroupDNet(smoke(**changes).model).eval()
    images, labels = blobs(2).tensors()
    codes = net.encode(images, labels)
    assert codes.values.shape == (2, 1, 12, 1, 1)
    assert net.decode(codes.values, labels).shape == (2, 3, 64, 64)


def test_instance_edges_change_the_image_and_are_asked_for():
    net = GroupDNet(smoke(**{"model.instance_edges": True}).model).eval()
    shake(net)
    with torch.no_grad():
        for parameter in net.decoder.blocks.parameters():
            parameter.mul_(0.3)
    labels, codes = random_labels(1, 64, 64), net.sample(1)
    edges = torch.zeros(1, 64, 64, dtype=torch.bool)
    without = net.decode(codes, labels, edges)
    edges[:, 32] = True
    with_edges = net.decode(codes, labels, edges)
    assert (with_edges - without).abs().max() > 1e-3
    torch.testing.assert_close(net.decoder(codes, labels, edges, plain=True), with_edges, rtol=1e-3, atol=1e-4)
    with pytest.raises(ValueError, match="needs instance edges"):
        net.decode(codes, labels)
    with pytest.raises(ValueError, match=r"edges must be \(1, 64, 64\)"):
        net.decode(codes, labels, edges[:, :32])


def test_edges_are_refused_by_a_network_that_knows_none(model):
    labels = random_labels(1, 64, 64)
    with pytest.raises(ValueError, match="knows no instance edges"):
        model.decode(model.sample(1), labels, labels > 3)


def test_a_spare_block_is_kept_and_never_run(tmp_path):
    net = GroupDNet(smoke(**{"model.spare_width": 4}).model).eval()
    labels, codes = random_labels(1, 64, 64), net.sample(1)
    before = net.decode(codes, labels)
    for parameter in net.decoder.spare.parameters():
        torch.nn.init.constant_(parameter, 9)
    assert torch.equal(net.decode(codes, labels), before)
    net.save(tmp_path / "net.safetensors")
    assert (GroupDNet.load(tmp_path / "net.safetensors").decoder.spare.conv_0.bias == 9).all()


def test_the_decoder_is_the_same_with_tables_and_without(model):
    labels = torch.from_numpy(blobs(2).labels).long()
    codes = model.sample(2, torch.Generator().manual_seed(1))
    net = GroupDNet(model.config).eval()
    shake(net)
    with torch.no_grad():
        for parameter in net.decoder.blocks.parameters():
            parameter.mul_(0.3)
        plain, fast = net.decoder(codes, labels, plain=True), net.decoder(codes, labels)
    assert plain.std() > 0.01
    torch.testing.assert_close(plain, fast, rtol=1e-3, atol=1e-4)


def test_encode_decode_shapes_and_range(model):
    images, labels = blobs(3).tensors()
    codes = model.encode(images, labels)
    assert codes.values.shape == (3, 8, 8, 4, 4)
    assert codes.present.tolist() == [[bool((m == c).any()) for c in range(8)] for m in labels]
    out = model.decode(mix(codes, [0, 1, 2, 0, 1, 2, 0, 1]), labels[:1])
    assert out.shape == (1, 3, 64, 64)
    assert out.abs().max() <= 1


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        ((1, 3, 64, 64), (1, 32, 32), r"64, 64.*32, 32"),
        ((1, 3, 64, 64), (64, 64), "label maps"),
        ((1, 1, 64, 64), (1, 64, 64), "RGB"),
        ((1, 4, 64, 64), (1, 64, 64), "RGB"),
        ((2, 3, 64, 64), (1, 64, 64), "RGB"),
    ],
)
def test_encode_refuses_what_does_not_fit(model, images, labels, message):
    with pytest.raises(ValueError, match=message):
        model.encode(torch.zeros(images), torch.zeros(labels, dtype=torch.long))


def test_encode_refuses_bytes_and_decode_refuses_other_codes(model):
    labels = torch.zeros(1, 64, 64, dtype=torch.long)
    with pytest.raises(ValueError, match="uint8"):
        model.encode(torch.zeros(1, 3, 64, 64, dtype=torch.uint8), labels)
    with pytest.raises(ValueError, match=r"\(1, 8, 8, 4, 4\)"):
        model.decode(torch.zeros(1, 64, 4, 4), labels)
    with pytest.raises(ValueError, match=r"0\.\.7"):
        model.decode(model.sample(1), labels + 8)


def test_checkpoint_round_trip(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path, {"steps": 3}, half=False)
    again = GroupDNet.load(path)
    assert again.config == model.config
    assert GroupDNet.read_header(path)[1] == {"steps": 3}
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert not again.training
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_half_precision_checkpoint_stays_close(model, tmp_path):
    model.save(tmp_path / "half.safetensors")
    model.save(tmp_path / "full.safetensors", half=False)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.7 * (tmp_path / "full.safetensors").stat().st_size
    again = GroupDNet.load(tmp_path / "half.safetensors")
    images, labels = blobs(2).tensors()
    before, after = model.encode(images, labels).values, again.encode(images, labels).values
    assert (after - before).abs().max() < 0.01 * before.abs().max()


def test_a_failed_save_leaves_the_old_file_and_no_debris(model, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    model.save(path)
    before = path.read_bytes()
    monkeypatch.setattr("smis.files.os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        model.save(path, {"new": True})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model.safetensors"]


def test_load_names_what_is_wrong(model, tmp_path):
    good = tmp_path / "good.safetensors"
    model.save(good)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.safetensors"):
        GroupDNet.load(tmp_path / "nowhere.safetensors")

    bad = tmp_path / "bad.safetensors"
    for content in (b"", b"hello, I am no checkpoint", good.read_bytes()[: good.stat().st_size // 2]):
        bad.write_bytes(content)
        with pytest.raises(CheckpointError, match="not a complete safetensors file"):
            GroupDNet.load(bad)

    save_file({"x": torch.zeros(2)}, bad)
    with pytest.raises(CheckpointError, match="format"):
        GroupDNet.load(bad)

    with pytest.raises(CheckpointError, match=r"another config.*latent_dim: 8 in the file, 4 wanted"):
        GroupDNet.load(good, config=preset("smoke", {"model.latent_dim": 4}).model)


def _rewrite(source, target, change_tensors=None, change_header=None):
    from safetensors import safe_open

    with safe_open(source, "pt") as file:
        header = dict(file.metadata())
    tensors = load_file(source)
    if change_tensors:
        change_tensors(tensors)
    if change_header:
        change_header(header)
    save_file(tensors, target, metadata=header)


def test_load_refuses_foreign_tensors_and_values(model, tmp_path):
    good, bad = tmp_path / "good.safetensors", tmp_path / "bad.safetensors"
    model.save(good)
    _rewrite(good, bad, lambda t: t.pop("encoder.mu.bias"))
    with pytest.raises(CheckpointError, match=r"encoder\.mu\.bias"):
        GroupDNet.load(bad)
    _rewrite(good, bad, lambda t: t.update({"encoder.mu.bias": torch.zeros(3)}))
    with pytest.raises(CheckpointError, match=r"encoder\.mu\.bias"):
        GroupDNet.load(bad)
    _rewrite(good, bad, lambda t: t["encoder.mu.bias"].fill_(float("nan")))
    with pytest.raises(CheckpointError, match="not finite"):
        GroupDNet.load(bad)

    def unknown_key(header):
        header["config"] = json.dumps(json.loads(header["config"]) | {"depth": 3})

    _rewrite(good, bad, change_header=unknown_key)
    with pytest.raises(CheckpointError, match="depth"):
        GroupDNet.load(bad)
