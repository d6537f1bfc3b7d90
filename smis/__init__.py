"""smis: Semantically Multi-modal Image Synthesis, a small PyTorch library behind the interactive course.

One direction: an image and its labels go through `model.encode` to one latent code per class; editing works on
codes; `model.decode` turns codes and labels back into an image.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smis.config import GroupDNetConfig, TrainConfig
    from smis.datasets.archive import Archive, Samples, people
    from smis.editing import ClassCodes, mix, morph, slerp
    from smis.labels import PEOPLE, LabelSet
    from smis.model import CheckpointError, GroupDNet
    from smis.presets import preset

__version__ = "0.1.0"

# Names are imported when they are first used: `smis --help` need not wait for torch.
_HOMES = {
    "smis.config": ("GroupDNetConfig", "TrainConfig"),
    "smis.datasets.archive": ("Archive", "Samples", "people"),
    "smis.editing": ("ClassCodes", "mix", "morph", "slerp"),
    "smis.labels": ("PEOPLE", "LabelSet"),
    "smis.model": ("CheckpointError", "GroupDNet"),
    "smis.presets": ("preset",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "PEOPLE",
    "Archive",
    "CheckpointError",
    "ClassCodes",
    "GroupDNet",
    "GroupDNetConfig",
    "LabelSet",
    "Samples",
    "TrainConfig",
    "mix",
    "morph",
    "people",
    "preset",
    "slerp",
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'smis' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
