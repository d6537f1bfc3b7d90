"""The mixer: for each class, whose style to take."""

from smis_widgets.mixer.panel import Mixer
from smis_widgets.mixer.state import MixerState, describe, render

__all__ = ["Mixer", "MixerState", "describe", "render"]
