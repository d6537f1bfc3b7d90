"""Archives: one zip file of images and label maps, read lazily, written whole or not at all.

Format "smis-archive-1": stored entries with a fixed date, so that the same samples give the same bytes:
`meta.json` (format, label_set, count, size and where the samples come from), `images/00000.webp` (RGB, lossy)
and `labels/00000.png` (palette PNG whose pixel values are the class ids).
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from smis.datasets.paths import data_file
from smis.files import whole_file
from smis.labels import LabelSet
from smis.outside import MAX_JSON, MAX_PIXELS, PictureError, open_picture, parse_json, shortened

if TYPE_CHECKING:
    import torch

FORMAT = "smis-archive-1"
FIXED_DATE = (1980, 1, 1, 0, 0, 0)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack a few bytes to gigabytes in one go
MAX_COUNT = 10_000_000
MAX_GROWTH = 1000  # times as large in memory as in its file: what is larger, and above a GB, is a bomb
MAX_ENTRY = max(MAX_JSON, 4 * MAX_PIXELS)  # bytes


class ArchiveError(ValueError):
    """An archive, or a sample to be written into one, is not as it must be."""


@dataclass(frozen=True)
class Samples:
    """Images uint8 (N, H, W, 3) and their label maps uint8 (N, H, W).

    Where the data tell objects of one class apart there are instance edges, too: bool (N, H, W), True where an object
    ends and another one begins.

    Raises ValueError for another shape or type. Whether the ids are those of the label set is checked where they are
    read, as it takes a look at every pixel.
    """

    images: np.ndarray
    labels: np.ndarray
    label_set: LabelSet
    edges: np.ndarray | None = None

    def __post_init__(self) -> None:
        images, labels, edges = self.images, self.labels, self.edges
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
            raise ValueError(f"images must be RGB, uint8 (N, H, W, 3); got {images.dtype} {images.shape}")
        if labels.shape != images.shape[:3] or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                f"label maps must hold a class id a pixel, integers {images.shape[:3]}; got {labels.dtype} "
                f"{labels.shape}. Colours become ids by `smis doctor data FOLDER --fix OUT`"
            )
        if edges is not None and (edges.shape != labels.shape or edges.dtype != bool):
            raise ValueError(f"edges must be bool {labels.shape}; got {edges.dtype} {edges.shape}")

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int) -> Samples:
        """The first `count` samples, or all if there are fewer."""
        edges = None if self.edges is None else self.edges[:count]
        return Samples(self.images[:count], self.labels[:count], self.label_set, edges)

    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Images float32 (N, 3, H, W) in [-1, 1] and labels int64 (N, H, W)."""
        import torch

        images = torch.from_numpy(self.images).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        return images.contiguous(), torch.from_numpy(self.labels).long()


class Archive:
    """A zip of samples. `archive[i]` gives (image uint8 (H, W, 3), labels uint8 (H, W)).

    The file is opened for each access, so an Archive can be handed to other processes.
    Raises FileNotFoundError when there is no such file, ArchiveError when it is damaged or of another format.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"no archive at {self.path}. data/README.md says how the archives are made")
        with self.open() as zipped:
            self.meta = self._read_meta(zipped)
        try:
            self.label_set = LabelSet.from_dict(self.meta["label_set"])
            self._count = int(self.meta["count"])
            height, width = (int(n) for n in self.meta["size"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._error(f"meta.json is not as expected: {shortened(repr(error), 1000)}") from error
        self.size = (height, width)
        if not (1 <= self._count <= MAX_COUNT and min(self.size) >= 1 and height * width <= MAX_PIXELS):
            raise self._error(
                f"meta.json tells of {shortened(self._count)} samples of {shortened(height)} x {shortened(width)} "
                f"pixels; 1 to {MAX_COUNT:,} samples of at most {MAX_PIXELS:,} pixels are possible"
            )

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self.path} has {len(self)} samples, no index {index}")
        with self.open() as zipped:
            return self._read(zipped, index % len(self))

    def load(self, size: int | None = None, indices: Sequence[int] | None = None) -> Samples:
        """All samples (or those named) in memory; `size` a height that divides the archive's: images are box-averaged
        and labels take the majority of each block."""
        chosen = range(len(self)) if indices is None else indices
        height, width = self.size if size is None else (size, size * self.size[1] // self.size[0])
        needed = len(chosen) * height * width * 4
        if needed > max(2**30, MAX_GROWTH * self.path.stat().st_size):
            raise self._error(
                f"{len(chosen):,} samples need {needed:,} bytes of memory, many times as many as the file"
            )
        images, labels = [], []
        with self.open() as zipped:
            for index in chosen:
                if not 0 <= index < len(self):
                    raise IndexError(f"{self.path} has {len(self)} samples, no index {index}")
                image, label = self._read(zipped, index)
                if size is not None and size != self.size[0]:
                    image, label = shrink(image, label, size)
                images.append(image)
                labels.append(label)
        if not images:
            raise ValueError(f"no samples asked for: {self.path} has {len(self)}, indices {list(chosen)}")
        return Samples(np.stack(images), np.stack(labels), self.label_set)

    def open(self) -> zipfile.ZipFile:
        """The zip file. Raises ArchiveError when it is none, or not whole."""
        try:
            return zipfile.ZipFile(self.path)
        except PermissionError:
            raise
        except Exception as error:  # what zipfile raises for a damaged file has many types
            raise self._error(f"not a whole zip file ({shortened(error)})") from error

    def _read_meta(self, zipped: zipfile.ZipFile) -> dict[str, Any]:
        try:
            meta = parse_json(self._entry(zipped, "meta.json"))
        except ArchiveError:
            raise
        except ValueError as error:
            raise self._error(f"meta.json is not JSON: {error}") from error
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            found = meta.get("format") if isinstance(meta, dict) else meta
            raise self._error(f"format {FORMAT!r} expected, found {shortened(repr(found))}")
        return meta

    def _entry(self, zipped: zipfile.ZipFile, name: str) -> bytes:
        try:
            info = zipped.getinfo(name)
        except KeyError as error:
            raise self._error(f"entry {name} is missing") from error
        if info.compress_type not in METHODS or info.file_size > MAX_ENTRY:
            raise self._error(
                f"entry {name} has {info.file_size:,} bytes, packed by method {info.compress_type}; at most "
                f"{MAX_ENTRY:,} bytes, stored or deflated, are read"
            )
        try:
            return zipped.read(info)
        except Exception as error:  # what zipfile raises for a damaged entry has many types
            raise self._error(f"entry {name} is damaged: {shortened(error)}") from error

    def picture(self, zipped: zipfile.ZipFile, name: str, *modes: str) -> np.ndarray:
        """An entry as pixels, uint8 (H, W) or (H, W, 3). Raises ArchiveError when mode or size are others."""
        data = self._entry(zipped, name)
        try:
            picture = open_picture(data)
        except PictureError as error:
            raise self._error(f"entry {name} is not a readable picture: {error}") from error
        if picture.mode not in modes:
            raise self._error(f"entry {name} must have mode {' or '.join(modes)}, has {picture.mode}")
        if (picture.height, picture.width) != self.size:
            raise self._error(
                f"entry {name} must be {self.size[0]} x {self.size[1]} (height x width), "
                f"is {picture.height} x {picture.width}"
            )
        return np.array(picture, np.uint8)

    def _read(self, zipped: zipfile.ZipFile, index: int) -> tuple[np.ndarray, np.ndarray]:
        image = self.picture(zipped, f"images/{index:05d}.webp", "RGB")
        labels = self.picture(zipped, f"labels/{index:05d}.png", "P")
        if labels.max() >= len(self.label_set):
            raise self._error(
                f"labels/{index:05d}.png has the class id {labels.max()}; "
                f"{self.label_set.name!r} has {len(self.label_set)} classes"
            )
        return image, labels

    def _error(self, what: str) -> ArchiveError:
        return ArchiveError(f"{self.path}: {what}. Fetch the file again, or make it again as data/README.md says")


def open_archive(data: str, split: str) -> Archive:
    """The archive that `data` names: itself, for every split, if it ends in .zip; else data/NAME-SPLIT.zip."""
    return Archive(data if data.endswith(".zip") else data_file(f"{data}-{split}.zip"))


def world(name: str, split: str) -> Archive:
    """A rendered world: name "people", "rooms" or "streets", split "train", "val" or "test".

    The "swap" splits are read by `smis.datasets.swaps.swaps`.
    """
    if name not in ("people", "rooms", "streets"):
        raise ValueError(f'the world must be "people", "rooms" or "streets", got {name!r}')
    if split not in ("train", "val", "test"):
        raise ValueError(f'split must be "train", "val" or "test", got {split!r}')
    return open_archive(name, split)


def people(split: str) -> Archive:
    """The rendered people: split "train", "val" or "test"."""
    return world("people", split)


def shrink(image: np.ndarray, labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A sample (H, W, 3), (H, W) at height `size`: block means, and the majority class of each block.

    Ties go to the top-left pixel's class when it is among the tied, else to the smallest id.
    """
    height, width = labels.shape
    k = height // size if size > 0 else 0
    if k < 1 or size * k != height or width % k:
        raise ValueError(f"size must divide the height {height} (and the same factor the width {width}), got {size}")
    blocks = image.reshape(size, k, width // k, k, 3).astype(np.uint32)
    small = (blocks.sum((1, 3)) + k * k // 2) // (k * k)
    votes_of = labels.reshape(size, k, width // k, k)
    classes = np.unique(labels)
    votes = np.stack([(votes_of == c).sum((1, 3)) for c in classes])
    first = votes_of[:, 0, :, 0]
    votes = 2 * votes + (first[None] == classes[:, None, None])
    return small.astype(np.uint8), classes[votes.argmax(0)]


def write_archive(
    path: str | os.PathLike[str],
    label_set: LabelSet,
    samples: Iterable[tuple[np.ndarray, np.ndarray]],
    meta: Mapping[str, Any],
) -> int:
    """Write (image uint8 (H, W, 3), labels uint8 (H, W)) pairs as an archive; return their number.

    `meta` (JSON values) says where the samples come from. The file appears whole or not at all. Raises ArchiveError
    when a sample does not fit, or there is none.
    """
    encoded = (encode_sample(image, labels, label_set) for image, labels in samples)
    return write_encoded(path, label_set, encoded, meta)


def encode_sample(
    image: np.ndarray, labels: np.ndarray, label_set: LabelSet, quality: int = 90
) -> tuple[bytes, bytes, tuple[int, int]]:
    """WebP bytes, PNG bytes and (H, W) of one sample; ArchiveError when it does not fit the format."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ArchiveError(f"an image must be RGB, uint8 (H, W, 3); got {image.dtype} {image.shape}")
    if labels.dtype != np.uint8 or labels.shape != image.shape[:2]:
        raise ArchiveError(f"labels must be uint8 {image.shape[:2]} like the image; got {labels.dtype} {labels.shape}")
    try:
        label_set.check(labels)
    except ValueError as error:
        raise ArchiveError(str(error)) from error
    webp, png = io.BytesIO(), io.BytesIO()
    Image.fromarray(image).save(webp, "WEBP", quality=quality)
    picture = Image.fromarray(labels)
    picture.putpalette([c for colour in label_set.palette for c in colour])
    picture.save(png, "PNG", optimize=True)
    return webp.getvalue(), png.getvalue(), (labels.shape[0], labels.shape[1])


def write_encoded(
    path: str | os.PathLike[str],
    label_set: LabelSet,
    samples: Iterable[tuple[bytes, bytes, tuple[int, int]]],
    meta: Mapping[str, Any],
    extra: Mapping[str, bytes] | None = None,
) -> int:
    """`write_archive` for samples already encoded by `encode_sample` (in other processes, say).

    `meta` and `extra` (more entries, by name) are read after the last sample, so they may grow until then.
    """
    path = Path(path)
    count, size = 0, None
    with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as zipped:
        for webp, png, sample_size in samples:
            if size is not None and sample_size != size:
                raise ArchiveError(
                    f"{path}: all samples must have one size; sample {count} is {sample_size}, those before it {size}"
                )
            size = sample_size
            _store(zipped, f"images/{count:05d}.webp", webp)
            _store(zipped, f"labels/{count:05d}.png", png)
            count += 1
        if size is None:
            raise ArchiveError(f"{path}: an archive needs at least one sample, got none")
        for name, data in (extra or {}).items():
            _store(zipped, name, data)
        head = {"format": FORMAT, "label_set": label_set.to_dict(), "count": count, "size": list(size)}
        _store(zipped, "meta.json", json.dumps({**meta, **head}, indent=1, sort_keys=True).encode())
    return count


def _store(zipped: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, FIXED_DATE)
    info.external_attr = 0o644 << 16
    zipped.writestr(info, data)
