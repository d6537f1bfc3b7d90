"""Every notebook in JupyterLab, as a reader runs it: all cells, then each of its widgets is used once.

The widgets' own tests say what a control does; here it is enough that it answers, and without an error.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.labserver import ROOT, find_cell, finished, open_notebook, pixels, run_all

Deed = Callable[[Any], None]


def press(name: str) -> Deed:
    """Press the button of this name."""
    return lambda panel: panel.locator("button", has_text=name).first.click()


def slide(number: int = 0) -> Deed:
    """Move the widget's n-th slider with the arrow keys."""

    def deed(panel: Any) -> None:
        handle = panel.locator(".noUi-handle").nth(number)
        handle.focus()
        for _ in range(3):
            handle.press("ArrowRight")

    return deed


def command(line: str) -> Deed:
    """Type an edit into the painter's command field."""

    def deed(panel: Any) -> None:
        field = panel.get_by_placeholder("such as: fill")
        field.fill(line)
        field.press("Enter")

    return deed


# notebook: what stands in the cell that shows a widget, and one thing to do with it
WIDGETS: dict[str, list[tuple[str, Deed]]] = {
    "00_start_here": [("mixer = Mixer(", press("Surprise me"))],
    "01_grouped_convolutions": [("explorer = GroupedConvExplorer(", slide(3))],
    "02_encoder": [("explorer = EncoderExplorer(", press("Poke"))],
    "03_cgnorm_and_decoder": [("explorer = CGNormExplorer(", slide(1))],
    "04_discriminator_and_losses": [("monitor = TrainingMonitor.live(", press("Both"))],
    "05_training_on_a_laptop": [("monitor = TrainingMonitor.live(", press("Both"))],
    "06_full_gpu_training": [("watching = TrainingMonitor(", press("logarithmic"))],
    "07_appearance_mixture": [
        ("mixer = Mixer(", press("Surprise me")),
        ("controllers = Controllers(", press("Another for all")),
    ],
    "08_semantic_manipulation": [("painter = Painter(", command("fill floor 5,5"))],
    "09_style_morphing": [("morpher = Morpher(", slide(0))],
    "10_measuring_control": [("controllers = Controllers(", press("Another for all"))],
}


def seen(panel: Any) -> tuple[str, list[bytes]]:
    """What a reader sees of a widget: its words, and the pixels of its canvases."""
    canvases = panel.locator("canvas")
    return panel.inner_text(), [pixels(canvases.nth(n)).tobytes() for n in range(canvases.count())]


def test_every_notebook_is_here() -> None:
    assert set(WIDGETS) == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(WIDGETS))
def test_all_cells_run_and_the_widgets_answer(name: str, page: Any, lab: str, shots: Path) -> None:
    open_notebook(page, lab, f"notebooks/{name}.ipynb")
    run_all(page)
    finished(page, 600)
    for text, deed in WIDGETS[name]:
        find_cell(page, text)
        panel = page.locator(".jp-Cell.jp-mod-active .smis-panel").first
        panel.wait_for()
        before = seen(panel)
        deed(panel)
        for _ in range(120):
            page.wait_for_timeout(250)
            if seen(panel) != before:
                break
        else:
            raise AssertionError(f"the widget did not answer: {panel.inner_text()}")
        assert panel.locator(".smis-error").count() == 0, panel.inner_text()
        panel.screenshot(path=shots / f"course-{name[:2]}-{WIDGETS[name].index((text, deed))}.png")
