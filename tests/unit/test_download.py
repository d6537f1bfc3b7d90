"""Downloads, against a server on this machine that also misbehaves; and unpacking of archives that do."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

import smis.datasets.download
import smis.datasets.unpack
from smis.cli import main
from smis.datasets.download import PUBLISHED, DownloadError, Published, check_file, download, fetch, published
from smis.datasets.unpack import UnpackError, unpack


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


BODY = zipped(train__a=os.urandom(700_000), test__b=os.urandom(700_000))  # more than gdown takes at a time
QUOTA = (
    '<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>\n<p class="uc-error-caption">'
    'Sorry</p>\n<p class="uc-error-subcaption">Too many users have viewed or downloaded this file recently. Please try '
    "accessing the file again later.</p></body></html>"
)
SIGN_IN = '<html><body><a href="https://accounts.google.com/ServiceLogin">Sign in</a></body></html>'
SCAN = (
    "<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>\n"
    '<form id="download-form" action="https://drive.google.com/confirmed" method="get">'
    '<input type="hidden" name="id" value="confirmed"><input type="hidden" name="confirm" value="t">'
    "</form></body></html>"
)


class Drive(BaseHTTPRequestHandler):
    """A stand-in for Google Drive. The id says how it behaves."""

    protocol_version = "HTTP/1.1"
    requests_seen: list[tuple[str, str | None]]

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        behaviour = query["id"][0] if "id" in query else address.path.strip("/")
        wanted = self.headers.get("Range")
        self.requests_seen.append((behaviour, wanted))
        self.close_connection = True
        if address.path == "/embeddedfolderview":
            self.folder(behaviour)
        elif behaviour.isdigit():
            self.page(int(behaviour), "<html><body>no</body></html>")
        elif behaviour in ("quota", "sign-in", "html", "scan"):
            pages = {"quota": QUOTA, "sign-in": SIGN_IN, "scan": SCAN, "html": "<html><body>hello</body></html>"}
            self.page(200, pages[behaviour])
        elif behaviour == "bare":  # an answer without Content-Type
            self.answer(200, {"Content-Length": "2"}, b"hi")
        else:
            self.file(behaviour, wanted)

    def folder(self, folder_id: str) -> None:
        if not folder_id.startswith("folder"):
            self.page(404, "<html><title>no</title></html>")
            return
        names = {"folder-empty": []}.get(folder_id, ["whole", "whole"])
        links = "".join(
            f'<a href="https://drive.google.com/file/d/{name:-<25}/view">net{n}.pth</a>' for n, name in enumerate(names)
        )
        self.page(200, f"<html><head><title>models</title></head><body>{links}</body></html>")

    def file(self, behaviour: str, wanted: str | None) -> None:
        tries = [b for b, _ in self.requests_seen].count(behaviour)
        start = int(re.findall(r"\d+", wanted)[0]) if wanted and behaviour != "no-range" else 0
        data = BODY[start:]
        headers = {
            "Content-Type": "application/zip",
            "Content-Disposition": 'attachment; filename="sample.zip"',
            "Content-Length": str(len(data)),
            "ETag": '"one"',
            "Accept-Ranges": "bytes",
        }
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        if (behaviour == "cut-once" and tries == 1) or (behaviour in ("cut-always", "no-range") and tries < 9):
            data = data[: len(data) // 2]
        elif behaviour == "says-more":
            headers["Content-Length"] = str(len(data) + 1000)
        elif behaviour == "says-less":
            headers["Content-Length"] = str(len(data) - 1000)
        elif behaviour == "empty":
            headers["Content-Length"], data = "0", b""
        self.answer(206 if start else 200, headers, data)

    def page(self, status: int, text: str) -> None:
        data = text.encode()
        self.answer(status, {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(data))}, data)

    def answer(self, status: int, headers: dict[str, str], data: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the stand-in listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Drive)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def drive(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str | None]]:
    """Everything for Google goes to the stand-in, anything else nowhere. Gives the requests that it saw."""
    real = requests.Session.request

    def redirected(self: requests.Session, method: str, url: str, *args: object, **options: object) -> object:
        if url.startswith("https://drive.google.com"):
            url = address + url.removeprefix("https://drive.google.com")
        assert url.startswith(address), f"a test must not go to {url}"
        return real(self, method, url, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(requests.Session, "request", redirected)
    gdown = sys.modules["gdown.download"]
    monkeypatch.setattr(gdown, "DEFAULT_COOKIES_FILE", str(tmp_path / "cookies.txt"))
    monkeypatch.setattr(gdown.random, "uniform", lambda low, high: 0)  # do not wait between tries
    monkeypatch.setattr(smis.datasets.download, "RETRIES", 0)
    Drive.requests_seen = []
    return Drive.requests_seen


pytest.importorskip("gdown")


def item(drive_id: str, kind: str | None = "file") -> Published:
    return Published("sample", drive_id, kind, "for tests")


def drive_url(drive_id: str) -> str:
    return f"https://drive.google.com/uc?id={drive_id}"


# --- what goes well ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("behaviour", ["whole", "scan"])
def test_a_file_is_fetched_and_unpacked(drive: list[tuple[str, str | None]], tmp_path: Path, behaviour: str) -> None:
    files = download(item(behaviour), tmp_path / "out", quiet=True)
    assert [path.relative_to(tmp_path).as_posix() for path in files] == [
        "out/sample-unpacked/train/a",
        "out/sample-unpacked/test/b",
    ]
    assert (tmp_path / "out" / "sample").read_bytes() == BODY
    assert len(files[0].read_bytes()) == 700_000
    seen = len(drive)
    again = download(item(behaviour), tmp_path / "out", quiet=True)
    assert sorted(again) == sorted(files)
    assert len(drive) == seen, "what is there is not fetched again"


def test_a_folder_is_fetched_file_by_file(drive: list[tuple[str, str | None]], tmp_path: Path) -> None:
    files = download(item("folder-two", "folder"), tmp_path, quiet=True)
    assert [path.name for path in files] == ["net0.pth", "net1.pth"]  # not unpacked: networks are zip files too
    assert all(path.read_bytes() == BODY for path in files)


def test_where_it_is_not_known_whether_it_is_a_folder(drive: list[tuple[str, str | None]], tmp_path: Path) -> None:
    assert len(download(item("folder-two", None), tmp_path / "a", quiet=True)) == 2
    assert len(download(item("whole", None), tmp_path / "b", quiet=True)) == 2
    with pytest.raises(DownloadError, match="no download link"):
        download(item("whole", "folder"), tmp_path / "c", quiet=True)
    with pytest.raises(DownloadError, match="is empty, or Drive shows it to nobody"):
        download(item("folder-empty", "folder"), tmp_path / "d", quiet=True)


def test_size_and_sum_are_checked(drive: list[tuple[str, str | None]], tmp_path: Path) -> None:
    right = replace(item("whole"), size=len(BODY), sha256=hashlib.sha256(BODY).hexdigest())
    fetch(drive_url("whole"), tmp_path / "right", right, quiet=True)
    for wrong, said in ((replace(right, size=7), "bytes, 7 expected"), (replace(right, sha256="0" * 64), "SHA-256")):
        with pytest.raises(DownloadError, match=said):
            fetch(drive_url("whole"), tmp_path / "wrong", wrong, quiet=True)
        assert not (tmp_path / "wrong").exists()


def test_an_interrupted_download_goes_on(
    drive: list[tuple[str, str | None]], tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in (drive_url("cut-once"), f"{address}/cut-once"):
        drive.clear()
        path = tmp_path / f"file{len(url)}"
        with pytest.raises(DownloadError, match=r"ended early.*run the same command again"):
            fetch(url, path, item("cut-once"), quiet=True)
        assert not path.exists()
        fetch(url, path, item("cut-once"), quiet=True)
        assert path.read_bytes() == BODY
        (wanted,) = [wanted for _, wanted in drive if wanted]
        assert 500_000 < int(wanted.removeprefix("bytes=").removesuffix("-")) <= len(BODY) // 2
    # and within one call, when retries are allowed
    monkeypatch.setattr(smis.datasets.download, "RETRIES", 2)
    drive.clear()
    fetch(drive_url("cut-once"), tmp_path / "retried", item("cut-once"), quiet=True)
    assert (tmp_path / "retried").read_bytes() == BODY


# --- what does not ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("quota", r"quota page instead of the file: too many people.*Wait up to 24 hours"),
        ("sign-in", r"no download link: the file was removed or is not public"),
        ("html", r"no download link"),
        ("403", r"no download link"),
        ("429", r"no download link.*refuses for a while"),
        ("bare", r"KeyError"),
        ("cut-always", r"ended early"),
        ("says-more", r"ended early"),
        ("empty", r"is empty"),
    ],
)
def test_drive_misbehaves(drive: list[tuple[str, str | None]], tmp_path: Path, behaviour: str, said: str) -> None:
    with pytest.raises(DownloadError, match=said) as caught:
        download(item(behaviour), tmp_path / "out", quiet=True)
    assert f"open https://drive.google.com/open?id={behaviour} in a browser" in str(caught.value)
    assert "smis download sample --from FILE" in str(caught.value)
    assert not (tmp_path / "out" / "sample").exists()


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("403", r"answers 403 \(forbidden\): its quota"),
        ("404", r"answers 404: the file is not there"),
        ("429", r"answers 429 \(too many requests\)\. Wait an hour"),
        ("503", r"answers 503\. Try again later"),
        ("quota", r"quota page instead of the file"),
        ("sign-in", r"asks to sign in instead of the file"),
        ("html", r"a web page \(HTML\) instead of the file"),
        ("scan", r"cannot scan for viruses"),
    ],
)
def test_any_server_misbehaves(
    drive: list[tuple[str, str | None]], tmp_path: Path, address: str, behaviour: str, said: str
) -> None:
    with pytest.raises(DownloadError, match=said):
        fetch(f"{address}/{behaviour}", tmp_path / "sample", item(behaviour), quiet=True)
    assert not (tmp_path / "sample").exists()


def test_a_server_that_says_less_than_it_has(drive: list[tuple[str, str | None]], tmp_path: Path) -> None:
    """The file ends early without a sign: the known size shows it, or the archive that is cut off."""
    with pytest.raises(DownloadError, match="a zip that is cut off"):
        download(item("says-less"), tmp_path, quiet=True)
    assert not (tmp_path / "sample").exists()
    (tmp_path / "tar").write_bytes(bytes(5000))
    with pytest.raises(DownloadError, match="5,000 bytes, 6,000 expected: it is cut off"):
        check_file(tmp_path / "tar", replace(item("says-less"), size=6000))


def test_a_server_that_cannot_go_on(drive: list[tuple[str, str | None]], tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(DownloadError, match="ended early"):
        fetch(drive_url("no-range"), path, item("no-range"), quiet=True)
    with pytest.raises(DownloadError, match=r"does not go on where the download stopped.*--restart"):
        fetch(drive_url("no-range"), path, item("no-range"), quiet=True)
    drive.extend([("no-range", None)] * 9)  # now it sends all
    fetch(drive_url("no-range"), path, item("no-range"), restart=True, quiet=True)
    assert path.read_bytes() == BODY
    assert not list(tmp_path.glob("*.part"))


def test_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(smis.datasets.download, "RETRIES", 0)

    def unreachable(*args: object, **options: object) -> object:
        raise requests.exceptions.ConnectionError("no route to host")

    monkeypatch.setattr(requests.Session, "request", unreachable)
    for kind in ("file", "folder", None):
        with pytest.raises(DownloadError, match=r"could not be fetched \(ConnectionError: no route to host\)"):
            download(item("whole", kind), tmp_path, quiet=True)


def test_without_gdown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(DownloadError, match=r"pip install 'smis\[download\]'"):
        download(item("whole"), tmp_path)


# --- a file that one has, and the command ----------------------------------------------------------------------------


def test_a_local_file_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: object, **options: object) -> object:
        raise AssertionError("nothing may be fetched")

    monkeypatch.setattr(requests.Session, "request", forbidden)
    (tmp_path / "mine.zip").write_bytes(BODY)
    words = ["download", "deepfashion-sample", "--from", str(tmp_path / "mine.zip"), "--out"]
    assert main([*words, str(tmp_path / "out")]) == 0
    assert str(tmp_path / "out" / "mine-unpacked" / "train" / "a") in capsys.readouterr().out
    assert main([*words, str(tmp_path)]) == 0  # it lies there already
    (tmp_path / "mine.zip").write_text(QUOTA)
    assert main([*words, str(tmp_path / "other")]) == 1
    assert "Google's quota page instead of the file" in capsys.readouterr().err
    assert main(["download", "deepfashion-sample", "--from", str(tmp_path / "no"), "--out", str(tmp_path / "x")]) == 1
    assert "no file" in capsys.readouterr().err


def test_the_command(
    drive: list[tuple[str, str | None]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["download"]) == 0
    shown = capsys.readouterr().out
    for one in PUBLISHED:
        assert one.name in shown
        assert one.drive_id in shown
    monkeypatch.setattr(smis.datasets.download, "PUBLISHED", (item("whole"),))
    assert main(["download", "sample", "--out", str(tmp_path / "out")]) == 0
    assert "sample-unpacked" in capsys.readouterr().out
    assert main(["download", "sample"]) == 1
    assert "--out DIR" in capsys.readouterr().err
    assert main(["download", "weights", "--out", str(tmp_path)]) == 1
    assert "nothing is published as 'weights'; there are: sample" in capsys.readouterr().err


def test_nothing_is_invented() -> None:
    """What could not be checked stays unknown."""
    assert [(one.name, one.size, one.sha256) for one in PUBLISHED] == [
        ("deepfashion-sample", None, None),
        ("checkpoints", None, None),
    ]
    assert published("checkpoints").kind == "folder"
    with pytest.raises(DownloadError, match="no file"):
        check_file("nowhere", PUBLISHED[0])


# --- unpacking -------------------------------------------------------------------------------------------------------


def tar_of(path: Path, *members: tuple[str, bytes | str, bytes], mode: str = "w:gz") -> Path:
    """A tar of (name, type, contents or link target)."""
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type = kind if isinstance(kind, bytes) else tarfile.REGTYPE
            if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = data.decode()
                tar.addfile(info)
            else:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def zip_of(path: Path, *members: tuple[str, bytes], attributes: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename, info.external_attr = name, attributes << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def refused(archive: Path, said: str, limit: int | None = None) -> None:
    """Not unpacked, and nothing is left behind."""
    before = sorted(archive.parent.rglob("*"))
    with pytest.raises(UnpackError, match=said):
        unpack(archive, archive.parent / "out")
    assert sorted(archive.parent.rglob("*")) == before


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_good_tar(tmp_path: Path, mode: str) -> None:
    regular = ("net/a.pth", tarfile.REGTYPE, b"weights")
    archive = tar_of(tmp_path / "x", ("./", tarfile.DIRTYPE, b""), ("net", tarfile.DIRTYPE, b""), regular, mode=mode)
    (tmp_path / "out").mkdir()
    assert unpack(archive, tmp_path / "out") == [tmp_path / "out" / "net" / "a.pth"]
    assert (tmp_path / "out" / "net" / "a.pth").read_bytes() == b"weights"
    with pytest.raises(UnpackError, match="not empty"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "C:/evil", "C:evil", "..\\evil", "a\\..\\..\\evil", "a\x01b", "a/.."]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    for archive in (
        zip_of(tmp_path / "x.zip", ("ok", b"1"), (name, b"2")),
        tar_of(tmp_path / "x.tar", (name, "", b"2")),
    ):
        refused(archive, "does not name a file inside the folder")
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    data = b"/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else b""
    refused(tar_of(tmp_path / "x.tar", ("ok", "", b"1"), ("link", kind, data)), "a link or a device")


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    refused(zip_of(tmp_path / "x.zip", ("link", b"/etc"), attributes=stat.S_IFLNK | 0o777), "a link or a device")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "a"], "twice"),
        (["dir/a.png", "dir/A.PNG"], "twice"),
        (["caf\u00e9", "cafe\u0301"], "twice"),
        (["a", "a."], "twice"),
        (["./a", "a"], "twice"),
        (["a", "a/b"], "a folder that is a file"),
        (["A/b", "a"], "twice"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_for_one_file_are_refused(tmp_path: Path, names: list[str], said: str) -> None:
    refused(zip_of(tmp_path / "x.zip", *((name, b"1") for name in names)), said)
    refused(tar_of(tmp_path / "x.tar", *((name, "", b"1") for name in names)), said)


def test_size_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smis.datasets.unpack, "FREE_BYTES", 1000)
    monkeypatch.setattr(smis.datasets.unpack, "MAX_RATIO", 50)
    zeros = bytes(400_000)
    refused(zip_of(tmp_path / "x.zip", ("a", b"1"), ("b", zeros)), r"more than .* bytes.*'b'.*size bomb")
    refused(tar_of(tmp_path / "x.tar", ("a", "", b"1"), ("b", "", zeros)), r"size bomb")
    many = [(f"{n}", bytes(8000)) for n in range(60)]
    refused(zip_of(tmp_path / "x.zip", *many), "size bomb")
    assert unpack(zip_of(tmp_path / "x.zip", ("a", os.urandom(4000))), tmp_path / "fine")
    monkeypatch.setattr(smis.datasets.unpack, "MAX_ENTRIES", 3)
    refused(zip_of(tmp_path / "x.zip", *((f"{n}", b"") for n in range(4))), "more than 3 entries")


def test_a_zip_that_lies_about_a_size(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x.zip", ("a", bytes(5000)))
    data = archive.read_bytes()
    assert data.count((5000).to_bytes(4, "little")) == 2  # the local and the central entry
    for claimed in (10, 9000):
        archive.write_bytes(data.replace((5000).to_bytes(4, "little"), claimed.to_bytes(4, "little")))
        refused(archive, "damaged|another length")


def test_damaged_archives_are_refused(tmp_path: Path) -> None:
    good = zip_of(tmp_path / "x.zip", ("a", os.urandom(5000))).read_bytes()
    for data in (good[:-100], good[:100] + bytes(50) + good[150:], b"no archive"):
        (tmp_path / "x.zip").write_bytes(data)
        refused(tmp_path / "x.zip", "damaged|neither a zip nor a tar")
    data = tar_of(tmp_path / "x.tar", ("a", "", os.urandom(50_000))).read_bytes()
    (tmp_path / "x.tar").write_bytes(data[:20_000])
    (tmp_path / "x.zip").unlink()
    refused(tmp_path / "x.tar", "damaged")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "x.zip", ("a", b"secret"))
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # the flag in the local entry and in the central one
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    refused(archive, "damaged")
