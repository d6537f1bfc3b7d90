"""Exercises as they stand in a notebook's text: card, stub, hints and folded solution."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tools import notebooks as tool

TITLE = re.compile(r"^### Exercise (\d+): (.+)$", re.MULTILINE)
CARD = re.compile(
    r"^\*\*Difficulty\*\* ([●○]{3}) · \*\*Importance\*\* ([●○]{3}) · \*\*(\d+) minutes\*\*$", re.MULTILINE
)
HINT = re.compile(r"<details><summary>Hint \d</summary>\s*\S", re.DOTALL)
SOLUTION = re.compile(r"<details><summary>Solution</summary>\s*```python\n(.*?)```\s*.*?</details>", re.DOTALL)
CALL = re.compile(r"^check\.(\w+)\((\w+)\)$", re.MULTILINE)
MODULE = re.compile(r"^from smis\.course import (\w+) as check$", re.MULTILINE)


@dataclass(frozen=True)
class Exercise:
    """One exercise. `name` is both the function to write and the check that looks at it."""

    notebook: str
    module: str
    title: str
    name: str
    card: bool
    hints: int
    stub: str
    solution: str

    def __str__(self) -> str:
        return f"{self.notebook[:2]}-{self.name}"


def exercises(source: Path) -> list[Exercise]:
    """All exercises of one notebook's text, in order. Raises ValueError where a part is missing."""
    cells = tool.read_source(source).cells
    modules = {found for cell in cells if cell.cell_type == "code" for found in MODULE.findall(cell.source)}
    found = []
    for number, cell in enumerate(cells):
        title = TITLE.search(cell.source) if cell.cell_type == "markdown" else None
        if title is None:
            continue
        after = [c for c in cells[number + 1 :] if c.cell_type == "code" and CALL.search(c.source)]
        text = "\n\n".join(c.source for c in cells[number:] if c.cell_type == "markdown")
        solution = SOLUTION.search(text)
        if not after or solution is None or len(modules) != 1:
            raise ValueError(f"{source.name}, exercise {title[1]}: no stub with its check, solution or checks' module")
        call = CALL.search(after[0].source)
        assert call is not None
        card, hints = CARD.search(cell.source) is not None, len(HINT.findall(cell.source))
        module = modules.copy().pop()
        found.append(Exercise(source.stem, module, title[2], call[1], card, hints, after[0].source, solution[1]))
    return found
