"""Verdicts: right, wrong with a hint, not done, stopped; `same` and `agree` name what is off."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from smis.course import agree
from smis.course.exercise import Verdict, Wrong, exercise, expect, same


@exercise
def double(answer: Any) -> str:
    """Twice a number."""
    same(answer(3), 6, "double(3)", "Twice 3 is 3 + 3.")
    return "A shift by one bit."


def stub(n: int) -> int:
    raise NotImplementedError("your turn")


def test_verdicts() -> None:
    right, wrong, not_done, stopped = double(lambda n: n + n), double(lambda n: n), double(stub), double(lambda: 6)
    assert (right.passed, wrong.passed, not_done.passed, stopped.passed) == (True, False, None, False)
    assert [bool(v) for v in (right, wrong, not_done, stopped)] == [True, False, False, False]
    assert repr(right) == "✓ double: right. A shift by one bit."
    assert repr(wrong) == "✗ double: double(3) is 3, expected 6.\n  Hint: Twice 3 is 3 + 3."
    assert repr(not_done).startswith("○ double: not done yet.")
    assert "it stopped with TypeError" in stopped.text
    assert stopped.hint


def test_html_is_escaped_and_says_the_same() -> None:
    text = Verdict("f", False, "1 < 2", "<b>")._repr_html_()
    assert "1 &lt; 2" in text
    assert "Hint: &lt;b&gt;" in text


def test_a_check_leaves_the_random_numbers_alone() -> None:
    @exercise
    def draws(answer: Any) -> str:
        torch.manual_seed(5)
        torch.rand(3)
        return ""

    torch.manual_seed(1)
    wanted = torch.rand(2)
    torch.manual_seed(1)
    draws(None)
    assert torch.equal(torch.rand(2), wanted)


@pytest.mark.parametrize(
    ("got", "wanted", "says"),
    [
        (torch.zeros(2, 3), torch.zeros(3, 2), "shape (2, 3), expected (3, 2)"),
        (torch.tensor([0.0, 1.0]), torch.tensor([0.0, 1.5]), "up to 0.5 off"),
        (torch.tensor([float("nan")]), torch.zeros(1), "up to nan off"),
        (3.0, torch.zeros(1), "is a float, expected a tensor"),
        ("3", 3, "is a str, expected a number"),
        (float("nan"), 3.0, "is nan, expected 3.0"),
        ((1, 2), (2, 1), "is (1, 2), expected (2, 1)"),
        (1, True, None),  # equal in Python
        (False, True, "is False, expected True"),
    ],
)
def test_same(got: Any, wanted: Any, says: str | None) -> None:
    if says is None:
        same(got, wanted, "it", "hint")
        return
    with pytest.raises(Wrong) as caught:
        same(got, wanted, "it", "look here")
    assert says in str(caught.value)
    assert caught.value.hint == "look here"


def test_same_accepts_rounding_and_one_number_in_a_tensor() -> None:
    same(torch.tensor(0.1 + 0.2), 0.3, "it", "hint")
    same(torch.full((2,), 1 + 1e-7), torch.ones(2), "it", "hint")
    expect(True, "nothing", "hint")


def test_agree(capsys: pytest.CaptureFixture[str]) -> None:
    agree(torch.zeros(2), torch.full((2,), 1e-7))
    assert capsys.readouterr().out == "by hand and library agree: max difference 1.0e-07\n"
    with pytest.raises(AssertionError, match="differ by up to 1"):
        agree(torch.zeros(2), torch.full((2,), 0.1))
    with pytest.raises(AssertionError, match="nan"):
        agree(torch.zeros(2), torch.full((2,), float("nan")))
    with pytest.raises(AssertionError, match=r"shapes differ: \(2,\) and \(1,\)"):
        agree(torch.zeros(2), torch.zeros(1))
