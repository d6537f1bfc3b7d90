"""Decoder, forward and backward: CG-Norm by convolutions against CG-Norm by neighbourhood tables, in one run.

python benchmarks/neighbourhood_tables.py [--data data/people-train.zip] [--batch 16] [--repeat 7]
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from smis.datasets.archive import Archive
from smis.datasets.paths import data_file
from smis.model import GroupDNet
from smis.neighbourhoods import Neighbourhoods
from smis.presets import preset


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=None)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()

    config = preset("people-64").model
    archive = Archive(options.data or data_file("people-train.zip"))
    labels = archive.load(config.image_size[0], range(options.batch)).tensors()[1]
    codes = GroupDNet(config).sample(options.batch)
    networks = {"convolutions": GroupDNet(config), "tables": GroupDNet(config)}
    networks["tables"].decoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    table = Neighbourhoods.of(labels, len(config.labels))
    print(f"{options.batch} label maps of {labels.shape[1]}x{labels.shape[2]}, {torch.get_num_threads()} threads")
    print(
        f"{labels.numel()} pixels, {len(table.parts)} distinct 5x5 windows, {len(table.one_hot)} distinct 3x3 windows"
    )
    times: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(options.repeat + 1):  # side by side, so that other load on the machine hits both
        for name, network in networks.items():
            start = time.perf_counter()
            network.decoder(codes, labels, plain=name == "convolutions").sum().backward()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:14s} {1000 * median:8.1f} ms")
    print(f"ratio          {medians['convolutions'] / medians['tables']:8.2f}")


if __name__ == "__main__":
    main()
