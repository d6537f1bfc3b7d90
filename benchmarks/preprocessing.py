"""Cutting an image into its classes, and encoding one changed class again: ratios within one run.

    python benchmarks/preprocessing.py [--size 256] [--batch 1] [--repeat 5]

Label maps of rectangles and noise, with as many classes as the paper's three data sets, about half of them present.
With one thread the clock is the process's own CPU time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from smis.encoder import class_boxes, split_by_class
from smis.model import GroupDNet
from smis.presets import preset
from smis.rendering import CodeRenderer

PRESETS = {8: "deepfashion", 35: "cityscapes", 151: "ade20k"}


def obvious_split(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The obvious way: for every class mask the whole image, find its box, crop, resize, and join to what is there."""
    result: Tensor | None = None
    for c in range(classes):
        masked = images * (labels == c)[:, None]
        resized = torch.zeros_like(masked)
        for b, image in enumerate(masked):
            rows = image.sum((0, 2)).nonzero()
            columns = image.sum((0, 1)).nonzero()
            if len(rows) and len(columns):
                cut = image[:, int(rows[0]) : int(rows[-1]) + 1, int(columns[0]) : int(columns[-1]) + 1]
                resized[b] = F.interpolate(cut[None], images.shape[2:], mode="nearest")[0]
        result = resized if result is None else torch.cat([result, resized], 1)
    assert result is not None
    return result.unflatten(1, (classes, 3))


def our_split(images: Tensor, labels: Tensor, classes: int) -> Tensor:
    boxes = class_boxes(labels, classes, images)
    return split_by_class(images, labels, [[(c, *box) for c, box in enumerate(one)] for one in boxes.tolist()])


def scene(classes: int, size: tuple[int, int], batch: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images and label maps: rectangles of about half the classes, few of them large."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.zeros(batch, *size, dtype=torch.long)
    for one in labels:
        for c in torch.randperm(classes, generator=generator)[: max(4, classes // 2)].tolist():
            tall, wide = (int(s * (0.05 + 0.5 * torch.rand((), generator=generator) ** 3)) for s in size)
            top, left = (
                int(torch.randint(s - part, (), generator=generator))
                for s, part in zip(size, (tall, wide), strict=True)
            )
            one[top : top + tall, left : left + wide] = c
    return torch.rand(batch, 3, *size, generator=generator) * 2 - 1, labels


def side_by_side(first: Callable[[], object], second: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Median seconds of each, in turn."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    times: list[list[float]] = [[], []]
    for number in range(repeat + 1):
        for place, work in enumerate((first, second)):
            start = clock()
            work()
            if number:
                times[place].append(clock() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{options.size}x{options.size}, batch {options.batch}, {torch.get_num_threads()} threads, load {load:.1f}")
    print(
        f"{'':12s}{'split, obvious':>16s}{'ours':>10s}{'ratio':>8s}{'encode all':>14s}{'one class':>12s}{'ratio':>8s}"
    )
    with torch.no_grad():
        for classes, name in PRESETS.items():
            images, labels = scene(classes, (options.size, options.size), options.batch)
            assert torch.equal(obvious_split(images, labels, classes), our_split(images, labels, classes))
            obvious, ours = side_by_side(
                lambda: obvious_split(images, labels, classes),  # noqa: B023
                lambda: our_split(images, labels, classes),  # noqa: B023
                options.repeat,
            )
            model = GroupDNet(preset(name).model).eval()
            images, labels = scene(classes, model.config.image_size, options.batch)
            every, one = encoding(model, images, labels, options.repeat)
            print(
                f"{classes:4d} classes{1000 * obvious:13.1f} ms{1000 * ours:7.1f} ms{obvious / ours:7.1f}x"
                f"{1000 * every:11.1f} ms{1000 * one:9.1f} ms{every / one:7.1f}x"
            )


def encoding(model: GroupDNet, images: Tensor, labels: Tensor, repeat: int) -> tuple[float, float]:
    """Seconds to encode all classes as the network does, and to encode again one class whose pixels changed."""
    renderer, c = CodeRenderer(model), int(labels[0].flatten().mode().values)
    renderer(images, labels)
    return side_by_side(lambda: model.encoder(images, labels), lambda: renderer(images, labels, classes=[c]), repeat)


if __name__ == "__main__":
    main()
