"""One word for each data set: which archive or folder a name on the command line means.

people                    data/people-train.zip, data/people-val.zip, ... beside the package
some/where.zip            one archive, for every split
deepfashion:FOLDER        DeepFashion in its authors' layout; `deepfashion-cihp:FOLDER` for masks of the 20 CIHP ids
cityscapes:FOLDER         Cityscapes
ade20k:FOLDER             ADE20K
FOLDER                    your own images and label maps: docs/your-data.md
"""

from __future__ import annotations

from pathlib import Path

from smis.datasets.ade20k import ade20k
from smis.datasets.archive import Archive, open_archive
from smis.datasets.cityscapes import cityscapes
from smis.datasets.deepfashion import deepfashion
from smis.datasets.folders import PairedFiles, folder

__all__ = ["LAYOUTS", "open_source"]

LAYOUTS = {
    "deepfashion": deepfashion,
    "deepfashion-cihp": lambda root, split, size: deepfashion(root, split, size, ids="cihp"),
    "cityscapes": cityscapes,
    "ade20k": ade20k,
}


def open_source(data: str, split: str, size: tuple[int, int]) -> Archive | PairedFiles:
    """The split "train", "val" or "test" of the data set that `data` names; folders are read at `size` (H, W).

    Raises FileNotFoundError or DataError saying what is missing.
    """
    layout, colon, root = data.partition(":")
    if colon and layout in LAYOUTS:
        return LAYOUTS[layout](root, split, size)
    if Path(data).is_dir() and not data.endswith(".zip"):
        return folder(data, size, split=split)
    return open_archive(data, split)
