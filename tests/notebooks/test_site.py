"""The static edition: whole, with equations drawn by the browser itself, and nothing fetched from anywhere."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

from tools import site


class Page(HTMLParser):
    """What a page links to, loads, and is linked to by; its words outside code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.bare_pictures = 0
        self.words = ""
        self._code = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._code += tag in ("pre", "code", "style")
        self.loads += [values[name] for name in ("src", "srcset", "data") if name in values]
        if tag in ("link", "script", "iframe"):
            self.loads.append(values.get("href", tag))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "img" and not values.get("alt", "").strip():
            self.bare_pictures += 1
        self.names.add(values.get("id", ""))

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag in ("pre", "code", "style")

    def handle_data(self, data: str) -> None:
        if not self._code:
            self.words += data


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    built = site.build(tmp_path_factory.mktemp("static edition") / "ü")
    return {path: Page(path.read_text(encoding="utf-8")) for path in built}


def test_every_notebook_and_the_words_have_a_page(pages: dict[Path, Page]) -> None:
    stems = {path.stem for path in site.NOTEBOOKS.glob("*.ipynb")} | {"glossary", "index"}
    assert {path.stem for path in pages} == stems


def test_nothing_is_fetched_and_every_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for source in page.loads:
            assert source.startswith("data:image/") or (path.parent / unquote(source)).is_file(), source[:80]
        for link in page.links:
            file, _, name = link.partition("#")
            if re.match(r"https?:", link):
                continue
            other = pages[path.parent / file] if file else page
            assert not name or unquote(name) in other.names, f"{path.name}: {link}"
        assert "url(" not in path.read_text(encoding="utf-8").partition("</style>")[0]


def test_pictures_have_words_and_equations_are_drawn(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert page.bare_pictures == 0, path.name
        assert not re.search(r"\$[^$]*[\\_^][^$]*\$", page.words), f"{path.name} has an equation left as text"
    glossary = next(path for path in pages if path.stem == "glossary")
    assert glossary.read_text(encoding="utf-8").count("<math") > 10


def test_a_folder_with_other_files_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="something else than the course's site"):
        site.build(tmp_path)
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_equations_and_code() -> None:
    assert site.mathml("cost `$x$` and $x^2$").count("<math") == 1
    assert "`$x$`" in site.mathml("cost `$x$` and $x^2$")
    assert 'display="block"' in site.mathml("$$\nx\n$$")
    assert site.mathml("5 $ and 6 $") == "5 $ and 6 $"
    assert site.mathml("where $x =\n1$ holds").count("<math") == 1, "an equation may go on in the next line"
    assert site.mathml("$x\n\ny$") == "$x\n\ny$", "and not in the next paragraph"
