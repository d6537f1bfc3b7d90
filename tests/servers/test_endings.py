"""However a server ends, its kernels end too, and what it wrote for the browser is gone."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.servers.attacks import prepare
from tests.servers.house import GUARD, lab, new_home, studio


@pytest.fixture
def listening() -> Iterator[None]:
    """Started by nohup or in the background, this process ignores these signals, and so would the servers it starts."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGHUP, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize(
    ("start", "ending"),
    [
        (studio, "SIGHUP"),
        (studio, "SIGTERM"),
        (studio, "SIGINT"),
        (studio, "SIGKILL"),
        (lab, "SIGHUP"),
        (lab, "SIGKILL"),
    ],
)
def test_nothing_is_left_running(start: Callable, ending: str, listening: None) -> None:
    with new_home() as home, start(home) as house:
        prepare(house)
        kernels = house.family()[1:]
        assert kernels
        house.server.send_signal(getattr(signal, ending))
        house.server.wait(30)
        gone, alive = psutil.wait_procs(kernels, timeout=30)
        assert not alive, f"after {ending} still there: {[process.cmdline() for process in alive]}"
        assert len(gone) == len(kernels)
        left = [path.name for path in (home / "tmp").iterdir() if path.name.startswith(("voila_", "smis-studio-"))]
        assert ending == "SIGKILL" or not left, f"folders are left: {left}"


def test_the_guard_stops_a_call_out_and_writes_it_down(tmp_path: Path) -> None:
    """Without this, `silence` could not fail. The address is one that nobody has (RFC 5737)."""
    code = """
import socket, urllib.request
for attempt in (lambda: socket.create_connection(("192.0.2.1", 80), 1), lambda: socket.getaddrinfo("pypi.org", 443),
                lambda: urllib.request.urlopen("https://example.org", timeout=1)):
    try: attempt()
    except OSError as error: assert "may not reach" in str(error), error
    else: raise SystemExit("it went through")
a = socket.socket(); a.bind(("127.0.0.1", 0)); a.listen(); socket.create_connection(a.getsockname(), 1).close()
"""
    env = {"PYTHONPATH": str(GUARD), "CALLS_OUT": str(tmp_path / "calls")}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert (tmp_path / "calls").read_text().count("\n") >= 3
