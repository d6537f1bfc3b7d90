"""The painter: edit the label map, and the picture follows."""

from smis_widgets.painter.panel import Painter
from smis_widgets.painter.state import PainterState

__all__ = ["Painter", "PainterState"]
