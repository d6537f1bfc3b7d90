"""Steer one class by keyboard, draw, lock, reload: what changed is proved from pixels and from the kernel's codes."""

from __future__ import annotations

import re
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
from tests.browser.screen import enlarged, kernel, only_changed, settle

SETUP = """
from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets import Controllers
model = GroupDNet.load(data_file("checkpoints/people-64.safetensors"))
controllers = Controllers(model, people("test").load(size=64, indices=range(8)))
controllers
"""
REPORT = """
import json
state, bench = controllers.state, controllers.bench
moved = (bench.codes(state.scene, state.choices) != bench.studio.codes.values[state.scene]).flatten(2).any(2)[0]
print(json.dumps({"moved": [n for n, m in zip(state.classes, moved) if m], "axes": state.choices[state.chosen].axes,
                  "change": controllers.change}))
"""


@pytest.mark.slow
def test_steer_one_class_by_keyboard_draw_lock_and_reload(page: Any, tmp_path: Path, shots: Path) -> None:
    samples = people("test").load(size=64, indices=range(8))
    shape, top = samples.labels[0], samples.label_set.index("top")
    write_notebook(tmp_path / "steer.ipynb", SETUP, REPORT)

    with jupyterlab(tmp_path) as address:
        open_notebook(page, address, "steer.ipynb")
        run_all(page)
        finished(page)
        result, heat = page.locator("canvas.smis-result").first, page.locator("canvas.smis-still").nth(1)
        start, dark = settle(page, result), settle(page, heat)
        assert kernel(page)["moved"] == []

        # the first axis of the top, by keyboard alone
        handle = page.locator(".smis-axis .noUi-handle").first
        handle.focus()
        page.keyboard.press("End")
        page.get_by_text("then +3.0 on axis 1.").first.wait_for()
        after = settle(page, result, start)
        report = kernel(page)
        assert report["moved"] == ["top"]
        assert report["axes"] == [3, 0, 0, 0]
        change, inside, outside = only_changed(start, after, shape == top)
        # the numbers below the pictures are those of the pictures
        said = [float(re.search(r"[\d.]+$", text)[0]) for text in page.locator(".smis-figure").all_inner_texts()[:2]]  # type: ignore[index]
        np.testing.assert_allclose(said, report["change"], atol=0.051)
        seen = change[enlarged(shape == top, len(change))].mean(), change[enlarged(shape != top, len(change))].mean()
        np.testing.assert_allclose(seen, report["change"], rtol=0.1, atol=0.7)
        # and the heat map glows inside, where it was dark
        glow = settle(page, heat, dark)[..., :3].astype(float).mean(2)
        assert glow[inside].mean() > 3 * glow[outside].mean()

        # another code for all classes but the top, which is locked
        page.locator(".smis-lock").first.click()
        page.locator("button[title^='Draw every class']").click()
        drawn = settle(page, result, after)
        assert set(kernel(page)["moved"]) == set(samples.label_set.classes)
        kept = np.abs(drawn[..., :3].astype(float) - after[..., :3]).mean(2)
        assert kept[outside].mean() > 5 * kept[inside].mean(), "the locked class changed"
        page.locator(".smis-panel").first.screenshot(path=shots / "controllers-light.png")

        reload_notebook(page, address, "steer.ipynb")
        result = page.locator("canvas.smis-result").first
        np.testing.assert_array_equal(settle(page, result), drawn, err_msg="after the reload another picture is shown")
        page.locator("button[title^='The first scene']").click()
        np.testing.assert_array_equal(settle(page, result, drawn), start)

        go_dark(page)
        page.locator(".smis-panel").first.screenshot(path=shots / "controllers-dark.png")
