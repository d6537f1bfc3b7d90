"""What all attacks need: who is allowed in, a line to a kernel, and the error of an attack that got in."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import websocket

from tests.servers.house import House, binary, message

PAGE = "/voila/render/grouped-convolution.ipynb"


KERNEL = re.compile(rb'"kernelId": "([\w-]+)"')


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
