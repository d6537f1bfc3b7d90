"""Drag the groups, click a unit, measure, reload: the pictures on the page are compared with the drawing code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smis_widgets.grouped_conv.pictures import Plan, draw
from smis_widgets.grouped_conv.state import ConvState, Layer, Unit
from tests.browser.labserver import (
    finished,
    go_dark,
    jupyterlab,
    open_notebook,
    pixels,
    reload_notebook,
    run_all,
    write_notebook,
)

SETUP = "from smis_widgets import GroupedConvExplorer\nexplorer = GroupedConvExplorer()\nexplorer"


def expected(layer: Layer, unit: Unit | None = None) -> list[np.ndarray]:
    return np.hsplit(draw(ConvState(layer, unit)), 2)


def shows(page: Any, layer: Layer, unit: Unit | None = None, of: int = 0) -> None:
    """Both pictures come to show this layer, within ten seconds. Half-transparent pixels may differ by rounding."""
    wanted = expected(layer, unit)
    for _ in range(100):
        page.wait_for_timeout(100)
        canvases = page.locator(".smis-gc canvas")
        now = [pixels(canvases.nth(2 * of + k)) for k in range(2)]
        full = [picture[..., 3] == 255 for picture in wanted]
        if all(np.array_equal(a[f], b[f]) and (a[b[..., 3] == 0] == 0).all() for a, b, f in zip(now, wanted, full)):
            return
    raise AssertionError(f"the page does not show {layer} with {unit}")


@pytest.mark.slow
def test_groups_by_keyboard_a_unit_by_mouse_a_time_and_a_reload(page: Any, tmp_path: Path, shots: Path) -> None:
    write_notebook(tmp_path / "conv.ipynb", SETUP, "explorer")
    panel, canvas = page.locator(".smis-gc").first, page.locator(".smis-gc canvas").first

    def press(slider: str, key: str) -> None:
        panel.locator(".widget-slider", has_text=slider).locator(".noUi-handle").focus()
        page.keyboard.press(key)

    with jupyterlab(tmp_path) as address:
        open_notebook(page, address, "conv.ipynb")
        run_all(page)
        finished(page)
        shows(page, Layer())
        shows(page, Layer(), of=1)  # the second view

        press("groups", "ArrowRight")
        press("groups", "ArrowRight")
        shows(page, Layer(groups=6))
        panel.get_by_text("8 channels in 6 groups: choose 1, 2, 4 or 8").first.wait_for()
        panel.screenshot(path=shots / "grouped-conv-wrong.png")
        press("groups", "ArrowLeft")
        press("groups", "ArrowLeft")
        shows(page, Layer())

        area = canvas.bounding_box()
        x, y = Plan(Layer()).centre(("output", 5))
        page.mouse.click(area["x"] + x, area["y"] + y)
        shows(page, Layer(), ("output", 5))
        panel.get_by_text("Output 5 (group 2) sees inputs 4 and 5: 2 of 8.").first.wait_for()
        press("look at", "ArrowRight")
        shows(page, Layer(), ("output", 6))
        shows(page, Layer(), ("output", 6), of=1)

        panel.get_by_role("button", name="Measure").click()
        panel.get_by_text(" ms").first.wait_for()
        page.set_viewport_size({"width": 1400, "height": 1400})
        panel.screenshot(path=shots / "grouped-conv-light.png")

        reload_notebook(page, address, "conv.ipynb")
        canvas.wait_for()
        shows(page, Layer(), ("output", 6))
        press("kernel", "ArrowRight")
        shows(page, Layer(kernel=5), ("output", 6))
        press("kernel", "ArrowLeft")

        page.set_viewport_size({"width": 1000, "height": 1800})
        go_dark(page)
        panel.screenshot(path=shots / "grouped-conv-dark.png")
