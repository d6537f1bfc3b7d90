"""One look for all widgets: colours that read on light and on dark pages, names of people, text in pictures."""

from __future__ import annotations

from functools import cache

from PIL import ImageFont

ACCENT = (230, 140, 0)  # what is chosen
INK = (118, 118, 118)  # text in a picture: contrast above 4 on white and on Jupyter's dark grey
TILE = (150, 150, 150, 80)  # a faint tile behind a picture, on any background
FAINT = (128, 128, 128, 120)  # lines that say 'nothing here'
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

STYLE = """<style>
.smis-panel { color: var(--jp-ui-font-color1, inherit); max-width: 1100px; padding: 2px; }
canvas.smis-result { pointer-events: none; border-radius: 8px; }
.smis-lock.widget-toggle-button { width: 32px; padding: 0; line-height: 28px; }
.smis-letter input { text-align: center; }
.smis-swatch { width: 12px; height: 12px; border-radius: 3px; box-shadow: 0 0 0 1px rgb(128 128 128 / 60%); }
.smis-status { font-size: 13px; line-height: 18px; color: var(--jp-ui-font-color1, inherit); }
.smis-status small { font-size: 12px; color: var(--jp-ui-font-color2, inherit); }
.smis-hint { border-left: 3px solid rgb(230 140 0); padding: 2px 0 2px 8px; margin-top: 4px; }
.smis-error { border-left: 3px solid rgb(200 40 40); padding: 2px 0 2px 8px; margin-top: 4px; }
.smis-working { color: rgb(230 140 0); font-size: 13px; }
.smis-working::before { content: '●'; margin-right: 5px; animation: smis-pulse 0.8s infinite alternate; }
@keyframes smis-pulse { to { opacity: 0.2; } }
@media (prefers-reduced-motion: reduce) { .smis-working::before { animation: none; } }
</style>"""


def letter(person: int) -> str:
    """The name of a person of the gallery: A, B, C, ... for 0, 1, 2, ..."""
    return LETTERS[person]


def css(colour: tuple[int, int, int]) -> str:
    """An RGB colour for CSS."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


@cache  # to make one takes milliseconds, and a picture has fifty words
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, the same on every machine."""
    return ImageFont.load_default(size)
