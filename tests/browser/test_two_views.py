"""Every widget shown twice: what is done in one view is seen in the other, pixel for pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.labserver import finished, jupyterlab, open_notebook, pixels, run_all, write_notebook
from tests.browser.test_course import Deed, command, press, slide

SETUP = """
from smis import GroupDNet, people
from smis.datasets.paths import data_file
from smis_widgets import {name}

model = GroupDNet.load(data_file("checkpoints/people-64.safetensors"))
gallery = people("test").load(64, range(4))
widget = {name}({arguments})
display(widget)
display(widget)
"""
BOTH = "model, gallery"
WIDGETS: dict[str, tuple[str, Deed]] = {
    "Mixer": (BOTH, press("Surprise me")),
    "Morpher": (BOTH, slide(0)),
    "Painter": (BOTH, command("rectangle top 0,0 20,20")),
    "Controllers": (BOTH, press("Another for all")),
    "EncoderExplorer": (BOTH, press("Poke")),
    "CGNormExplorer": (BOTH, slide(1)),
    "GroupedConvExplorer": ("", slide(0)),
}


def pictures(panel: Any) -> list[np.ndarray]:
    """The pixels of all canvases of a view that show something."""
    found = [pixels(panel.locator("canvas").nth(n)) for n in range(panel.locator("canvas").count())]
    return [image for image in found if image[..., 3].any()]


@pytest.mark.slow
@pytest.mark.parametrize("name", list(WIDGETS))
def test_two_views_show_the_same(name: str, page: Any, tmp_path: Path) -> None:
    arguments, deed = WIDGETS[name]
    write_notebook(tmp_path / "two.ipynb", SETUP.format(name=name, arguments=arguments))
    with jupyterlab(tmp_path) as address:
        open_notebook(page, address, "two.ipynb")
        run_all(page)
        finished(page)
        first, second = (page.locator(".smis-panel").nth(n) for n in (0, 1))
        second.scroll_into_view_if_needed()
        page.wait_for_timeout(1500)
        before = pictures(first)
        assert before, "nothing is drawn"
        deed(first)
        for _ in range(60):
            page.wait_for_timeout(250)
            one, two = pictures(first), pictures(second)
            moved = len(one) != len(before) or any((a != b).any() for a, b in zip(one, before) if a.shape == b.shape)
            if moved and len(one) == len(two) and all(np.array_equal(a, b) for a, b in zip(one, two)):
                break
        else:
            raise AssertionError(f"moved: {moved}; {len(one)} and {len(two)} pictures, or they differ")
        assert first.inner_text() == second.inner_text()
