"""ADE20K in the layout of the scene parsing challenge: `images/training/*.jpg`, `annotations/training/*.png`, and the
same with `validation`.

151 classes: 0 is 'unknown', k is class k of the 150, as the files have it (and as the published checkpoints expect it).
For training the paper resizes to 286 x 286 and crops 256 x 256 at random: read at 286 and let the `Stream` crop. For
validation it resizes to 256 x 256.
"""

from __future__ import annotations

import os
from pathlib import Path

from smis.datasets.checks import DataError
from smis.datasets.folders import AS_PUBLISHED, PairedFiles, pair_files
from smis.datasets.labelsets import named_label_set

__all__ = ["ade20k"]


def ade20k(root: str | os.PathLike[str], split: str, size: tuple[int, int] | None = None) -> PairedFiles:
    """The split "train", or "val" (also called "test"). `size` defaults to (286, 286) for train, (256, 256) for val.

    Raises DataError when folders or partners are missing.
    """
    if split not in ("train", "val", "test"):
        raise ValueError(f'split must be "train", "val" or "test", got {split!r}')
    part = "training" if split == "train" else "validation"
    images, labels = Path(root) / "images" / part, Path(root) / "annotations" / part
    pairs, lonely_images, lonely_labels = pair_files(images, labels)
    if lonely_images or lonely_labels:
        raise DataError(
            f"{len(lonely_images)} images in {images} have no annotation in {labels}, {len(lonely_labels)} annotations "
            f"no image; the first is {(lonely_images + lonely_labels)[0]!r}. Unpack ADEChallengeData2016.zip once more"
        )
    side = 286 if split == "train" else 256
    return PairedFiles(
        [files for _, files in pairs],
        named_label_set("ade20k"),
        size or (side, side),
        accept=AS_PUBLISHED,
        doctor="unpack ADEChallengeData2016.zip once more",
    )
