"""tools/install.py stamps only what works; tools/test.py counts and fails as pytest does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import install
from tools import test as runner


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A folder with a lock and a pyproject.toml, where commands are noted instead of run; returns the notes."""
    ran: list[list[str]] = []

    def note(command: list[str], trouble: str) -> None:
        ran.append(command)
        if "venv" in command:
            install.VENV.mkdir(exist_ok=True)

    (tmp_path / "requirements.lock").write_text("numpy==2.2.6\ntorch==2.13.0\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    venv = tmp_path / ".venv"
    for name, value in {
        "ROOT": tmp_path,
        "VENV": venv,
        "LOCK": tmp_path / "requirements.lock",
        "STAMP": venv / "smis-installed.txt",
        "run": note,
        "python_version": lambda _: sys.version_info[:3] if venv.exists() else None,
    }.items():
        monkeypatch.setattr(install, name, value)
    return ran


def test_the_second_install_does_nothing(checkout: list[list[str]]) -> None:
    install.install("default")
    assert [command[2] for command in checkout] == [
        "venv",
        "pip",
        "pip",
        "import torch, jupyterlab, smis, smis_widgets",
    ]
    checkout.clear()
    install.install("default")
    assert checkout == []


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_change_installs_again(name: str, checkout: list[list[str]]) -> None:
    install.install("default")
    checkout.clear()
    with open(install.ROOT / name, "a", encoding="utf-8") as file:
        file.write("# changed\n")
    install.install("default")
    assert any("requirements.lock" in command for command in checkout)
    assert not any("venv" in command for command in checkout), "a working .venv is kept"


def test_a_failed_install_is_not_stamped(checkout: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    install.install("default")
    install.LOCK.write_text("torch==2.13.1\n", encoding="utf-8")

    def fail(command: list[str], trouble: str) -> None:
        raise install.Problem(trouble)

    monkeypatch.setattr(install, "run", fail)
    with pytest.raises(install.Problem, match="run the same command again"):
        install.install("default")
    assert not install.STAMP.exists()


def test_the_cpu_build_has_its_own_step(checkout: list[list[str]]) -> None:
    install.install("cpu")
    (step,) = [command for command in checkout if "--index-url" in command]
    assert step[-1] == "torch==2.13.0"
    assert "--no-deps" in step


def test_a_python_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in [(3, 9, 18), (3, 14, 0)]:
        monkeypatch.setattr(install.sys, "version_info", version)
        with pytest.raises(install.Problem, match=r"this is Python 3\.(9|14) .*3\.10 to 3\.13 is needed"):
            install.check_this_python()


def test_a_python_without_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(install.Problem, match="apt install python3-venv"):
        install.check_this_python()


def test_the_runner_counts(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tests = tmp_path / "test_some.py"
    tests.write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): pytest.skip('no browser')\ndef test_c(): assert False\n",
        encoding="utf-8",
    )
    command = ["pytest", "-c", "/dev/null", "-p", "no:cacheprovider", str(tests)]
    outcome = runner.run(command, tmp_path / "report.xml")
    assert (outcome.ok, outcome.passed, outcome.failed) == (False, 1, 1)
    assert outcome.skipped == ("no browser",)
    assert "no browser" in capfd.readouterr().out
    table = runner.table([outcome])
    assert "FAILED" in table
    assert "SKIPPED 1 x: no browser" in table
    assert table.endswith("1 of 1 checks FAILED, 1 tests skipped")

    tests.write_text("def test_a(): pass\n", encoding="utf-8")
    outcome = runner.run(command, tmp_path / "report.xml")
    assert (outcome.ok, outcome.passed, outcome.failed, outcome.skipped) == (True, 1, 0, ())
    assert runner.table([outcome]).endswith("all 1 checks passed, 0 tests skipped")


def test_a_crash_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text("<testsuite><testcase/></testsuite>", encoding="utf-8")  # an earlier run's
    outcome = runner.run(["no_such_module"], tmp_path / "report.xml")
    assert (outcome.ok, outcome.passed) == (False, None)
