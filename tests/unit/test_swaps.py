"""The swap splits: only one class restyled, and nothing else changed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="rendering needs the extra `synth`")

from smis.datasets import ArchiveError
from smis.datasets.swaps import Swaps, swaps
from smis.synth.build import VISIBLE, build_archive, build_sheet
from smis.synth.worlds import world

SIZE = 48


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("swaps") / "rooms-swap.zip"
    build_archive("rooms", "swap", out, 2, SIZE, 1)
    return out


def test_swaps_are_exact(path: Path) -> None:
    here, found = world("rooms"), Swaps(path)
    assert len(found) == len(found.groups) > 8
    assert {scene for scene, _ in found.groups} == {0, 1}
    changed = 0
    for swap in found:
        seeds = here.seeds("swap", swap.scene)
        number = here.label_set.index(swap.name)
        versions = [seeds, *(seeds.restyled({swap.name: seeds.styles[number] + k}) for k in (1, 2, 3))]
        (base, coverage), *others = here.render_styles(versions, SIZE)
        assert np.array_equal(swap.labels, coverage.argmax(0))
        assert (swap.labels == number).sum() >= VISIBLE
        assert np.array_equal(swap.allowed, coverage[number] > 0)
        assert swap.restyled.shape == (3, SIZE, SIZE, 3)
        assert (swap.restyled == swap.base)[:, ~swap.allowed].all()
        assert np.abs(swap.base.astype(int) - base).mean() < 15
        for stored, (drawn, _) in zip(swap.restyled, others):
            assert np.abs(stored.astype(int) - drawn).mean() < 15
            changed += int((stored != swap.base).any())
    assert changed > 0.9 * 3 * len(found)


def test_the_table_tells_what_each_sample_is(path: Path) -> None:
    found = Swaps(path)
    table = found.archive.meta["swaps"]
    assert len(table) == len(found.archive)
    assert table[0] == [0, None, 0]
    assert [row[2] for row in table[1:4]] == [1, 2, 3]
    assert len({row[1] for row in table[1:4]}) == 1
    assert sum(row[1] is None for row in table) == 2


def test_an_ordinary_archive_holds_no_swaps(tmp_path: Path) -> None:
    build_archive("rooms", "val", tmp_path / "x.zip", 1, 16, 1)
    with pytest.raises(ArchiveError, match=r"x\.zip holds no swaps.*rooms-swap\.zip"):
        Swaps(tmp_path / "x.zip")


def test_a_missing_mask_is_named(path: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "x.zip", "w") as new:
        for name in old.namelist():
            if not name.startswith("masks/000"):
                new.writestr(name, old.read(name))
    with pytest.raises(ArchiveError, match=r"masks/000-\w+\.png is missing"):
        Swaps(tmp_path / "x.zip")[0]


def test_a_table_of_another_length_is_refused(path: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "x.zip", "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "meta.json":
                meta = json.loads(data)
                data = json.dumps({**meta, "swaps": meta["swaps"][:-1]}).encode()
            new.writestr(name, data)
    with pytest.raises(ArchiveError, match="one entry for each of its"):
        Swaps(tmp_path / "x.zip")


def test_unknown_worlds_are_refused() -> None:
    with pytest.raises(ValueError, match='"people", "rooms" or "streets", got \'forests\''):
        swaps("forests")


@pytest.mark.parametrize("name", ["people", "rooms", "streets"])
def test_the_shipped_swaps_are_what_the_code_draws(name: str) -> None:
    here, found = world(name), swaps(name)
    for index in (3, len(found) - 1):
        swap = found[index]
        seeds = here.seeds("swap", swap.scene)
        number = here.label_set.index(swap.name)
        drawn, coverage = next(here.render_styles([seeds.restyled({swap.name: seeds.styles[number] + 1})]))
        assert np.array_equal(swap.labels, coverage.argmax(0))
        assert np.array_equal(swap.allowed, coverage[number] > 0)
        assert np.abs(swap.restyled[0].astype(int) - drawn).mean() < 15


def test_a_sheet_of_swaps(tmp_path: Path) -> None:
    build_sheet("rooms", "swap", tmp_path / "s.png", 1, 4, 32)
    assert [p.name for p in tmp_path.iterdir()] == ["s.png"]
