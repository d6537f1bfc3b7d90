"""The evaluation as `smis evaluate` runs it: everything that is there for a network's data is found and used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from smis.datasets.archive import open_archive
from smis.datasets.cache import cached
from smis.datasets.paths import data_dir, data_file
from smis.datasets.swaps import Swaps
from smis.metrics.distributions import Look, averaged
from smis.metrics.evaluation import evaluate
from smis.metrics.inception import inception_look
from smis.metrics.judge import Judge, efficientnet_judge
from smis.metrics.lpips import lpips_judge
from smis.metrics.report import Report
from smis.model import GroupDNet
from smis.segmenter import Segmenter

__all__ = ["evaluate_with_all", "find_segmenter"]

CPU_PIXELS = 1 << 16  # in a batch: larger tensors are given back to the system and fetched again, which takes longer


def find_segmenter(name: str, height: int, beside: Path | None = None) -> Path | None:
    """`segmenter-NAME-HEIGHT.safetensors` in the folder `beside`, else in data/checkpoints; None if there is none."""
    folders = [data_dir() / "checkpoints"] if beside is None else [beside, data_dir() / "checkpoints"]
    files = (folder / f"segmenter-{name}-{height}.safetensors" for folder in folders)
    return next((file for file in files if file.is_file()), None)


def evaluate_with_all(
    model: GroupDNet,
    *,
    data: Path | None = None,
    limit: int | None = None,
    segmenter: Path | None = None,
    inception: Path | None = None,
    lpips: tuple[Path, Path] | None = None,
    beside: Path | None = None,
    pairs: int = 50,
    seed: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> Report:
    """`evaluate` on the test split of the network's world, with judge, training images, segmenter and swap split.

    What is not there is left out, and the report says so.

    Args:
        data: another archive than the test split.
        limit: only the first images, and the first scenes of the swap split.
        segmenter: its file; default: the one `find_segmenter` finds.
        inception: weights for FID and KID (`smis.metrics.inception`).
        lpips: two files of weights that make LPIPS the judge (`smis.metrics.lpips`).
        beside: the folder of the checkpoint.

    Raises:
        FileNotFoundError: no test split, or no file where one was named.
        ValueError: data or a segmenter that do not fit the network, or weights that are not the standard ones.
    """
    config = model.config
    name, size = config.labels.name, config.image_size
    device = next(model.parameters()).device
    archive = open_archive(name if data is None else str(data), "test")
    if archive.label_set != config.labels:
        raise ValueError(
            f"{archive.path} has the label set {archive.label_set.name!r} with {len(archive.label_set)} classes, "
            f"the network was trained for {name!r} with {len(config.labels)}"
        )
    samples = archive.load(size[0], range(len(archive) if limit is None else min(limit, len(archive))))
    missing = []
    judge: Judge | None = None
    looks: list[Look] = []
    try:
        judge = efficientnet_judge(device)
        looks.append(averaged(judge))
    except ModuleNotFoundError as error:
        missing.append(f"{'perceptual distances' if lpips is None else 'sets of images without Inception'} ({error})")
    if inception is not None:
        looks.append(inception_look(inception, device))
    if lpips is not None:
        judge = lpips_judge(*lpips, device)
    train, swaps = None, None
    try:
        progress("training images")
        train = cached(open_archive(name, "train"), size)
    except FileNotFoundError as error:
        missing.append(f"yardsticks made of training images ({error})")
    try:
        found = Swaps(data_file(f"{name}-swap.zip"))
        swaps = (found[i] for i, (scene, _) in enumerate(found.groups) if limit is None or scene < limit)
    except FileNotFoundError as error:
        missing.append(f"rendered truth ({error})")
    file = segmenter or find_segmenter(name, size[0], beside)
    if file is None:
        missing.append(
            f"agreement with the mask (no segmenter-{name}-{size[0]}.safetensors: train it with smis segment)"
        )
    return evaluate(
        model,
        samples,
        judge=judge,
        looks=looks,
        train=train,
        segmenter=None if file is None else Segmenter.load(file, device),
        segmenter_name="" if file is None else file.name,
        swaps=swaps,
        missing=missing,
        pairs=pairs,
        batch_size=max(2, CPU_PIXELS // (size[0] * size[1])) if device.type == "cpu" else 64,
        seed=seed,
        progress=progress,
    )
