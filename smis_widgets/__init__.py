"""smis_widgets: the course's widgets, drawn with ipywidgets and ipycanvas.

Every widget is three layers: a pure state (a frozen dataclass), a pure `render(state, ...) -> Frame`, and a thin view.
"""

try:
    import ipycanvas  # noqa: F401
    import ipywidgets  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"smis_widgets needs ipywidgets and ipycanvas, and {error.name} is missing. "
        "Install them with: pip install 'smis[widgets]' (from a clone: pip install -e '.[widgets]'). "
        "The networks and the data in `smis` work without them."
    ) from error

from typing import TYPE_CHECKING, Any

from smis_widgets.base import Frame, Refused
from smis_widgets.cg_norm import CGNormExplorer
from smis_widgets.controllers import Controllers
from smis_widgets.drawing import Studio
from smis_widgets.encoder import EncoderExplorer
from smis_widgets.grouped_conv import GroupedConvExplorer
from smis_widgets.mixer.panel import Mixer
from smis_widgets.mixer.state import MixerState, describe, render
from smis_widgets.morpher.panel import Morpher
from smis_widgets.morpher.state import MorphState
from smis_widgets.painter.panel import Painter
from smis_widgets.pictures import Picture, strip
from smis_widgets.surface import Surface

if TYPE_CHECKING:
    from smis_widgets.training import TrainingMonitor

__all__ = [
    "CGNormExplorer",
    "Controllers",
    "EncoderExplorer",
    "Frame",
    "GroupedConvExplorer",
    "Mixer",
    "MixerState",
    "MorphState",
    "Morpher",
    "Painter",
    "Picture",
    "Refused",
    "Studio",
    "Surface",
    "TrainingMonitor",
    "describe",
    "render",
    "strip",
]


def __getattr__(name: str) -> Any:
    """`TrainingMonitor` comes when it is asked for: it alone needs what training needs (the extra `train`)."""
    if name != "TrainingMonitor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from smis_widgets.training import TrainingMonitor
    except ModuleNotFoundError as error:
        raise ImportError(
            f"TrainingMonitor needs {error.name}, which is missing: pip install 'smis[train,widgets]' "
            "(from a clone: pip install -e '.[train,widgets]')"
        ) from error
    return TrainingMonitor
