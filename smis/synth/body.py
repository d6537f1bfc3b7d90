"""The human body: sampled adult shapes, a skeleton, and linear blend skinning.

Metres, z up, the person faces -y; the left side has positive x. The *template* is the body before any shape or pose:
garments, hair and make-up are laid out on it, so they fit every body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Shape:
    """One person's vertices (V, 3) and bone heads (B, 3), in the rest pose."""

    vertices: np.ndarray
    heads: np.ndarray


class Body:
    """What `smis.synth.bake` wrote: template, shapes, skeleton, weights and faces.

    Geometry is float64 throughout, so that another machine's rounding does not move a label's border.
    """

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as data:
            self.template = data["template"].astype(np.float64)
            self.template_heads = data["bone_heads"].astype(np.float64)
            self.lips = data["lips"].astype(np.float32)
            self._face_names = [str(n) for n in data["face_names"]]
            self._face_vertices = data["face_vertices"].astype(int)
            self._face_shifts = data["face_shifts"].astype(np.float64)
            self.parents = data["parents"].astype(int)
            self.bones = [str(b) for b in data["bones"]]
            self.faces = {k.removeprefix("faces_"): data[k].astype(int) for k in data if k.startswith("faces_")}
            self._mean, self._components = data["mean"].astype(np.float64), data["components"].astype(np.float64)
            self._shapes, self._genders = data["shapes"].astype(np.float64), data["genders"]
            self.weights = np.zeros((len(self.template), len(self.bones)))
            np.put_along_axis(self.weights, data["weight_bones"].astype(int), data["weights"].astype(np.float64), 1)

    def bone(self, name: str) -> int:
        return self.bones.index(name)

    def head(self, name: str) -> np.ndarray:
        """Where a bone starts, on the template."""
        return self.template_heads[self.bone(name)]

    def sample(self, rng: np.random.Generator) -> tuple[Shape, bool]:
        """A random adult, between two of the baked bodies of about one gender; and whether female (here: shape)."""
        female = rng.random() < 0.6
        group = np.flatnonzero((self._genders > 0.5) == female)
        first, second = self._shapes[rng.choice(group, 2)]
        mix = first + (second - first) * rng.uniform(0, 0.6)
        points = (self._mean + mix @ self._components).reshape(-1, 3)
        count = len(self.template)
        return Shape(points[:count], points[count:]), bool(female)

    def face_shift(self, amounts: Mapping[str, float]) -> np.ndarray:
        """The sum (V, 3) of some of the face's displacements, each times its amount. KeyError for an unknown name."""
        total = np.zeros_like(self._face_shifts[0])
        for name, amount in amounts.items():
            if name not in self._face_names:
                raise KeyError(f"no face displacement {name!r}; there are {', '.join(self._face_names)}")
            total += amount * self._face_shifts[self._face_names.index(name)]
        shift = np.zeros_like(self.template)
        shift[self._face_vertices] = total
        return shift

    @cached_property
    def arm_weight(self) -> np.ndarray:
        """How much each vertex belongs to an arm or hand (V,)."""
        return self._weight_of(("upperarm", "lowerarm", "wrist", "finger", "metacarpal"))

    @cached_property
    def head_weight(self) -> np.ndarray:
        """How much each vertex belongs to the head or upper neck (V,)."""
        return self._weight_of(("head", "neck03", "neck02", "eye"))

    def _weight_of(self, prefixes: tuple[str, ...]) -> np.ndarray:
        return self.weights[:, [i for i, b in enumerate(self.bones) if b.startswith(prefixes)]].sum(1)

    @cached_property
    def along_arm(self) -> np.ndarray:
        """A coordinate (V,): 0 at the shoulder, 1 at the elbow, 2 at the wrist; negative on the torso."""
        p = self.template * np.where(self.template[:, :1] < 0, [-1, 1, 1], 1)
        shoulder, elbow, wrist = self.head("upperarm01.L"), self.head("lowerarm01.L"), self.head("wrist.L")
        upper = (p - shoulder) @ (elbow - shoulder) / np.sum((elbow - shoulder) ** 2)
        fore = 1 + np.clip((p - elbow) @ (wrist - elbow) / np.sum((wrist - elbow) ** 2), 0, None)
        s = np.where(upper < 0.85, upper, np.where(upper < 1.15, np.maximum(np.minimum(upper, 1), fore), fore))
        arm = np.clip(self.arm_weight * 1.5, 0, 1)
        return arm * s + (1 - arm) * -0.3


@lru_cache(maxsize=1)
def load_body() -> Body:
    """The body of the file shipped with the package, read once."""
    return Body(Path(__file__).with_name("body.npz"))


def rotation(axis: tuple[float, float, float] | np.ndarray, degrees: float) -> np.ndarray:
    """The rotation matrix (3, 3) about an axis."""
    angle = np.deg2rad(degrees)
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def bone_matrices(body: Body, heads: np.ndarray, turns: dict[str, np.ndarray]) -> np.ndarray:
    """Matrices (B, 4, 4) of all bones, each turned about its head (rest axes) and carried along by its parent."""
    matrices = np.zeros((len(heads), 4, 4))
    for b, name in enumerate(body.bones):
        own = np.eye(4)
        turn = turns.get(name)
        if turn is not None:
            own[:3, :3], own[:3, 3] = turn, heads[b] - turn @ heads[b]
        matrices[b] = own if body.parents[b] < 0 else matrices[body.parents[b]] @ own
    return matrices


def movements(body: Body, matrices: np.ndarray) -> np.ndarray:
    """How each vertex of the body moves (V, 3, 4): its bones' matrices blended by its weights."""
    return (body.weights @ matrices[:, :3].reshape(len(matrices), 12)).reshape(-1, 3, 4)


def skin(points: np.ndarray, movement: np.ndarray) -> np.ndarray:
    """Points (N, 3) carried along (N, 3, 4): linear blend skinning."""
    x, y, z = points[:, :1], points[:, 1:2], points[:, 2:]
    return x * movement[:, :, 0] + y * movement[:, :, 1] + z * movement[:, :, 2] + movement[:, :, 3]


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (N, 3), the area-weighted mean over the faces of each vertex."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    u, v = b - a, c - a
    face_normals = np.stack(
        [
            u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1],
            u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2],
            u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0],
        ],
        1,
    )
    normals = np.zeros((len(vertices), 3))
    for axis in range(3):
        normals[:, axis] = np.bincount(faces.ravel(), np.repeat(face_normals[:, axis], 3), len(vertices))
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
