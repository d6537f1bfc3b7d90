"""Cutting an image into its classes, and encoding one changed class again, against the plain way: ratios in one run.

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


def our_split(images: Tensor, labels: Tensor, classes: int) -> tuple[list[int], Tensor]:
    """As `GroupEncoder` does: only the classes that are anywhere in the batch, and which those are."""
    boxes = class_boxes(labels, classes, images).tolist()
    present = [c for c in range(classes) if any(one[c][2] for one in boxes)]
    return present, split_by_class(images, labels, [[(c, *one[c]) for c in present] for one in boxes])


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
    heads = {"": 12, "split, obvious": 16, "ours": 10, "ratio": 8, "encode plainly": 16, "one class": 12, "ratio ": 8}
    print("".join(f"{head:>{wide}s}" for head, wide in heads.items()))
    with torch.no_grad():
        for classes, name in PRESETS.items():
            images, labels = scene(classes, (options.size, options.size), options.batch)
            whole, (present, parts) = obvious_split(images, labels, classes), our_split(images, labels, classes)
            assert torch.equal(whole[:, present], parts)
            assert whole.count_nonzero() == parts.count_nonzero()  # what was left out is zero
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
                f"{1000 * every:13.1f} ms{1000 * one:9.1f} ms{every / one:7.1f}x"
            )


def encoding(model: GroupDNet, images: Tensor, labels: Tensor, repeat: int) -> tuple[float, float]:
    """Seconds to encode plainly (obvious split, every class computed, present or not), and to encode again the largest
    class alone, whose pixels changed."""
    renderer, c = CodeRenderer(model), int(labels[0].flatten().mode().values)

    def plainly() -> tuple[Tensor, Tensor]:
        return model.encoder._run(obvious_split(images, labels, len(model.config.labels)).flatten(1, 2))

    assert torch.allclose(plainly()[0][:, c], renderer(images, labels, classes=[c])[0][:, 0], rtol=1e-3, atol=1e-4)
    return side_by_side(plainly, lambda: renderer(images, labels, classes=[c]), repeat)


if __name__ == "__main__":
    main()
