"""What comes from outside: JSON and pictures that a stranger may have made.

Both can be far larger than they look. What is too large or too deep is refused before memory is spent on it, and every
fault becomes a ValueError that says what was given: the loaders name the file and what to do.
"""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path
from typing import Any

from PIL import Image

__all__ = [
    "MAX_JSON",
    "MAX_PIXELS",
    "PictureError",
    "open_picture",
    "parse_json",
    "read_json",
    "read_small",
    "shortened",
]

MAX_JSON = 16 * 2**20  # letters: a long painting session stays below a tenth
MAX_DEPTH = 32  # lists in lists; a training run's config has 4
MAX_FILE = 2**28  # bytes of a picture
MAX_PIXELS = 40_000_000  # some 8000 x 5000; as ids and masks that takes most of a GB
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM")  # not PostScript: reading it runs a program


class PictureError(ValueError):
    """A picture that cannot be read; the message says what is wrong with it."""


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: no JSON, more than `MAX_JSON` letters, or nested deeper than `MAX_DEPTH`.

    >>> parse_json('{"a": [1, 2]}')
    {'a': [1, 2]}
    >>> parse_json("[" * 100 + "]" * 100)
    Traceback (most recent call last):
    ...
    ValueError: JSON is nested more than 32 deep: no file of this project is
    """
    if len(text) > MAX_JSON:
        raise ValueError(f"{len(text):,} letters of JSON, at most {MAX_JSON:,} are read")
    deep = f"JSON is nested more than {MAX_DEPTH} deep: no file of this project is"
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(deep) from None
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (list, dict))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return value
    raise ValueError(deep)


def read_json(path: Path) -> Any:
    """The value of a JSON file; `parse_json` says what is refused."""
    return parse_json(read_small(path, 4 * MAX_JSON).decode("utf-8"))  # a letter has at most 4 bytes


def read_small(path: Path, most: int = MAX_FILE) -> bytes:
    """The bytes of a plain file. Raises ValueError for more than `most`, and for what is no file, such as a pipe."""
    with open(path, "rb", opener=_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path} is not a plain file")
        if status.st_size > most:
            raise ValueError(f"a file of {status.st_size:,} bytes, at most {most:,} can be read")
        return file.read(most)


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for whoever should write into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def open_picture(source: str | os.PathLike[str] | bytes) -> Image.Image:
    """A picture with its pixels read; of an animated one the first frame.

    Args:
        source: a file's path, or its bytes.

    Raises:
        PictureError: damaged, of another format than `FORMATS`, or of more than `MAX_PIXELS`.
        OSError: a path that cannot be read.
    """
    if not isinstance(source, bytes):
        try:
            # In memory a length that lies reads what is there. From a file it would make room for all that it says.
            source = read_small(Path(source))
        except ValueError as error:
            raise PictureError(str(error)) from None
    try:
        with Image.open(io.BytesIO(source), formats=FORMATS) as picture:
            width, height = picture.size
            if not 0 < width * height <= MAX_PIXELS:
                raise PictureError(
                    f"{width} x {height} pixels, 1 to {MAX_PIXELS:,} can be read: resize it (label maps with nearest)"
                )
            picture.load()
        return picture
    except PictureError:
        raise
    except Image.UnidentifiedImageError:
        raise PictureError("not a picture of a known format, or cut off") from None
    except Exception as error:  # what Pillow raises for a damaged file has many types
        raise PictureError(f"damaged picture ({shortened(error)})") from error


def shortened(value: object, letters: int = 200) -> str:
    """A value from outside as text for a message, cut off where it is too long to read.

    >>> shortened("a" * 9, 5)
    'aaaaa ...'
    """
    text = str(value)
    return text if len(text) <= letters else f"{text[:letters]} ..."
