"""The mixer's pictures: which cells of the board are framed, and the whole as a still picture. Pure."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from smis_widgets.board import CLASSES, MASK, PHOTO, Board, paint, wrap
from smis_widgets.drawing import Studio
from smis_widgets.mixer.state import MixerState, describe
from smis_widgets.pictures import enlarge
from smis_widgets.theme import ACCENT, FAINT, font, thing


def chosen(state: MixerState) -> set[tuple[int, int]]:
    """The cells (row, column) to frame: the mask, each class's source, a photograph when all comes from it."""
    cells = {(MASK, state.mask)}
    cells |= {(CLASSES + c, p) for c, p in enumerate(state.sources) if state.present[p][c]}
    if len(set(state.sources)) == 1:
        cells.add((PHOTO, state.sources[0]))
    return cells


def snapshot(
    board: Board, studio: Studio, state: MixerState, pixels: np.ndarray, shown: tuple[int, int]
) -> Image.Image:
    """The whole mixer as a still picture (RGB): names, board with marks, the mixture at `shown`, the words."""
    s = board.scale
    names, text = 116 * s, 14 * s
    width, height = board.size
    wide, high = shown[0] * s, shown[1] * s
    lines = [line for words in describe(state, studio) for line in wrap(words, wide, 12 * s)]
    lines = [line.replace("\u00a0", " ") for line in lines]  # Pillow's font has no such space
    sheet = Image.new("RGBA", (names + width + wide + 3 * text, height + 2 * text), (250, 250, 248, 255))
    draw = ImageDraw.Draw(sheet)
    for row, name in enumerate((thing(studio.samples.label_set.name), "shape", *studio.samples.label_set.classes)):
        _, y, _, cell = board.box(row, 0)
        middle = text + y + cell / 2
        if row >= CLASSES:
            colour = studio.samples.label_set.palette[row - CLASSES]
            draw.rounded_rectangle((text, middle - 6 * s, text + 12 * s, middle + 6 * s), 3 * s, colour, FAINT)
        draw.text((text + 18 * s, middle), name, fill=(40, 40, 40), font=font(13 * s), anchor="lm")
    sheet.alpha_composite(Image.fromarray(paint(board, studio)), (names, text))
    for row, column in sorted(chosen(state)):
        x, y, w, h = board.box(row, column)
        x, y = x + names, y + text
        draw.rounded_rectangle((x - s, y - s, x + w + s, y + h + s), 4 * s, outline=ACCENT, width=3 * s)
    left = names + width + text
    sheet.paste(enlarge(pixels, (wide, high)), (left, text))
    for i, line in enumerate(lines):
        draw.text((left, 2 * text + high + i * 17 * s), line, fill=(60, 60, 60), font=font(12 * s))
    return sheet.convert("RGB")
