"""Images and label maps as files in folders: your own data, and the base of the published data sets.

A network's input is made as the paper makes it: the image is resized with bicubic, the label map and the instance ids
with nearest, both to one size (by default without regard to their proportions).
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from smis.datasets.archive import Samples
from smis.datasets.checks import KINDS, DataError, LabelMap, Problem, count_values, look_up, read_image
from smis.datasets.labelsets import label_set_from_json
from smis.labels import LabelSet
from smis.outside import read_json, shortened

__all__ = [
    "Files",
    "PairedFiles",
    "find_folders",
    "folder",
    "instance_edges",
    "pair_files",
    "read_remap",
]

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")
IMAGE_FOLDERS = ("images", "image", "imgs", "img")
AS_PUBLISHED = ("exif", "mixed")  # published data are what they are: read as stored, as the paper does
LABEL_FOLDERS = ("labels", "label", "masks", "mask", "annotations", "label_maps")


@dataclass(frozen=True)
class Files:
    """The files of one sample."""

    image: Path
    labels: Path
    instances: Path | None = None


class PairedFiles:
    """Images and label maps in files. `data[i]` gives (image uint8 (H, W, 3), labels uint8 (H, W)), and the instance
    edges bool (H, W) as a third where there are instance ids.

    Args:
        files: the samples, in order.
        label_set: the classes; ids in the files must be 0 .. C - 1 after `remap`.
        size: (H, W) of what is given out.
        remap: id in the file -> class id. Ids that it does not name are refused.
        fit: 'stretch' to the size as the paper does, or 'crop' the middle to the proportions of `size` first.
        accept: kinds of problems (keys of `smis.datasets.checks.KINDS`) that shall not stop the reading.
        doctor: the command that lists and mends what is wrong with these files, for error messages.

    Raises:
        DataError: naming file and cause, when a file is damaged, has an id that is no class, and so on.
    """

    def __init__(
        self,
        files: Sequence[Files],
        label_set: LabelSet,
        size: tuple[int, int],
        *,
        remap: Mapping[int, int] | None = None,
        fit: str = "stretch",
        accept: Collection[str] = (),
        doctor: str = "smis doctor data FOLDER --fix OUT",
    ) -> None:
        if not files:
            raise DataError("no samples: there is not a single image with a label map")
        if fit not in ("stretch", "crop"):
            raise ValueError(f"fit must be 'stretch' or 'crop', got {fit!r}")
        if min(size) < 1:
            raise ValueError(f"size must be (height, width) in pixels, got {size}")
        if remap is not None and not all(0 <= to < len(label_set) for to in remap.values()):
            outside = shortened(sorted(set(remap.values())))
            raise ValueError(f"the remap table leads to ids outside 0..{len(label_set) - 1}: {outside}")
        if len({f.instances is None for f in files}) != 1:
            raise ValueError("either all samples have instance ids or none")
        self.files, self.label_set, self.size = list(files), label_set, size
        self.remap = {i: i for i in range(len(label_set))} if remap is None else dict(remap)
        self.fit, self.accept, self.doctor = fit, frozenset(accept), doctor

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        return self._read(self.files[index], self.size)

    def load(self, size: tuple[int, int] | None = None, indices: Sequence[int] | None = None) -> Samples:
        """All samples (or those named) in memory, at `size` (H, W) if given; with edges if there are instances."""
        chosen = range(len(self)) if indices is None else indices
        if not len(chosen):
            raise ValueError(f"no samples asked for: there are {len(self)}")
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # decoding and resizing free the interpreter
            read = list(pool.map(lambda i: self._read(self.files[i], size or self.size), chosen))
        images, labels, *edges = (np.stack(parts) for parts in zip(*read))
        return Samples(images, labels, self.label_set, *edges)

    def fingerprint(self) -> str:
        """A SHA-256 that changes with the list of files, their sizes and dates, the classes and the way they are read.

        The files' contents are not read: that would take as long as decoding them.
        """
        digest = hashlib.sha256()
        for files in self.files:
            for path in (files.image, files.labels, files.instances):
                if path is not None:
                    status = path.stat()
                    digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        digest.update(json.dumps([self.label_set.to_dict(), sorted(self.remap.items()), self.fit]).encode())
        return digest.hexdigest()

    def _read(self, files: Files, size: tuple[int, int]) -> tuple[np.ndarray, ...]:
        labels = LabelMap.read(files.labels)
        if isinstance(labels, Problem):
            raise labels.error(self.doctor)
        self._refuse(labels.problems(self.remap.keys()))
        image, problems = read_image(files.image, labels.size)
        self._refuse(problems)
        assert image is not None
        if (image.height, image.width) != labels.size:  # an accepted EXIF turn, and the label map is drawn for it
            image = ImageOps.exif_transpose(image)
        box = _middle(labels.size, size) if self.fit == "crop" else None
        pixels = image.convert("RGB").resize(size[::-1], Image.Resampling.BICUBIC, box)
        ids = Image.fromarray(self._classes(labels)).resize(size[::-1], Image.Resampling.NEAREST, box)
        if files.instances is None:
            return np.asarray(pixels), np.asarray(ids)
        instances = LabelMap.read(files.instances)
        if isinstance(instances, Problem):
            raise instances.error(self.doctor)
        numbers = Image.fromarray(instances.values).resize(size[::-1], Image.Resampling.NEAREST, box)
        return np.asarray(pixels), np.asarray(ids), instance_edges(np.asarray(numbers))

    def _refuse(self, problems: Sequence[Problem]) -> None:
        for problem in problems:
            if KINDS[problem.kind].grave and problem.kind not in self.accept:
                raise problem.error(self.doctor)

    def _classes(self, labels: LabelMap) -> np.ndarray:
        """The ids as class ids, uint8 (H, W)."""
        classes = look_up(labels.values, self.remap)
        if classes.min() < 0:
            unknown = sorted(count_values(labels.values).keys() - self.remap.keys())
            raise Problem("range", labels.file, f"ids {unknown}").error(self.doctor)
        return classes.astype(np.uint8)


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest box in the middle of a picture (H, W) with the proportions of `target`: left, top, right, bottom."""
    height = min(size[0], size[1] * target[0] / target[1])
    width = min(size[1], size[0] * target[1] / target[0])
    top, left = (size[0] - height) / 2, (size[1] - width) / 2
    return left, top, left + width, top + height


def instance_edges(instances: np.ndarray) -> np.ndarray:
    """Where instance ids (H, W) differ from one of the four neighbours': bool (H, W).

    >>> instance_edges(np.array([[1, 1, 2, 2]])).tolist()
    [[False, True, True, False]]
    """
    edges = np.zeros(instances.shape, bool)
    for axis in (0, 1):
        before = [slice(None), slice(None)]
        after = [slice(None), slice(None)]
        before[axis], after[axis] = slice(None, -1), slice(1, None)
        differ = instances[tuple(before)] != instances[tuple(after)]
        edges[tuple(before)] |= differ
        edges[tuple(after)] |= differ
    return edges


def pair_files(images: Path, labels: Path) -> tuple[list[tuple[str, Files]], list[str], list[str]]:
    """Pairs (name, files) by their path within the two folders without its ending, and the names that only one has.

    Raises DataError when a folder is missing or two files of one folder have the same name but for the ending.
    """
    found = [_pictures(images), _pictures(labels)]
    pairs = [(name, Files(found[0][name], found[1][name])) for name in sorted(found[0].keys() & found[1].keys())]
    return pairs, sorted(found[0].keys() - found[1].keys()), sorted(found[1].keys() - found[0].keys())


def _pictures(root: Path) -> dict[str, Path]:
    if not root.is_dir():
        raise DataError(f"no folder {root}")
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in PICTURES and not path.name.startswith(".") and path.is_file():
            name = path.relative_to(root).with_suffix("").as_posix()
            if name in found:
                raise DataError(f"{found[name]} and {path} have the same name but for the ending: remove one of them")
            found[name] = path
    return found


def find_folders(root: Path) -> tuple[Path, Path]:
    """The folders of images and of label maps in `root`; DataError saying what was looked for."""
    chosen = []
    for names in (IMAGE_FOLDERS, LABEL_FOLDERS):
        there = [root / name for name in names if (root / name).is_dir()]
        if len(there) != 1:
            inside = sorted(p.name for p in root.iterdir() if p.is_dir()) if root.is_dir() else None
            what = "no such folder" if inside is None else f"its folders: {', '.join(inside) or 'none'}"
            raise DataError(f"{root} must hold one of the folders {', '.join(names)}; {what}")
        chosen += there
    return chosen[0], chosen[1]


def read_remap(path: Path) -> dict[int, int]:
    """A table {"id in the file": class id} from JSON, such as {"0": 0, "7": 1, "255": 0}; DataError if it is none."""
    try:
        data = read_json(path)
        table = {int(key): value for key, value in data.items()}
        if not table or not all(type(value) is int and value >= 0 for value in table.values()):
            raise ValueError("class ids are whole numbers from 0")
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(
            f'{path} is no remap table: {shortened(error)}. It must look like {{"0": 0, "7": 1, "255": 0}}: '
            "id in the file -> class id"
        ) from error
    return table


def folder(
    root: str | os.PathLike[str],
    size: tuple[int, int],
    *,
    split: str = "",
    label_set: LabelSet | None = None,
    remap: Mapping[int, int] | None = None,
    fit: str = "stretch",
    accept: Collection[str] = (),
) -> PairedFiles:
    """Your own data: `images/` and `labels/` with files of the same names (any endings, subfolders too).

    `root/split` is read if it exists, else `root`. The classes are `label_set` or those of `classes.json` (see
    `label_set_from_json`), ids go through `remap` or `remap.json` (`read_remap`) if there is one; both files may lie in
    the folder or, for all splits, one above. docs/your-data.md explains it step by step.

    Raises:
        DataError: a folder, `classes.json` or partner is missing.
    """
    top = Path(root)
    place = top / split if split and (top / split).is_dir() else top
    images, labels = find_folders(place)
    doctor = f"smis doctor data {shlex.quote(str(place))} --fix {shlex.quote(str(place) + '-mended')}"
    pairs, lonely_images, lonely_labels = pair_files(images, labels)
    for kind, lonely in (("unmatched image", lonely_images), ("unmatched labels", lonely_labels)):
        if lonely and kind not in accept:
            raise Problem(kind, str(place), f"{len(lonely)}, such as {lonely[0]}").error(doctor)
    if label_set is None:
        classes = beside(place, "classes.json")
        if classes is None:
            raise DataError(
                f"no classes.json in {place} or above. It names the classes: "
                '{"name": "mine", "classes": ["sky", "sea"]}, one for each id from 0. '
                f"Which ids there are: smis doctor data {shlex.quote(str(place))}"
            )
        label_set = label_set_from_json(classes)
    table = beside(place, "remap.json")
    if remap is None and table is not None:
        remap = read_remap(table)
    return PairedFiles([f for _, f in pairs], label_set, size, remap=remap, fit=fit, accept=accept, doctor=doctor)


def beside(place: Path, name: str) -> Path | None:
    """A file in the folder or in the one above it."""
    return next((p / name for p in (place, place.resolve().parent) if (p / name).is_file()), None)
