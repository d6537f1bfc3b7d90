"""The label sets of the paper's data sets, as JSON beside this file: class names in the order of their ids.

The names are those that the owners of Cityscapes and ADE20K publish (ADE20K: the first of each row of synonyms, after
"unknown" as id 0); the eight of DeepFashion are the paper's. The colours are ours, made by `distinct_colours`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from smis.labels import Colour, LabelSet
from smis.outside import read_json, shortened

__all__ = ["cihp_to_deepfashion", "distinct_colours", "label_set_from_json", "named_label_set"]


def named_label_set(name: str) -> LabelSet:
    """The label set "deepfashion", "cityscapes" or "ade20k".

    >>> named_label_set("cityscapes").classes[26]
    'car'
    """
    return _label_set(_read(name), name)


def label_set_from_json(path: str | os.PathLike[str]) -> LabelSet:
    """A label set from a file `{"name": "mine", "classes": ["sky", "sea"], "palette": [[0, 90, 255], [0, 0, 120]]}`.

    `palette` may be left out. Raises ValueError naming the file when it is not as expected.
    """
    path = Path(path)
    try:
        data = read_json(path)
        if not isinstance(data, dict) or not isinstance(data.get("classes"), list):
            raise ValueError("an object with the keys name and classes expected")
        return _label_set(data, path.stem)
    except (UnicodeDecodeError, ValueError, TypeError) as error:
        raise ValueError(
            f'{path}: {shortened(error, 1000)}. It must look like {{"name": "mine", "classes": ["sky", "sea"]}}, '
            "one name for each id from 0"
        ) from error


def cihp_to_deepfashion() -> dict[int, int]:
    """From the 20 ids of the CIHP human parser to the paper's eight classes.

    The paper says only that the 20 were merged to eight; which goes where is the reading of raven38's implementation.

    >>> table = cihp_to_deepfashion()
    >>> (len(table), [i for i, c in table.items() if c == 1])  # hat and hair -> hair
    (20, [1, 2])
    """
    data = _read("deepfashion")
    return {number: data["classes"].index(ours) for number, (_, ours) in enumerate(data["from_cihp"])}


@lru_cache
def distinct_colours(count: int) -> tuple[Colour, ...]:
    """`count` colours (at most 256), each as far from all before it as it can be; the first is black.

    Candidates are the 8 x 8 x 8 grid of RGB, distance is the 'redmean' rule of thumb for how different two colours
    look. Integers only, so every machine gets the same colours.

    >>> distinct_colours(3)
    ((0, 0, 0), (255, 255, 255), (218, 0, 255))
    """
    if not 1 <= count <= 256:
        raise ValueError(f"1 to 256 colours can be made, not {count}")
    levels = np.arange(8) * 255 // 7
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1).reshape(-1, 3).astype(np.int64)
    chosen = [0]
    nearest = _redmean(grid, grid[0])
    while len(chosen) < count:
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, _redmean(grid, grid[chosen[-1]]))
    return tuple((int(r), int(g), int(b)) for r, g, b in grid[chosen])


def _redmean(colours: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Squared distance of colours (N, 3) to one, times 512."""
    red = colours[:, 0] + other[0]
    square = (colours - other) ** 2
    return np.asarray((1024 + red) * square[:, 0] + 2048 * square[:, 1] + (1534 - red) * square[:, 2])


def _label_set(data: Mapping[str, Any], name: str) -> LabelSet:
    palette = data.get("palette") or [list(colour) for colour in distinct_colours(max(1, len(data["classes"])))]
    return LabelSet.from_dict({"name": data.get("name", name), "classes": data["classes"], "palette": palette})


def _read(name: str) -> dict[str, Any]:
    path = Path(__file__).with_name(f"{name}.json")
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.json")))
        raise ValueError(f"no label set {name!r}; there are: {known}")
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data
