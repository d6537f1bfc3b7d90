"""`smis doctor`: sound here, and each thing that can be missing is named with its fix."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import smis.environment
from smis.cli import main
from smis.environment import NEEDED, Fact, examine_environment, table
from tests.unit.test_packaging import direct


def facts() -> dict[str, Fact]:
    return {fact.name: fact for fact in examine_environment()}


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """What is installed, to be changed by a test."""
    pretended: dict[str, str | None] = {}
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name in pretended:
            if pretended[name] is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return str(pretended[name])
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    return pretended


@pytest.fixture
def labextensions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder in which JupyterLab finds the JavaScript of both packages."""
    for name in ("@jupyter-widgets/jupyterlab-manager", "ipycanvas"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "package.json").write_text(json.dumps({"version": importlib.metadata.version("ipycanvas")}))
    monkeypatch.setattr(smis.environment, "labextension_folders", lambda: [tmp_path])
    return tmp_path


def test_the_environment_of_the_tests_is_sound(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SMIS_CACHE", str(tmp_path / "cache"))
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    for name in ("python", "torch", "device", "ipycanvas in JupyterLab", "data", "cache"):
        assert f"   {name} " in shown
    assert "!!" not in shown


def test_it_asks_for_what_pyproject_asks_for() -> None:
    """The same packages and ranges: a new requirement must be known to the doctor."""
    for part, packages in NEEDED.items():
        wanted = {
            (r.name, frozenset(s.version for s in r.specifier if s.operator in (">=", "=="))) for r in needed(part)
        }
        assert wanted == {(name, frozenset([oldest])) for name, oldest, _ in packages}, part
        below = {r.name: s.version for r in needed(part) for s in r.specifier if s.operator == "<"}
        assert below == {name: too_new for name, _, too_new in packages if too_new}, part


def needed(part: str) -> list[Requirement]:
    return [requirement for requirement in direct(part or None) if requirement.name != "filelock"]


def test_a_missing_package(versions: dict[str, str | None], capsys: pytest.CaptureFixture[str]) -> None:
    versions["ipycanvas"] = None
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "!! ipycanvas                            missing" in shown
    assert "fix: make lab, or pip install 'smis[lab]' (it is needed for the notebooks; 0.14 or newer" in shown


@pytest.mark.parametrize(
    ("package", "version", "said"),
    [
        ("torch", "2.5.1+cu121", "2.5.1+cu121, wanted: 2.6 or newer"),
        ("ipycanvas", "0.15.0", "older than 0.15"),
        ("ipywidgets", "7.8.1", "wanted: 8.1.5 or newer, older than 9"),
        ("ipykernel", "7.0.0", "wrong cell"),
        ("jupyterlab", "5.0.0a1", "older than 5"),
    ],
)
def test_a_wrong_version(versions: dict[str, str | None], package: str, version: str, said: str) -> None:
    versions[package] = version
    fact = facts()[package]
    assert not fact.ok
    assert said in fact.value
    assert fact.fix


@pytest.mark.parametrize("version", ["2.13.0+cpu", "2.6.0", "3.0.0rc1"])
def test_a_good_version(versions: dict[str, str | None], version: str) -> None:
    versions["torch"] = version
    assert facts()["torch"].ok


def test_the_front_end(labextensions: Path) -> None:
    assert facts()["ipycanvas in JupyterLab"].ok
    (labextensions / "ipycanvas" / "package.json").write_text('{"version": "0.13.3"}')
    fact = facts()["ipycanvas in JupyterLab"]
    assert not fact.ok
    assert "0.13.3" in fact.value
    assert "stay blank" in fact.value
    assert str(labextensions / "ipycanvas") in fact.fix
    assert "-m jupyterlab" in fact.fix


def test_a_broken_front_end(labextensions: Path) -> None:
    (labextensions / "ipycanvas" / "package.json").write_text("{")
    assert "unreadable" in facts()["ipycanvas in JupyterLab"].value
    assert not facts()["ipycanvas in JupyterLab"].ok


@pytest.mark.parametrize("version", ["1.1.7", None])
def test_the_widget_manager_of_another_generation(versions: dict[str, str | None], version: str | None) -> None:
    versions["jupyterlab_widgets"] = version
    fact = facts()["jupyterlab_widgets"]
    assert not fact.ok
    assert "does not go with ipywidgets 8" in fact.value
    assert "'jupyterlab_widgets==3.*'" in fact.fix


def test_no_front_end(labextensions: Path) -> None:
    for path in labextensions.rglob("package.json"):
        path.unlink()
    for name in ("ipycanvas in JupyterLab", "jupyterlab_widgets in JupyterLab"):
        fact = facts()[name]
        assert not fact.ok
        assert "show as text" in fact.value
        assert "pip install --force-reinstall --no-deps" in fact.fix


def test_torch_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    fact = facts()["device"]
    assert not fact.ok
    assert "cannot be imported" in fact.value


def test_a_card_that_torch_cannot_use(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/nvidia-smi" if name == "nvidia-smi" else None)
    fact = facts()["device"]
    assert not fact.ok
    assert "CPU build" in fact.value
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert facts()["device"].ok


def test_an_old_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    assert not facts()["python"].ok
    assert "3.10 to 3.13" in facts()["python"].fix


def test_no_data_and_no_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMIS_DATA", str(tmp_path / "nowhere"))
    assert not facts()["data"].ok
    assert "Set SMIS_DATA" in facts()["data"].fix
    monkeypatch.setenv("SMIS_DATA", str(tmp_path))
    assert "0 archives" in facts()["data"].value
    monkeypatch.setenv("SMIS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert not facts()["cache"].ok
    assert "cannot be written to" in facts()["cache"].value
    root = Path(smis.environment.__file__).parents[1]
    monkeypatch.setenv("SMIS_CACHE", str(root / "cache"))
    assert "must not lie in the repository" in facts()["cache"].fix


def test_the_table_marks_what_is_wrong() -> None:
    shown = table([Fact("a", "1"), Fact("b", "missing", False, "install b")])
    assert [line.split() for line in shown.splitlines()] == [
        ["a", "1"],
        ["!!", "b", "missing"],
        ["fix:", "install", "b"],
    ]
