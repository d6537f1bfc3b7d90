"""How long from an arrow key on the morpher's slider to new pixels.

    python benchmarks/morpher_latency.py [--presses 50] [--checkpoint people-128] [--classes all|top]

Starts JupyterLab and Chromium. Measured inside the page, as in `mixer_latency.py`: from the key to the first drawing
that changes the visible picture, and to the frame after it; and the floor, a button that sets one word.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from mixer_latency import FLOOR, HOOK
from playwright.sync_api import sync_playwright

from tests.browser.labserver import FLAGS, HOW_TO_GET, find_chromium, finished, jupyterlab, open_notebook, run_all

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
    row = page.evaluate("""async () => {
        const end = performance.now() + 10000, probe = window.__probe;
        while (probe.painted === null && performance.now() < end) await new Promise(done => setTimeout(done, 20));
        return {...probe}; }""")
    page.wait_for_timeout(150)
    return dict(row)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presses", type=int, default=50)
    parser.add_argument("--checkpoint", default="people-128")
    parser.add_argument("--classes", default="all", help="all, or the name of one class")
    options = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        sys.exit(HOW_TO_GET)
    hook = HOOK.replace("addEventListener('mousedown'", "addEventListener('keydown'")
    setup = SETUP.format(checkpoint=options.checkpoint, classes=options.classes)
    with tempfile.TemporaryDirectory() as folder:
        cells = [nbformat.v4.new_code_cell(source) for source in (setup, FLOOR)]
        kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), Path(folder) / "latency.ipynb")
        with jupyterlab(Path(folder)) as address, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1400, "height": 1200})
            page.add_init_script(hook)
            open_notebook(page, address, "latency.ipynb")
            run_all(page)
            finished(page)
            page.wait_for_timeout(1500)
            page.locator(".smis-amount .noUi-handle").focus()
            rows = [key(page, "ArrowRight" if n // 20 % 2 == 0 else "ArrowLeft") for n in range(options.presses + 3)][
                3:
            ]
            page.locator(".floor-button").focus()
            floor = [key(page, "Enter") for _ in range(20)]
            browser.close()
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
