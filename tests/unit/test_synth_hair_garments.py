"""Hair and garments of rendered people: every cut can be built, hems are level, prints run on over the waist."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="rendering needs the extra `synth`")

from smis.synth import hair, haircuts
from smis.synth.body import load_body
from smis.synth.garments import MARGIN, Fit, build_outfit, sample_outfit
from smis.synth.haircuts import Cut, sample_cut
from smis.synth.layers import TORSO, Layer, fabric_uv
from smis.synth.styles import Surface, paint


def _drawn(layer: Layer) -> np.ndarray:
    """The vertices of a layer that are not cut away."""
    return np.flatnonzero((layer.keep >= 0).all(1) & np.isin(np.arange(len(layer.rest)), layer.faces))


@pytest.mark.parametrize(
    ("female", "kind"), [(sex, kind) for sex in (False, True) for kind in (haircuts.FEMALE if sex else haircuts.MALE)]
)
def test_every_hair_cut_can_be_built(female: bool, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = load_body()
    rng = np.random.default_rng(3)
    shape, _ = body.sample(rng)
    monkeypatch.setattr(haircuts, "FEMALE" if female else "MALE", {kind: 1.0})
    for _ in range(4):
        layers = hair.build_hair(body, shape, female, rng)
        assert bool(layers) == (kind != "bald")
        for layer in layers:
            assert layer.label == "hair"
            assert np.isfinite(layer.rest).all()
            assert layer.uv.shape == (len(layer.faces), 3, 2)
            assert len(layer.rest) == len(layer.template) == len(layer.keep) == len(layer.source)
            drawn = _drawn(layer)
            assert len(drawn) > 50
            eyes = (np.abs(layer.template[drawn, 0]) < 0.04) & (np.abs(layer.template[drawn, 2] - 0.728) < 0.01)
            assert not (eyes & (layer.template[drawn, 1] < -0.1)).any(), "hair before the eyes"
        if kind == "long":
            assert layers[1].template[_drawn(layers[1]), 2].min() < 0.5
        if kind in ("pigtails", "ponytail"):
            assert len(layers) == (3 if kind == "pigtails" else 2)


def test_chances_of_cuts_are_a_distribution() -> None:
    for chances in (haircuts.FEMALE, haircuts.MALE):
        assert sum(chances.values()) == pytest.approx(1)
    rng = np.random.default_rng(0)
    bald = [sample_cut(False, rng) is None for _ in range(500)]
    assert 0 < np.mean(bald) < 0.05


def test_a_hairline_is_uneven_and_recedes() -> None:
    body = load_body()
    shape, _ = body.sample(np.random.default_rng(1))

    def area(cut: Cut) -> int:
        return len(_drawn(hair.build_cut(body, shape, cut, 5)[0]))

    plain = Cut(serration=0.0)
    assert area(replace(plain, recede=0.03)) < area(plain)
    assert area(replace(plain, strip=0.03)) < 0.6 * area(plain)
    assert area(replace(plain, fringe="straight")) > area(plain)
    smooth, uneven = (hair.build_cut(body, shape, replace(plain, serration=s), 5)[0].keep for s in (0.0, 0.01))
    assert 0.001 < np.abs(smooth - uneven).mean() < 0.01


def test_strands_run_down_from_the_parting() -> None:
    flat = np.array([[-0.06, -0.05], [-0.02, -0.05], [0.02, -0.05], [0.06, -0.05]])
    across, along = hair._strands(flat, Cut(flow="parted"))
    assert along == pytest.approx([0.06, 0.02, 0.02, 0.06])
    assert across[0] == across[1] == -across[2] == -across[3]


def test_roots_are_darker() -> None:
    rng = np.random.default_rng(0)
    across = rng.uniform(0, 1, 300)

    def brightness(along: float) -> float:
        points = Surface(
            np.stack([across, np.full(300, along)], 1),
            np.full((300, 3), 0.8),
            np.ones(300),
            np.zeros(300, int),
            np.zeros(300),
        )
        return float(np.mean([paint("hair", seed, points)[0].mean() for seed in range(30)]))

    assert brightness(0.0) < 0.75 * brightness(0.04)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hems_are_level_on_every_figure(seed: int) -> None:
    body = load_body()
    rng = np.random.default_rng(seed)
    shape, female = body.sample(rng)
    fit = Fit(body, shape, sample_outfit(female, rng), np.zeros_like(shape.vertices), 0.1)
    order = np.argsort(shape.vertices[:, 2])
    assert (np.diff(fit.height[order]) >= 0).all()  # one height on the figure is one height in the template's metres
    for joint in ("lowerleg01.L", "upperleg01.L", "head"):
        at = shape.vertices[:, 2] - shape.heads[body.bone(joint), 2]
        nearest = int(np.abs(at).argmin())
        assert fit.height[nearest] - at[nearest] == pytest.approx(body.head(joint)[2], abs=2e-3)
    thigh = np.unique(body.faces["tights"])
    thigh = thigh[(body.template[thigh, 0] > 0) & (np.abs(fit.along_leg[thigh] + 0.2) < 0.01)]
    hip, ankle = (shape.heads[body.bone(b)] for b in ("upperleg01.L", "foot.L"))
    spread = np.ptp((shape.vertices[thigh] - ankle) @ (hip - ankle) / np.linalg.norm(hip - ankle))
    assert len(thigh) > 5
    assert spread < 0.025


def test_no_skin_shows_at_the_waist() -> None:
    body = load_body()
    rng = np.random.default_rng(0)
    z = body.template[:, 2]
    torso = (z > 0.0) & (z < 0.2) & (body.arm_weight < 0.05)
    tights = np.isin(np.arange(len(z)), body.faces["tights"])
    for _ in range(60):
        shape, female = body.sample(rng)
        outfit = sample_outfit(female, rng)
        if outfit.hem > 0.2 and not (outfit.tucked or outfit.coat):
            continue  # a crop top
        _, hidden = build_outfit(body, shape, outfit, rng)
        assert np.max(hidden, 0)[torso & tights].min() > -MARGIN, outfit


def test_prints_run_on_over_the_waist_of_a_dress() -> None:
    body = load_body()
    rng = np.random.default_rng(0)
    shape, _ = body.sample(rng)
    outfit = replace(sample_outfit(True, rng), bottom="none", coat=False)
    layers, _ = build_outfit(body, shape, outfit, rng)
    top, skirt = (layer for layer in layers if layer.label == "top")
    for layer in (top, skirt):
        t = layer.template[layer.faces]
        waist = (np.abs(t[:, :, 2] - 0.13) < 0.03).all(1) & (np.abs(t[:, :, 0]) < 0.2).all(1)
        assert waist.sum() > 10
        turns = layer.uv[waist][:, :, 0] / TORSO - np.arctan2(t[waist][:, :, 0], -(t[waist][:, :, 1] + 0.01))
        assert np.allclose(turns / (2 * np.pi), np.round(turns / (2 * np.pi)), atol=1e-6)
        assert np.allclose(layer.uv[waist][:, :, 1], t[waist][:, :, 2])


def test_prints_are_not_squeezed_on_the_back() -> None:
    body = load_body()
    t, uv = body.template[body.faces["tights"]], fabric_uv(body, "tights")
    back = (t[:, :, 1] > 0.0).all(1) & (t[:, :, 2] > 0.4).all(1) & (np.abs(t[:, :, 0]) < 0.1).all(1)
    wide = np.ptp(t[back][:, :, 0], axis=1)
    stretch = np.ptp(uv[back][:, :, 0], axis=1)[wide > 0.005] / wide[wide > 0.005]
    assert len(stretch) > 50
    assert 0.5 < stretch.min() < stretch.max() < 4
