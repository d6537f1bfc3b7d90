"""Every check accepts the solution, knows the stub, and refuses at least three plausible wrong answers with a hint."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from smis.course.exercise import Verdict
from tests.notebooks.exercises import Exercise, exercises
from tools import notebooks as tool

ALL = [found for source in tool.sources() for found in exercises(source)]
FEWEST, MOST, WRONG = 3, 5, 3
WITHOUT = {"00_start_here"}  # an appetiser: no exercises

every_exercise = pytest.mark.parametrize("exercise", ALL, ids=str)


def check_of(exercise: Exercise) -> Callable[[Any], Verdict]:
    check: Callable[[Any], Verdict] = getattr(import_module(f"smis.course.{exercise.module}"), exercise.name)
    return check


def wrong_answers(exercise: Exercise) -> list[Callable[..., Any]]:
    module: ModuleType = import_module(f"tests.notebooks.wrong.{exercise.module}")
    answers: list[Callable[..., Any]] = module.WRONG[exercise.name]
    return answers


def run(code: str, name: str) -> Any:
    """What `code` defines as `name`, in a namespace of its own: a solution must stand alone."""
    space: dict[str, Any] = {"__name__": "solution"}
    exec(compile(code, "solution", "exec"), space)
    return space[name]


@pytest.mark.parametrize("source", tool.sources(), ids=lambda source: source.stem)
def test_number_of_exercises(source: Any) -> None:
    if source.stem not in WITHOUT:
        assert FEWEST <= len(exercises(source)) <= MOST


@every_exercise
def test_it_is_complete(exercise: Exercise) -> None:
    assert exercise.card, "no card: **Difficulty** ●○○ · **Importance** ●●● · **10 minutes**"
    assert exercise.hints >= 2, "two graded hints at least"
    assert "raise NotImplementedError" in exercise.stub
    assert f"def {exercise.name}(" in exercise.stub
    assert "->" in exercise.stub, "a typed stub"


@every_exercise
def test_the_solution_passes(exercise: Exercise) -> None:
    verdict = check_of(exercise)(run(exercise.solution, exercise.name))
    assert verdict.passed is True, repr(verdict)


@every_exercise
def test_the_stub_is_known_as_not_done(exercise: Exercise) -> None:
    def stub(*args: Any, **names: Any) -> None:
        raise NotImplementedError

    assert check_of(exercise)(stub).passed is None


@every_exercise
def test_wrong_answers_are_refused_with_a_hint(exercise: Exercise) -> None:
    answers = wrong_answers(exercise)
    assert len(answers) >= WRONG
    verdicts = [check_of(exercise)(answer) for answer in answers]
    assert [v.passed for v in verdicts] == [False] * len(answers), [repr(v) for v in verdicts]
    assert all(v.hint for v in verdicts)
    crashed = [v for v in verdicts if "it stopped with" in v.text]
    assert len(answers) - len(crashed) >= WRONG, f"a plausible answer runs: {[repr(v) for v in crashed]}"
