"""The encoder explorer's pictures: the way of one class through the encoder, left to right and down. Pure."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from smis.config import GroupDNetConfig
from smis.labels import LabelSet
from smis_widgets.base import Frame
from smis_widgets.board import wrap
from smis_widgets.encoder.looking import WHOLE, Laboratory, Seen, describe, number
from smis_widgets.encoder.state import EncoderState
from smis_widgets.pictures import enlarge
from smis_widgets.theme import ACCENT, FAINT, INK, css, font

WIDTH = 880  # of the widget in CSS pixels
PICTURE = 256  # width of the picture that is poked
GAP = 40  # between the stages, with an arrow in it
STAGE = (WIDTH - PICTURE - 3 * GAP) // 3
MAPS = 16  # feature maps of a layer that are shown
NEGATIVE, ZERO, POSITIVE = (0, 92, 175), (248, 248, 248), (208, 84, 0)
SURE = (96, 44, 120)  # the full colour of sigma
LOW, HIGH = 1e-3, 10.0  # the ends of the bars' scale


def diverging(values: np.ndarray, limit: float) -> np.ndarray:
    """Blue below 0, white at 0, orange above, full at `limit`: uint8 (..., 3)."""
    share = np.clip(values / limit, -1, 1)[..., None]
    ends = np.where(share < 0, np.array(NEGATIVE), np.array(POSITIVE))
    return np.asarray(np.array(ZERO) + np.abs(share) * (ends - np.array(ZERO))).round().astype(np.uint8)


def rising(values: np.ndarray, limit: float) -> np.ndarray:
    """White at 0, violet at `limit`: uint8 (..., 3)."""
    share = np.clip(values / limit, 0, 1)[..., None]
    return np.asarray(np.array(ZERO) + share * (np.array(SURE) - np.array(ZERO))).round().astype(np.uint8)


def pixels(values: np.ndarray) -> np.ndarray:
    """Values (3, H, W) in [-1, 1] as uint8 (H, W, 3); 0 is grey."""
    return ((np.clip(values, -1, 1) + 1) * 127.5).round().astype(np.uint8).transpose(1, 2, 0)


def fitted(size: tuple[int, int], width: int, tallest: int) -> tuple[int, int]:
    """(width, height) in CSS pixels for a picture of `size` (height, width)."""
    height = width * size[0] / size[1]
    return (width, round(height)) if height <= tallest else (round(tallest * size[1] / size[0]), tallest)


def photograph(state: EncoderState, image: np.ndarray, shown: tuple[int, int]) -> Image.Image:
    """The picture with its spots, its pixels to be seen, and a ring where the next spot goes (RGB)."""
    sheet = enlarge(image, shown, smooth=False)
    draw, scale = ImageDraw.Draw(sheet), shown[0] / state.size[1]
    x, y = ((v + 0.5) * scale for v in state.aim)
    around = max(state.spot * scale / 2, 3) + 2
    for colour, width in (((255, 255, 255), 4), (ACCENT, 2)):
        grow = around + (width - 2) / 2
        draw.ellipse((x - grow, y - grow, x + grow, y + grow), outline=colour, width=width)
    return sheet


def marked(labels: np.ndarray, c: int, label_set: LabelSet, shown: tuple[int, int]) -> Image.Image:
    """The label map with one class in full colour inside a line, and the others faded (RGB)."""
    faded = 0.3 * label_set.colorize(labels) + 0.7 * np.array(ZERO)
    here = labels == c
    colours = np.where(here[..., None], np.array(label_set.palette[c]), faded).round().astype(np.uint8)
    sheet = np.array(enlarge(colours, shown, smooth=False))
    large = np.array(Image.fromarray(here).resize(shown, Image.Resampling.NEAREST))
    inner = np.pad(large, 2)
    h, w = large.shape
    inner = np.all([inner[y : y + h, x : x + w] for y in range(5) for x in range(5)], axis=0)
    sheet[large & ~inner] = ACCENT
    return Image.fromarray(sheet)


def masked(seen: Seen, config: GroupDNetConfig, shown: tuple[int, int]) -> Image.Image:
    """X_c with the box that is cut out (RGB)."""
    sheet = enlarge(pixels(seen.masked), shown, smooth=False)
    top, left, tall, wide = seen.box
    if tall and config.encoder_input == "classes":
        scale = shown[0] / seen.masked.shape[2]
        box = (left * scale, top * scale, (left + wide) * scale - 1, (top + tall) * scale - 1)
        ImageDraw.Draw(sheet).rectangle(box, outline=ACCENT, width=2)
    return sheet


def stages(
    seen: Seen, labels: np.ndarray, c: int, label_set: LabelSet, config: GroupDNetConfig, height: int, scale: int = 1
) -> Image.Image:
    """Label map, masked image, what the encoder gets: with arrows (RGBA, transparent), `height` CSS pixels high."""
    s = scale
    sheet = Image.new("RGBA", (3 * (STAGE + GAP) * s, height * s), (*INK, 0))
    draw = ImageDraw.Draw(sheet)
    size = tuple(v * s for v in fitted(labels.shape, STAGE, height))
    given = fitted(seen.given.shape[1:], STAGE, height)
    tiles = (
        marked(labels, c, label_set, (size[0], size[1])),
        masked(seen, config, (size[0], size[1])),
        enlarge(pixels(seen.given), (given[0] * s, given[1] * s), smooth=False),
    )
    for k, tile in enumerate(tiles):
        left = (k * (STAGE + GAP) + GAP) * s
        sheet.paste(tile.convert("RGBA"), (left + (STAGE * s - tile.width) // 2, (height * s - tile.height) // 2))
        y, tip = height * s // 2, left - 10 * s
        draw.line((left - 30 * s, y, tip - 3 * s, y), (*INK, 255), 2 * s)
        draw.polygon(((tip, y), (tip - 7 * s, y - 5 * s), (tip - 7 * s, y + 5 * s)), (*INK, 255))
    return sheet


def stage_words(config: GroupDNetConfig, name: str) -> tuple[str, str, str, str]:
    """What stands under the picture and under each stage."""
    size = " × ".join(str(n) for n in reversed(config.crop_size or config.image_size))
    first = ("the picture: click to poke", f"label map, {name} marked")
    if config.encoder_input == "image":
        return *first, "not used: no mask here", f"the whole image, {size}"
    return *first, "masked: X<sub>c</sub> = M<sub>c</sub> · X", "cropped and resized"


class LayerStrip:
    """The activations of one group, layer by layer: where they lie, in CSS pixels. `sizes` are (width, h, w)."""

    def __init__(self, sizes: Sequence[tuple[int, int, int]]) -> None:
        self.sizes = sizes
        ratio = max(h / w for _, h, w in sizes)
        self.pitch = WIDTH / len(sizes)
        self.cell = min(40, int((self.pitch - 20) / 4))  # four maps beside each other
        self.tall = round(self.cell * ratio)
        self.height = 4 * self.tall

    def draw(self, seen: Seen, scale: int = 1) -> Image.Image:
        """Up to `MAPS` maps of each layer (RGBA, transparent between them)."""
        s = scale
        sheet = Image.new("RGBA", (WIDTH * s, self.height * s), (*INK, 0))
        size = ((self.cell - 2) * s, (self.tall - 2) * s)
        for k, (maps, limit) in enumerate(zip(seen.layers, seen.limits, strict=True)):
            # square root: weak activations would vanish beside the strongest ones
            colours = diverging(np.sign(maps[:MAPS]) * np.sqrt(np.abs(maps[:MAPS])), math.sqrt(limit))
            for n, colour in enumerate(colours):
                place = (round(k * self.pitch + n % 4 * self.cell) * s, (n // 4 * self.tall) * s)
                sheet.paste(enlarge(colour, size, smooth=colour.shape[1] > size[0]).convert("RGBA"), place)
        return sheet

    def words(self) -> list[str]:
        """What stands under each layer."""
        return [f"layer {k + 1}: {n} maps, {w} × {h}" for k, (n, h, w) in enumerate(self.sizes)]


class CodeStrip:
    """mu and sigma of a code beside each other, each a row of D small grids, in CSS pixels."""

    def __init__(self, depth: int, size: tuple[int, int]) -> None:
        self.depth, self.columns = depth, min(depth, 16)
        self.half = WIDTH // 2
        self.cell = min(53, (self.half - 12) // self.columns)
        self.tall = round(self.cell * size[0] / size[1])
        self.height = math.ceil(depth / self.columns) * self.tall

    def draw(self, seen: Seen, most_mu: float, most_sigma: float, scale: int = 1) -> Image.Image:
        """The two rows (RGBA, transparent between the grids)."""
        s = scale
        sheet = Image.new("RGBA", (WIDTH * s, self.height * s), (*INK, 0))
        size = ((self.cell - 4) * s, (self.tall - 4) * s)
        for left, colours in ((0, diverging(seen.mu, most_mu)), (self.half, rising(seen.sigma, most_sigma))):
            for d, colour in enumerate(colours):
                place = ((left + d % self.columns * self.cell) * s, d // self.columns * self.tall * s)
                sheet.paste(enlarge(colour, size, smooth=False).convert("RGBA"), place)
        return sheet


def length(far: float) -> float:
    """How long the bar of a moved code is, 0 to 1, on a logarithmic scale from `LOW` to `HIGH`; exactly 0 has none."""
    if far == 0:
        return 0.0
    return min(1.0, max(0.02, math.log(far / LOW) / math.log(HIGH / LOW)))


def bars(names: Sequence[str], colours: Sequence[tuple[int, int, int]], moved: Sequence[float], chosen: int) -> str:
    """How far each code moved, as HTML: name, bar, number."""
    rows = []
    for n, (name, colour, far) in enumerate(zip(names, colours, moved, strict=True)):
        said = "exactly 0" if far == 0 else number(far)
        strong = ' class="smis-moved"' if far > 0 else ""
        name = html.escape(name)
        rows.append(
            f"<span class='smis-swatch' style='background: {css(colour)}'></span>"
            f"<span>{f'<b>{name}</b>' if n == chosen else name}</span>"
            f"<span class='smis-bar'><i style='width: {100 * length(far):.1f}%'></i></span><span{strong}>{said}</span>"
        )
    columns = 1 if len(rows) <= 10 else 2
    return (
        f'<div class="smis-bars" style="grid-template-columns: repeat({columns}, 14px 84px 1fr 62px)">'
        + "".join(rows)
        + "</div>"
    )


BARS = f"""<style>
.smis-encoder .smis-bars {{ display: grid; column-gap: 8px; font-size: 13px; line-height: 20px; align-items: center; }}
.smis-encoder .smis-bars .smis-bar {{ height: 8px; border-radius: 4px; background: rgb(128 128 128 / 18%);
  overflow: hidden; }}
.smis-encoder .smis-bars .smis-bar > i {{ display: block; height: 8px; border-radius: 4px; background: {css(ACCENT)}; }}
.smis-encoder .smis-bars span {{ color: var(--jp-ui-font-color2, inherit); white-space: nowrap; }}
.smis-encoder .smis-bars b, .smis-encoder .smis-bars .smis-moved {{ color: var(--jp-ui-font-color0, inherit); }}
.smis-encoder canvas.smis-poke {{ cursor: crosshair; }}
.smis-encoder canvas.smis-still {{ border-radius: 0; }}
.smis-encoder .smis-stages > * {{ flex: 1 1 0; padding-left: {100 * GAP / (WIDTH - PICTURE):.2f}%; margin: 0;
  width: auto; }}
.smis-encoder .smis-side {{ padding-left: {100 * GAP / (WIDTH - PICTURE):.2f}%; margin-top: 10px; }}
.smis-encoder .smis-captions {{ display: flex; }}
.smis-encoder .smis-captions > span {{ flex: 1 1 0; padding-right: 8px; }}
</style>"""


def heads(laboratory: Laboratory, name: str) -> tuple[str, str, str]:
    """What stands above the bars, the activations and the code, as HTML."""
    config, mu, sigma = laboratory.config, laboratory.most_mu, laboratory.most_sigma
    whose = name if config.encoder_groups > 1 else "all classes together"
    code = name if config.controllers > 1 else WHOLE
    return (
        "How far each code moved <small>(root mean square; bars logarithmic, 0.001 to 10)</small>",
        f"Activations of the group of {whose} <small>(the first {MAPS} maps of each layer; blue below 0, orange above; "
        "colour by square root, fixed for each layer)</small>",
        f"The code of {code}: μ <small>(from −{mu:g} blue to {mu:g} orange)</small> and σ "
        f"<small>(from 0 white to {sigma:g} violet: how unsure the encoder is)</small>",
    )


def snapshot(state: EncoderState, laboratory: Laboratory, frame: Frame, scale: int = 1) -> Image.Image:
    """The whole explorer as a still picture (RGB)."""
    assert frame.image is not None
    s, edge, seen, config = scale, 16 * scale, frame.stats["seen"], laboratory.config
    name, labels, label_set = (
        state.classes[state.chosen],
        laboratory.samples.labels[state.scene],
        laboratory.samples.label_set,
    )
    shown = fitted(config.image_size, PICTURE, 300)
    stage_height = fitted(config.image_size, STAGE, 220)[1]
    sizes = [(a.shape[0], a.shape[1], a.shape[2]) for a in seen.layers]
    layers, codes = LayerStrip(sizes), CodeStrip(config.latent_dim, config.latent_size)
    rows = math.ceil(len(laboratory.names) / (1 if len(laboratory.names) <= 10 else 2))
    upper = max(shown[1] + 24, stage_height + 54 + 20 * rows)
    lines = [part for words in describe(state, laboratory, frame) for part in wrap(words, WIDTH * s, 13 * s)]
    height = upper + 18 * len(lines) + layers.height + codes.height + 82
    sheet = Image.new("RGBA", (WIDTH * s + 2 * edge, height * s + 2 * edge), (250, 250, 248, 255))
    draw = ImageDraw.Draw(sheet)

    def write(x: float, y: float, words: str, size: int = 12, anchor: str = "lm") -> None:
        draw.text((x * s + edge, y * s + edge), plain(words), (60, 60, 60), font=font(size * s), anchor=anchor)

    def put(image: Image.Image, x: int, y: int) -> None:
        sheet.alpha_composite(image.convert("RGBA"), (x * s + edge, y * s + edge))

    put(photograph(state, frame.image, (shown[0] * s, shown[1] * s)), (PICTURE - shown[0]) // 2, 0)
    put(stages(seen, labels, state.chosen, label_set, config, stage_height, s), PICTURE, 0)
    words, above = stage_words(config, name), heads(laboratory, name)
    write(PICTURE / 2, shown[1] + 12, words[0].split(":")[0], anchor="mm")
    for k, text in enumerate(words[1:]):
        write(PICTURE + GAP + k * (STAGE + GAP) + STAGE / 2, stage_height + 12, text, anchor="mm")
    left, y = PICTURE + GAP, stage_height + 40
    write(left, y, above[0], 13)
    wide = (WIDTH - left) // (1 if rows == len(laboratory.names) else 2)
    for n, (code, far) in enumerate(zip(laboratory.names, seen.moved, strict=True)):
        x, y = left + n // rows * wide, stage_height + 62 + n % rows * 20
        box = [v * s + edge for v in (x, y - 6, x + 12, y + 6)]
        draw.rounded_rectangle(box, 3 * s, label_set.palette[n], FAINT)
        write(x + 20, y, code)
        bar = (x + 110, x + wide - 80)
        track = [v * s + edge for v in (bar[0], y - 4, bar[1], y + 4)]
        draw.rounded_rectangle(track, 4 * s, (232, 232, 230))
        if far > 0:
            end = bar[0] + length(far) * (bar[1] - bar[0])
            draw.rounded_rectangle((track[0], track[1], end * s + edge, track[3]), 4 * s, ACCENT)
        write(x + wide - 70, y, "exactly 0" if far == 0 else number(far))
    y = upper + 14
    for line in lines:
        write(0, y, line, 13)
        y += 18
    write(0, y + 8, above[1], 13)
    put(layers.draw(seen, s), 0, y + 20)
    y += 20 + layers.height
    for k, text in enumerate(layers.words()):
        write(k * layers.pitch, y + 10, text)
    write(0, y + 36, above[2], 13)
    put(codes.draw(seen, laboratory.most_mu, laboratory.most_sigma, s), 0, y + 48)
    return sheet.convert("RGB")


def plain(words: str) -> str:
    """Without HTML's tags and without letters that Pillow's font lacks."""
    for letter, instead in (("\u00a0", " "), ("×", "x"), ("−", "-"), ("μ", "mu"), ("σ", "sigma")):
        words = words.replace(letter, instead)
    return re.sub(r"<[^>]+>", "", words)
