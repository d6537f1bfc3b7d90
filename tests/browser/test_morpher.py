"""Morph one class by keyboard, play, export, reload: what changed is proved from pixels and from the kernel's codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from PIL import Image

from smis import people
from tests.browser.labserver import finished, jupyterlab, open_notebook, pixels, run_all
from tests.browser.test_mixer import EDGE, grown, settle

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
from smis_widgets.morph_render import codes
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


def kernel(page: Any) -> dict[str, Any]:
    """Run the last cell again and read what it prints."""
    text = page.evaluate("""async () => {
        const notebook = window.jupyterapp.shell.currentWidget.content;
        notebook.activeCellIndex = notebook.widgets.length - 1;
        await window.jupyterapp.commands.execute('notebook:run-cell');
        return notebook.activeCell.model.sharedModel.outputs.map(o => [].concat(o.text ?? '').join('')).join(''); }""")
    return dict(json.loads(text))


@pytest.mark.slow
def test_morph_one_class_by_keyboard_play_export_and_reload(page: Any, tmp_path: Path, shots: Path) -> None:
    chosen = two_tops()
    samples = people("test").load(size=64, indices=chosen)
    shape, top = samples.labels[0], samples.label_set.index("top")
    sources = (SETUP.replace("CHOSEN", str(chosen)), REPORT)
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    names = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=names), tmp_path / "morph.ipynb")

    with jupyterlab(tmp_path) as address:
        open_notebook(page, address, "morph.ipynb")
        run_all(page)
        finished(page)
        result = page.locator("canvas.smis-result").first
        start = settle(page, result)
        assert kernel(page) == {"t": 0.0, "moved": []}

        # one class, by keyboard alone
        page.get_by_role("button", name="none", exact=True).focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="top", exact=True).focus()
        page.keyboard.press("Space")
        handle = page.locator(".smis-amount .noUi-handle").first
        handle.focus()
        for _ in range(20):
            page.keyboard.press("PageUp")  # 5 steps of 0.01 each
        page.get_by_text("t = 1.00: B").first.wait_for()
        after = settle(page, result, start)
        assert kernel(page) == {"t": 1.0, "moved": ["top"]}
        change = np.abs(after[..., :3].astype(float) - start[..., :3]).mean(2)
        scale = change.shape[0] // shape.shape[0]
        large = lambda mask: mask.repeat(scale, 0).repeat(scale, 1)  # noqa: E731
        inside, outside = large(~grown(shape != top, EDGE)), large(~grown(shape == top, EDGE))
        print(f"mean change inside the top {change[inside].mean():.1f}, elsewhere {change[outside].mean():.2f} of 255")
        assert change[inside].mean() > 15, "the top did not change"
        assert change[outside].mean() < change[inside].mean() / 5, "more than the top changed"

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
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_timeout(1000)
        page.reload()
        open_notebook(page, address, "morph.ipynb", fresh=False)
        result = page.locator("canvas.smis-result").first
        np.testing.assert_array_equal(settle(page, result), before, err_msg="after the reload another picture is shown")
        page.locator(".smis-frame[title='Go to t = 1.5']").click()
        np.testing.assert_array_equal(settle(page, result, before), beyond)

        page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
        page.wait_for_timeout(1500)
        page.locator(".smis-panel").first.screenshot(path=shots / "morpher-dark.png")
