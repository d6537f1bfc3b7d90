"""What is on the screen and in the kernel: pixels that have settled, where they changed, what the last cell prints."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tests.browser.labserver import pixels

EDGE = 4  # pixels at 128: next to a border the decoder and the enlargement may blend


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask and every pixel within `by` of it."""
    padded = np.pad(mask, by)
    h, w = mask.shape
    span = range(2 * by + 1)
    return np.any([padded[y : y + h, x : x + w] for y in span for x in span], axis=0)


def settle(page: Any, canvas: Any, before: np.ndarray | None = None) -> np.ndarray:
    """The canvas's pixels once they differ from `before` (or are not blank) and have not changed for 0.3 s: a first
    picture is followed by the full one."""
    last, same = None, 0
    for _ in range(100):
        page.wait_for_timeout(100)
        now = pixels(canvas)
        fresh = now[..., 3].min() == 255 if before is None else bool((now != before).any())
        same = same + 1 if fresh and last is not None and (now == last).all() else 0
        if same == 3:
            return now
        last = now
    raise AssertionError("the canvas did not change in 10 s" if before is not None else "the canvas stayed blank")


def enlarged(mask: np.ndarray, height: int) -> np.ndarray:
    """A mask (H, W) at the size of a picture of this height."""
    scale = height // mask.shape[0]
    return mask.repeat(scale, 0).repeat(scale, 1)


def only_changed(before: np.ndarray, after: np.ndarray, here: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Assert that two pictures differ where the mask is, and hardly elsewhere; borders are left out.

    Returns the change (H, W) of 255, and the masks of what counts as inside and as outside.
    """
    change = np.abs(after[..., :3].astype(float) - before[..., :3]).mean(2)
    inside, outside = (enlarged(~grown(mask, EDGE), len(change)) for mask in (~here, here))
    print(f"mean change inside {change[inside].mean():.1f}, elsewhere {change[outside].mean():.2f} of 255")
    assert change[inside].mean() > 15, "the class did not change"
    assert change[outside].mean() < change[inside].mean() / 5, "more than the class changed"
    return change, inside, outside


def kernel(page: Any) -> dict[str, Any]:
    """Run the last cell again and read what it prints."""
    text = page.evaluate("""async () => {
        const notebook = window.jupyterapp.shell.currentWidget.content;
        notebook.activeCellIndex = notebook.widgets.length - 1;
        await window.jupyterapp.commands.execute('notebook:run-cell');
        return notebook.activeCell.model.sharedModel.outputs.map(o => [].concat(o.text ?? '').join('')).join(''); }""")
    return dict(json.loads(text))
