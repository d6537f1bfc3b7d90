"""What the documents and the notebooks are checked for: pictures with alt text, links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
IMG = re.compile(r"<img\b[^>]*>", re.IGNORECASE)
SOURCE = re.compile(r"\bsrc\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
ALT = re.compile(r"\balt\s*=\s*(\"[^\"]*\w[^\"]*\"|'[^']*\w[^']*')", re.IGNORECASE)
CODE = re.compile(r"```.*?```|~~~.*?~~~|`[^`\n]*`", re.DOTALL)


def pictures_without_alt(text: str) -> list[str]:
    """The pictures of a Markdown text that have no words in their alt text."""
    text = CODE.sub("", text)
    bare = [match[0] for match in LINK.finditer(text) if match[1] and not re.search(r"\w", match[2])]
    return bare + [tag for tag in IMG.findall(text) if not ALT.search(tag)]


HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The names under which the headings of a Markdown text can be linked to.

    >>> sorted(anchors("# One-hot mask\\n## CG-Norm, by hand"))
    ['cg-norm-by-hand', 'one-hot-mask']
    """
    titles = HEADING.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(text: str, folder: Path) -> list[str]:
    """The links and pictures of a Markdown text in `folder` that lead nowhere: no such file, or no such heading."""
    whole, text = text, CODE.sub("", text)
    links = list(LINK.finditer(text))
    inside = [match for link in links for match in LINK.finditer(link[2])]  # [![picture](...)](...)
    targets = [match[3] for match in links + inside]
    targets += [match[1] for tag in IMG.findall(text) for match in [SOURCE.search(tag)] if match]
    return [target for target in targets if not _leads_somewhere(target, whole, folder)]


def _leads_somewhere(target: str, text: str, folder: Path) -> bool:
    if re.match(r"[a-z]+:", target, re.IGNORECASE):
        return True  # the web is not asked
    file, _, heading = target.partition("#")
    path = folder / unquote(file)
    if not path.exists():
        return False
    if heading and path.suffix in ("", ".md"):  # "" is this text itself
        return heading in anchors(path.read_text(encoding="utf-8") if file else text)
    return True
