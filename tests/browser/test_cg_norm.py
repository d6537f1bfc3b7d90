"""Switch a class off, change block and pixel, reload: the maps on the page are compared with the drawing code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets.cg_norm.features import Inside, look
from smis_widgets.cg_norm.pictures import PICTURES, tiles
from smis_widgets.cg_norm.state import CGNormState
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

SETUP = """
from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets import CGNormExplorer
model = GroupDNet.load(data_file("checkpoints/people-64.safetensors"))
explorer = CGNormExplorer(model, people("test").load(64, range(4)))
explorer
"""
NAMES = [name for name, _ in PICTURES]
ROUNDING = 8  # of 255: another number of threads may round a feature to the next colour


def shows(page: Any, inside: Inside, state: CGNormState, of: int = 0) -> None:
    """All maps come to show this state, within ten seconds."""
    wanted = tiles(state, inside, look(inside.stage(state), state, inside.labels(state)))
    wrong: list[str] = []
    for _ in range(100):
        page.wait_for_timeout(100)
        canvases = page.locator(".smis-cg canvas")
        now = {name: pixels(canvases.nth(len(NAMES) * of + k))[..., :3].astype(int) for k, name in enumerate(NAMES)}
        wrong = [name for name in NAMES if np.abs(now[name] - wanted[name]).max() > ROUNDING]
        if not wrong:
            return
    raise AssertionError(f"the page shows other pictures of {', '.join(wrong)}")


@pytest.mark.slow
def test_a_class_off_a_pixel_by_mouse_and_by_keys_and_a_reload(page: Any, tmp_path: Path, shots: Path) -> None:
    write_notebook(tmp_path / "norm.ipynb", SETUP, "explorer")
    inside = Inside.open(
        GroupDNet.load(data_file("checkpoints/people-64.safetensors")), people("test").load(64, range(4))
    )
    state = inside.start()
    panel, after = page.locator(".smis-cg").first, page.locator(".smis-cg canvas").nth(NAMES.index("after"))

    with jupyterlab(tmp_path) as address:
        open_notebook(page, address, "norm.ipynb")
        run_all(page)
        finished(page)
        shows(page, inside, state)
        page.set_viewport_size({"width": 1400, "height": 1300})

        panel.get_by_role("button", name="background", exact=True).focus()
        page.keyboard.press("Space")
        state = state.switch(0, on=False)
        shows(page, inside, state)
        panel.get_by_text("Switched off: background. F_out changes in").first.wait_for()
        shows(page, inside, state, of=1)  # the second view

        area = after.bounding_box()
        page.mouse.click(area["x"] + area["width"] * 0.3, area["y"] + area["height"] * 0.7)
        rows, columns = state.here.size
        state = state.at(int(0.3 * columns), int(0.7 * rows))
        shows(page, inside, state)
        panel.locator(".widget-slider").nth(1).locator(".noUi-handle").focus()
        page.keyboard.press("ArrowRight")
        state = state.at(x=state.pixel[0] + 1)
        shows(page, inside, state)
        panel.screenshot(path=shots / "cg-norm-light.png")

        panel.get_by_role("button", name="8", exact=True).nth(1).click()
        state = state.with_block(1)
        shows(page, inside, state)

        reload_notebook(page, address, "norm.ipynb")
        after.wait_for()
        shows(page, inside, state)
        panel.locator(".smis-cell[title='Take scene C']").click()
        state = state.with_scene(2)
        shows(page, inside, state)

        page.set_viewport_size({"width": 1000, "height": 1900})
        go_dark(page)
        panel.screenshot(path=shots / "cg-norm-dark.png")
