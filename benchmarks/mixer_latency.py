"""How long from a click in the mixer to new pixels on the screen, and where the time goes.

    python benchmarks/mixer_latency.py [--clicks 50]

Starts JupyterLab and Chromium, clicks on cut-outs with the mouse, and measures inside the page: from the mouse event to
the first drawing on the visible canvas that changes its pixels. The kernel measures its own share. Prints a table and
asserts nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser.labserver import (  # noqa: E402
    FLAGS,
    HOW_TO_GET,
    find_chromium,
    finished,
    jupyterlab,
    open_notebook,
    run_all,
)

# Runs in the notebook before the widget is made: what a piece of work takes, in ms, is kept in `times`.
TIMED = """
import time

times = {}
def timed(name, work):
    def wrapper(*args, **kwargs):
        begin = time.perf_counter()
        result = work(*args, **kwargs)
        times.setdefault(name, []).append(1000 * (time.perf_counter() - begin))
        return result
    return wrapper
"""
SETUP = """
import ipywidgets, torch
from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets import Mixer
import smis_widgets.mixer.panel as parts

model = GroupDNet.load(data_file("checkpoints/people-128.safetensors"))
test, chosen = people("test"), range(8)
mixer = Mixer(model, test.load(indices=chosen))
parts.render = timed("network", parts.render)
mixer.result.show = timed("drawing", mixer.result.show)
mixer._set_controls = timed("controls", mixer._set_controls)
present = mixer.studio.codes.present.tolist()
mixer
"""

# The floor: a button whose handler sets one word, in the same page.
FLOOR = """
word = ipywidgets.Label("0").add_class("floor-word")
button = ipywidgets.Button(description="floor").add_class("floor-button")
button.on_click(lambda _: setattr(word, "value", str(int(word.value) + 1)))
ipywidgets.HBox([button, word])
"""

REPORT = "import json\nprint(json.dumps({'times': times, 'threads': torch.get_num_threads()}))"

# In the page: note the mouse event, then the first drawing on the visible result canvas with other pixels.
HOOK = """(() => {
  const probe = window.__probe = {start: 0, took: null, painted: null};
  document.addEventListener('mousedown', () => {
    probe.start = performance.now(); probe.took = probe.painted = null; }, true);
  const done = () => { probe.took = performance.now() - probe.start;
    requestAnimationFrame(() => setTimeout(() => { probe.painted = performance.now() - probe.start; })); };
  let last = null;
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (...args) {
    const result = draw.apply(this, args), c = this.canvas;
    if (c.isConnected && c.classList.contains('smis-result')) {
      const pixels = this.getImageData(0, 0, c.width, c.height).data; let sum = 0, ink = 0;
      for (let i = 0; i < pixels.length; i += 40) { sum = (sum * 31 + pixels[i]) | 0; ink |= pixels[i + 3 - i % 4]; }
      if (ink && sum !== last) { last = sum; if (probe.start && probe.took === null) done(); }
    }
    return result; };
  const word = c => (c.target.closest ? c.target : c.target.parentElement)?.closest('.floor-word');
  new MutationObserver(changes => {
    if (probe.start && probe.took === null && changes.some(word)) done();
  }).observe(document, {subtree: true, childList: true, characterData: true});
})();"""


@contextmanager
def notebook_page(sources: Sequence[str], hook: str) -> Iterator[Any]:
    """Chromium on a new notebook of these cells in JupyterLab, all of them run. `hook` runs in the page first."""
    chromium = find_chromium()
    if chromium is None:
        sys.exit(HOW_TO_GET)
    with tempfile.TemporaryDirectory() as folder:
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
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
            yield page
            browser.close()


def drawn(page: Any) -> dict[str, float]:
    """What the hook noted of the event before, once its pixels are there."""
    row = page.evaluate("""async () => {
        const end = performance.now() + 10000, probe = window.__probe;
        while (probe.painted === null && performance.now() < end) await new Promise(done => setTimeout(done, 20));
        return {...probe}; }""")
    page.wait_for_timeout(150)  # let the kernel finish what comes after the picture
    return dict(row)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure click -> new pixels in the mixer.")
    parser.add_argument("--clicks", type=int, default=50)
    clicks = parser.parse_args().clicks
    with notebook_page((TIMED + SETUP, FLOOR, REPORT), HOOK) as page:
        rows = measure(page, clicks)
        page.locator(".floor-button").scroll_into_view_if_needed()
        floor = [press(page, page.locator(".floor-button").bounding_box()) for _ in range(20)]
        report = kernel_report(page)
    print_table(rows, floor, report)


def measure(page: Any, clicks: int) -> list[dict[str, float]]:
    """Click on tops and skins of different people, one after the other."""
    cells = page.locator(".smis-cell:enabled[title^='Top of'], .smis-cell:enabled[title^='Skin of']")
    page.locator("canvas.smis-result").scroll_into_view_if_needed()
    boxes = [cells.nth(n).bounding_box() for n in range(cells.count())]
    rows = [press(page, boxes[n * 5 % len(boxes)]) for n in range(clicks + 3)]  # the first three warm up
    return [row for row in rows[3:] if row["took"] is not None]


def press(page: Any, box: dict[str, float]) -> dict[str, float]:
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    return drawn(page)


def kernel_report(page: Any) -> dict[str, Any]:
    """Run the last cell again and read what it prints."""
    text = page.evaluate("""async () => {
        const panel = window.jupyterapp.shell.currentWidget, notebook = panel.content;
        notebook.activeCellIndex = notebook.widgets.length - 1;
        await window.jupyterapp.commands.execute('notebook:run-cell');
        return notebook.activeCell.model.sharedModel.outputs.map(o => [].concat(o.text ?? '').join('')).join(''); }""")
    return dict(json.loads(text))


def print_table(rows: list[dict[str, float]], floor: list[dict[str, float]], report: dict[str, Any]) -> None:
    def line(name: str, values: list[float]) -> float:
        ordered = sorted(values)
        middle = statistics.median(ordered)
        print(f"{name:52s}{middle:8.1f}{ordered[int(0.95 * (len(ordered) - 1))]:8.1f}")
        return middle

    times = report["times"]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{os.cpu_count()} CPUs, load {load:.1f}, {report['threads']} threads in torch, {len(rows)} clicks counted")
    print(f"{'milliseconds':52s}{'median':>8s}{'95 %':>8s}")
    total = line("click -> pixels changed on the canvas", [row["took"] for row in rows])
    line("click -> painted (the frame after)", [row["painted"] for row in rows if row["painted"] is not None])
    network = line("  in the kernel: network (mix and decode)", times["network"])
    drawing = line("  in the kernel: enlarge, PNG, send", times["drawing"])
    line("  in the kernel, after that: controls", times["controls"])
    bottom = line("floor: a button that sets one word", [row["took"] for row in floor if row["took"] is not None])
    rest = max(0.0, total - network - drawing)
    print(
        f"shares of the median: network {network / total:.0%}, drawing {drawing / total:.0%}, transport and browser "
        f"{rest / total:.0%}; {total / bottom:.1f} times the floor"
    )


if __name__ == "__main__":
    main()
