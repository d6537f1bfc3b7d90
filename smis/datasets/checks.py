"""What can be wrong with one image or one label map.

The loaders (`smis.datasets.folders`) run these checks on each file they read and refuse it with a `DataError`; the
doctor (`smis.datasets.doctor`) runs the same ones on a whole folder, lists what it finds, and mends a copy.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from smis.outside import PictureError, open_picture

__all__ = [
    "IGNORE_IDS",
    "KINDS",
    "DataError",
    "Kind",
    "LabelMap",
    "Problem",
    "count_values",
    "look_up",
    "mixed_pixels",
    "read_image",
]

IGNORE_IDS = (255, 65535, -1)  # what annotation tools write where nobody has looked
ORIENTATION = 0x0112  # the EXIF tag
RGB_MODES = ("RGB", "L", "P", "RGBA", "LA", "PA", "CMYK", "YCbCr", "1")  # what converts to 8-bit RGB without loss
MIXED_SHARE = 0.15  # of the pixels on borders: rendered people stay below 0.06, resized bilinearly most are above
EXIF_TURNS = {2: "mirrored", 3: "turned by 180°", 4: "flipped", 6: "turned right", 8: "turned left"}


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its title, where it comes from, and what `--fix` does about it in the copy.

    A grave one makes the loaders refuse the file; the others are worth knowing.
    """

    title: str
    cause: str
    mend: str
    grave: bool = True


KINDS = {
    "unmatched image": Kind(
        "image without a label map",
        "images and label maps are paired by their names without the ending",
        "leaves it out; if its label map has another name, rename that first",
    ),
    "unmatched labels": Kind(
        "label map without an image",
        "images and label maps are paired by their names without the ending",
        "leaves it out; if its image has another name, rename that first",
    ),
    "damaged": Kind(
        "file that cannot be read",
        "the file is cut off or is no picture: an interrupted download or copy, or a full disk",
        "leaves the pair out; to keep it, fetch the file again",
    ),
    "size": Kind(
        "label map of another size than its image",
        "one of the two was resized or cropped alone",
        "resizes the label map (nearest) where the proportions agree, else leaves the pair out",
    ),
    "exif": Kind(
        "image that its EXIF tag turns",
        "the camera stored the picture on its side and a tag that says so: viewers and annotation tools obey the tag, "
        "most programs do not, so the label map may lie across the image",
        "turns the pixels where the label map is drawn for that, and removes the tag",
    ),
    "depth": Kind(
        "image that is not 8-bit",
        "16-bit and floating-point pictures have no agreed white",
        "scales the image's own range to 0..255",
    ),
    "colours": Kind(
        "label map in colours",
        "the picture shows the classes in colours; a label map holds the id itself in each pixel",
        "gives each colour an id: the palette's in classes.json, else by how often it occurs",
    ),
    "grey as RGB": Kind(
        "label map with three equal channels",
        "ids were saved as a grey RGB picture",
        "keeps one channel",
    ),
    "palettes": Kind(
        "label maps whose palettes disagree",
        "each file was quantised by itself, so one index means different colours in different files",
        "goes by the colours, as for a label map in colours",
    ),
    "lossy": Kind(
        "label map saved with loss",
        "JPEG (and lossy WebP) blurs ids at every border",
        "splits a 0/255 mask at the middle, else leaves the pair out: save it as PNG from its source",
    ),
    "0/255": Kind(
        "0/255 mask",
        "a black-and-white mask has the ids 0 and 255; the network wants 0 and 1",
        "makes 255 the id 1",
    ),
    "ignore": Kind(
        "ignore id",
        "255 (or -1, or 65535) marks what nobody annotated; it is no class, and every pixel needs one",
        "makes it one more class, 'unknown'",
    ),
    "range": Kind(
        "id that is no class",
        "classes.json (or remap.json) has no such id",
        "makes it 'unknown'; if it is a class, add it to classes.json first",
    ),
    "mixed": Kind(
        "interpolated (anti-aliased) borders",
        "the label map was resized or drawn with smoothing: between 2 and 6 that makes a seam of 4, which is another "
        "class or none at all. Label maps are resized with nearest",
        "gives each seam pixel the id of its nearest solid neighbour",
    ),
    "gap": Kind(
        "gap in the ids",
        "ids must be 0, 1, 2, ... without a gap: the network has a channel for each, used or not",
        "numbers the ids that occur anew, in their order; mended.json says what became what",
    ),
    "empty": Kind(
        "class that never occurs",
        "no pixel of any label map has this id: the network keeps a channel that it can never learn",
        "keeps it; with --drop-empty it is removed and the ids above move down",
        grave=False,
    ),
    "mode": Kind(
        "image that is not RGB",
        "grey, palette, CMYK or transparent picture: it is converted, transparency is dropped",
        "writes RGB",
        grave=False,
    ),
}


class DataError(ValueError):
    """A file of a data set is not as it must be; the message says how to mend it."""


@dataclass(frozen=True)
class Problem:
    """Something wrong: a key of `KINDS`, the file (or folder), and what was found there."""

    kind: str
    file: str
    found: str

    def error(self, command: str) -> DataError:
        """As an error that names the command which mends it."""
        kind = KINDS[self.kind]
        return DataError(f"{self.file}: {kind.title}: {self.found}. Cause: {kind.cause}. What to do: {command}")


def _open(path: Path, file: str) -> Image.Image | Problem:
    try:
        return open_picture(path)
    except PictureError as error:
        return Problem("damaged", file, f"{path.stat().st_size:,} bytes, {error}")


def _turn(picture: Image.Image) -> int:
    """The EXIF tag of how a picture is turned, 1 to 8; 1, as it is, where the tag is missing or cannot be read."""
    try:
        turn = picture.getexif().get(ORIENTATION, 1)
    except Exception:  # what Pillow raises for damaged EXIF has many types
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def read_image(
    path: Path, labels: tuple[int, int] | None = None, file: str = ""
) -> tuple[Image.Image | None, list[Problem]]:
    """An image as it is, and what is wrong with it; None when it cannot be read.

    `labels` is the (H, W) of its label map, `file` what the image is called in messages.
    """
    file = file or str(path)
    picture = _open(path, file)
    if isinstance(picture, Problem):
        return None, [picture]
    problems = []
    size = (picture.height, picture.width)
    turn = _turn(picture)
    if turn > 1:
        drawn_for_turned = labels is not None and size != labels and size[::-1] == labels and turn >= 5
        drawn_for_stored = labels is not None and size == labels and turn >= 5 and size[0] != size[1]
        what = EXIF_TURNS.get(turn, "turned and mirrored")
        if drawn_for_turned:
            problems.append(Problem("exif", file, f"shown {what}, and the label map is drawn for that"))
        elif not drawn_for_stored:  # its pixels fit as they are stored
            problems.append(Problem("exif", file, f"shown {what}, and the size does not tell whether the label map is"))
        if drawn_for_turned:
            size = size[::-1]
    if labels is not None and size != labels:
        found = f"image {size[0]} x {size[1]} (height x width), label map {labels[0]} x {labels[1]}"
        problems.append(Problem("size", file, found))
    if picture.mode not in RGB_MODES:
        problems.append(Problem("depth", file, f"mode {picture.mode}"))
    elif picture.mode != "RGB":
        problems.append(Problem("mode", file, f"mode {picture.mode}"))
    return picture, problems


@dataclass(frozen=True)
class LabelMap:
    """A label map as it lies in its file.

    `values` are the ids (H, W) int32, or, where `coloured`, the colours (H, W) as 65536 R + 256 G + B. `colours` of a
    palette picture: id -> colour, for the ids that occur.
    """

    file: str
    mode: str
    lossy: bool
    coloured: bool
    values: np.ndarray
    colours: dict[int, int]

    @classmethod
    def read(cls, path: Path, file: str = "") -> LabelMap | Problem:
        """The label map at `path`, called `file` in messages; a `Problem` when it cannot be read."""
        file = file or str(path)
        picture = _open(path, file)
        if isinstance(picture, Problem):
            return picture
        lossy = picture.format == "JPEG" or (picture.format == "WEBP" and _webp_is_lossy(path))
        coloured = picture.mode not in ("1", "L", "P", "I", "I;16", "I;16B", "I;16L")
        colours: dict[int, int] = {}
        if coloured:
            try:
                rgb = picture.convert("RGB")
            except ValueError as error:
                return Problem("damaged", file, f"mode {picture.mode} holds neither ids nor RGB colours ({error})")
            red, green, blue = (np.asarray(channel, np.int32) for channel in rgb.split())
            if np.array_equal(red, green) and np.array_equal(red, blue):
                return cls(file, picture.mode, lossy, False, red, {})
            values = (red << 16) | (green << 8) | blue
        else:
            values = np.asarray(picture).astype(np.int32)
            if picture.mode == "P":
                table = np.array(picture.getpalette("RGB") or [], np.int32)
                red, green, blue = np.pad(table, (0, 768 - len(table))).reshape(256, 3).T
                shown = (red << 16) | (green << 8) | blue
                colours = {i: int(shown[i]) for i in count_values(values)}
        return cls(file, picture.mode, lossy, coloured, values, colours)

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.values.shape[0], self.values.shape[1]

    def problems(self, known: Collection[int] | None) -> list[Problem]:
        """What one file shows by itself; `known` are the ids that mean a class, None when that is not known."""
        if self.coloured:
            number = len(count_values(self.values))
            return [Problem("colours", self.file, f"mode {self.mode}, {number} colours")]
        found = []
        if self.mode not in ("1", "L", "P", "I", "I;16", "I;16B", "I;16L"):
            found.append(Problem("grey as RGB", self.file, f"mode {self.mode}"))
        if self.lossy:
            found.append(Problem("lossy", self.file, f"{len(count_values(self.values))} different values"))
            return found
        mixed = mixed_pixels(self.values)
        if mixed.any():
            some = np.unique(self.values[mixed])
            found.append(Problem("mixed", self.file, f"{mixed.sum():,} pixels, ids {_listed(some)}"))
        counts = count_values(self.values[~mixed] if mixed.any() else self.values)
        if known is not None:
            strange = [(number, pixels) for number, pixels in counts.items() if number not in known]
            if strange and counts.keys() <= {0, 255}:
                found.append(Problem("0/255", self.file, "its only ids are 0 and 255"))
            else:
                for number, pixels in strange:
                    kind = "ignore" if number in IGNORE_IDS else "range"
                    found.append(Problem(kind, self.file, f"id {number} on {pixels:,} pixels"))
        return found


def count_values(values: np.ndarray) -> dict[int, int]:
    """How often each value occurs, in ascending order.

    >>> count_values(np.array([[3, 3], [0, 3]]))
    {0: 1, 3: 3}
    """
    if values.size and 0 <= values.min() and values.max() <= 65535:  # much faster than sorting
        counts = np.bincount(values.ravel())
        return {i: int(counts[i]) for i in np.flatnonzero(counts).tolist()}
    found, numbers = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), numbers.tolist()))


def look_up(values: np.ndarray, table: Mapping[int, int]) -> np.ndarray:
    """Values (H, W) through a table, int32; -1 where it has no entry.

    >>> look_up(np.array([[3, 0, 9]]), {0: 1, 3: 2})
    array([[ 2,  1, -1]], dtype=int32)
    """
    if values.size and 0 <= values.min() and values.max() <= 65535:
        places = np.full(int(values.max()) + 1, -1, np.int32)
        for value, to in table.items():
            if 0 <= value < len(places):
                places[value] = to
        return places[values]
    found, where = np.unique(values, return_inverse=True)
    return np.array([table.get(i, -1) for i in found.tolist()], np.int32)[where].reshape(values.shape)


def _listed(ids: np.ndarray) -> str:
    """'1, 2, 3, ...'"""
    return ", ".join(map(str, ids[:8].tolist())) + (", ..." if len(ids) > 8 else "")


def _webp_is_lossy(path: Path) -> bool:
    with path.open("rb") as file:
        return b"VP8L" not in file.read(64)


def mixed_pixels(ids: np.ndarray, share: float = MIXED_SHARE) -> np.ndarray:
    """Where a label map (H, W) looks interpolated: bool (H, W), all False for a sound one.

    Interpolation puts values in between on a border: a pixel lies strictly between its left and right, or its upper
    and lower, neighbour. In a sound map few pixels do. The map counts as interpolated when more than `share` of the
    pixels on its borders do, and it is not mere noise.

    >>> ids = np.repeat([[0] * 9 + [6] * 9], 9, 0)
    >>> mixed_pixels(ids).any()
    np.False_
    >>> ids[:, 9] = 3
    >>> np.flatnonzero(mixed_pixels(ids)[4])
    array([9])
    """
    none = np.zeros(ids.shape, bool)
    if min(ids.shape) < 3:
        return none
    middle = ids[1:-1, 1:-1]
    left, right, up, down = ids[1:-1, :-2], ids[1:-1, 2:], ids[:-2, 1:-1], ids[2:, 1:-1]
    border = (middle != left) | (middle != right) | (middle != up) | (middle != down)
    if not border.any() or border.mean() > 0.6:
        return none
    between = ((left < middle) & (middle < right)) | ((left > middle) & (middle > right))
    between |= ((up < middle) & (middle < down)) | ((up > middle) & (middle > down))
    if between.sum() <= share * border.sum():
        return none
    none[1:-1, 1:-1] = between
    return none
