"""The controllers: the arithmetic of codes with known answers, the state's rules, the view without a browser."""

import threading

import ipywidgets as widgets
import numpy as np
import pytest
import torch

from smis import people
from smis.model import GroupDNet
from smis.priors import CodePrior
from smis_widgets import Controllers, Refused
from smis_widgets.base import parts
from smis_widgets.controllers.bench import Bench, figures, made, principal_axes, render
from smis_widgets.controllers.pictures import FULL, HEAT, heat
from smis_widgets.controllers.state import AXES, Choice, ControlState
from smis_widgets.drawing import Studio
from tests.unit.networks import shake, smoke
from tests.widgets.fake import COAT, HAT, SHOES, FakeModel, toys

SAMPLES = people("test").load(64, range(6))
TOP, HAIR = SAMPLES.label_set.index("top"), SAMPLES.label_set.index("hair")


def network(**changes: object) -> GroupDNet:
    torch.manual_seed(0)
    net = GroupDNet(smoke(**{f"model.{name}": value for name, value in changes.items()}).model).eval()
    shake(net.encoder)
    return net


def with_prior(net: GroupDNet) -> GroupDNet:
    codes = net.encode(*SAMPLES.tensors())
    net.prior = CodePrior(net.config.code_shape).fit(codes.values.detach(), codes.present)
    return net


@pytest.fixture
def panel() -> Controllers:
    return Controllers(FakeModel(), toys())


@pytest.fixture
def bench() -> Bench:
    return Bench(Studio.open(with_prior(network()), SAMPLES))


# --- state -----------------------------------------------------------------------------------------------------------
def state() -> ControlState:
    return ControlState(("sky", "sea", "sand"), ((True,) * 3, (True, True, False)))


def test_draws_take_seeds_that_were_not_used() -> None:
    one = state().draw(1)
    assert [choice.seed for choice in one.choices] == [None, 1, None]
    assert one.draw(1).choices[1].seed == 2
    assert one.draw(0, 40).draw(1).choices[1].seed == 41
    assert one.draw(0, 9999).draw(1).choices[1].seed == 0
    assert one.own(1).choices[1] == Choice()


def test_locked_classes_keep_their_code() -> None:
    locked = state().draw(1).lock(1)
    for deed in (
        lambda s: s.draw(1),
        lambda s: s.own(1),
        lambda s: s.steer(1, 0, 1.0),
        lambda s: s.truncate(1, 0.5),
        lambda s: s.plain(1),
    ):
        with pytest.raises(Refused, match="Sea is locked"):
            deed(locked)
    drawn = locked.draw_all()
    assert [choice.seed for choice in drawn.choices] == [2, 1, 2]
    assert locked.lock(1, False).draw(1).choices[1].seed == 2
    with pytest.raises(Refused, match="All classes are locked"):
        locked.lock(0).lock(2).draw_all()


def test_what_is_compared_with() -> None:
    moved = state().steer(1, 0, 2.0)
    assert moved.moved() == [1]
    assert moved.steer(1, 0, 0.0).moved() == []
    assert moved.draw(2).moved() == [1, 2]
    assert moved.compare().moved() == []
    assert moved.choose(2).moved() == []
    assert moved.look_at(1).moved() == []
    assert moved.look_at(1).choices == moved.choices
    assert moved.reset() == state()


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda s: s.steer(0, 4, 1.0), "numbered 1 to 4, not 5"),
        (lambda s: s.steer(0, 0, 3.5), "from −3 to 3 standard deviations, not to 3.5"),
        (lambda s: s.truncate(0, 1.5), "from 0 to 1, not to 1.5"),
        (lambda s: s.draw(0, -1), "from 0 to 9999, not -1"),
    ],
)
def test_what_makes_no_sense_is_refused(deed, words: str) -> None:
    with pytest.raises(Refused, match=words):
        deed(state())


def test_numbers_out_of_range_are_errors() -> None:
    with pytest.raises(ValueError, match="scenes are numbered 0 to 1, got 2"):
        state().look_at(2)
    with pytest.raises(ValueError, match="classes are numbered 0 to 2, got 3"):
        state().choose(3)


# --- codes -----------------------------------------------------------------------------------------------------------
def test_principal_axes_of_a_known_covariance() -> None:
    turn = torch.tensor([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    axes = principal_axes(torch.zeros(3), turn @ torch.diag(torch.tensor([9.0, 1.0, 0.0])) @ turn.T)
    torch.testing.assert_close(axes.deviations, torch.tensor([3.0, 1.0]))
    torch.testing.assert_close(axes.shares, torch.tensor([0.9, 0.1]))
    torch.testing.assert_close(axes.directions, torch.tensor([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0]]))  # largest positive


def test_axes_of_the_prior_are_those_of_its_covariance(bench: Bench) -> None:
    axes, prior = bench.axes(TOP), bench.prior
    assert prior is not None
    assert axes.directions.shape == (AXES, bench.length)
    covariance = prior.factor[TOP] @ prior.factor[TOP].T
    along = axes.directions @ covariance @ axes.directions.T
    torch.testing.assert_close(along, axes.deviations.square().diag(), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(axes.mean, prior.mean[TOP])
    whole = covariance.diagonal().sum()
    torch.testing.assert_close(axes.shares, axes.deviations.square() / whole, atol=1e-5, rtol=1e-4)


def test_axes_without_a_prior_are_those_of_the_gallerys_codes() -> None:
    bench = Bench(Studio.open(network(), SAMPLES))
    have = bench.studio.codes.present[:, TOP]
    codes = bench.studio.codes.values[have, TOP].flatten(1).double().numpy()
    _, strong, directions = np.linalg.svd(codes - codes.mean(0), full_matrices=False)
    axes = bench.axes(TOP)
    np.testing.assert_allclose(axes.deviations, strong[:AXES] / np.sqrt(len(codes) - 1), rtol=1e-3)
    np.testing.assert_allclose(np.abs((axes.directions.numpy() * directions[:AXES]).sum(1)), 1, atol=1e-3)
    assert bool((axes.mean == 0).all())  # N(0, 1)


def test_a_draw_is_the_priors(bench: Bench) -> None:
    noise = torch.randn(bench.length, generator=torch.Generator().manual_seed(1009 * 7 + TOP))
    everything = torch.zeros(1, *bench.shape)
    everything[0, TOP] = noise.view(bench.shape[1:])
    assert bench.prior is not None
    torch.testing.assert_close(bench.draw(TOP, 7), bench.prior(everything)[0, TOP].flatten())
    assert not torch.equal(bench.draw(TOP, 7), bench.draw(TOP, 8))
    plain = Bench(Studio.open(network(), SAMPLES))
    torch.testing.assert_close(plain.draw(TOP, 7), noise)


def test_truncation_pulls_to_the_mean(bench: Bench) -> None:
    mean = bench.axes(TOP).mean.view(bench.shape[1:])
    for seed in (None, 3):
        base = bench.code(TOP, Choice(seed), 0)
        torch.testing.assert_close(bench.code(TOP, Choice(seed, truncation=0.0), 0), mean)
        torch.testing.assert_close(bench.code(TOP, Choice(seed, truncation=0.25), 0), mean + 0.25 * (base - mean))
    assert torch.equal(bench.code(TOP, Choice(), 2), bench.studio.codes.values[2, TOP])


def test_an_axis_moves_the_code_by_standard_deviations(bench: Bench) -> None:
    axes = bench.axes(TOP)
    moved = bench.code(TOP, Choice(3, (0.0, 2.0, 0.0, -1.0)), 0) - bench.code(TOP, Choice(3), 0)
    expected = 2 * axes.deviations[1] * axes.directions[1] - axes.deviations[3] * axes.directions[3]
    torch.testing.assert_close(moved.flatten(), expected, atol=1e-4, rtol=1e-4)


def test_only_the_code_of_the_class_changes(bench: Bench) -> None:
    start = bench.start()
    codes = bench.codes(1, start.draw(TOP, 5).steer(TOP, 0, 1.0).truncate(TOP, 0.5).choices)
    same = (codes == bench.studio.codes.values[1:2]).flatten(2).all(2)[0]
    assert same.tolist() == [c != TOP for c in range(8)]


# --- pictures --------------------------------------------------------------------------------------------------------
def test_the_picture_is_the_networks_own_in_any_order(bench: Bench) -> None:
    """The renderer keeps what did not change: the way to a state must not be seen in its picture."""
    start, labels = bench.start(), torch.from_numpy(SAMPLES.labels).long()
    other = start.look_at(3).draw(HAIR, 2)
    for now in (
        start.steer(TOP, 0, 2.0),
        start.draw(HAIR, 4),
        other,
        start,
        start.look_at(3),
        other.steer(TOP, 1, -1.0),
        start.draw_all(),
    ):
        with torch.inference_mode():
            expected = bench.studio.model.decode(bench.codes(now.scene, now.choices), labels[now.scene][None])[0]
        np.testing.assert_allclose(bench.picture(now.scene, now.choices), expected.clamp(-1, 1), atol=2e-5, rtol=0)


def test_change_inside_and_outside_of_the_area(panel: Controllers) -> None:
    panel.choose("coat")
    assert panel.change == (0, 0)
    panel.steer(1, 1.0)
    inside, outside = panel.change
    axes, bench = panel.bench.axes(COAT), panel.bench
    before = bench.studio.codes.values[0, COAT].flatten()
    after = (before + axes.deviations[0] * axes.directions[0]).clamp(-1, 1)
    assert inside == pytest.approx(float((after - before).abs().mean()) * 127.5, rel=1e-4)
    assert outside == 0
    assert figures(panel.frame)[2] == "nothing outside"
    np.testing.assert_array_equal(panel.frame.stats["area"], toys().labels[0] == COAT)
    np.testing.assert_array_equal(panel.frame.stats["change"] > 0, toys().labels[0] == COAT)
    panel.resample("hat", 5)
    np.testing.assert_array_equal(panel.frame.stats["area"], np.isin(toys().labels[0], (HAT, COAT)))
    panel.compare()
    assert panel.change == (0, 0)


def test_change_elsewhere_is_counted_too(panel: Controllers) -> None:
    leaky = panel.studio.model.decode  # type: ignore[attr-defined]
    panel.studio.model.decode = lambda codes, labels: leaky(codes, labels) + 0.01 * codes[0, COAT, 0]  # type: ignore
    panel.bench._pictures.clear()
    panel.choose("coat")
    panel.steer(1, 2.0)
    inside, outside = panel.change
    assert inside is not None and outside is not None  # noqa: PT018
    assert 0 < outside < inside / 10
    assert ": 1" in figures(panel.frame)[2]


def test_the_heat_map_has_one_fixed_scale() -> None:
    change = np.array([[0.0, FULL / 2, FULL, 200.0]])
    colours = heat(change, np.zeros((1, 4), bool))
    np.testing.assert_array_equal(colours[0, 0], HEAT[0])
    np.testing.assert_array_equal(colours[0, 1], HEAT[2])
    np.testing.assert_array_equal(colours[0, 2], HEAT[-1])
    np.testing.assert_array_equal(colours[0, 2], colours[0, 3])
    area = np.zeros((7, 7), bool)
    area[1:6, 1:6] = True
    line = (heat(np.zeros((7, 7)), area) != HEAT[0]).any(2)
    assert line.sum() == 16
    assert not line[2:5, 2:5].any()


def test_pictures_are_not_decoded_twice(panel: Controllers) -> None:
    calls: list[int] = []
    decode = panel.studio.model.decode  # type: ignore[attr-defined]
    panel.studio.model.decode = lambda *args: calls.append(1) or decode(*args)  # type: ignore
    panel.steer(1, 1.0)
    assert len(calls) == 1  # the one before is there
    panel.lock()
    panel.compare()
    panel.choose("hat")
    assert len(calls) == 1


# --- the view --------------------------------------------------------------------------------------------------------
def test_a_slider_steers_the_chosen_class(panel: Controllers) -> None:
    panel.choose("coat")
    panel.view.axes[0].value = 1.5
    assert panel.state.choices[COAT].axes == (1.5, 0, 0, 0)
    assert panel.state.moved() == [COAT]
    assert "+1.5 on axis 1" in panel.status.value
    panel.view.truncation.value = 0.5
    assert panel.state.choices[COAT].truncation == 0.5
    panel.choose("hat")
    assert panel.view.axes[0].value == 0
    assert panel.view.truncation.value == 1
    panel.choose("coat")
    assert panel.view.axes[0].value == 1.5


def test_the_browsers_rounding_is_no_move(panel: Controllers) -> None:
    panel.steer(1, 0.52)
    panel.view.axes[0].value = 0.5
    assert panel.state.choices[panel.state.chosen].axes[0] == 0.52


def test_seed_another_and_own(panel: Controllers) -> None:
    panel.choose("coat")
    first = panel.image.copy()
    panel.view.seed.value = 7
    seven = panel.image.copy()
    assert (seven != first).any()
    assert panel.view.kind.value == "drawn"
    panel.view.another.click()
    assert panel.state.choices[COAT].seed == 8
    assert (panel.image != seven).any()
    panel.resample(seed=7)
    np.testing.assert_array_equal(panel.image, seven)
    panel.view.kind.value = "the scene's own"
    np.testing.assert_array_equal(panel.image, first)


def test_the_same_seed_is_another_code_in_another_class(panel: Controllers) -> None:
    assert not torch.equal(panel.bench.draw(HAT, 3), panel.bench.draw(COAT, 3))


def test_locks(panel: Controllers) -> None:
    panel.choose("coat")
    panel.view.lock.value = True
    assert panel.state.locked == {COAT}
    assert all(slider.disabled for slider in panel.view.axes)
    assert panel.view.another.disabled
    assert "smis-kept" in panel.view.chips.chips[COAT]._dom_classes
    panel.resample_all()
    assert [c for c, choice in enumerate(panel.state.choices) if choice.seed is None] == [COAT]
    panel.resample("coat")
    assert "Coat is locked" in panel.status.value
    panel.view.lock.value = False
    assert not panel.view.axes[0].disabled


def test_the_buttons(panel: Controllers) -> None:
    buttons = {b.description: b for b in parts(panel) if isinstance(b, widgets.Button) and b.description}
    assert set(buttons) == {"Reset", "Another", "As it was", "Another for all", "Compare from here"}
    panel.steer(1, 1.0)
    buttons["Another for all"].click()
    assert len(panel.state.moved()) == 4
    buttons["As it was"].click()
    assert panel.state.choices[panel.state.chosen] == Choice()
    buttons["Compare from here"].click()
    assert panel.state.moved() == []
    buttons["Reset"].click()
    assert panel.state == panel.bench.start()


def test_scenes_and_chips(panel: Controllers) -> None:
    panel.resample("hat", 3)
    panel.view.scenes.cells[2].click()
    assert panel.state.scene == 2
    assert panel.state.choices[HAT].seed == 3
    panel.view.scenes.field.value = "d"
    panel.view.chips.chips[SHOES].value = True
    assert panel.state.chosen == SHOES
    assert "shows no shoes" in panel.status.value
    assert panel.change == (None, 0)
    panel.resample()
    assert "the mean change is 0 of 255 in all of the picture" in panel.status.value
    assert "smis-unseen" in panel.view.chips.chips[SHOES]._dom_classes


def test_axes_that_are_not_there_cannot_be_moved(panel: Controllers) -> None:
    assert panel.view.axes[3].description == "no axis 4"  # codes of three numbers
    assert panel.view.axes[3].disabled
    assert panel.view.axes[0].description.startswith("axis 1, ")
    assert panel.view.axes[0].description.endswith(" %")


def test_one_image_alone_has_no_axes() -> None:
    panel = Controllers(FakeModel(), toys(2).first(1), strict=True)
    assert all(slider.disabled for slider in panel.view.axes)
    panel.resample()
    assert panel.change[0] > 0  # type: ignore[operator]


def test_one_code_for_the_whole_image() -> None:
    net = network(
        encoder_input="image", encoder_groups=1, controllers=1, latent_size=(1, 1), decoder_groups=(1, 8, 8, 4, 2, 1)
    )
    shake(net.decoder)
    panel = Controllers(net, SAMPLES, strict=True)
    assert repr(panel) == "Controllers(people, 6 scenes, 1 classes)"
    panel.resample()
    inside, outside = panel.change
    assert inside is not None
    assert inside > 0
    assert outside is None
    assert "every class that can be seen has another code" in panel.status.value
    assert panel.snapshot().width >= 900


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda p: p.scene("Z"), "they are called A to D"),
        (lambda p: p.choose("cape"), "its classes are: ground, hat, coat, shoes"),
        (lambda p: p.steer(1, 9.0), "not to 9."),
        (lambda p: p.steer(0, 1.0), "The axes are numbered 1 to 4, not 0."),
    ],
)
def test_wrong_requests_say_what_would_work(panel: Controllers, deed, words: str) -> None:
    before = panel.state
    deed(panel)
    assert words in panel.status.value
    assert panel.state == before


def test_a_fault_reaches_the_status_line_and_the_last_good_picture_stays(
    panel: Controllers, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.choose("coat")
    panel.view.axes[0].value = 1.0
    good, before = panel.view.now.image.copy(), panel.state
    panel.studio.model.fault = RuntimeError("the <network> broke")  # type: ignore[attr-defined]
    panel.view.axes[0].value = 2.0
    assert "RuntimeError: the &lt;network&gt; broke" in panel.status.value
    np.testing.assert_array_equal(panel.view.now.image, good)
    assert panel.state == before
    assert panel.view.axes[0].value == 1.0
    panel.studio.model.fault = None  # type: ignore[attr-defined]
    panel.view.axes[0].value = 2.0
    assert "RuntimeError" not in panel.status.value

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the callback broke")

    monkeypatch.setattr(panel, "truncate", broken)
    panel.view.truncation.value = 0.3
    assert "the callback broke" in panel.status.value
    assert panel.view.truncation.value == 1.0


def test_values_that_are_not_numbers_are_an_error(panel: Controllers) -> None:
    panel.studio.model.broken = True  # type: ignore[attr-defined]
    panel.steer(1, 1.0)
    assert "its checkpoint may be damaged" in panel.status.value


def test_strict_raises() -> None:
    panel = Controllers(FakeModel(), toys(), strict=True)
    panel.studio.model.fault = RuntimeError("broke")  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="broke"):
        panel.resample()


def test_repr_and_names(panel: Controllers) -> None:
    assert repr(panel) == "Controllers(toys, 4 scenes, 4 classes)"
    kinds = (widgets.Text, widgets.Button, widgets.ToggleButton, widgets.BoundedIntText, widgets.FloatSlider)
    controls = [p for p in parts(panel) if isinstance(p, kinds)]
    assert len(controls) == 1 + 4 + 1 + 4 + 1 + 1 + 1 + 3 + 5
    assert all(c.tooltip for c in controls)


def test_how_a_code_is_made_in_words() -> None:
    assert made(Choice()) == "the scene's own"
    words = made(Choice(3, (0.0, -1.5, 0.0, 0.0), 0.5))
    assert words == "drawn with seed 3, truncated to 0.50, then −1.5 on axis 2"


def test_snapshot_is_the_same_each_time_and_shows_the_choice(panel: Controllers) -> None:
    before = panel.snapshot()
    assert before.width >= 900
    assert before.tobytes() == panel.snapshot().tobytes()
    assert panel.snapshot(2).size == (2 * before.width, 2 * before.height)
    panel.steer(1, 2.0)
    assert before.tobytes() != panel.snapshot().tobytes()


def test_an_error_becomes_part_of_the_frame(panel: Controllers) -> None:
    panel.studio.model.fault = RuntimeError("no")  # type: ignore[attr-defined]
    frame = render(panel.state.draw(COAT), panel.bench)
    assert frame.image is None
    assert isinstance(frame.error, RuntimeError)


def test_close_leaves_no_widget_and_no_thread(panel: Controllers) -> None:
    threads = threading.active_count()
    inner = parts(panel)
    panel.close()
    panel.close()
    assert all(part.comm is None for part in inner)
    assert threading.active_count() == threads
    with pytest.raises(RuntimeError, match="is closed"):
        panel.reset()


def test_slow_work_shows_a_busy_mark(panel: Controllers, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    compute = panel.compute
    monkeypatch.setattr(panel, "compute", lambda state: seen.append(panel.busy.value) or compute(state))
    panel.resample()
    panel._took = 1.0
    panel.resample()
    assert [bool(text) for text in seen] == [False, True]
    assert panel.busy.value == ""
