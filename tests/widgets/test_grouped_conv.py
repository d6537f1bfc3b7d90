"""The grouped convolution explorer without a screen: connections and costs, checked against PyTorch itself."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from smis_widgets import Refused
from smis_widgets.grouped_conv import timing
from smis_widgets.grouped_conv.pictures import ROOM, SHOWN, Plan, draw, group_colour
from smis_widgets.grouped_conv.state import KERNELS, MAP, MOST, ConvState, Layer, describe
from smis_widgets.grouped_conv.view import missions

SOME = [Layer(a, b, g, k) for a, b, g, k in itertools.product((1, 4, 6, 8), (1, 6, 12), (1, 2, 3, 6), (1, 3))]


def module(layer: Layer) -> nn.Conv2d:
    return nn.Conv2d(
        layer.channels_in, layer.channels_out, layer.kernel, padding=layer.kernel // 2, groups=layer.groups
    )


@pytest.mark.parametrize("layer", SOME, ids=str)
def test_complains_exactly_where_pytorch_refuses(layer: Layer) -> None:
    try:
        module(layer)
        refused = False
    except ValueError:
        refused = True
    assert (layer.complaint is not None) == refused
    assert all(Layer(layer.channels_in, layer.channels_out, g, 1).complaint is None for g in layer.choices)


@pytest.mark.parametrize("layer", [x for x in SOME if x.complaint is None], ids=str)
def test_counts_and_connections_are_those_of_the_real_module(layer: Layer) -> None:
    conv = module(layer)
    assert layer.parameters == sum(p.numel() for p in conv.parameters())
    assert layer.weights == conv.weight.numel()
    # multiply-adds: every output number is a sum over the weights of its channel
    places = conv(torch.zeros(1, layer.channels_in, *MAP))[0].numel()
    assert layer.multiply_adds == places * conv.weight[0].numel()
    # an output sees the inputs that it has a gradient from
    nn.init.ones_(conv.weight)
    for o in range(layer.channels_out):
        maps = torch.ones(1, layer.channels_in, 3, 3, requires_grad=True)
        (gradient,) = torch.autograd.grad(conv(maps)[0, o].sum(), maps)
        seen = gradient.abs().sum((0, 2, 3)).nonzero().flatten().tolist()
        assert layer.linked(("output", o)) == seen
        assert all(o in layer.linked(("input", i)) for i in seen)


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (Layer(8, 8, 3), "8 channels in 3 groups: choose 1, 2, 4 or 8"),
        (Layer(8, 12, 8), "12 output channels in 8 groups: choose 1, 2 or 4"),
        (Layer(9, 12, 4), "9 input channels in 4 groups: choose 1 or 3"),
        (Layer(6, 10, 4), "6 input channels and 10 output channels in 4 groups: choose 1 or 2"),
        (Layer(1, 1, 2), "1 channel in 2 groups: choose 1"),
        (
            Layer(8, 9, 2),
            "9 output channels in 2 groups: only 1 group divides 8 and 9. Change a channel number, or choose 1",
        ),
    ],
)
def test_the_complaint_names_what_would_fit(layer: Layer, words: str) -> None:
    assert layer.complaint == words
    assert describe(ConvState(layer)) == [f"No such layer. {words}."]
    with pytest.raises(ValueError, match="no such layer"):
        layer.weights  # noqa: B018


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"channels_in": 0}, "channels_in must be an integer from 1 to 32, got 0"),
        ({"groups": MOST + 1}, "groups must be an integer from 1 to 32, got 33"),
        ({"channels_out": 2.0}, "channels_out must be an integer from 1 to 32, got 2.0"),
        ({"kernel": 2}, "kernel must be one of 1, 3, 5 or 7, got 2"),
    ],
)
def test_settings_outside_the_range_are_named(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Layer(**settings)
    with pytest.raises(Refused, match=words):
        ConvState(Layer()).with_settings(**settings)


def test_units_stand_in_one_row_for_the_slider() -> None:
    state = ConvState(Layer(4, 6, 2))
    units = [state.at(place).chosen for place in range(11)]
    assert units == [None, *(("input", i) for i in range(4)), *(("output", o) for o in range(6))]
    assert [state.look(unit).place for unit in units] == list(range(11))
    with pytest.raises(Refused, match="numbered 0 to 3, got 4"):
        state.look(("input", 4))
    with pytest.raises(Refused, match="got 'inside'"):
        state.look(("inside", 0))  # type: ignore[arg-type]


def test_a_chosen_unit_that_is_gone_is_let_go_and_reset_forgets_all() -> None:
    state = ConvState(Layer(8, 8, 4), start=Layer(8, 8, 4)).look(("output", 7))
    assert state.with_settings(channels_in=4).chosen == ("output", 7)
    assert state.with_settings(channels_out=4).chosen is None
    assert state.with_settings(groups=2).reset() == ConvState(Layer(8, 8, 4), start=Layer(8, 8, 4))


def test_words() -> None:
    state = ConvState(Layer())
    assert describe(state) == [
        "4 groups of 2 input and 2 output channels: 144 of 576 weights are there (1 in 4), "
        "the rest of the matrix is empty."
    ]
    assert describe(state.look(("output", 5)))[1] == "Output 5 (group 2) sees inputs 4 and 5: 2 of 8."
    assert describe(state.look(("input", 0)))[1] == "Input 0 (group 0) reaches outputs 0 and 1: 2 of 8."
    depthwise = state.with_settings(groups=8).look(("input", 3))
    assert describe(depthwise)[1] == "Input 3 (group 3) reaches output 3: 1 of 8."


@pytest.mark.parametrize("layer", [Layer(), Layer(4, 12, 2, 5), Layer(MOST, MOST, 8), Layer(1, 3, 1, 1)], ids=str)
def test_the_matrix_is_coloured_where_an_output_sees_an_input(layer: Layer) -> None:
    image, plan = draw(ConvState(layer), scale=2), Plan(layer)
    assert image.shape == (2 * SHOWN[1], 4 * SHOWN[0], 4)
    matrix = image[:, 2 * SHOWN[0] :]
    for o in range(layer.channels_out):
        for i in range(layer.channels_in):
            left, top, *_ = plan.cell(o, i)
            pixel = matrix[2 * top + 3, 2 * left + 3]
            if layer.sees(o, i):
                assert tuple(pixel[:3]) == group_colour(layer.group(("output", o)))
            else:
                assert pixel[3] == 0, "a zero block must be empty"


@pytest.mark.parametrize("side", ["input", "output"])
def test_looking_at_a_unit_fades_what_it_has_nothing_to_do_with(side: str) -> None:
    layer = Layer(8, 12, 4)
    state, plan = ConvState(layer).look((side, 3)), Plan(layer)  # type: ignore[arg-type]
    matrix = draw(state, scale=2)[:, 2 * SHOWN[0] :]
    for o in range(12):
        for i in range(8):
            left, top, *_ = plan.cell(o, i)
            strength = matrix[2 * top + 5, 2 * left + 5, 3]
            linked = layer.sees(o, i) and (o if side == "output" else i) == 3
            assert (strength == 255) == linked


@pytest.mark.parametrize("layer", [Layer(), Layer(3, 32, 1, 1), Layer(32, 2, 2), Layer(8, 8, 3)], ids=str)
def test_a_click_finds_what_is_drawn_there(layer: Layer) -> None:
    plan = Plan(layer)
    for side in ("input", "output"):
        for number in range(layer.width(side)):
            assert plan.unit_at(*plan.centre((side, number))) == (side, number)
    for o in range(layer.channels_out):
        left, top, right, bottom = plan.cell(o, layer.channels_in - 1)
        assert plan.row_at((left + right) / 2, (top + bottom) / 2) == ("output", o)
    left, top, *_ = plan.cell(0, 0)
    assert plan.row_at(left + 1, top - 4) == ("input", 0)
    assert plan.unit_at(SHOWN[0] / 2, SHOWN[1] / 2) is None
    assert plan.row_at(SHOWN[0] - 1, top + ROOM + 30) is None


def test_measures_the_real_convolution(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = timing.F.conv2d, []

    def spy(maps: torch.Tensor, weight: torch.Tensor, *rest: object, **more: object) -> torch.Tensor:
        out = real(maps, weight, *rest, **more)
        calls.append((tuple(maps.shape), tuple(weight.shape), more["groups"], tuple(out.shape)))
        return out

    monkeypatch.setattr(timing.F, "conv2d", spy)
    before = torch.random.get_rng_state()
    found = timing.measure(Layer(8, 16, 4, 5), seconds=0.01)
    assert 0 < found.grouped < 1
    assert 0 < found.dense < 1
    grouped, dense = calls[::2], calls[1::2]
    assert len(grouped) == len(dense) >= 6
    assert set(grouped) == {((1, 8, *MAP), (16, 2, 5, 5), 4, (1, 16, *MAP))}
    assert set(dense) == {((1, 8, *MAP), (16, 8, 5, 5), 1, (1, 16, *MAP))}
    assert torch.equal(before, torch.random.get_rng_state()), "the notebook's random numbers must not move"
    with pytest.raises(Refused, match="choose 1, 2, 4 or 8"):
        timing.measure(Layer(8, 8, 3))


def test_missions() -> None:
    assert missions(ConvState(Layer()), {}) == set()
    assert missions(ConvState(Layer(8, 8, 8)), {}) == {0}
    assert missions(ConvState(Layer(8, 4, 8)), {}) == set()
    assert missions(ConvState(Layer(12, 8, 4)), {}) == {1}
    assert missions(ConvState(Layer()), {Layer(32, 32, 8, 1): timing.Timing(1, 1)}) == {2}


def test_every_kernel_is_drawn_and_the_same_state_gives_the_same_picture() -> None:
    pictures = [draw(ConvState(Layer(kernel=k))) for k in KERNELS]
    assert len({picture.tobytes() for picture in pictures}) == len(KERNELS)
    np.testing.assert_array_equal(pictures[0], draw(ConvState(Layer(kernel=1))))
