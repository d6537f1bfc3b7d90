"""A training step on a GPU as one recording: its thousands of small kernels launched by one call (a CUDA graph).

These networks are small, and one GPU is fast: started one by one from Python, the kernels of a step take longer to
launch than to run. So the first steps run as usual, the next one is recorded, and from then on it is replayed: the
same kernels, in the same order, on the same memory. What is recorded must not look at values (`.item()`, sizes that
depend on data), since Python is not asked again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

__all__ = ["USUAL", "Replayed", "recording"]

Result = TypeVar("Result")

USUAL = 3  # calls that run as usual: libraries choose their kernels, memory is found


def recording(values: Tensor) -> bool:
    """Whether work with `values` is being recorded, so that nothing may be read back from the device."""
    return values.is_cuda and torch.cuda.is_current_stream_capturing()


class Replayed(Generic[Result]):
    """`work(*inputs)`, recorded after a few calls.

    Args:
        work: takes tensors of always the same shapes on one GPU (or None, always in the same places) and returns
            tensors in any container. After the recording it returns the same tensors again, with new values.
    """

    def __init__(self, work: Callable[..., Result]) -> None:
        self.work, self.calls = work, 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.inputs: tuple[Tensor | None, ...] = ()
        self.result: Result

    def __call__(self, *inputs: Tensor | None) -> Result:
        if self.calls < USUAL:
            self.calls += 1
            return self._beside(inputs)
        if self.graph is None:
            self.inputs = tuple(None if value is None else value.clone() for value in inputs)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.result = self.work(*self.inputs)
            self.graph = graph
        for place, value in zip(self.inputs, inputs, strict=True):
            if place is not None and value is not None:
                place.copy_(value)
        self.graph.replay()
        return self.result

    def _beside(self, inputs: tuple[Tensor | None, ...]) -> Result:
        """As usual, but on a stream of its own, as recording demands of the calls before it."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self.work(*inputs)
        torch.cuda.current_stream().wait_stream(stream)
        return result
