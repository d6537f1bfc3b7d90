"""The committed notebooks: they agree with their text, are compared cell by cell, and can be read by everybody."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

import smis_widgets
from smis_widgets.base import Panel
from tests.markdown import anchors, broken_links, pictures_without_alt
from tools import notebooks as tool

GLOSSARY = tool.NOTEBOOKS / "glossary.md"
NOTEBOOKS = sorted(tool.NOTEBOOKS.glob("*.ipynb"))
LONGEST_CELL = 30  # lines
QUESTIONS = range(5, 9)  # recall questions at the end
APPETISER = {"00_start_here"}  # an appetiser: fewer questions
LEAST_COMPARED = 0.85  # of the code cells
NOT_COMPARED = {"NBVAL_IGNORE_OUTPUT", "NBVAL_SKIP", "nbval-ignore-output", "nbval-skip"}
NOT_COMPARABLE = {"image/png", "image/jpeg", tool.WIDGET_VIEW}  # nbval skips these

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def is_compared(cell: NotebookNode) -> bool:
    """Whether strict nbval would notice if this code cell gave something else."""
    marks = {line.lstrip("# ").strip() for line in cell.source.splitlines() if line.startswith("#")}
    if cell.execution_count is None or NOT_COMPARED & (marks | set(cell.metadata.get("tags", []))):
        return False
    return all("data" not in output or set(output.data) - NOT_COMPARABLE for output in cell.outputs)


def code(source: str, *outputs: NotebookNode, count: int | None = 1, tags: tuple[str, ...] = ()) -> NotebookNode:
    return nbformat.v4.new_code_cell(
        source, outputs=list(outputs), execution_count=count, metadata={"tags": list(tags)}
    )


def test_there_are_notebooks() -> None:
    assert "00_start_here" in {path.stem for path in NOTEBOOKS}


def test_every_notebook_agrees_with_its_text() -> None:
    assert tool.disagreements() == []


@every_notebook
def test_enough_is_compared(path: Path) -> None:
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    compared = [cell for cell in cells if is_compared(cell)]
    assert len(compared) >= LEAST_COMPARED * len(cells), f"only {len(compared)} of {len(cells)} are compared"
    assert any(cell.outputs for cell in compared), "no compared cell has an output at all"


@every_notebook
def test_it_was_run_from_top_to_bottom_without_error(path: Path) -> None:
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        expected = "raises-exception" in cell.metadata.get("tags", [])
        assert any(output.output_type == "error" for output in cell.outputs) == expected
        assert not any(output.get("name") == "stderr" for output in cell.outputs), "a warning is on show"


@every_notebook
def test_no_cell_is_long(path: Path) -> None:
    long = {cell.id: len(cell.source.splitlines()) for cell in read(path).cells if cell.cell_type == "code"}
    assert {cell: lines for cell, lines in long.items() if lines > LONGEST_CELL} == {}


@every_notebook
def test_pictures_and_links(path: Path) -> None:
    text = "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    assert pictures_without_alt(text) == []
    assert broken_links(text, path.parent) == []


@every_notebook
def test_it_starts_with_its_title(path: Path) -> None:
    first = read(path).cells[0]
    assert first.cell_type == "markdown"
    assert first.source.startswith("# ")


@every_notebook
def test_it_has_the_parts_of_a_lesson(path: Path) -> None:
    first, *rest = (cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    missing = [part for part in ("**You will be able to**", "**You need**", "**Time**") if part not in first]
    assert missing == []
    assert "![" in first or "<img" in first, "it opens with a picture of the result"
    text = "\n\n".join(rest)
    sections = re.findall(r"^## (\d+) .+ \(\d+ minutes?\)$", text, re.MULTILINE)
    assert [int(number) for number in sections] == list(range(1, len(sections) + 1))
    assert len(sections) >= 4
    assert "## What you learned" in text
    if path.stem not in APPETISER:
        assert "## Read on" in text
        asked = text.partition("## Ask yourself")[2].partition("\n## ")[0]
        assert asked.count("<details>") in QUESTIONS


@every_notebook
def test_something_to_touch(path: Path) -> None:
    code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    offered = [name for name in smis_widgets.__all__ if inspect.isclass(getattr(smis_widgets, name))]
    widgets = [name for name in offered if issubclass(getattr(smis_widgets, name), Panel)]
    assert any(re.search(rf"\b{name}[.(]", code) for name in widgets), "no widget"
    assert ".snapshot()" in code, "no still picture of it for readers without a kernel"


def test_every_word_of_the_glossary_is_used_and_in_order() -> None:
    text = GLOSSARY.read_text(encoding="utf-8").partition("## Words")[2]
    words = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert words == sorted(words, key=str.lower)
    course = "\n".join(source.read_text(encoding="utf-8") for source in tool.sources())
    unused = [word for word in words if not any(f"glossary.md#{name})" in course for name in anchors(f"# {word}"))]
    assert unused == []


def test_what_counts_as_compared() -> None:
    text = nbformat.v4.new_output("stream", name="stdout", text="3\n")
    picture = nbformat.v4.new_output("display_data", {"image/png": "", "text/plain": "<Figure>"})
    bare_picture = nbformat.v4.new_output("display_data", {"image/png": ""})
    assert is_compared(code("print(3)", text))
    assert is_compared(code("x = 3"))
    assert is_compared(code("draw()", picture))
    assert not is_compared(code("draw()", bare_picture))
    assert not is_compared(code("print(3)", text, count=None))
    assert not is_compared(code("# NBVAL_IGNORE_OUTPUT\nprint(3)", text))
    assert not is_compared(code("print(3)", text, tags=("nbval-ignore-output",)))
