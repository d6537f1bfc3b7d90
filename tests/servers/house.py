"""The two servers that a user starts, `make studio` and `make lab`, run for the tests and asked as attackers would."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import websocket

from tests.browser.labserver import ROOT, free_port

GUARD = Path(__file__).parent / "guard"
# The browser that the server opens: it notes its command line, and opens nothing.
BROWSER = '#!/bin/sh\necho "$@" > "$(dirname "$0")/opened"\n'


@dataclass
class Answer:
    """What came back for a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def refused(self) -> bool:
        """Neither shown nor done. A redirect counts when it leads to the login page."""
        return self.status >= 400 or (self.status == 302 and "/login" in self.headers.get("location", ""))


@dataclass
class House:
    """A running server. `ask` and `call` come as a stranger unless told otherwise."""

    server: subprocess.Popen
    port: int
    token: str
    log: Path
    home: Path
    start: str  # the path of the page that takes the token
    calls_out: Path
    most_pages: int = 0
    known: dict[str, str] = field(default_factory=dict)  # what the attacks found out
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "studio" if self.start == "/" else "lab"

    def alive(self, kernel: str) -> bool:
        """Whether this kernel runs, asked by its user."""
        return self.ask(f"/api/kernels/{kernel}", **self.with_token()).status == 200

    def enter(self) -> None:
        """Come with the token once, as the user's browser does, and keep the cookies."""
        answer = self.ask(f"{self.start}?token={self.token}")
        for cookie in answer.headers.get("set-cookie", "").split("\n"):
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value

    def cookie(self) -> dict[str, str]:
        """The header that the user's browser sends along, whichever page made it ask."""
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}

    def with_token(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"}

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """One request; the path goes out as it is. Header names: `Host`, `Sec_Fetch_Site`, ..."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            line.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            reply = line.getresponse()
            found: dict[str, str] = {}
            for name, text in reply.getheaders():
                found[name.lower()] = found[name.lower()] + "\n" + text if name.lower() in found else text
            return Answer(reply.status, found, reply.read())
        finally:
            line.close()

    def call(self, path: str, *protocols: str, **headers: str) -> websocket.WebSocket:
        """A websocket. Raises WebSocketBadStatusException when the server refuses it."""
        origin = headers.pop("Origin", f"http://127.0.0.1:{self.port}")
        return websocket.create_connection(
            f"ws://127.0.0.1:{self.port}{path}",
            timeout=20,
            header=[f"{name}: {text}" for name, text in headers.items()],
            origin=origin,
            subprotocols=list(protocols) or None,
        )

    def family(self) -> list[psutil.Process]:
        """The server and its kernels."""
        process = psutil.Process(self.server.pid)
        return [process, *process.children(recursive=True)]


def environment(home: Path) -> dict[str, str]:
    """A user with an empty home folder, a browser that only notes what it is told, and a guard against calls out."""
    programs = home / "programs"
    programs.mkdir()
    (home / "tmp").mkdir()
    (programs / "browser").write_text(BROWSER)
    (programs / "browser").chmod(0o755)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "XDG", "IPYTHON", "DISPLAY"))}
    return dict(
        kept,
        HOME=str(home),
        TMPDIR=str(home / "tmp"),
        BROWSER=f"{programs / 'browser'} %s",
        CALLS_OUT=str(home / "calls-out"),
        PYTHONPATH=os.pathsep.join(filter(None, [str(GUARD), str(ROOT), os.environ.get("PYTHONPATH", "")])),
        PYTHONUNBUFFERED="1",
    )


@contextlib.contextmanager
def running(
    command: list[str], home: Path, folder: Path, start: str, most_pages: int = 0, seconds: float = 90
) -> Iterator[House]:
    """Start a server in `folder` and wait for the address with its token that it prints."""
    log = home / "log.txt"
    with open(log, "w") as file:
        server = subprocess.Popen(
            command, env=environment(home), cwd=folder, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        end = time.monotonic() + seconds
        while not (found := re.search(r"http://127\.0\.0\.1:(\d+)\S*?token=(\w+)", log.read_text())):
            alive = time.monotonic() < end and server.poll() is None
            assert alive, f"the server did not start: {log.read_text()[-3000:]}"
            time.sleep(0.2)
        house = House(server, int(found[1]), found[2], log, home, start, home / "calls-out", most_pages)
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                house.ask("/")
                break
            time.sleep(0.2)
        yield house
    finally:
        family = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
        psutil.wait_procs(family, 10)


@contextlib.contextmanager
def new_home() -> Iterator[Path]:
    """An empty home folder with a short name, as users have: the names of sockets are limited."""
    with tempfile.TemporaryDirectory(prefix="h-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def studio(home: Path, most_pages: int = 2) -> contextlib.AbstractContextManager[House]:
    """`make studio`, with few pages allowed so that the limit can be tried."""
    code = f"from smis_widgets.studio import server, __main__; server.MOST_PAGES = {most_pages}; __main__.main()"
    folder = home / "work"
    folder.mkdir()
    # Whoever can write in the folder where the studio is started could leave this there.
    (folder / "voila.json").write_text('{"Voila": {"ip": "0.0.0.0", "token": ""}}')
    return running([sys.executable, "-c", code, "--port", str(free_port())], home, folder, "/", most_pages)


def asked_elsewhere(page: Any) -> list[str]:
    """A list that grows with each request of a browser's page to another machine, but for what its policy stopped."""
    elsewhere: list[str] = []

    def look(request: Any) -> None:
        where = urlsplit(request.url)
        blocked = request.failure and "csp" in request.failure.lower()
        if where.scheme not in ("data", "blob", "about") and where.hostname != "127.0.0.1" and not blocked:
            elsewhere.append(f"{request.url}: {request.failure}")

    page.on("requestfinished", look)
    page.on("requestfailed", look)
    page.on("websocket", lambda line: "//127.0.0.1:" in line.url or elsewhere.append(line.url))
    return elsewhere


def lab_command() -> list[str]:
    """What `make lab` runs after the installation."""
    recipe = subprocess.check_output(
        ["make", "-n", "-s", "lab"], cwd=ROOT, text=True, env={**os.environ, "MAKEFLAGS": ""}
    )
    program, *arguments = shlex.split(recipe.strip().splitlines()[-1])
    assert program == ".venv/bin/python", recipe
    return [sys.executable, *arguments]


def lab(home: Path, *switches: str) -> contextlib.AbstractContextManager[House]:
    """`make lab`, in the repository."""
    command = [*lab_command(), f"--ServerApp.port={free_port()}", *switches]
    return running(command, home, ROOT, "/lab")


def message(kind: str, content: dict[str, Any], channel: str = "shell") -> dict[str, Any]:
    """A message to a kernel as a page's websocket sends it."""
    header = {"msg_id": f"m-{kind}-{time.monotonic_ns()}", "msg_type": kind, "username": "", "session": "s"}
    header |= {"version": "5.3", "date": "2026-01-01T00:00:00Z"}
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": channel,
        "buffers": [],
    }


def binary(sent: dict[str, Any]) -> bytes:
    """The same message in the binary protocol that newer pages use."""
    parts = [sent["channel"].encode()]
    parts += [json.dumps(sent[part]).encode() for part in ("header", "parent_header", "metadata", "content")]
    offsets, at = [], 8 * (len(parts) + 2)
    for part in parts:
        offsets.append(at)
        at += len(part)
    numbers = [len(parts) + 1, *offsets, at]
    return b"".join(number.to_bytes(8, "little") for number in numbers) + b"".join(parts)
