"""The grouped convolution explorer: which channels see which, and what that saves."""

from smis_widgets.grouped_conv.panel import GroupedConvExplorer

__all__ = ["GroupedConvExplorer"]
