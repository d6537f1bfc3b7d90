"""The renderer against the plain decoder: ratios within one run, side by side.

    python benchmarks/rendering.py [--presets deepfashion people-128] [--repeat 5] [--threads 1] [--keep-memory]

Random weights, the label map of a rendered person. Every row is timed in turn, round after round, so that other load
on the machine hits all of them; the table shows medians. With one thread the clock is the process's own CPU time, which
leaves out the time that other programs had the processor.
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
from torch.utils.flop_counter import FlopCounterMode

from smis.datasets.archive import Archive
from smis.datasets.paths import data_file
from smis.model import GroupDNet
from smis.presets import preset
from smis.rendering import Renderer, keep_freed_memory, sensible_threads

Case = tuple[str, Callable[[], object], Callable[[], object]]  # name, what is timed, what is done before it


MOVED = (4, 1, 2)  # the classes that move: top, hair, face


def people(size: tuple[int, int]) -> Tensor:
    """Label maps `(2, H, W)` of the first two rendered people who show all these classes, at this size."""
    labels = torch.from_numpy(Archive(data_file("people-test.zip")).load(None, range(40)).labels)
    chosen = [one for one in labels if all((one == c).any() for c in MOVED)][:2]
    return F.interpolate(torch.stack(chosen)[:, None].float(), size, mode="nearest")[:, 0].long()


def painted(labels: Tensor, share: float = 0.02) -> Tensor:
    """The label map with a disc, of this share of the pixels, of class 4 on the border of the top (class 4)."""
    height, width = labels.shape[1:]
    rows, columns = (labels[0] == 4).nonzero(as_tuple=True)
    y, x = rows[len(rows) // 2], columns.max()
    distance = (torch.arange(height)[:, None] - y) ** 2 + (torch.arange(width)[None] - x) ** 2
    nearest = distance.flatten().argsort()[: int(share * height * width)]
    edited = labels.clone()
    edited.view(len(labels), -1)[:, nearest] = 4
    return edited


def cases(model: GroupDNet, masks: Tensor) -> list[Case]:
    """What is timed, in an order in which each case prepares the next. Everything random is drawn before the clock."""
    generator = torch.Generator().manual_seed(0)
    renderer = Renderer(model)
    state = {"mask": masks[:1], "codes": model.sample(1, generator), "next": model.sample(1, generator)}

    def draw_all() -> None:
        state["next"] = model.sample(1, generator)

    def draw(c: int, start: bool) -> None:
        for _ in range(2 if start else 0):  # finish what came before; then a drag starts: the others' share is kept
            draw(c, False)
            show()
        state["next"] = state["codes"].clone()
        state["next"][:, c] = model.sample(1, generator)[:, c]

    def show() -> None:
        state["codes"] = state["next"]
        renderer(state["codes"])

    def show_rectangle() -> None:
        state["codes"] = state["next"]
        _, complete = next(renderer.progressive(state["codes"]))
        assert not complete

    def show_mask(mask: Tensor) -> None:
        state["mask"] = mask
        renderer.set_mask(mask)
        renderer(state["codes"])

    show_mask(masks[:1])
    brush = {0: painted(masks[:1]), 1: painted(masks[1:])}

    def other(person: bool) -> Tensor:
        now = int(torch.equal(state["mask"], masks[1:]) or torch.equal(state["mask"], brush[1]))
        return masks[1 - now :][:1] if person else brush[now]

    def nothing() -> None:
        pass

    def move(c: int) -> list[Case]:
        name = model.config.labels.classes[c]
        return [
            (f"one class moves: {name}", show, lambda: draw(c, True)),
            (f"its rectangle first: {name}", show_rectangle, lambda: draw(c, False)),
        ]

    return [
        ("plain decoder", lambda: model.decoder(state["codes"], state["mask"], plain=True), nothing),
        ("model.decode", lambda: model.decode(state["codes"], state["mask"]), nothing),
        ("new mask", lambda: show_mask(other(True)), nothing),
        ("fixed mask, all codes move", show, draw_all),
        ("brush edit of 2 % of the mask", lambda: show_mask(other(False)), nothing),
        *(case for c in MOVED for case in move(c)),
    ]


def measure(rows: list[Case], repeat: int, clock: Callable[[], float]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name, _, _ in rows}
    for _ in range(repeat):
        for name, work, prepare in rows:
            prepare()
            start = clock()
            work()
            times[name].append(clock() - start)
    return times


def count(rows: list[Case]) -> dict[str, float]:
    """The multiply-adds of every case. This round also warms up."""
    counted = {}
    for name, work, prepare in rows:
        prepare()
        with FlopCounterMode(display=False) as counter:
            work()
        counted[name] = counter.get_total_flops() / 2
    return counted


def matrix_rate(clock: Callable[[], float]) -> float:
    """Multiply-adds a second of a large matrix product."""
    a = torch.randn(1536, 1536)
    seconds = []
    for _ in range(6):
        start = clock()
        a @ a
        seconds.append(clock() - start)
    return 1536**3 / statistics.median(seconds)


def report(name: str, repeat: int, threads: int | None) -> None:
    config = preset(name).model
    torch.set_num_threads(threads or sensible_threads(config))
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    torch.manual_seed(0)
    model = GroupDNet(config).eval()
    labels = people(config.image_size)
    rows = cases(model, labels)
    rate = matrix_rate(clock)
    counted = count(rows)
    times = measure(rows, repeat, clock)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"\n{name}: {config.image_size[0]}x{config.image_size[1]}, {torch.get_num_threads()} threads, load {load:.1f}, "
        f"{repeat} rounds; a matrix product runs at {rate / 1e9:.1f} G multiply-adds a second"
    )
    print(f"{'':34s}{'ms':>9s}{'ratio':>8s}{'G mult-adds':>13s}{'of matrix rate':>16s}")
    plain = statistics.median(times["plain decoder"])
    for title, _, _ in rows:
        products, seconds = counted[title], statistics.median(times[title])
        print(
            f"{title:34s}{1000 * seconds:9.1f}{plain / seconds:7.1f}x{products / 1e9:13.2f}"
            f"{products / seconds / rate:15.0%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=["deepfashion", "people-128"])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--keep-memory", action="store_true", help="call smis.rendering.keep_freed_memory() first")
    options = parser.parse_args()
    if options.keep_memory:
        print("freed memory is kept:", keep_freed_memory())
    with torch.no_grad():
        for name in options.presets:
            report(name, options.repeat, options.threads)


if __name__ == "__main__":
    main()
