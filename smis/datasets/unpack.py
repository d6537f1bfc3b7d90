"""Unpacking archives from strangers: zip and tar, whole or not at all, and nothing outside the folder.

Refused: names that lead out of the folder (`../x`, `/x`, `C:x`), links and devices, two entries for one file (also
where only case differs: macOS and Windows see one file), and archives that would grow beyond reason.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from smis.outside import shortened

__all__ = ["UnpackError", "is_archive", "unpack"]

MAX_RATIO = 200  # unpacked bytes for each byte of the archive: pictures and weights stay below 10
MAX_BYTES = 100 * 2**30
FREE_BYTES = 256 * 2**20  # small archives may grow to this whatever their ratio
MAX_ENTRIES = 1_000_000
MAX_NAME, MAX_PART = 1000, 255  # letters of a name, bytes of a part of it: what file systems take
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack a few bytes to gigabytes in one go
MAX_READ = 16 * 2**20  # bytes at once: a tar's header may ask for any number of them
CHUNK = 1 << 20


class UnpackError(ValueError):
    """An archive that is damaged or not to be trusted."""


@dataclass(frozen=True)
class _Entry:
    name: str
    is_file: bool
    is_folder: bool
    size: int
    open: Callable[[], IO[bytes]]


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a zip or a tar (plain or compressed)."""
    if zipfile.is_zipfile(path):
        return True
    try:
        with _tar(Path(path)):
            return True
    except UnpackError:
        return False


def unpack(archive: str | os.PathLike[str], out: str | os.PathLike[str]) -> list[Path]:
    """Unpack a zip or tar into the new (or empty) folder `out`; returns the files.

    Permissions, owners and dates of the archive are ignored. Raises UnpackError naming the entry that is refused; then
    nothing is left behind.
    """
    archive, out = Path(archive), Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UnpackError(f"{out} exists and is not empty: name a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    limit = min(MAX_BYTES, max(FREE_BYTES, MAX_RATIO * archive.stat().st_size))
    try:
        part.mkdir()
        written = _unpack_all(archive, part, limit)
        if out.exists():
            out.rmdir()
        os.replace(part, out)
    except (UnpackError, MemoryError):
        raise
    except Exception as error:  # what zipfile and tarfile raise for a damaged file has many types
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # the disk is full, say
            raise
        raise UnpackError(f"{archive} is damaged ({shortened(error)}): fetch it again") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return [out / name for name in written]


def _unpack_all(archive: Path, part: Path, limit: int) -> list[str]:
    seen: dict[str, bool] = {}  # what stands for one file on every system -> whether it is a folder
    written, total = [], 0
    for number, entry in enumerate(_entries(archive)):
        where = f"{archive}: entry {shortened(entry.name)!r}"
        if number >= MAX_ENTRIES:
            raise UnpackError(f"{archive} has more than {MAX_ENTRIES:,} entries")
        if not (entry.is_file or entry.is_folder):
            raise UnpackError(f"{where} is a link or a device; only files and folders are unpacked")
        name = _safe_name(entry.name, where)
        if name == ".":
            continue
        _note(seen, name, entry.is_folder, where)
        target = part / name
        if entry.is_folder:
            target.mkdir(parents=True, exist_ok=True)
            continue
        total += entry.size
        if total > limit:
            raise UnpackError(f"{archive} would unpack to more than {limit:,} bytes, {where} included: a size bomb?")
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(entry, target, where)
        written.append(name)
    return written


def _entries(archive: Path) -> Iterator[_Entry]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                if info.compress_type not in METHODS:
                    raise UnpackError(
                        f"{archive}: entry {shortened(info.filename)!r} is packed by method {info.compress_type}; "
                        "stored and deflated entries are unpacked: pack the files again"
                    )
                mode = info.external_attr >> 16
                odd = stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR)
                folder = info.is_dir() and not odd
                # orig_filename: what the archive says, before Python makes it harmless
                yield _Entry(
                    info.orig_filename,
                    not folder and not odd,
                    folder,
                    info.file_size,
                    lambda info=info: zipped.open(info),  # type: ignore[misc]
                )
    else:
        with _tar(archive) as tar:
            for member in tar:

                def opened(member: tarfile.TarInfo = member, tar: tarfile.TarFile = tar) -> IO[bytes]:
                    file = tar.extractfile(member)
                    assert file is not None
                    return file

                yield _Entry(member.name, member.isreg(), member.isdir(), member.size, opened)


class _InPieces:
    """A file for `tarfile`: no read of more than `MAX_READ` bytes, no way back to before the start."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.tell, self.close = file.tell, file.close

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_READ:
            raise UnpackError(f"a header of {size:,} bytes is no header of a tar: at most {MAX_READ:,} are read")
        return self.file.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        if not 0 <= place <= MAX_BYTES:
            raise UnpackError(f"a header leads to byte {shortened(place, 30)}, which no tar has")
        return self.file.seek(place, whence)


@contextmanager
def _tar(archive: Path) -> Iterator[tarfile.TarFile]:
    """An opened tar, plain or compressed; UnpackError when it is none."""
    with archive.open("rb") as file:
        head = file.read(6)
    openers = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7zXZ\0": lzma.open}
    opener: Any = next((how for magic, how in openers.items() if head.startswith(magic)), open)
    with opener(archive, "rb") as stream:
        try:
            tar = tarfile.TarFile(fileobj=_InPieces(stream))  # type: ignore[arg-type]
        except UnpackError:
            raise
        except Exception as error:  # what tarfile raises for a damaged file has many types
            raise UnpackError(f"{archive} is neither a zip nor a tar, or is cut off ({shortened(error)})") from error
        with tar:
            yield tar


def _safe_name(name: str, where: str) -> str:
    """The name as a relative path with slashes; UnpackError when it is none."""
    parts = name.split("/")
    wrong = (
        name.startswith("/")
        or ".." in parts
        or "\\" in name
        or ":" in parts[0]
        or any(ord(letter) < 32 for letter in name)
        or len(name) > MAX_NAME
        or any(len(part.encode(errors="surrogatepass")) > MAX_PART for part in parts)
        or any("\ud800" <= letter <= "\udfff" for letter in name)  # bytes that are no text
    )
    if wrong or not name:
        raise UnpackError(f"{where} does not name a file inside the folder")
    return str(PurePosixPath(name))


def _note(seen: dict[str, bool], name: str, is_folder: bool, where: str) -> None:
    """Remember a name and the folders above it; UnpackError when it means a file that is already there."""
    parts = [unicodedata.normalize("NFC", part).casefold().rstrip(" .") for part in name.split("/")]
    for depth in range(1, len(parts)):
        if not seen.setdefault("/".join(parts[:depth]), True):
            raise UnpackError(f"{where} lies in a folder that is a file in the same archive")
    key = "/".join(parts)
    if key in seen and not (is_folder and seen[key]):
        raise UnpackError(f"{where} stands there twice (on some systems, names that differ in case are the same file)")
    seen[key] = is_folder


def _copy(entry: _Entry, target: Path, where: str) -> None:
    """Write one file; it must have the length that the archive's directory says."""
    with entry.open() as source, target.open("xb") as file:
        shutil.copyfileobj(source, file, CHUNK)
    if target.stat().st_size != entry.size:
        raise UnpackError(f"{where} has another length than the archive says")
