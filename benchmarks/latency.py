"""How long a person waits for a widget: from a key or the mouse to changed pixels, and where the time goes.

    python benchmarks/latency.py [--only mixer morpher] [--times 50] [--write]

Starts JupyterLab and Chromium for each widget and uses it. Measured inside the page: from the event to the first
drawing that changes the pixels of the visible canvas. The kernel measures its own parts: the network, and the picture
(PNG, sending). What is left is transport and browser; the floor, a button that sets one word, is the least of that.
Prints a table; with `--write` also into benchmarks/results/latency.md. Asserts nothing: run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
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
from tests.browser.screen import kernel  # noqa: E402

# --- in the notebook -------------------------------------------------------------------------------------------------
# `times` keeps what each piece of work took, in ms.
SETUP = """
import time
import ipywidgets, torch
from smis import GroupDNet
from smis.datasets.archive import Samples, world
from smis.datasets.paths import data_file
from smis.presets import preset
from smis_widgets import Controllers, Mixer, Morpher, Painter
import smis_widgets.drawing, smis_widgets.surface

times = {}
def timed(name, work):
    def wrapper(*args, **kwargs):
        begin = time.perf_counter()
        result = work(*args, **kwargs)
        times.setdefault(name, []).append(1000 * (time.perf_counter() - begin))
        return result
    return wrapper

Studio = smis_widgets.drawing.Studio
Studio.first = timed("network", Studio.first)
smis_widgets.surface.put_image = timed("picture", smis_widgets.surface.put_image)

def opened(name, count=8):
    model = GroupDNet.load(data_file(f"checkpoints/{name}.safetensors"))
    return model, world(model.config.labels.name, "test").load(size=model.config.image_size[0], indices=range(count))

def large():
    # as large as the paper's network for DeepFashion, 256 x 256; random weights, lively enough to be seen
    torch.manual_seed(0)
    model, (_, people) = GroupDNet(preset("deepfashion").model).eval(), opened("people-128", 3)
    twice = [array.repeat(2, 1).repeat(2, 2) for array in (people.images, people.labels)]
    with torch.no_grad():
        image = model.decode(model.sample(1), torch.from_numpy(twice[1][:1]).long())
        model.decoder.to_rgb.weight *= 0.7 / torch.atanh(image).std()
    return model, Samples(*twice, people.label_set)
"""
FLOOR = """
word = ipywidgets.Label("0").add_class("floor-word")
button = ipywidgets.Button(description="floor").add_class("floor-button")
button.on_click(lambda _: setattr(word, "value", str(int(word.value) + 1)))
ipywidgets.HBox([button, word])
"""
REPORT = "import json\nprint(json.dumps({'times': times, 'threads': torch.get_num_threads()}))"

# --- in the page -----------------------------------------------------------------------------------------------------
# Notes the last event, then the first change of pixels on each kind of canvas, and the last one on the result.
HOOK = """(() => {
  const probe = window.__probe = {start: 0}, last = {};
  const begin = () => { for (const key of Object.keys(probe)) delete probe[key]; probe.start = performance.now(); };
  for (const event of ['mousedown', 'keydown']) document.addEventListener(event, begin, true);
  document.addEventListener('mouseup', () => { probe.release = performance.now() - probe.start; }, true);
  const note = name => {
    const now = performance.now() - probe.start; probe[name] ??= now; probe[name + 'Last'] = now; };
  for (const method of ['drawImage', 'fillRect']) {
    const draw = CanvasRenderingContext2D.prototype[method];
    CanvasRenderingContext2D.prototype[method] = function (...args) {
      const result = draw.apply(this, args), c = this.canvas;
      const kind = c.classList.contains('smis-map') ? 'map' : c.classList.contains('smis-result') ? 'result' : null;
      if (c.isConnected && kind && (kind == 'map' || method == 'drawImage')) {
        const pixels = this.getImageData(0, 0, c.width, c.height).data; let sum = 0, ink = 0;
        for (let i = 0; i < pixels.length; i += kind == 'map' ? 4 : 40) {
          sum = (sum * 31 + pixels[i] + 7 * pixels[i + 1]) | 0; ink |= pixels[i + 3]; }
        if (ink && sum !== last[kind]) { last[kind] = sum; note(kind); } }
      return result; }; }
  const word = c => (c.target.closest ? c.target : c.target.parentElement)?.closest('.floor-word');
  new MutationObserver(changes => { if (changes.some(word)) note('word'); })
    .observe(document, {subtree: true, childList: true, characterData: true});
})();"""


@contextmanager
def notebook_page(sources: Sequence[str]) -> Iterator[Any]:
    """Chromium on a new notebook of these cells in JupyterLab, all of them run."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        chromium = find_chromium(playwright)
        if chromium is None:
            sys.exit(HOW_TO_GET)
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        kernelspec = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernelspec), Path(folder) / "latency.ipynb")
        with jupyterlab(Path(folder)) as address:
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1400, "height": 1200})
            page.add_init_script(HOOK)
            open_notebook(page, address, "latency.ipynb")
            run_all(page)
            finished(page)
            page.wait_for_timeout(1500)
            yield page
            browser.close()


Row = dict[str, float]


def noted(page: Any, name: str, rest: int) -> Row:
    """What the hook noted once `name` is there, and `rest` ms later: by then the kernel has finished.

    Asks nothing of the browser before, so that the question does not take part in what is measured.
    """
    time.sleep(QUIET)
    page.evaluate(
        """async name => { const end = performance.now() + 10000;
        while (!(name in window.__probe) && performance.now() < end) await new Promise(go => setTimeout(go, 20)); }""",
        name,
    )
    page.wait_for_timeout(rest)
    return dict(page.evaluate("() => window.__probe"))


def slide(page: Any, times: int, handle: str, rest: int = 150) -> list[Row]:
    """Arrow keys on a slider, to and fro."""
    page.locator(handle).first.focus()
    rows = []
    for n in range(times):
        key = "ArrowRight" if n // 20 % 2 == 0 else "ArrowLeft"
        page.keyboard.down(key)
        rows.append(noted(page, "result", rest))
        page.keyboard.up(key)
    return rows


def click(page: Any, times: int) -> list[Row]:
    """Tops and skins of different people, one after the other; from the moment when the mouse lets go."""
    cells = page.locator(".smis-cell:enabled[title^='Top of'], .smis-cell:enabled[title^='Skin of']")
    page.locator("canvas.smis-result").scroll_into_view_if_needed()
    boxes = [cells.nth(n).bounding_box() for n in range(cells.count())]
    rows = []
    for n in range(times):
        box = boxes[n * 5 % len(boxes)]
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(150)
        page.mouse.down()
        time.sleep(HELD)
        page.mouse.up()
        row = noted(page, "result", 150)
        rows.append({name: at - row["release"] for name, at in row.items()})
    return rows


def dab(page: Any, times: int) -> list[Row]:
    """The brush somewhere on the map, each time with the next class: pressed, and released."""
    rows = []
    for n in range(times):
        page.keyboard.press("n")
        page.wait_for_timeout(150)
        area = page.locator("canvas.smis-guides").bounding_box()
        across, down = 0.1 + 0.8 * (n * 7 % 11) / 10, 0.1 + 0.8 * (n * 3 % 7) / 6
        page.mouse.move(area["x"] + area["width"] * across, area["y"] + area["height"] * down)
        page.wait_for_timeout(100)
        page.mouse.down()
        page.wait_for_timeout(400)
        page.mouse.up()
        page.wait_for_timeout(500)
        row = dict(page.evaluate("() => window.__probe"))
        if row.get("resultLast", 0) > row["release"]:
            row["complete"] = row["resultLast"] - row["release"]
        rows.append(row)
    return rows


@dataclass(frozen=True)
class Case:
    """A widget, what is done to it, and what is read off: (name, which of the notes, the goal in ms)."""

    cell: str
    use: Callable[[Any, int], list[Row]]
    reads: tuple[tuple[str, str, int | None], ...]


AMOUNT, AXIS = ".smis-amount .noUi-handle", ".smis-axis .noUi-handle"
FULL = ("until the full picture", "resultLast", None)
CASES = {
    "mixer": Case("Mixer(*opened('people-128'))", click, (("pick a class", "result", 60),)),
    "morpher": Case(
        "w = Morpher(*opened('people-128')); w.choose('top'); w",
        partial(slide, handle=AMOUNT),
        (("slider, one class", "result", 45),),
    ),
    "morpher-all": Case(
        "Morpher(*opened('people-128'))", partial(slide, handle=AMOUNT), (("slider, all classes", "result", 45),)
    ),
    "controllers": Case(
        "w = Controllers(*opened('people-128')); w.choose('top'); w",
        partial(slide, handle=AXIS),
        (("slider", "result", 45),),
    ),
    "painter": Case(
        "Painter(*opened('people-128'))",
        dab,
        (
            ("press to trace", "map", 60),
            ("press to new picture", "result", 120),
            ("release to full picture", "complete", None),
        ),
    ),
    "large-morpher": Case(
        "w = Morpher(*large()); w.choose('top'); w",
        partial(slide, handle=AMOUNT, rest=3500),
        (("256 x 256: slider, one class", "result", 400), FULL),
    ),
    "large-morpher-all": Case(
        "Morpher(*large())",
        partial(slide, handle=AMOUNT, rest=5000),
        (("256 x 256: slider, all classes", "result", 400), FULL),
    ),
    "large-controllers": Case(
        "w = Controllers(*large()); w.choose('top'); w",
        partial(slide, handle=AXIS, rest=3500),
        (("256 x 256: slider", "result", 400), FULL),
    ),
}
WARM = 3  # uses before counting
QUIET = 0.15  # seconds after a key
HELD = 0.08  # seconds that a click lasts
PAGE = ROOT / "benchmarks" / "results" / "latency.md"
HEADS = (
    "| widget: what | median | p95 | goal | network | picture | transport and browser | floor |\n"
    "|---|--:|--:|--:|--:|--:|--:|--:|"
)
HEAD = """# How long a person waits

Written by `python benchmarks/latency.py --write`: milliseconds from a key, or from the mouse letting go, to changed
pixels in Chromium, 40 uses of each widget (8 of the large network) on 2 CPU cores with nothing else to do.
First the wait and its goal, then the kernel's parts of it, what is left, and the floor: a button that sets one word.
Where one class changes, the first picture is exact in the rectangle around it, and the whole one follows a tenth of a
second later (Mixer, Morpher, Controllers) or when the mouse lets go (Painter). 256 x 256: as many layers and channels
as the paper's network for DeepFashion, with random weights; the first picture is coarse (`smis.rendering.coarse`), and
the full one is drawn when no key came for a moment.
"""


def measure(name: str, times: int) -> list[str]:
    """Lines of the table for one case."""
    case = CASES[name]
    with notebook_page((SETUP, case.cell, FLOOR, REPORT)) as page:
        page.locator("canvas.smis-result").first.scroll_into_view_if_needed()
        rows = case.use(page, times + WARM)[WARM:]
        page.locator(".floor-button").focus()
        floor = []
        for _ in range(20):
            page.keyboard.press("Enter")
            floor.append(noted(page, "word", 100).get("word"))
        parts = kernel(page)["times"]
    lines = []
    for number, (what, note, goal) in enumerate(case.reads):
        total, high = middle([row.get(note) for row in rows])
        cells = [f"{name}: {what}", f"{total:.0f}", f"{high:.0f}", "" if goal is None else f"{goal}"]
        share = ["", "", ""]
        if number == 0 and note == "result":  # the kernel's parts belong to the first picture
            network = middle(parts["network"][-len(rows) :])[0]
            picture = middle(parts["picture"][-len(rows) :])[0]
            share = [f"{network:.0f}", f"{picture:.0f}", f"{max(0.0, total - network - picture):.0f}"]
        lines.append("| " + " | ".join([*cells, *share, f"{middle(floor)[0]:.0f}" if number == 0 else ""]) + " |")
    return lines


def middle(values: Sequence[float | None]) -> tuple[float, float]:
    """Median and 95th percentile of those that are there."""
    ordered = sorted(value for value in values if value is not None)
    if not ordered:
        return float("nan"), float("nan")
    return statistics.median(ordered), ordered[int(0.95 * (len(ordered) - 1))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--times", type=int, default=50, help="uses of each widget; the large network gets a fifth")
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/latency.md")
    options = parser.parse_args()
    print(HEADS, flush=True)
    rows = stored() if options.write else {}
    for name in options.only:
        rows[name] = measure(name, options.times // 5 if name.startswith("large") else options.times)
        print("\n".join(rows[name]), flush=True)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"{os.cpu_count()} CPU cores, load {load:.1f} at the end (the browser included), {options.times} uses each")
    if options.write:
        lines = [line for name in CASES if name in rows for line in rows[name]]
        PAGE.write_text("\n".join([HEAD, HEADS, *lines, ""]), encoding="utf-8")


def stored() -> dict[str, list[str]]:
    """The rows that the report has now, by the name of the case: what is not measured again stays."""
    rows: dict[str, list[str]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines() if PAGE.exists() else []:
        name = line.removeprefix("| ").split(":")[0]
        if name in CASES:
            rows.setdefault(name, []).append(line)
    return rows


if __name__ == "__main__":
    main()
