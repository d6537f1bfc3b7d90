"""The cache: decoded once, whole or not at all, checked. And the stream of batches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smis.datasets import cache
from smis.datasets.archive import Archive, Samples, write_archive
from smis.datasets.cache import Stream, cache_dir, cached
from smis.datasets.folders import folder
from smis.labels import LabelSet
from tests.unit.planted import SIZE, plant, scene

ROOT = Path(__file__).resolve().parents[2]
LABELS = LabelSet("shapes", ("ground", "disc", "box", "stripe"), ((0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)))


def make_archive(path: Path, count: int = 5, first: int = 0) -> Archive:
    write_archive(path, LABELS, (scene(first + n) for n in range(count)), {})
    return Archive(path)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return make_archive(tmp_path / "shapes.zip")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def entry_of(root: Path) -> Path:
    (entry,) = [path for path in root.iterdir() if path.is_dir()]
    return entry


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever something is decoded."""
    calls: list[int] = []
    real = cache._decode

    def counting(*args: object) -> object:
        calls.append(1)
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "_decode", counting)
    return calls


def same(found: Samples, expected: Samples) -> None:
    assert np.array_equal(found.images, expected.images)
    assert np.array_equal(found.labels, expected.labels)
    assert found.label_set == expected.label_set


# --- the cache ---------------------------------------------------------------------------------------------------


def test_what_is_cached_is_what_was_there(archive: Archive, root: Path, decoded: list[int]) -> None:
    for _ in range(2):
        found = cached(archive, root=root)
        same(found, archive.load())
        assert isinstance(found.images, np.memmap)
    assert len(decoded) == 1
    assert sorted(path.name for path in entry_of(root).iterdir()) == ["images.npy", "labels.npy", "meta.json"]


def test_more_samples_than_are_decoded_at_a_time(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CHUNK", 2)
    archive = make_archive(tmp_path / "x.zip")
    same(cached(archive, root=root), archive.load())


def test_each_size_has_an_entry(archive: Archive, root: Path, decoded: list[int]) -> None:
    assert cached(archive, (24, 32), root=root).images.shape == (5, 24, 32, 3)
    same(cached(archive, (24, 32), root=root), archive.load(24))
    assert cached(archive, root=root).images.shape == (5, 48, 64, 3)
    assert len(decoded) == 2
    with pytest.raises(ValueError, match="cannot be shrunk to 24 x 24"):
        cached(archive, (24, 24), root=root)
    assert not list(root.glob("*.part"))


def test_another_archive_of_the_same_name_is_another_entry(archive: Archive, root: Path, decoded: list[int]) -> None:
    cached(archive, root=root)
    other = make_archive(archive.path, first=50)
    same(cached(other, root=root), other.load())
    assert len(decoded) == 2


@pytest.mark.parametrize("file", ["images.npy", "labels.npy"])
@pytest.mark.parametrize("damage", ["flipped bit", "cut off", "missing"])
def test_a_damaged_entry_is_built_anew(
    archive: Archive, root: Path, decoded: list[int], file: str, damage: str
) -> None:
    cached(archive, root=root)
    path = entry_of(root) / file
    data = bytearray(path.read_bytes())
    if damage == "flipped bit":
        data[len(data) // 2] ^= 1
    path.unlink()
    if damage != "missing":
        path.write_bytes(data[:-1] if damage == "cut off" else data)
    same(cached(archive, root=root), archive.load())
    assert len(decoded) == 2


@pytest.mark.parametrize("meta", ["", "{", "[]", '{"format": "smis-cache-0"}', None])
def test_an_entry_with_another_description_is_built_anew(
    archive: Archive, root: Path, decoded: list[int], meta: str | None
) -> None:
    cached(archive, root=root)
    path = entry_of(root) / "meta.json"
    if meta is None:
        meta = json.dumps({**json.loads(path.read_text()), "source": "another archive"})
    path.write_text(meta)
    same(cached(archive, root=root), archive.load())
    assert len(decoded) == 2


def test_writing_to_the_arrays_does_not_change_the_cache(archive: Archive, root: Path, decoded: list[int]) -> None:
    samples = cached(archive, root=root)
    samples.images[:] = 0
    samples.labels[:] = 3
    same(cached(archive, root=root), archive.load())
    assert len(decoded) == 1


def test_an_interrupt_leaves_nothing(archive: Archive, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CHUNK", 2)
    real, calls = Archive.load, []

    def load(self: Archive, *args: object) -> Samples:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Archive, "load", load)
    with pytest.raises(KeyboardInterrupt):
        cached(archive, root=root)
    assert not [path for path in root.iterdir() if path.is_dir()]


def test_a_full_disk_is_said_before_anything_is_written(
    archive: Archive, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1000})())
    with pytest.raises(OSError, match=r"needs 0\.0 GB.*set SMIS_CACHE"):
        cached(archive, root=root)
    assert not [path for path in root.iterdir() if path.is_dir()]


# Decodes slowly and writes one line for each chunk, so that processes meet in the middle.
WORKER = """
import os, sys, time
from pathlib import Path
from smis.datasets import cache
from smis.datasets.archive import Archive
archive, root, log, pause = Archive(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), float(sys.argv[4])
cache.CHUNK = 1
real = Archive.load
def slow(self, *args):
    with log.open("a") as file:
        file.write(f"{os.getpid()}\\n")
    time.sleep(pause)
    return real(self, *args)
Archive.load = slow
samples = cache.cached(archive, root=root)
print(int(samples.images.sum(dtype="int64")), int(samples.labels.sum(dtype="int64")))
"""


def start(archive: Archive, root: Path, pause: float) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", WORKER, str(archive.path), str(root), str(root) + ".log", str(pause)]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_processes_that_build_at_once_decode_once(archive: Archive, root: Path) -> None:
    workers = [start(archive, root, 0.1) for _ in range(3)]
    answers = {worker.communicate(timeout=120)[0] for worker in workers}
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    expected = archive.load()
    assert answers == {f"{expected.images.sum(dtype=np.int64)} {expected.labels.sum(dtype=np.int64)}\n"}
    log = Path(f"{root}.log").read_text().split()
    assert len(log) == len(archive)
    assert len(set(log)) == 1
    assert not list(root.glob("*.part"))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_leaves_a_cache_that_heals(archive: Archive, root: Path) -> None:
    worker = start(archive, root, 30)
    deadline = time.monotonic() + 60
    while not list(root.glob("*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert list(root.glob("*.part"))
    same(cached(archive, root=root), archive.load())
    assert not list(root.glob("*.part"))


def test_folders_are_cached_and_noticed_when_they_change(tmp_path: Path, root: Path, decoded: list[int]) -> None:
    data = plant(tmp_path / "data")
    source = folder(data, (24, 32))
    for _ in range(2):
        same(cached(source, root=root), source.load())
    assert len(decoded) == 1
    path = data / "labels" / "0.png"
    swapped = np.roll(scene(0)[1], 32, 1)
    length = path.stat().st_size
    Image.fromarray(swapped).save(path)
    with path.open("ab") as file:  # the same length as before: only the date tells
        file.write(bytes(max(0, length - path.stat().st_size)))
    os.utime(path, ns=(1, 1))
    same(cached(source, root=root), source.load())
    assert len(decoded) == 2
    for other in (folder(data, (24, 32), fit="crop"), folder(data, (24, 32), remap={0: 0, 1: 0, 2: 1, 3: 1})):
        same(cached(other, root=root), other.load())
    assert len(decoded) == 4


def test_where_the_cache_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, archive: Archive) -> None:
    monkeypatch.setenv("SMIS_CACHE", str(tmp_path / "mine"))
    assert cache_dir() == (tmp_path / "mine").resolve()
    cached(archive)
    assert (tmp_path / "mine").is_dir()
    for inside in (ROOT, ROOT / "data" / "cache"):
        monkeypatch.setenv("SMIS_CACHE", str(inside))
        with pytest.raises(ValueError, match="must not lie in the repository"):
            cache_dir()
    monkeypatch.delenv("SMIS_CACHE")
    if os.name != "nt":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert cache_dir() == (tmp_path / "xdg" / "smis").resolve()
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert cache_dir() == (tmp_path / ".cache" / "smis").resolve()


# --- the stream --------------------------------------------------------------------------------------------------


def numbered(count: int = 10, size: tuple[int, int] = (6, 8), edges: bool = False) -> Samples:
    """Sample n has the value n in its labels' and 10 n in its images' left half, more in the right half."""
    labels = np.repeat(np.arange(count, dtype=np.uint8), size[0] * size[1]).reshape(count, *size)
    images = np.repeat(labels[..., None] * 10, 3, 3)
    images[:, :, size[1] // 2 :] += np.array([1, 2, 3], np.uint8)
    classes = tuple(map(str, range(count)))
    label_set = LabelSet("numbers", classes, ((0, 0, 0),) * count)
    if edges:
        return Samples(images, labels, label_set, images[..., 0] % 10 == 1)
    return Samples(images, labels, label_set)


def test_an_epoch_shows_every_sample_once_in_a_new_order() -> None:
    stream = Stream(numbered(), 3, seed=1)
    assert len(stream) == 3
    orders = [np.concatenate([batch.indices for batch in stream.epoch(e)]).tolist() for e in range(40)]
    for order in orders:
        assert len(order) == len(set(order)) == 9
    assert len({tuple(order) for order in orders}) == 40
    counts = np.bincount(np.concatenate(orders), minlength=10)
    assert counts.min() > 25, "a sample left over in one epoch must turn up in others"


def test_images_and_labels_stay_together_and_half_are_flipped() -> None:
    stream, flipped = Stream(numbered(edges=True), 4), 0
    batches = [batch for epoch in range(30) for batch in stream.epoch(epoch)]
    for batch in batches:
        assert batch.edges is not None
        assert np.array_equal(batch.labels[:, 0, 0], batch.indices)
        assert np.array_equal(batch.images[..., 0] // 10, batch.labels)
        assert np.array_equal(batch.edges, batch.images[..., 0] % 10 == 1)
        assert set(np.unique((batch.images - batch.images[..., :1])[batch.edges]).tolist()) == {0, 1, 2}
        flipped += int((batch.images[:, 0, 0, 0] % 10 == 1).sum())
    share = flipped / (4 * len(batches))
    assert 0.38 < share < 0.62
    calm = Stream(numbered(), 4, flip=False)
    assert all((batch.images[:, :, 0] % 10 == 0).all() for batch in calm.epoch(0))


def test_everything_follows_from_seed_and_step() -> None:
    samples = numbered()
    one, other = Stream(samples, 3, seed=7, crop=(4, 4)), Stream(samples, 3, seed=7, crop=(4, 4))
    forward = [one.batch(step) for step in range(9)]
    for step in (8, 2, 5, 0):  # in any order: a resumed run starts anywhere
        again = other.batch(step)
        assert np.array_equal(again.indices, forward[step].indices)
        assert np.array_equal(again.images, forward[step].images)
        assert np.array_equal(again.labels, forward[step].labels)
    third = Stream(samples, 3, seed=8)
    assert any(not np.array_equal(third.batch(s).indices, forward[s].indices) for s in range(9))
    assert np.array_equal(next(iter(one.epoch(2))).indices, forward[6].indices)


def test_crops_lie_anywhere_in_the_sample() -> None:
    rows, columns = np.mgrid[:6, :8]
    samples = Samples(np.zeros((1, 6, 8, 3), np.uint8), (rows * 8 + columns).astype(np.uint8)[None], LABELS)
    stream = Stream(samples, 1, crop=(4, 5), flip=False)
    corners = {int(stream.batch(step).labels[0, 0, 0]) for step in range(300)}
    assert corners == {y * 8 + x for y in range(3) for x in range(4)}
    assert stream.batch(0).labels.shape == (1, 4, 5)
    assert stream.batch(0).images.shape == (1, 4, 5, 3)
    for crop in ((7, 4), (4, 9), (0, 4)):
        with pytest.raises(ValueError, match="the crop must fit into 6 x 8"):
            Stream(samples, 1, crop=crop)
    for batch_size in (0, 2):
        with pytest.raises(ValueError, match="a batch must hold 1 to 1"):
            Stream(samples, batch_size)


def test_tensors() -> None:
    batch = Stream(numbered(edges=True), 2).batch(0)
    images, labels, edges = batch.tensors()
    assert images.shape == (2, 3, 6, 8)
    assert images.is_contiguous()
    assert np.allclose(images.numpy(), batch.images.transpose(0, 3, 1, 2) / 127.5 - 1, atol=1e-6)
    assert str(labels.dtype) == "torch.int64"
    assert np.array_equal(labels.numpy(), batch.labels)
    assert edges is not None
    assert np.array_equal(edges.numpy(), batch.edges)
    assert Stream(numbered(), 2).batch(0).tensors()[2] is None


def test_a_stream_from_the_cache(archive: Archive, root: Path) -> None:
    mapped, loaded = Stream(cached(archive, root=root), 2), Stream(archive.load(), 2)
    for step in range(4):
        assert np.array_equal(mapped.batch(step).images, loaded.batch(step).images)
    assert mapped.size == SIZE
