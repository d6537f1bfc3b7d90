"""The tables of tests/README.md are written by the commands they name, also when a part of a command is run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import section

TEXT = """before
<!-- tried:begin -->
| tried | on | outcome |
|---|---|---|
| a | x | old |
| a | y | old |
<!-- tried:end -->
after
"""
HEAD = ["| tried | on | outcome |", "|---|---|---|"]


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    file = tmp_path / "README.md"
    file.write_text(TEXT, encoding="utf-8")
    return file


def test_a_whole_run_replaces_the_table(readme: Path) -> None:
    section.write("tried", [*HEAD, "| b | x | new \\1 |"], readme)
    assert readme.read_text(encoding="utf-8") == (
        "before\n<!-- tried:begin -->\n| tried | on | outcome |\n|---|---|---|\n| b | x | new \\1 |\n"
        "<!-- tried:end -->\nafter\n"
    )


def test_a_part_replaces_its_rows_and_adds_new_ones(readme: Path) -> None:
    section.update("tried", [*HEAD, "| a | y | new |", "| b | x | new |"], 2, readme)
    lines = readme.read_text(encoding="utf-8").splitlines()
    assert lines[4:7] == ["| a | x | old |", "| a | y | new |", "| b | x | new |"]
    assert lines[:2] + lines[7:] == ["before", "<!-- tried:begin -->", "<!-- tried:end -->", "after"]


@pytest.mark.parametrize(
    ("name", "head", "says"),
    [("other", HEAD, "has no section 'other'"), ("tried", ["| tried |", "|---|"], "has other columns")],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    readme: Path, name: str, head: list[str], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        section.update(name, [*head, "| a | x | new |"], 2, readme)
    assert readme.read_text(encoding="utf-8") == TEXT
