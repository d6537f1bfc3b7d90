"""Batches from the memory-mapped cache against decoding the archive each time, side by side in one run.

    python benchmarks/loading.py [--data data/people-test.zip] [--batch 16] [--seconds 3]

Prints image-label pairs a second, shuffled and flipped: by the clock, and by the CPU time spent, which other load on
the machine lowers less; and the ratios of the latter. Asserts nothing. The cache is built in a temporary folder.
`--processes 2` reads in so many processes at once, as two training jobs on one machine would.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from smis.datasets.archive import Archive
from smis.datasets.cache import Stream, cached
from smis.datasets.paths import data_file

Read = Callable[[int], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each way of reading")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    archive = Archive(options.data or data_file("people-test.zip"))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        cached(archive, root=folder)
        built = time.perf_counter() - start
        start = time.perf_counter()
        cached(archive, root=folder)
        opened = time.perf_counter() - start
        print(f"{archive.path.name}: {len(archive)} pairs of {archive.size[0]} x {archive.size[1]}")
        print(f"building the cache {built:.2f} s, opening and checking it {opened:.3f} s\n")
        words = (str(archive.path), folder, options.batch, options.seconds)
        context = multiprocessing.get_context("spawn")
        with context.Pool(options.processes) as pool:
            results = pool.starmap(measure, [words] * options.processes)
    title = f"{options.processes} process(es), batches of {options.batch}"
    print(f"{title:42}{'pairs a second':>14}{'per CPU second':>18}{'ratio':>8}")
    slowest = 0.0
    for name in results[0]:
        wall, cpu = (sum(result[name][k] for result in results) for k in (0, 1))
        cpu /= options.processes
        slowest = slowest or cpu
        print(f"    {name:38}{wall:14,.0f}{cpu:18,.0f}{cpu / slowest:8.1f}")


def measure(path: str, folder: str, batch: int, seconds: float) -> dict[str, tuple[float, float]]:
    """Median pairs a second of each way, by the clock and by this process's CPU time.

    The ways take turns, so that other load on the machine hits all alike.
    """
    import torch

    torch.set_num_threads(1)
    archive = Archive(path)
    stream = Stream(cached(archive, root=folder), batch)
    order = np.random.default_rng(0).permutation(len(archive))

    def decode(step: int) -> object:
        chosen = order[np.arange(step * batch, (step + 1) * batch) % len(archive)]
        return archive.load(indices=chosen.tolist())

    ways: dict[str, Read] = {
        "decode each time": decode,
        "cache, uint8 arrays": stream.batch,
        "cache, float tensors for the network": lambda step: stream.batch(step).tensors(),
    }
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(9):
        for name, way in ways.items():
            start, busy, steps = time.perf_counter(), time.process_time(), 0
            while time.perf_counter() - start < seconds / 9:
                way(turn * 1000 + steps)
                steps += 1
            pairs, elapsed, used = steps * batch, time.perf_counter() - start, time.process_time() - busy
            rates[name].append((pairs / elapsed, pairs / used))
    return {
        name: (statistics.median(wall for wall, _ in values), statistics.median(cpu for _, cpu in values))
        for name, values in rates.items()
    }


if __name__ == "__main__":
    main()
