"""All metrics of one network on one set of images, each thing encoded and decoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from smis.datasets.archive import Samples
from smis.datasets.swaps import Swap
from smis.metrics.agreement import Agreement, Counter
from smis.metrics.control import Changes, ClassControl, encoded_pairs, readings, sampled_pairs
from smis.metrics.distributions import Look, Quality, quality
from smis.metrics.diversity import borrowed_codes, diversity
from smis.metrics.encoded import Encoded
from smis.metrics.intervals import measure
from smis.metrics.judge import Judge
from smis.metrics.report import Read, Report, Row
from smis.metrics.truth import against_truth
from smis.metrics.yardsticks import nearest_by_mask, own_colours, paint, training_colours
from smis.model import GroupDNet
from smis.segmenter import Segmenter

__all__ = ["evaluate"]

FEWEST = 6  # images: the kernel distance of two halves needs three each


@torch.no_grad()
def evaluate(
    model: GroupDNet,
    samples: Samples,
    *,
    judge: Judge | None = None,
    looks: Iterable[Look] = (),
    train: Samples | None = None,
    segmenter: Segmenter | None = None,
    segmenter_name: str = "a segmenter",
    swaps: Iterable[Swap] | None = None,
    missing: Iterable[str] = (),
    pairs: int = 50,
    masks: int = 20,
    batch_size: int = 32,
    seed: int = 0,
    progress: Callable[[str], None] = lambda what: None,
) -> Report:
    """Reconstruction, control and diversity on `samples`, and what the other arguments make possible.

    The protocols stand in the modules of `smis.metrics`: control, diversity, agreement, truth, yardsticks,
    distributions.

    Args:
        model: in eval mode.
        samples: images not seen in training, at the network's size.
        judge: for perceptual distances; without it there is L1 alone.
        looks: networks for the Frechet and the kernel distance of whole sets of images.
        train: the training images at the same size, for the two yardsticks made of them.
        segmenter: of the same size and label set, for agreement with the mask.
        swaps: a swap split, for the comparison with rendered truth.
        missing: what could not be had, to be said in the report.
        pairs: swaps for each class at most.
        masks: for diversity at most.
        seed: of the order of images, of codes and of bootstrap draws.
        progress: told what comes next.

    Raises:
        ValueError: samples, training images or a segmenter that do not fit the network.
    """
    _check(model, samples, train, segmenter)
    progress("encoding and reconstructing")
    encoded = Encoded(model, samples, batch_size)
    order = torch.randperm(len(encoded), generator=torch.Generator().manual_seed(seed))
    progress("yardsticks")
    rows, error_by_class = _reconstruction(encoded, judge, train, seed)

    seen: list[Quality] = []
    if len(encoded) >= FEWEST:
        for look in looks:
            progress(f"sets of images: {look.name}")
            seen += _quality(encoded, look, train, seed)

    progress("control: one class's code from another image")
    counter = None if segmenter is None else Counter(segmenter)
    swapped = encoded_pairs(encoded, order, pairs, judge, counter)
    control = _control(encoded.names, swapped, seed)
    paper = []
    if judge is not None and swapped.parts:
        progress("control: codes drawn at random")
        sampled = sampled_pairs(encoded, order, pairs, judge, seed)
        paper = [*readings("sampled", sampled, seed), *readings("encoded", swapped, seed)]
    progress("diversity")
    varied = diversity(encoded, order, judge, masks=masks, seed=seed)
    read: list[Read] = []
    if segmenter is not None:
        progress("reading masks off images")
        read = _agreement(encoded, segmenter, counter if swapped.parts else None, seed)
    truth = []
    if swaps is not None:
        progress("rendered truth")
        truth = against_truth(model, swaps, seed=seed)
    return Report(
        images=len(encoded),
        size=model.config.image_size,
        seed=seed,
        prior="N(0, 1)" if model.prior is None else "a prior fitted to training codes",
        judge="" if judge is None else judge.name,
        segmenter="" if segmenter is None else segmenter_name,
        reconstruction=tuple(rows),
        error_by_class=error_by_class,
        control=tuple(control),
        paper=tuple(paper),
        diversity=tuple(varied),
        agreement=tuple(read),
        truth=tuple(truth),
        missing=tuple(missing),
        quality=tuple(seen),
        note=() if judge is None else judge.note,
    )


def _check(model: GroupDNet, samples: Samples, train: Samples | None, segmenter: Segmenter | None) -> None:
    size, labels = model.config.image_size, model.config.labels
    for what, some in (("images", samples), ("training images", train)):
        if some is not None and (some.labels.shape[1:] != size or some.label_set.classes != labels.classes):
            raise ValueError(
                f"the network is for {size} (H, W) and the classes of {labels.name!r}; these {what} are "
                f"{some.labels.shape[1:]} and of {some.label_set.name!r}: load them at the network's size"
            )
    if len(samples) < 2:
        raise ValueError(f"to compare images at least two are needed, got {len(samples)}")
    if segmenter is not None:
        theirs = segmenter.config
        if theirs.image_size != size or theirs.labels.classes != labels.classes:
            raise ValueError(
                f"the segmenter reads {theirs.labels.name!r} at {theirs.image_size}, the network draws "
                f"{labels.name!r} at {size}: train one that fits with `smis segment`"
            )


def _reconstruction(
    encoded: Encoded, judge: Judge | None, train: Samples | None, seed: int
) -> tuple[list[Row], dict[str, float]]:
    """The network, then yardsticks; and the network's L1 inside each class."""
    images, labels, classes = encoded.images, encoded.labels, len(encoded.names)
    of_real = None if judge is None else judge.features(images)

    def row(name: str, others: Tensor, likeness: Tensor | None = None) -> Row:
        l1 = measure(((others - images).abs().mean((1, 2, 3)) / 2).numpy(), seed=seed)
        perceptual = None
        if judge is not None and of_real is not None:
            perceptual = measure(judge.distance(judge.features(others), of_real).numpy(), seed=seed)
        return Row(name, l1, perceptual, None if likeness is None else measure(likeness.numpy(), seed=seed))

    rows = [
        row("the network", encoded.rebuilt),
        row("each class in its own true mean colour", own_colours(images, labels, classes)),
    ]
    if train is not None:
        rows.append(row("each class in its mean training colour", paint(labels, training_colours(train))))
        rows.append(row("the training image with the nearest mask", *nearest_by_mask(labels, train)))
    error = (encoded.rebuilt - images).abs().mean(1) / 2  # (N, H, W)
    by_class = {name: float(error[labels == number].mean()) for number, name in enumerate(encoded.names)}
    return rows, by_class


def _quality(encoded: Encoded, look: Look, train: Samples | None, seed: int) -> list[Quality]:
    """Reconstructions, codes from other images class by class, and sampled codes, against the real images."""
    n, everyone = len(encoded), torch.arange(len(encoded))
    random = torch.Generator().manual_seed(seed)
    more = None
    if train is not None and len(train) >= n:
        chosen = torch.randperm(len(train), generator=random)[:n].numpy()
        more, _ = Samples(train.images[chosen], train.labels[chosen], train.label_set).tensors()
    others = {
        "reconstructed": encoded.rebuilt,
        "each class's code from another image": encoded.decode(borrowed_codes(encoded, n, random), everyone),
        "codes sampled": encoded.decode(encoded.sample(n, random), everyone),
    }
    return quality(look, encoded.images, others, more, seed)


def _control(names: tuple[str, ...], changes: Changes, seed: int) -> list[ClassControl]:
    if not changes.parts:
        return []
    table = changes.table
    numbers = sorted({int(number) for number in table["number"]})
    found = []
    for number in numbers:
        chosen = table["number"] == number
        found.append(ClassControl.of(names[number], {k: v[chosen] for k, v in table.items()}, seed))
    return [*found, ClassControl.of("mean", table, seed)]


def _agreement(encoded: Encoded, segmenter: Segmenter, swapped: Counter | None, seed: int) -> list[Read]:
    real = Counter(segmenter).add(encoded.images, encoded.labels).agreement(seed)
    found: dict[str, Agreement] = {
        "real images": real,
        "reconstructed": Counter(segmenter).add(encoded.rebuilt, encoded.labels).agreement(seed),
    }
    if swapped is not None:
        found["reconstructed with one class swapped"] = swapped.agreement(seed)
    best = real.miou().value
    return [
        Read(
            name,
            one.miou(),
            one.accuracy(),
            one.miou().value / best if best else 0.0,
            dict(zip(encoded.names, one.iou())),
        )
        for name, one in found.items()
    ]
