"""Learning curves of a run folder, drawn from `stats.jsonl`, with the last sample sheet beside them."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from smis.outside import PictureError, open_picture
from smis.runs import RunFolder
from smis.training import TrainingError

__all__ = ["draw_run"]

MOST = 40  # curves of one picture: training writes some ten losses


def draw_run(path: Path) -> tuple[Image.Image, str]:
    """A picture of a run's losses over its steps and of its last samples, and one line about it.

    Raises:
        TrainingError: the folder holds no run, or one without a tick, or its last sheet is no picture.
    """
    folder = RunFolder(path)
    stats = folder.stats()
    if not stats:
        raise TrainingError(
            f"{path} holds no finished tick of a run: train first, as in `smis train smoke --out {path}`"
        )
    from matplotlib.figure import Figure  # no global state, unlike pyplot

    steps = [line["step"] for line in stats]
    names = [name for name in stats[-1] if name not in ("step", "seconds")]
    if not 1 <= len(names) <= MOST:
        raise TrainingError(
            f"{path / 'stats.jsonl'} tells of {len(names):,} losses, 1 to {MOST} are drawn: it is not a run's"
        )
    figure = Figure(figsize=(7, 1.6 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for axis, name in zip(axes, names, strict=True):
        axis.plot(steps, [line.get(name) for line in stats], marker="." if len(stats) < 30 else "")
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
    axes[-1].set_xlabel("step")
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=100)
    pictures = [open_picture(drawn.getvalue()).convert("RGB")]
    sheets = sorted((path / "samples").glob("step-*.png"))
    if sheets:
        try:
            pictures.append(open_picture(sheets[-1]).convert("RGB"))
        except PictureError as error:
            raise TrainingError(f"{sheets[-1]} is no sheet of samples: {error}. Remove it and ask again") from error
    whole = Image.new("RGB", (sum(p.width for p in pictures), max(p.height for p in pictures)), "white")
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width
    last = ", ".join(f"{name} {stats[-1][name]:.3g}" for name in names)
    return whole, f"step {steps[-1]:.0f}: {last}"
