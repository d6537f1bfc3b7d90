"""How JupyterLab runs here. `tools/install.py` copies this file into `.venv/etc/jupyter`, where Jupyter finds it."""

import sys

from jupyter_core.paths import jupyter_runtime_dir

c = get_config()  # type: ignore[name-defined]  # noqa: F821, Jupyter gives it

# Nothing phones home: no news of the project, no question to PyPI for a newer JupyterLab or for extensions.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"

# Voila has its own server here, `make studio`. Inside JupyterLab's it writes `?theme=` into its page as it stands, so
# that a link on any website could run code as you.
c.ServerApp.jpserver_extensions = {"voila.server_extension": False, "voila": False}

# The login cookie is of no use to a page of another site.
c.IdentityProvider.cookie_options = {"samesite": "Lax"}

# A kernel's ports are open to all users of this machine: messages to it are signed, but its output can be read. Sockets
# in a folder of yours cannot. Their names may have 107 characters, 49 of them after the folder's.
if sys.platform == "linux" and len(jupyter_runtime_dir()) <= 55:
    c.KernelManager.transport = "ipc"
