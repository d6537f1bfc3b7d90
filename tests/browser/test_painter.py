"""The painter in a browser: draw a stroke with the mouse, undo it, reload the page, go on with keys.

What the label map must look like is worked out here from the archive and the palette; the picture's pixels are compared
with what was on the screen before.
"""

from __future__ import annotations

import shutil
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
    reload_notebook,
    run_all,
    write_notebook,
)
from tests.browser.screen import enlarged, grown, settle

NAME = "painter.ipynb"
INDICES = (40, 44, 16)
CELLS = f"""
from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets import Painter

model = GroupDNet.load(data_file("checkpoints/people-64.safetensors"))
gallery = people("test").load(size=64, indices={INDICES})
painter = Painter(model, gallery)
painter
"""


@pytest.fixture(scope="module")
def page_with_painter(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root = tmp_path_factory.mktemp("painter")
    write_notebook(root / NAME, CELLS)
    with jupyterlab(root) as address:
        yield address
    shutil.rmtree(root, ignore_errors=True)


def undo(page: Any) -> None:
    page.get_by_role("button", name="Undo").first.click()


@pytest.mark.slow
def test_a_stroke_with_the_mouse_and_the_way_back(page: Any, page_with_painter: str, shots: Path) -> None:
    scene = people("test").load(size=64, indices=INDICES[:1])
    labels, names = scene.labels[0], scene.label_set
    top, palette = names.index("top"), np.array(names.palette, np.uint8)
    open_notebook(page, page_with_painter, NAME)
    run_all(page)
    finished(page)
    drawn, result = page.locator("canvas.smis-map").first, page.locator("canvas.smis-result").last
    image = settle(page, result)
    before = settle(page, drawn)
    np.testing.assert_array_equal(before[..., :3], palette[labels], err_msg="the map on the screen is not the scene's")

    page.get_by_role("button", name="top", exact=True).click()
    area = page.locator("canvas.smis-guides").first.bounding_box()
    zoom = area["width"] / 64
    row = int(np.flatnonzero((labels == 0).sum(1) > 40)[-1])  # where there is background, a stroke shows best
    start, end = (6.5, row - 4.5), (22.5, row - 4.5)
    page.mouse.move(area["x"] + start[0] * zoom, area["y"] + start[1] * zoom)
    page.mouse.down()
    page.mouse.move(area["x"] + end[0] * zoom, area["y"] + end[1] * zoom, steps=8)
    during = settle(page, drawn, before)  # the button is still down
    following = settle(page, result, image)
    page.mouse.up()
    page.wait_for_timeout(500)
    after, painted = settle(page, drawn), settle(page, result)

    y, x = np.mgrid[:64, :64] + 0.5
    distance = np.hypot(x - np.clip(x, start[0], end[0]), y - start[1])
    radius = 2.5  # the brush is 5 wide at the start, a twelfth of 64
    for shown in (during, after):
        new = (shown[..., :3] == palette[top]).all(2)
        assert new[distance <= radius - 0.3].all(), "the stroke has holes"
        np.testing.assert_array_equal(shown[distance > radius + 0.3], before[distance > radius + 0.3])
    np.testing.assert_array_equal(during, after, err_msg="the trace was not what the stroke became")

    stroke = (distance <= radius) & (labels != top)
    for shown in (following, painted):
        change = np.abs(shown[..., :3].astype(float) - image[..., :3]).mean(2)
        inside = change[enlarged(stroke, len(change))].mean()
        outside = change[enlarged(~grown(stroke, 6), len(change))].mean()
        print(f"mean change inside the stroke {inside:.1f}, elsewhere {outside:.2f} of 255")
        assert inside > 15, "the picture did not follow"
        assert outside < inside / 10, "more than the stroke changed"
    page.locator(".smis-panel").first.screenshot(path=shots / "painter-light.png")

    undo(page)
    np.testing.assert_array_equal(settle(page, drawn, after), before, err_msg="undo left the map changed")
    np.testing.assert_array_equal(settle(page, result, painted), image, err_msg="undo left the picture changed")

    area = page.locator("canvas.smis-guides").first.bounding_box()
    page.mouse.click(area["x"] + 9.5 * zoom, area["y"] + start[1] * zoom)  # a dab: the keys now go to the painter
    dab = settle(page, drawn, before)
    cells = page.locator(".jp-Cell").count()
    page.keyboard.press("z")
    np.testing.assert_array_equal(settle(page, drawn, dab), before)
    page.keyboard.press("x")
    page.wait_for_timeout(500)
    assert page.locator(".jp-Cell").count() == cells, "a key that was meant for the painter cut the cell"
    assert page.locator(".smis-tool.smis-on").first.inner_text().strip() == "Replace"
    page.keyboard.press("y")
    again = settle(page, drawn, before)
    np.testing.assert_array_equal(again, dab)

    shown = settle(page, result)
    reload_notebook(page, page_with_painter, NAME)
    np.testing.assert_array_equal(settle(page, drawn), again, err_msg="after the reload another map is shown")
    np.testing.assert_array_equal(settle(page, result), shown, err_msg="after the reload another picture is shown")
    undo(page)
    np.testing.assert_array_equal(settle(page, drawn, again), before)
    np.testing.assert_array_equal(settle(page, result, shown), image)
    page.locator(".smis-panel input[placeholder^='such as']").first.fill("fill shoes 1,1")
    page.keyboard.press("Enter")
    filled = settle(page, drawn, before)
    assert tuple(filled[1, 1, :3]) == names.palette[names.index("shoes")]
    go_dark(page)
    page.locator(".smis-panel").first.screenshot(path=shots / "painter-dark.png")

    undo(page)
    settle(page, drawn, again)
    easel = page.locator(".smis-easel").first
    easel.scroll_into_view_if_needed()
    box = easel.bounding_box()
    place = (9, 49)  # of the map, in whole pixels; twice magnified around it, it stays where it is
    point = (box["x"] + (place[0] + 0.5) * zoom, box["y"] + (place[1] + 0.5) * zoom)
    page.get_by_role("button", name="Brush").first.click()
    page.mouse.move(*point)
    page.wait_for_timeout(300)
    page.locator("input[placeholder^='b, e, f']").first.focus()
    for _ in range(3):
        page.keyboard.type(">")
        page.wait_for_timeout(300)
    magnified = page.locator("canvas.smis-guides").first.bounding_box()
    assert round(magnified["width"] / box["width"]) == 4, "the map is not shown four times as large"
    page.screenshot(path=shots / "painter-zoom.png")
    page.mouse.move(*point)
    page.mouse.down()
    page.mouse.up()
    dabbed = settle(page, drawn, before)
    y, x = np.nonzero((dabbed != before).any(2))
    assert abs(x.mean() - place[0]) < 1.5, "the dab is not where the mouse was"
    assert abs(y.mean() - place[1]) < 1.5
