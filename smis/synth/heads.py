"""Heads: shapes of faces, and expressions. Part of the geometry: all of it may move the label map.

A face is the body's own head plus a sum of displacements that artists sculpted (`smis.synth.bake`): a wider jaw, a
longer nose, a smile. Each is smooth and so is their sum. How much of each is drawn at random; female and male shapes
differ in some means, by less than the spread, so they overlap.
"""

from __future__ import annotations

import numpy as np

from smis.synth.body import Body, Shape

# Outlines, of which a face has one in part: chances for female and male shapes.
OUTLINES = {
    "head-oval": (0.3, 0.2),
    "head-round": (0.22, 0.12),
    "head-square": (0.08, 0.2),
    "head-diamond": (0.1, 0.08),
    "head-triangular": (0.08, 0.1),
    "head-invertedtriangular": (0.14, 0.1),
    "head-rectangular": (0.08, 0.2),
}
# Displacement: mean of female and of male shapes, spread. 1 is as far as the artist went, which is too far for most.
SHAPES = {
    "head-age": (0.0, 0.1, 0.45),
    "head-fat": (0.05, 0.0, 0.4),
    "head-angle": (0.0, 0.0, 0.08),
    "head-scale-horiz": (-0.05, 0.0, 0.13),
    "head-scale-vert": (-0.05, 0.0, 0.15),
    "forehead-scale-vert": (0.0, 0.0, 0.12),
    "forehead-temple": (0.0, 0.0, 0.35),
    "forehead-trans": (-0.2, 0.1, 0.25),
    "eyebrows-angle": (0.05, -0.05, 0.25),
    "eyebrows-trans": (0.3, -0.1, 0.4),
    "eye-bag": (-0.1, 0.1, 0.4),
    "eye-corner1": (0.0, 0.0, 0.5),
    "eye-corner2": (0.3, 0.2, 0.45),
    "eye-epicanthus": (0.0, 0.0, 0.4),
    "eye-eyefold": (0.0, 0.0, 0.5),
    "eye-eyefold-angle": (0.0, 0.0, 0.5),
    "eye-height1": (0.2, 0.05, 0.25),
    "eye-height2": (0.45, 0.2, 0.25),
    "eye-height3": (0.2, 0.05, 0.25),
    "eye-push1": (0.0, 0.0, 0.3),
    "eye-push2": (0.0, 0.0, 0.3),
    "eye-scale": (1.0, 0.5, 0.35),
    "eye-trans-out": (0.0, 0.0, 0.3),
    "eye-trans-up": (0.0, 0.0, 0.3),
    "nose-base": (0.1, -0.05, 0.4),
    "nose-compression": (0.0, 0.0, 0.35),
    "nose-curve": (-0.2, 0.1, 0.4),
    "nose-flaring": (-0.1, 0.1, 0.45),
    "nose-greek": (0.0, 0.1, 0.4),
    "nose-hump": (-0.35, 0.2, 0.5),
    "nose-nostrils-angle": (0.0, 0.0, 0.4),
    "nose-nostrils-width": (-0.2, 0.1, 0.5),
    "nose-point": (0.1, -0.05, 0.3),
    "nose-point-width": (-0.35, 0.15, 0.5),
    "nose-scale-depth": (-0.3, 0.05, 0.3),
    "nose-scale-horiz": (-0.6, 0.0, 0.42),
    "nose-scale-vert": (-0.4, 0.0, 0.28),
    "nose-volume": (-0.25, 0.2, 0.4),
    "nose-width1": (-0.1, 0.1, 0.4),
    "nose-width2": (-0.1, 0.1, 0.4),
    "nose-width3": (-0.1, 0.1, 0.45),
    "cheek-bones": (0.2, 0.0, 0.45),
    "cheek-inner": (0.0, 0.0, 0.4),
    "cheek-trans": (0.1, 0.0, 0.3),
    "cheek-volume": (0.1, -0.1, 0.45),
    "mouth-cupidsbow": (0.3, 0.0, 0.5),
    "mouth-dimples": (0.0, 0.0, 0.4),
    "mouth-laugh-lines": (-0.2, 0.0, 0.4),
    "mouth-lowerlip-height": (0.0, -0.15, 0.3),
    "mouth-lowerlip-volume": (0.25, -0.15, 0.4),
    "mouth-philtrum-volume": (0.0, 0.0, 0.4),
    "mouth-scale-horiz": (-0.05, 0.1, 0.3),
    "mouth-scale-vert": (0.0, -0.15, 0.35),
    "mouth-trans": (0.0, 0.0, 0.2),
    "mouth-upperlip-height": (0.05, -0.15, 0.35),
    "mouth-upperlip-volume": (0.3, -0.15, 0.4),
    "chin-bones": (-0.35, 0.1, 0.4),
    "chin-cleft": (-0.1, 0.2, 0.4),
    "chin-height": (-0.2, 0.05, 0.25),
    "chin-jaw-drop": (-0.2, 0.1, 0.35),
    "chin-prognathism": (0.0, 0.0, 0.3),
    "chin-prominent": (-0.1, 0.1, 0.35),
    "chin-triangle": (0.35, 0.05, 0.3),
    "chin-width": (-0.5, 0.1, 0.4),
    "ear-flap": (0.0, 0.0, 0.25),
    "ear-lobe": (0.0, 0.1, 0.4),
    "ear-scale": (-0.15, 0.15, 0.3),
    "ear-wing": (0.0, 0.1, 0.3),
    "neck-double": (0.0, 0.0, 0.2),
    "asym-brown-1": (0.0, 0.0, 0.2),
    "asym-jaw-1": (0.0, 0.0, 0.2),
    "asym-mouth-1": (0.0, 0.0, 0.2),
    "asym-nose-1": (0.0, 0.0, 0.25),
}
# Expression: chance, and the range of each displacement.
Ranges = dict[str, tuple[float, float]]
SMILE = ("mouthSmileLeft", "mouthSmileRight")
EXPRESSIONS: dict[str, tuple[float, Ranges]] = {
    "calm": (0.14, {"smile": (0.4, 0.6), "browOuterUp": (0, 0.3)}),
    "soft smile": (0.28, {"smile": (0.65, 0.9), "cheekSquint": (0.1, 0.3), "browOuterUp": (0, 0.4)}),
    "smile": (
        0.22,
        {"smile": (0.95, 1.25), "cheekSquint": (0.2, 0.45), "eyeSquint": (0, 0.3), "browOuterUp": (0, 0.4)},
    ),
    "open smile": (
        0.2,
        {
            "smile": (0.8, 1.15),
            "jawOpen": (0.08, 0.2),
            "mouthUpperUp": (0.5, 0.9),
            "cheekSquint": (0.15, 0.4),
            "eyeSquint": (0, 0.25),
            "browOuterUp": (0, 0.5),
        },
    ),
    "smirk": (0.05, {"mouthSmileLeft": (0.4, 0.5), "mouthSmileRight": (0.8, 1.0), "browOuterUpRight": (0.2, 0.7)}),
    "raised brows": (0.06, {"smile": (0.6, 0.9), "browInnerUp": (0.15, 0.4), "browOuterUp": (0.6, 1.0)}),
    "thoughtful": (0.03, {"smile": (0.4, 0.55), "browDown": (0.2, 0.4), "mouthPress": (0.1, 0.3)}),
    "pout": (0.02, {"mouthPucker": (0.2, 0.5), "smile": (0.3, 0.5)}),
}


def with_face(body: Body, shape: Shape, female: bool, rng: np.random.Generator) -> Shape:
    """The shape with a random face and expression; its eyes' bones stay in the middle of the eyeballs."""
    shift = body.face_shift(sample_face(female, rng)) + body.face_shift(sample_expression(rng))
    vertices, heads = shape.vertices + shift, shape.heads.copy()
    for bone, group in (("eye.L", "l-eye"), ("eye.R", "r-eye")):
        heads[body.bone(bone)] = vertices[np.unique(body.faces[group])].mean(0)
    return Shape(vertices, heads)


def sample_face(female: bool, rng: np.random.Generator) -> dict[str, float]:
    """How much of each displacement a random face has."""
    side = 0 if female else 1
    chances = [chance[side] for chance in OUTLINES.values()]
    face = {str(rng.choice(list(OUTLINES), p=chances)): rng.uniform(0, 0.7)}
    for name, row in SHAPES.items():
        face[name] = row[side] + row[2] * np.clip(rng.normal(), -2, 2)
    return face


def sample_expression(rng: np.random.Generator) -> dict[str, float]:
    """How much of each displacement a random expression has; left and right differ a little."""
    kind = str(rng.choice(list(EXPRESSIONS), p=[chance for chance, _ in EXPRESSIONS.values()]))
    expression = {"eyeWide": max(0.0, rng.normal(0, 0.08)), "eyeBlink": rng.uniform(0, 0.08)}
    for name, (low, high) in EXPRESSIONS[kind][1].items():
        amount = rng.uniform(low, high)
        sides = {"smile": SMILE, "browOuterUp": ("browOuterUpLeft", "browOuterUpRight")}.get(name, (name,))
        for one in sides:
            expression[one] = amount * (rng.uniform(0.85, 1.15) if len(sides) == 2 else 1.0)
    return expression
