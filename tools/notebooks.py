"""Build the notebooks from their text: notebooks/src/NN_name.py (percent format) -> notebooks/NN_name.ipynb.

    python tools/notebooks.py build [NN ...]    execute and write (all, or those whose names start so)
    python tools/notebooks.py check             say whether every notebook still agrees with its text

A notebook is executed from top to bottom in a fresh kernel and written whole or not at all. Cell ids and
metadata depend on the text alone, so building again changes nothing where the outputs are the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
TIMEOUT = 1800  # seconds a single cell may take
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
# A stored view names a model of a kernel that is gone: readers would see an error box instead of the text.
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def read_source(path: Path) -> nbformat.NotebookNode:
    """The notebook that a percent script describes, not executed, with stable cell ids and metadata."""
    book = jupytext.read(path, fmt="py:percent")
    notebook = nbformat.v4.new_notebook(metadata=METADATA)
    seen: Counter[str] = Counter()
    for cell in book.cells:
        make = nbformat.v4.new_code_cell if cell.cell_type == "code" else nbformat.v4.new_markdown_cell
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[digest] += 1
        identity = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        tags = {"tags": list(cell.metadata["tags"])} if "tags" in cell.metadata else {}
        notebook.cells.append(make(cell.source, id=identity, metadata=tags))
    return notebook


def build(source: Path) -> Path:
    """Execute one source, write its notebook, return its path.

    Raises CellExecutionError and writes nothing if a cell fails.
    """
    target = NOTEBOOKS / f"{source.stem}.ipynb"
    notebook = read_source(source)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOKS)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(METADATA)  # the kernel adds its exact version
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    nbformat.validate(notebook)
    temporary = target.with_suffix(".ipynb.tmp")
    temporary.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
    os.replace(temporary, target)
    return target


def sources() -> list[Path]:
    """All notebook texts, in the course's order."""
    return sorted((NOTEBOOKS / "src").glob("*.py"))


def disagreements() -> list[str]:
    """One sentence for each notebook that is missing, has no text, or differs from its text."""
    found = []
    stems = {source.stem for source in sources()}
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        if notebook.stem not in stems:
            found.append(f"{notebook.name} has no text src/{notebook.stem}.py")
    for source in sources():
        target = NOTEBOOKS / f"{source.stem}.ipynb"
        if not target.is_file():
            found.append(f"src/{source.name} has no notebook {target.name}: run `make notebooks`")
            continue
        stored, wanted = nbformat.read(target, as_version=4), read_source(source)
        if _shape(stored) != _shape(wanted):
            found.append(f"{target.name} does not agree with src/{source.name}: run `make notebooks`")
    return found


def _shape(notebook: nbformat.NotebookNode) -> list[tuple[str, str, str, list[str]]]:
    return [(cell.id, cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells]


def main() -> int:
    parser = argparse.ArgumentParser(description="Build or check the notebooks.")
    parser.add_argument("action", choices=("build", "check"))
    parser.add_argument("names", nargs="*", help="build only those whose names start so, such as 00")
    args = parser.parse_args()
    if args.action == "check":
        for line in (found := disagreements()):
            print(line, file=sys.stderr)
        return 1 if found else 0
    chosen = [source for source in sources() if not args.names or source.stem.startswith(tuple(args.names))]
    if not chosen:
        print(
            f"no text in {NOTEBOOKS / 'src'} starts with {', '.join(args.names) or 'anything'}",
            file=sys.stderr,
        )
        return 1
    for source in chosen:
        start = time.monotonic()
        try:
            target = build(source)
        except CellExecutionError as error:
            print(f"{source.name}: a cell failed, the notebook was left as it was\n{error}", file=sys.stderr)
            return 1
        print(f"{target.name}: {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
