"""Garments: shells around the body, cut by fields written on the template, so hems are crisp on every body."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from smis.synth.body import Body, Shape, vertex_normals
from smis.synth.layers import TORSO, Layer, around_uv, fabric_uv, make_layer

OVERLAP = 0.02  # of a top and a skirt, which are cut from different meshes: more, and one would poke through the other
MARGIN = 0.02  # the body below a garment is drawn up to this far inside its hem, so no gap opens there


@dataclass(frozen=True)
class Outfit:
    """Cuts and lengths. Heights are in template metres: neck 0.59, waist 0.15, hip 0.05, knee -0.37, ankle -0.74."""

    bottom: str  # trousers, shorts, skirt, or none (a dress)
    coat: bool
    hem: float  # of the top
    tucked: bool
    waist: float
    sleeve: float  # 0 shoulder, 1 elbow, 2 wrist
    neck: str  # round, scoop, vee, high
    vee: float
    looseness: float
    wide_sleeve: float
    bottom_length: float
    leg_cut: str  # skinny, straight, wide, flared
    flare: float
    pleats: float
    pleat_count: int
    coat_length: float
    sock_height: float  # above every shoe: visible; -1 for none
    sock_thickness: float
    shoe: str  # ballerina, sneaker, boot
    boot_height: float


def sample_outfit(female: bool, rng: np.random.Generator) -> Outfit:
    """Random cuts that go together."""
    u = rng.uniform
    bottom = str(
        rng.choice(["trousers", "shorts", "skirt", "none"], p=[0.33, 0.23, 0.26, 0.18] if female else [0.6, 0.4, 0, 0])
    )
    coat = bottom != "none" and rng.random() < 0.13
    tucked = bool(rng.random() < (0.6 if bottom == "skirt" else 0.35))
    hem, waist = u(-0.02, 0.08), u(0.11, 0.15)
    if rng.random() < 0.08 and female and bottom != "none":
        hem, tucked = u(0.21, 0.27), False
        waist = u(0.11, 0.14)
    if bottom == "none":
        hem, tucked = 0.11, False
    length = {
        "trousers": float(rng.choice([u(-0.75, -0.72), u(-0.68, -0.5)], p=[0.42, 0.58])),
        "shorts": u(-0.4, -0.13),
        "skirt": float(rng.choice([u(-0.34, -0.14), u(-0.5, -0.34), u(-0.7, -0.5)], p=[0.5, 0.3, 0.2])),
        "none": float(rng.choice([u(-0.34, -0.16), u(-0.5, -0.34), u(-0.7, -0.5)], p=[0.45, 0.3, 0.25])),
    }[bottom]
    sock = rng.choice(
        [-1, u(-0.71, -0.66), u(-0.64, -0.5), u(-0.45, -0.39), u(-0.3, -0.22)], p=[0.1, 0.14, 0.37, 0.27, 0.12]
    )
    return Outfit(
        bottom=bottom,
        coat=bool(coat),
        hem=hem,
        tucked=tucked,
        waist=waist,
        sleeve=float(rng.choice([0.02, 0.4, 0.65, 1.05, 1.5, 1.97], p=[0.14, 0.16, 0.22, 0.08, 0.08, 0.32])),
        neck=str(rng.choice(["round", "scoop", "vee", "high"], p=[0.42, 0.16, 0.24, 0.18])),
        vee=u(0.4, 0.48),
        looseness=u(0.009, 0.024),
        wide_sleeve=float(rng.choice([0, u(0, 0.02), u(0.02, 0.05)], p=[0.4, 0.4, 0.2])),
        bottom_length=length,
        leg_cut=str(rng.choice(["skinny", "straight", "wide", "flared"], p=[0.27, 0.36, 0.25, 0.12])),
        flare=float(rng.choice([u(-0.5, -0.25), u(-0.2, 0.2), u(0.2, 0.8)], p=[0.3, 0.35, 0.35])),
        pleats=float(rng.choice([0, 0.03, 0.06])),
        pleat_count=int(rng.integers(6, 11)),
        coat_length=u(-0.42, -0.05),
        sock_height=float(sock),
        sock_thickness=u(0.004, 0.009),
        shoe=str(rng.choice(["ballerina", "sneaker", "boot"], p=[0.4, 0.45, 0.15] if female else [0.15, 0.71, 0.14])),
        boot_height=float(rng.choice([u(-0.7, -0.62), u(-0.55, -0.42)], p=[0.6, 0.4])),
    )


@dataclass(frozen=True)
class Fit:
    """What all garments of one person are made from, and what they are collected in.

    `layers`: the garments. `hidden`: for each a field (V,) that is positive where it hides the body.
    """

    body: Body
    shape: Shape
    outfit: Outfit
    normals: np.ndarray
    folds: float
    layers: list[Layer] = field(default_factory=list)
    hidden: list[np.ndarray] = field(default_factory=list)

    @cached_property
    def height(self) -> np.ndarray:
        """Heights (V,) on this person, in the template's metres: a hem cut by them is level on every figure."""
        joints = [self.body.bone(b) for b in ("foot.L", "lowerleg01.L", "upperleg01.L", "spine03", "neck01", "head")]
        ours, theirs = self.shape.heads[joints, 2], self.body.template_heads[joints, 2]
        z = self.shape.vertices[:, 2]
        middle = np.interp(z, ours, theirs)
        return middle + np.minimum(z - ours[0], 0) + np.maximum(z - ours[-1], 0)

    @cached_property
    def along_leg(self) -> np.ndarray:
        """Height (V,) along the axis of this person's leg, in the template's metres; a hem is square to the leg."""
        p = self.shape.vertices
        fields = []
        for side in (".L", ".R"):
            at = [self.body.bone(b + side) for b in ("foot", "lowerleg01", "upperleg01")]
            hip, ankle = self.shape.heads[at[2]], self.shape.heads[at[0]]
            axis = (hip - ankle) / np.linalg.norm(hip - ankle)
            ours, theirs = (self.shape.heads[at] - ankle) @ axis, self.body.template_heads[at, 2]
            along = (p - ankle) @ axis
            fields.append(np.interp(along, ours, theirs) + np.minimum(along, 0) + np.maximum(along - ours[2], 0))
        return np.where(self.body.template[:, 0] < 0, fields[1], fields[0])

    def shell(self, offset: np.ndarray | float) -> np.ndarray:
        """The body's vertices (V, 3) pushed out along its normals."""
        return self.shape.vertices + self.normals * np.broadcast_to(offset, len(self.normals))[:, None]

    def add(
        self,
        label: str,
        vertices: np.ndarray,
        keep: list[np.ndarray],
        chosen: np.ndarray | None = None,
        part: int = 0,
        folds: float = 1.0,
    ) -> None:
        """Add a garment made of the tights of the body, or of those faces `chosen` (M,)."""
        faces, uv = self.body.faces["tights"], fabric_uv(self.body, "tights")
        if chosen is not None:
            faces, uv = faces[chosen], uv[chosen]
        self.layers.append(make_layer(self.body, label, vertices, faces, keep, uv, part, self.folds * folds))


def narrow(outfit: Outfit) -> bool:
    """Whether the garment allows small steps only."""
    return outfit.bottom in ("skirt", "none")


def build_outfit(
    body: Body, shape: Shape, outfit: Outfit, rng: np.random.Generator
) -> tuple[list[Layer], list[np.ndarray]]:
    """The garments' layers, and for each garment a field (V,) that is positive where it hides the body."""
    faces = np.concatenate([body.faces[k] for k in ("body", "tights", "skirt")])
    fit = Fit(body, shape, outfit, vertex_normals(shape.vertices, faces), rng.uniform(0.05, 0.2))
    for build in (_top, _bottom, _coat, _socks, _shoes):
        build(fit)
    return fit.layers, fit.hidden


def _neck_field(body: Body, kind: str, vee: float) -> np.ndarray:
    """Positive below the neckline; at the back the collar lies high whatever the front does."""
    x, y, z = np.abs(body.template[:, 0]), body.template[:, 1], body.template[:, 2]
    back = np.clip((y + 0.03) / 0.07, 0, 1)
    back = back * back * (3 - 2 * back)
    if kind == "high":
        return 0.612 - z
    if kind == "vee":
        front = np.maximum((x * 1.1 - (z - vee)) * 0.67, x - 0.115)
    else:
        front = np.sqrt(x**2 + ((z - 0.585) * 0.85) ** 2) - (0.085 if kind == "round" else 0.115)
    return front * (1 - back) + (0.585 - z) * back


def _top(fit: Fit) -> None:
    body, o = fit.body, fit.outfit
    z, s = fit.height, body.along_arm
    inside = o.coat or o.tucked
    hem = o.waist - (OVERLAP if o.bottom == "skirt" else 0.06) if inside else o.hem
    neck = _neck_field(body, o.neck, o.vee)
    sharp = 20 if o.bottom == "none" else 1  # no trim at the waist of a dress
    fields = [(z - hem) * sharp, (o.sleeve - s) * 0.23, neck]
    near_neck = np.clip(neck / 0.05, 0.25, 1)
    loose = 0.006 + (o.looseness - 0.006) * (np.clip((z - hem) / 0.1, 0, 1) if o.tucked else 1)
    offset = loose * near_neck + o.wide_sleeve * np.clip(s / max(o.sleeve, 0.3), 0, 1) * (body.arm_weight > 0.5)
    if o.bottom != "none" and not o.tucked:
        offset = offset + np.clip(0.3 - z, 0, 0.3) * 0.04
    if o.bottom == "skirt" and not inside:  # hangs clear of the skirt's upper edge
        offset = offset + 0.012 * np.clip(1.5 - (z - hem) / 0.05, 0, 1)
    fit.add("top", fit.shell(offset), fields, part=1 if o.coat else 0)
    fit.hidden.append(np.minimum(np.min(fields, 0) - MARGIN, 0.6 - body.template[:, 2]))
    if o.bottom == "none":
        _skirt(fit, "top", 0.15, o.bottom_length)


def _bottom(fit: Fit) -> None:
    body, shape, o = fit.body, fit.shape, fit.outfit
    if o.bottom == "none":
        return
    waist = o.waist if o.tucked or o.coat or o.hem > 0.2 else min(o.waist, max(o.hem + 0.05, 0.06))
    if o.bottom == "skirt":
        waist = waist if o.tucked or o.coat or o.hem > 0.2 else o.hem + OVERLAP
        _skirt(fit, "bottom", waist, o.bottom_length)
        return
    t, z = body.template, body.template[:, 2]
    vertices = fit.shell(np.where(z > 0.02, 0.012 if o.tucked else 0.006, 0.008))
    bones = {
        b: shape.heads[body.bone(b)]
        for b in ("upperleg01.L", "lowerleg01.L", "foot.L", "upperleg01.R", "lowerleg01.R", "foot.R")
    }
    down = np.clip(-z / 0.75, 0, 1)
    target = {
        "skinny": 0 * down,
        "straight": 0.094 - 0.02 * down,
        "wide": 0.105 + 0.02 * down,
        "flared": np.where(down < 0.5, 0, 0.02 + 0.09 * down),
    }[o.leg_cut]
    if o.bottom == "shorts":
        target = {"skinny": 0.07, "straight": 0.1, "wide": 0.118, "flared": 0.125}[o.leg_cut] + 0 * down
    grow = np.clip(-z / 0.1, 0, 1)
    for side, sign in ((".L", 1), (".R", -1)):
        hip, knee, ankle = bones["upperleg01" + side], bones["lowerleg01" + side], bones["foot" + side]
        mine = (np.sign(t[:, 0]) == sign) & (z < 0)
        height = vertices[:, 2]
        upper = np.clip((hip[2] - height) / (hip[2] - knee[2]), 0, 1)[:, None]
        lower = np.clip((knee[2] - height) / (knee[2] - ankle[2]), 0, 1)[:, None]
        centre = np.where(lower > 0, knee * (1 - lower) + ankle * lower, hip * (1 - upper) + knee * upper)
        away = (vertices - centre) * np.array([1, 1, 0])
        radius = np.linalg.norm(away, axis=1) + 1e-6
        wider = np.maximum(radius, radius * (1 - grow) + np.maximum(target, radius) * grow)
        moved = vertices + away / radius[:, None] * (wider - radius)[:, None]
        moved[:, 0] = sign * np.maximum(sign * moved[:, 0], np.minimum(0.004, sign * vertices[:, 0]))
        vertices = np.where(mine[:, None], moved, vertices)
    length = fit.along_leg - o.bottom_length
    boots = o.shoe == "boot" and o.leg_cut == "skinny" and o.bottom == "trousers"
    if boots:
        length = np.minimum(length, fit.along_leg - (o.boot_height - 0.03))
    not_arm = (0.2 - body.along_arm) * 0.23
    fields = [waist - fit.height, length, not_arm, *_below_coat(fit)]
    fit.add("bottom", vertices, fields)
    fit.hidden.append(np.min(fields[:3], 0) - MARGIN)


def _skirt(fit: Fit, label: str, waist: float, length: float, extra: float = 0.0) -> None:
    """A skirt from the waist down: of its own, of a dress, or of a coat (`extra`: metres further out)."""
    body, shape, o = fit.body, fit.shape, fit.outfit
    faces, t = body.faces["skirt"], body.template
    used = np.unique(faces)
    centre = shape.vertices[used].mean(0)
    drop = np.clip(shape.vertices[used, 2].max() - 0.12 - shape.vertices[:, 2], 0, None)
    angle = np.arctan2(t[:, 0], -(t[:, 1] + 0.01))
    flare = max(o.flare, -0.2) if extra else o.flare
    scale = (1 + flare * drop) * (1 + o.pleats * np.clip(drop / 0.3, 0, 1) * np.sin(o.pleat_count * angle))
    vertices = shape.vertices.copy()
    vertices[:, :2] = centre[:2] + (vertices[:, :2] - centre[:2]) * scale[:, None]
    belt = 0.006 * np.clip(1 - (waist - fit.height) / 0.06, 0, 1) if label == "bottom" and o.tucked else 0 * drop
    vertices = vertices + fit.normals * (0.008 + extra + belt)[:, None]
    fields = [(waist - fit.height) * (1 if label == "bottom" else 20), t[:, 2] - length]
    if label == "bottom":
        fields += _below_coat(fit)
    uv = around_uv(t, faces, 0.19 if label == "bottom" else TORSO)  # prints run on over the waist of a dress
    fit.layers.append(make_layer(body, label, vertices, faces, fields, uv, 0, fit.folds))
    below = [min(waist, 0.16) - fit.height, t[:, 2] - length, (0.2 - body.along_arm) * 0.23]
    fit.hidden.append(np.min(below, 0) - MARGIN)


def _coat(fit: Fit) -> None:
    """A long-sleeved coat over the top, with a deep V opening; of the class top."""
    body, o = fit.body, fit.outfit
    if not o.coat:
        return
    s = body.along_arm
    neck = _neck_field(body, "vee", 0.22 + (o.vee - 0.4))
    fields = [fit.height - 0.1, (1.93 - s) * 0.23, neck]
    offset = (o.looseness + 0.016) * np.clip(neck / 0.04 + 0.45, 0.45, 1) + 0.008 * np.clip(s, 0, 1)
    fit.add("top", fit.shell(offset), fields)
    fit.hidden.append(np.min(fields, 0) - 0.03)
    _skirt(fit, "top", 0.16, o.coat_length, 0.02)


def _below_coat(fit: Fit) -> list[np.ndarray]:
    """What a coat hides of trousers and skirts is cut away, so nothing pokes through it."""
    return [fit.outfit.coat_length + 0.06 - fit.body.template[:, 2]] if fit.outfit.coat else []


def _covered(fit: Fit) -> np.ndarray | None:
    """Positive on the leg where trousers cover socks."""
    return fit.along_leg - (fit.outfit.bottom_length + 0.04) if fit.outfit.bottom == "trousers" else None


def _socks(fit: Fit) -> None:
    body, o = fit.body, fit.outfit
    if o.sock_height < -0.9:
        return
    fields = [o.sock_height - fit.along_leg, body.template[:, 2] - _shoe_top(body, o) + 0.015]
    covered = _covered(fit)
    if covered is not None:
        fields.append(-covered)
    if o.bottom in ("skirt", "shorts", "none"):
        fields.append(o.bottom_length + 0.08 - fit.along_leg)
    low = body.template[body.faces["tights"]][:, :, 2].max(1) < 0
    fit.add("socks", fit.shell(o.sock_thickness), fields, low, folds=0.7)
    fit.hidden.append(np.min([fields[0], *fields[2:]], 0) - MARGIN)


def _shoe_top(body: Body, o: Outfit) -> np.ndarray:
    """The height (V,) where the shoe ends."""
    y = body.template[:, 1]
    if o.shoe == "ballerina":  # open over the instep
        return -0.775 - 0.035 * np.exp(-(((y + 0.045) / 0.045) ** 2)) + 0.01 * np.clip(y * 20, 0, 1)
    if o.shoe == "sneaker":
        return -0.742 + 0.2 * np.clip(y + 0.02, -0.05, 0.02)
    low = o.bottom == "trousers" and o.leg_cut != "skinny"
    return np.full(len(y), min(o.boot_height, -0.68) if low else o.boot_height)


def _shoes(fit: Fit) -> None:
    body, o = fit.body, fit.outfit
    z = body.template[:, 2]
    fields = [_shoe_top(body, o) - z]
    sock = o.sock_thickness if o.sock_height > -0.9 else 0.0
    offset = np.full(len(z), max(0.011 if o.shoe != "ballerina" else 0.008, sock + 0.004))
    if o.shoe == "boot":
        offset = offset + 0.008 * np.clip((z + 0.75) / 0.1, 0, 1)
        covered = _covered(fit)
        if covered is not None and o.leg_cut != "skinny":
            fields.append(-covered)
    vertices = fit.shell(offset)
    sole = np.clip((-0.79 - z) / 0.02, 0, 1)
    vertices = vertices + np.array([0, 0, -0.012]) * sole[:, None]
    below = body.template[body.faces["tights"]][:, :, 2].max(1) < -0.3
    fit.add("shoes", vertices, fields, below, folds=0.3)
    fit.hidden.append(np.min(fields, 0) - 0.012)
