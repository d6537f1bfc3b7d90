"""What is looked at in the decoder: scene, block, CG-Norm, channel, pixel, and the classes that are switched off."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smis_widgets.base import Refused

NORMS = {"norm_0": "first", "norm_1": "second", "norm_s": "shortcut"}  # as in `CGBlock`, and in words


@dataclass(frozen=True)
class Block:
    """The facts of one CG-Block. `channels` of each of its CG-Norms, `size` (h, w) of its maps.

    `groups` of the convolutions that make gamma and beta; `hears[g]` are the classes whose mask reaches group `g`.
    """

    number: int
    size: tuple[int, int]
    groups: int
    channels: dict[str, int]
    hears: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class CGNormState:
    """What was chosen. Methods return new states; `Refused` says why not.

    `pixel` is (x, y) on the block's maps. With `mean` everything shown is a mean over the channels of the group that
    `channel` belongs to. The mask channels of the classes in `off` are set to zero before gamma and beta are made.
    """

    blocks: tuple[Block, ...]
    classes: tuple[str, ...]
    scenes: int
    scene: int = 0
    block: int = -1
    norm: str = "norm_0"
    channel: int = 0
    mean: bool = False
    off: frozenset[int] = frozenset()
    pixel: tuple[int, int] = (-1, -1)

    def __post_init__(self) -> None:
        if self.block < 0:  # the first block whose maps show something
            large = [block.number for block in self.blocks if block.size[0] >= 32]
            object.__setattr__(self, "block", (large or [len(self.blocks) - 1])[0])
        if self.pixel == (-1, -1):
            object.__setattr__(self, "pixel", (self.here.size[1] // 2, self.here.size[0] // 2))

    @property
    def here(self) -> Block:
        """The chosen block."""
        return self.blocks[self.block]

    @property
    def channels(self) -> int:
        """Channels of the chosen CG-Norm."""
        return self.here.channels[self.norm]

    @property
    def group(self) -> int:
        """The group that the chosen channel belongs to."""
        return self.channel // (self.channels // self.here.groups)

    @property
    def shown(self) -> range:
        """The channels that are shown: the chosen one, or all of its group."""
        if not self.mean:
            return range(self.channel, self.channel + 1)
        each = self.channels // self.here.groups
        return range(self.group * each, (self.group + 1) * each)

    @property
    def hears(self) -> tuple[int, ...]:
        """The classes that the shown channels hear of."""
        return self.here.hears[self.group]

    def with_scene(self, scene: int) -> CGNormState:
        """Another scene of the gallery."""
        if not 0 <= scene < self.scenes:
            raise Refused(f"Scenes are numbered 0 to {self.scenes - 1}, got {scene}.")
        return replace(self, scene=scene)

    def with_block(self, block: int) -> CGNormState:
        """Another block: the pixel stays where it is in the picture, the channel where it is among the channels."""
        if not 0 <= block < len(self.blocks):
            raise Refused(f"Blocks are numbered 0 to {len(self.blocks) - 1}, got {block}.")
        new = self.blocks[block]
        (x, y), (height, width) = self.pixel, self.here.size
        pixel = ((2 * x + 1) * new.size[1] // (2 * width), (2 * y + 1) * new.size[0] // (2 * height))
        norm = self.norm if self.norm in new.channels else "norm_0"
        channel = self.channel * new.channels[norm] // self.channels
        return replace(self, block=block, norm=norm, channel=channel, pixel=pixel)

    def with_norm(self, norm: str) -> CGNormState:
        """Another CG-Norm of the block: 'norm_0', 'norm_1', or 'norm_s' of a block whose width changes."""
        if norm not in self.here.channels:
            raise Refused(f"Block {self.block} has {', '.join(self.here.channels)}, got {norm!r}.")
        return replace(self, norm=norm, channel=self.channel * self.here.channels[norm] // self.channels)

    def with_channel(self, channel: int) -> CGNormState:
        """Another channel."""
        if not 0 <= channel < self.channels:
            raise Refused(f"The channels here are numbered 0 to {self.channels - 1}, got {channel}.")
        return replace(self, channel=channel)

    def averaged(self, mean: bool) -> CGNormState:
        """Show the mean over the channel's group, or the channel alone."""
        return replace(self, mean=mean)

    def switch(self, c: int, on: bool) -> CGNormState:
        """Switch a class off, or on again."""
        return replace(self, off=self.off - {c} if on else self.off | {c})

    def at(self, x: int | None = None, y: int | None = None) -> CGNormState:
        """Another pixel of the maps; None keeps a coordinate."""
        new = (self.pixel[0] if x is None else x, self.pixel[1] if y is None else y)
        height, width = self.here.size
        if not (0 <= new[0] < width and 0 <= new[1] < height):
            raise Refused(f"The maps of block {self.block} are {width} wide and {height} high: no pixel {new}.")
        return replace(self, pixel=new)

    def reset(self) -> CGNormState:
        """As at the start."""
        return CGNormState(self.blocks, self.classes, self.scenes)
