"""The renderer: keeps every block's output, finds out what changed since the last image, and computes that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from smis.encoder import class_boxes
from smis.layers import LEAK, CGBlock
from smis.model import GroupDNet
from smis.neighbourhoods import Neighbourhoods
from smis.rendering.areas import HALO, Area
from smis.rendering.blocks import Block
from smis.rendering.coarse import Coarse, changed
from smis.rendering.convolutions import Convolution, Picture

__all__ = ["Renderer"]

WORTH = 0.7  # a rectangle of more than this share of the whole is not worth a cut


class Renderer:
    """Draws one batch of images again and again, while codes and mask change in parts.

    It holds copies of the network's weights: make a new one when the network was trained on.

    Args:
        model: in eval mode.
        half: keep weights in half precision and compute in float32: half the memory, and slower. Rounds the weights.

    Raises:
        ValueError: the model is in training mode, where every image depends on the whole batch.
    """

    def __init__(self, model: GroupDNet, half: bool = False) -> None:
        if model.training:
            raise ValueError("a Renderer needs a network in eval mode: call model.eval() first")
        self.model, decoder, config = model, model.decoder, model.config
        with torch.inference_mode():
            self._fc: Convolution | nn.Module = decoder.fc  # one vector for the whole image: every channel hears it
            if isinstance(decoder.fc, nn.Conv2d):
                self._fc = Convolution(decoder.fc, config.start_size, half)
            self._blocks = [
                Block(cast(CGBlock, block), size, doubled, half)
                for block, size, doubled in zip(decoder.blocks, decoder.sizes, config.upsample, strict=True)
            ]
            self._picture = Picture(decoder.to_rgb, half)
        self._ids: Tensor | None = None
        self._labels: Tensor
        self._boxes: list[list[list[int]]]  # of each image and class: top, left, height, width
        self._codes: Tensor | None = None
        self._features: list[Tensor] = []  # of fc, then of each block: (B, h, w, width)
        self._pictures: Tensor  # (B, 3 * pictures, H, W)
        # what changed since the last complete image: codes, pixels, and each block's modulation
        self._moved: set[int] = set()
        self._painted: Area | None = None
        self._remodelled: list[Area | None] = [None] * len(self._blocks)
        # for coarse pictures: made when the first is asked for; and the last complete image with a coarse one of it
        self._rough: Coarse | None = None
        self._known: tuple[Tensor, Tensor] | None = None

    # -- the mask ---------------------------------------------------------------------------------------------------

    def set_mask(self, labels: Tensor, edges: Tensor | None = None) -> None:
        """The label map `(B, H, W)` of the next images, and instance edges for networks that know them.

        Where it equals the one before, nothing is computed again.

        Raises:
            ValueError: a shape, type or id that does not fit.
        """
        self.model._check(labels)
        with torch.inference_mode():
            ids = self.model.decoder.ids(labels, edges).clone()
            before = self._ids
            if before is None or before.shape != ids.shape:
                before, self._codes = None, None  # another batch: everything is new
            for number, block in enumerate(self._blocks):
                small, changed = _nearest(ids, block.size), cast("Area | None", block.whole)
                if before is not None:
                    changed = _differ(small, _nearest(before, block.size))
                if changed is not None:
                    changed = changed.grown(HALO, block.size)  # a pixel's 5x5 neighbourhood
                    self._remodel(block, small, changed)
                    self._remodelled[number] = changed.hull(self._remodelled[number])
            painted = None if before is None else _differ(ids, before)
            if before is None or painted is not None:
                self._known = None
                if self._rough is not None:
                    self._rough.labels = None
            self._painted = self._painted if painted is None else painted.hull(self._painted)
            self._ids, self._labels = ids, labels.long().clone()
            self._boxes = class_boxes(self._labels, len(self.model.config.labels)).tolist()

    def _remodel(self, block: Block, ids: Tensor, area: Area) -> None:
        """gamma and beta of these ids, computed in this area."""
        channels = self.model.decoder.channels
        if area.pixels > WORTH * block.whole.pixels:
            block.set_mask(Neighbourhoods.of(ids, channels))
        else:
            seen = F.pad(ids, (2, 2, 2, 2), value=len(channels))  # 'outside' is an id of its own
            seen = seen[:, area.top : area.bottom + 4, area.left : area.right + 4]
            block.set_mask(Neighbourhoods.inside(seen, channels), area)

    # -- images -----------------------------------------------------------------------------------------------------

    def __call__(self, codes: Tensor) -> Tensor:
        """codes `(B, C, D, h, w)` -> images `(B, 3, H, W)` in [-1, 1], equal to `model.decode` to rounding.

        Raises:
            ValueError: no mask yet, or codes of another shape.
        """
        *_, (image, _) = self.progressive(codes, rectangle=False)
        return image

    def progressive(self, codes: Tensor, rectangle: bool = True) -> Iterator[tuple[Tensor, bool]]:
        """The same in up to two steps: yields (image, whether it is complete).

        The first image is exact in the rectangle around the classes that moved and the pixels that were painted, and
        as before elsewhere. It is left out where it would save little. A caller may stop after it.
        """
        with torch.inference_mode():
            self._note(codes)
            areas, channels = self._areas(), self._start()
            wanted = self._wanted() if rectangle else None
            split, rectangles = self._rectangles(wanted, areas)
            channels = self._run(range(split), areas, channels)
            if wanted is not None and split < len(self._blocks):
                self._draw(self._run(range(split, len(self._blocks)), rectangles, channels), wanted)
        if split < len(self._blocks):
            yield self._image(), False
        with torch.inference_mode():
            channels = self._run(range(split, len(self._blocks)), areas, channels)
            if areas[-1] is not None:
                self._draw(channels, areas[-1].grown(1, self.model.config.image_size))
            self._moved, self._painted, self._remodelled = set(), None, [None] * len(self._blocks)
            self._known = None
        yield self._image(), True

    def coarse(self, codes: Tensor) -> Tensor:
        """About what a call would draw, sooner: images `(B, 3, H, W)` in [-1, 1].

        While only codes move, the change alone is coarse: it is added to the last complete image. See `Coarse`.
        Raises as a call does.
        """
        size = self.model.config.image_size
        with torch.inference_mode():
            if self._rough is None:
                self._rough = Coarse(self.model.decoder, self._picture)
            rough = self._rough
            if rough.labels is None and self._ids is not None:
                rough.set_mask(self._ids, self._labels)
            complete = self._codes is not None and not self._moved and not any(self._remodelled)
            if complete and self._known is None and len(self._features) > len(self._blocks):
                self._known = self._image(), rough(self._features[rough.start], size)
            self._note(codes)
            self._run(range(rough.start), self._areas(), self._start())
            image = rough(self._features[rough.start], size)
            return image if self._known is None else changed(*self._known, image)

    def _note(self, codes: Tensor) -> None:
        """Which codes moved since the last complete image."""
        if self._ids is None:
            raise ValueError("the renderer has no mask yet: call set_mask(labels) first")
        expected = (len(self._ids), *self.model.config.code_shape)
        if tuple(codes.shape) != expected:
            raise ValueError(f"codes must be {expected} for these labels, got {tuple(codes.shape)}")
        if self._codes is None:
            self._features, self._moved = [], set(range(expected[1]))
        else:
            self._moved |= set((codes != self._codes).flatten(2).any(2).any(0).nonzero()[:, 0].tolist())
        self._codes = codes.detach().clone()

    def _areas(self) -> list[Area | None]:
        """For each block what must be computed again: everything if codes moved, else what a new mask reaches."""
        if self._moved:
            return [block.whole for block in self._blocks]
        areas: list[Area | None] = []
        changed: Area | None = None
        for block, remodelled in zip(self._blocks, self._remodelled, strict=True):
            if changed is not None and block.doubled:
                changed = changed.doubled()
            changed = remodelled if changed is None else changed.hull(remodelled)
            changed = block.reach(changed)
            areas.append(changed)
        return areas

    def _start(self) -> range:
        """Compute fc again where codes moved; returns which channels that are. All, if the mask changed as well."""
        codes, wide = self._codes, self.model.config.decoder_widths[0]
        assert codes is not None
        if self._moved:
            if isinstance(self._fc, Convolution):
                depth = codes.shape[2]
                moved = self._fc.widened(range(min(self._moved) * depth, (max(self._moved) + 1) * depth))
                values = codes.flatten(1, 2)[:, moved.start : moved.stop].permute(0, 2, 3, 1)
                out, reached = self._fc(F.pad(values, (0, 0, 1, 1, 1, 1)), moved), self._fc.reached(moved)
            else:
                out, reached = self._fc(codes).permute(0, 2, 3, 1), range(wide)
            self._store(0, out, reached, Area.whole(self.model.config.start_size))
            if not any(self._remodelled):
                return reached
        return range(wide)

    def _run(self, numbers: range, areas: Sequence[Area | None], channels: range) -> range:
        """Run these blocks in these areas; returns the channels that changed in the end."""
        for number in numbers:
            block, area = self._blocks[number], areas[number]
            if area is None:  # nothing changed so far: the mask was painted where this block does not look
                channels = range(self.model.config.decoder_widths[number])
            else:
                out, channels = block(self._features[number], channels, area)
                self._store(number + 1, out, channels, area)
        return channels

    def _store(self, number: int, out: Tensor, channels: range, area: Area) -> None:
        if number == len(self._features):
            self._features.append(out)  # the first time
        elif out.shape == self._features[number].shape:
            self._features[number] = out
        else:
            self._features[number][area.place][..., channels.start : channels.stop] = out

    def _draw(self, channels: range, area: Area) -> None:
        """The last convolution, for these changed channels, in this area."""
        size = self.model.config.image_size
        crop = area.grown(1, size)
        out, shown = self._picture(F.leaky_relu(self._features[-1][crop.place], LEAK), channels)
        _, rows, columns = area.within(crop).place
        out = out[..., rows, columns]
        if out.shape[1:] == (3 * self.model.decoder.pictures, *size):
            self._pictures = out
        else:
            _, rows, columns = area.place
            self._pictures[:, shown.start : shown.stop, rows, columns] = out

    def _image(self) -> Tensor:
        if self.model.decoder.pictures > 1:
            return self.model.decoder.fuse(self._pictures, self._labels)
        return self._pictures.clone()

    # -- the rectangle first ----------------------------------------------------------------------------------------

    def _wanted(self) -> Area | None:
        """The pixels to show first: those of the classes that moved, and those that were painted."""
        wanted = self._painted
        for boxes in self._boxes if self.model.config.controllers > 1 else []:
            for top, left, tall, wide in (boxes[c] for c in self._moved):
                if tall:
                    wanted = Area(top, top + tall, left, left + wide).hull(wanted)
        return wanted

    def _rectangles(self, wanted: Area | None, areas: list[Area | None]) -> tuple[int, list[Area | None]]:
        """For the last blocks the rectangle of outputs that the wanted pixels need, where that saves much.

        Returns the number of the first such block, and the rectangles in their places.
        """
        rectangles = list(areas)
        if wanted is None or len(self._features) <= len(self._blocks):  # or there is no image yet to put it in
            return len(self._blocks), rectangles
        needed = wanted.grown(1, self._blocks[-1].size)
        for number in reversed(range(len(self._blocks))):
            block, area = self._blocks[number], areas[number]
            needed = needed.even(block.size)
            if area is None or needed.pixels > WORTH * area.pixels:
                return number + 1, rectangles
            rectangles[number] = needed
            needed = block.crop(needed).halved() if block.doubled else block.crop(needed)
        return 0, rectangles


def _nearest(ids: Tensor, size: tuple[int, int]) -> Tensor:
    """`(B, H, W)` at another size, as the decoder reads its masks."""
    return ids[:, :: ids.shape[1] // size[0], :: ids.shape[2] // size[1]]


def _differ(a: Tensor, b: Tensor) -> Area | None:
    return Area.of(a.ne(b))
