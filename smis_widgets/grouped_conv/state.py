"""A grouped convolution without any screen: which unit sees which, what it costs, and which settings fit together.

Channels, units and groups are numbered from 0, as in PyTorch. A unit stands for one channel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from smis_widgets.base import Refused

Side = Literal["input", "output"]
Unit = tuple[Side, int]

SIDES: tuple[Side, Side] = ("input", "output")

MOST = 32  # channels, and groups
KERNELS = (1, 3, 5, 7)
MAP = (64, 64)  # height and width of the map on which multiply-adds are counted and time is measured


@dataclass(frozen=True)
class Layer:
    """The settings of one `nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, groups=groups)`.

    Settings that PyTorch would refuse are allowed: `complaint` says what is wrong with them.
    Raises ValueError for settings outside the explorer's range.
    """

    channels_in: int = 8
    channels_out: int = 8
    groups: int = 4
    kernel: int = 3

    def __post_init__(self) -> None:
        for name in ("channels_in", "channels_out", "groups"):
            value = getattr(self, name)
            if not isinstance(value, int) or not 1 <= value <= MOST:
                raise ValueError(f"{name} must be an integer from 1 to {MOST}, got {value!r}")
        if self.kernel not in KERNELS:
            raise ValueError(f"kernel must be one of {listed(KERNELS, 'or')}, got {self.kernel!r}")

    @property
    def dense(self) -> Layer:
        """The ordinary convolution of the same channels: one group."""
        return replace(self, groups=1)

    @property
    def choices(self) -> list[int]:
        """The group numbers that divide both channel numbers."""
        both = math.gcd(self.channels_in, self.channels_out)
        return [groups for groups in range(1, both + 1) if both % groups == 0]

    @property
    def complaint(self) -> str | None:
        """Why PyTorch would refuse these settings, and what would do; None when they are valid."""
        wrong = [
            f"{number} {side} channels"
            for side, number in (("input", self.channels_in), ("output", self.channels_out))
            if number % self.groups
        ]
        if not wrong:
            return None
        what = " and ".join(wrong)
        if self.channels_in == self.channels_out:
            what = f"{self.channels_in} channel{'s' if self.channels_in > 1 else ''}"
        elif len(self.choices) == 1:
            return (
                f"{what} in {self.groups} groups: only 1 group divides {self.channels_in} and {self.channels_out}. "
                "Change a channel number, or choose 1"
            )
        return f"{what} in {self.groups} groups: choose {listed(self.choices, 'or')}"

    # --- who sees whom -----------------------------------------------------------------------------------------
    def width(self, side: Side) -> int:
        """How many units a side has."""
        return self.channels_in if side == "input" else self.channels_out

    def group(self, unit: Unit) -> int | None:
        """The group of a unit; None for one that is left over because the channels do not divide."""
        side, number = unit
        size = self.width(side) // self.groups
        return number // size if size and number < size * self.groups else None

    def sees(self, output: int, source: int) -> bool:
        """Whether an output unit sees an input unit: they must be in one group, of a valid layer."""
        return self.complaint is None and self.group(("output", output)) == self.group(("input", source))

    def linked(self, unit: Unit) -> list[int]:
        """What an output unit sees, or whom an input unit reaches: unit numbers of the other side."""
        side, number = unit
        if side == "output":
            return [i for i in range(self.channels_in) if self.sees(number, i)]
        return [o for o in range(self.channels_out) if self.sees(o, number)]

    # --- what it costs -----------------------------------------------------------------------------------------
    @property
    def weights(self) -> int:
        """C_out * (C_in / G) * k * k. ValueError when the settings are invalid."""
        if self.complaint is not None:
            raise ValueError(f"there is no such layer: {self.complaint}")
        return self.channels_out * (self.channels_in // self.groups) * self.kernel**2

    @property
    def parameters(self) -> int:
        """Weights and one bias an output channel. The biases do not fall with the groups."""
        return self.weights + self.channels_out

    @property
    def multiply_adds(self) -> int:
        """One for each weight and each place of a map of the size `MAP`; biases are not counted."""
        return self.weights * MAP[0] * MAP[1]


@dataclass(frozen=True)
class ConvState:
    """The layer, the unit that is looked at, and the layer at the start. Methods return new states."""

    layer: Layer
    chosen: Unit | None = None
    start: Layer = Layer()

    def with_settings(self, **settings: int) -> ConvState:
        """Other settings. A chosen unit that is no longer there is let go."""
        try:
            layer = replace(self.layer, **settings)
        except ValueError as error:
            raise Refused(str(error)) from error
        keep = self.chosen is not None and self.chosen[1] < layer.width(self.chosen[0])
        return replace(self, layer=layer, chosen=self.chosen if keep else None)

    def look(self, unit: Unit | None) -> ConvState:
        """Look at one unit, or at all."""
        if unit is None:
            return replace(self, chosen=None)
        side, number = unit
        if side not in ("input", "output"):
            raise Refused(f"A unit is an 'input' or an 'output', got {side!r}.")
        width = self.layer.width(side)
        if not 0 <= number < width:
            raise Refused(f"The {side} units are numbered 0 to {width - 1}, got {number}.")
        return replace(self, chosen=unit)

    def reset(self) -> ConvState:
        """The layer of the start, no unit chosen."""
        return ConvState(self.start, None, self.start)

    # --- units in one row: 0 is none, then all inputs, then all outputs -----------------------------------------
    @property
    def place(self) -> int:
        """The chosen unit as one number, for a slider."""
        if self.chosen is None:
            return 0
        side, number = self.chosen
        return 1 + number + (self.layer.channels_in if side == "output" else 0)

    def at(self, place: int) -> ConvState:
        """The inverse of `place`."""
        if place == 0:
            return self.look(None)
        inputs = self.layer.channels_in
        return self.look(("input", place - 1) if place <= inputs else ("output", place - 1 - inputs))


def listed(numbers: list[int] | tuple[int, ...], word: str) -> str:
    """[1, 2, 4] -> '1, 2 or 4'; a long run is shortened: '0 to 7'."""
    if len(numbers) > 3 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} to {numbers[-1]}"
    *most, last = (str(number) for number in numbers)
    return f"{', '.join(most)} {word} {last}" if most else last


def describe(state: ConvState) -> list[str]:
    """The picture in words. No time is in it: words are compared, times are not."""
    layer = state.layer
    if layer.complaint is not None:
        return [f"No such layer. {layer.complaint}."]
    inside, outside = layer.channels_in // layer.groups, layer.channels_out // layer.groups
    plural = "s" if layer.groups > 1 else ""
    share = f"1 in {layer.groups}" if layer.groups > 1 else "all"
    lines = [
        f"{layer.groups} group{plural} of {inside} input and {outside} output channel{'s' if outside > 1 else ''}: "
        f"{layer.weights:,} of {layer.dense.weights:,} weights are there ({share}), the rest of the matrix is empty."
        if layer.groups > 1
        else f"1 group: every output channel sees every input channel, through {layer.weights:,} weights."
    ]
    if state.chosen is not None:
        side, number = state.chosen
        links = layer.linked(state.chosen)
        other, deed = ("input", "sees") if side == "output" else ("output", "reaches")
        total, plural = layer.width("input" if side == "output" else "output"), "s" if len(links) > 1 else ""
        lines.append(
            f"{side.capitalize()} {number} (group {layer.group(state.chosen)}) {deed} {other}{plural} "
            f"{listed(links, 'and')}: {len(links)} of {total}."
        )
    return lines
