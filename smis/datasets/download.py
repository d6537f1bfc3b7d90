"""Fetching what the paper's authors published on Google Drive: a sample of their DeepFashion data, and checkpoints.

The two ids are those of the authors' README (repository Seanseattle/SMIS). Neither could be opened while this was
written: whether they still lead anywhere, how large the files are and what their SHA-256 is, is not known. `None` means
just that, and then only the shape of what arrives is checked. The files are not part of this project; the authors' code
is under CC BY-NC-SA 4.0 (not for commercial use), and nothing else is said about data and weights.

Google Drive refuses often. So every download can be replaced by a file that you fetched with a browser: `source`, or
`smis download NAME --from FILE`. An interrupted download goes on where it stopped.
"""

from __future__ import annotations

import os
import shlex
import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smis.datasets.unpack import is_archive, unpack
from smis.files import file_sha256, whole_file

__all__ = ["PUBLISHED", "DownloadError", "Published", "check_file", "download", "fetch", "published"]

DRIVE = "https://drive.google.com"
RETRIES = 2
TIMEOUT = (20.0, 60.0)  # seconds to connect, and without a byte
MOST = 20 * 10**9  # bytes of one file whose size is not known: what sends more never ends
SLOWEST = 600.0  # seconds for half a megabyte: what is slower is stopped
QUOTA_WORDS = ("too many users have viewed or downloaded", "quota exceeded", "download quota", "quota for this file")
SIGN_IN_WORDS = ("accounts.google.com", "servicelogin", "you need access", "request access", "sign in")


class DownloadError(RuntimeError):
    """A file could not be fetched, or what came is not the file; the message says why and what to do."""


@dataclass(frozen=True)
class Published:
    """Something on Google Drive. `kind` is "file", "folder" or None where that is not known; so are size (bytes) and
    SHA-256."""

    name: str
    drive_id: str
    kind: str | None
    what: str
    size: int | None = None
    sha256: str | None = None

    @property
    def page(self) -> str:
        """The address for a browser."""
        return f"{DRIVE}/open?id={self.drive_id}"


PUBLISHED = (
    Published(
        "deepfashion-sample",
        "1ckx35-mlMv57yzv47bmOCrWTm5l2X-zD",
        None,
        "images and eight-class masks from DeepFashion; the authors: 'slightly different from' the paper's",
    ),
    Published(
        "checkpoints",
        "1og_9By_xdtnEd9-xawAj4jYbXR6A9deG",
        "folder",
        "the authors' pretrained networks, as a tar",
    ),
)


def published(name: str) -> Published:
    """The entry of that name; ValueError naming those there are."""
    for item in PUBLISHED:
        if item.name == name:
            return item
    raise ValueError(f"nothing is published as {name!r}; there are: {', '.join(item.name for item in PUBLISHED)}")


def download(
    item: Published,
    out: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | None = None,
    restart: bool = False,
    quiet: bool = False,
) -> list[Path]:
    """Fetch `item` into the folder `out`, and unpack what is an archive into a folder beside it. Returns the files.

    Args:
        source: a file that you have already: it is checked and used, and nothing is fetched.
        restart: forget what an interrupted download has left.
        quiet: no progress bar.

    Raises DownloadError or `smis.datasets.unpack.UnpackError`, saying what to do.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    if source is not None:
        given = Path(source)
        check_file(given, item)
        target = folder / given.name
        if not (target.exists() and target.samefile(given)):
            with whole_file(target) as part:
                shutil.copyfile(given, part)
        fetched = [target]
    else:
        listed = _list(item, quiet)
        fetched = [
            fetch(f"{DRIVE}/uc?id={drive_id}", folder / name, item, restart=restart, quiet=quiet)
            for drive_id, name in listed
        ]
    files = []
    for path in fetched:
        place = path.with_name(path.name.split(".")[0] + "-unpacked")
        if not is_archive(path) or _is_checkpoint(path):
            files.append(path)
        elif place.is_dir() and any(place.iterdir()):
            files += sorted(p for p in place.rglob("*") if p.is_file())
        else:
            files += unpack(path, place)
    return files


def _is_checkpoint(path: Path) -> bool:
    """torch.save writes zip files: they are no archives to unpack."""
    return path.suffix in (".pt", ".pth", ".ckpt")


def _list(item: Published, quiet: bool) -> list[tuple[str, str]]:
    """(id, name) of each file: those in the folder, or the file itself."""
    gdown = _gdown()
    if item.kind == "file":
        return [(item.drive_id, item.name)]
    try:
        found = gdown.download_folder(id=item.drive_id, skip_download=True, quiet=True, timeout=TIMEOUT[1])
        files = [(entry.id, entry.path.replace(os.sep, "/")) for entry in found]
        if files:
            return files
    except gdown.DownloadError as error:
        if item.kind == "folder":
            raise _explain(error, item) from error
    except OSError as error:
        raise _explain(error, item) from error
    if item.kind == "folder":
        raise DownloadError(f"the folder {item.page} is empty, or Drive shows it to nobody. {_by_hand(item)}")
    return [(item.drive_id, item.name)]


def fetch(url: str, path: Path, item: Published, *, restart: bool = False, quiet: bool = False) -> Path:
    """Fetch one address to `path`, going on with a part that is already there. Returns `path`.

    Raises DownloadError for anything but a whole, plausible file; a file that is none is removed.
    """
    gdown = _gdown()
    path.parent.mkdir(parents=True, exist_ok=True)
    if restart:
        for old in [path, *_parts(path)]:
            old.unlink(missing_ok=True)
    if path.exists():
        check_file(path, item)
        return path
    watched = _Watched(item)
    try:
        options = {"timeout": TIMEOUT, "retries": RETRIES, "progress": watched, "cancel": watched.cancel}
        with watched.watching():
            gdown.download(url, output=str(path), quiet=quiet, resume=True, use_cookies=False, **options)
    except DownloadError:
        for part in _parts(path) if watched.too_long else ():
            part.unlink()
        raise
    except (gdown.DownloadError, gdown.DownloadCancelled, OSError, KeyError) as error:  # KeyError: no Content-Type
        raise _explain(error, item) from error
    try:
        check_file(path, item)
    except DownloadError:
        path.unlink(missing_ok=True)
        raise
    return path


class _Watched:
    """Watches over gdown while it fetches: stops what is longer than it may be, and what drips."""

    def __init__(self, item: Published) -> None:
        self.item, self.too_long = item, False
        self.cancel, self._done, self._last = threading.Event(), threading.Event(), time.monotonic()

    def __call__(self, had: int, _: int | None) -> None:
        """Called by gdown after each half megabyte."""
        self._last = time.monotonic()
        most = MOST if self.item.size is None else self.item.size
        if had > most:
            self.too_long = True
            raise DownloadError(
                f"{self.item.name}: {had:,} bytes, {most:,} expected: it is another file. {_by_hand(self.item)}"
            )

    @contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._done.set()
            thread.join()

    def _watch(self) -> None:
        while not self._done.wait(min(1.0, SLOWEST / 4)):
            if time.monotonic() - self._last > SLOWEST:
                self.cancel.set()


def _parts(path: Path) -> list[Path]:
    """What interrupted downloads of `path` have left: gdown adds eight letters and .part."""
    names = (p.name for p in path.parent.glob("*.part"))
    return [path.parent / n for n in names if n.startswith(path.name) and len(n) == len(path.name) + 8 + len(".part")]


def check_file(path: str | os.PathLike[str], item: Published) -> None:
    """Raise DownloadError when a file is missing, empty, cut off, a web page, or not of the known size and SHA-256."""
    path = Path(path)
    if not path.is_file():
        raise DownloadError(f"no file {path}")
    with path.open("rb") as file:
        head = file.read(1 << 16)
    if not head:
        raise DownloadError(f"{path} is empty. Remove it and fetch it again. {_by_hand(item)}")
    if head.lstrip()[:200].lower().startswith((b"<!doctype html", b"<html", b"<head")):
        raise DownloadError(f"{path}: {_what_page(head.decode('utf-8', 'replace'))} {_by_hand(item)}")
    if head.startswith(b"PK\x03\x04") and not zipfile.is_zipfile(path):
        raise DownloadError(f"{path} is a zip that is cut off. Fetch it again with --restart. {_by_hand(item)}")
    size = path.stat().st_size
    if item.size is not None and size != item.size:
        raise DownloadError(
            f"{path} has {size:,} bytes, {item.size:,} expected: it is cut off or another file. "
            f"Fetch it again with --restart. {_by_hand(item)}"
        )
    if item.sha256 is not None and (found := file_sha256(path)) != item.sha256:
        raise DownloadError(
            f"{path} has the right size but SHA-256 {found}, {item.sha256} expected: it was changed or damaged. "
            f"Fetch it again with --restart. {_by_hand(item)}"
        )


def _what_page(text: str) -> str:
    """What a web page that came instead of a file means."""
    lower = text.lower()
    if any(words in lower for words in QUOTA_WORDS):
        return (
            "Google's quota page instead of the file: too many people have fetched it lately. Wait up to 24 hours, or "
            "copy it into a Drive of your own."
        )
    if any(words in lower for words in SIGN_IN_WORDS):
        return "a page that asks to sign in instead of the file: it is not public (any more), or not in your country."
    if "virus scan warning" in lower:
        return "Google's 'cannot scan for viruses' page instead of the file: click 'Download anyway' in the browser."
    return "a web page (HTML) instead of the file: the address does not lead to it, or something in between answers."


def _explain(error: Exception, item: Published) -> DownloadError:
    """An error of gdown or of the network, with its meaning and what to do."""
    text = " ".join(str(error).split())
    status = getattr(getattr(error, "response", None), "status_code", None)
    if any(words in text.lower() for words in QUOTA_WORDS):
        return DownloadError(f"{item.name}: {_what_page(text)} {_by_hand(item)}")
    if status == 429:
        what = "the server answers 429 (too many requests). Wait an hour and run the same command again."
    elif status == 403:
        what = "the server answers 403 (forbidden): its quota for this file or for you is used up, or it is not public."
    elif status == 404:
        what = "the server answers 404: the file is not there any more."
    elif status is not None and 300 <= status < 400:
        what = "the server leads from one address to the next without end. Try again later."
    elif status is not None:
        what = f"the server answers {status}. Try again later."
    elif "cancelled" in text:
        what = f"the server takes over {SLOWEST:g} s for half a megabyte. What came is kept: run the command again."
    elif "incomplete" in text:
        what = f"the connection ended early ({text.split('. The')[0]}). What came is kept: run the same command again."
    elif "byte range" in text:
        what = "the server does not go on where the download stopped, or sends more than it says. Add --restart."
    elif "multiple temporary files" in text:
        what = "several interrupted downloads lie there. Add --restart."
    elif "public link" in text or "folder contents" in text:
        what = "Drive gives no download link: the file was removed or is not public, or Drive refuses for a while."
    else:
        what = f"it could not be fetched ({type(error).__name__}: {text}). Is there a connection to {DRIVE}?"
    return DownloadError(f"{item.name}: {what} {_by_hand(item)}")


def _by_hand(item: Published) -> str:
    return (
        f"You can also open {item.page} in a browser, save the file, and run: "
        f"smis download {shlex.quote(item.name)} --from FILE --out DIR"
    )


def _gdown() -> Any:
    try:
        import gdown
    except ImportError as error:
        raise DownloadError("downloads need the package gdown: pip install 'smis[download]'") from error
    return gdown
