"""Voila on this computer only, behind a token: the start page, and one notebook a widget, made on the fly.

A page runs its own two cells and nothing else: the server refuses any other code, and shows no source.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from jupyter_server.base.handlers import JupyterHandler
from tornado import web
from traitlets.config import Config
from voila.app import Voila  # type: ignore[import-untyped]
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler  # type: ignore[import-untyped]
from voila.tornado.contentshandler import VoilaContentsHandler  # type: ignore[import-untyped]
from voila.tornado.treehandler import TornadoVoilaTreeHandler  # type: ignore[import-untyped]

from smis_widgets.studio.pages import PAGES, Page
from smis_widgets.studio.start import start_page

# Extensions of JupyterLab that have nothing to do with widgets and complain on a Voila page.
OTHERS = ["jupyterlab-jupytext", "@jupyter-notebook/lab-extension", "@voila-dashboards/jupyterlab-preview"]
LINK = '<a href="../../" style="font-size: 14px">← the studio</a>'


class Start(JupyterHandler):
    """The start page, for those who know the token."""

    @web.authenticated
    def get(self) -> None:
        self.finish(start_page())


class Farewell(VoilaShutdownKernelHandler):
    """Ends a page's kernel. Voila's own refuses the call that a browser makes when a page closes: it has no XSRF token.

    The cookie of the token is still asked for, and a kernel's number cannot be guessed.
    """

    def check_xsrf_cookie(self) -> None:
        """Not asked for."""


class Studio(Voila):
    """Voila with a start page of its own in place of the list of files."""

    def init_handlers(self) -> list[Any]:
        unused = (TornadoVoilaTreeHandler, VoilaContentsHandler)  # they list files
        handlers = [handler for handler in super().init_handlers() if handler[1] not in unused]
        farewell = [(path, Farewell) for path, kind, *_ in handlers if kind is VoilaShutdownKernelHandler]
        return [(self.server_url, Start), *farewell, *handlers]

    @property
    def address(self) -> str:
        """The start page's address, with the token."""
        return f"http://127.0.0.1:{self.port}{self.server_url}?token={self.identity_provider.token}"

    def launch_browser(self) -> None:
        print(f"The studio is open at\n\n    {self.address}\n\nCtrl-C ends it.", flush=True)
        if not self.quiet:
            threading.Thread(target=webbrowser.open, args=(self.address,), daemon=True).start()

    quiet = False  # True: print the address, open no browser


def write_notebooks(folder: Path, home: Path, pages: Mapping[str, Page] = PAGES) -> None:
    """One notebook a page. Widgets save their files in `home`."""
    for name, page in pages.items():
        head = nbformat.v4.new_markdown_cell(f"{LINK}\n\n# {page.title}\n\n{page.words}")
        code = (
            f"import os\nos.chdir({str(home)!r})\nfrom smis_widgets.studio.pages import PAGES\nPAGES[{name!r}].make()"
        )
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        cells = [head, nbformat.v4.new_code_cell(code)]
        notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "title": page.title})
        nbformat.write(notebook, folder / f"{name}.ipynb")


def settings(folder: Path, port: int, token: str | None) -> Config:
    """How Voila is set up. `token` None: a new one is made."""
    config = Config()
    config.Voila.ip, config.Voila.port, config.Voila.root_dir = "127.0.0.1", port, str(folder)
    config.Voila.open_browser = True  # `launch_browser` above
    if token is None:
        config.Voila.auto_token = True
    else:
        config.Voila.token = token
    config.Voila.log_level = "ERROR"
    config.VoilaConfiguration.strip_sources = True
    config.VoilaConfiguration.show_tracebacks = True  # what is wrong with the data or the installation is said here
    config.VoilaConfiguration.extension_denylist = OTHERS
    config.VoilaConfiguration.file_allowlist = ["$^"]  # no files: there are none to serve
    if sys.platform == "linux":
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
        studio.start()
