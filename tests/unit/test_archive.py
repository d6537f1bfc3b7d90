"""Archives: what is written is read back, and whatever is wrong is said clearly."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smis.datasets import Archive, ArchiveError, people, write_archive
from smis.datasets.archive import shrink
from smis.labels import LabelSet

LABELS = LabelSet("three", ("a", "b", "c"), ((255, 255, 255), (200, 0, 0), (0, 0, 200)))
Sample = tuple[np.ndarray, np.ndarray]


def samples(count: int = 3, size: int = 16) -> list[Sample]:
    """Blocks of flat colour, which WebP keeps well, and random labels."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (count, 2, 2, 3), np.uint8)
    images = colours.repeat(size // 2, 1).repeat(size // 2, 2)
    return list(zip(images, rng.integers(0, 3, (count, size, size), np.uint8)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    out = tmp_path / "small.zip"
    write_archive(out, LABELS, samples(), {"origin": "test"})
    return out


def rewrite(path: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """Replace entries of a zip; None leaves an entry out."""
    with zipfile.ZipFile(path) as old:
        entries = [(name, change(name, old.read(name))) for name in old.namelist()]
    with zipfile.ZipFile(path, "w") as new:
        for name, data in entries:
            if data is not None:
                new.writestr(name, data)


def png(picture: Image.Image) -> bytes:
    if picture.mode == "P":
        picture.putpalette(list(range(48)))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def test_round_trip(path: Path) -> None:
    archive = Archive(path)
    assert (len(archive), archive.size, archive.label_set) == (3, (16, 16), LABELS)
    assert archive.meta["origin"] == "test"
    for (image, labels), (image_read, labels_read) in zip(samples(), [archive[i] for i in range(3)]):
        assert np.array_equal(labels, labels_read)
        assert np.abs(image.astype(int) - image_read).mean() < 12
    assert np.array_equal(archive[-1][1], archive[2][1])
    with pytest.raises(IndexError, match="3 samples, no index 3"):
        archive[3]


def test_same_samples_same_bytes(path: Path, tmp_path: Path) -> None:
    write_archive(tmp_path / "again.zip", LABELS, samples(), {"origin": "test"})
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()


def test_load_and_tensors(path: Path) -> None:
    archive = Archive(path)
    loaded = archive.load(indices=[2, 0])
    assert loaded.images.shape == (2, 16, 16, 3)
    assert np.array_equal(loaded.labels[0], archive[2][1])
    images, labels = loaded.tensors()
    assert images.shape == (2, 3, 16, 16)
    assert labels.shape == (2, 16, 16)
    assert str(labels.dtype) == "torch.int64"
    assert np.allclose(images[0, :, 3, 5].numpy(), loaded.images[0, 3, 5] / 127.5 - 1, atol=1e-6)
    assert archive.load(size=8).labels.shape == (3, 8, 8)
    with pytest.raises(ValueError, match="size must divide the height 16"):
        archive.load(size=5)
    with pytest.raises(ValueError, match="no samples asked for"):
        archive.load(indices=[])
    with pytest.raises(IndexError, match="no index 9"):
        archive.load(indices=[9])


def test_shrink_takes_the_majority_and_breaks_ties_as_documented() -> None:
    labels = np.array([[1, 1, 2, 0, 0, 2], [2, 1, 0, 2, 1, 1]], np.uint8)
    image = np.zeros((2, 6, 3), np.uint8)
    image[:, :2] = [[[0, 0, 0], [255, 0, 0]], [[0, 0, 0], [255, 0, 3]]]
    small, small_labels = shrink(image, labels, 1)
    # the majority 1; a tie of 2 and 0: the top-left, 2; a majority 1 over the top-left 0
    assert small_labels.tolist() == [[1, 2, 1]]
    assert small[0, 0].tolist() == [128, 0, 1]
    # the top-left is not among the tied: the smallest id
    assert shrink(np.zeros((3, 3, 3), np.uint8), np.array([[0, 2, 2], [1, 1, 2], [1, 1, 2]], np.uint8), 1)[1] == [[1]]


def test_a_missing_file_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.zip.*data/README\.md"):
        Archive(tmp_path / "nothing.zip")


def test_a_truncated_file_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArchiveError, match=r"small\.zip: not a whole zip file.*Fetch the file again"):
        Archive(path)


def test_damaged_bytes_are_refused(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.index(b"images/00001.webp") + 60
    data[at : at + 20] = bytes(20)
    path.write_bytes(bytes(data))
    with pytest.raises(ArchiveError, match=r"images/00001\.webp is damaged"):
        Archive(path)[1]


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "'smis-archive-1' expected"),
        (b'{"format": "other"}', "found 'other'"),
        (b'{"format": "smis-archive-1"}', "not as expected.*label_set"),
    ],
)
def test_another_format_is_refused(path: Path, meta: bytes, message: str) -> None:
    rewrite(path, lambda name, data: meta if name == "meta.json" else data)
    with pytest.raises(ArchiveError, match=message):
        Archive(path)


@pytest.mark.parametrize(
    ("entry", "data", "message"),
    [
        ("labels/00001.png", None, r"labels/00001\.png is missing"),
        ("labels/00001.png", b"no picture", "not a readable picture"),
        ("labels/00001.png", png(Image.new("L", (16, 16))), "must have mode P, has L"),
        ("labels/00001.png", png(Image.new("P", (16, 16), 7)), "class id 7; 'three' has 3 classes"),
        ("labels/00001.png", png(Image.new("P", (16, 8))), "must be 16 x 16 .*is 8 x 16"),
        ("images/00001.webp", png(Image.new("L", (16, 16))), "must have mode RGB, has L"),
        ("images/00001.webp", png(Image.new("RGB", (8, 16))), "must be 16 x 16 .*is 16 x 8"),
    ],
)
def test_a_bad_entry_is_refused(path: Path, entry: str, data: bytes | None, message: str) -> None:
    rewrite(path, lambda name, old: data if name == entry else old)
    archive = Archive(path)
    archive[0]
    with pytest.raises(ArchiveError, match=message):
        archive[1]


@pytest.mark.parametrize(
    ("image", "labels", "message"),
    [
        (np.zeros((4, 4)), np.zeros((4, 4), np.uint8), "must be RGB"),
        (np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.uint8), "must be RGB"),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8), "like the image"),
        (np.zeros((4, 4, 3), np.uint8), np.full((4, 4), 3, np.uint8), r"0\.\.2"),
        (np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), "must have one size"),
    ],
)
def test_a_bad_sample_is_not_written(tmp_path: Path, image: np.ndarray, labels: np.ndarray, message: str) -> None:
    good = (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8))
    with pytest.raises(ArchiveError, match=message):
        write_archive(tmp_path / "bad.zip", LABELS, [good, (image, labels)], {})
    assert list(tmp_path.iterdir()) == []


def test_an_empty_archive_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="at least one sample"):
        write_archive(tmp_path / "empty.zip", LABELS, [], {})
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_the_old_file_and_nothing_else(path: Path) -> None:
    before = path.read_bytes()

    def interrupted() -> Iterator[Sample]:
        yield samples()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_archive(path, LABELS, interrupted(), {})
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == before


def test_people_are_found_through_smis_data(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.rename(path.with_name("people-val.zip"))
    monkeypatch.setenv("SMIS_DATA", str(path.parent))
    assert len(people("val")) == 3
    with pytest.raises(FileNotFoundError, match=r"people-test\.zip.*data/README\.md"):
        people("test")
    with pytest.raises(ValueError, match='"train", "val" or "test", got \'all\''):
        people("all")
    monkeypatch.setenv("SMIS_DATA", str(path.parent / "nowhere"))
    with pytest.raises(FileNotFoundError, match="Set SMIS_DATA"):
        people("val")


def test_meta_cannot_overwrite_the_format(tmp_path: Path) -> None:
    write_archive(tmp_path / "x.zip", LABELS, samples(1), {"format": "mine", "count": 99})
    with zipfile.ZipFile(tmp_path / "x.zip") as zipped:
        meta = json.loads(zipped.read("meta.json"))
    assert (meta["format"], meta["count"], meta["size"]) == ("smis-archive-1", 1, [16, 16])
