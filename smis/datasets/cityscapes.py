"""Cityscapes, as its owners publish it: `leftImg8bit/SPLIT/CITY/*_leftImg8bit.png`, `gtFine/SPLIT/CITY/*_gtFine_*.png`.

The network sees 35 classes, as in the paper: the label ids 0..33 and a last one for the license plate, whose id is -1.
The owners' tool does not draw ids below zero, so `labelIds` files show the vehicle there and class 34 stays empty;
where another tool drew -1 (255 as a byte, 65535 in 16 bits), it becomes 34. Images are resized to 256 x 512 (height x
width). Instance ids give edges: an object's border, even against another of its class.
"""

from __future__ import annotations

import os
from pathlib import Path

from smis.datasets.checks import DataError
from smis.datasets.folders import AS_PUBLISHED, Files, PairedFiles
from smis.datasets.labelsets import named_label_set

__all__ = ["cityscapes"]

LICENSE_PLATE = 34
REMAP = {**{i: i for i in range(34)}, -1: LICENSE_PLATE, 255: LICENSE_PLATE, 65535: LICENSE_PLATE}


def cityscapes(
    root: str | os.PathLike[str], split: str, size: tuple[int, int] = (256, 512), *, instances: bool = True
) -> PairedFiles:
    """The split "train" or "val" (also called "test": the labels of the true test split are not published).

    With `instances`, samples have instance edges. Raises DataError naming the first missing file.
    """
    if split not in ("train", "val", "test"):
        raise ValueError(f'split must be "train", "val" or "test", got {split!r}')
    part = "train" if split == "train" else "val"
    images = sorted((Path(root) / "leftImg8bit" / part).glob("*/*_leftImg8bit.png"))
    if not images:
        raise DataError(
            f"no images {Path(root) / 'leftImg8bit' / part}/CITY/*_leftImg8bit.png. "
            "Unpack leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip into one folder, and name that"
        )
    files = []
    for image in images:
        stem = Path(root) / "gtFine" / part / image.parent.name / image.name.removesuffix("_leftImg8bit.png")
        labels, numbers = (Path(f"{stem}_gtFine_{kind}.png") for kind in ("labelIds", "instanceIds"))
        for needed in (labels, numbers) if instances else (labels,):
            if not needed.is_file():
                raise DataError(f"{image} has no {needed}. Unpack gtFine_trainvaltest.zip into {root} once more")
        files.append(Files(image, labels, numbers if instances else None))
    return PairedFiles(
        files,
        named_label_set("cityscapes"),
        size,
        remap=REMAP,
        accept=AS_PUBLISHED,
        doctor="unpack the owners' archives once more",
    )
