"""Faces: shapes and expressions vary and stay sound; styles vary and paint every face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="rendering needs the extra `synth`")

from smis.labels import PEOPLE
from smis.synth import heads
from smis.synth.body import Shape, bone_matrices, load_body
from smis.synth.faces import EYEBALL, TEETH, sample_look
from smis.synth.heads import EXPRESSIONS, OUTLINES, sample_expression, sample_face, with_face
from smis.synth.people import Seeds, render_with_coverage
from smis.synth.pose import sample_pose
from smis.synth.styles import Surface, paint

BODY = load_body()
LIPS = np.flatnonzero(BODY.lips > 0.9)
CORNERS = LIPS[[BODY.template[LIPS, 0].argmin(), BODY.template[LIPS, 0].argmax()]]
CHEEKS = (np.abs(BODY.template[:, 2] - 0.66) < 0.006) & (BODY.head_weight > 0.9)
MIDDLE = (np.abs(BODY.template[:, 0]) < 0.003) & (BODY.template[:, 1] < -0.14)
NOSE = np.flatnonzero(MIDDLE & (np.abs(BODY.template[:, 2] - 0.69) < 0.003))[0]
BROW = np.flatnonzero(MIDDLE & (np.abs(BODY.template[:, 2] - 0.7425) < 0.003))[0]


def _measures(vertices: np.ndarray) -> list[float]:
    """Millimetres: the width of the jaw and of the mouth, how long and how deep the nose is."""
    nose = (vertices[BROW] - vertices[NOSE]) * 1000
    return [np.ptp(vertices[CHEEKS, 0]) * 1000, np.ptp(vertices[CORNERS, 0]) * 1000, nose[2], nose[1]]


def test_every_displacement_is_there_and_the_chances_add_up() -> None:
    for side in (0, 1):
        assert sum(chance[side] for chance in OUTLINES.values()) == pytest.approx(1)
    assert sum(chance for chance, _ in EXPRESSIONS.values()) == pytest.approx(1)
    shift = BODY.face_shift({"chin-width": 0.5, "nose-hump": 1.0})
    assert np.allclose(shift, 0.5 * BODY.face_shift({"chin-width": 1}) + BODY.face_shift({"nose-hump": 1}))
    with pytest.raises(KeyError, match="no face displacement 'nose'; there are head-oval"):
        BODY.face_shift({"nose": 1})


def test_faces_vary_and_female_and_male_shapes_overlap() -> None:
    """On one and the same body, so that all of the spread is the faces'."""
    measured = {}
    for female in (True, False):
        rng = np.random.default_rng(3)
        measured[female] = np.array(
            [_measures(BODY.template + BODY.face_shift(sample_face(female, rng))) for _ in range(150)]
        )
        assert (measured[female].std(0) > [2, 2.5, 2.5, 2]).all(), measured[female].std(0)
    gap = np.abs(measured[True].mean(0) - measured[False].mean(0)) / measured[True].std(0)
    assert gap.max() > 0.5
    assert gap.max() < 2


def test_a_smile_lifts_the_corners_of_the_mouth() -> None:
    lifts = []
    for seed in range(80):
        shift = BODY.face_shift(sample_expression(np.random.default_rng(seed)))
        lifts.append(1000 * (shift[CORNERS, 2].mean() - shift[LIPS, 2].mean()))
    assert np.quantile(lifts, 0.05) > 0  # nobody's mouth hangs
    assert np.ptp(lifts) > 4


def test_faces_neither_fold_nor_lose_their_eyes() -> None:
    faces = BODY.faces["body"]
    faces = faces[(BODY.head_weight[faces].min(1) > 0.9) & (BODY.template[faces][:, :, 1].max(1) < -0.05)]

    def areas(vertices: np.ndarray) -> np.ndarray:
        a, b, c = (vertices[faces[:, k]] for k in range(3))
        return np.cross(b - a, c - a)

    eye = np.unique(BODY.faces["l-eye"])
    off = np.linalg.norm(BODY.template - BODY.template[eye].mean(0), axis=1)
    place = BODY.template - BODY.template[eye].mean(0)
    skin = np.isin(np.arange(len(off)), BODY.faces["body"])
    edge = skin & (off > 0.0151) & (off < 0.0158) & (np.abs(place[:, 2]) < 0.006) & (place[:, 1] < -0.0095)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shape, female = BODY.sample(rng)
        head = with_face(BODY, shape, female, rng)
        before, after = areas(shape.vertices), areas(head.vertices)
        turned = (before * after).sum(1) < 0
        size = np.linalg.norm(after, axis=1)
        assert size[turned].sum() < 0.005 * size.sum(), seed  # a few small triangles inside the mouth
        centre = head.vertices[eye].mean(0)
        assert np.allclose(head.heads[BODY.bone("eye.L")], centre)
        ball = np.linalg.norm(head.vertices[eye] - centre, axis=1).max()
        to_lids = 1000 * (np.linalg.norm(head.vertices[edge] - centre, axis=1) - ball)
        assert to_lids.min() > -3, seed  # the lids' edges lie on the eyeball
        assert to_lids.max() < 4, seed


def test_teeth_are_seen_in_open_smiles(monkeypatch: pytest.MonkeyPatch) -> None:
    from smis.synth import people

    seen = {}
    painted = people.paint

    def count(name: str, seed: int, surface: Surface) -> tuple[np.ndarray, np.ndarray]:
        if name == "face":
            seen[kind] = seen.get(kind, 0) + int((surface.part == TEETH).sum())
        return painted(name, seed, surface)

    monkeypatch.setattr(people, "FRAMES", {"bust": 1.0})
    monkeypatch.setattr(people, "paint", count)
    for kind in ("calm", "open smile"):
        monkeypatch.setattr(heads, "EXPRESSIONS", {kind: (1.0, EXPRESSIONS[kind][1])})
        for index in range(6):
            render_with_coverage(Seeds.from_index("test", index), 64)
    assert seen["open smile"] > 40
    assert seen["calm"] < 0.05 * seen["open smile"]


def test_heads_turn_back_to_the_camera() -> None:
    shape = Shape(BODY.template, BODY.template_heads)

    def facing(bone: str, yaw: float, seed: int) -> float:
        matrix = sample_pose(BODY, shape, False, np.random.default_rng(seed), yaw)[BODY.bone(bone)]
        ahead = matrix[:3, :3] @ np.array([0, -1.0, 0])
        return float(np.rad2deg(np.arctan2(ahead[0], -ahead[1])))

    turns = np.array([[facing(bone, 40.0, seed) for bone in ("head", "eye.L")] for seed in range(12)])
    head, eye = turns.mean(0)
    assert -38 < head < -8
    assert eye < head - 3
    assert np.allclose(bone_matrices(BODY, shape.heads, {}), np.eye(4))


@pytest.mark.parametrize("index", [3, 15])
def test_a_face_style_changes_the_face_alone(index: int) -> None:
    seeds = Seeds.from_index("test", index)
    image, coverage = render_with_coverage(seeds, 48)
    face = coverage[PEOPLE.index("face")]
    assert face.any()
    for style in range(5):
        new_image, new_coverage = render_with_coverage(seeds.restyled({"face": style}), 48)
        assert np.array_equal(coverage, new_coverage)
        assert not (image != new_image).any(2)[face == 0].any()
    other = render_with_coverage(replace(seeds, geometry=seeds.geometry + 1), 48)[1]
    assert not np.array_equal(coverage, other)


def test_face_styles_vary_and_beards_are_few() -> None:
    looks = [sample_look(np.random.default_rng(seed)) for seed in range(500)]
    assert 0.04 < np.mean([look.beard.any() for look in looks]) < 0.12
    assert 0.08 < np.mean([look.freckles > 0 for look in looks]) < 0.2
    for name in ("brow_thick", "brow_arch", "brow_high", "age", "lash"):
        values = np.array([getattr(look, name) for look in looks])
        assert values.std() > 0.1 * np.ptp(values) > 0, name
    for name in ("tone", "lips", "iris", "brow"):
        assert np.array([getattr(look, name) for look in looks]).std(0).min() > 0.05, name


def test_eyes_and_teeth_are_painted_where_they_are() -> None:
    """An iris is not white, the white beside it and teeth are."""
    eye = BODY.template[np.unique(BODY.faces["l-eye"])].mean(0)
    off = np.array([[0.004, -0.0132, 0], [0.009, -0.0105, 0]])
    places = np.concatenate([eye + off, [[0, -0.14, 0.672]]])
    parts = np.array([EYEBALL, EYEBALL, TEETH])
    for seed in range(20):
        surface = Surface(np.zeros((3, 2)), places, np.ones(3), parts, np.zeros(3))
        colours, gloss = paint("face", seed, surface)
        assert np.array_equal(colours, paint("face", seed, surface)[0])
        assert colours.min() >= 0
        assert colours.max() <= 1
        assert (gloss > 0).all()
        assert colours[0].min() < 0.6
        assert colours[1].min() > 0.6
        assert colours[2].min() > 0.9
