"""Does torch.compile pay in the Renderer? Its arithmetic outside convolutions, fused into one pass, against as it is.

    python benchmarks/compiled.py

out = leaky_relu(x * scale + shift) for the maps of people-128 and of the DeepFashion network. CPU time of one thread.
"""

from __future__ import annotations

import statistics
import time

import torch
import torch.nn.functional as F
from torch import Tensor

MAPS = ((16, 512), (32, 256), (64, 128), (128, 64), (128, 32), (256, 320))  # pixels a side, channels
ROUNDS, CALLS = 8, 5


def modulate(shift: Tensor, x: Tensor, scale: Tensor) -> Tensor:
    """Two passes over memory: multiply-add, then LeakyReLU in place."""
    return F.leaky_relu(torch.addcmul(shift, x, scale), 0.2, inplace=True)


def main() -> None:
    torch.set_num_threads(1)
    compiled = torch.compile(modulate, dynamic=False)
    print(f"torch {torch.__version__}, milliseconds\n{'map':>16s}{'as it is':>10s}{'compiled':>10s}{'ratio':>8s}")
    for size, channels in MAPS:
        shift, x, scale = (torch.randn(1, size, size, channels) for _ in range(3))
        times: dict[bool, list[float]] = {False: [], True: []}
        with torch.inference_mode():
            for number in range(ROUNDS):
                for fused, work in ((False, modulate), (True, compiled)):
                    start = time.process_time()
                    for _ in range(CALLS):
                        work(shift, x, scale)
                    if number >= 2:  # the first calls compile
                        times[fused].append((time.process_time() - start) / CALLS * 1000)
        plain, fast = (statistics.median(times[key]) for key in (False, True))
        print(f"{f'{size}x{size}x{channels}':>16s}{plain:10.3f}{fast:10.3f}{plain / fast:7.2f}x", flush=True)


if __name__ == "__main__":
    main()
