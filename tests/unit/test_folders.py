"""Real data sets, each on a miniature of its layout that the test draws, and your own folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smis.datasets.ade20k import ade20k
from smis.datasets.archive import Archive, Samples
from smis.datasets.cache import Stream, cached
from smis.datasets.checks import DataError
from smis.datasets.cityscapes import cityscapes
from smis.datasets.deepfashion import deepfashion
from smis.datasets.folders import Files, PairedFiles, folder, instance_edges, read_remap
from smis.datasets.labelsets import (
    cihp_to_deepfashion,
    distinct_colours,
    label_set_from_json,
    named_label_set,
)
from smis.datasets.sources import open_source
from smis.labels import PEOPLE
from tests.unit.planted import CLASSES, SIZE, plant, scene


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def blocks(values: list[list[int]], side: int, dtype: type = np.uint8) -> np.ndarray:
    """A label map of square blocks."""
    return np.kron(np.array(values, dtype), np.ones((side, side), dtype))


def photo(labels: np.ndarray) -> np.ndarray:
    """A picture whose red is 10 times the id: shows whether image and labels fit together."""
    return np.stack([labels * 10, np.full_like(labels, 50), np.full_like(labels, 90)], -1).astype(np.uint8)


def fits(samples: Samples, tolerance: int = 12) -> bool:
    """Red is ten times the id, away from borders."""
    red, expected = samples.images[..., 0].astype(int), samples.labels.astype(int) * 10
    return float((abs(red - expected) <= tolerance).mean()) > 0.85


# --- DeepFashion -------------------------------------------------------------------------------------------------

EIGHT = blocks([[0, 1, 2, 3], [4, 5, 6, 7]], 16)


def draw_deepfashion(root: Path, labels: np.ndarray) -> Path:
    for part, count in (("train", 3), ("test", 2)):
        for number in range(count):
            name = f"MEN-Denim-id_{number:04}_1_front"
            write(root / part / f"{name}.jpg", photo(np.roll(labels, 16 * number, 1)))
            write(root / f"cihp_{part}_mask" / f"{name}.png", np.roll(labels, 16 * number, 1))
            write(root / f"cihp_{part}_mask" / f"{name}_vis.png", photo(labels))
    return root


def test_deepfashion(tmp_path: Path) -> None:
    root = draw_deepfashion(tmp_path, EIGHT)
    train, test = deepfashion(root, "train"), deepfashion(root, "test")
    assert (len(train), len(test), len(deepfashion(root, "val"))) == (3, 2, 2)
    samples = train.load()
    assert type(samples) is Samples
    assert samples.images.shape == (3, 256, 256, 3)
    assert samples.label_set.classes == PEOPLE.classes
    assert np.array_equal(samples.labels[0], np.kron(EIGHT, np.ones((8, 4), np.uint8)))
    assert fits(samples)
    assert deepfashion(root, "train", (64, 64)).load().labels.shape == (3, 64, 64)


def test_masks_of_another_size_than_the_photo(tmp_path: Path) -> None:
    root = draw_deepfashion(tmp_path, EIGHT)
    for path in (root / "cihp_train_mask").iterdir():
        write(path, np.array(Image.open(path))[::2, ::2].copy())
    assert fits(deepfashion(root, "train").load())


def test_deepfashion_from_the_parser(tmp_path: Path) -> None:
    table = cihp_to_deepfashion()
    root = draw_deepfashion(tmp_path, blocks([list(range(10)), list(range(10, 20))], 16))
    labels = deepfashion(root, "train", (32, 160), ids="cihp").load().labels[0]
    names = [[PEOPLE.classes[i] for i in row] for row in labels[8::16, 8::16]]
    assert names == [
        ["background", "hair", "hair", "top", "face", "top", "top", "top", "socks", "bottom"],
        ["skin", "top", "bottom", "face", "skin", "skin", "skin", "skin", "shoes", "shoes"],
    ]
    assert len(table) == 20
    with pytest.raises(DataError, match=r"cihp_train_mask/.*id 8 on"):
        deepfashion(root, "train").load()


def test_deepfashion_with_a_missing_mask(tmp_path: Path) -> None:
    root = draw_deepfashion(tmp_path, EIGHT)
    (root / "cihp_test_mask" / "MEN-Denim-id_0001_1_front.png").unlink()
    with pytest.raises(DataError, match=r"1 images in .*test have no mask.*'MEN-Denim-id_0001_1_front'"):
        deepfashion(root, "test")
    with pytest.raises(DataError, match=r"no folder .*nowhere"):
        deepfashion(tmp_path / "nowhere", "train")
    for words in ({"split": "all"}, {"split": "train", "ids": "atr"}):
        with pytest.raises(ValueError, match="must be"):
            deepfashion(root, **words)


# --- Cityscapes --------------------------------------------------------------------------------------------------

# Two cars (26) side by side on a road (7) under the sky (23); their instances are 26000 and 26001.
STREET = [[23, 23, 23, 23], [7, 26, 26, 7]]
INSTANCES = [[23, 23, 23, 23], [7, 26000, 26001, 7]]


def draw_cityscapes(root: Path) -> Path:
    for part, cities in (("train", ("aachen", "ulm")), ("val", ("lindau",)), ("test", ("berlin",))):
        for city in cities:
            stem = f"{city}_000000_000019"
            labels = blocks(STREET, 64)
            labels[0, 0] = 4
            write(root / "leftImg8bit" / part / city / f"{stem}_leftImg8bit.png", photo(labels // 2))
            target = root / "gtFine" / part / city
            write(target / f"{stem}_gtFine_labelIds.png", labels)
            write(target / f"{stem}_gtFine_instanceIds.png", blocks(INSTANCES, 64, np.uint16))
            write(target / f"{stem}_gtFine_color.png", photo(labels))
            (target / f"{stem}_gtFine_polygons.json").write_text("{}")
    return root


def test_cityscapes(tmp_path: Path) -> None:
    root = draw_cityscapes(tmp_path)
    train = cityscapes(root, "train", (64, 128))
    assert (len(train), len(cityscapes(root, "val")), len(cityscapes(root, "test"))) == (2, 1, 1)
    assert cityscapes(root, "test").files[0].image.parent.name == "lindau"
    assert cityscapes(root, "val").load().images.shape == (1, 256, 512, 3)
    samples = train.load()
    assert samples.edges is not None
    assert samples.edges.dtype == bool
    assert len(samples.label_set) == 35
    assert samples.label_set.classes[7] == "road"
    assert samples.label_set.classes[26] == "car"
    assert np.array_equal(samples.labels[0, 16::32, 16::32], STREET)
    expected = np.zeros((64, 128), bool)
    expected[31:33] = True  # under the sky
    for border in (32, 64, 96):  # road, car, other car, road
        expected[32:, border - 1 : border + 1] = True
    assert np.array_equal(samples.edges[0], expected)
    image, labels, edges = train[1]
    assert (image.shape, labels.shape, edges.shape) == ((64, 128, 3), (64, 128), (64, 128))
    plain = cityscapes(root, "train", (64, 128), instances=False)
    assert type(plain.load()) is Samples
    assert len(plain[0]) == 2


def test_the_license_plate_is_class_34(tmp_path: Path) -> None:
    root = draw_cityscapes(tmp_path)
    path = next((root / "gtFine" / "val").rglob("*labelIds.png"))
    assert 34 not in cityscapes(root, "val").load().labels
    for value, dtype in ((255, np.uint8), (65535, np.uint16), (-1, np.int32)):
        labels = blocks(STREET, 64, dtype)
        labels[64:128, :64] = value
        if dtype is np.int32:  # TIFF holds negative ids, PNG does not
            path.unlink()
            Image.fromarray(labels).save(path, "TIFF")
        else:
            write(path, labels)
        found = cityscapes(root, "val").load().labels[0]
        assert (found[128:, :128] == 34).all(), value
        assert (found == 34).mean() == 1 / 8
    assert named_label_set("cityscapes").classes[34] == "license plate"


def test_cityscapes_with_something_missing(tmp_path: Path) -> None:
    root = draw_cityscapes(tmp_path)
    instances = next((root / "gtFine" / "train" / "ulm").glob("*instanceIds.png"))
    instances.unlink()
    with pytest.raises(DataError, match=r"ulm_000000_000019_gtFine_instanceIds\.png.*gtFine_trainvaltest\.zip"):
        cityscapes(root, "train")
    cityscapes(root, "train", instances=False)
    with pytest.raises(DataError, match=r"leftImg8bit_trainvaltest\.zip"):
        cityscapes(tmp_path / "gtFine", "train")
    with pytest.raises(ValueError, match="split must be"):
        cityscapes(root, "train_extra")


def test_an_unknown_id_is_named_with_its_file(tmp_path: Path) -> None:
    root = draw_cityscapes(tmp_path)
    path = next((root / "gtFine" / "val").rglob("*labelIds.png"))
    write(path, blocks([[23, 23, 23, 23], [7, 77, 26, 7]], 64))
    with pytest.raises(DataError, match=r"lindau_000000_000019_gtFine_labelIds\.png.*id 77 on 4,096 pixels"):
        cityscapes(root, "val").load()


# --- ADE20K ------------------------------------------------------------------------------------------------------


def draw_ade20k(root: Path) -> Path:
    for part, short, count in (("training", "train", 3), ("validation", "val", 2)):
        for number in range(1, count + 1):
            labels = blocks([[0, 1, 2], [3, 20, 25]], 40 + 10 * number)  # each of another size
            write(root / "images" / part / f"ADE_{short}_{number:08}.jpg", photo(labels))
            write(root / "annotations" / part / f"ADE_{short}_{number:08}.png", labels)
    labels = np.full((80, 90), 150, np.uint8)
    write(root / "images" / "training" / "ADE_train_00000009.jpg", np.full((80, 90), 200, np.uint8))  # a grey photo
    write(root / "annotations" / "training" / "ADE_train_00000009.png", labels)
    return root


def test_ade20k(tmp_path: Path) -> None:
    root = draw_ade20k(tmp_path)
    train, val = ade20k(root, "train").load(), ade20k(root, "val").load()
    assert train.labels.shape == (4, 286, 286)
    assert val.images.shape == (2, 256, 256, 3)
    assert len(ade20k(root, "test")) == 2
    assert len(train.label_set) == 151
    assert [train.label_set.classes[i] for i in (0, 1, 3, 150)] == ["unknown", "wall", "sky", "flag"]
    assert np.array_equal(val.labels[0, 64::128, 40::85], [[0, 1, 2], [3, 20, 25]])
    assert fits(val)
    assert (train.labels[3] == 150).all()
    assert (train.images[3] == 200).all()
    stream = Stream(train, 4, crop=(256, 256))
    batch = stream.batch(0)
    assert batch.labels.shape == (4, 256, 256)
    assert stream.size == (256, 256)


def test_ade20k_with_something_missing(tmp_path: Path) -> None:
    root = draw_ade20k(tmp_path)
    (root / "images" / "validation" / "ADE_val_00000002.jpg").unlink()
    with pytest.raises(DataError, match=r"1 annotations no image.*'ADE_val_00000002'.*ADEChallengeData2016\.zip"):
        ade20k(root, "val")
    with pytest.raises(ValueError, match="split must be"):
        ade20k(root, "training")


# --- your own folders --------------------------------------------------------------------------------------------


def test_an_own_folder(tmp_path: Path) -> None:
    data = plant(tmp_path / "data")
    source = folder(data, SIZE)
    image, labels = source[0]
    assert np.array_equal(image, scene(0)[0])
    assert np.array_equal(labels, scene(0)[1])
    assert source.label_set.classes == CLASSES
    assert source.load(indices=[3, 2]).labels[1].tolist() == scene(2)[1].tolist()
    with pytest.raises(ValueError, match="no samples asked for"):
        source.load(indices=[])


@pytest.mark.parametrize("size", [(64, 32), (32, 32), (24, 48)])
def test_shapes_are_stretched_or_cropped(tmp_path: Path, size: tuple[int, int]) -> None:
    labels = np.zeros((60, 120), np.uint8)
    labels[20:40, 50:70] = 1  # a square of 20 in the middle
    write(tmp_path / "images" / "a.png", photo(labels))
    write(tmp_path / "labels" / "a.png", labels)
    (tmp_path / "classes.json").write_text('{"classes": ["ground", "square"]}')
    stretched = folder(tmp_path, size).load()
    assert stretched.labels.shape == (1, *size)
    assert np.isclose((stretched.labels == 1).mean(), 400 / 7200, rtol=0.2)
    cropped = folder(tmp_path, size, fit="crop").load()
    rows, columns = (np.flatnonzero((cropped.labels[0] == 1).any(axis)) for axis in (1, 0))
    assert abs(len(rows) - len(columns)) <= 1, "a square stays a square"
    assert abs(rows.mean() + 0.5 - size[0] / 2) <= 1, "and in the middle"
    assert fits(cropped)
    with pytest.raises(ValueError, match="'stretch' or 'crop'"):
        folder(tmp_path, size, fit="pad")
    with pytest.raises(ValueError, match="size must be"):
        folder(tmp_path, (0, 4))


def test_any_ids_through_a_table(tmp_path: Path) -> None:
    data = plant(tmp_path / "data")
    for number in range(6):
        spread = np.array([7, 300, 9, 65535], np.uint16)
        write(data / "labels" / f"{number}.png", spread[scene(number)[1]])
    (data / "remap.json").write_text('{"7": 0, "300": 1, "9": 2, "65535": 0}')
    (data / "classes.json").write_text('{"name": "three", "classes": ["a", "b", "c"]}')
    expected = np.array([0, 1, 2, 0])[scene(4)[1]]
    assert np.array_equal(folder(data, SIZE)[4][1], expected)
    given = folder(data, SIZE, remap={7: 2, 300: 2, 9: 2, 65535: 1}, label_set=named_label_set("deepfashion"))
    assert set(np.unique(given[4][1]).tolist()) == {1, 2}
    with pytest.raises(DataError, match=r"labels/0\.png: id that is no class: id 9 on .* pixels"):
        folder(data, SIZE, remap={7: 0, 300: 1, 65535: 2}).load()
    with pytest.raises(ValueError, match=r"outside 0\.\.2: \[0, 3\]"):
        folder(data, SIZE, remap={7: 0, 300: 3})


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"a": 1}', '{"1": "2"}', '{"1": -1}', '{"1": 1.5}', '{"1": true}'])
def test_a_table_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "remap.json").write_text(text)
    with pytest.raises(DataError, match=r"remap\.json is no remap table.*It must look like"):
        read_remap(tmp_path / "remap.json")


def test_splits_and_subfolders(tmp_path: Path) -> None:
    for split in ("train", "val"):
        plant(tmp_path / split, classes=False)
    (tmp_path / "classes.json").write_text(json.dumps({"name": "shapes", "classes": CLASSES}))
    deeper = tmp_path / "train"
    for kind in ("images", "labels"):
        (deeper / kind / "more").mkdir()
        (deeper / kind / "5.png").rename(deeper / kind / "more" / "0.png")
    source = folder(tmp_path, SIZE, split="train")
    assert [f.labels.relative_to(deeper).as_posix() for f in source.files][-1] == "labels/more/0.png"
    assert len(source) == 6
    assert len(folder(tmp_path / "val", SIZE, split="test")) == 6
    with pytest.raises(DataError, match=r"must hold one of the folders images.*its folders: train, val"):
        folder(tmp_path, SIZE, split="test")


def test_what_an_own_folder_needs(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", classes=False)
    with pytest.raises(DataError, match=r'no classes\.json.*"classes": .*smis doctor data'):
        folder(data, SIZE)
    (data / "classes.json").write_text('{"classes": "sky"}')
    with pytest.raises(ValueError, match=r"classes\.json: .*It must look like"):
        folder(data, SIZE)
    Image.fromarray(scene(0)[0]).save(data / "images" / "0.jpg")
    with pytest.raises(DataError, match="same name but for the ending"):
        folder(data, SIZE)
    with pytest.raises(DataError, match="not a single image"):
        PairedFiles([], PEOPLE, SIZE)
    files = [Files(data / "a", data / "b"), Files(data / "a", data / "b", data / "c")]
    with pytest.raises(ValueError, match="either all samples have instance ids or none"):
        PairedFiles(files, PEOPLE, SIZE)


def test_a_check_can_be_waived(tmp_path: Path) -> None:
    data = plant(tmp_path / "data")
    Image.fromarray(scene(9)[0]).save(data / "images" / "lonely.png")
    with pytest.raises(DataError, match="image without a label map: 1, such as lonely"):
        folder(data, SIZE)
    assert len(folder(data, SIZE, accept=["unmatched image"])) == 6


# --- label sets, edges, names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "count"), [("deepfashion", 8), ("cityscapes", 35), ("ade20k", 151)])
def test_named_label_sets(name: str, count: int) -> None:
    label_set = named_label_set(name)
    assert (label_set.name, len(label_set), len(set(label_set.palette))) == (name, count, count)
    with pytest.raises(ValueError, match="no label set 'coco'; there are: ade20k, cityscapes, deepfashion"):
        named_label_set("coco")


def test_colours_are_far_apart() -> None:
    colours = np.array(distinct_colours(35), int)
    distance = np.abs(colours[:, None] - colours[None]).max(-1)
    assert distance[~np.eye(35, dtype=bool)].min() >= 72
    assert distinct_colours(35)[:8] == distinct_colours(8)
    assert len(set(distinct_colours(256))) == 256
    for count in (0, 257):
        with pytest.raises(ValueError, match="1 to 256"):
            distinct_colours(count)


def test_a_label_set_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    path.write_text('{"name": "mine", "classes": ["sky", "sea"], "palette": [[1, 2, 3], [4, 5, 6]]}')
    assert label_set_from_json(path).palette == ((1, 2, 3), (4, 5, 6))
    for text in ("", "[]", '{"classes": []}', '{"classes": ["a", "a"]}', '{"classes": ["a"], "palette": [[1, 2]]}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"classes\.json: .*It must look like"):
            label_set_from_json(path)


def test_instance_edges_look_at_four_neighbours() -> None:
    instances = np.zeros((5, 6), int)
    instances[2, 2] = 1
    expected = np.zeros((5, 6), bool)
    expected[2, 1:4] = expected[1:4, 2] = True
    assert np.array_equal(instance_edges(instances), expected)


@pytest.mark.parametrize(
    ("draw", "name", "size", "count"),
    [
        (draw_cityscapes, "cityscapes", (32, 64), 2),
        (draw_ade20k, "ade20k", (48, 48), 4),
        (lambda root: draw_deepfashion(root, EIGHT), "deepfashion", (64, 64), 3),
        (lambda root: draw_deepfashion(root, EIGHT), "deepfashion-cihp", (64, 64), 3),
        (plant, "", (24, 32), 6),
    ],
)
def test_each_data_set_has_a_name_and_can_be_streamed(
    tmp_path: Path, draw: Callable[[Path], Path], name: str, size: tuple[int, int], count: int
) -> None:
    root = draw(tmp_path / "data")
    source = open_source(f"{name}:{root}" if name else str(root), "train", size)
    assert len(source) == count
    mapped = cached(source, size, root=tmp_path / "cache")
    batch = Stream(mapped, 2).batch(0)
    assert batch.images.shape == (2, *size, 3)
    assert (batch.edges is not None) == (name == "cityscapes")


def test_archives_have_names_too(tmp_path: Path) -> None:
    assert isinstance(open_source("people", "val", (64, 64)), Archive)
    with pytest.raises(FileNotFoundError, match=r"people-nowhere"):
        open_source("people-nowhere", "val", (64, 64))
    with pytest.raises(FileNotFoundError, match=r"x\.zip"):
        open_source(str(tmp_path / "x.zip"), "val", (64, 64))


def test_the_example_in_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "your-data.md").read_text(encoding="utf-8")
    example = text.split("```python\n")[1].split("```")[0]
    plant(tmp_path / "mydata", 8)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMIS_CACHE", str(tmp_path / "cache"))
    names: dict[str, Any] = {}
    exec(example, names)
    assert names["images"].shape == (8, 3, 128, 256)
    assert names["labels"].shape == (8, 128, 256)
    assert names["edges"] is None
