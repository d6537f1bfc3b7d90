"""The documents: pictures have alt text, links resolve. And the checker itself notices when they do not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.markdown import broken_links, pictures_without_alt

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "data/*.md", "tests/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)


def test_there_are_documents() -> None:
    assert {"README.md", "tests/README.md", "data/README.md"} <= {str(p.relative_to(ROOT)) for p in DOCUMENTS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_pictures_and_links(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert pictures_without_alt(text) == []
    assert broken_links(text, path.parent) == []


@pytest.mark.parametrize("text", ["![](a.png)", "![ ](a.png)", '<img src="a.png">', '<img alt="" src="a.png">'])
def test_a_picture_without_alt_text_is_noticed(text: str) -> None:
    assert len(pictures_without_alt(f"See {text} there.")) == 1


@pytest.mark.parametrize("text", ["![a person](a.png)", '<img src="a.png" alt="a person">', "`![](a.png)`"])
def test_alt_text_is_seen(text: str) -> None:
    assert pictures_without_alt(text) == []


@pytest.mark.parametrize(
    "text",
    ["[x](no.md)", "![x](no.png)", '<img src="no.png" alt="x">', "[x](no.md#part)", "[x](there.md#no)", "# A\n[x](#b)"],
)
def test_a_broken_link_is_noticed(text: str, tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# Yes\n```\n# no\n```\n")
    assert len(broken_links(text, tmp_path)) == 1


def test_a_picture_inside_a_link(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    assert broken_links("[![x](no.png)](there.md)", tmp_path) == ["no.png"]


def test_good_links(tmp_path: Path) -> None:
    (tmp_path / "a b.md").write_text("## CG-Norm, `by hand`\n")
    text = (
        "# Part\n[x](a%20b.md#cg-norm-by-hand), [y](#part)\n[z](https://example.org/no.md), [w](mailto:a@example.org)"
    )
    assert broken_links(text, tmp_path) == []


def test_the_readme_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    for example in examples:
        exec(example, names)
    assert len(examples) == 2
    assert len(names["rooms"]) == 10
    assert names["image"].shape == (1, 3, 128, 128)
