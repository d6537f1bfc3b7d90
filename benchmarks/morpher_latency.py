"""How long from an arrow key on the morpher's slider to new pixels.

    python benchmarks/morpher_latency.py [--presses 50] [--checkpoint people-128] [--classes all|top]

Starts JupyterLab and Chromium. Measured inside the page, as in `mixer_latency.py`: from the key to the first drawing
that changes the visible picture, and to the frame after it; and the floor, a button that sets one word.
"""

from __future__ import annotations

import argparse
import os
import statistics
from typing import Any

from mixer_latency import FLOOR, HOOK, drawn, notebook_page

SETUP = """
import ipywidgets
from smis import GroupDNet
from smis.datasets.archive import world
from smis.datasets.paths import data_file
from smis_widgets import Morpher

model = GroupDNet.load(data_file("checkpoints/{checkpoint}.safetensors"))
gallery = world(model.config.labels.name, "test").load(size=model.config.image_size[0], indices=range(8))
morpher = Morpher(model, gallery)
if "{classes}" != "all":
    morpher.choose("{classes}")
morpher
"""


def key(page: Any, name: str) -> dict[str, float]:
    """Press a key, and wait for what it draws."""
    page.keyboard.press(name)
    return drawn(page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presses", type=int, default=50)
    parser.add_argument("--checkpoint", default="people-128")
    parser.add_argument("--classes", default="all", help="all, or the name of one class")
    options = parser.parse_args()
    hook = HOOK.replace("addEventListener('mousedown'", "addEventListener('keydown'")
    setup = SETUP.format(checkpoint=options.checkpoint, classes=options.classes)
    with notebook_page((setup, FLOOR), hook) as page:
        page.locator(".smis-amount .noUi-handle").focus()
        rows = [key(page, "ArrowRight" if n // 20 % 2 == 0 else "ArrowLeft") for n in range(options.presses + 3)][3:]
        page.locator(".floor-button").focus()
        floor = [key(page, "Enter") for _ in range(20)]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{options.checkpoint}, {options.classes}; {len(rows)} presses, load {load:.1f}; milliseconds")
    print(f"{'':40s}{'median':>8s}{'p95':>8s}")
    for name, values in (
        ("key to changed pixels", [row["took"] for row in rows]),
        ("key to the frame after", [row["painted"] for row in rows]),
        ("floor: a button that sets one word", [row["took"] for row in floor]),
    ):
        ordered = sorted(value for value in values if value is not None)
        print(f"{name:40s}{statistics.median(ordered):8.1f}{ordered[int(0.95 * (len(ordered) - 1))]:8.1f}")


if __name__ == "__main__":
    main()
