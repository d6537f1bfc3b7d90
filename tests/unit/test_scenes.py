"""Rendered rooms and streets: exact restyling, independent styles, and solids that are what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("scipy", reason="rendering needs the extra `synth`")

from smis.datasets import Archive
from smis.datasets.archive import world as archive_of
from smis.labels import ROOMS, STREETS
from smis.synth import daylight, room_styles, scene, solids, street_styles
from smis.synth.build import build_archive, main
from smis.synth.scene import Builder, Camera, Painter, Surface, paint_class, shoot
from smis.synth.seeds import Seeds
from smis.synth.worlds import WORLDS, World, world

SMALL = 48
BUILT = [world("rooms"), world("streets")]
PAINTERS: dict[str, Mapping[str, Painter]] = {"rooms": room_styles.PAINTERS, "streets": street_styles.PAINTERS}
both = pytest.mark.parametrize("here", BUILT, ids=lambda w: w.name)


def test_worlds_by_name() -> None:
    assert list(WORLDS) == ["people", "rooms", "streets"]
    with pytest.raises(ValueError, match="no world 'forests'; the worlds are: people, rooms, streets"):
        world("forests")


@both
def test_seeds_share_nothing_between_splits(here: World) -> None:
    seen = [
        here.seeds(split, i) for split, count in {**here.counts, "swap": here.swap[0]}.items() for i in range(count)
    ]
    assert len({s.geometry for s in seen}) == len(seen)
    assert len({s.styles for s in seen}) == len(seen)
    assert all(len(s.styles) == len(here.label_set) for s in seen[:5])


@both
def test_the_same_seeds_give_the_same_picture(here: World) -> None:
    seeds = here.seeds("test", 1)
    image, labels = here.render(seeds, SMALL)
    again, labels_again = here.render(seeds, SMALL)
    assert np.array_equal(image, again)
    assert np.array_equal(labels, labels_again)
    assert image.shape == (SMALL, SMALL, 3)
    assert image.dtype == labels.dtype == np.uint8
    other = here.render(replace(seeds, geometry=seeds.geometry + 1), SMALL)
    assert not np.array_equal(labels, other[1])
    lit = here.render(replace(seeds, light=seeds.light + 1), SMALL)
    assert np.array_equal(labels, lit[1])
    assert not np.array_equal(image, lit[0])
    with pytest.raises(ValueError, match="at least 16"):
        here.render(seeds, 8)


@both
@pytest.mark.parametrize("index", [2, 3, 7, 9])
def test_another_style_changes_its_class_and_nothing_else(here: World, index: int) -> None:
    seeds = here.seeds("test", index)
    names = here.label_set.classes
    versions = [seeds, *(seeds.restyled({name: 99}) for name in names)]
    (image, coverage), *others = here.render_styles(versions, SMALL)
    assert coverage.sum(0).min() == coverage.sum(0).max() == 16
    for number, (name, (new_image, new_coverage)) in enumerate(zip(names, others)):
        assert np.array_equal(coverage, new_coverage), name
        changed = (image != new_image).any(2)
        assert not (changed & (coverage[number] == 0)).any(), name
        if (coverage[number] > 8).sum() > 40:
            assert changed.any(), name
    alone = next(here.render_styles([versions[1]], SMALL))[0]
    assert np.array_equal(alone, others[0][0])


@both
def test_only_styles_may_differ_in_one_shot(here: World) -> None:
    seeds = here.seeds("test", 0)
    with pytest.raises(ValueError, match="same geometry and light"):
        list(here.render_styles([seeds, replace(seeds, light=1)], 16))


@both
def test_every_class_is_drawn_often_enough(here: World) -> None:
    count = 24
    seen = np.zeros(len(here.label_set))
    for index in range(count):
        seen[np.unique(here.render(here.seeds("train", index), 32)[1])] += 1
    least = {"door": 0.08, "plant": 0.12, "sign": 0.15, "mountain": 0.2, "fence": 0.3, "lamp": 0.3, "curtain": 0.25}
    for name, share in zip(here.label_set.classes, seen / count):
        assert share >= least.get(name, 0.3), name


def _mean_colours(name: str, same_seed: bool, count: int) -> dict[str, np.ndarray]:
    """For each class the mean colour (count, 3) of many styles on the same points."""
    here, rng = world(name), np.random.default_rng(0)
    points = rng.uniform(-1, 1, (90, 3)).astype(np.float32) + np.array([0, 0, 1], np.float32)
    part = np.arange(90) % 3
    what = Surface(points[:, :2] * 2 + 2, points, points, part, part)
    colours: dict[str, list[np.ndarray]] = {kind: [] for kind in here.label_set.classes}
    for i in range(count):
        styles = [i] * len(colours) if same_seed else here.seeds("train", i).styles
        for kind, seed in zip(colours, styles):
            colours[kind].append(paint_class(PAINTERS[name], here.label_set, kind, seed, what).colour.mean(0))
    return {kind: np.array(values) for kind, values in colours.items()}


@pytest.mark.parametrize("same_seed", [False, True])
@pytest.mark.parametrize("name", ["rooms", "streets"])
def test_styles_of_different_classes_are_independent(name: str, same_seed: bool) -> None:
    colours = _mean_colours(name, same_seed, 300)
    for a, b in combinations(colours, 2):
        together = np.corrcoef(colours[a].T, colours[b].T)[:3, 3:]
        assert np.abs(together).max() < 0.29, (a, b)  # 5 standard errors of 300 independent pairs


@both
def test_painters_know_nothing_but_their_random_stream(here: World) -> None:
    """The same stream gives the same paint, whatever was painted before, and colours in 0..1."""
    points = np.random.default_rng(0).uniform(0, 3, (50, 3)).astype(np.float32)
    part = np.arange(50) % 4
    what = Surface(points[:, :2], points, points, part, part)
    for name in here.label_set.classes:
        for seed in range(8):
            paints = [paint_class(PAINTERS[here.name], here.label_set, name, k, what) for k in (seed, seed + 1, seed)]
            first, second = paints[0], paints[2]
            assert np.array_equal(first.colour, second.colour), name
            assert first.colour.min() >= 0, name
            assert first.colour.max() <= 1, name
            assert first.gloss.shape == first.glow.shape == (50,)


@both
def test_without_numba_the_picture_is_the_same(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = here.seeds("test", 4)
    image, coverage = next(here.render_styles([seeds], 32))
    for module in (scene, daylight):
        monkeypatch.setattr(module, "njit", None)
    plain, plain_coverage = next(here.render_styles([seeds], 32))
    assert np.array_equal(coverage, plain_coverage)
    assert np.abs(image.astype(int) - plain).max() <= 1


@both
def test_the_shipped_archive_is_what_the_code_draws(here: World) -> None:
    archive = archive_of(here.name, "test")
    assert archive.label_set == here.label_set
    losses = []
    for index in range(0, len(archive), 37):
        image, labels = archive[index]
        drawn, drawn_labels = here.render(here.seeds("test", index))
        assert np.array_equal(labels, drawn_labels), index
        losses.append(np.abs(image.astype(int) - drawn).mean())
    assert max(losses) < 15  # WebP's loss: strong fine patterns lose most
    assert np.mean(losses) < 7


def test_archives_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    build_archive("rooms", "val", one, 2, 32, 1)
    main(["rooms", "--split", "val", "--out", str(two), "--count", "2", "--size", "32", "--jobs", "2"])
    assert one.read_bytes() == two.read_bytes()
    assert np.array_equal(Archive(one)[1][1], world("rooms").render(Seeds.from_index("val", 1, ROOMS), 32)[1])


# --- solids and the camera ----------------------------------------------------------------------------------


def _area(mesh: solids.Mesh) -> float:
    a, b, c = (mesh.corners[:, k] for k in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def _volume(mesh: solids.Mesh) -> float:
    """Of a solid that is convex around its middle: its faces may be turned either way."""
    corners = mesh.corners - mesh.corners.reshape(-1, 3).mean(0)
    return float(np.abs(np.einsum("mi,mi->m", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))).sum() / 6)


def test_a_box_has_its_size_and_its_uv_are_metres() -> None:
    mesh = solids.box(2, 3, 4)
    assert _area(mesh) == pytest.approx(2 * (2 * 3 + 3 * 4 + 2 * 4))
    assert _volume(mesh) == pytest.approx(24)
    assert mesh.corners.min((0, 1)).tolist() == [-1, -1.5, 0]
    edges = np.linalg.norm(mesh.corners[:, 0] - mesh.corners[:, 1], axis=1)
    assert np.allclose(edges, np.linalg.norm(mesh.uv[:, 0] - mesh.uv[:, 1], axis=1))


def test_round_solids_have_about_their_volume() -> None:
    rng = np.random.default_rng(0)
    assert _volume(solids.lump(2, 2, 2, rng, 0.0, 24)) == pytest.approx(4 / 3 * np.pi, rel=0.02)
    assert _volume(solids.tube(1, 1, 2, 60)) == pytest.approx(2 * np.pi, rel=0.02)
    assert 0.8 < _volume(solids.cushion(1, 2, 0.5, 0.05, 12.0)) < 1.0


def test_copies_are_moved_and_turned() -> None:
    mesh = solids.box(1, 2, 1)
    two = solids.copies(mesh, np.array([[5, 0, 0], [0, 7, 0]], float), np.array([90, 0]))
    first, second = np.split(two.corners, 2)
    assert np.ptp(first.reshape(-1, 3), axis=0) == pytest.approx([2, 1, 1])
    assert np.allclose(first, mesh.at(5, 0, 0, 90).corners)
    assert np.allclose(second, mesh.at(0, 7, 0).corners)


def test_near_things_hide_far_ones_also_when_cut_by_the_camera() -> None:
    """A floor that reaches behind the camera, a wall at 10 m that covers the upper half, a box before it."""
    b = Builder(STREETS)
    b.add(solids.rectangle((-50, -20, 0), (100, 0, 0), (0, 100, 0)), "road")
    b.add(solids.rectangle((-50, 10, 0), (100, 0, 0), (0, 0, 50)), "building")
    b.add(solids.box(2, 2, 3).at(0, 6, 0), "car")
    camera = Camera(np.array([0, 0, 1.5]), 0, 90, 0.5)
    seeds = Seeds.from_index("test", 0, STREETS)
    light = world("streets")
    assert light.label_set is STREETS
    from smis.synth.streets import sample_daylight

    shot = shoot(b.scene(camera), sample_daylight(0, camera), STREETS, 64)
    coverage = shot.coverage()
    labels = coverage.argmax(0)
    road, building, car = (STREETS.index(n) for n in ("road", "building", "car"))
    assert (labels[:20] == building).all()
    assert (labels[42:, :20] == road).all()  # the floor meets the wall 1.5 m below the eye, 10 m away: 4.8 pixels
    assert (labels[33] == car).sum() == pytest.approx(2 / 5 * 32, abs=1)  # 2 m wide, its front 5 m away
    assert shot.paint(street_styles.PAINTERS, seeds).shape == (64, 64, 3)


# --- palettes -----------------------------------------------------------------------------------------------

# Machado, Oliveira and Fernandes (2009), "A physiologically-based model for simulation of color vision deficiency",
# severity 1, for linear RGB
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]


def _lab(linear: np.ndarray) -> np.ndarray:
    xyz = np.clip(linear, 0, 1) @ np.array(TO_XYZ).T / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


@both
def test_colours_differ_also_for_people_who_see_no_red_or_no_green(here: World) -> None:
    palette = np.array(here.label_set.palette) / 255
    linear = np.where(palette <= 0.04045, palette / 12.92, ((palette + 0.055) / 1.055) ** 2.4)
    for sight in (np.eye(3), DEUTERANOPIA, PROTANOPIA):
        lab = _lab(linear @ np.array(sight).T)
        apart = [float(np.linalg.norm(a - b)) for a, b in combinations(lab, 2)]
        assert min(apart) > 30  # CIE 1976 colour differences; 2.3 can just be seen


def test_the_command_draws_and_restyles_rooms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from smis.cli import main as smis

    words = ["render", "rooms", "--seed", "8", "--size", "48", "--labels", str(tmp_path / "labels.png"), "--out"]
    assert smis([*words, str(tmp_path / "a.png")]) == 0
    assert "48 x 48 pixels; wall " in capsys.readouterr().out
    assert smis([*words, str(tmp_path / "b.png"), "--restyle", "floor=3"]) == 0
    first, second, colours = (np.array(Image.open(tmp_path / f"{n}.png")) for n in ("a", "b", "labels"))
    floor = (colours == ROOMS.palette[ROOMS.index("floor")]).all(-1)
    assert floor.mean() > 0.02
    assert (first != second).any(-1)[floor].mean() > 0.9
    assert (first == second).all(-1)[~floor].mean() > 0.9
    capsys.readouterr()
    with pytest.raises(SystemExit):
        smis(["render", "forests", "--seed", "1", "--out", str(tmp_path / "c.png")])
    assert "rooms" in capsys.readouterr().err
