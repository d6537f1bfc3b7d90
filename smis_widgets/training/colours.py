"""A colour for each curve: the same loss has the same colour everywhere. Readable on white and on dark pages."""

from __future__ import annotations

from smis_widgets.theme import ACCENT

# Okabe and Ito's colours, a little darker where they would vanish on white.
COLOURS = {
    "discriminator": (0, 114, 178),
    "gan": (213, 94, 0),
    "feature_matching": (0, 158, 115),
    "perceptual": (204, 121, 167),
    "kl": (86, 160, 213),
    "pixel": (160, 110, 60),
    "coarse": (150, 150, 60),
    "L1": ACCENT,
}


def colour_of(name: str) -> tuple[int, int, int]:
    """The colour of a loss; grey for a name that is not known here."""
    return COLOURS.get(name, (128, 128, 128))
