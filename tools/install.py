"""Make `.venv` and install the locked set and this project into it.

    python3 tools/install.py [--torch cpu] [--here]

Needs nothing but Python itself, so `make` calls it on Linux and macOS, and Windows users call it by hand. A
second call ends at once: a finished install leaves a stamp, which holds a digest of all that decides it.
Each file that pip fetches must have one of the sha256 sums in the locks, and must be a wheel, so that nothing
of it runs during the installation. The one exception is PyTorch's CPU build, see SECURITY.md.
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
# What PyTorch's CUDA build needs on top; PyPI's torch for Linux is that build.
CUDA_LOCK = ROOT / "requirements-cuda.lock"
STAMP = "smis-installed.txt"
# JupyterLab's first words would be a question about its own news, in the corner over the course. Voila's button would
# lead nowhere: LAB_CONFIG says why.
OFF = """{"disabledExtensions": {
  "@jupyterlab/apputils-extension:announcements": true, "@voila-dashboards/jupyterlab-preview": true
}}
"""
LAB_CONFIG = ROOT / "tools" / "jupyter_server_config.py"
OLDEST, NEWEST = (3, 10), (3, 13)
# PyTorch's own index of CPU builds, used only when asked for.
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

WRONG_SUM = """a downloaded file is not the one that was tested: its sha256 sum is not in the lock (see above:
         'Expected' is the lock's sum, 'Got' the file's). It was not installed.
         A download that broke off, or a proxy that changes files, can be the cause: set PIP_NO_CACHE_DIR=1 and
         run the same command again. If it stays, do not go around it: tell the maintainers which file it was."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Make .venv and install the locked set and this project.")
    parser.add_argument(
        "--torch",
        choices=("default", "cpu"),
        default="default",
        help="cpu: take PyTorch from its own index of CPU builds (much smaller on Linux)",
    )
    parser.add_argument(
        "--here", action="store_true", help="install into the environment that runs this (conda, Binder), not .venv"
    )
    args = parser.parse_args()
    try:
        install(args.torch, args.here)
    except Problem as problem:
        print(f"\ninstall: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninstall: stopped; run it again to go on", file=sys.stderr)
        return 130
    return 0


class Problem(Exception):
    """Something the user can mend; its text says how."""


def install(torch: str, here: bool = False) -> None:
    """Bring `.venv`, or the running environment, up to date with the locks; raises Problem when it cannot."""
    if here:
        check_this_python()
        python, prefix, version = Path(sys.executable), Path(sys.prefix), tuple(sys.version_info[:3])
    else:
        python, prefix, version = venv_python(), VENV, make_venv()
    stamp = prefix / STAMP
    digest = wanted(version)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
        return
    if stamp.exists():
        stamp.unlink()
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    say("installing the locked packages; the first time this takes some minutes")
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    pin = next(line.split()[0] for line in lines if line.startswith("torch=="))
    if torch == "cpu":
        run([*pip, "--no-deps", "--index-url", CPU_INDEX, pin], "PyTorch's CPU build failed")
    again = "installing the packages failed: read the lines above, then run the same command again"
    locks = ["-r", LOCK.name]
    if sys.platform.startswith("linux") and not has_special_torch(python, pin):
        locks += ["-r", CUDA_LOCK.name]
    run([*pip, "--require-hashes", "--only-binary", ":all:", *locks], again)
    run([*pip, "--no-deps", "--no-build-isolation", "-e", "."], again)
    run(
        [str(python), "-c", "import torch, jupyterlab, smis, smis_widgets"],
        "the installed packages fail to import",
    )
    jupyter = prefix / "etc" / "jupyter"
    write(jupyter / "labconfig" / "page_config.json", OFF)
    write(jupyter / LAB_CONFIG.name, LAB_CONFIG.read_text(encoding="utf-8"))
    write(stamp, digest)
    say("done")


def make_venv() -> "tuple[int, ...]":
    """Make `.venv` unless a working one is there; the version of its Python."""
    version = python_version(venv_python())
    if version is None:
        check_this_python()
        say(f"making .venv with Python {'.'.join(map(str, sys.version_info[:3]))}")
        trouble = f"making .venv failed, see above: {ROOT} must be a folder that you can write to, with some GB free"
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], trouble)
        version = python_version(venv_python())
        if version is None:
            raise Problem(".venv was made, but its Python does not start; `make clean`, then try again")
    elif version[:2] != sys.version_info[:2]:
        say(f"keeping .venv with its Python {'.'.join(map(str, version))}; `make clean` first to change it")
    return version


def has_special_torch(python: Path, pin: str) -> bool:
    """Whether the locked version of torch is there as a build of its own, such as 2.13.0+cpu, which PyPI lacks."""
    code = "import importlib.metadata; print('torch==' + importlib.metadata.version('torch'))"
    try:
        out = subprocess.check_output([str(python), "-c", code], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return False
    return out.decode().startswith(pin + "+")


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
    for file in (LOCK, CUDA_LOCK, LAB_CONFIG, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest() + "\n"


def run(command: "list[str]", trouble: str) -> None:
    """Run one command in the repository; raises Problem with `trouble`, or about a wrong sum, when it fails."""
    with subprocess.Popen(
        command, cwd=str(ROOT), stderr=subprocess.PIPE, universal_newlines=True, errors="replace"
    ) as process:
        assert process.stderr is not None
        errors = ""
        for line in process.stderr:
            print(line, end="", file=sys.stderr, flush=True)
            errors += line
    if process.returncode == 0:
        return
    raise Problem(WRONG_SUM if "DO NOT MATCH THE HASHES" in errors else trouble)


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
