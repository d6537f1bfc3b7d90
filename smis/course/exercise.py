"""Exercises that check themselves: a check looks at an answer and gives a verdict with a hint, never a traceback.

@exercise
def double(answer):
    same(answer(3), 6, "double(3)", "Twice 3 is 3 + 3.")
    return "Doubling is a shift by one bit."

double(lambda n: n * n)  ->  x double: double(3) is 9, expected 6.
                             Hint: Twice 3 is 3 + 3.
"""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

__all__ = ["Verdict", "Wrong", "agree", "exercise", "expect", "same"]

COLOURS = {True: "rgb(60 150 80)", False: "rgb(200 40 40)", None: "rgb(128 128 128)"}
MARKS = {True: "✓", False: "✗", None: "○"}


class Wrong(AssertionError):
    """An answer that is not right yet: what came out, and a hint that does not give the solution away."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint = hint


@dataclass(frozen=True)
class Verdict:
    """What a check says. True when right, False when wrong, None when nothing has been written yet."""

    name: str
    passed: bool | None
    text: str
    hint: str = ""

    def __bool__(self) -> bool:
        return self.passed is True

    def __repr__(self) -> str:
        hint = f"\n  Hint: {self.hint}" if self.hint else ""
        return f"{MARKS[self.passed]} {self.name}: {self.text}{hint}"

    def _repr_html_(self) -> str:
        hint = f"<br><i>Hint: {html.escape(self.hint)}</i>" if self.hint else ""
        line = f"<b>{MARKS[self.passed]} {html.escape(self.name)}</b>: {html.escape(self.text)}{hint}"
        return f'<div style="border-left: 4px solid {COLOURS[self.passed]}; padding: 4px 10px">{line}</div>'


def exercise(check: Callable[[Any], str]) -> Callable[[Any], Verdict]:
    """Make a check of a function that looks at an answer, raises `Wrong`, and returns what to add when it is right.

    >>> @exercise
    ... def double(answer):
    ...     same(answer(3), 6, "double(3)", "Twice 3 is 3 + 3.")
    ...     return "Doubling is a shift by one bit."
    >>> double(lambda n: n * n)
    ✗ double: double(3) is 9, expected 6.
      Hint: Twice 3 is 3 + 3.
    >>> double(lambda n: 2 * n)
    ✓ double: right. Doubling is a shift by one bit.
    """

    @functools.wraps(check)
    def verdict(answer: Any) -> Verdict:
        name = check.__name__
        state = torch.get_rng_state()  # a check may draw numbers: the notebook's own go on as if it had not
        try:
            return Verdict(name, True, f"right. {check(answer)}")
        except NotImplementedError:
            return Verdict(name, None, "not done yet. Replace the line that raises NotImplementedError, run again.")
        except Wrong as wrong:
            return Verdict(name, False, str(wrong), wrong.hint)
        except Exception as error:
            hint = "Call your function by hand with a small input and look at each step."
            return Verdict(name, False, f"it stopped with {type(error).__name__}: {error}", hint)
        finally:
            torch.set_rng_state(state)

    return verdict


def expect(condition: bool, what: str, hint: str) -> None:
    """Raise `Wrong` unless the condition holds."""
    if not condition:
        raise Wrong(what, hint)


def same(got: Any, wanted: Any, what: str, hint: str, tolerance: float = 1e-5) -> None:
    """Raise `Wrong` unless an answer equals what is wanted: numbers and tensors within a tolerance, else exactly.

    The message names what came out and what was expected: for tensors first their shapes.
    """
    if isinstance(wanted, Tensor):
        expect(isinstance(got, Tensor), f"{what} is a {type(got).__name__}, expected a tensor.", hint)
        shapes = f"{what} has shape {tuple(got.shape)}, expected {tuple(wanted.shape)}."
        expect(got.shape == wanted.shape, shapes, hint)
        off = (got.double() - wanted.double()).abs().max().item() if wanted.numel() else 0.0
        expect(off <= tolerance, f"{what} has the right shape and wrong values: up to {off:.2g} off.", hint)
    elif isinstance(wanted, (int, float)) and not isinstance(wanted, bool):
        number = got.item() if isinstance(got, Tensor) and got.numel() == 1 else got
        expect(isinstance(number, (int, float)), f"{what} is a {type(got).__name__}, expected a number.", hint)
        expect(abs(number - wanted) <= tolerance * max(1, abs(wanted)), f"{what} is {number}, expected {wanted}.", hint)
    else:
        expect(bool(got == wanted), f"{what} is {got!r}, expected {wanted!r}.", hint)


def agree(by_hand: Tensor, library: Tensor, tolerance: float = 1e-5) -> None:
    """Assert that two tensors are equal within a tolerance, and print by how much they differ at most.

    Raises AssertionError that names shapes or the difference.

    >>> agree(torch.zeros(2), torch.zeros(2))
    by hand and library agree: max difference 0.0e+00
    """
    assert by_hand.shape == library.shape, f"shapes differ: {tuple(by_hand.shape)} and {tuple(library.shape)}"
    off = (by_hand - library).abs().max().item()
    assert off <= tolerance, f"by hand and library differ by up to {off:.1e}, allowed are {tolerance:.0e}"
    print(f"by hand and library agree: max difference {off:.1e}")
