"""A newcomer's path: open the first notebook, run it, take another top with the mouse, reload the page, go on.

What should change on the screen is worked out from the test archive alone, not from the kernel.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest

from smis import people
from tests.browser.labserver import ROOT, find_cell, finished, go_dark, open_notebook, reload_notebook, run_all
from tests.browser.screen import only_changed, settle

NAME = "00_start_here.ipynb"


def gallery_of_notebook() -> tuple[int, ...]:
    source = "\n".join(cell.source for cell in nbformat.read(ROOT / "notebooks" / NAME, as_version=4).cells)
    return tuple(ast.literal_eval(re.search(r"GALLERY = (\(.*?\))", source, re.DOTALL)[1]))  # type: ignore[index]


def click_cell(page: Any, title: str) -> None:
    """Press the mouse in the middle of a cell of the board, found by its tooltip, as a person does."""
    cell = page.locator(f".smis-cell[title='{title}']").first
    cell.scroll_into_view_if_needed()
    area = cell.bounding_box()
    page.mouse.click(area["x"] + area["width"] / 2, area["y"] + area["height"] / 2)


@pytest.mark.slow
def test_another_top_by_mouse_and_again_after_a_reload(page: Any, lab: str, shots: Path) -> None:
    gallery = people("test").load(indices=gallery_of_notebook())
    top, letters = gallery.label_set.index("top"), "ABCDEFGH"
    shape = gallery.labels[0]  # the mixer stands on the shape of the first person
    colour = {
        p: gallery.images[p][gallery.labels[p] == top].mean(0) for p in range(8) if (gallery.labels[p] == top).any()
    }
    open_notebook(page, lab, f"notebooks/{NAME}")
    run_all(page)
    finished(page)
    find_cell(page, "Mixer(model")
    result = page.locator("canvas.smis-result").first
    start = settle(page, result)
    now = page.locator(".smis-cell.smis-on[title^='Top of']").first.get_attribute("title")[-1]
    worn = max((p for p in colour if letters[p] != now), key=lambda p: np.ptp(colour[p]))  # a vivid top
    other = max(colour, key=lambda p: float(np.abs(colour[p] - colour[worn]).mean()))  # and one most unlike it
    click_cell(page, f"Top of {letters[worn]}")
    before = settle(page, result, start)
    click_cell(page, f"Top of {letters[other]}")
    after = settle(page, result, before)
    page.screenshot(path=shots / "notebook-light.png")
    page.locator(".smis-panel").first.screenshot(path=shots / "mixer-light.png")

    only_changed(before, after, shape == top)

    reload_notebook(page, lab, f"notebooks/{NAME}")
    find_cell(page, "Mixer(model")
    again = settle(page, result)
    np.testing.assert_array_equal(again, after, err_msg="after the reload another picture is shown")
    page.get_by_role("button", name="Reset").first.click()
    reset = settle(page, result, again)
    click_cell(page, f"Top of {letters[other]}")
    settle(page, result, reset)

    go_dark(page)
    page.screenshot(path=shots / "notebook-dark.png")
