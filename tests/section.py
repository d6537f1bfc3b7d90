"""Generated parts of tests/README.md: the text between `<!-- NAME:begin -->` and `<!-- NAME:end -->`."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).resolve().parent / "README.md"


def write(name: str, lines: list[str], readme: Path = README) -> None:
    """Put these lines (Markdown) in the section. Raises ValueError when the README has no such section."""
    text = readme.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {re.escape(name)}:begin -->\n).*?(<!-- {re.escape(name)}:end -->)", re.S)
    if marked.search(text) is None:
        raise ValueError(f"{readme} has no section '{name}': add <!-- {name}:begin --> and <!-- {name}:end -->")
    readme.write_text(marked.sub(lambda at: at[1] + "\n".join(lines) + "\n" + at[2], text), encoding="utf-8")
