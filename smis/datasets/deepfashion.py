"""DeepFashion, in the layout of the paper's authors: `train/`, `test/`, `cihp_train_mask/`, `cihp_test_mask/`.

Images and masks pair by name (`x.jpg`, `x.png`); each is resized to 256 x 256, whatever its size, as in the paper. The
authors' masks hold the eight class ids. Masks straight from the CIHP parser hold its 20: read them with `ids="cihp"`.
The coloured `x_vis.png` that the parser writes beside each mask are passed over.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from smis.datasets.checks import DataError
from smis.datasets.folders import AS_PUBLISHED, PairedFiles, pair_files
from smis.datasets.labelsets import cihp_to_deepfashion, named_label_set

__all__ = ["deepfashion"]


def deepfashion(
    root: str | os.PathLike[str], split: str, size: tuple[int, int] = (256, 256), *, ids: str = "deepfashion"
) -> PairedFiles:
    """The split "train", or "test" (also called "val": the authors have no third one).

    Raises DataError when folders or partners are missing, ValueError for another split or kind of ids.
    """
    if split not in ("train", "val", "test"):
        raise ValueError(f'split must be "train", "val" or "test", got {split!r}')
    if ids not in ("deepfashion", "cihp"):
        raise ValueError(f"ids must be 'deepfashion' (the eight classes) or 'cihp' (the parser's 20), got {ids!r}")
    part = "train" if split == "train" else "test"
    images, labels = Path(root) / part, Path(root) / f"cihp_{part}_mask"
    pairs, lonely_images, lonely_labels = pair_files(images, labels)
    lonely_labels = [name for name in lonely_labels if not name.endswith("_vis")]
    if lonely_images or lonely_labels:
        name = (lonely_images + lonely_labels)[0]
        raise DataError(
            f"{len(lonely_images)} images in {images} have no mask in {labels}, {len(lonely_labels)} masks no image; "
            f"the first is {name!r}. Copy the missing files, or remove their partners"
        )
    quoted = [shlex.quote(str(path)) for path in (images, labels, f"{labels}-mended")]
    return PairedFiles(
        [files for _, files in pairs],
        named_label_set("deepfashion"),
        size,
        remap=cihp_to_deepfashion() if ids == "cihp" else None,
        accept=(*AS_PUBLISHED, "size"),
        doctor=f"smis doctor data --images {quoted[0]} --labels {quoted[1]} --fix {quoted[2]}",
    )
