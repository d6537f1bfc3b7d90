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


def broken_links(text: str, folder: Path) -> list[str]:
    """The links and pictures of a Markdown text in `folder` that name a file which does not exist."""
    text = CODE.sub("", text)
    links = list(LINK.finditer(text))
    inside = [match for link in links for match in LINK.finditer(link[2])]  # [![picture](...)](...)
    targets = [match[3] for match in links + inside]
    targets += [match[1] for tag in IMG.findall(text) for match in [SOURCE.search(tag)] if match]
    files = [target.partition("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target, re.IGNORECASE)]
    return [file for file in files if not (folder / unquote(file)).exists()]
