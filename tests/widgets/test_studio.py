"""The studio's pages without a server: the start page, the notebooks, and the command line."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from smis.datasets.checks import DataError
from smis_widgets.base import Panel
from smis_widgets.studio.pages import GALLERY, PAGES, Page, show
from smis_widgets.studio.server import settings, write_notebooks
from smis_widgets.studio.start import PICTURES, start_page

ROOT = Path(__file__).resolve().parents[2]


def test_the_start_page_leads_to_every_page_and_names_it() -> None:
    page = start_page()
    assert re.findall(r'href="voila/render/([^"]+)\.ipynb"', page) == list(PAGES)
    for one in PAGES.values():
        assert f"<h2>{one.title}</h2>" in page
    assert page.count("data:image/webp") == len(PAGES)
    assert "http" not in page.replace("http-equiv", ""), "the page needs nothing from elsewhere"


def test_a_page_without_a_picture_has_a_plain_card() -> None:
    page = start_page({"new": Page("<New>", "a & b", PAGES["mixer"].make)})
    assert "data:image/webp" not in page
    assert "&lt;New&gt;" in page
    assert "a &amp; b" in page


def test_the_pictures_are_small_and_no_more_than_the_pages() -> None:
    assert {file.stem for file in PICTURES.iterdir()} == set(PAGES)
    for file in PICTURES.iterdir():
        with Image.open(file) as picture:
            assert min(picture.size) >= 300
        assert file.stat().st_size < 80_000


def test_the_notebooks_make_the_widgets_and_save_at_home(tmp_path: Path) -> None:
    home = tmp_path / "it's home"
    write_notebooks(tmp_path, home)
    assert {file.stem for file in tmp_path.glob("*.ipynb")} == set(PAGES)
    for name in PAGES:
        notebook = nbformat.read(tmp_path / f"{name}.ipynb", as_version=4)
        nbformat.validate(notebook)
        (code,) = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        ast.parse(code)
        assert repr(str(home)) in code
        assert f"show('{name}', " in code


def test_the_gallery_is_the_first_notebooks() -> None:
    text = (ROOT / "notebooks" / "src" / "00_start_here.py").read_text(encoding="utf-8")
    assert f"GALLERY = {GALLERY}" in text


def test_what_is_wrong_is_said_without_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Panel:
        raise DataError("the file <people.npz> is gone: get it with `smis download`")

    monkeypatch.setitem(PAGES, "mixer", Page("Mixer", "", broken))
    monkeypatch.chdir(tmp_path)
    said = show("mixer", str(tmp_path)).value
    assert "DataError: the file &lt;people.npz&gt; is gone" in said
    assert "Traceback" not in said
    assert "FileNotFoundError" in show("mixer", str(tmp_path / "gone")).value


def test_the_server_shows_no_source_and_listens_here_only(tmp_path: Path) -> None:
    config = settings(tmp_path, 8866, None)
    assert config.Voila.ip == "127.0.0.1"
    assert config.Voila.auto_token
    assert config.VoilaConfiguration.strip_sources
    assert not config.VoilaConfiguration.show_tracebacks


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_every_page_makes_its_widget(name: str) -> None:
    widget = PAGES[name].make()
    assert isinstance(widget, Panel)
    assert widget.snapshot().width >= 800  # type: ignore[attr-defined]
    widget.close()


def test_without_voila_it_says_what_to_install() -> None:
    code = "import sys, runpy; sys.modules['voila'] = None; sys.modules['voila.app'] = None; sys.argv = ['studio']; "
    code += "runpy.run_module('smis_widgets.studio', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert "pip install 'smis[studio]'" in done.stderr
