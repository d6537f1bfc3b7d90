"""The fixed batch with its names, and the whole monitor as a still picture. Pure numpy and Pillow."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from smis_widgets.board import wrap
from smis_widgets.pictures import enlarge
from smis_widgets.theme import INK, TILE, font
from smis_widgets.training.charts import FINE, HEIGHTS, WIDTH, draw
from smis_widgets.training.state import MonitorState, charts, describe

ROWS = ("image", "label map", "reconstruction")
SHOWN = 440  # width of the fixed batch, in CSS pixels
LABEL, GAP = 18, 4  # above a row, and between pictures


def batch_size(count: int, size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) in CSS pixels of `count` pictures of `size` (H, W) in three rows."""
    wide = (SHOWN - GAP * (count - 1)) / count
    return SHOWN, round(len(ROWS) * (wide * size[0] / size[1] + LABEL + GAP))


def batch(pictures: np.ndarray | None, size: tuple[int, int], scale: int = FINE) -> np.ndarray:
    """The fixed batch uint8 (3, N, H, W, 3) at `size` (width, height) in CSS pixels: uint8 (H', W', 4)."""
    width, height = size[0] * scale, size[1] * scale
    sheet = Image.new("RGBA", (width, height), (*INK, 0))
    pen = ImageDraw.Draw(sheet)
    if pictures is None:
        pen.rounded_rectangle((0, 0, width - 1, height - 1), 6 * scale, TILE)
        words = "no pictures yet"
        pen.text((width / 2, height / 2), words, fill=(*INK, 255), font=font(13 * scale), anchor="mm")
        return np.array(sheet)
    count, row_height = pictures.shape[1], height / len(ROWS)
    wide, high = (width - GAP * scale * (count - 1)) / count, row_height - (LABEL + GAP) * scale
    factor = min(wide / pictures.shape[3], high / pictures.shape[2])
    wide, high = pictures.shape[3] * factor, pictures.shape[2] * factor
    for row, (name, images) in enumerate(zip(ROWS, pictures, strict=True)):
        top = row * row_height
        pen.text((0, top + LABEL * scale / 2), name, fill=(*INK, 255), font=font(12 * scale), anchor="lm")
        for k, image in enumerate(images):
            place = (round(k * (wide + GAP * scale)), round(top + LABEL * scale))
            sheet.paste(enlarge(image, (round(wide), round(high)), smooth=row != 1), place)
    return np.array(sheet)


def snapshot(state: MonitorState, size: tuple[int, int], scale: int = 1) -> Image.Image:
    """Charts, the fixed batch at `size` CSS pixels, and the words: a picture (RGB) that needs no front end."""
    fine, margin = FINE * scale, 16 * FINE * scale
    left, high = WIDTH * fine, sum(HEIGHTS) * fine
    sheet = Image.new("RGBA", (left + size[0] * fine + 3 * margin, high + 2 * margin), (250, 250, 248, 255))
    last = max(1, state.progress.step)
    sheet.alpha_composite(Image.fromarray(draw(charts(state), last, scale, smooth=True)), (margin, margin))
    sheet.alpha_composite(Image.fromarray(batch(state.progress.pictures, size, fine)), (2 * margin + left, margin))
    pen = ImageDraw.Draw(sheet)
    lines = [line for words in describe(state.progress) for line in wrap(words, size[0] * fine, 12 * fine)]
    for row, line in enumerate(lines):
        place = (2 * margin + left, margin + size[1] * fine + (10 + 17 * row) * fine)
        pen.text(place, line, fill=(60, 60, 60), font=font(12 * fine))
    return sheet.convert("RGB")
