"""Bad luck in a real notebook: an interrupt, a restart, a reload in the middle of a stroke, two tabs, a closed tab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.labserver import (
    finished,
    jupyterlab,
    open_notebook,
    pixels,
    reload_notebook,
    run_all,
    write_notebook,
)
from tests.browser.screen import kernel, settle

START = """
import time
from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets import Mixer, Morpher, Painter
model = GroupDNet.load(data_file("checkpoints/people-64.safetensors"))
gallery = people("test").load(64, range(4))
"""
MIXER = (
    START
    + """
mixer, slow = Mixer(model, gallery, seed=0), False
quick = mixer.compute
mixer.compute = lambda state: (time.sleep(60) if slow else None, quick(state))[1]
mixer
"""
)
PAINTER = START + "painter = Painter(model, gallery)\npainter"
MORPHER = START + "morpher = Morpher(model, gallery)\nmorpher"
REPORT = """
import json, threading
names = sorted(t.name for t in threading.enumerate())
report = {"threads": [n for n in names if "subshell" not in n]}  # JupyterLab's own, one a tab
if "painter" in globals():
    report |= {"pressed": painter.hand.pressed, "edits": painter.state.script}
if "morpher" in globals():
    report |= {"time": morpher.state.time, "playing": morpher.view.clock.playing}
if "mixer" in globals():
    report |= {"sources": mixer.state.sources, "busy": mixer._busy}
print(json.dumps(report))
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """JupyterLab with a notebook for each widget."""
    folder: Path = tmp_path_factory.mktemp("desk")
    for name, source in (("mixer", MIXER), ("painter", PAINTER), ("morpher", MORPHER)):
        write_notebook(folder / f"{name}.ipynb", source, REPORT)
    with jupyterlab(folder) as address:
        yield address


@pytest.mark.slow
def test_an_interrupt_a_restart_and_the_cell_once_more(page: Any, desk: str) -> None:
    result = opened(page, desk, "mixer")
    before = settle(page, result)
    start = kernel(page)
    run_code(page, "slow = True")
    page.get_by_role("button", name="Surprise me").click()
    page.wait_for_timeout(1500)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    page.get_by_text("Interrupted: this was not done").wait_for()
    np.testing.assert_array_equal(pixels(result), before)
    run_code(page, "slow = False")
    now = kernel(page)
    assert now["sources"] == start["sources"], "half of it was done"
    assert not now["busy"]
    page.get_by_role("button", name="Surprise me").click()
    after = settle(page, result, before)

    run_all(page)  # the same cells once more: one widget, which works, in the place of the old one
    page.wait_for_timeout(1000)
    finished(page)
    assert page.locator(".smis-panel").count() == 1
    again = settle(page, page.locator("canvas.smis-result").first)
    np.testing.assert_array_equal(again, before)
    assert (after != before).any()
    assert kernel(page)["threads"] == start["threads"]

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.locator(".jupyter-widgets-disconnected").first.wait_for(state="attached")  # a broken chain on each control
    run_all(page)
    page.wait_for_timeout(1000)
    finished(page)
    fresh = page.locator("canvas.smis-result").first
    np.testing.assert_array_equal(settle(page, fresh), before)
    page.get_by_role("button", name="Surprise me").click()
    settle(page, fresh, before)
    assert page.locator(".jupyter-widgets-disconnected").count() == 0


@pytest.mark.slow
def test_a_reload_in_the_middle_of_a_stroke_forgets_the_stroke(page: Any, desk: str) -> None:
    opened(page, desk, "painter")
    canvas = page.locator("canvas.smis-map").first
    before = settle(page, canvas)
    page.get_by_role("button", name="top", exact=True).first.click()
    x, y = middle(page)
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 20, steps=6)
    settle(page, canvas, before)
    reload_notebook(page, desk, "painter.ipynb")
    page.mouse.up()  # the release went to no page
    canvas = page.locator("canvas.smis-map").first
    np.testing.assert_array_equal(settle(page, canvas), before)
    x, y = middle(page)
    page.mouse.move(x - 50, y - 50)
    page.mouse.move(x + 50, y + 50, steps=6)  # with no button pressed
    page.wait_for_timeout(1500)
    report = kernel(page)
    assert not report["pressed"], "the stroke goes on without a button"
    assert report["edits"] == []
    np.testing.assert_array_equal(pixels(canvas), before)
    x, y = middle(page)
    page.mouse.move(x - 60, y)
    page.mouse.down()
    page.mouse.move(x + 40, y + 20, steps=6)
    page.mouse.up()
    settle(page, canvas, before)
    assert len(kernel(page)["edits"]) == 1


@pytest.mark.slow
def test_two_tabs_show_the_same_and_a_closed_one_leaves_nothing_running(page: Any, desk: str) -> None:
    first = opened(page, desk, "morpher")
    settle(page, first)
    threads = kernel(page)["threads"]
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    other = page.context.new_page()
    errors: list[str] = []
    other.on("pageerror", lambda error: errors.append(str(error)))
    open_notebook(other, desk, "morpher.ipynb")
    second = other.locator("canvas.smis-result").first
    before = settle(other, second)
    np.testing.assert_array_equal(pixels(first), before)
    other.get_by_role("button", name="Swap").click()  # t = 0 of A and B becomes t = 1 of B and A: the same picture
    other.get_by_title("Go to t = 0.5").click()
    now = settle(other, second, before)
    np.testing.assert_array_equal(settle(page, first, before), now)
    page.get_by_title("Go to t = 1", exact=True).click()
    one = settle(page, first, now)
    np.testing.assert_array_equal(settle(other, second, now), one)

    other.get_by_role("button", name="Play").click()
    settle_moving(page, first, one)
    assert errors == []
    other.close()
    page.close(run_before_unload=False)
    third = open_after(other, desk)
    early = kernel(third)
    third.wait_for_timeout(2000)
    late = kernel(third)
    assert early["time"] == late["time"] or late["playing"], "the film goes on with nobody there"
    assert late["threads"] == threads
    third.get_by_role("button", name="Reset").click()
    settle(third, third.locator("canvas.smis-result").first)


def opened(page: Any, desk: str, name: str) -> Any:
    """Open a notebook, run it; the canvas of its result."""
    open_notebook(page, desk, f"{name}.ipynb")
    run_all(page)
    finished(page)
    return page.locator("canvas.smis-result").first


def open_after(page: Any, desk: str) -> Any:
    """A new tab, after the others were closed."""
    new = page.context.new_page()
    open_notebook(new, desk, "morpher.ipynb")
    new.locator("canvas.smis-result").first.wait_for()
    return new


def run_code(page: Any, code: str) -> None:
    """Run a line in the kernel that is in no cell."""
    page.evaluate(
        "code => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({code}).done", code
    )


def middle(page: Any) -> tuple[float, float]:
    """The middle of the painter's easel on the page."""
    easel = page.locator("canvas.smis-guides").first
    easel.scroll_into_view_if_needed()
    box = easel.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def settle_moving(page: Any, canvas: Any, before: np.ndarray) -> None:
    """Wait until a canvas shows something else; it need not stop."""
    for _ in range(150):
        page.wait_for_timeout(100)
        if (pixels(canvas) != before).any():
            return
    raise AssertionError("nothing moves")
