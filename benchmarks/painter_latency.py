"""How long from the mouse on the painter's map to new pixels: of the trace, and of the picture.

    python benchmarks/painter_latency.py [--strokes 50] [--checkpoint rooms-128]

Starts JupyterLab and Chromium and dabs with the mouse. Measured inside the page: from the press to the first drawing
that changes the label map (the trace), and to the first one that changes the picture. Prints a table,
asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
from typing import Any

from mixer_latency import notebook_page

SETUP = """
from smis import GroupDNet
from smis.datasets.archive import world
from smis.datasets.paths import data_file
from smis_widgets import Painter

model = GroupDNet.load(data_file("checkpoints/{checkpoint}.safetensors"))
gallery = world(model.config.labels.name, "test").load(size=model.config.image_size[0], indices=range(8))
painter = Painter(model, gallery)
painter
"""

# In the page: note the press and the release, then the first changed pixels of the map and of the picture after each.
HOOK = """(() => {
  const probe = window.__probe = {};
  const start = name => { probe[name] = {start: performance.now(), map: null, picture: null}; };
  document.addEventListener('mousedown', () => start('press'), true);
  document.addEventListener('mouseup', () => start('release'), true);
  const last = {};
  for (const method of ['drawImage', 'fillRect']) {
    const draw = CanvasRenderingContext2D.prototype[method];
    CanvasRenderingContext2D.prototype[method] = function (...args) {
      const result = draw.apply(this, args), c = this.canvas;
      const kind = c.classList.contains('smis-map') ? 'map' : c.classList.contains('smis-result') ? 'picture' : null;
      if (c.isConnected && kind) {
        const pixels = this.getImageData(0, 0, c.width, c.height).data; let sum = 0, ink = 0;
        for (let i = 0; i < pixels.length; i += 4) {
          sum = (sum * 31 + pixels[i] + 7 * pixels[i + 1]) | 0; ink |= pixels[i + 3]; }
        if (ink && sum !== last[kind]) { last[kind] = sum;
          for (const since of Object.values(probe))
            if (since[kind] === null) since[kind] = performance.now() - since.start; } }
      return result; }; }
})();"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure stroke -> new pixels in the painter.")
    parser.add_argument("--strokes", type=int, default=50)
    parser.add_argument("--checkpoint", default="people-64", help="a file in data/checkpoints, such as rooms-128")
    options = parser.parse_args()
    with notebook_page([SETUP.format(checkpoint=options.checkpoint)], HOOK) as page:
        rows = [dab(page, n) for n in range(options.strokes + 3)][3:]  # the first three warm up
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{options.checkpoint}, {os.cpu_count()} CPUs, load {load:.1f}, {len(rows)} dabs")
    print(f"{'milliseconds':52s}{'median':>8s}{'95 %':>8s}{'seen':>6s}")
    for name, event, kind in (
        ("press -> trace on the label map", "press", "map"),
        ("press -> first new picture", "press", "picture"),
        ("release -> complete picture, where it differs", "release", "picture"),
    ):
        times = sorted(row[event][kind] for row in rows if row.get(event) and row[event][kind] is not None)
        if times:
            high = times[int(0.95 * (len(times) - 1))]
            print(f"{name:52s}{statistics.median(times):8.1f}{high:8.1f}{len(times):6d}")


def dab(page: Any, number: int) -> dict[str, Any]:
    """Press and release the brush somewhere in the upper half, each time with the next class."""
    page.keyboard.press("n")
    page.wait_for_timeout(150)
    area = page.locator("canvas.smis-guides").bounding_box()
    across, down = 0.1 + 0.8 * (number * 7 % 11) / 10, 0.1 + 0.8 * (number * 3 % 7) / 6
    page.mouse.move(area["x"] + area["width"] * across, area["y"] + area["height"] * down)
    page.wait_for_timeout(100)
    page.evaluate("() => { for (const key of Object.keys(window.__probe)) delete window.__probe[key]; }")
    page.mouse.down()
    page.wait_for_timeout(400)
    page.mouse.up()
    page.wait_for_timeout(500)
    return dict(page.evaluate("() => window.__probe"))


if __name__ == "__main__":
    main()
