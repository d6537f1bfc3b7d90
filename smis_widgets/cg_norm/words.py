"""The CG-Norm explorer in words, and its missions. Pure."""

from __future__ import annotations

import numpy as np

from smis_widgets.cg_norm.features import Maps
from smis_widgets.cg_norm.state import NORMS, CGNormState
from smis_widgets.theme import letter

MISSIONS = (
    "In the first block, switch off a class that the channel's group does not hear of. What changes?",
    "Find the last block: how many classes does one group hear of there?",
    "Switch off a class that the group hears of, and find where F_out changes.",
)


def describe(state: CGNormState, maps: Maps) -> list[str]:
    """What is shown, whom the channel hears of, the pixel, and what switching off has changed."""
    block, names = state.here, state.classes
    what = f"Mean of the {len(state.shown)} channels of" if state.mean else f"Channel {state.channel} lies in"
    heard = "all classes" if len(state.hears) == len(names) else ", ".join(names[c] for c in state.hears)
    group = f"group {state.group} of {block.groups}"
    height, width = block.size
    x, y = state.pixel
    lines = [
        f"Scene {letter(state.scene)}, block {state.block}, {NORMS[state.norm]} CG-Norm, {height} x {width}. "
        f"{what} {group}, where gamma and beta hear of {heard}.",
        f"Pixel x = {x}, y = {y} is {names[maps.labels[y, x]]}.",
    ]
    if state.off:
        off = ", ".join(names[c] for c in sorted(state.off))
        moved = float((np.abs(maps.change) > 1e-5).mean())
        if moved:
            part = f"F_out changes in {max(100 * moved, 1):.0f} % of the map."
        elif not state.off & set(state.hears):
            part = "Nothing changes here: this group does not hear of it."
        else:
            part = "Nothing changes here: the label map at this size shows none of it."
        lines.append(f"Switched off: {off}. {part}")
    return lines


def missions(state: CGNormState) -> set[int]:
    """The missions that this state achieves."""
    deaf = state.block == 0 and bool(state.off) and not state.off & set(state.hears)
    return {
        k
        for k, reached in enumerate((deaf, state.block == len(state.blocks) - 1, bool(state.off & set(state.hears))))
        if reached
    }
