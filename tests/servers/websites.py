"""A website in the user's browser: under another name, with the user's cookie, from another origin."""

from __future__ import annotations

import contextlib
import re

import websocket

from tests.servers.asking import PAGE, LetIn, refuse
from tests.servers.house import House


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
