"""Make `.venv` and install the locked set and this project into it.

    python3 tools/install.py [--torch cpu]

Needs nothing but Python itself, so `make` calls it on Linux and macOS, and Windows users call it by hand. A
second call ends at once: a finished install leaves a stamp, which holds a digest of all that decides it.
Written so that an old Python can still read it and say that it is too old.
"""

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / "smis-installed.txt"
# JupyterLab's first words would be a question about its own news, in the corner over the course.
NO_NEWS = '{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}\n'
OLDEST, NEWEST = (3, 10), (3, 13)
# PyTorch's own index of CPU builds, used only when asked for.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main() -> int:
    parser = argparse.ArgumentParser(description="Make .venv and install the locked set and this project.")
    parser.add_argument(
        "--torch",
        choices=("default", "cpu"),
        default="default",
        help="cpu: take PyTorch from its own index of CPU builds (much smaller on Linux)",
    )
    args = parser.parse_args()
    try:
        install(args.torch)
    except Problem as problem:
        print(f"\ninstall: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninstall: stopped; run it again to go on", file=sys.stderr)
        return 130
    return 0


class Problem(Exception):
    """Something the user can mend; its text says how."""


def install(torch: str) -> None:
    """Bring `.venv` up to date with the lock and pyproject.toml; raises Problem when it cannot."""
    python = venv_python()
    version = python_version(python)
    if version is None:
        check_this_python()
        say(f"making .venv with Python {'.'.join(map(str, sys.version_info[:3]))}")
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], "making .venv failed")
        version = python_version(python)
        if version is None:
            raise Problem(".venv was made, but its Python does not start; `make clean`, then try again")
    elif version[:2] != sys.version_info[:2]:
        say(f"keeping .venv with its Python {'.'.join(map(str, version))}; `make clean` first to change it")

    digest = wanted(version)
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == digest:
        return
    if STAMP.exists():
        STAMP.unlink()
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    say("installing the locked packages; the first time this takes some minutes")
    if torch == "cpu":
        lines = LOCK.read_text(encoding="utf-8").splitlines()
        pin = next(line.split()[0] for line in lines if line.startswith("torch=="))
        run([*pip, "install", "--no-deps", "--index-url", CPU_INDEX, pin], "PyTorch's CPU build failed")
    again = "installing the packages failed: read the lines above, then run the same command again"
    run([*pip, "install", "-r", LOCK.name], again)
    run([*pip, "install", "--no-deps", "--no-build-isolation", "-e", "."], again)
    run(
        [str(python), "-c", "import torch, jupyterlab, smis, smis_widgets"],
        "the installed packages fail to import",
    )
    write(VENV / "etc" / "jupyter" / "labconfig" / "page_config.json", NO_NEWS)
    write(STAMP, digest)
    say("done")


def venv_python() -> Path:
    """The path of the environment's Python, whether it exists or not."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def python_version(python: Path) -> "tuple[int, ...] | None":
    """(major, minor, micro) of a working environment with pip that we support; None if there is none."""
    code = "import sys, pip; print(*sys.version_info[:3])"
    try:
        out = subprocess.check_output([str(python), "-c", code], stderr=subprocess.DEVNULL)
        version = tuple(int(part) for part in out.split())
    except (OSError, subprocess.CalledProcessError, ValueError):
        return None
    return version if OLDEST <= version[:2] <= NEWEST else None


def check_this_python() -> None:
    """Raise Problem unless the running Python can make the environment."""
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        usable = next((name for name in names if works(name)), None)
        hint = f"make lab PYTHON={usable}" if usable else "install Python 3.12, then: make lab PYTHON=python3.12"
        raise Problem(
            f"this is Python {version[0]}.{version[1]} ({sys.executable}), but Python "
            f"{OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]} is needed.\n         Try: {hint}"
        )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise Problem(
            "this Python has no working 'venv' module.\n         Debian and Ubuntu: "
            "sudo apt install python3-venv, then run the same command again"
        )


def works(name: str) -> bool:
    """Whether a Python of this name is on the PATH and starts."""
    if shutil.which(name) is None:
        return False
    return subprocess.call([name, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def wanted(version: "tuple[int, ...]") -> str:
    """A digest of everything that decides what is installed."""
    digest = hashlib.sha256(repr((str(ROOT), version)).encode())
    for file in (LOCK, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest() + "\n"


def run(command: "list[str]", trouble: str) -> None:
    """Run one command in the repository; raises Problem with `trouble` when it fails."""
    if subprocess.call(command, cwd=str(ROOT)) != 0:
        raise Problem(trouble)


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(str(temporary), str(path))


def say(text: str) -> None:
    print(f"[install] {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
