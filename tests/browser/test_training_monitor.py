"""Drive a live run by mouse and keyboard, reload the page in the middle of it, and stop it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
from tests.browser.screen import kernel, settle

SETUP = """
from smis import people
from smis.presets import preset
from smis_widgets import TrainingMonitor
config = preset("smoke", {"weights.perceptual": 0.0, "steps": 5000})
monitor = TrainingMonitor.live(config, people("train").load(64, range(32)))
monitor
"""
REPORT = """
import json, threading
run = monitor.run
print(json.dumps({"step": run.trainer.steps_done, "playing": run.playing, "rate": run.trainer.config.lr_discriminator,
    "threads": [t.name for t in threading.enumerate() if t.name == "smis-live-run"]}))
"""


def status(page: Any) -> str:
    return str(page.locator(".smis-panel .smis-status[role=status]").first.inner_text())


@pytest.mark.slow
def test_single_steps_play_a_reload_in_the_middle_and_stop(page: Any, tmp_path: Path, shots: Path) -> None:
    write_notebook(tmp_path / "monitor.ipynb", SETUP, REPORT)
    with jupyterlab(tmp_path) as address:
        open_notebook(page, address, "monitor.ipynb")
        run_all(page)
        finished(page)
        pictures = page.locator("canvas.smis-result").last
        start = settle_pictures(page, pictures)
        assert status(page).startswith("Step 0 of 5,000: not started.")

        # the discriminator alone, by keyboard: the pictures stay as they are
        page.get_by_role("button", name="Discriminator").focus()
        page.keyboard.press("Enter")
        page.get_by_text("Step 1 of 5,000: paused, the last one of the discriminator only").wait_for()
        np.testing.assert_array_equal(pixels(pictures), start)
        page.get_by_role("button", name="Generator").click()
        page.get_by_text("Step 2 of 5,000: paused, the last one of the generator only").wait_for()
        one = settle(page, pictures, start)

        page.locator(".noUi-handle").last.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        assert kernel(page)["rate"] == pytest.approx(4e-4 * 10**0.1, rel=0.03)

        page.get_by_role("button", name="Play").click()
        page.get_by_text("training…").wait_for()
        settle_step(page, 6)
        reload_notebook(page, address, "monitor.ipynb")
        page.get_by_role("button", name="Pause").wait_for()
        now = step(page)
        settle_step(page, now + 3)  # the page's timer goes on
        pictures = page.locator("canvas.smis-result").last
        page.locator(".smis-panel").first.screenshot(path=shots / "training-light.png")

        begin = time.monotonic()
        page.get_by_role("button", name="Pause").click()
        page.locator(".smis-panel .smis-status[role=status]").first.filter(has_text="paus").wait_for()
        took = time.monotonic() - begin
        print(f"Stop answered after {took:.2f} s")
        assert took < 1
        page.get_by_text(": paused.").wait_for()
        end = kernel(page)
        assert end["threads"] == []
        assert not end["playing"]
        assert step(page) == end["step"]
        assert (settle(page, pictures, one) != one).any()
        page.get_by_role("button", name="logarithmic").click()
        page.set_viewport_size({"width": 1000, "height": 1000})
        go_dark(page)
        page.locator(".smis-panel").first.screenshot(path=shots / "training-dark.png")
        page.get_by_role("button", name="Reset").click()
        page.get_by_text("Step 0 of 5,000: not started.").wait_for()


def step(page: Any) -> int:
    return int(status(page).split()[1].replace(",", ""))


def settle_step(page: Any, least: int) -> None:
    for _ in range(300):
        if step(page) >= least:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"step {least} was not reached: {status(page)}")


def settle_pictures(page: Any, canvas: Any) -> np.ndarray:
    """The pictures' canvas once something is drawn (it is transparent between the pictures)."""
    for _ in range(100):
        page.wait_for_timeout(100)
        now = pixels(canvas)
        if (now[..., 3] == 255).mean() > 0.5:
            return now
    raise AssertionError("the canvas stayed blank")
