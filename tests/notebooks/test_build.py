"""tools/notebooks.py: a build is repeatable, whole or not at all, and drift is noticed."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tools import notebooks as tool

TEXT = """\
# %% [markdown]
# # A title

# %%
import time
import ipywidgets
6 * 7

# %% tags=["nbval-ignore-output"]
print("one", flush=True); time.sleep(0.5); print("two")

# %%
ipywidgets.IntSlider(3)

# %%
6 * 7
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of notebooks of its own, with one text."""
    monkeypatch.setattr(tool, "NOTEBOOKS", tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "00_tiny.py").write_text(TEXT, encoding="utf-8")
    return tmp_path / "src" / "00_tiny.py"


def test_building_twice_gives_the_same_bytes(source: Path) -> None:
    target, seconds, peak = tool.build(source)
    assert seconds > 0.5, "a cell sleeps so long"
    assert 20 < peak < 2000
    first = target.read_bytes()
    assert tool.disagreements() == []
    assert tool.build(source)[0].read_bytes() == first

    notebook = nbformat.read(target, as_version=4)
    assert notebook.metadata == tool.METADATA  # no exact versions of this machine
    cells = notebook.cells
    assert [cell.cell_type for cell in cells] == ["markdown", "code", "code", "code", "code"]
    assert [cell.execution_count for cell in cells[1:]] == [1, 2, 3, 4]
    assert cells[1].outputs[0].data == {"text/plain": "42"}
    assert cells[2].outputs[0].text == "one\ntwo\n"
    assert cells[2].metadata == {"tags": ["nbval-ignore-output"]}
    assert set(cells[3].outputs[0].data) == {"text/plain"}  # and no view of a model that is gone
    assert len({cell.id for cell in cells}) == 5  # the same code twice has two ids


def test_an_inserted_cell_keeps_the_ids_of_the_others(source: Path) -> None:
    before = [cell.id for cell in tool.read_source(source).cells]
    source.write_text(TEXT.replace("# %%\nipywidgets", "# %%\nnew = 1\n\n# %%\nipywidgets"), encoding="utf-8")
    after = [cell.id for cell in tool.read_source(source).cells]
    assert [identity for identity in after if identity in before] == before
    assert len(after) == len(before) + 1


def test_a_failing_cell_writes_nothing(source: Path) -> None:
    source.write_text(TEXT + "\n# %%\n1 / 0\n", encoding="utf-8")
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        tool.build(source)
    assert [path.name for path in source.parent.parent.iterdir()] == ["src"]


def test_drift_is_noticed(source: Path) -> None:
    assert "run `make notebooks`" in tool.disagreements()[0]
    notebook = tool.read_source(source)
    target = tool.NOTEBOOKS / "00_tiny.ipynb"
    nbformat.write(notebook, target)
    assert tool.disagreements() == []
    source.write_text(TEXT.replace("6 * 7", "6 * 8", 1), encoding="utf-8")
    assert len(tool.disagreements()) == 1
    source.write_text(TEXT, encoding="utf-8")
    notebook.cells[0].source += " edited by hand"
    nbformat.write(notebook, target)
    assert len(tool.disagreements()) == 1
    source.unlink()
    assert tool.disagreements() == ["00_tiny.ipynb has no text src/00_tiny.py"]
