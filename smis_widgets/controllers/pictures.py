"""The controllers' pictures: the heat map, and the whole as a still picture. Pure."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from smis_widgets.base import Frame
from smis_widgets.board import wrap
from smis_widgets.controllers.bench import Axes, Bench, describe, figures, made
from smis_widgets.controllers.state import FAR, Choice, ControlState
from smis_widgets.pictures import enlarge
from smis_widgets.theme import ACCENT, FAINT, font

WIDTH = 880  # of the widget in CSS pixels
GAP = 20
SIDE = (WIDTH - 2 * GAP) // 3  # width of a picture
FULL = 96.0  # the change, of 255, that gets the brightest colour
HEAT = np.array([(30, 28, 52), (92, 30, 90), (196, 60, 50), (240, 160, 40), (255, 246, 190)], float)
EDGE = (120, 170, 230)  # the line around the area that is looked at


def heat(change: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The change as colours, dark at 0 and brightest from `FULL` on, with a line around the area: uint8 (H, W, 3)."""
    place = np.clip(change / FULL, 0, 1) * (len(HEAT) - 1)
    below = np.minimum(place.astype(int), len(HEAT) - 2)
    share = (place - below)[..., None]
    colours = ((1 - share) * HEAT[below] + share * HEAT[below + 1]).round().astype(np.uint8)
    inner = np.pad(area, 1, mode="edge")
    inner = inner[1:-1, 1:-1] & inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    colours[area & ~inner] = EDGE
    return colours


def legend(height: int = 8, width: int = SIDE) -> np.ndarray:
    """The heat map's scale from 0 to `FULL`: uint8 (height, width, 3)."""
    scale = np.broadcast_to(np.linspace(0, FULL, width), (height, width))
    return heat(scale, np.zeros((height, width), bool))


def fitted(size: tuple[int, int]) -> tuple[int, int]:
    """(width, height) in CSS pixels for pictures of `size` (height, width)."""
    height = round(SIDE * size[0] / size[1])
    return (SIDE, height) if height <= 400 else (round(400 * size[1] / size[0]), 400)


def axis_name(axes: Axes, k: int) -> str:
    """What stands before a slider: the axis's number and its part of the variance of this class's codes."""
    share = 100 * float(axes.shares[k])
    return f"axis {k + 1}, {share:.0f} %" if share >= 1 else f"axis {k + 1}, under 1 %"


def snapshot(state: ControlState, bench: Bench, frame: Frame, scale: int = 1) -> Image.Image:
    """The whole as a still picture (RGB)."""
    assert frame.image is not None
    s, edge, c = scale, 16 * scale, state.chosen
    shown, axes, stats = fitted(frame.image.shape[:2]), bench.axes(state.chosen), frame.stats
    lines = [part for words in describe(state, bench, frame) for part in wrap(words, WIDTH * s, 13 * s)]
    rows = len(state.classes)
    lower = max(20 * rows, 26 * (len(axes.deviations) + 1)) + 20
    top = shown[1] + 62
    sheet = Image.new("RGB", (WIDTH * s + 2 * edge, (top + lower + 18 * len(lines)) * s + 2 * edge), (250, 250, 248))
    draw = ImageDraw.Draw(sheet)

    def write(x: float, y: float, words: str, anchor: str = "lm", size: int = 12) -> None:
        words = words.replace("\u00a0", " ").replace("−", "-")  # Pillow's font lacks these
        draw.text((x * s + edge, y * s + edge), words, (60, 60, 60), font=font(size * s), anchor=anchor)

    def box(*corners: float) -> tuple[float, ...]:
        return tuple(v * s + edge for v in corners)

    size = (shown[0] * s, shown[1] * s)
    change = heat(stats["change"], stats["area"])
    for k, (image, words) in enumerate(
        ((stats["before"], "before"), (frame.image, "now"), (change, f"difference, 0 to {FULL:g} of 255"))
    ):
        x = k * (SIDE + GAP)
        sheet.paste(enlarge(image, size), ((x + (SIDE - shown[0]) // 2) * s + edge, edge))
        write(x + SIDE / 2, shown[1] + 12, words, "mm")
    inside, outside, ratio = figures(frame)
    for k, words in enumerate((f"in its area: {inside}", f"elsewhere: {outside}", f"ratio {ratio}")):
        write(k * (SIDE + GAP) + SIDE / 2, shown[1] + 38, words, "mm", 14)

    for n, (name, choice) in enumerate(zip(state.classes, state.choices, strict=True)):
        y, mark = top + 20 * n + 8, " (locked)" if n in state.locked else ""
        draw.rounded_rectangle(box(0, y - 6, 12, y + 6), 3 * s, bench.controls.palette[n], FAINT)
        if n == c:
            draw.rounded_rectangle(box(-4, y - 10, 300, y + 10), 5 * s, outline=ACCENT, width=2 * s)
        write(20, y, name + mark)
        write(130, y, "as it is" if choice == Choice() else made(choice).split(", then")[0])
    left, right = 470, WIDTH - 60
    for k in range(len(axes.deviations) + 1):
        y = top + 26 * k + 8
        if k < len(axes.deviations):
            words, value, low, high = axis_name(axes, k), state.choices[c].axes[k], -FAR, FAR
        else:
            words, value, low, high = "truncation", state.choices[c].truncation, 0.0, 1.0
        write(330, y, words)
        draw.rounded_rectangle(box(left, y - 2, right, y + 2), 2 * s, (215, 215, 212))
        knob = left + (value - low) / (high - low) * (right - left)
        draw.ellipse(box(knob - 7, y - 7, knob + 7, y + 7), ACCENT)
        write(WIDTH, y, f"{value:+.1f}" if k < len(axes.deviations) else f"{value:.2f}", "rm")
    for k, line in enumerate(lines):
        write(0, top + lower + 18 * k, line, size=13)
    return sheet


STYLE = f"""<style>
.smis-controllers .smis-figure {{ text-align: center; font-size: 13px; line-height: 20px;
  color: var(--jp-ui-font-color1, inherit); }}
.smis-controllers .smis-figure b {{ font-size: 17px; color: var(--jp-ui-font-color0, inherit);
  font-variant-numeric: tabular-nums; }}
.smis-controllers .smis-scale {{ display: inline-block; width: 56px; height: 8px; border-radius: 4px;
  vertical-align: middle;
  background: linear-gradient(90deg, {", ".join(f"rgb({r:.0f} {g:.0f} {b:.0f})" for r, g, b in HEAT)}); }}
</style>"""
