"""Settings of the machine that change no number, only how long it takes. They are the caller's choice."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from smis.config import GroupDNetConfig

__all__ = ["is_large", "keep_freed_memory", "sensible_threads", "with_sensible_threads"]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt
SMALL = 2**22  # numbers in the largest feature map from which on a second thread earns its keep


def is_large(config: GroupDNetConfig) -> bool:
    """Whether one image of this network is work for several threads, and one that a person waits for.

    Small networks spend their time between operations; there a second thread only waits.
    """
    largest = max(
        width * config.image_size[0] * config.image_size[1] // 4 ** sum(config.upsample[number + 1 :])
        for number, width in enumerate(config.decoder_widths)
    )
    return largest >= SMALL


def sensible_threads(config: GroupDNetConfig) -> int:
    """How many threads to give to `torch.set_num_threads` before rendering one image of this network."""
    if not is_large(config):
        return 1
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)


@contextmanager
def with_sensible_threads(config: GroupDNetConfig) -> Iterator[None]:
    """Inside, torch uses at most `sensible_threads`; afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(min(before, sensible_threads(config)))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> bool:
    """Ask the C library to keep large freed blocks for the next tensor in place of giving them back to the system.

    Every large tensor otherwise costs a page fault for each 4 KiB, at every call. The process then stays as large as it
    ever was. The same without code: environment variables MALLOC_MMAP_MAX_=0 and MALLOC_TRIM_THRESHOLD_=4294967296.

    Returns:
        Whether it worked: it does with glibc (most Linux systems), elsewhere nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
