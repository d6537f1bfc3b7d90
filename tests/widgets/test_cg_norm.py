"""The CG-Norm explorer without a screen: its numbers are compared with what the decoder's own modules give."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

import smis.decoder
from smis import GroupDNet, people
from smis.datasets.archive import Samples
from smis.datasets.paths import data_file
from smis.layers import CGNorm
from smis_widgets import Refused
from smis_widgets.cg_norm.features import KEPT, Inside, heard_classes, look
from smis_widgets.cg_norm.formula import exact, formula, printed
from smis_widgets.cg_norm.pictures import FEATURES, STEPS, diverging, tiles
from smis_widgets.cg_norm.state import CGNormState
from smis_widgets.cg_norm.words import describe, missions
from tests.unit.test_gradients import CONFIG

WORLDS = ["people", "edges"]


@cache
def world(name: str) -> Inside:
    """The trained people network; and a small random one with instance edges, whose groups differ from its classes."""
    if name == "people":
        return Inside.open(
            GroupDNet.load(data_file("checkpoints/people-64.safetensors")), people("test").load(64, range(3))
        )
    torch.manual_seed(0)
    config = replace(CONFIG, norm_hidden=(6, 6, 4), norm_groups=((6, 3), (1, 3), (2, 1)), decoder_groups=(3, 3, 3, 2))
    model = GroupDNet(config).eval()
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (2, 4, 4), np.uint8).repeat(4, 1).repeat(4, 2)
    images = rng.integers(0, 256, (2, 16, 16, 3), np.uint8)
    return Inside.open(model, Samples(images, labels, config.labels, rng.random((2, 16, 16)) < 0.2))


@pytest.fixture(params=WORLDS)
def inside(request: pytest.FixtureRequest) -> Inside:
    return world(request.param)


@pytest.fixture(autouse=True)
def look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """gamma and beta are looked up from 8 rows on, so that the small network takes both ways, too."""
    monkeypatch.setattr(smis.decoder, "TABLE_FROM", 8)


def everywhere(inside: Inside) -> list[CGNormState]:
    """A state for each CG-Norm of the decoder."""
    start = inside.start()
    return [start.with_block(b.number).with_norm(norm) for b in start.blocks for norm in b.channels]


def own(inside: Inside, scene: int, plain: bool | None = None) -> dict[tuple[int, str], tuple[Tensor, Tensor, Tensor]]:
    """Features, mask and output of each CG-Norm while the decoder draws a scene: what to compare with."""
    seen, hooks, samples, decoder = {}, [], inside.studio.samples, inside.model.decoder
    for number, block in enumerate(decoder.blocks):
        for name, norm in block.named_children():
            if isinstance(norm, CGNorm):
                note = lambda _, args, out, key=(number, name): seen.update({key: (*args, out)})  # noqa: E731
                hooks.append(norm.register_forward_hook(note))
    labels = torch.from_numpy(samples.labels[scene]).long()[None]
    edges = None if samples.edges is None else torch.from_numpy(samples.edges[scene])[None]
    with torch.no_grad():
        decoder(inside.studio.codes.values[scene : scene + 1], labels, edges, plain)
    for hook in hooks:
        hook.remove()
    return seen


def maps_of(inside: Inside, state: CGNormState):
    return look(inside.stage(state), state, inside.labels(state))


def test_the_stage_is_what_the_module_itself_reads_and_writes(inside: Inside) -> None:
    truth = own(inside, 1)
    states = everywhere(inside)
    assert len(states) == len(truth) >= 7
    for state in states:
        features, _, out = truth[state.block, state.norm]
        stage = inside.stage(state.with_scene(1))
        assert torch.equal(stage.before, features[0])
        assert torch.equal(stage.after, out[0])
        torch.testing.assert_close(stage.normed * (1 + stage.gamma) + stage.beta, out[0], rtol=1e-5, atol=1e-5)
        assert stage.after.shape[1:] == state.here.size


def test_the_network_stays_as_it_was(inside: Inside) -> None:
    before = {name: value.clone() for name, value in inside.model.state_dict().items()}
    state = inside.start().switch(0, on=False)
    inside.recorded.clear()
    inside.stage(state)
    assert all(torch.equal(before[name], value) for name, value in inside.model.state_dict().items())
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in inside.model.modules())
    assert not inside.model.training


def test_hooks_go_also_when_the_network_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = world("people")
    inside.recorded.clear()
    monkeypatch.setattr(inside.model.decoder.to_rgb, "forward", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        inside.record(0)
    assert not any(module._forward_pre_hooks for module in inside.model.modules())
    assert inside.recorded == {}


def test_a_network_in_training_mode_is_refused() -> None:
    inside = world("edges")
    inside.model.train()
    try:
        with pytest.raises(ValueError, match=r"training mode.*call model.eval\(\) first"):
            Inside.open(inside.model, inside.studio.samples)
    finally:
        inside.model.eval()


def test_the_printed_numbers_add_up_to_the_modules_own_output(inside: Inside) -> None:
    rng = np.random.default_rng(1)
    for state in everywhere(inside):
        *_, out = own(inside, 0)[state.block, state.norm]
        for _ in range(6):
            x, y, k = (int(rng.integers(n)) for n in (*state.here.size[::-1], state.channels))
            chosen = state.with_channel(k).at(x, y)
            first, second = formula(maps_of(inside, chosen), inside.stage(chosen), chosen)
            normed, result = re.fullmatch(r"BN\(F\) = \(F - mean\) / deviation = (.*) = (\S+)", first).groups()
            assert printed(eval(normed), len(result.split(".")[1])) == result
            numbers, last = re.fullmatch(r"F_out = BN\(F\) \* \(1 \+ gamma\) \+ beta = (.*) = (\S+)", second).groups()
            places = len(last.split(".")[1])
            assert printed(eval(numbers), places) == last, "the printed numbers do not add up"
            assert printed(float(out[0, k, y, x]), places) == last, "not what the module gives"
            assert numbers.startswith(f"{result} * "), "both lines must speak of the same BN(F)"


def test_the_mean_over_a_group_adds_up_too(inside: Inside) -> None:
    for state in everywhere(inside):
        chosen = state.with_channel(state.channels - 1).averaged(True)
        each = state.channels // state.here.groups
        assert chosen.shown == range(state.channels - each, state.channels)
        _, line = formula(maps_of(inside, chosen), inside.stage(chosen), chosen)
        numbers, last = re.fullmatch(r" += (.*) = (\S+)", line).groups()
        x, y = chosen.pixel
        truth = own(inside, 0)[state.block, state.norm][2][0, -each:, y, x].double().mean()
        assert printed(eval(numbers), len(last.split(".")[1])) == last
        assert abs(float(truth) - float(last)) < 1e-3


def test_numbers_that_do_not_fit_are_not_printed() -> None:
    assert exact([1.00049, 2.0], lambda a, b: a * b, 2.00098) == ["1.0005", "2.0000", "2.001"]
    assert printed(-0.0001, 3) == "0.000"
    with pytest.raises(ArithmeticError, match="computes something else"):
        exact([1.0, 2.0], lambda a, b: a * b, 2.1)


@pytest.mark.parametrize("c", [0, 1, 2])
def test_switching_off_zeroes_the_masks_channels(inside: Inside, c: int) -> None:
    for state in everywhere(inside):
        _, mask, _ = own(inside, 0, plain=True)[state.block, state.norm]
        wide = mask.shape[1] // len(state.classes)
        silent = mask.clone()
        silent[:, c * wide : (c + 1) * wide] = 0
        norm = getattr(inside.model.decoder.blocks[state.block], state.norm)
        with torch.no_grad():
            gamma, beta = norm.modulation(silent)
        stage = inside.stage(state.switch(c, on=False))
        torch.testing.assert_close(stage.gamma, gamma[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(stage.beta, beta[0], rtol=1e-4, atol=1e-5)
        assert stage.whole is inside.stage(state)
        assert torch.equal(stage.before, stage.whole.before), "the features coming in must stay"
        assert not torch.equal(stage.gamma, stage.whole.gamma) or not (inside.labels(state) == c).any()


def test_a_group_hears_of_the_classes_that_its_gamma_has_a_gradient_from(inside: Inside) -> None:
    for block in inside.start().blocks:
        norm = inside.model.decoder.blocks[block.number].norm_0
        each = block.channels["norm_0"] // block.groups
        for group in range(block.groups):
            mask = torch.rand(1, inside.model.config.mask_channels, 5, 5, requires_grad=True)
            shown = norm.modulation(mask)[0][0, group * each : (group + 1) * each]
            (gradient,) = torch.autograd.grad(shown.abs().sum(), mask)
            wide = mask.shape[1] // len(inside.model.config.labels)
            heard = {m // wide for m in gradient.abs().sum((0, 2, 3)).nonzero().flatten().tolist()}
            assert heard <= set(block.hears[group]), "it hears of more classes than we say"
            dead = inside.model.config.norm_hidden[block.number] < 8  # a few hidden channels may all be off
            assert dead or heard == set(block.hears[group])
            assert block.hears[group] == heard_classes(inside.model.config, block.number, group)


def test_a_class_that_is_not_heard_of_changes_nothing_and_another_one_only_around_itself() -> None:
    inside = world("people")
    hair, top = (inside.model.config.labels.index(name) for name in ("hair", "top"))
    state = inside.start().with_block(1)
    each = state.channels // state.here.groups
    assert state.here.hears[hair] == (hair,)
    of_hair = state.with_channel(hair * each).averaged(True)
    assert not maps_of(inside, of_hair.switch(top, on=False)).change.any()
    assert (
        "this group does not hear of it"
        in describe(of_hair.switch(top, on=False), maps_of(inside, of_hair.switch(top, on=False)))[2]
    )

    large = state.with_block(3).with_channel(0).switch(top, on=False)
    while top not in large.hears:
        large = large.with_channel(large.channel + 1)
    maps = maps_of(inside, large)
    near = np.pad(maps.labels == top, 2)
    h, w = maps.labels.shape
    near = np.any([near[y : y + h, x : x + w] for y in range(5) for x in range(5)], axis=0)
    assert np.abs(maps.change[maps.labels == top]).mean() > 0.01
    assert np.abs(maps.change[~near]).max() < 1e-6
    assert "F_out changes in" in describe(large, maps)[2]


def test_bars_are_means_over_the_pixels_of_a_class(inside: Inside) -> None:
    for state in everywhere(inside)[-3:]:
        chosen = state.with_channel(state.channels - 1).switch(1, on=False)
        stage, maps = inside.stage(chosen), maps_of(inside, chosen)
        labels = torch.from_numpy(np.ascontiguousarray(maps.labels))
        for c in range(len(state.classes)):
            here = labels == c
            if not here.any():
                assert np.isnan(maps.by_class[c]).all()
                continue
            wanted = [float(t[-1][here].mean()) for t in (stage.gamma, stage.beta, stage.whole.gamma, stage.whole.beta)]
            np.testing.assert_allclose(maps.by_class[c], wanted, atol=1e-5)


def test_the_label_map_is_the_one_that_the_block_sees() -> None:
    inside = world("people")
    for state in everywhere(inside):
        mask = own(inside, 0, plain=True)[state.block, state.norm][1]
        np.testing.assert_array_equal(mask[0].argmax(0).numpy(), inside.labels(state))


def test_only_the_last_scenes_and_stages_are_kept() -> None:
    inside = world("people")
    inside.stages.clear()
    states = everywhere(inside)
    for state in states:
        inside.stage(state)
    assert len(inside.stages) == KEPT
    assert inside.stage(states[-1]) is inside.stage(states[-1])
    assert len(inside.recorded) <= KEPT


def test_states() -> None:
    start = world("people").start()
    assert start.here.size[0] >= 32
    assert start.pixel == (start.here.size[1] // 2, start.here.size[0] // 2)
    corner = start.at(0, 31).with_block(0)
    assert corner.pixel == (0, 3)
    assert corner.with_block(4).pixel == (8, 56)  # the middle of the small pixel
    short = start.with_block(3).with_norm("norm_s").with_channel(63)
    assert short.with_block(0).norm == "norm_0"
    assert short.with_block(0).channel == 252
    assert start.switch(2, on=False).switch(3, on=False).switch(2, on=True).off == {3}
    assert start.with_scene(2).switch(1, on=False).with_block(0).averaged(True).reset() == start
    for deed, words in (
        (lambda: start.with_scene(3), "Scenes are numbered 0 to 2, got 3"),
        (lambda: start.with_block(5), "Blocks are numbered 0 to 4, got 5"),
        (lambda: start.with_block(0).with_norm("norm_s"), "Block 0 has norm_0, norm_1, got 'norm_s'"),
        (lambda: start.with_channel(64), "numbered 0 to 63, got 64"),
        (lambda: start.at(32), "32 wide and 32 high"),
    ):
        with pytest.raises(Refused, match=words):
            deed()


def test_colours_are_white_at_zero_and_flat_beyond_the_ends() -> None:
    picture = diverging(np.array([[0.0, FEATURES, -FEATURES, 99.0, -99.0]]), FEATURES)
    assert [tuple(p) for p in picture[0]] == [STEPS[2], STEPS[4], STEPS[0], STEPS[4], STEPS[0]]
    fine = diverging(np.linspace(-4, 4, 801)[None], FEATURES)[0].astype(int)
    assert np.abs(np.diff(fine, axis=0)).max() <= 2, "no steps in the colours"


def test_the_maps_are_drawn_as_they_are_around_the_framed_pixel() -> None:
    inside = world("people")
    state = inside.start().at(0, 0)
    maps = maps_of(inside, state)
    pictures = tiles(state, inside, maps)
    each = pictures["after"].shape[0] // state.here.size[0]
    for name, values, end in (("after", maps.after, 4), ("normed", maps.normed, 4), ("gamma", maps.gamma, 2)):
        seen = pictures[name][each // 2 :: each, each // 2 :: each]
        np.testing.assert_array_equal(seen[4:], diverging(values, end)[4:])
    assert (pictures["after"][0, 0] != diverging(maps.after, 4)[0, 0]).any(), "the chosen pixel has no frame"


def test_missions() -> None:
    start = world("people").start()
    assert missions(start) == set()
    assert missions(start.with_block(4)) == {1}
    deaf = next(c for c in range(8) if c not in start.with_block(0).hears)
    assert missions(start.with_block(0).switch(deaf, on=False)) == {0}
    assert missions(start.switch(start.hears[0], on=False)) == {2}
