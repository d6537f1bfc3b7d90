"""Morph one class by keyboard, play, export, reload: what changed is proved from pixels and from the kernel's codes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

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
from tests.browser.screen import kernel, only_changed, settle

SETUP = """
from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets import Morpher
model, test, chosen = GroupDNet.load(data_file("checkpoints/people-64.safetensors")), people("test"), CHOSEN
morpher = Morpher(model, test.load(size=64, indices=chosen), pictures=test.load(indices=chosen))
morpher
"""
REPORT = """
import json
from smis_widgets.morpher.render import codes
moved = (codes(morpher.state, morpher.studio) != morpher.studio.codes.values[:1]).flatten(2).any(2)[0]
print(json.dumps({"t": morpher.state.amount, "moved": [n for n, m in zip(morpher.state.classes, moved) if m]}))
"""


def two_tops() -> tuple[int, int]:
    """Two people of the test set, both with a large top, whose tops differ most in colour."""
    samples = people("test").load(size=64, indices=range(40))
    top = samples.labels == samples.label_set.index("top")
    large = [p for p in range(len(samples)) if top[p].mean() > 0.1]
    colours = {p: samples.images[p][top[p]].mean(0) for p in large}
    return max(((a, b) for a in large for b in large), key=lambda ab: np.abs(colours[ab[0]] - colours[ab[1]]).sum())


@pytest.mark.slow
def test_morph_one_class_by_keyboard_play_export_and_reload(page: Any, tmp_path: Path, shots: Path) -> None:
    chosen = two_tops()
    samples = people("test").load(size=64, indices=chosen)
    shape, top = samples.labels[0], samples.label_set.index("top")
    sources = (SETUP.replace("CHOSEN", str(chosen)), REPORT)
    write_notebook(tmp_path / "morph.ipynb", *sources)

    with jupyterlab(tmp_path) as address:
        open_notebook(page, address, "morph.ipynb")
        run_all(page)
        finished(page)
        result = page.locator("canvas.smis-result").first
        start = settle(page, result)
        assert kernel(page) == {"t": 0.0, "moved": []}

        # one class, by keyboard alone
        page.get_by_role("button", name="none", exact=True).press("Enter")
        page.get_by_role("button", name="top", exact=True).press("Space")
        handle = page.locator(".smis-amount .noUi-handle").first
        for _ in range(20):
            handle.press("PageUp")  # 5 steps of 0.01 each
        expect(page.locator(".smis-status[role=status]")).to_contain_text("t = 1.00: B", timeout=30000)
        after = settle(page, result, start)
        assert kernel(page) == {"t": 1.0, "moved": ["top"]}
        _, inside, outside = only_changed(start, after, shape == top)

        handle.focus()
        page.keyboard.press("End")
        page.get_by_text("t = 1.50: beyond B, extrapolated").first.wait_for()
        beyond = settle(page, result, after)
        page.locator(".smis-panel").first.screenshot(path=shots / "morpher-light.png")

        # a click on a frame of the filmstrip brings back the very picture
        page.locator(".smis-frame[title='Go to t = 0']").click()
        np.testing.assert_array_equal(settle(page, result, beyond), start)

        page.get_by_role("button", name="Play").click()
        page.wait_for_timeout(800)
        page.get_by_role("button", name="Pause").click()
        settle(page, result, start)
        page.wait_for_timeout(300)
        assert 0 < kernel(page)["t"] <= 1

        page.get_by_role("button", name="GIF").click()
        page.get_by_text("Saved").first.wait_for()
        with Image.open(tmp_path / "morph.gif") as film:
            frames, duration = [], 0
            for k in range(film.n_frames):
                film.seek(k)
                duration += film.info["duration"]
                frames.append(np.array(film.convert("RGB").resize(start.shape[1::-1])).astype(float))
        assert duration == 41 * 50
        assert len(frames) > 20
        assert np.abs(frames[0] - start[..., :3]).mean() < 8
        assert np.abs(frames[-1] - after[..., :3]).mean() < 8
        moved = np.abs(frames[-1] - frames[0]).mean(2)
        assert moved[inside].mean() > 15
        assert moved[outside].mean() < moved[inside].mean() / 5

        before = pixels(result)
        reload_notebook(page, address, "morph.ipynb")
        result = page.locator("canvas.smis-result").first
        np.testing.assert_array_equal(settle(page, result), before, err_msg="after the reload another picture is shown")
        page.locator(".smis-frame[title='Go to t = 1.5']").click()
        np.testing.assert_array_equal(settle(page, result, before), beyond)

        go_dark(page)
        page.locator(".smis-panel").first.screenshot(path=shots / "morpher-dark.png")
