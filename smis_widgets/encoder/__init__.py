"""The encoder explorer: what the encoder is given of one class, and which codes hear of a pixel."""

from smis_widgets.encoder.panel import EncoderExplorer

__all__ = ["EncoderExplorer"]
