"""Does a widget's memory stay flat? 2,000 interactions each, in a process of its own, with no browser.

    python benchmarks/memory.py [--interactions 2000] [--checkpoint people-64] [NAME ...]

Memory of the process, live widgets and open comms after a tenth of the interactions, when all caches are warm, and
after all of them; threads before and after; and what one more widget costs when its cell is run again. Without names it
writes `benchmarks/results/memory.md`.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import multiprocessing
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import comm
import ipywidgets
import ipywidgets.widgets.widget
import psutil

import smis_widgets
from smis import GroupDNet, people
from smis.datasets.archive import world
from smis.datasets.paths import data_file
from smis.presets import preset
from smis_widgets.base import Panel, Refused, parts

MODELS = ("Mixer", "Morpher", "Painter", "Controllers", "EncoderExplorer", "CGNormExplorer")
NAMES = (*MODELS, "GroupedConvExplorer", "TrainingMonitor")
WRITES = {"Save", "GIF", "MP4", "Measure"}  # buttons that write files or take long
AGAIN = 10  # times that the cell is run again
REPORT = Path(__file__).resolve().parent / "results" / "memory.md"


class Moment(NamedTuple):
    """What a process holds."""

    mib: float
    widgets: int
    comms: int


def now() -> Moment:
    """Of this process, after tidying up."""
    gc.collect()
    comms = getattr(comm.get_comm_manager(), "comms", {})
    live = ipywidgets.widgets.widget._instances
    return Moment(psutil.Process().memory_info().rss / 2**20, len(live), len(comms))


def make(name: str, checkpoint: str) -> Panel[Any]:
    """A widget on eight test images."""
    kind = getattr(smis_widgets, name)
    if name == "GroupedConvExplorer":
        return kind()
    if name == "TrainingMonitor":
        config = preset("smoke", {"weights.perceptual": 0.0, "batch_size": 2, "steps": 100_000})
        return kind.live(config, people("test").load(64, range(8)))
    model = GroupDNet.load(data_file(f"checkpoints/{checkpoint}.safetensors"))
    size = model.config.image_size[0]
    return kind(model, world(model.config.labels.name, "test").load(size, range(8)))


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


def run(name: str, checkpoint: str, interactions: int) -> tuple[int, Moment, Moment, int, int, float]:
    """Controls; what there is after a tenth and after all; threads at the start and at the end; MiB of one more."""
    widget, dice = make(name, checkpoint), random.Random(0)
    possible, start, early = deeds(widget, dice), threading.active_count(), now()
    for number in range(interactions):
        with contextlib.suppress(Refused):
            dice.choice(possible)()
        if number + 1 == interactions // 10:
            early = now()
    widget.reset()  # of a run that trains: it waits for the last step
    late, threads = now(), threading.active_count()
    for _ in range(AGAIN):
        make(name, checkpoint)
    return len(possible), early, late, start, threads, (now().mib - late.mib) / AGAIN


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--interactions", type=int, default=2000)
    parser.add_argument("--checkpoint", default="people-64")
    options = parser.parse_args()
    lines = [
        "# Memory of the widgets",
        "",
        f"Printed by `python benchmarks/memory.py`: {options.checkpoint}, {options.interactions:,} random interactions "
        "with all controls of each widget, in a process of its own, with no browser. `early` is after a tenth of them, "
        "when all caches are warm, `late` after all. The last column: what one more widget costs when its cell is run "
        "again and the old one is not closed, its network included.",
        "",
        "| widget | controls | MiB early | MiB late | grown | widgets | comms | threads | MiB of one more |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    print("\n".join(lines), flush=True)
    for name in options.names:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            controls, early, late, start, end, more = pool.apply(run, (name, options.checkpoint, options.interactions))
        lines.append(
            f"| `{name}` | {controls} | {early.mib:.0f} | {late.mib:.0f} | {late.mib - early.mib:.1f} | "
            f"{early.widgets} → {late.widgets} | {early.comms} → {late.comms} | {start} → {end} | {more:.1f} |"
        )
        print(lines[-1], flush=True)
    if tuple(options.names) == NAMES:
        REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
