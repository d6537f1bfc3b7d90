"""Downloads from a server that means harm, played by one on this machine: nothing else is asked for."""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

import smis.datasets.download
from smis.datasets.download import DownloadError, Published, download, fetch
from smis.datasets.unpack import UnpackError
from tests.hostile import mutations as m

pytest.importorskip("gdown")
GOOD = m.zipped([("a", b"x" * 3000)])
ITEM = Published("sample", "drive", "file", "for tests")
BLOCK = bytes(range(256)) * 256  # 64 KB


class Hostile(BaseHTTPRequestHandler):
    """The path says what it does."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        deed = urlsplit(self.path).path.strip("/")
        self.close_connection = True
        if deed in ("to-a-file", "to-another-host", "to-html", "in-circles"):
            host = f"http://localhost:{self.server.server_port}"  # type: ignore[attr-defined]
            places = {"to-a-file": "file:///etc/passwd", "to-another-host": f"{host}/good", "to-html": f"{host}/html"}
            self.send_response(302)
            self.send_header("Location", places.get(deed, "/in-circles"))
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            return
        body = {"html": b"<!DOCTYPE html><html><body>hello</body></html>", "good": GOOD}.get(deed, GOOD)
        said = {"endless": None, "says-terabytes": 2**42, "says-nothing-sensible": "-5", "one-less": len(body) - 1}
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if deed == "html" else "application/zip")
        self.send_header("Content-Disposition", 'attachment; filename="../../out.zip"')
        if (length := said.get(deed, 2**30 if deed == "drip" else len(body))) is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            if deed == "endless":
                while True:
                    self.wfile.write(BLOCK)
            elif deed == "drip":
                while True:
                    self.wfile.write(b"x")
                    time.sleep(0.02)
            else:
                self.wfile.write(body)
        except OSError:  # the other end has had enough
            pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def alone(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No address but this machine's, no waiting between tries, no cookies of the user."""
    real = requests.Session.send

    def here(self: requests.Session, request: requests.PreparedRequest, **options: object) -> object:
        address = urlsplit(str(request.url))
        assert address.hostname in ("127.0.0.1", "localhost") or address.scheme == "file"
        return real(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", here)
    monkeypatch.setattr(sys.modules["gdown.download"].random, "uniform", lambda low, high: 0)
    monkeypatch.setattr(sys.modules["gdown.download"], "DEFAULT_COOKIES_FILE", str(tmp_path / "cookies.txt"))
    monkeypatch.setattr(smis.datasets.download, "RETRIES", 0)
    monkeypatch.setattr(smis.datasets.download, "MOST", 4_000_000)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("html", "HTML"),
        ("to-html", "HTML"),
        ("to-a-file", "file:"),
        ("in-circles", "without end"),
        ("one-less", "one is"),
        ("says-terabytes", "ended early"),
        ("endless", "4,000,000 expected"),
    ],
)
def test_a_server_that_means_harm(deed: str, words: str, address: str, tmp_path: Path) -> None:
    """Refused with a reason; what is no file is gone, what may be gone on with is kept inside the folder."""
    if deed == "one-less":
        words = "cut off|more than it says|ended early"
    with pytest.raises(DownloadError, match=words):
        fetch(f"{address}/{deed}", tmp_path / "in" / "sample", ITEM, quiet=True)
    assert [name for name in left(tmp_path / "in") if not name.endswith(".part")] == []
    assert left(tmp_path)[0] == "in"
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.part")) < 5_000_000
    if deed == "endless":
        assert left(tmp_path) == ["in"]


def test_a_length_that_is_none_is_not_believed(address: str, tmp_path: Path) -> None:
    fetch(f"{address}/says-nothing-sensible", tmp_path / "sample", ITEM, quiet=True)
    assert (tmp_path / "sample").read_bytes() == GOOD
    assert left(tmp_path) == ["sample"]  # not where Content-Disposition says


def test_what_comes_from_another_host_must_be_the_same_file(address: str, tmp_path: Path) -> None:
    """Drive itself leads from host to host. What arrives counts: its size and SHA-256, where they are known."""
    known = replace(ITEM, size=len(GOOD), sha256=hashlib.sha256(GOOD).hexdigest())
    fetch(f"{address}/to-another-host", tmp_path / "sample", known, quiet=True)
    other = replace(known, sha256="0" * 64)
    with pytest.raises(DownloadError, match="SHA-256"):
        fetch(f"{address}/to-another-host", tmp_path / "other", other, quiet=True)
    assert left(tmp_path) == ["sample"]
    with pytest.raises(DownloadError, match="10 expected"):
        fetch(f"{address}/good", tmp_path / "short", replace(ITEM, size=10), quiet=True)
    assert left(tmp_path) == ["sample"]


def test_a_server_that_drips(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A byte now and then never runs into a time limit between two bytes."""
    monkeypatch.setattr(smis.datasets.download, "SLOWEST", 0.5)
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"0\.5 s for half a megabyte"):
        fetch(f"{address}/drip", tmp_path / "sample", ITEM, quiet=True)
    assert time.monotonic() - start < 60
    assert threading.active_count() < 10


def test_an_archive_that_leads_outside_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "given.zip").write_bytes(m.zipped([("../../out", b"x")]))
    with pytest.raises(UnpackError, match="out"):
        download(ITEM, tmp_path / "in", source=tmp_path / "given.zip")
    assert left(tmp_path) == ["given.zip", "given.zip", "in"]
