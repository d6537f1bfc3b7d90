"""Rendered people: the pictures depend on their seeds, and on each seed only where they should."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="rendering needs the extra `synth`")

from smis.datasets import Archive, people
from smis.labels import PEOPLE
from smis.synth import people as rendered
from smis.synth import raster
from smis.synth.body import bone_matrices, load_body, movements, skin
from smis.synth.build import build_archive, main
from smis.synth.people import Seeds, render_person, render_with_coverage
from smis.synth.pose import sample_pose
from smis.synth.styles import Surface, paint, paint_background

SMALL = 48


def test_seeds() -> None:
    seeds = Seeds.from_index("train", 5)
    assert seeds == Seeds.from_index("train", 5)
    assert len(seeds.styles) == len(PEOPLE)
    new = seeds.restyled({"top": 7, "hair": 8})
    assert (new.styles[4], new.styles[1]) == (7, 8)
    assert replace(new, styles=seeds.styles) == seeds
    with pytest.raises(ValueError, match="no class 'hat'"):
        seeds.restyled({"hat": 1})
    with pytest.raises(ValueError, match="one style seed for each of the 8 classes"):
        Seeds(1, (1, 2), 3)
    with pytest.raises(ValueError, match="not be negative"):
        Seeds(-1, (0,) * 8, 3)
    with pytest.raises(ValueError, match="train, val, test"):
        Seeds.from_index("all", 0)


def test_splits_share_no_seeds() -> None:
    counts = {"train": 5000, "val": 400, "test": 400}
    seen = [Seeds.from_index(split, i) for split, count in counts.items() for i in range(count)]
    assert len({s.geometry for s in seen}) == len(seen)
    assert len({s.styles for s in seen}) == len(seen)


def test_the_same_seeds_give_the_same_picture() -> None:
    seeds = Seeds.from_index("test", 1)
    first, second = render_person(seeds, SMALL), render_person(seeds, SMALL)
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    assert first[0].shape == (SMALL, SMALL, 3)
    assert first[1].shape == (SMALL, SMALL)
    assert first[0].dtype == first[1].dtype == np.uint8
    other = render_person(replace(seeds, geometry=seeds.geometry + 1), SMALL)
    assert not np.array_equal(first[1], other[1])
    with pytest.raises(ValueError, match="at least 16"):
        render_person(seeds, 8)


def test_another_style_changes_its_class_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """In two pictures with all eight classes, taken from whole figures to find them soon."""
    monkeypatch.setattr(rendered, "FRAMES", {"full": 1.0})
    pictures = ((s, *render_with_coverage(s, SMALL)) for s in (Seeds.from_index("test", i) for i in range(60)))
    complete = list(islice((picture for picture in pictures if (picture[2].max((1, 2)) > 8).all()), 2))
    assert len(complete) == 2
    for seeds, image, coverage in complete:
        assert coverage.sum(0).min() == coverage.sum(0).max() == 16
        for c, name in enumerate(PEOPLE.classes):
            new_image, new_coverage = render_with_coverage(seeds.restyled({name: 99}), SMALL)
            assert np.array_equal(coverage, new_coverage), name
            changed = (image != new_image).any(2)
            assert not (changed & (coverage[c] == 0)).any(), name
            assert changed.any(), name


def test_light_changes_the_image_only() -> None:
    seeds = Seeds.from_index("test", 3)
    image, labels = render_person(seeds, SMALL)
    new_image, new_labels = render_person(replace(seeds, light=77), SMALL)
    assert np.array_equal(labels, new_labels)
    assert not np.array_equal(image, new_image)


def test_every_class_is_drawn() -> None:
    seen = {c for i in range(14) for c in np.unique(render_person(Seeds.from_index("val", i), 32)[1])}
    assert seen == set(range(len(PEOPLE)))


def _mean_colours(same_seed: bool, count: int = 400) -> dict[str, np.ndarray]:
    """For each class the mean colour (count, 3) of many styles, and for the face the colour of its brows too."""
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.3, 0.3, (60, 3))
    brow = np.array([[0.03, -0.15, 0.751]]).repeat(20, 0)

    def surface(template: np.ndarray) -> Surface:
        n = len(template)
        return Surface(rng.uniform(0, 1, (n, 2)), template, np.full(n, 0.1), np.zeros(n, int), np.zeros(n))

    body, brows = surface(points), surface(brow)
    colours: dict[str, list[np.ndarray]] = {name: [] for name in [*PEOPLE.classes, "brows"]}
    for i in range(count):
        seeds = [i] * len(PEOPLE) if same_seed else Seeds.from_index("train", i).styles
        colours["background"].append(paint_background(seeds[0], 16).mean((0, 1)))
        for name, seed in zip(PEOPLE.classes[1:], seeds[1:]):
            colours[name].append(paint(name, seed, body)[0].mean(0))
        colours["brows"].append(paint("face", seeds[2], brows)[0].mean(0))
    return {name: np.array(values) for name, values in colours.items()}


@pytest.mark.parametrize("same_seed", [False, True])
def test_styles_of_different_classes_are_independent(same_seed: bool) -> None:
    colours = _mean_colours(same_seed)
    for a, b in combinations(colours, 2):
        if {a, b} == {"face", "brows"}:
            continue
        together = np.corrcoef(colours[a].T, colours[b].T)[:3, 3:]
        assert np.abs(together).max() < 0.22, (a, b)  # 400 independent pairs stay below 0.22 (4.4 standard errors)


def test_hands_stay_out_of_the_body() -> None:
    body = load_body()
    rng = np.random.default_rng(5)
    from smis.synth.pose import _torso_surface

    gaps = []
    for _ in range(12):
        shape, _female = body.sample(rng)
        matrices = sample_pose(body, shape, False, rng)
        tree, points, normals = _torso_surface(body, shape, matrices)
        for side in (".L", ".R"):
            bones = [body.bone(b + side) for b in ("wrist", "finger3-1", "finger3-3")]
            at = np.stack([matrices[b, :3, :3] @ shape.heads[b] + matrices[b, :3, 3] for b in bones])
            nearest = tree.query(at)[1]
            gaps.append(((at - points[nearest]) * normals[nearest]).sum(1).min())
    assert min(gaps) > -0.01
    assert np.mean(np.array(gaps) > 0.015) > 0.9


def test_the_rest_pose_moves_nothing() -> None:
    body = load_body()
    shape, _ = body.sample(np.random.default_rng(0))
    moved = skin(shape.vertices, movements(body, bone_matrices(body, shape.heads, {})))
    assert np.abs(moved - shape.vertices).max() < 2e-3  # weights are stored as float16


@pytest.mark.skipif(raster.njit is None, reason="needs numba")
def test_numpy_and_numba_draw_the_same_triangles() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-8, 40, (400, 3))
    faces = rng.integers(0, 400, (300, 3))
    faces = np.concatenate([faces, faces[:20]])  # exact ties: the first triangle must win
    keep = rng.uniform(-0.5, 1, (400, 2))
    ids, depths = raster._draw_numba(points, faces, keep, 32)
    ids_numpy, depths_numpy = raster._draw_numpy(points, faces, keep, 32)
    assert np.array_equal(ids, ids_numpy)
    assert np.array_equal(depths, depths_numpy)
    assert len(np.unique(ids)) > 20
    assert ids.max() < 300


def test_a_triangle_covers_its_pixels_and_keep_cuts_it() -> None:
    points = np.array([[0, 0, 1], [8, 0, 1], [0, 8, 1]], float)
    faces = np.array([[0, 1, 2]])
    ids, depths = raster.triangle_ids(points, faces, np.ones((3, 1)), 8)
    y, x = np.mgrid[0:8, 0:8]
    assert np.array_equal(ids == 0, x + y + 1 <= 8)
    assert np.allclose(depths[ids == 0], 1)
    cut, _ = raster.triangle_ids(points, faces, np.array([[-0.25], [0.75], [-0.25]]), 8)  # keep where x >= 2
    assert np.array_equal(cut == 0, (x + y + 1 <= 8) & (x >= 2))


def test_the_shipped_archive_is_what_the_code_draws() -> None:
    try:
        archive = people("test")
    except FileNotFoundError:
        pytest.skip("the data files are not here")
    losses = []
    for index in range(0, len(archive), 27):
        image, labels = archive[index]
        drawn, drawn_labels = render_person(Seeds.from_index("test", index))
        assert np.array_equal(labels, drawn_labels), index
        losses.append(np.abs(image.astype(int) - drawn).mean())
    assert max(losses) < 12  # WebP's loss: strong fine patterns lose most
    assert np.mean(losses) < 4


def test_archives_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    build_archive("people", "val", one, 3, 32, 1)
    main(["people", "--split", "val", "--out", str(two), "--count", "3", "--size", "32", "--jobs", "2"])
    assert one.read_bytes() == two.read_bytes()
    archive = Archive(one)
    assert len(archive) == 3
    assert np.array_equal(archive[2][1], render_person(Seeds.from_index("val", 2), 32)[1])
    assert sorted(tmp_path.iterdir()) == [one, two]


def test_framings_are_a_distribution() -> None:
    assert sum(rendered.FRAMES.values()) == pytest.approx(1)
