"""Inside the machine: start `make lab` or `make studio`, use it as a browser would, and stop it.

    .venv/bin/python server.py lab|studio

Ends with a line `outcome: ...`; the exit status is 1 when something is not as it should be.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import websocket  # a package that JupyterLab needs too

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/\S*token=(\w+)")
FIRST = "/lab/tree/notebooks/00_start_here.ipynb"
LIMIT = 300  # seconds that any one step may take
LOOPBACK = "0100007F"  # 127.0.0.1 as the kernel writes it


class Wrong(Exception):
    """Something is not as it should be."""


class Browser:
    """Keeps cookies, and sends the token when it has one."""

    def __init__(self, base: str, token: str = "") -> None:
        self.base, self.token = base, token
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def get(self, path: str, data: bytes | None = None) -> tuple[str, bytes]:
        """Where it ends up, and what it reads there. With data it is a POST."""
        request = urllib.request.Request(self.base + path, data)
        if self.token:
            request.add_header("Authorization", f"token {self.token}")
        try:
            with self._opener.open(request, timeout=LIMIT) as answer:
                return answer.url, answer.read()
        except urllib.error.HTTPError as error:
            raise Wrong(f"{path} answers {error.code} {error.reason}") from error


def main() -> int:
    target = sys.argv[1]
    start = time.monotonic()
    process = subprocess.Popen(
        ["make", target], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        address, port, token = read_address(process)
        base = f"http://127.0.0.1:{port}"
        in_time(lambda: Browser(base).get("/login"))
        seconds = time.monotonic() - start
        stranger, _ = Browser(base).get("/")
        check("/login" in stranger, f"without its token it shows {stranger}")
        check(listens_on(port) == {LOOPBACK}, f"it listens on {listens_on(port)}")
        guest = Browser(base)
        page, _ = guest.get(address.removeprefix(base))
        check("/login" not in page, f"with its token it shows {page}")
        if target == "lab":
            check(FIRST in page, f"it opens {page}")
            use_lab(Browser(base, token))
        else:
            _, html = guest.get("/voila/render/mixer.ipynb")
            check(b"application/vnd.jupyter.widget-view+json" in html, "the mixer's page has no widget")
    except Wrong as wrong:
        print(f"outcome: {wrong}")
        return 1
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)  # make, and the server below it
    used = "opens notebook 00, a kernel computes" if target == "lab" else "the mixer's page has its widget"
    print(f"outcome: answers on 127.0.0.1 after {seconds:.0f} s, asks for a token; {used}")
    return 0


def use_lab(browser: Browser) -> None:
    """Read the first notebook, start a kernel, let it compute."""
    _, text = browser.get("/api/contents" + FIRST.removeprefix("/lab/tree"))
    check(len(json.loads(text)["content"]["cells"]) > 5, "the first notebook has hardly any cells")
    kernel = json.loads(browser.get("/api/kernels", b"{}")[1])["id"]
    channels = f"{browser.base.replace('http', 'ws')}/api/kernels/{kernel}/channels"
    socket = websocket.create_connection(channels, LIMIT, header=[f"Authorization: token {browser.token}"])
    session = uuid.uuid4().hex
    header = {"msg_id": session, "msg_type": "execute_request", "session": session, "username": "", "version": "5.3"}
    content: dict[str, Any] = {"code": "import smis; print(6 * 7)", "silent": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    socket.send(json.dumps(message))
    while True:
        answer = json.loads(socket.recv())
        check(answer["msg_type"] != "error", f"a kernel cannot compute: {answer['content']}")
        if answer["msg_type"] == "stream" and "42" in answer["content"]["text"]:
            return


def read_address(process: "subprocess.Popen[str]") -> tuple[str, int, str]:
    """Address, port and token that the server prints; what it prints before is shown."""
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        if match := ADDRESS.search(line):
            return match[0], int(match[1]), match[2]
    raise Wrong(f"ended with status {process.wait()} and no address")


def in_time(action: Callable[[], Any]) -> None:
    """Try until nothing refuses the connection."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            action()
        except urllib.error.URLError as error:
            check(time.monotonic() < end, f"no answer: {error}")
            time.sleep(0.1)
        else:
            return


def listens_on(port: int) -> set[str]:
    """The addresses on which somebody listens at this port, IPv4 and IPv6."""
    found = set()
    for file in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in file.read_text().splitlines()[1:] if file.exists() else []:
            _, local, _, state = line.split()[:4]
            address, number = local.split(":")
            if state == "0A" and int(number, 16) == port:
                found.add(address)
    return found


def check(right: bool, wrong: str) -> None:
    if not right:
        raise Wrong(wrong)


if __name__ == "__main__":
    sys.exit(main())
