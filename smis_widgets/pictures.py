"""Pictures for notebooks: a strip of images with captions, shown with a text alternative."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from smis_widgets.theme import INK, font

SENT = 160  # pixels: about the width of a picture that goes to the browser


class Picture:
    """A PIL image with its text alternative: what a notebook shows, and what it reads out."""

    def __init__(self, image: Image.Image, alt: str) -> None:
        self.image = image
        self.alt = alt

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        data = io.BytesIO()
        self.image.save(data, "PNG", optimize=True)
        return {"image/png": data.getvalue(), "text/plain": self.alt}, {"image/png": {"alt": self.alt}}


def enlarge(image: np.ndarray, size: tuple[int, int], smooth: bool = True) -> Image.Image:
    """uint8 (H, W, 3 or 4) at `size` (width, height): smooth for photographs, plain squares for label maps."""
    method = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    return Image.fromarray(np.ascontiguousarray(image)).resize(size, method)


def sent(size: tuple[int, int]) -> tuple[int, int]:
    """The size (width, height) at which the picture of a network of `size` (height, width) goes to the browser.

    Small pictures are enlarged smoothly, by a whole number; the rest is the browser's: more would cost time on every
    move.
    """
    factor = max(1, SENT // size[1])
    return factor * size[1], factor * size[0]


def is_flat(image: np.ndarray) -> bool:
    """Whether a picture is a drawing in a few plain colours, such as a label map."""
    return len(np.unique(image.reshape(-1, image.shape[2]), axis=0)) <= 40


def strip(images: Sequence[np.ndarray], captions: Sequence[str], alt: str, height: int = 160) -> Picture:
    """Images uint8 (H, W, 3) side by side at one height, each with a caption; the background is transparent.

    Raises ValueError when there is not one caption an image.
    """
    if len(images) != len(captions) or len(images) == 0:
        raise ValueError(f"one caption an image, and at least one: got {len(images)} images, {len(captions)} captions")
    gap, band = 10, 24
    sizes = [(round(height * i.shape[1] / i.shape[0]), height) for i in images]
    tiles = [enlarge(i, size, smooth=not is_flat(i)) for i, size in zip(images, sizes, strict=True)]
    width = sum(t.width for t in tiles) + gap * (len(tiles) - 1)
    sheet = Image.new("RGBA", (width, height + band), (*INK, 0))
    draw = ImageDraw.Draw(sheet)
    x = 0
    for tile, caption in zip(tiles, captions, strict=True):
        sheet.paste(tile.convert("RGBA"), (x, 0))
        draw.text((x + tile.width / 2, height + band / 2), caption, fill=(*INK, 255), font=font(14), anchor="mm")
        x += tile.width + gap
    return Picture(sheet, alt)
