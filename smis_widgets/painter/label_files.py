"""Label maps as PNG files: written with the palette, read with or without one."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from smis.labels import LabelSet
from smis.outside import PictureError, open_picture
from smis_widgets.base import Refused


def label_png(labels: np.ndarray, label_set: LabelSet) -> bytes:
    """A palette PNG: its values are the class ids, its colours those of the label set."""
    picture, data = Image.fromarray(labels.astype(np.uint8)), io.BytesIO()
    picture.putpalette([value for colour in label_set.palette for value in colour])
    picture.save(data, "PNG", optimize=True)
    return data.getvalue()


def read_labels(data: bytes, label_set: LabelSet) -> np.ndarray:
    """A label map uint8 (H, W) from a PNG of ids (palette or grey) or of the label set's colours.

    Raises Refused for what is neither; the message names the first colour or id that fits no class.
    """
    try:
        picture = open_picture(data)
    except PictureError as error:
        raise Refused(f"This is no label map: {error}. Load one as PNG.") from error
    if picture.mode in ("P", "L", "1"):
        labels = np.array(picture.convert("L") if picture.mode == "1" else picture)
        if int(labels.max()) < len(label_set):
            return labels
        if picture.mode != "P":
            raise Refused(f"This map has the id {int(labels.max())}, {label_set.name} has 0 to {len(label_set) - 1}.")
    if picture.mode not in ("P", "RGB", "RGBA"):
        raise Refused(
            f"This picture has the mode {picture.mode}. A label map is a PNG of ids (palette or grey, 8 bit), "
            f"or of the colours of {label_set.name} (RGB)."
        )
    red, green, blue = (np.asarray(channel, np.int32) for channel in picture.convert("RGB").split())
    colours = (red << 16) | (green << 8) | blue
    known = {(r << 16) + (g << 8) + b: c for c, (r, g, b) in enumerate(label_set.palette)}
    found, index = np.unique(colours, return_inverse=True)
    strange = [int(value) for value in found if int(value) not in known]
    if strange:
        raise Refused(
            f"This picture has {len(strange)} colours that are no class of {label_set.name}, "
            f"the first #{strange[0]:06x}: save label maps as PNG, without smoothing, in the colours shown at the left."
        )
    return np.array([known[int(value)] for value in found], np.uint8)[index].reshape(colours.shape)
