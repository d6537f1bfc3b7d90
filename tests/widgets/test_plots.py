"""Plots are transparent pictures with their text; nothing of Matplotlib's global state is changed."""

import matplotlib as mpl
import numpy as np

from smis_widgets.plots import GREY, axes, shown


def test_a_plot_is_a_transparent_picture_with_its_text() -> None:
    before = dict(mpl.rcParams)
    figure, axis = axes(size=(3, 2))
    axis.plot([0, 1], [0, 1])
    picture = shown(figure, alt="A rising line.", dpi=100)
    assert repr(picture) == "A rising line."
    assert picture.image.size == (300, 200)
    pixels = np.array(picture.image)
    assert pixels.shape == (200, 300, 4)
    assert pixels[0, 0, 3] == 0, "the background is transparent"
    assert (pixels[..., 3] == 255).any(), "the line is not"
    assert dict(mpl.rcParams) == before


def test_a_legend_has_no_box_and_reads_on_dark_pages() -> None:
    figure, axis = axes(size=(3, 2))
    axis.plot([0, 1], [0, 1], label="a line")
    legend = axis.legend()
    shown(figure, alt="A line.")
    assert not legend.get_frame_on()
    assert legend.get_texts()[0].get_color() == GREY


def test_several_axes() -> None:
    _, made = axes(2, 3)
    assert made.shape == (2, 3)
