"""Poses: legs, spine and head turned joint by joint, arms by where the hand shall be (two-bone inverse kinematics)."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from smis.synth.body import Body, Shape, bone_matrices, movements, rotation, skin, vertex_normals

SIDES = ((".L", 1.0), (".R", -1.0))
ARM_POSES = ("down", "out", "hip", "front", "chest", "back", "raised", "wave")
ARM_CHANCES = (0.36, 0.14, 0.17, 0.12, 0.06, 0.05, 0.05, 0.05)


def sample_pose(body: Body, shape: Shape, narrow: bool, rng: np.random.Generator, yaw: float = 0.0) -> np.ndarray:
    """Bone matrices (B, 4, 4) of a random pose.

    `narrow`: small steps only, as in a narrow skirt. `yaw`: by how many degrees the whole body will be turned away from
    the camera; head and eyes often turn back to it.
    """
    turns = _spine_and_legs(narrow, rng) | _head_and_eyes(yaw, rng)
    matrices = bone_matrices(body, shape.heads, turns)
    surface = _torso_surface(body, shape, matrices)
    both = rng.random() < 0.35
    kind = rng.choice(ARM_POSES, p=ARM_CHANCES)
    for side, sign in SIDES:
        arm_seed = int(rng.integers(2**31))
        if not both and sign < 0:
            kind = rng.choice(ARM_POSES, p=ARM_CHANCES)
        _pose_arm(body, shape.heads, matrices, turns, side, sign, str(kind), surface, np.random.default_rng(arm_seed))
    return bone_matrices(body, shape.heads, turns)


def _spine_and_legs(narrow: bool, rng: np.random.Generator) -> dict[str, np.ndarray]:
    turns = {}
    kind = rng.choice(["stand", "walk", "wide", "lift"], p=[0.45, 0.3, 0.15, 0.1])
    reach = 0.5 if narrow else 1.0
    stride = rng.uniform(10, 24) * rng.choice([-1, 1]) * reach if kind == "walk" else rng.normal(0, 3)
    lifted = rng.choice([-1, 1])
    for side, sign in SIDES:
        inward = rng.uniform(-9, 0) * reach if kind == "wide" else rng.uniform(3, 7)
        thigh, knee = sign * stride, max(0.0, sign * stride) * rng.uniform(0.8, 1.6) + abs(rng.normal(0, 3))
        if kind == "lift" and sign == lifted:
            thigh, knee = -rng.uniform(12, 30) * reach, rng.uniform(25, 55) * reach
        outward = rotation((0, 0, 1), sign * rng.uniform(-3, 16))
        turns["upperleg01" + side] = rotation((1, 0, 0), thigh) @ rotation((0, 1, 0), sign * inward) @ outward
        turns["lowerleg01" + side] = rotation((1, 0, 0), knee)
        turns["foot" + side] = rotation((0, 1, 0), -sign * inward) @ rotation((1, 0, 0), -thigh * 0.8 - knee * 0.5)
    for bone in ("spine04", "spine03", "spine02"):
        turns[bone] = rotation((0, 0, 1), rng.normal(0, 3)) @ rotation((0, 1, 0), rng.normal(0, 2))
    return turns


def _head_and_eyes(yaw: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Neck and head share a turn, a nod and a tilt. Most people look at the camera, some past it."""
    turn = np.clip(-rng.uniform(0.2, 0.9) * np.clip(yaw, -50, 50) + rng.normal(0, 12), -42, 42)
    nod, tilt = rng.normal(0, 5), rng.normal(0, 5.5)
    at_camera = rng.random() < 0.75
    aside = -(yaw + turn) if at_camera else rng.normal(0, 9)
    raised = nod if at_camera else rng.normal(0, 4)
    turns = {}
    for bone, share in (("neck01", 0.4), ("head", 0.6)):
        turns[bone] = (
            rotation((0, 0, 1), turn * share) @ rotation((1, 0, 0), nod * share) @ rotation((0, 1, 0), tilt * share)
        )
    gaze = rotation((0, 0, 1), np.clip(aside, -16, 16)) @ rotation((1, 0, 0), np.clip(-raised, -7, 7))
    return turns | {"eye.L": gaze, "eye.R": gaze}


def _torso_surface(body: Body, shape: Shape, matrices: np.ndarray) -> tuple[cKDTree, np.ndarray, np.ndarray]:
    """A search tree over the posed torso, head and thighs, with points and outward normals: what hands stay out of."""
    faces = body.faces["body"]
    faces = faces[(body.arm_weight[faces].max(1) < 0.3) & (body.template[faces][:, :, 2].min(1) > -0.4)]
    used, inverse = np.unique(faces, return_inverse=True)
    points = skin(shape.vertices[used], movements(body, matrices)[used])
    return cKDTree(points), points, vertex_normals(points, inverse.reshape(faces.shape))


def _pose_arm(
    body: Body,
    heads: np.ndarray,
    matrices: np.ndarray,
    turns: dict[str, np.ndarray],
    side: str,
    sign: float,
    kind: str,
    surface: tuple[cKDTree, np.ndarray, np.ndarray],
    rng: np.random.Generator,
) -> None:
    def at(bone: str) -> np.ndarray:
        b = body.bone(bone)
        return matrices[b, :3, :3] @ heads[b] + matrices[b, :3, 3]

    def heads_of(bone: str) -> np.ndarray:
        return heads[body.bone(bone + side)]

    shoulder, hip, head = at("upperarm01" + side), at("upperleg01" + side), at("head")
    upper, fore = heads_of("lowerarm01") - heads_of("upperarm01"), heads_of("wrist") - heads_of("lowerarm01")
    hand = heads_of("finger3-2") - heads_of("wrist")
    a, b = np.linalg.norm(upper), np.linalg.norm(fore)
    reach = a + b
    out, front, up = np.array([sign, 0, 0]), np.array([0, -1.0, 0]), np.array([0, 0, 1.0])
    u = rng.uniform
    hand_to = None
    if kind == "down":
        target = shoulder - up * reach * u(0.93, 0.985) + out * u(0.08, 0.16) * reach + front * u(-0.1, 0.25) * reach
        pole = out * 0.4 - front
    elif kind == "out":
        target = shoulder - up * reach * u(0.5, 0.85) + out * u(0.4, 0.75) * reach + front * u(-0.1, 0.3) * reach
        pole = -front - up * 0.3 + out * 0.2
    elif kind == "hip":
        target = hip + out * 0.12 + up * u(0.08, 0.16) + front * u(-0.01, 0.05)
        pole, hand_to = out * 1.0 - front * u(0.1, 0.5), front * 0.9 - out * 0.6 - up * 0.35
    elif kind == "front":
        target = np.array([shoulder[0] * u(0.3, 1.1), 0, 0]) + front * 0.3 + up * (hip[2] + u(0.08, 0.25))
        pole, hand_to = out * 0.8 - up * 0.7 - front * 0.3, front * 0.6 - out * 0.8
    elif kind == "chest":
        target = np.array([shoulder[0] * u(0.1, 0.6), 0, 0]) + front * 0.32 + up * (shoulder[2] - u(0.08, 0.2))
        pole = out * 0.8 - up * 0.8
    elif kind == "back":
        target = np.array([hip[0] * u(0.4, 1.0), 0, 0]) - front * 0.2 + up * (hip[2] + u(0.02, 0.12))
        pole, hand_to = out - front * 0.6, -out * 0.8 - up * 0.3
    elif kind == "raised":
        target = head + out * u(0.1, 0.16) + up * u(-0.02, 0.16) + front * u(-0.06, 0.06)
        pole, hand_to = out + up * 0.1, up * 0.8 - out * 0.6
    else:
        target = shoulder + out * u(0.45, 0.8) * reach + up * u(0.1, 0.5) * reach + front * u(0, 0.3) * reach
        pole = -up + out * 0.3

    tree, points, normals = surface
    torso = matrices[body.parents[body.bone("upperarm01" + side)], :3, :3]
    for _ in range(6):
        to = target - shoulder
        distance = np.clip(np.linalg.norm(to), abs(a - b) + 0.08, reach * 0.995)
        along = to / np.linalg.norm(to)
        bend = pole - along * (pole @ along)
        bend /= np.linalg.norm(bend)
        inner = (a * a - b * b + distance**2) / (2 * distance)
        elbow = shoulder + along * inner + bend * np.sqrt(max(a * a - inner * inner, 0))
        wrist = shoulder + along * distance
        upper_turn = _frame(elbow - shoulder, wrist - elbow, bend) @ _frame(upper, fore, None).T
        fore_turn = _align(upper_turn @ fore, wrist - elbow) @ upper_turn
        hand_turn = fore_turn
        if hand_to is not None:
            hand_turn = _align(fore_turn @ hand, hand_to, limit=75.0) @ fore_turn
        tip = wrist + hand_turn @ hand * 1.3
        probes = np.stack([wrist, (wrist + tip) / 2, tip, (elbow + wrist) / 2, elbow])
        nearest = tree.query(probes)[1]
        gap = np.einsum("ij,ij->i", probes - points[nearest], normals[nearest])
        short = np.array([0.055, 0.045, 0.035, 0.065, 0.075]) - gap
        if not (short > 0).any():
            break
        worst = int(short.argmax())
        target = wrist + normals[nearest[worst]] * (short[worst] + 0.01)
        if worst >= 3:
            pole = pole / np.linalg.norm(pole) + normals[nearest[worst]] * 0.5
    turns["upperarm01" + side] = torso.T @ upper_turn
    turns["lowerarm01" + side] = upper_turn.T @ fore_turn
    turns["wrist" + side] = fore_turn.T @ hand_turn
    curl_axis = np.cross(fore, np.array([0, -1.0, 0]))
    curl = u(3, 14)
    for finger in range(2, 6):
        for joint in range(1, 4):
            turns[f"finger{finger}-{joint}{side}"] = rotation(curl_axis, curl + u(0, 8))


def _frame(first: np.ndarray, second: np.ndarray, bend: np.ndarray | None) -> np.ndarray:
    """Columns: along the upper arm, the elbow's hinge, and their cross product."""
    x = first / np.linalg.norm(first)
    y = np.cross(x, second)
    if bend is not None and np.linalg.norm(y) < 0.05 * np.linalg.norm(second):
        y = -np.cross(x, bend)
    y /= np.linalg.norm(y)
    return np.stack([x, y, np.cross(x, y)], 1)


def _align(start: np.ndarray, end: np.ndarray, limit: float = 180.0) -> np.ndarray:
    """The smallest rotation taking one direction to another, by at most `limit` degrees."""
    start, end = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(start, end)
    if np.linalg.norm(axis) < 1e-6:
        return np.eye(3)
    return rotation(axis, min(limit, np.rad2deg(np.arctan2(np.linalg.norm(axis), start @ end))))
