"""Poke a pixel with the mouse, then by keyboard, reload: the spot is proved from pixels, the codes by the kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smis import people
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
from tests.browser.screen import grown, kernel, settle

SETUP = """
from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets import EncoderExplorer
model = GroupDNet.load(data_file("checkpoints/people-64.safetensors"))
explorer = EncoderExplorer(model, people("test").load(size=64, indices=range(8)))
explorer
"""
REPORT = """
import json
with_spots = explorer.state.painted(explorer.studio.samples.images[explorer.state.scene])
images, labels = explorer.studio.samples.tensors()
import torch
after = torch.from_numpy(with_spots).permute(2, 0, 1)[None].float() / 127.5 - 1
number = explorer.state.scene
with torch.inference_mode():
    change = model.encode(after, labels[number:number + 1]).values - model.encode(images[number:number + 1],
                                                                                  labels[number:number + 1]).values
names = [n for n, c in zip(explorer.state.classes, change.flatten(2).abs().amax(2)[0]) if c > 0]
print(json.dumps({"aim": explorer.state.aim, "moved": names}))
"""


def middle_of(labels: np.ndarray, c: int) -> tuple[int, int]:
    """A pixel (x, y) of class `c` at least 4 pixels away from every other class."""
    rows, columns = np.nonzero(~grown(labels != c, 4))
    return int(columns[len(rows) // 2]), int(rows[len(rows) // 2])


@pytest.mark.slow
def test_poke_by_mouse_and_by_keyboard_and_reload(page: Any, tmp_path: Path, shots: Path) -> None:
    samples = people("test").load(size=64, indices=range(8))
    top, background = samples.label_set.index("top"), samples.label_set.index("background")
    write_notebook(tmp_path / "explore.ipynb", SETUP, REPORT)

    with jupyterlab(tmp_path) as address:
        open_notebook(page, address, "explore.ipynb")
        run_all(page)
        finished(page)
        picture = page.locator("canvas.smis-poke").first
        start = settle(page, picture)
        scale = start.shape[0] // 64
        assert kernel(page)["moved"] == []

        # with the mouse, in the middle of the top
        picture.scroll_into_view_if_needed()
        page.wait_for_timeout(500)  # the notebook scrolls smoothly
        x, y = middle_of(samples.labels[0], top)
        shown = picture.bounding_box()["width"] / start.shape[1]
        picture.click(position={"x": (x + 0.5) * scale * shown, "y": (y + 0.5) * scale * shown})
        after = settle(page, picture, start)
        assert kernel(page) == {"aim": [x, y], "moved": ["top"]}
        spot = after[y * scale : (y + 1) * scale, x * scale : (x + 1) * scale, :3]
        assert (spot == (230, 30, 30)).all(), "the spot is not where the mouse was"
        page.get_by_text("The code of top moved by").first.wait_for()
        page.get_by_text("the other seven: exactly 0.").first.wait_for()
        assert page.locator(".smis-bars .smis-moved").count() == 1
        assert page.locator(".smis-bars").get_by_text("exactly 0").count() == 7
        page.locator(".smis-panel").first.screenshot(path=shots / "encoder-light.png")

        # by keyboard alone, in the background
        x, y = middle_of(samples.labels[0], background)
        for label, value in (("x", x), ("y", y)):
            page.get_by_label(label, exact=True).focus()
            page.keyboard.press("Control+a")
            page.keyboard.type(str(value))
            page.keyboard.press("Enter")
        page.locator("button[title^='Paint the spot']").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Codes moved: background by").first.wait_for()
        second = settle(page, picture, after)
        assert kernel(page) == {"aim": [x, y], "moved": ["background", "top"]}

        reload_notebook(page, address, "explore.ipynb")
        picture = page.locator("canvas.smis-poke").first
        np.testing.assert_array_equal(
            settle(page, picture), second, err_msg="after the reload another picture is shown"
        )
        still = page.locator("canvas.smis-still")
        assert still.count() == 3
        assert all(pixels(still.nth(n))[..., 3].max() == 255 for n in range(3)), "a picture is blank after the reload"
        page.get_by_role("button", name="Reset pokes").click()
        page.get_by_text("No spot yet").first.wait_for()
        settle(page, picture, second)
        assert kernel(page)["moved"] == []

        go_dark(page)
        page.locator(".smis-panel").first.screenshot(path=shots / "encoder-dark.png")
