"""How the painter looks: colours of the classes, the tray of scenes and stamps, the still picture. Pure."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from smis.labels import LabelSet
from smis_widgets.board import cut_out, wrap
from smis_widgets.look import DIM, EDGE, RING, SWATCH, swatches
from smis_widgets.painter.atelier import Atelier, describe
from smis_widgets.painter.state import PainterState
from smis_widgets.pictures import enlarge
from smis_widgets.theme import FAINT, TILE, font, letter

CELL = 48  # a thumbnail's side in CSS pixels
FINE = 2  # pixels of a thumbnail for each CSS pixel

STYLE = f"""<style>
.smis-painter canvas {{ image-rendering: auto; }}
.smis-painter .smis-easel {{ display: grid; border-radius: 8px; background: rgb(128 128 128 / 20%); }}
.smis-painter canvas.smis-map {{ image-rendering: pixelated; pointer-events: none; }}
.smis-painter canvas.smis-guides {{ cursor: crosshair; outline: none; }}
.smis-painter .smis-tool.jupyter-button {{ padding: 0 7px; margin: 0 2px 2px 0; }}
.smis-painter .smis-classes .smis-tool.jupyter-button {{ width: 100%; margin: 0 0 1px; padding: 0 6px 0 4px;
  text-align: left; overflow: hidden; text-overflow: ellipsis; }}
.smis-painter .smis-classes .smis-tool.jupyter-button:not(.smis-on) {{ background: transparent;
  border-color: transparent; }}
.smis-painter .smis-classes .jupyter-button.smis-absent {{ color: {DIM}; font-style: italic; }}
.smis-painter .smis-classes .jupyter-button::before {{ {SWATCH} }}
.smis-painter .smis-tray .smis-cell {{ width: {CELL}px; height: {CELL}px; margin: 0 4px 0 0; padding: 0; flex: none;
  border: 0; border-radius: 5px; background: rgb(150 150 150 / 31%) center / cover no-repeat; }}
.smis-painter .smis-tray .smis-cell:hover:enabled {{ box-shadow: inset 0 0 0 2px {EDGE}; }}
.smis-painter .smis-tray .smis-cell.smis-on, .smis-painter .smis-tray .smis-cell.smis-on:hover:enabled {{ {RING} }}
.smis-painter .smis-measure .widget-readout {{ min-width: 30px; width: 34px; }}
.smis-painter .smis-load.jupyter-button {{ width: auto; margin: 0; font-size: 0; }}
.smis-painter .smis-load.jupyter-button::after {{ content: "Load"; font-size: var(--jp-widgets-font-size, 13px); }}
.smis-painter .smis-load.jupyter-button i {{ font-size: var(--jp-widgets-font-size, 13px); }}
.smis-painter .smis-busy {{ visibility: hidden; }}
.smis-painter .smis-busy.smis-now {{ visibility: visible; transition: visibility 0s 0.15s; }}
</style>"""


def class_style(scope: str, label_set: LabelSet, height: int) -> str:
    """CSS that gives the n-th button in `.scope` the colour of class n; all fit into `height` pixels, if they can."""
    tall = min(max(height // len(label_set) - 2, 20), 26)
    rules = [f".smis-painter .{scope} .smis-tool.jupyter-button {{ height: {tall}px; }}"]
    return "<style>" + "\n".join(rules) + "</style>" + swatches(scope, "smis-tool", label_set.palette)


def tray_style(scope: str, tiles: Sequence[Image.Image | None]) -> str:
    """CSS that gives the n-th cell in `.scope` its picture; None: an empty cell."""
    rules = []
    for n, tile in enumerate(tiles):
        if tile is not None:
            data = io.BytesIO()
            tile.save(data, "PNG")
            url = f"data:image/png;base64,{base64.b64encode(data.getvalue()).decode()}"
            rules.append(f".smis-painter .{scope} > .smis-cell:nth-child({n + 1}) {{ background-image: url({url}); }}")
    return "<style>" + "\n".join(rules) + "</style>"


def scene_tiles(atelier: Atelier) -> list[Image.Image]:
    """The examples as thumbnails, each with its letter."""
    side, tiles = CELL * FINE, []
    for n, image in enumerate(atelier.studio.pictures.images):
        tile = enlarge(image, (side, side))
        draw, name = ImageDraw.Draw(tile), 15 * FINE
        draw.rectangle((0, 0, name, name), fill=(20, 20, 20))
        draw.text((name / 2, name / 2), letter(n), fill="white", font=font(11 * FINE), anchor="mm")
        tiles.append(tile)
    return tiles


def stamp_tiles(atelier: Atelier, c: int) -> list[Image.Image | None]:
    """What a stamp of class `c` takes from each example, cut out; None where an example does not show the class."""
    images, side, edge = atelier.studio.pictures.images, CELL * FINE, 4 * FINE
    fine = images.shape[1] // atelier.scenes.shape[0]
    tiles: list[Image.Image | None] = []
    for n, image in enumerate(images):
        piece = atelier.scenes.piece(n, c)
        if piece is None:
            tiles.append(None)
            continue
        (height, width), (top, left) = piece.mask.shape, piece.corner
        mask = np.zeros(atelier.scenes.shape, np.uint8)
        mask[top : top + height, left : left + width] = piece.mask
        mask = mask.repeat(fine, 0).repeat(fine, 1)
        tile = Image.new("RGBA", (side, side), (0, 0, 0, 0))
        tile.alpha_composite(cut_out(image, mask, 1, side - 2 * edge), (edge, edge))
        tiles.append(tile)
    return tiles


def blend(labels: np.ndarray, image: np.ndarray, label_set: LabelSet, opacity: float) -> np.ndarray:
    """The label map (H, W) over the picture (H, W, 3): what the easel shows, uint8 (H, W, 3)."""
    return np.round(label_set.colorize(labels) * opacity + image * (1 - opacity)).astype(np.uint8)


def snapshot(
    state: PainterState, atelier: Atelier, image: np.ndarray, opacity: float, shown: tuple[int, int], scale: int
) -> Image.Image:
    """The painter as a still picture (RGB): the map over the picture, the picture, the classes, the words."""
    label_set, s = state.scenes.label_set, scale
    wide, high, text, names = shown[0] * s, shown[1] * s, 14 * s, 132 * s
    width = names + 2 * wide + 4 * text
    lines = [line for words in describe(state, atelier) for line in wrap(words, width - 2 * text, 12 * s)]
    sheet = Image.new("RGB", (width, high + 3 * text + 17 * s * len(lines)), (250, 250, 248))
    draw = ImageDraw.Draw(sheet, "RGBA")
    areas, step = state.areas(), min(26 * s, high // len(label_set))
    for c, name in enumerate(label_set.classes):
        middle = text + (c + 0.5) * step
        if c == state.c:
            draw.rounded_rectangle(
                (text - 4 * s, middle - step / 2, text + names - 4 * s, middle + step / 2), 4 * s, TILE
            )
        box = (text, middle - 0.25 * step, text + 0.5 * step, middle + 0.25 * step)
        draw.rounded_rectangle(box, 3 * s, label_set.palette[c], FAINT)
        ink, size = ((40, 40, 40) if areas[c] > 0 else (150, 150, 150)), min(13 * s, max(step - 2, 4))
        draw.text((text + 0.5 * step + 7 * s, middle), name, fill=ink, font=font(size), anchor="lm")
    left = names + 2 * text
    mixed = blend(state.labels, image, label_set, opacity)
    sheet.paste(enlarge(mixed, (wide, high), smooth=False), (left, text))
    sheet.paste(enlarge(image, (wide, high)), (left + wide + text, text))
    for i, line in enumerate(lines):
        plain = line.replace("\u00a0", " ")  # the font has no sign for a no-break space
        draw.text((text, 2 * text + high + i * 17 * s), plain, fill=(60, 60, 60), font=font(12 * s))
    return sheet
