"""The grouped convolution as pictures: the units with their connections, and the weight matrix beside them. Pure.

Both pictures have the same height, and a row of the matrix is as high as the output unit that it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from smis_widgets.board import wrap
from smis_widgets.grouped_conv.state import SIDES, ConvState, Layer, Side, Unit
from smis_widgets.theme import ACCENT, FAINT, INK, font

Colour = tuple[int, int, int]


# A colour for each group, over and over. No orange: that marks what is chosen. No red: that is what does not fit.
COLOURS: tuple[Colour, ...] = (
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (140, 106, 60),
    (126, 104, 190),
    (110, 160, 40),
    (60, 130, 140),
)
RED = (214, 64, 64)
SHOWN = (408, 424)  # width and height of each picture in CSS pixels
HEAD, ROOM, LARGEST = 38, 376, 44  # above the units, for the units, largest distance of two units
COLUMNS: dict[Side, int] = {"input": 62, "output": 346}  # where the units stand
LEFT = 28  # of the matrix


def group_colour(group: int | None) -> Colour:
    """The colour of a group; red for a unit that is left over."""
    return RED if group is None else COLOURS[group % len(COLOURS)]


@dataclass(frozen=True)
class Plan:
    """Where everything lies, in CSS pixels."""

    layer: Layer

    @property
    def pitch(self) -> int:
        """From one unit to the next, and the side of a cell of the matrix."""
        return min(LARGEST, ROOM // max(self.layer.channels_in, self.layer.channels_out))

    def top(self, side: Side) -> int:
        """Where the units of a side begin: both columns are centred."""
        return HEAD + (ROOM - self.pitch * self.layer.width(side)) // 2

    @property
    def left(self) -> int:
        """Where the matrix begins."""
        return LEFT + (ROOM - self.pitch * self.layer.channels_in) // 2

    def centre(self, unit: Unit) -> tuple[float, float]:
        """Of a unit in the diagram."""
        side, number = unit
        return COLUMNS[side], self.top(side) + (number + 0.5) * self.pitch

    @property
    def radius(self) -> float:
        """Of a unit."""
        return min(14.0, 0.4 * self.pitch)

    def cell(self, output: int, source: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of one cell of the matrix."""
        x, y = self.left + source * self.pitch, self.top("output") + output * self.pitch
        return x, y, x + self.pitch, y + self.pitch

    def unit_at(self, x: float, y: float) -> Unit | None:
        """The unit of the diagram at a place."""
        for side, column in COLUMNS.items():
            number = int((y - self.top(side)) // self.pitch)
            if abs(x - column) <= 24 and 0 <= number < self.layer.width(side):
                return side, number
        return None

    def row_at(self, x: float, y: float) -> Unit | None:
        """The output unit whose row of the matrix is at a place; above the matrix the input unit of the column."""
        column, row = int((x - self.left) // self.pitch), int((y - self.top("output")) // self.pitch)
        if 0 <= column < self.layer.channels_in and row < 0:
            return "input", column
        if 0 <= row < self.layer.channels_out and column < self.layer.channels_in:
            return "output", row
        return None


def draw(state: ConvState, scale: int = 2) -> np.ndarray:
    """The diagram and the matrix side by side, uint8 (H, 2 W, 4), transparent background."""
    if state.layer.complaint is not None:
        state = state.look(None)  # nobody sees anybody
    return np.hstack([np.array(diagram(state, scale)), np.array(matrix(state, scale))])


def diagram(state: ConvState, scale: int = 2) -> Image.Image:
    """Input units at the left, output units at the right, a line wherever an output sees an input."""
    layer, plan, s = state.layer, Plan(state.layer), scale
    sheet = Image.new("RGBA", (SHOWN[0] * s, SHOWN[1] * s), (*INK, 0))
    pen = ImageDraw.Draw(sheet)
    for side in SIDES:
        pen.text((COLUMNS[side] * s, 14 * s), f"{side} units", (*INK, 255), font=font(13 * s), anchor="mm")
    lit = lights(state)
    pairs = [(o, i) for o in range(layer.channels_out) for i in range(layer.channels_in) if layer.sees(o, i)]
    wide = 1 if len(pairs) > 200 else 2
    strong = [state.chosen is None or state.chosen in (("output", o), ("input", i)) for o, i in pairs]
    for bright in (False, True):  # what is chosen lies above the rest
        for (o, i), on in zip(pairs, strong, strict=True):
            if on == bright:
                ends = (plan.centre(("input", i)), plan.centre(("output", o)))
                colour = (*group_colour(layer.group(("output", o))), 255 if on else 44)
                line = [(x * s, y * s) for x, y in ends]
                pen.line(line, colour, wide * s if on and state.chosen else wide * s // 2 or 1)
    for side in SIDES:
        for number in range(layer.width(side)):
            unit_picture(pen, plan, (side, number), state, (side, number) in lit, s)
    if layer.complaint is not None:
        cross = ("no connections:", "these channels do not", "fall into equal groups")
        for row, words in enumerate(cross):
            y = HEAD + ROOM / 2 + (row - 1) * 20
            pen.text((sum(COLUMNS.values()) / 2 * s, y * s), words, (*RED, 255), font=font(14 * s), anchor="mm")
    return sheet


def unit_picture(pen: ImageDraw.ImageDraw, plan: Plan, unit: Unit, state: ConvState, lit: bool, s: int) -> None:
    """One unit: a disc in its group's colour with its number; pale when it has nothing to do with the chosen one."""
    (x, y), r = plan.centre(unit), plan.radius
    group = plan.layer.group(unit)
    colour = group_colour(group)
    box = ((x - r) * s, (y - r) * s, (x + r) * s, (y + r) * s)
    if group is None:  # left over
        pen.ellipse(box, (*colour, 40), (*colour, 255), 2 * s)
    else:
        pen.ellipse(box, (*colour, 255 if lit else 76))
    if unit == state.chosen:
        ring = r + min(3.5, plan.pitch / 2 - r)
        pen.ellipse(((x - ring) * s, (y - ring) * s, (x + ring) * s, (y + ring) * s), None, (*ACCENT, 255), 3 * s)
    if r >= 8:
        ink = (*INK, 255) if not lit else ((*colour, 255) if group is None else (255, 255, 255, 255))
        pen.text((x * s, y * s), str(unit[1]), ink, font=font(round(min(13, r + 1)) * s), anchor="mm")


def matrix(state: ConvState, scale: int = 2) -> Image.Image:
    """The weight matrix: a row an output unit, a column an input unit; a coloured cell holds k x k weights."""
    layer, plan, s = state.layer, Plan(state.layer), scale
    sheet = Image.new("RGBA", (SHOWN[0] * s, SHOWN[1] * s), (*INK, 0))
    pen = ImageDraw.Draw(sheet)
    k = layer.kernel
    title = f"weight matrix: a cell is {k} x {k} weights" if k > 1 else "weight matrix: a cell is 1 weight"
    pen.text(((LEFT + ROOM / 2) * s, 14 * s), title, (*INK, 255), font=font(13 * s), anchor="mm")
    for o in range(layer.channels_out):
        for i in range(layer.channels_in):
            box = tuple(v * s for v in plan.cell(o, i))
            if not layer.sees(o, i):
                if plan.pitch >= 10:
                    pen.rectangle((*box[:2], box[2], box[3]), None, (*FAINT[:3], 56))
                continue
            on = state.chosen is None or state.chosen in (("output", o), ("input", i))
            pen.rectangle(
                (box[0], box[1], box[2] - s, box[3] - s), (*group_colour(layer.group(("output", o))), 255 if on else 76)
            )
            if k > 1 and plan.pitch / k >= 4:
                for step in range(1, k):
                    at = round(step * plan.pitch * s / k)
                    pen.line((box[0] + at, box[1], box[0] + at, box[3] - s), (255, 255, 255, 120), 1)
                    pen.line((box[0], box[1] + at, box[2] - s, box[1] + at), (255, 255, 255, 120), 1)
    first, last = plan.cell(0, 0), plan.cell(layer.channels_out - 1, layer.channels_in - 1)
    frame = (first[0] * s - s, first[1] * s - s, last[2] * s, last[3] * s)
    pen.rectangle(frame, None, (*RED, 255) if layer.complaint else (*INK, 160), s)
    if plan.pitch >= 17:
        for o in range(layer.channels_out):
            _, y = plan.centre(("output", o))
            pen.text(((plan.left - 6) * s, y * s), str(o), (*INK, 255), font=font(11 * s), anchor="rm")
        for i in range(layer.channels_in):
            x = plan.left + (i + 0.5) * plan.pitch
            pen.text((x * s, (first[1] - 5) * s), str(i), (*INK, 255), font=font(11 * s), anchor="mb")
    if state.chosen is not None:
        side, number = state.chosen
        a, b = (plan.cell(number, 0), plan.cell(number, layer.channels_in - 1))
        if side == "input":
            a, b = plan.cell(0, number), plan.cell(layer.channels_out - 1, number)
        pen.rectangle(((a[0] - 2) * s, (a[1] - 2) * s, (b[2] + 1) * s, (b[3] + 1) * s), None, (*ACCENT, 255), 2 * s)
    if layer.complaint is not None:
        middle = ((first[0] + last[2]) / 2 * s, (first[1] + last[3]) / 2 * s)
        pen.text(middle, "no such layer", (*RED, 255), font=font(15 * s), anchor="mm")
    return sheet


def lights(state: ConvState) -> set[Unit]:
    """The units that are drawn at full strength: all, or the chosen one and those linked with it."""
    layer = state.layer
    if state.chosen is None:
        return {(side, n) for side in SIDES for n in range(layer.width(side))}
    other: Side = "input" if state.chosen[0] == "output" else "output"
    return {state.chosen, *((other, number) for number in layer.linked(state.chosen))}


def snapshot(state: ConvState, words: Sequence[str], scale: int = 1) -> Image.Image:
    """The whole explorer as a still picture (RGB), without times: settings, both pictures, the counts, the words."""
    s, edge, grey = scale, 24, (60, 60, 60)
    layer, size = state.layer, font(13 * scale)
    width = 2 * SHOWN[0] + 40 + 2 * edge
    counts = bars(layer)
    lines = [line for text in words for line in wrap(text, (width - 2 * edge) * s, 13 * s)]
    height = 2 * edge + 34 + SHOWN[1] + 12 + 56 * len(counts) + 20 * len(lines) + 4
    sheet = Image.new("RGBA", (width * s, height * s), (250, 250, 248, 255))
    pen = ImageDraw.Draw(sheet)
    settings = (
        f"{layer.channels_in} input channels",
        f"{layer.channels_out} output channels",
        f"groups = {layer.groups}",
        f"kernel {layer.kernel} x {layer.kernel}",
    )
    x = edge
    for name in settings:
        bad = layer.complaint is not None and name.startswith("groups")
        pen.text((x * s, (edge + 8) * s), name, RED if bad else grey, font=font(15 * s), anchor="lm")
        x += 218
    y = edge + 34
    for column, picture in enumerate(np.hsplit(draw(state, 2 * s), 2)):
        small = Image.fromarray(picture).resize((SHOWN[0] * s, SHOWN[1] * s), Image.Resampling.BOX)
        sheet.alpha_composite(small, ((edge + column * (SHOWN[0] + 40)) * s, y * s))
    y += SHOWN[1] + 12
    for name, here, dense in counts:
        pen.text((edge * s, (y + 18) * s), name, grey, font=size, anchor="lm")
        pair = ((here, ACCENT, f"groups = {layer.groups}"), (dense, INK, "groups = 1"))
        for row, (value, colour, of) in enumerate(pair if layer.groups > 1 else pair[:1]):
            top, long = y + 4 + 20 * row, 380 * value / dense
            pen.rectangle(((edge + 230) * s, top * s, (edge + 230 + max(long, 2)) * s, (top + 13) * s), colour)
            text = f"{value:,}  ({of})"
            pen.text(((edge + 238 + long) * s, (top + 7) * s), text, grey, font=size, anchor="lm")
        y += 56
    for row, line in enumerate(lines):
        ink = RED if layer.complaint is not None and row == 0 else grey
        pen.text((edge * s, (y + 20 * row) * s), line, ink, font=size)
    return sheet.convert("RGB")


def bars(layer: Layer) -> list[tuple[str, int, int]]:
    """Name, number here, number with one group; empty when there is no such layer."""
    if layer.complaint is not None:
        return []
    return [
        ("parameters", layer.parameters, layer.dense.parameters),
        ("multiply-adds on a 64 x 64 map", layer.multiply_adds, layer.dense.multiply_adds),
    ]
