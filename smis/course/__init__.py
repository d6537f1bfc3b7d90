"""What the notebooks share: exercises that check themselves, one module of checks a notebook."""

from smis.course.exercise import Verdict, agree

__all__ = ["Verdict", "agree"]
