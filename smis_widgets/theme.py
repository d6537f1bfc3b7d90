"""One look for all widgets: colours that read on light and on dark pages, names of images, text in pictures."""

from __future__ import annotations

from functools import cache

from PIL import ImageFont

ACCENT = (230, 140, 0)  # what is chosen
INK = (118, 118, 118)  # text in a picture: contrast above 4 on white and on Jupyter's dark grey
TILE = (150, 150, 150, 80)  # a faint tile behind a picture, on any background
FAINT = (128, 128, 128, 120)  # lines that say 'nothing here'
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

THINGS = {"people": "person", "rooms": "room", "streets": "street"}  # what one image of a label set shows


def thing(label_set: str) -> str:
    """What one image shows, by the name of its label set: "person"; where that is not known, "scene"."""
    return THINGS.get(label_set, "scene")


def letter(number: int) -> str:
    """The name of an image of the gallery: A, B, C, ... for 0, 1, 2, ..."""
    return LETTERS[number]


def css(colour: tuple[int, int, int]) -> str:
    """An RGB colour for CSS."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


@cache  # to make one takes milliseconds, and a picture has fifty words
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, the same on every machine."""
    return ImageFont.load_default(size)
