"""Another user of the machine: without the token, at the ports, the files and the command lines."""

from __future__ import annotations

import contextlib
import json
import stat
import sys
from pathlib import Path

import psutil

from tests.servers.asking import PAGE, refuse
from tests.servers.house import House

INSIDE = {
    "studio": ("/", PAGE, "/voila/tree", "/voila/api/contents/", "/voila/labextensions/x", "/voila/api/themes/x"),
    "lab": (
        *("/lab", "/tree", "/api/kernels", "/api/sessions", "/api/contents", "/api/terminals", "/files/README.md"),
        *("/nbconvert/html/notebooks/00_start_here.ipynb", "/lab/api/settings", "/lab/api/workspaces", "/lsp/status"),
        *("/api/kernelspecs", "/api/config/x", "/api/nbconvert", "/view/README.md", "/metrics", "/edit/README.md"),
    ),
}


def without_token(house: House) -> str:
    paths = INSIDE[house.kind]
    for path in paths:
        answer = house.ask(path)
        refuse(answer.refused, f"{path} answers {answer.status}")
        refuse(b"Mixer" not in answer.body and b"README" not in answer.body, f"{path} shows something")
    for path in ("/api/kernels", "/api/terminals", "/api/sessions", "/api/contents/x"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            refuse(house.ask(path, method, b"{}").refused, f"{method} {path}")
    return f"{len(paths)} addresses: login page, 403 or 404; POST, PUT, PATCH, DELETE: 403, 404 or 405"


def wrong_tokens(house: House) -> str:
    wrong = ["", "guess", house.token[:-1], house.token + "0", house.token.upper() + "A", "%00", "%C3%A9", "0" * 5000]
    for token in wrong:
        refuse(house.ask(f"{house.start}?token={token}").refused, f"token {token[:60]}")
    for header in ("token x", "Bearer x", "token " + house.token[:-1], "Basic eDp4", "token \xe9"):
        refuse(house.ask(house.start, Authorization=header).refused, header)
    for cookie in ("username-127-0-0-1=x", f'username-127-0-0-1-{house.port}="2|1:0|10:1|1:a|4:eA==|00"'):
        refuse(house.ask(house.start, Cookie=cookie).refused, cookie)
    refuse(house.ask("/login", "POST", b"password=guess").status >= 400, "the login page took a guess")
    return f"{len(wrong) + 8} guesses: login page, 401 or 403"


def ports(house: House) -> str:
    open_ports = 0
    for process in house.family():
        for at in process.net_connections("inet"):
            if at.status in (psutil.CONN_LISTEN, psutil.CONN_NONE):
                refuse(at.laddr.ip == "127.0.0.1", f"{process.name()} listens on {at.laddr}")
                refuse(
                    process.pid == house.server.pid or at.laddr.port not in connection_ports(process), "a kernel's port"
                )
                open_ports += process.pid == house.server.pid
    refuse(open_ports == 1, f"the server has {open_ports} ports")
    return "one port, on 127.0.0.1; kernels talk through Unix sockets" if sys.platform == "linux" else "127.0.0.1 only"


def connection_file(process: psutil.Process) -> Path:
    command = process.cmdline()
    return Path(command[command.index("-f") + 1])


def connection_ports(process: psutil.Process) -> set[int]:
    """The ports of a kernel's channels; none where it talks through Unix sockets."""
    found = json.loads(connection_file(process).read_text())
    if found["transport"] == "ipc":
        return set()
    return {port for name, port in found.items() if name.endswith("_port")} if sys.platform == "linux" else set()


def files(house: House) -> str:
    kernels = [process for process in house.family() if "-f" in process.cmdline()]
    assert kernels, "no kernel runs"
    for kernel in kernels:
        file = connection_file(kernel)
        refuse(stat.S_IMODE(file.stat().st_mode) == 0o600, f"{file} can be read")
        refuse(not file.parent.stat().st_mode & 0o077, f"{file.parent} can be entered")
        refuse(len(json.loads(file.read_text())["key"]) >= 32, "messages are not signed")
    return "connection files have mode 0600, their folders 0700; messages are signed"


def command_lines(house: House) -> str:
    for process in house.family():
        refuse(house.token not in " ".join(process.cmdline()), "the token is in a command line")
    opened = (house.home / "programs" / "opened").read_text().strip()
    refuse(house.token not in opened, f"the browser's command line is: {opened}")
    refuse(opened.startswith("file://"), opened)
    return "the token is in none, the browser's included: it opens a file in a folder of mode 0700"


def large_bodies(house: House) -> str:
    memory = psutil.Process(house.server.pid).memory_info().rss
    for _ in range(3):
        with contextlib.suppress(OSError):
            answer = house.ask("/login", "POST", b"password=" + b"x" * 60_000_000)
            refuse(answer.status in (400, 413), f"it was read: {answer.status}")
    grown = (psutil.Process(house.server.pid).memory_info().rss - memory) / 2**20
    refuse(grown < 40, f"the server grew by {grown:.0f} MiB")
    return "3 of 60 MB: refused before they are read"


def planted_settings(house: House) -> str:
    refuse((house.home / "work" / "voila.json").exists(), "nothing was planted")
    ports(house)
    refuse(house.ask("/").refused, "its empty token is taken")
    return "not read"
