"""How long from an arrow key on a slider of the controllers to new pixels, and where the time goes.

    python benchmarks/controllers_latency.py [--presses 50] [--checkpoint people-128] [--class top]

Starts JupyterLab and Chromium. Measured inside the page, as in `morpher_latency.py`: from the key to the first drawing
that changes the visible picture, and to the frame after it; and the floor, a button that sets one word. The kernel
measures its own share: the network (codes, decoding, comparing), the picture (enlarging, PNG, sending), and what comes
after the picture (the difference, the controls).
"""

from __future__ import annotations

import argparse
import os
import statistics

from mixer_latency import FLOOR, HOOK, TIMED, kernel_report, notebook_page
from morpher_latency import key

SETUP = """
import ipywidgets, torch
from smis import GroupDNet
from smis.datasets.archive import world
from smis.datasets.paths import data_file
from smis_widgets import Controllers

model = GroupDNet.load(data_file("checkpoints/{checkpoint}.safetensors"))
gallery = world(model.config.labels.name, "test").load(size=model.config.image_size[0], indices=range(8))
controllers = Controllers(model, gallery)
if "{name}":
    controllers.choose("{name}")

controllers.compute = timed("network", controllers.compute)
controllers.view.now.show = timed("picture", controllers.view.now.show)
controllers.view.change.show = timed("after: difference", controllers.view.change.show)
controllers._set_controls = timed("after: controls", controllers._set_controls)
controllers
"""
REPORT = "import json\nprint(json.dumps({'times': times, 'threads': torch.get_num_threads()}))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presses", type=int, default=50)
    parser.add_argument("--checkpoint", default="people-128")
    parser.add_argument("--class", dest="name", default="", help="which class is steered; else the one of the start")
    options = parser.parse_args()
    hook = HOOK.replace("addEventListener('mousedown'", "addEventListener('keydown'")
    setup = SETUP.format(checkpoint=options.checkpoint, name=options.name)
    with notebook_page((TIMED + setup, FLOOR, REPORT), hook) as page:
        page.locator(".smis-axis .noUi-handle").first.focus()
        keys = ["ArrowRight" if n // 20 % 2 == 0 else "ArrowLeft" for n in range(options.presses + 3)]
        rows = [row for row in [key(page, name) for name in keys][3:] if row["took"] is not None]
        page.locator(".floor-button").focus()
        floor = [key(page, "Enter") for _ in range(20)]
        report = kernel_report(page)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{options.checkpoint}, {options.name or 'the first class'}; {len(rows)} presses, load {load:.1f}; milliseconds"
    )
    print(f"{'':40s}{'median':>8s}{'p95':>8s}")
    middle = {}
    for name, values in (
        ("key to changed pixels", [row["took"] for row in rows]),
        ("key to the frame after", [row["painted"] for row in rows]),
        *((f"  in the kernel: {part}", times[-len(rows) :]) for part, times in report["times"].items()),
        ("floor: a button that sets one word", [row["took"] for row in floor]),
    ):
        ordered = sorted(value for value in values if value is not None)
        middle[name] = statistics.median(ordered)
        print(f"{name:40s}{middle[name]:8.1f}{ordered[int(0.95 * (len(ordered) - 1))]:8.1f}")
    total, network = middle["key to changed pixels"], middle["  in the kernel: network"]
    picture = middle["  in the kernel: picture"]
    print(
        f"shares of the median: network {network / total:.0%}, picture {picture / total:.0%}, transport and browser "
        f"{max(0.0, total - network - picture) / total:.0%}"
    )


if __name__ == "__main__":
    main()
