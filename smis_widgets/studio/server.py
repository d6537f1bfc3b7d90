"""Voila on this computer only, behind a token: the start page, and one notebook a widget, made on the fly.

A page runs its own cell and nothing else: the server refuses any other code, and shows no source. `SECURITY.md` says
what is held off; `tests/servers` tries it.
"""

from __future__ import annotations

import functools
import hmac
import os
import re
import signal
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from jupyter_server.auth.identity import IdentityProvider, User
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.log import log_request
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado import web
from traitlets.config import Config
from voila.app import Voila  # type: ignore[import-untyped]
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler  # type: ignore[import-untyped]
from voila.static_file_handler import (  # type: ignore[import-untyped]
    AllowListFileHandler,
    TemplateStaticFileHandler,
)
from voila.tornado.contentshandler import VoilaContentsHandler  # type: ignore[import-untyped]
from voila.tornado.handler import TornadoVoilaHandler  # type: ignore[import-untyped]
from voila.tornado.kernel_websocket_handler import (  # type: ignore[import-untyped]
    VoilaKernelWebsocketHandler,
)
from voila.tornado.treehandler import TornadoVoilaTreeHandler  # type: ignore[import-untyped]

from smis_widgets.studio.pages import PAGES, Page
from smis_widgets.studio.start import start_page

MOST_PAGES = 12  # open at the same time; each has a process of its own
MOST_BODY = 2**20  # bytes of a request: what the pages send goes through their websockets
MOST_NAME = 40  # characters of the folder for temporary files: with the rest, a socket may have a name of 107
# Extensions of JupyterLab that have nothing to do with widgets and complain on a Voila page.
OTHERS = ["jupyterlab-jupytext", "@jupyter-notebook/lab-extension", "@voila-dashboards/jupyterlab-preview"]
LINK = '<a href="../../" style="font-size: 14px">← the studio</a>'
# Voila's template asks for a font on the web, a widget's text could ask for more: the browser does not do it. Older
# versions of Safari do not count websockets as 'self'.
POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; base-uri 'self'; form-action 'self'; "
    "object-src 'none'; frame-ancestors 'none'; connect-src 'self' data: blob: ws://127.0.0.1:* ws://localhost:*"
)


class Door(IdentityProvider):
    """The token, compared in a time that tells nothing. It comes once; then a cookie of this browser takes over."""

    logout_available = False  # the cookie ends with the browser or with the server

    def get_token(self, handler: web.RequestHandler) -> str | None:
        """The visitor's token if it is the right one."""
        return self.token if self.fits(super().get_token(handler) or "") else None

    def process_login_form(self, handler: web.RequestHandler) -> User | None:
        """The login page takes the token too."""
        given = handler.get_argument("password", default="")
        return self.generate_anonymous_user(handler) if self.fits(given) else None

    def fits(self, given: str) -> bool:
        """Whether this is the token."""
        return bool(self.token) and hmac.compare_digest(given.encode(), str(self.token).encode())


class FewKernels(AsyncMappingKernelManager):
    """Refuses a kernel when many run: whoever reloads a page forever does not fill the memory."""

    starting = 0

    async def start_kernel(self, **options: Any) -> str:  # type: ignore[override]
        """As ever, up to MOST_PAGES. Those that are just starting count too."""
        if len(self) + self.starting >= MOST_PAGES:
            raise web.HTTPError(503, f"{MOST_PAGES} pages are open, which is the most: close one and reload")
        self.starting += 1
        try:
            return await super().start_kernel(**options)
        finally:
            self.starting -= 1


class Start(JupyterHandler):
    """The start page, for those who know the token."""

    @web.authenticated
    def get(self) -> None:
        if self.get_argument("token", None) is not None:
            self.settings["voila"].letter.unlink(missing_ok=True)  # the browser has read it
            self.redirect(self.settings["server_url"])  # and the token leaves the address bar
        else:
            self.finish(start_page())


class Room(TornadoVoilaHandler):
    """A widget's page: one of ours, in the light or the dark theme. Voila writes any other theme into its HTML."""

    @web.authenticated
    async def get(self, path: str | None = None) -> None:
        if path not in {f"{name}.ipynb" for name in PAGES}:
            raise web.HTTPError(404, f"no such page; there are {', '.join(PAGES)}")
        if self.get_argument("theme", "light") not in ("light", "dark"):
            raise web.HTTPError(400, "the theme is light or dark")
        await super().get(path)


class Wire(VoilaKernelWebsocketHandler):
    """A page's line to its kernel. Voila lets through what widgets need, and no message that runs or reads code."""

    def on_message(self, message: str | bytes) -> None:
        """Jupyter counts to whatever number of parts a message names, and nobody else is served meanwhile."""
        if isinstance(message, bytes):
            new = self.selected_subprotocol == "v1.kernel.websocket.jupyter.org"
            parts, size = (int.from_bytes(message[:8], "little"), 8) if new else (int.from_bytes(message[:4], "big"), 4)
            if parts * size > len(message):
                self.close(1003, "the message is shorter than it says")
                return
        super().on_message(message)


class Furniture(TemplateStaticFileHandler):
    """Style sheets and scripts of Voila's pages. Voila's own stumbles over any other address."""

    def parse_url_path(self, path: str) -> str:
        """The file's name, for addresses like lab/static/page.css."""
        if not re.fullmatch(r"[\w-]+/static/[\w-].*", path) or ".." in path:
            raise web.HTTPError(404)
        return str(super().parse_url_path(path))


class Farewell(VoilaShutdownKernelHandler):
    """Ends a page's kernel. Voila's own refuses the call that a browser makes when a page closes: it has no XSRF token.

    The cookie of the token is still asked for, and a kernel's number cannot be guessed.
    """

    def check_xsrf_cookie(self) -> None:
        """Not asked for."""


class Studio(Voila):
    """Voila with a start page of its own in place of the list of files."""

    quiet = False  # True: print the address, open no browser
    letter = Path(os.devnull)

    def init_handlers(self) -> list[Any]:
        unused = (TornadoVoilaTreeHandler, VoilaContentsHandler, AllowListFileHandler)  # they list and send files
        ours = {
            VoilaShutdownKernelHandler: Farewell,
            TornadoVoilaHandler: Room,
            TemplateStaticFileHandler: Furniture,
            VoilaKernelWebsocketHandler: Wire,
        }
        handlers = [handler for handler in super().init_handlers() if handler[1] not in unused]
        return [(self.server_url, Start), *((path, ours.get(kind, kind), *more) for path, kind, *more in handlers)]

    def listen(self) -> None:
        """As Voila does, but large requests are refused before they fill the memory."""
        self.app.listen = functools.partial(self.app.listen, max_body_size=MOST_BODY, max_buffer_size=2 * MOST_BODY)
        super().listen()

    @property
    def address(self) -> str:
        """The start page's address, with the token."""
        return f"http://127.0.0.1:{self.port}{self.server_url}?token={self.identity_provider.token}"

    def launch_browser(self) -> None:
        """Print the address, and lead a browser to it by a file that only this user can read.

        A program's command line is there for all users of the machine to see: the token must not be in it.
        """
        print(f"The studio is open at\n\n    {self.address}\n\nCtrl-C ends it.", flush=True)
        if not self.quiet:
            self.letter = Path(self.connection_dir) / "open.html"
            with open(os.open(self.letter, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f'<meta http-equiv="refresh" content="0; url={self.address}">')
            threading.Thread(target=webbrowser.open, args=(self.letter.as_uri(),), daemon=True).start()


def write_notebooks(folder: Path, home: Path, pages: Mapping[str, Page] = PAGES) -> None:
    """One notebook a page. Widgets save their files in `home`."""
    for name, page in pages.items():
        head = nbformat.v4.new_markdown_cell(f"{LINK}\n\n# {page.title}\n\n{page.words}")
        code = f"from smis_widgets.studio.pages import show\nshow({name!r}, {str(home)!r})"
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cells = [head, nbformat.v4.new_code_cell(code)]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "title": page.title})
        nbformat.write(notebook, folder / f"{name}.ipynb")


def settings(folder: Path, port: int, token: str | None) -> Config:
    """How Voila is set up. `token` None: a new one is made."""
    config = Config()
    config.Voila.ip, config.Voila.port, config.Voila.root_dir = "127.0.0.1", port, str(folder)
    config.Voila.config_file_paths = []  # Voila runs a voila.py of the current folder, whoever put it there
    config.Voila.open_browser = True  # `launch_browser` above
    config.Voila.identity_provider_class = Door
    if token is None:
        config.Voila.auto_token = True
    else:
        config.Voila.token = token
    config.Door.cookie_options = {"samesite": "Lax", "expires_days": None}
    config.Voila.tornado_settings = {
        "headers": {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"},
        "allow_remote_access": False,  # a name that leads here (DNS rebinding) is refused
        "log_function": log_request,  # leaves the token out
    }
    config.Voila.log_level = "ERROR"
    config.VoilaConfiguration.strip_sources = True
    config.VoilaConfiguration.show_tracebacks = False  # `show` in pages.py says what is wrong
    config.VoilaConfiguration.allow_template_override = "NO"
    config.VoilaConfiguration.multi_kernel_manager_class = FewKernels
    config.VoilaConfiguration.extension_denylist = OTHERS
    if sys.platform == "linux" and len(tempfile.gettempdir()) <= MOST_NAME:
        config.KernelManager.transport = "ipc"  # kernels listen on files of this user, not on ports
    config.MappingKernelManager.cull_idle_timeout = 600  # seconds; pages that were closed end sooner
    return config


def serve(port: int = 8866, token: str | None = None, browser: bool = True) -> None:
    """Open the studio and run until it is interrupted. A port that is taken gives way to the next one."""
    with tempfile.TemporaryDirectory(prefix="smis-studio-") as name:
        write_notebooks(Path(name), Path.cwd())
        studio = Studio(config=settings(Path(name), port, token))
        studio.quiet = not browser
        studio.initialize(argv=[])
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            signal.signal(signal.SIGHUP, studio._handle_signal_stop)  # its terminal was closed: tidy up as for SIGTERM
        studio.start()
