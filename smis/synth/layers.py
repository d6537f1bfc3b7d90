"""Layers: the meshes a person is drawn from, and the cloth coordinates laid out on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smis.synth.body import Body

TORSO = 0.16  # the radius, in metres, of the cylinder on which cloth is laid around the torso


@dataclass(frozen=True)
class Layer:
    """One mesh of one class, in the rest pose.

    `source` (N, S): the body's vertices whose movement a point follows (their mean).
    `keep` (N, K): drawn where all fields are >= 0; in metres, so their minimum is the distance to the nearest hem.
    `uv` (M, 3, 2): cloth coordinates in metres for each corner of each face. `part`: 1 marks an eyeball, or the shirt
    below a coat. `folds`: how strong creases are shaded. `lips` (N,): how much each vertex is lip; None for nowhere.
    """

    label: str
    rest: np.ndarray
    source: np.ndarray
    template: np.ndarray
    faces: np.ndarray
    keep: np.ndarray
    uv: np.ndarray
    part: int = 0
    folds: float = 0.0
    lips: np.ndarray | None = None


def make_layer(
    body: Body,
    label: str,
    vertices: np.ndarray,
    faces: np.ndarray,
    keep: list[np.ndarray],
    uv: np.ndarray,
    part: int = 0,
    folds: float = 0.0,
) -> Layer:
    """A layer from some faces of the body; `vertices` (V, 3) and `keep` fields (V,) are over all its vertices."""
    marked = np.zeros(len(vertices), bool)
    marked[faces] = True
    used = np.flatnonzero(marked)
    fields = np.stack([k[used] for k in keep], 1) if keep else np.ones((len(used), 1))
    return Layer(
        label,
        vertices[used],
        used[:, None],
        body.template[used],
        (marked.cumsum() - 1)[faces],
        fields,
        uv,
        part,
        folds,
        body.lips[used],
    )


@lru_cache(maxsize=4)
def fabric_uv(body: Body, group: str) -> np.ndarray:
    """Cloth coordinates (M, 3, 2) of a group of faces: cylinders around torso, arms and legs."""
    t, faces = body.template, body.faces[group]
    side = np.where(t[:, 0] < 0, -1.0, 1.0)
    p = t * np.stack([side, np.ones(len(t)), np.ones(len(t))], 1)

    angle = np.arctan2(t[:, 0], -(t[:, 1] + 0.01))
    shoulders = np.clip((t[:, 2] - 0.47) / 0.07, 0, 1)
    half = np.pi * TORSO  # from the middle of the chest to the middle of the back
    chest = np.stack(
        [angle * TORSO * (1 - shoulders) + t[:, 0] * 1.1 * shoulders, t[:, 2] + shoulders * (t[:, 1] + 0.05)], 1
    )
    back = np.stack([angle * TORSO * (1 - shoulders) + (side * half - t[:, 0] * 1.1) * shoulders, t[:, 2]], 1)
    behind = (t[faces][:, :, 1].mean(1) > -0.01)[:, None, None]  # they meet in a seam over the shoulder
    torso = unwrap(np.where(behind, back[faces], chest[faces]), np.full(len(faces), 2 * half))

    shoulder, wrist = body.head("upperarm01.L"), body.head("wrist.L")
    axis = (wrist - shoulder) / np.linalg.norm(wrist - shoulder)
    along = (p - shoulder) @ axis
    radial = p - shoulder - along[:, None] * axis
    front = np.array([0, -1.0, 0]) + axis * axis[1]
    front /= np.linalg.norm(front)
    arm_angle = np.arctan2(radial @ np.cross(axis, front), radial @ front)
    arm = np.stack([arm_angle * 0.06 + 3, -along], 1)

    hip, ankle = body.head("upperleg01.L"), body.head("foot.L")
    s = np.clip((hip[2] - p[:, 2]) / (hip[2] - ankle[2]), 0, 1)[:, None]
    centre = hip * (1 - s) + ankle * s
    leg_angle = np.arctan2(p[:, 0] - centre[:, 0], -(p[:, 1] - centre[:, 1]))
    leg = np.stack([side * leg_angle * 0.085 + 6, p[:, 2]], 1)

    on_arm = np.clip(body.arm_weight * 1.5, 0, 1)[faces].mean(1) > 0.5
    on_leg = (t[faces][:, :, 2].mean(1) < -0.03) & ~on_arm
    uv = np.where(on_arm[:, None, None], arm[faces], np.where(on_leg[:, None, None], leg[faces], torso))
    return unwrap(uv, 2 * np.pi * np.where(on_arm, 0.06, np.where(on_leg, 0.085, TORSO)))


def around_uv(points: np.ndarray, faces: np.ndarray, radius: float, y0: float = 0.01) -> np.ndarray:
    """Cloth coordinates (M, 3, 2) on one upright cylinder."""
    angle = np.arctan2(points[:, 0], -(points[:, 1] + y0))
    return unwrap(np.stack([angle * radius, points[:, 2]], 1)[faces], np.full(len(faces), 2 * np.pi * radius))


def unwrap(uv: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Bring the corners of each face to the same side of the seam."""
    turns = np.round((uv[:, :, 0] - uv[:, :1, 0]) / period[:, None])
    return np.stack([uv[:, :, 0] - turns * period[:, None], uv[:, :, 1]], 2)
