"""What strangers, web pages and visitors try on the servers that we start. Each attack says what it met, or raises.

`.venv/bin/python -m tests.servers.attacks` tries them all and writes the table in tests/README.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from tests.section import write
from tests.servers.asking import kernel_of, refuse
from tests.servers.house import House, lab, new_home, studio
from tests.servers.strangers import (
    command_lines,
    files,
    large_bodies,
    planted_settings,
    ports,
    without_token,
    wrong_tokens,
)
from tests.servers.visitors import (
    broken_messages,
    foreign_comms,
    many_pages,
    other_methods,
    other_paths,
    own_code,
    source,
    templates,
)
from tests.servers.websites import (
    cookie_flags,
    foreign_posts,
    foreign_reads,
    foreign_websockets,
    rebinding,
    theme_script,
)


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
    main()
