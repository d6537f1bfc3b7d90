"""Files that widgets write: never over another file, whole or not at all, and with a link to download them."""

from __future__ import annotations

import base64
import html
from pathlib import Path

from smis.files import whole_file


def write_new(path: Path, data: bytes, suffix: str = ".png") -> Path:
    """Write a new file, whole or not at all. When the name is taken, a number is added: mix.png, mix-2.png, ...

    Raises ValueError for a name that does not end in `suffix`, FileNotFoundError when there is no such folder.
    """
    if path.suffix.lower() != suffix or not path.stem:
        raise ValueError(f"a file name that ends in {suffix} is needed, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}")
    target, number = path.resolve(), 1
    while target.exists():
        number += 1
        target = path.resolve().with_name(f"{path.stem}-{number}{path.suffix}")
    with whole_file(target) as part:
        part.write_bytes(data)
    return target


def saved_link(path: Path, mime: str) -> str:
    """HTML that says where a file is and offers to download it."""
    data, name = base64.b64encode(path.read_bytes()).decode(), html.escape(path.name)
    return (
        f'<div class="smis-hint">Saved {html.escape(str(path))} · '
        f'<a download="{name}" href="data:{mime};base64,{data}">download</a></div>'
    )
