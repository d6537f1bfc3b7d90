"""The CG-Norm explorer as a still picture, for readers without a kernel. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from smis.labels import LabelSet
from smis_widgets.board import wrap
from smis_widgets.cg_norm.features import Inside, Maps
from smis_widgets.cg_norm.pictures import FEATURES, PICTURES, SCALES, TILE, diverging, length, stair, tiles
from smis_widgets.cg_norm.state import NORMS, CGNormState
from smis_widgets.pictures import enlarge
from smis_widgets.theme import ACCENT, FAINT, INK, font, letter

EDGE, GAP, HEAD = 24, 12, 46  # around everything, between maps, above staircase and bars, in CSS pixels
GREY, LINE = (60, 60, 60), 22
WIDTH = 4 * TILE + 3 * GAP + 2 * EDGE + 60
COLOURS = (
    f"Colours: features from -{FEATURES:g} to {FEATURES:g}, gamma and beta from -{SCALES:g} to {SCALES:g}; white is 0."
)


def snapshot(
    state: CGNormState, inside: Inside, maps: Maps, lines: Sequence[str], words: Sequence[str], scale: int = 1
) -> Image.Image:
    """Title, staircase, bars by class, maps with captions, formula, words: RGB, `scale` times as large."""
    s = scale
    size = inside.studio.samples.labels.shape[1:]
    tall = TILE * size[0] // size[1]  # of a map
    wrapped = [line for text in (*words, COLOURS) for line in wrap(text, (WIDTH - 2 * EDGE) * s, 13 * s)]
    head = max(180, HEAD + LINE * len(state.classes)) + 14
    height = 2 * EDGE + head + 2 * (tall + 30) + 16 + LINE * len(lines) + 19 * len(wrapped)
    sheet = Image.new("RGB", (WIDTH * s, height * s), (250, 250, 248))
    pen = ImageDraw.Draw(sheet)
    title = f"scene {letter(state.scene)}   |   block {state.block}   |   {NORMS[state.norm]} CG-Norm   |   "
    title += f"mean of group {state.group}" if state.mean else f"channel {state.channel} of {state.channels}"
    pen.text((EDGE * s, (EDGE + 6) * s), title, GREY, font=font(15 * s), anchor="lm")
    staircase(pen, state, s)
    bars(pen, state, maps, inside.studio.samples.label_set, s)

    y = EDGE + head
    pictures = tiles(state, inside, maps)
    for k, (name, caption) in enumerate(PICTURES):
        x, top = EDGE + (k % 4) * (TILE + GAP), y + (k // 4) * (tall + 30)
        pen.text((x * s, (top + 9) * s), caption, GREY, font=font(13 * s), anchor="lm")
        sheet.paste(enlarge(pictures[name], (TILE * s, tall * s), smooth=name == "scene"), (x * s, (top + 20) * s))
        box = (x * s, (top + 20) * s, (x + TILE) * s - 1, (top + 20 + tall) * s - 1)
        pen.rectangle(box, None, (210, 210, 210), s)
    legend(pen, EDGE + 4 * (TILE + GAP), y + 20, tall, s)
    y += 2 * (tall + 30) + 8
    for line in lines:
        pen.text((EDGE * s, y * s), line, (30, 30, 30), font=font(14 * s))
        y += LINE
    for row, line in enumerate(wrapped):
        pen.text((EDGE * s, (y + 8 + 19 * row) * s), line, GREY, font=font(13 * s))
    return sheet


def staircase(pen: ImageDraw.ImageDraw, state: CGNormState, s: int) -> None:
    """A step a block, as high as it has groups; the chosen one in the accent colour."""
    small, foot = font(13 * s), EDGE + 146
    pen.text((EDGE * s, (EDGE + 34) * s), "groups of gamma and beta, by block", INK, font=small, anchor="lm")
    wide, most = 330 // len(state.blocks), max(block.groups for block in state.blocks)
    for block in state.blocks:
        x, tall = EDGE + block.number * wide, stair(block.groups, most)
        colour = ACCENT if block.number == state.block else (190, 190, 190)
        pen.rectangle((x * s, (foot - tall) * s, (x + wide - 4) * s, foot * s), colour)
        middle = (x + wide / 2 - 2) * s
        pen.text((middle, (foot - 8 - tall) * s), str(block.groups), GREY, font=small, anchor="mm")
        pen.text((middle, (foot + 12) * s), str(block.number), INK, font=small, anchor="mm")


def bars(pen: ImageDraw.ImageDraw, state: CGNormState, maps: Maps, labels: LabelSet, s: int) -> None:
    """gamma and beta of each class, in the class's colour; an outline shows them with no class switched off."""
    left, small = EDGE + 380, font(13 * s)
    axes = (left + 180, left + 350)
    for axis, name in zip(axes, ("gamma by class", "beta by class"), strict=True):
        pen.text((axis * s, (EDGE + 34) * s), name, INK, font=small, anchor="mm")
    for c, name in enumerate(state.classes):
        y = EDGE + HEAD + LINE * c
        pen.rounded_rectangle((left * s, (y + 4) * s, (left + 12) * s, (y + 16) * s), 3 * s, labels.palette[c], INK)
        text = f"{name} (off)" if c in state.off else name
        pen.text(((left + 18) * s, (y + 10) * s), text, GREY, font=small, anchor="lm")
        for k, axis in enumerate(axes):
            pen.line((axis * s, y * s, axis * s, (y + LINE - 1) * s), FAINT[:3], s)
            if np.isnan(maps.by_class[c, k]):
                place = ((axis + 6) * s, (y + 10) * s)
                pen.text(place, "not in this scene", INK, font=font(11 * s), anchor="lm")
                continue
            for value, colour in ((maps.by_class[c, k + 2], None), (maps.by_class[c, k], labels.palette[c])):
                end = axis + 72 * length(value)
                box = (min(axis, end) * s, (y + 4) * s, max(axis, end) * s, (y + 17) * s)
                pen.rectangle(box, colour, INK)


def legend(pen: ImageDraw.ImageDraw, x: int, y: int, height: int, s: int) -> None:
    """The colours' scale, for features and in brackets for gamma and beta."""
    ramp = diverging(np.linspace(1, -1, height * s)[:, None], 1)[:, 0]
    for row, colour in enumerate(ramp):
        pen.line((x * s, y * s + row, (x + 12) * s, y * s + row), tuple(int(v) for v in colour))
    words = (f"{FEATURES:g} ({SCALES:g})", "0", f"-{FEATURES:g} (-{SCALES:g})")
    for share, text, anchor in zip((0, 0.5, 1), words, ("lt", "lm", "lb"), strict=True):
        place = ((x + 16) * s, (y + share * height) * s)
        pen.text(place, text, INK, font=font(11 * s), anchor=anchor)
