"""A gallery as a board: people in columns, photographs, masks and classes in rows. Pure numpy and Pillow."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from smis_widgets.drawing import Studio
from smis_widgets.look import EDGE, RING
from smis_widgets.pictures import enlarge
from smis_widgets.theme import FAINT, TILE, font, letter

PHOTO, MASK, CLASSES = 0, 1, 2  # rows: the photographs, the masks, then one row a class


@dataclass(frozen=True)
class Board:
    """Where everything lies. `cell` and `gap` in CSS pixels, drawn `scale` times as fine for sharp screens."""

    people: int
    classes: int
    cell: int = 48
    gap: int = 4
    scale: int = 2

    @property
    def pitch(self) -> int:
        """Height of a row and width of a column, in CSS pixels."""
        return self.cell + self.gap

    @property
    def shown(self) -> tuple[int, int]:
        """(width, height) in CSS pixels."""
        return self.people * self.pitch, (CLASSES + self.classes) * self.pitch

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels of the picture."""
        return self.shown[0] * self.scale, self.shown[1] * self.scale

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """x, y, width, height of a cell in pixels of the picture."""
        pitch, inset, side = self.pitch * self.scale, self.gap * self.scale // 2, self.cell * self.scale
        return column * pitch + inset, row * pitch + inset, side, side


def cut_out(image: np.ndarray, labels: np.ndarray, c: int, side: int) -> Image.Image:
    """Class `c` of a person alone: the square around it, everything else transparent, RGBA `side` x `side`."""
    rows, columns = np.nonzero(labels == c)
    extent = max(int(np.ptp(rows)), int(np.ptp(columns))) + 3
    top = (int(rows.min()) + int(rows.max()) + 1 - extent) // 2
    left = (int(columns.min()) + int(columns.max()) + 1 - extent) // 2
    rgba = np.dstack([image, np.where(labels == c, 255, 0).astype(np.uint8)])
    piece = Image.fromarray(rgba).crop((left, top, left + extent, top + extent))
    # Premultiplied while resizing ("RGBa"), so that hidden colours do not bleed into the edge.
    return piece.convert("RGBa").resize((side, side), Image.Resampling.LANCZOS).convert("RGBA")


def paint(board: Board, studio: Studio) -> np.ndarray:
    """The board without marks: uint8 (H, W, 4), transparent between the cells."""
    people, present = studio.pictures, studio.codes.present.tolist()
    sheet = Image.new("RGBA", board.size, (128, 128, 128, 0))
    draw = ImageDraw.Draw(sheet)
    side, corner = board.cell * board.scale, 4 * board.scale
    rounded = Image.new("L", (side, side), 0)
    ImageDraw.Draw(rounded).rounded_rectangle((0, 0, side - 1, side - 1), corner, fill=255)
    for person in range(board.people):
        image, labels = people.images[person], people.labels[person]
        for row, tile in (
            (PHOTO, enlarge(image, (side, side))),
            (MASK, enlarge(people.label_set.colorize(labels), (side, side), smooth=False)),
        ):
            sheet.paste(tile.convert("RGBA"), board.box(row, person)[:2], rounded)
        x, y, *_ = board.box(PHOTO, person)
        name = 15 * board.scale
        draw.rounded_rectangle((x, y, x + name, y + name), corner, fill=(20, 20, 20, 255))
        draw.text((x + name / 2, y + name / 2), letter(person), fill="white", font=font(11 * board.scale), anchor="mm")
        for c in range(board.classes):
            x, y, *_ = board.box(CLASSES + c, person)
            draw.rounded_rectangle((x, y, x + side - 1, y + side - 1), corner, fill=TILE)
            if present[person][c] and bool((labels == c).any()):
                sheet.alpha_composite(cut_out(image, labels, c, side - 2 * corner), (x + corner, y + corner))
            else:
                third = side // 3
                draw.line((x + third, y + 2 * third, x + 2 * third, y + third), FAINT, board.scale)
    return np.array(sheet)


def cell_style(name: str, board: Board, picture: np.ndarray) -> str:
    """CSS that gives each button `.smis-cell` inside `.name` its part of the board's picture and frames `.smis-on`."""
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
    width, height = board.shown
    shift = [-(board.pitch * k + board.gap // 2) for k in range(max(board.people, CLASSES + board.classes))]
    side, gap, cell = board.cell, board.gap // 2, f".smis-panel .{name} .smis-cell"
    rules = [
        f"{cell} {{ width: {side}px; height: {side}px; margin: 0 {gap}px; padding: 0; flex: none; border: 0;"
        f" border-radius: 5px; background: url({url}) 0 0 / {width}px {height}px; }}",
        f"{cell}:hover:enabled {{ box-shadow: inset 0 0 0 2px {EDGE}; }}",
        f"{cell}:disabled {{ opacity: 0.5; }}",
        f"{cell}.smis-on, {cell}.smis-on:hover:enabled {{ {RING} }}",
    ]
    for p in range(board.people):
        rules.append(f"{cell}:nth-child({p + 1}) {{ background-position-x: {shift[p]}px; }}")
    for r in range(CLASSES + board.classes):
        rules.append(f".smis-panel .{name} > :nth-child({r + 1}) .smis-cell {{ background-position-y: {shift[r]}px; }}")
    return "<style>" + "\n".join(rules) + "</style>"


def strip_style(name: str, images: list[np.ndarray], side: int) -> str:
    """CSS that gives the n-th button in `.name` the n-th picture uint8 (H, W, 3), `side` CSS pixels wide."""
    rules = []
    for n, image in enumerate(images):
        data, height = io.BytesIO(), side * image.shape[0] // image.shape[1]
        enlarge(image, (2 * side, 2 * height)).save(data, "PNG", compress_level=1)
        url = f"url(data:image/png;base64,{base64.b64encode(data.getvalue()).decode()})"
        rules.append(
            f".smis-panel .{name} > .smis-cell:nth-child({n + 1}) {{ width: {side}px; height: {height}px; margin: 0;"
            f" padding: 0; flex: none; border: 0; border-radius: 5px; background: {url} 0 0 / 100% 100%; }}"
        )
    return "<style>" + "\n".join(rules) + "</style>"


def wrap(words: str, width: int, size: int) -> list[str]:
    """Break a line so that it fits `width` pixels at this font size."""
    lines = [""]
    for word in words.split(" "):  # a no-break space does not part words
        longer = f"{lines[-1]} {word}".strip()
        if font(size).getlength(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
