"""Files that appear whole or not at all, and their digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["file_sha256", "whole_file"]


def file_sha256(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path beside `path` to write to. It takes the name `path` when the block ends well, and vanishes when not.

    What a killed process leaves is named `NAME.PID.part`. The content reaches the disk before the name does, so that
    a power cut leaves no half-written file behind a whole one's name either.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with whole_file(target) as part:
    ...     _ = part.write_text("done")
    >>> [file.name for file in target.parent.iterdir()]
    ['note.txt']
    """
    target = Path(path)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        yield part
        with open(part, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(part, target)
    except BaseException:
        with suppress(OSError):  # there is none, or its folder is gone: what went wrong before says more
            part.unlink()
        raise
