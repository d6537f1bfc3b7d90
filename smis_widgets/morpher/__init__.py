"""The morpher: from one style to another, and beyond."""

from smis_widgets.morpher.panel import Morpher
from smis_widgets.morpher.state import MorphState

__all__ = ["Morpher", "MorphState"]
