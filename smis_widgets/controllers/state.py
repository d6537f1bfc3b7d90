"""The controllers' state: for each class where its code comes from and how it is steered. Pure.

    z_c = mean_c + t_c * (base_c - mean_c) + sum_k a_ck * sd_ck * axis_ck

`base_c` is the scene's own code or a draw, t the truncation, a the sliders in standard deviations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from smis_widgets.base import Refused

AXES = 4  # sliders a class
FAR = 3.0  # standard deviations to either side
SEEDS = 9999


@dataclass(frozen=True)
class Choice:
    """How the code of one class is made. `seed` None is the scene's own code."""

    seed: int | None = None
    axes: tuple[float, ...] = (0.0,) * AXES
    truncation: float = 1.0


@dataclass(frozen=True)
class ControlState:
    """What was chosen. `classes` are the names; `present[scene][c]` says whether the scene shows class `c`.

    `before` are the choices that the picture is compared with. Locked classes keep theirs. Methods return new states;
    `Refused` says why not.
    """

    classes: tuple[str, ...]
    present: tuple[tuple[bool, ...], ...]
    scene: int = 0
    chosen: int = 0
    choices: tuple[Choice, ...] = ()
    before: tuple[Choice, ...] = ()
    locked: frozenset[int] = frozenset()
    fresh: int = 1  # the seed that 'Another' takes next
    first: int = 0  # the class of the start

    def __post_init__(self) -> None:
        if not self.choices:
            object.__setattr__(self, "choices", (Choice(),) * len(self.classes))
        if not self.before:
            object.__setattr__(self, "before", self.choices)

    def look_at(self, scene: int) -> ControlState:
        """Another scene: its shapes, and its own codes where nothing was drawn. Compared from here on."""
        if not 0 <= scene < len(self.present):
            raise ValueError(f"scenes are numbered 0 to {len(self.present) - 1}, got {scene}")
        return self if scene == self.scene else replace(self, scene=scene).compare()

    def choose(self, c: int) -> ControlState:
        """The class that the sliders steer. Compared from here on."""
        self._check(c)
        return self if c == self.chosen else replace(self, chosen=c).compare()

    def compare(self) -> ControlState:
        """The picture of now is the one before, for what comes."""
        return replace(self, before=self.choices)

    def draw(self, c: int, seed: int | None = None) -> ControlState:
        """Class `c` takes the code that belongs to a seed; without one, the next that was not used yet."""
        number = self.fresh if seed is None else int(seed)
        if not 0 <= number <= SEEDS:
            raise Refused(f"A seed is a number from 0 to {SEEDS}, not {number}.")
        state = self._changed(c, seed=number)
        return replace(state, fresh=max(self.fresh, number + 1) if number < SEEDS else 0)

    def draw_all(self) -> ControlState:
        """Every class that is not locked takes the code of the next seed."""
        free = [c for c in range(len(self.classes)) if c not in self.locked]
        if not free:
            raise Refused("All classes are locked: open a lock first.")
        state, seed = self, self.fresh
        for c in free:
            state = state.draw(c, seed)
        return state

    def own(self, c: int) -> ControlState:
        """Class `c` takes the scene's own code again."""
        return self._changed(c, seed=None)

    def steer(self, c: int, axis: int, amount: float) -> ControlState:
        """Go `amount` standard deviations along axis 0, 1, ... of class `c`."""
        if not 0 <= axis < AXES:
            raise Refused(f"The axes are numbered 1 to {AXES}, not {axis + 1}.")
        if not -FAR <= amount <= FAR:
            raise Refused(f"An axis goes from −{FAR:g} to {FAR:g} standard deviations, not to {amount:g}.")
        self._check(c)
        axes = list(self.choices[c].axes)
        axes[axis] = float(amount)
        return self._changed(c, axes=tuple(axes))

    def truncate(self, c: int, amount: float) -> ControlState:
        """0 is the mean code of class `c`, 1 the code as it is."""
        if not 0 <= amount <= 1:
            raise Refused(f"Truncation goes from 0 to 1, not to {amount:g}.")
        return self._changed(c, truncation=float(amount))

    def lock(self, c: int, locked: bool = True) -> ControlState:
        """Keep class `c` as it is, or let it go again."""
        self._check(c)
        return replace(self, locked=self.locked | {c} if locked else self.locked - {c})

    def plain(self, c: int) -> ControlState:
        """Class `c` as the scene has it."""
        return self._changed(c, seed=None, axes=(0.0,) * AXES, truncation=1.0)

    def reset(self) -> ControlState:
        """The first scene as it is, nothing locked."""
        return ControlState(self.classes, self.present, chosen=self.first, first=self.first)

    def moved(self) -> list[int]:
        """The classes whose code is not that of the picture before."""
        return [c for c in range(len(self.classes)) if self.choices[c] != self.before[c]]

    def _changed(self, c: int, **values: object) -> ControlState:
        self._check(c)
        if c in self.locked:
            raise Refused(f"{self.classes[c].capitalize()} is locked. The lock beside its seed opens it.")
        choice = replace(self.choices[c], **values)  # type: ignore[arg-type]
        return replace(self, choices=(*self.choices[:c], choice, *self.choices[c + 1 :]))

    def _check(self, c: int) -> None:
        if not 0 <= c < len(self.classes):
            raise ValueError(f"classes are numbered 0 to {len(self.classes) - 1}, got {c}")
