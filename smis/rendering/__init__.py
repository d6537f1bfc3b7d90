"""Exact decoding for interaction: the same image as `model.decode`, computed again only where something changed.

    renderer = Renderer(model.eval())
    renderer.set_mask(labels)
    image = renderer(codes)

Five identities make it fast. Each one has a module that explains it:

1. gamma and beta of a pixel are functions of the labels around it, and batch norm in eval mode is a scale and a
   shift. So CG-Norm becomes two maps that stay as long as the mask does: `modulation`.
2. A grouped convolution is linear, and groups do not see each other. While the group of a class stands apart, only
   that group changes; later the unchanged channels' share can be kept: `convolutions`, `blocks`.
3. A 3x3 convolution sees one pixel further. So a rectangle is exact once it is computed with a halo: `areas`.
4. A 3x3 convolution of a 2x2 tile needs 16 products in place of 36: `winograd`.
5. The code of a class hears of that class alone: `codes` encodes one class again.

Spectral norm divides a weight by a number that does not change any more: it is divided once.
"""

from smis.rendering.codes import CodeRenderer
from smis.rendering.machine import is_large, keep_freed_memory, sensible_threads, with_sensible_threads
from smis.rendering.renderer import Renderer

__all__ = ["CodeRenderer", "Renderer", "is_large", "keep_freed_memory", "sensible_threads", "with_sensible_threads"]
