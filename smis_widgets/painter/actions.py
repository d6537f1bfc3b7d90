"""What a painter can do, as lines of text: a session is a list of them, and can be read, edited and played again.

    brush bed 8 20,40 60,44        erase 6 12,80           fill wall 5.5,9         rectangle rug 30,100 90,120
    polygon tree 4,4 30,4 17,40    replace building tree   move 40,60 52,60        stamp bed C 30 64,96
    scene B                        load <a label map, as text>                     mirror bed C 30 64,96

A mirror is a stamp with left and right exchanged.

Places are x,y in pixels of the label map. Sizes are in pixels, too: the diameter of a brush, the height of a stamp.
Letters name the examples. Names of more than one word stand in quotes: fill "traffic light" 8,9.
"""

from __future__ import annotations

import base64
import binascii
import io
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from smis.outside import PictureError, open_picture, shortened
from smis_widgets.base import Refused

# What follows each verb. A word with a plus: one or more of it.
GRAMMAR: dict[str, tuple[str, ...]] = {
    "brush": ("class", "size", "point+"),
    "erase": ("size", "point+"),
    "fill": ("class", "point"),
    "rectangle": ("class", "point", "point"),
    "polygon": ("class", "point+"),
    "replace": ("class", "class"),
    "move": ("point", "point"),
    "stamp": ("class", "letter", "size", "point"),
    "mirror": ("class", "letter", "size", "point"),
    "scene": ("letter",),
    "load": ("map",),
}
LONGEST = 1_000_000  # letters of a line: a label map of 2048 x 2048 pixels as text stays below
MOST_POINTS = 10_000  # of one edit: three minutes of one stroke
STAMPS = ("stamp", "mirror")  # as it was cut, and with left and right exchanged
EXAMPLE = {"class": "CLASS", "size": "8", "point": "20,40", "point+": "20,40 60,44", "letter": "B", "map": "MAP"}


@dataclass(frozen=True)
class Action:
    """One edit: a verb, and the values that `GRAMMAR` asks for.

    Classes and letters are strings, sizes floats, points (x, y); "point+" is one tuple of points.

    >>> str(Action.parse("brush  bed 8 20,40.50 60,44"))
    'brush bed 8 20,40.5 60,44'
    """

    verb: str
    values: tuple[Any, ...]

    @classmethod
    def parse(cls, line: str) -> Action:
        """Read a line. Raises Refused, which says what was expected."""
        if not isinstance(line, str) or len(line) > LONGEST:
            raise Refused(f"A command is a line of at most {LONGEST:,} letters, such as: {usage('fill')}.")
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise Refused(f"{shortened(line)!r} cannot be read ({error}): quotes come in pairs.") from error
        if not words or words[0] not in GRAMMAR:
            raise Refused(
                f"{shortened(words[0]) if words else 'nothing'!r} is no command. There are: {', '.join(GRAMMAR)}."
            )
        verb, rest, values = words[0], words[1:], []
        for kind in GRAMMAR[verb]:
            taken, rest = (rest, []) if kind.endswith("+") else (rest[:1], rest[1:])
            if not taken:
                raise Refused(f"{verb} needs more, such as: {usage(verb)}")
            try:
                values.append(tuple(map(_point, taken)) if kind == "point+" else READERS[kind](taken[0]))
            except ValueError as error:
                raise Refused(
                    f"{shortened(' '.join(taken))!r} in {verb} cannot be read. Expected is, say: {usage(verb)}"
                ) from error
        if rest:
            raise Refused(
                f"{verb} has too much at its end: {shortened(' '.join(rest))!r}. Expected is, say: {usage(verb)}"
            )
        return cls(verb, tuple(values))

    def __str__(self) -> str:
        words = [self.verb]
        for kind, value in zip(GRAMMAR[self.verb], self.values, strict=True):
            if kind == "point+":
                words += [_place(point) for point in value]
            elif kind == "point":
                words.append(_place(value))
            else:
                words.append(f"{value:g}" if kind == "size" else shlex.quote(value))
        return " ".join(words)


def usage(verb: str) -> str:
    """A line with this verb, to learn from."""
    return " ".join([verb, *(EXAMPLE[kind] for kind in GRAMMAR[verb])])


def rounded(x: float, y: float) -> tuple[float, float]:
    """A place to a tenth of a pixel: fine enough for a hand, short enough for a line."""
    return round(float(x), 1), round(float(y), 1)


def map_to_text(labels: np.ndarray) -> str:
    """A label map uint8 (H, W) as text: a PNG in base 64."""
    data = io.BytesIO()
    Image.fromarray(labels).save(data, "PNG", optimize=True)
    return base64.b64encode(data.getvalue()).decode()


def text_to_map(text: str) -> np.ndarray:
    """The inverse of `map_to_text`. Raises ValueError when it is none."""
    try:
        picture = open_picture(base64.b64decode(text, validate=True))
        if picture.mode not in ("L", "P", "1"):
            raise PictureError(f"mode {picture.mode}, grey is needed")
        return np.array(picture.convert("L"))
    except (binascii.Error, PictureError) as error:
        raise ValueError(f"this is not a label map as text ({error})") from error


def _point(word: str) -> tuple[float, float]:
    x, y = (float(part) for part in word.split(","))
    if not (np.isfinite(x) and np.isfinite(y) and max(abs(x), abs(y)) < 1e5):
        raise ValueError(word)
    return rounded(x, y)


def _size(word: str) -> float:
    size = float(word)
    if not 1 <= size <= 1000:
        raise ValueError(word)
    return round(size, 1)


def _map(word: str) -> str:
    text_to_map(word)
    return word


def _place(point: tuple[float, float]) -> str:
    return f"{point[0]:g},{point[1]:g}"


READERS: dict[str, Callable[[str], Any]] = {
    "class": str,
    "size": _size,
    "point": _point,
    "letter": str.upper,
    "map": _map,
}
