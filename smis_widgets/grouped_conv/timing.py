"""Measured time of `torch.nn.functional.conv2d`, with groups and without."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from smis_widgets.base import Refused
from smis_widgets.grouped_conv.state import MAP, Layer


@dataclass(frozen=True)
class Timing:
    """Median seconds of one call on one map: with the layer's groups, and with one group."""

    grouped: float
    dense: float


def measure(layer: Layer, seconds: float = 0.3) -> Timing:
    """Run both convolutions in turn for about `seconds` and at least five rounds, on the CPU, one image.

    In turn, so that whatever else the computer does hits both alike. The global random numbers stay untouched.
    Raises Refused when there is no such layer.
    """
    if layer.complaint is not None:
        raise Refused(f"Nothing to measure: {layer.complaint}.")
    random = torch.Generator().manual_seed(0)
    maps = torch.randn(1, layer.channels_in, *MAP, generator=random)
    calls = []
    for kind in (layer, layer.dense):
        shape = (kind.channels_out, kind.channels_in // kind.groups, kind.kernel, kind.kernel)
        calls.append((torch.randn(shape, generator=random), torch.zeros(kind.channels_out), kind.groups))
    taken: tuple[list[float], list[float]] = ([], [])
    with torch.inference_mode():
        end = time.perf_counter() + seconds
        while len(taken[0]) < 6 or time.perf_counter() < end:
            for (weight, bias, groups), times in zip(calls, taken, strict=True):
                begin = time.perf_counter()
                F.conv2d(maps, weight, bias, padding=layer.kernel // 2, groups=groups)
                times.append(time.perf_counter() - begin)
    return Timing(*(statistics.median(times[1:]) for times in taken))  # the first call of each prepares things
