"""The CG-Norm explorer: what Conditional Group Normalization does to the features of a trained decoder."""

from smis_widgets.cg_norm.panel import CGNormExplorer

__all__ = ["CGNormExplorer"]
