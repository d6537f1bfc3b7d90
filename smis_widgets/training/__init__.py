"""The training monitor: watch a run folder, or drive a small live run."""

from smis_widgets.training.monitor import TrainingMonitor

__all__ = ["TrainingMonitor"]
