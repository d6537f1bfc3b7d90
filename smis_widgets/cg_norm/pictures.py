"""The CG-Norm explorer's maps, in two colours around zero, with the chosen pixel framed. Pure."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from smis_widgets.cg_norm.features import Inside, Maps
from smis_widgets.cg_norm.state import CGNormState
from smis_widgets.pictures import enlarge
from smis_widgets.theme import ACCENT

FEATURES, SCALES = 4.0, 2.0  # where the colours end: for features, and for gamma and beta. The same for all, always
TILE = 192  # width of a map in CSS pixels
FINE = 128  # maps are drawn at least this wide, in pixels
STEPS = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43))  # -1, -0.5, 0, 0.5, 1
PICTURES = (  # name, what it is
    ("scene", "the image of this scene"),
    ("before", "F: features before"),
    ("normed", "BN(F): normalised"),
    ("after", "F_out: after"),
    ("labels", "label map at this size"),
    ("gamma", "gamma(M): scale"),
    ("beta", "beta(M): shift"),
    ("change", "change of F_out by 'off'"),
)


def diverging(values: np.ndarray, end: float) -> np.ndarray:
    """Numbers (H, W) as colours uint8 (H, W, 3): white at 0, blue down to `-end`, red up to `end`, flat beyond."""
    places = (np.clip(values / end, -1, 1) + 1) * (len(STEPS) - 1) / 2
    table = np.array(STEPS, float)
    return np.stack([np.interp(places, range(len(STEPS)), table[:, k]) for k in range(3)], -1).round().astype(np.uint8)


def tiles(state: CGNormState, inside: Inside, maps: Maps) -> dict[str, np.ndarray]:
    """Every picture of `PICTURES`, uint8 (H, W, 3) of one size, with the chosen pixel framed."""
    samples = inside.studio.samples
    height, width = samples.labels.shape[1:]
    factor = max(1, round(FINE / width))
    size = (width * factor, height * factor)
    plain = {
        "scene": samples.images[state.scene],
        "labels": samples.label_set.colorize(maps.labels),
        "before": diverging(maps.before, FEATURES),
        "normed": diverging(maps.normed, FEATURES),
        "after": diverging(maps.after, FEATURES),
        "change": diverging(maps.change, FEATURES),
        "gamma": diverging(maps.gamma, SCALES),
        "beta": diverging(maps.beta, SCALES),
    }
    return {name: framed(np.array(enlarge(picture, size, name == "scene")), state) for name, picture in plain.items()}


def framed(picture: np.ndarray, state: CGNormState) -> np.ndarray:
    """The picture with a frame around the chosen pixel of the maps: the accent colour in black, seen on anything."""
    height, width = picture.shape[:2]
    (x, y), (rows, columns) = state.pixel, state.here.size
    side = max(width / columns, 5.0)
    left, top = (x + 0.5) * width / columns - side / 2, (y + 0.5) * height / rows - side / 2
    sheet = Image.fromarray(picture)
    pen = ImageDraw.Draw(sheet)
    box = [round(left) - 1, round(top) - 1, round(left + side), round(top + side)]
    pen.rectangle((box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), None, (30, 30, 30), 1)
    pen.rectangle(tuple(box), None, ACCENT, 2)
    if side > 8:
        pen.rectangle((box[0] + 2, box[1] + 2, box[2] - 2, box[3] - 2), None, (30, 30, 30), 1)
    return np.array(sheet)


def length(value: float) -> float:
    """How long a bar for gamma or beta is, -1 to 1: the scale is that of the maps."""
    return float(np.clip(value / SCALES, -1, 1))


def stair(groups: int, most: int) -> int:
    """The height of a step in CSS pixels. Not proportional: then 1 and 2 of 15 groups would look alike."""
    return round(12 + 66 * (groups / most) ** 0.5)
