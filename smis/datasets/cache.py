"""Decode a data set once, then read it as fast as memory allows.

`cached(source)` decodes an archive (or a folder data set) into a folder of NumPy files and opens these memory-mapped:
the arrays look like any others, the system loads and drops their pages as needed, and all processes share them.
`Stream` draws shuffled, flipped (and cropped) batches from any samples, in memory or mapped.

The cache lies in the folder of the environment variable SMIS_CACHE, else in the user's cache folder (`~/.cache/smis` on
Linux). It may be deleted at any time. An entry is keyed by the SHA-256 of the archive (or the fingerprint of the
folder) and the size, appears whole or not at all, and is checked when it is opened: a damaged one is built anew.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock
from tqdm import tqdm

from smis.datasets.archive import Archive, Samples
from smis.datasets.folders import PairedFiles
from smis.files import file_sha256
from smis.outside import read_json

if TYPE_CHECKING:
    import torch

__all__ = ["Batch", "Stream", "cache_dir", "cached"]

FORMAT = "smis-cache-1"
CHUNK = 64  # samples decoded at a time


def cached(
    source: Archive | PairedFiles,
    size: tuple[int, int] | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Samples:
    """All samples of `source`, memory-mapped: decoded now if this is the first time, else at once.

    Args:
        size: (H, W) in pixels; default: the source's own. An archive can be shrunk by a whole factor.
        root: the cache folder; default: `cache_dir()`.
        progress: show a bar while decoding.

    Several processes may call this at once: one decodes, the others wait for it. The arrays may be written to; that
    changes neither the cache nor other processes' arrays.

    Raises OSError when the disk is full, and what the source raises when it cannot be read.
    """
    height, width = source.size if size is None else size
    sha = file_sha256(source.path) if isinstance(source, Archive) else source.fingerprint()
    folder = cache_dir() if root is None else Path(root)
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    entry = folder / f"{sha[:32]}-{height}x{width}"
    wanted = {"format": FORMAT, "source": sha, "size": [height, width], "count": len(source)}
    if not _is_sound(entry, wanted):
        with _locked(entry):
            if not _is_sound(entry, wanted):  # another process may have built it meanwhile
                _build(entry, wanted, source, progress)
    arrays = {name: np.load(entry / f"{name}.npy", mmap_mode="c") for name in _meta(entry)["arrays"]}
    return Samples(arrays["images"], arrays["labels"], source.label_set, arrays.get("edges"))


def cache_dir() -> Path:
    """The cache folder: SMIS_CACHE, else `smis` in the user's cache folder. It need not exist yet.

    Raises ValueError when it would lie in the repository.
    """
    given = os.environ.get("SMIS_CACHE")
    if given:
        folder = Path(given).expanduser()
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "smis" / "cache"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smis"
    folder = folder.resolve()
    repository = Path(__file__).resolve().parents[2]
    if (repository / "pyproject.toml").is_file() and (folder == repository or repository in folder.parents):
        raise ValueError(f"the cache must not lie in the repository: set SMIS_CACHE to a folder outside {repository}")
    return folder


# --- one entry: images.npy, labels.npy, perhaps edges.npy, and meta.json with their lengths and check sums -----------


def _meta(entry: Path) -> dict[str, Any]:
    try:
        meta = read_json(entry / "meta.json")
        return meta if isinstance(meta, dict) else {}
    except (OSError, ValueError):
        return {}


def _is_sound(entry: Path, wanted: dict[str, Any]) -> bool:
    meta = _meta(entry)
    if any(meta.get(key) != value for key, value in wanted.items()):
        return False
    try:
        return all(_length_and_crc(entry / f"{name}.npy", check[0]) == check for name, check in meta["arrays"].items())
    except (OSError, KeyError, TypeError, AttributeError, IndexError):
        return False


def _length_and_crc(path: Path, expected: int) -> list[int]:
    """[bytes, CRC-32]; the sum is not computed where the length is wrong already."""
    length, crc = path.stat().st_size, 0
    if length != expected:
        return [length, -1]
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            crc = zlib.crc32(block, crc)
    return [length, crc]


@contextmanager
def _locked(entry: Path) -> Iterator[None]:
    lock = FileLock(f"{entry}.lock")
    with _writing(entry.parent):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """A full disk or a folder that may not be written, with advice."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"cannot write the cache in {folder}: {error}. Make room, or set SMIS_CACHE to a folder on another disk"
        ) from error


def _build(entry: Path, wanted: dict[str, Any], source: Archive | PairedFiles, progress: bool) -> None:
    """Decode everything into a folder beside `entry`, then give it that name. Only one process does this at a time."""
    for left_over in entry.parent.glob(f"{entry.name}.*.part"):  # of a process that was killed
        shutil.rmtree(left_over)
    count, (height, width) = wanted["count"], wanted["size"]
    needed, free = count * height * width * 5, shutil.disk_usage(entry.parent).free
    if needed > free:
        raise OSError(
            f"the cache of {count} samples of {height} x {width} needs {needed / 1e9:.1f} GB, {entry.parent} has "
            f"{free / 1e9:.1f} GB free. Make room, or set SMIS_CACHE to a folder on another disk"
        )
    part = entry.with_name(f"{entry.name}.{os.getpid()}.part")
    try:
        with _writing(part.parent):
            part.mkdir()
        arrays = _decode(part, count, (height, width), source, progress)
        with _writing(part.parent):
            (part / "meta.json").write_text(json.dumps({**wanted, "arrays": arrays}, indent=1), encoding="utf-8")
            if entry.exists():
                shutil.rmtree(entry)
            os.replace(part, entry)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _decode(
    part: Path, count: int, size: tuple[int, int], source: Archive | PairedFiles, progress: bool
) -> dict[str, list[int]]:
    """Write the arrays; returns for each its length in bytes and its CRC-32.

    They are written as files, not through a memory map: a full disk then is an error, not a crash.
    """
    writers: dict[str, _ArrayWriter] = {}
    try:
        with tqdm(total=count, disable=not progress, unit="image", desc="decoding once") as bar:
            for start in range(0, count, CHUNK):
                chosen = range(start, min(start + CHUNK, count))
                samples = _load(source, size, chosen)
                arrays = {"images": samples.images, "labels": samples.labels}
                if samples.edges is not None:
                    arrays["edges"] = samples.edges
                for name, array in arrays.items():
                    if name not in writers:
                        writers[name] = _ArrayWriter(part / f"{name}.npy", (count, *array.shape[1:]), array.dtype)
                    writers[name].write(array)
                bar.update(len(chosen))
    finally:
        for writer in writers.values():
            writer.file.close()
    return {name: [writer.length, writer.crc] for name, writer in writers.items()}


def _load(source: Archive | PairedFiles, size: tuple[int, int], chosen: Sequence[int]) -> Samples:
    if isinstance(source, PairedFiles):
        return source.load(size, chosen)
    height, width = source.size
    if height * size[1] != width * size[0]:
        raise ValueError(f"{source.path} is {height} x {width}: it cannot be shrunk to {size[0]} x {size[1]}")
    return source.load(size[0], chosen)


class _ArrayWriter:
    """An array in a .npy file, written part by part."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.folder = path.parent.parent
        self.length, self.crc = 0, 0
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        start = io.BytesIO()
        np.lib.format.write_array_header_1_0(start, header)
        with _writing(self.folder):
            self.file = path.open("wb", buffering=0)
        self._write(start.getvalue())

    def write(self, array: np.ndarray) -> None:
        self._write(array.tobytes())

    def _write(self, data: bytes) -> None:
        with _writing(self.folder):
            rest = memoryview(data)
            while rest:
                rest = rest[self.file.write(rest) :]
        self.length += len(data)
        self.crc = zlib.crc32(data, self.crc)


# --- batches ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Batch:
    """Images uint8 (B, H, W, 3), labels uint8 (B, H, W), instance edges bool (B, H, W) or None, and which samples
    these are, (B,)."""

    images: np.ndarray
    labels: np.ndarray
    edges: np.ndarray | None
    indices: np.ndarray

    def tensors(self, device: str | torch.device = "cpu") -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Images float32 (B, 3, H, W) in [-1, 1], labels int64 (B, H, W), and edges bool (B, H, W) or None.

        They travel to the device as bytes and become floats there.
        """
        import torch

        def sent(array: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(array).to(device)

        images = sent(self.images).permute(0, 3, 1, 2).contiguous().float().div_(127.5).sub_(1)
        return images, sent(self.labels).long(), None if self.edges is None else sent(self.edges)


class Stream:
    """Shuffled batches of samples, each flipped left to right with probability 1/2 and, if asked, cropped at random.

    Everything follows from the seed and the number of the epoch, so `batch(step)` can be asked for any step: a run that
    was stopped and resumed sees the same batches. Samples left over at the end of an epoch are dropped.

    Args:
        samples: in memory, or from `cached`.
        batch_size: B.
        seed: a whole number from 0.
        flip: whether to flip.
        crop: (H, W) of a window placed at random in each sample; None takes all of it.

    >>> from smis.labels import PEOPLE
    >>> samples = Samples(np.zeros((5, 4, 4, 3), np.uint8), np.zeros((5, 4, 4), np.uint8), PEOPLE)
    >>> stream = Stream(samples, 2)
    >>> [batch.images.shape for batch in stream.epoch(0)]
    [(2, 4, 4, 3), (2, 4, 4, 3)]
    """

    def __init__(
        self,
        samples: Samples,
        batch_size: int,
        *,
        seed: int = 0,
        flip: bool = True,
        crop: tuple[int, int] | None = None,
    ) -> None:
        if not 1 <= batch_size <= len(samples):
            raise ValueError(f"a batch must hold 1 to {len(samples)} samples (all there are), got {batch_size}")
        size = samples.labels.shape[1:]
        if crop is not None and not (1 <= crop[0] <= size[0] and 1 <= crop[1] <= size[1]):
            raise ValueError(f"the crop must fit into {size[0]} x {size[1]} (height x width), got {crop}")
        self.samples, self.batch_size, self.seed, self.flip = samples, batch_size, seed, flip
        self.size: tuple[int, int] = crop or (size[0], size[1])
        self._plan: tuple[int, _Plan] | None = None

    def __len__(self) -> int:
        """Batches an epoch."""
        return len(self.samples) // self.batch_size

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of one epoch."""
        for place in range(len(self)):
            yield self.batch(number * len(self) + place)

    def batch(self, step: int) -> Batch:
        """The batch of one step: step `len(stream)` is the first of epoch 1."""
        epoch, place = divmod(step, len(self))
        if self._plan is None or self._plan[0] != epoch:
            self._plan = epoch, self._make_plan(epoch)
        plan = self._plan[1]
        span = slice(place * self.batch_size, (place + 1) * self.batch_size)
        chosen, flips, corners = plan.order[span], plan.flips[span], plan.corners[span]
        images, labels, edges = (
            None if array is None else self._take(array, chosen, flips, corners)
            for array in (self.samples.images, self.samples.labels, self.samples.edges)
        )
        assert images is not None
        assert labels is not None
        return Batch(images, labels, edges, chosen)

    def _make_plan(self, epoch: int) -> _Plan:
        random, number = np.random.default_rng((self.seed, epoch)), len(self.samples)
        order, flips = random.permutation(number), random.random(number) < 0.5
        height, width = self.samples.labels.shape[1:]
        corners = random.integers(0, (height - self.size[0] + 1, width - self.size[1] + 1), (number, 2))
        return _Plan(order, flips if self.flip else np.zeros(number, bool), corners)

    def _take(self, array: np.ndarray, chosen: np.ndarray, flips: np.ndarray, corners: np.ndarray) -> np.ndarray:
        height, width = self.size
        out = np.empty((len(chosen), height, width, *array.shape[3:]), array.dtype)
        for k, (index, flip, (top, left)) in enumerate(zip(chosen, flips, corners)):
            window = array[index, top : top + height, left : left + width]
            if not flip:
                out[k] = window
            elif window.ndim == 2:
                out[k] = window[:, ::-1]
            else:  # channel by channel, which NumPy copies five times as fast
                for channel in range(window.shape[2]):
                    out[k, :, :, channel] = window[:, ::-1, channel]
        return out


@dataclass(frozen=True)
class _Plan:
    """One epoch: the order of the samples, and for each place in it whether to flip and the crop's top left corner."""

    order: np.ndarray
    flips: np.ndarray
    corners: np.ndarray
