"""The start page: a picture of each widget, which leads to its page. Plain HTML, no kernel."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping
from pathlib import Path

from smis_widgets.studio.pages import PAGES, Page

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "studio"  # in a clone of the repository
STYLE = """
:root { color-scheme: light dark; --page: #fafaf8; --card: #fff; --line: #ddd; --ink: #222; --soft: #5c5c5c; }
@media (prefers-color-scheme: dark) {
  :root { --page: #111; --card: #1c1c1c; --line: #3a3a3a; --ink: #eee; --soft: #b0b0b0; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 36px 24px; }
h1 { font-size: 28px; margin: 0 0 4px; } p { margin: 0; color: var(--soft); }
ul { list-style: none; margin: 28px 0; padding: 0; display: grid; gap: 20px;
  grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); }
a { display: block; height: 100%; color: inherit; text-decoration: none; background: var(--card);
  border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
a:hover, a:focus-visible { border-color: #e68c00; outline: 2px solid #e68c00; }
img, .none { display: block; width: 100%; height: 168px; object-fit: cover; object-position: 0 0; background: #fafaf8; }
.words { padding: 12px 14px 16px; } h2 { font-size: 17px; margin: 0 0 2px; } .words p { font-size: 14px; }
"""
# Voila's pages do not ask the browser for its theme: the links tell them.
SCRIPT = """
const dark = matchMedia('(prefers-color-scheme: dark)');
const tell = () => document.querySelectorAll('a').forEach(
  a => a.search = dark.matches ? '?theme=dark' : '?theme=light');
dark.addEventListener('change', tell); tell();
"""


def start_page(pages: Mapping[str, Page] = PAGES) -> str:
    """The whole page as HTML; a widget without a picture in `docs/studio` has a plain card."""
    cards = "".join(card(name, page) for name, page in pages.items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>smis studio</title>'
        '<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style></head><body><main>"
        "<h1>The studio</h1><p>One code for each class. Eight ways to touch it.</p>"
        f"<ul>{cards}</ul><p>Everything runs on this computer. The notebooks explain it: <code>make lab</code>.</p>"
        f"</main><script>{SCRIPT}</script></body></html>"
    )


def card(name: str, page: Page) -> str:
    """One widget: its picture, its name, one sentence."""
    file = PICTURES / f"{name}.webp"
    picture = '<div class="none"></div>'
    if file.is_file():
        data = base64.b64encode(file.read_bytes()).decode()
        picture = f'<img alt="" src="data:image/webp;base64,{data}">'
    words = f"<h2>{html.escape(page.title)}</h2><p>{html.escape(page.words)}</p>"
    return f'<li><a href="voila/render/{name}.ipynb">{picture}<div class="words">{words}</div></a></li>'
