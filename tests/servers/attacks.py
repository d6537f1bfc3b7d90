"""What strangers, web pages and visitors try on the servers that we start. Each attack says what it met, or raises.

`.venv/bin/python -m tests.servers.attacks` tries them all and writes the table in tests/README.md.
"""

from __future__ import annotations

import contextlib
import json
import re
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import websocket

from smis_widgets.studio.pages import PAGES
from tests.section import write
from tests.servers.house import House, binary, lab, message, new_home, studio

PAGE = "/voila/render/grouped-convolution.ipynb"
KERNEL = re.compile(rb'"kernelId": "([\w-]+)"')
CODE = (b"import os", b"os.chdir", b"smis_widgets", b"Traceback", b"PAGES[", b"show(&#39;", b"show('")
INSIDE = {
    "studio": ("/", PAGE, "/voila/tree", "/voila/api/contents/", "/voila/labextensions/x", "/voila/api/themes/x"),
    "lab": (
        *("/lab", "/tree", "/api/kernels", "/api/sessions", "/api/contents", "/api/terminals", "/files/README.md"),
        *("/nbconvert/html/notebooks/00_start_here.ipynb", "/lab/api/settings", "/lab/api/workspaces", "/lsp/status"),
        *("/api/kernelspecs", "/api/config/x", "/api/nbconvert", "/view/README.md", "/metrics", "/edit/README.md"),
    ),
}
ELSEWHERE = (
    *("/voila/render/..%2f..%2fetc%2fpasswd", "/voila/render/../../etc/passwd", "/voila/render/%2e%2e/x.ipynb"),
    *("/voila/render/", "/voila/render/mixer.ipynb/", "/voila/render/mixer.py", "/voila/render//etc/hosts"),
    *("/voila/files/mixer.ipynb", "/files/mixer.ipynb", "/voila/files/..%2fmixer.ipynb", "/mixer.ipynb"),
    *("/voila/static/..%2f..%2f..%2fetc%2fpasswd", "/voila/static/%2e%2e/app.py", "/voila/static/../app.py"),
    *("/voila/templates/..%2fstatic%2fx", "/voila/templates/lab/static/../../../../../../../../etc/passwd"),
    *("/voila/templates/x", "/voila/templates/lab/static/..%2f..%2fpage.html", "/voila/templates/../static/x"),
    *("/voila/labextensions/..%2f..%2f..%2f..%2fpyvenv.cfg", "/voila/api/themes/..%2f..%2f..%2fetc%2fpasswd"),
    *("/voila/tree", "/voila/tree/..", "/voila/api/contents/", "/voila/api/contents/mixer.ipynb?content=1"),
    *("/nbconvert/html/mixer.ipynb", "/nbconvert/script/mixer.ipynb", "/voila/query/a-b-c-d-e", "/logout"),
    *("/voila/execution/a-b-c-d-e", "/api/kernels", "/api/sessions", "/api/contents", "/api/terminals", "/terminals/1"),
    *("/api/kernelspecs", "/api/config/x", "/api/spec.yaml", "/metrics", "/lab", "/notebooks/mixer.ipynb"),
)
FORBIDDEN: dict[str, dict[str, Any]] = {
    "execute_request": {"code": "open('pwned', 'w')", "silent": False, "store_history": True, "allow_stdin": True},
    "inspect_request": {"code": "open", "cursor_pos": 4, "detail_level": 1},
    "complete_request": {"code": "import o", "cursor_pos": 8},
    "history_request": {"hist_access_type": "tail", "n": 100, "output": True, "raw": True},
    "is_complete_request": {"code": "1"},
    "connect_request": {},
    "interrupt_request": {},
    "create_subshell_request": {},
    "input_reply": {"value": "open('pwned', 'w')"},
    "debug_request": {
        "type": "request",
        "seq": 1,
        "command": "evaluate",
        "arguments": {"expression": "open('pwned','w')"},
    },
}


class LetIn(AssertionError):
    """An attack succeeded."""


def refuse(ok: object, what: str) -> None:
    if not ok:
        raise LetIn(what)


def allowed() -> dict[str, Any]:
    """What a page may ask. A kernel takes no message twice."""
    return message("kernel_info_request", {})


def kernel_of(house: House, page: str = PAGE) -> str:
    """Visit a page; its kernel's number. The visitor's later calls go to the same kernel."""
    if "kernel" not in house.known:
        answer = house.ask(page, **house.cookie())
        found = KERNEL.search(answer.body)
        assert found, f"no page, but {answer.status}: {answer.body[-2000:]!r}"
        house.known |= {"kernel": found[1].decode(), "page": answer.body.decode()}
    return house.known["kernel"]


def line_to(house: House, *protocols: str) -> websocket.WebSocket:
    """The visitor's websocket to the kernel of the page, once it is through: what is sent before is dropped."""
    path = f"/api/kernels/{kernel_of(house)}/channels?session_id=s{time.monotonic_ns()}"
    line = house.call(path, *protocols, **house.cookie())
    for _ in range(60):
        line.send_binary(binary(allowed())) if protocols else line.send(json.dumps(allowed()))
        if b"kernel_info_reply" in b"".join(replies(line, 0.5, b"kernel_info_reply")):
            return line
    raise LetIn("the kernel is silent")


def replies(line: websocket.WebSocket, seconds: float, last: bytes = b"none") -> list[bytes]:
    """What comes back within this time, or until `last` is in it."""
    got: list[bytes] = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not (got and last in got[-1]):
        line.settimeout(left)
        try:
            data = line.recv()
        except (websocket.WebSocketTimeoutException, websocket.WebSocketConnectionClosedException):
            break
        got.append(data.encode() if isinstance(data, str) else data)
    return got


def answers_still(house: House) -> None:
    """The page's kernel still answers its own page."""
    line_to(house).close()


# Another user of the machine, without the token ----------------------------------------------------------------------


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


# A web page in the victim's browser: it makes the browser ask, with the cookies -----------------------------------


def rebinding(house: House) -> str:
    for host in ("evil.example", f"evil.example:{house.port}", "127.0.0.1.evil.example", "169.254.169.254"):
        for more in ({}, house.cookie(), house.with_token()):
            answer = house.ask(house.start, Host=host, **more)
            refuse(answer.status == 403, f"Host {host}: {answer.status}")
    return "403 for any name that is not this machine's, even with the token"


def foreign_posts(house: House) -> str:
    kernel = house.known["kernel"]
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        more = {**house.cookie(), "Origin": origin, "Content_Type": "text/plain"}
        for path in ("/api/kernels", f"/api/kernels/{kernel}", "/api/terminals", "/api/contents/x", "/api/sessions"):
            for method in ("POST", "DELETE"):
                answer = house.ask(path, method, b"{}", **more)
                refuse(answer.status in (403, 404, 405), f"{method} {path} from {origin}: {answer.status}")
    refuse(house.alive(kernel), "the kernel is gone")
    return "403, 404 or 405; the kernel lives"


def foreign_websockets(house: House) -> str:
    kernel = house.known["kernel"]
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", f"http://127.0.0.1:{house.port}.evil.example"):
        for path in (f"/api/kernels/{kernel}/channels", "/terminals/websocket/1", "/api/events/subscribe"):
            try:
                house.call(path, Origin=origin, **house.cookie()).close()
            except websocket.WebSocketBadStatusException as error:
                refuse(error.status_code in (403, 404), f"{origin} {path}: {error.status_code}")
            else:
                raise LetIn(f"a page of {origin} opened {path}")
    return "403 for every other origin, another port of this machine included"


def foreign_reads(house: House) -> str:
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        answer = house.ask(house.start, Origin=origin, **house.cookie())
        allowed = answer.headers.get("access-control-allow-origin")
        refuse(allowed is None, f"{origin} may read the answer: {allowed}")
    policy = house.ask(house.start, **house.cookie()).headers["content-security-policy"]
    framed = re.search(r"frame-ancestors ([^;]*)", policy)
    refuse(framed and framed[1].strip() in ("'none'", "'self'"), f"other pages may frame it: {policy}")
    return "no Access-Control-Allow-Origin; frame-ancestors forbids frames"


def cookie_flags(house: House) -> str:
    cookies = house.ask(f"{house.start}?token={house.token}").headers["set-cookie"].split("\n")
    login = next(cookie for cookie in cookies if cookie.startswith("username-"))
    refuse("HttpOnly" in login, f"scripts can read it: {login}")
    refuse("SameSite=Lax" in login, f"sent along by other sites: {login}")
    return "HttpOnly, SameSite=Lax"


def theme_script(house: House) -> str:
    path = PAGE if house.kind == "studio" else "/voila/render/notebooks/00_start_here.ipynb"
    for theme in ('"><script>alert(1)</script>', "%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "x"):
        with contextlib.suppress(ValueError):  # http.client refuses to send some of them
            answer = house.ask(f"{path}?theme={theme}".replace(" ", "%20"), **house.cookie())
            refuse(answer.status in (400, 404) and b"<script>alert" not in answer.body, f"{theme}: {answer.status}")
    return "400" if house.kind == "studio" else "404: Voila is not part of it"


# A visitor of the studio, with the token -------------------------------------------------------------------------


def other_paths(house: House) -> str:
    for path in ELSEWHERE:
        answer = house.ask(path, **house.cookie())
        refuse(answer.status in (400, 403, 404), f"{path}: {answer.status}")
        refuse(not any(code in answer.body for code in (*CODE, b"root:", b"cell_type")), f"{path} shows something")
    return f"{len(ELSEWHERE)} addresses: 403 or 404"


def other_methods(house: House) -> str:
    kernel, tried = kernel_of(house), 0
    xsrf = {"X_XSRFToken": house.cookies.get("_xsrf", "")}
    roots = ["/api/kernels", f"/api/kernels/{kernel}", f"/api/kernels/{kernel}/restart", "/api/sessions", PAGE]
    roots += ["/api/contents", "/api/contents/x.ipynb", "/api/kernelspecs", "/api/config/notebook", "/api/terminals"]
    for path in roots:
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            if (path, method) == (f"/api/kernels/{kernel}", "DELETE"):
                continue  # the visitor's own kernel, which closing the page ends too
            answer = house.ask(path, method, b'{"name": "python3"}', **house.cookie(), **xsrf)
            refuse(
                answer.status >= 400 or (method == "OPTIONS" and not answer.body), f"{method} {path}: {answer.status}"
            )
            tried += 1
    refuse(house.alive(kernel), "the kernel is gone")
    return f"{tried} requests: 403, 404 or 405"


def templates(house: House) -> str:
    kernel_of(house)
    for name in ("../../../../tmp/evil", "classic", "reveal", "latex", "nothing"):
        answer = house.ask(f"{PAGE.replace('grouped-convolution', 'nothing')}?template={name}", **house.cookie())
        refuse(answer.status == 404, f"{name}: {answer.status}")
    from smis_widgets.studio.server import settings

    refuse(
        settings(Path(), 1, "x").VoilaConfiguration.allow_template_override == "NO", "a visitor chooses the template"
    )
    return "not heard"


def own_code(house: House) -> str:
    """Every kind of message that runs or reads code, on every channel, in both protocols."""
    kernel_of(house)
    for protocols in ((), ("v1.kernel.websocket.jupyter.org",)):
        with contextlib.closing(line_to(house, *protocols)) as line:
            for kind, content in FORBIDDEN.items():
                for channel in ("shell", "control", "stdin"):
                    sent = message(kind, content, channel)
                    if protocols:
                        line.send_binary(binary(sent))
                    else:
                        line.send(json.dumps(sent))
            line.send_binary(binary(allowed())) if protocols else line.send(json.dumps(allowed()))
            back = b"\n".join(replies(line, 10.0, b"kernel_info_reply") + replies(line, 0.5))
            refuse(b"kernel_info_reply" in back, "not even what is allowed is answered")
            for kind in FORBIDDEN:
                refuse(kind.replace("request", "reply").encode() not in back, f"{kind} is answered")
            refuse(b'"execute_input"' not in back and b'"msg_type": "error"' not in back, f"it ran: {back[:500]!r}")
    refuse(not list(house.home.rglob("pwned")), "the code ran")
    answers_still(house)
    return f"{len(FORBIDDEN)} kinds of messages, 3 channels, 2 protocols: none is answered, nothing runs"


def foreign_comms(house: House) -> str:
    kernel_of(house)
    state = {"_model_module": "os", "_model_name": "system", "_view_name": "x", "value": "open('pwned', 'w')"}
    with contextlib.closing(line_to(house)) as line:
        for target in ("os", "builtins", "matplotlib", "jupyter.widget", "jupyter.widget.control", "__import__", ""):
            content = {"comm_id": f"c{time.monotonic_ns()}", "target_name": target, "target_module": "os"}
            sent = message("comm_open", {**content, "data": {"state": state, "buffer_paths": []}})
            sent["metadata"] = {"version": "2.1.0"}
            line.send(json.dumps(sent))
        line.send(json.dumps(allowed()))
        back = b"".join(replies(line, 10.0, b"kernel_info_reply") + replies(line, 0.5))
        refuse(b"kernel_info_reply" in back, "the kernel is silent")
        closed = len(set(re.findall(rb'"comm_id": "(c\d+)"', back)))
    refuse(not list(house.home.rglob("pwned")), "the code ran")
    answers_still(house)
    return f"7 targets, {closed} closed, the rest ignored; nothing runs"


def broken_messages(house: House) -> str:
    kernel_of(house)
    server = psutil.Process(house.server.pid)
    memory = server.memory_info().rss
    if sys.platform == "linux":  # one that gets in would fill the memory of the machine
        server.rlimit(psutil.RLIMIT_AS, (server.memory_info().vms + 2**30, psutil.RLIM_INFINITY))
    far = (2**62).to_bytes(8, "little")
    texts = [
        "",
        "{",
        "[]",
        "null",
        '"x"',
        "{}",
        "[" * 100_000,
        '{"header": {"msg_type": 1}}',
        '{"header": null, "channel": "shell"}',
    ]
    texts += [
        '{"channel": "nowhere", "header": {"msg_type": "comm_msg"}}',
        '{"channel": "iopub", "header": {"msg_type": "comm_msg"}}',
    ]
    blobs = [
        b"",
        b"\0",
        far,
        far * 3,
        b"\x7f\xff\xff\xff" * 3,
        b"\xff" * 1000,
        (3).to_bytes(8, "little") + far * 4,
        b"\0" * 11_000_000,
    ]
    for protocols in ((), ("v1.kernel.websocket.jupyter.org",)):
        for what in (*texts, *blobs):  # type: str | bytes
            with (
                contextlib.suppress(OSError, websocket.WebSocketException),
                contextlib.closing(line_to(house, *protocols)) as line,
            ):
                line.send(what) if isinstance(what, str) else line.send_binary(what)
                replies(line, 0.05)
    answers_still(house)
    if sys.platform == "linux":
        server.rlimit(psutil.RLIMIT_AS, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    grown = (server.memory_info().rss - memory) / 2**20
    refuse(grown < 200, f"the server grew by {grown:.0f} MiB")
    return (
        f"{2 * (len(texts) + len(blobs))} messages: that connection ends, the page answers; the server's memory stays"
    )


def large_bodies(house: House) -> str:
    memory = psutil.Process(house.server.pid).memory_info().rss
    for _ in range(3):
        with contextlib.suppress(OSError):
            answer = house.ask("/login", "POST", b"password=" + b"x" * 60_000_000)
            refuse(answer.status in (400, 413), f"it was read: {answer.status}")
    grown = (psutil.Process(house.server.pid).memory_info().rss - memory) / 2**20
    refuse(grown < 40, f"the server grew by {grown:.0f} MiB")
    return "3 of 60 MB: refused before they are read"


def source(house: House) -> str:
    kernel_of(house)
    page = house.known["page"].encode()
    refuse(not any(code in page for code in CODE), "the page shows code")
    broken = house.ask("/voila/render/nothing.ipynb", **house.cookie()).body
    refuse(not any(code in broken for code in CODE), "an error page shows code")
    return "none in the page, none on an error page"


def many_pages(house: House) -> str:
    kernel_of(house)
    with ThreadPoolExecutor(8) as crowd:
        got = list(crowd.map(lambda _: house.ask(PAGE, **house.cookie()).status, range(8)))
    kernels = [process for process in house.family() if "-f" in process.cmdline()]
    refuse(len(kernels) <= house.most_pages, f"{len(kernels)} kernels run")
    refuse(set(got) == {200, 503}, f"{got}")
    return f"8 at once where {house.most_pages} are allowed: {house.most_pages} kernels, then 503 and what to do"


def planted_settings(house: House) -> str:
    refuse((house.home / "work" / "voila.json").exists(), "nothing was planted")
    ports(house)
    refuse(house.ask("/").refused, "its empty token is taken")
    return "not read"


def clean_address(house: House) -> str:
    answer = house.ask(f"/?token={house.token}")
    refuse(answer.status == 302 and answer.headers["location"] == "/", f"{answer.status} {answer.headers}")
    letters = list((house.home / "tmp").glob("voila_*/open.html"))
    refuse(not any(house.token in letter.read_text() for letter in letters), "the browser's file is still there")
    policy = answer.headers["referrer-policy"]
    refuse(policy == "same-origin", policy)
    return "the address is clean after the first visit, the browser's file is gone, no Referer leaves"


def silence(house: House) -> str:
    if house.kind == "lab":
        for path in (
            "/lab/api/update",
            "/lab/api/news",
            "/lab/api/extensions?refresh=1",
            "/lab/api/extensions?query=voila",
        ):
            house.ask(path, **house.with_token())
    said = house.calls_out.read_text() if house.calls_out.exists() else ""
    refuse(not said, f"calls out: {said}")
    return "server and kernels called no other machine"


Attack = tuple[str, str, Callable[[House], str]]
STRANGER, WEBSITE, VISITOR = "another user", "a website", "a visitor"
BOTH: list[Attack] = [
    (STRANGER, "ask without the token", without_token),
    (STRANGER, "guess the token or the cookie", wrong_tokens),
    (STRANGER, "look for open ports", ports),
    (STRANGER, "read the kernels' files", files),
    (STRANGER, "read the token with `ps`", command_lines),
    (WEBSITE, "come under another name (DNS rebinding)", rebinding),
    (WEBSITE, "POST or DELETE with the user's cookie", foreign_posts),
    (WEBSITE, "open a websocket with the user's cookie", foreign_websockets),
    (WEBSITE, "read an answer, or show it in a frame", foreign_reads),
    (WEBSITE, "use the cookie from a script or another site", cookie_flags),
    (WEBSITE, "put a script into the page by `?theme=`", theme_script),
]
STUDIO: list[Attack] = [
    (STRANGER, "leave a `voila.json` that opens it where it is started", planted_settings),
    (STRANGER, "send large requests", large_bodies),
    (VISITOR, "run code by messages to the kernel", own_code),
    (VISITOR, "open channels to other objects", foreign_comms),
    (VISITOR, "send broken, deep and huge messages", broken_messages),
    (VISITOR, "other files, by `..`, encodings, exporters", other_paths),
    (VISITOR, "POST, PUT, PATCH, DELETE on the API", other_methods),
    (VISITOR, "another template", templates),
    (VISITOR, "find the source or a traceback", source),
    (VISITOR, "open many pages at once", many_pages),
    ("nobody", "the token after the first visit", clean_address),
    ("nobody", "anything sent to other machines", silence),
]
LAB: list[Attack] = [("nobody", "anything sent to other machines", silence)]


def prepare(house: House) -> None:
    """The user comes in and opens a page, or a notebook's kernel in JupyterLab."""
    house.enter()
    if house.kind == "studio":
        kernel_of(house)
    else:
        answer = house.ask("/api/kernels", "POST", b"{}", **house.with_token())
        assert answer.status == 201, answer.body
        house.known["kernel"] = json.loads(answer.body)["id"]
        time.sleep(3)


def main() -> None:
    lines = ["| server | who | tries to | met |", "|---|---|---|---|"]
    for start, attacks in ((studio, BOTH + STUDIO), (lab, BOTH + LAB)):
        with new_home() as home, start(home) as house:
            prepare(house)
            for who, what, attack in attacks:
                lines.append(f"| `make {house.kind}` | {who} | {what} | {attack(house)} |")
                print(lines[-1], flush=True)
    write("servers", lines)


if __name__ == "__main__":
    assert PAGES
    main()
