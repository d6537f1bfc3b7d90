"""pyproject.toml (ranges), the locks (pins, sums) and environment.yml agree; the packages hold what they need."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def read_lock(name: str) -> dict[str, list[str]]:
    """The text of each pin of a lock, and the options that follow it: one sum in each further line."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line.split("#")[0].split() for line in text.splitlines()]
    entries = [(" ".join(w for w in words if not w.startswith("--")), words) for words in lines if words]
    return {pin: [word for word in words if word.startswith("--")] for pin, words in entries}


LOCK, CUDA_LOCK = read_lock("requirements.lock"), read_lock("requirements-cuda.lock")
PINS = [Requirement(line) for line in LOCK]
CUDA_PINS = [Requirement(line) for line in CUDA_LOCK]

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
MACHINES = [
    {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        **system,
    }
    for python, system in itertools.product(PYTHONS, SYSTEMS.values())
]
NAMES = [f"{python}-{system}" for python, system in itertools.product(PYTHONS, SYSTEMS)]


def applies(requirement: Requirement, machine: dict[str, str] | None = None) -> bool:
    """Whether a requirement counts on a machine (default: this one)."""
    return requirement.marker is None or requirement.marker.evaluate({"extra": "", **(machine or {})})


def version_of(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    assert specifier.operator == "==", pin
    assert "*" not in specifier.version, pin
    return specifier.version


def locked(machine: dict[str, str] | None = None) -> dict[str, str]:
    """name -> version of the pins that count on a machine; a name must not be pinned twice."""
    pins = [(canonicalize_name(pin.name), version_of(pin)) for pin in PINS if applies(pin, machine)]
    assert len(pins) == len(dict(pins)), f"pinned twice: {pins}"
    return dict(pins)


def direct(extra: str | None = None) -> Iterator[Requirement]:
    """The requirements of the project or of one extra, with `smis[...]` spelled out."""
    for text in EXTRAS[extra] if extra else PROJECT["dependencies"]:
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) == "smis":
            for inner in sorted(requirement.extras):
                yield from direct(inner)
        else:
            yield requirement


# --- the three files agree --------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", MACHINES, ids=NAMES)
@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_every_range_holds_its_pin(extra: str | None, machine: dict[str, str]) -> None:
    pins = locked(machine)
    for requirement in direct(extra):
        if applies(requirement, machine):
            name = canonicalize_name(requirement.name)
            assert name in pins, f"{name} is required by {extra or 'the project'} but not locked"
            assert requirement.specifier.contains(pins[name]), f"{requirement} does not hold {pins[name]}"


def test_dev_is_everything() -> None:
    others = {str(requirement) for extra in EXTRAS if extra != "dev" for requirement in direct(extra)}
    assert {str(requirement) for requirement in direct("dev")} == others


@pytest.mark.parametrize("lock", [LOCK, CUDA_LOCK], ids=["requirements.lock", "requirements-cuda.lock"])
def test_a_lock_has_plain_pins_with_their_sums(lock: dict[str, list[str]]) -> None:
    assert lock
    for pin, sums in lock.items():
        assert re.fullmatch(r"[a-z0-9._-]+==[^ ;]+( ; .+)?", pin), f"not a plain pin: {pin}"
        assert sums, f"{pin} has no sum"
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", text) for text in sums), f"{pin}: {sums}"


def test_the_lock_holds_for_every_build_of_torch() -> None:
    (torch,) = [pin for pin in PINS if pin.name == "torch"]
    assert str(torch) == "torch==2.13.0"
    names = {pin.name for pin in PINS}
    assert "torchvision" not in names
    assert not [name for name in names if re.match(r"nvidia|cuda|triton", name)]


@pytest.mark.parametrize("machine", MACHINES, ids=NAMES)
def test_the_cuda_lock_adds_to_the_lock_on_linux(machine: dict[str, str]) -> None:
    added = [pin.name for pin in CUDA_PINS if applies(pin, machine)]
    assert len(added) == len(set(added)), "pinned twice"
    assert not set(added) & set(locked(machine)), "pinned in both locks"
    assert bool(added) == (machine["sys_platform"] == "linux")


def test_the_bad_ipykernel_is_out() -> None:
    (kernel,) = [requirement for requirement in direct("lab") if requirement.name == "ipykernel"]
    assert not kernel.specifier.contains("7.0.0")


def test_nothing_is_locked_that_nothing_needs() -> None:
    """What the extra `dev` reaches through the installed packages is what the lock pins: no less, no more.

    torch counts with the requirements that pyproject.toml states for it: a CUDA build has more.
    """
    (torch,) = PYPROJECT["tool"]["uv"]["dependency-metadata"]
    reached: set[tuple[str, frozenset[str]]] = set()
    todo = [requirement for requirement in [*direct(), *direct("dev")] if applies(requirement)]
    while todo:
        requirement = todo.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in reached:
            continue
        reached.add((name, extras))
        texts = torch["requires-dist"] if name == "torch" else importlib.metadata.requires(name) or []
        for inner in map(Requirement, texts):
            if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in ["", *extras]):
                todo.append(inner)
    assert {name for name, _ in reached} == set(locked())


def test_the_environment_file() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert set(environment) == {"name", "channels", "dependencies"}
    assert environment["name"] == "smis"
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    python, pip = environment["dependencies"]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python=") + ".0")
    assert pip == "pip"


def test_conda_and_binder_take_the_lock_by_the_installer() -> None:
    """Only it knows which locks apply and that sums are checked; pip would not check them in a mixed list."""
    assert "\npython tools/install.py --here" in (ROOT / ".binder" / "postBuild").read_text(encoding="utf-8")
    assert sorted(path.name for path in (ROOT / ".binder").iterdir()) == ["postBuild", "runtime.txt", "start"]
    assert "\npython tools/install.py --here\n" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_python_versions_are_stated_alike() -> None:
    from tools import install

    supported = SpecifierSet(PROJECT["requires-python"])
    inside = [f"3.{minor}" for minor in range(20) if supported.contains(f"3.{minor}.0")]
    assert inside == PYTHONS
    assert inside == [f"3.{minor}" for minor in range(install.OLDEST[1], install.NEWEST[1] + 1)]
    assert PYPROJECT["tool"]["ruff"]["target-version"] == "py" + PYTHONS[0].replace(".", "")


# --- the packages -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The project as a wheel, built beside the tree, not in it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("smis", "smis_widgets", "tests", "tools"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        target,
    ]
    subprocess.run([*command, source], check=True)
    (built,) = target.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_code_types_and_data(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    tree = {
        path.relative_to(ROOT).as_posix()
        for package in ("smis", "smis_widgets")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == tree
    assert {"smis/py.typed", "smis_widgets/py.typed", "smis/synth/body.npz"} <= held


def test_the_wheel_has_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    (points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert "smis = smis.cli:main" in wheel.read(points).decode()
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_smis_imports_no_display_package() -> None:
    code = "import sys, smis, smis.cli; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).split()
    assert "smis.cli" in loaded
    assert not {"smis_widgets", "ipywidgets", "matplotlib", "torch"} & set(loaded)


@pytest.mark.skipif(os.name == "nt", reason="no make on Windows")
def test_make_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert sorted(targets) == sorted(phony.split())
    shown = subprocess.check_output(["make", "help"], cwd=ROOT, text=True)
    for target in targets:
        assert re.search(rf"^  make {target} +\w+", shown, re.MULTILINE), f"make help says nothing of {target}"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no executable bit")
def test_the_ci_script_runs() -> None:
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True)
