"""The morpher's pictures: the filmstrip, the time line as a chart, and the whole as a still picture. Pure."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from smis_widgets.board import MASK, PHOTO, Board, paint, wrap
from smis_widgets.drawing import Studio
from smis_widgets.morpher.state import ARC, MorphState
from smis_widgets.morpher.timeline import HIGHEST, LOWEST, Keyframe, TimeLine
from smis_widgets.pictures import enlarge
from smis_widgets.theme import ACCENT, FAINT, INK, font, letter

WIDTH = 819  # of the widget in CSS pixels: 9 x 91 and 13 x 63, so that most filmstrips fill it
SHADE = (128, 128, 128, 46)  # behind what is extrapolated
ROWS = (("from", PHOTO), ("to", PHOTO), ("shape", MASK))  # the gallery's rows, and the board's row each shows


@dataclass(frozen=True)
class Filmstrip:
    """Where the frames lie, in CSS pixels; `size` is (height, width) of the network's pictures."""

    steps: int
    size: tuple[int, int]

    @property
    def pitch(self) -> float:
        """From one frame to the next."""
        return WIDTH / self.steps

    @property
    def cell(self) -> tuple[int, int]:
        """(width, height) of a frame."""
        width = min(96, int(self.pitch) - 6)
        return width, round(width * self.size[0] / self.size[1])

    @property
    def gap(self) -> float:
        """Left and right of a frame."""
        return (self.pitch - self.cell[0]) / 2

    def sheet(self, images: Sequence[np.ndarray], scale: int = 2) -> Image.Image:
        """The frames side by side with nothing between them (RGB)."""
        width, height = self.cell[0] * scale, self.cell[1] * scale
        sheet = Image.new("RGB", (width * self.steps, height))
        for k, image in enumerate(images):
            sheet.paste(enlarge(image, (width, height)), (k * width, 0))
        return sheet

    def style(self, scope: str, images: Sequence[np.ndarray]) -> str:
        """CSS that gives each button `.smis-frame` inside `.scope` its picture."""
        width, height = self.cell
        frame = f".smis-morpher .{scope} .smis-frame"
        rules = [
            f"{frame} {{ width: {width}px; height: {height}px; margin: 0 {self.gap:.3f}px;"
            f" background: url({data_url(self.sheet(images))}) 0 0 / {width * self.steps}px {height}px; }}"
        ]
        rules += [f"{frame}:nth-child({k + 1}) {{ background-position-x: {-k * width}px; }}" for k in range(self.steps)]
        return "<style>" + "\n".join(rules) + "</style>"


@dataclass(frozen=True)
class Chart:
    """The time line as a chart, in CSS pixels: time to the right, amount upwards."""

    line: TimeLine
    width: int = WIDTH
    height: int = 104
    side: int = 28  # left and right of the plot
    top: int = 10
    foot: int = 18  # below the plot, for the seconds

    def x(self, time: float) -> float:
        return self.side + (self.width - 2 * self.side) * time / self.line.length

    def y(self, amount: float) -> float:
        tall = self.height - self.top - self.foot
        return self.top + tall * (HIGHEST - amount) / (HIGHEST - LOWEST)

    def draw(self, names: tuple[str, str], scale: int = 2) -> Image.Image:
        """The chart without its keyframes (RGBA, transparent background)."""
        s, fine = scale, 2  # drawn twice as large once more, for smooth lines
        big = Image.new("RGBA", (self.width * s * fine, self.height * s * fine), (*INK, 0))
        draw, f = ImageDraw.Draw(big), s * fine
        left, right = self.x(0) * f, self.x(self.line.length) * f
        for high, low in ((HIGHEST, 1.0), (0.0, LOWEST)):
            draw.rectangle((left, self.y(high) * f, right, self.y(low) * f), fill=SHADE)
        for amount in (0.0, 1.0):
            draw.line((left, self.y(amount) * f, right, self.y(amount) * f), FAINT, f)
        for second in range(int(self.line.length) + 1):
            x = self.x(second) * f
            draw.line((x, self.y(LOWEST) * f, x, (self.y(LOWEST) + 4) * f), (*INK, 255), f)
        ends = (Keyframe(0, self.line.amount(0)), Keyframe(self.line.length, self.line.amount(self.line.length)))
        way = sorted({*self.line.keys, *ends})
        points = [(self.x(key.time) * f, self.y(key.amount) * f) for key in way]
        draw.line(points, (*ACCENT, 255), round(2.5 * f), joint="curve")
        sheet = big.resize((self.width * s, self.height * s), Image.Resampling.BOX)
        draw = ImageDraw.Draw(sheet)
        for amount, name in ((0.0, names[0]), (1.0, names[1])):
            draw.text((8 * s, self.y(amount) * s), name, (*INK, 255), font=font(13 * s), anchor="mm")
        every = 1 if self.line.length <= 10 else 2
        for second in range(0, int(self.line.length) + 1, every):
            place = (self.x(second) * s, (self.height - 7) * s)
            draw.text(place, f"{second} s", (*INK, 255), font=font(11 * s), anchor="mm")
        small = font(11 * s)
        for height, words in ((1.25, f"beyond {names[1]}"), (-0.25, f"before {names[0]}")):
            # the curve mostly goes from the lower left to the upper right: keep out of its way
            corner, anchor = ((self.side + 6) * s, "lm") if height > 0 else ((self.width - self.side - 6) * s, "rm")
            draw.text((corner, self.y(height) * s), f"{words}: extrapolated", (*INK, 255), font=small, anchor=anchor)
        return sheet


def label(amount: float, state: MorphState) -> str:
    """What stands under a frame of the filmstrip."""
    words = f"{amount:.2f}".rstrip("0").rstrip(".").replace("-", "−")
    return {0.0: letter(state.a), 1.0: letter(state.b)}.get(amount, words)


def data_url(image: Image.Image) -> str:
    """A picture for CSS and HTML: JPEG without transparency, PNG with it."""
    data, kind = io.BytesIO(), "jpeg" if image.mode == "RGB" else "png"
    image.save(data, kind, **({"quality": 92, "subsampling": 0} if kind == "jpeg" else {}))
    return f"data:image/{kind};base64,{base64.b64encode(data.getvalue()).decode()}"


def snapshot(
    state: MorphState,
    studio: Studio,
    image: np.ndarray,
    frames: Sequence[np.ndarray],
    words: Sequence[str],
    shown: tuple[int, int],
    scale: int = 1,
) -> Image.Image:
    """The whole morpher as a still picture (RGB): references, classes, the morph at `shown`, filmstrip, time line."""
    s, edge, grey = scale, 14, (60, 60, 60)
    board = Board(len(studio.samples), 0, scale=s)
    strip, chart = Filmstrip(state.steps, image.shape[:2]), Chart(state.line)
    wide = max(WIDTH, 48 + board.shown[0] + 16 + shown[0])
    lines = [line for text in words for line in wrap(text, wide * s, 13 * s)]
    head = max(shown[1], 3 * board.pitch + 40 + 26 * (1 + len(state.classes) // 4))
    height = head + strip.cell[1] + 40 + chart.height + 19 * len(lines) + 3 * edge
    sheet = Image.new("RGBA", ((wide + 2 * edge) * s, height * s), (250, 250, 248, 255))
    draw, tiles = ImageDraw.Draw(sheet), Image.fromarray(paint(board, studio))

    for row, (name, source) in enumerate(ROWS):
        y = edge + row * board.pitch
        draw.text((edge * s, (y + board.pitch / 2) * s), name, grey, font=font(13 * s), anchor="lm")
        band = tiles.crop((0, source * board.pitch * s, board.size[0], (source + 1) * board.pitch * s))
        sheet.alpha_composite(band, ((edge + 48) * s, y * s))
        x = edge + 48 + (state.a, state.b, state.mask)[row] * board.pitch
        box = (x * s, y * s, (x + board.pitch) * s - 1, (y + board.pitch) * s - 1)
        draw.rounded_rectangle(box, 5 * s, outline=ACCENT, width=3 * s)

    x, y = edge, edge + 3 * board.pitch + 12
    for c, name in enumerate(state.classes):
        long = round(font(13 * s).getlength(name) / s) + 36
        if x + long > edge + wide - shown[0] - 16:
            x, y = edge, y + 28
        colour = ACCENT if c in state.moving else (200, 200, 200)
        draw.rounded_rectangle((x * s, y * s, (x + long) * s, (y + 23) * s), 11 * s, outline=colour, width=2 * s)
        square = ((x + 9) * s, (y + 6) * s, (x + 20) * s, (y + 17) * s)
        draw.rounded_rectangle(square, 3 * s, studio.samples.label_set.palette[c], FAINT)
        ink = grey if c in state.moving else (140, 140, 140)
        draw.text(((x + 26) * s, (y + 11.5) * s), name, ink, font=font(13 * s), anchor="lm")
        x += long + 6
    path = "path: on the arc (spherical)" if state.path == ARC else "path: straight line (linear)"
    draw.text((edge * s, (y + 42) * s), path, grey, font=font(13 * s), anchor="lm")

    sheet.paste(enlarge(image, (shown[0] * s, shown[1] * s)), ((edge + wide - shown[0]) * s, edge * s))
    y = 2 * edge + head
    rolled, (w, h) = strip.sheet(frames, s), strip.cell
    for k, amount in enumerate(state.amounts()):
        left, centre = edge + k * strip.pitch + strip.gap, edge + (k + 0.5) * strip.pitch
        sheet.paste(rolled.crop((k * w * s, 0, (k + 1) * w * s, h * s)), (round(left * s), y * s))
        words_below = label(amount, state).replace("−", "-")  # Pillow's font has no minus sign
        draw.text((centre * s, (y + h + 12) * s), words_below, grey, font=font(13 * s), anchor="mm")
        if not 0 <= amount <= 1:
            dashes(draw, (centre - w / 2) * s, (centre + w / 2) * s, (y + h + 24) * s, s)
    now = edge + strip.pitch * (0.5 + (state.amount - LOWEST) / (HIGHEST - LOWEST) * (state.steps - 1))
    draw.ellipse(((now - 5) * s, (y - 7) * s, (now + 5) * s, (y + 3) * s), fill=ACCENT)
    y += h + 34
    sheet.alpha_composite(chart.draw((letter(state.a), letter(state.b)), s), (edge * s, y * s))
    for key in state.line.keys:
        cx, cy = (edge + chart.x(key.time)) * s, (y + chart.y(key.amount)) * s
        draw.polygon([(cx - 6 * s, cy), (cx, cy - 6 * s), (cx + 6 * s, cy), (cx, cy + 6 * s)], ACCENT, "white")
    for row, line in enumerate(lines):
        line = line.replace("\u00a0", " ")  # nor a no-break space
        draw.text((edge * s, (y + chart.height + 8 + 19 * row) * s), line, grey, font=font(13 * s))
    return sheet.convert("RGB")


def dashes(draw: ImageDraw.ImageDraw, left: float, right: float, y: float, scale: int) -> None:
    """The dashed line that marks what is extrapolated."""
    for x in np.arange(left, right, 8 * scale):
        draw.line((x, y, min(x + 4 * scale, right), y), INK, scale)
