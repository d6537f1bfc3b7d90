"""What is said to be left out of an evaluation."""

from pathlib import Path
from typing import Any

import pytest

from smis.metrics import standard
from smis.model import GroupDNet
from tests.unit.networks import smoke


@pytest.mark.parametrize(
    ("lpips", "words"), [(None, "perceptual distances"), ((Path("a"), Path("b")), "sets of images without Inception")]
)
def test_a_missing_package_is_named_with_what_it_costs(
    monkeypatch: pytest.MonkeyPatch, lpips: tuple[Path, Path] | None, words: str
) -> None:
    model = GroupDNet(smoke().model)
    given: dict[str, Any] = {}

    class Archive(list):
        label_set = model.config.labels

        def load(self, *_: object) -> str:
            return "samples"

    def absent(*_: object) -> Any:
        raise FileNotFoundError("there is no such file")

    def without(*_: object) -> Any:
        raise ModuleNotFoundError("No module named 'timm'")

    monkeypatch.setattr(standard, "open_archive", lambda _, split: Archive([0]) if split == "test" else absent())
    monkeypatch.setattr(standard, "data_file", absent)
    monkeypatch.setattr(standard, "find_segmenter", lambda *_: None)
    monkeypatch.setattr(standard, "efficientnet_judge", without)
    monkeypatch.setattr(standard, "lpips_judge", lambda *_: "LPIPS")
    monkeypatch.setattr(standard, "evaluate", lambda *_, **options: given.update(options))
    standard.evaluate_with_all(model, lpips=lpips)
    assert given["judge"] == (None if lpips is None else "LPIPS")
    assert given["missing"][0] == f"{words} (No module named 'timm')"
