"""Plots for notebooks with Matplotlib: one look on light and dark pages, and always a text alternative.

figure, axis = axes()
axis.plot(steps, losses)
shown(figure, alt="The loss falls from 5 to 1 within 200 steps.")
"""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from smis_widgets.pictures import Picture
from smis_widgets.theme import INK

GREY = tuple(value / 255 for value in INK)
# Okabe and Ito's colours, which colour-blind readers tell apart; black is left out, it vanishes on dark pages.
CYCLE = ("#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
LOOK: dict[Any, Any] = {
    "font.size": 10,
    "axes.edgecolor": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "text.color": GREY,
    "grid.color": GREY,
    "grid.alpha": 0.25,
}


def axes(rows: int = 1, columns: int = 1, size: tuple[float, float] = (6, 3)) -> tuple[Any, Any]:
    """A transparent Matplotlib figure of `size` inches and its axes: one, or an array of them."""
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    with mpl.rc_context({**LOOK, "axes.prop_cycle": cycler(color=CYCLE)}):
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_alpha(0)
        made = figure.subplots(rows, columns)
        for axis in made.flat if rows * columns > 1 else [made]:
            axis.patch.set_alpha(0)
        return figure, made


def shown(figure: Any, alt: str, dpi: int = 100) -> Picture:
    """The finished figure as a picture with its text alternative: the last line of a cell."""
    for axis in figure.axes:  # Matplotlib takes a legend's look when it is made, which is after `axes`
        if (legend := axis.get_legend()) is not None:
            legend.set_frame_on(False)
            for text in legend.get_texts():
                text.set_color(GREY)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=dpi, transparent=True)
    return Picture(Image.open(data), alt)
