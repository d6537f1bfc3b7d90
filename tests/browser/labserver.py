"""JupyterLab on a free port of this machine, a Chromium to look at it, and the few things tests do in a notebook."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from playwright.sync_api import Playwright

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome")
PLACES = (
    "/usr/bin/chromium",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOW_TO_GET = (
    "no Chromium found. Install it (Debian: apt-get install chromium libatomic1; elsewhere Google Chrome, or "
    ".venv/bin/python -m playwright install --with-deps chromium), or set CHROMIUM to the path of its program."
)


def find_chromium(playwright: Playwright) -> str | None:
    """The browser's path: CHROMIUM, else a known name on the PATH, else a known place, else where
    `playwright install chromium` puts it."""
    given = os.environ.get("CHROMIUM")
    candidates = [given] if given else [*(shutil.which(n) for n in NAMES), *PLACES, playwright.chromium.executable_path]
    return next((c for c in candidates if c and Path(c).is_file()), None)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def jupyterlab(root: Path) -> Iterator[str]:
    """Run JupyterLab in the folder `root` with settings of its own; yields its address. Only this machine can reach it.

    Kernels see the repository's data and package wherever `root` lies.
    """
    port, home, programs = free_port(), Path(tempfile.mkdtemp(prefix="lab-")), Path(sys.executable).parent
    env = dict(
        os.environ,
        JUPYTER_CONFIG_DIR=str(home / "config"),
        JUPYTER_DATA_DIR=str(home / "data"),
        JUPYTER_RUNTIME_DIR=str(home / "run"),
        JUPYTERLAB_SETTINGS_DIR=str(home / "settings"),
        JUPYTERLAB_WORKSPACES_DIR=str(home / "workspaces"),
        IPYTHONDIR=str(home / "ipython"),
        PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
    )
    env.setdefault("SMIS_DATA", str(ROOT / "data"))
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    page = home / "config" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True)
    # Without this a question about news covers a corner of the page.
    page.write_text(json.dumps({"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}))
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        "--ServerApp.password=",
        "--ServerApp.disable_check_xsrf=True",
        f"--ServerApp.root_dir={root}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with open(home / "log.txt", "w") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        await_server(server, address, home / "log.txt")
        yield address
    finally:
        server.terminate()  # the server then ends its kernels
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)


def await_server(server: subprocess.Popen, address: str, log: Path, seconds: float = 90) -> None:
    """Return when the server answers; RuntimeError with its log when it ends or stays silent."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start in {seconds:.0f} s. Its log:\n{log.read_text()[-3000:]}")


def open_notebook(page: Any, address: str, name: str, fresh: bool = True, seconds: float = 90) -> None:
    """Open a notebook in JupyterLab and wait for its kernel. `fresh` forgets the layout of an earlier visit."""
    page.set_default_timeout(seconds * 1000)
    page.goto(f"{address}/lab/tree/{name}{'?reset' if fresh else ''}")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function("""async () => {
        const lab = window.jupyterapp, panel = lab?.shell.currentWidget;
        if (!panel?.context) return false;
        await panel.context.ready; await panel.sessionContext.ready;
        return panel.sessionContext.session?.kernel?.connectionStatus === 'connected'; }""")


def write_notebook(path: Path, *sources: str) -> None:
    """A notebook with these code cells, not run."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)


def reload_notebook(page: Any, address: str, name: str) -> None:
    """Save, reload the page, and come back to the same notebook with its running kernel."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.wait_for_timeout(1000)
    page.reload()
    open_notebook(page, address, name, fresh=False)


def go_dark(page: Any) -> None:
    """JupyterLab's dark theme."""
    page.evaluate("() => window.jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'})")
    page.wait_for_timeout(1500)


def run_all(page: Any) -> None:
    """Run every cell; returns at once."""
    page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")


def pixels(canvas: Any) -> np.ndarray:
    """What a canvas on the page really shows: uint8 (H, W, 4)."""
    width, height, data = canvas.evaluate("""c => {
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let s = '';
        for (let i = 0; i < d.length; i += 32768) s += String.fromCharCode(...d.subarray(i, i + 32768));
        return [c.width, c.height, btoa(s)]; }""")
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)


def finished(page: Any, seconds: float = 180) -> None:
    """Wait until every code cell has run; AssertionError with the message when one failed."""
    page.wait_for_function(
        """() => {
        const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(c => c.model.type === 'code');
        const out = cells.flatMap(c => c.model.sharedModel.outputs);
        return out.some(o => o.output_type === 'error') || cells.every(c => c.model.executionCount !== null
            && c.model.executionState !== 'running'); }""",
        timeout=seconds * 1000,
    )
    errors = page.evaluate("""() => window.jupyterapp.shell.currentWidget.content.widgets
        .flatMap(c => c.model.type === 'code' ? c.model.sharedModel.outputs : [])
        .filter(o => o.output_type === 'error').map(o => `${o.ename}: ${o.evalue}`)""")
    assert not errors, f"a cell of the notebook failed: {errors}"


def find_cell(page: Any, text: str) -> None:
    """Scroll to the code cell that contains `text`, as a reader would: what is far away is not on the page at all."""
    page.evaluate(
        """async text => {
        const notebook = window.jupyterapp.shell.currentWidget.content;
        const index = notebook.widgets.findIndex(
            c => c.model.type === 'code' && c.model.sharedModel.source.includes(text));
        notebook.activeCellIndex = index;
        await notebook.scrollToItem(index, 'start'); }""",
        text,
    )
    page.wait_for_timeout(500)
