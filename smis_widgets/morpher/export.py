"""A film as a file: GIF with Pillow, MP4 where imageio-ffmpeg is installed."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from smis_widgets.base import Refused
from smis_widgets.pictures import enlarge

SIDE = 320  # pixels: small pictures are enlarged by a whole number up to about this width
SAMPLES = 24  # frames that the colours of a GIF are chosen from


def gif(images: Sequence[np.ndarray], fps: int) -> bytes:
    """Pictures uint8 (H, W, 3) as an endless GIF. All frames share 256 colours, so that what stands still is still.

    Equal frames in a row become one that stays longer.
    """
    images = _checked(images)
    few = [images[k] for k in np.linspace(0, len(images) - 1, min(SAMPLES, len(images))).round().astype(int)]
    palette = Image.fromarray(np.concatenate(few)).quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    frames = [_large(image).quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    data = io.BytesIO()
    frames[0].save(
        data, "GIF", save_all=True, append_images=frames[1:], duration=1000 // fps, loop=0, optimize=False, disposal=1
    )
    return data.getvalue()


def mp4(images: Sequence[np.ndarray], fps: int) -> bytes:
    """Pictures uint8 (H, W, 3) as an MP4 (H.264) film; `Refused` without imageio-ffmpeg: it says what to install."""
    ffmpeg = encoder()
    frames = [np.ascontiguousarray(_large(image)) for image in _checked(images)]
    frames = [frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2] for frame in frames]  # H.264 wants even sides
    height, width = frames[0].shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "film.mp4"
        writer = ffmpeg.write_frames(str(target), (width, height), fps=fps, quality=8, macro_block_size=2)
        writer.send(None)
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))
        writer.close()
        return target.read_bytes()


def encoder():  # type: ignore[no-untyped-def]  # a module without types, that need not be there
    """The module imageio_ffmpeg; `Refused` with what to install when it is missing."""
    try:
        import imageio_ffmpeg  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise Refused(
            "MP4 needs the package imageio-ffmpeg. Install it with: pip install imageio-ffmpeg, then press MP4 again. "
            "GIF works without it."
        ) from None
    return imageio_ffmpeg


def _checked(images: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    if not len(images):
        raise ValueError("a film needs at least one picture")
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape != (*images[0].shape[:2], 3):
            raise ValueError(f"a film needs uint8 pictures (H, W, 3) of one size, got {image.dtype} {image.shape}")
    return images


def _large(image: np.ndarray) -> Image.Image:
    height, width = image.shape[:2]
    factor = max(1, SIDE // width)
    return enlarge(image, (width * factor, height * factor))
