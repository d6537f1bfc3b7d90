"""The attacks on JupyterLab can succeed: each door is opened on purpose, by a setting in the user's own folder, or by a
switch where the course's own setting comes before it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.servers.asking import LetIn
from tests.servers.attacks import prepare, silence
from tests.servers.house import House, lab, new_home
from tests.servers.strangers import command_lines, files, ports, without_token, wrong_tokens
from tests.servers.websites import cookie_flags, foreign_posts, foreign_reads, foreign_websockets, rebinding

NO_LOGIN = """
c.ServerApp.disable_check_xsrf = True
from jupyter_server.auth.identity import IdentityProvider, User
async def anybody(self, handler):
    return User("anybody")
IdentityProvider._get_user = anybody
"""
HALF_A_TOKEN = """
from jupyter_server.auth.identity import IdentityProvider
usual = IdentityProvider.get_token
def beginning(self, handler):
    given = usual(self, handler)
    return self.token if given and self.token.startswith(given) else given
IdentityProvider.get_token = beginning
"""
ANY_PAGE = 'c.ServerApp.disable_check_xsrf = True\nc.ServerApp.allow_origin = "*"'
FRAMES = 'c.ServerApp.tornado_settings = {"headers": {"Content-Security-Policy": "default-src *"}}'
NOT_PRIVATE = """
import contextlib
import jupyter_client.connect
@contextlib.contextmanager
def plain(file, binary=False):
    with open(file, "wb" if binary else "w") as opened:
        yield opened
jupyter_client.connect.secure_write = plain
"""
DOORS: dict[str, tuple[str, list[Callable[[House], str]]]] = {
    "nobody is asked who he is": (NO_LOGIN, [without_token]),
    "a part of the token will do": (HALF_A_TOKEN, [wrong_tokens]),
    "kernels have ports": ("--KernelManager.transport=tcp", [ports]),
    "messages are not signed": ('c.Session.key = b""', [files]),
    "the kernels' files can be read": (NOT_PRIVATE, [files]),
    "the browser is given the token": ("c.ServerApp.use_redirect_file = False", [command_lines]),
    "any name will do": ("c.ServerApp.allow_remote_access = True", [rebinding]),
    "any page may ask": (ANY_PAGE, [foreign_posts, foreign_websockets, foreign_reads]),
    "any page may frame it": (FRAMES, [foreign_reads]),
    "the cookie is for all sites": ("--IdentityProvider.cookie_options=samesite=None", [cookie_flags]),
    "extensions are looked up": ("--LabApp.extension_manager=pypi", [silence]),
}


@pytest.mark.parametrize("door", DOORS)
def test_an_open_door_is_found(door: str) -> None:
    setting, attacks = DOORS[door]
    switches = [setting] if setting.startswith("--") else []
    with new_home() as home:
        (home / ".jupyter").mkdir()
        (home / ".jupyter" / "jupyter_server_config.py").write_text("" if switches else setting)
        with lab(home, *switches) as house:
            prepare(house)
            for attack in attacks:
                with pytest.raises(LetIn):
                    attack(house)
