"""Does a widget's memory stay flat? 2,000 interactions each, in a process of its own, with no browser.

    python benchmarks/memory.py [--interactions 2000] [--checkpoint people-64] [NAME ...]

Prints the memory of the process after a tenth of the interactions, when all caches are warm, and after all of them, and
its threads before and after.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import multiprocessing
import random
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets
import psutil

import smis_widgets
from smis import GroupDNet
from smis.datasets.archive import world
from smis.datasets.paths import data_file
from smis_widgets.base import Panel, Refused, parts

NAMES = ("Mixer", "Morpher", "Painter", "Controllers", "EncoderExplorer", "CGNormExplorer", "GroupedConvExplorer")
WRITES = {"Save", "GIF", "MP4", "Measure"}  # buttons that write files or take long


def make(name: str, checkpoint: str) -> Panel[Any]:
    """A widget on eight test images."""
    kind = getattr(smis_widgets, name)
    if name == "GroupedConvExplorer":
        return kind()  # type: ignore[no-any-return]
    model = GroupDNet.load(data_file(f"checkpoints/{checkpoint}.safetensors"))
    size = model.config.image_size[0]
    return kind(model, world(model.config.labels.name, "test").load(size, range(8)))  # type: ignore[no-any-return]


def deeds(widget: Panel[Any], dice: random.Random) -> list[Callable[[], None]]:
    """Something random for every control that holds a value, and a press of every button that writes no file."""
    found: list[Callable[[], None]] = []
    for part in parts(widget):
        if isinstance(part, (ipywidgets.IntSlider, ipywidgets.FloatSlider)):
            low, high = part.min, part.max
            found.append(lambda p=part, a=low, b=high: setattr(p, "value", a + (b - a) * dice.random()))  # type: ignore[misc]
        elif isinstance(part, (ipywidgets.Dropdown, ipywidgets.ToggleButtons)):
            found.append(lambda p=part: setattr(p, "index", dice.randrange(len(p.options))))  # type: ignore[misc]
        elif isinstance(part, (ipywidgets.ToggleButton, ipywidgets.Checkbox)):
            found.append(lambda p=part: setattr(p, "value", not p.value))  # type: ignore[misc]
        elif isinstance(part, ipywidgets.Button) and not WRITES & set(part.description.split()):
            found.append(part.click)
    return found


def run(name: str, checkpoint: str, interactions: int) -> tuple[float, float, int, int, int]:
    """MiB after a tenth and after all; threads at the start and at the end; controls that were used."""
    widget, dice = make(name, checkpoint), random.Random(0)
    possible, start, early = deeds(widget, dice), threading.active_count(), 0.0
    for number in range(interactions):
        with contextlib.suppress(Refused):
            dice.choice(possible)()
        if number + 1 == interactions // 10:
            gc.collect()
            early = psutil.Process().memory_info().rss / 2**20
    gc.collect()
    late = psutil.Process().memory_info().rss / 2**20
    return early, late, start, threading.active_count(), len(possible)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--interactions", type=int, default=2000)
    parser.add_argument("--checkpoint", default="people-64")
    options = parser.parse_args()
    print(f"{options.checkpoint}, {options.interactions} random interactions")
    print(f"{'widget':22s}{'controls':>9s}{'MiB early':>11s}{'MiB late':>10s}{'grown':>8s}{'threads':>9s}")
    for name in options.names:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            early, late, before, after, controls = pool.apply(run, (name, options.checkpoint, options.interactions))
        print(f"{name:22s}{controls:9d}{early:11.0f}{late:10.0f}{late - early:8.0f}{before:5d} {after:3d}", flush=True)


if __name__ == "__main__":
    main()
