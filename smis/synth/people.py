"""Rendered people: an image and its exact label map from three kinds of seeds.

The *geometry* seed decides body, pose, camera, cuts and lengths: all of the label map. One *style* seed a class decides
what that class looks like. The *light* seed decides lamp, shadows and grain. Changing the style of one class changes no
pixel without that class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from smis.labels import PEOPLE
from smis.synth.body import Body, load_body, movements, rotation, skin, vertex_normals
from smis.synth.faces import EYEBALL, TEETH
from smis.synth.garments import build_outfit, narrow, sample_outfit
from smis.synth.hair import build_hair
from smis.synth.heads import with_face
from smis.synth.layers import Layer, fabric_uv, make_layer
from smis.synth.noise import value_noise
from smis.synth.pose import sample_pose
from smis.synth.raster import barycentric, block_sums, triangle_ids
from smis.synth.seeds import Seeds
from smis.synth.shading import backdrop_light, crevices, dot, sample_light, shade_points, shadow_map
from smis.synth.styles import Surface, paint, paint_background

FACE_PARTS = {EYEBALL: ("l-eye", "r-eye"), TEETH: ("upper-teeth",)}
SAMPLES = 4  # sub-pixels a side
FRAMES = {"full": 0.03, "knee": 0.07, "hip": 0.28, "bust": 0.23, "middle": 0.13, "legs": 0.10, "feet": 0.16}


@dataclass(frozen=True)
class Scene:
    """A posed person before the camera: one mesh of all layers, and the fields interpolated over it."""

    points: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    keep: np.ndarray
    template: np.ndarray
    lips: np.ndarray
    uv: np.ndarray
    label: np.ndarray
    part: np.ndarray
    folds: np.ndarray
    fold_seed: int
    bones: dict[str, np.ndarray]


def render_person(seeds: Seeds, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """The image, uint8 (size, size, 3), and label map, uint8 (size, size), of some seeds."""
    image, coverage = render_with_coverage(seeds, size)
    return image, coverage.argmax(0).astype(np.uint8)


def render_with_coverage(seeds: Seeds, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    """The image, and how many of its 16 sub-pixels each class has in each pixel, uint8 (C, size, size).

    Another style of class c changes a pixel only where `coverage[c]` is not 0; the label map is `coverage.argmax(0)`.
    """
    if size < 16:
        raise ValueError(f"size must be at least 16 pixels, got {size}")
    rng = np.random.default_rng(seeds.geometry)
    scene = _scene(load_body(), rng)
    light = sample_light(seeds.light)
    large = size * SAMPLES
    screen, eye = _camera(scene, large, rng)
    ids, depth = triangle_ids(screen, scene.faces, scene.keep, large)
    seen = ids >= 0
    rows, columns = np.nonzero(seen)
    hit = ids[seen]
    corners = scene.faces[hit]
    w0, w1, w2 = barycentric(screen, scene.faces, hit, rows, columns).T[:, :, None]

    def at(field: np.ndarray) -> np.ndarray:
        field = field.astype(np.float32)
        return field[corners[:, 0]] * w0 + field[corners[:, 1]] * w1 + field[corners[:, 2]] * w2

    normals = _unit(at(scene.normals))
    points, uv = at(scene.points), scene.uv[hit, 0] * w0 + scene.uv[hit, 1] * w1 + scene.uv[hit, 2] * w2
    to_eye = _unit(eye.astype(np.float32) - points)
    normals *= np.where(dot(normals, to_eye) < 0, -1, 1)[:, None].astype(np.float32)
    shadow = shadow_map(light, scene.points, scene.faces, scene.keep).shade(points + normals * 0.012)
    labels = scene.label[hit]
    folds = scene.folds[hit] * (np.abs(_fold_noise(uv, scene.fold_seed) - 0.5) * 4 - 0.75)
    soft = np.isin(labels, [PEOPLE.index("face"), PEOPLE.index("skin")])
    bright, highlight = shade_points(light, normals, to_eye, shadow, crevices(depth, seen)[seen], folds, soft)

    colour, gloss = np.zeros((len(hit), 3), np.float32), np.zeros(len(hit), np.float32)
    surface = Surface(uv, at(scene.template), at(scene.keep).min(1), scene.part[hit], at(scene.lips[:, None])[:, 0])
    for name, seed in zip(PEOPLE.classes[1:], seeds.styles[1:], strict=True):
        mine = labels == PEOPLE.index(name)
        if mine.any():
            chosen = Surface(*(field[mine] for field in vars(surface).values()))
            colour[mine], gloss[mine] = paint(name, seed, chosen)

    picture = paint_background(seeds.styles[0], large) * backdrop_light(light, large)
    picture *= (1 - 0.35 * _ground_shadow(scene, screen, large))[:, :, None]
    picture[seen] = colour * bright + (gloss * highlight)[:, None]
    blocks = block_sums(np.clip(picture, 0, 1), SAMPLES) / SAMPLES**2
    blocks += np.random.default_rng(light.noise_seed).normal(0, 0.004, blocks.shape)
    fine = np.zeros((large, large), np.uint8)
    fine[seen] = labels
    coverage = np.stack([block_sums((fine == c).astype(np.uint8), SAMPLES) for c in range(len(PEOPLE))])
    return (np.clip(blocks, 0, 1) * 255 + 0.5).astype(np.uint8), coverage


def _scene(body: Body, rng: np.random.Generator) -> Scene:
    shape, female = body.sample(rng)
    shape = with_face(body, shape, female, rng)
    outfit = sample_outfit(female, rng)
    layers, hidden = build_outfit(body, shape, outfit, rng)
    layers += build_hair(body, shape, female, rng)
    layers += _body_layers(body, shape.vertices, hidden)
    yaw = np.clip(rng.normal(0, 16), -45, 45) if rng.random() < 0.9 else rng.uniform(-85, 85)
    matrices = sample_pose(body, shape, narrow(outfit), rng, yaw)
    turn = rotation((0, 0, 1), yaw + (180 if rng.random() < 0.03 else 0))

    moved = movements(body, matrices)
    points, normals, faces, count = [], [], [], 0
    for layer in layers:
        posed = skin(layer.rest, _mean(moved, layer.source)) @ turn.T
        points.append(posed)
        normals.append(vertex_normals(posed, layer.faces))
        faces.append(layer.faces + count)
        count += len(posed)
    fields = max(layer.keep.shape[1] for layer in layers)
    keep = [np.pad(la.keep, ((0, 0), (0, fields - la.keep.shape[1])), constant_values=1.0) for la in layers]
    lips = [np.zeros(len(la.rest)) if la.lips is None else la.lips for la in layers]
    bones = {
        name: turn @ (matrices[b, :3, :3] @ shape.heads[b] + matrices[b, :3, 3])
        for name in ("head", "upperleg01.L", "upperleg01.R", "lowerleg01.L", "lowerleg01.R", "spine01")
        for b in [body.bone(name)]
    }

    def each_face(values: list[float]) -> np.ndarray:
        return np.concatenate([np.full(len(la.faces), v) for la, v in zip(layers, values, strict=True)])

    return Scene(
        np.concatenate(points),
        np.concatenate(normals),
        np.concatenate(faces),
        np.concatenate(keep),
        np.concatenate([la.template for la in layers]),
        np.concatenate(lips),
        np.concatenate([la.uv for la in layers]).astype(np.float32),
        each_face([PEOPLE.index(la.label) for la in layers]).astype(np.uint8),
        each_face([la.part for la in layers]),
        each_face([la.folds for la in layers]),
        int(rng.integers(100)),
        bones,
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / (np.sqrt(dot(vectors, vectors)) + 1e-9)[:, None]


def _mean(values: np.ndarray, source: np.ndarray) -> np.ndarray:
    return values[source[:, 0]] if source.shape[1] == 1 else values[source].mean(1)


def _body_layers(body: Body, vertices: np.ndarray, hidden: list[np.ndarray]) -> list[Layer]:
    """Face and skin, cut away below the garments; eyeballs and upper teeth."""
    keep = [-h for h in hidden]
    faces = body.faces["body"]
    head = (body.head_weight - 0.5) * 0.1  # face and skin meet where this is 0; each layer reaches a little further
    layers = [
        make_layer(body, label, vertices, faces[chosen], [*keep, side], fabric_uv(body, "body")[chosen])
        for label, side, chosen in (
            ("face", head, head[faces].max(1) > -0.03),
            ("skin", -head, head[faces].min(1) < 0.03),
        )
    ]
    for part, groups in FACE_PARTS.items():
        faces = np.concatenate([body.faces[group] for group in groups])
        behind = np.array([0, 0.004 if part == TEETH else 0, 0])  # teeth stay behind the lips of every face
        layers.append(make_layer(body, "face", vertices + behind, faces, [], np.zeros((len(faces), 3, 2)), part))
    return layers


def _fold_noise(uv: np.ndarray, seed: int) -> np.ndarray:
    u, v = uv[:, 0], uv[:, 1]
    return 0.65 * value_noise(u * 16 + v * 9, v * 7 - u * 3, seed) + 0.35 * value_noise(
        u * 38 - v * 12, v * 13, seed + 1
    )


def _camera(scene: Scene, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Screen positions and depths (N, 3) of all points, and the camera's place, for a random framing."""
    floor, top = scene.points[:, 2].min(), scene.points[:, 2].max()
    hip = (scene.bones["upperleg01.L"][2] + scene.bones["upperleg01.R"][2]) / 2
    knee = (scene.bones["lowerleg01.L"][2] + scene.bones["lowerleg01.R"][2]) / 2
    chest = scene.bones["spine01"][2]
    u = rng.uniform
    frame = str(rng.choice(list(FRAMES), p=list(FRAMES.values())))
    low, high = {
        "full": (floor - u(0.03, 0.06), top + u(0.02, 0.06)),
        "knee": (knee + u(0.0, 0.2), top + u(0, 0.03)),
        "hip": (hip + u(-0.04, 0.2), top + u(0, 0.02)),
        "bust": (chest + u(-0.2, -0.02), top + u(0, 0.01)),
        "middle": (knee + u(-0.05, 0.2), chest + u(0, 0.15)),
        "legs": (floor - u(0.0, 0.03), hip + u(-0.2, 0.08)),
        "feet": (floor - u(-0.01, 0.02), knee + u(-0.12, 0.08)),
    }[frame]
    inside = scene.points[(scene.points[:, 2] > low) & (scene.points[:, 2] < high)]
    wide = np.ptp(np.quantile(inside[:, 0], [0.1, 0.9])) > 0.8 * (high - low)
    centre = np.quantile(inside[:, 0], rng.choice([0.3, 0.7]) if wide else 0.5) + rng.normal(0, 0.02) * (high - low)
    away, middle = u(3.5, 6), (low + high) / 2
    eye = np.array([centre, -away, middle + u(-0.15, 0.35)])
    pitch = np.arctan2(eye[2] - middle, away)
    zoom = size / (high - low) * away
    seen = scene.points - eye
    forward = seen[:, 1] * np.cos(pitch) - seen[:, 2] * np.sin(pitch)
    upward = seen[:, 1] * np.sin(pitch) + seen[:, 2] * np.cos(pitch)
    return np.stack([size / 2 + zoom * seen[:, 0] / forward, size / 2 - zoom * upward / forward, forward], 1), eye


def _ground_shadow(scene: Scene, screen: np.ndarray, size: int) -> np.ndarray:
    """A soft dark patch (size, size), 0..1, where the feet touch the ground."""
    feet = screen[scene.points[:, 2] < scene.points[:, 2].min() + 0.03]
    inside = (feet[:, :2] >= 0).all(1) & (feet[:, :2] < size).all(1)
    k = SAMPLES
    patch = np.zeros((size // k, size // k))
    np.add.at(patch, (feet[inside, 1].astype(int) // k, feet[inside, 0].astype(int) // k), 1.0)
    spread = gaussian_filter(np.minimum(patch, 3), [size / k / 90, size / k / 45], truncate=3)
    return np.repeat(np.repeat(np.clip(spread * 1.5, 0, 1), k, 0), k, 1)
