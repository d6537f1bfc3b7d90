"""A visitor of the studio who wants to run code, see it, or see other files."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import websocket

from tests.servers.asking import PAGE, allowed, answers_still, kernel_of, line_to, refuse, replies
from tests.servers.house import House, binary, message

CODE = (b"import os", b"os.chdir", b"smis_widgets", b"Traceback", b"PAGES[", b"show(&#39;", b"show('")


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
