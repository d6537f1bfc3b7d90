"""Style morphing, without any screen: between which references, how far, which classes, along which path.

`MorphState` says what was chosen, and its time line how it moves. `morph_render.py` draws it and says it in words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from smis.outside import parse_json, shortened
from smis_widgets.base import Refused
from smis_widgets.morpher.timeline import HIGHEST, LOWEST, Keyframe, TimeLine
from smis_widgets.theme import letter

FORMAT = "smis-morph-1"
STRAIGHT, ARC = "straight", "arc"  # the paths: `morph` and `slerp` of smis.editing
FILMSTRIPS = (5, 9, 13)  # numbers of frames that put 0 and 1 on a frame each


@dataclass(frozen=True)
class MorphState:
    """Morph the chosen classes from reference `a` (amount 0) to `b` (amount 1), on the label map of `mask`.

    `classes` are the names; `present[reference][c]` says whether that reference shows class `c`. `chosen` None: all.
    An amount below 0 or above 1 is an extrapolation. Methods return new states; `Refused` says why not.
    """

    classes: tuple[str, ...]
    present: tuple[tuple[bool, ...], ...]
    a: int = 0
    b: int = 1
    mask: int = 0
    amount: float = 0.0
    chosen: frozenset[int] | None = None
    path: str = STRAIGHT
    steps: int = 9
    time: float = 0.0
    line: TimeLine = field(default_factory=TimeLine)

    def __post_init__(self) -> None:
        if len(self.present) < 2 or {len(row) for row in self.present} != {len(self.classes)}:
            raise ValueError("a morph needs at least two references, and one entry a class for each")
        if self.chosen is None:
            object.__setattr__(self, "chosen", frozenset(range(len(self.classes))))
        for name, number in (("a", self.a), ("b", self.b), ("mask", self.mask)):
            if not 0 <= number < len(self.present):
                raise ValueError(f"references are numbered 0 to {len(self.present) - 1}, got {name} = {number}")
        wrong = [c for c in self.moving if not 0 <= c < len(self.classes)]
        if wrong:
            raise ValueError(f"classes are numbered 0 to {len(self.classes) - 1}, got {wrong}")
        if not (math.isfinite(self.amount) and LOWEST <= self.amount <= HIGHEST):
            raise Refused(f"The amount goes from {LOWEST} to {HIGHEST}, got {self.amount}.")
        if self.path not in (STRAIGHT, ARC):
            raise ValueError(f"a path is {STRAIGHT!r} or {ARC!r}, got {self.path!r}")
        if self.steps not in FILMSTRIPS:
            raise ValueError(f"a filmstrip has one of {FILMSTRIPS} frames, got {self.steps}")
        if not math.isfinite(self.time) or self.time != self.line.on_frame(self.time):
            raise ValueError(f"{self.time} s is no frame of a film of {self.line.length:g} s")

    # --- what to morph ---------------------------------------------------------------------------------------
    def between(self, a: int | None = None, b: int | None = None) -> MorphState:
        """From another reference, or to another one."""
        return replace(self, a=self.a if a is None else a, b=self.b if b is None else b)

    def swapped(self) -> MorphState:
        """The way back: `a` and `b` change places, and the amount turns round, so that the picture stays.

        Classes that are not chosen keep the code of `a`, so with few classes the rest changes.
        """
        return replace(self, a=self.b, b=self.a, amount=round(1 - self.amount, 3))

    def with_mask(self, mask: int) -> MorphState:
        """The shapes come from another reference; the styles stay."""
        return replace(self, mask=mask)

    def choose(self, classes: Iterable[int]) -> MorphState:
        """These classes move, the others keep the code of `a`."""
        return replace(self, chosen=frozenset(classes))

    def toggle(self, c: int, on: bool) -> MorphState:
        """Class `c` moves, or no longer."""
        return self.choose(self.moving | {c} if on else self.moving - {c})

    def along(self, path: str) -> MorphState:
        """On the straight line, or on the arc."""
        return replace(self, path=path)

    def to(self, amount: float) -> MorphState:
        """Go to an amount, rounded to the thousandth."""
        return replace(self, amount=round(float(amount), 3))

    def filmstrip(self, steps: int) -> MorphState:
        """Show another number of frames."""
        return replace(self, steps=steps)

    def reset(self) -> MorphState:
        """From the first reference to the second, all classes, the plain time line."""
        return MorphState(self.classes, self.present)

    # --- the film ----------------------------------------------------------------------------------------------
    def seek(self, time: float) -> MorphState:
        """Go to the frame nearest to a time; the amount follows the time line."""
        time = self.line.on_frame(time)
        return replace(self, time=time, amount=self.line.amount(time))

    def add_key(self) -> MorphState:
        """Keep the amount of now at the time of now."""
        return replace(self, line=self.line.with_key(self.time, self.amount))

    def remove_key(self) -> MorphState:
        """Remove the keyframe at the time of now."""
        return replace(self, line=self.line.without(self.time)).seek(self.time)

    def lasting(self, length: float) -> MorphState:
        """Another length of the film; the keyframes stay."""
        line = self.line.lasting(length)
        return replace(self, line=line, time=line.on_frame(self.time))

    def film(self) -> list[MorphState]:
        """The states of all frames of the film, in order."""
        return [self.seek(frame / (self.line.frames - 1) * self.line.length) for frame in range(self.line.frames)]

    # --- what follows from it ------------------------------------------------------------------------------------
    @property
    def moving(self) -> frozenset[int]:
        """The chosen classes, never None."""
        assert self.chosen is not None
        return self.chosen

    @property
    def all_chosen(self) -> bool:
        return len(self.moving) == len(self.classes)

    def amounts(self) -> list[float]:
        """The amounts of the filmstrip's frames, from before `a` to beyond `b`."""
        return [LOWEST + (HIGHEST - LOWEST) * k / (self.steps - 1) for k in range(self.steps)]

    def ends(self, c: int) -> tuple[int, int]:
        """Whose code class `c` has at 0 and at 1: `a` and `b`; where one lacks the class the other's at both ends;
        where both do, that of the reference whose shapes are shown."""
        has_a, has_b = self.present[self.a][c], self.present[self.b][c]
        if has_a and has_b:
            return self.a, self.b
        return ((self.a, self.a) if has_a else (self.b, self.b)) if has_a or has_b else (self.mask, self.mask)

    def place(self) -> str:
        """Where the amount lies, in words: 'before A', 'A', 'between A and B', 'B', 'beyond B'."""
        a, b = letter(self.a), letter(self.b)
        if self.amount in (0, 1):
            return b if self.amount else a
        return f"before {a}" if self.amount < 0 else f"beyond {b}" if self.amount > 1 else f"between {a} and {b}"

    @property
    def extrapolated(self) -> bool:
        return not 0 <= self.amount <= 1

    # --- a session as a file --------------------------------------------------------------------------------------
    def to_json(self) -> str:
        """All choices as JSON, classes by name: a session that can be opened again."""
        record = {
            "format": FORMAT,
            "classes": list(self.classes),
            "references": len(self.present),
            "a": self.a,
            "b": self.b,
            "mask": self.mask,
            "amount": self.amount,
            "chosen": [self.classes[c] for c in sorted(self.moving)],
            "path": self.path,
            "steps": self.steps,
            "time": self.time,
            "length": self.line.length,
            "keyframes": [[key.time, key.amount] for key in self.line.keys],
        }
        return json.dumps(record, indent=1)

    def from_json(self, text: str) -> MorphState:
        """The state that `to_json` wrote, for the same classes and as many references; `Refused` otherwise."""
        try:
            record: dict[str, Any] = parse_json(text)
            if not isinstance(record, dict) or record.get("format") != FORMAT:
                raise Refused(f"This is no morph session: a file of format {FORMAT} is needed.")
            if record["classes"] != list(self.classes) or record["references"] != len(self.present):
                raise Refused(
                    f"The session was saved with {shortened(record['references'])} references and the classes "
                    f"{shortened(', '.join(map(str, record['classes'])))}; here are {len(self.present)} with "
                    f"{', '.join(self.classes)}. Open it beside the same network and gallery."
                )
            keys = tuple(Keyframe(float(time), float(amount)) for time, amount in record["keyframes"])
            return replace(
                self,
                a=int(record["a"]),
                b=int(record["b"]),
                mask=int(record["mask"]),
                steps=int(record["steps"]),
                amount=float(record["amount"]),
                chosen=frozenset(self.classes.index(name) for name in record["chosen"]),
                path=str(record["path"]),
                time=float(record["time"]),
                line=TimeLine(keys, float(record["length"])),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            if isinstance(error, Refused):
                raise
            raise Refused(f"This session cannot be read: {type(error).__name__}: {shortened(error)}.") from error
