"""Build the course as a static site that needs neither a kernel nor a network: build/site/index.html.

    python tools/site.py [FOLDER]

Pages are made from the committed notebooks, so what they show was computed. Equations become MathML, which browsers
draw themselves; widgets are shown by the still pictures that the notebooks hold.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?!\s)((?:[^$\n]|\n(?!\s*\n))+?)(?<!\s)\$(?![\w$])", re.DOTALL)
LINK = re.compile(r"(href|src)=\"([^\"]+)\"")
ANCHOR = re.compile(r"<a class=\"anchor-link\" [^>]*>.*?</a>")
HEADING = re.compile(r"<h([1-6]) id=\"[^\"]*\">(.*?)</h\1>", re.DOTALL)


def mathml(text: str) -> str:
    """Markdown with its $equations$ as MathML; code is left alone."""

    def equation(match: re.Match[str]) -> str:
        display = "block" if match[1] else "inline"
        return convert(" ".join((match[1] or match[2]).split()), display=display)

    parts = CODE.split(text)
    return "".join(part if number % 2 else MATH.sub(equation, part) for number, part in enumerate(parts))


def body(notebook: NotebookNode) -> str:
    """The HTML of all cells."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = mathml(cell.source)
    text: str = HTMLExporter(template_name="basic").from_notebook_node(notebook)[0]
    return HEADING.sub(heading, ANCHOR.sub("", text))


def heading(match: re.Match[str]) -> str:
    """A heading that is linked to as Markdown viewers do: small letters, hyphens for spaces."""
    words = html.unescape(re.sub(r"<[^>]+>", "", match[2])).lower()
    name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
    return f'<h{match[1]} id="{name}">{match[2]}</h{match[1]}>'


def relink(text: str, folder: Path) -> str:
    """Links between notebooks lead to their pages, pictures are copied into the site, other files are left unlinked."""

    def target(match: re.Match[str]) -> str:
        kind, link = match[1], match[2]
        if re.match(r"[a-z]+:|#", link):
            return match[0]
        file, _, part = link.partition("#")
        path = (NOTEBOOKS / file).resolve()
        if path.parent == NOTEBOOKS and path.suffix in (".ipynb", ".md"):
            return f'{kind}="{path.stem}.html{"#" + part if part else ""}"'
        if path.suffix in (".webp", ".png", ".svg", ".gif", ".jpg"):
            (folder / "pictures").mkdir(exist_ok=True)
            shutil.copy(path, folder / "pictures" / path.name)
            return f'{kind}="pictures/{path.name}"'
        return f'title="In the repository: {html.escape(os.path.relpath(path, ROOT))}"'

    return LINK.sub(target, text)


def page(title: str, name: str, menu: dict[str, str], text: str) -> str:
    """One whole page."""
    colours = HtmlFormatter(style="friendly").get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark").get_style_defs(".highlight")
    style = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
    look = f"{colours}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n{style}"
    links = [
        f'<a href="{file}"{" aria-current=page" if file == name else ""}>{html.escape(text)}</a>'
        for file, text in menu.items()
    ]
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title><style>{look}</style></head>
<body><nav aria-label="The course">{" ".join(links)}</nav><main>{text}
<footer><p>Words and pictures: CC BY 4.0. Code: Apache-2.0. An independent edition of
"Semantically Multi-modal Image Synthesis" (Zhu, Xu, You, Bai; CVPR 2020).</p></footer></main></body></html>
"""


def title_of(notebook: NotebookNode) -> str:
    """The first heading, without its mark."""
    return str(notebook.cells[0].source.splitlines()[0].lstrip("# "))


def build(folder: Path) -> list[Path]:
    """Write the site into a folder, which is made anew, and return its pages.

    Raises ValueError for a folder that holds something else than a site of before: it would be deleted.
    """
    if folder.exists() and not (folder / "glossary.html").is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} holds something else than the course's site: name a new folder, or empty it")
    books = {path: nbformat.read(path, as_version=4) for path in sorted(NOTEBOOKS.glob("*.ipynb"))}
    words = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell((NOTEBOOKS / "glossary.md").read_text(encoding="utf-8"))]
    )
    books[NOTEBOOKS / "glossary.md"] = words
    menu = {
        f"{path.stem}.html": f"{path.stem[:2]} {title_of(book).partition(':')[0]}"
        if path.suffix == ".ipynb"
        else "Words"
        for path, book in books.items()
    }
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    pages = []
    for path, book in books.items():
        name = f"{path.stem}.html"
        text = page(title_of(book), name, menu, relink(body(book), folder))
        (folder / name).write_text(text, encoding="utf-8")
        pages.append(folder / name)
    shutil.copy(pages[0], folder / "index.html")
    return [folder / "index.html", *pages]


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    pages = build(folder)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"{len(pages)} pages, {size / 2**20:.1f} MiB: open {pages[0]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
