"""Generated parts of tests/README.md: the text between `<!-- NAME:begin -->` and `<!-- NAME:end -->`."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).resolve().parent / "README.md"


def write(name: str, lines: list[str], readme: Path = README) -> None:
    """Put these lines (Markdown) in the section. Raises ValueError when the README has no such section."""
    text = readme.read_text(encoding="utf-8")
    marked = _marked(name, text, readme)
    text = text[: marked.start("lines")] + "".join(f"{line}\n" for line in lines) + text[marked.end("lines") :]
    readme.write_text(text, encoding="utf-8")


def update(name: str, table: list[str], keys: int = 1, readme: Path = README) -> None:
    """Put the rows of a part of a run into the section's table: a row takes the place of the one with the same first
    `keys` cells, a new row comes last, all others stay. Raises ValueError as `write` does, and when the head differs.
    """
    old = _marked(name, readme.read_text(encoding="utf-8"), readme)["lines"].splitlines()
    if old[:2] != table[:2]:
        raise ValueError(
            f"the table '{name}' in {readme} has other columns: run the whole command, which writes it anew"
        )
    rows = {tuple(line.split(" | ")[:keys]): line for line in old[2:] + table[2:]}
    write(name, [*table[:2], *rows.values()], readme)


def _marked(name: str, text: str, readme: Path) -> re.Match[str]:
    begin, end = f"<!-- {re.escape(name)}:begin -->\n", f"<!-- {re.escape(name)}:end -->"
    marked = re.search(f"{begin}(?P<lines>.*?){end}", text, re.S)
    if marked is None:
        raise ValueError(f"{readme} has no section '{name}': add <!-- {name}:begin --> and <!-- {name}:end -->")
    return marked
